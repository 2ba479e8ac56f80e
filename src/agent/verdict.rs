//! The one table from the outcome of a build's Job and pod to its verdict.

use jiff::Timestamp;

use super::left::{run_on, settles_at};
use crate::chain::build::Verdict;
use crate::chain::kueue::QueuedBuild;
use crate::chain::pod::{Container, Pod, State, image_trouble, stuck};
use crate::chain::record::Exit;

/// The build's Job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildJob {
    /// Whether its `Complete` condition is true.
    pub complete: bool,
    /// Reason and message of a true `Failed` condition.
    pub failed: Option<(String, String)>,
    /// Message of its newest `FailedCreate` event: quota or admission refuses its pod.
    pub refused: Option<String>,
    /// Whether it has a deletionTimestamp: a deletion in the foreground takes the pod first.
    pub deleted: bool,
    /// Whether somebody holds it back (`spec.suspend`), as whoever queues Jobs does.
    pub suspended: bool,
    /// Since when.
    pub suspended_at: Option<Timestamp>,
    /// Why Kueue does not admit it, where it is Kueue that does.
    pub unadmitted: Option<QueuedBuild>,
}

/// What Job and pod say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// There is no Job yet.
    NoJob,
    /// The Job was created and is gone, or on its way out with its pod.
    JobGone,
    /// Kueue has not admitted it, or not any more, and why.
    Unadmitted(QueuedBuild),
    /// Its pod is held back until support is ready.
    Gated,
    /// It goes on; for what stands still, why.
    Going(Option<String>),
    /// It is over.
    Over(Verdict, String),
}

/// How long what stands still may stand still, seconds since the Job was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandstillBounds {
    /// For what does not heal by itself (an image that cannot be pulled, a container that cannot be made).
    pub stuck: i64,
    /// For what may heal (no node, quota).
    pub pending: i64,
}

/// What takes longer than so many seconds is said.
pub const SAID_AFTER: i64 = 2;

impl Default for StandstillBounds {
    fn default() -> Self {
        Self { stuck: 10 * 60, pending: 24 * 60 * 60 }
    }
}

