//! What a connection tells of itself in errors: where it leads, as whom, and who said so.

use std::time::Duration;

use super::error::Error;
use super::giver::Givers;
use super::hindrance::Hindrance;

/// Where a connection leads, as whom, and who said so.
#[derive(Debug, Clone)]
pub(super) struct ConnectionInfo {
    /// The kubeconfig context that names the server; `None` in a pod, or where a flag names it.
    pub(super) context: Option<String>,
    pub(super) server: String,
    /// Whose credentials are sent. Whom they act as is nothing that a server refuses credentials for.
    pub(super) user: String,
    /// Whether there are credentials that are not sent, since the way is plain http.
    pub(super) withheld: bool,
    /// The proxy in between, and who named it.
    pub(super) proxy: Option<String>,
    pub(super) givers: Givers,
    /// The namespace of the context, or of the pod.
    pub(super) namespace: Option<String>,
}

impl ConnectionInfo {
    /// That of a server which a test plays.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn scripted() -> Self {
        Self {
            context: Some("test".to_owned()),
            server: "https://scripted".to_owned(),
            user: "tester".to_owned(),
            withheld: false,
            proxy: None,
            givers: Givers::default(),
            namespace: None,
        }
    }

    pub(super) fn unreachable(&self, why: Hindrance) -> Error {
        let Self { server, context, proxy, givers, .. } = self.clone();
        let giver = why.giver(givers);
        Error::Unreachable { server, context, proxy, why, giver }
    }

    /// No answer to a request for `what`.
    pub(super) fn silent(&self, what: &str, after: Duration) -> Error {
        let Self { server, proxy, .. } = self.clone();
        Error::Timeout { what: what.to_owned(), server, proxy, after }
    }

    /// The server, and the proxy before it, for whoever waits.
    pub(super) fn way(&self) -> String {
        let through = self.proxy.as_ref().map(|proxy| format!(" through the proxy {proxy}"));
        format!("{}{}", self.server, through.unwrap_or_default())
    }
}
