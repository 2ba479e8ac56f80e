//! `agent`: what runs inside a listener's pod. Hidden: only manifests call it.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use crate::cluster::{Cluster, ClusterNotice, InCluster};
use crate::local;
use crate::local::render::Renderer;
use crate::ops::signal::or_terminated;
use crate::output::console::Console;
use crate::output::narration::sentence;
use crate::pipeline::weave::TOLD_FOLDER;
use crate::runner::{Agent, Identity, Role, tell};
use crate::state::narration::Narration;

/// Run inside a listener's pod
#[derive(Debug, Args)]
pub struct AgentArgs {
    /// What to do there.
    #[command(subcommand)]
    pub act: Act,
}

/// What the agent's binary does inside a pod.
#[derive(Debug, Subcommand)]
pub enum Act {
    #[allow(missing_docs, reason = "a doc comment here would replace the longer help of the arguments")]
    Install(InstallArgs),
    /// Tell the agent what this image says about itself, then sleep
    Tell,
    /// Listen, hand the chain on, and build
    Run,
    /// Exit at once: all that matters is that the image could be pulled and run
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
    local::files::install_self(&args.path).map_err(|why| Mistake::CannotInstall {
        path: args.path.display().to_string(),
        why: why.to_string(),
    })?;
    Ok(ExitKind::Done)
}

/// Tells and sleeps until SIGTERM. It runs in the pushed image, and has nothing that this image does not have.
pub(super) async fn tell() -> Result<ExitKind, Failure> {
    let path = local::told::pipeline_path().ok_or_else(|| outside("STUDIOCI_PIPELINE_PATH", "agent tell"))?;
    let tells = tell::tell(Path::new(TOLD_FOLDER), local::told::of_image(&path));
    or_terminated(tells)
        .await
        .transpose()
        .map_err(|why| Mistake::CannotTell { folder: TOLD_FOLDER.to_owned(), why: why.to_string() })?;
    Ok(ExitKind::Done)
}

/// Runs until SIGTERM, which is obeyed at once: an agent is the first process of its container.
#[expect(clippy::disallowed_methods, reason = "the agent's clock is handed to it here")]
pub(super) async fn run(ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let place = local::agent::place().map_err(|missing| outside(missing, "agent run"))?;
    let cluster = Cluster::in_cluster(&InCluster::at(place.host, place.port))?;
    let me = Identity {
        namespace: place.namespace,
        role: Role::Own { pod: place.pod },
        deployment: place.deployment,
        container: place.container,
        told: TOLD_FOLDER.into(),
    };
    // a diary that nobody reads is no reason to stop
    let write = |console: &mut Console, line: &str| {
        let _ = console.event(&format!("{:.0}  {line}", Timestamp::now()));
    };
    let (out, err) = (ctx.settings.stdout, ctx.settings.stderr);
    cluster.on_notice(move |notice| match notice {
        ClusterNotice::Waiting(text) | ClusterNotice::Warning(text) => {
            write(&mut Console::standard(out, err), &text);
        }
        // an agent has no choice
        ClusterNotice::Chosen(_) => {}
    });
    let console = RefCell::new(&mut ctx.console);
    let say = |it: Narration<'_>| {
        if let Some(line) = sentence(&it) {
            write(&mut console.borrow_mut(), &line);
        }
    };
    let mut agent = Agent::new(&cluster, me, Timestamp::now, Renderer::agent(), &say);
    or_terminated(agent.run()).await.transpose()?;
    Ok(ExitKind::Done)
}

fn outside(variable: &str, verb: &str) -> Mistake {
    Mistake::NotInAListener { variable: variable.to_owned(), verb: verb.to_owned() }
}

pub(super) fn probe() -> ExitKind {
    ExitKind::Done
}
