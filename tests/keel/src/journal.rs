//! What the stand-in saw and did, one JSON object a line.

use jiff::Timestamp;
use serde::Serialize;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Entry {
    /// It runs, with nothing tracked.
    Started {
        /// The version that is played.
        keel: &'static str,
    },
    /// Commands are taken here.
    Listening {
        /// `address:port`.
        address: String,
    },
    /// A watch was added, after its first look at the registry.
    Watching {
        /// Repository, with the tag if it follows one.
        key: String,
        /// When it polls.
        schedule: String,
    },
    /// A watch was dropped.
    Unwatched {
        /// As in [`Entry::Watching`].
        key: String,
    },
    /// A request was answered.
    Request {
        /// Method and object.
        request: String,
        /// HTTP status; 0 if there was no answer.
        status: u16,
    },
    /// A poll found something new.
    Event {
        /// Repository and tag.
        image: String,
        /// Its digest, with match-tag.
        digest: Option<String>,
    },
    /// An event was lost because a test wanted it so.
    Lost {
        /// Repository and tag.
        image: String,
    },
    /// An update is not made because it needs votes.
    AwaitingApproval {
        /// The workload.
        object: String,
    },
    /// A workload was written.
    Updated {
        /// The workload.
        object: String,
        /// The change-cause that it now carries.
        cause: String,
    },
    /// A write was given up.
    Failed {
        /// The workload.
        object: String,
        /// What the API server said.
        why: String,
    },
    /// The process would have ended here.
    Crashed {
        /// The workload whose schedule is empty.
        object: String,
    },
    /// A watch on the cluster broke and is begun again.
    WatchBroken {
        /// Which collection.
        plural: String,
        /// Why.
        why: String,
    },
}

type Sink = dyn Fn(Timestamp, &Entry);

/// Where entries go.
pub struct Journal(Box<Sink>);

impl Journal {
    /// A journal that hands each entry on.
    pub fn new(sink: impl Fn(Timestamp, &Entry) + 'static) -> Self {
        Self(Box::new(sink))
    }

    /// Notes an entry.
    pub fn note(&self, at: Timestamp, entry: &Entry) {
        (self.0)(at, entry);
    }
}
