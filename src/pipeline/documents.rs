//! Kubernetes documents, read and written in kubectl's dialect of YAML.
//!
//! kubectl splits a text at lines that begin with `---`, drops what holds nothing but comments, and reads each part by
//! YAML 1.1 with merge keys ([`super::dialect`]). So does this room. Where kubectl is silent about what it drops or
//! changes, it is a fault here: ARCHITECTURE.md lists each.

mod place;

use std::ops::Range;
use std::sync::Arc;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::fault::{Fault, Location, did_you_mean};
use super::tree::{self, Aliased, Node, NodeKind, Notation, Wrong};
use super::writer;

pub use self::place::{Lines, Origins};
pub(super) use self::place::{SECRET, SECRET_FIELDS, Traced};

/// One Kubernetes document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its number in the text, from 1, those that hold only comments not counted. The items of a List share one.
    pub number: usize,
    /// For an item of a List: its number there, from 1.
    pub item: Option<usize>,
    /// Its first line in the rendered text, from 1.
    pub line: usize,
    /// The object. `apiVersion` and `kind` are there and are strings.
    pub value: Value,
    root: Node,
    traced: Option<Arc<Traced>>,
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

    /// The word at a JSON pointer as it is written: `1.10`, where the value is the number 1.1.
    pub fn written(&self, pointer: &str) -> Option<&str> {
        self.root.at(pointer).and_then(Node::text)
    }

    /// The key at a JSON pointer as it is written: `n`, which kubectl reads as `false`.
    pub fn written_key(&self, pointer: &str) -> Option<&str> {
        self.root.key_at(pointer)
    }

    /// All scalars that stand in it, in order; whether each is a key.
    pub(super) fn scalars(&self) -> Vec<(&Node, bool)> {
        let mut found = Vec::new();
        self.root.scalars(false, &mut found);
        found
    }

    /// Says where the text comes from that the document is read of.
    pub(super) fn trace(&mut self, traced: &Arc<Traced>) {
        self.traced = Some(Arc::clone(traced));
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
        let title = title(number, None, kind, &name_in(&root));
        object(number, None, root, &mut documents).map_err(|wrong| fault(name, text, &title, wrong))?;
    }
    Ok(documents)
}

/// Reads one free-form value, such as a mapping in an annotation.
///
/// # Errors
/// What is no YAML, or more than one document.
pub fn read_value(name: &str, text: &str) -> Result<Value, Fault> {
    let parse = || tree::parse(text, Notation::Yaml, &mut Aliased::default());
    let read = || parse()?.as_ref().map_or(Ok(Value::Null), tree::value);
    read().or_else(|wrong| place::only(name, text).unwrap_or_else(|| Err(fault(name, text, "", wrong))))
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
    for ReadPart { number, bytes, read } in each(name, text)? {
        let part = &text[bytes];
        let root = read.map_err(|wrong| {
            fault(name, text, &title(number, None, guess(part, "kind:"), guess(part, "  name:")), wrong)
        })?;
        parts.extend(root.map(|root| Part { number, root }));
    }
    Ok(parts)
}

/// What came of one part of a text.
pub(super) struct ReadPart {
    /// Number, from 1.
    pub(super) number: usize,
    /// Where it stands, without the `---` after it.
    pub(super) bytes: Range<usize>,
    /// Its tree, if it holds anything; lines count from the start of the whole text, bytes too.
    pub(super) read: Result<Option<Node>, Wrong>,
}

/// Splits a text as kubectl does and parses each part that holds something, whatever comes of the others.
///
/// # Errors
/// A text that cannot be split.
pub(super) fn each(name: &str, text: &str) -> Result<Vec<ReadPart>, Fault> {
    let mut parts = Vec::new();
    let mut aliased = Aliased::default();
    for Section { before, bytes, notation } in sections(name, text)? {
        let part = &text[bytes.clone()];
        if is_empty(part) {
            continue;
        }
        let read = tree::parse(part, notation, &mut aliased).map_err(|mut wrong| {
            before.shift(&mut wrong.line, &mut wrong.column);
            wrong
        });
        let read = read.map(|root| {
            let mut root = root?;
            shift(&mut root, before, bytes.start);
            let nothing =
                matches!(root.kind, NodeKind::Scalar { .. }) && tree::value(&root) == Ok(Value::Null);
            (!nothing).then_some(root)
        });
        parts.push(ReadPart { number: parts.len() + 1, bytes, read });
    }
    Ok(parts)
}

/// One document's part of a text.
struct Section {
    before: Before,
    bytes: Range<usize>,
    notation: Notation,
}

/// What of the whole text stands before a part: lines, and letters of the line in which it starts.
#[derive(Debug, Clone, Copy)]
struct Before {
    lines: usize,
    columns: usize,
}

