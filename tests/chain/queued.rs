//! `native_05`, too: builds that wait in a queue of Kueue, the real one.

use serde_json::json;

use crate::kueue::{Kueue, OTHERS};
use crate::start::GLOB;
use crate::world::World;

/// What a ClusterQueue without room says.
const FULL: &str = "insufficient unused quota for cpu";
/// Room for one build, which makes room for what is worth more.
const QUEUES: &str = "
apiVersion: v1
kind: Namespace
metadata: {name: native-05k-others}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: cores}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: gpus}
spec:
  namespaceSelector: {}
  preemption: {withinClusterQueue: LowerPriority}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: cores, resources: [{name: cpu, nominalQuota: 100m}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: WorkloadPriorityClass
metadata: {name: ci}
value: 100
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: WorkloadPriorityClass
metadata: {name: urgent}
value: 1000
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: main, namespace: native-05k-others}
spec: {clusterQueue: gpus}
";

/// The YAML block of docs/kueue.md that holds this.
fn of_page(kind: &str) -> &'static str {
    let page = include_str!("../../docs/kueue.md");
    let block = page.split("```yaml\n").find(|block| block.contains(&format!("kind: {kind}\n"))).unwrap();
    block.split("```").next().unwrap()
}

/// What an administrator adds, as the page says.
fn administer(world: &World) {
    let file = world.file("role.yaml", of_page("ClusterRole"));
    world.kubectl(&["apply", "-f", &file]).ok();
    world.until("the role has been gathered", || {
        let rules = world.get(&["clusterrole", "studioci-workspace"])["rules"].to_string();
        rules.contains("localqueues").then_some(())
    });
}

/// The pipeline of the page: a build that queues, its own LocalQueue, and support.
fn pipeline(world: &World) -> String {
    let (queue, build) = (of_page("LocalQueue"), world.pipeline("build-0001", GLOB));
    let keys = "kueue.x-k8s.io/queue-name: main, kueue.x-k8s.io/priority-class: ci";
    let labelled = build.replacen("metadata:\n", &format!("metadata:\n  labels: {{{keys}}}\n"), 1);
    assert_ne!(labelled, build, "{build}");
    let command = "        command: [sh, /ci/build.sh]\n";
    let asking =
        labelled.replace(command, &format!("{command}        resources: {{requests: {{cpu: 100m}}}}\n"));
    assert_ne!(asking, labelled, "{build}");
    format!("{asking}---\n{queue}{}", world.support())
}

/// A Job of somebody else that takes all the room that there is.
fn fill(world: &World, class: &str) {
    let image = world.image();
    let job = format!(
        "apiVersion: batch/v1
kind: Job
metadata:
  name: other
  namespace: native-05k-others
  labels: {{kueue.x-k8s.io/queue-name: main, kueue.x-k8s.io/priority-class: {class}}}
spec:
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - {{name: other, image: \"{image}:build-0001\", command: [sleep, infinity], resources: {{requests: {{cpu: 100m}}}}}}
"
    );
    let file = world.file("other.yaml", &job);
    world.kubectl(&["apply", "-f", &file]).ok();
    world.until("the other Job is admitted", || {
        (world.get(&["job", "other", "-n", OTHERS])["spec"]["suspend"] == false).then_some(())
    });
}

fn make_room(world: &World) {
    world.kubectl(&["delete", "job", "other", "-n", OTHERS]).ok();
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
    let kueue = Kueue::install(&world);
    administer(&world);
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let push = |generation: u64, script: &str| {
        world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        world.push(&tag, &tag, script);
        world.phase(generation, "Queued");
        world.namespace(generation)
    };

    // its controller is away
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
    kueue.start();
    let queues = world.file("queues.yaml", QUEUES);
    world.until("it takes queues", || (world.kubectl(&["apply", "-f", &queues]).code == 0).then_some(()));
    assert_eq!(world.verdict(1), "Passed");
    let times = world.build(1).unwrap()["status"]["phaseTimes"].clone();
    let at = |phase: &str| times[phase].as_str().unwrap_or_else(|| panic!("{phase}: {times}")).to_owned();
    assert!(at("Queued") <= at("Preparing") && at("Preparing") <= at("Building"), "{times}");

    fill(&world, "ci");
    let second = push(2, "echo begun; sleep 100000");
    says_why(&world, 2, FULL);
    make_room(&world);
    world.phase(2, "Building");
    world.until("its pod runs", || {
        let pods = world.get(&["pods", "-n", &second, "-l", "studioci.dev/role=build"]);
        (pods["items"][0]["status"]["phase"] == "Running").then_some(())
    });
    // what Kueue takes back does not run again, and holds no room that others have been given
    fill(&world, "urgent");
    let build = world.phase(2, "Finished");
    assert_eq!(build["status"]["verdict"], "Errored");
    let cause = build["status"]["cause"].as_str().unwrap();
    assert!(
        cause.starts_with("the build was preempted") && cause.contains("to accommodate a workload"),
        "{cause}"
    );
    assert_eq!(world.get(&["jobs", "-n", &second])["items"], json!([]), "nobody can resume it");

    // one that waits can be cancelled
    let third = push(3, "exit 0");
    says_why(&world, 3, FULL);
    world.studioci(&["cancel", &third, "--wait"]).ok();
    world.phase(3, "Finished");
    assert_eq!(world.get(&["jobs", "-n", &third])["items"], json!([]));

    make_room(&world);
    push(4, "exit 0");
    assert_eq!(world.verdict(4), "Passed", "nothing of those before holds its room");
    world.kubectl(&["delete", "clusterrole", "studioci-kueue"]).ok();
}
