//! From a template and its values to Kubernetes documents, and on to the plan of a build.
//!
//! Pure. Reads no file, no environment and no clock: whoever calls brings every text and every fact. Documents are
//! read and written in kubectl's dialect of YAML ([`documents`]); values are people's own files, and are read as they were
//! written ([`values`]). A fault says what, where, why and what to do ([`fault`]), and never shows a secret.

pub mod codes;
pub mod convert;
pub mod dialect;
pub mod documents;
pub mod facts;
pub mod fault;
pub mod filters;
pub mod lint;
mod marks;
pub mod moved;
pub mod notice;
pub mod plan;
mod reading;
pub mod render;
mod scan;
mod secrets;
mod shell;
pub mod sources;
pub mod starter;
pub mod template;
mod tree;
mod uses;
pub mod values;
pub mod weave;
pub mod webhook_body;
mod writer;
