//! Tell others of a chain's builds: one at a time, by a turn that is taken in home, and what came of it is written down.
//!
//! Statuses on GitHub are append-only and the latest one counts, so an older build must not speak after a newer one of the same
//! commit. Whoever has the turn looks at all builds of the chain before they say a word, and lets go of the turn with the
//! very write that says what came of it. A turn whose holder died ends by itself.

use std::time::Duration;

use futures_util::future::join;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::build::read_build;
use super::chain::Data;
use super::error::{Error, Result};
use super::{record, select, webhook};
use crate::chain::build::{Build, Map, Phase};
use crate::chain::outbox::{self, Leg, Outgoing};
use crate::chain::publishing::PublishSettings;
use crate::chain::{begun, record as history, wire};
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::options::Proxies;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};
use crate::local::render::Renderer;
use crate::publish::{Outcome, Outlets};

/// How long whoever has the turn may speak; it is theirs for longer, so that nothing of theirs is on its way once it is over.
const SPEECH: Duration = Duration::from_secs(90);
/// How soon a turn that somebody else has is asked for again.
const ELSEWHERE: Duration = Duration::from_secs(2);
/// How soon a build is looked at again whose record in home is there, and whose phase is not written yet.
const UNWRITTEN: Duration = Duration::from_secs(15);
/// How often a turn is asked for again that somebody else wrote beside.
const RACES: u32 = 5;

/// Whoever tells others of a chain's builds.
#[derive(Debug, Clone)]
pub struct Publisher {
    /// The cluster.
    pub cluster: Cluster,
    /// The chain.
    pub chain: String,
    /// Its uuid.
    pub chain_uuid: String,
    /// Whom it tells.
    pub settings: PublishSettings,
    /// By which proxies.
    pub proxies: Proxies,
    /// What names these, for people.
    pub proxy_named: &'static str,
    /// Who tells, for people.
    pub by: String,
    /// Who renders a webhook's template.
    pub renderer: Renderer,
    /// Their clock.
    pub clock: fn() -> Timestamp,
}

/// What came of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WorkedOff {
    /// When there is something to tell again.
    pub next: Option<Timestamp>,
    /// What did not arrive of the newest build that has ended: a sentence.
    pub unpublished: Option<String>,
    /// What was done: sentences.
    pub done: Vec<String>,
}

/// That a build goes on, as far as it was said.
#[derive(Debug, Default)]
pub struct Announcement {
    /// The build, as it was then.
    build: Option<Build>,
    /// Whether GitHub shows it, or never will.
    shown: bool,
    /// Whether the webhook has taken it, or never will.
    taken: bool,
    /// What was in the way last.
    pub why: Option<String>,
}

impl Announcement {
    /// Nothing was said of this build yet.
    pub fn of(build: &Build) -> Self {
        Self { build: Some(build.clone()), ..Self::default() }
    }
}

/// What is left of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// There is nothing more to say of it.
    Over,
    /// To be tried again, not before this.
    Again(Duration),
}

impl Publisher {
    /// Says of a build that it goes on.
    ///
    /// # Errors
    /// Cluster errors; [`Error::HistoryGone`].
    pub async fn announce(&self, it: &mut Announcement) -> Result<Announced> {
        // written down before a word is said: whatever becomes of the build, somebody knows that it is to be closed
        let begun = |data: &Map| it.build.as_ref().and_then(|build| begun::note(data, build));
        let Some(data) = self.take_turn(&begun).await? else { return Ok(Announced::Again(ELSEWHERE)) };
        let said = timeout(SPEECH, self.say_pending(&data, it)).await;
        self.end_turn(json!({})).await?;
        said.unwrap_or(Ok(Announced::Again(Duration::ZERO)))
    }

    async fn say_pending(&self, data: &Map, it: &mut Announcement) -> Result<Announced> {
        let builds = self.builds().await?;
        let is_it = |build: &&Build| it.build.as_ref().is_some_and(|told| told.uid == build.uid);
        let build = builds.iter().find(is_it);
        let Some(build) = build.filter(|it| (Phase::Triggered..Phase::Recorded).contains(&it.phase)) else {
            return Ok(Announced::Over);
        };
        let outlets = self.outlets().await?;
        it.shown |= outbox::is_superseded(build, &history::history(data), &builds);
        let (shown, taken) = (it.shown, it.taken);
        let status =
            async { if shown { Outcome::AlreadyThere } else { outlets.status(build, Duration::ZERO).await } };
        let object = async {
            if taken { Outcome::AlreadyThere } else { self.hook(&outlets, build, Phase::Triggered).await }
        };
        let (status, object) = join(status, object).await;
        let mut pause = Duration::ZERO;
        for (outcome, over) in [(status, &mut it.shown), (object, &mut it.taken)] {
            match outcome {
                Outcome::Later { after, why } => {
                    pause = pause.max(after);
                    it.why = Some(why.to_string());
                }
                Outcome::Unpublished(why) => (*over, it.why) = (true, Some(why.to_string())),
                Outcome::Published | Outcome::AlreadyThere => *over = true,
            }
        }
        Ok(if it.shown && it.taken { Announced::Over } else { Announced::Again(pause) })
    }

