//! The process edge: arguments in, exit code out. A runtime is built only for verbs that need one.

use std::process::ExitCode;

use studioci::cli::context::Ctx;
use studioci::cli::failure::{ExitKind, Failure};
use studioci::cli::settings::ProcessSettings;
use studioci::cli::{self, Parsed, VerbFuture};

#[expect(clippy::disallowed_methods, reason = "the process's own arguments")]
fn main() -> ExitCode {
    let mut ctx = Ctx::standard(ProcessSettings::from_process());
    let outcome = cli::parse(std::env::args_os(), &ctx.settings).and_then(|parsed| match parsed {
        Parsed::Text(text) => Ok(ctx.console.data(&text).map(|()| ExitKind::Done)?),
        Parsed::Verb(cli) => cli.run(&mut ctx, block_on),
    });
    ExitCode::from(ctx.finish(outcome))
}

fn block_on(work: VerbFuture<'_>) -> Result<ExitKind, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        Failure::usage("the system gives no event loop")
            .because(error)
            .remedy("raise the limit of open files (ulimit -n), and run it again")
    })?;
    let outcome = runtime.block_on(work);
    // A look-up of a host name cannot be interrupted, and nobody waits for it any more.
    runtime.shutdown_background();
    outcome
}
