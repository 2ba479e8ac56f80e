//! A workload with replicas as a build sees it: how many it is asked for, how many are ready by the rules of its own
//! kind, and what its controller says is in the way.

use serde::Deserialize;

use super::build::Map;
use super::object::{Condition, Served, refusal};
use super::wire;

/// The kinds that support is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalable {
    /// `apps/v1`.
    Deployment,
    /// `v1`.
    ReplicationController,
    /// `apps/v1`.
    ReplicaSet,
    /// `apps/v1`.
    StatefulSet,
}

impl Scalable {
    /// All kinds.
    pub const ALL: [Self; 4] =
        [Self::Deployment, Self::ReplicationController, Self::ReplicaSet, Self::StatefulSet];

    /// The kind, as in a document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::ReplicationController => "ReplicationController",
            Self::ReplicaSet => "ReplicaSet",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// Its API group; empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::ReplicationController => "",
            Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps",
        }
    }

    /// `v1`, `apps/v1`.
    pub fn api_version(self) -> &'static str {
        match self {
            Self::ReplicationController => "v1",
            Self::Deployment | Self::ReplicaSet | Self::StatefulSet => "apps/v1",
        }
    }

    /// The kind of a document, if it is one of these.
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.group() == group && it.as_str() == kind)
    }
}

/// A workload with replicas.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Whether it has a deletionTimestamp.
    pub deleted: bool,
    /// Whether a controller made it: a ReplicaSet of a Deployment.
    pub owned: bool,
    /// `spec.replicas` now.
    pub replicas: u32,
    /// Its annotation [`wire::REPLICAS`], as it stands there.
    pub remembered: Option<String>,
    /// Pods that exist, of any revision.
    pub pods: u32,
    /// What selects its pods.
    pub selector: Selector,
    /// Why its controller cannot create pods: a quota, an admission policy, a missing ServiceAccount.
    pub refused: Option<String>,
    /// Whether its controller has seen the newest spec.
    observed: bool,
    available: u32,
    /// Pods of the newest revision; none where the kind knows no revisions.
    updated: Option<u32>,
    /// Whether pods of an older revision are being replaced.
    rolling: bool,
}

impl Workload {
    /// How many replicas are ready, by the kind's own idea of it: available (ready, and for `minReadySeconds` if it says
    /// so), of the newest revision, of the newest spec. The rule is that of `kubectl rollout status`, which knows no
    /// ReplicaSets and ReplicationControllers; those have no revisions.
    pub fn ready(&self, kind: Scalable) -> u32 {
        if !self.observed {
            return 0;
        }
        match (kind, self.updated) {
            // an old pod counts as available too: only what is more than the old ones is surely new
            (Scalable::Deployment, updated) => {
                let updated = updated.unwrap_or(0);
                self.available.saturating_sub(self.pods.saturating_sub(updated)).min(updated)
            }
            (Scalable::StatefulSet, Some(updated)) if self.rolling => self.available.min(updated),
            _ => self.available,
        }
    }
}

/// A label selector. The older form, of a ReplicationController, is one without expressions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Selector {
    match_labels: Map,
    match_expressions: Vec<Expression>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
struct Expression {
    key: String,
    operator: String,
    values: Vec<String>,
}

impl Selector {
    /// As the API server's `labelSelector` parameter takes it.
    pub fn query(&self) -> String {
        let labels = self.match_labels.iter().map(|(key, value)| format!("{key}={value}"));
        let expressions = self.match_expressions.iter().map(|Expression { key, operator, values }| {
            let values = values.join(",");
            match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.clone(),
            }
        });
        labels.chain(expressions).collect::<Vec<_>>().join(",")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadSpec {
    replicas: Option<u32>,
    selector: EitherSelector,
    update_strategy: UpdateStrategy,
}

/// A ReplicationController's selector is a map of labels.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum EitherSelector {
    Labels(Map),
    Full(Selector),
}