/// Judges a build.
///
/// | what happened | verdict |
/// |---|---|
/// | build container exits 0 | Passed |
/// | build container exits otherwise | Failed; where others run on in its pod, once an eviction would have been told |
/// | a process of a container is killed for memory (`OOMKilled`) | as its exit says; the cause names it and the limit |
/// | deadline of the pod | Errored |
/// | evicted, preempted, node lost, pod deleted | Errored |
/// | an init container fails | Errored |
/// | image that cannot be pulled, container that cannot be made | Errored after [`StandstillBounds::stuck`] |
/// | unschedulable | waiting; Errored after [`StandstillBounds::pending`] |
/// | pod gone or without the build container, the Job says Complete | Passed |
/// | pod gone or without the build container, the Job says that the build container failed | Failed |
/// | Job's pod refused by quota | waiting; Errored after [`StandstillBounds::pending`] |
/// | Job's pod refused by admission | Errored after [`StandstillBounds::stuck`] |
/// | Job in Kueue's queue | waiting; Errored after [`StandstillBounds::pending`] |
/// | Job deleted | Cancelled |
pub fn judge(
    job: &BuildJob,
    pod: Option<&Pod>,
    container: &str,
    now: Timestamp,
    age: i64,
    bounds: StandstillBounds,
) -> Judged {
    if let Some(waits) = unadmitted(job, pod, container, now, age, bounds) {
        return waits;
    }
    let Some(pod) = pod else { return without_pod(job, container, age, bounds) };
    // `told`: the container that the cause tells of
    let over = |verdict, cause: String, told: &str| Judged::Over(verdict, cause + &killed_beside(pod, told));
    let errored = |cause: String| over(Verdict::Errored, cause, "");
    let build = pod.container(container);
    let exit = build.and_then(|build| match &build.state {
        State::Terminated { code, reason } => Some((*code, in_its_words(build, *code, reason))),
        _ => None,
    });
    if let Some((0, cause)) = exit {
        return over(Verdict::Passed, cause, container);
    }
    if pod.reason == "DeadlineExceeded" {
        return errored(
            "the build ran past its deadline; give it more time with the annotation studioci.dev/deadline, \
             or look for what never ends (a build's last command must exit)"
                .to_owned(),
        );
    }
    if pod.reason == "Evicted" {
        return errored(format!("the build's pod was evicted: {}", pod.message));
    }
    if let Some(why) = &pod.disrupted {
        return errored(format!("the build's pod was disrupted: {why}"));
    }
    if pod.deleted && job.deleted {
        return Judged::JobGone;
    }
    if pod.deleted {
        return errored("the build's pod was deleted while it ran".to_owned());
    }
    if matches!(pod.reason.as_str(), "NodeLost" | "Shutdown" | "NodeShutdown" | "Terminated") {
        return errored(format!("the build's node went away: {} {}", pod.reason, pod.message));
    }
    if let Some((_, cause)) = exit {
        // a pod that is being evicted shows the killed container first and the reason with its phase
        let settled = settles_at(pod, container);
        let counts = pod.phase == "Failed" || job.failed.is_some();
        return if counts || settled.is_some_and(|at| at <= now) {
            over(Verdict::Failed, cause, container)
        } else {
            let beside = settled.map(|_| run_on(&pod.beside(container)));
            Judged::Going(beside.map(|run_on| format!("{cause}, and {run_on}")))
        };
    }
    if build.is_none() && (job.complete || job.failed.is_some()) {
        return without_pod(job, container, age, bounds);
    }
    if pod.phase == "Failed" {
        return match first_failed(pod) {
            Some((first, cause)) => over(Verdict::Errored, cause, &first.name),
            None => errored(
                format!("the build's pod failed: {} {}", pod.reason, pod.message).trim_end().to_owned(),
            ),
        };
    }
    if pod.awaits_support() {
        return Judged::Gated;
    }
    if let Some(why) = &pod.unschedulable {
        return bounded(format!("no node takes the build's pod: {why}"), age, bounds.pending);
    }
    match pod.trouble() {
        Some(why) if pod.containers.iter().any(is_stuck) => bounded(why, age, bounds.stuck),
        why => Judged::Going(why.or_else(|| pod.coming_up().filter(|_| age > SAID_AFTER))),
    }
}

/// What comes of a Job that Kueue holds back; none where it does not, or has no more to do with it. A Job that is suspended loses
/// its pod, and that is told as what it is.
fn unadmitted(
    job: &BuildJob,
    pod: Option<&Pod>,
    container: &str,
    now: Timestamp,
    age: i64,
    bounds: StandstillBounds,
) -> Option<Judged> {
    let why = job.unadmitted.as_ref().filter(|_| job.suspended && !job.deleted)?;
    let build = pod.and_then(|pod| pod.container(container)).map(|build| &build.state);
    let over =
        matches!(build, Some(State::Terminated { code: 0, .. })) || job.complete || job.failed.is_some();
    let waited = job.suspended_at.map_or(age, |since| now.duration_since(since).as_secs());
    (!over).then(|| match bounded(why.sentence.clone(), waited, bounds.pending) {
        Judged::Going(_) => Judged::Unadmitted(why.clone()),
        over => over,
    })
}

fn is_stuck(container: &Container) -> bool {
    // a sidecar that crashes is restarted by the kubelet; the build's own exit still decides
    matches!(&container.state, State::Waiting { reason, .. }
        if image_trouble(reason) || (stuck(reason) && reason != "CrashLoopBackOff"))
}

/// How the build container ended: its own word first, if it has left one.
fn in_its_words(build: &Container, code: i32, reason: &str) -> String {
    let cause = exit_cause(build, code, reason);
    match build.word() {
        Some(word) => format!("{word} ({cause})"),
        None => cause,
    }
}

