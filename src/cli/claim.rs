//! `claim`: just a namespace.

use std::time::Duration;

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::output::{DryRun, Name, dry_run, only_name};
use super::{duration, not_built_yet};

/// Create a namespace that is proved ours, and print its name
///
/// The namespace is new, nobody else's, and can be used when its name is printed: a building block for your own
/// scripts.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # A namespace that nobody else has
  kubectl studioci claim

  # Its name alone, for a script
  NS=$(kubectl studioci claim --prefix test -o name)")]
pub struct ClaimArgs {
    /// Begin of the namespace's name
    #[arg(long, value_name = "PREFIX", default_value = "ci")]
    pub prefix: String,
    /// `client` says what would be created, and creates nothing
    #[arg(long, value_name = "none|client", default_value = "none", value_parser = dry_run)]
    pub dry_run: DryRun,
    /// Output format: name
    #[arg(short, long, value_name = "FORMAT", value_parser = only_name)]
    pub output: Option<Name>,
    /// How long to wait until the namespace can be used
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    pub timeout: Duration,
}

pub(super) async fn run(args: ClaimArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    std::future::ready(Err(not_built_yet("claim"))).await
}
