//! Tests, and Jinja's filters that pick by them.

use super::names::unknown;
use super::phrase::{ATOM, Arguments, FILTER, NOT, Notes, Phrase, Stop, Told, shaped};
use super::words::TESTS;
use crate::pipeline::filters;
use crate::pipeline::scan::Token;

/// Jinja's filters that pick from a list.
pub(super) fn picked(value: &Phrase, called: &str, given: &Arguments) -> Result<Option<Phrase>, Stop> {
    let it = Phrase::new("it", ATOM);
    let arguments = given.phrases();
    let list = value.within(1);
    let field = |name: &Phrase| {
        let name = name.literal().ok_or(Stop::Unreadable)?;
        Ok(Phrase::new(format!("it.{name}"), ATOM))
    };
    let (item, rest) = match called {
        "select" | "reject" => (it, arguments.as_slice()),
        "selectattr" | "rejectattr" => {
            let (name, rest) = arguments.split_first().ok_or(Stop::Unreadable)?;
            (field(name)?, rest)
        }
        "map" => {
            let item = match (given.named.as_slice(), arguments.as_slice()) {
                ([(name, _, attribute)], []) if name == "attribute" => field(attribute)?.text,
                ([], [name]) => format!("it | {}", name.literal().ok_or(Stop::Unreadable)?),
                _ => return Err(Stop::Unreadable),
            };
            return Ok(Some(Phrase::new(format!("[{item} for it in {list}]"), ATOM)));
        }
        _ => return Ok(None),
    };
    let condition = match rest.split_first() {
        None => item,
        Some((test, rest)) => tested(&item, test.literal().ok_or(Stop::Unreadable)?, rest)?,
    };
    let condition = if called.starts_with("reject") {
        format!("not {}", condition.within(NOT + 1))
    } else {
        condition.within(1)
    };
    Ok(Some(Phrase::new(format!("[it for it in {list} if {condition}]"), ATOM)))
}

/// A value and a test, by whatever name.
fn tested(value: &Phrase, called: &str, arguments: &[Phrase]) -> Told {
    if let Some((.., form)) =
        TESTS.iter().find(|(test, count, _)| *test == called && *count == arguments.len())
    {
        return Ok(shaped(form, value, arguments));
    }
    if arguments.is_empty() && filters::tests().any(|test| test == called) {
        return Ok(Phrase::new(format!("{} is {called}", value.within(NOT)), NOT));
    }
    Err(Stop::Unreadable)
}

/// Whether a test is known to take an argument.
pub(super) fn test_takes_one(called: &str) -> bool {
    TESTS.iter().any(|(test, count, _)| *test == called && *count == 1)
}

/// `is name`, or `is not name`.
pub(super) fn test(
    notes: &mut Notes,
    value: &Phrase,
    name: &Token<'_>,
    given: &Arguments,
    negated: bool,
) -> Told {
    let is_known = filters::tests().any(|test| test == name.text);
    if is_known && given.by_place.is_empty() {
        let not = if negated { "not " } else { "" };
        let named: Vec<String> =
            given.named.iter().map(|(name, _, phrase)| format!("{name}={}", phrase.text)).collect();
        let named = if named.is_empty() { String::new() } else { format!("({})", named.join(", ")) };
        return Ok(Phrase::new(format!("{} is {not}{}{named}", value.within(NOT), name.text), NOT));
    }
    let told = tested(value, name.text, &given.phrases()).map_err(|_| unknown(name))?;
    match given.by_place.first().filter(|_| is_known) {
        Some((at, _)) => notes.note(
            *at,
            format!("the test `{}` takes its arguments by name", name.text),
            "Tera reads none by their place",
        ),
        None => notes.note(name.bytes.start, format!("there is no test `{}`", name.text), ""),
    }
    if !negated {
        return Ok(told);
    }
    // only the form's own word comes after the value
    let (before, after) = told.text.split_at(value.within(FILTER).len());
    let text = if let Some(rest) = after.strip_prefix(" is ") {
        format!("{before} is not {rest}")
    } else if let Some(rest) = after.strip_prefix(" in ") {
        format!("{before} not in {rest}")
    } else {
        format!("not {}", told.within(NOT + 1))
    };
    Ok(Phrase::new(text, NOT))
}
