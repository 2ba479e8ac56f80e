//! What is kept of a chain in home besides its head: the settings fixed at `start`, and the bounded history
//! that outlives the namespaces.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::build::{Build, Map, Phase};
use super::copied::CopiedSecret;
use super::kept_log;
use super::publishing::PublishSettings;
use super::reserved::Reserved;
use super::rights::{self, Grants};
use super::rules::{Rules, Tidied};
use super::side::is_side;
use super::wire;

/// Settings of a chain, fixed at `start`. Fields that an older program does not know are ignored by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChainSettings {
    /// The chain's name.
    pub chain: String,
    /// The chain's uuid.
    pub uuid: String,
    /// Image repository in canonical form; another one is another chain.
    pub repository: String,
    /// The git remote, where `start` ran in a checkout that has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<String>,
    /// Prefix of namespaces.
    pub prefix: String,
    /// Name of the build workload.
    pub workload: String,
    /// Name of the build container.
    pub container: String,
    /// Whether builds may get `studioci-trusted`.
    #[serde(default)]
    pub trusted_build: bool,
    /// The Pod Security labels of the chain's namespaces, whole keys (`pod-security.kubernetes.io/enforce`).
    #[serde(default)]
    pub pod_security: Map,
    /// The labels that the pipeline's Namespace document lends to the chain's namespaces, those of Pod Security left out.
    #[serde(default)]
    pub labels: Map,
    /// The annotations that it lends to them.
    #[serde(default)]
    pub annotations: Map,
    /// Environment values given as plain by `--env`; the others are in the chain's Secret.
    #[serde(default)]
    pub env: Map,
    /// The Secrets that each build's namespace gets, without what they hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<CopiedSecret>,
    /// Which builds the chain's agents dispose of.
    #[serde(default)]
    pub retention: Rules,
    /// Who is told of its builds.
    #[serde(default, skip_serializing_if = "PublishSettings::is_nothing")]
    pub publish: PublishSettings,
    /// Whether a newer push cancels what is queued or runs of older ones.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub supersede: bool,
    /// So many bytes of a build's log are kept.
    #[serde(default = "kept_log::default_size")]
    pub keep_log: usize,
}

impl ChainSettings {
    /// What the chain's agents may do.
    pub fn grants(&self) -> Grants<'_> {
        Grants {
            chain: &self.chain,
            trusted: self.trusted_build,
            pod_security: &self.pod_security,
            prefix: &self.prefix,
            lent: rights::lent(&self.labels, &self.annotations),
        }
    }
}

/// Exit of one container of a build's pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The container.
    pub container: String,
    /// Its exit code.
    pub code: i32,
    /// The kubelet's reason, such as `OOMKilled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One finished build, as history keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The generation.
    pub generation: u64,
    /// Its namespace and uid.
    pub namespace: String,
    /// uid of the namespace.
    pub uid: String,
    /// How it ended.
    pub verdict: String,
    /// Why, one sentence.
    pub cause: String,
    /// Image name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Tag and digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Source revision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// When each phase began.
    pub times: BTreeMap<String, Timestamp>,
    /// Exit codes of the build's containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exits: Vec<Exit>,
    /// The events that decided, newest last; copied since the cluster drops events after an hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// The build that a side build was a retry of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<String>,
    /// What tells the pipeline text that was built from others ([`text_id`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Whether the end of its log was kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub log_kept: bool,
    /// What it has reserved; none of a build whose namespace was gone before it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<Reserved>,
}

/// At most so many events of one build are kept.
pub const EVENTS_MAX: usize = 12;
/// At most so many characters of one event are kept.
pub const EVENT_LENGTH: usize = 300;
/// At most so many builds are kept in history, side builds left out.
pub const HISTORY_MAX: usize = 200;
/// At most so many side builds.
pub const SIDES_MAX: usize = 50;
/// At most so many bytes; an object may hold 1 MiB.
pub const HISTORY_BYTES: usize = 768 * 1024;

impl Entry {
    /// The entry of a build that has a verdict.
    pub fn of(build: &Build, verdict: &str, cause: &str, exits: Vec<Exit>, events: Vec<String>) -> Self {
        let shorten = |event: String| match event.char_indices().nth(EVENT_LENGTH) {
            Some((at, _)) => format!("{}…", &event[..at]),
            None => event,
        };
        let skip = events.len().saturating_sub(EVENTS_MAX);
        Self {
            generation: build.generation,
            namespace: build.namespace.clone(),
            uid: build.uid.clone(),
            verdict: verdict.to_owned(),
            cause: cause.to_owned(),
            image: build.image.clone(),
            version: build.version.as_ref().map(ToString::to_string),
            revision: build.revision.clone(),
            times: build.times.iter().map(|(phase, at)| (phase_key(*phase), *at)).collect(),
            exits,
            events: events.into_iter().skip(skip).map(shorten).collect(),
            retry_of: build.retry_of.clone(),
            text: None,
            log_kept: false,
            reserved: build.reserved.clone(),
        }
    }
}

/// What tells a pipeline text from others, for whoever does not keep the text itself.
pub fn text_id(text: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_URL, text.as_bytes()).to_string()
}

fn phase_key(phase: Phase) -> String {
    phase.as_str().to_ascii_lowercase()
}

/// The key of the history that says what retention came to last.
const TIDIED: &str = "tidied";

/// The merge patch that says beside a history what retention came to.
pub fn tidied_patch(tidied: &Tidied) -> Value {
    json!({ "data": { TIDIED: json!(tidied).to_string() } })
}

/// What retention came to last, where that can be read.
pub fn tidied(data: &Map) -> Option<Tidied> {
    serde_json::from_str(data.get(TIDIED)?).ok()
}

