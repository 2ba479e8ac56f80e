//! Template to documents to plan: what a pipeline says, and what becomes of it in a cluster.
//!
//! Pure. Reads text that it is given and writes none; never speaks to a server, a clock or a console.

pub mod documents;
pub mod fault;
pub mod weave;
