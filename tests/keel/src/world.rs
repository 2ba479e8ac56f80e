//! What surrounds Keel: an API server, a registry and a clock.

use std::fmt;

use jiff::Timestamp;
use serde_json::Value;
use studioci::keel::image::ImageRef;

use crate::credentials::Login;

/// The kinds that Keel follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `batch/v1`.
    CronJob,
    /// `apps/v1`.
    DaemonSet,
    /// `apps/v1`.
    Deployment,
    /// `apps/v1`.
    StatefulSet,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CronJob, Self::DaemonSet, Self::Deployment, Self::StatefulSet];

    /// The kind as objects spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CronJob => "CronJob",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// `group/version`.
    pub fn api_version(self) -> &'static str {
        if self == Self::CronJob { "batch/v1" } else { "apps/v1" }
    }

    /// The collection's name in a path.
    pub fn plural(self) -> String {
        format!("{}s", self.as_str().to_lowercase())
    }

    /// Where the pod's spec stands.
    pub(crate) fn pod_spec(self) -> &'static str {
        if self == Self::CronJob { "/spec/jobTemplate/spec/template/spec" } else { "/spec/template/spec" }
    }

    /// Where the metadata stands that gets `keel.sh/update-time`.
    pub(crate) fn template(self) -> &'static str {
        if self == Self::CronJob { "/spec/jobTemplate" } else { "/spec/template" }
    }
}

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Name {
    /// `namespace/name` for Deployments, `kind/namespace/name` for the others.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != Kind::Deployment {
            write!(f, "{}/", self.kind.as_str().to_lowercase())?;
        }
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 0 if there was no answer.
    pub status: u16,
    /// What the other side said.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status, self.message)
    }
}

/// What Keel asks of an API server, beyond the watches that fill its [`crate::Cache`].
pub trait ApiServer {
    /// Reads one object.
    fn get(&self, name: &Name) -> impl Future<Output = Result<Value, Refusal>>;
    /// Replaces one object.
    fn put(&self, name: &Name, object: &Value) -> impl Future<Output = Result<(), Refusal>>;
    /// Lists the pods with all of these labels.
    fn pods(&self, namespace: &str, labels: &Value) -> impl Future<Output = Result<Vec<Value>, Refusal>>;
    /// Reads a Secret.
    fn secret(&self, namespace: &str, name: &str) -> impl Future<Output = Result<Value, Refusal>>;
}

/// A manifest, as far as Keel looks at it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// Digests by which nodes may know the image: its own, and those of an index's children.
    pub digests: Vec<String>,
    /// Digest of the config blob of a single-platform image.
    pub config: Option<String>,
}

/// An image in a registry, and who asks for it.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Which image.
    pub image: &'a ImageRef,
    /// Nobody, where no pull Secret knows the registry.
    pub login: Option<&'a Login>,
}

/// What Keel asks of a registry.
pub trait Registry {
    /// `HEAD` of the tag's manifest: its digest.
    fn digest(&self, asked: Asked<'_>) -> impl Future<Output = Result<String, Refusal>>;
    /// `GET` of the tag's manifest.
    fn manifest(&self, asked: Asked<'_>) -> impl Future<Output = Result<Manifest, Refusal>>;
    /// `GET` of the config blob.
    fn config(&self, asked: Asked<'_>, digest: &str) -> impl Future<Output = Result<(), Refusal>>;
    /// The repository's tags, in the registry's order.
    fn tags(&self, asked: Asked<'_>) -> impl Future<Output = Result<Vec<String>, Refusal>>;
}

/// The time, real or not.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits until then; not at all if that has passed.
    fn sleep_until(&self, then: Timestamp) -> impl Future<Output = ()>;
}

/// The repository's path within its registry.
pub(crate) fn path_of(image: &ImageRef) -> String {
    let key = image.repository_key();
    key.split_once('/').map_or(key.clone(), |(_, path)| path.to_owned())
}
