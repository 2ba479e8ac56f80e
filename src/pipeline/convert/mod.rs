//! From stencil's dialect, Go's text/template with sprig's functions, to ours.
//!
//! `lex` and `golang` read, `meaning`, `calls` and `sprig` say what a part stands for as a `phrase` of Tera, `write` and
//! `page` put it down. What has no counterpart becomes a call of `unconverted`, which no template may
//! hold: `tests/data/stencil.json` has what Go makes of each construct.
//!
//! What is known to differ, since the kind of a value is not known here: a list or a mapping that is written as it is, which
//! Go writes in a notation that is no YAML; `eq` of a text and a number, which Go refuses; a text of digits that begins with
//! 0, which sprig's `int` reads as octal; letters such as `ß`, which Go's `upper` leaves alone.

mod branch;
mod calls;
mod golang;
mod lex;
mod meaning;
mod page;
mod phrase;
pub(super) mod recognise;
mod refused;
mod scope;
mod sprig;
mod templates;
mod write;

use self::write::Writer;

/// A text in our dialect, and what became of the one that it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The text, line for line beside the one that was given, as far as its tags allow.
    pub text: String,
    /// What was done, in the order of lines.
    pub notes: Vec<ConvertNote>,
}

/// What was done to a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertNote {
    /// The line, counted from 1, of the text that was given.
    pub line: usize,
    /// What kind of change it is.
    pub what: Conversion,
    /// What stood there.
    pub before: String,
    /// What stands there now.
    pub after: String,
    /// Why, where that needs saying.
    pub reason: String,
}

/// What became of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// It is said in our words.
    Changed,
    /// It is gone, as it has no meaning here.
    Dropped,
    /// It became something else that serves the same end.
    Turned,
    /// Nothing here does that: the text is marked, and is refused until somebody has replaced it.
    Refused,
}

/// Bytes of a template at most: a chain's record holds no more.
const MOST_BYTES: usize = 1 << 20;

/// Converts a text. What comes of it renders to the same documents with the same values, but for what is
/// [`Conversion::Refused`], and for what stencil makes of a missing value, `<no value>`, which is a fault here.
pub fn convert(text: &str) -> Converted {
    let read = if text.len() > MOST_BYTES {
        Err(format!("it is larger than {} MiB", MOST_BYTES >> 20))
    } else {
        golang::read(text)
    };
    match read {
        Ok(nodes) => {
            let mut writer = Writer::new(text, &nodes);
            writer.nodes(&nodes, false);
            let mut page = writer.page;
            page.notes.sort_by_key(|note| note.line);
            Converted { text: page.text, notes: page.notes }
        }
        Err(why) => {
            let after = page::unread(text, &why);
            let note = ConvertNote {
                line: 1,
                what: Conversion::Refused,
                before: String::new(),
                after: String::new(),
                reason: why,
            };
            Converted { text: after, notes: vec![note] }
        }
    }
}

#[cfg(test)]
mod tests;
