//! What templates of Go have and Tera has not, or has otherwise. `kubectl studioci init --from` writes it.

use std::cmp::Ordering;

use regex::Regex;
use tera::value::{Key, Map};
use tera::{Error, Kwargs, State, Tera, TeraResult, Value};

use super::{quoted, text, undefined};

/// Gives a Tera ours.
pub(super) fn register(tera: &mut Tera) {
    tera.register_filter("entries", |of: Value, _: Kwargs, _: &State| entries(&of));
    tera.register_filter("size", |of: Value, _: Kwargs, _: &State| match of.as_str() {
        Some(text) => Ok(text.len()),
        None => of.len().ok_or_else(|| Error::message(format!("a {} has no length", of.name()))),
    });
    tera.register_filter("cut", |of: &str, arguments: Kwargs, _: &State| cut(of, &arguments));
    tera.register_filter("quotient", |of: i64, arguments: Kwargs, _: &State| {
        let by = arguments.must_get::<i64>("by")?;
        of.checked_div(by).ok_or_else(|| Error::message(format!("{of} cannot be divided by {by}")))
    });
    tera.register_filter("remainder", |of: i64, arguments: Kwargs, _: &State| {
        let by = arguments.must_get::<i64>("by")?;
        of.checked_rem(by).ok_or_else(|| Error::message(format!("{of} cannot be divided by {by}")))
    });
    tera.register_filter("regex_find", |of: &str, arguments: Kwargs, _: &State| {
        let found = pattern(&arguments)?.find(of).map(|found| found.as_str().to_owned());
        TeraResult::Ok(found.unwrap_or_default())
    });
    tera.register_filter("regex_replace", |of: &str, arguments: Kwargs, _: &State| {
        let to = arguments.must_get::<&str>("to")?;
        TeraResult::Ok(pattern(&arguments)?.replace_all(of, to).into_owned())
    });
    tera.register_test("matching", |of: &str, arguments: Kwargs, _: &State| {
        pattern(&arguments).map(|pattern| pattern.is_match(of))
    });
    tera.register_function("go_printf", |arguments: Kwargs, _: &State| {
        let values = arguments.get::<Vec<Value>>("args")?.unwrap_or_default();
        printf(arguments.must_get::<&str>("format")?, &values)
    });
    tera.register_function("go_print", |arguments: Kwargs, _: &State| {
        print(&arguments.must_get::<Vec<Value>>("args")?)
    });
    // Tera's own write nothing for what is missing
    tera.register_filter("str", |of: Value, _: Kwargs, _: &State| text(&of));
    tera.register_filter("join", |of: Vec<Value>, arguments: Kwargs, _: &State| {
        let items = of.iter().map(text).collect::<TeraResult<Vec<_>>>()?;
        TeraResult::Ok(items.join(arguments.get::<&str>("sep")?.unwrap_or_default()))
    });
}

/// What a loop of Go goes over, in its order: items by their number, values by their key. What is missing holds nothing.
fn entries(of: &Value) -> TeraResult<Value> {
    if of.is_undefined() || of.is_none() {
        return Ok(Map::new().into());
    }
    if let Some(map) = of.as_map() {
        let mut sorted: Vec<_> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        sorted.sort_by(|(one, _), (other, _)| match (one.as_str(), other.as_str()) {
            (Some(one), Some(other)) => one.cmp(other),
            _ => one.partial_cmp(other).unwrap_or(Ordering::Equal),
        });
        return Ok(sorted.into_iter().collect::<Map>().into());
    }
    let items = of.as_array().ok_or_else(|| Error::message(format!("a {} holds no entries", of.name())))?;
    let numbered = items.iter().enumerate().map(|(at, item)| (Key::U64(at as u64), item.clone()));
    Ok(numbered.collect::<Map>().into())
}

/// The first bytes of a text, or the last ones (`length=-3`); or those from one place to another.
fn cut(of: &str, arguments: &Kwargs) -> TeraResult<String> {
    if let Some(length) = arguments.get::<i64>("length")? {
        let size = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
        return match of.len().checked_sub(size) {
            None => Ok(of.to_owned()),
            Some(rest) if length < 0 => part(of, rest, of.len()),
            Some(_) => part(of, 0, size),
        };
    }
    let start = usize::try_from(arguments.get::<i64>("start")?.unwrap_or(0)).unwrap_or(0);
    let end = arguments.get::<i64>("end")?.and_then(|end| usize::try_from(end).ok());
    part(of, start, end.unwrap_or(usize::MAX).min(of.len()))
}

/// Bytes of a text, as Go counts.
fn part(of: &str, start: usize, end: usize) -> TeraResult<String> {
    let part = of.get(start..end);
    part.map(str::to_owned)
        .ok_or_else(|| Error::message("this would cut a letter in two, or lies behind the text's end"))
}

fn pattern(arguments: &Kwargs) -> TeraResult<Regex> {
    regular(arguments.must_get::<&str>("pattern")?).map_err(Error::message)
}

