//! What `setup` installs, as it stands in `plugin/setup`, and how far a live object is from it. Pure.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::home::Home;
use crate::chain::wire;
use crate::keel::pointer::escaped;
use crate::pipeline::documents;

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../../plugin/setup/", $name)))),*]
    };
}

/// Names and texts of the manifests, in the order in which they are installed: a policy stands before the roles whose
/// use it judges.
pub const FILES: [(&str, &str); 11] = files![
    "10-home.yaml",
    "20-policy-agent.yaml",
    "21-policy-rights.yaml",
    "22-policy-identity.yaml",
    "23-policy-listener.yaml",
    "30-role-trusted.yaml",
    "31-role-workspace.yaml",
    "32-role-workspace-base.yaml",
    "33-role-agent.yaml",
    "34-role-user.yaml",
    "35-role-user-home.yaml",
];

/// Kind of an admission policy.
pub const POLICY: &str = "ValidatingAdmissionPolicy";
/// Kind of its binding.
pub const BINDING: &str = "ValidatingAdmissionPolicyBinding";

/// What stands in the manifests for the agent image that home names.
const AGENT_IMAGE: &str = "agent-image-of-home";
/// And for the keys that webhooks put on namespaces, as the right to them is named.
const ADDED_KEYS: &str = "added-keys-of-home";

/// Every object of the manifests, in order, as home has it.
pub fn objects_of(home: &Home) -> Vec<Value> {
    let mut objects = objects();
    for object in &mut objects {
        // an index would make what is not there
        let rules = object.get_mut("rules").and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten() {
            let names = rule.get_mut("resourceNames").and_then(Value::as_array_mut);
            for name in names.into_iter().flatten() {
                if *name == AGENT_IMAGE {
                    *name = json!(home.agent_image);
                } else if *name == ADDED_KEYS {
                    *name = json!(home.added.name());
                }
            }
        }
    }
    objects
}

/// Every object of the manifests, in order. What the roles allow of home is left open ([`objects_of`]).
pub fn objects() -> Vec<Value> {
    static READ: LazyLock<Vec<Value>> = LazyLock::new(|| {
        FILES
            .iter()
            .flat_map(|(name, text)| {
                documents::read(name, text).expect("the manifests are part of the program")
            })
            .map(|document| document.value)
            .collect()
    });
    READ.clone()
}

/// Home's configuration: the layout that is written there, and the image that brings the agent into listeners.
/// Installed last: where it stands, the rest does.
pub fn config(home: &Home) -> Value {
    let mut data = json!({
        wire::HOME_KEY_VERSION: home.version, wire::HOME_KEY_AGENT_IMAGE: home.agent_image,
    });
    if !home.added.is_empty() {
        data[wire::HOME_KEY_ADDED] = json!(home.added.name());
    }
    let proxies =
        [(wire::HOME_KEY_PROXY, &home.proxies.https), (wire::HOME_KEY_NO_PROXY, &home.proxies.none_for)];
    for (key, value) in proxies {
        if let Some(value) = value {
            data[key] = json!(value);
        }
    }
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": wire::HOME_CONFIG,
            "namespace": wire::HOME,
            "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE },
        },
        "data": data,
    })
}

/// The manifests with their comments, and home's configuration, as one text for `kubectl apply -f -`.
pub fn text(home: &Home) -> String {
    let config = documents::write(&config(home));
    let texts: Vec<&str> = FILES.iter().map(|(_, text)| *text).chain([config.as_str()]).collect();
    // a name with line breaks stands in quotes, as JSON writes it and YAML reads it
    let added = json!(home.added.name()).to_string();
    texts.join("---\n").replace(AGENT_IMAGE, &home.agent_image).replace(ADDED_KEYS, &added)
}

/// `kind` and name of an object.
pub fn key(object: &Value) -> (&str, &str) {
    (object["kind"].as_str().unwrap_or_default(), object["metadata"]["name"].as_str().unwrap_or_default())
}

/// The number of the confinement that an object says it belongs to; 0 if it says nothing.
pub fn number(object: &Value) -> u64 {
    let told = object["metadata"]["annotations"][wire::CONFINEMENT].as_str();
    told.and_then(|number| number.parse().ok()).unwrap_or(0)
}

/// The number of the confinement that this program brings.
pub fn own_number() -> u64 {
    objects().iter().map(number).max().unwrap_or(0)
}

/// Whether a live policy or binding says exactly what the manifest says.
///
/// The manifests spell every default out, so that the API server gives `spec` back as it got it.
pub fn same_spec(live: &Value, manifest: &Value) -> bool {
    live["spec"] == manifest["spec"]
}

/// The fields that belong to us as a whole. Labels, annotations and data are ours key by key.
const WHOLE: [&str; 3] = ["spec", "rules", "aggregationRule"];
/// The fields that are ours key by key, as JSON pointers.
const BY_KEY: [&str; 3] = ["/metadata/labels", "/metadata/annotations", "/data"];

/// The JSON patch that makes a live object what the manifest says; `None` if it is that already.
///
/// It begins with a test of the version that was read. What others added by keys of their own stays.
pub fn repair(live: &Value, manifest: &Value) -> Option<Value> {
    let mut steps = Vec::new();
    for field in WHOLE {
        let (is, wanted) = (&live[field], &manifest[field]);
        // The rules of an aggregated role are the API server's, a namespace's spec likewise.
        let gathered = field == "rules" && !manifest["aggregationRule"].is_null();
        if gathered || manifest["kind"] == "Namespace" || is == wanted {
            continue;
        }
        steps.push(if wanted.is_null() {
            json!({ "op": "remove", "path": format!("/{field}") })
        } else {
            json!({ "op": "add", "path": format!("/{field}"), "value": wanted })
        });
    }
    for pointer in BY_KEY {
        let Some(wanted) = manifest.pointer(pointer).and_then(Value::as_object) else { continue };
        let Some(is) = live.pointer(pointer).and_then(Value::as_object) else {
            steps.push(json!({ "op": "add", "path": pointer, "value": wanted }));
            continue;
        };
        for (key, value) in wanted.iter().filter(|(key, value)| is.get(*key) != Some(value)) {
            let key = escaped(key);
            steps.push(json!({ "op": "add", "path": format!("{pointer}/{key}"), "value": value }));
        }
    }
    if steps.is_empty() {
        return None;
    }
    let version = &live["metadata"]["resourceVersion"];
    steps.insert(0, json!({ "op": "test", "path": "/metadata/resourceVersion", "value": version }));
    Some(Value::Array(steps))
}

#[cfg(test)]
#[path = "manifests_tests.rs"]
mod tests;
