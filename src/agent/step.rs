//! The one table: what the cluster shows → the next action.

use jiff::ToSpan;

use super::observation::{Observation, Support};
use super::verdict::Judged;
use crate::chain::build::{Baseline, Phase, Verdict, Version};
use crate::keel::image::ImageRef;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until something changes; for what stands still, why.
    Wait(Option<String>),
    /// This pod is on its way out: wait for its end.
    MakeWay(String),
    /// This listener is nobody's any more: detach, and scale it to zero.
    StandDown(String),
    /// Write phase Listening with this baseline.
    Listen(Baseline),
    /// Start the recheck: a probe pod that pulls the tag anew.
    Recheck,
    /// Create the freeze of what runs here.
    Freeze(Version),
    /// Write phase Triggered with what was frozen.
    Trigger,
    /// Check the pushed pipeline and move the head by compare-and-swap.
    MoveHead,
    /// Rename the Keel keys and read back.
    Detach,
    /// Write this phase.
    Reach(Phase),
    /// Claim the successor's namespace and create its listener.
    Dispatch,
    /// Take a build slot by compare-and-swap.
    TakeSlot,
    /// Apply the rest of the pipeline.
    Prepare,
    /// Create the build's Job.
    Build,
    /// Write verdict and cause into home, then phase Recorded.
    Record(Verdict, String),
    /// Give the build slot back by compare-and-swap.
    FreeSlot,
    /// Scale support to zero, then write phase Finished.
    Finish,
    /// The very last act: scale the own Deployment to zero.
    Sleep,
}

/// Decides the next action.
pub fn step(o: &Observation) -> Action {
    match o.build.phase {
        Phase::Claimed | Phase::Listening => listen(o),
        Phase::Triggered => triggered(o),
        Phase::Disposing => Action::MakeWay("the namespace is being disposed of".to_owned()),
        // Keel wrote a stale copy over the rename: undone before anything else
        _ if o.listener.keyed => Action::Detach,
        Phase::Finished => Action::Sleep,
        _ if !o.build.dispatch.settled() && o.dispatch_due => Action::Dispatch,
        Phase::Recorded => recorded(o),
        // decided by now, for example before there was anything to build: a pushed pipeline that cannot be used
        phase => match (&o.build.verdict, phase) {
            (Some(verdict), _) => Action::Record(*verdict, o.build.cause.clone().unwrap_or_default()),
            (None, Phase::Detached | Phase::Queued) => queue(o),
            (None, Phase::Preparing) => prepare(o),
            (None, _) => build(o),
        },
    }
}

/// What the listener makes of the image that it runs.
#[derive(Debug, PartialEq, Eq)]
enum Trigger {
    /// The baseline, or a pending one that this fills.
    Idle(Baseline),
    /// Something that nobody built yet.
    Push(Version),
    /// Built already: the new baseline.
    Built(Version),
}

fn same(a: &Version, b: &Version) -> bool {
    // a side-loaded image has no digest: there only the tag tells
    a.tag == b.tag && (a.digest == b.digest || a.digest.is_none() || b.digest.is_none())
}

fn trigger(o: &Observation, version: &Version) -> Trigger {
    match &o.build.baseline {
        Baseline::Pending(tag) if *tag == version.tag => Trigger::Idle(Baseline::At(version.clone())),
        Baseline::At(at) if same(at, version) => Trigger::Idle(Baseline::At(at.clone())),
        _ if o.head.has_built(version, o.build.generation) => Trigger::Built(version.clone()),
        _ => Trigger::Push(version.clone()),
    }
}

