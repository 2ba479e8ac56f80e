//! Who denies an object that RBAC has let through, read from the API server's words: in an answer of its own, or where a
//! controller repeats them.

/// Who denied an object that RBAC had let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denier {
    /// An admission webhook, by name.
    Webhook(String),
    /// An admission webhook that cannot be asked, by name.
    Unanswered(String),
    /// A ValidatingAdmissionPolicy, by name.
    Policy(String),
    /// A ResourceQuota.
    Quota,
    /// A LimitRange.
    LimitRange,
    /// The namespace's Pod Security level.
    PodSecurity,
    /// There is no PriorityClass of this name.
    PriorityClass(String),
    /// There is no RuntimeClass of this name.
    RuntimeClass(String),
    /// The namespace is being deleted.
    Terminating,
    /// The ServiceAccount is not there (yet).
    ServiceAccount,
    /// RBAC's own guard: nobody hands on rights that they do not hold.
    Escalation,
    /// Something else.
    Other,
}

/// What stands between `before` and `after` in a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

impl Denier {
    /// Who speaks; none where these are nobody's words that are known here.
    pub fn of(message: &str) -> Option<Self> {
        if let Some(name) = between(message, "admission webhook \"", "\" denied the request") {
            return Some(Self::Webhook(name.to_owned()));
        }
        if let Some(name) = between(message, "failed calling webhook \"", "\"") {
            return Some(Self::Unanswered(name.to_owned()));
        }
        if let Some(name) = between(message, "ValidatingAdmissionPolicy '", "'") {
            return Some(Self::Policy(name.to_owned()));
        }
        if let Some(name) = between(message, "no PriorityClass with name ", " was found") {
            return Some(Self::PriorityClass(name.to_owned()));
        }
        if let Some(name) = between(message, "RuntimeClass \"", "\" not found") {
            return Some(Self::RuntimeClass(name.to_owned()));
        }
        let marks = [
            ("is attempting to grant RBAC permissions not currently held", Self::Escalation),
            ("violates PodSecurity", Self::PodSecurity),
            ("exceeded quota", Self::Quota),
            ("failed quota", Self::Quota),
            // a quota so young that the controller has not counted yet
            ("status unknown for quota", Self::Quota),
            (" usage per ", Self::LimitRange),
            (" ratio per ", Self::LimitRange),
            ("error looking up service account", Self::ServiceAccount),
            ("because it is being terminated", Self::Terminating),
        ];
        marks.into_iter().find(|(mark, _)| message.contains(mark)).map(|(_, by)| by)
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let text = match self {
            Self::Webhook(name) => {
                return format!("Ask whoever runs the admission webhook {name}; its message stands above.");
            }
            Self::Unanswered(name) => {
                return format!(
                    "Repair the service of the admission webhook {name}: kubectl get validatingwebhookconfigurations,\
                     mutatingwebhookconfigurations -o yaml names it."
                );
            }
            Self::Policy(name) => {
                return format!(
                    "kubectl get validatingadmissionpolicy {name} -o yaml shows the rule that denied it."
                );
            }
            Self::PriorityClass(name) => {
                return format!(
                    "Have an administrator create PriorityClass {name}, or take priorityClassName out of the pod template."
                );
            }
            Self::RuntimeClass(name) => {
                return format!(
                    "Have an administrator create RuntimeClass {name}, or take runtimeClassName out of the pod template."
                );
            }
            Self::Quota => "Free something in the namespace, or raise its ResourceQuota.",
            Self::LimitRange => {
                "Ask for resources within the bounds that the message names, or change the namespace's LimitRange."
            }
            Self::PodSecurity => {
                "Change the pod's securityContext, or give the namespace another \
                 pod-security.kubernetes.io/enforce level."
            }
            Self::Terminating => "Wait until the namespace is gone, or use another one.",
            Self::ServiceAccount => "Run the command again in a moment: the namespace is still being set up.",
            Self::Escalation => {
                "Whoever grants rights must hold them: have somebody with those rights do it."
            }
            Self::Other => "Ask whoever runs the cluster what refuses it; its message stands above.",
        };
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_speaks_is_read_from_the_servers_words() {
        for (message, want) in [
            ("admission webhook \"a.b\" denied the request: no", Some(Denier::Webhook("a.b".into()))),
            (
                "Internal error occurred: failed calling webhook \"a.b\": failed to call webhook: Post \"https://x\"",
                Some(Denier::Unanswered("a.b".into())),
            ),
            (
                "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'q' denied request: no",
                Some(Denier::Policy("p".into())),
            ),
            ("pods \"x\" is forbidden: exceeded quota: q, requested: pods=1", Some(Denier::Quota)),
            (
                "pods \"x\" is forbidden: minimum cpu usage per Container is 100m, but request is 10m",
                Some(Denier::LimitRange),
            ),
            (
                "pods \"x\" is forbidden: cpu max limit to request ratio per Container is 2, but provided ratio is 50.000000",
                Some(Denier::LimitRange),
            ),
            (
                "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": a",
                Some(Denier::PodSecurity),
            ),
            (
                "pods \"x\" is forbidden: no PriorityClass with name high was found",
                Some(Denier::PriorityClass("high".into())),
            ),
            (
                "pods \"x\" is forbidden: pod rejected: RuntimeClass \"gvisor\" not found",
                Some(Denier::RuntimeClass("gvisor".into())),
            ),
            (
                "pods \"x\" is forbidden: error looking up service account a/b: serviceaccount \"b\" not found",
                Some(Denier::ServiceAccount),
            ),
            ("pods \"x\" is forbidden: something", None),
        ] {
            assert_eq!(Denier::of(message), want, "{message}");
        }
    }
}
