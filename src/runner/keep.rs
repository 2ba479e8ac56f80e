//! Keeps the end of a build's log, before anything is torn down.
//!
//! A verdict waits for none of this longer than some seconds: a node that is away, a Secret that is gone and a log without an
//! end are told in the log's place, or in the diary.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::Agent;
use crate::agent::Observation;
use crate::agent::kept::{of_build, of_support};
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::kept_log::{KeptLog, KeptPart};
use crate::chain::masking::Masking;
use crate::chain::pod::{Container, Pod};
use crate::cluster::LogSource;
use crate::state::error::{Error, Result};
use crate::state::{kept_log, support};

/// How long one log is read.
const READING: Duration = Duration::from_secs(10);

/// What may be kept and told of a build.
#[derive(Debug, Default)]
pub(super) struct Discretion {
    /// What is masked.
    pub(super) masking: Masking,
    /// Bytes of the log that are kept; none where it is not known what to mask.
    keep: usize,
    /// Whether it is known what to mask.
    known: bool,
}

impl Agent<'_> {
    /// What is masked in what is told of a build, and how much of its log is kept. Where the chain's values cannot be read,
    /// nothing is.
    pub(super) async fn discretion(&mut self, build: &Build) -> Result<Discretion> {
        match self.known(build).await {
            Ok((record, _)) => Ok(Discretion {
                masking: Masking::of(record.secrets().values().map(String::as_str)),
                keep: record.settings.keep_log,
                known: true,
            }),
            Err(Error::Cluster(error)) if error.is_transient() => Err(error.into()),
            Err(error) => {
                self.note(&format!("nothing of the build's own words is kept: {error}"));
                Ok(Discretion::default())
            }
        }
    }

    /// Masks what the containers of a pod left as their word.
    pub(super) async fn mask_words(&mut self, build: &Build, pod: &mut Pod) -> Result<()> {
        if pod.containers.iter().all(|one| one.message.is_empty()) {
            return Ok(());
        }
        let Discretion { masking, known, .. } = self.discretion(build).await?;
        for one in &mut pod.containers {
            one.message = if known { masking.text(&one.message) } else { String::new() };
        }
        Ok(())
    }

    /// Keeps the end of the logs of a build that is over; whether that was done. `container`: the build's own.
    pub(super) async fn keep_log(
        &mut self,
        seen: &Observation,
        verdict: Verdict,
        (pods, container): (&[Pod], &str),
        how: &Discretion,
    ) -> bool {
        if how.keep == 0 {
            return false;
        }
        let build = &seen.build;
        let log = self.read_logs(build, verdict, (pods, container), how).await;
        match kept_log::write(self.cluster, &build.chain, build.generation, &log).await {
            Ok(()) => true,
            Err(error) => {
                self.note(&format!("the build's log is not kept: {error}"));
                false
            }
        }
    }

    async fn read_logs(
        &self,
        build: &Build,
        verdict: Verdict,
        (pods, container): (&[Pod], &str),
        how: &Discretion,
    ) -> KeptLog {
        let mut log = KeptLog { uid: build.uid.clone(), ..KeptLog::default() };
        let mut unready = Vec::new();
        let mut which = of_build(pods, container, verdict == Verdict::Passed);
        let begun = build.times.contains_key(&Phase::Building);
        let unmade = pods.is_empty() && build.job_uid.is_none();
        if build.times.contains_key(&Phase::Preparing) && (unmade || !begun) {
            let looking = support::unready_pods(self.cluster, &build.namespace);
            unready = match timeout(READING, looking).await {
                Ok(Ok(pods)) => pods,
                Ok(Err(error)) => {
                    log.why = Some(format!(
                        "support cannot be looked at: {}",
                        how.masking.text(&error.to_string())
                    ));
                    Vec::new()
                }
                Err(_) => {
                    log.why = Some("support cannot be looked at in time".to_owned());
                    Vec::new()
                }
            };
            which = of_support(&unready);
        } else if pods.is_empty() && begun && build.job_uid.is_some() {
            log.why = Some("the build's pod was gone before its log was read".to_owned());
        }
        let all = || pods.iter().chain(&unready);
        let reads = which.into_iter().map(|(pod, container)| {
            let told = all().find(|one| one.name == pod).and_then(|one| one.container(container));
            self.read_log(build, (pod, container), told, how)
        });
        log.containers = join_all(reads).await;
        log.within(how.keep)
    }

    async fn read_log(
        &self,
        build: &Build,
        (pod, container): (&str, &str),
        told: Option<&Container>,
        how: &Discretion,
    ) -> KeptPart {
        let source = LogSource { namespace: &build.namespace, pod, container };
        let masking = &how.masking;
        // what is cut may begin with a part of a value, which nobody would find
        let (over, reason) = (masking.longest(), |error: &dyn ToString| masking.text(&error.to_string()));
        match self.cluster.log_end(&source, how.keep + over, READING).await {
            Ok(end) => {
                let bytes = masking.bytes(&end.bytes, if end.cut { over } else { 0 });
                let mut part = KeptPart::of(pod, container, end.cut, bytes);
                if !end.ended {
                    part.why = Some(format!("it did not come to its end within {} s", READING.as_secs()));
                } else if let Some(told) = told.filter(|_| !end.cut && !end.bytes.is_empty()) {
                    let first = self.cluster.log_begins(&source, READING / 5).await;
                    let late = first.and_then(|first| told.begins_late(first));
                    part.why = late.map(|late| format!("it {late}"));
                }
                part
            }
            Err(error) => KeptPart::unread(pod, container, reason(&error)),
        }
    }
}
