//! `retry`: build once more what a build has built.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::named;
use super::side::{SideArgs, show};
use crate::ops;
use crate::output::narration::Narrator;

/// Build once more what a build has built
///
/// Runs the same image, by its digest, with the same pipeline text, in a namespace of its own, beside the chain. Values and environment are the chain's of now. The chain does not notice: no listener follows, and the commit status has a context of its own. A build whose namespace is gone is retried if its pipeline is still the chain's.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Try a build again
  kubectl studioci retry ci-eager-hopper

  # Try it again, and exit with the verdict
  kubectl studioci retry ci-eager-hopper --wait")]
pub struct RetryArgs {
    /// Build to try again
    #[arg(value_name = "BUILD", value_parser = named::build)]
    pub build: String,
    /// How it is made.
    #[command(flatten)]
    pub side: SideArgs,
}

pub(super) async fn run(args: RetryArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let results = args.side.results()?;
    let cluster = ctx.connect()?;
    let build = {
        let narrator = Narrator::of(&mut ctx.console);
        let request = args.side.request();
        Box::pin(ops::retry::retry(&cluster, &args.build, request, &|it| narrator.say(&it))).await?
    };
    show(&cluster, &build, &args.side, results, ctx).await
}
