//! `stop`: end a chain.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::named;
use crate::ops::signal::or_interrupted;
use crate::ops::stop::{self, Left, StopRequest};
use crate::output::narration::Narrator;
use crate::state::narration::Narration;

/// End a chain, so that no push starts another build
///
/// Deletes the waiting listener. Running builds finish, and finished builds stay until `cleanup` deletes them. With --purge, all builds of the chain, its history and its record are deleted, too, once no build runs any more. Run `start` to continue a stopped chain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Stop a chain; `start` continues it
  kubectl studioci stop runner-main

  # Stop a chain, and delete its builds, history and record once its running builds have finished
  kubectl studioci stop runner-main --purge --timeout 1h")]
pub struct StopArgs {
    /// Chain to end
    #[arg(value_name = "CHAIN", value_parser = named::chain)]
    pub chain: String,
    /// Also delete its builds, history and record, once running builds have finished
    #[arg(long)]
    pub purge: bool,
    /// How long to wait for running builds with --purge before giving up with exit code 4 (default: no limit)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "purge")]
    pub timeout: Option<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "the time of the end is taken here")]
pub(super) async fn run(args: StopArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let request =
        StopRequest { chain: args.chain, purge: args.purge, timeout: args.timeout, now: Timestamp::now() };
    let cluster = ctx.connect()?;
    let narrator = Narrator::of(&mut ctx.console).of_chain(&request.chain);
    let stopped = {
        let say = |it: Narration<'_>| narrator.say(&it);
        Box::pin(or_interrupted(stop::stop(&cluster, &request, &say))).await.transpose()
    };
    narrator.finish()?;
    let stopped = stopped?;
    let chain = &request.chain;
    let Some(Left { running, stay }) = stopped else {
        let purge = if request.purge { " --purge" } else { "" };
        ctx.console.talk(&format!(
            "stopped waiting. Run it again for the rest: kubectl studioci stop {chain}{purge}"
        ));
        return Ok(ExitKind::Interrupted);
    };
    if !running.is_empty() {
        ctx.console.talk(&format!("what runs goes on to its end: {}", running.join(", ")));
    }
    if stay > 0 {
        ctx.console.talk(&format!("home keeps chain {chain} until these are gone; then run it again"));
        return Ok(ExitKind::No);
    }
    Ok(ExitKind::Done)
}
