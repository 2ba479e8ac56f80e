//! The rules of a retention, and what a chain's own one came to.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which of the builds that may go are to go: by hand, and by a chain's own retention alike. All that are given must agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Rules {
    /// Only what ended (a bare claim: what was created) longer ago than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<Duration>,
    /// Of each chain and verdict, the newest so many finished builds stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<usize>,
    /// What did not pass stays for at least so long after its end. Lets nothing go by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_failed: Option<Duration>,
}

impl Rules {
    /// Whether they let anything go.
    pub fn let_go(&self) -> bool {
        self.older_than.is_some() || self.keep.is_some()
    }
}

/// What a chain's own retention came to the last time that it had something to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tidied {
    /// When.
    pub at: Timestamp,
    /// How many namespaces it disposed of.
    pub disposed: usize,
    /// How many it could not.
    #[serde(default)]
    pub failed: usize,
    /// Why not, of the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Since when it has failed each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
}
