//! Follows a build's log to its verdict: pods that come later are read, too.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, SelectAll};
use futures_util::{Stream, StreamExt as _};
use tokio::time::{Instant, sleep_until};

use super::kept::tell_kept;
use super::rotation::LogFile;
use super::{LogSink, LogTold, LogsEnd, LogsRequest, last_entry, name_of};
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::pod::Pod;
use crate::chain::proof::is_awaited;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, LogName, LogPiece, Query, WatchEvent};
use crate::ops::status::prove_one;
use crate::state::build::readable;
use crate::state::error::{Error, Result, WatchFault};

/// How long containers that run on after the verdict are listened to. One that has ended is read to its end, however long that
/// takes.
const LINGER: Duration = Duration::from_secs(10);

/// Logs that are being read.
type Readers = SelectAll<BoxStream<'static, (LogName, LogHeard)>>;

/// What is heard of a log.
enum LogHeard {
    Piece(LogPiece),
    /// What is to be said of it.
    Said(String),
    /// It has come to its end.
    End,
}

/// Follows a build to its verdict.
pub(super) async fn follow(
    cluster: &Cluster,
    request: &LogsRequest,
    build: Build,
    tell: LogSink<'_>,
) -> Result<LogsEnd> {
    let mut following = Following::of(request, build);
    let place = following.build.namespace.clone();
    let mut namespaces =
        cluster.watch::<NamespaceObject>(&kind::NAMESPACES, None, Follow::new(Query::named(&place)));
    let mut pods = cluster.watch::<Pod>(&kind::PODS, Some(&place), Follow::new(Query::default()));
    let waiting = || format!("waiting for the next build of {}, in {place}", following.build.chain);
    if following.build.phase < Phase::Triggered && !tell(LogTold::Notice(waiting())) {
        return Ok(LogsEnd::Unheard);
    }
    let mut listed: Vec<Pod> = Vec::new();
    let (mut first, mut until) = (true, None);
    loop {
        let over = following.build.verdict.filter(|_| following.build.phase >= Phase::Recorded);
        if let Some(verdict) = over
            && ((!first && following.active.is_empty())
                || (until.is_some_and(|until| Instant::now() >= until) && !following.reads_on(&listed)))
        {
            return following.end(cluster, verdict, tell).await;
        }
        if over.is_some() {
            until = until.filter(|until| Instant::now() < *until).or_else(|| Some(Instant::now() + LINGER));
        }
        let linger = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            biased;
            // rare, and who reads much would never come to them
            Some(event) = pods.next() => {
                let joins = first;
                first &= !matches!(event, WatchEvent::Restarted(_));
                changed(&mut listed, event)?;
                following.look(cluster, &listed, joins);
            }
            Some(event) = namespaces.next() => {
                match as_it_is(event)? {
                    NamespaceNow::Is(now) if now.metadata.uid == following.build.uid => {
                        following.build = readable(&now)?;
                    }
                    NamespaceNow::Is(_) | NamespaceNow::Gone => {
                        return following.went(cluster, gone, tell).await;
                    }
                    NamespaceNow::Unknown => {}
                }
                following.look(cluster, &listed, first);
            }
            Some((of, piece)) = following.readers.next() => {
                let heard = match piece {
                    LogHeard::End => {
                        if let Some(at) = following.active.iter().position(|other| *other == of) {
                            following.active.swap_remove(at);
                        }
                        continue;
                    }
                    LogHeard::Piece(LogPiece::Failed(error)) => return Err(error.into()),
                    LogHeard::Said(words) => tell(LogTold::Notice(words)),
                    LogHeard::Piece(piece) => {
                        following.heard = true;
                        tell(LogTold::Piece { of: &of, several: following.known.len() > 1, piece: &piece })
                    }
                };
                if !heard {
                    return Ok(LogsEnd::Unheard);
                }
            }
            () = sleep_until(linger) => {}
        }
    }
}

fn gone(build: &Build) -> Error {
    WatchFault::DeletedBeforeVerdict {
        namespace: build.namespace.clone(),
        object: wire::history_object(&build.chain),
    }
    .into()
}

/// What is known of the build's namespace.
enum NamespaceNow {
    Is(Box<NamespaceObject>),
    Gone,
    Unknown,
}

fn as_it_is(event: WatchEvent<NamespaceObject>) -> Result<NamespaceNow> {
    let is = |namespace: NamespaceObject| NamespaceNow::Is(Box::new(namespace));
    match event {
        WatchEvent::Added(namespace) | WatchEvent::Modified(namespace) => Ok(is(namespace)),
        WatchEvent::Restarted(mut list) => Ok(list.items.pop().map_or(NamespaceNow::Gone, is)),
        WatchEvent::Deleted(_) => Ok(NamespaceNow::Gone),
        WatchEvent::Trouble(error) if !error.is_transient() => Err(error.into()),
        WatchEvent::Bookmark(_) | WatchEvent::Trouble(_) => Ok(NamespaceNow::Unknown),
    }
}

