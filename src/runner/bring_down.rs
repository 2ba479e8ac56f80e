//! Brings down whatever runs in a build's namespace beside its agent: support, and what the build itself has made.
//!
//! Nothing of it is asked of the pipeline, which a later `start` may have rewritten: what stands there counts.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, stream};
use serde_json::json;
use tokio::time::{sleep, timeout};
use tokio::try_join;

use super::Agent;
use super::served::{ServedBinding, ServedJob};
use crate::agent::Observation;
use crate::agent::ending::{Due, Ending, OverBuild, POD_MAKERS, Surroundings};
use crate::chain::pod::Pod;
use crate::chain::wire;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{self, Delete, List, Patch, Query};
use crate::state::error::Result;
use crate::state::{select, write};

/// How long ending it may take. What is left then is left: a build must not keep its agent from its end, and its verdict is in
/// home before.
const BOUND: Duration = Duration::from_secs(150);
/// How long controllers have for what they end themselves, before it is looked again.
const SETTLE: Duration = Duration::from_secs(5);
/// How long a deleted binding may still count.
const UNBOUND: Duration = Duration::from_secs(2);
/// At most so many objects of a kind are ended one by one, each in its way; more are deleted as a collection, by one request.
const ONE_BY_ONE: usize = 500;
/// Changes at once: as many as there are requests in flight.
const AT_ONCE: usize = 8;
/// At most so many pods of the build's Job are spared when all others go: it has one.
const SPARED: usize = 4;

/// What selects pods that are not over: of those that are there may be very many.
const GOING: [&str; 2] = ["status.phase!=Succeeded", "status.phase!=Failed"];

/// What was found of one build.
#[derive(Default)]
struct RunsHere {
    all: Surroundings,
    /// Kinds of which there is more than can be listed.
    floods: Vec<Resource>,
    /// The build container.
    container: String,
}

