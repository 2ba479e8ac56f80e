//! A chain that is as it was asked for: its waiting listener gets the current pull Secrets, what an earlier `start` left
//! behind is disposed of, and `start` waits until somebody listens.

use super::wait::LOOK_AGAIN;
use super::{Intent, StartOutcome, StartRequest};
use crate::chain::bound::TimeBound;
use crate::chain::build::{Build, Phase};
use crate::chain::rights::BuildNamespace;
use crate::cluster::Cluster;
use crate::cluster::resource as kind;
use crate::ops::listens;
use crate::state::Say;
use crate::state::bell::{Bell, wait_until};
use crate::state::build::read_build;
use crate::state::dispose::{self, End};
use crate::state::enter::{Maker, enter};
use crate::state::error::{Error, Result};
use crate::state::narration::{Narration, progress, warn};
use crate::state::{head, pull_secrets, select};

/// The chain is as it was asked for. Its waiting listener gets the pull Secrets of now, what an earlier start left behind is
/// disposed of, and it is waited for until somebody listens.
pub(super) async fn unchanged(
    cluster: &Cluster,
    request: &StartRequest,
    intent: &Intent,
    say: Say<'_>,
) -> Result<StartOutcome> {
    let chain = &intent.record.settings.chain;
    leave_nothing_behind(cluster, request, chain, say).await?;
    let mut bell = Bell::new(cluster);
    bell.watch(&kind::NAMESPACES, None, &select::chain(chain));
    let (mut told, mut refreshed) = (String::new(), false);
    let listens = wait_until(&bell, LOOK_AGAIN, request.timeout, async |_| {
        let newest = newest_of(cluster, chain).await?;
        if newest.phase <= Phase::Listening && !intent.plan.pull_secrets.is_empty() && !refreshed {
            refresh(cluster, intent, &newest).await?;
            refreshed = true;
        }
        let why = match (newest.phase, listens::not_listening(cluster, &newest).await?) {
            (Phase::Listening, None) => return Ok(Some(newest)),
            (_, Some(why)) => format!("namespace {}: {why}", newest.namespace),
            (phase, None) => {
                let error = newest.dispatch_error.as_deref().unwrap_or("the next listener comes up");
                format!("namespace {} is {phase}: {error}", newest.namespace)
            }
        };
        if why != told {
            progress(say, format!("nobody listens yet: {why}"));
            told = why;
        }
        Ok(None)
    });
    match listens.await? {
        Some(newest) if request.now => {
            warn(
                say,
                format!(
                    "--now is not used: chain {chain} listens already, and its next push is built; the newest tag is built now \
                     by kubectl studioci trigger {chain}"
                ),
            );
            Ok(StartOutcome::Unchanged(newest))
        }
        Some(newest) => Ok(StartOutcome::Unchanged(newest)),
        None => {
            Err(Error::NobodyListens { chain: chain.clone(), bound: TimeBound(request.timeout), why: told })
        }
    }
}

/// The newest build of the chain.
async fn newest_of(cluster: &Cluster, chain: &str) -> Result<Build> {
    // the head as it is now: what was claimed since an earlier look is proved by that one alone
    let head = head::head_of(cluster, chain).await?;
    let (namespaces, _) = dispose::look(cluster, chain).await?;
    let builds = namespaces.iter().filter_map(|namespace| read_build(namespace).ok());
    let newest = builds
        .filter(|build| head.proves(build) && !build.terminating && !build.is_side())
        .max_by_key(|build| build.generation);
    newest.ok_or_else(|| Error::NamespacesGone { chain: chain.to_owned(), generation: head.generation })
}

/// Writes the pull Secrets that a waiting listener has anew.
async fn refresh(cluster: &Cluster, intent: &Intent, newest: &Build) -> Result<()> {
    let namespace = newest.namespace.as_str();
    let there = BuildNamespace { chain: &newest.chain, namespace, uid: &newest.uid };
    enter(cluster, Maker::Person, &there, intent.record.settings.trusted_build).await?;
    Ok(pull_secrets::renew(cluster, &intent.plan.pull_secrets, namespace).await?)
}

/// Disposes of listeners that the head has passed.
pub(super) async fn leave_nothing_behind(
    cluster: &Cluster,
    request: &StartRequest,
    chain: &str,
    say: Say<'_>,
) -> Result<()> {
    dispose::left_behind(cluster, chain, request.at, &mut |target, end| match end {
        Ok(End::Deleted) => {
            progress(say, format!("namespace {} goes: it was never triggered", target.namespace));
        }
        Ok(End::Stays(why)) => say(Narration::Stays(&target.namespace, why)),
        Ok(End::Going) => {}
        Err(error) => say(Narration::Failed(&target.namespace, error)),
    })
    .await
}
