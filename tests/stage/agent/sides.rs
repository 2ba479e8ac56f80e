//! What is built by hand: beside the chain, which takes no notice, with the verb or the agent killed after any write.

use std::collections::BTreeSet;

use studioci::chain::build::Build;
use studioci::chain::case::Blame;
use studioci::chain::reported::ReportOf;
use studioci::chain::side::{FIRST, is_side};
use studioci::ops::cancel::{cancel, give_up, meant};
use studioci::ops::cleanup::{Which, cleanup};
use studioci::ops::report::report;
use studioci::ops::retry::retry;
use studioci::ops::side::SideRequest;
use studioci::ops::stop::{StopRequest, stop};
use studioci::ops::trigger::trigger;
use studioci::state::DryRun;
use studioci::state::build::look;
use studioci::state::error::{Error, Result, SideFault};
use studioci::state::narration::Narration;

use super::adopt::building;
use super::*;

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";

/// Longer than an agent must be away before a later one ends its build, and looked at twice.
const LONG: Duration = Duration::from_secs(12 * 60);

fn asked(dry_run: DryRun) -> SideRequest {
    SideRequest { renderer: Renderer::here(), dry_run, at: clock() }
}

async fn triggered(stage: &Stage, tag: Option<&str>) -> Result<Build> {
    let cluster = stage.cluster();
    Box::pin(trigger(&cluster, CHAIN, tag, asked(DryRun::None), &|_| {})).await
}

async fn retried(stage: &Stage, build: &str) -> Result<Build> {
    let cluster = stage.cluster();
    Box::pin(retry(&cluster, build, asked(DryRun::None), &|_| {})).await
}

/// What a refusal says, and what to do about it.
fn told(error: &Error) -> (String, String) {
    match error {
        Error::Side(fault) => (fault.to_string(), fault.advice().unwrap().1),
        error => with_remedy(error),
    }
}

/// Side builds that are there, by their numbers.
fn sides(world: &World) -> Vec<u64> {
    world.builds().into_keys().filter(|number| is_side(*number)).collect()
}

/// A chain that listens at `build-1`, with another tag in its registry that nobody has pushed to it.
async fn listening(keel: &Value) -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a'), ("build-7", 'd')]);
    started(&stage, keel).await.unwrap();
    let listener = stage.world().builds()[&1].clone();
    stage.world().writes.clear();
    (stage, listener)
}

/// Whether the chain stands as it stood before anything was asked for by hand.
fn untouched(world: &World, listener: &str, what: &str) {
    assert_eq!(world.phase(listener), "Listening", "{what}");
    assert!(keyed(world, listener), "{what}: Keel sees the listener");
    let head = &world.get(HEAD)["data"];
    assert_eq!((&head["generation"], &head["namespace"]), (&json!("1"), &json!(listener)), "{what}");
    let built = head.as_object().unwrap().keys().filter(|key| key.starts_with("built.")).count();
    assert_eq!(built, 0, "{what}: no entry keeps a push from being built");
    assert!(!head.as_object().unwrap().keys().any(|key| key.starts_with("slot.")), "{what}: {head}");
}

/// What a side build comes to.
fn passed(world: &World, namespace: &str, image: &str, what: &str) {
    assert!(asleep(world, namespace), "{what}");
    assert!(!keyed(world, namespace), "{what}");
    assert_eq!(annotation(world, namespace, wire::VERDICT), "Passed", "{what}");
    assert_eq!(annotation(world, namespace, wire::SUCCESSOR), "", "{what}: nobody listens after it");
    let of = |job: &&&Value| job["metadata"]["namespace"] == namespace;
    let all = world.all("jobs");
    let jobs: Vec<&&Value> = all.iter().filter(of).collect();
    assert_eq!(jobs.len(), 1, "{what}");
    assert_eq!(jobs[0]["spec"]["template"]["spec"]["containers"][0]["image"], image, "{what}");
    let minio = world.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio"));
    assert_eq!(minio["spec"]["replicas"], 0, "{what}");
}

fn image(tag: &str, letter: char) -> String {
    format!("{REPOSITORY}:{tag}@{}", digest(letter))
}

