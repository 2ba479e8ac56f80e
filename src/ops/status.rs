//! What the builds of a cluster, a chain or a namespace do: one list of Namespaces, and beside it, all at once, what
//! shows the trouble that no agent could record: pods, listeners, the admission policies, Keel itself.
//!
//! Only the Namespaces are needed. Whatever else cannot be read is not shown; where that may mislead, it is said.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use serde::Deserialize;

use crate::chain::build::{Build, NotABuild, Phase};
use crate::chain::listener::Listener;
use crate::chain::pod::Pod;
use crate::chain::signs::{self, Signs};
use crate::chain::wire;
use crate::cluster::objects::{Meta, NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, List, Query};
use crate::state::build::{read_build, unreadable};
use crate::state::error::{Error, Result};
use crate::state::{select, support};

/// What was seen.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// The builds, in no order.
    pub builds: Vec<Build>,
    /// What is seen of builds from outside, by namespace.
    pub signs: BTreeMap<String, Signs>,
    /// Namespaces of ours that cannot be read as builds, and why.
    pub unreadable: BTreeMap<String, NotABuild>,
    /// What a person should know besides, whatever they ask for, one sentence each.
    pub notices: Vec<String>,
    /// What is wrong with namespaces of ours.
    pub odd: Vec<Odd>,
    /// That Keel does not run, of interest to whoever waits for a push.
    pub keel: Option<String>,
    /// The server's clock, for ages; none if it sent no date.
    pub now: Option<Timestamp>,
}

/// A namespace of ours that was edited by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Odd {
    /// Its name.
    pub namespace: String,
    /// The chain that its label names, if it has one.
    pub chain: Option<String>,
    /// What is wrong with it.
    pub finding: NotABuild,
}

/// How many of a kind are named; of more only the number is told.
const EXAMPLES: usize = 3;

/// How many requests go out at once: what the first round has opened is used again, and no handshake is waited for.
const CONNECTIONS: usize = 4;
/// How Keel's own Deployment is found: by the label that its chart and its manifests give it.
const KEEL: &str = "app=keel";

/// Looks at all builds, without what is seen of them from outside.
///
/// # Errors
/// Cluster errors.
pub async fn builds(cluster: &Cluster) -> Result<Overview> {
    let select = select::builds().cached();
    let namespaces = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select).await?;
    Ok(Overview::of(&namespaces))
}

/// Looks at all builds, and at what keeps them from going on.
///
/// # Errors
/// Cluster errors. What cannot be read beside the Namespaces is a notice at most.
pub async fn status(cluster: &Cluster) -> Result<Overview> {
    let select = select::builds().cached();
    let pods = select::labelled(&["listener", "build"]).cached();
    let listeners = select::labelled(&["listener"]).cached();
    let keel = Query::labels(KEEL).cached();
    let look = async {
        tokio::join!(
            cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select),
            cluster.list::<Pod>(&kind::PODS, None, &pods),
            cluster.list::<Listener>(&kind::DEPLOYMENTS, None, &listeners),
            cluster.list::<KeelObject>(&kind::DEPLOYMENTS, None, &keel),
        )
    };
    let (namespaces, pods, listeners, keel) = Box::pin(look).await;
    let namespaces = namespaces?;
    let mut seen = Overview::of(&namespaces);
    let mut readable = |what: &str, error: Option<&crate::cluster::Error>| {
        if let Some(error) = error {
            seen.notices.push(format!("{what} cannot be listed, so trouble with them is not shown: {error}"));
        }
    };
    readable("pods", pods.as_ref().err());
    readable("listeners", listeners.as_ref().err());
    let held = namespaces.items.iter().filter_map(|it| Some((it.metadata.name.as_str(), it.held()?)));
    let pods = pods.map(|list| list.items).unwrap_or_default();
    seen.look(&Around {
        pods: &pods,
        listeners: listeners.ok().as_ref().map(|list| list.items.as_slice()),
        held: held.collect(),
    });
    Box::pin(seen.ask_for_warnings(cluster, &pods)).await;
    let missing = Box::pin(missing_policies(cluster)).await;
    if !missing.is_empty() {
        seen.notices.push(format!(
            "builds are not confined: {} is missing; an administrator runs kubectl studioci setup",
            missing.join(", ")
        ));
    }
    // without the right to look, nothing is known
    seen.keel = keel.ok().and_then(|list| list.items.iter().find_map(KeelObject::down));
    Ok(seen)
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

