//! Findings about the policy: its value, where it stands, and the options beside it.

use super::{Findings, Linted};
use crate::keel::names::{self, Map};
use crate::keel::policy::{Policy, Untracked};

/// The policy that this program recommends, as a remedy puts it.
const RECOMMENDED: &str =
    "annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234";

/// What is wrong with the policy itself and where it stands.
pub(super) fn policies(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    ambiguous(subject, findings);
    match policy {
        Policy::Untracked(why) => untracked(why, findings),
        Policy::Force { match_tag: false } => findings.error(
            "the policy is `force` without match-tag",
            "Keel then jumps to any tag of the repository, branches and old ones included; up to 0.22.1 it takes the \
             first that the registry lists, often none ever.",
            format!("Add `{}: \"true\"` to the same map, or {RECOMMENDED}.", names::MATCH_TAG),
        ),
        Policy::Glob(pattern) => glob(pattern, findings),
        Policy::Regexp(_) => findings.warning(
            "the policy is a regular expression",
            "Keel accepts every tag that matches, older ones too, and restarts a workload that is up to date when \
             another one of the same image moves.",
            format!("Rather {RECOMMENDED}."),
        ),
        Policy::Semver { .. } | Policy::Force { match_tag: true } => {}
    }
    if let Policy::Glob(_) | Policy::Regexp(_) = policy
        && policy_in(subject.annotations).is_none()
    {
        findings.error(
            "a glob or regexp policy stands in a label",
            "A label's value may not hold `:` or `*`; the API server refuses the workload.",
            format!("Make `{}` an annotation.", names::POLICY),
        );
    }
}

/// The policy that stands in a map, by either key.
fn policy_in(map: &Map) -> Option<&String> {
    map.get(names::POLICY).or_else(|| map.get(names::OBSERVER_POLICY))
}

/// Policies beside each other, of which Keel takes one, and the key of old.
fn ambiguous(subject: &Linted, findings: &mut Findings) {
    let (labels, annotations) = (subject.labels, subject.annotations);
    if let (Some(label), Some(annotation)) = (policy_in(labels), policy_in(annotations)) {
        findings.warning(
            format!("there are two policies: label `{label}`, annotation `{annotation}`"),
            "Keel takes the annotation, even an empty one, and never looks at the label.",
            "Remove the label.",
        );
    }
    for map in [labels, annotations] {
        match (map.get(names::OBSERVER_POLICY), map.contains_key(names::POLICY)) {
            (Some(_), true) => findings.warning(
                format!("`{}` stands beside `{}`", names::OBSERVER_POLICY, names::POLICY),
                "Keel takes the latter and ignores the former.",
                format!("Remove `{}`.", names::OBSERVER_POLICY),
            ),
            (Some(value), false) => findings.warning(
                format!("`{}` is an obsolete key", names::OBSERVER_POLICY),
                "Keel still honours it, for how long is not known.",
                format!("Write `{}: {value}`.", names::POLICY),
            ),
            (None, _) => {}
        }
    }
}

/// Why Keel does not follow the workload.
fn untracked(untracked: &Untracked, findings: &mut Findings) {
    match untracked {
        Untracked::Absent => findings.error(
            "there is no Keel policy",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Untracked::Never => findings.error(
            "the Keel policy is `never` or empty",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Untracked::Unknown(value) => findings.error(
            format!("Keel does not know the policy `{value}`"),
            "Keel silently does not follow this workload: it compares the value exactly, case and spaces included.",
            match value.trim().to_lowercase().as_str() {
                meant @ ("all" | "major" | "minor" | "patch" | "force" | "never") => {
                    format!("Write `{}: {meant}`.", names::POLICY)
                }
                meant if meant.starts_with("glob:") || meant.starts_with("regexp:") => {
                    "Write `glob:` or `regexp:` in lower case, with nothing before it.".to_owned()
                }
                _ => "Write one of all, major, minor, patch, force, glob:PATTERN, regexp:PATTERN.".to_owned(),
            },
        ),
        Untracked::BadGlob(value) => findings.error(
            format!("the glob policy `{value}` has more than one colon"),
            "Keel takes exactly one and silently does not follow this workload.",
            "Take the other colons out; no tag has one.",
        ),
        Untracked::BadRegexp(value, why) => findings.error(
            format!("the pattern of `{value}` does not compile: {why}"),
            "Keel silently does not follow this workload.",
            "Fix the pattern (the syntax is RE2's), or use a glob policy.",
        ),
    }
}

fn glob(pattern: &str, findings: &mut Findings) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '*');
    if let Some(odd) = pattern.chars().find(|c| !allowed(*c)) {
        findings.error(
            format!("the pattern `{pattern}` holds `{odd}`"),
            "In a glob policy only `*` is special, and no tag has this character: nothing ever matches.",
            "Use `*`, letters, digits, `_`, `.` and `-` only.",
        );
    } else if !pattern.contains('*') {
        findings.error(
            format!("the pattern `{pattern}` has no `*`"),
            "It matches one tag at most, so that Keel updates once and never again.",
            "Put a `*` where the tags differ; for new content under one tag use force with match-tag.",
        );
    }
}

/// Options that are not in the policy's map, or not `true`.
pub(super) fn options(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    let has_policy = |map: &Map| policy_in(map).is_some();
    let (here, other, here_is, other_is) = if has_policy(subject.annotations) {
        (subject.annotations, subject.labels, "annotations", "labels")
    } else {
        (subject.labels, subject.annotations, "labels", "annotations")
    };
    if !has_policy(here) {
        return;
    }
    for key in [names::MATCH_TAG, names::MATCH_TAG_LEGACY, names::MATCH_PRE_RELEASE] {
        if other.contains_key(key) {
            findings.error(
                format!("`{key}` stands in the {other_is}, the policy in the {here_is}"),
                "Keel reads it only from the map that holds the policy, and ignores it here.",
                format!("Move `{key}` to the {here_is}."),
            );
        }
        if let Some(value) = here.get(key).filter(|value| !matches!(value.as_str(), "true" | "false")) {
            findings.error(
                format!("`{key}` is `{value}`"),
                "Keel knows the exact word `true`; anything else is false.",
                format!("Write `{key}: \"true\"` or `\"false\"`."),
            );
        }
    }
    if here.contains_key(names::MATCH_TAG) && here.contains_key(names::MATCH_TAG_LEGACY) {
        findings.warning(
            format!("both `{}` and `{}` are there", names::MATCH_TAG, names::MATCH_TAG_LEGACY),
            "Keel takes the former.",
            format!("Remove `{}`.", names::MATCH_TAG_LEGACY),
        );
    }
    if here.get(names::MATCH_TAG).is_some_and(|v| v == "true") && !matches!(policy, Policy::Force { .. }) {
        findings.warning(
            format!("`{}` stands beside the policy `{}`", names::MATCH_TAG, policy.name()),
            "Keel reads it for `force` only.",
            format!("Remove `{}`.", names::MATCH_TAG),
        );
    }
}
