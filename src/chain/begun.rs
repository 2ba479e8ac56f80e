//! What home holds of a build that others were told of and that has not ended: enough to say how it did, should its Namespace
//! be deleted by hand, with which all else goes that is known of it.
//!
//! Whoever tells that a build goes on writes this down before, by the very compare-and-swap that gives them the turn, and so does
//! a build before it waits for its slot; whoever records the build takes it away in the same write. So what is there belongs to a
//! build that was never recorded.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{Build, Map, Verdict};
use super::head::Head;
use super::outbox::{self, Outgoing};
use super::publishing::PublishSettings;
use super::record::{self, Entry};
use super::wire;

/// What the keys begin with, beside the history.
const BEGUN: &str = "begun.";
/// Why a build has ended whose Namespace is gone.
const CAUSE: &str = "its namespace was deleted before the build had ended";

fn key(generation: u64) -> String {
    format!("{BEGUN}{generation:08}")
}

/// Key and value of a build that goes on; none where it is written down already, or recorded.
pub fn note(data: &Map, build: &Build) -> Option<(String, String)> {
    let key = key(build.generation);
    let there = data.contains_key(&key) || data.contains_key(&wire::build_key(build.generation));
    let entry = || Entry::of(build, Verdict::Errored.as_str(), CAUSE, Vec::new(), Vec::new());
    (!there).then(|| (key, json!(entry()).to_string()))
}

/// Adds to the merge patch of a history that a build is recorded.
pub fn forget(patch: &mut Value, generation: u64) {
    patch["data"][key(generation)] = Value::Null;
}

/// Name and uid of the Namespace of each build that may have been lost, by generation: of those that are written down, and
/// of those that hold a build slot. Without a uid the head does not know it.
pub fn unfinished(data: &Map, head: &Head) -> BTreeMap<u64, (String, Option<String>)> {
    let slots = head.slots.iter().map(|(generation, namespace)| {
        (*generation, (namespace.clone(), head.uid_of(*generation).map(str::to_owned)))
    });
    let begun = data.iter().filter(|(key, _)| key.starts_with(BEGUN));
    let begun = begun.filter_map(|(_, text)| serde_json::from_str::<Entry>(text).ok());
    let begun = begun.map(|entry| (entry.generation, (entry.namespace, Some(entry.uid))));
    let recorded = |generation: &u64| data.contains_key(&wire::build_key(*generation));
    slots.filter(|(generation, _)| !recorded(generation)).chain(begun).collect()
}

/// The merge patch of a history that says how a build has ended whose Namespace is gone, and has those told whom the chain tells,
/// where it was written down; none where that is said.
pub fn close(
    data: &Map,
    head: &Head,
    generation: u64,
    tells: &PublishSettings,
    now: Timestamp,
) -> Option<Value> {
    let begun = data.get(&key(generation));
    if data.contains_key(&wire::build_key(generation)) {
        let mut patch = json!({});
        forget(&mut patch, generation);
        return begun.map(|_| patch);
    }
    let read = begun.and_then(|text| serde_json::from_str::<Entry>(text).ok());
    let is_noted = read.is_some();
    let mut entry = match read {
        Some(entry) => entry,
        None if record::has_dropped(&record::history(data), generation) => return None,
        None => of_head(head, generation),
    };
    entry.times.insert("recorded".to_owned(), now);
    let mut patch = record::history_patch(data, &entry);
    forget(&mut patch, generation);
    if let Some(out) = Outgoing::of(tells, now).filter(|_| is_noted) {
        outbox::put(&mut patch, &outbox::outbox(data), generation, &out);
    }
    Some(patch)
}

