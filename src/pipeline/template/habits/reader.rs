//! An expression as people with Jinja's or Helm's habits write it, read and said again in Tera's words.
//!
//! One grammar for both: Tera's own, with arguments by position, methods, names that begin with a dot or `$`, and Go's
//! calls without parentheses. What is Tera already is said again without a note.

use super::calls;
use super::names;
use super::phrase::{ATOM, Arguments, MeantFor, NOT, Note, Notes, Phrase, Stop, TERNARY, Told};
use crate::pipeline::scan::{Token, TokenKind};

pub(super) struct Reader<'t, 'a> {
    pub(super) tokens: &'t [Token<'a>],
    pub(super) at: usize,
    /// What `.` is.
    dot: Option<&'t str>,
    depth: usize,
    pub(super) notes: Notes,
}

/// Nesting that Tera reads at most.
const DEPTH: usize = 40;

/// Longest phrase that anybody wants to paste. Forms repeat their parts, so that there must be an end.
const LONGEST: usize = 2000;

impl<'t, 'a> Reader<'t, 'a> {
    pub(super) fn new(tokens: &'t [Token<'a>], dot: Option<&'t str>) -> Self {
        Self { tokens, at: 0, dot, depth: 0, notes: Notes::default() }
    }

    pub(super) fn text(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    pub(super) fn is(&self, ahead: usize, kind: TokenKind) -> bool {
        self.tokens.get(self.at + ahead).is_some_and(|token| token.kind == kind)
    }

    /// Whether nothing stands between a token and the one before it.
    pub(super) fn touches(&self, ahead: usize) -> bool {
        let index = self.at + ahead;
        index > 0
            && self
                .tokens
                .get(index)
                .is_some_and(|token| token.bytes.start == self.tokens[index - 1].bytes.end)
    }

    pub(super) fn next(&mut self) -> Result<&'t Token<'a>, Stop> {
        let token = self.tokens.get(self.at).ok_or(Stop::Unreadable)?;
        self.at += 1;
        Ok(token)
    }

    /// Takes a word if it is the next one.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let there = self.text(0) == text && !self.is(0, TokenKind::Text);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, text: &str) -> Result<(), Stop> {
        if self.take(text) { Ok(()) } else { Err(Stop::Unreadable) }
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.tokens.len()
    }

    /// Where the next word is.
    pub(super) fn here(&self) -> usize {
        let last = self.tokens.last().map_or(0, |token| token.bytes.end);
        self.tokens.get(self.at).map_or(last, |token| token.bytes.start)
    }

    /// Reads what holds together at least as strongly as `least`.
    pub(super) fn expression(&mut self, least: u8) -> Told {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Stop::Unreadable);
        }
        let mut left = self.prefix()?;
        while let Some(more) = self.infix(&left, least)? {
            left = more;
            if left.text.len() > LONGEST {
                return Err(Stop::Unreadable);
            }
        }
        self.depth -= 1;
        Ok(left)
    }

    fn prefix(&mut self) -> Told {
        let token = self.next()?;
        match token.text {
            _ if token.kind == TokenKind::Text => Ok(self.literal(token)),
            _ if token.kind == TokenKind::Number => Ok(Phrase::new(token.text, ATOM)),
            "-" => Ok(Phrase::new(format!("-{}", self.expression(ATOM)?.within(ATOM)), ATOM)),
            "not" | "!" => {
                if token.text == "!" {
                    self.notes.note(token.bytes.start, "there is no `!`", "the word is `not`");
                }
                Ok(Phrase::new(format!("not {}", self.expression(NOT)?.within(NOT + 1)), NOT))
            }
            "(" => self.parentheses(token),
            "[" => self.list(),
            "{" => self.map(),
            "." | "$" => self.dotted(token),
            _ if token.kind == TokenKind::Name => self.name(token),
            _ => Err(Stop::Unreadable),
        }
    }

    fn literal(&mut self, token: &Token<'_>) -> Phrase {
        let text = tera_literal(token.text);
        if text != token.text {
            let more = "Tera knows \\n, \\t, \\r, \\\\, \\\" and \\' only";
            self.notes.note(token.bytes.start, "this text has an escape that Tera does not know", more);
        }
        Phrase { text, power: ATOM, is_text: true }
    }

    fn parentheses(&mut self, open: &Token<'_>) -> Told {
        let first = self.expression(TERNARY)?;
        if self.text(0) != "," {
            self.expect(")")?;
            return Ok(first);
        }
        self.notes.note(open.bytes.start, "there are no tuples", "a list stands in brackets");
        let mut items = vec![first.text];
        while self.take(",") {
            if self.text(0) != ")" {
                items.push(self.expression(TERNARY)?.text);
            }
        }
        self.expect(")")?;
        Ok(Phrase::new(format!("[{}]", items.join(", ")), ATOM))
    }

    fn list(&mut self) -> Told {
        let mut items = Vec::new();
        while !self.take("]") {
            if !items.is_empty() {
                self.expect(",")?;
                if self.take("]") {
                    break;
                }
            }
            let spread = if self.take("...") { "..." } else { "" };
            items.push(format!("{spread}{}", self.expression(TERNARY)?.text));
            if items.len() == 1 && self.take("for") {
                let names = self.names()?;
                self.expect("in")?;
                let mut text = format!("{} for {names} in {}", items[0], self.expression(1)?.text);
                if self.take("if") {
                    text = format!("{text} if {}", self.expression(1)?.text);
                }
                self.expect("]")?;
                return Ok(Phrase::new(format!("[{text}]"), ATOM));
            }
        }
        Ok(Phrase::new(format!("[{}]", items.join(", ")), ATOM))
    }

    /// `a`, `a, b` or `(a, b)`.
    pub(super) fn names(&mut self) -> Result<String, Stop> {
        let at = self.here();
        let bracket = self.take("(");
        let mut names = self.variable()?.to_owned();
        while self.take(",") {
            names = format!("{names}, {}", self.variable()?);
        }
        if bracket {
            self.expect(")")?;
            self.notes.note(
                at,
                "the names of a loop stand in no parentheses",
                "Tera reads `for key, value in …`",
            );
        }
        Ok(names)
    }

    /// A name that the template makes.
    pub(super) fn variable(&mut self) -> Result<&'a str, Stop> {
        let token = self.next()?;
        if token.kind == TokenKind::Name { Ok(token.text) } else { Err(Stop::Unreadable) }
    }

    fn map(&mut self) -> Told {
        let mut fields = Vec::new();
        while !self.take("}") {
            if !fields.is_empty() {
                self.expect(",")?;
                if self.take("}") {
                    break;
                }
            }
            if self.take("...") {
                fields.push(format!("...{}", self.expression(TERNARY)?.text));
                continue;
            }
            let key = self.next()?.text;
            self.expect(":")?;
            fields.push(format!("{key}: {}", self.expression(TERNARY)?.text));
        }
        Ok(Phrase::new(format!("{{{}}}", fields.join(", ")), ATOM))
    }

    /// `.Values.a`, `.a`, `.`, `$.Values.a`, `$a`.
    fn dotted(&mut self, first: &Token<'_>) -> Told {
        let at = first.bytes.start;
        let dollar = first.text == "$";
        let mut parts = Vec::new();
        if dollar && self.touches(0) && self.text(0) == "." {
            self.at += 1;
        } else if dollar && !(self.touches(0) && self.is(0, TokenKind::Name)) {
            return Ok(Phrase::new("$", ATOM));
        } else if dollar {
            let name = self.next()?.text;
            self.notes.add(Note {
                at,
                what: "a name does not begin with `$`".to_owned(),
                more: "what a template makes is named as it stands in `set` and `for`".to_owned(),
                meant: MeantFor::GoUnless(name.to_owned()),
            });
            return Ok(Phrase::new(name, ATOM));
        }
        while self.touches(0) && self.is(0, TokenKind::Name) {
            parts.push(self.next()?.text);
            if self.touches(0) && self.text(0) == "." && self.touches(1) {
                self.at += 1;
            }
        }
        if parts == ["Files", "Get"] && self.begins_an_operand() {
            let file = self.operand()?;
            let (name, more) = names::file(&file)?;
            self.notes.note(at, "a template reads no files", &more);
            return Ok(Phrase::new(name, ATOM));
        }
        let (root, fields) = parts.split_first().map_or(("", &[][..]), |(root, fields)| (*root, fields));
        let (text, more, meant) = if let Some((text, more)) = names::root(at, root, fields)? {
            (text, more, MeantFor::Us)
        } else {
            let (text, meant) = match self.dot.filter(|_| !dollar) {
                Some(dot) if parts.is_empty() => (dot.to_owned(), MeantFor::Us),
                Some(dot) => (format!("{dot}.{}", parts.join(".")), MeantFor::Us),
                None if parts.is_empty() => (".".to_owned(), MeantFor::Go),
                None => (parts.join("."), MeantFor::Go),
            };
            (text, names::NAMED.to_owned(), meant)
        };
        let what = "a name does not begin with a dot".to_owned();
        self.notes.add(Note { at, what, more, meant });
        Ok(Phrase::new(text, ATOM))
    }

    fn name(&mut self, token: &Token<'a>) -> Told {
        let at = token.bytes.start;
        if self.text(0) == "(" && self.touches(0) {
            self.at += 1;
            let arguments = self.arguments()?;
            return calls::function(&mut self.notes, token, &arguments);
        }
        if self.begins_an_operand() {
            let mut words = Vec::new();
            while self.begins_an_operand() {
                words.push(self.operand()?);
            }
            return calls::go(&mut self.notes, token, &words);
        }
        if token.text == "nil" {
            self.notes.note(at, "there is no `nil`", "the word is `none`");
            return Ok(Phrase::new("none", ATOM));
        }
        Ok(Phrase::new(token.text, ATOM))
    }

    /// Whether an argument of a call without parentheses is next, as Go's templates have it.
    pub(super) fn begins_an_operand(&self) -> bool {
        let infix = ["if", "else", "in", "is", "and", "or", "not", "for", "recursive"];
        let apart = !self.touches(0);
        let Some(token) = self.tokens.get(self.at).filter(|_| apart) else { return false };
        match token.kind {
            TokenKind::Text | TokenKind::Number => true,
            TokenKind::Name => !infix.contains(&token.text),
            TokenKind::Sign => match token.text {
                "$" | "(" => true,
                "." => {
                    self.touches(1) || self.at + 1 == self.tokens.len() || matches!(self.text(1), "|" | ")")
                }
                _ => false,
            },
        }
    }

    /// One argument of such a call.
    pub(super) fn operand(&mut self) -> Told {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(Stop::Unreadable);
        }
        let token = self.next()?;
        let mut operand = match token.text {
            _ if token.kind == TokenKind::Text => self.literal(token),
            "(" => self.parentheses(token)?,
            "." | "$" => self.dotted(token)?,
            _ if token.kind == TokenKind::Sign => return Err(Stop::Unreadable),
            "nil" => self.name(token)?,
            _ => Phrase::new(token.text, ATOM),
        };
        while self.touches(0) && matches!(self.text(0), "." | "[") {
            operand = self.infix(&operand, ATOM)?.ok_or(Stop::Unreadable)?;
        }
        self.depth -= 1;
        Ok(operand)
    }

    /// What stands in parentheses, the opening one taken already.
    pub(super) fn arguments(&mut self) -> Result<Arguments, Stop> {
        let mut arguments = Arguments::default();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
                if self.take(")") {
                    break;
                }
            }
            let at = self.here();
            if self.is(0, TokenKind::Name) && self.text(1) == "=" {
                let name = self.next()?.text;
                self.at += 1;
                arguments.named.push((name.to_owned(), at, self.expression(TERNARY)?));
            } else {
                arguments.by_place.push((at, self.expression(TERNARY)?));
            }
        }
        Ok(arguments)
    }
}

/// A text as Tera reads it, which knows few escapes.
fn tera_literal(token: &str) -> String {
    let quote = &token[..1];
    let inner = &token[1..token.len() - 1];
    let mut text = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match (letter, letters.clone().next()) {
            ('\\', Some('"' | '\'' | '/' | '\\' | 'n' | 't' | 'r')) => {
                text.push('\\');
                text.extend(letters.next());
            }
            ('\\', Some('u')) => {
                let code = letters.as_str().get(1..5).and_then(|code| u32::from_str_radix(code, 16).ok());
                match code
                    .and_then(char::from_u32)
                    .filter(|letter| !letter.is_control() && !"\"'`\\".contains(*letter))
                {
                    Some(letter) => {
                        text.push(letter);
                        letters.by_ref().take(5).for_each(drop);
                    }
                    None => text.push_str("\\\\"),
                }
            }
            ('\\', _) => text.push_str("\\\\"),
            (letter, _) => text.push(letter),
        }
    }
    format!("{quote}{text}{quote}")
}
