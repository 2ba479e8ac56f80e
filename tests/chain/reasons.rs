//! `chain_13`: whatever stands still says why. Each reason is made for real, and its text is held.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{AGENT, World, documents, gated};

/// A tag that is pushed over, in a repository of the other chain's.
const MATCH: &str = "  annotations:
    keel.sh/policy: force
    keel.sh/matchTag: \"true\"
    keel.sh/trigger: poll
    keel.sh/pollSchedule: \"@every 1s\"
    studioci.dev/recheck: 5s";

/// The reasons found so far, a line each, without what differs from run to run.
pub(crate) struct Reasons<'a> {
    world: &'a World,
    /// Names to replace, the longest first.
    names: Vec<(String, String)>,
    pub(crate) text: String,
}

impl<'a> Reasons<'a> {
    pub(crate) fn new(world: &'a World) -> Self {
        Self { world, names: vec![(world.image(), "IMAGE".to_owned())], text: String::new() }
    }

    /// Waits until the newest build of a chain with this generation says why, in words that hold `needle`.
    pub(crate) fn told(&mut self, chain: &str, generation: u64, what: &str, needle: &str) {
        let why = self.world.until(what, || {
            let said = self.world.studioci(&["status", chain, "-o", "json"]).ok();
            let list: Value = serde_json::from_str(&said).unwrap();
            for build in list["items"].as_array().unwrap() {
                let name = build["metadata"]["name"].as_str().unwrap().to_owned();
                let known = self.names.iter().any(|(known, _)| *known == name);
                if !known {
                    self.names.push((name, format!("{chain}/{}", build["spec"]["generation"])));
                }
            }
            let of_generation = |build: &&Value| build["spec"]["generation"] == generation;
            let why = list["items"].as_array()?.iter().find(of_generation)?["status"]["why"].as_str()?;
            why.contains(needle).then(|| why.to_owned())
        });
        self.line(what, &why);
    }

    /// Waits until the listener waits for nothing but a push again.
    fn well(&self) {
        self.world.until("a listener that is well again", || {
            let build = self.world.build(1)?;
            let well = build["status"]["phase"] == "Listening"
                && build["status"]["why"].as_str()?.starts_with("waiting for a push after build-0001");
            well.then_some(())
        });
    }

    /// Waits until `status` warns with words that hold `needle`.
    fn warned(&mut self, what: &str, needle: &str) {
        let line = self.world.until(what, || {
            let said = self.world.studioci(&["status"]);
            said.err.lines().find(|line| line.contains(needle)).map(str::to_owned)
        });
        self.line(what, &line);
    }

    pub(crate) fn line(&mut self, what: &str, said: &str) {
        let mut said = said.to_owned();
        for (name, word) in &self.names {
            said = said.replace(name, word);
        }
        // the kubelet says the same before it tries again
        if let Some((before, after)) = said.split_once("ImagePullBackOff: ")
            && let Some((_, after)) = after.split_once(": ErrImagePull: ")
        {
            said = format!("{before}ErrImagePull: {after}");
        }
        let words: Vec<String> = said.split(' ').map(without_chance).collect();
        // how often, and how many pods there are just then, is chance
        let often = |said: String, count: usize| {
            let said = said.replace(&format!("({count} restarts,"), "(1 restart,");
            said.replace(&format!("used: pods={count},"), "used: pods=1,")
        };
        let said = (0..9).fold(words.join(" "), often);
        writeln!(self.text, "{what}\n  {said}").unwrap();
    }
}

