//! The watch loop against a scripted server on a paused clock.

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply, Scripted, SeenRequest};
use tokio::time::timeout;

use super::super::objects::Object;
use super::super::resource::PODS;
use super::*;

fn event(kind: &str, name: &str, version: &str) -> Value {
    json!({"type": kind, "object": {"metadata": {"name": name, "resourceVersion": version}}})
}

fn list(version: &str, names: &[&str]) -> Reply {
    let items: Vec<Value> = names.iter().map(|name| json!({"metadata": {"name": name}})).collect();
    Reply::Json(200, json!({"metadata": {"resourceVersion": version}, "items": items}))
}

fn is_watch(seen: &SeenRequest) -> bool {
    seen.query.contains("watch=true")
}

fn version(seen: &SeenRequest) -> Option<&str> {
    seen.query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="))
}

fn names(change: &WatchEvent<Object>) -> String {
    match change {
        WatchEvent::Restarted(list) => {
            let names: Vec<&str> = list.items.iter().map(|it| it.metadata.name.as_str()).collect();
            format!("= {} @{}", names.join(","), list.resource_version)
        }
        WatchEvent::Added(object) => format!("+ {}", object.metadata.name),
        WatchEvent::Modified(object) => format!("~ {}", object.metadata.name),
        WatchEvent::Deleted(object) => format!("- {}", object.metadata.name),
        WatchEvent::Bookmark(version) => format!("@{version}"),
        WatchEvent::Trouble(error) => format!("! {error}"),
    }
}

/// `from`: the version that it has seen already; none makes it list first.
fn follow(cluster: &Cluster, from: Option<&str>) -> Watch<Object> {
    let follow = Follow::new(Query::labels("a=b"));
    let watching = Watching::new(cluster.clone(), PODS, Some("n".to_owned()), follow);
    Watching { version: from.map(str::to_owned), ..watching }.stream()
}

async fn take(watch: &mut Watch<Object>, count: usize) -> Vec<String> {
    let mut changes = Vec::new();
    while changes.len() < count {
        changes.push(names(&watch.next().await.unwrap()));
    }
    changes
}

