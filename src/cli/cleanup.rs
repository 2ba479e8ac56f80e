//! `cleanup`: dispose of finished builds and bare claims.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::live::LiveWait;
use super::mistake::Mistake;
use super::named;
use super::output::{OnlyName, ServerDryRunArgs, only_name};
use super::wait::WaitArgs;
use crate::chain::retention::Rules;
use crate::cluster::Cluster;
use crate::ops::cleanup::{self, Done, Which};
use crate::ops::gone;
use crate::ops::signal::or_interrupted;
use crate::output::console::Console;
use crate::output::narration::Narrator;
use crate::output::status::NOTHING_FOUND;
use crate::state::narration::Narration;

/// Delete finished builds and claims, by name or by rule
///
/// Deletes the namespaces of builds that have finished and whose result is recorded, and those of claims. Says of every other one why it stays. A chain's newest build, running builds and those annotated studioci.dev/hold are never deleted. With several rules, only what all of them name is deleted.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.help("If `client`, print what would be deleted; if `server`, have the server check it too; nothing is deleted")),
    mut_arg("wait", |arg| arg.help("Wait until the namespaces are gone, and say what holds them up")),
    after_help = "\
Examples:
  # Show what would be deleted, and why the rest stays
  kubectl studioci cleanup --older-than 7d --keep 5 --dry-run

  # Keep the five newest builds of each chain and verdict
  kubectl studioci cleanup --keep 5

  # Delete one build, and wait until it is gone
  kubectl studioci cleanup ci-eager-hopper --wait --timeout 2m

  # Delete what a script has claimed
  kubectl studioci cleanup $NS"
)]
pub struct CleanupArgs {
    /// Namespaces to delete
    #[arg(value_name = "NAMESPACE", value_parser = named::build)]
    pub names: Vec<String>,
    /// Delete builds that finished, and claims that were made, longer ago than this (12h, 7d)
    #[arg(long, value_name = "AGE", value_parser = duration::age, conflicts_with = "names", allow_hyphen_values = true)]
    pub older_than: Option<Duration>,
    /// Number of finished builds to keep of each chain and verdict, the newest first
    #[arg(long, value_name = "COUNT", value_parser = count, conflicts_with = "names", allow_hyphen_values = true)]
    pub keep: Option<usize>,
    /// Keep builds that did not pass for at least this long after their end
    #[arg(long, value_name = "AGE", value_parser = duration::age, conflicts_with = "names", allow_hyphen_values = true)]
    pub keep_failed: Option<Duration>,
    /// Chain whose builds to delete (default: all)
    #[arg(long, value_name = "NAME", conflicts_with = "names", value_parser = named::chain)]
    pub chain: Option<String>,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: ServerDryRunArgs,
    /// Output format: name
    #[arg(short, long, value_name = "FORMAT", value_parser = only_name)]
    pub output: Option<OnlyName>,
    /// Treat "namespace not found" as success
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Whether it is waited for.
    #[command(flatten)]
    pub wait: WaitArgs,
}

pub(super) fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "expected a whole number, such as 5".to_owned())
}

impl CleanupArgs {
    fn which(&self) -> Result<Which, Failure> {
        if !self.names.is_empty() {
            let mut names: Vec<String> = Vec::new();
            for name in &self.names {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
            return Ok(Which::Named(names));
        }
        let rules = Rules { older_than: self.older_than, keep: self.keep, keep_failed: self.keep_failed };
        if !rules.let_go() {
            return Err(Failure::from(Mistake::NothingChosen {})
                .hint("See 'kubectl studioci cleanup --help' for usage."));
        }
        Ok(Which::ByRules(rules, self.chain.clone()))
    }
}

pub(super) async fn run(args: CleanupArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let which = args.which()?;
    let cluster = ctx.connect()?;
    let console = &mut ctx.console;
    let Some(done) = Box::pin(or_interrupted(work(&args, &which, &cluster, console))).await.transpose()?
    else {
        console.talk("stopped; what was begun goes on in the cluster. Run it again for the rest");
        return Ok(ExitKind::Interrupted);
    };
    let named = matches!(which, Which::Named(_));
    let missing = if args.ignore_not_found { 0 } else { done.missing };
    Ok(if named && done.stay + missing > 0 { ExitKind::No } else { ExitKind::Done })
}

#[expect(clippy::disallowed_methods, reason = "ages against a server that sends no date")]
async fn work(
    args: &CleanupArgs,
    which: &Which,
    cluster: &Cluster,
    console: &mut Console,
) -> Result<Done, Failure> {
    let narrator = Narrator::of(console).of_many(args.dry_run.asked, args.ignore_not_found);
    let narrator = narrator.only_names(args.output.is_some());
    let done = {
        let say = |it: Narration<'_>| narrator.say(&it);
        cleanup::cleanup(cluster, which, args.dry_run.asked, Timestamp::now(), &say).await
    };
    let told = narrator.finish();
    let done = done?;
    if !told? {
        console.talk(NOTHING_FOUND);
    }
    if args.wait.asked && !args.dry_run.asked.is_dry() {
        let what = match &done.going[..] {
            [one] => format!("Waiting until namespace {} is gone", one.namespace),
            all => format!("Waiting until {} namespaces are gone", all.len()),
        };
        let wait = LiveWait::on(console.live().filter(|_| args.output.is_none()), what);
        let narrator = Narrator::of(console);
        let say = |it: Narration<'_>| {
            wait.narrates(&it);
            narrator.say(&it);
        };
        let waiting = gone::until_gone(cluster, &done.going, args.wait.timeout, &say);
        wait.during(cluster, None, waiting).await?;
    }
    Ok(done)
}
