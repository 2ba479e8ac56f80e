//! Tests of the verdict.

use jiff::ToSpan;

use super::*;
use crate::chain::kueue::Unadmitted;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;
const BOUNDS: StandstillBounds = StandstillBounds { stuck: 100, pending: 1000 };

fn container(name: &str, init: bool, state: State) -> Container {
    Container { name: name.to_owned(), init, state, ..Container::default() }
}

fn ended(code: i32, reason: &str) -> State {
    State::Terminated { code, reason: reason.to_owned() }
}

fn waiting(reason: &str) -> State {
    State::Waiting { reason: reason.to_owned(), message: "because".to_owned() }
}

fn pod(phase: &str, state: State) -> Pod {
    Pod {
        phase: phase.to_owned(),
        containers: vec![container("init", true, ended(0, "Completed")), container("build", false, state)],
        ..Pod::default()
    }
}

fn judged(pod: &Pod, age: i64) -> Judged {
    judge(&BuildJob::default(), Some(pod), "build", NOW, age, BOUNDS)
}

fn word(judged: &Judged) -> String {
    match judged {
        Judged::NoJob => "no job".to_owned(),
        Judged::JobGone => "gone".to_owned(),
        Judged::Gated => "gated".to_owned(),
        Judged::Unadmitted(_) => "unadmitted".to_owned(),
        Judged::Going(None) => "going".to_owned(),
        Judged::Going(Some(_)) => "waiting".to_owned(),
        Judged::Over(verdict, _) => verdict.to_string(),
    }
}

#[test]
fn every_row_of_the_table() {
    let reason = |phase: &str, reason: &str| Pod { reason: reason.into(), ..pod(phase, State::Running) };
    let rows: Vec<(&str, Pod, i64, &str)> = vec![
        ("exit 0", pod("Succeeded", ended(0, "Completed")), 1, "Passed"),
        ("exit 0, a sidecar still going", pod("Running", ended(0, "Completed")), 1, "Passed"),
        ("exit 3", pod("Failed", ended(3, "Error")), 1, "Failed"),
        ("exit 3, pod not settled", pod("Running", ended(3, "Error")), 1, "going"),
        ("out of memory", pod("Failed", ended(137, "OOMKilled")), 1, "Failed"),
        ("running", pod("Running", State::Running), 5000, "going"),
        ("deadline", reason("Failed", "DeadlineExceeded"), 1, "Errored"),
        ("evicted", reason("Failed", "Evicted"), 1, "Errored"),
        ("node shut down", reason("Failed", "NodeShutdown"), 1, "Errored"),
        ("deleted", Pod { deleted: true, ..pod("Running", State::Running) }, 1, "Errored"),
        (
            "evicted, exit seen first",
            Pod { disrupted: Some("EvictionByEvictionAPI".into()), ..pod("Failed", ended(143, "Error")) },
            1,
            "Errored",
        ),
        ("no image yet", pod("Pending", waiting("ErrImagePull")), 99, "waiting"),
        ("no image for too long", pod("Pending", waiting("ImagePullBackOff")), 100, "Errored"),
        ("no config", pod("Pending", waiting("CreateContainerConfigError")), 100, "Errored"),
        ("creating", pod("Pending", waiting("ContainerCreating")), 2, "going"),
        ("creating for some time", pod("Pending", waiting("ContainerCreating")), 500, "waiting"),
        (
            "unschedulable",
            Pod { unschedulable: Some("0/1 nodes".into()), ..pod("Pending", State::Unknown) },
            999,
            "waiting",
        ),
        (
            "unschedulable for ever",
            Pod { unschedulable: Some("0/1 nodes".into()), ..pod("Pending", State::Unknown) },
            1000,
            "Errored",
        ),
        (
            "init container fails",
            Pod {
                containers: vec![
                    container("init", true, ended(2, "Error")),
                    container("build", false, waiting("PodInitializing")),
                ],
                ..pod("Failed", State::Unknown)
            },
            1,
            "Errored",
        ),
        (
            "a crashing sidecar",
            Pod {
                containers: vec![
                    container("db", true, waiting("CrashLoopBackOff")),
                    container("build", false, State::Running),
                ],
                ..pod("Running", State::Unknown)
            },
            5000,
            "waiting",
        ),
    ];
    for (what, pod, age, want) in rows {
        assert_eq!(word(&judged(&pod, age)), want, "{what}");
    }
}

