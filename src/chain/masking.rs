//! Values that must not be told to others, taken out of what is.
//!
//! A build prints what it likes, and its cause, its log and what is told of it elsewhere may hold a value of its chain's
//! Secret. What a build has changed (encrypted, cut, spelt backwards) nobody finds.

use std::collections::BTreeSet;
use std::fmt;

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
        self.values.iter().fold(text.to_owned(), |text, value| text.replace(value.as_str(), MASK))
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
    fn what_is_too_short_to_be_a_secret_leaves_the_text_alone() {
        let masking = Masking::of(["", " ", "1", "eu", "yes", "\n\n"]);
        assert_eq!(masking.text("exited with 1 in eu: yes"), "exited with 1 in eu: yes");
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
