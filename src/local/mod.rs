//! The person's machine: the repository, the person, the environment and files.
//!
//! With the command line's settings the only room that reads the environment. It decides nothing: what is found goes
//! to the pipeline as facts, what is not found goes there with the reason.

pub mod agent;
pub mod child;
pub mod environment;
pub mod files;
pub mod git;
pub mod regular;
pub mod remote;
pub mod render;
pub mod terminal;
pub mod told;
pub mod user;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::chain::pod::first_line;

/// Facts by name: a string or boolean, or why there is none.
pub type Found = BTreeMap<String, Result<Value, String>>;

/// Runs a program with fixed arguments and gives its first line.
///
/// # Errors
/// Why there is none: the first line that the program complained with, or that it is not there.
fn line(command: &mut Command) -> Result<String, String> {
    said(command).map(|said| first_line(&said).to_owned())
}

/// Runs a program with fixed arguments and gives what it says.
///
/// # Errors
/// As [`line()`].
fn said(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("the program {program} is not on PATH"),
        _ => format!("the program {program} cannot be run: {error}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let complaint = first_line(&complaint);
    Err(if complaint.is_empty() { format!("{program} says no") } else { complaint.to_owned() })
}
