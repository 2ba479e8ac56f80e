//! `start` on a chain that is there: it is left as it is, repaired, or moved on to a fresh listener.
//!
//! A listener with a wrong policy never triggers, so a changed pipeline needs a listener of its own: the record is
//! rewritten under a new edition, the head moves by compare-and-swap to a generation that starts where the newest one
//! stood, and the one that was never triggered is disposed of. The same move carries on a chain that has ended, whose
//! listener was deleted by hand, or that is to start from another tag.
//!
//! The head names the edition that its newest listener was raised from; so a repetition knows a move that was begun, and
//! of two that change a chain at the same time the later one says so.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::fill::{fill_home, same_chain};
use super::raise::{job, raise_listener, refusing};
use super::retain;
use super::rights::check_rights;
use super::unchanged::{leave_nothing_behind, unchanged};
use super::wait::listening;
use super::{Intent, StartOutcome, StartRequest};
use crate::chain::build::{Baseline, Build, Dispatch, Phase};
use crate::chain::head::Head;
use crate::chain::rights::{self, BuildNamespace};
use crate::chain::wire;
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};
use crate::pipeline::weave::ListenerOf;
use crate::state::Say;
use crate::state::build::{look, read_build};
use crate::state::claim::Claim;
use crate::state::dispatch::{self, Raise};
use crate::state::dispose;
use crate::state::enter::{Maker, enter};
use crate::state::error::{Error, Result};
use crate::state::narration::progress;
use crate::state::record::{self, StoredRecord};
use crate::state::{dry_run, head, select};

/// Why the head moves to a fresh listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The chain had ended.
    Ended,
    /// Nobody listens, and nobody will: a namespace or a listener was deleted by hand.
    Gone,
    /// The pipeline or its values differ from the record.
    Changed,
    /// The record is newer than the listener.
    Behind,
    /// Another tag is to be started from.
    Rebased,
    /// The chain's seed was lost: what was claimed by it, and not settled, is known to nobody any more.
    Seedless,
}

/// How the chain stands.
struct Inventory {
    /// Its record.
    kept: StoredRecord,
    /// Its builds, as far as the head proves them, oldest first.
    builds: Vec<Build>,
}

/// Carries on a chain that is there. `head`: as it was seen.
pub(super) async fn carry_on(
    cluster: &Cluster,
    request: &StartRequest,
    mut intent: Intent,
    mut head: Head,
    say: Say<'_>,
) -> Result<StartOutcome> {
    let chain = intent.record.settings.chain.clone();
    if head.purging {
        return Err(Error::Purging { chain });
    }
    intent.record.settings.uuid.clone_from(&head.uuid);
    let filled = fill_home(cluster, &intent).await?;
    intent.seed = filled.seed;
    // nothing was claimed yet where a first start was killed before it had written one
    let seedless = filled.sown && (head.generation > 1 || head.claimed.is_some());
    if seedless {
        progress(
            say,
            format!(
                "Secret {} was gone: another one is written, and the chain moves on to a fresh listener",
                wire::seed_object(&chain)
            ),
        );
    }
    let there = inventory(cluster, &intent, &head, request.at, say).await?;
    if intent.record.settings.remote.is_none() {
        // whoever starts it outside of a checkout says nothing of where it belongs
        intent.record.settings.remote.clone_from(&there.kept.record.settings.remote);
    }
    let not_listening = nobody_listens(cluster, &head, &there.builds).await?;
    let cause = cause(request, &intent, &head, &there, not_listening).or(seedless.then_some(Cause::Seedless));
    if let Some(cause) = cause {
        let newest = newest(&head, &there.builds);
        let point = point(request, &intent, &head, newest);
        intent = at_tag(request, &intent, &head, &point, say)?;
        check_rights(cluster, &intent.plan).await?;
        if let Some(newest) = newest.filter(|build| !build.terminating) {
            try_out(cluster, &intent, newest).await?;
        }
        head = renew(cluster, request, &intent, &there.kept, head, &point, cause).await?;
    }
    // also where nothing has changed: whoever moved the head may have been killed before this
    grant(cluster, &intent).await?;
    if cause.is_none() && head.raised_by_agent() {
        return unchanged(cluster, request, &intent, say).await;
    }
    raise(cluster, request, &intent, head, &there.builds, cause, say).await
}

