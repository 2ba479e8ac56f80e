//! `render-child`: the other end of every rendering. Hidden: only this program calls it.

use clap::Args;

use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use crate::local;

/// Render what is on stdin, within bounds
#[derive(Debug, Args)]
pub struct ChildArgs {}

pub(super) fn run() -> Result<ExitKind, Failure> {
    local::render::serve().map_err(|why| Mistake::NoBounds { why: why.to_string() })?;
    Ok(ExitKind::Done)
}
