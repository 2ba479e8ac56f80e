//! Scale the support of a build by hand: from 0 to the remembered counts, for whoever looks at what a build has left
//! behind, and back.
//!
//! Refused where there is nothing to scale (a listener, a bare claim, a build whose support is not there yet), and where
//! `down` would pull support from under a build: its agent waits for support, and scales it to 0 when it is done.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use serde_json::{Value, json};

use super::status;
use crate::chain::bound::TimeBound;
use crate::chain::build::{Build, Phase};
use crate::chain::wire;
use crate::chain::workload::{Scalable, Workload};
use crate::cluster::resource::Resource;
use crate::cluster::{Access, Cluster, Patch};
use crate::state::DryRun;
use crate::state::bell::{Bell, wait_until};
use crate::state::error::{Error, Result};
use crate::state::{enter, support, write};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the remembered counts.
    Up,
    /// To 0.
    Down,
}

/// What became of one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaled {
    /// Its kind.
    pub kind: Scalable,
    /// Its name.
    pub name: String,
    /// Whether it had another number of replicas.
    pub changed: bool,
}

/// What became of them all, in the order of kinds and names.
#[derive(Debug, Default)]
pub struct ScaleOutcome {
    /// Those that are as asked for.
    pub scaled: Vec<Scaled>,
    /// Why others are not.
    pub failed: Vec<Error>,
}

/// What is to be done with one workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// It is as asked for.
    Nothing,
    /// Give it this many replicas.
    To(u32),
    /// Write down how many it has, then give it none.
    RememberThenNone(u32),
}

/// How often support is looked at by whoever waits for it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The build of a chain that is meant: the newest one that is over; where none is yet, its running one, else the newest.
pub fn meant(builds: &[Build]) -> &Build {
    let over = builds
        .iter()
        .filter(|build| !build.is_side())
        .filter(|build| matches!(build.phase, Phase::Recorded | Phase::Finished) && !build.terminating)
        .max_by_key(|build| build.generation);
    over.or_else(|| status::running_or_next(builds)).expect("what was chosen is there")
}

/// Scales the support of a build. What one workload is refused keeps none of the others from being scaled.
///
/// # Errors
/// A case of its own where there is nothing to scale, or it must not be scaled now; cluster errors.
pub async fn scale(
    cluster: &Cluster,
    build: &Build,
    direction: Direction,
    dry_run: DryRun,
) -> Result<ScaleOutcome> {
    if let Some(refused) = refusal(build, direction) {
        return Err(refused);
    }
    enter(cluster, build, dry_run).await?;
    let support = write::patiently(cluster, || support::list(cluster, &build.namespace)).await?;
    if support.is_empty() {
        return Err(Error::NoSupport { build: build.namespace.clone() });
    }
    let one = |(kind, workload): &(Scalable, Workload)| {
        let (kind, workload) = (*kind, workload.clone());
        async move {
            let step = step(kind, &workload, direction)?;
            take(cluster, &build.namespace, kind, &workload.name, step, dry_run).await?;
            Ok(Scaled { kind, name: workload.name, changed: step != Step::Nothing })
        }
    };
    let mut outcome = ScaleOutcome::default();
    for done in join_all(support.iter().map(one)).await {
        match done {
            Ok(done) => outcome.scaled.push(done),
            Err(error) => outcome.failed.push(error),
        }
    }
    Ok(outcome)
}

/// Why the support of this build is not scaled now.
fn refusal(build: &Build, direction: Direction) -> Option<Error> {
    let name = &build.namespace;
    if build.terminating || build.phase == Phase::Disposing {
        return Some(Error::BeingDeleted { build: name.clone() });
    }
    if build.chain == wire::CLAIM_CHAIN {
        return Some(Error::BareClaim { namespace: name.clone() });
    }
    match (build.phase, direction) {
        (Phase::Claimed | Phase::Listening, _) => {
            Some(Error::IsListener { build: name.clone(), chain: build.chain.clone() })
        }
        (phase @ (Phase::Triggered | Phase::Detached | Phase::Queued), _) => {
            Some(Error::SupportNotYet { build: name.clone(), phase: phase.to_string() })
        }
        (phase @ (Phase::Preparing | Phase::Building), Direction::Down) => {
            Some(Error::SupportInUse { build: name.clone(), phase: phase.to_string() })
        }
        _ => None,
    }
}

/// What must be done with a workload.
///
/// # Errors
/// [`Error::CountUnknown`] for one at 0 whose count nobody remembers.
fn step(kind: Scalable, workload: &Workload, direction: Direction) -> Result<Step> {
    let remembered = workload.remembered.as_deref().and_then(|count| count.parse::<u32>().ok());
    match (direction, workload.replicas, remembered) {
        // that it has any is all that is known of how many it had
        (Direction::Down, 0, _) | (Direction::Up, 1.., None) => Ok(Step::Nothing),
        (Direction::Down, _, Some(_)) => Ok(Step::To(0)),
        (Direction::Down, replicas, None) => Ok(Step::RememberThenNone(replicas)),
        // more than was asked for is somebody's own wish
        (Direction::Up, replicas, Some(count)) if replicas >= count => Ok(Step::Nothing),
        (Direction::Up, _, Some(count)) => Ok(Step::To(count)),
        (Direction::Up, 0, None) => {
            let object = support::resource(kind).object(&workload.name);
            let what = match &workload.remembered {
                Some(text) => {
                    format!("{object}: its annotation {} is {text:?}, and no number", wire::REPLICAS)
                }
                None => {
                    format!("{object} has no annotation {}: nobody knows how many it had", wire::REPLICAS)
                }
            };
            Err(Error::CountUnknown { what })
        }
    }
}