/// Raises the listener of the generation that the head is at.
async fn raise(
    cluster: &Cluster,
    request: &StartRequest,
    intent: &Intent,
    head: Head,
    builds: &[Build],
    cause: Option<Cause>,
    say: Say<'_>,
) -> Result<StartOutcome> {
    let baseline = head.baseline.clone().unwrap_or_else(|| intent.baseline.clone());
    let tag = baseline.tag().unwrap_or(&intent.tag).to_owned();
    let parent = builds.iter().rev().find(|build| head.built.contains_key(&build.generation));
    let parent = parent.map(|build| build.namespace.as_str());
    let (settings, added) = (&intent.record.settings, &intent.home.added);
    let claim =
        Claim::of_listener(settings, intent.seed, added, head.generation, &baseline, parent, request.at);
    let raise = Raise { claim: &claim, maker: Maker::Person, plan: &intent.plan, tag: &tag };
    let never_listened = cause.is_none() && head.generation == 1;
    let claimed = match dispatch::claim_next(cluster, &claim, raise.maker, head, say).await {
        // between our look at the head and now this listener was pushed to
        Err(Error::HeadMoved { .. }) if cause.is_none() => {
            return unchanged(cluster, request, intent, say).await;
        }
        claimed => claimed?.0,
    };
    if claimed.created {
        progress(say, format!("namespace {} is ours", claimed.namespace));
    } else if let Some(before) = look(cluster, &claimed.namespace).await?
        && before.phase >= Phase::Listening
        && cause.is_none()
    {
        return unchanged(cluster, request, intent, say).await;
    }
    let raised = raise_listener(cluster, &raise, &claimed, say).await?;
    leave_nothing_behind(cluster, request, &settings.chain, say).await?;
    let build = listening(cluster, &raise, &claimed, never_listened, request.timeout, say).await?;
    Ok(match cause {
        Some(Cause::Ended | Cause::Gone) => StartOutcome::Started(build),
        Some(Cause::Changed | Cause::Behind | Cause::Rebased | Cause::Seedless) => {
            StartOutcome::Configured(build)
        }
        None if raised => StartOutcome::Started(build),
        None => StartOutcome::Unchanged(build),
    })
}

/// Looks at what there is of the chain.
async fn inventory(
    cluster: &Cluster,
    intent: &Intent,
    head: &Head,
    now: Timestamp,
    say: Say<'_>,
) -> Result<Inventory> {
    let kept = same_chain(cluster, intent).await?;
    let (namespaces, home) = dispose::look(cluster, &intent.record.settings.chain).await?;
    let rules = (kept.record.settings.retention, intent.record.settings.retention);
    retain::warn_of_what_goes(&namespaces, &home, rules, now, say);
    let mut builds: Vec<Build> =
        namespaces.iter().filter_map(|namespace| read_build(namespace).ok()).collect();
    builds.retain(|build| head.proves(build));
    builds.sort_by_key(|build| build.generation);
    Ok(Inventory { kept, builds })
}

/// The build that the head names; also one on its way out.
fn newest<'a>(head: &Head, builds: &'a [Build]) -> Option<&'a Build> {
    let (_, uid) = head.claimed.as_ref()?;
    builds.iter().find(|build| build.uid == *uid)
}

