//! The front door: one file per verb, and what all of them share.
//!
//! A verb's file holds its flags and one thin function that calls an operation. Parsing, help and version touch no
//! kubeconfig, no network and no runtime; [`Cli::run`] asks for a runtime only when a verb needs one.

pub mod agent;
pub mod cancel;
mod candidates;
mod causes;
pub mod child;
pub mod claim;
pub mod cleanup;
pub mod complete;
pub mod completion;
pub mod connection;
pub mod context;
pub mod doctor;
mod duration;
pub mod failure;
mod flag_word;
mod here;
pub mod init;
mod live;
pub mod logs;
pub mod mistake;
mod named;
pub mod output;
pub mod pipeline;
pub mod process;
mod publishing;
pub mod render;
pub mod report;
pub mod retry;
pub mod scale;
pub mod settings;
pub mod setup;
pub mod side;
pub mod start;
pub mod status;
pub mod stop;
pub mod trigger;
mod usage;
pub mod version;
pub mod wait;
pub mod watch;

use std::ffi::OsString;
use std::future::Future;
use std::pin::Pin;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use connection::ConnectionArgs;
use context::Ctx;
use failure::{ExitKind, Failure};
use settings::ProcessSettings;
use wait::WaitArgs;

/// How people call us, whatever the file is named: kubectl hands the verb on.
pub const CALLED: &str = "kubectl studioci";

/// Help reads as kubectl's does: what it is for, examples, then the flags.
const HELP: &str = "{about}{after-help}\n\n{usage-heading} {usage}\n\n{all-args}";

/// CI builds in your own cluster, driven by Keel: each build runs in a namespace of its own and starts the listener for
/// the next one.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-studioci",
    bin_name = CALLED,
    display_name = CALLED,
    version = concat!("v", env!("CARGO_PKG_VERSION")),
    help_template = HELP,
    max_term_width = 100,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "\
Examples:
  # Install namespace studioci, roles and admission policies, once per cluster
  kubectl studioci setup

  # Start a chain from this repository's pipeline
  kubectl studioci start

  # List all builds, then follow one to its verdict
  kubectl studioci status
  kubectl studioci watch runner-main"
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
    /// kubectl's connection flags.
    #[command(flatten)]
    pub connection: ConnectionArgs,
}

/// The verbs. What each is for, its arguments say: their doc comment is the help.
#[derive(Debug, Subcommand)]
#[command(subcommand_help_heading = "Verbs", subcommand_value_name = "VERB")]
#[allow(missing_docs, reason = "a doc comment here would replace the longer help of the arguments")]
pub enum Verb {
    Init(init::InitArgs),
    Render(render::RenderArgs),
    Claim(claim::ClaimArgs),
    Start(Box<start::StartArgs>),
    Stop(stop::StopArgs),
    Setup(setup::SetupArgs),
    Status(status::StatusArgs),
    Watch(watch::WatchArgs),
    Logs(logs::LogsArgs),
    Report(report::ReportArgs),
    Trigger(trigger::TriggerArgs),
    Retry(retry::RetryArgs),
    Cancel(cancel::CancelArgs),
    Scale(scale::ScaleArgs),
    Cleanup(cleanup::CleanupArgs),
    Doctor(doctor::DoctorArgs),
    Completion(completion::CompletionArgs),
    Version(version::VersionArgs),
    #[command(hide = true)]
    Agent(agent::AgentArgs),
    #[command(hide = true, name = crate::local::render::VERB)]
    Child(child::ChildArgs),
    #[command(hide = true, name = complete::VERB)]
    Complete(complete::CompleteArgs),
}

