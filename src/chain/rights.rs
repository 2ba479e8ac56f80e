//! The objects that give an agent, or a person, exactly the rights of one chain, and what a workspace covers.
//!
//! Pure. What may be granted is judged by the admission policies of `plugin/setup`; the objects here are of the
//! shapes that those policies let through, and of no other.
//!
//! | object | where | name | goes away with |
//! |---|---|---|---|
//! | Role of the chain | home | `chain-CHAIN` | `stop --purge` |
//! | ServiceAccount of the agent | build's namespace | `studioci-agent.CHAIN` | the namespace |
//! | its RoleBinding to the workspace (to trusted) | build's namespace | `studioci-agent` (`studioci-trusted`) | the namespace |
//! | its RoleBinding to the chain's Role | home | `studioci-agent.CHAIN:NAMESPACE:UID` | the namespace, by ownership |
//! | its ClusterRoleBinding | – | `studioci-agent.CHAIN:NAMESPACE:UID` | the namespace, by ownership |
//! | RoleBinding of another build's agent | build's namespace | `studioci-from-NAMESPACE` (`studioci-trusted-from-NAMESPACE`) | either namespace |
//! | RoleBinding of a person | build's namespace | `studioci-person-USER` | the namespace |
//!
//! UID is the first eight digits of the Namespace's uid: a namespace that takes the name of a deleted one never finds
//! that one's binding in its place while the garbage collector is still on its way. Names of RBAC objects may have 253
//! characters, so a namespace's 63 always fit. CHAIN is set apart by a character that stands in no chain's and no namespace's
//! name: no agent occupies the name of another chain's binding.

use serde_json::{Value, json};
use uuid::Uuid;

use super::build::Map;
use super::wire;

/// API group of the virtual rights: nothing serves it, only the policies ask for it.
pub const VIRTUAL_GROUP: &str = "studioci.dev";
/// Virtual resource: chains; verb `use` = this chain is mine, `trust` = its builds may get `studioci-trusted`.
pub const CHAINS: &str = "chains";
/// Virtual resource: sets of Pod Security labels, named by their six values; verb `use`.
pub const PODSECURITY: &str = "podsecurity";
/// Virtual resource: what names of namespaces begin with; verb `use`.
pub const PREFIXES: &str = "prefixes";
/// Virtual resource: the labels and annotations that namespaces are lent, named as [`lent`] writes them; verb `use`.
pub const LENT: &str = "lent";
/// Virtual resource, cluster-wide: the keys that webhooks put on namespaces, named as [`Added`] writes them; verb `use`.
pub const ADDED_KEYS: &str = "addedkeys";
/// Virtual resource, cluster-wide: images that listeners may bring the agent from; verb `run`.
pub const AGENT_IMAGES: &str = "agentimages";
/// Virtual resource, cluster-wide; whoever may `bypass` it is let off by the policies.
pub const CONFINEMENT: &str = "confinement";

/// Prefix of the Pod Security labels.
pub const POD_SECURITY: &str = "pod-security.kubernetes.io/";
/// What follows the prefix, in the order in which the policies join the values.
pub const POD_SECURITY_MODES: [&str; 6] =
    ["enforce", "enforce-version", "audit", "audit-version", "warn", "warn-version"];

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC_V1: &str = "rbac.authorization.k8s.io/v1";
const SERVICE_ACCOUNT_USER: &str = "system:serviceaccount:";

/// A build's namespace.
#[derive(Debug, Clone, Copy)]
pub struct There<'a> {
    /// The chain's name.
    pub chain: &'a str,
    /// Name of the Namespace.
    pub namespace: &'a str,
    /// Its uid; empty where the Namespace does not exist yet and objects are only shown.
    pub uid: &'a str,
}

impl There<'_> {
    /// Name of what belongs to this very Namespace but lives outside of it.
    fn outside(&self) -> String {
        let name = format!("{}:{}", wire::agent_account(self.chain), self.namespace);
        match self.uid.get(..8) {
            Some(start) => format!("{name}:{start}"),
            None => name,
        }
    }

    fn owner(&self) -> Value {
        owner(self.namespace, self.uid)
    }

    fn labels(&self) -> Value {
        labels(self.chain)
    }
}

fn labels(chain: &str) -> Value {
    json!({ wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain })
}

/// An owner reference to a Namespace. Never `blockOwnerDeletion`: that may need rights over finalizers.
fn owner(namespace: &str, uid: &str) -> Value {
    json!([{ "apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": uid }])
}

fn agent_of(chain: &str, namespace: &str) -> Value {
    json!({ "kind": "ServiceAccount", "name": wire::agent_account(chain), "namespace": namespace })
}