/// A word without what a run makes up: the suffix of a pod's name, a time, a span, a digest.
fn without_chance(word: &str) -> String {
    let quote = if word.starts_with('"') { "\"" } else { "" };
    let bare = word[quote.len()..].trim_end_matches([',', ':', ';', '.', '"']);
    let rest = &word[quote.len() + bare.len()..];
    let span = |text: &str| {
        let units = text.trim_matches(|c: char| c.is_ascii_digit() || c == 'm' || c == 's');
        text.starts_with(|c: char| c.is_ascii_digit()) && text.ends_with(['m', 's']) && units.is_empty()
    };
    // the kubelet names a pod as NAME_NAMESPACE(UID)
    let bare = bare.split_once('_').filter(|_| bare.ends_with(')')).map_or(bare, |(pod, _)| pod);
    let parts: Vec<&str> = bare.split('-').collect();
    let random = |part: &&str| part.len() >= 5 && part.chars().all(|c| c.is_ascii_alphanumeric());
    let hex = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_hexdigit());
    let bare = match parts[..] {
        ["build", hash, pod] if random(&hash) && random(&pod) => "build-POD".to_owned(),
        ["build", hash, ""] if random(&hash) => "build-POD".to_owned(),
        ["studioci", "build", pod] if random(&pod) => "studioci-build-POD".to_owned(),
        _ if bare.starts_with("20") && bare.contains('T') => "TIME".to_owned(),
        _ if hex(bare) => "DIGEST".to_owned(),
        _ if span(bare) => "SPAN".to_owned(),
        _ => bare.to_owned(),
    };
    format!("{quote}{bare}{rest}")
}

