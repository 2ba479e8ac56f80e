//! From a push to the end of its build: the order, kills, stale writes of Keel, and what an idle listener asks.

use std::time::Duration;

use super::*;

#[tokio::test(start_paused = true)]
async fn from_push_to_sleep_in_this_order() {
    let (stage, namespace) = pushed().await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    held(&world, &namespace, "undisturbed");
    let detached =
        world.requests.iter().position(|it| it == &format!("PATCH {}", World::listener(&namespace))).unwrap();
    let read =
        world.requests.iter().rposition(|it| it == &format!("GET {}", World::listener(&namespace))).unwrap();
    // the first one is the dry-run of the check
    let job = world.requests.iter().rposition(|it| it.starts_with("POST /apis/batch")).unwrap();
    assert!(detached < read && detached < job);
    assert!(
        world.requests[detached..job].contains(&format!("GET {}", World::listener(&namespace))),
        "read back"
    );
    assert_eq!(
        plain(&world, &world.writes),
        [
            "POST /ns1/configmaps",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1/deployments/build",
            "PATCH /ns1",
            "POST /namespaces",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1",
            "POST /ns2/rolebindings",
            "POST /ns2/serviceaccounts",
            "POST /ns2/rolebindings",
            "POST /studioci/rolebindings",
            "POST /clusterrolebindings",
            "POST /ns2/deployments",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1",
            "PATCH /ns1/configmaps/settings",
            "PATCH /ns1/deployments/minio",
            "PATCH /ns1",
            "POST /ns1/jobs",
            "PATCH /ns1",
            "PATCH /studioci/secrets/log-app-main-1",
            "PATCH /studioci/configmaps/history-app-main",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1/deployments/minio",
            "PATCH /ns1",
            "PATCH /ns1/deployments/build",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_and_started_again_comes_to_the_same_end() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let writes = stage.world().writes.len();
    let objects = stage.world().objects.len();
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        held(&world, &namespace, &format!("killed after {k}"));
        assert_eq!(world.objects.len(), objects, "killed after {k}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_write_of_keel_after_any_write_is_undone() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    let keys = stage.world().get(&World::listener(&namespace))["metadata"].clone();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let all = stage.world().writes.clone();
    let detached = all.iter().position(|it| it == &format!("PATCH {}", World::listener(&namespace))).unwrap();
    for (k, write) in all.iter().enumerate().skip(detached) {
        let stage = before.copy();
        let listener = World::listener(&namespace);
        let keys = keys.clone();
        let mut count = 0;
        stage.world().after_write = Some(Box::new(move |world, _| {
            if count == k {
                world.change(&listener, |live| {
                    live["metadata"]["labels"] = keys["labels"].clone();
                    live["metadata"]["annotations"] = keys["annotations"].clone();
                    live["spec"]["replicas"] = json!(1);
                });
            }
            count += 1;
        }));
        run_until(&stage, &namespace, |world| {
            world.writes.len() > k && asleep(world, &namespace) && !keyed(world, &namespace)
        })
        .await;
        held(&stage.world(), &namespace, &format!("after {write}"));
    }
}

#[tokio::test(start_paused = true)]
async fn two_agents_of_one_listener_make_one_build_and_one_successor() {
    let (stage, namespace) = pushed().await;
    let run = || run_until(&stage, &namespace, |world| asleep(world, &namespace));
    tokio::join!(run(), run());
    held(&stage.world(), &namespace, "two at once");
}

#[tokio::test(start_paused = true)]
async fn an_idle_listener_asks_less_than_twice_a_minute() {
    for keel in [glob(), match_tag()] {
        let stage = Stage::new(&[("build-1", 'a')]);
        started(&stage, &keel).await.unwrap();
        let namespace = stage.world().builds()[&1].clone();
        let minutes = |count: u64| tokio::time::sleep(Duration::from_secs(60 * count));
        let counted = async {
            minutes(2).await;
            let before = stage.world().requests.len();
            minutes(10).await;
            stage.world().requests.len() - before
        };
        tokio::select! {
            () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
            count = counted => assert!(count <= 20, "{count} in ten minutes"),
        }
        assert_eq!(stage.world().phase(&namespace), "Listening");
    }
}
