//! `watch`: a build until its verdict.

use std::time::Duration;

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::{duration, not_built_yet};

/// Follow a build until its verdict, which is the exit code
///
/// One line an event. The exit code is 0 for Passed, 1 for Failed, Errored and Cancelled. Of a chain its running build is followed, else the next one. Ctrl-C stops only the watching.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # The only chain there is
  kubectl studioci watch

  # Push, then let a script wait for the verdict
  git push && kubectl studioci watch runner-main --timeout 2h")]
pub struct WatchArgs {
    /// Chain or build to follow; needed where there are several chains
    #[arg(value_name = "CHAIN or BUILD")]
    pub name: Option<String>,
    /// Stop watching after this time, exit code 4 (default: never)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
}

pub(super) async fn run(args: WatchArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    std::future::ready(Err(not_built_yet("watch"))).await
}
