//! A pod as a build sees it: what its containers do, and why it stands still.

mod late;
mod reason;
mod served;
mod shown;
mod word;

use jiff::Timestamp;

use self::reason::{CRASH_LOOP, of_node};
pub use self::reason::{image_trouble, login_refused, not_in_registry, stuck};
use self::word::first_word;
use super::build::Build;
use super::wire;
use crate::keel::image::{Digest, ImageRef};

/// What a container does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum State {
    /// Nothing is known yet.
    #[default]
    Unknown,
    /// It does not run (yet), with the kubelet's reason and message.
    Waiting {
        /// Such as `ImagePullBackOff`.
        reason: String,
        /// The kubelet's words.
        message: String,
    },
    /// It runs.
    Running,
    /// It has ended.
    Terminated {
        /// Exit code.
        code: i32,
        /// Such as `OOMKilled`, `Error`, `Completed`.
        reason: String,
    },
}

/// One container of a pod, init containers included.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it is an init container.
    pub init: bool,
    /// Whether the kubelet calls it ready.
    pub ready: bool,
    /// Whether it is one that runs beside the others, and is started again as long as they run.
    pub sidecar: bool,
    /// The image in the spec.
    pub image: String,
    /// How much memory it may have, as it was written; none where only the node bounds it.
    pub memory: Option<String>,
    /// The status' imageID; empty until the kubelet publishes it.
    pub image_id: String,
    /// The status' containerID; empty until the kubelet publishes it.
    pub container_id: String,
    /// What it does.
    pub state: State,
    /// How often it was restarted.
    pub restarts: u32,
    /// How its last run ended.
    pub last: State,
    /// When the run that goes on began, to the second.
    pub started: Option<Timestamp>,
    /// When its latest run began, whether it goes on or not, to the second.
    pub begun: Option<Timestamp>,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// What it wrote into its termination message, if it has ended by itself: 12 KiB at most in a pod, and of any form.
    pub message: String,
}

/// Whose doing it is that a container tells nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Silence {
    /// The registry's, the node's or the scheduler's, which heals without a push; what is known of it.
    Theirs(Option<String>),
    /// The image's own, one sentence.
    Image(String),
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// The ServiceAccount that it runs as.
    pub account: String,
    /// uid of the controller that made it; empty where none did.
    pub controller: String,
    /// Kind and name of that controller (`Job/studioci-build`); empty where none did.
    pub controlled_by: String,
    /// Whether a container that has ended is started again.
    pub restarts: bool,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `status.reason`, such as `Evicted`, `DeadlineExceeded`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// What holds it back from the scheduler (`spec.schedulingGates`).
    pub gates: Vec<String>,
    /// Why the scheduler does not place it.
    pub unschedulable: Option<String>,
    /// Why it was disrupted (condition `DisruptionTarget`).
    pub disrupted: Option<String>,
    /// Whether it is ready as a whole (condition `Ready`).
    pub ready: bool,
    /// Whether it has a deletionTimestamp.
    pub deleted: bool,
    /// `spec.activeDeadlineSeconds`: so long after its start the kubelet ends it.
    pub deadline: Option<i64>,
    /// `spec.terminationGracePeriodSeconds`: how long its containers may take to end.
    pub grace: Option<i64>,
    /// Init containers first.
    pub containers: Vec<Container>,
}

/// What a pod stands still at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standstill<'a> {
    /// The scheduler does not place it, and why.
    Unschedulable(&'a str),
    /// A container that does not come up by itself, with the kubelet's reason and message.
    Container(&'a Container, &'a str, &'a str),
}

/// What the registry calls the image that a container runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// The kubelet has not published it yet.
    Pending,
    /// The registry's digest.
    Digest(Digest),
    /// The image was loaded into the node by hand: it has no registry digest.
    SideLoaded,
}

impl State {
    /// Whether a process of this run was killed for memory. It need not have been the first one: then the run goes on, and
    /// has whatever exit code it ends with.
    pub fn out_of_memory(&self) -> bool {
        matches!(self, Self::Terminated { reason, .. } if reason == "OOMKilled")
    }
}

impl Container {
    /// Its own word of how it ended: the first line of its termination message, without what steers a terminal.
    pub fn word(&self) -> Option<String> {
        first_word(&self.message)
    }

