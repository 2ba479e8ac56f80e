//! `setup`: what a cluster needs once. Home, the roles, and the admission policies that confine builds ([`manifests`]).
//!
//! Objects that are there are compared and, where they differ, changed by a JSON patch against the version that was
//! read. Not by server-side apply: it cannot take a field back that somebody else changed without force, leaves what
//! others added to the lists of a policy, and writes even where there is nothing to do. It refuses a home of another
//! major version, and leaves a newer confinement alone.

use std::fmt;

use futures_util::future::try_join_all;
use serde_json::Value;

use crate::chain::rights::{Added, POD_SECURITY};
use crate::chain::wire;
use crate::cluster::options::Proxies;
use crate::cluster::{Cluster, Create, Error as ClusterError, Patch, Resource};
use crate::keel::image::ImageRef;
use crate::publish;
use crate::state::confinement::{self, Canary, Confinement};
use crate::state::error::{Error, Result, StartFlagFault};
use crate::state::home::{Home, config, numbers};
use crate::state::{manifests, write};

/// The oldest Kubernetes that has admission policies (v1) and native sidecars by default.
pub(super) const OLDEST: (u32, u32) = (1, 30);

/// How often a patch is tried against somebody who writes at the same time.
const TRIES: u32 = 5;

/// What an administrator asks `setup` for; what they leave out stays as home has it.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// The agent image, by digest.
    pub agent_image: Option<String>,
    /// The keys that webhooks of this cluster put on namespaces.
    pub added: Option<Added>,
    /// The proxy by which agents reach whom they tell of builds; empty for none.
    pub https_proxy: Option<String>,
    /// The hosts that they reach without it; empty for none.
    pub no_proxy: Option<String>,
}

impl Asked {
    /// The proxies that it makes of those that were there.
    fn proxies(&self, before: &Proxies) -> Proxies {
        let of = |asked: &Option<String>, before: &Option<String>| {
            asked.clone().or_else(|| before.clone()).filter(|text| !text.is_empty())
        };
        Proxies {
            https: of(&self.https_proxy, &before.https),
            none_for: of(&self.no_proxy, &before.none_for),
            ..Proxies::default()
        }
    }
}

/// What `setup --print` prints: the manifests with their comments, and home's configuration.
///
/// # Errors
/// An agent image that is missing, no reference, or not named by its digest; keys that cannot be.
pub fn print(asked: &Asked) -> Result<String> {
    readable(asked)?;
    Ok(manifests::text(&home_after(None, asked, released())?))
}

/// What the policies allow is an image by its digest: whoever can push over a tag must not become every agent.
fn readable(asked: &Asked) -> Result<()> {
    match asked.agent_image.as_ref().map(|image| (image.clone(), ImageRef::parse(image))) {
        Some((image, Err(why))) => return Err(Error::NotAnImage { image, why: why.to_owned() }),
        Some((image, Ok(ImageRef { digest: None, .. }))) => return Err(Error::ImageNotPinned { image }),
        Some((_, Ok(_))) | None => {}
    }
    if let Some(fault) = publish::proxy_fault(&asked.proxies(&Proxies::default())) {
        return Err(StartFlagFault::Publish(fault).into());
    }
    let mut keys = asked.added.iter().flat_map(|added| added.labels.iter().chain(&added.annotations));
    match keys.find(|key| !is_key(key)) {
        Some(key) => Err(Error::NotAKey { key: key.clone() }),
        None => Ok(()),
    }
}

fn is_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let fixed =
        key == wire::MANAGED_BY || ["studioci.dev/", POD_SECURITY].iter().any(|it| key.starts_with(it));
    !key.is_empty() && key.chars().all(plain) && !fixed
}

/// What became of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It was not there.
    Created,
    /// It was there, and other than it should be.
    Configured,
    /// It was as it should be.
    Unchanged,
    /// A newer `setup` made it; it was left as it is.
    Newer,
}

/// One line of `setup`'s result, in kubectl's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `clusterrole.rbac.authorization.k8s.io/studioci-user`.
    pub object: String,
    /// What became of it.
    pub became: Applied,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.became {
            Applied::Created => "created",
            Applied::Configured => "configured",
            Applied::Unchanged => "unchanged",
            Applied::Newer => "left as it is (newer)",
        };
        write!(f, "{} {word}", self.object)
    }
}

/// What `setup` did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// A line for each object, in order.
    pub lines: Vec<Line>,
    /// What an administrator has to be told.
    pub notices: Vec<String>,
}

/// Installs what is missing and repairs what differs, in order; `tell` hears of each object as it is done.
///
/// # Errors
/// Nothing is changed on a server that is too old or a home of another major version. Cluster errors name the object;
/// running `setup` again goes on where it stopped.
pub async fn setup(cluster: &Cluster, asked: &Asked, tell: &mut dyn FnMut(&Line)) -> Result<Installed> {
    readable(asked)?;
    install_all(cluster, asked, tell).await.map_err(|error| match error {
        Error::Cluster(no @ (ClusterError::Forbidden(_) | ClusterError::Denied { .. })) => {
            Error::NotAnAdministrator { why: no.to_string() }
        }
        other => other,
    })
}

