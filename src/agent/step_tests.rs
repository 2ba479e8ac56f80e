//! The table, row by row.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};

use super::*;
use crate::agent::left::Leftover;
use crate::agent::{OwnContainer, OwnDeployment, adopt};
use crate::chain::build::{Build, Dispatch};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::head::Head;
use crate::chain::head::SideClaim;
use crate::chain::kueue::{QueuedBuild, Unadmitted};
use crate::chain::pod::Ran;
use crate::chain::side;
use crate::keel::image::Digest;

fn digest(letter: char) -> Digest {
    Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).expect("well formed")
}

pub(crate) fn version(tag: &str, letter: char) -> Version {
    Version { tag: tag.to_owned(), content: Content::Digest(digest(letter)) }
}

/// A CI container that runs, and has told.
fn running(tag: &str, letter: char) -> OwnContainer {
    OwnContainer {
        image: format!("r/app:{tag}"),
        ran: Ran::Digest(digest(letter)),
        run: "containerd://1".to_owned(),
        started: None,
        told: true,
        trouble: None,
        mute: None,
    }
}

fn observation(phase: Phase) -> Observation {
    Observation {
        now: Timestamp::UNIX_EPOCH,
        build: Build {
            namespace: "ci-a".into(),
            uid: "uid-a".into(),
            resource_version: "1".into(),
            terminating: false,
            created: None,
            chain: "app-main".into(),
            chain_uuid: "u".into(),
            owner: "o".into(),
            generation: 3,
            retry_of: None,
            parent: None,
            successor: None,
            phase,
            verdict: None,
            cause: None,
            cancel: None,
            waiting: None,
            kueue: None,
            trying: None,
            dispatch: Dispatch::Pending,
            dispatch_error: None,
            baseline: Baseline::At(version("main", 'a')),
            image: None,
            version: None,
            revision: None,
            job_uid: None,
            heartbeat: None,
            reserved: None,
            times: BTreeMap::new(),
        },
        head: Head {
            resource_version: "1".into(),
            uuid: "u".into(),
            generation: 3,
            claimed: Some(("ci-a".into(), "uid-a".into())),
            settled: BTreeMap::new(),
            sides: BTreeMap::new(),
            ended: None,
            built: BTreeMap::new(),
            slots: BTreeMap::new(),
            pipeline: None,
            baseline: None,
            edition: 0,
            purging: false,
            moves: vec![],
        },
        listener: OwnDeployment { image: "r/app:main".into(), keyed: true, replicas: 1, pushed_over: false },
        running: running("main", 'a'),
        freeze: None,
        before: vec![],
        outdated: vec![],
        lost_slots: vec![],
        max_parallel: 1,
        dispatch_due: true,
        prepared: false,
        support: vec![],
        support_bound: 600,
        queues: false,
        judged: Judged::NoJob,
        left: vec![],
        left_until: Timestamp::UNIX_EPOCH,
        recheck_due: false,
        max_per_hour: 60,
    }
}

fn freeze(version: Version) -> Freeze {
    Freeze { image: "r/app".into(), version, revision: None, pipeline: Pushed::Absent }
}

/// An observation of a build that has moved the head and detached.
pub(crate) fn detached(phase: Phase) -> Observation {
    let mut o = observation(phase);
    o.listener.keyed = false;
    o.head.generation = 4;
    o.head.claimed = None;
    o.head.built.insert(3, version("main", 'b'));
    o.freeze = Some(freeze(version("main", 'b')));
    o.build.dispatch = Dispatch::Done;
    o
}

#[test]
fn a_listener_waits_on_its_baseline() {
    assert_eq!(step(&observation(Phase::Listening)), Action::Wait(None));
    let mut o = observation(Phase::Claimed);
    assert_eq!(step(&o), Action::Listen(Baseline::At(version("main", 'a'))));
    o.build.baseline = Baseline::Pending("main".into());
    assert_eq!(step(&o), Action::Listen(Baseline::At(version("main", 'a'))), "fills a pending digest");
    o.build.phase = Phase::Listening;
    o.build.baseline = Baseline::At(version("main", 'a'));
    o.recheck_due = true;
    assert_eq!(step(&o), Action::Recheck);
}

