//! From options to a connection: addresses, certificates, credentials, and kube's client without its retries.

use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use kube::config::{AuthInfo, Cluster as KubeCluster, Config};
use rustls::pki_types::ServerName;

use super::client;
use super::config_fault::ConfigFault;
use super::connection_info::ConnectionInfo;
use super::credentials::{credentials, has_any};
use super::error::Error;
use super::giver::{Giver, Givers};
use super::identity::ClientCertificate;
use super::kubeconfig::{Choice, Entries, choose, in_pod};
use super::kubeconfig_names::KubeconfigRead;
use super::options::{InCluster, Options};
use super::proxy::proxy_for;
use super::transport::{Source, Transport, basic};
use super::trust::Trust;
use super::way::Way;
use super::{Cluster, url};

impl Cluster {
    /// Connects as a kubeconfig and the flags say. Asks the server nothing yet, and runs no plugin yet:
    /// the first call does. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] for a kubeconfig, a flag, a certificate or a key that is missing, cannot be read or
    /// contradicts another, and names which.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        Self::connect_by(options, KubeconfigRead::of(options)?)
    }

    /// The same by a kubeconfig that was read already.
    ///
    /// # Errors
    /// As [`Cluster::connect`].
    pub fn connect_by(options: &Options, KubeconfigRead(read): KubeconfigRead) -> Result<Self, Error> {
        let choice = choose(options, read)?;
        let (pod, acting) = (choice.account.is_some(), choice.auth.impersonate.clone());
        let cluster = Self::chosen(options, choice, false)?;
        if pod {
            let about = &cluster.inner.transport.about;
            let acting = acting.map(|other| format!(", acting as {other}")).unwrap_or_default();
            cluster.inner.transport.sink.choose(format!(
                "there is no kubeconfig: connecting to {} as {}{acting}",
                about.server, about.user
            ));
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
        let context = choice.context.clone().filter(|_| options.server.is_none());
        let (user, namespace) = (choice.user.clone(), choice.namespace.clone());
        let mut givers = givers(options, &choice);
        let (way, source) = settle(options, choice, givers)?;
        if let Some(proxy) = &way.proxy {
            givers.proxy = proxy.giver;
        }
        let about = ConnectionInfo {
            context,
            server: url::named(&way.config.cluster_url),
            user,
            withheld: matches!(source, Source::Withheld(_)),
            proxy: way.proxy.as_ref().map(|proxy| proxy.name.clone()),
            givers,
            namespace,
        };
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

/// Who gave server, authority and credentials.
fn givers(options: &Options, choice: &Choice) -> Givers {
    let text = |text: Option<&String>| text.is_some_and(|it| !it.is_empty());
    let otherwise = if choice.account.is_some() { Giver::Pod } else { Giver::Kubeconfig };
    let cluster = &choice.cluster;
    let authority =
        text(cluster.certificate_authority.as_ref()) || text(cluster.certificate_authority_data.as_ref());
    let server = if options.server.is_some() { Giver::ServerFlag } else { otherwise };
    let credentials = match (&options.token, &options.client_certificate) {
        (Some(_), _) => Giver::TokenFlag,
        (None, Some(_)) => Giver::CertificateFlag,
        (None, None) if has_any(&choice.auth) => otherwise,
        (None, None) if cluster.server.as_deref().is_some_and(|it| url::split_user(it).1.is_some()) => server,
        (None, None) => Giver::Nobody,
    };
    let authority = match &options.certificate_authority {
        Some(_) => Giver::AuthorityFlag,
        None if authority => otherwise,
        None => Giver::Nobody,
    };
    Givers { server, authority, credentials, ..Givers::default() }
}

fn settle(options: &Options, choice: Choice, givers: Givers) -> Result<(Way, Source), Error> {
    let Choice { cluster, auth, entries, user, .. } = choice;
    let (server, url_user) = address(&cluster, &auth, givers.server)?;
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
                "the credentials of {user} are not sent: {} is plain http, and whoever listens would have them; give {} an \
                 https:// address if it needs them",
                url::named(&server),
                if givers.server == Giver::Kubeconfig { "the cluster" } else { givers.server.server_field() },
            ))
        } else {
            Source::Fixed(None)
        };
        return Ok((Way { config, proxy, trust: None }, source));
    }
    refuse_trust_and_none(options, &cluster, &entries)?;
    let trust = Trust::of(&cluster, givers.authority, &entries)?.map(Arc::new);
    config.root_cert = trust.as_ref().map(|trust| trust.certificates());
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = server_name(options, &cluster)?;
    let identity = ClientCertificate::of_user(options, &auth, &entries)?;
    let source = match url_user {
        // as Go's HTTP client does, which thinks nothing of a token then
        Some(user) => Source::Fixed(Some(basic(&url::unescaped(&user)))),
        None => credentials(options, &cluster, &auth, &entries)?,
    };
    let way = Way { config, proxy, trust };
    Ok((identity.map_or_else(|| way.clone(), |identity| way.with_certificate(&identity)), source))
}

/// The name to check the server's certificate against, where it is not that of its address.
fn server_name(options: &Options, cluster: &KubeCluster) -> Result<Option<String>, ConfigFault> {
    let name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    match name {
        Some(name) if ServerName::try_from(name.as_str()).is_err() => Err(ConfigFault::NoServerName {
            field: if options.tls_server_name.is_some() {
                "--tls-server-name"
            } else {
                "tls-server-name of the cluster"
            },
        }),
        name => Ok(name),
    }
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
fn address(
    cluster: &KubeCluster,
    auth: &AuthInfo,
    giver: Giver,
) -> Result<(Uri, Option<String>), ConfigFault> {
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
    let uri = url::parse_uri(&bare, giver.server_field(), &["https", "http"])?;
    Ok((uri, user.map(str::to_owned)))
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
