//! `native_07`: what happened to a build as a cluster's own means show it: Events, labels, and what its pods have reserved.

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{World, gated};

/// Type, reason, object and message of the Events about a Namespace, in the order of their times, as kubectl's table has them.
fn table(world: &World, namespace: &str) -> Vec<(String, String, String, String)> {
    let ours = "involvedObject.kind=Namespace,source=studioci";
    let sorted = "--sort-by=.lastTimestamp";
    let list = ["get", "events", "-n", namespace, "--field-selector", ours, sorted, "--no-headers"];
    let said = world.kubectl(&list).ok();
    let row = |line: &str| {
        let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).skip(1);
        let mut cell = || cells.next().unwrap_or_else(|| panic!("{line}")).to_owned();
        (cell(), cell(), cell(), cell())
    };
    said.lines().map(row).collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_07_events_labels_and_what_was_reserved_are_seen_by_kubectl() {
    let world = World::new("native-07");
    world.push("build-0001", "1", "exit 0");
    let requests = "        resources: {requests: {cpu: 20m, memory: 16Mi}}\n        volumeMounts:";
    let pipeline = world.pipeline("build-0001", GLOB).replace("        volumeMounts:", requests);
    let file = world.file("p.yaml", &(pipeline + &world.support()));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    // a pod's times are whole seconds
    world.push("build-0002", "2", &format!("sleep 2; {}", gated("two", 3)));
    world.phase(1, "Building");
    page_shows_what_runs(&world, &first);
    // an agent that starts anew says nothing twice
    let listener = "studioci.dev/role=listener";
    world.kubectl(&["delete", "pod", "-n", &first, "-l", listener, "--wait=true"]).ok();
    world.open("two");
    assert_eq!(world.verdict(1), "Failed");
    world.phase(1, "Finished");
    let all = world.until("the Event of the last phase", || {
        let all = table(&world, &first);
        all.iter().any(|event| event.1 == "Finished").then_some(all)
    });
    let mut reasons: Vec<&str> = all.iter().map(|event| event.1.as_str()).collect();
    reasons.retain(|reason| *reason != "Queued");
    reasons.sort_unstable();
    let wanted =
        ["Building", "Detached", "Failed", "Finished", "Listening", "Preparing", "Recorded", "Triggered"];
    assert_eq!(reasons, wanted, "{all:?}");
    for (kind, reason, object, message) in &all {
        assert_eq!(kind, if reason == "Failed" { "Warning" } else { "Normal" });
        assert_eq!(*object, format!("namespace/{first}"));
        match reason.as_str() {
            "Triggered" => assert!(message.contains(":build-0002@sha256:"), "{message}"),
            "Failed" => assert!(message.starts_with("Failed after ") && message.contains('3'), "{message}"),
            _ => {}
        }
    }
    // kubectl's younger verb finds them by the object
    let of = world.kubectl(&["events", "-n", &first, "--for", &format!("namespace/{first}")]).ok();
    assert_eq!(of.lines().count(), all.len() + 1, "{of}");

    let labels = format!("studioci.dev/verdict=Failed,studioci.dev/chain={}", world.chain);
    let found = world.kubectl(&["get", "ns", "-l", &labels, "-o", "name"]).ok();
    assert_eq!(found.trim(), format!("namespace/{first}"));
    let none = world.kubectl(&["get", "ns", "-l", &labels.replace("Failed", "Passed"), "-o", "name"]).ok();
    assert_eq!(none, "");

    let build = world.build(1).unwrap();
    let reserved = &build["status"]["reserved"];
    assert!(reserved["missing"].is_null(), "{build}");
    let sum = |name: &str| {
        ["waiting", "building"].iter().filter_map(|part| reserved[part][name].as_f64()).sum::<f64>()
    };
    let seconds = sum("cpu") / 0.02;
    assert!((1.0..120.0).contains(&seconds), "{reserved}");
    assert!((sum("memory") / f64::from(16 << 20) - seconds).abs() < 0.5, "of the same pod: {reserved}");
    let chains = world.studioci(&["status", "--chains", "-o", "json"]).ok();
    let chains: Value = serde_json::from_str(&chains).unwrap();
    let chain = chains["items"].as_array().unwrap().iter().find(|it| it["metadata"]["name"] == world.chain);
    assert_eq!(chain.unwrap()["status"]["reserved"]["building"], reserved["building"], "{chains}");
    let wide = world.studioci(&["status", "--chains", "-o", "wide"]).ok();
    assert!(wide.contains("core-seconds, memory "), "{wide}");
    let report = world.studioci(&["report", world.chain, "-o", "json"]).ok();
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["summary"]["reserved"]["building"], reserved["building"], "{report}");
    let page = world.studioci(&["report", &first]).ok();
    assert!(page.contains("Reserved building"), "{page}");
    assert!(page.contains("Deployment/db") && page.contains("Warning"), "{page}");
}

/// The report on a build that runs has its support, its pods as kubectl shows them, and the latest events.
fn page_shows_what_runs(world: &World, build: &str) {
    let seen = world.until("a report that has kubectl's pods", || {
        let said = world.kubectl(&["get", "pods", "-n", build, "--no-headers"]).ok();
        let mut rows: Vec<Vec<String>> = Vec::new();
        for line in said.lines() {
            rows.push(line.split_whitespace().take(4).map(str::to_owned).collect());
        }
        let report = world.studioci(&["report", build, "-o", "json"]).ok();
        let report: Value = serde_json::from_str(&report).unwrap();
        let text = |it: &Value| it.as_str().unwrap().to_owned();
        let row = |it: &Value| {
            let ready = format!("{}/{}", it["ready"], it["containers"]);
            vec![text(&it["name"]), ready, text(&it["status"]), it["restarts"].to_string()]
        };
        let mut told: Vec<Vec<String>> = report["status"]["pods"].as_array()?.iter().map(row).collect();
        told.sort();
        rows.sort();
        (told == rows && rows.len() >= 3).then_some(report)
    });
    let status = &seen["status"];
    let db = json!([{ "kind": "Deployment", "name": "db", "ready": 1, "replicas": 1, "scaledUp": 1 }]);
    assert_eq!(status["support"], db, "{seen}");
    let pods = status["pods"].as_array().unwrap();
    assert!(pods.iter().any(|pod| pod["controlledBy"] == "Job/studioci-build"), "{seen}");
    let events = status["latestEvents"].as_array().unwrap();
    assert!(events.iter().any(|event| event["reason"] == "Building"), "{seen}");
}
