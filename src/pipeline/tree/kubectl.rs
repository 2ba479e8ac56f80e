//! What kubectl refuses, or takes for something else, and the parser reads by YAML 1.2. kubectl reads by 1.1, with a port of
//! libyaml.

use serde_saphyr::granit_parser::{ScalarStyle, Scanner, StrInput, Token, TokenType};

use super::Wrong;

const QUOTE: &str = "put the word in quotes";

/// Looks for what kubectl would not read, or not so, in a text that the parser has read.
///
/// # Errors
/// The first of it.
pub(super) fn check(text: &str) -> Result<(), Wrong> {
    let mut look = KubectlView {
        text,
        end: 0,
        tab: true,
        word: false,
        blocks: Vec::new(),
        keys: Vec::new(),
        begun: false,
    };
    for token in Scanner::new(StrInput::new(text)) {
        // the parser has taken the text
        let Ok(token) = token else { break };
        look.at(&token)?;
    }
    Ok(())
}

/// The place of a byte of a text.
fn wrong(text: &str, at: usize, what: &str) -> Wrong {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Wrong {
        line: before.matches('\n').count() + 1,
        column: before[start..].chars().count() + 1,
        what: what.to_owned(),
        why: None,
        hint: None,
    }
}

/// What was seen so far.
struct KubectlView<'a> {
    text: &'a str,
    /// Where the last token ends.
    end: usize,
    /// Whether a mapping or list may start here, so that a tab would count as indentation.
    tab: bool,
    /// Whether the last token is a word without quotes.
    word: bool,
    /// The columns of the open block collections, from 0.
    blocks: Vec<usize>,
    /// Of each open bracket: where the key starts whose colon is still to come.
    keys: Vec<Option<usize>>,
    /// Whether there is anything of a document.
    begun: bool,
}

