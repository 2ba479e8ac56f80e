//! One YAML document as a tree that still knows where each node stands, and the JSON value that kubectl makes of it.

mod kubectl;
mod mend;
mod parse;
mod refused;
mod value;

use std::ops::Range;

use crate::keel::pointer;

pub(super) use self::parse::{Aliased, Notation, parse};
pub(super) use self::value::{key_name, value};

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NodeKind {
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
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) kind: NodeKind,
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

impl Node {
    /// The value node of a key of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let NodeKind::Mapping(pairs) = &self.kind else { return None };
        pairs
            .iter()
            .find(|(key, _)| matches!(&key.kind, NodeKind::Scalar { text, .. } if text == name))
            .map(|(_, node)| node)
    }

    /// What stands at a JSON pointer.
    pub(super) fn at(&self, pointer: &str) -> Option<&Node> {
        pointer::names(pointer).try_fold(self, |node, part| node.child(&part).map(|(_, node)| node))
    }

    /// Line and column of the key or item at a JSON pointer, or of the nearest above it.
    pub(super) fn place(&self, pointer: &str) -> (usize, usize) {
        let mut found = (self, self);
        for part in pointer::names(pointer) {
            let Some(child) = found.1.child(&part) else { break };
            found = child;
        }
        (found.0.line, found.0.column)
    }

    /// The key at a JSON pointer as it is written.
    pub(super) fn key_at(&self, pointer: &str) -> Option<&str> {
        let mut names = pointer::names(pointer);
        let mut found = self.child(&names.next()?)?;
        for name in names {
            found = found.1.child(&name)?;
        }
        found.0.text()
    }

    /// The key and value of a name, also of one that `<<` brings, or the item of that number, which is its own key.
    pub(super) fn child(&self, name: &str) -> Option<(&Node, &Node)> {
        let pairs = match &self.kind {
            NodeKind::Mapping(pairs) => pairs,
            NodeKind::Sequence(items) => {
                return items.get(name.parse::<usize>().ok()?).map(|item| (item, item));
            }
            NodeKind::Scalar { .. } => return None,
        };
        let own = pairs.iter().find(|(key, _)| key_name(key).is_ok_and(|key| key == name));
        let merged = || {
            let mut brought = pairs.iter().filter(|(key, _)| value::is_merge(key)).map(|(_, node)| node);
            brought.find_map(|node| match &node.kind {
                NodeKind::Sequence(sources) => sources.iter().find_map(|source| source.child(name)),
                _ => node.child(name),
            })
        };
        own.map(|(key, node)| (key, node)).or_else(merged)
    }

    /// Where the text ends that stands here, in bytes; 0 where there is none.
    pub(super) fn end(&self) -> usize {
        match &self.kind {
            _ if self.alias => 0,
            NodeKind::Scalar { .. } => self.bytes.end,
            NodeKind::Sequence(items) => items.iter().map(Self::end).max().unwrap_or(0),
            NodeKind::Mapping(pairs) => {
                pairs.iter().map(|(key, node)| key.end().max(node.end())).max().unwrap_or(0)
            }
        }
    }

    /// Whether it is this very word, without quotes and without a tag, and stands here and not elsewhere.
    pub(super) fn is_bare(&self, word: &str) -> bool {
        !self.alias
            && matches!(&self.kind, NodeKind::Scalar { text, style: Style::Plain, tag: None } if text == word)
    }

    /// All scalars that stand here, in order; whether each is a key.
    pub(super) fn scalars<'n>(&'n self, is_key: bool, found: &mut Vec<(&'n Node, bool)>) {
        match &self.kind {
            _ if self.alias => {}
            NodeKind::Scalar { .. } => found.push((self, is_key)),
            NodeKind::Sequence(items) => items.iter().for_each(|item| item.scalars(false, found)),
            NodeKind::Mapping(pairs) => {
                for (key, node) in pairs {
                    key.scalars(true, found);
                    node.scalars(false, found);
                }
            }
        }
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}
