//! A template of JSONPath as nodes.

use std::str::Chars;

/// What a path is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PathNode {
    /// Text, as it stands or between quotes.
    Text(String),
    /// `1`.
    Int(i64),
    /// `1.5`.
    Float(f64),
    /// `true`.
    Bool(bool),
    /// `range`, `end`, or a word that means nothing.
    Word(String),
    /// `.name`.
    Field(String),
    /// `.*`.
    Wildcard,
    /// `..`.
    Recursive,
    /// `[FROM:TO:STEP]`.
    Slice(Slice),
    /// `[?(LEFT OPERATOR RIGHT)]`; no operator asks whether there is one.
    Filter {
        /// Before the operator.
        left: Vec<PathNode>,
        /// None where only `left` stands.
        operator: Option<String>,
        /// Behind it.
        right: Vec<PathNode>,
    },
    /// `['a','b']`.
    Union(Vec<Vec<PathNode>>),
}

/// `[FROM:TO:STEP]`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Slice {
    pub(super) from: Option<i64>,
    pub(super) to: Option<i64>,
    pub(super) step: Option<i64>,
    /// `[N]`, where `to` is the place behind it.
    pub(super) one: bool,
}

/// Texts and actions, one behind the other; a text is a list of one.
pub(super) fn parse(text: &str) -> Result<Vec<Vec<PathNode>>, String> {
    let mut parser = Parser { rest: text };
    let mut parts = Vec::new();
    while !parser.rest.is_empty() {
        let (before, action) = match parser.rest.split_once('{') {
            Some((before, behind)) => (before, Some(behind)),
            None => (parser.rest, None),
        };
        if !before.is_empty() {
            parts.push(vec![PathNode::Text(before.to_owned())]);
        }
        parser.rest = action.unwrap_or_default();
        if action.is_some() {
            parts.push(parser.action()?);
        }
    }
    Ok(parts)
}

/// The nodes of one action.
fn inner(action: &str) -> Result<Vec<PathNode>, String> {
    Parser { rest: &format!("{action}}}") }.action()
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<char> {
        let letter = self.rest.chars().next()?;
        self.rest = &self.rest[letter.len_utf8()..];
        Some(letter)
    }

    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// What stands up to the first letter that ends it.
    fn up_to(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        self.take(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    /// What stands between `{` and `}`; the first one is behind us.
    fn action(&mut self) -> Result<Vec<PathNode>, String> {
        let mut nodes = Vec::new();
        loop {
            if self.rest.starts_with('}') {
                self.take(1);
                return Ok(nodes);
            }
            if self.rest.starts_with("[?(") {
                nodes.push(self.filter()?);
                continue;
            }
            if self.rest.starts_with("..") {
                if nodes.last() == Some(&PathNode::Recursive) {
                    return Err("invalid multiple recursive descent".to_owned());
                }
                self.take(2);
                nodes.push(PathNode::Recursive);
                if self.rest.starts_with(|c: char| c == '_' || c.is_alphanumeric()) {
                    nodes.push(self.field());
                }
                continue;
            }
            let here = self.rest;
            match self.next() {
                None | Some('\r' | '\n') => return Err("unclosed action".to_owned()),
                Some(' ' | '@' | '$') => {}
                Some('[') => nodes.extend(self.array()?),
                Some(quote @ ('"' | '\'')) => nodes.push(PathNode::Text(self.quoted(here, quote)?)),
                Some('.') => nodes.push(self.field()),
                Some(c) if c == '+' || c == '-' || c.is_ascii_digit() => {
                    self.rest = here;
                    nodes.push(self.number()?);
                }
                Some(c) if c == '_' || c.is_alphanumeric() => {
                    self.rest = here;
                    nodes.push(match self.up_to(ends) {
                        "true" => PathNode::Bool(true),
                        "false" => PathNode::Bool(false),
                        word => PathNode::Word(word.to_owned()),
                    });
                }
                Some(c) => {
                    let shown = if c.is_control() { String::new() } else { format!(" '{c}'") };
                    return Err(format!("unrecognized character in action: U+{:04X}{shown}", u32::from(c)));
                }
            }
        }
    }

    /// A name up to what ends it; a backslash takes the next letter as it is.
    fn field(&mut self) -> PathNode {
        let mut name = String::new();
        while let Some(c) = self.rest.chars().next().filter(|c| !ends(*c)) {
            self.next();
            match c {
                '\\' => name.extend(self.next().filter(|c| *c != '\\')),
                c => name.push(c),
            }
        }
        if name == "*" { PathNode::Wildcard } else { PathNode::Field(name) }
    }

    fn number(&mut self) -> Result<PathNode, String> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let digits = self.rest[sign..].find(|c: char| c != '.' && !c.is_ascii_digit());
        let text = self.take(digits.map_or(self.rest.len(), |digits| sign + digits));
        if let Ok(int) = text.parse() {
            return Ok(PathNode::Int(int));
        }
        text.parse().map(PathNode::Float).map_err(|_| format!("cannot parse number {text}"))
    }

    /// `here` begins with the quote, which is behind us.
    fn quoted(&mut self, here: &'a str, quote: char) -> Result<String, String> {
        let mut last = quote;
        loop {
            match self.next() {
                None | Some('\n') => return Err("unterminated quoted string".to_owned()),
                Some(c) if c == quote && last != '\\' => break,
                Some(c) => last = c,
            }
        }
        let whole = &here[..here.len() - self.rest.len()];
        unquote(&whole[1..whole.len() - 1], quote)
            .ok_or_else(|| format!("unquote string {whole} error invalid syntax"))
    }

    /// What stands between `[` and `]`; the first one is behind us.
    fn array(&mut self) -> Result<Vec<PathNode>, String> {
        let text = self.up_to(|c| matches!(c, ']' | '\n'));
        if self.next() != Some(']') {
            return Err("unterminated array".to_owned());
        }
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let each = text.split(',').map(|one| inner(&format!("[{}]", one.trim_matches(' '))));
            return Ok(vec![PathNode::Union(each.collect::<Result<_, _>>()?)]);
        }
        let key = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        if let Some(key) = key.filter(|key| !key.contains('\'')) {
            return inner(&format!(".{key}"));
        }
        slice(text).map(|slice| vec![PathNode::Slice(slice)])
    }

    fn filter(&mut self) -> Result<PathNode, String> {
        self.take("[?(".len());
        let here = self.rest;
        let (mut quote, mut closed, mut last) = (None, false, ' ');
        loop {
            let c = self.next().filter(|c| *c != '\n').ok_or("unterminated filter")?;
            match c {
                '"' | '\'' if quote.is_none() => quote = Some(c),
                c if Some(c) == quote && last != '\\' => closed = true,
                ')' if quote.is_some() == closed => break,
                _ => {}
            }
            last = c;
        }
        let text = &here[..here.len() - self.rest.len() - 1];
        if self.next() != Some(']') {
            return Err("unclosed array expect ]".to_owned());
        }
        let sign = |c: char| matches!(c, '!' | '<' | '>' | '=');
        let begin = text.find(sign).filter(|begin| *begin > 0);
        let comparison = begin.and_then(|begin| {
            let end = begin + text[begin..].find(|c| !sign(c)).unwrap_or(text.len() - begin);
            // something stands behind an operator, be it a sign
            let end = if end == text.len() { end - 1 } else { end };
            (end > begin).then(|| (&text[..begin], &text[begin..end], &text[end..]))
        });
        Ok(match comparison {
            None => PathNode::Filter { left: inner(text)?, operator: None, right: Vec::new() },
            Some((left, operator, right)) => PathNode::Filter {
                left: inner(left)?,
                operator: Some(operator.to_owned()),
                right: inner(right)?,
            },
        })
    }
}

