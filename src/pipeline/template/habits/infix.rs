//! What follows a value: signs, fields, filters and tests.

use super::phrase::{ATOM, Arguments, FILTER, NOT, PRODUCT, Phrase, SUM, Stop, TERNARY, Told};
use super::reader::Reader;
use super::{calls, names, picks, texts};
use crate::pipeline::scan::{Token, TokenKind};

/// Words and the strength of what stands before and after them, as Tera has it.
const SIGNS: [(&str, u8, u8); 16] = [
    ("or", 1, 2),
    ("and", 3, 4),
    ("in", 5, 6),
    ("==", 7, 8),
    ("!=", 7, 8),
    ("<", 7, 8),
    ("<=", 7, 8),
    (">", 7, 8),
    (">=", 7, 8),
    ("+", SUM, 12),
    ("-", SUM, 12),
    ("*", PRODUCT, 14),
    ("/", PRODUCT, 14),
    ("//", PRODUCT, 14),
    ("%", PRODUCT, 14),
    ("~", PRODUCT, 14),
];

impl Reader<'_, '_> {
    /// Reads on from what is read already; `None` where it ends.
    pub(super) fn infix(&mut self, left: &Phrase, least: u8) -> Result<Option<Phrase>, Stop> {
        let Some(token) = self.tokens.get(self.at).filter(|token| token.kind != TokenKind::Text) else {
            return Ok(None);
        };
        let at = token.bytes.start;
        match token.text {
            "." | "?." if self.touches(0) || !self.touches(1) => self.field(left).map(Some),
            "[" | "?[" => self.subscript(left).map(Some),
            "|" if self.text(1) == "|" && self.touches(1) => self.sign(left, least, "or", 2),
            "&" if self.text(1) == "&" && self.touches(1) => self.sign(left, least, "and", 2),
            "|" if FILTER >= least => {
                self.at += 1;
                self.filter(left).map(Some)
            }
            "is" if NOT >= least => {
                self.at += 1;
                let negated = self.take("not");
                let name = self.next()?;
                let arguments = if self.take("(") { self.arguments()? } else { self.bare_argument(name)? };
                picks::test(&mut self.notes, left, name, &arguments, negated).map(Some)
            }
            "not" if self.text(1) == "in" && NOT >= least => {
                self.at += 2;
                let right = self.expression(NOT + 1)?;
                Ok(Some(Phrase::new(format!("{} not in {}", left.within(NOT), right.within(NOT + 1)), NOT)))
            }
            "if" if least == TERNARY => {
                self.at += 1;
                let condition = self.expression(1)?.text;
                let other = if self.take("else") {
                    self.expression(TERNARY)?.text
                } else {
                    self.notes.note(at, "this `if` has no `else`", "Tera needs both");
                    "\"\"".to_owned()
                };
                let text = format!("{} if {condition} else {other}", left.within(1));
                Ok(Some(Phrase::new(text, TERNARY)))
            }
            "?" if least == TERNARY => {
                self.at += 1;
                self.notes.note(at, "there is no `?`", "Tera's words are `if` and `else`");
                let first = self.expression(TERNARY)?.within(1);
                self.expect(":")?;
                let other = self.expression(TERNARY)?.text;
                Ok(Some(Phrase::new(format!("{first} if {} else {other}", left.within(1)), TERNARY)))
            }
            "**" if 16 >= least => {
                self.at += 1;
                let right = self.expression(15)?;
                Ok(Some(Phrase::new(format!("{} ** {}", left.within(16), right.within(15)), 15)))
            }
            "%" if PRODUCT >= least && left.literal().is_some_and(|text| text.contains('%')) => {
                self.at += 1;
                let what = "`%` puts nothing into a text";
                self.notes.note(at, what, "texts are joined by `~`");
                let items = if self.text(0) == "(" { self.several()? } else { vec![self.expression(14)?] };
                texts::printf(left, &items).map(Some)
            }
            sign => self.sign(left, least, sign, 1),
        }
    }

