//! A Namespace as a build: read in one place.

use super::error::{Error, Result};
use crate::chain::build::{Build, NamespaceView, NotABuild};
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;

/// Reads a Namespace as a build, or says who must repair it.
pub(crate) fn readable(namespace: &NamespaceObject) -> Result<Build> {
    read_build(namespace).map_err(|why| unreadable(&why))
}

/// The error of a Namespace of ours that is no build any more.
pub(crate) fn unreadable(why: &NotABuild) -> Error {
    Error::BuildEdited { finding: why.to_string(), remedy: why.remedy() }
}

/// Reads a Namespace as a build.
///
/// # Errors
/// [`NotABuild`]: which label or annotation of ours is missing or cannot be read, and what to do about it.
pub fn read_build(namespace: &NamespaceObject) -> std::result::Result<Build, NotABuild> {
    Build::read(view(namespace))
}

/// What a Namespace tells.
pub(crate) fn view(namespace: &NamespaceObject) -> NamespaceView<'_> {
    let meta = &namespace.metadata;
    NamespaceView {
        namespace: &meta.name,
        uid: &meta.uid,
        resource_version: &meta.resource_version,
        created: meta.creation_timestamp,
        terminating: meta.deletion_timestamp.is_some(),
        labels: &meta.labels,
        annotations: &meta.annotations,
    }
}

/// The build in a namespace, if it is there.
///
/// # Errors
/// Cluster errors; a Namespace of ours that was edited by hand.
pub async fn look(cluster: &Cluster, namespace: &str) -> Result<Option<Build>> {
    let Some(found) = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await? else {
        return Ok(None);
    };
    readable(&found).map(Some)
}