/// Whether a letter ends a name.
fn ends(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

/// `-1`, `:3`, `1:`, `::2`.
fn slice(text: &str) -> Result<Slice, String> {
    let wrong = || format!("invalid array index {text}");
    let parts: Vec<&str> = text.split(':').collect();
    let number = |part: &str| match part {
        "" => Ok(None),
        part if part.trim_start_matches('-').chars().all(|c| c.is_ascii_digit())
            && part.rfind('-').is_none_or(|at| at == 0) =>
        {
            part.parse().map(Some).map_err(|_| format!("array index {part} is not a number"))
        }
        _ => Err(wrong()),
    };
    match *parts.as_slice() {
        [one] => {
            let from = number(one)?;
            Ok(Slice { from, to: Some(from.unwrap_or(0).saturating_add(1)), step: None, one: true })
        }
        [from, to] => Ok(Slice { from: number(from)?, to: number(to)?, ..Slice::default() }),
        [from, to, step] => {
            Ok(Slice { from: number(from)?, to: number(to)?, step: number(step)?, one: false })
        }
        _ => Err(wrong()),
    }
}

/// What stands between quotes, its escapes read as Go reads them.
fn unquote(text: &str, quote: char) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        out.push(if c == '\\' { escaped(&mut letters, quote)? } else { c });
    }
    Some(out)
}

/// What an escape stands for, its backslash behind us.
fn escaped(letters: &mut Chars<'_>, quote: char) -> Option<char> {
    let coded = |letters: &mut Chars<'_>, count: usize, radix: u32| {
        let digits: Option<Vec<u32>> = (0..count).map(|_| letters.next()?.to_digit(radix)).collect();
        char::from_u32(digits?.iter().fold(0, |number, digit| number * radix + digit))
    };
    if letters.as_str().starts_with(|c| matches!(c, '0'..='7')) {
        return coded(letters, 3, 8);
    }
    match letters.next()? {
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        '\\' => Some('\\'),
        c if c == quote => Some(c),
        'x' => coded(letters, 2, 16),
        'u' => coded(letters, 4, 16),
        'U' => coded(letters, 8, 16),
        _ => None,
    }
}
