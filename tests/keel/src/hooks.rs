//! How a test interferes: it holds a request back, loses an event, makes a write late.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use tokio::sync::Notify;

/// The levers; all of them may be moved while Keel runs.
#[derive(Debug, Default)]
pub struct Hooks {
    armed: RefCell<Option<String>>,
    held: RefCell<Option<String>>,
    changed: Notify,
    lose: Cell<u32>,
    delay_put: Cell<Duration>,
}

impl Hooks {
    /// Holds back the next such request before it is sent: `PUT namespace/name`, `GET namespace/name`,
    /// `LIST repository`, `HEAD repository:tag`, `GET repository:tag`. One at a time.
    pub fn hold_next(&self, request: &str) {
        *self.armed.borrow_mut() = Some(request.to_owned());
    }

    /// Waits until the request of [`Self::hold_next`] has come.
    pub async fn held(&self) {
        while self.held.borrow().is_none() {
            self.changed.notified().await;
        }
    }

    /// Whether a request is being held back.
    pub fn is_held(&self) -> bool {
        self.held.borrow().is_some()
    }

    /// Lets the held request go, and forgets one that has not come.
    pub fn release(&self) {
        *self.armed.borrow_mut() = None;
        *self.held.borrow_mut() = None;
        self.changed.notify_waiters();
    }

    /// Loses the next event between the poll that saw it and the update, as Keel does when it is ended in between.
    /// With match-tag nothing repeats it; a tag policy sees it again at its next poll.
    pub fn lose_next(&self) {
        self.lose.set(self.lose.get() + 1);
    }

    /// Puts this much time between reading the workloads and writing them, from now on.
    pub fn delay_put(&self, delay: Duration) {
        self.delay_put.set(delay);
    }

    pub(crate) fn put_delay(&self) -> Duration {
        self.delay_put.get()
    }

    pub(crate) fn loses(&self) -> bool {
        let left = self.lose.get();
        self.lose.set(left.saturating_sub(1));
        left > 0
    }

    /// Every request goes through here before it is sent.
    pub(crate) async fn pass(&self, request: &str) {
        if self.armed.borrow().as_deref() != Some(request) {
            return;
        }
        *self.held.borrow_mut() = self.armed.borrow_mut().take();
        self.changed.notify_waiters();
        while self.held.borrow().is_some() {
            self.changed.notified().await;
        }
    }
}
