//! What the builds of a cluster, of a chain or of a namespace do: their Namespaces, and beside them, all at once, what shows
//! the trouble that no agent could record: pods, listeners, the admission policies, Keel itself.
//!
//! Whoever names a build or a chain pays for that alone, however many others there are. Only the Namespaces are needed.
//! What else cannot be read is not shown, and where that may mislead, said.

mod bare;
mod chains;
mod contexts;
mod findings;
mod follow;
mod overview;
mod proof;
mod wanted;

use std::collections::BTreeSet;

use futures_util::future::try_join_all;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde::Deserialize;

pub use self::bare::BareChain;
pub(super) use self::bare::{absent, bare};
pub use self::chains::{ChainsSeen, chains};
pub use self::contexts::each;
pub(super) use self::findings::not_believed;
pub use self::follow::follow;
pub use self::overview::{Overview, choose, running_or_next};
use self::proof::proved;
pub(super) use self::proof::{HeadsSeen, believed, prove_absent, prove_one};
pub use self::wanted::WantedBuilds;
use crate::chain::build::{Build, Phase};
use crate::chain::listener::Listener;
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::pod::Pod;
use crate::chain::signs::{self, Signs};
use crate::chain::wire;
use crate::cluster::objects::Meta;
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster, Query};
use crate::state::build::look;
use crate::state::error::Result;
use crate::state::{select, support};

/// How many requests go out at once: what the first round has opened is used again, and no handshake is waited for.
const CONNECTIONS: usize = 4;
/// How Keel's own Deployment is found: by the label that its chart and its manifests give it.
const KEEL: &str = "app=keel";

/// Looks at the builds of the chain or at the build of that name, else at all, without bare claims and without what is seen
/// of them from outside. Of a name that nobody has all are looked at, to say which there are.
///
/// # Errors
/// Cluster errors.
pub async fn builds(cluster: &Cluster, named: Option<MeantName<'_>>) -> Result<Overview> {
    if let Some(named) = named.filter(|named| select::askable(named.name)) {
        let mut seen = Overview::default();
        if named.may_be_build() {
            seen = namespaces(cluster, select::build(named.name)).await?.without_claims();
        }
        if seen.builds.is_empty() && named.may_be_chain() {
            seen = seen.and(namespaces(cluster, select::builds_of(named.name)).await?.without_claims());
        }
        if seen.has(named) {
            return Ok(seen);
        }
    }
    Ok(namespaces(cluster, select::builds()).await?.without_claims())
}

/// The builds of the chain of that name which can be read, and nothing of any other.
///
/// # Errors
/// Cluster errors.
pub(super) async fn builds_of_chain(cluster: &Cluster, chain: &str) -> Result<Vec<Build>> {
    Ok(namespaces(cluster, select::builds_of(chain)).await?.builds)
}

/// Looks at the builds of the chain or at the build of that name, else at all, and at what keeps them from going on. Of a
/// name that nobody has all are looked at, to say which there are; with a selector there may be none of them.
///
/// # Errors
/// Cluster errors. What cannot be read beside the Namespaces is a notice at most.
pub async fn status(cluster: &Cluster, wanted: WantedBuilds<'_>) -> Result<Overview> {
    let (mut seen, heads) = survey(cluster, wanted, true).await?;
    proved(cluster, heads, &mut seen).await;
    Ok(seen)
}

/// The same as [`status`] without its proof, and what is known of heads. `all`: whether those of all chains are wanted.
async fn survey(cluster: &Cluster, wanted: WantedBuilds<'_>, all: bool) -> Result<(Overview, HeadsSeen)> {
    let everything = async || -> Result<(Overview, HeadsSeen)> {
        let heads = async { if all { HeadsSeen::all(cluster).await } else { HeadsSeen::default() } };
        let (seen, heads) = Box::pin(async { tokio::join!(everything(cluster, wanted), heads) }).await;
        Ok((seen?, heads))
    };
    let ((mut seen, heads), missing) = match wanted.name.filter(|name| select::askable(name)) {
        Some(name) => {
            let (named, missing) = Box::pin(async {
                tokio::join!(named(cluster, name, wanted), missing_policies(cluster, CONNECTIONS - 1))
            })
            .await;
            match named? {
                Some(seen) => (seen, missing),
                None => (everything().await?, missing),
            }
        }
        // what the first round has opened is used again
        None => (everything().await?, Box::pin(missing_policies(cluster, CONNECTIONS)).await),
    };
    seen.lacks(&missing);
    Ok((seen, heads))
}

