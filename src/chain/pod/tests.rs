//! Tests of what a pod says.

use super::*;
use serde_json::json;

fn container(image: &str, image_id: &str) -> Container {
    Container {
        name: "build".to_owned(),
        image: image.to_owned(),
        image_id: image_id.to_owned(),
        container_id: "containerd://1".to_owned(),
        state: State::Running,
        ..Container::default()
    }
}

#[test]
fn only_a_digest_that_a_registry_gave_counts() {
    let digest = format!("sha256:{}", "1f".repeat(32));
    let known = Ran::Digest(Digest::parse(&digest).expect("well formed"));
    for (image, image_id, want) in [
        ("r:5000/app:1", format!("r:5000/app@{digest}"), known.clone()),
        ("app:1", format!("docker.io/library/app@{digest}"), known.clone()),
        ("app:1", format!("docker-pullable://app@{digest}"), known.clone()),
        ("app:1", format!("[::1]:5000/team/app@{digest}"), known.clone()),
        // promoted from one repository to another, and the node has both
        ("r:5000/app:1", format!("r:5000/staging/app@{digest}"), known),
        ("app:1", format!("localhost/app@{digest}"), Ran::SideLoaded),
        ("app:1", digest.clone(), Ran::SideLoaded),
        ("app:1", format!("docker.io/library/import-2026@{digest}"), Ran::SideLoaded),
        ("app:1", String::new(), Ran::Pending),
        ("app:1", format!("docker.io/library//app@{digest}"), Ran::SideLoaded),
        ("app:1", format!("docker.io/o/App@{digest}"), Ran::SideLoaded),
    ] {
        assert_eq!(container(image, &image_id).ran(), want, "{image} {image_id}");
    }
}

#[test]
fn a_status_of_an_earlier_start_does_not_count() {
    let digest = format!("sha256:{}", "1f".repeat(32));
    let mut container = container("app:1", &format!("docker.io/library/app@{digest}"));
    container.state = State::Waiting { reason: "PodInitializing".into(), message: String::new() };
    assert_eq!(container.ran(), Ran::Pending);
    container.state = State::Running;
    container.container_id.clear();
    assert_eq!(container.ran(), Ran::Pending);
}

#[test]
fn what_dies_at_once_was_seen_too() {
    let digest = format!("sha256:{}", "1f".repeat(32));
    let mut container = container("app:1", &format!("docker.io/library/app@{digest}"));
    for state in [
        State::Terminated { code: 1, reason: "Error".into() },
        State::Waiting { reason: "CrashLoopBackOff".into(), message: "back-off".into() },
    ] {
        container.state = state;
        assert!(matches!(container.ran(), Ran::Digest(_)), "{:?}", container.state);
    }
    container.state = State::Waiting { reason: "ErrImagePull".into(), message: "of the next run".into() };
    assert_eq!(container.ran(), Ran::Pending);
}

#[test]
fn registry_and_node_are_no_verdict_on_an_image() {
    let waiting =
        |reason: &str, message: &str| State::Waiting { reason: reason.into(), message: message.into() };
    let ended = |code| State::Terminated { code, reason: "StartError".into() };
    for (state, images) in [
        (State::Running, true),
        (ended(128), true),
        (ended(0), true),
        (waiting("CrashLoopBackOff", "back-off 10s"), true),
        (
            waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root"),
            true,
        ),
        (
            waiting("CreateContainerError", "unable to find user nobody: no matching entries in passwd file"),
            true,
        ),
        (waiting("RunContainerError", "mkdir /src: read-only file system"), true),
        (waiting("CreateContainerError", "write /var/lib/x: no space left on device"), false),
        (waiting("CreateContainerError", "context deadline exceeded"), false),
        (waiting("RunContainerError", "failed to reserve container name"), false),
        (waiting("PreCreateHookError", "not enough cpus available to satisfy request"), false),
        (waiting("PreStartHookError", "cannot allocate devices"), false),
        (waiting("ErrImagePull", "r/app:1: not found"), false),
        (waiting("ImagePullBackOff", "connection refused"), false),
        (waiting("InvalidImageName", "r/App"), false),
        (waiting("ContainerCreating", ""), false),
        (waiting("PodInitializing", ""), false),
        (State::Unknown, false),
    ] {
        let mut container = container("app:1", "");
        container.state = state;
        let silence = container.silence();
        assert_eq!(matches!(silence, Silence::Image(_)), images, "{:?}: {silence:?}", container.state);
    }
}

