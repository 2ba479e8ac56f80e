//! What is written down of each result that is on its way to others.
//!
//! The outbox stands beside the history in home, so that it outlives namespaces, agents and restarts: whoever records a build
//! puts an entry into it, whoever publishes works it off, the oldest build first.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::build::{Baseline, Build, Dispatch, Map, Phase};
use super::publishing::PublishSettings;
use super::record::{self, Entry};
use super::side::is_side;

/// How far a result has come on one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leg {
    /// On its way.
    Due {
        /// How often it was tried.
        tries: u32,
        /// Not before this.
        next: Timestamp,
        /// Why not yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// There.
    Done,
    /// Given up.
    Unpublished {
        /// Why.
        why: String,
    },
}

/// How long a result is tried to be told, at least.
const PATIENCE: SignedDuration = SignedDuration::from_hours(1);
/// How often, at least: whoever was asked to wait for an hour has not tried twice.
const TRIES: u32 = 5;
/// Seconds until the second try; they double.
const PAUSE: u64 = 15;
/// The most of them.
const PAUSE_MAX: u64 = 600;
/// At most so many bytes of a reason are kept.
const WHY: usize = 400;

impl Leg {
    /// One that has not been tried.
    pub fn begun(now: Timestamp) -> Self {
        Self::Due { tries: 0, next: now, why: None }
    }

    /// Given up.
    pub fn unpublished(why: &str) -> Self {
        Self::Unpublished { why: why.chars().take(WHY).collect() }
    }

    /// When it is to be tried; none once that is over.
    fn next(&self) -> Option<Timestamp> {
        match self {
            Self::Due { next, .. } => Some(*next),
            Self::Done | Self::Unpublished { .. } => None,
        }
    }

    /// Whether it is to be tried now.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.next().is_some_and(|next| next <= now)
    }

    /// After a try that was in vain, not to be repeated before `after`. `since`: when the result was put into the outbox.
    #[must_use]
    pub fn again(&self, since: Timestamp, now: Timestamp, after: Duration, why: &str) -> Self {
        let Self::Due { tries, .. } = self else { return self.clone() };
        let tries = tries + 1;
        if tries >= TRIES && now.duration_since(since) >= PATIENCE {
            return Self::unpublished(why);
        }
        let pause =
            Duration::from_secs(PAUSE.saturating_mul(1 << tries.min(10).saturating_sub(1)).min(PAUSE_MAX));
        let wait = SignedDuration::try_from(after.max(pause)).unwrap_or(SignedDuration::MAX);
        let why = Some(why.chars().take(WHY).collect());
        Self::Due { tries, next: now.checked_add(wait).unwrap_or(Timestamp::MAX), why }
    }
}

/// The result of one build on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// Since when.
    pub since: Timestamp,
    /// To GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<Leg>,
    /// To the webhook.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Leg>,
}

impl Outgoing {
    /// A result that was just recorded; none of a chain that tells nobody.
    pub fn of(settings: &PublishSettings, now: Timestamp) -> Option<Self> {
        let leg = |wanted: bool| wanted.then(|| Leg::begun(now));
        let (github, webhook) = (leg(settings.github.is_some()), leg(settings.webhook.is_some()));
        settings.any().then_some(Self { since: now, github, webhook })
    }

    fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.github.iter().chain(&self.webhook)
    }

    /// When it is to be tried next; none once that is over.
    pub fn next(&self) -> Option<Timestamp> {
        self.legs().filter_map(Leg::next).min()
    }

    /// Why it did not get to where it should, said of that place; none where it did, or still may.
    pub fn why_not(&self) -> Option<String> {
        let why = |leg: &Option<Leg>, place: &str| match leg {
            Some(Leg::Unpublished { why }) => Some(format!("is not {place}: {why}")),
            _ => None,
        };
        why(&self.github, "on GitHub").or_else(|| why(&self.webhook, "with the webhook"))
    }

    /// The same given up on every way on which it has not arrived.
    #[must_use]
    pub fn given_up(&self, why: &str) -> Self {
        let give_up = |leg: &Option<Leg>| match leg {
            Some(Leg::Due { why: last, .. }) => Some(Leg::unpublished(last.as_deref().unwrap_or(why))),
            leg => leg.clone(),
        };
        Self { since: self.since, github: give_up(&self.github), webhook: give_up(&self.webhook) }
    }

    /// The same to be tried again on every way that was given up.
    #[must_use]
    pub fn once_more(&self, now: Timestamp) -> Self {
        let again = |leg: &Option<Leg>| match leg {
            Some(Leg::Unpublished { .. }) => Some(Leg::begun(now)),
            leg => leg.clone(),
        };
        Self { since: now, github: again(&self.github), webhook: again(&self.webhook) }
    }
}

/// The results of a chain that are on their way or did not arrive, by generation.
pub type Outbox = BTreeMap<u64, Outgoing>;

