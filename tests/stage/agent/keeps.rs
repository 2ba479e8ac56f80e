//! The end of a build's log is kept in home, before its result, by whoever records it; and nothing keeps a verdict back.

use std::time::Duration;

use studioci::chain::kept_log::KeptLog;
use studioci::cluster::{Cluster, LogPiece};
use studioci::ops::logs::{LogTold, LogsRequest, logs};
use studioci::pipeline::facts::EnvValue;
use studioci::state::kept_log;
use testkit::{BodyEnd, Reply};

use super::*;

const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";
const RING: &str = "/api/v1/namespaces/studioci/secrets/log-app-main-1";
const TOKEN: &str = "t0ken-0f-the-ch4in";

fn text(log: &KeptLog) -> Vec<(String, String)> {
    let parts = log.containers.iter();
    parts.map(|part| (part.container.clone(), String::from_utf8_lossy(&part.bytes).into_owned())).collect()
}

/// What is kept of the first build.
async fn kept(stage: &Stage) -> Option<KeptLog> {
    let namespace = stage.world().builds()[&1].clone();
    let uid = stage.world().get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["uid"].clone();
    kept_log::read(&stage.cluster(), CHAIN, 1, uid.as_str().unwrap()).await.unwrap()
}

fn entry(world: &World) -> Value {
    serde_json::from_str(world.get(HISTORY)["data"]["build.00000001"].as_str().unwrap()).unwrap()
}

/// A chain with a token in its Secret whose build fails, writes this and leaves that word; its second tag was just pushed.
async fn failing(log: &str, left: &str, keep_log: Option<usize>) -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut facts = Facts::default();
    facts.env.insert("TOKEN".to_owned(), EnvValue { value: TOKEN.to_owned(), secret: true });
    starts(&stage, &StartRequest { facts, keep_log, ..request(&glob()) }).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    {
        let mut world = stage.world();
        world.exit = Some(3);
        log.clone_into(world.logs.entry("build".to_owned()).or_default());
        left.clone_into(&mut world.message);
        world.push(&namespace, "build-2", 'b');
        world.requests.clear();
        world.writes.clear();
    }
    (stage, namespace)
}

