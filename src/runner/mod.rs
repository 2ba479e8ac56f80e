//! Run an agent: look at the cluster, decide by [`crate::agent::step`], act, until nothing is left to do.
//!
//! Everything that an agent remembers beyond the cluster is in `memory`, and losing it costs a repetition, never a push or
//! a second build.

mod act;
mod adopt;
mod bring_down;
mod build;
mod events;
mod finish;
mod hand_on;
mod hear;
mod keep;
mod known;
mod lost;
mod memory;
mod observe;
mod publish;
mod push;
mod queue;
mod recheck;
pub mod repair;
mod reserve;
mod rotate;
mod served;
#[cfg(test)]
mod stuck_tests;
mod supersede;
pub mod tell;
mod tidy;
mod wake;

use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tokio::try_join;

use crate::agent::{Action, Observation, step};
use crate::chain::signs::STUCK;
use crate::chain::wire;
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Patch};
use crate::local::render::Renderer;
use crate::pipeline::weave::{self, ADOPT_AFTER, MAX_PER_HOUR};
use crate::state::Say;
use crate::state::confinement;
use crate::state::enter::Maker;
use crate::state::error::{Error, Result};
use crate::state::narration::Narration;
use adopt::Watchfulness;
use events::EventState;
use hear::AwaitedSince;
use memory::{AgentFindings, Cache, Timers};
use publish::{Alongside, PublishState};
use rotate::Rotation;
use wake::{Wakes, Woken};

/// Who the agent is, by the downward API.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Namespace of the build.
    pub namespace: String,
    /// Whether it is the build's own agent.
    pub role: Role,
    /// Name of the listener Deployment.
    pub deployment: String,
    /// Name of the build container, which is the CI container's of the listener.
    pub container: String,
    /// Where the CI container tells.
    pub told: PathBuf,
}

/// In whose place an agent acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// It is the build's own agent, in this pod.
    Own {
        /// Name of the pod.
        pod: String,
    },
    /// It acts for an agent that is gone.
    StandIn,
    /// A person acts for an agent that is gone.
    ByHand,
}

impl Role {
    /// The agent's own pod; none for who stands in.
    pub fn pod(&self) -> Option<&str> {
        match self {
            Self::Own { pod } => Some(pod),
            Self::StandIn | Self::ByHand => None,
        }
    }

    /// Whether it is the build's own agent.
    pub fn is_own(&self) -> bool {
        matches!(self, Self::Own { .. })
    }
}

/// The hands of an agent.
pub struct Agent<'a> {
    cluster: &'a Cluster,
    me: Identity,
    clock: fn() -> Timestamp,
    renderer: Renderer,
    say: Say<'a>,
    cache: Cache,
    timers: Timers,
    findings: AgentFindings,
    watch: Watchfulness,
    rotation: Rotation,
    telling: PublishState,
    events: EventState,
}

/// What comes after an action.
enum Flow {
    /// Decide again on what is known.
    Again,
    /// Look again at once.
    Look,
    /// Look again when something changes.
    Wait,
}

/// How long an agent waits before it looks again after a failed request, at most.
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// So many failures in a row may be those of rights that are moments old; what is not over then is written down.
const SOON_OVER: u32 = 2;
/// The longest time between two signs of life of an agent at work.
const PULSE: Duration = Duration::from_secs(60);
/// How soon the agent of a side build looks again whether that is complete: moments after its Deployment it is.
const HALF_MADE: Duration = Duration::from_secs(2);
/// How often a working agent looks even if no watch wakes it; an idle one never does.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

impl<'a> Agent<'a> {
    /// An agent that speaks to `cluster`, takes the time from `clock`, has `renderer` render what is pushed and writes its
    /// diary to `say`.
    pub fn new(
        cluster: &'a Cluster,
        me: Identity,
        clock: fn() -> Timestamp,
        renderer: Renderer,
        say: Say<'a>,
    ) -> Self {
        Self {
            cluster,
            me,
            clock,
            renderer,
            say,
            cache: Cache::default(),
            timers: Timers::default(),
            findings: AgentFindings::default(),
            watch: Watchfulness::default(),
            rotation: Rotation::default(),
            telling: PublishState::default(),
            events: EventState::default(),
        }
    }

    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// As whom it makes what the next listener needs. `uid`: of the build's Namespace.
    fn maker<'b>(&self, namespace: &'b str, uid: &'b str) -> Maker<'b> {
        match self.me.role {
            Role::Own { .. } | Role::StandIn => Maker::Agent { namespace, uid },
            Role::ByHand => Maker::Person,
        }
    }

