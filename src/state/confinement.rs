//! Whether the confinement is on: read, compared, and tried.
//!
//! Without the admission policies an agent, and every person who may use studioci, could bind themselves to
//! `studioci-workspace` anywhere. So `start` and the agents go on only where the policies are there, say what this
//! program's manifests say, and refuse a request that they must refuse.

use std::time::Duration;

use futures_util::future::{try_join_all, try_join3};
use serde_json::{Value, json};

use super::error::{Error, Result};
use super::home::{advised, is_agent, not_done};
use super::manifests::{self, BINDING, POLICY};
use crate::chain::{rights, wire};
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Create, Denier, Error as ClusterError, Resource};

/// How long after it was installed a policy may take to act: 0.4 to 0.7 s were seen.
const ACTS_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two canaries.
const PAUSE: Duration = Duration::from_millis(250);
/// A user that nobody is.
const NOBODY: &str = "studioci:nobody";

/// What the API server's authorizer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorizer {
    /// It says no: RBAC, or another one that means it.
    On,
    /// It lets everybody do everything; of the policies only those rules act that ask for no right.
    Off,
}

/// What came of a request that the policies must refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Canary {
    /// A policy refused it.
    Refused,
    /// It went through by right: whoever asked may bypass the policies, as an administrator may.
    LetOff,
    /// RBAC refused it before any policy was asked: whoever asked lacks the rights of a user of studioci.
    NotAsked,
}

/// How well builds are confined here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// The authorizer.
    pub authorizer: Authorizer,
    /// What the canary said.
    pub canary: Canary,
    /// The number of the confinement found, if it is newer than this program's.
    pub newer: Option<u64>,
}

impl Confinement {
    /// What a person has to be told, a line each.
    pub fn said_aloud(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if self.authorizer == Authorizer::Off {
            lines.push(
                "this cluster authorizes everything (RBAC is off): agents and builds are not confined to their chain"
                    .to_owned(),
            );
        }
        if let Some(number) = self.newer {
            lines.push(format!(
                "the policies of this cluster have number {number}, this program's have {}: a newer kubectl-studioci \
                 set it up, and its policies are left as they are",
                manifests::own_number()
            ));
        }
        lines
    }
}

/// Checks the confinement before anything relies on it.
///
/// # Errors
/// [`Error::NotSetUp`] where a policy or binding is missing, [`Error::PoliciesDiffer`], [`Error::PoliciesIdle`].
pub async fn check(cluster: &Cluster) -> Result<Confinement> {
    let (newer, authorizer, canary) =
        try_join3(installed(cluster), authorizer(cluster), canary(cluster)).await?;
    Ok(Confinement { authorizer, canary, newer })
}

/// Reads the policies and their bindings and compares them with the manifests. The number of a newer confinement,
/// which is left to the canary.
///
/// # Errors
/// [`Error::NotSetUp`] and [`Error::PoliciesDiffer`].
pub async fn installed(cluster: &Cluster) -> Result<Option<u64>> {
    let wanted: Vec<Value> = manifests::objects()
        .into_iter()
        .filter(|it| [POLICY, BINDING].contains(&manifests::key(it).0))
        .collect();
    let live = try_join_all(wanted.iter().map(|object| {
        let (kind, name) = manifests::key(object);
        let resource = resource_of(kind);
        async move { cluster.get::<Value>(&resource, None, name).await.map_err(advised) }
    }))
    .await?;
    judge(&wanted, &live)
}

fn resource_of(kind: &str) -> Resource {
    if kind == POLICY {
        kind::VALIDATING_ADMISSION_POLICIES
    } else {
        kind::VALIDATING_ADMISSION_POLICY_BINDINGS
    }
}

