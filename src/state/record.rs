//! A chain's record and Secret in home: everything that it renders from, fixed at `start`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::chain::Data;
use super::error::{Error, Result};
use crate::chain::build::Map;
use crate::chain::copied::{FilledSecret, is_variable};
use crate::chain::record::ChainSettings;
use crate::chain::{rights, wire};
use crate::cluster::objects::{Object, SecretObject};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};
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

/// At most so many bytes go into a record; an object may hold 1 MiB, and what else is in it counts.
const RECORD_BYTES: usize = 900 * 1024;

/// Everything that a chain renders from, fixed at `start`.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its settings.
    pub settings: ChainSettings,
    /// Template and values.
    pub sources: Sources,
    /// Facts of the person's machine, the environment included.
    pub facts: Facts,
    /// What the chain's Secret holds besides the environment: what copied Secrets hold.
    pub held: CopiedValues,
}

/// What the chain's Secret holds besides the environment, by its keys. Never in a debug form.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct CopiedValues(pub Map);

impl std::fmt::Debug for CopiedValues {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
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
            return Err(Error::RecordTooLarge {
                chain: self.settings.chain.clone(),
                bytes,
                most: RECORD_BYTES,
            });
        }
        Ok(data)
    }

    /// What goes into the chain's Secret: environment values, and what copied Secrets hold.
    pub fn secrets(&self) -> Map {
        let secret = self.facts.env.iter().filter(|(_, value)| value.secret);
        let secret = secret.map(|(name, value)| (name.clone(), value.value.clone()));
        secret.chain(self.held.0.clone()).collect()
    }

    /// The copied Secrets, as each build's namespace gets them.
    pub fn copied(&self) -> Vec<FilledSecret> {
        let labels = rights::labels(&self.settings.chain);
        self.settings.secrets.iter().map(|secret| secret.filled(&self.held.0, &labels)).collect()
    }

    fn read(chain: &str, record: &Map, secret: &Map) -> Result<Self> {
        let broken = |key: &str, why: String| Error::RecordEdited {
            chain: chain.to_owned(),
            object: wire::record_object(chain),
            key: key.to_owned(),
            why,
        };
        let (settings, facts) = (field(record, SETTINGS, &broken)?, field(record, FACTS, &broken)?);
        let sources = field(record, SOURCES, &broken)?;
        Ok(Self { settings, sources, facts, held: CopiedValues::default() }.with_secrets(secret))
    }

    /// The same with other values in the chain's Secret.
    #[must_use]
    pub fn with_secrets(mut self, secret: &Map) -> Self {
        let plain = self.settings.env.iter().map(|(name, value)| (name, value, false));
        let (variables, held): (Map, Map) = secret.clone().into_iter().partition(|(key, _)| is_variable(key));
        self.held = CopiedValues(held);
        let secret = variables.iter().map(|(name, value)| (name, value, true));
        self.facts.env = plain
            .chain(secret)
            .map(|(name, value, secret)| (name.clone(), EnvValue { value: value.clone(), secret }))
            .collect::<BTreeMap<_, _>>();
        self
    }
}

/// A chain's record and Secret, and what a change of them is decided on.
#[derive(Debug)]
pub struct StoredRecord {
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
///
/// # Errors
/// As [`kept`].
pub async fn record(cluster: &Cluster, chain: &str) -> Result<Option<Record>> {
    Ok(kept(cluster, chain).await?.map(|kept| kept.record))
}

/// Reads a chain's record and Secret, with their versions; `None` if there is no record.
///
/// # Errors
/// Cluster errors; [`Error::RecordEdited`]; [`Error::SecretEdited`].
pub async fn kept(cluster: &Cluster, chain: &str) -> Result<Option<StoredRecord>> {
    let (record_name, secret_name) = (wire::record_object(chain), wire::chain_object(chain));
    let record = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &record_name);
    let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &secret_name);
    let (record, secret) = futures_util::future::try_join(record, secret).await?;
    let Some(record) = record else { return Ok(None) };
    let edition = match record.data.get(EDITION) {
        None => 0,
        Some(text) => text.parse().map_err(|_| Error::RecordEdited {
            chain: chain.to_owned(),
            object: record_name.clone(),
            key: EDITION.to_owned(),
            why: format!("{text:?} is no number"),
        })?,
    };
    let secret_version = secret.as_ref().map(|secret| secret.metadata.resource_version.clone());
    let values = secret.map(texts).transpose()?.unwrap_or_default();
    Ok(Some(StoredRecord {
        record: Record::read(chain, &record.data, &values)?,
        edition,
        record_version: record.metadata.resource_version,
        secret_version,
    }))
}

/// Reads the values in a chain's Secret; `None` if there is no Secret.
///
/// # Errors
/// Cluster errors; [`Error::SecretEdited`].
pub async fn values(cluster: &Cluster, chain: &str) -> Result<Option<Map>> {
    let name = wire::chain_object(chain);
    let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &name).await?;
    secret.map(texts).transpose()
}

/// What a Secret holds, which `start` writes as text.
fn texts(secret: SecretObject) -> Result<Map> {
    let object = secret.metadata.name;
    let texts = secret.data.into_iter().map(|(key, bytes)| match String::from_utf8(bytes.0) {
        Ok(text) => Ok((key, text)),
        Err(_) => Err(Error::SecretEdited { object: object.clone(), key }),
    });
    texts.collect()
}

/// Changes a chain's record and Secret, if they are still as they were read.
///
/// # Errors
/// A conflict where somebody else changed one of them meanwhile.
pub async fn rewrite(cluster: &Cluster, kept: &StoredRecord, record: &Record, edition: u64) -> Result<()> {
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
