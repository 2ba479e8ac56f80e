//! `chain_05`: every row of the table of verdicts, made for real, and what hangs is named while it hangs.
//!
//! One chain, a push a row, each with a pipeline of its own in its image. The builds run beside each other, so the
//! rows that wait for a bound cost no time of their own.

use serde_json::{Value, json};

use crate::world::{World, documents};

/// How long what cannot heal may stand still, in these proofs.
const PENDING: &str = "20s";

/// What a person does to a build while it runs or hangs.
type Deed = fn(&World, &str);

/// A push, what becomes of it, and what is told of it.
struct Row {
    what: &'static str,
    script: &'static str,
    /// Changes the documents of the pipeline.
    edit: fn(&mut Vec<Value>),
    /// While it hangs, what `status` says of it.
    named: &'static [&'static str],
    deed: Option<Deed>,
    verdict: &'static str,
    /// What the cause says.
    cause: &'static [&'static str],
    /// Exit codes in home's history.
    exits: &'static [(&'static str, i64)],
    /// What an event in home's history says.
    event: &'static str,
}

const ENDLESS: &str = "sleep infinity\n";
/// By its path it is a process of its own, and the kernel kills that one: the shell is smaller.
const CHILD: &str = "/bin/hog\necho \"it ended with $?\"\nexit 0\n";

const ROW: Row = Row {
    what: "",
    script: ENDLESS,
    edit: |_| {},
    named: &[],
    deed: None,
    verdict: "Errored",
    cause: &[],
    exits: &[],
    event: "",
};

