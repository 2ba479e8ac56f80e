//! What the names in a template's tags stand for: values that are read, filters, tests, functions, and names that the template
//! gives itself.

use std::collections::BTreeSet;

use super::scan::{Piece, Token, TokenKind};

/// What a name in a tag stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Use<'a> {
    /// A variable with the fields after it: `git.branch`.
    Path(Vec<Token<'a>>),
    /// `| name`.
    Filter(Token<'a>),
    /// `is name`.
    Test(Token<'a>),
    /// `name(…)`.
    Function(Token<'a>),
    /// `name(argument=…)`: the filter, test or function, and the argument.
    Argument(Token<'a>, Token<'a>),
    /// A name that the template makes: by `set`, `for` or a list comprehension.
    Bound(Token<'a>),
}

/// Words that no value is read by.
pub(super) const KEYWORDS: [&str; 24] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "in",
    "set",
    "set_global",
    "endset",
    "filter",
    "endfilter",
    "and",
    "or",
    "not",
    "is",
    "true",
    "false",
    "True",
    "False",
    "none",
    "None",
    "null",
    "break",
];

/// Every use of a name in a piece, in order.
pub(super) fn uses<'a>(piece: &Piece<'a>) -> Vec<Use<'a>> {
    let tokens = piece.tokens();
    let text = |index: usize| text(tokens, index);
    let mut uses = Vec::new();
    // what each open parenthesis belongs to
    let mut calls: Vec<Option<&Token<'a>>> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        let before = if at > 0 { text(at - 1) } else { "" };
        at += 1;
        match token.text {
            "(" => calls.push(at.checked_sub(2).map(|name| &tokens[name]).filter(|_| match uses.last() {
                Some(Use::Filter(name) | Use::Test(name) | Use::Function(name)) => name.text == before,
                _ => false,
            })),
            ")" => drop(calls.pop()),
            _ => {}
        }
        let first_of_tag = at == 1 && matches!(piece, Piece::Tag { .. });
        if token.kind != TokenKind::Name || matches!(before, "." | "?.") {
            continue;
        }
        let after = text(at);
        let binds =
            matches!(before, "set" | "set_global" | "for") || (before == "," && loop_key(tokens, at - 1));
        if before == "|" || (before == "filter" && at == 2) {
            uses.push(Use::Filter(token.clone()));
        } else if before == "is" && token.text != "not" || before == "not" && at > 2 && text(at - 3) == "is" {
            uses.push(Use::Test(token.clone()));
        } else if KEYWORDS.contains(&token.text) || first_of_tag {
        } else if binds {
            uses.push(Use::Bound(token.clone()));
        } else if after == "(" {
            uses.push(Use::Function(token.clone()));
        } else if after == "=" && matches!(before, "(" | ",") {
            uses.extend(calls.last().copied().flatten().map(|of| Use::Argument(of.clone(), token.clone())));
        } else {
            let mut path = vec![token.clone()];
            while matches!(text(at), "." | "?.")
                && tokens.get(at + 1).is_some_and(|token| token.kind == TokenKind::Name)
            {
                path.push(tokens[at + 1].clone());
                at += 2;
            }
            uses.push(Use::Path(path));
        }
    }
    uses
}

/// Whether a name after a comma is the second of `for key, value in`.
fn loop_key(tokens: &[Token<'_>], at: usize) -> bool {
    at >= 3 && tokens[at - 3].text == "for" && tokens.get(at + 1).is_some_and(|token| token.text == "in")
}

/// The path of a value as a template writes it: names with other letters than a variable has stand in brackets.
pub(super) fn spelled(path: &[&str]) -> String {
    let plain = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
    };
    let root = if path.first().is_some_and(|root| !plain(root)) { "values" } else { "" };
    path.iter().fold(root.to_owned(), |text, name| match *name {
        name if plain(name) && text.is_empty() => name.to_owned(),
        name if plain(name) => format!("{text}.{name}"),
        digits if digits.bytes().all(|digit| digit.is_ascii_digit()) => format!("{text}[{digits}]"),
        name => format!("{text}[\"{}\"]", name.replace('\\', "\\\\").replace('"', "\\\"")),
    })
}

