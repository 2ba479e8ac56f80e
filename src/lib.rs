//! A map of the rooms of `kubectl-studioci`.
//!
//! Pure rooms decide: [`keel`] (what Keel reads and obeys), [`chain`] (builds, names, claims, heads),
//! [`pipeline`] (template to documents to plan) and [`agent`] (observation to action). [`local`] reads the
//! person's machine, [`cluster`] alone speaks to the API server, [`state`] keeps our objects in it, [`ops`] puts a
//! verb's steps in order and [`runner`] an agent's, [`output`] shows, and [`cli`] joins them. `ARCHITECTURE.md` says why, and a test holds the table of imports.

pub mod agent;
pub mod chain;
pub mod cli;
pub mod cluster;
pub mod keel;
pub mod local;
pub mod ops;
pub mod output;
pub mod pipeline;
pub mod runner;
#[cfg(test)]
mod stage;
pub mod state;
