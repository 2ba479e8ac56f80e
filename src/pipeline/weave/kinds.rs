//! Which kinds a pipeline may hold, and under which names the API server serves them, so that nobody has to ask it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A namespaced kind and where it is served.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Kind {
    /// API group; empty for the core group.
    pub group: Cow<'static, str>,
    /// Version, as the document names it.
    pub version: Cow<'static, str>,
    /// Kind, as the document names it.
    pub kind: Cow<'static, str>,
    /// The resource in URLs and roles.
    pub plural: Cow<'static, str>,
}

impl Kind {
    const fn known(
        group: &'static str,
        version: &'static str,
        kind: &'static str,
        plural: &'static str,
    ) -> Self {
        Self {
            group: Cow::Borrowed(group),
            version: Cow::Borrowed(version),
            kind: Cow::Borrowed(kind),
            plural: Cow::Borrowed(plural),
        }
    }

    /// `group/version`, or `version` alone for the core group: the document's `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_string()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// The listener and every other Deployment.
pub const DEPLOYMENT: Kind = Kind::known("apps", "v1", "Deployment", "deployments");
/// The build, and the pipeline's own Jobs.
pub const JOB: Kind = Kind::known("batch", "v1", "Job", "jobs");

/// What ClusterRole `studioci-workspace-base` covers. Where a kind is served in several versions, the newest is first.
pub static COVERED: [Kind; 24] = [
    Kind::known("", "v1", "ConfigMap", "configmaps"),
    Kind::known("", "v1", "Event", "events"),
    Kind::known("", "v1", "LimitRange", "limitranges"),
    Kind::known("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
    Kind::known("", "v1", "Pod", "pods"),
    Kind::known("", "v1", "ReplicationController", "replicationcontrollers"),
    Kind::known("", "v1", "ResourceQuota", "resourcequotas"),
    Kind::known("", "v1", "Secret", "secrets"),
    Kind::known("", "v1", "Service", "services"),
    Kind::known("", "v1", "ServiceAccount", "serviceaccounts"),
    Kind::known("apps", "v1", "DaemonSet", "daemonsets"),
    DEPLOYMENT,
    Kind::known("apps", "v1", "ReplicaSet", "replicasets"),
    Kind::known("apps", "v1", "StatefulSet", "statefulsets"),
    Kind::known("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind::known("autoscaling", "v1", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    Kind::known("batch", "v1", "CronJob", "cronjobs"),
    JOB,
    Kind::known("events.k8s.io", "v1", "Event", "events"),
    Kind::known("networking.k8s.io", "v1", "Ingress", "ingresses"),
    Kind::known("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"),
    Kind::known("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind::known("rbac.authorization.k8s.io", "v1", "Role", "roles"),
    Kind::known("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"),
];

/// Kinds of Kubernetes itself that belong to no namespace.
const CLUSTER_SCOPED: [&str; 26] = [
    "APIService",
    "CSIDriver",
    "CSINode",
    "CertificateSigningRequest",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterTrustBundle",
    "ComponentStatus",
    "CustomResourceDefinition",
    "DeviceClass",
    "FlowSchema",
    "IPAddress",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Node",
    "PersistentVolume",
    "PodSecurityPolicy",
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "ServiceCIDR",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
];

/// What is known of a document's `apiVersion` and `kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// The workspace role covers it.
    Covered(Kind),
    /// The kind is covered, but no server since 1.30 serves it under this `apiVersion`; the one to write.
    Moved(String),
    /// Kubernetes serves it outside namespaces.
    ClusterScoped,
    /// The workspace role does not cover it.
    Uncovered,
}

/// The API group of an `apiVersion`.
fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Looks a kind up.
pub fn look_up(api_version: &str, kind: &str) -> Known {
    let exact = |known: &&Kind| known.kind == kind && known.api_version() == api_version;
    if let Some(found) = COVERED.iter().find(exact) {
        return Known::Covered(found.clone());
    }
    let group = group_of(api_version);
    let of_kubernetes = !group.contains('.') || group.ends_with(".k8s.io");
    let served = COVERED.iter().find(|known| known.kind == kind);
    match served {
        Some(known) if of_kubernetes => Known::Moved(known.api_version()),
        _ if of_kubernetes && CLUSTER_SCOPED.contains(&kind) => Known::ClusterScoped,
        _ => Known::Uncovered,
    }
}

/// Where the server keeps an object of a plan; none where its kind is not covered.
pub fn kind_of(object: &Value) -> Option<Kind> {
    let word = |key| object.get(key).and_then(Value::as_str);
    match look_up(word("apiVersion")?, word("kind")?) {
        Known::Covered(kind) => Some(kind),
        _ => None,
    }
}
