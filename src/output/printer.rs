//! Objects as kubectl prints them: JSON indented by four spaces, YAML and KYAML.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

pub use super::kyaml::kyaml;
use crate::pipeline::documents::{self, steers};

/// JSON as `kubectl -o json` prints it, with a final newline.
///
/// Like Go's encoder it writes `<`, `>`, `&` and the two Unicode line ends as escapes, so that an object has one
/// form, whoever printed it; and beyond Go's whatever else steers a terminal, which is the same text to a program.
pub fn json(value: &Value) -> String {
    let mut text = escaped(value, PrettyFormatter::with_indent(b"    "));
    text.push('\n');
    text
}

/// The same on one line, without a newline.
pub fn compact(value: &Value) -> String {
    escaped(value, CompactFormatter)
}

fn escaped(value: &Value, form: impl Formatter) -> String {
    let mut bytes = Vec::new();
    value
        .serialize(&mut Serializer::with_formatter(&mut bytes, form))
        .expect("a JSON value is written into memory");
    let text = String::from_utf8(bytes).expect("JSON is UTF-8");
    let mut escaped = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            // JSON's own line ends stand between values
            c if steers(c) && c != '\n' => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// YAML in kubectl's dialect, with a final newline. What steers a terminal stands as an escape in double quotes.
pub fn yaml(value: &Value) -> String {
    documents::write(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn json_has_kubectls_form() {
        let namespace = value!({"kind": "Namespace", "apiVersion": "v1", "spec": {}, "n": [1, "a<b>&"]});
        assert_eq!(
            json(&namespace),
            "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Namespace\",\n    \"n\": [\n        1,\n        \
             \"a\\u003cb\\u003e\\u0026\"\n    ],\n    \"spec\": {}\n}\n"
        );
    }

    #[test]
    fn json_steers_no_terminal() {
        let hostile = value!({"a": "\u{1b}[2J\u{9b}\u{7f}\n\u{202e}\u{2028}\u{e0041}ü"});
        let text = json(&hostile);
        assert!(!text.chars().any(|c| steers(c) && c != '\n'), "{text}");
        assert!(text.contains(r"\u001b[2J\u009b\u007f\n\u202e\u2028\udb40\udc41ü"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), hostile);
    }

    #[test]
    fn yaml_steers_no_terminal() {
        for c in (0..=0x000e_007f).filter_map(char::from_u32).filter(|c| steers(*c)) {
            let (text, lines) = (format!("a{c}b"), format!("one\ntwo{c}\nthree"));
            let hostile =
                value!({ "metadata": { "annotations": { &text: &text, "lines": [lines, c.to_string()] } } });
            let yaml = yaml(&hostile);
            assert!(!yaml.chars().any(|c| steers(c) && c != '\n'), "{yaml}");
            assert_eq!(documents::read_value("x", &yaml).unwrap(), hostile, "{:x}: {yaml}", u32::from(c));
        }
        let [overridden, joined] = ["a\u{202e}b", "x\u{200d}y\nz"].map(|text| yaml(&value!({ "a": text })));
        assert_eq!((overridden.as_str(), joined.as_str()), ("a: \"a\\u202Eb\"\n", "a: \"x\\u200Dy\\nz\"\n"));
    }
}