/// What the head knows of a build: that it was, and what it was to build.
fn of_head(head: &Head, generation: u64) -> Entry {
    Entry {
        generation,
        namespace: head.slots.get(&generation).cloned().unwrap_or_default(),
        uid: head.uid_of(generation).unwrap_or_default().to_owned(),
        verdict: Verdict::Errored.as_str().to_owned(),
        cause: CAUSE.to_owned(),
        image: None,
        version: head.built.get(&generation).map(ToString::to_string),
        revision: None,
        times: BTreeMap::new(),
        exits: Vec::new(),
        events: Vec::new(),
        retry_of: None,
        text: None,
        log_kept: false,
        reserved: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::build::Phase;
    use crate::chain::publishing::GithubSettings;

    const UUID: &str = "00000000-0000-4000-8000-000000000000";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn build() -> Build {
        let told = [(wire::REVISION, "9fceb02"), (wire::TAG, "v1")];
        Build { generation: 1, uid: "u".to_owned(), ..Build::played("ci-a", Phase::Triggered, &told) }
    }

    fn head() -> Head {
        let mut head = Head::read("1", &Head::first(UUID)).unwrap();
        head.generation = 3;
        head.settled = BTreeMap::from([(1, "u".to_owned()), (2, "v".to_owned())]);
        head
    }

    fn tells() -> PublishSettings {
        let github = GithubSettings { repository: "o/r".to_owned(), url: "https://gh".to_owned() };
        PublishSettings { github: Some(github), ..PublishSettings::default() }
    }

    fn apply(data: &mut Map, patch: &Value) {
        for (key, value) in patch["data"].as_object().unwrap() {
            match value.as_str() {
                Some(text) => data.insert(key.clone(), text.to_owned()),
                None => data.remove(key),
            };
        }
    }

    #[test]
    fn a_build_that_others_were_told_of_is_closed_once_with_the_commit_that_it_was() {
        let mut data = Map::new();
        let (key, value) = note(&data, &build()).expect("nothing is there");
        data.insert(key, value);
        assert_eq!(note(&data, &build()), None, "it is there");
        let lost = unfinished(&data, &head());
        assert_eq!(lost[&1], ("ci-a".to_owned(), Some("u".to_owned())));
        let patch = close(&data, &head(), 1, &tells(), at(9)).unwrap();
        apply(&mut data, &patch);
        let entry = record::history(&data).remove(0);
        assert_eq!((entry.verdict.as_str(), entry.cause.as_str()), ("Errored", CAUSE));
        assert_eq!((entry.revision.as_deref(), entry.times["recorded"]), (Some("9fceb02"), at(9)));
        assert_eq!(outbox::first_due(&outbox::outbox(&data), at(9)), Some(1));
        assert_eq!(unfinished(&data, &head()), BTreeMap::new());
        assert_eq!(close(&data, &head(), 1, &tells(), at(10)), None);
        assert_eq!(note(&data, &build()), None, "who comes late does not begin it anew");
    }

    #[test]
    fn whoever_records_it_was_first() {
        let mut data = Map::new();
        let (key, value) = note(&data, &build()).unwrap();
        let entry = Entry::of(&build(), "Passed", "exit code 0", Vec::new(), Vec::new());
        let mut patch = record::history_patch(&data, &entry);
        forget(&mut patch, 1);
        apply(&mut data, &patch);
        assert_eq!(unfinished(&data, &head()), BTreeMap::new());
        assert_eq!(close(&data, &head(), 1, &tells(), at(9)), None);
        // as by an agent of an older version, which does not take it away
        data.insert(key, value);
        let patch = close(&data, &head(), 1, &tells(), at(9)).unwrap();
        apply(&mut data, &patch);
        assert_eq!(data.len(), 1);
        assert_eq!(record::history(&data)[0].verdict, "Passed");
    }

    #[test]
    fn of_a_build_that_nobody_was_told_of_the_history_says_what_the_head_knows() {
        let mut head = head();
        head.slots = BTreeMap::from([(2, "ci-b".to_owned()), (7, "ci-c".to_owned())]);
        let mut data = Map::new();
        let lost = unfinished(&data, &head);
        assert_eq!(lost[&2], ("ci-b".to_owned(), Some("v".to_owned())));
        assert_eq!(lost[&7], ("ci-c".to_owned(), None), "the head has not settled it");
        for tells in [tells(), PublishSettings::default()] {
            let mut data = data.clone();
            let patch = close(&data, &head, 2, &tells, at(9)).unwrap();
            apply(&mut data, &patch);
            let entry = record::history(&data).remove(0);
            assert_eq!((entry.namespace.as_str(), entry.uid.as_str(), entry.revision), ("ci-b", "v", None));
            assert!(outbox::outbox(&data).is_empty(), "nobody was told of it");
        }
        // nobody is told any more
        let (key, value) = note(&data, &build()).unwrap();
        data.insert(key, value);
        let patch = close(&data, &head, 1, &PublishSettings::default(), at(9)).unwrap();
        apply(&mut data, &patch);
        assert!(outbox::outbox(&data).is_empty());
        assert_eq!(record::history(&data).len(), 1);
    }

    #[test]
    fn what_was_edited_by_hand_is_closed_by_what_the_head_knows() {
        let mut data = Map::from([(key(1), "not JSON".to_owned())]);
        assert_eq!(unfinished(&data, &head()), BTreeMap::new(), "nobody knows which namespace it was");
        let patch = close(&data, &head(), 1, &tells(), at(9)).unwrap();
        apply(&mut data, &patch);
        assert_eq!(data.len(), 1);
        assert_eq!(record::history(&data)[0].uid, "u");
    }
}
