//! What a build makes in its own namespace and labels like ours: nobody takes it for ours.

use super::adopt::building;
use super::*;

/// Longer than an agent must be away before a later one ends its build, and looked at twice.
const LONG: Duration = Duration::from_secs(12 * 60);

/// The build's pod as it is, under another name, ended with this exit code, and changed.
fn copy_of_the_pod(world: &mut World, namespace: &str, code: i32, change: impl FnOnce(&mut Value)) {
    let pods = format!("/api/v1/namespaces/{namespace}/pods");
    let mut pod = world.get(&format!("{pods}/{}-x", wire::JOB)).clone();
    pod["metadata"]["name"] = json!("a");
    pod["status"]["phase"] = json!("Succeeded");
    pod["status"]["containerStatuses"][0]["state"] =
        json!({ "terminated": { "exitCode": code, "reason": "Completed" } });
    change(&mut pod);
    world.keep(&pods, pod);
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_the_job_has_not_made_is_no_verdict() {
    let labels: [fn(&mut Value); 2] = [
        // every label of the Job's pods, the uid's too
        |pod| drop(pod["metadata"].as_object_mut().unwrap().remove("ownerReferences")),
        // a Job of the build's own
        |pod| pod["metadata"]["ownerReferences"][0]["uid"] = json!("another"),
    ];
    for (number, change) in labels.into_iter().enumerate() {
        let (stage, namespace, _) = building().await;
        copy_of_the_pod(&mut stage.world(), &namespace, 0, change);
        let story = async {
            tokio::time::sleep(LONG).await;
            assert_eq!(stage.world().phase(&namespace), "Building", "{number}");
            let own = format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB);
            stage.world().change(&own, |pod| {
                pod["status"]["phase"] = json!("Failed");
                pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 3 } });
            });
            stage.reaches(|world| !annotation(world, &namespace, wire::VERDICT).is_empty()).await;
        };
        tokio::select! {
            () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
            () = story => {}
            () = tokio::time::sleep(4 * LONG) => panic!("no verdict: {number}"),
        }
        assert_eq!(annotation(&stage.world(), &namespace, wire::VERDICT), "Failed", "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_ends_a_build_for_its_agent_takes_a_decoy_of_its_listener_for_what_the_build_has_made() {
    let (stage, namespace, next) = building().await;
    let decoy = stage.world().label_as_listener(&namespace);
    stage.world().exit = Some(0);
    let story = async {
        stage
            .reaches(|world| annotation(world, &namespace, wire::WAITING).contains("its agent is gone"))
            .await;
        let own = format!("/api/v1/namespaces/{namespace}/pods/{}-x", wire::JOB);
        stage.world().change(&own, |pod| {
            pod["status"]["phase"] = json!("Succeeded");
            pod["status"]["containerStatuses"][0]["state"] = json!({ "terminated": { "exitCode": 0 } });
        });
        stage.reaches(|world| asleep(world, &namespace)).await;
    };
    tokio::select! {
        () = run_until(&stage, &next, |_| false) => unreachable!("it waits for ever"),
        () = story => {}
        () = tokio::time::sleep(4 * LONG) => panic!("nobody has ended it"),
    }
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Passed");
    assert_eq!(world.get(&decoy)["spec"]["replicas"], 0);
    let keel = &world.get(&decoy)["metadata"]["annotations"]["keel.sh/policy"];
    assert_eq!(*keel, "all", "nobody has detached it");
}
