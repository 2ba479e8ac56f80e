//! Two that claim one generation, and a claim that was deleted.

use studioci::chain::build::Baseline;
use studioci::chain::names;
use studioci::chain::rights::Added;
use studioci::output::narration::sentence;
use studioci::state::claim::{Claim, Claimed};
use studioci::state::dispatch;
use studioci::state::enter::Maker;
use studioci::state::home::Home;
use studioci::state::narration::Narration;
use studioci::state::{head, record, seed};

use super::*;

#[tokio::test(start_paused = true)]
async fn of_two_claims_of_one_generation_the_loser_goes() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let cluster = stage.cluster();
    let record = record::record(&cluster, CHAIN).await.unwrap().unwrap();
    // generation 2 is to be claimed, and the first name is ours and on its way out
    let seed = seed::seed_of(&cluster, CHAIN).await.unwrap();
    let first = names::sequence(seed, 2, "ci").next().unwrap();
    let path = format!("/api/v1/namespaces/{first}");
    {
        let mut world = stage.world();
        world.change("/api/v1/namespaces/studioci/configmaps/chain-app-main", |head| {
            head["data"] = json!({ "uuid": record.settings.uuid, "generation": "2" });
        });
        world.objects.insert(
            path.clone(),
            json!({ "metadata": {
            "name": first, "uid": "old", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: CHAIN },
            "annotations": {
                wire::OWNER: names::owner(seed, 2).to_string(),
                wire::CHAIN_UUID: record.settings.uuid,
                wire::GENERATION: "2",
            },
        } }),
        );
        world.requests.clear();
    }
    let (settings, at) = (&record.settings, Timestamp::UNIX_EPOCH);
    let claim = Claim::of_listener(settings, seed, &Added::default(), 2, &Baseline::None, None, at);
    let maker = Maker::Agent { namespace: "ci-parent", uid: "u" };
    let head = head::head(&cluster, CHAIN).await.unwrap().unwrap();
    let say = |_: Narration<'_>| {};
    let mut slow = Box::pin(dispatch::claim_next(&cluster, &claim, maker, head.clone(), &say));
    let look = format!("GET {path}");
    // whether it has got there is asked first, or it might walk on meanwhile
    tokio::select! {
        biased;
        () = stage.reaches(|world| world.requests.contains(&look)) => {}
        claimed = &mut slow => panic!("{claimed:?}"),
    }
    stage.world().objects.remove(&path);
    let (quick, _): (Claimed, _) = dispatch::claim_next(&cluster, &claim, maker, head, &say).await.unwrap();
    assert_eq!(quick.namespace, first);
    let (slow, _) = slow.await.unwrap();
    assert_eq!((&slow.namespace, &slow.uid), (&quick.namespace, &quick.uid));
    let world = stage.world();
    assert_eq!(world.all("namespaces").len(), 3, "home, the first build, and one of the second");
    assert_eq!(world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"]["uid"], quick.uid);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_deleted_before_its_listener_came_is_made_anew() {
    let (stage, namespace) = pushed().await;
    // the agent dies between the claim and the first object in it
    stage.world().dies_after = Some(8);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    stage.revive();
    let lost = stage.world().builds()[&2].clone();
    stage.world().change(&format!("/api/v1/namespaces/{lost}"), |it| {
        it["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let next = annotation(&world, &namespace, wire::SUCCESSOR);
    assert_ne!(next, lost);
    assert!(keyed(&world, next));
    assert_eq!(world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"]["namespace"], next);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_makes_under_the_name_of_a_claim_that_was_deleted_is_not_taken_for_it() {
    // with the first name free to take, and with a copy under each name that the seed gives
    for copies in [1, 3] {
        let (stage, namespace) = pushed().await;
        let seed = seed::seed_of(&stage.cluster(), CHAIN).await.unwrap();
        // the agent dies as soon as its claim is settled
        let head = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
        let settled = |world: &World| {
            let data = &world.get(head)["data"];
            data["generation"] == "2" && data["uid"].is_string()
        };
        run_until(&stage, &namespace, settled).await;
        let lost = stage.world().builds()[&2].clone();
        assert!(!stage.world().objects.contains_key(&World::listener(&lost)));
        let mut forged: Vec<String> = names::sequence(seed, 2, "ci").take(copies).collect();
        if !forged.contains(&lost) {
            forged.push(lost.clone());
        }
        let path = |name: &str| format!("/api/v1/namespaces/{name}");
        let claimed = stage.world().objects.remove(&path(&lost)).unwrap();
        stage.world().objects.retain(|at, _| !at.contains(&format!("/namespaces/{lost}/")));
        for name in &forged {
            let mut copy = claimed.clone();
            (copy["metadata"]["name"], copy["metadata"]["uid"]) =
                (json!(name), json!(format!("forged-{name}")));
            stage.world().objects.insert(path(name), copy);
        }
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        let next = annotation(&world, &namespace, wire::SUCCESSOR);
        assert!(!forged.iter().any(|name| name == next), "{next} of {forged:?}");
        assert!(keyed(&world, next), "{next}");
        for name in &forged {
            let inside = format!("/namespaces/{name}/");
            assert!(!world.objects.keys().any(|path| path.contains(&inside)), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_a_hand_wrote_into_the_head_is_never_taken_on() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    let foreign = "/api/v1/namespaces/prod";
    {
        let mut world = stage.world();
        let prod = json!({ "metadata": { "name": "prod", "uid": "uid-prod", "resourceVersion": "1" } });
        world.objects.insert(foreign.to_owned(), prod);
        world.change("/api/v1/namespaces/studioci/configmaps/chain-app-main", |head| {
            head["data"]["namespace"] = json!("prod");
            head["data"]["uid"] = json!("uid-prod");
        });
    }
    crate::person::started_again(&stage, &request(&glob())).await.unwrap();
    let world = stage.world();
    assert!(!world.objects.keys().any(|path| path.contains("/namespaces/prod/")));
    let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
    assert_eq!(
        head["namespace"],
        world.builds()[&2].as_str(),
        "it moves on: nothing proves {first} any more"
    );
}

/// What another chain's agent would make who has found out everything that can be read: all marks but the chain label,
/// which the policies keep from it.
fn decoy(name: &str, chain: &str, uuid: &str, owner: &str) -> Value {
    json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain, wire::PHASE: "Claimed" },
        "annotations": { wire::OWNER: owner, wire::CHAIN_UUID: uuid, wire::GENERATION: "2" },
    } })
}

#[tokio::test(start_paused = true)]
async fn what_another_chain_put_under_the_next_names_is_passed_over_and_nothing_is_bound_in_it() {
    let (stage, namespace) = pushed().await;
    let cluster = stage.cluster();
    let seed = seed::seed_of(&cluster, CHAIN).await.unwrap();
    let record = record::record(&cluster, CHAIN).await.unwrap().unwrap();
    let owner = names::owner(seed, 2).to_string();
    // by chance the build's own name is among the next ones
    let others = names::sequence(seed, 2, "ci").filter(|name| *name != namespace);
    let taken: Vec<String> = others.take(30).collect();
    for name in &taken {
        let decoy = decoy(name, "e", &record.settings.uuid, &owner);
        stage.world().objects.insert(format!("/api/v1/namespaces/{name}"), decoy);
    }
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let next = annotation(&world, &namespace, wire::SUCCESSOR);
    assert!(keyed(&world, next) && !taken.iter().any(|name| name == next), "{next}");
    for name in &taken {
        assert!(!world.objects.keys().any(|path| path.contains(&format!("/namespaces/{name}/"))), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_all_names_are_taken_the_error_says_who_sits_there() {
    let (stage, namespace) = pushed().await;
    let cluster = stage.cluster();
    let seed = seed::seed_of(&cluster, CHAIN).await.unwrap();
    let others = names::sequence(seed, 2, "ci").filter(|name| *name != namespace);
    let taken: Vec<String> = others.take(64).collect();
    for name in &taken {
        stage.world().objects.insert(format!("/api/v1/namespaces/{name}"), decoy(name, "e", "u", "o"));
    }
    run_until(&stage, &namespace, |world| {
        !annotation(world, &namespace, wire::DISPATCH_ERROR).is_empty()
            && asleep_but_for_the_dispatch(world, &namespace)
    })
    .await;
    let world = stage.world();
    let said = annotation(&world, &namespace, wire::DISPATCH_ERROR);
    assert!(said.contains(&format!("{} (of chain e)", taken[0])), "{said}");
    assert_eq!(said.matches("of chain").count(), 5, "{said}");
}

/// Whether the build is over, and only the next listener is missing.
fn asleep_but_for_the_dispatch(world: &World, namespace: &str) -> bool {
    world.phase(namespace) == "Recorded"
}

const SEED: &str = "/api/v1/namespaces/studioci/secrets/seed-app-main";

#[tokio::test(start_paused = true)]
async fn a_chain_whose_seed_is_lost_gets_another_one_and_a_fresh_listener() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    let lost = stage.world().objects.remove(SEED).unwrap();
    let cluster = stage.cluster();
    let request = request(&glob());
    let starting = Box::pin(start(&cluster, &request, &|_| {}));
    let agent = Box::pin(async {
        stage.reaches(|world| world.builds().contains_key(&2)).await;
        let second = stage.world().builds()[&2].clone();
        stage.reaches(|world| keyed(world, &second)).await;
        run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
        std::future::pending::<()>().await;
    });
    let outcome = tokio::select! {
        outcome = starting => outcome.unwrap(),
        () = agent => unreachable!(),
    };
    let StartOutcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!(build.generation, 2);
    let world = stage.world();
    assert_ne!(world.get(SEED)["data"], lost["data"]);
    assert!(
        world.get(&format!("/api/v1/namespaces/{first}"))["metadata"]["uid"].is_null(),
        "proved by its uid, and gone"
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_without_a_seed_says_so_and_claims_nothing() {
    let (stage, namespace) = pushed().await;
    stage.world().objects.remove(SEED).unwrap();
    run_until(&stage, &namespace, |world| {
        !annotation(world, &namespace, wire::DISPATCH_ERROR).is_empty()
            && asleep_but_for_the_dispatch(world, &namespace)
    })
    .await;
    let world = stage.world();
    let said = annotation(&world, &namespace, wire::DISPATCH_ERROR);
    assert!(said.contains("Secret seed-app-main is gone from studioci"), "{said}");
    assert_eq!(world.builds().len(), 1);
}

/// The pipeline with a Namespace document that lends this label.
fn lending(team: &str) -> String {
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "ci", "labels": { "team": team }, "annotations": { "note": "a = b" } } });
    format!("{}\n---\n{namespace}", pipeline(&glob()))
}

#[tokio::test(start_paused = true)]
async fn what_a_push_asks_for_its_namespace_is_said_and_not_done() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut request = request(&glob());
    request.sources.template.text = lending("blue");
    starts(&stage, &request).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    stage.brings(lending("prod"));
    stage.world().push(&first, "build-2", 'b');
    let said = std::sync::Mutex::new(Vec::new());
    let (me, cluster) = (identity(&stage, &first), stage.cluster());
    let say = |it: Narration<'_>| said.lock().unwrap().extend(sentence(&it));
    let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &say);
    tokio::select! {
        ended = Box::pin(agent.run()) => panic!("{ended:?}"),
        () = stage.reaches(|world| asleep(world, &first)) => {}
    }
    let world = stage.world();
    for namespace in [&first, &world.builds()[&2]] {
        let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"];
        assert_eq!(
            (&meta["labels"]["team"], &meta["annotations"]["note"]),
            (&json!("blue"), &json!("a = b"))
        );
        assert_eq!(annotation(&world, namespace, wire::LENT), "v1\na:note=a = b\nl:team=blue");
        assert_eq!(annotation(&world, namespace, wire::PREFIX), "ci");
    }
    let role = world.get("/apis/rbac.authorization.k8s.io/v1/namespaces/studioci/roles/chain-app-main");
    let granted = role["rules"].as_array().unwrap().iter().find(|rule| rule["resources"][0] == "lent");
    assert_eq!(granted.unwrap()["resourceNames"], json!(["v1\na:note=a = b\nl:team=blue"]));
    let said = said.lock().unwrap().join("\n");
    assert!(said.contains("Warning: the pushed pipeline asks for other labels"), "{said}");
    assert_eq!(annotation(&world, &first, wire::VERDICT), "Passed", "it is no fault of the build");
}

#[test]
fn what_cannot_be_lent_line_by_line_is_refused() {
    let mut request = request(&glob());
    request.sources.template.text = lending("blue").replace("a = b", "a\\nl:team=prod");
    let error = request.intend(&Home::unasked()).unwrap_err().to_string();
    assert!(error.contains("the value of note has a line break"), "{error}");
    request.sources.template.text = lending("blue");
    request.prefix = None;
    let intent = request.intend(&Home::unasked()).unwrap();
    assert_eq!(intent.record.settings.prefix, CHAIN, "every chain has a prefix of its own");
}

#[tokio::test(start_paused = true)]
async fn what_webhooks_add_is_said_on_every_namespace() {
    let stage = Stage::new(&[("build-1", 'a')]);
    stage.world().change("/api/v1/namespaces/studioci/configmaps/studioci", |home| {
        home["data"]["addedKeys"] = json!("v1\nl:mesh.example/rev");
    });
    started(&stage, &glob()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    assert_eq!(annotation(&stage.world(), &first, wire::ADDED), "v1\nl:mesh.example/rev");
    // an administrator changes it while the chain turns: what home says now counts
    stage.world().push(&first, "build-2", 'b');
    stage.world().before_write = Some(Box::new(|world, write| {
        if write.contains("PATCH") && write.contains("configmaps/chain-app-main") {
            world.change("/api/v1/namespaces/studioci/configmaps/studioci", |home| {
                home["data"].as_object_mut().unwrap().remove("addedKeys");
            });
        }
    }));
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &world.builds()[&2], wire::ADDED), "");
}
