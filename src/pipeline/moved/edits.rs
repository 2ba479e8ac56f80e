//! Changes to a text, gathered place by place and made in one go.

use std::ops::{Range, RangeInclusive};

use super::sketch::Sketch;
use super::{MoveAct, MoveNote};
use crate::pipeline::scan::Piece;

/// What is to be done to a template.
pub(super) struct Edits<'s> {
    pub(super) sketch: &'s Sketch<'s>,
    changes: Vec<(Range<usize>, String)>,
    notes: Vec<MoveNote>,
}

impl<'s> Edits<'s> {
    pub(super) fn new(sketch: &'s Sketch<'s>) -> Self {
        Self { sketch, changes: Vec::new(), notes: Vec::new() }
    }

    /// Puts a text in the place of another one.
    pub(super) fn put(&mut self, place: Range<usize>, text: impl Into<String>) {
        self.changes.push((place, text.into()));
    }

    pub(super) fn note(
        &mut self,
        lines: RangeInclusive<usize>,
        act: MoveAct,
        what: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.notes.push(MoveNote { of_script: false, lines, act, what: what.into(), why: why.into() });
    }

    /// Whether a place goes, or has something else in its place.
    pub(super) fn is_changed(&self, place: &Range<usize>) -> bool {
        self.changes.iter().any(|(gone, _)| gone.start <= place.start && place.end <= gone.end)
    }

    /// Whether nothing of a line's tags stays.
    pub(super) fn is_line_changed(&self, line: usize) -> bool {
        let sketch = self.sketch;
        let of_line = |piece: &&Piece<'_>| sketch.line(piece.bytes().start) == line;
        let tags = sketch.pieces.iter().filter(|piece| !matches!(piece, Piece::Content(_)));
        let mut tags = tags.filter(of_line).peekable();
        tags.peek().is_some() && tags.all(|piece| self.is_changed(piece.bytes()))
    }

    /// The lines of a place.
    pub(super) fn lines(&self, place: &Range<usize>) -> RangeInclusive<usize> {
        self.sketch.line(place.start)..=self.sketch.line(place.end.saturating_sub(1).max(place.start))
    }

    /// Says that something of a line cannot be used, and marks the line.
    pub(super) fn refuse(&mut self, at: usize, what: impl Into<String>, why: impl Into<String>) {
        let (what, why) = (what.into(), why.into());
        let line = self.sketch.line(at);
        let start = self.sketch.line_around(at).start;
        self.put(start..start, format!("{}\n", mark(line, &what, &why)));
        self.note(line..=line, MoveAct::Refused, what, why);
    }

    /// The text with all changes made, and what there is to say of them. Of two changes to one place the larger counts.
    pub(super) fn done(mut self) -> (String, Vec<MoveNote>) {
        let text = self.sketch.text;
        // what is put in stands before what goes
        self.changes.sort_by_key(|(place, _)| (place.start, !place.is_empty(), std::cmp::Reverse(place.end)));
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (place, with) in self.changes {
            if place.start < at {
                continue;
            }
            out.push_str(&text[at..place.start]);
            out.push_str(&with);
            at = place.end;
        }
        out.push_str(&text[at..]);
        (out, self.notes)
    }
}

/// A call that no template may hold, as the converter writes it: what stood there, and why it cannot stay.
fn mark(line: usize, was: &str, why: &str) -> String {
    let quoted = |text: &str| text.replace(['\n', '\r'], " ").replace(['"', '\\'], "'");
    format!("{{{{ unconverted(line={line}, was=\"{}\", why=\"{}\") }}}}", quoted(was), quoted(why))
}
