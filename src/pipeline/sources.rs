//! What a person gives for a pipeline: a template, and what fills it.

use serde::{Deserialize, Serialize};

/// A text and the name that people know it by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// Usually a path; `stdin` for `-`.
    pub name: String,
    /// The text.
    pub text: String,
}

/// Everything that a person gives for a pipeline. It goes into the chain's record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sources {
    /// The template.
    pub template: Text,
    /// Values files, in the order given.
    #[serde(default)]
    pub values: Vec<Text>,
    /// `--set-json NAME=JSON`, or an object of JSON, as typed and in the order given.
    #[serde(default)]
    pub set_json: Vec<String>,
    /// `--set NAME=VALUE`, in the order given.
    #[serde(default)]
    pub set: Vec<(String, String)>,
    /// `--set-file NAME=FILE`, in the order given.
    #[serde(default)]
    pub set_file: Vec<(String, Text)>,
}
