//! What is in the way to a server, and what whoever gave it can do about it.

use super::giver::{Giver, Givers};

/// What is in the way to a server, in the transport's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    /// Somewhere on the way, or at its end.
    #[error("{0}")]
    Link(String),
    /// The server's certificate, or ours.
    #[error("{0}")]
    Certificate(Box<CertificateFault>),
    /// The proxy.
    #[error("{0}")]
    Proxy(String),
}

/// What is wrong with a server's certificate, or, in its opinion, with ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// No authority that is trusted has signed it.
    #[error("its certificate is signed by no certificate authority that is trusted here")]
    Untrusted,
    /// It is that of an authority, and no authority that is trusted.
    #[error("its certificate is a certificate authority's own, and not one that is trusted here")]
    Authority,
    /// It is another server's.
    #[error("its certificate is not for {asked}{}", other_names(names))]
    Misnamed {
        /// The name that was asked for.
        asked: String,
        /// Those that it is for.
        names: Vec<String>,
    },
    /// It was valid until then.
    #[error("its certificate has expired{}", at(when.as_deref()))]
    Expired {
        /// When.
        when: Option<String>,
    },
    /// It will be valid from then on.
    #[error("its certificate is not valid yet{}", at(when.as_deref()))]
    NotYet {
        /// When it will be.
        when: Option<String>,
    },
    /// Its key, or that of who signed it, is none that is supported.
    #[error("{0}")]
    Unsupported(String),
    /// It is none of a server, or cannot be read.
    #[error("its certificate cannot be used: {0}")]
    Unusable(String),
    /// The server refuses ours.
    #[error("it refuses the client certificate: {0}")]
    Refused(String),
}

fn other_names(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(", but for {}", names.join(", ")) }
}

fn at(when: Option<&str>) -> String {
    when.map(|when| format!(" ({when})")).unwrap_or_default()
}

impl Hindrance {
    /// Who gave the thing that is in the way.
    pub(super) fn giver(&self, givers: Givers) -> Giver {
        match self {
            Self::Link(_) => givers.server,
            Self::Proxy(_) => givers.proxy,
            Self::Certificate(fault) => match **fault {
                CertificateFault::Refused(_) => givers.credentials,
                CertificateFault::Misnamed { .. } => givers.server,
                _ => givers.authority,
            },
        }
    }

    /// What to do about it where `giver` gave it; `context`: whether a context of the kubeconfig led there.
    pub(super) fn remedy(&self, giver: Giver, context: bool) -> String {
        match self {
            Self::Certificate(fault) => fault.remedy(giver),
            Self::Proxy(_) => match giver.name() {
                Some(name) => format!(
                    "Check {name}, with its user and password, and the proxy's own log; NO_PROXY names what is reached \
                     without a proxy."
                ),
                None => "Check proxy-url of this cluster in the kubeconfig, with its user and password, and the proxy's own \
                      log."
                    .to_owned(),
            },
            Self::Link(_) => match (giver.name(), giver) {
                (Some(name), _) => {
                    format!("Check that the API server runs and that {name} is its address.")
                }
                (None, Giver::Pod) => "Check that the API server runs: its address is the one that the pod was given \
                               (KUBERNETES_SERVICE_HOST)."
                    .to_owned(),
                _ if context => "Check that the cluster runs and that the context is the one you mean \
                                 (kubectl config get-contexts, --context)."
                    .to_owned(),
                _ => "Check that the API server runs and that this address is right.".to_owned(),
            },
        }
    }
}

impl CertificateFault {
    fn remedy(&self, giver: Giver) -> String {
        let text = match (self, giver) {
            (Self::Untrusted | Self::Authority, Giver::AuthorityFlag) => {
                "Check that the file of --certificate-authority holds the authority that signed the server's certificate."
            }
            (Self::Untrusted | Self::Authority, Giver::Pod) => {
                "Check the ConfigMap kube-root-ca.crt in the pod's namespace: it must hold the authority that signed the \
                 server's certificate."
            }
            (Self::Untrusted | Self::Authority, Giver::Nobody) => {
                "Name the authority that signed it with --certificate-authority, or in certificate-authority-data of this \
                 cluster in the kubeconfig; without one, those of this machine count."
            }
            (Self::Untrusted | Self::Authority, _) => {
                "Check that certificate-authority(-data) of this cluster in the kubeconfig holds the authority that signed \
                 the server's certificate."
            }
            (Self::Misnamed { .. }, Giver::ServerFlag) => {
                "Give --server a name that the certificate has, or --tls-server-name."
            }
            (Self::Misnamed { .. }, Giver::Pod) => {
                "Have the server's certificate made for this address, too."
            }
            (Self::Misnamed { .. }, _) => {
                "Give the cluster's server in the kubeconfig a name that the certificate has, or set tls-server-name there."
            }
            (Self::Expired { .. } | Self::NotYet { .. }, _) => {
                "Have the server's certificate renewed, or set this machine's clock (date) if that is wrong."
            }
            (Self::Unsupported(_) | Self::Unusable(_), _) => {
                "Give the server a certificate for servers, with a key of RSA, ECDSA on P-256 or P-384, or Ed25519, signed \
                 with such a key."
            }
            (Self::Refused(_), Giver::CertificateFlag) => {
                "Give --client-certificate and --client-key a certificate that the server takes."
            }
            (Self::Refused(_), Giver::Nobody) => {
                "Give --client-certificate and --client-key, or sign in as a user of the kubeconfig that has a certificate \
                 (--user)."
            }
            (Self::Refused(_), _) => {
                "Sign in to the cluster again, so that the user has a client certificate of now."
            }
        };
        text.to_owned()
    }
}
