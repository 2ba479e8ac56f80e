//! `--sort-by=PATH`, by kubectl's rules.

use std::cmp::Ordering;

use serde_json::Value;

use super::go;
use super::jsonpath::JsonPath;
use crate::chain::quantity::Quantity;

/// The places of these objects in the order of what a path finds in each; what has nothing there comes first.
///
/// Texts that are quantities (`10`, `512Mi`) are ordered as such where all of them are.
///
/// # Errors
/// A path that finds nothing in any object, and values that have no order: booleans, objects, numbers beside texts.
pub fn order(by: &JsonPath, objects: &[Value]) -> Result<Vec<usize>, String> {
    let mut absent = Vec::new();
    let mut present: Vec<(usize, Value)> = Vec::new();
    for (place, object) in objects.iter().enumerate() {
        match by.find(object)?.into_iter().next().and_then(|part| part.into_iter().next()) {
            Some(found) => present.push((place, found.into_value())),
            None => absent.push(place),
        }
    }
    if present.is_empty() && !absent.is_empty() {
        return Err(format!("couldn't find any field with path {:?} in the list of objects", by.text()));
    }
    let quantities: Option<Vec<Quantity>> =
        present.iter().map(|(_, value)| Quantity::parse(value.as_str()?)).collect();
    let mut keys: Vec<(usize, Key)> = match quantities {
        Some(quantities) => {
            present.iter().zip(quantities).map(|((place, _), it)| (*place, Key::Quantity(it))).collect()
        }
        None => present
            .into_iter()
            .map(|(place, value)| Ok((place, Key::of(value)?)))
            .collect::<Result<_, String>>()?,
    };
    let mixed =
        |pair: &[(usize, Key)]| std::mem::discriminant(&pair[0].1) != std::mem::discriminant(&pair[1].1);
    if keys.windows(2).any(mixed) {
        return Err(format!("{} finds values of several types, which have no order", by.text()));
    }
    keys.sort_by(|(_, a), (_, b)| a.cmp(b));
    // kubectl takes each of these for the lesser one, so that the last comes first
    absent.reverse();
    Ok(absent.into_iter().chain(keys.into_iter().map(|(place, _)| place)).collect())
}

/// What is compared.
enum Key {
    Quantity(Quantity),
    Number(f64),
    Text(String),
}

impl Key {
    fn of(value: Value) -> Result<Self, String> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Number(number) => Ok(Self::Number(number.as_f64().unwrap_or_default())),
            value => Err(format!("unsortable type: {}", go::type_of(&value))),
        }
    }

    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Quantity(a), Self::Quantity(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}
