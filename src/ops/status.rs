//! What the builds of a cluster, a chain or a namespace do: one list of Namespaces, and beside it the listeners'
//! and builds' pods, which show the trouble that no agent could record.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::claim::read_build;
use super::error::{Error, Result};
use crate::chain::build::{Build, Phase};
use crate::chain::pod::Pod;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};

/// What was seen.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The builds, in no order.
    pub builds: Vec<Build>,
    /// Trouble by namespace.
    pub troubles: BTreeMap<String, String>,
    /// What could not be read, one sentence each.
    pub notices: Vec<String>,
    /// The server's clock, for ages; none if it sent no date.
    pub now: Option<Timestamp>,
}

/// Looks at all builds.
///
/// # Errors
/// Cluster errors. Pods that cannot be listed are a notice, not an error.
pub async fn status(cluster: &Cluster) -> Result<Seen> {
    let ours = format!("{}={}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE);
    let chained = format!("{ours},{}", wire::CHAIN);
    let select = Query::labels(chained).cached();
    let roles = Query::labels(format!("{} in (listener,build,probe)", wire::ROLE)).cached();
    let (namespaces, pods) = tokio::join!(
        cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select),
        cluster.list::<Pod>(&kind::PODS, None, &roles),
    );
    let namespaces = namespaces?;
    let mut seen =
        Seen { builds: Vec::new(), troubles: BTreeMap::new(), notices: Vec::new(), now: namespaces.date };
    for namespace in &namespaces.items {
        match read_build(namespace) {
            Ok(build) => seen.builds.push(build),
            Err(why) => seen.notices.push(format!("{why}; it was edited by hand")),
        }
    }
    match pods {
        Ok(pods) => {
            for pod in pods.items {
                if let Some(why) = pod.trouble() {
                    seen.troubles.entry(pod.namespace.clone()).or_insert(why);
                }
            }
        }
        Err(error) => {
            seen.notices.push(format!("pods cannot be listed, so trouble with them is not shown: {error}"));
        }
    }
    Ok(seen)
}

/// Keeps the builds of the chain, or the build, of that name.
///
/// # Errors
/// [`Error::Usage`] for a name that is neither a chain's nor a build's.
pub fn choose(seen: &mut Seen, name: &str) -> Result<()> {
    if seen.builds.iter().any(|build| build.namespace == name) {
        seen.builds.retain(|build| build.namespace == name);
    } else if seen.builds.iter().any(|build| build.chain == name) {
        seen.builds.retain(|build| build.chain == name);
    } else {
        let mut chains: Vec<&str> = seen.builds.iter().map(|build| build.chain.as_str()).collect();
        chains.sort_unstable();
        chains.dedup();
        let remedy = if chains.is_empty() {
            "there are no chains yet; start one with kubectl studioci start".to_owned()
        } else {
            format!("chains here: {}", chains.join(", "))
        };
        return Err(Error::usage(format!("there is no chain and no build called {name:?}"), remedy));
    }
    Ok(())
}

/// The build that a person means by a chain's name: its running one, else the newest.
pub fn running_or_next(builds: &[Build]) -> Option<&Build> {
    builds
        .iter()
        .filter(|build| (Phase::Triggered..=Phase::Building).contains(&build.phase) && !build.terminating)
        .min_by_key(|build| build.generation)
        .or_else(|| builds.iter().max_by_key(|build| build.generation))
}
