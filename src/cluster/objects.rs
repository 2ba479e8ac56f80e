//! Objects as far as we read them: small structs that decode only the fields in use.
//!
//! A typed list of k8s-openapi's structs costs several times the memory and the time. Everything is optional or
//! has a default: a field that the server leaves out is not an error.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use crate::chain::object::nullable;
pub use crate::chain::object::{Condition, Meta, holds};

/// Any object, of which only the metadata matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Object {
    /// Metadata.
    pub metadata: Meta,
}

/// A Namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NamespaceObject {
    /// Metadata.
    pub metadata: Meta,
    /// Status.
    pub status: NamespaceStatus,
}

/// A Namespace's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NamespaceStatus {
    /// `Active` or `Terminating`.
    pub phase: String,
    /// Why a deletion does not come to its end.
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

impl NamespaceObject {
    /// Why the deletion does not come to its end, in the namespace controller's words; `None` while nothing holds it, or
    /// where it was not asked for.
    pub fn held(&self) -> Option<String> {
        const LEFT: &str = "NamespaceContentRemaining";
        self.metadata.deletion_timestamp?;
        let told = |left: bool| {
            let conditions =
                self.status.conditions.iter().filter(move |condition| {
                    condition.status == "True" && (condition.r#type == LEFT) == left
                });
            conditions.map(|condition| condition.message.as_str()).collect::<Vec<_>>()
        };
        // who holds it says more than what is left because of that
        let told = [told(false), told(true)].into_iter().find(|told| !told.is_empty())?;
        Some(format!("being deleted: {}", told.join("; ")))
    }
}

/// A Secret.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct SecretObject {
    /// Metadata.
    pub metadata: Meta,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bytes by key; never in a debug form.
    #[serde(deserialize_with = "nullable")]
    pub data: BTreeMap<String, k8s_openapi::ByteString>,
}

impl std::fmt::Debug for SecretObject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.data.keys().collect();
        f.debug_struct("SecretObject")
            .field("name", &self.metadata.name)
            .field("keys", &keys)
            .finish_non_exhaustive()
    }
}

/// A Job's status.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct JobStatus {
    /// Pods that are pending or running.
    pub active: i32,
    /// Pods that succeeded.
    pub succeeded: i32,
    /// Pods that failed.
    pub failed: i32,
    /// When the controller took it up.
    pub start_time: Option<Timestamp>,
    /// When it succeeded.
    pub completion_time: Option<Timestamp>,
    /// `Complete`, `Failed`, `Suspended` …
    #[serde(deserialize_with = "nullable")]
    pub conditions: Vec<Condition>,
}

/// An Event. Whoever may create events writes in it what they like: no text of it is longer than [`EVENT_TEXT`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Event {
    /// Metadata.
    pub metadata: EventMeta,
    /// What it is about.
    pub involved_object: InvolvedObject,
    /// `Normal` or `Warning`.
    pub r#type: String,
    /// One word.
    #[serde(deserialize_with = "short")]
    pub reason: String,
    /// One sentence.
    #[serde(deserialize_with = "short")]
    pub message: String,
    /// How often, in the old form.
    pub count: Option<i32>,
    /// First time, in the old form.
    pub first_timestamp: Option<Timestamp>,
    /// Last time, in the old form.
    pub last_timestamp: Option<Timestamp>,
    /// The time, in the new form.
    pub event_time: Option<Timestamp>,
    /// What it has become since, in the new form.
    #[serde(deserialize_with = "nullable")]
    pub series: EventSeries,
}

/// Bytes of one text of an Event at most; of events made by Kubernetes 1 KiB is the most.
pub const EVENT_TEXT: usize = 1024;

fn short<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(within_event(nullable(deserializer)?))
}

/// A text that is no longer than one of an Event, its end cut off where it is.
pub fn within_event(mut text: String) -> String {
    const CUT: &str = "…";
    if text.len() > EVENT_TEXT {
        let end = (0..=EVENT_TEXT - CUT.len()).rev().find(|at| text.is_char_boundary(*at));
        text.truncate(end.unwrap_or_default());
        text.push_str(CUT);
    }
    text
}

/// Metadata of an Event, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EventMeta {
    /// When it was created.
    pub creation_timestamp: Option<Timestamp>,
}

/// What repeats itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EventSeries {
    /// When it was seen last.
    pub last_observed_time: Option<Timestamp>,
}

/// What an Event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InvolvedObject {
    /// Its kind.
    #[serde(deserialize_with = "short")]
    pub kind: String,
    /// Its name.
    #[serde(deserialize_with = "short")]
    pub name: String,
}

impl Event {
    /// When it was last seen: by whichever of its clocks is set.
    pub fn last_seen(&self) -> Option<Timestamp> {
        let since = self.series.last_observed_time;
        since
            .or(self.last_timestamp)
            .or(self.event_time)
            .or(self.first_timestamp)
            .or(self.metadata.creation_timestamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_required() {
        assert_eq!(serde_json::from_str::<NamespaceObject>("{}").unwrap(), NamespaceObject::default());
        let status = serde_json::from_str::<JobStatus>(r#"{"conditions":null}"#).unwrap();
        assert_eq!(status, JobStatus::default());
        assert_eq!(serde_json::from_str::<Event>("{}").unwrap().last_seen(), None);
    }

    #[test]
    fn no_text_of_an_event_is_long() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "metadata": { "annotations": { "a": "x".repeat(200_000) } },
            "reason": "r".repeat(200_000), "message": "ä".repeat(100_000),
            "involvedObject": { "kind": "Job", "name": null },
        }))
        .unwrap();
        assert_eq!(event.reason.len(), EVENT_TEXT);
        assert!(event.message.len() <= EVENT_TEXT && event.message.ends_with("ä…"));
        assert_eq!(event.involved_object.name, "");
    }

    #[test]
    fn an_event_of_the_new_form_has_a_time() {
        let event: Event = serde_json::from_value(serde_json::json!({
            "involvedObject": {"kind": "Pod", "name": "x"}, "firstTimestamp": null, "lastTimestamp": null,
            "eventTime": "2026-11-24T20:00:00.123456Z"
        }))
        .unwrap();
        assert_eq!(event.last_seen(), "2026-11-24T20:00:00.123456Z".parse().ok());
        let series = EventSeries { last_observed_time: "2026-11-24T20:05:00Z".parse().ok() };
        assert_eq!(Event { series, ..event }.last_seen(), "2026-11-24T20:05:00Z".parse().ok());
    }
}
