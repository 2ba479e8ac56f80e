//! The log of a build: as it is written while there are pods, and what was kept of it once they are gone.

mod follow;
mod kept;
mod rotation;

use std::time::Duration;

use futures_util::StreamExt as _;

use self::follow::follow;
use self::kept::tell_kept;
use self::rotation::LogFile;
use super::report::{histories, history_of};
use super::status::{self, Overview, not_believed};
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::pod::{Container, Pod};
use crate::chain::record::{Entry, newest};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, LogName, LogPiece, Query, ReadLog};
use crate::pipeline::weave::AGENT_CONTAINER;
use crate::state::error::{Error, LogFault, Result};
use crate::state::select;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct LogsRequest {
    /// The chain or build.
    pub name: Option<String>,
    /// Which of the two, where that was said.
    pub kind: Option<NamedKind>,
    /// The chain of the checkout that this runs in, for whoever names none.
    pub here: Option<String>,
    /// Whether to go on to the verdict.
    pub follow: bool,
    /// The container.
    pub container: Option<String>,
    /// Whether the agent's diary is meant.
    pub agent: bool,
    /// No older lines than this.
    pub since: Option<Duration>,
    /// No more than so many of the last lines of each container.
    pub tail: Option<usize>,
}

/// What is told.
#[derive(Debug)]
pub enum LogTold<'a> {
    /// What comes of a container's log. `several`: whether there are others.
    Piece {
        /// The container.
        of: &'a LogName,
        /// Whether there are others.
        several: bool,
        /// What comes.
        piece: &'a LogPiece,
    },
    /// What was kept of a container's log.
    Kept {
        /// The container.
        of: &'a LogName,
        /// Whether there are others.
        several: bool,
        /// What it wrote.
        bytes: &'a [u8],
    },
    /// Something about it, one sentence.
    Notice(String),
    /// Something that is not as it should be, one sentence.
    Warning(String),
}

/// Who is told; `false` where nobody listens any more.
pub type LogSink<'a> = &'a mut dyn FnMut(LogTold<'_>) -> bool;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogsEnd {
    /// All that there is was told.
    Told,
    /// It was followed to this verdict, with its cause.
    Verdict(String, Verdict, Option<String>),
    /// Nobody listens any more.
    Unheard,
}

/// What a name means.
enum Meant {
    /// A build whose namespace is there.
    There(Box<Build>),
    /// A namespace that says that it is a build, and why it is not believed.
    Unproved(Box<Build>, String),
    /// One that is gone, by its chain and what is kept of it.
    Gone(String, Box<Entry>),
}

/// Tells the log of a build.
///
/// # Errors
/// Cluster errors; [`LogFault`]; that the namespace went before there was a verdict.
pub async fn logs(cluster: &Cluster, request: &LogsRequest, tell: LogSink<'_>) -> Result<LogsEnd> {
    match meant(cluster, request, tell).await? {
        Meant::There(build) if request.follow => follow(cluster, request, *build, tell).await,
        Meant::There(build) => {
            let pods = pods_in(cluster, &build).await?;
            there(cluster, request, &build, &pods, tell).await
        }
        Meant::Unproved(build, why) => {
            let pods = pods_in(cluster, &build).await?;
            if request.logs_in(&build, &pods).is_empty() {
                // home keeps nothing of what it does not know, and what the namespace says of itself is no reason
                return Err(Error::NotProvablyOurs { namespace: build.namespace, why });
            }
            let warned = not_believed(&[(&build, &why)]).is_none_or(|it| tell(LogTold::Warning(it)));
            if warned { there(cluster, request, &build, &pods, tell).await } else { Ok(LogsEnd::Unheard) }
        }
        Meant::Gone(chain, entry) => {
            let heard = gone(cluster, request, &chain, &entry, tell).await?;
            let verdict = entry.verdict.parse::<Verdict>().ok().filter(|_| heard && request.follow);
            Ok(match verdict {
                Some(verdict) => LogsEnd::Verdict(entry.namespace, verdict, Some(entry.cause)),
                None if heard => LogsEnd::Told,
                None => LogsEnd::Unheard,
            })
        }
    }
}

