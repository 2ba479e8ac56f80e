//! `doctor --repair`: each thing that a chain may lack, repaired also where that is killed after any of its writes; and what only
//! looks like the chain's is left as it is.

use std::time::Duration;

use studioci::local::render::Renderer;
use studioci::ops::doctor::doctor;
use studioci::runner::repair::{RepairRequest, repair};

use super::super::agent::claimed_for_nobody;
use super::*;

/// What a repair tells, and how much it could not do.
async fn repaired(stage: &Stage, dry: bool) -> Result<(Vec<String>, usize)> {
    let cluster = stage.cluster();
    let told = RefCell::new(Vec::new());
    let say = |it: Narration<'_>| {
        let line = match it {
            Narration::Repaired(resource, name, what) => format!("{}: {what}", resource.object(name)),
            Narration::Unrepaired(resource, name, error) => format!("! {}: {error}", resource.object(name)),
            Narration::Deleted(name) => format!("namespace/{name}: deleted"),
            Narration::Stays(name, why) => format!("{name} stays: {}", why.sentence),
            Narration::Failed(name, error) => format!("! {name}: {error}"),
            _ => return,
        };
        told.borrow_mut().push(line);
    };
    let how = RepairRequest { cluster: &cluster, dry, renderer: Renderer::here(), clock, say: &say };
    let failures = Box::pin(repair(Some(CHAIN), how)).await?;
    Ok((told.into_inner(), failures))
}

/// The codes of what `doctor` finds wrong with the chain.
async fn unwell(stage: &Stage) -> Vec<&'static str> {
    let cluster = stage.cluster();
    let findings = Box::pin(doctor(&cluster, Some(CHAIN), Duration::ZERO, clock)).await.unwrap();
    let of_chain = findings.iter().filter(|it| it.code.starts_with("chain-"));
    let unwell = of_chain.filter(|it| it.opinion.remedy.as_deref().is_some_and(|it| it.contains("--repair")));
    unwell.map(|it| it.code).collect()
}

/// Whoever may create namespaces and read them copies each of the chain's, with all that stands on it, under names before and after
/// it. Their paths.
fn look_alike(stage: &Stage) -> Vec<String> {
    let mut world = stage.world();
    let originals: Vec<Value> = world.builds().values().map(|name| world.get(&ns(name)).clone()).collect();
    let mut copies = Vec::new();
    for (number, original) in originals.iter().enumerate() {
        for name in ["a", "ci-zz"] {
            let mut copy = original.clone();
            let name = format!("{name}-{number}");
            copy["metadata"]["name"] = json!(name);
            copy["metadata"]["uid"] = json!(format!("uid-of-{name}"));
            copy["metadata"]["labels"][wire::PHASE] = json!("Claimed");
            world.objects.insert(ns(&name), copy);
            copies.push(ns(&name));
        }
    }
    copies
}

fn ns(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// The namespaces of the chain without those that only look alike.
fn own(world: &World) -> BTreeMap<u64, String> {
    let builds = world.all("namespaces").into_iter().filter_map(|namespace| {
        let meta = &namespace["metadata"];
        let name = meta["name"].as_str()?;
        let generation = meta["annotations"][wire::GENERATION].as_str()?.parse().ok()?;
        (!name.starts_with("a-") && !name.starts_with("ci-zz-")).then(|| (generation, name.to_owned()))
    });
    builds.collect()
}

fn annotation<'a>(world: &'a World, namespace: &str, key: &str) -> &'a str {
    world.get(&ns(namespace))["metadata"]["annotations"][key].as_str().unwrap_or_default()
}

/// Somebody deletes a build's listener, and its pods go.
fn deafen(world: &mut World, namespace: &str) {
    world.objects.remove(&World::listener(namespace)).unwrap();
    world.objects.retain(|path, _| !path.starts_with(&format!("{}/pods/build-", ns(namespace))));
}

/// Somebody deletes a namespace, and it goes with all that is in it.
fn delete(world: &mut World, namespace: &str) {
    let within = format!("/namespaces/{namespace}/");
    world.objects.retain(|path, _| *path != ns(namespace) && !path.contains(&within));
}

