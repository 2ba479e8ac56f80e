//! Repair: a person does for a chain what its agents would do, had it any: `doctor --repair`.
//!
//! Each step looks anew. What it touches is proved by uid, or by a name that the chain's seed gives, and never by what stands on a
//! namespace. It writes by compare-and-swap or under fixed names: who is killed between two writes runs it again, and two who run
//! it at once do no harm.

mod builds;
mod listener;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::future::{LocalBoxFuture, try_join};
use jiff::{SignedDuration, Timestamp};

use super::memory::Cache;
use super::{Agent, Identity, Role};
use crate::chain::build::{Build, Map};
use crate::chain::head::Head;
use crate::chain::publishing::PublishSettings;
use crate::chain::rights::{BuildNamespace, labels};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Resource};
use crate::local::render::Renderer;
use crate::pipeline::weave::ADOPT_AFTER;
use crate::state::build::read_build;
use crate::state::enter::{Maker, enter, entitled};
use crate::state::error::{Error, Result};
use crate::state::narration::Narration;
use crate::state::{Say, chain, confinement, head, lost, publisher, record, select, write};

/// How often a step begins anew because somebody wrote meanwhile.
const TRIES: u32 = 8;

/// How a chain is to be repaired.
#[derive(Clone, Copy)]
pub struct RepairRequest<'a> {
    /// The cluster.
    pub cluster: &'a Cluster,
    /// Whether it is only said what would be done.
    pub dry: bool,
    /// Who renders pipelines.
    pub renderer: Renderer,
    /// The clock, where the server does not tell its own.
    pub clock: fn() -> Timestamp,
    /// Where is told what is done, and what could not be.
    pub say: Say<'a>,
}

/// Repairs the chain of that name, or all that home knows, as far as that is an agent's work. How much could not be done, which is
/// told.
///
/// # Errors
/// [`Error::NotAUser`] for who may only look, [`Error::ChainsUnlisted`] for who names no chain and may not list them; where the builds of this cluster are not confined, as [`confinement::check`]: nothing is
/// done there. Cluster errors, where not even the chains are known.
pub async fn repair(name: Option<&str>, how: RepairRequest<'_>) -> Result<usize> {
    if !how.dry {
        // whoever repairs binds themselves in the namespaces of builds
        entitled(how.cluster, &[Access::to("create", &kind::ROLE_BINDINGS, None)]).await?;
    }
    let (_, chains) = Box::pin(try_join(confinement::check(how.cluster), chains(name, how.cluster))).await?;
    let mut failures = 0;
    for chain in &chains {
        let repairer = Repairer { chain, how, failures: Cell::new(0), woken: RefCell::default() };
        repairer.repair().await;
        failures += repairer.failures.get();
    }
    Ok(failures)
}

/// The chains that are meant. Whoever may use one alone lists none, and what would let them is no remedy.
async fn chains(name: Option<&str>, cluster: &Cluster) -> Result<Vec<String>> {
    let Some(name) = name else {
        return match chain::chains(cluster).await {
            Err(Error::Cluster(error)) if error.is_rbac() => {
                Err(Error::ChainsUnlisted { why: error.to_string() })
            }
            chains => chains,
        };
    };
    let found = head::head(cluster, name).await;
    Ok(match found {
        Ok(None) => Vec::new(),
        // what is wrong with it is told with its steps
        Ok(Some(_)) | Err(Error::HeadEdited { .. }) => vec![name.to_owned()],
        Err(error) => return Err(error),
    })
}

/// A person at work on one chain.
struct Repairer<'a> {
    chain: &'a str,
    how: RepairRequest<'a>,
    failures: Cell<usize>,
    /// uids of the builds whose agents were brought back: a dry run finds them still away.
    woken: RefCell<BTreeSet<String>>,
}

/// A chain, as far as its head proves it.
struct ProvedChain {
    head: Head,
    /// Its builds, oldest first.
    builds: Vec<Build>,
    /// Whatever carries its label.
    namespaces: Vec<NamespaceObject>,
    /// The server's clock.
    now: Timestamp,
}

