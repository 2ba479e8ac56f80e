//! The pods of a build's namespace, as far as it matters what they reserve.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::super::object::{Condition, Meta, holds, nullable};
use super::super::quantity::Quantity;
use super::{Amounts, Reserved};
use crate::keel::names::Map;

/// A pod with its requests and its times.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct ReservingPod {
    metadata: Meta,
    spec: ReservingSpec,
    status: ReservingPodStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ReservingSpec {
    service_account_name: String,
    containers: Vec<ReservingContainer>,
    init_containers: Vec<ReservingContainer>,
    #[serde(deserialize_with = "nullable")]
    overhead: Map,
    resources: Requests,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ReservingContainer {
    restart_policy: String,
    resources: Requests,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Requests {
    #[serde(deserialize_with = "nullable")]
    requests: Map,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ReservingPodStatus {
    phase: String,
    start_time: Option<Timestamp>,
    #[serde(deserialize_with = "nullable")]
    conditions: Vec<Condition>,
    container_statuses: Vec<ReservingStatus>,
    init_container_statuses: Vec<ReservingStatus>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ReservingStatus {
    name: String,
    state: ContainerRuns,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct ContainerRuns {
    running: Option<ContainerRun>,
    terminated: Option<ContainerRun>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerRun {
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

impl ContainerRuns {
    fn begun(&self) -> Option<Timestamp> {
        self.running.as_ref().or(self.terminated.as_ref())?.started_at
    }
}

/// Thousandths of each resource, for every second.
type PerSecond = BTreeMap<String, u128>;

fn read(requests: &Map) -> Option<PerSecond> {
    let one = |(name, text): (&String, &String)| Some((name.clone(), Quantity::parse(text)?.thousandths()?));
    requests.iter().map(one).collect()
}

fn add(sum: &mut PerSecond, more: &PerSecond) {
    for (name, amount) in more {
        let it = sum.entry(name.clone()).or_default();
        *it = it.saturating_add(*amount);
    }
}

fn at_least(most: &mut PerSecond, other: &PerSecond) {
    for (name, amount) in other {
        let it = most.entry(name.clone()).or_default();
        *it = (*it).max(*amount);
    }
}

impl ReservingPod {
    /// What a scheduler counts; none where a request cannot be read.
    ///
    /// Source of the rule: `PodRequests` of k8s.io/component-helpers. Containers run side by side, and init containers one after
    /// the other, each beside the sidecars that were started before it. What is requested of the pod as a whole stands in the
    /// place of that, and what its runtime takes comes on top.
    fn requests(&self) -> Option<PerSecond> {
        let mut together = PerSecond::new();
        for container in &self.spec.containers {
            add(&mut together, &read(&container.resources.requests)?);
        }
        let (mut sidecars, mut starting) = (PerSecond::new(), PerSecond::new());
        for container in &self.spec.init_containers {
            let mut own = read(&container.resources.requests)?;
            if container.restart_policy == "Always" {
                add(&mut sidecars, &own);
                own.clone_from(&sidecars);
            } else {
                add(&mut own, &sidecars);
            }
            at_least(&mut starting, &own);
        }
        add(&mut together, &sidecars);
        at_least(&mut together, &starting);
        together.extend(read(&self.spec.resources.requests)?);
        add(&mut together, &read(&self.spec.overhead)?);
        Some(together)
    }

    fn statuses(&self) -> impl Iterator<Item = &ReservingStatus> {
        self.status.init_container_statuses.iter().chain(&self.status.container_statuses)
    }

    /// Since when it has a node, and until when; none of one that never got one, and of one that its node has sent away.
    fn span(&self) -> Option<(Timestamp, Option<Timestamp>)> {
        let scheduled = holds(&self.status.conditions, "PodScheduled").and_then(|it| it.last_transition_time);
        let from = scheduled.or(self.status.start_time)?;
        if !matches!(self.status.phase.as_str(), "Succeeded" | "Failed") {
            return Some((from, None));
        }
        self.statuses().find_map(|one| one.state.begun())?;
        let ended = self.statuses().filter_map(|one| one.state.terminated.as_ref()?.finished_at).max();
        Some((from, ended))
    }

    /// When that container of it began to run.
    fn begun(&self, container: &str) -> Option<Timestamp> {
        self.status.container_statuses.iter().find(|one| one.name == container)?.state.begun()
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct ReservedFor<'a> {
    /// The ServiceAccount of the agent, whose pods do not count.
    pub agent: &'a str,
    /// uid of the build's Job, if one was made.
    pub job: Option<&'a str>,
    /// The build container.
    pub container: &'a str,
    /// When anything of the pipeline was brought up.
    pub since: Timestamp,
    /// When the build came to its verdict.
    pub until: Timestamp,
}

/// What the pods of a build's namespace reserve for it: that of its Job, support, and what the build itself has made. Those that
/// are gone are not known.
pub fn reserved(pods: &[ReservingPod], of: &ReservedFor<'_>) -> Reserved {
    let is_build = |pod: &&ReservingPod| of.job.is_some_and(|job| pod.metadata.controller() == job);
    let mut missing = Vec::new();
    if of.job.is_some() && !pods.iter().any(|pod| is_build(&pod)) {
        missing.push("no pod of the build's Job was there when it was recorded".to_owned());
    }
    let began = pods.iter().filter(is_build).filter_map(|pod| pod.begun(of.container)).min();
    let began = began.unwrap_or(of.until);
    let (mut waiting, mut building) = (Amounts::default(), Amounts::default());
    for pod in pods.iter().filter(|pod| pod.spec.service_account_name != of.agent) {
        let Some((from, to)) = pod.span() else { continue };
        let Some(requests) = pod.requests() else {
            missing.push(format!("a request of pod {} cannot be read", pod.metadata.name));
            continue;
        };
        let (from, to) = (from.max(of.since), to.unwrap_or(of.until).min(of.until));
        for (name, amount) in requests {
            waiting.add(&name, amount.saturating_mul(seconds(from, to.min(began))));
            building.add(&name, amount.saturating_mul(seconds(from.max(began), to)));
        }
    }
    if waiting.bound() | building.bound() {
        missing.push("more resources were requested than are told".to_owned());
    }
    // of many pods one stands for the others
    missing.truncate(2);
    Reserved { waiting, building, missing: (!missing.is_empty()).then(|| missing.join("; ")) }
}

/// Whole seconds; none where clocks contradict each other.
fn seconds(from: Timestamp, to: Timestamp) -> u128 {
    u128::try_from(to.duration_since(from).as_secs()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::amounts;
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn pod(value: &Value) -> ReservingPod {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn requests(spec: &Value) -> Option<Vec<(String, u128)>> {
        Some(pod(&json!({ "spec": spec })).requests()?.into_iter().collect())
    }

    fn requested(of: &[(&str, u128)]) -> Vec<(String, u128)> {
        of.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
    }

    fn asks(requests: &Value) -> Value {
        json!({ "name": "x", "resources": { "requests": requests } })
    }

    fn sidecar(requests: &Value) -> Value {
        let mut it = asks(requests);
        it["restartPolicy"] = json!("Always");
        it
    }

    #[test]
    fn a_pod_requests_what_a_scheduler_counts() {
        const GI: u128 = (1 << 30) * 1000;
        // side by side
        let two = [
            asks(&json!({ "cpu": "500m", "memory": "1Gi" })),
            asks(&json!({ "cpu": "1.5", "nvidia.com/gpu": "2" })),
        ];
        assert_eq!(
            requests(&json!({ "containers": two })),
            Some(requested(&[("cpu", 2_000), ("memory", GI), ("nvidia.com/gpu", 2_000)]))
        );
        // one after the other, before the others
        let init = [asks(&json!({ "cpu": "3", "memory": "512Mi" })), asks(&json!({ "cpu": "1" }))];
        assert_eq!(
            requests(&json!({ "containers": two, "initContainers": init })),
            Some(requested(&[("cpu", 3_000), ("memory", GI), ("nvidia.com/gpu", 2_000)]))
        );
        // a sidecar runs beside whatever is started after it
        let init =
            [asks(&json!({ "cpu": "4" })), sidecar(&json!({ "cpu": "1" })), asks(&json!({ "cpu": "3500m" }))];
        assert_eq!(
            requests(&json!({ "containers": [asks(&json!({ "cpu": "2" }))], "initContainers": init })),
            Some(requested(&[("cpu", 4_500)]))
        );
        let init = [sidecar(&json!({ "cpu": "1" })), sidecar(&json!({ "cpu": "2" }))];
        assert_eq!(
            requests(&json!({ "containers": [asks(&json!({ "cpu": "2" }))], "initContainers": init })),
            Some(requested(&[("cpu", 5_000)]))
        );
        // of the pod as a whole, and of its runtime
        let whole = json!({
            "containers": two, "resources": { "requests": { "cpu": "8" } }, "overhead": { "cpu": "250m", "memory": "1Gi" },
        });
        assert_eq!(
            requests(&whole),
            Some(requested(&[("cpu", 8_250), ("memory", 2 * GI), ("nvidia.com/gpu", 2_000)]))
        );
        assert_eq!(requests(&json!({ "containers": [asks(&Value::Null)] })), Some(requested(&[])));
        for odd in ["many", "-1", ""] {
            assert_eq!(requests(&json!({ "containers": [asks(&json!({ "cpu": odd }))] })), None, "{odd}");
        }
    }

    /// A pod of one core that has had a node since then, and whose container runs or has run.
    fn placed(
        name: &str,
        controller: &str,
        from: i64,
        begun: Option<i64>,
        ended: Option<i64>,
    ) -> ReservingPod {
        let time = |second: i64| at(second).to_string();
        let state = match (begun, ended) {
            (Some(begun), Some(ended)) => {
                json!({ "terminated": { "startedAt": time(begun), "finishedAt": time(ended) } })
            }
            (Some(begun), None) => json!({ "running": { "startedAt": time(begun) } }),
            _ => json!({}),
        };
        pod(&json!({
            "metadata": { "name": name, "ownerReferences": [{ "uid": controller, "controller": true }] },
            "spec": { "containers": [asks(&json!({ "cpu": "1" }))] },
            "status": {
                "phase": if ended.is_some() { "Succeeded" } else { "Running" },
                "conditions": [{ "type": "PodScheduled", "status": "True", "lastTransitionTime": time(from) }],
                "containerStatuses": [{ "name": "build", "state": state }],
            },
        }))
    }

    fn of(pods: &[ReservingPod]) -> Reserved {
        let of = ReservedFor {
            agent: "studioci-agent.app",
            job: Some("job"),
            container: "build",
            since: at(100),
            until: at(500),
        };
        reserved(pods, &of)
    }

    fn cpu(waiting: u128, building: u128) -> Reserved {
        let some = |seconds: u128| {
            if seconds == 0 { amounts(&[]) } else { amounts(&[("cpu", seconds * 1000)]) }
        };
        Reserved { waiting: some(waiting), building: some(building), missing: None }
    }

    #[test]
    fn what_is_reserved_before_the_build_container_runs_waits_and_the_rest_builds() {
        // a node from 200 on, its image until 230, its end at 480
        let build = placed("b", "job", 200, Some(230), Some(480));
        assert_eq!(of(std::slice::from_ref(&build)), cpu(30, 250));
        // support runs from the beginning on, and beyond the end
        let support = placed("s", "replicas", 100, Some(105), None);
        assert_eq!(of(&[build.clone(), support.clone()]), cpu(30 + 130, 250 + 270));
        // a build that never ran: all of it was waiting
        assert_eq!(of(&[placed("b", "job", 200, None, None), support]), cpu(300 + 400, 0));
    }

    #[test]
    fn a_pod_without_a_node_reserves_nothing_and_one_that_its_node_sends_away_neither() {
        let mut waits = placed("b", "job", 200, None, None);
        (waits.status.conditions, waits.status.phase) = (Vec::new(), "Pending".to_owned());
        assert_eq!(of(&[waits.clone()]), cpu(0, 0));
        // where the condition is lost, the kubelet's own word counts
        waits.status.start_time = Some(at(450));
        assert_eq!(of(&[waits.clone()]), cpu(50, 0));
        // OutOfcpu: a pod that names its node itself, and asks for more than there is
        waits.status.phase = "Failed".to_owned();
        assert_eq!(of(&[waits]), cpu(0, 0));
    }

    #[test]
    fn the_agent_does_not_count_and_clocks_that_contradict_each_other_reserve_nothing() {
        let mut agent = placed("a", "replicas", 100, Some(100), None);
        agent.spec.service_account_name = "studioci-agent.app".to_owned();
        let build = placed("b", "job", 600, Some(700), Some(650));
        assert_eq!(of(&[agent, build]), cpu(0, 0));
    }

    #[test]
    fn what_is_not_known_is_said() {
        let gone = of(&[placed("s", "replicas", 100, Some(100), None)]);
        assert_eq!(gone.waiting, amounts(&[("cpu", 400_000)]));
        assert_eq!(gone.missing.as_deref(), Some("no pod of the build's Job was there when it was recorded"));
        let mut odd = placed("b", "job", 200, Some(230), Some(480));
        odd.spec.containers[0].resources.requests.insert("memory".to_owned(), "lots".to_owned());
        assert_eq!(of(&[odd]).missing.as_deref(), Some("a request of pod b cannot be read"));
    }

    #[test]
    fn whatever_a_pushed_pipeline_requests_is_bounded_in_number_and_length() {
        let mut hostile = placed("b", "job", 200, Some(230), Some(480));
        let requests = &mut hostile.spec.containers[0].resources.requests;
        for number in 0..1_000 {
            requests.insert(format!("x.example/r{number:04}"), "9".repeat(400));
        }
        requests.insert("x".repeat(300), "1".to_owned());
        let it = of(&vec![hostile; 100]);
        assert_eq!(it.missing.as_deref(), Some("more resources were requested than are told"));
        let told = json!(it).to_string();
        assert!(told.len() < 4096, "{} bytes are an annotation", told.len());
        assert_eq!(serde_json::from_str::<Reserved>(&told).unwrap().missing, it.missing);
    }
}
