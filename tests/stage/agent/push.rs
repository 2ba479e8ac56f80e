//! What a push brings: good from its listener on, and a bad one never.

use studioci::output::narration::sentence;
use studioci::pipeline::facts::Fact;
use studioci::state::narration::Narration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_refused_after_its_dry_run_passed_gives_way_to_the_last_good_one() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    stage.brings(pipeline(&glob()).replace("\"keel.sh/policy\"", "\"bad\":\"x\",\"keel.sh/policy\""));
    stage.world().push(&namespace, "build-2", 'b');
    stage.world().refusals.push(|request, body| {
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
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let head = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
    let good = pipeline(&glob()).replace("\"a\":\"b\"", "\"a\":\"c\"");
    for (generation, text, verdict) in [(1, "{{ nothing", "Errored"), (2, good.as_str(), "Passed")] {
        let namespace = stage.world().builds()[&generation].clone();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        stage.brings(text);
        stage.world().push(&namespace, &format!("build-{}", generation + 1), 'b');
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), verdict);
        let last = &world.get(head)["data"]["pipeline"];
        if verdict == "Passed" { assert_eq!(*last, good) } else { assert!(last.is_null()) }
    }
    assert_eq!(stage.world().all("jobs").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_tells_nothing_is_errored_after_its_bound_and_the_chain_goes_on() {
    for tells in [false, true] {
        let stage = Stage::new(&[("build-1", 'a')]);
        let mut keel = glob();
        keel[wire::PENDING_DEADLINE] = json!("5m");
        started(&stage, &keel).await.unwrap();
        let namespace = stage.world().builds()[&1].clone();
        stage.world().push(&namespace, "build-2", 'b');
        if !tells {
            stage.tells_nothing();
        }
        let begun = clock();
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let took = clock().duration_since(begun).as_secs();
        let world = stage.world();
        if tells {
            assert!(took < 60, "{took} s");
            assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed");
            continue;
        }
        assert!((300..400).contains(&took), "{took} s");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Errored");
        let cause = annotation(&world, &namespace, wire::CAUSE);
        assert!(cause.contains("container build runs and tells nothing of its image"), "{cause}");
        let next = &world.builds()[&2];
        assert!(keyed(&world, next));
        assert_eq!(annotation(&world, next, wire::BASELINE), format!("build-2@{}", digest('b')));
    }
}

/// The CI container of the newest pod does this.
fn ci_container(stage: &Stage, namespace: &str, status: &Value) {
    let pods = format!("/api/v1/namespaces/{namespace}/pods/");
    let mut world = stage.world();
    let path = world.objects.keys().find(|path| path.starts_with(&pods)).unwrap().clone();
    world.change(&path, |pod| {
        for (field, value) in status.as_object().unwrap() {
            pod["status"]["containerStatuses"][0][field] = value.clone();
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_image_that_never_runs_is_errored_once_and_its_successor_waits() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    stage.world().push(&first, "build-2", 'b');
    let never = json!({ "imageID": "", "containerID": "", "state": { "waiting": {
        "reason": "CreateContainerError", "message": "unable to find user me: no matching entries in passwd file" } } });
    ci_container(&stage, &first, &never);
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let second = stage.world().builds()[&2].clone();
    assert_eq!(annotation(&stage.world(), &first, wire::VERDICT), "Errored");
    assert!(annotation(&stage.world(), &first, wire::CAUSE).contains("no matching entries in passwd file"));
    assert_eq!(annotation(&stage.world(), &second, wire::BASELINE), "build-2@unseen");
    // its listener starts from the very same image
    stage.world().roll(&second);
    ci_container(&stage, &second, &never);
    let waits = |world: &World| annotation(world, &second, wire::WAITING).contains("unable to find user me");
    run_until(&stage, &second, waits).await;
    assert_eq!(stage.world().phase(&second), "Listening");
    assert_eq!(stage.world().builds().len(), 2, "no further generation");
    // what runs by now is no image that anybody has seen
    let runs = json!({ "imageID": format!("{REPOSITORY}@{}", digest('b')), "containerID": "containerd://2",
        "state": { "running": {} } });
    ci_container(&stage, &second, &runs);
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    assert_eq!(annotation(&stage.world(), &second, wire::VERDICT), "Passed");
}

#[tokio::test(start_paused = true)]
async fn registry_and_node_failures_are_waited_for() {
    for (reason, message) in [
        ("ErrImagePull", "dial tcp: connection refused"),
        ("CreateContainerError", "write /var/lib/containerd/x: no space left on device"),
    ] {
        let stage = Stage::new(&[("build-1", 'a')]);
        started(&stage, &glob()).await.unwrap();
        let namespace = stage.world().builds()[&1].clone();
        stage.world().push(&namespace, "build-2", 'b');
        let waiting = json!({ "waiting": { "reason": reason, "message": message } });
        ci_container(&stage, &namespace, &json!({ "imageID": "", "containerID": "", "state": waiting }));
        let me = identity(&stage, &namespace);
        let cluster = stage.cluster();
        let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &|_| {});
        let long = tokio::time::sleep(Duration::from_secs(2 * 3600));
        tokio::select! {
            ended = Box::pin(agent.run()) => panic!("{ended:?}"),
            () = long => {}
        }
        assert_eq!(stage.world().phase(&namespace), "Listening", "{reason}");
        assert!(annotation(&stage.world(), &namespace, wire::WAITING).contains(message), "{reason}");
        assert_eq!(stage.world().builds().len(), 1, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_that_passed_and_does_not_come_up_as_a_listener_is_not_built_again() {
    for (keel, builds) in [(glob(), 2), (match_tag(), 3)] {
        let stage = Stage::new(&[("build-1", 'a')]);
        started(&stage, &keel).await.unwrap();
        let first = stage.world().builds()[&1].clone();
        let tag = if builds == 2 { "build-2" } else { "build-1" };
        stage.world().push(&first, tag, 'b');
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        assert_eq!(annotation(&stage.world(), &first, wire::VERDICT), "Passed");
        let second = stage.world().builds()[&2].clone();
        stage.world().roll(&second);
        let never = json!({ "imageID": "", "containerID": "", "state": { "waiting": {
            "reason": "CreateContainerConfigError", "message": "container has runAsNonRoot and image will run as root" } } });
        ci_container(&stage, &second, &never);
        let decided = |world: &World| match builds {
            2 => annotation(world, &second, wire::WAITING).contains("runAsNonRoot"),
            _ => asleep(world, &second),
        };
        tokio::time::timeout(Duration::from_secs(7200), run_until(&stage, &second, decided)).await.unwrap();
        assert_eq!(stage.world().builds().len(), builds, "{keel}");
    }
}

/// Else no listener of the chain would come up any more, and none could take the push that mends it.
#[tokio::test(start_paused = true)]
async fn no_push_decides_where_and_as_whom_the_next_listener_runs() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut request = request(&glob());
    // a tag is known of the repository at `start` only
    request.facts.git.insert("tag".to_owned(), Fact::known("v1"));
    request.sources.template.text.push_str("\n# {{ git.tag }}\n");
    starts(&stage, &request).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    let mut keel = glob();
    keel[wire::LISTENER_SCHEDULING] = json!("template");
    keel[wire::LISTENER_SECURITY] = json!("{runAsNonRoot: true, fsGroup: 7}");
    let spec = "\"spec\":{\"nodeSelector\":{\"disk\":\"gone\",\"kubernetes.io/arch\":\"none\"},\
                \"imagePullSecrets\":[{\"name\":\"more\"}],\"containers\":[{\"command\"";
    let text = pipeline(&keel).replace("\"spec\":{\"containers\":[{\"command\"", spec);
    assert!(text.contains("gone"), "{text}");
    stage.brings(text);
    stage.world().push(&first, "build-2", 'b');
    let said = std::sync::Mutex::new(Vec::new());
    let say = |it: Narration<'_>| said.lock().unwrap().extend(sentence(&it));
    let cluster = stage.cluster();
    let mut agent = Agent::new(&cluster, identity(&stage, &first), clock, Renderer::here(), &say);
    tokio::select! {
        ended = Box::pin(agent.run()) => panic!("{ended:?}"),
        () = stage.reaches(|world| asleep(world, &first)) => {}
    }
    let second = stage.world().builds()[&2].clone();
    let mut next = Agent::new(&cluster, identity(&stage, &second), clock, Renderer::here(), &say);
    tokio::select! {
        ended = Box::pin(next.run()) => panic!("{ended:?}"),
        () = async {
            stage.reaches(|world| world.phase(&second) == "Listening").await;
            tokio::time::sleep(Duration::from_secs(300)).await;
        } => {}
    }
    let said = said.lock().unwrap().join("\n");
    assert_eq!(said.matches("asks for a listener that runs elsewhere").count(), 1, "once a push: {said}");
    let world = stage.world();
    assert_eq!(annotation(&world, &first, wire::VERDICT), "Passed");
    let pod_of = |generation: u64| {
        let namespace = &world.builds()[&generation];
        let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments/build");
        world.get(&path)["spec"]["template"]["spec"].clone()
    };
    let (before, mut after) = (pod_of(1), pod_of(2));
    assert_eq!(after["imagePullSecrets"], json!([{ "name": "more" }]), "what is added takes nothing away");
    after.as_object_mut().unwrap().remove("imagePullSecrets");
    for field in ["nodeSelector", "securityContext"] {
        assert_eq!(before[field], after[field], "{field}");
    }
    let ci = |pod: &Value| pod["containers"][1]["securityContext"].clone();
    assert_eq!(ci(&before), ci(&after));
}