/// Mends what a proof has broken for all, also if it fails.
struct Mended<'a>(&'a World);

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let world = self.0;
        for args in [
            &["uncordon", "127.0.0.1"][..],
            &["delete", "deployment", "keel", "-n", "default", "--ignore-not-found"],
            &[
                "delete",
                "validatingadmissionpolicybinding,validatingadmissionpolicy",
                "chain-13",
                "--ignore-not-found",
            ],
        ] {
            let _ = world.kubectl(args);
        }
        world.set_up();
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_13_a_listener_that_stands_still_says_why() {
    let world = World::new("chain-13");
    let mended = Mended(&world);
    let mut reasons = Reasons::new(&world);
    world.push("build-0001", "1", "exit 0");
    world.push("main", "1", "exit 0");
    let file =
        world.file("p.yaml", &world.pipeline("build-0001", &format!("{GLOB}\n    studioci.dev/recheck: 5s")));
    let over = world.file("over.yaml", &world.pipeline("main", MATCH));
    let second = world.studioci_aside(&["start", "-f", &over, "--chain", "chain-13m"]);
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    second.wait().ok();
    let namespace = world.namespace(1);
    let in_namespace = ["-n", namespace.as_str()];
    let kubectl = |args: &[&str]| world.kubectl(&[args, &in_namespace].concat()).ok();
    let restart = || kubectl(&["delete", "pod", "-l", "studioci.dev/role=listener", "--wait=false"]);
    let patch = |patch: &Value| {
        kubectl(&["patch", "deployment", "build", "--type=strategic", "-p", &patch.to_string()])
    };

    keel_loses_a_push(&world, &mut reasons);

    world.kubectl(&["cordon", "127.0.0.1"]).ok();
    restart();
    reasons.told("chain-13", 1, "no node for the listener", "cannot be scheduled: 0/1");
    world.kubectl(&["uncordon", "127.0.0.1"]).ok();
    kubectl(&["rollout", "status", "deployment/build", "--timeout=120s"]);
    reasons.well();

    world.cluster.registry().delete(&format!("{}:build-0001", world.repository())).unwrap();
    reasons.told("chain-13", 1, "the current tag is gone", "is gone from the registry");
    restart();
    reasons.told("chain-13", 1, "the listener's image cannot be pulled", "cannot be pulled");
    world.push("build-0001", "1", "exit 0");
    restart();
    reasons.well();

    let quota = json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "none" },
        "spec": { "hard": { "pods": "0" } } });
    let quota = world.file("quota.json", &quota.to_string());
    kubectl(&["create", "-f", &quota]);
    restart();
    reasons.told("chain-13", 1, "a quota refuses the listener's pod", "exceeded quota");
    kubectl(&["delete", "resourcequota", "none"]);

    kubectl(&["scale", "deployment/build", "--replicas=0"]);
    reasons.told("chain-13", 1, "the agent is scaled to 0", "its agent is gone");
    kubectl(&["scale", "deployment/build", "--replicas=1"]);

    let command = |words: &Value| json!({ "spec": { "template": { "spec": { "containers": [{ "name": AGENT, "command": words }] } } } });
    let was = world.get(&[&["deployment", "build"][..], &in_namespace].concat());
    let agent = &was["spec"]["template"]["spec"]["containers"][0];
    patch(&command(&json!(["/kubectl-studioci", "agent", "nonsense"])));
    reasons.told("chain-13", 1, "the agent crashes", "crashes again and again");
    patch(&command(&agent["command"]));

    kubectl(&["annotate", "deployment/build", "keel.sh/policy-"]);
    reasons.told("chain-13", 1, "the policy is taken away", "Keel does not see");
    kubectl(&["annotate", "deployment/build", "keel.sh/policy=glob:build-*"]);
    reasons.well();

    edited_by_hand(&world, &mut reasons, &namespace);
    the_cluster_lacks_something(&world, &mut reasons);
    reasons.told("chain-13", 1, "Keel is silent", "Keel has not moved this for");

    // as whoever moves it writes it
    let uid = world.get(&["namespace", &namespace])["metadata"]["uid"].clone();
    patch_head(&world, &json!({ "generation": "9", "settled.1": uid }));
    reasons.told("chain-13", 1, "the head has passed this generation", "stood down");
    held_while_it_goes(&world, &mut reasons, &namespace);
    drop(mended);
    insta::assert_snapshot!(reasons.text, @r#"
        the recheck finds what Keel lost
          Keel has not moved this since TIME, and the recheck finds that IMAGE:main means DIGEST by now: starting it
        no node for the listener
          pod build-POD cannot be scheduled: 0/1 nodes are available: 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling (kubectl uncordon NODE, of a node that may take it; the listener comes up by itself then)
        the current tag is gone
          IMAGE:build-0001 is gone from the registry: a Keel that starts anew watches nothing before that tag is there again
        the listener's image cannot be pulled
          image IMAGE:build-0001 of container build cannot be pulled: ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "IMAGE:build-0001": failed to resolve image: IMAGE:build-0001: not found (push IMAGE:build-0001, or start from a tag that exists: kubectl studioci start --tag TAG)
        a quota refuses the listener's pod
          the API server refuses the pod of deployment.apps/build: pods "build-POD" is forbidden: exceeded quota: none, requested: pods=1, used: pods=1, limited: pods=0 (raise it, or free something: kubectl edit resourcequota -n chain-13/1 none; the listener comes up by itself then)
        the agent is scaled to 0
          its agent is gone: deployment.apps/build was scaled to 0 (kubectl scale -n chain-13/1 deployment/build --replicas=1 brings it back)
        the agent crashes
          container studioci-agent crashes again and again (1 restart, last with exit code 2 (Error)) (its last words: kubectl logs -n chain-13/1 build-POD -c studioci-agent --previous)
        the policy is taken away
          Keel does not see deployment.apps/build: there is no Keel policy (kubectl studioci stop chain-13 and kubectl studioci start, which raises a fresh listener)
        the head was edited
          its agent cannot go on: ConfigMap chain-chain-13 in studioci: the head of the chain has no readable "generation" (it says "first")
        a phase that does not exist
          Warning: namespace chain-13/1: studioci.dev/phase "Dreaming" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace chain-13/1 studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        the same by name
          Warning: namespace chain-13/1: studioci.dev/phase "Dreaming" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace chain-13/1 studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        error: namespace chain-13/1: studioci.dev/phase "Dreaming" cannot be read
          remedy: it was edited by hand: restore it (kubectl label --overwrite namespace chain-13/1 studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        Keel does not run
          Warning: Keel is not running: deployment.apps/keel in namespace default has no ready pod, and nothing moves a listener until it has one
        a policy's binding is missing
          Warning: builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        Keel is silent
          waiting for a push after build-0001; Keel has not moved this for SPAN
        the head has passed this generation
          stood down: the head of chain chain-13 has passed this generation (1); it is at 9
        a namespace that is held
          being deleted: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances
        "#);
}

/// The recheck finds what Keel lost; a real Keel loses nothing on demand.
fn keel_loses_a_push(world: &World, reasons: &mut Reasons<'_>) {
    let keel = world.keel.as_ref().unwrap();
    let lost = "the recheck finds what Keel lost";
    if keel.obeys() {
        keel.order("lose-next");
        world.push("main", "2", "exit 0");
        reasons.told("chain-13m", 1, lost, "the recheck finds that");
    } else {
        reasons.line(
            lost,
            &format!("Keel has not moved this since 20T, and the recheck finds that {}:main means 000000000000 by now: starting it", world.image()),
        );
    }
}

/// Writes a generation into the chain's head.
fn edit_head(world: &World, generation: &str) {
    patch_head(world, &json!({ "generation": generation }));
}

fn patch_head(world: &World, data: &Value) {
    let patch = json!({ "data": data }).to_string();
    world
        .kubectl(&["patch", "configmap", "chain-chain-13", "-n", "studioci", "--type=merge", "-p", &patch])
        .ok();
}

/// Hand-edited state of home and of the Namespace: a finding each, nothing done, nothing deleted.
fn edited_by_hand(world: &World, reasons: &mut Reasons<'_>, namespace: &str) {
    edit_head(world, "first");
    reasons.told("chain-13", 1, "the head was edited", "its agent cannot go on");
    edit_head(world, "1");
    reasons.well();

    let phase = |phase: &str| {
        let label = format!("studioci.dev/phase={phase}");
        world.kubectl(&["label", "--overwrite", "namespace", namespace, &label]).ok();
    };
    phase("Dreaming");
    reasons.warned("a phase that does not exist", "Dreaming");
    let named = world.studioci(&["status", namespace]).failed(3);
    reasons.line("the same by name", named.trim_end());
    phase("Listening");
}

/// What concerns all chains is said once, on stderr.
fn the_cluster_lacks_something(world: &World, reasons: &mut Reasons<'_>) {
    let keel = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "keel", "namespace": "default", "labels": { "app": "keel" } },
        "spec": { "replicas": 0, "selector": { "matchLabels": { "app": "keel" } }, "template": {
            "metadata": { "labels": { "app": "keel" } },
            "spec": { "containers": [{ "name": "keel", "image": "example.com/keel:1" }] } } } });
    let keel = world.file("keel.json", &keel.to_string());
    world.kubectl(&["create", "-f", &keel]).ok();
    reasons.warned("Keel does not run", "Keel is not running");
    world.kubectl(&["delete", "deployment", "keel", "-n", "default"]).ok();
    world.kubectl(&["delete", "validatingadmissionpolicybinding", "studioci-rights"]).ok();
    reasons.warned("a policy's binding is missing", "builds are not confined");
    world.set_up();
}

