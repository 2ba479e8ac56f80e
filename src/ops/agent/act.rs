//! The hands of an agent: one function an action.

use std::path::Path;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::try_join;

use super::super::dispatch;
use super::super::error::{Error, Result};
use super::super::{claim, home};
use super::{Agent, Flow, diary};
use crate::agent::{Action, Observation, verdict};
use crate::chain::build::{Baseline, Phase, Verdict, Version};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::record::{Entry, history_patch};
use crate::chain::wire;
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::cluster::{Create, Patch};
use crate::keel::image::ImageRef;
use crate::keel::parking;
use crate::local;
use crate::pipeline::fault::Fault;
use crate::pipeline::weave::{self, BuildOf, Listener, Plan};

impl Agent<'_> {
    /// Acts, and writes into `seen` what its own writes have made of Namespace and head: an answer is the newest look.
    pub(super) async fn act(&mut self, action: Action, seen: &mut Observation) -> Result<Flow> {
        match action {
            Action::Wait(why) => {
                match &why {
                    Some(why) => self.note(&format!("waiting: {why}")),
                    // said by every start of an agent, also by one that finds nothing to do
                    None if seen.build.phase == Phase::Listening && seen.running.version().is_some() => {
                        let listening = Action::Listen(seen.build.baseline.clone());
                        self.note(&diary(&listening, &seen.build.namespace));
                    }
                    None => {}
                }
                self.write_waiting(seen, why.as_deref()).await?;
                if seen.build.phase == Phase::Listening {
                    self.arm_recheck(seen).await?;
                }
                return Ok(Flow::Wait);
            }
            Action::MakeWay(_) => return Ok(Flow::Wait),
            Action::StandDown(_) => return self.stand_down(seen).await,
            Action::Listen(baseline) => self.listen(seen, &baseline).await?,
            Action::Recheck => {
                self.recheck(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Freeze(version) => return self.freeze(seen, version).await,
            Action::Trigger => self.trigger(seen).await?,
            Action::MoveHead => self.move_head(seen).await?,
            // the keys are read back, and not believed gone because the server took the patch
            Action::Detach => {
                self.detach().await?;
                return Ok(Flow::Look);
            }
            Action::Reach(phase) => {
                self.reach(seen, phase, json!({})).await?;
                // before a Job is created everything is looked at once more: Keel may have restored its keys
                return Ok(if phase == Phase::Building { Flow::Look } else { Flow::Again });
            }
            Action::Dispatch => self.dispatch(seen).await?,
            Action::TakeSlot => {
                let patch = seen.head.take_slot(seen.build.generation, &self.me.namespace);
                self.patch_head(seen, &patch).await?;
            }
            Action::Prepare => {
                self.prepare(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Build => return self.build(seen).await,
            Action::Record(verdict, cause) => self.record(seen, verdict, &cause).await?,
            Action::FreeSlot => {
                if seen.build.verdict == Some(Verdict::Errored) {
                    self.hold_back().await?;
                }
                let patch = seen.head.free_slot(seen.build.generation);
                self.patch_head(seen, &patch).await?;
            }
            Action::Finish => {
                self.finish(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Sleep => {
                self.scale_self_down().await?;
                return Ok(Flow::Wait);
            }
        }
        Ok(Flow::Again)
    }

    /// A patch of the own Namespace, decided on what was seen: refused by a 409 if it changed meanwhile.
    pub(super) async fn patch_namespace(
        &self,
        seen: &mut Observation,
        labels: Value,
        mut annotations: Value,
    ) -> Result<()> {
        for value in annotations.as_object_mut().into_iter().flat_map(|map| map.values_mut()) {
            if let Value::String(text) = value {
                shorten(text);
            }
        }
        let body = json!({
            "metadata": {
                "resourceVersion": seen.build.resource_version,
                "labels": labels,
                "annotations": annotations,
            }
        });
        let patch = Patch::Merge(&body);
        let written: NamespaceObject =
            self.cluster.patch(&kind::NAMESPACES, None, &self.me.namespace, patch).await?;
        seen.build = claim::readable(&written)?;
        Ok(())
    }

    pub(super) async fn patch_head(&self, seen: &mut Observation, patch: &Value) -> Result<()> {
        seen.head = home::move_head(self.cluster, &seen.build.chain, patch).await?;
        Ok(())
    }

    /// Writes a phase with its time, and what goes with it.
    async fn reach(&self, seen: &mut Observation, phase: Phase, mut annotations: Value) -> Result<()> {
        annotations[phase.time_key()] = json!(self.now().to_string());
        annotations[wire::WAITING] = Value::Null;
        self.patch_namespace(seen, json!({ wire::PHASE: phase.as_str() }), annotations).await
    }

    /// Writes why the build stands still, if that is new.
    async fn write_waiting(&self, seen: &mut Observation, why: Option<&str>) -> Result<()> {
        let why = why.map(|why| {
            let mut why = why.to_owned();
            shorten(&mut why);
            why
        });
        if seen.build.waiting == why {
            return Ok(());
        }
        self.patch_namespace(seen, json!({}), json!({ wire::WAITING: why })).await
    }

    async fn listen(&mut self, seen: &mut Observation, baseline: &Baseline) -> Result<()> {
        let annotations = json!({ wire::BASELINE: baseline.to_string() });
        if seen.build.phase == Phase::Listening {
            self.patch_namespace(seen, json!({}), annotations).await
        } else {
            self.reach(seen, Phase::Listening, annotations).await
        }
    }

    async fn freeze(&mut self, seen: &mut Observation, version: Version) -> Result<Flow> {
        let image = ImageRef::parse(&seen.running.image).map(|image| image.name).unwrap_or_default();
        // where even the last good pipeline does not go with this image, the check of the push says so
        let settings =
            self.plan_of_last_good(seen).await?.map(|plan| plan.build.settings).unwrap_or_default();
        let pipeline = match local::files::read_optional(&settings.pipeline_path) {
            Ok(None) => seen.head.pipeline.clone().map_or(Pushed::Absent, Pushed::Text),
            Ok(Some(text)) => Pushed::text(&settings.pipeline_path, text),
            Err(why) => Pushed::Unreadable(why.to_string()),
        };
        let revision = self
            .me
            .revision
            .clone()
            .or_else(|| local::git::revision(Path::new(".")))
            .or_else(|| settings.revision_of(&version.tag));
        let freeze = Freeze { image, version, revision, pipeline };
        let object = json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": wire::FREEZE, "labels": home::labels(&seen.build.chain) },
            "data": freeze.write(),
        });
        match self
            .cluster
            .create::<Value>(&kind::CONFIG_MAPS, Some(&self.me.namespace), &object, &Create::default())
            .await
        {
            Ok(_) => {
                self.memory.freeze = Some(freeze.clone());
                seen.freeze = Some(freeze);
                Ok(Flow::Again)
            }
            // another start of this agent froze first: that one counts, and the next look reads it
            Err(error) if error.is_already_exists() => Ok(Flow::Look),
            Err(error) => Err(error.into()),
        }
    }

    async fn trigger(&mut self, seen: &mut Observation) -> Result<()> {
        let freeze = seen.freeze.as_ref().expect("step triggers only what is frozen");
        let annotations = json!({
            wire::IMAGE: freeze.image,
            wire::TAG: freeze.version.tag,
            wire::DIGEST: freeze.version.digest.as_ref().map(ToString::to_string),
            wire::REVISION: freeze.revision,
        });
        self.reach(seen, Phase::Triggered, annotations).await
    }

    /// Checks what was pushed, then moves the head. Only who wins the swap goes on.
    async fn move_head(&mut self, seen: &mut Observation) -> Result<()> {
        let freeze = seen.freeze.clone().expect("the head moves only for what is frozen");
        // what was found wrong once is not asked again: the answer is written down
        if seen.build.verdict.is_none()
            && let Err(why) = self.check_pushed(seen, &freeze).await?
        {
            let last_good = match &freeze.pipeline {
                Pushed::Text(text) => seen.head.pipeline.as_ref() == Some(text),
                Pushed::Absent => true,
                Pushed::Unreadable(_) => false,
            };
            let whose = if last_good { "last good" } else { "pushed" };
            let cause = format!("the {whose} pipeline cannot be used: {why}");
            self.note(&cause);
            let annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
            self.patch_namespace(seen, json!({}), annotations).await?;
        }
        let patch = seen.head.advance(&freeze.version);
        self.patch_head(seen, &patch).await
    }

    /// `start`'s own checks, the chain's identity, and the successor's listener as a server-side dry-run.
    async fn check_pushed(
        &mut self,
        seen: &Observation,
        freeze: &Freeze,
    ) -> Result<std::result::Result<(), String>> {
        if let Pushed::Unreadable(why) = &freeze.pipeline {
            return Ok(Err(why.clone()));
        }
        let plan = match self.plan_for(seen, freeze, true).await? {
            Ok(plan) => plan,
            Err(faults) => return Ok(Err(in_one_line(&faults))),
        };
        let (record, _) = self.known(&seen.build).await?;
        let settings = &record.settings;
        let running = weave::Running {
            image: &settings.repository,
            workload: &settings.workload,
            container: &settings.container,
            tag: &freeze.version.tag,
        };
        if let Err(faults) = plan.fits(&running) {
            return Ok(Err(in_one_line(&faults)));
        }
        let next = Listener { tag: &freeze.version.tag, generation: seen.build.generation + 1 };
        let mut listener = plan.listener(&next);
        listener["metadata"]["name"] = json!(format!("{}-next", truncated(&plan.build.name, 58)));
        let job = job_of(&plan, seen, freeze);
        // a pipeline whose build can never be created must not become the last good one either
        let tried = [("next listener", kind::DEPLOYMENTS, listener), ("build's Job", kind::JOBS, job)];
        for (what, resource, object) in tried {
            let refused = dispatch::refusal(self.cluster, &resource, &self.me.namespace, &object).await?;
            if let Some(why) = refused {
                return Ok(Err(format!("the API server refuses the {what}: {why}")));
            }
        }
        self.memory.plan = Some(plan);
        Ok(Ok(()))
    }

    /// Renames the Keel keys; the next look reads them back.
    async fn detach(&mut self) -> Result<()> {
        let namespace = Some(self.me.namespace.as_str());
        let Some(meta) = &self.memory.listener else { return Ok(()) };
        let patch = parking::detach_patch(&meta.resource_version, &meta.labels, &meta.annotations);
        self.cluster
            .patch::<Value>(&kind::DEPLOYMENTS, namespace, &self.me.deployment, Patch::Json(&patch))
            .await?;
        Ok(())
    }

    /// Applies the rest of the pipeline: what others stand on first, each kind of work all at once.
    async fn prepare(&mut self, seen: &mut Observation) -> Result<()> {
        let mut objects = self.plan(seen).await?.rest();
        objects.sort_by_key(rank);
        let namespace = self.me.namespace.as_str();
        for object in &mut objects {
            weave::place(object, namespace);
        }
        for group in objects.chunk_by(|a, b| rank(a) == rank(b)) {
            let applied = join_all(group.iter().map(|object| self.apply(object))).await;
            for (object, applied) in group.iter().zip(applied) {
                let Err(error) = applied else { continue };
                let what = format!(
                    "{}/{}",
                    object["kind"].as_str().unwrap_or("?"),
                    object["metadata"]["name"].as_str().unwrap_or("?")
                );
                match &error {
                    Error::Cluster(it) if it.is_quota() => {
                        let why = format!("a quota is in the way of {what} of the pipeline: {error}");
                        self.write_waiting(seen, Some(&why)).await?;
                        return Err(error);
                    }
                    Error::Cluster(it) if it.is_refusal() || it.is_not_found() => {
                        let cause = format!("the API server refuses {what} of the pipeline: {error}");
                        let annotations =
                            json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
                        return self.patch_namespace(seen, json!({}), annotations).await;
                    }
                    _ => return Err(error),
                }
            }
        }
        self.memory.prepared = true;
        Ok(())
    }

    /// Applies one object. Where somebody else holds a field of it, an earlier start of this agent has applied it, and
    /// what was changed since (an autoscaler's replicas, a person's hand) stays; unless it is the pull Secret that the
    /// predecessor put there, which is as the push brings it.
    async fn apply(&self, object: &Value) -> Result<()> {
        let resource = dispatch::resource_of(object)?;
        let namespace = Some(self.me.namespace.as_str());
        match self.cluster.apply::<Value>(&resource, namespace, object, false).await {
            Err(error) if error.is_conflict() && resource == kind::SECRETS => {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                self.cluster.patch::<Value>(&resource, namespace, name, Patch::Merge(object)).await?;
                Ok(())
            }
            Err(error) if !error.is_conflict() => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn build(&mut self, seen: &mut Observation) -> Result<Flow> {
        let freeze = seen.freeze.clone().ok_or_else(|| self.unfrozen())?;
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

    /// Home first, then the Namespace: nothing is disposed of before its result is in home.
    async fn record(&mut self, seen: &mut Observation, verdict: Verdict, cause: &str) -> Result<()> {
        let name = wire::history_object(&seen.build.chain);
        let history =
            async { Ok(self.cluster.get::<home::Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?) };
        let read = async { try_join!(self.build_pods(), self.events(), history) };
        let (pods, events, history) = Box::pin(read).await?;
        let exits = pods.iter().flat_map(verdict::exits).collect();
        let events = events
            .into_iter()
            .filter(|event| event.r#type == "Warning")
            .map(|event| {
                format!(
                    "{} {}/{}: {}",
                    event.reason, event.involved_object.kind, event.involved_object.name, event.message
                )
            })
            .collect();
        let mut build = seen.build.clone();
        build.times.insert(Phase::Recorded, self.now());
        let mut cause = cause.to_owned();
        shorten(&mut cause);
        let entry = Entry::of(&build, verdict.as_str(), &cause, exits, events);
        let history = history.ok_or_else(|| {
            Error::unready(
                format!("ConfigMap {name} is gone from {}", wire::HOME),
                "create it again, empty: nothing is finished before its result is in it",
            )
        })?;
        let patch = history_patch(&history.data, &entry);
        self.cluster
            .patch::<Value>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&patch))
            .await?;
        let annotations = json!({ wire::VERDICT: verdict.as_str(), wire::CAUSE: cause });
        self.reach(seen, Phase::Recorded, annotations).await
    }

    /// Suspends the Job of a build that is Errored, which takes a pod that hangs: it must not run after all, when the
    /// image, the Secret or the quota that it lacked turns up. A Job that has ended stays as it is.
    async fn hold_back(&self) -> Result<()> {
        let suspended = json!({ "spec": { "suspend": true } });
        let namespace = Some(self.me.namespace.as_str());
        match self.cluster.patch::<Value>(&kind::JOBS, namespace, wire::JOB, Patch::Merge(&suspended)).await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn finish(&mut self, seen: &mut Observation) -> Result<()> {
        // a pipeline that could not be used brought nothing up
        if seen.build.times.contains_key(&Phase::Preparing) {
            for (kind, name, ending) in self.plan(seen).await?.endings() {
                self.end(&kind, &name, &ending).await?;
            }
        }
        self.reach(seen, Phase::Finished, json!({})).await
    }

    async fn end(&self, kind: &weave::Kind, name: &str, ending: &weave::Ending) -> Result<()> {
        let resource = dispatch::resource(&kind.api_version(), &kind.kind)?;
        let namespace = Some(self.me.namespace.as_str());
        match ending {
            weave::Ending::Patch(patch) => {
                match self.cluster.patch::<Value>(&resource, namespace, name, Patch::Merge(patch)).await {
                    Err(error) if !error.is_not_found() => Err(error.into()),
                    _ => Ok(()),
                }
            }
            weave::Ending::Delete => {
                dispatch::delete(self.cluster, &resource, namespace, name).await?;
                Ok(())
            }
        }
    }

    async fn scale_self_down(&self) -> Result<()> {
        let patch = json!({ "spec": { "replicas": 0 } });
        let namespace = Some(self.me.namespace.as_str());
        match self
            .cluster
            .patch::<Value>(&kind::DEPLOYMENTS, namespace, &self.me.deployment, Patch::Merge(&patch))
            .await
        {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn stand_down(&mut self, seen: &Observation) -> Result<Flow> {
        if seen.listener.keyed {
            self.detach().await?;
            return Ok(Flow::Look);
        }
        if seen.listener.replicas > 0 {
            self.scale_self_down().await?;
        }
        Ok(Flow::Wait)
    }
}

/// At most so many bytes of one sentence are written into an annotation; all of an object's may hold 256 KiB.
const SENTENCE_BYTES: usize = 4096;

fn shorten(text: &mut String) {
    if text.len() > SENTENCE_BYTES {
        let end = (0..=SENTENCE_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

/// What is applied before what: a binding needs its Role, a pod whatever it mounts and runs as.
fn rank(object: &Value) -> u8 {
    match object["kind"].as_str().unwrap_or_default() {
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
fn job_of(plan: &Plan, seen: &Observation, freeze: &Freeze) -> Value {
    plan.job(&BuildOf {
        namespace: &seen.build.namespace,
        generation: seen.build.generation,
        parent: seen.build.parent.as_deref(),
        version: &freeze.version,
        revision: freeze.revision.as_deref(),
    })
}

fn in_one_line(faults: &[Fault]) -> String {
    faults.iter().map(Fault::one_line).collect::<Vec<_>>().join("; ")
}

fn truncated(name: &str, length: usize) -> &str {
    name.get(..length).unwrap_or(name).trim_end_matches('-')
}
