//! `status`: builds, the newest first.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::not_built_yet;
use super::output::{Sentence, unmatched};

/// Show builds, the newest first
///
/// One row a build, with what triggered it, how it ended, and why it stands still where it does. A name shows that
/// chain or that build.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Every build
  kubectl studioci status

  # The builds of one chain, with image and revision
  kubectl studioci status runner-main -o wide

  # For a script
  kubectl studioci status -o json | jq -r '.items[] | select(.status.verdict == \"Failed\") | .metadata.name'")]
pub struct StatusArgs {
    /// Chain or build to show; all without it
    #[arg(value_name = "CHAIN or BUILD")]
    pub name: Option<String>,
    /// Output format: json, name, wide or yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = form)]
    pub output: Option<Form>,
    /// Leave the headers out
    #[arg(long)]
    pub no_headers: bool,
}

/// The forms that builds are shown in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A `BuildList`, JSON.
    Json,
    /// `namespace/NAME`, a line each.
    Name,
    /// The table with all its columns.
    Wide,
    /// A `BuildList`, YAML.
    Yaml,
}

fn form(text: &str) -> Result<Form, Sentence> {
    match text {
        "json" => Ok(Form::Json),
        "name" => Ok(Form::Name),
        "wide" => Ok(Form::Wide),
        "yaml" => Ok(Form::Yaml),
        _ => Err(unmatched(text, &["json", "name", "wide", "yaml"])),
    }
}

pub(super) async fn run(args: StatusArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    std::future::ready(Err(not_built_yet("status"))).await
}
