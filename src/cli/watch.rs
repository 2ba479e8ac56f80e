//! `watch`: follow a build to its verdict.

use std::cell::RefCell;
use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::here::named_or_here;
use super::live::LiveWait;
use super::mistake::Mistake;
use super::named::{NamedArg, chain_or_build};
use crate::chain::build::Phase;
use crate::chain::revision::is_commit_id;
use crate::local::git;
use crate::ops;
use crate::ops::signal::or_interrupted;
use crate::ops::watch::{SoughtCommit, Until, WatchEnd, Watched};
use crate::output::waiting::Waiting;
use crate::output::watch;

/// Follow a build to its verdict, which is the exit code
///
/// Prints one line per event. The exit code is 0 for Passed, and 1 for Failed, Errored and Cancelled. If a chain is named, its running build is followed, or else the next one. Ctrl-C stops watching, not the build.
///
/// With --follow, verdicts are lines like any other, and the exit code is 0 once the chain has ended.
///
/// With --revision, the verdict of the commit's newest build counts, and its push may be still to come. The exit code is also 1 if the chain has ended, or if Keel has passed the commit over: the newest build is of a later commit that contains it, as git knows in this checkout.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Follow the chain of this checkout, or else the only one
  kubectl studioci watch

  # Follow one build after the other, until the chain is stopped
  kubectl studioci watch runner-main --follow

  # Push, then wait for the verdict of what was pushed
  git push && kubectl studioci watch runner-main --revision HEAD --timeout 2h")]
pub struct WatchArgs {
    /// Chain or build to follow (default: $STUDIOCI_CHAIN, this checkout's, the only one)
    #[arg(value_name = "CHAIN|BUILD", value_parser = chain_or_build)]
    pub name: Option<NamedArg>,
    /// How long to watch before giving up with exit code 4 (default: no limit)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
    /// Go on with the next build after each verdict, until the chain is stopped
    #[arg(long)]
    pub follow: bool,
    /// Wait for the verdict of this commit's build: HEAD, a branch, a tag, or a hash
    #[arg(long, value_name = "COMMIT", conflicts_with = "follow")]
    pub revision: Option<String>,
}

#[expect(clippy::disallowed_methods, reason = "dates the lines that have no time on the wire")]
pub(super) async fn run(args: WatchArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let commit = args.revision.as_deref().map(commit).transpose()?;
    let cluster = ctx.connect()?;
    if let Some(commit) = &commit {
        ctx.console.talk(&format!("waiting for the verdict of {commit}"));
    }
    let (name, here) = named_or_here(args.name, ctx)?;
    let wait = LiveWait::on(ctx.console.live(), "Looking for the build");
    // two write there, and never at once
    let console = RefCell::new(&mut ctx.console);
    let several = args.follow || commit.is_some();
    let mut followed = None;
    let mut broken: Option<io::Error> = None;
    let mut tell = |change: &ops::watch::Change| {
        let of = &change.after;
        wait.is(Waiting::of_build(of, change.outside.as_deref()));
        followed = Some(if several { &of.chain } else { &of.namespace }.clone());
        let now = Timestamp::now();
        let outside = change.outside.iter().map(|why| watch::waits(of, why, now));
        for line in watch::diff(change.before.as_ref(), of, now).into_iter().chain(outside) {
            if let Err(error) = console.borrow_mut().event(&line.to_string()) {
                broken.get_or_insert(error);
            }
        }
        // one verdict is worth an exit code, even if nobody reads how it came about; a chain's are lines and nothing else
        if args.follow && broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let until = match &commit {
        Some(id) => Until::VerdictOf(SoughtCommit { id, contains }),
        None if args.follow => Until::ChainEnds,
        None => Until::Verdict,
    };
    let watched = Watched { name: name.as_ref().map(NamedArg::named), here: here.as_deref(), until };
    let mut warn = |sentence: &str| console.borrow_mut().warning(sentence);
    let watching = ops::watch::watch(&cluster, watched, args.timeout, &mut tell, &mut warn);
    let watching = wait.during(&cluster, Some((Phase::Triggered, Phase::Recorded)), watching);
    let Some(end) = Box::pin(or_interrupted(watching)).await.transpose()? else {
        let back = followed.or(name.map(|it| it.name)).unwrap_or_default();
        let how = match commit {
            Some(commit) => format!(" --revision {commit}"),
            None if args.follow => " --follow".to_owned(),
            None => String::new(),
        };
        ctx.console.talk(&format!(
            "stopped watching, which ends nothing. Come back with: kubectl studioci watch {back}{how}"
        ));
        return Ok(ExitKind::Interrupted);
    };
    if let Some(error) = broken
        && (end == WatchEnd::Unheard || error.kind() != io::ErrorKind::BrokenPipe)
    {
        return Err(error.into());
    }
    Ok(match end {
        WatchEnd::Verdict(verdict) => verdict.into(),
        WatchEnd::ChainEnded(chain, how) => {
            ctx.console.talk(&format!("chain {chain} has ended ({how})"));
            // a commit that is waited for has no verdict then
            if commit.is_some() { ExitKind::No } else { ExitKind::Done }
        }
        WatchEnd::PassedOver(build) => {
            let line = watch::passed_over(&commit.unwrap_or_default(), &build, Timestamp::now());
            ctx.console.event(&line.to_string())?;
            ExitKind::No
        }
        WatchEnd::Unheard => ExitKind::Interrupted,
    })
}

/// The commit that is meant, as git knows it here, else by its own id.
fn commit(revision: &str) -> Result<String, Failure> {
    git::commit(Path::new("."), revision).or_else(|why| {
        let id = is_commit_id(revision).then(|| revision.to_ascii_lowercase());
        id.ok_or_else(|| Mistake::NoSuchCommit { revision: revision.to_owned(), why }.into())
    })
}

fn contains(commit: &str, earlier: &str) -> bool {
    git::contains(Path::new("."), commit, earlier)
}
