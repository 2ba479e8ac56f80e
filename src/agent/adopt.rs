//! Adoption: what a later agent of the chain does for a build whose own agent has given no sign of life for some minutes.
//!
//! It decides by a table of its own, which only ever ends a build: what its Job has come to is recorded, a build that
//! has no Job is Errored, support goes to zero, and the slot is free. Nothing is begun for somebody else: no Job, no
//! support, no listener. Each write carries the version of what it was decided on, so that an agent that comes back
//! meanwhile and its stand-in are like two agents of one listener: one of them is told to look again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::action::Action;
use super::observation::Observation;
use super::step::{cancel, cancelled, end_left, holds_slot, taken_back};
use super::verdict::Judged;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::head::Head;

/// The builds before `own`, and side builds, that may be without an agent: unfinished, and unchanged for as long as `patience`.
/// Lowest generation first. Whether their agents run is not known yet.
pub fn suspects<'a>(
    builds: &'a [Build],
    own: &Build,
    head: &Head,
    now: Timestamp,
    patience: SignedDuration,
) -> Vec<&'a Build> {
    let mut suspects: Vec<&Build> = builds
        .iter()
        .filter(|build| head.proves(build) && build.uid != own.uid)
        .filter(|build| build.is_side() || build.generation < own.generation)
        .filter(|build| !build.terminating && unfinished(build, head))
        .filter(|build| build.times.values().max().is_none_or(|changed| *changed + patience <= now))
        .collect();
    suspects.sort_by_key(|build| build.generation);
    suspects
}

/// Whether a build has triggered and is not at its end. A side build has, once it is complete: nobody else would begin it.
pub fn unfinished(build: &Build, head: &Head) -> bool {
    match build.phase {
        Phase::Claimed | Phase::Listening => {
            build.is_side() && head.has_moved(build.generation) && head.ended.is_none()
        }
        Phase::Disposing => false,
        // what has not moved the head is a listener still
        Phase::Triggered => head.has_moved(build.generation),
        Phase::Finished => head.slots.contains_key(&build.generation),
        _ => true,
    }
}

/// The Namespace that a build slot names.
#[derive(Debug, Clone, Copy)]
pub struct Holder {
    /// Whether it is the very namespace of the slot's generation.
    pub proved: bool,
    /// Its phase; none where it cannot be read.
    pub phase: Option<Phase>,
    /// Since when it is on its way out.
    pub going: Option<Timestamp>,
}

/// Whether nobody will ever give a slot back: its namespace is gone, or has been going for as long as `patience`, or
/// is another one of that name, or has nothing to build any more. What cannot be read holds its slot.
pub fn slot_is_lost(holder: Option<Holder>, now: Timestamp, patience: SignedDuration) -> bool {
    let Some(holder) = holder else { return true };
    !holder.proved
        || holder.phase.is_some_and(|phase| phase >= Phase::Finished)
        || holder.going.is_some_and(|since| since + patience <= now)
}

/// The last sign of life of each of several agents, and since when it is the same one; by uid of its namespace.
///
/// Not the state of its pod: the CI container keeps that "Running" while the agent beside it ends again and again.
#[derive(Debug, Default)]
pub struct Absences(BTreeMap<String, (Option<String>, Timestamp)>);

