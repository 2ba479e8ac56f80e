//! Events of a build, written beside its work: as well as it can be, and never in its way.

use std::time::Duration;

use futures_util::future::{join, join_all};
use tokio::time::timeout;

use super::{Agent, Flow};
use crate::agent::{Action, Observation};
use crate::chain::build::Build;
use crate::chain::event::{BuildEvent, events};
use crate::cluster::Cluster;
use crate::state::error::Result;
use crate::state::events::tell;

/// How long an action may wait for what is said beside it.
const WITHIN: Duration = Duration::from_secs(2);
/// After so many failures a run says nothing more.
const FAILURES: u32 = 3;

/// What this run has said in Events.
#[derive(Default)]
pub(super) struct EventState {
    /// The reasons of those that were said, or tried to be.
    said: Vec<&'static str>,
    /// How often that failed.
    failures: u32,
}

impl Agent<'_> {
    /// Acts, and says beside it in Events what is new of the build.
    pub(super) async fn carry_out(&mut self, action: Action, seen: &mut Observation) -> Result<Flow> {
        let news = self.news(&seen.build);
        if news.is_empty() {
            return Box::pin(self.act(action, seen)).await;
        }
        let (cluster, build) = (self.cluster.clone(), seen.build.clone());
        let telling = tell_all(&cluster, &build, &news);
        let (flow, failed) = if matches!(action, Action::Sleep) {
            // whoever goes to sleep says nothing afterwards
            let failed = telling.await;
            (Box::pin(self.act(action, seen)).await, failed)
        } else {
            join(Box::pin(self.act(action, seen)), telling).await
        };
        if let Some(why) = failed {
            self.events.failures += 1;
            if self.events.failures == 1 {
                self.note(&format!("an Event about this namespace cannot be written: {why}"));
            }
        }
        flow
    }

    /// What this run has not said yet.
    fn news(&mut self, build: &Build) -> Vec<BuildEvent> {
        let state = &self.events;
        if state.failures >= FAILURES {
            return Vec::new();
        }
        let mut news = events(build, self.now());
        news.retain(|event| !state.said.contains(&event.reason));
        self.events.said.extend(news.iter().map(|event| event.reason));
        news
    }
}

/// Says all of it; what was in the way.
async fn tell_all(cluster: &Cluster, build: &Build, news: &[BuildEvent]) -> Option<String> {
    let telling = join_all(news.iter().map(|event| tell(cluster, build, event)));
    match timeout(WITHIN, telling).await {
        Ok(told) => told.into_iter().find_map(|told| Some(told.err()?.to_string())),
        Err(_) => Some(format!("no answer within {} s", WITHIN.as_secs())),
    }
}
