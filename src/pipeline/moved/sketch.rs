//! A template read as the YAML that it is about to be.
//!
//! What a template will say is not known without its values, but where its fields stand is: each expression is a word of the
//! same length, a tag that has its line to itself is a blank one. So a place in the sketch is the same place in the template.

use std::ops::Range;

use crate::pipeline::documents::{self, ReadPart};
use crate::pipeline::scan::{self, Piece};
use crate::pipeline::tree::{Node, NodeKind};
use crate::pipeline::uses::{self, Use};

/// A template, and what of it could be read.
pub(super) struct Sketch<'a> {
    pub(super) text: &'a str,
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) drawn: Vec<Drawn>,
    /// Where each line begins.
    starts: Vec<usize>,
}

/// One document.
pub(super) struct Drawn {
    /// Where it stands, without the `---` after it.
    pub(super) bytes: Range<usize>,
    /// Its fields, or why they cannot be told, with the line.
    pub(super) read: Result<Node, (usize, String)>,
}

/// One object, of a document or of a List.
#[derive(Clone, Copy)]
pub(super) struct OldObject<'s> {
    pub(super) node: &'s Node,
    /// The document; none for an item of a List.
    pub(super) document: Option<&'s Drawn>,
}

impl<'a> Sketch<'a> {
    /// Reads a template. What cannot be read is in [`Drawn::read`].
    pub(super) fn of(text: &'a str) -> Self {
        let pieces = scan::pieces(text);
        let outline = outline(text, &pieces);
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut sketch = Self { text, pieces, drawn: Vec::new(), starts };
        sketch.drawn = match documents::each("the template", &outline) {
            Err(fault) => {
                let line = fault.place.as_ref().map_or(1, |place| place.line);
                vec![Drawn { bytes: 0..text.len(), read: Err((line, fault.what)) }]
            }
            Ok(parts) => parts
                .into_iter()
                .filter_map(|ReadPart { bytes, read, .. }| {
                    let read = match read {
                        Ok(node) => Ok(node?),
                        Err(wrong) => Err((wrong.line, wrong.what)),
                    };
                    Some(Drawn { bytes, read })
                })
                .collect(),
        };
        sketch
    }

    /// All objects, the items of Lists one by one.
    pub(super) fn objects(&self) -> Vec<OldObject<'_>> {
        let mut objects = Vec::new();
        for document in &self.drawn {
            let Ok(node) = &document.read else { continue };
            match documents::list_items(node) {
                Some(items) => objects.extend(items.iter().map(|node| OldObject { node, document: None })),
                None => objects.push(OldObject { node, document: Some(document) }),
            }
        }
        objects
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The whole line of a place, its end included.
    pub(super) fn line_around(&self, at: usize) -> Range<usize> {
        let line = self.line(at);
        let end = self.starts.get(line).copied().unwrap_or(self.text.len());
        self.starts[line - 1]..end
    }

    /// What stands before a place on its line.
    pub(super) fn before(&self, at: usize) -> &'a str {
        &self.text[self.line_around(at).start..at]
    }

    /// A scalar as the template writes it, without quotes, its expressions in one form.
    pub(super) fn word(&self, node: &Node) -> String {
        let bytes = self.bytes(node);
        let raw = &self.text[bytes.clone()];
        let inner = [b'"', b'\''].iter().any(|quote| raw.len() > 1 && raw.as_bytes()[0] == *quote);
        let bytes = if inner { bytes.start + 1..bytes.end - 1 } else { bytes };
        let mut word = String::new();
        let mut at = bytes.start;
        for piece in self.within(&bytes) {
            let place = piece.bytes();
            word.push_str(&self.text[at..place.start.max(at)]);
            let tokens: Vec<&str> = piece.tokens().iter().map(|token| token.text).collect();
            word.extend(["{{ ", &tokens.join(" "), " }}"]);
            at = place.end;
        }
        word.push_str(&self.text[at.min(bytes.end)..bytes.end]);
        word
    }

    /// A place as a script: an expression is a word of it, whatever signs it holds.
    pub(super) fn script(&self, bytes: &Range<usize>) -> String {
        let mut script = String::new();
        let mut at = bytes.start;
        for piece in self.within(bytes) {
            script.push_str(&self.text[at..piece.bytes().start.max(at)]);
            let breaks = self.text[piece.bytes().clone()].matches('\n').count();
            script.push_str("{…}");
            script.extend(std::iter::repeat_n("\\\n", breaks));
            at = piece.bytes().end;
        }
        script.push_str(&self.text[at.min(bytes.end)..bytes.end]);
        script
    }

    /// Where a scalar stands, without the blanks after it.
    pub(super) fn bytes(&self, node: &Node) -> Range<usize> {
        let Range { start, end } = node.bytes.clone();
        start..start + self.text.get(start..end).unwrap_or_default().trim_end().len()
    }

    /// Tags and expressions within a place.
    pub(super) fn within(&self, bytes: &Range<usize>) -> impl Iterator<Item = &Piece<'a>> {
        self.pieces.iter().filter(move |piece| {
            !matches!(piece, Piece::Content(_))
                && piece.bytes().start >= bytes.start
                && piece.bytes().end <= bytes.end
        })
    }

    /// The one variable that a scalar is made of, where it is one expression and nothing else.
    pub(super) fn variable(&self, node: &Node) -> Option<String> {
        let bytes = self.bytes(node);
        let raw = self.text[bytes.clone()].trim_matches(['"', '\'']);
        let mut pieces = self.within(&bytes);
        let piece = pieces.next().filter(|piece| piece.bytes().len() == raw.len())?;
        let mut paths = paths(piece).into_iter();
        let path = paths.next()?;
        paths.all(|other| other == path).then_some(path)
    }

    /// The lines of an entry of a mapping, from its key to its last line that says something; none where the key does not
    /// begin its line, or where a tag is begun there that ends elsewhere.
    pub(super) fn entry(&self, key: &Node) -> Option<Range<usize>> {
        let at = self.bytes(key).start;
        let indent = self.before(at);
        if !indent.chars().all(|c| c == ' ') {
            return None;
        }
        let first = self.line_around(at);
        let mut end = first.end;
        let mut looked = first.end;
        // a list may stand as far to the left as its key
        let value = self.text[first.clone()].trim_end().ends_with(':');
        while looked < self.text.len() {
            let line = self.line_around(looked);
            let said = self.text[line.clone()].trim_end_matches(['\n', '\r']);
            let margin = said.len() - said.trim_start_matches(' ').len();
            let within = margin > indent.len()
                || value
                    && margin == indent.len()
                    && (said[margin..].starts_with("- ") || &said[margin..] == "-");
            let blank = said.trim().is_empty();
            if !blank && !within || said.starts_with("---") {
                break;
            }
            looked = line.end;
            if !blank && !said.trim_start().starts_with('#') {
                end = line.end;
            }
        }
        self.balanced(&(first.start..end)).then_some(first.start..end)
    }

    /// Whether every tag that a place begins ends there, and none other does.
    pub(super) fn balanced(&self, bytes: &Range<usize>) -> bool {
        let mut depth = 0_i32;
        for piece in self.within(bytes) {
            match change(piece) {
                Some(0) if depth == 0 => return false,
                change => depth += change.unwrap_or_default(),
            }
            if depth < 0 {
                return false;
            }
        }
        depth == 0
    }
}

