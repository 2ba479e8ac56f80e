//! What can go wrong between us and an API server: what, where, why, and what to do.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

/// A call that did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server could not be spoken to, as far as the bounds allowed.
    #[error("cannot reach the API server {server}{}: {why}", of_context(context.as_deref()))]
    Unreachable {
        /// Its URL.
        server: String,
        /// The kubeconfig context that names it; `None` in a pod.
        context: Option<String>,
        /// The transport's words.
        why: String,
    },
    /// The server does not know us: no, wrong or expired credentials.
    #[error("the API server {server} does not accept the credentials of {user}: {why}")]
    Unauthorized {
        /// Its URL.
        server: String,
        /// The kubeconfig user, or the ServiceAccount.
        user: String,
        /// The server's words.
        why: String,
    },
    /// RBAC (or another authorizer) says no.
    #[error("{0}")]
    Forbidden(Box<Forbidden>),
    /// Admission says no: a webhook, a policy, a quota, Pod Security, a namespace that is going away.
    #[error("{what}: {why}")]
    Denied {
        /// The object.
        what: String,
        /// The server's words.
        why: String,
        /// Who denied it.
        by: Denier,
    },
    /// There is no such object (or no such kind).
    #[error("{what}: not found: {why}")]
    NotFound {
        /// The object.
        what: String,
        /// The server's words.
        why: String,
    },
    /// The name is taken, and not by an earlier try of ours.
    #[error("{what}: exists already: {why}")]
    AlreadyExists {
        /// The object.
        what: String,
        /// The server's words.
        why: String,
    },
    /// Somebody else wrote in between: read again, decide again. Also a JSON patch whose `test` failed.
    #[error("{what}: changed by somebody else: {why}")]
    Conflict {
        /// The object.
        what: String,
        /// The server's words; for server-side apply they name the other manager and the fields.
        why: String,
    },
    /// The server does not accept the object.
    #[error("{what}: invalid: {why}")]
    Invalid {
        /// The object.
        what: String,
        /// The server's words.
        why: String,
        /// One `field: message` each.
        causes: Vec<String>,
    },
    /// The resourceVersion or continue token is too old: list again.
    #[error("{what}: too old to go on from: {why}")]
    Gone {
        /// What was asked for.
        what: String,
        /// The server's words.
        why: String,
    },
    /// The server was too busy for as long as we were willing to wait.
    #[error("{what}: the API server is too busy: {why}")]
    TooManyRequests {
        /// What was asked for.
        what: String,
        /// The server's words.
        why: String,
    },
    /// No answer in time.
    #[error("{what}: no answer from {server} within {}", seconds(*after))]
    Timeout {
        /// What was asked for.
        what: String,
        /// The server's URL.
        server: String,
        /// How long we waited in all.
        after: Duration,
    },
    /// The connection cannot even be tried: kubeconfig, files, flags, credential plugin.
    #[error("{what}: {why}")]
    Config {
        /// Which setting.
        what: String,
        /// What is wrong with it.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// Anything else that the server said.
    #[error("{what}: {why}")]
    Other {
        /// What was asked for.
        what: String,
        /// The HTTP status; 0 if the trouble is on our side, such as an answer that cannot be read.
        code: u16,
        /// The server's words.
        why: String,
    },
}

/// Who denied an object that RBAC had let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denier {
    /// An admission webhook, by name.
    Webhook(String),
    /// A ValidatingAdmissionPolicy, by name.
    Policy(String),
    /// A ResourceQuota or LimitRange.
    Quota,
    /// The namespace's Pod Security level.
    PodSecurity,
    /// The namespace is being deleted.
    Terminating,
    /// The namespace's ServiceAccount is not there yet.
    ServiceAccount,
    /// RBAC's own guard: nobody hands on rights that he does not hold.
    Escalation,
    /// Something else.
    Other,
}

