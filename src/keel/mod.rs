//! What Keel reads and obeys: its keys, policies, schedules and image references, and how we park its keys.
//!
//! Pure. Knows nothing of chains, and never asks a registry or an API server.

pub mod image;
pub mod names;
pub mod parking;
pub mod policy;