/// The same of the chain of that name alone; none where it has no builds, and then nothing else was asked.
///
/// # Errors
/// As for [`status`].
pub async fn of_chain(cluster: &Cluster, wanted: WantedBuilds<'_>) -> Result<Option<Overview>> {
    let Some(chain) = wanted.name.filter(|name| select::askable(name)) else { return Ok(None) };
    let seen = wanted.list(cluster, select::builds_of(chain)).await?;
    if !seen.has_any() {
        // a selector that takes none of them does not mean the builds of others
        let others =
            wanted.selector.is_some() && namespaces(cluster, select::builds_of(chain)).await?.has_any();
        return Ok(others.then_some(seen));
    }
    let (beside, others, missing, heads) = Box::pin(async {
        tokio::join!(
            Beside::read(cluster, Scope::Chain(chain), true),
            those(cluster, seen.missed()),
            missing_policies(cluster, CONNECTIONS - 1),
            HeadsSeen::after(cluster, chain),
        )
    })
    .await;
    let mut seen = beside.signs_of(cluster, seen, others?).await;
    seen.lacks(&missing);
    proved(cluster, heads.unwrap_or_default(), &mut seen).await;
    Ok(Some(seen))
}

/// Namespaces of ours.
async fn namespaces(cluster: &Cluster, select: Query) -> Result<Overview> {
    WantedBuilds::default().list(cluster, select).await
}

/// All builds, and what is seen of them.
pub(super) async fn everything(cluster: &Cluster, wanted: WantedBuilds<'_>) -> Result<Overview> {
    let (seen, beside) =
        tokio::join!(wanted.list(cluster, select::builds()), Beside::read(cluster, Scope::All, true));
    let seen = seen?;
    let others = match wanted.selector {
        Some(_) => those(cluster, seen.missed()).await?,
        None => Overview::default(),
    };
    Ok(beside.signs_of(cluster, seen, others).await)
}

/// The build of that name, else the chain, and what is known of its head; none if nobody has the name.
pub(super) async fn named(
    cluster: &Cluster,
    name: &str,
    wanted: WantedBuilds<'_>,
) -> Result<Option<(Overview, HeadsSeen)>> {
    let seen = match wanted.kind {
        Some(NamedKind::Chain) => Overview::default(),
        _ => wanted.list(cluster, select::build(name)).await?,
    };
    if let [build] = &seen.builds[..] {
        let (named, mut heads) = Box::pin(of_build(cluster, build, seen.clone())).await?;
        // where that fails it is asked for again, and told
        let _ = heads.remember(cluster, &seen.builds, &[]).await;
        // a chain may have the name of a bare claim, and of what only says that it is a build
        let is_meant = match build.chain.as_str() {
            wire::CLAIM_CHAIN => !HeadsSeen::of(cluster, name).await.knows(name),
            _ => heads.believe(build).is_ok(),
        };
        if is_meant || wanted.kind.is_some() {
            return Ok(Some((named, heads)));
        }
    }
    if wanted.kind == Some(NamedKind::Build) {
        return Ok(seen.has_any().then_some((seen, HeadsSeen::default())));
    }
    let (chain, beside, heads) = tokio::join!(
        wanted.list(cluster, select::builds_of(name)),
        Beside::read(cluster, Scope::Chain(name), true),
        HeadsSeen::of(cluster, name),
    );
    let mut seen = seen.and(chain?);
    if !seen.has(MeantName { name, kind: wanted.kind }) {
        seen.bare = heads.bare(name).filter(|_| wanted.selector.is_none() && !seen.has_any());
        return Ok(seen.bare.is_some().then_some((seen, heads)));
    }
    let others = those(cluster, seen.missed()).await?;
    Ok(Some((beside.signs_of(cluster, seen, others).await, heads)))
}

