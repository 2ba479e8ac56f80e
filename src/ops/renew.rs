//! `start` on a chain that is there: it is left as it is, repaired, or moved on to a fresh listener.
//!
//! A listener with a wrong policy never triggers, so a changed pipeline needs a listener of its own: the record is
//! rewritten under a new edition, the head moves by compare-and-swap to a generation that starts where the newest one
//! stood, and the one that was never triggered is disposed of. The same move carries on a chain that has ended, whose
//! listener was deleted by hand, or that is to start from another tag.
//!
//! The head names the edition that its newest listener was raised from; so a repetition knows a move that was begun, and
//! of two that change a chain at the same time the later one says so.

use std::time::Duration;

use serde_json::{Value, json};

use super::Say;
use super::claim::{Claimed, read_build};
use super::dispatch::{self, Maker, Raise};
use super::dispose::{self, End};
use super::error::{Error, Result};
use super::home::{self, Kept};
use super::intent::{Intent, Request};
use super::listens;
use super::select;
use super::start::{self, Outcome};
use crate::chain::build::{Baseline, Build, Dispatch, Phase};
use crate::chain::head::Head;
use crate::chain::{rights, wire};
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};
use crate::pipeline::weave::{ListenerOf, place};

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

/// Carries on a chain that is there. `head`: as it was seen.
pub(super) async fn carry_on(
    cluster: &Cluster,
    request: &Request,
    mut intent: Intent,
    mut head: Head,
    say: Say<'_>,
) -> Result<Outcome> {
    let chain = intent.record.settings.chain.clone();
    if head.purging {
        return Err(Error::ownership(
            format!("chain {chain} is being purged"),
            format!(
                "let kubectl studioci stop {chain} --purge come to its end (run it again), then start it anew"
            ),
        ));
    }
    intent.record.settings.uuid.clone_from(&head.uuid);
    let filled = start::fill_home(cluster, &intent).await?;
    intent.seed = filled.seed;
    // nothing was claimed yet where a first start was killed before it had written one
    let seedless = filled.sown && (head.generation > 1 || head.claimed.is_some());
    if seedless {
        say(&format!(
            "Secret {} was gone: another one is written, and the chain moves on to a fresh listener",
            wire::seed_object(&chain)
        ));
    }
    let kept = start::same_chain(cluster, &intent).await?;
    if intent.record.settings.remote.is_none() {
        // whoever starts it outside of a checkout says nothing of where it belongs
        intent.record.settings.remote.clone_from(&kept.record.settings.remote);
    }
    let (namespaces, _) = dispose::look(cluster, &chain).await?;
    let mut builds: Vec<Build> =
        namespaces.iter().filter_map(|namespace| read_build(namespace).ok()).collect();
    builds.retain(|build| head.proves(build));
    builds.sort_by_key(|build| build.generation);

    let deaf = nobody_listens(cluster, &head, &builds).await?;
    let cause = cause(request, &intent, &head, &kept, &builds, deaf).or(seedless.then_some(Cause::Seedless));
    if let Some(cause) = cause {
        let point = point(request, &intent, &head, newest(&head, &builds));
        intent = at_tag(request, &intent, &head, &point, say)?;
        start::check_rights(cluster, &intent.plan).await?;
        if let Some(newest) = newest(&head, &builds).filter(|build| !build.terminating) {
            try_out(cluster, request, &intent, newest).await?;
        }
        head = renew(cluster, request, &intent, &kept, head, &point, cause).await?;
    }
    // also where nothing has changed: whoever moved the head may have been killed before this
    grant(cluster, &intent).await?;
    if cause.is_none() && raised_by_agent(&head) {
        return unchanged(cluster, request, &intent, say).await;
    }
    let baseline = head.baseline.clone().unwrap_or_else(|| intent.baseline.clone());
    let tag = tag_of(&baseline).unwrap_or(&intent.tag).to_owned();
    let parent = builds.iter().rev().find(|build| head.built.contains_key(&build.generation));
    let raise = Raise {
        record: &intent.record,
        seed: intent.seed,
        home: &intent.home,
        plan: &intent.plan,
        generation: head.generation,
        tag: &tag,
        baseline: &baseline,
        parent: parent.map(|build| build.namespace.as_str()),
        maker: Maker::Person,
        now: request.at,
    };
    let never_listened = cause.is_none() && head.generation == 1;
    let claimed = match dispatch::claim_next(cluster, &raise, head, say).await {
        // between our look at the head and now this listener was pushed to
        Err(Error::Ownership { .. }) if cause.is_none() => {
            return unchanged(cluster, request, &intent, say).await;
        }
        claimed => claimed?.0,
    };
    if claimed.created {
        say(&format!("namespace {} is ours", claimed.namespace));
    } else if let Some(before) = start::look(cluster, &claimed.namespace).await?
        && before.phase >= Phase::Listening
        && cause.is_none()
    {
        return unchanged(cluster, request, &intent, say).await;
    }
    let raised = start::raise_listener(cluster, &raise, &claimed, say).await?;
    leave_nothing_behind(cluster, request, &chain, say).await?;
    let build = start::listening(cluster, &raise, &claimed, never_listened, request.timeout, say).await?;
    Ok(match cause {
        Some(Cause::Ended | Cause::Gone) => Outcome::Started(build),
        Some(Cause::Changed | Cause::Behind | Cause::Rebased | Cause::Seedless) => Outcome::Configured(build),
        None if raised => Outcome::Started(build),
        None => Outcome::Unchanged(build),
    })
}