/// The policies and bindings that are missing, as far as they may be read.
async fn missing_policies(cluster: &Cluster) -> Vec<String> {
    let kinds = [kind::VALIDATING_ADMISSION_POLICIES, kind::VALIDATING_ADMISSION_POLICY_BINDINGS];
    let wanted: Vec<_> =
        wire::POLICIES.iter().flat_map(|name| kinds.iter().map(move |kind| (kind, *name))).collect();
    let asked = wanted.iter().map(|(kind, name)| cluster.get::<Object>(kind, None, name));
    let found: Vec<_> = stream::iter(asked).buffered(CONNECTIONS).collect().await;
    let missing = wanted.iter().zip(found).filter(|(_, found)| matches!(found, Ok(None)));
    missing.map(|((kind, name), _)| kind.object(name)).collect()
}

/// What is looked at around the Namespaces.
struct Around<'a> {
    pods: &'a [Pod],
    /// None where they could not be listed.
    listeners: Option<&'a [Listener]>,
    /// What keeps Terminating namespaces, by name.
    held: BTreeMap<&'a str, String>,
}

impl Overview {
    fn of(namespaces: &List<NamespaceObject>) -> Self {
        let mut seen = Self { now: namespaces.date, ..Self::default() };
        for namespace in &namespaces.items {
            match read_build(namespace) {
                Ok(build) => seen.builds.push(build),
                Err(why) => {
                    seen.odd.push(Odd {
                        namespace: namespace.metadata.name.clone(),
                        chain: namespace.metadata.labels.get(wire::CHAIN).cloned(),
                        finding: why.clone(),
                    });
                    seen.unreadable.insert(namespace.metadata.name.clone(), why);
                }
            }
        }
        seen
    }

