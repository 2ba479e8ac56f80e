//! The forms that `-o` names, as kubectl has them.

use serde_json::Value;

use super::columns::CustomColumns;
use super::jsonpath::JsonPath;
use super::printer;

/// The forms an object can be printed in as a whole.
#[derive(Debug, Clone, PartialEq)]
pub enum WholeForm {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// KYAML.
    Kyaml,
    /// What a template finds in it.
    JsonPath(JsonPath),
    /// The same as JSON.
    JsonPathAsJson(JsonPath),
}

impl WholeForm {
    /// What it is called.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Kyaml => "kyaml",
            Self::JsonPath(_) => "jsonpath",
            Self::JsonPathAsJson(_) => "jsonpath-as-json",
        }
    }

    /// The object in this form.
    ///
    /// # Errors
    /// As [`JsonPath::find`].
    pub fn print(&self, value: &Value) -> Result<String, String> {
        match self {
            Self::Json => Ok(printer::json(value)),
            Self::Yaml => Ok(printer::yaml(value)),
            Self::Kyaml => Ok(printer::kyaml(value)),
            Self::JsonPath(path) => path.print(value),
            Self::JsonPathAsJson(path) => path.print_json(value),
        }
    }

    /// The same of one of several objects: documents of YAML are parted.
    ///
    /// # Errors
    /// As [`JsonPath::find`].
    pub fn print_next(&self, value: &Value, first: bool) -> Result<String, String> {
        let printed = self.print(value)?;
        Ok(if *self == Self::Yaml && !first { format!("---\n{printed}") } else { printed })
    }
}

/// The forms that objects are listed in; none of them is the table.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectForm {
    /// As a whole.
    Whole(WholeForm),
    /// `kind/NAME`, a line each.
    Name,
    /// The table with all its columns.
    Wide,
    /// A table of columns that somebody asked for.
    Columns(CustomColumns),
}
