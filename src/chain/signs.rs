//! What tells of a build from outside its agent: a pod that does not come up, an agent that is gone, a Keel that is
//! silent, a namespace that does not go away.
//!
//! An agent writes down what it waits for. What keeps the agent itself from working it cannot write, so `status` looks.
//! Nothing here says more than is known: that Keel does not look cannot be seen, only that it has moved nothing.

use std::borrow::Borrow;

use jiff::{Timestamp, ToSpan};

use super::build::{Build, Dispatch, Phase};
use super::listener::Listener;
use super::pod::Pod;
use super::remedy::Patient;
use super::wire;
use crate::keel::names;
use crate::keel::policy::{Policy, polled};
use crate::keel::schedule::Schedule;

/// Keel's schedule where a workload names none that Keel can read.
const DEFAULT_SCHEDULE: &str = "@every 1m";
/// How what `start` says of a listener begins whose tag nobody has pushed yet.
pub const FIRST_PUSH: &str = "waiting for the first push: ";
/// What an agent's last words begin with when its listener is nobody's any more: it is gone for a reason.
pub const STOOD_DOWN: &str = "stood down: ";
/// What an agent's word begins with that fails again and again, by no fault of the way to the server.
pub const STUCK: &str = "its agent cannot go on: ";
/// How what is said of a build begins whose agent cannot come back by itself.
pub const AGENT_GONE: &str = "its agent is gone: ";
/// What Keel may take from the second of its schedule to its write, seconds.
const GRACE: i64 = 60;

/// What is known of a build's listener.
#[derive(Debug, Clone, Copy)]
pub enum Presence<'a> {
    /// Deployments could not be read.
    Unknown,
    /// The namespace has none.
    Gone,
    /// It is there.
    There(&'a Listener),
}

/// What is seen of a build from outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signs {
    /// What keeps it from going on, one sentence.
    pub trouble: Option<String>,
    /// What to do about that, a clause.
    pub remedy: Option<String>,
    /// How far a listener is that has not listened yet and has no trouble, one sentence.
    pub standing: Option<String>,
    /// Since when Keel has not moved a listener that it should have looked at by its schedule.
    pub silent_since: Option<Timestamp>,
    /// Why nothing proves it its chain's: then nothing of what it says counts.
    pub unproved: Option<String>,
}

impl Signs {
    /// Reads the signs of one build. `pods` are those of its namespace, of which the agent's and the Job's count; `held`
    /// is what keeps a Terminating namespace.
    pub fn of(
        build: &Build,
        listener: Presence<'_>,
        pods: &[&Pod],
        held: Option<String>,
        now: Timestamp,
    ) -> Self {
        if build.terminating {
            return Self { trouble: held, ..Self::default() };
        }
        let scheduled_as_template = match listener {
            Presence::There(listener) => listener.annotations.contains_key(wire::LISTENER_SCHEDULING),
            Presence::Unknown | Presence::Gone => false,
        };
        let (chain, namespace) = (build.chain.as_str(), build.namespace.as_str());
        let patient = Patient { chain, namespace, scheduled_as_template, by_hand: build.is_side() };
        let trouble = agent_gone(build, listener, patient)
            .or_else(|| pods.iter().find_map(|pod| pod_trouble(build, pod, patient)))
            .or_else(|| unseen(build, listener, patient));
        let silent_since = match (listener, &trouble) {
            (Presence::There(listener), None) if build.phase == Phase::Listening => silent(listener, now),
            _ => None,
        };
        // generation 0 is a bare claim, which nobody listens in
        let waits = build.phase == Phase::Claimed && build.generation > 0 && trouble.is_none();
        let standing = waits.then(|| standing(build, listener, pods));
        let (trouble, remedy) = trouble.map_or((None, None), |Obstacle { why, remedy }| (Some(why), remedy));
        Self { trouble, remedy, standing, silent_since, unproved: None }
    }

    /// Who is to create its listener knows what that waits for: the build before it.
    pub fn wait_for(&mut self, before: Option<&Build>) {
        if let (Some(standing), Some(error)) =
            (&mut self.standing, before.and_then(|before| before.dispatch_error.as_ref()))
        {
            standing.clone_from(error);
        }
    }

    /// What keeps it from going on and what to do about that, or how far it is.
    pub fn sentence(&self) -> Option<String> {
        match (&self.trouble, &self.remedy) {
            (Some(why), Some(remedy)) => Some(format!("{} ({remedy})", why.trim_end_matches('.'))),
            (Some(why), None) => Some(why.clone()),
            (None, _) => self.standing.clone(),
        }
    }
}

/// What keeps a build from going on.
struct Obstacle {
    why: String,
    remedy: Option<String>,
}

impl Obstacle {
    fn new(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { why: why.into(), remedy: Some(remedy.into()) }
    }
}

