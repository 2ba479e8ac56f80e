//! `setup`: what the cluster needs once.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::not_built_yet;

/// Install, or print, what the cluster needs once
///
/// That is home, the roles, and the admission policies that confine builds. It needs the rights of an administrator;
/// nothing after it does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Install
  kubectl studioci setup

  # Look first, or let somebody else install it
  kubectl studioci setup --print | kubectl apply -f -")]
pub struct SetupArgs {
    /// Print the documents instead of installing them; needs no cluster
    #[arg(long)]
    pub print: bool,
    /// Image that brings the agent into listeners
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
}

pub(super) async fn run(args: SetupArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    std::future::ready(Err(not_built_yet("setup"))).await
}
