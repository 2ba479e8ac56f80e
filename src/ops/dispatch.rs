//! Dispatch a listener: claim its namespace, give its agent its rights, and create it.
//!
//! `start` does this for the first generation and an agent for the next one; they differ only in who binds himself
//! in the new namespace first.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Say;
use super::claim::{self, Claim, Claimed};
use super::error::{Error, Result};
use super::home::{self, Record};
use crate::chain::build::Baseline;
use crate::chain::{rights, wire};
use crate::cluster::objects::Object;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Access, Cluster, Create, Delete, Error as ClusterError, Patch};
use crate::pipeline::weave::place;
use crate::pipeline::weave::{Listener, Plan};

/// Who raises the listener.
#[derive(Debug, Clone, Copy)]
pub enum Maker<'a> {
    /// A person; bound in the new namespace unless he may write there anyway.
    Person,
    /// The predecessor's agent; its binding is owned by its own Namespace.
    Agent {
        /// Its namespace.
        namespace: &'a str,
        /// That namespace's uid.
        uid: &'a str,
    },
}

/// The listener to raise.
#[derive(Debug, Clone, Copy)]
pub struct Raise<'a> {
    /// The chain's record.
    pub record: &'a Record,
    /// The pipeline to listen with.
    pub plan: &'a Plan,
    /// Its generation.
    pub generation: u64,
    /// The tag that it starts from.
    pub tag: &'a str,
    /// What it does not build.
    pub baseline: &'a Baseline,
    /// Namespace of the build before.
    pub parent: Option<&'a str>,
    /// Who raises it.
    pub maker: Maker<'a>,
    /// Now.
    pub now: Timestamp,
}

/// How long a fresh namespace may take to get its default ServiceAccount.
const USABLE_BOUND: Duration = Duration::from_secs(60);

/// The claim of a listener's namespace.
///
/// # Errors
/// A record whose uuid cannot be read.
pub fn claim_of(raise: &Raise<'_>) -> Result<Claim> {
    let settings = &raise.record.settings;
    let seed = Uuid::parse_str(&settings.uuid).map_err(|why| {
        Error::unready(
            format!("the record of chain {} has no readable uuid: {why}", settings.chain),
            "it was edited by hand; restore it",
        )
    })?;
    let mut labels = raise.plan.namespace.labels.clone();
    labels.extend(settings.pod_security.clone());
    let mut annotations = raise.plan.namespace.annotations.clone();
    annotations.insert(wire::BASELINE.to_owned(), raise.baseline.to_string());
    if let Some(parent) = raise.parent {
        annotations.insert(wire::PARENT.to_owned(), parent.to_owned());
    }
    if settings.trusted_build {
        annotations.insert(wire::TRUSTED_BUILD.to_owned(), "true".to_owned());
    }
    Ok(Claim {
        seed,
        chain: settings.chain.clone(),
        generation: raise.generation,
        prefix: settings.prefix.clone(),
        labels,
        annotations,
        now: raise.now,
    })
}

/// Claims the namespace of that generation and settles it in the head by compare-and-swap.
///
/// # Errors
/// As [`claim::claim`]; a conflict where the head moved meanwhile.
pub async fn claim_next(cluster: &Cluster, raise: &Raise<'_>, say: Say<'_>) -> Result<Claimed> {
    let claimed = claim::claim(cluster, &claim_of(raise)?, say).await?;
    settle(cluster, &raise.record.settings.chain, raise.generation, &claimed).await?;
    Ok(claimed)
}

/// Writes the claimed namespace into the head.
async fn settle(cluster: &Cluster, chain: &str, generation: u64, claimed: &Claimed) -> Result<()> {
    let head = home::head(cluster, chain).await?.ok_or_else(|| {
        Error::ownership(
            format!("chain {chain} has no head in {} any more", wire::HOME),
            "somebody deleted it",
        )
    })?;
    match &head.claimed {
        Some((_, uid)) if head.generation == generation && *uid == claimed.uid => Ok(()),
        None if head.generation == generation => {
            let patch = head.settle_claim(&claimed.namespace, &claimed.uid);
            let name = wire::chain_object(chain);
            cluster.patch::<Value>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&patch)).await?;
            Ok(())
        }
        _ => Err(Error::ownership(
            format!(
                "generation {generation} of chain {chain} is elsewhere by now (the head is at generation {} in {})",
                head.generation,
                head.claimed.as_ref().map_or("no namespace yet", |(namespace, _)| namespace)
            ),
            format!("namespace {} is left over; dispose of it with cleanup", claimed.namespace),
        )),
    }
}

