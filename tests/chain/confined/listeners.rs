//! The one shape of what runs as an agent: who tries another one, and who moves more than the CI container's image.
//!
//! People who use the chain may write listeners there, so that nothing but the shape judges what they send.

use std::sync::OnceLock;

use serde_json::{Value, json};
use studioci::chain::wire;
use studioci::cluster::resource::*;
use studioci::pipeline::documents;
use studioci::pipeline::weave::{self, ListenerOf, PlanInput};
use test_cluster::Handle;
use test_cluster::settings::{PAUSE, REGISTRY};

use super::ask::Wanted::Allowed;
use super::ask::{Row, all, at, create, row};
use super::objects::*;
use super::who::*;

/// A listener as the product weaves it. Its agent finds no chain in home that it could serve, and the CI container tells
/// what there is to tell of an image that has nothing.
pub(crate) fn listener(namespace: &str) -> Value {
    let pod = json!({ "containers": [{ "name": "build", "image": format!("{REGISTRY}/{PAUSE}") }] });
    woven(namespace, json!({}), pod)
}

/// One that takes over everything that a listener may from its template.
fn rich() -> Value {
    let own = json!({ wire::LISTENER_SCHEDULING: "template", wire::PENDING_DEADLINE: "5m" });
    let terms = json!([{ "matchExpressions": [{ "key": "x", "operator": "Exists" }] }]);
    let pod = json!({
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } },
        "nodeSelector": { "kubernetes.io/arch": "amd64", "x": "y" },
        "tolerations": [{ "key": "x", "operator": "Exists" }],
        "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "x", "whenUnsatisfiable": "DoNotSchedule" }],
        "priorityClassName": "system-node-critical",
        "preemptionPolicy": "Never",
        "runtimeClassName": "x",
        "schedulerName": "x",
        "imagePullSecrets": [{ "name": "pull" }],
        "securityContext": { "fsGroup": 1, "fsGroupChangePolicy": "OnRootMismatch", "supplementalGroups": [2] },
        "containers": [{
            "name": "build", "image": format!("{REGISTRY}/{PAUSE}"), "workingDir": "/src",
            "securityContext": { "runAsUser": 1000, "runAsGroup": 1000 },
        }],
    });
    named(woven("ci-a-one", own, pod), "x")
}

fn woven(namespace: &str, own: Value, pod: Value) -> Value {
    static AGENT_IMAGE: OnceLock<String> = OnceLock::new();
    let agent_image = AGENT_IMAGE.get_or_init(|| Handle::from_env().unwrap().agent_image().unwrap());
    let mut annotations = own;
    annotations["keel.sh/policy"] = json!("force");
    annotations["keel.sh/matchTag"] = json!("true");
    let pipeline = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": "build", "annotations": annotations },
        "spec": {
            "selector": { "matchLabels": { "app": "build" } },
            "template": { "metadata": { "labels": { "app": "build" } }, "spec": pod },
        },
    });
    let settings = PlanInput {
        chain: chain_of(namespace).to_owned(),
        chain_uuid: "00000000-0000-4000-8000-000000000001".to_owned(),
        agent_image: agent_image.clone(),
        trusted_build: false,
        tag: None,
        by_hand: false,
        namespace: None,
        copied: Vec::new(),
    };
    let documents = documents::read("listener", &pipeline.to_string()).unwrap();
    let plan = weave::plan(&documents, &settings).unwrap_or_else(|faults| panic!("{faults:?}"));
    let mut listener = plan.listener(&ListenerOf { tag: &plan.build.image.tag, generation: 1 });
    weave::place(&mut listener, namespace);
    listener
}

/// The same under another name, its pod changed.
fn changed(edit: impl FnOnce(&mut Value)) -> Value {
    let mut it = named(listener("ci-a-one"), "x");
    edit(&mut it["spec"]["template"]["spec"]);
    it
}

/// The same, something else of it changed.
fn changed_around(place: &str, field: &str, value: Value) -> Value {
    let mut it = named(listener("ci-a-one"), "x");
    it.pointer_mut(place).unwrap()[field] = value;
    it
}

