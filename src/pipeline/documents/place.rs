//! Where the fields of a document stand, in the rendered text and in the template.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::fault::{Fault, Location};
use super::super::tree;
use super::{Document, ReadPart, each};

/// Lines of the template, from 1 and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lines {
    /// First line.
    pub first: usize,
    /// Last line.
    pub last: usize,
}

/// The template lines behind each line of a rendered text, where something sure can be said.
pub type Origins = Arc<Vec<Option<Lines>>>;

/// A rendered text, what a person may see of it, and where it comes from.
#[derive(Debug, PartialEq)]
pub(in crate::pipeline) struct Traced {
    pub(in crate::pipeline) text: String,
    /// The text with masks, if there are any.
    pub(in crate::pipeline) masked: Option<String>,
    pub(in crate::pipeline) origins: Origins,
}

/// The kind that secrets are for.
pub(in crate::pipeline) const SECRET: (&str, &str) = ("v1", "Secret");
/// Its fields that hold them.
pub(in crate::pipeline) const SECRET_FIELDS: [&str; 2] = ["data", "stringData"];

/// The value of a text that holds one document beside some that hold nothing; that it holds a second one. None of any other.
pub(super) fn only(name: &str, text: &str) -> Option<Result<Value, Fault>> {
    match &each(name, text).ok()?[..] {
        [ReadPart { read: Ok(Some(root)), .. }] => tree::value(root).ok().map(Ok),
        [_, ReadPart { bytes, .. }, ..] => {
            let from = bytes.start;
            let blank = text[from..].len() - text[from..].trim_start().len();
            Some(Err(Fault::new("a second document starts here")
                .at(Location::at_offset(name, text, from + blank))
                .why("one is read, and it would be passed over")
                .hint("keep one of them: write what both say into it, and take the line `---` out")))
        }
        _ => None,
    }
}

impl Document {
    /// Whether a Secret holds what stands at a JSON pointer.
    pub(in crate::pipeline) fn holds_secret(&self, pointer: &str) -> bool {
        let field = pointer.split('/').nth(1).unwrap_or_default();
        (self.api_version(), self.kind()) == SECRET && SECRET_FIELDS.contains(&field)
    }

    /// Whether a line of the rendered text has something of what a Secret holds, wherever that comes from.
    pub(in crate::pipeline) fn hides(&self, line: usize) -> bool {
        let held = SECRET_FIELDS.iter().filter(|field| self.holds_secret(&format!("/{field}")));
        held.filter_map(|field| self.root.child(field)).any(|(key, node)| {
            let text = self.traced.as_ref().map_or("", |traced| traced.text.as_str());
            let end = text.get(..node.end()).map_or(key.line, |before| before.matches('\n').count() + 1);
            (key.line..=end).contains(&line)
        })
    }

    /// Line and column, both from 1, of the key or item at a JSON pointer; of the nearest above it where there is none.
    pub fn place(&self, pointer: &str) -> (usize, usize) {
        self.root.place(pointer)
    }

    /// Line and column of the value at a JSON pointer, if it stands there as this very word, without quotes.
    pub(in crate::pipeline) fn bare(&self, pointer: &str, word: &str) -> Option<(usize, usize)> {
        let node = self.root.at(pointer)?;
        node.is_bare(word).then_some((node.line, node.column))
    }

    /// The template lines behind a line of the rendered text, where known.
    pub fn origin(&self, line: usize) -> Option<Lines> {
        self.traced.as_ref()?.origins.get(line.saturating_sub(1)).copied().flatten()
    }

    /// A line of the rendered text; nothing if it is not known, or holds what nobody may see.
    pub fn line_of(&self, line: usize) -> &str {
        let Some(traced) = &self.traced else { return "" };
        let of = |text| str::lines(text).nth(line.saturating_sub(1)).unwrap_or_default();
        let text = of(&traced.text);
        if traced.masked.as_ref().is_none_or(|masked| of(masked) == text) { text } else { "" }
    }
}