impl Absences {
    /// Writes down the heartbeat of that namespace's agent. `true` once it has not changed for as long as `patience`.
    pub fn note(&mut self, uid: &str, beat: Option<&str>, now: Timestamp, patience: SignedDuration) -> bool {
        match self.0.get(uid) {
            Some((last, since)) if last.as_deref() == beat => *since + patience <= now,
            _ => {
                self.0.insert(uid.to_owned(), (beat.map(str::to_owned), now));
                false
            }
        }
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
        Phase::Recorded if !o.left.is_empty() => end_left(o).unwrap_or(Action::Wait(None)),
        // a later generation is at work, or nobody would be here: the dispatch was done, and only not written down
        Phase::Recorded if !o.build.dispatch.settled() => Action::SettleDispatch,
        Phase::Recorded => Action::Finish,
        Phase::Finished => Action::Sleep,
        phase => match (&o.build.verdict, &o.judged) {
            (Some(verdict), _) => Action::Record(*verdict, o.build.cause.clone().unwrap_or_default()),
            (None, _) if o.build.cancel.is_some() => cancel(o),
            (None, _) if phase != Phase::Building => errored("before its build had begun"),
            (None, Judged::NoJob) => errored("before it had made the build's Job"),
            (None, Judged::Gated) => errored("before its build had begun"),
            (None, Judged::Unadmitted(queued)) => taken_back(&queued.sentence),
            (None, Judged::JobGone) => cancelled(),
            (None, Judged::Over(verdict, cause)) => Action::Record(*verdict, cause.clone()),
            (None, Judged::Going(why)) => {
                let why = why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
                Action::Wait(Some(format!("its agent is gone; a later one records how its Job ends{why}")))
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::step::tests::{detached, version};
    use super::*;
    use crate::chain::build::Dispatch;
    use crate::chain::head::SideClaim;
    use crate::chain::side;

    const PATIENCE: SignedDuration = SignedDuration::from_secs(300);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_build_without_an_agent_is_only_ever_ended() {
        for (phase, judged, want) in [
            (
                Phase::Triggered,
                Judged::NoJob,
                "Errored: the build's agent was gone before its build had begun",
            ),
            (
                Phase::Detached,
                Judged::NoJob,
                "Errored: the build's agent was gone before its build had begun",
            ),
            (Phase::Queued, Judged::NoJob, "Errored: the build's agent was gone before its build had begun"),
            (
                Phase::Preparing,
                Judged::NoJob,
                "Errored: the build's agent was gone before its build had begun",
            ),
            (
                Phase::Building,
                Judged::NoJob,
                "Errored: the build's agent was gone before it had made the build's Job",
            ),
            (Phase::Building, Judged::JobGone, "Cancelled: the build's Job was deleted before it had ended"),
            (Phase::Building, Judged::Over(Verdict::Failed, "exit 3".into()), "Failed: exit 3"),
        ] {
            let mut o = detached(phase);
            o.judged = judged;
            let Action::Record(verdict, cause) = step(&o) else { panic!("{phase}: {:?}", step(&o)) };
            assert_eq!(format!("{verdict}: {cause}"), want);
            o.build.verdict = Some(Verdict::Errored);
            o.build.cause = Some("policy: never".into());
            assert_eq!(
                step(&o),
                Action::Record(Verdict::Errored, "policy: never".into()),
                "{phase}: decided"
            );
            o.listener.keyed = true;
            assert_eq!(step(&o), Action::Detach, "{phase}: Keel first");
        }
        let mut o = detached(Phase::Building);
        o.judged = Judged::Going(Some("no node".into()));
        assert!(
            matches!(step(&o), Action::Wait(Some(why)) if why.contains("agent is gone") && why.contains("no node"))
        );
    }

    #[test]
    fn after_the_verdict_slot_dispatch_support_listener() {
        let mut o = detached(Phase::Recorded);
        o.head.slots.insert(3, "ci-a".into());
        o.build.dispatch = Dispatch::Claimed;
        assert_eq!(step(&o), Action::FreeSlot(3));
        o.head.slots.clear();
        assert_eq!(step(&o), Action::SettleDispatch);
        o.build.dispatch = Dispatch::Done;
        assert_eq!(step(&o), Action::Finish);
        o.build.phase = Phase::Finished;
        assert_eq!(step(&o), Action::Sleep);
        o.head.slots.insert(3, "ci-a".into());
        assert_eq!(step(&o), Action::FreeSlot(3));
    }

    #[test]
    fn a_listener_is_nobodys_to_end() {
        for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered, Phase::Disposing] {
            let mut o = detached(phase);
            o.head.built.clear();
            assert_eq!(step(&o), Action::Wait(None), "{phase}");
        }
    }

    #[test]
    fn suspects_are_unfinished_old_and_of_this_chain() {
        let o = detached(Phase::Listening);
        let own = Build { generation: 9, ..o.build.clone() };
        let mut head = o.head.clone();
        head.generation = 9;
        head.settled = (1..=8).map(|generation| (generation, format!("uid-{generation}"))).collect();
        head.built.insert(4, version("main", 'c'));
        let build = |generation, phase, changed| {
            let uid = format!("uid-{generation}");
            let mut build = Build { uid, generation, phase, ..o.build.clone() };
            build.times = BTreeMap::from([(Phase::Claimed, at(0)), (phase, at(changed))]);
            build
        };
        let rows = [
            (build(7, Phase::Building, 700), true, "long in one phase"),
            (build(6, Phase::Building, 701), false, "changed a moment ago"),
            (build(9, Phase::Building, 0), false, "its own"),
            (build(10, Phase::Building, 0), false, "a later one"),
            (build(5, Phase::Listening, 0), false, "a listener"),
            (build(4, Phase::Triggered, 0), true, "past the swap"),
            (build(8, Phase::Triggered, 0), false, "before the swap"),
            (build(2, Phase::Queued, 0), true, "queued"),
            (build(1, Phase::Recorded, 0), true, "recorded"),
            (build(3, Phase::Finished, 0), false, "at its end"),
            (Build { terminating: true, ..build(7, Phase::Building, 0) }, false, "on its way out"),
            (Build { chain_uuid: "other".into(), ..build(7, Phase::Building, 0) }, false, "of another chain"),
            (
                Build { uid: "again".into(), ..build(7, Phase::Building, 0) },
                false,
                "one that the head has not settled",
            ),
        ];
        for (build, want, what) in &rows {
            let builds = [build.clone()];
            assert_eq!(
                suspects(&builds, &own, &head, at(1000), PATIENCE).len(),
                usize::from(*want),
                "{what}"
            );
        }
        let builds: Vec<Build> = rows.into_iter().map(|(build, ..)| build).collect();
        let found = suspects(&builds, &own, &head, at(1000), PATIENCE);
        assert_eq!(found.iter().map(|build| build.generation).collect::<Vec<_>>(), [1, 2, 4, 7]);
    }

    #[test]
    fn a_complete_side_build_is_looked_after_from_its_first_phase_on() {
        let o = detached(Phase::Listening);
        let mut head = o.head.clone();
        let number = side::FIRST;
        let own = Build { uid: "own".into(), generation: 9, ..o.build.clone() };
        let build = |phase| Build { uid: "uid-s".into(), generation: number, phase, ..o.build.clone() };
        let sought = |head: &Head, phase| suspects(&[build(phase)], &own, head, at(1000), PATIENCE).len();
        for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered, Phase::Building, Phase::Recorded] {
            head.sides.insert(number, SideClaim::Settled("uid-s".into()));
            assert_eq!(sought(&head, phase), 1, "{phase}");
            head.sides.insert(number, SideClaim::Making(at(0)));
            assert_eq!(sought(&head, phase), 0, "{phase}: it is being made");
        }
        head.sides.insert(number, SideClaim::Settled("uid-s".into()));
        assert_eq!(sought(&head, Phase::Finished), 0);
        let own = build(Phase::Queued);
        assert_eq!(suspects(std::slice::from_ref(&own), &own, &head, at(1000), PATIENCE).len(), 0, "its own");
        let mut o = detached(Phase::Listening);
        (o.build.generation, o.head) = (number, head);
        o.build.uid = "uid-s".into();
        let Action::Record(verdict, cause) = step(&o) else { panic!("{:?}", step(&o)) };
        assert_eq!(
            (verdict, cause.as_str()),
            (Verdict::Errored, "the build's agent was gone before its build had begun")
        );
    }

    #[test]
    fn an_absence_counts_from_when_it_was_seen_first() {
        let mut absences = Absences::default();
        assert!(!absences.note("a", None, at(0), PATIENCE));
        assert!(!absences.note("a", None, at(299), PATIENCE));
        assert!(!absences.note("b", None, at(300), PATIENCE), "another one's own");
        assert!(absences.note("a", None, at(300), PATIENCE));
        assert!(!absences.note("a", Some("1"), at(301), PATIENCE), "it is back");
        assert!(!absences.note("a", Some("2"), at(700), PATIENCE), "and lives on");
        assert!(!absences.note("a", Some("2"), at(701), PATIENCE));
        assert!(absences.note("a", Some("2"), at(1000), PATIENCE), "since it was last seen to");
    }

    #[test]
    fn a_slot_is_lost_with_its_namespace() {
        let holder = Holder { proved: true, phase: Some(Phase::Building), going: None };
        for (holder, want, what) in [
            (None, true, "gone"),
            (Some(holder), false, "at work"),
            (Some(Holder { proved: false, ..holder }), true, "another one of that name"),
            (Some(Holder { phase: Some(Phase::Finished), ..holder }), true, "finished"),
            (Some(Holder { phase: None, ..holder }), false, "edited by hand"),
            (Some(Holder { going: Some(at(701)), ..holder }), false, "on its way out"),
            (Some(Holder { going: Some(at(700)), ..holder }), true, "held on its way out"),
        ] {
            assert_eq!(slot_is_lost(holder, at(1000), PATIENCE), want, "{what}");
        }
    }
}
