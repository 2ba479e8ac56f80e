//! `chain_13`: what a chain waits for is said wherever somebody looks.

use serde_json::json;

use crate::start::GLOB;
use crate::world::{AGENT, World, gated};

/// Policy and binding.
const NAME: &str = "chain-13s";

/// Keeps fresh namespaces without their default ServiceAccount, as a controller manager does that is busy; ends with it.
struct Withheld<'a>(&'a World);

impl<'a> Withheld<'a> {
    fn begin(world: &'a World, namespace: &str) -> Self {
        let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
            "metadata": { "name": NAME },
            "spec": {
                "failurePolicy": "Fail",
                "matchConstraints": {
                    "namespaceSelector": { "matchLabels": { "studioci.dev/chain": world.chain } },
                    "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                        "resources": ["serviceaccounts"] }],
                },
                "validations": [{ "expression": "object.metadata.name != 'default'", "message": "not yet" }],
            } });
        let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": NAME },
            "spec": { "policyName": NAME, "validationActions": ["Deny"] } });
        let withheld = Self(world);
        for object in [policy, binding] {
            let file = world.file("policy.json", &object.to_string());
            world.kubectl(&["create", "-f", &file]).ok();
        }
        world.until("the policy acts", || {
            let canary = ["create", "serviceaccount", "default", "-n", namespace, "--dry-run=server"];
            world.kubectl(&canary).err.contains("not yet").then_some(())
        });
        withheld
    }
}

impl Drop for Withheld<'_> {
    fn drop(&mut self) {
        let kinds = "validatingadmissionpolicybinding,validatingadmissionpolicy";
        let _ = self.0.kubectl(&["delete", kinds, NAME, "--ignore-not-found"]);
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_13_a_service_account_that_comes_late_is_said_to_be_waited_for() {
    let world = World::new("chain-13s");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    let watching = world.studioci_aside(&["watch", &first]);
    let withheld = Withheld::begin(&world, &first);
    world.push("build-0002", "2", &gated("on", 0));

    let late = "has no default ServiceAccount after 2 s, which kube-controller-manager makes";
    let why = |generation: u64, begins: &str| {
        world.until(&format!("generation {generation} says what it waits for"), || {
            let why = world.build(generation)?["status"]["why"].as_str()?.to_owned();
            (why.starts_with(begins) && why.contains(late)).then_some(())
        });
    };
    why(1, "chain is broken, no next listener: namespace ");
    why(2, "waiting for its listener: namespace ");
    let next = world.namespace(2);
    let said = world.studioci(&["watch", &next, "--timeout", "10s"]);
    let waits = format!("  waiting: namespace {next} {late}");
    assert!(said.code == 4 && said.out.contains(&waits), "{said:?}");
    let diary = world.kubectl(&["logs", "-n", &first, "deployment/build", "-c", AGENT]).ok();
    let noted = format!("the next listener cannot be dispatched: namespace {next} {late}");
    assert!(diary.contains(&noted), "{diary}");
    // its build does not wait
    world.phase(1, "Building");
    drop(withheld);

    world.phase(2, "Listening");
    world.until("nothing is waited for any more", || {
        let status = world.build(1)?["status"].clone();
        (status["dispatch"] == "done" && status["why"].is_null()).then_some(())
    });
    world.open("on");
    assert_eq!(world.verdict(1), "Passed");
    let watched = watching.wait().ok();
    assert!(
        watched.contains(&format!("no next listener yet, will be tried again: namespace {next} {late}")),
        "{watched}"
    );
}