/// Finds the build that is meant: of a chain the running one, else the next where it is followed, else the last.
async fn meant(cluster: &Cluster, request: &LogsRequest, tell: LogSink<'_>) -> Result<Meant> {
    let (name, here) = (request.named(), request.here.as_deref().map(MeantName::from));
    let mut seen = status::believed(cluster, name.or(here)).await?;
    let apart = seen.apart.iter().filter(|(build, _)| name.or(here).is_some_and(|it| it.is_chain_of(build)));
    let apart: Vec<(&Build, &str)> = apart.map(|(build, why)| (build, why.as_str())).collect();
    let notices: Vec<String> =
        not_believed(&apart).into_iter().chain(std::mem::take(&mut seen.notices)).collect();
    for notice in notices {
        tell(LogTold::Warning(notice));
    }
    if let Some(name) = name.or(here.filter(|here| seen.has(*here))) {
        if status::choose(&mut seen, name).is_err() {
            if let Some((chain, entry)) = in_history(cluster, name).await? {
                return Ok(Meant::Gone(chain, Box::new(entry)));
            }
            let absent = status::absent(cluster, &seen, name).await;
            return unproved(request, seen, name).ok_or(absent);
        }
    } else if let Some(here) = here
        && let Some((chain, entry)) = last_of(cluster, here.name).await?
    {
        return Ok(Meant::Gone(chain, Box::new(entry)));
    }
    one_of(cluster, request, seen).await
}

/// The namespace of that name that is not believed, for whoever only looks: who follows it would take its word for a verdict.
fn unproved(request: &LogsRequest, seen: Overview, name: MeantName<'_>) -> Option<Meant> {
    let named = seen.apart.into_iter().find(|(build, _)| name.is_build(build));
    named.filter(|_| !request.follow).map(|(build, why)| Meant::Unproved(Box::new(build), why))
}

async fn one_of(cluster: &Cluster, request: &LogsRequest, seen: Overview) -> Result<Meant> {
    let mut chains: Vec<&str> = seen.builds.iter().map(|build| build.chain.as_str()).collect();
    chains.sort_unstable();
    chains.dedup();
    if chains.len() > 1 {
        return Err(LogFault::WhichChain { chains: chains.join(", ") }.into());
    }
    let Some(next) = status::running_or_next(&seen.builds) else {
        return Err(seen.why_none().unwrap_or_else(|| LogFault::NoChain {}.into()));
    };
    let waits = next.phase < Phase::Triggered && !request.follow && !request.agent;
    if !waits || request.named().is_some_and(|it| it.is_build(next)) {
        return Ok(Meant::There(Box::new(next.clone())));
    }
    let links = seen.builds.iter().filter(|build| !build.is_side());
    let over = links.filter(|build| build.verdict.is_some()).max_by_key(|build| build.generation);
    if let Some(over) = over {
        return Ok(Meant::There(Box::new(over.clone())));
    }
    if let Some((chain, entry)) = last_of(cluster, &next.chain).await? {
        return Ok(Meant::Gone(chain, Box::new(entry)));
    }
    Ok(Meant::There(Box::new(next.clone())))
}

/// The last build in a chain's history.
async fn last_of(cluster: &Cluster, chain: &str) -> Result<Option<(String, Entry)>> {
    let history = history_of(cluster, chain).await?;
    Ok(newest(&history).map(|entry| (chain.to_owned(), entry.clone())))
}

/// The build of this name, or the last of the chain of this name, that home knows.
async fn in_history(cluster: &Cluster, named: MeantName<'_>) -> Result<Option<(String, Entry)>> {
    let name = named.name;
    if !select::askable(name) {
        return Ok(None);
    }
    if named.may_be_chain()
        && let Some(found) = last_of(cluster, name).await?
    {
        return Ok(Some(found));
    }
    if !named.may_be_build() {
        return Ok(None);
    }
    let named = histories(cluster).await?.into_iter().flat_map(|(chain, entries)| {
        let named = entries.into_iter().filter(|entry| entry.namespace == name);
        named.map(move |entry| (chain.clone(), entry)).collect::<Vec<_>>()
    });
    // a name may have been drawn twice
    Ok(named.max_by_key(|(_, entry)| entry.times.get("recorded").copied()))
}

