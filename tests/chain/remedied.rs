//! `chain_17`: a listener that does not come up says why from its first second, with the remedy that fits; what can never
//! come up is refused before there is one. Each cause is made for real, and its text is held.

use serde_json::{Value, json};

use crate::reasons::Reasons;
use crate::start::GLOB;
use crate::world::World;

const NODE: &str = "127.0.0.1";
const TAINT: &str = "example.com/gpu";

/// Mends what a proof has broken for all, also if it fails.
struct Mended<'a>(&'a World);

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let world = self.0;
        let _ = world.kubectl(&["uncordon", NODE]);
        let _ = world.kubectl(&["taint", "node", NODE, &format!("{TAINT}-")]);
        let kinds =
            "validatingadmissionpolicybinding,validatingadmissionpolicy,validatingwebhookconfiguration";
        let _ = world.kubectl(&["delete", kinds, "chain-17", "--ignore-not-found"]);
        world.set_up();
    }
}

/// A pipeline whose pod template is changed, with annotations besides Keel's.
fn pipeline(world: &World, annotations: &str, pod: &str) -> String {
    let text = world.pipeline("build-0001", &format!("{GLOB}{annotations}"));
    text.replace(
        "      terminationGracePeriodSeconds: 1\n",
        &format!("      terminationGracePeriodSeconds: 1\n{pod}"),
    )
}

/// What `start` says on its way out, and its error; `start` that ends with this code.
fn refused(world: &World, reasons: &mut Reasons<'_>, what: &str, code: i32, args: &[&str]) {
    let said = world.studioci(&[&["start", "--chain", world.chain], args].concat()).failed(code);
    let error = said.lines().skip_while(|line| !line.starts_with("error: "));
    let named: Vec<String> = error.map(|line| without_namespace(world, line)).collect();
    reasons.line(what, &named.join("\n  "));
}

