//! The program: the process's arguments in, its exit code out.

use std::process::ExitCode;

#[expect(clippy::disallowed_methods, reason = "the process's own arguments")]
fn main() -> ExitCode {
    studioci::main(std::env::args_os())
}
