//! Findings about the policy: its value, where it stands, and the options beside it.

use super::{Findings, Linted, codes};
use crate::keel::dialect::{self, NoRegex};
use crate::keel::names::{self, Map};
use crate::keel::policy::{Policy, Untracked};

/// The policy that this program recommends, as a remedy puts it.
pub(super) const RECOMMENDED: &str =
    "annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234";

/// What is wrong with the policy itself and where it stands.
pub(super) fn policies(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    ambiguous(subject, findings);
    match policy {
        Policy::Untracked(why) => untracked(why, findings),
        // told with the options
        Policy::Force { match_tag: false } if match_tag_is_lost(subject) => {}
        Policy::Force { match_tag: false } => findings.error(
            codes::FORCE_ANY_TAG, "the policy is `force` without match-tag",
            "Keel then jumps to any tag of the repository, branches and old ones included; up to 0.22.1 it takes the \
             first that the registry lists, often none ever.",
            format!("Add `{}: \"true\"` to the same map, or {RECOMMENDED}.", names::MATCH_TAG),
        ),
        Policy::Glob(pattern) => glob(pattern, findings),
        Policy::Regexp(pattern) => regexp(pattern, findings),
        Policy::Semver { .. } | Policy::Force { match_tag: true } => {}
    }
    if let Policy::Glob(_) | Policy::Regexp(_) = policy
        && policy_in(subject.annotations).is_none()
    {
        findings.error(
            codes::POLICY_LABEL,
            "a glob or regexp policy stands in a label",
            "A label's value may not hold `:` or `*`; the API server refuses the workload.",
            format!("Make `{}` an annotation.", names::POLICY),
        );
    }
}

/// The map that holds the policy, and the other one.
fn maps<'a>(subject: &Linted<'a>) -> (&'a Map, &'a Map) {
    let (labels, annotations) = (subject.labels, subject.annotations);
    if policy_in(annotations).is_some() { (annotations, labels) } else { (labels, annotations) }
}

/// Whether match-tag is there and does not count: misspelled, or in the map that does not hold the policy.
fn match_tag_is_lost(subject: &Linted) -> bool {
    let (here, other) = maps(subject);
    let in_map = |map: &Map| map.get(names::MATCH_TAG).or_else(|| map.get(names::MATCH_TAG_LEGACY)).cloned();
    match in_map(here) {
        Some(value) => value != "false",
        None => in_map(other).is_some_and(|value| value == "true"),
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
            codes::POLICY_TWICE,
            format!("there are two policies: label `{label}`, annotation `{annotation}`"),
            "Keel takes the annotation, even an empty one, and never looks at the label.",
            "Remove the label.",
        );
    }
    for map in [labels, annotations] {
        match (map.get(names::OBSERVER_POLICY), map.contains_key(names::POLICY)) {
            (Some(_), true) => findings.warning(
                codes::POLICY_OLD,
                format!("`{}` stands beside `{}`", names::OBSERVER_POLICY, names::POLICY),
                "Keel takes the latter and ignores the former.",
                format!("Remove `{}`.", names::OBSERVER_POLICY),
            ),
            (Some(value), false) => findings.warning(
                codes::POLICY_OLD,
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
            codes::POLICY_NONE, "there is no Keel policy",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Untracked::Never => findings.error(
            codes::POLICY_NONE, "the Keel policy is `never` or empty",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Untracked::Unknown(value) => findings.error(
            codes::POLICY_UNKNOWN, format!("Keel does not know the policy `{value}`"),
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
            codes::GLOB, format!("the glob policy `{value}` has more than one colon"),
            "Keel takes exactly one and silently does not follow this workload.",
            "Take the other colons out; no tag has one.",
        ),
        Untracked::BadRegexp(value, why) => findings.error(
            codes::REGEXP, format!("the pattern of `{value}` does not compile: {why}"),
            "Keel silently does not follow this workload.",
            "Fix the pattern (the syntax is RE2's), or use a glob policy.",
        ),
    }
}

/// Whether nothing is wrong with a glob pattern as such.
pub(super) fn is_sound(pattern: &str) -> bool {
    let mut findings = Findings(Vec::new());
    glob(pattern, &mut findings);
    findings.0.is_empty()
}

fn glob(pattern: &str, findings: &mut Findings) {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '*');
    if let Some(odd) = pattern.chars().find(|c| !allowed(*c)) {
        findings.error(
            codes::GLOB,
            format!("the pattern `{pattern}` holds `{odd}`"),
            "In a glob policy only `*` is special, and no tag has this character: nothing ever matches.",
            "Use `*`, letters, digits, `_`, `.` and `-` only.",
        );
    } else if !pattern.contains('*') {
        findings.error(
            codes::GLOB,
            format!("the pattern `{pattern}` has no `*`"),
            "It matches one tag at most, so that Keel updates once and never again.",
            "Put a `*` where the tags differ; for new content under one tag use force with match-tag.",
        );
    }
}

fn regexp(pattern: &str, findings: &mut Findings) {
    findings.warning(
        codes::REGEXP_POLICY, "the policy is a regular expression",
        "Keel accepts every tag that matches, older ones too, and restarts a workload that is up to date when another one \
         of the same image moves.",
        format!("Rather {RECOMMENDED}."),
    );
    if let Err(NoRegex::Unusual(what)) = dialect::compile(pattern) {
        findings.warning(
            codes::REGEXP,
            format!("the pattern `{pattern}` has {what}"),
            "Whether Keel takes it is not judged; if it does not, it silently does not follow this workload.",
            "Write it without, or look into Keel's log for `failed to parse regexp policy`.",
        );
    }
}

/// Options that are not in the policy's map, or not `true`.
pub(super) fn options(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    let (here, other) = maps(subject);
    if policy_in(here).is_none() {
        return;
    }
    let (here_is, other_is) = if policy_in(subject.annotations).is_some() {
        ("annotations", "labels")
    } else {
        ("labels", "annotations")
    };
    for key in [names::MATCH_TAG, names::MATCH_TAG_LEGACY, names::MATCH_PRE_RELEASE] {
        if other.contains_key(key) {
            findings.error(
                codes::MATCH_TAG,
                format!("`{key}` stands in the {other_is}, the policy in the {here_is}"),
                "Keel reads it only from the map that holds the policy, and ignores it here.",
                format!("Move `{key}` to the {here_is}."),
            );
        }
        if let Some(value) = here.get(key).filter(|value| !matches!(value.as_str(), "true" | "false")) {
            findings.error(
                codes::MATCH_TAG,
                format!("`{key}` is `{value}`"),
                "Keel knows the exact word `true`; anything else is false.",
                format!("Write `{key}: \"true\"` or `\"false\"`."),
            );
        }
    }
    if here.contains_key(names::MATCH_TAG) && here.contains_key(names::MATCH_TAG_LEGACY) {
        findings.warning(
            codes::MATCH_TAG_IDLE,
            format!("both `{}` and `{}` are there", names::MATCH_TAG, names::MATCH_TAG_LEGACY),
            "Keel takes the former.",
            format!("Remove `{}`.", names::MATCH_TAG_LEGACY),
        );
    }
    if here.get(names::MATCH_TAG).is_some_and(|v| v == "true") && !matches!(policy, Policy::Force { .. }) {
        findings.warning(
            codes::MATCH_TAG_IDLE,
            format!("`{}` stands beside the policy `{}`", names::MATCH_TAG, policy.name()),
            "Keel reads it for `force` only.",
            format!("Remove `{}`.", names::MATCH_TAG),
        );
    }
}
