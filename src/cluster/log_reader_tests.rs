//! The reader against a scripted server on a paused clock.

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply, Scripted, SeenRequest};
use tokio::time::timeout;

use super::*;

fn at(second: u32, nanos: u32, text: &str) -> String {
    format!("2026-11-29T10:00:{second:02}.{nanos:09}Z {text}")
}

fn answer(lines: &[String], end: BodyEnd) -> Reply {
    Reply::Stream(lines.iter().map(|line| (Duration::ZERO, line.clone())).collect(), end)
}

/// The pod, its container in this state, and how often that was restarted.
fn pod(state: &Value, restarts: u32) -> Reply {
    let phase = if state["terminated"].is_null() { "Running" } else { "Succeeded" };
    Reply::Json(
        200,
        json!({
            "metadata": { "name": "p", "namespace": "ci-a", "uid": "u" },
            "spec": { "restartPolicy": "Never", "containers": [{ "name": "build", "image": "i" }] },
            "status": { "phase": phase, "containerStatuses": [{ "name": "build", "state": state, "restartCount": restarts }] },
        }),
    )
}

fn running() -> Reply {
    pod(&json!({ "running": {} }), 0)
}

fn ended() -> Reply {
    pod(&json!({ "terminated": { "exitCode": 0 } }), 0)
}

fn what(follow: bool) -> ReadLog {
    ReadLog {
        namespace: "ci-a".to_owned(),
        pod: "p".to_owned(),
        uid: "u".to_owned(),
        container: "build".to_owned(),
        restarts: 0,
        follow,
        since: None,
        tail: None,
    }
}

/// Answers logs and looks at the pod, each by how many came before.
fn serve(
    mut log: impl FnMut(usize, &SeenRequest) -> Reply + Send + 'static,
    mut look: impl FnMut(usize) -> Reply + Send + 'static,
) -> (Cluster, Scripted) {
    let (mut logs, mut looks) = (0, 0);
    Cluster::scripted(move |seen| {
        let count = if seen.path.ends_with("/log") { &mut logs } else { &mut looks };
        *count += 1;
        let before = *count - 1;
        if seen.path.ends_with("/log") { log(before, seen) } else { look(before) }
    })
}

/// All that comes, up to the end.
async fn all(cluster: &Cluster, what: ReadLog) -> Vec<LogPiece> {
    timeout(Duration::from_secs(3600), cluster.read_log(what).collect()).await.expect("it ends")
}

fn text(pieces: &[LogPiece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            LogPiece::Text { bytes, .. } => text.push_str(&String::from_utf8_lossy(bytes)),
            LogPiece::Lost(_) => text.push_str("<lost>"),
            LogPiece::Said(said) => text.extend(["<", said, ">"]),
            LogPiece::Restarted => text.push_str("<restarted>"),
            LogPiece::Trouble(_) => text.push_str("<trouble>"),
            LogPiece::Failed(_) => text.push_str("<failed>"),
        }
    }
    text
}

fn queries(server: &Scripted) -> Vec<String> {
    let logs = server.seen().into_iter().filter(|seen| seen.path.ends_with("/log"));
    logs.map(|seen| seen.query.replace("container=build&timestamps=true", "").replace("%3A", ":")).collect()
}

