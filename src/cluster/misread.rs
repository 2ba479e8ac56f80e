//! What is wrong with a kubeconfig that cannot be read, without showing any of it.
//!
//! Pure. The libraries' own words quote values and show lines, and those are credentials.

use std::path::Path;

use kube::config::KubeconfigError;
use serde_saphyr::Error as YamlError;

use super::config_fault::ConfigFault;

/// The case that a file's error is.
pub(super) fn unreadable(path: &Path, error: &KubeconfigError) -> ConfigFault {
    let file = path.display().to_string();
    match error {
        KubeconfigError::ReadConfig(error, _) => {
            ConfigFault::KubeconfigUnreadable { file, why: error.to_string() }
        }
        KubeconfigError::Parse(error) => ConfigFault::KubeconfigMisread { file, fault: misread(error) },
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => {
            ConfigFault::KubeconfigKindDiffers { file }
        }
        _ => ConfigFault::KubeconfigMisread { file, fault: "it cannot be read as a kubeconfig".to_owned() },
    }
}

/// Line, column and fault. Nothing that stands in the file: the library's own words quote values and show lines.
fn misread(error: &YamlError) -> String {
    let error = error.without_snippet();
    let fault = match error {
        YamlError::SerdeInvalidType { unexpected, expected, .. }
        | YamlError::SerdeInvalidValue { unexpected, expected, .. } => {
            format!("{} stands where {} belongs", kind(unexpected), belongs(expected))
        }
        YamlError::Unexpected { expected, .. } => format!("{} belongs there", belongs(expected)),
        YamlError::InvalidScalar { ty, .. } => format!("{} belongs there", belongs(ty)),
        YamlError::InvalidBooleanStrict { .. } => "true or false belongs there".to_owned(),
        YamlError::NullIntoString { .. } => "nothing stands where a text belongs".to_owned(),
        YamlError::SerdeMissingField { field, .. } => format!("the field {field} is missing"),
        YamlError::SerdeUnknownVariant { expected, .. } | YamlError::SerdeUnknownField { expected, .. } => {
            format!("one of these belongs there: {}", expected.join(", "))
        }
        YamlError::DuplicateMappingKey { .. } => "a key stands there for the second time".to_owned(),
        YamlError::InvalidBinaryBase64 { .. } => "a !!binary is not base64".to_owned(),
        YamlError::UnknownAnchor { .. } => "an alias has no anchor".to_owned(),
        YamlError::Eof { .. } => "the file ends too early".to_owned(),
        YamlError::AliasError { error, .. } => return misread(error),
        YamlError::Message { .. } => "the value there cannot be read".to_owned(),
        // the parser quotes single letters, after its own words
        YamlError::ExternalMessage { msg, .. } => {
            let words = msg.split(['`', '"', '\'']).next().unwrap_or_default().trim_end_matches([' ', ':']);
            format!("it is not YAML: {words}")
        }
        _ => "it is not YAML".to_owned(),
    };
    match error.location() {
        Some(place) if place.line() > 0 => {
            format!("line {}, column {}: {fault}", place.line(), place.column())
        }
        _ => fault,
    }
}

/// What serde found, without the value, which follows in quotes.
fn kind(unexpected: &str) -> &'static str {
    let name = unexpected.split(['`', '"', '\'']).next().unwrap_or_default().trim();
    match name {
        "string" | "character" => "a text",
        "boolean" => "true or false",
        "integer" | "floating point" => "a number",
        "sequence" => "a list",
        "map" => "a map",
        "unit value" | "Option value" => "nothing",
        _ => "another kind of value",
    }
}

/// What serde wants; its own names of types say nothing to people.
fn belongs(expected: &str) -> &str {
    match expected {
        "a string" | "string" | "string scalar" => "a text",
        "a sequence" | "sequence start" => "a list",
        "a map" | "mapping start" => "a map",
        "a boolean" | "boolean" | "bool" => "true or false",
        expected if expected.starts_with("struct ") => "a map",
        expected => expected,
    }
}
