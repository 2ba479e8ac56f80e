//! HTTPS to others than the API server, for whoever tells them of a build: by the same connector, the same TLS library and
//! the same proxies, and bounded like any call.
//!
//! Certificates come with the program: the agent image holds nothing else. No answer is trusted as to its size, no redirect
//! is followed, and nothing is sent in the clear.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::Full;
use http_body_util::combinators::UnsyncBoxBody;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;
use tokio::time::timeout;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt as _};

use super::answer::whole;
pub use super::answer::{HttpAnswer, http_date};
use super::config_fault::ConfigFault;
use super::connector::Connector;
use super::exchange_error::ExchangeError;
use super::hindrance::Hindrance;
use super::options::Proxies;
use super::proxy;
use super::trust::Authorities;

/// How long one request may take.
pub const BOUND: Duration = Duration::from_secs(15);
/// Bytes of one answer at most: GitHub's longest page of what we ask for has some 200 KiB.
const ANSWER_BYTES: usize = 1 << 20;

/// The body of an answer, as it comes.
pub(super) type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// How others are reached.
#[derive(Debug, Clone, Default)]
pub struct WayOut<'a> {
    /// The proxies of whoever sends.
    pub proxies: Proxies,
    /// What the proxy for https is called where it is of no use.
    pub proxy_named: &'a str,
    /// Certificates that count besides the usual ones, PEM: of authorities, and of servers that have signed themselves.
    pub authority: Option<&'a [u8]>,
    /// Who is at its end, where a test plays them.
    #[cfg(any(test, feature = "testing"))]
    pub played: Option<Outside>,
}

/// Why there is no way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoWayOut {
    /// The certificate authority cannot be used.
    Authority(String),
    /// The proxy cannot be.
    Proxy(Box<ConfigFault>),
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAnswer {
    /// There is no connection, or it was cut; and whether there may be one later although nobody repairs anything.
    Link {
        /// What is in the way.
        why: Hindrance,
        /// Whether it may pass.
        may_pass: bool,
    },
    /// Nothing came within this time.
    Silent(Duration),
    /// More came than these bytes.
    TooLarge(usize),
}

/// A way to one server.
#[derive(Clone)]
pub struct Outside {
    service: BoxCloneSyncService<Request<Full<Bytes>>, Response<AnswerBody>, BoxError>,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outside").finish_non_exhaustive()
    }
}

impl Outside {
    /// A way to this server, which connects when it is used.
    ///
    /// # Errors
    /// [`NoWayOut`]: a certificate authority that is none, a proxy that is none.
    pub fn to(server: &Uri, way: &WayOut<'_>) -> Result<Self, NoWayOut> {
        #[cfg(any(test, feature = "testing"))]
        if let Some(played) = &way.played {
            return Ok(played.clone());
        }
        let trust = trust(way.authority).map_err(NoWayOut::Authority)?;
        let proxy = proxy::named_by(&way.proxies, Some(way.proxy_named), server)
            .map_err(|fault| NoWayOut::Proxy(Box::new(fault)))?;
        let secured =
            |config| HttpsConnectorBuilder::new().with_tls_config(config).https_only().enable_http1();
        let connector = Connector::new(proxy, BOUND / 10 * 9, |plain| {
            Ok::<_, NoWayOut>(secured(trust.clone()).wrap_connector(plain))
        })?;
        // what is told is told twice a build: a connection that was kept would be closed by then
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build::<_, Full<Bytes>>(secured(trust).wrap_connector(connector));
        Ok(Self::over(client))
    }

    pub(super) fn over<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        use http_body_util::BodyExt as _;
        let service = service
            .map_response(|response| response.map(|body| body.map_err(Into::into).boxed_unsync()))
            .map_err(Into::into);
        Self { service: BoxCloneSyncService::new(service) }
    }

    /// Sends a request once and takes in the whole answer, within [`BOUND`].
    ///
    /// # Errors
    /// [`NoAnswer`]; nobody knows then whether the server acted.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> Result<HttpAnswer, NoAnswer> {
        let exchange = async {
            let response = self.service.clone().oneshot(request).await;
            let (head, body) = response.map_err(|error| ExchangeError::of(error.as_ref()))?.into_parts();
            let body = whole(body, ANSWER_BYTES).await?;
            Ok(HttpAnswer { code: head.status, headers: head.headers, body })
        };
        let answer = timeout(BOUND, exchange).await.unwrap_or(Err(ExchangeError::Silent));
        answer.map_err(|error| match error {
            ExchangeError::Unsent(why) | ExchangeError::Cut(why) => NoAnswer::Link { why, may_pass: true },
            ExchangeError::Hopeless(why) => NoAnswer::Link { why, may_pass: false },
            ExchangeError::Silent => NoAnswer::Silent(BOUND),
            ExchangeError::TooLarge(most) => NoAnswer::TooLarge(most),
            ExchangeError::Credentials(error) => {
                NoAnswer::Link { why: Hindrance::Link(error.to_string()), may_pass: false }
            }
        })
    }
}

/// What a server's certificate is checked against.
fn trust(authority: Option<&[u8]>) -> Result<ClientConfig, String> {
    let authorities = Arc::new(Authorities::usual_and(authority)?);
    let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(config.dangerous().with_custom_certificate_verifier(authorities).with_no_client_auth())
}
