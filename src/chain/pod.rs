//! A pod as a build sees it: what its containers do, and why it stands still.

use jiff::Timestamp;
use serde::Deserialize;

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
    /// The image in the spec.
    pub image: String,
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
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
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
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `status.reason`, such as `Evicted`, `DeadlineExceeded`.
    pub reason: String,
    /// `status.message`.
    pub message: String,
    /// Why the scheduler does not place it.
    pub unschedulable: Option<String>,
    /// Why it was disrupted (condition `DisruptionTarget`).
    pub disrupted: Option<String>,
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

impl Container {
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
            State::Running => Silence::Image(format!("container {name} runs and tells nothing of its image")),
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

    /// The digest that a container which never starts twice runs, or ran; `None` while it is not published.
    pub fn ran_once(&self) -> Option<Ran> {
        let begun = matches!(self.state, State::Running | State::Terminated { .. });
        (begun && self.restarts == 0 && !self.image_id.is_empty()).then(|| self.registry_digest())
    }

    fn registry_digest(&self) -> Ran {
        let id = self.image_id.strip_prefix("docker-pullable://").unwrap_or(&self.image_id);
        let id = ImageRef::parse(id).filter(|id| !loaded_by_hand(&id.repository_key()));
        id.and_then(|id| id.digest).map_or(Ran::SideLoaded, Ran::Digest)
    }
}

/// Whether a repository's name is one that containerd (`import-DATE`) or podman and CRI-O (`localhost`) give to what
/// never was in a registry.
fn loaded_by_hand(repository_key: &str) -> bool {
    ["docker.io/library/import-", "localhost/"].iter().any(|made_up| repository_key.starts_with(made_up))
}

impl Pod {
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
        waits.or_else(initializes).or_else(|| Some(format!("pod {name} waits for a node")))
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

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Whether a waiting reason is about the image.
pub fn image_trouble(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ErrInspectImage"
            | "RegistryUnavailable"
            | "ImageInspectError"
            | "SignatureValidationFailed"
    )
}

/// The kubelet's word for a container that it starts again after a pause.
const CRASH_LOOP: &str = "CrashLoopBackOff";

