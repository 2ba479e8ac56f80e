//! Builds whose Namespace is deleted by hand before they have ended: the newest listener closes them, once, wherever others were
//! told that they go on.

use super::publishes::*;
use super::*;

const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";

fn ns(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// Deletes a namespace and whatever is in it, as `kubectl delete namespace` does.
fn delete(world: &mut World, namespace: &str) {
    let within = format!("/namespaces/{namespace}/");
    world.objects.retain(|path, _| *path != ns(namespace) && !path.contains(&within));
}

/// A chain that tells others, whose first build runs and is pending, and its namespace.
async fn pending() -> (Stage, Outer, String) {
    let (stage, outer, first) = told_and_pushed(Rules::default()).await;
    stage.world().exit = None;
    run_until(&stage, &first, |world| !annotation(world, &first, wire::JOB_UID).is_empty()).await;
    tokio::select! {
        () = run_until(&stage, &first, |_| false) => unreachable!("its Job runs for ever"),
        () = tokio::time::sleep(Duration::from_secs(60)) => {}
    }
    assert_eq!(outer.said_of(&first), ["pending"]);
    let next = stage.world().builds()[&2].clone();
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    (stage, outer, first)
}

fn recorded(world: &World) -> Value {
    let text = world.get(HISTORY)["data"]["build.00000001"].as_str().unwrap_or("null");
    serde_json::from_str(text).unwrap()
}

/// One final word, and nothing left behind.
fn closed(stage: &Stage, outer: &Outer, first: &str, what: &str) {
    let world = stage.world();
    let entry = recorded(&world);
    assert_eq!((&entry["verdict"], &entry["revision"]), (&json!("Errored"), &json!(COMMIT)), "{what}");
    assert_eq!(entry["cause"], "its namespace was deleted before the build had ended", "{what}");
    assert_eq!(left(&world), Vec::<String>::new(), "{what}");
    assert_eq!(outer.said_of(first), ["pending", "error"], "{what}");
    assert_eq!(outer.hooked_of(first), ["Triggered", "Recorded"], "{what}");
}

#[tokio::test(start_paused = true)]
async fn a_build_whose_namespace_is_deleted_by_hand_is_closed_wherever_the_listener_is_killed() {
    let (stage, outer, first) = pending().await;
    delete(&mut stage.world(), &first);
    let before = stage.copy();
    let said = outer.forge.state().statuses.clone();
    let hooked = outer.hooked.lock().unwrap().clone();
    listener_waits_for(&stage, A_WHILE * 2).await;
    closed(&stage, &outer, &first, "undisturbed");
    listener_waits_for(&stage, A_WHILE * 3).await;
    closed(&stage, &outer, &first, "and is not closed again");
    let writes = stage.world().writes.len();
    assert!(writes >= 3, "{:?}", stage.world().writes);
    for k in 0..=writes {
        let (stage, outer) = again(&before);
        outer.forge.state().statuses = said.clone();
        outer.hooked.lock().unwrap().clone_from(&hooked);
        stage.world().dies_after = Some(k);
        listener_waits_for(&stage, A_WHILE * 2).await;
        stage.revive();
        listener_waits_for(&stage, A_WHILE * 3).await;
        closed(&stage, &outer, &first, &format!("killed after {k} writes"));
    }
}

#[tokio::test(start_paused = true)]
async fn two_agents_at_once_close_it_once() {
    let (stage, outer, first) = pending().await;
    delete(&mut stage.world(), &first);
    let both = async {
        tokio::join!(listener_waits_for(&stage, A_WHILE * 3), listener_waits_for(&stage, A_WHILE * 3))
    };
    both.await;
    closed(&stage, &outer, &first, "two at once");
}

#[tokio::test(start_paused = true)]
async fn others_who_are_away_are_told_of_it_when_they_are_back() {
    let (stage, outer, first) = pending().await;
    delete(&mut stage.world(), &first);
    outer.away();
    listener_waits_for(&stage, A_WHILE * 2).await;
    assert_eq!(recorded(&stage.world())["verdict"], "Errored");
    assert_eq!(outer.said_of(&first), ["pending"]);
    outer.back();
    listener_waits_for(&stage, A_WHILE * 2).await;
    closed(&stage, &outer, &first, "they are back");
}

#[tokio::test(start_paused = true)]
async fn only_what_is_gone_for_good_is_closed() {
    type Change = fn(&mut World, &str);
    let cases: [(&str, Change, bool); 4] = [
        (
            "on its way out",
            |world, path| {
                world.change(path, |it| it["metadata"]["deletionTimestamp"] = json!("1970-01-01T00:00:00Z"));
            },
            false,
        ),
        (
            "its labels are gone",
            |world, path| world.change(path, |it| it["metadata"]["labels"] = json!({})),
            false,
        ),
        ("at work", |_, _| {}, false),
        (
            "made again by hand",
            |world, path| {
                let mut copy = world.get(path).clone();
                let namespace = copy["metadata"]["name"].as_str().unwrap().to_owned();
                delete(world, &namespace);
                copy["metadata"].as_object_mut().unwrap().remove("uid");
                world.keep("/api/v1/namespaces", copy);
            },
            true,
        ),
    ];
    for (what, change, gone) in cases {
        let (stage, outer, first) = pending().await;
        change(&mut stage.world(), &ns(&first));
        let next = stage.world().builds()[&2].clone();
        tokio::select! {
            () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
            // its agent is away for less than another one would end its build for it
            () = tokio::time::sleep(A_WHILE) => {}
        }
        if gone {
            closed(&stage, &outer, &first, what);
        } else {
            assert_eq!(recorded(&stage.world()), Value::Null, "{what}");
            assert_eq!(outer.said_of(&first), ["pending"], "{what}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_not_told_after_a_newer_build_of_the_same_commit() {
    let (stage, outer, first) = pending().await;
    delete(&mut stage.world(), &first);
    stage.world().exit = Some(0);
    let second = stage.world().builds()[&2].clone();
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    listener_waits_for(&stage, A_WHILE * 2).await;
    assert_eq!(recorded(&stage.world())["verdict"], "Errored");
    assert_eq!(outer.said_of(&first), ["pending"], "the newer one has spoken");
    assert_eq!(outer.said_of(&second).last().map(String::as_str), Some("success"));
    let newest = outer.forge.state().said(COMMIT, CONTEXT).pop().unwrap();
    assert!(newest.1.ends_with(&format!("({second})")), "{newest:?}");
    assert_eq!(outer.hooked_of(&first), ["Triggered", "Recorded"]);
    assert_eq!(left(&stage.world()), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn the_history_of_a_chain_that_tells_nobody_has_it_too() {
    let (stage, first, next) = super::adopt::building().await;
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    delete(&mut stage.world(), &first);
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = tokio::time::sleep(A_WHILE) => {}
    }
    let world = stage.world();
    let entry = recorded(&world);
    assert_eq!((&entry["verdict"], &entry["namespace"]), (&json!("Errored"), &json!(first)));
    assert_eq!(left(&world), Vec::<String>::new());
}
