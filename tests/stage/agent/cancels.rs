//! Builds that are cancelled by hand: in every phase, with the agent or the verb killed after any write, and without an agent.

use studioci::agent::BY_HAND;
use studioci::chain::build::{Build, Phase};
use studioci::ops::cancel::cancel;
use studioci::state::DryRun;
use studioci::state::build::look;
use studioci::state::error::{CancelFault, Error, Result};

use super::adopt::building;
use super::*;

/// Longer than an agent must be away before a later one ends its build, and looked at twice.
const LONG: Duration = Duration::from_secs(12 * 60);

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";

async fn build_of(stage: &Stage, namespace: &str) -> Build {
    look(&stage.cluster(), namespace).await.unwrap().unwrap()
}

/// Cancels by hand what stands there now.
async fn cancelled(stage: &Stage, namespace: &str) -> Result<bool> {
    let build = build_of(stage, namespace).await;
    cancel(&stage.cluster(), &build, DryRun::None).await
}

/// What every build comes to that was cancelled: the chain goes on, and nothing is left that runs.
fn ended(world: &World, namespace: &str, what: &str) {
    assert!(asleep(world, namespace), "{what}");
    assert!(!keyed(world, namespace), "{what}");
    assert_eq!(annotation(world, namespace, wire::VERDICT), "Cancelled", "{what}");
    assert_eq!(annotation(world, namespace, wire::CAUSE), BY_HAND, "{what}");
    assert_eq!(annotation(world, namespace, wire::DISPATCH), "done", "{what}");
    assert!(world.all("jobs").is_empty(), "{what}: nobody can resume it");
    let runs = |pod: &&Value| pod["metadata"]["name"].as_str().unwrap().starts_with(wire::JOB);
    assert!(!world.all("pods").iter().any(runs), "{what}: nor does its pod run on");
    let minio = world.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio"));
    assert!(minio.is_null() || minio["spec"]["replicas"] == 0, "{what}");
    let builds = world.builds();
    assert_eq!(builds.keys().collect::<Vec<_>>(), [&1, &2], "{what}");
    assert!(keyed(world, &builds[&2]), "{what}: the next listener waits for Keel");
    let head = &world.get(HEAD)["data"];
    assert!(head["slot.1"].is_null(), "{what}: {head}");
    assert_eq!(head["built.1"], format!("build-2@{}", digest('b')), "{what}");
    let history = &world.get(HISTORY)["data"];
    assert_eq!(history.as_object().unwrap().len(), 1, "{what}");
    let entry: Value = serde_json::from_str(history["build.00000001"].as_str().unwrap()).unwrap();
    assert_eq!((&entry["verdict"], &entry["cause"]), (&json!("Cancelled"), &json!(BY_HAND)), "{what}");
    assert_eq!(entry["logKept"], true, "{what}");
}

/// A chain whose build runs on and on once it has begun; the writes of its agent until then.
async fn endless() -> (Stage, String, Vec<String>) {
    let (before, namespace) = pushed().await;
    before.world().exit = None;
    let whole = before.copy();
    run_until(&whole, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty()).await;
    let writes = whole.world().writes.clone();
    (before, namespace, writes)
}

