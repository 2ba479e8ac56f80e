//! The one table: what the cluster shows → the next action.

use jiff::{Timestamp, ToSpan};

use super::action::Action;
use super::left::run_on;
use super::observation::{Observation, SupportState};
use super::verdict::Judged;
use crate::chain::build::{Baseline, Content, Phase, Verdict, Version};
use crate::chain::side::in_words;
use crate::chain::signs::FIRST_PUSH;
use crate::chain::wire;
use crate::keel::image::ImageRef;

/// Decides the next action.
pub fn step(o: &Observation) -> Action {
    match o.build.phase {
        Phase::Claimed | Phase::Listening => listen(o),
        Phase::Triggered => triggered(o),
        Phase::Disposing => Action::MakeWay("the namespace is being disposed of".to_owned()),
        // Keel wrote a stale copy over the rename: undone before anything else
        _ if o.listener.keyed => Action::Detach,
        // taken by an agent that came back after another one had ended its build
        Phase::Finished if holds_slot(o) => Action::FreeSlot(o.build.generation),
        Phase::Finished => Action::Sleep,
        _ if !o.build.dispatch.settled() && o.dispatch_due => Action::Dispatch,
        Phase::Recorded => recorded(o),
        // decided by now, for example before there was anything to build: a pushed pipeline that cannot be used
        phase => match (&o.build.verdict, phase) {
            (Some(verdict), _) => Action::Record(*verdict, o.build.cause.clone().unwrap_or_default()),
            (None, _) if o.build.cancel.is_some() => cancel(o),
            (None, Phase::Detached | Phase::Queued) => queue(o),
            (None, Phase::Preparing) => prepare(o),
            (None, _) => build(o),
        },
    }
}

/// What the listener makes of the image that it runs.
#[derive(Debug, PartialEq, Eq)]
enum Trigger {
    /// The template's own tag, whose image does not come up.
    Unseen,
    /// The baseline, or a pending one that this fills.
    Idle(Baseline),
    /// Something that nobody built yet.
    Push(Version),
    /// Built already: the new baseline.
    Built(Version),
}

fn trigger(o: &Observation, version: &Version) -> Trigger {
    match &o.build.baseline {
        // built before or not: somebody has asked for it
        _ if o.build.is_side() => Trigger::Push(version.clone()),
        // nobody pushed it: once it runs it will be seen what it is
        Baseline::Pending(tag) if *tag == version.tag && version.content == Content::Unseen => {
            Trigger::Unseen
        }
        Baseline::Pending(tag) if *tag == version.tag => Trigger::Idle(Baseline::At(version.clone())),
        Baseline::At(at) if at.is_same(version) => Trigger::Idle(Baseline::At(at.clone())),
        // the image may have passed as a build and not come up as a listener; only a tag that is pushed over may mean
        // another one by now
        Baseline::At(at)
            if at.tag == version.tag && version.content == Content::Unseen && !o.listener.pushed_over =>
        {
            Trigger::Unseen
        }
        _ if o.head.has_built(version, o.build.generation) => Trigger::Built(version.clone()),
        _ => Trigger::Push(version.clone()),
    }
}

/// Whether what runs here is a push that nobody built yet, frozen or not.
pub fn brings_news(o: &Observation) -> bool {
    let version = o.running.version();
    o.freeze.is_some() || version.is_some_and(|version| matches!(trigger(o, &version), Trigger::Push(_)))
}

