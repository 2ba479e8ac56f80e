//! A Go template cut into texts, comments and actions, and these into words, as text/template's own lexer cuts it.

use std::ops::Range;

/// `{{ … }}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag {
    /// Where, with its braces.
    pub(super) bytes: Range<usize>,
    /// The line of its first brace, counted from 1.
    pub(super) line: usize,
    /// Whether it takes away the blanks before it.
    pub(super) left: bool,
    /// Whether it takes away the blanks after it.
    pub(super) right: bool,
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum GoPiece {
    Text(Range<usize>),
    /// `{{/* … */}}`: the tag, and what it says.
    Comment(Tag, Range<usize>),
    /// An action: its words, or why it has none.
    Action(Tag, Result<Vec<Word>, String>),
}

/// A word of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) kind: WordKind,
    /// Whether it follows the word before it without a blank.
    pub(super) joined: bool,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum WordKind {
    Dot,
    Field(String),
    /// With its `$`.
    Variable(String),
    Name(String),
    Text(String),
    Whole(i64),
    Fraction(f64),
    Pipe,
    Open,
    Close,
    Comma,
    Assign,
    Declare,
}

/// What Go takes for a blank; other spaces are text.
pub(super) const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts a template up. An action without an end is the last piece.
pub(super) fn pieces(text: &str) -> Vec<GoPiece> {
    let mut pieces = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let start = text[at..].find("{{").map_or(text.len(), |offset| at + offset);
        if start > at {
            pieces.push(GoPiece::Text(at..start));
        }
        if start == text.len() {
            break;
        }
        line += text[at..start].matches('\n').count();
        let left = text[start + 2..].starts_with('-') && text[start + 3..].starts_with(BLANKS);
        let inside = start + 2 + usize::from(left);
        let tag = |end, right| Tag { bytes: start..end, line, left, right };
        let (end, piece) = if text[inside..].trim_start_matches(BLANKS).starts_with("/*") {
            if let Some((said, end, right)) = comment(text, inside) {
                (end, GoPiece::Comment(tag(end, right), said))
            } else {
                // Go reads no further either
                let why = "the comment has no end, or something stands behind it".to_owned();
                (text.len(), GoPiece::Action(tag(text.len(), false), Err(why)))
            }
        } else {
            match words(text, inside) {
                Ok((words, end, right)) => (end, GoPiece::Action(tag(end, right), Ok(words))),
                Err((why, at)) => {
                    // the rest of the tag cannot be read, but the text after it can
                    let end = text[at..].find("}}").map_or(text.len(), |offset| at + offset + 2);
                    (end, GoPiece::Action(tag(end, false), Err(why)))
                }
            }
        };
        pieces.push(piece);
        line += text[start..end].matches('\n').count();
        at = end;
    }
    pieces
}

/// The comment that begins at a place: what it says, its end, and whether it takes away the blanks after it.
fn comment(text: &str, at: usize) -> Option<(Range<usize>, usize, bool)> {
    let rest = &text[at..];
    let begins = at + (rest.len() - rest.trim_start_matches(BLANKS).len());
    let begins = begins + text[begins..].strip_prefix("/*").map(|_| 2)?;
    let ends = begins + text[begins..].find("*/")?;
    let after = &text[ends + 2..];
    let inner = after.trim_start_matches(BLANKS);
    let blanks = inner.len() < after.len();
    let (rest, right) = match inner.strip_prefix('-').filter(|_| blanks) {
        Some(rest) => (rest, true),
        None => (inner, false),
    };
    let rest = rest.strip_prefix("}}")?;
    Some((begins..ends, text.len() - rest.len(), right))
}

/// Why an action has no words, and where that was seen.
type NoWords = (String, usize);

/// The words up to the end of an action, the place after it, and whether it takes away the blanks there.
fn words(text: &str, mut at: usize) -> Result<(Vec<Word>, usize, bool), NoWords> {
    let mut words = Vec::new();
    loop {
        let rest = text[at..].trim_start_matches(BLANKS);
        let joined = rest.len() == text.len() - at;
        at = text.len() - rest.len();
        if let Some(after) = rest.strip_prefix("-}}").filter(|_| !joined) {
            return Ok((words, text.len() - after.len(), true));
        }
        if let Some(after) = rest.strip_prefix("}}") {
            return Ok((words, text.len() - after.len(), false));
        }
        if rest.is_empty() {
            return Err(("the tag has no end".to_owned(), at));
        }
        let (kind, length) = word(rest).map_err(|why| (why, at))?;
        words.push(Word { kind, joined });
        at += length;
    }
}