/// The build that the head names; also one on its way out.
fn newest<'a>(head: &Head, builds: &'a [Build]) -> Option<&'a Build> {
    let (_, uid) = head.claimed.as_ref()?;
    builds.iter().find(|build| build.uid == *uid)
}

/// Whether it is the predecessor's agent that raises the newest listener; otherwise a person does.
fn raised_by_agent(head: &Head) -> bool {
    head.built.contains_key(&head.generation.saturating_sub(1))
}

fn tag_of(baseline: &Baseline) -> Option<&str> {
    match baseline {
        Baseline::None => None,
        Baseline::Pending(tag) => Some(tag),
        Baseline::At(version) => Some(&version.tag),
    }
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
    if !raised_by_agent(head) {
        return Ok(newest.is_some_and(|build| build.phase >= Phase::Listening));
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
    request: &Request,
    intent: &Intent,
    head: &Head,
    kept: &Kept,
    builds: &[Build],
    deaf: bool,
) -> Option<Cause> {
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
    if deaf {
        return Some(Cause::Gone);
    }
    let stands_at = head.starting_point(newest);
    let asked = request.tag.as_deref();
    match stands_at.as_ref().and_then(tag_of) {
        Some(tag) if asked.is_some_and(|asked| asked != tag) => Some(Cause::Rebased),
        _ => None,
    }
}

/// Whether the chain has this pipeline already, as `start` was given it or as a push brought it since.
fn same_pipeline(intent: &Intent, kept: &Kept, head: &Head) -> bool {
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
fn point(request: &Request, intent: &Intent, head: &Head, newest: Option<&Build>) -> Baseline {
    let stands_at = head.starting_point(newest);
    let tag = stands_at.as_ref().and_then(tag_of);
    let follows = request.tag.is_some() || intent.plan.build.match_tag();
    match stands_at {
        _ if request.now => Baseline::None,
        Some(_) if follows && tag.is_some_and(|tag| tag != intent.tag) => intent.baseline.clone(),
        Some(stands_at) => stands_at,
        None => intent.baseline.clone(),
    }
}

/// The intent once more, judged from the tag that the listener will start from.
fn at_tag(request: &Request, intent: &Intent, head: &Head, point: &Baseline, say: Say<'_>) -> Result<Intent> {
    let tag = tag_of(point).unwrap_or(&intent.tag);
    if tag == intent.tag {
        return Ok(intent.clone());
    }
    let request = Request { tag: Some(tag.to_owned()), ..request.clone() };
    let (remote, seed) = (intent.record.settings.remote.clone(), intent.seed);
    let mut intent = request.intend(&intent.home).inspect_err(|_| {
        say(&format!("the chain stands at tag {tag}; with --tag it starts from another"));
    })?;
    intent.record.settings.uuid.clone_from(&head.uuid);
    intent.seed = seed;
    intent.record.settings.remote = remote;
    Ok(intent)
}

/// Binds us in a build's namespace, where we may not write anyway. What would follow that build.
async fn enter<'a>(
    cluster: &Cluster,
    request: &Request,
    intent: &'a Intent,
    newest: &Build,
) -> Result<Raise<'a>> {
    let raise = Raise {
        record: &intent.record,
        seed: intent.seed,
        home: &intent.home,
        plan: &intent.plan,
        generation: newest.generation + 1,
        tag: &intent.tag,
        baseline: &intent.baseline,
        parent: None,
        maker: Maker::Person,
        now: request.at,
    };
    let there = Claimed { namespace: newest.namespace.clone(), uid: newest.uid.clone(), created: false };
    dispatch::enter(cluster, &raise, &there).await?;
    Ok(raise)
}

/// Has the server look at listener and Job, beside those that are there, before anything is changed.
async fn try_out(cluster: &Cluster, request: &Request, intent: &Intent, newest: &Build) -> Result<()> {
    let namespace = newest.namespace.as_str();
    let raise = enter(cluster, request, intent, newest).await?;
    let next = ListenerOf { tag: raise.tag, generation: raise.generation };
    let job = start::job(&raise, namespace);
    match dispatch::refused(cluster, &intent.plan, &next, job, namespace).await? {
        Some((what, why)) => Err(start::refusing(why.about(format!("the {what}")))),
        None => Ok(()),
    }
}

