//! A chain's objects in home: what they have in common, and which chains there are.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Error, Result};
use crate::chain::build::Map;
use crate::chain::{names, wire};
use crate::cluster::objects::{Meta, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};

/// A ConfigMap or a Secret, as far as it is read.
#[derive(Debug, Deserialize)]
pub struct Data {
    /// Metadata.
    pub metadata: Meta,
    /// The data.
    #[serde(default)]
    pub data: Map,
}

/// Whether a chain may be called so.
///
/// # Errors
/// [`Error::ReservedName`] and [`Error::BadChainName`].
pub fn may_be_a_chain(name: &str) -> Result<()> {
    let chain = || name.to_owned();
    if name == wire::CLAIM_CHAIN {
        return Err(Error::ReservedName { chain: chain() });
    }
    match names::label_fault(name, names::CHAIN_NAME_MAX) {
        Some(why) => Err(Error::BadChainName { chain: chain(), why }),
        None => Ok(()),
    }
}

/// The names of all chains that home knows.
///
/// # Errors
/// Cluster errors.
pub async fn chains(cluster: &Cluster) -> Result<Vec<String>> {
    let select = Query::labels(wire::CHAIN);
    let list = cluster.list::<Object>(&kind::CONFIG_MAPS, Some(wire::HOME), &select).await?;
    let mut chains: Vec<String> = list
        .items
        .into_iter()
        .map(|object| object.metadata)
        .filter_map(|meta| {
            let chain = meta.labels.get(wire::CHAIN)?.clone();
            (meta.name == wire::chain_object(&chain)).then_some(chain)
        })
        .collect();
    chains.sort_unstable();
    Ok(chains)
}

/// A ConfigMap in home.
pub fn config_map(name: &str, data: &Map, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": wire::HOME, "labels": labels },
        "data": data,
    })
}
