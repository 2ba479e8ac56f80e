//! Builds whose Namespace was deleted by hand before they had ended: whoever listens closes them, on a slow timer.

use super::Agent;
use crate::agent::Observation;
use crate::chain::begun;
use crate::chain::build::{Build, Map};
use crate::chain::head::Head;
use crate::chain::publishing::PublishSettings;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::error::{Error, Result};
use crate::state::publisher;

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
        let mut closed = false;
        for (generation, (namespace, uid)) in begun::unfinished(&data, head) {
            let is_it = |found: &NamespaceObject| uid.as_ref().is_none_or(|uid| *uid == found.metadata.uid);
            if generation == own.generation
                || there.iter().any(|it| it.metadata.name == namespace && is_it(it))
            {
                continue;
            }
            // the list knows it by labels, which somebody may have taken off
            let found = self.cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &namespace).await?;
            if found.is_some_and(|found| is_it(&found)) {
                continue;
            }
            let tells = self.tells(own).await?;
            closed = true;
            if self.close(&own.chain, head, generation, &tells).await? {
                self.note(&format!(
                    "the namespace {namespace} is gone, and its build is recorded as Errored"
                ));
            }
        }
        Ok((!closed).then_some(data))
    }

    /// Records a build whose slot nobody will give back.
    pub(super) async fn record_lost(&mut self, seen: &Observation, generation: u64) -> Result<()> {
        let tells = self.tells(&seen.build).await?;
        match self.close(&seen.build.chain, &seen.head, generation, &tells).await {
            Err(Error::HistoryGone { .. }) => Ok(()),
            closed => closed.map(drop),
        }
    }

    /// Says in home how a build has ended whose Namespace is gone, by compare-and-swap: of several that do so at once, one does.
    /// `false` where it is said.
    async fn close(
        &self,
        chain: &str,
        head: &Head,
        generation: u64,
        tells: &PublishSettings,
    ) -> Result<bool> {
        let now = self.now();
        let patch = |data: &_| begun::close(data, head, generation, tells, now);
        publisher::amend(self.cluster, chain, patch).await
    }
}
