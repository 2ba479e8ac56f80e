//! Documents of a rendered pipeline.

use serde_json::Value;

use super::fault::Fault;

/// One document.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its number, from 1.
    pub number: usize,
    /// Its first line in the rendered text.
    pub line: usize,
    /// What it says.
    pub value: Value,
}

/// Reads documents.
pub fn read(name: &str, text: &str) -> Result<Vec<Document>, Fault> {
    serde_saphyr::from_multiple::<Value>(text)
        .map(|values| {
            values
                .into_iter()
                .enumerate()
                .map(|(index, value)| Document { number: index + 1, line: 1, value })
                .collect()
        })
        .map_err(|error| Fault {
            what: format!("{name} cannot be read"),
            place: None,
            why: error.to_string(),
            hint: String::new(),
        })
}