    /// Whether it runs or has run, so that it has a log.
    pub fn has_log(&self) -> bool {
        let begun = |state: &State| matches!(state, State::Running | State::Terminated { .. });
        begun(&self.state) || begun(&self.last)
    }

    /// Whether this run of it or the one before has failed.
    pub fn has_failed(&self) -> bool {
        let failed = |state: &State| matches!(state, State::Terminated { code, .. } if *code != 0);
        failed(&self.state) || failed(&self.last)
    }

    /// What memory it lacked when a process of it was killed: `OOMKilled, limit 64Mi`.
    pub fn lacking(&self) -> String {
        match &self.memory {
            Some(limit) => format!("OOMKilled, limit {limit}"),
            None => "OOMKilled, without a limit of its own".to_owned(),
        }
    }

    /// The digest that the container runs, or that its last run ran.
    ///
    /// imageID is published late, and a restart within a pod shows the old one first; so it counts only beside a
    /// containerID, whose run it belongs to, and not while another run is being made. A registry digest has the form
    /// `repository@sha256:…`. The repository may be another one: of an image that the node has under several names the
    /// runtime tells any (containerd: the first). What was loaded by hand has no such form, or a name that the loading tool
    /// made up.
    pub fn ran(&self) -> Ran {
        let has_run = match &self.state {
            State::Running | State::Terminated { .. } => true,
            State::Waiting { reason, .. } => reason == CRASH_LOOP,
            State::Unknown => false,
        };
        if !has_run || self.image_id.is_empty() || self.container_id.is_empty() {
            return Ran::Pending;
        }
        self.registry_digest()
    }

    /// Why a container that has told nothing has not. What the registry and the node cause is no verdict on an image.
    pub fn silence(&self) -> Silence {
        let Self { name, restarts, .. } = self;
        let s = if *restarts == 1 { "" } else { "s" };
        let crashed = |end: &State| match end {
            State::Terminated { code, reason } => {
                format!(
                    "container {name} ends again and again ({restarts} restart{s}, last with exit code {code}, {reason})"
                )
            }
            _ => format!("container {name} ends again and again ({restarts} restart{s})"),
        };
        match &self.state {
            State::Running => Silence::Image(silent(name)),
            end @ State::Terminated { .. } => Silence::Image(crashed(end)),
            State::Waiting { reason, .. } if reason == CRASH_LOOP => Silence::Image(crashed(&self.last)),
            State::Waiting { reason, message } if image_trouble(reason) || of_node(reason, message) => {
                Silence::Theirs(Some(waiting(self, reason, message)))
            }
            State::Waiting { reason, message } if stuck(reason) => {
                Silence::Image(waiting(self, reason, message))
            }
            State::Waiting { .. } | State::Unknown => Silence::Theirs(None),
        }
    }

    /// What a container does that is neither known to fail nor done with what is awaited of it.
    pub fn awaited(&self) -> String {
        let Self { name, image, .. } = self;
        match &self.state {
            State::Waiting { reason, .. } => format!("container {name} waits: {reason} (image {image})"),
            State::Running => silent(name),
            State::Terminated { .. } | State::Unknown => {
                format!("nothing is known of container {name} yet (image {image})")
            }
        }
    }

    /// The digest that a container which never starts twice runs, or ran; `None` while it is not published.
    pub fn ran_once(&self) -> Option<Ran> {
        let begun = matches!(self.state, State::Running | State::Terminated { .. });
        (begun && self.restarts == 0 && !self.image_id.is_empty()).then(|| self.registry_digest())
    }

    fn registry_digest(&self) -> Ran {
        let id = self.image_id.strip_prefix("docker-pullable://").unwrap_or(&self.image_id);
        let id = ImageRef::parse(id).ok().filter(|id| !loaded_by_hand(&id.repository_key()));
        id.and_then(|id| id.digest).map_or(Ran::SideLoaded, Ran::Digest)
    }
}

fn silent(name: &str) -> String {
    format!("container {name} runs and tells nothing of its image")
}

/// Whether a repository's name is one that containerd (`import-DATE`) or podman and CRI-O (`localhost`) give to what
/// never was in a registry.
fn loaded_by_hand(repository_key: &str) -> bool {
    ["docker.io/library/import-", "localhost/"].iter().any(|made_up| repository_key.starts_with(made_up))
}

