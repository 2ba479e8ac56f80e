//! Builds whose agent is gone: a later one ends them, and an agent that comes back in the middle of it does no harm.

use studioci::chain::build::Phase;

use super::*;

/// Longer than an agent must be away before a later one ends its build, and looked at twice.
const LONG: Duration = Duration::from_secs(12 * 60);

const HEAD: &str = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";

fn ns(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

fn deployment(namespace: &str, name: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
}

/// Deletes a listener by hand, and its pods with it.
fn lose_the_listener(world: &mut World, namespace: &str) {
    world.objects.remove(&World::listener(namespace));
    world.objects.retain(|path, _| !path.starts_with(&format!("{}/pods/build-", ns(namespace))));
}

/// What is left of a build that a later agent has ended.
fn ended(world: &World, namespace: &str, what: &str) {
    assert_eq!(world.phase(namespace), "Finished", "{what}");
    assert!(world.get(HEAD)["data"]["slot.1"].is_null(), "{what}");
    assert_eq!(world.get(HISTORY)["data"].as_object().map(serde_json::Map::len), Some(1), "{what}");
    assert!(annotation(world, namespace, wire::WAITING).is_empty(), "{what}");
    assert_eq!(annotation(world, namespace, wire::DISPATCH), "done", "{what}");
    let minio = world.get(&deployment(namespace, "minio"));
    assert!(minio.is_null() || minio["spec"]["replicas"] == 0, "{what}");
    let job = world.get(&format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB));
    match annotation(world, namespace, wire::VERDICT) {
        "Passed" => assert!(!job.is_null(), "{what}"),
        "Errored" => assert!(job.is_null() || job["spec"]["suspend"] == true, "{what}"),
        other => panic!("{what}: {other}"),
    }
    assert_eq!(world.all("namespaces").len(), 3, "{what}: home and two builds");
}

#[tokio::test(start_paused = true)]
async fn a_build_whose_listener_is_deleted_is_ended_by_the_next_one_wherever_it_was() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let all = stage.world().writes.clone();
    let raised = all.iter().position(|it| it.starts_with("POST") && it.ends_with("/deployments")).unwrap();
    let job = all.iter().position(|it| it.ends_with("/jobs")).unwrap();
    for k in raised + 1..=all.len() {
        let what = format!("gone after {k}");
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        lose_the_listener(&mut stage.world(), &namespace);
        let next = stage.world().builds()[&2].clone();
        let jobs = stage.world().all("jobs").len();
        let reached = stage.world().phase(&next) == "Listening";
        let looked = async { tokio::time::sleep(LONG).await };
        tokio::select! {
            () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
            () = looked => {}
        }
        let world = stage.world();
        assert!(!reached && world.phase(&next) == "Listening", "{what}");
        ended(&world, &namespace, &what);
        assert_eq!(world.all("jobs").len(), jobs, "{what}: it makes none");
        let verdict = if k > job { "Passed" } else { "Errored" };
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), verdict, "{what}");
        if verdict == "Errored" {
            let cause = annotation(&world, &namespace, wire::CAUSE);
            assert!(cause.contains("agent was gone"), "{what}: {cause}");
        }
        let bound = format!(
            "/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/rolebindings/studioci-from-{next}"
        );
        let finished_itself = k == all.len() || k + 1 == all.len();
        assert!(finished_itself || !world.get(&bound).is_null(), "{what}: it binds itself first");
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_that_runs_is_waited_for() {
    let (stage, namespace) = pushed().await;
    stage.world().exit = None;
    run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty()).await;
    lose_the_listener(&mut stage.world(), &namespace);
    let next = stage.world().builds()[&2].clone();
    let pod = format!("{}/pods/{}-x", ns(&namespace), wire::JOB);
    let story = async {
        tokio::time::sleep(LONG).await;
        assert_eq!(stage.world().phase(&namespace), "Building");
        assert!(annotation(&stage.world(), &namespace, wire::WAITING).contains("its agent is gone"));
        stage.world().change(&pod, |pod| {
            pod["status"]["phase"] = json!("Failed");
            pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 3 } });
        });
        tokio::time::sleep(Duration::from_secs(60)).await;
    };
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = story => {}
    }
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Failed");
    assert_eq!(world.phase(&namespace), "Finished");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_was_cut_off_and_comes_back_after_its_build_was_ended_does_no_harm() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let all = stage.world().requests.clone();
    let raised = all.iter().rposition(|it| it.starts_with("POST") && it.ends_with("/deployments")).unwrap();
    // cut off after each request, whatever it was about to do with the answer
    for (k, request) in all.iter().enumerate().skip(raised + 1) {
        let what = format!("cut off after {k}, {request}");
        let stage = before.copy();
        let me = identity(&stage, &namespace);
        let path = format!("{}/pods/{}", ns(&namespace), me.role.pod().unwrap());
        let cluster = stage.cluster();
        let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &|_| {});
        let mut agent = Box::pin(agent.run());
        tokio::select! {
            biased;
            () = stage.reaches(|world| world.requests.len() > k) => {}
            ended = &mut agent => panic!("{ended:?}"),
        }
        let next = stage.world().builds()[&2].clone();
        let status = stage.world().get(&path)["status"].clone();
        stage.world().change(&path, |pod| {
            pod["status"]["containerStatuses"][0]["state"] =
                json!({ "waiting": { "reason": "Unreachable" } });
        });
        tokio::select! {
            () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
            () = tokio::time::sleep(LONG) => {}
        }
        stage.world().change(&path, |pod| pod["status"] = status.clone());
        tokio::select! {
            ended = &mut agent => panic!("{ended:?}"),
            () = tokio::time::sleep(LONG) => {}
        }
        let world = stage.world();
        ended(&world, &namespace, &what);
        assert!(asleep(&world, &namespace) && !keyed(&world, &namespace), "{what}");
        assert!(world.all("jobs").len() <= 1, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_queued_gets_the_slot_of_one_whose_namespace_was_deleted() {
    let (stage, first) = pushed().await;
    stage.world().exit = None;
    run_until(&stage, &first, |world| !annotation(world, &first, wire::JOB_UID).is_empty()).await;
    let second = stage.world().builds()[&2].clone();
    run_until(&stage, &second, |world| world.phase(&second) == "Listening").await;
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| world.phase(&second) == "Queued").await;
    stage.world().exit = Some(0);
    let gone = |world: &mut World| {
        world.objects.retain(|path, _| *path != ns(&first) && !path.starts_with(&format!("{}/", ns(&first))));
    };
    let story = async {
        tokio::time::sleep(LONG).await;
        assert_eq!(stage.world().phase(&second), "Queued", "the first one's agent is away, its Job runs");
        let mut copy = stage.world().get(&ns(&first)).clone();
        gone(&mut stage.world());
        // nor does it wait behind what somebody has made in its place
        copy["metadata"]["uid"] = json!("copied");
        copy["metadata"]["labels"][wire::PHASE] = json!("Queued");
        stage.world().objects.insert(ns(&first), copy);
        stage.reaches(|world| asleep(world, &second)).await;
    };
    tokio::select! {
        () = run_until(&stage, &second, |_| false) => unreachable!("it waits for ever"),
        () = story => {}
    }
    let world = stage.world();
    assert_eq!(annotation(&world, &second, wire::VERDICT), "Passed");
    let head = &world.get(HEAD)["data"];
    assert!(head["slot.1"].is_null() && head["slot.2"].is_null(), "{head}");
    let lost = world.get(HISTORY)["data"]["build.00000001"].as_str().unwrap();
    assert!(lost.contains("namespace was deleted before the build had ended"), "{lost}");
    assert!(lost.contains(&first) && lost.contains("build-2@sha256:"), "{lost}");
}

