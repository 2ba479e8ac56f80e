//! What stands around a value in an expression, and whether a text in its place goes wrong.

use super::names::StandsFor;
use crate::pipeline::dialect::Scalar;
use crate::pipeline::scan::{Token, TokenKind};
use crate::pipeline::uses::{after_default, text};

/// A value in an expression.
pub(super) struct Operand<'t, 'a> {
    tokens: &'t [Token<'a>],
    /// Its first token, with its parentheses.
    start: usize,
    /// The token after it, its default and its parentheses.
    end: usize,
    /// Whether something else stands in for an empty value.
    replaced: bool,
}

/// What may stand beside a whole condition or comparison.
const EDGES: [&str; 12] = ["", "if", "elif", "else", "not", "and", "or", "(", ")", "=", ",", "]"];

impl<'t, 'a> Operand<'t, 'a> {
    /// Of the tokens from `start` to before `end`, with its default and its parentheses.
    pub(super) fn around(tokens: &'t [Token<'a>], mut start: usize, end: usize) -> Self {
        let value_ends = end;
        let mut end = after_default(tokens, end);
        let calls = |at: usize| {
            at > 0 && tokens[at - 1].kind == TokenKind::Name && !EDGES.contains(&text(tokens, at - 1))
        };
        while start > 0 && text(tokens, start - 1) == "(" && text(tokens, end) == ")" && !calls(start - 1) {
            (start, end) = (start - 1, after_default(tokens, end + 1));
        }
        let replaced = tokens[value_ends..end].iter().any(|token| token.text == "boolean");
        Self { tokens, start, end, replaced }
    }

    fn before(&self, index: usize) -> &'a str {
        self.start.checked_sub(index + 1).map_or("", |at| text(self.tokens, at))
    }

    fn after(&self, index: usize) -> &'a str {
        text(self.tokens, self.end + index)
    }

    /// The sign behind it, and the value behind that.
    pub(super) fn other(
        &self,
        known_at: impl Fn(usize) -> Option<(StandsFor<'a>, usize)>,
    ) -> Option<(&'a str, StandsFor<'a>)> {
        if self.replaced || !EDGES.contains(&self.before(0)) {
            return None;
        }
        let (sign, start) = match (self.after(0), self.after(1)) {
            ("not", "in") => ("in", self.end + 2),
            (sign @ ("==" | "!=" | "<" | ">" | "<=" | ">=" | "in"), _) => (sign, self.end + 1),
            _ => return None,
        };
        let (known, end) = known_at(start)?;
        let other = Self::around(self.tokens, start, end);
        (!other.replaced && EDGES.contains(&other.after(0))).then_some((sign, known))
    }

    /// The literal that is looked for in it: `3 in it`.
    pub(super) fn sought(&self) -> Option<&'a str> {
        let at = if self.before(1) == "not" { 2 } else { 1 };
        let alone =
            self.before(0) == "in" && EDGES.contains(&self.after(0)) && EDGES.contains(&self.before(at + 1));
        Some(self.before(at)).filter(|literal| alone && !literal.is_empty())
    }

    /// Why what it is a part of goes wrong with text in place of what the text means.
    pub(super) fn goes_wrong(&self, means: &Scalar) -> Option<String> {
        if self.replaced {
            return None;
        }
        let same = |literal: &&str| is_same(literal, means);
        let right = Some(self.after(1)).filter(|_| EDGES.contains(&self.after(2)));
        let left = Some(self.before(1)).filter(|_| EDGES.contains(&self.before(2)));
        let compared = match (self.after(0), self.before(0)) {
            ("==" | "!=", _) => right.filter(same),
            (_, "==" | "!=") => left.filter(same),
            ("in", _) if self.after(1) == "[" => self.listed(2, means),
            ("not", _) if self.after(1) == "in" && self.after(2) == "[" => self.listed(3, means),
            _ => None,
        };
        if let Some(literal) = compared {
            let kind = if matches!(means, Scalar::Bool(_)) { "boolean" } else { "number" };
            return Some(format!("and never equal to the {kind} {literal}"));
        }
        let test = if self.after(1) == "not" { self.after(2) } else { self.after(1) };
        let tested = match means {
            Scalar::Number(_) => matches!(test, "number" | "integer" | "float"),
            Scalar::Bool(_) => test == "bool",
            _ => false,
        };
        if self.after(0) == "is" && tested {
            return Some(format!("and `is {test}` is not true of it"));
        }
        let is_false = match means {
            Scalar::Bool(value) => !value,
            Scalar::Number(number) => number.as_f64() == Some(0.0),
            _ => true,
        };
        let truth = matches!(self.before(0), "if" | "elif" | "not" | "and" | "or")
            || matches!(self.after(0), "and" | "or");
        let alone = EDGES.contains(&self.before(0)) && EDGES.contains(&self.after(0));
        (is_false && truth && alone)
            .then(|| "and true as a condition, as all text is that is not empty".to_owned())
    }

    /// What it means among the literals of a list.
    fn listed(&self, from: usize, means: &Scalar) -> Option<&'a str> {
        let items = self.tokens.get(self.end + from..)?.iter().map(|token| token.text);
        items.take_while(|token| *token != "]").find(|item| is_same(item, means))
    }
}

/// Whether a literal of a template is what a text means.
pub(super) fn is_same(literal: &str, means: &Scalar) -> bool {
    match (literal, means) {
        ("true" | "True", Scalar::Bool(value)) => *value,
        ("false" | "False", Scalar::Bool(value)) => !value,
        (digits, Scalar::Number(number)) => {
            digits.parse::<f64>().ok().is_some_and(|it| number.as_f64() == Some(it))
        }
        _ => false,
    }
}