#[test]
fn the_trigger_test() {
    let push = |o: &mut Observation, tag: &str, letter| {
        o.running = running(tag, letter);
        o.listener.image = format!("r/app:{tag}");
    };
    let mut o = observation(Phase::Listening);
    push(&mut o, "main", 'b');
    assert_eq!(step(&o), Action::Freeze(version("main", 'b')), "same tag, new digest");
    o.head.built.insert(2, version("main", 'b'));
    assert_eq!(step(&o), Action::Listen(Baseline::At(version("main", 'b'))), "built already");
    o.head.built = BTreeMap::from([(3, version("main", 'b'))]);
    assert_eq!(step(&o), Action::Freeze(version("main", 'b')), "an entry of its own does not count");
    o.build.baseline = Baseline::None;
    push(&mut o, "main", 'a');
    assert_eq!(step(&o), Action::Freeze(version("main", 'a')), "none builds the first image seen");
    o.build.phase = Phase::Claimed;
    assert_eq!(step(&o), Action::Listen(Baseline::None), "a phase is not skipped");
    o.build.baseline = Baseline::Pending("other".into());
    o.build.phase = Phase::Listening;
    assert_eq!(step(&o), Action::Freeze(version("main", 'a')), "Keel moved it before it came up");
    o.running.ran = Ran::Pending;
    assert_eq!(step(&o), Action::Wait(None), "a digest that is not published decides nothing");
    o.running.ran = Ran::SideLoaded;
    o.build.baseline = Baseline::At(Version { tag: "main".into(), content: Content::SideLoaded });
    assert_eq!(step(&o), Action::Wait(None), "side-loaded: by tag only");
}

#[test]
fn a_chain_that_has_begun_too_many_builds_rests_and_then_takes_what_runs_there_by_then() {
    let mut o = observation(Phase::Listening);
    o.running = running("main", 'b');
    o.max_per_hour = 2;
    let at = |second| Timestamp::from_second(second).expect("in range");
    o.head.moves = vec![at(-60)];
    assert_eq!(step(&o), Action::Freeze(version("main", 'b')));
    o.head.moves = vec![at(-60), at(-30)];
    let Action::Wait(Some(why)) = step(&o) else { panic!("{:?}", step(&o)) };
    assert_eq!(
        why,
        "paused until 1970-01-01T00:59:00Z: 2 builds of this chain have begun within an hour (annotation \
         studioci.dev/max-per-hour), as if they pushed the image that it listens to; what is pushed last is built then"
    );
    assert!(brings_news(&o), "nothing is lost");
    o.build.phase = Phase::Claimed;
    assert_eq!(step(&o), Action::Listen(Baseline::At(version("main", 'a'))), "it comes up all the same");
    o.build.phase = Phase::Listening;
    o.freeze = Some(freeze(version("main", 'b')));
    assert_eq!(step(&o), Action::Trigger, "what has begun goes on");
    o.freeze = None;
    o.now = Timestamp::UNIX_EPOCH + 3540.seconds();
    assert_eq!(step(&o), Action::Freeze(version("main", 'b')));
    // no push, no pause
    o.now = Timestamp::UNIX_EPOCH;
    o.running = running("main", 'a');
    assert_eq!(step(&o), Action::Wait(None));
}

#[test]
fn a_push_is_news_before_it_has_told_anything() {
    let mut o = observation(Phase::Listening);
    assert!(!brings_news(&o));
    o.running = OwnContainer { told: false, ..running("main", 'b') };
    o.listener.image = "r/app:main".to_owned();
    assert_eq!(step(&o), Action::Wait(None));
    assert!(brings_news(&o));
    o.head.built.insert(2, version("main", 'b'));
    assert!(!brings_news(&o), "built already");
    o.running.ran = Ran::Pending;
    assert!(!brings_news(&o), "an image that cannot be pulled");
    o.freeze = Some(freeze(version("main", 'b')));
    assert!(brings_news(&o));
}

