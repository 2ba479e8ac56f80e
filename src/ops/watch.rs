//! Follow a build, change by change, until its verdict; or a chain, build by build, until it ends or one of them is of a commit.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::StreamExt;

mod believed;
mod sought;

use super::status::{self, BareChain};
use crate::chain::bound::TimeBound;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::named::MeantName;
use crate::chain::proof::is_awaited;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster, Follow, Query};
use crate::state::build::readable;
use crate::state::error::{Error, Result, WatchFault};
use crate::state::head::head;
pub use sought::SoughtCommit;
use sought::recorded;

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

/// Who is told, until they have enough.
pub type WatchSink<'a> = &'a mut dyn FnMut(&Change) -> ControlFlow<()>;

/// Who is told what they should know besides, one sentence each.
pub type WarnSink<'a> = &'a mut dyn FnMut(&str);

/// What is followed, and how far.
#[derive(Debug, Clone, Copy)]
pub struct Watched<'a> {
    /// A chain, which means its running build, else the next one; or a build.
    pub name: Option<MeantName<'a>>,
    /// The chain of the checkout that this runs in, which is meant where none is named and it is there; else the only chain is.
    pub here: Option<&'a str>,
    /// How far.
    pub until: Until<'a>,
}

/// How far something is followed.
#[derive(Debug, Clone, Copy)]
pub enum Until<'a> {
    /// To the build's verdict.
    Verdict,
    /// From build to build, as long as the chain has another one.
    ChainEnds,
    /// To the verdict of a commit's newest build in the chain, whose push may be still to come.
    VerdictOf(SoughtCommit<'a>),
}

/// How it ended.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEnd {
    /// With the verdict of the build.
    Verdict(Verdict),
    /// The chain has ended, and how.
    ChainEnded(String, String),
    /// The commit has had no build, and this one is of a later commit, which contains it.
    PassedOver(Box<Build>),
    /// Who is told has enough.
    Unheard,
}

/// How soon a build that says nothing is looked at from outside, and how seldom at least. The next build is looked for as often.
const LOOK: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(16));

/// Follows what is meant, and tells of each change.
///
/// # Errors
/// [`WatchFault::NoVerdict`] or [`WatchFault::NoBuildOf`] after `bound`; [`WatchFault::NoRevision`] where nobody can say whether a
/// build is the one that is waited for; [`WatchFault::DeletedBeforeVerdict`] if the namespace vanishes before there is a
/// verdict and that is all that is waited for; [`Error::NotProvablyOurs`] of what only says that it is a build of its chain, where
/// it was named itself or is all that is waited for.
pub async fn watch(
    cluster: &Cluster,
    watched: Watched<'_>,
    bound: Option<Duration>,
    tell: WatchSink<'_>,
    warn: WarnSink<'_>,
) -> Result<WatchEnd> {
    let Watched { name, here, until } = watched;
    let here = here.map(MeantName::from);
    let mut seen = status::believed(cluster, name.or(here)).await?;
    if let Some(named) = name.or(here.filter(|here| seen.has(*here)))
        && let Err(absent) = status::choose(&mut seen, named)
    {
        return match (status::bare(cluster, &seen, named).await, until) {
            (Some(BareChain { chain, ended: Some(how), .. }), Until::ChainEnds) => {
                Ok(WatchEnd::ChainEnded(chain, how))
            }
            (Some(bare), Until::VerdictOf(sought)) => {
                let ended = recorded(cluster, &bare.chain, sought, tell).await?;
                ended.ok_or_else(|| bare.into())
            }
            (bare, _) => Err(bare.map_or(absent, Error::from)),
        };
    }
    let mut chains: Vec<&str> = seen.builds.iter().map(|build| build.chain.as_str()).collect();
    chains.sort_unstable();
    chains.dedup();
    if chains.len() > 1 {
        return Err(WatchFault::SeveralChains { chains: chains.join(", ") }.into());
    }
    let Some(build) = status::running_or_next(&seen.builds).cloned() else {
        return Err(seen.why_none().unwrap_or_else(|| WatchFault::NothingToWatch {}.into()));
    };
    seen.notices.iter().for_each(|notice| warn(notice));
    let doubted = is_awaited(&build);
    let mut going = Watcher::new(cluster, until, build, Some(warn));
    going.doubted = doubted;
    going.abandoned = seen.abandoned;
    going.named = name.is_some_and(|name| name.is_build(&going.build));
    if !going.named {
        let chain = going.build.chain.clone();
        going.warn_of(seen.apart.into_iter().filter(|(build, _)| build.chain == chain));
    }
    going.within(bound, tell).await
}

