//! Builds whose Namespace was deleted by hand before they had ended, as home still knows of them.

use jiff::Timestamp;

use super::error::Result;
use super::publisher;
use crate::chain::begun;
use crate::chain::build::Map;
use crate::chain::head::Head;
use crate::chain::publishing::PublishSettings;
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;

/// The generations and namespaces of the builds that are lost. `data`: what home's history holds; `there`: the chain's namespaces,
/// as they were listed.
///
/// # Errors
/// Cluster errors.
pub async fn lost(
    cluster: &Cluster,
    data: &Map,
    head: &Head,
    there: &[NamespaceObject],
) -> Result<Vec<(u64, String)>> {
    let mut lost = Vec::new();
    for (generation, (namespace, uid)) in begun::unfinished(data, head) {
        let is_it = |found: &NamespaceObject| uid.as_ref().is_none_or(|uid| *uid == found.metadata.uid);
        if there.iter().any(|it| it.metadata.name == namespace && is_it(it)) {
            continue;
        }
        // the list knows it by labels, which somebody may have taken off
        let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &namespace).await?;
        if !found.is_some_and(|found| is_it(&found)) {
            lost.push((generation, namespace));
        }
    }
    Ok(lost)
}

/// Says in home how a build has ended whose Namespace is gone, by compare-and-swap: of several that do so at once, one does.
/// `false` where it is said.
///
/// # Errors
/// As [`publisher::amend`].
pub async fn close(
    cluster: &Cluster,
    chain: &str,
    head: &Head,
    generation: u64,
    tells: &PublishSettings,
    now: Timestamp,
) -> Result<bool> {
    let patch = |data: &Map| begun::close(data, head, generation, tells, now);
    publisher::amend(cluster, chain, patch).await
}