    /// Reads the signs of every build.
    fn look(&mut self, around: &Around<'_>) {
        let now = self.now.unwrap_or(Timestamp::MIN);
        let mut pods: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in around.pods {
            pods.entry(&pod.namespace).or_default().push(pod);
        }
        let mut deployments: BTreeMap<&str, Vec<&Listener>> = BTreeMap::new();
        for one in around.listeners.unwrap_or_default() {
            deployments.entry(&one.namespace).or_default().push(one);
        }
        for build in &self.builds {
            let there = deployments.get(build.namespace.as_str()).into_iter().flatten().copied();
            let listener = match around.listeners {
                None => signs::Presence::Unknown,
                Some(_) => {
                    Listener::among(build, there).map_or(signs::Presence::Gone, signs::Presence::There)
                }
            };
            let pods = pods.get(build.namespace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let held = around.held.get(build.namespace.as_str()).cloned();
            let mut signs = Signs::of(build, listener, pods, held, now);
            // who is to create the listener knows what it waits for
            if let (Some(standing), signs::Presence::Gone) = (&mut signs.standing, listener) {
                // few are awaited of however many builds there are
                let before = self.builds.iter().find(|other| Some(&other.namespace) == build.parent.as_ref());
                if let Some(error) = before.and_then(|before| before.dispatch_error.as_ref()) {
                    standing.clone_from(error);
                }
            }
            self.signs.insert(build.namespace.clone(), signs);
        }
        let names: BTreeSet<&str> = self
            .builds
            .iter()
            .map(|build| build.namespace.as_str())
            .chain(self.unreadable.keys().map(String::as_str))
            .collect();
        for (last, next) in signs::without_listener(&self.builds, |name| names.contains(name)) {
            let signs = self.signs.entry(last.namespace.clone()).or_default();
            signs.trouble.get_or_insert_with(|| {
                format!("the chain has no listener any more: namespace {next} is gone, or its labels are")
            });
        }
    }

    /// Asks for the warnings of listeners that are awaited, and of nothing else.
    async fn ask_for_warnings(&mut self, cluster: &Cluster, pods: &[Pod]) {
        let builds = &self.builds;
        let awaited = self.signs.iter_mut().filter(|(_, signs)| signs.standing.is_some());
        let awaited = awaited.filter_map(|(namespace, signs)| {
            Some((builds.iter().find(|build| build.namespace == *namespace)?, signs))
        });
        let asked = awaited.map(|(build, signs)| async move {
            let of: Vec<&Pod> = pods.iter().filter(|pod| pod.namespace == build.namespace).collect();
            warned(cluster, build, signs, &of).await;
        });
        stream::iter(asked).buffer_unordered(CONNECTIONS).collect::<Vec<()>>().await;
    }

    /// What to warn of whoever asks for that chain or build, or for everything: of what concerns it, and a line for
    /// each kind, however many there are.
    pub fn warnings(&self, name: Option<&str>) -> Vec<String> {
        let meant = |namespace: &str, chain: Option<&str>| {
            name.is_none_or(|name| namespace == name || chain == Some(name))
        };
        let mut kinds: BTreeMap<String, Vec<&Odd>> = BTreeMap::new();
        for odd in self.odd.iter().filter(|odd| meant(&odd.namespace, odd.chain.as_deref())) {
            kinds.entry(odd.finding.of_several()).or_default().push(odd);
        }
        let mut warnings: Vec<String> = kinds.into_values().map(|odd| told(&odd)).collect();
        warnings.extend(self.notices.iter().cloned());
        let mut waiting = self.builds.iter().filter(|build| build.phase == Phase::Listening);
        if waiting.any(|build| meant(&build.namespace, Some(&build.chain))) {
            warnings.extend(self.keel.clone());
        }
        warnings
    }

    /// Why there is no build of that name: nobody has it, or its Namespace cannot be read.
    pub fn absent(&self, name: &str) -> Error {
        if let Some(why) = self.unreadable.get(name) {
            return unreadable(why);
        }
        let mut chains: Vec<&str> = self.builds.iter().map(|build| build.chain.as_str()).collect();
        chains.sort_unstable();
        chains.dedup();
        let remedy = if chains.is_empty() && !self.unreadable.is_empty() {
            let names: Vec<&str> = self.unreadable.keys().map(String::as_str).collect();
            format!("it may be one of those that were edited by hand: {}", names.join(", "))
        } else if chains.is_empty() {
            "there are no chains yet; start one with kubectl studioci start".to_owned()
        } else {
            format!("chains here: {}", chains.join(", "))
        };
        Error::NoSuchName { name: name.to_owned(), remedy }
    }
}

/// One warning for all namespaces with the same finding.
fn told(odd: &[&Odd]) -> String {
    let hand = "edited by hand";
    match odd {
        [] => String::new(),
        [one] => format!("{}; it was {hand}: {}", one.finding, one.finding.remedy()),
        [first, ..] => {
            let count = odd.len();
            let names: Vec<&str> = odd.iter().take(EXAMPLES).map(|odd| odd.namespace.as_str()).collect();
            let such = if count > EXAMPLES { "such as " } else { "" };
            let remedy = format!("they were {hand}: {}", first.finding.remedy_for("NAME"));
            format!(
                "{count} namespaces {} ({such}{}); {remedy}",
                first.finding.of_several(),
                names.join(", ")
            )
        }
    }
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

/// Keeps the builds of the chain, or the build, of that name.
///
/// # Errors
/// [`Error::NoSuchName`] for a name that is neither a chain's nor a build's, [`Error::BuildEdited`] for a Namespace that was
/// edited by hand.
pub fn choose(seen: &mut Overview, name: &str) -> Result<()> {
    if seen.builds.iter().any(|build| build.namespace == name) {
        seen.builds.retain(|build| build.namespace == name);
    } else if seen.builds.iter().any(|build| build.chain == name) {
        seen.builds.retain(|build| build.chain == name);
    } else {
        return Err(seen.absent(name));
    }
    Ok(())
}

/// The build that a person means by a chain's name: its running one, else the newest.
pub fn running_or_next(builds: &[Build]) -> Option<&Build> {
    builds
        .iter()
        .filter(|build| (Phase::Triggered..=Phase::Building).contains(&build.phase) && !build.terminating)
        .min_by_key(|build| build.generation)
        .or_else(|| builds.iter().max_by_key(|build| build.generation))
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