/// Why this generation has no business listening; `None` if it has.
fn usurped(o: &Observation) -> Option<String> {
    let own = o.build.generation;
    let side = o.build.is_side();
    // who is past the swap builds: the end of a chain is for those that come after it
    let begun = if side { o.build.phase > Phase::Listening } else { o.head.has_moved(own) };
    if let Some(ended) = o.head.ended.as_ref().filter(|_| !begun) {
        return Some(format!("chain {} has ended ({ended})", o.build.chain));
    }
    if o.head.uuid != o.build.chain_uuid {
        return Some(format!("chain {} in home is another chain of the same name", o.build.chain));
    }
    if side {
        let known = o.head.is_making(own) || o.head.proves(&o.build);
        let why = || {
            format!(
                "chain {} does not know this side build: whoever asked for it has left it half made",
                o.build.chain
            )
        };
        return (!known).then(why);
    }
    if o.head.generation > own && !o.head.has_moved(own) {
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
    if o.build.is_side()
        && let Some(first) = before_side(o)
    {
        return first;
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
    // what `start` has said of a tag that is not there yet stays, however the kubelet words that it cannot pull it
    let unpushed = o.build.baseline == Baseline::None && o.running.trouble.is_some();
    let first = || o.build.waiting.clone().filter(|why| unpushed && why.starts_with(FIRST_PUSH));
    let trouble = || first().or_else(|| o.running.mute.clone()).or_else(|| o.running.trouble.clone());
    let Some(version) = o.running.version() else {
        // a listener that came up with the image that nobody could run: Keel moves it on all the same
        if o.build.phase == Phase::Claimed
            && let Baseline::At(Version { content: Content::Unseen, .. }) = &o.build.baseline
        {
            return Action::Listen(o.build.baseline.clone());
        }
        return Action::Wait(match ImageRef::parse(&o.running.image) {
            Ok(_) => trouble(),
            Err(why) => Some(format!("the image {:?} of this pod cannot be read: {why}", o.running.image)),
        });
    };
    match trigger(o, &version) {
        Trigger::Idle(baseline) if o.build.phase == Phase::Claimed || baseline != o.build.baseline => {
            Action::Listen(baseline)
        }
        Trigger::Idle(_) if o.recheck_due => Action::Recheck,
        Trigger::Built(version) => Action::Listen(Baseline::At(version)),
        // each phase is written before the next begins
        Trigger::Push(_) if o.build.phase == Phase::Claimed => Action::Listen(o.build.baseline.clone()),
        // Keel moves it on meanwhile
        Trigger::Push(_) if rests_until(o).is_some() => {
            Action::Wait(rests_until(o).map(|until| resting(o, until)))
        }
        Trigger::Push(version) if o.running.told || o.running.mute.is_some() => Action::Freeze(version),
        Trigger::Idle(_) | Trigger::Unseen | Trigger::Push(_) => Action::Wait(trouble()),
    }
}

/// What comes before whatever a side build has to do.
fn before_side(o: &Observation) -> Option<Action> {
    if o.listener.keyed {
        return Some(Action::Detach);
    }
    // what is half made begins nothing: its maker names it in the head last
    if o.head.is_making(o.build.generation) {
        return Some(Action::Wait(None));
    }
    o.build.cancel.is_some().then(|| cancel(o))
}

/// Until when a listener takes no push, where one is there.
pub fn rests_until(o: &Observation) -> Option<Timestamp> {
    let asks = || !o.build.is_side() && o.freeze.is_none() && brings_news(o);
    o.head.rests_until(o.max_per_hour, o.now).filter(|_| asks())
}

fn resting(o: &Observation, until: Timestamp) -> String {
    format!(
        "paused until {until:.0}: {} builds of this chain have begun within an hour (annotation {}), as if they pushed the \
         image that it listens to; what is pushed last is built then",
        o.max_per_hour,
        wire::MAX_PER_HOUR
    )
}

fn triggered(o: &Observation) -> Action {
    if let Some(why) = usurped(o) {
        return Action::StandDown(why);
    }
    if o.head.generation == o.build.generation {
        Action::MoveHead
    } else if o.listener.keyed {
        Action::Detach
    } else if o.build.is_side() {
        Action::TryOut
    } else {
        Action::Reach(Phase::Detached)
    }
}

pub(super) fn holds_slot(o: &Observation) -> bool {
    o.head.slots.contains_key(&o.build.generation)
}

fn queue(o: &Observation) -> Action {
    if holds_slot(o) {
        return if o.queues { admission(o) } else { Action::Reach(Phase::Preparing) };
    }
    if let Some(older) = o.outdated.first() {
        return Action::Supersede(older.namespace.clone());
    }
    if let Some(lost) = o.lost_slots.first() {
        return Action::FreeSlot(*lost);
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
        format!("behind {}", in_words(o.before.first().copied().unwrap_or_default()))
    } else {
        format!("behind the build in {}", holders.join(", "))
    };
    Action::Wait(Some(behind))
}

/// Support of a build that Kueue admits comes up once it is: a cluster that is full has no room for it either.
fn admission(o: &Observation) -> Action {
    if o.build.phase == Phase::Detached {
        return Action::Reach(Phase::Queued);
    }
    match &o.judged {
        Judged::NoJob => Action::Build,
        Judged::Unadmitted(queued) => Action::Queue(queued.clone()),
        Judged::Gated | Judged::Going(_) => Action::Reach(Phase::Preparing),
        Judged::JobGone => cancelled(),
        Judged::Over(verdict, cause) => Action::Record(*verdict, cause.clone()),
    }
}

fn prepare(o: &Observation) -> Action {
    if !o.prepared {
        return Action::Prepare;
    }
    let missing: Vec<&SupportState> = o
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
            format!(
                "support did not get ready within {} s (annotation {}): {named}",
                o.support_bound,
                wire::SUPPORT_DEADLINE
            ),
        )
    }
}

