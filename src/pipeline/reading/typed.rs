//! Values of `--set` that a template takes for booleans or numbers: they are text, which is true unless empty, and never
//! equal to a number.

use std::collections::BTreeMap;

use crate::pipeline::dialect::{self, Scalar};
use crate::pipeline::fault::PlanNotice;
use crate::pipeline::scan::{Piece, Token, TokenKind};
use crate::pipeline::template::Checked;
use crate::pipeline::uses::{self, Use, after_default, text};
use crate::pipeline::values::Values;

/// One notice for each `--set` that makes a condition or comparison come out wrong.
pub(super) fn all(checked: &Checked<'_>, values: &Values) -> Vec<PlanNotice> {
    let suspects: Vec<Suspect<'_>> = values
        .given
        .iter()
        .filter_map(|given| given.set.as_ref())
        .filter_map(|set| Suspect::of(set, values))
        .collect();
    if suspects.is_empty() {
        return Vec::new();
    }
    let aliases = aliases(checked);
    let bound = uses::bound(&checked.pieces);
    let mut found: BTreeMap<usize, PlanNotice> = BTreeMap::new();
    for piece in &checked.pieces {
        let tokens = piece.tokens();
        for path in uses::uses(piece).into_iter().filter_map(|found| match found {
            Use::Path(path) => Some(path),
            _ => None,
        }) {
            let names = resolved(&path, &aliases);
            if bound.contains(path[0].text) && !aliases.contains_key(path[0].text) {
                continue;
            }
            let mut meant =
                suspects.iter().enumerate().filter(|(_, suspect)| suspect.path == names).peekable();
            if meant.peek().is_none() {
                continue;
            }
            let Some(start) = tokens.iter().position(|token| token.bytes == path[0].bytes) else { continue };
            let operand = Operand::around(tokens, start, start + 2 * path.len() - 1);
            for (index, suspect) in meant {
                if let Some(why) = operand.goes_wrong(&suspect.means) {
                    let place = checked.place(path[0].bytes.start);
                    let notice = suspect.notice(&format!("{why} ({}, line {})", place.file, place.line));
                    found.entry(index).or_insert(notice);
                }
            }
        }
    }
    found.into_values().collect()
}

/// A text that looks like something else.
struct Suspect<'a> {
    path: Vec<&'a str>,
    text: &'a str,
    /// What it would be in a document.
    means: Scalar,
}

impl<'a> Suspect<'a> {
    fn of((path, text): &'a (Vec<String>, String), values: &Values) -> Option<Self> {
        let still = values.at(path).and_then(|value| value.as_str()) == Some(text);
        let means = dialect::resolve(text);
        let other = matches!(means, Scalar::Bool(_) | Scalar::Number(_))
            || (means == Scalar::Null && !text.is_empty());
        (still && other).then(|| Self { path: path.iter().map(String::as_str).collect(), text, means })
    }

    fn notice(&self, why: &str) -> PlanNotice {
        let name = self.path.iter().map(|part| part.replace('.', "\\.")).collect::<Vec<_>>().join(".");
        let (kind, json) = match &self.means {
            Scalar::Bool(value) => ("a boolean", value.to_string()),
            Scalar::Number(value) => ("a number", value.to_string()),
            _ => ("null", "null".to_owned()),
        };
        PlanNotice {
            about: format!("--set {name}={}", self.text),
            lines: None,
            text: format!("it is text, {why}; for {kind} write --set-json {name}={json}"),
        }
    }
}

/// The names of a path, and of what its first name was set to.
fn resolved<'a>(path: &[Token<'a>], aliases: &BTreeMap<&'a str, Vec<&'a str>>) -> Vec<&'a str> {
    let names: Vec<&str> = path.iter().map(|token| token.text).collect();
    let names = match aliases.get(names[0]) {
        Some(of) => [of, &names[1..]].concat(),
        None => names,
    };
    if names[0] == "values" { names[1..].to_vec() } else { names }
}

