//! Roles and RoleBindings of a pipeline: an agent can hand on only what it holds, and only inside the namespace.

use serde_json::Value;

use super::PlanInput;
use super::loan::is_own;
use super::subject::{Subject, is_other, list, listed, text};
use crate::chain::wire;
use crate::pipeline::fault::Fault;

/// One rule of what an agent holds in its namespace.
struct Held {
    group: &'static str,
    resources: &'static [&'static str],
    verbs: &'static [&'static str],
}

const ALL: &[&str] = &["*"];
/// Spelled out where `*` would mean impersonate, escalate or bind too.
const WRITE: &[&str] = &["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

/// ClusterRole `studioci-workspace-base`, and of `studioci-agent` what concerns its own namespace.
const WORKSPACE: [Held; 10] = [
    Held {
        group: "",
        resources: &["namespaces"],
        verbs: &["get", "list", "watch", "create", "update", "patch", "delete"],
    },
    Held { group: "", resources: &["serviceaccounts"], verbs: WRITE },
    Held { group: "rbac.authorization.k8s.io", resources: &["roles", "rolebindings"], verbs: WRITE },
    Held {
        group: "",
        resources: &[
            "pods",
            "pods/log",
            "services",
            "configmaps",
            "secrets",
            "persistentvolumeclaims",
            "replicationcontrollers",
            "replicationcontrollers/scale",
            "events",
            "resourcequotas",
            "limitranges",
        ],
        verbs: ALL,
    },
    Held {
        group: "apps",
        resources: &[
            "deployments",
            "deployments/scale",
            "statefulsets",
            "statefulsets/scale",
            "replicasets",
            "replicasets/scale",
            "daemonsets",
        ],
        verbs: ALL,
    },
    Held { group: "batch", resources: &["jobs", "cronjobs"], verbs: ALL },
    Held { group: "networking.k8s.io", resources: &["networkpolicies", "ingresses"], verbs: ALL },
    Held { group: "autoscaling", resources: &["horizontalpodautoscalers"], verbs: ALL },
    Held { group: "policy", resources: &["poddisruptionbudgets"], verbs: ALL },
    Held { group: "events.k8s.io", resources: &["events"], verbs: ALL },
];

/// ClusterRole `studioci-trusted`: with it a build can become its agent.
const TRUSTED: [Held; 3] = [
    Held {
        group: "",
        resources: &["pods/exec", "pods/attach", "pods/portforward"],
        verbs: &["get", "create"],
    },
    Held { group: "", resources: &["pods/ephemeralcontainers"], verbs: &["get", "update", "patch"] },
    Held { group: "", resources: &["serviceaccounts/token"], verbs: &["create"] },
];

fn holds(rules: &[Held], group: &str, resource: &str, verb: &str) -> bool {
    rules.iter().any(|held| {
        held.group == group
            && held.resources.contains(&resource)
            && (held.verbs.contains(&"*") || held.verbs.contains(&verb))
    })
}

fn words<'a>(rule: &'a Value, field: &str) -> Vec<&'a str> {
    rule.get(field).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// What rules grant that no agent can hand on, not even in a chain that trusts its builds.
pub(in crate::pipeline) fn beyond(rules: &Value) -> Vec<String> {
    let mut beyond = Vec::new();
    for granted in rules.as_array().into_iter().flatten().flat_map(granted) {
        let (group, resource, verb) = granted;
        let held = holds(&WORKSPACE, group, resource, verb) || holds(&TRUSTED, group, resource, verb);
        let named = named(granted);
        if !held && !beyond.contains(&named) {
            beyond.push(named);
        }
    }
    beyond
}

/// Group, resource and verb of all that a rule grants.
fn granted(rule: &Value) -> Vec<(&str, &str, &str)> {
    let mut all = Vec::new();
    for group in words(rule, "apiGroups") {
        for resource in words(rule, "resources") {
            all.extend(words(rule, "verbs").into_iter().map(|verb| (group, resource, verb)));
        }
    }
    all
}

fn named((group, resource, verb): (&str, &str, &str)) -> String {
    match group {
        "" => format!("{verb} {resource}"),
        _ => format!("{verb} {resource}.{group}"),
    }
}