    /// Writes a line into the diary, unless it was the last one.
    fn note(&mut self, line: &str) {
        self.tell(line, Narration::Progress(line.to_owned()));
    }

    /// The same of what whoever pushed should know.
    fn warn(&mut self, line: &str) {
        self.tell(line, Narration::Warning(line.to_owned()));
    }

    fn tell(&mut self, line: &str, narration: Narration<'_>) {
        if self.findings.said != line {
            (self.say)(narration);
            line.clone_into(&mut self.findings.said);
        }
    }

    fn note_action(&mut self, action: &Action, namespace: &str) {
        if !matches!(action, Action::Wait(_) | Action::Queue(_)) {
            self.note(&diary(action, namespace));
        }
    }

    /// Runs until the pod is ended from outside; an agent never ends by itself, or the kubelet would start it again.
    ///
    /// # Errors
    /// Never for what may heal; those are noted and tried again.
    pub async fn run(&mut self) -> Result<()> {
        let mut wakes = Wakes::new(self.cluster, &self.me);
        let mut failures = 0u32;
        let mut conflicts = 0u32;
        let mut beside = Alongside::default();
        loop {
            let turned = beside.while_doing(Box::pin(self.turn(&mut wakes))).await;
            beside.take(&mut self.telling);
            match turned {
                Ok(flow) => {
                    (failures, conflicts) = (0, 0);
                    self.findings.stuck = None;
                    if matches!(flow, Flow::Wait) {
                        beside.while_doing(self.rest(&mut wakes)).await;
                    }
                }
                Err(error) if error.is_conflict() => {
                    self.note("somebody else wrote meanwhile; looking again");
                    conflicts += 1;
                    // once is nothing; again and again is somebody who must not be raced
                    let pause = Duration::from_millis(50).saturating_mul(1 << conflicts.min(9));
                    if conflicts > 1 {
                        tokio::time::sleep(pause).await;
                    }
                }
                Err(error) => {
                    failures += 1;
                    self.note(&format!("cannot go on: {error}; trying again"));
                    if failures > SOON_OVER {
                        Box::pin(self.write_stuck(&error)).await;
                    }
                    let pause = Duration::from_millis(500).saturating_mul(1 << failures.min(7));
                    tokio::time::sleep(pause.min(BACKOFF_MAX)).await;
                }
            }
        }
    }

    /// Writes down why it cannot go on, where `status` reads it: what was edited, deleted or taken away by hand. The next
    /// look that succeeds takes it back.
    async fn write_stuck(&mut self, error: &Error) {
        let passes = matches!(error, Error::Cluster(error) if error.is_transient() || error.is_quota());
        let why = format!("{STUCK}{}", error.to_string().replace('\n', " "));
        if passes || self.findings.stuck.as_ref() == Some(&why) {
            return;
        }
        let annotations = json!({ wire::WAITING: why, wire::WAITS_FOR_KUEUE: null });
        let body = json!({ "metadata": { "annotations": annotations } });
        let (namespace, patch) = (&self.me.namespace, Patch::Merge(&body));
        // where not even this can be written, the diary has it
        if self.cluster.patch::<Object>(&kind::NAMESPACES, None, namespace, patch).await.is_ok() {
            self.findings.stuck = Some(why);
        }
    }

    /// Waits until something changes or it is time to look, and looks after others meanwhile.
    async fn rest(&mut self, wakes: &mut Wakes) {
        wakes.follow_values(self.follows());
        let look = self.next_look().map(|wait| tokio::time::Instant::now() + wait);
        loop {
            let due = self.watch.due.map(|at| self.until(at));
            let left = look.map(|at| at.saturating_duration_since(tokio::time::Instant::now()));
            let woken = tokio::select! {
                woken = wakes.wait([left, due].into_iter().flatten().min()) => woken,
                () = self.hears() => Woken::Change,
            };
            if woken == Woken::Values {
                self.rotation.ring();
            }
            if woken != Woken::Time || due.is_none_or(|due| left.is_some_and(|left| left <= due)) {
                return;
            }
            if Box::pin(self.look_after()).await {
                return;
            }
        }
    }

    fn until(&self, at: Timestamp) -> Duration {
        Duration::try_from(at.duration_since(self.now())).unwrap_or_default()
    }

