//! The pull Secrets of a listener: made with it, and written anew when what they hold has changed.
//!
//! The listener's pod and Keel know them by name and read them whenever they ask the registry, so that whoever writes one
//! anew starts nothing anew.

use futures_util::future::try_join_all;
use serde_json::Value;

use super::write::{patch_if_there, patiently};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error, Patch};
use crate::pipeline::weave::place;

/// These Secrets, in a listener's namespace.
pub(crate) fn placed<'a>(secrets: &'a [Value], namespace: &'a str) -> impl Iterator<Item = Value> + 'a {
    secrets.iter().cloned().map(move |mut secret| {
        place(&mut secret, namespace);
        secret
    })
}

/// Writes those of them anew that a waiting listener has: a pipeline that was pushed since may do without one.
///
/// # Errors
/// Cluster errors.
pub(crate) async fn renew(cluster: &Cluster, secrets: &[Value], namespace: &str) -> Result<(), Error> {
    let renewed = placed(secrets, namespace).map(|secret| async move {
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        let ask = || patch_if_there(cluster, &kind::SECRETS, namespace, name, Patch::Merge(&secret));
        patiently(cluster, ask).await
    });
    try_join_all(renewed).await?;
    Ok(())
}
