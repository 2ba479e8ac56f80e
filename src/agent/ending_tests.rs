//! What is ended, in which way, and what is left alone.

use super::*;
use crate::chain::pod::Container;

const AGENT: &str = "studioci-agent.app";

const BUILD: OverBuild<'_> =
    OverBuild { account: AGENT, verdict: Some(Verdict::Passed), job: Some("job"), container: "build" };

fn maker(uid: &str) -> PodMaker {
    PodMaker { name: format!("n-{uid}"), uid: uid.to_owned(), replicas: 1, ..PodMaker::default() }
}

fn made_by(controller: &str, uid: &str) -> PodMaker {
    PodMaker { controller: controller.to_owned(), ..maker(uid) }
}

fn pod(controller: &str, uid: &str) -> Pod {
    Pod {
        name: format!("n-{uid}"),
        uid: uid.to_owned(),
        controller: controller.to_owned(),
        account: "default".to_owned(),
        phase: "Running".to_owned(),
        ..Pod::default()
    }
}

fn with(pod: Pod, container: &str, state: State) -> Pod {
    let one = Container { name: container.to_owned(), state, ..Container::default() };
    let containers = pod.containers.iter().cloned().chain([one]).collect();
    Pod { containers, ..pod }
}

fn ended() -> State {
    State::Terminated { code: 0, reason: "Completed".to_owned() }
}

fn told(surroundings: &Surroundings, build: &OverBuild<'_>, first: bool) -> Vec<String> {
    let due = surroundings.due(build, first).into_iter().filter(|due| due.ending != Ending::Left);
    let line = |due: Due| {
        let how = match due.ending {
            Ending::Left => unreachable!("left out"),
            Ending::Suspend => "suspended".to_owned(),
            Ending::ToZero { remember: None } => "to 0".to_owned(),
            Ending::ToZero { remember: Some(count) } => format!("to 0, {count} before"),
            Ending::Delete => "deleted".to_owned(),
        };
        format!("{}/{} {how}", due.kind.kind, due.uid)
    };
    due.map(line).collect()
}

#[test]
fn each_kind_is_ended_in_its_way_and_whatever_would_bring_others_back_before_them() {
    let makers = POD_MAKERS.iter().map(|kind| (*kind, PodMaker { replicas: 3, ..maker("u") })).collect();
    let all = Surroundings { makers, pods: vec![pod("", "p")] };
    let want = [
        "CronJob/u suspended",
        "HorizontalPodAutoscaler/u deleted",
        "DaemonSet/u deleted",
        "Deployment/u to 0, 3 before",
        "StatefulSet/u to 0, 3 before",
        "ReplicaSet/u to 0, 3 before",
        "ReplicationController/u to 0, 3 before",
        "Job/u suspended",
        "Pod/p deleted",
    ];
    for first in [true, false] {
        assert_eq!(told(&all, &BUILD, first), want);
    }
}

#[test]
fn what_has_ended_or_is_the_agents_or_the_builds_own_is_left_alone() {
    let left = |change: fn(&mut PodMaker)| {
        let mut it = maker("u");
        change(&mut it);
        it
    };
    for (kind, it, what) in [
        (kind::JOBS, left(|it| it.over = true), "a Job that has ended"),
        (kind::JOBS, left(|it| it.suspended = true), "a suspended Job"),
        (kind::JOBS, left(|it| it.uid = "job".into()), "the build's own Job"),
        (kind::JOBS, left(|it| it.deleted = true), "a Job whose finalizer holds it"),
        (kind::CRON_JOBS, left(|it| it.suspended = true), "a suspended CronJob"),
        (kind::DEPLOYMENTS, left(|it| it.replicas = 0), "a Deployment at 0"),
        (kind::DEPLOYMENTS, left(|it| it.account = AGENT.into()), "the listener"),
        (kind::REPLICA_SETS, left(|it| it.account = AGENT.into()), "the listener's ReplicaSet"),
        (kind::DAEMON_SETS, left(|it| it.deleted = true), "a DaemonSet that is going"),
    ] {
        let all = Surroundings { makers: vec![(kind, it)], pods: Vec::new() };
        assert_eq!(told(&all, &BUILD, true), [""; 0], "{what}");
        assert_eq!(told(&all, &BUILD, false), [""; 0], "{what}");
    }
    for (it, what) in [
        (Pod { phase: "Succeeded".into(), ..pod("", "p") }, "a pod that is over"),
        (Pod { phase: "Failed".into(), ..pod("job", "p") }, "the build's pod"),
        (Pod { deleted: true, ..pod("", "p") }, "a pod whose finalizer holds it"),
        (Pod { account: AGENT.into(), ..pod("", "p") }, "the agent's own"),
        (
            with(with(pod("job", "p"), "build", ended()), "db", State::Running),
            "the build's pod with a sidecar",
        ),
    ] {
        let all = Surroundings { makers: Vec::new(), pods: vec![it] };
        assert_eq!(told(&all, &BUILD, true), [""; 0], "{what}");
        assert_eq!(told(&all, &BUILD, false), [""; 0], "{what}");
    }
}

