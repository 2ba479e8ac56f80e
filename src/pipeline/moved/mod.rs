//! An old pipeline, its dialect converted, turned into one of ours: document by document, every other byte as it was.
//!
//! What cannot be turned stays, marked so that [`render`](super::render) refuses it with the reason. Nothing is guessed: each
//! change is a [`MoveNote`] with the lines of the file that was given.

mod absent;
mod calls;
mod edits;
mod hooks;
mod namespace;
mod needs;
mod rights;
mod script;
mod sketch;
mod versions;
mod workload;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::convert::{self, Conversion, ConvertNote, Converted};
use super::sources::Text;
use edits::Edits;
pub use needs::{ByFile, Needs};
use sketch::Sketch;

/// A pipeline of old, and the script that its image runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Old {
    /// The template.
    pub pipeline: Text,
    /// The script.
    pub script: Option<Text>,
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// The pipeline.
    pub text: String,
    /// What was done, and what is left to do, by file and line.
    pub notes: Vec<MoveNote>,
    /// What `start` has to be given.
    pub needs: Needs,
}

impl Moved {
    /// Whether something of it cannot be used as it is.
    pub fn is_refused(&self) -> bool {
        self.notes.iter().any(|note| note.act == MoveAct::Refused)
    }
}

/// One thing that was done, or is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveNote {
    /// Whether it is about the script.
    pub of_script: bool,
    /// The lines, from 1, of the file that was given.
    pub lines: RangeInclusive<usize>,
    /// What was done.
    pub act: MoveAct,
    /// With what; where something was put in its place, with both.
    pub what: String,
    /// Why; empty where that goes without saying.
    pub why: String,
}

/// What was done to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MoveAct {
    /// It says the same in our words.
    Changed,
    /// It is gone.
    Dropped,
    /// It became something else that serves the same end.
    Turned,
    /// It cannot be used here, and is marked.
    Refused,
    /// Something that was not there.
    Added,
    /// For a person to do: lines of a script to delete.
    Delete,
    /// For a person to know, or to give.
    Needed,
}

impl MoveAct {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Dropped => "dropped",
            Self::Turned => "turned",
            Self::Refused => "refused",
            Self::Added => "added",
            Self::Delete => "delete",
            Self::Needed => "needed",
        }
    }
}

/// Turns an old pipeline into one of ours.
pub fn moved(old: &Old) -> Moved {
    let Converted { text, notes } = convert::convert(&old.pipeline.text);
    turned(&text, &notes, old.script.as_ref())
}

/// The documents of a converted text.
fn turned(text: &str, converted: &[ConvertNote], script: Option<&Text>) -> Moved {
    let sketch = Sketch::of(text);
    let mut edits = Edits::new(&sketch);
    for document in &sketch.drawn {
        if let Err((line, why)) = &document.read {
            let what = "this document could not be looked at: it stays as it is".to_owned();
            edits.note(*line..=*line, MoveAct::Needed, what, why.clone());
        }
    }
    let objects = sketch.objects();
    let own = namespace::own(&sketch, &objects);
    namespace::turn(&objects, &own, &mut edits);
    versions::turn(&objects, &mut edits);
    rights::turn(&objects, &own, &mut edits);
    hooks::leave_out(&objects, &mut edits);
    let absent = absent::find(&sketch, &objects, &mut edits);
    let mut of_script = Vec::new();
    if let Some(script) = script {
        of_script = script::read(script, &objects, &own, &mut edits);
    }
    namespace::elsewhere(&own, &mut edits);
    // what went anyway is not also told as converted
    let stays = converted.iter().filter(|note| !edits.is_line_changed(note.line));
    let mut notes = gathered(stays.map(of_conversion));
    let (text, turned) = edits.done();
    notes.extend(turned);
    notes.sort_by_key(|note| (*note.lines.start(), *note.lines.end()));
    notes.extend(of_script);
    let needs = Needs::of(&text, absent);
    Moved { text, notes, needs }
}

/// The same change in several lines is one note.
fn gathered(notes: impl Iterator<Item = MoveNote>) -> Vec<MoveNote> {
    let mut all: Vec<(MoveNote, Vec<usize>)> = Vec::new();
    for note in notes {
        let line = *note.lines.start();
        let same = |(other, _): &&mut (MoveNote, Vec<usize>)| {
            note.act == MoveAct::Changed && (&other.what, &other.why) == (&note.what, &note.why)
        };
        match all.iter_mut().find(same) {
            Some((_, lines)) if lines.last() == Some(&line) => {}
            Some((_, lines)) => lines.push(line),
            None => all.push((note, vec![line])),
        }
    }
    let told = |(mut note, lines): (MoveNote, Vec<usize>)| {
        if lines.len() > 1 {
            note.what.extend([", in ", &namespace::listed(&lines[1..]), " too"]);
        }
        note
    };
    all.into_iter().map(told).collect()
}

fn of_conversion(note: &ConvertNote) -> MoveNote {
    let ConvertNote { line, what, before, after, reason } = note;
    let (before, after) = (before.trim(), after.trim());
    let (act, said) = match what {
        Conversion::Changed => (MoveAct::Changed, format!("{before} is {after}")),
        Conversion::Dropped => (MoveAct::Dropped, before.to_owned()),
        Conversion::Turned => (MoveAct::Turned, format!("{before} into {after}")),
        Conversion::Refused => (MoveAct::Refused, before.to_owned()),
    };
    MoveNote { of_script: false, lines: *line..=*line, act, what: said, why: reason.clone() }
}

#[cfg(test)]
mod tests;
