//! What home says of itself: its layout, the image that brings the agent, and the keys that webhooks put on namespaces.

use serde_json::Value;

use super::chain::Data;
use super::error::{Error, Result};
use crate::chain::build::Map;
use crate::chain::rights::{Added, Workspace};
use crate::chain::wire;
use crate::cluster::options::Proxies;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error as ClusterError};
use crate::keel::image::ImageRef;

/// What home says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// Its layout, `MAJOR.MINOR`.
    pub version: String,
    /// The image that brings the agent into listeners, by digest.
    pub agent_image: String,
    /// The keys that webhooks of this cluster put on namespaces.
    pub added: Added,
    /// The proxies by which agents reach whom they tell of builds.
    pub proxies: Proxies,
}

impl Home {
    /// What `setup` would write, for whoever only looks and asks no cluster.
    pub fn unasked() -> Self {
        let version = wire::HOME_VERSION.to_owned();
        let agent_image = default_image();
        Self { version, agent_image, added: Added::default(), proxies: Proxies::default() }
    }

    pub(crate) fn read(data: &Map) -> Result<Self> {
        let told = |key: &str| {
            data.get(key)
                .filter(|value| !value.is_empty())
                .cloned()
                .ok_or_else(|| Error::SettingMissing { key: key.to_owned() })
        };
        let added = match data.get(wire::HOME_KEY_ADDED) {
            Some(name) => Added::read(name).ok_or_else(|| Error::AddedKeysUnreadable {
                key: wire::HOME_KEY_ADDED.to_owned(),
                value: name.clone(),
            })?,
            None => Added::default(),
        };
        let (version, agent_image) = (told(wire::HOME_KEY_VERSION)?, told(wire::HOME_KEY_AGENT_IMAGE)?);
        if let Err(why) = ImageRef::parse(&agent_image) {
            let key = wire::HOME_KEY_AGENT_IMAGE.to_owned();
            return Err(Error::AgentImageUnreadable { key, value: agent_image, why: why.to_owned() });
        }
        let proxies = Proxies {
            https: data.get(wire::HOME_KEY_PROXY).cloned(),
            none_for: data.get(wire::HOME_KEY_NO_PROXY).cloned(),
            ..Proxies::default()
        };
        Ok(Self { version, agent_image, added, proxies })
    }

    /// # Errors
    /// A layout of another major version than this program writes.
    pub(crate) fn accepted(self) -> Result<Self> {
        let own = numbers(wire::HOME_VERSION).map(|(major, _)| major);
        match numbers(&self.version) {
            Some((major, _)) if Some(major) == own => Ok(self),
            _ => Err(Error::OtherLayout { found: self.version, own: wire::HOME_VERSION.to_owned() }),
        }
    }
}

/// Major and minor of a layout.
pub(crate) fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// The agent image of this program's own version, to be shown where no cluster is asked.
pub fn default_image() -> String {
    format!("{}:{}", wire::AGENT_IMAGE, env!("CARGO_PKG_VERSION"))
}

/// Reads home's configuration.
///
/// # Errors
/// [`Error::NotSetUp`] where `setup` was not done, [`Error::OtherLayout`].
pub async fn home(cluster: &Cluster) -> Result<Home> {
    match config(cluster).await.map_err(advised)? {
        Some(data) => Home::read(&data)?.accepted(),
        None => Err(not_done(&format!(
            "this cluster is not set up: ConfigMap {} in namespace {} is missing",
            wire::HOME_CONFIG,
            wire::HOME
        ))),
    }
}

/// The keys that webhooks of this cluster put on namespaces, as far as home may be read: whoever claims a namespace by
/// rights of their own needs no home.
///
/// # Errors
/// As [`home`], but for a cluster that is not set up and for rights that are missing.
pub async fn added_keys(cluster: &Cluster) -> Result<Added> {
    match config(cluster).await {
        Ok(Some(data)) => Ok(Home::read(&data)?.added),
        Ok(None) => Ok(Added::default()),
        Err(error) if error.is_rbac() => Ok(Added::default()),
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn config(cluster: &Cluster) -> std::result::Result<Option<Map>, ClusterError> {
    let found = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), wire::HOME_CONFIG).await?;
    Ok(found.map(|found| found.data))
}

/// Reads what an agent may do in a namespace of its chain, an administrator's additions included.
///
/// # Errors
/// [`Error::NotSetUp`] where the role is missing.
pub async fn workspace(cluster: &Cluster) -> Result<Workspace> {
    let role: Option<Value> = cluster.get(&kind::CLUSTER_ROLES, None, wire::ROLE_WORKSPACE).await?;
    role.map(|role| Workspace::read(&role))
        .ok_or_else(|| not_done(&format!("ClusterRole {} is missing", wire::ROLE_WORKSPACE)))
}

/// The error of a cluster that was not set up.
pub(crate) fn not_done(what: &str) -> Error {
    Error::NotSetUp { what: what.to_owned() }
}

/// A person who may not even look is told whom to ask for what; an agent's missing right is passed on as it is, since
/// its bindings may be moments old.
pub(crate) fn advised(error: ClusterError) -> Error {
    match error {
        ClusterError::Forbidden(no) if !is_agent(&no.user) => {
            Error::NotAUser { what: no.to_string(), user: no.user }
        }
        other => other.into(),
    }
}

pub(crate) fn is_agent(user: &str) -> bool {
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    account.is_some_and(|(_, account)| account.starts_with(wire::AGENT_ACCOUNT))
}
