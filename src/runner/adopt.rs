//! Builds of the chain whose own agent is gone: who waits looks after them, on a slow timer.
//!
//! Those who wait are the newest listener and the queued builds. An agent at work writes a heartbeat on its Namespace; one
//! whose heartbeat does not change is gone. A waiting agent's rights end at its own namespace, so it first binds itself in
//! the one whose build it ends, as whoever disposes of a build does. Then it runs the very same loop as an agent's, over that build,
//! by the table of [`adopt`].

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::memory::Cache;
use super::{Agent, Flow, Identity, Role};
use crate::agent::Observation;
use crate::agent::adopt::{self, Holder};
use crate::chain::build::{Build, Phase};
use crate::chain::head::Head;
use crate::chain::rights;
use crate::chain::rights::BuildNamespace;
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::build::read_build;
use crate::state::error::Result;
use crate::state::{head, select, write};

/// How soon an adopted build whose Job runs is looked at again.
const WATCHED: Duration = Duration::from_secs(30);

/// How this agent looks after others.
#[derive(Default)]
pub(super) struct Watchfulness {
    /// How long an agent must not have run; unknown until this one waits.
    patience: Option<Duration>,
    /// When to look next; none while there is something to do, since who waits then looks.
    pub(super) due: Option<Timestamp>,
    /// This agent's build as it was seen last.
    own: Option<Build>,
    /// uids of the namespaces in which it has bound itself.
    entered: BTreeSet<String>,
    absences: adopt::Absences,
}

impl Agent<'_> {
    /// Sets the time of the next look, for a build that waits.
    pub(super) fn arm_watchfulness(&mut self, build: &Build, patience: Duration) {
        let watch = &mut self.watch;
        watch.own = Some(build.clone());
        watch.patience = Some(patience);
        if watch.due.is_none() {
            watch.due = Some((self.clock)() + patience);
        }
    }

    /// Looks after the builds before this one, if it is time to. Whether there is something else to say of them now.
    pub(super) async fn look_after(&mut self) -> bool {
        let (Some(patience), Some(own)) = (self.watch.patience, self.watch.own.clone()) else {
            return false;
        };
        let looked = self.look_around(&own).await;
        let again = match &looked {
            Ok((head, there)) => {
                let builds: Vec<Build> = there.iter().filter_map(|it| read_build(it).ok()).collect();
                let mut again = patience;
                for build in adopt::suspects(&builds, &own, head, self.now(), bound(patience)) {
                    if !self.look_into(&own, build, patience).await {
                        again = again.min(WATCHED);
                    }
                }
                again
            }
            Err(error) => {
                self.note(&format!("cannot look after earlier builds: {error}"));
                patience.min(WATCHED)
            }
        };
        let said = (self.findings.untidied.clone(), self.telling.unpublished.clone());
        let mut next = None;
        if own.phase <= Phase::Listening {
            let known = match &looked {
                Ok((head, there)) => {
                    self.give_up_sides(&own, head).await;
                    self.close_lost(&own, head, there).await
                }
                Err(_) => None,
            };
            next = self.publish_due(&own, known).await;
            if let Ok((_, there)) = looked {
                self.tidy(&own, Some(there)).await;
            }
        }
        let again = self.now() + again;
        self.watch.due = Some(next.map_or(again, |next| next.min(again)));
        said != (self.findings.untidied.clone(), self.telling.unpublished.clone())
    }

    /// Takes back what somebody has begun to have built by hand an hour ago, and left half made: it is disposed of as what is over.
    async fn give_up_sides(&mut self, own: &Build, head: &Head) {
        let Some(patch) = head.give_up_sides(self.now()) else { return };
        match head::move_head(self.cluster, &own.chain, &patch).await {
            Err(error) if !error.is_conflict() => {
                self.note(&format!("cannot give up what is half made: {error}"));
            }
            _ => {}
        }
    }

    /// The chain's head and its namespaces: one look for all that is done on this timer.
    async fn look_around(&self, own: &Build) -> Result<(Head, Vec<NamespaceObject>)> {
        let head = head::head_of(self.cluster, &own.chain).await?;
        Ok((head, self.namespaces_of_chain(&own.chain).await?))
    }

    /// Ends a build for its agent, if that has not run for long enough. `false` where it must be looked at again soon.
    async fn look_into(&mut self, own: &Build, build: &Build, patience: Duration) -> bool {
        let ended = async {
            if !self.is_orphan(own, build, bound(patience)).await? {
                return Ok(true);
            }
            let (place, seconds) = (&build.namespace, patience.as_secs());
            self.note(&format!(
                "the agent of {place} has given no sign of life for {seconds} s: ending its build for it"
            ));
            Box::pin(self.stand_in(build)).await
        };
        match ended.await {
            Ok(ended) => ended,
            Err(error) => {
                self.note(&format!("cannot end the build in {}: {error}", build.namespace));
                false
            }
        }
    }

    /// Whether a build's agent has given no sign of life for some time; if so, this one binds itself there. Only what the head
    /// proves to be the chain's is a suspect.
    async fn is_orphan(&mut self, own: &Build, build: &Build, patience: SignedDuration) -> Result<bool> {
        let (now, beat) = (self.now(), build.heartbeat.as_deref());
        if !self.watch.absences.note(&build.uid, beat, now, patience) {
            return Ok(false);
        }
        self.enter_earlier(own, build).await?;
        Ok(true)
    }

    /// Binds this agent in the namespace of an earlier build.
    pub(super) async fn enter_earlier(&mut self, own: &Build, build: &Build) -> Result<()> {
        if !self.watch.entered.contains(&build.uid) {
            let there = BuildNamespace { chain: &build.chain, namespace: &build.namespace, uid: &build.uid };
            for binding in rights::bind_predecessor(&there, &own.namespace, &own.uid, false) {
                write::create(self.cluster, &binding).await?;
            }
            self.watch.entered.insert(build.uid.clone());
        }
        Ok(())
    }

    /// Name of a build's listener: the record may know another one by now. None where it is gone.
    async fn listener_of(&self, build: &Build) -> Result<Option<String>> {
        // the binding there is moments old
        let found = write::patiently(self.cluster, || select::listener(self.cluster, build)).await?;
        Ok(found.map(|found| found.name))
    }

    /// Ends a build for its agent. `false` while its Job runs still.
    async fn stand_in(&mut self, build: &Build) -> Result<bool> {
        let listener = self.listener_of(build).await?;
        let (record, _) = self.known(build).await?;
        let me = Identity {
            namespace: build.namespace.clone(),
            role: Role::StandIn,
            deployment: listener.unwrap_or_else(|| record.settings.workload.clone()),
            container: record.settings.container.clone(),
            told: self.me.told.clone(),
        };
        let mut other = Agent::new(self.cluster, me, self.clock, self.renderer, self.say);
        other.cache = Cache { confined: true, known: self.cache.known.clone(), ..Cache::default() };
        other.end_build().await
    }

    /// Ends the build of an agent that is gone, in its place. `false` while its Job runs still.
    pub(super) async fn end_build(&mut self) -> Result<bool> {
        loop {
            let mut seen = Box::pin(self.observe()).await?;
            loop {
                let action = adopt::step(&seen);
                self.note_action(&action, &seen.build.namespace);
                match Box::pin(self.carry_out(action, &mut seen)).await? {
                    Flow::Again => self.observe_work(&mut seen).await?,
                    Flow::Look => break,
                    Flow::Wait => return Ok(seen.build.phase >= Phase::Finished),
                }
            }
        }
    }
}

