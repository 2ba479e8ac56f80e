//! What is told of builds while somebody watches them.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply};

use super::*;
use crate::chain::head::Head;

fn namespace(name: &str, version: u32, phase: &str, more: &[(&str, &str)]) -> Value {
    let mut annotations = json!({ wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: "1" });
    for (key, value) in more {
        annotations[*key] = json!(value);
    }
    json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": version.to_string(),
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: phase },
        "annotations": annotations,
    } })
}

/// What is told of these events, after this list.
async fn told(
    wanted: WantedBuilds<'static>,
    list: Vec<Value>,
    events: Vec<Value>,
) -> (Vec<String>, Vec<String>) {
    let selectors = Arc::new(Mutex::new(Vec::new()));
    let asked = Arc::clone(&selectors);
    let (cluster, _) = Cluster::scripted(move |request| {
        asked.lock().unwrap().push(request.selector("labelSelector").clone());
        if request.query.contains("watch=true") {
            return Reply::events(&events, BodyEnd::Silence);
        }
        if request.path.contains("/configmaps/") {
            let all: Vec<Value> =
                events.iter().map(|event| event["object"].clone()).chain(list.clone()).collect();
            let head = Head::objects_of(&all).into_iter().next();
            return head.map_or(Reply::Status(404, "NotFound", "x"), |head| Reply::Json(200, head));
        }
        let items = if request.path == "/api/v1/namespaces" { list.clone() } else { Vec::new() };
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let known = Overview::of(
        crate::cluster::List {
            items: vec![serde_json::from_value(namespace("ci-a", 1, "Listening", &[])).unwrap()],
            resource_version: "1".to_owned(),
            date: None,
        },
        wanted.labels,
    );
    let mut lines = Vec::new();
    let mut tell = |happening: Happening, seen: &Overview| {
        let build = &seen.builds[0];
        lines.push(format!("{happening:?} {} {}", build.namespace, build.phase));
        ControlFlow::Continue(())
    };
    let following = Box::pin(follow(&cluster, wanted, known, &mut tell));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(20), following).await.is_err(), "it goes on");
    let selectors = selectors.lock().unwrap().clone();
    (lines, selectors)
}

#[tokio::test(start_paused = true)]
async fn each_change_is_told_once_and_a_sign_of_life_is_none() {
    let event = |kind: &str, object: Value| json!({ "type": kind, "object": object });
    let list = vec![namespace("ci-a", 1, "Listening", &[])];
    let (lines, _) = told(
        WantedBuilds::default(),
        list,
        vec![
            event(
                "MODIFIED",
                namespace("ci-a", 2, "Listening", &[(wire::HEARTBEAT, "2026-01-02T03:04:05Z")]),
            ),
            event("MODIFIED", namespace("ci-a", 3, "Triggered", &[])),
            event("ADDED", namespace("ci-b", 4, "Claimed", &[])),
            event("MODIFIED", namespace("ci-b", 5, "Dreaming", &[])),
            event("DELETED", namespace("ci-a", 6, "Triggered", &[])),
        ],
    )
    .await;
    assert_eq!(
        lines,
        ["Modified ci-a Triggered", "Added ci-b Claimed", "Deleted ci-a Triggered"],
        "one that was edited by hand tells nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn what_happened_between_the_list_and_the_watch_is_told() {
    let list = vec![namespace("ci-b", 7, "Building", &[])];
    let (lines, selectors) =
        told(WantedBuilds { selector: Some("a=b"), ..WantedBuilds::default() }, list, Vec::new()).await;
    assert_eq!(lines, ["Deleted ci-a Listening", "Added ci-b Building"]);
    let of_list = "app.kubernetes.io/managed-by=studioci,studioci.dev/chain,a=b";
    assert_eq!(
        selectors.iter().filter(|selector| *selector == of_list).count(),
        2,
        "by list and watch: {selectors:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_only_says_that_it_is_a_build_is_told_as_that_while_somebody_watches() {
    let real = || namespace("ci-a", 1, "Listening", &[]);
    let copy = |version, phase| namespace("ci-x", version, phase, &[(wire::VERDICT, "Passed")]);
    let (cluster, record) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            let event = |kind: &str, object: Value| json!({ "type": kind, "object": object });
            let events = [
                event("ADDED", copy(2, "Building")),
                event("MODIFIED", copy(3, "Finished")),
                event("MODIFIED", namespace("ci-a", 4, "Triggered", &[])),
                event("DELETED", copy(5, "Finished")),
            ];
            return Reply::events(&events, BodyEnd::Silence);
        }
        if request.path.contains("/configmaps/") {
            return Reply::Json(200, Head::objects_of(&[real()]).remove(0));
        }
        let items = if request.path == "/api/v1/namespaces" { vec![real()] } else { Vec::new() };
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let mut lines = Vec::new();
    let mut tell = |happening: Happening, seen: &Overview| {
        let build = &seen.builds[0];
        lines.push(format!("{happening:?} {} {}", build.namespace, seen.unproved(build).is_none()));
        ControlFlow::Continue(())
    };
    let known = super::super::status(&cluster, WantedBuilds::default()).await.unwrap();
    let following = Box::pin(follow(&cluster, WantedBuilds::default(), known, &mut tell));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(20), following).await.is_err(), "it goes on");
    assert_eq!(
        lines,
        ["Added ci-x false", "Modified ci-x false", "Modified ci-a true", "Deleted ci-x false"]
    );
    let asked = record.asked().iter().filter(|asked| asked.contains("/configmaps/")).count();
    assert_eq!(asked, 3, "once about what is proved, at each change about what is not: {:?}", record.asked());
}
