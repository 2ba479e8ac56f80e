//! What pods refer to and nobody makes: a fresh namespace does not have it.

use std::collections::{BTreeMap, BTreeSet};

use super::MoveAct;
use super::edits::Edits;
use super::namespace::listed;
use super::sketch::{OldObject, Sketch, items};
use super::workload;
use crate::pipeline::tree::Node;

/// A reference that nothing in the pipeline answers.
type Missing = BTreeMap<(&'static str, String), (Vec<usize>, bool)>;

/// Names what is missing. Gives the Secrets among it without which a pod does not start.
pub(super) fn find(sketch: &Sketch<'_>, objects: &[OldObject<'_>], edits: &mut Edits<'_>) -> Vec<String> {
    let made: BTreeSet<(String, String)> = objects
        .iter()
        .map(|object| (object.word(sketch, "/kind"), object.word(sketch, "/metadata/name")))
        .collect();
    let mut wanted = Missing::new();
    for object in objects {
        let Some(pod) = workload::pod(sketch, object) else { continue };
        for (kind, node, optional) in of_pod(pod) {
            let name = sketch.word(node);
            if name.is_empty()
                || is_everywhere(kind, &name)
                || made.contains(&(kind.to_owned(), name.clone()))
            {
                continue;
            }
            let line = sketch.line(sketch.bytes(node).start);
            let (lines, all_optional) = wanted.entry((kind, name)).or_insert_with(|| (Vec::new(), true));
            lines.push(line);
            *all_optional &= optional;
        }
    }
    let mut secrets = Vec::new();
    for ((kind, name), (mut lines, optional)) in wanted {
        lines.sort_unstable();
        let place = lines[0]..=lines[0];
        let what = format!("{kind} {name}, which nothing here makes ({})", listed(&lines));
        let why = advice(kind, &name, optional);
        edits.note(place, MoveAct::Needed, what, why);
        if kind == "Secret" && !optional {
            secrets.push(name);
        }
    }
    secrets
}

fn advice(kind: &str, name: &str, optional: bool) -> String {
    let without = if optional {
        "it is optional, and pods start without it"
    } else {
        "no pod that names it starts without it"
    };
    match kind {
        "Secret" => format!(
            "{without}; have one that is there copied with start --secret {name}, or write a Secret document"
        ),
        "ConfigMap" => format!("{without}; write a ConfigMap document {name}"),
        "ServiceAccount" => "no pod of it starts without it; write a ServiceAccount document".to_owned(),
        _ => format!("no pod that mounts it starts without it; write a {kind} document"),
    }
}

fn is_everywhere(kind: &str, name: &str) -> bool {
    matches!((kind, name), ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt"))
}

/// Kind, name and whether it may be absent, of something that a pod refers to.
type Reference<'n> = (&'static str, &'n Node, bool);

fn reference<'n>(kind: &'static str, holder: Option<&'n Node>, key: &str) -> Option<Reference<'n>> {
    let optional = holder?.get("optional").and_then(Node::text) == Some("true");
    Some((kind, holder?.get(key)?, optional))
}

/// All that a pod refers to.
fn of_pod(pod: &Node) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for volume in items(pod.get("volumes")) {
        found.extend(reference("Secret", volume.get("secret"), "secretName"));
        found.extend(reference("ConfigMap", volume.get("configMap"), "name"));
        found.extend(reference("PersistentVolumeClaim", volume.get("persistentVolumeClaim"), "claimName"));
        for source in items(volume.at("/projected/sources")) {
            found.extend(reference("Secret", source.get("secret"), "name"));
            found.extend(reference("ConfigMap", source.get("configMap"), "name"));
        }
    }
    for container in workload::containers(pod) {
        for from in items(container.get("envFrom")) {
            found.extend(reference("Secret", from.get("secretRef"), "name"));
            found.extend(reference("ConfigMap", from.get("configMapRef"), "name"));
        }
        for entry in items(container.get("env")) {
            found.extend(reference("Secret", entry.at("/valueFrom/secretKeyRef"), "name"));
            found.extend(reference("ConfigMap", entry.at("/valueFrom/configMapKeyRef"), "name"));
        }
    }
    for secret in items(pod.get("imagePullSecrets")) {
        found.extend(reference("Secret", Some(secret), "name"));
    }
    found.extend(reference("ServiceAccount", Some(pod), "serviceAccountName"));
    found.extend(reference("ServiceAccount", Some(pod), "serviceAccount"));
    found
}
