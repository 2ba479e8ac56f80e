//! Dispose of a build: prove once more that it may go, mark it, delete its namespace, and see it gone.
//!
//! Bindings outside the namespace are owned by it, so the garbage collector takes them; nothing is left to be tidied by
//! hand, and dying between any two requests leaves a namespace that the next disposal takes up again. Finalizers are
//! never stripped: what waits for its own clean-up would be stranded.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::chain::build::{Build, NamespaceView, Phase};
use crate::chain::head::Head;
use crate::chain::listener::Listener;
use crate::chain::retention::{self, ChainInHome, ChainsInHome, StayReason};
use crate::chain::{outbox, record, rights, wire};
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::cluster::{self, Access, Cluster, Create, Delete, Deletion, Denier, Patch};
use crate::keel::parking;
use crate::state::build::view;
use crate::state::chain::Data;
use crate::state::enter::{self, Maker};
use crate::state::error::{Error, Result};
use crate::state::{seed, select, write};

/// Disposals at once: as many as there are requests in flight.
const AT_ONCE: usize = 8;
/// How often a disposal begins anew because somebody wrote meanwhile.
const TRIES: u32 = 8;

/// A namespace that is to go: this very one, not the next of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
}

impl Target {
    /// This namespace.
    pub fn of(view: &NamespaceView<'_>) -> Self {
        Self { namespace: view.namespace.to_owned(), uid: view.uid.to_owned() }
    }
}

/// What came of one disposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The API server has begun to delete it.
    Deleted,
    /// Somebody else's deletion of it is under way, or done.
    Going,
    /// It stays after all.
    Stays(StayReason),
}

/// Whether a namespace may go, as it is now.
pub type Check<'a> = &'a dyn Fn(&NamespaceView<'_>) -> std::result::Result<Build, StayReason>;

/// Whoever disposes.
pub struct Disposer<'a> {
    cluster: &'a Cluster,
    /// Who they are.
    who: Maker<'a>,
    /// Whether they may delete any namespace; others bind themselves in it first.
    anywhere: bool,
    /// Whether the server is only asked what it would do.
    dry: bool,
    now: Timestamp,
}

impl<'a> Disposer<'a> {
    /// A person. Asks what they may.
    ///
    /// # Errors
    /// Cluster errors.
    pub async fn of(cluster: &'a Cluster, dry: bool, now: Timestamp) -> Result<Self> {
        let anywhere = cluster.can_i(&wanted(None)).await?.into_iter().all(|allowed| allowed);
        Ok(Self { cluster, who: Maker::Person, anywhere, dry, now })
    }

    /// An agent, whose rights end at its own namespace.
    pub fn agent(cluster: &'a Cluster, who: Maker<'a>, now: Timestamp) -> Self {
        Self { cluster, who, anywhere: false, dry: false, now }
    }

    /// Disposes of several, at most eight at once, and tells of each in their order. One that fails stops no other.
    ///
    /// # Errors
    /// The first failure, after all were tried.
    pub async fn all(
        &self,
        targets: &[Target],
        check: Check<'_>,
        tell: &mut dyn FnMut(&Target, &Result<End>),
    ) -> Result<()> {
        let one = |target| async move { (target, self.dispose(target, check).await) };
        let mut ends = stream::iter(targets).map(one).buffered(AT_ONCE);
        let mut failed = None;
        while let Some((target, end)) = ends.next().await {
            tell(target, &end);
            failed = failed.or(end.err());
        }
        failed.map_or(Ok(()), Err)
    }

    /// Disposes of one namespace. Twice is the same as once, and two at the same time both end well.
    ///
    /// # Errors
    /// Cluster errors; a conflict where somebody writes again and again.
    pub async fn dispose(&self, target: &Target, check: Check<'_>) -> Result<End> {
        let mut bound = self.anywhere;
        for attempt in 1.. {
            let Some(found) =
                self.cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &target.namespace).await?
            else {
                return Ok(End::Going);
            };
            if found.metadata.uid != target.uid {
                let sentence = "another namespace has taken its name meanwhile".to_owned();
                return Ok(End::Stays(StayReason { sentence, finding: true }));
            }
            if found.metadata.deletion_timestamp.is_some() {
                return Ok(End::Going);
            }
            let build = match check(&view(&found)) {
                Ok(build) => build,
                Err(why) => return Ok(End::Stays(why)),
            };
            match self.delete(&build, &mut bound).await {
                Ok(end) => return Ok(end),
                Err(error) if attempt < TRIES && passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(20) * (1 << attempt)).await;
                }
                Err(error) => return Err(error),
            }
        }
        unreachable!("the last try returns")
    }

    /// Marks and deletes it, as it was read.
    async fn delete(&self, build: &Build, bound: &mut bool) -> Result<End> {
        if !*bound {
            *bound = self.bind(build).await?;
            if !*bound {
                // the server has taken the binding, but keeps nothing: without it there is no more to ask
                return Ok(End::Deleted);
            }
        }
        if build.phase < Phase::Detached && !self.dry {
            self.detach(build).await?;
        }
        let mut version = build.resource_version.clone();
        if build.phase != Phase::Disposing && !self.dry {
            let mark = json!({ "metadata": {
                "resourceVersion": version,
                "labels": { wire::PHASE: Phase::Disposing.as_str() },
                "annotations": { Phase::Disposing.time_key(): self.now.to_string() },
            } });
            let ask = || {
                let patch = Patch::Merge(&mark);
                self.cluster.patch::<Object>(&kind::NAMESPACES, None, &build.namespace, patch)
            };
            version = write::patiently(self.cluster, ask).await?.metadata.resource_version;
        }
        let how = Delete { resource_version: Some(version), dry_run: self.dry, ..Delete::uid(&build.uid) };
        let ask = || self.cluster.delete(&kind::NAMESPACES, None, &build.namespace, &how);
        Ok(match write::patiently(self.cluster, ask).await? {
            Deletion::Accepted => End::Deleted,
            Deletion::AlreadyGone => End::Going,
        })
    }

    /// Binds us in the namespace unless we may delete it anyway. Whether we may now.
    async fn bind(&self, build: &Build) -> Result<bool> {
        let there =
            rights::BuildNamespace { chain: &build.chain, namespace: &build.namespace, uid: &build.uid };
        if let Maker::Agent { .. } = self.who {
            enter::enter(self.cluster, self.who, &there, false).await?;
            return Ok(true);
        }
        let wanted = wanted(Some(&build.namespace));
        let Some(binding) = enter::bind_person_for(self.cluster, &there, &wanted).await? else {
            return Ok(true);
        };
        if self.dry {
            let how = Create { dry_run: true, ..Create::default() };
            let namespace = Some(build.namespace.as_str());
            self.cluster.create::<Value>(&kind::ROLE_BINDINGS, namespace, &binding, &how).await?;
            return Ok(false);
        }
        write::create(self.cluster, &binding).await?;
        Ok(true)
    }

    /// Takes a listener off Keel: a namespace may be Terminating for long, and Keel would go on asking the registry.
    async fn detach(&self, build: &Build) -> Result<()> {
        let ask = || select::listeners(self.cluster, build);
        for Listener { name, resource_version, labels, annotations, .. } in
            write::patiently(self.cluster, ask).await?
        {
            if !parking::attached(&labels, &annotations) {
                continue;
            }
            let patch = parking::detach_patch(&resource_version, &labels, &annotations);
            let (namespace, patch) = (&build.namespace, Patch::Json(&patch));
            write::patch_if_there(self.cluster, &kind::DEPLOYMENTS, namespace, &name, patch).await?;
        }
        Ok(())
    }
}

