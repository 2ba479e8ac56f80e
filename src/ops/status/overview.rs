//! What is known of builds, and what a person is told of it besides the builds themselves.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::BareChain;
use super::findings::{Feigned, Odd, feigned, told};
use crate::chain::build::{Build, Map, NotABuild, Phase};
use crate::chain::listener::Listener;
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::pod::Pod;
use crate::chain::proof::set_apart;
use crate::chain::signs::{self, Signs};
use crate::chain::wire;
use crate::cluster::List;
use crate::cluster::objects::NamespaceObject;
use crate::state::build::{read_build, unreadable};
use crate::state::error::{Error, Result};

/// What is known of builds: of all, or of a chain's, or of one.
#[derive(Debug, Clone, Default)]
pub struct Overview {
    /// The builds, in no order.
    pub builds: Vec<Build>,
    /// The labels of their Namespaces, by name, where they were wanted.
    pub labels: BTreeMap<String, Map>,
    /// What is seen of builds from outside, by namespace.
    pub signs: BTreeMap<String, Signs>,
    /// Namespaces of ours that cannot be read as builds, and why.
    pub unreadable: BTreeMap<String, NotABuild>,
    /// What a person should know besides, whatever they ask for, one sentence each.
    pub notices: Vec<String>,
    /// What is wrong with namespaces of ours.
    pub odd: Vec<Odd>,
    /// Builds that were set apart since nothing proves them their chains', and why.
    pub apart: Vec<(Build, String)>,
    /// Namespaces of generations that their chains have left behind: whether they are there is nobody's question.
    pub passed: BTreeSet<String>,
    /// Builds beside these that were seen, and are not shown.
    pub beside: Vec<Build>,
    /// Namespaces of ours beside these, readable or not.
    pub others: BTreeSet<String>,
    /// The chain that was asked for, where home knows it and no namespace of it is there.
    pub bare: Option<BareChain>,
    /// Namespaces in which nothing will be built, since their chains have ended, and how those have.
    pub abandoned: BTreeMap<String, String>,
    /// Whether it could not be told what is proved.
    pub untold: bool,
    /// That Keel does not run, of interest to whoever waits for a push.
    pub keel: Option<String>,
    /// What keeps Terminating namespaces from going away, by name.
    pub held: BTreeMap<String, String>,
    /// The server's clock, for ages; none if it sent no date.
    pub now: Option<Timestamp>,
}

impl Overview {
    /// `labels`: whether those of builds are kept.
    pub(super) fn of(namespaces: List<NamespaceObject>, labels: bool) -> Self {
        let mut seen = Self { now: namespaces.date, ..Self::default() };
        for mut namespace in namespaces.items {
            let name = &namespace.metadata.name;
            if let Some(why) = namespace.held() {
                seen.held.insert(name.clone(), why);
            }
            match read_build(&namespace) {
                Ok(build) => {
                    seen.builds.push(build);
                    if labels {
                        let labels = std::mem::take(&mut namespace.metadata.labels);
                        seen.labels.insert(namespace.metadata.name, labels);
                    }
                }
                Err(why) => {
                    seen.odd.push(Odd::of(&namespace, why.clone()));
                    seen.unreadable.insert(name.clone(), why);
                }
            }
        }
        seen
    }

    /// The same with what another look has found besides.
    pub(super) fn and(mut self, other: Self) -> Self {
        let known: BTreeSet<String> = self.names().map(str::to_owned).collect();
        self.builds.extend(other.builds.into_iter().filter(|build| !known.contains(&build.namespace)));
        self.odd.extend(other.odd.into_iter().filter(|odd| !known.contains(&odd.namespace)));
        self.passed.extend(other.passed);
        self.apart.extend(other.apart);
        self.abandoned.extend(other.abandoned);
        self.notices.extend(other.notices);
        self.unreadable.extend(other.unreadable);
        self.labels.extend(other.labels);
        self.held.extend(other.held);
        self.now = other.now.or(self.now);
        self
    }

    /// Without bare claims, which nobody listens in and which have nothing to scale.
    pub(super) fn without_claims(mut self) -> Self {
        self.builds.retain(|build| build.chain != wire::CLAIM_CHAIN);
        self
    }

