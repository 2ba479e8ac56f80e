//! Kueue, which admits Jobs one after the other: the keys that it reads, and what it says of a Job that waits.
//!
//! Its keys go to the build's Job and nowhere else: on a listener they would have it wait for the place of the build.

use serde::Deserialize;

use super::object::{Condition, Served};
use crate::keel::names::Map;

/// Prefix of its keys.
const PREFIX: &str = "kueue.x-k8s.io/";
/// The label that names a LocalQueue of the namespace, by which Kueue takes a Job up.
pub const QUEUE_NAME: &str = "kueue.x-k8s.io/queue-name";
/// API group of its kinds.
pub const GROUP: &str = "kueue.x-k8s.io";

/// How what is said of a Job begins that Kueue has not admitted; the LocalQueue follows, and why.
const NOT_ADMITTED: &str = "Kueue has not admitted the build to LocalQueue ";
const EVICTED: &str = "Kueue has evicted the build from LocalQueue ";
/// Where no Kueue is there at all.
const NOT_SERVED: &str = "this cluster does not serve the API of Kueue";
/// Where nobody has made a Workload of the Job.
const NOT_TAKEN_UP: &str = "it has not taken the Job up yet";
/// Where nobody may look.
const UNREAD: &str = "its Workloads cannot be read";

/// Why Kueue has not admitted a Job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unadmitted {
    /// There is no Kueue.
    NotServed,
    /// It has made nothing of the Job.
    NotTakenUp,
    /// What it says cannot be read, and why.
    Unread(String),
    /// What it says itself; none while that is nothing.
    Said(Option<String>),
    /// It was admitted, and why it is not any more.
    Evicted(String),
}

impl Unadmitted {
    /// One sentence: what an agent writes down, and [`is_not_served`] and [`remedy`] know again.
    pub fn sentence(&self, queue: &str) -> String {
        let why = match self {
            Self::NotServed => NOT_SERVED.to_owned(),
            Self::NotTakenUp => NOT_TAKEN_UP.to_owned(),
            Self::Unread(why) => format!("{UNREAD} ({why})"),
            Self::Said(Some(why)) => why.clone(),
            Self::Said(None) => return format!("{NOT_ADMITTED}{queue}"),
            Self::Evicted(why) => return format!("{EVICTED}{queue}: {why}"),
        };
        format!("{NOT_ADMITTED}{queue}: {why}")
    }
}

/// The LocalQueue, and why its build is not admitted; none of what an agent waits for otherwise.
fn not_admitted(waiting: &str) -> Option<(&str, &str)> {
    let said = waiting.strip_prefix(NOT_ADMITTED).or_else(|| waiting.strip_prefix(EVICTED))?;
    Some(said.split_once(": ").unwrap_or((said, "")))
}

/// Whether a build waits for a Kueue that is not there, and so for ever.
pub fn is_not_served(waiting: &str) -> bool {
    not_admitted(waiting).is_some_and(|(_, why)| why == NOT_SERVED)
}

/// What to do about a build that waits for Kueue, a clause; none where it is something else that it waits for.
pub fn remedy(waiting: &str, namespace: &str) -> Option<String> {
    let (queue, why) = not_admitted(waiting)?;
    Some(if why == NOT_SERVED {
        format!(
            "have Kueue installed, or take the label {QUEUE_NAME} off the build workload of what is pushed next; kubectl \
             studioci cancel {namespace} ends this build"
        )
    } else if why == NOT_TAKEN_UP {
        format!(
            "if that lasts, nobody answers for the label {QUEUE_NAME}: kubectl get pods -A -l app.kubernetes.io/name=kueue shows \
             whether Kueue runs; its configuration has to name batch/job among its integrations"
        )
    } else if why.starts_with(UNREAD) {
        "an administrator lets agents read them by a ClusterRole as docs/kueue.md has it; the build does not wait for that"
            .to_owned()
    } else {
        format!(
            "kubectl get localqueues,workloads -n {namespace} shows more; the build begins once LocalQueue {queue} has room for \
             it"
        )
    })
}

/// Whether a key of a label or annotation is one of its own.
pub fn is_kueue_key(key: &str) -> bool {
    key.starts_with(PREFIX)
}

/// The LocalQueue that labels name.
pub fn queue_of(labels: &Map) -> Option<&str> {
    labels.get(QUEUE_NAME).map(String::as_str).filter(|name| !name.is_empty())
}

/// A Workload: what Kueue makes of a Job that it has taken up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuedWorkload {
    /// uid of its Job.
    pub job: String,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QueuedStatus {
    conditions: Option<Vec<Condition>>,
}

