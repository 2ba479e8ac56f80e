//! Cancel a build by hand. The verb asks; the build's own agent does, or where that is gone, the newest listener's.
//!
//! What is asked stands on the build's Namespace, which the build itself may not write. It is written on the very version that
//! was judged: a listener is never asked, nor a build that has its verdict.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::watch::{self, Change};
use crate::agent::BY_HAND;
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster, Patch};
use crate::state::build::look;
use crate::state::error::{CancelFault, Error, Result};
use crate::state::{DryRun, dispose, enter, head, write};

/// The build of a chain that is meant: the one that runs.
///
/// # Errors
/// [`CancelFault::NothingRuns`] and its like where that is none, or not one alone.
pub fn meant(builds: &[Build]) -> Result<&Build> {
    let mut running: Vec<&Build> = builds.iter().filter(|build| build.runs()).collect();
    running.sort_by_key(|build| build.generation);
    // a side build is meant by its own name
    let (sides, pushes): (Vec<&Build>, Vec<&Build>) = running.into_iter().partition(|build| build.is_side());
    let chain = builds.first().map(|build| build.chain.clone()).unwrap_or_default();
    let named = |builds: &[&Build]| {
        builds.iter().map(|build| build.namespace.as_str()).collect::<Vec<_>>().join(", ")
    };
    let fault = match (&pushes[..], &sides[..]) {
        ([one], _) => return Ok(one),
        ([], []) => CancelFault::NothingRuns { chain },
        ([], [one]) => CancelFault::SideRuns { chain, build: one.namespace.clone() },
        ([], several) => CancelFault::SidesRun { chain, builds: named(several) },
        (several, _) => CancelFault::SeveralRun { chain, builds: named(several) },
    };
    Err(fault.into())
}