/// The word that a text begins with, and its length.
fn word(rest: &str) -> Result<(WordKind, usize), String> {
    let mut letters = rest.chars();
    let first = letters.next().unwrap_or_default();
    let second = letters.next().unwrap_or_default();
    let name = |from: usize| from + run(&rest[from..]);
    Ok(match first {
        '|' => (WordKind::Pipe, 1),
        '(' => (WordKind::Open, 1),
        ')' => (WordKind::Close, 1),
        ',' => (WordKind::Comma, 1),
        '=' => (WordKind::Assign, 1),
        ':' if second == '=' => (WordKind::Declare, 2),
        '"' | '`' | '\'' => quoted(rest, first)?,
        '.' if second.is_ascii_digit() => number(rest)?,
        '.' if name(1) == 1 => (WordKind::Dot, 1),
        '.' => (WordKind::Field(rest[1..name(1)].to_owned()), name(1)),
        '$' => (WordKind::Variable(rest[..name(1)].to_owned()), name(1)),
        '+' | '-' | '0'..='9' => number(rest)?,
        _ if name(0) > 0 => (WordKind::Name(rest[..name(0)].to_owned()), name(0)),
        _ => return Err(format!("a tag of Go cannot hold {first:?}")),
    })
}

fn run(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
}

/// A text in quotes, or the number of a letter.
fn quoted(rest: &str, quote: char) -> Result<(WordKind, usize), String> {
    if quote == '`' {
        let end = rest[1..].find('`').ok_or("a text in ` has no end")?;
        return Ok((WordKind::Text(rest[1..=end].replace('\r', "")), end + 2));
    }
    let mut said = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\n' => return Err("a text in quotes ends on its line".to_owned()),
            '\\' => {
                let (_, kind) = letters.next().ok_or("a text in quotes has no end")?;
                said.push(escaped(kind, quote, &mut letters)?);
            }
            letter if letter == quote && quote == '"' => return Ok((WordKind::Text(said), at + 1)),
            letter if letter == quote => {
                let mut only = said.chars();
                return match (only.next(), only.next()) {
                    (Some(letter), None) => Ok((WordKind::Whole(i64::from(u32::from(letter))), at + 1)),
                    _ => Err("between ' stands one letter".to_owned()),
                };
            }
            letter => said.push(letter),
        }
    }
    Err("a text in quotes has no end".to_owned())
}

/// The letter that an escape stands for.
fn escaped(
    kind: char,
    quote: char,
    letters: &mut impl Iterator<Item = (usize, char)>,
) -> Result<char, String> {
    let mut digits = |first: u32, more: usize, radix: u32| {
        let mut code = first;
        for _ in 0..more {
            let digit = letters.next().and_then(|(_, letter)| letter.to_digit(radix));
            code = code * radix + digit.ok_or("an escape has too few digits")?;
        }
        char::from_u32(code).ok_or_else(|| "an escape names no letter".to_owned())
    };
    // a byte above 7f is no letter of its own
    let byte = |letter: char| {
        Some(letter).filter(char::is_ascii).ok_or_else(|| "an escape names half a letter".to_owned())
    };
    Ok(match kind {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '\\' => '\\',
        kind if kind == quote => quote,
        'x' => byte(digits(0, 2, 16)?)?,
        'u' => digits(0, 4, 16)?,
        'U' => digits(0, 8, 16)?,
        '0'..='7' => byte(digits(u32::from(kind) - u32::from('0'), 2, 8)?)?,
        kind => return Err(format!("Go knows no escape `\\{kind}`")),
    })
}

/// A number; what Go would write with an exponent is none of ours.
fn number(rest: &str) -> Result<(WordKind, usize), String> {
    let length = rest
        .char_indices()
        .find(|&(at, letter)| {
            let sign = matches!(letter, '+' | '-');
            let exponent = at > 0 && rest[..at].ends_with(['e', 'E']) && !is_hex(rest);
            !(letter.is_alphanumeric() || matches!(letter, '_' | '.') || sign && (at == 0 || exponent))
        })
        .map_or(rest.len(), |(at, _)| at);
    let text = &rest[..length];
    let wrong = || format!("`{text}` is no number that can be kept as it is");
    let digits = text.trim_start_matches(['+', '-']).replace('_', "");
    let negative = text.starts_with('-');
    let radix = match digits.get(..2) {
        Some("0x" | "0X") => Some((16, 2)),
        Some("0b" | "0B") => Some((2, 2)),
        Some("0o" | "0O") => Some((8, 2)),
        Some(_) if digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((8, 1))
        }
        _ => None,
    };
    let whole = match radix {
        Some((radix, from)) => i64::from_str_radix(&digits[from..], radix).map_err(|_| wrong())?,
        None if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().map_err(|_| wrong())?,
        None => {
            let fraction: f64 = digits.parse().map_err(|_| wrong())?;
            // from here on Go writes an exponent
            let plain = fraction == 0.0 || (1e-4..1e6).contains(&fraction);
            let fraction = if negative { -fraction } else { fraction };
            return if plain { Ok((WordKind::Fraction(fraction), length)) } else { Err(wrong()) };
        }
    };
    Ok((WordKind::Whole(if negative { -whole } else { whole }), length))
}

fn is_hex(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    digits.starts_with("0x") || digits.starts_with("0X")
}
