//! What Keel reads and obeys: its keys, policies, schedules and image references, and how we park its keys.
//!
//! Pure. Knows nothing of chains, and never asks a registry or an API server. Its rules are a port of Keel's own;
//! the tests hold them to what Keel's code decided, row by row.

#[cfg(any(test, feature = "testing"))]
pub mod containers;
#[cfg(test)]
mod decisions;
mod dialect;
pub mod image;
pub mod lint;
pub mod names;
pub mod nearest;
pub mod parking;
pub mod pointer;
pub mod policy;
pub mod registry;
pub mod schedule;
mod semver;
