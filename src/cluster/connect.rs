//! From options to a connection: addresses, certificates, credentials, and kube's client without its retries.

use std::time::Duration;

use base64::Engine as _;
use http::Uri;
use kube::config::{AuthInfo, Cluster as KubeCluster, Config};

use super::client;
use super::credentials::{ClientCertificate, basic, credentials, has_any, identity};
use super::error::Error;
use super::kubeconfig::{Choice, Entries, choose};
use super::options::{InCluster, Options};
use super::plugin::base64;
use super::transport::{Source, Transport};
use super::{Cluster, ConnectionInfo, proxy, url};

impl Cluster {
    /// Connects as a kubeconfig and the flags say. Asks the server nothing yet, and runs no plugin yet:
    /// the first call does. To be called within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] for a kubeconfig, a flag, a certificate or a key that is missing, cannot be read or
    /// contradicts another, and names which.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        let choice = choose(options)?;
        let (context, user) = (choice.context.clone(), choice.user.clone());
        let (config, source) = settle(options, choice)?;
        let user = match source {
            Source::Withheld(_) => format!("{user}, which are not sent over plain http"),
            _ => user,
        };
        let about = ConnectionInfo { context, server: named(&config.cluster_url), user };
        let client = client::of(config.clone(), &about)?;
        let config = matches!(source, Source::Plugin(_)).then(|| Box::new(config));
        let transport = Transport::new(source, config, client, about, false);
        Ok(Self::over(transport, options.request_timeout, options.patience))
    }

    /// Connects as a pod does, by its ServiceAccount's files. Nothing but `place` steers it. To be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Config`] for a file of the ServiceAccount that is missing or cannot be read, and for an address that
    /// is none.
    pub fn in_cluster(place: &InCluster) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = place.folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| Error::Config {
                what: format!("ServiceAccount file {}", path.display()),
                why: error.to_string(),
                remedy: "Run this in a pod whose ServiceAccount's token is mounted.".to_owned(),
            })
        };
        let host = if place.host.contains(':') { format!("[{}]", place.host) } else { place.host.clone() };
        let server = format!("https://{host}:{}", place.port);
        let mut config = Config::new(parse_uri(&server, "the API server's address", &["https"])?);
        let authority = place.folder.join("ca.crt");
        config.root_cert = Some(certificates(read("ca.crt")?.as_bytes(), &authority.display().to_string())?);
        // Read again by kube about once a minute: certificate authorities are rotated too.
        config.root_cert_file = Some(authority);
        bound(&mut config, place.request_timeout);
        let about = ConnectionInfo { context: None, server, user: "the pod's ServiceAccount".to_owned() };
        let client = client::of(config, &about)?;
        let token = place.folder.join("token");
        let name = format!("token file {}", token.display());
        let transport = Transport::new(Source::File(token, name), None, client, about, true);
        Ok(Self::over(transport, place.request_timeout, place.patience))
    }
}

/// Our bounds and no retries of kube's. A call's own bound is [`super::retry`]'s; this one is for the handshake.
fn bound(config: &mut Config, request_timeout: Duration) {
    config.default_retry = false;
    // the connection's own bound comes first: what was never reached is said as that, and not as an answer that is late
    config.connect_timeout = Some(request_timeout / 20 * 19);
    config.read_timeout = None;
}

fn settle(options: &Options, choice: Choice) -> Result<(Config, Source), Error> {
    let Choice { cluster, auth, entries, user, .. } = choice;
    let (server, url_user) = address(&cluster, &auth)?;
    let secure = server.scheme_str() == Some("https");
    let mut config = Config::new(server.clone());
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.proxy_url = proxy_for(options, &cluster, &server)?;
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
                named(&server)
            ))
        } else {
            Source::Fixed(None)
        };
        return Ok((config, source));
    }
    refuse_trust_and_none(options, &cluster, &entries)?;
    config.root_cert = authority(&cluster)?;
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
    Ok((config, source))
}

/// An address for messages: scheme, host, port and path.
fn named(server: &Uri) -> String {
    let host = server.authority().map_or("", |authority| authority.as_str());
    let path = server.path().trim_end_matches('/');
    format!("{}://{host}{path}", server.scheme_str().unwrap_or_default())
}

/// A certificate authority that nothing is checked against would only look like safety.
fn refuse_trust_and_none(options: &Options, cluster: &KubeCluster, entries: &Entries) -> Result<(), Error> {
    let text = |text: Option<&String>| text.is_some_and(|it| !it.is_empty());
    let authority =
        text(cluster.certificate_authority.as_ref()) || text(cluster.certificate_authority_data.as_ref());
    if !authority || cluster.insecure_skip_tls_verify != Some(true) {
        return Ok(());
    }
    // kubectl's words
    let what = "specifying a root certificates file with the insecure flag is not allowed";
    Err(match &entries.cluster {
        Some(cluster) if options.certificate_authority.is_none() => Error::Config {
            what: what.to_owned(),
            why: format!("cluster {cluster:?} of the kubeconfig has both"),
            remedy: "Take insecure-skip-tls-verify out of that cluster, or its certificate-authority(-data)."
                .to_owned(),
        },
        _ => Error::Config {
            what: what.to_owned(),
            why: "both flags are given".to_owned(),
            remedy: "Leave --insecure-skip-tls-verify out, and the server is checked against \
                     --certificate-authority."
                .to_owned(),
        },
    })
}

