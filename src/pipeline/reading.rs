//! What a template makes of its values: which it reads, which have the name of a fact, and which it takes for something
//! else than the text that they are.

mod typed;
mod unread;

use serde_json::Value;

use super::facts::{Facts, Group};
use super::fault::Fault;
use super::notice::PlanNotice;
use super::scan::Token;
use super::template::Checked;
use super::values::Values;

/// Everything that a person should know of their values.
pub(super) fn notices(checked: &Checked<'_>, values: &Values) -> Vec<PlanNotice> {
    let mut notices = unread::all(checked, values);
    notices.extend(typed::all(checked, values));
    notices
}

/// Values may have the name of a group of facts, as helm's `image` has. Where the template reads what both hold, nobody
/// could tell which is meant.
///
/// # Errors
/// The first such place.
pub(super) fn told_apart(checked: &Checked<'_>, values: &Values, facts: &Facts) -> Result<(), Fault> {
    for path in checked.paths() {
        let root = path[0].text;
        if let (Some(group), Some(value)) = (facts.group(root), values.all.get(root))
            && let Some(fault) = clash(&path, group, value)
        {
            let by = values.given.iter().rev().find(|given| given.fields.contains_key(root));
            let by = by.map(|given| given.source.as_str()).unwrap_or_default();
            return Err(fault
                .at(checked.place(path[0].bytes.start))
                .why(format!("`{root}` holds facts, and {by} gives a value of that name")));
        }
    }
    Ok(())
}

fn clash(path: &[Token<'_>], group: &Group, value: &Value) -> Option<Fault> {
    let root = path[0].text;
    let field = path.get(1).map(|field| field.text);
    let read = field.map_or_else(|| root.to_owned(), |field| format!("{root}.{field}"));
    let hint = |value: &str| {
        format!("write `values.{value}` for the value; for the fact, give the value another name")
    };
    match (value.as_object(), field) {
        (Some(fields), Some(field)) if group.contains_key(field) && fields.contains_key(field) => {
            Some(Fault::new(format!("`{read}` is both a fact and a value")).hint(hint(&read)))
        }
        (Some(fields), None) => {
            let both = fields.keys().find(|name| group.contains_key(*name))?;
            Some(Fault::new(format!("`{root}.{both}` is both a fact and a value")).hint(hint(root)))
        }
        (None, Some(field)) if group.contains_key(field) => {
            Some(Fault::new(format!("the value `{root}` hides the fact `{read}`")).hint(
                "give the value another name, or a name below it, such as `image.full`; the fact is read only where \
                 no plain value hides it",
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
