//! What is wrong with a workload's Keel keys. Keel is silent where it ignores a key, so this room speaks: each
//! finding says what Keel would do, and what to do instead.

use std::fmt;

use super::dialect;
use super::image::ImageRef;
use super::names::{self, Map};
use super::parking;
use super::policy::{self, Policy, Why};
use super::schedule::{Schedule, ScheduleFault};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It works, but hardly as meant.
    Warning,
    /// It cannot work, or it harms others.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What stands there.
    pub what: String,
    /// What Keel does with it.
    pub why: String,
    /// What to write instead.
    pub remedy: String,
}

/// What is looked at: one workload that Keel is meant to follow.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The workload's own labels.
    pub labels: &'a Map,
    /// The workload's own annotations.
    pub annotations: &'a Map,
    /// Labels of its pod template, which Keel does not read.
    pub template_labels: &'a Map,
    /// Annotations of its pod template, which Keel does not read.
    pub template_annotations: &'a Map,
    /// Image of the container that Keel is to update.
    pub image: &'a str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}\n  {}\n  {}", self.what, self.why, self.remedy)
    }
}

/// The policy that this program recommends, as a remedy puts it.
const RECOMMENDED: &str =
    "annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234";
/// The shortest interval between two looks at a registry that is no burden to it, in seconds.
const POLITE_SECONDS: u64 = 10;

/// Everything that is wrong, in the order of the keys; empty is good.
pub fn check(subject: &Subject) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let policy = Policy::of(subject.labels, subject.annotations);
    misplaced(subject, &mut findings);
    policies(subject, &policy, &mut findings);
    options(subject, &policy, &mut findings);
    tags(subject, &policy, &mut findings);
    trigger(subject, &mut findings);
    schedule(subject, &mut findings);
    others(subject, &mut findings);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn error(&mut self, what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Error, what.into(), why.into(), remedy.into());
    }

    fn warning(&mut self, what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        self.push(Severity::Warning, what.into(), why.into(), remedy.into());
    }

    fn push(&mut self, severity: Severity, what: String, why: String, remedy: String) {
        self.0.push(Finding { severity, what, why, remedy });
    }
}

/// Keys on the pod template, and keys that differ from Keel's only in case.
fn misplaced(subject: &Subject, findings: &mut Findings) {
    let template = subject.template_labels.keys().chain(subject.template_annotations.keys());
    for key in template.filter(|key| parking::is_keel_key(key) && *key != names::UPDATE_TIME) {
        findings.error(
            format!("`{key}` stands on the pod template"),
            "Keel reads only the workload's own metadata and ignores this key.",
            format!("Move `{key}` to metadata.annotations of the workload."),
        );
    }
    let known = [
        names::POLICY,
        names::MATCH_TAG,
        names::MATCH_TAG_LEGACY,
        names::MATCH_PRE_RELEASE,
        names::TRIGGER,
        names::POLL_SCHEDULE,
        names::APPROVALS,
        names::APPROVAL_DEADLINE,
        names::NOTIFY,
        names::RELEASE_NOTES,
    ];
    for key in subject.labels.keys().chain(subject.annotations.keys()) {
        if let Some(exact) = known.iter().find(|name| key.eq_ignore_ascii_case(name) && key != *name) {
            findings.error(
                format!("`{key}` is not spelled as Keel spells it"),
                "Keel compares this key exactly and ignores the one that is there.",
                format!("Write `{exact}`."),
            );
        }
    }
}

