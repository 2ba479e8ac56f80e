//! `--sort-by=PATH`, by kubectl's rules.

use std::cmp::Ordering;

use serde_json::Value;

use super::go;
use super::jsonpath::JsonPath;

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
    let quantities: Option<Vec<f64>> = present.iter().map(|(_, value)| quantity(value.as_str()?)).collect();
    let mut keys: Vec<(usize, Key)> = match quantities {
        Some(numbers) => {
            present.iter().zip(numbers).map(|((place, _), number)| (*place, Key::Number(number))).collect()
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
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => Ordering::Equal,
        }
    }
}

/// A quantity of Kubernetes, near enough to be compared.
///
/// Source of the rule: apimachinery's `resource.ParseQuantity`.
fn quantity(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 16] = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("Pi", 1_125_899_906_842_624.0),
        ("Ei", 1_152_921_504_606_846_976.0),
        ("n", 1e-9),
        ("u", 1e-6),
        ("m", 1e-3),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
        ("P", 1e15),
        ("E", 1e18),
        ("", 1.0),
    ];
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(unsigned.len());
    let (number, suffix) = text.split_at(text.len() - unsigned.len() + digits);
    let number: f64 = number.parse().ok()?;
    if let Some(exponent) = suffix.strip_prefix(['e', 'E']).and_then(|exponent| exponent.parse::<i32>().ok())
    {
        return Some(number * 10f64.powi(exponent));
    }
    let (_, factor) = SUFFIXES.iter().find(|(name, _)| *name == suffix)?;
    Some(number * factor)
}