/// Checks a Role: RBAC lets nobody hand on more than they hold.
pub(super) fn role(subject: &Subject<'_>, settings: &PlanInput, faults: &mut Vec<Fault>) {
    let (mut beyond, mut trusted) = (Vec::new(), Vec::new());
    // the rule that is told is the first of its kind
    let (mut beyond_at, mut trusted_at) = (None, None);
    for rule in subject.list("/rules") {
        for it in granted(rule) {
            let (group, resource, verb) = it;
            if holds(&WORKSPACE, group, resource, verb)
                || (settings.trusted_build && holds(&TRUSTED, group, resource, verb))
            {
                continue;
            }
            let (pile, at) = if holds(&TRUSTED, group, resource, verb) {
                (&mut trusted, &mut trusted_at)
            } else {
                (&mut beyond, &mut beyond_at)
            };
            at.get_or_insert(rule);
            let named = named(it);
            if !pile.contains(&named) {
                pile.push(named);
            }
        }
    }
    if let Some(rule) = trusted_at {
        faults.push(subject.on(rule).fault(
            format!("it grants {}", listed(trusted)),
            "with that a build could become its agent, so agents hand it on only in a chain that was started so",
            "take it out, or start the chain with --trusted-build",
        ));
    }
    if let Some(rule) = beyond_at {
        faults.push(subject.on(rule).fault(
            format!("it grants {}", listed(beyond)),
            format!(
                "{} does not hold that, and RBAC lets nobody hand on more than they hold",
                wire::ROLE_WORKSPACE
            ),
            "grant only what the build needs of its own namespace, each verb and resource by name",
        ));
    }
}

/// Checks a RoleBinding: a Role of the namespace, to ServiceAccounts of the namespace.
pub(super) fn binding(subject: &Subject<'_>, own: &[&str], faults: &mut Vec<Fault>) {
    let role = subject.text("/roleRef/name").unwrap_or_default();
    match subject.text("/roleRef/kind") {
        Some("Role") => {}
        Some("ClusterRole") => faults.push(subject.at("/roleRef/kind").fault(
            format!("it binds ClusterRole {role}"),
            "an agent may bind only Roles of the build's own namespace",
            format!("write a Role with the rules of {role} that the build needs, and bind that"),
        )),
        _ if is_other(subject.value.get("roleRef"), Value::is_object)
            || is_other(subject.value.pointer("/roleRef/kind"), Value::is_string) => {}
        _ => {
            faults.push(subject.at("/roleRef/kind").fault(
                "it has no roleRef.kind",
                "it must be Role",
                "add roleRef.kind: Role",
            ));
        }
    }
    if subject.list("/subjects").is_empty() && !is_other(subject.value.get("subjects"), Value::is_array) {
        faults.push(subject.at("/subjects").fault(
            "it has no subjects",
            "an agent may bind a Role only to ServiceAccounts of the build's namespace",
            "add the ServiceAccount that the build runs as",
        ));
    }
    let subjects = list(subject.value, "/subjects").iter();
    for bound in subjects.filter(|bound| !is_other(Some(bound), Value::is_object)) {
        let (kind, name) =
            (text(bound, "/kind").unwrap_or_default(), text(bound, "/name").unwrap_or_default());
        if kind != "ServiceAccount" || !is_own(bound.get("namespace"), own) {
            let where_ =
                text(bound, "/namespace").map(|it| format!(" of namespace {it}")).unwrap_or_default();
            faults.push(subject.on(bound).fault(
                format!("it binds {kind} {name}{where_}"),
                "an agent may bind a Role only to ServiceAccounts of the build's namespace",
                "bind a ServiceAccount of the pipeline; leave its namespace out",
            ));
        } else if wire::is_agent_account(name) {
            faults.push(subject.on(bound).fault(
                format!("it binds ServiceAccount {name}"),
                "that is the agent's own, and no pipeline may change what the agent can do",
                "bind another ServiceAccount",
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::COVERED;
    use super::*;

    #[test]
    fn every_covered_kind_is_held_with_the_verbs_of_apply() {
        for kind in &COVERED {
            for verb in ["get", "list", "watch", "create", "patch", "delete"] {
                assert!(holds(&WORKSPACE, kind.group, kind.plural, verb), "{verb} {}", kind.plural);
            }
        }
    }

    #[test]
    fn no_verb_is_held_that_hands_on_more() {
        for (group, resource, verb) in [
            ("", "serviceaccounts", "impersonate"),
            ("rbac.authorization.k8s.io", "roles", "escalate"),
            ("rbac.authorization.k8s.io", "roles", "bind"),
            ("", "namespaces", "*"),
            ("", "pods/exec", "create"),
            ("apps", "deployments/status", "patch"),
        ] {
            assert!(!holds(&WORKSPACE, group, resource, verb), "{verb} {resource}");
        }
    }
}
