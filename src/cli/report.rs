//! `report`: what became of a build, or of a chain's builds.

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::here::chain_here;
use super::mistake::Mistake;
use super::named::{NamedArg, chain_or_build};
use super::output::{Sentence, unmatched};
use crate::chain::reported::ReportOf;
use crate::local::render::Renderer;
use crate::ops;
use crate::output::report::{ReportForm, print};

/// Report on a build or on the history of a chain, also when their namespaces are gone
///
/// Of a build: what was built, the verdict and its cause, each phase with its time, the exit codes of its containers and the events that decided; while its namespace is there, its support with its replicas, its pods and the latest events, too. Of a chain: its builds, newest first, how many passed and how long they took.
///
/// Values of the chain's Secret are masked.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Report on the chain of this checkout
  kubectl studioci report

  # Report on one build of a chain
  kubectl studioci report ci-eager-hopper

  # Write a page for the browser, which is one file
  kubectl studioci report ci-eager-hopper -o html > build.html

  # Hand the history of a chain to a tool that reads JUnit's files
  kubectl studioci report runner-main -o junit > builds.xml")]
pub struct ReportArgs {
    /// Chain or build (default: $STUDIOCI_CHAIN, else this checkout's)
    #[arg(value_name = "CHAIN|BUILD", value_parser = chain_or_build)]
    pub name: Option<NamedArg>,
    /// Output format, one of: html, json, junit, markdown
    #[arg(short, long, value_name = "FORMAT", default_value = "markdown", value_parser = form)]
    pub output: ReportForm,
    /// Tell the result of this build once more, where it did not arrive, before the report
    #[arg(long, requires = "name")]
    pub publish: bool,
}

fn form(text: &str) -> Result<ReportForm, Sentence> {
    match text {
        "html" => Ok(ReportForm::Html),
        "json" => Ok(ReportForm::Json),
        "junit" => Ok(ReportForm::Junit),
        "markdown" => Ok(ReportForm::Markdown),
        _ => Err(unmatched(text, &["html", "json", "junit", "markdown"])),
    }
}

#[expect(clippy::disallowed_methods, reason = "durations against a server that sends no date")]
pub(super) async fn run(args: ReportArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let name = match args.name {
        Some(name) => name,
        None => NamedArg::chain(chain_here(&ctx.settings)?),
    };
    let cluster = ctx.connect()?;
    let mut report = Box::pin(ops::report::report(&cluster, name.named())).await?;
    if args.publish {
        let ReportOf::Build(it) = &report.of else {
            return Err(Mistake::NotABuildToPublish { name: name.name }.into());
        };
        let (proxies, renderer) = (ctx.settings.proxies.clone(), Renderer::person());
        let done = Box::pin(ops::publish::publish(&cluster, &it.build, proxies, renderer, Timestamp::now))
            .await?
            .done;
        for line in done {
            ctx.console.talk(&line);
        }
        report = Box::pin(ops::report::report(&cluster, name.named())).await?;
    }
    for notice in &report.notices {
        ctx.console.warning(notice);
    }
    let now = report.now.unwrap_or_else(Timestamp::now);
    ctx.console.data(&print(args.output, &report.of, now))?;
    Ok(ExitKind::Done)
}
