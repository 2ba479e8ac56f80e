//! One YAML document as a tree that still knows where each node stands, and the JSON value that kubectl makes of it.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, ScanError, Tag};

use super::dialect::{self, Scalar};

/// Nodes of one document, aliases expanded: far more than any Kubernetes object, far less than an alias bomb.
const MOST_NODES: usize = 100_000;
/// Bytes of scalars that aliases bring into one text: as much as the text itself may hold.
const MOST_ALIAS_BYTES: usize = 2 << 20;

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// A scalar: its text, how it was written, its explicit tag.
    Scalar { text: String, style: Style, tag: Option<String> },
    /// A sequence.
    Sequence(Vec<Node>),
    /// A mapping, in the order written.
    Mapping(Vec<(Node, Node)>),
}

/// How a scalar was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Without quotes: it may be a number, a boolean or nothing.
    Plain,
    /// In quotes of either kind.
    Quoted,
    /// As a block after `|` or `>`.
    Block,
}

/// A node and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Line, from 1.
    pub(super) line: usize,
    /// Column, from 1.
    pub(super) column: usize,
    /// Where a scalar stands in the text, in bytes; of a block only its lines, not its `|`.
    pub(super) bytes: Range<usize>,
    /// Whether it stands here by an alias, and its text elsewhere.
    pub(super) alias: bool,
}

/// What is wrong with a document; lines and columns from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) what: String,
    pub(super) why: Option<String>,
    pub(super) hint: Option<String>,
}

