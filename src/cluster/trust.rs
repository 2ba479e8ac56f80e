//! Which certificate of a server counts: one that a trusted authority has signed, and, as for client-go, one that is trusted
//! itself.
//!
//! webpki takes no certificate that is an authority's own. Go does if it is trusted, and `openssl req -x509` makes no other:
//! one certificate is both the server's and what a kubeconfig trusts. Nothing is lost by taking exactly that one: who has its
//! key can sign one for any server.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kube::config::Cluster as KubeCluster;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::time::Instant;

use super::config_fault::ConfigFault;
use super::giver::Giver;
use super::kubeconfig::Entries;
use crate::chain::base64::of_base64;
use crate::local::files::MOST_BYTES;
use crate::local::regular::{NamedBy, read_bytes};

/// How often a pod's file is read again: its authority is renewed, too.
const FILE_AGE: Duration = Duration::from_secs(60);

/// The authorities that a connection trusts.
#[derive(Debug)]
pub(super) struct Trust {
    /// Where they are read again.
    file: Option<PathBuf>,
    held: Mutex<(Arc<Authorities>, Instant)>,
}

/// Authorities, and whoever is trusted itself.
#[derive(Debug)]
pub(super) struct Authorities {
    verifier: Arc<WebPkiServerVerifier>,
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Those of a PEM text; one that cannot be read is passed over, as by Go.
    fn of(pem: &[u8]) -> Result<Self, &'static str> {
        let mut certificates = certificates(pem)?;
        let mut roots = RootCertStore::empty();
        certificates.retain(|certificate| roots.add(certificate.clone()).is_ok());
        Self::with(roots, certificates).ok_or("no certificate in it can be read")
    }

    /// The usual ones, which come with the program, and those of a PEM text, all of which must be readable; what is wrong
    /// with it.
    pub(super) fn usual_and(pem: Option<&[u8]>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let certificates = pem.map(certificates).transpose()?.unwrap_or_default();
        for certificate in &certificates {
            let added = roots.add(certificate.clone());
            added.map_err(|error| format!("a certificate in it is none: {error}"))?;
        }
        Self::with(roots, certificates).ok_or_else(|| "no authority is known".to_owned())
    }

    /// None where there are none.
    fn with(roots: RootCertStore, certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        Some(Self { verifier: verifier.ok()?, certificates })
    }
}

/// The certificates of a PEM text; why there is none.
fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    // the library's own words quote what it found
    let blocks = pem::parse_many(pem).map_err(|_| "it is not PEM")?;
    let certificates: Vec<_> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(|block| CertificateDer::from(block.into_contents()))
        .collect();
    if certificates.is_empty() { Err("there is no certificate in it") } else { Ok(certificates) }
}

impl Trust {
    /// In the authorities that the cluster names, given by `giver`; none where it names none.
    pub(super) fn of(
        cluster: &KubeCluster,
        giver: Giver,
        entries: &Entries,
    ) -> Result<Option<Self>, ConfigFault> {
        let name = entries.cluster.as_deref().unwrap_or_default();
        let bad = |what: &str, why: String| ConfigFault::BadAuthority { what: what.to_owned(), why };
        let named = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let data = named(&cluster.certificate_authority_data);
        let (file, what, pem) = match (data, named(&cluster.certificate_authority)) {
            (Some(_), Some(_)) => {
                let (first, second) = ("certificate-authority", "certificate-authority-data");
                return Err(ConfigFault::BothGiven { whose: format!("cluster {name:?}"), first, second });
            }
            (Some(data), None) => {
                let what = format!("certificate-authority-data of cluster {name:?}");
                let pem = of_base64(&data).ok_or_else(|| bad(&what, "it is not base64".to_owned()))?;
                (None, what, pem)
            }
            (None, Some(path)) => {
                let what = match giver {
                    Giver::AuthorityFlag => format!("--certificate-authority {path}"),
                    Giver::Pod => format!("the ServiceAccount's {path}"),
                    // what was pasted where a path belongs is not shown
                    _ if path.contains('\n') => format!("certificate-authority of cluster {name:?}"),
                    _ => format!("certificate-authority of cluster {name:?}, {path}"),
                };
                let named = if giver == Giver::AuthorityFlag { NamedBy::Person } else { NamedBy::Nobody };
                let pem = read_bytes(Path::new(&path), named, MOST_BYTES);
                let pem = pem.map_err(|why| bad(&what, why.to_string()))?;
                (Some(PathBuf::from(path)).filter(|_| giver == Giver::Pod), what, pem)
            }
            (None, None) => return Ok(None),
        };
        let authorities = Authorities::of(&pem).map_err(|why| bad(&what, why.to_owned()))?;
        Ok(Some(Self { file, held: Mutex::new((Arc::new(authorities), Instant::now())) }))
    }

    /// DER of each.
    pub(super) fn certificates(&self) -> Vec<Vec<u8>> {
        self.current().certificates.iter().map(|certificate| certificate.to_vec()).collect()
    }

    fn current(&self) -> Arc<Authorities> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = self.file.as_deref().filter(|_| held.1.elapsed() >= FILE_AGE) {
            // one that is away for a moment, a volume being renewed, is no reason to trust nobody
            if let Some(fresh) = reread(file) {
                held.0 = Arc::new(fresh);
            }
            held.1 = Instant::now();
        }
        Arc::clone(&held.0)
    }
}

fn reread(file: &Path) -> Option<Authorities> {
    Authorities::of(&read_bytes(file, NamedBy::Nobody, MOST_BYTES).ok()?).ok()
}

/// Whether nothing is wrong but the way from an authority to the certificate: webpki looks at the certificate's own time and
/// purpose before it.
fn is_of_the_path(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer
            | CertificateError::BadSignature
            | CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => true,
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => {
            other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
        }
        _ => false,
    }
}

impl ServerCertVerifier for Authorities {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(error) if is_of_the_path(&error) && self.certificates.contains(end_entity) => {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.current().verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.current().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.current().supported_verify_schemes()
    }
}