#[test]
fn an_agent_that_is_not_the_newest_stands_down() {
    let mut o = observation(Phase::Listening);
    o.listener.image = "r/app:newer".into();
    assert!(matches!(step(&o), Action::MakeWay(_)));
    let mut o = observation(Phase::Listening);
    o.head.ended = Some("by stop".into());
    assert!(matches!(step(&o), Action::StandDown(_)));
    let mut o = observation(Phase::Triggered);
    o.head.generation = 4;
    assert!(matches!(step(&o), Action::StandDown(_)), "somebody else moved the head");
    let mut o = observation(Phase::Listening);
    o.head.claimed = Some(("ci-b".into(), "uid-b".into()));
    assert!(matches!(step(&o), Action::StandDown(_)), "another namespace has this generation");
    let mut o = observation(Phase::Listening);
    o.head.uuid = "v".into();
    assert!(matches!(step(&o), Action::StandDown(_)), "a chain of the same name");
}

#[test]
fn a_chain_that_has_ended_stops_who_has_not_moved_the_head_and_nobody_else() {
    let mut o = observation(Phase::Triggered);
    o.freeze = Some(freeze(version("main", 'b')));
    o.head.ended = Some("by stop".into());
    assert!(matches!(step(&o), Action::StandDown(why) if why.contains("by stop")), "it has lost the swap");
    o.head.generation = 4;
    o.head.claimed = None;
    o.head.built.insert(3, version("main", 'b'));
    assert_eq!(step(&o), Action::Detach, "past the swap it goes on");
    for phase in [Phase::Detached, Phase::Preparing, Phase::Building, Phase::Recorded] {
        let mut o = detached(phase);
        o.head.ended = Some("by stop".into());
        o.build.dispatch = Dispatch::Claimed;
        assert_eq!(step(&o), Action::Dispatch, "{phase}: which settles that there is no successor");
        o.build.dispatch = Dispatch::Ended;
        assert!(!matches!(step(&o), Action::Dispatch | Action::StandDown(_)), "{phase}");
    }
}

#[test]
fn a_slot_that_nobody_gives_back_is_freed_by_who_waits_for_one() {
    for phase in [Phase::Detached, Phase::Queued] {
        let mut o = detached(phase);
        o.head.slots = BTreeMap::from([(1, "ci-x".into()), (2, "ci-y".into())]);
        o.lost_slots = vec![2];
        assert_eq!(step(&o), Action::FreeSlot(2), "{phase}");
    }
    let mut o = detached(Phase::Finished);
    o.head.slots.insert(3, "ci-a".into());
    assert_eq!(step(&o), Action::FreeSlot(3), "taken after somebody else had ended this build");
}

#[test]
fn the_order_from_push_to_sleep() {
    let mut o = observation(Phase::Listening);
    o.running = running("main", 'b');
    assert_eq!(step(&o), Action::Freeze(version("main", 'b')));
    o.freeze = Some(freeze(version("main", 'b')));
    assert_eq!(step(&o), Action::Trigger);
    o.build.phase = Phase::Triggered;
    assert_eq!(step(&o), Action::MoveHead);
    o.head.generation = 4;
    o.head.claimed = None;
    o.head.built.insert(3, version("main", 'b'));
    assert_eq!(step(&o), Action::Detach);
    o.listener.keyed = false;
    assert_eq!(step(&o), Action::Reach(Phase::Detached));
    o.build.phase = Phase::Detached;
    assert_eq!(step(&o), Action::Dispatch);
    o.build.dispatch = Dispatch::Claimed;
    assert_eq!(step(&o), Action::Dispatch);
    o.build.dispatch = Dispatch::Done;
    assert_eq!(step(&o), Action::TakeSlot);
    o.head.slots.insert(3, "ci-a".into());
    assert_eq!(step(&o), Action::Reach(Phase::Preparing));
    o.build.phase = Phase::Preparing;
    assert_eq!(step(&o), Action::Prepare);
    o.prepared = true;
    assert_eq!(step(&o), Action::Reach(Phase::Building));
    o.build.phase = Phase::Building;
    assert_eq!(step(&o), Action::Build);
    o.judged = Judged::Going(None);
    assert_eq!(step(&o), Action::Wait(None));
    o.judged = Judged::Over(Verdict::Passed, "exit 0".into());
    assert_eq!(step(&o), Action::Record(Verdict::Passed, "exit 0".into()));
    o.build.phase = Phase::Recorded;
    assert_eq!(step(&o), Action::FreeSlot(3));
    o.head.slots.clear();
    assert_eq!(step(&o), Action::Finish);
    o.build.phase = Phase::Finished;
    assert_eq!(step(&o), Action::Sleep);
}

