//! A stand-in for Keel: it scans, watches, polls and writes as Keel does, so that a test needs no Keel to build.
//!
//! [`Keel`] holds the behaviour and speaks to its surroundings through three traits ([`ApiServer`], [`Registry`],
//! [`Clock`]). The program joins it to a real API server and a real registry; the tests of this crate replay what
//! the real Keel was seen to do, in virtual time. What a policy, a schedule or a key means is decided by the
//! product's own [`studioci::keel`].
//!
//! It does not do what the tests do not need: webhooks, Helm, notifications, votes on approvals (an update that
//! needs one never happens), image volumes, `DOCKER_REGISTRY_CFG` and the helpers of clouds, https. Of the platform gate only the requests are
//! made: no node is looked at, every candidate passes. Pods are listed only where a digest is looked for, far less
//! often than by Keel.

mod cache;
mod credentials;
mod hooks;
mod journal;
mod keel;
mod poll;
mod provider;
mod world;

pub mod control;
pub mod kubernetes;
pub mod registry;

pub use cache::{Cache, Workload};
pub use credentials::Login;
pub use hooks::Hooks;
pub use journal::{Entry, Journal};
pub use keel::{Crash, Keel, Settings, Switch, Version};
pub use world::{ApiServer, Asked, Clock, Kind, Manifest, Name, Refusal, Registry};
