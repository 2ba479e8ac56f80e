//! A chain's objects in home: head, record, Secret, history.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{Error, Result};
use crate::chain::build::Map;
use crate::chain::head::Head;
use crate::chain::record::ChainSettings;
use crate::chain::wire;
use crate::cluster::objects::{Meta, Object, SecretObject};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Delete, Deletion, Patch, Query, Resource};
use crate::pipeline::facts::{EnvValue, Facts};
use crate::pipeline::sources::Sources;

/// The key of the record that holds [`ChainSettings`].
const SETTINGS: &str = "settings";
/// The key of the record that holds [`Sources`].
const SOURCES: &str = "sources";
/// The key of the record that holds the facts of the person's machine.
const FACTS: &str = "facts";
/// The key of the record that counts how often `start` has changed it.
const EDITION: &str = "edition";
/// The key of the seed's Secret.
const SEED: &str = "seed";
/// At most so many bytes go into a record; an object may hold 1 MiB, and what else is in it counts.
const RECORD_BYTES: usize = 900 * 1024;

/// A ConfigMap or a Secret, as far as it is read.
#[derive(Debug, Deserialize)]
pub struct Data {
    /// Metadata.
    pub metadata: Meta,
    /// The data.
    #[serde(default)]
    pub data: Map,
}

/// Everything that a chain renders from, fixed at `start`.
#[derive(Debug, Clone)]
pub struct Record {
    /// Settings.
    pub settings: ChainSettings,
    /// Template and values.
    pub sources: Sources,
    /// Facts of the person's machine, the environment included.
    pub facts: Facts,
}

fn field<T: serde::de::DeserializeOwned>(
    data: &Map,
    key: &str,
    broken: &impl Fn(&str, String) -> Error,
) -> Result<T> {
    let text = data.get(key).ok_or_else(|| broken(key, "missing".to_owned()))?;
    serde_json::from_str(text).map_err(|error| broken(key, error.to_string()))
}

impl Record {
    /// The record's data; environment values that are secret stay out.
    ///
    /// # Errors
    /// More than an object may hold.
    pub fn write(&self) -> Result<Map> {
        let mut facts = self.facts.clone();
        facts.env.clear();
        let data = Map::from([
            (SETTINGS.to_owned(), json!(self.settings).to_string()),
            (SOURCES.to_owned(), json!(self.sources).to_string()),
            (FACTS.to_owned(), json!(facts).to_string()),
        ]);
        let bytes: usize = data.values().map(String::len).sum();
        if bytes > RECORD_BYTES {
            return Err(Error::usage(
                format!(
                    "template, values and files of chain {} are {bytes} bytes; its record in home holds {RECORD_BYTES}",
                    self.settings.chain
                ),
                "put large files into the image, or into a ConfigMap or Secret of their own",
            ));
        }
        Ok(data)
    }

    /// Environment values that go into the chain's Secret.
    pub fn secrets(&self) -> Map {
        let secret = self.facts.env.iter().filter(|(_, value)| value.secret);
        secret.map(|(name, value)| (name.clone(), value.value.clone())).collect()
    }

    fn read(chain: &str, record: &Map, secret: &Map) -> Result<Self> {
        let broken = |key: &str, why: String| {
            Error::unready(
                format!(
                    "record of chain {chain} (ConfigMap {} in {}): {key}: {why}",
                    wire::record_object(chain),
                    wire::HOME
                ),
                format!(
                    "it was edited by hand or written by another program: kubectl edit configmap -n {} {} puts it right, or start \
                     the chain under another name with --chain",
                    wire::HOME,
                    wire::record_object(chain)
                ),
            )
        };
        let settings: ChainSettings = field(record, SETTINGS, &broken)?;
        let mut facts: Facts = field(record, FACTS, &broken)?;
        let plain = settings.env.iter().map(|(name, value)| (name, value, false));
        let secret = secret.iter().map(|(name, value)| (name, value, true));
        facts.env = plain
            .chain(secret)
            .map(|(name, value, secret)| (name.clone(), EnvValue { value: value.clone(), secret }))
            .collect::<BTreeMap<_, _>>();
        Ok(Self { settings, sources: field(record, SOURCES, &broken)?, facts })
    }
}

/// Reads a chain's head; `None` if there is no such chain.
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

fn read_head(object: &Data) -> Result<Head> {
    Head::read(&object.metadata.resource_version, &object.data).map_err(|why| {
        Error::unready(
            format!("ConfigMap {} in {}: {why}", object.metadata.name, wire::HOME),
            format!(
                "it was edited by hand: kubectl edit configmap -n {} {} puts that key right, or start the chain under another \
                 name with --chain",
                wire::HOME,
                object.metadata.name
            ),
        )
    })
}

