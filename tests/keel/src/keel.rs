//! One life of the Keel process: its loops, and the memory that dies with it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;

use jiff::Timestamp;
use studioci::keel::policy::Policy;
use tokio::sync::{Notify, mpsc};

use crate::cache::Cache;
use crate::hooks::Hooks;
use crate::journal::{Entry, Journal};
use crate::poll::{Event, Watch};
use crate::world::{ApiServer, Clock, Name, Registry};

/// The versions that differ in what a test can see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Never looks at pods; a conflict loses the update.
    V0_21_1,
    /// Sees at first sight that a pod runs an older digest; makes the platform gate's requests.
    V0_22_1,
    /// After 0.22.1: overwrites on conflict, and writes digests.
    Head,
}

impl Version {
    /// All of them, the oldest first.
    pub const ALL: [Self; 3] = [Self::V0_21_1, Self::V0_22_1, Self::Head];

    /// `0.21.1`, `0.22.1` or `HEAD`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V0_21_1 => "0.21.1",
            Self::V0_22_1 => "0.22.1",
            Self::Head => "HEAD",
        }
    }

    /// Reads [`Self::as_str`] back.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.as_str() == text)
    }

    /// Whether a workload at tag `current` is updated to tag `new`; what cannot be compared is not.
    pub(crate) fn accepts(self, policy: &Policy, current: &str, new: &str) -> bool {
        match policy {
            // Up to 0.22.1 any other tag will do, older ones too.
            Policy::Force { match_tag } if self < Self::Head => !match_tag || current == new,
            _ => policy.should_update(current, new).unwrap_or_default(),
        }
    }

    /// The tags in the order in which they are tried.
    pub(crate) fn order(self, policy: &Policy, tags: &[String]) -> Vec<String> {
        match policy {
            Policy::Force { .. } if self < Self::Head => tags.to_vec(),
            _ => policy.filter(tags),
        }
    }
}

/// How Keel was started.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which Keel is played.
    pub version: Version,
    /// `POLL_DEFAULTSCHEDULE`.
    pub default_schedule: String,
}

/// Keel has ended itself: a tracked workload has an empty poll schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crash(pub Name);

/// Whether the process is to run.
#[derive(Debug, Default)]
pub struct Switch {
    on: Cell<bool>,
    changed: Notify,
}

impl Switch {
    /// Starts or stops the process.
    pub fn set(&self, on: bool) {
        self.on.set(on);
        self.changed.notify_waiters();
    }

    /// Whether it is to run; off after a crash.
    pub fn is_on(&self) -> bool {
        self.on.get()
    }

    /// Waits until it is so.
    pub async fn wait_for(&self, on: bool) {
        while self.on.get() != on {
            self.changed.notified().await;
        }
    }
}

/// A Keel process.
pub struct Keel<'w, A, R, C> {
    pub(crate) settings: &'w Settings,
    pub(crate) api: &'w A,
    pub(crate) registry: &'w R,
    pub(crate) clock: &'w C,
    pub(crate) cache: &'w Cache,
    pub(crate) hooks: &'w Hooks,
    pub(crate) journal: &'w Journal,
    pub(crate) started: Timestamp,
    pub(crate) watched: RefCell<BTreeMap<String, Rc<Watch>>>,
    /// Set off whenever a watch comes, goes or gets another schedule.
    pub(crate) rescheduled: Notify,
    pub(crate) events: mpsc::UnboundedSender<Event>,
}

impl<'w, A: ApiServer, R: Registry, C: Clock> Keel<'w, A, R, C> {
    /// Runs process after process, each with an empty memory, as the switch says; never returns. A crash switches
    /// it off.
    ///
    /// `watch` fills the cache for as long as a process runs.
    pub async fn lives<W: Future<Output = Infallible>>(
        settings: &'w Settings,
        world: (&'w A, &'w R, &'w C),
        cache: &'w Cache,
        (hooks, journal, switch): (&'w Hooks, &'w Journal, &'w Switch),
        watch: impl Fn() -> W,
    ) -> Infallible {
        loop {
            switch.wait_for(true).await;
            cache.clear();
            tokio::select! {
                biased;
                () = switch.wait_for(false) => {}
                _ = Self::run(settings, world, cache, hooks, journal) => switch.set(false),
                never = watch() => match never {},
            }
        }
    }

    /// One process, from start to crash; drop the future to stop it. Somebody else keeps `cache` up to date.
    pub async fn run(
        settings: &'w Settings,
        (api, registry, clock): (&'w A, &'w R, &'w C),
        cache: &'w Cache,
        hooks: &'w Hooks,
        journal: &'w Journal,
    ) -> Crash {
        let (events, received) = mpsc::unbounded_channel();
        let keel = Self {
            settings,
            api,
            registry,
            clock,
            cache,
            hooks,
            journal,
            started: clock.now(),
            watched: RefCell::default(),
            rescheduled: Notify::new(),
            events,
        };
        keel.note(&Entry::Started { keel: settings.version.as_str() });
        let crash = tokio::select! {
            biased;
            crash = keel.scan_forever() => crash,
            never = keel.poll_forever() => match never {},
            () = keel.update_forever(received) => unreachable!("the sender lives as long as the receiver"),
        };
        keel.note(&Entry::Crashed { object: crash.0.to_string() });
        crash
    }

    pub(crate) fn note(&self, entry: &Entry) {
        self.journal.note(self.clock.now(), entry);
    }
}
