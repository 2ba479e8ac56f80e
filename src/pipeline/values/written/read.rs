//! What a values file holds, and where the words without quotes stand that are text here and something else elsewhere.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::pipeline::dialect::{self, Scalar};
use crate::pipeline::values::GivenText;

/// A node as it was written.
#[derive(Debug)]
pub(super) enum ReadNode {
    Plain(Value),
    /// A text without quotes, and where it stands, in bytes.
    Bare(String, usize),
    List(Vec<ReadNode>),
    Mapping(BTreeMap<String, ReadNode>),
}

impl ReadNode {
    /// Whether it is the same value, wherever it stands.
    pub(super) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Plain(value), Self::Plain(other)) => value == other,
            (Self::Bare(text, _), Self::Bare(other, _)) => text == other,
            (Self::Plain(value), Self::Bare(text, _)) | (Self::Bare(text, _), Self::Plain(value)) => {
                value == text
            }
            (Self::List(items), Self::List(others)) => {
                items.len() == others.len() && items.iter().zip(others).all(|(item, other)| item.same(other))
            }
            (Self::Mapping(fields), Self::Mapping(others)) => {
                let same =
                    |(name, field): (&String, &Self)| others.get(name).is_some_and(|other| field.same(other));
                fields.len() == others.len() && fields.iter().all(same)
            }
            _ => false,
        }
    }
}

/// The value, and the texts in it that kubectl, and helm with it, takes for booleans or numbers.
pub(super) fn taken_apart(node: ReadNode, text: &str) -> (Value, Vec<GivenText>) {
    let newlines = text.match_indices('\n').map(|(at, _)| at).collect();
    let mut apart = TakenApart { newlines, path: Vec::new(), texts: Vec::new() };
    let value = apart.value(node);
    (value, apart.texts)
}

struct TakenApart {
    /// Where each line ends, in bytes.
    newlines: Vec<usize>,
    path: Vec<String>,
    texts: Vec<GivenText>,
}

impl TakenApart {
    fn value(&mut self, node: ReadNode) -> Value {
        match node {
            ReadNode::Plain(value) => value,
            ReadNode::Bare(text, at) => {
                if matches!(dialect::resolve(&text), Scalar::Bool(_) | Scalar::Number(_)) {
                    let line = self.newlines.partition_point(|newline| *newline < at) + 1;
                    self.texts.push(GivenText {
                        path: self.path.clone(),
                        text: text.clone(),
                        line: Some(line),
                    });
                }
                text.into()
            }
            ReadNode::List(items) => {
                let items = items.into_iter().enumerate();
                items.map(|(index, item)| self.below(index.to_string(), item)).collect()
            }
            ReadNode::Mapping(fields) => {
                let fields = fields.into_iter();
                fields.map(|(name, field)| (name.clone(), self.below(name, field))).collect()
            }
        }
    }

    fn below(&mut self, name: String, node: ReadNode) -> Value {
        self.path.push(name);
        let value = self.value(node);
        self.path.pop();
        value
    }
}
