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

/// Whether the kubelet's words say that the registry wants another login, or one at all. What it then says of the image is a
/// guess: containerd words each refusal as "repository does not exist or may require authorization".
pub fn login_refused(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "unauthorized",
        "authentication required",
        "access denied",
        "authorization failed",
        "no basic auth credentials",
        "403 forbidden",
    ]
    .iter()
    .any(|words| message.contains(words))
}

/// Whether the kubelet's words say that the registry does not have this tag or repository.
pub fn not_in_registry(message: &str) -> bool {
    let lower = message.to_ascii_lowercase();
    let says = ["not found", "manifest unknown", "name unknown", "does not exist"]
        .iter()
        .any(|words| lower.contains(words));
    says && !login_refused(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_let_in_has_not_been_told_what_is_there() {
        let of = "failed to pull and unpack image \"r.example/app:1\": failed to resolve";
        let denied = format!(
            "{of} image: pull access denied, repository does not exist or may require authorization:"
        );
        for said in [
            format!("{denied} authorization failed: no basic auth credentials"),
            format!("{denied} server message: insufficient_scope: authorization failed"),
            format!("{of} reference \"r.example/app:1\": unexpected status from HEAD request: 403 Forbidden"),
            format!("{of} image: unexpected status: 401 Unauthorized"),
            "unauthorized: repository app not found".to_owned(),
        ] {
            assert_eq!((login_refused(&said), not_in_registry(&said)), (true, false), "{said}");
        }
        for said in [
            format!("rpc error: code = NotFound desc = {of} image: r.example/app:1: not found"),
            "manifest for r.example/app:1 not found: manifest unknown: manifest unknown".to_owned(),
            "name unknown: repository name not known to registry".to_owned(),
        ] {
            assert_eq!((login_refused(&said), not_in_registry(&said)), (false, true), "{said}");
        }
    }
}
