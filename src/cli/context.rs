//! What a verb is given besides its arguments.

use std::time::Duration;

use super::connection::ConnectionArgs;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::settings::ProcessSettings;
use crate::cluster::{self, Cluster, ClusterNotice, KubeconfigRead, Options};
use crate::local;
use crate::output::console::Console;
use crate::output::console::live::LiveLine;

/// A connection for each context, or why there can be none.
pub(super) type Connected<'a> = Vec<(&'a str, Result<Cluster, cluster::Error>)>;

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
        let live = settings.live.then(|| LiveLine::on(Box::new(std::io::stderr()), local::terminal::columns));
        let console = console.with_live(live);
        Self { console, settings, connection: ConnectionArgs::default() }
    }

    /// Connects to the cluster that flags and surroundings name; what takes long or is warned of is said on stderr.
    ///
    /// # Errors
    /// No kubeconfig, an unknown context, files that cannot be read. Nothing is asked of the server yet.
    pub fn connect(&self) -> Result<Cluster, Failure> {
        let cluster = Cluster::connect(&self.connection.options(&self.settings))?;
        let (style, live) = (self.settings.stderr, self.console.live());
        cluster.on_notice(move |notice| {
            let mut console = Console::standard(style, style).with_live(live.clone());
            match notice {
                ClusterNotice::Waiting(text) | ClusterNotice::Chosen(text) => console.talk(&text),
                ClusterNotice::Warning(text) => console.warning(&text),
            }
        });
        Ok(cluster)
    }

    /// Connects to the cluster of each of these contexts, and says how long to wait for each.
    ///
    /// A context that the kubeconfig does not have stops it all, since it is a slip and no cluster; what else is wrong with
    /// one is told in its place.
    ///
    /// # Errors
    /// A context that does not exist; a flag that can only be meant for one cluster.
    pub(super) fn connect_each<'a>(
        &self,
        contexts: &[&'a str],
    ) -> Result<(Connected<'a>, Duration), Failure> {
        if let Some(flag) = self.connection.of_one_cluster() {
            return Err(Mistake::OfOneCluster { flag }.into());
        }
        let options = self.connection.options(&self.settings);
        let bound = options.request_timeout;
        // several that ask on one terminal would take each other's answers
        let interactive = options.interactive && contexts.len() == 1;
        let read = KubeconfigRead::of(&options)?;
        let known = read.clone().names().contexts;
        let mut connected = Vec::new();
        for context in contexts {
            let name = (*context).to_owned();
            let is_known = known.contains(&name);
            let options = Options { context: Some(name), interactive, patience: bound, ..options.clone() };
            match Cluster::connect_by(&options, read.clone()) {
                Ok(cluster) => {
                    self.pass_on_warnings(&cluster, context);
                    connected.push((*context, Ok(cluster)));
                }
                Err(error) if !is_known => return Err(error.into()),
                Err(error) => connected.push((*context, Err(error))),
            }
        }
        Ok((connected, bound))
    }

    /// What is waited for is not said: whoever does not answer in time is told of in one line.
    fn pass_on_warnings(&self, cluster: &Cluster, context: &str) {
        let (style, context) = (self.settings.stderr, context.to_owned());
        cluster.on_notice(move |notice| {
            if let ClusterNotice::Warning(text) = notice {
                Console::standard(style, style).warning(&format!("context {context}: {text}"));
            }
        });
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
