//! Values that must not be told to others, taken out of what is.
//!
//! A build prints what it likes, and its cause, its log and what is told of it elsewhere may hold a value of its chain's
//! Secret. What a build has changed (encrypted, cut, spelt backwards) nobody finds.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use memchr::memmem;
use serde_json::Value;

use super::base64::base64;
use super::resource::escape_into;

/// What stands where a value stood.
const MASK: &str = "***";
/// A text of fewer bytes is no secret, and would be found in every other word.
const LEAST: usize = 4;

/// The values of a chain's Secret. Its debug form shows none of them.
#[derive(Clone, Default)]
pub struct Masking {
    /// The longest first: one value may be a part of another.
    values: Vec<String>,
}

impl fmt::Debug for Masking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Masking").field("values", &self.values.len()).finish()
    }
}

impl Masking {
    /// Masks these values: as they are, each of their lines, in base64 and escaped as in an address.
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut values = BTreeSet::new();
        for secret in secrets {
            let whole = secret.trim();
            for part in whole.lines().map(str::trim).chain([whole]) {
                let mut escaped = String::new();
                escape_into(&mut escaped, part);
                values.extend([part.to_owned(), escaped]);
            }
            // with and without the line end that `echo` adds, and that a file has
            values.extend([secret, whole].map(|text| base64(text).trim_end_matches('=').to_owned()));
        }
        let mut values: Vec<String> = values.into_iter().filter(|value| value.len() >= LEAST).collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        Self { values }
    }

    /// A text without them.
    pub fn text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), 0)).into_owned()
    }

    /// Bytes without them, and without the first `from`. A value that begins within these and ends behind them is masked.
    pub fn bytes(&self, bytes: &[u8], from: usize) -> Vec<u8> {
        let mut at = from.min(bytes.len());
        let mut clean = Vec::with_capacity(bytes.len() - at);
        for found in self.found(bytes) {
            if found.end > at {
                clean.extend_from_slice(&bytes[at..found.start.max(at)]);
                clean.extend_from_slice(MASK.as_bytes());
                at = found.end;
            }
        }
        clean.extend_from_slice(&bytes[at..]);
        clean
    }

    /// Bytes of the longest value: what was cut may begin with that much of one, less a byte.
    pub fn longest(&self) -> usize {
        self.values.first().map_or(0, String::len)
    }

    /// Where values are, in order; what overlaps is one.
    fn found(&self, bytes: &[u8]) -> Vec<Range<usize>> {
        let places = |value: &String| {
            let len = value.len();
            memmem::find_iter(bytes, value.as_bytes()).map(move |at| at..at + len).collect::<Vec<_>>()
        };
        let mut all: Vec<Range<usize>> = self.values.iter().flat_map(places).collect();
        all.sort_by_key(|place| (place.start, place.end));
        let mut apart: Vec<Range<usize>> = Vec::new();
        for place in all {
            match apart.last_mut() {
                Some(last) if place.start < last.end => last.end = last.end.max(place.end),
                _ => apart.push(place),
            }
        }
        apart
    }

    /// A text of JSON without them, which stays one; as it is, to the byte, where it holds none.
    pub fn json(&self, text: String) -> String {
        let Ok(plain) = serde_json::from_str::<Value>(&text) else { return self.text(&text) };
        let mut masked = plain.clone();
        self.value(&mut masked);
        if masked == plain { text } else { masked.to_string() }
    }

    /// A value of JSON without them, in whatever is nested in it. Keys are ours.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_masked_in_every_form_that_it_is_commonly_printed_in() {
        let masking =
            Masking::of(["s3cr3t/+pass", "-----BEGIN-----\nTHEKEY\n-----END-----\n", "longer s3cr3t/+pass"]);
        for (text, expected) in [
            ("exit 1: s3cr3t/+pass", "exit 1: ***"),
            ("longer s3cr3t/+pass is one", "*** is one"),
            ("key: THEKEY.", "key: ***."),
            ("https://me:s3cr3t%2F%2Bpass@host", "https://me:***@host"),
            ("c2VjcmV0", "c2VjcmV0"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(masking.text(text), expected, "{text}");
        }
        for printed in ["s3cr3t/+pass", "-----BEGIN-----\nTHEKEY\n-----END-----\n"].map(base64) {
            assert!(!masking.text(&printed).contains(&printed[..8]), "{printed}");
        }
    }

    #[test]
    fn of_two_values_that_overlap_nothing_is_left_and_what_is_no_text_stays() {
        let masking = Masking::of(["abcdef", "defghi"]);
        assert_eq!(masking.text("<abcdefghi> <abcdef><defghi>"), "<***> <***><***>");
        let bytes = b"\xff\x00abcdef\xfe\x1b[1m";
        assert_eq!(masking.bytes(bytes, 0), b"\xff\x00***\xfe\x1b[1m");
        for (from, rest) in [
            (0, &b"\xff\x00***\xfe\x1b[1m"[..]),
            (2, b"***\xfe\x1b[1m"),
            (5, b"***\xfe\x1b[1m"),
            (8, b"\xfe\x1b[1m"),
            (99, b""),
        ] {
            assert_eq!(masking.bytes(bytes, from), rest, "from {from}");
        }
        assert_eq!((masking.longest(), Masking::default().longest()), (8, 0), "base64 is longer");
    }

    #[test]
    fn what_is_too_short_to_be_a_secret_leaves_the_text_alone() {
        let masking = Masking::of(["", " ", "1", "eu", "yes", "\n\n"]);
        assert_eq!(masking.text("exited with 1 in eu: yes"), "exited with 1 in eu: yes");
    }

    #[test]
    fn a_body_of_json_stays_one_whatever_is_masked_in_it_and_is_the_same_to_the_byte_where_nothing_is() {
        let masking = Masking::of(["a \"quoted\"\nsecret", "4711", "null", "{\"a\":"]);
        for (text, expected) in [
            ("{ \"b\" : 1.0,\n \"a\": \"x\" }\n", None),
            ("[4711, null]", None),
            (r#"{"t": "it is a \"quoted\"\nsecret"}"#, Some(r#"{"t":"it is ***"}"#)),
            (r#"["PIN 4711", {"k": ["null"]}]"#, Some(r#"["PIN ***",{"k":["***"]}]"#)),
            (r#""{\"a\":1}""#, Some(r#""***1}""#)),
        ] {
            let masked = masking.json(text.to_owned());
            assert_eq!(masked, expected.unwrap_or(text));
            serde_json::from_str::<Value>(&masked).unwrap();
        }
    }

    #[test]
    fn an_object_is_masked_wherever_it_is_nested_and_its_debug_form_tells_nothing() {
        let masking = Masking::of(["a \"quoted\" secret"]);
        let mut value = json!({ "status": { "cause": "it says a \"quoted\" secret", "n": 1, "l": ["a \"quoted\" secret"] } });
        masking.value(&mut value);
        assert_eq!(value, json!({ "status": { "cause": "it says ***", "n": 1, "l": ["***"] } }));
        assert!(!format!("{masking:?}").contains("quoted"));
    }
}
