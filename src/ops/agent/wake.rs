//! What wakes an agent: watches, each of which does nothing but say "look again".
//!
//! An idle listener holds two, on its own Deployment and its own Namespace; a build adds what it waits for. Every
//! (re)start of a watch wakes once, so that nothing between a look and the start of a watch is missed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::Identity;
use crate::agent::Observation;
use crate::chain::build::Phase;
use crate::chain::wire;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Cluster, Select};

pub(super) struct Wakes {
    cluster: Cluster,
    namespace: String,
    bell: Arc<Notify>,
    tasks: JoinSet<()>,
    followed: BTreeSet<String>,
}

impl Wakes {
    pub(super) fn new(cluster: &Cluster, me: &Identity) -> Self {
        let mut wakes = Self {
            cluster: cluster.clone(),
            namespace: me.namespace.clone(),
            bell: Arc::new(Notify::new()),
            tasks: JoinSet::new(),
            followed: BTreeSet::new(),
        };
        wakes.watch(&kind::DEPLOYMENTS, Some(&me.namespace), &Select::named(&me.deployment));
        wakes.watch(&kind::NAMESPACES, None, &Select::named(&me.namespace));
        wakes
    }

    /// Adds the watches that the phase asks for.
    pub(super) fn follow(&mut self, seen: &Observation) {
        let namespace = self.namespace.clone();
        if seen.freeze.is_none() && seen.running.version().is_none() {
            self.watch(&kind::PODS, Some(&namespace), &Select::labels(&format!("{}=listener", wire::ROLE)));
        }
        if matches!(seen.build.phase, Phase::Detached | Phase::Queued) {
            let chain = format!("{}={}", wire::CHAIN, seen.build.chain);
            self.watch(&kind::NAMESPACES, None, &Select::labels(&chain));
        }
        if matches!(seen.build.phase, Phase::Preparing | Phase::Building) {
            self.watch(&kind::PODS, Some(&namespace), &Select::all());
            self.watch(&kind::JOBS, Some(&namespace), &Select::all());
        }
        if seen.build.phase == Phase::Preparing {
            for resource in [
                &kind::DEPLOYMENTS,
                &kind::STATEFULSETS,
                &kind::REPLICASETS,
                &kind::REPLICATIONCONTROLLERS,
            ] {
                if seen.support.iter().any(|support| support.name.starts_with(resource.kind)) {
                    self.watch(resource, Some(&namespace), &Select::all());
                }
            }
        }
    }

    fn watch(&mut self, resource: &'static Resource, namespace: Option<&str>, select: &Select) {
        if !self.followed.insert(format!("{} {select:?}", resource.plural)) {
            return;
        }
        let bell = Arc::clone(&self.bell);
        let mut events = self.cluster.watch::<Value>(resource, namespace, select);
        self.tasks.spawn(async move {
            while events.next().await.is_some() {
                bell.notify_one();
            }
        });
    }

    /// Waits until something changes, or until `bound` has passed.
    pub(super) async fn wait(&self, bound: Option<Duration>) {
        match bound {
            Some(bound) => {
                let _elapsed = tokio::time::timeout(bound, self.bell.notified()).await;
            }
            None => self.bell.notified().await,
        }
    }
}