/// What the keys of the outbox begin with, beside the history.
const OUTBOX: &str = "outbox.";
/// The key beside the history that says who publishes at this moment.
const PUBLISHING: &str = "publishing";
/// At most so many results that did not arrive are remembered.
const UNPUBLISHED_MAX: usize = 50;
/// How long nobody else publishes unless whoever does says that they are done.
const TURN: SignedDuration = SignedDuration::from_mins(2);

fn key(generation: u64) -> String {
    format!("{OUTBOX}{generation:08}")
}

/// Reads an outbox; what cannot be read is left out.
pub fn outbox(data: &Map) -> Outbox {
    let read = |(key, text): (&String, &String)| {
        Some((key.strip_prefix(OUTBOX)?.parse().ok()?, serde_json::from_str(text).ok()?))
    };
    data.iter().filter_map(read).collect()
}

/// Adds to the merge patch of a history how far a result has come. One that has arrived is forgotten, and so are the oldest of
/// too many that did not.
pub fn put(patch: &mut Value, before: &Outbox, generation: u64, out: &Outgoing) {
    let arrived = out.legs().all(|leg| *leg == Leg::Done);
    patch["data"][key(generation)] = if arrived { Value::Null } else { json!(json!(out).to_string()) };
    let others = before.iter().rev().filter(|(other, out)| **other != generation && out.next().is_none());
    for (old, _) in others.skip(UNPUBLISHED_MAX - 1) {
        patch["data"][key(*old)] = Value::Null;
    }
}

/// The oldest generation whose result is to be told now.
pub fn first_due(outbox: &Outbox, now: Timestamp) -> Option<u64> {
    outbox
        .iter()
        .find(|(_, out)| out.next().is_some_and(|next| next <= now))
        .map(|(generation, _)| *generation)
}

/// When something is to be told next.
pub fn next_due(outbox: &Outbox) -> Option<Timestamp> {
    outbox.values().filter_map(Outgoing::next).min()
}

/// What did not arrive of the newest build that has ended: a sentence.
pub fn unpublished(data: &Map, history: &[Entry]) -> Option<String> {
    let newest = record::newest(history)?;
    let why = outbox(data).remove(&newest.generation)?.why_not()?;
    Some(format!("the result of {} {why}", newest.namespace))
}

/// Whether a later build of the same commit has spoken, or is about to: what an earlier one says after it would stand for the
/// commit. Side builds speak for themselves.
pub fn is_superseded(build: &Build, history: &[Entry], builds: &[Build]) -> bool {
    let same = |generation: u64, revision: &Option<String>| {
        generation > build.generation
            && is_side(generation) == build.is_side()
            && revision.is_some()
            && *revision == build.revision
    };
    history.iter().any(|entry| same(entry.generation, &entry.revision))
        || builds.iter().any(|it| it.phase >= Phase::Triggered && same(it.generation, &it.revision))
}

/// Whose turn it is to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Turn {
    by: String,
    until: Timestamp,
}

/// The key and value of a turn that begins now; none while somebody else has theirs.
pub fn turn(data: &Map, by: &str, now: Timestamp) -> Option<(&'static str, String)> {
    let there = data.get(PUBLISHING).and_then(|text| serde_json::from_str::<Turn>(text).ok());
    // a clock that is far ahead must not keep others from it for ever
    let free = there.is_none_or(|turn| turn.until <= now || turn.until > now + TURN * 2);
    free.then(|| (PUBLISHING, json!(Turn { by: by.to_owned(), until: now + TURN }).to_string()))
}

/// Adds to a merge patch of the history that the turn is over.
pub fn end_turn(patch: &mut Value) {
    patch["data"][PUBLISHING] = Value::Null;
}

/// A build of which the history alone is left, as far as it tells.
pub fn of_history(entry: &Entry, chain: &str, chain_uuid: &str) -> Build {
    let time = |phase: &Phase| entry.times.get(&phase.as_str().to_ascii_lowercase()).map(|at| (*phase, *at));
    Build {
        namespace: entry.namespace.clone(),
        uid: entry.uid.clone(),
        resource_version: String::new(),
        terminating: false,
        created: None,
        chain: chain.to_owned(),
        chain_uuid: chain_uuid.to_owned(),
        owner: String::new(),
        generation: entry.generation,
        retry_of: entry.retry_of.clone(),
        parent: None,
        successor: None,
        phase: Phase::Recorded,
        verdict: entry.verdict.parse().ok(),
        cause: Some(entry.cause.clone()),
        cancel: None,
        waiting: None,
        kueue: None,
        trying: None,
        dispatch: Dispatch::Pending,
        dispatch_error: None,
        baseline: Baseline::None,
        image: entry.image.clone(),
        version: entry.version.as_ref().and_then(|version| version.parse().ok()),
        revision: entry.revision.clone(),
        job_uid: None,
        heartbeat: None,
        reserved: entry.reserved.clone(),
        times: Phase::ALL.iter().filter_map(time).collect(),
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
