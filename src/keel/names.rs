//! Every key that Keel reads or writes. Nothing else in the code spells a `keel.sh/*` key.
//!
//! Keel reads them from a workload's own labels and annotations, never from its pod template.

use std::collections::BTreeMap;

use super::nearest::nearest;

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
/// `true` makes Keel update images that are mounted as volumes too.
pub const IMAGE_VOLUMES: &str = "keel.sh/imageVolumes";
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

/// Every key of [`PREFIX`] that Keel reads or writes. Where a word stands in several, the likelier one comes first.
const KNOWN: [&str; 16] = [
    POLICY,
    TRIGGER,
    POLL_SCHEDULE,
    MATCH_TAG,
    MATCH_TAG_LEGACY,
    MATCH_PRE_RELEASE,
    MONITOR_CONTAINERS,
    INIT_CONTAINERS,
    IMAGE_VOLUMES,
    IMAGE_PULL_SECRET,
    APPROVALS,
    APPROVAL_DEADLINE,
    NOTIFY,
    RELEASE_NOTES,
    UPDATE_TIME,
    DIGEST,
];

/// The value of [`TRIGGER`] that makes Keel poll.
pub const TRIGGER_POLL: &str = "poll";
/// Name under which Keel's writes stand in managedFields.
pub const FIELD_MANAGER: &str = "keel";

/// The value of `key` where Keel reads it without regard to upper and lower case: from `first`, then `second`.
pub fn any_case<'a>(key: &str, first: &'a Map, second: &'a Map) -> Option<&'a str> {
    let mut entries = first.iter().chain(second);
    entries.find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
}

/// Whether a key has Keel's prefix, in any case.
pub fn is_of_keel(key: &str) -> bool {
    rest_of(key).is_some()
}

/// What stands behind Keel's prefix.
pub(super) fn rest_of(key: &str) -> Option<&str> {
    let (prefix, rest) = key.split_at_checked(PREFIX.len())?;
    prefix.eq_ignore_ascii_case(PREFIX).then_some(rest)
}

/// Whether a key is one that Keel reads or writes, upper and lower case aside.
pub fn is_known(key: &str) -> bool {
    key.eq_ignore_ascii_case(OBSERVER_POLICY) || KNOWN.iter().any(|known| key.eq_ignore_ascii_case(known))
}

/// The policy that stands where a key should: `force` of `keel.sh/force`.
pub fn policy_word(key: &str) -> Option<&str> {
    rest_of(key).filter(|rest| matches!(*rest, "all" | "major" | "minor" | "patch" | "force" | "never"))
}

/// The key that was probably meant by an unknown one of Keel's prefix: the same but for marks and case, a longer or
/// shorter word for it, or one with a slip of the pen.
pub fn meant(key: &str) -> Option<&'static str> {
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
    };
    let wanted = letters(rest_of(key)?);
    let known = || KNOWN.into_iter().map(|known| (letters(&known[PREFIX.len()..]), known));
    let part = |known: &str| wanted.len() >= 3 && (known.contains(&wanted) || wanted.contains(known));
    known()
        .find(|(known, _)| *known == wanted)
        .or_else(|| known().find(|(known, _)| part(known)))
        .or_else(|| {
            let all: Vec<String> = known().map(|(known, _)| known).collect();
            let near = nearest(&wanted, all.iter().map(String::as_str))?;
            known().find(|(known, _)| known == near)
        })
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_has_its_nearest() {
        for (key, expected) in [
            ("keel.sh/poll", Some(POLL_SCHEDULE)),
            ("keel.sh/poll-schedule", Some(POLL_SCHEDULE)),
            ("keel.sh/pollschedule", Some(POLL_SCHEDULE)),
            ("keel.sh/schedule", Some(POLL_SCHEDULE)),
            ("keel.sh/container", Some(MONITOR_CONTAINERS)),
            ("keel.sh/containers", Some(MONITOR_CONTAINERS)),
            ("keel.sh/match-pre-release", Some(MATCH_PRE_RELEASE)),
            ("keel.sh/match_tag", Some(MATCH_TAG)),
            ("keel.sh/pull-secret", Some(IMAGE_PULL_SECRET)),
            ("keel.sh/triger", Some(TRIGGER)),
            ("keel.sh/polciy", Some(POLICY)),
            ("KEEL.SH/update-policy", Some(POLICY)),
            ("keel.sh/approval", Some(APPROVALS)),
            ("keel.sh/zebra", None),
            ("keel.sh/x", None),
            ("keel.sh/", None),
        ] {
            assert_eq!(meant(key), expected, "{key}");
        }
    }

    #[test]
    fn what_keel_reads_or_writes_is_known_in_any_case() {
        for key in KNOWN.into_iter().chain(["Keel.sh/imagepullsecret", "keel.observer/policy"]) {
            assert!(is_known(key), "{key}");
        }
        for key in ["keel.sh/poll", "keel.sh/", "policy", "keel.sh/policy-x"] {
            assert!(!is_known(key), "{key}");
        }
    }
}