/// Compares what was found with what should be there; in the same order.
fn judge(wanted: &[Value], live: &[Option<Value>]) -> Result<Option<u64>> {
    let named = |object: &Value| {
        let (kind, name) = manifests::key(object);
        resource_of(kind).object(name)
    };
    let missing: Vec<String> =
        wanted.iter().zip(live).filter(|(_, live)| live.is_none()).map(|(wanted, _)| named(wanted)).collect();
    if missing.len() == wanted.len() {
        return Err(not_done("the admission policies that confine builds are not installed"));
    }
    if !missing.is_empty() {
        return Err(not_done(&format!("builds are not confined: {} is missing", missing.join(", "))));
    }
    let newest = live.iter().flatten().map(manifests::number).max().unwrap_or(0);
    if newest > manifests::own_number() {
        return Ok(Some(newest));
    }
    let other: Vec<String> = wanted
        .iter()
        .zip(live.iter().flatten())
        .filter(|(wanted, live)| !manifests::same_spec(live, wanted))
        .map(|(wanted, _)| named(wanted))
        .collect();
    if other.is_empty() {
        return Ok(None);
    }
    Err(Error::PoliciesDiffer { which: other.join(", ") })
}

/// Asks whether the authorizer ever says no.
///
/// # Errors
/// Cluster errors.
pub async fn authorizer(cluster: &Cluster) -> Result<Authorizer> {
    let nonsense = Access {
        verb: "nonsense".to_owned(),
        group: rights::VIRTUAL_GROUP.to_owned(),
        resource: "nonsense".to_owned(),
        subresource: None,
        namespace: None,
        name: None,
    };
    let own = cluster.why(&nonsense).await?;
    if !own.allowed || own.reason.starts_with("RBAC:") {
        return Ok(Authorizer::On);
    }
    // An administrator may do nonsense too; nobody may not.
    match cluster.why_of(NOBODY, &nonsense).await {
        Ok(nobody) if nobody.allowed => Ok(Authorizer::Off),
        // Somebody who may do nonsense and yet not ask was told no.
        Ok(_) | Err(ClusterError::Forbidden(_)) => Ok(Authorizer::On),
        // Only a policy keeps an agent from asking, and RBAC would have given its reason above.
        Err(ClusterError::Denied { .. }) => Ok(Authorizer::Off),
        Err(error) => Err(error.into()),
    }
}

/// Sends the one request that a policy must refuse, as a dry run: an agent makes a namespace without labels, a person
/// binds themselves to `studioci-workspace` in home.
///
/// # Errors
/// [`Error::PoliciesIdle`] where it goes through although whoever asked is no administrator.
pub async fn canary(cluster: &Cluster) -> Result<Canary> {
    let me = cluster.whoami().await?;
    let (resource, namespace, object) = canary_object(&me);
    let begun = tokio::time::Instant::now();
    let mut bypass = None;
    loop {
        let how = Create { dry_run: true, ..Create::default() };
        match cluster.create::<Value>(&resource, namespace, &object, &how).await {
            Err(ClusterError::Denied { by: Denier::Policy(name), .. })
                if wire::POLICIES.contains(&name.as_str()) =>
            {
                return Ok(Canary::Refused);
            }
            Err(ClusterError::Forbidden(_) | ClusterError::Denied { by: Denier::Escalation, .. }) => {
                return Ok(Canary::NotAsked);
            }
            // Admission comes before the store: a name that is taken was not refused either.
            Ok(_) | Err(ClusterError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        if bypass.is_none() && *bypass.insert(may_bypass(cluster).await?) {
            return Ok(Canary::LetOff);
        }
        if begun.elapsed() >= ACTS_WITHIN {
            return Err(Error::PoliciesIdle { user: me });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn may_bypass(cluster: &Cluster) -> Result<bool> {
    let bypass = Access {
        verb: "bypass".to_owned(),
        group: rights::VIRTUAL_GROUP.to_owned(),
        resource: rights::CONFINEMENT.to_owned(),
        subresource: None,
        namespace: None,
        name: None,
    };
    Ok(cluster.can_i(&[bypass]).await? == [true])
}

/// The canary of a user.
fn canary_object(user: &str) -> (Resource, Option<&'static str>, Value) {
    const NAME: &str = "studioci-canary";
    if is_agent(user) {
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": NAME } });
        return (kind::NAMESPACES, None, object);
    }
    let there = rights::BuildNamespace { chain: wire::CLAIM_CHAIN, namespace: wire::HOME, uid: "" };
    let mut object = rights::bind_person(&there, user);
    object["metadata"]["name"] = json!(NAME);
    (kind::ROLE_BINDINGS, Some(wire::HOME), object)
}

#[cfg(test)]
#[path = "confinement_tests.rs"]
mod tests;
