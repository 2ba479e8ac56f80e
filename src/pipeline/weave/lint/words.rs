//! Words that readers of YAML take for different things.

use crate::pipeline::codes;
use crate::pipeline::dialect::{Scalar, resolve};
use crate::pipeline::notice::{LintFix, PlanNotice};
use crate::pipeline::weave::subject::Subject;

/// Booleans that are some to kubectl, and texts to whoever reads YAML 1.2.
pub(super) fn old_booleans(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    for (node, is_key) in subject.document.scalars() {
        let Some(word) = node.text().filter(|word| node.is_bare(word)) else { continue };
        let Scalar::Bool(value) = resolve(word) else { continue };
        // what a Secret holds may come from the environment, and is shown nowhere
        if subject.document.hides(node.line) {
            continue;
        }
        if matches!(word.to_ascii_lowercase().as_str(), "true" | "false") && !is_key {
            continue;
        }
        let spot = subject.on_place(node.line, node.column);
        if is_key {
            notices.push(
                spot.notice(codes::OLD_BOOLEAN, format!("the key `{word}` is read as `{value}`"))
                    .why("kubectl takes the word for a boolean, and makes a key of what it has read")
                    .remedy(format!("quote it: \"{word}\"")),
            );
            continue;
        }
        let (line, column) = (node.line, node.column);
        let fix = LintFix { line, column, written: word.to_owned(), instead: value.to_string() };
        notices.push(
            spot.notice(codes::OLD_BOOLEAN, format!("`{word}` is read as {value}"))
                .why("kubectl reads it by YAML 1.1; to most other tools, and in a values file, it is text")
                .remedy(format!("write {value}"))
                .fixed(Some(fix)),
        );
    }
}
