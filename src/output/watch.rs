//! What `watch` says: the difference of two observations of a build, a line for each event.

use jiff::Timestamp;

use super::short::short;
use crate::chain::build::{Baseline, Build, Dispatch, Phase, Version};
use crate::chain::side::in_words;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchLine {
    /// When it happened.
    pub time: Timestamp,
    /// The build.
    pub build: String,
    /// What happened.
    pub text: String,
}

impl std::fmt::Display for WatchLine {
    /// `10:37:05Z  ci-eager-hopper  detached from Keel`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}  {}  {}", self.time.strftime("%H:%M:%SZ"), self.build, self.text)
    }
}

/// What happened to a build between two observations, in the order of the phases; all of it where there is no older one.
///
/// `seen` is the server's time of the newer observation, for what has no time on the wire: the dispatch and a reason
/// for waiting. Such a line is never dated after a phase that follows it.
pub fn diff(old: Option<&Build>, new: &Build, seen: Timestamp) -> Vec<WatchLine> {
    let before = old.filter(|old| old.uid == new.uid);
    let mut lines = Vec::new();
    let mut say = |time, text| lines.push(WatchLine { time, build: new.namespace.clone(), text });
    let begun = |phase: Phase| {
        let at = *new.times.get(&phase)?;
        before.is_none_or(|old| !old.times.contains_key(&phase)).then_some(at)
    };
    let no_later_than = |phase: Phase| {
        new.times.range(phase..).map(|(_, at)| *at).min().map_or(seen, |following| following.min(seen))
    };
    let turned = |now: bool, then: fn(&Build) -> bool| now && !before.is_some_and(then);

    for phase in [Phase::Claimed, Phase::Listening, Phase::Triggered, Phase::Detached] {
        if let Some(at) = begun(phase) {
            say(at, sentence(phase, new));
        }
    }
    if let Some(error) = new.dispatch_error.as_deref().filter(|_| !new.dispatch.settled())
        && before.and_then(|old| old.dispatch_error.as_deref()) != Some(error)
    {
        say(seen, format!("no next listener yet, will be tried again: {error}"));
    }
    if turned(new.dispatch == Dispatch::Done, |old| old.dispatch == Dispatch::Done) {
        let next = new.successor.as_deref().unwrap_or("a namespace not named yet");
        say(no_later_than(Phase::Queued), format!("next listener in {next}"));
    }
    if turned(new.dispatch == Dispatch::Ended && !new.is_side(), |old| old.dispatch == Dispatch::Ended) {
        say(no_later_than(Phase::Queued), "no next listener: the chain has ended".to_owned());
    }
    for phase in [Phase::Queued, Phase::Preparing, Phase::Building] {
        if let Some(at) = begun(phase) {
            say(at, sentence(phase, new));
        }
    }
    if let Some(reason) = new.waiting.as_deref()
        && new.verdict.is_none()
        && before.and_then(|old| old.waiting.as_deref()) != Some(reason)
    {
        say(seen, format!("waiting: {reason}"));
    }
    if turned(new.verdict.is_some(), |old| old.verdict.is_some()) {
        say(no_later_than(Phase::Recorded), verdict(new));
    }
    if let Some(at) = begun(Phase::Finished) {
        say(at, sentence(Phase::Finished, new));
    }
    if turned(new.terminating, |old| old.terminating) {
        say(seen, sentence(Phase::Disposing, new));
    }
    lines
}

/// What is seen from outside of a build that does not go on.
pub fn waits(build: &Build, why: &str, seen: Timestamp) -> WatchLine {
    WatchLine { time: seen, build: build.namespace.clone(), text: format!("waiting: {why}") }
}

/// That this build, whose revision contains the commit, was made in the place of the commit's own.
pub fn passed_over(commit: &str, build: &Build, seen: Timestamp) -> WatchLine {
    let taken = build.version.as_ref().map_or("another image", |version| &version.tag);
    let revision = build.revision.as_deref().unwrap_or("unknown");
    let (commit, taken, revision) = (short(commit), short(taken), short(revision));
    let time = build.times.get(&Phase::Triggered).map_or(seen, |at| *at);
    let text = format!("{commit} is passed over for {taken}, whose revision {revision} contains it");
    WatchLine { time, build: build.namespace.clone(), text }
}

fn sentence(phase: Phase, build: &Build) -> String {
    match phase {
        Phase::Claimed => format!("namespace claimed for {} of {}", in_words(build.generation), build.chain),
        Phase::Listening if build.is_side() => "waiting for its image".to_owned(),
        Phase::Listening => match &build.baseline {
            Baseline::None => "listening for the first push".to_owned(),
            Baseline::Pending(tag) | Baseline::At(Version { tag, .. }) => {
                format!("listening for a push after {}", short(tag))
            }
        },
        Phase::Triggered => triggered(build),
        Phase::Detached if build.is_side() => "its pipeline is checked".to_owned(),
        Phase::Detached => "detached from Keel".to_owned(),
        Phase::Queued => "queued behind another build of the chain".to_owned(),
        Phase::Preparing => "preparing: the rest of the pipeline comes up".to_owned(),
        Phase::Building => "building".to_owned(),
        Phase::Recorded => "recorded".to_owned(),
        Phase::Finished => "finished: everything is scaled to zero".to_owned(),
        Phase::Disposing => "namespace is being deleted".to_owned(),
    }
}

/// `image changed to build-2 (0123456789ab), revision 9fceb02`, as far as it is known.
fn triggered(build: &Build) -> String {
    let version = build.version.as_ref().map(|version| {
        let digest = version.digest().map_or("unpinned", |digest| digest.short());
        format!(" to {} ({digest})", short(&version.tag))
    });
    let revision = build.revision.as_ref().map(|revision| format!(", revision {}", short(revision)));
    if build.is_side() {
        let (image, of) =
            (version.unwrap_or_default().replacen(" to ", " ", 1), revision.unwrap_or_default());
        return match &build.retry_of {
            Some(retried) => format!("retry of {retried} with{image}{of}"),
            None => format!("triggered by hand with{image}{of}"),
        };
    }
    ["image changed".to_owned()].into_iter().chain(version).chain(revision).collect()
}

/// `Passed after 7m5s`, `Failed after 12s: build exited with 2`.
fn verdict(build: &Build) -> String {
    let cause = build.cause.as_ref().map(|cause| format!(": {cause}"));
    build.verdict_after().into_iter().chain(cause).collect()
}

#[cfg(test)]
mod tests;
