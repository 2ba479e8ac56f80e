//! From sources and facts to a plan: what `render`, `start` and every agent do alike.

use serde_json::Value;
use uuid::Uuid;

use super::documents::write_all;
use super::facts::{Fact, Facts, Group};
use super::fault::Fault;
use super::notice::PlanNotice;
use super::render::{render, shown};
use super::sources::{Sources, Text};
use super::template::{self, Rendered};
use super::weave::{self, BuildOf, ListenerOf, Plan, PlanInput};
use crate::chain::build::{Content, Version};
use crate::chain::wire;

/// Renders and weaves.
///
/// # Errors
/// Every fault found.
pub fn plan(sources: &Sources, facts: &Facts, settings: &PlanInput) -> Result<(Rendered, Plan), Vec<Fault>> {
    let rendered = render(sources, facts).map_err(|fault| vec![fault])?;
    let namespace = match facts.build.get("namespace") {
        Some(Fact::Known(name)) => name.as_str().map(str::to_owned),
        _ => None,
    };
    let settings = PlanInput { namespace, ..settings.clone() };
    let mut plan = weave::plan(&rendered.documents, &settings).map_err(|faults| {
        let Text { name, text } = &sources.template;
        faults.into_iter().map(|fault| fault.of_template(name, text)).collect::<Vec<_>>()
    })?;
    plan.notices.splice(0..0, rendered.notices.iter().cloned());
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
    let mut facts = of_unknown_image(facts, settings);
    let (_, guess) = plan(sources, &facts, settings)?;
    let image = &guess.build.image;
    let content = image.digest.clone().map_or(Content::SideLoaded, Content::Digest);
    facts.image = image_facts(&image.name, &Version { tag: image.tag.clone(), content });
    plan(sources, &facts, settings)
}

/// The facts of a first build whose image is not known yet.
fn of_unknown_image(facts: &Facts, settings: &PlanInput) -> Facts {
    let namespace = settings.namespace.as_deref().unwrap_or_default();
    let unknown = Version { tag: "unknown".to_owned(), content: Content::SideLoaded };
    Facts {
        build: of_first_build(&settings.chain, namespace, &facts.git),
        image: image_facts("unknown", &unknown),
        ..facts.clone()
    }
}

/// The facts `build.*` of a chain's first build.
fn of_first_build(chain: &str, namespace: &str, git: &Group) -> Group {
    Group::from([
        ("namespace".to_owned(), Fact::known(namespace)),
        ("chain".to_owned(), Fact::known(chain)),
        ("generation".to_owned(), Fact::known(1)),
        ("parent".to_owned(), Fact::unset("this is the first build of its chain")),
        (
            "revision".to_owned(),
            git.get("hash").cloned().unwrap_or_else(|| Fact::unset("there is no git here")),
        ),
    ])
}

/// What stands for a chain's name where a pipeline is only looked at.
const CHAIN: &str = "CHAIN";
/// What stands for a namespace's name there.
const NAMESPACE: &str = "NAMESPACE";

/// What is said of the facts that nothing is behind.
fn stand_ins(template: &Text) -> Result<Vec<PlanNotice>, Fault> {
    let reads = template::reads(template)?;
    let facts = [
        ("chain", CHAIN, "`start` names the chain"),
        ("namespace", NAMESPACE, "a namespace gets its name when it is claimed"),
    ];
    let read = facts.into_iter().filter(|(name, ..)| reads.build.contains(name));
    Ok(read
        .map(|(name, stands_in, why)| {
            PlanNotice::new(format!("build.{name}"), format!("{stands_in} stands in for it")).why(why)
        })
        .collect())
}

/// Renders a pipeline to look at, as its chain's first build would.
///
/// # Errors
/// As for [`render`].
pub fn documents(sources: &Sources, facts: &Facts) -> Result<Rendered, Fault> {
    let mut facts = facts.clone();
    facts.build = of_first_build(CHAIN, NAMESPACE, &facts.git);
    let mut rendered = shown(sources, &facts)?;
    rendered.notices.extend(stand_ins(&sources.template)?);
    Ok(rendered)
}

/// What stands for a chain where there is none.
fn of_no_chain() -> PlanInput {
    PlanInput {
        chain: CHAIN.to_owned(),
        chain_uuid: Uuid::nil().to_string(),
        agent_image: format!("{}:{}", wire::AGENT_IMAGE, env!("CARGO_PKG_VERSION")),
        trusted_build: false,
        tag: None,
        by_hand: false,
        namespace: Some(NAMESPACE.to_owned()),
        copied: Vec::new(),
    }
}

/// What a pipeline becomes in the eyes of whoever looks for its mistakes: what is rendered, as far as that goes, and the
/// plan or its faults.
pub(super) fn examined(sources: &Sources, facts: &Facts) -> (Option<Rendered>, Result<Plan, Vec<Fault>>) {
    let settings = of_no_chain();
    match first(sources, facts, &settings) {
        Ok((rendered, plan)) => (Some(rendered), Ok(plan)),
        Err(faults) => (render(sources, &of_unknown_image(facts, &settings)).ok(), Err(faults)),
    }
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
    let settings = of_no_chain();
    let (rendered, mut plan) = first(sources, facts, &settings)?;
    let stand_ins = stand_ins(&sources.template).map_err(|fault| vec![fault])?;
    if show_secrets {
        plan.notices.extend(stand_ins);
        return Ok(Preview { plan });
    }
    let masked = rendered.masked_documents().map_err(|fault| vec![fault])?;
    let mut plan = weave::plan(&masked, &settings)?;
    plan.notices.splice(0..0, rendered.notices);
    plan.notices.extend(stand_ins);
    Ok(Preview { plan })
}

impl Preview {
    /// The documents in three parts, each under a comment.
    pub fn text(&self, tag: &str) -> String {
        let plan = &self.plan;
        let version = Version { tag: tag.to_owned(), content: Content::SideLoaded };
        let build =
            BuildOf { namespace: NAMESPACE, generation: 1, version: &version, revision: None, parent: None };
        let listener = plan.listener(&ListenerOf { tag, generation: 1 });
        let job = plan.job(&build);
        let rest = plan.rest();
        let early: Vec<&Value> = plan.pull_secrets.iter().chain([&listener]).collect();
        let mut text = format!("# The listener: waits for a push\n{}", write_all(early));
        text.push_str("---\n# The build: a Job with the pod that the pipeline asks for\n");
        text.push_str(&write_all([&job]));
        if !rest.is_empty() {
            text.push_str("---\n# The rest: applied before a build\n");
            text.push_str(&write_all(rest.iter().map(|(_, object)| object)));
        }
        text
    }
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