/// Holds what a repair must hold, whatever it repairs: a dry run says the same and writes nothing; it is killed after each write
/// and run again; run again it does nothing; two at once do it once; no copy is touched; and `doctor` finds it first, and not
/// afterwards.
async fn holds(begin: &Stage, lines: &[&str], finds: &[&str], end: impl Fn(&World, &str)) {
    let copies = look_alike(begin);
    let before = begin.world().objects.clone();
    let wanted = (lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), 0);
    let found = unwell(begin).await;
    assert!(finds.iter().all(|code| found.contains(code)), "{found:?}");
    assert_eq!(repaired(begin, true).await.unwrap(), wanted, "a dry run");
    assert_eq!(begin.world().objects, before, "a dry run writes nothing");

    let untouched = |world: &World, what: &str| {
        for copy in &copies {
            assert_eq!(world.get(copy), &before[copy], "{what}: {copy}");
            let within = format!("{}/", copy.trim_start_matches("/api/v1"));
            assert!(!world.objects.keys().any(|path| path.contains(&within)), "{what}: {copy}");
        }
    };
    let whole = begin.copy();
    assert_eq!(repaired(&whole, false).await.unwrap(), wanted);
    let after = whole.world().objects.clone();
    assert_eq!(repaired(&whole, false).await.unwrap(), (vec![], 0), "once is enough");
    assert_eq!(whole.world().objects, after);
    assert_eq!(unwell(&whole).await, Vec::<&str>::new());

    let run = |stage: Stage| async move {
        let (told, failures) = repaired(&stage, false).await?;
        assert_eq!(failures, 0, "{told:?}");
        Ok(())
    };
    whenever_it_is_killed(begin, run, |world, what| {
        untouched(world, what);
        end(world, what);
    })
    .await;

    let both = begin.copy();
    let (one, two) = tokio::join!(repaired(&both, false), repaired(&both, false));
    drop((one.unwrap(), two.unwrap()));
    let (told, failures) = repaired(&both, false).await.unwrap();
    assert_eq!(failures, 0, "after two at once: {told:?}");
    untouched(&both.world(), "two at once");
    end(&both.world(), "two at once");
}

/// That the listener of a generation is there, in the namespace that the head names, and starts from that tag.
fn raised(world: &World, generation: u64, tag: &str, what: &str) {
    let namespace = &own(world)[&generation];
    let head = head(world);
    assert_eq!(
        (&head["generation"], &head["namespace"]),
        (&json!(generation.to_string()), &json!(namespace)),
        "{what}"
    );
    assert!(keyed(world, namespace), "{what}");
    let image =
        &world.get(&World::listener(namespace))["spec"]["template"]["spec"]["containers"][crate::CI]["image"];
    assert_eq!(*image, format!("{}:{tag}", crate::REPOSITORY), "{what}");
}

