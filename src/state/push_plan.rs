//! What has to be rendered for a push, and the rendering of it.

use super::error::Result;
use super::home::Home;
use super::record::Record;
use crate::chain::build::{Build, Version};
use crate::chain::side::is_side;
use crate::local::render::{Renderer, Task, Unrendered};
use crate::pipeline::facts::{Fact, Group, git_of_push};
use crate::pipeline::fault::Fault;
use crate::pipeline::plan::image_facts;
use crate::pipeline::sources::Text;
use crate::pipeline::weave::{Plan, PlanInput, Running};

/// What is new with a push; everything else a chain renders from was fixed at `start`.
#[derive(Debug, Clone)]
pub(crate) struct Push<'a> {
    /// The pipeline text to use instead of the record's.
    pub(crate) text: Option<Text>,
    /// Name of the image.
    pub(crate) image: &'a str,
    /// Its tag and digest.
    pub(crate) version: &'a Version,
    /// Its source revision.
    pub(crate) revision: Option<&'a str>,
    /// Whether the repository is as `start` saw it, and not as a push leaves it.
    pub(crate) at_start: bool,
    /// The build that it started.
    pub(crate) build: BuildFacts<'a>,
    /// Whether it is yet to be found out that it can carry on the chain.
    pub(crate) check: bool,
}

/// What a pipeline may read of the build that it is rendered for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BuildFacts<'a> {
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Its chain.
    pub(crate) chain: &'a str,
    /// Its generation.
    pub(crate) generation: u64,
    /// The namespace of the build before.
    pub(crate) parent: Option<&'a str>,
}

impl<'a> From<&'a Build> for BuildFacts<'a> {
    fn from(build: &'a Build) -> Self {
        let Build { namespace, chain, generation, parent, .. } = build;
        Self { namespace, chain, generation: *generation, parent: parent.as_deref() }
    }
}

/// What has to be rendered for a push.
fn of_push(record: &Record, home: &Home, push: &Push<'_>) -> Task {
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
        ("namespace".to_owned(), Fact::known(push.build.namespace.to_owned())),
        ("chain".to_owned(), Fact::known(push.build.chain.to_owned())),
        ("generation".to_owned(), Fact::known(push.build.generation)),
        (
            "parent".to_owned(),
            push.build
                .parent
                .map(str::to_owned)
                .map_or_else(|| Fact::unset("this is the first build of its chain"), Fact::known),
        ),
        ("revision".to_owned(), revision),
    ]);
    let by_hand = is_side(push.build.generation);
    let settings = plan_input(record, home, Some(push.version.tag.clone()), by_hand);
    let running = push.check.then(|| Running {
        image: record.settings.repository.clone(),
        workload: record.settings.workload.clone(),
        container: record.settings.container.clone(),
        tag: push.version.tag.clone(),
    });
    Task::Push { sources, facts, settings, running }
}

fn plan_input(record: &Record, home: &Home, tag: Option<String>, by_hand: bool) -> PlanInput {
    PlanInput {
        chain: record.settings.chain.clone(),
        chain_uuid: record.settings.uuid.clone(),
        agent_image: home.agent_image.clone(),
        trusted_build: record.settings.trusted_build,
        tag,
        by_hand,
        namespace: None,
        copied: record.copied(),
    }
}

/// What `start` has rendered of what it was given: where nobody knows any more from which tag a chain listened, that is the
/// template's.
pub(crate) fn of_start(record: &Record, home: &Home) -> Task {
    let (sources, facts) = (record.sources.clone(), record.facts.clone());
    Task::First { sources, facts, settings: plan_input(record, home, None, false) }
}

/// The plan, or the faults of the pipeline; and whether it asks for a listener that runs otherwise than `start` has fixed, which
/// stays.
///
/// # Errors
/// Where the rendering could not come to its end, which may be otherwise the next time.
pub(crate) async fn planned(
    renderer: Renderer,
    record: &Record,
    home: &Home,
    push: &Push<'_>,
) -> Result<(std::result::Result<Plan, Vec<Fault>>, bool)> {
    let of_start = push.text.is_some().then(|| {
        let at_start = Push { text: None, check: false, at_start: true, ..push.clone() };
        of_push(record, home, &at_start)
    });
    let mut planned = rendered(renderer, of_push(record, home, push)).await?;
    let mut asks = false;
    if let (Ok(plan), Some(of_start)) = (&mut planned, of_start)
        && let Ok(at_start) = rendered(renderer, of_start).await?
    {
        asks = plan.stand_as(&at_start);
    }
    Ok((planned, asks))
}

/// Without holding up what else is to be done.
pub(crate) async fn rendered(
    renderer: Renderer,
    task: Task,
) -> Result<std::result::Result<Plan, Vec<Fault>>> {
    match tokio::task::spawn_blocking(move || renderer.plan(&task)).await {
        Ok(planned) => Ok(planned?),
        Err(error) => Err(Unrendered::NotRun(error.to_string()).into()),
    }
}
