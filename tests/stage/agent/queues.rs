//! Builds that Kueue admits: their Job waits first, then comes support, then the pod.

use studioci::chain::kueue::QUEUE_NAME;
use studioci::ops::cancel::cancel;
use studioci::state::DryRun;
use studioci::state::build::look;

use super::*;

const WORKLOADS: &str = "/apis/kueue.x-k8s.io/v1beta2/namespaces";

fn job(namespace: &str) -> String {
    format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB)
}

fn support(namespace: &str) -> String {
    format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio")
}

/// A chain whose builds wait in LocalQueue `main`, and a push.
async fn queued() -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    let mut request = request(&glob());
    let text = &mut request.sources.template.text;
    let label = format!(r#""metadata":{{"labels":{{"{QUEUE_NAME}":"main"}},"name":"build""#);
    let found = [r#""metadata":{"name":"build""#, r#""metadata":{"annotations""#];
    let at = found.into_iter().find(|it| text.contains(it)).unwrap();
    let label = if at == found[0] {
        label
    } else {
        format!(r#""metadata":{{"labels":{{"{QUEUE_NAME}":"main"}},"annotations""#)
    };
    *text = text.replacen(at, &label, 1);
    starts(&stage, &request).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    let mut world = stage.world();
    let listener = world.get(&World::listener(&namespace)).to_string();
    assert!(!listener.contains("kueue"), "a listener waits in no queue: {listener}");
    world.push(&namespace, "build-2", 'b');
    world.writes.clear();
    drop(world);
    watches(&stage, &namespace, false);
    (stage, namespace)
}

/// The kubelet sees it when a gate falls. `at_once`: Kueue admits every Job that is made.
fn watches(stage: &Stage, namespace: &str, at_once: bool) {
    let job = job(namespace);
    stage.world().after_write = Some(Box::new(move |world, write| {
        if let Some(pod) = write.strip_prefix("PATCH ").filter(|path| path.contains("/pods/")) {
            world.schedule(pod);
        } else if at_once && write.starts_with("POST") && write.ends_with("/jobs") {
            world.admit(&job);
        }
    }));
}

/// What Kueue says of the Job.
fn says(world: &mut World, namespace: &str, conditions: &Value) {
    let uid = world.get(&job(namespace))["metadata"]["uid"].clone();
    world.keep(
        &format!("{WORKLOADS}/{namespace}/workloads"),
        json!({
            "metadata": { "name": "job-build", "ownerReferences": [{ "kind": "Job", "uid": uid, "controller": true }] },
            "status": { "conditions": conditions },
        }),
    );
}

fn is_waiting(world: &World, namespace: &str, why: &str) -> bool {
    annotation(world, namespace, wire::WAITING).contains(why)
}

#[tokio::test(start_paused = true)]
async fn support_waits_for_kueue_and_the_pod_for_support() {
    let (stage, namespace) = queued().await;
    run_until(&stage, &namespace, |world| is_waiting(world, &namespace, "LocalQueue main")).await;
    {
        let mut world = stage.world();
        assert_eq!(world.phase(&namespace), "Queued");
        assert_eq!(world.get(&job(&namespace))["metadata"]["labels"][QUEUE_NAME], "main");
        assert!(world.get(&support(&namespace)).is_null(), "support waits, too");
        assert_eq!(annotation(&world, &namespace, wire::WAITS_FOR_KUEUE), "not-taken-up main");
        assert_eq!(world.builds().len(), 2, "the next listener does not");
        let why = "insufficient unused quota for nvidia.com/gpu in flavor default";
        says(
            &mut world,
            &namespace,
            &json!([{ "type": "QuotaReserved", "status": "False", "message": why }]),
        );
    }
    run_until(&stage, &namespace, |world| is_waiting(world, &namespace, "insufficient unused quota")).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::WAITS_FOR_KUEUE), "queues main");
    stage.world().admit(&job(&namespace));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::WAITS_FOR_KUEUE), "", "it waits no more");
    held(&world, &namespace, "as any other build");
    let at = |what: &str| world.writes.iter().position(|write| write.contains(what)).unwrap();
    let pod = at(&format!("/pods/{}-x", wire::JOB));
    assert!(at("/jobs") < at("/deployments/minio") && at("/deployments/minio") < pod, "{:?}", world.writes);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_queues_the_job_once() {
    let (before, namespace) = queued().await;
    let whole = before.copy();
    watches(&whole, &namespace, true);
    run_until(&whole, &namespace, |world| asleep(world, &namespace)).await;
    let writes = whole.world().writes.len();
    for k in 0..writes {
        let stage = before.copy();
        watches(&stage, &namespace, true);
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        held(&world, &namespace, &format!("killed after {k} of {writes}"));
        assert_eq!(world.all("jobs").len(), 1, "killed after {k} of {writes}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_kueue_preempts_is_errored_and_cannot_be_resumed() {
    let (stage, namespace) = queued().await;
    stage.world().exit = None;
    run_until(&stage, &namespace, |world| is_waiting(world, &namespace, "LocalQueue main")).await;
    stage.world().admit(&job(&namespace));
    let pod = format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB);
    run_until(&stage, &namespace, |world| world.get(&pod)["status"]["phase"] == "Running").await;
    {
        let mut world = stage.world();
        world.objects.remove(&pod);
        world.change(&job(&namespace), |job| job["spec"]["suspend"] = json!(true));
        says(
            &mut world,
            &namespace,
            &json!([{ "type": "Evicted", "status": "True", "message": "Preempted to accommodate a workload" }]),
        );
    }
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Errored");
    let cause = annotation(&world, &namespace, wire::CAUSE);
    assert!(cause.contains("preempted") && cause.contains("to accommodate a workload"), "{cause}");
    assert!(world.all("jobs").is_empty(), "Kueue would resume it");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_never_admitted_is_errored_after_its_bound_and_one_in_the_queue_can_be_cancelled() {
    let (stage, namespace) = queued().await;
    run_until(&stage, &namespace, |world| is_waiting(world, &namespace, "LocalQueue main")).await;
    let cancelled = stage.copy();
    let build = look(&cancelled.cluster(), &namespace).await.unwrap().unwrap();
    assert!(cancel(&cancelled.cluster(), &build, DryRun::None).await.unwrap());
    run_until(&cancelled, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&cancelled.world(), &namespace, wire::VERDICT), "Cancelled");

    let created = clock() - jiff::SignedDuration::from_hours(25);
    stage.world().change(&job(&namespace), |job| {
        job["metadata"]["creationTimestamp"] = json!(created.to_string());
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Errored");
    for stage in [&cancelled, &stage] {
        let world = stage.world();
        assert!(world.all("jobs").is_empty(), "Kueue would admit it after all");
        assert!(world.get(&support(&namespace)).is_null());
    }
}
