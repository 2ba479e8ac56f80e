//! Tests of the objects that give rights.

use std::collections::BTreeSet;

use super::*;

const UID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

fn there() -> BuildNamespace<'static> {
    BuildNamespace { chain: "app-main", namespace: "ci-eager-hopper", uid: UID }
}

fn names(objects: &[Value]) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    objects
        .iter()
        .map(|object| {
            let meta = &object["metadata"];
            format!("{} {}/{}", text(&object["kind"]), text(&meta["namespace"]), text(&meta["name"]))
        })
        .collect()
}

#[test]
fn what_an_agent_gets() {
    assert_eq!(
        names(&of_agent(&there(), false)),
        [
            "ServiceAccount ci-eager-hopper/studioci-agent.app-main",
            "RoleBinding ci-eager-hopper/studioci-agent",
            "RoleBinding studioci/studioci-agent.app-main:ci-eager-hopper:0a1b2c3d",
            "ClusterRoleBinding -/studioci-agent.app-main:ci-eager-hopper:0a1b2c3d",
        ]
    );
    let trusted = of_agent(&there(), true);
    assert_eq!(names(&trusted)[2], "RoleBinding ci-eager-hopper/studioci-trusted");
    assert_eq!(trusted.len(), 5);
}

#[test]
fn what_lives_outside_the_namespace_is_owned_by_it() {
    for object in of_agent(&there(), true) {
        let own = object["metadata"]["namespace"] == "ci-eager-hopper";
        let owners = &object["metadata"]["ownerReferences"];
        if own {
            assert!(owners.is_null(), "{object}");
        } else {
            assert_eq!(
                *owners,
                json!([{ "apiVersion": "v1", "kind": "Namespace", "name": "ci-eager-hopper", "uid": UID }])
            );
        }
    }
}

#[test]
fn another_agents_binding_is_owned_by_its_own_namespace() {
    let bindings = bind_predecessor(&there(), "ci-bold-curie", "ffff", true);
    assert_eq!(
        names(&bindings),
        [
            "RoleBinding ci-eager-hopper/studioci-from-ci-bold-curie",
            "RoleBinding ci-eager-hopper/studioci-trusted-from-ci-bold-curie"
        ]
    );
    for binding in &bindings {
        assert_eq!(binding["metadata"]["ownerReferences"][0]["name"], "ci-bold-curie");
        assert_eq!(binding["metadata"]["ownerReferences"][0]["uid"], "ffff");
        assert_eq!(binding["subjects"], json!([agent_of("app-main", "ci-bold-curie")]));
    }
    assert_eq!(bind_predecessor(&there(), "ci-bold-curie", "ffff", false), bindings[..1]);
}

#[test]
fn a_name_that_is_used_again_makes_another_binding() {
    let of = |uid| of_agent(&BuildNamespace { uid, ..there() }, false)[3]["metadata"]["name"].clone();
    assert_ne!(of("aaaaaaaa-1"), of("bbbbbbbb-1"));
    assert_eq!(of(""), "studioci-agent.app-main:ci-eager-hopper");
}