#[test]
fn a_stale_write_of_keel_is_undone_first_in_every_phase() {
    for phase in Phase::ALL.into_iter().filter(|p| *p >= Phase::Detached && *p < Phase::Disposing) {
        let mut o = detached(phase);
        o.listener.keyed = true;
        assert_eq!(step(&o), Action::Detach, "{phase}");
    }
}

#[test]
fn a_dispatch_that_fails_does_not_hold_the_build_but_holds_the_end() {
    let mut o = detached(Phase::Building);
    o.build.dispatch = Dispatch::Pending;
    o.dispatch_due = false;
    assert_eq!(step(&o), Action::Build);
    o.build.phase = Phase::Recorded;
    assert!(matches!(step(&o), Action::Wait(Some(why)) if why.contains("dispatched")));
    o.dispatch_due = true;
    assert_eq!(step(&o), Action::Dispatch);
    o.build.dispatch = Dispatch::Ended;
    assert_eq!(step(&o), Action::Finish);
}

#[test]
fn a_pipeline_that_cannot_be_used_is_errored_without_a_build() {
    for phase in [Phase::Detached, Phase::Queued, Phase::Preparing, Phase::Building] {
        let mut o = detached(phase);
        o.build.verdict = Some(Verdict::Errored);
        o.build.cause = Some("policy: never".into());
        assert_eq!(step(&o), Action::Record(Verdict::Errored, "policy: never".into()), "{phase}");
    }
}

#[test]
fn what_an_older_push_has_begun_is_ended_before_a_slot_is_taken() {
    for phase in [Phase::Detached, Phase::Queued] {
        let mut o = detached(phase);
        let older = |namespace: &str| Build { namespace: namespace.into(), ..o.build.clone() };
        o.outdated = vec![older("ci-x"), older("ci-y")];
        assert_eq!(step(&o), Action::Supersede("ci-x".into()), "{phase}");
        o.build.cancel = Some("cancelled by hand".into());
        assert!(matches!(step(&o), Action::Record(Verdict::Cancelled, _)), "{phase}: it is newest no more");
        o.build.cancel = None;
        o.build.dispatch = Dispatch::Pending;
        assert_eq!(step(&o), Action::Dispatch, "{phase}: the chain goes on first");
        o.build.dispatch = Dispatch::Done;
        o.outdated.clear();
        assert_eq!(step(&o), Action::TakeSlot, "{phase}");
    }
}

#[test]
fn builds_queue_lowest_generation_first() {
    let mut o = detached(Phase::Detached);
    o.before = vec![2];
    assert_eq!(step(&o), Action::Reach(Phase::Queued));
    o.build.phase = Phase::Queued;
    assert!(matches!(step(&o), Action::Wait(Some(why)) if why.contains("generation 2")));
    o.max_parallel = 2;
    assert_eq!(step(&o), Action::TakeSlot);
    o.before = vec![];
    o.head.slots = BTreeMap::from([(1, "ci-x".into()), (2, "ci-y".into())]);
    assert!(matches!(step(&o), Action::Wait(Some(why)) if why.contains("ci-x")));
}

#[test]
fn support_that_never_gets_ready_is_named_and_bounded() {
    let mut o = detached(Phase::Preparing);
    o.prepared = true;
    o.build.times.insert(Phase::Preparing, Timestamp::UNIX_EPOCH);
    let minio = SupportState {
        name: "Deployment/minio".into(),
        wanted: 2,
        replicas: Some(2),
        ready: 1,
        trouble: Some("image x".into()),
    };
    o.support = vec![minio];
    assert!(
        matches!(step(&o), Action::Wait(Some(why)) if why.contains("Deployment/minio has 1 of 2 ready: image x"))
    );
    o.now = Timestamp::UNIX_EPOCH + 600.seconds();
    assert!(matches!(step(&o), Action::Record(Verdict::Errored, _)));
    o.support[0].ready = 2;
    assert_eq!(step(&o), Action::Reach(Phase::Building));
}

#[test]
fn a_deleted_job_is_cancelled_and_never_run_again() {
    let mut o = detached(Phase::Building);
    o.judged = Judged::JobGone;
    assert!(matches!(step(&o), Action::Record(Verdict::Cancelled, _)));
}

