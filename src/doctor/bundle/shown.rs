//! An object as others may see it.

use serde_json::{Map, Value, json};

use crate::chain::address::{server_without_credentials, without_credentials};
use crate::chain::wire;

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";
/// What is shown of an object's metadata besides labels and annotations.
const META: &[&str] = &[
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "finalizers",
    "ownerReferences",
    "labels",
];
/// Annotations whose values are shown: ours, Keel's, and what controllers write.
const ANNOTATIONS: &[&str] =
    &["studioci.dev/", "keel.sh/", "deployment.kubernetes.io/revision", "kubernetes.io/change-cause"];
/// What is shown of a pod's spec.
const POD: &[&str] = &[
    "serviceAccountName",
    "nodeName",
    "nodeSelector",
    "tolerations",
    "securityContext",
    "restartPolicy",
    "imagePullSecrets",
    "activeDeadlineSeconds",
    "terminationGracePeriodSeconds",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
];
/// What is shown of a container.
const CONTAINER: &[&str] = &[
    "name",
    "image",
    "imagePullPolicy",
    "resources",
    "ports",
    "volumeMounts",
    "securityContext",
    "restartPolicy",
];
/// What is shown of a workload's spec.
const WORKLOAD: &[&str] = &[
    "replicas",
    "selector",
    "strategy",
    "suspend",
    "backoffLimit",
    "activeDeadlineSeconds",
    "parallelism",
    "completions",
    "podFailurePolicy",
    "ttlSecondsAfterFinished",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
];
/// What is shown of an event.
const EVENT: &[&str] = &[
    "type",
    "reason",
    "message",
    "count",
    "firstTimestamp",
    "lastTimestamp",
    "eventTime",
    "involvedObject",
    "source",
    "series",
    "reportingComponent",
];
/// Variables of Keel's environment that `doctor` judges by, and that hold no secret.
const VARIABLES: &[&str] = &[
    "POLL",
    "RESTRICTED_NAMESPACE",
    "NAMESPACE",
    "POLL_DEFAULTSCHEDULE",
    "INSECURE_REGISTRY",
    "DEBUG",
    "HELM_PROVIDER",
];

/// What may be seen of an object: of a kind that is not known, its metadata.
pub fn shown(object: &Value) -> Value {
    let mut shown = only(object, &["apiVersion", "kind", "type"]);
    shown["metadata"] = meta(&object["metadata"]);
    let kind = object["kind"].as_str().unwrap_or_default();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            shown[key] = value;
        }
    };
    match kind {
        "Namespace" => put("status", object["status"].clone()),
        "Secret" => put("keys", keys(&object["data"])),
        "ConfigMap" => put("data", config(object)),
        "Pod" => {
            put("spec", pod(&object["spec"]));
            put("status", status(&object["status"]));
        }
        "Deployment" | "Job" | "ReplicaSet" | "StatefulSet" => {
            let mut spec = only(&object["spec"], WORKLOAD);
            let template = &object["spec"]["template"];
            spec["template"] =
                json!({ "metadata": meta(&template["metadata"]), "spec": pod(&template["spec"]) });
            put("spec", spec);
            put("status", object["status"].clone());
        }
        "Event" => {
            for key in EVENT {
                put(key, object[*key].clone());
            }
        }
        "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => {
            for key in ["rules", "aggregationRule", "roleRef", "subjects"] {
                put(key, object[key].clone());
            }
        }
        _ => {}
    }
    shown
}

/// The fields of these names.
fn only(object: &Value, keys: &[&str]) -> Value {
    let there = keys.iter().filter_map(|key| Some(((*key).to_owned(), object.get(*key)?.clone())));
    Value::Object(there.collect())
}

fn keys(map: &Value) -> Value {
    json!(map.as_object().into_iter().flat_map(Map::keys).collect::<Vec<_>>())
}

fn meta(meta: &Value) -> Value {
    let mut shown = only(meta, META);
    if let Some(all) = meta["annotations"].as_object() {
        let annotations = all.iter().map(|(key, value)| {
            let harmless = ANNOTATIONS.iter().any(|known| key.starts_with(known)) && !key.contains("webhook");
            (key.clone(), if harmless { value.clone() } else { json!(HIDDEN) })
        });
        shown["annotations"] = Value::Object(annotations.collect());
    }
    shown
}

