//! Which of the builds that were listed are their chains': what home knows of them by their uids, in one request besides.
//!
//! Heads are asked for at once with the builds, from the server's cache. Either may be older than the other, so that a build of
//! which nothing is proved then is asked about again, after it was seen: of such a one home knew before it began. A build that is
//! older than what a head remembers is looked up in the history, which is asked for then alone.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use futures_util::stream::{self, StreamExt as _};

use super::findings::Odd;
use super::{BareChain, CONNECTIONS, Overview, builds, namespaces};
use crate::chain::build::{Build, Phase};
use crate::chain::head::Head;
use crate::chain::named::MeantName;
use crate::chain::proof::{Unproved, Witness};
use crate::chain::record::{Entry, history};
use crate::chain::{side, wire};
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster, Query};
use crate::state::chain::Data;
use crate::state::error::Error;
use crate::state::select;

/// What is known of the heads of chains, and of their histories as far as builds are older than what those remember.
#[derive(Debug, Default)]
pub(in crate::ops) struct HeadsSeen {
    heads: BTreeMap<String, Head>,
    /// Histories that were asked for, or why one cannot be read: of what the head has forgotten nothing is disproved then.
    histories: BTreeMap<String, Result<Vec<Entry>, String>>,
    /// Chains whose heads cannot be read, and why: of their builds nothing is disproved.
    withheld: BTreeMap<String, String>,
    /// Chains of which this was read after their builds were.
    afterwards: BTreeSet<String>,
}

