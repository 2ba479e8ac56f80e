//! What API objects of every kind share, as far as it is read: metadata, owners, conditions.
//!
//! Everything has a default: a field that the server leaves out is not an error. A struct that reads a kind's own fields
//! decodes them and no others; a typed list of whole objects costs several times the memory and the time.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::keel::names::{FIELD_MANAGER, Map};

/// `null` reads like a field that is not there.
///
/// # Errors
/// What the deserializer says of anything else than `null` and a `T`.
pub fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// An object as the API server sends it: metadata, and what is read of its spec and status.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Served<Spec, Status> {
    pub(super) metadata: Meta,
    pub(super) spec: Spec,
    pub(super) status: Status,
}

/// The metadata of any object.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Its name.
    pub name: String,
    /// Its namespace; empty for cluster-scoped kinds.
    pub namespace: String,
    /// Its identity for life.
    pub uid: String,
    /// Its version for conditional writes and watches.
    pub resource_version: String,
    /// Counts changes of the spec (and of annotations of a Deployment).
    pub generation: i64,
    /// Labels.
    #[serde(deserialize_with = "nullable")]
    pub labels: Map,
    /// Annotations.
    #[serde(deserialize_with = "nullable")]
    pub annotations: Map,
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
    /// When somebody asked for it to be deleted.
    pub deletion_timestamp: Option<Timestamp>,
    /// What it goes away with.
    #[serde(deserialize_with = "nullable")]
    pub owner_references: Vec<OwnerReference>,
    /// Who must act before it may go.
    #[serde(deserialize_with = "nullable")]
    pub finalizers: Vec<String>,
    /// When Keel last wrote it, by the managed fields, of which nothing else is kept.
    #[serde(rename = "managedFields", deserialize_with = "last_by_keel")]
    pub moved: Option<Timestamp>,
}

fn last_by_keel<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let entries: Vec<ManagedFields> = nullable(deserializer)?;
    let by_keel = entries.iter().filter(|entry| entry.manager == FIELD_MANAGER);
    Ok(by_keel.filter_map(|entry| entry.time).max())
}

/// Who wrote fields of an object, and when last.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ManagedFields {
    manager: String,
    time: Option<Timestamp>,
}

impl Meta {
    /// uid of the controller that made it; empty where none did.
    pub fn controller(&self) -> &str {
        self.managing_owner().map_or("", |owner| owner.uid.as_str())
    }

    /// Kind and name of the controller that made it: `Job/studioci-build`; empty where none did.
    pub fn controlled_by(&self) -> String {
        self.managing_owner().map_or_else(String::new, |owner| format!("{}/{}", owner.kind, owner.name))
    }

    fn managing_owner(&self) -> Option<&OwnerReference> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// One owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    /// Its apiVersion.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Whether it is the managing controller.
    pub controller: bool,
}

/// A condition of a status; all kinds share the shape.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Condition {
    /// `Ready`, `Failed` …
    pub r#type: String,
    /// `True`, `False`, `Unknown`.
    pub status: String,
    /// One word.
    pub reason: String,
    /// One sentence.
    pub message: String,
    /// Since when.
    pub last_transition_time: Option<Timestamp>,
}

/// The condition of this type, if it stands at `True`.
pub fn holds<'a>(conditions: &'a [Condition], r#type: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.r#type == r#type && condition.status == "True")
}

/// Why a workload's controller cannot make pods: a quota, an admission policy, a missing ServiceAccount.
pub(super) fn refusal(conditions: &[Condition]) -> Option<String> {
    holds(conditions, "ReplicaFailure").map(|condition| condition.message.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_as_the_server_writes_it() {
        let meta: Meta = serde_json::from_value(json!({
            "name": "build-x", "namespace": "ci-a", "uid": "u", "resourceVersion": "7",
            "creationTimestamp": "2026-11-24T20:00:00Z", "labels": null, "managedFields": [
                { "manager": "kubelet", "time": "2026-11-24T20:03:00Z" },
                { "manager": FIELD_MANAGER, "time": "2026-11-24T20:02:00Z" },
                { "manager": FIELD_MANAGER, "time": "2026-11-24T20:01:00Z" },
                { "manager": FIELD_MANAGER },
            ],
            "ownerReferences": [
                { "apiVersion": "v1", "kind": "Namespace", "name": "n", "uid": "w" },
                { "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "v",
                  "controller": true, "blockOwnerDeletion": true },
            ],
        }))
        .unwrap();
        assert_eq!((meta.controller(), meta.controlled_by()), ("v", "ReplicaSet/r".to_owned()));
        assert!(meta.labels.is_empty());
        assert_eq!(meta.creation_timestamp, "2026-11-24T20:00:00Z".parse().ok());
        assert_eq!(meta.moved, "2026-11-24T20:02:00Z".parse().ok());
    }

    #[test]
    fn nothing_of_an_object_is_required() {
        assert_eq!(serde_json::from_str::<Meta>("{}").unwrap(), Meta::default());
        let nulls = r#"{"labels":null,"annotations":null,"ownerReferences":null,"finalizers":null,"managedFields":null}"#;
        assert_eq!(serde_json::from_str::<Meta>(nulls).unwrap(), Meta::default());
        assert_eq!((Meta::default().controller(), Meta::default().controlled_by()), ("", String::new()));
    }
}
