//! YAML as kubectl writes it, and as every reader reads it back.
//!
//! Differences from kubectl's own output are on purpose: long lines are not folded, and what another reader might
//! take for a number (`123e4567`) is quoted.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::dialect::{self, Scalar};

/// One document, without `---`, with a final line break.
pub(super) fn document(value: &Value) -> String {
    let mut out = String::new();
    match value {
        Value::Object(fields) if !fields.is_empty() => mapping(&mut out, fields, 0, false),
        Value::Array(items) if !items.is_empty() => sequence(&mut out, items, 0, false),
        value => {
            scalar(&mut out, value, 0);
            out.push('\n');
        }
    }
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// `inline`: the first line continues one that is begun (`- `).
fn mapping(out: &mut String, fields: &Map<String, Value>, depth: usize, inline: bool) {
    for (index, (key, value)) in fields.iter().enumerate() {
        if index > 0 || !inline {
            indent(out, depth);
        }
        if key.contains('\n') {
            double_quoted(out, key);
        } else {
            text(out, key, depth);
        }
        out.push(':');
        match value {
            Value::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                mapping(out, fields, depth + 1, false);
            }
            // Sequences are not indented under their key.
            Value::Array(items) if !items.is_empty() => {
                out.push('\n');
                sequence(out, items, depth, false);
            }
            value => {
                out.push(' ');
                scalar(out, value, depth + 1);
                out.push('\n');
            }
        }
    }
}

fn sequence(out: &mut String, items: &[Value], depth: usize, inline: bool) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !inline {
            indent(out, depth);
        }
        out.push_str("- ");
        match item {
            Value::Object(fields) if !fields.is_empty() => mapping(out, fields, depth + 1, true),
            Value::Array(items) if !items.is_empty() => sequence(out, items, depth + 1, true),
            value => {
                scalar(out, value, depth + 1);
                out.push('\n');
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(string) => text(out, string, depth),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

fn text(out: &mut String, string: &str, depth: usize) {
    if string.contains('\n') {
        if can_be_literal(string) { literal(out, string, depth) } else { double_quoted(out, string) }
    } else if is_special(string) || !reads_as_text(string) {
        double_quoted(out, string);
    } else if can_be_plain(string) {
        out.push_str(string);
    } else {
        out.push('\'');
        out.push_str(&string.replace('\'', "''"));
        out.push('\'');
    }
}

/// Whether every reader takes the bare word for text.
fn reads_as_text(string: &str) -> bool {
    dialect::resolve(string) == Scalar::Text
        && !dialect::looks_like_date(string)
        && !dialect::is_sexagesimal(string)
        && !dialect::is_float(&string.replace('_', ""))
        && string != "="
}

/// Whether a character steers what shows it: ends a line, moves a terminal's cursor, turns the direction of what
/// follows, or stands there unseen.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // line and paragraph separators, embeddings and overrides
            '\u{2028}'..='\u{202e}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2066}'..='\u{206f}'
            // no width at all
            | '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            // blank letters, and tags
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{e0000}'..='\u{e007f}')
}

/// What does not print, or steers what shows it, which only double quotes can hold; and what lies outside of the first
/// plane, which kubectl writes so, too.
fn is_special(string: &str) -> bool {
    string.chars().any(|letter| steers(letter) || matches!(letter, '\u{fffe}'..))
}

fn can_be_plain(string: &str) -> bool {
    let mut letters = string.chars();
    let Some(first) = letters.next() else { return false };
    let second = letters.next();
    let indicator = match first {
        '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => {
            true
        }
        '-' | '?' | ':' => second.is_none_or(|letter| letter == ' '),
        _ => false,
    };
    !(indicator
        || first == ' '
        || string.ends_with(' ')
        || string.ends_with(':')
        || string.starts_with("---")
        || string.starts_with("...")
        || string.contains(": ")
        || string.contains(" #"))
}

/// A `|` block shows the text as it is, unless blanks stand where nobody sees them.
fn can_be_literal(string: &str) -> bool {
    let hidden = |line: &str| line.ends_with(' ') || is_special(line);
    !string.starts_with([' ', '\n']) && !string.split('\n').any(hidden)
}

fn literal(out: &mut String, string: &str, depth: usize) {
    let kept = string.trim_end_matches('\n');
    out.push_str(match string.len() - kept.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    // The caller ends the last line.
    for line in string.strip_suffix('\n').unwrap_or(string).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(out, depth.max(1));
            out.push_str(line);
        }
    }
}

fn double_quoted(out: &mut String, string: &str) {
    out.push('"');
    for letter in string.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0' => out.push_str("\\0"),
            letter if letter > '\u{ffff}' => {
                let _ = write!(out, "\\U{:08X}", u32::from(letter));
            }
            letter if is_special(letter.encode_utf8(&mut [0; 4])) => {
                let _ = write!(out, "\\u{:04X}", u32::from(letter));
            }
            letter => out.push(letter),
        }
    }
    out.push('"');
}