#[test]
fn labels_names_and_owners_that_imitate_ours_spare_nothing() {
    for (kind, it, what) in [
        (kind::DEPLOYMENTS, PodMaker { name: "build".into(), ..maker("u") }, "the listener's name"),
        (
            kind::DEPLOYMENTS,
            PodMaker { account: "studioci-agent.apps".into(), ..maker("u") },
            "another agent",
        ),
        (kind::JOBS, PodMaker { name: "studioci-build".into(), ..maker("u") }, "another Job of that name"),
        (kind::JOBS, made_by("cron", "u"), "a Job of a CronJob"),
        (kind::DEPLOYMENTS, made_by("anything", "u"), "a Deployment with a controller"),
        (kind::REPLICA_SETS, made_by("anything", "u"), "a ReplicaSet of no Deployment"),
    ] {
        let all = Surroundings { makers: vec![(kind, it)], pods: Vec::new() };
        assert_eq!(told(&all, &BUILD, true).len(), 1, "{what}");
    }
    let lie = || pod("job", "p");
    let errored = OverBuild { verdict: Some(Verdict::Errored), ..BUILD };
    let without_job = OverBuild { job: None, ..BUILD };
    for (it, build, what) in [
        (pod("nobody", "p"), BUILD, "a controller that is not there"),
        (lie(), BUILD, "the build's Job, without its container"),
        (with(lie(), "build", State::Running), BUILD, "the build's Job, whose work it has not done"),
        (with(with(lie(), "x", ended()), "build", State::Running), BUILD, "another container has ended"),
        (with(lie(), "build", ended()), errored, "the Job of a build that is Errored is suspended"),
        (with(lie(), "build", ended()), without_job, "a build that never had a Job"),
    ] {
        let all = Surroundings { makers: vec![(kind::DEPLOYMENTS, maker("d"))], pods: vec![it] };
        assert_eq!(told(&all, &build, true), ["Deployment/d to 0, 1 before", "Pod/p deleted"], "{what}");
    }
}

#[test]
fn what_controllers_made_is_left_to_them_once() {
    let zero = |uid: &str| PodMaker { remembered: true, replicas: 0, ..maker(uid) };
    let all = Surroundings {
        makers: vec![
            (kind::DEPLOYMENTS, PodMaker { remembered: true, ..maker("d") }),
            (kind::STATEFUL_SETS, zero("s")),
            (kind::REPLICA_SETS, made_by("d", "r")),
            (kind::JOBS, maker("j")),
            (kind::JOBS, PodMaker { over: true, ..maker("o") }),
        ],
        pods: vec![
            pod("r", "1"),
            pod("s", "2"),
            pod("j", "3"),
            pod("o", "4"),
            pod("d", "5"),
            pod("job", "6"),
        ],
    };
    assert_eq!(
        told(&all, &BUILD, true),
        // of a Job that has ended nobody ends a pod, and a Deployment has none of its own
        ["Deployment/d to 0", "Job/j suspended", "Pod/4 deleted", "Pod/5 deleted", "Pod/6 deleted"]
    );
    let second = told(&all, &BUILD, false);
    assert!(second.contains(&"ReplicaSet/r to 0, 1 before".to_owned()), "{second:?}");
    assert_eq!(second.iter().filter(|line| line.starts_with("Pod/")).count(), 6, "{second:?}");
}

#[test]
fn what_support_and_its_controllers_run_is_not_taken_for_the_builds() {
    for support in [true, false] {
        let all = Surroundings {
            makers: vec![
                (kind::DEPLOYMENTS, PodMaker { support, ..maker("d") }),
                (kind::STATEFUL_SETS, PodMaker { support, ..maker("s") }),
                (kind::REPLICA_SETS, made_by("d", "r")),
            ],
            pods: vec![pod("r", "1"), pod("s", "2")],
        };
        let due = all.due(&BUILD, true);
        let left = due.iter().filter(|due| due.ending == Ending::Left).map(|due| due.uid.as_str());
        assert_eq!(left.collect::<Vec<_>>(), ["r", "1", "2"]);
        assert!(due.iter().all(|due| due.made != support), "{due:?}");
    }
}
