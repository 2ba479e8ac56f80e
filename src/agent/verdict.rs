//! The one table from the outcome of a build's Job and pod to its verdict.

use jiff::Timestamp;

use super::left::{run_on, settles_at};
use crate::chain::build::Verdict;
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
}

/// What Job and pod say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// There is no Job yet.
    NoJob,
    /// The Job was created and is gone, or on its way out with its pod.
    JobGone,
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
const SAID_AFTER: i64 = 2;

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
/// | build container exits otherwise, `OOMKilled` included | Failed; where others run on in its pod, once an eviction would have been told |
/// | deadline of the pod | Errored |
/// | evicted, preempted, node lost, pod deleted | Errored |
/// | an init container fails | Errored |
/// | image that cannot be pulled, container that cannot be made | Errored after [`StandstillBounds::stuck`] |
/// | unschedulable | waiting; Errored after [`StandstillBounds::pending`] |
/// | pod gone or without the build container, the Job says Complete | Passed |
/// | pod gone or without the build container, the Job says that the build container failed | Failed |
/// | Job's pod refused by quota | waiting; Errored after [`StandstillBounds::pending`] |
/// | Job's pod refused by admission | Errored after [`StandstillBounds::stuck`] |
/// | Job deleted | Cancelled |
pub fn judge(
    job: &BuildJob,
    pod: Option<&Pod>,
    container: &str,
    now: Timestamp,
    age: i64,
    bounds: StandstillBounds,
) -> Judged {
    let Some(pod) = pod else { return without_pod(job, container, age, bounds) };
    let errored = |cause: String| Judged::Over(Verdict::Errored, cause);
    let build = pod.container(container);
    let exit = build.and_then(|build| match &build.state {
        State::Terminated { code, reason } => Some((*code, reason.as_str())),
        _ => None,
    });
    if let Some((0, _)) = exit {
        return Judged::Over(Verdict::Passed, format!("container {container} exited with code 0"));
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
    if let Some((code, reason)) = exit {
        // a pod that is being evicted shows the killed container first and the reason with its phase
        let settled = settles_at(pod, container);
        let over = pod.phase == "Failed" || job.failed.is_some();
        return if over || settled.is_some_and(|at| at <= now) {
            Judged::Over(Verdict::Failed, exit_cause(container, code, reason))
        } else {
            let beside = settled.map(|_| run_on(&pod.beside(container)));
            Judged::Going(
                beside.map(|run_on| format!("{}, and {run_on}", exit_cause(container, code, reason))),
            )
        };
    }
    if build.is_none() && (job.complete || job.failed.is_some()) {
        return without_pod(job, container, age, bounds);
    }
    if pod.phase == "Failed" {
        return errored(failed_without_exit(pod));
    }
    if let Some(why) = &pod.unschedulable {
        return bounded(format!("no node takes the build's pod: {why}"), age, bounds.pending);
    }
    match pod.trouble() {
        Some(why) if pod.containers.iter().any(is_stuck) => bounded(why, age, bounds.stuck),
        why => Judged::Going(why.or_else(|| pod.coming_up().filter(|_| age > SAID_AFTER))),
    }
}

fn is_stuck(container: &Container) -> bool {
    // a sidecar that crashes is restarted by the kubelet; the build's own exit still decides
    matches!(&container.state, State::Waiting { reason, .. }
        if image_trouble(reason) || (stuck(reason) && reason != "CrashLoopBackOff"))
}

fn exit_cause(container: &str, code: i32, reason: &str) -> String {
    match reason {
        "OOMKilled" => format!(
            "container {container} was killed for using more memory than its limit (OOMKilled, exit code {code})"
        ),
        "Error" | "" => format!("container {container} exited with code {code}"),
        _ => format!("container {container} exited with code {code} ({reason})"),
    }
}

fn failed_without_exit(pod: &Pod) -> String {
    let failed = pod.containers.iter().find_map(|container| match &container.state {
        State::Terminated { code, reason } if *code != 0 => Some((container, code, reason)),
        _ => None,
    });
    match failed {
        Some((Container { name, init: true, .. }, code, reason)) => {
            format!("init container {name} exited with code {code} ({reason}); the build itself never ran")
        }
        Some((Container { name, .. }, code, reason)) => {
            format!("container {name} exited with code {code} ({reason}) and the build's exit is unknown")
        }
        None => format!("the build's pod failed: {} {}", pod.reason, pod.message).trim_end().to_owned(),
    }
}

/// Who deletes a pod that has ended takes nothing from the verdict: the Job keeps it.
fn without_pod(job: &BuildJob, container: &str, age: i64, bounds: StandstillBounds) -> Judged {
    if job.complete {
        return Judged::Over(Verdict::Passed, format!("container {container} exited with code 0"));
    }
    if let Some((reason, message)) = &job.failed {
        if let Some(code) = exit_told(message, container).filter(|_| reason == "PodFailurePolicy") {
            return Judged::Over(Verdict::Failed, exit_cause(container, code, ""));
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
        None => Judged::Going(None),
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
