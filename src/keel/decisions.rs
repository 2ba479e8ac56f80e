//! What Keel's own code decided, recorded row by row: the data that this room's tests are held to.

use serde::Deserialize;

use super::names::Map;

#[derive(Debug, Deserialize)]
pub(super) struct Decisions {
    pub(super) policies: Vec<PolicyRow>,
    pub(super) updates: Vec<UpdateRow>,
    pub(super) filters: Vec<FilterRow>,
    pub(super) schedules: Vec<ScheduleRow>,
}

impl Decisions {
    pub(super) fn read() -> Self {
        serde_json::from_str(include_str!("../../tests/data/keel-decisions.json"))
            .expect("recorded decisions")
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PolicyKind {
    Semver,
    Force,
    Glob,
    Regexp,
    Untracked,
}

#[derive(Debug, Deserialize)]
pub(super) struct PolicyRow {
    #[serde(default)]
    pub(super) labels: Map,
    #[serde(default)]
    pub(super) annotations: Map,
    pub(super) kind: PolicyKind,
    pub(super) name: String,
    pub(super) keep_tag: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct UpdateRow {
    #[serde(default)]
    pub(super) labels: Map,
    #[serde(default)]
    pub(super) annotations: Map,
    pub(super) current: String,
    pub(super) new: String,
    pub(super) update: bool,
    pub(super) error: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct FilterRow {
    #[serde(default)]
    pub(super) labels: Map,
    #[serde(default)]
    pub(super) annotations: Map,
    pub(super) tags: Vec<String>,
    pub(super) order: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ScheduleRow {
    pub(super) schedule: String,
    pub(super) result: String,
}
