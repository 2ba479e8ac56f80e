//! A console that keeps what it is told, for tests.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use super::{Console, StreamStyle};

impl Console {
    /// A console that keeps what it is told, and what it was told.
    pub(crate) fn captured(out: StreamStyle, err: StreamStyle) -> (Self, Captured) {
        let captured = Captured::default();
        let console = Self::over(Box::new(captured.out.clone()), out, Box::new(captured.err.clone()), err);
        (console, captured)
    }
}

/// What a [`Console::captured`] console was told.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captured {
    out: Shared,
    err: Shared,
}

impl Captured {
    /// Stdout so far.
    pub(crate) fn out(&self) -> String {
        self.out.text()
    }

    /// Stderr so far.
    pub(crate) fn err(&self) -> String {
        self.err.text()
    }
}

#[derive(Debug, Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.borrow()).into_owned()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
