//! Who we are to the server, by a kubeconfig's user and the flags; none of it appears in any message.

use std::path::PathBuf;

use kube::config::{AuthInfo, Cluster as KubeCluster, ExecAuthCluster, ExecConfig};
use secrecy::{ExposeSecret, SecretString};

use super::config_fault::ConfigFault;
use super::error::Error;
use super::kubeconfig::Entries;
use super::options::Options;
use super::plugin::Plugin;
use super::transport::{Source, basic, fixed_bearer};

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

/// Where the Authorization header comes from, in client-go's order.
pub(super) fn credentials(
    options: &Options,
    cluster: &KubeCluster,
    auth: &AuthInfo,
    entries: &Entries,
) -> Result<Source, Error> {
    let of_user = |field: &str| format!("{field} of user {:?}", entries.user.as_deref().unwrap_or_default());
    if let Some(token) =
        auth.token.as_ref().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty())
    {
        let whose = if options.token.is_some() { "--token".to_owned() } else { of_user("token") };
        return Ok(Source::Fixed(Some(fixed_bearer(token, &whose)?)));
    }
    if let Some(path) = auth.token_file.as_deref().filter(|path| !path.is_empty()) {
        return Ok(Source::File(PathBuf::from(path), entries.user.clone()));
    }
    if let Some(name) = auth.username.as_deref().filter(|name| !name.is_empty()) {
        let password = auth.password.as_ref().map_or("", ExposeSecret::expose_secret);
        return Ok(Source::Fixed(Some(basic(format!("{name}:{password}").as_bytes()))));
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
            ("oidc", Some(token)) => Ok(Source::Fixed(Some(fixed_bearer(token, &of_user("id-token"))?))),
            (name, _) => Err(ConfigFault::AuthProvider { name: name.to_owned() }.into()),
        },
    }
}
