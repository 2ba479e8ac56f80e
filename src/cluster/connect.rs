//! From options to a connection: addresses, certificates, credentials, and kube's client without its retries.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use http::{HeaderValue, Uri};
use kube::config::{AuthInfo, Cluster as KubeCluster, Config, ExecAuthCluster, ExecConfig};
use secrecy::ExposeSecret;

use super::error::Error;
use super::kubeconfig::{Choice, choose};
use super::options::{InCluster, Options};
use super::plugin::{Plugin, base64};
use super::transport::{Source, Transport, fixed_bearer};
use super::{About, Cluster, proxy};

impl Cluster {
    /// Connects as a kubeconfig and the flags say. Asks the server nothing yet, and runs no plugin yet:
    /// the first call does. To be called within a tokio runtime.
    pub fn connect(options: &Options) -> Result<Self, Error> {
        let choice = choose(options)?;
        let about = About {
            context: choice.context.clone(),
            server: choice.cluster.server.clone().unwrap_or_default().trim_end_matches('/').to_owned(),
            namespace: choice.namespace.clone(),
            user: choice.user.clone(),
        };
        let (config, source) = settle(options, choice)?;
        let client = client(config.clone(), &about)?;
        let config = matches!(source, Source::Plugin(_)).then(|| Box::new(config));
        let transport = Transport::new(source, config, client, about, false);
        Ok(Self::over(transport, options.request_timeout, options.patience))
    }

    /// Connects as a pod does, by its ServiceAccount's files. Nothing but `place` steers it. To be called
    /// within a tokio runtime.
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
        let mut config = Config::new(parse_uri(&server, "the API server's address")?);
        let authority = place.folder.join("ca.crt");
        config.root_cert = Some(certificates(read("ca.crt")?.as_bytes(), &authority.display().to_string())?);
        // Read again by kube about once a minute: certificate authorities are rotated too.
        config.root_cert_file = Some(authority);
        bound(&mut config, place.request_timeout);
        let about = About {
            context: None,
            server,
            namespace: read("namespace")?.trim().to_owned(),
            user: "the pod's ServiceAccount".to_owned(),
        };
        let client = client(config, &about)?;
        let transport = Transport::new(Source::File(place.folder.join("token")), None, client, about, true);
        Ok(Self::over(transport, place.request_timeout, place.patience))
    }
}

/// Our bounds and no retries of kube's. A call's own bound is [`super::retry`]'s; this one is for the handshake.
fn bound(config: &mut Config, request_timeout: Duration) {
    config.default_retry = false;
    config.connect_timeout = Some(request_timeout);
    config.read_timeout = None;
}

/// kube's client for `config`: HTTP/1.1, rustls on ring, gzip.
pub(super) fn client(config: Config, about: &About) -> Result<kube::Client, Error> {
    kube::Client::try_from(config).map_err(|error| Error::Config {
        what: format!("connection to {}", about.server),
        why: error.to_string(),
        remedy: "Check the certificates, keys and proxy of this context in the kubeconfig.".to_owned(),
    })
}

/// The same configuration with a client certificate that a plugin gave.
pub(super) fn with_certificate(config: &Config, certificate: &str, key: &str) -> Config {
    let mut config = config.clone();
    config.auth_info.client_certificate_data = Some(base64(certificate));
    config.auth_info.client_key_data = Some(base64(key).into());
    config
}

