//! A build that Kueue admits: why it waits, and that its pod runs only once support is ready.

use serde_json::{Value, json};

use super::Agent;
use super::served::ServedJob;
use crate::agent::Observation;
use crate::chain::kueue::{QueuedBuild, QueuedWorkload, Unadmitted, queue_of};
use crate::chain::pod::Pod;
use crate::chain::resource::Resource;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Error, Patch, Query};
use crate::state::error::Result;
use crate::state::write;

/// Workloads that are looked at in a build's namespace: the build's own, and those that it makes itself.
const MOST: usize = 100;

impl Agent<'_> {
    /// Why a Job that is suspended is not admitted; none where it is not Kueue that holds it.
    pub(super) async fn unadmitted(&self, job: &ServedJob) -> Result<Option<QueuedBuild>> {
        let Some(queue) = queue_of(&job.metadata.labels).filter(|_| job.spec.suspend) else {
            return Ok(None);
        };
        let why = match self.workloads(&[kind::WORKLOADS, kind::WORKLOADS_V1BETA1]).await {
            Ok(Some(workloads)) => {
                let own = workloads.into_iter().find(|workload| workload.job == job.metadata.uid);
                own.map_or(Unadmitted::NotTakenUp, |workload| workload.unadmitted())
            }
            Ok(None) => Unadmitted::NotServed,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => Unadmitted::Unread(error.to_string()),
        };
        Ok(Some(why.of(queue)))
    }

    /// The Workloads of the namespace, in the first version that is served; none where none is.
    async fn workloads(
        &self,
        versions: &[Resource],
    ) -> std::result::Result<Option<Vec<QueuedWorkload>>, Error> {
        for version in versions {
            let query = Query::default().at_most(MOST);
            let namespace = Some(self.me.namespace.as_str());
            match self.cluster.list::<QueuedWorkload>(version, namespace, &query).await {
                Err(error) if error.is_not_found() => {}
                // rights come first, also of what is not there
                Err(error) if error.is_refusal() && !self.cluster.serves(version).await? => {}
                listed => return listed.map(|list| Some(list.items)),
            }
        }
        Ok(None)
    }

    /// Lets the build's pod run.
    pub(super) async fn release(&self, seen: &Observation) -> Result<()> {
        for pod in self.build_pods(&seen.build).await?.iter().filter(|pod| pod.awaits_support()) {
            let patch = released(pod);
            let namespace = self.me.namespace.as_str();
            write::patch_if_there(self.cluster, &kind::PODS, namespace, &pod.name, Patch::Merge(&patch))
                .await?;
        }
        Ok(())
    }
}

/// The patch that takes our gate from a pod, and leaves those of others.
fn released(pod: &Pod) -> Value {
    let others = pod.gates.iter().filter(|gate| *gate != wire::SUPPORT_GATE);
    let others: Vec<Value> = others.map(|gate| json!({ "name": gate })).collect();
    json!({ "metadata": { "uid": pod.uid }, "spec": { "schedulingGates": others } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gates_of_others_stay() {
        let gates = |gates: &[&str]| {
            let pod = Pod {
                uid: "u".into(),
                gates: gates.iter().map(ToString::to_string).collect(),
                ..Pod::default()
            };
            released(&pod)["spec"]["schedulingGates"].clone()
        };
        assert_eq!(gates(&[wire::SUPPORT_GATE]), json!([]));
        assert_eq!(
            gates(&["kueue.x-k8s.io/topology", wire::SUPPORT_GATE]),
            json!([{ "name": "kueue.x-k8s.io/topology" }])
        );
    }
}
