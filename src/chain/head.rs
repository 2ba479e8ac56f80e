//! The head: the small object in home that says which generation of a chain is the newest, what is built, and
//! who may build now.
//!
//! It moves by compare-and-swap only: every change here is a merge patch of single keys that carries the
//! resourceVersion it was decided on. Keys that this program does not know are left alone.

mod side;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::build::{Baseline, Build, Map, Version};
use super::side::is_side;
pub use side::SideClaim;

/// How many (tag, digest) pairs the built set remembers, and how many namespaces are known by their uid.
pub const BUILT_MAX: usize = 256;

/// How many moves within an hour the head remembers: what a chain may be allowed at most.
const MOVES_MAX: usize = 1000;
/// What is counted within.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

const UUID: &str = "uuid";
const GENERATION: &str = "generation";
const NAMESPACE: &str = "namespace";
const UID: &str = "uid";
const ENDED: &str = "ended";
const PIPELINE: &str = "pipeline";
const BASELINE: &str = "baseline";
const EDITION: &str = "edition";
const PURGING: &str = "purging";
const MOVES: &str = "moves";
const BUILT: &str = "built.";
const SLOT: &str = "slot.";
const SETTLED: &str = "settled.";

/// A chain's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// What a swap is decided on.
    pub resource_version: String,
    /// The chain's uuid.
    pub uuid: String,
    /// The newest generation.
    pub generation: u64,
    /// Its namespace and that namespace's uid, once claimed.
    pub claimed: Option<(String, String)>,
    /// uids of the namespaces of earlier generations, as they stood in [`Self::claimed`].
    pub settled: BTreeMap<u64, String>,
    /// When and by whom the chain was ended, in words.
    pub ended: Option<String>,
    /// Side builds, by their numbers.
    pub sides: BTreeMap<u64, SideClaim>,
    /// What was built, by generation.
    pub built: BTreeMap<u64, Version>,
    /// Who builds now: namespace by generation.
    pub slots: BTreeMap<u64, String>,
    /// The last good pipeline text that a push brought; none = the record's template.
    pub pipeline: Option<String>,
    /// What the newest generation starts from, where `start` or `stop` has moved the head: its namespace may be gone.
    pub baseline: Option<Baseline>,
    /// The edition of the record that the newest generation was raised from, if not by a predecessor.
    pub edition: u64,
    /// Whether `stop --purge` is taking the chain down.
    pub purging: bool,
    /// When builds have begun, pushes and those that were asked for by hand, within the hour before the newest of them.
    pub moves: Vec<Timestamp>,
}

/// Why a head cannot be read: hand-edited state is never guessed at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the head of the chain has no readable {key:?} (it says {value:?})")]
pub struct UnreadableHead {
    /// The key.
    pub key: String,
    /// What stands there.
    pub value: String,
}

impl Head {
    /// The data of a new chain's head.
    pub fn first(uuid: &str) -> Map {
        Map::from([(UUID.to_owned(), uuid.to_owned()), (GENERATION.to_owned(), "1".to_owned())])
    }

