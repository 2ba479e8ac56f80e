//! The client that carries what this room sends: HTTP/1.1, rustls on ring, gzip, by kube's layers.
//!
//! kube's own stack does not sign in to a SOCKS5 proxy, sends CONNECT for plain http, too, and does not tell what a proxy
//! answered.

use futures_util::FutureExt as _;
use http::Uri;
use http::header::PROXY_AUTHORIZATION;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt as _};
use tokio::time::timeout;
use tower::{Layer as _, ServiceExt};
use tower_http::decompression::DecompressionLayer;

use super::config_fault::ConfigFault;
use super::connection_info::ConnectionInfo;
use super::connector::Connector;
use super::error::Error;
use super::options::REQUEST_TIMEOUT;
use super::url;
use super::way::Way;

/// The client for that way.
pub(super) fn of(way: &Way, about: &ConnectionInfo) -> Result<kube::Client, Error> {
    built(way).map_err(|error| {
        let (server, why) = (about.server.clone(), url::scrubbed(&error.to_string()));
        ConfigFault::NoConnection { server, why }.into()
    })
}

fn built(way: &Way) -> Result<kube::Client, kube::Error> {
    let mut config = way.config.clone();
    if let Some(proxy) = way.proxy.as_ref().filter(|_| config.cluster_url.scheme_str() == Some("http")) {
        // a request that a proxy hands on signs in to it by itself; in a tunnel the server would see that
        config.headers.extend(proxy.authorization().map(|value| (PROXY_AUTHORIZATION, value)));
    }
    let bound = config.connect_timeout.unwrap_or(REQUEST_TIMEOUT);
    // a proxy has less time than the whole connection, so that it is the proxy that is late
    let connector = Connector::new(way.proxy.clone(), bound / 10 * 9, |plain| way.tls(plain))?;
    let secure = way.tls(connector)?;
    let bounded = ServiceExt::<Uri>::map_future(secure, move |connecting| {
        async move { timeout(bound, connecting).await.unwrap_or_else(|late| Err(late.into())) }.boxed()
    });
    let client = Client::builder(TokioExecutor::new()).build::<_, Body>(bounded);
    let unpacking =
        DecompressionLayer::new().no_br().no_deflate().no_zstd().gzip(!config.disable_compression);
    let service = config.extra_headers_layer()?.layer(unpacking.layer(config.base_uri_layer().layer(client)));
    Ok(kube::Client::new(service, "default"))
}
