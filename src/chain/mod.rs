//! What a chain is: builds and their phases, names, the head, records and history, and what is written where.
//!
//! Pure. Decides and reads; never speaks to a server, a clock or a console.

pub mod address;
pub mod base64;
pub mod build;
pub mod case;
pub mod claim;
pub mod copied;
pub mod denial;
pub mod freeze;
pub mod head;
pub mod listener;
pub mod names;
pub mod object;
mod phase;
pub mod pod;
pub mod record;
pub mod remedy;
pub mod resource;
pub mod retention;
pub mod rights;
mod rules;
pub mod signs;
pub mod told;
pub mod trying;
mod version;
pub mod wire;
pub mod workload;