/// A denial by the authorizer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forbidden {
    /// The user as the server names it.
    pub user: String,
    /// `create`, `list` …
    pub verb: String,
    /// Plural, with `/subresource`; or a URL path, if `group` is `None`.
    pub resource: String,
    /// API group, empty for core; `None` for a URL path.
    pub group: Option<String>,
    /// The namespace; `None` at the cluster scope.
    pub namespace: Option<String>,
    /// The server's whole message.
    pub message: String,
}

impl std::fmt::Display for Forbidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, verb, resource, .. } = self;
        write!(f, "user {user:?} may not {verb} {resource}")?;
        if let Some(group) = self.group.as_deref().filter(|group| !group.is_empty()) {
            write!(f, ".{group}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in the namespace {namespace}"),
            None if self.group.is_some() => f.write_str(" at the cluster scope"),
            None => Ok(()),
        }
    }
}

impl Forbidden {
    /// Reads the sentence that the API server writes; `None` if it is another one.
    ///
    /// `… is forbidden: User "u" cannot get resource "pods/log" in API group "" in the namespace "n"`, or
    /// `… at the cluster scope`, or `User "u" cannot get path "/x"`.
    fn read(message: &str) -> Option<Self> {
        let (_, rest) = message.split_once("User \"")?;
        let (user, rest) = rest.split_once("\" cannot ")?;
        // The server quotes as Go does; for names that is as JSON does.
        let user = serde_json::from_str(&format!("\"{user}\"")).unwrap_or_else(|_| user.to_owned());
        let (verb, rest) = rest.split_once(' ')?;
        let forbidden = |resource: &str, group: Option<&str>, namespace: Option<&str>| Self {
            user: user.clone(),
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            group: group.map(str::to_owned),
            namespace: namespace.map(str::to_owned),
            message: message.to_owned(),
        };
        if let Some(rest) = rest.strip_prefix("path \"") {
            return Some(forbidden(rest.split('"').next()?, None, None));
        }
        let (resource, rest) = rest.strip_prefix("resource \"")?.split_once("\" in API group \"")?;
        let (group, rest) = rest.split_once('"')?;
        let namespace =
            rest.strip_prefix(" in the namespace \"").and_then(|rest| rest.split_once('"')).map(|it| it.0);
        Some(forbidden(resource, Some(group), namespace))
    }

    /// A Role and its binding (or the cluster-wide pair) with just the missing rule, ready to apply.
    pub fn rule(&self) -> String {
        let (kind, scope) = match &self.namespace {
            Some(namespace) => ("Role", format!(", namespace: {}", quoted(namespace))),
            None => ("ClusterRole", String::new()),
        };
        let name = format!("studioci-{}-{}", self.verb, self.resource.trim_matches('/').replace('/', "-"));
        let name = quoted(&name.to_ascii_lowercase());
        let rule = match &self.group {
            Some(group) => format!(
                "- apiGroups: [{}]\n  resources: [{}]\n  verbs: [{}]\n",
                quoted(group),
                quoted(&self.resource),
                quoted(&self.verb)
            ),
            None => {
                format!(
                    "- nonResourceURLs: [{}]\n  verbs: [{}]\n",
                    quoted(&self.resource),
                    quoted(&self.verb)
                )
            }
        };
        let subject = match self.user.strip_prefix("system:serviceaccount:").and_then(|it| it.split_once(':'))
        {
            Some((namespace, account)) => {
                format!(
                    "{{kind: ServiceAccount, name: {}, namespace: {}}}",
                    quoted(account),
                    quoted(namespace)
                )
            }
            None => {
                format!("{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {}}}", quoted(&self.user))
            }
        };
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}{scope}}}\nrules:\n{rule}---\n\
             apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}Binding\nmetadata: {{name: {name}{scope}}}\n\
             roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: {kind}, name: {name}}}\nsubjects:\n- {subject}\n"
        );
        text
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn of_context(context: Option<&str>) -> String {
    context.map(|context| format!(" of context {context:?}")).unwrap_or_default()
}

fn seconds(duration: Duration) -> String {
    format!("{:.0} s", duration.as_secs_f64())
}

