//! Why an operation did not do what it was asked, in words that name what, where, why and what to do.

use crate::cluster;
use crate::local::render::Unrendered;
use crate::pipeline::fault::Fault;

/// An operation's failure.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server, or the way to it.
    #[error(transparent)]
    Cluster(#[from] cluster::Error),
    /// The pipeline cannot be used; every fault found, not only the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Pipeline(Vec<Fault>),
    /// What was asked for cannot be done as asked: usage or configuration.
    #[error("{what}")]
    Usage {
        /// What, where and why.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// The cluster is not as it must be (setup not done, rights missing, policies other than expected).
    #[error("{what}")]
    Unready {
        /// What, where and why.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Something is another's, or became another's meanwhile.
    #[error("{what}")]
    Ownership {
        /// What, where and why.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A bound was reached; what was still missing.
    #[error("{what}")]
    Timeout {
        /// What was waited for, how long, and what was still missing.
        what: String,
        /// What to do.
        remedy: String,
    },
}

impl Error {
    /// Whether somebody else wrote in between: look again, decide again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.is_conflict())
    }

    /// A usage error.
    pub fn usage(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Usage { what: what.into(), remedy: remedy.into() }
    }

    /// A cluster that is not ready.
    pub fn unready(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Unready { what: what.into(), remedy: remedy.into() }
    }

    /// Another's property.
    pub fn ownership(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Ownership { what: what.into(), remedy: remedy.into() }
    }

    /// A bound that was reached.
    pub fn timeout(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Timeout { what: what.into(), remedy: remedy.into() }
    }
}

impl From<Unrendered> for Error {
    fn from(why: Unrendered) -> Self {
        match why {
            Unrendered::Faulty(faults) => Self::Pipeline(faults),
            not_run @ Unrendered::NotRun(_) => Self::timeout(
                not_run.to_string(),
                "it says nothing of the pipeline: run it again; if it stays so, look at what else this machine has to do, and \
                 at its limits of processes and memory",
            ),
        }
    }
}

/// What operations answer.
pub type Result<T> = std::result::Result<T, Error>;
