//! What a person sees of a wait, and when.

use serde_json::json;
use testkit::{Reply, Scripted};

use super::*;
use crate::chain::build::{Build, Phase};
use crate::output::console::{Captured, Console, StreamStyle};

fn noon() -> Timestamp {
    "2026-11-25T12:00:00Z".parse().unwrap()
}

/// A cluster whose chain `app` has had a build of five minutes.
fn cluster() -> (Cluster, Scripted) {
    Cluster::scripted(|_| {
        let entry = json!({ "generation": 1, "namespace": "ci-a", "uid": "u", "verdict": "Passed", "cause": "",
            "times": { "triggered": "2026-11-25T10:00:00Z", "recorded": "2026-11-25T10:05:00Z" } });
        let data = json!({ "build.00000001": entry.to_string() });
        Reply::Json(200, json!({ "metadata": { "name": "history-app" }, "data": data }))
    })
}

fn terminal() -> (LiveLine, Captured) {
    let (_, captured) = Console::captured(StreamStyle::default(), StreamStyle::default());
    (LiveLine::on(captured.terminal(), || Some(60)), captured)
}

/// What was drawn, in turn; `-` where it was erased.
fn drawn(captured: &Captured) -> Vec<String> {
    let text = captured.err();
    let pieces = text.split('\r').skip(1).map(|piece| piece.trim_end_matches("\u{1b}[K"));
    pieces.map(|piece| if piece.is_empty() { "-".to_owned() } else { piece.to_owned() }).collect()
}

async fn sleep(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

const RECORDED: Option<BuildSpan> = Some((Phase::Triggered, Phase::Recorded));

#[tokio::test(start_paused = true)]
async fn a_long_wait_says_what_it_waits_for_and_leaves_nothing_behind() {
    let (line, captured) = terminal();
    let (cluster, asked) = cluster();
    let wait = LiveWait::by(Some(line), noon, "Waiting");
    let build = |phase| Build {
        times: [(Phase::Triggered, "2026-11-25T11:58:00Z".parse().unwrap())].into(),
        ..Build::played("ci-b", phase, &[])
    };
    let work = async {
        sleep(1500).await;
        wait.is(Waiting::of_build(&build(Phase::Preparing), Some("no node")));
        sleep(2000).await;
        wait.waits_for("a pod");
        "done"
    };
    assert_eq!(wait.during(&cluster, RECORDED, work).await, "done");
    assert_eq!(
        drawn(&captured),
        [
            "Waiting (0s)",
            "Preparing ci-b (2m): no node",
            "Preparing ci-b (2m, about 3m left): no node",
            "Preparing ci-b (2m, about 3m left): a pod",
            "-"
        ]
    );
    assert_eq!(asked.count(), 1, "what earlier builds took is asked once");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_over_at_once_shows_nothing() {
    let (line, captured) = terminal();
    let wait = LiveWait::by(Some(line), noon, "Waiting").of_chain(Some("app".to_owned()));
    let work = async {
        wait.waits_for("something");
        sleep(999).await;
    };
    wait.during(&cluster().0, None, work).await;
    assert_eq!(captured.err(), "");
}

#[tokio::test(start_paused = true)]
async fn whoever_stops_waiting_has_the_line_erased() {
    let (line, captured) = terminal();
    let wait = LiveWait::by(Some(line), noon, "Waiting");
    let (cluster, _) = cluster();
    let waiting = wait.during(&cluster, None, std::future::pending::<()>());
    assert!(tokio::time::timeout(Duration::from_secs(3), waiting).await.is_err());
    assert_eq!(drawn(&captured), ["Waiting (0s)", "-"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_terminal_nothing_is_drawn_and_nothing_asked() {
    let (_, captured) = terminal();
    let (cluster, asked) = cluster();
    let wait = LiveWait::by(None, noon, "Waiting").of_chain(Some("app".to_owned()));
    wait.during(&cluster, RECORDED, sleep(5000)).await;
    assert_eq!((captured.err().as_str(), asked.count()), ("", 0));
}

#[tokio::test(start_paused = true)]
async fn a_history_that_cannot_be_read_costs_the_wait_nothing() {
    let (line, captured) = terminal();
    let (cluster, _) = Cluster::scripted(|_| Reply::Silence);
    let wait = LiveWait::by(Some(line), noon, "Starting").of_chain(Some("app".to_owned()));
    wait.during(&cluster, RECORDED, sleep(200_000)).await;
    assert_eq!(drawn(&captured), ["Starting (0s)", "-"]);
}
