//! The poll trigger: every three seconds the workloads are scanned for what to watch; each watch asks the registry
//! at once, then by its schedule.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::rc::Rc;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use studioci::keel::containers::Followed;
use studioci::keel::image::ImageRef;
use studioci::keel::names;
use studioci::keel::policy::{self, Policy};
use studioci::keel::schedule::{Schedule, ScheduleFault};
use tokio::sync::RwLock;

use crate::cache::Workload;
use crate::credentials::{self, Login};
use crate::journal::Entry;
use crate::keel::{Crash, Keel, Version};
use crate::world::{ApiServer, Asked, Clock, Refusal, Registry, path_of};

const SCAN: SignedDuration = SignedDuration::from_secs(3);

/// Something new in the registry.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) image: ImageRef,
    pub(crate) digest: Option<String>,
}

/// One image of one workload that is to be watched.
#[derive(Debug, Clone)]
pub(crate) struct Tracked {
    workload: Workload,
    image: ImageRef,
    policy: Policy,
    polled: bool,
    schedule: String,
    secrets: Vec<String>,
}

impl Tracked {
    /// Watches are shared by this: the repository, with match-tag the tag as well.
    fn key(&self) -> String {
        let repository = self.image.repository_key();
        if self.policy.match_tag() { format!("{repository}:{}", self.image.tag) } else { repository }
    }
}

/// One watch. Keel never brings its own note of the schedule up to date, see [`Keel::watch`].
#[derive(Debug)]
pub(crate) struct Watch {
    /// Keel's own lock, as fair as Go's. A look at the tags holds it to its end, so that a registry that does not
    /// answer keeps the next scan waiting for it, and then every other look as well; they go on together.
    tracked: RwLock<Tracked>,
    first_schedule: String,
    schedule: RefCell<Schedule>,
    next: RefCell<Option<Timestamp>>,
    digest: RefCell<String>,
}

