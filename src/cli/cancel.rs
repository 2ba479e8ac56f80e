//! `cancel`: end a build that is queued or runs.

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::live::LiveWait;
use super::named::{NamedArg, chain_or_build};
use super::output::{OnlyName, ServerDryRunArgs, only_name};
use super::wait::WaitArgs;
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::output::result::{Operation, ResultLine};

/// Cancel a build that is queued or runs
///
/// The build's agent deletes its Job, keeps its log, records the verdict Cancelled, scales its support to 0 and gives its slot to the next build. The chain goes on: the next listener is not touched. If a chain is named, its one running build is cancelled. Without --wait the verb only asks for it.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.help("If `client`, print what would be cancelled; if `server`, have the server check it too; nothing is changed")),
    mut_arg("wait", |arg| arg.help("Wait until the verdict is recorded")),
    after_help = "\
Examples:
  # Cancel a build
  kubectl studioci cancel ci-eager-hopper

  # Cancel the running build of a chain, and wait until it is Cancelled
  kubectl studioci cancel runner-main --wait --timeout 5m"
)]
pub struct CancelArgs {
    /// Build, or chain whose running build, to cancel
    #[arg(value_name = "BUILD|CHAIN", value_parser = chain_or_build)]
    pub name: NamedArg,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: ServerDryRunArgs,
    /// Output format: name
    #[arg(short, long, value_name = "FORMAT", value_parser = only_name)]
    pub output: Option<OnlyName>,
    /// Whether it is waited for.
    #[command(flatten)]
    pub wait: WaitArgs,
}

pub(super) async fn run(args: CancelArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let dry_run = args.dry_run.asked;
    let cluster = ctx.connect()?;
    let build = ops::find::find(&cluster, args.name.named(), ops::cancel::meant).await?;
    let name = build.namespace.as_str();
    if args.name.name != name {
        ctx.console.talk(&format!("build {} of chain {} is {name}", build.generation, build.chain));
    }
    #[expect(clippy::disallowed_methods, reason = "the time of what is done here")]
    let given_up = ops::cancel::give_up(&cluster, &build, dry_run, Timestamp::now()).await?;
    let asked = given_up || ops::cancel::cancel(&cluster, &build, dry_run).await?;
    let line = ResultLine {
        kind: "namespace",
        group: "",
        name,
        namespace: None,
        operation: if asked { Operation::Cancelled } else { Operation::Unchanged },
        dry_run,
    };
    let line = if args.output.is_some() { line.object() } else { line.to_string() };
    ctx.console.line(&line)?;
    if !args.wait.asked || given_up || dry_run.is_dry() {
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
    let waiting = ops::cancel::settled(&cluster, &build, args.wait.timeout, &mut tell);
    let waiting = wait.during(&cluster, None, waiting);
    if Box::pin(or_interrupted(waiting)).await.transpose()?.is_none() {
        ctx.console.talk(&format!("stopped waiting; its agent goes on: kubectl studioci watch {name}"));
        return Ok(ExitKind::Interrupted);
    }
    Ok(ExitKind::Done)
}
