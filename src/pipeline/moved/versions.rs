//! API versions that no server has any more.

use super::MoveAct;
use super::edits::Edits;
use super::sketch::{OldObject, items, pair};
use crate::pipeline::tree::{Node, NodeKind};
use crate::pipeline::weave::kinds::{self, Known};

/// Kinds whose fields are the same in the version that is served, but for what is written here.
const SAME: [(&str, &str); 8] = [
    ("batch/v1beta1", "CronJob"),
    ("batch/v2alpha1", "CronJob"),
    ("policy/v1beta1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1beta1", "Role"),
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"),
    ("extensions/v1beta1", "NetworkPolicy"),
    ("events.k8s.io/v1beta1", "Event"),
];
/// Of RBAC the cluster-scoped kinds, which are turned afterwards.
const CLUSTER: [&str; 2] = ["ClusterRole", "ClusterRoleBinding"];
const WORKLOADS: [&str; 4] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"];

/// Writes the version that is served where the fields allow it.
pub(super) fn turn(objects: &[OldObject<'_>], edits: &mut Edits<'_>) {
    for object in objects {
        let sketch = edits.sketch;
        let (version, kind) = (object.word(sketch, "/apiVersion"), object.word(sketch, "/kind"));
        let Some(node) = object.node.get("apiVersion") else { continue };
        if CLUSTER.contains(&kind.as_str()) && version.starts_with("rbac.authorization.k8s.io/v1") {
            if !version.ends_with("/v1") {
                served(node, &version, "rbac.authorization.k8s.io/v1", &kind, edits);
            }
            continue;
        }
        let Known::Moved(now) = kinds::look_up(&version, &kind) else { continue };
        let at = sketch.bytes(node).start;
        if WORKLOADS.contains(&kind.as_str()) {
            match selector(object, edits) {
                Ok(()) => served(node, &version, &now, &kind, edits),
                Err(why) => edits.refuse(at, format!("{version} {kind}"), why),
            }
        } else if SAME.contains(&(version.as_str(), kind.as_str())) {
            served(node, &version, &now, &kind, edits);
        } else {
            let why = format!("servers know {kind} as {now}, whose fields are others: write it anew");
            edits.refuse(at, format!("{version} {kind}"), why);
        }
    }
}

fn served(node: &Node, version: &str, now: &str, kind: &str, edits: &mut Edits<'_>) {
    let at = edits.sketch.bytes(node);
    let line = edits.sketch.line(at.start);
    edits.put(at, now);
    let why = "no server since Kubernetes 1.30 has the old one";
    edits.note(line..=line, MoveAct::Changed, format!("{version} {kind} is {now}"), why);
}

/// What used to be the labels of the pods by itself has to be written.
fn selector(object: &OldObject<'_>, edits: &mut Edits<'_>) -> Result<(), &'static str> {
    const UNTOLD: &str = "its selector was that of its pods' labels, which cannot be told here: write spec.selector.matchLabels";
    let sketch = edits.sketch;
    if object.node.at("/spec/selector").is_some() {
        return Ok(());
    }
    let spec = object.node.get("spec").ok_or("it has no spec")?;
    let (template, _) = pair(spec, "template").ok_or("it has no pod template")?;
    let labels = object.node.at("/spec/template/metadata/labels").ok_or(UNTOLD)?;
    let NodeKind::Mapping(pairs) = &labels.kind else { return Err(UNTOLD) };
    let indent = sketch.before(sketch.bytes(template).start);
    if pairs.is_empty() || !indent.chars().all(|c| c == ' ') || !items(Some(labels)).is_empty() {
        return Err(UNTOLD);
    }
    let mut text = format!("{indent}selector:\n{indent}  matchLabels:\n");
    for (key, value) in pairs {
        let (key, value) = (&sketch.text[sketch.bytes(key)], &sketch.text[sketch.bytes(value)]);
        if value.contains('\n') {
            return Err(UNTOLD);
        }
        text.extend([indent, "    ", key, ": ", value, "\n"]);
    }
    let start = sketch.line_around(sketch.bytes(template).start).start;
    let line = sketch.line(start);
    edits.put(start..start, text);
    edits.note(
        line..=line,
        MoveAct::Added,
        "spec.selector",
        "it used to be the labels of the pods, and has to be written now",
    );
    Ok(())
}