/// What is seen of the only build of `seen`, and what is known of its chain's head.
async fn of_build(cluster: &Cluster, build: &Build, mut seen: Overview) -> Result<(Overview, HeadsSeen)> {
    let others = async {
        let heads = match build.chain.as_str() {
            wire::CLAIM_CHAIN => HeadsSeen::default(),
            chain => HeadsSeen::after(cluster, chain).await.unwrap_or_default(),
        };
        if heads.has_passed(build) {
            seen.pass();
        }
        (those(cluster, seen.missed()).await, heads)
    };
    // only whoever listens waits for Keel
    let keel = build.phase == Phase::Listening;
    let (beside, (others, heads)) =
        tokio::join!(Beside::read(cluster, Scope::Namespace(&build.namespace), keel), others);
    let mut others = others?;
    if seen.lost_beside(&others) {
        others = others.and(namespaces(cluster, select::builds_of(&build.chain)).await?);
    }
    Ok((beside.signs_of(cluster, seen, others).await, heads))
}

/// The namespaces of these names, as far as they are there and ours. The names stand in annotations: they may be anything, and
/// where somebody has written many, one list of all is the cheaper question.
async fn those(cluster: &Cluster, names: BTreeSet<String>) -> Result<Overview> {
    if names.len() > CONNECTIONS {
        return namespaces(cluster, select::builds()).await;
    }
    let askable = names.iter().filter(|name| select::askable(name));
    let asked = askable.map(|name| namespaces(cluster, select::build(name)));
    Ok(try_join_all(asked).await?.into_iter().fold(Overview::default(), Overview::and))
}

/// Of which builds pods and listeners are looked at.
#[derive(Debug, Clone, Copy)]
enum Scope<'a> {
    All,
    Chain(&'a str),
    Namespace(&'a str),
}

impl<'a> Scope<'a> {
    fn namespace(self) -> Option<&'a str> {
        match self {
            Self::Namespace(name) => Some(name),
            Self::All | Self::Chain(_) => None,
        }
    }

    fn labelled(self, roles: &[&str]) -> Query {
        match self {
            Self::Chain(chain) => select::labelled_of(roles, chain).cached(),
            Self::All | Self::Namespace(_) => select::labelled(roles).cached(),
        }
    }
}

/// What is read beside the Namespaces.
struct Beside {
    pods: std::result::Result<Vec<Pod>, cluster::Error>,
    listeners: std::result::Result<Vec<Listener>, cluster::Error>,
    /// That Keel does not run.
    keel: Option<String>,
}

impl Beside {
    async fn read(cluster: &Cluster, scope: Scope<'_>, keel: bool) -> Self {
        let (pods, listeners) = (scope.labelled(&["listener", "build"]), scope.labelled(&["listener"]));
        let down = async {
            let select = Query::labels(KEEL).cached();
            // without the right to look, nothing is known
            let found = cluster.list::<KeelObject>(&kind::DEPLOYMENTS, None, &select).await.ok()?;
            found.items.iter().find_map(KeelObject::down)
        };
        let (pods, listeners, keel) = tokio::join!(
            cluster.list::<Pod>(&kind::PODS, scope.namespace(), &pods),
            cluster.list::<Listener>(&kind::DEPLOYMENTS, scope.namespace(), &listeners),
            async { if keel { down.await } else { None } },
        );
        Self { pods: pods.map(|list| list.items), listeners: listeners.map(|list| list.items), keel }
    }

    /// Reads the signs of the builds; `others` are builds beside them, which are not shown.
    async fn signs_of(self, cluster: &Cluster, mut seen: Overview, others: Overview) -> Overview {
        let mut readable = |what: &str, error: Option<&cluster::Error>| {
            if let Some(error) = error {
                seen.notices
                    .push(format!("{what} cannot be listed, so trouble with them is not shown: {error}"));
            }
        };
        readable("pods", self.pods.as_ref().err());
        readable("listeners", self.listeners.as_ref().err());
        let pods = self.pods.unwrap_or_default();
        seen.look(&pods, self.listeners.ok().as_deref(), others);
        Box::pin(ask_for_warnings(&mut seen, cluster, &pods)).await;
        seen.keel = self.keel;
        seen
    }
}