/// Every value that an expression reads, with its fields.
pub(super) fn paths(piece: &Piece<'_>) -> Vec<String> {
    uses::uses(piece)
        .into_iter()
        .filter_map(|found| match found {
            Use::Path(path) => Some(path.iter().map(|token| token.text).collect::<Vec<_>>().join(".")),
            _ => None,
        })
        .collect()
}

/// What a tag begins (1) or ends (-1); 0 for one that goes on, and for `set`, which others may read.
fn change(piece: &Piece<'_>) -> Option<i32> {
    Some(match piece.keyword()? {
        "if" | "for" | "filter" => 1,
        "endif" | "endfor" | "endfilter" | "endset" => -1,
        _ if piece.begins_capture() => 1,
        _ => 0,
    })
}

/// The template with a word for each expression, and nothing for each tag: of the same length, line for line.
fn outline(text: &str, pieces: &[Piece<'_>]) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut covered = vec![false; bytes.len()];
    let mut cover = |range: Range<usize>, with: u8| {
        for at in range {
            covered[at] = true;
            // a word takes its line breaks along, or it would be two
            if bytes[at] != b'\n' || with == b'x' {
                bytes[at] = with;
            }
        }
    };
    for piece in pieces {
        match piece {
            Piece::Content(_) => {}
            Piece::Output { bytes, .. } => cover(bytes.clone(), b'x'),
            Piece::Tag { bytes, .. } | Piece::Silent(bytes) => cover(bytes.clone(), b' '),
        }
    }
    for (at, piece) in pieces.iter().enumerate().filter(|(_, piece)| change(piece) == Some(1)) {
        let mut depth = 0;
        let end = pieces[at..].iter().find(|piece| {
            depth += change(piece).unwrap_or_default();
            depth == 0
        });
        let whole = piece.bytes().start..end.map_or(piece.bytes().end, |end| end.bytes().end);
        if end.is_some() && !text[whole.clone()].contains('\n') {
            cover(whole, b'x');
        }
    }
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let range = start..start + line.len();
        start = range.end;
        let blank = |at: usize| bytes[at].is_ascii_whitespace();
        if range.clone().all(|at| covered[at] || blank(at)) {
            for at in range.filter(|at| text.as_bytes()[*at] != b'\n') {
                bytes[at] = b' ';
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

impl OldObject<'_> {
    /// `kind`, `apiVersion`, `metadata.name` and the like, as a word; nothing where there is none.
    pub(super) fn word(&self, sketch: &Sketch<'_>, pointer: &str) -> String {
        self.node
            .at(pointer)
            .filter(|node| node.text().is_some())
            .map(|node| sketch.word(node))
            .unwrap_or_default()
    }

    /// The line that it begins on.
    pub(super) fn line(&self, sketch: &Sketch<'_>) -> usize {
        match &self.node.kind {
            NodeKind::Mapping(pairs) => {
                pairs.first().map_or(1, |(key, _)| sketch.line(sketch.bytes(key).start))
            }
            _ => 1,
        }
    }

    /// Whether it is of a kind, in whatever version of these groups.
    pub(super) fn is(&self, sketch: &Sketch<'_>, groups: &[&str], kind: &str) -> bool {
        let version = self.word(sketch, "/apiVersion");
        let group = version.split_once('/').map_or("", |(group, _)| group);
        groups.contains(&group) && self.word(sketch, "/kind") == kind
    }
}

/// The key and value of a name in a mapping.
pub(super) fn pair<'n>(node: &'n Node, name: &str) -> Option<(&'n Node, &'n Node)> {
    let NodeKind::Mapping(pairs) = &node.kind else { return None };
    pairs.iter().find(|(key, _)| key.text() == Some(name)).map(|(key, value)| (key, value))
}

/// The items of a list; none where it is none.
pub(super) fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.kind) {
        Some(NodeKind::Sequence(items)) => items,
        _ => &[],
    }
}
