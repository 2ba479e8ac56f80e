//! Every key that Keel reads or writes. Nothing else in the code spells a `keel.sh/*` key.
//!
//! Keel reads them from a workload's own labels and annotations, never from its pod template.

use std::collections::BTreeMap;

/// Labels or annotations.
pub type Map = BTreeMap<String, String>;

/// Prefix of Keel's keys.
pub const PREFIX: &str = "keel.sh/";
/// The policy; label or annotation, the annotation wins even when it is empty.
pub const POLICY: &str = "keel.sh/policy";
/// The policy's key of old, still honoured where [`POLICY`] is absent from the same map.
pub const OBSERVER_POLICY: &str = "keel.observer/policy";
/// `true` makes `force` follow one tag; read only from the map that holds the policy.
pub const MATCH_TAG: &str = "keel.sh/matchTag";
/// The older spelling of [`MATCH_TAG`], which beats it.
pub const MATCH_TAG_LEGACY: &str = "keel.sh/match-tag";
/// Anything but `true` lets a semver policy cross pre-releases; read only from the policy's map.
pub const MATCH_PRE_RELEASE: &str = "keel.sh/matchPreRelease";
/// `poll` is the only value that means anything.
pub const TRIGGER: &str = "keel.sh/trigger";
/// How often the registry is asked; annotation only.
pub const POLL_SCHEDULE: &str = "keel.sh/pollSchedule";
/// Name of the Secret for the registry.
pub const IMAGE_PULL_SECRET: &str = "keel.sh/imagePullSecret";
/// A regular expression on container names.
pub const MONITOR_CONTAINERS: &str = "keel.sh/monitorContainers";
/// `true` makes Keel update init containers too.
pub const INIT_CONTAINERS: &str = "keel.sh/initContainers";
/// How many votes an update needs.
pub const APPROVALS: &str = "keel.sh/approvals";
/// How long a vote may take, in hours.
pub const APPROVAL_DEADLINE: &str = "keel.sh/approvalDeadline";
/// Channels to notify; annotation only.
pub const NOTIFY: &str = "keel.sh/notify";
/// Link to release notes; annotation only.
pub const RELEASE_NOTES: &str = "keel.sh/releaseNotes";

/// Written by Keel into the pod template at every update: a Go time, not RFC 3339.
pub const UPDATE_TIME: &str = "keel.sh/update-time";
/// Written by Keel after 0.22.1: the digest that it deployed.
pub const DIGEST: &str = "keel.sh/digest";
/// Written by Keel at every update: what changed, for people.
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
/// Written by the Deployment controller.
pub const REVISION: &str = "deployment.kubernetes.io/revision";
/// Written by `kubectl apply`.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The value of [`TRIGGER`] that makes Keel poll.
pub const TRIGGER_POLL: &str = "poll";
/// Name under which Keel's writes stand in managedFields.
pub const FIELD_MANAGER: &str = "keel";

/// The value of `key` where Keel reads it without regard to upper and lower case: from `first`, then `second`.
pub fn any_case<'a>(key: &str, first: &'a Map, second: &'a Map) -> Option<&'a str> {
    let mut entries = first.iter().chain(second);
    entries.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
}
