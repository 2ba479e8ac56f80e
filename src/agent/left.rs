//! What of a build still runs after its verdict, and when it is ended.
//!
//! The other containers of a template end with its build container. A webhook may put an ordinary container into the pod (a
//! service mesh's proxy, a log shipper), which goes on and holds what the pod holds: its node's memory, its GPU.

use jiff::{Timestamp, ToSpan};

use crate::chain::build::Verdict;
use crate::chain::pod::{Pod, State};

/// The active deadline, in seconds since its start, that ends a pod at once: the smallest that the API server takes. The
/// kubelet then ends its containers, and pod and logs stay.
pub const AT_ONCE: i64 = 1;
/// How long a pod may take to be told of as Failed after the last of its containers was to end, seconds.
const SETTLED: i64 = 5;

/// A pod that runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Its name.
    pub pod: String,
    /// Its uid.
    pub uid: String,
    /// The containers that run on.
    pub containers: Vec<String>,
}

/// What runs on of a build's pods. Of one that is Errored nothing is: its Job is suspended. A pod whose end is asked for
/// already does not count.
pub fn left(verdict: Verdict, pods: &[Pod], build: &str) -> Vec<Leftover> {
    let running = |pod: &Pod| -> Vec<String> {
        match verdict {
            Verdict::Passed | Verdict::Failed if pod.deadline == Some(AT_ONCE) => Vec::new(),
            Verdict::Passed | Verdict::Failed => pod.beside(build).into_iter().map(str::to_owned).collect(),
            // the Job was deleted, and its pod was not
            Verdict::Cancelled => {
                let on = pod.containers.iter().filter(|one| !matches!(one.state, State::Terminated { .. }));
                on.map(|one| one.name.clone()).collect()
            }
            Verdict::Errored => Vec::new(),
        }
    };
    pods.iter()
        .filter(|pod| !pod.deleted && !pod.is_over())
        .map(|pod| Leftover { pod: pod.name.clone(), uid: pod.uid.clone(), containers: running(pod) })
        .filter(|left| !left.containers.is_empty())
        .collect()
}

/// When a build container's exit counts although its pod goes on; none where there is nothing to wait for. A pod that is
/// evicted shows its killed containers first, and why when the last of them has ended.
pub fn settles_at(pod: &Pod, build: &str) -> Option<Timestamp> {
    let ended = pod.container(build)?.ended?;
    let grace = pod.grace.unwrap_or(30).clamp(0, 86_400);
    (!pod.is_over() && !pod.beside(build).is_empty()).then(|| ended + (grace + SETTLED).seconds())
}

/// `container a runs on`, `containers a, b run on`.
pub(super) fn run_on<T: AsRef<str>>(containers: &[T]) -> String {
    let names: Vec<&str> = containers.iter().map(AsRef::as_ref).collect();
    match names[..] {
        [one] => format!("container {one} runs on"),
        _ => format!("containers {} run on", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::pod::Container;

    fn pod(phase: &str, build: State, beside: Option<State>) -> Pod {
        let one = |name: &str, state| Container { name: name.to_owned(), state, ..Container::default() };
        let sidecar = Container { init: true, ..one("db", State::Running) };
        let mut containers = vec![sidecar, one("build", build)];
        containers.extend(beside.map(|state| one("proxy", state)));
        Pod { name: "p".into(), uid: "u".into(), phase: phase.into(), containers, ..Pod::default() }
    }

    fn ended() -> State {
        State::Terminated { code: 0, reason: "Completed".to_owned() }
    }

    #[test]
    fn only_what_others_put_there_is_left() {
        use Verdict::{Cancelled, Errored, Failed, Passed};
        let mesh = pod("Running", ended(), Some(State::Running));
        for (what, verdict, pod, want) in [
            ("a proxy", Passed, mesh.clone(), &["proxy"][..]),
            ("a proxy of a build that failed", Failed, mesh.clone(), &["proxy"]),
            ("a proxy that cannot start", Passed, pod("Running", ended(), Some(State::Unknown)), &["proxy"]),
            ("a proxy that has ended", Passed, pod("Running", ended(), Some(ended())), &[]),
            ("our own sidecar, which the kubelet ends", Passed, pod("Running", ended(), None), &[]),
            ("an end that is asked for", Passed, Pod { deadline: Some(AT_ONCE), ..mesh.clone() }, &[]),
            ("the template's own deadline", Passed, Pod { deadline: Some(60), ..mesh.clone() }, &["proxy"]),
            ("a pod that is being deleted", Passed, Pod { deleted: true, ..mesh.clone() }, &[]),
            ("a pod that is over", Passed, pod("Succeeded", ended(), Some(State::Unknown)), &[]),
            ("a pod without its Job", Cancelled, pod("Running", State::Running, None), &["db", "build"]),
            ("a pod without its Job that is over", Cancelled, pod("Failed", ended(), None), &[]),
            ("a Job that is suspended", Errored, mesh, &[]),
        ] {
            let left = left(verdict, &[pod], "build");
            let names: Vec<&str> =
                left.iter().flat_map(|left| &left.containers).map(String::as_str).collect();
            assert_eq!(names, want, "{what}");
        }
    }
}
