//! `version`: what this program is.

use clap::Args;
use serde_json::{Value, json};

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::output::whole;
use crate::output::form::WholeForm;

/// Print the version of this program
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  kubectl studioci version
  kubectl studioci version -o json")]
pub struct VersionArgs {
    /// Accepted as by kubectl, and not needed: there is no server version
    #[arg(long)]
    pub client: bool,
    /// Output format, one of: json, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = whole)]
    pub output: Option<WholeForm>,
}

/// The version as kubectl shows its own: `clientVersion` with `gitVersion`, `major`, `minor` and `platform`.
pub(super) fn object() -> Value {
    json!({
        "clientVersion": {
            "gitVersion": concat!("v", env!("CARGO_PKG_VERSION")),
            "major": env!("CARGO_PKG_VERSION_MAJOR"),
            "minor": env!("CARGO_PKG_VERSION_MINOR"),
            "platform": format!("{}/{}", std::env::consts::OS, architecture()),
        }
    })
}

/// The architecture's name in the Kubernetes world.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    }
}

pub(super) fn run(args: &VersionArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    match &args.output {
        Some(form) => ctx.console.data(&form.print(&object()).map_err(Failure::usage)?)?,
        None => ctx.console.line(concat!("Client Version: v", env!("CARGO_PKG_VERSION")))?,
    }
    Ok(ExitKind::Done)
}