impl Wrong {
    fn new(node: &Node, what: impl Into<String>) -> Self {
        Self { line: node.line, column: node.column, what: what.into(), why: None, hint: None }
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ScanError> for Wrong {
    fn from(error: ScanError) -> Self {
        let marker = error.marker();
        Self {
            line: marker.line().max(1),
            column: marker.col() + 1,
            what: "this is not YAML".to_owned(),
            why: Some(error.info()),
            hint: None,
        }
    }
}

/// What the aliases of a text have brought so far, all documents together.
#[derive(Debug, Default)]
pub(super) struct Aliased {
    nodes: usize,
    bytes: usize,
}

/// Reads the one document of a text; none if there is nothing in it. `aliased` goes on counting over the documents of
/// one text.
pub(super) fn parse(text: &str, aliased: &mut Aliased) -> Result<Option<Node>, Wrong> {
    let mut builder = Builder { aliased, anchors: BTreeMap::new(), nodes: 0 };
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    // A last line without a break is read as if it had one, since kubectl adds it.
    for event in Parser::new_from_str(text) {
        let (event, span) = event?;
        let place = |kind| Node {
            kind,
            line: span.start.line().max(1),
            column: span.start.col() + 1,
            bytes: span.byte_range().unwrap_or_default(),
            alias: false,
        };
        let finished = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let kind = Kind::Scalar {
                    text: text.into_owned(),
                    style: match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                    },
                    tag: tag.map(|tag| name_of(&tag)),
                };
                builder.anchored(anchor, place(kind))?
            }
            Event::Alias(anchor) => {
                let here = place(Kind::Sequence(Vec::new()));
                let Some(target) = builder.anchors.get(&anchor) else {
                    return Err(Wrong::new(&here, "an alias stands inside the node that it names")
                        .hint("write out what it stands for"));
                };
                let size = size(target);
                builder.aliased(size, &here)?;
                let mut node = builder.anchors[&anchor].clone();
                (node.line, node.column, node.alias) = (here.line, here.column, true);
                node
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push(Open { node: place(Kind::Sequence(Vec::new())), anchor, key: None });
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push(Open { node: place(Kind::Mapping(Vec::new())), anchor, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open { node, anchor, .. }) => builder.anchored(anchor, node)?,
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.take(finished),
            None if root.is_some() => {
                return Err(Wrong::new(&finished, "a second document starts here without `---`")
                    .why("kubectl reads the first one only")
                    .hint("put a line `---` before it"));
            }
            None => root = Some(finished),
        }
    }
    Ok(root)
}

fn name_of(tag: &Tag) -> String {
    let full = format!("{}{}", tag.handle(), tag.suffix());
    match full.strip_prefix("tag:yaml.org,2002:") {
        Some(core) => format!("!!{core}"),
        None => format!("!{}", full.trim_start_matches('!')),
    }
}

/// A collection whose end has not come yet.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

impl Open {
    fn take(&mut self, child: Node) {
        match (&mut self.node.kind, self.key.take()) {
            (Kind::Sequence(items), _) => items.push(child),
            (Kind::Mapping(pairs), Some(key)) => pairs.push((key, child)),
            (Kind::Mapping(_), None) => self.key = Some(child),
            (Kind::Scalar { .. }, _) => {}
        }
    }
}

/// Nodes of a tree, and bytes of its scalars.
fn size(node: &Node) -> (usize, usize) {
    let add = |sum: (usize, usize), node: &Node| {
        let (nodes, bytes) = size(node);
        (sum.0 + nodes, sum.1 + bytes)
    };
    match &node.kind {
        Kind::Scalar { text, .. } => (1, text.len()),
        Kind::Sequence(items) => items.iter().fold((1, 0), add),
        Kind::Mapping(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).fold((1, 0), add),
    }
}

struct Builder<'a> {
    aliased: &'a mut Aliased,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl Builder<'_> {
    fn anchored(&mut self, anchor: usize, node: Node) -> Result<Node, Wrong> {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.nodes += 1;
        self.bounded(&node)?;
        Ok(node)
    }

    /// Counts what an alias brings, before it is copied.
    fn aliased(&mut self, (nodes, bytes): (usize, usize), here: &Node) -> Result<(), Wrong> {
        self.nodes += nodes;
        self.bounded(here)?;
        self.aliased.nodes += nodes;
        self.aliased.bytes += bytes;
        let most = if self.aliased.nodes > MOST_NODES {
            format!("{MOST_NODES} nodes")
        } else if self.aliased.bytes > MOST_ALIAS_BYTES {
            format!("{} MiB", MOST_ALIAS_BYTES >> 20)
        } else {
            return Ok(());
        };
        Err(Wrong::new(here, format!("aliases bring more than {most}"))
            .why("aliases multiply what they name")
            .hint("write less by aliases"))
    }

    fn bounded(&self, node: &Node) -> Result<(), Wrong> {
        if self.nodes > MOST_NODES {
            return Err(Wrong::new(node, format!("more than {MOST_NODES} nodes in one document"))
                .why("no Kubernetes object is as large")
                .hint("write less by loops and aliases"));
        }
        Ok(())
    }
}

/// The JSON value that kubectl makes of a node.
pub(super) fn value(node: &Node) -> Result<Value, Wrong> {
    match &node.kind {
        Kind::Scalar { .. } => scalar(node),
        Kind::Sequence(items) => items.iter().map(value).collect::<Result<_, _>>().map(Value::Array),
        Kind::Mapping(_) => mapping(node).map(|fields| {
            Value::Object(fields.into_iter().map(|(key, field)| (key, field.value)).collect::<Map<_, _>>())
        }),
    }
}

/// A scalar with the tag that it has, or as it resolves.
fn scalar(node: &Node) -> Result<Value, Wrong> {
    let Kind::Scalar { text, style, tag } = &node.kind else { return Ok(Value::Null) };
    let resolved = if *style == Style::Plain { dialect::resolve(text) } else { Scalar::Text };
    let resolved = match tag.as_deref() {
        None => resolved,
        Some("!!str" | "!") => Scalar::Text,
        Some(tag) => tagged(node, tag, dialect::resolve(text))?,
    };
    match (resolved, tag) {
        (Scalar::NotFinite, _) => {
            Err(Wrong::new(node, "infinity and NaN have no place in a Kubernetes object")
                .why("kubectl reads it as a number that JSON cannot hold")
                .hint("quote it if it is meant as text"))
        }
        // In a value `<<` is only text.
        (Scalar::Merge, _) => Ok(Value::String(text.clone())),
        (resolved, _) => Ok(dialect::json(resolved, text).unwrap_or(Value::Null)),
    }
}

fn tagged(node: &Node, tag: &str, resolved: Scalar) -> Result<Scalar, Wrong> {
    let fits = match (tag, &resolved) {
        ("!!null", Scalar::Null)
        | ("!!bool", Scalar::Bool(_))
        | ("!!float", Scalar::Number(_) | Scalar::NotFinite) => true,
        ("!!int", Scalar::Number(number)) => !number.is_f64(),
        ("!!timestamp", _) => return Ok(Scalar::Text),
        ("!!null" | "!!bool" | "!!int" | "!!float", _) => false,
        _ => {
            return Err(Wrong::new(node, format!("the tag `{tag}` means nothing to Kubernetes"))
                .hint("leave it out, and quote the value if it is text"));
        }
    };
    if fits {
        Ok(resolved)
    } else {
        Err(Wrong::new(node, format!("this does not fit its tag `{tag}`")).hint("leave the tag out"))
    }
}

/// A field of a mapping: its value, the line of its key, and whether `<<` brought it.
struct Field {
    value: Value,
    line: usize,
    merged: bool,
}

fn mapping(node: &Node) -> Result<BTreeMap<String, Field>, Wrong> {
    let Kind::Mapping(pairs) = &node.kind else { return Ok(BTreeMap::new()) };
    let mut fields: BTreeMap<String, Field> = BTreeMap::new();
    for (key, node) in pairs {
        if is_merge(key) {
            for (name, value) in merged(key, node)? {
                match fields.get(&name) {
                    Some(field) if !field.merged => {
                        return Err(Wrong::new(
                            key,
                            format!("`<<` brings `{name}`, which line {} sets as well", field.line),
                        )
                        .why("kubectl takes the merged value, YAML says the other one")
                        .hint("put `<<` first: what follows it wins with both"));
                    }
                    Some(_) => {
                        return Err(Wrong::new(key, format!("two `<<` bring `{name}`"))
                            .hint("write one `<<: [*a, *b]`: the first of the list wins"));
                    }
                    None => fields.insert(name, Field { value, line: key.line, merged: true }),
                };
            }
            continue;
        }
        let name = key_name(key)?;
        if let Some(first) = fields.get(&name)
            && !first.merged
        {
            return Err(Wrong::new(
                key,
                format!("the key `{name}` is there twice: lines {} and {}", first.line, key.line),
            )
            .why("kubectl would silently take the last one")
            .hint("remove or rename one of them"));
        }
        fields.insert(name, Field { value: value(node)?, line: key.line, merged: false });
    }
    Ok(fields)
}

fn is_merge(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { text, style: Style::Plain, tag } if text == "<<" && tag.is_none())
}

