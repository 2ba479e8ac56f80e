//! Follow a build, change by change, until its verdict.

use std::time::Duration;

use futures_util::StreamExt;

use super::status;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster, Follow, Query};
use crate::state::build::{readable, unreadable};
use crate::state::error::{Error, Result};

/// What is told of a build that is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// How it was; none = seen for the first time.
    pub before: Option<Build>,
    /// How it is.
    pub after: Build,
    /// What is seen of it from outside, where that is new: why its agent does not come to say anything itself.
    pub outside: Option<String>,
}

/// How soon a build that says nothing is looked at from outside, and how seldom at least.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(16));

/// Follows the build that `name` means: of a chain its running build, else the next one. `here`: the chain of the checkout that
/// this runs in, which is meant where none is named and it is there; else the only chain is.
///
/// # Errors
/// [`Error::NoVerdict`] after `bound`; [`Error::DeletedBeforeVerdict`] if the namespace vanishes before there is a verdict.
pub async fn watch(
    cluster: &Cluster,
    name: Option<&str>,
    here: Option<&str>,
    bound: Option<Duration>,
    tell: &mut dyn FnMut(&Change),
) -> Result<Verdict> {
    let mut seen = status::builds(cluster, name.or(here)).await?;
    if let Some(name) = name.or(here.filter(|here| seen.has(here))) {
        status::choose(&mut seen, name)?;
    }
    let mut chains: Vec<&str> = seen.builds.iter().map(|build| build.chain.as_str()).collect();
    chains.sort_unstable();
    chains.dedup();
    if chains.len() > 1 {
        return Err(Error::SeveralChains { chains: chains.join(", ") });
    }
    let Some(target) = status::running_or_next(&seen.builds).cloned() else {
        if let Some(why) = seen.unreadable.values().next() {
            return Err(unreadable(why));
        }
        return Err(Error::NothingToWatch {});
    };
    watch_build(cluster, &target, bound, tell).await
}

/// The same of this very build.
///
/// # Errors
/// As [`watch`].
pub(super) async fn watch_build(
    cluster: &Cluster,
    target: &Build,
    bound: Option<Duration>,
    tell: &mut dyn FnMut(&Change),
) -> Result<Verdict> {
    let following = follow(cluster, target, tell);
    match bound {
        None => following.await,
        Some(bound) => tokio::time::timeout(bound, following).await.unwrap_or_else(|_| {
            Err(Error::NoVerdict { namespace: target.namespace.clone(), seconds: bound.as_secs() })
        }),
    }
}

async fn follow(cluster: &Cluster, target: &Build, tell: &mut dyn FnMut(&Change)) -> Result<Verdict> {
    let gone = || Error::DeletedBeforeVerdict {
        namespace: target.namespace.clone(),
        object: wire::history_object(&target.chain),
    };
    let mut events = cluster.watch::<NamespaceObject>(
        &kind::NAMESPACES,
        None,
        Follow::new(Query::named(&target.namespace)),
    );
    let mut before: Option<Build> = None;
    let mut outside: Option<String> = None;
    let mut pause = LOOK.0;
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = tokio::time::sleep(pause) => {
                pause = (2 * pause).min(LOOK.1);
                // who may not look, or cannot at this moment, is told what the agent says
                if let Some(build) = &before
                    && let Ok((signs, _)) = status::signs_of(cluster, build).await
                    && let Some(why) = signs.sentence()
                    && outside.as_ref() != Some(&why)
                {
                    outside = Some(why.clone());
                    let after = build.clone();
                    tell(&Change { before: before.clone(), after, outside: Some(why) });
                }
                continue;
            }
        };
        let Some(event) = event else { break };
        let namespace = match event {
            cluster::WatchEvent::Added(namespace) | cluster::WatchEvent::Modified(namespace) => namespace,
            cluster::WatchEvent::Restarted(mut list) => list.items.pop().ok_or_else(gone)?,
            cluster::WatchEvent::Deleted(_) => return Err(gone()),
            cluster::WatchEvent::Bookmark(_) => continue,
            cluster::WatchEvent::Trouble(error) if error.is_transient() => continue,
            cluster::WatchEvent::Trouble(error) => return Err(error.into()),
        };
        if namespace.metadata.uid != target.uid {
            return Err(gone());
        }
        let after = readable(&namespace)?;
        if before.as_ref() != Some(&after) {
            pause = LOOK.0;
            tell(&Change { before: before.clone(), after: after.clone(), outside: None });
        }
        if let (Some(verdict), true) = (after.verdict, after.phase >= Phase::Recorded) {
            return Ok(verdict);
        }
        before = Some(after);
    }
    Err(gone())
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
