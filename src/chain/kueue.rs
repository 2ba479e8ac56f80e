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
    /// Why it is not admitted, in Kueue's words; none while nothing is said.
    pub fn waits(&self) -> Option<String> {
        self.said("QuotaReserved", "False")
            .or_else(|| self.said("Evicted", "True"))
            .or_else(|| self.said("Admitted", "False"))
            .map(str::to_owned)
    }

    /// Whether it was admitted and has lost that again; not while it queues anew, since it says then why it still does.
    pub fn is_evicted(&self) -> bool {
        self.said("QuotaReserved", "False").is_none() && self.said("Evicted", "True").is_some()
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
        for (conditions, says) in [
            (json!(null), None),
            (json!([]), None),
            (
                json!([{ "type": "QuotaReserved", "status": "False", "reason": "Pending",
                    "message": "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu" }]),
                Some("couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu"),
            ),
            (
                json!([{ "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" }]),
                Some("Preempted to make room"),
            ),
            (
                json!([
                    { "type": "Evicted", "status": "True", "reason": "Preempted", "message": "Preempted to make room" },
                    { "type": "QuotaReserved", "status": "False", "reason": "Inadmissible", "message": "ClusterQueue a is inactive" },
                ]),
                Some("ClusterQueue a is inactive"),
            ),
            (
                json!([
                    { "type": "QuotaReserved", "status": "True", "message": "Quota reserved in ClusterQueue a" },
                    { "type": "Admitted", "status": "False", "message": "The workload has not all checks ready" },
                ]),
                Some("The workload has not all checks ready"),
            ),
        ] {
            let workload = read(&conditions);
            assert_eq!((workload.job.as_str(), workload.waits().as_deref()), ("j", says), "{conditions}");
            assert_eq!(workload.is_evicted(), says == Some("Preempted to make room"), "{conditions}");
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
