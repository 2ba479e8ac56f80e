//! The namespace: each build has one of its own, so that a pipeline names none.

use std::collections::BTreeSet;

use super::MoveAct;
use super::edits::Edits;
use super::sketch::{OldObject, Sketch, items, pair};
use super::workload;
use crate::pipeline::scan::Piece;
use crate::pipeline::tree::{Node, NodeKind};

/// By what a pipeline means its own namespace.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// As it is written.
    words: BTreeSet<String>,
    /// Values that hold it.
    variables: BTreeSet<String>,
}

impl Own {
    fn add(&mut self, sketch: &Sketch<'_>, node: &Node) {
        let word = sketch.word(node);
        if !word.is_empty() {
            self.words.insert(word);
            self.variables.extend(sketch.variable(node));
        }
    }

    /// Whether a field names it.
    pub(super) fn is(&self, sketch: &Sketch<'_>, node: &Node) -> bool {
        let word = sketch.word(node);
        word.is_empty()
            || self.words.contains(&word)
            || sketch.variable(node).is_some_and(|variable| self.variables.contains(&variable))
    }

    /// Whether a word of a script names it.
    pub(super) fn is_called(&self, word: &str) -> bool {
        word.contains(['$', '{']) || self.words.contains(word)
    }
}

/// What the Namespace documents are called, or else where the build workload would go.
pub(super) fn own(sketch: &Sketch<'_>, objects: &[OldObject<'_>]) -> Own {
    let mut own = Own::default();
    for object in objects.iter().filter(|object| object.is(sketch, &[""], "Namespace")) {
        if let Some(name) = object.node.at("/metadata/name") {
            own.add(sketch, name);
        }
    }
    if own.words.is_empty() {
        for object in objects.iter().filter(|object| workload::is_build(sketch, object)) {
            if let Some(namespace) = object.node.at("/metadata/namespace") {
                own.add(sketch, namespace);
            }
        }
    }
    own
}

/// Takes the pipeline's namespace out wherever it stands.
pub(super) fn turn(objects: &[OldObject<'_>], own: &Own, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let mut dropped = Vec::new();
    for object in objects {
        if object.is(sketch, &[""], "Namespace") {
            document(object, edits);
            continue;
        }
        let subjects = items(object.node.get("subjects")).iter();
        let holders = object.node.get("metadata").into_iter().chain(subjects);
        for (key, value) in holders.filter_map(|holder| pair(holder, "namespace")) {
            let at = sketch.bytes(key).start;
            if own.is(sketch, value) {
                dropped.push(sketch.line(at));
                leave_out(key, value, edits);
            } else {
                edits.refuse(
                    at,
                    format!("namespace {}", sketch.word(value)),
                    "every build has a namespace of its own, and nothing of a pipeline goes elsewhere",
                );
            }
        }
    }
    if let (Some(first), Some(last)) = (dropped.first(), dropped.last()) {
        let what = format!("namespace: in {} ({})", places(dropped.len()), listed(&dropped));
        edits.note(
            *first..=*last,
            MoveAct::Dropped,
            what,
            "every build has a namespace of its own, which is not named",
        );
    }
}

fn places(count: usize) -> String {
    if count == 1 { "one place".to_owned() } else { format!("{count} places") }
}

/// `line 3`, `lines 3, 5 and 7`.
pub(super) fn listed(lines: &[usize]) -> String {
    let words: Vec<String> = lines.iter().map(ToString::to_string).collect();
    match words.split_last() {
        None => "no line".to_owned(),
        Some((last, [])) => format!("line {last}"),
        Some((last, rest)) => format!("lines {} and {last}", rest.join(", ")),
    }
}

/// Takes an entry out, or empties it where its line says more.
pub(super) fn leave_out(key: &Node, value: &Node, edits: &mut Edits<'_>) {
    let in_flow =
        edits.sketch.text[edits.sketch.bytes(key).end..edits.sketch.bytes(value).start].trim() != ":";
    match edits.sketch.entry(key).filter(|_| !in_flow) {
        Some(lines) => edits.put(lines, ""),
        None => edits.put(edits.sketch.bytes(value), "\"\""),
    }
}

/// A Namespace document lends labels and annotations; one that has none says nothing.
fn document(object: &OldObject<'_>, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let lends = ["/metadata/labels", "/metadata/annotations"].iter().any(|map| object.node.at(map).is_some());
    let whole = object.document.filter(|_| !lends).and_then(|document| {
        let NodeKind::Mapping(pairs) = &object.node.kind else { return None };
        let first = sketch.bytes(&pairs.first()?.0).start;
        let start = sketch.line_around(first).start;
        // the line of dashes after it goes, too
        let rest = &sketch.text[document.bytes.end..];
        let dashes = rest.find('\n').map_or(rest.len(), |end| end + 1);
        let end = if rest.starts_with("---") { document.bytes.end + dashes } else { document.bytes.end };
        let tags = sketch.within(&(start..end)).any(|piece| matches!(piece, Piece::Tag { .. }));
        (!tags).then_some(start..end)
    });
    let line = object.line(sketch);
    if let Some(whole) = whole {
        let lines = edits.lines(&(whole.start..object.document.map_or(whole.end, |it| it.bytes.end)));
        edits.put(whole, "");
        let why = "every build gets a namespace, and this one lends it no labels and no annotations";
        edits.note(lines, MoveAct::Dropped, "the Namespace document", why);
        return;
    }
    let Some(name) = object.node.at("/metadata/name") else { return };
    let bytes = sketch.bytes(name);
    if sketch.within(&bytes).next().is_some() {
        edits.put(bytes, "build");
        let why =
            "a Namespace document lends its labels and annotations to every build's; its name is not used";
        edits.note(line..=line, MoveAct::Turned, "the name of the Namespace document into `build`", why);
    }
}

/// Wherever else the name is put in, it is that of the build's own. Comes last: what goes is not looked at.
pub(super) fn elsewhere(own: &Own, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let mut lines = Vec::new();
    for piece in &sketch.pieces {
        let Piece::Output { bytes, .. } = piece else { continue };
        let tokens: Vec<&str> = piece.tokens().iter().map(|token| token.text).collect();
        let is_own = own.words.contains(&format!("{{{{ {} }}}}", tokens.join(" ")));
        if !is_own || edits.is_changed(bytes) {
            continue;
        }
        let name = "{{ build.namespace | default(value=\"NAMESPACE\") }}";
        // it is empty before there is one: without quotes that would be null
        let line = sketch.line_around(bytes.start);
        let alone = sketch.before(bytes.start).trim_end().ends_with([':', '-'])
            && sketch.text[bytes.end..line.end].split('#').next().is_some_and(|rest| rest.trim().is_empty());
        edits.put(bytes.clone(), if alone { format!("\"{name}\"") } else { name.to_owned() });
        lines.push(sketch.line(bytes.start));
    }
    if let (Some(first), Some(last)) = (lines.first(), lines.last()) {
        let what =
            format!("the namespace in {} into build.namespace ({})", places(lines.len()), listed(&lines));
        edits.note(*first..=*last, MoveAct::Turned, what, "it is another one for each build");
    }
}
