//! The end: what runs is brought down, and the listener itself goes to zero.

use serde_json::{Value, json};

use super::{Agent, Flow};
use crate::agent::Observation;
use crate::agent::left::AT_ONCE;
use crate::chain::build::{Phase, Verdict};
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Delete, Patch};
use crate::state::error::{Error, Result};
use crate::state::narration::progress;
use crate::state::write;

impl Agent<'_> {
    pub(super) async fn finish(&mut self, seen: &mut Observation) -> Result<()> {
        // a pipeline that could not be used brought nothing up
        if seen.build.times.contains_key(&Phase::Preparing) {
            self.bring_down(seen).await?;
        }
        self.reach(seen, Phase::Finished, json!({})).await
    }

    /// Ends what runs on of the build's pods. A pod whose active deadline is over has its containers ended by the kubelet, and
    /// stays with their logs; who deletes a Job means its pod, too. Where even the deadline is refused, the pod is deleted.
    pub(super) async fn end_pods(&mut self, seen: &Observation) -> Result<()> {
        let namespace = self.me.namespace.as_str();
        for left in &seen.left {
            let mut delete = seen.build.verdict == Some(Verdict::Cancelled);
            if !delete {
                let patch =
                    json!({ "metadata": { "uid": left.uid }, "spec": { "activeDeadlineSeconds": AT_ONCE } });
                let patched = self.patch_if_there(&kind::PODS, &left.pod, &patch).await;
                delete = match patched {
                    Err(Error::Cluster(error)) if error.is_refusal() => {
                        let pod = &left.pod;
                        progress(
                            self.say,
                            format!("pod {pod} takes no deadline, and is deleted with its log: {error}"),
                        );
                        true
                    }
                    patched => patched.map(|()| false)?,
                };
            }
            if delete {
                let how = Delete::uid(&left.uid);
                self.cluster.delete(&kind::PODS, Some(namespace), &left.pod, &how).await?;
            }
        }
        Ok(())
    }

    /// Undoes what this agent began while another one ended its build for it.
    pub(super) async fn undo_late(&mut self, seen: &Observation) -> Result<()> {
        if self.findings.raised {
            self.bring_down(seen).await?;
        }
        self.end_job(seen.build.verdict).await
    }

    pub(super) async fn scale_self_down(&self) -> Result<()> {
        let patch = json!({ "spec": { "replicas": 0 } });
        self.patch_if_there(&kind::DEPLOYMENTS, &self.me.deployment, &patch).await
    }

    /// Patches an object of this build, if it is there still.
    pub(super) async fn patch_if_there(&self, resource: &Resource, name: &str, patch: &Value) -> Result<()> {
        let patch = Patch::Merge(patch);
        Ok(write::patch_if_there(self.cluster, resource, &self.me.namespace, name, patch).await?)
    }

    pub(super) async fn stand_down(&mut self, seen: &Observation) -> Result<Flow> {
        if seen.listener.keyed {
            self.detach().await?;
            return Ok(Flow::Look);
        }
        if seen.listener.replicas > 0 {
            self.scale_self_down().await?;
        }
        Ok(Flow::Wait)
    }
}
