//! What wakes an agent.
//!
//! An idle listener holds three watches, on its own Deployment, Namespace and pod: a CI container that is restarted may run
//! another image by then. One with pull Secrets holds a fourth, on the chain's Secret in home. A build, whose image is frozen, lets go of the pod and adds what it waits for.

use std::time::Duration;

use super::Identity;
use super::rotate::SPAN;
use crate::agent::Observation;
use crate::chain::build::Phase;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Follow, Query};
use crate::state::bell::Bell;
use crate::state::{select, support};

/// What has ended a rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// Nothing: it is time to look.
    Time,
    /// Something that an action is decided on.
    Change,
    /// The values in the chain's Secret.
    Values,
}

pub(super) struct Wakes {
    namespace: String,
    pod: Option<String>,
    bell: Bell,
    /// Rung by the chain's Secret, of this name, while it is watched.
    values: Bell,
    secret: Option<String>,
}

impl Wakes {
    pub(super) fn new(cluster: &Cluster, me: &Identity) -> Self {
        let mut bell = Bell::new(cluster);
        bell.watch(&kind::DEPLOYMENTS, Some(&me.namespace), &Query::named(&me.deployment));
        bell.watch(&kind::NAMESPACES, None, &Query::named(&me.namespace));
        let pod = me.role.pod().map(str::to_owned);
        Self { namespace: me.namespace.clone(), pod, bell, values: Bell::new(cluster), secret: None }
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

    /// Watches the Secret of this chain, and of no other one; none ends that.
    pub(super) fn follow_values(&mut self, chain: Option<&str>) {
        let secret = chain.map(wire::chain_object);
        if let Some(before) = self.secret.take().filter(|before| secret.as_ref() != Some(before)) {
            self.values.forget(&kind::SECRETS, &Query::named(&before));
        }
        if let Some(name) = &secret {
            self.values.follow(&kind::SECRETS, Some(wire::HOME), Follow::one(name).span(SPAN));
        }
        self.secret = secret;
    }

    /// Waits until something changes, or until `bound` has passed.
    pub(super) async fn wait(&self, bound: Option<Duration>) -> Woken {
        tokio::select! {
            biased;
            changed = self.bell.wait(bound) => if changed { Woken::Change } else { Woken::Time },
            _ = self.values.wait(None) => Woken::Values,
        }
    }
}
