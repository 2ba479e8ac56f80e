//! Whether a text is a template of Go, told before anybody reads it as one of ours.

use std::ops::Range;

use super::lex::{GoPiece, Word, WordKind, pieces};

/// Whose template it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::pipeline) enum Theirs {
    /// Go's, as stencil reads it.
    Go,
    /// A Helm chart's.
    Helm,
}

/// Says whose template a text is, and where it begins to be that: one with objects in it, whose every tag is Go's and
/// none ours. One tag alone is a slip in a template of ours.
pub(in crate::pipeline) fn theirs(text: &str) -> Option<(Theirs, Range<usize>)> {
    let is_object = text.lines().any(|line| line.starts_with("kind:"));
    if !is_object || text.contains("{%") {
        return None;
    }
    let (mut first, mut count, mut helm) = (None, 0, false);
    for piece in pieces(text) {
        let GoPiece::Action(tag, words) = piece else { continue };
        let words = words.ok()?;
        let begins = words.first()?;
        // of ours it is a value, of Go a function that nobody knows
        let alone = matches!(&begins.kind, WordKind::Name(name) if words.len() == 1 && !KEYWORDS.contains(&name.as_str()));
        if alone || words.iter().any(|word| word.joined && matches!(word.kind, WordKind::Assign)) {
            return None;
        }
        helm |= words.iter().any(is_helms);
        if words
            .iter()
            .any(|word| matches!(word.kind, WordKind::Field(_) | WordKind::Variable(_) | WordKind::Dot))
        {
            count += 1;
            first.get_or_insert(tag.bytes);
        }
    }
    let whose = if helm { Theirs::Helm } else { Theirs::Go };
    first.filter(|_| count > 1).map(|first| (whose, first))
}

/// Words that stand alone in a tag.
const KEYWORDS: [&str; 4] = ["end", "else", "break", "continue"];

fn is_helms(word: &Word) -> bool {
    match &word.kind {
        WordKind::Field(name) => ["Values", "Release", "Chart", "Capabilities"].contains(&name.as_str()),
        WordKind::Name(name) => ["include", "tpl", "lookup"].contains(&name.as_str()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_named_for_what_it_is() {
        let go = "kind: Pod\nmetadata:\n  name: {{ .Name }}\n  namespace: {{ default \"ci\" .Namespace }}\n";
        let helm = "kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n  labels: {{- include \"app.labels\" . | nindent 4 }}\n";
        for (text, expected) in [
            (go, Some((Theirs::Go, 28))),
            ("kind: Pod\n{{ $x := .a }}\na: {{ if $x }}b{{ end }}\n", Some((Theirs::Go, 10))),
            (helm, Some((Theirs::Helm, 28))),
            // ours, with a slip
            ("kind: Pod\na: {{ .Name }}\n", None),
            ("kind: Pod\na: {{ .Name }} {{ .Tag }} {{ Registry }}\n", None),
            ("kind: Pod\na: {{ .Name }} {{ .Tag }} {% if a %}{% endif %}\n", None),
            ("kind: Pod\na: {{ a.b }} {{ c | default(value=\"x\") }}\n", None),
            ("a: {{ .Name }} {{ .Tag }}\n", None),
            ("kind: Pod\na: 1\n", None),
            ("", None),
        ] {
            let found = theirs(text).map(|(whose, bytes)| (whose, bytes.start));
            assert_eq!(found, expected, "{text}");
        }
    }
}