    /// Whether what was named is among what was seen.
    pub(in crate::ops) fn has(&self, named: MeantName<'_>) -> bool {
        named.may_be_build() && self.unreadable.contains_key(named.name)
            || self.builds.iter().any(|build| named.takes(build))
    }

    /// Whether anything that was seen says that it is of this chain, readable or not.
    pub(super) fn is_of(&self, chain: &str) -> bool {
        self.builds.iter().any(|build| build.chain == chain)
            || self.odd.iter().any(|odd| odd.chain.as_deref() == Some(chain))
    }

    /// Why nothing proves this build its chain's, where that is so.
    pub(in crate::ops) fn unproved(&self, build: &Build) -> Option<&str> {
        self.signs.get(&build.namespace)?.unproved.as_deref()
    }

    /// The builds that nothing speaks against.
    pub(super) fn believed(&self) -> impl Iterator<Item = &Build> {
        self.builds.iter().filter(|build| self.unproved(build).is_none())
    }

    /// Those that nothing proves, and why.
    fn marked(&self) -> impl Iterator<Item = (&Build, &str)> {
        self.builds.iter().filter_map(|build| Some((build, self.unproved(build)?)))
    }

    /// Sets apart what nothing proves: whoever goes on with the rest does not believe it.
    pub(super) fn set_apart(mut self) -> Self {
        let builds = std::mem::take(&mut self.builds);
        let proved = |build: &Build| self.unproved(build).map_or(Ok(()), |why| Err(why.to_owned()));
        let (believed, apart) = set_apart(builds, proved);
        self.builds = believed;
        self.apart.extend(apart);
        self
    }

    /// Whether a namespace that is not believed has this name, which a chain may have.
    pub(super) fn hides(&self, name: &str) -> bool {
        self.builds.is_empty() && self.apart.iter().any(|(build, _)| build.namespace == name)
    }

    /// Adds that the generation after this build has been left behind, too.
    pub(super) fn pass(&mut self) {
        let next = self.builds.iter().filter_map(|build| build.successor.clone());
        self.passed.extend(next);
    }

    /// Whether any namespace of ours was seen.
    pub(super) fn has_any(&self) -> bool {
        self.names().next().is_some()
    }

    /// Adds that these admission policies are missing.
    pub(super) fn lacks(&mut self, policies: &[String]) {
        if !policies.is_empty() {
            self.notices.push(format!(
                "builds are not confined: {} is missing; an administrator runs kubectl studioci setup",
                policies.join(", ")
            ));
        }
    }

    /// All namespaces of ours that were seen.
    fn names(&self) -> impl Iterator<Item = &str> {
        let builds = self.builds.iter().map(|build| build.namespace.as_str());
        builds.chain(self.unreadable.keys().map(String::as_str))
    }

    /// Namespaces that were not seen, and that signs of these builds depend on: the one before a listener that is awaited,
    /// and the one that should be next.
    pub(super) fn missed(&self) -> BTreeSet<String> {
        let names: BTreeSet<&str> = self.not_missed().collect();
        let awaited = self.builds.iter().filter(|build| build.phase == Phase::Claimed && !build.terminating);
        let before = awaited.filter_map(|build| build.parent.as_deref()).filter(|name| !names.contains(name));
        before.chain(self.lost(&names).map(|(_, next)| next)).map(str::to_owned).collect()
    }

    /// Whether a chain seems to have lost its listener, with those beside that are there.
    pub(super) fn lost_beside(&self, others: &Self) -> bool {
        self.lost(&self.not_missed().chain(others.names()).collect()).next().is_some()
    }

    fn not_missed(&self) -> impl Iterator<Item = &str> {
        self.names().chain(self.passed.iter().map(String::as_str))
    }

