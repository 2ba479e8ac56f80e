//! Filters, tests and functions of a template: Tera's own, and those that a pipeline wants besides.

pub(super) mod golang;

use std::fmt::Write as _;

use serde_json::Value as Json;
use tera::{Error, ErrorKind, Kwargs, State, Tera, TeraResult, Value};

use crate::chain::base64::{base64, of_base64};

/// Filters of ours.
const OURS: [&str; 21] = [
    "b64_encode",
    "b64enc",
    "b64_decode",
    "b64dec",
    "quote",
    "squote",
    "nindent",
    "json_encode",
    "to_json",
    "yaml_encode",
    "to_yaml",
    "slug",
    "trim_prefix",
    "trim_suffix",
    "entries",
    "size",
    "cut",
    "quotient",
    "remainder",
    "regex_find",
    "regex_replace",
];

/// Filters that Tera has.
const TERAS: [&str; 36] = [
    "safe",
    "default",
    "upper",
    "lower",
    "wordcount",
    "escape",
    "escape_html",
    "escape_xml",
    "newlines_to_br",
    "pluralize",
    "trim",
    "trim_start",
    "trim_end",
    "replace",
    "capitalize",
    "title",
    "truncate",
    "indent",
    "str",
    "int",
    "float",
    "length",
    "reverse",
    "split",
    "abs",
    "round",
    "first",
    "last",
    "nth",
    "join",
    "sort",
    "unique",
    "get",
    "values",
    "keys",
    "pairs",
];

/// Tests of Tera, and two of ours.
const TESTS: [&str; 19] = [
    "string",
    "number",
    "map",
    "bool",
    "array",
    "integer",
    "float",
    "none",
    "iterable",
    "defined",
    "undefined",
    "odd",
    "even",
    "divisible_by",
    "starting_with",
    "ending_with",
    "containing",
    "empty",
    "matching",
];

/// Functions.
const FUNCTIONS: [&str; 4] = ["range", "throw", "go_printf", "go_print"];

/// Every filter that a template may use.
pub fn filters() -> impl Iterator<Item = &'static str> {
    TERAS.into_iter().chain(["group_by"]).chain(OURS)
}

/// Every test (`is …`) that a template may use.
pub fn tests() -> impl Iterator<Item = &'static str> {
    TESTS.into_iter()
}

/// Every function that a template may call.
pub fn functions() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.into_iter()
}

/// The arguments of a filter, test or function. Tera reads no others, and says nothing of them.
pub fn arguments(name: &str) -> &'static [&'static str] {
    match name {
        "default" => &["value", "boolean"],
        "pluralize" => &["singular", "plural"],
        "trim" | "trim_start" | "trim_end" | "trim_prefix" | "trim_suffix" | "split" | "starting_with"
        | "ending_with" | "containing" => &["pat"],
        "replace" => &["from", "to"],
        "truncate" => &["length", "end"],
        "indent" => &["width", "first", "blank", "indentation"],
        "nindent" => &["width"],
        "int" => &["base"],
        "round" => &["precision", "method"],
        "nth" => &["n"],
        "join" => &["sep"],
        "sort" | "group_by" => &["attribute"],
        "get" => &["key", "default"],
        "divisible_by" => &["divisor"],
        "range" => &["start", "end", "step_by"],
        "throw" => &["message"],
        "cut" => &["length", "start", "end"],
        "quotient" | "remainder" => &["by"],
        "regex_find" | "matching" => &["pattern"],
        "regex_replace" => &["pattern", "to"],
        "go_printf" => &["format", "args"],
        "go_print" => &["args"],
        _ => &[],
    }
}