/// A regular expression as Go reads it: digits, words and blanks are those of ASCII.
///
/// # Errors
/// What is none, and what means something else there.
pub(in crate::pipeline) fn regular(pattern: &str) -> Result<Regex, String> {
    /// Compiled programs are small where no pattern is hostile.
    const MOST_BYTES: usize = 1 << 20;
    let mut ours = String::new();
    // where the class begins that is open: a `]` there is a letter of it
    let mut class: Option<usize> = None;
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        let next = after.chars().next();
        rest = after;
        match letter {
            '\\' => {
                let kind = next.ok_or("the regular expression ends in the middle of an escape")?;
                rest = &after[kind.len_utf8()..];
                let class_of_ascii = match kind {
                    'd' => "[0-9]",
                    'D' => "[^0-9]",
                    'w' => "[0-9A-Za-z_]",
                    'W' => "[^0-9A-Za-z_]",
                    's' => "[\\t\\n\\f\\r ]",
                    'S' => "[^\\t\\n\\f\\r ]",
                    'b' if class.is_none() => "(?-u:\\b)",
                    'A' | 'z' if class.is_none() => ["\\A", "\\z"][usize::from(kind == 'z')],
                    kind if kind.is_ascii_punctuation() || "ntrfva".contains(kind) => {
                        ours.extend(['\\', kind]);
                        ""
                    }
                    kind => return Err(format!("`\\{kind}` in a regular expression is not understood here")),
                };
                ours += class_of_ascii;
                continue;
            }
            '[' if class.is_some() && next == Some(':') => {
                // `[:digit:]`
                let end = after.find(":]").ok_or("a `[:` in a regular expression has no end")? + 2;
                ours.push('[');
                ours += &after[..end];
                rest = &after[end..];
                continue;
            }
            // others take it for a class in a class
            '[' if class.is_some() => ours.push('\\'),
            '[' => class = Some(ours.len() + 1 + usize::from(next == Some('^'))),
            ']' if class.is_some_and(|from| from != ours.len()) => class = None,
            '-' | '&' | '~' if class.is_some() && next == Some(letter) => {
                return Err(format!("`{letter}{letter}` between brackets is read otherwise by others"));
            }
            '{' if class.is_none() && next == Some(',') => {
                return Err("`{,` in a regular expression is read otherwise by others".to_owned());
            }
            _ => {}
        }
        ours.push(letter);
    }
    regex::RegexBuilder::new(&ours)
        .size_limit(MOST_BYTES)
        .build()
        .map_err(|_| "this is no regular expression that is understood here".to_owned())
}

/// Go's print: a blank between two values of which neither is a text.
fn print(values: &[Value]) -> TeraResult<String> {
    let mut all = String::new();
    for (index, value) in values.iter().enumerate() {
        if index > 0 && !value.is_string() && !values[index - 1].is_string() {
            all.push(' ');
        }
        all += &verb_of(b'v', value, "", None)?;
    }
    Ok(all)
}

/// Go's printf, for the verbs s, v, d, q, t, f, x and X.
fn printf(format: &str, values: &[Value]) -> TeraResult<String> {
    /// Letters of a field at most.
    const WIDEST: usize = 1000;
    let mut all = String::new();
    let mut values = values.iter();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        all += before;
        let verb = after.find(|letter: char| letter.is_ascii_alphabetic() || letter == '%');
        let at = verb.ok_or_else(|| Error::message("the format ends in the middle of a verb"))?;
        let (flags, verb) = (&after[..at], after.as_bytes()[at]);
        rest = &after[at + 1..];
        if verb == b'%' {
            all.push('%');
            continue;
        }
        let value =
            values.next().ok_or_else(|| Error::message("the format has more verbs than there are values"))?;
        let digits = flags.trim_start_matches(['-', '+', ' ', '0']);
        let signs = &flags[..flags.len() - digits.len()];
        let (width, precision) = match digits.split_once('.') {
            Some((width, precision)) => (width, Some(precision.parse().unwrap_or(0_usize).min(WIDEST))),
            None => (digits, None),
        };
        let width = width.parse::<usize>().unwrap_or(0).min(WIDEST);
        let written = verb_of(verb, value, signs, precision)?;
        let missing = width.saturating_sub(written.chars().count());
        if signs.contains('-') {
            all += &written;
            all += &" ".repeat(missing);
        } else if signs.contains('0') && verb != b'q' {
            let sign = usize::from(written.starts_with(['-', '+', ' ']) && verb != b's');
            all += &written[..sign];
            all += &"0".repeat(missing);
            all += &written[sign..];
        } else {
            all += &" ".repeat(missing);
            all += &written;
        }
    }
    if values.next().is_some() {
        return Err(Error::message("the format has fewer verbs than there are values"));
    }
    Ok(all + rest)
}

fn verb_of(verb: u8, value: &Value, signs: &str, precision: Option<usize>) -> TeraResult<String> {
    if value.is_undefined() {
        return Err(undefined());
    }
    let unfit = || {
        let verb = char::from(verb);
        Error::message(format!("`%{verb}` does not write a {}", value.name()))
    };
    let signed = |text: String| match signs {
        _ if text.starts_with('-') => text,
        signs if signs.contains('+') => format!("+{text}"),
        signs if signs.contains(' ') => format!(" {text}"),
        _ => text,
    };
    let whole = || value.as_i128().filter(|_| value.is_number() && !value.is_f64()).ok_or_else(unfit);
    let hex = |number: i128| {
        let digits = format!("{:x}", number.unsigned_abs());
        if number < 0 { format!("-{digits}") } else { digits }
    };
    Ok(match (verb, value.as_str()) {
        (b's', Some(text)) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
        (b'v', _) if !value.is_array() && !value.is_map() => text(value)?,
        (b'q', Some(text)) => quoted(text.to_owned()),
        (b't', None) if value.is_bool() => text(value)?,
        (b'd', None) => signed(whole()?.to_string()),
        (b'f', None) if value.is_f64() => {
            signed(format!("{:.*}", precision.unwrap_or(6), value.as_f64().ok_or_else(unfit)?))
        }
        (b'x' | b'X', of) => {
            let digits = match of {
                Some(text) => text.bytes().fold(String::new(), |all, byte| all + &format!("{byte:02x}")),
                None => signed(hex(whole()?)),
            };
            if verb == b'X' { digits.to_uppercase() } else { digits }
        }
        _ => return Err(unfit()),
    })
}
