//! Secrets of the cluster that a chain is to have: read where they are, before anything is created.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::chain::base64::base64;
use crate::chain::build::Map;
use crate::chain::copied::{CopiedSecret, FilledSecret};
use crate::cluster::Cluster;
use crate::cluster::objects::SecretObject;
use crate::cluster::resource as kind;
use crate::state::error::{Result, StartFlagFault};
use crate::state::record::CopiedValues;

/// At most so many bytes: the chain's Secret holds them all, and an object may hold 1 MiB.
const MOST: usize = 700 * 1024;
/// Types that stand for an account of one namespace, or that the cluster itself reads.
const NOT_COPIED: [&str; 2] = ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"];

/// Which Secret is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// Its name in each build's namespace.
    pub name: String,
    /// The namespace that it is read in; none = that of the connection.
    pub namespace: Option<String>,
    /// Its name there.
    pub there: String,
}

/// A Secret that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretCopy {
    /// What the record says of it.
    pub secret: CopiedSecret,
    /// What the chain's Secret holds of it.
    pub held: CopiedValues,
}

impl SecretCopy {
    /// One that nobody has read: for a look without a cluster.
    pub fn unread(source: &SecretSource) -> Self {
        let secret = CopiedSecret { name: source.name.clone(), kind: "Opaque".to_owned(), keys: [].into() };
        Self { secret, held: CopiedValues::default() }
    }

    /// As each build's namespace gets it.
    pub fn filled(&self, labels: &Value) -> FilledSecret {
        self.secret.filled(&self.held.0, labels)
    }
}

/// Reads the Secrets that a chain is to have.
///
/// # Errors
/// One that is not there, or may not be read; one that no other namespace can use; more than an object may hold.
pub(super) async fn read(cluster: &Cluster, sources: &[SecretSource]) -> Result<Vec<SecretCopy>> {
    let mut names = BTreeSet::new();
    if let Some(twice) = sources.iter().find(|source| !names.insert(&source.name)) {
        return Err(StartFlagFault::CopiedTwice { name: twice.name.clone() }.into());
    }
    let copies: Vec<SecretCopy> =
        stream::iter(sources).map(|source| one(cluster, source)).buffered(8).try_collect().await?;
    let bytes = copies.iter().flat_map(|copy| copy.held.0.values()).map(String::len).sum();
    if bytes > MOST {
        return Err(StartFlagFault::CopiedTooLarge { bytes, most: MOST }.into());
    }
    Ok(copies)
}

async fn one(cluster: &Cluster, source: &SecretSource) -> Result<SecretCopy> {
    let SecretSource { name, namespace, there } = source;
    let namespace = namespace.as_deref().unwrap_or_else(|| cluster.default_namespace());
    let found = cluster.get::<SecretObject>(&kind::SECRETS, Some(namespace), there).await?;
    let Some(found) = found else {
        return Err(
            StartFlagFault::NothingToCopy { name: there.clone(), namespace: namespace.to_owned() }.into()
        );
    };
    if NOT_COPIED.contains(&found.kind.as_str()) {
        let (name, namespace) = (there.clone(), namespace.to_owned());
        return Err(StartFlagFault::NotCopied { name, namespace, kind: found.kind }.into());
    }
    let texts = found.data.into_iter().map(|(key, bytes)| match String::from_utf8(bytes.0) {
        Ok(text) => (key, false, text),
        Err(bytes) => (key, true, base64(bytes.as_bytes())),
    });
    let texts: Vec<(String, bool, String)> = texts.collect();
    let keys = texts.iter().map(|(key, binary, _)| (key.clone(), *binary)).collect();
    let secret = CopiedSecret { name: name.clone(), kind: found.kind, keys };
    let held: Map = texts.into_iter().map(|(key, _, text)| (secret.home_key(&key), text)).collect();
    if let Some(long) = held.keys().find(|key| key.len() > 253) {
        return Err(StartFlagFault::CopiedKeyTooLong { name: name.clone(), key: long.clone() }.into());
    }
    Ok(SecretCopy { secret, held: CopiedValues(held) })
}
