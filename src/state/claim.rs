//! Claim a namespace: create it under a name that derives from a secret, and prove it ours.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Say;
use super::error::{Error, Result};
use crate::chain::build::{Baseline, Dispatch, Map, Phase, Version};
use crate::chain::claim::{Marks, NAMES_TRIED, Standing, Whose, is_derived, judge, marked};
use crate::chain::record::ChainSettings;
use crate::chain::rights::{self, Added, BuildNamespace};
use crate::chain::{names, wire};
use crate::cluster::objects::{Meta, NamespaceObject};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Create, Proof, Query};
use crate::state::narration::progress;

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
    /// Whether its build may be given `studioci-trusted`.
    pub trusted_build: bool,
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
            trusted_build: false,
            now,
        }
    }

    /// The claim of a listener's namespace. `baseline`: what that listener does not build; `parent`: the namespace of the build
    /// before.
    pub fn of_listener(
        settings: &ChainSettings,
        seed: Uuid,
        added: &Added,
        generation: u64,
        baseline: &Baseline,
        parent: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let mut labels = settings.labels.clone();
        labels.extend(settings.pod_security.clone());
        let mut annotations = settings.annotations.clone();
        annotations.insert(wire::BASELINE.to_owned(), baseline.to_string());
        if let Some(parent) = parent {
            annotations.insert(wire::PARENT.to_owned(), parent.to_owned());
        }
        Self {
            seed,
            chain_uuid: settings.uuid.clone(),
            chain: settings.chain.clone(),
            generation,
            prefix: settings.prefix.clone(),
            labels,
            lent: settings.grants().lent,
            added: added.clone(),
            annotations,
            trusted_build: settings.trusted_build,
            now,
        }
    }

    /// The same of a side build's: no listener waits there, and none follows. `version`: what it is to build.
    #[must_use]
    pub fn of_side(mut self, version: &Version, retry_of: Option<&str>) -> Self {
        let ended = Dispatch::Ended.to_string();
        let told = [
            (wire::DISPATCH, Some(ended.as_str())),
            (wire::TAG, Some(version.tag.as_str())),
            (wire::DIGEST, version.content_word()),
            (wire::RETRY_OF, retry_of),
        ];
        let told = told.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
        self.annotations.extend(told);
        self
    }

    /// Where a claimed namespace is.
    pub fn there<'a>(&'a self, claimed: &'a Claimed) -> BuildNamespace<'a> {
        BuildNamespace { chain: &self.chain, namespace: &claimed.namespace, uid: &claimed.uid }
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

    /// Whether a Namespace has a name that the claim gives, by the prefix of then.
    fn names(&self, there: &Meta) -> bool {
        let prefix = there.annotations.get(wire::PREFIX).unwrap_or(&self.prefix);
        is_derived(&there.name, self.seed, self.generation, prefix)
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
        if self.trusted_build {
            annotations.insert(wire::TRUSTED_BUILD.to_owned(), "true".to_owned());
        }
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
/// Cluster errors; [`Error::NamesTaken`]; [`Error::TakenFromUs`].
pub async fn claim(cluster: &Cluster, claim: &Claim, say: Say<'_>) -> Result<Claimed> {
    if claim.generation > 0
        && let Some(claimed) = standing(cluster, claim).await?.into_iter().next()
    {
        return Ok(claimed);
    }
    walk(cluster, claim, OwnerUuid::Secret, say).await
}

/// Whether others may know the owner uuid of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnerUuid {
    /// Nobody can: what carries it is the claim's, whoever created it.
    Secret,
    /// It stood on a namespace that was settled and is gone: what is found with it may be anybody's, also what an earlier try of
    /// this claim has created and left behind. A person deletes that.
    Shown,
}

/// Creates the namespace under the first derived name that is free. Of what stands there already, it takes what is the claim's,
/// unless anybody can have made it look so.
pub(crate) async fn walk(cluster: &Cluster, claim: &Claim, uuid: OwnerUuid, say: Say<'_>) -> Result<Claimed> {
    let owner = claim.owner();
    let mut in_the_way = Vec::new();
    for name in names::sequence(claim.seed, claim.generation, &claim.prefix).take(NAMES_TRIED) {
        let ours = |live: &Value| live["metadata"]["annotations"][wire::OWNER] == owner.as_str();
        let proof = match uuid {
            OwnerUuid::Secret => Proof::By(&ours),
            // nobody knows beforehand when it is claimed
            OwnerUuid::Shown => Proof::SameContent,
        };
        let how = Create { proof, ..Create::default() };
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
            Whose::Ours if created || uuid == OwnerUuid::Secret => {
                return Ok(Claimed { namespace: name, uid: there.metadata.uid, created });
            }
            Whose::OursTerminating => {
                progress(say, format!("namespace {name} is ours but Terminating; taking the next name"));
            }
            Whose::Foreign if created => {
                return Err(Error::TakenFromUs { namespace: name });
            }
            Whose::Ours | Whose::Foreign => in_the_way.push(occupant(&there.metadata)),
        }
    }
    Err(Error::NamesTaken {
        tried: NAMES_TRIED,
        prefix: claim.prefix.clone(),
        occupants: in_the_way.iter().take(OCCUPANTS_SHOWN).cloned().collect::<Vec<_>>().join(", "),
    })
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

/// The namespaces that are the claim's and not Terminating, by name: a copy of one has another name than the seed gives. More than one there are only where
/// two walked at the same time past a name that became free in between.
pub(crate) async fn standing(cluster: &Cluster, claim: &Claim) -> Result<Vec<Claimed>> {
    let query = Query::labels(format!("{}={}", wire::CHAIN, claim.chain));
    let list = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &query).await?;
    let mut ours: Vec<Claimed> = list
        .items
        .into_iter()
        .map(|namespace| namespace.metadata)
        .filter(|meta| claim.judge(meta) == Whose::Ours && claim.names(meta))
        .map(|meta| Claimed { namespace: meta.name, uid: meta.uid, created: false })
        .collect();
    ours.sort_by(|a, b| a.namespace.cmp(&b.namespace));
    Ok(ours)
}

/// Whether this very namespace is there, carries the claim's marks, and is not on its way out. A head that was edited by
/// hand may name any namespace of the cluster. The owner uuid is not asked for: what is settled is proved by its uid, also
/// where the seed that it came from is lost.
pub(crate) async fn stands(cluster: &Cluster, claim: &Claim, namespace: &str, uid: &str) -> Result<bool> {
    let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
    Ok(found.is_some_and(|found| {
        let meta = &found.metadata;
        meta.uid == uid && meta.deletion_timestamp.is_none() && marked(standing_of(meta), claim.marks())
    }))
}
