//! Manifests as they stand in the folder, and how far a live object is from one.

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
            names().contains(&format!("{POLICY} {name}")) && names().contains(&format!("{BINDING} {name}"))
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
            let has = |field: &str, value: &str| rule[field].as_array().unwrap().iter().any(|it| it == value);
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
    assert_eq!(PodSecurity::read(&labels).values.join(","), rights::pod_security(&labels));
    let in_policies = format!("['{}']", rights::POD_SECURITY_MODES.join("', '"));
    for at in [1, 2] {
        assert!(FILES[at].1.contains(&in_policies), "{}", FILES[at].0);
    }
}

#[test]
fn what_is_printed_is_what_is_installed() {
    let added = rights::Added { labels: vec!["b".to_owned(), "a".to_owned()], ..rights::Added::default() };
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
    let manifest = objects().into_iter().find(|it| key(it) == ("ClusterRole", wire::ROLE_WORKSPACE)).unwrap();
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
