//! The objects that the requests bring: those of the product from its own code, the others as somebody would write them
//! who tries what he may not.

use serde_json::{Value, json};
use studioci::chain::build::Map;
use studioci::chain::rights::{self, Grants};
use studioci::chain::wire;
use test_cluster::settings::{PAUSE, REGISTRY};

use super::ask::Ask;
pub(crate) use super::listeners::listener;
use super::who::chain_of;

pub(crate) const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC_V1: &str = "rbac.authorization.k8s.io/v1";

/// Pod Security labels with which chain `a` was started.
pub(crate) const BASELINE: [(&str, &str); 2] = [
    ("pod-security.kubernetes.io/enforce", "baseline"),
    ("pod-security.kubernetes.io/enforce-version", "latest"),
];
/// Those that a narrowed person may give.
pub(crate) const RESTRICTED: [(&str, &str); 2] = [
    ("pod-security.kubernetes.io/enforce", "restricted"),
    ("pod-security.kubernetes.io/enforce-version", "latest"),
];

/// A map of labels.
pub(crate) fn map(labels: &[(&str, &str)]) -> Map {
    labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// A chain's Namespace as a claim makes it.
pub(crate) fn namespace(name: &str, chain: &str, labels: &[(&str, &str)]) -> Value {
    let mut object = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain },
            "annotations": {
                wire::OWNER: "5f0d1b1e-0000-4000-8000-000000000000",
                wire::CHAIN_UUID: "5f0d1b1e-0000-4000-8000-000000000001",
                wire::GENERATION: "1",
                wire::PREFIX: PREFIX,
                wire::LENT: lent_of(chain),
            },
        },
    });
    let (lent_labels, lent_annotations) = lends(chain);
    for (key, value) in labels.iter().chain(lent_labels) {
        object["metadata"]["labels"][*key] = json!(value);
    }
    for (key, value) in lent_annotations {
        object["metadata"]["annotations"][*key] = json!(value);
    }
    object
}

/// What the names of all chains' namespaces begin with here.
pub(crate) const PREFIX: &str = "ci";

/// A key that a webhook of this cluster might put on namespaces, and the right to it; an administrator has granted that to
/// the agents of chain `a` and to people.
pub(crate) const WEBHOOKS: &str = "mesh.example/rev";
pub(crate) const ADDED: &str = "v1\nl:mesh.example/rev";

type Pairs = &'static [(&'static str, &'static str)];

/// The labels and annotations that a chain's namespaces are lent.
fn lends(chain: &str) -> (Pairs, Pairs) {
    match chain {
        "a" => (&[("team", "blue")], &[("note", "hello = world")]),
        _ => (&[], &[]),
    }
}

/// The same, as the right to it is named.
pub(crate) fn lent_of(chain: &str) -> String {
    let (labels, annotations) = lends(chain);
    rights::lent(&map(labels), &map(annotations))
}

/// A chain's Role in home.
pub(crate) fn chain_role(chain: &str, trusted: bool, security: &[(&str, &str)]) -> Value {
    let pod_security = &map(security);
    rights::chain_role(&Grants { chain, trusted, pod_security, prefix: PREFIX, lent: lent_of(chain) })
}

/// An object with a label or an annotation more, or another one.
pub(crate) fn with(mut object: Value, kind: &str, key: &str, value: &str) -> Value {
    object["metadata"][kind][key] = json!(value);
    object
}

/// The same object with owners, or finalizers.
pub(crate) fn held(mut object: Value, field: &str, value: Value) -> Value {
    object["metadata"][field] = value;
    object
}

/// What holds a deletion up.
pub(crate) fn finalizers() -> Value {
    json!(["example.com/held"])
}

/// A reference to a Namespace, its uid filled in when the request is sent, with another field.
pub(crate) fn owner(namespace: &str, more: Value) -> Value {
    let mut owner = json!({ "apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": "" });
    owner.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    owner
}

/// The same where builds are trusted.
pub(crate) fn trusting(mut namespace: Value) -> Value {
    namespace["metadata"]["annotations"][wire::TRUSTED_BUILD] = json!("true");
    namespace
}

