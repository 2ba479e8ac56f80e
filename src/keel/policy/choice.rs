//! Which tags a policy accepts, and in which order Keel tries them. Keel itself chooses among them, so that only the
//! stand-in for it and the tests ask.

use std::cmp::Ordering;

use regex::Regex;

use super::super::dialect;
use super::super::semver::SemVer;
use super::{Policy, Span, stars};

impl Policy {
    /// Whether a workload at tag `current` is updated to tag `new`.
    ///
    /// # Errors
    /// Keel's own words for tags that a semver policy cannot compare; it then does not update.
    pub fn should_update(&self, current: &str, new: &str) -> Result<bool, String> {
        match self {
            Self::Semver { span, match_pre_release } => newer(*span, *match_pre_release, current, new),
            Self::Force { match_tag } if current != new => Ok(!match_tag
                && match (SemVer::parse(current), SemVer::parse(new)) {
                    (Ok(current), Ok(new)) => new.precedence(&current) == Ordering::Greater,
                    _ => true,
                }),
            Self::Force { .. } => Ok(true),
            Self::Glob(pattern) => Ok(stars(pattern, new).is_some() && new > current),
            Self::Regexp(pattern) => Ok(compiled(pattern).is_some_and(|pattern| pattern.is_match(new))),
            Self::Untracked(_) => Ok(false),
        }
    }

    /// The tags that Keel considers, in the order in which it tries them: the first acceptable one is taken.
    pub fn filter(&self, tags: &[String]) -> Vec<String> {
        let mut kept = tags.to_vec();
        match self {
            Self::Semver { .. } => {
                kept.retain(|tag| tag.contains('.'));
                newest_first(kept).0
            }
            Self::Force { .. } => {
                let (mut versions, others) = newest_first(kept);
                versions.extend(others);
                versions
            }
            Self::Glob(pattern) => {
                kept.retain(|tag| stars(pattern, tag).is_some());
                kept.sort_by(|a, b| b.cmp(a));
                kept
            }
            Self::Regexp(pattern) => {
                let Some(pattern) = compiled(pattern) else { return Vec::new() };
                kept.retain(|tag| pattern.is_match(tag));
                kept.sort_by(|a, b| rank(&pattern, b).cmp(rank(&pattern, a)));
                kept
            }
            Self::Untracked(_) => kept,
        }
    }
}

/// None of a pattern that is not judged, which then matches nothing.
fn compiled(pattern: &str) -> Option<Regex> {
    dialect::compile(pattern).ok()
}

/// The part of a matching tag by which Keel sorts: the group `compare` if the pattern has one.
fn rank<'t>(pattern: &Regex, tag: &'t str) -> &'t str {
    let has_group = pattern.capture_names().flatten().any(|name| name == "compare");
    match pattern.captures(tag) {
        Some(found) if has_group => found.name("compare").map_or("", |group| group.as_str()),
        _ => tag,
    }
}

fn newer(span: Span, match_pre_release: bool, current: &str, new: &str) -> Result<bool, String> {
    if current == "latest" {
        return Ok(true);
    }
    if !new.contains('.') {
        return Err("No Major.Minor.Patch elements found".to_owned());
    }
    let current = SemVer::parse(current).map_err(|e| format!("failed to parse current version: {e}"))?;
    let new = SemVer::parse(new).map_err(|e| format!("failed to parse new version: {e}"))?;
    let pre_release_fits = !match_pre_release || span == Span::All || current.pre == new.pre;
    let within = match span {
        Span::All | Span::Major => true,
        Span::Minor => new.major == current.major,
        Span::Patch => (new.major, new.minor) == (current.major, current.minor),
    };
    Ok(pre_release_fits && within && new.precedence(&current) == Ordering::Greater)
}

/// `(versions, the newest first; the others in their order)`.
fn newest_first(tags: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut versions, mut others) = (Vec::new(), Vec::new());
    for tag in tags {
        match SemVer::parse(&tag) {
            Ok(version) => versions.push((version, tag)),
            Err(_) => others.push(tag),
        }
    }
    versions.sort_by(|(a, _), (b, _)| b.precedence(a));
    (versions.into_iter().map(|(_, tag)| tag).collect(), others)
}

#[cfg(test)]
mod tests {
    use super::super::super::decisions::Decisions;
    use super::*;

    #[test]
    fn every_update_is_decided_as_keel_decides_it() {
        let rows = Decisions::read().updates;
        assert_eq!(rows.len(), 422);
        for row in rows {
            let expected = row.error.map_or(Ok(row.update), Err);
            let policy = Policy::of(&row.labels, &row.annotations);
            let decided = policy.should_update(&row.current, &row.new);
            assert_eq!(decided, expected, "{:?}: {} -> {}", row.annotations, row.current, row.new);
        }
    }

    #[test]
    fn every_list_of_tags_is_ordered_as_keel_orders_it() {
        let rows = Decisions::read().filters;
        assert_eq!(rows.len(), 33);
        for row in rows {
            let policy = Policy::of(&row.labels, &row.annotations);
            assert_eq!(policy.filter(&row.tags), row.order, "{:?}: {:?}", row.annotations, row.tags);
        }
    }

    #[test]
    fn a_glob_knows_one_wildcard() {
        for (pattern, text, matches) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("a*b", "ab", true),
            ("a*b", "a", false),
            ("ab*b", "ab", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("**", "x", true),
            ("a?", "ab", false),
            ("a?", "a?", true),
        ] {
            assert_eq!(stars(pattern, text).is_some(), matches, "{pattern} {text}");
        }
    }
}