#[tokio::test(start_paused = true)]
async fn a_log_that_is_there_is_read_once() {
    let (cluster, server) =
        serve(|_, _| answer(&[at(1, 0, "one\n"), at(2, 0, "no end")], BodyEnd::Close), |_| ended());
    let read = ReadLog { since: Some(Duration::from_secs(90)), tail: Some(5), ..what(false) };
    assert_eq!(text(&all(&cluster, read).await), "one\nno end");
    assert_eq!(queries(&server), ["&sinceSeconds=90&tailLines=5"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_goes_on_at_its_byte_without_loss_or_repeats() {
    let lines = [at(1, 0, "one\n"), at(1, 7, "two\n"), at(1, 7, "three\n"), at(1, 7, "fo")];
    let (cluster, server) = serve(
        move |before, _| match before {
            0 => answer(&lines, BodyEnd::Reset),
            1 => Reply::Reset,
            2 => {
                let again = [at(1, 0, "one\n"), at(1, 7, "two\n"), at(1, 7, "three\n"), at(1, 7, "four\n")];
                answer(&[again.concat(), at(3, 0, "five\n")], BodyEnd::Close)
            }
            _ => answer(&[at(3, 0, "five\n"), at(3, 5, "six")], BodyEnd::Close),
        },
        |_| ended(),
    );
    let read = ReadLog { tail: Some(100), ..what(true) };
    assert_eq!(text(&all(&cluster, read).await), "one\ntwo\nthree\nfour\nfive\nsix");
    assert_eq!(
        queries(&server),
        [
            "&follow=true&tailLines=100",
            "&follow=true&sinceTime=2026-11-29T10:00:01Z",
            "&follow=true&sinceTime=2026-11-29T10:00:01Z",
            "&sinceTime=2026-11-29T10:00:03Z",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_away_is_asked_more_and_more_seldom_and_that_is_said() {
    let (cluster, server) = serve(
        |before, _| match before {
            0 => answer(&[at(1, 0, "one\n")], BodyEnd::Reset),
            1..=6 => Reply::Refused,
            _ => answer(&[at(1, 0, "one\n"), at(2, 0, "two\n")], BodyEnd::Close),
        },
        |_| ended(),
    );
    let pieces = all(&cluster, what(true)).await;
    assert_eq!(text(&pieces), "one\n<trouble><trouble><trouble><trouble>two\n");
    let gaps = server.gaps();
    assert!(gaps[2] >= Duration::from_millis(800) && gaps[6] >= Duration::from_secs(12), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_answer_is_asked_for_anew_and_a_silent_container_is_not_its_end() {
    let (cluster, server) = serve(
        |before, _| match before {
            0..=3 => answer(&[at(1, 0, "one\n")], BodyEnd::Silence),
            _ => answer(&[at(1, 0, "one\n"), at(9, 0, "nine\n")], BodyEnd::Close),
        },
        |before| if before < 4 { running() } else { ended() },
    );
    assert_eq!(text(&all(&cluster, what(true)).await), "one\nnine\n");
    let gaps = server.gaps();
    assert!(gaps[0] >= SILENCE, "{gaps:?}");
    assert!(queries(&server).len() < 10);
}

#[tokio::test(start_paused = true)]
async fn what_was_rotated_away_is_told_as_lost() {
    let (cluster, _) = serve(
        |before, _| match before {
            0 => answer(&[at(1, 0, "one\n")], BodyEnd::Reset),
            _ => answer(&[at(7, 0, "seven\n")], BodyEnd::Close),
        },
        |_| ended(),
    );
    assert_eq!(text(&all(&cluster, what(true)).await), "one\n<lost>seven\n");
}

#[tokio::test(start_paused = true)]
async fn of_a_container_that_began_anew_the_rest_of_the_run_before_comes_first() {
    let (cluster, server) = serve(
        |before, seen| match (before, seen.parameter("previous")) {
            (0, _) => answer(&[at(1, 0, "one\n")], BodyEnd::Close),
            (_, Some(_)) => answer(&[at(1, 0, "one\n"), at(2, 0, "last words\n")], BodyEnd::Close),
            _ => answer(&[at(3, 0, "again\n")], BodyEnd::Close),
        },
        |before| {
            let state = if before < 2 {
                json!({ "running": {} })
            } else {
                json!({ "terminated": { "exitCode": 0 } })
            };
            pod(&state, 1)
        },
    );
    assert_eq!(text(&all(&cluster, what(true)).await), "one\nlast words\n<restarted>again\n");
    assert!(queries(&server).contains(&"&previous=true&sinceTime=2026-11-29T10:00:01Z".to_owned()));
    let (cluster, _) = serve(
        |before, _| {
            if before == 0 {
                answer(&[at(1, 0, "one\n")], BodyEnd::Close)
            } else {
                answer(&[at(9, 0, "x\n")], BodyEnd::Close)
            }
        },
        |_| pod(&json!({ "terminated": { "exitCode": 0 } }), 5),
    );
    assert_eq!(text(&all(&cluster, what(true)).await), "one\n<lost><restarted>x\n");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_gone_or_anothers_is_the_end_and_no_right_is_told() {
    let missing = || Reply::Status(404, "NotFound", "pods \"p\" not found");
    let (cluster, _) = serve(|_, _| answer(&[at(1, 0, "one\n")], BodyEnd::Close), move |_| missing());
    assert_eq!(text(&all(&cluster, what(true)).await), "one\n");
    let (cluster, _) = serve(move |_, _| missing(), move |_| missing());
    assert_eq!(text(&all(&cluster, what(true)).await), "");
    let (cluster, _) = serve(|_, _| answer(&[at(1, 0, "one\n")], BodyEnd::Close), |_| running());
    assert_eq!(text(&all(&cluster, ReadLog { uid: "another".to_owned(), ..what(true) }).await), "one\n");
    let forbidden = "pods \"p\" is forbidden: User \"eve\" cannot get resource \"pods/log\" in API group \"\" in the namespace \"ci-a\"";
    let (cluster, server) = serve(move |_, _| Reply::Status(403, "Forbidden", forbidden), |_| running());
    assert_eq!(text(&all(&cluster, what(true)).await), "<failed>");
    assert_eq!(server.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_container_that_is_not_there_yet_is_waited_for_and_a_log_that_is_gone_is_not() {
    let waiting =
        || Reply::Status(400, "BadRequest", "container \"build\" is waiting to start: ContainerCreating");
    let (cluster, _) = serve(
        move |before, _| if before < 3 { waiting() } else { answer(&[at(1, 0, "one\n")], BodyEnd::Close) },
        |before| if before < 3 { pod(&json!({ "waiting": {} }), 0) } else { ended() },
    );
    assert_eq!(text(&all(&cluster, what(true)).await), "one\n");
    let gone = || Reply::Status(400, "BadRequest", "unable to retrieve container logs");
    let (cluster, server) = serve(move |_, _| gone(), |_| ended());
    assert_eq!(text(&all(&cluster, what(false)).await), "<failed>");
    assert!(server.count() < 5);
    let away = || Reply::Status(500, "InternalError", "dial tcp 10.0.0.7:10250: i/o timeout");
    let (cluster, server) = serve(move |_, _| away(), |_| ended());
    assert!(text(&all(&cluster, what(false)).await).ends_with("<failed>"), "a node that is gone for good");
    assert!(server.count() < 10);
}

#[tokio::test(start_paused = true)]
async fn readers_take_no_place_among_the_requests_in_flight() {
    let (cluster, _) = serve(|_, _| answer(&[at(1, 0, "one\n")], BodyEnd::Silence), |_| running());
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut log = cluster.read_log(what(true));
        assert!(matches!(log.next().await, Some(LogPiece::Text { .. })));
        open.push(log);
    }
    assert!(
        timeout(Duration::from_secs(5), cluster.get::<Value>(&PODS, Some("ci-a"), "p"))
            .await
            .unwrap()
            .is_ok()
    );
}
