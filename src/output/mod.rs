//! What people and scripts see: the console, tables, printers, result lines and the views of builds.
//!
//! Formatting is pure: a view is handed its rows and the time. Only [`console`] writes, into two streams that it is
//! handed; nothing here reads the environment or a clock, and nothing here speaks to a server.

pub mod chains;
pub mod columns;
pub mod console;
pub mod contexts;
pub mod doctor;
pub mod form;
mod go;
pub mod jsonpath;
mod kyaml;
pub mod listing;
pub mod logs;
pub mod narration;
pub mod order;
pub mod printer;
pub mod report;
pub mod result;
mod short;
pub mod status;
pub mod table;
pub mod tree;
pub mod waiting;
pub mod watch;

#[cfg(test)]
mod printed_tests;
