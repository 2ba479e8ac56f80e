//! Which template line a rendered line comes from.
//!
//! The template is rendered a second time with a mark before each tag and before the first letter of each line of its
//! text. No mark stands beside whitespace that a tag trims, and none inside a section that is captured (`filter`,
//! `set` without `=`). Taken out again, the marks must leave exactly the first rendering; else nothing is claimed.

use super::documents::Lines;
use super::scan::{self, Piece};

const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';

/// A template with marks, and the lines that each mark stands for.
pub(super) struct Marked {
    pub(super) template: String,
    lines: Vec<Lines>,
}

/// Lays marks into a template; none if it uses the mark's own letters.
pub(super) fn lay(text: &str) -> Option<Marked> {
    if text.contains([OPEN, CLOSE]) {
        return None;
    }
    // Offsets of line breaks, so that a place's line is found without counting from the start.
    let breaks: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    let line_of = |offset: usize| breaks.partition_point(|at| *at < offset) + 1;
    let pieces = scan::pieces(text);
    let mut marked = Marked { template: String::with_capacity(text.len() * 2), lines: Vec::new() };
    // How deep in captured sections, and where the text was last copied up to.
    let (mut depth, mut copied) = (0_usize, 0);
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Silent(_) => {}
            Piece::Content(_) if depth > 0 => {}
            Piece::Content(bytes) => {
                for (offset, line) in lines_with_offsets(&text[bytes.clone()]) {
                    let Some(letter) = line.find(|letter: char| !letter.is_whitespace()) else { continue };
                    let at = bytes.start + offset + letter;
                    marked.template.push_str(&text[copied..at]);
                    copied = at;
                    let line = line_of(at);
                    marked.push(Lines { first: line, last: line }, false);
                }
            }
            Piece::Output { bytes, trims, .. } | Piece::Tag { bytes, trims, .. } => {
                if piece.ends_capture() {
                    depth = depth.saturating_sub(1);
                } else if depth == 0 {
                    let end =
                        if piece.begins_capture() { end_of_capture(&pieces[index..]) } else { bytes.end };
                    marked.template.push_str(&text[copied..bytes.start]);
                    copied = bytes.start;
                    marked.push(Lines { first: line_of(bytes.start), last: line_of(end) }, *trims);
                }
                if piece.begins_capture() {
                    depth += 1;
                }
            }
        }
    }
    marked.template.push_str(&text[copied..]);
    Some(marked)
}

fn end_of_capture(pieces: &[Piece<'_>]) -> usize {
    let mut depth = 0_usize;
    let mut last = 0;
    for piece in pieces {
        if let Piece::Tag { bytes, .. } = piece {
            last = bytes.end;
            if piece.begins_capture() {
                depth += 1;
            } else if piece.ends_capture() {
                depth -= 1;
                if depth == 0 {
                    break;
                }
            }
        }
    }
    last
}

fn lines_with_offsets(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        (at - line.len(), line)
    })
}

impl Marked {
    fn push(&mut self, lines: Lines, trims: bool) {
        let mark = format!("{OPEN}{}{CLOSE}", self.lines.len());
        self.lines.push(lines);
        // Text before `{{-` would keep the whitespace before it, which is to go.
        let (before, after) = if trims { ("{{- \"", "\" }}") } else { ("", "") };
        self.template.extend([before, mark.as_str(), after]);
    }

    /// The template lines of each rendered line, if the rendering with marks is the plain one otherwise.
    pub(super) fn read(&self, rendered: &str, plain: &str) -> Option<Vec<Option<Lines>>> {
        let mut without = String::with_capacity(plain.len());
        let mut map = Vec::new();
        let mut last: Option<Lines> = None;
        for line in rendered.split_inclusive('\n') {
            let mut here: Option<Lines> = None;
            let mut started = false;
            let mut rest = line;
            while let Some(open) = rest.find(OPEN) {
                let text = &rest[..open];
                let close = rest[open..].find(CLOSE)? + open;
                let index: usize = rest[open + OPEN.len_utf8()..close].parse().ok()?;
                // Text before the first mark goes on from the line before.
                if !started && !text.trim().is_empty() {
                    here = last;
                }
                started = true;
                without.push_str(text);
                last = Some(*self.lines.get(index)?);
                here = join(here, last);
                rest = &rest[close + CLOSE.len_utf8()..];
            }
            without.push_str(rest);
            // A blank line may come from anywhere after the last mark.
            map.push(if started { here } else { last.filter(|_| !line.trim().is_empty()) });
        }
        (without == plain).then_some(map)
    }
}

fn join(a: Option<Lines>, b: Option<Lines>) -> Option<Lines> {
    match (a, b) {
        (Some(a), Some(b)) => Some(Lines { first: a.first.min(b.first), last: a.last.max(b.last) }),
        (a, b) => a.or(b),
    }
}
