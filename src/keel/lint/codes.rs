//! The stable names of findings, by which people look them up and let one pass.

/// Declares codes, and for tests the list of them.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $code;)*
        /// All of them.
        #[cfg(any(test, feature = "testing"))]
        pub const ALL: &[&str] = &[$($name),*];
    };
}
pub(crate) use codes;

codes! {
    /// An image that Keel cannot read.
    IMAGE_UNREAD = "keel-image-unread";
    /// An image that is pinned.
    DIGEST = "keel-digest";
    /// A tag that the policy never leaves.
    TAG_STUCK = "keel-tag-stuck";
    /// Versions without a dot.
    TAG_UNDOTTED = "keel-tag-undotted";
    /// Numbers that do not sort as text.
    TAG_UNPADDED = "keel-tag-unpadded";
    /// A hash where tags are sorted.
    TAG_HASH = "keel-tag-hash";
    /// Updates that wait for votes.
    APPROVALS = "keel-approvals";
    /// A pattern of containers that does not compile.
    CONTAINERS = "keel-containers";
    /// A label that counts as an annotation only.
    LABEL_UNREAD = "keel-label-unread";
    /// Keys on the pod template.
    KEY_ON_PODS = "keel-key-on-pods";
    /// Keys in another case.
    KEY_CASE = "keel-key-case";
    /// Keys that Keel does not have.
    KEY_UNKNOWN = "keel-key-unknown";
    /// `force` without match-tag.
    FORCE_ANY_TAG = "keel-force-any-tag";
    /// A pattern as a label's value.
    POLICY_LABEL = "keel-policy-label";
    /// Two policies.
    POLICY_TWICE = "keel-policy-twice";
    /// The key of old.
    POLICY_OLD = "keel-policy-old";
    /// No policy.
    POLICY_NONE = "keel-policy-none";
    /// A policy that Keel does not know.
    POLICY_UNKNOWN = "keel-policy-unknown";
    /// A glob that never matches, or once.
    GLOB = "keel-glob";
    /// A regular expression that Keel may not take.
    REGEXP = "keel-regexp";
    /// A regular expression as the policy.
    REGEXP_POLICY = "keel-regexp-policy";
    /// An option that does not count.
    MATCH_TAG = "keel-match-tag";
    /// An option that says nothing.
    MATCH_TAG_IDLE = "keel-match-tag-idle";
    /// A workload that is not polled.
    TRIGGER = "keel-trigger";
    /// A schedule that is none.
    SCHEDULE = "keel-schedule";
    /// A schedule that asks too often.
    SCHEDULE_OFTEN = "keel-schedule-often";
    /// A schedule whose seconds were taken for minutes.
    SCHEDULE_SECONDS = "keel-schedule-seconds";
}