/// What is seen from outside of a build whose listener is awaited, and the listener's pods.
///
/// # Errors
/// Cluster errors.
pub(super) async fn signs_of(cluster: &Cluster, build: &Build) -> Result<(Signs, Vec<Pod>)> {
    let (select, namespace) = (select::agents_of(&build.chain), Some(build.namespace.as_str()));
    let (listener, pods) = tokio::try_join!(
        select::listener(cluster, build),
        cluster.list::<Pod>(&kind::PODS, namespace, &select),
    )?;
    let listener = listener.as_ref().map_or(signs::Presence::Gone, signs::Presence::There);
    let of: Vec<&Pod> = pods.items.iter().collect();
    let now = pods.date.unwrap_or(Timestamp::MIN);
    let mut signs = Signs::of(build, listener, &of, None, now);
    if let (Some(parent), signs::Presence::Gone, Some(_)) = (&build.parent, listener, &signs.standing) {
        // without the right to read it nothing is added
        let before = look(cluster, parent).await.ok().flatten();
        signs.wait_for(before.as_ref());
    }
    warned(cluster, build, &mut signs, &of).await;
    Ok((signs, pods.items))
}

/// Adds what was warned of last to what is known of a pod that comes up and does not say why it takes so long: a volume
/// that is not mounted, a sandbox that is not made. Without the right to read events nothing is added.
async fn warned(cluster: &Cluster, build: &Build, signs: &mut Signs, pods: &[&Pod]) {
    let coming = pods.iter().find(|pod| pod.is_agent_of(build) && !pod.deleted && pod.coming_up().is_some());
    if let (Some(standing), Some(pod)) = (&mut signs.standing, coming)
        && let Ok(Some(warning)) = support::last_warning(cluster, pod).await
    {
        standing.push_str("; ");
        standing.push_str(&warning);
    }
}

/// Asks for the warnings of listeners that are awaited, and of nothing else.
async fn ask_for_warnings(seen: &mut Overview, cluster: &Cluster, pods: &[Pod]) {
    let builds = &seen.builds;
    let awaited = seen.signs.iter_mut().filter(|(_, signs)| signs.standing.is_some());
    let awaited = awaited.filter_map(|(namespace, signs)| {
        Some((builds.iter().find(|build| build.namespace == *namespace)?, signs))
    });
    let asked = awaited.map(|(build, signs)| async move {
        let of: Vec<&Pod> = pods.iter().filter(|pod| pod.namespace == build.namespace).collect();
        warned(cluster, build, signs, &of).await;
    });
    stream::iter(asked).buffer_unordered(CONNECTIONS).collect::<Vec<()>>().await;
}

/// The policies and bindings that are missing, as far as they may be read.
async fn missing_policies(cluster: &Cluster, at_once: usize) -> Vec<String> {
    let kinds = [kind::VALIDATING_ADMISSION_POLICIES, kind::VALIDATING_ADMISSION_POLICY_BINDINGS];
    let wanted: Vec<_> =
        wire::POLICIES.iter().flat_map(|name| kinds.iter().map(move |kind| (kind, *name))).collect();
    let asked = wanted.iter().map(|(kind, name)| cluster.get_metadata(kind, None, name));
    let found: Vec<_> = stream::iter(asked).buffered(at_once).collect().await;
    let missing = wanted.iter().zip(found).filter(|(_, found)| matches!(found, Ok(None)));
    missing.map(|((kind, name), _)| kind.object(name)).collect()
}

/// Keel's Deployment, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KeelObject {
    metadata: Meta,
    status: KeelStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct KeelStatus {
    ready_replicas: u32,
}

impl KeelObject {
    /// That this Keel does not run. Where no Deployment is Keel's by its label nothing is said: it may run elsewhere.
    fn down(&self) -> Option<String> {
        (self.status.ready_replicas == 0).then(|| {
            format!(
                "Keel is not running: deployment.apps/{} in namespace {} has no ready pod, and nothing moves a listener \
                 until it has one",
                self.metadata.name, self.metadata.namespace
            )
        })
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
