//! A chain that is ended in the middle of a turn: before the swap of the head nothing is built, after it nothing follows.

use super::*;

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_ended_after_any_write_builds_on_or_stands_down_and_leaves_nothing() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let all = stage.world().writes.clone();
    let place = |what: &dyn Fn(&str) -> bool| all.iter().position(|it| what(it)).unwrap();
    let swap = place(&|it| it == format!("PATCH {HEAD}"));
    let settled = place(&|it| it == format!("PATCH {HEAD}")) + 1;
    let settled = settled + all[settled..].iter().position(|it| *it == format!("PATCH {HEAD}")).unwrap();
    let raised = place(&|it| it.starts_with("POST") && it.ends_with("/deployments"));
    for (k, write) in all.iter().enumerate() {
        let what = format!("ended after {write}");
        let stage = before.copy();
        let mut count = 0;
        stage.world().after_write = Some(Box::new(move |world, _| {
            if count == k {
                world.change(HEAD, |head| head["data"]["ended"] = json!("by alice"));
            }
            count += 1;
        }));
        let zero = |world: &World| world.get(&World::listener(&namespace))["spec"]["replicas"] == 0;
        run_until(&stage, &namespace, |world| world.writes.len() > k && zero(world)).await;
        let world = stage.world();
        assert!(!keyed(&world, &namespace), "{what}");
        if k < swap {
            assert!(["Listening", "Triggered"].contains(&world.phase(&namespace)), "{what}");
            assert_eq!((world.all("jobs").len(), world.builds().len()), (0, 1), "{what}");
            continue;
        }
        assert!(asleep(&world, &namespace), "{what}");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed", "{what}");
        assert_eq!(world.all("jobs").len(), 1, "{what}");
        let dispatch = annotation(&world, &namespace, wire::DISPATCH);
        // what the head names goes with the chain; what it does not name, nobody would ever find
        if k < settled {
            assert_eq!((dispatch, world.builds().len()), ("ended", 1), "{what}");
        } else if k > raised {
            assert_eq!(dispatch, "done", "{what}");
        }
        if let Some(next) = world.builds().get(&2) {
            assert_eq!(world.get(HEAD)["data"]["namespace"], *next, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_was_claimed_for_nobody_goes_with_the_crash_that_left_it() {
    let (stage, namespace) = claimed_for_nobody().await;
    stage.world().change(HEAD, |head| head["data"]["ended"] = json!("by alice"));
    stage.world().roll(&namespace);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::DISPATCH), "ended");
    assert_eq!(world.builds().len(), 1);
}