#[tokio::test(start_paused = true)]
async fn a_list_then_its_events_then_on_from_the_last_bookmark() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => list("5", &["a"]),
        1 => Reply::Stream(
            [event("ADDED", "b", "6"), event("MODIFIED", "a", "7"), event("DELETED", "b", "8")]
                .iter()
                .chain([&event("BOOKMARK", "", "11")])
                .map(|event| (Duration::from_secs(3), format!("{event}\n")))
                .collect(),
            BodyEnd::Close,
        ),
        _ => Reply::events(&[event("MODIFIED", "a", "12")], BodyEnd::Silence),
    });
    let mut watch = follow(&cluster, None);
    assert_eq!(take(&mut watch, 6).await, ["= a @5", "+ b", "~ a", "- b", "@11", "~ a"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!((version(&seen[1]), version(&seen[2])), (Some("5"), Some("11")));
    assert!(seen[1].query.starts_with("labelSelector=a%3Db&watch=true&allowWatchBookmarks=true&"));
    assert_eq!(seen[1].headers["accept-encoding"], "identity");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ends_a_watch_at_once_is_not_hammered() {
    let replies = [
        Reply::events(&[], BodyEnd::Close),
        Reply::events(&[], BodyEnd::Reset),
        Reply::Stream(vec![(Duration::ZERO, "{\"type\":\"ADD".to_owned())], BodyEnd::Close),
        Reply::events(&[event("MODIFIED", "a", "7")], BodyEnd::Close),
        Reply::Reset,
        Reply::Refused,
        Reply::Status(500, "InternalError", "no"),
        Reply::Status(410, "Expired", "too old"),
        Reply::Stream(vec![(Duration::ZERO, "<html>\n".to_owned())], BodyEnd::Close),
    ];
    for reply in replies {
        let shown = format!("{reply:?}");
        let (cluster, server) =
            Cluster::scripted(move |seen| if is_watch(seen) { reply.clone() } else { list("5", &[]) });
        let mut watch = follow(&cluster, Some("5"));
        let forever = async { while watch.next().await.is_some() {} };
        timeout(Duration::from_secs(10), forever).await.unwrap_err();
        assert!(server.count() <= 10, "{} requests in 10 s: {shown}", server.count());
        assert!(server.count() >= 2, "it gave up: {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_put_off_waits_as_long_as_it_is_told() {
    for code in [429, 503] {
        let (cluster, server) = Cluster::scripted(move |seen| match seen.number {
            0 => Reply::With(code, vec![("retry-after", "5".to_owned())], json!({"message": "busy"})),
            _ => Reply::events(&[event("ADDED", "a", "6")], BodyEnd::Silence),
        });
        let mut watch = follow(&cluster, Some("5"));
        assert_eq!(take(&mut watch, 2).await[1], "+ a", "{code}");
        let gap = server.gaps()[0];
        assert!(gap >= Duration::from_secs(5) && gap < Duration::from_secs(9), "{code}: {gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_whose_opening_is_never_answered_begins_anew_without_a_list() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Silence,
        _ => Reply::events(&[event("ADDED", "a", "6")], BodyEnd::Silence),
    });
    let mut watch = follow(&cluster, Some("5"));
    let changes = take(&mut watch, 2).await;
    assert!(changes[0].contains("no answer"), "{changes:?}");
    assert_eq!(changes[1], "+ a");
    let seen = server.seen();
    assert!(seen.len() == 2 && seen.iter().all(is_watch));
    assert!((15..18).contains(&seen[1].at.as_secs()), "{:?}", seen[1].at);
}

#[tokio::test(start_paused = true)]
async fn a_410_or_a_504_lists_anew_whether_it_is_a_status_or_an_event() {
    let expired = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}});
    let replies = [
        Reply::Status(410, "Expired", "too old resource version"),
        Reply::Status(504, "Timeout", "Too large resource version"),
        Reply::events(&[expired], BodyEnd::Close),
    ];
    for reply in replies {
        let shown = format!("{reply:?}");
        let (cluster, server) = Cluster::scripted(move |seen| match seen.number {
            0 => reply.clone(),
            1 => list("20", &["x"]),
            _ => Reply::events(&[event("ADDED", "y", "21")], BodyEnd::Silence),
        });
        let mut watch = follow(&cluster, Some("1"));
        assert_eq!(take(&mut watch, 2).await, ["= x @20", "+ y"], "{shown}");
        let seen = server.seen();
        assert_eq!(version(&seen[2]), Some("20"), "{shown}");
        assert!(seen[2].at < Duration::from_secs(4), "{shown}: {:?}", seen[2].at);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_noticed_within_45_seconds_and_nothing_is_listed() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::events(&[event("ADDED", "a", "6")], BodyEnd::Silence),
        _ => Reply::events(&[event("ADDED", "b", "7")], BodyEnd::Silence),
    });
    let mut watch = follow(&cluster, Some("5"));
    assert_eq!(take(&mut watch, 2).await, ["+ a", "+ b"]);
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert_eq!(version(&seen[1]), Some("6"));
    assert_eq!(seen[1].at.as_secs(), 45);
    assert!(seen[0].query.contains("timeoutSeconds=40"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_watch_costs_at_most_two_requests_a_minute() {
    let (cluster, server) = Cluster::scripted(|seen| {
        let bookmark = format!("{}\n", event("BOOKMARK", "", &seen.number.to_string()));
        Reply::Stream(
            vec![(Duration::from_secs(38), bookmark), (Duration::from_secs(2), String::new())],
            BodyEnd::Close,
        )
    });
    let mut watch = follow(&cluster, Some("5"));
    let forever = async { while watch.next().await.is_some() {} };
    timeout(Duration::from_secs(600), forever).await.unwrap_err();
    assert!(server.count() <= 16, "{} requests in 10 minutes", server.count());
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_restarts_loses_no_event_and_causes_no_list() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Stream(
            vec![(Duration::from_secs(5), format!("{}\n", event("ADDED", "a", "6")))],
            BodyEnd::Reset,
        ),
        1..=3 => Reply::Refused,
        _ => Reply::events(&[event("ADDED", "b", "7")], BodyEnd::Silence),
    });
    let mut watch = follow(&cluster, Some("5"));
    let mut changes = take(&mut watch, 5).await;
    changes.retain(|change| !change.starts_with('!'));
    assert_eq!(changes, ["+ a", "+ b"]);
    let seen = server.seen();
    assert!(seen.iter().all(is_watch));
    assert!(seen[1..].iter().all(|seen| version(seen) == Some("6")));
    assert!(seen[4].at < Duration::from_secs(20), "{:?}", seen[4].at);
}

#[tokio::test(start_paused = true)]
async fn a_denied_watch_says_so_and_slows_down() {
    let denial =
        r#"pods is forbidden: User "u" cannot watch resource "pods" in API group "" in the namespace "n""#;
    let (cluster, server) = Cluster::scripted(move |_| Reply::Status(403, "Forbidden", denial));
    let mut watch = follow(&cluster, Some("5"));
    let changes = take(&mut watch, 6).await;
    assert_eq!(changes[0], r#"! user "u" may not watch pods in the namespace n"#);
    let gaps = server.gaps();
    assert!(gaps[4] > 4 * gaps[0], "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn who_may_not_watch_for_half_a_minute_asks_no_more_than_every_four_minutes() {
    let denial = r#"secrets "s" is forbidden: User "u" cannot watch resource "secrets" in API group "" in the namespace "n""#;
    let granted = Duration::from_secs(3600);
    let (cluster, server) = Cluster::scripted(move |seen| match seen.at {
        at if at > granted => Reply::events(&[event("MODIFIED", "s", "6")], BodyEnd::Silence),
        _ => Reply::Status(403, "Forbidden", denial),
    });
    let mut watch = follow(&cluster, Some("5"));
    while names(&watch.next().await.unwrap()) != "~ s" {}
    let seen = server.seen();
    let soon = seen.iter().filter(|seen| seen.at < Duration::from_secs(40)).count();
    assert!((5..=7).contains(&soon), "a binding that is moments old: {soon}");
    assert!(seen.len() - soon <= 15, "{} in an hour", seen.len());
    assert!(seen.last().unwrap().at < granted + Duration::from_secs(370));
}

/// `GET /path` of each, and the version that a watch goes on from.
fn told(server: &Scripted) -> Vec<String> {
    let told = |seen: &SeenRequest| {
        let path = seen.path.trim_start_matches("/api/v1/namespaces/n/");
        match version(seen) {
            Some(version) => {
                assert!(is_watch(seen) && seen.query.contains("fieldSelector=metadata.name%3Da"), "{seen:?}");
                format!("watch {path} @{version}")
            }
            None => format!("{} {path}", seen.method),
        }
    };
    server.seen().iter().map(told).collect()
}

fn one(cluster: &Cluster) -> Watch<Object> {
    cluster.watch(&PODS, Some("n"), Follow::one("a"))
}

fn object(version: &str) -> Reply {
    Reply::Json(200, json!({"metadata": {"name": "a", "resourceVersion": version}}))
}

#[tokio::test(start_paused = true)]
async fn one_object_is_read_and_followed_and_nothing_is_listed() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => object("5"),
        1 => Reply::events(&[event("MODIFIED", "a", "6")], BodyEnd::Reset),
        2 => Reply::events(
            &[json!({"type": "ERROR", "object": {"kind": "Status", "code": 410}})],
            BodyEnd::Close,
        ),
        3 => object("9"),
        _ => Reply::events(&[event("DELETED", "a", "10"), event("ADDED", "a", "11")], BodyEnd::Silence),
    });
    assert_eq!(take(&mut one(&cluster), 5).await, ["= a @5", "~ a", "= a @9", "- a", "+ a"]);
    assert_eq!(
        told(&server),
        ["GET pods/a", "watch pods @5", "watch pods @6", "GET pods/a", "watch pods @9"]
    );
}