/// Names that a template makes once, each as another name of a value: `{% set d = debug | default(value=false) %}`.
fn aliases<'a>(checked: &Checked<'a>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let mut made: BTreeMap<&str, Option<Vec<&str>>> = BTreeMap::new();
    for piece in &checked.pieces {
        let tokens = piece.tokens();
        for found in uses::uses(piece) {
            let Use::Bound(name) = found else { continue };
            let of = alias(piece, tokens);
            made.entry(name.text).and_modify(|of| *of = None).or_insert(of);
        }
    }
    made.into_iter().filter_map(|(name, of)| Some((name, of?))).collect()
}

/// The path that a whole `set` gives another name.
fn alias<'a>(piece: &Piece<'a>, tokens: &[Token<'a>]) -> Option<Vec<&'a str>> {
    if !matches!(piece.keyword(), Some("set" | "set_global")) || text(tokens, 2) != "=" {
        return None;
    }
    let path = uses::uses(piece).into_iter().find_map(|found| match found {
        Use::Path(path) => Some(path),
        _ => None,
    })?;
    let at_once = tokens.get(3).is_some_and(|token| token.bytes == path[0].bytes);
    let end = after_default(tokens, 3 + 2 * path.len() - 1);
    (at_once && end == tokens.len()).then(|| path.iter().map(|token| token.text).collect())
}

/// What stands around a value in an expression.
struct Operand<'t, 'a> {
    /// Before it, last first.
    before: Vec<&'t Token<'a>>,
    after: &'t [Token<'a>],
}

/// What may stand beside a whole condition or comparison.
const EDGES: [&str; 12] = ["", "if", "elif", "else", "not", "and", "or", "(", ")", "=", ",", "]"];

impl<'t, 'a> Operand<'t, 'a> {
    /// Of the tokens from `start` to before `end`, with its default and its parentheses.
    fn around(tokens: &'t [Token<'a>], mut start: usize, end: usize) -> Self {
        let mut end = after_default(tokens, end);
        let calls = |at: usize| {
            at > 0 && tokens[at - 1].kind == TokenKind::Name && !EDGES.contains(&text(tokens, at - 1))
        };
        while start > 0 && text(tokens, start - 1) == "(" && text(tokens, end) == ")" && !calls(start - 1) {
            (start, end) = (start - 1, after_default(tokens, end + 1));
        }
        Self { before: tokens[..start].iter().rev().collect(), after: &tokens[end..] }
    }

    fn before(&self, index: usize) -> &'a str {
        self.before.get(index).map_or("", |token| token.text)
    }

    fn after(&self, index: usize) -> &'a str {
        text(self.after, index)
    }

    /// Why what it is a part of goes wrong with text in place of what the text means.
    fn goes_wrong(&self, means: &Scalar) -> Option<String> {
        let same = |literal: &&str| is_same(literal, means);
        let right = Some(self.after(1)).filter(|_| EDGES.contains(&self.after(2)));
        let left = Some(self.before(1)).filter(|_| EDGES.contains(&self.before(2)));
        let compared = match (self.after(0), self.before(0)) {
            ("==" | "!=", _) => right.filter(same),
            (_, "==" | "!=") => left.filter(same),
            ("in", _) if self.after(1) == "[" => {
                let items = self.after[2..].iter().map(|token| token.text).take_while(|token| *token != "]");
                items.into_iter().find(|item| is_same(item, means))
            }
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
}

/// Whether a literal of a template is what a text means.
fn is_same(literal: &str, means: &Scalar) -> bool {
    match (literal, means) {
        ("true" | "True", Scalar::Bool(value)) => *value,
        ("false" | "False", Scalar::Bool(value)) => !value,
        (digits, Scalar::Number(number)) => {
            digits.parse::<f64>().ok().is_some_and(|it| number.as_f64() == Some(it))
        }
        _ => false,
    }
}
