//! API servers for tests, in memory and in the test's own time. They know Kubernetes, and nothing of this project: whatever
//! is particular about it, a test tells them.
//!
//! [`Scripted`] does what a function says, for tests of single requests. [`ApiServer`] keeps objects as a real server does,
//! with as much of controllers and kubelets as operations wait for, and may be killed after any write.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answer;
mod api_server;
mod kubelet;
mod place;
mod scripted;
mod selector;
mod world;

pub use api_server::ApiServer;
pub use scripted::{BodyEnd, Reply, Scripted, SeenRequest};
pub use world::{Hook, Refusal, World, in_base64};