#[test]
fn a_job_without_a_pod() {
    let refused = |why: &str| BuildJob { refused: Some(why.to_owned()), ..BuildJob::default() };
    let by_policy = |why: &str| BuildJob {
        failed: Some(("PodFailurePolicy".into(), why.to_owned())),
        ..BuildJob::default()
    };
    let failed =
        BuildJob { failed: Some(("BackoffLimitExceeded".into(), "m".into())), ..BuildJob::default() };
    for (job, age, want) in [
        (BuildJob::default(), 2, "going"),
        (BuildJob::default(), 3, "waiting"),
        (BuildJob { suspended: true, ..BuildJob::default() }, 5000, "waiting"),
        (failed, 1, "Errored"),
        (BuildJob { complete: true, ..BuildJob::default() }, 1, "Passed"),
        (
            by_policy(
                "Container build for pod ci-a/x failed with exit code 3 matching FailJob rule at index 1",
            ),
            1,
            "Failed",
        ),
        (
            by_policy("Container db for pod ci-a/x failed with exit code 3 matching FailJob rule at index 1"),
            1,
            "Errored",
        ),
        (
            by_policy("Pod ci-a/x has condition DisruptionTarget matching FailJob rule at index 0"),
            1,
            "Errored",
        ),
        (refused("pods \"x\" is forbidden: exceeded quota: q"), 999, "waiting"),
        (refused("pods \"x\" is forbidden: exceeded quota: q"), 1000, "Errored"),
        (refused("pods \"x\" is forbidden: violates PodSecurity"), 99, "waiting"),
        (refused("pods \"x\" is forbidden: violates PodSecurity"), 100, "Errored"),
    ] {
        assert_eq!(word(&judge(&job, None, "build", NOW, age, BOUNDS)), want, "{job:?}");
    }
}

#[test]
fn a_pod_without_the_build_container_leaves_it_to_the_job() {
    let renamed = |phase: &str, code| Pod {
        containers: vec![container("other", false, ended(code, "Completed"))],
        ..pod(phase, State::Unknown)
    };
    let complete = BuildJob { complete: true, ..BuildJob::default() };
    let failed =
        BuildJob { failed: Some(("BackoffLimitExceeded".into(), "m".into())), ..BuildJob::default() };
    for (job, pod, want) in [
        (BuildJob::default(), renamed("Succeeded", 0), "going"),
        (complete, renamed("Succeeded", 0), "Passed"),
        (failed, renamed("Failed", 3), "Errored"),
    ] {
        assert_eq!(word(&judge(&job, Some(&pod), "build", NOW, 1, BOUNDS)), want, "{job:?}");
    }
}

#[test]
fn a_job_that_is_deleted_in_the_foreground() {
    let job = BuildJob { deleted: true, ..BuildJob::default() };
    let going = Pod { deleted: true, ..pod("Running", State::Running) };
    let passed = Pod { deleted: true, ..pod("Succeeded", ended(0, "Completed")) };
    for (pod, want) in [(Some(&going), "gone"), (None, "gone"), (Some(&passed), "Passed")] {
        assert_eq!(word(&judge(&job, pod, "build", NOW, 1, BOUNDS)), want, "{pod:?}");
    }
}

#[test]
fn a_failure_counts_although_others_run_on_in_the_pod() {
    let mut pod = pod("Running", ended(3, "Error"));
    pod.containers.push(container("proxy", false, State::Running));
    pod.grace = Some(10);
    let at = |pod: &Pod, second: i64| {
        let now = NOW + second.seconds();
        judge(&BuildJob::default(), Some(pod), "build", now, second, BOUNDS)
    };
    assert_eq!(at(&pod, 1000), Judged::Going(None), "it is not known when it ended");
    pod.containers[1].ended = Some(NOW + 100.seconds());
    let runs_on = "container build exited with code 3, and container proxy runs on".to_owned();
    assert_eq!(at(&pod, 114), Judged::Going(Some(runs_on)), "an eviction is told within its grace");
    let failed = Judged::Over(Verdict::Failed, "container build exited with code 3".to_owned());
    assert_eq!(at(&pod, 115), failed);
    let evicted = Pod { disrupted: Some("TerminationByKubelet".into()), ..pod.clone() };
    assert_eq!(word(&at(&evicted, 115)), "Errored");
    let deadline = Pod { phase: "Failed".into(), reason: "DeadlineExceeded".into(), ..pod.clone() };
    assert_eq!(word(&at(&deadline, 101)), "Errored");
}

#[test]
fn causes_name_container_and_code() {
    let exits = exits(&pod("Failed", ended(3, "Error")));
    assert_eq!(exits.iter().map(|exit| exit.code).collect::<Vec<_>>(), [0, 3]);
    for (state, cause) in [
        (ended(0, "Completed"), "container build exited with code 0"),
        (ended(3, "Error"), "container build exited with code 3"),
        (ended(128, "StartError"), "container build exited with code 128 (StartError)"),
    ] {
        let Judged::Over(_, told) = judged(&pod("Failed", state), 1) else { panic!("{cause}") };
        assert_eq!(told, cause);
    }
}

