//! What whoever watches believes: builds that home knows by their uids, and no other that says so of itself.

use super::Watcher;
use crate::chain::build::Build;
use crate::chain::head::Head;
use crate::chain::proof::{Witness, is_awaited, set_apart};
use crate::ops::status::{HeadsSeen, not_believed, prove_one};
use crate::state::error::Result;

/// Of how many is said that they are not believed; somebody may have made any number.
const SAID: usize = 3;

impl Watcher<'_> {
    /// Those of a chain's builds that are proved to be its own, or may be. `head`: as it was read before them.
    pub(super) async fn believed(&mut self, builds: Vec<Build>, head: Option<&Head>) -> Result<Vec<Build>> {
        let known = Witness { head: head.map(Ok), ..Witness::default() };
        if builds.iter().all(|build| known.believes(build).is_ok()) {
            return Ok(self.without_let_go(builds));
        }
        // home knew of them before they began, and so before they were seen
        let mut heads = HeadsSeen::after(self.cluster, &self.build.chain).await?;
        Box::pin(heads.remember(self.cluster, &builds, &[])).await?;
        let (believed, others) = set_apart(builds, |build| heads.believe(build));
        self.warn_of(others.into_iter().map(|(build, why)| (build, why.to_string())));
        Ok(self.without_let_go(believed))
    }

    /// Without those that came to nothing already, where another of their generation is there.
    fn without_let_go(&self, builds: Vec<Build>) -> Vec<Build> {
        let (again, mut builds): (Vec<_>, Vec<_>) =
            builds.into_iter().partition(|build| self.let_go.contains(&build.uid));
        for build in again {
            if builds.iter().all(|other| other.generation != build.generation) {
                builds.push(build);
            }
        }
        builds
    }

    /// Says of each once that it is not believed.
    pub(super) fn warn_of(&mut self, others: impl Iterator<Item = (Build, String)>) {
        let Some(warn) = &mut self.warn else { return };
        for (build, why) in others {
            if self.warned.len() < SAID && !self.warned.contains(&build.uid) {
                warn(&not_believed(&[(&build, &why)]).unwrap_or_default());
                self.warned.push(build.uid);
            }
        }
    }

    /// That the build which is followed is its chain's, once that can be known.
    pub(super) async fn prove(&mut self, build: &Build) -> Result<()> {
        prove_one(self.cluster, build).await?;
        self.doubted = is_awaited(build);
        Ok(())
    }
}
