//! What kubectl reads and the parser does not, since YAML 1.2 says otherwise than 1.1: the text is mended where the parser
//! stops, letter for letter, so that every place stays what it is, and read again.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_saphyr::granit_parser::{ErrorKind, ScanError, Scanner, StrInput};

/// How often one document is mended: each time it is read again from its start.
const MOST: usize = 200;

/// A text as the parser takes it.
pub(super) struct Mended<'a> {
    text: Cow<'a, str>,
    /// Where a letter stands for a dash, in bytes.
    dashes: BTreeSet<usize>,
    times: usize,
}

impl<'a> Mended<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { text: Cow::Borrowed(text), dashes: BTreeSet::new(), times: 0 }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A word as it stands in the text.
    pub(super) fn word(&self, start: usize, text: Cow<'_, str>) -> String {
        if self.dashes.contains(&start) { "-".to_owned() } else { text.into_owned() }
    }

    /// Mends what the parser stopped at; whether that was possible.
    pub(super) fn mend(&mut self, error: &ScanError) -> bool {
        let Some(at) = error.marker().byte_offset().filter(|_| self.times < MOST) else { return false };
        self.times += 1;
        match error.kind() {
            // `[tar, xf, -]`: a word of one dash
            ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
                self.dashes.insert(at);
                self.replace(at..at + 1, "_");
                true
            }
            // `"a"#b`: a comment without a blank before it
            ErrorKind::CommentNotSeparated => {
                let end = self.text[at..].find('\n').map_or(self.text.len(), |length| at + length);
                self.replace(at..end, " ");
                true
            }
            // between brackets blanks and tabs are alike
            ErrorKind::TabInBlockIndentation => {
                let start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
                let blank = &self.text[start..at];
                let mends = blank.contains('\t') && blank.trim().is_empty() && self.between_brackets(start);
                if mends {
                    self.blanks(start);
                }
                mends
            }
            // directives before a `---`, at which kubectl has parted the text already
            ErrorKind::ExpectedDocumentStart
            | ErrorKind::MissingDocumentEndBeforeDirective
            | ErrorKind::CommentInterceptedScalar => {
                let start = self.directives();
                let content = self.text[..start]
                    .lines()
                    .any(|line| !matches!(line.trim_start().chars().next(), None | Some('#')));
                let mends = content && start < self.text.len();
                if mends {
                    self.replace(start..self.text.len(), " ");
                }
                mends
            }
            _ => false,
        }
    }

    /// Puts a letter for each byte but line breaks.
    fn replace(&mut self, bytes: std::ops::Range<usize>, with: &str) {
        let lines: Vec<String> =
            self.text[bytes.clone()].split('\n').map(|line| with.repeat(line.len())).collect();
        self.text.to_mut().replace_range(bytes, &lines.join("\n"));
    }

    /// Puts blanks for the tabs that begin a line, and the lines after it that begin with one, too.
    fn blanks(&mut self, mut start: usize) {
        loop {
            let rest = &self.text[start..];
            let next = rest.find('\n').map(|newline| start + newline + 1);
            self.replace(start..start + rest.len() - rest.trim_start_matches([' ', '\t']).len(), " ");
            match next.filter(|next| self.text[*next..].starts_with('\t')) {
                Some(next) => start = next,
                None => return,
            }
        }
    }

    /// Where the directives start that end the text; its end if there are none.
    fn directives(&self) -> usize {
        let mut start = self.text.len();
        let mut end = start;
        for line in self.text.split_inclusive('\n').rev() {
            end -= line.len();
            if line.starts_with("%YAML ") || line.starts_with("%TAG ") {
                start = end;
            } else if !matches!(line.trim_start().chars().next(), None | Some('#')) {
                break;
            }
        }
        start
    }

    /// Whether a bracket that is closed here was opened before.
    fn between_brackets(&self, at: usize) -> bool {
        ["]", "}"].into_iter().any(|close| {
            let text = [&self.text[..at], close].concat();
            let error = Scanner::new(StrInput::new(&text)).find_map(Result::err);
            !error.is_some_and(|error| {
                matches!(
                    error.kind(),
                    ErrorKind::MisplacedFlowCollectionEnd | ErrorKind::MismatchedFlowCollectionEnd { .. }
                )
            })
        })
    }
}
