//! A listener that does not come up says why from its first second, and what can never come up is refused before there is
//! one.

use std::cell::RefCell;

use studioci::output::narration::sentence;
use studioci::state::error::Error;
use studioci::state::narration::Narration;

use super::*;

/// Starts a chain whose listener is not brought up by anybody; what was said, and how it ended.
async fn said(stage: &Stage) -> (Vec<String>, studioci::state::error::Result<StartOutcome>) {
    let lines = RefCell::new(Vec::new());
    let say = |it: Narration<'_>| lines.borrow_mut().extend(sentence(&it));
    let outcome = Box::pin(start(&stage.cluster(), &request(&glob()), &say)).await;
    (lines.into_inner(), outcome)
}

/// Lets the Deployment controller refuse the listener's pod with these words.
fn refuse(stage: &Stage, why: &'static str) {
    stage.world().after_write = Some(Box::new(move |world, write| {
        if write.starts_with("POST") && write.ends_with("/deployments") {
            let namespace = world.builds()[&1].clone();
            world
                .objects
                .retain(|path, _| !path.starts_with(&format!("/api/v1/namespaces/{namespace}/pods/")));
            world.change(&World::listener(&namespace), |live| {
                live["status"] = json!({ "conditions": [{
                    "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": why,
                }] });
            });
        }
    }));
}

#[tokio::test(start_paused = true)]
async fn the_controllers_refusal_is_said_at_once_and_in_the_end_with_its_remedy() {
    let stage = Stage::new(&[("build-1", 'a')]);
    refuse(&stage, "pods \"build-x\" is forbidden: exceeded quota: tight, requested: pods=1");
    let (lines, outcome) = said(&stage).await;
    let namespace = stage.world().builds()[&1].clone();
    let why = "the API server refuses the pod of deployment.apps/build: pods \"build-x\" is forbidden: exceeded quota: \
               tight, requested: pods=1";
    let remedy = format!(
        "raise it, or free something: kubectl edit resourcequota -n {namespace} tight; the listener comes up by itself then"
    );
    assert_eq!(lines.last().unwrap(), &format!("the listener waits: {why} ({remedy})"));
    let (what, told) = with_remedy(&outcome.unwrap_err());
    assert_eq!(what, format!("the listener in {namespace} does not listen after 60 s: {why}"));
    assert_eq!(told, remedy);
}

#[tokio::test(start_paused = true)]
async fn how_far_it_is_is_said_where_it_takes_long() {
    let stage = Stage::new(&[("build-1", 'a')]);
    stage.world().after_write = Some(Box::new(|world, write| {
        if write.starts_with("POST") && write.ends_with("/deployments") {
            let namespace = world.builds()[&1].clone();
            let pods = format!("/api/v1/namespaces/{namespace}/pods");
            let pod = world.objects.keys().find(|path| path.starts_with(&pods)).unwrap().clone();
            world.change(&pod, |pod| {
                pod["status"] = json!({ "phase": "Pending", "containerStatuses": [{
                    "name": "build", "state": { "waiting": { "reason": "ContainerCreating" } },
                }] });
            });
            let (name, uid) =
                (world.get(&pod)["metadata"]["name"].clone(), world.get(&pod)["metadata"]["uid"].clone());
            let event = json!({ "metadata": { "name": "event-1" }, "type": "Warning", "reason": "FailedMount",
                "message": "MountVolume.SetUp failed", "involvedObject": { "kind": "Pod", "name": name, "uid": uid } });
            world.objects.insert(format!("/api/v1/namespaces/{namespace}/events/event-1"), event);
        }
    }));
    let (lines, outcome) = said(&stage).await;
    let pod = stage.world().all("pods")[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let standing = format!(
        "pod {pod} comes up: container build waits: ContainerCreating; last warning, of Pod {pod}: FailedMount: \
         MountVolume.SetUp failed"
    );
    assert_eq!(lines.last().unwrap(), &format!("the listener waits: {standing}"));
    let (what, remedy) = with_remedy(&outcome.unwrap_err());
    assert!(what.ends_with(&standing), "{what}");
    assert!(remedy.contains("kubectl studioci watch app-main"), "{remedy}");
}

#[tokio::test(start_paused = true)]
async fn pod_security_that_refuses_the_listener_is_told_in_start_status_and_watch() {
    let stage = Stage::new(&[("build-1", 'a')]);
    refuse(
        &stage,
        "pods \"build-x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
    );
    let (lines, outcome) = said(&stage).await;
    let why = "the API server refuses the pod of deployment.apps/build: pods \"build-x\" is forbidden: violates \
               PodSecurity \"restricted:latest\": runAsNonRoot != true";
    let remedy = "annotate the build workload with studioci.dev/listener-security: '{runAsUser: 1000}', or give kubectl \
                  studioci start a --pod-security that admits it";
    let both = format!("{why} ({remedy})");
    assert_eq!(lines.last().unwrap(), &format!("the listener waits: {both}"));
    assert_eq!(with_remedy(&outcome.unwrap_err()).1, remedy);
    let namespace = stage.world().builds()[&1].clone();
    let told = waits::told(&stage, &[&namespace]).await;
    assert_eq!(told.status, [both.as_str()]);
    assert!(told.watch[0].contains(&format!("waiting: {both}")), "{told:?}");
}

/// Pod Security that lets in only what is not of this container.
fn no_pod_of(request: &str, body: &Value, agents: bool) -> Option<&'static str> {
    let of_agent = body["spec"]["initContainers"][0]["name"] == "studioci-install";
    (request.starts_with("POST") && request.ends_with("/pods") && of_agent == agents)
        .then_some("pods \"studioci-dry-run\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true")
}

