//! What an administrator hands out to a team: the bindings of a group and, where it may use one chain alone, the Role in
//! home that takes the place of `studioci-user`.
//!
//! A grant's objects share one name, and no two grants do: who deletes what was printed for one takes nothing from another.

use serde_json::{Value, json};

use super::{
    CHAINS, LENT, POD_SECURITY, PODSECURITY, PREFIXES, RBAC_GROUP, RBAC_V1, VIRTUAL_GROUP, binding, lent,
    pod_security, slug,
};
use crate::chain::build::Map;
use crate::chain::{kept_log, names, wire};

/// Digits of the hash in a group's name: who makes up groups must not meet another one's, whose subject would be replaced.
const DIGITS: usize = 32;

/// Who may use what.
#[derive(Debug, Clone, Copy)]
pub struct Team<'a> {
    /// The group, as the API server names it ([`group_fault`] says nothing against it).
    pub group: &'a str,
    /// The chain that it is narrowed to; none for all of them.
    pub narrowed: Option<Narrowed<'a>>,
}

/// One chain, and how far it may go.
#[derive(Debug, Clone, Copy)]
pub struct Narrowed<'a> {
    /// The chain's name.
    pub chain: &'a str,
    /// The Pod Security levels that its namespaces may enforce; empty for any, none among them.
    pub levels: &'a [&'a str],
}

/// Why nobody binds this group.
pub fn group_fault(group: &str) -> Option<&'static str> {
    Some(match group {
        "" => "it is empty",
        "system:masters" => "its members may do everything already, and no binding takes that away",
        "system:authenticated" => "everybody who signs in is in it, the ServiceAccounts of builds too",
        "system:unauthenticated" => "everybody who does not sign in is in it",
        "system:serviceaccounts" => "every ServiceAccount is in it, those of builds too",
        "system:nodes" => "the nodes are in it",
        _ if group.trim() != group => "it begins or ends with a space, and no member would be found",
        _ if group.contains(char::is_control) => "it holds a control character",
        _ => return None,
    })
}

/// The objects that let a team use chains, in the order in which they are applied.
pub fn of_team(team: &Team<'_>) -> Vec<Value> {
    let chain = team.narrowed.map(|it| format!(".{}", it.chain)).unwrap_or_default();
    // neither mark stands in a chain's name or in a slug as it was, so that a name can be read in one way alone
    let name = format!("{}{chain}:{}", wire::ROLE_USER, slug(team.group, DIGITS));
    let labels = json!({ wire::MANAGED_BY: wire::MANAGED_BY_VALUE });
    let subject = json!({ "kind": "Group", "apiGroup": RBAC_GROUP, "name": team.group });
    let at_home = json!({ "name": name, "namespace": wire::HOME, "labels": labels });
    let everywhere = json!({ "name": name, "labels": labels });
    let bound = |kind, metadata, role| binding(kind, metadata, None, role, &subject);
    let mut objects = Vec::new();
    let mut role = wire::ROLE_USER;
    if let Some(narrowed) = &team.narrowed {
        role = &name;
        objects.push(json!({
            "apiVersion": RBAC_V1, "kind": "Role", "metadata": at_home, "rules": rules(narrowed),
        }));
    }
    objects.push(bound("ClusterRoleBinding", everywhere, ("ClusterRole", wire::ROLE_USER)));
    objects.push(bound("RoleBinding", at_home.clone(), ("Role", role)));
    objects
}

/// The rules of Role `studioci-user` in home, as far as one chain needs them.
fn rules(narrowed: &Narrowed<'_>) -> Vec<Value> {
    const CHANGE: [&str; 4] = ["get", "update", "patch", "delete"];
    let Narrowed { chain, levels } = narrowed;
    let rule = |group: &str, resources: &[&str], verbs: &[&str], names: &[String]| {
        let mut rule = json!({ "apiGroups": [group], "resources": resources, "verbs": verbs });
        // an empty list would grant every name, too, and say so less plainly
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rule
    };
    let (head, seed) = (wire::chain_object(chain), wire::seed_object(chain));
    let own = [head.clone(), wire::record_object(chain), wire::history_object(chain)];
    let enforced: Vec<String> = levels.iter().flat_map(|level| enforcing(level)).collect();
    let nothing_lent = lent(&Map::new(), &Map::new());
    vec![
        rule(VIRTUAL_GROUP, &[CHAINS], &["use"], &[(*chain).to_owned()]),
        rule(VIRTUAL_GROUP, &[PODSECURITY], &["use"], &enforced),
        rule(VIRTUAL_GROUP, &[PREFIXES], &["use"], &[names::prefix_of(chain)]),
        rule(VIRTUAL_GROUP, &[LENT], &["use"], &[nothing_lent]),
        // what is created has no name yet when RBAC is asked: a policy asks for the chain
        rule("", &["configmaps", "secrets"], &["create"], &[]),
        rule("", &["configmaps"], &CHANGE, &own),
        rule("", &["configmaps"], &["get"], &[wire::HOME_CONFIG.to_owned()]),
        rule("", &["secrets"], &CHANGE, &[head.clone(), seed]),
        rule("", &["secrets"], &CHANGE, &kept_log::ring(chain)),
        // held, so that it can be handed to the chain's agents
        rule("", &["secrets"], &["watch"], std::slice::from_ref(&head)),
        rule(RBAC_GROUP, &["roles", "rolebindings"], &["create"], &[]),
        rule(RBAC_GROUP, &["roles"], &CHANGE, &[head]),
    ]
}

/// The names of the sets of labels that enforce a level: by itself, as `start --pod-security` writes it, and with the version
/// spelled out that is meant where none is.
fn enforcing(level: &str) -> [String; 2] {
    let label = |mode: &str, value: &str| (format!("{POD_SECURITY}{mode}"), value.to_owned());
    let alone = Map::from([label("enforce", level)]);
    let spelled = Map::from([label("enforce", level), label("enforce-version", "latest")]);
    [pod_security(&alone), pod_security(&spelled)]
}