impl HeadsSeen {
    /// Of all chains. What may not be listed is asked for by name once it is known whose is wanted.
    pub(super) async fn all(cluster: &Cluster) -> Self {
        let select = select::heads().cached();
        let list = cluster.list::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &select).await;
        list.map_or_else(|_| Self::default(), |list| Self::among(&list.items))
    }

    /// Of this chain.
    pub(super) async fn of(cluster: &Cluster, chain: &str) -> Self {
        let mut seen = Self::default();
        // whoever cannot read it now is told so when they are to know
        let _ = seen.get(cluster, chain).await;
        seen.afterwards.clear();
        seen
    }

    /// Of a chain of which a build was seen before.
    ///
    /// # Errors
    /// Cluster errors. What may not be read is withheld.
    pub(in crate::ops) async fn after(cluster: &Cluster, chain: &str) -> Result<Self, cluster::Error> {
        let mut seen = Self::default();
        seen.get(cluster, chain).await?;
        Ok(seen)
    }

    /// The heads among these objects of home.
    pub(super) fn among(objects: &[Data]) -> Self {
        let mut seen = Self::default();
        for object in objects {
            if let Some(chain) = object.metadata.labels.get(wire::CHAIN)
                && object.metadata.name == wire::chain_object(chain)
            {
                seen.read(chain, Some(object));
            }
        }
        let forgets = |head: &Head| head.forgets(1) || head.forgets(side::FIRST);
        for object in objects {
            if let Some(chain) = object.metadata.labels.get(wire::CHAIN)
                && object.metadata.name == wire::history_object(chain)
                && seen.heads.get(chain).is_some_and(forgets)
            {
                seen.histories.insert(chain.clone(), Ok(history(&object.data)));
            }
        }
        seen
    }

    fn read(&mut self, chain: &str, found: Option<&Data>) {
        self.heads.remove(chain);
        self.withheld.remove(chain);
        match found.map(|found| Head::read(&found.metadata.resource_version, &found.data)) {
            None => {}
            Some(Ok(head)) => drop(self.heads.insert(chain.to_owned(), head)),
            Some(Err(why)) => drop(self.withheld.insert(chain.to_owned(), why.to_string())),
        }
    }

    async fn get(&mut self, cluster: &Cluster, chain: &str) -> Result<(), cluster::Error> {
        let name = wire::chain_object(chain);
        match cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await {
            Ok(found) => self.read(chain, found.as_ref()),
            Err(error) if error.is_rbac() => self.withhold(chain, &error),
            Err(error) => return Err(error),
        }
        self.afterwards.insert(chain.to_owned());
        Ok(())
    }

    fn withhold(&mut self, chain: &str, why: &cluster::Error) {
        self.heads.remove(chain);
        self.withheld.insert(chain.to_owned(), why.to_string());
        self.afterwards.insert(chain.to_owned());
    }

    /// Asks about these chains again.
    async fn again(&mut self, cluster: &Cluster, chains: BTreeSet<String>) -> Result<(), cluster::Error> {
        if chains.len() > CONNECTIONS {
            // also what no label says to be a head
            let all = Query::labels(wire::CHAIN);
            match cluster.list::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &all).await {
                Ok(list) => {
                    let now = Self::among(&list.items);
                    for chain in chains {
                        self.heads.remove(&chain);
                        self.withheld.remove(&chain);
                        self.afterwards.insert(chain);
                    }
                    self.heads.extend(now.heads);
                    self.withheld.extend(now.withheld);
                    self.histories.extend(now.histories);
                    return Ok(());
                }
                // whoever may read the heads of their own chains alone asks for each: that others are many must hide none
                Err(error) if error.is_rbac() => {}
                Err(error) => return Err(error),
            }
        }
        let asked = chains.iter().map(|chain| Self::after(cluster, chain));
        let found: Vec<_> = stream::iter(asked).buffered(CONNECTIONS).collect().await;
        for (chain, found) in chains.iter().zip(found) {
            let found = found?;
            self.heads.remove(chain);
            self.withheld.remove(chain);
            self.heads.extend(found.heads);
            self.withheld.extend(found.withheld);
            self.afterwards.extend(found.afterwards);
        }
        Ok(())
    }

    /// Whether a build is to be believed. Of a bare claim, and where a head cannot be read, there is nothing to prove.
    ///
    /// # Errors
    /// Why it is not.
    pub(in crate::ops) fn believe(&self, build: &Build) -> Result<(), Unproved> {
        if build.chain == wire::CLAIM_CHAIN || self.withheld.contains_key(&build.chain) {
            return Ok(());
        }
        self.as_far_as_known(&build.chain, self.witness(&build.chain).believes(build))
    }

    /// The same of a namespace of which no build can be read.
    fn believe_odd(&self, odd: &Odd) -> Result<(), Unproved> {
        match odd.chain.as_deref() {
            Some(chain) if chain != wire::CLAIM_CHAIN && !self.withheld.contains_key(chain) => {
                self.as_far_as_known(chain, self.witness(chain).knows_namespace(chain, &odd.uid))
            }
            _ => Ok(()),
        }
    }

    fn witness(&self, chain: &str) -> Witness<'_> {
        let history = self.histories.get(chain).and_then(|read| read.as_deref().ok()).unwrap_or_default();
        Witness { head: self.heads.get(chain).map(Ok), history, seed: None }
    }

    /// Of what the head has forgotten nothing is disproved where the history may not be read.
    fn as_far_as_known(&self, chain: &str, believed: Result<(), Unproved>) -> Result<(), Unproved> {
        match (believed, self.histories.get(chain)) {
            (Err(Unproved::Forgotten { .. }), Some(Err(_))) => Ok(()),
            (believed, _) => believed,
        }
    }

    /// Asks for the histories of chains of which a build is older than what their heads remember.
    ///
    /// # Errors
    /// Cluster errors. What may not be read is withheld.
    pub(in crate::ops) async fn remember(
        &mut self,
        cluster: &Cluster,
        builds: &[Build],
        odd: &[Odd],
    ) -> Result<(), cluster::Error> {
        let builds = builds.iter().map(|build| (Some(&build.chain), self.believe(build)));
        let odd = odd.iter().map(|odd| (odd.chain.as_ref(), self.believe_odd(odd)));
        let forgotten = builds.chain(odd).filter(|(_, told)| matches!(told, Err(Unproved::Forgotten { .. })));
        let chains: BTreeSet<String> = forgotten.filter_map(|(chain, _)| chain.cloned()).collect();
        let chains: Vec<String> =
            chains.into_iter().filter(|chain| !self.histories.contains_key(chain)).collect();
        let asked = chains.into_iter().map(|chain| async move {
            let name = wire::history_object(&chain);
            let kept = match cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await {
                Ok(found) => Ok(found.map(|found| history(&found.data)).unwrap_or_default()),
                Err(error) if error.is_rbac() => Err(error.to_string()),
                Err(error) => return Err(error),
            };
            Ok((chain, kept))
        });
        for found in stream::iter(asked).buffered(CONNECTIONS).collect::<Vec<_>>().await {
            let (chain, kept) = found?;
            self.histories.insert(chain, kept);
        }
        Ok(())
    }

    /// Whether there is a chain of that name, as far as that can be told.
    pub(super) fn knows(&self, chain: &str) -> bool {
        self.heads.contains_key(chain) || self.withheld.contains_key(chain)
    }

    /// The chain of that name, if its head was read, for whoever knows that no namespace of it is there.
    pub(super) fn bare(&self, chain: &str) -> Option<BareChain> {
        self.heads.get(chain).map(|head| BareChain::of(chain, head))
    }

    /// How the chain of a build has ended, where nothing will be built there for that.
    fn abandons(&self, build: &Build) -> Option<&str> {
        let waits = build.verdict.is_none() && build.phase <= Phase::Listening;
        let head = self.heads.get(&build.chain).filter(|head| waits && head.abandons_build(build))?;
        head.ended.as_deref()
    }

    /// Whether the chain of a build has gone on beyond the one after it.
    pub(super) fn has_passed(&self, build: &Build) -> bool {
        self.heads.get(&build.chain).is_some_and(|head| {
            !build.is_side() && head.proves(build) && head.generation > build.generation + 1
        })
    }

    /// What to say of heads that cannot be read.
    fn notice(&self) -> Option<String> {
        let unread = self.histories.iter().filter_map(|(chain, read)| Some((chain, read.as_ref().err()?)));
        let all: BTreeMap<&String, &String> = unread.chain(&self.withheld).collect();
        let why = all.values().next()?;
        let names: Vec<&str> = all.keys().map(|chain| chain.as_str()).collect();
        let chains = match &names[..] {
            [one] => format!("chain {one}"),
            several => format!("{} chains, such as {},", several.len(), several[0]),
        };
        Some(format!(
            "what the namespaces of {chains} say is taken at its word, since home, which proves it, cannot be read: {why}"
        ))
    }
}