/// Gives the claimed namespace's agent its rights, brings the pull Secrets, and creates the listener.
///
/// Every object has a fixed name, so that a repetition finds what an earlier try made.
///
/// # Errors
/// Cluster errors; what the API server refuses is named.
pub async fn raise(cluster: &Cluster, raise: &Raise<'_>, claimed: &Claimed, say: Say<'_>) -> Result<()> {
    let settings = &raise.record.settings;
    let there = rights::There { chain: &settings.chain, namespace: &claimed.namespace, uid: &claimed.uid };
    let own = match raise.maker {
        Maker::Person => bind_person(cluster, &there).await?.into_iter().collect(),
        Maker::Agent { namespace, uid } => {
            rights::bind_predecessor(&there, namespace, uid, settings.trusted_build)
        }
    };
    for object in own {
        create(cluster, &object).await?;
    }
    let mut objects = rights::of_agent(&there, settings.trusted_build);
    objects.extend(raise.plan.pull_secrets.iter().cloned().map(|mut secret| {
        place(&mut secret, &claimed.namespace);
        secret
    }));
    try_join_all(objects.iter().map(|object| create(cluster, object))).await?;
    claim::usable(cluster, &claimed.namespace, USABLE_BOUND).await?;
    let mut listener = raise.plan.listener(&Listener { tag: raise.tag, generation: raise.generation });
    place(&mut listener, &claimed.namespace);
    create(cluster, &listener).await?;
    say(&format!("listener {} waits in {}", raise.plan.build.name, claimed.namespace));
    Ok(())
}

/// The binding that a person needs in the new namespace; an admin may write there anyway.
async fn bind_person(cluster: &Cluster, there: &rights::There<'_>) -> Result<Option<Value>> {
    let wanted = [
        Access::to("create", &kind::DEPLOYMENTS, Some(there.namespace)),
        Access::to("patch", &kind::NAMESPACES, Some(there.namespace)),
    ];
    if cluster.can_i(&wanted).await?.into_iter().all(|allowed| allowed) {
        return Ok(None);
    }
    Ok(Some(rights::bind_person(there, &cluster.whoami().await?)))
}

/// Creates an object of a fixed name; one that is there already was made by an earlier try.
async fn create(cluster: &Cluster, object: &Value) -> Result<()> {
    let resource = resource_of(object)?;
    let namespace = object["metadata"]["namespace"].as_str();
    let begun = tokio::time::Instant::now();
    loop {
        match cluster.create::<Object>(&resource, namespace, object, &Create::default()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.is_already_exists() => return Ok(()),
            // a fresh RoleBinding takes some milliseconds to reach the authorizer
            Err(error) if error.is_rbac() && begun.elapsed() < Duration::from_secs(5) => {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether, and why, the server would refuse an object for good: a server-side dry-run. A quota that is in the way now
/// may be free when the object is created in earnest, and says nothing about another namespace.
pub(super) async fn refusal(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    object: &Value,
) -> Result<Option<ClusterError>> {
    let dry = Create { dry_run: true, ..Create::default() };
    match cluster.create::<Object>(resource, Some(namespace), object, &dry).await {
        Ok(_) => Ok(None),
        Err(error) if error.is_quota() || error.is_already_exists() => Ok(None),
        Err(error) if error.is_refusal() => Ok(Some(error)),
        Err(error) => Err(error.into()),
    }
}

/// Where the API server keeps an object of a pipeline.
pub(super) fn resource_of(object: &Value) -> Result<Resource> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    resource(text("apiVersion"), text("kind"))
}

/// Where the API server keeps a kind.
pub(super) fn resource(api_version: &str, kind: &str) -> Result<Resource> {
    Resource::of(api_version, kind).ok_or_else(|| {
        Error::usage(
            format!("kind {kind} ({api_version}) is not one that can be created here"),
            "leave it out of the pipeline",
        )
    })
}

/// Deletes an object, whichever one has this name now; one that is gone is a success.
pub(super) async fn delete(
    cluster: &Cluster,
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
) -> Result<()> {
    if let Some(found) = cluster.get::<Object>(resource, namespace, name).await? {
        cluster.delete(resource, namespace, name, &Delete::uid(found.metadata.uid)).await?;
    }
    Ok(())
}
