//! The recheck: how often it asks, what it says, and what it leaves. No kubelet of this stage ever runs a probe.

use studioci::pipeline::weave::PROBE;

use super::*;

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";

fn probe_of(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods/{PROBE}")
}

/// How many probes were made.
fn probes(world: &World, namespace: &str) -> usize {
    let pods = format!("POST /api/v1/namespaces/{namespace}/pods");
    world.writes.iter().filter(|write| **write == pods).count()
}

/// A listener at rest, on a node.
async fn waiting(keel: &Value) -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, keel).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    let pod = identity(&stage, &namespace).role.pod().unwrap().to_owned();
    stage.world().change(&format!("/api/v1/namespaces/{namespace}/pods/{pod}"), |pod| {
        pod["spec"]["nodeName"] = json!("node-1");
    });
    stage.world().requests.clear();
    (stage, namespace)
}

/// Lets the listener wait for so many minutes.
async fn minutes(stage: &Stage, namespace: &str, count: u64) {
    tokio::select! {
        () = run_until(stage, namespace, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(Duration::from_secs(60 * count)) => {}
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_hangs_is_asked_ever_more_rarely_on_the_listeners_own_node() {
    let (stage, namespace) = waiting(&match_tag()).await;
    let path = probe_of(&namespace);
    run_until(&stage, &namespace, |world| world.objects.contains_key(&path)).await;
    assert_eq!(stage.world().get(&path)["spec"]["nodeName"], "node-1");
    minutes(&stage, &namespace, 20).await;
    let world = stage.world();
    let asked = world.requests.iter().filter(|request| **request == format!("GET {path}")).count();
    assert!(asked <= 16, "{asked}");
    assert!(annotation(&world, &namespace, wire::WAITING).contains("cannot tell"));
    assert!(!world.objects.contains_key(&path));
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_not_pushed_over_is_looked_at_rarely_and_says_nothing_of_what_it_cannot_tell() {
    let mut webhook = glob();
    webhook["keel.sh/trigger"] = json!("default");
    let mut asked_for = webhook.clone();
    asked_for[wire::RECHECK] = json!("15m");
    for (keel, quarter, hour) in [(glob(), 0, 1), (webhook, 0, 0), (asked_for, 1, 4)] {
        let (stage, namespace) = waiting(&keel).await;
        minutes(&stage, &namespace, 20).await;
        assert_eq!(probes(&stage.world(), &namespace), quarter, "{keel}");
        let (stage, namespace) = waiting(&keel).await;
        minutes(&stage, &namespace, 70).await;
        let world = stage.world();
        assert_eq!(probes(&world, &namespace), hour, "{keel}");
        assert_eq!(annotation(&world, &namespace, wire::WAITING), "", "{keel}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_during_a_probe_takes_the_probe_away() {
    let (stage, namespace) = waiting(&match_tag()).await;
    let path = probe_of(&namespace);
    run_until(&stage, &namespace, |world| world.objects.contains_key(&path)).await;
    stage.world().push(&namespace, "build-1", 'b');
    run_until(&stage, &namespace, |world| world.phase(&namespace) == "Triggered").await;
    assert!(!stage.world().objects.contains_key(&path));
}

#[tokio::test(start_paused = true)]
async fn a_last_good_pipeline_that_is_of_no_use_is_tried_again() {
    let (stage, namespace) = waiting(&match_tag()).await;
    stage.world().change(HEAD, |head| head["data"]["pipeline"] = json!("{{ nothing"));
    let mended = async {
        tokio::time::sleep(Duration::from_secs(60 * 20)).await;
        assert_eq!(probes(&stage.world(), &namespace), 0);
        stage.world().change(HEAD, |head| {
            head["data"].as_object_mut().unwrap().remove("pipeline");
        });
        tokio::time::sleep(Duration::from_secs(60 * 40)).await;
    };
    tokio::select! {
        () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
        () = mended => {}
    }
    assert!(probes(&stage.world(), &namespace) >= 1);
}

/// The agent's container comes first, and may well look before the other one runs.
#[tokio::test(start_paused = true)]
async fn an_agent_that_is_there_before_its_ci_container_rechecks_all_the_same() {
    let mut keel = glob();
    keel[wire::RECHECK] = json!("5m");
    let (stage, namespace) = waiting(&keel).await;
    let pod = format!(
        "/api/v1/namespaces/{namespace}/pods/{}",
        identity(&stage, &namespace).role.pod().unwrap().to_owned()
    );
    let status = stage.world().get(&pod)["status"].clone();
    stage.world().change(&pod, |pod| pod["status"] = json!({ "phase": "Pending" }));
    let comes_up = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.world().change(&pod, |pod| pod["status"] = status.clone());
        tokio::time::sleep(Duration::from_secs(60 * 8)).await;
    };
    tokio::select! {
        () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
        () = comes_up => {}
    }
    assert!(probes(&stage.world(), &namespace) >= 1);
}