#[test]
fn a_build_that_is_to_be_cancelled_is_wherever_it_is_and_its_chain_goes_on() {
    let cancel = Action::Record(Verdict::Cancelled, "cancelled by hand".into());
    for phase in [Phase::Detached, Phase::Queued, Phase::Preparing, Phase::Building] {
        for of in [step, adopt::step] {
            let mut o = detached(phase);
            o.build.cancel = Some("cancelled by hand".into());
            assert_eq!(of(&o), cancel, "{phase}");
            o.build.cancel = Some(" ".into());
            assert_eq!(of(&o), cancel, "{phase}: whoever annotates without a word");
            for judged in [Judged::Going(None), Judged::Going(Some("no node".into())), Judged::JobGone] {
                o.judged = judged;
                assert_eq!(of(&o), cancel, "{phase}: {:?}", o.judged);
            }
            o.judged = Judged::Over(Verdict::Passed, "exit 0".into());
            assert_eq!(of(&o), Action::Record(Verdict::Passed, "exit 0".into()), "{phase}: it had ended");
            o.build.verdict = Some(Verdict::Errored);
            o.build.cause = Some("policy: never".into());
            assert_eq!(of(&o), Action::Record(Verdict::Errored, "policy: never".into()), "{phase}: decided");
            o.listener.keyed = true;
            assert_eq!(of(&o), Action::Detach, "{phase}: Keel first");
        }
        let mut o = detached(phase);
        o.build.cancel = Some("cancelled by hand".into());
        o.build.dispatch = Dispatch::Pending;
        assert_eq!(step(&o), Action::Dispatch, "{phase}: the chain goes on");
        o.dispatch_due = false;
        assert_eq!(step(&o), cancel, "{phase}: it waits for no dispatch that fails");
    }
}

#[test]
fn what_has_no_build_yet_is_not_cancelled() {
    for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered, Phase::Recorded, Phase::Finished] {
        let mut o = observation(phase);
        o.listener.keyed = phase < Phase::Recorded;
        let before = step(&o);
        o.build.cancel = Some("cancelled by hand".into());
        assert_eq!(step(&o), before, "{phase}");
    }
}

#[test]
fn it_is_ended_by_whoever_ends_the_build_once_its_time_is_over() {
    let mut o = detached(Phase::Recorded);
    o.build.dispatch = Dispatch::Done;
    o.build.verdict = Some(Verdict::Passed);
    o.left = vec![Leftover { pod: "p".into(), uid: "u".into(), containers: vec!["proxy".into()] }];
    o.left_until = o.now + 30.seconds();
    for step in [step, adopt::step] {
        let Action::Wait(Some(why)) = step(&o) else { panic!("{:?}", step(&o)) };
        assert_eq!(
            why,
            "container proxy runs on of pod p until 1970-01-01T00:00:30Z, when it is ended (annotation \
             studioci.dev/injected-deadline)"
        );
        let later = Observation { now: o.left_until, ..o.clone() };
        assert_eq!(step(&later), Action::EndPods);
        let cancelled = Build { verdict: Some(Verdict::Cancelled), ..o.build.clone() };
        assert_eq!(step(&Observation { build: cancelled, ..o.clone() }), Action::EndPods);
        assert_eq!(step(&Observation { left: Vec::new(), ..o.clone() }), Action::Finish);
    }
    // the slot is others' business first
    o.head.slots.insert(3, "ci-a".into());
    assert_eq!(step(&o), Action::FreeSlot(3));
}

#[test]
fn a_build_that_kueue_admits_has_its_job_first_and_its_support_then() {
    let mut o = detached(Phase::Detached);
    o.head.slots.insert(3, "ci-a".into());
    o.queues = true;
    assert_eq!(step(&o), Action::Reach(Phase::Queued));
    o.build.phase = Phase::Queued;
    assert_eq!(step(&o), Action::Build);
    o.judged = Judged::Unadmitted(queued());
    assert_eq!(step(&o), Action::Queue(queued()));
    o.judged = Judged::JobGone;
    assert!(matches!(step(&o), Action::Record(Verdict::Cancelled, _)));
    for admitted in [Judged::Going(None), Judged::Gated] {
        o.judged = admitted;
        assert_eq!(step(&o), Action::Reach(Phase::Preparing));
    }
    o.build.phase = Phase::Preparing;
    assert_eq!(step(&o), Action::Prepare);
    o.build.phase = Phase::Building;
    assert_eq!(step(&o), Action::Release);
    assert!(
        matches!(adopt::step(&o), Action::Record(Verdict::Errored, why) if why.contains("agent was gone"))
    );
    o.judged = Judged::Unadmitted(queued());
    for step in [step, adopt::step] {
        let Action::Record(Verdict::Errored, why) = step(&o) else { panic!("{:?}", step(&o)) };
        assert!(why.contains("preempted") && why.contains("no quota"), "{why}");
    }
}