    /// Reads a head from its ConfigMap's data.
    ///
    /// # Errors
    /// A key that is missing or unreadable.
    pub fn read(resource_version: &str, data: &Map) -> Result<Self, UnreadableHead> {
        let unreadable =
            |key: &str, value: &str| UnreadableHead { key: key.to_owned(), value: value.to_owned() };
        let must = |key: &str| data.get(key).cloned().ok_or_else(|| unreadable(key, ""));
        let number = |key: &str, text: &str| text.parse::<u64>().map_err(|_| unreadable(key, text));
        let text = |key: &str| data.get(key).filter(|value| !value.is_empty()).cloned();
        let mut built = BTreeMap::new();
        let mut slots = BTreeMap::new();
        let mut settled = BTreeMap::new();
        let mut sides = BTreeMap::new();
        for (key, value) in data {
            if let Some(generation) = key.strip_prefix(BUILT) {
                let version = value.parse().map_err(|_| unreadable(key, value))?;
                built.insert(number(key, generation)?, version);
            } else if let Some(generation) = key.strip_prefix(SLOT) {
                slots.insert(number(key, generation)?, value.clone());
            } else if let Some(generation) = key.strip_prefix(SETTLED) {
                settled.insert(number(key, generation)?, value.clone());
            } else if let Some(side) = key.strip_prefix(side::SIDE) {
                sides.insert(number(key, side)?, SideClaim::read(key, value)?);
            }
        }
        Ok(Self {
            resource_version: resource_version.to_owned(),
            uuid: must(UUID)?,
            generation: number(GENERATION, &must(GENERATION)?)?,
            claimed: text(NAMESPACE).zip(text(UID)),
            settled,
            sides,
            ended: text(ENDED),
            built,
            slots,
            pipeline: text(PIPELINE),
            baseline: match text(BASELINE) {
                Some(text) => Some(text.parse().map_err(|_| unreadable(BASELINE, &text))?),
                None => None,
            },
            edition: match text(EDITION) {
                Some(text) => number(EDITION, &text)?,
                None => 0,
            },
            purging: text(PURGING).is_some(),
            // nothing hangs on these but a pause
            moves: text(MOVES).map_or_else(Vec::new, |all| {
                all.split_whitespace().filter_map(|at| at.parse().ok()).collect()
            }),
        })
    }

    /// Whether nothing was claimed for the chain yet: its first `start` is under way, or was cut off.
    pub fn begins(&self) -> bool {
        self.generation == 1 && self.claimed.is_none() && self.ended.is_none()
    }

    /// uid of the namespace that was settled for a generation, or of a side build's, as far as that is remembered.
    pub fn uid_of(&self, generation: u64) -> Option<&str> {
        match &self.claimed {
            _ if is_side(generation) => self.uid_of_side(generation),
            Some((_, uid)) if generation == self.generation => Some(uid),
            _ => self.settled.get(&generation).map(String::as_str),
        }
    }

    /// Whether a namespace of that uid may be the chain's: it is remembered, or somebody is claiming one whose uid nobody knows yet.
    pub fn may_know(&self, uid: &str) -> bool {
        let claims = self.claimed.is_none() && self.ended.is_none();
        let side = |side: &SideClaim| match side {
            SideClaim::Settled(settled) => settled == uid,
            SideClaim::Making(_) => true,
            SideClaim::GivenUp => false,
        };
        claims
            || self.claimed.as_ref().is_some_and(|(_, claimed)| claimed == uid)
            || self.settled.values().any(|settled| settled == uid)
            || self.sides.values().any(side)
    }

    /// Whether it has come to the bounds of what it remembers, and a generation, or side build, is older than all of that.
    pub fn forgets(&self, generation: u64) -> bool {
        let (known, oldest) = if is_side(generation) {
            (self.sides.len(), self.sides.keys().next())
        } else {
            (self.settled.len(), self.settled.keys().next())
        };
        known >= BUILT_MAX && oldest.is_some_and(|oldest| generation < *oldest)
    }

    /// Whether this is the very namespace that was settled for its generation: no label or annotation can feign that.
    pub fn proves(&self, build: &Build) -> bool {
        build.chain_uuid == self.uuid && self.uid_of(build.generation) == Some(&build.uid)
    }

    /// Whether a generation never built anything and never will: the head has passed it, or ended at it, without an
    /// entry of it in the built set. Whoever moved the head then may dispose of it.
    ///
    /// The built set is bounded: of what is older than all that it remembers, nothing is known.
    pub fn abandons(&self, generation: u64) -> bool {
        let over = generation < self.generation || (generation == self.generation && self.ended.is_some());
        let forgotten = self.built.len() >= BUILT_MAX
            && self.built.keys().next().is_some_and(|oldest| generation < *oldest);
        over && !forgotten && !self.built.contains_key(&generation)
    }

