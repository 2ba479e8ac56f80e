//! API servers for tests, in memory and in the test's own time. They know Kubernetes, and nothing of this project: whatever
//! is particular about it, a test tells them.
//!
//! [`Scripted`] does what a function says, for tests of single requests. [`ApiServer`] keeps objects as a real server does,
//! with as much of controllers and kubelets as operations wait for, and may be killed after any write.
//!
//! Beside them, for whoever is told of a build: a [`Forge`] keeps commit statuses as GitHub does, and a [`SecureSocket`] has
//! whatever server listen on a socket, with a certificate of its own authority.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answer;
mod api_server;
mod forge;
mod kubelet;
mod place;
mod scripted;
mod secure_socket;
mod selector;
mod world;

pub use api_server::ApiServer;
pub use forge::{Forge, ForgeFault, ForgeState};
pub use scripted::{BodyEnd, Reply, Scripted, SeenRequest, StreamedResponse};
pub use secure_socket::SecureSocket;
pub use world::{Hook, Refusal, World, in_base64};
