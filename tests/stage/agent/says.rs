//! What an agent says of its build in Events, which holds up nothing.

use std::cell::RefCell;

use studioci::state::narration::Narration;

use super::*;

/// Reasons and types of the Events about a build's Namespace, in the order of their times and names.
fn said(world: &World, namespace: &str) -> Vec<(String, String)> {
    let mut said: Vec<_> = world
        .all("events")
        .into_iter()
        .filter(|it| it["metadata"]["namespace"] == namespace && it["involvedObject"]["kind"] == "Namespace")
        .map(|it| {
            let text = |key: &str| it[key].as_str().unwrap().to_owned();
            (text("firstTimestamp"), text("reason"), text("type"))
        })
        .collect();
    said.sort();
    said.into_iter().map(|(_, reason, kind)| (reason, kind)).collect()
}

const PHASES: [&str; 7] =
    ["Listening", "Triggered", "Detached", "Preparing", "Building", "Recorded", "Finished"];

fn reasons(world: &World, namespace: &str) -> Vec<String> {
    let mut reasons: Vec<String> = said(world, namespace).into_iter().map(|(reason, _)| reason).collect();
    reasons.sort();
    reasons
}

fn wanted(verdict: &str) -> Vec<String> {
    let mut wanted: Vec<String> = PHASES.iter().chain([&verdict]).map(|it| (*it).to_owned()).collect();
    wanted.sort();
    wanted
}

#[tokio::test(start_paused = true)]
async fn each_phase_and_the_verdict_are_said_once_about_the_namespace_and_in_it() {
    let (stage, namespace) = pushed().await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(reasons(&world, &namespace), wanted("Passed"));
    assert!(said(&world, &namespace).iter().all(|(_, kind)| kind == "Normal"));
    let uid = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["uid"];
    for event in world.all("events") {
        let about = &event["involvedObject"];
        assert_eq!((&about["namespace"], &about["uid"]), (&json!(namespace), uid), "{event}");
        assert_eq!(event["source"]["component"], "studioci");
    }
    let next = &world.builds()[&2];
    assert!(reasons(&world, next).is_empty(), "the next build's own agent speaks for it");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_fails_warns() {
    let (stage, namespace) = pushed().await;
    stage.world().exit = Some(2);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(reasons(&world, &namespace), wanted("Failed"));
    let warnings: Vec<_> = said(&world, &namespace).into_iter().filter(|it| it.1 == "Warning").collect();
    assert_eq!(warnings, [("Failed".to_owned(), "Warning".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_between_a_phase_and_its_event_says_it_when_it_comes_back_and_nothing_twice()
{
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let writes = stage.world().writes.len();
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        assert_eq!(reasons(&stage.world(), &namespace), wanted("Passed"), "killed after {k}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_builds_pod_has_reserved_stands_on_its_namespace_and_in_home_when_it_is_recorded() {
    let (stage, namespace) = pushed().await;
    stage.world().exit = None;
    let job_runs = |world: &World| world.phase(&namespace) == "Building" && !world.all("jobs").is_empty();
    run_until(&stage, &namespace, job_runs).await;
    let pod = format!("/api/v1/namespaces/{namespace}/pods/studioci-build-x");
    let now = clock();
    let after = |seconds: i64| (now + seconds.seconds()).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    tokio::time::sleep(Duration::from_secs(100)).await;
    stage.world().change(&pod, |pod| {
        pod["spec"]["containers"][0]["resources"]["requests"] =
            json!({ "cpu": "1500m", "nvidia.com/gpu": "2" });
        let scheduled = json!({ "type": "PodScheduled", "status": "True", "lastTransitionTime": after(10) });
        let run = json!({ "exitCode": 0, "startedAt": after(30), "finishedAt": after(90) });
        pod["status"]["phase"] = json!("Succeeded");
        pod["status"]["conditions"] = json!([scheduled]);
        pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": run });
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let reserved = json!({
        "waiting": { "cpu": 30, "nvidia.com/gpu": 40 },
        "building": { "cpu": 90, "nvidia.com/gpu": 120 },
    });
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(read(annotation(&world, &namespace, wire::RESERVED)), reserved);
    let history = world.get("/api/v1/namespaces/studioci/configmaps/history-app-main");
    let entry = read(history["data"]["build.00000001"].as_str().unwrap());
    assert_eq!(entry["reserved"], reserved);
}

#[tokio::test(start_paused = true)]
async fn events_that_are_refused_hold_no_build_and_are_a_line_of_the_diary_once() {
    let (stage, namespace) = pushed().await;
    stage.world().refusals.push(|request, _| {
        (request.starts_with("POST") && request.ends_with("/events"))
            .then_some("events is forbidden: User \"x\" cannot create resource \"events\"")
    });
    let diary = RefCell::new(Vec::new());
    let write = |line: Narration<'_>| {
        if let Narration::Progress(line) = line {
            diary.borrow_mut().push(line);
        }
    };
    {
        let (me, cluster) = (identity(&stage, &namespace), stage.cluster());
        let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &write);
        tokio::select! {
            ended = Box::pin(agent.run()) => panic!("{ended:?}"),
            () = stage.reaches(|world| asleep(world, &namespace)) => {}
        }
    }
    held(&stage.world(), &namespace, "without events");
    let diary = diary.into_inner();
    let refused: Vec<_> =
        diary.iter().filter(|line| line.contains("an Event about this namespace")).collect();
    assert_eq!(refused.len(), 1, "{diary:?}");
    let asked =
        stage.world().requests.iter().filter(|it| it.starts_with("POST") && it.ends_with("/events")).count();
    assert!(asked <= 5, "{asked}: it gives up");
}