#[tokio::test(start_paused = true)]
async fn a_tag_is_built_beside_the_chain_and_a_push_of_it_is_built_all_the_same() {
    let (stage, listener) = listening(&glob()).await;
    let build = triggered(&stage, Some("build-7")).await.unwrap();
    let name = build.namespace.as_str();
    assert_eq!((build.generation, build.parent.as_deref(), build.retry_of.as_deref()), (FIRST, None, None));
    let live = stage.world().get(&World::listener(name)).clone();
    assert_eq!(live["metadata"]["annotations"]["parked.studioci.dev/policy"], "glob:build-*", "{live}");
    assert!(!keyed(&stage.world(), name), "it is off Keel from birth");
    run_until(&stage, name, |world| asleep(world, name)).await;
    {
        let world = stage.world();
        passed(&world, name, &image("build-7", 'd'), "by hand");
        untouched(&world, &listener, "by hand");
        let entry: Value =
            serde_json::from_str(world.get(HISTORY)["data"]["build.90000001"].as_str().unwrap()).unwrap();
        assert_eq!((&entry["verdict"], &entry["namespace"]), (&json!("Passed"), &json!(name)));
        assert_eq!(world.get(HEAD)["data"]["side.90000001"], build.uid);
        assert_eq!(world.builds().len(), 2);
    }
    stage.world().push(&listener, "build-7", 'd');
    run_until(&stage, &listener, |world| asleep(world, &listener)).await;
    let world = stage.world();
    passed_push(&world, &listener, "build-7", 'd');
    let number = world.builds().into_keys().collect::<Vec<_>>();
    assert_eq!(number, [1, 2, FIRST], "the chain counts on where it was");
}

/// What a push comes to that was built.
fn passed_push(world: &World, namespace: &str, tag: &str, letter: char) {
    assert_eq!(annotation(world, namespace, wire::VERDICT), "Passed");
    assert_eq!(world.get(HEAD)["data"]["built.1"], format!("{tag}@{}", digest(letter)));
}

#[tokio::test(start_paused = true)]
async fn without_a_tag_the_one_that_the_listener_waits_on_is_built_though_it_is_its_baseline() {
    let (stage, listener) = listening(&glob()).await;
    let build = triggered(&stage, None).await.unwrap();
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    passed(&stage.world(), &build.namespace, &image("build-1", 'a'), "the newest");
    // and once more, though it was built
    let again = triggered(&stage, None).await.unwrap();
    assert_eq!(again.generation, FIRST + 1);
    run_until(&stage, &again.namespace, |world| asleep(world, &again.namespace)).await;
    passed(&stage.world(), &again.namespace, &image("build-1", 'a'), "once more");
    untouched(&stage.world(), &listener, "twice");

    let stage = Stage::new(&[]);
    started(&stage, &match_tag()).await.unwrap();
    let none = triggered(&stage, None).await.unwrap_err();
    assert!(matches!(none, Error::Side(SideFault::NoTag { .. })), "{none}");
}

#[tokio::test(start_paused = true)]
async fn what_the_image_brings_decides_nothing_about_a_build_by_hand() {
    for brought in ["{{ nothing }}".to_owned(), pipeline(&glob()).replace("minio:1", "evil:1")] {
        let (stage, listener) = listening(&glob()).await;
        stage.brings(brought);
        let build = triggered(&stage, Some("build-7")).await.unwrap();
        let name = build.namespace.as_str();
        run_until(&stage, name, |world| asleep(world, name)).await;
        let world = stage.world();
        passed(&world, name, &image("build-7", 'd'), "by the chain's own pipeline");
        let minio = world.get(&format!("/apis/apps/v1/namespaces/{name}/deployments/minio"));
        assert_eq!(minio["spec"]["template"]["spec"]["containers"][0]["image"], "minio:1");
        assert_eq!(world.get(HEAD)["data"]["pipeline"], Value::Null, "nor about the next push");
        untouched(&world, &listener, "a hostile image");
    }
}

