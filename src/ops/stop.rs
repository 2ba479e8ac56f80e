//! Stop a chain: its head says ended, the listener that was never triggered goes, what runs goes on to its end. With
//! `purge`, everything else goes too once nothing runs any more.
//!
//! The end is a compare-and-swap of the head: if an agent wins it first, its successor is what is ended. Nothing is
//! deleted that retention would not let go, and home's objects of a chain go last, so that stopping again goes on.

use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;

use super::publish::wait_for_results;
use crate::chain::bound::TimeBound;
use crate::chain::build::{Build, NamespaceView};
use crate::chain::head::Head;
use crate::chain::retention::{self, ChainsInHome, Fate, Rules};
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, Resource, WatchEvent};
use crate::state::Say;
use crate::state::build::{read_build, view};
use crate::state::dispose::{Disposer, End, Target, left_behind, look};
use crate::state::error::{Error, Result};
use crate::state::narration::{Narration, progress};
use crate::state::{chain, forget, head, select};

/// What is to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopRequest {
    /// The chain.
    pub chain: String,
    /// Whether its builds and home's objects go, too.
    pub purge: bool,
    /// How long to wait for builds that run before a purge.
    pub timeout: Option<Duration>,
    /// Now.
    pub now: Timestamp,
}

/// What is left.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Builds that go on to their end.
    pub running: Vec<String>,
    /// Namespaces that a purge could not take.
    pub stay: usize,
}

/// Stops a chain.
///
/// # Errors
/// [`Error::NoSuchChain`]; [`Error::StillRunning`] where builds still run; [`Error::StartedWhileStopped`] and the like
/// where somebody started it again meanwhile.
pub async fn stop(cluster: &Cluster, request: &StopRequest, say: Say<'_>) -> Result<Left> {
    let chain = request.chain.as_str();
    let Some(head) = head::head(cluster, chain).await? else { return Err(unknown(cluster, chain).await?) };
    let (head, now_ended) = end(cluster, request, head).await?;
    say(Narration::Ended(now_ended));
    left_behind(cluster, chain, request.now, &mut |target, end| tell_end(target, end, say)).await?;
    if !request.purge {
        wait_for_results(cluster, chain, say).await?;
        let (namespaces, home) = look(cluster, chain).await?;
        return Ok(Left { running: running(&namespaces, &home), stay: 0 });
    }
    wait_for_builds(cluster, request, &head, say).await?;
    wait_for_results(cluster, chain, say).await?;
    // not before: who cannot wait for a build whose agent is gone must be able to start the chain
    let Some(head) = mark(cluster, chain, head).await? else { return Ok(Left::default()) };
    let left = purge(cluster, request, &head, say).await?;
    if left == 0 {
        let mut tell = |resource: &Resource, name: &str| say(Narration::Forgotten(resource, name));
        forget::forget(cluster, chain, &head.uuid, &mut tell).await?;
    }
    Ok(Left { running: Vec::new(), stay: left })
}

/// That there is no such chain, and which there are.
pub(super) async fn unknown(cluster: &Cluster, chain: &str) -> Result<Error> {
    let chains = chain::chains(cluster).await?;
    let remedy = if chains.is_empty() {
        "there are no chains here; start one with kubectl studioci start".to_owned()
    } else {
        format!("chains here: {}", chains.join(", "))
    };
    Ok(Error::NoSuchChain { chain: chain.to_owned(), remedy })
}

/// Marks the head, so that nobody starts the chain while it is taken down. None if it is gone: another purge has come to
/// its end.
async fn mark(cluster: &Cluster, chain: &str, mut head: Head) -> Result<Option<Head>> {
    while !head.purging {
        match head::move_head(cluster, chain, &head.purge()).await {
            Err(Error::Cluster(error)) if error.is_conflict() || error.is_not_found() => {
                let Some(now) = head::head(cluster, chain).await? else { return Ok(None) };
                still_ended(chain, &head, &now)?;
                head = now;
            }
            marked => return marked.map(Some),
        }
    }
    Ok(Some(head))
}

/// Whether this is the chain that we found ended, or ended ourselves, and nobody has carried it on.
fn still_ended(chain: &str, ended: &Head, now: &Head) -> Result<()> {
    if now.uuid == ended.uuid && now.ended == ended.ended {
        return Ok(());
    }
    Err(Error::StartedWhilePurged { chain: chain.to_owned() })
}

/// [`still_ended`], of what was just read. A head that cannot be read is for retention to judge.
fn still_ended_in(home: &ChainsInHome, chain: &str, ended: &Head) -> Result<()> {
    match home.get(chain).and_then(|kept| kept.head.as_ref()) {
        Some(Ok(now)) => still_ended(chain, ended, now),
        _ => Ok(()),
    }
}

