//! Our objects in the cluster: builds, heads, records, seeds, claims and home, and the writes that all share.
//!
//! The steps that `ops` and `runner` have in common are put in order here. Nothing here prints: what happens is told to a sink
//! that the caller hands in.

pub mod bell;
pub mod build;
pub mod chain;
pub mod claim;
pub mod confinement;
pub mod dispatch;
pub mod dispose;
pub mod dry_run;
pub mod enter;
pub mod error;
pub mod events;
pub mod forget;
pub mod head;
pub mod home;
pub mod kept_log;
pub mod lost;
pub mod manifests;
pub mod narration;
pub mod publisher;
pub mod pull_secrets;
pub(crate) mod push_plan;
pub mod record;
pub mod seed;
pub mod select;
pub mod support;
pub(crate) mod webhook;
pub mod write;

pub use narration::Say;

/// Whether anything is written: what `--dry-run` asks for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DryRun {
    /// Do it.
    #[default]
    None,
    /// Say what would be done, and change nothing.
    Client,
    /// Have the server do everything but keep it.
    Server,
}

impl DryRun {
    /// Whether nothing is to be changed.
    pub fn is_dry(self) -> bool {
        self != Self::None
    }
}
