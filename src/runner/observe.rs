//! One look at the cluster.

use std::time::Duration;

use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::Agent;
use super::served::{ServedJob, ServedListener};
use crate::agent::left::{left, settles_at};
use crate::agent::verdict::{BuildJob, Judged, SAID_AFTER, StandstillBounds, judge};
use crate::agent::{Observation, OwnContainer, OwnDeployment, SupportState, rests_until};
use crate::chain::build::{Build, Phase, Verdict};
use crate::chain::freeze::Freeze;
use crate::chain::head::Head;
use crate::chain::pod::Pod;
use crate::chain::wire;
use crate::chain::workload::{Scalable, Workload};
use crate::cluster::objects::{Event, NamespaceObject, Object, holds};
use crate::cluster::resource as kind;
use crate::keel::parking;
use crate::keel::policy::Policy;
use crate::pipeline::weave::{AGENT_CONTAINER, INJECTED_DEADLINE, Support as Wanted};
use crate::state::build::readable;
use crate::state::chain::Data;
use crate::state::error::{Error, Result};
use crate::state::events::{self, About};
use crate::state::{head, select, support};

/// How often what keeps a queued build from being admitted is read again, seconds.
const QUEUE_LOOK: i64 = 30;

impl Agent<'_> {
    pub(super) async fn observe(&mut self) -> Result<Observation> {
        let (cluster, namespace) = (self.cluster, Some(self.me.namespace.as_str()));
        let frozen = self.cache.freeze.is_some();
        let freeze = async {
            if frozen {
                return Ok(None);
            }
            cluster.get::<Data>(&kind::CONFIG_MAPS, namespace, wire::FREEZE).await
        };
        let known = self.cache.chain.clone();
        let early = async {
            match &known {
                Some(chain) => head::head(cluster, chain).await,
                None => Ok(None),
            }
        };
        let pod = async {
            match self.me.role.pod() {
                Some(pod) => cluster.get::<Pod>(&kind::PODS, namespace, pod).await,
                None => Ok(None),
            }
        };
        let read = async {
            Ok(tokio::try_join!(
                cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &self.me.namespace),
                cluster.get::<ServedListener>(&kind::DEPLOYMENTS, namespace, &self.me.deployment),
                pod,
                freeze,
            )?)
        };
        let ((object, deployment, pod, freeze), head) = tokio::try_join!(read, early)?;
        let object =
            object.ok_or_else(|| Error::OwnNamespaceGone { namespace: self.me.namespace.clone() })?;
        let build = readable(&object)?;
        let head = match head {
            Some(head) => Some(head),
            None => head::head(cluster, &build.chain).await?,
        };
        let head = head.ok_or_else(|| Error::OwnChainGone { chain: build.chain.clone() })?;
        self.cache.chain = Some(build.chain.clone());
        self.findings.was_killed = pod.as_ref().is_some_and(out_of_memory);
        if let Some(found) = freeze {
            self.cache.freeze = Some(Freeze::read(&found.data).ok_or_else(|| Error::FreezeEdited {
                namespace: self.me.namespace.clone(),
                deployment: self.me.deployment.clone(),
            })?);
        }
        let running =
            self.running(pod.as_ref(), deployment.as_ref().map(|found| &found.metadata.annotations), &build);
        self.cache.listener = deployment.as_ref().map(|found| found.metadata.clone());
        let now = self.now();
        self.timers.looked = Some(now);
        let mut seen = Observation {
            now,
            listener: listener(deployment.as_ref(), &self.me.container, &running),
            running,
            freeze: self.cache.freeze.clone(),
            before: Vec::new(),
            outdated: Vec::new(),
            lost_slots: Vec::new(),
            max_parallel: 1,
            dispatch_due: true,
            prepared: false,
            support: Vec::new(),
            support_bound: 0,
            queues: false,
            judged: Judged::NoJob,
            left: Vec::new(),
            left_until: now,
            recheck_due: self.timers.recheck_at.is_some_and(|at| at <= now),
            max_per_hour: self.max_per_hour(),
            head,
            build,
        };
        self.observe_work(&mut seen).await?;
        Ok(seen)
    }

    /// Looks at what only the later phases need.
    pub(super) async fn observe_work(&mut self, seen: &mut Observation) -> Result<()> {
        seen.now = self.now();
        if !matches!(seen.build.phase, Phase::Listening | Phase::Queued) {
            self.watch.due = None;
        }
        seen.dispatch_due = self.timers.dispatch_again.is_none_or(|at| at <= seen.now);
        seen.prepared = self.findings.prepared;
        self.timers.look_at = match seen.build.phase {
            Phase::Claimed | Phase::Listening if seen.build.is_side() => Some(self.looks_again(seen)),
            Phase::Listening => rests_until(seen),
            _ => None,
        };
        let undecided = seen.build.verdict.is_none();
        // what is to be cancelled waits for no slot, and asks nothing of its pipeline
        let goes_on = undecided && seen.build.cancel.is_none();
        let dispatches = !seen.build.dispatch.settled() && seen.dispatch_due;
        let slot = seen.head.slots.contains_key(&seen.build.generation);
        if !self.me.role.is_own() && seen.build.phase < Phase::Building {
            // of a build whose agent is gone there is nothing to see but its Job, made or not
            return Ok(());
        }
        if matches!(seen.build.phase, Phase::Detached | Phase::Queued) && goes_on && !dispatches && !slot {
            let builds = self.builds_of_chain(&seen.build.chain).await?;
            seen.before = waiting_before(&builds, &seen.build, &seen.head);
            seen.outdated = self.outdated(seen, &builds).await?;
            seen.lost_slots = self.lost_slots(seen).await?;
        }
        if seen.build.phase == Phase::Building && undecided {
            let bounds = self.bounds(seen).await?;
            seen.judged = self.judged(&seen.build, bounds).await?;
        }
        seen.left = Vec::new();
        if seen.build.phase == Phase::Recorded && seen.build.job_uid.is_some() && !slot {
            self.observe_left(seen).await?;
        }
        if matches!(seen.build.phase, Phase::Detached | Phase::Queued | Phase::Preparing) && goes_on {
            let plan = self.plan(seen).await?.clone();
            seen.max_parallel = plan.build.settings.max_parallel as usize;
            if seen.build.phase == Phase::Queued {
                self.arm_watchfulness(&seen.build, plan.build.settings.adopt_after);
            }
            seen.queues = plan.queue().is_some();
            if seen.queues && slot && seen.build.phase == Phase::Queued {
                let bounds = self.bounds(seen).await?;
                seen.judged = self.judged(&seen.build, bounds).await?;
            }
            if seen.build.phase == Phase::Preparing && self.findings.prepared {
                seen.support = self.support(&plan.support).await?;
                let bound = plan.build.settings.support_deadline.as_secs();
                seen.support_bound = i64::try_from(bound).unwrap_or(i64::MAX);
            }
        }
        Ok(())
    }

    /// How long what hangs may hang. It may be written in a pipeline that cannot be rendered any more.
    async fn bounds(&mut self, seen: &Observation) -> Result<StandstillBounds> {
        let mut bounds = StandstillBounds::default();
        let settings = match self.plan(seen).await {
            Ok(plan) => &plan.build.settings,
            // no word of the pipeline: it will be another time
            Err(error @ (Error::Cluster(_) | Error::NotRendered { .. })) => return Err(error),
            Err(_) => return Ok(bounds),
        };
        let seconds = |bound: Duration| i64::try_from(bound.as_secs()).unwrap_or(i64::MAX);
        if let Some(bound) = settings.pending_deadline {
            bounds.stuck = seconds(bound);
        }
        if let Some(bound) = settings.scheduling_deadline {
            bounds.pending = seconds(bound);
        }
        Ok(bounds)
    }

    /// What still runs of a build that is over, and until when it may.
    async fn observe_left(&mut self, seen: &mut Observation) -> Result<()> {
        let Some(verdict) = seen.build.verdict else { return Ok(()) };
        let pods = self.build_pods(&seen.build).await?;
        if pods.iter().all(|pod| pod.deleted || pod.is_over()) {
            return Ok(());
        }
        let namespace = Some(self.me.namespace.as_str());
        let job = self.cluster.get::<ServedJob>(&kind::JOBS, namespace, wire::JOB).await?;
        let container = job.as_ref().map_or("", ServedJob::container);
        seen.left = left(verdict, &pods, container);
        if seen.left.is_empty() {
            return Ok(());
        }
        let bound = match self.plan(seen).await {
            Ok(plan) => plan.build.settings.injected_deadline,
            Err(error @ Error::Cluster(_)) => return Err(error),
            Err(_) => INJECTED_DEADLINE,
        };
        let since = seen.build.times.get(&Phase::Recorded).copied().unwrap_or(seen.now);
        let bound = SignedDuration::try_from(bound).unwrap_or(SignedDuration::MAX);
        seen.left_until = since.saturating_add(bound).unwrap_or(Timestamp::MAX);
        self.timers.look_at = Some(seen.left_until);
        Ok(())
    }

    async fn support(&self, wanted: &[Wanted]) -> Result<Vec<SupportState>> {
        let (cluster, namespace) = (self.cluster, self.me.namespace.as_str());
        let one = |support: Wanted| async move {
            let kind = Scalable::of(support.kind.group, support.kind.kind).expect("support is of four kinds");
            let resource = support::resource(kind);
            let found = cluster.get::<Workload>(&resource, Some(namespace), &support.name).await?;
            let mut seen = SupportState {
                name: format!("{}/{}", resource.kind, support.name),
                wanted: support.needed,
                replicas: found.as_ref().map(|found| found.replicas),
                ready: 0,
                trouble: None,
            };
            let Some(found) = found else { return Ok::<_, Error>(seen) };
            seen.ready = found.ready(kind);
            if seen.ready < seen.wanted {
                seen.trouble = if found.replicas < seen.wanted {
                    Some(format!("somebody scaled it to {}", found.replicas))
                } else {
                    support::trouble(cluster, namespace, kind, &found).await?
                };
            }
            Ok(seen)
        };
        try_join_all(wanted.iter().cloned().map(one)).await
    }

    /// What the Job and its pod say.
    async fn judged(&mut self, build: &Build, bounds: StandstillBounds) -> Result<Judged> {
        let namespace = Some(self.me.namespace.as_str());
        let job = self.cluster.get::<ServedJob>(&kind::JOBS, namespace, wire::JOB).await?;
        let Some(job) = job else {
            return Ok(if build.job_uid.is_some() { Judged::JobGone } else { Judged::NoJob });
        };
        if build.job_uid.is_none() && self.me.role.is_own() {
            // created just before a crash; acting on it again writes its uid down
            return Ok(Judged::NoJob);
        }
        if build.job_uid.as_deref().is_some_and(|uid| uid != job.metadata.uid) {
            return Ok(Judged::JobGone);
        }
        let mut pods = self.pods_of_job(&job.metadata.uid).await?;
        // one that Kueue took back before it ran
        pods.retain(|pod| !(pod.deleted && pod.awaits_support()));
        if pods.len() > 1 {
            // somebody took the Job's finalizer off its pod and deleted it: the controller knows of no first one
            let cause =
                "the build's pod was deleted behind the Job's back, and a second one was made".to_owned();
            return Ok(Judged::Over(Verdict::Errored, cause));
        }
        let mut pod = pods.into_iter().next();
        if let Some(pod) = &mut pod {
            self.mask_words(build, pod).await?;
        }
        let complete = holds(&job.status.conditions, "Complete").is_some();
        let failed = holds(&job.status.conditions, "Failed");
        let failed = failed.map(|condition| (condition.reason.clone(), condition.message.clone()));
        let deleted = job.metadata.deletion_timestamp.is_some();
        let suspended = job.spec.suspend;
        let suspended_at = holds(&job.status.conditions, "Suspended").and_then(|it| it.last_transition_time);
        let unadmitted = self.unadmitted(&job).await?;
        let mut view =
            BuildJob { complete, failed, refused: None, deleted, suspended, suspended_at, unadmitted };
        if pod.is_none() && view.unadmitted.is_none() {
            view.refused = self.refusal().await?;
        }
        let since = self.begun(build, &job);
        let age = self.now().duration_since(since).as_secs();
        let container = job.container();
        self.timers.look_at = pod.as_ref().and_then(|pod| settles_at(pod, container));
        if view.unadmitted.is_some() {
            // nothing of the build changes when Kueue finds another reason
            self.timers.look_at.get_or_insert(self.now() + QUEUE_LOOK.seconds());
        }
        let judged = judge(&view, pod.as_ref(), container, self.now(), age, bounds);
        // what is not said yet may have to be said although nothing changes
        if matches!(judged, Judged::Going(None)) && pod.as_ref().is_none_or(|pod| pod.coming_up().is_some()) {
            self.timers.look_at.get_or_insert(since + (SAID_AFTER + 1).seconds());
        }
        // a volume that is not mounted, a sandbox that is not made: nothing but an event tells of them
        if let (Judged::Going(Some(why)), Some(pod)) = (&judged, &pod)
            && pod.standstill().is_none()
            && pod.coming_up().is_some()
            && let Some(warning) = support::last_warning(self.cluster, pod).await?
        {
            return Ok(Judged::Going(Some(format!("{why}; {warning}"))));
        }
        Ok(judged)
    }

    /// Since when its pod might run: one that was queued has waited before that, and one that waits for support still does.
    fn begun(&self, build: &Build, job: &ServedJob) -> Timestamp {
        let created = job.metadata.creation_timestamp.unwrap_or(self.now());
        let building = build.times.get(&Phase::Building).copied();
        [job.status.start_time, building].into_iter().flatten().fold(created, Timestamp::max)
    }

    /// The pods of a build's Job: one, or none yet.
    pub(super) async fn build_pods(&self, build: &Build) -> Result<Vec<Pod>> {
        if let Some(job) = &build.job_uid {
            return self.pods_of_job(job).await;
        }
        // created just before a crash, and its uid is not written down yet
        let namespace = Some(self.me.namespace.as_str());
        match self.cluster.get::<Object>(&kind::JOBS, namespace, wire::JOB).await? {
            Some(job) => self.pods_of_job(&job.metadata.uid).await,
            None => Ok(Vec::new()),
        }
    }

    /// The pods that this very Job made. A build may make pods of its own, and label them as it likes.
    async fn pods_of_job(&self, uid: &str) -> Result<Vec<Pod>> {
        let (select, namespace) = (select::pods_of_job(uid), Some(self.me.namespace.as_str()));
        let mut pods = self.cluster.list::<Pod>(&kind::PODS, namespace, &select).await?.items;
        pods.retain(|pod| pod.is_made_by(uid));
        Ok(pods)
    }

    /// Why the Job's pod is not created.
    async fn refusal(&self) -> Result<Option<String>> {
        let job = About::Object("Job", wire::JOB);
        let warnings = events::warnings(self.cluster, &self.me.namespace, job).await?;
        let refused = warnings.into_iter().filter(|event| event.reason == "FailedCreate");
        Ok(refused.map(|event| event.message).next_back())
    }

    /// What was warned of about what the build consists of, oldest first. `pods`: those that are there.
    pub(super) async fn warnings(&self, pods: &[Pod]) -> Result<Vec<Event>> {
        let about = match pods {
            [] => vec![About::AnyPod],
            pods => pods.iter().take(PODS).map(About::Pod).collect(),
        };
        let asked = about.into_iter().chain([About::Object("Job", wire::JOB)]);
        let asked = asked.map(|about| events::warnings(self.cluster, &self.me.namespace, about));
        let mut warnings = try_join_all(asked).await?.concat();
        warnings.retain(|event| event.involved_object.name.starts_with(wire::JOB));
        warnings.sort_by_key(Event::last_seen);
        Ok(warnings)
    }
}