/// Why this generation has no business listening; `None` if it has.
fn usurped(o: &Observation) -> Option<String> {
    let own = o.build.generation;
    // it has moved the head itself: that build goes on to its end, whatever became of the chain since
    if o.head.uuid == o.build.chain_uuid && o.head.generation > own && o.head.built.contains_key(&own) {
        return None;
    }
    if let Some(ended) = &o.head.ended {
        return Some(format!("chain {} has ended ({ended})", o.build.chain));
    }
    if o.head.uuid != o.build.chain_uuid {
        return Some(format!("chain {} in home is another chain of the same name", o.build.chain));
    }
    if o.head.generation > own {
        return Some(format!(
            "the head of chain {} has passed this generation ({own}); it is at {}",
            o.build.chain, o.head.generation
        ));
    }
    match &o.head.claimed {
        Some((namespace, uid)) if o.head.generation == own && *uid != o.build.uid => {
            Some(format!("generation {own} of chain {} is in namespace {namespace}", o.build.chain))
        }
        _ => None,
    }
}

fn listen(o: &Observation) -> Action {
    if let Some(why) = usurped(o) {
        return Action::StandDown(why);
    }
    if o.freeze.is_some() {
        return Action::Trigger;
    }
    if !o.listener.keyed && o.build.phase == Phase::Listening && o.listener.replicas == 0 {
        return Action::MakeWay("the listener was stopped".to_owned());
    }
    if o.listener.image != o.running.image {
        return Action::MakeWay(format!("Keel has moved this listener on to {}", o.listener.image));
    }
    let Some(version) = o.running.version() else {
        return if ImageRef::parse(&o.running.image).is_none() {
            Action::Wait(Some(format!("the image {:?} of this pod cannot be read", o.running.image)))
        } else {
            Action::Wait(None)
        };
    };
    match trigger(o, &version) {
        Trigger::Idle(baseline) if o.build.phase == Phase::Claimed || baseline != o.build.baseline => {
            Action::Listen(baseline)
        }
        Trigger::Idle(_) if o.recheck_due => Action::Recheck,
        Trigger::Idle(_) => Action::Wait(None),
        Trigger::Built(version) => Action::Listen(Baseline::At(version)),
        // each phase is written before the next begins
        Trigger::Push(_) if o.build.phase == Phase::Claimed => Action::Listen(o.build.baseline.clone()),
        Trigger::Push(version) => Action::Freeze(version),
    }
}

fn triggered(o: &Observation) -> Action {
    if let Some(why) = usurped(o) {
        return Action::StandDown(why);
    }
    if o.head.generation == o.build.generation {
        Action::MoveHead
    } else if o.listener.keyed {
        Action::Detach
    } else {
        Action::Reach(Phase::Detached)
    }
}

fn queue(o: &Observation) -> Action {
    let own = o.build.generation;
    if o.head.slots.contains_key(&own) {
        return Action::Reach(Phase::Preparing);
    }
    let holders: Vec<String> = o.head.slots.values().cloned().collect();
    let free = o.max_parallel.max(1).saturating_sub(holders.len());
    if free > o.before.len() {
        return Action::TakeSlot;
    }
    if o.build.phase == Phase::Detached {
        return Action::Reach(Phase::Queued);
    }
    let behind = if holders.is_empty() {
        format!("behind generation {}", o.before.first().copied().unwrap_or_default())
    } else {
        format!("behind the build in {}", holders.join(", "))
    };
    Action::Wait(Some(behind))
}

fn prepare(o: &Observation) -> Action {
    if !o.prepared {
        return Action::Prepare;
    }
    let missing: Vec<&Support> = o
        .support
        .iter()
        .filter(|support| support.ready < support.wanted || support.replicas.is_none())
        .collect();
    if missing.is_empty() {
        return Action::Reach(Phase::Building);
    }
    let named = missing
        .iter()
        .map(|support| {
            let ready = format!("{} has {} of {} ready", support.name, support.ready, support.wanted);
            match &support.trouble {
                Some(why) => format!("{ready}: {why}"),
                None => ready,
            }
        })
        .collect::<Vec<_>>()
        .join("; ");
    let since = o.build.times.get(&Phase::Preparing).copied().unwrap_or(o.now);
    if o.now < since + o.support_bound.seconds() {
        Action::Wait(Some(format!("support is not ready: {named}")))
    } else {
        Action::Record(
            Verdict::Errored,
            format!("support did not get ready within {} s: {named}", o.support_bound),
        )
    }
}