    /// Looks once, and acts for as long as what is known suffices to decide.
    async fn turn(&mut self, wakes: &mut Wakes) -> Result<Flow> {
        let mut seen = if self.cache.confined {
            Box::pin(self.observe()).await?
        } else {
            let cluster = self.cluster;
            let (confinement, seen) = try_join!(confinement::check(cluster), Box::pin(self.observe()))?;
            for line in confinement.said_aloud() {
                self.note(&line);
            }
            self.cache.confined = true;
            seen
        };
        loop {
            wakes.follow(&seen);
            self.announce(&seen).await;
            let action = step(&seen);
            self.note_action(&action, &seen.build.namespace);
            match self.carry_out(action, &mut seen).await? {
                Flow::Again => self.observe_work(&mut seen).await?,
                flow => return Ok(flow),
            }
        }
    }

    /// How long to wait at most: idle listeners wait for their recheck only. For what they do beside it, see
    /// [`Self::rest`].
    fn next_look(&self) -> Option<Duration> {
        let silent = self.findings.silence.as_ref().map(|silence| silence.ends);
        let awaited = self.findings.awaited.as_ref().map(AwaitedSince::said_at);
        // what was due at the last look and led to nothing waits for a change, and not for the clock
        let later = |at: &Timestamp| self.timers.looked.is_none_or(|looked| *at > looked);
        let rotate = self.rotation.again;
        let at = &self.timers;
        let due = [at.recheck_at, at.dispatch_again, at.look_at, silent, awaited, rotate];
        let due = due.into_iter().flatten().filter(later).min();
        let due = due.map(|at| self.until(at));
        let again = LOOK_AGAIN.min(self.pulse());
        if self.cache.freeze.is_some() { Some(due.unwrap_or(again).min(again)) } else { due }
    }
}

impl Agent<'_> {
    /// How often an agent at work gives a sign of life: several times within what its chain waits for one.
    fn pulse(&self) -> Duration {
        let written = self.written(wire::ADOPT_AFTER);
        let patience = written.and_then(|text| weave::duration(text).ok()).unwrap_or(ADOPT_AFTER);
        (patience / 3).min(PULSE)
    }

    /// When the agent of a side build looks again that has begun nothing yet. Nobody tells it that its maker is done.
    fn looks_again(&self, seen: &Observation) -> Timestamp {
        let pause = if seen.head.is_making(seen.build.generation) { HALF_MADE } else { self.pulse() };
        self.now() + SignedDuration::try_from(pause).unwrap_or_default()
    }

    /// How many builds of the chain may begin within an hour.
    fn max_per_hour(&self) -> usize {
        let written = self.written(wire::MAX_PER_HOUR);
        written.and_then(|text| weave::per_hour(text).ok()).unwrap_or(MAX_PER_HOUR) as usize
    }

    /// A setting as its listener was raised with it, which asks nothing of a pipeline.
    fn written(&self, key: &str) -> Option<&String> {
        self.cache.listener.as_ref().and_then(|meta| meta.annotations.get(key))
    }
}

/// What the diary says of an action: what is done, and why.
fn diary(action: &Action, namespace: &str) -> String {
    match action {
        Action::Wait(_) | Action::Queue(_) => String::new(),
        Action::MakeWay(why) => format!("making way: {why}"),
        Action::StandDown(why) => format!("standing down: {why}"),
        Action::Listen(baseline) => {
            format!("listening in {namespace}; the image that is not built is {baseline}")
        }
        Action::Recheck => "rechecking whether the tag means another image by now".to_owned(),
        Action::Freeze(version) => format!("{version} is new: freezing it"),
        Action::Trigger => "triggered".to_owned(),
        Action::MoveHead => "checking the pushed pipeline and moving the chain's head".to_owned(),
        Action::TryOut => "checking the pipeline of what was asked for by hand".to_owned(),
        Action::Detach => "taking this Deployment off Keel: parking its keel.sh keys".to_owned(),
        Action::Reach(phase) => format!("phase {phase}"),
        Action::Dispatch => "dispatching the next listener".to_owned(),
        Action::Supersede(older) => format!("asking for {older} to be cancelled: this push takes its place"),
        Action::TakeSlot => "taking the build slot".to_owned(),
        Action::Prepare => "applying the rest of the pipeline".to_owned(),
        Action::Build => "creating the build's Job".to_owned(),
        Action::Release => "letting the build's pod run".to_owned(),
        Action::Record(verdict, cause) => format!("{verdict}: {cause}"),
        Action::FreeSlot(generation) => format!("giving the build slot of generation {generation} back"),
        Action::SettleDispatch => "the next listener is there already".to_owned(),
        Action::EndPods => "ending what still runs of the build's pod".to_owned(),
        Action::Finish => "ending what still runs here: support, and what the build has made".to_owned(),
        Action::Sleep => "done; scaling this listener to 0".to_owned(),
    }
}