/// Whether a container that cannot be made is its node's doing. Two reasons say so: these hooks are the kubelet's own, of
/// its managers of CPU, memory and devices. The others (`CreateContainerError`, `RunContainerError`,
/// `CreateContainerConfigError`) Kubernetes gives for whatever the runtime answers, a full disk as well as a user that the
/// image does not have, so that only the runtime's words tell. What is not known as the node's counts as the image's.
fn of_node(reason: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    matches!(reason, "PreCreateHookError" | "PreStartHookError")
        || [
            "no space left",
            "disk quota",
            "deadline exceeded",
            "timed out",
            "timeout",
            "connection refused",
            "transport",
            "unavailable",
            "failed to reserve container name",
            "too many open files",
            "cannot allocate memory",
            "resource temporarily unavailable",
            "failed to mount",
            "failed to sync",
            "cgroup",
        ]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether a waiting reason means that the container does not come up by itself soon.
pub fn stuck(reason: &str) -> bool {
    image_trouble(reason)
        || matches!(
            reason,
            CRASH_LOOP
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "RunContainerError"
                | "PreCreateHookError"
                | "PreStartHookError"
                | "PostStartHookError"
        )
}

/// Whether the kubelet's words say that the registry does not have this tag or repository.
pub fn not_in_registry(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not found", "manifest unknown", "name unknown", "does not exist"]
        .iter()
        .any(|words| message.contains(words))
}

/// The API server's Pod, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wire {
    metadata: WireMeta,
    spec: WireSpec,
    status: WireStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireMeta {
    namespace: String,
    name: String,
    uid: String,
    deletion_timestamp: Option<String>,
    owner_references: Vec<WireOwner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireOwner {
    uid: String,
    controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireSpec {
    service_account_name: String,
    active_deadline_seconds: Option<i64>,
    termination_grace_period_seconds: Option<i64>,
    containers: Vec<WireContainer>,
    init_containers: Vec<WireContainer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireContainer {
    name: String,
    image: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireStatus {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<WireCondition>,
    container_statuses: Vec<WireContainerStatus>,
    init_container_statuses: Vec<WireContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireCondition {
    r#type: String,
    status: String,
    reason: String,
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireContainerStatus {
    name: String,
    #[serde(rename = "imageID")]
    image_id: String,
    #[serde(rename = "containerID")]
    container_id: String,
    restart_count: u32,
    state: WireState,
    last_state: WireState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WireState {
    waiting: Option<WireReason>,
    running: Option<WireRunning>,
    terminated: Option<WireReason>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireRunning {
    started_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WireReason {
    reason: String,
    message: String,
    exit_code: i32,
    finished_at: Option<Timestamp>,
}

impl From<WireState> for State {
    fn from(state: WireState) -> Self {
        match state {
            WireState { terminated: Some(end), .. } => {
                Self::Terminated { code: end.exit_code, reason: end.reason }
            }
            WireState { running: Some(_), .. } => Self::Running,
            WireState { waiting: Some(wait), .. } => {
                Self::Waiting { reason: wait.reason, message: wait.message }
            }
            _ => Self::Unknown,
        }
    }
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Wire { metadata, spec, status } = Wire::deserialize(deserializer)?;
        let mut statuses: Vec<_> =
            status.init_container_statuses.into_iter().chain(status.container_statuses).collect();
        let mut containers = Vec::new();
        let specs = spec.init_containers.into_iter().map(|c| (true, c));
        for (init, container) in specs.chain(spec.containers.into_iter().map(|c| (false, c))) {
            let told = statuses.iter().position(|status| status.name == container.name);
            let told = told.map(|at| statuses.swap_remove(at)).unwrap_or_default();
            let ended = told.state.terminated.as_ref().and_then(|end| end.finished_at);
            containers.push(Container {
                name: container.name,
                init,
                image: container.image,
                image_id: told.image_id,
                container_id: told.container_id,
                started: told.state.running.as_ref().and_then(|running| running.started_at),
                state: told.state.into(),
                restarts: told.restart_count,
                last: told.last_state.into(),
                ended,
            });
        }
        let mut unschedulable = None;
        let mut disrupted = None;
        for condition in status.conditions {
            match (condition.r#type.as_str(), condition.status.as_str()) {
                ("PodScheduled", "False") => unschedulable = Some(condition.message),
                ("DisruptionTarget", "True") => {
                    disrupted = Some(format!("{}: {}", condition.reason, condition.message));
                }
                _ => {}
            }
        }
        let controller = metadata.owner_references.into_iter().find(|owner| owner.controller);
        Ok(Self {
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            account: spec.service_account_name,
            controller: controller.map(|owner| owner.uid).unwrap_or_default(),
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            unschedulable,
            disrupted,
            deleted: metadata.deletion_timestamp.is_some(),
            deadline: spec.active_deadline_seconds,
            grace: spec.termination_grace_period_seconds,
            containers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn container(image: &str, image_id: &str) -> Container {
        Container {
            name: "build".to_owned(),
            image: image.to_owned(),
            image_id: image_id.to_owned(),
            container_id: "containerd://1".to_owned(),
            state: State::Running,
            ..Container::default()
        }
    }

    #[test]
    fn only_a_digest_that_a_registry_gave_counts() {
        let digest = format!("sha256:{}", "1f".repeat(32));
        let known = Ran::Digest(Digest::parse(&digest).expect("well formed"));
        for (image, image_id, want) in [
            ("r:5000/app:1", format!("r:5000/app@{digest}"), known.clone()),
            ("app:1", format!("docker.io/library/app@{digest}"), known.clone()),
            ("app:1", format!("docker-pullable://app@{digest}"), known.clone()),
            // promoted from one repository to another, and the node has both
            ("r:5000/app:1", format!("r:5000/staging/app@{digest}"), known),
            ("app:1", format!("localhost/app@{digest}"), Ran::SideLoaded),
            ("app:1", digest.clone(), Ran::SideLoaded),
            ("app:1", format!("docker.io/library/import-2026@{digest}"), Ran::SideLoaded),
            ("app:1", String::new(), Ran::Pending),
        ] {
            assert_eq!(container(image, &image_id).ran(), want, "{image} {image_id}");
        }
    }

    #[test]
    fn a_status_of_an_earlier_start_does_not_count() {
        let digest = format!("sha256:{}", "1f".repeat(32));
        let mut container = container("app:1", &format!("docker.io/library/app@{digest}"));
        container.state = State::Waiting { reason: "PodInitializing".into(), message: String::new() };
        assert_eq!(container.ran(), Ran::Pending);
        container.state = State::Running;
        container.container_id.clear();
        assert_eq!(container.ran(), Ran::Pending);
    }

    #[test]
    fn what_dies_at_once_was_seen_too() {
        let digest = format!("sha256:{}", "1f".repeat(32));
        let mut container = container("app:1", &format!("docker.io/library/app@{digest}"));
        for state in [
            State::Terminated { code: 1, reason: "Error".into() },
            State::Waiting { reason: "CrashLoopBackOff".into(), message: "back-off".into() },
        ] {
            container.state = state;
            assert!(matches!(container.ran(), Ran::Digest(_)), "{:?}", container.state);
        }
        container.state = State::Waiting { reason: "ErrImagePull".into(), message: "of the next run".into() };
        assert_eq!(container.ran(), Ran::Pending);
    }

    #[test]
    fn registry_and_node_are_no_verdict_on_an_image() {
        let waiting =
            |reason: &str, message: &str| State::Waiting { reason: reason.into(), message: message.into() };
        let ended = |code| State::Terminated { code, reason: "StartError".into() };
        for (state, images) in [
            (State::Running, true),
            (ended(128), true),
            (ended(0), true),
            (waiting("CrashLoopBackOff", "back-off 10s"), true),
            (
                waiting(
                    "CreateContainerConfigError",
                    "container has runAsNonRoot and image will run as root",
                ),
                true,
            ),
            (
                waiting(
                    "CreateContainerError",
                    "unable to find user nobody: no matching entries in passwd file",
                ),
                true,
            ),
            (waiting("RunContainerError", "mkdir /src: read-only file system"), true),
            (waiting("CreateContainerError", "write /var/lib/x: no space left on device"), false),
            (waiting("CreateContainerError", "context deadline exceeded"), false),
            (waiting("RunContainerError", "failed to reserve container name"), false),
            (waiting("PreCreateHookError", "not enough cpus available to satisfy request"), false),
            (waiting("PreStartHookError", "cannot allocate devices"), false),
            (waiting("ErrImagePull", "r/app:1: not found"), false),
            (waiting("ImagePullBackOff", "connection refused"), false),
            (waiting("InvalidImageName", "r/App"), false),
            (waiting("ContainerCreating", ""), false),
            (waiting("PodInitializing", ""), false),
            (State::Unknown, false),
        ] {
            let mut container = container("app:1", "");
            container.state = state;
            let silence = container.silence();
            assert_eq!(matches!(silence, Silence::Image(_)), images, "{:?}: {silence:?}", container.state);
        }
    }

    #[test]
    fn a_pod_is_read_as_the_api_server_writes_it() {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "build-x", "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "initContainers": [{"name": "agent", "image": "a:1"}],
                "containers": [{"name": "build", "image": "app:1"}],
            },
            "status": {
                "phase": "Failed", "reason": "Evicted", "message": "low on memory",
                "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": "m"}],
                "initContainerStatuses": [{"name": "agent", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
                "containerStatuses": [{"name": "build", "restartCount": 2, "imageID": "i",
                    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                    "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}],
            },
        }))
        .expect("a pod");
        assert!(pod.deleted && pod.containers[0].init && !pod.containers[1].init);
        assert_eq!(pod.disrupted.as_deref(), Some("TerminationByKubelet: m"));
        assert_eq!(
            pod.trouble().as_deref(),
            Some("container build crashes again and again (2 restarts, last with exit code 137 (OOMKilled))")
        );
    }

    #[test]
    fn trouble_names_the_image_that_cannot_be_pulled() {
        let mut build = container("r/app:9", "");
        build.state =
            State::Waiting { reason: "ErrImagePull".into(), message: "r/app:9: not found\nmore".into() };
        let pod = Pod { name: "p".into(), containers: vec![build], ..Pod::default() };
        assert_eq!(
            pod.trouble().as_deref(),
            Some("image r/app:9 of container build cannot be pulled: ErrImagePull: r/app:9: not found")
        );
    }
}
