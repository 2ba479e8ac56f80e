//! A template cut into pieces: text, comments, `{{ … }}` and `{% … %}`, these with their words.
//!
//! Tera has no public syntax tree. This is enough of one to find what a template reads before it is rendered, to name
//! a filter that does not exist with its place, and to lay marks between the pieces.

use std::collections::BTreeSet;
use std::ops::Range;

/// A word or sign within a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) kind: TokenKind,
    /// Place in the template, in bytes.
    pub(super) bytes: Range<usize>,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    Name,
    Text,
    Number,
    Sign,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Text that comes out as it is, also that of `{% raw %}`.
    Content(Range<usize>),
    /// `{# … #}`, and the tags of `{% raw %}`.
    Silent(Range<usize>),
    /// `{{ … }}`.
    Output { bytes: Range<usize>, trims: bool, tokens: Vec<Token<'a>> },
    /// `{% … %}`.
    Tag { bytes: Range<usize>, trims: bool, tokens: Vec<Token<'a>> },
}

impl<'a> Piece<'a> {
    /// The words of a tag or output.
    pub(super) fn tokens(&self) -> &[Token<'a>] {
        match self {
            Self::Output { tokens, .. } | Self::Tag { tokens, .. } => tokens,
            Self::Content(_) | Self::Silent(_) => &[],
        }
    }

    /// Where it is, in bytes.
    pub(super) fn bytes(&self) -> &Range<usize> {
        match self {
            Self::Output { bytes, .. }
            | Self::Tag { bytes, .. }
            | Self::Content(bytes)
            | Self::Silent(bytes) => bytes,
        }
    }

    /// Whether a tag or output is at a place, in bytes.
    pub(super) fn spans(&self, at: usize) -> bool {
        !self.tokens().is_empty() && self.bytes().contains(&at)
    }

    /// The keyword of a tag.
    pub(super) fn keyword(&self) -> Option<&'a str> {
        match self {
            Self::Tag { tokens, .. } => tokens.first().map(|token| token.text),
            _ => None,
        }
    }

    /// Whether a tag begins a section that is captured: its text is worked on before it comes out.
    pub(super) fn begins_capture(&self) -> bool {
        match self.keyword() {
            Some("filter") => true,
            Some("set" | "set_global") => self.tokens().get(2).is_none_or(|token| token.text != "="),
            _ => false,
        }
    }

    /// Whether a tag ends such a section.
    pub(super) fn ends_capture(&self) -> bool {
        matches!(self.keyword(), Some("endfilter" | "endset"))
    }
}

/// Cuts a template up. What Tera refuses ends the cutting; Tera says why.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let Some(start) = opening(text, at) else {
            pieces.push(Piece::Content(at..text.len()));
            break;
        };
        if start > at {
            pieces.push(Piece::Content(at..start));
        }
        let opening = &text[start..start + 2];
        let trims = text[start + 2..].starts_with('-');
        at = match opening {
            "{#" => {
                let Some(length) = text[start..].find("#}") else { break };
                let end = start + length + 2;
                pieces.push(Piece::Silent(start..end));
                end
            }
            "{%" if raw_tag(&text[start..], "raw").is_some() => {
                let body = start + raw_tag(&text[start..], "raw").unwrap_or_default();
                let Some((end, after)) = text[body..].match_indices("{%").find_map(|(offset, _)| {
                    Some((body + offset, raw_tag(&text[body + offset..], "endraw")?))
                }) else {
                    break;
                };
                let after = end + after;
                pieces.extend([
                    Piece::Silent(start..body),
                    Piece::Content(body..end),
                    Piece::Silent(end..after),
                ]);
                after
            }
            opening => {
                let closing = if opening == "{{" { "}}" } else { "%}" };
                let inside = start + 2 + usize::from(trims);
                let Some((tokens, end)) = tokens(text, inside, closing) else { break };
                let bytes = start..end;
                pieces.push(if opening == "{{" {
                    Piece::Output { bytes, trims, tokens }
                } else {
                    Piece::Tag { bytes, trims, tokens }
                });
                end
            }
        };
    }
    pieces
}

/// Where the next tag, output or comment opens.
fn opening(text: &str, at: usize) -> Option<usize> {
    let opens = |place: &usize| matches!(text.as_bytes().get(place + 1), Some(b'{' | b'%' | b'#'));
    text[at..].match_indices('{').map(|(offset, _)| at + offset).find(opens)
}

/// The length of `{% name %}` with its whitespace signs, if the text begins with it.
fn raw_tag(text: &str, name: &str) -> Option<usize> {
    let rest = text.strip_prefix("{%")?;
    let rest =
        rest.strip_prefix('-').unwrap_or(rest).trim_ascii_start().strip_prefix(name)?.trim_ascii_start();
    let rest = rest.strip_prefix('-').unwrap_or(rest).strip_prefix("%}")?;
    Some(text.len() - rest.len())
}

/// The tokens up to the closing sign, and the offset after it.
fn tokens<'a>(text: &'a str, mut at: usize, closing: &str) -> Option<(Vec<Token<'a>>, usize)> {
    let mut tokens = Vec::new();
    loop {
        let rest = &text[at..];
        let trimmed = rest.trim_ascii_start();
        at += rest.len() - trimmed.len();
        if let Some(after) = trimmed.strip_prefix('-').unwrap_or(trimmed).strip_prefix(closing) {
            return Some((tokens, text.len() - after.len()));
        }
        let first = trimmed.chars().next()?;
        let (kind, length) = match first {
            '"' | '\'' | '`' => (TokenKind::Text, quoted(trimmed)?),
            '0'..='9' => (TokenKind::Number, run(trimmed, |letter| letter.is_ascii_digit() || letter == '.')),
            'a'..='z' | 'A'..='Z' | '_' => {
                (TokenKind::Name, run(trimmed, |letter| letter.is_ascii_alphanumeric() || letter == '_'))
            }
            _ => {
                let long = ["...", "//", "**", "==", "!=", ">=", "<=", "</", "?.", "?["];
                let sign = long.iter().find(|sign| trimmed.starts_with(**sign));
                (TokenKind::Sign, sign.map_or(first.len_utf8(), |sign| sign.len()))
            }
        };
        tokens.push(Token { text: &trimmed[..length], kind, bytes: at..at + length });
        at += length;
    }
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !belongs(letter)).unwrap_or(text.len())
}

/// Length of a quoted text with its quotes.
fn quoted(text: &str) -> Option<usize> {
    let quote = text.chars().next()?;
    let mut escaped = false;
    for (offset, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            letter if letter == quote => return Some(offset + 1),
            _ => {}
        }
    }
    None
}

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

const KEYWORDS: [&str; 24] = [
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

    #[test]
    fn pieces_cover_the_template() {
        let text = "a {{- b -}} c{% if d -%}e{%- endif %}\n";
        let places: Vec<_> = pieces(text)
            .into_iter()
            .map(|piece| match piece {
                Piece::Content(bytes) => format!("T{}", &text[bytes]),
                Piece::Silent(_) => "S".to_owned(),
                Piece::Output { bytes, trims, .. } => format!("O{trims}{}", &text[bytes]),
                Piece::Tag { bytes, trims, .. } => format!("G{trims}{}", &text[bytes]),
            })
            .collect();
        assert_eq!(
            places,
            ["Ta ", "Otrue{{- b -}}", "T c", "Gfalse{% if d -%}", "Te", "Gtrue{%- endif %}", "T\n"]
        );
    }
}
