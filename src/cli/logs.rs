//! `logs`: the log of a build.

use std::time::Duration;

use clap::Args;

use super::cleanup::count;
use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::here::named_or_here;
use super::named::{NamedArg, chain_or_build};
use crate::ops;
use crate::ops::logs::{LogTold, LogsEnd, LogsRequest};
use crate::ops::signal::or_interrupted;
use crate::output::logs::LogPrinter;

/// Show the log of a build, also when its pods are gone
///
/// Shows what the containers of the build's pod write, as they write it: each line with the container's name where there are several, in colour on a terminal (unless NO_COLOR is set). Once the pods are gone, what was kept of it at the end of the build (see start --keep-log).
/// Of a chain, the running build is meant, with -f else the next one, without it the last one. With -f the exit code is the verdict: 0 for Passed, and 1 for Failed, Errored and Cancelled.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Show the log of the build that runs, or of the last one
  kubectl studioci logs runner-main

  # Follow the next build of a chain to its verdict, which is the exit code
  kubectl studioci logs runner-main -f

  # Show the last lines of one build, each with its time
  kubectl studioci logs ci-eager-hopper --tail 100 --timestamps

  # Show what one container has written within the last five minutes
  kubectl studioci logs runner-main -c build --since 5m")]
pub struct LogsArgs {
    /// Chain or build (default: $STUDIOCI_CHAIN, this checkout's, else the only one)
    #[arg(value_name = "CHAIN|BUILD", value_parser = chain_or_build)]
    pub name: Option<NamedArg>,
    /// Follow the log to the build's verdict
    #[arg(short, long)]
    pub follow: bool,
    /// Show this container alone, of the build or of its support
    #[arg(short, long, value_name = "NAME")]
    pub container: Option<String>,
    /// Show the diary of the build's agent
    #[arg(long, conflicts_with = "container")]
    pub agent: bool,
    /// Show no lines older than this, such as 30s, 5m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub since: Option<Duration>,
    /// Show no more than this many of the last lines of each container
    #[arg(long, value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    pub tail: Option<usize>,
    /// Show the time at which each line was written
    #[arg(long)]
    pub timestamps: bool,
}

pub(super) async fn run(args: LogsArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let cluster = ctx.connect()?;
    let (name, here) = named_or_here(args.name, ctx)?;
    let request = LogsRequest {
        here,
        kind: name.as_ref().and_then(|it| it.kind),
        name: name.map(|it| it.name),
        follow: args.follow,
        container: args.container,
        agent: args.agent,
        since: args.since,
        tail: args.tail,
    };
    let colour = ctx.settings.stdout.colour;
    let mut broken = None;
    let mut printer = LogPrinter::new(&mut ctx.console, colour, args.timestamps);
    let mut tell = |told: LogTold<'_>| {
        let written = match told {
            LogTold::Piece { of, several, piece } => printer.piece(of, several, piece),
            LogTold::Kept { of, several, bytes } => printer.kept(of, several, bytes),
            LogTold::Notice(text) => {
                printer.say(text);
                Ok(())
            }
            LogTold::Warning(text) => {
                printer.warn(&text);
                Ok(())
            }
        };
        match written {
            Ok(()) => true,
            Err(error) => {
                broken.get_or_insert(error);
                false
            }
        }
    };
    let telling = ops::logs::logs(&cluster, &request, &mut tell);
    let end = Box::pin(or_interrupted(telling)).await.transpose()?;
    if let Some(error) = broken {
        return Err(error.into());
    }
    Ok(match end {
        None => ExitKind::Interrupted,
        Some(LogsEnd::Told | LogsEnd::Unheard) => ExitKind::Done,
        Some(LogsEnd::Verdict(build, verdict, cause)) => {
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            ctx.console.talk(&format!("{build}: {verdict}{cause}"));
            verdict.into()
        }
    })
}
