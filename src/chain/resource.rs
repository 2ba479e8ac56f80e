//! The kinds of object that a pipeline may hold and that this program reads or writes, and where the API server keeps each.
//!
//! A fixed table instead of discovery: discovery costs requests on every run and breaks when one aggregated API
//! is down. A kind that is not in the table is not ours to touch, and [`Resource::of`] says so by `None`.

use std::fmt::{self, Write as _};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// Where the API server keeps one kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(into = "(String, String)")]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: &'static str,
    /// Version within the group.
    pub version: &'static str,
    /// Plural, lower case, as in a URL and in an RBAC rule.
    pub plural: &'static str,
    /// Kind, as in a document.
    pub kind: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

const fn namespaced(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Resource {
    Resource { group, version, plural, kind, namespaced: true }
}

const fn clustered(
    group: &'static str,
    version: &'static str,
    plural: &'static str,
    kind: &'static str,
) -> Resource {
    Resource { group, version, plural, kind, namespaced: false }
}

const APPS: &str = "apps";
const BATCH: &str = "batch";
const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const KUEUE: &str = super::kueue::GROUP;
const AUTHORIZATION: &str = "authorization.k8s.io";

/// Defines the constants and the table from one list, so that neither can miss a kind.
macro_rules! resources {
    ($($name:ident = $shape:ident($group:expr, $version:literal, $plural:literal, $kind:literal);)*) => {
        $(
            #[doc = concat!("`", $kind, "`, version `", $version, "`.")]
            pub const $name: Resource = $shape($group, $version, $plural, $kind);
        )*
        /// Every kind in use.
        pub const ALL: &[Resource] = &[$($name),*];
    };
}

resources! {
    NAMESPACES = clustered("", "v1", "namespaces", "Namespace");
    NODES = clustered("", "v1", "nodes", "Node");
    CONFIG_MAPS = namespaced("", "v1", "configmaps", "ConfigMap");
    SECRETS = namespaced("", "v1", "secrets", "Secret");
    SERVICE_ACCOUNTS = namespaced("", "v1", "serviceaccounts", "ServiceAccount");
    PODS = namespaced("", "v1", "pods", "Pod");
    EVENTS = namespaced("", "v1", "events", "Event");
    SERVICES = namespaced("", "v1", "services", "Service");
    PERSISTENT_VOLUME_CLAIMS = namespaced("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim");
    RESOURCE_QUOTAS = namespaced("", "v1", "resourcequotas", "ResourceQuota");
    LIMIT_RANGES = namespaced("", "v1", "limitranges", "LimitRange");
    REPLICATION_CONTROLLERS = namespaced("", "v1", "replicationcontrollers", "ReplicationController");
    DEPLOYMENTS = namespaced(APPS, "v1", "deployments", "Deployment");
    STATEFUL_SETS = namespaced(APPS, "v1", "statefulsets", "StatefulSet");
    REPLICA_SETS = namespaced(APPS, "v1", "replicasets", "ReplicaSet");
    DAEMON_SETS = namespaced(APPS, "v1", "daemonsets", "DaemonSet");
    JOBS = namespaced(BATCH, "v1", "jobs", "Job");
    CRON_JOBS = namespaced(BATCH, "v1", "cronjobs", "CronJob");
    INGRESSES = namespaced(NETWORKING, "v1", "ingresses", "Ingress");
    NETWORK_POLICIES = namespaced(NETWORKING, "v1", "networkpolicies", "NetworkPolicy");
    EVENTS_OF_ITS_GROUP = namespaced("events.k8s.io", "v1", "events", "Event");
    HORIZONTAL_POD_AUTOSCALERS =
        namespaced("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler");
    HORIZONTAL_POD_AUTOSCALERS_V1 =
        namespaced("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler");
    POD_DISRUPTION_BUDGETS = namespaced("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget");
    ROLES = namespaced(RBAC, "v1", "roles", "Role");
    ROLE_BINDINGS = namespaced(RBAC, "v1", "rolebindings", "RoleBinding");
    CLUSTER_ROLES = clustered(RBAC, "v1", "clusterroles", "ClusterRole");
    CLUSTER_ROLE_BINDINGS = clustered(RBAC, "v1", "clusterrolebindings", "ClusterRoleBinding");
    VALIDATING_ADMISSION_POLICIES =
        clustered(ADMISSION, "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy");
    VALIDATING_ADMISSION_POLICY_BINDINGS =
        clustered(ADMISSION, "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding");
    SELF_SUBJECT_ACCESS_REVIEWS =
        clustered(AUTHORIZATION, "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview");
    SELF_SUBJECT_REVIEWS =
        clustered("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview");
    LOCAL_QUEUES = namespaced(KUEUE, "v1beta2", "localqueues", "LocalQueue");
    LOCAL_QUEUES_V1BETA1 = namespaced(KUEUE, "v1beta1", "localqueues", "LocalQueue");
    WORKLOADS = namespaced(KUEUE, "v1beta2", "workloads", "Workload");
    WORKLOADS_V1BETA1 = namespaced(KUEUE, "v1beta1", "workloads", "Workload");
    SUBJECT_ACCESS_REVIEWS = clustered(AUTHORIZATION, "v1", "subjectaccessreviews", "SubjectAccessReview");
}

impl Resource {
    /// The resource of a document, by its `apiVersion` and `kind`; `None` for a kind that we do not handle.
    ///
    /// The version must be one of the table: an object of another version would be read back in a shape that it was not
    /// written in.
    pub fn of(api_version: &str, kind: &str) -> Option<Self> {
        ALL.iter().copied().find(|known| known.kind == kind && known.api_version() == api_version)
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `pods`, `deployments.apps`: the name in an RBAC message.
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `namespace/x`, `deployment.apps/build`: how kubectl names an object in its result lines.
    pub fn object(&self, name: &str) -> String {
        let kind = self.kind.to_ascii_lowercase();
        if self.group.is_empty() { format!("{kind}/{name}") } else { format!("{kind}.{}/{name}", self.group) }
    }

    /// The URL path of the collection, or of one object in it. A namespace is ignored for cluster-scoped kinds.
    pub fn path(&self, namespace: Option<&str>, name: Option<&str>) -> String {
        let mut path = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        if let (true, Some(namespace)) = (self.namespaced, namespace) {
            path.push_str("/namespaces/");
            escape_into(&mut path, namespace);
        }
        path.push('/');
        path.push_str(self.plural);
        if let Some(name) = name {
            path.push('/');
            escape_into(&mut path, name);
        }
        path
    }
}

impl From<Resource> for (String, String) {
    fn from(resource: Resource) -> Self {
        (resource.api_version(), resource.kind.to_owned())
    }
}

// By hand: derived, it would want to borrow the names from what is read.
impl<'de> Deserialize<'de> for Resource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (api_version, kind) = <(String, String)>::deserialize(deserializer)?;
        let unknown = || D::Error::custom(format!("{kind} ({api_version}) is not in the table"));
        Self::of(&api_version, &kind).ok_or_else(unknown)
    }
}

