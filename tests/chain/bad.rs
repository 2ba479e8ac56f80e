//! `chain_06`: what a bad push, a bad pipeline, a bad cluster and a person without rights get.

use serde_json::Value;

use crate::start::GLOB;
use crate::world::World;

/// Where the CI image of the proofs holds its pipeline: it works in `/ci`.
pub(crate) const PUSHED: &str = "ci/.studioci/pipeline.yaml";

/// A push that cannot be used.
struct Bad {
    what: &'static str,
    file: &'static str,
    text: String,
    /// What its cause must say.
    says: &'static [&'static str],
}

fn bad_pushes(world: &World) -> Vec<Bad> {
    let good = world.pipeline("build-0001", GLOB);
    let other = |from: &str, to: &str| {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        text
    };
    let bad = |what, text, says| Bad { what, file: PUSHED, text, says };
    vec![
        bad(
            "a YAML fault",
            format!("{good}  broken: [1\n"),
            &["pipeline of build-0002, line 23: ", "this is not YAML", "'['"],
        ),
        bad(
            "an undefined variable",
            other("glob:build-*", "{{ Polcy }}"),
            &["pipeline of build-0003, line 6: `Polcy` is not defined"],
        ),
        bad("policy never", other("glob:build-*", "never"), &["no build workload", "Deployment/build"]),
        bad(
            "the build workload renamed",
            other("metadata:\n  name: build", "metadata:\n  name: renamed"),
            &["the build workload is now renamed; the chain was started with build"],
        ),
        bad("another image repository", other("/app:", "/other:"), &["the image is now", "/other"]),
        bad(
            "a policy that cannot move",
            other("glob:build-*", "minor"),
            &["the policy `minor` cannot move from the tag `build-"],
        ),
        bad(
            "a user that the server refuses, which the next listener does not run as",
            other("      containers:", "      securityContext: {runAsUser: -5}\n      containers:"),
            &["the API server refuses the build's Job: ", "runAsUser: Invalid value: -5"],
        ),
        bad(
            "a build that the server refuses",
            other("{app: build}", "{app: \"no label\"}"),
            &["the API server refuses the build's Job: ", "Invalid value: \"no label\""],
        ),
        Bad {
            what: "a directory in the pipeline's place",
            file: "ci/.studioci/pipeline.yaml/file",
            text: String::new(),
            says: &[".studioci/pipeline.yaml is a directory, not a regular file"],
        },
        bad(
            "more than home holds",
            format!("{good}# {}\n", "x".repeat(1_100_000)),
            &[".studioci/pipeline.yaml has 1100", "more than 262144"],
        ),
    ]
}

/// The name of an admission policy of this proof.
const REFUSES: &str = "proof-refuses-in-earnest";

