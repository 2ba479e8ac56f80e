//! The listener, raised once the server has looked at everything that a push would bring after it.

use serde_json::Value;

use crate::chain::build::{Content, Version};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Denier, Error as ClusterError};
use crate::pipeline::weave::{BuildOf, ListenerOf, Plan};
use crate::state::Say;
use crate::state::claim::Claimed;
use crate::state::dispatch::{self, Raise};
use crate::state::dry_run;
use crate::state::enter::{enter, usable};
use crate::state::error::{Error, Result};

/// Has the server look at the build's Job, at its pod and at the listener's, so that what it refuses is known before there
/// is anything that a push could trigger; then raises the listener.
pub(super) async fn raise_listener(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    say: Say<'_>,
) -> Result<bool> {
    enter(cluster, raise.maker, &raise.claim.there(claimed), raise.claim.trusted_build).await?;
    usable(cluster, &claimed.namespace, raise.maker.patience(), say).await?;
    let namespace = claimed.namespace.as_str();
    let job = job(raise.plan, raise.tag, raise.claim.generation, namespace);
    if let Some(error) = dry_run::refusal(cluster, &kind::JOBS, namespace, &job).await? {
        return Err(error.into());
    }
    let listener = raise.plan.listener(&ListenerOf { tag: raise.tag, generation: raise.claim.generation });
    match dry_run::refused_pod(cluster, &listener, &job, namespace).await? {
        Some((what, error)) => Err(error.about(format!("the {what}")).into()),
        None => dispatch::raise_entered(cluster, raise, claimed, say).await,
    }
}

/// The Job of a build of this pipeline, to be looked at.
pub(super) fn job(plan: &Plan, tag: &str, generation: u64, namespace: &str) -> Value {
    let version = Version { tag: tag.to_owned(), content: Content::SideLoaded };
    plan.job(&BuildOf { namespace, generation, version: &version, revision: None, parent: None })
}

/// What the API server refuses, as a fault of the pipeline where it is one.
pub(super) fn refusing(refused: ClusterError) -> Error {
    match refused {
        ClusterError::Invalid { .. } => Error::RefusedByServer { why: refused.to_string() },
        ClusterError::Denied { by: Denier::PodSecurity, .. } => {
            Error::RefusedByPodSecurity { why: refused.to_string() }
        }
        refused => refused.into(),
    }
}
