//! Operations: pure plans turned into calls, in order. One file an operation.
//!
//! Nothing here prints: what happens is told to a sink that the caller hands in.

pub mod agent;
pub mod claim;
pub mod cleanup;
pub mod dispatch;
pub mod dispose;
pub mod error;
mod events;
pub mod home;
pub mod intent;
mod listens;
#[cfg(test)]
mod person_tests;
pub mod plan;
pub mod render;
mod renew;
pub mod scale;
mod select;
pub mod setup;
pub mod signal;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod stage_tests;
pub mod start;
pub mod status;
pub mod stop;
mod support;
pub mod tell;
pub mod watch;

/// Whether anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earnest {
    /// It is done.
    Real,
    /// The server does everything but keep it.
    Server,
    /// Only read.
    Client,
}

/// Where an operation tells what it does, a line at a time.
pub type Say<'a> = &'a dyn Fn(&str);
