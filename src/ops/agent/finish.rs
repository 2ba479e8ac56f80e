//! The end: support and the listener itself go to zero.

use serde_json::{Value, json};

use super::super::dispatch;
use super::super::error::Result;
use super::{Agent, Flow};
use crate::agent::Observation;
use crate::chain::build::{Phase, Verdict};
use crate::cluster::Patch;
use crate::cluster::resource as kind;
use crate::pipeline::weave;

impl Agent<'_> {
    pub(super) async fn finish(&mut self, seen: &mut Observation) -> Result<()> {
        // a pipeline that could not be used brought nothing up
        if seen.build.times.contains_key(&Phase::Preparing) {
            self.bring_down(seen).await?;
        }
        self.reach(seen, Phase::Finished, json!({})).await
    }

    async fn bring_down(&mut self, seen: &Observation) -> Result<()> {
        for (kind, name, ending) in self.plan(seen).await?.endings() {
            self.end(&kind, &name, &ending).await?;
        }
        self.memory.raised = false;
        Ok(())
    }

    /// Undoes what this agent began while another one ended its build for it.
    pub(super) async fn undo_late(&mut self, seen: &Observation) -> Result<()> {
        if self.memory.raised {
            self.bring_down(seen).await?;
        }
        if seen.build.verdict == Some(Verdict::Errored) {
            self.hold_back().await?;
        }
        Ok(())
    }

    async fn end(&self, kind: &weave::Kind, name: &str, ending: &weave::Ending) -> Result<()> {
        let resource = dispatch::resource(&kind.api_version(), &kind.kind)?;
        let namespace = Some(self.me.namespace.as_str());
        match ending {
            weave::Ending::Patch(patch) => {
                match self.cluster.patch::<Value>(&resource, namespace, name, Patch::Merge(patch)).await {
                    Err(error) if !error.is_not_found() => Err(error.into()),
                    _ => Ok(()),
                }
            }
            weave::Ending::Delete => {
                dispatch::delete(self.cluster, &resource, namespace, name).await?;
                Ok(())
            }
        }
    }

    pub(super) async fn scale_self_down(&self) -> Result<()> {
        let patch = json!({ "spec": { "replicas": 0 } });
        let namespace = Some(self.me.namespace.as_str());
        match self
            .cluster
            .patch::<Value>(&kind::DEPLOYMENTS, namespace, &self.me.deployment, Patch::Merge(&patch))
            .await
        {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
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
