//! Build a tag by hand: a side build, by the chain's last good pipeline.

use super::side::{self, SideChain, SideOf, SideRequest};
use crate::chain::build::{Baseline, Build};
use crate::cluster::Cluster;
use crate::keel::image;
use crate::state::Say;
use crate::state::build::look;
use crate::state::error::{Error, Result, SideFault};

/// Builds this tag, else the newest that the chain has seen.
///
/// # Errors
/// [`Error::NotAUser`]; [`SideFault`]; [`Error::BadTag`]; what is wrong with the pipeline; cluster errors.
pub async fn trigger(
    cluster: &Cluster,
    chain: &str,
    tag: Option<&str>,
    request: SideRequest,
    say: Say<'_>,
) -> Result<Build> {
    if let Some((tag, Err(why))) = tag.map(|tag| (tag, image::check_tag(tag))) {
        return Err(Error::BadTag { tag: tag.to_owned(), why: why.to_owned() });
    }
    let chain = SideChain::read(cluster, chain, request.dry_run).await?;
    let tag = match tag {
        Some(tag) => tag.to_owned(),
        None => newest_tag(cluster, &chain).await?,
    };
    Box::pin(side::make(cluster, chain, &SideOf::Tag(tag), request, say)).await
}

/// The tag that the newest listener waits on.
async fn newest_tag(cluster: &Cluster, chain: &SideChain) -> Result<String> {
    let newest = match &chain.head.claimed {
        Some((namespace, uid)) => look(cluster, namespace).await?.filter(|build| build.uid == *uid),
        None => None,
    };
    match chain.head.starting_point(newest.as_ref()) {
        Some(Baseline::Pending(tag)) => Ok(tag),
        Some(Baseline::At(version)) => Ok(version.tag),
        Some(Baseline::None) | None => Err(SideFault::NoTag { chain: chain.name.clone() }.into()),
    }
}