fn policies(subject: &Subject, policy: &Policy, findings: &mut Findings) {
    let (labels, annotations) = (subject.labels, subject.annotations);
    let of = |map: &Map| map.get(names::POLICY).or_else(|| map.get(names::OBSERVER_POLICY)).cloned();
    if let (Some(label), Some(annotation)) = (of(labels), of(annotations)) {
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
                format!("`{}` is a key of old", names::OBSERVER_POLICY),
                "Keel still honours it, for how long is not known.",
                format!("Write `{}: {value}`.", names::POLICY),
            ),
            (None, _) => {}
        }
    }
    match policy {
        Policy::Untracked(Why::Absent) => findings.error(
            "there is no Keel policy",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Policy::Untracked(Why::Never) => findings.error(
            "the Keel policy is `never` or empty",
            "Keel does not follow this workload.",
            format!("For a chain, {RECOMMENDED}."),
        ),
        Policy::Untracked(Why::Unknown(value)) => findings.error(
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
        Policy::Untracked(Why::BadGlob(value)) => findings.error(
            format!("the glob policy `{value}` has more than one colon"),
            "Keel takes exactly one and silently does not follow this workload.",
            "Take the other colons out; no tag has one.",
        ),
        Policy::Untracked(Why::BadRegexp(value, why)) => findings.error(
            format!("the pattern of `{value}` does not compile: {why}"),
            "Keel silently does not follow this workload.",
            "Mend the pattern (the syntax is RE2's), or use a glob policy.",
        ),
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
        && of(annotations).is_none()
    {
        findings.error(
            "a glob or regexp policy stands in a label",
            "A label's value may not hold `:` or `*`; the API server refuses the workload.",
            format!("Make `{}` an annotation.", names::POLICY),
        );
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
fn options(subject: &Subject, policy: &Policy, findings: &mut Findings) {
    let has_policy = |map: &Map| map.contains_key(names::POLICY) || map.contains_key(names::OBSERVER_POLICY);
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

/// The current tag against the policy.
fn tags(subject: &Subject, policy: &Policy, findings: &mut Findings) {
    let Some(image) = ImageRef::parse(subject.image) else {
        findings.error(
            format!("the image `{}` is no image reference", subject.image),
            "Keel cannot read it and does not follow this container.",
            "Write registry/repository:tag, in lower case and without http://.",
        );
        return;
    };
    if image.digest.is_some() {
        findings.warning(
            format!("the image `{}` is pinned by digest", subject.image),
            "Keel looks at the tag only, and its update drops the digest.",
            "Write the tag alone.",
        );
    }
    if policy.tracked()
        && let Err(why) = policy.can_move_from(&image.tag)
    {
        findings.error(
            format!("the policy `{}` cannot move from the tag `{}`", policy.name(), image.tag),
            format!("Keel never updates this workload: {why}."),
            "Start from a tag that the policy can move from, or change the policy.",
        );
    }
    if let Policy::Glob(_) = policy
        && unpadded(&image.tag)
    {
        findings.warning(
            format!("the numbers in tags such as `{}` are not padded", image.tag),
            "Keel compares tags of a glob policy as text: 10 comes before 9, so that it stops at 9.",
            "Pad them with zeros (build-0009, build-0010), or put a time such as 20260131235959 first.",
        );
    }
}

/// Whether the first number of a tag is one that will get longer: short, and without a zero in front.
fn unpadded(tag: &str) -> bool {
    let digits: String =
        tag.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (1..8).contains(&digits.len()) && (digits == "0" || !digits.starts_with('0'))
}

fn trigger(subject: &Subject, findings: &mut Findings) {
    if policy::polled(subject.labels, subject.annotations) {
        return;
    }
    let at = |map: &Map| map.get(names::TRIGGER).cloned();
    let what = match at(subject.annotations).or_else(|| at(subject.labels)) {
        Some(value) => format!("`{}` is `{value}`", names::TRIGGER),
        None => format!("`{}` is missing", names::TRIGGER),
    };
    findings.warning(
        what,
        "Keel then never asks the registry itself; only a webhook moves this workload.",
        format!("Annotate `{}: {}`.", names::TRIGGER, names::TRIGGER_POLL),
    );
}

fn schedule(subject: &Subject, findings: &mut Findings) {
    if subject.labels.contains_key(names::POLL_SCHEDULE) {
        findings.error(
            format!("`{}` is a label", names::POLL_SCHEDULE),
            "Keel reads it from the annotations only, and polls by its own default here.",
            format!("Make `{}` an annotation.", names::POLL_SCHEDULE),
        );
    }
    let Some(text) = subject.annotations.get(names::POLL_SCHEDULE) else { return };
    match Schedule::parse(text) {
        Err(ScheduleFault::Crash) => findings.error(
            format!("`{}` is empty", names::POLL_SCHEDULE),
            "An empty schedule crashes Keel, for the whole cluster, again after every restart.",
            "Write a schedule such as `@every 1m`, or remove the key.",
        ),
        Err(ScheduleFault::Invalid(why)) => findings.error(
            format!("`{}: {text}` is no schedule: {why}", names::POLL_SCHEDULE),
            "Keel falls back to its own default, usually a minute.",
            "Write `@every` with h, m and s, such as `@every 1m`, or six fields that begin with the seconds; case and \
             spaces count.",
        ),
        Ok(Schedule::Every(interval)) if interval.as_secs() < POLITE_SECONDS => findings.warning(
            format!("`{}: {text}` is every {} s", names::POLL_SCHEDULE, interval.as_secs()),
            "Registries limit requests, and Keel's own client throttles itself, so that it is late for everybody.",
            format!("Write `@every {POLITE_SECONDS}s` or more."),
        ),
        Ok(Schedule::Fields(_)) if !text.starts_with('@') && text.split_whitespace().count() == 5 => findings
            .warning(
                format!("`{}: {text}` has five fields", names::POLL_SCHEDULE),
                "The first field is the seconds, not the minutes: `*/5 * * * *` is every five seconds.",
                "Write all six fields, the seconds first, or `@every 5m`.",
            ),
        Ok(_) => {}
    }
}

fn others(subject: &Subject, findings: &mut Findings) {
    let (labels, annotations) = (subject.labels, subject.annotations);
    if let Some(votes) = labels.get(names::APPROVALS).or_else(|| annotations.get(names::APPROVALS)) {
        let number = votes.parse::<i64>();
        if number != Ok(0) {
            findings.error(
                format!("`{}` is `{votes}`", names::APPROVALS),
                if number.is_ok() {
                    "Keel waits for votes before every update; a vote counts for one namespace and tag, and each build \
                     has a namespace of its own."
                } else {
                    "This is no number, and Keel blocks every update."
                },
                format!("Remove `{}`.", names::APPROVALS),
            );
        }
    }
    if let Some(pattern) = names::any_case(names::MONITOR_CONTAINERS, annotations, labels)
        && let Err(why) = dialect::compile(pattern)
    {
        findings.error(
            format!("the pattern `{pattern}` of `{}` does not compile: {why}", names::MONITOR_CONTAINERS),
            "Keel then follows and updates every container.",
            "Mend the pattern; `^NAME$` picks one container.",
        );
    }
    for key in [names::NOTIFY, names::RELEASE_NOTES] {
        if labels.contains_key(key) {
            findings.warning(
                format!("`{key}` is a label"),
                "Keel reads it from the annotations only.",
                format!("Make `{key}` an annotation."),
            );
        }
    }
}

#[cfg(test)]
mod tests;
