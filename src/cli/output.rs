//! `-o` and `--dry-run`, as kubectl takes them.

use clap::Args;
use serde_json::Value;

use crate::output::printer;
pub use crate::state::DryRun;

/// A complaint that is kubectl's own sentence, and is printed as it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Sentence(String);

/// `--dry-run` of a verb that does not ask the server.
#[derive(Debug, Clone, Copy, Args)]
pub struct DryRunArgs {
    /// If `client`, print what would be created without creating it
    #[arg(
        id = "dry_run",
        long = "dry-run",
        value_name = "none|client",
        default_value = "none",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client",
        value_parser = dry_run
    )]
    pub asked: DryRun,
}

pub(super) fn dry_run(text: &str) -> Result<DryRun, Sentence> {
    match text {
        "none" => Ok(DryRun::None),
        "client" => Ok(DryRun::Client),
        _ => Err(Sentence(format!("Invalid dry-run value ({text}). Must be \"none\" or \"client\"."))),
    }
}

/// The same for a verb that can ask the server.
pub(super) fn server_dry_run(text: &str) -> Result<DryRun, Sentence> {
    match text {
        "none" => Ok(DryRun::None),
        "client" => Ok(DryRun::Client),
        "server" => Ok(DryRun::Server),
        _ => Err(Sentence(format!(
            "Invalid dry-run value ({text}). Must be \"none\", \"server\", or \"client\"."
        ))),
    }
}

/// The forms an object can be printed in as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Whole {
    /// The object in this form, with its final newline.
    pub fn print(self, value: &Value) -> String {
        match self {
            Self::Json => printer::json(value),
            Self::Yaml => printer::yaml(value),
        }
    }
}

pub(super) fn whole(text: &str) -> Result<Whole, Sentence> {
    match text {
        "json" => Ok(Whole::Json),
        "yaml" => Ok(Whole::Yaml),
        _ => Err(unmatched(text, &["json", "yaml"])),
    }
}

/// `-o name`, where that is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name;

pub(super) fn only_name(text: &str) -> Result<Name, Sentence> {
    if text == "name" { Ok(Name) } else { Err(unmatched(text, &["name"])) }
}

/// `-o yaml`, where that is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyYaml;

pub(super) fn only_yaml(text: &str) -> Result<OnlyYaml, Sentence> {
    if text == "yaml" { Ok(OnlyYaml) } else { Err(unmatched(text, &["yaml"])) }
}

/// kubectl's words for a form that there is no printer for.
pub(super) fn unmatched(text: &str, allowed: &[&str]) -> Sentence {
    Sentence(format!(
        "unable to match a printer suitable for the output format \"{text}\", allowed formats are: {}",
        allowed.join(",")
    ))
}