/// What a merge key brings; of several mappings the first that has a key wins.
fn merged(key: &Node, node: &Node) -> Result<Map<String, Value>, Wrong> {
    let sources: Vec<&Node> = match &node.kind {
        Kind::Sequence(items) => items.iter().collect(),
        _ => vec![node],
    };
    let mut all = Map::new();
    for source in sources.into_iter().rev() {
        let Kind::Mapping(_) = source.kind else {
            return Err(
                Wrong::new(key, "`<<` takes a mapping, or a list of mappings").hint("write `<<: *name`")
            );
        };
        if let Value::Object(fields) = value(source)? {
            all.extend(fields);
        }
    }
    Ok(all)
}

/// The text of a key: kubectl makes strings of numbers and booleans.
pub(super) fn key_name(key: &Node) -> Result<String, Wrong> {
    let Kind::Scalar { text, .. } = &key.kind else {
        return Err(Wrong::new(key, "a key must be one word, not a list or mapping")
            .why("braces in braces, as of an unquoted `{{ … }}`, read as such a key")
            .hint("quote the value"));
    };
    match scalar(key)? {
        Value::String(name) => Ok(name),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) if !is_fraction(&number) => Ok(number.to_string()),
        Value::Null => Err(Wrong::new(key, "a key cannot be null").hint("quote it")),
        _ => Err(Wrong::new(key, format!("the key `{text}` is a number with a fraction"))
            .why("kubectl rounds such a key before it makes a word of it")
            .hint("quote it")),
    }
}

fn is_fraction(number: &Number) -> bool {
    number.is_f64()
}

impl Node {
    /// The value node of a key of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let Kind::Mapping(pairs) = &self.kind else { return None };
        pairs
            .iter()
            .find(|(key, _)| matches!(&key.kind, Kind::Scalar { text, .. } if text == name))
            .map(|(_, node)| node)
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}
