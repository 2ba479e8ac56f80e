//! A template, what it reads, and what it becomes.
//!
//! The language is Tera 2, one file: no includes, no inheritance. Values stand at the top (`{{ Registry }}`) and under
//! `values`, facts under `git`, `user`, `image`, `build`, and the environment under `env`, each variable by its literal
//! name. Faults are told in our words: Tera's own would list every name that it knows.

mod checked;
mod elsewhere;
mod failure;
mod habits;
mod rendering;
mod unconverted;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

pub(super) use self::checked::Checked;
pub(super) use self::rendering::{Env, Failed, Rendering};
use super::documents::{self, Document, Lines, Origins, Traced};
use super::facts::Reads;
use super::fault::Fault;
use super::notice::PlanNotice;
use super::sources::Text;

/// What a template became. Its debug form shows no secret.
#[derive(Clone, PartialEq)]
pub struct Rendered {
    /// The text, with secrets.
    pub text: String,
    /// The text with every secret value replaced by `***`.
    pub masked: String,
    /// The documents, with secrets.
    pub documents: Vec<Document>,
    /// Names of the secret environment variables that the template reads.
    pub secrets: BTreeSet<String>,
    /// What a person should know of their values.
    pub notices: Vec<PlanNotice>,
}

impl Rendered {
    /// The documents of the masked text, to look at what would be done without seeing a secret.
    ///
    /// # Errors
    /// None in practice: the text differs from one that was read only by its masks.
    pub fn masked_documents(&self) -> Result<Vec<Document>, Fault> {
        documents::read(RENDERED, &self.masked)
    }
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendered")
            .field("masked", &self.masked)
            .field("secrets", &self.secrets)
            .finish_non_exhaustive()
    }
}

/// Name of the rendered text in faults.
pub const RENDERED: &str = "the rendered text";

/// What a template reads of its surroundings; the environment each variable literally, as `env.NAME`.
///
/// # Errors
/// A template that is no template, and any other use of `env`: it is no object to list or to index.
pub fn reads(template: &Text) -> Result<Reads, Fault> {
    let checked = Checked::of(template)?;
    Ok(Reads {
        env: checked.env_names(),
        git: checked.wanted("git"),
        user: checked.wanted("user"),
        build: checked.wanted("build"),
    })
}

/// The template lines behind a rendered text. Who asks for a line pays for all.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a>(pub(super) &'a dyn Fn() -> Origins);

impl Behind<'_> {
    /// The template lines behind a line, counted from 1; none where nothing sure can be said.
    pub(super) fn line(self, line: usize) -> Option<Lines> {
        (self.0)().get(line.saturating_sub(1)).copied().flatten()
    }
}

/// Reads the documents of a rendered text and tells their faults which template lines they come from.
///
/// # Errors
/// What is wrong with the first document that cannot be read.
pub(super) fn read(checked: &Checked<'_>, text: &str, behind: Behind<'_>) -> Result<Vec<Document>, Fault> {
    documents::read(RENDERED, text).map_err(|fault| {
        let origin = fault.place.as_ref().and_then(|place| checked.origin(behind.line(place.line)));
        fault.from(origin)
    })
}

/// Tells documents, too, where they come from, and what of their text may be seen.
pub(super) fn trace(documents: &mut [Document], text: &str, masked: Option<&str>, behind: Behind<'_>) {
    let (text, masked) = (text.to_owned(), masked.map(str::to_owned));
    let traced = Arc::new(Traced { text, masked, origins: (behind.0)() });
    for document in documents {
        document.trace(&traced);
    }
}

#[cfg(test)]
mod tests;
