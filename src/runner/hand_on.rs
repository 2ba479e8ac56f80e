//! Handing on: the successor's namespace and listener.

use jiff::ToSpan;
use serde_json::json;

use super::Agent;
use crate::agent::Observation;
use crate::chain::build::{Baseline, Dispatch, Phase, Verdict};
use crate::chain::wire;
use crate::state::claim::Claim;
use crate::state::dispatch::{self, Raise};
use crate::state::error::{Error, Result};
use crate::state::{dry_run, home, seed};

/// The longest pause between two tries to dispatch.
const DISPATCH_PAUSE_MAX: i64 = 120;

impl Agent<'_> {
    /// Claims the next namespace and raises the next listener in it; a failure is written down and tried again.
    pub(super) async fn dispatch(&mut self, seen: &mut Observation) -> Result<()> {
        let error = match self.try_dispatch(seen).await {
            Ok(()) => {
                self.timers.dispatch_failures = 0;
                self.timers.dispatch_again = None;
                return Ok(());
            }
            Err(error) if error.is_conflict() => return Err(error),
            Err(error) => error,
        };
        if self.drops_what_was_brought(seen, &error).await? {
            return Ok(());
        }
        let why = error.one_line();
        self.timers.dispatch_failures += 1;
        let pause = (1i64 << self.timers.dispatch_failures.min(7)).min(DISPATCH_PAUSE_MAX);
        self.timers.dispatch_again = Some(self.now() + pause.seconds());
        self.note(&format!("the next listener cannot be dispatched: {error}; again in {pause} s"));
        self.patch_namespace(seen, json!({}), json!({ wire::DISPATCH_ERROR: why })).await
    }

    /// The next listener, dispatched by a person, who is told what is in the way of it.
    ///
    /// # Errors
    /// As the dispatch.
    pub(super) async fn dispatch_by_hand(&mut self, seen: &mut Observation) -> Result<()> {
        match self.try_dispatch(seen).await {
            Err(error) if self.drops_what_was_brought(seen, &error).await? => self.try_dispatch(seen).await,
            dispatched => dispatched,
        }
    }

    /// Whether the listener was refused though the check had passed, for what the push brought: that is dropped, and the last good
    /// listener goes on.
    async fn drops_what_was_brought(&mut self, seen: &mut Observation, error: &Error) -> Result<bool> {
        let refused = matches!(error, Error::Cluster(error) if dry_run::blames_the_object(error));
        if !refused || self.brought(seen).await?.is_none() {
            return Ok(false);
        }
        let why = error.one_line();
        self.findings.refused = true;
        self.note(&format!("the API server refuses the next listener: {why}; taking the last good one"));
        if seen.build.verdict.is_none() && seen.build.phase < Phase::Preparing {
            let cause = format!(
                "the pushed pipeline cannot be used: the API server refuses the next listener: {why}"
            );
            let annotations = json!({ wire::VERDICT: Verdict::Errored.as_str(), wire::CAUSE: cause });
            self.patch_namespace(seen, json!({}), annotations).await?;
        }
        Ok(true)
    }

    /// Disposes of what an earlier start of this agent has claimed for a generation that the head has passed since.
    async fn abandon(&mut self, seen: &Observation, next: u64) -> Result<()> {
        let (cluster, now) = (self.cluster, self.now());
        let namespace = self.me.namespace.clone();
        let origin = seed::seed_of(cluster, &seen.build.chain).await?;
        let (record, home) = self.known(&seen.build).await?;
        let (settings, parent) = (&record.settings, Some(namespace.as_str()));
        let claim = Claim::of_listener(settings, origin, &home.added, next, &Baseline::None, parent, now);
        let maker = self.maker(&namespace, &seen.build.uid);
        dispatch::abandon(cluster, &claim, maker, &seen.head).await
    }

    /// An administrator may have run `setup` since this agent came up: what home says now is what the policies allow.
    async fn look_home_again(&mut self, seen: &Observation) -> Result<()> {
        let now = home::home(self.cluster).await?;
        let (record, before) = self.known(&seen.build).await?.clone();
        if now != before {
            self.cache.known = Some((record, now));
            self.cache.plan = None;
        }
        Ok(())
    }

    async fn try_dispatch(&mut self, seen: &mut Observation) -> Result<()> {
        let settled =
            |dispatch: Dispatch| json!({ wire::DISPATCH: dispatch.as_str(), wire::DISPATCH_ERROR: null });
        if seen.head.uuid != seen.build.chain_uuid {
            return self.patch_namespace(seen, json!({}), settled(Dispatch::Ended)).await;
        }
        let next = seen.build.generation + 1;
        if seen.head.generation > next {
            // where `start` came between a claim and its place in the head, nobody else knows of what was claimed
            if seen.head.abandons(next) {
                self.abandon(seen, next).await?;
            }
            return self.patch_namespace(seen, json!({}), settled(Dispatch::Done)).await;
        }
        let freeze = seen.freeze.clone().ok_or_else(|| self.unfrozen())?;
        self.look_home_again(seen).await?;
        let (record, home) = self.known(&seen.build).await?.clone();
        let brought = self.brought(seen).await?;
        let plan = match &brought {
            Some(_) => self.plan(seen).await?.clone(),
            None => self.plan_of_last_good(seen).await?.map_err(Error::Pipeline)?,
        };
        let (lent, settings) = (&plan.namespace, &record.settings);
        if lent.labels != settings.labels || lent.annotations != settings.annotations {
            self.warn(
"the pushed pipeline asks for other labels or annotations of its namespace; those of a chain are \
                 fixed when it is started, and stay: kubectl studioci start with this pipeline changes them",
            );
        }
        let (namespace, uid) = (self.me.namespace.clone(), seen.build.uid.clone());
        let origin = seed::seed_of(self.cluster, &seen.build.chain).await?;
        let baseline = Baseline::At(freeze.version.clone());
        let (parent, now) = (Some(namespace.as_str()), self.now());
        let claim = Claim::of_listener(settings, origin, &home.added, next, &baseline, parent, now);
        let maker = self.maker(&namespace, &uid);
        if seen.head.ended.is_some() {
            dispatch::abandon(self.cluster, &claim, maker, &seen.head).await?;
            return self.patch_namespace(seen, json!({}), settled(Dispatch::Ended)).await;
        }
        let (claimed, head) =
            dispatch::claim_next(self.cluster, &claim, maker, seen.head.clone(), self.say).await?;
        seen.head = head;
        if seen.build.dispatch == Dispatch::Pending
            || seen.build.successor.as_ref() != Some(&claimed.namespace)
        {
            let mut annotations = settled(Dispatch::Claimed);
            annotations[wire::SUCCESSOR] = json!(claimed.namespace);
            self.note(&format!("next listener in {}", claimed.namespace));
            self.patch_namespace(seen, json!({}), annotations).await?;
        }
        let raise = Raise { claim: &claim, maker, plan: &plan, tag: &freeze.version.tag };
        dispatch::raise(self.cluster, &raise, &claimed, self.say).await?;
        if let Some(text) = &brought {
            let patch = seen.head.last_good(text);
            self.patch_head(seen, &patch).await?;
        }
        self.patch_namespace(seen, json!({}), settled(Dispatch::Done)).await
    }
}
