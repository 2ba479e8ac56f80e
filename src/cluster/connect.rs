//! From options to a connection: addresses, certificates, credentials, and kube's client without its retries.

use std::time::Duration;

use http::Uri;
use kube::config::{AuthInfo, Cluster as KubeCluster, Config};

use super::client::{self, Way};
use super::config_fault::ConfigFault;
use super::credentials::{ClientCertificate, basic, certificates, credentials, has_any, identity};
use super::error::Error;
use super::kubeconfig::{Choice, Entries, choose, in_pod};
use super::options::{InCluster, Options};
use super::proxy::proxy_for;
use super::transport::{Source, Transport};
use super::{Cluster, ConnectionInfo, url};
use crate::chain::base64::{base64, of_base64};

impl Cluster {
    /// Connects as a kubeconfig and the flags say. Asks the server nothing yet, and runs no plugin yet:
    /// the first call does. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] for a kubeconfig, a flag, a certificate or a key that is missing, cannot be read or
    /// contradicts another, and names which.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        let choice = choose(options)?;
        let pod = choice.account.is_some();
        let cluster = Self::chosen(options, choice, false)?;
        if pod {
            let about = &cluster.inner.transport.about;
            cluster
                .inner
                .transport
                .sink
                .choose(format!("there is no kubeconfig: connecting to {} as {}", about.server, about.user));
        }
        Ok(cluster)
    }

    /// Connects as a pod does, by its ServiceAccount's files. Nothing but `place` steers it. To be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] for a file of the ServiceAccount that is missing or cannot be read, and for an address that
    /// is none.
    pub fn in_cluster(place: &InCluster) -> Result<Self, Error> {
        let bounds = (place.request_timeout, place.patience);
        let options = Options { request_timeout: bounds.0, patience: bounds.1, ..Options::default() };
        // an agent runs where the server has started it: not reaching it is no wrong address
        Self::chosen(&options, in_pod(place, &options)?, true)
    }

    fn chosen(options: &Options, choice: Choice, reached: bool) -> Result<Self, Error> {
        let (context, user) = (choice.context.clone(), choice.user.clone());
        let namespace = choice.namespace.clone();
        let (way, source) = settle(options, choice)?;
        let user = match source {
            Source::Withheld(_) => format!("{user}, which are not sent over plain http"),
            _ => user,
        };
        let proxy = way.proxy.as_ref().map(|proxy| proxy.name.clone());
        let about =
            ConnectionInfo { context, server: url::named(&way.config.cluster_url), user, proxy, namespace };
        let client = client::of(&way, &about)?;
        let way = matches!(source, Source::Plugin(_)).then(|| Box::new(way));
        let transport = Transport::new(source, way, client, about, reached);
        Ok(Self::over(transport, options.request_timeout, options.patience))
    }
}

/// Our bounds and no retries of kube's. A call's own bound is [`super::retry`]'s; this one is for the handshake.
fn bound(config: &mut Config, request_timeout: Duration) {
    config.default_retry = false;
    // the connection's own bound comes first: what was never reached is said as that, and not as an answer that is late
    config.connect_timeout = Some(request_timeout / 20 * 19);
    config.read_timeout = None;
}

