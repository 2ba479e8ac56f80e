//! Objects as far as we read them: small structs that decode only the fields in use.
//!
//! A typed list of k8s-openapi's structs costs several times the memory and the time. Everything is optional or
//! has a default: a field that the server leaves out is not an error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::chain::build::Map;

/// `null` reads like a field that is not there.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The metadata of any object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Its identity for life.
    pub uid: String,
    /// Its version for conditional writes and watches.
    pub resource_version: String,
    /// Counts changes of the spec (and of annotations of a Deployment).
    pub generation: i64,
    /// Labels.
    #[serde(deserialize_with = "nullable")]
    pub labels: Map,
    /// Annotations.
    #[serde(deserialize_with = "nullable")]
    pub annotations: Map,
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
    /// When somebody asked for it to be deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// What it goes away with.
    #[serde(deserialize_with = "nullable")]
    pub owner_references: Vec<OwnerReference>,
    /// Who must act before it may go.
    #[serde(deserialize_with = "nullable")]
    pub finalizers: Vec<String>,
}

/// One owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    /// Its apiVersion.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Whether it is the managing controller.
    pub controller: bool,
}

/// Any object, of which only the metadata matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Metadata.
    pub metadata: Meta,
}

/// A condition of a status; all kinds share the shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Failed` …
    pub r#type: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Timestamp>,
}

/// The condition of this type, if it stands at `True`.
pub fn holds<'a>(conditions: &'a [Condition], r#type: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.r#type == r#type && condition.status == "True")
}

/// A Namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NamespaceObject {
    /// Metadata.
    pub metadata: Meta,
    /// Status.
    pub status: NamespaceStatus,
}

/// A Namespace's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub phase: String,
    /// Why a deletion does not come to its end.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// A ConfigMap.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ConfigMap {
    /// Metadata.
    pub metadata: Meta,
    /// Text by key.
    #[serde(deserialize_with = "nullable")]
    pub data: BTreeMap<String, String>,
}

/// A Secret.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SecretObject {
    /// Metadata.
    pub metadata: Meta,
    /// Bytes by key; never in a debug form.
    #[serde(deserialize_with = "nullable")]
    pub data: BTreeMap<String, k8s_openapi::ByteString>,
}

impl std::fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.data.keys().collect();
        f.debug_struct("SecretObject").field("name", &self.metadata.name).field("keys", &keys).finish()
    }
}

/// A container of a pod template: only what is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its image as asked for.
    pub image: String,
    /// `Always` for a native sidecar among the init containers.
    pub restart_policy: Option<String>,
}

/// A Pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Pod {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: PodSpec,
    /// Status.
    pub status: PodStatus,
}

/// A pod's spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    /// Containers.
    #[serde(deserialize_with = "nullable")]
    pub containers: Vec<Container>,
    /// Init containers and native sidecars.
    #[serde(deserialize_with = "nullable")]
    pub init_containers: Vec<Container>,
    /// The node that it is bound to.
    pub node_name: Option<String>,
}

/// A pod's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `Evicted`, `DeadlineExceeded`, `NodeLost` …
    pub reason: String,
    /// The sentence to it.
    pub message: String,
    /// Conditions: `PodScheduled`, `Ready`, `DisruptionTarget` …
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
    /// State of the containers.
    #[serde(deserialize_with = "nullable")]
    pub container_statuses: Vec<ContainerStatus>,
    /// State of the init containers and native sidecars.
    #[serde(deserialize_with = "nullable")]
    pub init_container_statuses: Vec<ContainerStatus>,
    /// When the kubelet took it up.
    pub start_time: Option<Timestamp>,
}

/// One container's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    /// The container's name.
    pub name: String,
    /// The image as the runtime names it.
    pub image: String,
    /// The image's digest; published late, and for a side-loaded image no registry digest.
    #[serde(rename = "imageID")]
    pub image_id: String,
    /// The runtime's id of this very start of the container.
    #[serde(rename = "containerID")]
    pub container_id: String,
    /// Whether it is ready.
    pub ready: bool,
    /// How often it was restarted.
    pub restart_count: i64,
    /// What it does now.
    pub state: ContainerState,
    /// What became of the start before.
    pub last_state: ContainerState,
}

/// Waiting, running or terminated; nothing at all before the kubelet speaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    /// Not started, and why.
    pub waiting: Option<Waiting>,
    /// Running.
    pub running: Option<Running>,
    /// Ended.
    pub terminated: Option<Terminated>,
}

/// Why a container waits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Waiting {
    /// `ImagePullBackOff`, `CrashLoopBackOff` …
    pub reason: String,
    /// The sentence to it.
    pub message: String,
}

/// A running container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Running {
    /// Since when.
    pub started_at: Option<Timestamp>,
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    /// Its exit code.
    pub exit_code: i32,
    /// The signal that killed it.
    pub signal: Option<i32>,
    /// `Completed`, `Error`, `OOMKilled` …
    pub reason: String,
    /// The termination message.
    pub message: String,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Which start of the container this was.
    #[serde(rename = "containerID")]
    pub container_id: String,
}

/// A Deployment; its pod template by the containers alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Deployment {
    /// Metadata.
    pub metadata: Meta,
    /// Spec.
    pub spec: DeploymentSpec,
    /// Status.
    pub status: DeploymentStatus,
}

