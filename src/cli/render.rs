//! `render`: the pipeline's documents.

mod check;

use clap::Args;

pub use self::check::OnlyJson;
use self::check::only_json;
use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::output::DryRunArgs;
use super::pipeline::{PipelineArgs, facts_of_no_machine};
use crate::local::render::{Renderer, Task};
use crate::pipeline::facts::{Facts, Reads};

/// Render the pipeline and print its documents; needs no cluster
///
/// Prints the documents as a chain's first build renders them. CHAIN and NAMESPACE stand in for names that are not known yet. Values from the environment are secret and masked, except those named by --env.
///
/// With --check it prints what may be wrong instead, each with its name, line, reason and remedy, and the exit code is 1 if there is any error or warning; notes do not count. A comment `# check: allow NAME` on the line or above it lets a finding pass.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.requires("fix").help("If `client`, print what --fix would change without changing it")),
    after_help = "\
Examples:
  # Render this repository's .studioci/pipeline.yaml
  kubectl studioci render

  # Render another template with values, and show what `start` would create
  kubectl studioci render -f ci.yaml --values values.yaml --set Tag=build-0001 --woven

  # Look for everything that may be wrong, and put right what has one right answer
  kubectl studioci render --check
  kubectl studioci render --check --fix"
)]
pub struct RenderArgs {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Show what `start` and a build would create: listener, build Job, and the rest
    #[arg(long)]
    pub woven: bool,
    /// Print what may be wrong instead of the documents (exit code 1 if there is an error or a warning)
    #[arg(long, conflicts_with_all = ["woven", "show_secrets"])]
    pub check: bool,
    /// Put right in the template what has one right answer, and print the changed lines
    #[arg(long, requires = "check")]
    pub fix: bool,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Output format of --check: json
    #[arg(short, long, requires = "check", value_name = "FORMAT", value_parser = only_json)]
    pub output: Option<OnlyJson>,
    /// Show secret values instead of masking them
    #[arg(long)]
    pub show_secrets: bool,
}

pub(super) fn run(args: &RenderArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    if args.check {
        return check::run(args, ctx);
    }
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
