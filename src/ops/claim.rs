//! Claim a namespace: create it, prove it ours, and make sure that it is usable.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{Error, Result};
use super::{Say, dispatch};
use crate::chain::build::{Build, Map, NotABuild, Phase, Told};
use crate::chain::claim::{Marks, NAMES_TRIED, Standing, Whose, judge, marked};
use crate::chain::rights::{self, Added, There};
use crate::chain::{names, wire};
use crate::cluster::objects::{Meta, NamespaceObject};
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Create, Proof, Query};

/// What is to be claimed.
#[derive(Debug, Clone)]
pub struct Claim {
    /// What names and owner are derived from: the chain's seed, or a random one for a bare claim.
    pub seed: Uuid,
    /// The chain's uuid; a random one for a bare claim.
    pub chain_uuid: String,
    /// The chain label.
    pub chain: String,
    /// The generation; 0 for a bare claim.
    pub generation: u64,
    /// Prefix of the name.
    pub prefix: String,
    /// Labels on top of ours (Pod Security, those that the pipeline's Namespace document lends).
    pub labels: Map,
    /// What it is lent, as the right to it is named.
    pub lent: String,
    /// The keys that webhooks put on it.
    pub added: Added,
    /// Annotations on top of ours.
    pub annotations: Map,
    /// When it is claimed.
    pub now: Timestamp,
}

/// A namespace that is proved ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// Its name.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Whether this call created it; otherwise an earlier try, or another that repeats the same claim, did.
    pub created: bool,
}

impl Claim {
    /// A claim that belongs to no chain: nobody can repeat it. `added`: the keys that webhooks put on namespaces.
    pub fn bare(prefix: &str, added: Added, now: Timestamp) -> Self {
        Self {
            seed: Uuid::new_v4(),
            chain_uuid: Uuid::new_v4().to_string(),
            chain: wire::CLAIM_CHAIN.to_owned(),
            generation: 0,
            prefix: prefix.to_owned(),
            labels: Map::new(),
            lent: rights::lent(&Map::new(), &Map::new()),
            added,
            annotations: Map::new(),
            now,
        }
    }

    /// The owner uuid that proves this claim.
    pub fn owner(&self) -> String {
        names::owner(self.seed, self.generation).to_string()
    }

    fn marks(&self) -> Marks<'_> {
        Marks {
            chain: &self.chain,
            chain_uuid: &self.chain_uuid,
            generation: self.generation,
            labels: &self.labels,
        }
    }

    fn judge(&self, there: &Meta) -> Whose {
        judge(standing_of(there), self.marks(), &self.owner())
    }

    /// The Namespace to create.
    pub fn namespace(&self, name: &str) -> Value {
        let mut labels = self.labels.clone();
        let mut annotations = self.annotations.clone();
        labels.extend([
            (wire::MANAGED_BY.to_owned(), wire::MANAGED_BY_VALUE.to_owned()),
            (wire::CHAIN.to_owned(), self.chain.clone()),
            (wire::PHASE.to_owned(), Phase::Claimed.to_string()),
        ]);
        annotations.extend([
            (wire::OWNER.to_owned(), self.owner()),
            (wire::CHAIN_UUID.to_owned(), self.chain_uuid.clone()),
            (wire::GENERATION.to_owned(), self.generation.to_string()),
            (wire::PREFIX.to_owned(), self.prefix.clone()),
            (wire::LENT.to_owned(), self.lent.clone()),
            (Phase::Claimed.time_key(), self.now.to_string()),
        ]);
        if !self.added.is_empty() {
            annotations.insert(wire::ADDED.to_owned(), self.added.name());
        }
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": { "name": name, "labels": labels, "annotations": annotations },
        })
    }
}

fn standing_of(meta: &Meta) -> Standing<'_> {
    Standing {
        labels: &meta.labels,
        annotations: &meta.annotations,
        terminating: meta.deletion_timestamp.is_some(),
    }
}

/// Claims a namespace.
///
/// First a quorum list by chain: what is ours is taken, since names that were skipped earlier may be free by now and the
/// walk alone would claim twice. Then plain creates along the derived names; what is in the way is judged. Last a fresh
/// read validates all marks, uid and that it is not Terminating.
///
/// # Errors
/// Cluster errors; [`Error::Ownership`] where all tried names are taken, or somebody took the namespace meanwhile.
pub async fn claim(cluster: &Cluster, claim: &Claim, say: Say<'_>) -> Result<Claimed> {
    if claim.generation > 0
        && let Some(claimed) = standing(cluster, claim).await?.into_iter().next()
    {
        return Ok(claimed);
    }
    walk(cluster, claim, say).await
}

/// Claims a namespace for a person, who may use it and dispose of it from then on.
///
/// # Errors
/// As [`claim`] and [`usable`].
pub async fn bare(cluster: &Cluster, claim: &Claim, bound: Duration, say: Say<'_>) -> Result<Claimed> {
    let claimed = self::claim(cluster, claim, say).await?;
    let there = There { chain: &claim.chain, namespace: &claimed.namespace, uid: &claimed.uid };
    let wanted = [
        Access::to("create", &kind::DEPLOYMENTS, Some(there.namespace)),
        Access::to("delete", &kind::NAMESPACES, Some(there.namespace)),
    ];
    if let Some(binding) = dispatch::bind_person_for(cluster, &there, &wanted).await? {
        dispatch::create(cluster, &binding).await?;
    }
    usable(cluster, &claimed.namespace, bound, say).await?;
    Ok(claimed)
}

