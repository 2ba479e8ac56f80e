//! A chain that has begun too many builds within an hour rests: as one does that pushes the image that it listens to.

use super::*;

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";

fn twice_an_hour() -> Value {
    let mut keel = glob();
    keel[wire::MAX_PER_HOUR] = json!("2");
    keel
}

/// Such a chain, after `builds` builds, each of which has pushed the next image, and its listener with a further one.
async fn after(builds: u64) -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &twice_an_hour()).await.unwrap();
    for generation in 1..=builds + 1 {
        let namespace = stage.world().builds()[&generation].clone();
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        let letter = char::from(b'a' + u8::try_from(generation).unwrap());
        stage.world().push(&namespace, &format!("build-{}", generation + 1), letter);
        if generation <= builds {
            run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        }
    }
    let listener = stage.world().builds()[&(builds + 1)].clone();
    (stage, listener)
}

#[tokio::test(start_paused = true)]
async fn the_newest_push_is_built_after_the_pause_and_those_before_it_are_not() {
    let begun = clock();
    let (stage, listener) = after(2).await;
    let paused = |world: &World| annotation(world, &listener, wire::WAITING).starts_with("paused until ");
    run_until(&stage, &listener, paused).await;
    assert_eq!(stage.world().phase(&listener), "Listening");
    assert!(keyed(&stage.world(), &listener), "Keel moves it on");
    // another push within the pause, to a new pod of the listener
    stage.world().push(&listener, "build-9", 'e');
    run_until(&stage, &listener, |world| asleep(world, &listener)).await;
    let waited = clock().duration_since(begun).as_secs();
    assert!((3590..3700).contains(&waited), "{waited}");
    let world = stage.world();
    assert_eq!(annotation(&world, &listener, wire::TAG), "build-9");
    assert_eq!(annotation(&world, &listener, wire::VERDICT), "Passed");
    let head = &world.get(HEAD)["data"];
    assert_eq!(head["built.3"], format!("build-9@{}", digest('e')));
    assert!(!head.to_string().contains("build-4"), "it was passed over: {head}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_comes_back_in_the_pause_rests_on_and_an_idle_one_does_not_rest() {
    let (stage, listener) = after(2).await;
    let paused = |world: &World| annotation(world, &listener, wire::WAITING).starts_with("paused until ");
    run_until(&stage, &listener, paused).await;
    for _ in 0..3 {
        tokio::select! {
            () = run_until(&stage, &listener, |_| false) => unreachable!("it waits for ever"),
            () = tokio::time::sleep(Duration::from_secs(600)) => {}
        }
        assert_eq!(stage.world().phase(&listener), "Listening");
    }
    let (stage, listener) = after(1).await;
    run_until(&stage, &listener, |world| asleep(world, &listener)).await;
    let next = stage.world().builds()[&3].clone();
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(Duration::from_secs(600)) => {}
    }
    let world = stage.world();
    assert_eq!((world.phase(&next), annotation(&world, &next, wire::WAITING)), ("Listening", ""));
}
