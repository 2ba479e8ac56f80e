//! A chain's seed: the secret from which names and owners derive. A Secret of its own, and nothing that a template could read.

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::{Error, Result};
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::objects::SecretObject;
use crate::cluster::resource as kind;

/// The key of the seed's Secret.
const SEED: &str = "seed";

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
    seed.map(Some).ok_or_else(|| Error::SeedEdited { chain: chain.to_owned(), object: name.clone() })
}

/// A chain's seed, where there must be one.
///
/// # Errors
/// As [`seed`]; [`Error::SeedGone`] where it is gone.
pub async fn seed_of(cluster: &Cluster, chain: &str) -> Result<Uuid> {
    seed(cluster, chain)
        .await?
        .ok_or_else(|| Error::SeedGone { chain: chain.to_owned(), object: wire::seed_object(chain) })
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
