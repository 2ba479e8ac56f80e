//! Filters, tests and functions of a template: Tera's own, and those that a pipeline wants besides.

use serde_json::Value as Json;
use tera::{Error, ErrorKind, Kwargs, State, Tera, TeraResult, Value};

/// Filters of ours.
const OURS: [&str; 13] = [
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

/// Tests of Tera, and `empty`.
const TESTS: [&str; 18] = [
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
];

/// Functions.
const FUNCTIONS: [&str; 2] = ["range", "throw"];

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

/// Gives a Tera ours.
pub(super) fn register(tera: &mut Tera) {
    for name in ["b64_encode", "b64enc"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| {
            text(&value).map(|text| encode(text.as_bytes()))
        });
    }
    for name in ["b64_decode", "b64dec"] {
        tera.register_filter(name, |value: &str, _: Kwargs, _: &State| decode(value));
    }
    tera.register_filter("quote", |value: Value, _: Kwargs, _: &State| {
        text(&value).map(|text| Json::String(text).to_string())
    });
    tera.register_filter("squote", |value: Value, _: Kwargs, _: &State| {
        text(&value).map(|text| format!("'{}'", text.replace('\'', "''")))
    });
    tera.register_filter("nindent", |value: Value, arguments: Kwargs, _: &State| -> TeraResult<String> {
        let width = arguments.get::<usize>("width")?.unwrap_or(4).min(MOST_INDENT);
        Ok(indented(&text(&value)?, width))
    });
    for name in ["json_encode", "to_json"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| {
            json(&value).map(|json| json.to_string())
        });
    }
    for name in ["yaml_encode", "to_yaml"] {
        tera.register_filter(name, |value: Value, _: Kwargs, _: &State| {
            json(&value).map(|json| super::documents::write(&json).trim_end_matches('\n').to_owned())
        });
    }
    tera.register_filter("slug", |value: &str, _: Kwargs, _: &State| slug(value));
    tera.register_filter("trim_prefix", |value: &str, arguments: Kwargs, _: &State| -> TeraResult<String> {
        let prefix = arguments.must_get::<&str>("pat")?;
        Ok(value.strip_prefix(prefix).unwrap_or(value).to_owned())
    });
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

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 with padding (RFC 4648 §4), as Secrets want it.
pub fn encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            out.push(if index > chunk.len() {
                '='
            } else {
                char::from(ALPHABET[(group >> (18 - 6 * index) & 63) as usize])
            });
        }
    }
    out
}

fn decode(text: &str) -> TeraResult<String> {
    let wrong = || Error::message("the filter `b64_decode` was given something that is not base64 of a text");
    let compact: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let kept = compact.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    if !compact.len().is_multiple_of(4) || compact.len() - kept > 2 {
        return Err(wrong());
    }
    let mut bytes = Vec::with_capacity(kept * 3 / 4);
    for chunk in compact[..kept].chunks(4) {
        let mut group = 0_u32;
        for byte in chunk {
            let index = ALPHABET.iter().position(|letter| letter == byte).ok_or_else(wrong)?;
            group = group << 6 | u32::try_from(index).map_err(|_| wrong())?;
        }
        group <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod unit {
    use super::*;

    fn run(template: &str) -> String {
        let mut tera = Tera::new();
        register(&mut tera);
        tera.add_raw_template("t", template).unwrap();
        let mut context = tera::Context::new();
        context.insert("s", "a \"b\"\nc");
        context.insert("n", &12);
        context.insert("m", &serde_json::json!({"k": ["yes", 1]}));
        tera.render("t", &context).unwrap()
    }

    #[test]
    fn filters_of_ours() {
        for (template, expected) in [
            ("{{ 'hunter2' | b64_encode }}", "aHVudGVyMg=="),
            ("{{ '' | b64enc }}{{ 'a' | b64enc }}{{ 'ab' | b64enc }}{{ 'abc' | b64enc }}", "YQ==YWI=YWJj"),
            ("{{ n | b64enc | b64dec }}", "12"),
            ("{{ 'aHVu\ndGVyMg==' | b64_decode }}", "hunter2"),
            ("{{ s | quote }}", r#""a \"b\"\nc""#),
            ("{{ n | quote }}", r#""12""#),
            ("{{ \"it's\" | squote }}", "'it''s'"),
            ("a:{{ s | nindent(width=2) }}", "a:\n  a \"b\"\n  c"),
            ("{{ m | to_json }}", r#"{"k":["yes",1]}"#),
            ("{{ m | to_yaml }}", "k:\n- \"yes\"\n- 1"),
            ("{{ 'Feature/X__y!' | slug }}", "feature-x-y"),
            ("{{ 'v1.2' | trim_prefix(pat='v') }}", "1.2"),
            ("{% if '' is empty and nothing is empty %}y{% endif %}", "y"),
        ] {
            assert_eq!(run(template), expected, "{template}");
        }
        assert_eq!(slug(&"a-".repeat(60)).len(), 63);
        for bad in ["a", "ab=c", "====", "a===", "/w=="] {
            assert!(decode(bad).is_err(), "{bad}");
        }
    }

    /// The lists are what Tera knows: a name that is missing or too much here would be a wrong fault there.
    #[test]
    fn the_lists_are_those_of_tera() {
        let known = |template: &str| {
            let mut tera = Tera::new();
            register(&mut tera);
            tera.add_raw_template("t", template).is_ok()
        };
        for name in filters() {
            assert!(known(&format!("{{{{ 1 | {name} }}}}")), "{name}");
        }
        for name in tests() {
            assert!(known(&format!("{{% if 1 is {name} %}}{{% endif %}}")), "{name}");
        }
        for name in functions() {
            assert!(known(&format!("{{{{ {name}() }}}}")), "{name}");
        }
        for template in ["{{ 1 | nosuch }}", "{% if 1 is nosuch %}{% endif %}", "{{ nosuch() }}"] {
            assert!(!known(template), "{template}");
        }
    }
}
