//! What Keel makes of a workload's policy.
//!
//! A port of the rules of Keel after 0.22.1. Keel itself is silent about a policy that it cannot read: the
//! workload is simply not tracked. [`Untracked`] keeps the reason, and [`crate::keel::lint`] says it aloud.

use std::fmt;

#[cfg(any(test, feature = "testing"))]
mod choice;

use super::dialect::{self, NoRegex};
use super::names::{self, Map};
use super::semver::SemVer;

/// How far a semver policy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Every newer version, pre-releases included.
    All,
    /// Every newer version.
    Major,
    /// Within the same first number.
    Minor,
    /// Within the same first and second number.
    Patch,
}

impl Span {
    /// The policy's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
        }
    }
}

/// Why a workload is not tracked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untracked {
    /// No policy in either map.
    Absent,
    /// `never`, or nothing at all as a value.
    Never,
    /// A value that Keel does not know; it compares exactly, case and spaces included.
    Unknown(String),
    /// `glob:` with a second `:` in it.
    BadGlob(String),
    /// `regexp:` with a pattern that does not compile, and why it does not.
    BadRegexp(String, String),
}

/// A workload's policy.
#[derive(Debug, Clone)]
pub enum Policy {
    /// `all`, `major`, `minor`, `patch`: versions.
    Semver {
        /// How far it goes.
        span: Span,
        /// Whether the pre-release part must stay the same.
        #[cfg_attr(not(any(test, feature = "testing")), expect(dead_code, reason = "it chooses among tags"))]
        match_pre_release: bool,
    },
    /// `force`: whatever comes.
    Force {
        /// Only new content under the same tag.
        match_tag: bool,
    },
    /// `glob:PATTERN`, with `*` as the only wildcard: tags that match and are greater as strings.
    Glob(String),
    /// `regexp:PATTERN`, which compiles, as far as is known: tags that match; which one is current does not matter.
    Regexp(String),
    /// None, so Keel leaves the workload alone.
    Untracked(Untracked),
}

impl Policy {
    /// The policy that Keel reads from a workload's own labels and annotations.
    ///
    /// Keel: annotations first, whatever the value; the options come from the same map as the policy.
    pub fn of(labels: &Map, annotations: &Map) -> Self {
        for map in [annotations, labels] {
            if let Some(value) = map.get(names::POLICY).or_else(|| map.get(names::OBSERVER_POLICY)) {
                return Self::read(value, map);
            }
        }
        Self::Untracked(Untracked::Absent)
    }

    fn read(value: &str, map: &Map) -> Self {
        if value.starts_with("glob:") {
            return match value.split(':').collect::<Vec<_>>()[..] {
                [_, pattern] => Self::Glob(pattern.to_owned()),
                _ => Self::Untracked(Untracked::BadGlob(value.to_owned())),
            };
        }
        if let Some(pattern) = value.strip_prefix("regexp:") {
            return match dialect::compile(pattern) {
                Err(NoRegex::Refused(why)) => Self::Untracked(Untracked::BadRegexp(value.to_owned(), why)),
                Ok(_) | Err(NoRegex::Unusual(_)) => Self::Regexp(pattern.to_owned()),
            };
        }
        let semver = |span| Self::Semver {
            span,
            match_pre_release: map.get(names::MATCH_PRE_RELEASE).is_none_or(|v| v == "true"),
        };
        match value {
            "all" => semver(Span::All),
            "major" => semver(Span::Major),
            "minor" => semver(Span::Minor),
            "patch" => semver(Span::Patch),
            "force" => Self::Force {
                match_tag: map
                    .get(names::MATCH_TAG)
                    .or_else(|| map.get(names::MATCH_TAG_LEGACY))
                    .is_some_and(|v| v == "true"),
            },
            "" | "never" => Self::Untracked(Untracked::Never),
            _ => Self::Untracked(Untracked::Unknown(value.to_owned())),
        }
    }

