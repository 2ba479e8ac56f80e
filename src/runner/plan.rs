//! What has to be rendered for a push, and the rendering of it.

use crate::chain::build::{Build, Version};
use crate::local::render::{Renderer, Task, Unrendered};
use crate::pipeline::facts::{Fact, Group, git_of_push};
use crate::pipeline::fault::Fault;
use crate::pipeline::plan::image_facts;
use crate::pipeline::sources::Text;
use crate::pipeline::weave::{Plan, PlanInput, Running};
use crate::state::error::Result;
use crate::state::home::Home;
use crate::state::record::Record;

/// What is new with a push; everything else a chain renders from was fixed at `start`.
#[derive(Debug, Clone)]
pub(super) struct Push<'a> {
    /// The pipeline text to use instead of the record's.
    pub(super) text: Option<Text>,
    /// Name of the image.
    pub(super) image: &'a str,
    /// Its tag and digest.
    pub(super) version: &'a Version,
    /// Its source revision.
    pub(super) revision: Option<&'a str>,
    /// Whether the repository is as `start` saw it, and not as a push leaves it.
    pub(super) at_start: bool,
    /// The build that it started.
    pub(super) build: &'a Build,
    /// Whether it is yet to be found out that it can carry on the chain.
    pub(super) check: bool,
}

/// What has to be rendered for a push.
pub(super) fn of_push(record: &Record, home: &Home, push: &Push<'_>) -> Task {
    let mut sources = record.sources.clone();
    if let Some(text) = &push.text {
        sources.template = text.clone();
    }
    let mut facts = record.facts.clone();
    if !push.at_start {
        facts.git = git_of_push(&facts.git, push.revision);
    }
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
        tag: Some(push.version.tag.clone()),
        namespace: None,
        copied: record.copied(),
    };
    let running = push.check.then(|| Running {
        image: record.settings.repository.clone(),
        workload: record.settings.workload.clone(),
        container: record.settings.container.clone(),
        tag: push.version.tag.clone(),
    });
    Task::Push { sources, facts, settings, running }
}

/// The plan, or the faults of the pipeline, without holding up what else is to be done.
///
/// # Errors
/// Where the rendering could not come to its end, which may be otherwise the next time.
pub(super) async fn rendered(
    renderer: Renderer,
    task: Task,
) -> Result<std::result::Result<Plan, Vec<Fault>>> {
    match tokio::task::spawn_blocking(move || renderer.plan(&task)).await {
        Ok(planned) => Ok(planned?),
        Err(error) => Err(Unrendered::NotRun(error.to_string()).into()),
    }
}
