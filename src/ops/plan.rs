//! From sources and facts to a plan: what `render`, `start` and every agent do alike.

use super::home::Record;
use super::setup::Home;
use crate::chain::build::Build;
use crate::pipeline::facts::{BuildFacts, Facts, ImageFacts};
use crate::pipeline::fault::Fault;
use crate::pipeline::template::{Rendered, Sources, Text, render};
use crate::pipeline::weave::{self, Delivery, Plan, Settings};

/// How a chain's listeners get the agent's binary.
pub fn delivery(agent_path: Option<&str>, home: &Home) -> Delivery {
    match agent_path {
        Some(path) => Delivery::Path(path.to_owned()),
        None => Delivery::Image(home.agent_image.clone()),
    }
}

/// Renders and weaves.
///
/// # Errors
/// Every fault found.
pub fn plan(sources: &Sources, facts: &Facts, settings: &Settings) -> Result<(Rendered, Plan), Vec<Fault>> {
    let rendered = render(sources, facts).map_err(|fault| vec![fault])?;
    let plan = weave::plan(&rendered.documents, settings)?;
    Ok((rendered, plan))
}

/// The plan of a push: the chain's record, with only what the push itself brought being new.
///
/// # Errors
/// Every fault found in the pipeline.
pub fn of_push(
    record: &Record,
    home: &Home,
    text: Option<Text>,
    image: ImageFacts,
    build: &Build,
    revision: Option<&str>,
) -> Result<Plan, Vec<Fault>> {
    let mut sources = record.sources.clone();
    if let Some(text) = text {
        sources.template = text;
    }
    let mut facts = record.facts.clone();
    facts.git.hash = revision.map(str::to_owned);
    facts.image = image;
    facts.build = BuildFacts {
        namespace: Some(build.namespace.clone()),
        chain: Some(build.chain.clone()),
        generation: Some(build.generation),
        parent: build.parent.clone(),
        revision: revision.map(str::to_owned),
    };
    let settings = Settings {
        chain: record.settings.chain.clone(),
        chain_uuid: record.settings.uuid.clone(),
        delivery: delivery(record.settings.agent_path.as_deref(), home),
        trusted_build: record.settings.trusted_build,
        ..Settings::default()
    };
    plan(&sources, &facts, &settings).map(|(_, plan)| plan)
}
