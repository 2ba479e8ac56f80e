//! Builds, what stands around them, and what that tells.

use serde_json::json;

use super::super::build::{Map, NamespaceView, Verdict};
use super::super::pod::{Container, State};
use super::*;

const CREATED: &str = "2026-11-25T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn build(phase: Phase) -> Build {
    let map = |pairs: &[(&str, &str)]| -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let labels = map(&[("studioci.dev/chain", "app"), ("studioci.dev/phase", phase.as_str())]);
    let annotations = map(&[
        ("studioci.dev/chain-uuid", "c"),
        ("studioci.dev/owner", "o"),
        ("studioci.dev/generation", "1"),
        ("studioci.dev/job-uid", "job"),
    ]);
    Build::read(NamespaceView {
        namespace: "ci-a",
        uid: "u",
        resource_version: "1",
        created: Some(at(CREATED)),
        terminating: false,
        labels: &labels,
        annotations: &annotations,
    })
    .expect("a build")
}

/// A listener as the server tells it, with these annotations.
fn listener(annotations: &serde_json::Value) -> Listener {
    serde_json::from_value(json!({
        "metadata": { "namespace": "ci-a", "name": "build", "creationTimestamp": CREATED, "annotations": annotations },
        "spec": { "replicas": 1 },
    }))
    .expect("a Deployment")
}