/// The API server's `Status`, as far as we read it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) message: String,
    pub(super) reason: String,
    pub(super) code: u16,
    pub(super) details: Option<Details>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Details {
    pub(super) causes: Vec<Cause>,
    pub(super) retry_after_seconds: u64,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cause {
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) field: String,
}

impl Status {
    /// Reads an answer that is not a success. What stands between us and the server may answer in HTML or plain
    /// text; its first line is kept.
    pub(super) fn read(code: u16, body: &[u8]) -> Self {
        let mut status = serde_json::from_slice::<Self>(body).unwrap_or_default();
        status.code = code;
        if status.message.is_empty() {
            let text = String::from_utf8_lossy(body);
            let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("no reason given");
            status.message = format!("HTTP {code}: {}", line.chars().take(200).collect::<String>());
        }
        status
    }

    fn has_cause(&self, reason: &str) -> bool {
        self.causes().iter().any(|cause| cause.reason == reason)
    }

    pub(super) fn causes(&self) -> &[Cause] {
        self.details.as_ref().map_or(&[], |details| &details.causes)
    }

    /// The error that this answer to a request about `what` is. `tests`: the request was a JSON patch with a
    /// `test`, whose failure the server reports as a 422 without causes.
    pub(super) fn into_error(self, what: &str, server: &str, user: &str, tests: bool) -> Error {
        let what = what.to_owned();
        let why = self.message.clone();
        if let Some(by) = self.denier() {
            return Error::Denied { what, why, by };
        }
        match (self.code, self.reason.as_str()) {
            (400, _) if why.contains("HTTP request to an HTTPS server") => Error::Config {
                what: format!("server {server}"),
                why: "it speaks HTTPS, but its address says http".to_owned(),
                remedy: "Write the server as https://HOST:PORT.".to_owned(),
            },
            (401, _) => Error::Unauthorized { server: server.to_owned(), user: user.to_owned(), why },
            (403, _) => match Forbidden::read(&why) {
                Some(forbidden) => Error::Forbidden(Box::new(forbidden)),
                None => Error::Denied { what, why, by: Denier::Other },
            },
            (404, _) => Error::NotFound { what, why },
            (409, "AlreadyExists") => Error::AlreadyExists { what, why },
            (409, _) => Error::Conflict { what, why },
            (410, _) => Error::Gone { what, why },
            (422, _) if tests && self.causes().is_empty() => {
                Error::Conflict { what, why: "a test of the JSON patch did not hold".to_owned() }
            }
            (400 | 422, _) => {
                let causes = self
                    .causes()
                    .iter()
                    .filter(|cause| !cause.field.is_empty())
                    .map(|cause| format!("{}: {}", cause.field, cause.message))
                    .collect();
                Error::Invalid { what, why, causes }
            }
            (429, _) => Error::TooManyRequests { what, why },
            (code, _) => Error::Other { what, code, why },
        }
    }

    /// Who in admission denied it, if this is such a denial.
    fn denier(&self) -> Option<Denier> {
        let message = &self.message;
        if let Some((_, rest)) = message.split_once("admission webhook \"")
            && let Some((name, _)) = rest.split_once("\" denied the request")
        {
            return Some(Denier::Webhook(name.to_owned()));
        }
        if let Some((_, rest)) = message.split_once("ValidatingAdmissionPolicy '")
            && let Some((name, _)) = rest.split_once('\'')
        {
            return Some(Denier::Policy(name.to_owned()));
        }
        if self.code != 403 {
            return None;
        }
        if self.has_cause("NamespaceTerminating") {
            return Some(Denier::Terminating);
        }
        let marks = [
            ("is attempting to grant RBAC permissions not currently held", Denier::Escalation),
            ("violates PodSecurity", Denier::PodSecurity),
            ("exceeded quota", Denier::Quota),
            ("failed quota", Denier::Quota),
            ("maximum cpu usage per", Denier::Quota),
            ("maximum memory usage per", Denier::Quota),
            ("error looking up service account", Denier::ServiceAccount),
            ("because it is being terminated", Denier::Terminating),
        ];
        marks.into_iter().find(|(mark, _)| message.contains(mark)).map(|(_, by)| by)
    }
}