/// Follows this very build; its verdict, unless who is told has enough.
///
/// # Errors
/// As [`watch`].
pub async fn watch_build(
    cluster: &Cluster,
    build: &Build,
    bound: Option<Duration>,
    tell: WatchSink<'_>,
) -> Result<Option<Verdict>> {
    // whoever hands it in has made it, or has proved it
    match Watcher::new(cluster, Until::Verdict, build.clone(), None).within(bound, tell).await? {
        WatchEnd::Verdict(verdict) => Ok(Some(verdict)),
        WatchEnd::ChainEnded(..) | WatchEnd::PassedOver(_) | WatchEnd::Unheard => Ok(None),
    }
}

/// What is being followed.
struct Watcher<'a> {
    cluster: &'a Cluster,
    until: Until<'a>,
    /// The build that it is at, as it was seen last.
    build: Build,
    /// Whether it was named itself, and not its chain.
    named: bool,
    /// Whether nothing is proved of it yet.
    doubted: bool,
    /// Namespaces in which nothing will be built, since the chain had ended when it was looked at, and how.
    abandoned: BTreeMap<String, String>,
    /// uids of claims that were followed and came to nothing.
    let_go: Vec<String>,
    /// uids of those that were said not to be believed.
    warned: Vec<String>,
    warn: Option<WarnSink<'a>>,
}

impl<'a> Watcher<'a> {
    fn new(cluster: &'a Cluster, until: Until<'a>, build: Build, warn: Option<WarnSink<'a>>) -> Self {
        let (warned, let_go, abandoned) = (Vec::new(), Vec::new(), BTreeMap::new());
        Self { cluster, until, build, named: false, doubted: false, abandoned, let_go, warned, warn }
    }

    fn go_to(&mut self, build: Build) {
        self.named &= self.build.uid == build.uid;
        self.doubted = is_awaited(&build);
        self.build = build;
    }

    async fn within(mut self, bound: Option<Duration>, tell: WatchSink<'_>) -> Result<WatchEnd> {
        let going = Box::pin(self.go_on(tell));
        let Some(bound) = bound else { return going.await };
        let ended = tokio::time::timeout(bound, going).await;
        ended.unwrap_or_else(|_| Err(self.no_verdict(bound).into()))
    }

