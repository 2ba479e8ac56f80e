//! What a person sees while something takes its time. The crate itself prints nothing.

use std::time::Duration;

/// Where the talk goes.
pub trait Progress {
    /// A step begins; it may take minutes.
    fn begin(&self, what: &str);
    /// The step that began last is done.
    fn end(&self, took: Duration);
    /// One line that stands by itself.
    fn note(&self, line: &str);
}

/// Says nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: &str) {}
    fn end(&self, _: Duration) {}
    fn note(&self, _: &str) {}
}
