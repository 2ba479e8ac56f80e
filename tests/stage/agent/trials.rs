//! A push that ends its agent while it is checked: written down before, counted by the starts that find it, and Errored.

use studioci::pipeline::weave::AGENT_CONTAINER;

use super::*;

/// A push in which the server falls silent whenever the agent has written that it tries it, `times` times, as if the agent
/// had ended there. `after` makes of the pod what the kubelet would.
async fn cut_off(times: usize, after: impl Fn(&mut World, &str)) -> (Stage, String) {
    let (stage, namespace) = pushed().await;
    let own = format!("/api/v1/namespaces/{namespace}");
    for _ in 0..times {
        let place = own.clone();
        stage.world().after_write = Some(Box::new(move |world, write| {
            let tries = !world.get(&place)["metadata"]["annotations"][wire::TRYING].is_null();
            if write == format!("PATCH {place}") && tries {
                world.dies_after = Some(world.writes.len());
            }
        }));
        run_until(&stage, &namespace, |_| false).await;
        stage.world().after_write = None;
        stage.revive();
        after(&mut stage.world(), &namespace);
    }
    (stage, namespace)
}

#[tokio::test(start_paused = true)]
async fn a_drain_or_two_do_not_cost_a_good_push() {
    for times in [1, 2] {
        let roll = |world: &mut World, namespace: &str| {
            world.roll(namespace);
        };
        let (stage, namespace) = cut_off(times, roll).await;
        assert_eq!(
            annotation(&stage.world(), &namespace, wire::TRYING),
            format!("{} build-2@{}", times - 1, digest('b'))
        );
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        held(&stage.world(), &namespace, "cut off");
        assert_eq!(annotation(&stage.world(), &namespace, wire::TRYING), "", "it is over");
    }
}

#[tokio::test(start_paused = true)]
async fn the_third_start_that_finds_it_says_errored_and_the_chain_goes_on() {
    let roll = |world: &mut World, namespace: &str| {
        world.roll(namespace);
    };
    let (stage, namespace) = cut_off(3, roll).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::TRYING), format!("2 build-2@{}", digest('b')));
    gives_up(&stage, &namespace, "its agent ended 3 times").await;
}

/// The kubelet ends a container of the listener's pod for its memory, and starts it again.
fn out_of_memory(world: &mut World, namespace: &str, container: &str) {
    let own = |(path, pod): (&String, &Value)| {
        let listens = pod["metadata"]["labels"][wire::ROLE] == "listener";
        (path.contains(&format!("{namespace}/pods/")) && listens).then(|| path.clone())
    };
    let path = world.objects.iter().find_map(own).unwrap();
    world.change(&path, |pod| {
        let statuses = pod["status"]["containerStatuses"].as_array_mut().unwrap();
        let ended = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled" } });
        match statuses.iter_mut().find(|status| status["name"] == container) {
            Some(status) => status["lastState"] = ended,
            None => {
                statuses.push(json!({ "name": container, "state": { "running": {} }, "lastState": ended }));
            }
        }
    });
}

#[tokio::test(start_paused = true)]
async fn memory_that_the_agent_took_counts_at_once() {
    let killed = |world: &mut World, namespace: &str| out_of_memory(world, namespace, AGENT_CONTAINER);
    let (stage, namespace) = cut_off(1, killed).await;
    gives_up(&stage, &namespace, "(OOMKilled)").await;
}

#[tokio::test(start_paused = true)]
async fn memory_that_the_pushed_image_took_is_none_of_its_agents() {
    let killed = |world: &mut World, namespace: &str| out_of_memory(world, namespace, "build");
    let (stage, namespace) = cut_off(1, killed).await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    held(&stage.world(), &namespace, "the CI container was out of memory");
}

/// The push is Errored without being tried again, and the next one is built.
async fn gives_up(stage: &Stage, namespace: &str, why: &str) {
    stage.world().requests.clear();
    run_until(stage, namespace, |world| asleep(world, namespace)).await;
    let next = {
        let world = stage.world();
        assert_eq!(annotation(&world, namespace, wire::VERDICT), "Errored");
        assert!(annotation(&world, namespace, wire::CAUSE).contains(why), "{why}");
        assert_eq!(annotation(&world, namespace, wire::TRYING), "");
        assert!(world.all("jobs").is_empty());
        world.builds()[&2].clone()
    };
    stage.world().roll(&next);
    run_until(stage, &next, |world| world.phase(&next) == "Listening").await;
    stage.world().push(&next, "build-3", 'c');
    run_until(stage, &next, |world| asleep(world, &next)).await;
    assert_eq!(annotation(&stage.world(), &next, wire::VERDICT), "Passed");
}
