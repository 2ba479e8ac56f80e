//! `unconverted(line=…, was="…", why="…")`: what `init --from` could not say in our words. Nothing is rendered as long as
//! one is there, even where no rendering would come by.

use crate::pipeline::fault::Fault;
use crate::pipeline::scan::{Piece, Token, TokenKind};
use crate::pipeline::uses;

/// Its name.
pub(super) const NAME: &str = "unconverted";

/// The fault of one.
pub(super) fn fault(piece: &Piece<'_>, call: &Token<'_>) -> Fault {
    let tokens = piece.tokens();
    let from = tokens.iter().position(|token| token == call).unwrap_or_default();
    let said = |argument: &str| {
        let at = (from..tokens.len())
            .find(|&at| uses::text(tokens, at) == argument && uses::text(tokens, at + 1) == "=")?;
        let value = tokens.get(at + 2)?;
        Some(if value.kind == TokenKind::Text { unquoted(value.text) } else { value.text.to_owned() })
    };
    let what = match (said("line"), said("was").filter(|was| !was.is_empty())) {
        (Some(line), Some(was)) => format!("line {line} of the old template is not converted: `{was}`"),
        (Some(line), None) => format!("the old template is not converted from line {line} on"),
        _ => "a part of the old template is not converted".to_owned(),
    };
    let fault = Fault::new(what).hint(format!("put in place of `{NAME}(…)` what it should give"));
    match said("why").filter(|why| !why.is_empty()) {
        Some(why) => fault.why(why),
        None => fault,
    }
}

/// A text of Tera without its quotes and escapes.
fn unquoted(text: &str) -> String {
    let mut letters = text.get(1..text.len().saturating_sub(1)).unwrap_or_default().chars();
    let mut all = String::new();
    while let Some(letter) = letters.next() {
        all.push(match letter {
            '\\' => match letters.next().unwrap_or_default() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                letter => letter,
            },
            letter => letter,
        });
    }
    all
}
