//! Whose log is kept of a build that is over.

use crate::chain::kept_log::CONTAINERS;
use crate::chain::pod::Pod;

/// Pod and container of each log that is to be kept: of the build container, and of what failed beside or before it. What ran
/// beside a build that passed is of no interest.
pub fn of_build<'a>(pods: &'a [Pod], build: &'a str, passed: bool) -> Vec<(&'a str, &'a str)> {
    let of = |own: bool| {
        pods.iter().flat_map(move |pod| {
            let containers = pod.containers.iter().filter(move |one| (one.name == build) == own);
            containers
                .filter(move |one| one.has_log() && (own || (one.has_failed() && !passed)))
                .map(|one| (pod.name.as_str(), one.name.as_str()))
        })
    };
    of(true).chain(of(false)).take(CONTAINERS).collect()
}

/// The same of support that never got ready: those that failed first.
pub fn of_support(pods: &[Pod]) -> Vec<(&str, &str)> {
    let of = |failed: bool| {
        pods.iter().flat_map(move |pod| {
            let containers =
                pod.containers.iter().filter(move |one| one.has_log() && one.has_failed() == failed);
            containers.map(|one| (pod.name.as_str(), one.name.as_str()))
        })
    };
    of(true).chain(of(false)).take(CONTAINERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::pod::{Container, State};

    fn ended(code: i32) -> State {
        State::Terminated { code, reason: String::new() }
    }

    fn pod(name: &str, containers: &[(&str, State, State)]) -> Pod {
        let one = |(name, state, last): &(&str, State, State)| Container {
            name: (*name).to_owned(),
            state: state.clone(),
            last: last.clone(),
            ..Container::default()
        };
        Pod { name: name.to_owned(), containers: containers.iter().map(one).collect(), ..Pod::default() }
    }

    fn waits(reason: &str) -> State {
        State::Waiting { reason: reason.to_owned(), message: String::new() }
    }

    #[test]
    fn the_build_comes_first_then_what_failed() {
        let pods = [pod(
            "p",
            &[
                ("init", ended(1), State::Unknown),
                ("fine", ended(0), State::Unknown),
                ("db", waits("CrashLoopBackOff"), ended(2)),
                ("proxy", State::Running, ended(137)),
                ("idle", State::Running, State::Unknown),
                ("build", ended(3), State::Unknown),
            ],
        )];
        let kept = of_build(&pods, "build", false);
        assert_eq!(kept, [("p", "build"), ("p", "init"), ("p", "db"), ("p", "proxy")]);
        assert_eq!(of_build(&pods, "build", true), [("p", "build")]);
    }

    #[test]
    fn what_never_ran_has_no_log() {
        let never = pod(
            "p",
            &[("init", ended(1), State::Unknown), ("build", waits("PodInitializing"), State::Unknown)],
        );
        assert_eq!(of_build(&[never], "build", false), [("p", "init")]);
        let unpulled = pod("p", &[("build", waits("ImagePullBackOff"), State::Unknown)]);
        assert!(of_build(&[unpulled], "build", false).is_empty());
        assert!(of_build(&[], "build", false).is_empty());
    }

    #[test]
    fn of_support_what_failed_comes_before_what_runs_and_there_is_a_bound() {
        let pods = [
            pod("a", &[("runs", State::Running, State::Unknown), ("new", State::Unknown, State::Unknown)]),
            pod("b", &[("fails", waits("CrashLoopBackOff"), ended(1))]),
            pod("c", &[("1", State::Running, State::Unknown), ("2", State::Running, State::Unknown)]),
            pod("d", &[("3", State::Running, State::Unknown)]),
        ];
        assert_eq!(of_support(&pods), [("b", "fails"), ("a", "runs"), ("c", "1"), ("c", "2")]);
    }
}
