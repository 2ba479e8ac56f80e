//! What a build has reserved, found out when it is recorded: afterwards its pods are gone.

use std::time::Duration;

use tokio::time::timeout;

use super::Agent;
use crate::chain::build::{Build, Phase};
use crate::chain::reserved::{Reserved, ReservedFor, ReservingPod, reserved};
use crate::chain::wire;
use crate::cluster::Query;
use crate::cluster::resource as kind;

/// How long the verdict waits for it.
const LOOKING: Duration = Duration::from_secs(10);

impl Agent<'_> {
    /// The pods of a build's namespace, or why they are not known. Of a build that has brought nothing up there are none.
    pub(super) async fn reserving(&self, build: &Build) -> Result<Vec<ReservingPod>, &'static str> {
        if !build.times.contains_key(&Phase::Preparing) {
            return Ok(Vec::new());
        }
        let (namespace, every) = (Some(build.namespace.as_str()), Query::default());
        // how a request ends is no word of a record that others read
        match timeout(LOOKING, self.cluster.list(&kind::PODS, namespace, &every)).await {
            Ok(Ok(list)) => Ok(list.items),
            Ok(Err(_)) | Err(_) => Err("its pods could not be listed when it was recorded"),
        }
    }

    /// What these pods have reserved for a build that comes to its verdict now. `container`: the build's own.
    pub(super) fn reserved(
        &self,
        build: &Build,
        pods: Result<Vec<ReservingPod>, &'static str>,
        container: &str,
    ) -> Reserved {
        let Some(since) = build.times.get(&Phase::Preparing) else { return Reserved::default() };
        match pods {
            Ok(pods) => reserved(
                &pods,
                &ReservedFor {
                    agent: &wire::agent_account(&build.chain),
                    job: build.job_uid.as_deref(),
                    container,
                    since: *since,
                    until: self.now(),
                },
            ),
            Err(why) => Reserved::unknown(why),
        }
    }
}
