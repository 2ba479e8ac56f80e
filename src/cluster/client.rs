//! The client that carries what this room sends: HTTP/1.1, rustls on ring, gzip, by kube's layers.
//!
//! kube's own stack does not sign in to a SOCKS5 proxy, sends CONNECT for plain http, too, and does not tell what a proxy
//! answered.

use std::time::Duration;

use futures_util::FutureExt as _;
use http::Uri;
use http::header::PROXY_AUTHORIZATION;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, ConfigExt as _};
use tokio::time::timeout;
use tower::{Layer as _, ServiceExt};
use tower_http::decompression::DecompressionLayer;

use super::config_fault::ConfigFault;
use super::connector::Connector;
use super::error::Error;
use super::proxy::ChosenProxy;
use super::{ConnectionInfo, url};
use crate::chain::base64::base64;

/// Where the server is and how it is known, and what stands in between.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) config: Config,
    pub(super) proxy: Option<ChosenProxy>,
}

impl Way {
    /// The same with a client certificate that a plugin gave.
    pub(super) fn with_certificate(&self, certificate: &str, key: &str) -> Self {
        let mut way = self.clone();
        way.config.auth_info.client_certificate_data = Some(base64(certificate));
        way.config.auth_info.client_key_data = Some(base64(key).into());
        way
    }
}

/// The client for that way.
pub(super) fn of(way: &Way, about: &ConnectionInfo) -> Result<kube::Client, Error> {
    built(way).map_err(|error| {
        let (server, why) = (about.server.clone(), url::scrubbed(&error.to_string()));
        ConfigFault::NoConnection { server, why }.into()
    })
}

fn built(Way { config, proxy }: &Way) -> Result<kube::Client, kube::Error> {
    let mut config = config.clone();
    if let Some(proxy) = proxy.as_ref().filter(|_| config.cluster_url.scheme_str() == Some("http")) {
        // a request that a proxy hands on signs in to it by itself; in a tunnel the server would see that
        config.headers.extend(proxy.authorization().map(|value| (PROXY_AUTHORIZATION, value)));
    }
    let connector =
        Connector::new(proxy.clone(), |plain| config.rustls_https_connector_with_connector(plain))?;
    let secure = config.rustls_https_connector_with_connector(connector)?;
    let bound = config.connect_timeout.unwrap_or(Duration::MAX);
    let bounded = ServiceExt::<Uri>::map_future(secure, move |connecting| {
        async move { timeout(bound, connecting).await.unwrap_or_else(|late| Err(late.into())) }.boxed()
    });
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(bounded);
    let unpacking =
        DecompressionLayer::new().no_br().no_deflate().no_zstd().gzip(!config.disable_compression);
    let service = config.extra_headers_layer()?.layer(unpacking.layer(config.base_uri_layer().layer(client)));
    Ok(kube::Client::new(service, "default"))
}