impl ProvedChain {
    /// The build of that generation, if its namespace is there and not on its way out.
    fn build(&self, generation: u64) -> Option<&Build> {
        self.builds.iter().find(|build| build.generation == generation && !build.terminating)
    }
}

impl<'a> Repairer<'a> {
    /// One step after the other, since what comes later needs what comes before.
    async fn repair(&self) {
        let head = wire::chain_object(self.chain);
        let steps: [LocalBoxFuture<'_, Result<()>>; 5] = [
            Box::pin(self.history()),
            Box::pin(self.results_and_slots()),
            Box::pin(self.listener()),
            Box::pin(self.builds()),
            Box::pin(self.left_over()),
        ];
        for step in steps {
            self.note((&kind::CONFIG_MAPS, &head), &step.await);
        }
    }

    /// Looks at the chain; none where home has no head of it.
    async fn look(&self) -> Result<Option<ProvedChain>> {
        let Some(head) = head::head(self.how.cluster, self.chain).await? else { return Ok(None) };
        let list = self
            .how
            .cluster
            .list::<NamespaceObject>(&kind::NAMESPACES, None, &select::chain(self.chain))
            .await?;
        let mut builds: Vec<Build> = list.items.iter().filter_map(|it| read_build(it).ok()).collect();
        builds.retain(|build| build.chain == self.chain && head.proves(build));
        builds.sort_by_key(|build| build.generation);
        let now = list.date.unwrap_or_else(self.how.clock);
        Ok(Some(ProvedChain { head, builds, namespaces: list.items, now }))
    }

    /// Does one thing, or says that it would be done. `false` of it: there was nothing to do after all.
    async fn each(
        &self,
        (resource, name): (&Resource, &str),
        what: &str,
        act: impl Future<Output = Result<bool>>,
    ) -> bool {
        let done = if self.how.dry { Ok(true) } else { act.await };
        if let Ok(true) = done {
            (self.how.say)(Narration::Repaired(resource, name, what));
        }
        self.note((resource, name), &done.map(drop))
    }

    /// Tells of what could not be done. Whether it was.
    fn note(&self, (resource, name): (&Resource, &str), done: &Result<()>) -> bool {
        if let Err(error) = done {
            self.failures.set(self.failures.get() + 1);
            (self.how.say)(Narration::Unrepaired(resource, name, error));
        }
        done.is_ok()
    }

    /// Binds the person in the namespace of a build, unless they may write there anyway.
    async fn enter(&self, build: &Build) -> Result<()> {
        let there = BuildNamespace { chain: &build.chain, namespace: &build.namespace, uid: &build.uid };
        enter(self.how.cluster, Maker::Person, &there, false).await
    }