    async fn go_on(&mut self, tell: WatchSink<'_>) -> Result<WatchEnd> {
        if let Until::VerdictOf(sought) = self.until
            && let Some(end) = self.look_for(sought, tell).await?
        {
            return Ok(end);
        }
        if let Some(how) = self.abandoned.remove(&self.build.namespace) {
            let Build { namespace, chain, .. } = self.build.clone();
            return match self.until {
                Until::Verdict => Err(WatchFault::NeverBuilds { namespace, chain, how }.into()),
                Until::ChainEnds | Until::VerdictOf(_) => Ok(WatchEnd::ChainEnded(chain, how)),
            };
        }
        loop {
            let followed = self.follow(tell).await;
            if let Ok(ControlFlow::Break(())) = followed {
                return Ok(WatchEnd::Unheard);
            }
            // in the place of a claim that came to nothing another build of its generation may be, or come
            let from = self.build.generation + u64::from(!self.doubted);
            let mut end = self.end_here(followed.err())?;
            if end.is_none() {
                if self.doubted {
                    self.let_go.push(self.build.uid.clone());
                    tokio::time::sleep(LOOK.0).await;
                }
                end = self.next(from).await?;
            }
            // whoever sleeps meanwhile may miss a build from its push to its disposal
            if let (None, Until::VerdictOf(sought)) = (&end, self.until)
                && self.build.generation > from
            {
                end = self.look_for(sought, tell).await?;
            }
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    /// What comes of a build that was followed as far as it is to be, or to this error; none = the next one is to be followed.
    fn end_here(&self, error: Option<Error>) -> Result<Option<WatchEnd>> {
        let build = &self.build;
        let goes_on = match self.until {
            Until::Verdict => false,
            Until::ChainEnds => true,
            Until::VerdictOf(sought) => self.doubted || !sought.is_of(build),
        };
        match error {
            Some(Error::Watch(WatchFault::DeletedBeforeVerdict { .. })) if goes_on => return Ok(None),
            // whoever follows a chain has not asked for this one, which may be given up or be somebody else's
            Some(Error::NotProvablyOurs { .. }) if goes_on && !self.named => return Ok(None),
            Some(error) => return Err(error),
            None if goes_on && self.doubted => return Ok(None),
            None => {}
        }
        match self.until {
            _ if !goes_on => Ok(build.verdict.map(WatchEnd::Verdict)),
            Until::VerdictOf(sought) if sought.is_in(build) => {
                Ok(Some(WatchEnd::PassedOver(Box::new(build.clone()))))
            }
            Until::VerdictOf(sought) if build.version.is_some() && build.revision.is_none() => {
                let (build, revision) = (build.namespace.clone(), sought.id.to_owned());
                Err(WatchFault::NoRevision { build, revision }.into())
            }
            _ => Ok(None),
        }
    }

    fn is_recorded(&self) -> bool {
        self.build.verdict.is_some() && self.build.phase >= Phase::Recorded
    }

    /// Whether this build need not be followed any further.
    fn is_over(&self) -> bool {
        let build = &self.build;
        self.is_recorded()
            || match self.until {
                Until::Verdict => false,
                // what a claim says of its image may be anybody's
                _ if self.doubted => build.terminating,
                // a listener that `start` or `stop` puts away may be Terminating for long
                Until::ChainEnds => build.terminating,
                Until::VerdictOf(sought) if sought.is_of(build) => false,
                Until::VerdictOf(_) => build.version.is_some() || build.terminating,
            }
    }

    /// Goes on to the next build, of generation `from` or later, once it is there; or how the chain has ended.
    async fn next(&mut self, from: u64) -> Result<Option<WatchEnd>> {
        let chain = self.build.chain.clone();
        let mut pause = LOOK.0;
        loop {
            // before the builds: a `start` in between brings one
            let head = head(self.cluster, &chain).await?;
            let mut builds = status::builds_of_chain(self.cluster, &chain).await?;
            builds.retain(|build| build.generation >= from && !build.terminating);
            builds.retain(|build| build.is_side() == self.build.is_side());
            let builds = self.believed(builds, head.as_ref()).await?;
            if let Some(next) = builds.into_iter().min_by_key(|build| build.generation) {
                self.go_to(next);
                return Ok(None);
            }
            let how = match head {
                Some(head) if head.uuid == self.build.chain_uuid => head.ended,
                _ => Some("its records are gone".to_owned()),
            };
            if let Some(how) = how {
                return Ok(Some(WatchEnd::ChainEnded(chain, how)));
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LOOK.1);
        }
    }

    fn no_verdict(&self, bound: Duration) -> WatchFault {
        let bound = TimeBound(bound);
        match self.until {
            Until::VerdictOf(sought) if self.doubted || !sought.is_of(&self.build) => WatchFault::NoBuildOf {
                chain: self.build.chain.clone(),
                revision: sought.id.to_owned(),
                bound,
            },
            _ => WatchFault::NoVerdict { namespace: self.build.namespace.clone(), bound },
        }
    }

    fn gone(&self) -> Error {
        WatchFault::DeletedBeforeVerdict {
            namespace: self.build.namespace.clone(),
            object: wire::history_object(&self.build.chain),
        }
        .into()
    }

    /// Follows the build as far as it is to be followed.
    async fn follow(&mut self, tell: WatchSink<'_>) -> Result<ControlFlow<()>> {
        let query = Query::named(&self.build.namespace);
        let mut events = self.cluster.watch::<NamespaceObject>(&kind::NAMESPACES, None, Follow::new(query));
        let mut before: Option<Build> = None;
        let mut outside: Option<String> = None;
        let mut pause = LOOK.0;
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                () = tokio::time::sleep(pause) => {
                    pause = (2 * pause).min(LOOK.1);
                    // what only says that it is a build does nothing by which that would be seen
                    if let (true, Some(build)) = (self.doubted, &before)
                        && let Err(error @ Error::NotProvablyOurs { .. }) = self.prove(build).await
                    {
                        return Err(error);
                    }
                    // who may not look, or cannot at this moment, is told what the agent says
                    if let Some(build) = &before
                        && let Ok((signs, _)) = status::signs_of(self.cluster, build).await
                        && let Some(why) = signs.sentence()
                        && outside.as_ref() != Some(&why)
                    {
                        outside = Some(why.clone());
                        let after = build.clone();
                        if tell(&Change { before: before.clone(), after, outside: Some(why) }).is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    continue;
                }
            };
            let Some(event) = event else { return Err(self.gone()) };
            let namespace = match event {
                cluster::WatchEvent::Added(namespace) | cluster::WatchEvent::Modified(namespace) => namespace,
                cluster::WatchEvent::Restarted(mut list) => list.items.pop().ok_or_else(|| self.gone())?,
                cluster::WatchEvent::Deleted(_) => return Err(self.gone()),
                cluster::WatchEvent::Bookmark(_) => continue,
                cluster::WatchEvent::Trouble(error) if error.is_transient() => continue,
                cluster::WatchEvent::Trouble(error) => return Err(error.into()),
            };
            if namespace.metadata.uid != self.build.uid {
                return Err(self.gone());
            }
            let after = readable(&namespace)?;
            if self.doubted {
                self.prove(&after).await?;
            }
            if before.as_ref() != Some(&after) {
                pause = LOOK.0;
                if tell(&Change { before, after: after.clone(), outside: None }).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            self.build = after.clone();
            if self.is_over() {
                return Ok(ControlFlow::Continue(()));
            }
            before = Some(after);
        }
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
