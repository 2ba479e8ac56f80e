//! A console that keeps what it is told, for tests.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use super::{Console, StreamStyle};

impl Console {
    /// A console that keeps what it is told, and what it was told.
    pub(crate) fn captured(out: StreamStyle, err: StreamStyle) -> (Self, Captured) {
        let both = Arc::default();
        let shared = || Shared { own: Arc::default(), both: Arc::clone(&both) };
        let captured = Captured { out: shared(), err: shared(), both: Arc::clone(&both) };
        let console = Self::over(Box::new(captured.out.clone()), out, Box::new(captured.err.clone()), err);
        (console, captured)
    }
}

/// What a [`Console::captured`] console was told.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    out: Shared,
    err: Shared,
    both: Bytes,
}

type Bytes = Arc<Mutex<Vec<u8>>>;

fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap()).into_owned()
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

    /// Both, in the order in which they were said.
    pub(crate) fn both(&self) -> String {
        text(&self.both)
    }

    /// Stderr, for whoever else writes there.
    pub(crate) fn terminal(&self) -> Box<dyn Write + Send> {
        Box::new(self.err.clone())
    }
}

#[derive(Debug, Clone)]
struct Shared {
    own: Bytes,
    both: Bytes,
}

impl Shared {
    fn text(&self) -> String {
        text(&self.own)
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.own.lock().unwrap().extend_from_slice(bytes);
        self.both.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
