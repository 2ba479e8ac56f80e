//! Which kinds a pipeline may hold, and under which names the API server serves them, so that nobody has to ask it.

use serde_json::Value;

use crate::chain::resource::{self, Resource};

/// What ClusterRole `studioci-workspace-base` covers. Where a kind is served in several versions, the newest is first.
pub const COVERED: [Resource; 24] = [
    resource::CONFIG_MAPS,
    resource::EVENTS,
    resource::LIMIT_RANGES,
    resource::PERSISTENT_VOLUME_CLAIMS,
    resource::PODS,
    resource::REPLICATION_CONTROLLERS,
    resource::RESOURCE_QUOTAS,
    resource::SECRETS,
    resource::SERVICES,
    resource::SERVICE_ACCOUNTS,
    resource::DAEMON_SETS,
    resource::DEPLOYMENTS,
    resource::REPLICA_SETS,
    resource::STATEFUL_SETS,
    resource::HORIZONTAL_POD_AUTOSCALERS,
    resource::HORIZONTAL_POD_AUTOSCALERS_V1,
    resource::CRON_JOBS,
    resource::JOBS,
    resource::EVENTS_OF_ITS_GROUP,
    resource::INGRESSES,
    resource::NETWORK_POLICIES,
    resource::POD_DISRUPTION_BUDGETS,
    resource::ROLES,
    resource::ROLE_BINDINGS,
];

/// What it covers only where an administrator has added it: which ClusterQueue a pipeline may take from is for them to say.
pub const ADDED: [Resource; 2] = [resource::LOCAL_QUEUES, resource::LOCAL_QUEUES_V1BETA1];

/// Kinds of Kubernetes itself that belong to no namespace.
const CLUSTER_SCOPED: [&str; 25] = [
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
    "PriorityClass",
    "PriorityLevelConfiguration",
    "RuntimeClass",
    "ServiceCIDR",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingWebhookConfiguration",
];

/// Kinds of Kubernetes itself that no server since 1.30 has under any name: since when, and what to do instead.
const GONE: [(&str, &str, &str); 2] = [
    (
        "PodSecurityPolicy",
        "1.25",
        "take it out; Pod Security has replaced it: start --pod-security LEVEL, or label \
         pod-security.kubernetes.io/enforce: LEVEL on the pipeline's Namespace document",
    ),
    ("PodPreset", "1.20", "take it out, and write what it sets into the pod templates"),
];

/// What is known of a document's `apiVersion` and `kind`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// The workspace role covers it, or may: whether it does is asked before anything is created.
    Covered(Resource),
    /// The kind is covered, but no server since 1.30 serves it under this `apiVersion`; the one to write.
    Moved(String),
    /// No server since 1.30 has the kind: since which version, and what to do instead.
    Gone(&'static str, &'static str),
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
    let exact = |known: &&Resource| known.kind == kind && known.api_version() == api_version;
    if let Some(found) = COVERED.iter().chain(&ADDED).find(exact) {
        return Known::Covered(*found);
    }
    let group = group_of(api_version);
    let of_kubernetes = !group.contains('.') || group.ends_with(".k8s.io");
    let served = COVERED.iter().chain(&ADDED).find(|known| known.kind == kind);
    if let Some((_, since, instead)) = GONE.iter().find(|(gone, ..)| of_kubernetes && *gone == kind) {
        return Known::Gone(since, instead);
    }
    match served {
        Some(known) if of_kubernetes => Known::Moved(known.api_version()),
        _ if of_kubernetes && CLUSTER_SCOPED.contains(&kind) => Known::ClusterScoped,
        _ => Known::Uncovered,
    }
}

/// Where the server keeps an object of a plan; none where its kind is not covered.
pub fn kind_of(object: &Value) -> Option<Resource> {
    let word = |key| object.get(key).and_then(Value::as_str);
    match look_up(word("apiVersion")?, word("kind")?) {
        Known::Covered(kind) => Some(kind),
        _ => None,
    }
}