/// A listener that was raised comes up.
async fn comes_up(stage: &Stage, generation: u64) {
    repaired(stage, false).await.unwrap();
    let namespace = own(&stage.world())[&generation].clone();
    run_until(stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_was_deleted_is_raised_where_it_stood() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&mut stage.world(), &first);
    let line = format!("namespace/{first}: its listener, which was deleted, is raised again");
    holds(&stage, &[&line], &["chain-listener"], |world, what| {
        raised(world, 1, "build-1", what);
        assert_eq!(own(world).len(), 1, "{what}");
    })
    .await;
    comes_up(&stage, 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_was_scaled_to_0_is_brought_back() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    stage.world().change(&World::listener(&first), |it| it["spec"]["replicas"] = json!(0));
    let line =
        format!("namespace/{first}: deployment.apps/build is scaled to 1, which brings its agent back");
    holds(&stage, &[&line], &["chain-listener"], |world, what| {
        assert_eq!(world.get(&World::listener(&first))["spec"]["replicas"], 1, "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_chain_whose_newest_namespace_was_deleted_goes_on_from_where_it_stood_by_names_that_nobody_knows() {
    let (stage, first) = finished().await;
    let second = stage.world().builds()[&2].clone();
    delete(&mut stage.world(), &second);
    let lines = ["configmap/chain-app-main: a fresh listener is raised, at generation 3"];
    holds(&stage, &lines, &["chain-listener"], |world, what| {
        raised(world, 3, "build-2", what);
        let next = &own(world)[&3];
        assert_eq!(annotation(world, next, wire::BASELINE), format!("build-2@{}", digest('b')), "{what}");
        assert_eq!(annotation(world, next, wire::PARENT), first, "{what}");
    })
    .await;
    comes_up(&stage, 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_copy_that_was_made_of_the_newest_namespace_before_that_was_deleted_is_no_listener() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    let copies = look_alike(&stage);
    delete(&mut stage.world(), &first);
    let (told, failures) = repaired(&stage, false).await.unwrap();
    assert_eq!((told.len(), failures), (1, 0), "{told:?}");
    let world = stage.world();
    let [(generation, fresh)] = &own(&world).into_iter().collect::<Vec<_>>()[..] else { panic!() };
    assert!(*generation == 2 && keyed(&world, fresh));
    assert!(copies.iter().all(|copy| world.objects.contains_key(copy)));
}

#[tokio::test(start_paused = true)]
async fn a_dispatch_that_was_cut_off_is_done_for_an_agent_that_is_gone_and_its_build_is_ended() {
    let reached: [fn(&World) -> bool; 3] = [
        |world| head(world)["generation"] == "2",
        |world| world.builds().len() == 2 && !head(world)["namespace"].is_null(),
        |world| world.builds().values().any(|name| annotation(world, name, wire::DISPATCH) == "claimed"),
    ];
    for reached in reached {
        let (stage, first) = pushed().await;
        run_until(&stage, &first, reached).await;
        cut_off(stage.copy(), first).await;
    }
    let (stage, first) = claimed_for_nobody().await;
    cut_off(stage.copy(), first).await;
}

async fn cut_off(stage: Stage, first: String) {
    deafen(&mut stage.world(), &first);
    let lines = [
        format!("namespace/{first}: the next listener is dispatched in place of its agent, which is gone"),
        format!("namespace/{first}: its build is ended in place of its agent, which is gone"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    holds(&stage, &lines, &[], |world, what| {
        raised(world, 2, "build-2", what);
        assert_eq!(world.phase(&first), "Finished", "{what}");
        assert_eq!(annotation(world, &first, wire::VERDICT), "Errored", "{what}");
        assert_eq!(annotation(world, &first, wire::DISPATCH), "done", "{what}");
        assert_eq!(annotation(world, &first, wire::SUCCESSOR), own(world)[&2], "{what}");
        assert!(head(world)["slot.1"].is_null(), "{what}");
    })
    .await;
    comes_up(&stage, 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_has_to_dispatch_still_is_brought_back_and_left_to_it() {
    let (stage, first) = pushed().await;
    run_until(&stage, &first, |world| head(world)["generation"] == "2").await;
    let there = stage.copy();
    assert_eq!(repaired(&there, false).await.unwrap(), (vec![], 0), "it is at it");
    stage.world().change(&World::listener(&first), |it| it["spec"]["replicas"] = json!(0));
    let line =
        format!("namespace/{first}: deployment.apps/build is scaled to 1, which brings its agent back");
    let stage = stage.copy();
    assert_eq!(repaired(&stage, true).await.unwrap(), (vec![line.clone()], 0), "told once");
    assert_eq!(repaired(&stage, false).await.unwrap(), (vec![line], 0));
    assert_eq!(stage.world().builds().len(), 1, "it dispatches by itself");
}

/// A chain whose first build runs, and whose second listener waits; both namespaces.
async fn building() -> (Stage, String, String) {
    let (stage, first) = pushed().await;
    stage.world().exit = None;
    run_until(&stage, &first, |world| !annotation(world, &first, wire::JOB_UID).is_empty()).await;
    let second = stage.world().builds()[&2].clone();
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    (stage.copy(), first, second)
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_deleted_is_recorded_and_its_slot_given_back() {
    let (stage, first, _) = building().await;
    delete(&mut stage.world(), &first);
    let lines = [
        format!(
            "namespace/{first}: its build, which had not ended when the namespace was deleted, is recorded as Errored"
        ),
        format!("namespace/{first}: its build slot is given back"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    holds(&stage, &lines, &["chain-slots", "chain-publishing"], |world, what| {
        assert!(head(world)["slot.1"].is_null(), "{what}");
        let kept = &world.get(&format!("{HOME}/history-{CHAIN}"))["data"]["build.00000001"];
        assert!(
            kept.as_str().unwrap().contains("namespace was deleted before the build had ended"),
            "{what}"
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_build_without_an_agent_is_ended_once_its_job_has_and_not_before() {
    let (stage, first, _) = building().await;
    deafen(&mut stage.world(), &first);
    let before = stage.world().objects.clone();
    assert_eq!(repaired(&stage, false).await.unwrap(), (vec![], 0), "its Job runs");
    assert_eq!(stage.world().objects, before);
    stage.world().change(&format!("{}/pods/{}-x", ns(&first), wire::JOB), |pod| {
        pod["status"]["phase"] = json!("Failed");
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 3 } });
    });
    let line = format!("namespace/{first}: its build is ended in place of its agent, which is gone");
    holds(&stage, &[&line], &["chain-agents"], |world, what| {
        assert_eq!(
            (world.phase(&first), annotation(world, &first, wire::VERDICT)),
            ("Finished", "Failed"),
            "{what}"
        );
        assert!(head(world)["slot.1"].is_null(), "{what}");
        let minio = world.get(&format!("/apis/apps/v1/namespaces/{first}/deployments/minio"));
        assert_eq!(minio["spec"]["replicas"], 0, "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_history_that_was_deleted_is_made_again() {
    let stage = listening(&glob()).await;
    stage.world().objects.remove(&format!("{HOME}/history-{CHAIN}")).unwrap();
    let lines = ["configmap/history-app-main: made again, empty: builds finish once more"];
    holds(&stage, &lines, &["chain-retention"], |world, what| {
        let labels = &world.get(&format!("{HOME}/history-{CHAIN}"))["metadata"]["labels"];
        assert_eq!(labels[wire::CHAIN], CHAIN, "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_the_chain_has_passed_is_deleted_and_one_that_is_held_is_not() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    let kept = stage.world().get(&ns(&first)).clone();
    started_again(&stage, &changed()).await.unwrap();
    // whoever moved the chain on was killed before this went
    stage.world().objects.insert(ns(&first), kept);
    let held = stage.copy();
    held.world().change(&ns(&first), |it| it["metadata"]["annotations"][wire::HOLD] = json!("mine"));
    let line = format!("namespace/{first}: deleted");
    holds(&stage, &[&line], &["chain-orphans"], |world, what| {
        assert_eq!(own(world).keys().collect::<Vec<_>>(), [&2], "{what}");
    })
    .await;
    assert_eq!(repaired(&held, false).await.unwrap(), (vec![], 0));
    assert!(held.world().objects.contains_key(&ns(&first)));
}

#[tokio::test(start_paused = true)]
async fn what_is_as_it_should_be_or_is_edited_by_hand_or_has_ended_is_left_alone() {
    let (well, _) = finished().await;
    let edit = |path: fn(&World) -> String, change: Edit| {
        let stage = well.copy();
        let path = path(&stage.world());
        stage.world().change(&path, change);
        stage
    };
    let newest = |world: &World| ns(&world.builds()[&2]);
    let chain = |_: &World| format!("{HOME}/chain-{CHAIN}");
    let cases: [(&str, Stage); 5] = [
        ("well", well.copy()),
        (
            "without a label",
            edit(newest, |it| drop(it["metadata"]["labels"].as_object_mut().unwrap().remove(wire::CHAIN))),
        ),
        ("of no phase", edit(newest, |it| it["metadata"]["labels"][wire::PHASE] = json!("Dreaming"))),
        ("ended", edit(chain, |it| it["data"]["ended"] = json!("by alice"))),
        ("taken down", edit(chain, |it| it["data"]["purging"] = json!("true"))),
    ];
    for (what, stage) in cases {
        let before = stage.world().objects.clone();
        let told = repaired(&stage, false).await.unwrap();
        assert_eq!(told.1, 0, "{what}: {told:?}");
        if what == "ended" {
            assert!(
                told.0.len() == 1 && told.0[0].ends_with(": deleted"),
                "its listener is nobody's: {told:?}"
            );
        } else {
            assert_eq!(told.0, Vec::<String>::new(), "{what}");
            assert_eq!(stage.world().objects, before, "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_repaired_where_builds_are_not_confined() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&mut stage.world(), &first);
    stage.world().refusals.clear();
    stage.world().objects.retain(|path, _| !path.contains("validatingadmissionpolicies/studioci-rights"));
    let before = stage.world().objects.clone();
    let error = repaired(&stage, false).await.unwrap_err();
    assert!(with_remedy(&error).1.contains("setup"), "{error}");
    assert_eq!(stage.world().objects, before);
}

#[tokio::test(start_paused = true)]
async fn who_may_only_look_is_told_at_once_which_role_lets_them_repair_whether_or_not_there_is_anything_to_do()
 {
    for deaf in [true, false] {
        let stage = listening(&glob()).await;
        let first = stage.world().builds()[&1].clone();
        if deaf {
            stage.world().change(&World::listener(&first), |it| it["spec"]["replicas"] = json!(0));
        }
        {
            let mut world = stage.world();
            world.user = "reader";
            world.allows = Some(|review| review["resourceAttributes"]["verb"] != "create");
        }
        let (before, begun) = (stage.world().objects.clone(), clock());
        let (said, remedy) = with_remedy(&repaired(&stage, false).await.unwrap_err());
        assert_eq!(
            said,
            "user \"reader\" may not create rolebindings.rbac.authorization.k8s.io at the cluster scope"
        );
        assert!(remedy.contains("--clusterrole studioci-user --user \"reader\""), "{remedy}");
        assert_eq!((clock(), stage.world().objects == before), (begun, true), "{deaf}");
        let lines = repaired(&stage, true).await.unwrap().0;
        assert_eq!(lines.len(), usize::from(deaf), "what would be done may be looked at: {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_repaired_is_told_and_the_rest_is_repaired() {
    let (stage, first) = finished().await;
    let second = stage.world().builds()[&2].clone();
    delete(&mut stage.world(), &second);
    stage.world().objects.remove(&format!("{HOME}/record-{CHAIN}")).unwrap();
    stage.world().objects.remove(&format!("{HOME}/history-{CHAIN}")).unwrap();
    let (told, failures) = repaired(&stage, false).await.unwrap();
    assert_eq!(failures, 1, "{told:?}");
    assert_eq!(told[0], "configmap/history-app-main: made again, empty: builds finish once more");
    assert!(told[1].starts_with("! configmap/chain-app-main: chain app-main has no record"), "{told:?}");
    assert!(stage.world().objects.contains_key(&ns(&first)));
}

/// What `doctor` finds wrong with the chain, and what to do about it.
async fn ailments(stage: &Stage) -> Vec<(&'static str, String)> {
    let cluster = stage.cluster();
    let findings = Box::pin(doctor(&cluster, Some(CHAIN), Duration::ZERO, clock)).await.unwrap();
    let of_chain = findings.into_iter().filter(|it| it.code.starts_with("chain-"));
    of_chain.filter_map(|it| Some((it.code, it.opinion.remedy?))).collect()
}

/// A chain whose first `start` was killed before it had written a seed.
async fn begun_without_a_seed() -> Stage {
    let keel = glob();
    for writes in 1.. {
        let stage = Stage::new(&[("build-1", 'a'), ("build-2", 'b')]);
        stage.world().dies_after = Some(writes);
        tokio::select! {
            done = started(&stage, &keel) => panic!("{writes}: {done:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        let begun = stage.world().objects.contains_key(&format!("{HOME}/chain-{CHAIN}"));
        if begun {
            assert!(!stage.world().objects.contains_key(SEED), "after {writes} writes");
            return stage.copy();
        }
    }
    unreachable!("it writes the head")
}

const SEED: &str = "/api/v1/namespaces/studioci/secrets/seed-app-main";

#[tokio::test(start_paused = true)]
async fn a_chain_that_has_lost_its_seed_is_told_what_gives_it_another_one_and_that_does() {
    let robbed = listening(&glob()).await;
    robbed.world().objects.remove(SEED).unwrap();
    let bare = robbed.copy();
    let first = bare.world().builds()[&1].clone();
    delete(&mut bare.world(), &first);
    let edited = listening(&glob()).await;
    edited.world().change(SEED, |it| it["data"] = json!({ "seed": "bm9uZQ==" }));
    for (what, stage) in [
        ("it was deleted", robbed),
        ("it was deleted, and the newest namespace too", bare),
        ("a start that was cut off", begun_without_a_seed().await),
        ("it was edited", edited),
    ] {
        let ails = ailments(&stage).await;
        let of_seed = ails.iter().find(|(code, _)| *code == "chain-seed");
        let Some((_, remedy)) = of_seed else { panic!("{what}: {ails:?}") };
        assert!(remedy.contains(&format!("kubectl studioci start --chain {CHAIN}")), "{what}: {remedy}");
        // a history is made again by it, and a listener where nothing has to be claimed for it
        let by_start = ["chain-seed", "chain-record", "chain-listener"];
        let repairs = ails.iter().any(|(code, it)| by_start.contains(code) && it.contains("--repair"));
        assert!(what == "it was edited" || !repairs, "{what}: {ails:?}");
        if remedy.contains("delete it") {
            stage.world().objects.remove(SEED).unwrap();
        }
        let again = Box::pin(started_again(&stage, &request(&glob()))).await;
        again.unwrap_or_else(|error| panic!("{what}: {error}"));
        let ails = ailments(&stage.copy()).await;
        assert!(
            ails.iter().all(|(code, _)| !["chain-seed", "chain-listener"].contains(code)),
            "{what}: {ails:?}"
        );
    }
}