/// The server without the user in it, and that user.
fn address(cluster: &KubeCluster, auth: &AuthInfo) -> Result<(Uri, Option<String>), Error> {
    let server =
        cluster.server.as_deref().filter(|server| !server.is_empty()).ok_or_else(|| Error::Config {
            what: "kubeconfig".to_owned(),
            why: "the cluster has no server".to_owned(),
            remedy: "Give the cluster a server, or name one with --server.".to_owned(),
        })?;
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
    let uri = parse_uri(&bare, "the cluster's server", &["https", "http"])?;
    Ok((uri, user.map(str::to_owned)))
}

fn parse_uri(text: &str, what: &str, schemes: &[&str]) -> Result<Uri, Error> {
    let (address, scheme) = (url::shown(text), schemes[0]);
    let fault = |why: String| Error::Config {
        what: what.to_owned(),
        why: format!("{address:?} is no URL: {why}"),
        remedy: format!("Write it as {scheme}://HOST:PORT."),
    };
    let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| fault(error.to_string()))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(fault("it names no host".to_owned()));
    }
    // `http` takes any text for a port, and half of a password with it
    let host = uri.host().unwrap_or_default();
    let authority = uri.authority().map_or("", |it| it.as_str());
    let behind = authority.rsplit('@').next().unwrap_or_default();
    let port = behind.strip_prefix(host).unwrap_or(behind);
    if !(port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())) {
        return Err(fault("its port is no number up to 65535".to_owned()));
    }
    if uri.path().contains('@') {
        return Err(fault("there is an @ behind its host; in a password, / is written %2F".to_owned()));
    }
    if !uri.scheme_str().is_some_and(|scheme| schemes.contains(&scheme)) {
        return Err(fault(format!("only {} is spoken", schemes.join(", "))));
    }
    Ok(uri)
}

fn authority(cluster: &KubeCluster) -> Result<Option<Vec<Vec<u8>>>, Error> {
    match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => {
            let what = "certificate-authority-data";
            let pem = base64::engine::general_purpose::STANDARD
                .decode(data.trim())
                .map_err(|_| bad_authority(what, "it is not base64"))?;
            certificates(&pem, what).map(Some)
        }
        (_, Some(path)) if !path.is_empty() => {
            // what was pasted where a path belongs is not shown
            let what = if path.contains('\n') { "the file of the kubeconfig" } else { path };
            let pem = std::fs::read(path).map_err(|error| bad_authority(what, &error.to_string()))?;
            certificates(&pem, what).map(Some)
        }
        _ => Ok(None),
    }
}

/// DER of each certificate in a PEM text.
fn certificates(pem: &[u8], what: &str) -> Result<Vec<Vec<u8>>, Error> {
    // its own words quote what it found
    let blocks = pem::parse_many(pem).map_err(|_| bad_authority(what, "it is not PEM"))?;
    let certificates: Vec<Vec<u8>> = blocks
        .into_iter()
        .filter(|block| block.tag() == "CERTIFICATE")
        .map(pem::Pem::into_contents)
        .collect();
    if certificates.is_empty() {
        Err(bad_authority(what, "there is no certificate in it"))
    } else {
        Ok(certificates)
    }
}

fn bad_authority(what: &str, why: &str) -> Error {
    Error::Config {
        what: format!("certificate authority ({what})"),
        why: why.to_owned(),
        remedy: "Give the cluster a readable PEM certificate.".to_owned(),
    }
}

/// The proxies that are spoken to.
const PROXIES: [&str; 3] = ["http", "https", "socks5"];

/// The cluster's own proxy, else the environment's where it applies.
fn proxy_for(options: &Options, cluster: &KubeCluster, server: &Uri) -> Result<Option<Uri>, Error> {
    if let Some(url) = cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        return parse_uri(url, "the cluster's proxy-url", &PROXIES).map(Some);
    }
    let Some(url) = options.proxy.as_deref().filter(|url| !url.is_empty()) else { return Ok(None) };
    // HTTPS_PROXY speaks of https servers only.
    if server.scheme_str() != Some("https") {
        return Ok(None);
    }
    let port = server.port_u16().unwrap_or(443);
    let no_proxy = options.no_proxy.as_deref().unwrap_or_default();
    if proxy::bypasses(no_proxy, server.host().unwrap_or_default(), port) {
        return Ok(None);
    }
    let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    parse_uri(&url, "HTTPS_PROXY", &PROXIES).map(Some)
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