/// Asks for a build to be cancelled. `false` where that was asked before, or it is Cancelled already.
///
/// # Errors
/// [`CancelFault`] where there is nothing to cancel; cluster errors.
pub async fn cancel(cluster: &Cluster, build: &Build, dry_run: DryRun) -> Result<bool> {
    let mut now = build.clone();
    let mut entered = false;
    loop {
        if let Some(refused) = refusal(&now) {
            return Err(refused);
        }
        if now.cancel.is_some() || now.verdict.is_some() {
            return Ok(false);
        }
        if !entered {
            let wanted = [Access::to("patch", &kind::NAMESPACES, Some(&now.namespace))];
            enter::by_hand(cluster, &now, &wanted, dry_run).await?;
            entered = true;
        }
        if dry_run == DryRun::Client {
            return Ok(true);
        }
        let asked = json!({ "metadata": {
            "resourceVersion": now.resource_version, "annotations": { wire::CANCEL: BY_HAND },
        } });
        let (name, patch) = (now.namespace.as_str(), Patch::Merge(&asked));
        let written = write::patiently(cluster, || async move {
            match dry_run {
                DryRun::Server => {
                    cluster.try_patch::<NamespaceObject>(&kind::NAMESPACES, None, name, patch).await
                }
                _ => cluster.patch::<NamespaceObject>(&kind::NAMESPACES, None, name, patch).await,
            }
        });
        match written.await {
            Ok(_) => return Ok(true),
            // its agent is at work on it
            Err(error) if error.is_conflict() || error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        let found = look(cluster, &now.namespace).await?.filter(|found| found.uid == now.uid);
        now = found.ok_or_else(|| CancelFault::Gone { build: build.namespace.clone() })?;
    }
}

/// Gives up a side build whose making was broken off, or goes on elsewhere: it has no agent that could be asked. What was made of
/// it is disposed of. `false` where there is nothing to give up.
///
/// # Errors
/// Cluster errors.
pub async fn give_up(cluster: &Cluster, build: &Build, dry_run: DryRun, now: Timestamp) -> Result<bool> {
    if !build.is_side() {
        return Ok(false);
    }
    loop {
        let Some(head) = head::head(cluster, &build.chain).await? else { return Ok(false) };
        let given_up = head.was_given_up(build.generation);
        if head.uuid != build.chain_uuid || !(given_up || head.is_making(build.generation)) {
            return Ok(false);
        }
        if dry_run.is_dry() {
            return Ok(true);
        }
        if given_up {
            // somebody was stopped before they had disposed of it
            break;
        }
        match head::move_head(cluster, &build.chain, &head.give_up_side(build.generation)).await {
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    dispose::left_behind(cluster, &build.chain, now, &mut |_, _| {}).await?;
    Ok(true)
}

/// Why this build is not cancelled.
fn refusal(build: &Build) -> Option<Error> {
    let name = &build.namespace;
    if build.chain == wire::CLAIM_CHAIN {
        return Some(CancelFault::OfClaim { namespace: name.clone() }.into());
    }
    match (build.verdict, build.phase) {
        (Some(Verdict::Cancelled), _) => None,
        (Some(verdict), _) => {
            Some(CancelFault::Over { build: name.clone(), verdict: verdict.to_string() }.into())
        }
        _ if build.terminating => Some(Error::BeingDeleted { build: name.clone() }),
        (None, Phase::Claimed | Phase::Listening) if !build.is_side() => {
            Some(CancelFault::NothingPushed { build: name.clone(), chain: build.chain.clone() }.into())
        }
        (None, Phase::Recorded | Phase::Finished | Phase::Disposing) => {
            Some(Error::BeingDeleted { build: name.clone() })
        }
        (None, _) => None,
    }
}

/// Waits until a build that was asked for is Cancelled. `tell`: what keeps it from that.
///
/// # Errors
/// [`CancelFault::Over`] where it had ended before its agent came to it; as [`watch::watch`], which is over after `bound`.
pub async fn settled(
    cluster: &Cluster,
    build: &Build,
    bound: Option<Duration>,
    tell: &mut dyn FnMut(&Change),
) -> Result<()> {
    let mut tell = |change: &Change| {
        tell(change);
        ControlFlow::Continue(())
    };
    match watch::watch_build(cluster, build, bound, &mut tell).await? {
        None | Some(Verdict::Cancelled) => Ok(()),
        Some(verdict) => {
            let build = build.namespace.clone();
            Err(CancelFault::Over { build, verdict: verdict.to_string() }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_a_push_to_build_and_no_verdict_can_be_cancelled() {
        use Phase::{
            Building, Claimed, Detached, Disposing, Finished, Listening, Preparing, Queued, Recorded,
            Triggered,
        };
        let why = |phase, more: &[(&str, &str)]| {
            refusal(&Build::played("ci-a", phase, more)).map(|why| why.to_string())
        };
        for phase in [Claimed, Listening] {
            let listener = "build ci-a is a listener: nothing was pushed to it yet";
            assert_eq!(why(phase, &[]).as_deref(), Some(listener), "{phase}");
        }
        for phase in [Triggered, Detached, Queued, Preparing, Building] {
            assert_eq!(why(phase, &[]), None, "{phase}");
            let decided = why(phase, &[(wire::VERDICT, "Errored")]);
            assert_eq!(decided.as_deref(), Some("build ci-a is already Errored"), "{phase}");
            let going = Build { terminating: true, ..Build::played("ci-a", phase, &[]) };
            assert_eq!(
                refusal(&going).map(|why| why.to_string()).as_deref(),
                Some("build ci-a is being deleted")
            );
        }
        for phase in [Recorded, Finished, Disposing] {
            assert_eq!(why(phase, &[(wire::VERDICT, "Cancelled")]), None, "{phase}: it is so already");
            let passed = why(phase, &[(wire::VERDICT, "Passed")]);
            assert_eq!(passed.as_deref(), Some("build ci-a is already Passed"), "{phase}");
        }
        for phase in [Claimed, Listening] {
            let number = crate::chain::side::FIRST.to_string();
            assert_eq!(why(phase, &[(wire::GENERATION, &number)]), None, "{phase}: asked for by hand");
        }
        let claim = Build { chain: wire::CLAIM_CHAIN.to_owned(), ..Build::played("ci-a", Claimed, &[]) };
        assert_eq!(
            refusal(&claim).map(|why| why.to_string()).as_deref(),
            Some("namespace ci-a is a bare claim, not a build")
        );
    }

    #[test]
    fn of_a_chain_the_one_build_that_runs_is_meant() {
        let build = |name, phase, more: &[(&str, &str)]| Build::played(name, phase, more);
        let said = |builds: &[Build]| match meant(builds) {
            Ok(build) => build.namespace.clone(),
            Err(why) => why.to_string(),
        };
        let listener = build("ci-c", Phase::Listening, &[]);
        let over = build("ci-a", Phase::Finished, &[(wire::VERDICT, "Passed")]);
        let runs = build("ci-b", Phase::Building, &[]);
        assert_eq!(said(&[over.clone(), runs.clone(), listener.clone()]), "ci-b");
        assert_eq!(said(&[over.clone(), listener.clone()]), "no build of chain app runs");
        let queued = build("ci-d", Phase::Queued, &[(wire::GENERATION, "5")]);
        assert_eq!(said(&[queued, runs, listener]), "several builds of chain app run: ci-b, ci-d");
        let recording = build("ci-e", Phase::Detached, &[(wire::VERDICT, "Errored")]);
        assert_eq!(said(std::slice::from_ref(&recording)), "no build of chain app runs");
        let side = |name, phase, place: u64| {
            build(name, phase, &[(wire::GENERATION, &(crate::chain::side::FIRST + place).to_string())])
        };
        let by_hand = side("ci-s", Phase::Claimed, 0);
        let over = Build { verdict: Some(Verdict::Passed), ..side("ci-r", Phase::Finished, 1) };
        assert_eq!(
            said(&[recording.clone(), by_hand.clone(), over]),
            "no push of chain app is being built; what runs is ci-s, a build by hand, and that is meant by its own name"
        );
        let other = side("ci-t", Phase::Building, 2);
        assert_eq!(
            said(&[other.clone(), recording, by_hand.clone()]),
            "no push of chain app is being built; what runs are builds by hand, and those are meant by their own names: \
             ci-s, ci-t"
        );
        assert_eq!(
            said(&[by_hand, build("ci-b", Phase::Queued, &[]), other]),
            "ci-b",
            "beside whatever runs by hand"
        );
    }
}
