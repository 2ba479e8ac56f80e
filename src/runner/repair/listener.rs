//! The listener of a chain in which nobody listens.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ProvedChain, Repairer};
use crate::agent::revival::{ListenerSeen, Revival, revival};
use crate::chain::build::{Baseline, Build, Content, Version};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::head::Head;
use crate::chain::{names, wire};
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::pipeline::facts::Fact;
use crate::pipeline::weave::Plan;
use crate::runner::known::Of;
use crate::state::build::readable;
use crate::state::claim::{Claim, Claimed};
use crate::state::dispatch::{self, Raise};
use crate::state::enter::Maker;
use crate::state::error::{Error, Result};
use crate::state::push_plan::{of_start, rendered};
use crate::state::{head, home, seed, select};

/// What is raised, and where.
struct Raised<'a> {
    /// The build whose namespace is settled for it already.
    there: Option<&'a Build>,
    /// Whether the head moves on first.
    moves_on: bool,
}

/// What it is raised with.
struct Prepared {
    claim: Claim,
    plan: Plan,
    tag: String,
    point: Baseline,
}

impl Repairer<'_> {
    /// Sees to it that somebody listens.
    pub(super) async fn listener(&self) -> Result<()> {
        let Some(seen) = self.look().await? else { return Ok(()) };
        let newest = seen.build(seen.head.generation);
        if newest.is_none() && self.was_edited(&seen).await? {
            return Ok(());
        }
        let before = seen.build(seen.head.generation.saturating_sub(1));
        let mut listeners = BTreeMap::new();
        for build in newest.into_iter().chain(before) {
            let found = select::listener(self.how.cluster, build).await?;
            listeners.extend(found.map(|found| (build.uid.as_str(), found)));
        }
        let of = |build: &'_ Build| listeners.get(build.uid.as_str());
        let with = |build| ListenerSeen { build, replicas: of(build).map(|listener| listener.replicas) };
        match revival(&seen.head, newest.map(with), before.map(with)) {
            None => {}
            Some(Revival::Wake(build)) => {
                if let Some(listener) = of(build) {
                    self.wake(build, listener).await;
                }
            }
            Some(Revival::Dispatch(build)) => Box::pin(self.dispatch(build, &seen.head)).await?,
            Some(Revival::Raise(build)) => {
                self.raise(&seen, &Raised { there: Some(build), moves_on: false }).await?;
            }
            Some(Revival::Claim) => self.raise(&seen, &Raised { there: None, moves_on: false }).await?,
            Some(Revival::MoveOn) => self.raise(&seen, &Raised { there: None, moves_on: true }).await?,
        }
        Ok(())
    }

    /// Whether the namespace that the head names is there, and not as we left it: that is for a person to put right.
    async fn was_edited(&self, seen: &ProvedChain) -> Result<bool> {
        let Some((namespace, uid)) = &seen.head.claimed else { return Ok(false) };
        let found = self.how.cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, namespace).await?;
        Ok(found
            .is_some_and(|found| found.metadata.uid == *uid && found.metadata.deletion_timestamp.is_none()))
    }

    /// Dispatches the next listener as the agent of this build would have.
    async fn dispatch(&self, build: &Build, head: &Head) -> Result<()> {
        let record = self.record(head).await?.record;
        let mut agent = self.in_place_of(build, &record);
        let entered = if self.how.dry { Ok(()) } else { self.enter(build).await };
        let dispatches = async {
            entered?;
            let mut seen = Box::pin(agent.observe()).await?;
            Box::pin(agent.dispatch_by_hand(&mut seen)).await?;
            Ok(true)
        };
        let what = "the next listener is dispatched in place of its agent, which is gone";
        self.each((&kind::NAMESPACES, &build.namespace), what, dispatches).await;
        Ok(())
    }

    /// Raises a listener where the last one stood, by the last good pipeline.
    async fn raise(&self, seen: &ProvedChain, how: &Raised<'_>) -> Result<()> {
        let head = &seen.head;
        let object = wire::chain_object(self.chain);
        let generation = head.generation + u64::from(how.moves_on);
        let (mut place, mut what) = (
            (&kind::CONFIG_MAPS, object.as_str()),
            format!("a fresh listener is raised, at generation {generation}"),
        );
        if let Some(build) = how.there {
            place = (&kind::NAMESPACES, build.namespace.as_str());
            "its listener, which was deleted, is raised again".clone_into(&mut what);
        }
        let prepared = self.prepare(seen, how).await;
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                self.note(place, &Err(error));
                return Ok(());
            }
        };
        let raises = Box::pin(self.raise_prepared(head, how, &prepared));
        self.each(place, &what, raises).await;
        Ok(())
    }

    /// Works out claim and plan, before anything is written.
    async fn prepare(&self, seen: &ProvedChain, how: &Raised<'_>) -> Result<Prepared> {
        let (cluster, head) = (self.how.cluster, &seen.head);
        let record = self.record(head).await?.record;
        let home = home::home(cluster).await?;
        let stood = head.starting_point(how.there);
        let built_last = head.built.values().next_back().map(|version| version.tag.clone());
        let known = stood.as_ref().and_then(Baseline::tag).map(str::to_owned).or(built_last);
        let tag = if let Some(tag) = known {
            tag
        } else {
            let of_start = rendered(self.how.renderer, of_start(&record, &home)).await?;
            of_start.map_err(Error::Pipeline)?.build.image.tag
        };
        let point = stood.unwrap_or_else(|| Baseline::Pending(tag.clone()));
        let version = match &point {
            Baseline::At(version) => version.clone(),
            Baseline::None | Baseline::Pending(_) => Version { tag: tag.clone(), content: Content::Unseen },
        };
        let generation = head.generation + u64::from(how.moves_on);
        let origin = match how.there {
            // settled: nothing is derived any more
            Some(_) => seed::seed(cluster, self.chain).await?.unwrap_or_default(),
            None => seed::seed_of(cluster, self.chain).await?,
        };
        let before = seen.builds.iter().rev().find(|build| head.built.contains_key(&build.generation));
        let parent = before.map(|build| build.namespace.as_str());
        let claim =
            Claim::of_listener(&record.settings, origin, &home.added, generation, &point, parent, seen.now);
        let build = how.there.cloned().map_or_else(|| planned(&claim), Ok)?;
        let revision = match record.facts.git.get("hash") {
            Some(Fact::Known(hash)) => hash.as_str().map(str::to_owned),
            _ => None,
        };
        let image = record.settings.repository.clone();
        let freeze = Freeze { image, version, revision, pipeline: Pushed::Absent };
        let mut agent = self.in_place_of(&build, &record);
        let plan = agent.plan_of(&build, head, &freeze, Of::LastGood).await?.map_err(Error::Pipeline)?;
        Ok(Prepared { claim, plan, tag, point })
    }

    async fn raise_prepared(
        &self,
        head: &Head,
        how: &Raised<'_>,
        Prepared { claim, plan, tag, point }: &Prepared,
    ) -> Result<bool> {
        let (cluster, say) = (self.how.cluster, self.how.say);
        let mut head = head.clone();
        if how.moves_on {
            let kept = self.record(&head).await?;
            // where `start` died between record and head, what was pushed before it is forgotten, as it would have been
            let patch = if kept.edition == head.edition {
                head.again(point)
            } else {
                head.renew(kept.edition, point)
            };
            head = head::move_head(cluster, self.chain, &patch).await?;
        }
        let claimed = match how.there {
            Some(build) => {
                Claimed { namespace: build.namespace.clone(), uid: build.uid.clone(), created: false }
            }
            None => dispatch::claim_next(cluster, claim, Maker::Person, head, say).await?.0,
        };
        dispatch::raise(cluster, &Raise { claim, maker: Maker::Person, plan, tag }, &claimed, say).await
    }
}

/// The build that a claim is about to make.
fn planned(claim: &Claim) -> Result<Build> {
    let name = names::sequence(claim.seed, claim.generation, &claim.prefix).next().unwrap_or_default();
    let mut object = claim.namespace(&name);
    object["metadata"]["uid"] = json!("");
    object["metadata"]["resourceVersion"] = json!("");
    let object: NamespaceObject = serde_json::from_value(object).expect("a Namespace");
    readable(&object)
}