/// Somebody's finalizer holds a namespace that is deleted.
fn held_while_it_goes(world: &World, reasons: &mut Reasons<'_>, namespace: &str) {
    let hold = json!({ "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "hold", "namespace": namespace, "finalizers": ["example.com/hold"] } });
    let hold = world.file("hold.json", &hold.to_string());
    world.kubectl(&["create", "-f", &hold]).ok();
    world.kubectl(&["delete", "namespace", namespace, "--wait=false"]).ok();
    reasons.told("chain-13", 1, "a namespace that is held", "finalizers remaining");
    let free = json!({ "metadata": { "finalizers": null } }).to_string();
    world.kubectl(&["patch", "configmap", "hold", "-n", namespace, "--type=merge", "-p", &free]).ok();
}

/// A push whose build stands still.
struct Row {
    what: &'static str,
    /// Changes the pod of the build, and adds documents.
    edit: fn(&mut Value, &mut Vec<Value>),
    needle: &'static str,
}

const ROWS: [Row; 5] = [
    Row {
        what: "the image of a sidecar cannot be pulled",
        edit: |pod, _| {
            let image = format!("{}-missing", pod["containers"][0]["image"].as_str().unwrap());
            let sidecar = json!({ "name": "helper", "image": image });
            pod["containers"].as_array_mut().unwrap().push(sidecar);
        },
        needle: "cannot be pulled",
    },
    Row {
        what: "no node for the build",
        edit: |pod, _| pod["nodeSelector"] = json!({ "example.com/disk": "none" }),
        needle: "no node takes the build's pod: 0/1",
    },
    Row {
        what: "a quota refuses the build's pod",
        // the listener's own pod is the first
        edit: |_, more| more.push(quota("pods", "1")),
        needle: "exceeded quota",
    },
    Row {
        what: "a quota refuses the build's Job",
        edit: |_, more| more.push(quota("count/jobs.batch", "0")),
        needle: "exceeded quota",
    },
    Row {
        what: "support crashes",
        edit: |pod, more| {
            let image = pod["containers"][0]["image"].clone();
            more.push(
                json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "db" }, "spec": {
                "selector": { "matchLabels": { "app": "db" } },
                "template": { "metadata": { "labels": { "app": "db" } }, "spec": { "containers": [
                    // never ready, or the moment in which it runs would do
                    { "name": "db", "image": image, "command": ["sh", "-c", "exit 3"],
                        "readinessProbe": { "exec": { "command": ["false"] } } },
                ] } },
            } }),
            );
        },
        needle: "crashes again and again",
    },
];