/// Marks the builds that are not proved to be their chains'. `first`: what was read at once with them.
///
/// # Errors
/// Cluster errors; then nothing is marked. That heads may not be read is a notice.
async fn prove(cluster: &Cluster, mut first: HeadsSeen, seen: &mut Overview) -> Result<(), cluster::Error> {
    let doubted = seen.builds.iter().filter(|build| !first.afterwards.contains(&build.chain));
    let doubted = doubted.filter(|build| first.believe(build).is_err()).map(|build| build.chain.clone());
    let odd =
        seen.odd.iter().filter(|odd| first.believe_odd(odd).is_err()).filter_map(|odd| odd.chain.clone());
    let odd = odd.filter(|chain| !first.afterwards.contains(chain));
    let doubted: BTreeSet<String> = doubted.chain(odd).collect();
    if !doubted.is_empty() {
        first.again(cluster, doubted).await?;
    }
    first.remember(cluster, &seen.builds, &seen.odd).await?;
    for odd in &mut seen.odd {
        odd.unproved = match first.believe_odd(odd) {
            Err(Unproved::NoChain { .. } | Unproved::Unknown { .. }) if odd.terminating => None,
            believed => believed.err().map(|why| why.to_string()),
        };
    }
    for build in &seen.builds {
        match first.believe(build) {
            // home forgets what is given up, and the chain that is purged, before their namespaces are gone
            Err(Unproved::NoChain { .. } | Unproved::Unknown { .. }) if build.terminating => {}
            Err(why) => {
                seen.signs.entry(build.namespace.clone()).or_default().unproved = Some(why.to_string());
            }
            Ok(()) => {
                let how = first.abandons(build).map(|how| (build.namespace.clone(), how.to_owned()));
                seen.abandoned.extend(how);
            }
        }
    }
    let ended = |chain: &str| first.heads.get(chain).is_some_and(|head| head.ended.is_some());
    seen.look_for_lost(|beside| first.believe(beside).is_ok(), ended);
    first.withheld.retain(|chain, _| seen.builds.iter().any(|build| build.chain == *chain));
    seen.notices.extend(first.notice());
    Ok(())
}

/// Marks what nothing proves; that this cannot be told is a notice.
pub(super) async fn proved(cluster: &Cluster, heads: HeadsSeen, seen: &mut Overview) {
    if let Err(error) = Box::pin(prove(cluster, heads, seen)).await {
        seen.untold = true;
        seen.look_for_lost(|_| true, |_| false);
        seen.notices.push(format!("whether these builds are their chains' cannot be told: {error}"));
    }
}

/// Looks at the builds as [`builds`] does, and sets apart what nothing proves its chain's: for whoever goes by what builds say of
/// themselves.
///
/// # Errors
/// Cluster errors. That home may not be read is a notice.
pub(in crate::ops) async fn believed(
    cluster: &Cluster,
    named: Option<MeantName<'_>>,
) -> Result<Overview, Error> {
    let mut seen = builds(cluster, named).await?;
    prove(cluster, HeadsSeen::default(), &mut seen).await?;
    let seen = seen.set_apart();
    match named.filter(|named| named.may_be_chain() && seen.hides(named.name)) {
        Some(MeantName { name: chain, .. }) => {
            let mut of_chain = namespaces(cluster, select::builds_of(chain)).await?.without_claims();
            prove(cluster, HeadsSeen::default(), &mut of_chain).await?;
            Ok(of_chain.set_apart().and(seen))
        }
        None => Ok(seen),
    }
}

/// Why nobody has that name, with what is proved of the namespaces that cannot be read.
pub(in crate::ops) async fn prove_absent(
    cluster: &Cluster,
    seen: &mut Overview,
    named: MeantName<'_>,
) -> Error {
    match prove(cluster, HeadsSeen::default(), seen).await {
        Ok(()) => seen.absent(named),
        Err(error) => error.into(),
    }
}

/// That a build which was seen is its chain's.
///
/// # Errors
/// [`Error::NotProvablyOurs`]; cluster errors.
pub(in crate::ops) async fn prove_one(cluster: &Cluster, build: &Build) -> Result<(), Error> {
    let mut heads = HeadsSeen::after(cluster, &build.chain).await?;
    Box::pin(heads.remember(cluster, slice::from_ref(build), &[])).await?;
    let proved = heads.believe(build);
    proved.map_err(|why| Error::NotProvablyOurs { namespace: build.namespace.clone(), why: why.to_string() })
}
