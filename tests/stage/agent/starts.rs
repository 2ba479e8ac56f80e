//! `start`: its order, and what becomes of one that is repeated, killed or run twice at once.

use studioci::chain::build::Phase;
use studioci::output::narration::sentence;
use studioci::state::narration::Narration;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_chain_starts_in_this_order() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let cluster = stage.cluster();
    let request = request(&glob());
    tokio::select! {
        outcome = start(&cluster, &request, &|_| {}) => panic!("{outcome:?}"),
        () = stage.reaches(listener_waits) => {}
    }
    let world = stage.world();
    assert_eq!(
        plain(&world, &world.writes),
        [
            "POST /studioci/configmaps",
            "POST /studioci/configmaps",
            "POST /studioci/secrets",
            "POST /studioci/configmaps",
            "POST /studioci/roles",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /studioci/secrets",
            "POST /namespaces",
            "PATCH /studioci/configmaps/chain-app-main",
            "POST /ns1/serviceaccounts",
            "POST /ns1/rolebindings",
            "POST /studioci/rolebindings",
            "POST /clusterrolebindings",
            "POST /ns1/deployments",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_start_changes_nothing() {
    let stage = Stage::new(&[("build-1", 'a')]);
    assert!(matches!(started(&stage, &glob()).await.unwrap(), StartOutcome::Started(_)));
    let before = stage.world().objects.clone();
    let cluster = stage.cluster();
    let outcome = Box::pin(start(&cluster, &request(&glob()), &|_| {})).await.unwrap();
    let StartOutcome::Unchanged(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.phase, build.generation), (Phase::Listening, 1));
    assert_eq!(stage.world().objects, before);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_killed_after_any_write_and_repeated_comes_to_the_same_end() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    // who is cut off has not said all that it would have
    let count = |world: &World| world.objects.len() - world.all("events").len();
    let objects = count(&stage.world());
    let writes = stage.world().writes.len();
    let before = Stage::new(&[("build-1", 'a')]);
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        let keel = glob();
        tokio::select! {
            outcome = started(&stage, &keel) => panic!("{k}: {outcome:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        started(&stage, &glob()).await.unwrap_or_else(|error| panic!("{k}: {error}"));
        let world = stage.world();
        assert_eq!(world.builds().len(), 1, "{k}");
        assert_eq!(count(&world), objects, "{k}");
        assert_eq!(world.phase(&world.builds()[&1]), "Listening", "{k}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_starts_at_once_make_one_chain() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let keel = glob();
    let (one, two) = tokio::join!(started(&stage, &keel), started(&stage, &keel));
    one.unwrap();
    two.unwrap();
    assert_eq!(stage.world().builds().len(), 1);
    assert_eq!(stage.world().all("namespaces").len(), 2, "home and the build");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_does_not_exist_yet_is_waited_for_or_the_start_is_taken_back() {
    let stage = Stage::new(&[]);
    let before: Vec<String> = stage.world().objects.keys().cloned().collect();
    let cluster = stage.cluster();
    let error = Box::pin(start(&cluster, &request(&glob()), &|_| {})).await.unwrap_err();
    assert!(error.to_string().contains("not in the registry"), "{error}");
    let left: Vec<String> =
        stage.world().objects.keys().filter(|path| !path.contains("clusterrolebinding")).cloned().collect();
    let before: Vec<String> =
        before.into_iter().filter(|path| !path.contains("/rolebindings/studioci-agent")).collect();
    let left: Vec<String> =
        left.into_iter().filter(|path| !path.contains("/rolebindings/studioci-agent")).collect();
    assert_eq!(left, before);

    let StartOutcome::Started(build) =
        Box::pin(start(&cluster, &request(&match_tag()), &|_| {})).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((build.baseline.to_string().as_str(), build.phase), ("none", Phase::Claimed));
    assert!(build.waiting.unwrap().contains("first push"));
    {
        let mut world = stage.world();
        world.publish("build-1", 'a');
        world.roll(&build.namespace);
    }
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    assert_eq!(stage.world().all("jobs").len(), 1, "the first image is built");
}

/// A webhook that lets no Job in.
fn no_jobs(request: &str, _: &Value) -> Option<&'static str> {
    (request.starts_with("POST") && request.ends_with("/jobs"))
        .then_some("admission webhook \"no.example\" denied the request: no jobs")
}

#[tokio::test(start_paused = true)]
async fn with_now_the_image_that_the_listener_comes_up_with_is_built_and_what_keel_has_found_by_then_goes_before()
 {
    for early in [true, false] {
        let stage = Stage::new(&[("build-1", 'a')]);
        let (cluster, request) = (stage.cluster(), StartRequest { now: true, ..request(&glob()) });
        tokio::select! {
            outcome = start(&cluster, &request, &|_| {}) => panic!("{outcome:?}"),
            () = stage.reaches(listener_waits) => {}
        }
        let first = stage.world().builds()[&1].clone();
        if early {
            stage.world().push(&first, "build-2", 'b');
        }
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        let second = stage.world().builds()[&2].clone();
        if !early {
            run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
            stage.world().push(&second, "build-2", 'b');
        }
        let built = |world: &World, namespace: &str| {
            let told = |key| annotation(world, namespace, key).to_owned();
            (told(wire::TAG), told(wire::VERDICT))
        };
        let passed = |tag: &str| (tag.to_owned(), "Passed".to_owned());
        if early {
            assert_eq!(built(&stage.world(), &first), passed("build-2"), "the older one is passed over");
            run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
            let baseline = annotation(&stage.world(), &second, wire::BASELINE).to_owned();
            assert_eq!(baseline, format!("build-2@{}", digest('b')));
        } else {
            run_until(&stage, &second, |world| asleep(world, &second)).await;
            assert_eq!(built(&stage.world(), &first), passed("build-1"));
            assert_eq!(built(&stage.world(), &second), passed("build-2"), "and none is lost");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_whose_job_is_refused_leaves_nothing_and_had_no_listener() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let count = stage.world().objects.len();
    stage.world().refusals.push(no_jobs);
    let error = Box::pin(start(&stage.cluster(), &request(&glob()), &|_| {})).await.unwrap_err();
    assert!(error.to_string().contains("no jobs"), "{error}");
    let world = stage.world();
    assert_eq!(world.objects.len(), count, "{:?}", world.objects.keys());
    assert!(!world.writes.iter().any(|write| write.ends_with("/deployments")), "{:?}", world.writes);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_refused_leaves_a_chain_that_somebody_else_has_taken_on() {
    const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
    let patch = format!("PATCH {HEAD}");
    // somebody moves the head after the claim was settled in it, or at the very moment of its deletion
    for nth in [2, 1] {
        let stage = Stage::new(&[("build-1", 'a')]);
        stage.world().refusals.push(no_jobs);
        let mut seen = 0;
        let patch = patch.clone();
        let hook = move |world: &mut World, write: &str| {
            seen += usize::from(write == patch);
            if write == patch && seen == nth {
                world.change(HEAD, |head| head["data"]["generation"] = json!("2"));
            }
        };
        match nth {
            1 => stage.world().after_write = Some(Box::new(hook)),
            _ => stage.world().before_write = Some(Box::new(hook)),
        }
        let told = std::cell::RefCell::new(Vec::new());
        let say = |it: Narration<'_>| told.borrow_mut().extend(sentence(&it));
        Box::pin(start(&stage.cluster(), &request(&glob()), &say)).await.unwrap_err();
        let told = told.into_inner();
        assert!(told.last().unwrap().contains("somebody else has taken the chain on"), "{nth}: {told:?}");
        let world = stage.world();
        assert_eq!(world.get(HEAD)["data"]["generation"], "2", "{nth}");
        for object in ["configmaps/record", "configmaps/history", "secrets/chain"] {
            let kept = format!("/api/v1/namespaces/studioci/{object}-{CHAIN}");
            assert!(world.objects.contains_key(&kept), "{nth}: {kept}");
        }
    }
}
