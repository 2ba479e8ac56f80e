//! The chain that a verb means where none is named: that of the checkout which it runs in.

use std::path::Path;

use super::failure::Failure;
use super::mistake::Mistake;
use crate::local;
use crate::ops;
use crate::pipeline::facts;

/// The chain that `start` would begin here.
pub(super) fn chain_here() -> Result<String, Failure> {
    let git = local::git::facts(Path::new("."), |name| matches!(name, "repo" | "branch"));
    ops::start::chain_of_checkout(&facts::group(git)).map_err(|why| Mistake::NoChainHere { why }.into())
}

/// The same for whoever names nothing, as far as there is one.
pub(super) fn unless_named(name: Option<&String>) -> Option<String> {
    if name.is_none() { chain_here().ok() } else { None }
}
