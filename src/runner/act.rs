//! The hands of an agent: one function per action.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Agent, Flow, diary};
use crate::agent::{Action, Observation};
use crate::chain::build::{Baseline, Build, Dispatch, Phase};
use crate::chain::kueue::KueueWait;
use crate::chain::signs::STOOD_DOWN;
use crate::chain::wire;
use crate::cluster::Patch;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::build::readable;
use crate::state::error::Result;
use crate::state::head;

impl Agent<'_> {
    /// Acts, and writes into `seen` what its own writes have made of Namespace and head: an answer is the newest look.
    pub(super) async fn act(&mut self, action: Action, seen: &mut Observation) -> Result<Flow> {
        match action {
            Action::Wait(why) => return self.wait(seen, why, None).await,
            Action::Queue(it) => return self.wait(seen, Some(it.sentence), Some(&it.wait)).await,
            Action::MakeWay(_) => return Ok(Flow::Wait),
            Action::StandDown(why) => {
                self.write_waiting(seen, Some(&format!("{STOOD_DOWN}{why}"))).await?;
                return self.stand_down(seen).await;
            }
            Action::Listen(baseline) => self.listen(seen, &baseline).await?,
            Action::Recheck => {
                self.recheck(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Freeze(version) => return self.freeze(seen, version).await,
            Action::Trigger => self.trigger(seen).await?,
            Action::MoveHead => self.move_head(seen).await?,
            Action::TryOut => self.try_out(seen).await?,
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
            Action::Supersede(older) => self.supersede(seen, &older).await?,
            Action::TakeSlot => {
                let patch = seen.head.take_slot(seen.build.generation, &self.me.namespace);
                self.patch_head(seen, &patch).await?;
            }
            Action::Prepare => {
                self.prepare(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Build => return self.build(seen).await,
            Action::Release => {
                self.release(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Record(verdict, cause) => self.record(seen, verdict, &cause).await?,
            Action::FreeSlot(generation) => {
                if generation == seen.build.generation {
                    self.end_job(seen.build.verdict).await?;
                } else {
                    self.record_lost(seen, generation).await?;
                }
                let patch = seen.head.free_slot(generation);
                self.patch_head(seen, &patch).await?;
            }
            Action::SettleDispatch => {
                let done = json!({ wire::DISPATCH: Dispatch::Done.as_str(), wire::DISPATCH_ERROR: null });
                self.patch_namespace(seen, json!({}), done).await?;
            }
            Action::EndPods => {
                self.end_pods(seen).await?;
                return Ok(Flow::Look);
            }
            Action::Finish => {
                self.finish(seen).await?;
                if self.me.role.is_own() {
                    Box::pin(self.tidy(&seen.build, None)).await;
                }
                return Ok(Flow::Look);
            }
            Action::Sleep => {
                if self.me.role.is_own() {
                    Box::pin(self.publish_results(&seen.build)).await;
                }
                self.undo_late(seen).await?;
                self.scale_self_down().await?;
                return Ok(Flow::Wait);
            }
        }
        Ok(Flow::Again)
    }

    /// Says what is waited for, and gives a sign of life.
    async fn wait(
        &mut self,
        seen: &mut Observation,
        why: Option<String>,
        kueue: Option<&KueueWait>,
    ) -> Result<Flow> {
        let listens = seen.build.phase == Phase::Listening && !seen.build.is_side();
        let beside_it = || self.findings.untidied.clone().or_else(|| self.telling.unpublished.clone());
        let found = || self.findings.found.clone().or_else(beside_it);
        let why = why.or_else(|| found().filter(|_| listens));
        let beside = self.why_beside(seen, why.clone());
        match &why {
            Some(why) => self.note(&format!("waiting: {why}")),
            // said by every start of an agent, also by one that finds nothing to do
            None if listens && seen.running.version().is_some() => {
                let listening = Action::Listen(seen.build.baseline.clone());
                self.note(&diary(&listening, &seen.build.namespace));
            }
            None => {}
        }
        self.write_why(seen, beside.as_deref(), kueue).await?;
        self.beat(seen).await?;
        if listens {
            self.arm(seen).await?;
        }
        if Box::pin(self.rotate(seen)).await {
            let beside = self.why_beside(seen, why);
            self.write_why(seen, beside.as_deref(), kueue).await?;
        }
        Ok(Flow::Wait)
    }

    /// A patch of the own Namespace, decided on what was seen: refused by a 409 if it changed meanwhile.
    pub(super) async fn patch_namespace(
        &self,
        seen: &mut Observation,
        mut labels: Value,
        mut annotations: Value,
    ) -> Result<()> {
        if let Some(verdict) = annotations.get(wire::VERDICT) {
            // beside the annotation, so that a server can select by it
            labels[wire::VERDICT] = verdict.clone();
        }
        // whatever an agent writes about its own build is a sign of life
        if self.me.role.is_own() && beats(&seen.build) {
            annotations[wire::HEARTBEAT] = json!(self.now().to_string());
        }
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
        seen.build = readable(&written)?;
        Ok(())
    }

    pub(super) async fn patch_head(&self, seen: &mut Observation, patch: &Value) -> Result<()> {
        seen.head = head::move_head(self.cluster, &seen.build.chain, patch).await?;
        Ok(())
    }

    /// Writes a phase with its time, and what goes with it.
    pub(super) async fn reach(
        &self,
        seen: &mut Observation,
        phase: Phase,
        mut annotations: Value,
    ) -> Result<()> {
        if phase == Phase::Queued {
            self.note_waiting(&seen.build).await?;
        }
        annotations[phase.time_key()] = json!(self.now().to_string());
        annotations[wire::WAITING] = Value::Null;
        annotations[wire::WAITS_FOR_KUEUE] = Value::Null;
        if phase != Phase::Triggered {
            annotations[wire::TRYING] = Value::Null;
        }
        self.patch_namespace(seen, json!({ wire::PHASE: phase.as_str() }), annotations).await
    }

    /// Writes why the build stands still, if that is new.
    pub(super) async fn write_waiting(&self, seen: &mut Observation, why: Option<&str>) -> Result<()> {
        self.write_why(seen, why, None).await
    }

    /// The same, and as a case where it is Kueue that is waited for.
    async fn write_why(
        &self,
        seen: &mut Observation,
        why: Option<&str>,
        kueue: Option<&KueueWait>,
    ) -> Result<()> {
        let why = why.map(|why| {
            let mut why = why.to_owned();
            shorten(&mut why);
            why
        });
        let mut annotations = json!({ wire::WAITING: why });
        let same = seen.build.kueue.as_ref() == kueue;
        if same && seen.build.waiting == why {
            return Ok(());
        }
        if !same {
            annotations[wire::WAITS_FOR_KUEUE] = json!(kueue.map(ToString::to_string));
        }
        self.patch_namespace(seen, json!({}), annotations).await
    }

    /// Gives a sign of life, if the last one is old: while a build goes on, nothing else may have to be written for hours.
    async fn beat(&mut self, seen: &mut Observation) -> Result<()> {
        let last = seen.build.heartbeat.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
        let due = last.is_none_or(|last| last + self.pulse() <= self.now());
        if self.me.role.is_own() && beats(&seen.build) && due {
            self.patch_namespace(seen, json!({}), json!({})).await?;
        }
        Ok(())
    }

    async fn listen(&mut self, seen: &mut Observation, baseline: &Baseline) -> Result<()> {
        let annotations = json!({ wire::BASELINE: baseline.to_string() });
        if seen.build.phase == Phase::Listening {
            self.patch_namespace(seen, json!({}), annotations).await
        } else {
            self.reach(seen, Phase::Listening, annotations).await
        }
    }
}

/// Whether a build may be ended by another agent of its chain, and so needs a sign of life.
fn beats(build: &Build) -> bool {
    let from = if build.is_side() { Phase::Claimed } else { Phase::Triggered };
    (from..Phase::Finished).contains(&build.phase)
}

/// At most so many bytes of one sentence are written into an annotation; all of an object's may hold 256 KiB.
const SENTENCE_BYTES: usize = 4096;

pub(super) fn shorten(text: &mut String) {
    if text.len() > SENTENCE_BYTES {
        let end = (0..=SENTENCE_BYTES).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}