#[test]
fn no_two_users_share_a_binding() {
    let users = [
        "alice",
        "Alice",
        "alice@example.com",
        "alice-example-com",
        "alice.example.com",
        "system:admin",
        "system-admin",
        "oidc:group/alice%20b",
        "",
        "..",
        "system:serviceaccount:ops:ci",
        &"a".repeat(41),
        &"a".repeat(42),
        "ünï",
    ];
    let names: BTreeSet<String> = users
        .iter()
        .map(|user| bind_person(&there(), user)["metadata"]["name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names.len(), users.len(), "{names:?}");
    for name in &names {
        assert!(name.len() <= 253 && !name.contains(['/', '%']), "{name}");
    }
    assert!(names.contains("studioci-person-alice"));
}

#[test]
fn a_person_is_a_user_or_a_service_account() {
    let subject = |user| bind_person(&there(), user)["subjects"][0].clone();
    assert_eq!(
        subject("alice@example.com"),
        json!({ "kind": "User", "apiGroup": RBAC_GROUP, "name": "alice@example.com" })
    );
    assert_eq!(
        subject("system:serviceaccount:ops:ci"),
        json!({ "kind": "ServiceAccount", "name": "ci", "namespace": "ops" })
    );
}

#[test]
fn a_chains_role_names_that_chain_and_nothing_else() {
    let labels = Map::from([("team".to_owned(), "x=y".to_owned())]);
    let role = |trusted| {
        chain_role(&Grants {
            chain: "a",
            trusted,
            pod_security: &Map::new(),
            prefix: "ci",
            lent: lent(&labels, &Map::new()),
        })
    };
    let (role, trusting) = (role(false), role(true));
    assert_eq!(role["metadata"]["name"], "chain-a");
    let mut granted = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for name in rule["resourceNames"].as_array().unwrap() {
            for verb in rule["verbs"].as_array().unwrap() {
                granted.insert(format!(
                    "{} {} {}",
                    verb.as_str().unwrap(),
                    rule["resources"][0].as_str().unwrap(),
                    name.as_str().unwrap()
                ));
            }
        }
    }
    let logs = |verb: &str| (0..8).map(|place| format!("{verb} secrets log-a-{place}")).collect::<Vec<_>>();
    let kept = [logs("get"), logs("patch")].concat();
    assert!(kept.iter().all(|right| granted.remove(right)), "{granted:?}");
    let expected = [
        "get configmaps chain-a",
        "get configmaps history-a",
        "get configmaps record-a",
        "get configmaps studioci",
        "get secrets chain-a",
        "get secrets seed-a",
        "patch configmaps chain-a",
        "patch configmaps history-a",
        "use chains a",
        "use lent v1\nl:team=x=y",
        "use podsecurity ,,,,,",
        "use prefixes ci",
        "watch secrets chain-a",
    ];
    assert_eq!(granted.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(trusting["rules"][0]["verbs"], json!(["use", "trust"]));
}

#[test]
fn names_in_home_never_meet() {
    // a chain's name may begin with a prefix of ours
    let chains = [
        "a",
        "chain-a",
        "record-a",
        "history-a",
        "seed-a",
        "record-chain-a",
        "chain-record-a",
        "seed-seed-a",
        "studioci",
    ];
    let mut names = BTreeSet::from([wire::HOME_CONFIG.to_owned()]);
    for chain in chains {
        for name in [
            wire::chain_object(chain),
            wire::record_object(chain),
            wire::history_object(chain),
            wire::seed_object(chain),
        ] {
            assert!(names.insert(name.clone()), "{name} stands for two");
        }
    }
}

const GROUPS: [&str; 15] = [
    "devs",
    "Devs",
    "d",
    "oidc:team/x",
    "oidc:team-x",
    "oidc-team-x",
    "oidc:team/x ",
    "system:serviceaccounts:ops",
    "system-serviceaccounts-ops",
    "Domain Users",
    "CN=devs,OU=groups,DC=example,DC=com",
    "a%2fb",
    "..",
    "\u{fc}n\u{ef}",
    "f47ac10b-58cc-4372-a567-0e02b2c3d479",
];

fn team_of(group: &str, chain: Option<&str>, levels: &[&str]) -> Vec<Value> {
    of_team(&Team { group, narrowed: chain.map(|chain| Narrowed { chain, levels }) })
}

#[test]
fn what_a_team_gets() {
    assert_eq!(
        names(&team_of("devs", None, &[])),
        ["ClusterRoleBinding -/studioci-user:devs", "RoleBinding studioci/studioci-user:devs"]
    );
    let narrowed = team_of("devs", Some("d"), &[]);
    assert_eq!(
        names(&narrowed),
        [
            "Role studioci/studioci-user.d:devs",
            "ClusterRoleBinding -/studioci-user.d:devs",
            "RoleBinding studioci/studioci-user.d:devs",
        ]
    );
    let to = |binding: &Value| format!("{}/{}", binding["roleRef"]["kind"], binding["roleRef"]["name"]);
    let all = team_of("devs", None, &[]);
    let roles = [&all[0], &all[1], &narrowed[1], &narrowed[2]].map(to).map(|role| role.replace('"', ""));
    assert_eq!(
        roles,
        [
            "ClusterRole/studioci-user",
            "Role/studioci-user",
            "ClusterRole/studioci-user",
            "Role/studioci-user.d:devs"
        ]
    );
}

#[test]
fn no_two_grants_share_a_name_whatever_a_group_is_called() {
    let longest = "c".repeat(crate::chain::names::CHAIN_NAME_MAX);
    let (long, longer) = ("g".repeat(300), "g".repeat(301));
    let groups: Vec<&str> = GROUPS.into_iter().chain([long.as_str(), longer.as_str()]).collect();
    let mut seen = BTreeSet::new();
    for chain in [None, Some("d"), Some("d-devs"), Some("devs"), Some(longest.as_str())] {
        for group in &groups {
            let objects = team_of(group, chain, &[]);
            let name = objects[0]["metadata"]["name"].as_str().unwrap().to_owned();
            assert!(objects.iter().all(|object| object["metadata"]["name"] == *name), "{name}");
            // what RBAC takes for a name, and kubectl for one word
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:".contains(c);
            assert!(name.len() <= 253 && name.chars().all(plain), "{name}");
            for binding in objects.iter().filter(|object| object["kind"] != "Role") {
                assert_eq!(
                    binding["subjects"],
                    json!([{ "kind": "Group", "apiGroup": RBAC_GROUP, "name": group }])
                );
            }
            assert_eq!(team_of(group, chain, &[]), objects, "the same each time");
            assert!(seen.insert(name), "{group} {chain:?}");
        }
    }
}

#[test]
fn a_group_that_is_no_team_is_refused_with_the_reason() {
    for (group, says) in [
        ("", "empty"),
        ("system:masters", "everything already"),
        ("system:authenticated", "everybody who signs in"),
        ("system:unauthenticated", "does not sign in"),
        ("system:serviceaccounts", "those of builds"),
        ("system:nodes", "nodes"),
        (" devs", "space"),
        ("devs\n", "space"),
        (" ", "space"),
        ("de\u{1b}[31mvs", "control character"),
    ] {
        assert!(group_fault(group).is_some_and(|why| why.contains(says)), "{group:?}");
    }
    for group in GROUPS.into_iter().filter(|group| !group.ends_with(' ')) {
        assert_eq!(group_fault(group), None, "{group}");
    }
}

#[test]
fn a_level_is_granted_as_start_writes_it_and_with_its_version_spelled_out() {
    let granted =
        |levels: &[&str]| team_of("devs", Some("d"), levels)[0]["rules"][1]["resourceNames"].clone();
    assert_eq!(granted(&["restricted"]), json!(["restricted,,,,,", "restricted,latest,,,,"]));
    assert_eq!(granted(&["baseline", "restricted"]).as_array().unwrap().len(), 4);
    assert_eq!(granted(&[]), Value::Null, "any");
}
