//! Follows a build's log to its verdict: pods that come later are read, too.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{BoxStream, SelectAll};
use tokio::time::{Instant, sleep_until};

use super::kept::tell_kept;
use super::{LogSink, LogTold, LogsEnd, LogsRequest, last_entry, name_of};
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::pod::Pod;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, LogName, LogPiece, Query, WatchEvent};
use crate::state::build::readable;
use crate::state::error::{Error, Result};

/// How long containers that run on after the verdict are listened to.
const LINGER: Duration = Duration::from_secs(10);

/// Logs that are being read.
type Readers = SelectAll<BoxStream<'static, (LogName, Option<LogPiece>)>>;

/// Follows a build to its verdict.
pub(super) async fn follow(
    cluster: &Cluster,
    request: &LogsRequest,
    build: Build,
    tell: LogSink<'_>,
) -> Result<LogsEnd> {
    let mut following = Following {
        request,
        build,
        readers: Readers::new(),
        known: BTreeSet::new(),
        active: 0,
        heard: false,
    };
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
            && ((!first && following.active == 0) || until.is_some_and(|until| Instant::now() >= until))
        {
            return following.end(cluster, verdict, tell).await;
        }
        if over.is_some() {
            until.get_or_insert(Instant::now() + LINGER);
        }
        let linger = until.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        tokio::select! {
            biased;
            Some((of, piece)) = following.readers.next() => {
                let Some(piece) = piece else {
                    following.active -= 1;
                    continue;
                };
                if let LogPiece::Failed(error) = piece {
                    return Err(error.into());
                }
                following.heard = true;
                if !tell(LogTold::Piece { of: &of, several: following.known.len() > 1, piece: &piece }) {
                    return Ok(LogsEnd::Unheard);
                }
            }
            Some(event) = pods.next() => {
                first &= !matches!(event, WatchEvent::Restarted(_));
                changed(&mut listed, event)?;
                following.look(cluster, &listed);
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
                following.look(cluster, &listed);
            }
            () = sleep_until(linger) => {}
        }
    }
}

fn gone(build: &Build) -> Error {
    Error::DeletedBeforeVerdict {
        namespace: build.namespace.clone(),
        object: wire::history_object(&build.chain),
    }
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

struct Following<'a> {
    request: &'a LogsRequest,
    build: Build,
    readers: Readers,
    /// Those that are read, or have been: uid of the pod, and the container.
    known: BTreeSet<(String, String)>,
    /// How many of them have not come to their end.
    active: usize,
    /// Whether anything has come.
    heard: bool,
}

impl Following<'_> {
    /// Reads whatever has begun since.
    fn look(&mut self, cluster: &Cluster, pods: &[Pod]) {
        for pod in pods {
            for container in self.request.of(&self.build, pod) {
                if container.has_log() && self.known.insert((pod.uid.clone(), container.name.clone())) {
                    self.active += 1;
                    let of = name_of(pod, container);
                    let end = of.clone();
                    let log = cluster.read_log(self.request.read(pod, container, true));
                    let named = log.map(move |piece| (of.clone(), Some(piece)));
                    // an end of its own, so that whoever waits for the last one wakes up
                    self.readers.push(named.chain(futures_util::stream::iter([(end, None)])).boxed());
                }
            }
        }
    }

    /// There is a verdict, and nothing more to read.
    async fn end(self, cluster: &Cluster, verdict: Verdict, tell: LogSink<'_>) -> Result<LogsEnd> {
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
            Some(verdict) => self.end(cluster, verdict, tell).await,
            None => Err(gone(&self.build)),
        }
    }
}
