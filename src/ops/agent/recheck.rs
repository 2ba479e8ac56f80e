//! The recheck of match-tag chains: does the tag mean another image by now?
//!
//! Keel's watch of a tag is edge-triggered and its memory is lost with its process, so a push can be lost for good.
//! A one-shot pod with the same image and `imagePullPolicy: Always` asks the registry with the kubelet's own
//! credentials. Only a digest that differs replaces the listener's pod; a pull that fails changes nothing.

use std::time::Duration;

use serde_json::Value;

use super::super::dispatch;
use super::super::error::Result;
use super::Agent;
use crate::agent::Observation;
use crate::chain::pod::{Pod, Ran, State};
use crate::cluster::Create;
use crate::cluster::resource as kind;
use crate::pipeline::weave::{self, ADOPT_AFTER};

/// How long a probe pod may take before the recheck is given up until the next time.
const PROBE_BOUND: Duration = Duration::from_secs(120);
/// How soon a recheck that failed for want of the API server is repeated.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

impl Agent<'_> {
    /// Sets the times of what a listener does of its own accord: the recheck, for a chain whose tag may be pushed over,
    /// and the look after earlier builds.
    pub(super) async fn arm(&mut self, seen: &Observation) -> Result<()> {
        if self.memory.recheck_at.is_some() || self.memory.never_rechecks {
            return Ok(());
        }
        let (interval, adopt_after) = match self.plan_of_last_good(seen).await? {
            Ok(plan) if plan.build.match_tag() => {
                (plan.build.settings.recheck, plan.build.settings.adopt_after)
            }
            Ok(plan) => (Duration::ZERO, plan.build.settings.adopt_after),
            Err(_) => (Duration::ZERO, ADOPT_AFTER),
        };
        self.arm_watchfulness(&seen.build, adopt_after);
        self.memory.never_rechecks = interval.is_zero();
        if !interval.is_zero() {
            self.memory.recheck_at = Some(self.now() + interval);
        }
        Ok(())
    }

    pub(super) async fn recheck(&mut self, seen: &Observation) -> Result<()> {
        // one that fails is made up for soon, not an interval later
        self.memory.recheck_at = Some(self.now() + AFTER_FAILURE);
        let namespace = self.me.namespace.clone();
        let Some(deployment) =
            self.cluster.get::<Value>(&kind::DEPLOYMENTS, Some(&namespace), &self.me.deployment).await?
        else {
            return Ok(());
        };
        let Some(probe) = weave::probe(&deployment, &self.me.container) else { return Ok(()) };
        dispatch::delete(self.cluster, &kind::PODS, Some(&namespace), weave::PROBE).await?;
        self.cluster.create::<Value>(&kind::PODS, Some(&namespace), &probe, &Create::default()).await?;
        let found = self.probed(&namespace).await;
        dispatch::delete(self.cluster, &kind::PODS, Some(&namespace), weave::PROBE).await?;
        let found = found?;
        self.memory.recheck_at = None;
        match (found, &seen.running.ran) {
            (Some(Ran::Digest(new)), Ran::Digest(old)) if new != *old => {
                self.note(&format!(
                    "{} means {new} by now, which Keel has not told: starting it",
                    seen.running.image
                ));
                if let Some(pod) = self.me.pod.clone() {
                    dispatch::delete(self.cluster, &kind::PODS, Some(&namespace), &pod).await?;
                }
            }
            (Some(_), _) => self.note("the tag means the same image still"),
            (None, _) => self.note("the recheck could not pull the image; nothing changes"),
        }
        Ok(())
    }

    /// What the probe pod ran; `None` if it could not be pulled or took too long.
    async fn probed(&self, namespace: &str) -> Result<Option<Ran>> {
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < PROBE_BOUND {
            let Some(pod) = self.cluster.get::<Pod>(&kind::PODS, Some(namespace), weave::PROBE).await? else {
                return Ok(None);
            };
            let container = pod.container(&self.me.container);
            if let Some(ran) = container.and_then(crate::chain::pod::Container::ran_once) {
                return Ok(Some(ran));
            }
            if pod.trouble().is_some()
                || matches!(container.map(|c| &c.state), Some(State::Terminated { .. }))
            {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(None)
    }
}