fn binding(
    kind: &str,
    mut metadata: Value,
    owner: Option<Value>,
    role: (&str, &str),
    subject: &Value,
) -> Value {
    if let Some(owner) = owner {
        metadata["ownerReferences"] = owner;
    }
    json!({
        "apiVersion": RBAC_V1,
        "kind": kind,
        "metadata": metadata,
        "roleRef": { "apiGroup": RBAC_GROUP, "kind": role.0, "name": role.1 },
        "subjects": [subject],
    })
}

/// A RoleBinding inside the build's namespace.
fn inside(there: &There<'_>, name: &str, owner: Option<Value>, role: &str, subject: &Value) -> Value {
    let metadata = json!({ "name": name, "namespace": there.namespace, "labels": there.labels() });
    binding("RoleBinding", metadata, owner, ("ClusterRole", role), subject)
}

/// The right to write in the build's namespace, for a person. `user` as the API server names him.
///
/// RBAC covers the Namespace object by a RoleBinding inside it, so this is also what lets him delete it.
pub fn bind_person(there: &There<'_>, user: &str) -> Value {
    let account = user.strip_prefix(SERVICE_ACCOUNT_USER).and_then(|rest| rest.split_once(':'));
    let subject = match account {
        Some((namespace, name)) => json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace }),
        None => json!({ "kind": "User", "apiGroup": RBAC_GROUP, "name": user }),
    };
    inside(there, &format!("studioci-person-{}", slug(user)), None, wire::ROLE_WORKSPACE, &subject)
}

/// A user's name as part of an object's name: as it is where that can be read back, else shortened, with a hash.
fn slug(user: &str) -> String {
    const MAX: usize = 40;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !user.is_empty() && user.len() <= MAX && user.chars().all(plain) {
        return user.to_owned();
    }
    let kept: String = user.chars().map(|c| if plain(c) { c } else { '-' }).take(MAX).collect();
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, user.as_bytes()).simple().to_string();
    // A dot stands in no plain name, so that nobody else's plain name can be this one.
    format!("{kept}.{}", &hash[..8])
}

/// The right of another build's agent to write in this namespace, owned by that build's Namespace: the predecessor's
/// while it dispatches, the newest agent's when it disposes.
pub fn bind_predecessor(there: &There<'_>, namespace: &str, uid: &str, trusted: bool) -> Vec<Value> {
    let bind = |name: String, role| {
        inside(there, &name, Some(owner(namespace, uid)), role, &agent_of(there.chain, namespace))
    };
    let mut bindings = vec![bind(format!("studioci-from-{namespace}"), wire::ROLE_WORKSPACE)];
    if trusted {
        bindings.push(bind(format!("studioci-trusted-from-{namespace}"), wire::ROLE_TRUSTED));
    }
    bindings
}

/// The build's agent: its ServiceAccount and everything that it is bound to.
pub fn of_agent(there: &There<'_>, trusted: bool) -> Vec<Value> {
    let agent = agent_of(there.chain, there.namespace);
    let mut objects = vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {
                "name": wire::agent_account(there.chain), "namespace": there.namespace, "labels": there.labels(),
            },
        }),
        inside(there, wire::ROLE_AGENT, None, wire::ROLE_WORKSPACE, &agent),
    ];
    if trusted {
        objects.push(inside(there, wire::ROLE_TRUSTED, None, wire::ROLE_TRUSTED, &agent));
    }
    let name = there.outside();
    objects.push(binding(
        "RoleBinding",
        json!({ "name": name, "namespace": wire::HOME, "labels": there.labels() }),
        Some(there.owner()),
        ("Role", &wire::chain_object(there.chain)),
        &agent,
    ));
    objects.push(binding(
        "ClusterRoleBinding",
        json!({ "name": name, "labels": there.labels() }),
        Some(there.owner()),
        ("ClusterRole", wire::ROLE_AGENT),
        &agent,
    ));
    objects
}

/// The name of the virtual right to a set of Pod Security labels: its six values, joined by commas.
///
/// `labels` may hold others too; an absent one counts as empty (`restricted,latest,,,,`).
pub fn pod_security(labels: &Map) -> String {
    let value = |mode: &&str| labels.get(&format!("{POD_SECURITY}{mode}")).map_or("", String::as_str);
    POD_SECURITY_MODES.iter().map(value).collect::<Vec<_>>().join(",")
}

/// The first line of what names a set of labels and annotations, or of keys: the form of the lines after it.
const FORM: &str = "v1";
/// What is lent has at most so many bytes as a name: the policies compare line by line, and that costs.
pub const LENT_MAX: usize = 4096;