#[tokio::test(start_paused = true)]
async fn a_log_is_kept_before_the_result_and_what_the_chains_secret_holds_stands_nowhere() {
    let log =
        format!("+ curl -H 'Authorization: {TOKEN}'\n\r50%\r100%\n{}\nno end", testkit::in_base64(TOKEN));
    let left = format!("\u{1b}[31mlogin with {TOKEN} failed\u{1b}[0m\nand more");
    let (stage, namespace) = failing(&log, &left, None).await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let found = kept(&stage).await.unwrap();
    let want = "+ curl -H 'Authorization: ***'\n\r50%\r100%\n***\nno end";
    assert_eq!(text(&found), [("build".to_owned(), want.to_owned())]);
    assert!(!found.containers[0].cut && found.why.is_none());
    let world = stage.world();
    let cause = "login with *** failed (container build exited with code 3)";
    assert_eq!(annotation(&world, &namespace, wire::CAUSE), cause);
    assert_eq!((&entry(&world)["cause"], &entry(&world)["logKept"]), (&json!(cause), &json!(true)));
    let at = |path: &str| world.writes.iter().position(|it| *it == format!("PATCH {path}")).unwrap();
    assert!(at(RING) < at(HISTORY), "{:?}", world.writes);
    for (path, object) in &world.objects {
        // the one is where it belongs, the other what the kubelet tells
        if path.ends_with("/secrets/chain-app-main") || path.ends_with("/pods/studioci-build-x") {
            continue;
        }
        assert!(!object.to_string().contains(TOKEN), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_keeps_the_same_log() {
    let (before, namespace) = failing("the log\n", "the word", None).await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let writes = stage.world().writes.clone();
    let packed = stage.world().get(RING)["data"].clone();
    let job = writes.iter().position(|it| it.ends_with("/jobs")).unwrap();
    for k in job..writes.len() {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        assert_eq!(world.get(RING)["data"], packed, "killed after {k} writes");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Failed", "killed after {k} writes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_log_that_was_kept_is_not_replaced_by_nothing_when_its_pod_is_gone() {
    let (stage, namespace) = failing("the log\n", "", None).await;
    stage.world().after_write = Some(Box::new(|world, write| {
        if write == format!("PATCH {RING}") {
            world.dies_after = Some(world.writes.len());
        }
    }));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    stage.revive();
    stage.world().after_write = None;
    let packed = stage.world().get(RING)["data"].clone();
    stage.world().objects.retain(|path, _| !path.ends_with("/pods/studioci-build-x"));
    stage.world().change(&format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB), |job| {
        job["status"]["conditions"] =
            json!([{ "type": "Failed", "status": "True", "reason": "BackoffLimitExceeded" }]);
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(stage.world().get(RING)["data"], packed);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_or_kept_keeps_no_verdict_back() {
    type Refuses = fn(&str, &Value) -> Option<&'static str>;
    let reads: Refuses = |line, _| line.ends_with("/log").then_some("no logs for you");
    let writes: Refuses = |line, _| {
        (line.starts_with("PATCH") && line.contains("/secrets/log-")).then_some("no Secrets for you")
    };
    for (refuses, why) in [(reads, Some("no logs for you")), (writes, None)] {
        let (stage, namespace) = failing("the log\n", "", None).await;
        stage.world().refusals.push(refuses);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let found = kept(&stage).await;
        let told = found.as_ref().map(|log| log.containers[0].why.clone().unwrap_or_default());
        assert_eq!(told.as_ref().map(|told| told.contains("no logs for you")), why.map(|_| true), "{told:?}");
        let world = stage.world();
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Failed");
        assert_eq!(entry(&world)["logKept"] == true, why.is_some());
    }
    let (stage, namespace) = failing("the log\n", "", None).await;
    stage.world().objects.remove(RING);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Failed");
}

#[tokio::test(start_paused = true)]
async fn a_kubelet_that_is_silent_delays_a_verdict_by_seconds() {
    let (stage, namespace) = failing("the log\n", "", None).await;
    let silent = stage.client_behind(|seen| seen.path.ends_with("/log").then_some(Reply::Silence));
    let (me, cluster) = (identity(&stage, &namespace), Cluster::with_client(silent));
    let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &|_| {});
    let begun = tokio::time::Instant::now();
    tokio::select! {
        ended = Box::pin(agent.run()) => panic!("{ended:?}"),
        () = stage.reaches(|world| asleep(world, &namespace)) => {}
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let found = kept(&stage).await.unwrap();
    assert!(found.containers[0].why.as_deref().unwrap().contains("log of container build"), "{found:?}");
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Failed");
}

#[tokio::test(start_paused = true)]
async fn a_kept_log_whose_beginning_a_node_may_have_rotated_away_says_so() {
    for (first, said) in [("10:00:01.5", false), ("10:00:40", true)] {
        let (stage, namespace) = failing("the log\n", "", None).await;
        let pod = format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB);
        stage.world().after_write = Some(Box::new(move |world, write| {
            if write.starts_with("POST") && write.ends_with("/jobs") {
                world.change(&pod, |pod| {
                    let statuses = pod["status"]["containerStatuses"].as_array_mut().unwrap();
                    statuses[0]["state"]["terminated"]["startedAt"] = json!("2026-11-30T10:00:00Z");
                });
            }
        }));
        let node = stage.client_behind(move |seen| {
            let first = || (Duration::ZERO, format!("2026-11-30T{first}Z the log"));
            seen.query.contains("timestamps=true").then(|| Reply::Stream(vec![first()], BodyEnd::Close))
        });
        let (me, cluster) = (identity(&stage, &namespace), Cluster::with_client(node));
        let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &|_| {});
        tokio::select! {
            ended = Box::pin(agent.run()) => panic!("{ended:?}"),
            () = stage.reaches(|world| asleep(world, &namespace)) => {}
        }
        let found = kept(&stage).await.unwrap();
        assert_eq!(text(&found), [("build".to_owned(), "the log\n".to_owned())]);
        let why = found.containers[0].why.as_deref();
        assert_eq!(
            why.is_some_and(|why| why.starts_with("it begins 40 s after its container did")),
            said,
            "{why:?}"
        );
        assert!(said || why.is_none(), "{why:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn so_much_is_kept_as_was_asked_for_and_what_is_cut_holds_no_part_of_a_value() {
    // the token lies across the place where 64 bytes before the end begin
    let log = format!("{}{TOKEN}{}", "x".repeat(500), "y".repeat(60));
    let (stage, namespace) = failing(&log, "", Some(64)).await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let found = kept(&stage).await.unwrap();
    let part = &found.containers[0];
    assert_eq!((part.bytes.as_slice(), part.cut), (format!("***{}", "y".repeat(60)).as_bytes(), true));

    let (stage, namespace) = failing(&log, "", Some(0)).await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert!(kept(&stage).await.is_none());
    let world = stage.world();
    assert!(world.requests.iter().all(|it| !it.ends_with("/log")), "{:?}", world.requests);
}

#[tokio::test(start_paused = true)]
async fn who_ends_a_build_for_an_agent_that_is_gone_keeps_its_log() {
    let (stage, namespace) = failing("the log\n", "the word", None).await;
    stage.world().after_write = Some(Box::new(|world, write| {
        if write.ends_with("/jobs") {
            world.dies_after = Some(world.writes.len() + 1);
        }
    }));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    stage.revive();
    stage.world().after_write = None;
    assert!(kept(&stage).await.is_none());
    stage.world().objects.remove(&World::listener(&namespace));
    let next = stage.world().builds()[&2].clone();
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(Duration::from_secs(12 * 60)) => {}
    }
    assert_eq!(text(&kept(&stage).await.unwrap()), [("build".to_owned(), "the log\n".to_owned())]);
    let cause = annotation(&stage.world(), &namespace, wire::CAUSE).to_owned();
    assert_eq!(cause, "the word (container build exited with code 3)");
}

#[tokio::test(start_paused = true)]
async fn of_support_that_never_gets_ready_the_log_is_kept() {
    let (stage, namespace) = pushed().await;
    stage.world().logs.insert("minio".to_owned(), "cannot bind to port 9000\n".to_owned());
    let minio = format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio");
    let path = minio.clone();
    stage.world().after_write = Some(Box::new(move |world, write| {
        if write == format!("PATCH {path}") && world.get(&path)["status"]["readyReplicas"] != 0 {
            world.change(&path, |it| it["status"] = json!({ "replicas": 1, "readyReplicas": 0 }));
            let pod = json!({
                "metadata": { "name": "minio-1", "labels": { "app": "minio" } },
                "spec": { "containers": [{ "name": "minio", "image": "minio:1" }] },
                "status": { "phase": "Running", "containerStatuses": [{ "name": "minio",
                    "state": { "waiting": { "reason": "CrashLoopBackOff" } },
                    "lastState": { "terminated": { "exitCode": 1, "reason": "Error" } } }] },
            });
            let pods = format!(
                "{}/pods",
                path.replace("/apis/apps/v1", "/api/v1").replace("/deployments/minio", "")
            );
            world.keep(&pods, pod);
        }
    }));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Errored");
    assert_eq!(
        text(&kept(&stage).await.unwrap()),
        [("minio".to_owned(), "cannot bind to port 9000\n".to_owned())]
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_comes_slowly_is_followed_to_its_end_whenever_the_verdict_came() {
    let (stage, namespace) = failing("", "", None).await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let line = |n: u32| format!("2026-11-30T10:00:{n:02}Z {n}\n");
    let slow = stage.client_behind(move |seen| {
        let lines = (1..=40).map(|n| (Duration::from_secs(2), line(n))).collect();
        seen.path.ends_with("/log").then_some(Reply::Stream(lines, BodyEnd::Close))
    });
    let request = LogsRequest { name: Some(namespace.clone()), follow: true, ..LogsRequest::default() };
    let mut heard = String::new();
    let mut tell = |told: LogTold<'_>| {
        if let LogTold::Piece { piece: LogPiece::Text { bytes, .. }, .. } = told {
            heard.push_str(&String::from_utf8_lossy(bytes));
        }
        true
    };
    logs(&Cluster::with_client(slow), &request, &mut tell).await.unwrap();
    assert!(heard.lines().eq((1..=40).map(|n: u32| n.to_string())), "{heard}");
}
