//! What each verb sends.

use super::super::resource::{CONFIG_MAPS, DEPLOYMENTS, NAMESPACES};
use super::super::scripted::{Reply, Scripted};
use super::super::{Access, IN_FLIGHT};
use super::*;

fn page(names: &[&str], version: &str, next: &str) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
    json!({"metadata": {"resourceVersion": version, "continue": next}, "items": items})
}

fn parameter<'a>(query: &'a str, key: &str) -> Option<&'a str> {
    query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
}

#[tokio::test(start_paused = true)]
async fn a_quorum_list_comes_in_pages_and_with_the_servers_clock() {
    let (cluster, server) = Scripted::serve(|seen| {
        let date = vec![("date", "Tue, 24 Nov 2026 20:50:33 GMT".to_owned())];
        match parameter(&seen.query, "continue") {
            None => Reply::With(200, date, page(&["a", "b"], "7", "p2")),
            Some("p2") => Reply::With(200, date, page(&["c"], "7", "")),
            Some(other) => panic!("{other}"),
        }
    });
    let list: List<Value> = cluster.list(&NAMESPACES, None, &Query::labels("x=y")).await.unwrap();
    assert_eq!(list.items.len(), 3);
    assert_eq!(list.resource_version, "7");
    assert_eq!(list.date, "2026-11-24T20:50:33Z".parse().ok());
    for seen in server.seen() {
        assert_eq!(parameter(&seen.query, "limit"), Some("500"));
        assert_eq!(parameter(&seen.query, "labelSelector"), Some("x%3Dy"));
        assert_eq!(parameter(&seen.query, "resourceVersion"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_continue_token_expired_begins_anew() {
    let (cluster, server) = Scripted::serve(|seen| match seen.number {
        0 => Reply::Json(200, page(&["a"], "7", "p2")),
        1 => Reply::Status(410, "Expired", "the provided continue parameter is too old"),
        _ => Reply::Json(200, page(&["a", "b"], "9", "")),
    });
    let list: List<Value> = cluster.list(&NAMESPACES, None, &Query::default()).await.unwrap();
    assert_eq!((list.items.len(), list.resource_version.as_str()), (2, "9"));
    assert_eq!(server.count(), 3);

    let (cluster, server) = Scripted::serve(|seen| match parameter(&seen.query, "continue") {
        None => Reply::Json(200, page(&["a"], "7", "p2")),
        Some(_) => Reply::Status(410, "Expired", "too old"),
    });
    let result = cluster.list::<Value>(&NAMESPACES, None, &Query::default()).await;
    assert!(matches!(result, Err(Error::Gone { .. })));
    assert_eq!(server.count(), 8, "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_cached_list_is_one_request() {
    let (cluster, server) = Scripted::serve(|_| Reply::Json(200, json!({"metadata": {}, "items": null})));
    let query = Query::named("x").cached();
    let list: List<Value> = cluster.list(&NAMESPACES, None, &query).await.unwrap();
    assert!(list.items.is_empty());
    let seen = &server.seen()[0];
    assert_eq!(parameter(&seen.query, "resourceVersion"), Some("0"));
    assert_eq!(parameter(&seen.query, "limit"), Some("500"));
    assert_eq!(parameter(&seen.query, "fieldSelector"), Some("metadata.name%3Dx"));
}

/// A page of objects of 200 KB each, as many as the request allows; `count` are left from the one that `continue` names.
fn flood(seen: &crate::cluster::scripted::Seen, count: usize) -> Reply {
    let limit: usize = parameter(&seen.query, "limit").unwrap().parse().unwrap();
    let from: usize = parameter(&seen.query, "continue").map_or(0, |at| at.parse().unwrap());
    let limit = if parameter(&seen.query, "resourceVersion").is_some() { count } else { limit };
    let end = (from + limit).min(count);
    let items: Vec<Value> = (from..end).map(|n| json!({ "n": n, "message": "x".repeat(200_000) })).collect();
    let next = if end < count { end.to_string() } else { String::new() };
    Reply::Json(200, json!({ "metadata": { "resourceVersion": "7", "continue": next }, "items": items }))
}

/// Of an object of the flood, what is kept.
#[derive(serde::Deserialize)]
struct Numbered {
    n: usize,
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let (cluster, server) = Scripted::serve(|seen| flood(seen, 100));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default()).await.unwrap();
    assert_eq!(list.items.iter().map(|item| item.n).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    let asked: Vec<_> =
        server.seen().iter().map(|seen| parameter(&seen.query, "limit").unwrap().to_owned()).collect();
    assert_eq!(asked[..3], ["500", "62", "7"]);
    assert_eq!(asked.len(), 2 + 15, "15 pages of 7");
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_cannot_answer_in_one_piece_comes_in_pages() {
    let (cluster, server) = Scripted::serve(|seen| flood(seen, 400));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default().cached()).await.unwrap();
    assert_eq!(list.items.len(), 400);
    let cached =
        server.seen().iter().filter(|seen| parameter(&seen.query, "resourceVersion").is_some()).count();
    assert_eq!(cached, 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_asked_for_than_is_wanted() {
    let (cluster, server) = Scripted::serve(|seen| flood(seen, 700));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default().at_most(20)).await.unwrap();
    assert_eq!(list.items.len(), 20);
    assert_eq!(parameter(&server.seen()[0].query, "limit"), Some("20"));
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_object_that_is_too_large_and_a_list_without_an_end_are_errors() {
    let (cluster, server) = Scripted::serve(|_| Reply::Json(200, json!({ "x": "x".repeat(9 << 20) })));
    let error = cluster.get::<Value>(&CONFIG_MAPS, Some("n"), "x").await.unwrap_err();
    assert_eq!(error.to_string(), "configmap/x in namespace n: the answer is larger than 8 MiB");
    assert_eq!(server.count(), 1, "it will not be smaller the next time");
    let endless = || {
        let items = json!([{ "n": 1, "message": "x".repeat(7 << 20) }]);
        Reply::Json(200, json!({ "metadata": { "continue": "more" }, "items": items }))
    };
    let (cluster, server) = Scripted::serve(move |_| endless());
    let error = cluster.list::<Numbered>(&NAMESPACES, None, &Query::default()).await.err().unwrap();
    assert_eq!(error.to_string(), "list of namespaces: the answer is larger than 256 MiB");
    assert_eq!(server.count(), 37);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_none_and_what_cannot_be_read_is_an_error() {
    let (cluster, _) = Scripted::serve(|_| Reply::Status(404, "NotFound", "no"));
    assert_eq!(cluster.get::<Value>(&CONFIG_MAPS, Some("n"), "x").await.unwrap(), None);
    let (cluster, _) = Scripted::serve(|_| Reply::Json(200, json!(["a"])));
    let error = cluster.get::<super::super::objects::Job>(&DEPLOYMENTS, Some("n"), "x").await.unwrap_err();
    assert!(
        error.to_string().starts_with("deployment.apps/x in namespace n: the server's answer cannot be read"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_write_names_its_manager_and_none_is_forced() {
    let (cluster, server) = Scripted::serve(|_| Reply::Json(200, json!({})));
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "7"}});
    let here = Some("n");
    let steps = json!([{"op": "add", "path": "/data/a", "value": "b"}]);
    cluster.create::<Value>(&CONFIG_MAPS, here, &object, &Create::default()).await.unwrap();
    cluster.apply::<Value>(&CONFIG_MAPS, here, &object, true).await.unwrap();
    cluster.patch::<Value>(&CONFIG_MAPS, here, "x", Patch::Json(&steps)).await.unwrap();
    cluster.patch::<Value>(&CONFIG_MAPS, here, "x", Patch::Merge(&object)).await.unwrap();
    cluster
        .patch_subresource::<Value>(&DEPLOYMENTS, here, "x", "scale", Patch::Merge(&object), false)
        .await
        .unwrap();
    let seen = server.seen();
    let types: Vec<&str> = seen.iter().map(|seen| seen.headers["content-type"].to_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "application/json",
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/merge-patch+json",
        ]
    );
    for seen in &seen {
        assert_eq!(parameter(&seen.query, "fieldManager"), Some("kubectl-studioci"), "{}", seen.method);
        assert_ne!(parameter(&seen.query, "force"), Some("true"));
    }
    assert_eq!(parameter(&seen[0].query, "fieldValidation"), Some("Strict"));
    assert_eq!(parameter(&seen[1].query, "dryRun"), Some("All"));
    assert_eq!(seen[4].path, "/apis/apps/v1/namespaces/n/deployments/x/scale");
}

#[tokio::test(start_paused = true)]
async fn a_delete_carries_its_conditions() {
    let (cluster, server) = Scripted::serve(|_| Reply::Json(200, json!({})));
    let how = Delete { resource_version: Some("7".to_owned()), dry_run: true, ..Delete::uid("u") };
    let deletion = cluster.delete(&CONFIG_MAPS, Some("n"), "x", &how).await.unwrap();
    assert_eq!(deletion, Deletion::Accepted);
    assert_eq!(
        server.seen()[0].body,
        json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"],
            "preconditions": {"uid": "u", "resourceVersion": "7"},
        })
    );
    let (cluster, _) = Scripted::serve(|_| Reply::Status(409, "Conflict", "the UID in the precondition"));
    assert!(cluster.delete(&CONFIG_MAPS, Some("n"), "x", &how).await.unwrap_err().is_conflict());
}

#[tokio::test(start_paused = true)]
async fn rights_are_asked_for_in_order_and_eight_at_a_time() {
    let (cluster, server) = Scripted::serve(|seen| {
        let verb = &seen.body["spec"]["resourceAttributes"]["verb"];
        Reply::Json(201, json!({"status": {"allowed": verb == "get"}}))
    });
    let rights: Vec<Access> =
        ["get", "list", "get"].map(|verb| Access::to(verb, &DEPLOYMENTS, Some("n"))).to_vec();
    assert_eq!(cluster.can_i(&rights).await.unwrap(), [true, false, true]);
    assert_eq!(
        server.seen()[1].body["spec"]["resourceAttributes"],
        json!({"verb": "list", "group": "apps", "resource": "deployments", "namespace": "n"})
    );
    assert_eq!(rights[1].to_string(), "list deployments.apps in the namespace n");

    let (cluster, server) = Scripted::serve(|_| Reply::Silence);
    let many: Vec<Access> = (0..20).map(|_| rights[0].clone()).collect();
    tokio::time::timeout(std::time::Duration::from_secs(1), cluster.can_i(&many)).await.unwrap_err();
    assert_eq!(server.count(), IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn versions() {
    let (cluster, _) = Scripted::serve(|_| {
        Reply::Json(200, json!({"major": "1", "minor": "30+", "gitVersion": "v1.30.2-x"}))
    });
    let version = cluster.version().await.unwrap();
    assert_eq!((version.numbers(), version.git_version.as_str()), (Some((1, 30)), "v1.30.2-x"));
    assert_eq!(ServerVersion::default().numbers(), None);
}
