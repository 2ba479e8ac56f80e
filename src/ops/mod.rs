//! Operations: what a verb does, step by step. One file per verb.
//!
//! Nothing here prints: what happens is told to a sink that the caller hands in.

pub mod cancel;
pub mod claim;
pub mod cleanup;
pub mod complete;
pub mod doctor;
pub mod find;
pub mod gone;
mod listens;
pub mod logs;
pub mod publish;
pub mod report;
pub mod retry;
pub mod scale;
pub mod setup;
pub mod side;
pub mod signal;
pub mod start;
pub mod status;
pub mod stop;
pub mod trigger;
pub mod usual;
pub mod watch;

#[cfg(test)]
mod named_tests;
