//! What the kubelet's reasons for a waiting container mean: whose doing it is, and whether it heals by itself.

/// Whether a waiting reason is about the image.
pub fn image_trouble(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ErrInspectImage"
            | "RegistryUnavailable"
            | "ImageInspectError"
            | "SignatureValidationFailed"
    )
}

/// The kubelet's word for a container that it starts again after a pause.
pub(super) const CRASH_LOOP: &str = "CrashLoopBackOff";

/// Whether a container that cannot be made is its node's doing. Two reasons say so: these hooks are the kubelet's own, of
/// its managers of CPU, memory and devices. The others (`CreateContainerError`, `RunContainerError`,
/// `CreateContainerConfigError`) Kubernetes gives for whatever the runtime answers, a full disk as well as a user that the
/// image does not have, so that only the runtime's words tell. What is not known as the node's counts as the image's.
pub(super) fn of_node(reason: &str, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    matches!(reason, "PreCreateHookError" | "PreStartHookError")
        || [
            "no space left",
            "disk quota",
            "deadline exceeded",
            "timed out",
            "timeout",
            "connection refused",
            "transport",
            "unavailable",
            "failed to reserve container name",
            "too many open files",
            "cannot allocate memory",
            "resource temporarily unavailable",
            "failed to mount",
            "failed to sync",
            "cgroup",
        ]
        .iter()
        .any(|words| message.contains(words))
}

/// Whether a waiting reason means that the container does not come up by itself soon.
pub fn stuck(reason: &str) -> bool {
    image_trouble(reason)
        || matches!(
            reason,
            CRASH_LOOP
                | "CreateContainerConfigError"
                | "CreateContainerError"
                | "RunContainerError"
                | "PreCreateHookError"
                | "PreStartHookError"
                | "PostStartHookError"
        )
}

/// Whether the kubelet's words say that the registry does not have this tag or repository.
pub fn not_in_registry(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    ["not found", "manifest unknown", "name unknown", "does not exist"]
        .iter()
        .any(|words| message.contains(words))
}
