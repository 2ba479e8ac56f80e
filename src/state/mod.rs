//! Our objects in the cluster: builds, heads, records, seeds, claims and home, and the writes that all share.
//!
//! The steps that `ops` and `runner` have in common are put in order here. Nothing here prints: what happens is told to a sink
//! that the caller hands in.

pub mod build;
pub mod chain;
pub mod claim;
pub mod confinement;
pub mod dispatch;
pub mod dry_run;
pub mod enter;
pub mod error;
pub mod events;
pub mod forget;
pub mod head;
pub mod home;
pub mod manifests;
pub mod record;
pub mod seed;
pub mod select;
pub mod support;
pub mod write;

/// Where an operation tells what it does, a line at a time.
pub type Say<'a> = &'a dyn Fn(&str);