/// Whether nobody listens for the chain and nobody will: neither is the newest listener there, nor an agent of its
/// predecessor that is to raise it. What a person was to raise this `start` raises itself, unless it came up already.
async fn nobody_listens(cluster: &Cluster, head: &Head, builds: &[Build]) -> Result<bool> {
    let newest = newest(head, builds).filter(|build| !build.terminating);
    if let Some(newest) = newest
        && has_listener(cluster, newest).await?
    {
        return Ok(false);
    }
    if !head.raised_by_agent() {
        // a generation that was settled is never claimed again: its owner uuid stood on its namespace for all to read
        let is_gone = head.claimed.is_some() && newest.is_none();
        return Ok(is_gone || newest.is_some_and(|build| build.phase >= Phase::Listening));
    }
    if newest.is_some_and(|build| build.phase >= Phase::Listening) {
        return Ok(true);
    }
    // done, and the head knows nothing of it: it was settled after we read the head
    let raises = |build: &&Build| match build.dispatch {
        Dispatch::Pending | Dispatch::Claimed => true,
        Dispatch::Done => head.claimed.is_none(),
        Dispatch::Ended => false,
    };
    let mut before =
        builds.iter().filter(|build| !build.terminating && build.generation + 1 == head.generation);
    let dispatching = before.find(raises);
    // an agent runs in its listener's pod
    Ok(match dispatching {
        Some(build) => !has_listener(cluster, build).await?,
        None => true,
    })
}

