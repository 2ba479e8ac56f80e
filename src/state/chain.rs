//! A chain's objects in home: what they have in common, which chains there are, and how one is forgotten.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Error, Result};
use super::head::read_head;
use crate::chain::build::Map;
use crate::chain::wire;
use crate::cluster::objects::{Meta, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Delete, Deletion, Query, Resource};

/// A ConfigMap or a Secret, as far as it is read.
#[derive(Debug, Deserialize)]
pub struct Data {
    /// Metadata.
    pub metadata: Meta,
    /// The data.
    #[serde(default)]
    pub data: Map,
}

/// The names of all chains that home knows.
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

/// Deletes everything of a chain that is being purged, and names each. The head goes last: as long as it is there, a
/// repetition knows the chain.
///
/// All are read first, the head last, and go by the uids that were read: a chain is started anew under this name only
/// once the head is gone, so that what was read before that head is the purged chain's.
///
/// `uuid`: the chain's.
///
/// # Errors
/// [`Error::Ownership`] where the head is another chain's by now.
pub async fn forget(
    cluster: &Cluster,
    chain: &str,
    uuid: &str,
    tell: &mut dyn FnMut(&Resource, &str),
) -> Result<()> {
    let (head, record, history) =
        (wire::chain_object(chain), wire::record_object(chain), wire::history_object(chain));
    let secret_seed = wire::seed_object(chain);
    let objects = [
        (&kind::ROLES, &head),
        (&kind::SECRETS, &head),
        (&kind::SECRETS, &secret_seed),
        (&kind::CONFIG_MAPS, &history),
        (&kind::CONFIG_MAPS, &record),
        (&kind::CONFIG_MAPS, &head),
    ];
    let home = Some(wire::HOME);
    let before_head = objects.iter().take(5).map(|(kind, name)| cluster.get::<Object>(kind, home, name));
    let before_head = futures_util::future::try_join_all(before_head).await?;
    let Some(last) = cluster.get::<Data>(&kind::CONFIG_MAPS, home, &head).await? else { return Ok(()) };
    let there = read_head(&last)?;
    if there.uuid != uuid || !there.purging {
        return Err(Error::ownership(
            format!("chain {chain} was started anew while it was being deleted"),
            "nothing of the new one was touched; run it again if that is to go, too",
        ));
    }
    let uids = before_head.into_iter().map(|found| found.map(|found| found.metadata.uid));
    for ((resource, name), seen) in objects.into_iter().zip(uids.chain([Some(last.metadata.uid)])) {
        let Some(seen) = seen else { continue };
        match cluster.delete(resource, home, name, &Delete::uid(seen)).await {
            Ok(Deletion::Accepted) => tell(resource, name),
            Ok(Deletion::AlreadyGone) => {}
            // that one is gone, and its name another's
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
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

/// The labels of everything of a chain.
pub fn labels(chain: &str) -> Value {
    json!({ wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain })
}
