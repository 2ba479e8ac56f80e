//! The build: the rest of the pipeline comes up, the Job runs, and how it ended goes into home.

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::try_join;

use super::act::shorten;
use super::served::ServedJob;
use super::{Agent, Flow};
use crate::agent::{Observation, verdict};
use crate::chain::begun;
use crate::chain::build::{Phase, Verdict};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::kueue;
use crate::chain::outbox::{self, Outgoing};
use crate::chain::record::{Entry, history_patch, text_id};
use crate::chain::wire;
use crate::cluster::objects::Object;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Create, Patch};
use crate::pipeline::weave::{self, BuildOf, Plan};
use crate::state::chain::Data;
use crate::state::error::{Error, Result};
use crate::state::write;

impl Agent<'_> {
    /// Applies the rest of the pipeline: what others stand on first, each kind of work all at once.
    pub(super) async fn prepare(&mut self, seen: &mut Observation) -> Result<()> {
        let objects = self.plan(seen).await?.rest();
        self.findings.raised = true;
        self.findings.prepared = self.raise(seen, objects).await?;
        Ok(())
    }

    /// Applies these objects of the pipeline. Whether all are there; where the API server refuses one, the build is Errored.
    async fn raise(&mut self, seen: &mut Observation, mut objects: Vec<(Resource, Value)>) -> Result<bool> {
        objects.sort_by_key(|(resource, _)| rank(resource));
        let namespace = self.me.namespace.as_str();
        for (_, object) in &mut objects {
            weave::place(object, namespace);
        }
        for group in objects.chunk_by(|(a, _), (b, _)| rank(a) == rank(b)) {
            let applied = join_all(group.iter().map(|(resource, object)| self.apply(resource, object))).await;
            for ((resource, object), applied) in group.iter().zip(applied) {
                let Err(error) = applied else { continue };
                let what =
                    format!("{}/{}", resource.kind, object["metadata"]["name"].as_str().unwrap_or("?"));
                match &error {
                    Error::Cluster(it) if it.is_quota() => {
                        let why = format!("a quota is in the way of {what} of the pipeline: {error}");
                        self.write_waiting(seen, Some(&why)).await?;
                        return Err(error);
                    }
                    Error::Cluster(it) if it.is_refusal() || it.is_not_found() => {
                        let cause = format!("the API server refuses {what} of the pipeline: {error}");
                        let cause = self.discretion(&seen.build).await?.masking.text(&cause);
                        let annotations =
                            json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
                        self.patch_namespace(seen, json!({}), annotations).await?;
                        return Ok(false);
                    }
                    _ => return Err(error),
                }
            }
        }
        Ok(true)
    }

    /// Applies one object. Where somebody else holds a field of it, an earlier start of this agent has applied it, and
    /// what was changed since (an autoscaler's replicas, a person's hand) stays; unless it is the pull Secret that the
    /// predecessor put there, which is as the push brings it.
    async fn apply(&self, resource: &Resource, object: &Value) -> Result<()> {
        let namespace = Some(self.me.namespace.as_str());
        match self.cluster.apply::<Value>(resource, namespace, object, false).await {
            Err(error) if error.is_conflict() && *resource == kind::SECRETS => {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                self.cluster.patch::<Value>(resource, namespace, name, Patch::Merge(object)).await?;
                Ok(())
            }
            Err(error) if !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    pub(super) async fn build(&mut self, seen: &mut Observation) -> Result<Flow> {
        let freeze = seen.freeze.clone().ok_or_else(|| self.unfrozen())?;
        if seen.queues {
            // what the Job waits in comes before it, the rest once it is admitted
            let mut queues = self.plan(seen).await?.rest();
            queues.retain(|(resource, _)| resource.group == kueue::GROUP);
            if !self.raise(seen, queues).await? {
                return Ok(Flow::Again);
            }
        }
        let job = job_of(self.plan(seen).await?, seen, &freeze);
        let namespace = Some(self.me.namespace.as_str());
        let created = self.cluster.create::<Object>(&kind::JOBS, namespace, &job, &Create::default()).await;
        let job = match created {
            Ok(job) => job,
            Err(error) if error.is_already_exists() => {
                match self.cluster.get::<Object>(&kind::JOBS, namespace, wire::JOB).await? {
                    Some(job) => job,
                    None => return Ok(Flow::Look),
                }
            }
            Err(error) if error.is_quota() => {
                self.write_waiting(seen, Some(&format!("a quota refuses the build's Job: {error}"))).await?;
                return Ok(Flow::Wait);
            }
            Err(error) if error.is_refusal() => {
                let cause = format!("the API server refuses the build's Job: {error}");
                self.record(seen, Verdict::Errored, &cause).await?;
                return Ok(Flow::Again);
            }
            Err(error) => return Err(error.into()),
        };
        self.patch_namespace(seen, json!({}), json!({ wire::JOB_UID: job.metadata.uid })).await?;
        Ok(Flow::Look)
    }

    /// Home first, then the Namespace: nothing is disposed of before its result is in home. The log comes before the result,
    /// which says whether it was kept.
    pub(super) async fn record(
        &mut self,
        seen: &mut Observation,
        verdict: Verdict,
        cause: &str,
    ) -> Result<()> {
        let name = wire::history_object(&seen.build.chain);
        let history = async {
            Ok::<_, Error>(self.cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?)
        };
        let discretion = self.discretion(&seen.build).await?;
        let pods = async {
            let pods = self.build_pods(&seen.build).await?;
            let warnings = self.warnings(&pods).await?;
            Ok::<_, Error>((pods, warnings))
        };
        let job = async {
            let namespace = Some(self.me.namespace.as_str());
            Ok(self.cluster.get::<ServedJob>(&kind::JOBS, namespace, wire::JOB).await?)
        };
        let read = async { try_join!(pods, history, job) };
        let (read, reserving) = join(Box::pin(read), Box::pin(self.reserving(&seen.build))).await;
        let ((pods, warnings), history, job) = read?;
        let container = job.as_ref().map_or(self.me.container.as_str(), ServedJob::container).to_owned();
        let log_kept = Box::pin(self.keep_log(seen, verdict, (&pods, &container), &discretion)).await;
        let exits = pods.iter().flat_map(verdict::exits).collect();
        let events = warnings
            .into_iter()
            .map(|event| {
                let (reason, of) = (&event.reason, &event.involved_object);
                discretion.masking.text(&format!("{reason} {}/{}: {}", of.kind, of.name, event.message))
            })
            .collect();
        let mut build = seen.build.clone();
        build.times.insert(Phase::Recorded, self.now());
        let reserved = self.reserved(&build, reserving, &container);
        let told = json!(reserved).to_string();
        build.reserved = Some(reserved);
        let mut cause = discretion.masking.text(cause);
        shorten(&mut cause);
        let text = match seen.freeze.as_ref().map(|freeze| &freeze.pipeline) {
            Some(Pushed::Text(text)) => Some(text_id(text)),
            _ => None,
        };
        let entry = Entry { text, log_kept, ..Entry::of(&build, verdict.as_str(), &cause, exits, events) };
        let history = history.ok_or_else(|| Error::HistoryGone { object: name.clone() })?;
        let mut patch = history_patch(&history.data, &entry);
        begun::forget(&mut patch, build.generation);
        if let Some(out) = Outgoing::of(&self.tells(&build).await?, self.now()) {
            outbox::put(&mut patch, &outbox::outbox(&history.data), build.generation, &out);
        }
        self.cluster
            .patch::<Value>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&patch))
            .await?;
        let annotations =
            json!({ wire::VERDICT: verdict.as_str(), wire::CAUSE: cause, wire::RESERVED: told });
        self.reach(seen, Phase::Recorded, annotations).await
    }

    /// Ends a Job that has not come to its own end. That of a build that is Errored is suspended, which takes a pod that hangs:
    /// it must not run after all, when the image, the Secret or the quota that it lacked turns up. Where somebody queues Jobs it
    /// is deleted, like that of a build that was cancelled: they would resume it. A Job that has ended stays as it is.
    pub(super) async fn end_job(&self, verdict: Option<Verdict>) -> Result<()> {
        match verdict {
            Some(Verdict::Errored) => {
                let namespace = Some(self.me.namespace.as_str());
                let job = self.cluster.get::<ServedJob>(&kind::JOBS, namespace, wire::JOB).await?;
                if let Some(job) = job.filter(ServedJob::is_queued) {
                    if job.is_over() {
                        return Ok(());
                    }
                    return write::delete(self.cluster, &kind::JOBS, namespace, wire::JOB).await.map(drop);
                }
                let suspended = json!({ "spec": { "suspend": true } });
                self.patch_if_there(&kind::JOBS, wire::JOB, &suspended).await
            }
            Some(Verdict::Cancelled) => {
                write::delete(self.cluster, &kind::JOBS, Some(&self.me.namespace), wire::JOB).await.map(drop)
            }
            Some(Verdict::Passed | Verdict::Failed) | None => Ok(()),
        }
    }
}

/// What is applied before what: a binding needs its Role, a pod whatever it mounts and runs as.
fn rank(resource: &Resource) -> u8 {
    match resource.kind {
        "RoleBinding" => 1,
        "Pod"
        | "Job"
        | "CronJob"
        | "Deployment"
        | "StatefulSet"
        | "ReplicaSet"
        | "ReplicationController"
        | "DaemonSet"
        | "HorizontalPodAutoscaler" => 2,
        _ => 0,
    }
}

/// The build's Job.
pub(super) fn job_of(plan: &Plan, seen: &Observation, freeze: &Freeze) -> Value {
    plan.job(&BuildOf {
        namespace: &seen.build.namespace,
        generation: seen.build.generation,
        parent: seen.build.parent.as_deref(),
        version: &freeze.version,
        revision: freeze.revision.as_deref(),
    })
}