fn polled_every(schedule: &str) -> Listener {
    listener(
        &json!({ "keel.sh/policy": "force", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": schedule }),
    )
}

/// A pod whose image cannot be pulled: the listener's, the build's, or one that runs as this ServiceAccount.
fn pod(role: &str) -> Pod {
    let waits = State::Waiting { reason: "ErrImagePull".to_owned(), message: "r/a:1: not found".to_owned() };
    let container =
        Container { name: "build".into(), image: "r/a:1".into(), state: waits, ..Container::default() };
    let (account, controller) = match role {
        "listener" => ("studioci-agent.app", "replicas"),
        "build" => ("default", "job"),
        other => (other, ""),
    };
    Pod {
        namespace: "ci-a".into(),
        account: account.to_owned(),
        controller: controller.to_owned(),
        name: "p".into(),
        containers: vec![container],
        ..Pod::default()
    }
}

const PULL: &str = "image r/a:1 of container build cannot be pulled: ErrImagePull: r/a:1: not found";
const PULL_LISTENER: &str = "image r/a:1 of container build cannot be pulled: ErrImagePull: r/a:1: not found (push r/a:1, \
                             or start from a tag that exists: kubectl studioci start --tag TAG)";
const GONE: &str = "its agent is gone: the namespace has no listener Deployment any more (kubectl studioci start raises a \
                    fresh listener)";
const GONE_LATER: &str = "its agent is gone: the namespace has no listener Deployment any more (a later agent of the chain \
                          ends this build; kubectl studioci start carries on a chain that has none)";
const REFUSED: &str = "the API server refuses the pod of deployment.apps/build: pods \"build-x\" is forbidden: exceeded \
                       quota: q (raise it, or free something: kubectl edit resourcequota -n ci-a q; the listener comes up \
                       by itself then)";
const ANEW: &str = " (kubectl studioci stop app and kubectl studioci start, which raises a fresh listener)";

#[test]
fn what_keeps_a_build_from_going_on() {
    use Phase::{Building, Claimed, Detached, Finished, Listening, Recorded};
    let well = polled_every("@every 1m");
    let zero = Listener { replicas: 0, ..well.clone() };
    let refused = Listener {
        refused: Some("pods \"build-x\" is forbidden: exceeded quota: q".to_owned()),
        ..well.clone()
    };
    let unkeyed = listener(&json!({}));
    let never = listener(&json!({ "keel.sh/policy": "never" }));
    let there = Presence::There(&well);
    let to_zero = "its agent is gone: deployment.apps/build was scaled to 0 (kubectl scale -n ci-a deployment/build \
                   --replicas=1 brings it back)";
    let ours = || vec![pod("listener")];
    let builds = || vec![pod("build")];
    let decoy = || vec![pod("default"), pod("studioci-agent.other")];
    let going_away = || vec![Pod { deleted: true, ..pod("listener") }];
    let unseen = |why: &str| format!("Keel does not see deployment.apps/build: {why}{ANEW}");
    let coming = |phase: &str| {
        let mut pod = Pod { phase: phase.to_owned(), ..pod("listener") };
        pod.containers[0].state = match phase {
            "Running" => State::Running,
            _ => State::Waiting { reason: "ContainerCreating".to_owned(), message: String::new() },
        };
        pod
    };
    let waiting = |phase| Build { waiting: Some("a node".to_owned()), ..build(phase) };
    let settled = |phase| Build { dispatch: Dispatch::Done, verdict: Some(Verdict::Errored), ..build(phase) };
    for (number, (build, listener, pods, trouble)) in vec![
        (build(Listening), there, vec![], None),
        (build(Listening), Presence::Unknown, vec![], None),
        (build(Claimed), Presence::Gone, vec![], Some("its listener is not created yet")),
        (build(Claimed), Presence::Unknown, vec![], Some("its pod is not there yet")),
        (build(Claimed), there, vec![], Some("deployment.apps/build has no pod yet")),
        (
            build(Claimed),
            Presence::There(&Listener { observed: false, ..well.clone() }),
            vec![],
            Some("kube-controller-manager has not taken up deployment.apps/build yet"),
        ),
        (
            build(Claimed),
            there,
            vec![coming("Pending")],
            Some("pod p comes up: container build waits: ContainerCreating"),
        ),
        (build(Claimed), there, vec![coming("Running")], Some("pod p runs, and has not reported yet")),
        (build(Claimed), there, going_away(), Some("deployment.apps/build has no pod yet")),
        (build(Claimed), Presence::There(&refused), vec![], Some(REFUSED)),
        (build(Claimed), Presence::There(&zero), vec![], Some(to_zero)),
        // a bare claim
        (Build { generation: 0, ..build(Claimed) }, Presence::Gone, vec![], None),
        (build(Listening), Presence::Gone, vec![], Some(GONE)),
        (build(Building), Presence::Gone, builds(), Some(GONE_LATER)),
        (build(Building), Presence::There(&zero), vec![], Some(to_zero)),
        (
            Build { waiting: Some("stood down: the chain has ended".to_owned()), ..build(Listening) },
            Presence::There(&Listener { replicas: 0, ..unkeyed.clone() }),
            vec![],
            None,
        ),
        // it has nothing left to do, or its dispatch
        (settled(Recorded), Presence::There(&zero), vec![], None),
        (settled(Finished), Presence::Gone, vec![], None),
        (build(Recorded), Presence::There(&zero), vec![], Some(to_zero)),
        (build(Listening), Presence::There(&refused), vec![], Some(REFUSED)),
        (build(Claimed), there, ours(), Some(PULL_LISTENER)),
        (build(Listening), there, ours(), Some(PULL_LISTENER)),
        (build(Listening), there, going_away(), None),
        (build(Building), there, builds(), Some(PULL)),
        // what a build makes beside, whatever its labels say
        (build(Claimed), there, decoy(), Some("deployment.apps/build has no pod yet")),
        (build(Listening), there, decoy(), None),
        (build(Building), there, decoy(), None),
        // its agent tells of the build's pod, but cannot tell of its own
        (waiting(Building), there, builds(), None),
        (waiting(Building), there, ours(), Some(PULL_LISTENER)),
        (settled(Recorded), there, [ours(), builds()].concat(), None),
        (build(Listening), Presence::There(&unkeyed), vec![], Some(&unseen("there is no Keel policy"))),
        (
            build(Listening),
            Presence::There(&never),
            vec![],
            Some(&unseen("the Keel policy is `never` or empty")),
        ),
        (build(Detached), Presence::There(&unkeyed), vec![], None),
        (Build { terminating: true, ..build(Listening) }, Presence::Gone, ours(), None),
    ]
    .into_iter()
    .enumerate()
    {
        let pods: Vec<&Pod> = pods.iter().collect();
        let signs = Signs::of(&build, listener, &pods, None, at("2026-11-25T10:00:30Z"));
        assert_eq!(signs.sentence().as_deref(), trouble, "row {number}");
    }
    let leaving = Build { terminating: true, ..build(Listening) };
    let signs = Signs::of(&leaving, Presence::Gone, &[], Some("held".to_owned()), at(CREATED));
    assert_eq!(signs.trouble.as_deref(), Some("held"));
}

#[test]
fn a_listener_that_follows_the_template_already_is_told_otherwise() {
    let unplaced = Pod {
        unschedulable: Some("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: }.".to_owned()),
        ..pod("listener")
    };
    let remedy = |annotations: &serde_json::Value| {
        let listener = listener(annotations);
        Signs::of(&build(Phase::Claimed), Presence::There(&listener), &[&unplaced], None, at(CREATED))
            .remedy
            .unwrap()
    };
    let keel = json!({ "keel.sh/policy": "force" });
    assert!(remedy(&keel).contains("studioci.dev/listener-scheduling: template"), "{}", remedy(&keel));
    let followed = json!({ "keel.sh/policy": "force", "studioci.dev/listener-scheduling": "template" });
    assert!(
        remedy(&followed).starts_with("change nodeSelector, affinity or tolerations"),
        "{}",
        remedy(&followed)
    );
}

#[test]
fn keel_is_silent_when_its_schedule_has_passed() {
    let hook = listener(&json!({ "keel.sh/policy": "force", "keel.sh/pollSchedule": "@every 1m" }));
    let moved = Listener { moved: Some(at("2026-11-25T10:30:00Z")), ..polled_every("@every 1m") };
    let default = listener(&json!({ "keel.sh/policy": "force", "keel.sh/trigger": "poll" }));
    for (listener, now, since) in [
        // a minute of schedule, a minute for Keel to write
        (polled_every("@every 1m"), "2026-11-25T10:01:59Z", None),
        (polled_every("@every 1m"), "2026-11-25T10:02:00Z", Some(CREATED)),
        (polled_every("@every 2h"), "2026-11-25T12:00:00Z", None),
        (polled_every("@every 2h"), "2026-11-25T12:01:00Z", Some(CREATED)),
        (polled_every("@hourly"), "2026-11-25T11:00:59Z", None),
        (polled_every("@hourly"), "2026-11-25T11:01:00Z", Some(CREATED)),
        // what Keel cannot read is its default to it
        (polled_every("whenever"), "2026-11-25T10:02:00Z", Some(CREATED)),
        (default, "2026-11-25T10:02:00Z", Some(CREATED)),
        (moved.clone(), "2026-11-25T10:31:00Z", None),
        (moved, "2026-11-25T11:00:00Z", Some("2026-11-25T10:30:00Z")),
        // a webhook comes when it comes
        (hook, "2026-11-26T10:00:00Z", None),
    ] {
        let silent =
            |phase| Signs::of(&build(phase), Presence::There(&listener), &[], None, at(now)).silent_since;
        assert_eq!(silent(Phase::Listening), since.map(at), "{listener:?} at {now}");
        assert_eq!(silent(Phase::Building), None);
    }
}

#[test]
fn a_chain_whose_next_namespace_is_gone() {
    let link = |name: &str, generation, next: Option<&str>| Build {
        namespace: name.to_owned(),
        generation,
        successor: next.map(str::to_owned),
        dispatch: Dispatch::Done,
        ..build(Phase::Finished)
    };
    let lost = |builds: &[Build], unreadable: &[&str]| -> Vec<(String, String)> {
        let there =
            |name: &str| builds.iter().any(|build| build.namespace == name) || unreadable.contains(&name);
        let lost = without_listener(builds, there);
        lost.map(|(build, next)| (build.namespace.clone(), next.to_owned())).collect()
    };
    let chain = [link("a", 1, Some("b")), link("b", 2, Some("c"))];
    assert_eq!(lost(&chain, &[]), [("b".to_owned(), "c".to_owned())]);
    assert_eq!(lost(&chain, &["c"]), []);
    assert_eq!(lost(&[chain[0].clone(), chain[1].clone(), link("c", 3, None)], &[]), []);
    // a link in the middle was disposed of
    assert_eq!(lost(&[chain[0].clone(), link("c", 3, None)], &[]), []);
    assert_eq!(lost(&[Build { terminating: true, ..chain[1].clone() }], &[]), []);
    assert_eq!(lost(&[Build { dispatch: Dispatch::Ended, ..chain[1].clone() }], &[]), []);
}
