//! A Pod as the API server sends it, and how [`Pod`] is read from it.

use jiff::Timestamp;
use serde::Deserialize;

use super::super::object::{Condition, Served, nullable};
use super::{Container, Pod, State};
use crate::keel::names::Map;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodSpec {
    service_account_name: String,
    restart_policy: String,
    active_deadline_seconds: Option<i64>,
    termination_grace_period_seconds: Option<i64>,
    containers: Vec<ContainerSpec>,
    init_containers: Vec<ContainerSpec>,
    resources: Resources,
    scheduling_gates: Vec<Gate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Gate {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    image: String,
    resources: Resources,
    termination_message_policy: String,
    restart_policy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    #[serde(deserialize_with = "nullable")]
    limits: Map,
}

impl Resources {
    fn memory(&self) -> Option<String> {
        self.limits.get("memory").cloned()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodStatus {
    phase: String,
    reason: String,
    message: String,
    conditions: Vec<Condition>,
    container_statuses: Vec<ContainerStatus>,
    init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus {
    name: String,
    #[serde(rename = "imageID")]
    image_id: String,
    #[serde(rename = "containerID")]
    container_id: String,
    restart_count: u32,
    ready: bool,
    state: ContainerState,
    last_state: ContainerState,
    resources: Resources,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ContainerState {
    waiting: Option<Halt>,
    running: Option<Begun>,
    terminated: Option<Halt>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Begun {
    started_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Halt {
    reason: String,
    message: String,
    exit_code: i32,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl From<ContainerState> for State {
    fn from(state: ContainerState) -> Self {
        match state {
            ContainerState { terminated: Some(end), .. } => {
                Self::Terminated { code: end.exit_code, reason: end.reason }
            }
            ContainerState { running: Some(_), .. } => Self::Running,
            ContainerState { waiting: Some(wait), .. } => {
                Self::Waiting { reason: wait.reason, message: wait.message }
            }
            _ => Self::Unknown,
        }
    }
}

/// Whether a run with this reason has ended by itself.
fn by_itself(reason: &str) -> bool {
    matches!(reason, "" | "Completed" | "Error" | "OOMKilled")
}

impl<'de> Deserialize<'de> for Pod {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { metadata, spec, status } = Served::<PodSpec, PodStatus>::deserialize(deserializer)?;
        let mut statuses: Vec<_> =
            status.init_container_statuses.into_iter().chain(status.container_statuses).collect();
        let mut containers = Vec::new();
        let specs = spec.init_containers.into_iter().map(|c| (true, c));
        for (init, container) in specs.chain(spec.containers.into_iter().map(|c| (false, c))) {
            let told = statuses.iter().position(|status| status.name == container.name);
            let told = told.map(|at| statuses.swap_remove(at)).unwrap_or_default();
            let started = told.state.running.as_ref().and_then(|running| running.started_at);
            let end = told.state.terminated.as_ref();
            let (begun, ended) =
                (started.or(end.and_then(|end| end.started_at)), end.and_then(|end| end.finished_at));
            // with the other policy it may be the end of the log, and of a run that never began it is the runtime's
            let own = container.termination_message_policy != "FallbackToLogsOnError";
            let message = told.state.terminated.as_ref().filter(|end| own && by_itself(&end.reason));
            let message = message.map(|end| end.message.clone()).unwrap_or_default();
            containers.push(Container {
                name: container.name,
                init,
                ready: told.ready,
                sidecar: init && container.restart_policy == "Always",
                image: container.image,
                // what is in force: a running container may have been given another limit than it asked for
                memory: told.resources.memory().or(container.resources.memory()).or(spec.resources.memory()),
                image_id: told.image_id,
                container_id: told.container_id,
                started,
                begun,
                state: told.state.into(),
                restarts: told.restart_count,
                last: told.last_state.into(),
                ended,
                message,
            });
        }
        let mut unschedulable = None;
        let mut disrupted = None;
        let mut ready = false;
        for condition in status.conditions {
            match (condition.r#type.as_str(), condition.status.as_str()) {
                // what holds it back is known by its name
                ("PodScheduled", "False") if condition.reason == "SchedulingGated" => {}
                ("PodScheduled", "False") => unschedulable = Some(condition.message),
                ("Ready", "True") => ready = true,
                ("DisruptionTarget", "True") => {
                    disrupted = Some(format!("{}: {}", condition.reason, condition.message));
                }
                _ => {}
            }
        }
        Ok(Self {
            controller: metadata.controller().to_owned(),
            controlled_by: metadata.controlled_by(),
            namespace: metadata.namespace,
            name: metadata.name,
            uid: metadata.uid,
            account: spec.service_account_name,
            restarts: spec.restart_policy != "Never",
            phase: status.phase,
            reason: status.reason,
            message: status.message,
            gates: spec.scheduling_gates.into_iter().map(|gate| gate.name).collect(),
            unschedulable,
            disrupted,
            ready,
            deleted: metadata.deletion_timestamp.is_some(),
            deadline: spec.active_deadline_seconds,
            grace: spec.termination_grace_period_seconds,
            containers,
        })
    }
}
