//! What makes pods in a build's namespace, or has others make them, as far as it tells whether it still does.

use serde::Deserialize;

use super::kueue::queue_of;
use super::object::{Condition, Served, holds};
use super::wire;

/// A workload, a Job, a CronJob or an autoscaler.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PodMaker {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// uid of the controller that it says made it; empty where none did.
    pub controller: String,
    /// Whether it is labelled as the pipeline's.
    pub support: bool,
    /// Whether it has a deletionTimestamp.
    pub deleted: bool,
    /// The ServiceAccount that its pods run as; empty where it names none.
    pub account: String,
    /// `spec.replicas`, of a kind that has them.
    pub replicas: u32,
    /// Whether its annotation [`wire::REPLICAS`] is there.
    pub remembered: bool,
    /// `spec.suspend`, of a kind that has it.
    pub suspended: bool,
    /// Whether Kueue has it, which resumes what is suspended.
    pub queued: bool,
    /// Whether it is a Job that has ended.
    pub over: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodMakerSpec {
    replicas: Option<u32>,
    suspend: Option<bool>,
    template: Option<MadePods>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MadePods {
    spec: MadePodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MadePodSpec {
    service_account_name: String,
}

// Of kinds whose status has no conditions, or others, none of these holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodMakerStatus {
    conditions: Option<Vec<Condition>>,
}

impl<'de> Deserialize<'de> for PodMaker {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { metadata, spec, status } =
            Served::<PodMakerSpec, PodMakerStatus>::deserialize(deserializer)?;
        let conditions = status.conditions.unwrap_or_default();
        Ok(Self {
            controller: metadata.controller().to_owned(),
            support: metadata.labels.get(wire::ROLE).is_some_and(|role| role == "support"),
            deleted: metadata.deletion_timestamp.is_some(),
            queued: queue_of(&metadata.labels).is_some(),
            remembered: metadata.annotations.contains_key(wire::REPLICAS),
            name: metadata.name,
            uid: metadata.uid,
            account: spec.template.map(|pods| pods.spec.service_account_name).unwrap_or_default(),
            replicas: spec.replicas.unwrap_or(1),
            suspended: spec.suspend.unwrap_or(false),
            over: ["Complete", "Failed"].iter().any(|end| holds(&conditions, end).is_some()),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_makes_pods_is_read_as_the_api_server_writes_it() {
        let read = |object| serde_json::from_value::<PodMaker>(object).expect("it is read");
        let set = read(json!({
            "metadata": { "name": "minio-7c", "uid": "u", "labels": { "studioci.dev/role": "support" },
                "annotations": { "studioci.dev/replicas": "2" }, "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{ "kind": "Deployment", "uid": "d", "controller": true }] },
            "spec": { "replicas": 0, "template": { "spec": { "serviceAccountName": "a" } } },
            "status": { "conditions": [{ "type": "ReplicaFailure", "status": "True" }] },
        }));
        assert_eq!((set.name.as_str(), set.uid.as_str(), set.controller.as_str()), ("minio-7c", "u", "d"));
        assert_eq!((set.account.as_str(), set.replicas), ("a", 0));
        assert!(set.support && set.deleted && set.remembered && !set.suspended && !set.over);

        for (status, over) in [
            (json!({}), false),
            (json!({ "conditions": null }), false),
            (json!({ "conditions": [{ "type": "Suspended", "status": "True" }] }), false),
            (json!({ "conditions": [{ "type": "FailureTarget", "status": "True" }] }), false),
            (json!({ "conditions": [{ "type": "Complete", "status": "False" }] }), false),
            (json!({ "conditions": [{ "type": "Complete", "status": "True" }] }), true),
            (json!({ "conditions": [{ "type": "Failed", "status": "True" }] }), true),
        ] {
            let job =
                read(json!({ "metadata": { "name": "j" }, "spec": { "suspend": true }, "status": status }));
            assert!(job.suspended && job.over == over && !job.support && !job.remembered, "{job:?}");
        }
        let cron = read(json!({ "metadata": {}, "spec": { "jobTemplate": {} }, "status": {} }));
        assert_eq!(cron, PodMaker { replicas: 1, ..PodMaker::default() });
    }
}
