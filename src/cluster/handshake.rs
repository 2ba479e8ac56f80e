//! What errors of TLS mean, in words for people.
//!
//! Pure. The library's own words name its types, and lists of what it supports.

use std::error::Error as StdError;
use std::io;

use jiff::Timestamp;
use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::hindrance::{CertificateFault, Hindrance};

/// What is said where server and client have no kind of key or cipher in common; servers tell no more than that.
const NOTHING_IN_COMMON: &str = "it has no kind of key or cipher in common with this program, which does not support the \
                                 curve P-521";

/// The error of TLS within this one. It hides in as many [`io::Error`]s as there are layers, which skip it as their source.
pub(super) fn tls_error<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Error> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => tls_error(io.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// What is in the way by an error of TLS; none if it says no more than that the connection was lost.
pub(super) fn hindrance(error: &Error) -> Option<Hindrance> {
    let link = |words: &str| Hindrance::Link(words.to_owned());
    let certificate = |fault| Hindrance::Certificate(Box::new(fault));
    Some(match error {
        Error::InvalidCertificate(error) => certificate(certificate_fault(error)),
        Error::NoCertificatesPresented => certificate(CertificateFault::Unusable("it shows none".to_owned())),
        Error::AlertReceived(alert) => match refusal(*alert) {
            Some(words) => certificate(CertificateFault::Refused(words.to_owned())),
            None => match alert {
                AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity => {
                    certificate(CertificateFault::Unsupported(NOTHING_IN_COMMON.to_owned()))
                }
                AlertDescription::ProtocolVersion => link("it speaks neither TLS 1.2 nor TLS 1.3"),
                AlertDescription::UnrecognisedName => link("it knows no server of this name"),
                _ => link("it broke off the TLS handshake"),
            },
        },
        Error::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13) => {
            link("it speaks neither TLS 1.2 nor TLS 1.3")
        }
        Error::PeerIncompatible(_) => {
            certificate(CertificateFault::Unsupported(NOTHING_IN_COMMON.to_owned()))
        }
        Error::InvalidMessage(_) => link("it does not speak TLS, as its address (https) says"),
        Error::PeerMisbehaved(_) | Error::InappropriateMessage { .. } | Error::DecryptError => {
            link("it does not keep to TLS")
        }
        _ => return None,
    })
}

/// Why a server does not take our certificate; `None` if that is not what it says.
fn refusal(alert: AlertDescription) -> Option<&'static str> {
    Some(match alert {
        AlertDescription::CertificateRequired | AlertDescription::NoCertificate => {
            "it wants one and got none"
        }
        AlertDescription::CertificateExpired => "it has expired",
        AlertDescription::CertificateRevoked => "it is revoked",
        AlertDescription::UnknownCA => "it is signed by nobody whom the server trusts",
        AlertDescription::UnsupportedCertificate => "it is of a kind that the server does not support",
        AlertDescription::BadCertificate | AlertDescription::CertificateUnknown => "it gives no reason",
        AlertDescription::AccessDenied => "access is denied",
        _ => return None,
    })
}

fn certificate_fault(error: &CertificateError) -> CertificateFault {
    let unusable = |why: &str| CertificateFault::Unusable(why.to_owned());
    match error {
        CertificateError::UnknownIssuer | CertificateError::BadSignature => CertificateFault::Untrusted,
        CertificateError::Expired => CertificateFault::Expired { when: None },
        CertificateError::ExpiredContext { not_after, .. } => {
            CertificateFault::Expired { when: moment(*not_after) }
        }
        CertificateError::NotValidYet => CertificateFault::NotYet { when: None },
        CertificateError::NotValidYetContext { not_before, .. } => {
            CertificateFault::NotYet { when: moment(*not_before) }
        }
        CertificateError::NotValidForNameContext { expected, presented } => CertificateFault::Misnamed {
            asked: expected.to_str().into_owned(),
            names: presented.iter().map(|name| name_of(name).to_owned()).collect(),
        },
        CertificateError::NotValidForName => {
            CertificateFault::Misnamed { asked: "this server".to_owned(), names: Vec::new() }
        }
        #[expect(deprecated, reason = "the library may still give it")]
        CertificateError::UnsupportedSignatureAlgorithm
        | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            CertificateFault::Unsupported(
                "its certificate is signed in a way that this program does not support, such as with a key on the curve \
                 P-521 or by SHA-1"
                    .to_owned(),
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            unusable("it is not for servers")
        }
        CertificateError::BadEncoding => unusable("it cannot be read"),
        CertificateError::Revoked => unusable("it is revoked"),
        CertificateError::UnhandledCriticalExtension => {
            unusable("it demands something that this program does not know (a critical extension)")
        }
        CertificateError::Other(other)
            if other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity) =>
        {
            CertificateFault::Authority
        }
        CertificateError::Other(other)
            if other.0.downcast_ref() == Some(&webpki::Error::UnsupportedCertVersion) =>
        {
            unusable("it is no X.509 certificate of version 3")
        }
        _ => unusable("it breaks a rule for certificates of servers"),
    }
}

