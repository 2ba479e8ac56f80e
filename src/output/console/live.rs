//! The one line that moves: on a terminal's stderr, written over until it is erased.
//!
//! It is the last one on the screen. Whoever else writes, to stdout or stderr, has it step aside first and come back
//! afterwards; that is the console's business, so that no verb has to think of it. A text is replaced by one write, without a
//! moment in which nothing is there.

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use unicode_width::UnicodeWidthChar;

use super::sanitise;

/// How wide a terminal is that does not say.
const COLUMNS: u16 = 80;
/// To the line's beginning, and nothing left of what stood behind.
const ERASE: &str = "\r\u{1b}[K";

/// How wide the terminal is at this moment; none where it does not say.
pub type Columns = fn() -> Option<u16>;

/// The line; a clone is the same one.
#[derive(Clone)]
pub struct LiveLine(Arc<Mutex<LiveState>>);

struct LiveState {
    sink: Box<dyn Write + Send>,
    columns: Columns,
    /// What is to stand there.
    text: Option<String>,
    /// What does.
    drawn: Option<String>,
}

impl std::fmt::Debug for LiveLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LiveLine")
    }
}

impl LiveLine {
    /// A line on this terminal.
    pub fn on(sink: Box<dyn Write + Send>, columns: Columns) -> Self {
        Self(Arc::new(Mutex::new(LiveState { sink, columns, text: None, drawn: None })))
    }

    /// Shows this text instead of the one before. One line; what does not fit is cut off.
    pub fn show(&self, text: &str) {
        let mut state = self.state();
        state.text = Some(sanitise(text).into_owned());
        state.draw();
    }

    /// Erases it for good.
    pub fn erase(&self) {
        let mut state = self.state();
        state.text = None;
        state.undraw();
    }

    /// Erases it for somebody who is about to write.
    pub(super) fn step_aside(&self) {
        self.state().undraw();
    }

    /// Shows it again after that.
    pub(super) fn come_back(&self) {
        self.state().draw();
    }

    fn state(&self) -> MutexGuard<'_, LiveState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveState {
    fn draw(&mut self) {
        let Some(text) = &self.text else { return };
        // the last column is left free: a terminal that has filled it goes to the next line
        let fits = clip(text, usize::from((self.columns)().unwrap_or(COLUMNS)).saturating_sub(1));
        if self.drawn.as_ref() != Some(&fits) {
            self.write(&format!("\r{fits}\u{1b}[K"));
            self.drawn = Some(fits);
        }
    }

    fn undraw(&mut self) {
        if self.drawn.take().is_some() {
            self.write(ERASE);
        }
    }

    /// A closed stderr is no reason to stop.
    fn write(&mut self, text: &str) {
        let _ = self.sink.write_all(text.as_bytes());
        let _ = self.sink.flush();
    }
}

/// As much of a text as so many columns show.
fn clip(text: &str, columns: usize) -> String {
    let width = |c: char| c.width().unwrap_or(0);
    if text.chars().map(width).sum::<usize>() <= columns {
        return text.to_owned();
    }
    let (mut clipped, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += width(c);
        if used > columns {
            break;
        }
        clipped.push(c);
    }
    if columns > 0 {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
