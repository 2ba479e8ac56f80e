//! The program in hermetic surroundings.

use std::path::Path;
use std::process::{Command, Stdio};

/// A run of the program.
#[must_use]
pub(crate) struct Run {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) code: i32,
}

/// The program with these words, in surroundings that hold nothing but a home of its own.
pub(crate) fn program(line: &str) -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    std::fs::create_dir_all(&home).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-studioci"));
    command
        .args(line.split_whitespace())
        .env_clear()
        .env("HOME", &home)
        .env("COLUMNS", "100")
        .current_dir(&home)
        .stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn run(line: &str) -> Run {
    let output = program(line).output().unwrap();
    Run {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}