impl<A: ApiServer, R: Registry, C: Clock> Keel<'_, A, R, C> {
    pub(crate) async fn scan_forever(&self) -> Crash {
        let mut next = self.clock.now();
        loop {
            if let Err(crash) = self.scan().await {
                return crash;
            }
            next += SCAN;
            // Like a ticker: a scan that took long is followed by one at once, the others are skipped.
            while next + SCAN <= self.clock.now() {
                next += SCAN;
            }
            self.clock.sleep_until(next).await;
        }
    }

    async fn scan(&self) -> Result<(), Crash> {
        let all = self.tracked()?;
        let mut kept = BTreeSet::new();
        for tracked in all.iter().filter(|tracked| tracked.polled) {
            if self.watch(tracked, &all).await.is_ok() {
                kept.insert(tracked.key());
            }
        }
        let dropped: Vec<String> =
            self.watched.borrow().keys().filter(|key| !kept.contains(*key)).cloned().collect();
        for key in dropped {
            self.watched.borrow_mut().remove(&key);
            self.rescheduled.notify_one();
            self.note(&Entry::Unwatched { key });
        }
        Ok(())
    }

    /// Every image of every workload with a policy, polled or not.
    fn tracked(&self) -> Result<Vec<Tracked>, Crash> {
        let mut all = Vec::new();
        for workload in self.cache.values() {
            let (labels, annotations) = (workload.labels(), workload.annotations());
            let policy = Policy::of(&labels, &annotations);
            if !policy.tracked() {
                continue;
            }
            let schedule = match annotations.get(names::POLL_SCHEDULE) {
                None => &self.settings.default_schedule,
                Some(text) => match Schedule::parse(text) {
                    Ok(_) => text,
                    Err(ScheduleFault::Invalid(_)) => &self.settings.default_schedule,
                    Err(ScheduleFault::Crash) => return Err(Crash(workload.name)),
                },
            };
            let followed = Followed::of(&labels, &annotations);
            let secrets = credentials::pull_secrets(&workload, &labels, &annotations);
            let mut containers = workload.containers("containers");
            if followed.init_polled {
                containers.extend(workload.containers("initContainers"));
            }
            for (name, image) in containers {
                let read = ImageRef::parse(&image).ok().filter(|image| image.unread_by_keel().is_none());
                let Some(image) = read.filter(|_| followed.contains(&name)) else { continue };
                all.push(Tracked {
                    workload: workload.clone(),
                    image,
                    policy: policy.clone(),
                    polled: policy::polled(&labels, &annotations),
                    schedule: schedule.clone(),
                    secrets: secrets.clone(),
                });
            }
        }
        Ok(all)
    }

    async fn watch(&self, tracked: &Tracked, all: &[Tracked]) -> Result<(), Refusal> {
        let schedule = Schedule::parse(&tracked.schedule)
            .map_err(|fault| Refusal { status: 0, message: fault.to_string() })?;
        let key = tracked.key();
        let Some(watch) = self.watched.borrow().get(&key).cloned() else {
            return self.first_sight(key, tracked, schedule, all).await;
        };
        // Keel compares with the schedule that the watch began with, so that after a change every scan sets the
        // next poll anew: a schedule longer than the scan never comes to its turn.
        if watch.first_schedule != tracked.schedule {
            *watch.schedule.borrow_mut() = schedule;
            *watch.next.borrow_mut() = next(schedule, self.clock.now());
            self.rescheduled.notify_one();
        }
        *watch.tracked.write().await = tracked.clone();
        Ok(())
    }

    async fn first_sight(
        &self,
        key: String,
        tracked: &Tracked,
        schedule: Schedule,
        all: &[Tracked],
    ) -> Result<(), Refusal> {
        let login = self.login(tracked).await;
        let registry = self.digest(Asked { image: &tracked.image, login: login.as_ref() }).await?;
        let baseline = if tracked.policy.match_tag() && self.settings.version >= Version::V0_22_1 {
            self.drifted(&key, &registry, tracked, login.as_ref(), all).await
        } else {
            None
        };
        let watch = Rc::new(Watch {
            tracked: RwLock::new(tracked.clone()),
            first_schedule: tracked.schedule.clone(),
            schedule: RefCell::new(schedule),
            next: RefCell::new(None),
            digest: RefCell::new(baseline.unwrap_or(registry)),
        });
        self.watched.borrow_mut().insert(key.clone(), Rc::clone(&watch));
        self.look(&watch).await;
        *watch.next.borrow_mut() = next(schedule, self.clock.now());
        self.rescheduled.notify_one();
        self.note(&Entry::Watching { key, schedule: tracked.schedule.clone() });
        Ok(())
    }

    /// The digest that some workload of this watch runs, if none of that workload's pods runs what the tag means now.
    async fn drifted(
        &self,
        key: &str,
        registry: &str,
        tracked: &Tracked,
        login: Option<&Login>,
        all: &[Tracked],
    ) -> Option<String> {
        let mut workloads = Vec::new();
        for sharing in all.iter().filter(|other| other.polled && other.key() == *key) {
            let running = self.running(&sharing.workload).await;
            let digests = running.get(&sharing.image.to_string()).cloned().unwrap_or_default();
            if !digests.is_empty() && !digests.contains(registry) {
                workloads.push(digests);
            }
        }
        if workloads.is_empty() {
            return None;
        }
        let request = format!("GET {}:{}", path_of(&tracked.image), tracked.image.tag);
        let asked = Asked { image: &tracked.image, login };
        let known = self.ask(&request, self.registry.manifest(asked)).await.ok()?.digests;
        let stale = workloads.into_iter().find(|digests| !known.iter().any(|known| digests.contains(known)));
        stale.and_then(|digests| digests.first().cloned())
    }

    /// The digests that the workload's pods run, by image as their specs write it.
    pub(crate) async fn running(&self, workload: &Workload) -> BTreeMap<String, BTreeSet<String>> {
        let mut running = BTreeMap::<String, BTreeSet<String>>::new();
        let Some(labels) = workload.object.pointer("/spec/selector/matchLabels") else { return running };
        let pods = self.api.pods(&workload.name.namespace, labels).await.unwrap_or_default();
        for pod in pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()) {
            for (specs, statuses) in
                [("containers", "containerStatuses"), ("initContainers", "initContainerStatuses")]
            {
                for status in pod["status"][statuses].as_array().into_iter().flatten() {
                    let specs = pod["spec"][specs].as_array().into_iter().flatten();
                    let image =
                        specs.filter(|spec| spec["name"] == status["name"]).find_map(|s| s["image"].as_str());
                    let digest = status["imageID"].as_str().and_then(|id| id.rsplit(['@', '/']).next());
                    if let (Some(image), Some(digest)) = (image, digest)
                        && digest.starts_with("sha256:")
                        && status["state"]["waiting"].is_null()
                    {
                        running.entry(image.to_owned()).or_default().insert(digest.to_owned());
                    }
                }
            }
        }
        running
    }

    pub(crate) async fn poll_forever(&self) -> Infallible {
        let mut looks = FuturesUnordered::new();
        loop {
            let watches: Vec<Rc<Watch>> = self.watched.borrow().values().cloned().collect();
            let soonest = watches.iter().filter_map(|watch| *watch.next.borrow()).min();
            let alarm = async {
                match soonest {
                    Some(soonest) => self.clock.sleep_until(soonest).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = self.rescheduled.notified() => {}
                Some(()) = looks.next(), if !looks.is_empty() => {}
                () = alarm => {
                    let now = self.clock.now();
                    for watch in watches {
                        let due = watch.next.borrow().is_some_and(|next| next <= now);
                        if due {
                            let schedule = *watch.schedule.borrow();
                            *watch.next.borrow_mut() = next(schedule, now);
                            looks.push(async move { self.look(&watch).await });
                        }
                    }
                }
            }
        }
    }

    /// One look at the registry.
    async fn look(&self, watch: &Watch) {
        let tracked = watch.tracked.read().await;
        if tracked.policy.match_tag() {
            let of = tracked.clone();
            drop(tracked);
            let (image, login) = (of.image.clone(), self.login(&of).await);
            let asked = Asked { image: &image, login: login.as_ref() };
            let Ok(digest) = self.digest(asked).await else { return };
            // The new digest is noted before anything is done about it, and never tried again.
            if watch.digest.replace(digest.clone()) != digest {
                self.submit(Event { image, digest: Some(digest) });
            }
            return;
        }
        let request = format!("LIST {}", path_of(&tracked.image));
        let login = self.login(&tracked).await;
        let asked = Asked { image: &tracked.image, login: login.as_ref() };
        let Ok(tags) = self.ask(&request, self.registry.tags(asked)).await else { return };
        let Ok(all) = self.tracked() else { return };
        let mut events: Vec<String> = Vec::new();
        let mut broken = BTreeSet::new();
        let mut checked = BTreeSet::new();
        let version = self.settings.version;
        for related in all.iter().filter(|other| other.polled && other.key() == tracked.key()) {
            for tag in version.order(&related.policy, &tags) {
                if !version.accepts(&related.policy, &related.image.tag, &tag) {
                    continue;
                }
                if tag == related.image.tag {
                    break;
                }
                if version >= Version::V0_22_1
                    && checked.insert(tag.clone())
                    && !self.has_platform(related, &tag).await
                {
                    broken.insert(tag.clone());
                }
                // If a sibling has asked for this tag already, Keel goes on and asks for the next older one as well.
                if !broken.contains(&tag) && !events.contains(&tag) {
                    events.push(tag);
                    break;
                }
            }
        }
        for tag in events {
            self.submit(Event { image: tracked.image.with_tag(&tag), digest: None });
        }
    }

    /// The requests of the platform gate: the candidate's manifest and, for a single platform, its config.
    async fn has_platform(&self, tracked: &Tracked, tag: &str) -> bool {
        let image = tracked.image.with_tag(tag);
        let login = self.login(tracked).await;
        let asked = Asked { image: &image, login: login.as_ref() };
        let request = format!("GET {}:{tag}", path_of(&image));
        match self.ask(&request, self.registry.manifest(asked)).await {
            Ok(manifest) => match manifest.config {
                Some(digest) => {
                    let request = format!("CONFIG {}", path_of(&image));
                    self.ask(&request, self.registry.config(asked, &digest)).await.is_ok()
                }
                None => true,
            },
            Err(_) => false,
        }
    }

    fn submit(&self, event: Event) {
        let image = event.image.to_string();
        if self.hooks.loses() {
            self.note(&Entry::Lost { image });
            return;
        }
        self.note(&Entry::Event { image, digest: event.digest.clone() });
        // The receiver runs beside us and ends with us.
        let _ = self.events.send(event);
    }

    /// Read for every look.
    async fn login(&self, tracked: &Tracked) -> Option<Login> {
        let namespace = &tracked.workload.name.namespace;
        credentials::login(self.api, namespace, &tracked.secrets, &tracked.image).await
    }

    async fn digest(&self, asked: Asked<'_>) -> Result<String, Refusal> {
        let request = format!("HEAD {}:{}", path_of(asked.image), asked.image.tag);
        self.ask(&request, self.registry.digest(asked)).await
    }

    /// Sends a request past the hooks, and notes how it went.
    pub(crate) async fn ask<T>(
        &self,
        request: &str,
        answer: impl Future<Output = Result<T, Refusal>>,
    ) -> Result<T, Refusal> {
        self.hooks.pass(request).await;
        let answer = answer.await;
        let status = answer.as_ref().map_or_else(|refusal| refusal.status, |_| 200);
        self.note(&Entry::Request { request: request.to_owned(), status });
        answer
    }
}

/// When a schedule comes to its turn after `now`, on the full second.
fn next(schedule: Schedule, now: Timestamp) -> Option<Timestamp> {
    let second = Timestamp::from_second(now.as_second()).ok()?;
    let next = schedule.next_after(second.to_zoned(TimeZone::UTC).datetime())?;
    Some(next.to_zoned(TimeZone::UTC).ok()?.timestamp())
}