#[tokio::test(start_paused = true)]
async fn a_build_is_cancelled_in_every_phase_and_a_listener_in_none() {
    let (before, namespace, writes) = endless().await;
    let mut phases = std::collections::BTreeSet::new();
    for k in 0..=writes.len() {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        if k < writes.len() {
            run_until(&stage, &namespace, |_| false).await;
            stage.revive();
        } else {
            stage.world().dies_after = None;
            run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty())
                .await;
        }
        let phase: Phase = stage.world().phase(&namespace).parse().unwrap();
        let what = format!("after {k} writes, {phase}");
        let asked = cancelled(&stage, &namespace).await;
        if phase < Phase::Triggered {
            assert!(
                matches!(&asked, Err(Error::Cancel(CancelFault::NothingPushed { .. }))),
                "{what}: {asked:?}"
            );
            continue;
        }
        phases.insert(phase);
        assert!(asked.unwrap(), "{what}");
        assert!(!cancelled(&stage, &namespace).await.unwrap(), "{what}: it was asked before");
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        ended(&stage.world(), &namespace, &what);
        let jobs =
            stage.world().writes.iter().filter(|it| it.starts_with("POST") && it.ends_with("/jobs")).count();
        assert_eq!(
            jobs,
            usize::from(writes[..k].iter().any(|it| it.ends_with("/jobs"))),
            "{what}: none is made"
        );
        assert!(!cancelled(&stage, &namespace).await.unwrap(), "{what}: it is so already");
    }
    let all = [Phase::Triggered, Phase::Detached, Phase::Preparing, Phase::Building];
    assert_eq!(phases.into_iter().collect::<Vec<_>>(), all);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_goes_on_to_the_same_end() {
    let (before, namespace, writes) = endless().await;
    // moved no head yet, waits for a slot, has made the Job and not written down its uid, runs
    let job = writes.iter().position(|it| it.ends_with("/jobs")).unwrap();
    let triggered =
        writes.iter().position(|it| it.ends_with(wire::FREEZE) || it.ends_with("/configmaps")).unwrap();
    for at in [triggered + 2, job - 4, job + 1, writes.len() - 1] {
        let asked = before.copy();
        asked.world().dies_after = Some(at);
        run_until(&asked, &namespace, |_| false).await;
        asked.revive();
        cancelled(&asked, &namespace).await.unwrap();
        let whole = asked.copy();
        run_until(&whole, &namespace, |world| asleep(world, &namespace)).await;
        let rest = whole.world().writes.len();
        assert!(rest > 4, "{:?}", whole.world().writes);
        for k in 0..rest {
            let stage = asked.copy();
            stage.world().dies_after = Some(k);
            run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
            stage.revive();
            run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
            ended(
                &stage.world(),
                &namespace,
                &format!("asked after {at} writes, killed after {k} of {rest}"),
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_running_agent_is_woken_by_it_and_a_build_that_has_ended_keeps_its_verdict() {
    let (stage, namespace, _) = building().await;
    let story = async {
        assert!(cancelled(&stage, &namespace).await.unwrap());
        stage.reaches(|world| asleep(world, &namespace)).await;
    };
    tokio::select! {
        () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
        () = story => {}
    }
    ended(&stage.world(), &namespace, "woken");

    // its pod ends while its agent is away
    let (stage, namespace, _) = building().await;
    assert!(cancelled(&stage, &namespace).await.unwrap());
    stage.world().change(&format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB), |pod| {
        pod["status"]["phase"] = json!("Succeeded");
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 0 } });
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Passed");
    assert_eq!(stage.world().all("jobs").len(), 1, "what has passed stays to be looked at");
    let over = cancelled(&stage, &namespace).await.unwrap_err();
    assert_eq!(over.to_string(), format!("build {namespace} is already Passed"));
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_it_is_asked_for_is_judged_anew() {
    let (stage, namespace, _) = building().await;
    let path = format!("/api/v1/namespaces/{namespace}");
    let asked_for = |change: fn(&mut Value)| {
        let (stage, path, namespace) = (stage.copy(), path.clone(), namespace.clone());
        async move {
            let build = build_of(&stage, &namespace).await;
            stage.world().change(&path, change);
            let asked = cancel(&stage.cluster(), &build, DryRun::None).await;
            (asked, annotation(&stage.world(), &namespace, wire::CANCEL).to_owned())
        }
    };
    let (asked, written) = asked_for(|it| it["metadata"]["annotations"][wire::HEARTBEAT] = json!("1")).await;
    assert_eq!((asked.unwrap(), written.as_str()), (true, BY_HAND), "its agent is at work");
    let passed = |it: &mut Value| {
        it["metadata"]["labels"][wire::PHASE] = json!("Recorded");
        it["metadata"]["annotations"][wire::VERDICT] = json!("Passed");
    };
    let (asked, written) = asked_for(passed).await;
    assert!(matches!(asked, Err(Error::Cancel(CancelFault::Over { .. }))), "{asked:?}");
    assert_eq!(written, "");
    let (asked, written) = asked_for(|it| it["metadata"]["uid"] = json!("another")).await;
    assert!(matches!(asked, Err(Error::Cancel(CancelFault::Gone { .. }))), "{asked:?}");
    assert_eq!(written, "", "another namespace of that name is left alone");

    let build = build_of(&stage, &namespace).await;
    for dry_run in [DryRun::Client, DryRun::Server] {
        stage.world().writes.clear();
        assert!(cancel(&stage.cluster(), &build, dry_run).await.unwrap());
        assert!(stage.world().writes.is_empty(), "{dry_run:?}: {:?}", stage.world().writes);
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_build_whose_agent_is_gone_the_newest_listener_does_it() {
    for lost in [false, true] {
        let (stage, namespace, next) = building().await;
        assert!(cancelled(&stage, &namespace).await.unwrap());
        if lost {
            stage.world().objects.remove(&World::listener(&namespace));
        }
        tokio::select! {
            () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
            () = tokio::time::sleep(LONG) => {}
        }
        let world = stage.world();
        assert_eq!(world.phase(&namespace), "Finished");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Cancelled");
        assert_eq!(annotation(&world, &namespace, wire::CAUSE), BY_HAND);
        assert!(world.all("jobs").is_empty());
        assert!(world.get(HEAD)["data"]["slot.1"].is_null());
        assert_eq!(world.phase(&next), "Listening");
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_is_queued_lets_the_next_one_pass_and_takes_no_slot() {
    let (stage, first, second) = building().await;
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| world.phase(&second) == "Queued").await;
    assert!(cancelled(&stage, &second).await.unwrap());
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &second, wire::VERDICT), "Cancelled");
    assert_eq!(world.phase(&first), "Building", "the one before goes on");
    let head = &world.get(HEAD)["data"];
    assert_eq!((&head["slot.1"], &head["slot.2"]), (&json!(first), &Value::Null));
    assert_eq!(world.all("jobs").len(), 1);
    assert_eq!(head["built.2"], format!("build-3@{}", digest('c')));
}

#[tokio::test(start_paused = true)]
async fn what_is_written_on_a_listener_is_about_no_build() {
    let (stage, namespace) = pushed().await;
    let path = format!("/api/v1/namespaces/{namespace}");
    stage.world().change(&path, |it| it["metadata"]["annotations"][wire::CANCEL] = json!("soon"));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    held(&stage.world(), &namespace, "a push is built all the same");
    assert_eq!(annotation(&stage.world(), &namespace, wire::CANCEL), "");
}

#[tokio::test(start_paused = true)]
async fn the_pipeline_that_a_cancelled_build_has_brought_is_the_next_ones_too() {
    let (before, namespace, writes) = endless().await;
    let text = pipeline(&glob()).replace("minio:1", "minio:2");
    // before the dispatch, whose first try fails
    let claims = writes.iter().position(|it| it == "POST /api/v1/namespaces").unwrap();
    let stage = before.copy();
    stage.brings(text.clone());
    stage.world().dies_after = Some(claims);
    run_until(&stage, &namespace, |_| false).await;
    stage.revive();
    assert!(cancelled(&stage, &namespace).await.unwrap());
    stage.world().refusals.push(|request, _| {
        (request == "POST /api/v1/namespaces")
            .then_some("exceeded quota: count, requested: 1, used: 1, limited: 1")
    });
    run_until(&stage, &namespace, |world| world.phase(&namespace) == "Recorded").await;
    stage.world().refusals.pop();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Cancelled");
    assert_eq!(stage.world().get(HEAD)["data"]["pipeline"], text);
}
