//! What wakes an agent: watches, each of which does nothing but say "look again".
//!
//! An idle listener holds three, on its own Deployment, Namespace and pod: a CI container that is restarted may run another
//! image by then. A build, whose image is frozen, lets go of the pod and adds what it waits for. Every watch wakes when it
//! begins, so that nothing between a look and its start is missed; a stream that only goes on where the last one ended
//! wakes nobody.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::Identity;
use crate::agent::Observation;
use crate::chain::build::Phase;
use crate::cluster::objects::Object;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Cluster, Follow, Query, WatchEvent};
use crate::state::select;

/// How long one stream lasts: with three of them, an idle listener asks three times in four minutes, and twice in five (by
/// default) for how the builds before it are.
const SPAN: Duration = Duration::from_secs(240);

pub(super) struct Wakes {
    cluster: Cluster,
    namespace: String,
    pod: Option<String>,
    bell: Arc<Notify>,
    tasks: JoinSet<()>,
    followed: BTreeMap<String, AbortHandle>,
}

impl Wakes {
    pub(super) fn new(cluster: &Cluster, me: &Identity) -> Self {
        let mut wakes = Self {
            cluster: cluster.clone(),
            namespace: me.namespace.clone(),
            pod: me.pod.clone(),
            bell: Arc::new(Notify::new()),
            tasks: JoinSet::new(),
            followed: BTreeMap::new(),
        };
        wakes.watch(&kind::DEPLOYMENTS, Some(&me.namespace), &Query::named(&me.deployment));
        wakes.watch(&kind::NAMESPACES, None, &Query::named(&me.namespace));
        wakes
    }

    /// Adds the watches that the phase asks for, and ends the one that tells what runs here once that is frozen.
    pub(super) fn follow(&mut self, seen: &Observation) {
        let namespace = self.namespace.clone();
        if let Some(own) = self.pod.as_ref().map(|pod| Query::named(pod)) {
            if seen.freeze.is_none() {
                self.watch(&kind::PODS, Some(&namespace), &own);
            } else if let Some(watch) = self.followed.remove(&key(&kind::PODS, &own)) {
                watch.abort();
            }
        }
        if matches!(seen.build.phase, Phase::Detached | Phase::Queued) {
            self.watch(&kind::NAMESPACES, None, &select::chain(&seen.build.chain));
        }
        if matches!(seen.build.phase, Phase::Preparing | Phase::Building) {
            self.watch(&kind::PODS, Some(&namespace), &Query::default());
            self.watch(&kind::JOBS, Some(&namespace), &Query::default());
        }
        if seen.build.phase == Phase::Building {
            // that quota or admission refuse its pod stands in a Job's events alone
            self.watch(&kind::EVENTS, Some(&namespace), &Query::fields("involvedObject.kind=Job"));
        }
        if seen.build.phase == Phase::Preparing {
            for resource in [
                &kind::DEPLOYMENTS,
                &kind::STATEFUL_SETS,
                &kind::REPLICA_SETS,
                &kind::REPLICATION_CONTROLLERS,
            ] {
                if seen.support.iter().any(|support| support.name.starts_with(&format!("{}/", resource.kind)))
                {
                    self.watch(resource, Some(&namespace), &Query::default());
                }
            }
        }
    }

    fn watch(&mut self, resource: &'static Resource, namespace: Option<&str>, query: &Query) {
        let key = key(resource, query);
        if self.followed.contains_key(&key) {
            return;
        }
        let bell = Arc::clone(&self.bell);
        let follow = Follow::new(query.clone()).span(SPAN);
        let mut events = self.cluster.watch::<Object>(resource, namespace, follow);
        let task = self.tasks.spawn(async move {
            while let Some(change) = events.next().await {
                if !matches!(change, WatchEvent::Bookmark(_) | WatchEvent::Trouble(_)) {
                    bell.notify_one();
                }
            }
        });
        self.followed.insert(key, task);
    }

    /// Waits until something changes, or until `bound` has passed. Whether something did.
    pub(super) async fn wait(&self, bound: Option<Duration>) -> bool {
        let rung = self.bell.notified();
        let Some(bound) = bound else {
            rung.await;
            return true;
        };
        tokio::time::timeout(bound, rung).await.is_ok()
    }
}

fn key(resource: &Resource, query: &Query) -> String {
    format!("{} {query:?}", resource.plural)
}
