//! One error for the whole crate: what was tried, why it failed, what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why the test cluster, or something asked of it, failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// This machine lacks something that no retry brings.
    #[error("the test cluster cannot run here: {what}\n  to do: {remedy}")]
    Host {
        /// What is missing.
        what: String,
        /// One line to type, or what to change.
        remedy: String,
    },
    /// A file, folder, mount or other thing that has a path.
    #[error("cannot {action} {}: {source}", path.display())]
    Path {
        /// A verb: read, write, mount …
        action: &'static str,
        /// The thing.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A program could not be started, or ended when it should not have.
    #[error("{what}\n{}", indent(tail))]
    Program {
        /// Which program, and how it ended.
        what: String,
        /// The last lines that it wrote.
        tail: String,
    },
    /// Something did not come true in time.
    #[error("{what} within {} s\n{}", after.as_secs(), indent(last))]
    Late {
        /// "the node was not Ready".
        what: String,
        /// How long it was waited for.
        after: Duration,
        /// What was seen last.
        last: String,
    },
    /// Another process holds this cluster.
    #[error(
        "the test cluster '{name}' is in use by process {holder}\n  to do: wait for it, or choose another --name"
    )]
    Busy {
        /// The cluster's name.
        name: String,
        /// Who holds it.
        holder: String,
    },
    /// No cluster was handed to this process.
    #[error(
        "this test needs the test cluster, and {variable} does not name one\n  to do: cargo xtask test (it starts one), or cargo xtask cluster run -- COMMAND"
    )]
    NoCluster {
        /// The environment variable.
        variable: &'static str,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// Certificates.
    #[error("cannot make a certificate: {0}")]
    Pki(#[from] rcgen::Error),
    /// The API server's answer, or that there was none.
    #[error("{request}: {why}")]
    Api {
        /// Method and path.
        request: String,
        /// What came back.
        why: String,
    },
    /// The registry's answer, or that there was none.
    #[error("registry: {request}: {why}")]
    Registry {
        /// Method and URL.
        request: String,
        /// What came back.
        why: String,
    },
}

/// Gives an I/O error the verb and the path that it belongs to.
pub(crate) trait At<T> {
    /// `fs::read(p).at("read", p)`
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, action: &'static str, path: impl AsRef<Path>) -> Result<T, Error> {
        self.map_err(|error| Error::Path { action, path: path.as_ref().to_owned(), source: error.into() })
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  | {line}")).collect::<Vec<_>>().join("\n")
}
