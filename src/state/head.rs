//! A chain's head in home: read, and moved by compare-and-swap.

use serde_json::Value;

use super::chain::Data;
use super::error::{Error, Result};
use crate::chain::head::Head;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};

/// Reads a chain's head; `None` if there is no such chain.
///
/// # Errors
/// Cluster errors; [`Error::HeadEdited`].
pub async fn head(cluster: &Cluster, chain: &str) -> Result<Option<Head>> {
    let name = wire::chain_object(chain);
    let found = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?;
    found.map(|found| read_head(&found)).transpose()
}

/// Moves a head by compare-and-swap; how it is now.
///
/// # Errors
/// A conflict where it was moved by somebody else meanwhile.
pub async fn move_head(cluster: &Cluster, chain: &str, patch: &Value) -> Result<Head> {
    let name = wire::chain_object(chain);
    let moved =
        cluster.patch::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(patch)).await?;
    read_head(&moved)
}

pub(crate) fn read_head(object: &Data) -> Result<Head> {
    Head::read(&object.metadata.resource_version, &object.data)
        .map_err(|why| Error::HeadEdited { object: object.metadata.name.clone(), why: why.to_string() })
}

/// The head of a chain that has one.
pub(crate) async fn head_of(cluster: &Cluster, chain: &str) -> Result<Head> {
    head(cluster, chain).await?.ok_or_else(|| Error::HeadGone { chain: chain.to_owned() })
}
