//! The text that is written: tags with their signs for blanks, texts as they were, and as many lines as there were.

use std::fmt::Write as _;
use std::ops::Range;

use super::ConvertNote;
use super::lex::{BLANKS, Tag};
use super::phrase::quoted;

/// A part of what a tag becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TeraPart {
    /// `{{ … }}`.
    Print(String),
    /// `{% … %}`.
    Do(String),
    /// `{# … #}`.
    Note(String),
    /// Text that comes out as it is.
    Text(String),
}

/// What is written.
pub(super) struct TeraPage<'a> {
    pub(super) source: &'a str,
    pub(super) text: String,
    pub(super) notes: Vec<ConvertNote>,
    /// Whether the last tag takes away the blanks after it.
    trims: bool,
}

/// Gives nothing, and parts texts from tags.
const NOTHING: &str = "{{ \"\" }}";

impl<'a> TeraPage<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, text: String::new(), notes: Vec::new(), trims: false }
    }

    /// What a tag says, without its braces and signs.
    pub(super) fn inside(&self, tag: &Tag) -> &'a str {
        let text = &self.source[tag.bytes.clone()];
        let text = text.strip_prefix("{{").unwrap_or(text);
        let text = text.strip_suffix("}}").unwrap_or(text);
        let text = if tag.left { text.strip_prefix('-').unwrap_or(text) } else { text };
        let text = if tag.right { text.strip_suffix('-').unwrap_or(text) } else { text };
        text.trim_matches(BLANKS)
    }

    /// Two tags and what is between them, as one.
    pub(super) fn whole(&self, tag: &Tag, end: Option<&Tag>) -> Tag {
        let (until, right) = end.map_or((self.source.len(), false), |end| (end.bytes.end, end.right));
        Tag { bytes: tag.bytes.start..until, line: tag.line, left: tag.left, right }
    }

    /// Writes a text. What the tags beside it take away is left to those of them that are written: `marked` says that the
    /// next one is. Tera takes away more spaces than Go does.
    pub(super) fn text(&mut self, bytes: Range<usize>, marked: bool) {
        let source = self.source;
        let whole = &source[bytes.clone()];
        let (before, after) = (&source[..bytes.start], &source[bytes.end..]);
        let left = before.ends_with("-}}") && before[..before.len() - 3].ends_with(BLANKS);
        let right = after.starts_with("{{-") && after[3..].starts_with(BLANKS);
        let mut text = whole;
        if left {
            let rest = text.trim_start_matches(BLANKS);
            let is_last = rest.is_empty() && !marked;
            if !self.trims || rest.starts_with(char::is_whitespace) || is_last {
                text = rest;
            }
        }
        let mut guarded = "";
        if right {
            let rest = text.trim_end_matches(BLANKS);
            if !marked || rest.ends_with(char::is_whitespace) {
                text = rest;
                guarded = if rest.ends_with(char::is_whitespace) { NOTHING } else { "" };
            }
        }
        if self.trims && text.starts_with(char::is_whitespace) && !(left && text.starts_with(BLANKS)) {
            self.text.push_str(NOTHING);
        }
        self.plain(text);
        self.text.push_str(guarded);
    }

    /// A text with nothing in it that Tera would read.
    fn plain(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.trims = false;
        let mut rest = text;
        while let Some(at) = rest.find('{') {
            let after = &rest[at + 1..];
            let signs = after.chars().next();
            if matches!(signs, None | Some('{' | '%' | '#')) {
                self.text.push_str(&rest[..at]);
                self.text.push_str("{{ \"{\" }}");
            } else {
                self.text.push_str(&rest[..=at]);
            }
            rest = after;
        }
        self.text.push_str(rest);
    }

    /// Writes what a tag becomes, with its signs and as many lines as it has. Gives what was written.
    pub(super) fn tags(&mut self, tag: &Tag, parts: &[TeraPart]) -> String {
        let lines = self.source[tag.bytes.clone()].matches('\n').count();
        self.signed(parts, tag.left, tag.right, lines)
    }

    /// What stands before a text that a tag becomes.
    pub(super) fn begins(&mut self, tag: &Tag, parts: &[TeraPart]) {
        if tag.left || !parts.is_empty() {
            self.signed(parts, tag.left, false, 0);
        }
    }

    /// What stands behind a text that a tag became.
    pub(super) fn ends(&mut self, tag: &Tag) {
        if tag.right {
            self.signed(&[], false, true, 0);
        }
    }

    /// Parts what is written from the blanks before it.
    pub(super) fn parts(&mut self) {
        if self.text.ends_with(char::is_whitespace) {
            self.bare(NOTHING);
        }
    }

    /// Writes a tag of its own.
    pub(super) fn bare(&mut self, tag: &str) {
        self.text.push_str(tag);
        self.trims = false;
    }

    fn signed(&mut self, parts: &[TeraPart], left: bool, right: bool, lines: usize) -> String {
        let nothing = TeraPart::Print("\"\"".to_owned());
        let is_text = |part: Option<&TeraPart>| matches!(part, None | Some(TeraPart::Text(_)));
        let mut all: Vec<&TeraPart> = parts.iter().collect();
        if is_text(parts.first()) && left {
            all.insert(0, &nothing);
        }
        if is_text(parts.last()) && right && !(left && parts.is_empty()) {
            all.push(&nothing);
        }
        let from = self.text.len();
        let last = all.iter().rposition(|part| !matches!(part, TeraPart::Text(_)));
        let missing = lines.saturating_sub(parts.iter().map(TeraPart::lines).sum());
        for (index, part) in all.iter().enumerate() {
            let before = if left && index == 0 { "-" } else { "" };
            let after = if right && index + 1 == all.len() { "-" } else { "" };
            let more = if Some(index) == last { "\n".repeat(missing) } else { String::new() };
            // writing to a text never fails
            let _ = match part {
                TeraPart::Print(inner) => write!(self.text, "{{{{{before} {inner}{more} {after}}}}}"),
                TeraPart::Do(inner) => write!(self.text, "{{%{before} {inner}{more} {after}%}}"),
                TeraPart::Note(inner) => {
                    let inner = inner.trim_matches([' ', '\t']).replace("#}", "# }");
                    write!(self.text, "{{#{before} {inner}{more} {after}#}}")
                }
                TeraPart::Text(text) => {
                    self.trims = false;
                    self.plain(text);
                    Ok(())
                }
            };
        }
        self.trims = right;
        self.text[from..].to_owned()
    }
}

impl TeraPart {
    /// The line ends that it is written with.
    fn lines(&self) -> usize {
        match self {
            Self::Print(inner) | Self::Do(inner) | Self::Note(inner) | Self::Text(inner) => {
                inner.matches('\n').count()
            }
        }
    }
}

/// All of a text for which there is no reading: what it is, and why, in a mark.
pub(super) fn unread(source: &str, why: &str) -> String {
    let mut page = TeraPage::new(source);
    page.bare(&format!("{{{{ unconverted(line=1, was=\"\", why={}) }}}}", quoted(why)));
    page.plain(source);
    page.text
}