fn settle(options: &Options, choice: Choice) -> Result<(Way, Source), Error> {
    let Choice { cluster, auth, entries, user, account, .. } = choice;
    let (server, url_user) = address(&cluster, &auth)?;
    let secure = server.scheme_str() == Some("https");
    let mut config = Config::new(server.clone());
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    let proxy = proxy_for(&options.proxies, &cluster, &server)?;
    bound(&mut config, options.request_timeout);
    // kube adds the impersonation headers and the client certificate; the Authorization header is ours.
    config.auth_info = AuthInfo {
        impersonate: auth.impersonate.clone(),
        impersonate_uid: auth.impersonate_uid.clone(),
        impersonate_groups: auth.impersonate_groups.clone(),
        impersonate_user_extra: auth.impersonate_user_extra.clone(),
        ..AuthInfo::default()
    };
    // As client-go: over plain http nothing of the user's credentials is so much as looked at, and no plugin is run.
    if !secure {
        let source = if url_user.is_some() || has_any(&auth) {
            Source::Withheld(format!(
                "the credentials of {user} are not sent: {} is plain http, and whoever listens would have them; give the \
                 cluster an https:// address if it needs them",
                url::named(&server)
            ))
        } else {
            Source::Fixed(None)
        };
        return Ok((Way { config, proxy }, source));
    }
    refuse_trust_and_none(options, &cluster, &entries)?;
    config.root_cert = authority(&cluster)?;
    // Read again by kube about once a minute: a pod's certificate authority is rotated, too.
    config.root_cert_file = account
        .as_ref()
        .map(InCluster::authority)
        .filter(|_| options.certificate_authority.is_none() && !options.insecure_skip_tls_verify);
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    if let Some(ClientCertificate { certificate, key }) = identity(options, &auth, &entries)? {
        config.auth_info.client_certificate_data = Some(base64(certificate));
        config.auth_info.client_key_data = Some(base64(key).into());
    }
    let source = match url_user {
        // as Go's HTTP client does, which thinks nothing of a token then
        Some(user) => Source::Fixed(Some(basic(&url::unescaped(&user))?)),
        None => credentials(options, &cluster, &auth, &entries)?,
    };
    Ok((Way { config, proxy }, source))
}

/// A certificate authority that nothing is checked against would only look like safety.
fn refuse_trust_and_none(options: &Options, cluster: &KubeCluster, entries: &Entries) -> Result<(), Error> {
    let text = |text: Option<&String>| text.is_some_and(|it| !it.is_empty());
    let authority =
        text(cluster.certificate_authority.as_ref()) || text(cluster.certificate_authority_data.as_ref());
    if !authority || cluster.insecure_skip_tls_verify != Some(true) {
        return Ok(());
    }
    Err(match &entries.cluster {
        Some(cluster) if options.certificate_authority.is_none() => {
            ConfigFault::TrustAndNone { cluster: cluster.clone() }
        }
        _ => ConfigFault::TrustAndNoneByFlag {},
    }
    .into())
}

/// The server without the user in it, and that user.
fn address(cluster: &KubeCluster, auth: &AuthInfo) -> Result<(Uri, Option<String>), Error> {
    let server = cluster.server.as_deref().filter(|it| !it.is_empty()).ok_or(ConfigFault::NoServer {})?;
    // client-go: plain HTTP, unless something about TLS is configured.
    let tls = cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true)
        || auth.client_certificate.is_some()
        || auth.client_certificate_data.is_some();
    let whole = match (server.contains("://"), tls) {
        (true, _) => server.to_owned(),
        (false, true) => format!("https://{server}"),
        (false, false) => format!("http://{server}"),
    };
    let (bare, user) = url::split_user(&whole);
    let uri = url::parse_uri(&bare, "the cluster's server", &["https", "http"])?;
    Ok((uri, user.map(str::to_owned)))
}

fn authority(cluster: &KubeCluster) -> Result<Option<Vec<Vec<u8>>>, Error> {
    match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => {
            let what = "certificate-authority-data";
            let pem = of_base64(data).ok_or_else(|| bad_authority(what, "it is not base64"))?;
            certificates(&pem).map(Some).map_err(|why| bad_authority(what, why))
        }
        (_, Some(path)) if !path.is_empty() => {
            // what was pasted where a path belongs is not shown
            let what = if path.contains('\n') { "the file of the kubeconfig" } else { path };
            let pem = std::fs::read(path).map_err(|error| bad_authority(what, &error.to_string()))?;
            certificates(&pem).map(Some).map_err(|why| bad_authority(what, why))
        }
        _ => Ok(None),
    }
}

fn bad_authority(what: &str, why: &str) -> Error {
    ConfigFault::BadAuthority { what: what.to_owned(), why: why.to_owned() }.into()
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