/// An object without one of its fields.
pub(crate) fn without(mut object: Value, map: &str, key: &str) -> Value {
    object["metadata"][map].as_object_mut().unwrap().remove(key).unwrap();
    object
}

/// A patch of labels; `null` takes one away.
pub(crate) fn labels(labels: Value) -> Value {
    json!({ "metadata": { "labels": labels } })
}

/// A patch of annotations; `null` takes one away.
pub(crate) fn annotations(annotations: Value) -> Value {
    json!({ "metadata": { "annotations": annotations } })
}

/// A build's namespace for the product's builders; uids are filled in when the request is sent.
pub(crate) fn there<'a>(namespace: &'a str, chain: &'a str) -> rights::BuildNamespace<'a> {
    rights::BuildNamespace { chain, namespace, uid: "" }
}

/// `kind` is `v1`'s.
pub(crate) fn object(kind: &str, namespace: &str, name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": kind, "metadata": { "name": name, "namespace": namespace } })
}

/// Writes a Namespace as who finalizes it may; it stays finalized by the server alone.
pub(crate) fn finalized(mut namespace: Value) -> Ask {
    namespace["spec"] = json!({ "finalizers": ["kubernetes"] });
    let path = format!("/api/v1/namespaces/{}/finalize", namespace["metadata"]["name"].as_str().unwrap());
    Ask::new("PUT", path, namespace)
}

/// An object of a chain in home; its label lets a later proof sweep it away.
pub(crate) fn at_home(kind: &str, name: &str, chain: &str) -> Value {
    let mut object = object(kind, wire::HOME, name);
    object["metadata"]["labels"] = json!({ wire::CHAIN: chain });
    object
}

/// A Secret that asks for a token of a ServiceAccount.
pub(crate) fn token_secret(namespace: &str, name: &str, account: &str) -> Value {
    let mut secret = object("Secret", namespace, name);
    secret["type"] = json!("kubernetes.io/service-account-token");
    secret["metadata"]["annotations"] = json!({ "kubernetes.io/service-account.name": account });
    secret
}

pub(crate) fn user(name: &str) -> Value {
    json!({ "kind": "User", "apiGroup": RBAC_GROUP, "name": name })
}

pub(crate) fn group(name: &str) -> Value {
    json!({ "kind": "Group", "apiGroup": RBAC_GROUP, "name": name })
}

pub(crate) fn account(namespace: &str, name: &str) -> Value {
    json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace })
}

/// The agent of a namespace of the cast, as a subject.
pub(crate) fn agent(namespace: &str) -> Value {
    account(namespace, &wire::agent_account(chain_of(namespace)))
}

fn binding(kind: &str, metadata: Value, role: &str, subjects: Vec<Value>) -> Value {
    let (role_kind, name) = role.split_once('/').unwrap();
    json!({
        "apiVersion": RBAC_V1,
        "kind": kind,
        "metadata": metadata,
        "roleRef": { "apiGroup": RBAC_GROUP, "kind": role_kind, "name": name },
        "subjects": subjects,
    })
}

/// A RoleBinding called `x`; `role` is `ClusterRole/NAME` or `Role/NAME`.
pub(crate) fn bind(namespace: &str, role: &str, subject: Value) -> Value {
    binding("RoleBinding", json!({ "name": "x", "namespace": namespace }), role, vec![subject])
}

/// A ClusterRoleBinding called `x`.
pub(crate) fn bind_everywhere(role: &str, subjects: impl IntoIterator<Item = Value>) -> Value {
    let role = format!("ClusterRole/{role}");
    binding("ClusterRoleBinding", json!({ "name": "x" }), &role, subjects.into_iter().collect())
}

/// The same object under another name.
pub(crate) fn named(mut object: Value, name: &str) -> Value {
    object["metadata"]["name"] = json!(name);
    object
}

/// The same object, owned by a Namespace.
pub(crate) fn owned(mut object: Value, namespace: &str) -> Value {
    object["metadata"]["ownerReferences"] = json!([owner(namespace, json!({}))]);
    object
}

