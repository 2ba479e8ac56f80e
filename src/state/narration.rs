//! What an operation tells while it goes on. `output` says it in kubectl's words; here it is only named.

use super::error::Error;
use crate::chain::retention::StayReason;
use crate::cluster::Resource;

/// One thing that is told, as soon as it is so.
#[derive(Debug)]
pub enum Narration<'a> {
    /// What is done, or waited for: a sentence.
    Progress(String),
    /// What whoever asked for it should know: a sentence.
    Warning(String),
    /// The chain has ended; `false`: it had before.
    Ended(bool),
    /// A namespace was, or would be, deleted.
    Deleted(&'a str),
    /// A namespace is being deleted already.
    Going(&'a str),
    /// A namespace stays.
    Stays(&'a str, &'a StayReason),
    /// There is no namespace of this name.
    Missing(&'a str),
    /// A namespace could not be disposed of.
    Failed(&'a str, &'a Error),
    /// What an agent would have done was, or would be, done by hand: about an object, in words.
    Repaired(&'a Resource, &'a str, &'a str),
    /// It could not be done.
    Unrepaired(&'a Resource, &'a str, &'a Error),
    /// An object in home was deleted.
    Forgotten(&'a Resource, &'a str),
}

/// Where an operation tells what it does.
pub type Say<'a> = &'a dyn Fn(Narration<'_>);

/// Tells a sentence of what is done.
pub(crate) fn progress(say: Say<'_>, sentence: impl Into<String>) {
    say(Narration::Progress(sentence.into()));
}

/// Tells a sentence that whoever asked should know.
pub(crate) fn warn(say: Say<'_>, sentence: impl Into<String>) {
    say(Narration::Warning(sentence.into()));
}
