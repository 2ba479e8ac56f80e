//! `chain_05`: the build's pod is the pod that the template asks for, and support is there before it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::world::{World, documents};

/// Fails with the name of what is not as the template says.
const SCRIPT: &str = r#"
check() { if [ "$2" != "$3" ]; then echo "$1 is '$2', not '$3'"; exit 9; fi; }
check argument "$1" "two words"
check configMap "$(cat /config/file)" "of the ConfigMap"
check secret "$(cat /keys/TOKEN)" s3cret
check downwardAPI "$(cat /told/name)" "$POD"
check emptyDir "$(cat /work/tag)" "$STUDIOCI_TAG"
check envFrom.configMapRef "$COLOUR" blue
check envFrom.secretRef "$TOKEN" s3cret
check secretKeyRef "$PASSWORD" "pass word"
check reference "$WHERE" "$STUDIOCI_NAMESPACE at $STUDIOCI_TAG"
check folder "$(pwd)" /work
for name in CHAIN GENERATION NAMESPACE IMAGE TAG DIGEST REVISION PARENT; do
  env | grep "STUDIOCI_$name=" >>"/gate/env-$STUDIOCI_GENERATION" || exit 8
done
token=/var/run/secrets/kubernetes.io/serviceaccount/token
if [ -e "$token" ]; then cat "$token" >"/gate/token-$STUDIOCI_GENERATION"; fi
"#;

fn template(world: &World) -> Value {
    let image = format!("{}:build-0001", world.image());
    let gate = json!({ "name": "gate", "mountPath": "/gate" });
    json!({
        "metadata": { "labels": { "app": "build", "team": "blue" }, "annotations": { "example.com/a": "b" } },
        "spec": {
            "serviceAccountName": "builder",
            "terminationGracePeriodSeconds": 1,
            "securityContext": { "fsGroup": 1000 },
            "initContainers": [{
                "name": "checkout",
                "image": image,
                "command": ["sh", "-c", "echo $STUDIOCI_TAG >/work/tag"],
                "volumeMounts": [{ "name": "work", "mountPath": "/work" }],
            }],
            "containers": [
                {
                    "name": "helper",
                    "image": image,
                    "command": ["sleep", "infinity"],
                    "startupProbe": { "exec": { "command": ["false"] } },
                },
                {
                    "name": "build",
                    "image": image,
                    "command": ["sh", "/ci/build.sh"],
                    "args": ["two words"],
                    "workingDir": "/work",
                    "envFrom": [
                        { "configMapRef": { "name": "settings" } },
                        { "secretRef": { "name": "keys" } },
                    ],
                    "env": [
                        { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": "keys", "key": "PASSWORD" } } },
                        { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                        { "name": "WHERE", "value": "$(STUDIOCI_NAMESPACE) at $(STUDIOCI_TAG)" },
                    ],
                    "resources": { "requests": { "cpu": "10m", "memory": "16Mi" }, "limits": { "memory": "256Mi" } },
                    "volumeMounts": [
                        { "name": "files", "mountPath": "/config", "readOnly": true },
                        { "name": "keys", "mountPath": "/keys" },
                        { "name": "work", "mountPath": "/work" },
                        { "name": "told", "mountPath": "/told" },
                        gate,
                    ],
                },
            ],
            "volumes": [
                { "name": "files", "configMap": { "name": "files" } },
                { "name": "keys", "secret": { "secretName": "keys" } },
                { "name": "work", "emptyDir": { "sizeLimit": "10Mi" } },
                { "name": "told", "downwardAPI": { "items": [
                    { "path": "name", "fieldRef": { "fieldPath": "metadata.name" } },
                ] } },
                { "name": "gate", "hostPath": { "path": world.gates() } },
            ],
        },
    })
}

fn pipeline(world: &World, template: &Value) -> String {
    let gate = json!({ "name": "gate", "mountPath": "/gate" });
    let account = [json!({ "kind": "ServiceAccount", "name": "builder" })];
    documents(&[
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "COLOUR": "blue" } }),
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "files" },
            "data": { "file": "of the ConfigMap" } }),
        json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "keys" },
            "stringData": { "TOKEN": "s3cret", "PASSWORD": "pass word" } }),
        json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": { "name": "builder" } }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "builder" },
            "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"] }] }),
        json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": { "name": "builder" },
            "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "builder" },
            "subjects": account }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "db" }, "spec": {
            "selector": { "matchLabels": { "app": "db" } },
            "template": { "metadata": { "labels": { "app": "db" } }, "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [{
                    "name": "db",
                    "image": format!("{}:build-0001", world.image()),
                    "command": ["sleep", "infinity"],
                    "readinessProbe": { "exec": { "command": ["test", "-e", "/gate/db"] }, "periodSeconds": 1 },
                    "volumeMounts": [gate],
                }],
                "volumes": [{ "name": "gate", "hostPath": { "path": world.gates() } }],
            } },
        } }),
        json!({ "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "build", "annotations": {
                "keel.sh/policy": "glob:build-*", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1s",
                "studioci.dev/build-container": "build", "studioci.dev/deadline": "90m",
                // the build container works in a volume, where the image holds nothing
                "studioci.dev/pipeline-path": "/ci/.studioci/pipeline.yaml",
                "studioci.dev/revision-from-tag": "-(?P<revision>[0-9]+)$",
            } },
            "spec": { "selector": { "matchLabels": { "app": "build" } }, "template": template } }),
    ])
}