    /// Tells what is due, the oldest build first, and what becomes due within `budget`. `known`: what home knows, where that was
    /// just read.
    ///
    /// # Errors
    /// Cluster errors; [`Error::HistoryGone`].
    pub async fn work_off(&self, budget: Duration, mut known: Option<Map>) -> Result<WorkedOff> {
        let end = Instant::now() + budget;
        let mut told = WorkedOff::default();
        let mut tries = 0;
        loop {
            let data = match known.take() {
                Some(known) => known,
                None => self.data().await?.data,
            };
            told.unpublished = outbox::unpublished(&data, &history::history(&data));
            told.next = outbox::next_due(&outbox::outbox(&data));
            let Some(next) = told.next else { return Ok(told) };
            let mut wait = Duration::try_from(next.duration_since((self.clock)())).unwrap_or_default();
            if wait.is_zero() {
                if tries > 0 && Instant::now() >= end {
                    return Ok(told);
                }
                tries += 1;
                match self.take_turn(&|_| None).await? {
                    Some(data) => {
                        self.tell_first(&data, &mut told.done).await?;
                        continue;
                    }
                    None => wait = ELSEWHERE,
                }
            }
            if Instant::now() + wait > end {
                return Ok(told);
            }
            sleep(wait).await;
        }
    }

    /// Tells the oldest result that is due, writes down what came of it, and lets go of the turn.
    async fn tell_first(&self, data: &Map, said: &mut Vec<String>) -> Result<()> {
        let (now, before) = ((self.clock)(), outbox::outbox(data));
        let mut patch = json!({});
        let told = match outbox::first_due(&before, now) {
            None => Ok(()),
            Some(generation) => {
                let out = &before[&generation];
                let told = timeout(SPEECH, self.tell(data, generation, out, said)).await;
                let told = told.unwrap_or_else(|_| Ok(self.tried(out, Duration::ZERO, "it took too long")));
                told.map(|after| outbox::put(&mut patch, &before, generation, &after))
            }
        };
        let ended = self.end_turn(patch).await;
        told?;
        ended
    }

    /// The same with each way that is due tried once more in vain.
    fn tried(&self, out: &Outgoing, after: Duration, why: &str) -> Outgoing {
        let now = (self.clock)();
        let again = |leg: &Leg| {
            if leg.is_due(now) { leg.again(out.since, now, after, why) } else { leg.clone() }
        };
        Outgoing {
            since: out.since,
            github: out.github.as_ref().map(again),
            webhook: out.webhook.as_ref().map(again),
        }
    }

    async fn tell(
        &self,
        data: &Map,
        generation: u64,
        out: &Outgoing,
        said: &mut Vec<String>,
    ) -> Result<Outgoing> {
        let (entries, builds) = (history::history(data), self.builds().await?);
        let Some(entry) = entries.iter().find(|entry| entry.generation == generation) else {
            return Ok(out.given_up("home's history has dropped the build"));
        };
        let there = builds.iter().find(|build| build.generation == generation && build.uid == entry.uid);
        if there.is_some_and(|build| build.phase < Phase::Recorded) {
            // what its agent or a later one says in the end is not settled yet
            return Ok(self.later(out));
        }
        let of_history = outbox::of_history(entry, &self.chain, &self.chain_uuid);
        let build = there.filter(|build| build.verdict.is_some()).unwrap_or(&of_history);
        let outlets = self.outlets().await?;
        let superseded = outbox::is_superseded(build, &entries, &builds);
        let now = (self.clock)();
        let due = |leg: &Option<Leg>| leg.as_ref().is_some_and(|leg| leg.is_due(now));
        let status = async {
            if !due(&out.github) {
                None
            } else if superseded {
                Some(Outcome::AlreadyThere)
            } else {
                Some(outlets.status(build, Duration::ZERO).await)
            }
        };
        let object = async {
            if due(&out.webhook) { Some(self.hook(&outlets, build, Phase::Recorded).await) } else { None }
        };
        let (status, object) = join(status, object).await;
        let mut after = out.clone();
        for (leg, outcome, place) in
            [(&mut after.github, status, "GitHub"), (&mut after.webhook, object, "the webhook")]
        {
            let (Some(leg), Some(outcome)) = (leg, outcome) else { continue };
            let now = (self.clock)();
            let line;
            (*leg, line) = match outcome {
                Outcome::Published => (Leg::Done, "told".to_owned()),
                Outcome::AlreadyThere => (Leg::Done, "nothing more to tell".to_owned()),
                Outcome::Later { after, why } => {
                    (leg.again(out.since, now, after, &why.to_string()), format!("not told yet: {why}"))
                }
                Outcome::Unpublished(why) => (Leg::unpublished(&why.to_string()), format!("not told: {why}")),
            };
            said.push(format!("the result of {} for {place}: {line}", build.namespace));
        }
        Ok(after)
    }

