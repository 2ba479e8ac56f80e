//! What an agent remembers within one run. All of it can be lost: the cluster is read again.

use jiff::Timestamp;

use super::hear::{AwaitedSince, SilentSince};
use crate::chain::freeze::Freeze;
use crate::cluster::objects::Meta;
use crate::pipeline::weave::Plan;
use crate::state::home::Home;
use crate::state::record::Record;

/// What was read, and is not read again.
#[derive(Default)]
pub(super) struct Cache {
    /// Whether the admission policies were found as they should be; nothing is done before that.
    pub(super) confined: bool,
    /// The chain's record and home's configuration, read once. `start` may rewrite the record under a build, whose
    /// listener it then replaces: this build goes on by what it has read and, if it is started anew, by the text that
    /// it froze, with the values of then.
    pub(super) known: Option<(Record, Home)>,
    /// The chain's name, which no namespace changes.
    pub(super) chain: Option<String>,
    /// Metadata of the own Deployment, as it was looked at last.
    pub(super) listener: Option<Meta>,
    /// The freeze, which never changes once it is there.
    pub(super) freeze: Option<Freeze>,
    /// The plan that this build runs by.
    pub(super) plan: Option<Plan>,
}

/// When something is due.
#[derive(Default)]
pub(super) struct Timers {
    /// How often the dispatch failed in a row.
    pub(super) dispatch_failures: u32,
    /// When it may be tried again.
    pub(super) dispatch_again: Option<Timestamp>,
    /// When it looked last.
    pub(super) looked: Option<Timestamp>,
    /// When the next recheck is due.
    pub(super) recheck_at: Option<Timestamp>,
    /// Whether the chain is one without rechecks.
    pub(super) never_rechecks: bool,
    /// When what was seen last means something else, although nothing changes.
    pub(super) look_at: Option<Timestamp>,
}

/// What it has found out or done.
#[derive(Default)]
pub(super) struct AgentFindings {
    /// Whether this start has written down that it tries the push.
    pub(super) tries: bool,
    /// Whether the run before this one was ended for the memory that it took.
    pub(super) was_killed: bool,
    /// Whether the rest of the pipeline was applied.
    pub(super) prepared: bool,
    /// Whether the API server refused the listener that the push asks for.
    pub(super) refused: bool,
    /// Whether the chain's tag may be pushed over, so that another digest of it is a push. Unknown while the last good
    /// pipeline cannot be rendered.
    pub(super) pushed_over: Option<bool>,
    /// What the last recheck found wrong, for as long as the listener waits.
    pub(super) found: Option<String>,
    /// Since when the chain's retention has failed, and why.
    pub(super) untidied: Option<String>,
    /// Since when it is waited for what the CI container's image brings.
    pub(super) awaited: Option<AwaitedSince>,
    /// Since when the CI container of this image has told nothing, by no fault of registry or node.
    pub(super) silence: Option<SilentSince>,
    /// Why this agent cannot go on, as it was written down last.
    pub(super) stuck: Option<String>,
    /// Whether an earlier try may have brought up something of the pipeline that is not brought down again.
    pub(super) raised: bool,
    /// What was said last, so that the diary does not repeat itself.
    pub(super) said: String,
}