/// A chain whose first build runs on and on, its own namespace and the next one.
pub(super) async fn building() -> (Stage, String, String) {
    let (stage, namespace) = pushed().await;
    stage.world().exit = None;
    run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty()).await;
    let next = stage.world().builds()[&2].clone();
    (stage, namespace, next)
}

#[tokio::test(start_paused = true)]
async fn who_is_at_work_is_left_alone() {
    let (stage, namespace, next) = building().await;
    let before = annotation(&stage.world(), &namespace, wire::HEARTBEAT).to_owned();
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = run_until(&stage, &namespace, |_| false) => unreachable!("its Job runs for ever"),
        () = tokio::time::sleep(LONG) => {}
    }
    let world = stage.world();
    assert_eq!(world.phase(&namespace), "Building");
    assert_eq!(annotation(&world, &namespace, wire::WAITING), "");
    assert!(*annotation(&world, &namespace, wire::HEARTBEAT) > *before);
    assert_eq!(world.phase(&next).parse(), Ok(Phase::Listening));
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_runs_is_no_sign_of_life() {
    let (stage, namespace, next) = building().await;
    let pods = format!("/api/v1/namespaces/{namespace}/pods/");
    let runs = |world: &World| {
        let mut pods = world.objects.iter().filter(|(path, _)| path.starts_with(&pods));
        pods.any(|(_, pod)| pod["status"]["phase"] == "Running")
    };
    assert!(runs(&stage.world()));
    let gone = |world: &World| annotation(world, &namespace, wire::WAITING).contains("its agent is gone");
    run_until(&stage, &next, gone).await;
    assert!(runs(&stage.world()));
}

#[tokio::test(start_paused = true)]
async fn who_builds_looks_after_nobody() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut keel = glob();
    keel[wire::MAX_PARALLEL] = json!("2");
    started(&stage, &keel).await.unwrap();
    stage.world().exit = None;
    for (generation, letter) in [(1, 'b'), (2, 'c'), (3, 'd')] {
        let namespace = stage.world().builds()[&generation].clone();
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        stage.world().push(&namespace, &format!("build-{}", generation + 1), letter);
        let phase = if generation < 3 { "Building" } else { "Detached" };
        run_until(&stage, &namespace, |world| {
            world.phase(&namespace) == phase
                && world.builds().contains_key(&(generation + 1)) == (generation < 3)
        })
        .await;
    }
    let [first, second, third] = [1, 2, 3].map(|generation| stage.world().builds()[&generation].clone());
    let story = async {
        stage.reaches(|world| world.phase(&third) == "Queued").await;
        stage.world().change(HEAD, |head| {
            head["data"].as_object_mut().unwrap().remove("slot.2").unwrap();
        });
        stage.world().change(&ns(&second), |it| it["metadata"]["labels"][wire::PHASE] = json!("Finished"));
        stage.reaches(|world| world.phase(&third) == "Building").await;
        stage.world().requests.clear();
        tokio::time::sleep(LONG).await;
    };
    tokio::select! {
        () = run_until(&stage, &third, |_| false) => unreachable!("it waits for ever"),
        () = story => {}
    }
    let world = stage.world();
    assert!(!world.requests.contains(&format!("GET {}/pods", ns(&first))));
}
