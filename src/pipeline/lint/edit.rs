//! Words of a template that are put right, and all else left as it was: comments, line ends, what an expression gives.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::LintFinding;

/// One word of the template, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LintEdit {
    /// Line, from 1.
    pub line: usize,
    /// Column of its first letter, from 1.
    pub column: usize,
    /// The word as it stands there.
    pub written: String,
    /// What to write.
    pub instead: String,
}

/// A text with the edits of findings made in it, and the lines that changed: number, before, after.
pub fn edited(text: &str, findings: &[LintFinding]) -> (String, Vec<(usize, String, String)>) {
    let mut of_line: BTreeMap<usize, BTreeMap<usize, &LintEdit>> = BTreeMap::new();
    for edit in findings.iter().filter_map(|finding| finding.edit.as_ref()) {
        of_line.entry(edit.line).or_default().insert(edit.column, edit);
    }
    let mut changed = Vec::new();
    let mut whole = String::with_capacity(text.len());
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let mut new = line.to_owned();
        // from the end, so that the columns before stay what they are
        for (column, edit) in of_line.get(&(index + 1)).into_iter().flatten().rev() {
            let Some((at, _)) = new.char_indices().nth(column - 1) else { continue };
            if new[at..].starts_with(&edit.written) {
                new.replace_range(at..at + edit.written.len(), &edit.instead);
            }
        }
        if new != line {
            let bare = |line: &str| line.trim_end_matches(['\r', '\n']).to_owned();
            changed.push((index + 1, bare(line), bare(&new)));
        }
        whole.push_str(&new);
    }
    (whole, changed)
}