impl KubectlView<'_> {
    fn at(&mut self, token: &Token<'_>) -> Result<(), Wrong> {
        let span = token.span();
        let start = span.start.byte_offset().unwrap_or_default();
        let end = span.end.byte_offset().unwrap_or(start);
        let brackets = !self.keys.is_empty();
        if !brackets {
            self.tabs(start)?;
            // the parser puts an item where its value starts
            let dash = self.text.get(self.end..start).and_then(|gap| gap.find('-'));
            if let Some(dash) = dash.filter(|_| *token.token_type() == TokenType::BlockEntry) {
                (self.end, self.tab, self.word) = (self.end + dash + 1, true, false);
                self.tabs(start)?;
            }
        }
        // what stands at the place of a token that has no length
        let sign = |sign| self.text[start..].starts_with(sign);
        let (mut tab, mut word, mut reached) = (false, false, end);
        match token.token_type() {
            TokenType::StreamStart | TokenType::StreamEnd | TokenType::Comment(_) => tab = self.tab,
            TokenType::BlockSequenceStart | TokenType::BlockMappingStart => {
                self.blocks.push(span.start.col());
                tab = self.tab;
            }
            TokenType::BlockEnd => {
                self.blocks.pop();
                (tab, word) = (self.tab, self.word);
            }
            TokenType::BlockEntry => tab = true,
            TokenType::Key => {
                let explicit = sign('?');
                tab = if explicit { !brackets } else { self.tab };
                reached = start + usize::from(explicit);
                if let Some(key) = self.keys.last_mut() {
                    *key = (!explicit).then_some(start);
                }
            }
            TokenType::Value => {
                reached = start + usize::from(sign(':'));
                tab = self.value(start, reached)?;
            }
            TokenType::FlowSequenceStart | TokenType::FlowMappingStart if start < end => self.keys.push(None),
            TokenType::FlowSequenceEnd | TokenType::FlowMappingEnd if start < end => {
                self.keys.pop();
            }
            TokenType::DocumentEnd if !self.begun => {
                let what = "`...` ends a document that has not begun";
                return Err(wrong(self.text, start, what).why("kubectl refuses it").hint("take it out"));
            }
            TokenType::Anchor(name) | TokenType::Alias(name) => self.name(start, name)?,
            TokenType::Tag(..) if self.text[end..].starts_with(',') => {
                return Err(wrong(self.text, start, "a comma stands right after a tag")
                    .why("kubectl takes it for part of the tag")
                    .hint("put a blank between them, or leave the tag out"));
            }
            TokenType::Scalar(style, _) => {
                word = *style == ScalarStyle::Plain;
                tab = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                self.scalar(start, end, *style)?;
            }
            _ => {}
        }
        self.begun |= !matches!(token.token_type(), TokenType::StreamStart | TokenType::Comment(_));
        (self.tab, self.word, self.end) = (tab, word, self.end.max(reached));
        Ok(())
    }

    /// What lies between two tokens, outside of brackets.
    fn tabs(&self, start: usize) -> Result<(), Wrong> {
        let gap = self.text.get(self.end..start).unwrap_or_default();
        let indent = self.blocks.last().map_or(0, |column| column + 1);
        let mut at = self.end;
        for (index, line) in gap.split('\n').enumerate() {
            let fits = |tab: usize| if index == 0 { !self.tab } else { self.word && tab >= indent };
            let blank = line.split(['#', '-']).next().unwrap_or_default();
            if let Some(tab) = blank.find('\t').filter(|tab| !fits(*tab)) {
                return Err(wrong(self.text, at + tab, "a tab stands where YAML counts blanks")
                    .why("kubectl takes no tab for indentation")
                    .hint("write blanks"));
            }
            at += line.len() + 1;
        }
        Ok(())
    }

    /// The colon after a key; whether a block may start after it.
    fn value(&mut self, start: usize, end: usize) -> Result<bool, Wrong> {
        let Some(key) = self.keys.last_mut() else { return Ok(self.tab) };
        if let Some(key) = key.take().filter(|key| self.text[*key..start].contains('\n')) {
            return Err(wrong(self.text, key, "a key and its colon stand on several lines between brackets")
                .why("kubectl reads a key on one line only")
                .hint("put them on one line"));
        }
        let next = self.text[end..].chars().next();
        if self.word && self.end == start && next.is_some_and(|next| !next.is_whitespace()) {
            return Err(wrong(self.text, start, "no blank stands after this colon between brackets")
                .why("kubectl takes the colon for part of the word")
                .hint("put a blank after it, or the word in quotes"));
        }
        Ok(false)
    }

    fn name(&self, start: usize, name: &str) -> Result<(), Wrong> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if name.chars().all(plain) {
            return Ok(());
        }
        Err(wrong(
            self.text,
            start,
            "the name of an anchor has other letters than a to z, digits, `-` and `_`",
        )
        .why("kubectl ends the name there")
        .hint("name it otherwise"))
    }

    fn scalar(&self, start: usize, end: usize, style: ScalarStyle) -> Result<(), Wrong> {
        let source = &self.text[start..end];
        match style {
            ScalarStyle::Plain if self.keys.is_empty() => Ok(()),
            ScalarStyle::Plain => match source.find('?') {
                Some(sign) => Err(wrong(self.text, start + sign, "a word between brackets holds a `?`")
                    .why("kubectl takes it for the start of a key")
                    .hint(QUOTE)),
                None if source.starts_with(':') => {
                    Err(wrong(self.text, start, "a word between brackets begins with a colon")
                        .why("kubectl takes it for the end of a key")
                        .hint(QUOTE))
                }
                None => Ok(()),
            },
            ScalarStyle::DoubleQuoted => match escape(source) {
                Some(at) => Err(wrong(self.text, start + at, "an escape that kubectl knows in JSON only")
                    .why("it is one of YAML 1.2, and kubectl reads YAML 1.1")
                    .hint("write the letter itself")),
                None => Ok(()),
            },
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let mut at = start;
                for line in source.split_inclusive('\n') {
                    let text = line.trim_start_matches(' ');
                    if text.starts_with('\t') {
                        return Err(wrong(
                            self.text,
                            at + line.len() - text.len(),
                            "a tab indents the first line of a text",
                        )
                        .why("kubectl takes no tab for indentation")
                        .hint("write blanks, or let another line be the first"));
                    }
                    if !text.trim().is_empty() {
                        break;
                    }
                    at += line.len();
                }
                Ok(())
            }
            ScalarStyle::SingleQuoted => Ok(()),
        }
    }
}

/// An escape of JSON's that YAML 1.1 has not: `\/`, and half a letter (`\ud83d`).
fn escape(source: &str) -> Option<usize> {
    let mut rest = source.as_bytes();
    let at = |rest: &[u8]| source.len() - rest.len();
    loop {
        match rest {
            [b'\\', b'/', ..] | [b'\\', b'u', b'd' | b'D', b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F', ..] => {
                return Some(at(rest));
            }
            [b'\\', _, more @ ..] | [_, more @ ..] => rest = more,
            [] => return None,
        }
    }
}

/// What YAML 1.1 counts as the end of a line, and 1.2 as a letter.
///
/// # Errors
/// The first such letter.
pub(super) fn line_ends(text: &str) -> Result<(), Wrong> {
    // their first bytes, which most texts have none of, are found far sooner than the letters
    let bytes = text.as_bytes();
    if !bytes.contains(&0xC2) && !bytes.contains(&0xE2) {
        return Ok(());
    }
    match text.find(['\u{85}', '\u{2028}', '\u{2029}']) {
        Some(at) => Err(wrong(text, at, "a letter that nobody sees ends the line here")
            .why("kubectl ends a line at U+0085, U+2028 and U+2029, others do not")
            .hint("write it as an escape in double quotes, such as \"\\u2028\"")),
        None => Ok(()),
    }
}