/// A `trigger` is killed after each of its writes, and `then` holds of what is left. The chain after one that was not.
async fn whenever_the_verb_is_killed(before: &Stage, then: impl AsyncFn(&Stage, &str)) -> Stage {
    let whole = before.copy();
    triggered(&whole, Some("build-7")).await.unwrap();
    let writes = whole.world().writes.clone();
    assert!(writes.len() >= 8 && writes.last().unwrap() == &format!("PATCH {HEAD}"), "{writes:?}");
    for k in 0..writes.len() {
        let what = format!("killed after {k} of {writes:?}");
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        tokio::select! {
            made = triggered(&stage, Some("build-7")) => panic!("{what}: {made:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        Box::pin(then(&stage, &what)).await;
    }
    whole
}

#[tokio::test(start_paused = true)]
async fn whenever_the_verb_is_killed_nothing_half_made_runs_and_the_next_one_disposes_of_it() {
    let (before, listener) = listening(&glob()).await;
    whenever_the_verb_is_killed(&before, async |stage, what| {
        // whatever there is of an agent runs
        let left: Vec<String> = stage.world().builds().into_values().filter(|it| *it != listener).collect();
        assert!(left.len() <= 1, "{what}");
        for namespace in &left {
            if stage.world().objects.contains_key(&World::listener(namespace)) {
                tokio::select! {
                    () = run_until(stage, namespace, |_| false) => unreachable!("it waits for ever"),
                    () = tokio::time::sleep(Duration::from_secs(600)) => {}
                }
            }
        }
        assert!(stage.world().all("jobs").is_empty(), "{what}: it runs");
        // at once it may still be somebody's who is at work
        let second = triggered(stage, Some("build-7")).await.unwrap();
        assert_eq!(sides(&stage.world()).len(), left.len() + 1, "{what}");
        tokio::time::sleep(Duration::from_secs(3700)).await;
        let third = triggered(stage, Some("build-7")).await.unwrap();
        assert_eq!(sides(&stage.world()), [second.generation, third.generation], "{what}");
        for build in [&second, &third] {
            run_until(stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
            passed(&stage.world(), &build.namespace, &image("build-7", 'd'), what);
        }
        untouched(&stage.world(), &listener, what);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_comes_to_the_same_end() {
    let (before, listener) = listening(&glob()).await;
    let build = triggered(&before, Some("build-7")).await.unwrap();
    let name = build.namespace.as_str();
    before.world().writes.clear();
    let whole = before.copy();
    run_until(&whole, name, |world| asleep(world, name)).await;
    let writes = whole.world().writes.len();
    assert!(writes > 12, "{:?}", whole.world().writes);
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, name, |world| asleep(world, name)).await;
        stage.revive();
        run_until(&stage, name, |world| asleep(world, name)).await;
        let what = format!("killed after {k} of {writes}");
        passed(&stage.world(), name, &image("build-7", 'd'), &what);
        untouched(&stage.world(), &listener, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn two_persons_at_once_get_a_build_each() {
    let (stage, listener) = listening(&glob()).await;
    let (one, two) = tokio::join!(triggered(&stage, Some("build-7")), triggered(&stage, None));
    let (one, two) = (one.unwrap(), two.unwrap());
    let numbers = BTreeSet::from([one.generation, two.generation]);
    assert_eq!(numbers, BTreeSet::from([FIRST, FIRST + 1]));
    assert_ne!(one.namespace, two.namespace);
    for (build, tag, letter) in [(&one, "build-7", 'd'), (&two, "build-1", 'a')] {
        run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
        passed(&stage.world(), &build.namespace, &image(tag, letter), "two at once");
    }
    untouched(&stage.world(), &listener, "two at once");
}

/// A chain whose first push has failed.
async fn failed() -> (Stage, String) {
    let (stage, namespace) = pushed().await;
    stage.world().exit = Some(3);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Failed");
    let next = stage.world().builds()[&2].clone();
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    stage.world().exit = Some(0);
    (stage, namespace)
}

#[tokio::test(start_paused = true)]
async fn a_build_is_tried_again_with_its_digest_and_its_text_whatever_they_are_by_now() {
    let (stage, namespace) = failed().await;
    // the tag and the chain's pipeline are others by now, and the image tells nothing
    stage.world().publish("build-2", 'z');
    stage.world().publish("keeps", 'b');
    let newer = pipeline(&glob()).replace("minio:1", "minio:2");
    stage.world().change(HEAD, |head| head["data"]["pipeline"] = json!(newer));
    stage.tells_nothing();
    let build = retried(&stage, &namespace).await.unwrap();
    let name = build.namespace.as_str();
    assert_eq!((build.generation, build.retry_of.as_deref()), (FIRST, Some(namespace.as_str())));
    run_until(&stage, name, |world| asleep(world, name)).await;
    let world = stage.world();
    passed(&world, name, &image("build-2", 'b'), "once more");
    let minio = world.get(&format!("/apis/apps/v1/namespaces/{name}/deployments/minio"));
    assert_eq!(minio["spec"]["template"]["spec"]["containers"][0]["image"], "minio:1");
    assert_eq!(annotation(&world, name, wire::REVISION), annotation(&world, &namespace, wire::REVISION));
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Failed", "it stays what it was");
    let entry: Value =
        serde_json::from_str(world.get(HISTORY)["data"]["build.90000001"].as_str().unwrap()).unwrap();
    assert_eq!(entry["retryOf"], namespace);
    let head = &world.get(HEAD)["data"];
    assert_eq!((&head["generation"], &head["built.2"]), (&json!("2"), &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn a_build_whose_namespace_is_gone_is_tried_again_while_its_text_is_its_chains() {
    let (stage, namespace) = failed().await;
    let prefix = format!("/namespaces/{namespace}");
    stage.world().objects.retain(|path, _| !path.ends_with(&prefix) && !path.contains(&format!("{prefix}/")));
    let build = retried(&stage, &namespace).await.unwrap();
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    passed(&stage.world(), &build.namespace, &image("build-2", 'b'), "by what home knows");
    assert_eq!(annotation(&stage.world(), &build.namespace, wire::RETRY_OF), namespace);

    let record = "/api/v1/namespaces/studioci/configmaps/record-app-main";
    stage.world().change(record, |record| {
        let sources = record["data"]["sources"].as_str().unwrap().replace("minio:1", "minio:2");
        record["data"]["sources"] = json!(sources);
    });
    let (said, remedy) = told(&retried(&stage, &namespace).await.unwrap_err());
    assert!(said.contains("its namespace is gone, and its pipeline is not its chain's any more"), "{said}");
    assert!(remedy.contains("kubectl studioci trigger app-main --tag TAG"), "{remedy}");
    let gone = retried(&stage, "nobody").await.unwrap_err();
    assert!(matches!(gone, Error::NoSuchName { .. }), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_gone_is_tried_again_whoever_has_its_name_by_now() {
    let (begin, namespace) = failed().await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let real = begin.world().get(&path).clone();
    let below = format!("/namespaces/{namespace}/");
    begin.world().objects.retain(|path, _| !path.contains(&below));
    let bare = |it: &mut Value| {
        it["metadata"]["labels"] = json!({});
        it["metadata"]["annotations"] = json!({});
    };
    for (what, change) in [
        ("empty", bare as fn(&mut Value)),
        ("a copy", |_| {}),
        ("one that nobody can read", |it| it["metadata"]["labels"][wire::PHASE] = json!("Dreaming")),
    ] {
        let stage = begin.copy();
        let mut other = real.clone();
        other["metadata"]["uid"] = json!("another");
        change(&mut other);
        stage.world().objects.insert(path.clone(), other.clone());
        let (cluster, said) = (stage.cluster(), std::cell::RefCell::new(String::new()));
        let say = |it: Narration<'_>| {
            said.borrow_mut().push_str(&studioci::output::narration::sentence(&it).unwrap_or_default());
        };
        let build = Box::pin(retry(&cluster, &namespace, asked(DryRun::None), &say)).await.unwrap();
        assert!(said.borrow().contains(&format!("namespace {namespace} is another one by now")), "{what}");
        assert_ne!(build.namespace, namespace);
        run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
        let world = stage.world();
        passed(&world, &build.namespace, &image("build-2", 'b'), what);
        assert_eq!(world.get(&path)["metadata"]["annotations"], other["metadata"]["annotations"], "{what}");
    }
    // the very namespace that home knows is not passed over: what was edited there may be put right
    let stage = begin.copy();
    let mut edited = real;
    bare(&mut edited);
    stage.world().objects.insert(path, edited);
    let refused = retried(&stage, &namespace).await.unwrap_err();
    assert!(matches!(refused, Error::NotABuildNamespace { .. }), "{refused}");
    // and of a name that home does not know nothing is retried
    stage.world().objects.insert(
        "/api/v1/namespaces/mine".to_owned(),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "mine", "uid": "mine", "resourceVersion": "1" } }),
    );
    let refused = retried(&stage, "mine").await.unwrap_err();
    assert!(matches!(refused, Error::NotABuildNamespace { .. }), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn what_has_not_ended_or_is_not_known_well_enough_is_not_tried_again() {
    let (stage, first, next) = building().await;
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    let said = async |name: &str| retried(&stage, name).await.unwrap_err().to_string();
    assert_eq!(said(&first).await, format!("build {first} has no verdict yet"));
    assert_eq!(said(&next).await, format!("build {next} is a listener: nothing was built there yet"));
    assert_eq!(said(CHAIN).await, format!("{CHAIN} is a chain, and a build is tried again"));

    let (stage, namespace) = failed().await;
    let freeze = format!("/api/v1/namespaces/{namespace}/configmaps/{}", wire::FREEZE);
    for (change, why) in [
        (
            (|it: &mut Value| drop(it["data"].as_object_mut().unwrap().remove("digest"))) as fn(&mut Value),
            "nobody knows the digest",
        ),
        (|it| it["data"]["pipeline-fault"] = json!("too long"), "could not be read"),
        (|it| it["data"] = json!({}), "is gone from its namespace"),
    ] {
        let stage = stage.copy();
        stage.world().change(&freeze, change);
        let said = retried(&stage, &namespace).await.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
        assert!(sides(&stage.world()).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_chain_that_has_ended_nothing_is_built_and_what_has_not_begun_goes_with_it() {
    let (stage, _) = listening(&glob()).await;
    let runs = triggered(&stage, Some("build-7")).await.unwrap();
    stage.world().exit = None;
    run_until(&stage, &runs.namespace, |world| !annotation(world, &runs.namespace, wire::JOB_UID).is_empty())
        .await;
    let waits = triggered(&stage, Some("not-there")).await.unwrap();
    run_until(&stage, &waits.namespace, |world| world.phase(&waits.namespace) == "Claimed").await;
    let (cluster, chain) = (stage.cluster(), CHAIN.to_owned());
    let request = StopRequest { chain, purge: false, timeout: None, now: Timestamp::UNIX_EPOCH };
    let left = Box::pin(stop(&cluster, &request, &|_| {})).await.unwrap();
    assert_eq!(left.running, [runs.namespace.as_str()]);
    assert_eq!(sides(&stage.world()), [runs.generation], "what has not begun goes");
    for refused in [triggered(&stage, None).await, triggered(&stage, Some("build-7")).await] {
        let refused = refused.unwrap_err();
        let Error::Side(fault @ SideFault::ChainStopped { .. }) = &refused else { panic!("{refused}") };
        assert!(fault.to_string().starts_with("chain app-main has ended (by "), "{fault}");
        let (blame, remedy) = fault.advice().unwrap();
        assert_eq!(blame, Blame::Usage, "nobody has taken anything from whoever asks");
        assert!(remedy.contains("(kubectl studioci start --chain app-main)"), "{remedy}");
    }
    // what the remedy says, once nobody has the slot any more
    assert!(cancel(&stage.cluster(), &runs, DryRun::None).await.unwrap());
    run_until(&stage, &runs.namespace, |world| asleep(world, &runs.namespace)).await;
    carried_on(&stage).await;
    stage.world().exit = Some(0);
    let build = triggered(&stage, Some("build-7")).await.unwrap();
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    passed(&stage.world(), &build.namespace, &image("build-7", 'd'), "once it is started again");
}

/// The chain that was stopped is started again, and its second listener comes up.
async fn carried_on(stage: &Stage) {
    let cluster = stage.cluster();
    let request = request(&glob());
    let starting = Box::pin(studioci::ops::start::start(&cluster, &request, &|_| {}));
    let agent = Box::pin(async {
        stage
            .reaches(|world| {
                world.builds().get(&2).is_some_and(|it| world.objects.contains_key(&World::listener(it)))
            })
            .await;
        let listener = stage.world().builds()[&2].clone();
        run_until(stage, &listener, |world| world.phase(&listener) == "Listening").await;
    });
    tokio::join!(async { starting.await.unwrap() }, agent);
}

/// Somebody who may look at everything, and change nothing.
fn only_looks(world: &mut World) {
    world.user = "reader";
    world.allows = Some(|review| {
        let verb = review["resourceAttributes"]["verb"].as_str().unwrap_or_default();
        ["get", "list", "watch"].contains(&verb)
    });
}

#[tokio::test(start_paused = true)]
async fn who_lacks_rights_is_told_the_role_that_brings_them_all_at_once_and_before_anything_is_done() {
    let (stage, namespace) = failed().await;
    let running = triggered(&stage, Some("build-2")).await.unwrap();
    only_looks(&mut stage.world());
    stage.world().writes.clear();
    let begun = clock();
    let cluster = stage.cluster();
    let refused = [
        triggered(&stage, Some("build-2")).await.unwrap_err(),
        triggered(&stage, None).await.unwrap_err(),
        retried(&stage, &namespace).await.unwrap_err(),
        Box::pin(trigger(&cluster, CHAIN, None, asked(DryRun::Server), &|_| {})).await.unwrap_err(),
    ];
    for refused in refused {
        let (said, remedy) = told(&refused);
        assert_eq!(
            said,
            "user \"reader\" may not create namespaces at the cluster scope; patch configmaps chain-app-main in the namespace \
             studioci; create rolebindings.rbac.authorization.k8s.io in the namespace studioci; create \
             clusterrolebindings.rbac.authorization.k8s.io at the cluster scope"
        );
        assert!(remedy.contains("--clusterrole studioci-user --user \"reader\""), "{remedy}");
    }
    for dry_run in [DryRun::None, DryRun::Server, DryRun::Client] {
        let (said, remedy) = told(&cancel(&cluster, &running, dry_run).await.unwrap_err());
        let binds = "create rolebindings.rbac.authorization.k8s.io in the namespace";
        assert_eq!(said, format!("user \"reader\" may not {binds} {}", running.namespace));
        assert!(remedy.contains("to ClusterRole studioci-user and to Role studioci-user"), "{remedy}");
    }
    assert_eq!(clock(), begun, "no binding is waited for that nobody has made");
    assert!(stage.world().writes.is_empty(), "{:?}", stage.world().writes);
    // what would be built may be looked at
    let would = Box::pin(trigger(&cluster, CHAIN, None, asked(DryRun::Client), &|_| {})).await.unwrap();
    assert_eq!(would.generation, FIRST + 1);
    // and that takes the values that it would be built with
    stage.world().allows = Some(|review| review["resourceAttributes"]["resource"] != "secrets");
    let hidden = Box::pin(trigger(&cluster, CHAIN, None, asked(DryRun::Client), &|_| {})).await.unwrap_err();
    assert_eq!(
        told(&hidden).0,
        "user \"reader\" may not get secrets chain-app-main in the namespace studioci; get secrets seed-app-main in the \
         namespace studioci"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_build_by_hand_is_to_build_is_told_from_its_claim_on() {
    let (stage, namespace) = failed().await;
    let cluster = stage.cluster();
    let tagged = triggered(&stage, Some("build-7")).await.unwrap();
    let again = retried(&stage, &namespace).await.unwrap();
    let would =
        Box::pin(trigger(&cluster, CHAIN, Some("build-9"), asked(DryRun::Client), &|_| {})).await.unwrap();
    for (build, version) in [
        (&tagged, "build-7@unseen".to_owned()),
        (&again, format!("build-2@{}", digest('b'))),
        (&would, "build-9@unseen".to_owned()),
    ] {
        assert_eq!(build.version.as_ref().unwrap().to_string(), version);
    }
    let ReportOf::Chain(chain) = Box::pin(report(&cluster, CHAIN)).await.unwrap().of else { panic!() };
    let told: Vec<(u64, &str)> = chain
        .builds
        .iter()
        .map(|it| (it.build.generation, it.build.version.as_ref().unwrap().tag.as_str()))
        .collect();
    assert_eq!(told, [(FIRST + 1, "build-2"), (FIRST, "build-7"), (1, "build-2")]);
    assert_eq!((chain.tally().running, chain.by_hand().unwrap().running), (0, 2));
    // one whose image is not there never knows more than that
    run_until(&stage, &tagged.namespace, |world| asleep(world, &tagged.namespace)).await;
    let entry: Value =
        serde_json::from_str(stage.world().get(HISTORY)["data"]["build.90000001"].as_str().unwrap()).unwrap();
    assert_eq!((&entry["verdict"], &entry["version"]), (&json!("Errored"), &json!("build-7@unseen")));
}

#[tokio::test(start_paused = true)]
async fn a_build_by_hand_waits_behind_pushes_for_its_slot_and_takes_nobodys_place() {
    let (stage, first, second) = building().await;
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    let side = triggered(&stage, Some("build-1")).await.unwrap();
    let behind = |world: &World| annotation(world, &side.namespace, wire::WAITING).to_owned();
    run_until(&stage, &side.namespace, |world| !behind(world).is_empty()).await;
    assert_eq!(stage.world().phase(&side.namespace), "Queued");
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| world.phase(&second) == "Queued").await;
    assert_eq!(behind(&stage.world()), format!("behind the build in {first}"));
    assert_eq!(annotation(&stage.world(), &first, wire::CANCEL), "");
    // the first one ends: the push goes first
    stage.world().exit = Some(0);
    stage.world().change(&format!("/api/v1/namespaces/{first}/pods/{}-x", wire::JOB), |pod| {
        pod["status"]["phase"] = json!("Succeeded");
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 0 } });
    });
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    run_until(&stage, &side.namespace, |world| behind(world) == "behind generation 2").await;
    for namespace in [&second, &side.namespace] {
        run_until(&stage, namespace, |world| asleep(world, namespace)).await;
        assert_eq!(annotation(&stage.world(), namespace, wire::VERDICT), "Passed");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_slot_when_its_namespace_is_deleted_has_an_entry_all_the_same() {
    let (stage, _, second) = building().await;
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    let side = triggered(&stage, Some("build-1")).await.unwrap().namespace;
    run_until(&stage, &side, |world| world.phase(&side) == "Queued").await;
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| world.phase(&second) == "Queued").await;
    run_until(&stage, &second, |world| world.builds().contains_key(&3)).await;
    for namespace in [&side, &second] {
        let within = format!("/namespaces/{namespace}/");
        let path = format!("/api/v1/namespaces/{namespace}");
        stage.world().objects.retain(|at, _| *at != path && !at.contains(&within));
    }
    let third = stage.world().builds()[&3].clone();
    let entry = |world: &World, key: &str| {
        let text = world.get(HISTORY)["data"][key].as_str().unwrap_or("null");
        serde_json::from_str::<Value>(text).unwrap()
    };
    let closed = |world: &World| ["build.90000001", "build.00000002"].map(|key| entry(world, key));
    run_until(&stage, &third, |world| closed(world).iter().all(Value::is_object)).await;
    for (entry, (name, tag)) in closed(&stage.world()).iter().zip([(&side, "build-1"), (&second, "build-3")])
    {
        assert_eq!((&entry["verdict"], &entry["namespace"]), (&json!("Errored"), &json!(name)));
        assert_eq!(entry["cause"], "its namespace was deleted before the build had ended");
        assert!(entry["version"].as_str().unwrap().starts_with(tag), "{entry}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_by_hand_whose_agent_is_gone_is_ended_by_the_listener() {
    for reached in ["Claimed", "Listening", "Building"] {
        let (stage, listener) = listening(&glob()).await;
        if reached == "Listening" {
            stage.tells_nothing();
        }
        let side = triggered(&stage, Some("build-7")).await.unwrap();
        let name = side.namespace.as_str();
        if reached != "Claimed" {
            stage.world().exit = None;
            run_until(&stage, name, |world| world.phase(name) == reached).await;
        }
        stage.world().objects.remove(&World::listener(name));
        tokio::select! {
            () = run_until(&stage, &listener, |_| false) => unreachable!("it waits for ever"),
            () = tokio::time::sleep(LONG) => {}
        }
        let world = stage.world();
        assert_eq!(world.phase(name), "Finished", "{reached}");
        let cause = annotation(&world, name, wire::CAUSE);
        assert!(cause.starts_with("the build's agent was gone"), "{reached}: {cause}");
        untouched(&world, &listener, reached);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_at_work_for_hand_is_left_alone() {
    let (stage, listener) = listening(&glob()).await;
    stage.tells_nothing();
    let side = triggered(&stage, Some("build-7")).await.unwrap();
    let name = side.namespace.as_str();
    tokio::select! {
        () = run_until(&stage, name, |_| false) => unreachable!("it waits for ever"),
        () = run_until(&stage, &listener, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(Duration::from_secs(9 * 60)) => {}
    }
    assert_eq!(stage.world().phase(name), "Listening");
    assert_eq!(annotation(&stage.world(), name, wire::VERDICT), "");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_not_there_is_errored_within_the_bound_of_what_does_not_heal() {
    let (stage, listener) = listening(&glob()).await;
    let side = triggered(&stage, Some("not-there")).await.unwrap();
    let begun = clock();
    run_until(&stage, &side.namespace, |world| asleep(world, &side.namespace)).await;
    let waited = clock().duration_since(begun).as_secs();
    assert!((590..700).contains(&waited), "{waited}");
    let world = stage.world();
    assert_eq!(annotation(&world, &side.namespace, wire::VERDICT), "Errored");
    let cause = annotation(&world, &side.namespace, wire::CAUSE);
    assert!(cause.starts_with("the image cannot be used: ") && cause.contains("not found"), "{cause}");
    assert!(world.all("jobs").is_empty());
    untouched(&world, &listener, "a tag that is not there");
}

#[tokio::test(start_paused = true)]
async fn builds_by_hand_count_and_a_chain_that_has_begun_too_many_begins_none() {
    let mut keel = glob();
    keel[wire::MAX_PER_HOUR] = json!("2");
    let (stage, listener) = listening(&keel).await;
    for _ in 0..2 {
        let side = triggered(&stage, Some("build-7")).await.unwrap();
        run_until(&stage, &side.namespace, |world| asleep(world, &side.namespace)).await;
        assert_eq!(annotation(&stage.world(), &side.namespace, wire::VERDICT), "Passed");
    }
    stage.world().writes.clear();
    let (said, _) = told(&triggered(&stage, Some("build-7")).await.unwrap_err());
    assert!(said.contains("2 builds of it have begun within an hour"), "{said}");
    assert!(stage.world().writes.is_empty(), "{:?}", stage.world().writes);
    stage.world().push(&listener, "build-2", 'b');
    let paused = |world: &World| annotation(world, &listener, wire::WAITING).starts_with("paused until ");
    run_until(&stage, &listener, paused).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_waits_for_its_image_is_cancelled_at_once() {
    let (stage, listener) = listening(&glob()).await;
    let side = triggered(&stage, Some("not-there")).await.unwrap();
    let name = side.namespace.as_str();
    assert!(cancel(&stage.cluster(), &side, DryRun::None).await.unwrap());
    let begun = clock();
    run_until(&stage, name, |world| asleep(world, name)).await;
    assert!(clock().duration_since(begun).as_secs() < 60);
    let world = stage.world();
    assert_eq!(annotation(&world, name, wire::VERDICT), "Cancelled");
    assert!(world.all("jobs").is_empty());
    untouched(&world, &listener, "cancelled");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_is_disposed_of_as_any_build_is_and_dry_runs_make_nothing() {
    let (stage, listener) = listening(&glob()).await;
    let cluster = stage.cluster();
    for dry_run in [DryRun::Client, DryRun::Server] {
        let would = Box::pin(trigger(&cluster, CHAIN, None, asked(dry_run), &|_| {})).await.unwrap();
        assert_eq!(would.generation, FIRST);
        assert!(sides(&stage.world()).is_empty() && !would.namespace.is_empty());
        let head = stage.world().get(HEAD)["data"].clone();
        assert!(head["side.90000001"].is_null(), "{dry_run:?}: {head}");
    }
    let side = triggered(&stage, Some("build-7")).await.unwrap();
    run_until(&stage, &side.namespace, |world| asleep(world, &side.namespace)).await;
    let keep_none = Which::ByRules(Rules { keep: Some(0), ..Rules::default() }, None);
    Box::pin(cleanup(&cluster, &keep_none, DryRun::None, clock(), &|_| {})).await.unwrap();
    assert!(sides(&stage.world()).is_empty());
    untouched(&stage.world(), &listener, "disposed of");
}

#[tokio::test(start_paused = true)]
async fn what_was_left_half_made_is_given_up_by_the_listener_and_goes_with_the_chains_retention() {
    let (stage, listener) = listening(&glob()).await;
    stage.world().after_write = Some(Box::new(|world, write| {
        if write.starts_with("POST") && write.ends_with("/deployments") {
            world.dies_after = Some(world.writes.len());
        }
    }));
    tokio::select! {
        made = triggered(&stage, Some("build-7")) => panic!("{made:?}"),
        () = stage.dies() => {}
    }
    stage.revive();
    stage.world().after_write = None;
    let name = stage.world().builds()[&FIRST].clone();
    let cluster = stage.cluster();
    let keep_none = Which::ByRules(Rules { keep: Some(0), ..Rules::default() }, None);
    Box::pin(cleanup(&cluster, &keep_none, DryRun::None, clock(), &|_| {})).await.unwrap();
    assert_eq!(sides(&stage.world()), [FIRST], "it may still be made");
    tokio::select! {
        () = run_until(&stage, &listener, |_| false) => unreachable!("it waits for ever"),
        () = run_until(&stage, &name, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(Duration::from_secs(70 * 60)) => {}
    }
    assert_eq!(stage.world().get(HEAD)["data"]["side.90000001"], "given up");
    assert_eq!(stage.world().get(&World::listener(&name))["spec"]["replicas"], 0, "its agent stands down");
    assert!(stage.world().all("jobs").is_empty());
    Box::pin(cleanup(&cluster, &keep_none, DryRun::None, clock(), &|_| {})).await.unwrap();
    assert!(sides(&stage.world()).is_empty());
    untouched(&stage.world(), &listener, "given up");
}

#[tokio::test(start_paused = true)]
async fn what_was_left_half_made_is_gone_once_somebody_cancels_it() {
    let (before, listener) = listening(&glob()).await;
    let whole = whenever_the_verb_is_killed(&before, async |stage, what| {
        let Some(name) = stage.world().builds().get(&FIRST).cloned() else { return };
        let build = look(&stage.cluster(), &name).await.unwrap().unwrap();
        assert!(give_up(&stage.cluster(), &build, DryRun::Client, clock()).await.unwrap(), "{what}");
        assert_eq!(sides(&stage.world()), [FIRST], "{what}: a dry run");
        assert!(give_up(&stage.cluster(), &build, DryRun::None, clock()).await.unwrap(), "{what}");
        assert!(sides(&stage.world()).is_empty(), "{what}");
        untouched(&stage.world(), &listener, what);
    })
    .await;
    // and if whoever cancels it is killed in turn
    whenever_the_verb_is_killed(&before, async |stage, what| {
        let Some(name) = stage.world().builds().get(&FIRST).cloned() else { return };
        let build = look(&stage.cluster(), &name).await.unwrap().unwrap();
        for after in 0..3 {
            let stage = stage.copy();
            let cluster = stage.cluster();
            stage.world().dies_after = Some(after);
            tokio::select! {
                done = give_up(&cluster, &build, DryRun::None, clock()) => drop(done),
                () = stage.dies() => {}
            }
            stage.revive();
            if stage.world().builds().contains_key(&FIRST) {
                assert!(give_up(&cluster, &build, DryRun::None, clock()).await.unwrap(), "{what}");
            }
            assert!(sides(&stage.world()).is_empty(), "{what}, then after {after} writes");
        }
    })
    .await;
    let made = whole.world().builds()[&FIRST].clone();
    let made = look(&whole.cluster(), &made).await.unwrap().unwrap();
    assert!(!give_up(&whole.cluster(), &made, DryRun::None, clock()).await.unwrap(), "its agent is asked");
    let meant = meant(std::slice::from_ref(&made)).unwrap_err().to_string();
    let named =
        format!("what runs is {}, a build by hand, and that is meant by its own name", made.namespace);
    assert!(meant.ends_with(&named), "a chain's name never means it: {meant}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_refuses_leaves_nothing_behind() {
    let (stage, listener) = listening(&glob()).await;
    stage.world().refusals.push(|request, _| {
        (request.starts_with("POST") && request.ends_with("/deployments"))
            .then_some("exceeded quota: count, requested: 1, used: 1, limited: 1")
    });
    let refused = triggered(&stage, Some("build-7")).await.unwrap_err();
    assert!(refused.to_string().contains("exceeded quota"), "{refused}");
    assert!(sides(&stage.world()).is_empty());
    assert_eq!(stage.world().get(HEAD)["data"]["side.90000001"], "given up");
    stage.world().refusals.pop();
    let build = triggered(&stage, Some("build-7")).await.unwrap();
    assert_eq!(build.generation, FIRST + 1, "a number is used once");
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    passed(&stage.world(), &build.namespace, &image("build-7", 'd'), "then");
    untouched(&stage.world(), &listener, "refused");
}
