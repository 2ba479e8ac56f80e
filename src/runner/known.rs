//! What an agent runs by: the chain's record, home's configuration, and the plans that come of them.

use tokio::try_join;

use super::Agent;
use crate::agent::Observation;
use crate::chain::build::{Baseline, Build, Content, Phase, Verdict, Version};
use crate::chain::freeze::{Freeze, PIPELINE_BYTES, Pushed};
use crate::chain::head::Head;
use crate::keel::image::ImageRef;
use crate::pipeline::facts::Fact;
use crate::pipeline::fault::Fault;
use crate::pipeline::sources::Text;
use crate::pipeline::weave::Plan;
use crate::state::error::{Error, Result};
use crate::state::home::{self, Home};
use crate::state::push_plan::{self, Push};
use crate::state::record::{self, Record};

/// Which pipeline a plan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// What was frozen. `check`: whether it is yet to be found out that it can carry on the chain.
    Push { check: bool },
    /// The last good one.
    LastGood,
    /// What `start` was given.
    Start,
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
        let freeze = match &seen.freeze {
            Some(freeze) => freeze.clone(),
            None => self.unfrozen_yet(seen).await?,
        };
        self.plan_for(seen, &freeze, Of::LastGood).await
    }

    /// What a listener that waits has to render with in place of a freeze.
    pub(super) async fn unfrozen_yet(&mut self, seen: &Observation) -> Result<Freeze> {
        // before the container runs its tag is known, and a policy that wants it to match is right about it
        let image = ImageRef::parse(&seen.running.image).or_else(|_| ImageRef::parse(&seen.listener.image));
        let (name, tag) = image.map(|image| (image.name, image.tag)).unwrap_or_default();
        // and one that cannot be pulled any more has what it was raised with
        let raised_with = match &seen.build.baseline {
            Baseline::At(at) if at.tag == tag => Some(at.clone()),
            _ => None,
        };
        let seen_now = seen.running.version().filter(|version| version.content != Content::Unseen);
        let version = seen_now.or(raised_with).unwrap_or(Version { tag, content: Content::Unseen });
        // which revision it was built of, no listener knows: that of `start` stands for it
        let (record, _) = self.known(&seen.build).await?;
        let revision = match record.facts.git.get("hash") {
            Some(Fact::Known(hash)) => hash.as_str().map(str::to_owned),
            _ => None,
        };
        Ok(Freeze { image: name, version, revision, pipeline: Pushed::Absent })
    }

    /// Whether the last good pipeline came with a push.
    pub(super) async fn pushed_text(&mut self, seen: &Observation) -> Result<bool> {
        let (record, _) = self.known(&seen.build).await?;
        Ok(seen.head.pipeline.as_ref().is_some_and(|text| *text != record.sources.template.text))
    }

    /// Renders and weaves.
    pub(super) async fn plan_for(
        &mut self,
        seen: &Observation,
        freeze: &Freeze,
        of: Of,
    ) -> Result<std::result::Result<Plan, Vec<Fault>>> {
        self.plan_of(&seen.build, &seen.head, freeze, of).await
    }

    /// The same where nothing was looked at but the build and the head.
    pub(super) async fn plan_of(
        &mut self,
        build: &Build,
        head: &Head,
        freeze: &Freeze,
        of: Of,
    ) -> Result<std::result::Result<Plan, Vec<Fault>>> {
        let renderer = self.renderer;
        let pushed = matches!(of, Of::Push { .. });
        let (record, home) = self.known(build).await?;
        let text = match &freeze.pipeline {
            Pushed::Text(text) if pushed => Some(text.clone()),
            _ if of == Of::LastGood => head.pipeline.clone(),
            // the last good text may be a later push's by now
            _ => None,
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
            build: build.into(),
            at_start: of == Of::Start,
            check: of == Of::Push { check: true },
        };
        let (planned, asks) = push_plan::planned(renderer, record, home, &push).await?;
        // said once: whatever is rendered of this push later is the same
        if asks && of == (Of::Push { check: true }) {
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
        // of a build that was cancelled the pipeline is as good as before
        let decided_before_the_build =
            seen.build.verdict == Some(Verdict::Errored) && !seen.build.times.contains_key(&Phase::Preparing);
        if decided_before_the_build || self.findings.refused {
            return Ok(None);
        }
        let (record, _) = self.known(&seen.build).await?;
        let last = seen.head.pipeline.as_ref().unwrap_or(&record.sources.template.text);
        Ok((last != text).then(|| text.clone()))
    }
}