fn build(o: &Observation) -> Action {
    match &o.judged {
        Judged::NoJob => Action::Build,
        Judged::JobGone => {
            Action::Record(Verdict::Cancelled, "the build's Job was deleted before it had ended".to_owned())
        }
        Judged::Going(why) => Action::Wait(why.clone()),
        Judged::Over(verdict, cause) => Action::Record(*verdict, cause.clone()),
    }
}

fn recorded(o: &Observation) -> Action {
    if o.head.slots.contains_key(&o.build.generation) {
        Action::FreeSlot
    } else if o.build.dispatch.settled() {
        Action::Finish
    } else {
        let why = o.build.dispatch_error.as_deref().unwrap_or("not tried yet");
        Action::Wait(Some(format!("the next listener is not dispatched: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;

    use super::*;
    use crate::agent::{Listener, Running};
    use crate::chain::build::{Build, Dispatch};
    use crate::chain::freeze::{Freeze, Pushed};
    use crate::chain::head::Head;
    use crate::chain::pod::Ran;
    use crate::keel::image::Digest;

    fn digest(letter: char) -> Digest {
        Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).expect("well formed")
    }

    fn version(tag: &str, letter: char) -> Version {
        Version { tag: tag.to_owned(), digest: Some(digest(letter)) }
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
                parent: None,
                successor: None,
                phase,
                verdict: None,
                cause: None,
                waiting: None,
                dispatch: Dispatch::Pending,
                dispatch_error: None,
                baseline: Baseline::At(version("main", 'a')),
                image: None,
                version: None,
                revision: None,
                job_uid: None,
                times: BTreeMap::new(),
            },
            head: Head {
                resource_version: "1".into(),
                uuid: "u".into(),
                generation: 3,
                claimed: Some(("ci-a".into(), "uid-a".into())),
                ended: None,
                built: BTreeMap::new(),
                slots: BTreeMap::new(),
                pipeline: None,
                baseline: None,
                edition: 0,
                purging: false,
            },
            listener: Listener { image: "r/app:main".into(), keyed: true, replicas: 1 },
            running: Running { image: "r/app:main".into(), ran: Ran::Digest(digest('a')) },
            freeze: None,
            before: vec![],
            max_parallel: 1,
            dispatch_due: true,
            prepared: false,
            support: vec![],
            support_bound: 600,
            judged: Judged::NoJob,
            recheck_due: false,
        }
    }

    fn freeze(version: Version) -> Freeze {
        Freeze { image: "r/app".into(), version, revision: None, pipeline: Pushed::Absent }
    }

    /// An observation of a build that has moved the head and detached.
    fn detached(phase: Phase) -> Observation {
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
            o.running = Running { image: format!("r/app:{tag}"), ran: Ran::Digest(digest(letter)) };
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
        o.build.baseline = Baseline::At(Version { tag: "main".into(), digest: None });
        assert_eq!(step(&o), Action::Wait(None), "side-loaded: by tag only");
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
        o.head.built.insert(3, version("main", 'b'));
        o.head.ended = Some("by stop".into());
        assert_eq!(step(&o), Action::Detach, "it moved the head before the chain ended: its build goes on");
        let mut o = observation(Phase::Listening);
        o.head.claimed = Some(("ci-b".into(), "uid-b".into()));
        assert!(matches!(step(&o), Action::StandDown(_)), "another namespace has this generation");
        let mut o = observation(Phase::Listening);
        o.head.uuid = "v".into();
        assert!(matches!(step(&o), Action::StandDown(_)), "a chain of the same name");
    }

    #[test]
    fn the_order_from_push_to_sleep() {
        let mut o = observation(Phase::Listening);
        o.running = Running { image: "r/app:main".into(), ran: Ran::Digest(digest('b')) };
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
        assert_eq!(step(&o), Action::FreeSlot);
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
        let minio = Support {
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
}
