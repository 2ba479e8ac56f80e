//! What `watch` says of builds that were edited by hand.

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply};

use super::*;

/// A Namespace of a build in that phase.
fn namespace(phase: &str) -> Value {
    json!({ "metadata": {
        "name": "ci-a", "uid": "u", "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: phase },
        "annotations": { wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: "1" },
    } })
}

/// Watches a namespace in phase `first`, which somebody moves to `then`.
async fn watched(name: Option<&str>, first: &'static str, then: &'static str) -> String {
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            let event = json!({ "type": "MODIFIED", "object": namespace(then) });
            return Reply::events(&[event], BodyEnd::Silence);
        }
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": [namespace(first)] }))
    });
    match Box::pin(watch(&cluster, name, None, None, &mut |_| {})).await {
        Err(error) => format!("{error}\n{}", error.said().1),
        Ok(done) => panic!("{done:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_edited_by_hand_is_named_and_not_guessed_at() {
    let dreaming = watched(Some("ci-a"), "Dreaming", "Dreaming").await;
    insta::assert_snapshot!(dreaming, @r#"
        namespace ci-a: studioci.dev/phase "Dreaming" cannot be read
        it was edited by hand: restore it (kubectl label --overwrite namespace ci-a studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        "#);
    assert_eq!(watched(None, "Dreaming", "Dreaming").await, dreaming, "nothing else is there to watch");
    assert_eq!(watched(Some("app"), "Listening", "Dreaming").await, dreaming, "edited while it is watched");
    insta::assert_snapshot!(watched(Some("app"), "Dreaming", "Dreaming").await, @r#"
        there is no chain and no build called "app"
        it may be one of those that were edited by hand: ci-a
        "#);
}

/// What is followed of two chains where none is named: the namespace, or why none is.
async fn followed(here: Option<&str>) -> std::result::Result<String, String> {
    let of = |name: &str, chain: &str| {
        let mut it = namespace("Listening");
        it["metadata"]["name"] = json!(name);
        it["metadata"]["labels"][wire::CHAIN] = json!(chain);
        it
    };
    let all = [of("ci-a", "app-main"), of("ci-b", "app-fix"), of("app-odd", "other")];
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            return Reply::Stream(Vec::new(), BodyEnd::Silence);
        }
        let items: Vec<&Value> = all.iter().filter(|it| request.selects(it)).collect();
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    match Box::pin(watch(&cluster, None, here, Some(Duration::from_secs(9)), &mut |_| {})).await {
        Err(Error::NoVerdict { namespace, .. }) => Ok(namespace),
        other => Err(other.unwrap_err().to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_name_the_chain_of_the_checkout_is_followed_where_it_is_there() {
    assert_eq!(followed(Some("app-main")).await.unwrap(), "ci-a");
    assert_eq!(followed(Some("app-fix")).await.unwrap(), "ci-b");
    let several = "there are several chains: app-fix, app-main, other";
    for elsewhere in [None, Some("app-gone"), Some("no such/label")] {
        assert_eq!(followed(elsewhere).await.unwrap_err(), several, "{elsewhere:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_agent_can_say_is_looked_for_from_outside() {
    let refused = json!({ "metadata": { "namespace": "ci-a", "name": "build" },
        "spec": { "replicas": 1, "template": { "spec": { "serviceAccountName": "studioci-agent.app" } } },
        "status": { "conditions": [{ "type": "ReplicaFailure", "status": "True",
            "message": "pods \"build-x\" is forbidden: exceeded quota: q" }] } });
    let (cluster, record) = Cluster::scripted(move |request| {
        let list = |items: &[Value]| {
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        };
        match request.path.as_str() {
            _ if request.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
            "/apis/apps/v1/namespaces/ci-a/deployments" => list(std::slice::from_ref(&refused)),
            "/api/v1/namespaces/ci-a/pods" => list(&[]),
            _ => list(&[namespace("Claimed")]),
        }
    });
    let told = std::cell::RefCell::new(Vec::new());
    let mut tell = |change: &Change| told.borrow_mut().extend(change.outside.clone());
    let watching = watch(&cluster, Some("ci-a"), None, Some(Duration::from_secs(60)), &mut tell);
    assert!(matches!(Box::pin(watching).await, Err(Error::NoVerdict { .. })));
    let told = told.into_inner();
    let [why] = &told[..] else { panic!("said once: {told:?}") };
    assert!(why.contains("exceeded quota: q (raise it, or free something"), "{why}");
    let looks = record.asked().iter().filter(|asked| asked.contains("/deployments")).count();
    assert!((2..=6).contains(&looks), "{looks} looks in a minute");
}
