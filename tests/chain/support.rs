//! `chain_10`: support of all four kinds, up and ready before a build, at 0 after it, and scaled by hand.

use serde_json::{Value, json};

use crate::world::{Said, World, documents, gated};

/// A workload of each kind, in the order of result lines: kind, object as kubectl names it, replicas.
const SUPPORT: [(&str, &str, u64); 4] = [
    ("Deployment", "deployment.apps/store", 2),
    ("ReplicationController", "replicationcontroller/queue", 1),
    ("ReplicaSet", "replicaset.apps/cache", 3),
    ("StatefulSet", "statefulset.apps/db", 2),
];

/// A workload of one of the four kinds, whose pods sleep.
fn workload(world: &World, kind: &str, name: &str, replicas: u64) -> Value {
    let labels = json!({ "app": name });
    let (api_version, selector) = match kind {
        // left out, as it may be: the API server fills in the labels of the pods
        "ReplicationController" => ("v1", Value::Null),
        _ => ("apps/v1", json!({ "matchLabels": labels })),
    };
    let mut object = json!({
        "apiVersion": api_version, "kind": kind, "metadata": { "name": name },
        "spec": { "replicas": replicas, "template": { "metadata": { "labels": labels }, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": name,
                "image": format!("{}:build-0001", world.image()),
                "command": ["sleep", "infinity"],
            }],
        } } },
    });
    if !selector.is_null() {
        object["spec"]["selector"] = selector;
    }
    if kind == "StatefulSet" {
        object["spec"]["serviceName"] = name.into();
    }
    object
}

fn pod(workload: &mut Value) -> &mut Value {
    &mut workload["spec"]["template"]["spec"]
}

/// Ready once a gate is open.
fn ready_at(world: &World, mut workload: Value, gate: &str) -> Value {
    let spec = pod(&mut workload);
    spec["volumes"] = json!([{ "name": "gate", "hostPath": { "path": world.gates() } }]);
    let container = &mut spec["containers"][0];
    container["volumeMounts"] = json!([{ "name": "gate", "mountPath": "/gate" }]);
    container["readinessProbe"] =
        json!({ "exec": { "command": ["test", "-e", format!("/gate/{gate}")] }, "periodSeconds": 1 });
    workload
}

/// The build workload with gates, and annotations besides Keel's.
fn build(world: &World, annotations: &[(&str, &str)]) -> Value {
    let mut all = json!({
        "keel.sh/policy": "glob:build-*", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1s",
    });
    for (key, value) in annotations {
        all[*key] = (*value).into();
    }
    json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "build", "annotations": all },
        "spec": {
            "selector": { "matchLabels": { "app": "build" } },
            "template": { "metadata": { "labels": { "app": "build" } }, "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "build",
                    "image": format!("{}:build-0001", world.image()),
                    "command": ["sh", "/ci/build.sh"],
                    "volumeMounts": [{ "name": "gate", "mountPath": "/gate" }],
                }],
                "volumes": [{ "name": "gate", "hostPath": { "path": world.gates() } }],
            } },
        } })
}

/// A pipeline of all four kinds, and of what would bring support back or go on by itself.
fn pipeline(world: &World) -> String {
    let mut all = vec![build(world, &[])];
    for (kind, object, replicas) in SUPPORT {
        let name = object.rsplit('/').next().unwrap();
        all.push(ready_at(world, workload(world, kind, name, replicas), "ready"));
    }
    let mut template = workload(world, "Deployment", "node", 1)["spec"].take();
    template.as_object_mut().unwrap().remove("replicas");
    all.push(json!({ "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": { "name": "node" },
        "spec": template }));
    all.push(json!({ "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": { "name": "store" },
        "spec": { "maxReplicas": 3, "minReplicas": 2,
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "store" } } }));
    let mut once = workload(world, "Deployment", "nightly", 1)["spec"]["template"].take();
    once["spec"]["restartPolicy"] = "Never".into();
    all.push(json!({ "apiVersion": "batch/v1", "kind": "CronJob", "metadata": { "name": "nightly" },
        "spec": { "schedule": "0 3 1 1 *", "jobTemplate": { "spec": { "template": once } } } }));
    documents(&all)
}

/// Result lines of all four.
fn lines(operation: &str) -> String {
    SUPPORT.map(|(_, object, _)| format!("{object} {operation}\n")).concat()
}