fn pod(spec: &Value) -> Value {
    let mut shown = only(spec, POD);
    for key in ["initContainers", "containers", "ephemeralContainers"] {
        if let Some(all) = spec[key].as_array() {
            shown[key] = all.iter().map(container).collect();
        }
    }
    if let Some(all) = spec["volumes"].as_array() {
        shown["volumes"] = all.iter().map(volume).collect();
    }
    shown
}

/// A container without what it is told: any word of a command may be a password.
fn container(container: &Value) -> Value {
    let mut shown = only(container, CONTAINER);
    for key in ["command", "args"] {
        if let Some(words) = container[key].as_array() {
            shown[key] = json!(format!("{HIDDEN} ({} words)", words.len()));
        }
    }
    if let Some(all) = container["env"].as_array() {
        let variables = all.iter().map(|variable| {
            let name = variable["name"].as_str().unwrap_or_default();
            let mut shown = json!({ "name": name });
            if let Some(value) = variable["value"].as_str() {
                shown["value"] = json!(if VARIABLES.contains(&name) { value } else { HIDDEN });
            }
            if let Some(from) = variable.get("valueFrom") {
                shown["valueFrom"] = from.clone();
            }
            shown
        });
        shown["env"] = variables.collect();
    }
    if let Some(from) = container.get("envFrom") {
        shown["envFrom"] = from.clone();
    }
    shown
}

/// A volume by what it is and what it names.
fn volume(volume: &Value) -> Value {
    let mut shown = only(volume, &["name"]);
    for (kind, told) in volume.as_object().into_iter().flatten().filter(|(kind, _)| *kind != "name") {
        shown[kind] =
            only(told, &["secretName", "name", "claimName", "medium", "sizeLimit", "driver", "path"]);
    }
    shown
}

/// A pod's status without what its containers have left as their last words.
fn status(status: &Value) -> Value {
    let mut shown = status.clone();
    for key in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
        for one in shown[key].as_array_mut().into_iter().flatten() {
            for state in ["state", "lastState"] {
                if let Some(ended) = one[state]["terminated"].as_object_mut() {
                    ended.remove("message");
                }
            }
        }
    }
    shown
}

/// The data of a ConfigMap of ours; of another one its keys.
fn config(object: &Value) -> Value {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let home = object["metadata"]["namespace"] == wire::HOME;
    let data = object["data"].as_object();
    let texts = data.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
    let chain = object["metadata"]["labels"][wire::CHAIN].as_str().unwrap_or_default();
    let show = |key: &str, text: &str| -> Value {
        let size = || json!(format!("{HIDDEN} ({} bytes)", text.len()));
        if name == wire::FREEZE || (home && name == wire::chain_object(chain)) {
            // the pushed text
            return if key == "pipeline" { size() } else { json!(text) };
        }
        if home && name == wire::history_object(chain) {
            return json!(text);
        }
        if home && name == wire::record_object(chain) {
            return match key {
                "settings" => settings(text),
                "edition" => json!(text),
                _ => size(),
            };
        }
        if home && name == wire::HOME {
            return json!(if key.to_ascii_lowercase().contains("proxy") {
                server_without_credentials(text)
            } else {
                text.to_owned()
            });
        }
        json!(HIDDEN)
    };
    Value::Object(texts.map(|(key, text)| (key.to_owned(), show(key, text))).collect())
}

