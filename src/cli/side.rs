//! What `trigger` and `retry` have in common: how a side build is asked for, shown and waited for.

use std::ops::ControlFlow;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::output::{OutputArg, Results, ServerDryRunArgs, of_results};
use super::wait::WaitArgs;
use crate::chain::build::Build;
use crate::chain::build_object::{Seen, build_object};
use crate::chain::side::in_words;
use crate::cluster::Cluster;
use crate::local::render::Renderer;
use crate::ops;
use crate::ops::side::SideRequest;
use crate::ops::signal::or_interrupted;
use crate::output::result::{Operation, ResultLine};
use crate::output::watch;

/// How a side build is asked for.
#[derive(Debug, Args)]
#[command(mut_arg("wait", |arg| arg.help("Wait for the verdict, which is the exit code then")))]
pub struct SideArgs {
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: ServerDryRunArgs,
    /// Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = of_results)]
    pub output: Option<OutputArg>,
    /// Whether it is waited for.
    #[command(flatten)]
    pub wait: WaitArgs,
}

impl SideArgs {
    pub(super) fn results(&self) -> Result<Results, Failure> {
        Results::of(self.output.as_ref())
    }

    #[expect(clippy::disallowed_methods, reason = "the time of the claim is taken here")]
    pub(super) fn request(&self) -> SideRequest {
        SideRequest { renderer: Renderer::person(), dry_run: self.dry_run.asked, at: Timestamp::now() }
    }
}

/// Says what was made, and waits for its verdict where that is asked for.
#[expect(clippy::disallowed_methods, reason = "dates the lines that have no time on the wire")]
pub(super) async fn show(
    cluster: &Cluster,
    build: &Build,
    args: &SideArgs,
    mut results: Results,
    ctx: &mut Ctx,
) -> Result<ExitKind, Failure> {
    let name = build.namespace.as_str();
    let line = ResultLine {
        kind: "namespace",
        group: "",
        name,
        namespace: None,
        operation: Operation::Created,
        dry_run: args.dry_run.asked,
    };
    let object = || {
        let mut object = build_object(build, &Seen::default(), Timestamp::now());
        if let (true, Some(metadata)) = (build.uid.is_empty(), object["metadata"].as_object_mut()) {
            metadata.remove("uid");
        }
        object
    };
    results.print(&mut ctx.console, &line.to_string(), &line.object(), object)?;
    if args.dry_run.asked.is_dry() {
        return Ok(ExitKind::Done);
    }
    let what = match &build.retry_of {
        Some(of) => format!("a retry of {of}"),
        None => "asked for by hand".to_owned(),
    };
    ctx.console.talk(&format!("{} of chain {}, {what}", in_words(build.generation), build.chain));
    if !args.wait.asked {
        ctx.console.talk(&format!("Follow it with: kubectl studioci watch {name}"));
        return Ok(ExitKind::Done);
    }
    let console = &mut ctx.console;
    let mut tell = |change: &ops::watch::Change| {
        let (of, now) = (&change.after, Timestamp::now());
        let outside = change.outside.iter().map(|why| watch::waits(of, why, now));
        for line in watch::diff(change.before.as_ref(), of, now).into_iter().chain(outside) {
            console.talk(&line.to_string());
        }
        ControlFlow::Continue(())
    };
    let waiting = ops::watch::watch_build(cluster, build, args.wait.timeout, &mut tell);
    let Some(verdict) = Box::pin(or_interrupted(waiting)).await.transpose()?.flatten() else {
        ctx.console.talk(&format!("stopped waiting; it goes on: kubectl studioci watch {name}"));
        return Ok(ExitKind::Interrupted);
    };
    Ok(verdict.into())
}
