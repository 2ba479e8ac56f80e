//! Go's regular expressions, as far as tags and container names need them, read by the `regex` crate.
//!
//! Both are RE2's language but for some corners, which one of them takes in a special way, or refuses. A pattern that has
//! such a corner is not judged, and [`super::lint`] says so. What remains different needs text outside ASCII, which neither
//! tags nor container names have.

use std::iter::Peekable;
use std::str::Chars;

use regex::{Error, Regex};

/// The largest repeat count of Go.
const MAX_REPEAT: u32 = 1000;

/// Why there is no expression of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoRegex {
    /// Go refuses it, and why, in a few words.
    Refused(String),
    /// Go may take it, and what in it is not judged.
    Unusual(&'static str),
}

/// Compiles a pattern as Go's `regexp.Compile` would.
///
/// # Errors
/// [`NoRegex`].
pub(super) fn compile(pattern: &str) -> Result<Regex, NoRegex> {
    if let Some(what) = unusual(pattern) {
        return Err(NoRegex::Unusual(what));
    }
    Regex::new(pattern).map_err(|error| match error {
        Error::CompiledTooBig(_) => NoRegex::Unusual("repetitions of that size"),
        other => {
            let text = other.to_string();
            let why = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            NoRegex::Refused(why.to_owned())
        }
    })
}

/// The first corner of a pattern. What ends too early has none: both refuse it.
fn unusual(pattern: &str) -> Option<&'static str> {
    let mut rest = pattern.chars().peekable();
    let mut repeated = false;
    while let Some(c) = rest.next() {
        let repeats = matches!(c, '*' | '+' | '?' | '{');
        let corner = match c {
            '*' | '+' | '?' | '{' if repeated => Some("a repetition of a repetition"),
            '{' => count(&mut rest),
            '}' => Some("a `}` without its `{`"),
            '\\' => escape(&mut rest, "bBAz"),
            '[' => class(&mut rest),
            '(' if rest.next_if_eq(&'?').is_some() => group(&mut rest),
            _ => None,
        };
        if corner.is_some() {
            return corner;
        }
        if repeats {
            rest.next_if_eq(&'?');
        }
        repeated = repeats;
    }
    None
}

/// `n}`, `n,}` or `n,m}`.
fn count(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    let body: String = rest.by_ref().take_while(|c| *c != '}').collect();
    let (low, high) = body.split_once(',').unwrap_or((&body, ""));
    let is_count = |text: &str| text.parse::<u32>().is_ok_and(|count| count <= MAX_REPEAT);
    (!is_count(low) || !(high.is_empty() || is_count(high)))
        .then_some("a `{` that does not count repetitions up to 1000")
}

/// What follows `\`: a shorthand, one of `also`, or what stands for itself.
fn escape(rest: &mut Peekable<Chars<'_>>, also: &str) -> Option<&'static str> {
    let c = rest.next()?;
    (!r".+*?()|[]{}^$/-\dDwWsS".contains(c) && !also.contains(c))
        .then_some("an escape other than of \\d, \\w, \\s and marks")
}

/// What follows `(?`: a name, or flags.
fn group(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    rest.next_if_eq(&'P');
    if rest.next_if_eq(&'<').is_some() {
        let odd = rest.by_ref().take_while(|c| *c != '>').any(|c| !(c.is_ascii_alphanumeric() || c == '_'));
        return odd.then_some("a group's name with marks in it");
    }
    // what is no letter, as in a lookahead, both refuse
    let mut flags = rest.by_ref().take_while(|c| c.is_alphabetic() || *c == '-');
    flags.any(|flag| !"imsU-".contains(flag)).then_some("a flag other than i, m, s and U")
}

/// What follows `[`.
fn class(rest: &mut Peekable<Chars<'_>>) -> Option<&'static str> {
    rest.next_if_eq(&'^');
    let mut last = None;
    while let Some(c) = rest.next() {
        let corner = match c {
            ']' if last.is_none() => Some("a class that begins with `]`"),
            ']' => return None,
            '[' => Some("a `[` within a class"),
            '&' | '-' | '~' if last == Some(c) => Some("a mark twice within a class"),
            '\\' => escape(rest, ""),
            _ => None,
        };
        if corner.is_some() {
            return corner;
        }
        last = Some(c);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tags_need_means_what_it_means_to_go() {
        for (pattern, text, matches) in [
            (r"^build-[0-9]{14}-[0-9a-f]{7,40}$", "build-20260101000000-abcdef0", true),
            (r"^[\d.]+$", "1.2", true),
            (r"^[a-]+$", "a-", true),
            (r"^[^a-c_]+$", "b", false),
            (r"^a{2}$", "aa", true),
            (r"^a{1,}?$", "aaa", true),
            (r"(?i)^MAIN$", "main", true),
            (r"^(?:main|dev)-\w+$", "dev-1", true),
            (r"^(?P<compare>\d+)$", "12", true),
            (r"^(?<compare>\d+)$", "12", true),
            (r"^a+?$", "aa", true),
            (r"^v?1\.0$", "v1.0", true),
            (r"\bmain\b", "a-main-b", true),
            ("a:b", "a:b", true),
            ("", "anything", true),
        ] {
            let compiled = compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why:?}"));
            assert_eq!(compiled.is_match(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in ["[", "(", ")", r"\", "(?P<compare", "(?=a)", "*a", "[b-a]", "a|*", "(*)", "[a"] {
            assert!(
                matches!(compile(pattern), Err(NoRegex::Refused(_))),
                "{pattern}: {:?}",
                compile(pattern)
            );
        }
    }

    #[test]
    fn what_the_two_may_read_differently_is_not_judged() {
        for pattern in [
            r"^[a&&b]+$",
            r"^[a~~]+$",
            r"^[+--]+$",
            r"^[[a]+$",
            r"^[]a]+$",
            r"^[^]a]+$",
            r"[[:digit:]]",
            r"\<",
            r"^a{,2}$",
            r"^a{$",
            "a}",
            r"^\Qa.b\E$",
            r"^\101$",
            r"^\x41$",
            r"\pL",
            "a**",
            "a*+",
            "a{2}{3}",
            "a{1001}",
            "(?x)a",
            "(?u)a",
            "(?P<a.b>x)",
            r"\1",
            r"\y",
            r"[\b]",
            r"\Z",
            r"\w{1000}",
        ] {
            assert!(
                matches!(compile(pattern), Err(NoRegex::Unusual(_))),
                "{pattern}: {:?}",
                compile(pattern)
            );
        }
    }
}