/// Everything that is asked for is there; says where the first difference is. Lists must be of one length.
fn holds(place: &str, there: &Value, asked: &Value) {
    match (there, asked) {
        (Value::Object(there), Value::Object(asked)) => {
            for (key, asked) in asked {
                holds(&format!("{place}.{key}"), there.get(key).unwrap_or(&Value::Null), asked);
            }
        }
        (Value::Array(items), Value::Array(wanted)) => {
            assert_eq!(items.len(), wanted.len(), "{place}: {there} instead of {asked}");
            for (number, (there, asked)) in items.iter().zip(wanted).enumerate() {
                holds(&format!("{place}[{number}]"), there, asked);
            }
        }
        _ => assert_eq!(there, asked, "{place}"),
    }
}

/// The pod that a build runs: the template's, but for what a build changes.
fn wanted(template: &Value, image: &str) -> Value {
    let mut pod = template.clone();
    let spec = pod["spec"].as_object_mut().unwrap();
    let mut build = spec["containers"][1].take();
    let mut helper = spec["containers"][0].take();
    let mut checkout = spec["initContainers"][0].take();
    helper.as_object_mut().unwrap().remove("startupProbe");
    helper["restartPolicy"] = "Always".into();
    for container in [&mut build, &mut helper, &mut checkout] {
        container["image"] = image.into();
        container["imagePullPolicy"] = "IfNotPresent".into();
    }
    spec.insert("initContainers".into(), json!([checkout, helper]));
    spec.insert("containers".into(), json!([build]));
    spec.insert("restartPolicy".into(), "Never".into());
    spec.insert("activeDeadlineSeconds".into(), 5400.into());
    pod
}

/// Takes our environment out of a container, and says what it was.
fn take_ours(container: &mut Value) -> Vec<(String, String)> {
    let env = container["env"].as_array_mut().unwrap();
    let (ours, theirs): (Vec<Value>, Vec<Value>) =
        env.drain(..).partition(|entry| entry["name"].as_str().unwrap().starts_with("STUDIOCI_"));
    *env = theirs;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ours.iter().map(|entry| (text(&entry["name"]), text(&entry["value"]))).collect()
}