fn settle(options: &Options, choice: Choice) -> Result<(Config, Source), Error> {
    let Choice { cluster, auth, .. } = choice;
    let server = address(&cluster, &auth)?;
    let mut config = Config::new(server.clone());
    config.root_cert = authority(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    config.proxy_url = proxy_for(options, &cluster, &server)?;
    bound(&mut config, options.request_timeout);
    let source = credentials(options, &cluster, &auth)?;
    // kube adds the impersonation headers and the client certificate; the Authorization header is ours.
    config.auth_info = AuthInfo {
        client_certificate: auth.client_certificate,
        client_certificate_data: auth.client_certificate_data,
        client_key: auth.client_key,
        client_key_data: auth.client_key_data,
        impersonate: auth.impersonate,
        impersonate_uid: auth.impersonate_uid,
        impersonate_groups: auth.impersonate_groups,
        impersonate_user_extra: auth.impersonate_user_extra,
        ..AuthInfo::default()
    };
    Ok((config, source))
}

fn address(cluster: &KubeCluster, auth: &AuthInfo) -> Result<Uri, Error> {
    let server =
        cluster.server.as_deref().filter(|server| !server.is_empty()).ok_or_else(|| Error::Config {
            what: "kubeconfig".to_owned(),
            why: "the cluster has no server".to_owned(),
            remedy: "Give the cluster a server, or name one with --server.".to_owned(),
        })?;
    if server.contains("://") {
        return parse_uri(server, "the cluster's server");
    }
    // client-go: plain HTTP, unless something about TLS is configured.
    let tls = cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || cluster.insecure_skip_tls_verify == Some(true)
        || auth.client_certificate.is_some()
        || auth.client_certificate_data.is_some();
    parse_uri(&format!("{}://{server}", if tls { "https" } else { "http" }), "the cluster's server")
}

fn parse_uri(text: &str, what: &str) -> Result<Uri, Error> {
    let fault = |why: String| Error::Config {
        what: what.to_owned(),
        why: format!("{text:?} is no URL: {why}"),
        remedy: "Write it as https://HOST:PORT.".to_owned(),
    };
    let uri: Uri = text.parse().map_err(|error: http::uri::InvalidUri| fault(error.to_string()))?;
    if uri.host().is_none_or(str::is_empty) {
        return Err(fault("it names no host".to_owned()));
    }
    Ok(uri)
}

fn authority(cluster: &KubeCluster) -> Result<Option<Vec<Vec<u8>>>, Error> {
    match (&cluster.certificate_authority_data, &cluster.certificate_authority) {
        (Some(data), _) if !data.is_empty() => {
            let what = "certificate-authority-data";
            let pem = base64::engine::general_purpose::STANDARD
                .decode(data.trim())
                .map_err(|error| bad_authority(what, &error.to_string()))?;
            certificates(&pem, what).map(Some)
        }
        (_, Some(path)) if !path.is_empty() => {
            let pem = std::fs::read(path).map_err(|error| bad_authority(path, &error.to_string()))?;
            certificates(&pem, path).map(Some)
        }
        _ => Ok(None),
    }
}

/// DER of each certificate in a PEM text.
fn certificates(pem: &[u8], what: &str) -> Result<Vec<Vec<u8>>, Error> {
    let blocks = pem::parse_many(pem).map_err(|error| bad_authority(what, &error.to_string()))?;
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

/// The cluster's own proxy, else the environment's where it applies.
fn proxy_for(options: &Options, cluster: &KubeCluster, server: &Uri) -> Result<Option<Uri>, Error> {
    if let Some(url) = cluster.proxy_url.as_deref().filter(|url| !url.is_empty()) {
        return parse_uri(url, "the cluster's proxy-url").map(Some);
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
    parse_uri(&url, "HTTPS_PROXY").map(Some)
}

/// Where the Authorization header comes from, in client-go's order.
fn credentials(options: &Options, cluster: &KubeCluster, auth: &AuthInfo) -> Result<Source, Error> {
    if let Some(token) =
        auth.token.as_ref().map(ExposeSecret::expose_secret).filter(|token| !token.is_empty())
    {
        return Ok(Source::Fixed(Some(fixed_bearer(token, "the user's token")?)));
    }
    if let Some(path) = auth.token_file.as_deref().filter(|path| !path.is_empty()) {
        return Ok(Source::File(PathBuf::from(path)));
    }
    if let (Some(name), Some(password)) =
        (&auth.username, auth.password.as_ref().map(ExposeSecret::expose_secret))
    {
        let value = HeaderValue::try_from(format!("Basic {}", base64(&format!("{name}:{password}"))));
        let mut value = value.map_err(|_| Error::Config {
            what: "the user's password".to_owned(),
            why: "it cannot be sent".to_owned(),
            remedy: "Use a token or a client certificate.".to_owned(),
        })?;
        value.set_sensitive(true);
        return Ok(Source::Fixed(Some(value)));
    }
    if let Some(exec) = &auth.exec {
        let info = if exec.provide_cluster_info {
            Some(ExecAuthCluster::try_from(cluster).map_err(|error| Error::Config {
                what: "credential plugin".to_owned(),
                why: error.to_string(),
                remedy: "Correct the cluster's certificate authority.".to_owned(),
            })?)
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
            (name, _) => Err(Error::Config {
                what: "kubeconfig".to_owned(),
                why: format!(
                    "the user's auth-provider {name:?} is not supported (kubectl dropped it in 1.26)"
                ),
                remedy: "Let the cloud's own tool write a user with an exec plugin into the kubeconfig."
                    .to_owned(),
            }),
        },
    }
}

#[cfg(test)]
#[path = "connect_tests.rs"]
mod tests;
