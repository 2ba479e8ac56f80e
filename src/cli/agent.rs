//! `agent`: what runs inside a listener's pod. Hidden: only manifests call it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::not_built_yet;

/// Work inside a listener's pod
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// What to do there.
    #[command(subcommand)]
    pub act: Act,
}

/// What the agent's binary does inside a pod.
#[derive(Debug, Subcommand)]
pub enum Act {
    #[expect(missing_docs, reason = "a doc comment here would replace the longer help of the arguments")]
    Install(InstallArgs),
    /// Listen, hand on and build
    Run,
    /// Exit at once: that the image could be pulled and run is the answer
    Probe,
}

/// Copy this program to a path, mode 0555
///
/// The path is in a volume, where the listener's container finds it.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// File to write
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
}

pub(super) fn install(args: &InstallArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    Err(not_built_yet("agent install"))
}

pub(super) async fn run(_ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    std::future::ready(Err(not_built_yet("agent run"))).await
}

pub(super) fn probe() -> ExitKind {
    ExitKind::Done
}