/// A rule of a role: `GROUP:RESOURCE,…` (without `GROUP:` for core), verbs, names.
pub(crate) fn rule(resources: &str, verbs: &[&str], names: &[&str]) -> Value {
    let (group, resources) = resources.split_once(':').unwrap_or(("", resources));
    let resources: Vec<&str> = resources.split(',').collect();
    let mut rule = json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
    if !names.is_empty() {
        rule["resourceNames"] = json!(names);
    }
    rule
}

pub(crate) fn role(namespace: &str, name: &str, rules: impl IntoIterator<Item = Value>) -> Value {
    let rules: Vec<Value> = rules.into_iter().collect();
    json!({
        "apiVersion": RBAC_V1,
        "kind": "Role",
        "metadata": { "name": name, "namespace": namespace },
        "rules": rules,
    })
}

pub(crate) fn cluster_role(name: &str, rules: impl IntoIterator<Item = Value>) -> Value {
    let rules: Vec<Value> = rules.into_iter().collect();
    json!({ "apiVersion": RBAC_V1, "kind": "ClusterRole", "metadata": { "name": name }, "rules": rules })
}

/// A pod that runs as a ServiceAccount, by an image that waits for ever whatever it is told.
pub(crate) fn pod_spec(account: &str) -> Value {
    json!({
        "serviceAccountName": account,
        "automountServiceAccountToken": false,
        "terminationGracePeriodSeconds": 0,
        "containers": [{
            "name": "build",
            "image": format!("{REGISTRY}/{PAUSE}"),
            "command": ["/pause", "agent", "run"],
        }],
    })
}

/// A workload of any kind that has pods.
pub(crate) fn workload(kind: &str, namespace: &str, name: &str, role: &str, mut spec: Value) -> Value {
    let selector = json!({ "matchLabels": { "app": name } });
    if matches!(kind, "Job" | "CronJob") {
        spec["restartPolicy"] = json!("Never");
    }
    let template = json!({ "metadata": { "labels": { "app": name } }, "spec": spec });
    let (version, spec) = match kind {
        "Pod" => ("v1", spec),
        "PodTemplate" => ("v1", Value::Null),
        "ReplicationController" => ("v1", json!({ "replicas": 0, "template": template })),
        "Job" => ("batch/v1", json!({ "suspend": true, "template": template })),
        "CronJob" => {
            let job = json!({ "spec": { "template": template } });
            ("batch/v1", json!({ "schedule": "0 0 1 1 *", "suspend": true, "jobTemplate": job }))
        }
        "DaemonSet" => ("apps/v1", json!({ "selector": selector, "template": template })),
        _ => ("apps/v1", json!({ "replicas": 0, "selector": selector, "template": template })),
    };
    let mut object = json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": { "name": name, "namespace": namespace, "labels": { wire::ROLE: role } },
        "spec": spec,
    });
    match kind {
        "StatefulSet" => object["spec"]["serviceName"] = json!("x"),
        "PodTemplate" => {
            object.as_object_mut().unwrap().remove("spec");
            object["template"] = template;
        }
        _ => {}
    }
    object
}

/// An Event about an object of that kind, as an agent says of its Namespace what happened to a build.
pub(crate) fn event(namespace: &str, name: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": namespace },
        "involvedObject": { "apiVersion": "v1", "kind": kind, "name": namespace, "namespace": namespace },
        "reason": "Passed", "message": "Passed after 7m5s", "type": "Normal", "source": { "component": "studioci" },
    })
}

/// The same by the group of Events.
pub(crate) fn event_of_its_group(namespace: &str, name: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": { "name": name, "namespace": namespace },
        "regarding": { "apiVersion": "v1", "kind": kind, "name": namespace, "namespace": namespace },
        "reason": "Passed", "note": "Passed after 7m5s", "type": "Normal", "action": "Built",
        "eventTime": "2026-11-24T20:00:00.000000Z", "reportingController": "studioci", "reportingInstance": "x",
    })
}
