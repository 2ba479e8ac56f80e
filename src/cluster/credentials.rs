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

/// Where the Authorization header comes from, in client-go's order. Nobody runs a plugin beside a certificate.
pub(super) fn credentials(
    options: &Options,
    cluster: &KubeCluster,
    auth: &AuthInfo,
    entries: &Entries,
) -> Result<Source, Error> {
    let of_user = |field: &str| format!("{field} of user {:?}", entries.user.as_deref().unwrap_or_default());
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let secret = |secret: &Option<SecretString>| {
        secret.as_ref().map(|it| it.expose_secret().to_owned()).filter(|it| !it.is_empty())
    };
    let (token, file) = (secret(&auth.token), text(&auth.token_file));
    let (name, password) = (text(&auth.username), secret(&auth.password));
    if (token.is_some() || file.is_some()) && (name.is_some() || password.is_some()) {
        return Err(ConfigFault::BothGiven {
            whose: format!("user {:?}", entries.user.as_deref().unwrap_or_default()),
            first: match (&options.token, &token) {
                (Some(_), _) => "--token",
                (None, Some(_)) => "token",
                (None, None) => "tokenFile",
            },
            second: if name.is_some() { "username" } else { "password" },
        }
        .into());
    }
    let whose = if options.token.is_some() { "--token".to_owned() } else { of_user("token") };
    let token = token.map(|token| fixed_bearer(&token, &whose)).transpose()?;
    if let Some(path) = file {
        // the token counts as long as nothing can be read there
        return Ok(Source::File(PathBuf::from(path), entries.user.clone(), token));
    }
    if token.is_some() {
        return Ok(Source::Fixed(token));
    }
    if let Some(name) = name {
        let basic = basic(format!("{name}:{}", password.unwrap_or_default()).as_bytes());
        return Ok(Source::Fixed(Some(basic)));
    }
    let certificate =
        text(&auth.client_certificate).is_some() || text(&auth.client_certificate_data).is_some();
    if let Some(exec) = auth.exec.as_ref().filter(|_| !certificate) {
        let info = if exec.provide_cluster_info {
            Some(ExecAuthCluster::try_from(cluster).map_err(|_| ConfigFault::PluginUninformed {})?)
        } else {
            None
        };
        let exec = ExecConfig { cluster: info, ..exec.clone() };
        return Ok(Source::Plugin(Box::new(Plugin::new(exec, options.interactive)?.permitted(options)?)));
    }
    match &auth.auth_provider {
        None => Ok(Source::Fixed(None)),
        Some(provider) => match (provider.name.as_str(), provider.config.get("id-token")) {
            ("oidc", Some(token)) => Ok(Source::Fixed(Some(fixed_bearer(token, &of_user("id-token"))?))),
            (name, _) => Err(ConfigFault::AuthProvider { name: name.to_owned() }.into()),
        },
    }
}