/// Creates the namespace under the first derived name that is free.
pub(super) async fn walk(cluster: &Cluster, claim: &Claim, say: Say<'_>) -> Result<Claimed> {
    let owner = claim.owner();
    let mut in_the_way = Vec::new();
    for name in names::sequence(claim.seed, claim.generation, &claim.prefix).take(NAMES_TRIED) {
        let ours = |live: &Value| live["metadata"]["annotations"][wire::OWNER] == owner.as_str();
        let how = Create { proof: Proof::By(&ours), ..Create::default() };
        let object = claim.namespace(&name);
        let created = match cluster.create::<NamespaceObject>(&kind::NAMESPACES, None, &object, &how).await {
            Ok(_) => true,
            Err(error) if error.is_already_exists() => false,
            Err(error) => return Err(error.into()),
        };
        let Some(there) = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &name).await? else {
            // it was in the way and is gone by now; the next name is as good
            continue;
        };
        match claim.judge(&there.metadata) {
            Whose::Ours => {
                return Ok(Claimed { namespace: name, uid: there.metadata.uid, created });
            }
            Whose::OursTerminating => {
                say(&format!("namespace {name} is ours but Terminating; taking the next name"));
            }
            Whose::Foreign if created => {
                return Err(Error::ownership(
                    format!("namespace {name} was taken from us between its creation and the check of it"),
                    "have whoever or whatever deletes or relabels namespaces in this cluster (a webhook, a syncer) spare it, then run it again",
                ));
            }
            Whose::Foreign => in_the_way.push(occupant(&there.metadata)),
        }
    }
    Err(Error::ownership(
        format!(
            "the first {NAMES_TRIED} names {}-… are all taken: {}",
            claim.prefix,
            in_the_way.iter().take(OCCUPANTS_SHOWN).cloned().collect::<Vec<_>>().join(", ")
        ),
        "names that nobody can guess do not collide so often: look who makes namespaces here, and whether a webhook \
         changes what they carry",
    ))
}

/// So many of those that are in the way are named.
const OCCUPANTS_SHOWN: usize = 5;

/// Who sits under a name: `ci-bold-curie (of chain other)`.
fn occupant(meta: &Meta) -> String {
    let whose = match meta.labels.get(wire::CHAIN) {
        Some(chain) => format!("of chain {chain}"),
        None => "of no chain".to_owned(),
    };
    format!("{} ({whose})", meta.name)
}

/// The namespaces that are the claim's and not Terminating, by name. More than one there are only where
/// two walked at the same time past a name that became free in between.
pub(super) async fn standing(cluster: &Cluster, claim: &Claim) -> Result<Vec<Claimed>> {
    let query = Query::labels(format!("{}={}", wire::CHAIN, claim.chain));
    let list = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &query).await?;
    let mut ours: Vec<Claimed> = list
        .items
        .into_iter()
        .map(|namespace| namespace.metadata)
        .filter(|meta| claim.judge(meta) == Whose::Ours)
        .map(|meta| Claimed { namespace: meta.name, uid: meta.uid, created: false })
        .collect();
    ours.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    Ok(ours)
}

/// Whether this very namespace is there, carries the claim's marks, and is not on its way out. A head that was edited by
/// hand may name any namespace of the cluster. The owner uuid is not asked for: what is settled is proved by its uid, also
/// where the seed that it came from is lost.
pub(super) async fn stands(cluster: &Cluster, claim: &Claim, namespace: &str, uid: &str) -> Result<bool> {
    let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
    Ok(found.is_some_and(|found| {
        let meta = &found.metadata;
        meta.uid == uid && meta.deletion_timestamp.is_none() && marked(standing_of(meta), claim.marks())
    }))
}

/// What is waited for longer than this is said.
const SAID_AFTER: Duration = Duration::from_secs(2);

/// Waits until the fresh namespace has its default ServiceAccount, without which no pod starts in it.
///
/// # Errors
/// [`Error::Timeout`] after `bound`.
pub async fn usable(cluster: &Cluster, namespace: &str, bound: Duration, say: Say<'_>) -> Result<()> {
    let begun = tokio::time::Instant::now();
    let mut said = false;
    loop {
        let account = cluster.get::<Value>(&kind::SERVICE_ACCOUNTS, Some(namespace), "default").await;
        match account {
            Ok(Some(_)) => return Ok(()),
            // our binding in it may take some milliseconds to reach the authorizer
            Ok(None) | Err(crate::cluster::Error::Forbidden(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if begun.elapsed() >= bound {
            return Err(Error::timeout(
                format!(
                    "namespace {namespace} has no default ServiceAccount after {} s, which kube-controller-manager makes",
                    bound.as_secs()
                ),
                "run this again; if that does not help, have whoever runs the cluster get kube-controller-manager to run",
            ));
        }
        if begun.elapsed() >= SAID_AFTER && !said {
            said = true;
            say(&format!(
                "namespace {namespace} waits for its default ServiceAccount, which kube-controller-manager makes"
            ));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Reads a Namespace as a build, or says who must repair it.
pub(super) fn readable(namespace: &NamespaceObject) -> Result<Build> {
    read_build(namespace).map_err(|why| unreadable(&why))
}

/// The error of a Namespace of ours that is no build any more.
pub(super) fn unreadable(why: &NotABuild) -> Error {
    Error::unready(why.to_string(), format!("it was edited by hand: {}", why.remedy()))
}

/// Reads a Namespace as a build.
pub fn read_build(namespace: &NamespaceObject) -> std::result::Result<Build, NotABuild> {
    Build::read(told(namespace))
}

/// What a Namespace tells.
pub(super) fn told(namespace: &NamespaceObject) -> Told<'_> {
    let meta = &namespace.metadata;
    Told {
        namespace: &meta.name,
        uid: &meta.uid,
        resource_version: &meta.resource_version,
        created: meta.creation_timestamp,
        terminating: meta.deletion_timestamp.is_some(),
        labels: &meta.labels,
        annotations: &meta.annotations,
    }
}
