//! `claim`: just a namespace.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::live::LiveWait;
use super::output::{DryRunArgs, OutputArg, Results, of_results};
use crate::chain::names;
use crate::chain::rights::Added;
use crate::ops;
use crate::output::narration::Narrator;
use crate::output::result::{Operation, ResultLine};
use crate::state::claim::Claim;
use crate::state::error::Error;
use crate::state::home;
use crate::state::narration::Narration;

/// Claim a new namespace and print its name
///
/// The namespace is new, belongs to nobody else, and is ready to use when its name is printed. It is meant for scripts; delete it with `cleanup`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Claim a namespace
  kubectl studioci claim

  # Claim a namespace in a script, and delete it again
  NS=$(kubectl studioci claim --prefix test -o name)
  kubectl studioci cleanup $NS")]
pub struct ClaimArgs {
    /// Prefix of the generated namespace name
    #[arg(long, value_name = "PREFIX", default_value = "ci")]
    pub prefix: String,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = of_results)]
    pub output: Option<OutputArg>,
    /// How long to wait until the namespace is ready to use
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    pub timeout: Duration,
}

#[expect(clippy::disallowed_methods, reason = "the time of the claim is taken here")]
pub(super) async fn run(args: ClaimArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    if let Some(why) = names::label_fault(&args.prefix, names::PREFIX_MAX) {
        return Err(Error::BadPrefix { prefix: args.prefix, why }.into());
    }
    let mut results = Results::of(args.output.as_ref())?;
    let claim = |added| Claim::bare(&args.prefix, added, Timestamp::now());
    let name = if args.dry_run.asked.is_dry() {
        let claim = claim(Added::default());
        names::sequence(claim.seed, 0, &args.prefix).next().unwrap_or_default()
    } else {
        let cluster = ctx.connect()?;
        let shown = ctx.console.live().filter(|_| args.output.is_none());
        let wait = LiveWait::on(shown, "Claiming a namespace");
        let narrator = Narrator::of(&mut ctx.console);
        let say = |it: Narration<'_>| {
            wait.narrates(&it);
            narrator.say(&it);
        };
        let claiming = async {
            let claim = claim(home::added_keys(&cluster).await?);
            ops::claim::bare(&cluster, &claim, args.timeout, &say).await
        };
        wait.during(&cluster, None, claiming).await?.namespace
    };
    let outcome = ResultLine {
        kind: "namespace",
        group: "",
        name: &name,
        namespace: None,
        operation: Operation::Created,
        dry_run: args.dry_run.asked,
    };
    let object = || json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    results.print(&mut ctx.console, &outcome.to_string(), &outcome.object(), object)?;
    Ok(ExitKind::Done)
}
