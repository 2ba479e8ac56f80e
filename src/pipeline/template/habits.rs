//! What people write who know Jinja or Helm, and how Tera has it: their own expression, ready to be pasted.
//!
//! Only what cannot be rendered as it stands is looked at, so that no template is refused for its style.

mod calls;
mod infix;
mod names;
mod phrase;
mod picks;
mod reader;
mod statement;
mod texts;
mod words;

use std::cell::OnceCell;

use self::phrase::{MeantFor, Note, Stop, TERNARY};
use self::reader::Reader;
use self::statement::Opened;
use crate::pipeline::fault::{Fault, Location};
use crate::pipeline::scan::{Piece, Token};
use crate::pipeline::uses;

/// Something that Tera has otherwise, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Habit {
    /// Where, in bytes.
    pub(super) at: usize,
    what: String,
    why: Option<String>,
    hint: String,
}

impl Habit {
    pub(super) fn fault(self, place: Location) -> Fault {
        let fault = Fault::new(self.what).at(place).hint(self.hint);
        match self.why {
            Some(why) => fault.why(why),
            None => fault,
        }
    }
}

/// Whether a text is a template, what is open being closed.
pub(super) type Parses<'p> = &'p dyn Fn(&str) -> bool;

/// A template that is looked at.
pub(super) struct Looked<'t, 'a> {
    pub(super) text: &'t str,
    pub(super) pieces: &'t [Piece<'a>],
    pub(super) parses: Parses<'t>,
    open_ends: OnceCell<bool>,
}

