//! `--set-json`: a name and its JSON, or one JSON object of names, as helm takes both.

use serde_json::{Number, Value};

use super::names::name_fault;
use super::written::{self, Unread};

/// Why a `--set-json` cannot be read; `None` if it can.
pub fn json_fault(text: &str) -> Option<String> {
    read(text).err()
}

/// The name, none where an object has them itself, and the value.
///
/// # Errors
/// No name, no JSON, or a number that loses digits.
pub(super) fn read(text: &str) -> Result<(Option<String>, Value), String> {
    if text.trim_start().starts_with('{') {
        return Ok((None, parsed(text)?));
    }
    match text.split_once('=') {
        Some((name, json)) if !name.is_empty() => {
            name_fault(name).map_or(Ok(()), Err)?;
            Ok((Some(name.to_owned()), parsed(json)?))
        }
        _ => Err("expected KEY=JSON, or an object of JSON".to_owned()),
    }
}

fn parsed(json: &str) -> Result<Value, String> {
    let value = serde_json::from_str(json).map_err(|error| {
        let why = error.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        format!("this is not JSON: {why}; text goes into quotes (\"text\"), or is given with --set")
    })?;
    let value = exact(value)?;
    // what says how a number was written
    match written::read(json) {
        Err(Unread { ours: Some(what), place, .. }) => {
            let at = place.map_or_else(String::new, |(line, column)| match line {
                1 => format!(", column {column} of the JSON"),
                _ => format!(", line {line} of the JSON"),
            });
            return Err(format!("{what}{at}"));
        }
        Ok(written) => same_text(&value, &written.value)?,
        // JSON that is no YAML, such as one with surrogates
        Err(_) => {}
    }
    Ok(value)
}

/// Whether each fraction is rendered as it was written: 1.10 would become 1.1, which is another version.
fn same_text(value: &Value, written: &Value) -> Result<(), String> {
    match (value, written) {
        (Value::Number(number), Value::String(text)) if number.is_f64() => Err(format!(
            "the number {text} would be rendered as {number}; if it is text, write \"{text}\", or give it with --set"
        )),
        (Value::Array(items), Value::Array(texts)) => {
            items.iter().zip(texts).try_for_each(|(item, text)| same_text(item, text))
        }
        (Value::Object(fields), Value::Object(texts)) => fields
            .iter()
            .try_for_each(|(name, field)| texts.get(name).map_or(Ok(()), |text| same_text(field, text))),
        _ => Ok(()),
    }
}

/// Numbers as Go has them in JSON: whole ones have no fraction.
fn exact(value: Value) -> Result<Value, String> {
    /// Up to here each whole number is a float of its own.
    const WHOLE: f64 = 9_007_199_254_740_992.0;
    /// From here on no integer holds it.
    const BITS_64: f64 = 18_446_744_073_709_551_616.0;
    Ok(match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(float) if float.fract() == 0.0 && float.abs() < WHOLE => {
                format!("{float:.0}").parse::<i64>().map_or(number, Number::from).into()
            }
            Some(float) if float.fract() == 0.0 && float.abs() >= BITS_64 => {
                return Err(format!(
                    "{number} has more than 64 bits, and would lose digits: give it with --set"
                ));
            }
            _ => number.into(),
        },
        Value::Array(items) => Value::Array(items.into_iter().map(exact).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            let exact = fields.into_iter().map(|(name, value)| Ok((name, exact(value)?)));
            Value::Object(exact.collect::<Result<_, String>>()?)
        }
        plain => plain,
    })
}
