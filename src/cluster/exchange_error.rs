//! Why a request was not answered, sorted by what is certain about it: whether the server can have seen it, and whether
//! it is worth another try.

use std::error::Error as StdError;
use std::io;

use super::error::Error;
use super::url;

/// Why nothing (usable) came back.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// The server cannot have seen the request.
    Unsent(String),
    /// As before, and no repetition will help: a certificate, a malformed address.
    Hopeless(String),
    /// Nobody knows whether the server acted.
    Cut(String),
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
        let mut certificate = false;
        let mut next = Some(error);
        // Error chains are short; a cyclic one must not hang us.
        for _ in 0..16 {
            let Some(error) = next else { break };
            let text = error.to_string();
            connecting |= text.contains("client error (Connect)") || text.contains("tcp connect error");
            certificate |= text.contains("certificate");
            if let Some(io) = error.downcast_ref::<io::Error>() {
                refused |= io.kind() == io::ErrorKind::ConnectionRefused;
                // The certificate's error hides inside an io::Error, whose source skips it.
                if let Some(inner) = io.get_ref() {
                    certificate |= inner.to_string().contains("certificate");
                }
            }
            if !text.is_empty() {
                why = text;
            }
            next = error.source();
        }
        // a library may quote the address of a proxy, password and all
        let mut why = url::scrubbed(&why);
        if certificate {
            return Self::Hopeless(why);
        }
        if refused {
            return Self::Unsent("connection refused".to_owned());
        }
        if why.contains("close_notify") {
            // rustls adds a lecture with a link; for a person it is this:
            "the server closed the connection".clone_into(&mut why);
        }
        if connecting { Self::Unsent(why) } else { Self::Cut(why) }
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
            matches!(ExchangeError::of(&refused), ExchangeError::Unsent(why) if why == "connection refused")
        );
        let unknown_host =
            chain("client error (Connect)", io::Error::other("failed to lookup address information"));
        assert!(
            matches!(ExchangeError::of(&unknown_host), ExchangeError::Unsent(why) if why.contains("lookup"))
        );
        let expired = chain("client error (Connect)", io::Error::other("invalid peer certificate: Expired"));
        assert!(
            matches!(ExchangeError::of(&expired), ExchangeError::Hopeless(why) if why.contains("Expired"))
        );
        let reset = chain(
            "client error (SendRequest)",
            chain("connection error", io::Error::from(io::ErrorKind::ConnectionReset)),
        );
        assert!(matches!(ExchangeError::of(&reset), ExchangeError::Cut(why) if why == "connection reset"));
        let killed = io::Error::other("peer closed connection without sending TLS close_notify: https://x");
        assert!(
            matches!(ExchangeError::of(&killed), ExchangeError::Cut(why) if why == "the server closed the connection")
        );
    }
}
