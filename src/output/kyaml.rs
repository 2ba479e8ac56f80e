//! KYAML, as `kubectl -o kyaml` prints it: YAML in brackets, all text between quotes, so that no reader guesses.
//!
//! Source of the form: KEP-5295 and sigs.k8s.io/yaml's `kyaml`.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::pipeline::documents::{self, steers};

/// The object as a document, its `---` before it, with a final newline.
pub fn kyaml(value: &Value) -> String {
    let mut out = "---\n".to_owned();
    node(&mut out, value, 0);
    out.push('\n');
    out
}

fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

fn node(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => quoted(out, text, depth + 1),
        Value::Array(items) => sequence(out, items, depth),
        Value::Object(fields) => mapping(out, fields, depth),
    }
}

/// Brackets of items that have some themselves stand beside theirs; other items have a line each.
fn sequence(out: &mut String, items: &[Value], depth: usize) {
    if items.is_empty() {
        out.push_str("[]");
    } else if items.iter().all(|item| item.is_array() || item.is_object()) {
        for (index, item) in items.iter().enumerate() {
            out.push_str(if index == 0 { "[" } else { ", " });
            node(out, item, depth);
        }
        out.push(']');
    } else {
        out.push_str("[\n");
        for item in items {
            indent(out, depth + 1);
            node(out, item, depth + 1);
            out.push_str(",\n");
        }
        indent(out, depth);
        out.push(']');
    }
}

fn mapping(out: &mut String, fields: &Map<String, Value>, depth: usize) {
    if fields.is_empty() {
        out.push_str("{}");
        return;
    }
    out.push_str("{\n");
    for (key, value) in fields {
        indent(out, depth + 1);
        if needs_quotes(key) {
            out.push('"');
            key.chars().for_each(|c| letter(out, c, true));
            out.push('"');
        } else {
            out.push_str(key);
        }
        out.push_str(": ");
        node(out, value, depth + 1);
        out.push_str(",\n");
    }
    indent(out, depth);
    out.push('}');
}

/// Whether a reader may take a bare key for something else than its text.
fn needs_quotes(key: &str) -> bool {
    let bare = |c: char| c == '_' || c.is_alphanumeric();
    let inner = |c: char| bare(c) || matches!(c, '-' | '.' | '/');
    let plain = key.starts_with(bare) && key.ends_with(bare) && key.chars().all(inner);
    // Go's own word for a boolean may be one letter
    !plain || matches!(key, "t" | "T" | "f" | "F") || documents::write(&Value::from(key)).trim_end() != key
}

/// A text of several lines has a line for each, and begins on one of its own.
fn quoted(out: &mut String, text: &str, depth: usize) {
    out.push('"');
    let several = text.contains('\n');
    let mut fresh = false;
    if several {
        out.push_str("\\\n");
        fresh = true;
    }
    for c in text.chars() {
        if fresh {
            indent(out, depth);
            // blanks at a line's begin are dropped unless one is escaped
            out.push(if c.is_whitespace() && c != '\n' { '\\' } else { ' ' });
        }
        fresh = c == '\n';
        letter(out, c, false);
    }
    if several {
        if !fresh {
            out.push_str("\\\n");
        }
        indent(out, depth);
    }
    out.push('"');
}

fn letter(out: &mut String, c: char, one_line: bool) {
    match c {
        '\n' if one_line => out.push_str("\\n"),
        '\n' => out.push_str("\\n\\\n"),
        '\t' if one_line => out.push_str("\\t"),
        '\t' => out.push('\t'),
        '"' | '\\' => out.extend(['\\', c]),
        '\u{7}' => out.push_str("\\a"),
        '\u{8}' => out.push_str("\\b"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\u{b}' => out.push_str("\\v"),
        '\0' => out.push_str("\\0"),
        '\u{1b}' => out.push_str("\\e"),
        '\u{85}' => out.push_str("\\N"),
        '\u{a0}' => out.push_str("\\_"),
        '\u{2028}' => out.push_str("\\L"),
        '\u{2029}' => out.push_str("\\P"),
        c if c < ' ' || c == '\u{7f}' => {
            let _ = write!(out, "\\x{:02x}", u32::from(c));
        }
        c if steers(c) && c > '\u{ffff}' => {
            let _ = write!(out, "\\U{:08x}", u32::from(c));
        }
        c if steers(c) => {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        c => out.push(c),
    }
}