impl Agent<'_> {
    /// Ends all that runs. Killed after any write, it is done once more from its begin, and what has ended is left alone.
    pub(super) async fn bring_down(&mut self, seen: &Observation) -> Result<()> {
        match timeout(BOUND, Box::pin(self.end_all(seen))).await {
            Ok(ended) => ended?,
            Err(_) => self.note(&format!(
                "not all of what runs here is ended within {} s; it goes with the namespace",
                BOUND.as_secs()
            )),
        }
        self.findings.raised = false;
        Ok(())
    }

    /// Looks once, and ends what there is. Where the build has made something, it is looked again: the controllers had time to
    /// end what was left to them, and more may have come meanwhile. Where it has, what runs there makes more by itself: then the
    /// pipeline's ServiceAccounts lose their rights in this namespace, and a third look is the last one, since nobody is left
    /// who could make anything. What runs on after it waits for its kubelet or for a finalizer.
    async fn end_all(&mut self, seen: &Observation) -> Result<()> {
        let found = self.surroundings().await?;
        if !self.end_found(seen, &found, true).await? {
            return Ok(());
        }
        let known: BTreeSet<String> = found.all.uids().into_iter().map(str::to_owned).collect();
        sleep(SETTLE).await;
        let found = self.surroundings().await?;
        let grows = !found.floods.is_empty() || found.all.uids().iter().any(|uid| !known.contains(*uid));
        if self.end_found(seen, &found, false).await? && grows {
            self.unbind().await?;
            sleep(UNBOUND).await;
            let found = self.surroundings().await?;
            self.end_found(seen, &found, false).await?;
        }
        Ok(())
    }

    async fn surroundings(&self) -> Result<RunsHere> {
        let (cluster, namespace) = (self.cluster, Some(self.me.namespace.as_str()));
        let every = Query::default();
        let makers = POD_MAKERS.map(|kind| {
            let every = &every;
            async move { Ok((kind, unless_too_large(cluster.list(&kind, namespace, every).await)?)) }
        });
        let pods = async {
            let going = Query::fields(GOING.join(","));
            unless_too_large(cluster.list::<Pod>(&kind::PODS, namespace, &going).await)
        };
        let job = cluster.get::<ServedJob>(&kind::JOBS, namespace, wire::JOB);
        let read = async { try_join!(try_join_all(makers), pods, job) };
        let (makers, pods, job) = Box::pin(read).await?;
        let mut found = RunsHere {
            container: job.as_ref().map_or("", ServedJob::container).to_owned(),
            ..RunsHere::default()
        };
        for (kind, listed) in makers {
            match listed {
                Some(listed) => found.all.makers.extend(listed.into_iter().map(|maker| (kind, maker))),
                None => found.floods.push(kind),
            }
        }
        match pods {
            Some(pods) => found.all.pods = pods,
            None => found.floods.push(kind::PODS),
        }
        Ok(found)
    }

    /// Ends what was found. Whether any of it may have made more.
    async fn end_found(&mut self, seen: &Observation, found: &RunsHere, first: bool) -> Result<bool> {
        let account = wire::agent_account(&seen.build.chain);
        let build = OverBuild {
            account: &account,
            verdict: seen.build.verdict,
            job: seen.build.job_uid.as_deref(),
            container: &found.container,
        };
        let due = found.all.due(&build, first);
        let mut refused: Vec<String> = Vec::new();
        for alike in due.chunk_by(|one, next| one.kind == next.kind) {
            let alike: Vec<&Due> = alike.iter().filter(|due| due.ending != Ending::Left).collect();
            if alike.len() > ONE_BY_ONE {
                refused.extend(self.end_flood(&alike[0].kind, &build).await?);
                continue;
            }
            let agent = &*self;
            let one = |due| async move { (due, agent.end(due).await) };
            let mut ends = stream::iter(alike).map(one).buffer_unordered(AT_ONCE);
            while let Some((Due { kind, name, .. }, ended)) = ends.next().await {
                match ended {
                    // somebody made it anew meanwhile, and the next look finds that
                    Err(error) if error.is_conflict() => {}
                    Err(error) if error.is_refusal() => {
                        refused.push(format!("{}: {error}", kind.object(name)));
                    }
                    ended => ended?,
                }
            }
        }
        for kind in &found.floods {
            refused.extend(self.end_flood(kind, &build).await?);
        }
        if let Some(why) = refused.first() {
            let others = match refused.len() - 1 {
                0 => String::new(),
                others => format!(" (and {others} others)"),
            };
            self.note(&format!("cannot end {why}{others}; it goes with the namespace"));
        }
        Ok(!found.floods.is_empty() || due.iter().any(|due| due.made))
    }

    async fn end(&self, due: &Due) -> std::result::Result<(), cluster::Error> {
        let namespace = self.me.namespace.as_str();
        let mut patch = match due.ending {
            Ending::Delete => {
                let how = Delete::uid(&due.uid);
                self.cluster.delete(&due.kind, Some(namespace), &due.name, &how).await?;
                return Ok(());
            }
            Ending::Suspend => json!({ "spec": { "suspend": true } }),
            Ending::ToZero { .. } => json!({ "spec": { "replicas": 0 } }),
            Ending::Left => return Ok(()),
        };
        patch["metadata"] = json!({ "uid": due.uid });
        if let Ending::ToZero { remember: Some(count) } = due.ending {
            patch["metadata"]["annotations"] = json!({ wire::REPLICAS: count.to_string() });
        }
        write::patch_if_there(self.cluster, &due.kind, namespace, &due.name, Patch::Merge(&patch)).await
    }

    /// Deletes all of a kind but what is the agent's and the build's own; what is in the way of it. The listener, its ReplicaSet
    /// and its pods are known by a label here, which no build may set (policy `studioci-identity`): a collection cannot be
    /// asked for an account.
    async fn end_flood(&self, kind: &Resource, build: &OverBuild<'_>) -> Result<Option<String>> {
        let mut fields = Vec::new();
        if *kind == kind::JOBS {
            fields.push(format!("metadata.name!={}", wire::JOB));
        } else if *kind == kind::PODS {
            let select = select::pods_of_job(build.job.unwrap_or_default());
            let of_job = self.cluster.list::<Pod>(kind, Some(&self.me.namespace), &select).await;
            let of_job = unless_too_large(of_job)?.unwrap_or_default();
            let own = of_job.iter().filter(|pod| build.spares(pod)).take(SPARED);
            fields.extend(own.map(|pod| format!("metadata.name!={}", pod.name)));
            fields.extend(GOING.map(str::to_owned));
        }
        let query = Query {
            labels: Some(format!("{}!=listener", wire::ROLE)),
            fields: (!fields.is_empty()).then(|| fields.join(",")),
            ..Query::default()
        };
        match self.cluster.delete_all(kind, &self.me.namespace, &query).await {
            // the server goes on with what it has begun
            Err(error) if error.is_refusal() || error.is_transient() => {
                Ok(Some(format!("all {kind}: {error}")))
            }
            deleted => Ok(deleted.map(|()| None)?),
        }
    }

    /// Takes their rights in this namespace from its ServiceAccounts, all but agents'.
    async fn unbind(&mut self) -> Result<()> {
        self.note(
            "what the build has made makes more: its ServiceAccounts lose their rights in this namespace",
        );
        let namespace = self.me.namespace.as_str();
        let (kind, every) = (&kind::ROLE_BINDINGS, Query::default());
        let bindings = self.cluster.list::<ServedBinding>(kind, Some(namespace), &every).await?.items;
        for binding in bindings.iter().filter(|binding| binding.is_of_builds(namespace)) {
            let (name, how) = (&binding.metadata.name, Delete::uid(&binding.metadata.uid));
            self.cluster.delete(kind, Some(namespace), name, &how).await?;
        }
        Ok(())
    }
}

/// The items of a list, unless there is more than can be listed.
fn unless_too_large<T>(
    listed: std::result::Result<List<T>, cluster::Error>,
) -> std::result::Result<Option<Vec<T>>, cluster::Error> {
    match listed {
        Ok(list) => Ok(Some(list.items)),
        Err(cluster::Error::TooLarge { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