/// Percent-escapes everything but RFC 3986's unreserved characters.
pub fn escape_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.qualified())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_find_their_resource() {
        let cases = [
            ("v1", "Pod", Some(PODS)),
            ("apps/v1", "Deployment", Some(DEPLOYMENTS)),
            ("batch/v1", "CronJob", Some(CRON_JOBS)),
            ("autoscaling/v2", "HorizontalPodAutoscaler", Some(HORIZONTAL_POD_AUTOSCALERS)),
            ("extensions/v1beta1", "Deployment", None),
            ("v1", "Deployment", None),
            ("apps/v1", "deployment", None),
            ("example.com/v1", "Widget", None),
        ];
        for (api_version, kind, expected) in cases {
            assert_eq!(Resource::of(api_version, kind), expected, "{api_version} {kind}");
        }
        assert_eq!(
            Resource::of("autoscaling/v1", "HorizontalPodAutoscaler").map(|it| it.path(Some("x"), Some("y"))),
            Some("/apis/autoscaling/v1/namespaces/x/horizontalpodautoscalers/y".to_owned())
        );
    }

    #[test]
    fn paths() {
        let cases = [
            (NAMESPACES, None, None, "/api/v1/namespaces"),
            (NAMESPACES, Some("ignored"), Some("a"), "/api/v1/namespaces/a"),
            (PODS, None, None, "/api/v1/pods"),
            (PODS, Some("a"), None, "/api/v1/namespaces/a/pods"),
            (DEPLOYMENTS, Some("a"), Some("b"), "/apis/apps/v1/namespaces/a/deployments/b"),
            (
                CLUSTER_ROLES,
                None,
                Some("system:x/y"),
                "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Ax%2Fy",
            ),
        ];
        for (resource, namespace, name, expected) in cases {
            assert_eq!(resource.path(namespace, name), expected);
        }
    }

    #[test]
    fn no_kind_stands_twice() {
        let kinds: std::collections::BTreeSet<_> = ALL.iter().map(|it| (it.api_version(), it.kind)).collect();
        assert_eq!(kinds.len(), ALL.len());
    }

    #[test]
    fn names_as_kubectl_prints_them() {
        assert_eq!(NAMESPACES.object("x"), "namespace/x");
        assert_eq!(DEPLOYMENTS.object("build"), "deployment.apps/build");
        assert_eq!(DEPLOYMENTS.to_string(), "deployments.apps");
    }
}