/// The text of a token; empty after the last one.
pub(super) fn text<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    tokens.get(index).map_or("", |token| token.text)
}

/// The index after a `| default(…)` that begins at an index; that index if there is none.
pub(super) fn after_default(tokens: &[Token<'_>], at: usize) -> usize {
    if [text(tokens, at), text(tokens, at + 1), text(tokens, at + 2)] != ["|", "default", "("] {
        return at;
    }
    let mut depth = 0;
    for index in at + 2..tokens.len() {
        match text(tokens, index) {
            "(" => depth += 1,
            ")" if depth == 1 => return index + 1,
            ")" => depth -= 1,
            _ => {}
        }
    }
    at
}

/// The names that a template makes itself.
pub(super) fn bound<'a>(pieces: &[Piece<'a>]) -> BTreeSet<&'a str> {
    pieces
        .iter()
        .flat_map(uses)
        .filter_map(|found| match found {
            Use::Bound(token) => Some(token.text),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::scan::pieces;
    use super::*;

    fn told(template: &str) -> Vec<String> {
        pieces(template)
            .iter()
            .flat_map(uses)
            .map(|found| match found {
                Use::Path(path) => path.iter().map(|token| token.text).collect::<Vec<_>>().join("."),
                Use::Filter(token) => format!("|{}", token.text),
                Use::Test(token) => format!("is {}", token.text),
                Use::Function(token) => format!("{}()", token.text),
                Use::Argument(of, token) => format!("{}({}=", of.text, token.text),
                Use::Bound(token) => format!("let {}", token.text),
            })
            .collect()
    }

    #[test]
    fn a_path_is_spelled_so_that_a_template_reads_it() {
        for (path, expected) in [
            (&["a"][..], "a"),
            (&["a", "b_1"], "a.b_1"),
            (&["image-tag"], "values[\"image-tag\"]"),
            (&["values", "image-tag"], "values[\"image-tag\"]"),
            (&["a", "b.c", "d"], "a[\"b.c\"].d"),
            (&["xs", "1"], "xs[1]"),
            (&["é", "\""], "values[\"é\"][\"\\\"\"]"),
        ] {
            assert_eq!(spelled(path), expected);
        }
    }

    #[test]
    fn names_and_what_they_stand_for() {
        for (template, expected) in [
            ("{{ a }} {{ b.c?.d | upper }}", vec!["a", "b.c.d", "|upper"]),
            ("{{ \"a.b | c\" ~ 'env.X' ~ `x` }}", vec![]),
            ("{{ 'it\\'s' ~ a }}", vec!["a"]),
            ("{# {{ a }} #}{% raw %}{{ b }}{% endraw %}{{ c }}", vec!["c"]),
            ("{%- raw -%} {{ a }} {%- endraw -%}{{b}}", vec!["b"]),
            ("{% if a is defined and b is not odd %}{% endif %}", vec!["a", "is defined", "b", "is odd"]),
            ("{% for k, v in m %}{{ k }}{% endfor %}", vec!["let k", "let v", "m", "k"]),
            (
                "{% set x = git.branch | replace(from=\"/\", to=y) %}",
                vec!["let x", "git.branch", "|replace", "replace(from=", "replace(to=", "y"],
            ),
            ("{% filter upper %}a{% endfilter %}", vec!["|upper"]),
            ("{{ range(end=n) }}", vec!["range()", "range(end=", "n"]),
            ("{{ (a | f(b=c | g(d=1), e=(h))) }}", vec!["a", "|f", "f(b=", "c", "|g", "g(d=", "f(e=", "h"]),
            ("{% if a is b(c=1) and (d) %}", vec!["a", "is b", "b(c=", "d"]),
            ("{{ a[env.X] }}", vec!["a", "env.X"]),
            ("{{ env[x] }}", vec!["env", "x"]),
            ("{% if not a and (b or c) %}", vec!["a", "b", "c"]),
            ("{{ f(a=1, env=2) }}", vec!["f()", "f(a=", "f(env="]),
            ("{{ {\"k\": a, \"l\": [b]} }}", vec!["a", "b"]),
            ("a }} b {{ unclosed", vec![]),
            ("${X} {x} %} #}", vec![]),
        ] {
            assert_eq!(told(template), expected, "{template}");
        }
    }
}
