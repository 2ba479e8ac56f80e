//! `stop`: end a chain.

use std::cell::RefCell;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::cleanup::deleted;
use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use crate::chain::wire;
use crate::ops::signal::or_interrupted;
use crate::ops::stop::{self, Left, Request, Word};
use crate::output::console::Console;
use crate::output::result::{DryRun, Operation, ResultLine};

/// End a chain, so that no push starts another build
///
/// Deletes the waiting listener. Running builds finish, and finished builds stay until `cleanup`; with --purge they are deleted too once nothing runs any more, and so is everything that home keeps of the chain. To carry a stopped chain on, run `start`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Stop building; `start` carries the chain on
  kubectl studioci stop runner-main

  # Delete the chain and all that belongs to it, once nothing runs any more
  kubectl studioci stop runner-main --purge --timeout 1h")]
pub struct StopArgs {
    /// Chain to end
    #[arg(value_name = "CHAIN")]
    pub chain: String,
    /// Also delete its builds, history and record, once running builds have finished
    #[arg(long)]
    pub purge: bool,
    /// How long to wait for running builds with --purge before giving up with exit code 4 (default: no limit)
    #[arg(long, value_name = "DURATION", value_parser = duration::parse, requires = "purge")]
    pub timeout: Option<Duration>,
}

#[expect(clippy::disallowed_methods, reason = "the time of the end is taken here")]
pub(super) async fn run(args: StopArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let request =
        Request { chain: args.chain, purge: args.purge, timeout: args.timeout, now: Timestamp::now() };
    let cluster = ctx.connect()?;
    let mut broken = None;
    let stopped = {
        let console = RefCell::new(&mut ctx.console);
        let mut tell = |word: &Word<'_>| {
            if let Err(error) = show(&mut console.borrow_mut(), &request.chain, word) {
                broken.get_or_insert(error);
            }
        };
        let say = |line: &str| console.borrow_mut().talk(line);
        Box::pin(or_interrupted(stop::stop(&cluster, &request, &say, &mut tell))).await.transpose()?
    };
    if let Some(error) = broken {
        return Err(error.into());
    }
    let chain = &request.chain;
    let Some(Left { running, stay }) = stopped else {
        let purge = if request.purge { " --purge" } else { "" };
        ctx.console.talk(&format!(
            "stopped waiting. Run it again for the rest: kubectl studioci stop {chain}{purge}"
        ));
        return Ok(ExitKind::Interrupted);
    };
    if !running.is_empty() {
        ctx.console.talk(&format!("what runs goes on to its end: {}", running.join(", ")));
    }
    if stay > 0 {
        ctx.console.talk(&format!("home keeps chain {chain} until these are gone; then run it again"));
        return Ok(ExitKind::No);
    }
    Ok(ExitKind::Done)
}

/// One word, in kubectl's form: what was done on stdout, all else on stderr.
fn show(console: &mut Console, chain: &str, word: &Word<'_>) -> std::io::Result<()> {
    match word {
        Word::Ended(true) => console.event(&format!("chain/{chain} ended")),
        Word::Ended(false) => console.event(&format!("chain/{chain} unchanged")),
        Word::Deleted(name) => deleted(console, name, DryRun::None),
        Word::Failed(name, error) => {
            console.talk(&format!("error: namespace {name}: {error}"));
            Ok(())
        }
        Word::Forgotten(resource, name) => {
            let outcome = ResultLine {
                kind: &resource.kind.to_ascii_lowercase(),
                group: resource.group,
                name,
                namespace: Some(wire::HOME),
                operation: Operation::Deleted,
                dry_run: DryRun::None,
            };
            console.event(&outcome.to_string())
        }
        Word::Stays(name, why) => {
            let line = format!("namespace {name} stays: {}", why.sentence);
            if why.finding {
                console.warning(&line);
            } else {
                console.talk(&line);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::retention::Why;
    use crate::cluster::resource as kind;
    use crate::output::console::StreamStyle;

    #[test]
    fn words_are_kubectls() {
        let why = Why { sentence: "it is not ours".to_owned(), finding: true };
        let (mut console, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
        for word in [
            Word::Ended(true),
            Word::Ended(false),
            Word::Deleted("ci-a"),
            Word::Stays("ci-b", &why),
            Word::Forgotten(&kind::ROLES, "chain-app"),
            Word::Forgotten(&kind::CONFIG_MAPS, "record-app"),
        ] {
            show(&mut console, "app", &word).unwrap();
        }
        assert_eq!(
            captured.out(),
            "chain/app ended\nchain/app unchanged\nnamespace \"ci-a\" deleted\n\
             role.rbac.authorization.k8s.io \"chain-app\" deleted from studioci namespace\n\
             configmap \"record-app\" deleted from studioci namespace\n"
        );
        assert_eq!(captured.err(), "Warning: namespace ci-b stays: it is not ours\n");
    }
}
