//! What an agent does next: observation in, action out.
//!
//! Pure. [`step()`] is the one table that maps what the cluster shows to the next action; recovery after a crash is
//! nothing but looking again. Nothing here waits, asks or writes.

mod action;
pub mod adopt;
pub mod ending;
pub mod kept;
pub mod left;
mod observation;
pub mod revival;
mod step;
pub mod supersede;
pub mod verdict;

pub use action::Action;
pub use observation::{Observation, OwnContainer, OwnDeployment, SupportState};
pub use step::{BY_HAND, brings_news, rests_until, step};
