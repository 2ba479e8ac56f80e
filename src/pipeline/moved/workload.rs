//! Where the pods of a pipeline are described.

use crate::keel::names;
use crate::pipeline::tree::Node;

use super::sketch::{OldObject, Sketch, items};

/// Groups that Deployments and their like have been in.
pub(super) const APPS: [&str; 2] = ["apps", "extensions"];

/// Whether it is a Deployment that Keel updates.
pub(super) fn is_build(sketch: &Sketch<'_>, object: &OldObject<'_>) -> bool {
    object.is(sketch, &APPS, "Deployment")
        && ["labels", "annotations"].iter().any(|map| {
            let policy =
                object.word(sketch, &format!("/metadata/{map}/{}", names::POLICY.replace('/', "~1")));
            !matches!(policy.as_str(), "" | "never")
        })
}

/// The description of an object's pods.
pub(super) fn pod<'s>(sketch: &Sketch<'_>, object: &OldObject<'s>) -> Option<&'s Node> {
    let pointer = match object.word(sketch, "/kind").as_str() {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "Deployment" | "StatefulSet" | "ReplicaSet" | "DaemonSet" | "ReplicationController" | "Job" => {
            "/spec/template/spec"
        }
        _ => return None,
    };
    object.node.at(pointer)
}

/// The containers of a pod, those that run first included.
pub(super) fn containers(pod: &Node) -> impl Iterator<Item = &Node> {
    ["containers", "initContainers"].into_iter().flat_map(|list| items(pod.get(list)))
}
