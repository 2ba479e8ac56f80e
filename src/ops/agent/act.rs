//! The hands of an agent: one function an action.

use std::path::Path;

use jiff::ToSpan;
use serde_json::{Value, json};

use super::super::dispatch::{self, Maker, Raise};
use super::super::error::{Error, Result};
use super::super::home;
use super::{Agent, Flow};
use crate::agent::{Action, Observation, verdict};
use crate::chain::build::{Baseline, Build, Dispatch, Phase, Verdict, Version};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::record::{Entry, history_patch};
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Create, Error as ClusterError, Patch};
use crate::keel::image::ImageRef;
use crate::keel::parking;
use crate::local;
use crate::pipeline::fault::Fault;
use crate::pipeline::template::Text;
use crate::pipeline::weave::{self, BuildOf, Listener, Plan};

/// The longest pause between two tries to dispatch.
const DISPATCH_PAUSE_MAX: i64 = 120;

impl Agent<'_> {
    pub(super) async fn act(&mut self, action: Action, seen: &Observation) -> Result<Flow> {
        match action {
            Action::Wait(why) => {
                if let Some(why) = &why {
                    self.note(&format!("waiting: {why}"));
                }
                self.write_waiting(&seen.build, why.as_deref()).await?;
                if seen.build.phase == Phase::Listening {
                    self.arm_recheck(seen).await?;
                }
                return Ok(Flow::Wait);
            }
            Action::MakeWay(_) => return Ok(Flow::Wait),
            Action::StandDown(_) => return self.stand_down(seen).await,
            Action::Listen(baseline) => self.listen(seen, &baseline).await?,
            Action::Recheck => self.recheck(seen).await?,
            Action::Freeze(version) => self.freeze(seen, version).await?,
            Action::Trigger => self.trigger(seen).await?,
            Action::MoveHead => self.move_head(seen).await?,
            Action::Detach => self.detach().await?,
            Action::Reach(phase) => self.reach(&seen.build, phase, json!({})).await?,
            Action::Dispatch => self.dispatch(seen).await?,
            Action::TakeSlot => {
                let patch = seen.head.take_slot(seen.build.generation, &self.me.namespace);
                self.patch_head(&seen.build, &patch).await?;
            }
            Action::Prepare => self.prepare(seen).await?,
            Action::Build => return self.build(seen).await,
            Action::Record(verdict, cause) => self.record(seen, verdict, &cause).await?,
            Action::FreeSlot => {
                let patch = seen.head.free_slot(seen.build.generation);
                self.patch_head(&seen.build, &patch).await?;
            }
            Action::Finish => self.finish(seen).await?,
            Action::Sleep => {
                self.scale_self_down().await?;
                return Ok(Flow::Wait);
            }
        }
        Ok(Flow::Again)
    }

    /// A patch of the own Namespace, decided on what was seen: refused by a 409 if it changed meanwhile.
    async fn patch_namespace(&self, build: &Build, labels: Value, annotations: Value) -> Result<()> {
        let body = json!({
            "metadata": {
                "resourceVersion": build.resource_version,
                "labels": labels,
                "annotations": annotations,
            }
        });
        self.cluster.patch::<Value>(&kind::NAMESPACES, None, &build.namespace, Patch::Merge(&body)).await?;
        Ok(())
    }

    async fn patch_head(&self, build: &Build, patch: &Value) -> Result<()> {
        let name = wire::chain_object(&build.chain);
        self.cluster.patch::<Value>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Writes a phase with its time, and what goes with it.
    async fn reach(&self, build: &Build, phase: Phase, mut annotations: Value) -> Result<()> {
        annotations[phase.time_key()] = json!(self.now().to_string());
        annotations[wire::WAITING] = Value::Null;
        self.patch_namespace(build, json!({ wire::PHASE: phase.as_str() }), annotations).await
    }

    /// Writes why the build stands still, if that is new.
    async fn write_waiting(&self, build: &Build, why: Option<&str>) -> Result<()> {
        if build.waiting.as_deref() == why {
            return Ok(());
        }
        self.patch_namespace(build, json!({}), json!({ wire::WAITING: why })).await
    }

    async fn listen(&mut self, seen: &Observation, baseline: &Baseline) -> Result<()> {
        let annotations = json!({ wire::BASELINE: baseline.to_string() });
        if seen.build.phase == Phase::Listening {
            self.patch_namespace(&seen.build, json!({}), annotations).await
        } else {
            self.reach(&seen.build, Phase::Listening, annotations).await
        }
    }

    async fn freeze(&mut self, seen: &Observation, version: Version) -> Result<()> {
        let image = ImageRef::parse(&seen.running.image).map(|image| image.name).unwrap_or_default();
        let last_good = self.plan_of_last_good(seen).await?;
        let path = last_good.build.settings.pipeline_path.clone();
        let pipeline = match local::files::read_optional(&path) {
            Ok(None) => Pushed::Absent,
            Ok(Some(text)) if text.len() > home::PUSHED_BYTES => Pushed::Unreadable(format!(
                "{path} has {} bytes, and home keeps no pipeline of more than {}: put large files into the image",
                text.len(),
                home::PUSHED_BYTES
            )),
            Ok(Some(text)) => Pushed::Text(text),
            Err(why) => Pushed::Unreadable(why.to_string()),
        };
        let revision = self
            .me
            .revision
            .clone()
            .or_else(|| local::git::revision(Path::new(".")))
            .or_else(|| last_good.build.settings.revision_of(&version.tag));
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
            // another start of this agent froze first: that one counts, and the next look reads it
            Ok(_) => Ok(()),
            Err(error) if error.is_already_exists() => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn trigger(&mut self, seen: &Observation) -> Result<()> {
        let freeze = seen.freeze.as_ref().expect("step triggers only what is frozen");
        let annotations = json!({
            wire::IMAGE: freeze.image,
            wire::TAG: freeze.version.tag,
            wire::DIGEST: freeze.version.digest.as_ref().map(ToString::to_string),
            wire::REVISION: freeze.revision,
        });
        self.reach(&seen.build, Phase::Triggered, annotations).await
    }

    /// Checks what was pushed, then moves the head. Only who wins the swap goes on.
    async fn move_head(&mut self, seen: &Observation) -> Result<()> {
        let freeze = seen.freeze.as_ref().expect("the head moves only for what is frozen");
        let pushed = match &freeze.pipeline {
            Pushed::Text(text) => Some(text.as_str()),
            _ => None,
        };
        if let Err(why) = self.check_pushed(seen, freeze).await? {
            let whose = if freeze.pipeline == Pushed::Absent { "last good" } else { "pushed" };
            let cause = format!("the {whose} pipeline cannot be used: {why}");
            self.note(&cause);
            let annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
            if seen.build.verdict.is_none() {
                return self.patch_namespace(&seen.build, json!({}), annotations).await;
            }
            return self.patch_head(&seen.build, &seen.head.advance(&freeze.version, None)).await;
        }
        self.patch_head(&seen.build, &seen.head.advance(&freeze.version, pushed)).await
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
        let settings = &self.chain_record(&seen.build).await?.settings;
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
        Ok(Ok(()))
    }

    /// Renames the Keel keys; the next look reads them back.
    async fn detach(&mut self) -> Result<()> {
        let namespace = Some(self.me.namespace.as_str());
        let found = self
            .cluster
            .get::<super::observe::Workload>(&kind::DEPLOYMENTS, namespace, &self.me.deployment)
            .await?;
        let Some(found) = found else { return Ok(()) };
        let meta = &found.metadata;
        let patch = parking::detach_patch(&meta.resource_version, &meta.labels, &meta.annotations);
        self.cluster
            .patch::<Value>(&kind::DEPLOYMENTS, namespace, &self.me.deployment, Patch::Json(&patch))
            .await?;
        Ok(())
    }

    /// Claims the next namespace and raises the next listener in it; a failure is written down and tried again.
    async fn dispatch(&mut self, seen: &Observation) -> Result<()> {
        match self.try_dispatch(seen).await {
            Ok(()) => {
                self.memory.dispatch_failures = 0;
                self.memory.dispatch_again = None;
                Ok(())
            }
            Err(error) if error.is_conflict() => Err(error),
            Err(error) => {
                self.memory.dispatch_failures += 1;
                let pause = (1i64 << self.memory.dispatch_failures.min(7)).min(DISPATCH_PAUSE_MAX);
                self.memory.dispatch_again = Some(self.now() + pause.seconds());
                self.note(&format!("the next listener cannot be dispatched: {error}; again in {pause} s"));
                let why = error.to_string().lines().collect::<Vec<_>>().join(" ");
                self.patch_namespace(&seen.build, json!({}), json!({ wire::DISPATCH_ERROR: why })).await
            }
        }
    }

    async fn try_dispatch(&mut self, seen: &Observation) -> Result<()> {
        let settled =
            |dispatch: Dispatch| json!({ wire::DISPATCH: dispatch.as_str(), wire::DISPATCH_ERROR: null });
        if seen.head.ended.is_some() {
            return self.patch_namespace(&seen.build, json!({}), settled(Dispatch::Ended)).await;
        }
        let next = seen.build.generation + 1;
        if seen.head.generation > next {
            return self.patch_namespace(&seen.build, json!({}), settled(Dispatch::Done)).await;
        }
        let freeze = seen.freeze.as_ref().expect("a detached build is frozen");
        let record = self.chain_record(&seen.build).await?.clone();
        let plan = self.successor_plan(seen).await?;
        let raise = Raise {
            record: &record,
            plan: &plan,
            generation: next,
            tag: &freeze.version.tag,
            baseline: &Baseline::At(freeze.version.clone()),
            parent: Some(&self.me.namespace),
            maker: Maker::Agent { namespace: &self.me.namespace, uid: &seen.build.uid },
            now: self.now(),
        };
        let claimed = dispatch::claim_next(self.cluster, &raise, self.say).await?;
        if seen.build.dispatch == Dispatch::Pending {
            let mut annotations = settled(Dispatch::Claimed);
            annotations[wire::SUCCESSOR] = json!(claimed.namespace);
            self.note(&format!("next listener in {}", claimed.namespace));
            return self.patch_namespace(&seen.build, json!({}), annotations).await;
        }
        match dispatch::raise(self.cluster, &raise, &claimed, self.say).await {
            Err(Error::Cluster(error)) if is_refused_for_good(&error, seen) => {
                self.fall_back(seen, &error).await
            }
            raised => {
                raised?;
                self.patch_namespace(&seen.build, json!({}), settled(Dispatch::Done)).await
            }
        }
    }

    /// The server took the next listener as a dry-run and refuses it in earnest: the pipeline before is the last good
    /// one again, and with the verdict that this build gets the successor is raised by it.
    async fn fall_back(&mut self, seen: &Observation, error: &ClusterError) -> Result<()> {
        let Some(Pushed::Text(text)) = seen.freeze.as_ref().map(|freeze| &freeze.pipeline) else {
            return Err(error.clone().into());
        };
        if seen.head.pipeline.as_ref() == Some(text) {
            self.patch_head(&seen.build, &seen.head.pipeline_back()).await?;
        }
        let cause =
            format!("the pushed pipeline cannot be used: the API server refuses the next listener: {error}");
        self.note(&cause);
        let annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
        self.patch_namespace(&seen.build, json!({}), annotations).await
    }

    async fn prepare(&mut self, seen: &Observation) -> Result<()> {
        let plan = self.plan(seen).await?.clone();
        for object in plan.rest() {
            let mut object = object;
            let resource = dispatch::resource_of(&object)?;
            weave::place(&mut object, &self.me.namespace);
            let applied =
                self.cluster.apply::<Value>(&resource, Some(&self.me.namespace), &object, false).await;
            match applied {
                Ok(_) => {}
                Err(error) if error.is_quota() => {
                    let why = format!("a quota is in the way of the pipeline: {error}");
                    self.write_waiting(&seen.build, Some(&why)).await?;
                    return Err(error.into());
                }
                Err(error) if error.is_refusal() => {
                    let what =
                        format!("{}/{}", resource.kind, object["metadata"]["name"].as_str().unwrap_or("?"));
                    let cause = format!("the API server refuses {what} of the pipeline: {error}");
                    let annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
                    return self.patch_namespace(&seen.build, json!({}), annotations).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        self.memory.prepared = true;
        Ok(())
    }

    async fn build(&mut self, seen: &Observation) -> Result<Flow> {
        let freeze = seen.freeze.clone().expect("a build is frozen");
        let job = job_of(self.plan(seen).await?, seen, &freeze);
        let namespace = Some(self.me.namespace.as_str());
        let created = self.cluster.create::<Value>(&kind::JOBS, namespace, &job, &Create::default()).await;
        let job = match created {
            Ok(job) => job,
            Err(error) if error.is_already_exists() => {
                match self.cluster.get::<Value>(&kind::JOBS, namespace, wire::JOB).await? {
                    Some(job) => job,
                    None => return Ok(Flow::Again),
                }
            }
            Err(error) if error.is_quota() => {
                self.write_waiting(&seen.build, Some(&format!("a quota refuses the build's Job: {error}")))
                    .await?;
                return Ok(Flow::Wait);
            }
            Err(error) if error.is_refusal() => {
                let cause = format!("the API server refuses the build's Job: {error}");
                self.record(seen, Verdict::Errored, &cause).await?;
                return Ok(Flow::Again);
            }
            Err(error) => return Err(error.into()),
        };
        self.patch_namespace(&seen.build, json!({}), json!({ wire::JOB_UID: job["metadata"]["uid"] }))
            .await?;
        Ok(Flow::Again)
    }

    /// Home first, then the Namespace: nothing is disposed of before its result is in home.
    async fn record(&mut self, seen: &Observation, verdict: Verdict, cause: &str) -> Result<()> {
        let pods = self.build_pods().await?;
        let exits = pods.iter().flat_map(verdict::exits).collect();
        let events = self.events().await?;
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
        let entry = Entry::of(&build, verdict.as_str(), cause, exits, events);
        let name = wire::history_object(&seen.build.chain);
        let history =
            self.cluster.get::<home::Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?.ok_or_else(
                || {
                    Error::unready(
                        format!("ConfigMap {name} is gone from {}", wire::HOME),
                        "create it again, empty: nothing is finished before its result is in it",
                    )
                },
            )?;
        let patch = history_patch(&history.data, &entry);
        self.cluster
            .patch::<Value>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&patch))
            .await?;
        let annotations = json!({ wire::VERDICT: verdict.as_str(), wire::CAUSE: cause });
        self.reach(&seen.build, Phase::Recorded, annotations).await
    }

    async fn finish(&mut self, seen: &Observation) -> Result<()> {
        // a pipeline that could not be used brought nothing up
        if seen.build.times.contains_key(&Phase::Preparing) {
            for (kind, name, ending) in self.plan(seen).await?.endings() {
                self.end(&kind, &name, &ending).await?;
            }
        }
        self.reach(&seen.build, Phase::Finished, json!({})).await
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
            weave::Ending::Delete => dispatch::delete(self.cluster, &resource, namespace, name).await,
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
            return Ok(Flow::Again);
        }
        if seen.listener.replicas > 0 {
            self.scale_self_down().await?;
        }
        Ok(Flow::Wait)
    }

    /// The chain's record, read once.
    pub(super) async fn chain_record(&mut self, build: &Build) -> Result<&home::Record> {
        if self.memory.record.is_none() {
            let record = home::record(self.cluster, &build.chain).await?;
            self.memory.record = Some(record.ok_or_else(|| {
                Error::unready(
                    format!("chain {} has no record in {}", build.chain, wire::HOME),
                    "it was deleted; start the chain anew under another name",
                )
            })?);
        }
        Ok(self.memory.record.as_ref().expect("just read"))
    }

    /// The plan that this build runs by: what was pushed, or the last good pipeline.
    pub(super) async fn plan(&mut self, seen: &Observation) -> Result<&Plan> {
        if self.memory.plan.is_none() {
            let freeze = seen.freeze.clone().ok_or_else(|| {
                Error::unready(
                    format!("ConfigMap {} is gone from {}", wire::FREEZE, self.me.namespace),
                    "it was deleted by hand; nothing but the original helps",
                )
            })?;
            let plan = self.plan_for(seen, &freeze, true).await?.map_err(Error::Pipeline)?;
            self.memory.plan = Some(plan);
        }
        Ok(self.memory.plan.as_ref().expect("just made"))
    }

    /// The plan of the successor's listener: the pushed pipeline, or the last good one where that cannot be used.
    async fn successor_plan(&mut self, seen: &Observation) -> Result<Plan> {
        if seen.build.verdict.is_some() {
            return self.plan_of_last_good(seen).await;
        }
        Ok(self.plan(seen).await?.clone())
    }

    pub(super) async fn plan_of_last_good(&mut self, seen: &Observation) -> Result<Plan> {
        let version = seen.running.version().or(seen.freeze.clone().map(|freeze| freeze.version));
        let freeze = Freeze {
            image: ImageRef::parse(&seen.running.image).map(|image| image.name).unwrap_or_default(),
            version: version.unwrap_or(Version { tag: "unknown".to_owned(), digest: None }),
            revision: None,
            pipeline: Pushed::Absent,
        };
        self.plan_for(seen, seen.freeze.as_ref().unwrap_or(&freeze), false).await?.map_err(Error::Pipeline)
    }

    /// Renders and weaves, with what a push brought where `pushed` is wanted, else by the last good text.
    async fn plan_for(
        &mut self,
        seen: &Observation,
        freeze: &Freeze,
        pushed: bool,
    ) -> Result<std::result::Result<Plan, Vec<Fault>>> {
        let home_config = super::super::setup::home(self.cluster).await?;
        let record = self.chain_record(&seen.build).await?;
        let text = match (&freeze.pipeline, &seen.head.pipeline) {
            (Pushed::Text(text), _) if pushed => Some(text.clone()),
            (_, last_good) => last_good.clone(),
        };
        let name = match &freeze.pipeline {
            Pushed::Text(_) if pushed => format!("pipeline of {}", freeze.version.tag),
            _ => "last good pipeline".to_owned(),
        };
        let push = super::super::plan::Push {
            text: text.map(|text| Text { name, text }),
            image: &freeze.image,
            version: &freeze.version,
            revision: freeze.revision.as_deref(),
            build: &seen.build,
        };
        Ok(super::super::plan::of_push(record, &home_config, &push))
    }
}

/// Whether the pipeline that was just pushed is to blame, before anything was built by it: RBAC's refusals may be moments
/// old bindings, and a refusal that comes up later is not the pipeline's.
fn is_refused_for_good(error: &ClusterError, seen: &Observation) -> bool {
    let pushed = seen.freeze.as_ref().is_some_and(|freeze| matches!(freeze.pipeline, Pushed::Text(_)));
    pushed
        && error.is_refusal()
        && !error.is_rbac()
        && seen.build.verdict.is_none()
        && seen.build.phase == Phase::Detached
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
