//! The kept logs of a chain's builds: a ring of Secrets in home, which `start` makes and agents write.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::error::{LogFault, Result};
use crate::chain::base64::base64;
use crate::chain::kept_log::{KeptLog, makes_room, ring, secret_of};
use crate::chain::wire;
use crate::cluster::objects::{Object, SecretObject};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};

/// How often it is tried to write beside another agent that writes into the same Secret.
const TRIES: u32 = 5;

/// The Secrets of a chain's ring, as `start` makes them.
pub(crate) fn empty_ring(chain: &str, labels: &Value) -> Vec<Value> {
    let secret = |name: String| {
        json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "type": "Opaque",
            "metadata": { "name": name, "namespace": wire::HOME, "labels": labels },
        })
    };
    ring(chain).into_iter().map(secret).collect()
}

/// Keeps a build's log; the oldest of its Secret make room. A build that was kept with more than nothing is not kept again
/// with nothing: whoever repeats this after a crash may find the pod gone.
///
/// # Errors
/// Cluster errors; [`LogFault::KeptLogsGone`] where the Secret is.
pub(crate) async fn write(cluster: &Cluster, chain: &str, generation: u64, log: &KeptLog) -> Result<()> {
    let (name, key, packed) = (secret_of(chain, generation), wire::build_key(generation), log.pack());
    for attempt in 1.. {
        let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &name).await?;
        let secret =
            secret.ok_or_else(|| LogFault::KeptLogsGone { object: name.clone(), chain: chain.to_owned() })?;
        let before = secret.data.get(&key).and_then(|bytes| KeptLog::unpack(&bytes.0).ok());
        if before.is_some_and(|before| before.uid == log.uid && log.is_empty() && !before.is_empty()) {
            return Ok(());
        }
        let held = secret.data.iter().map(|(key, bytes)| (key.as_str(), bytes.0.len()));
        let room = makes_room(held, &key, packed.len());
        let mut data: BTreeMap<&str, Value> = room.into_iter().map(|key| (key, Value::Null)).collect();
        data.insert(&key, json!(base64(&packed)));
        let body =
            json!({ "metadata": { "resourceVersion": secret.metadata.resource_version }, "data": data });
        let patch = Patch::Merge(&body);
        match cluster.patch::<Object>(&kind::SECRETS, Some(wire::HOME), &name, patch).await {
            Err(error) if error.is_conflict() && attempt < TRIES => {}
            written => return Ok(written.map(drop)?),
        }
    }
    unreachable!("the last try returns")
}

/// What is kept of a build's log; `None` if nothing is.
///
/// # Errors
/// Cluster errors; [`LogFault::KeptLogUnreadable`].
pub async fn read(cluster: &Cluster, chain: &str, generation: u64, uid: &str) -> Result<Option<KeptLog>> {
    let (object, key) = (secret_of(chain, generation), wire::build_key(generation));
    let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &object).await?;
    let Some(packed) = secret.as_ref().and_then(|secret| secret.data.get(&key)) else { return Ok(None) };
    let log = KeptLog::unpack(&packed.0).map_err(|why| LogFault::KeptLogUnreadable { object, key, why })?;
    // a chain of this name that was purged may have had that generation
    Ok(Some(log).filter(|log| log.uid == uid))
}