impl LogsRequest {
    fn named(&self) -> Option<MeantName<'_>> {
        self.name.as_deref().map(|name| MeantName { name, kind: self.kind })
    }

    /// The containers of a pod whose logs are asked for, as far as they have any.
    fn of<'a>(&self, build: &Build, pod: &'a Pod) -> Vec<&'a Container> {
        let of_agent = pod.is_agent_of(build);
        let wanted = |one: &&Container| match (&self.container, self.agent) {
            (_, true) => of_agent && one.name == AGENT_CONTAINER,
            (Some(name), false) => !of_agent && one.name == *name,
            (None, false) => pod.is_build_of(build),
        };
        pod.containers.iter().filter(wanted).collect()
    }

    /// The same of several pods, as far as they have any log.
    fn logs_in<'a>(&self, build: &Build, pods: &'a [Pod]) -> Vec<(&'a Pod, &'a Container)> {
        let of = |pod: &'a Pod| self.of(build, pod).into_iter().map(move |one| (pod, one));
        pods.iter().flat_map(of).filter(|(_, one)| one.has_log()).collect()
    }

    /// Whether all of a log is asked for.
    fn is_whole(&self) -> bool {
        self.since.is_none() && self.tail.is_none()
    }

    fn read(&self, pod: &Pod, container: &Container, follow: bool) -> ReadLog {
        ReadLog { since: self.since, tail: self.tail, ..ReadLog::of(pod, container, follow) }
    }
}

async fn pods_in(cluster: &Cluster, build: &Build) -> Result<Vec<Pod>> {
    Ok(cluster.list::<Pod>(&kind::PODS, Some(&build.namespace), &Query::default()).await?.items)
}

fn name_of(pod: &Pod, container: &Container) -> LogName {
    LogName { pod: pod.name.clone(), container: container.name.clone() }
}

/// What there is by now, one container after the other.
async fn there(
    cluster: &Cluster,
    request: &LogsRequest,
    build: &Build,
    pods: &[Pod],
    tell: LogSink<'_>,
) -> Result<LogsEnd> {
    let which = request.logs_in(build, pods);
    if which.is_empty() {
        return nothing(cluster, request, build, pods, tell).await;
    }
    for (pod, container) in &which {
        let mut log = cluster.read_log(request.read(pod, container, false));
        let of = name_of(pod, container);
        let mut file = LogFile::of(cluster, pod, container, request.is_whole(), true);
        while let Some(piece) = log.next().await {
            if let LogPiece::Failed(error) = piece {
                return Err(error.into());
            }
            if let Some(late) = file.late(&piece)
                && !tell(LogTold::Notice(late))
            {
                return Ok(LogsEnd::Unheard);
            }
            if !tell(LogTold::Piece { of: &of, several: which.len() > 1, piece: &piece }) {
                return Ok(LogsEnd::Unheard);
            }
        }
    }
    Ok(LogsEnd::Told)
}

/// No pod has what is asked for: what was kept, or why there is nothing.
async fn nothing(
    cluster: &Cluster,
    request: &LogsRequest,
    build: &Build,
    pods: &[Pod],
    tell: LogSink<'_>,
) -> Result<LogsEnd> {
    let namespace = build.namespace.clone();
    if request.agent {
        return Err(LogFault::DiaryGone { build: namespace }.into());
    }
    if build.verdict.is_none() || build.phase < Phase::Recorded {
        return Err(match &request.container {
            Some(name) if pods.iter().any(|pod| pod.is_build_of(build)) => {
                let mut names: Vec<&str> = pods
                    .iter()
                    .filter(|pod| !pod.is_agent_of(build))
                    .flat_map(|pod| &pod.containers)
                    .map(|one| one.name.as_str())
                    .collect();
                names.sort_unstable();
                names.dedup();
                LogFault::NoSuchContainer {
                    build: namespace,
                    container: name.clone(),
                    there: names.join(", "),
                }
            }
            _ => LogFault::NothingYet { build: namespace, phase: build.phase.to_string() },
        }
        .into());
    }
    let recorded = last_entry(cluster, build).await?;
    let kept = recorded.as_ref().is_none_or(|entry| entry.log_kept);
    let heard =
        tell_kept(cluster, request, (&build.chain, build.generation, &build.uid, &namespace), kept, tell)
            .await?;
    Ok(if heard { LogsEnd::Told } else { LogsEnd::Unheard })
}

/// What home's history has of a build that is there.
async fn last_entry(cluster: &Cluster, build: &Build) -> Result<Option<Entry>> {
    let entries = history_of(cluster, &build.chain).await?;
    Ok(entries.into_iter().find(|entry| entry.uid == build.uid))
}

async fn gone(
    cluster: &Cluster,
    request: &LogsRequest,
    chain: &str,
    entry: &Entry,
    tell: LogSink<'_>,
) -> Result<bool> {
    if request.agent {
        return Err(LogFault::DiaryGone { build: entry.namespace.clone() }.into());
    }
    let of = (chain, entry.generation, entry.uid.as_str(), entry.namespace.as_str());
    tell_kept(cluster, request, of, entry.log_kept, tell).await
}

#[cfg(test)]
mod tests;