    /// See [`signs::without_listener`].
    fn lost<'a>(&'a self, names: &'a BTreeSet<&str>) -> impl Iterator<Item = (&'a Build, &'a str)> {
        signs::without_listener(&self.builds, |name| names.contains(name))
    }

    /// Reads the signs of every build, from pods and listeners (none where those could not be listed). `others` are builds
    /// beside these, which are not shown.
    pub(super) fn look(&mut self, pods: &[Pod], listeners: Option<&[Listener]>, others: Self) {
        let now = self.now.unwrap_or(Timestamp::MIN);
        let mut pods_of: BTreeMap<&str, Vec<&Pod>> = BTreeMap::new();
        for pod in pods {
            pods_of.entry(&pod.namespace).or_default().push(pod);
        }
        let mut deployments: BTreeMap<&str, Vec<&Listener>> = BTreeMap::new();
        for one in listeners.unwrap_or_default() {
            deployments.entry(&one.namespace).or_default().push(one);
        }
        for build in &self.builds {
            let there = deployments.get(build.namespace.as_str()).into_iter().flatten().copied();
            let listener = match listeners {
                None => signs::Presence::Unknown,
                Some(_) => {
                    Listener::among(build, there).map_or(signs::Presence::Gone, signs::Presence::There)
                }
            };
            let pods = pods_of.get(build.namespace.as_str()).map(Vec::as_slice).unwrap_or_default();
            let held = self.held.get(&build.namespace).cloned();
            let mut signs = Signs::of(build, listener, pods, held, now);
            if let (Some(_), signs::Presence::Gone) = (&signs.standing, listener) {
                // few are awaited of however many builds there are
                let mut all = self.builds.iter().chain(&others.builds);
                signs.wait_for(all.find(|other| Some(&other.namespace) == build.parent.as_ref()));
            }
            self.signs.insert(build.namespace.clone(), signs);
        }
        self.others = others.names().map(str::to_owned).collect();
        self.beside = others.builds;
    }

    /// Chains that were robbed of their listener, by what is proved of these builds, and `believed` of those beside them. `ended`:
    /// whether a chain was stopped, and needs none.
    pub(in crate::ops) fn look_for_lost(
        &mut self,
        believed: impl Fn(&Build) -> bool,
        ended: impl Fn(&str) -> bool,
    ) {
        let beside = self.beside.iter().filter(|build| believed(build));
        let builds: Vec<&Build> = self.believed().chain(beside).collect();
        let names: BTreeSet<&str> = self.not_missed().chain(self.others.iter().map(String::as_str)).collect();
        let lost: Vec<(String, String)> = signs::without_listener(&builds, |name| names.contains(name))
            .filter(|(last, _)| !ended(&last.chain))
            .map(|(last, next)| (last.namespace.clone(), next.to_owned()))
            .collect();
        for (last, next) in lost {
            let signs = self.signs.entry(last).or_default();
            signs.trouble.get_or_insert_with(|| {
                format!("the chain has no listener any more: namespace {next} is gone, or its labels are")
            });
        }
    }

    /// What is wrong with those that were edited by hand, by name.
    fn edited(&self) -> impl Iterator<Item = &NotABuild> {
        let unproved = self.odd.iter().filter(|it| it.unproved.is_some());
        let unproved: BTreeSet<&str> = unproved.map(|it| it.namespace.as_str()).collect();
        self.unreadable.iter().filter(move |(name, _)| !unproved.contains(name.as_str())).map(|(_, why)| why)
    }

    /// What only says that it is ours, readable or not.
    fn feigned(&self) -> impl Iterator<Item = Feigned<'_>> {
        let apart = self.apart.iter().map(|(build, why)| (build, why.as_str()));
        self.marked().chain(apart).map(Feigned::from).chain(self.odd.iter().filter_map(Odd::feigned))
    }

    /// Why there is no build, where something looks like one: the first that was edited by hand, else the first that nothing proves.
    pub(in crate::ops) fn why_none(&self) -> Option<Error> {
        self.edited().next().map(unreadable).or_else(|| self.feigned().next().map(Error::from))
    }

    /// What to warn of whoever asks for that chain or build, or for everything: of what concerns it, and a line for
    /// each kind, however many there are. These builds are shown beside it, each with why it is not believed.
    pub fn warnings(&self, name: Option<&str>) -> Vec<String> {
        self.warned(name, true)
    }

    /// The same where chains are shown, and not their builds.
    pub fn warnings_beside_chains(&self, name: Option<&str>) -> Vec<String> {
        self.warned(name, false)
    }

    fn warned(&self, name: Option<&str>, shown: bool) -> Vec<String> {
        let meant = |namespace: &str, chain: Option<&str>| {
            name.is_none_or(|name| namespace == name || chain == Some(name))
        };
        let mut kinds: BTreeMap<String, Vec<&Odd>> = BTreeMap::new();
        let odd = || self.odd.iter().filter(|odd| meant(&odd.namespace, odd.chain.as_deref()));
        for odd in odd().filter(|odd| odd.unproved.is_none()) {
            kinds.entry(odd.finding.of_several()).or_default().push(odd);
        }
        let mut warnings: Vec<String> = kinds.into_values().map(|odd| told(&odd)).collect();
        let marked = self.marked().filter(|(build, _)| meant(&build.namespace, Some(&build.chain)));
        let unproved: Vec<_> = marked.map(Feigned::from).chain(odd().filter_map(Odd::feigned)).collect();
        warnings.extend(feigned(&unproved, shown));
        warnings.extend(self.notices.iter().cloned());
        let mut waiting = self.believed().filter(|build| build.phase == Phase::Listening);
        if waiting.any(|build| meant(&build.namespace, Some(&build.chain))) {
            warnings.extend(self.keel.clone());
        }
        warnings
    }

    /// Why there is no build of that name: nobody has it, or its Namespace cannot be read.
    pub fn absent<'a>(&self, named: impl Into<MeantName<'a>>) -> Error {
        let named = named.into();
        let (name, build, chain) = (named.name, named.may_be_build(), named.may_be_chain());
        if let Some(why) = self.edited().find(|why| build && why.namespace() == name) {
            return unreadable(why);
        }
        let is_it = |it: &Feigned<'_>| build && it.namespace == name || chain && it.chain == Some(name);
        if let Some(it) = self.feigned().find(is_it) {
            return Error::from(it);
        }
        let mut chains: Vec<&str> = self.builds.iter().map(|build| build.chain.as_str()).collect();
        chains.sort_unstable();
        chains.dedup();
        let edited: Vec<&str> = self.edited().map(NotABuild::namespace).collect();
        let remedy = if let Some(remedy) = self.of_other_kind(named) {
            remedy
        } else if chains.is_empty() && !edited.is_empty() {
            format!("it may be one of those that were edited by hand: {}", edited.join(", "))
        } else if chains.is_empty() {
            "there are no chains yet; start one with kubectl studioci start".to_owned()
        } else {
            format!("chains here: {}", chains.join(", "))
        };
        Error::NoSuchName { what: named.what(), name: name.to_owned(), remedy }
    }

    /// How to name what has the name, and is not of the kind that was asked for.
    fn of_other_kind(&self, named: MeantName<'_>) -> Option<String> {
        let MeantName { name, kind } = named;
        let (what, word, other) = match kind? {
            NamedKind::Chain => ("build", "namespace", NamedKind::Build),
            NamedKind::Build => ("chain", "chain", NamedKind::Chain),
        };
        let is_there = self.has(MeantName { name, kind: Some(other) });
        is_there.then(|| format!("that is a {what}; name it as {word}/{name}"))
    }
}

