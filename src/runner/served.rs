//! The agent's own Deployment, the build's Job, and who is bound in its namespace, as far as they are read.

use serde::Deserialize;

use crate::chain::kueue::queue_of;
use crate::chain::wire;
use crate::cluster::objects::{Condition, JobStatus, Meta, holds};

/// The own Deployment, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServedListener {
    pub(super) metadata: Meta,
    pub(super) spec: ServedListenerSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServedListenerSpec {
    pub(super) replicas: Option<u32>,
    pub(super) template: Template,
}

/// The build's Job, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServedJob {
    pub(super) metadata: Meta,
    pub(super) spec: ServedJobSpec,
    pub(super) status: JobStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ServedJobSpec {
    pub(super) pod_failure_policy: FailurePolicy,
    pub(super) suspend: bool,
    pub(super) template: Template,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FailurePolicy {
    pub(super) rules: Vec<FailureRule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FailureRule {
    pub(super) on_exit_codes: Option<ExitCodes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ExitCodes {
    pub(super) container_name: String,
}

impl ServedJob {
    /// Whether somebody queues Jobs here, and would resume what is suspended: it says so, or they have resumed it before. That it is
    /// suspended now may be our own doing.
    pub(super) fn is_queued(&self) -> bool {
        let resumed = |it: &Condition| it.r#type == "Suspended" && it.status == "False";
        queue_of(&self.metadata.labels).is_some() || self.status.conditions.iter().any(resumed)
    }

    /// Whether it has come to its end.
    pub(super) fn is_over(&self) -> bool {
        ["Complete", "Failed"].iter().any(|end| holds(&self.status.conditions, end).is_some())
    }

    /// The build container, whatever the record calls it by now: the one whose exit fails the Job. A webhook may have put
    /// others before it.
    pub(super) fn container(&self) -> &str {
        let rules = &self.spec.pod_failure_policy.rules;
        if let Some(exits) = rules.iter().find_map(|rule| rule.on_exit_codes.as_ref()) {
            return &exits.container_name;
        }
        self.spec.template.spec.containers.first().map_or("", |container| container.name.as_str())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    pub(super) spec: TemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TemplateSpec {
    pub(super) containers: Vec<NamedImage>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NamedImage {
    pub(super) name: String,
    pub(super) image: String,
}

/// A RoleBinding, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ServedBinding {
    pub(super) metadata: Meta,
    pub(super) subjects: Option<Vec<BoundSubject>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BoundSubject {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

impl ServedBinding {
    /// Whether it gives rights to ServiceAccounts of that namespace and to nobody else, agents left out.
    pub(super) fn is_of_builds(&self, namespace: &str) -> bool {
        let builds = |it: &BoundSubject| {
            it.kind == "ServiceAccount" && it.namespace == namespace && !wire::is_agent_account(&it.name)
        };
        self.subjects.as_ref().is_some_and(|subjects| !subjects.is_empty() && subjects.iter().all(builds))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_job_is_queued_by_its_label_or_where_somebody_has_resumed_it_and_not_by_what_we_do() {
        let conditions =
            |status: &str| json!({ "status": { "conditions": [{ "type": "Suspended", "status": status }] } });
        for (job, queued) in [
            (json!({}), false),
            (conditions("True"), false),
            (conditions("False"), true),
            (json!({ "metadata": { "labels": { "kueue.x-k8s.io/queue-name": "main" } } }), true),
        ] {
            let read: ServedJob = serde_json::from_value(job.clone()).unwrap();
            assert_eq!(read.is_queued(), queued, "{job}");
        }
    }
}