impl Default for EitherSelector {
    fn default() -> Self {
        Self::Labels(Map::new())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct UpdateStrategy {
    r#type: String,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: u32,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct WorkloadStatus {
    observed_generation: i64,
    replicas: u32,
    available_replicas: u32,
    updated_replicas: Option<u32>,
    current_revision: String,
    update_revision: String,
    conditions: Vec<Condition>,
}

impl<'de> Deserialize<'de> for Workload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { mut metadata, spec, status } =
            Served::<WorkloadSpec, WorkloadStatus>::deserialize(deserializer)?;
        // a partition, or OnDelete, says that old pods are to stay
        let partition = spec.update_strategy.rolling_update.map_or(0, |rolling| rolling.partition);
        let replaces = spec.update_strategy.r#type != "OnDelete" && partition == 0;
        Ok(Self {
            name: metadata.name,
            deleted: metadata.deletion_timestamp.is_some(),
            owned: metadata.owner_references.iter().any(|owner| owner.controller),
            replicas: spec.replicas.unwrap_or(1),
            remembered: metadata.annotations.remove(wire::REPLICAS),
            pods: status.replicas,
            selector: match spec.selector {
                EitherSelector::Labels(match_labels) => Selector { match_labels, ..Selector::default() },
                EitherSelector::Full(selector) => selector,
            },
            refused: refusal(&status.conditions),
            observed: status.observed_generation >= metadata.generation,
            available: status.available_replicas,
            updated: status.updated_replicas,
            rolling: replaces && status.current_revision != status.update_revision,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn workload(metadata: &Value, spec: &Value, status: &Value) -> Workload {
        serde_json::from_value(json!({ "metadata": metadata, "spec": spec, "status": status }))
            .expect("a workload")
    }

    #[test]
    fn each_kind_has_its_own_idea_of_ready() {
        use Scalable::{Deployment, ReplicaSet, ReplicationController, StatefulSet};
        let ordinary = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 0 } });
        let held = json!({ "type": "RollingUpdate", "rollingUpdate": { "partition": 1 } });
        let by_hand = json!({ "type": "OnDelete" });
        for (kind, strategy, status, ready, why) in [
            (
                Deployment,
                json!(null),
                json!({ "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2 }),
                2,
                "all are new and available",
            ),
            (
                Deployment,
                json!(null),
                json!({ "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 1 }),
                1,
                "ready is not available while minReadySeconds run",
            ),
            (
                Deployment,
                json!(null),
                json!({ "replicas": 3, "updatedReplicas": 1, "availableReplicas": 2 }),
                0,
                "what is available are the two old ones",
            ),
            (
                Deployment,
                json!(null),
                json!({ "replicas": 2, "availableReplicas": 2 }),
                0,
                "none is new: the field is left out",
            ),
            (Deployment, json!(null), json!({}), 0, "nothing yet"),
            (
                StatefulSet,
                ordinary.clone(),
                json!({ "replicas": 3, "availableReplicas": 3, "updatedReplicas": 1,
                    "currentRevision": "a", "updateRevision": "b" }),
                1,
                "two are of the old revision",
            ),
            (
                StatefulSet,
                ordinary,
                json!({ "replicas": 3, "availableReplicas": 2, "updatedReplicas": 3,
                    "currentRevision": "b", "updateRevision": "b" }),
                2,
                "one revision, two available",
            ),
            (
                StatefulSet,
                held,
                json!({ "replicas": 3, "availableReplicas": 3, "updatedReplicas": 2,
                    "currentRevision": "a", "updateRevision": "b" }),
                3,
                "a partition keeps old ones on purpose",
            ),
            (
                StatefulSet,
                by_hand,
                json!({ "replicas": 3, "availableReplicas": 3, "updatedReplicas": 0,
                    "currentRevision": "a", "updateRevision": "b" }),
                3,
                "OnDelete keeps old ones on purpose",
            ),
            (ReplicaSet, json!(null), json!({ "replicas": 2, "availableReplicas": 1 }), 1, "no revisions"),
            (
                ReplicationController,
                json!(null),
                json!({ "replicas": 1, "availableReplicas": 1 }),
                1,
                "the same",
            ),
        ] {
            let mut status = status;
            status["observedGeneration"] = json!(4);
            let spec = if strategy.is_null() { json!({}) } else { json!({ "updateStrategy": strategy }) };
            let seen = workload(&json!({ "generation": 4 }), &spec, &status);
            assert_eq!(seen.ready(kind), ready, "{}: {why}", kind.as_str());
            let newer = workload(&json!({ "generation": 5 }), &spec, &status);
            assert_eq!(
                newer.ready(kind),
                0,
                "{}: the controller has not seen the newest spec",
                kind.as_str()
            );
        }
    }

    #[test]
    fn a_workload_is_read_as_the_api_server_writes_it() {
        let set = workload(
            &json!({ "name": "minio-7c", "annotations": { "studioci.dev/replicas": "2" },
                "deletionTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [{ "kind": "Deployment", "controller": true }] }),
            &json!({ "replicas": 0, "selector": { "matchLabels": { "app": "minio" }, "matchExpressions": [
                { "key": "tier", "operator": "In", "values": ["a", "b"] },
                { "key": "old", "operator": "DoesNotExist" },
                { "key": "zone", "operator": "NotIn", "values": ["c"] },
                { "key": "rack", "operator": "Exists" },
            ] } }),
            &json!({ "replicas": 1, "conditions": [
                { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota" },
            ] }),
        );
        assert!(set.owned && set.deleted);
        assert_eq!((set.replicas, set.pods, set.remembered.as_deref()), (0, 1, Some("2")));
        assert_eq!(set.selector.query(), "app=minio,tier in (a,b),!old,zone notin (c),rack");
        assert_eq!(set.refused.as_deref(), Some("exceeded quota"));

        let controller = workload(
            &json!({ "annotations": null }),
            &json!({ "selector": { "app": "rabbitmq" } }),
            &json!({}),
        );
        assert_eq!((controller.replicas, controller.selector.query().as_str()), (1, "app=rabbitmq"));
        assert!(!controller.owned && controller.remembered.is_none() && controller.refused.is_none());
    }

    #[test]
    fn kinds_are_told_by_group_and_kind() {
        for kind in Scalable::ALL {
            assert_eq!(Scalable::of(kind.group(), kind.as_str()), Some(kind));
        }
        for (group, kind) in [("apps", "DaemonSet"), ("", "Deployment"), ("apps", "ReplicationController")] {
            assert_eq!(Scalable::of(group, kind), None, "{kind}");
        }
    }
}
