//! A map of the rooms of `kubectl-studioci`.
//!
//! Pure rooms decide: [`keel`] (what Keel reads and obeys), [`chain`] (builds, names, claims, heads),
//! [`pipeline`] (template to documents to plan), [`agent`] (observation to action) and [`doctor`] (facts to findings). [`local`] reads the
//! person's machine, [`cluster`] alone speaks to the API server, [`publish`] tells others, [`state`] keeps our objects in it, [`ops`] puts a
//! verb's steps in order and [`runner`] an agent's, [`output`] shows, and [`cli`] joins them. `ARCHITECTURE.md` says why, and
//! a test holds the table of imports.
//!
//! To others the crate is one function, [`main`]: so the compiler sees what nobody calls. The feature `testing` opens
//! the rooms to the integration tests, the benches and the stand-in for Keel.
#![cfg_attr(
    not(feature = "testing"),
    allow(unreachable_pub, reason = "a room's face is public with the feature, where the lint looks")
)]

#[cfg(not(feature = "testing"))]
mod agent;
#[cfg(feature = "testing")]
pub mod agent;
#[cfg(not(feature = "testing"))]
mod chain;
#[cfg(feature = "testing")]
pub mod chain;
#[cfg(not(feature = "testing"))]
mod cli;
#[cfg(feature = "testing")]
pub mod cli;
#[cfg(not(feature = "testing"))]
mod cluster;
#[cfg(feature = "testing")]
pub mod cluster;
#[cfg(not(feature = "testing"))]
mod doctor;
#[cfg(feature = "testing")]
pub mod doctor;
#[cfg(not(feature = "testing"))]
mod keel;
#[cfg(feature = "testing")]
pub mod keel;
#[cfg(not(feature = "testing"))]
mod local;
#[cfg(feature = "testing")]
pub mod local;
#[cfg(not(feature = "testing"))]
mod ops;
#[cfg(feature = "testing")]
pub mod ops;
#[cfg(not(feature = "testing"))]
mod output;
#[cfg(feature = "testing")]
pub mod output;
#[cfg(not(feature = "testing"))]
mod pipeline;
#[cfg(feature = "testing")]
pub mod pipeline;
#[cfg(not(feature = "testing"))]
mod publish;
#[cfg(feature = "testing")]
pub mod publish;
#[cfg(not(feature = "testing"))]
mod runner;
#[cfg(feature = "testing")]
pub mod runner;
#[cfg(not(feature = "testing"))]
mod state;
#[cfg(feature = "testing")]
pub mod state;

pub use cli::process::main;
