//! Who we are to the server, by a kubeconfig's user and the flags; none of it appears in any message.

use std::path::PathBuf;

use http::HeaderValue;
use kube::config::{AuthInfo, Cluster as KubeCluster, ExecAuthCluster, ExecConfig};
use secrecy::{ExposeSecret, SecretString};

use super::config_fault::ConfigFault;
use super::error::Error;
use super::kubeconfig::Entries;
use super::options::Options;
use super::plugin::Plugin;
use super::transport::{Source, fixed_bearer};
use crate::chain::base64::{base64, of_base64};

/// Whether a kubeconfig's user has anything to sign in with.
pub(super) fn has_any(auth: &AuthInfo) -> bool {
    let secret = |text: Option<&SecretString>| text.is_some_and(|it| !it.expose_secret().is_empty());
    let text = |text: Option<&String>| text.is_some_and(|it| !it.is_empty());
    secret(auth.token.as_ref())
        || text(auth.token_file.as_ref())
        || text(auth.username.as_ref())
        || secret(auth.password.as_ref())
        || auth.exec.is_some()
        || auth.auth_provider.is_some()
        || text(auth.client_certificate.as_ref())
        || text(auth.client_certificate_data.as_ref())
}

/// A client certificate and its key, PEM.
pub(super) struct ClientCertificate {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// The user's client certificate. What stands in the kubeconfig is not shown, not even as a path: a key
/// pasted where its path belongs would be.
pub(super) fn identity(
    options: &Options,
    auth: &AuthInfo,
    entries: &Entries,
) -> Result<Option<ClientCertificate>, Error> {
    let user = entries.user.as_deref().unwrap_or_default();
    let field = |name: &str, flag: bool| {
        if flag { format!("--{name}") } else { format!("{name} of user {user:?}") }
    };
    let certificate = pem(
        auth.client_certificate_data.as_deref(),
        auth.client_certificate.as_deref(),
        &field("client-certificate", options.client_certificate.is_some()),
    )?;
    let key = pem(
        auth.client_key_data.as_ref().map(ExposeSecret::expose_secret),
        auth.client_key.as_deref(),
        &field("client-key", options.client_key.is_some()),
    )?;
    let (has, lacks) = match (certificate, key) {
        (Some(certificate), Some(key)) => return Ok(Some(ClientCertificate { certificate, key })),
        (None, None) => return Ok(None),
        (Some(_), None) => ("client-certificate", "client-key"),
        (None, Some(_)) => ("client-key", "client-certificate"),
    };
    Err(ConfigFault::HalfIdentity { user: user.to_owned(), has, lacks }.into())
}

/// What a `…-data` field holds, or else the file that its path names.
fn pem(data: Option<&str>, path: Option<&str>, field: &str) -> Result<Option<Vec<u8>>, Error> {
    let found = match (data.filter(|data| !data.is_empty()), path.filter(|path| !path.is_empty())) {
        (Some(data), _) => of_base64(data).ok_or_else(|| "its data is not base64".to_owned()),
        (None, Some(path)) => {
            std::fs::read(path).map_err(|error| format!("its file cannot be read: {error}"))
        }
        (None, None) => return Ok(None),
    };
    found.map(Some).map_err(|why| ConfigFault::IdentityUnreadable { field: field.to_owned(), why }.into())
}

/// DER of each certificate in a PEM text; why there is none.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    // its own words quote what it found
    let blocks = ::pem::parse_many(text).map_err(|_| "it is not PEM")?;
    let certificates: Vec<Vec<u8>> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(::pem::Pem::into_contents)
        .collect();
    if certificates.is_empty() { Err("there is no certificate in it") } else { Ok(certificates) }
}

/// The header for `user:password`.
pub(super) fn basic(user: &[u8]) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(user)))
        .map_err(|_| ConfigFault::PasswordMalformed {})?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where the Authorization header comes from, in client-go's order.
pub(super) fn credentials(
    options: &Options,
    cluster: &KubeCluster,
    auth: &AuthInfo,
    entries: &Entries,
) -> Result<Source, Error> {
    if let Some(token) =
        auth.token.as_ref().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty())
    {
        return Ok(Source::Fixed(Some(fixed_bearer(token, "the user's token")?)));
    }
    if let Some(path) = auth.token_file.as_deref().filter(|path| !path.is_empty()) {
        let called = match &entries.user {
            // its path is not shown: a token pasted where the path belongs would be
            Some(user) => format!("tokenFile of user {user:?}"),
            None => format!("token file {path}"),
        };
        return Ok(Source::File(PathBuf::from(path), called));
    }
    if let Some(name) = auth.username.as_deref().filter(|name| !name.is_empty()) {
        let password = auth.password.as_ref().map_or("", ExposeSecret::expose_secret);
        return Ok(Source::Fixed(Some(basic(format!("{name}:{password}").as_bytes())?)));
    }
    if let Some(exec) = &auth.exec {
        let info = if exec.provide_cluster_info {
            Some(ExecAuthCluster::try_from(cluster).map_err(|_| ConfigFault::PluginUninformed {})?)
        } else {
            None
        };
        let exec = ExecConfig { cluster: info, ..exec.clone() };
        return Ok(Source::Plugin(Box::new(Plugin::new(exec, options.interactive)?)));
    }
    match &auth.auth_provider {
        None => Ok(Source::Fixed(None)),
        Some(provider) => match (provider.name.as_str(), provider.config.get("id-token")) {
            ("oidc", Some(token)) => Ok(Source::Fixed(Some(fixed_bearer(token, "the user's id-token")?))),
            (name, _) => Err(ConfigFault::AuthProvider { name: name.to_owned() }.into()),
        },
    }
}