/// Rewrites the record where it differs, and moves the head. A push that wins the head first is followed: its successor
/// is what is replaced.
async fn renew(
    cluster: &Cluster,
    request: &Request,
    intent: &Intent,
    kept: &Kept,
    mut head: Head,
    point: &Baseline,
    cause: Cause,
) -> Result<Head> {
    let chain = &intent.record.settings.chain;
    let raced = || {
        Error::ownership(
            format!("somebody else changes chain {chain} at this moment"),
            "run it again: it goes on from what the other one has made",
        )
    };
    let changed = intent.record.sources != kept.record.sources
        || intent.record.settings != kept.record.settings
        || intent.record.secrets() != kept.record.secrets();
    let edition = if changed { kept.edition.max(head.edition) + 1 } else { kept.edition };
    if changed {
        home::rewrite(cluster, kept, &intent.record, edition)
            .await
            .map_err(|error| if error.is_conflict() { raced() } else { error })?;
    }
    let mut point = point.clone();
    loop {
        match home::move_head(cluster, chain, &head.renew(edition, &point)).await {
            Err(error) if error.is_conflict() => {}
            moved => return moved,
        }
        let before = head;
        head = dispatch::head_of(cluster, chain).await?;
        // whatever moved the head, if not the agents that were triggered, has raised a listener as fresh as ours
        let by_agents = (before.generation..head.generation).all(|passed| head.built.contains_key(&passed));
        if head.purging || head.ended != before.ended || head.edition != before.edition || !by_agents {
            return Err(raced());
        }
        if cause != Cause::Rebased && head.generation != before.generation {
            let newest = match &head.claimed {
                Some((namespace, _)) => start::look(cluster, namespace).await?,
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

/// The chain is as it was asked for. Its waiting listener gets the pull Secrets of now, what an earlier start left behind is
/// disposed of, and it is waited for until somebody listens.
async fn unchanged(cluster: &Cluster, request: &Request, intent: &Intent, say: Say<'_>) -> Result<Outcome> {
    let chain = &intent.record.settings.chain;
    leave_nothing_behind(cluster, request, chain, say).await?;
    let begun = tokio::time::Instant::now();
    let (mut told, mut refreshed) = (String::new(), false);
    loop {
        let newest = newest_of(cluster, chain).await?;
        if newest.phase <= Phase::Listening && !intent.plan.pull_secrets.is_empty() && !refreshed {
            refresh(cluster, request, intent, &newest).await?;
            refreshed = true;
        }
        let why = match (newest.phase, listens::deaf(cluster, &newest).await?) {
            (Phase::Listening, None) => return Ok(Outcome::Unchanged(newest)),
            (_, Some(why)) => format!("namespace {}: {why}", newest.namespace),
            (phase, None) => {
                let error = newest.dispatch_error.as_deref().unwrap_or("the next listener comes up");
                format!("namespace {} is {phase}: {error}", newest.namespace)
            }
        };
        if why != told {
            say(&format!("nobody listens yet: {why}"));
            told = why;
        }
        if begun.elapsed() >= request.timeout {
            return Err(Error::timeout(
                format!(
                    "chain {chain} is as it was asked for, but after {} s nobody listens: {told}",
                    request.timeout.as_secs()
                ),
                "mend what is named; or kubectl studioci start --tag TAG lets a fresh listener carry on from another tag",
            ));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// The newest build of the chain.
async fn newest_of(cluster: &Cluster, chain: &str) -> Result<Build> {
    // the head as it is now: what was claimed since an earlier look is proved by that one alone
    let head = dispatch::head_of(cluster, chain).await?;
    let (namespaces, _) = dispose::look(cluster, chain).await?;
    let builds = namespaces.iter().filter_map(|namespace| read_build(namespace).ok());
    let newest =
        builds.filter(|build| head.proves(build) && !build.terminating).max_by_key(|build| build.generation);
    newest.ok_or_else(|| {
        Error::unready(
            format!(
                "chain {chain} is at generation {}, and none of its namespaces is there",
                head.generation
            ),
            "they were deleted by hand; run start again, which raises a fresh listener",
        )
    })
}

/// Writes the pull Secrets that a waiting listener has anew.
async fn refresh(cluster: &Cluster, request: &Request, intent: &Intent, newest: &Build) -> Result<()> {
    let namespace = newest.namespace.as_str();
    enter(cluster, request, intent, newest).await?;
    for secret in &intent.plan.pull_secrets {
        let mut secret = secret.clone();
        place(&mut secret, namespace);
        let name = secret["metadata"]["name"].as_str().unwrap_or_default();
        // a pipeline that was pushed since may do without it
        let patch = Patch::Merge(&secret);
        let ask = || dispatch::patch_if_there(cluster, &kind::SECRETS, namespace, name, patch);
        dispatch::patiently(cluster, ask).await?;
    }
    Ok(())
}

/// Disposes of listeners that the head has passed.
async fn leave_nothing_behind(cluster: &Cluster, request: &Request, chain: &str, say: Say<'_>) -> Result<()> {
    dispose::left_behind(cluster, chain, request.at, &mut |target, end| match end {
        Ok(End::Deleted) => say(&format!("namespace {} goes: it was never triggered", target.namespace)),
        Ok(End::Stays(why)) => {
            say(&format!("Warning: namespace {} stays: {}", target.namespace, why.sentence));
        }
        Ok(End::Going) => {}
        Err(error) => say(&format!("error: namespace {}: {error}", target.namespace)),
    })
    .await
}
