//! Kubernetes documents, read and written in kubectl's dialect of YAML.
//!
//! kubectl splits a text at lines that begin with `---`, drops what holds nothing but comments, and reads each part by
//! YAML 1.1 with merge keys ([`super::dialect`]). So does this room, with two faults where kubectl is silent: a key
//! that is there twice, and a merge key whose outcome depends on who reads it.

use std::ops::Range;

use serde_json::Value;

use super::fault::{Fault, Location, did_you_mean};
use super::tree::{self, Aliased, Node, NodeKind, Style, Wrong};
use super::writer;

/// Lines of the template that a document's first rendered line comes from, from 1 and inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lines {
    /// First line.
    pub first: usize,
    /// Last line.
    pub last: usize,
}

/// One Kubernetes document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its number in the text, from 1, those that hold only comments not counted. The items of a List share one.
    pub number: usize,
    /// For an item of a List: its number there, from 1.
    pub item: Option<usize>,
    /// Its first line in the rendered text, from 1.
    pub line: usize,
    /// The template lines behind that line, where known.
    pub from: Option<Lines>,
    /// The object. `apiVersion` and `kind` are there and are strings.
    pub value: Value,
}

impl Document {
    fn field(&self, pointer: &str) -> &str {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    /// `apiVersion`.
    pub fn api_version(&self) -> &str {
        self.field("/apiVersion")
    }

    /// `kind`.
    pub fn kind(&self) -> &str {
        self.field("/kind")
    }

    /// `metadata.name`, empty if there is none.
    pub fn name(&self) -> &str {
        self.field("/metadata/name")
    }

    /// The document in a message: `document 3 (Deployment build)`.
    pub fn title(&self) -> String {
        title(self.number, self.item, self.kind(), self.name())
    }
}

fn title(number: usize, item: Option<usize>, kind: &str, name: &str) -> String {
    let item = item.map(|item| format!(", item {item}")).unwrap_or_default();
    match (kind, name) {
        ("", _) => format!("document {number}{item}"),
        (kind, "") => format!("document {number}{item} ({kind})"),
        (kind, name) => format!("document {number}{item} ({kind} {name})"),
    }
}

/// Reads every document of a text. Lists are taken apart, documents without content are dropped.
///
/// # Errors
/// What is no YAML, no Kubernetes object, or ambiguous: with the document's number and kind, and the line in `text`.
pub fn read(name: &str, text: &str) -> Result<Vec<Document>, Fault> {
    let mut documents = Vec::new();
    for Part { number, root, .. } in parts(name, text)? {
        let kind = root.get("kind").and_then(Node::text).unwrap_or_default();
        let label = |wrong: Wrong| fault(name, text, &title(number, None, kind, &name_in(&root)), wrong);
        object(number, None, &root, &mut documents).map_err(label)?;
    }
    Ok(documents)
}

/// Reads one free-form value, such as a mapping in an annotation.
///
/// # Errors
/// What is no YAML, or more than one document.
pub fn read_value(name: &str, text: &str) -> Result<Value, Fault> {
    let read = || tree::parse(text, &mut Aliased::default())?.as_ref().map_or(Ok(Value::Null), tree::value);
    read().map_err(|wrong| fault(name, text, "", wrong))
}

pub use super::writer::steers;

/// Writes one document, with a final line break and without `---`.
pub fn write(value: &Value) -> String {
    writer::document(value)
}

/// Writes several documents, parted by `---`.
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().map(writer::document).collect::<Vec<_>>().join("---\n")
}

/// One part of a text between `---` lines that holds something.
pub(super) struct Part {
    /// Number, from 1.
    pub(super) number: usize,
    /// The tree; lines count from the start of the whole text, bytes too.
    pub(super) root: Node,
}

/// Splits a text as kubectl does and parses each part.
///
/// # Errors
/// What is wrong with the first document that cannot be read as YAML, and where.
pub(super) fn parts(name: &str, text: &str) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    let mut number = 0;
    let mut aliased = Aliased::default();
    for Section { lines_before, bytes } in sections(name, text)? {
        let part = &text[bytes.clone()];
        if is_empty(part) {
            continue;
        }
        number += 1;
        let shifted = |mut wrong: Wrong| {
            wrong.line += lines_before;
            fault(name, text, &title(number, None, guess(part, "kind:"), guess(part, "  name:")), wrong)
        };
        let Some(mut root) = tree::parse(part, &mut aliased).map_err(shifted)? else { continue };
        shift(&mut root, lines_before, bytes.start);
        if !matches!(&root.kind, NodeKind::Scalar { text, style: Style::Plain, .. } if matches!(text.as_str(), "" | "~" | "null"))
        {
            parts.push(Part { number, root });
        }
    }
    Ok(parts)
}

