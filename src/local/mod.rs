//! The person's machine.
pub mod files;
pub mod git;
