//! The recheck of an idle listener: is its tag still in the registry, and does it mean another image by now?
//!
//! Keel's watch of a tag that is pushed over is edge-triggered and its memory is lost with its process, so a push can be
//! lost for good. And a Keel that starts anew watches nothing before the current tag exists, whatever the policy. A
//! one-shot pod with the same image and `imagePullPolicy: Always`, on the node that has the image already, asks the
//! registry with the kubelet's own credentials. Only another digest of a tag that may be pushed over replaces the
//! listener's pod; that the tag is gone is said, and of a tag that is pushed over also that nothing can be told.
//!
//! A tag that is pushed over is looked at every 15 min. Of any other only its existence counts, and only where Keel
//! polls: it is looked at once in an hour, else never. What `studioci.dev/recheck` says goes before either.

use std::time::Duration;

use serde_json::Value;

use super::Agent;
use crate::agent::Observation;
use crate::chain::listener::Listener;
use crate::chain::pod::{Container, Pod, Ran, State, image_trouble, not_in_registry};
use crate::chain::wire;
use crate::cluster::Create;
use crate::cluster::resource as kind;
use crate::keel::policy;
use crate::pipeline::weave::{self, ADOPT_AFTER, BuildWorkload, RECHECK};
use crate::state::error::Result;
use crate::state::write;

/// How long a probe pod may take before the recheck is given up until the next time.
const PROBE_BOUND: Duration = Duration::from_secs(120);
/// The longest pause between two looks at the probe pod.
const PROBE_PAUSE_MAX: Duration = Duration::from_secs(15);
/// So many times as rarely is a tag looked at that is not pushed over.
const RARELY: u32 = 4;
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
        if self.timers.recheck_at.is_some() || self.timers.never_rechecks {
            return Ok(());
        }
        let Ok(plan) = self.plan_of_last_good(seen).await? else {
            // what cannot be rendered now is tried again, with the record of then
            self.arm_watchfulness(&seen.build, ADOPT_AFTER);
            self.cache.known = None;
            self.timers.recheck_at = Some(self.now() + RECHECK);
            return Ok(());
        };
        self.findings.pushed_over = Some(plan.build.match_tag());
        self.rotation.any = Some(!plan.pull_secrets.is_empty());
        let interval = interval(&plan.build);
        self.arm_watchfulness(&seen.build, plan.build.settings.adopt_after);
        self.timers.never_rechecks = interval.is_zero();
        if !interval.is_zero() {
            self.timers.recheck_at = Some(self.now() + interval);
        }
        Ok(())
    }

    pub(super) async fn recheck(&mut self, seen: &mut Observation) -> Result<()> {
        let Some(pushed_over) = self.findings.pushed_over else {
            // nothing could be rendered yet; the next look tries again
            self.timers.recheck_at = None;
            return Ok(());
        };
        // one that fails is made up for soon, not an interval later
        self.timers.recheck_at = Some(self.now() + AFTER_FAILURE);
        let namespace = self.me.namespace.clone();
        let Some(deployment) =
            self.cluster.get::<Value>(&kind::DEPLOYMENTS, Some(&namespace), &self.me.deployment).await?
        else {
            return Ok(());
        };
        let own = match self.me.role.pod() {
            Some(pod) => self.cluster.get::<Value>(&kind::PODS, Some(&namespace), pod).await?,
            None => None,
        };
        let node = own.as_ref().and_then(|own| own["spec"]["nodeName"].as_str());
        let Some(probe) = weave::probe(&deployment, &self.me.container, node) else { return Ok(()) };
        self.remove_probe().await?;
        let created =
            self.cluster.create::<Value>(&kind::PODS, Some(&namespace), &probe, &Create::default()).await;
        let probed = match created {
            Ok(_) => self.probed(&namespace).await,
            Err(error) if error.is_quota() || error.is_refusal() => Ok(Probed::Unknown(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        self.remove_probe().await?;
        let probed = probed?;
        self.timers.recheck_at = None;
        self.findings.found = None;
        let image = &seen.running.image;
        match (probed, &seen.running.ran) {
            (Probed::Ran(Ran::Digest(new)), Ran::Digest(old)) if new != *old && pushed_over => {
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
                self.findings.found = Some(line);
                if let Some(pod) = self.me.role.pod().map(str::to_owned) {
                    write::delete(self.cluster, &kind::PODS, Some(&namespace), &pod).await?;
                }
            }
            (Probed::Ran(Ran::Digest(new)), Ran::Digest(old)) if new != *old => {
                self.note("the tag means another image by now, which is no push by the policy of this chain");
            }
            (Probed::Ran(_), _) => self.note("the tag means the same image still"),
            (Probed::Missing, _) => {
                let then = if pushed_over {
                    "the next push of the tag brings it back"
                } else {
                    "a Keel that starts anew watches nothing before that tag is there again"
                };
                self.findings.found = Some(format!("{image} is gone from the registry: {then}"));
                self.note("the recheck could not pull the image; nothing changes");
            }
            (Probed::Unknown(why), _) => {
                // a tag that is not pushed over is there, for all that is known
                let why = format!("the recheck cannot tell which image {image} means by now: {why}");
                self.findings.found = Some(why).filter(|_| pushed_over);
                self.note("the recheck could not pull the image; nothing changes");
            }
        }
        Ok(())
    }

    /// Deletes the probe, if there is one: also one that a push has left, which ends the agent that would have.
    pub(super) async fn remove_probe(&self) -> Result<()> {
        let namespace = Some(self.me.namespace.as_str());
        write::delete(self.cluster, &kind::PODS, namespace, weave::PROBE).await?;
        Ok(())
    }

    /// What the probe pod ran, or why it did not.
    async fn probed(&self, namespace: &str) -> Result<Probed> {
        let begun = tokio::time::Instant::now();
        let mut pause = Duration::from_secs(1);
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
            if pod.phase == "Failed" {
                return Ok(Probed::Unknown(format!("its pod failed: {} {}", pod.reason, pod.message)));
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(PROBE_PAUSE_MAX);
        }
        Ok(Probed::Unknown(format!("no answer within {} s", PROBE_BOUND.as_secs())))
    }
}

/// How often the tag of a waiting listener is looked at; zero = never.
fn interval(build: &BuildWorkload) -> Duration {
    let often = build.settings.recheck;
    if build.match_tag() || build.annotations.contains_key(wire::RECHECK) {
        often
    } else if policy::polled(&build.labels, &build.annotations) {
        RARELY * often
    } else {
        Duration::ZERO
    }
}
