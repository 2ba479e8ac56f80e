//! From sources and facts to a plan: what `render`, `start` and every agent do alike.

use serde_json::Value;
use uuid::Uuid;

use super::home::Record;
use super::render::Task;
use super::setup::Home;
use crate::chain::build::{Build, Content, Version};
use crate::chain::wire;
use crate::pipeline::documents::write_all;
use crate::pipeline::facts::{Fact, Facts, Group, git_of_push};
use crate::pipeline::fault::Fault;
use crate::pipeline::render::render;
use crate::pipeline::sources::{Sources, Text};
use crate::pipeline::template::Rendered;
use crate::pipeline::weave::{self, BuildOf, ListenerOf, Plan, PlanInput, Running};

/// Renders and weaves.
///
/// # Errors
/// Every fault found.
pub fn plan(sources: &Sources, facts: &Facts, settings: &PlanInput) -> Result<(Rendered, Plan), Vec<Fault>> {
    let rendered = render(sources, facts).map_err(|fault| vec![fault])?;
    let plan = weave::plan(&rendered.documents, settings).map_err(|faults| {
        let Text { name, text } = &sources.template;
        faults.into_iter().map(|fault| fault.of_template(name, text)).collect::<Vec<_>>()
    })?;
    Ok((rendered, plan))
}

/// The plan of a chain's first listener.
///
/// What a template says of the image (`image.*`) is known only once the template is rendered; so it is rendered once
/// without, to learn the build workload's image, and again with it.
///
/// # Errors
/// Every fault found.
pub fn first(sources: &Sources, facts: &Facts, settings: &PlanInput) -> Result<(Rendered, Plan), Vec<Fault>> {
    let mut facts = facts.clone();
    facts.build = Group::from([
        ("namespace".to_owned(), Fact::known("")),
        ("chain".to_owned(), Fact::known(settings.chain.clone())),
        ("generation".to_owned(), Fact::known(1)),
        ("parent".to_owned(), Fact::unset("this is the first build of its chain")),
        (
            "revision".to_owned(),
            facts.git.get("hash").cloned().unwrap_or_else(|| Fact::unset("there is no git here")),
        ),
    ]);
    let unknown = Version { tag: "unknown".to_owned(), content: Content::SideLoaded };
    facts.image = image_facts("unknown", &unknown);
    let (_, guess) = plan(sources, &facts, settings)?;
    let image = &guess.build.image;
    let content = image.digest.clone().map_or(Content::SideLoaded, Content::Digest);
    facts.image = image_facts(&image.name, &Version { tag: image.tag.clone(), content });
    plan(sources, &facts, settings)
}

/// A plan to look at, made without a cluster.
#[derive(Debug, Clone)]
pub struct Preview {
    /// The plan.
    pub plan: Plan,
}

/// Weaves what `start` and a build would create.
///
/// # Errors
/// Every fault found.
pub fn preview(sources: &Sources, facts: &Facts, show_secrets: bool) -> Result<Preview, Vec<Fault>> {
    let settings = PlanInput {
        chain: "CHAIN".to_owned(),
        chain_uuid: Uuid::nil().to_string(),
        agent_image: format!("{}:{}", wire::AGENT_IMAGE, env!("CARGO_PKG_VERSION")),
        trusted_build: false,
        namespace_variable: None,
        tag: None,
        granted_kinds: Vec::new(),
    };
    let (rendered, plan) = first(sources, facts, &settings)?;
    if show_secrets {
        return Ok(Preview { plan });
    }
    let masked = rendered.masked_documents().map_err(|fault| vec![fault])?;
    weave::plan(&masked, &settings).map(|plan| Preview { plan })
}

impl Preview {
    /// The documents in three parts, each under a comment.
    pub fn text(&self, tag: &str) -> String {
        let plan = &self.plan;
        let version = Version { tag: tag.to_owned(), content: Content::SideLoaded };
        let build = BuildOf {
            namespace: "NAMESPACE",
            generation: 1,
            version: &version,
            revision: None,
            parent: None,
        };
        let listener = plan.listener(&ListenerOf { tag, generation: 1 });
        let job = plan.job(&build);
        let rest = plan.rest();
        let early: Vec<&Value> = plan.pull_secrets.iter().chain([&listener]).collect();
        let mut text = format!("# The listener: waits for a push\n{}", write_all(early));
        text.push_str("---\n# The build: a Job with the pod that the pipeline asks for\n");
        text.push_str(&write_all([&job]));
        if !rest.is_empty() {
            text.push_str("---\n# The rest: applied before a build\n");
            text.push_str(&write_all(&rest));
        }
        text
    }
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
    /// Whether it is yet to be found out that it can carry on the chain.
    pub check: bool,
}

/// What has to be rendered for a push.
pub fn of_push(record: &Record, home: &Home, push: &Push<'_>) -> Task {
    let mut sources = record.sources.clone();
    if let Some(text) = &push.text {
        sources.template = text.clone();
    }
    let mut facts = record.facts.clone();
    facts.git = git_of_push(&facts.git, push.revision);
    let revision = facts.git.get("hash").cloned().unwrap_or_else(|| Fact::unset("there is no git here"));
    facts.image = image_facts(push.image, push.version);
    facts.build = Group::from([
        ("namespace".to_owned(), Fact::known(push.build.namespace.clone())),
        ("chain".to_owned(), Fact::known(push.build.chain.clone())),
        ("generation".to_owned(), Fact::known(push.build.generation)),
        (
            "parent".to_owned(),
            push.build
                .parent
                .clone()
                .map_or_else(|| Fact::unset("this is the first build of its chain"), Fact::known),
        ),
        ("revision".to_owned(), revision),
    ]);
    let settings = PlanInput {
        chain: record.settings.chain.clone(),
        chain_uuid: record.settings.uuid.clone(),
        agent_image: home.agent_image.clone(),
        trusted_build: record.settings.trusted_build,
        namespace_variable: None,
        tag: Some(push.version.tag.clone()),
        granted_kinds: Vec::new(),
    };
    let running = push.check.then(|| Running {
        image: record.settings.repository.clone(),
        workload: record.settings.workload.clone(),
        container: record.settings.container.clone(),
        tag: push.version.tag.clone(),
    });
    Task::Push { sources, facts, settings, running }
}

/// The facts `image.*` of a version.
pub fn image_facts(name: &str, version: &Version) -> Group {
    let digest = version.digest();
    Group::from([
        ("name".to_owned(), Fact::known(name)),
        ("tag".to_owned(), Fact::known(version.tag.clone())),
        (
            "digest".to_owned(),
            digest.map_or_else(
                || Fact::unset("the registry's digest is not known"),
                |digest| Fact::known(digest.as_str()),
            ),
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
