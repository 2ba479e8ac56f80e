//! `render`: the pipeline's documents.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::pipeline::{PipelineArgs, facts_of_no_machine};
use crate::local::render::{Renderer, Task};
use crate::pipeline::facts::{Facts, Reads};

/// Render the pipeline and print its documents; needs no cluster
///
/// Prints the documents as a chain's first build renders them. CHAIN and NAMESPACE stand in for names that are not known yet. Values from the environment are secret and masked, except those named by --env.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Render this repository's .studioci/pipeline.yaml
  kubectl studioci render

  # Render another template with values, and show what `start` would create
  kubectl studioci render -f ci.yaml --values values.yaml --set Tag=build-0001 --woven")]
pub struct RenderArgs {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Show what `start` and a build would create: listener, build Job, and the rest
    #[arg(long)]
    pub woven: bool,
    /// Show secret values instead of masking them
    #[arg(long)]
    pub show_secrets: bool,
}

pub(super) fn run(args: &RenderArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let sources = args.pipeline.sources()?;
    let show_secrets = args.show_secrets;
    let task = |facts: Facts| {
        let sources = sources.clone();
        if args.woven {
            Task::Woven { sources, facts, show_secrets }
        } else {
            Task::Documents { sources, facts, show_secrets }
        }
    };
    let renderer = Renderer::person();
    let (text, notices) = match renderer.text_if_alone(task(facts_of_no_machine()))? {
        Ok(text) => {
            args.pipeline.warn_of_env(&Reads::default(), &facts_of_no_machine(), &mut ctx.console);
            text
        }
        Err(reads) => {
            let facts = args.pipeline.facts(&reads, false)?;
            args.pipeline.warn_of_env(&reads, &facts, &mut ctx.console);
            renderer.text(&task(facts))?
        }
    };
    for notice in &notices {
        ctx.console.warning(notice);
    }
    if text.trim().is_empty() {
        return Err(Mistake::NothingRendered { template: sources.template.name }.into());
    }
    ctx.console.data(&text)?;
    Ok(ExitKind::Done)
}
