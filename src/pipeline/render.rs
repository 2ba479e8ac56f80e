//! From sources and facts to documents.

use super::facts::Facts;
use super::fault::Fault;
use super::sources::Sources;
use super::template::{Checked, Rendered, Rendering};
use super::values::Values;
use super::{reading, secrets};

/// Renders a template and reads its documents, each with the template lines that it comes from.
///
/// # Errors
/// The first fault of values, template, YAML or secrets. None of them shows a secret.
pub fn render(sources: &Sources, facts: &Facts) -> Result<Rendered, Fault> {
    rendered(sources, facts, true)
}

/// The same, to be shown: documents do not say where they come from, which takes a second rendering. Faults do.
///
/// # Errors
/// As for [`render`].
pub fn shown(sources: &Sources, facts: &Facts) -> Result<Rendered, Fault> {
    rendered(sources, facts, false)
}

fn rendered(sources: &Sources, facts: &Facts, traced: bool) -> Result<Rendered, Fault> {
    let values = Values::merge(sources)?;
    let checked = Checked::of(&sources.template)?;
    reading::told_apart(&checked, &values, facts)?;
    checked.known_facts(facts, &values.all)?;
    let notices = reading::notices(&checked, &values);
    let rendered = secrets::render(&Rendering { checked, values: values.all, facts, traced })?;
    Ok(Rendered { notices, ..rendered })
}
