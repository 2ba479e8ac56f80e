//! The program in hermetic surroundings.

use std::path::Path;
use std::process::{Command, Stdio};

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
