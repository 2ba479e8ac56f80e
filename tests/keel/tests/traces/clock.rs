//! Virtual time: it passes only while everybody waits for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use jiff::Timestamp;
use keel_standin::Clock;

pub(crate) struct VirtualClock {
    now: Cell<Timestamp>,
    alarms: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    count: Cell<u64>,
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl VirtualClock {
    pub(crate) fn starting_at(now: Timestamp) -> Self {
        Self { now: Cell::new(now), alarms: RefCell::default(), count: Cell::new(0) }
    }

    /// Runs a future to its end; whenever nothing can go on, the clock jumps to the next alarm.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            while woken.0.swap(false, Ordering::SeqCst) {
                if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return value;
                }
            }
            let ((at, _), alarm) =
                self.alarms.borrow_mut().pop_first().expect("somebody waits for some time");
            self.now.set(at.max(self.now.get()));
            alarm.wake();
        }
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.now.get()
    }

    fn sleep_until(&self, then: Timestamp) -> impl Future<Output = ()> {
        let number = self.count.get();
        self.count.set(number + 1);
        Alarm { clock: self, key: (then, number) }
    }
}

struct Alarm<'c> {
    clock: &'c VirtualClock,
    key: (Timestamp, u64),
}

impl Future for Alarm<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.key.0 <= self.clock.now.get() {
            return Poll::Ready(());
        }
        self.clock.alarms.borrow_mut().insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        self.clock.alarms.borrow_mut().remove(&self.key);
    }
}
