//! What wakes an agent.
//!
//! An idle listener holds three watches, on its own Deployment, Namespace and pod: a CI container that is restarted may run
//! another image by then. A build, whose image is frozen, lets go of the pod and adds what it waits for.

use std::time::Duration;

use super::Identity;
use crate::agent::Observation;
use crate::chain::build::Phase;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};
use crate::state::bell::Bell;
use crate::state::{select, support};

pub(super) struct Wakes {
    namespace: String,
    pod: Option<String>,
    bell: Bell,
}

impl Wakes {
    pub(super) fn new(cluster: &Cluster, me: &Identity) -> Self {
        let mut bell = Bell::new(cluster);
        bell.watch(&kind::DEPLOYMENTS, Some(&me.namespace), &Query::named(&me.deployment));
        bell.watch(&kind::NAMESPACES, None, &Query::named(&me.namespace));
        Self { namespace: me.namespace.clone(), pod: me.role.pod().map(str::to_owned), bell }
    }

    /// Adds the watches that the phase asks for, and ends the one that tells what runs here once that is frozen.
    pub(super) fn follow(&mut self, seen: &Observation) {
        let namespace = self.namespace.clone();
        if let Some(own) = self.pod.as_ref().map(|pod| Query::named(pod)) {
            if seen.freeze.is_none() {
                self.bell.watch(&kind::PODS, Some(&namespace), &own);
            } else {
                self.bell.forget(&kind::PODS, &own);
            }
        }
        if matches!(seen.build.phase, Phase::Detached | Phase::Queued) {
            self.bell.watch(&kind::NAMESPACES, None, &select::chain(&seen.build.chain));
        }
        if matches!(seen.build.phase, Phase::Preparing | Phase::Building) {
            self.bell.watch(&kind::PODS, Some(&namespace), &Query::default());
            self.bell.watch(&kind::JOBS, Some(&namespace), &Query::default());
        }
        if seen.build.phase == Phase::Building {
            // that quota or admission refuse its pod stands in a Job's events alone
            self.bell.watch(&kind::EVENTS, Some(&namespace), &Query::fields("involvedObject.kind=Job"));
        }
        if seen.build.phase == Phase::Preparing {
            for resource in support::RESOURCES {
                if seen.support.iter().any(|support| support.name.starts_with(&format!("{}/", resource.kind)))
                {
                    self.bell.watch(resource, Some(&namespace), &Query::default());
                }
            }
        }
    }

    /// Waits until something changes, or until `bound` has passed. Whether something did.
    pub(super) async fn wait(&self, bound: Option<Duration>) -> bool {
        self.bell.wait(bound).await
    }
}