/// Reads a chain's seed; `None` if it is gone.
///
/// # Errors
/// A Secret that holds none.
pub async fn seed(cluster: &Cluster, chain: &str) -> Result<Option<Uuid>> {
    let name = wire::seed_object(chain);
    let found = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &name).await?;
    let Some(found) = found else { return Ok(None) };
    let text = found.data.get(SEED).and_then(|bytes| std::str::from_utf8(&bytes.0).ok());
    let seed = text.and_then(|text| Uuid::parse_str(text).ok());
    seed.map(Some).ok_or_else(|| {
        Error::unready(
            format!("Secret {name} in {} holds no seed", wire::HOME),
            format!(
                "it was edited by hand; delete it: kubectl studioci start {chain} then writes another one"
            ),
        )
    })
}

/// A chain's seed, where there must be one.
///
/// # Errors
/// As [`seed`]; [`Error::Unready`] where it is gone.
pub async fn seed_of(cluster: &Cluster, chain: &str) -> Result<Uuid> {
    seed(cluster, chain).await?.ok_or_else(|| {
        Error::unready(
            format!("Secret {} is gone from {}, so that no namespace can be claimed", wire::seed_object(chain), wire::HOME),
            format!(
                "somebody deleted it; kubectl studioci start writes another one for chain {chain} and raises a fresh listener"
            ),
        )
    })
}

/// A chain's record and Secret, and what a change of them is decided on.
#[derive(Debug)]
pub struct Kept {
    /// The record.
    pub record: Record,
    /// How often `start` has changed it.
    pub edition: u64,
    /// The record's resourceVersion.
    record_version: String,
    /// The Secret's; none = there is no Secret.
    secret_version: Option<String>,
}

/// Reads a chain's record and Secret; `None` if there is no record.
pub async fn record(cluster: &Cluster, chain: &str) -> Result<Option<Record>> {
    Ok(kept(cluster, chain).await?.map(|kept| kept.record))
}

/// Reads a chain's record and Secret, with their versions; `None` if there is no record.
pub async fn kept(cluster: &Cluster, chain: &str) -> Result<Option<Kept>> {
    let (record_name, secret_name) = (wire::record_object(chain), wire::chain_object(chain));
    let record = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &record_name);
    let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &secret_name);
    let (record, secret) = futures_util::future::try_join(record, secret).await?;
    let Some(record) = record else { return Ok(None) };
    let edition = match record.data.get(EDITION) {
        None => 0,
        Some(text) => text.parse().map_err(|_| {
            Error::unready(
                format!("ConfigMap {record_name} in {}: {EDITION} {text:?} is no number", wire::HOME),
                format!(
                    "it was edited by hand: kubectl edit configmap -n {} {record_name} puts it right",
                    wire::HOME
                ),
            )
        })?,
    };
    let secret_version = secret.as_ref().map(|secret| secret.metadata.resource_version.clone());
    let mut values = Map::new();
    for (name, bytes) in secret.map(|secret| secret.data).unwrap_or_default() {
        let value = String::from_utf8(bytes.0).map_err(|_| {
            Error::unready(
                format!("Secret {secret_name} in {}: {name} is not UTF-8 text", wire::HOME),
                format!(
                    "it was edited by hand: kubectl edit secret -n {} {secret_name} puts it right",
                    wire::HOME
                ),
            )
        })?;
        values.insert(name, value);
    }
    Ok(Some(Kept {
        record: Record::read(chain, &record.data, &values)?,
        edition,
        record_version: record.metadata.resource_version,
        secret_version,
    }))
}

/// Changes a chain's record and Secret, if they are still as they were read.
///
/// # Errors
/// A conflict where somebody else changed one of them meanwhile.
pub async fn rewrite(cluster: &Cluster, kept: &Kept, record: &Record, edition: u64) -> Result<()> {
    let chain = &record.settings.chain;
    let mut data = record.write()?;
    data.insert(EDITION.to_owned(), edition.to_string());
    let body = json!({ "metadata": { "resourceVersion": kept.record_version }, "data": data });
    let name = wire::record_object(chain);
    cluster.patch::<Object>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&body)).await?;
    let (before, after) = (kept.record.secrets(), record.secrets());
    let Some(version) = kept.secret_version.as_ref().filter(|_| before != after) else { return Ok(()) };
    let dropped = before.keys().filter(|name| !after.contains_key(*name));
    let dropped: BTreeMap<&String, Value> = dropped.map(|name| (name, Value::Null)).collect();
    let body = json!({ "metadata": { "resourceVersion": version }, "data": dropped, "stringData": after });
    let name = wire::chain_object(chain);
    cluster.patch::<Object>(&kind::SECRETS, Some(wire::HOME), &name, Patch::Merge(&body)).await?;
    Ok(())
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

/// The chain's Secret in home.
pub fn secret(chain: &str, values: &Map, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": { "name": wire::chain_object(chain), "namespace": wire::HOME, "labels": labels },
        "stringData": values,
    })
}

/// The Secret of a chain's seed in home: a text of its own, and nothing that a template could read.
pub fn seed_secret(chain: &str, seed: Uuid, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": { "name": wire::seed_object(chain), "namespace": wire::HOME, "labels": labels },
        "stringData": { SEED: seed.to_string() },
    })
}

/// The labels of everything of a chain.
pub fn labels(chain: &str) -> Value {
    json!({ wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain })
}
