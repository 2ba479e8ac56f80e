//! Others are told: of its own build by each agent, and by the newest listener of whatever is still on its way.
//!
//! That a build goes on is said beside the build, and as well as it can be: it holds nothing up, and how the build ended
//! stands for it soon. How it ended is put into home's outbox with its record; its own agent tells it when all else is done,
//! within a bound, and what is left then is the listener's, on the timer on which it looks for agents that are gone.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use jiff::{Timestamp, ToSpan};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

use super::Agent;
use crate::agent::Observation;
use crate::chain::build::{Build, Map, Phase};
use crate::chain::publishing::PublishSettings;
use crate::cluster::pause;
use crate::state::error::{Error, Result};
use crate::state::publisher::{Announced, Announcement, Publisher};

/// How long an agent whose build is over stays to tell of it.
const STAYS: Duration = Duration::from_secs(60);
/// How soon a listener looks again at what is due.
const SOON: i64 = 5;

/// What names the proxy of agents.
const PROXY: &str = "httpsProxy of ConfigMap studioci";

/// How this agent tells others.
#[derive(Default)]
pub(super) struct PublishState {
    /// What is to say that the build goes on, until it is begun.
    announcing: Option<LocalBoxFuture<'static, ()>>,
    /// Tells it that this is over.
    over: watch::Sender<bool>,
    /// What was in its way, once it has ended.
    announced: Option<oneshot::Receiver<Option<String>>>,
    /// Whether it was looked into whether anybody is told.
    begun: bool,
    /// Whether this run has told how the build ended, as far as it could.
    told: bool,
    /// What did not arrive of the newest build that has ended.
    pub(super) unpublished: Option<String>,
}

impl Agent<'_> {
    async fn publisher(&mut self, build: &Build) -> Result<Publisher> {
        let (cluster, clock, renderer) = (self.cluster.clone(), self.clock, self.renderer);
        let by = self.me.namespace.clone();
        let (record, home) = self.known(build).await?;
        Ok(Publisher {
            cluster,
            chain: build.chain.clone(),
            chain_uuid: build.chain_uuid.clone(),
            settings: record.settings.publish.clone(),
            proxies: home.proxies.clone(),
            proxy_named: PROXY,
            by,
            renderer,
            clock,
        })
    }

    /// Whom the chain tells. A record that is gone or of another chain tells nobody.
    ///
    /// # Errors
    /// Cluster errors.
    pub(super) async fn tells(&mut self, build: &Build) -> Result<PublishSettings> {
        match self.known(build).await {
            Ok((record, _)) => Ok(record.settings.publish.clone()),
            Err(error @ Error::Cluster(_)) => Err(error),
            Err(_) => Ok(PublishSettings::default()),
        }
    }

    /// Begins to say that the build goes on, once a run.
    pub(super) async fn announce(&mut self, seen: &Observation) {
        let (phase, generation) = (seen.build.phase, seen.build.generation);
        let goes_on = (Phase::Triggered..Phase::Recorded).contains(&phase) && seen.head.has_moved(generation);
        if self.telling.begun || !goes_on || !self.me.role.is_own() {
            return;
        }
        // what is in the way of it is in the way of the build, too, which says so
        let Ok(publisher) = self.publisher(&seen.build).await else { return };
        self.telling.begun = true;
        if publisher.settings.any() {
            let (it, over) = (Announcement::of(&seen.build), self.telling.over.subscribe());
            let (ended, announced) = oneshot::channel();
            self.telling.announced = Some(announced);
            self.telling.announcing = Some(Box::pin(async move {
                // an agent that is gone asks no more
                let _ = ended.send(announce(publisher, it, over).await);
            }));
        }
    }

    /// Tells how the build ended, and whatever else is due, within a bound; once a run.
    pub(super) async fn publish_results(&mut self, build: &Build) {
        if std::mem::replace(&mut self.telling.told, true) {
            return;
        }
        let publisher = match self.publisher(build).await {
            Ok(publisher) if publisher.settings.any() => publisher,
            Ok(_) => return,
            Err(error) => return self.note(&format!("cannot tell how the build ended: {error}")),
        };
        self.telling.over.send_replace(true);
        if let Some(announced) = self.telling.announced.take()
            && let Ok(Ok(Some(why))) = timeout(STAYS, announced).await
        {
            self.note(&format!("that the build goes on was not told: {why}"));
        }
        self.publish(&publisher, STAYS, None).await;
    }

    /// Tells what is due of the chain's builds. When to do so again. `known`: what home knows of them, where that was just read.
    pub(super) async fn publish_due(&mut self, own: &Build, known: Option<Map>) -> Option<Timestamp> {
        match self.publisher(own).await {
            Ok(publisher) => {
                let soon = self.now() + SOON.seconds();
                self.publish(&publisher, Duration::ZERO, known).await.map(|next| next.max(soon))
            }
            Err(error) => {
                self.note(&format!("cannot tell how builds ended: {error}"));
                None
            }
        }
    }

    async fn publish(
        &mut self,
        publisher: &Publisher,
        budget: Duration,
        known: Option<Map>,
    ) -> Option<Timestamp> {
        match Box::pin(publisher.work_off(budget, known)).await {
            Ok(told) => {
                for line in &told.done {
                    self.note(line);
                }
                self.telling.unpublished = told.unpublished;
                told.next
            }
            Err(error) => {
                self.note(&format!("cannot tell how builds ended: {error}"));
                None
            }
        }
    }
}

/// What goes on beside an agent's own work. It is not spawned, and so ends with its agent.
#[derive(Default)]
pub(super) struct Alongside(Option<LocalBoxFuture<'static, ()>>);

impl Alongside {
    /// Takes what the agent wants done beside its own work.
    pub(super) fn take(&mut self, telling: &mut PublishState) {
        self.0 = telling.announcing.take().or_else(|| self.0.take());
    }

    /// Does it while something else is done, and no longer.
    pub(super) async fn while_doing<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        loop {
            let Some(beside) = &mut self.0 else { return work.await };
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = beside => self.0 = None,
            }
        }
    }
}

/// Says that a build goes on until that was said, or is over. What was in the way.
async fn announce(
    publisher: Publisher,
    mut it: Announcement,
    mut over: watch::Receiver<bool>,
) -> Option<String> {
    for attempt in 0.. {
        let wait = match publisher.announce(&mut it).await {
            Ok(Announced::Over) => break,
            Ok(Announced::Again(after)) => after,
            Err(error) => {
                it.why = Some(error.one_line());
                Duration::ZERO
            }
        };
        tokio::select! {
            () = sleep(wait.max(pause(attempt))) => {}
            _ = over.wait_for(|over| *over) => break,
        }
    }
    it.why
}
