//! Values that change while a listener waits: its pull Secrets follow them.
//!
//! What a registry is asked with may expire (an ECR login lasts 12 hours), and somebody writes a new one into the chain's
//! Secret in home: a person, a CronJob, an operator. A waiting agent watches that Secret, renders its pipeline with the new
//! values, and writes the pull Secrets of its own namespace anew. A push goes before that, also one that is not told of
//! yet: only who has nothing else to do looks.
//!
//! What `start` was given is rendered by itself. A push may add pull Secrets, and its text may be such that it cannot be
//! rendered with other values; that must not keep the chain's own from being renewed, or no push could mend it.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::Value;

use super::Agent;
use super::known::Of;
use super::push::in_one_line;
use crate::agent::{Observation, brings_news};
use crate::chain::build::{Map, Phase};
use crate::chain::wire;
use crate::pipeline::fault::Fault;
use crate::state::error::{Error, Result};
use crate::state::{events, pull_secrets, record};

/// How long one stream of the watch lasts. Whether its connection died without a word is known some seconds after that: what
/// was written meanwhile still arrives within a minute.
pub(super) const SPAN: Duration = Duration::from_secs(50);
/// Seconds until what failed is tried again; they double.
const AGAIN: i64 = 5;
/// The most of them.
const AGAIN_MAX: i64 = 240;

/// What is said where nothing could be written.
const STAY: &str = "the pull Secrets stay as they were";
/// The same where those that `start` was given are written.
const OF_PUSH_STAY: &str = "the pull Secrets that a push has added stay as they were";

/// How far the pull Secrets follow the chain's Secret.
#[derive(Default)]
pub(super) struct Rotation {
    /// Whether there are any; unknown until the pipeline was rendered.
    pub(super) any: Option<bool>,
    /// Whether nothing has changed since they were looked at.
    settled: bool,
    /// The values that all of them were written with last.
    written: Option<Map>,
    /// Whether they were looked at before: the first time, what they hold is no news.
    looked: bool,
    /// Why they are not what they should be.
    trouble: Option<String>,
    failures: u32,
    /// When what failed is tried again.
    pub(super) again: Option<Timestamp>,
}

impl Rotation {
    /// The chain's Secret has changed, or may have.
    pub(super) fn ring(&mut self) {
        (self.settled, self.failures, self.again) = (false, 0, None);
    }

    /// What is waited for, and what is wrong with the pull Secrets beside it.
    fn beside(&self, why: Option<String>) -> Option<String> {
        match (why, &self.trouble) {
            (Some(why), Some(trouble)) => Some(format!("{why}; {trouble}")),
            (why, trouble) => why.or_else(|| trouble.clone()),
        }
    }
}