#[test]
fn a_process_that_was_killed_for_memory_is_told_of_whatever_the_exit() {
    let limited = |state: State| {
        let mut pod = pod("Failed", state);
        pod.containers[1].memory = Some("64Mi".to_owned());
        pod
    };
    let unlimited = |state: State| pod("Failed", state);
    let with = |build: State, init: bool, state: State, last: State| {
        let mut pod = limited(build);
        pod.containers.push(Container {
            memory: Some("1Gi".to_owned()),
            last,
            ..container("db", init, state)
        });
        pod
    };
    let killed = |code| ended(code, "OOMKilled");
    let failed_in_init = Pod {
        containers: vec![
            Container { memory: Some("32Mi".to_owned()), ..container("fetch", true, killed(137)) },
            container("build", false, waiting("PodInitializing")),
        ],
        ..pod("Failed", State::Unknown)
    };
    let deadline = Pod { reason: "DeadlineExceeded".into(), ..limited(killed(137)) };
    let db = "a process of container db was killed for memory (OOMKilled, limit 1Gi)";
    for (pod, verdict, cause) in [
        (
            limited(killed(0)),
            "Passed",
            "container build exited with code 0, although a process of it was killed for memory (OOMKilled, limit \
             64Mi)"
                .to_owned(),
        ),
        (
            unlimited(killed(0)),
            "Passed",
            "container build exited with code 0, although a process of it was killed for memory (OOMKilled, without a \
             limit of its own)"
                .to_owned(),
        ),
        (
            limited(killed(2)),
            "Failed",
            "container build exited with code 2 after a process of it was killed for memory (OOMKilled, limit 64Mi)"
                .to_owned(),
        ),
        (
            limited(killed(137)),
            "Failed",
            "container build was killed for memory (OOMKilled, limit 64Mi, exit code 137)".to_owned(),
        ),
        (
            failed_in_init,
            "Errored",
            "init container fetch was killed for memory (OOMKilled, limit 32Mi, exit code 137); the build itself never \
             ran"
                .to_owned(),
        ),
        // a sidecar is started again
        (
            with(ended(1, "Error"), true, State::Running, killed(137)),
            "Failed",
            format!("container build exited with code 1; {db}"),
        ),
        // an init container that went on, and a container that somebody injected
        (
            with(ended(0, "Completed"), true, killed(0), State::Unknown),
            "Passed",
            format!("container build exited with code 0; {db}"),
        ),
        (
            with(ended(0, "Completed"), false, killed(137), State::Unknown),
            "Passed",
            format!("container build exited with code 0; {db}"),
        ),
        (
            deadline,
            "Errored",
            "the build ran past its deadline; give it more time with the annotation studioci.dev/deadline, or look for \
             what never ends (a build's last command must exit); a process of container build was killed for memory \
             (OOMKilled, limit 64Mi)"
                .to_owned(),
        ),
    ] {
        let Judged::Over(told_verdict, told) = judged(&pod, 1) else { panic!("{pod:?}") };
        assert_eq!((told_verdict.as_str(), told), (verdict, cause));
    }
}

#[test]
fn the_build_containers_own_word_comes_before_its_exit() {
    for (code, reason, want) in [
        (0, "Completed", "it says so (container build exited with code 0)"),
        (3, "Error", "it says so (container build exited with code 3)"),
        (
            137,
            "OOMKilled",
            "it says so (container build was killed for memory (OOMKilled, without a limit of its own, exit code 137))",
        ),
    ] {
        let mut pod = pod("Failed", ended(code, reason));
        pod.containers[1].message = "it says so\nand more".to_owned();
        pod.containers[0].message = "not the init container's".to_owned();
        let Judged::Over(_, cause) = judged(&pod, 1) else { panic!("{code}") };
        assert_eq!(cause, want);
    }
}

#[test]
fn a_job_that_kueue_does_not_admit_is_waited_for_within_the_bound_of_what_may_heal() {
    let queued = BuildJob {
        suspended: true,
        unadmitted: Some(Unadmitted::Said(Some("no quota".to_owned())).of("main")),
        ..BuildJob::default()
    };
    let since = |seconds: i64| BuildJob { suspended_at: Some(NOW - seconds.seconds()), ..queued.clone() };
    let going = pod("Running", State::Running);
    let ended_well = pod("Succeeded", ended(0, "Completed"));
    let deleted = Pod { deleted: true, ..pod("Running", ended(143, "Error")) };
    let gated = Pod { gates: vec!["studioci.dev/support".into()], ..pod("Pending", State::Unknown) };
    let of_others = Pod { gates: vec!["example.com/later".into()], ..pod("Pending", State::Unknown) };
    let admitted = BuildJob::default();
    for (what, job, pod, age, want) in [
        ("in the queue", &queued, None, 999, "unadmitted"),
        ("for too long", &queued, None, 1000, "Errored"),
        ("again", &since(10), None, 5000, "unadmitted"),
        ("again, for too long", &since(1000), None, 5000, "Errored"),
        ("preempted", &queued, Some(&going), 1, "unadmitted"),
        ("preempted, its pod ends", &queued, Some(&deleted), 1, "unadmitted"),
        ("preempted after its end", &queued, Some(&ended_well), 1, "Passed"),
        ("deleted in the queue", &BuildJob { deleted: true, ..queued.clone() }, None, 1, "gone"),
        ("admitted", &admitted, Some(&gated), 5000, "gated"),
        ("held back by others", &admitted, Some(&of_others), 3, "waiting"),
    ] {
        assert_eq!(word(&judge(job, pod, "build", NOW, age, BOUNDS)), want, "{what}");
    }
}
