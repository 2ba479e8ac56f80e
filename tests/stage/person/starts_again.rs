//! `start` on a chain that is there.

use studioci::chain::build::Phase;
use studioci::pipeline::weave::AGENT_CONTAINER;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_changed_pipeline_gets_a_listener_of_its_own_whenever_start_is_killed() {
    let begin = listening(&glob()).await;
    let first = begin.world().builds()[&1].clone();
    let run = |stage: Stage| async move { started_again(&stage, &changed()).await.map(|_| ()) };
    whenever_it_is_killed(&begin, run, |world, what| {
        let builds = world.builds();
        assert_eq!(builds.len(), 1, "{what}: {builds:?}");
        let (generation, namespace) = builds.first_key_value().unwrap();
        assert_ne!(*namespace, first, "{what}");
        assert!(keyed(world, namespace), "{what}");
        assert_eq!(world.phase(namespace), "Listening", "{what}");
        let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["annotations"];
        assert_eq!(meta[wire::BASELINE], format!("build-1@{}", digest('a')), "{what}: the same baseline");
        let head = head(world);
        assert_eq!(head["generation"], generation.to_string(), "{what}");
        assert_eq!(head["namespace"], *namespace, "{what}");
        let record = &world.get(&format!("{HOME}/record-{CHAIN}"))["data"];
        assert_eq!(record["edition"], head["edition"], "{what}");
        assert!(record["sources"].as_str().unwrap().contains("minio:2"), "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn start_says_what_it_did_to_a_chain_that_lives() {
    let stage = listening(&glob()).await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Configured(build) if build.generation == 2), "{outcome:?}");
    let before = stage.world().objects.clone();
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Unchanged(build) if build.generation == 2), "{outcome:?}");
    assert_eq!(stage.world().objects, before);

    // another tag, downwards too
    stage.world().publish("build-0", 'c');
    let rebased = StartRequest { tag: Some("build-0".to_owned()), ..changed() };
    let outcome = started_again(&stage, &rebased).await.unwrap();
    let StartOutcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-0@{}", digest('c'))));
    assert!(matches!(started_again(&stage, &rebased).await.unwrap(), StartOutcome::Unchanged(_)));

    // a policy that cannot move on from where the chain stands
    let semver = request(&json!({ "keel.sh/policy": "minor", "keel.sh/trigger": "poll" }));
    let refused = started_again(&stage, &semver).await.unwrap_err();
    assert!(matches!(refused, Error::Pipeline(_)), "{refused}");

    // its listener deleted by hand
    {
        let namespace = stage.world().builds()[&3].clone();
        let cluster = stage.cluster();
        let found = stage.world().get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["uid"].clone();
        let how = studioci::cluster::Delete::uid(found.as_str().unwrap());
        cluster.delete(&studioci::cluster::resource::NAMESPACES, None, &namespace, &how).await.unwrap();
    }
    let outcome = started_again(&stage, &rebased).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Started(build) if build.generation == 4), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_makes_the_namespace_of_a_lost_listener_anew_makes_no_build_of_the_chain() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    let path = format!("/api/v1/namespaces/{first}");
    {
        // everything that could be read on it is copied, and it says more
        let mut world = stage.world();
        let mut copy = world.get(&path).clone();
        let inside = format!("{path}/");
        world.objects.retain(|object, _| !object.starts_with(&inside));
        copy["metadata"]["uid"] = json!("uid-of-somebody");
        copy["metadata"]["labels"][wire::PHASE] = json!("Finished");
        copy["metadata"]["annotations"][wire::VERDICT] = json!("Passed");
        world.objects.insert(path.clone(), copy);
    }
    let outcome = started_again(&stage, &request(&glob())).await.unwrap();
    let StartOutcome::Started(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!(build.generation, 2, "a generation that was settled is never claimed again");
    let head = head(&stage.world());
    assert_ne!(head["uid"], "uid-of-somebody");
    assert_ne!(head["settled.1"], "uid-of-somebody", "{head}");
}

