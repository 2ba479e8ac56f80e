//! Why a request was not answered, sorted by what is certain about it: whether the server can have seen it, and whether
//! it is worth another try.

use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use tokio::time::error::Elapsed;

use super::connection_info::ConnectionInfo;
use super::connector::ProxyError;
use super::error::Error;
use super::handshake;
use super::hindrance::Hindrance;
use super::url;

/// Why nothing (usable) came back.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// The server cannot have seen the request.
    Unsent(Hindrance),
    /// As before, and no repetition will help: a certificate, a malformed address, a proxy that refuses.
    Hopeless(Hindrance),
    /// Nobody knows whether the server acted.
    Cut(Hindrance),
    /// As before: no answer within this time.
    Silent,
    /// The answer is longer than this many bytes.
    TooLarge(usize),
    /// We have no credentials to send.
    Credentials(Error),
}

impl ExchangeError {
    /// Sorts a transport's error by what is certain about it.
    pub(super) fn of(error: &(dyn StdError + 'static)) -> Self {
        let mut connecting = false;
        let mut why = String::new();
        let mut refused = false;
        let mut tls = None;
        let mut late = false;
        let mut proxy = None;
        let mut next = Some(error);
        // Error chains are short; a cyclic one must not hang us.
        for _ in 0..16 {
            let Some(error) = next else { break };
            let text = error.to_string();
            connecting |= text.contains("client error (Connect)") || text.contains("tcp connect error");
            tls = tls.or_else(|| handshake::tls_error(error));
            late |= error.is::<Elapsed>();
            proxy = proxy.or(error.downcast_ref::<ProxyError>());
            if let Some(io) = error.downcast_ref::<io::Error>() {
                refused |= io.kind() == io::ErrorKind::ConnectionRefused;
            }
            if !text.is_empty() {
                why = text;
            }
            next = error.source();
        }
        // a library may quote the address of a proxy, password and all
        let mut why = url::scrubbed(&why);
        if refused {
            "connection refused".clone_into(&mut why);
        }
        if late {
            "no connection was made in time".clone_into(&mut why);
        }
        let tls = tls.and_then(handshake::hindrance);
        let certificate = matches!(tls, Some(Hindrance::Certificate(_)));
        if let Some(tls) = &tls {
            why = tls.to_string();
        }
        if let Some(proxy) = proxy {
            let words = proxy.to_string();
            let hindrance = Hindrance::Proxy(if words == why { words } else { format!("{words}: {why}") });
            return if proxy.may_pass() && !certificate {
                Self::Unsent(hindrance)
            } else {
                Self::Hopeless(hindrance)
            };
        }
        if let Some(tls) = tls.filter(|_| certificate) {
            return Self::Hopeless(tls);
        }
        if why.contains("close_notify") {
            // rustls adds a lecture with a link; for a person it is this:
            "the server closed the connection".clone_into(&mut why);
        }
        let hindrance = Hindrance::Link(why);
        if connecting || refused || late { Self::Unsent(hindrance) } else { Self::Cut(hindrance) }
    }

    /// What it is to whoever asks once. `after`: how long that took.
    pub(super) fn into_error(self, about: &ConnectionInfo, what: &str, after: Duration) -> Error {
        match self {
            Self::Unsent(why) | Self::Hopeless(why) | Self::Cut(why) => about.unreachable(why),
            Self::Silent => about.silent(what, after),
            Self::TooLarge(most) => Error::TooLarge { what: what.to_owned(), most },
            Self::Credentials(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<dyn StdError + Send + Sync>>,
    }

    fn chain(text: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Layer {
        Layer { text, source: Some(source.into()) }
    }

    #[test]
    fn transport_errors_are_sorted_by_what_is_certain() {
        let refused = chain(
            "client error (Connect)",
            chain("tcp connect error", io::Error::from(io::ErrorKind::ConnectionRefused)),
        );
        assert!(
            matches!(ExchangeError::of(&refused), ExchangeError::Unsent(why) if why.to_string() == "connection refused")
        );
        let unknown_host =
            chain("client error (Connect)", io::Error::other("failed to lookup address information"));
        assert!(
            matches!(ExchangeError::of(&unknown_host), ExchangeError::Unsent(Hindrance::Link(why)) if why.contains("lookup"))
        );
        let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let expired = chain("client error (Connect)", io::Error::other(io::Error::other(expired)));
        assert!(
            matches!(ExchangeError::of(&expired), ExchangeError::Hopeless(Hindrance::Certificate(why)) if why.to_string().contains("expired"))
        );
        let reset = chain(
            "client error (SendRequest)",
            chain("connection error", io::Error::from(io::ErrorKind::ConnectionReset)),
        );
        assert!(
            matches!(ExchangeError::of(&reset), ExchangeError::Cut(why) if why.to_string() == "connection reset")
        );
        let killed = io::Error::other("peer closed connection without sending TLS close_notify: https://x");
        assert!(
            matches!(ExchangeError::of(&killed), ExchangeError::Cut(why) if why.to_string() == "the server closed the connection")
        );
    }
}
