//! What is ended of whatever runs in a build's namespace once the build is over: what its pipeline brought up, and what the
//! build itself made there.
//!
//! No label, name or owner is believed, since a build sets them as it likes. What runs as the chain's agent is left alone: that
//! no build can make (policy `studioci-identity`). So is the pod of the build's own Job, once its build container has ended:
//! the kubelet ends the rest of it, and its log stays.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::build::Verdict;
use crate::chain::pod::{Pod, State};
use crate::chain::pod_maker::PodMaker;
use crate::chain::resource::{self as kind, Resource};

/// The kinds that make pods, whatever would bring others back first.
pub const POD_MAKERS: [Resource; 8] = [
    kind::CRON_JOBS,
    kind::HORIZONTAL_POD_AUTOSCALERS,
    kind::DAEMON_SETS,
    kind::DEPLOYMENTS,
    kind::STATEFUL_SETS,
    kind::REPLICA_SETS,
    kind::REPLICATION_CONTROLLERS,
    kind::JOBS,
];

/// Those whose controllers take the pods that say they are theirs, and let go of what is not.
const CLAIMERS: [Resource; 5] =
    [kind::DAEMON_SETS, kind::STATEFUL_SETS, kind::REPLICA_SETS, kind::REPLICATION_CONTROLLERS, kind::JOBS];

/// How something is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It makes no more pods, and those that it has made go: it can be looked at, and resumed by hand.
    Suspend,
    /// The same of what has replicas. `remember`: how many there were, where nothing says that yet.
    ToZero {
        /// What [`crate::chain::wire::REPLICAS`] is to say.
        remember: Option<u32>,
    },
    /// It is deleted: nothing else ends it.
    Delete,
    /// By its controller, which is ended itself.
    Left,
}

/// Something that is to be ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its kind.
    pub kind: Resource,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// How.
    pub ending: Ending,
    /// Whether the build may have made it: all but support, and what support's controllers make.
    pub made: bool,
}

/// The build that is over.
#[derive(Debug, Clone, Copy)]
pub struct OverBuild<'a> {
    /// The ServiceAccount that the chain's agents run as.
    pub account: &'a str,
    /// How it ended.
    pub verdict: Option<Verdict>,
    /// uid of its Job.
    pub job: Option<&'a str>,
    /// Its build container; empty where no Job tells.
    pub container: &'a str,
}

/// What was found in a build's namespace at one look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What makes pods, in the order of [`POD_MAKERS`].
    pub makers: Vec<(Resource, PodMaker)>,
    /// Pods.
    pub pods: Vec<Pod>,
}

impl OverBuild<'_> {
    fn is_job(&self, uid: &str) -> bool {
        self.job.is_some_and(|job| job == uid)
    }

    /// Whether this is the pod of the build's Job, which has done its work. One that only says that it is the Job's has not, or
    /// `left` has ended it before.
    pub fn spares(&self, pod: &Pod) -> bool {
        let recorded = matches!(self.verdict, Some(Verdict::Passed | Verdict::Failed));
        let ended =
            |name| matches!(pod.container(name).map(|one| &one.state), Some(State::Terminated { .. }));
        recorded && self.is_job(&pod.controller) && ended(self.container)
    }
}

impl Surroundings {
    /// What is to be ended, in that order. `first`: what a controller made that is ended here is left to it, which does so
    /// within moments, and in its own order; at a second look nothing is.
    pub fn due(&self, build: &OverBuild<'_>, first: bool) -> Vec<Due> {
        // of those that are there, whether the build may have made them
        let live = |makes: &[Resource], made: &dyn Fn(&PodMaker) -> bool| -> BTreeMap<&str, bool> {
            let makers = self.makers.iter().filter(|(kind, it)| first && makes.contains(kind) && !it.over);
            makers.filter(|(_, it)| !it.deleted).map(|(_, it)| (it.uid.as_str(), made(it))).collect()
        };
        let rollers = live(&[kind::DEPLOYMENTS], &|it| !it.support);
        // a ReplicaSet has the labels of its Deployment's pods
        let rolled = |it: &PodMaker| rollers.get(it.controller.as_str()).copied();
        let claimers = live(&CLAIMERS, &|it| rolled(it).unwrap_or(!it.support));
        let maker = |(kind, it): &(Resource, PodMaker)| {
            let ending = match *kind {
                // a Job goes on when the CronJob that made it is suspended
                kind::JOBS if it.queued => (!it.over).then_some(Ending::Delete),
                kind::JOBS | kind::CRON_JOBS => (!it.suspended && !it.over).then_some(Ending::Suspend),
                kind::HORIZONTAL_POD_AUTOSCALERS | kind::DAEMON_SETS => Some(Ending::Delete),
                _ => {
                    let remember = (!it.remembered).then_some(it.replicas);
                    (it.replicas > 0).then_some(Ending::ToZero { remember })
                }
            }?;
            let (ending, made) = match rolled(it).filter(|_| *kind == kind::REPLICA_SETS) {
                Some(made) => (Ending::Left, made),
                None => (ending, !it.support),
            };
            let spared = it.deleted || it.account == build.account || build.is_job(&it.uid);
            let (name, uid) = (it.name.clone(), it.uid.clone());
            (!spared).then_some(Due { kind: *kind, name, uid, ending, made })
        };
        let pod = |pod: &Pod| {
            let left = claimers.get(pod.controller.as_str()).filter(|_| !build.is_job(&pod.controller));
            let (ending, made) = left.map_or((Ending::Delete, true), |made| (Ending::Left, *made));
            let spared = pod.deleted || pod.is_over() || pod.account == build.account || build.spares(pod);
            let (name, uid) = (pod.name.clone(), pod.uid.clone());
            (!spared).then_some(Due { kind: kind::PODS, name, uid, ending, made })
        };
        self.makers.iter().filter_map(maker).chain(self.pods.iter().filter_map(pod)).collect()
    }

    /// The uids of all that was found.
    pub fn uids(&self) -> BTreeSet<&str> {
        let makers = self.makers.iter().map(|(_, maker)| maker.uid.as_str());
        makers.chain(self.pods.iter().map(|pod| pod.uid.as_str())).collect()
    }
}

#[cfg(test)]
#[path = "ending_tests.rs"]
mod tests;
