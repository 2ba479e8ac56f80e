//! What a verb is given beside its arguments.

use super::connection::ConnectionArgs;
use super::failure::{ExitKind, Failure};
use super::settings::Settings;
use crate::output::console::Console;

/// The console, what the surroundings say, and the connection flags.
#[derive(Debug)]
pub struct Ctx {
    /// Where to write.
    pub console: Console,
    /// What the surroundings say.
    pub settings: Settings,
    /// What was typed of kubectl's connection flags; stronger than [`Ctx::settings`].
    pub connection: ConnectionArgs,
}

impl Ctx {
    /// The context of the process.
    pub fn standard(settings: Settings) -> Self {
        let console = Console::standard(settings.stdout, settings.stderr);
        Self { console, settings, connection: ConnectionArgs::default() }
    }

    /// Hands on what is buffered, prints a failure, and gives the exit code.
    pub fn finish(&mut self, outcome: Result<ExitKind, Failure>) -> u8 {
        let flushed = self.console.flush().map_err(Failure::from);
        match outcome.and_then(|kind| flushed.map(|()| kind)) {
            Ok(kind) => kind.code(),
            Err(failure) => {
                failure.print(&mut self.console);
                failure.kind.code()
            }
        }
    }
}