async fn take(
    cluster: &Cluster,
    namespace: &str,
    kind: Scalable,
    name: &str,
    step: Step,
    dry_run: DryRun,
) -> Result<()> {
    let resource = support::resource(kind);
    let replicas = match step {
        Step::Nothing => return Ok(()),
        Step::To(replicas) => replicas,
        Step::RememberThenNone(replicas) => {
            if dry_run == DryRun::None {
                let annotation =
                    json!({ "metadata": { "annotations": { wire::REPLICAS: replicas.to_string() } } });
                remember(cluster, &resource, namespace, name, &annotation).await?;
            }
            0
        }
    };
    if dry_run == DryRun::Client {
        return Ok(());
    }
    let patch = json!({ "spec": { "replicas": replicas } });
    let dry = dry_run == DryRun::Server;
    let patch = Patch::Merge(&patch);
    write::patiently(cluster, || {
        cluster.patch_subresource::<Value>(&resource, Some(namespace), name, "scale", patch, dry)
    })
    .await?;
    Ok(())
}

async fn remember(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    name: &str,
    annotation: &Value,
) -> Result<()> {
    let patch = Patch::Merge(annotation);
    write::patiently(cluster, || cluster.patch::<Value>(resource, Some(namespace), name, patch)).await?;
    Ok(())
}

/// Gets the rights in the build's namespace.
async fn enter(cluster: &Cluster, build: &Build, dry_run: DryRun) -> Result<()> {
    let namespace = Some(build.namespace.as_str());
    let mut wanted = Vec::new();
    for resource in Scalable::ALL.map(support::resource) {
        wanted.push(Access::to("list", &resource, namespace));
        if dry_run != DryRun::Client {
            let scale = Some("scale".to_owned());
            wanted.push(Access { subresource: scale, ..Access::to("patch", &resource, namespace) });
        }
    }
    enter::by_hand(cluster, build, &wanted, dry_run).await
}

/// Waits until all support of a build is ready, each by its own idea of it, or has no pods any more. `tell`: what is missing
/// still, at each look.
///
/// # Errors
/// [`Error::SupportNotSettled`] after `bound`, which names what is missing, and why.
pub async fn settled(
    cluster: &Cluster,
    build: &Build,
    direction: Direction,
    bound: Duration,
    tell: &dyn Fn(String),
) -> Result<()> {
    let namespace = build.namespace.as_str();
    let mut bell = Bell::new(cluster);
    for resource in support::RESOURCES {
        bell.watch(resource, Some(namespace), &support::select());
    }
    let mut unsettled = Vec::new();
    let done = wait_until(&bell, LOOK_AGAIN, bound, async |_| {
        unsettled = support::list(cluster, namespace).await?;
        unsettled.retain(|(kind, it)| match direction {
            Direction::Up => it.ready(*kind) < it.replicas,
            Direction::Down => it.pods > 0,
        });
        if unsettled.is_empty() {
            return Ok(Some(()));
        }
        let missing: Vec<String> =
            unsettled.iter().map(|(kind, it)| standing(*kind, it, direction)).collect();
        tell(missing.join("; "));
        Ok(None)
    });
    if done.await?.is_some() {
        return Ok(());
    }
    let named = unsettled.iter().map(|(kind, it)| named(cluster, namespace, *kind, it, direction));
    Err(Error::SupportNotSettled {
        build: namespace.to_owned(),
        state: if direction == Direction::Up { "ready" } else { "gone" }.to_owned(),
        bound: TimeBound(bound),
        missing: try_join_all(named).await?.join("; "),
    })
}

/// How far it is.
fn standing(kind: Scalable, workload: &Workload, direction: Direction) -> String {
    let object = support::resource(kind).object(&workload.name);
    match direction {
        Direction::Down => format!("{object} has {} pods", workload.pods),
        Direction::Up => {
            format!("{object} has {} of {} ready", workload.ready(kind), workload.replicas)
        }
    }
}

/// The same, and why.
async fn named(
    cluster: &Cluster,
    namespace: &str,
    kind: Scalable,
    workload: &Workload,
    direction: Direction,
) -> Result<String> {
    let standing = standing(kind, workload, direction);
    if direction == Direction::Down {
        return Ok(standing);
    }
    Ok(match support::trouble(cluster, namespace, kind, workload).await? {
        Some(why) => format!("{standing}: {why}"),
        None => standing,
    })
}

#[cfg(test)]
#[path = "scale_tests.rs"]
mod tests;
