//! kubectl's dialect of JSONPath: `{.items[*].metadata.name}`, `{range .items[*]}…{end}`, `[?(@.a=="b")]`.
//!
//! Of our own, since the crates that there are speak RFC 9535, which has neither templates nor ranges and reads slices and
//! filters otherwise. Source of the rules: client-go's `util/jsonpath`, whose answers stand in `tests/data/kubectl-printed.json`.
//! In two things this differs on purpose: fields are walked in order (Go's maps have none), and what steers a terminal is
//! shown by name.

mod find;
mod parse;

use serde_json::Value;

pub use self::find::PathValue;
use self::parse::PathNode;
use super::console::harmless;
use super::go;
use super::printer;

/// A template, parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct JsonPath {
    text: String,
    nodes: Vec<Vec<PathNode>>,
}

impl JsonPath {
    /// Reads a template: text with actions between braces.
    ///
    /// # Errors
    /// What is wrong with it, in kubectl's words.
    pub fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), nodes: parse::parse(text)? })
    }

    /// Reads what a column or an order is given by: one path, of which braces and first dot may be left out.
    ///
    /// # Errors
    /// What is wrong with it, in kubectl's words.
    pub fn relaxed(path: &str) -> Result<Self, String> {
        Self::parse(&Self::braced(path)?)
    }

    /// The same path with its braces and its dot, not yet read.
    ///
    /// # Errors
    /// Braces elsewhere than around it.
    pub fn braced(path: &str) -> Result<String, String> {
        const SHAPE: &str = "unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'";
        let braced = path.strip_prefix('{').and_then(|path| path.strip_suffix('}'));
        let bare = braced.unwrap_or(path);
        let bare = if bare.len() > 1 { bare.strip_prefix('.').unwrap_or(bare) } else { bare };
        if path.is_empty() {
            return Ok(String::new());
        }
        if bare.is_empty() || bare.contains(['{', '}']) {
            return Err(SHAPE.to_owned());
        }
        Ok(format!("{{.{bare}}}"))
    }

    /// The template, as it was parsed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What each part of the template finds.
    ///
    /// # Errors
    /// An index out of bounds, or values that cannot be compared, in kubectl's words.
    pub fn find<'a>(&'a self, object: &'a Value) -> Result<Vec<Vec<PathValue<'a>>>, String> {
        find::find(&self.nodes, object)
    }

    fn found<'a>(&'a self, object: &'a Value) -> Result<Vec<Vec<PathValue<'a>>>, String> {
        self.find(object).map_err(|why| {
            format!("error executing jsonpath {:?}: Error executing template: {why}", self.text)
        })
    }

    /// What it prints of an object: values of one part parted by a space, nothing at the end.
    ///
    /// # Errors
    /// As [`JsonPath::find`].
    pub fn print(&self, object: &Value) -> Result<String, String> {
        let mut printed = String::new();
        for part in self.found(object)? {
            for (index, found) in part.iter().enumerate() {
                if index > 0 {
                    printed.push(' ');
                }
                match found {
                    PathValue::Text(text) => printed.push_str(text),
                    PathValue::At(value @ (Value::Array(_) | Value::Object(_))) => {
                        printed.push_str(&printer::compact(value));
                    }
                    PathValue::At(Value::Null) => printed.push_str("null"),
                    PathValue::At(value) => printed.push_str(&harmless(&go::text(value))),
                    PathValue::Made(value) => printed.push_str(&go::text(value)),
                }
            }
        }
        Ok(printed)
    }

    /// The same as JSON: an array for each part, on lines of its own.
    ///
    /// # Errors
    /// As [`JsonPath::find`].
    pub fn print_json(&self, object: &Value) -> Result<String, String> {
        let array = |part: Vec<PathValue<'_>>| part.into_iter().map(PathValue::into_value).collect();
        Ok(self.found(object)?.into_iter().map(|part| printer::json(&Value::Array(array(part)))).collect())
    }
}
