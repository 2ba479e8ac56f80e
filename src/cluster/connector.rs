//! How a connection is made: directly, or through a proxy.

use std::fmt;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::header::{HOST, PROXY_AUTHORIZATION};
use http::{Request, StatusCode, Uri};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use tokio::time::{Instant, timeout_at};
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use super::proxy::ChosenProxy;

/// Why a proxy does not bring us to the server. It does not name the proxy: whoever tells of it does.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProxyError {
    /// The proxy itself was not reached.
    #[error("the proxy cannot be reached")]
    Unreached(#[source] BoxError),
    /// It was, and then was lost.
    #[error("the proxy was lost")]
    Lost(#[source] BoxError),
    /// It answers, and not as we want.
    #[error("the proxy answered {0}")]
    Answered(StatusCode),
    /// It says nothing.
    #[error("the proxy did not answer in time")]
    Silent,
    /// It makes no connection, by SOCKS5.
    #[error("the proxy made no connection: {0}")]
    Socks(String),
    /// It lets nobody sign in, by SOCKS5.
    #[error("the proxy made no connection: it takes no user and password")]
    NoLogin,
    /// It makes none for us, by SOCKS5.
    #[error("the proxy made no connection: {0}")]
    Refused(&'static str),
}

impl ProxyError {
    /// Whether the same connection may be made later although nobody repairs anything.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Lost(_) | Self::Silent | Self::Socks(_) => true,
            Self::Refused(_) | Self::NoLogin => false,
            Self::Answered(code) => !code.is_client_error() || matches!(code.as_u16(), 408 | 429),
        }
    }
}

/// Something that bytes go through.
pub(super) trait Pipe: Read + Write + Send + Unpin {}

impl<T: Read + Write + Send + Unpin> Pipe for T {}

/// A connection, whatever it leads through.
pub(super) struct Link {
    pipe: Box<dyn Pipe>,
    /// Whether a proxy reads the requests and hands them on, so that they name the server.
    read_by_proxy: bool,
}

impl Link {
    fn new(pipe: impl Pipe + 'static) -> Self {
        Self { pipe: Box::new(pipe), read_by_proxy: false }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("read_by_proxy", &self.read_by_proxy).finish_non_exhaustive()
    }
}

impl Connection for Link {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.read_by_proxy)
    }
}

impl Read for Link {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.pipe).poll_read(cx, buffer)
    }
}

impl Write for Link {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.pipe).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.pipe).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.pipe.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.pipe).poll_write_vectored(cx, slices)
    }
}

type Dial = Arc<dyn Fn(Uri) -> BoxFuture<'static, Result<Link, BoxError>> + Send + Sync>;

/// Makes connections, without the TLS that is spoken to the server.
#[derive(Clone)]
pub(super) struct Connector {
    /// Connects to what it is given: the server, or the proxy.
    dial: Dial,
    proxy: Option<Arc<ChosenProxy>>,
    /// How long a proxy may take.
    bound: Duration,
}

impl Connector {
    /// `bound`: how long a proxy may take; `secured`: TLS to a proxy of https, which is checked as client-go does: like the server.
    pub(super) fn new<C, E>(
        proxy: Option<ChosenProxy>,
        bound: Duration,
        secured: impl FnOnce(HttpConnector) -> Result<C, E>,
    ) -> Result<Self, E>
    where
        C: Service<Uri, Error: Into<BoxError>, Response: Pipe + 'static, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        let mut plain = HttpConnector::new();
        plain.enforce_http(false);
        let secure = proxy.as_ref().is_some_and(|proxy| proxy.address.scheme_str() == Some("https"));
        let dial = if secure { dial(secured(plain)?) } else { dial(plain) };
        Ok(Self { dial, proxy: proxy.map(Arc::new), bound })
    }
}

fn dial<C>(connector: C) -> Dial
where
    C: Service<Uri, Error: Into<BoxError>, Response: Pipe + 'static, Future: Send>
        + Clone
        + Send
        + Sync
        + 'static,
{
    Arc::new(move |address| {
        let link = connector.clone().oneshot(address);
        async move { link.await.map(Link::new).map_err(Into::into) }.boxed()
    })
}

