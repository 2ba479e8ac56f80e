//! How far a build is, how it ended, and how far its successor is: the words for it on the wire and in tables.

use std::fmt;
use std::str::FromStr;

use super::wire;

/// Where a build is on its way. Each phase is written before its work begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// The namespace is ours; the listener is not there yet.
    Claimed,
    /// The listener waits for a push.
    Listening,
    /// A push was seen and frozen.
    Triggered,
    /// Keel has let go of the Deployment; read back.
    Detached,
    /// Another build of the chain has the slot.
    Queued,
    /// The rest of the pipeline is being applied and support comes up.
    Preparing,
    /// The build's Job exists.
    Building,
    /// Verdict and cause are in home.
    Recorded,
    /// Everything is scaled to zero.
    Finished,
    /// The namespace is being deleted.
    Disposing,
}

impl Phase {
    /// All phases, in order.
    pub const ALL: [Self; 10] = [
        Self::Claimed,
        Self::Listening,
        Self::Triggered,
        Self::Detached,
        Self::Queued,
        Self::Preparing,
        Self::Building,
        Self::Recorded,
        Self::Finished,
        Self::Disposing,
    ];

    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "Claimed",
            Self::Listening => "Listening",
            Self::Triggered => "Triggered",
            Self::Detached => "Detached",
            Self::Queued => "Queued",
            Self::Preparing => "Preparing",
            Self::Building => "Building",
            Self::Recorded => "Recorded",
            Self::Finished => "Finished",
            Self::Disposing => "Disposing",
        }
    }

    /// The annotation that holds when this phase began.
    pub fn time_key(self) -> String {
        format!("{}{}", wire::AT, self.as_str().to_ascii_lowercase())
    }
}

/// What happened to a build, in the words of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It is there.
    Added,
    /// It changed.
    Modified,
    /// It is gone.
    Deleted,
}

impl Happening {
    /// The word of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// A word on the wire that this program does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {word:?} is not one that this version knows")]
pub struct UnknownWord {
    /// What kind of word it is.
    pub what: &'static str,
    /// The word.
    pub word: String,
}

macro_rules! word {
    ($type:ident, $what:literal) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl FromStr for $type {
            type Err = UnknownWord;
            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                Self::ALL
                    .into_iter()
                    .find(|value| value.as_str() == word)
                    .ok_or_else(|| UnknownWord { what: $what, word: word.to_owned() })
            }
        }
    };
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// The build container exited 0.
    Passed,
    /// The build said no.
    Failed,
    /// We could not run it, or it was disrupted.
    Errored,
    /// Somebody ended it.
    Cancelled,
}

impl Verdict {
    /// All verdicts.
    pub const ALL: [Self; 4] = [Self::Passed, Self::Failed, Self::Errored, Self::Cancelled];

    /// The word on the wire and in the table.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "Passed",
            Self::Failed => "Failed",
            Self::Errored => "Errored",
            Self::Cancelled => "Cancelled",
        }
    }
}

/// How far the dispatch of the successor is. Apart from the phase, since it may lag behind the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dispatch {
    /// Not begun, or being retried.
    Pending,
    /// The successor's namespace is ours.
    Claimed,
    /// The successor's listener exists.
    Done,
    /// The chain has ended: there is no successor.
    Ended,
}

impl Dispatch {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Pending, Self::Claimed, Self::Done, Self::Ended];

    /// The word on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Done => "done",
            Self::Ended => "ended",
        }
    }

    /// Whether an agent may finish.
    pub fn settled(self) -> bool {
        matches!(self, Self::Done | Self::Ended)
    }
}

word!(Phase, "phase");
word!(Verdict, "verdict");
word!(Dispatch, "dispatch state");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_on_the_wire_are_read_back() {
        for phase in Phase::ALL {
            assert_eq!(phase.as_str().parse(), Ok(phase));
        }
        for verdict in Verdict::ALL {
            assert_eq!(verdict.as_str().parse(), Ok(verdict));
        }
        for dispatch in Dispatch::ALL {
            assert_eq!(dispatch.as_str().parse(), Ok(dispatch));
        }
    }
}