/// Takes in what has become of pods.
fn changed(pods: &mut Vec<Pod>, event: WatchEvent<Pod>) -> Result<()> {
    match event {
        WatchEvent::Restarted(list) => *pods = list.items,
        WatchEvent::Added(pod) | WatchEvent::Modified(pod) => {
            pods.retain(|other| other.uid != pod.uid);
            pods.push(pod);
        }
        WatchEvent::Deleted(pod) => pods.retain(|other| other.uid != pod.uid),
        WatchEvent::Trouble(error) if !error.is_transient() => return Err(error.into()),
        WatchEvent::Bookmark(_) | WatchEvent::Trouble(_) => {}
    }
    Ok(())
}

/// A log with all that is to be said of it, and an end of its own, so that whoever waits for the last one wakes up.
fn heard(log: BoxStream<'static, LogPiece>, file: LogFile) -> impl Stream<Item = LogHeard> + Send + 'static {
    let parts = stream::unfold(Some((log, file)), |reading| async move {
        let (mut log, mut file) = reading?;
        let piece = log.next().await;
        let late = piece.as_ref().and_then(|piece| file.late(piece));
        let rotated = file.rotated(piece.as_ref()).await;
        let over = piece.is_none();
        let said = [late.map(LogHeard::Said), piece.map(LogHeard::Piece), rotated.map(LogHeard::Said)];
        let all = said.into_iter().flatten().chain(over.then_some(LogHeard::End));
        Some((stream::iter(all.collect::<Vec<_>>()), (!over).then_some((log, file))))
    });
    parts.flatten()
}

struct Following<'a> {
    request: &'a LogsRequest,
    build: Build,
    readers: Readers,
    /// Those that are read, or have been: uid of the pod, and the container.
    known: BTreeSet<(String, String)>,
    /// Those of them that have not come to their end.
    active: Vec<LogName>,
    /// Whether anything has come.
    heard: bool,
    /// Whether nothing was proved of it when it was found.
    doubted: bool,
}

impl<'a> Following<'a> {
    fn of(request: &'a LogsRequest, build: Build) -> Self {
        let (known, active, doubted) = (BTreeSet::new(), Vec::new(), is_awaited(&build));
        Self { request, build, readers: Readers::new(), known, active, heard: false, doubted }
    }

    /// Reads whatever has begun since. `joins`: whether it may have begun long before.
    fn look(&mut self, cluster: &Cluster, pods: &[Pod], joins: bool) {
        for pod in pods {
            for container in self.request.of(&self.build, pod) {
                if container.has_log() && self.known.insert((pod.uid.clone(), container.name.clone())) {
                    let of = name_of(pod, container);
                    self.active.push(of.clone());
                    let log = cluster.read_log(self.request.read(pod, container, true));
                    // of what was followed from its first moment nothing was rotated before
                    let file = LogFile::of(cluster, pod, container, self.request.is_whole(), joins);
                    self.readers.push(heard(log, file).map(move |heard| (of.clone(), heard)).boxed());
                }
            }
        }
    }

    /// Whether any log is still on its way that has an end.
    fn reads_on(&self, pods: &[Pod]) -> bool {
        self.active.iter().any(|of| {
            let pod = pods.iter().find(|pod| pod.name == of.pod);
            let told = pod.and_then(|pod| Some((pod, pod.container(&of.container)?)));
            told.is_none_or(|(pod, container)| pod.has_ended(container))
        })
    }

    /// There is a verdict, and nothing more to read.
    async fn end(self, cluster: &Cluster, verdict: Verdict, tell: LogSink<'_>) -> Result<LogsEnd> {
        if self.doubted {
            prove_one(cluster, &self.build).await?;
        }
        if !self.heard && !self.request.agent {
            let kept = last_entry(cluster, &self.build).await?.is_none_or(|entry| entry.log_kept);
            let (chain, generation) = (self.build.chain.as_str(), self.build.generation);
            let of = (chain, generation, self.build.uid.as_str(), self.build.namespace.as_str());
            match tell_kept(cluster, self.request, of, kept, tell).await {
                Ok(true) => {}
                Ok(false) => return Ok(LogsEnd::Unheard),
                // the verdict is what was waited for
                Err(Error::Log(fault)) => drop(tell(LogTold::Notice(fault.to_string()))),
                Err(error) => return Err(error),
            }
        }
        Ok(LogsEnd::Verdict(self.build.namespace, verdict, self.build.cause))
    }

    /// The namespace is gone.
    async fn went(
        self,
        cluster: &Cluster,
        gone: impl Fn(&Build) -> Error,
        tell: LogSink<'_>,
    ) -> Result<LogsEnd> {
        let recorded = last_entry(cluster, &self.build).await?;
        match recorded.and_then(|entry| entry.verdict.parse().ok()) {
            // home has it by its uid
            Some(verdict) => Self { doubted: false, ..self }.end(cluster, verdict, tell).await,
            None => Err(gone(&self.build)),
        }
    }
}
