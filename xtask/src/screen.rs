//! What the person at the terminal sees and presses.

use std::cell::RefCell;
use std::io::Write;
use std::time::Duration;

use test_cluster::interrupt::Interrupt;
use test_cluster::progress::Progress;

/// Talk goes to standard error.
pub(crate) struct Screen;

impl Progress for Screen {
    fn begin(&self, what: &str) {
        eprint!("  {what} … ");
        // the line shows what is going on while it is going on
        let _ = std::io::stderr().flush();
    }

    fn end(&self, took: Duration) {
        eprintln!("{:.1} s", took.as_secs_f64());
    }

    fn note(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// The same where somebody else talks meanwhile: a step is said when it is done, with one call.
#[derive(Default)]
pub(crate) struct WholeLines(RefCell<String>);

impl Progress for WholeLines {
    fn begin(&self, what: &str) {
        what.clone_into(&mut self.0.borrow_mut());
    }

    fn end(&self, took: Duration) {
        eprintln!("  {} … {:.1} s", self.0.borrow(), took.as_secs_f64());
    }

    fn note(&self, line: &str) {
        eprintln!("{line}");
    }
}

/// Ctrl-C from now on.
pub(crate) fn interrupt() -> Interrupt {
    // without it, Ctrl-C just ends us: the next run clears up what that leaves
    Interrupt::install().unwrap_or_default()
}
