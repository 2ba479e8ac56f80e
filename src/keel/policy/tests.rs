//! Tests of policies against Keel's own decisions.

use super::super::decisions::{Decisions, PolicyKind};
use super::*;

fn kind(policy: &Policy) -> PolicyKind {
    match policy {
        Policy::Semver { .. } => PolicyKind::Semver,
        Policy::Force { .. } => PolicyKind::Force,
        Policy::Glob(_) => PolicyKind::Glob,
        Policy::Regexp(_) => PolicyKind::Regexp,
        Policy::Untracked(_) => PolicyKind::Untracked,
    }
}

#[test]
fn every_policy_is_read_as_keel_reads_it() {
    let rows = Decisions::read().policies;
    assert_eq!(rows.len(), 60);
    for row in rows {
        let policy = Policy::of(&row.labels, &row.annotations);
        assert_eq!(
            (kind(&policy), policy.name(), policy.match_tag(), policy.tracked()),
            (row.kind, row.name, row.keep_tag, row.kind != PolicyKind::Untracked),
            "{:?} {:?}",
            row.labels,
            row.annotations
        );
    }
}

#[test]
fn a_policy_that_can_move_says_so_and_only_that() {
    for (value, tag, movable) in [
        ("minor", "1.0.0", true),
        ("minor", "latest", true),
        ("minor", "1", true),
        ("minor", "build-1", false),
        ("glob:build-*", "build-0001", true),
        ("glob:build-*", "build-zzz", true),
        ("glob:build-*", "b", true),
        ("glob:build-*", "build", true),
        ("glob:build-*", "latest", false),
        ("glob:build-*", "build.1", false),
        ("glob:*", "zzz", true),
        ("glob:*-main", "zzz", true),
        ("glob:build-2", "build-1", true),
        ("glob:build-2", "build-2", false),
        ("glob:", "build-2", false),
        ("regexp:^a$", "z", true),
        ("force", "anything", true),
        ("never", "1.0.0", false),
        ("nonsense", "1.0.0", false),
    ] {
        let annotations = Map::from([(names::POLICY.to_owned(), value.to_owned())]);
        let moved = Policy::of(&Map::new(), &annotations).can_move_from(tag);
        assert_eq!(moved.is_ok(), movable, "{value} from {tag}: {moved:?}");
    }
}

#[test]
fn polling_is_asked_for_by_one_word_and_the_annotation_wins() {
    let map = |value: &str| Map::from([(names::TRIGGER.to_owned(), value.to_owned())]);
    for (labels, annotations, expected) in [
        (Map::new(), Map::new(), false),
        (map("poll"), Map::new(), true),
        (Map::new(), map("poll"), true),
        (map("poll"), map("default"), false),
        (map("poll"), map(""), false),
        (Map::new(), map("Poll"), false),
    ] {
        assert_eq!(polled(&labels, &annotations), expected, "{labels:?} {annotations:?}");
    }
}
