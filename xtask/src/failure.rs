//! How a task ends when it does not end well.

use test_cluster::Error;

/// Why a task failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The cluster, or what it is built from.
    Cluster(Error),
    /// A command that was run told its user itself what is wrong; its exit code is ours.
    Command(u8),
    /// Anything else, in one sentence.
    Other(String),
}

impl Failure {
    pub(crate) fn text(&self) -> Option<String> {
        match self {
            Failure::Cluster(error) => Some(error.to_string()),
            Failure::Command(_) => None,
            Failure::Other(text) => Some(text.clone()),
        }
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Failure::Cluster(Error::Interrupted) => 130,
            Failure::Command(code) => *code,
            _ => 1,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Cluster(error)
    }
}