    fn several(&mut self) -> Result<Vec<Phrase>, Stop> {
        self.expect("(")?;
        let mut items = vec![self.expression(TERNARY)?];
        while self.take(",") {
            items.push(self.expression(TERNARY)?);
        }
        self.expect(")")?;
        Ok(items)
    }

    /// `is divisibleby 3`.
    fn bare_argument(&mut self, name: &Token<'_>) -> Result<Arguments, Stop> {
        let mut arguments = Arguments::default();
        if picks::test_takes_one(name.text) && self.begins_an_operand() {
            arguments.by_place.push((self.here(), self.operand()?));
        }
        Ok(arguments)
    }

    fn sign(&mut self, left: &Phrase, least: u8, sign: &str, tokens: usize) -> Result<Option<Phrase>, Stop> {
        let Some((_, before, after)) = SIGNS.iter().find(|(text, ..)| *text == sign) else { return Ok(None) };
        if *before < least {
            return Ok(None);
        }
        let at = self.here();
        if tokens == 2 {
            let what = format!("there is no `{0}{0}`", self.text(0));
            self.notes.note(at, what, &format!("the word is `{sign}`"));
        }
        self.at += tokens;
        let right = self.expression(*after)?;
        if sign == "+" && (left.is_text || right.is_text) {
            self.notes.note(at, "`+` adds numbers", "texts are joined by `~`");
            let text = format!("{} ~ {}", left.within(PRODUCT), right.within(14));
            return Ok(Some(Phrase { text, power: PRODUCT, is_text: true }));
        }
        let text = format!("{} {sign} {}", left.within(*before), right.within(*after));
        Ok(Some(Phrase { text, power: (*before).min(*after), is_text: sign == "~" }))
    }

    fn field(&mut self, left: &Phrase) -> Told {
        let dot = self.next()?.text;
        let token = self.next()?;
        let at = token.bytes.start;
        if token.kind == TokenKind::Number {
            self.notes.note(at, "an item of a list is no field", "its number stands in brackets");
            return Ok(Phrase::new(format!("{}[{}]", left.within(ATOM), token.text), ATOM));
        }
        if token.kind != TokenKind::Name {
            return Err(Stop::Unreadable);
        }
        if self.text(0) == "(" && self.touches(0) {
            self.at += 1;
            let arguments = self.arguments()?;
            return calls::method(&mut self.notes, left, token, &arguments);
        }
        if left.text == "loop"
            && let Some(text) = names::of_loop(token.text)
        {
            self.notes.note(
                at,
                format!("`loop` has no `{}`", token.text),
                "it has index, index0, first, last and length",
            );
            return Ok(Phrase::new(text, SUM));
        }
        if left.power < ATOM {
            self.notes.note(at, "a field stands behind a name only", "elsewhere `get` finds it");
            return Ok(Phrase::new(format!("{} | get(key=\"{}\")", left.within(FILTER), token.text), FILTER));
        }
        Ok(Phrase::new(format!("{}{dot}{}", left.text, token.text), ATOM))
    }

    fn subscript(&mut self, left: &Phrase) -> Told {
        let open = self.next()?.text;
        let mut inner = String::new();
        while !self.take("]") {
            if self.take(":") {
                inner.push(':');
            } else {
                inner.push_str(&self.expression(TERNARY)?.text);
            }
        }
        Ok(Phrase::new(format!("{}{open}{inner}]", left.within(ATOM)), ATOM))
    }

    /// What follows a `|`.
    pub(super) fn filter(&mut self, value: &Phrase) -> Told {
        let name = self.next()?;
        if name.kind != TokenKind::Name {
            return Err(Stop::Unreadable);
        }
        if self.take("(") {
            let arguments = self.arguments()?;
            return calls::filter(&mut self.notes, value, name, &arguments);
        }
        let mut arguments = Arguments { bare: true, ..Arguments::default() };
        while self.begins_an_operand() {
            let at = self.here();
            arguments.by_place.push((at, self.operand()?));
        }
        calls::filter(&mut self.notes, value, name, &arguments)
    }
}