    /// Whether Keel follows the workload at all (a [`polled`] one by itself, any other by webhooks).
    pub fn tracked(&self) -> bool {
        !matches!(self, Self::Untracked(_))
    }

    /// Whether only new content under the same tag is an update, so that the tag itself never moves.
    pub fn match_tag(&self) -> bool {
        matches!(self, Self::Force { match_tag: true })
    }

    /// The name that Keel gives the policy in its log.
    pub fn name(&self) -> String {
        match self {
            Self::Semver { span, .. } => span.as_str().to_owned(),
            Self::Force { .. } => "force".to_owned(),
            Self::Glob(pattern) => format!("glob:{pattern}"),
            Self::Regexp(pattern) => format!("regexp:{pattern}"),
            Self::Untracked(_) => "nil policy".to_owned(),
        }
    }

    /// Whether a pattern matches a tag; none of a policy that has no pattern, or one that is not judged.
    pub fn matches(&self, tag: &str) -> Option<bool> {
        match self {
            Self::Glob(pattern) => Some(stars(pattern, tag).is_some()),
            Self::Regexp(pattern) => dialect::compile(pattern).ok().map(|pattern| pattern.is_match(tag)),
            Self::Semver { .. } | Self::Force { .. } | Self::Untracked(_) => None,
        }
    }

    /// Whether there is any tag to which a workload at `tag` could be updated.
    ///
    /// # Errors
    /// Why there is none, in one sentence.
    pub fn can_move_from(&self, tag: &str) -> Result<(), String> {
        match self {
            Self::Semver { span, .. } => match SemVer::parse(tag) {
                Err(_) if tag != "latest" => Err(format!(
                    "the tag `{tag}` is no version, and the policy `{}` compares versions",
                    span.as_str()
                )),
                _ => Ok(()),
            },
            Self::Glob(pattern) => match pattern.split_once('*') {
                // What matches begins with `head`: it can sort above `tag` if `head` does, or if it can go on.
                Some((head, _)) if tag.starts_with(head) || head > tag => Ok(()),
                None if pattern.as_str() > tag => Ok(()),
                _ => Err(format!(
                    "no tag that matches `{pattern}` sorts above `{tag}`, and a glob policy moves upwards only"
                )),
            },
            Self::Force { .. } | Self::Regexp(_) => Ok(()),
            Self::Untracked(why) => Err(why.to_string()),
        }
    }
}

impl fmt::Display for Untracked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("there is no Keel policy"),
            Self::Never => f.write_str("the Keel policy is `never` or empty"),
            Self::Unknown(value) => write!(f, "Keel does not know the policy `{value}`"),
            Self::BadGlob(value) => write!(f, "Keel takes exactly one `:` in a glob policy, not `{value}`"),
            Self::BadRegexp(value, why) => write!(f, "the pattern of `{value}` does not compile: {why}"),
        }
    }
}

/// What each `*` of a glob policy's pattern stands for in a tag; `None` for a tag that does not match. Nothing else in a
/// pattern stands for anything.
pub fn stars<'t>(pattern: &str, tag: &'t str) -> Option<Vec<&'t str>> {
    let Some((head, tail)) = pattern.split_once('*') else { return (pattern == tag).then(Vec::new) };
    let mut rest = tag.strip_prefix(head)?;
    let mut parts = tail.split('*');
    let last = parts.next_back().unwrap_or_default();
    let mut stars = Vec::new();
    for part in parts {
        let (star, after) = rest.split_once(part)?;
        stars.push(star);
        rest = after;
    }
    stars.push(rest.strip_suffix(last)?);
    Some(stars)
}

/// Whether Keel polls the registry for the workload: `keel.sh/trigger: poll`, the annotation first.
pub fn polled(labels: &Map, annotations: &Map) -> bool {
    let value = annotations.get(names::TRIGGER).or_else(|| labels.get(names::TRIGGER));
    value.is_some_and(|value| value == names::TRIGGER_POLL)
}

#[cfg(test)]
mod tests;