impl Verb {
    /// Whether it waits for what it asks for, of a verb that may.
    fn wait(&self) -> Option<WaitArgs> {
        match self {
            Self::Trigger(args) => Some(args.side.wait),
            Self::Retry(args) => Some(args.side.wait),
            Self::Cancel(args) => Some(args.wait),
            Self::Scale(args) => Some(args.wait),
            Self::Cleanup(args) => Some(args.wait),
            _ => None,
        }
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Parsed {
    /// Just a text on stdout: help or version.
    Text(String),
    /// A verb.
    Verb(Box<Cli>),
}

/// A verb at work.
pub type VerbFuture<'a> = Pin<Box<dyn Future<Output = Result<ExitKind, Failure>> + 'a>>;

/// The clap command, for the parser and for whatever prints pages from it.
pub fn command() -> clap::Command {
    Cli::command().mut_subcommands(|verb| verb.help_template(HELP))
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// A command line that cannot be understood, in kubectl's words, with the nearest flag or verb.
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    settings: &ProcessSettings,
) -> Result<Parsed, Failure> {
    let args: Vec<OsString> = args.into_iter().collect();
    if let [_, verb] = args.as_slice()
        && verb == crate::local::render::VERB
    {
        // every rendering starts one, which has no use for the flags of all verbs
        let (verb, connection) = (Verb::Child(child::ChildArgs {}), ConnectionArgs::default());
        return Ok(Parsed::Verb(Box::new(Cli { verb, connection })));
    }
    if let [_, verb, words @ ..] = args.as_slice()
        && verb == complete::VERB
    {
        // the words of another command line, whatever they are
        let verb = Verb::Complete(complete::CompleteArgs { words: words.to_vec() });
        return Ok(Parsed::Verb(Box::new(Cli { verb, connection: ConnectionArgs::default() })));
    }
    let mut command = command();
    if let Some(columns) = settings.columns {
        command = command.term_width(columns);
    }
    let parsed = command
        .try_get_matches_from_mut(&args)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches));
    match parsed {
        Ok(cli) => Ok(Parsed::Verb(Box::new(cli))),
        Err(error) => usage::explain(&error, &args, &command).map(Parsed::Text),
    }
}