/// Whether the listener's Deployment is there, as far as that may be read.
async fn has_listener(cluster: &Cluster, build: &Build) -> Result<bool> {
    match select::listener(cluster, build).await {
        Ok(found) => Ok(found.is_some()),
        Err(error) if error.is_rbac() => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// Why the head has to move; none if all is as it was asked for. `deaf`: [`nobody_listens`].
fn cause(
    request: &StartRequest,
    intent: &Intent,
    head: &Head,
    there: &Inventory,
    not_listening: bool,
) -> Option<Cause> {
    let Inventory { kept, builds } = there;
    let newest = newest(head, builds);
    if head.ended.is_some() {
        return Some(Cause::Ended);
    }
    if !same_pipeline(intent, kept, head) {
        return Some(Cause::Changed);
    }
    if kept.edition != head.edition {
        return Some(Cause::Behind);
    }
    if not_listening {
        return Some(Cause::Gone);
    }
    let stands_at = head.starting_point(newest);
    let asked = request.tag.as_deref();
    match stands_at.as_ref().and_then(Baseline::tag) {
        Some(tag) if asked.is_some_and(|asked| asked != tag) => Some(Cause::Rebased),
        _ => None,
    }
}

/// Whether the chain has this pipeline already, as `start` was given it or as a push brought it since.
fn same_pipeline(intent: &Intent, kept: &StoredRecord, head: &Head) -> bool {
    let (mine, theirs) = (&intent.record, &kept.record);
    if mine.settings != theirs.settings || mine.secrets() != theirs.secrets() {
        return false;
    }
    let mut last_good = theirs.sources.clone();
    if let Some(text) = &head.pipeline {
        last_good.template.text.clone_from(text);
    }
    mine.sources == theirs.sources || mine.sources == last_good
}

/// What the fresh listener starts from: what it takes over, unless it was told otherwise. Of a tag that is pushed over,
/// the pipeline names the one that is meant.
fn point(request: &StartRequest, intent: &Intent, head: &Head, newest: Option<&Build>) -> Baseline {
    let stands_at = head.starting_point(newest);
    let tag = stands_at.as_ref().and_then(Baseline::tag);
    let follows = request.tag.is_some() || intent.plan.build.match_tag();
    match stands_at {
        _ if request.now => Baseline::None,
        Some(_) if follows && tag.is_some_and(|tag| tag != intent.tag) => intent.baseline.clone(),
        Some(stands_at) => stands_at,
        None => intent.baseline.clone(),
    }
}

/// The intent once more, judged from the tag that the listener will start from.
fn at_tag(
    request: &StartRequest,
    intent: &Intent,
    head: &Head,
    point: &Baseline,
    say: Say<'_>,
) -> Result<Intent> {
    let tag = point.tag().unwrap_or(&intent.tag);
    if tag == intent.tag {
        return Ok(intent.clone());
    }
    let request = StartRequest { tag: Some(tag.to_owned()), ..request.clone() };
    let (remote, seed) = (intent.record.settings.remote.clone(), intent.seed);
    let mut intent = request.intend(&intent.home).inspect_err(|_| {
        progress(say, format!("the chain stands at tag {tag}; with --tag it starts from another"));
    })?;
    intent.record.settings.uuid.clone_from(&head.uuid);
    intent.seed = seed;
    intent.record.settings.remote = remote;
    Ok(intent)
}

/// Has the server look at listener and Job, beside those that are there, before anything is changed.
async fn try_out(cluster: &Cluster, intent: &Intent, newest: &Build) -> Result<()> {
    let namespace = newest.namespace.as_str();
    let there = BuildNamespace { chain: &newest.chain, namespace, uid: &newest.uid };
    enter(cluster, Maker::Person, &there, intent.record.settings.trusted_build).await?;
    let next = ListenerOf { tag: &intent.tag, generation: newest.generation + 1 };
    let job = job(&intent.plan, next.tag, next.generation, namespace);
    match dry_run::refused(cluster, &intent.plan, &next, job, namespace).await? {
        Some((what, why)) => Err(refusing(why.about(format!("the {what}")))),
        None => Ok(()),
    }
}

/// Rewrites the record where it differs, and moves the head. A push that wins the head first is followed: its successor
/// is what is replaced.
async fn renew(
    cluster: &Cluster,
    request: &StartRequest,
    intent: &Intent,
    kept: &StoredRecord,
    mut head: Head,
    point: &Baseline,
    cause: Cause,
) -> Result<Head> {
    let chain = &intent.record.settings.chain;
    let raced = || Error::Raced { chain: chain.clone() };
    let changed = intent.record.sources != kept.record.sources
        || intent.record.settings != kept.record.settings
        || intent.record.secrets() != kept.record.secrets();
    let edition = if changed { kept.edition.max(head.edition) + 1 } else { kept.edition };
    if changed {
        record::rewrite(cluster, kept, &intent.record, edition)
            .await
            .map_err(|error| if error.is_conflict() { raced() } else { error })?;
    }
    let mut point = point.clone();
    loop {
        match head::move_head(cluster, chain, &head.renew(edition, &point)).await {
            Err(error) if error.is_conflict() => {}
            moved => return moved,
        }
        let before = head;
        head = head::head_of(cluster, chain).await?;
        // whatever moved the head, if not the agents that were triggered, has raised a listener as fresh as ours
        let by_agents = (before.generation..head.generation).all(|passed| head.built.contains_key(&passed));
        if head.purging || head.ended != before.ended || head.edition != before.edition || !by_agents {
            return Err(raced());
        }
        if cause != Cause::Rebased && head.generation != before.generation {
            let newest = match &head.claimed {
                Some((namespace, _)) => look(cluster, namespace).await?,
                None => None,
            };
            point = self::point(request, intent, &head, newest.as_ref());
        }
    }
}

/// The chain's Role as the record asks for it: Pod Security, trust, prefix and what is lent may have changed.
async fn grant(cluster: &Cluster, intent: &Intent) -> Result<()> {
    let settings = &intent.record.settings;
    let role = rights::chain_role(&settings.grants());
    let name = wire::chain_object(&settings.chain);
    let there = cluster.get::<Value>(&kind::ROLES, Some(wire::HOME), &name).await?;
    if there.is_some_and(|there| there["rules"] == role["rules"]) {
        return Ok(());
    }
    let rules = json!({ "rules": role["rules"] });
    cluster.patch::<Object>(&kind::ROLES, Some(wire::HOME), &name, Patch::Merge(&rules)).await?;
    Ok(())
}
