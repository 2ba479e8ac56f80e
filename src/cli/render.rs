//! `render`: the pipeline's documents.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::pipeline::PipelineArgs;
use crate::ops;
use crate::pipeline::template;

/// Print the pipeline's documents; needs no cluster
///
/// Prints what the template and its values give, as it would be read by the API server. What comes from the environment is secret and masked, unless it is named by --env.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Render .studioci/pipeline.yaml of this repository
  kubectl studioci render

  # Render another template with values, and see what `start` would create
  kubectl studioci render -f ci.yaml --values values.yaml --set image=quay.io/me/app:build-1 --woven")]
pub struct RenderArgs {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Show what would be created: listener, build Job and the rest, apart
    #[arg(long)]
    pub woven: bool,
    /// Show secret values instead of masking them
    #[arg(long)]
    pub show_secrets: bool,
}

pub(super) fn run(args: &RenderArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let (sources, facts) = args.pipeline.read()?;
    if !args.woven {
        let rendered = template::render(&sources, &facts).map_err(|fault| vec![fault])?;
        let text = if args.show_secrets { &rendered.text } else { &rendered.masked };
        ctx.console.data(text)?;
        return Ok(ExitKind::Done);
    }
    let woven = ops::plan::preview(&sources, &facts, args.show_secrets)?;
    for notice in &woven.plan.notices {
        ctx.console.warning(&notice.to_string());
    }
    let tag = woven.plan.build.image.tag.clone();
    ctx.console.data(&woven.text(&tag))?;
    Ok(ExitKind::Done)
}