/// From now on the server refuses Deployments that are polled every three seconds, but not as a dry-run.
fn refuse_in_earnest(world: &World) {
    let policy = format!(
        "apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {REFUSES}}}
spec:
  matchConstraints:
    resourceRules:
    - {{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}}
  validations:
  - expression: >-
      (has(request.dryRun) && request.dryRun)
      || object.metadata.?annotations['keel.sh/pollSchedule'].orValue('') != '@every 3s'
    message: not every three seconds
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {REFUSES}}}
spec: {{policyName: {REFUSES}, validationActions: [Deny]}}
"
    );
    world.kubectl(&["apply", "-f", &world.file("policy.yaml", &policy)]).ok();
    let probe = world.pipeline("none", &GLOB.replace("@every 1s", "@every 3s"));
    let probe =
        world.file("probe.yaml", &probe.replace("spec:\n  selector", "spec:\n  replicas: 0\n  selector"));
    world.until("the policy acts", || {
        if world.kubectl(&["create", "-f", &probe]).code != 0 {
            return Some(());
        }
        world.kubectl(&["delete", "-f", &probe]).ok();
        None
    });
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_a_bad_push_does_not_kill_the_chain() {
    let world = World::new("chain-06");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let bad = bad_pushes(&world);
    let mut generation = 1;
    for bad in &bad {
        let next = world.phase(generation, "Listening");
        if generation > 1 {
            let before = format!("build-{generation:04}@");
            assert!(next["spec"]["baseline"].as_str().unwrap().starts_with(&before), "{next}");
        }
        let tag = format!("build-{:04}", generation + 1);
        world.push_with(&tag, &tag, "exit 0", &[(bad.file, &bad.text)], &[]);
        generation += 1;
    }
    let last = world.phase(generation, "Listening");
    let listener = world.get(&["deployment", "build", "-n", last["metadata"]["name"].as_str().unwrap()]);
    assert_eq!(listener["metadata"]["annotations"]["keel.sh/policy"], "glob:build-*");
    for generation in 1..generation {
        world.verdict(generation);
    }
    let history = world.get(&["configmap", "history-chain-06", "-n", "studioci"]);
    for (build, bad) in world.builds().iter().zip(&bad) {
        let status = &build["status"];
        let cause = status["cause"].as_str().unwrap();
        assert_eq!(status["verdict"], "Errored", "{}", bad.what);
        assert!(cause.starts_with("the pushed pipeline cannot be used: "), "{}: {cause}", bad.what);
        for says in bad.says {
            assert!(cause.contains(says), "{}: {cause}", bad.what);
        }
        assert_eq!(status["why"], cause, "{}", bad.what);
        let key = format!("build.{:08}", build["spec"]["generation"].as_u64().unwrap());
        let entry: Value = serde_json::from_str(history["data"][key].as_str().unwrap()).unwrap();
        assert_eq!((&entry["verdict"], &entry["cause"]), (&status["verdict"], &status["cause"]));
        let jobs = world.get(&["jobs", "-n", build["metadata"]["name"].as_str().unwrap()]);
        assert_eq!(jobs["items"].as_array().unwrap().len(), 0, "{}", bad.what);
    }

    // a listener that the server takes as a dry-run and refuses in earnest
    refuse_in_earnest(&world);
    let other = world.pipeline("build-0001", GLOB).replace("@every 1s", "@every 3s");
    world.push_with("build-0050", "earnest", "exit 0", &[(PUSHED, &other)], &[]);
    assert_eq!(world.verdict(generation), "Errored");
    let build = world.build(generation).unwrap();
    let cause = build["status"]["cause"].as_str().unwrap();
    let begin = "the pushed pipeline cannot be used: the API server refuses the next listener: ";
    assert!(cause.starts_with(begin) && cause.contains("not every three seconds"), "{cause}");
    generation += 1;
    world.phase(generation, "Listening");
    world.kubectl(&["delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", REFUSES]).ok();

    // a quota of the waiting namespace says nothing about the next one
    let name = world.namespace(generation);
    world.kubectl(&["create", "quota", "one", "--hard=count/deployments.apps=1", "-n", &name]).ok();
    world.push("build-0100", "good", "exit 0");
    assert_eq!(world.verdict(generation), "Passed");

    // a good pipeline is used from its push on, also by pushes that bring none, and a bad one does not replace it
    let changed = world.pipeline("build-0001", GLOB).replace(
        "        volumeMounts",
        "        env: [{name: CHANGED, value: \"{{ image.tag }}\"}]\n        volumeMounts",
    );
    let tag = |tag: &str| format!("test \"$CHANGED\" = {tag}");
    generation += 1;
    world.phase(generation, "Listening");
    world.push_with("build-0101", "changed", &tag("build-0101"), &[(PUSHED, &changed)], &[]);
    assert_eq!(world.verdict(generation), "Passed");
    generation += 1;
    world.phase(generation, "Listening");
    world.push_with("build-0102", "bad", "exit 0", &[(PUSHED, "a: [")], &[]);
    assert_eq!(world.verdict(generation), "Errored");
    generation += 1;
    world.phase(generation, "Listening");
    world.push("build-0103", "last good", &tag("build-0103"));
    assert_eq!(world.verdict(generation), "Passed");
}