impl Cli {
    /// Does what was asked for. `block_on` drives the verbs that speak to a cluster.
    ///
    /// # Errors
    /// Whatever stopped the verb.
    pub fn run(
        self,
        ctx: &mut Ctx,
        block_on: impl FnOnce(VerbFuture<'_>) -> Result<ExitKind, Failure>,
    ) -> Result<ExitKind, Failure> {
        ctx.connection = self.connection;
        if let Some(namespace) = &ctx.connection.namespace {
            ctx.console.warning(&format!(
                "--namespace {namespace} is not used: every build has a namespace of its own"
            ));
        }
        if let Some(unused) = self.verb.wait().and_then(WaitArgs::contradiction) {
            ctx.console.warning(unused);
        }
        match self.verb {
            Verb::Version(args) => version::run(&args, ctx),
            Verb::Completion(args) => completion::run(&args, ctx),
            Verb::Complete(args) => complete::run(&args, ctx, block_on),
            Verb::Init(args) => init::run(&args, ctx),
            Verb::Render(args) => render::run(&args, ctx),
            Verb::Claim(args) => block_on(Box::pin(claim::run(args, ctx))),
            Verb::Start(args) => block_on(Box::pin(start::run(*args, ctx))),
            Verb::Stop(args) => block_on(Box::pin(stop::run(args, ctx))),
            Verb::Setup(args) => block_on(Box::pin(setup::run(args, ctx))),
            Verb::Status(args) => block_on(Box::pin(status::run(args, ctx))),
            Verb::Report(args) => block_on(Box::pin(report::run(args, ctx))),
            Verb::Cleanup(args) => block_on(Box::pin(cleanup::run(args, ctx))),
            Verb::Doctor(args) => block_on(Box::pin(doctor::run(args, ctx))),
            Verb::Watch(args) => block_on(Box::pin(watch::run(args, ctx))).map_err(without_verdict),
            Verb::Logs(args) if args.follow => {
                block_on(Box::pin(logs::run(args, ctx))).map_err(without_verdict)
            }
            Verb::Logs(args) => block_on(Box::pin(logs::run(args, ctx))),
            Verb::Trigger(args) => block_on(Box::pin(trigger::run(args, ctx))),
            Verb::Retry(args) => block_on(Box::pin(retry::run(args, ctx))),
            Verb::Cancel(args) => block_on(Box::pin(cancel::run(args, ctx))),
            Verb::Scale(args) => block_on(Box::pin(scale::run(args, ctx))),
            Verb::Child(_) => child::run(),
            Verb::Agent(args) => match args.act {
                agent::Act::Install(args) => agent::install(&args, ctx),
                agent::Act::Tell => block_on(Box::pin(agent::tell())),
                agent::Act::Run => block_on(Box::pin(agent::run(ctx))),
                agent::Act::Probe => Ok(agent::probe()),
            },
        }
    }
}

/// Where nobody reads on there is no verdict yet, and 0 would say Passed.
fn without_verdict(failure: Failure) -> Failure {
    match failure.kind {
        ExitKind::ReaderGone => Failure { kind: ExitKind::Interrupted, ..failure },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::console::StreamStyle;

    #[test]
    fn the_command_is_well_formed() {
        command().debug_assert();
    }

    #[test]
    fn a_reader_that_leaves_a_watch_leaves_it_without_a_verdict() {
        for (line, kind) in [
            ("watch", ExitKind::Interrupted),
            ("logs -f", ExitKind::Interrupted),
            ("logs", ExitKind::ReaderGone),
            ("status", ExitKind::ReaderGone),
        ] {
            let (console, _) =
                crate::output::console::Console::captured(StreamStyle::default(), StreamStyle::default());
            let mut ctx =
                Ctx { console, settings: ProcessSettings::default(), connection: ConnectionArgs::default() };
            let args = std::iter::once("x").chain(line.split(' ')).map(OsString::from);
            let Ok(Parsed::Verb(cli)) = parse(args, &ctx.settings) else { panic!("{line} is a verb") };
            let gone = || Failure::from(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
            let failure = cli.run(&mut ctx, |_| Err(gone())).unwrap_err();
            assert_eq!((failure.kind, failure.quiet), (kind, true), "{line}");
        }
    }

    #[test]
    fn a_flag_that_nobody_uses_is_said_to_be_unused() {
        const NO_TIME: &str = "Warning: --timeout is not used: --wait=false waits for nothing\n";
        for (line, said) in [
            ("version", ""),
            ("cancel x --wait=false --timeout 5s", NO_TIME),
            ("cleanup x --timeout 5s --wait=false", NO_TIME),
            ("scale up x --wait=false --timeout 5s", NO_TIME),
            ("trigger x --wait=false --timeout 5s", NO_TIME),
            ("retry x --wait=false --timeout 0", NO_TIME),
            ("cancel x --wait=false", ""),
            ("cancel x --timeout 5s", ""),
            ("cleanup x --wait --timeout 5s", ""),
            (
                "version -n team",
                "Warning: --namespace team is not used: every build has a namespace of its own\n",
            ),
        ] {
            let (console, captured) =
                crate::output::console::Console::captured(StreamStyle::default(), StreamStyle::default());
            let mut ctx =
                Ctx { console, settings: ProcessSettings::default(), connection: ConnectionArgs::default() };
            let args = std::iter::once("x").chain(line.split(' ')).map(OsString::from);
            let Ok(Parsed::Verb(cli)) = parse(args, &ctx.settings) else { panic!("{line} is a verb") };
            cli.run(&mut ctx, |_| Ok(ExitKind::Done)).expect("nothing is asked of a cluster");
            assert_eq!(captured.err(), said, "{line}");
        }
    }

    #[test]
    fn only_verbs_that_speak_to_a_cluster_ask_for_a_runtime() {
        for (line, asks) in [
            ("version", false),
            ("version --client -o json", false),
            ("completion bash", false),
            ("agent install /studioci/bin", false),
            ("status", true),
            ("watch", true),
            ("report", true),
        ] {
            let args = std::iter::once("x").chain(line.split(' ')).map(OsString::from);
            let (console, _) =
                crate::output::console::Console::captured(StreamStyle::default(), StreamStyle::default());
            let mut ctx =
                Ctx { console, settings: ProcessSettings::default(), connection: ConnectionArgs::default() };
            let Ok(Parsed::Verb(cli)) = parse(args, &ctx.settings) else { panic!("{line} is a verb") };
            let mut asked = false;
            let _ = cli.run(&mut ctx, |_| {
                asked = true;
                Ok(ExitKind::Done)
            });
            assert_eq!(asked, asks, "{line}");
        }
    }
}
