//! A wait that a person may look at: one line on their terminal says what is waited for, for how long, and how long that
//! usually takes. Anywhere else it is the wait and nothing more.

use std::cell::{Cell, RefCell};
use std::pin::{Pin, pin};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::{Instant, interval_at};

use crate::cluster::Cluster;
use crate::ops;
use crate::ops::usual::BuildSpan;
use crate::output::console::live::LiveLine;
use crate::output::waiting::Waiting;
use crate::state::narration::Narration;

/// How often the line is drawn anew. What is over sooner has none.
const EACH: Duration = Duration::from_secs(1);

/// The clock that waits are measured by.
type WaitClock = fn() -> Timestamp;

/// A wait, and where it is shown.
pub(super) struct LiveWait {
    line: Option<LiveLine>,
    clock: WaitClock,
    waiting: RefCell<Waiting>,
    usual: Cell<Option<SignedDuration>>,
    shown: Cell<bool>,
}

/// Takes the line off, however the wait ends.
struct Erased<'a>(&'a LiveLine);

impl Drop for Erased<'_> {
    fn drop(&mut self) {
        self.0.erase();
    }
}

impl LiveWait {
    /// A wait that is shown on this line, where there is one. It begins with what is `doing`.
    #[expect(clippy::disallowed_methods, reason = "what is shown of a wait is how long it lasts")]
    pub(super) fn on(line: Option<LiveLine>, doing: impl Into<String>) -> Self {
        Self::by(line, Timestamp::now, doing)
    }

    fn by(line: Option<LiveLine>, clock: WaitClock, doing: impl Into<String>) -> Self {
        let waiting = RefCell::new(Waiting::from(doing, clock()));
        Self { line, clock, waiting, usual: Cell::new(None), shown: Cell::new(false) }
    }

    /// Whose earlier builds tell how long it takes.
    #[must_use]
    pub(super) fn of_chain(self, chain: Option<String>) -> Self {
        self.waiting.borrow_mut().chain = chain;
        self
    }

    /// It waits for something else by now.
    pub(super) fn is(&self, waiting: Waiting) {
        *self.waiting.borrow_mut() = waiting;
        self.draw_on();
    }

    /// What it waits for, in more words.
    pub(super) fn waits_for(&self, what: impl Into<String>) {
        self.waiting.borrow_mut().what = Some(what.into());
        self.draw_on();
    }

    /// What is told of it, as far as that is a sentence.
    pub(super) fn narrates(&self, narration: &Narration<'_>) {
        if let Narration::Progress(sentence) = narration {
            self.waits_for(sentence);
        }
    }

    /// Waits for `work`, and shows that until it is done or nobody waits any more. `span`: the part of a build that it is.
    pub(super) async fn during<T>(
        &self,
        cluster: &Cluster,
        span: Option<BuildSpan>,
        work: impl Future<Output = T>,
    ) -> T {
        let Some(line) = &self.line else { return work.await };
        let _erased = Erased(line);
        let mut work = pin!(work);
        let mut ticks = interval_at(Instant::now() + EACH, EACH);
        let mut asked = false;
        let mut estimate: Pin<Box<dyn Future<Output = Option<SignedDuration>> + '_>> =
            Box::pin(std::future::pending());
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                usual = &mut estimate => {
                    self.usual.set(usual);
                    estimate = Box::pin(std::future::pending());
                    self.draw_on();
                }
                _ = ticks.tick() => {
                    self.shown.set(true);
                    self.draw_on();
                }
            }
            let chain = self.waiting.borrow().chain.clone();
            if let (false, Some(span), Some(chain)) = (asked, span, chain) {
                asked = true;
                estimate = Box::pin(async move { ops::usual::usual(cluster, &chain, span).await });
            }
        }
    }

    fn draw_on(&self) {
        if let Some(line) = self.line.as_ref().filter(|_| self.shown.get()) {
            line.show(&self.waiting.borrow().line(self.usual.get(), (self.clock)()));
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
