//! Adoption: what a later agent of the chain does for a build whose own agent has not run for some minutes.
//!
//! It decides by a table of its own, which only ever ends a build: what its Job has come to is recorded, a build that
//! has no Job is Errored, support goes to zero, and the slot is free. Nothing is begun for somebody else: no Job, no
//! support, no listener. Each write carries the version of what it was decided on, so that an agent that comes back
//! meanwhile and its stand-in are like two agents of one listener: one of them is told to look again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::observation::Observation;
use super::step::{Action, cancelled, holds_slot};
use super::verdict::Judged;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::head::Head;

/// The builds before `own` that may be without an agent: unfinished, and unchanged for as long as `patience`. Lowest
/// generation first. Whether their agents run is not known yet.
pub fn suspects<'a>(
    builds: &'a [Build],
    own: &Build,
    head: &Head,
    now: Timestamp,
    patience: SignedDuration,
) -> Vec<&'a Build> {
    let mut suspects: Vec<&Build> = builds
        .iter()
        .filter(|build| build.chain_uuid == own.chain_uuid && build.generation < own.generation)
        .filter(|build| !build.terminating && unfinished(build, head))
        .filter(|build| build.times.values().max().is_none_or(|changed| *changed + patience <= now))
        .collect();
    suspects.sort_by_key(|build| build.generation);
    suspects
}

/// Whether a build has triggered and is not at its end.
fn unfinished(build: &Build, head: &Head) -> bool {
    match build.phase {
        Phase::Claimed | Phase::Listening | Phase::Disposing => false,
        // what has not moved the head is a listener still
        Phase::Triggered => head.has_moved(build.generation),
        Phase::Finished => head.slots.contains_key(&build.generation),
        _ => true,
    }
}

/// The Namespace that a build slot names.
#[derive(Debug, Clone, Copy)]
pub struct Holder<'a> {
    /// The uuid that proves whose it is.
    pub owner: Option<&'a str>,
    /// Its phase; none where it cannot be read.
    pub phase: Option<Phase>,
    /// Since when it is on its way out.
    pub going: Option<Timestamp>,
}

/// Whether nobody will ever give a slot back: its namespace is gone, or has been going for as long as `patience`, or
/// is another one of that name, or has nothing to build any more. What cannot be read holds its slot.
///
/// `owner`: the uuid that proves the namespace of that generation.
pub fn slot_is_lost(
    holder: Option<Holder<'_>>,
    owner: &str,
    now: Timestamp,
    patience: SignedDuration,
) -> bool {
    let Some(holder) = holder else { return true };
    holder.owner != Some(owner)
        || holder.phase.is_some_and(|phase| phase >= Phase::Finished)
        || holder.going.is_some_and(|since| since + patience <= now)
}

/// Since when each of several agents was not seen at work, by uid of its namespace.
#[derive(Debug, Default)]
pub struct Absences(BTreeMap<String, Timestamp>);

impl Absences {
    /// Writes down whether the agent of that namespace runs now. `true` once it was not seen for as long as `patience`.
    pub fn note(&mut self, uid: &str, runs: bool, now: Timestamp, patience: SignedDuration) -> bool {
        if runs {
            self.0.remove(uid);
            return false;
        }
        let since = *self.0.entry(uid.to_owned()).or_insert(now);
        since + patience <= now
    }
}

/// Decides the next action for a build whose agent is gone.
pub fn step(o: &Observation) -> Action {
    if !unfinished(&o.build, &o.head) && o.build.phase != Phase::Finished {
        return Action::Wait(None);
    }
    let errored = |why: &str| Action::Record(Verdict::Errored, format!("the build's agent was gone {why}"));
    match o.build.phase {
        _ if o.listener.keyed => Action::Detach,
        Phase::Recorded | Phase::Finished if holds_slot(o) => Action::FreeSlot(o.build.generation),
        // a later generation is at work, or nobody would be here: the dispatch was done, and only not written down
        Phase::Recorded if !o.build.dispatch.settled() => Action::SettleDispatch,
        Phase::Recorded => Action::Finish,
        Phase::Finished => Action::Sleep,
        phase => match (&o.build.verdict, &o.judged) {
            (Some(verdict), _) => Action::Record(*verdict, o.build.cause.clone().unwrap_or_default()),
            (None, _) if phase != Phase::Building => errored("before its build had begun"),
            (None, Judged::NoJob) => errored("before it had made the build's Job"),
            (None, Judged::JobGone) => cancelled(),
            (None, Judged::Over(verdict, cause)) => Action::Record(*verdict, cause.clone()),
            (None, Judged::Going(why)) => {
                let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                Action::Wait(Some(format!("its agent is gone; a later one records how its Job ends{why}")))
            }
        },
    }
}
