//! `trigger`: build a tag by hand.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::named;
use super::side::{SideArgs, show};
use crate::ops;
use crate::output::narration::Narrator;
use crate::state::narration::Narration;

/// Build a tag by hand, beside the chain
///
/// Builds the newest tag that the chain has seen, or the one that is named, in a namespace of its own, by the chain's last good pipeline: what the image brings as its pipeline is not used. The chain does not notice: no listener follows, a push of the same tag is built all the same, and its commit status has a context of its own. The build takes a slot like any other, behind pushes that wait for one.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Build the newest tag once more
  kubectl studioci trigger runner-main

  # Build another tag, and exit with its verdict
  kubectl studioci trigger runner-main --tag build-0007 --wait --timeout 2h")]
pub struct TriggerArgs {
    /// Chain whose pipeline builds it
    #[arg(value_name = "CHAIN", value_parser = named::chain)]
    pub chain: String,
    /// Tag to build (default: the newest that the chain has seen)
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// How it is made.
    #[command(flatten)]
    pub side: SideArgs,
}

pub(super) async fn run(args: TriggerArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let results = args.side.results()?;
    let cluster = ctx.connect()?;
    let build = {
        let narrator = Narrator::of(&mut ctx.console);
        let (tag, request) = (args.tag.as_deref(), args.side.request());
        let say = |it: Narration<'_>| narrator.say(&it);
        Box::pin(ops::trigger::trigger(&cluster, &args.chain, tag, request, &say)).await?
    };
    show(&cluster, &build, &args.side, results, ctx).await
}