impl Before {
    /// What stands before a place further on.
    fn on(self, text: &str) -> Self {
        match text.rfind('\n') {
            Some(newline) => Self {
                lines: self.lines + text.matches('\n').count(),
                columns: text[newline + 1..].chars().count(),
            },
            None => Self { columns: self.columns + text.chars().count(), ..self },
        }
    }

    fn shift(self, line: &mut usize, column: &mut usize) {
        if *line == 1 {
            *column += self.columns;
        }
        *line += self.lines;
    }
}

/// Parts a text as kubectl does: objects of JSON first, if it begins with one, then at lines of `---`.
fn sections(name: &str, text: &str) -> Result<Vec<Section>, Fault> {
    let mut sections = Vec::new();
    let mut before = Before { lines: 0, columns: 0 };
    let mut section = |bytes: Range<usize>, rest: usize, notation| {
        let here = before;
        before = before.on(&text[bytes.start..rest]);
        sections.push(Section { before: here, bytes, notation });
    };
    let mut start = 0;
    for end in objects_of_json(text) {
        section(start..end, end, Notation::Json);
        start = end;
    }
    let mut offset = start;
    for line in text[start..].split_inclusive('\n') {
        let end = offset + line.len();
        if let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !(rest.is_empty() || rest.starts_with('#')) {
                return Err(Fault::new("only a comment may follow `---` on its line")
                    .at(Location::at_offset(name, text, offset + 3))
                    .why("kubectl parts documents there and refuses the rest of the line")
                    .hint("put it on the next line, or indent it if it is text that begins with dashes"));
            }
            section(start..offset, end, Notation::Yaml);
            start = end;
        }
        offset = end;
    }
    section(start..offset, offset, Notation::Yaml);
    let json = |section: &&Section| section.notation == Notation::Json;
    let rest = sections.iter().find(|section| !json(section)).map_or(offset, |section| section.bytes.start);
    if sections.iter().filter(json).count() > 1 && !text[rest..].trim().is_empty() {
        let at = rest + text[rest..].len() - text[rest..].trim_start().len();
        return Err(Fault::new("what follows these objects of JSON is none")
            .at(Location::at_offset(name, text, at))
            .why("kubectl reads on as JSON once a text begins with two objects of it")
            .hint("put a line `---` between all of them"));
    }
    Ok(sections)
}

/// Where the values of JSON end that a text begins with; none if it does not begin with an object.
fn objects_of_json(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    if text.trim_start().starts_with('{') {
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
        while let Some(Ok(_)) = values.next() {
            ends.push(values.byte_offset());
        }
    }
    ends
}

fn is_empty(part: &str) -> bool {
    part.lines().map(str::trim).all(|line| line.is_empty() || line.starts_with('#'))
}

/// The word after a key of a part that cannot be parsed.
fn guess<'a>(part: &'a str, key: &str) -> &'a str {
    part.lines()
        .find_map(|line| line.strip_prefix(key))
        .map_or("", |word| word.trim().trim_matches(['"', '\'']))
}

fn shift(node: &mut Node, before: Before, bytes: usize) {
    before.shift(&mut node.line, &mut node.column);
    node.bytes.start += bytes;
    node.bytes.end += bytes;
    match &mut node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence(items) => items.iter_mut().for_each(|item| shift(item, before, bytes)),
        NodeKind::Mapping(pairs) => {
            for (key, value) in pairs {
                shift(key, before, bytes);
                shift(value, before, bytes);
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

fn items_of(list: Node) -> Vec<Node> {
    let NodeKind::Mapping(pairs) = list.kind else { return Vec::new() };
    let items = pairs.into_iter().find(|(key, _)| key.text() == Some("items"));
    match items.map(|(_, node)| node.kind) {
        Some(NodeKind::Sequence(items)) => items,
        _ => Vec::new(),
    }
}

fn object(
    number: usize,
    item: Option<usize>,
    node: Node,
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
    // A list itself is read too: a fault outside its items is a fault.
    let value = tree::value(&node)?;
    if list_items(&node).is_some() {
        for (index, entry) in items_of(node).into_iter().enumerate() {
            object(number, Some(index + 1), entry, documents)?;
        }
        return Ok(());
    }
    if node.get("kind").and_then(Node::text) == Some("List") {
        let hint = "write the objects below `items:`, or `items: []` for none";
        return Err(wrong("`items` of this List is missing, or is no list", Some(hint.to_owned())));
    }
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
    documents.push(Document { number, item, line: node.line, value, root: node, traced: None });
    Ok(())
}

#[cfg(test)]
mod kubectl;
#[cfg(test)]
mod tests;