async fn install_all(cluster: &Cluster, asked: &Asked, tell: &mut dyn FnMut(&Line)) -> Result<Installed> {
    let version = cluster.version().await?;
    if version.numbers().is_some_and(|numbers| numbers < OLDEST) {
        return Err(Error::ServerTooOld {
            version: version.git_version,
            oldest: format!("{}.{}", OLDEST.0, OLDEST.1),
        });
    }
    let before = match config(cluster).await? {
        Some(data) => Home::read(&data).ok().map(Home::accepted).transpose()?,
        None => None,
    };
    let home = home_after(before.as_ref(), asked, released())?;
    let mut objects = manifests::objects_of(&home);
    objects.push(manifests::config(&home));
    let found = try_join_all(objects.iter().map(|object| read(cluster, object))).await?;
    let newest = found.iter().flatten().map(manifests::number).max().unwrap_or(0);
    let newer = (newest > manifests::own_number()).then_some(newest);
    if newer.is_some() && before.as_ref() != Some(&home) {
        return Err(Error::NewerSetup {});
    }
    let mut lines = Vec::new();
    for (object, live) in objects.iter().zip(found) {
        let ours = matches!(manifests::key(object).0, "Namespace" | "ConfigMap");
        let became =
            if newer.is_some() && !ours { Applied::Newer } else { install(cluster, object, live).await? };
        let (resource, _, name) = place(object)?;
        let done = Line { object: resource.object(name), became };
        tell(&done);
        lines.push(done);
    }
    let newer = confinement::installed(cluster).await?;
    let authorizer = confinement::authorizer(cluster).await?;
    let notices = Confinement { authorizer, canary: Canary::LetOff, newer }.said_aloud();
    Ok(Installed { lines, notices })
}

/// The agent image of the release that this program belongs to, if it belongs to one. By its digest, as any other: the
/// workflow makes the image first, of a program that does not know it, and then builds this one.
fn released() -> Option<&'static str> {
    option_env!("STUDIOCI_AGENT_IMAGE").filter(|image| !image.is_empty())
}

/// Home as it is to be; `released` is the agent image where nobody asks for one and none is there.
///
/// # Errors
/// No agent image, neither asked for nor there nor released.
fn home_after(before: Option<&Home>, asked: &Asked, released: Option<&str>) -> Result<Home> {
    let agent_image = asked
        .agent_image
        .as_deref()
        .or(before.map(|before| before.agent_image.as_str()))
        .or(released)
        .ok_or(Error::NoAgentImage {})?
        .to_owned();
    // A newer program of the same major version has been here: its layout stays.
    let newer = before.filter(|before| numbers(&before.version) > numbers(wire::HOME_VERSION));
    let added = asked.added.clone().or_else(|| before.map(|before| before.added.clone()));
    Ok(Home {
        version: newer.map_or(wire::HOME_VERSION, |newer| &newer.version).to_owned(),
        agent_image,
        added: added.unwrap_or_default(),
        proxies: asked.proxies(&before.map(|before| before.proxies.clone()).unwrap_or_default()),
    })
}

/// Where the API server keeps an object of ours.
pub(super) fn place(object: &Value) -> Result<(Resource, Option<&str>, &str)> {
    let resource = write::resource_of(object)?;
    Ok((resource, object["metadata"]["namespace"].as_str(), manifests::key(object).1))
}

async fn read(cluster: &Cluster, object: &Value) -> Result<Option<Value>> {
    let (resource, namespace, name) = place(object)?;
    Ok(cluster.get(&resource, namespace, name).await?)
}

/// Creates or repairs one object; `live` is how it was found.
async fn install(cluster: &Cluster, object: &Value, mut live: Option<Value>) -> Result<Applied> {
    let (resource, namespace, name) = place(object)?;
    for _ in 1..TRIES {
        let written = match &live {
            None => {
                let made = cluster.create::<Value>(&resource, namespace, object, &Create::default()).await;
                made.map(|_| Applied::Created)
            }
            Some(live) => match manifests::repair(live, object) {
                None => return Ok(Applied::Unchanged),
                Some(patch) => {
                    let patched =
                        cluster.patch::<Value>(&resource, namespace, name, Patch::Json(&patch)).await;
                    patched.map(|_| Applied::Configured)
                }
            },
        };
        match written {
            Ok(became) => return Ok(became),
            // Somebody else sets the same cluster up: look again.
            Err(
                ClusterError::Conflict { .. }
                | ClusterError::AlreadyExists { .. }
                | ClusterError::NotFound { .. },
            ) => {
                live = read(cluster, object).await?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Error::SetupRaced { object: resource.object(name) })
}

#[cfg(test)]
#[path = "setup/tests.rs"]
mod tests;