/// A listener for an image of Docker Hub, which Keel writes in another form than people do. It has no pod.
pub(crate) fn hub(namespace: &str) -> Value {
    let mut it = named(listener(namespace), "hub");
    it["spec"]["replicas"] = json!(0);
    it["spec"]["template"]["spec"]["containers"][1]["image"] = json!("docker.io/library/app:1");
    it
}

/// A Deployment like a listener, in a namespace of no chain, that does not run as an agent.
pub(crate) fn almost() -> Value {
    let mut it = named(listener("ci-plain"), "almost");
    it["spec"]["template"]["spec"].as_object_mut().unwrap().remove("serviceAccountName");
    it["spec"]["replicas"] = json!(0);
    it["metadata"]["labels"].as_object_mut().unwrap().remove(wire::ROLE);
    it
}

const INIT: &str = "/initContainers/0";
const OF_AGENT: &str = "/containers/0";
const OF_CI: &str = "/containers/1";

fn set(place: &'static str, field: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |pod: &mut Value| {
        let it = if place.is_empty() { pod } else { pod.pointer_mut(place).unwrap() };
        it[field] = value;
    }
}

fn push(list: &'static str, value: Value) -> impl FnOnce(&mut Value) {
    move |pod: &mut Value| pod.pointer_mut(list).unwrap().as_array_mut().unwrap().push(value)
}