/// Pods of a build whose warnings are looked at: it has one.
const PODS: usize = 4;

/// Whether the last run of the agent's container was ended for the memory that it took. What the pushed image does in its
/// own is none of the agent's doing.
fn out_of_memory(pod: &Pod) -> bool {
    let own = pod.container(AGENT_CONTAINER);
    own.is_some_and(|own| own.last.out_of_memory())
}

/// The own Deployment; a deleted one counts as detached and scaled to zero.
fn listener(deployment: Option<&ServedListener>, container: &str, running: &OwnContainer) -> OwnDeployment {
    let Some(deployment) = deployment else {
        return OwnDeployment { image: running.image.clone(), keyed: false, replicas: 0, pushed_over: false };
    };
    let containers = &deployment.spec.template.spec.containers;
    let own = containers.iter().find(|candidate| candidate.name == container);
    let (labels, annotations) = (&deployment.metadata.labels, &deployment.metadata.annotations);
    OwnDeployment {
        image: own.map(|own| own.image.clone()).unwrap_or_default(),
        keyed: parking::attached(labels, annotations),
        pushed_over: Policy::of(labels, annotations).match_tag(),
        replicas: deployment.spec.replicas.unwrap_or(1),
    }
}

/// Generations before `build` that wait for a slot too. What only says so holds nobody up.
fn waiting_before(builds: &[Build], build: &Build, head: &Head) -> Vec<u64> {
    let mut before: Vec<u64> = builds
        .iter()
        .filter(|other| other.generation < build.generation && head.proves(other))
        .filter(|other| {
            other.phase > Phase::Listening && other.runs() && !head.slots.contains_key(&other.generation)
        })
        .map(|other| other.generation)
        .collect();
    before.sort_unstable();
    before
}
