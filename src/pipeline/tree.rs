//! One YAML document as a tree that still knows where each node stands, and the JSON value that kubectl makes of it.

mod parse;
mod value;

use std::ops::Range;

use serde_saphyr::granit_parser::ScanError;

pub(super) use self::parse::{Aliased, parse};
pub(super) use self::value::{key_name, value};

/// What a node is.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone)]
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

impl Node {
    /// The value node of a key of a mapping.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let NodeKind::Mapping(pairs) = &self.kind else { return None };
        pairs
            .iter()
            .find(|(key, _)| matches!(&key.kind, NodeKind::Scalar { text, .. } if text == name))
            .map(|(_, node)| node)
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}
