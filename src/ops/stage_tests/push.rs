//! What a push brings: good from its listener on, and a bad one never.

use super::*;

/// What a pushed image holds at `studioci.dev/pipeline-path`; gone with the test.
struct InImage(std::path::PathBuf);

impl InImage {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("studioci-{name}-{}.yaml", std::process::id())))
    }

    fn keel(&self) -> Value {
        let mut keel = glob();
        keel[wire::PIPELINE_PATH] = json!(self.0.to_str().unwrap());
        keel
    }

    fn brings(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for InImage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_refused_after_its_dry_run_passed_gives_way_to_the_last_good_one() {
    let image = InImage::new("refused");
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &image.keel()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    image.brings(&pipeline(&image.keel()).replace("\"keel.sh/policy\"", "\"bad\":\"x\",\"keel.sh/policy\""));
    stage.world().push(&namespace, "build-2", 'b');
    stage.world().refuses = Some(|request, body| {
        let real = request.ends_with("/deployments") && body["metadata"]["name"] == "build";
        let bad = body["metadata"]["annotations"]["bad"] == "x";
        (real && bad).then_some("admission webhook \"w\" denied the request: no bad ones")
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Errored");
    assert!(annotation(&world, &namespace, wire::CAUSE).contains("no bad ones"));
    assert_eq!(annotation(&world, &namespace, wire::DISPATCH), "done");
    assert!(world.all("jobs").is_empty());
    let next = world.get(&World::listener(&world.builds()[&2]));
    assert!(next["metadata"]["annotations"]["bad"].is_null() && !next.is_null());
    let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
    assert!(head["pipeline"].is_null(), "what was refused is not the last good one");
}

#[tokio::test(start_paused = true)]
async fn a_pushed_pipeline_is_good_from_its_listener_on_and_a_bad_one_never() {
    let image = InImage::new("pushed");
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &image.keel()).await.unwrap();
    let head = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
    let good = pipeline(&image.keel()).replace("\"a\":\"b\"", "\"a\":\"c\"");
    for (generation, text, verdict) in [(1, "{{ nothing", "Errored"), (2, good.as_str(), "Passed")] {
        let namespace = stage.world().builds()[&generation].clone();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        image.brings(text);
        stage.world().push(&namespace, &format!("build-{}", generation + 1), 'b');
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), verdict);
        let last = &world.get(head)["data"]["pipeline"];
        if verdict == "Passed" { assert_eq!(*last, good) } else { assert!(last.is_null()) }
    }
    assert_eq!(stage.world().all("jobs").len(), 1);
}
