//! Rust's text as nested words, texts and brackets: as much of its grammar as the list of errors needs.

use std::iter::Peekable;
use std::str::Chars;

/// A piece of source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// A name, a keyword or a number.
    Word(String),
    /// A string literal, as it is meant.
    Text(String),
    /// Any other letter.
    Sign(char),
    /// What stands in brackets, with the opening one.
    Group(char, Vec<Token>),
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        if let Self::Word(word) = self { Some(word) } else { None }
    }

    pub(crate) fn is(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }
}

/// Reads a file, without its comments.
pub(crate) fn read(text: &str) -> Vec<Token> {
    group(&mut text.chars().peekable(), None)
}

fn group(rest: &mut Peekable<Chars<'_>>, end: Option<char>) -> Vec<Token> {
    let mut tokens = Vec::new();
    while let Some(c) = rest.next() {
        match c {
            c if Some(c) == end => break,
            c if c.is_whitespace() => {}
            '/' if rest.peek() == Some(&'/') => drop(rest.by_ref().find(|c| *c == '\n')),
            '"' => tokens.push(Token::Text(string(rest))),
            'r' if matches!(rest.peek(), Some('"' | '#')) => tokens.push(Token::Text(raw(rest))),
            'b' if matches!(rest.peek(), Some('"' | '\'')) => {}
            '\'' => character(rest),
            '(' => tokens.push(Token::Group('(', group(rest, Some(')')))),
            '[' => tokens.push(Token::Group('[', group(rest, Some(']')))),
            '{' => tokens.push(Token::Group('{', group(rest, Some('}')))),
            c if c.is_alphanumeric() || c == '_' => {
                let mut word = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
                    word.push(c);
                }
                tokens.push(Token::Word(word));
            }
            c => tokens.push(Token::Sign(c)),
        }
    }
    tokens
}

/// A string literal, its first quote already read.
fn string(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut text = String::new();
    while let Some(c) = rest.next() {
        match c {
            '"' => break,
            '\\' => match rest.next() {
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                // goes on behind the indentation of the next line
                Some('\n') => while rest.next_if(|c| c.is_whitespace()).is_some() {},
                Some('u') => drop(rest.by_ref().find(|c| *c == '}')),
                Some(c) => text.push(c),
                None => break,
            },
            c => text.push(c),
        }
    }
    text
}

fn raw(rest: &mut Peekable<Chars<'_>>) -> String {
    let mut hashes = 0;
    while rest.next_if_eq(&'#').is_some() {
        hashes += 1;
    }
    rest.next();
    let (mut text, end) = (String::new(), format!("\"{}", "#".repeat(hashes)));
    while !text.ends_with(&end) {
        let Some(c) = rest.next() else { break };
        text.push(c);
    }
    text.truncate(text.len().saturating_sub(end.len()));
    text
}

/// A character, or a lifetime, its quote already read; neither says anything.
fn character(rest: &mut Peekable<Chars<'_>>) {
    match rest.next() {
        Some('\\') => {
            rest.next();
            rest.find(|c| *c == '\'');
        }
        Some(_) => drop(rest.next_if_eq(&'\'')),
        None => {}
    }
}

/// The parts between commas; those of closures' parameters and generics count as well, which nothing here minds.
pub(crate) fn parts(tokens: &[Token]) -> Vec<&[Token]> {
    let mut parts: Vec<&[Token]> = tokens.split(|token| token.is(',')).collect();
    parts.retain(|part| !part.is_empty());
    parts
}
