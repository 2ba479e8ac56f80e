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
//! | bindings of a team, its Role in home | home; – | `studioci-user:GROUP`, `studioci-user.CHAIN:GROUP` | whoever made them |
//!
//! UID is the first eight digits of the Namespace's uid: a namespace that takes the name of a deleted one never finds
//! that one's binding in its place while the garbage collector is still on its way. Names of RBAC objects may have 253
//! characters, so a namespace's 63 always fit. CHAIN is set apart by a character that stands in no chain's and no namespace's
//! name: no agent occupies the name of another chain's binding.

mod team;
mod virtual_rights;
mod workspace;

use serde_json::{Value, json};
use uuid::Uuid;

pub use self::team::{Narrowed, Team, group_fault, of_team};
pub use self::virtual_rights::{
    Added, CHAINS, CONFINEMENT, LENT, POD_SECURITY, POD_SECURITY_MODES, PODSECURITY, PREFIXES, VIRTUAL_GROUP,
    lent, lent_fault, pod_security,
};
pub use self::workspace::Workspace;
use super::build::Map;
use super::{kept_log, wire};

const RBAC_GROUP: &str = "rbac.authorization.k8s.io";
const RBAC_V1: &str = "rbac.authorization.k8s.io/v1";
const SERVICE_ACCOUNT_USER: &str = "system:serviceaccount:";

/// A build's namespace.
#[derive(Debug, Clone, Copy)]
pub struct BuildNamespace<'a> {
    /// The chain's name.
    pub chain: &'a str,
    /// Name of the Namespace.
    pub namespace: &'a str,
    /// Its uid; empty where the Namespace does not exist yet and objects are only shown.
    pub uid: &'a str,
}

impl BuildNamespace<'_> {
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

/// The labels of everything of a chain.
pub fn labels(chain: &str) -> Value {
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
fn inside(
    there: &BuildNamespace<'_>,
    name: &str,
    owner: Option<Value>,
    role: &str,
    subject: &Value,
) -> Value {
    let metadata = json!({ "name": name, "namespace": there.namespace, "labels": there.labels() });
    binding("RoleBinding", metadata, owner, ("ClusterRole", role), subject)
}

/// The right to write in the build's namespace, for a person. `user` as the API server names them.
///
/// RBAC covers the Namespace object by a RoleBinding inside it, so this is also what lets them delete it.
pub fn bind_person(there: &BuildNamespace<'_>, user: &str) -> Value {
    let account = user.strip_prefix(SERVICE_ACCOUNT_USER).and_then(|rest| rest.split_once(':'));
    let subject = match account {
        Some((namespace, name)) => json!({ "kind": "ServiceAccount", "name": name, "namespace": namespace }),
        None => json!({ "kind": "User", "apiGroup": RBAC_GROUP, "name": user }),
    };
    inside(there, &format!("studioci-person-{}", slug(user, 8)), None, wire::ROLE_WORKSPACE, &subject)
}

/// A user's or a group's name as part of an object's name: as it is where that can be read back, else shortened, with so many
/// digits of a hash, 32 at most.
fn slug(who: &str, digits: usize) -> String {
    const MAX: usize = 40;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if !who.is_empty() && who.len() <= MAX && who.chars().all(plain) {
        return who.to_owned();
    }
    let kept: String = who.chars().map(|c| if plain(c) { c } else { '-' }).take(MAX).collect();
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, who.as_bytes()).simple().to_string();
    // A dot stands in no plain name, so that nobody else's plain name can be this one.
    format!("{kept}.{}", &hash[..digits])
}

/// The right of another build's agent to write in this namespace, owned by that build's Namespace: the predecessor's
/// while it dispatches, the newest agent's when it disposes.
pub fn bind_predecessor(there: &BuildNamespace<'_>, namespace: &str, uid: &str, trusted: bool) -> Vec<Value> {
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
pub fn of_agent(there: &BuildNamespace<'_>, trusted: bool) -> Vec<Value> {
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
/// Whoever else writes the chain's Secret renews what expires; a waiting agent watches it, by its name, and lists nothing.
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
            rule("", "secrets", &["get", "watch"], &[head]),
            rule("", "secrets", &["get"], &[wire::seed_object(chain)]),
            rule("", "secrets", &["get", "patch"], &kept_log::ring(chain)),
        ],
    })
}

#[cfg(test)]
mod tests;
