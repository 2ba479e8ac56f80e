//! The process edge: arguments in, exit code out. A runtime is built only for verbs that need one.

use std::ffi::OsString;
use std::process::ExitCode;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::settings::ProcessSettings;
use super::{Parsed, VerbFuture, parse};

/// Does what a command line asks for, the program's name first, and says how the process is to end.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut ctx = Ctx::standard(ProcessSettings::from_process());
    let outcome = parse(args, &ctx.settings).and_then(|parsed| match parsed {
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
