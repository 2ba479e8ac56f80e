//! Variables of a Go template, and the names that they get: one each, as Tera's `if` has no scope of its own.

use std::collections::{BTreeMap, BTreeSet};

use super::golang::{Branch, GoNode, GoOperand, GoPipe, Kind};
use super::meaning::Meaning;
use super::phrase::{ITEM, is_plain};
use crate::pipeline::facts::RESERVED;
use crate::pipeline::uses::KEYWORDS;

/// What a Go template does with names, found before anything is written.
#[derive(Debug, Default)]
pub(super) struct GoNames {
    /// Every field's name, so that no variable hides a value.
    taken: BTreeSet<String>,
    /// Variables that are given another value, with their `$`.
    pub(super) reassigned: BTreeSet<String>,
    /// Those of them that get it within a loop.
    pub(super) in_loops: BTreeSet<String>,
}

impl GoNames {
    pub(super) fn of(nodes: &[GoNode]) -> Self {
        let mut names = Self::default();
        let ours = ["range", "throw", "go_printf", "go_print", "unconverted", "continue", "raw", ITEM];
        names.taken.extend(RESERVED.iter().chain(&KEYWORDS).chain(&ours).map(|&name| name.to_owned()));
        names.nodes(nodes, false);
        names
    }

    /// A name that nothing has.
    pub(super) fn fresh(&mut self, like: &str) -> String {
        let like: String =
            like.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' }).collect();
        let like = if is_plain(&like) { like } else { format!("v{like}") };
        let mut name = like.clone();
        let mut count = 2;
        while !self.taken.insert(name.clone()) {
            name = format!("{like}_{count}");
            count += 1;
        }
        name
    }

    fn nodes(&mut self, nodes: &[GoNode], in_loop: bool) {
        for node in nodes {
            match node {
                GoNode::Action(_, pipe) | GoNode::Call(_, _, Some(pipe)) => self.pipe(pipe, in_loop),
                GoNode::Branch(branch) => self.branch(branch, in_loop),
                GoNode::Define(_, _, body, _) => self.nodes(body, in_loop),
                GoNode::Block(_, _, pipe, body, _) => {
                    self.pipe(pipe, in_loop);
                    self.nodes(body, in_loop);
                }
                GoNode::Text(_)
                | GoNode::Comment(..)
                | GoNode::Call(_, _, None)
                | GoNode::Jump(..)
                | GoNode::Bad(..) => {}
            }
        }
    }

    fn branch(&mut self, branch: &Branch, in_loop: bool) {
        let repeats = branch.kind == Kind::Range;
        if let Ok(pipe) = &branch.pipe {
            self.pipe(pipe, in_loop || repeats);
        }
        self.nodes(&branch.body, in_loop || repeats);
        if let Some((_, other)) = &branch.other {
            self.nodes(other, in_loop);
        }
    }

    fn pipe(&mut self, pipe: &GoPipe, in_loop: bool) {
        if !pipe.declares {
            self.reassigned.extend(pipe.names.iter().cloned());
            if in_loop {
                self.in_loops.extend(pipe.names.iter().cloned());
            }
        }
        for operand in pipe.commands.iter().flatten() {
            match operand {
                GoOperand::Field(names) | GoOperand::Variable(_, names) => {
                    self.taken.extend(names.iter().cloned());
                }
                // a key may be the name of a value: `index . "a"`
                GoOperand::Text(text) => drop(self.taken.insert(text.clone())),
                GoOperand::Nested(pipe, names) => {
                    self.taken.extend(names.iter().cloned());
                    self.pipe(pipe, in_loop);
                }
                _ => {}
            }
        }
    }
}

/// Every named template of some nodes; none of a name that several have.
pub(super) fn collect<'a>(nodes: &'a [GoNode], templates: &mut BTreeMap<&'a str, Option<&'a [GoNode]>>) {
    for node in nodes {
        match node {
            GoNode::Define(_, name, body, _) | GoNode::Block(_, name, _, body, _) => {
                templates.entry(name).and_modify(|other| *other = None).or_insert(Some(body));
                collect(body, templates);
            }
            GoNode::Branch(branch) => {
                collect(&branch.body, templates);
                collect(branch.other.as_ref().map(|(_, other)| &other[..]).unwrap_or_default(), templates);
            }
            _ => {}
        }
    }
}

/// A variable that is to be seen.
#[derive(Debug, Clone)]
pub(super) struct Variable {
    /// With its `$`.
    pub(super) name: String,
    pub(super) meaning: Meaning,
    /// Its name with Tera; none where it only stands for something.
    pub(super) ours: Option<String>,
}