/// Somebody deletes a build's listener, and its pods go.
fn deafen(stage: &Stage, namespace: &str) {
    let mut world = stage.world();
    world.objects.remove(&World::listener(namespace)).unwrap();
    world.objects.retain(|path, _| !path.starts_with(&format!("/api/v1/namespaces/{namespace}/pods/")));
}

#[tokio::test(start_paused = true)]
async fn a_chain_whose_listener_was_deleted_by_hand_is_started() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&stage, &first);
    let outcome = started_again(&stage, &request(&glob())).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Started(build) if build.generation == 2), "{outcome:?}");
    assert_eq!(stage.world().builds().len(), 1, "the one without a listener goes");
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), StartOutcome::Unchanged(_)));
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_not_deaf_or_hearing_by_what_a_build_has_labelled() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    stage.world().label_as_listener(&first);
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), StartOutcome::Unchanged(_)));
    stage.world().objects.remove(&World::listener(&first)).unwrap();
    let outcome = started_again(&stage, &request(&glob())).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Started(build) if build.generation == 2), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_waited_for_as_long_as_there_is_an_agent_to_raise_it() {
    let reached: [fn(&World) -> bool; 2] =
        [|world| head(world)["generation"] == "2", |world| world.builds().len() == 2 && claimed(world)];
    for (number, reached) in reached.into_iter().enumerate() {
        let (stage, first) = pushed().await;
        run_until(&stage, &first, reached).await;
        let before = head(&stage.world());
        // as long as nobody listens, nothing is called fine, and nothing is changed either
        let said = started_again(&stage, &request(&glob())).await.unwrap_err().to_string();
        assert!(said.contains("is as it was asked for, but after 60 s nobody listens: namespace"), "{said}");
        assert_eq!(head(&stage.world()), before, "{number}");
        let other = stage.copy();
        let agent = Box::pin(async {
            run_until(&other, &first, |world| asleep(world, &first)).await;
            std::future::pending::<()>().await;
        });
        let asked = request(&glob());
        tokio::select! {
            outcome = Box::pin(started_again(&other, &asked)) => {
                let StartOutcome::Unchanged(build) = outcome.unwrap() else { panic!("{number}") };
                assert_eq!((build.generation, build.phase), (2, Phase::Listening), "{number}");
            }
            () = agent => unreachable!("it waits for ever"),
        }

        deafen(&stage, &first);
        let outcome = started_again(&stage, &request(&glob())).await.unwrap();
        let StartOutcome::Started(build) = outcome else { panic!("{number}: {outcome:?}") };
        assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-2@{}", digest('b'))));
        assert_eq!(stage.world().builds().keys().collect::<Vec<_>>(), [&1, &3], "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_stuck_is_never_called_fine() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    let pod = {
        let world = stage.world();
        let of_listener = |path: &&String| path.starts_with(&format!("/api/v1/namespaces/{first}/pods/"));
        world.objects.keys().find(of_listener).unwrap().clone()
    };
    let well = stage.world().get(&pod).clone();
    let crashing = json!({ "name": AGENT_CONTAINER, "restartCount": 7,
        "state": { "waiting": { "reason": "CrashLoopBackOff", "message": "back-off" } } });
    let namespace = format!("/api/v1/namespaces/{first}");
    for (spoil, says) in [
        (
            json!({ "phase": "Running", "containerStatuses": [crashing] }),
            "studioci-agent crashes again and again",
        ),
        (json!({ "phase": "Pending" }), "no pod of its listener runs"),
    ] {
        stage.world().change(&pod, |pod| pod["status"] = spoil);
        let said = started_again(&stage, &request(&glob())).await.unwrap_err().to_string();
        assert!(said.contains("nobody listens") && said.contains(says), "{says}: {said}");
    }
    stage.world().change(&pod, |pod| pod["status"] = well["status"].clone());
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), StartOutcome::Unchanged(_)));
    let stuck = "its agent cannot go on: the record is another chain's";
    stage.world().change(&namespace, |it| it["metadata"]["annotations"][wire::WAITING] = json!(stuck));
    let said = started_again(&stage, &request(&glob())).await.unwrap_err().to_string();
    assert!(said.contains(stuck), "{said}");
}

