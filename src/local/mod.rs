//! The person's machine.
pub mod agent;
pub mod files;
pub mod git;
pub mod environment;
/// stub
pub fn facts() -> crate::pipeline::facts::Facts { Default::default() }