    /// The same a little later, without a try.
    fn later(&self, out: &Outgoing) -> Outgoing {
        let now = (self.clock)();
        let later = |leg: &Leg| match leg {
            Leg::Due { tries, why, .. } if leg.is_due(now) => {
                let next = now.checked_add(UNWRITTEN).unwrap_or(now);
                Leg::Due { tries: *tries, next, why: why.clone() }
            }
            leg => leg.clone(),
        };
        let (github, webhook) = (out.github.as_ref().map(later), out.webhook.as_ref().map(later));
        Outgoing { since: out.since, github, webhook }
    }

    /// Takes the turn, and gives what home knows of the chain; none while somebody else has it. `beside`: what is written
    /// down with it.
    async fn take_turn(&self, beside: &dyn Fn(&Map) -> Option<(String, String)>) -> Result<Option<Map>> {
        for _ in 0..RACES {
            let found = self.data().await?;
            let Some((key, value)) = outbox::turn(&found.data, &self.by, (self.clock)()) else {
                return Ok(None);
            };
            let version = &found.metadata.resource_version;
            let mut patch = json!({ "metadata": { "resourceVersion": version }, "data": { key: value } });
            if let Some((key, value)) = beside(&found.data) {
                patch["data"][key] = json!(value);
            }
            match self.write(&patch).await {
                Ok(()) => return Ok(Some(found.data)),
                Err(error) if error.is_conflict() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    async fn end_turn(&self, mut patch: Value) -> Result<()> {
        outbox::end_turn(&mut patch);
        self.write(&patch).await
    }

    async fn data(&self) -> Result<Data> {
        data(&self.cluster, &self.chain).await
    }

    async fn write(&self, patch: &Value) -> Result<()> {
        write(&self.cluster, &self.chain, patch).await
    }

    async fn builds(&self) -> Result<Vec<Build>> {
        let query = select::chain(&self.chain);
        let list = self.cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &query).await?;
        let builds = list.items.iter().filter_map(|namespace| read_build(namespace).ok());
        Ok(builds.filter(|build| build.chain_uuid == self.chain_uuid).collect())
    }

    async fn hook(&self, outlets: &Outlets, build: &Build, since: Phase) -> Outcome {
        let template = self.settings.webhook_template.as_ref().map(|template| (template, self.renderer));
        webhook::tell(outlets, template, (build, since), (self.clock)()).await
    }

    /// Whom the chain tells, with what its Secret holds now: somebody may have written a new token into it.
    async fn outlets(&self) -> Result<Outlets> {
        let held = record::values(&self.cluster, &self.chain).await?.unwrap_or_default();
        Ok(Outlets::of(&self.settings, &held, &self.cluster.way_out(self.proxies.clone(), self.proxy_named)))
    }
}

/// What home knows of a chain's builds and their results.
///
/// # Errors
/// Cluster errors; [`Error::HistoryGone`].
pub async fn data(cluster: &Cluster, chain: &str) -> Result<Data> {
    let object = wire::history_object(chain);
    let found = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &object).await?;
    found.ok_or(Error::HistoryGone { object })
}

async fn write(cluster: &Cluster, chain: &str, patch: &Value) -> Result<()> {
    let (object, patch) = (wire::history_object(chain), Patch::Merge(patch));
    cluster.patch::<Object>(&kind::CONFIG_MAPS, Some(wire::HOME), &object, patch).await?;
    Ok(())
}

/// Changes how far the results of some builds have come: `change` gets what is kept of each, and gives what is to be.
///
/// # Errors
/// As [`data`]; a conflict where somebody else writes again and again.
pub async fn change(
    cluster: &Cluster,
    chain: &str,
    change: impl Fn(u64, &Outgoing) -> Option<Outgoing>,
) -> Result<()> {
    let patch = |data: &Map| {
        let before = outbox::outbox(data);
        let mut patch = json!({});
        for (generation, out) in &before {
            if let Some(out) = change(*generation, out) {
                outbox::put(&mut patch, &before, *generation, &out);
            }
        }
        (!patch["data"].is_null()).then_some(patch)
    };
    amend(cluster, chain, patch).await.map(drop)
}

/// Changes what home knows of a chain's builds by compare-and-swap: `patch` gets what is there, and gives what is to change.
/// `false` where that is nothing.
///
/// # Errors
/// As [`data`]; a conflict where somebody else writes again and again.
pub async fn amend(cluster: &Cluster, chain: &str, patch: impl Fn(&Map) -> Option<Value>) -> Result<bool> {
    for attempt in 1.. {
        let found = data(cluster, chain).await?;
        let Some(mut patch) = patch(&found.data) else { return Ok(false) };
        patch["metadata"] = json!({ "resourceVersion": found.metadata.resource_version });
        match write(cluster, chain, &patch).await {
            Err(error) if error.is_conflict() && attempt < RACES => {}
            written => return written.map(|()| true),
        }
    }
    unreachable!("the last try returns")
}
