//! What an agent may do next.

use crate::chain::build::{Baseline, Phase, Verdict, Version};
use crate::chain::kueue::QueuedBuild;

/// The next thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing, until something changes; for what stands still, why.
    Wait(Option<String>),
    /// The same, until Kueue admits the build.
    Queue(QueuedBuild),
    /// This pod is on its way out: wait for its end.
    MakeWay(String),
    /// This listener is nobody's any more: detach, and scale it to zero.
    StandDown(String),
    /// Write phase Listening with this baseline.
    Listen(Baseline),
    /// Start the recheck: a probe pod that pulls the tag anew.
    Recheck,
    /// Create the freeze of what runs here.
    Freeze(Version),
    /// Write phase Triggered with what was frozen.
    Trigger,
    /// Check the pushed pipeline and move the head by compare-and-swap.
    MoveHead,
    /// Check the pipeline of what was asked for by hand, which no head moves for, and write phase Detached.
    TryOut,
    /// Rename the Keel keys and read back.
    Detach,
    /// Write this phase.
    Reach(Phase),
    /// Claim the successor's namespace and create its listener.
    Dispatch,
    /// Ask for the earlier build in this namespace to be cancelled, which this one takes the place of.
    Supersede(String),
    /// Take a build slot by compare-and-swap.
    TakeSlot,
    /// Apply the rest of the pipeline.
    Prepare,
    /// Create the build's Job.
    Build,
    /// Let the build's pod run, which has waited for support.
    Release,
    /// Write verdict and cause into home, then phase Recorded.
    Record(Verdict, String),
    /// Give the build slot of this generation back by compare-and-swap.
    FreeSlot(u64),
    /// Write down that the dispatch was done.
    SettleDispatch,
    /// End what still runs of the build's pods.
    EndPods,
    /// Scale support to zero, then write phase Finished.
    Finish,
    /// The very last act: scale the own Deployment to zero.
    Sleep,
}