/// The namespace of a chain that is not there any more differs from run to run.
fn without_namespace(world: &World, line: &str) -> String {
    world.builds().iter().fold(line.to_owned(), |line, build| {
        line.replace(build["metadata"]["name"].as_str().unwrap(), "NAMESPACE")
    })
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_17_what_no_server_admits_is_refused_before_there_is_a_listener() {
    let world = World::new("chain-17r");
    let mut reasons = Reasons::new(&world);
    world.push("build-0001", "1", "exit 0");
    let template = "\n    studioci.dev/listener-scheduling: template";
    for (what, annotations, pod, code, more) in [
        ("Pod Security", "", "", 2, &["--pod-security", "restricted"][..]),
        ("a priority class", "", "      priorityClassName: high\n", 3, &[]),
        ("a runtime class", "", "      runtimeClassName: gvisor\n", 3, &[]),
        ("a priority class of the listener", template, "      priorityClassName: high\n", 3, &[]),
    ] {
        let text = pipeline(&world, annotations, pod);
        let file = world.file("p.yaml", &text);
        refused(&world, &mut reasons, what, code, &[&["-f", &file], more].concat());
        world.until("nothing is left of it", || world.builds().is_empty().then_some(()));
    }
    insta::assert_snapshot!(reasons.text, @r#"
    Pod Security
      error: the API server refuses what the pipeline asks for: the build's pod: pods "studioci-dry-run" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "build" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "build" must set securityContext.capabilities.drop=["ALL"]), restricted volume types (volume "gate" uses restricted volume type "hostPath"), runAsNonRoot != true (pod or container "build" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "build" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")
        remedy: set what the message names in the build workload's pod template (of its listener, annotation studioci.dev/listener-security sets the user), or let --pod-security or the pipeline's Namespace document name a level that admits it
    a priority class
      error: the build's pod: pods "studioci-dry-run" is forbidden: no PriorityClass with name high was found
        remedy: Have an administrator create PriorityClass high, or take priorityClassName out of the pod template.
    a runtime class
      error: the build's pod: pods "studioci-dry-run" is forbidden: pod rejected: RuntimeClass "gvisor" not found
        remedy: Have an administrator create RuntimeClass gvisor, or take runtimeClassName out of the pod template.
    a priority class of the listener
      error: the build's pod: pods "studioci-dry-run" is forbidden: no PriorityClass with name high was found
        remedy: Have an administrator create PriorityClass high, or take priorityClassName out of the pod template.
    "#);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_17_a_listener_that_does_not_come_up_says_why_and_its_remedy_helps() {
    let world = World::new("chain-17b");
    let mended = Mended(&world);
    let mut reasons = Reasons::new(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world, "", ""));
    let start = ["-f", &file, "--timeout", "4s"];

    // phase Claimed, from its first second
    world.kubectl(&["cordon", NODE]).ok();
    refused(&world, &mut reasons, "no node takes it", 4, &start);
    let namespace = world.namespace(1);
    let in_claimed = |what: &str, needle: &str, reasons: &mut Reasons<'_>| {
        // a ReplicaSet that has failed tries again later and later; a fresh one does at once
        world.kubectl(&["delete", "replicaset", "--all", "-n", &namespace]).ok();
        reasons.told("chain-17b", 1, what, needle);
        assert_eq!(world.build(1).unwrap()["status"]["phase"], "Claimed");
    };
    let with = |object: &Value, what: &str, needle: &str, reasons: &mut Reasons<'_>| {
        let file = world.file("obstacle.json", &object.to_string());
        world.kubectl(&["create", "-n", &namespace, "-f", &file]).ok();
        in_claimed(what, needle, reasons);
        world.kubectl(&["delete", "-n", &namespace, "-f", &file]).ok();
    };
    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "none" },
        "spec": { "hard": { "pods": "0" } } });
    with(&quota, "a quota", "exceeded quota: none", &mut reasons);
    let range = json!({ "apiVersion": "v1", "kind": "LimitRange", "metadata": { "name": "large" },
        "spec": { "limits": [{ "type": "Container", "min": { "cpu": "1" } }] } });
    with(&range, "a LimitRange", "minimum cpu usage per Container", &mut reasons);
    let webhook = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "chain-17" },
        "webhooks": [{
            "name": "away.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail", "timeoutSeconds": 1,
            "clientConfig": { "url": "https://127.0.0.1:1/" },
            "objectSelector": { "matchLabels": { "studioci.dev/role": "listener" } },
            "rules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"] }],
        }] });
    with(&webhook, "a webhook that does not answer", "failed calling webhook", &mut reasons);
    refuse_listeners(&world);
    in_claimed("a policy", "no listeners here", &mut reasons);
    // `watch` says it, too
    let watched = world.studioci(&["watch", &namespace, "--timeout", "5s"]);
    assert!(
        watched.out.contains("  waiting: the API server refuses the pod of deployment.apps/build: "),
        "{watched:?}"
    );
    world.kubectl(&["delete", "validatingadmissionpolicybinding", "chain-17"]).ok();
    let account = world.get(&["deployment", "build", "-n", &namespace]);
    let account = account["spec"]["template"]["spec"]["serviceAccountName"].as_str().unwrap().to_owned();
    world.kubectl(&["delete", "serviceaccount", &account, "-n", &namespace]).ok();
    in_claimed("its ServiceAccount is gone", "error looking up service account", &mut reasons);
    world.kubectl(&["create", "serviceaccount", &account, "-n", &namespace]).ok();

    // every node has a taint: the remedy is followed
    world.kubectl(&["taint", "node", NODE, &format!("{TAINT}=yes:NoSchedule")]).ok();
    world.kubectl(&["uncordon", NODE]).ok();
    in_claimed("a taint", "untolerated taint", &mut reasons);
    let tolerates = format!("      tolerations: [{{key: {TAINT}, operator: Exists}}]\n");
    let text = pipeline(&world, "\n    studioci.dev/listener-scheduling: template", &tolerates);
    world.file("p.yaml", &text);
    assert_eq!(
        world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok(),
        "chain/chain-17b configured\n"
    );
    world.kubectl(&["taint", "node", NODE, &format!("{TAINT}-")]).ok();
    world.studioci(&["stop", world.chain, "--purge"]).ok();

    // an agent image that is nowhere
    let nowhere = format!("{}/studioci/nowhere@sha256:{}", world.cluster.registry().host(), "0".repeat(64));
    world.studioci(&["setup", "--agent-image", &nowhere]).ok();
    world.file("p.yaml", &pipeline(&world, "", ""));
    refused(&world, &mut reasons, "the agent image", 4, &start);
    world.set_up();
    world.studioci(&["stop", world.chain]).ok();
    assert_eq!(
        world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok(),
        "chain/chain-17b started\n"
    );
    world.studioci(&["stop", world.chain, "--purge"]).ok();

    // an image that runs as root where nobody may
    let nobody = "      securityContext: {runAsNonRoot: true}\n";
    world.file("p.yaml", &pipeline(&world, "", nobody));
    let _ = world.studioci(&[&["start", "--chain", world.chain], &start[..]].concat()).failed(4);
    reasons.told(
        "chain-17b",
        1,
        "an image that runs as root",
        "container build waits: CreateContainerConfigError",
    );
    let security = "\n    studioci.dev/listener-security: '{runAsUser: 1000}'";
    world.file("p.yaml", &pipeline(&world, security, nobody));
    assert_eq!(
        world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok(),
        "chain/chain-17b configured\n"
    );
    drop(mended);
    insta::assert_snapshot!(reasons.text, @r#"
    no node takes it
      error: the listener in NAMESPACE does not listen after 4 s: pod build-POD cannot be scheduled: 0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.
        remedy: kubectl uncordon NODE, of a node that may take it; the listener comes up by itself then
    a quota
      the API server refuses the pod of deployment.apps/build: pods "build-POD" is forbidden: exceeded quota: none, requested: pods=1, used: pods=1, limited: pods=0 (raise it, or free something: kubectl edit resourcequota -n chain-17b/1 none; the listener comes up by itself then)
    a LimitRange
      the API server refuses the pod of deployment.apps/build: pods "build-POD" is forbidden: minimum cpu usage per Container is 1, but request is SPAN (let pods as small as the listener's in: kubectl edit limitrange -n chain-17b/1; the listener comes up by itself then)
    a webhook that does not answer
      the API server refuses the pod of deployment.apps/build: Internal error occurred: failed calling webhook "away.example.com": failed to call webhook: Post "https://127.0.0.1:1/?timeout=1s": dial tcp 127.0.0.1:1: connect: connection refused (mend the service of the admission webhook away.example.com (kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations -o yaml names it); the listener comes up by itself then)
    a policy
      the API server refuses the pod of deployment.apps/build: pods "build-POD" is forbidden: ValidatingAdmissionPolicy 'chain-17' with binding 'chain-17' denied request: no listeners here (have whoever made it let pods labelled studioci.dev/role=listener in: kubectl edit validatingadmissionpolicy chain-17; the listener comes up by itself then)
    its ServiceAccount is gone
      the API server refuses the pod of deployment.apps/build: pods "build-POD" is forbidden: error looking up service account chain-17b/1/studioci-agent.chain-17b: serviceaccount "studioci-agent.chain-17b" not found (kubectl create serviceaccount -n chain-17b/1 studioci-agent.chain-17b; the listener comes up by itself then)
    a taint
      pod build-POD cannot be scheduled: 0/1 nodes are available: 1 node(s) had untolerated taint(s). no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling (annotate the build workload with studioci.dev/listener-scheduling: template, so that its listener may go where its builds go, and run kubectl studioci start again; a node that is only not Ready takes it by itself once it is)
    the agent image
      error: the listener in NAMESPACE does not listen after 4 s: image 127.0.0.1:15000/studioci/nowhere@sha256:0000000000000000000000000000000000000000000000000000000000000000 of container studioci-install cannot be pulled: ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "127.0.0.1:15000/studioci/nowhere@sha256:0000000000000000000000000000000000000000000000000000000000000000": failed to resolve image: 127.0.0.1:15000/studioci/nowhere@sha256:0000000000000000000000000000000000000000000000000000000000000000: not found
        remedy: an administrator names an agent image that the nodes can pull: kubectl studioci setup --agent-image IMAGE; then kubectl studioci stop chain-17b and kubectl studioci start, which raises a fresh listener
    an image that runs as root
      container build waits: CreateContainerConfigError: container has runAsNonRoot and image will run as root (pod: "build-POD", container: build) (annotate the build workload with studioci.dev/listener-security: '{runAsUser: 1000}', and run kubectl studioci start again)
    "#);
}

/// Somebody's policy lets no listener in.
fn refuse_listeners(world: &World) {
    let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "chain-17" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "objectSelector": { "matchLabels": { "studioci.dev/role": "listener" } },
                "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
                    "resources": ["pods"] }],
            },
            "validations": [{ "expression": "false", "message": "no listeners here" }],
        } });
    let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "chain-17" }, "spec": { "policyName": "chain-17", "validationActions": ["Deny"] } });
    for object in [policy, binding] {
        let file = world.file("policy.json", &object.to_string());
        world.kubectl(&["create", "-f", &file]).ok();
    }
    let pod = json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "name": "try", "namespace": "default", "labels": { "studioci.dev/role": "listener" } },
        "spec": { "containers": [{ "name": "a", "image": "x:1" }] } });
    let pod = world.file("try.json", &pod.to_string());
    world.until("the policy acts", || {
        let said = world.kubectl(&["create", "-f", &pod, "--dry-run=server"]);
        said.err.contains("no listeners here").then_some(())
    });
}
