//! Builds whose Namespace was deleted by hand before they had ended: whoever listens closes them, on a slow timer, and so does who
//! repairs a chain by hand.

use serde_json::json;

use super::Agent;
use crate::agent::Observation;
use crate::chain::begun;
use crate::chain::build::{Build, Map};
use crate::chain::head::Head;
use crate::chain::record::HISTORY_BYTES;
use crate::cluster::objects::NamespaceObject;
use crate::state::error::{Error, Result};
use crate::state::{lost, publisher};

impl Agent<'_> {
    /// Closes what is lost of the chain. `there`: the chain's namespaces, as they were listed. What fails is tried again the
    /// next time. What home knows of the chain's builds, where that is still so.
    pub(super) async fn close_lost(
        &mut self,
        own: &Build,
        head: &Head,
        there: &[NamespaceObject],
    ) -> Option<Map> {
        match self.try_close_lost(own, head, there).await {
            Ok(known) => known,
            Err(error) => {
                self.note(&format!("cannot look for builds whose namespace is gone: {error}"));
                None
            }
        }
    }

    async fn try_close_lost(
        &mut self,
        own: &Build,
        head: &Head,
        there: &[NamespaceObject],
    ) -> Result<Option<Map>> {
        let data = publisher::data(self.cluster, &own.chain).await?.data;
        let mut lost = lost::lost(self.cluster, &data, head, there).await?;
        lost.retain(|(generation, _)| *generation != own.generation);
        for (generation, namespace) in &lost {
            let tells = self.tells(own).await?;
            if lost::close(self.cluster, &own.chain, head, *generation, &tells, self.now()).await? {
                self.note(&format!(
                    "the namespace {namespace} is gone, and its build is recorded as Errored"
                ));
            }
        }
        Ok(lost.is_empty().then_some(data))
    }

    /// Writes down a build that waits and holds no slot yet: should its Namespace be deleted meanwhile, nothing else would tell
    /// that it was to be closed.
    pub(super) async fn note_waiting(&self, build: &Build) -> Result<()> {
        let noted = |data: &Map| {
            let size: usize = data.iter().map(|(key, value)| key.len() + value.len()).sum();
            // the room that is left is for those that end
            if size > HISTORY_BYTES {
                return None;
            }
            let (key, entry) = begun::note(data, build)?;
            Some(json!({ "data": { key: entry } }))
        };
        match publisher::amend(self.cluster, &build.chain, noted).await {
            Err(Error::Cluster(error)) if error.is_transient() || error.is_conflict() => Err(error.into()),
            // it is a courtesy, and holds no build up
            _ => Ok(()),
        }
    }

    /// Records a build whose slot nobody will give back.
    pub(super) async fn record_lost(&mut self, seen: &Observation, generation: u64) -> Result<()> {
        let tells = self.tells(&seen.build).await?;
        match lost::close(self.cluster, &seen.build.chain, &seen.head, generation, &tells, self.now()).await {
            Err(Error::HistoryGone { .. }) => Ok(()),
            closed => closed.map(drop),
        }
    }
}