impl Agent<'_> {
    /// The chain's builds, as far as they can be read.
    pub(super) async fn builds_of_chain(&self, chain: &str) -> Result<Vec<Build>> {
        let there = self.namespaces_of_chain(chain).await?;
        Ok(there.iter().filter_map(|namespace| read_build(namespace).ok()).collect())
    }

    async fn namespaces_of_chain(&self, chain: &str) -> Result<Vec<NamespaceObject>> {
        Ok(self.cluster.list(&kind::NAMESPACES, None, &select::chain(chain)).await?.items)
    }

    /// Generations whose build slot nobody will give back.
    pub(super) async fn lost_slots(&mut self, seen: &Observation) -> Result<Vec<u64>> {
        let patience = bound(self.plan(seen).await?.build.settings.adopt_after);
        Self::lost_slots_of(self.cluster, &seen.head, self.now(), patience).await
    }

    /// The same of a head.
    pub(super) async fn lost_slots_of(
        cluster: &Cluster,
        head: &Head,
        now: Timestamp,
        patience: SignedDuration,
    ) -> Result<Vec<u64>> {
        let mut lost = Vec::new();
        for (generation, namespace) in &head.slots {
            let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
            let holder = found.as_ref().map(|found| Holder {
                proved: head.uid_of(*generation) == Some(&found.metadata.uid),
                phase: read_build(found).ok().map(|build| build.phase),
                going: found.metadata.deletion_timestamp,
            });
            if adopt::slot_is_lost(holder, now, patience) {
                lost.push(*generation);
            }
        }
        Ok(lost)
    }
}

fn bound(patience: Duration) -> SignedDuration {
    SignedDuration::try_from(patience).unwrap_or(SignedDuration::MAX)
}
