//! `agent`: what runs inside a listener's pod. Hidden: only manifests call it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use crate::cluster::{Cluster, InCluster};
use crate::local;
use crate::local::render::Renderer;
use crate::ops::signal::or_terminated;
use crate::pipeline::weave::TOLD_FOLDER;
use crate::runner::{Agent, Identity, tell};

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
    /// Tell the agent what this image says of itself, then sleep
    Tell,
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
    local::files::install_self(&args.path).map_err(|why| {
        Failure::usage(format!("cannot copy this program to {}", args.path.display()))
            .because(why)
            .remedy("name a file in a folder that this user may write to, with room for it")
    })?;
    Ok(ExitKind::Done)
}

/// Tells and sleeps until SIGTERM. It runs in the pushed image, and has nothing that this image does not have.
pub(super) async fn tell() -> Result<ExitKind, Failure> {
    let path = local::told::pipeline_path().ok_or_else(|| {
        Failure::usage("STUDIOCI_PIPELINE_PATH is not set: agent tell works only in a listener's pod")
            .remedy("start a chain with kubectl studioci start")
    })?;
    let tells = tell::tell(Path::new(TOLD_FOLDER), local::told::of_image(&path));
    or_terminated(tells).await.transpose().map_err(|why| {
        Failure::usage(format!("cannot write to {TOLD_FOLDER}"))
            .because(why)
            .remedy("start a chain with kubectl studioci start: its listener mounts that folder")
    })?;
    Ok(ExitKind::Done)
}

/// Runs until SIGTERM, which is obeyed at once: an agent is the first process of its container.
#[expect(clippy::disallowed_methods, reason = "the agent's clock is handed to it here")]
pub(super) async fn run(ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let place = local::agent::place().map_err(|missing| {
        Failure::usage(format!("{missing} is not set: agent run works only in a listener's pod"))
            .remedy("start a chain with kubectl studioci start")
    })?;
    let cluster = Cluster::in_cluster(&InCluster::at(place.host, place.port))?;
    let me = Identity {
        namespace: place.namespace,
        pod: Some(place.pod),
        deployment: place.deployment,
        container: place.container,
        told: TOLD_FOLDER.into(),
    };
    let console = RefCell::new(&mut ctx.console);
    let say = |line: &str| {
        // a diary that nobody reads is no reason to stop
        let _ = console.borrow_mut().event(&format!("{:.0}  {line}", Timestamp::now()));
    };
    let mut agent = Agent::new(&cluster, me, Timestamp::now, Renderer::agent(), &say);
    or_terminated(agent.run()).await.transpose()?;
    Ok(ExitKind::Done)
}

pub(super) fn probe() -> ExitKind {
    ExitKind::Done
}
