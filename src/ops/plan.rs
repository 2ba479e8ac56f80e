//! From sources and facts to a plan: what `render`, `start` and every agent do alike.

use super::home::Record;
use super::setup::Home;
use crate::chain::build::{Build, Version};
use crate::pipeline::facts::{Fact, Facts, Group};
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

/// What is new with a push; everything else a chain renders from was fixed at `start`.
#[derive(Debug, Clone)]
pub struct Push<'a> {
    /// The pipeline text to use instead of the record's.
    pub text: Option<Text>,
    /// Name of the image.
    pub image: &'a str,
    /// Its tag and digest.
    pub version: &'a Version,
    /// Its source revision.
    pub revision: Option<&'a str>,
    /// The build that it started.
    pub build: &'a Build,
}

/// The plan of a push.
///
/// # Errors
/// Every fault found in the pipeline.
pub fn of_push(record: &Record, home: &Home, push: &Push<'_>) -> Result<Plan, Vec<Fault>> {
    let mut sources = record.sources.clone();
    if let Some(text) = &push.text {
        sources.template = text.clone();
    }
    let mut facts = record.facts.clone();
    let revision = push.revision.map_or_else(|| Fact::unset("the image does not tell its revision"), Fact::known);
    facts.git.insert("hash".to_owned(), revision.clone());
    facts.image = image_facts(push.image, push.version);
    facts.build = Group::from([
        ("namespace".to_owned(), Fact::known(push.build.namespace.clone())),
        ("chain".to_owned(), Fact::known(push.build.chain.clone())),
        ("generation".to_owned(), Fact::known(push.build.generation)),
        (
            "parent".to_owned(),
            push.build.parent.clone().map_or_else(|| Fact::unset("this is the first build of its chain"), Fact::known),
        ),
        ("revision".to_owned(), revision),
    ]);
    let settings = Settings {
        chain: record.settings.chain.clone(),
        chain_uuid: record.settings.uuid.clone(),
        delivery: delivery(record.settings.agent_path.as_deref(), home),
        trusted_build: record.settings.trusted_build,
        namespace_variable: None,
        granted_kinds: Vec::new(),
    };
    plan(&sources, &facts, &settings).map(|(_, plan)| plan)
}

/// The facts `image.*` of a version.
pub fn image_facts(name: &str, version: &Version) -> Group {
    let digest = version.digest.as_ref();
    Group::from([
        ("name".to_owned(), Fact::known(name)),
        ("tag".to_owned(), Fact::known(version.tag.clone())),
        (
            "digest".to_owned(),
            digest.map_or_else(|| Fact::unset("the registry's digest is not known"), |digest| Fact::known(digest.as_str())),
        ),
        (
            "ref".to_owned(),
            Fact::known(match digest {
                Some(digest) => format!("{name}:{}@{digest}", version.tag),
                None => format!("{name}:{}", version.tag),
            }),
        ),
    ])
}