/// Whether the head names a namespace.
fn claimed(world: &World) -> bool {
    !head(world)["namespace"].is_null()
}

#[tokio::test(start_paused = true)]
async fn of_two_that_start_a_chain_without_a_listener_the_later_one_says_so() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&stage, &first);
    let request = request(&glob());
    let (one, two) = tokio::join!(started_again(&stage, &request), started_again(&stage, &request));
    let (started, raced) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(matches!(&started, Ok(StartOutcome::Started(build)) if build.generation == 2), "{started:?}");
    assert!(raced.unwrap_err().to_string().contains("somebody else is changing chain"));
    assert_eq!(head(&stage.world())["generation"], "2");
    assert_eq!(stage.world().builds().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_wins_the_head_before_start_is_built_and_its_successor_is_replaced() {
    let (stage, first) = pushed().await;
    // the agent has moved the head, and nothing more
    run_until(&stage, &first, |world| head(world)["generation"] == "2").await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    let StartOutcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-2@{}", digest('b'))));
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let world = stage.world();
    assert_eq!(world.all("jobs").len(), 1);
    assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&1, &3]);
    let meta = &world.get(&format!("/api/v1/namespaces/{first}"))["metadata"]["annotations"];
    assert_eq!((&meta[wire::VERDICT], &meta[wire::DISPATCH]), (&json!("Passed"), &json!("done")));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_loses_the_head_to_start_never_builds() {
    let (stage, first) = pushed().await;
    run_until(&stage, &first, |world| world.phase(&first) == "Triggered").await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Configured(build) if build.generation == 2), "{outcome:?}");
    let world = stage.world();
    assert_eq!(
        world.builds().keys().collect::<Vec<_>>(),
        [&2],
        "it was triggered, but the head never was its"
    );
    assert_eq!(head(&world)["built.1"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_start_outside_of_a_checkout_leaves_the_chain_its_remote() {
    let stage = listening(&glob()).await;
    let mut in_checkout = request(&glob());
    let url = json!("https://git.example/app.git");
    in_checkout.facts.git.insert("url".to_owned(), Fact::Known(url.clone()));
    assert!(matches!(started_again(&stage, &in_checkout).await.unwrap(), StartOutcome::Configured(_)));
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), StartOutcome::Unchanged(_)));
    // also where the intent is worked out anew, from the tag that the chain stands at
    let elsewhere = StartRequest { tag: Some("build-2".to_owned()), ..changed() };
    for request in [changed(), elsewhere] {
        assert!(matches!(started_again(&stage, &request).await.unwrap(), StartOutcome::Configured(_)));
        let settings = stage.world().get(&format!("{HOME}/record-{CHAIN}"))["data"]["settings"].clone();
        assert!(settings.as_str().unwrap().contains(url.as_str().unwrap()), "{settings}");
    }
}

#[tokio::test(start_paused = true)]
async fn values_of_json_are_recorded_as_the_others_are() {
    let stage = listening(&glob()).await;
    let mut request = request(&glob());
    request.sources.set_json = vec!["Gpus=2".to_owned()];
    assert!(matches!(started_again(&stage, &request).await.unwrap(), StartOutcome::Configured(_)));
    assert!(matches!(started_again(&stage, &request).await.unwrap(), StartOutcome::Unchanged(_)));
    request.sources.set_json = vec!["Gpus=3".to_owned()];
    assert!(matches!(started_again(&stage, &request).await.unwrap(), StartOutcome::Configured(_)));
    let sources = stage.world().get(&format!("{HOME}/record-{CHAIN}"))["data"]["sources"].clone();
    assert!(sources.as_str().unwrap().contains("\"setJson\":[\"Gpus=3\"]"), "{sources}");
}

