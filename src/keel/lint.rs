//! What is wrong with a workload's Keel keys. Keel is silent where it ignores a key, so this room speaks: each
//! finding says what Keel would do, and what to do instead.

mod policy;
mod polling;

use std::fmt;

use super::dialect;
use super::image::ImageRef;
use super::names::{self, Map};
use super::parking;
use super::policy::Policy;

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
pub struct Linted<'a> {
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

/// Everything that is wrong, in the order of the keys; empty is good.
pub fn check(subject: &Linted) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let policy = Policy::of(subject.labels, subject.annotations);
    misplaced(subject, &mut findings);
    policy::policies(subject, &policy, &mut findings);
    policy::options(subject, &policy, &mut findings);
    tags(subject, &policy, &mut findings);
    polling::trigger(subject, &mut findings);
    polling::schedule(subject, &mut findings);
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
fn misplaced(subject: &Linted, findings: &mut Findings) {
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

/// The current tag against the policy.
fn tags(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    let Some(image) = ImageRef::parse(subject.image) else {
        findings.error(
            format!("the image `{}` is not an image reference", subject.image),
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

fn others(subject: &Linted, findings: &mut Findings) {
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
            "Fix the pattern; `^NAME$` picks one container.",
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