/// A Deployment's spec.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct DeploymentSpec {
    /// How many pods are wanted.
    pub replicas: Option<i32>,
    /// The pod template.
    pub template: PodTemplate,
}

/// A pod template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PodTemplate {
    /// Metadata of the pods.
    pub metadata: Meta,
    /// Spec of the pods.
    pub spec: PodSpec,
}

/// A Deployment's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DeploymentStatus {
    /// The generation that the rest speaks of.
    pub observed_generation: i64,
    /// Pods in all.
    pub replicas: i32,
    /// Pods of the newest template.
    pub updated_replicas: i32,
    /// Pods that are ready.
    pub ready_replicas: i32,
    /// Pods that have been ready long enough.
    pub available_replicas: i32,
    /// `Available`, `Progressing`, `ReplicaFailure`.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// A Job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Job {
    /// Metadata.
    pub metadata: Meta,
    /// Status.
    pub status: JobStatus,
}

/// A Job's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobStatus {
    /// Pods that are pending or running.
    pub active: i32,
    /// Pods that succeeded.
    pub succeeded: i32,
    /// Pods that failed.
    pub failed: i32,
    /// When the controller took it up.
    pub start_time: Option<Timestamp>,
    /// When it succeeded.
    pub completion_time: Option<Timestamp>,
    /// `Complete`, `Failed`, `Suspended` …
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// An Event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Metadata.
    pub metadata: Meta,
    /// What it is about.
    pub involved_object: InvolvedObject,
    /// `Normal` or `Warning`.
    pub r#type: String,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// How often, in the old form.
    pub count: Option<i32>,
    /// First time, in the old form.
    pub first_timestamp: Option<Timestamp>,
    /// Last time, in the old form.
    pub last_timestamp: Option<Timestamp>,
    /// The time, in the new form.
    pub event_time: Option<Timestamp>,
}

/// What an Event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InvolvedObject {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Which part, `spec.containers{build}`.
    pub field_path: String,
}

impl Event {
    /// When it was last seen: by whichever of its clocks is set.
    pub fn last_seen(&self) -> Option<Timestamp> {
        self.last_timestamp.or(self.event_time).or(self.first_timestamp).or(self.metadata.creation_timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_as_a_kubelet_writes_it() {
        let pod: Pod = serde_json::from_value(serde_json::json!({
            "metadata": {
                "name": "build-x", "namespace": "ci-a", "uid": "u", "resourceVersion": "7",
                "creationTimestamp": "2026-11-24T20:00:00Z", "labels": null,
                "managedFields": [{"manager": "kubelet"}],
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "v",
                                     "controller": true, "blockOwnerDeletion": true}]
            },
            "spec": {"nodeName": "n1", "containers": [{"name": "ci", "image": "r/ci:1", "resources": {}}],
                     "initContainers": [{"name": "side", "image": "s", "restartPolicy": "Always"}]},
            "status": {
                "phase": "Running",
                "conditions": [{"type": "Ready", "status": "True", "lastProbeTime": null}],
                "containerStatuses": [{
                    "name": "ci", "image": "r/ci:1", "imageID": "r/ci@sha256:00", "containerID": "containerd://c2",
                    "ready": true, "restartCount": 1, "started": true,
                    "state": {"running": {"startedAt": "2026-11-24T20:00:05Z"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled", "containerID": "containerd://c1",
                                                 "startedAt": null, "finishedAt": "2026-11-24T20:00:04Z"}}
                }]
            }
        }))
        .unwrap();
        assert_eq!(pod.spec.init_containers[0].restart_policy.as_deref(), Some("Always"));
        assert!(holds(&pod.status.conditions, "Ready").is_some());
        assert!(pod.metadata.owner_references[0].controller);
        let status = &pod.status.container_statuses[0];
        assert_eq!(status.image_id, "r/ci@sha256:00");
        assert_eq!(status.last_state.terminated.as_ref().map(|it| it.exit_code), Some(137));
        assert_eq!(
            status.state.running.as_ref().and_then(|it| it.started_at),
            "2026-11-24T20:00:05Z".parse().ok()
        );
    }

    #[test]
    fn nothing_is_required() {
        assert_eq!(serde_json::from_str::<Pod>("{}").unwrap(), Pod::default());
        assert_eq!(serde_json::from_str::<Deployment>("{}").unwrap(), Deployment::default());
        assert_eq!(serde_json::from_str::<Job>(r#"{"status":{"conditions":null}}"#).unwrap(), Job::default());
        assert_eq!(serde_json::from_str::<ConfigMap>(r#"{"data":null}"#).unwrap(), ConfigMap::default());
        assert_eq!(serde_json::from_str::<Event>("{}").unwrap().last_seen(), None);
    }

    #[test]
    fn an_event_of_the_new_form_has_a_time() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "involvedObject": {"kind": "Pod", "name": "x"}, "firstTimestamp": null, "lastTimestamp": null,
            "eventTime": "2026-11-24T20:00:00.123456Z"
        }))
        .unwrap();
        assert_eq!(event.last_seen(), "2026-11-24T20:00:00.123456Z".parse().ok());
    }
}
