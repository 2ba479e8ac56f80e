//! Builds without an agent, and namespaces that nobody needs.

use serde_json::json;

use super::{Repairer, TRIES};
use crate::agent::Action;
use crate::agent::adopt::{self, unfinished};
use crate::chain::build::{Build, NamespaceView, Phase};
use crate::chain::head::Head;
use crate::chain::listener::Listener;
use crate::chain::retention;
use crate::chain::signs::STOOD_DOWN;
use crate::chain::wire;
use crate::cluster::Patch;
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::state::build::view;
use crate::state::dispose::{self, Disposer, End, Target};
use crate::state::error::Result;
use crate::state::narration::{Narration, progress};
use crate::state::{select, write};

impl Repairer<'_> {
    /// Brings back the agents of builds that were scaled to 0, and ends the builds whose agent cannot come back.
    ///
    /// An agent whose pod is there and says nothing is left to the newest listener, which looks twice before it believes that.
    pub(super) async fn builds(&self) -> Result<()> {
        let Some(seen) = self.look().await? else { return Ok(()) };
        let newest = seen.build(seen.head.generation);
        let listens = match newest {
            Some(newest) => select::listener(self.how.cluster, newest).await?.is_some(),
            None => false,
        };
        let goes_on = seen.head.ended.is_none() && !seen.head.purging;
        for build in &seen.builds {
            // it is needed still: what the next listener is raised by is known to it alone
            let undispatched = build.generation + 1 == seen.head.generation
                && !build.dispatch.settled()
                && goes_on
                && !listens
                && !self.how.dry;
            let newest = build.generation == seen.head.generation;
            if newest || build.terminating || !unfinished(build, &seen.head) || build.phase == Phase::Finished
            {
                continue;
            }
            match select::listener(self.how.cluster, build).await? {
                Some(listener) if listener.replicas == 0 && needs_agent(build) => {
                    self.wake(build, &listener).await;
                }
                None if !undispatched => Box::pin(self.end(build, &seen.head)).await?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Scales a listener to 1, as it was seen.
    pub(super) async fn wake(&self, build: &Build, listener: &Listener) {
        if !self.woken.borrow_mut().insert(build.uid.clone()) {
            return;
        }
        let cluster = self.how.cluster;
        let (namespace, name) = (build.namespace.clone(), listener.name.clone());
        let patch = json!({ "metadata": { "resourceVersion": listener.resource_version }, "spec": { "replicas": 1 } });
        let wakes = async {
            self.enter(build).await?;
            let ask =
                || cluster.patch::<Object>(&kind::DEPLOYMENTS, Some(&namespace), &name, Patch::Merge(&patch));
            write::patiently(cluster, ask).await?;
            Ok(true)
        };
        let what = format!("deployment.apps/{name} is scaled to 1, which brings its agent back");
        self.each((&kind::NAMESPACES, &namespace), &what, wakes).await;
    }

    /// Ends a build by the table by which later agents do.
    async fn end(&self, build: &Build, head: &Head) -> Result<()> {
        let record = self.record(head).await?.record;
        let place = (&kind::NAMESPACES, build.namespace.as_str());
        if !self.how.dry {
            let entered = self.enter(build).await;
            if !self.note(place, &entered) {
                return Ok(());
            }
        }
        let mut agent = self.in_place_of(build, &record);
        let looked = Box::pin(agent.observe()).await.map(|seen| adopt::step(&seen));
        let action = match looked {
            Ok(action) => action,
            Err(error) => {
                self.note(place, &Err(error));
                return Ok(());
            }
        };
        if let Action::Wait(why) = action {
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            progress(self.how.say, format!("namespace {} is left as it is{why}", build.namespace));
            return Ok(());
        }
        let ends = async {
            for attempt in 1.. {
                match Box::pin(agent.end_build()).await {
                    Err(error) if error.is_conflict() && attempt < TRIES => {}
                    ended => return ended.map(|_| true),
                }
            }
            unreachable!("the last try returns")
        };
        self.each(place, "its build is ended in place of its agent, which is gone", ends).await;
        Ok(())
    }

    /// Disposes of namespaces in which nothing was ever built, and nothing will be.
    pub(super) async fn left_over(&self) -> Result<()> {
        let (namespaces, home) = dispose::look(self.how.cluster, self.chain).await?;
        let check = |view: &NamespaceView<'_>| retention::left_over(view, &home);
        let go = namespaces.iter().map(view).filter(|view| !view.terminating && check(view).is_ok());
        let targets: Vec<Target> = go.map(|view| Target::of(&view)).collect();
        if self.how.dry {
            for target in &targets {
                (self.how.say)(Narration::Deleted(&target.namespace));
            }
            return Ok(());
        }
        if targets.is_empty() {
            return Ok(());
        }
        let say = self.how.say;
        let disposer = Disposer::of(self.how.cluster, false, (self.how.clock)()).await?;
        let mut each = |target: &Target, end: &Result<End>| match end {
            Ok(End::Deleted) => say(Narration::Deleted(&target.namespace)),
            Ok(End::Going) => {}
            Ok(End::Stays(why)) => say(Narration::Stays(&target.namespace, why)),
            Err(error) => {
                self.failures.set(self.failures.get() + 1);
                say(Narration::Failed(&target.namespace, error));
            }
        };
        // each failure is told already
        let _ = disposer.all(&targets, &check, &mut each).await;
        Ok(())
    }
}

/// Whether the agent of this build has something to do, and was not told to go.
fn needs_agent(build: &Build) -> bool {
    let stood_down = build.waiting.as_ref().is_some_and(|why| why.starts_with(STOOD_DOWN));
    !stood_down && build.phase < Phase::Finished && build.chain != wire::CLAIM_CHAIN
}