/// Listeners of another shape. Each differs in one thing.
#[rustfmt::skip]
pub(crate) fn shapes() -> Vec<Row> {
    let token = || json!({ "name": "studioci-token", "mountPath": "/t", "readOnly": true });
    let privileged = || json!({ "privileged": true, "allowPrivilegeEscalation": true });
    let hook = || json!({ "postStart": { "exec": { "command": ["sh"] } } });
    let probe = || json!({ "exec": { "command": ["sh"] } });
    let server = || json!({ "name": "KUBERNETES_SERVICE_HOST", "value": "1.2.3.4" });
    let foreign = || json!({ "name": "more", "image": "i", "command": ["sh"] });
    let shape = |what: &str, wanted, edit: Box<dyn FnOnce(&mut Value)>| row(ALICE, format!("a listener with {what}"), create(changed(edit)), wanted);
    let around = |what: &str, wanted, place: &str, field: &str, value| row(ALICE, format!("a listener with {what}"), create(changed_around(place, field, value)), wanted);
    vec![
        row(ALICE, "a listener as the product writes it", create(named(changed(|_| {}), "x")).dry(), Allowed),
        row(ALICE, "one that takes over all that it may", create(rich()).dry(), Allowed),
        shape("a foreign init container", COMMANDS, Box::new(push("/initContainers", foreign()))),
        shape("an init container that holds the token", COMMANDS, Box::new(push("/initContainers", { let mut it = foreign(); it["volumeMounts"] = json!([token()]); it }))),
        shape("a third container", COMMANDS, Box::new(push("/containers", foreign()))),
        shape("one container alone", COMMANDS, Box::new(|pod: &mut Value| { pod["containers"].as_array_mut().unwrap().pop(); })),
        shape("the containers in another order", COMMANDS, Box::new(|pod: &mut Value| pod["containers"].as_array_mut().unwrap().swap(0, 1))),
        shape("the agent's name on another command", COMMANDS, Box::new(set(OF_AGENT, "command", json!(["sh", "-c", "id"])))),
        shape("one word more", COMMANDS, Box::new(set(OF_AGENT, "command", json!(["/kubectl-studioci", "agent", "run", "-v"])))),
        shape("no command for the agent", COMMANDS, Box::new(|pod: &mut Value| { pod["containers"][0].as_object_mut().unwrap().remove("command"); })),
        shape("the agent's command in the CI container", COMMANDS, Box::new(set(OF_CI, "command", json!(["/studioci/kubectl-studioci", "agent", "run"])))),
        shape("another image that installs", COMMANDS, Box::new(set(INIT, "image", json!("evil:1")))),
        shape("an agent from an image that setup does not permit", IMAGE, Box::new(|pod: &mut Value| { for list in ["initContainers", "containers"] { pod[list][0]["image"] = json!("evil:1"); } })),
        shape("another image for the agent", COMMANDS, Box::new(set(OF_AGENT, "image", json!("evil:1")))),
        shape("arguments for the agent", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "args", json!(["--kubeconfig", "/studioci-told/k"])))),
        shape("a hook in the CI container", PLAIN_CONTAINERS, Box::new(set(OF_CI, "lifecycle", hook()))),
        shape("a hook in the agent", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "lifecycle", hook()))),
        shape("a probe of the agent", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "livenessProbe", probe()))),
        shape("a probe of the CI container", PLAIN_CONTAINERS, Box::new(set(OF_CI, "readinessProbe", probe()))),
        shape("environment from elsewhere", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "envFrom", json!([{ "configMapRef": { "name": "x" } }])))),
        shape("a working directory for the agent", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "workingDir", json!("/studioci-told")))),
        shape("a last message written over the binary", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "terminationMessagePath", json!("/kubectl-studioci")))),
        shape("an init container that goes on", PLAIN_CONTAINERS, Box::new(set(INIT, "restartPolicy", json!("Always")))),
        shape("another API server", ENVIRONMENT, Box::new(push("/containers/0/env", server()))),
        shape("a variable of a Secret", ENVIRONMENT, Box::new(push("/containers/1/env", json!({ "name": "A", "valueFrom": { "secretKeyRef": { "name": "pull", "key": "x" } } })))),
        shape("somebody else's namespace", ENVIRONMENT, Box::new(|pod: &mut Value| pod["containers"][0]["env"][0] = json!({ "name": "STUDIOCI_NAMESPACE", "value": "ci-a-two" }))),
        shape("the token in the CI container", MOUNTS, Box::new(push("/containers/1/volumeMounts", token()))),
        shape("the token in the init container", MOUNTS, Box::new(push("/initContainers/0/volumeMounts", token()))),
        shape("told where the agent may write", MOUNTS, Box::new(|pod: &mut Value| pod["containers"][0]["volumeMounts"][0]["readOnly"] = json!(false))),
        shape("told over the agent's binary", MOUNTS, Box::new(|pod: &mut Value| pod["containers"][0]["volumeMounts"][0]["mountPath"] = json!("/"))),
        shape("the binary where the CI container may write", MOUNTS, Box::new(|pod: &mut Value| pod["containers"][1]["volumeMounts"][0]["readOnly"] = json!(false))),
        shape("a part of told in its place", MOUNTS, Box::new(|pod: &mut Value| pod["containers"][0]["volumeMounts"][0]["subPath"] = json!("a"))),
        shape("one volume more", VOLUMES, Box::new(push("/volumes", json!({ "name": "more", "emptyDir": {} })))),
        shape("a folder of the node", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][1] = json!({ "name": "studioci-told", "hostPath": { "path": "/" } }))),
        shape("told on disk", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][1]["emptyDir"] = json!({ "sizeLimit": "1Mi" }))),
        shape("a token for somebody else", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][2]["projected"]["sources"][0]["serviceAccountToken"]["audience"] = json!("vault"))),
        shape("another authority", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][2]["projected"]["sources"][1]["configMap"]["name"] = json!("mine"))),
        shape("the processes of its pod", POD_FIELDS, Box::new(set("", "shareProcessNamespace", json!(true)))),
        shape("the processes of its node", POD_FIELDS, Box::new(set("", "hostPID", json!(true)))),
        shape("the network of its node", POD_FIELDS, Box::new(set("", "hostNetwork", json!(true)))),
        shape("hosts of its own", POD_FIELDS, Box::new(set("", "hostAliases", json!([{ "ip": "1.2.3.4", "hostnames": ["kubernetes.default.svc"] }])))),
        shape("a resolver of its own", POD_FIELDS, Box::new(set("", "dnsConfig", json!({ "nameservers": ["1.2.3.4"] })))),
        shape("the usual token in all containers", POD_FIELDS, Box::new(set("", "automountServiceAccountToken", json!(true)))),
        shape("a user for all containers", POD_FIELDS, Box::new(set("", "securityContext", json!({ "runAsUser": 0, "seccompProfile": { "type": "RuntimeDefault" } })))),
        shape("a privileged CI container", CONTAINER_SECURITY, Box::new(set(OF_CI, "securityContext", privileged()))),
        shape("a privileged agent", CONTAINER_SECURITY, Box::new(set(OF_AGENT, "securityContext", privileged()))),
        shape("a capability in the CI container", CONTAINER_SECURITY, Box::new(|pod: &mut Value| pod["containers"][1]["securityContext"]["capabilities"]["add"] = json!(["NET_ADMIN"]))),
        shape("a CI container that writes to its root", CONTAINER_SECURITY, Box::new(|pod: &mut Value| pod["containers"][1]["securityContext"]["readOnlyRootFilesystem"] = json!(false))),
        shape("another CI container than it says", ENVIRONMENT, Box::new(|pod: &mut Value| pod["containers"][0]["env"][2]["value"] = json!("studioci-agent"))),
        shape("an agent without bounds", BOUNDED, Box::new(|pod: &mut Value| { pod["containers"][0].as_object_mut().unwrap().remove("resources"); })),
        shape("a CI container without a limit of memory", BOUNDED, Box::new(|pod: &mut Value| { pod["containers"][1]["resources"]["limits"].as_object_mut().unwrap().remove("memory"); })),
        shape("a device for the CI container", BOUNDED, Box::new(|pod: &mut Value| pod["containers"][1]["resources"]["limits"]["example.com/gpu"] = json!("1"))),
        shape("a port of the agent", PLAIN_CONTAINERS, Box::new(set(OF_AGENT, "ports", json!([{ "containerPort": 80 }])))),
        shape("another authority under its name", VOLUMES, Box::new(|pod: &mut Value| { let sources = &mut pod["volumes"][2]["projected"]["sources"]; sources[1]["configMap"]["items"][0]["path"] = json!("other"); sources[2]["downwardAPI"]["items"].as_array_mut().unwrap().push(json!({ "path": "ca.crt", "fieldRef": { "fieldPath": "metadata.annotations['studioci.dev/x']" } })); })),
        shape("an authority that need not be there", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][2]["projected"]["sources"][1]["configMap"]["optional"] = json!(true))),
        shape("another namespace than it runs in", VOLUMES, Box::new(|pod: &mut Value| pod["volumes"][2]["projected"]["sources"][2]["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"] = json!("metadata.name"))),
        shape("resources of the whole pod", POD_FIELDS, Box::new(set("", "resources", json!({ "limits": { "memory": "1Gi", "cpu": "2" } })))),
        shape("a claim to a device", POD_FIELDS, Box::new(set("", "resourceClaims", json!([{ "name": "x", "resourceClaimName": "x" }])))),
        shape("users of its own", POD_FIELDS, Box::new(set("", "hostUsers", json!(false)))),
        shape("a name of its own", POD_FIELDS, Box::new(set("", "hostname", json!("kubernetes")))),
        shape("another name for its host", POD_FIELDS, Box::new(set("", "hostnameOverride", json!("kubernetes")))),
        shape("a gate before it is scheduled", POD_FIELDS, Box::new(set("", "schedulingGates", json!([{ "name": "example.com/never" }])))),
        shape("a gate before it is ready", POD_FIELDS, Box::new(set("", "readinessGates", json!([{ "conditionType": "example.com/never" }])))),
        shape("the resolver of its node", POD_FIELDS, Box::new(set("", "dnsPolicy", json!("Default")))),
        shape("its platform by another field", POD_FIELDS, Box::new(set("", "os", json!({ "name": "linux" })))),
        around("an owner", OWNED, "/metadata", "ownerReferences", json!([owner("ci-b-other", json!({}))])),
        around("a finalizer", OWNED, "/metadata", "finalizers", finalizers()),
        around("two pods", DEPLOYMENT, "/spec", "replicas", json!(2)),
        around("a surge", DEPLOYMENT, "/spec/strategy/rollingUpdate", "maxSurge", json!(1)),
        around("a rollout that is paused", DEPLOYMENT, "/spec", "paused", json!(true)),
        around("a finalizer on its pods", TEMPLATE, "/spec/template/metadata", "finalizers", finalizers()),
        around("another profile of AppArmor", TEMPLATE, "/spec/template/metadata/annotations", "container.apparmor.security.beta.kubernetes.io/build", json!("unconfined")),
        around("a sidecar that a webhook puts in", TEMPLATE, "/spec/template/metadata/annotations", "sidecar.istio.io/userVolumeMount", json!("x")),
        around("a label that a webhook puts one in by", TEMPLATE, "/spec/template/metadata/labels", "sidecar.istio.io/inject", json!("true")),
        row(ALICE, "runs what she likes as the agent, in a namespace of her chain", create(workload("Deployment", "ci-a-one", "x", "support", pod_spec(AGENT))).dry(), COMMANDS),
        row(ALICE, "a StatefulSet as the agent", create(workload("StatefulSet", "ci-a-one", "x", "support", pod_spec(AGENT))).dry(), AGENTS_KIND),
        row(ALICE, "a ReplicaSet as the agent", create({ let mut it = listener("ci-a-one"); it["kind"] = json!("ReplicaSet"); it["metadata"]["name"] = json!("x"); it["spec"].as_object_mut().unwrap().remove("strategy"); it }).dry(), AGENTS_KIND),
        row(KEEL, "an ordinary Deployment turned into an agent, in a namespace of no chain", at(DEPLOYMENTS, "ci-plain", "almost").patch(json!({ "spec": { "template": { "spec": { "serviceAccountName": AGENT } } } })), AGENTS_PLACE),
    ]
}

