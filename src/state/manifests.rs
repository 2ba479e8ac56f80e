//! What `setup` installs, as it stands in `plugin/setup`, and how far a live object is from it. Pure.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::home::Home;
use crate::chain::wire;
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
            let key = key.replace('~', "~0").replace('/', "~1");
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
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::chain::{build::Map, rights};
    use crate::cluster::Resource;
    use crate::pipeline::weave::PodSecurity;

    fn names() -> Vec<String> {
        objects().iter().map(|object| format!("{} {}", key(object).0, key(object).1)).collect()
    }

    #[test]
    fn files_are_numbered_and_none_is_forgotten() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/plugin/setup");
        let mut there: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        there.sort();
        assert_eq!(FILES.map(|(name, _)| name.to_owned()).to_vec(), there);
    }

    #[test]
    fn every_object_is_known_and_stands_once() {
        for object in objects() {
            let (api_version, kind) = (object["apiVersion"].as_str().unwrap(), key(&object).0);
            assert!(Resource::of(api_version, kind).is_some(), "{api_version} {kind}");
        }
        let names = names();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    }

    #[test]
    fn policies_and_their_bindings_stand_before_the_roles() {
        assert_eq!(
            names(),
            [
                "Namespace studioci",
                "ValidatingAdmissionPolicy studioci-agent",
                "ValidatingAdmissionPolicyBinding studioci-agent",
                "ValidatingAdmissionPolicy studioci-rights",
                "ValidatingAdmissionPolicyBinding studioci-rights",
                "ValidatingAdmissionPolicy studioci-identity",
                "ValidatingAdmissionPolicyBinding studioci-identity",
                "ValidatingAdmissionPolicy studioci-listener",
                "ValidatingAdmissionPolicyBinding studioci-listener",
                "ClusterRole studioci-trusted",
                "ClusterRole studioci-workspace",
                "ClusterRole studioci-workspace-base",
                "ClusterRole studioci-agent",
                "ClusterRole studioci-user",
                "Role studioci-user",
            ]
        );
    }

    #[test]
    fn manifests_speak_of_the_names_on_the_wire() {
        let all = FILES.map(|(_, text)| text).concat();
        for name in [
            wire::CHAIN,
            wire::OWNER,
            wire::TRUSTED_BUILD,
            wire::ROLE,
            wire::CONFINEMENT,
            wire::FREEZE,
            wire::MANAGED_BY,
            rights::VIRTUAL_GROUP,
            rights::CHAINS,
            rights::PODSECURITY,
            rights::PREFIXES,
            rights::LENT,
            rights::ADDED_KEYS,
            rights::AGENT_IMAGES,
            rights::CONFINEMENT,
            wire::PREFIX,
            wire::LENT,
            wire::ADDED,
            wire::CHAIN_UUID,
            wire::GENERATION,
            wire::AGENT_ACCOUNT,
        ] {
            assert!(all.contains(name), "{name}");
        }
        for name in wire::POLICIES {
            assert!(
                names().contains(&format!("{POLICY} {name}"))
                    && names().contains(&format!("{BINDING} {name}"))
            );
        }
        for name in [wire::ROLE_AGENT, wire::ROLE_TRUSTED, wire::ROLE_USER, wire::ROLE_WORKSPACE] {
            assert!(names().contains(&format!("ClusterRole {name}")));
        }
        let prefixes = [
            wire::chain_object("'"),
            wire::history_object("'"),
            wire::record_object("'"),
            wire::seed_object("'"),
        ];
        for prefix in prefixes {
            assert!(FILES[2].1.contains(&format!("'{prefix}")), "{prefix}");
        }
    }

    #[test]
    fn every_policy_fails_closed_and_denies_everywhere() {
        for object in objects() {
            let spec = &object["spec"];
            match key(&object).0 {
                POLICY => {
                    assert_eq!(spec["failurePolicy"], "Fail");
                    assert!(number(&object) > 0);
                    let variables = spec["variables"].as_array().unwrap();
                    // What an expression may cost is bounded; one authorizer check is a third of it.
                    for text in variables.iter().chain(spec["validations"].as_array().unwrap()) {
                        let text = text["expression"].as_str().unwrap();
                        assert!(text.matches(".check(").count() <= 2, "{text}");
                    }
                }
                BINDING => {
                    assert_eq!(*spec, json!({ "policyName": key(&object).1, "validationActions": ["Deny"] }));
                }
                _ => {}
            }
        }
    }

    #[test]
    fn no_role_of_ours_holds_more_than_a_chain_needs() {
        for object in objects().iter().filter(|object| key(object).0.ends_with("Role")) {
            for rule in object["rules"].as_array().into_iter().flatten() {
                let has =
                    |field: &str, value: &str| rule[field].as_array().unwrap().iter().any(|it| it == value);
                assert!(!has("apiGroups", "*") && !has("resources", "*"), "{rule}");
                let guarded = ["serviceaccounts", "roles", "clusterroles", "namespaces"];
                if guarded.iter().any(|resource| has("resources", resource)) {
                    for verb in ["*", "escalate", "impersonate"] {
                        assert!(!has("verbs", verb), "{rule}");
                    }
                    assert!(!has("verbs", "bind") || rule["resourceNames"].is_array(), "{rule}");
                }
            }
        }
    }

    #[test]
    fn pod_security_is_named_alike_everywhere() {
        let labels: Map = PodSecurity::MODES
            .iter()
            .map(|mode| (format!("{}{mode}", PodSecurity::PREFIX), (*mode).to_owned()))
            .collect();
        assert_eq!(PodSecurity::read(&labels).name(), rights::pod_security(&labels));
        let in_policies = format!("['{}']", rights::POD_SECURITY_MODES.join("', '"));
        for at in [1, 2] {
            assert!(FILES[at].1.contains(&in_policies), "{}", FILES[at].0);
        }
    }

    #[test]
    fn what_is_printed_is_what_is_installed() {
        let added =
            rights::Added { labels: vec!["b".to_owned(), "a".to_owned()], ..rights::Added::default() };
        let home = Home { added, ..Home::unasked() };
        let mut expected = objects_of(&home);
        expected.push(config(&home));
        let printed = documents::read("print", &text(&home)).unwrap();
        assert_eq!(printed.into_iter().map(|document| document.value).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_changed_policy_is_another_one() {
        let policy = objects().remove(1);
        let mut live = policy.clone();
        live["metadata"]["resourceVersion"] = json!("7");
        live["status"] = json!({ "observedGeneration": 1 });
        assert!(same_spec(&live, &policy));
        let changes = [
            ("/spec/failurePolicy", json!("Ignore")),
            ("/spec/matchConstraints/namespaceSelector", json!({ "matchLabels": { "x": "y" } })),
            ("/spec/validations/0/expression", json!("true")),
            ("/spec/matchConditions/0/expression", json!("false")),
        ];
        for (pointer, value) in changes {
            let mut live = live.clone();
            *live.pointer_mut(pointer).unwrap() = value;
            assert!(!same_spec(&live, &policy), "{pointer}");
        }
        let mut live = live.clone();
        live["spec"]["paramKind"] = json!({ "apiVersion": "v1", "kind": "ConfigMap" });
        assert!(!same_spec(&live, &policy));
    }

    #[test]
    fn repair_changes_what_is_ours_and_nothing_else() {
        let role = json!({
            "kind": "ClusterRole",
            "metadata": { "name": "r", "labels": { "app/x": "1" } },
            "rules": [{ "verbs": ["get"] }],
        });
        let live = |change: Value| {
            let mut live = role.clone();
            live["metadata"]["resourceVersion"] = json!("7");
            live["metadata"]["labels"]["team"] = json!("theirs");
            merge(&mut live, &change);
            live
        };
        let test = json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" });
        let cases = [
            (json!({}), None),
            (json!({ "metadata": { "labels": { "more": "1" }, "annotations": { "x": "y" } } }), None),
            (
                json!({ "rules": [] }),
                Some(json!([test, { "op": "add", "path": "/rules", "value": [{ "verbs": ["get"] }] }])),
            ),
            (
                json!({ "metadata": { "labels": { "app/x": "2" } } }),
                Some(json!([test, { "op": "add", "path": "/metadata/labels/app~1x", "value": "1" }])),
            ),
            (
                json!({ "metadata": { "labels": null } }),
                Some(json!([test, { "op": "add", "path": "/metadata/labels", "value": { "app/x": "1" } }])),
            ),
            (
                json!({ "aggregationRule": { "clusterRoleSelectors": [] } }),
                Some(json!([test, { "op": "remove", "path": "/aggregationRule" }])),
            ),
        ];
        for (change, expected) in cases {
            assert_eq!(repair(&live(change.clone()), &role), expected, "{change}");
        }
    }

    #[test]
    fn the_rules_of_an_aggregated_role_are_the_servers() {
        let manifest =
            objects().into_iter().find(|it| key(it) == ("ClusterRole", wire::ROLE_WORKSPACE)).unwrap();
        let mut live = manifest.clone();
        live["rules"] = json!([{ "verbs": ["get"] }]);
        assert_eq!(repair(&live, &manifest), None);
    }

    /// RFC 7386.
    fn merge(target: &mut Value, patch: &Value) {
        let Some(fields) = patch.as_object() else {
            *target = patch.clone();
            return;
        };
        for (key, value) in fields {
            if value.is_null() {
                target.as_object_mut().unwrap().remove(key);
            } else {
                merge(&mut target[key], value);
            }
        }
    }
}