/// What a disposal needs, in a namespace or in all.
fn wanted(namespace: Option<&str>) -> [Access; 3] {
    [
        Access::to("patch", &kind::NAMESPACES, namespace),
        Access::to("delete", &kind::NAMESPACES, namespace),
        Access::to("patch", &kind::DEPLOYMENTS, namespace),
    ]
}

/// Whether a fresh read tells what is the matter: somebody wrote, or deleted it.
fn passing(error: &Error) -> bool {
    let Error::Cluster(error) = error else { return false };
    let terminating = matches!(error, cluster::Error::Denied { by: Denier::Terminating, .. });
    terminating || error.is_conflict() || error.is_not_found()
}

/// Reads what home holds of these chains.
///
/// # Errors
/// Cluster errors. A head that cannot be read is told to whoever judges.
pub async fn look_home(cluster: &Cluster, chains: impl IntoIterator<Item = String>) -> Result<ChainsInHome> {
    let get = |name: String| async move {
        Ok(cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?)
    };
    let one = |chain: String| async move {
        let (head, history, seed) = tokio::try_join!(
            get(wire::chain_object(&chain)),
            get(wire::history_object(&chain)),
            readable_seed(cluster, &chain),
        )?;
        let read = |found: Data| {
            Head::read(&found.metadata.resource_version, &found.data).map_err(|why| why.to_string())
        };
        let tidied = history.as_ref().and_then(|found| record::tidied(&found.data));
        let outbox = history.as_ref().map(|found| outbox::outbox(&found.data)).unwrap_or_default();
        let history = history.map(|found| record::history(&found.data));
        Ok((chain, ChainInHome { head: head.map(read), history, seed, tidied, outbox }))
    };
    let chains = chains.into_iter().filter(|chain| chain != wire::CLAIM_CHAIN);
    let read: Vec<Result<_>> = stream::iter(chains).map(one).buffered(AT_ONCE).collect().await;
    read.into_iter().collect()
}

/// A chain's seed. Where it is lost or kept from us, only what the head has settled is provably the chain's.
async fn readable_seed(cluster: &Cluster, chain: &str) -> Result<Option<Uuid>> {
    match seed::seed(cluster, chain).await {
        Err(Error::SeedEdited { .. }) => Ok(None),
        Err(Error::Cluster(error)) if error.is_rbac() => Ok(None),
        seed => seed,
    }
}

/// The namespaces of a chain, and what home says of it.
///
/// # Errors
/// Cluster errors.
pub async fn look(cluster: &Cluster, chain: &str) -> Result<(Vec<NamespaceObject>, ChainsInHome)> {
    let select = select::chain(chain);
    let namespaces =
        async { Ok(cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select).await?.items) };
    futures_util::future::try_join(namespaces, look_home(cluster, [chain.to_owned()])).await
}

/// Disposes of what a chain has left behind: listeners that were never triggered and never will be.
///
/// # Errors
/// As [`Disposer::all`].
pub async fn left_behind(
    cluster: &Cluster,
    chain: &str,
    now: Timestamp,
    tell: &mut dyn FnMut(&Target, &Result<End>),
) -> Result<()> {
    let (namespaces, home) = look(cluster, chain).await?;
    let check = |view: &NamespaceView<'_>| retention::left_behind(view, &home);
    let left = namespaces.iter().map(view).filter(|view| !view.terminating && check(view).is_ok());
    let targets: Vec<Target> = left.map(|view| Target::of(&view)).collect();
    if targets.is_empty() {
        return Ok(());
    }
    Disposer::of(cluster, false, now).await?.all(&targets, &check, tell).await
}
