//! The chain's own retention: whoever has just finished a build, and whoever listens, on a slow timer, disposes of what the
//! rules that were fixed at `start` let go.
//!
//! An agent's rights end at its own namespace, so it binds itself in each one that it disposes of, as whoever adopts a build
//! does. What came of it is one line in home, beside the history.

use jiff::{SignedDuration, Timestamp};

use super::Agent;
use crate::chain::build::{Build, NamespaceView};
use crate::chain::record::tidied_patch;
use crate::chain::retention::{self, ChainsInHome, Fate, Rules, Tidied};
use crate::chain::wire;
use crate::cluster::Patch;
use crate::cluster::objects::{NamespaceObject, Object};
use crate::cluster::resource as kind;
use crate::state::build::view;
use crate::state::dispose::{self, Disposer, End, Target};
use crate::state::enter::Maker;
use crate::state::error::Result;

/// What has failed for longer than this is shown by `status`: a server that is away for a moment is nothing.
const LONG: SignedDuration = SignedDuration::from_mins(15);

impl Agent<'_> {
    /// Applies the chain's retention, if it has any. `there`: the chain's namespaces, where they are listed already; each is read
    /// anew before it goes. What fails is tried again the next time.
    pub(super) async fn tidy(&mut self, own: &Build, there: Option<Vec<NamespaceObject>>) {
        let rules = match self.known(own).await {
            Ok((record, _)) => record.settings.retention,
            Err(error) => return self.note(&format!("cannot read the chain's retention: {error}")),
        };
        if !rules.let_go() {
            return;
        }
        if let Err(error) = self.dispose_of_old(own, rules, there).await {
            self.note(&format!("cannot apply the chain's retention: {error}"));
        }
    }

    async fn dispose_of_old(
        &mut self,
        own: &Build,
        rules: Rules,
        there: Option<Vec<NamespaceObject>>,
    ) -> Result<()> {
        let (namespaces, home) = match there {
            Some(there) => (there, dispose::look_home(self.cluster, [own.chain.clone()]).await?),
            None => dispose::look(self.cluster, &own.chain).await?,
        };
        let views: Vec<NamespaceView<'_>> = namespaces.iter().map(view).collect();
        let now = self.now();
        let fates = retention::judge(&views, &home, rules, now);
        let go = views.iter().zip(fates).filter(|(view, fate)| *fate == Fate::Dispose && view.uid != own.uid);
        let targets: Vec<Target> = go.map(|(view, _)| Target::of(view)).collect();
        let mut told = Tidied { at: now, ..Tidied::default() };
        if !targets.is_empty() {
            let who = Maker::Agent { namespace: &own.namespace, uid: &own.uid };
            let check = |view: &NamespaceView<'_>| retention::may_go(view, &home);
            let mut lines = Vec::new();
            let mut each = |target: &Target, end: &Result<End>| match end {
                Ok(End::Deleted | End::Going) => {
                    told.disposed += 1;
                    lines.push(format!("disposed of {}", target.namespace));
                }
                Ok(End::Stays(why)) => lines.push(format!("{} stays: {}", target.namespace, why.sentence)),
                Err(error) => {
                    told.failed += 1;
                    let why = format!("{}: {error}", target.namespace);
                    lines.push(format!("cannot dispose of {why}"));
                    told.why.get_or_insert(why);
                }
            };
            // each failure is told already
            let _ = Disposer::agent(self.cluster, who, now).all(&targets, &check, &mut each).await;
            for line in lines {
                self.note(&line);
            }
        }
        self.write_tidied(&own.chain, told, &home).await
    }

    /// Writes what it came to into home, where that is something new.
    async fn write_tidied(&mut self, chain: &str, mut told: Tidied, home: &ChainsInHome) -> Result<()> {
        let before = home.get(chain).and_then(|kept| kept.tidied.as_ref());
        let failing_since = before.and_then(|before| before.failing_since);
        if told.failed > 0 {
            told.failing_since = failing_since.or(Some(told.at));
        }
        self.findings.untidied = untidied(&told);
        if told.disposed == 0 && told.failed == 0 && failing_since.is_none() {
            return Ok(());
        }
        let (patch, name) = (tidied_patch(&told), wire::history_object(chain));
        self.cluster
            .patch::<Object>(&kind::CONFIG_MAPS, Some(wire::HOME), &name, Patch::Merge(&patch))
            .await?;
        Ok(())
    }
}

/// What `status` says of a retention that has failed for long.
fn untidied(told: &Tidied) -> Option<String> {
    let since: Timestamp = told.failing_since.filter(|since| told.at.duration_since(*since) >= LONG)?;
    let why = told.why.as_deref().unwrap_or_default();
    Some(format!("builds are not disposed of since {since:.0}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_retention_that_has_failed_for_long_is_spoken_of() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).expect("in range");
        let told = |since: Option<Timestamp>| Tidied {
            at: at(60),
            failed: usize::from(since.is_some()),
            why: since.map(|_| "ci-a: forbidden".to_owned()),
            failing_since: since,
            disposed: 2,
        };
        assert_eq!(untidied(&told(None)), None);
        assert_eq!(untidied(&told(Some(at(46)))), None);
        let said = untidied(&told(Some(at(45)))).expect("for long");
        assert_eq!(said, "builds are not disposed of since 1970-01-01T00:45:00Z: ci-a: forbidden");
    }
}
