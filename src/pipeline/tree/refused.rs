//! What the parser stops at, in words that are also true where kubectl would go on.

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::Wrong;

/// The fault of a text that the parser does not take.
pub(super) fn refused(text: &str, error: &ScanError) -> Wrong {
    let marker = error.marker();
    let (line, column) = (marker.line().max(1), marker.col() + 1);
    match words(text, marker.byte_offset().unwrap_or_default(), error.kind()) {
        Some((what, why, hint)) => {
            Wrong { line, column, what: what.to_owned(), why: None, hint: None }.why(why).hint(hint)
        }
        None => {
            Wrong { line, column, what: "this is not YAML".to_owned(), why: Some(error.info()), hint: None }
        }
    }
}

const DROPS: &str = "kubectl refuses it, or drops what follows, up to the next `---`";

/// What is wrong, why, and what to do, where the parser's own words would not do.
fn words(text: &str, at: usize, kind: &ErrorKind) -> Option<(&'static str, &'static str, &'static str)> {
    let only_directives =
        || text.lines().all(|line| matches!(line.trim_start().chars().next(), None | Some('#' | '%')));
    Some(match kind {
        ErrorKind::ExpectedDocumentStart if only_directives() => (
            "a directive, which begins with `%`, stands before `---`",
            "kubectl parts documents at `---` first, and then finds none in this part",
            "take it out",
        ),
        ErrorKind::ExpectedDocumentStart => (
            "a second document starts here without `---`",
            "kubectl reads the first one only",
            "put a line `---` before it",
        ),
        ErrorKind::MissingDocumentEndBeforeDirective => {
            ("a line begins with `%` in the midst of a document", DROPS, "quote it, or take it out")
        }
        ErrorKind::InvalidDocumentEnd => {
            ("only a comment may follow `...` on its line", DROPS, "put a line `---` between, or take it out")
        }
        ErrorKind::CommentInterceptedScalar => (
            "a comment stands within a text of several lines",
            DROPS,
            "quote the text, or put the comment elsewhere",
        ),
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("a bracket is closed here that none opens", DROPS, "take it out")
        }
        ErrorKind::InvalidBlockScalarIndent => (
            "the lines of this text are not indented alike",
            "a blank line is further in than the text, or the text less than its first line; readers of YAML do not agree what that means",
            "indent them alike",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "a backslash in double quotes stands before a letter that makes no escape",
            "of the letters that need none kubectl knows the single quote only, and YAML none",
            "write it twice, leave it out, or use single quotes",
        ),
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
            ("a tab stands where YAML counts blanks", "YAML takes no tab for indentation", "write blanks")
        }
        ErrorKind::InvalidTagTerminator => (
            "no blank stands after a tag",
            "kubectl takes what follows for part of the tag",
            "put a blank there, or leave the tag out",
        ),
        ErrorKind::UnknownAnchor => (
            "this alias names an anchor that does not stand before it",
            match text[at..].split([' ', ',', '\n']).next() {
                Some(name) if name.ends_with(':') => "the colon counts as part of the name",
                _ => "anchors end with their document, too",
            },
            "write out what it stands for, or put a blank before a colon",
        ),
        ErrorKind::PlainScalarStartsWithDashFlowIndicator | ErrorKind::CommentNotSeparated => (
            "too many words of one dash between brackets, or comments without a blank before them",
            "kubectl takes each; here each costs another reading of the document",
            "put the dashes in quotes, and a blank before `#`",
        ),
        ErrorKind::RecursionLimitExceeded => (
            "lists and mappings stand in each other more than 255 deep",
            "no Kubernetes object is as deep",
            "write less by loops",
        ),
        _ => return None,
    })
}
