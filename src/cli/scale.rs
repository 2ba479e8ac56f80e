//! `scale`: scale a build's support by hand.

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::live::LiveWait;
use super::named::{NamedArg, chain_or_build};
use super::output::{OutputArg, Results, ServerDryRunArgs, of_results};
use super::wait::WaitArgs;
use crate::chain::build::Phase;
use crate::ops;
use crate::ops::scale::Scaled;
use crate::ops::signal::or_interrupted;
use crate::output::console::Console;
use crate::output::result::{Operation, ResultLine};

/// Scale a build's support up to look at its data, or back down
///
/// Support is every Deployment, StatefulSet, ReplicaSet and ReplicationController of the pipeline other than the build workload. When a build has finished, its support is scaled to 0 and its replica counts are remembered. If a chain is named, its newest finished build is scaled. Support is not scaled down while its build is prepared or runs.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.help("If `client`, print what would be scaled; if `server`, have the server check it too; nothing is changed")),
    mut_arg("wait", |arg| arg.help("Wait until support is ready, or gone")),
    mut_arg("timeout", |arg| arg.help("How long to wait before giving up with exit code 4 (default: 5m); implies --wait")),
    after_help = "\
Examples:
  # Look at what a build left in its database, then scale down again
  kubectl studioci scale up ci-witty-kepler --wait
  kubectl studioci scale down ci-witty-kepler

  # Scale up the support of a chain's newest finished build
  kubectl studioci scale up runner-main"
)]
pub struct ScaleArgs {
    /// `up` restores the remembered replica counts, `down` scales to 0
    #[arg(value_name = "up|down", hide_possible_values = true)]
    pub direction: DirectionArg,
    /// Build or chain to scale
    #[arg(value_name = "BUILD|CHAIN", value_parser = chain_or_build)]
    pub name: NamedArg,
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

/// How long support may take if nobody says.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DirectionArg {
    /// To the remembered counts.
    Up,
    /// To 0.
    Down,
}

pub(super) async fn run(args: ScaleArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let direction = match args.direction {
        DirectionArg::Up => ops::scale::Direction::Up,
        DirectionArg::Down => ops::scale::Direction::Down,
    };
    let mut results = Results::of(args.output.as_ref())?;
    let cluster = ctx.connect()?;
    let build = ops::find::find(&cluster, args.name.named(), |builds| Ok(ops::scale::meant(builds))).await?;
    let name = build.namespace.as_str();
    if args.name.name != name {
        ctx.console.talk(&format!("build {} of chain {} is {name}", build.generation, build.chain));
    }
    let outcome = ops::scale::scale(&cluster, &build, direction, args.dry_run.asked).await?;
    for done in &outcome.scaled {
        print(done, name, &args, &mut results, &mut ctx.console)?;
    }
    let mut failed = outcome.failed.into_iter().map(Failure::from);
    if let Some(first) = failed.next() {
        failed.for_each(|failure| failure.print(&mut ctx.console));
        return Err(first);
    }
    if args.dry_run.asked.is_dry() {
        return Ok(ExitKind::Done);
    }
    if args.wait.asked {
        let (state, span) = match direction {
            ops::scale::Direction::Up => ("ready", Some((Phase::Preparing, Phase::Building))),
            ops::scale::Direction::Down => ("gone", None),
        };
        let shown = ctx.console.live().filter(|_| args.output.is_none());
        let wait = LiveWait::on(shown, format!("Waiting until support of {name} is {state}"))
            .of_chain(Some(build.chain.clone()));
        let tell = |missing: String| wait.waits_for(missing);
        let bound = args.wait.timeout.unwrap_or(PATIENCE);
        let waiting = ops::scale::settled(&cluster, &build, direction, bound, &tell);
        let waiting = wait.during(&cluster, span, waiting);
        if Box::pin(or_interrupted(waiting)).await.transpose()?.is_none() {
            ctx.console.talk(&format!("stopped waiting; it goes on: kubectl get pods -n {name}"));
            return Ok(ExitKind::Interrupted);
        }
    }
    if args.direction == DirectionArg::Up && outcome.scaled.iter().any(|done| done.changed) {
        ctx.console.talk(&match build.phase {
            Phase::Finished => format!("It stays up until: kubectl studioci scale down {name}"),
            _ => "The build's agent scales it to 0 when it has finished".to_owned(),
        });
    }
    Ok(ExitKind::Done)
}

/// kubectl's result line of one workload, or the workload.
fn print(
    done: &Scaled,
    namespace: &str,
    args: &ScaleArgs,
    results: &mut Results,
    console: &mut Console,
) -> Result<(), Failure> {
    let outcome = ResultLine {
        kind: &done.kind.as_str().to_ascii_lowercase(),
        group: done.kind.group(),
        name: &done.name,
        namespace: None,
        operation: if done.changed { Operation::Scaled } else { Operation::Unchanged },
        dry_run: args.dry_run.asked,
    };
    let object = || {
        json!({
            "apiVersion": done.kind.api_version(),
            "kind": done.kind.as_str(),
            "metadata": { "name": done.name, "namespace": namespace },
        })
    };
    results.print(console, &outcome.to_string(), &outcome.object(), object)
}