/// Rows that wait for a bound come first.
const ROWS: [Row; 16] = [
    Row {
        what: "the image of a sidecar cannot be pulled",
        edit: |all| {
            let image = format!("{}-missing:1", repository(all));
            let sidecar = json!({ "name": "helper", "image": image });
            build_pod(all)["containers"].as_array_mut().unwrap().push(sidecar);
        },
        named: &["-missing:1 of container helper cannot be pulled"],
        cause: &["-missing:1 of container helper cannot be pulled", "the bound is 20 s"],
        event: "Failed Pod/studioci-build",
        ..ROW
    },
    Row {
        what: "a Secret that the pod reads is missing",
        edit: |all| {
            let secret = json!({ "secretKeyRef": { "name": "nowhere", "key": "a" } });
            build_pod(all)["containers"][0]["env"] = json!([{ "name": "A", "valueFrom": secret }]);
        },
        named: &["container build waits: CreateContainerConfigError", "\"nowhere\" not found"],
        cause: &["\"nowhere\" not found", "the bound is 20 s"],
        ..ROW
    },
    Row {
        what: "a LimitRange that the pipeline brings refuses the pod",
        edit: |all| {
            // without a request of its own it would get the least
            build_pod(all)["containers"][0]["resources"] = json!({ "requests": { "cpu": "10m" } });
            all.push(json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "large" },
                "spec": { "limits": [{ "type": "Container", "min": { "cpu": "1" } }] } }));
        },
        named: &["the API server refuses the build's pod", "minimum cpu usage per Container"],
        cause: &["minimum cpu usage per Container", "the bound is 20 s"],
        event: "FailedCreate Job/studioci-build",
        ..ROW
    },
    Row {
        what: "a quota is in the way until it is raised",
        script: "exit 0",
        // the listener's own pod is the first
        edit: |all| {
            all.push(json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "tight" },
                "spec": { "hard": { "pods": "1" } } }));
        },
        named: &["a quota refuses the build's pod", "exceeded quota: tight"],
        deed: Some(|world, namespace| {
            let raise = r#"{"spec":{"hard":{"pods":"9"}}}"#;
            world
                .kubectl(&["patch", "resourcequota", "tight", "-n", namespace, "--type=merge", "-p", raise])
                .ok();
        }),
        verdict: "Passed",
        cause: &["container build exited with code 0"],
        exits: &[("build", 0)],
        event: "exceeded quota: tight",
    },
    Row {
        what: "support does not get ready until its image is there",
        script: "exit 0",
        edit: |all| {
            let image = format!("{}-absent:1", repository(all));
            all.push(
                json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "db" }, "spec": {
                "selector": { "matchLabels": { "app": "db" } },
                "template": { "metadata": { "labels": { "app": "db" } }, "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{ "name": "db", "image": image, "command": ["sleep", "infinity"] }],
                } },
            } }),
            );
        },
        named: &[
            "support is not ready: Deployment/db has 0 of 1 ready",
            "-absent:1 of container db cannot be pulled",
        ],
        deed: Some(|world, namespace| {
            let image = format!("db={}:build-0001", world.image());
            world.kubectl(&["set", "image", "deployment/db", &image, "-n", namespace]).ok();
        }),
        verdict: "Passed",
        cause: &["container build exited with code 0"],
        exits: &[("build", 0)],
        ..ROW
    },
    Row {
        what: "no node takes the pod, and the Job is deleted",
        edit: |all| build_pod(all)["nodeSelector"] = json!({ "example.com/disk": "none" }),
        named: &["no node takes the build's pod", "didn't match Pod's node affinity/selector"],
        deed: Some(|world, namespace| {
            world.kubectl(&["delete", "job", "studioci-build", "-n", namespace, "--wait=false"]).ok();
        }),
        verdict: "Cancelled",
        cause: &["the build's Job was deleted"],
        event: "FailedScheduling Pod/studioci-build",
        ..ROW
    },
    Row {
        what: "the Job of a running build is deleted, its pod first",
        deed: Some(|world, namespace| {
            running(world, namespace);
            let job = ["job", "studioci-build", "-n", namespace];
            let how = ["delete", "--cascade=foreground", "--wait=false"];
            world.kubectl(&[&how[..], &job[..]].concat()).ok();
        }),
        verdict: "Cancelled",
        cause: &["the build's Job was deleted"],
        ..ROW
    },
    Row {
        what: "the deadline",
        edit: |all| build(all)["metadata"]["annotations"]["studioci.dev/deadline"] = "5s".into(),
        cause: &["ran past its deadline", "studioci.dev/deadline"],
        ..ROW
    },
    Row {
        what: "exit 0",
        script: "exit 0",
        verdict: "Passed",
        cause: &["container build exited with code 0"],
        exits: &[("build", 0)],
        ..ROW
    },
    Row {
        what: "exit 3",
        script: "exit 3",
        verdict: "Failed",
        cause: &["container build exited with code 3"],
        exits: &[("build", 3)],
        ..ROW
    },
    Row {
        what: "out of memory",
        script: "hog\n",
        edit: |all| {
            build_pod(all)["containers"][0]["resources"] = json!({ "limits": { "memory": "64Mi" } });
        },
        verdict: "Failed",
        cause: &["container build was killed for memory (OOMKilled, limit 64Mi, exit code 137)"],
        exits: &[("build", 137)],
        ..ROW
    },
    Row {
        what: "a process of it is out of memory, and the script goes on",
        script: CHILD,
        edit: |all| {
            build_pod(all)["containers"][0]["resources"] = json!({ "limits": { "memory": "64Mi" } });
        },
        verdict: "Passed",
        cause: &[
            "container build exited with code 0, although a process of it was killed for memory (OOMKilled, limit 64Mi)",
        ],
        exits: &[("build", 0)],
        ..ROW
    },
    Row {
        what: "an init container is out of memory",
        script: "exit 0",
        edit: |all| {
            let image = build_pod(all)["containers"][0]["image"].clone();
            build_pod(all)["initContainers"] = json!([{ "name": "checkout", "image": image, "command": ["hog"],
                "resources": { "limits": { "memory": "64Mi" } } }]);
        },
        cause: &[
            "init container checkout was killed for memory (OOMKilled, limit 64Mi, exit code 137)",
            "never ran",
        ],
        exits: &[("checkout", 137)],
        ..ROW
    },
    Row {
        what: "an init container fails",
        script: "exit 0",
        edit: |all| {
            let image = build_pod(all)["containers"][0]["image"].clone();
            build_pod(all)["initContainers"] =
                json!([{ "name": "checkout", "image": image, "command": ["sh", "-c", "exit 7"] }]);
        },
        cause: &["init container checkout exited with code 7", "never ran"],
        exits: &[("checkout", 7)],
        ..ROW
    },
    Row {
        what: "evicted",
        deed: Some(|world, namespace| {
            let pod = running(world, namespace);
            let eviction = json!({ "apiVersion": "policy/v1", "kind": "Eviction",
                "metadata": { "name": pod, "namespace": namespace } });
            let body = world.file("eviction.json", &eviction.to_string());
            let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
            world.kubectl(&["create", "--raw", &path, "-f", &body]).ok();
        }),
        cause: &["disrupted", "EvictionByEvictionAPI"],
        ..ROW
    },
    Row {
        what: "the pod is deleted by hand",
        deed: Some(|world, namespace| {
            let pod = running(world, namespace);
            world.kubectl(&["delete", "pod", &pod, "-n", namespace, "--wait=false"]).ok();
        }),
        cause: &["the build's pod was deleted while it ran"],
        ..ROW
    },
];