impl Error {
    /// Whether there is no such object.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Whether somebody else wrote in between, so that reading again may help.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }

    /// Whether the name is taken.
    pub fn is_already_exists(&self) -> bool {
        matches!(self, Self::AlreadyExists { .. })
    }

    /// Whether an authorizer refused: RBAC, as opposed to admission.
    pub fn is_rbac(&self) -> bool {
        matches!(self, Self::Forbidden(_))
    }

    /// Whether the server will refuse this object each time, until the object or the cluster is changed.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Invalid { .. } | Self::Forbidden(_) => true,
            Self::Denied { by, .. } => !matches!(by, Denier::ServiceAccount | Denier::Quota),
            Self::Other { code, .. } => (400..500).contains(code),
            _ => false,
        }
    }

    /// Whether a quota is in the way, which may be free again later.
    pub fn is_quota(&self) -> bool {
        matches!(self, Self::Denied { by: Denier::Quota, .. })
    }

    /// Whether the same call may well succeed later although nobody repairs anything. A loop that must not give
    /// up (an agent) goes on after these, with a pause.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::TooManyRequests { .. } => true,
            Self::Denied { by, .. } => matches!(by, Denier::ServiceAccount),
            Self::Other { code, .. } => *code >= 500,
            _ => false,
        }
    }

    /// What to do about it; several lines at times. `None` where the message says all that there is to say.
    pub fn remedy(&self) -> Option<String> {
        let text = match self {
            Self::Unreachable { why, .. } if why.contains("certificate") => {
                "Check certificate-authority-data and tls-server-name of this cluster in the kubeconfig."
                    .to_owned()
            }
            Self::Unreachable { context: Some(_), .. } => {
                "Check that the cluster runs and that the context is the one you mean \
                 (kubectl config get-contexts, --context)."
                    .to_owned()
            }
            Self::Unreachable { context: None, .. } => {
                "Check that the API server runs and that this address is right.".to_owned()
            }
            Self::Unauthorized { .. } => {
                "Sign in to the cluster again; kubectl auth whoami shows whether it worked.".to_owned()
            }
            Self::Forbidden(forbidden) => {
                format!("Somebody with the right to grant it applies:\n{}", forbidden.rule().trim_end())
            }
            Self::Denied { by, .. } => return by.remedy(),
            Self::AlreadyExists { .. } => {
                "Choose another name, or look at what is there; nothing was changed.".to_owned()
            }
            Self::Conflict { .. } => {
                "Run the command again; nothing of the other writer was lost.".to_owned()
            }
            Self::TooManyRequests { .. } => {
                "Run the command again when the API server is less busy.".to_owned()
            }
            Self::Timeout { .. } => {
                "Check the API server's health, or give it more time with --request-timeout.".to_owned()
            }
            Self::Config { remedy, .. } => remedy.clone(),
            Self::NotFound { .. } | Self::Invalid { .. } | Self::Gone { .. } | Self::Other { .. } => {
                return None;
            }
        };
        Some(text)
    }
}

impl Denier {
    fn remedy(&self) -> Option<String> {
        Some(match self {
            Self::Webhook(name) => {
                format!("Ask whoever runs the admission webhook {name}; its message stands above.")
            }
            Self::Policy(name) => {
                format!("kubectl get validatingadmissionpolicy {name} -o yaml shows the rule that denied it.")
            }
            Self::Quota => {
                "Free something in the namespace, or raise its ResourceQuota or LimitRange.".to_owned()
            }
            Self::PodSecurity => "Change the pod's securityContext, or give the namespace another \
                 pod-security.kubernetes.io/enforce level."
                .to_owned(),
            Self::Terminating => "Wait until the namespace is gone, or use another one.".to_owned(),
            Self::ServiceAccount => {
                "Run the command again in a moment: the namespace is still being set up.".to_owned()
            }
            Self::Escalation => {
                "Whoever grants rights must hold them: have somebody with those rights do it.".to_owned()
            }
            Self::Other => return None,
        })
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
