//! Enter a namespace of a chain: whoever is to write there binds themselves first, and the namespace must be usable.

use std::time::Duration;

use futures_util::future::try_join_all;
use serde_json::Value;

use super::bell::{Bell, wait_until};
use super::error::{Error, Result};
use super::write::create;
use super::{DryRun, Say};
use crate::chain::bound::TimeBound;
use crate::chain::build::Build;
use crate::chain::rights::{self, BuildNamespace};
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster};
use crate::state::narration::progress;

/// Who raises the listener.
#[derive(Debug, Clone, Copy)]
pub enum Maker<'a> {
    /// A person; bound in the new namespace unless they may write there anyway.
    Person,
    /// The predecessor's agent; its binding is owned by its own Namespace.
    Agent {
        /// Its namespace.
        namespace: &'a str,
        /// That namespace's uid.
        uid: &'a str,
    },
}

/// How long a person waits for the default ServiceAccount of a fresh namespace.
const USABLE_BOUND: Duration = Duration::from_secs(60);

/// The same where an agent waits for it, which writes down why and tries again: its build does not wait meanwhile.
const USABLE_BOUND_OF_AGENT: Duration = Duration::from_secs(2);

/// Binds the maker in a namespace of the chain. `trusted`: whether its builds are.
///
/// # Errors
/// Cluster errors.
pub async fn enter(
    cluster: &Cluster,
    maker: Maker<'_>,
    there: &BuildNamespace<'_>,
    trusted: bool,
) -> Result<()> {
    let own: Vec<Value> = match maker {
        Maker::Person => bind_person(cluster, there).await?.into_iter().collect(),
        Maker::Agent { namespace, uid } => rights::bind_predecessor(there, namespace, uid, trusted),
    };
    try_join_all(own.iter().map(|object| create(cluster, object))).await?;
    Ok(())
}

/// The binding that a person needs in the new namespace; an admin may write there anyway.
async fn bind_person(cluster: &Cluster, there: &BuildNamespace<'_>) -> Result<Option<Value>> {
    let wanted = [
        Access::to("create", &kind::DEPLOYMENTS, Some(there.namespace)),
        Access::to("patch", &kind::NAMESPACES, Some(there.namespace)),
    ];
    bind_person_for(cluster, there, &wanted).await
}

/// The binding that a person needs for rights in a namespace of a build; none if they hold them anyway.
///
/// # Errors
/// [`Error::NotAUser`] where they may not bind themselves; cluster errors.
pub async fn bind_person_for(
    cluster: &Cluster,
    there: &BuildNamespace<'_>,
    wanted: &[Access],
) -> Result<Option<Value>> {
    if cluster.can_i(wanted).await?.into_iter().all(|allowed| allowed) {
        return Ok(None);
    }
    entitled(cluster, &[may_bind(there.namespace)]).await?;
    Ok(Some(rights::bind_person(there, &cluster.whoami().await?)))
}

/// Gets a person the rights in a build's namespace: whoever may use the chain binds themselves there. Not for a dry run, which
/// writes nothing.
///
/// # Errors
/// [`Error::NotAUser`] where they may not bind themselves; [`Error::DryRunMayNot`] where a dry run would need that first; cluster
/// errors.
pub async fn by_hand(cluster: &Cluster, build: &Build, wanted: &[Access], dry_run: DryRun) -> Result<()> {
    if dry_run == DryRun::None {
        let there = BuildNamespace { chain: &build.chain, namespace: &build.namespace, uid: &build.uid };
        if let Some(binding) = bind_person_for(cluster, &there, wanted).await? {
            create(cluster, &binding).await?;
        }
        return Ok(());
    }
    let allowed = cluster.can_i(wanted).await?;
    match wanted.iter().zip(allowed).find(|(_, allowed)| !allowed) {
        None => Ok(()),
        Some((missing, _)) => {
            entitled(cluster, &[may_bind(&build.namespace)]).await?;
            Err(Error::DryRunMayNot { right: missing.to_string() })
        }
    }
}

fn may_bind(namespace: &str) -> Access {
    Access::to("create", &kind::ROLE_BINDINGS, Some(namespace))
}

/// Refuses a person who lacks any of these rights, before anything is done that needs them, and names the role that brings them:
/// one rule alone would be followed by the next refusal.
///
/// # Errors
/// [`Error::NotAUser`]; cluster errors.
pub async fn entitled(cluster: &Cluster, wanted: &[Access]) -> Result<()> {
    let allowed = cluster.can_i(wanted).await?;
    let missing = wanted.iter().zip(allowed).filter(|(_, allowed)| !allowed);
    let missing: Vec<String> = missing.map(|(access, _)| access.to_string()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let user = cluster.whoami().await?;
    Err(Error::NotAUser { what: format!("user {user:?} may not {}", missing.join("; ")), user })
}

impl Maker<'_> {
    /// How long a fresh namespace may take to get its default ServiceAccount.
    pub fn patience(self) -> Duration {
        match self {
            Self::Person => USABLE_BOUND,
            Self::Agent { .. } => USABLE_BOUND_OF_AGENT,
        }
    }
}

/// What is waited for longer than this is said.
pub(crate) const SAID_AFTER: Duration = Duration::from_secs(2);

/// Waits until the fresh namespace has its default ServiceAccount, without which no pod starts in it.
///
/// # Errors
/// [`Error::NoServiceAccount`] after `bound`.
pub async fn usable(cluster: &Cluster, namespace: &str, bound: Duration, say: Say<'_>) -> Result<()> {
    // nothing is watched: whether one may, a binding says that is moments old
    let bell = Bell::new(cluster);
    let mut said = false;
    let found = wait_until(&bell, Duration::from_millis(100), bound, async |waited| {
        let account = cluster.get::<Value>(&kind::SERVICE_ACCOUNTS, Some(namespace), "default").await;
        match account {
            Ok(Some(_)) => return Ok(Some(())),
            // our binding in it may take some milliseconds to reach the authorizer
            Ok(None) | Err(crate::cluster::Error::Forbidden(_)) => {}
            Err(error) => return Err(error.into()),
        }
        if waited >= SAID_AFTER && !said {
            said = true;
            let what = "its default ServiceAccount, which kube-controller-manager makes";
            progress(say, format!("namespace {namespace} waits for {what}"));
        }
        Ok(None)
    });
    found
        .await?
        .ok_or_else(|| Error::NoServiceAccount { namespace: namespace.to_owned(), bound: TimeBound(bound) })
}
