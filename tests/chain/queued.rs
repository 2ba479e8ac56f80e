//! `native_05`, too: builds that wait in a queue of Kueue. Its API is served as CustomResourceDefinitions, and what its
//! controller would write is written by hand.

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::World;

const QUOTA: &str =
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in flavor a100";

/// Its API, as far as it is asked for, and what an administrator adds as `docs/kueue.md` says.
fn kueue(world: &World) {
    let definition = |plural: &str, kind: &str| {
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": format!("{plural}.kueue.x-k8s.io"),
                "annotations": { "api-approved.kubernetes.io": "unapproved, of a test" } },
            "spec": {
                "group": "kueue.x-k8s.io", "scope": "Namespaced",
                "names": { "plural": plural, "singular": kind.to_lowercase(), "kind": kind },
                "versions": [{ "name": "v1beta1", "served": true, "storage": true, "subresources": { "status": {} },
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } } }],
            },
        })
        .to_string()
    };
    for (plural, kind) in [("localqueues", "LocalQueue"), ("workloads", "Workload")] {
        let file = world.file(&format!("{plural}.json"), &definition(plural, kind));
        world.kubectl(&["apply", "-f", &file]).ok();
        world
            .kubectl(&["wait", "--for=condition=Established", "crd", &format!("{plural}.kueue.x-k8s.io")])
            .ok();
    }
    let page = include_str!("../../docs/kueue.md");
    let role = page.split("```yaml\n").find(|block| block.contains("kind: ClusterRole")).unwrap();
    let file = world.file("role.yaml", role.split("```").next().unwrap());
    world.kubectl(&["apply", "-f", &file]).ok();
    world.until("the role has been gathered", || {
        let rules = world.get(&["clusterrole", "studioci-workspace"])["rules"].to_string();
        rules.contains("localqueues").then_some(())
    });
}

fn pipeline(world: &World) -> String {
    let image = world.image();
    let page = include_str!("../../docs/kueue.md");
    let queue = page.split("```yaml\n").find(|block| block.contains("kind: LocalQueue")).unwrap();
    let queue = queue.split("```").next().unwrap();
    let build = world.pipeline("build-0001", GLOB);
    let labelled =
        build.replacen("metadata:\n", "metadata:\n  labels: {kueue.x-k8s.io/queue-name: main}\n", 1);
    assert_ne!(labelled, build, "{build}");
    format!(
        "{labelled}---
{queue}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: db}}
spec:
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: db, image: \"{image}:build-0001\", command: [sleep, infinity]}}]
"
    )
}

/// What Kueue writes of the Job of a build.
fn says(world: &World, namespace: &str, conditions: &Value) {
    let job = world.get(&["job", "studioci-build", "-n", namespace]);
    let workload = json!({
        "apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "Workload",
        "metadata": { "name": "job-build", "namespace": namespace, "ownerReferences": [{ "apiVersion": "batch/v1",
            "kind": "Job", "name": "studioci-build", "uid": job["metadata"]["uid"], "controller": true }] },
        "spec": { "queueName": "main" },
    });
    let file = world.file("workload.json", &workload.to_string());
    world.kubectl(&["apply", "-f", &file]).ok();
    let status = json!({ "status": { "conditions": conditions } }).to_string();
    world
        .kubectl(&[
            "patch",
            "workload",
            "job-build",
            "-n",
            namespace,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ])
        .ok();
}

fn suspend(world: &World, namespace: &str, suspended: bool) {
    let patch = json!({ "spec": { "suspend": suspended } }).to_string();
    world.kubectl(&["patch", "job", "studioci-build", "-n", namespace, "-p", &patch]).ok();
}

fn says_why(world: &World, generation: u64, why: &str) {
    world.until(&format!("status says {why:?}"), || {
        let said = world.build(generation)?["status"]["why"].as_str()?.to_owned();
        said.contains(why).then_some(())
    });
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_a_build_waits_in_kueues_queue_and_its_support_and_its_listener_do_not() {
    let world = World::new("native-05k");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    kueue(&world);
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let push = |generation: u64, script: &str| {
        world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        world.push(&tag, &tag, script);
        world.phase(generation, "Queued");
        world.namespace(generation)
    };

    let first = push(1, "exit 0");
    says_why(
        &world,
        1,
        "Kueue has not admitted the build to LocalQueue main: it has not taken the Job up yet",
    );
    world.phase(2, "Listening");
    let queue = world.get(&["localqueue", "main", "-n", &first]);
    assert_eq!(queue["spec"]["clusterQueue"], "gpus", "its queue is there before it");
    let deployments = world.get(&["deployments", "-n", &first])["items"].to_string();
    assert!(!deployments.contains("\"name\":\"db\""), "support waits: {deployments}");
    assert!(!deployments.contains("kueue"), "the listener is in no queue: {deployments}");
    says(
        &world,
        &first,
        &json!([{ "type": "QuotaReserved", "status": "False", "reason": "Pending",
        "message": QUOTA, "lastTransitionTime": "2026-01-01T00:00:00Z" }]),
    );
    says_why(&world, 1, QUOTA);
    suspend(&world, &first, false);
    assert_eq!(world.verdict(1), "Passed");
    let times = world.build(1).unwrap()["status"]["phaseTimes"].clone();
    let at = |phase: &str| times[phase].as_str().unwrap_or_else(|| panic!("{phase}: {times}")).to_owned();
    assert!(at("Queued") <= at("Preparing") && at("Preparing") <= at("Building"), "{times}");

    // what Kueue takes back does not run again
    let second = push(2, "echo begun; sleep 100000");
    suspend(&world, &second, false);
    world.phase(2, "Building");
    world.until("its pod runs", || {
        let pods = world.get(&["pods", "-n", &second, "-l", "studioci.dev/role=build"]);
        (pods["items"][0]["status"]["phase"] == "Running").then_some(())
    });
    says(
        &world,
        &second,
        &json!([{ "type": "Evicted", "status": "True", "reason": "Preempted",
        "message": "Preempted to accommodate a workload", "lastTransitionTime": "2026-01-01T00:00:00Z" }]),
    );
    suspend(&world, &second, true);
    let build = world.phase(2, "Finished");
    assert_eq!(build["status"]["verdict"], "Errored");
    let cause = build["status"]["cause"].as_str().unwrap();
    assert!(cause.contains("preempted") && cause.contains("to accommodate a workload"), "{cause}");
    assert_eq!(world.get(&["jobs", "-n", &second])["items"], json!([]), "nobody can resume it");

    // one that waits can be cancelled
    let third = push(3, "exit 0");
    world.studioci(&["cancel", &third, "--wait"]).ok();
    world.phase(3, "Finished");
    assert_eq!(world.get(&["jobs", "-n", &third])["items"], json!([]));
    world.kubectl(&["delete", "clusterrole", "studioci-kueue"]).ok();
    for plural in ["localqueues", "workloads"] {
        world.kubectl(&["delete", "crd", &format!("{plural}.kueue.x-k8s.io")]).ok();
    }
}