/// Replicas asked for, and ready, of each of the four.
fn counts(world: &World, namespace: &str) -> Vec<(u64, u64)> {
    let of = |pointer: &str, object: &Value| object.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
    SUPPORT
        .iter()
        .map(|(_, object, _)| world.get(&[object, "-n", namespace]))
        .map(|object| (of("/spec/replicas", &object), of("/status/readyReplicas", &object)))
        .collect()
}

fn full() -> Vec<(u64, u64)> {
    SUPPORT.iter().map(|(_, _, replicas)| (*replicas, *replicas)).collect()
}

/// Every replica asked for is 0; pods may still be on their way out.
fn none(world: &World, namespace: &str) -> bool {
    counts(world, namespace).iter().all(|(asked, _)| *asked == 0)
}

fn refused(said: Said, code: i32, text: &str) {
    assert_eq!(said.out, "");
    assert_eq!(said.failed(code), text);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_10_support_of_four_kinds_comes_and_goes_and_is_scaled_by_hand() {
    let world = World::new("chain-10");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    world.push("build-0002", "2", &gated("go", 0));

    // nothing is built before all of it is ready, and what is missing is named with its cause
    world.phase(1, "Preparing");
    let first = world.namespace(1);
    let first = first.as_str();
    world.until("status names what is not ready", || {
        let build = world.build(1)?;
        let why = build["status"]["why"].as_str()?;
        let named = SUPPORT.iter().all(|(kind, object, replicas)| {
            let name = object.rsplit('/').next().unwrap();
            why.contains(&format!("{kind}/{name} has 0 of {replicas} ready"))
        });
        (named && why.contains("Unhealthy: Readiness probe failed")).then_some(())
    });
    let down = |name: &str| world.studioci(&["scale", "down", name]);
    let up = |name: &str| world.studioci(&["scale", "up", name]);
    let advice = format!(
        "  remedy: wait for its verdict (kubectl studioci watch {first}); its support goes to 0 by itself then, or end \
         the build with kubectl studioci cancel {first}\n"
    );
    let stands = |phase| format!("error: build {first} is {phase}: it stands on its support\n{advice}");
    refused(down(first), 2, &stands("Preparing"));
    assert_eq!(world.get(&["jobs", "-n", first])["items"], json!([]));
    world.open("ready");
    world.phase(1, "Building");
    assert_eq!(counts(&world, first), full());
    refused(down(world.chain), 2, &format!("build 1 of chain chain-10 is {first}\n{}", stands("Building")));
    assert_eq!(up(first).ok(), lines("unchanged"));

    // afterwards all is at 0, remembers its count, and nothing brings it back
    world.open("go");
    assert_eq!(world.verdict(1), "Passed");
    world.phase(1, "Finished");
    assert!(none(&world, first), "{:?}", counts(&world, first));
    for (_, object, replicas) in SUPPORT {
        let remembered =
            &world.get(&[object, "-n", first])["metadata"]["annotations"]["studioci.dev/replicas"];
        assert_eq!(*remembered, replicas.to_string(), "{object}");
    }
    assert_eq!(world.get(&["cronjob", "nightly", "-n", first])["spec"]["suspend"], true);
    world.until("autoscaler and DaemonSet are gone", || {
        world.kubectl(&["get", "hpa,daemonset", "-n", first, "-o", "name"]).ok().is_empty().then_some(())
    });

    by_hand(&world, first);
    as_a_user(&world, first);
    what_is_refused(&world, first);
}

fn by_hand(world: &World, first: &str) {
    let dry = |how: &str| world.studioci(&["scale", "up", first, how]).ok();
    assert_eq!(dry("--dry-run=client"), lines("scaled (dry run)"));
    assert_eq!(dry("--dry-run=server"), lines("scaled (server dry run)"));
    assert!(none(world, first), "nothing is scaled in a dry run");
    let mut kubectls = vec!["scale", "--replicas=1", "--dry-run=server", "-n", first];
    kubectls.extend(SUPPORT.map(|(_, object, _)| object));
    assert_eq!(world.kubectl(&kubectls).ok(), lines("scaled (server dry run)"), "kubectl's own words");

    let said = world.studioci(&["scale", "up", first, "--wait"]);
    assert_eq!(said.err, format!("It stays up until: kubectl studioci scale down {first}\n"));
    assert_eq!(said.ok(), lines("scaled"));
    assert_eq!(counts(world, first), full());
    let again = world.studioci(&["scale", "up", first]);
    assert_eq!((again.code, again.out, again.err), (0, lines("unchanged"), String::new()));

    // a count that nobody remembers is remembered on the way down
    world.kubectl(&["annotate", "rc/queue", "studioci.dev/replicas-", "-n", first]).ok();
    let said = world.studioci(&["scale", "down", world.chain, "--wait"]);
    assert_eq!(said.err, format!("build 1 of chain chain-10 is {first}\n"));
    assert_eq!(said.ok(), lines("scaled"));
    assert!(none(world, first));
    let queue = world.get(&["rc/queue", "-n", first]);
    assert_eq!(queue["metadata"]["annotations"]["studioci.dev/replicas"], "1");
    assert_eq!(world.studioci(&["scale", "down", first]).ok(), lines("unchanged"));

    // and one that nobody remembers on the way up is one that is not scaled; the others are
    world.kubectl(&["annotate", "rs/cache", "studioci.dev/replicas=many", "--overwrite", "-n", first]).ok();
    let said = world.studioci(&["scale", "up", first]);
    let others = lines("scaled").replace("replicaset.apps/cache scaled\n", "");
    assert_eq!(said.out, others);
    assert_eq!(
        said.failed(2),
        "error: replicaset.apps/cache: its annotation studioci.dev/replicas is \"many\", and no number\n  remedy: it was \
         edited by hand; scale this one with kubectl scale --replicas\n"
    );
    world.kubectl(&["annotate", "rs/cache", "studioci.dev/replicas=3", "--overwrite", "-n", first]).ok();
    world.studioci(&["scale", "down", first]).ok();
}

/// Somebody bound to `studioci-user` who has nothing to do with this build yet.
fn as_a_user(world: &World, first: &str) {
    let config = world.cluster.kubeconfig_for("emil", &[]).unwrap();
    let scale = |more: &[&str]| {
        world.studioci(&[&["scale", "up", first, "--kubeconfig", config.to_str().unwrap()], more].concat())
    };
    let bindings = ["clusterrolebinding/studioci-user-emil", "rolebinding/studioci-user-emil"];
    let unbind = || {
        let _ = world.kubectl(&["delete", bindings[0], "--ignore-not-found"]);
        let _ = world.kubectl(&["delete", bindings[1], "-n", "studioci", "--ignore-not-found"]);
    };
    unbind();
    let stranger = scale(&[]).failed(3);
    assert!(stranger.starts_with("error: user \"emil\" may not get namespaces"), "{stranger}");
    let user = "--user=emil";
    let role =
        ["create", "rolebinding", "studioci-user-emil", "-n", "studioci", "--role=studioci-user", user];
    world.kubectl(&role).ok();
    let role = ["create", "clusterrolebinding", "studioci-user-emil", "--clusterrole=studioci-user", user];
    world.kubectl(&role).ok();
    world.until("emil's rights have reached the authorizer", || {
        let may =
            |what: [&str; 4]| world.kubectl(&[&["auth", "can-i", "--as=emil"], &what[..]].concat()).code == 0;
        let both = may(["create", "rolebindings", "-n", first]) && may(["get", "secrets", "-n", "studioci"]);
        both.then_some(())
    });
    let dry = scale(&["--dry-run=client"]).failed(3);
    assert!(dry.starts_with("error: you may not list "), "{dry}");
    assert!(
        dry.contains("without --dry-run you are bound to ClusterRole studioci-workspace there first"),
        "{dry}"
    );
    let bound = || {
        let all = world.kubectl(&["get", "rolebindings", "-n", first, "-o", "name"]).ok();
        all.lines().any(|line| line == "rolebinding.rbac.authorization.k8s.io/studioci-person-emil")
    };
    assert!(!bound(), "a dry run writes nothing");
    assert_eq!(scale(&[]).ok(), lines("scaled"));
    assert!(bound());
    let names = SUPPORT.map(|(_, object, _)| format!("{object}\n")).concat();
    let down = ["scale", "down", first, "-o", "name", "--kubeconfig", config.to_str().unwrap()];
    assert_eq!(world.studioci(&down).ok(), names);
    assert!(none(world, first));
    unbind();
}

fn what_is_refused(world: &World, first: &str) {
    let listener = world.namespace(2);
    let claim = world.studioci(&["claim", "-o", "name"]).ok();
    let claim = claim.trim().strip_prefix("namespace/").unwrap();
    for (name, text) in [
        (
            listener.as_str(),
            format!(
                "error: build {listener} is a listener: it holds nothing to scale until a push comes\n  remedy: choose a \
                 build that is over: kubectl studioci status chain-10\n"
            ),
        ),
        (
            claim,
            format!(
                "error: namespace {claim} is a bare claim, not a build: it has no support\n  remedy: what you put into it \
                 yourself, scale with kubectl scale\n"
            ),
        ),
        (
            "kube-system",
            "error: namespace kube-system is no build: it does not carry the labels of studioci\n  remedy: kubectl \
             studioci status shows all builds\n"
                .to_owned(),
        ),
        (
            "nobody",
            "error: there is no chain and no build called \"nobody\"\n  remedy: chains here: chain-10\n".to_owned(),
        ),
    ] {
        for direction in ["up", "down"] {
            refused(world.studioci(&["scale", direction, name]), 2, &text);
        }
    }
    world.kubectl(&["delete", "ns", claim, "--wait=false"]).ok();

    // hand-edited: a uuid that is not its chain's, and a phase that does not exist
    let uuid = world.get(&["ns", first])["metadata"]["annotations"]["studioci.dev/chain-uuid"].clone();
    let uuid = uuid.as_str().unwrap();
    let edit = |what: &str, pair: String| world.kubectl(&[what, "ns", first, &pair, "--overwrite"]).ok();
    edit("annotate", "studioci.dev/chain-uuid=mine".to_owned());
    refused(
        world.studioci(&["scale", "up", first]),
        5,
        &format!(
            "error: namespace {first} is not provably ours: chain chain-10 in studioci is another one of the same name, so \
             nothing proves it ours\n  remedy: it was made or edited by hand, or is older than what home remembers; work on it with kubectl alone\n"
        ),
    );
    edit("annotate", format!("studioci.dev/chain-uuid={uuid}"));
    edit("label", "studioci.dev/phase=Sleeping".to_owned());
    refused(
        world.studioci(&["scale", "up", first]),
        3,
        &format!(
            "error: namespace {first}: studioci.dev/phase \"Sleeping\" cannot be read\n  remedy: it was edited by hand: \
             restore it (kubectl label --overwrite namespace {first} studioci.dev/phase=…); until then nothing is done \
             there, and nothing deleted\n"
        ),
    );
    edit("label", "studioci.dev/phase=Finished".to_owned());
    assert!(none(world, first), "what is refused changes nothing");

    let select = ["-l", "studioci.dev/role=support", "-n", first];
    let delete = ["delete", "deployment,statefulset,replicaset,replicationcontroller"];
    world.kubectl(&[&delete[..], &select[..]].concat()).ok();
    refused(
        world.studioci(&["scale", "up", first]),
        2,
        &format!(
            "error: build {first} has no support to scale\n  remedy: its pipeline brings no Deployment, StatefulSet, \
             ReplicaSet or ReplicationController besides the build, or was refused before it came up; kubectl studioci \
             status says which\n"
        ),
    );
}

/// Support that never gets ready, and what is told of it.
struct Row {
    what: &'static str,
    kind: &'static str,
    /// Changes the workload; what else the pipeline holds.
    edit: fn(&World, &mut Value) -> Option<Value>,
    /// How it is named, and its cause.
    cause: &'static [&'static str],
}

