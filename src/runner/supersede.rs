//! A newer push takes the place of older ones, where its chain is started so: what is queued or runs of them is cancelled, by
//! the same annotation by which a person asks for it.

use serde_json::json;

use super::Agent;
use crate::agent::{Observation, supersede};
use crate::chain::build::Build;
use crate::chain::wire;
use crate::cluster::Patch;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::error::Result;
use crate::state::write;

impl Agent<'_> {
    /// The earlier builds that this one takes the place of, among those of the chain.
    pub(super) async fn outdated(&mut self, seen: &Observation, builds: &[Build]) -> Result<Vec<Build>> {
        let (record, _) = self.known(&seen.build).await?;
        if !record.settings.supersede {
            return Ok(Vec::new());
        }
        Ok(supersede::outdated(builds, &seen.build, &seen.head))
    }

    /// Asks for an earlier build to be cancelled. It is decided on as it was seen: one that has come to its end meanwhile is looked
    /// at again.
    pub(super) async fn supersede(&mut self, seen: &Observation, older: &str) -> Result<()> {
        let Some(older) = seen.outdated.iter().find(|build| build.namespace == older) else { return Ok(()) };
        self.enter_earlier(&seen.build, older).await?;
        let asked = json!({ "metadata": {
            "resourceVersion": older.resource_version,
            "annotations": { wire::CANCEL: supersede::cause(&seen.build) },
        } });
        let (cluster, name, patch) = (self.cluster, older.namespace.as_str(), Patch::Merge(&asked));
        let written = write::patiently(cluster, || async move {
            cluster.patch::<NamespaceObject>(&kind::NAMESPACES, None, name, patch).await
        });
        match written.await {
            Err(error) if !error.is_not_found() => Err(error.into()),
            _ => Ok(()),
        }
    }
}
