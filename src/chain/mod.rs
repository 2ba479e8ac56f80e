//! What a chain is: builds and their phases, names, the head, records and history, and what is written where.
//!
//! Pure. Decides and reads; never speaks to a server, a clock or a console.

pub mod address;
pub mod age;
pub mod base64;
pub mod begun;
pub mod build;
pub mod build_object;
pub mod case;
pub mod chain_object;
pub mod claim;
pub mod commit_status;
pub mod copied;
pub mod denial;
pub mod event;
pub mod freeze;
pub mod head;
pub mod kept_log;
pub mod kueue;
pub mod link;
pub mod listener;
pub mod masking;
pub mod names;
pub mod object;
pub mod outbox;
mod phase;
pub mod pod;
pub mod pod_maker;
pub mod publishing;
pub mod quantity;
pub mod record;
pub mod remedy;
pub mod reported;
pub mod repository;
pub mod reserved;
pub mod resource;
pub mod retention;
pub mod revision;
pub mod rights;
mod rules;
pub mod signs;
pub mod told;
pub mod trying;
mod version;
pub mod webhook;
pub mod wire;
pub mod workload;