    /// What a listener starts from that takes the newest one's place. `newest`: the newest generation's build, if it
    /// is there.
    ///
    /// None where nothing tells any more: a first listener that was deleted by hand.
    pub fn starting_point(&self, newest: Option<&Build>) -> Option<Baseline> {
        let own = newest.filter(|build| build.generation == self.generation && build.chain_uuid == self.uuid);
        own.map(|build| build.baseline.clone())
            .or_else(|| self.baseline.clone())
            .or_else(|| self.built.values().next_back().cloned().map(Baseline::At))
    }

    /// Whether `version` was built by a generation other than `own`.
    pub fn has_built(&self, version: &Version, own: u64) -> bool {
        self.built.iter().any(|(generation, built)| *generation != own && built == version)
    }

    /// Whether the agent of that generation has moved the head on: what it builds is in the built set. A side build moves
    /// nothing, and may build from when it is complete.
    pub fn has_moved(&self, generation: u64) -> bool {
        if is_side(generation) {
            return self.uid_of_side(generation).is_some();
        }
        self.generation > generation && self.built.contains_key(&generation)
    }

    /// Whether it is the agent of the build before that raises the newest listener; otherwise a person does.
    pub fn raised_by_agent(&self) -> bool {
        self.built.contains_key(&self.generation.saturating_sub(1))
    }

    /// Until when no further push is to be built, where at most `max` may be within an hour; none where that is not reached.
    pub fn rests_until(&self, max: usize, now: Timestamp) -> Option<Timestamp> {
        let recent: Vec<Timestamp> = self.moves_since(now).collect();
        let frees = *recent.get(recent.len().checked_sub(max.max(1))?)?;
        Some(frees + HOUR)
    }

    fn moves_since(&self, now: Timestamp) -> impl Iterator<Item = Timestamp> {
        self.moves.iter().copied().filter(move |at| *at > now - HOUR)
    }

    fn moves_with(&self, now: Timestamp) -> String {
        let moves = self.moves_since(now).chain([now]).map(|at| format!("{at:.0}"));
        let mut moves: Vec<String> = moves.collect();
        moves.drain(..moves.len().saturating_sub(MOVES_MAX));
        moves.join(" ")
    }

    fn patch(&self, data: &Value) -> Value {
        json!({ "metadata": { "resourceVersion": self.resource_version }, "data": data })
    }

    /// Generation N → N+1: whose namespace is not known yet, while that of N stays known by its uid.
    fn pass(&self) -> Value {
        let mut data = json!({
            GENERATION: (self.generation + 1).to_string(),
            NAMESPACE: null,
            UID: null,
        });
        if let Some((_, uid)) = &self.claimed {
            data[format!("{SETTLED}{}", self.generation)] = json!(uid);
            for old in self.settled.keys().take((self.settled.len() + 1).saturating_sub(BUILT_MAX)) {
                data[format!("{SETTLED}{old}")] = Value::Null;
            }
        }
        data
    }

    /// The swap of a triggered agent: generation N → N+1, what it builds into the built set.
    pub fn advance(&self, version: &Version, now: Timestamp) -> Value {
        let mut data = self.pass();
        data[MOVES] = json!(self.moves_with(now));
        data[BASELINE] = Value::Null;
        data[format!("{BUILT}{}", self.generation)] = json!(version.to_string());
        for old in self.built.keys().take((self.built.len() + 1).saturating_sub(BUILT_MAX)) {
            data[format!("{BUILT}{old}")] = Value::Null;
        }
        self.patch(&data)
    }

    /// The swap that makes a claimed namespace the newest generation's.
    pub fn settle_claim(&self, namespace: &str, uid: &str) -> Value {
        self.patch(&json!({ NAMESPACE: namespace, UID: uid }))
    }

