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

/// What a chain `d` of a team needs, narrowed to it.
fn narrow_role(levels: &[&str]) -> Value {
    let narrowed = rights::Narrowed { chain: "d", levels };
    rights::of_team(&rights::Team { group: "devs", narrowed: Some(narrowed) }).remove(0)
}

/// Each single right of these rules: group, resource, verb, and a name or `*`.
fn single_rights(role: &Value) -> Vec<[String; 4]> {
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let all = rule[field].as_array().into_iter().flatten();
        all.map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for rule in role["rules"].as_array().unwrap() {
        let mut names = texts(rule, "resourceNames");
        if names.is_empty() {
            names.push("*".to_owned());
        }
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                for verb in texts(rule, "verbs") {
                    let of = |name: &String| [group.clone(), resource.clone(), verb.clone(), name.clone()];
                    all.extend(names.iter().map(of));
                }
            }
        }
    }
    all
}

/// The rights of a Role that another one does not hold.
fn beyond(role: &Value, held: &Value) -> Vec<[String; 4]> {
    let held = single_rights(held);
    let holds = |right: &[String; 4]| {
        held.iter().any(|it| it[..3] == right[..3] && (it[3] == "*" || it[3] == right[3]))
    };
    single_rights(role).into_iter().filter(|right| !holds(right)).collect()
}

fn role_of_users() -> Value {
    objects().into_iter().find(|it| key(it) == ("Role", wire::ROLE_USER)).unwrap()
}

#[test]
fn a_narrowed_team_holds_nothing_that_the_role_of_users_does_not() {
    for levels in [&[][..], &["restricted"], &["baseline", "restricted"]] {
        let role = narrow_role(levels);
        assert_eq!(beyond(&role, &role_of_users()), Vec::<[String; 4]>::new());
        assert_ne!(beyond(&role_of_users(), &role), Vec::<[String; 4]>::new(), "it is narrower");
    }
}

/// RBAC lets nobody hand on what they do not hold.
#[test]
fn a_narrowed_team_holds_what_it_hands_to_the_agents_of_its_chain_and_of_no_other() {
    let role = |chain: &str, prefix: &str, trusted: bool, pod_security: &Map| {
        let lent = rights::lent(&Map::new(), &Map::new());
        rights::chain_role(&rights::Grants { chain, trusted, pod_security, prefix, lent })
    };
    let enforced = |level: &str| Map::from([(format!("{}enforce", rights::POD_SECURITY), level.to_owned())]);
    let handed_on = |role: &Value, levels: &[&str]| beyond(role, &narrow_role(levels)).is_empty();
    let restricted = enforced("restricted");
    assert!(handed_on(&role("d", "d", false, &restricted), &["restricted"]));
    assert!(handed_on(&role("d", "d", false, &restricted), &["baseline", "restricted"]));
    assert!(handed_on(&role("d", "d", false, &Map::new()), &[]));
    for beyond in [
        role("d", "d", true, &restricted),
        role("d", "d", false, &enforced("baseline")),
        role("d", "d", false, &Map::new()),
        role("d", "kube", false, &restricted),
        role("e", "d", false, &restricted),
        role("d-1", "d", false, &restricted),
    ] {
        assert!(!handed_on(&beyond, &["restricted"]), "{beyond}");
    }
}

/// Its rows are what a right is for.
#[test]
fn the_page_has_a_row_for_each_right_of_a_narrowed_team() {
    let page = include_str!("../../docs/rights.md");
    let (_, table) = page.split_once("| rule of the Role in home |").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let rows: Vec<BTreeSet<&str>> = table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric()).collect())
        .collect();
    for [_, resource, verb, _] in single_rights(&narrow_role(&[])) {
        let row = rows.iter().any(|row| row.contains(resource.as_str()) && row.contains(verb.as_str()));
        assert!(row, "{verb} {resource}");
    }
}

#[test]
fn the_narrowed_role_of_the_security_page_is_the_one_that_setup_prints() {
    let page = include_str!("../../docs/security.md");
    let (_, block) = page.split_once("```yaml\nrules:\n").unwrap();
    let block = format!("rules:\n{}", block.split("```").next().unwrap());
    let said = documents::read_value("docs/security.md", &block).unwrap();
    assert_eq!(said["rules"], narrow_role(&["restricted"])["rules"]);
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