fn build(o: &Observation) -> Action {
    match &o.judged {
        Judged::NoJob => Action::Build,
        Judged::Gated => Action::Release,
        Judged::Unadmitted(queued) => taken_back(&queued.sentence),
        Judged::Going(why) => Action::Wait(why.clone()),
        Judged::JobGone => cancelled(),
        Judged::Over(verdict, cause) => Action::Record(*verdict, cause.clone()),
    }
}

/// The end of a build that has lost its place in the cluster: like one that was evicted it does not run a second time.
pub(super) fn taken_back(why: &str) -> Action {
    Action::Record(Verdict::Errored, format!("the build was preempted after it was admitted: {why}"))
}

/// The cause of a build that was cancelled by hand. Who did it is not said: of a kubeconfig's user the server tells a name that
/// may be anybody's.
pub const BY_HAND: &str = "cancelled by hand";

/// The end of a build that is to be cancelled. One that has ended by itself keeps its verdict.
pub(super) fn cancel(o: &Observation) -> Action {
    if let Judged::Over(verdict, cause) = &o.judged {
        return Action::Record(*verdict, cause.clone());
    }
    let said = o.build.cancel.clone().filter(|why| !why.trim().is_empty());
    Action::Record(Verdict::Cancelled, said.unwrap_or_else(|| BY_HAND.to_owned()))
}

pub(super) fn cancelled() -> Action {
    Action::Record(Verdict::Cancelled, "the build's Job was deleted before it had ended".to_owned())
}

fn recorded(o: &Observation) -> Action {
    if holds_slot(o) {
        Action::FreeSlot(o.build.generation)
    } else if let Some(end) = end_left(o) {
        end
    } else if o.build.dispatch.settled() {
        Action::Finish
    } else {
        let why = o.build.dispatch_error.as_deref().unwrap_or("not tried yet");
        Action::Wait(Some(format!("the next listener is not dispatched: {why}")))
    }
}

/// What is to be done about what runs on; none where nothing does.
pub(super) fn end_left(o: &Observation) -> Option<Action> {
    let first = o.left.first()?;
    if o.build.verdict == Some(Verdict::Cancelled) || o.left_until <= o.now {
        return Some(Action::EndPods);
    }
    Some(Action::Wait(Some(format!(
        "{} of pod {} until {}, when it is ended (annotation {})",
        run_on(&first.containers),
        first.pod,
        o.left_until,
        wire::INJECTED_DEADLINE
    ))))
}

#[cfg(test)]
#[path = "step_tests.rs"]
pub(super) mod tests;