/// The name of the virtual right to lend a namespace exactly these labels and annotations: `v1`, then in lines, sorted,
/// `a:KEY=VALUE` for each annotation and `l:KEY=VALUE` for each label.
///
/// No value may hold a line break ([`lent_fault`]), so that no line can be read as two.
pub fn lent(labels: &Map, annotations: &Map) -> String {
    let lines = |kind: char, map: &Map| -> Vec<String> {
        map.iter().map(|(key, value)| format!("{kind}:{key}={value}")).collect()
    };
    joined(lines('l', labels).into_iter().chain(lines('a', annotations)))
}

fn joined(lines: impl Iterator<Item = String>) -> String {
    let mut lines: Vec<String> = lines.collect();
    lines.sort_unstable();
    lines.insert(0, FORM.to_owned());
    lines.join("\n")
}

/// Why these labels and annotations cannot be lent.
pub fn lent_fault(labels: &Map, annotations: &Map) -> Option<String> {
    let broken = labels.iter().chain(annotations).find(|(_, value)| value.contains(['\n', '\r']));
    if let Some((key, _)) = broken {
        return Some(format!("the value of {key} has a line break"));
    }
    let bytes = lent(labels, annotations).len();
    (bytes > LENT_MAX).then(|| format!("they have {bytes} bytes; at most {LENT_MAX} are lent"))
}

/// The keys that webhooks of this cluster put on every namespace, whatever their values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Added {
    /// Keys of labels.
    pub labels: Vec<String>,
    /// Keys of annotations.
    pub annotations: Vec<String>,
}

impl Added {
    /// The name of the virtual right to them: `v1`, then in lines, sorted, `a:KEY` and `l:KEY`.
    pub fn name(&self) -> String {
        let lines = |kind: char, keys: &[String]| -> Vec<String> {
            keys.iter().map(|key| format!("{kind}:{key}")).collect()
        };
        joined(lines('l', &self.labels).into_iter().chain(lines('a', &self.annotations)))
    }

    /// Whether there are none, which needs no right.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty()
    }

    /// Reads a name back.
    pub fn read(name: &str) -> Option<Self> {
        let mut added = Self::default();
        let mut lines = name.split('\n');
        if lines.next() != Some(FORM) {
            return None;
        }
        for line in lines {
            match line.split_once(':')? {
                ("l", key) => added.labels.push(key.to_owned()),
                ("a", key) => added.annotations.push(key.to_owned()),
                _ => return None,
            }
        }
        Some(added)
    }
}

/// What `start` fixes for the agents of a chain.
#[derive(Debug, Clone)]
pub struct Grants<'a> {
    /// The chain's name.
    pub chain: &'a str,
    /// Whether its builds may get `studioci-trusted`.
    pub trusted: bool,
    /// Labels, of which those of Pod Security count.
    pub pod_security: &'a Map,
    /// What the names of its namespaces begin with.
    pub prefix: &'a str,
    /// What its namespaces are lent, as [`lent`] writes it.
    pub lent: String,
}

/// The Role in home that says what the chain's agents may do: the record of what `start` fixed.
///
/// Agents hold it by a binding and may hand on exactly that, and nobody but people changes it. The Secrets and the
/// record are what `start` was given: agents read them, so that no push can change what later generations render with.
pub fn chain_role(grants: &Grants<'_>) -> Value {
    let Grants { chain, trusted, pod_security: labels_of, prefix, lent } = grants;
    let rule = |group: &str, resource: &str, verbs: &[&str], names: &[String]| json!({ "apiGroups": [group], "resources": [resource], "verbs": verbs, "resourceNames": names });
    let uses: &[&str] = if *trusted { &["use", "trust"] } else { &["use"] };
    let (head, record, history) =
        (wire::chain_object(chain), wire::record_object(chain), wire::history_object(chain));
    json!({
        "apiVersion": RBAC_V1,
        "kind": "Role",
        "metadata": { "name": head, "namespace": wire::HOME, "labels": labels(chain) },
        "rules": [
            rule(VIRTUAL_GROUP, CHAINS, uses, &[(*chain).to_owned()]),
            rule(VIRTUAL_GROUP, PODSECURITY, &["use"], &[pod_security(labels_of)]),
            rule(VIRTUAL_GROUP, PREFIXES, &["use"], &[(*prefix).to_owned()]),
            rule(VIRTUAL_GROUP, LENT, &["use"], std::slice::from_ref(lent)),
            rule("", "configmaps", &["get", "patch"], &[head.clone(), history]),
            rule("", "configmaps", &["get"], &[record, wire::HOME_CONFIG.to_owned()]),
            rule("", "secrets", &["get"], &[head, wire::seed_object(chain)]),
        ],
    })
}

