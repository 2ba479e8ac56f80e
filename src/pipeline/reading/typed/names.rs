//! What the names in a template stand for: values, or what the template makes of them by `set` and `for`.

use std::collections::{BTreeMap, BTreeSet};

use crate::pipeline::scan::{Piece, Token, TokenKind};
use crate::pipeline::uses::{self, Use, after_default, text};

/// A value, or each of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StandsFor<'a>(Vec<PathStep<'a>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathStep<'a> {
    /// The field of a name, or the item of a number.
    Named(&'a str),
    /// Each field or item, one after the other.
    Each,
}

impl<'a> StandsFor<'a> {
    /// Whether it is what stands at a path, at some time.
    pub(super) fn is_at(&self, path: &[&str]) -> bool {
        let fits = |(part, name): (&PathStep<'_>, &&str)| match part {
            PathStep::Named(part) => part == name,
            PathStep::Each => true,
        };
        self.0.len() == path.len() && self.0.iter().zip(path).all(fits)
    }

    /// The path of one value.
    pub(super) fn exact(&self) -> Option<Vec<&'a str>> {
        Some(self.within()).filter(|path| path.len() == self.0.len())
    }

    /// Each field or item of it.
    pub(super) fn each(mut self) -> Self {
        self.0.push(PathStep::Each);
        self
    }

    /// The path of what all of it is within.
    pub(super) fn within(&self) -> Vec<&'a str> {
        let named = |part: &PathStep<'a>| match part {
            PathStep::Named(name) => Some(*name),
            PathStep::Each => None,
        };
        self.0.iter().map_while(named).collect()
    }
}

/// The names that a template makes, as far as it is read.
pub(super) struct Names<'a> {
    /// How often each is set.
    set: BTreeMap<&'a str, usize>,
    /// Names within brackets: `[x for x in xs]`.
    within: BTreeSet<&'a str>,
    /// Names that are set once, each as another name of a value.
    aliases: BTreeMap<&'a str, StandsFor<'a>>,
    /// The names of the loops that are open.
    loops: Vec<Vec<(&'a str, Option<StandsFor<'a>>)>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(pieces: &[Piece<'a>]) -> Self {
        let (mut set, mut within) = (BTreeMap::new(), BTreeSet::new());
        for piece in pieces {
            let is_set = matches!(piece.keyword(), Some("set" | "set_global"));
            let names = uses::uses(piece).into_iter().filter_map(|found| match found {
                Use::Bound(name) => Some(name),
                _ => None,
            });
            for name in names {
                let tokens = piece.tokens();
                if is_set && tokens.get(1).is_some_and(|token| *token == name) {
                    *set.entry(name.text).or_default() += 1;
                } else if piece.keyword() != Some("for") || !of_loop(tokens).contains(&name.text) {
                    within.insert(name.text);
                }
            }
        }
        Self { set, within, aliases: BTreeMap::new(), loops: Vec::new() }
    }

    /// The value at a token, and the token after it.
    pub(super) fn known_at(&self, piece: &Piece<'a>, start: usize) -> Option<(StandsFor<'a>, usize)> {
        let tokens = piece.tokens();
        let (names, end) = path(tokens, start)?;
        let (root, rest) = names.split_first()?;
        let below = |known: &StandsFor<'a>| {
            let mut known = known.clone();
            known.0.extend(rest.iter().copied().map(PathStep::Named));
            known
        };
        if self.within.contains(root) {
            return None;
        }
        let mut loops = self.loops.iter().rev().flatten();
        let known = match (loops.find(|(name, _)| name == root), self.set.contains_key(root)) {
            (Some((_, known)), false) => below(known.as_ref()?),
            (Some(_), true) => return None,
            (None, true) => below(self.aliases.get(root)?),
            (None, false) => match *root {
                "loop" | "env" => return None,
                "values" => StandsFor(rest.iter().copied().map(PathStep::Named).collect()),
                _ => StandsFor(names.iter().copied().map(PathStep::Named).collect()),
            },
        };
        Some((known, end))
    }

    /// Goes past a piece.
    pub(super) fn pass(&mut self, piece: &Piece<'a>) {
        let tokens = piece.tokens();
        match piece.keyword() {
            Some("for") => {
                let names = of_loop(tokens);
                let each = self.alone(piece, 2 * names.len() + 1).map(StandsFor::each);
                // before it comes the key
                let value = names.len().saturating_sub(1);
                let known = |(at, name)| (name, each.clone().filter(|_| at == value));
                self.loops.push(names.into_iter().enumerate().map(known).collect());
            }
            Some("endfor") => drop(self.loops.pop()),
            Some(word @ ("set" | "set_global")) if text(tokens, 2) == "=" => {
                let name = text(tokens, 1);
                // what a loop leaves behind is of its last turn
                let lasts = word == "set_global" && !self.loops.is_empty();
                if let Some(known) = self.alone(piece, 3).filter(|_| !lasts && self.set.get(name) == Some(&1))
                {
                    self.aliases.insert(name, known);
                }
            }
            _ => {}
        }
    }

    /// The value that is the rest of a tag.
    fn alone(&self, piece: &Piece<'a>, start: usize) -> Option<StandsFor<'a>> {
        let (known, end) = self.known_at(piece, start)?;
        (after_default(piece.tokens(), end) == piece.tokens().len()).then_some(known)
    }
}

/// The names of a loop.
fn of_loop<'a>(tokens: &[Token<'a>]) -> Vec<&'a str> {
    let before = tokens.iter().skip(1).take_while(|token| token.text != "in");
    before.filter(|token| token.kind == TokenKind::Name).map(|token| token.text).collect()
}

/// A path with all its fields, in whatever form: `a.b["c"][0]`. None if a part of it is worked out.
fn path<'a>(tokens: &[Token<'a>], start: usize) -> Option<(Vec<&'a str>, usize)> {
    let first = tokens.get(start).filter(|token| token.kind == TokenKind::Name)?;
    let (mut names, mut at) = (vec![first.text], start + 1);
    loop {
        let next = tokens.get(at + 1);
        match text(tokens, at) {
            "." | "?." => {
                names.push(next.filter(|token| token.kind == TokenKind::Name)?.text);
                at += 2;
            }
            "[" | "?[" => {
                let key = next.filter(|_| text(tokens, at + 2) == "]")?;
                names.push(match key.kind {
                    TokenKind::Text => inner(key.text)?,
                    TokenKind::Number => key.text,
                    _ => return None,
                });
                at += 3;
            }
            "(" => return None,
            _ => return Some((names, at)),
        }
    }
}

/// What a quoted text without escapes holds.
fn inner(quoted: &str) -> Option<&str> {
    let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
    (!inner.contains('\\')).then_some(inner)
}
