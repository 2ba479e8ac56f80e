//! Newest wins: where a chain is started so, a newer push cancels what is queued or runs of older ones.

use super::adopt::building;
use super::*;

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";

/// The chain's pipeline with what its Namespace document says.
fn newest_wins(word: &str) -> StartRequest {
    let mut request = request(&glob());
    let document = json!({ "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": "any", "annotations": { wire::SUPERSEDE: word } } });
    request.sources.template.text = format!("{document}\n---\n{}", request.sources.template.text);
    request
}

/// Such a chain, with a build that runs on and on, and the listener after it with another push.
async fn overtaken(says: &str) -> (Stage, String, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    starts(&stage, &newest_wins(says)).await.unwrap();
    stage.world().exit = None;
    let first = stage.world().builds()[&1].clone();
    stage.world().push(&first, "build-2", 'b');
    run_until(&stage, &first, |world| !annotation(world, &first, wire::JOB_UID).is_empty()).await;
    let second = stage.world().builds()[&2].clone();
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    stage.world().push(&second, "build-3", 'c');
    {
        let mut world = stage.world();
        world.writes.clear();
        world.exit = Some(0);
    }
    (stage, first, second)
}

fn cause(second: &str) -> String {
    format!("superseded by generation 2 (build-3) in {second}")
}

/// What the two come to.
fn ended(world: &World, first: &str, second: &str, what: &str) {
    assert!(asleep(world, first) && asleep(world, second), "{what}");
    assert_eq!(annotation(world, first, wire::VERDICT), "Cancelled", "{what}");
    assert_eq!(annotation(world, first, wire::CAUSE), cause(second), "{what}");
    assert_eq!(annotation(world, second, wire::VERDICT), "Passed", "{what}");
    assert_eq!(annotation(world, second, wire::CANCEL), "", "{what}: nobody is newer");
    let jobs: Vec<&Value> = world.all("jobs");
    assert!(jobs.len() == 1 && jobs[0]["metadata"]["namespace"] == *second, "{what}: {jobs:?}");
    let head = &world.get(HEAD)["data"];
    assert!(head["slot.1"].is_null() && head["slot.2"].is_null(), "{what}: {head}");
    assert_eq!(head["built.1"], format!("build-2@{}", digest('b')), "{what}: it is not built again");
    assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&1, &2, &3], "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_newer_push_takes_the_place_of_a_build_that_runs() {
    let (stage, first, second) = overtaken("true").await;
    tokio::select! {
        () = run_until(&stage, &first, |_| false) => unreachable!("it waits for ever"),
        () = run_until(&stage, &second, |_| false) => unreachable!("it waits for ever"),
        () = stage.reaches(|world| asleep(world, &first) && asleep(world, &second)) => {}
    }
    let world = stage.world();
    ended(&world, &first, &second, "together");
    let place = |what: &dyn Fn(&String) -> bool| world.writes.iter().position(what).unwrap();
    let third = &world.builds()[&3];
    let raised = place(&|it| *it == format!("POST /apis/apps/v1/namespaces/{third}/deployments"));
    let asked = place(&|it| *it == format!("PATCH /api/v1/namespaces/{first}"));
    assert!(raised < asked, "the chain goes on first: {:?}", world.writes);
}

#[tokio::test(start_paused = true)]
async fn whenever_the_newer_agent_is_killed_the_older_build_is_cancelled_once() {
    let (before, first, second) = overtaken("true").await;
    let asked = |world: &World| !annotation(world, &first, wire::CANCEL).is_empty();
    let queued = |world: &World| asked(world) && world.phase(&second) == "Queued";
    let whole = before.copy();
    run_until(&whole, &second, queued).await;
    let writes = whole.world().writes.len();
    assert!(writes > 8, "{:?}", whole.world().writes);
    for k in 0..writes {
        let what = format!("killed after {k} of {writes}");
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &second, queued).await;
        stage.revive();
        run_until(&stage, &second, queued).await;
        let again = format!("PATCH /api/v1/namespaces/{first}");
        assert_eq!(stage.world().writes.iter().filter(|it| **it == again).count(), 1, "{what}");
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        run_until(&stage, &second, |world| asleep(world, &second)).await;
        ended(&stage.world(), &first, &second, &what);
    }
}

#[tokio::test(start_paused = true)]
async fn of_several_pushes_the_newest_is_built_and_no_other_that_had_not_ended() {
    let (stage, first, second) = overtaken("true").await;
    let asked = |world: &World, namespace: &str| !annotation(world, namespace, wire::CANCEL).is_empty();
    run_until(&stage, &second, |world| asked(world, &first) && world.phase(&second) == "Queued").await;
    let third = stage.world().builds()[&3].clone();
    run_until(&stage, &third, |world| world.phase(&third) == "Listening").await;
    stage.world().push(&third, "build-4", 'd');
    run_until(&stage, &third, |world| asked(world, &second) && world.phase(&third) == "Queued").await;
    for namespace in [&second, &first, &third] {
        run_until(&stage, namespace, |world| asleep(world, namespace)).await;
    }
    let world = stage.world();
    assert_eq!(annotation(&world, &first, wire::CAUSE), cause(&second), "who came first said so");
    let newest = format!("superseded by generation 3 (build-4) in {third}");
    assert_eq!(annotation(&world, &second, wire::CAUSE), newest);
    assert_eq!(annotation(&world, &third, wire::VERDICT), "Passed");
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_not_started_so_builds_every_push() {
    for word in [Some("false"), None] {
        let (stage, first, second) = if let Some(says) = word {
            overtaken(says).await
        } else {
            let (stage, first, second) = building().await;
            run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
            stage.world().push(&second, "build-3", 'c');
            (stage, first, second)
        };
        run_until(&stage, &second, |world| annotation(world, &second, wire::WAITING).contains("behind"))
            .await;
        let world = stage.world();
        assert_eq!(annotation(&world, &first, wire::CANCEL), "", "{word:?}");
        assert_eq!((world.phase(&first), world.phase(&second)), ("Building", "Queued"), "{word:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_that_cannot_be_used_takes_nobodys_place() {
    let (stage, first, second) = overtaken("true").await;
    stage.brings("{{ nothing }}");
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &second, wire::VERDICT), "Errored");
    assert_eq!((world.phase(&first), annotation(&world, &first, wire::CANCEL)), ("Building", ""));
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_before_it_was_asked_keeps_its_verdict() {
    let (stage, first, second) = overtaken("true").await;
    let path = format!("/api/v1/namespaces/{first}");
    let (at, mut left) = (path.clone(), true);
    stage.world().before_write = Some(Box::new(move |world, request| {
        if request == format!("PATCH {at}") && std::mem::take(&mut left) {
            world.change(&at, |it| {
                it["metadata"]["labels"][wire::PHASE] = json!("Recorded");
                it["metadata"]["annotations"][wire::VERDICT] = json!("Passed");
            });
        }
    }));
    run_until(&stage, &second, |world| world.phase(&second) == "Queued").await;
    let world = stage.world();
    assert_eq!(
        (annotation(&world, &first, wire::CANCEL), annotation(&world, &first, wire::VERDICT)),
        ("", "Passed")
    );
}