    /// The swap that makes a pushed pipeline the last good one: the API server has taken the listener that came of it.
    pub fn last_good(&self, pipeline: &str) -> Value {
        self.patch(&json!({ PIPELINE: pipeline }))
    }

    /// The swap of `start` on a chain that is there: on to a fresh listener that is raised from this edition of the
    /// record, pushed pipelines forgotten. The generation before is abandoned unless it has moved the head itself, and
    /// a chain that had ended goes on.
    pub fn renew(&self, edition: u64, baseline: &Baseline) -> Value {
        let mut data = self.pass();
        data[ENDED] = Value::Null;
        data[PIPELINE] = Value::Null;
        data[BASELINE] = json!(baseline.to_string());
        data[EDITION] = json!(edition.to_string());
        self.patch(&data)
    }

    /// The swap by which a chain whose newest listener is lost goes on to a fresh one: from where that stood, by the same edition
    /// and by what was pushed last.
    pub fn again(&self, baseline: &Baseline) -> Value {
        let mut data = self.pass();
        data[BASELINE] = json!(baseline.to_string());
        self.patch(&data)
    }

    /// The swap of `stop`: no generation after this one. `how`: when and by whom, in words.
    pub fn end(&self, how: &str, baseline: Option<&Baseline>) -> Value {
        self.patch(&json!({ ENDED: how, BASELINE: baseline.map(ToString::to_string) }))
    }

    /// The swap of `stop --purge`: the chain is taken down, and nothing starts it again meanwhile.
    pub fn purge(&self) -> Value {
        self.patch(&json!({ PURGING: "true" }))
    }

    /// The swap that takes a build slot.
    pub fn take_slot(&self, generation: u64, namespace: &str) -> Value {
        self.patch(&json!({ format!("{SLOT}{generation}"): namespace }))
    }

    /// The swap that gives a build slot back.
    pub fn free_slot(&self, generation: u64) -> Value {
        self.patch(&json!({ format!("{SLOT}{generation}"): null }))
    }
}

#[cfg(test)]
impl Head {
    /// The ConfigMaps of heads that know each of these Namespaces by its uid, of all chains.
    pub(crate) fn objects_of(namespaces: &[Value]) -> Vec<Value> {
        use super::wire;

        let mut all: BTreeMap<String, Value> = BTreeMap::new();
        for namespace in namespaces {
            let told = |of: &str, key: &str| namespace["metadata"][of][key].as_str().map(str::to_owned);
            let Some(chain) = told("labels", wire::CHAIN).filter(|chain| chain != wire::CLAIM_CHAIN) else {
                continue;
            };
            let object = all.entry(chain.clone()).or_insert_with(|| {
                let labels = json!({ wire::CHAIN: chain, wire::ROLE: wire::ROLE_HEAD });
                let name = wire::chain_object(&chain);
                json!({ "metadata": { "name": name, "namespace": wire::HOME, "resourceVersion": "1", "labels": labels },
                    "data": { GENERATION: "0", UUID: told("annotations", wire::CHAIN_UUID) } })
            });
            let generation = told("annotations", wire::GENERATION).and_then(|it| it.parse::<u64>().ok());
            let (Some(generation), Value::Object(data)) = (generation, &mut object["data"]) else { continue };
            let uid = namespace["metadata"]["uid"].clone();
            if is_side(generation) {
                data.insert(format!("{}{generation}", side::SIDE), uid);
                continue;
            }
            data.insert(format!("{SETTLED}{generation}"), uid.clone());
            if data[GENERATION].as_str().and_then(|it| it.parse().ok()) < Some(generation) {
                data.insert(GENERATION.to_owned(), json!(generation.to_string()));
                data.insert(NAMESPACE.to_owned(), namespace["metadata"]["name"].clone());
                data.insert(UID.to_owned(), uid);
            }
        }
        all.into_values().collect()
    }
}

#[cfg(test)]
#[path = "head_tests.rs"]
mod tests;
