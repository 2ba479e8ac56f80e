//! Keel's keys.
#![allow(missing_docs)]
pub const POLICY: &str = "keel.sh/policy";
pub const OBSERVER_POLICY: &str = "keel.observer/policy";
pub const IMAGE_PULL_SECRET: &str = "keel.sh/imagePullSecret";
pub const MONITOR_CONTAINERS: &str = "keel.sh/monitorContainers";
pub const INIT_CONTAINERS: &str = "keel.sh/initContainers";
pub const CHANGE_CAUSE: &str = "kubernetes.io/change-cause";
