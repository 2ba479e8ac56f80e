//! What is wrong with a workload's Keel keys. Keel is silent where it ignores a key, so this room speaks: each
//! finding says what Keel would do, and what to do instead.

pub mod codes;
mod keys;
mod policy;
mod polling;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::dialect::{self, NoRegex};
use super::image::ImageRef;
use super::names::{self, Map};
use super::policy::{Policy, stars};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may well be as meant.
    Note,
    /// It works, but hardly as meant.
    Warning,
    /// It cannot work, or it harms others.
    Error,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its stable name, one of [`codes`].
    pub code: &'static str,
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
    /// Image of the container that Keel is to update; `None` for one that cannot be read.
    pub image: Option<&'a ImageRef>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  {}\n  {}", self.severity, self.what, self.why, self.remedy)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// Everything that is wrong, in the order of the keys; empty is good.
pub fn check(subject: &Linted) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    let policy = Policy::of(subject.labels, subject.annotations);
    keys::misplaced(subject, &mut findings);
    keys::unknown(subject, &mut findings);
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
    fn error(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(code, Severity::Error, [what.into(), why.into(), remedy.into()]);
    }

    fn warning(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.push(code, Severity::Warning, [what.into(), why.into(), remedy.into()]);
    }

    fn push(&mut self, code: &'static str, severity: Severity, [what, why, remedy]: [String; 3]) {
        self.0.push(Finding { code, severity, what, why, remedy });
    }
}

/// The current tag against the policy.
fn tags(subject: &Linted, policy: &Policy, findings: &mut Findings) {
    let Some(image) = subject.image else { return };
    if let Some(why) = image.unread_by_keel() {
        findings.error(
            codes::IMAGE_UNREAD,
            format!("the image `{image}` is none that Keel reads"),
            format!("{why}, and does not follow this container."),
            "Name the registry by its domain in lower case, and the repository by a short name.",
        );
    }
    if let Some(digest) = &image.digest {
        let never = policy.match_tag() || policy.can_move_from(digest.as_str()).is_err();
        findings.warning(
            codes::DIGEST,
            format!("the image `{image}` is pinned by digest"),
            if never {
                "Keel takes the digest for the tag, and never updates such a workload."
            } else {
                "Keel takes the digest for the tag, and compares the tags that are pushed with that."
            },
            "Write the tag alone; the listener of a chain has the tag alone in any case.",
        );
    }
    // what has a digest alone is refused as such
    if image.tag.is_empty() || !policy.tracked() {
        return;
    }
    if let Policy::Glob(pattern) = policy
        && !policy::is_sound(pattern)
    {
        return;
    }
    if let Err(why) = policy.can_move_from(&image.tag) {
        findings.error(
            codes::TAG_STUCK,
            format!("the policy `{}` cannot move from the tag `{}`", policy.name(), image.tag),
            format!("Keel never updates this workload: {why}."),
            "Start from a tag that the policy can move from, or change the policy.",
        );
    } else if let Policy::Semver { .. } = policy
        && !image.tag.contains('.')
        && image.tag != "latest"
    {
        findings.warning(
            codes::TAG_UNDOTTED, format!("the policy `{}` compares versions, and the tag `{}` has no dot", policy.name(), image.tag),
            "Keel skips every tag without a dot: it waits for one such as 1.2.0, and if all tags are like this one, for ever.",
            format!("Push tags with a dot, or {}.", policy::RECOMMENDED),
        );
    }
    let Policy::Glob(pattern) = policy else { return };
    let Some(differs) = stars(pattern, &image.tag) else { return };
    if differs.concat().split(['-', '_', '.']).find(|part| !part.is_empty()).is_some_and(is_hash) {
        findings.warning(
            codes::TAG_HASH,
            format!("tags such as `{}` have no order", image.tag),
            "Keel compares tags of a glob policy as text, and hashes come in any order: of two pushes the later is often \
             passed over.",
            "Put a time before the hash, such as build-20260131235959-abc1234, or follow a branch's tag with force and \
             match-tag.",
        );
    } else if unpadded(&differs) {
        findings.warning(
            codes::TAG_UNPADDED,
            format!("the numbers in tags such as `{}` are not padded", image.tag),
            "Keel compares tags of a glob policy as text, where 10 comes before 9, and stops at 9.",
            "Pad them with zeros (build-0009, build-0010), or put a time such as 20260131235959 first.",
        );
    }
}

/// Whether a text is a commit's hash, or the beginning of one, and no number.
pub fn is_hash(text: &str) -> bool {
    (7..=40).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        && text.bytes().any(|b| b.is_ascii_digit())
        && text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether the first number in what differs between tags is one that will get longer: short, and without a zero in front.
/// A tag that the pattern does not match says nothing of those that it does.
fn unpadded(differs: &[&str]) -> bool {
    let differs = differs.concat();
    let digits: String =
        differs.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    (1..8).contains(&digits.len()) && (digits == "0" || !digits.starts_with('0'))
}

fn others(subject: &Linted, findings: &mut Findings) {
    let (labels, annotations) = (subject.labels, subject.annotations);
    if let Some(votes) = labels.get(names::APPROVALS).or_else(|| annotations.get(names::APPROVALS)) {
        let number = votes.parse::<i64>();
        if number != Ok(0) {
            findings.error(
                codes::APPROVALS, format!("`{}` is `{votes}`", names::APPROVALS),
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
    if let Some(pattern) = names::any_case(names::MONITOR_CONTAINERS, annotations, labels) {
        match dialect::compile(pattern) {
            Err(NoRegex::Refused(why)) => findings.error(
                codes::CONTAINERS, format!("the pattern `{pattern}` of `{}` does not compile: {why}", names::MONITOR_CONTAINERS),
                "Keel then follows and updates every container.",
                "Fix the pattern; `^NAME$` picks one container.",
            ),
            Err(NoRegex::Unusual(what)) => findings.warning(
                codes::CONTAINERS, format!("the pattern `{pattern}` of `{}` has {what}", names::MONITOR_CONTAINERS),
                "Whether Keel takes it is not judged; if it does not, it follows and updates every container.",
                "Write it without; `^NAME$` picks one container.",
            ),
            Ok(_) => {}
        }
    }
    for key in [names::NOTIFY, names::RELEASE_NOTES] {
        if labels.contains_key(key) {
            findings.warning(
                codes::LABEL_UNREAD,
                format!("`{key}` is a label"),
                "Keel reads it from the annotations only.",
                format!("Make `{key}` an annotation."),
            );
        }
    }
}

#[cfg(test)]
mod tests;
