//! A client certificate and its key, judged before anything is sent: a TLS library tells neither what is wrong with them nor
//! who gave them.

use std::path::Path;

use kube::config::AuthInfo;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret;

use super::config_fault::ConfigFault;
use super::kubeconfig::Entries;
use super::options::Options;
use crate::chain::base64::of_base64;
use crate::local::files::MOST_BYTES;
use crate::local::regular::{NamedBy, read_bytes};

/// The object identifier of the curve P-521, which ring does not support, as it stands in a key.
const P521: [u8; 7] = [0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

/// A client certificate and its key, PEM, which belong together.
pub(super) struct ClientCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
}

impl ClientCertificate {
    /// The user's, if they have one. What stands in the kubeconfig is not shown, not even as a path: a key pasted where its
    /// path belongs would be.
    pub(super) fn of_user(
        options: &Options,
        auth: &AuthInfo,
        entries: &Entries,
    ) -> Result<Option<Self>, ConfigFault> {
        let field = |name: &str, flag: bool| match &entries.user {
            Some(user) if !flag => format!("{name} of user {user:?}"),
            _ => format!("--{name}"),
        };
        let flags = (options.client_certificate.is_some(), options.client_key.is_some());
        let fields = (field("client-certificate", flags.0), field("client-key", flags.1));
        let named = |flag: bool| if flag { NamedBy::Person } else { NamedBy::Nobody };
        let key_data = auth.client_key_data.as_ref().map(|data| data.expose_secret().to_owned());
        for (data, path, first, second) in [
            (
                &auth.client_certificate_data,
                &auth.client_certificate,
                "client-certificate",
                "client-certificate-data",
            ),
            (&key_data, &auth.client_key, "client-key", "client-key-data"),
        ] {
            if is_given(data.as_ref()) && is_given(path.as_ref()) {
                let whose = format!("user {:?}", entries.user.as_deref().unwrap_or_default());
                return Err(ConfigFault::BothGiven { whose, first, second });
            }
        }
        let (data, path) = (auth.client_certificate_data.as_deref(), auth.client_certificate.as_deref());
        let certificate = read(data, path, named(flags.0), &fields.0)?;
        let key = read(key_data.as_deref(), auth.client_key.as_deref(), named(flags.1), &fields.1)?;
        let (has, lacks) = match (certificate, key) {
            (Some(certificate), Some(key)) => {
                return Self::judged(&certificate, &key, &fields.0, &fields.1).map(Some);
            }
            (None, None) => return Ok(None),
            (Some(_), None) => (fields.0, fields.1),
            (None, Some(_)) => (fields.1, fields.0),
        };
        Err(ConfigFault::HalfIdentity { has, lacks })
    }

    /// Both as texts of PEM, and what they are called where one of them will not do.
    pub(super) fn judged(
        certificate: &[u8],
        key: &[u8],
        certificate_field: &str,
        key_field: &str,
    ) -> Result<Self, ConfigFault> {
        let unreadable = |field: &str, why: &str| ConfigFault::IdentityUnreadable {
            field: field.to_owned(),
            why: why.to_owned(),
        };
        // the library's own words quote what it found
        let blocks =
            |pem: &[u8], field: &str| pem::parse_many(pem).map_err(|_| unreadable(field, "it is not PEM"));
        let mut chain = blocks(certificate, certificate_field)?;
        chain.retain(|block| block.tag() == "CERTIFICATE");
        if chain.is_empty() {
            return Err(unreadable(certificate_field, "there is no certificate in it"));
        }
        let field = key_field.to_owned();
        let keys = blocks(key, key_field)?;
        let Some(key) = keys.into_iter().find(|block| block.tag().ends_with("PRIVATE KEY")) else {
            return Err(unreadable(key_field, "there is no private key in it"));
        };
        let encrypted = key.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"));
        if encrypted || key.tag() == "ENCRYPTED PRIVATE KEY" {
            return Err(ConfigFault::KeyEncrypted { field });
        }
        if key.contents().windows(P521.len()).any(|window| window == P521) {
            return Err(ConfigFault::KeyOnP521 { field });
        }
        let der = match key.tag() {
            "PRIVATE KEY" => PrivateKeyDer::Pkcs8(key.contents().into()),
            "RSA PRIVATE KEY" => PrivateKeyDer::Pkcs1(key.contents().into()),
            "EC PRIVATE KEY" => PrivateKeyDer::Sec1(key.contents().into()),
            _ => return Err(ConfigFault::KeyUnusable { field }),
        };
        let signing = any_supported_type(&der).map_err(|_| ConfigFault::KeyUnusable { field })?;
        let ders = chain.iter().map(|block| CertificateDer::from(block.contents().to_vec())).collect();
        match CertifiedKey::new(ders, signing).keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                let (key, certificate) = (key_field.to_owned(), certificate_field.to_owned());
                return Err(ConfigFault::KeyOfAnother { key, certificate });
            }
            Err(_) => return Err(unreadable(certificate_field, "its certificate cannot be read")),
        }
        Ok(Self { certificate: pem::encode_many(&chain), key: pem::encode(&key) })
    }
}

fn is_given(text: Option<&String>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}

/// What a `…-data` field holds, or else the file that its path names.
fn read(
    data: Option<&str>,
    path: Option<&str>,
    named: NamedBy,
    field: &str,
) -> Result<Option<Vec<u8>>, ConfigFault> {
    let found = match (data.filter(|data| !data.is_empty()), path.filter(|path| !path.is_empty())) {
        (Some(data), _) => of_base64(data).ok_or_else(|| "its data is not base64".to_owned()),
        (None, Some(path)) => read_bytes(Path::new(path), named, MOST_BYTES)
            .map_err(|why| format!("its file cannot be read: {why}")),
        (None, None) => return Ok(None),
    };
    found.map(Some).map_err(|why| ConfigFault::IdentityUnreadable { field: field.to_owned(), why })
}