/// `name` of the library's `DnsName("name")`.
fn name_of(presented: &str) -> &str {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(presented);
    inner.trim_matches('"')
}

fn moment(time: UnixTime) -> Option<String> {
    let seconds = i64::try_from(time.as_secs()).ok()?;
    Timestamp::from_second(seconds).ok().map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_about_tls_is_a_type_of_the_library() {
        let invalid = |error: CertificateError| Error::InvalidCertificate(error);
        let algorithm = CertificateError::UnsupportedSignatureAlgorithmContext {
            signature_algorithm_id: vec![1, 2],
            supported_algorithms: Vec::new(),
        };
        for (error, said) in [
            (invalid(CertificateError::UnknownIssuer), "signed by no certificate authority that is trusted"),
            (invalid(CertificateError::BadSignature), "signed by no certificate authority that is trusted"),
            (invalid(CertificateError::Expired), "its certificate has expired"),
            (invalid(CertificateError::NotValidYet), "its certificate is not valid yet"),
            (
                invalid(CertificateError::ExpiredContext {
                    time: UnixTime::since_unix_epoch(std::time::Duration::from_secs(86_400)),
                    not_after: UnixTime::since_unix_epoch(std::time::Duration::from_secs(60)),
                }),
                "its certificate has expired (1970-01-01T00:01:00Z)",
            ),
            (
                invalid(CertificateError::NotValidForNameContext {
                    expected: "a".try_into().unwrap(),
                    presented: vec!["DnsName(\"b\")".to_owned(), "IpAddress(10.0.0.1)".to_owned()],
                }),
                "its certificate is not for a, but for b, 10.0.0.1",
            ),
            (invalid(algorithm), "the curve P-521"),
            (invalid(CertificateError::InvalidPurpose), "it is not for servers"),
            (invalid(CertificateError::ApplicationVerificationFailure), "it breaks a rule"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "the curve P-521"),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "neither TLS 1.2 nor TLS 1.3"),
            (
                Error::AlertReceived(AlertDescription::UnknownCA),
                "it refuses the client certificate: it is signed",
            ),
            (Error::AlertReceived(AlertDescription::InternalError), "it broke off the TLS handshake"),
            (Error::PeerIncompatible(PeerIncompatible::NoSignatureSchemesInCommon), "the curve P-521"),
            (Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "it does not speak TLS"),
        ] {
            let words = hindrance(&error).unwrap().to_string();
            assert!(words.contains(said), "{error:?}: {words}");
            assert!(!words.contains("Context") && !words.contains('{') && !words.contains("::"), "{words}");
        }
        assert_eq!(hindrance(&Error::General("x".to_owned())), None);
    }

    #[test]
    fn an_error_of_tls_is_found_however_deep_it_hides() {
        let error = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let deep = io::Error::other(io::Error::other(error.clone()));
        assert_eq!(tls_error(&deep), Some(&error));
        assert_eq!(tls_error(&io::Error::other("certificate")), None);
        assert_eq!(tls_error(&io::Error::from(io::ErrorKind::NotConnected)), None);
    }
}
