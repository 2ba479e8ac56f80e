//! Whatever is waited for longer than two seconds is said: in `status`, in `watch` and in the agent's diary.

use std::cell::RefCell;
use std::ops::ControlFlow;

use super::*;
use studioci::ops::status::{WantedBuilds, status};
use studioci::ops::watch::{Change, Until, Watched, watch};
use studioci::output::narration::sentence;
use studioci::output::status::View;
use studioci::output::watch::{diff, waits};
use studioci::state::narration::Narration;

/// What people are told of builds.
#[derive(Debug)]
pub(super) struct Told {
    /// The WHY of each.
    pub(super) status: Vec<String>,
    /// What `watch` says of each in its first minute.
    pub(super) watch: Vec<Vec<String>>,
}

pub(super) async fn told(stage: &Stage, namespaces: &[&str]) -> Told {
    let cluster = stage.cluster();
    let mut told = Told { status: Vec::new(), watch: Vec::new() };
    for namespace in namespaces {
        let seen =
            Box::pin(status(&cluster, WantedBuilds { name: Some(namespace), ..WantedBuilds::default() }))
                .await
                .unwrap();
        let view = View::new(&seen.builds, &seen.signs, clock());
        told.status.push(view.why(&seen.builds[0]).unwrap_or_default());
        let lines = RefCell::new(Vec::new());
        let mut tell = |change: &Change| {
            let outside = change.outside.iter().map(|why| waits(&change.after, why, clock()));
            let changed = diff(change.before.as_ref(), &change.after, clock());
            lines.borrow_mut().extend(changed.into_iter().chain(outside).map(|line| line.text));
            ControlFlow::Continue(())
        };
        let watched = Watched { name: Some((*namespace).into()), here: None, until: Until::Verdict };
        let mut warn = |sentence: &str| panic!("{sentence}");
        let watching = watch(&cluster, watched, Some(Duration::from_secs(60)), &mut tell, &mut warn);
        assert!(Box::pin(watching).await.is_err(), "{namespace}");
        told.watch.push(lines.into_inner());
    }
    told
}

/// What the agent of a namespace writes into its diary in that time.
pub(super) async fn diary(stage: &Stage, namespace: &str, span: Duration) -> Vec<String> {
    let (me, cluster) = (identity(stage, namespace), stage.cluster());
    let lines = RefCell::new(Vec::new());
    let say = |it: Narration<'_>| lines.borrow_mut().extend(sentence(&it));
    let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &say);
    let ended = tokio::time::timeout(span, Box::pin(agent.run())).await;
    assert!(ended.is_err(), "{ended:?}");
    drop(agent);
    lines.into_inner()
}

/// The status of the CI container in the newest pod.
fn ci_container(world: &mut World, namespace: &str, status: &Value) {
    let pods = format!("/api/v1/namespaces/{namespace}/pods/");
    let path = world.objects.keys().find(|path| path.starts_with(&pods)).unwrap().clone();
    world.change(&path, |pod| {
        for (field, value) in status.as_object().unwrap() {
            pod["status"]["containerStatuses"][0][field] = value.clone();
        }
    });
}

/// Runs the agent until it says what it waits for, which is soon; says that people are told the same.
async fn is_said(stage: &Stage, namespace: &str, why: &str) {
    let begun = tokio::time::Instant::now();
    let lines = diary(stage, namespace, Duration::from_millis(1900)).await;
    assert_eq!(annotation(&stage.world(), namespace, wire::WAITING), "", "not before it takes long");
    assert!(!lines.iter().any(|line| line.starts_with("waiting: ")), "{lines:?}");
    let lines = diary(stage, namespace, Duration::from_secs(5)).await;
    assert!(begun.elapsed() < Duration::from_secs(8));
    assert!(lines.contains(&format!("waiting: {why}")), "{lines:?}");
    let told = told(stage, &[namespace]).await;
    assert_eq!(told.status, [why]);
    assert!(told.watch[0].contains(&format!("waiting: {why}")), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_pushed_image_that_takes_long_to_come_up_is_said_to_be_waited_for() {
    let (stage, namespace) = pushed().await;
    let creating = json!({ "imageID": "", "containerID": "", "state": { "waiting": { "reason": "ContainerCreating" } } });
    ci_container(&mut stage.world(), &namespace, &creating);
    is_said(
        &stage,
        &namespace,
        &format!("container build waits: ContainerCreating (image {REPOSITORY}:build-2)"),
    )
    .await;
    stage.world().roll(&namespace);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::WAITING), "");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_tells_nothing_for_some_time_is_said_to_be_waited_for() {
    let (stage, namespace) = pushed().await;
    let tells = stage.tells.lock().unwrap().take();
    is_said(&stage, &namespace, "container build runs and tells nothing of its image").await;
    *stage.tells.lock().unwrap() = tells;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Passed");
}

#[tokio::test(start_paused = true)]
async fn a_job_without_a_pod_says_who_makes_it() {
    for (suspend, why) in [
        (false, "the build's pod is not there yet, which kube-controller-manager makes"),
        (true, "somebody has suspended the build's Job"),
    ] {
        let (stage, namespace) = pushed().await;
        let job = format!("/apis/batch/v1/namespaces/{namespace}/jobs/{}", wire::JOB);
        let late = job.clone();
        stage.world().after_write = Some(Box::new(move |world, write| {
            if write.starts_with("POST") && write.ends_with("/jobs") {
                world.objects.retain(|path, _| !path.ends_with(&format!("/pods/{}-x", wire::JOB)));
                world.change(&late, |job| {
                    job["metadata"]["creationTimestamp"] = json!(clock().to_string());
                    job["spec"]["suspend"] = json!(suspend);
                });
            }
        }));
        run_until(&stage, &namespace, |world| !annotation(world, &namespace, wire::JOB_UID).is_empty()).await;
        is_said(&stage, &namespace, why).await;
        stage.world().objects.remove(&job);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Cancelled");
    }
}
