//! Go's regular expressions, read by the `regex` crate.
//!
//! Both are RE2's language but for some corners, where each takes as a special form what the other takes
//! literally (`[a&&b]`, `\<`, a `{` that repeats nothing) or refuses (`a**`, `(?x)`). A pattern is rewritten so
//! that every corner means what it means to Keel. What remains different needs text outside ASCII, which neither
//! tags nor container names have.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

use regex::Regex;

/// The largest repeat count of Go.
const MAX_REPEAT: u32 = 1000;

/// Compiles a pattern as Go's `regexp.Compile` would.
///
/// # Errors
/// Why Go would refuse it, in a few words.
pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    let rewritten = rewrite(pattern)?;
    Regex::new(&rewritten).map_err(|e| {
        let text = e.to_string();
        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

fn rewrite(pattern: &str) -> Result<String, String> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern.chars().peekable();
    let mut repeated = false;
    while let Some(c) = rest.next() {
        let repeats = match c {
            '*' | '+' | '?' => Some(c.to_string()),
            '{' => repeat(&mut rest)?,
            _ => None,
        };
        if let Some(operator) = repeats {
            if repeated {
                return Err("invalid nested repetition operator".to_owned());
            }
            out.push_str(&operator);
            out.extend(rest.next_if_eq(&'?'));
            repeated = true;
            continue;
        }
        repeated = false;
        match c {
            '\\' => escape(&mut rest, &mut out)?,
            '[' => class(&mut rest, &mut out)?,
            '(' => {
                out.push('(');
                if rest.next_if_eq(&'?').is_some() {
                    group(&mut rest, &mut out)?;
                }
            }
            '{' | '}' => literal(c, &mut out),
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// `n}`, `n,}` or `n,m}` behind a `{`; anything else leaves the `{` a literal and `rest` where it was.
fn repeat(rest: &mut Peekable<Chars<'_>>) -> Result<Option<String>, String> {
    let mut ahead = rest.clone();
    let body: String = ahead.by_ref().take_while(|c| *c != '}').collect();
    let (low, high) = body.split_once(',').map_or((body.as_str(), None), |(low, high)| (low, Some(high)));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let closed = rest.clone().any(|c| c == '}');
    if !closed || low.is_empty() || !digits(low) || !digits(high.unwrap_or_default()) {
        return Ok(None);
    }
    for bound in [low, high.unwrap_or_default()] {
        if !bound.is_empty() && bound.parse::<u32>().map_or(true, |n| n > MAX_REPEAT) {
            return Err(format!("invalid repeat count: {{{body}}}"));
        }
    }
    *rest = ahead;
    Ok(Some(format!("{{{body}}}")))
}

/// What follows `(?`: a name, or flags.
fn group(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('?');
    out.extend(rest.next_if_eq(&'P'));
    if rest.next_if_eq(&'<').is_some() {
        let name: String = rest.by_ref().take_while(|c| *c != '>').collect();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("invalid named capture: `{name}`"));
        }
        let _ = write!(out, "<{name}>");
        return Ok(());
    }
    while let Some(flag) = rest.next_if(|c| !matches!(c, ':' | ')')) {
        if !matches!(flag, 'i' | 'm' | 's' | 'U' | '-') {
            return Err(format!("invalid group flag: `{flag}`"));
        }
        out.push(flag);
    }
    Ok(())
}

/// What follows `\` outside a class.
fn escape(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    match rest.peek() {
        Some('Q') => {
            rest.next();
            while let Some(c) = rest.next() {
                if c == '\\' && rest.next_if_eq(&'E').is_some() {
                    break;
                }
                literal(c, out);
            }
            Ok(())
        }
        Some('A' | 'z' | 'b' | 'B') => {
            out.push('\\');
            out.extend(rest.next());
            Ok(())
        }
        Some('C') => {
            rest.next();
            out.push_str("(?s:.)");
            Ok(())
        }
        _ => {
            if !shorthand(rest, out) {
                literal(escaped(rest)?, out);
            }
            Ok(())
        }
    }
}

/// `\d` and its like, and `\p{…}`: the same in both, in and outside classes.
fn shorthand(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> bool {
    let Some(c) = rest.next_if(|c| matches!(c, 'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'p' | 'P')) else {
        return false;
    };
    out.push('\\');
    out.push(c);
    if matches!(c, 'p' | 'P') && rest.next_if_eq(&'{').is_some() {
        out.push('{');
        out.extend(rest.by_ref().take_while(|c| *c != '}'));
        out.push('}');
    }
    true
}

/// The one character that an escape stands for.
fn escaped(rest: &mut Peekable<Chars<'_>>) -> Result<char, String> {
    let Some(c) = rest.next() else { return Err("trailing backslash at end of expression".to_owned()) };
    let refuse = || format!("invalid escape sequence: `\\{c}`");
    Ok(match c {
        'a' => '\x07',
        'f' => '\x0c',
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'v' => '\x0b',
        'x' => {
            let digits: String = if rest.next_if_eq(&'{').is_some() {
                rest.by_ref().take_while(|c| *c != '}').collect()
            } else {
                rest.by_ref().take(2).collect()
            };
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or_else(refuse)?
        }
        '1'..='7' if !rest.peek().is_some_and(|c| matches!(c, '0'..='7')) => return Err(refuse()),
        '0'..='7' => {
            let mut value = c.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                match rest.next_if(|c| matches!(c, '0'..='7')).and_then(|c| c.to_digit(8)) {
                    Some(digit) => value = value * 8 + digit,
                    None => break,
                }
            }
            char::from_u32(value).ok_or_else(refuse)?
        }
        c if c.is_ascii() && !c.is_ascii_alphanumeric() => c,
        _ => return Err(refuse()),
    })
}

/// What follows `[`. Go knows no classes within classes and no set operations.
fn class(rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push('[');
    out.extend(rest.next_if_eq(&'^'));
    let mut first = true;
    loop {
        match rest.next() {
            None => return Err("missing closing ]".to_owned()),
            Some(']') if !first => break,
            Some('[') if rest.peek() == Some(&':') && posix(rest.clone()).is_some() => {
                let name = posix(rest.clone()).unwrap_or_default();
                for _ in 0..name.len() {
                    rest.next();
                }
                let _ = write!(out, "[{name}");
            }
            Some('\\') if shorthand(rest, out) => {}
            Some(c) => {
                literal(if c == '\\' { escaped(rest)? } else { c }, out);
                let mut ahead = rest.clone();
                if ahead.next() == Some('-') && !matches!(ahead.peek(), Some(']') | None) {
                    *rest = ahead;
                    out.push('-');
                    match rest.next() {
                        Some('\\') => literal(escaped(rest)?, out),
                        Some(c) => literal(c, out),
                        None => {}
                    }
                }
            }
        }
        first = false;
    }
    out.push(']');
    Ok(())
}

/// `:name:]`, if that is what comes.
fn posix(mut ahead: Peekable<Chars<'_>>) -> Option<String> {
    let mut name = String::new();
    while let Some(c) = ahead.next() {
        name.push(c);
        if name.len() > 1 && c == ':' {
            ahead.next_if_eq(&']')?;
            name.push(']');
            return Some(name);
        }
    }
    None
}

/// One character that stands for itself wherever it is put.
fn literal(c: char, out: &mut String) {
    if c.is_ascii_alphanumeric() || matches!(c, '_' | '<' | '>') || !c.is_ascii() {
        out.push(c);
    } else {
        let _ = write!(out, "\\x{:02x}", u32::from(c));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_mean_what_they_mean_to_go() {
        for (pattern, text, matches) in [
            (r"^build-[0-9]{14}-[0-9a-f]{7,40}$", "build-20260101000000-abcdef0", true),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[a~~]+$", "~a", true),
            (r"^[+--]+$", "+,-", true),
            (r"^[[a]+$", "[a", true),
            (r"^[]a]+$", "]a", true),
            (r"^[^]a]+$", "b]", false),
            (r"^[[:digit:]x]+$", "1x", true),
            (r"^[[:digit:]x]+$", "d", false),
            (r"^[\d.]+$", "1.2", true),
            (r"^[a-]+$", "a-", true),
            (r"\<", "<", true),
            (r"\<", "a", false),
            (r"^a{,2}$", "a{,2}", true),
            (r"^a{2}$", "aa", true),
            (r"^a{$", "a{", true),
            (r"^\Qa.b\E$", "a.b", true),
            (r"^\Qa.b\E$", "axb", false),
            (r"^\101$", "A", true),
            (r"^\x41\x{42}$", "AB", true),
            (r"(?i)^MAIN$", "main", true),
            (r"^(?P<compare>\d+)$", "12", true),
            (r"^(?<compare>\d+)$", "12", true),
            (r"^a+?$", "aa", true),
            (r"^\pL+$", "ab", true),
            (r"^v?1\.0$", "v1.0", true),
            ("", "anything", true),
        ] {
            let compiled = compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}"));
            assert_eq!(compiled.is_match(text), matches, "{pattern} on {text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            "[",
            "(",
            ")",
            r"\",
            "(?P<compare",
            "a**",
            "a*+",
            "a{2}{3}",
            "a{1001}",
            "(?x)a",
            "(?u)a",
            "(?=a)",
            "(?P<a.b>x)",
            r"\1",
            r"\u0041",
            r"\y",
            "*a",
            "[b-a]",
            r"[\b]",
            r"\Z",
        ] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
    }
}