/// The merge patch that adds an entry to a history and drops the oldest that no longer fit.
pub fn history_patch(data: &Map, entry: &Entry) -> Value {
    let key = wire::build_key(entry.generation);
    let text = json!(entry).to_string();
    let mut bytes = key.len() + text.len();
    let mut patch = json!({ &key: text });
    let others = data.iter().rev().filter(|(other, _)| **other != key && other.starts_with(wire::BUILD_KEY));
    let own = is_side(entry.generation);
    let (mut links, mut sides) = (usize::from(!own), usize::from(own));
    for (other, value) in others {
        let side = wire::build_of_key(other).is_some_and(is_side);
        let (kept, most) = if side { (&mut sides, SIDES_MAX) } else { (&mut links, HISTORY_MAX) };
        *kept += 1;
        bytes += other.len() + value.len();
        if *kept > most || bytes > HISTORY_BYTES {
            patch[other] = Value::Null;
        }
    }
    json!({ "data": patch })
}

/// Reads a history, oldest first; entries that cannot be read are left out.
pub fn history(data: &Map) -> Vec<Entry> {
    let builds = data.iter().filter(|(key, _)| key.starts_with(wire::BUILD_KEY));
    builds.filter_map(|(_, text)| serde_json::from_str(text).ok()).collect()
}

/// Whether a history that has come to its bounds has dropped this generation: it was recorded once, before everything
/// that is kept. `history`: oldest first, as [`history`] reads it.
pub fn has_dropped(history: &[Entry], generation: u64) -> bool {
    let side = is_side(generation);
    let mut alike = history.iter().filter(|entry| is_side(entry.generation) == side).peekable();
    let older = alike.peek().is_some_and(|oldest| generation < oldest.generation);
    let bytes = || history.iter().map(|entry| json!(entry).to_string().len()).sum::<usize>();
    // one entry is far smaller than half of what all may have
    older && (alike.count() >= if side { SIDES_MAX } else { HISTORY_MAX } || bytes() > HISTORY_BYTES / 2)
}

/// The newest link of the chain in its history. A side build is none.
pub fn newest(history: &[Entry]) -> Option<&Entry> {
    history.iter().rfind(|entry| !is_side(entry.generation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(generation: u64) -> Entry {
        Entry {
            generation,
            namespace: "ci-a".to_owned(),
            uid: "u".to_owned(),
            verdict: "Passed".to_owned(),
            cause: "exit code 0".to_owned(),
            image: None,
            version: None,
            revision: None,
            times: BTreeMap::new(),
            exits: vec![],
            events: vec![],
            retry_of: None,
            text: None,
            log_kept: false,
            reserved: None,
        }
    }

    fn apply(data: &mut Map, patch: &Value) {
        for (key, value) in patch["data"].as_object().expect("data") {
            match value.as_str() {
                Some(text) => data.insert(key.clone(), text.to_owned()),
                None => data.remove(key),
            };
        }
    }

    #[test]
    fn history_keeps_the_newest_in_order() {
        let mut data = Map::new();
        for generation in 1..=HISTORY_MAX as u64 + 5 {
            let patch = history_patch(&data, &entry(generation));
            apply(&mut data, &patch);
        }
        let kept: Vec<u64> = history(&data).iter().map(|entry| entry.generation).collect();
        assert_eq!((kept.len(), kept[0], kept[HISTORY_MAX - 1]), (HISTORY_MAX, 6, 205));
        let dropped = |generation| has_dropped(&history(&data), generation);
        assert_eq!((dropped(5), dropped(6), dropped(206)), (true, false, false));
        assert!(!has_dropped(&history(&data)[1..], 5), "nothing was dropped yet: it never was there");
        assert!(!has_dropped(&[], 5));
    }

    #[test]
    fn history_is_bounded_in_bytes() {
        let mut data = Map::new();
        for generation in 1..=100 {
            let mut entry = entry(generation);
            entry.cause = "x".repeat(20_000);
            let patch = history_patch(&data, &entry);
            apply(&mut data, &patch);
        }
        let bytes: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
        assert!(bytes <= HISTORY_BYTES, "{bytes}");
        assert_eq!(history(&data).last().map(|entry| entry.generation), Some(100));
        assert!(has_dropped(&history(&data), 1));
    }

    #[test]
    fn recording_again_replaces_the_entry() {
        let mut data = Map::new();
        for cause in ["first", "second"] {
            let patch = history_patch(&data, &Entry { cause: cause.to_owned(), ..entry(1) });
            apply(&mut data, &patch);
        }
        assert_eq!(history(&data).len(), 1);
        assert_eq!(history(&data)[0].cause, "second");
    }

    #[test]
    fn side_builds_have_bounds_of_their_own_and_are_never_the_newest() {
        let first = crate::chain::side::FIRST;
        let most = u64::try_from(SIDES_MAX).expect("a small number");
        let mut data = Map::new();
        for generation in (1..=3).chain(first..=first + most + 1) {
            let patch = history_patch(&data, &entry(generation));
            apply(&mut data, &patch);
        }
        let all = history(&data);
        let numbers: Vec<u64> = all.iter().map(|entry| entry.generation).collect();
        assert_eq!(numbers.len(), 3 + SIDES_MAX);
        assert_eq!(numbers[..4], [1, 2, 3, first + 2], "the oldest side builds make room, and no push");
        assert!(has_dropped(&all, first + 1) && !has_dropped(&all, first + 2) && !has_dropped(&all, 1));
        assert_eq!(newest(&all).map(|entry| entry.generation), Some(3));
        assert_eq!(newest(&all[3..]), None);
    }
}
