//! `setup`: install what a cluster needs once.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use crate::chain::rights::Added;
use crate::ops::setup;

/// Install or print what a cluster needs once
///
/// That is home, the roles, and the admission policies that confine builds. This needs the rights of an administrator;
/// nothing after it does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Install; the image is named by its digest
  kubectl studioci setup --agent-image $AGENT_IMAGE

  # Repair what differs, keeping the agent image
  kubectl studioci setup

  # Print the manifests, and have somebody else apply them
  kubectl studioci setup --print --agent-image $AGENT_IMAGE | kubectl apply -f -")]
pub struct SetupArgs {
    /// Print the manifests instead of installing them; needs no cluster
    #[arg(long)]
    pub print: bool,
    /// Image that listeners run the agent from, by digest (default: the one already set)
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
    /// Key of a label that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_label: Vec<String>,
    /// Key of an annotation that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_annotation: Vec<String>,
}

pub(super) async fn run(args: SetupArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let added = Added { labels: args.added_label, annotations: args.added_annotation };
    let asked =
        setup::Asked { agent_image: args.agent_image, added: Some(added).filter(|it| !it.is_empty()) };
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