    /// An agent's hands in the place of a build's own.
    fn in_place_of(&self, build: &Build, record: &record::Record) -> Agent<'a> {
        let me = Identity {
            namespace: build.namespace.clone(),
            role: Role::ByHand,
            deployment: record.settings.workload.clone(),
            container: record.settings.container.clone(),
            told: PathBuf::new(),
        };
        let RepairRequest { cluster, clock, renderer, say, .. } = self.how;
        let mut agent = Agent::new(cluster, me, clock, renderer, say);
        agent.cache = Cache { confined: true, ..Cache::default() };
        agent
    }

    /// The chain's record, which must be this very chain's.
    async fn record(&self, head: &Head) -> Result<record::StoredRecord> {
        let chain = || self.chain.to_owned();
        let kept = record::kept(self.how.cluster, self.chain).await?;
        let kept = kept.ok_or_else(|| Error::RecordGone { chain: chain() })?;
        if kept.record.settings.uuid != head.uuid {
            return Err(Error::RecordOfAnother { chain: chain() });
        }
        Ok(kept)
    }

    /// The history, without which no build finishes.
    async fn history(&self) -> Result<()> {
        if head::head(self.how.cluster, self.chain).await?.is_none_or(|head| head.purging) {
            return Ok(());
        }
        let Err(error) = publisher::data(self.how.cluster, self.chain).await else { return Ok(()) };
        let Error::HistoryGone { object } = error else { return Err(error) };
        let empty = chain::config_map(&object, &Map::new(), &labels(self.chain));
        let made = write::create(self.how.cluster, &empty);
        self.each((&kind::CONFIG_MAPS, &object), "made again, empty: builds finish once more", made).await;
        Ok(())
    }

    /// Builds that ended with their namespace are recorded, and slots given back that nobody gives back.
    async fn results_and_slots(&self) -> Result<()> {
        let Some(seen) = self.look().await? else { return Ok(()) };
        let cluster = self.how.cluster;
        let data = match publisher::data(cluster, self.chain).await {
            // said, or about to be made by a dry run
            Err(Error::HistoryGone { .. }) => None,
            data => Some(data?.data),
        };
        let tells = match self.record(&seen.head).await {
            Ok(kept) => kept.record.settings.publish,
            Err(error @ Error::Cluster(_)) => return Err(error),
            // nobody knows any more who is to be told
            Err(_) => PublishSettings::default(),
        };
        if let Some(data) = data {
            for (generation, namespace) in lost::lost(cluster, &data, &seen.head, &seen.namespaces).await? {
                let close = lost::close(cluster, self.chain, &seen.head, generation, &tells, seen.now);
                let what =
                    "its build, which had not ended when the namespace was deleted, is recorded as Errored";
                self.each((&kind::NAMESPACES, &namespace), what, close).await;
            }
        }
        let patience = SignedDuration::try_from(ADOPT_AFTER).unwrap_or(SignedDuration::MAX);
        for generation in Agent::lost_slots_of(cluster, &seen.head, seen.now, patience).await? {
            let namespace = seen.head.slots[&generation].clone();
            let frees = async {
                match lost::close(cluster, self.chain, &seen.head, generation, &tells, seen.now).await {
                    Ok(_) | Err(Error::HistoryGone { .. }) => {}
                    Err(error) => return Err(error),
                }
                free(cluster, self.chain, (generation, &namespace)).await
            };
            self.each((&kind::NAMESPACES, &namespace), "its build slot is given back", frees).await;
        }
        Ok(())
    }
}

/// Gives a slot back, which is lost as long as the same namespace holds it.
async fn free(cluster: &Cluster, chain: &str, (generation, namespace): (u64, &str)) -> Result<bool> {
    for attempt in 1.. {
        let head = head::head_of(cluster, chain).await?;
        if head.slots.get(&generation).is_none_or(|holder| holder != namespace) {
            return Ok(false);
        }
        match head::move_head(cluster, chain, &head.free_slot(generation)).await {
            Err(error) if error.is_conflict() && attempt < TRIES => {}
            moved => return moved.map(|_| true),
        }
    }
    unreachable!("the last try returns")
}

#[cfg(test)]
mod tests {
    use testkit::Reply;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_may_use_one_chain_alone_repairs_it_by_its_name_and_is_told_so_where_they_name_none() {
        let (cluster, _) = Cluster::scripted(|request| match request.path.as_str() {
            "/api/v1/namespaces/studioci/configmaps" => {
                let why = "configmaps is forbidden: User \"bea\" cannot list resource \"configmaps\" in API group \"\" in the \
                           namespace \"studioci\"";
                Reply::Status(403, "Forbidden", why)
            }
            "/api/v1/namespaces/studioci/configmaps/chain-app" => Reply::Json(
                200,
                serde_json::json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" },
                    "data": { "uuid": "c", "generation": "1" } }),
            ),
            _ => Reply::Status(404, "NotFound", "not found"),
        });
        assert_eq!(chains(Some("app"), &cluster).await.unwrap(), ["app"]);
        assert_eq!(chains(Some("other"), &cluster).await.unwrap(), [""; 0]);
        let error = chains(None, &cluster).await.unwrap_err();
        let remedy = error.advice().unwrap().1;
        // a right to list would be one to read what other chains have
        assert!(remedy.contains("doctor CHAIN --repair") && !remedy.contains("kind: Role"), "{remedy}");
    }
}