/// How far a listener is that has not listened yet.
fn standing(build: &Build, listener: Presence<'_>, pods: &[&Pod]) -> String {
    let pod = pods.iter().find(|pod| pod.is_agent_of(build) && !pod.deleted);
    match (listener, pod) {
        (_, Some(pod)) => {
            pod.coming_up().unwrap_or_else(|| format!("pod {} runs, and has not reported yet", pod.name))
        }
        (Presence::Gone, None) => "its listener is not created yet".to_owned(),
        (Presence::There(Listener { name, observed: false, .. }), None) => {
            format!("kube-controller-manager has not taken up deployment.apps/{name} yet")
        }
        (Presence::There(Listener { name, .. }), None) => {
            format!("deployment.apps/{name} has no pod yet")
        }
        (Presence::Unknown, None) => "its pod is not there yet".to_owned(),
    }
}

/// Whether the build's agent has something to do. An agent that has recorded a verdict may be gone any moment.
fn needs_agent(build: &Build) -> bool {
    match build.phase {
        Phase::Finished | Phase::Disposing => false,
        Phase::Recorded => !build.dispatch.settled(),
        _ => true,
    }
}

fn agent_gone(build: &Build, listener: Presence<'_>, patient: Patient<'_>) -> Option<Obstacle> {
    let stood_down = build.waiting.as_ref().is_some_and(|why| why.starts_with(STOOD_DOWN));
    if stood_down || !needs_agent(build) {
        return None;
    }
    match listener {
        // whoever has claimed the namespace is about to create it
        Presence::Gone if build.phase == Phase::Claimed => None,
        Presence::Gone => {
            let remedy = match build.phase {
                Phase::Listening => "kubectl studioci start raises a fresh listener",
                _ => {
                    "a later agent of the chain ends this build; kubectl studioci start carries on a chain that has none"
                }
            };
            Some(Obstacle::new(
                format!("{AGENT_GONE}the namespace has no listener Deployment any more"),
                remedy,
            ))
        }
        Presence::There(Listener { name, replicas: 0, .. }) => Some(Obstacle::new(
            format!("{AGENT_GONE}deployment.apps/{name} was scaled to 0"),
            format!("kubectl scale -n {} deployment/{name} --replicas=1 brings it back", build.namespace),
        )),
        Presence::There(Listener { name, refused: Some(why), .. }) => Some(Obstacle::new(
            format!("the API server refuses the pod of deployment.apps/{name}: {why}"),
            patient.of_refusal(why),
        )),
        _ => None,
    }
}

/// The listener's pod matters for as long as an agent is needed. A build's own pod is told of by its agent, unless that
/// has not come to it yet.
fn pod_trouble(build: &Build, pod: &Pod, patient: Patient<'_>) -> Option<Obstacle> {
    if pod.deleted {
        return None;
    }
    if pod.is_agent_of(build) {
        let standstill = pod.standstill().filter(|_| needs_agent(build))?;
        return Some(Obstacle::new(pod.trouble()?, patient.of_pod(&pod.name, standstill)));
    }
    let matters = pod.is_build_of(build) && build.verdict.is_none() && build.waiting.is_none();
    pod.trouble().filter(|_| matters).map(|why| Obstacle { why, remedy: None })
}

/// Why Keel does not see a listener that waits for it.
fn unseen(build: &Build, listener: Presence<'_>, patient: Patient<'_>) -> Option<Obstacle> {
    let Presence::There(Listener { name, labels, annotations, .. }) = listener else { return None };
    match Policy::of(labels, annotations) {
        _ if build.is_side() => None,
        Policy::Untracked(why) if build.phase == Phase::Listening && build.waiting.is_none() => {
            Some(Obstacle::new(format!("Keel does not see deployment.apps/{name}: {why}"), patient.anew()))
        }
        _ => None,
    }
}

/// Since when a listener has not been moved, if Keel should have looked at it since.
///
/// A schedule's fields are read in UTC, Keel's own time zone in its images.
fn silent(listener: &Listener, now: Timestamp) -> Option<Timestamp> {
    if !polled(&listener.labels, &listener.annotations) {
        return None;
    }
    let named = listener.annotations.get(names::POLL_SCHEDULE).map_or(DEFAULT_SCHEDULE, String::as_str);
    let schedule = Schedule::parse(named).or_else(|_| Schedule::parse(DEFAULT_SCHEDULE)).ok()?;
    let since = listener.moved.max(listener.created)?;
    let civil = |at: Timestamp| at.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    schedule
        .next_after(civil(since))
        .is_some_and(|next| next <= civil(now - GRACE.seconds()))
        .then_some(since)
}

/// Chains whose listener was taken from them: the newest build's namespace, and the namespace that should be next.
///
/// `there` says whether a namespace of that name is there, readable or not.
pub fn without_listener<B: Borrow<Build>>(
    builds: &[B],
    there: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&Build, &str)> {
    builds.iter().map(Borrow::borrow).filter_map(move |build: &Build| {
        let next = build.successor.as_deref()?;
        let newer = |other: &Build| {
            other.chain_uuid == build.chain_uuid && other.generation > build.generation && !other.is_side()
        };
        let lost = matches!(build.dispatch, Dispatch::Done | Dispatch::Claimed)
            && !build.terminating
            && !there(next)
            && !builds.iter().map(Borrow::borrow).any(newer);
        lost.then_some((build, next))
    })
}

#[cfg(test)]
#[path = "signs_tests.rs"]
mod tests;
