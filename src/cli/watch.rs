//! `watch`: follow a build to its verdict.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::here::unless_named;
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::output::watch;

/// Follow a build to its verdict, which is the exit code
///
/// Prints one line per event. The exit code is 0 for Passed, and 1 for Failed, Errored and Cancelled. If a chain is named, its running build is followed, or else the next one. Ctrl-C stops watching, not the build.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Follow the chain of this checkout, or else the only one
  kubectl studioci watch

  # Push, then wait for the verdict in a script
  git push && kubectl studioci watch runner-main --timeout 2h")]
pub struct WatchArgs {
    /// Chain or build to follow (default: the chain of this checkout, else the only one)
    #[arg(value_name = "CHAIN|BUILD")]
    pub name: Option<String>,
    /// How long to watch before giving up with exit code 4 (default: no limit)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "dates the lines that have no time on the wire")]
pub(super) async fn run(args: WatchArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    let here = unless_named(args.name.as_ref());
    let console = &mut ctx.console;
    let mut followed = None;
    let mut broken = None;
    let mut tell = |change: &ops::watch::Change| {
        followed = Some(change.after.namespace.clone());
        let now = Timestamp::now();
        let outside = change.outside.iter().map(|why| watch::waits(&change.after, why, now));
        for line in watch::diff(change.before.as_ref(), &change.after, now).into_iter().chain(outside) {
            if let Err(error) = console.event(&line.to_string()) {
                broken.get_or_insert(error);
            }
        }
    };
    let watching =
        ops::watch::watch(&cluster, args.name.as_deref(), here.as_deref(), args.timeout, &mut tell);
    let Some(verdict) = Box::pin(or_interrupted(watching)).await.transpose()? else {
        let back = followed.or(args.name).unwrap_or_default();
        ctx.console.talk(&format!(
            "stopped watching; the build goes on. Come back with: kubectl studioci watch {back}"
        ));
        return Ok(ExitKind::Interrupted);
    };
    if let Some(error) = broken
        && error.kind() != std::io::ErrorKind::BrokenPipe
    {
        return Err(error.into());
    }
    Ok(verdict.into())
}