fn build_pod(world: &World, namespace: &str) -> Value {
    let mut pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]);
    let pods = pods["items"].as_array_mut().unwrap();
    assert_eq!(pods.len(), 1);
    pods.remove(0)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_05_the_builds_pod_is_the_templates_pod() {
    let world = World::new("chain-05");
    world.push("build-0001", "1", SCRIPT);
    let mut template = template(&world);
    let file = world.file("p.yaml", &pipeline(&world, &template));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    let mark = world.mark();
    let digest = world.push("build-0002", "2", SCRIPT);

    // support comes up first, and what it lacks is said
    world.until("support that is not ready is named", || {
        let why = world.build(1)?["status"]["why"].as_str()?.to_owned();
        why.contains("Deployment/db has 0 of 1 ready").then_some(())
    });
    world.never("a Job before support is ready", Duration::from_secs(2), || {
        !world.get(&["jobs", "-n", &first])["items"].as_array().unwrap().is_empty()
    });
    world.open("db");
    assert_eq!(
        world.verdict(1),
        "Passed",
        "{:?}",
        world.kubectl(&["logs", "-n", &first, "job/studioci-build"])
    );
    support_came_first(&world, mark, &first);
    world.phase(1, "Finished");
    assert_eq!(world.get(&["deployment", "db", "-n", &first])["spec"]["replicas"], 0);

    let image = format!("{}:build-0002@{digest}", world.image());
    let mut pod = build_pod(&world, &first);
    let env = take_ours(&mut pod["spec"]["containers"][0]);
    let expected = [
        ("STUDIOCI_CHAIN", "chain-05"),
        ("STUDIOCI_GENERATION", "1"),
        ("STUDIOCI_NAMESPACE", &first),
        ("STUDIOCI_IMAGE", &image),
        ("STUDIOCI_TAG", "build-0002"),
        ("STUDIOCI_DIGEST", &digest),
        ("STUDIOCI_REVISION", "0002"),
        ("STUDIOCI_PARENT", ""),
    ];
    assert_eq!(env, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    for container in pod["spec"]["initContainers"].as_array_mut().unwrap() {
        assert_eq!(take_ours(container), env, "the same for every container");
    }
    holds("pod", &pod, &wanted(&template, &image));
    assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
    assert!(!world.was_opened("token-1"), "a token that nobody asked for");

    // who asks for a token gets that of the template's own account
    template["spec"]["automountServiceAccountToken"] = true.into();
    world.phase(2, "Listening");
    let text = pipeline(&world, &template);
    world.push_with("build-0003", "3", SCRIPT, &[("ci/.studioci/pipeline.yaml", &text)], &[]);
    assert_eq!(world.verdict(2), "Passed");
    let second = world.namespace(2);
    assert_eq!(build_pod(&world, &second)["spec"]["serviceAccountName"], "builder");
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": { "token": world.gate_text("token-2") } });
    let review = world.file("review.json", &review.to_string());
    let review: Value =
        serde_json::from_str(&world.kubectl(&["create", "-f", &review, "-o", "json"]).ok()).unwrap();
    let user = format!("system:serviceaccount:{second}:builder");
    assert_eq!(review["status"]["user"]["username"], user.as_str(), "{review}");
    let may =
        |verb: &str, what: &str| world.kubectl(&["auth", "can-i", verb, what, "--as", &user, "-n", &second]);
    may("get", "configmaps").ok();
    let _ = may("create", "deployments").failed(1);
    assert!(world.gate_text("env-2").contains(&format!("STUDIOCI_PARENT={first}\n")));
}

/// In the audit log: support applied → it turned ready → the Job.
fn support_came_first(world: &World, mark: test_cluster::audit::Mark, namespace: &str) {
    let requests = world.requests(mark);
    let place = |verb: &str, resource: &str, subresource: &str| {
        requests.iter().position(|event| {
            let object = &event.object_ref;
            (event.verb.as_str(), object.resource.as_str(), object.subresource.as_str())
                == (verb, resource, subresource)
                && object.namespace == namespace
                && !event.uri.contains("dryRun")
                && (resource == "jobs" || object.name == "db")
        })
    };
    let applied = place("patch", "deployments", "").expect("support was applied");
    let job = place("create", "jobs", "").expect("the Job was created");
    let told = requests[..job].iter().rposition(|event| {
        event.object_ref.subresource == "status"
            && (event.object_ref.resource.as_str(), event.object_ref.name.as_str()) == ("deployments", "db")
    });
    assert!(told.is_some_and(|told| applied < told), "{applied} {told:?} {job}");
}