#[derive(Debug, Default, Deserialize)]
struct Nothing {}

impl<'de> Deserialize<'de> for QueuedWorkload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { metadata, status, .. } = Served::<Nothing, QueuedStatus>::deserialize(deserializer)?;
        Ok(Self { job: metadata.controller().to_owned(), conditions: status.conditions.unwrap_or_default() })
    }
}

impl QueuedWorkload {
    /// Why it is not admitted, in Kueue's words. One that queues anew says why it still does.
    pub fn unadmitted(&self) -> Unadmitted {
        let [queued, evicted, checked] =
            [("QuotaReserved", "False"), ("Evicted", "True"), ("Admitted", "False")]
                .map(|(name, status)| self.said(name, status).map(str::to_owned));
        match (queued, evicted) {
            (None, Some(why)) => Unadmitted::Evicted(why),
            (queued, _) => Unadmitted::Said(queued.or(checked)),
        }
    }

    fn said(&self, name: &str, status: &str) -> Option<&str> {
        let is = |it: &&Condition| it.r#type == name && it.status == status && !it.message.is_empty();
        self.conditions.iter().find(is).map(|it| it.message.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(conditions: &serde_json::Value) -> QueuedWorkload {
        let object = json!({
            "metadata": { "name": "job-build-1", "ownerReferences": [
                { "kind": "Job", "name": "build", "uid": "j", "controller": true }] },
            "spec": { "queueName": "main" },
            "status": { "conditions": conditions },
        });
        serde_json::from_value(object).expect("it is read")
    }

    #[test]
    fn why_a_job_waits_is_said_in_kueues_words() {
        let said = |why: &str| Unadmitted::Said(Some(why.to_owned()));
        for (conditions, says) in [
            (json!(null), Unadmitted::Said(None)),
            (json!([]), Unadmitted::Said(None)),
            (
                json!([{ "type": "QuotaReserved", "status": "False", "reason": "Pending",
                    "message": "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu" }]),
                said("couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"),
            ),
            (
                json!([{ "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" }]),
                Unadmitted::Evicted("Preempted to make room".to_owned()),
            ),
            (
                json!([
                    { "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" },
                    { "type": "QuotaReserved", "status": "False", "reason": "Inadmissible", "message": "ClusterQueue a is inactive" },
                ]),
                said("ClusterQueue a is inactive"),
            ),
            (
                json!([
                    { "type": "QuotaReserved", "status": "True", "message": "Quota reserved in ClusterQueue a" },
                    { "type": "Admitted", "status": "False", "message": "The workload has not all checks ready" },
                ]),
                said("The workload has not all checks ready"),
            ),
        ] {
            let workload = read(&conditions);
            assert_eq!((workload.job.as_str(), workload.unadmitted()), ("j", says), "{conditions}");
        }
    }

    #[test]
    fn what_is_to_be_done_about_a_build_that_waits_depends_on_why() {
        for (why, says, endless) in [
            (Unadmitted::NotServed, "kubectl studioci cancel ci-a ends this build", true),
            (Unadmitted::NotTakenUp, "shows whether Kueue runs", false),
            (
                Unadmitted::Unread("forbidden: get".to_owned()),
                "by a ClusterRole as docs/kueue.md has it",
                false,
            ),
            (Unadmitted::Said(Some("no quota: 8 gpus".to_owned())), "once LocalQueue main has room", false),
            (Unadmitted::Evicted("Preempted".to_owned()), "once LocalQueue main has room", false),
            (Unadmitted::Said(None), "kubectl get localqueues,workloads -n ci-a", false),
        ] {
            let waiting = why.sentence("main");
            let remedy = remedy(&waiting, "ci-a").unwrap();
            assert!(remedy.contains(says), "{waiting}: {remedy}");
            assert_eq!(is_not_served(&waiting), endless, "{waiting}");
        }
        for other in
            ["support is not ready", "the registry says: this cluster does not serve the API of Kueue"]
        {
            assert_eq!((remedy(other, "ci-a"), is_not_served(other)), (None, false), "{other}");
        }
    }

    #[test]
    fn a_queue_is_named_by_one_label_alone() {
        let label = |key: &str, value: &str| Map::from([(key.to_owned(), value.to_owned())]);
        assert_eq!(queue_of(&label(QUEUE_NAME, "main")), Some("main"));
        assert_eq!(queue_of(&label(QUEUE_NAME, "")), None);
        let urgent = "kueue.x-k8s.io/priority-class";
        assert_eq!(queue_of(&label(urgent, "high")), None);
        assert!(is_kueue_key(urgent) && !is_kueue_key("x-kueue.x-k8s.io/queue-name"));
    }
}