fn quota(what: &str, most: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "tight" },
        "spec": { "hard": { what: most } } })
}

/// The pipeline of a row: all that hang may do so beside each other, and one more has to wait.
fn pipeline(world: &World, edit: fn(&mut Value, &mut Vec<Value>)) -> String {
    let mut pod = json!({ "terminationGracePeriodSeconds": 1, "containers": [{
        "name": "build", "image": format!("{}:build-0001", world.image()), "command": ["sh", "/ci/build.sh"],
        "volumeMounts": [{ "name": "gate", "mountPath": "/gate" }],
    }], "volumes": [{ "name": "gate", "hostPath": { "path": world.gates() } }] });
    let mut more = Vec::new();
    edit(&mut pod, &mut more);
    let annotations = json!({
        "keel.sh/policy": "glob:build-*", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1s",
        "studioci.dev/max-parallel": ROWS.len().to_string(), "studioci.dev/build-container": "build",
    });
    more.push(json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "build", "annotations": annotations },
        "spec": { "selector": { "matchLabels": { "app": "build" } },
            "template": { "metadata": { "labels": { "app": "build" } }, "spec": pod } } }));
    documents(&more)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_13_a_build_that_stands_still_says_why() {
    let world = World::new("chain-13b");
    let mended = Mended(&world);
    let mut reasons = Reasons::new(&world);
    let push = |number: u64, edit: fn(&mut Value, &mut Vec<Value>)| {
        let text = pipeline(&world, edit);
        let files = [("ci/.studioci/pipeline.yaml", text.as_str())];
        world.push_with(&format!("build-{number:04}"), &number.to_string(), &gated("on", 0), &files, &[]);
    };
    push(1, |_, _| ());
    let file = world.file("p.yaml", &pipeline(&world, |_, _| ()));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    for (generation, row) in (1..).zip(&ROWS) {
        push(generation + 1, row.edit);
        world.phase(generation + 1, "Listening");
    }
    let queued = ROWS.len() as u64 + 1;
    push(queued + 1, |_, _| ());
    world.phase(queued + 1, "Listening");
    for (generation, row) in (1..).zip(&ROWS) {
        reasons.told("chain-13b", generation, row.what, row.needle);
    }
    reasons.told("chain-13b", queued, "others have the slots", "behind");

    refuse_agents(&world);
    push(queued + 2, |_, _| ());
    reasons.told("chain-13b", queued + 1, "a policy refuses the dispatch", "no more agents here; behind");
    world.kubectl(&["delete", "validatingadmissionpolicybinding", "chain-13"]).ok();
    let next = world.phase(queued + 2, "Listening");

    // its last act before the proof ends: the listener's namespace is taken from the chain
    let name = next["metadata"]["name"].as_str().unwrap();
    world.kubectl(&["delete", "namespace", name]).ok();
    reasons.told("chain-13b", queued + 1, "the listener's namespace is deleted", "the chain has no listener");
    let parent = next["spec"]["parent"].as_str().unwrap();
    world.kubectl(&["delete", "deployment", "build", "-n", parent]).ok();
    reasons.told("chain-13b", queued + 1, "an agent's Deployment is deleted", "its agent is gone");
    drop(mended);
    insta::assert_snapshot!(reasons.text, @r#"
        the image of a sidecar cannot be pulled
          image IMAGE:build-0001-missing of container helper cannot be pulled: ErrImagePull: rpc error: code = NotFound desc = failed to pull and unpack image "IMAGE:build-0001-missing": failed to resolve image: IMAGE:build-0001-missing: not found
        no node for the build
          no node takes the build's pod: 0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling
        a quota refuses the build's pod
          a quota refuses the build's pod: Error creating: pods "studioci-build-POD" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=1, limited: pods=1
        a quota refuses the build's Job
          a quota refuses the build's Job: job.batch/studioci-build in namespace chain-13b/4: jobs.batch "studioci-build" is forbidden: exceeded quota: tight, requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0
        support crashes
          support is not ready: Deployment/db has 0 of 1 ready: container db crashes again and again (1 restart, last with exit code 3 (Error))
        others have the slots
          behind the build in chain-13b/1, chain-13b/2, chain-13b/3, chain-13b/4, chain-13b/5
        a policy refuses the dispatch
          chain is broken, no next listener: serviceaccount/studioci-agent.chain-13b in namespace chain-13b/8: serviceaccounts "studioci-agent.chain-13b" is forbidden: ValidatingAdmissionPolicy 'chain-13' with binding 'chain-13' denied request: no more agents here; behind the build in chain-13b/1, chain-13b/2, chain-13b/3, chain-13b/4, chain-13b/5
        the listener's namespace is deleted
          the chain has no listener any more: namespace chain-13b/8 is gone, or its labels are; behind the build in chain-13b/1, chain-13b/2, chain-13b/3, chain-13b/4, chain-13b/5
        an agent's Deployment is deleted
          its agent is gone: the namespace has no listener Deployment any more (a later agent of the chain ends this build; kubectl studioci start carries on a chain that has none); behind the build in chain-13b/1, chain-13b/2, chain-13b/3, chain-13b/4, chain-13b/5
        "#);
}

/// Somebody's policy lets no more agents into this chain's namespaces; builds go on.
fn refuse_agents(world: &World) {
    let policy = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy",
        "metadata": { "name": "chain-13" },
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": { "resourceRules": [{ "apiGroups": [""], "apiVersions": ["v1"],
                "operations": ["CREATE"], "resources": ["serviceaccounts"] }] },
            "matchConditions": [{ "name": "agent", "expression": "object.metadata.name.startsWith('studioci-agent.')" }],
            "validations": [{ "expression": "false", "message": "no more agents here" }],
        } });
    let binding = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": { "name": "chain-13" }, "spec": { "policyName": "chain-13", "validationActions": ["Deny"] } });
    for object in [policy, binding] {
        let file = world.file("policy.json", &object.to_string());
        world.kubectl(&["create", "-f", &file]).ok();
    }
    let canary = ["create", "serviceaccount", "studioci-agent.x", "-n", "default", "--dry-run=server"];
    world.until("the policy acts", || {
        let said = world.kubectl(&canary);
        said.err.contains("no more agents here").then_some(())
    });
}