#[tokio::test(start_paused = true)]
async fn one_object_that_is_not_there_is_waited_for_and_not_asked_for_again_and_again() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => Reply::Status(404, "NotFound", "no such pod"),
        // the first stream is over before it is made, the second tells what is there when it begins
        1 => Reply::Stream(vec![(Duration::from_secs(40), "\n".to_owned())], BodyEnd::Close),
        _ => Reply::events(&[event("ADDED", "a", "7")], BodyEnd::Close),
    });
    let mut watch = one(&cluster);
    assert_eq!(take(&mut watch, 2).await, ["=  @", "+ a"]);
    assert_eq!(told(&server), ["GET pods/a", "watch pods @", "watch pods @"]);
    assert_eq!(take(&mut watch, 1).await, ["+ a"]);
    assert_eq!(told(&server)[3], "watch pods @7");
}

#[tokio::test(start_paused = true)]
async fn events_come_whole_however_they_are_cut() {
    let text = format!("{}\n\n{}\n", event("ADDED", "a", "6"), event("DELETED", "a", "7"));
    let pieces: Vec<(Duration, String)> =
        text.chars().map(|letter| (Duration::ZERO, letter.to_string())).collect();
    let (cluster, _) = Cluster::scripted(move |_| Reply::Stream(pieces.clone(), BodyEnd::Silence));
    let mut watch = follow(&cluster, Some("5"));
    assert_eq!(take(&mut watch, 2).await, ["+ a", "- a"]);
}

#[tokio::test(start_paused = true)]
async fn next_may_be_dropped_and_called_again() {
    let (cluster, server) = Cluster::scripted(|seen| match seen.number {
        0 => list("5", &[]),
        _ => Reply::Stream(
            vec![(Duration::from_secs(7), format!("{}\n", event("ADDED", "a", "6")))],
            BodyEnd::Silence,
        ),
    });
    let mut watch = follow(&cluster, None);
    let mut changes = Vec::new();
    while changes.len() < 2 {
        if let Ok(change) = timeout(Duration::from_millis(10), watch.next()).await {
            changes.push(names(&change.unwrap()));
        }
    }
    assert_eq!(changes, ["=  @5", "+ a"]);
    assert_eq!(server.count(), 2);
}