struct Section {
    lines_before: usize,
    bytes: Range<usize>,
}

fn sections(name: &str, text: &str) -> Result<Vec<Section>, Fault> {
    let mut sections = Vec::new();
    let mut current = Section { lines_before: 0, bytes: 0..0 };
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let end = offset + line.len();
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !(rest.is_empty() || rest.starts_with('#')) {
                return Err(Fault::new("only a comment may follow `---` on its line")
                    .at(Location::of(name, text, index + 1, 4))
                    .why("kubectl parts documents there and refuses the rest of the line")
                    .hint("put it on the next line, or indent it if it is text that begins with dashes"));
            }
            current.bytes.end = offset;
            sections.push(current);
            current = Section { lines_before: index + 1, bytes: end..end };
        }
        offset = end;
    }
    current.bytes.end = offset;
    sections.push(current);
    Ok(sections)
}

fn is_empty(part: &str) -> bool {
    part.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#') || line == "...")
}

/// The word after a key of a part that cannot be parsed.
fn guess<'a>(part: &'a str, key: &str) -> &'a str {
    part.lines()
        .find_map(|line| line.strip_prefix(key))
        .map_or("", |word| word.trim().trim_matches(['"', '\'']))
}

fn shift(node: &mut Node, lines: usize, bytes: usize) {
    node.line += lines;
    node.bytes.start += bytes;
    node.bytes.end += bytes;
    match &mut node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| shift(item, lines, bytes)),
        NodeKind::Mapping(pairs) => {
            for (key, value) in pairs {
                shift(key, lines, bytes);
                shift(value, lines, bytes);
            }
        }
    }
}

fn fault(name: &str, text: &str, title: &str, wrong: Wrong) -> Fault {
    let what = if title.is_empty() { wrong.what } else { format!("{title}: {}", wrong.what) };
    let mut fault = Fault::new(what).at(Location::of(name, text, wrong.line, wrong.column));
    fault.why = wrong.why;
    fault.hint = wrong.hint;
    fault
}

fn name_in(node: &Node) -> String {
    node.get("metadata")
        .and_then(|metadata| metadata.get("name"))
        .and_then(Node::text)
        .unwrap_or_default()
        .to_owned()
}

/// Whether a node is a List whose items are objects of their own.
pub(super) fn list_items(node: &Node) -> Option<&[Node]> {
    let kind = node.get("kind").and_then(Node::text)?;
    let items = node.get("items").filter(|_| kind.ends_with("List"))?;
    match &items.kind {
        NodeKind::Sequence(items) => Some(items),
        // what a loop of the template leaves that brought none
        _ if tree::value(items).is_ok_and(|items| items.is_null()) => Some(&[]),
        _ => None,
    }
}

fn object(
    number: usize,
    item: Option<usize>,
    node: &Node,
    documents: &mut Vec<Document>,
) -> Result<(), Wrong> {
    let wrong = |what: &str, hint: Option<String>| Wrong {
        line: node.line,
        column: node.column,
        what: what.to_owned(),
        why: None,
        hint,
    };
    if !matches!(node.kind, NodeKind::Mapping(_)) {
        return Err(wrong(
            "this is not a Kubernetes object, which is a mapping with `apiVersion` and `kind`",
            Some("write an object, or take this document out".to_owned()),
        ));
    }
    if let Some(items) = list_items(node) {
        // The list itself is read too: a fault outside its items is a fault.
        tree::value(node)?;
        for (index, entry) in items.iter().enumerate() {
            object(number, Some(index + 1), entry, documents)?;
        }
        return Ok(());
    }
    if node.get("kind").and_then(Node::text) == Some("List") {
        let hint = "write the objects below `items:`, or `items: []` for none";
        return Err(wrong("`items` of this List is missing, or is no list", Some(hint.to_owned())));
    }
    let value = tree::value(node)?;
    for key in ["apiVersion", "kind"] {
        match value.get(key) {
            Some(Value::String(text)) if !text.is_empty() => {}
            Some(_) => return Err(wrong(&format!("`{key}` is not a word"), Some("quote it".to_owned()))),
            None => {
                let keys = value.as_object().into_iter().flat_map(|fields| fields.keys().map(String::as_str));
                let hint = did_you_mean(key, keys)
                    .unwrap_or_else(|| format!("every Kubernetes object says its `{key}`; add it"));
                return Err(wrong(&format!("`{key}` is missing"), Some(hint)));
            }
        }
    }
    documents.push(Document { number, item, line: node.line, from: None, value });
    Ok(())
}

#[cfg(test)]
mod tests;
