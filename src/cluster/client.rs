//! kube's client, which carries what this room sends.

use kube::Config;

use super::error::Error;
use super::plugin::base64;
use super::{ConnectionInfo, url};

/// kube's client for `config`: HTTP/1.1, rustls on ring, gzip.
pub(super) fn of(config: Config, about: &ConnectionInfo) -> Result<kube::Client, Error> {
    kube::Client::try_from(config).map_err(|error| {
        let why = url::scrubbed(&error.to_string());
        Error::Config {
            what: format!("connection to {}", about.server),
            why,
            remedy: "Check the certificates, keys and proxy of this context in the kubeconfig.".to_owned(),
        }
    })
}

/// The same configuration with a client certificate that a plugin gave.
pub(super) fn with_certificate(config: &Config, certificate: &str, key: &str) -> Config {
    let mut config = config.clone();
    config.auth_info.client_certificate_data = Some(base64(certificate));
    config.auth_info.client_key_data = Some(base64(key).into());
    config
}
