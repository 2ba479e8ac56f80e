//! What an agent runs by: the chain's record, home's configuration, and the plans that come of them.

use tokio::try_join;

use super::Agent;
use super::plan::{Push, of_push, rendered};
use crate::agent::Observation;
use crate::chain::build::{Build, Content, Phase, Version};
use crate::chain::freeze::{Freeze, PIPELINE_BYTES, Pushed};
use crate::keel::image::ImageRef;
use crate::pipeline::fault::Fault;
use crate::pipeline::sources::Text;
use crate::pipeline::weave::Plan;
use crate::state::error::{Error, Result};
use crate::state::home::{self, Home};
use crate::state::record::{self, Record};

/// Which pipeline a plan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What was frozen. `check`: whether it is yet to be found out that it can carry on the chain.
    Push { check: bool },
    /// The last good one.
    LastGood,
}

impl Agent<'_> {
    /// The chain's record and home's configuration, read once.
    pub(super) async fn known(&mut self, build: &Build) -> Result<&(Record, Home)> {
        if self.cache.known.is_none() {
            let read =
                async { try_join!(record::record(self.cluster, &build.chain), home::home(self.cluster)) };
            let (record, home) = Box::pin(read).await?;
            let record = record.ok_or_else(|| Error::RecordGone { chain: build.chain.clone() })?;
            if record.settings.uuid != build.chain_uuid {
                return Err(Error::RecordOfAnother { chain: build.chain.clone() });
            }
            self.cache.known = Some((record, home));
        }
        Ok(self.cache.known.as_ref().expect("just read"))
    }

    pub(super) fn unfrozen(&self) -> Error {
        Error::FreezeGone { namespace: self.me.namespace.clone(), deployment: self.me.deployment.clone() }
    }

    /// The plan that this build runs by: what was pushed, or the last good pipeline.
    pub(super) async fn plan(&mut self, seen: &Observation) -> Result<&Plan> {
        if self.cache.plan.is_none() {
            let freeze = seen.freeze.clone().ok_or_else(|| self.unfrozen())?;
            let plan =
                self.plan_for(seen, &freeze, Of::Push { check: false }).await?.map_err(Error::Pipeline)?;
            self.cache.plan = Some(plan);
        }
        Ok(self.cache.plan.as_ref().expect("just made"))
    }

    /// The plan of the last good pipeline, with the image that runs here.
    pub(super) async fn plan_of_last_good(
        &mut self,
        seen: &Observation,
    ) -> Result<std::result::Result<Plan, Vec<Fault>>> {
        // before the container runs its tag is known, and a policy that wants it to match is right about it
        let image = ImageRef::parse(&seen.running.image).or_else(|_| ImageRef::parse(&seen.listener.image));
        let (name, tag) = image.map(|image| (image.name, image.tag)).unwrap_or_default();
        let freeze = Freeze {
            image: name,
            version: seen.running.version().unwrap_or(Version { tag, content: Content::Unseen }),
            revision: None,
            pipeline: Pushed::Absent,
        };
        self.plan_for(seen, seen.freeze.as_ref().unwrap_or(&freeze), Of::LastGood).await
    }

    /// Renders and weaves.
    pub(super) async fn plan_for(
        &mut self,
        seen: &Observation,
        freeze: &Freeze,
        of: Of,
    ) -> Result<std::result::Result<Plan, Vec<Fault>>> {
        let renderer = self.renderer;
        let pushed = of != Of::LastGood;
        let (record, home) = self.known(&seen.build).await?;
        let text = match &freeze.pipeline {
            Pushed::Text(text) if pushed => Some(text.clone()),
            // the last good text may be a later push's by now
            _ if pushed => None,
            _ => seen.head.pipeline.clone(),
        };
        // what a fault says of the record's own template names it as `start` was given it
        let text = text.filter(|text| *text != record.sources.template.text);
        let name = match &freeze.pipeline {
            Pushed::Text(_) if pushed => format!("pipeline of {}", freeze.version.tag),
            _ => "last good pipeline".to_owned(),
        };
        let push = Push {
            text: text.map(|text| Text { name, text }),
            image: &freeze.image,
            version: &freeze.version,
            revision: freeze.revision.as_deref(),
            build: &seen.build,
            check: of == Of::Push { check: true },
        };
        let of_start = push.text.is_some().then(|| {
            let at_start = Push { text: None, check: false, ..push.clone() };
            of_push(record, home, &at_start)
        });
        let mut planned = rendered(renderer, of_push(record, home, &push)).await?;
        if let (Ok(plan), Some(of_start)) = (&mut planned, of_start)
            && let Ok(at_start) = rendered(renderer, of_start).await?
            && plan.stand_as(&at_start)
        {
            self.warn(
"the pushed pipeline asks for a listener that runs elsewhere, as somebody else, or is pulled otherwise; \
                 that is fixed when a chain is started, and stays: kubectl studioci start with this pipeline changes it",
            );
        }
        Ok(planned)
    }

    /// The text of the last good pipeline; none of one that is too long to be frozen.
    pub(super) async fn last_good(&mut self, seen: &Observation) -> Result<Option<String>> {
        let (record, _) = self.known(&seen.build).await?;
        let text = seen.head.pipeline.as_ref().unwrap_or(&record.sources.template.text);
        Ok((text.len() <= PIPELINE_BYTES).then(|| text.clone()))
    }

    /// The pipeline text that this push brought, if it can be used and is not the last good one anyway.
    pub(super) async fn brought(&mut self, seen: &Observation) -> Result<Option<String>> {
        let Some(Freeze { pipeline: Pushed::Text(text), .. }) = &seen.freeze else { return Ok(None) };
        let decided_before_the_build =
            seen.build.verdict.is_some() && !seen.build.times.contains_key(&Phase::Preparing);
        if decided_before_the_build || self.findings.refused {
            return Ok(None);
        }
        let (record, _) = self.known(&seen.build).await?;
        let last = seen.head.pipeline.as_ref().unwrap_or(&record.sources.template.text);
        Ok((last != text).then(|| text.clone()))
    }
}
