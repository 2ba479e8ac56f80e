//! A template cut into pieces: text, comments, `{{ … }}` and `{% … %}`, these with their words.
//!
//! Tera has no public syntax tree. This is enough of one to find what a template reads before it is rendered, to name
//! a filter that does not exist with its place, and to lay marks between the pieces.

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

#[cfg(test)]
mod tests {
    use super::*;

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
