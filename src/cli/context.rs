//! What a verb is given besides its arguments.

use super::connection::ConnectionArgs;
use super::failure::{ExitKind, Failure};
use super::settings::ProcessSettings;
use crate::cluster::{Cluster, ClusterNotice};
use crate::output::console::Console;

/// The console, what the surroundings say, and the connection flags.
#[derive(Debug)]
pub struct Ctx {
    /// Where to write.
    pub console: Console,
    /// What the surroundings say.
    pub settings: ProcessSettings,
    /// What was typed of kubectl's connection flags; stronger than [`Ctx::settings`].
    pub connection: ConnectionArgs,
}

impl Ctx {
    /// The context of the process.
    pub fn standard(settings: ProcessSettings) -> Self {
        let console = Console::standard(settings.stdout, settings.stderr);
        Self { console, settings, connection: ConnectionArgs::default() }
    }

    /// Connects to the cluster that flags and surroundings name; what takes long or is warned of is said on stderr.
    ///
    /// # Errors
    /// No kubeconfig, an unknown context, files that cannot be read. Nothing is asked of the server yet.
    pub fn connect(&self) -> Result<Cluster, Failure> {
        let cluster = Cluster::connect(&self.connection.options(&self.settings))?;
        let style = self.settings.stderr;
        cluster.on_notice(move |notice| {
            let mut console = Console::standard(style, style);
            match notice {
                ClusterNotice::Waiting(text) | ClusterNotice::Chosen(text) => console.talk(&text),
                ClusterNotice::Warning(text) => console.warning(&text),
            }
        });
        Ok(cluster)
    }

    /// Hands on what is buffered, prints a failure, and gives the exit code.
    ///
    /// What the verb came to is stronger than a reader that has gone: `watch | head -3` still exits with the verdict.
    pub fn finish(&mut self, outcome: Result<ExitKind, Failure>) -> u8 {
        let flushed = self.console.flush().map_err(Failure::from);
        let outcome = match (outcome, flushed) {
            (Ok(ExitKind::Done), Err(failure)) => Err(failure),
            (outcome, _) => outcome,
        };
        match outcome {
            Ok(kind) => kind.code(),
            Err(failure) => {
                failure.print(&mut self.console);
                failure.kind.code()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::output::console::StreamStyle;

    struct Sink(Option<io::ErrorKind>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.map_or(Ok(()), |kind| Err(kind.into()))
        }
    }

    #[test]
    fn the_exit_code_is_the_outcome_and_a_lost_write_is_told() {
        let gone = Some(io::ErrorKind::BrokenPipe);
        let full = Some(io::ErrorKind::StorageFull);
        for (outcome, stdout, code) in [
            (Ok(ExitKind::Done), None, 0),
            (Ok(ExitKind::No), None, 1),
            (Ok(ExitKind::Done), gone, 0),
            (Ok(ExitKind::No), gone, 1),
            (Ok(ExitKind::Done), full, 2),
            (Err(Failure::new(ExitKind::Timeout, "too slow")), gone, 4),
        ] {
            let style = StreamStyle::default();
            let console = Console::over(Box::new(Sink(stdout)), style, Box::new(Sink(None)), style);
            let mut ctx =
                Ctx { console, settings: ProcessSettings::default(), connection: ConnectionArgs::default() };
            assert_eq!(ctx.finish(outcome.clone()), code, "{outcome:?} {stdout:?}");
        }
    }
}
