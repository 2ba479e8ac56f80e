//! Every rule of the table in `retry`, against a scripted server on a paused clock.

use std::sync::{Arc, Mutex};

use serde_json::json;
use testkit::{Reply, Scripted, SeenRequest};

use super::super::resource::{CONFIG_MAPS, DEPLOYMENTS, NAMESPACES};
use super::super::{Create, Delete, Deletion, Patch, Query};
use super::*;

type Script = Box<dyn FnMut(&SeenRequest) -> Reply + Send>;

const URL: &str = "/api/v1/namespaces";

fn namespace(owner: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ci-a", "annotations": {"owner": owner}}})
}

/// A server that keeps one namespace. The first POST is kept or not, and answered with `first`.
fn store(kept: Option<Value>, first: Reply, keep_first: bool) -> Script {
    let mut kept = kept;
    let mut posts = 0;
    Box::new(move |seen| match seen.method.as_str() {
        "POST" => {
            posts += 1;
            if kept.is_some() && posts > 1 {
                return Reply::Status(409, "AlreadyExists", "namespaces \"ci-a\" already exists");
            }
            if posts == 1 {
                if keep_first {
                    kept = Some(seen.body.clone());
                }
                return first.clone();
            }
            kept = Some(seen.body.clone());
            Reply::Json(201, seen.body.clone())
        }
        _ => match &kept {
            Some(object) => Reply::Json(200, object.clone()),
            None => Reply::Status(404, "NotFound", "namespaces \"ci-a\" not found"),
        },
    })
}

fn mine(live: &Value) -> bool {
    live["metadata"]["annotations"]["owner"] == "me"
}

async fn claim(cluster: &Cluster) -> Result<Value, Error> {
    let how = Create { dry_run: false, proof: Proof::By(&mine) };
    cluster.create(&NAMESPACES, None, &namespace("me"), &how).await
}

fn etcd() -> Reply {
    Reply::Status(500, "InternalError", "etcdserver: leader changed")
}