impl Agent<'_> {
    /// The chain whose Secret is watched: this is its own listener, which waits and has pull Secrets.
    pub(super) fn follows(&self) -> Option<&str> {
        let follows =
            self.me.role.is_own() && self.cache.freeze.is_none() && self.rotation.any != Some(false);
        self.cache.chain.as_deref().filter(|_| follows)
    }

    /// What is waited for; of a listener that waits also what is wrong with its pull Secrets.
    pub(super) fn why_beside(&self, seen: &Observation, why: Option<String>) -> Option<String> {
        let waits = self.follows().is_some() && seen.build.phase <= Phase::Listening;
        if waits { self.rotation.beside(why) } else { why }
    }

    /// Writes the pull Secrets anew where the chain's Secret holds other values by now. Whether what is to be said of them
    /// has changed.
    pub(super) async fn rotate(&mut self, seen: &Observation) -> bool {
        let now = self.now();
        let due = !self.rotation.settled && self.rotation.again.is_none_or(|at| at <= now);
        if !due || self.follows().is_none() || seen.build.phase > Phase::Listening || brings_news(seen) {
            return false;
        }
        let trouble = match self.try_rotate(seen).await {
            Ok(trouble) => {
                self.rotation.settled = true;
                (self.rotation.failures, self.rotation.again) = (0, None);
                trouble
            }
            Err(error) => {
                let pause = AGAIN.saturating_mul(1 << self.rotation.failures.min(6)).min(AGAIN_MAX);
                self.rotation.failures += 1;
                self.rotation.again = Some(self.now() + pause.seconds());
                let why = error.one_line();
                let why = format!("the pull Secrets cannot be renewed: {why}");
                if matches!(&error, Error::Cluster(error) if error.is_transient()) {
                    self.note(&format!("{why}; again in {pause} s"));
                    return false;
                }
                Some(why)
            }
        };
        let news = trouble != self.rotation.trouble;
        if let Some(why) = trouble.as_ref().filter(|_| news) {
            self.warn(why);
            self.warn_in_events(why).await;
        }
        self.rotation.trouble = trouble;
        news
    }

    async fn warn_in_events(&mut self, why: &str) {
        let Some(listener) = &self.cache.listener else { return };
        let (namespace, reason) = (&self.me.namespace, "PullSecretsNotRenewed");
        // the diary has it in any case
        let _ = events::warn(self.cluster, namespace, listener, reason, why, self.now()).await;
    }

    /// Why the pull Secrets stay as they were; none where they are as the chain's Secret has it.
    async fn try_rotate(&mut self, seen: &Observation) -> Result<Option<String>> {
        let object = wire::chain_object(&seen.build.chain);
        let (record, home) = self.known(&seen.build).await?.clone();
        let Some(values) = record::values(self.cluster, &seen.build.chain).await? else {
            // whoever replaces it makes it again in a moment
            return Ok(Some(format!("{STAY}: Secret {object} in namespace {} is gone", wire::HOME)));
        };
        let first = !std::mem::replace(&mut self.rotation.looked, true);
        // until it is known that all are written anew, some of them may be
        if self.rotation.written.take().as_ref() == Some(&values) {
            self.rotation.written = Some(values);
            return Ok(None);
        }
        let before = self.cache.known.replace((record.with_secrets(&values), home));
        let written = Box::pin(self.write_pull_secrets(seen)).await;
        match &written {
            Ok(Ok(count)) => {
                if !first && *count > 0 {
                    self.note(&format!("Secret {object} has changed: the pull Secrets are written anew"));
                }
                self.rotation.any = Some(*count > 0);
                self.rotation.written = Some(values);
            }
            // what this agent renders with is what was good last
            _ => self.cache.known = before,
        }
        let unusable = |(which, faults): (&str, Vec<Fault>)| {
            let why = in_one_line(&faults);
            format!("{which}: the values in Secret {object} cannot be used: {why}")
        };
        Ok(written?.err().map(unusable))
    }

    /// Renders with the values that are known, and writes: how many, or which are left as they were, and why.
    async fn write_pull_secrets(
        &mut self,
        seen: &Observation,
    ) -> Result<std::result::Result<usize, (&'static str, Vec<Fault>)>> {
        let freeze = self.unfrozen_yet(seen).await?;
        let at_start = self.plan_for(seen, &freeze, Of::Start).await?;
        let secrets = at_start.as_ref().map(|plan| plan.pull_secrets.clone()).unwrap_or_default();
        let namespace = self.me.namespace.clone();
        pull_secrets::renew(self.cluster, &secrets, &namespace).await?;
        if !self.pushed_text(seen).await? {
            return Ok(at_start.map(|_| secrets.len()).map_err(|faults| (STAY, faults)));
        }
        let pushed = match self.plan_for(seen, &freeze, Of::LastGood).await? {
            Ok(plan) => plan.pull_secrets,
            Err(faults) => return Ok(Err((OF_PUSH_STAY, faults))),
        };
        let name = |secret: &Value| secret["metadata"]["name"].clone();
        let known = |one: &Value| secrets.iter().any(|other| name(other) == name(one));
        let more: Vec<Value> = pushed.into_iter().filter(|secret| !known(secret)).collect();
        pull_secrets::renew(self.cluster, &more, &namespace).await?;
        Ok(Ok(secrets.len() + more.len()))
    }
}
