//! What can go wrong between us and an API server: what, where, why, and what to do.

use std::time::Duration;

use super::config_fault::ConfigFault;
use super::forbidden::Forbidden;
use super::giver::Giver;
use super::hindrance::Hindrance;
use crate::chain::bound::TimeBound;
pub use crate::chain::denial::Denier;

/// A call that did not do what it was for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The server could not be spoken to, as far as the bounds allowed.
    #[error("cannot reach the API server {server}{}{}: {why}", of_context(context.as_deref()), of_proxy(proxy.as_deref()))]
    Unreachable {
        /// Its URL.
        server: String,
        /// The kubeconfig context that names it; `None` in a pod.
        context: Option<String>,
        /// The proxy in between, and who named it.
        proxy: Option<String>,
        /// What is in the way.
        why: Hindrance,
        /// Who gave that.
        giver: Giver,
    },
    /// Something answers that is no API server.
    #[error("{what}: no API server answers at {url}{}: {answer}", of_proxy(proxy.as_deref()))]
    NoApiServer {
        /// What was asked for.
        what: String,
        /// Where.
        url: String,
        /// The proxy in between, and who named it.
        proxy: Option<String>,
        /// What came back.
        answer: String,
        /// Who gave the address.
        giver: Giver,
    },
    /// The server does not know us: no, wrong or expired credentials.
    #[error("the API server {server} {}: {why}", of_user(user, *giver))]
    Unauthorized {
        /// Its URL.
        server: String,
        /// The kubeconfig user, or the ServiceAccount.
        user: String,
        /// The server's words.
        why: String,
        /// Who gave the credentials.
        giver: Giver,
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
    #[error("{what}: no answer from {server}{} within {}", of_proxy(proxy.as_deref()), TimeBound(*after))]
    Timeout {
        /// What was asked for.
        what: String,
        /// The server's URL.
        server: String,
        /// The proxy in between, and who named it.
        proxy: Option<String>,
        /// How long we waited in all.
        after: Duration,
    },
    /// The answer is longer than any that is asked for.
    #[error("{what}: the answer is larger than {} MiB", most >> 20)]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Bytes that it may have.
        most: usize,
    },
    /// The connection cannot even be tried: kubeconfig, files, flags, credential plugin.
    #[error(transparent)]
    Config(Box<ConfigFault>),
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

impl From<ConfigFault> for Error {
    fn from(fault: ConfigFault) -> Self {
        Self::Config(Box::new(fault))
    }
}

fn of_proxy(proxy: Option<&str>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

fn of_user(user: &str, giver: Giver) -> String {
    match giver {
        Giver::Nobody => "wants credentials, and there are none".to_owned(),
        _ => format!("does not accept the credentials of {user}"),
    }
}

fn of_context(context: Option<&str>) -> String {
    context.map(|context| format!(" of context {context:?}")).unwrap_or_default()
}

impl Error {
    /// The same of an object that is better known by other words than by kind and name.
    #[must_use]
    pub fn about(mut self, object: String) -> Self {
        if let Self::Denied { what, .. } | Self::Invalid { what, .. } = &mut self {
            *what = object;
        }
        self
    }

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
            Self::Denied { by, .. } => {
                !matches!(by, Denier::ServiceAccount | Denier::Quota | Denier::Unanswered(_))
            }
            Self::Other { code, .. } => (400..500).contains(code),
            _ => false,
        }
    }

    /// Whether what denies an object may let it through later: a ServiceAccount that is not there yet, a webhook that does
    /// not answer.
    pub fn is_transient_denial(&self) -> bool {
        matches!(self, Self::Denied { .. }) && self.is_transient()
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
            Self::Denied { by, .. } => matches!(by, Denier::ServiceAccount | Denier::Unanswered(_)),
            Self::Other { code, .. } => *code >= 500,
            _ => false,
        }
    }

    /// What to do about it; several lines at times.
    pub fn remedy(&self) -> String {
        let text = match self {
            Self::Unreachable { why, giver, context, .. } => return why.remedy(*giver, context.is_some()),
            Self::NoApiServer { giver, .. } => {
                return format!(
                    "Check that {} is the API server's own address, with the path before /api if it has one (kubectl \
                     cluster-info); where a login page stands before it, sign in there first.",
                    giver.server_field()
                );
            }
            Self::Unauthorized { giver, .. } => match giver {
                Giver::TokenFlag => {
                    "Give --token one that is valid now (kubectl create token makes one for a ServiceAccount)."
                }
                Giver::Pod => {
                    "Check that the pod's ServiceAccount is still there, and have the pod made anew: its token may have \
                     ended with the old one."
                }
                Giver::CertificateFlag => {
                    "Give --client-certificate and --client-key that are valid now, or leave them out and sign in as a user \
                     of the kubeconfig."
                }
                Giver::ServerFlag => "Check user and password in the address that --server gives.",
                Giver::Nobody => "Name a user of the kubeconfig with --user, or give a --token.",
                _ => "Sign in to the cluster again; kubectl auth whoami shows whether it worked.",
            },
            Self::Forbidden(forbidden) if forbidden.is_of_nobody() => {
                "Sign in: the server saw no credentials. Name a user of the kubeconfig with --user or give a --token, and \
                 write the server as https://HOST:PORT, since none are sent over plain http. A user's name and password \
                 are none: API servers have not taken them since Kubernetes 1.19."
            }
            Self::Forbidden(forbidden) => {
                return format!(
                    "Somebody with the right to grant it applies:\n{}",
                    forbidden.rule().trim_end()
                );
            }
            Self::Denied { by, .. } => return by.remedy(),
            Self::NotFound { .. } => {
                "It may have been deleted in the meantime: run the command again, or name something that is there (kubectl get)."
            }
            Self::AlreadyExists { .. } => {
                "Choose another name, or delete what has this one; nothing was changed."
            }
            Self::Conflict { .. } => "Run the command again; nothing of the other writer was lost.",
            Self::Invalid { .. } => "Correct what is named; nothing was created or changed.",
            Self::Gone { .. } => "Run the command again.",
            Self::TooManyRequests { .. } => "Run the command again when the API server is less busy.",
            Self::Timeout { .. } => {
                "Check the health of the API server, and of a proxy before it, or give it more time with --request-timeout."
            }
            Self::TooLarge { .. } => {
                "Delete what nobody needs of those objects, or ask for one of them; one alone is never as large \
                 (kubectl get)."
            }
            Self::Config(fault) => return fault.advice().map(|(_, remedy)| remedy).unwrap_or_default(),
            Self::Other { code: 0, .. } => {
                "Check that it is an API server that answers at this address (kubectl version)."
            }
            Self::Other { code: 500.., .. } => {
                "Run the command again when the API server is well (kubectl get --raw /readyz)."
            }
            Self::Other { .. } => "Ask whoever runs the API server, or what stands before it, what it means.",
        };
        text.to_owned()
    }
}