/// Ends the chain; `false` if it has ended already.
async fn end(cluster: &Cluster, request: &StopRequest, mut head: Head) -> Result<(Head, bool)> {
    let chain = request.chain.as_str();
    let mut who = None;
    while head.ended.is_none() {
        let who = match &mut who {
            Some(who) => who,
            none => none.insert(cluster.whoami().await?),
        };
        let how = format!("by {who} at {:.0}", request.now);
        // what its listener starts from, for whoever carries the chain on when that is gone
        let baseline = head.starting_point(newest(cluster, &head).await?.as_ref());
        match head::move_head(cluster, chain, &head.end(&how, baseline.as_ref())).await {
            Ok(ended) => return Ok((ended, true)),
            Err(error) if error.is_conflict() => {
                let before = head;
                head = head::head_of(cluster, chain).await?;
                if head.uuid != before.uuid {
                    return Err(Error::StartedWhileStopped { chain: chain.to_owned() });
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok((head, false))
}

/// The build that the head names, if it is there and can be read.
async fn newest(cluster: &Cluster, head: &Head) -> Result<Option<Build>> {
    let Some((namespace, uid)) = &head.claimed else { return Ok(None) };
    let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
    Ok(found.and_then(|found| read_build(&found).ok()).filter(|build| build.uid == *uid))
}

fn tell_end(target: &Target, end: &Result<End>, say: Say<'_>) {
    match end {
        Ok(End::Deleted) => say(Narration::Deleted(&target.namespace)),
        Ok(End::Stays(why)) => say(Narration::Stays(&target.namespace, why)),
        Ok(End::Going) => {}
        Err(error) => say(Narration::Failed(&target.namespace, error)),
    }
}

/// Builds that go on to their end.
fn running(namespaces: &[NamespaceObject], home: &ChainsInHome) -> Vec<String> {
    let views = namespaces.iter().map(view).filter(|view| retention::runs(view, home));
    views.map(|view| view.namespace.to_owned()).collect()
}

/// Waits until no build of the chain runs any more.
async fn wait_for_builds(cluster: &Cluster, request: &StopRequest, ended: &Head, say: Say<'_>) -> Result<()> {
    let chain = request.chain.as_str();
    let select = select::chain(chain);
    let waiting = async {
        let mut events =
            cluster.watch::<NamespaceObject>(&kind::NAMESPACES, None, Follow::new(select.clone()));
        let mut said = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                WatchEvent::Trouble(error) if !error.is_transient() => return Err(error.into()),
                WatchEvent::Bookmark(_) | WatchEvent::Trouble(_) => continue,
                _ => {}
            }
            let (namespaces, home) = look(cluster, chain).await?;
            still_ended_in(&home, chain, ended)?;
            let running = running(&namespaces, &home);
            if running.is_empty() {
                return Ok(());
            }
            if said != running {
                progress(say, format!("waiting for what still runs: {}", running.join(", ")));
                if said.is_empty() {
                    progress(say, format!("of one that never ends, {}", without_agent(chain)));
                }
                said = running;
            }
        }
        Ok(())
    };
    let Some(bound) = request.timeout else { return waiting.await };
    if let Ok(done) = tokio::time::timeout(bound, waiting).await {
        return done;
    }
    let (namespaces, home) = look(cluster, chain).await?;
    still_ended_in(&home, chain, ended)?;
    let running = running(&namespaces, &home);
    if running.is_empty() {
        // nothing had to be waited for, or the last has just ended: a bound of 0 is one look, as for `kubectl wait`
        return Ok(());
    }
    Err(Error::StillRunning { chain: chain.to_owned(), bound: TimeBound(bound), builds: running.join(", ") })
}

/// The way out for a build that nobody ends.
fn without_agent(chain: &str) -> String {
    format!(
        "the agent may be gone: the next one, which kubectl studioci start raises for chain {chain}, ends it in its \
         place; or kubectl delete namespace takes it away unfinished"
    )
}

/// Disposes of all builds of the chain; how many namespaces stay.
async fn purge(cluster: &Cluster, request: &StopRequest, ended: &Head, say: Say<'_>) -> Result<usize> {
    let (namespaces, home) = look(cluster, &request.chain).await?;
    still_ended_in(&home, &request.chain, ended)?;
    let views: Vec<NamespaceView<'_>> = namespaces.iter().map(view).collect();
    let mut targets = Vec::new();
    let mut left = 0;
    for (view, fate) in views.iter().zip(retention::judge(&views, &home, Rules::default(), request.now)) {
        match fate {
            Fate::Dispose => targets.push(Target::of(view)),
            Fate::Going => {}
            Fate::Stays(why) => {
                left += 1;
                say(Narration::Stays(view.namespace, &why));
            }
        }
    }
    if targets.is_empty() {
        return Ok(left);
    }
    let check = |view: &NamespaceView<'_>| retention::may_go(view, &home);
    let disposer = Disposer::of(cluster, false, request.now).await?;
    let mut each = |target: &Target, end: &Result<End>| {
        left += usize::from(matches!(end, Ok(End::Stays(_))));
        tell_end(target, end, say);
    };
    disposer.all(&targets, &check, &mut each).await?;
    Ok(left)
}
