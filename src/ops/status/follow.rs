//! What happens to builds after they were listed, until somebody ends it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use futures_util::StreamExt as _;

use super::{Overview, WantedBuilds, prove_one, signs_of};
use crate::chain::build::{Build, Happening, Map, Phase};
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::proof::is_awaited;
use crate::chain::signs::Signs;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, WatchEvent};
use crate::state::build::read_build;
use crate::state::error::{Error, Result};
use crate::state::select;

/// Tells of each change of the builds that are wanted, after those that are known, until who is told has enough. A sign of
/// life of an agent is no change.
///
/// # Errors
/// Cluster errors that do not pass.
pub async fn follow(
    cluster: &Cluster,
    wanted: WantedBuilds<'_>,
    known: Overview,
    tell: &mut dyn FnMut(Happening, &Overview) -> ControlFlow<()>,
) -> Result<()> {
    let query = match wanted.named() {
        // a chain may have the name of what only says that it is a build
        Some(it) if known.believed().any(|build| it.is_chain_of(build)) => select::builds_of(it.name),
        Some(it) if known.builds.iter().any(|build| it.is_build(build)) => select::build(it.name),
        Some(MeantName { name, kind: Some(NamedKind::Build) }) => select::build(name),
        Some(it) => select::builds_of(it.name),
        None => select::builds(),
    };
    let query = query.and_labels(wanted.selector);
    let mut following = FollowedBuilds::of(wanted, known);
    let mut events = cluster.watch::<NamespaceObject>(&kind::NAMESPACES, None, Follow::new(query));
    while let Some(event) = events.next().await {
        let flow = match event {
            WatchEvent::Restarted(list) => Box::pin(following.again(cluster, list.items, tell)).await,
            WatchEvent::Added(namespace) | WatchEvent::Modified(namespace) => {
                following.turn(cluster, namespace, tell).await
            }
            WatchEvent::Deleted(namespace) => following.gone(&namespace.metadata.name, tell),
            WatchEvent::Trouble(error) if !error.is_transient() => return Err(error.into()),
            WatchEvent::Bookmark(_) | WatchEvent::Trouble(_) => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            break;
        }
    }
    Ok(())
}

struct FollowedBuilds<'a> {
    wanted: WantedBuilds<'a>,
    known: BTreeMap<String, (Build, Map)>,
    /// By uid: that home knows it, or why not, which may change yet.
    proofs: BTreeMap<String, Option<String>>,
}

impl<'a> FollowedBuilds<'a> {
    fn of(wanted: WantedBuilds<'a>, mut seen: Overview) -> Self {
        let mut proofs = BTreeMap::new();
        for build in &seen.builds {
            let unproved = seen.unproved(build).map(str::to_owned);
            if !seen.untold && (unproved.is_some() || !is_awaited(build)) {
                proofs.insert(build.uid.clone(), unproved);
            }
        }
        let known = seen.builds.into_iter().map(|build| {
            let labels = seen.labels.remove(&build.namespace).unwrap_or_default();
            (build.namespace.clone(), (plain(build), labels))
        });
        Self { wanted, known: known.collect(), proofs }
    }

    /// Why nothing proves a build its chain's, where that is so. Each is asked about until that is settled.
    async fn unproved(&mut self, cluster: &Cluster, build: &Build) -> Option<String> {
        if matches!(self.proofs.get(&build.uid), Some(None)) || build.chain == wire::CLAIM_CHAIN {
            return None;
        }
        let unproved = match prove_one(cluster, build).await {
            Ok(()) => None,
            Err(Error::NotProvablyOurs { why, .. }) => Some(why),
            // the next change asks again
            Err(error) => return Some(format!("what home knows of it cannot be read now: {error}")),
        };
        if unproved.is_some() || !is_awaited(build) {
            self.proofs.insert(build.uid.clone(), unproved.clone());
        }
        unproved
    }

    /// Tells of what a new list shows.
    async fn again(
        &mut self,
        cluster: &Cluster,
        namespaces: Vec<NamespaceObject>,
        tell: &mut dyn FnMut(Happening, &Overview) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let there: BTreeSet<&str> = namespaces.iter().map(|it| it.metadata.name.as_str()).collect();
        let gone: Vec<String> =
            self.known.keys().filter(|name| !there.contains(name.as_str())).cloned().collect();
        gone.iter().try_for_each(|name| self.gone(name, tell))?;
        for namespace in namespaces {
            self.turn(cluster, namespace, tell).await?;
        }
        ControlFlow::Continue(())
    }

    /// Tells of a Namespace as it is now, if that is another build than before. One that was edited by hand tells nothing.
    async fn turn(
        &mut self,
        cluster: &Cluster,
        namespace: NamespaceObject,
        tell: &mut dyn FnMut(Happening, &Overview) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Ok(build) = read_build(&namespace) else { return ControlFlow::Continue(()) };
        if self.wanted.name.is_none() && build.chain == wire::CLAIM_CHAIN {
            return ControlFlow::Continue(());
        }
        let name = build.namespace.clone();
        let labels = if self.wanted.labels { namespace.metadata.labels } else { Map::new() };
        let now = (plain(build.clone()), labels);
        let happening = match self.known.get(&name) {
            Some(before) if *before == now => return ControlFlow::Continue(()),
            Some(_) => Happening::Modified,
            None => Happening::Added,
        };
        let unproved = self.unproved(cluster, &build).await;
        let mut seen = overview(build, now.1.clone(), unproved);
        self.known.insert(name.clone(), now);
        let build = &seen.builds[0];
        if build.phase < Phase::Recorded
            && seen.unproved(build).is_none()
            // who may not look is told what the agent says
            && let Ok((signs, _)) = signs_of(cluster, build).await
        {
            seen.signs.insert(name, signs);
        }
        tell(happening, &seen)
    }

    fn gone(
        &mut self,
        name: &str,
        tell: &mut dyn FnMut(Happening, &Overview) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match self.known.remove(name) {
            Some((build, labels)) => {
                let unproved = self.proofs.remove(&build.uid).flatten();
                tell(Happening::Deleted, &overview(build, labels, unproved))
            }
            None => ControlFlow::Continue(()),
        }
    }
}

fn overview(build: Build, labels: Map, unproved: Option<String>) -> Overview {
    let signs = BTreeMap::from([(build.namespace.clone(), Signs { unproved, ..Signs::default() })]);
    let labels = BTreeMap::from([(build.namespace.clone(), labels)]);
    Overview { builds: vec![build], labels, signs, ..Overview::default() }
}

/// Without what changes while nothing happens.
fn plain(build: Build) -> Build {
    Build { resource_version: String::new(), heartbeat: None, trying: None, ..build }
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
