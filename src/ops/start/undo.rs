//! A new chain that cannot be started is not left half made: the mended pipeline can be started under the same name.

use super::raise::refusing;
use crate::chain::build::Phase;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Delete, Denier, Error as ClusterError};
use crate::state::Say;
use crate::state::build::look;
use crate::state::claim::{Claim, Claimed};
use crate::state::error::Error;
use crate::state::error::Result;
use crate::state::narration::progress;
use crate::state::{forget, head};

/// What the server refuses for good is not left half made: the mended pipeline can be started under the same name.
pub(super) async fn undone(
    cluster: &Cluster,
    claim: &Claim,
    claimed: Option<&Claimed>,
    error: Error,
    say: Say<'_>,
) -> Error {
    let Error::Cluster(refused) = error else { return error };
    // a namespace that somebody deletes says nothing of the pipeline
    let terminating = matches!(refused, ClusterError::Denied { by: Denier::Terminating, .. });
    if !refused.is_refusal() || terminating {
        return refused.into();
    }
    match take_back(cluster, claim, claimed).await {
        Ok(true) => progress(say, "what was created is removed again"),
        Ok(false) => progress(say, "somebody else has taken the chain on meanwhile; it is left to them"),
        Err(left) => progress(say, format!("what was created could not be removed: {left}")),
    }
    refusing(refused)
}

/// Removes what this `start` has made of a new chain; `false` where somebody else has taken it on meanwhile, or its agent
/// has come up, and it is left.
///
/// The head is marked as of a chain that is purged, by compare-and-swap: from then on nobody takes it on.
pub(super) async fn take_back(cluster: &Cluster, claim: &Claim, claimed: Option<&Claimed>) -> Result<bool> {
    let chain = claim.chain.as_str();
    let Some(head) = head::head(cluster, chain).await? else { return Ok(true) };
    let named = head.claimed.as_ref().map(|(_, uid)| uid);
    let ours = head.uuid == claim.chain_uuid
        && head.generation == 1
        && head.ended.is_none()
        && named == claimed.map(|claimed| &claimed.uid);
    let build = match claimed {
        Some(claimed) => look(cluster, &claimed.namespace).await?.filter(|build| build.uid == claimed.uid),
        None => None,
    };
    if !ours || build.as_ref().is_some_and(|build| build.phase > Phase::Claimed) {
        return Ok(false);
    }
    if let Some(build) = build {
        // only as it was seen: an agent that came up meanwhile has written its phase
        let how = Delete { resource_version: Some(build.resource_version), ..Delete::uid(&build.uid) };
        match cluster.delete(&kind::NAMESPACES, None, &build.namespace, &how).await {
            Err(error) if error.is_conflict() => return Ok(false),
            deleted => deleted?,
        };
    }
    match head::move_head(cluster, chain, &head.purge()).await {
        Err(error) if error.is_conflict() => return Ok(false),
        marked => marked?,
    };
    forget::forget(cluster, chain, &claim.chain_uuid, &mut |_, _| {}).await?;
    Ok(true)
}
