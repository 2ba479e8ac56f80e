//! What `start` has to be given so that a converted pipeline renders.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::sketch::{Sketch, paths};
use crate::pipeline::facts::RESERVED;
use crate::pipeline::scan::Piece;
use crate::pipeline::tree::{Node, NodeKind};
use crate::pipeline::uses;

/// Whether a value is better given by a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ByFile {
    /// It goes into a Secret: a text of many lines, often.
    Yes,
    /// It is a word.
    No,
}

/// Flags and variables of the environment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// Values that are read and have no default.
    pub values: BTreeMap<String, ByFile>,
    /// Values that are read and have one.
    pub may: BTreeSet<String>,
    /// Variables of the environment that are read in the open.
    pub plain: BTreeSet<String>,
    /// Variables of the environment that stay secret.
    pub secret: BTreeSet<String>,
    /// Secrets that pods need and nothing makes.
    pub secrets: Vec<String>,
}

impl Needs {
    /// What a template reads.
    pub(super) fn of(text: &str, secrets: Vec<String>) -> Self {
        let sketch = Sketch::of(text);
        let bound = uses::bound(&sketch.pieces);
        let in_secrets = in_secrets(&sketch);
        let hidden = |piece: &Piece<'_>| {
            in_secrets
                .iter()
                .any(|place| place.start <= piece.bytes().start && piece.bytes().end <= place.end)
        };
        let mut needs = Self { secrets, ..Self::default() };
        let mut may = BTreeSet::new();
        let mut read: BTreeMap<String, ByFile> = BTreeMap::new();
        for piece in &sketch.pieces {
            let (asked, defaulted) = given(piece);
            let all = paths(piece);
            for path in &all {
                let (root, rest) = path.split_once('.').unwrap_or((path, ""));
                if root == "env" && !rest.is_empty() {
                    // what a choice hangs on is not shown by it
                    let times = |list: &[String]| list.iter().filter(|other| *other == path).count();
                    let chosen_by = matches!(piece, Piece::Tag { .. }) || times(&all) == times(&asked);
                    let pile = if chosen_by || hidden(piece) { &mut needs.secret } else { &mut needs.plain };
                    pile.insert(rest.to_owned());
                    continue;
                }
                let name = match root {
                    "values" => rest,
                    _ if RESERVED.contains(&root) || bound.contains(root) => continue,
                    _ => path,
                };
                if asked.contains(path) || defaulted.contains(path) {
                    may.insert(name.to_owned());
                } else {
                    let by_file = if hidden(piece) { ByFile::Yes } else { ByFile::No };
                    let before = read.entry(name.to_owned()).or_insert(by_file);
                    *before = (*before).max(by_file);
                }
            }
        }
        read.retain(|name, _| !may.contains(name));
        needs.values = read;
        needs.may = may;
        needs.secret.retain(|name| !needs.plain.contains(name));
        needs
    }
}

/// The values that an expression asks about (`is defined`, `is empty`), each time, and those with a default.
fn given(piece: &Piece<'_>) -> (Vec<String>, Vec<String>) {
    let tokens = piece.tokens();
    let (mut asked, mut defaulted) = (Vec::new(), Vec::new());
    for at in 1..tokens.len() {
        let is_asked = uses::text(tokens, at) == "is";
        if !is_asked && uses::after_default(tokens, at) == at {
            continue;
        }
        // the path that ends here
        let dot = |index: usize| matches!(uses::text(tokens, index), "." | "?.");
        let mut begin = at - 1;
        while begin >= 2 && dot(begin - 1) {
            begin -= 2;
        }
        let names = tokens[begin..at].iter().step_by(2).map(|token| token.text);
        let path = names.collect::<Vec<_>>().join(".");
        if is_asked { asked.push(path) } else { defaulted.push(path) }
    }
    (asked, defaulted)
}

/// Where Secrets hold what they are for.
fn in_secrets(sketch: &Sketch<'_>) -> Vec<std::ops::Range<usize>> {
    let mut places = Vec::new();
    for object in sketch.objects().iter().filter(|object| object.is(sketch, &[""], "Secret")) {
        for field in ["data", "stringData"] {
            let Some(NodeKind::Mapping(pairs)) = object.node.get(field).map(|node: &Node| &node.kind) else {
                continue;
            };
            places.extend(
                pairs
                    .iter()
                    .filter(|(_, value)| value.text().is_some())
                    .map(|(_, value)| sketch.bytes(value)),
            );
        }
    }
    places
}