impl Service<Uri> for Connector {
    type Response = Link;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Link, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let Some(proxy) = self.proxy.clone() else { return (self.dial)(server) };
        let (dial, deadline) = (Arc::clone(&self.dial), Instant::now() + self.bound);
        async move {
            match by(&dial, &proxy, &server, deadline).await {
                // a login that nobody wants is no reason to stay out; Go's programs offer to do without from the start
                Err(ProxyError::NoLogin) => {
                    let open = ChosenProxy { user: None, ..ChosenProxy::clone(&proxy) };
                    let link = by(&dial, &open, &server, deadline).await;
                    Ok(link.map_err(|why| match why {
                        ProxyError::Refused(WANTS_LOGIN) => ProxyError::NoLogin,
                        why => why,
                    })?)
                }
                link => Ok(link?),
            }
        }
        .boxed()
    }
}

/// By this proxy to the server.
async fn by(dial: &Dial, proxy: &ChosenProxy, server: &Uri, deadline: Instant) -> Result<Link, ProxyError> {
    let late = |error| ProxyError::Unreached(Box::new(error));
    let link = timeout_at(deadline, dial(proxy.address.clone())).await;
    let link = link.map_err(late)?.map_err(ProxyError::Unreached)?;
    timeout_at(deadline, through(link, proxy, server)).await.map_err(|_| ProxyError::Silent)?
}

const WANTS_LOGIN: &str = "it wants a user and password";

/// From the proxy on to the server.
async fn through(mut link: Link, proxy: &ChosenProxy, server: &Uri) -> Result<Link, ProxyError> {
    let secure = server.scheme_str() == Some("https");
    let port = server.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let target = format!("{}:{port}", server.host().unwrap_or_default());
    if proxy.is_socks() {
        return socks(link, proxy, &target).await;
    }
    if secure {
        return tunnel(link, proxy, &target).await;
    }
    link.read_by_proxy = true;
    Ok(link)
}

async fn socks(link: Link, proxy: &ChosenProxy, target: &str) -> Result<Link, ProxyError> {
    let target: Uri = format!("tcp://{target}").parse().map_err(|error| ProxyError::Lost(Box::new(error)))?;
    let mut link = Some(link);
    let given =
        service_fn(move |_: Uri| ready(link.take().ok_or(io::Error::from(io::ErrorKind::NotConnected))));
    let mut socks = SocksV5::new(proxy.address.clone(), given);
    let credentials = proxy.credentials();
    let signs_in = credentials.is_some();
    if let Some((user, password)) = credentials {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        socks = socks.with_auth(text(user), text(password));
    }
    socks.call(target).await.map_err(|error| {
        let words = error.to_string();
        socks_error(words.strip_prefix("SOCKS error: ").unwrap_or(&words), signs_in)
    })
}

/// What the library's words mean, whose types are its own.
fn socks_error(words: &str, signs_in: bool) -> ProxyError {
    ProxyError::Refused(match words {
        "server does not support user/pass authentication" if signs_in => return ProxyError::NoLogin,
        "server does not support user/pass authentication" => WANTS_LOGIN,
        "server implements authentication incorrectly" => "it wants to be signed in to in another way",
        "credentials not accepted" => "it does not accept the user and password",
        "connection not allowed" => "it does not allow it",
        "command not supported" => "it does not connect anybody (command not supported)",
        "address type not supported" => "it knows no addresses of this kind",
        words => return ProxyError::Socks(words.to_owned()),
    })
}

async fn tunnel(link: Link, proxy: &ChosenProxy, target: &str) -> Result<Link, ProxyError> {
    let lost = |error: hyper::Error| ProxyError::Lost(Box::new(error));
    let (mut sender, connection) = http1::handshake(link).await.map_err(lost)?;
    tokio::spawn(connection.with_upgrades());
    let mut request = Request::connect(target).header(HOST, target);
    if let Some(value) = proxy.authorization() {
        request = request.header(PROXY_AUTHORIZATION, value);
    }
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| ProxyError::Lost(Box::new(error)))?;
    let answer = sender.send_request(request).await.map_err(lost)?;
    if !answer.status().is_success() {
        return Err(ProxyError::Answered(answer.status()));
    }
    hyper::upgrade::on(answer).await.map(Link::new).map_err(lost)
}