#[test]
fn a_pod_is_read_as_the_api_server_writes_it() {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "build-x", "deletionTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "initContainers": [{"name": "agent", "image": "a:1"}],
            "containers": [{"name": "build", "image": "app:1"}],
        },
        "status": {
            "phase": "Failed", "reason": "Evicted", "message": "low on memory",
            "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": "m"}],
            "initContainerStatuses": [{"name": "agent", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
            "containerStatuses": [{"name": "build", "restartCount": 2, "imageID": "i",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
        },
    }))
    .expect("a pod");
    assert!(pod.deleted && pod.containers[0].init && !pod.containers[1].init);
    assert_eq!(pod.disrupted.as_deref(), Some("TerminationByKubelet: m"));
    assert_eq!(
        pod.trouble().as_deref(),
        Some("container build crashes again and again (2 restarts, last with exit code 137 (OOMKilled))")
    );
}

#[test]
fn a_containers_memory_is_what_it_has_else_what_it_asked_for_else_its_pods() {
    let limits = |memory: &str| json!({ "limits": { "memory": memory } });
    let mut pod = json!({
        "spec": { "containers": [{ "name": "build", "resources": { "limits": null } }] },
        "status": { "containerStatuses": [{ "name": "build",
            "state": { "terminated": { "exitCode": 0, "reason": "OOMKilled" } } }] },
    });
    let read = |pod: &serde_json::Value| {
        let pod: Pod = serde_json::from_value(pod.clone()).expect("a pod");
        assert!(pod.containers[0].state.out_of_memory());
        pod.containers[0].lacking()
    };
    assert_eq!(read(&pod), "OOMKilled, without a limit of its own");
    pod["spec"]["resources"] = limits("1Gi");
    assert_eq!(read(&pod), "OOMKilled, limit 1Gi");
    pod["spec"]["containers"][0]["resources"] = limits("64Mi");
    assert_eq!(read(&pod), "OOMKilled, limit 64Mi");
    pod["status"]["containerStatuses"][0]["resources"] = limits("128Mi");
    assert_eq!(read(&pod), "OOMKilled, limit 128Mi");
}

#[test]
fn trouble_names_the_image_that_cannot_be_pulled() {
    let mut build = container("r/app:9", "");
    build.state =
        State::Waiting { reason: "ErrImagePull".into(), message: "r/app:9: not found\nmore".into() };
    let pod = Pod { name: "p".into(), containers: vec![build], ..Pod::default() };
    assert_eq!(
        pod.trouble().as_deref(),
        Some("image r/app:9 of container build cannot be pulled: ErrImagePull: r/app:9: not found")
    );
}

#[test]
fn a_word_is_the_builds_own_and_neither_its_log_nor_the_runtimes() {
    let read = |policy: &str, reason: &str| {
        let end =
            json!({ "exitCode": 3, "reason": reason, "message": "\u{1b}[31mtests fail\u{1b}[0m\nmore" });
        let pod: Pod = serde_json::from_value(json!({
            "metadata": { "name": "p" },
            "spec": { "containers": [{ "name": "build", "terminationMessagePolicy": policy }] },
            "status": { "containerStatuses": [{ "name": "build", "state": { "terminated": end } }] },
        }))
        .unwrap();
        pod.containers[0].word()
    };
    let word = Some("tests fail".to_owned());
    for (policy, reason, want) in [
        ("File", "Error", word.clone()),
        ("File", "Completed", word.clone()),
        ("File", "OOMKilled", word),
        ("FallbackToLogsOnError", "Error", None),
        ("File", "StartError", None),
        ("File", "ContainerCannotRun", None),
    ] {
        assert_eq!(read(policy, reason), want, "{policy} {reason}");
    }
}

#[test]
fn what_is_started_again_is_told_from_what_is_not() {
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "p" },
        "spec": {
            "restartPolicy": "Never",
            "initContainers": [{ "name": "init" }, { "name": "db", "restartPolicy": "Always" }],
            "containers": [{ "name": "build" }],
        },
    }))
    .unwrap();
    assert!(!pod.restarts);
    let sidecars: Vec<bool> = pod.containers.iter().map(|one| one.sidecar).collect();
    assert_eq!(sidecars, [false, true, false]);
}