fn base(world: &World) -> Vec<Value> {
    let annotations = json!({
        "keel.sh/policy": "glob:build-*", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1s",
        "studioci.dev/max-parallel": ROWS.len().to_string(), "studioci.dev/pending-deadline": PENDING,
        "studioci.dev/build-container": "build",
    });
    vec![
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": "any", "labels": { "pod-security.kubernetes.io/enforce": "baseline" } } }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "build", "annotations": annotations },
            "spec": {
                "selector": { "matchLabels": { "app": "build" } },
                "template": { "metadata": { "labels": { "app": "build" } }, "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "build",
                        "image": format!("{}:build-0001", world.image()),
                        "command": ["sh", "/ci/build.sh"],
                    }],
                } },
            } }),
    ]
}

fn build(documents: &mut [Value]) -> &mut Value {
    &mut documents[1]
}

fn build_pod(documents: &mut [Value]) -> &mut Value {
    &mut build(documents)["spec"]["template"]["spec"]
}

fn repository(documents: &mut [Value]) -> String {
    let image = build_pod(documents)["containers"][0]["image"].as_str().unwrap().to_owned();
    image.rsplit_once(':').unwrap().0.to_owned()
}

/// Waits until a build's pod runs; its name.
fn running(world: &World, namespace: &str) -> String {
    world.until("the build's pod runs", || {
        let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]);
        let pod = &pods["items"][0];
        let runs = pod["status"]["containerStatuses"][0]["state"]["running"].is_object();
        runs.then(|| pod["metadata"]["name"].as_str().unwrap().to_owned())
    })
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_05_every_row_of_the_table_of_verdicts() {
    let world = World::new("chain-05v");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &documents(&base(&world)));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let mut digests = Vec::new();
    for (generation, row) in (1..).zip(&ROWS) {
        let mut pipeline = base(&world);
        (row.edit)(&mut pipeline);
        let text = documents(&pipeline);
        let tag = format!("build-{:04}", generation + 1);
        let files = [("ci/.studioci/pipeline.yaml", text.as_str())];
        digests.push(world.push_with(&tag, row.what, row.script, &files, &[]));
        let build = world.phase(generation, "Triggered");
        if !row.named.is_empty() {
            is_named(&world, generation, row);
        }
        if let Some(deed) = row.deed {
            deed(&world, build["metadata"]["name"].as_str().unwrap());
        }
        world.phase(generation + 1, "Listening");
    }
    for (generation, (row, digest)) in (1..).zip(ROWS.iter().zip(&digests)) {
        assert_eq!(world.verdict(generation), row.verdict, "{}", row.what);
        is_told(&world, generation, row, digest);
    }
    assert_eq!(world.builds().len(), ROWS.len() + 1);
}

