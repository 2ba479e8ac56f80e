//! Why an operation did not do what it was asked: a variant for each case, which carries its facts.
//!
//! What a case says, what to do about it, and which exit code it has stand side by side, once. `docs/errors.md` is
//! written from [`Error::CASES`].

mod cancel_fault;
mod cases;
mod log_fault;
mod side_fault;
mod start_flag_fault;
mod watch_fault;

use crate::local::render::Unrendered;

pub use cancel_fault::CancelFault;
pub use cases::Error;
pub use log_fault::LogFault;
pub use side_fault::SideFault;
pub use start_flag_fault::StartFlagFault;
pub use watch_fault::WatchFault;

impl Error {
    /// Whether somebody else wrote in between: look again, decide again.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.is_conflict())
    }

    /// What it says in one line, for an annotation and the diary.
    pub fn one_line(&self) -> String {
        self.to_string().lines().collect::<Vec<_>>().join(" ")
    }

    /// What a case says, and what to do about it.
    #[cfg(test)]
    pub(crate) fn said(&self) -> (String, String) {
        (self.to_string(), self.advice().unwrap_or_else(|| panic!("no case: {self}")).1)
    }
}

impl From<Unrendered> for Error {
    fn from(why: Unrendered) -> Self {
        match why {
            Unrendered::Faulty(faults) => Self::Pipeline(faults),
            Unrendered::NotRun(why) => Self::NotRendered { why },
        }
    }
}

/// What operations answer.
pub type Result<T> = std::result::Result<T, Error>;
