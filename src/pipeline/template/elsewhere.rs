//! Templates of other programs, named for what they are.

use crate::pipeline::convert::recognise::{Theirs, theirs};
use crate::pipeline::fault::{Fault, Location};
use crate::pipeline::sources::Text;

/// The fault of a template that could not be read: what it is and how it is moved over, if it is somebody else's as a whole.
pub(super) fn named(template: &Text, fault: Fault) -> Fault {
    let Some((whose, first)) = theirs(&template.text) else { return fault };
    let file = &template.name;
    let (what, hint) = match whose {
        Theirs::Go => (
            "this is a template of Go, as stencil reads it",
            format!("have it converted: `kubectl studioci init --from {file}`"),
        ),
        Theirs::Helm => (
            "this is a template of a Helm chart",
            "let Helm render it, `helm template NAME CHART > pipeline.yaml`, and make a pipeline of that"
                .to_owned(),
        ),
    };
    Fault::new(what)
        .at(Location::at_offset(file, &template.text, first.start))
        .why("a pipeline is a template of Tera")
        .hint(hint)
}
