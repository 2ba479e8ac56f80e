//! `cancel`: end a build that is queued or runs.

use std::time::Duration;

use clap::Args;
use clap::builder::ArgPredicate;
use jiff::Timestamp;

use super::cleanup::namespace;
use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::live::LiveWait;
use super::output::{DryRun, OnlyName, only_name, server_dry_run};
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::output::result::{Operation, ResultLine};

/// Cancel a build that is queued or runs
///
/// The build's agent deletes its Job, keeps its log, records the verdict Cancelled, scales its support to 0 and gives its slot to the next build. The chain goes on: the next listener is not touched. If a chain is named, its one running build is cancelled. Without --wait the verb only asks for it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Cancel a build
  kubectl studioci cancel ci-eager-hopper

  # Cancel the running build of a chain, and wait until it is Cancelled
  kubectl studioci cancel runner-main --wait --timeout 5m")]
pub struct CancelArgs {
    /// Build, or chain whose running build, to cancel
    #[arg(value_name = "BUILD|CHAIN", value_parser = namespace)]
    pub name: String,
    /// If `client`, print what would be cancelled; if `server`, have the server check it too; nothing is changed
    #[arg(
        long,
        value_name = "none|client|server",
        default_value = "none",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client",
        value_parser = server_dry_run
    )]
    pub dry_run: DryRun,
    /// Output format: name
    #[arg(short, long, value_name = "FORMAT", value_parser = only_name)]
    pub output: Option<OnlyName>,
    /// Wait until the verdict is recorded
    #[arg(
        long,
        value_name = "true|false",
        default_value = "false",
        default_missing_value = "true",
        default_value_if("timeout", ArgPredicate::IsPresent, "true"),
        num_args = 0..=1,
        require_equals = true
    )]
    pub wait: bool,
    /// How long to wait before giving up with exit code 4 (default: no limit); implies --wait
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
}

pub(super) async fn run(args: CancelArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    let build = ops::find::find(&cluster, &args.name, ops::cancel::meant).await?;
    let name = build.namespace.as_str();
    if args.name != name {
        ctx.console.talk(&format!("build {} of chain {} is {name}", build.generation, build.chain));
    }
    #[expect(clippy::disallowed_methods, reason = "the time of what is done here")]
    let given_up = ops::cancel::give_up(&cluster, &build, args.dry_run, Timestamp::now()).await?;
    let asked = given_up || ops::cancel::cancel(&cluster, &build, args.dry_run).await?;
    let line = ResultLine {
        kind: "namespace",
        group: "",
        name,
        namespace: None,
        operation: if asked { Operation::Cancelled } else { Operation::Unchanged },
        dry_run: args.dry_run,
    };
    let line = if args.output.is_some() { line.object() } else { line.to_string() };
    ctx.console.line(&line)?;
    if !args.wait || given_up || args.dry_run.is_dry() {
        return Ok(ExitKind::Done);
    }
    let shown = ctx.console.live().filter(|_| args.output.is_none());
    let wait = LiveWait::on(shown, format!("Cancelling {name}"));
    let console = &mut ctx.console;
    let mut tell = |change: &ops::watch::Change| {
        wait.waits_for(format!("it is {}", change.after.phase));
        if let Some(why) = &change.outside {
            wait.waits_for(why);
            console.talk(&format!("build {name} waits: {why}"));
        }
    };
    let waiting = ops::cancel::settled(&cluster, &build, args.timeout, &mut tell);
    let waiting = wait.during(&cluster, None, waiting);
    if Box::pin(or_interrupted(waiting)).await.transpose()?.is_none() {
        ctx.console.talk(&format!("stopped waiting; its agent goes on: kubectl studioci watch {name}"));
        return Ok(ExitKind::Interrupted);
    }
    Ok(ExitKind::Done)
}
