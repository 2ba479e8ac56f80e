//! The build of a commit: found among those that are there and those that are gone, or still to come.

use super::{Change, WatchEnd, WatchSink, Watcher};
use crate::chain::build::Build;
use crate::chain::outbox::of_history;
use crate::chain::proof::is_awaited;
use crate::chain::revision::is_same_commit;
use crate::cluster::Cluster;
use crate::ops::report::history_of;
use crate::ops::status;
use crate::state::error::Result;

/// The commit whose build is waited for.
#[derive(Debug, Clone, Copy)]
pub struct SoughtCommit<'a> {
    /// Its id, or the beginning of it.
    pub id: &'a str,
    /// Whether the first of two commits has the second one among its ancestors, as far as that is known here.
    pub contains: fn(&str, &str) -> bool,
}

impl SoughtCommit<'_> {
    pub(super) fn is_of(self, build: &Build) -> bool {
        build.revision.as_ref().is_some_and(|revision| is_same_commit(revision, self.id))
    }

    pub(super) fn is_in(self, build: &Build) -> bool {
        build.revision.as_ref().is_some_and(|revision| (self.contains)(revision, self.id))
    }
}

/// How the newest build of this commit has ended, of a chain of which no namespace is there any more; none where it has had none.
pub(super) async fn recorded(
    cluster: &Cluster,
    chain: &str,
    sought: SoughtCommit<'_>,
    tell: WatchSink<'_>,
) -> Result<Option<WatchEnd>> {
    let history = history_of(cluster, chain).await?;
    let gone = history.iter().map(|it| of_history(it, chain, "")).filter(|build| !build.is_side());
    let of_commit = gone.filter(|build| build.verdict.is_some() && sought.is_of(build));
    let Some(after) = of_commit.max_by_key(|build| build.generation) else { return Ok(None) };
    let verdict = after.verdict;
    let _ = tell(&Change { before: None, after, outside: None });
    Ok(verdict.map(WatchEnd::Verdict))
}

impl Watcher<'_> {
    /// Finds the newest build of this commit, and else the one from which on to wait for it; or how that has ended already.
    pub(super) async fn look_for(
        &mut self,
        sought: SoughtCommit<'_>,
        tell: WatchSink<'_>,
    ) -> Result<Option<WatchEnd>> {
        let (chain, uuid) = (&self.build.chain.clone(), &self.build.chain_uuid.clone());
        let there = status::builds_of_chain(self.cluster, chain).await?;
        let mut there = self.believed(there, None).await?;
        let mut gone: Vec<Build> =
            history_of(self.cluster, chain).await?.iter().map(|it| of_history(it, chain, uuid)).collect();
        // the verdict of a push is meant, and not of what somebody has built of the same commit by hand
        there.retain(|build| !build.is_side());
        gone.retain(|build| !build.is_side());
        gone.retain(|build| build.verdict.is_some() && there.iter().all(|other| other.uid != build.uid));
        let newest =
            |builds: &mut dyn Iterator<Item = &Build>| builds.max_by_key(|build| build.generation).cloned();
        // nor does a claim that is not settled yet tell anything that could be believed
        let telling = || there.iter().filter(|build| !is_awaited(build)).chain(&gone);
        let of_commit = newest(&mut telling().filter(|build| sought.is_of(build)));
        if let Some(after) = of_commit {
            let verdict = after.verdict.filter(|_| gone.contains(&after));
            if let Some(verdict) = verdict {
                let _ = tell(&Change { before: None, after, outside: None });
                return Ok(Some(WatchEnd::Verdict(verdict)));
            }
            self.go_to(after);
            return Ok(None);
        }
        // whatever has been built before may not tell its revision: that is asked of what is built from now on
        let built = newest(&mut telling().filter(|build| build.version.is_some()));
        if let Some(built) = built.filter(|built| sought.is_in(built)) {
            return Ok(Some(WatchEnd::PassedOver(Box::new(built))));
        }
        if let Some(from) = status::running_or_next(&there) {
            self.go_to(from.clone());
        }
        if self.is_recorded() { self.next(self.build.generation + 1).await } else { Ok(None) }
    }
}