/// What Keel, or anybody who may write Deployments everywhere, makes of a listener that is there.
#[rustfmt::skip]
pub(crate) fn updates() -> Vec<Row> {
    let there = || at(DEPLOYMENTS, "ci-a-one", "build");
    let pod = |spec: Value| json!({ "spec": { "template": { "spec": spec } } });
    let container = |name: &str, fields: Value| { let mut it = fields; it["name"] = json!(name); pod(json!({ "containers": [it] })) };
    let ci = |image: &str| container("build", json!({ "image": image }));
    let hub = || at(DEPLOYMENTS, "ci-a-one", "hub");
    let annotated = |key: &str, value: &str| there().patch(json!({ "spec": { "template": { "metadata": { "annotations": { key: value } } } } }));
    let images = || pod(json!({ "initContainers": [{ "name": "studioci-install", "image": "evil:1" }], "containers": [{ "name": "studioci-agent", "image": "evil:1" }] }));
    vec![
        row(KEEL, "moves the CI container's image", there().patch_within(ci(&format!("{REGISTRY}/pause:2"))).dry(), Allowed),
        row(KEEL, "pins it by digest", there().patch_within(ci(&format!("{REGISTRY}/pause:2@sha256:{}", "0".repeat(64)))).dry(), Allowed),
        row(KEEL, "moves it to another repository", there().patch_within(ci(&format!("{REGISTRY}/app:1"))), REPOSITORY),
        row(KEEL, "moves it to another registry", there().patch_within(ci("r.example/pause:1")), REPOSITORY),
        row(KEEL, "moves it to a repository below its own", there().patch_within(ci(&format!("{REGISTRY}/pause/x:1"))), REPOSITORY),
        row(ALICE, "moves it to another repository", there().patch_within(ci(&format!("{REGISTRY}/app:1"))), REPOSITORY),
        row(KEEL, "moves an image of Docker Hub, and writes it in its own way", hub().patch_within(ci("library/app:2")).dry(), Allowed),
        row(KEEL, "or in the shortest one", hub().patch_within(ci("app:2")).dry(), Allowed),
        row(KEEL, "moves an image of Docker Hub to another repository", hub().patch_within(ci("o/app:1")), REPOSITORY),
        row(KEEL, "and says when", there().patch(json!({ "spec": { "template": { "metadata": { "annotations": { "keel.sh/update-time": "x" } } } } })).dry(), Allowed),
        row(KEEL, "moves the agent's image too", there().patch_within(images()), MOVES),
        row(KEEL, "moves the agent's image alone", there().patch_within(container("studioci-agent", json!({ "image": "evil:1" }))), COMMANDS_OR_MOVES),
        row(KEEL, "another command for the agent", there().patch_within(container("studioci-agent", json!({ "command": ["sh"] }))), COMMANDS_OR_MOVES),
        row(KEEL, "another command for the CI container", there().patch_within(container("build", json!({ "command": ["sh"] }))), COMMANDS_OR_MOVES),
        row(KEEL, "another user for the agent", there().patch_within(container("studioci-agent", json!({ "securityContext": { "runAsUser": 0, "runAsNonRoot": false } }))), MOVES),
        row(KEEL, "less memory for the agent", there().patch_within(container("studioci-agent", json!({ "resources": { "limits": { "memory": "32Mi" } } }))), MOVES),
        row(KEEL, "another node for the listener", there().patch_within(pod(json!({ "nodeSelector": { "x": "y" } }))), MOVES),
        row(KEEL, "two pods", there().patch(json!({ "spec": { "replicas": 2 } })), DEPLOYMENT),
        row(KEEL, "no pod: the listener can be stopped, and not be turned", there().patch(json!({ "spec": { "replicas": 0 } })).dry(), Allowed),
        row(KEEL, "a rollout that is paused", there().patch(json!({ "spec": { "paused": true } })), DEPLOYMENT),
        row(KEEL, "a surge", there().patch(json!({ "spec": { "strategy": { "rollingUpdate": { "maxSurge": 1 } } } })), DEPLOYMENT),
        row(KEEL, "another strategy", there().patch(json!({ "spec": { "strategy": { "type": "Recreate", "rollingUpdate": null } } })), DEPLOYMENT),
        row(KEEL, "another owner for the listener", there().patch(json!({ "metadata": { "ownerReferences": [owner("ci-b-other", json!({}))] } })), OWNED),
        row(KEEL, "a finalizer on the listener", there().patch(json!({ "metadata": { "finalizers": finalizers() } })), OWNED),
        row(KEEL, "an owner by its status", at(DEPLOYMENTS, "ci-a-one", "build/status").patch(json!({ "metadata": { "ownerReferences": [owner("ci-b-other", json!({}))] } })), OWNED),
        row(KEEL, "a status", at(DEPLOYMENTS, "ci-a-one", "build/status").patch(json!({ "status": { "observedGeneration": 1 } })).dry(), Allowed),
        row(KEEL, "says why on the Deployment", there().patch(annotations(json!({ "kubernetes.io/change-cause": "x", "keel.sh/digest": "x" }))).dry(), Allowed),
        row(KEEL, "another profile of AppArmor", annotated("container.apparmor.security.beta.kubernetes.io/build", "unconfined"), TEMPLATE),
        row(KEEL, "an annotation by which a webhook puts a sidecar in", annotated("inject.istio.io/templates", "x"), TEMPLATE),
        row(KEEL, "an annotation of ours", annotated("studioci.dev/generation", "x"), TEMPLATE),
        row(KEEL, "restarts it, as kubectl does", annotated("kubectl.kubernetes.io/restartedAt", "x").dry(), Allowed),
        row(KEEL, "a label of its pods", there().patch(json!({ "spec": { "template": { "metadata": { "labels": { "x": "y" } } } } })), TEMPLATE),
        row(KEEL, "a finalizer on its pods", there().patch(json!({ "spec": { "template": { "metadata": { "finalizers": finalizers() } } } })), TEMPLATE),
        row(KEEL, "no bounds for the CI container", there().patch_within(container("build", json!({ "resources": null }))), BOUNDED_OR_MOVES),
        row(KEEL, "a later deadline", there().patch_within(pod(json!({ "terminationGracePeriodSeconds": 600 }))), MOVES),
        row(KEEL, "no agent any more, and another image", there().patch_within({ let mut it = images(); it["spec"]["template"]["spec"]["serviceAccountName"] = json!("default"); it["spec"]["template"]["spec"]["serviceAccount"] = json!("default"); it }), LEAVES_AGENT),
        row(KEEL, "the account of a build", there().patch_within(pod(json!({ "serviceAccountName": "builder", "serviceAccount": "builder" }))), LEAVES_AGENT),
        row(ALICE, "moves the agent's image too", there().patch_within(images()), MOVES),
        row(ALICE, "the ReplicaSets of the listener", all(REPLICA_SETS, "ci-a-one", "labelSelector=studioci.dev%2Frole%3Dlistener").get(), Allowed),
    ]
}