impl Pod {
    /// Whether a container of it has ended, and will not be started again.
    pub fn has_ended(&self, container: &Container) -> bool {
        let State::Terminated { code, .. } = container.state else { return self.is_over() };
        self.is_over()
            || self.deleted
            || if container.init { code == 0 && !container.sidecar } else { !self.restarts }
    }

    /// The container of that name.
    pub fn container(&self, name: &str) -> Option<&Container> {
        self.containers.iter().find(|container| container.name == name)
    }

    /// Whether it runs as the agent of that build's listener: a build may label its pods as it likes, but none of them runs
    /// as the agent.
    pub fn is_agent_of(&self, build: &Build) -> bool {
        self.namespace == build.namespace && self.account == wire::agent_account(&build.chain)
    }

    /// Whether that build's Job made it.
    pub fn is_build_of(&self, build: &Build) -> bool {
        self.namespace == build.namespace && build.job_uid.as_deref().is_some_and(|job| self.is_made_by(job))
    }

    /// Whether the controller of that uid made it.
    pub fn is_made_by(&self, controller: &str) -> bool {
        !controller.is_empty() && self.controller == controller
    }

    /// Names of the containers that run beside `build` and keep the pod going: a webhook put them there, since what a
    /// template has beside its build container is made an init container, which the kubelet ends by itself.
    pub fn beside(&self, build: &str) -> Vec<&str> {
        self.containers
            .iter()
            .filter(|one| !one.init && one.name != build && !matches!(one.state, State::Terminated { .. }))
            .map(|one| one.name.as_str())
            .collect()
    }

    /// Whether it is held back until support is ready.
    pub fn awaits_support(&self) -> bool {
        self.gates.iter().any(|gate| gate == wire::SUPPORT_GATE)
    }

    /// Whether the pod has come to its end.
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// How far a pod has come that does not run yet, one sentence; `None` for one that runs, or has.
    pub fn coming_up(&self) -> Option<String> {
        if self.phase != "Pending" {
            return None;
        }
        let name = &self.name;
        let waits = self.containers.iter().find_map(|one| match &one.state {
            State::Waiting { reason, .. } => {
                Some(format!("pod {name} comes up: container {} waits: {reason}", one.name))
            }
            _ => None,
        });
        let initializes = || {
            let init = self.containers.iter().find(|one| one.init && one.state == State::Running)?;
            Some(format!("pod {name} comes up: init container {} runs", init.name))
        };
        let held = || {
            (!self.gates.is_empty()).then(|| format!("pod {name} is held back by {}", self.gates.join(", ")))
        };
        waits.or_else(initializes).or_else(held).or_else(|| Some(format!("pod {name} waits for a node")))
    }

    /// What the pod stands still at; `None` while nothing is known to be wrong.
    pub fn standstill(&self) -> Option<Standstill<'_>> {
        if let Some(why) = &self.unschedulable {
            return Some(Standstill::Unschedulable(why));
        }
        self.containers.iter().find_map(|container| match &container.state {
            State::Waiting { reason, message } if stuck(reason) => {
                Some(Standstill::Container(container, reason, message))
            }
            _ => None,
        })
    }

    /// Why the pod stands still, one sentence; `None` while nothing is known to be wrong.
    pub fn trouble(&self) -> Option<String> {
        Some(match self.standstill()? {
            Standstill::Unschedulable(why) => format!("pod {} cannot be scheduled: {why}", self.name),
            Standstill::Container(container, reason, message) => waiting(container, reason, message),
        })
    }
}

fn waiting(container: &Container, reason: &str, message: &str) -> String {
    let Container { name, image, restarts, .. } = container;
    match reason {
        CRASH_LOOP => {
            let how = match &container.last {
                State::Terminated { code, reason } => format!(", last with exit code {code} ({reason})"),
                _ => String::new(),
            };
            let s = if *restarts == 1 { "" } else { "s" };
            format!("container {name} crashes again and again ({restarts} restart{s}{how})")
        }
        _ if image_trouble(reason) => {
            format!("image {image} of container {name} cannot be pulled: {reason}: {}", first_line(message))
        }
        _ => format!("container {name} waits: {reason}: {}", first_line(message)),
    }
}

/// What somebody else said, up to the end of its first line.
pub fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests;
