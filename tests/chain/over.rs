//! `chain_17`: a build that is over holds nothing, also where somebody else has put a container into its pod.

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::World;

/// Puts a proxy that never ends into every pod of a build of this chain, as a service mesh does.
struct Mesh<'a>(&'a World);

impl<'a> Mesh<'a> {
    fn new(world: &'a World) -> Self {
        let mesh = Self(world);
        mesh.remove();
        let proxy = format!(
            "[JSONPatch{{op: 'add', path: '/spec/containers/-', value: Object.spec.containers{{name: 'proxy', image: \
             '{}:build-0001', command: ['sh', '-c', 'echo proxied; sleep infinity']}}}}]",
            world.image()
        );
        let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": { "name": "chain-17" },
            "spec": {
                "failurePolicy": "Fail", "reinvocationPolicy": "Never",
                "matchConstraints": {
                    "namespaceSelector": { "matchLabels": { "studioci.dev/chain": world.chain } },
                    "objectSelector": { "matchLabels": { "studioci.dev/role": "build" } },
                    "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["pods"] }],
                },
                "mutations": [{ "patchType": "JSONPatch", "jsonPatch": { "expression": proxy } }],
            } });
        let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingAdmissionPolicyBinding", "metadata": { "name": "chain-17" },
            "spec": { "policyName": "chain-17" } });
        for object in [policy, binding] {
            let file = world.file("mesh.json", &object.to_string());
            world.kubectl(&["create", "-f", &file]).ok();
        }
        mesh
    }

    /// Whether a pod of a build that is made now gets the proxy.
    fn acts(&self, namespace: &str) -> bool {
        let labels = json!({ "studioci.dev/role": "build" });
        let pod = json!({ "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": "try", "namespace": namespace, "labels": labels },
            "spec": { "containers": [{ "name": "build", "image": "x:1" }] } });
        let pod = self.0.file("try.json", &pod.to_string());
        self.0.kubectl(&["create", "-f", &pod, "--dry-run=server", "-o", "json"]).ok().contains("proxied")
    }

    fn remove(&self) {
        let kinds = "mutatingadmissionpolicybinding,mutatingadmissionpolicy";
        let _ = self.0.kubectl(&["delete", kinds, "chain-17", "--ignore-not-found"]);
    }
}

impl Drop for Mesh<'_> {
    fn drop(&mut self) {
        self.remove();
    }
}

fn pod_of(world: &World, namespace: &str) -> Value {
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]);
    let pods = pods["items"].as_array().unwrap();
    assert_eq!(pods.len(), 1, "{pods:?}");
    pods[0].clone()
}

/// Holds that nothing runs of a build that is over, and that what it has said can be read still.
fn holds_nothing(world: &World, namespace: &str) {
    let pod = world.until("the pod has ended", || {
        let pod = pod_of(world, namespace);
        matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed")).then_some(pod)
    });
    for status in pod["status"]["containerStatuses"].as_array().unwrap() {
        assert!(status["state"]["terminated"].is_object(), "{status}");
    }
    let name = pod["metadata"]["name"].as_str().unwrap();
    assert_eq!(world.kubectl(&["logs", "-n", namespace, name, "-c", "build"]).ok(), "all is said\n");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_17_a_build_that_is_over_holds_nothing_whoever_put_a_container_into_its_pod() {
    let world = World::new("chain-17");
    world.push("build-0001", "1", "exit 0");
    let keys = format!("{GLOB}\n    studioci.dev/injected-deadline: 6s");
    let file = world.file("p.yaml", &world.pipeline("build-0001", &keys));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let mesh = Mesh::new(&world);
    let first = world.namespace(1);
    world.until("the mesh acts", || mesh.acts(&first).then_some(()));

    for (generation, code, verdict) in [(1, 0, "Passed"), (2, 3, "Failed")] {
        let number = generation + 1;
        let script = format!("echo all is said; exit {code}");
        world.push(&format!("build-{number:04}"), &number.to_string(), &script);
        assert_eq!(world.verdict(generation), verdict);
        let namespace = world.namespace(generation);
        let (cause, on) = (
            format!("container build exited with code {code}"),
            "container proxy runs on of pod studioci-build-",
        );
        world.until("what runs on is said", || {
            let why = world.build(generation)?["status"]["why"].as_str()?.to_owned();
            (why.starts_with(&cause) && why.contains(on)).then_some(())
        });
        world.phase(generation, "Finished");
        holds_nothing(&world, &namespace);
        let build = world.build(generation).unwrap();
        assert_eq!(
            (&build["status"]["verdict"], &build["status"]["cause"]),
            (&json!(verdict), &json!(cause))
        );
        let proxy = pod_of(&world, &namespace)["metadata"]["name"].as_str().unwrap().to_owned();
        assert_eq!(world.kubectl(&["logs", "-n", &namespace, &proxy, "-c", "proxy"]).ok(), "proxied\n");
        let history = world.get(&["configmap", "history-chain-17", "-n", "studioci"]);
        let entry = history["data"][format!("build.{generation:08}")].as_str().unwrap();
        assert!(entry.contains(&cause), "{entry}");
        world.phase(generation + 1, "Listening");
    }

    // and a Job that ends by itself stays as it is
    drop(mesh);
    let third = world.namespace(3);
    world.push("build-0004", "4", "echo all is said; exit 0");
    assert_eq!(world.verdict(3), "Passed");
    world.phase(3, "Finished");
    holds_nothing(&world, &third);
    let job = world.until("the Job is complete", || {
        let job = world.get(&["job", "studioci-build", "-n", &third]);
        let complete = |it: &Value| it["type"] == "Complete" && it["status"] == "True";
        job["status"]["conditions"].as_array()?.iter().any(complete).then_some(job)
    });
    assert_ne!(job["spec"]["suspend"], json!(true));
    assert_ne!(pod_of(&world, &third)["spec"]["activeDeadlineSeconds"], json!(1));

    // who disposes of them finds nothing in the way
    let said = world.studioci(&["cleanup", &first, &third, "--wait"]).ok();
    assert_eq!(said, format!("namespace \"{first}\" deleted\nnamespace \"{third}\" deleted\n"));
}
