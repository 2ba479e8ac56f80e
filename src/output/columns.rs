//! `-o custom-columns=HEADER:PATH,…`, as kubectl reads and prints it.

use serde_json::Value;

use super::go;
use super::jsonpath::JsonPath;
use super::table::{NONE, Table};

/// Columns that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomColumns {
    columns: Vec<(String, JsonPath)>,
}

impl CustomColumns {
    /// Reads `HEADER:PATH,…`.
    ///
    /// # Errors
    /// What is wrong with it, in kubectl's words.
    pub fn parse(spec: &str) -> Result<Self, String> {
        if spec.is_empty() {
            return Err("custom-columns format specified but no custom columns given".to_owned());
        }
        let columns: Result<Vec<_>, String> = spec.split(',').map(column).collect();
        Self::of(columns?)
    }

    /// Reads a file of two lines: headers, and below each its path.
    ///
    /// # Errors
    /// As [`CustomColumns::parse`].
    pub fn of_file(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let mut line = |what: &str| {
            lines.next().map(|line| line.split_whitespace().collect::<Vec<_>>()).ok_or_else(|| {
                format!(
                    "invalid template, missing {what} line. Expected format is one line of space separated headers, one \
                     line of space separated column specs."
                )
            })
        };
        let (headers, paths) = (line("header")?, line("spec")?);
        if headers.len() != paths.len() {
            return Err(format!(
                "number of headers ({}) and field specifications ({}) don't match",
                headers.len(),
                paths.len()
            ));
        }
        let columns = headers.iter().zip(paths);
        Self::of(
            columns
                .map(|(header, path)| Ok((*header, JsonPath::braced(path)?)))
                .collect::<Result<_, String>>()?,
        )
    }

    fn of(columns: Vec<(&str, String)>) -> Result<Self, String> {
        let column = |(header, path): (&str, String)| Ok((header.to_owned(), JsonPath::parse(&path)?));
        Ok(Self { columns: columns.into_iter().map(column).collect::<Result<_, String>>()? })
    }

    /// A table of these columns.
    ///
    /// # Errors
    /// As [`JsonPath::find`].
    pub fn table<'a>(&self, objects: impl IntoIterator<Item = &'a Value>) -> Result<Table, String> {
        let mut table = Table::as_typed(self.columns.iter().map(|(header, _)| header.clone()));
        for object in objects {
            let cells = self.columns.iter().map(|(_, path)| cell(path, object));
            table.row(cells.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(table)
    }
}

/// A header and its path.
fn column(part: &str) -> Result<(&str, String), String> {
    let (header, path) = part.split_once(':').ok_or_else(|| {
        format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>")
    })?;
    Ok((header, JsonPath::braced(path)?))
}

fn cell(path: &JsonPath, object: &Value) -> Result<String, String> {
    let parts = path.find(object)?;
    let mut texts: Vec<String> = Vec::new();
    if parts.first().is_none_or(Vec::is_empty) {
        texts.push(NONE.to_owned());
    }
    texts.extend(parts.iter().flatten().map(|found| go::text(&found.value())));
    Ok(texts.join(","))
}