/// An observation of a complete side build, with what it is to build.
fn side(phase: Phase) -> Observation {
    let mut o = observation(phase);
    o.listener.keyed = false;
    o.build.generation = side::FIRST;
    o.build.baseline = Baseline::None;
    o.build.dispatch = Dispatch::Ended;
    o.head.sides.insert(side::FIRST, SideClaim::Settled("uid-a".into()));
    o.head.built.insert(2, version("main", 'a'));
    o
}

#[test]
fn a_side_build_goes_its_own_way_and_moves_no_head() {
    assert_eq!(step(&side(Phase::Claimed)), Action::Listen(Baseline::None));
    assert_eq!(step(&side(Phase::Listening)), Action::Freeze(version("main", 'a')), "built before or not");
    let frozen = |phase| {
        let mut o = side(phase);
        o.freeze = Some(freeze(version("main", 'a')));
        o
    };
    assert_eq!(step(&frozen(Phase::Claimed)), Action::Trigger, "what is tried again is known");
    assert_eq!(step(&frozen(Phase::Triggered)), Action::TryOut);
    assert_eq!(step(&frozen(Phase::Detached)), Action::TakeSlot);
    let mut o = frozen(Phase::Queued);
    o.head.slots.insert(side::FIRST, "ci-a".into());
    assert_eq!(step(&o), Action::Reach(Phase::Preparing));
    assert_eq!(step(&frozen(Phase::Building)), Action::Build);
    assert_eq!(step(&frozen(Phase::Recorded)), Action::Finish, "nobody listens after it");
    assert_eq!(step(&frozen(Phase::Finished)), Action::Sleep);
    for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered, Phase::Building] {
        let mut o = frozen(phase);
        o.listener.keyed = true;
        assert_eq!(step(&o), Action::Detach, "{phase}: Keel is none of it");
    }
}

#[test]
fn a_side_build_begins_nothing_before_it_is_complete() {
    for (claim, want) in [
        (Some(SideClaim::Making(Timestamp::UNIX_EPOCH)), "wait"),
        (Some(SideClaim::Settled("another".into())), "stand down"),
        (None, "stand down"),
    ] {
        for phase in [Phase::Claimed, Phase::Listening] {
            let mut o = side(phase);
            o.freeze = Some(freeze(version("main", 'a')));
            o.head.sides.clear();
            o.head.sides.extend(claim.clone().map(|claim| (side::FIRST, claim)));
            let did = match step(&o) {
                Action::Wait(None) => "wait",
                Action::StandDown(_) => "stand down",
                other => panic!("{phase} {claim:?}: {other:?}"),
            };
            assert_eq!(did, want, "{phase} {claim:?}");
        }
    }
}

#[test]
fn the_end_of_a_chain_stops_a_side_build_that_has_not_begun() {
    for (phase, stops) in [
        (Phase::Claimed, true),
        (Phase::Listening, true),
        (Phase::Triggered, false),
        (Phase::Detached, false),
        (Phase::Building, false),
    ] {
        let mut o = side(phase);
        o.head.ended = Some("by alice".into());
        assert_eq!(matches!(step(&o), Action::StandDown(_)), stops, "{phase}");
    }
}

#[test]
fn what_is_asked_for_by_hand_is_cancelled_before_it_has_begun_and_rests_for_no_limit() {
    let mut o = side(Phase::Listening);
    o.max_per_hour = 1;
    o.head.moves = vec![o.now];
    assert_eq!(rests_until(&o), None, "whoever asked for it was told");
    assert!(matches!(step(&o), Action::Freeze(_)));
    o.build.cancel = Some(BY_HAND.into());
    assert_eq!(step(&o), Action::Record(Verdict::Cancelled, BY_HAND.into()));
}

fn queued() -> QueuedBuild {
    Unadmitted::Said(Some("no quota".to_owned())).of("main")
}
