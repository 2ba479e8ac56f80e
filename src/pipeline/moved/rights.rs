//! ClusterRoles and their bindings: what a build needs of its own namespace is a Role there.

use serde_json::Value;

use super::MoveAct;
use super::edits::Edits;
use super::namespace::Own;
use super::sketch::{OldObject, items};
use crate::pipeline::tree::{self, Node};
use crate::pipeline::weave;

const RBAC: [&str; 1] = ["rbac.authorization.k8s.io"];

/// Turns each ClusterRole that can be a Role, and the bindings of those.
pub(super) fn turn(objects: &[OldObject<'_>], own: &Own, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let all = |kind: &str| objects.iter().filter(|object| object.is(sketch, &RBAC, kind)).collect::<Vec<_>>();
    let name = |object: &OldObject<'_>| object.word(sketch, "/metadata/name");
    let (roles, bindings) = (all("ClusterRole"), all("ClusterRoleBinding"));
    let taken: Vec<String> = all("Role").into_iter().map(name).collect();
    let mut turned: Vec<String> = Vec::new();
    for role in &roles {
        let why = match beyond(role) {
            Some(why) => Some(why),
            None if taken.contains(&name(role)) => Some("there is a Role of the same name".to_owned()),
            None => {
                let theirs = |binding: &&OldObject<'_>| binding.word(sketch, "/roleRef/name") == name(role);
                bindings.iter().copied().filter(theirs).find_map(|binding| foreign(binding, own, edits))
            }
        };
        let Some(kind) = role.node.at("/kind") else { continue };
        let at = sketch.bytes(kind);
        if let Some(why) = why {
            edits.refuse(at.start, format!("ClusterRole {}", name(role)), why);
            continue;
        }
        let line = sketch.line(at.start);
        edits.put(at, "Role");
        let why =
            "a build needs its rights in its own namespace only, and a ClusterRole would be every build's";
        edits.note(line..=line, MoveAct::Turned, format!("ClusterRole {} into a Role", name(role)), why);
        turned.push(name(role));
    }
    for binding in bindings {
        of_binding(binding, &turned, own, edits);
    }
    // bound in the namespace alone already
    for binding in all("RoleBinding") {
        let role = binding.word(sketch, "/roleRef/name");
        if binding.word(sketch, "/roleRef/kind") == "ClusterRole" {
            role_ref(binding, &role, &turned, edits);
        }
    }
}

fn of_binding(binding: &OldObject<'_>, turned: &[String], own: &Own, edits: &mut Edits<'_>) {
    let sketch = edits.sketch;
    let (name, role) = (binding.word(sketch, "/metadata/name"), binding.word(sketch, "/roleRef/name"));
    let Some(kind) = binding.node.at("/kind") else { return };
    let at = sketch.bytes(kind);
    if let Some(why) = foreign(binding, own, edits) {
        return edits.refuse(at.start, format!("ClusterRoleBinding {name}"), why);
    }
    if !turned.contains(&role) {
        let why = format!(
            "it binds ClusterRole {role}, which is {}; write a Role with the rules that the build needs, and bind that",
            if role.is_empty() { "not named" } else { "not one of this pipeline that could be turned" }
        );
        return edits.refuse(at.start, format!("ClusterRoleBinding {name}"), why);
    }
    let line = sketch.line(at.start);
    edits.put(at, "RoleBinding");
    role_ref(binding, &role, turned, edits);
    let why = "it binds the build's own ServiceAccount in the build's own namespace";
    edits.note(line..=line, MoveAct::Turned, format!("ClusterRoleBinding {name} into a RoleBinding"), why);
}

fn role_ref(binding: &OldObject<'_>, role: &str, turned: &[String], edits: &mut Edits<'_>) {
    let Some(kind) = binding.node.at("/roleRef/kind") else { return };
    let at = edits.sketch.bytes(kind);
    if turned.iter().any(|turned| turned == role) {
        edits.put(at, "Role");
    } else {
        let why = "an agent may bind only Roles of the build's own namespace: write one with the rules that the build needs";
        edits.refuse(at.start, format!("the binding of ClusterRole {role}"), why);
    }
}

/// Why a ClusterRole cannot be a Role.
fn beyond(role: &OldObject<'_>) -> Option<String> {
    if role.node.at("/aggregationRule").is_some() {
        return Some("its rules are those of other ClusterRoles: write them out".to_owned());
    }
    let Some(rules) = role.node.get("rules") else { return Some("it has no rules".to_owned()) };
    let rules = match tree::value(rules) {
        Ok(rules) => rules,
        Err(wrong) => return Some(wrong.what),
    };
    if rules.as_array().into_iter().flatten().any(|rule| rule.get("nonResourceURLs").is_some()) {
        return Some("it grants paths of the API server, which are in no namespace".to_owned());
    }
    let words = |rule: &Value, field: &str| -> Vec<String> {
        let words = rule.get(field).and_then(Value::as_array).into_iter().flatten();
        words.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let of_all = |rule: &Value| {
        let namespaces = words(rule, "resources").iter().any(|it| it == "namespaces");
        namespaces && words(rule, "verbs").iter().any(|verb| verb != "get")
    };
    if rules.as_array().into_iter().flatten().any(of_all) {
        return Some(
            "it grants namespaces, of which a build has its own alone: leave `get`, or take them out"
                .to_owned(),
        );
    }
    let beyond = weave::beyond(&rules);
    (!beyond.is_empty()).then(|| {
        format!(
            "it grants {}, which no build has in its own namespace; grant only what the build needs of that, each verb and \
             resource by name",
            beyond.join(", ")
        )
    })
}

/// Whom a binding binds that is not the build's own.
fn foreign(binding: &OldObject<'_>, own: &Own, edits: &Edits<'_>) -> Option<String> {
    let sketch = edits.sketch;
    let word = |node: &Node, key: &str| node.get(key).map(|node| sketch.word(node)).unwrap_or_default();
    items(binding.node.get("subjects")).iter().find_map(|subject| {
        let (kind, name) = (word(subject, "kind"), word(subject, "name"));
        let elsewhere = subject.get("namespace").is_some_and(|namespace| !own.is(sketch, namespace));
        (kind != "ServiceAccount" || elsewhere).then(|| {
            let of = if elsewhere {
                format!(" of namespace {}", word(subject, "namespace"))
            } else {
                String::new()
            };
            format!(
                "it binds {kind} {name}{of}, and a build may bind ServiceAccounts of its own namespace only"
            )
        })
    })
}
