//! `setup`: install what a cluster needs once.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use crate::chain::rights::Added;
use crate::ops::setup;

/// Install what a cluster needs, once per cluster, or print it
///
/// Installs namespace studioci, the roles, and the admission policies that confine builds. Requires the rights of a cluster administrator; no other verb does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Install, with the agent image named by its digest
  kubectl studioci setup --agent-image $AGENT_IMAGE

  # Install again what was changed or deleted, with the same agent image
  kubectl studioci setup

  # Print the manifests and apply them with kubectl
  kubectl studioci setup --print --agent-image $AGENT_IMAGE | kubectl apply -f -")]
pub struct SetupArgs {
    /// Print the manifests instead of installing them; needs no cluster
    #[arg(long)]
    pub print: bool,
    /// Image of the agent, by digest (default: the one installed, else that of this release)
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
    /// Label key that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_label: Vec<String>,
    /// Annotation key that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_annotation: Vec<String>,
    /// Proxy by which agents reach GitHub and webhooks (`''` for none; default: the one in use)
    #[arg(long, value_name = "URL")]
    pub https_proxy: Option<String>,
    /// Hosts that agents reach without that proxy, separated by commas (`''` for none)
    #[arg(long, value_name = "LIST")]
    pub no_proxy: Option<String>,
}

pub(super) async fn run(args: SetupArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let added = Added { labels: args.added_label, annotations: args.added_annotation };
    let asked = setup::Asked {
        agent_image: args.agent_image,
        added: Some(added).filter(|it| !it.is_empty()),
        https_proxy: args.https_proxy,
        no_proxy: args.no_proxy,
    };
    if args.print {
        ctx.console.data(&setup::print(&asked)?)?;
        return Ok(ExitKind::Done);
    }
    let cluster = ctx.connect()?;
    let mut lost = None;
    let installed = {
        let console = &mut ctx.console;
        let mut line = |line: &setup::Line| {
            if let Err(error) = console.event(&line.to_string()) {
                lost.get_or_insert(error);
            }
        };
        setup::setup(&cluster, &asked, &mut line).await?
    };
    for notice in &installed.notices {
        ctx.console.warning(notice);
    }
    lost.map_or(Ok(ExitKind::Done), |error| Err(error.into()))
}