const ROWS: [Row; 6] = [
    Row {
        what: "an image that is not there",
        kind: "StatefulSet",
        edit: |world, it| {
            pod(it)["containers"][0]["image"] = format!("{}-absent:1", world.image()).into();
            None
        },
        cause: &["StatefulSet/it has 0 of 2 ready: image ", "-absent:1 of container it cannot be pulled"],
    },
    Row {
        what: "no node takes it",
        kind: "ReplicationController",
        edit: |_, it| {
            pod(it)["nodeSelector"] = json!({ "example.com/disk": "none" });
            None
        },
        cause: &[
            "ReplicationController/it has 0 of 2 ready: pod it-",
            "cannot be scheduled",
            "didn't match Pod's node affinity/selector",
        ],
    },
    Row {
        what: "its probe never says yes",
        kind: "ReplicaSet",
        edit: |world, it| {
            *it = ready_at(world, it.take(), "never");
            None
        },
        cause: &[
            "ReplicaSet/it has 0 of 2 ready: last warning, of Pod it-",
            "Unhealthy: Readiness probe failed",
        ],
    },
    Row {
        what: "a quota takes one of its pods",
        kind: "Deployment",
        // the listener's own pod is the first
        edit: |_, _| {
            Some(json!({ "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": "tight" },
                "spec": { "hard": { "pods": "2" } } }))
        },
        cause: &["Deployment/it has 1 of 2 ready: its pods cannot be created: ", "exceeded quota: tight"],
    },
    Row {
        what: "a Secret that it mounts is missing",
        kind: "Deployment",
        edit: |_, it| {
            pod(it)["volumes"] = json!([{ "name": "keys", "secret": { "secretName": "nowhere" } }]);
            pod(it)["containers"][0]["volumeMounts"] = json!([{ "name": "keys", "mountPath": "/keys" }]);
            None
        },
        cause: &[
            "Deployment/it has 0 of 2 ready: last warning, of Pod it-",
            "FailedMount: MountVolume.SetUp failed",
            "\"nowhere\" not found",
        ],
    },
    Row {
        what: "its ServiceAccount is missing, so that not even a pod is made",
        kind: "StatefulSet",
        edit: |_, it| {
            pod(it)["serviceAccountName"] = "nobody".into();
            None
        },
        cause: &[
            "StatefulSet/it has 0 of 2 ready: last warning, of StatefulSet it: FailedCreate: ",
            "service account",
        ],
    },
];

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_10_support_that_never_gets_ready_is_named_and_the_chain_goes_on() {
    let world = World::new("chain-10n");
    world.push("build-0001", "1", "exit 0");
    let parallel = (ROWS.len() + 1).to_string();
    let settings =
        [("studioci.dev/support-deadline", "20s"), ("studioci.dev/max-parallel", parallel.as_str())];
    let base = || vec![build(&world, &settings)];
    let file = world.file("p.yaml", &documents(&base()));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let good = Row { what: "nothing", kind: "Deployment", edit: |_, _| None, cause: &[] };
    // one chain, a push a row; they wait for their bounds beside each other
    for (generation, row) in (1..).zip(ROWS.iter().chain([&good])) {
        let mut all = base();
        let mut it = workload(&world, row.kind, "it", 2);
        all.extend((row.edit)(&world, &mut it));
        all.push(it);
        let text = documents(&all);
        let files = [("ci/.studioci/pipeline.yaml", text.as_str())];
        world.push_with(&format!("build-{:04}", generation + 1), row.what, "exit 0", &files, &[]);
        world.phase(generation + 1, "Listening");
    }
    for (generation, row) in (1..).zip(&ROWS) {
        assert_eq!(world.verdict(generation), "Errored", "{}", row.what);
        let build = world.phase(generation, "Finished");
        let namespace = build["metadata"]["name"].as_str().unwrap();
        let cause = build["status"]["cause"].as_str().unwrap();
        let begin = "support did not get ready within 20 s (annotation studioci.dev/support-deadline): ";
        assert!(cause.starts_with(begin), "{}: {cause}", row.what);
        for words in row.cause {
            assert!(cause.contains(words), "{}: {words:?} is not in {cause:?}", row.what);
        }
        let it = world.get(&[row.kind, "it", "-n", namespace]);
        assert_eq!(it["spec"]["replicas"], 0, "{}", row.what);
        assert_eq!(it["metadata"]["annotations"]["studioci.dev/replicas"], "2", "{}", row.what);
        let jobs = world.kubectl(&["get", "jobs", "-n", namespace, "-o", "name"]).ok();
        assert_eq!(jobs, "", "{}: there was no build", row.what);
    }
    assert_eq!(world.verdict(1 + ROWS.len() as u64), "Passed", "the chain goes on");
    // by hand it does not get ready either, and says why
    let first = world.namespace(1);
    let said = world.studioci(&["scale", "up", &first, "--wait", "--timeout", "5s"]);
    assert_eq!(said.out, "statefulset.apps/it scaled\n");
    let said = said.failed(4);
    let begin = format!(
        "error: support of build {first} is not ready after 5 s: statefulset.apps/it has 0 of 2 ready"
    );
    assert!(said.starts_with(&begin), "{said}");
}