/// Gives a Tera ours.
pub(super) fn register(tera: &mut Tera) {
    for name in ["b64_encode", "b64enc"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| text(&value).map(base64));
    }
    for name in ["b64_decode", "b64dec"] {
        tera.register_filter(name, |value: &str, _: Kwargs, _: &State| decode(value));
    }
    tera.register_filter("quote", |value: Value, _: Kwargs, _: &State| text(&value).map(quoted));
    tera.register_filter("squote", |value: Value, _: Kwargs, _: &State| {
        text(&value).map(|text| {
            // single quotes fold a line break into a blank and have no way to write what does not print
            if text.contains(char::is_control) || text.contains(special) {
                return quoted(text);
            }
            format!("'{}'", text.replace('\'', "''"))
        })
    });
    tera.register_filter("nindent", |value: Value, arguments: Kwargs, _: &State| -> TeraResult<String> {
        let width = arguments.get::<usize>("width")?.unwrap_or(4).min(MOST_INDENT);
        Ok(indented(&text(&value)?, width))
    });
    for name in ["json_encode", "to_json"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| json(&value).map(|json| flow(&json)));
    }
    for name in ["yaml_encode", "to_yaml"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| {
            json(&value).map(|json| {
                let text = super::documents::write(&json);
                // the line breaks before the last one may be the value's own
                text.strip_suffix('\n').unwrap_or(&text).to_owned()
            })
        });
    }
    tera.register_filter("slug", |value: &str, _: Kwargs, _: &State| match slug(value) {
        slug if slug.is_empty() && !value.is_empty() => Err(Error::message(
            "the filter `slug` keeps letters a to z and digits, and was given a text without any",
        )),
        slug => Ok(slug),
    });
    tera.register_filter("trim_prefix", |value: &str, arguments: Kwargs, _: &State| -> TeraResult<String> {
        let prefix = arguments.must_get::<&str>("pat")?;
        Ok(value.strip_prefix(prefix).unwrap_or(value).to_owned())
    });
    tera.register_filter("trim_suffix", |value: &str, arguments: Kwargs, _: &State| -> TeraResult<String> {
        let suffix = arguments.must_get::<&str>("pat")?;
        Ok(value.strip_suffix(suffix).unwrap_or(value).to_owned())
    });
    golang::register(tera);
    tera.register_test("empty", |value: Value, _: Kwargs, _: &State| !value.is_truthy());
}

/// As Tera's own `indent`.
const MOST_INDENT: usize = 1000;

/// The kind of error whose place is the value, not the filter.
fn undefined() -> Error {
    Error::new(ErrorKind::InvalidArgument {
        expected_type: "value".to_owned(),
        actual_type: "undefined".to_owned(),
    })
}

fn text(value: &Value) -> TeraResult<String> {
    if value.is_undefined() { Err(undefined()) } else { Ok(value.to_string()) }
}

fn json(value: &Value) -> TeraResult<Json> {
    if value.is_undefined() {
        return Err(undefined());
    }
    serde_json::to_value(value).map_err(Error::message)
}

fn quoted(text: String) -> String {
    flow(&Json::String(text))
}

/// JSON that is YAML, too: with an escape for what ends a line there, or must not stand there at all.
fn flow(json: &Json) -> String {
    json.to_string().chars().fold(String::new(), |mut text, letter| {
        if special(letter) {
            let _ = write!(text, "\\u{:04x}", u32::from(letter));
        } else {
            text.push(letter);
        }
        text
    })
}

/// Whether YAML reads a character otherwise, or not at all, where JSON has no need of an escape.
fn special(letter: char) -> bool {
    matches!(letter, '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn indented(text: &str, width: usize) -> String {
    let blanks = " ".repeat(width);
    text.split('\n').fold(String::new(), |mut all, line| {
        all.push('\n');
        if !line.is_empty() {
            all.push_str(&blanks);
            all.push_str(line);
        }
        all
    })
}

/// A word that Kubernetes takes as a name or label: lower case, digits and `-`, at most 63 letters.
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for letter in text.chars() {
        match letter.to_ascii_lowercase() {
            letter if letter.is_ascii_alphanumeric() => slug.push(letter),
            _ if !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    let slug = slug.trim_matches('-');
    slug.get(..63).unwrap_or(slug).trim_end_matches('-').to_owned()
}

fn decode(text: &str) -> TeraResult<String> {
    let text = of_base64(text).and_then(|bytes| String::from_utf8(bytes).ok());
    let wrong = "the filter `b64_decode` was given something that is not base64 of a text";
    text.ok_or_else(|| Error::message(wrong))
}

#[cfg(test)]
mod tests;