/// How a container ended. A run in which a process was killed for memory may end with any code: the kernel kills one
/// process of it or all of them, and what goes on may make something else of it, or nothing.
fn exit_cause(container: &Container, code: i32, reason: &str) -> String {
    let name = if container.init { "init container " } else { "container " }.to_owned() + &container.name;
    let killed = || format!("a process of it was killed for memory ({})", container.lacking());
    match (reason, code) {
        ("OOMKilled", KILLED) => {
            format!("{name} was killed for memory ({}, exit code {code})", container.lacking())
        }
        ("OOMKilled", 0) => format!("{name} exited with code 0, although {}", killed()),
        ("OOMKilled", _) => format!("{name} exited with code {code} after {}", killed()),
        ("Error" | "Completed" | "", _) => format!("{name} exited with code {code}"),
        _ => format!("{name} exited with code {code} ({reason})"),
    }
}

/// The exit code of what was ended by SIGKILL.
const KILLED: i32 = 137;

/// Which containers but `told` had a process killed for memory, in this run or the one before: a database that was away for
/// a moment may be why a test failed.
fn killed_beside(pod: &Pod, told: &str) -> String {
    let killed = |one: &&Container| one.state.out_of_memory() || one.last.out_of_memory();
    let others = pod.containers.iter().filter(|one| one.name != told).filter(killed);
    let sentences = others.map(|one| {
        ["; a process of container ", &one.name, " was killed for memory (", &one.lacking(), ")"].concat()
    });
    sentences.collect()
}

/// The container that a pod failed with before the build container has ended, and how.
fn first_failed(pod: &Pod) -> Option<(&Container, String)> {
    pod.containers.iter().find_map(|container| match &container.state {
        State::Terminated { code, reason } if *code != 0 => {
            let then = if container.init {
                "; the build itself never ran"
            } else {
                " and the build's exit is unknown"
            };
            Some((container, exit_cause(container, *code, reason) + then))
        }
        _ => None,
    })
}

/// Who deletes a pod that has ended takes nothing from the verdict: the Job keeps it.
fn without_pod(job: &BuildJob, container: &str, age: i64, bounds: StandstillBounds) -> Judged {
    if job.complete {
        return Judged::Over(Verdict::Passed, format!("container {container} exited with code 0"));
    }
    if let Some((reason, message)) = &job.failed {
        if let Some(code) = exit_told(message, container).filter(|_| reason == "PodFailurePolicy") {
            return Judged::Over(Verdict::Failed, format!("container {container} exited with code {code}"));
        }
        let cause = format!("the exit of the build's pod is unknown; the Job says {reason}: {message}");
        return Judged::Over(Verdict::Errored, cause);
    }
    if job.deleted {
        return Judged::JobGone;
    }
    match &job.refused {
        Some(why) if why.contains("exceeded quota") => {
            bounded(format!("a quota refuses the build's pod: {why}"), age, bounds.pending)
        }
        Some(why) => bounded(format!("the API server refuses the build's pod: {why}"), age, bounds.stuck),
        None if age <= SAID_AFTER => Judged::Going(None),
        None if job.suspended => Judged::Going(Some("somebody has suspended the build's Job".to_owned())),
        None => Judged::Going(Some(
            "the build's pod is not there yet, which kube-controller-manager makes".to_owned(),
        )),
    }
}

/// The exit code in the Job controller's words, where the Job's failure policy ended it for the build container:
/// `Container NAME for pod NAMESPACE/POD failed with exit code N matching FailJob rule at index 1`.
fn exit_told(message: &str, container: &str) -> Option<i32> {
    let rest = message.strip_prefix("Container ")?.strip_prefix(container)?.strip_prefix(" for pod ")?;
    rest.split_once(" failed with exit code ")?.1.split(' ').next()?.parse().ok()
}

fn bounded(why: String, age: i64, bound: i64) -> Judged {
    if age < bound {
        Judged::Going(Some(why))
    } else {
        Judged::Over(Verdict::Errored, format!("{why} (for {age} s; the bound is {bound} s)"))
    }
}

/// The exits of all containers that have ended.
pub fn exits(pod: &Pod) -> Vec<Exit> {
    pod.containers
        .iter()
        .filter_map(|container| match &container.state {
            State::Terminated { code, reason } => Some(Exit {
                container: container.name.clone(),
                code: *code,
                reason: (!reason.is_empty()).then(|| reason.clone()),
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
#[path = "verdict_tests.rs"]
mod tests;
