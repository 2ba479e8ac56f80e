//! Reads one document as a tree, its aliases expanded within bounds.

use std::collections::BTreeMap;

use serde_saphyr::granit_parser::{self, Event, Parser, ScalarStyle, ScanError, Tag};

use super::mend::Mended;
use super::refused::refused;
use super::{Node, NodeKind, Style, Wrong, kubectl};

/// Nodes of one document, aliases expanded: far more than any Kubernetes object, far less than an alias bomb.
const MOST_NODES: usize = 100_000;
/// Bytes of scalars that aliases bring into one text: as much as the text itself may hold.
const MOST_ALIAS_BYTES: usize = 2 << 20;

/// What the aliases of a text have brought so far, all documents together.
#[derive(Debug, Default, Clone)]
pub(in crate::pipeline) struct Aliased {
    nodes: usize,
    bytes: usize,
}

/// How kubectl reads a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Notation {
    Yaml,
    Json,
}

/// Reads the one document of a text; none if there is nothing in it. `aliased` goes on counting over the documents of
/// one text.
///
/// # Errors
/// A text that is no YAML, or that kubectl would not read so; a second document in it, an alias within its own node, more
/// nodes than any object has.
pub(in crate::pipeline) fn parse(
    text: &str,
    notation: Notation,
    aliased: &mut Aliased,
) -> Result<Option<Node>, Wrong> {
    if notation == Notation::Yaml {
        kubectl::line_ends(text)?;
    }
    let mut mended = Mended::of(text);
    loop {
        let mut counted = aliased.clone();
        match read(&mended, notation, &mut counted) {
            Err(Unparsed::At(error)) if mended.mend(&error) => {}
            Err(Unparsed::At(error)) => return Err(refused(text, &error)),
            Err(Unparsed::Wrong(wrong)) => return Err(wrong),
            Ok(root) => {
                if notation == Notation::Yaml {
                    kubectl::check(mended.text())?;
                }
                *aliased = counted;
                return Ok(root);
            }
        }
    }
}

/// Why a text was not read to its end.
enum Unparsed {
    /// The parser did not take it.
    At(ScanError),
    Wrong(Wrong),
}

impl From<ScanError> for Unparsed {
    fn from(error: ScanError) -> Self {
        Self::At(error)
    }
}

impl From<Wrong> for Unparsed {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

fn read(mended: &Mended<'_>, notation: Notation, aliased: &mut Aliased) -> Result<Option<Node>, Unparsed> {
    let options = granit_parser::options! {
        bom_inside_document_as_content: true,
        // JSON bounds no key
        simple_key_max_lookahead: if notation == Notation::Json { usize::MAX } else { 1024 },
    };
    let mut builder = Builder { aliased, anchors: BTreeMap::new(), nodes: 0 };
    let mut open: Vec<OpenNode> = Vec::new();
    let mut root: Option<Node> = None;
    // A last line without a break is read as if it had one, since kubectl adds it.
    for event in Parser::new_from_str_with_options(mended.text(), options) {
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
                let kind = NodeKind::Scalar {
                    text: mended.word(span.start.byte_offset().unwrap_or_default(), text),
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
                let here = place(NodeKind::Sequence(Vec::new()));
                let Some(target) = builder.anchors.get(&anchor) else {
                    return Err(Wrong::new(&here, "an alias stands inside the node that it names")
                        .hint("write out what it stands for")
                        .into());
                };
                let size = size(target);
                builder.aliased(size, &here)?;
                let mut node = builder.anchors[&anchor].clone();
                (node.line, node.column, node.alias) = (here.line, here.column, true);
                node
            }
            Event::SequenceStart(_, anchor, _) => {
                open.push(OpenNode { node: place(NodeKind::Sequence(Vec::new())), anchor, key: None });
                continue;
            }
            Event::MappingStart(_, anchor, _) => {
                open.push(OpenNode { node: place(NodeKind::Mapping(Vec::new())), anchor, key: None });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(OpenNode { node, anchor, .. }) => builder.anchored(anchor, node)?,
                None => continue,
            },
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => parent.take(finished),
            None if root.is_some() => {
                return Err(Wrong::new(&finished, "a second document starts here without `---`")
                    .why("kubectl reads the first one only")
                    .hint("put a line `---` before it")
                    .into());
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
struct OpenNode {
    node: Node,
    anchor: usize,
    key: Option<Node>,
}

impl OpenNode {
    fn take(&mut self, child: Node) {
        match (&mut self.node.kind, self.key.take()) {
            (NodeKind::Sequence(items), _) => items.push(child),
            (NodeKind::Mapping(pairs), Some(key)) => pairs.push((key, child)),
            (NodeKind::Mapping(_), None) => self.key = Some(child),
            (NodeKind::Scalar { .. }, _) => {}
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
        NodeKind::Scalar { text, .. } => (1, text.len()),
        NodeKind::Sequence(items) => items.iter().fold((1, 0), add),
        NodeKind::Mapping(pairs) => pairs.iter().flat_map(|(key, value)| [key, value]).fold((1, 0), add),
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