#[tokio::test(start_paused = true)]
async fn what_pod_security_never_admits_is_refused_before_there_is_a_listener() {
    for (refuses, whose) in [
        ((|request, body| no_pod_of(request, body, false)) as fn(&str, &Value) -> _, "the build's pod"),
        (|request, body| no_pod_of(request, body, true), "the listener's pod"),
    ] {
        let stage = Stage::new(&[("build-1", 'a')]);
        let count = stage.world().objects.len();
        stage.world().refusals.push(refuses);
        let (lines, outcome) = said(&stage).await;
        let error = outcome.unwrap_err();
        assert!(matches!(error, Error::RefusedByPodSecurity { .. }), "{error}");
        let (what, remedy) = with_remedy(&error);
        let refused = format!(
            "the API server refuses what the pipeline asks for: {whose}: pods \"studioci-dry-run\" is"
        );
        assert!(what.starts_with(&refused), "{what}");
        assert!(remedy.contains("studioci.dev/listener-security"), "{remedy}");
        assert_eq!(lines.last().map(String::as_str), Some("what was created is removed again"));
        let world = stage.world();
        assert_eq!(world.objects.len(), count, "{:?}", world.objects.keys());
        assert!(!world.writes.iter().any(|write| write.ends_with("/deployments")), "{:?}", world.writes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_push_whose_pod_is_never_admitted_is_errored_at_once() {
    let (stage, namespace) = pushed().await;
    stage.world().refusals.push(|request, body| no_pod_of(request, body, false));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let cause = annotation(&world, &namespace, wire::CAUSE);
    assert!(cause.contains("the API server refuses the build's pod: "), "{cause}");
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Errored");
    assert!(keyed(&world, &world.builds()[&2]), "the chain goes on");
}

/// The fresh namespace's default ServiceAccount does not come.
fn withhold_account(world: &mut World, write: &str) {
    if write == "POST /api/v1/namespaces" {
        let mut namespaces: Vec<String> = world.builds().into_values().collect();
        namespaces.retain(|namespace| world.phase(namespace) == "Claimed");
        for namespace in namespaces {
            world.objects.remove(&format!("/api/v1/namespaces/{namespace}/serviceaccounts/default"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_is_not_usable_yet_is_said_to_be_waited_for() {
    let stage = Stage::new(&[("build-1", 'a')]);
    stage.world().after_write = Some(Box::new(withhold_account));
    let (lines, outcome) = said(&stage).await;
    let namespace = stage.world().builds()[&1].clone();
    let account = "default ServiceAccount";
    assert_eq!(
        lines.last().unwrap(),
        &format!("namespace {namespace} waits for its {account}, which kube-controller-manager makes")
    );
    let (what, _) = with_remedy(&outcome.unwrap_err());
    assert!(what.contains("no default ServiceAccount after 60 s"), "{what}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_writes_down_that_it_waits_for_it_and_builds_meanwhile() {
    let (stage, namespace) = pushed().await;
    stage.world().exit = None;
    stage.world().after_write = Some(Box::new(withhold_account));
    let begun = tokio::time::Instant::now();
    run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::DISPATCH_ERROR).is_empty())
        .await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let next = stage.world().builds()[&2].clone();
    let why = format!(
        "namespace {next} has no default ServiceAccount after 2 s, which kube-controller-manager makes"
    );
    assert_eq!(annotation(&stage.world(), &namespace, wire::DISPATCH_ERROR), why);
    let told = waits::told(&stage, &[&namespace, &next]).await;
    assert_eq!(told.status[0], format!("chain is broken, no next listener: {why}"));
    assert_eq!(told.status[1], format!("waiting for its listener: {why}"));
    let watched = format!("no next listener yet, will be tried again: {why}");
    assert!(told.watch[0].contains(&watched), "{told:?}");
    assert!(told.watch[1].contains(&format!("waiting: {why}")), "{told:?}");
    let diary = waits::diary(&stage, &namespace, Duration::from_secs(4)).await;
    assert!(diary.iter().any(|line| line.contains(&why)), "{diary:?}");
    run_until(&stage, &namespace, |world| world.phase(&namespace) == "Building").await;
    {
        let mut world = stage.world();
        world.after_write = None;
        let account = json!({ "metadata": { "name": "default" } });
        world.objects.insert(format!("/api/v1/namespaces/{next}/serviceaccounts/default"), account);
    }
    run_until(&stage, &namespace, |world| annotation(world, &namespace, wire::DISPATCH) == "done").await;
    assert!(keyed(&stage.world(), &next));
}