/// What `start` fixed, without values that it was given.
fn settings(text: &str) -> Value {
    let Ok(Value::Object(mut settings)) = serde_json::from_str(text) else { return json!(HIDDEN) };
    for key in ["env", "labels", "annotations"] {
        for value in
            settings.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
        {
            *value = json!(HIDDEN);
        }
    }
    if let Some(Value::String(remote)) = settings.get_mut("remote") {
        *remote = without_credentials(remote);
    }
    if let Some(publish) = settings.get_mut("publish").and_then(Value::as_object_mut) {
        publish.remove("webhookTemplate");
        publish.remove("link");
    }
    Value::Object(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word that must not be seen, with a number to tell by which way it came through.
    fn secret(number: usize) -> String {
        format!("hunter{number}")
    }

    #[test]
    fn of_an_object_only_what_is_known_to_be_harmless_is_shown() {
        let applied = "kubectl.kubernetes.io/last-applied-configuration";
        let meta = |name: &str, namespace: &str| {
            json!({ "name": name, "namespace": namespace, "labels": { wire::CHAIN: "app" },
                "managedFields": [{ "manager": secret(0) }],
                "annotations": { applied: secret(1), "studioci.dev/phase": "seen", "keel.sh/policy": "seen", "checksum/secret": secret(2),
                    "studioci.dev/webhook": secret(3) } })
        };
        let container = json!({ "name": "c", "image": "seen", "command": ["sh", secret(4)], "args": [secret(5)],
            "env": [{ "name": "TOKEN", "value": secret(6) }, { "name": "POLL", "value": "seen" },
                { "name": "FROM", "valueFrom": { "secretKeyRef": { "name": "seen", "key": "k" } } }],
            "livenessProbe": { "exec": { "command": [secret(7)] }, "httpGet": { "httpHeaders": [{ "value": secret(8) }] } },
            "lifecycle": { "preStop": { "exec": { "command": [secret(9)] } } } });
        let spec = json!({ "containers": [container], "initContainers": [container], "hostAliases": [secret(10)],
            "volumes": [{ "name": "v", "csi": { "driver": "seen", "volumeAttributes": { "password": secret(11) } } },
                { "name": "w", "secret": { "secretName": "seen" } }] });
        let ended = json!({ "containerStatuses": [{ "name": "c", "state": { "terminated": { "exitCode": 3, "message": secret(12) } },
            "lastState": { "terminated": { "reason": "seen", "message": secret(13) } } }] });
        let settings = json!({ "chain": "seen", "env": { "PASSWORD": secret(14) }, "remote": format!("https://me:{}@git.example/x", secret(15)),
            "publish": { "webhook": "seen", "webhookTemplate": { "text": secret(16) }, "link": secret(17) }, "labels": { "a": secret(18) } });
        let data = |data: Value| data;
        for (kind, name, namespace, more) in [
            ("Pod", "p", "ci-a", json!({ "spec": spec, "status": ended })),
            (
                "Deployment",
                "build",
                "ci-a",
                json!({ "spec": { "replicas": 1, "template": { "metadata": meta("t", ""), "spec": spec } } }),
            ),
            ("Job", "studioci-build", "ci-a", json!({ "spec": { "template": { "spec": spec } } })),
            (
                "Secret",
                "seen",
                "studioci",
                json!({ "type": "Opaque", "data": { "seen": secret(19) }, "stringData": { "b": secret(20) } }),
            ),
            (
                "ConfigMap",
                "chain-app",
                "studioci",
                data(json!({ "data": { "generation": "seen", "pipeline": secret(21) } })),
            ),
            (
                "ConfigMap",
                "record-app",
                "studioci",
                data(
                    json!({ "data": { "settings": settings.to_string(), "sources": secret(22), "facts": secret(23) } }),
                ),
            ),
            ("ConfigMap", "history-app", "studioci", data(json!({ "data": { "build.1": "seen" } }))),
            (
                "ConfigMap",
                "studioci",
                "studioci",
                data(
                    json!({ "data": { "agentImage": "seen", "httpsProxy": format!("http://me:{}@p:1", secret(24)) } }),
                ),
            ),
            (
                "ConfigMap",
                wire::FREEZE,
                "ci-a",
                data(json!({ "data": { "tag": "seen", "pipeline": secret(25) } })),
            ),
            ("ConfigMap", "chain-app", "ci-a", data(json!({ "data": { "seen": secret(26) } }))),
            (
                "ConfigMap",
                "record-app",
                "ci-a",
                data(
                    json!({ "data": { "seen": secret(27), "settings": secret(28) }, "binaryData": { "b": secret(29) } }),
                ),
            ),
            ("Role", "r", "ci-a", json!({ "rules": [{ "resources": ["seen"] }], "more": secret(30) })),
            (
                "Unheard",
                "u",
                "ci-a",
                json!({ "spec": secret(31), "status": secret(32), "data": { "a": secret(33) } }),
            ),
        ] {
            let mut object = json!({ "apiVersion": "v1", "kind": kind, "metadata": meta(name, namespace) });
            object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let shown = shown(&object).to_string();
            assert!(!shown.contains("hunter"), "{kind} {name} in {namespace}: {shown}");
            assert!(shown.matches("seen").count() > 2 || kind == "Unheard", "{kind} {name}: {shown}");
            assert!(shown.contains("checksum/secret"), "that it is there is shown");
        }
    }

    #[test]
    fn what_an_event_says_is_shown() {
        let event = json!({ "kind": "Event", "metadata": { "name": "e" }, "reason": "Failed", "message": "no node",
            "involvedObject": { "name": "p" }, "related": { "x": 1 } });
        let shown = shown(&event);
        assert_eq!((&shown["message"], &shown["related"]), (&json!("no node"), &Value::Null));
    }
}