/// Keeps the builds of the chain, or the build, of that name.
///
/// # Errors
/// [`Error::NoSuchName`] for a name that is neither a chain's nor a build's, [`Error::BuildEdited`] for a Namespace that was
/// edited by hand.
pub fn choose<'a>(seen: &mut Overview, named: impl Into<MeantName<'a>>) -> Result<()> {
    let named = named.into();
    if seen.builds.iter().any(|build| named.is_build(build)) {
        seen.builds.retain(|build| named.is_build(build));
    } else if seen.builds.iter().any(|build| named.is_chain_of(build)) {
        seen.builds.retain(|build| named.is_chain_of(build));
    } else {
        return Err(seen.absent(named));
    }
    Ok(())
}

/// The build that a person means by a chain's name: its running one, else the newest. A side build is meant by its own name, or
/// where nothing else is there.
pub fn running_or_next(builds: &[Build]) -> Option<&Build> {
    let links = || builds.iter().filter(|build| !build.is_side());
    links()
        .filter(|build| (Phase::Triggered..=Phase::Building).contains(&build.phase) && !build.terminating)
        .min_by_key(|build| build.generation)
        .or_else(|| links().max_by_key(|build| build.generation))
        .or_else(|| builds.iter().max_by_key(|build| build.generation))
}
