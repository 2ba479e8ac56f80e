//! A build that is over while its pod is not: a webhook has put an ordinary container into it.

use super::*;

fn pods(namespace: &str) -> String {
    format!("/api/v1/namespaces/{namespace}/pods")
}

fn build_pod(namespace: &str) -> String {
    format!("{}/{}-x", pods(namespace), wire::JOB)
}

/// Lets every build's pod be made with a proxy that goes on.
fn inject(world: &mut World, namespace: &str) {
    let pod = build_pod(namespace);
    world.after_write = Some(Box::new(move |world, write| {
        if write.starts_with("POST") && write.ends_with("/jobs") {
            world.change(&pod, |pod| {
                pod["spec"]["terminationGracePeriodSeconds"] = json!(10);
                pod["spec"]["containers"]
                    .as_array_mut()
                    .unwrap()
                    .push(json!({ "name": "proxy", "image": "p:1" }));
                pod["status"]["phase"] = json!("Running");
                let statuses = pod["status"]["containerStatuses"].as_array_mut().unwrap();
                statuses[0]["state"]["terminated"]["finishedAt"] = json!(clock().to_string());
                statuses.push(json!({ "name": "proxy", "state": { "running": {} } }));
            });
        }
    }));
}

#[tokio::test(start_paused = true)]
async fn what_runs_on_is_ended_after_the_verdict_and_the_pod_stays_with_its_log() {
    for (exit, verdict, patience) in [(0, "Passed", 30), (3, "Failed", 30)] {
        let (stage, namespace) = pushed().await;
        stage.world().exit = Some(exit);
        inject(&mut stage.world(), &namespace);
        let recorded = |world: &World| world.phase(&namespace) == "Recorded";
        run_until(&stage, &namespace, recorded).await;
        let begun = tokio::time::Instant::now();
        assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), verdict);
        let namespaces = format!("/api/v1/namespaces/{namespace}");
        let label = stage.world().get(&namespaces)["metadata"]["labels"][wire::VERDICT].clone();
        assert_eq!(label, verdict, "servers select by it");

        // said while it is waited for, and the next listener is there meanwhile
        run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::WAITING).is_empty()).await;
        {
            let world = stage.world();
            let waiting = annotation(&world, &namespace, wire::WAITING);
            assert!(
                waiting.starts_with("container proxy runs on of pod studioci-build-x until "),
                "{waiting}"
            );
            assert_eq!(world.phase(&namespace), "Recorded");
            assert!(keyed(&world, &world.builds()[&2]));
            assert!(world.get(&build_pod(&namespace))["spec"]["activeDeadlineSeconds"] != json!(1));
        }
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let waited = begun.elapsed().as_secs();
        assert!((patience..patience + 2).contains(&waited), "{verdict}: after {waited} s");
        let world = stage.world();
        assert_eq!(world.get(&build_pod(&namespace))["spec"]["activeDeadlineSeconds"], 1, "{verdict}");
        assert_eq!(annotation(&world, &namespace, wire::WAITING), "");
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), verdict);
        let job = world.get(&format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB));
        assert!(job["spec"]["suspend"].is_null(), "a suspended Job would take the pod with its log");
        let ended: Vec<&String> =
            world.writes.iter().filter(|write| write.contains(&build_pod(&namespace))).collect();
        assert_eq!(ended, [&format!("PATCH {}", build_pod(&namespace))], "{verdict}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_ends_it_all_the_same() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    inject(&mut stage.world(), &namespace);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let writes = stage.world().writes.len();
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        inject(&mut stage.world(), &namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        held(&world, &namespace, &format!("killed after {k}"));
        assert_eq!(world.get(&build_pod(&namespace))["spec"]["activeDeadlineSeconds"], 1, "killed after {k}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_takes_no_deadline_is_deleted() {
    let (stage, namespace) = pushed().await;
    inject(&mut stage.world(), &namespace);
    stage.world().refusals.push(|request, body| {
        (request.starts_with("PATCH") && !body["spec"]["activeDeadlineSeconds"].is_null())
            .then_some("admission webhook \"no.example\" denied the request: pods are as they are")
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert!(world.get(&build_pod(&namespace)).is_null());
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed");
}

#[tokio::test(start_paused = true)]
async fn a_pod_whose_job_was_deleted_without_it_goes_too() {
    let (stage, namespace) = pushed().await;
    stage.world().exit = None;
    let job = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB);
    run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty()).await;
    stage.world().objects.remove(&job);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Cancelled");
    assert!(world.get(&build_pod(&namespace)).is_null());
}

#[tokio::test(start_paused = true)]
async fn a_later_agent_ends_it_for_one_that_is_gone() {
    let (stage, namespace) = pushed().await;
    inject(&mut stage.world(), &namespace);
    run_until(&stage, &namespace, |world| world.phase(&namespace) == "Recorded").await;
    let next = {
        let mut world = stage.world();
        world.objects.remove(&World::listener(&namespace));
        world.objects.retain(|path, _| !path.starts_with(&format!("{}/build-", pods(&namespace))));
        world.builds()[&2].clone()
    };
    let ended = |world: &World| world.phase(&namespace) == "Finished";
    tokio::time::timeout(Duration::from_secs(20 * 60), run_until(&stage, &next, ended)).await.unwrap();
    assert_eq!(stage.world().get(&build_pod(&namespace))["spec"]["activeDeadlineSeconds"], 1);
}