#[tokio::test(start_paused = true)]
async fn who_wants_the_image_of_now_built_of_a_chain_that_listens_is_told_what_does_that() {
    let stage = listening(&glob()).await;
    for now in [true, false] {
        let request = StartRequest { now, ..request(&glob()) };
        let (cluster, warned) = (stage.cluster(), std::cell::RefCell::new(Vec::new()));
        let say = |it: Narration<'_>| {
            if let Narration::Warning(text) = it {
                warned.borrow_mut().push(text);
            }
        };
        let outcome = Box::pin(start(&cluster, &request, &say)).await.unwrap();
        assert!(matches!(outcome, StartOutcome::Unchanged(_)), "{outcome:?}");
        let warned = warned.into_inner();
        let told = warned.iter().filter(|it| it.starts_with("--now is not used: chain app-main")).count();
        assert_eq!(told, usize::from(now), "{warned:?}");
        assert!(
            !now || warned.iter().any(|it| it.ends_with("by kubectl studioci trigger app-main")),
            "{warned:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_pushed_over_is_the_pipelines() {
    let stage = listening(&match_tag()).await;
    let mut other = request(&match_tag());
    other.sources.template.text = other.sources.template.text.replace(":build-1", ":build-2");
    let outcome = started_again(&stage, &other).await.unwrap();
    let StartOutcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!(build.baseline.to_string(), format!("build-2@{}", digest('b')));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_listener_gets_the_pull_secrets_of_now() {
    let mut request = request(&glob());
    let text = &mut request.sources.template.text;
    *text =
        text.replace("\"containers\"", "\"imagePullSecrets\": [{ \"name\": \"registry\" }], \"containers\"");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "registry" },
        "type": "kubernetes.io/dockerconfigjson",
        "data": { ".dockerconfigjson": "e30=" },
    });
    *text = format!("{text}\n---\n{secret}");
    let stage = listening(&glob()).await;
    let StartOutcome::Configured(build) = started_again(&stage, &request).await.unwrap() else { panic!() };
    let path = format!("/api/v1/namespaces/{}/secrets/registry", build.namespace);
    let live = |stage: &Stage| stage.world().get(&path)["data"][".dockerconfigjson"].clone();
    assert_eq!(live(&stage), "e30=");
    stage.world().change(&path, |secret| secret["data"][".dockerconfigjson"] = json!("c3RhbGU="));
    assert!(matches!(started_again(&stage, &request).await.unwrap(), StartOutcome::Unchanged(_)));
    assert_eq!(live(&stage), "e30=");
}

/// The rules of the chain's Role.
fn rules(world: &World) -> String {
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/studioci/roles/chain-{CHAIN}");
    world.get(&path)["rules"].to_string()
}

#[tokio::test(start_paused = true)]
async fn rights_that_start_fixes_anew_stand_in_the_chains_role_whenever_it_is_killed() {
    let begin = listening(&glob()).await;
    let hardened = StartRequest { pod_security: Some("baseline".to_owned()), ..request(&glob()) };
    let run = |stage: Stage| {
        let hardened = hardened.clone();
        async move { started_again(&stage, &hardened).await.map(|_| ()) }
    };
    whenever_it_is_killed(&begin, run, |world, what| {
        assert!(rules(world).contains("\"baseline,,,,,\""), "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_start_fixes_anew_stand_in_the_chains_role() {
    let stage = listening(&glob()).await;
    let hardened = StartRequest { pod_security: Some("baseline".to_owned()), ..request(&glob()) };
    let StartOutcome::Configured(build) = started_again(&stage, &hardened).await.unwrap() else { panic!() };
    let world = stage.world();
    let rules = rules(&world);
    assert!(rules.contains("\"baseline,,,,,\"") && !rules.contains("\",,,,,\""), "{rules}");
    let labels = &world.get(&format!("/api/v1/namespaces/{}", build.namespace))["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
}