/// What the ClusterRole `studioci-workspace` covers in this cluster, an admin's additions included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Workspace {
    rules: Vec<Value>,
}

impl Workspace {
    /// Reads the ClusterRole, as the API server has filled it.
    pub fn read(role: &Value) -> Self {
        Self { rules: role["rules"].as_array().cloned().unwrap_or_default() }
    }

    /// Whether an agent may `verb` objects of a kind; `resource` is the plural, `group` empty for the core group.
    pub fn covers(&self, group: &str, resource: &str, verb: &str) -> bool {
        let holds = |rule: &Value, key: &str, wanted: &str| {
            rule[key].as_array().is_some_and(|list| list.iter().any(|it| it == wanted || it == "*"))
        };
        self.rules.iter().any(|rule| {
            rule["resourceNames"].as_array().is_none_or(Vec::is_empty)
                && holds(rule, "apiGroups", group)
                && holds(rule, "resources", resource)
                && holds(rule, "verbs", verb)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const UID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

    fn there() -> There<'static> {
        There { chain: "app-main", namespace: "ci-eager-hopper", uid: UID }
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
        let of = |uid| of_agent(&There { uid, ..there() }, false)[3]["metadata"]["name"].clone();
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
    fn pod_security_is_named_by_its_six_values() {
        let labels = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let cases = [
            (labels(&[]), ",,,,,"),
            (labels(&[("pod-security.kubernetes.io/enforce", "baseline"), ("team", "x")]), "baseline,,,,,"),
            (
                labels(&[
                    ("pod-security.kubernetes.io/warn-version", "v1.30"),
                    ("pod-security.kubernetes.io/enforce", "restricted"),
                    ("pod-security.kubernetes.io/enforce-version", "latest"),
                ]),
                "restricted,latest,,,,v1.30",
            ),
        ];
        for (labels, expected) in cases {
            assert_eq!(pod_security(&labels), expected);
        }
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
        ];
        assert_eq!(granted.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert_eq!(trusting["rules"][0]["verbs"], json!(["use", "trust"]));
    }

    #[test]
    fn what_is_lent_is_named_line_by_line() {
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let none = map(&[]);
        assert_eq!(lent(&none, &none), "v1");
        let labels = map(&[("team", "x"), ("b.example/c", "")]);
        let annotations = map(&[("z", "a=b, c"), ("l:team", "x")]);
        assert_eq!(lent(&labels, &annotations), "v1\na:l:team=x\na:z=a=b, c\nl:b.example/c=\nl:team=x");
        assert_eq!(lent_fault(&labels, &annotations), None);
        for broken in ["x\nl:team=prod", "x\r"] {
            let fault = lent_fault(&none, &map(&[("note", broken)]));
            assert_eq!(fault.as_deref(), Some("the value of note has a line break"));
        }
        assert!(lent_fault(&none, &map(&[("note", &"x".repeat(LENT_MAX))])).is_some());
    }

    #[test]
    fn added_keys_are_read_back() {
        let added = Added {
            labels: vec!["istio.io/rev".to_owned(), "b".to_owned()],
            annotations: vec!["openshift.io/sa.scc.uid-range".to_owned()],
        };
        assert_eq!(added.name(), "v1\na:openshift.io/sa.scc.uid-range\nl:b\nl:istio.io/rev");
        assert_eq!(Added::read(&added.name()).unwrap().name(), added.name());
        assert_eq!(Added::read("v1"), Some(Added::default()));
        for bad in ["", "v2", "v1\n", "v1\nx:y", "v1\nl"] {
            assert_eq!(Added::read(bad), None, "{bad:?}");
        }
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

    #[test]
    fn a_workspace_covers_what_its_rules_say() {
        let workspace = Workspace::read(&json!({ "rules": [
            { "apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["*"] },
            { "apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["get", "create"] },
            { "apiGroups": ["batch"], "resources": ["*"], "verbs": ["create"] },
            { "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["one"] },
        ]}));
        let cases = [
            ("", "pods", "create", true),
            ("apps", "deployments", "patch", true),
            ("batch", "jobs", "create", true),
            ("batch", "jobs", "delete", false),
            ("", "serviceaccounts", "create", true),
            ("", "serviceaccounts", "impersonate", false),
            ("", "pods/exec", "create", false),
            ("", "secrets", "get", false),
            ("example.com", "widgets", "create", false),
        ];
        for (group, resource, verb, expected) in cases {
            assert_eq!(workspace.covers(group, resource, verb), expected, "{verb} {resource}.{group}");
        }
        assert!(!Workspace::read(&json!({})).covers("", "pods", "get"));
    }
}