impl<'t, 'a> Looked<'t, 'a> {
    pub(super) fn new(text: &'t str, pieces: &'t [Piece<'a>], parses: Parses<'t>) -> Self {
        Self { text, pieces, parses, open_ends: OnceCell::new() }
    }

    /// The first habit in a text that is no template, up to the place where Tera gave up.
    pub(super) fn first(&self, until: usize) -> Option<Habit> {
        let (mut end, mut opened) = (0, Vec::new());
        for (index, piece) in self.pieces.iter().enumerate() {
            if piece.bytes().start > until {
                return None;
            }
            end = piece.bytes().end;
            // a word that stands alone may be a value's name
            if (!self.stands_alone(index) || self.has_open_ends())
                && let Some(habit) = self.within(index, &opened)
            {
                return Some(habit);
            }
            statement::pass(&mut opened, piece);
        }
        comment(self.text, end)
    }

    /// The habit in one piece that cannot stay as it is.
    pub(super) fn of(&self, index: usize) -> Option<Habit> {
        if self.stands_alone(index) && !self.has_open_ends() {
            let word = &self.pieces[index].tokens()[0];
            return Some(absent(statement::ends_nothing(word.bytes.start, word.text)));
        }
        self.within(index, &statement::opened(&self.pieces[..index]))
    }

    fn stands_alone(&self, index: usize) -> bool {
        matches!(&self.pieces[index], Piece::Output { tokens, .. } if statement::stands_alone(tokens))
    }

    fn has_open_ends(&self) -> bool {
        *self.open_ends.get_or_init(|| has_open_ends(self.pieces))
    }

    fn within(&self, index: usize, opened: &[Opened]) -> Option<Habit> {
        let Self { text, pieces, parses, .. } = *self;
        let piece = &pieces[index];
        let (bytes, is_output) = match piece {
            Piece::Output { bytes, .. } => (bytes.clone(), true),
            Piece::Tag { bytes, .. } => (bytes.clone(), false),
            Piece::Content(_) | Piece::Silent(_) => return None,
        };
        // `${{ … }}` is another program's
        if is_output && text[..bytes.start].ends_with('$') {
            return None;
        }
        if let Some(habit) = comment(text, bytes.start) {
            return Some(habit);
        }
        let tokens = piece.tokens();
        let mut reader = Reader::new(tokens, statement::dot(opened));
        if !is_output {
            no_plus(&mut reader);
        }
        let told = if !is_output || statement::is_statement(&tokens[reader.at..]) {
            statement::read(&mut reader, opened, is_output)
                .map(|told| (format!("% {} %", told.text), told.besides))
        } else {
            reader.expression(TERNARY).map(|phrase| (format!("{{ {} }}", phrase.text), String::new()))
        };
        match told {
            Err(Stop::Absent(note)) => Some(absent(note)),
            Ok((inner, besides)) if reader.is_done() => {
                let note = reader.notes.0?;
                let source = &text[bytes];
                let written = trimmed(source, &inner);
                let is_helm = [".Values", ".Release", ".Chart"].iter().any(|root| text.contains(root));
                let may_stay = match &note.meant {
                    MeantFor::Us => false,
                    MeantFor::Go => !is_helm,
                    MeantFor::GoUnless(name) => !is_helm && !uses::bound(pieces).contains(name.as_str()),
                };
                parses(&written).then(|| written_so(note, &written, &besides, may_stay))
            }
            _ => None,
        }
    }
}

/// Jinja's `{%+ … %}`.
fn no_plus(reader: &mut Reader<'_, '_>) {
    let at = reader.here();
    if reader.take("+") {
        reader.notes.note(at, "a tag has no `+`", "Tera removes blanks only where `-` stands");
    }
}

/// The tag with its minus signs, and what stands between its braces.
fn trimmed(source: &str, inner: &str) -> String {
    let (first, rest) = inner.split_at(1);
    let (rest, last) = rest.split_at(rest.len() - 1);
    let before = if source[2..].starts_with('-') { "-" } else { "" };
    let after = if source[..source.len() - 2].ends_with('-') { "-" } else { "" };
    format!("{{{first}{before}{rest}{after}{last}}}")
}

fn written_so(note: Note, written: &str, besides: &str, may_stay: bool) -> Habit {
    let mut hint = format!("write `{written}`{besides}");
    if may_stay {
        hint.push_str("; text that is meant for another program goes between {% raw %} and {% endraw %}");
    }
    Habit { at: note.at, what: note.what, why: Some(note.more).filter(|why| !why.is_empty()), hint }
}

fn absent(note: Note) -> Habit {
    Habit { at: note.at, what: note.what, why: None, hint: note.more }
}

/// Go's `{{/* … */}}`.
fn comment(text: &str, at: usize) -> Option<Habit> {
    let inner = text.get(at..)?.strip_prefix("{{")?;
    let inner = inner.strip_prefix('-').unwrap_or(inner).trim_ascii_start().strip_prefix("/*")?;
    let (said, after) = inner.split_once("*/")?;
    let after = after.trim_ascii_start();
    after.strip_prefix('-').unwrap_or(after).strip_prefix("}}")?;
    let hint = match said.lines().count() {
        _ if said.contains("#}") => "a comment stands between {# and #}".to_owned(),
        0 | 1 => format!("write `{{# {} #}}`", said.trim()),
        _ => "write `{#` for `{{/*`, and `#}` for `*/}}`".to_owned(),
    };
    Some(Habit { at, what: "a comment stands between {# and #}".to_owned(), why: None, hint })
}

/// Whether something is begun that Tera sees no end of: then a word that stands alone may be that end.
fn has_open_ends(pieces: &[Piece<'_>]) -> bool {
    let goes = |tokens: &[Token<'_>]| statement::is_statement(tokens) && !statement::stands_alone(tokens);
    let mut open = 0_i32;
    for piece in pieces {
        match piece {
            Piece::Output { tokens, .. } if goes(tokens) => return true,
            Piece::Tag { .. } => match piece.keyword().unwrap_or_default() {
                "if" | "for" | "filter" => open += 1,
                "set" | "set_global" if piece.begins_capture() => open += 1,
                "endif" | "endfor" | "endfilter" | "endset" => open -= 1,
                _ => {}
            },
            _ => {}
        }
    }
    open > 0
}

#[cfg(test)]
mod tests;
