//! How lists come in pages, and when they end.

use serde_json::{Value, json};
use testkit::{Reply, SeenRequest};

use super::super::resource::{CONFIG_MAPS, NAMESPACES};
use super::*;

fn page(names: &[&str], version: &str, next: &str) -> Value {
    let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
    json!({"metadata": {"resourceVersion": version, "continue": next}, "items": items})
}

#[tokio::test(start_paused = true)]
async fn a_quorum_list_comes_in_pages_and_with_the_servers_clock() {
    let (cluster, server) = Cluster::scripted(|seen| {
        let date = vec![("date", "Tue, 24 Nov 2026 20:50:33 GMT".to_owned())];
        match seen.parameter("continue") {
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
        assert_eq!(seen.parameter("limit"), Some("500"));
        assert_eq!(seen.parameter("labelSelector"), Some("x%3Dy"));
        assert_eq!(seen.parameter("resourceVersion"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_continue_token_expired_begins_anew() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Json(200, page(&["a"], "7", "p2")),
        1 => Reply::Status(410, "Expired", "the provided continue parameter is too old"),
        _ => Reply::Json(200, page(&["a", "b"], "9", "")),
    });
    let list: List<Value> = cluster.list(&NAMESPACES, None, &Query::default()).await.unwrap();
    assert_eq!((list.items.len(), list.resource_version.as_str()), (2, "9"));
    assert_eq!(server.count(), 3);

    let (cluster, server) = Cluster::scripted(|seen| match seen.parameter("continue") {
        None => Reply::Json(200, page(&["a"], "7", "p2")),
        Some(_) => Reply::Status(410, "Expired", "too old"),
    });
    let result = cluster.list::<Value>(&NAMESPACES, None, &Query::default()).await;
    assert!(matches!(result, Err(Error::Gone { .. })));
    assert_eq!(server.count(), 8, "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_cached_list_is_one_request() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Json(200, json!({"metadata": {}, "items": null})));
    let query = Query::named("x").cached();
    let list: List<Value> = cluster.list(&NAMESPACES, None, &query).await.unwrap();
    assert!(list.items.is_empty());
    let seen = &server.seen()[0];
    assert_eq!(seen.parameter("resourceVersion"), Some("0"));
    assert_eq!(seen.parameter("limit"), Some("500"));
    assert_eq!(seen.parameter("fieldSelector"), Some("metadata.name%3Dx"));
}

/// A page of objects of 200 KB each, as many as the request allows; `count` are left from the one that `continue` names.
fn flood(seen: &SeenRequest, count: usize) -> Reply {
    let limit: usize = seen.parameter("limit").unwrap().parse().unwrap();
    let from: usize = seen.parameter("continue").map_or(0, |at| at.parse().unwrap());
    let limit = if seen.parameter("resourceVersion").is_some() { count } else { limit };
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
    let (cluster, server) = Cluster::scripted(|seen| flood(seen, 100));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default()).await.unwrap();
    assert_eq!(list.items.iter().map(|item| item.n).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
    let asked: Vec<_> =
        server.seen().iter().map(|seen| seen.parameter("limit").unwrap().to_owned()).collect();
    assert_eq!(asked[..3], ["500", "62", "7"]);
    assert_eq!(asked.len(), 2 + 15, "15 pages of 7");
}

#[tokio::test(start_paused = true)]
async fn what_the_cache_cannot_answer_in_one_piece_comes_in_pages() {
    let (cluster, server) = Cluster::scripted(|seen| flood(seen, 400));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default().cached()).await.unwrap();
    assert_eq!(list.items.len(), 400);
    let cached = server.seen().iter().filter(|seen| seen.parameter("resourceVersion").is_some()).count();
    assert_eq!(cached, 1);
}

#[tokio::test(start_paused = true)]
async fn no_more_is_asked_for_than_is_wanted() {
    let (cluster, server) = Cluster::scripted(|seen| flood(seen, 700));
    let list: List<Numbered> = cluster.list(&NAMESPACES, None, &Query::default().at_most(20)).await.unwrap();
    assert_eq!(list.items.len(), 20);
    assert_eq!(server.seen()[0].parameter("limit"), Some("20"));
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn one_object_that_is_too_large_and_a_list_without_an_end_are_errors() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Json(200, json!({ "x": "x".repeat(9 << 20) })));
    let error = cluster.get::<Value>(&CONFIG_MAPS, Some("n"), "x").await.unwrap_err();
    assert_eq!(error.to_string(), "configmap/x in namespace n: the answer is larger than 8 MiB");
    assert_eq!(server.count(), 1, "it will not be smaller the next time");
    let endless = || {
        let items = json!([{ "n": 1, "message": "x".repeat(7 << 20) }]);
        Reply::Json(200, json!({ "metadata": { "continue": "more" }, "items": items }))
    };
    let (cluster, server) = Cluster::scripted(move |_| endless());
    let error = cluster.list::<Numbered>(&NAMESPACES, None, &Query::default()).await.err().unwrap();
    assert_eq!(error.to_string(), "list of namespaces: the answer is larger than 256 MiB");
    assert_eq!(server.count(), 37);
}