/// Every outcome of a POST of which nobody knows whether it landed.
fn uncertain() -> Vec<(&'static str, Reply)> {
    vec![
        ("503", Reply::Status(503, "ServiceUnavailable", "later")),
        ("504", Reply::Status(504, "Timeout", "later")),
        ("502", Reply::Status(502, "", "bad gateway")),
        ("etcd", etcd()),
        (
            "server timeout",
            Reply::Status(500, "ServerTimeout", "the server was unable to complete it in time"),
        ),
        ("reset", Reply::Reset),
        ("half an answer", Reply::Half(201)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_create_that_landed_and_was_answered_with_an_error_is_ours() {
    for (name, reply) in uncertain() {
        let (cluster, server) = Cluster::scripted(store(None, reply, true));
        let live = claim(&cluster).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(mine(&live), "{name}");
        assert_eq!(server.asked(), [format!("POST {URL}"), format!("GET {URL}/ci-a")], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_did_not_land_is_sent_again() {
    for (name, reply) in uncertain() {
        let (cluster, server) = Cluster::scripted(store(None, reply, false));
        claim(&cluster).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(
            server.asked(),
            [format!("POST {URL}"), format!("GET {URL}/ci-a"), format!("POST {URL}")],
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_another_made_meanwhile_is_never_taken_for_ours() {
    for (name, reply) in uncertain() {
        let (cluster, _) = Cluster::scripted(store(Some(namespace("other")), reply, false));
        let error = claim(&cluster).await.unwrap_err();
        assert!(error.is_already_exists(), "{name}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_lands_late_is_found_by_the_409_of_the_second_try() {
    let mut posts = 0;
    let mut gets = 0;
    let (cluster, server) = Cluster::scripted(move |seen| {
        if seen.method == "POST" {
            posts += 1;
            return if posts == 1 { Reply::Reset } else { Reply::Status(409, "AlreadyExists", "taken") };
        }
        gets += 1;
        if gets == 1 { Reply::Status(404, "NotFound", "no") } else { Reply::Json(200, namespace("me")) }
    });
    assert!(mine(&claim(&cluster).await.unwrap()));
    assert_eq!(server.count(), 4);
}

/// A server that has answered before, and does what `script` says from then on.
async fn known(mut script: Script) -> (Cluster, Scripted) {
    let (cluster, server) = Cluster::scripted(move |seen| match seen.number {
        0 => Reply::Json(200, json!({})),
        _ => script(seen),
    });
    cluster.get::<Value>(&NAMESPACES, None, "known").await.unwrap();
    (cluster, server)
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_never_answered_is_looked_for_after_one_bound() {
    for keep in [true, false] {
        let (cluster, server) = known(store(None, Reply::Silence, keep)).await;
        let begun = Instant::now();
        assert!(mine(&claim(&cluster).await.unwrap()));
        assert_eq!(server.count(), if keep { 3 } else { 4 }, "kept: {keep}");
        assert!(begun.elapsed() < Duration::from_secs(18), "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_create_that_was_never_sent_is_simply_sent() {
    let (cluster, server) = known(store(None, Reply::Refused, false)).await;
    claim(&cluster).await.unwrap();
    assert_eq!(server.asked()[1..], [format!("POST {URL}"), format!("POST {URL}")]);
}

#[tokio::test(start_paused = true)]
async fn a_500_that_says_when_to_come_back_is_believed() {
    let body = json!({"kind": "Status", "code": 500, "message": "wait", "details": {"retryAfterSeconds": 7}});
    let (cluster, server) = Cluster::scripted(move |seen| match seen.number {
        0 => Reply::With(500, vec![], body.clone()),
        _ => Reply::Json(200, json!({})),
    });
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    let gap = server.gaps()[0];
    assert!(gap >= Duration::from_secs(7) && gap < Duration::from_secs(12), "{gap:?}");
}

#[tokio::test(start_paused = true)]
async fn a_create_ends_with_its_deadline_however_unwell_the_server_is() {
    for (name, reply) in uncertain() {
        let (cluster, server) = known(Box::new(move |_| reply.clone())).await;
        let begun = Instant::now();
        claim(&cluster).await.unwrap_err();
        assert!(begun.elapsed() <= Duration::from_secs(60), "{name}: {:?}", begun.elapsed());
        assert!(server.count() <= 13, "{name}: {} requests", server.count());
    }
}

#[tokio::test(start_paused = true)]
async fn a_409_at_the_first_try_is_the_callers_business() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Status(409, "AlreadyExists", "taken"));
    assert!(claim(&cluster).await.unwrap_err().is_already_exists());
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_429_is_certain_so_a_create_is_simply_sent_again_after_it() {
    let reply = Reply::With(429, vec![("retry-after", "2".to_owned())], json!({"message": "busy"}));
    let (cluster, server) = Cluster::scripted(store(None, reply, false));
    claim(&cluster).await.unwrap();
    assert_eq!(server.asked(), [format!("POST {URL}"), format!("POST {URL}")]);
    let gap = server.gaps()[0];
    assert!(gap >= Duration::from_secs(2) && gap < Duration::from_secs(4), "{gap:?}");
}

#[tokio::test(start_paused = true)]
async fn the_pause_after_a_429_is_not_the_same_for_all() {
    let mut gaps = Vec::new();
    for _ in 0..8 {
        let (cluster, server) = Cluster::scripted(|seen| match seen.number {
            0 => Reply::With(429, vec![("retry-after", "1".to_owned())], json!({})),
            _ => Reply::Json(200, json!({})),
        });
        cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
        gaps.push(server.gaps()[0]);
    }
    gaps.sort();
    gaps.dedup();
    assert!(gaps.len() > 4, "in step: {gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_creates_nothing_so_it_needs_no_proof() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Reset,
        _ => Reply::Json(201, seen.body.clone()),
    });
    let how = Create { dry_run: true, ..Create::default() };
    cluster.create::<Value>(&NAMESPACES, None, &namespace("me"), &how).await.unwrap();
    assert_eq!(server.asked(), [format!("POST {URL}"), format!("POST {URL}")]);
    assert!(server.seen()[0].query.contains("dryRun=All"));
}

#[tokio::test(start_paused = true)]
async fn a_name_is_never_left_to_the_server() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Json(201, json!({})));
    let object = json!({"kind": "Namespace", "metadata": {"generateName": "ci-"}});
    let result = cluster.create::<Value>(&NAMESPACES, None, &object, &Create::default()).await;
    assert!(matches!(result, Err(Error::Invalid { .. })));
    assert_eq!(server.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn reads_and_repeatable_writes_are_sent_again_after_every_passing_trouble() {
    for (name, reply) in uncertain() {
        let reply = Arc::new(Mutex::new(reply));
        let serve = || {
            let reply = Arc::clone(&reply);
            Cluster::scripted(move |seen| match seen.number {
                0 => reply.lock().unwrap().clone(),
                _ => Reply::Json(200, json!({"metadata": {"name": "x"}, "items": []})),
            })
        };
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}});
        let body = json!({"data": {"a": "b"}});
        let here = Some("n");

        let (cluster, server) = serve();
        assert!(cluster.get::<Value>(&CONFIG_MAPS, here, "x").await.unwrap().is_some(), "{name}");
        assert_eq!(server.count(), 2, "get after {name}");

        let (cluster, server) = serve();
        cluster.list::<Value>(&CONFIG_MAPS, here, &Query::default()).await.unwrap();
        assert_eq!(server.count(), 2, "list after {name}");

        let (cluster, server) = serve();
        cluster.apply::<Value>(&CONFIG_MAPS, here, &object, false).await.unwrap();
        assert_eq!(server.count(), 2, "apply after {name}");

        let (cluster, server) = serve();
        cluster.patch::<Value>(&CONFIG_MAPS, here, "x", Patch::Merge(&body)).await.unwrap();
        assert_eq!(server.count(), 2, "merge patch after {name}");

        let (cluster, server) = serve();
        cluster.delete(&CONFIG_MAPS, here, "x", &Delete::uid("u")).await.unwrap();
        assert_eq!(server.count(), 2, "delete after {name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delete_that_landed_is_a_success_whatever_the_first_answer_was() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Reset,
        _ => Reply::Status(404, "NotFound", "gone"),
    });
    let deletion = cluster.delete(&NAMESPACES, None, "x", &Delete::uid("u")).await.unwrap();
    assert_eq!(deletion, Deletion::AlreadyGone);
    assert_eq!(server.seen()[0].body["preconditions"]["uid"], "u");
}

#[tokio::test(start_paused = true)]
async fn a_json_patch_whose_answer_was_lost_ends_in_a_conflict_that_says_read_again() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Reset,
        _ => Reply::Status(422, "Invalid", "the server rejected our request due to an error in our request"),
    });
    let patch = json!([{"op": "test", "path": "/metadata/resourceVersion", "value": "7"}]);
    let result = cluster.patch::<Value>(&DEPLOYMENTS, Some("n"), "x", Patch::Json(&patch)).await;
    assert!(result.unwrap_err().is_conflict());
    assert_eq!(server.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn answers_that_will_not_change_are_not_asked_for_twice() {
    let cases = [
        (400, "BadRequest"),
        (403, "Forbidden"),
        (404, "NotFound"),
        (405, "MethodNotAllowed"),
        (409, "Conflict"),
        (422, "Invalid"),
        (500, "InternalError"),
    ];
    for (code, reason) in cases {
        let (cluster, server) = Cluster::scripted(move |_| Reply::Status(code, reason, "no"));
        let body = json!({});
        cluster.patch::<Value>(&NAMESPACES, None, "x", Patch::Merge(&body)).await.unwrap_err();
        assert_eq!(server.count(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn refused_fails_at_once_at_first_but_is_a_restart_later() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Refused);
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot reach the API server https://scripted of context \"test\": connection refused"
    );
    assert_eq!(server.count(), 1);

    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        1..=3 => Reply::Refused,
        _ => Reply::Json(200, json!({})),
    });
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert_eq!(server.count(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_after_one_bound_at_first_and_after_our_patience_later() {
    let begun = Instant::now();
    let (cluster, server) = Cluster::scripted(|_| Reply::Silence);
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert_eq!(error.to_string(), "namespace/x: no answer from https://scripted within 15 s");
    assert_eq!((server.count(), begun.elapsed().as_secs()), (1, 15));

    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Json(200, json!({})),
        _ => Reply::Silence,
    });
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    let begun = Instant::now();
    let error = cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert!(begun.elapsed() <= Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(server.count() <= 5, "{}", server.count());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_unwell_for_ever_gets_few_requests_and_an_end() {
    let replies = [
        Reply::Status(503, "ServiceUnavailable", "no"),
        etcd(),
        Reply::Reset,
        Reply::With(429, vec![("retry-after", "1".to_owned())], json!({"message": "busy"})),
    ];
    for reply in replies {
        let (cluster, server) = Cluster::scripted(move |_| reply.clone());
        let begun = Instant::now();
        cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
        let seconds = begun.elapsed().as_secs();
        assert!(seconds <= 60, "{seconds} s");
        assert!(server.count() <= 12, "{} requests", server.count());
    }
}

#[tokio::test(start_paused = true)]
async fn many_calls_share_one_pace_and_eight_places() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Status(503, "ServiceUnavailable", "no"));
    let calls = (0..20).map(|_| cluster.get::<Value>(&NAMESPACES, None, "x"));
    let all = futures_util::future::join_all(calls);
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap_err();
    let seen = server.seen();
    let at_first = seen.iter().filter(|seen| seen.at < Duration::from_millis(500)).count();
    assert_eq!(at_first, 8, "in flight");
    assert!(seen.len() <= 8 + 20, "{} requests in 20 s", seen.len());
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_what_for() {
    let (cluster, _) = Cluster::scripted(|seen| match seen.number {
        0..=2 => Reply::Status(503, "ServiceUnavailable", "the server is currently unable"),
        _ => Reply::Json(200, json!({})),
    });
    let told: Arc<Mutex<Vec<ClusterNotice>>> = Arc::default();
    let listener = Arc::clone(&told);
    cluster.on_notice(move |notice| listener.lock().unwrap().push(notice));
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    let told = told.lock().unwrap();
    let Some(ClusterNotice::Waiting(text)) = told.first() else { panic!("{told:?}") };
    assert!(text.starts_with("namespace/x: the server is currently unable; next try in "), "{text}");
    assert!(!text.contains('\n'));
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_announced_after_two_seconds_and_a_warning_once() {
    let (cluster, _) = Cluster::scripted(|_| Reply::Silence);
    let told: Arc<Mutex<Vec<(Duration, ClusterNotice)>>> = Arc::default();
    let begun = Instant::now();
    let listener = Arc::clone(&told);
    cluster.on_notice(move |notice| listener.lock().unwrap().push((begun.elapsed(), notice)));
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap_err();
    let waiting = ClusterNotice::Waiting("waiting for https://scripted to answer: namespace/x".to_owned());
    assert_eq!(*told.lock().unwrap(), [(Duration::from_secs(2), waiting)]);

    let header = ("warning", "299 - \"v1 Endpoints is deprecated\"".to_owned());
    let (cluster, _) = Cluster::scripted(move |_| Reply::With(200, vec![header.clone()], json!({})));
    let told: Arc<Mutex<Vec<ClusterNotice>>> = Arc::default();
    let listener = Arc::clone(&told);
    cluster.on_notice(move |notice| listener.lock().unwrap().push(notice));
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    cluster.get::<Value>(&NAMESPACES, None, "x").await.unwrap();
    assert_eq!(*told.lock().unwrap(), [ClusterNotice::Warning("v1 Endpoints is deprecated".to_owned())]);
}

/// kubectl's `--request-timeout` is the whole of what a person waits for one answer.
#[tokio::test(start_paused = true)]
async fn what_a_person_may_wait_for_an_answer_bounds_the_repetitions_too() {
    let three = Duration::from_secs(3);
    let all = uncertain().into_iter().chain([
        ("refused", Reply::Refused),
        ("silent", Reply::Silence),
        ("busy", Reply::With(429, vec![("retry-after", "1".to_owned())], json!({"message": "busy"}))),
    ]);
    for (name, reply) in all {
        let (cluster, server) = Cluster::scripted(move |seen| match seen.number {
            0 => Reply::Json(200, json!({})),
            _ => reply.clone(),
        });
        let cluster = cluster.bounded(three, three);
        cluster.get::<Value>(&NAMESPACES, None, "known").await.unwrap();
        for create in [false, true] {
            let begun = Instant::now();
            let outcome = if create {
                claim(&cluster).await.map(drop)
            } else {
                cluster.get::<Value>(&NAMESPACES, None, "x").await.map(drop)
            };
            outcome.unwrap_err();
            assert!(begun.elapsed() <= three, "{name}: {:?}", begun.elapsed());
        }
        assert!(server.count() > 2, "{name}");
    }
}

#[test]
fn the_same_content_is_what_we_sent_and_whatever_the_server_adds() {
    let sent =
        json!({"metadata": {"name": "a", "labels": {}}, "spec": {"c": [{"n": 1}]}, "stringData": {"k": "v"}});
    let cases = [
        (json!({"metadata": {"name": "a", "uid": "u"}, "spec": {"c": [{"n": 1, "d": true}]}}), true),
        (json!({"metadata": {"name": "b"}, "spec": {"c": [{"n": 1}]}}), false),
        (json!({"metadata": {"name": "a"}, "spec": {"c": [{"n": 1}, {"n": 2}]}}), false),
        (json!({"metadata": {"name": "a"}}), false),
    ];
    for (live, expected) in cases {
        assert_eq!(contains(&live, &sent), expected, "{live}");
    }
}

#[test]
fn pauses_grow_and_stay_bounded() {
    for (tries, least, most) in [(0, 800, 1200), (1, 1600, 2400), (3, 6400, 9600), (60, 30_000, 45_000)] {
        let pause = pause(tries).as_millis();
        assert!(pause >= least && pause <= most, "{tries}: {pause} ms");
    }
}

#[path = "renewal_tests.rs"]
mod renewal;
