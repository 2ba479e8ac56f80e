//! Who gave what a connection is made of, so that a remedy names what can be changed.

/// Who gave an address, a certificate authority, a proxy or credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Giver {
    /// `--server`.
    ServerFlag,
    /// `--certificate-authority`.
    AuthorityFlag,
    /// `--token`.
    TokenFlag,
    /// `--client-certificate`.
    CertificateFlag,
    /// The variable `HTTPS_PROXY`.
    HttpsProxy,
    /// The variable `HTTP_PROXY`.
    HttpProxy,
    /// The kubeconfig.
    #[default]
    Kubeconfig,
    /// The pod that this runs in.
    Pod,
    /// Nobody.
    Nobody,
}

impl Giver {
    /// The flag or the variable that it is.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::ServerFlag => Some("--server"),
            Self::AuthorityFlag => Some("--certificate-authority"),
            Self::TokenFlag => Some("--token"),
            Self::CertificateFlag => Some("--client-certificate"),
            Self::HttpsProxy => Some("HTTPS_PROXY"),
            Self::HttpProxy => Some("HTTP_PROXY"),
            Self::Kubeconfig | Self::Pod | Self::Nobody => None,
        }
    }

    /// What holds the server's address.
    pub(super) fn server_field(self) -> &'static str {
        match self {
            Self::Pod => "KUBERNETES_SERVICE_HOST",
            giver => giver.name().unwrap_or("the cluster's server"),
        }
    }
}

/// Who gave each part of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Givers {
    pub(super) server: Giver,
    pub(super) authority: Giver,
    pub(super) credentials: Giver,
    pub(super) proxy: Giver,
}
