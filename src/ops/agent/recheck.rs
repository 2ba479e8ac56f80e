//! The recheck of an idle listener: is its tag still in the registry, and does it mean another image by now?
//!
//! Keel's watch of a tag that is pushed over is edge-triggered and its memory is lost with its process, so a push can be
//! lost for good. And a Keel that starts anew watches nothing before the current tag exists, whatever the policy. A
//! one-shot pod with the same image and `imagePullPolicy: Always` asks the registry with the kubelet's own credentials.
//! Only another digest of a tag that may be pushed over replaces the listener's pod; whatever else is found is said.

use std::time::Duration;

use serde_json::Value;

use super::super::dispatch;
use super::super::error::Result;
use super::Agent;
use crate::agent::Observation;
use crate::chain::pod::{Container, Pod, Ran, State, image_trouble, not_in_registry};
use crate::chain::signs::Listener;
use crate::cluster::Create;
use crate::cluster::resource as kind;
use crate::pipeline::weave::{self, ADOPT_AFTER};

/// How long a probe pod may take before the recheck is given up until the next time.
const PROBE_BOUND: Duration = Duration::from_secs(120);
/// How soon a recheck that failed for want of the API server is repeated.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// What a probe pod came to.
enum Probed {
    /// It runs, or ran.
    Ran(Ran),
    /// The registry does not have the tag.
    Missing,
    /// Why nothing is known.
    Unknown(String),
}

impl Agent<'_> {
    /// Sets the times of what a listener does of its own accord: the recheck, and the look after earlier builds.
    pub(super) async fn arm(&mut self, seen: &Observation) -> Result<()> {
        if self.memory.recheck_at.is_some() || self.memory.never_rechecks {
            return Ok(());
        }
        let (interval, adopt_after) = match self.plan_of_last_good(seen).await? {
            Ok(plan) => {
                self.memory.pushed_over = plan.build.match_tag();
                (plan.build.settings.recheck, plan.build.settings.adopt_after)
            }
            Err(_) => (Duration::ZERO, ADOPT_AFTER),
        };
        self.arm_watchfulness(&seen.build, adopt_after);
        self.memory.never_rechecks = interval.is_zero();
        if !interval.is_zero() {
            self.memory.recheck_at = Some(self.now() + interval);
        }
        Ok(())
    }

    pub(super) async fn recheck(&mut self, seen: &mut Observation) -> Result<()> {
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
        let created =
            self.cluster.create::<Value>(&kind::PODS, Some(&namespace), &probe, &Create::default()).await;
        let probed = match created {
            Ok(_) => self.probed(&namespace).await,
            Err(error) if error.is_quota() || error.is_refusal() => Ok(Probed::Unknown(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        dispatch::delete(self.cluster, &kind::PODS, Some(&namespace), weave::PROBE).await?;
        let probed = probed?;
        self.memory.recheck_at = None;
        self.memory.found = None;
        let image = &seen.running.image;
        match (probed, &seen.running.ran) {
            (Probed::Ran(Ran::Digest(new)), Ran::Digest(old)) if new != *old && self.memory.pushed_over => {
                let listener: Listener = serde_json::from_value(deployment).unwrap_or_default();
                let since = listener.moved.max(listener.created).unwrap_or(seen.now);
                let line = format!(
                    "Keel has not moved this since {since}, and the recheck finds that {image} means {} by now: \
                     starting it",
                    new.short()
                );
                self.note(&line);
                self.write_waiting(seen, Some(&line)).await?;
                // said for as long as this agent lives on
                self.memory.found = Some(line);
                if let Some(pod) = self.me.pod.clone() {
                    dispatch::delete(self.cluster, &kind::PODS, Some(&namespace), &pod).await?;
                }
            }
            (Probed::Ran(Ran::Digest(new)), Ran::Digest(old)) if new != *old => {
                self.note("the tag means another image by now, which is no push by the policy of this chain");
            }
            (Probed::Ran(_), _) => self.note("the tag means the same image still"),
            (Probed::Missing, _) => {
                let then = if self.memory.pushed_over {
                    "the next push of the tag brings it back"
                } else {
                    "a Keel that starts anew watches nothing before that tag is there again"
                };
                self.memory.found = Some(format!("{image} is gone from the registry: {then}"));
                self.note("the recheck could not pull the image; nothing changes");
            }
            (Probed::Unknown(why), _) => {
                self.memory.found =
                    Some(format!("the recheck cannot tell which image {image} means by now: {why}"));
                self.note("the recheck could not pull the image; nothing changes");
            }
        }
        Ok(())
    }

    /// What the probe pod ran, or why it did not.
    async fn probed(&self, namespace: &str) -> Result<Probed> {
        let begun = tokio::time::Instant::now();
        while begun.elapsed() < PROBE_BOUND {
            let Some(pod) = self.cluster.get::<Pod>(&kind::PODS, Some(namespace), weave::PROBE).await? else {
                return Ok(Probed::Unknown("its pod was deleted".to_owned()));
            };
            let container = pod.container(&self.me.container);
            if let Some(ran) = container.and_then(Container::ran_once) {
                return Ok(Probed::Ran(ran));
            }
            match container.map(|container| &container.state) {
                Some(State::Waiting { reason, message })
                    if image_trouble(reason) && not_in_registry(message) =>
                {
                    return Ok(Probed::Missing);
                }
                Some(State::Terminated { code, .. }) => {
                    return Ok(Probed::Unknown(format!("its container exited with code {code}")));
                }
                _ => {}
            }
            if let Some(why) = pod.trouble() {
                return Ok(Probed::Unknown(why));
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(Probed::Unknown(format!("no answer within {} s", PROBE_BOUND.as_secs())))
    }
}
