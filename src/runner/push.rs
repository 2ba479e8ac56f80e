//! A push: frozen, checked, and the head moved for it.

use std::time::Duration;

use serde_json::{Value, json};

use super::build::job_of;
use super::known::Of;
use super::{Agent, Flow};
use crate::agent::Observation;
use crate::chain::build::{Phase, Verdict, Version};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::told::{Telling, is_revision};
use crate::chain::trying::Trying;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Create, Patch};
use crate::keel::image::ImageRef;
use crate::keel::parking;
use crate::pipeline::fault::Fault;
use crate::pipeline::weave::ListenerOf;
use crate::state::dry_run;
use crate::state::error::Result;

/// The pause before the next look where what was told belongs to another run of the container by now.
const TOLD_ELSEWHERE: Duration = Duration::from_secs(1);

impl Agent<'_> {
    pub(super) async fn freeze(&mut self, seen: &mut Observation, version: Version) -> Result<Flow> {
        let image = ImageRef::parse(&seen.running.image).map(|image| image.name).unwrap_or_default();
        // where even the last good pipeline does not go with this image, the check of the push says so
        let settings =
            self.plan_of_last_good(seen).await?.map(|plan| plan.build.settings).unwrap_or_default();
        let telling = if let Some(why) = &seen.running.mute {
            Err(why.clone())
        } else if let Some(telling) = self.telling(seen).await? {
            telling
        } else {
            // whoever takes it away again and again shall not set the pace of our requests
            tokio::time::sleep(TOLD_ELSEWHERE).await;
            return Ok(Flow::Look);
        };
        let (pipeline, told) = match telling {
            // what the image brings is a push's: by hand its chain's last good pipeline is built
            telling if seen.build.is_side() && seen.running.mute.is_none() => {
                let revision = telling.ok().and_then(|telling| telling.revision);
                (self.last_good(seen).await?.map_or(Pushed::Absent, Pushed::Text), revision)
            }
            Ok(Telling { pipeline: Pushed::Absent, revision }) => {
                (self.last_good(seen).await?.map_or(Pushed::Absent, Pushed::Text), revision)
            }
            Ok(Telling { pipeline, revision }) => (pipeline, revision),
            Err(why) => (Pushed::Unreadable(why), None),
        };
        let of_tag = || settings.revision_of(&version.tag).filter(|revision| is_revision(revision));
        let revision = told.or_else(of_tag);
        let freeze = Freeze { image, version, revision, pipeline };
        let object = freeze.object(&seen.build.chain);
        match self
            .cluster
            .create::<Value>(&kind::CONFIG_MAPS, Some(&self.me.namespace), &object, &Create::default())
            .await
        {
            Ok(_) => {
                self.cache.freeze = Some(freeze.clone());
                seen.freeze = Some(freeze);
                Ok(Flow::Again)
            }
            // another start of this agent froze first: that one counts, and the next look reads it
            Err(error) if error.is_already_exists() => Ok(Flow::Look),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn trigger(&mut self, seen: &mut Observation) -> Result<()> {
        self.remove_probe().await?;
        let freeze = seen.freeze.as_ref().expect("step triggers only what is frozen");
        let trial = Trying { found: 0, version: freeze.version.to_string() };
        let mut annotations = json!({
            wire::IMAGE: freeze.image,
            wire::TAG: freeze.version.tag,
            wire::DIGEST: freeze.version.content_word(),
            wire::REVISION: freeze.revision,
            wire::TRYING: trial.to_string(),
        });
        if !seen.build.is_side() {
            // what somebody wrote on a listener is about no build
            annotations[wire::CANCEL] = json!(null);
        }
        self.findings.tries = true;
        self.reach(seen, Phase::Triggered, annotations).await
    }

    /// Checks what was pushed, then moves the head. Only who wins the swap goes on.
    pub(super) async fn move_head(&mut self, seen: &mut Observation) -> Result<()> {
        let freeze = seen.freeze.clone().expect("the head moves only for what is frozen");
        // what was found wrong once is not asked again: the answer is written down
        if seen.build.verdict.is_none()
            && let Err(why) = self.try_pushed(seen, &freeze).await?
        {
            let last_good = match &freeze.pipeline {
                Pushed::Text(_) => self.brought(seen).await?.is_none(),
                Pushed::Absent => true,
                Pushed::Unreadable(_) => false,
            };
            let whose = if last_good { "last good" } else { "pushed" };
            let cause = format!("the {whose} pipeline cannot be used: {why}");
            self.note(&cause);
            let annotations =
                json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause, wire::TRYING: null });
            self.patch_namespace(seen, json!({}), annotations).await?;
        }
        let patch = seen.head.advance(&freeze.version, self.now());
        self.patch_head(seen, &patch).await
    }

    /// Checks what was asked for by hand. Nothing follows from it for the chain, whatever comes of it.
    pub(super) async fn try_out(&mut self, seen: &mut Observation) -> Result<()> {
        let freeze = seen.freeze.clone().expect("what is tried out is frozen");
        let mut annotations = json!({});
        if seen.build.verdict.is_none()
            && let Err(why) = self.try_pushed(seen, &freeze).await?
        {
            let what = match &freeze.pipeline {
                Pushed::Unreadable(_) => "image",
                Pushed::Text(_) | Pushed::Absent => "pipeline",
            };
            let cause = format!("the {what} cannot be used: {why}");
            self.note(&cause);
            annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
        }
        self.reach(seen, Phase::Detached, annotations).await
    }

    /// Checks what was pushed, unless it has ended this agent before.
    async fn try_pushed(
        &mut self,
        seen: &mut Observation,
        freeze: &Freeze,
    ) -> Result<std::result::Result<(), String>> {
        // one start tries as often as it has to
        if !self.findings.tries {
            let version = freeze.version.to_string();
            match Trying::next(seen.build.trying.as_ref(), &version, self.findings.was_killed) {
                Ok(trial) => {
                    let written = json!({ wire::TRYING: trial.to_string() });
                    self.patch_namespace(seen, json!({}), written).await?;
                    self.findings.tries = true;
                }
                Err(why) => return Ok(Err(why)),
            }
        }
        self.check_pushed(seen, freeze).await
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
        let plan = match self.plan_for(seen, freeze, Of::Push { check: true }).await? {
            Ok(plan) => plan,
            Err(faults) => return Ok(Err(in_one_line(&faults))),
        };
        let next = ListenerOf { tag: &freeze.version.tag, generation: seen.build.generation + 1 };
        // a pipeline whose build can never be created must not become the last good one either
        let job = job_of(&plan, seen, freeze);
        let refused = dry_run::refused(self.cluster, &plan, &next, job, &self.me.namespace).await?;
        if let Some((what, why)) = refused {
            return Ok(Err(format!("the API server refuses the {what}: {why}")));
        }
        self.cache.plan = Some(plan);
        Ok(Ok(()))
    }

    /// Renames the Keel keys; the next look reads them back.
    pub(super) async fn detach(&mut self) -> Result<()> {
        let namespace = Some(self.me.namespace.as_str());
        let Some(meta) = &self.cache.listener else { return Ok(()) };
        let patch = parking::detach_patch(&meta.resource_version, &meta.labels, &meta.annotations);
        self.cluster
            .patch::<Value>(&kind::DEPLOYMENTS, namespace, &self.me.deployment, Patch::Json(&patch))
            .await?;
        Ok(())
    }
}

pub(super) fn in_one_line(faults: &[Fault]) -> String {
    faults.iter().map(Fault::one_line).collect::<Vec<_>>().join("; ")
}
