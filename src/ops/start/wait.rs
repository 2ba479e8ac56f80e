//! Wait until a listener listens, and say what holds it up.

use std::time::Duration;

use serde_json::json;

use super::undo::take_back;
use crate::chain::bound::TimeBound;
use crate::chain::build::{Baseline, Build, Phase};
use crate::chain::pod::{Pod, State, image_trouble, not_in_registry};
use crate::chain::signs::FIRST_PUSH;
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch, Query};
use crate::ops::{listens, status};
use crate::state::Say;
use crate::state::bell::{Bell, wait_until};
use crate::state::build::{look, readable};
use crate::state::claim::Claimed;
use crate::state::dispatch::Raise;
use crate::state::enter::SAID_AFTER;
use crate::state::error::{Error, Result};
use crate::state::narration::progress;

/// How soon a listener is looked at again although nothing has changed: not all that is looked at is watched.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Waits until the listener listens, or is past that; says what holds it up.
///
/// `fresh`: the chain is new, and goes again if it cannot listen.
pub(super) async fn listening(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    fresh: bool,
    timeout: Duration,
    say: Say<'_>,
) -> Result<Build> {
    let mut bell = Bell::new(cluster);
    bell.watch(&kind::NAMESPACES, None, &Query::named(&claimed.namespace));
    bell.watch(&kind::PODS, Some(&claimed.namespace), &Query::default());
    let (mut told, mut missing, mut remedy) = (String::new(), String::new(), None);
    let listens = wait_until(&bell, LOOK_AGAIN, timeout, async |waited| {
        let build = look(cluster, &claimed.namespace)
            .await?
            .ok_or_else(|| Error::DeletedMeanwhile { namespace: claimed.namespace.clone() })?;
        let (signs, pods) = status::signs_of(cluster, &build).await?;
        let not_listening = (build.phase >= Phase::Listening).then(|| listens::reason(&build, &signs, &pods));
        if let Some(None) = not_listening {
            return Ok(Some(build));
        }
        if build.phase < Phase::Listening
            && pods.iter().any(|pod| tag_is_missing(pod, &raise.plan.build.container))
            && let Some(build) = without_image(cluster, raise, claimed, fresh, build).await?
        {
            return Ok(Some(build));
        }
        let not_listening = not_listening.flatten();
        // what is known to be wrong is said at once, how far it is only where that takes time
        let due = not_listening.is_some() || signs.trouble.is_some() || waited >= SAID_AFTER;
        if let Some(why) =
            not_listening.clone().or_else(|| signs.sentence()).filter(|why| due && *why != told)
        {
            progress(say, format!("the listener waits: {why}"));
            told = why;
        }
        missing = not_listening.or(signs.trouble).or(signs.standing).unwrap_or_default();
        remedy = signs.remedy;
        Ok(None)
    });
    if let Some(build) = listens.await? {
        return Ok(build);
    }
    let chain = &raise.claim.chain;
    Err(Error::NotListening {
        namespace: claimed.namespace.clone(),
        bound: TimeBound(timeout),
        why: missing,
        remedy: remedy
            .unwrap_or_else(|| format!("it goes on by itself; kubectl studioci watch {chain} follows it")),
    })
}

fn tag_is_missing(pod: &Pod, container: &str) -> bool {
    matches!(pod.container(container).map(|container| &container.state),
        Some(State::Waiting { reason, message }) if image_trouble(reason) && not_in_registry(message))
}

/// The listener's own tag is not in the registry. A tag that is pushed over is waited for; for any other policy Keel
/// watches nothing then, so the chain is taken back.
///
/// `None` if the listener came up in this very moment.
async fn without_image(
    cluster: &Cluster,
    raise: &Raise<'_>,
    claimed: &Claimed,
    fresh: bool,
    mut build: Build,
) -> Result<Option<Build>> {
    let image = raise.plan.build.image.with_tag(raise.tag);
    if raise.plan.build.match_tag() {
        let waiting = format!("{FIRST_PUSH}{image} is not in the registry yet");
        // what the agent makes of an image that came in the meantime is a baseline; but it was pushed after `start`
        while build.phase <= Phase::Listening && build.baseline != Baseline::None {
            let patch = json!({
                "metadata": {
                    "resourceVersion": build.resource_version,
                    "annotations": { wire::BASELINE: Baseline::None.to_string(), wire::WAITING: waiting },
                }
            });
            let patched = cluster
                .patch::<NamespaceObject>(&kind::NAMESPACES, None, &claimed.namespace, Patch::Merge(&patch))
                .await;
            build = match patched {
                Ok(namespace) => readable(&namespace)?,
                Err(error) if error.is_conflict() => match look(cluster, &claimed.namespace).await? {
                    Some(build) => build,
                    None => return Ok(None),
                },
                Err(error) => return Err(error.into()),
            };
        }
        return Ok(Some(build));
    }
    let (image, policy) = (image.to_string(), raise.plan.build.policy().name().clone());
    if !fresh {
        return Err(Error::TagMissingStill { image, policy });
    }
    if !take_back(cluster, raise.claim, Some(claimed)).await? {
        // an agent came up meanwhile, or somebody else has taken the chain on
        return Ok(None);
    }
    Err(Error::TagMissing { image, policy })
}