/// What hangs says why, while it hangs.
fn is_named(world: &World, generation: u64, row: &Row) {
    let status = world.until(&format!("{}: named", row.what), || {
        let build = world.build(generation)?;
        let why = build["status"]["why"].as_str()?;
        row.named.iter().all(|words| why.contains(words)).then(|| build["status"].clone())
    });
    assert!(status["verdict"].is_null(), "{}: {status}", row.what);
    let reasons = [&status["waiting"], &status["trouble"]];
    assert!(reasons.iter().any(|reason| reason.is_string()), "{}: {status}", row.what);
}

/// `status`, `watch` and home tell the same.
fn is_told(world: &World, generation: u64, row: &Row, digest: &str) {
    let what = row.what;
    let tag = format!("build-{:04}", generation + 1);
    let build = world.build(generation).unwrap();
    let (name, status) = (build["metadata"]["name"].as_str().unwrap(), &build["status"]);
    let cause = status["cause"].as_str().unwrap();
    for words in row.cause {
        assert!(cause.contains(words), "{what}: {words:?} is not in {cause:?}");
    }
    assert_eq!(status["why"], cause, "{what}");
    assert_eq!((&status["tag"], &status["digest"]), (&json!(tag), &json!(digest)), "{what}");
    assert_eq!(status["dispatch"], "done", "{what}");
    assert!(status["durationSeconds"].is_u64() && status["waiting"].is_null(), "{what}: {status}");

    world.until(&format!("{what}: nothing is left that could run yet"), || {
        let pods = world.get(&["pods", "-n", name, "-l", "studioci.dev/role=build"]);
        let ended = |pod: &Value| matches!(pod["status"]["phase"].as_str(), Some("Failed" | "Succeeded"));
        pods["items"].as_array()?.iter().all(ended).then_some(())
    });
    if row.verdict == "Errored" {
        assert_eq!(world.get(&["job", "studioci-build", "-n", name])["spec"]["suspend"], true);
    }

    let watched = world.studioci(&["watch", name]);
    let code = i32::from(row.verdict != "Passed");
    assert_eq!(watched.code, code, "{what}: {watched:?}");
    let verdict = watched.out.lines().find(|line| line.contains(&format!("  {} after ", row.verdict)));
    assert!(verdict.is_some_and(|line| line.contains(cause)), "{what}: {}", watched.out);

    let history = world.get(&["configmap", "history-chain-05v", "-n", "studioci"]);
    let entry = history["data"][format!("build.{generation:08}")].as_str().unwrap();
    let entry: Value = serde_json::from_str(entry).unwrap();
    assert_eq!((&entry["verdict"], &entry["cause"]), (&json!(row.verdict), &json!(cause)), "{what}");
    assert_eq!((&entry["namespace"], &entry["uid"]), (&json!(name), &build["metadata"]["uid"]), "{what}");
    assert_eq!(entry["image"], world.image(), "{what}");
    assert_eq!(entry["version"], format!("{tag}@{digest}"), "{what}");
    for phase in ["claimed", "listening", "triggered", "detached", "preparing", "building", "recorded"] {
        assert!(entry["times"][phase].is_string(), "{what}: {phase} in {}", entry["times"]);
    }
    for (container, code) in row.exits {
        let exits = entry["exits"].as_array().unwrap();
        let ended = exits.iter().any(|exit| exit["container"] == *container && exit["code"] == *code);
        assert!(ended, "{what}: {exits:?}");
    }
    let events = entry["events"].as_array().cloned().unwrap_or_default();
    let decided = events.iter().filter_map(Value::as_str).any(|event| event.contains(row.event));
    assert!(row.event.is_empty() || decided, "{what}: {events:?}");
}
