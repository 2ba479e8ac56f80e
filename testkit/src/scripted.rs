//! An API server that does what a test tells it, in memory and in the test's own time.
//!
//! The script is a function from a request to a [`Reply`]; it may keep state, as a server does. Every request is
//! recorded with its moment on the (paused) clock, so that tests can count.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;
use tower::{BoxError, Service};

use crate::selector;

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// `GET`, in capital letters.
    pub method: String,
    /// Path, without the query.
    pub path: String,
    /// Query, escaped as it came; empty if there is none.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// Null if there is none, or it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub bytes: Bytes,
    /// Since the server began.
    pub at: Duration,
    /// How many came before it.
    pub number: usize,
}

impl SeenRequest {
    /// `GET /path`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What the query says of `key`, escaped as it came.
    pub fn parameter(&self, key: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    /// What the query says of `key`, as it is meant; nothing where it does not.
    pub fn selector(&self, key: &str) -> String {
        selector::unescaped(self.parameter(key).unwrap_or_default())
    }

    /// Whether the label and field selectors of a list select this object.
    pub fn selects(&self, object: &Value) -> bool {
        selector::by_labels(&self.selector("labelSelector"), object)
            && selector::by_fields(&self.selector("fieldSelector"), object)
    }
}

/// How a stream ends.
#[derive(Debug, Clone, Copy)]
pub enum BodyEnd {
    /// As it should.
    Close,
    /// The connection is reset.
    Reset,
    /// Never: nothing more comes.
    Silence,
}

/// What the server does.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status and a body.
    Json(u16, Value),
    /// A status, headers and a body.
    With(u16, Vec<(&'static str, String)>, Value),
    /// A status, headers and a body that is no JSON.
    Text(u16, Vec<(&'static str, String)>, String),
    /// A status, its reason and message.
    Status(u16, &'static str, &'static str),
    /// The connection is reset before the answer.
    Reset,
    /// Nobody listens.
    Refused,
    /// Half an answer, then a reset.
    Half(u16),
    /// Nothing, for ever.
    Silence,
    /// Lines, each after a pause.
    Stream(Vec<(Duration, String)>, BodyEnd),
    /// Lines as somebody sends them, until they hang up.
    Live(Arc<tokio::sync::Mutex<UnboundedReceiver<String>>>),
}

impl Reply {
    /// A stream of events at once.
    pub fn events(events: &[Value], end: BodyEnd) -> Self {
        Self::Stream(events.iter().map(|event| (Duration::ZERO, format!("{event}\n"))).collect(), end)
    }

    /// A stream, and where its lines come from.
    pub fn live() -> (UnboundedSender<String>, Self) {
        let (sender, lines) = unbounded_channel();
        (sender, Self::Live(Arc::new(tokio::sync::Mutex::new(lines))))
    }
}

/// The record of a scripted server.
#[derive(Debug, Clone)]
pub struct Scripted {
    seen: Arc<Mutex<Vec<SeenRequest>>>,
    began: Instant,
}

/// A response whose body comes as the script says.
pub type StreamedResponse = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, io::Error>>>>;

fn reset() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

fn frame(text: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(text.into())
}

fn answer(
    code: u16,
    headers: &[(&'static str, String)],
    body: BoxStream<'static, Result<Frame<Bytes>, io::Error>>,
) -> StreamedResponse {
    let mut response = Response::builder().status(code);
    for (name, value) in headers {
        response = response.header(*name, value);
    }
    response.body(StreamBody::new(body)).unwrap()
}

async fn perform(reply: Reply) -> Result<StreamedResponse, BoxError> {
    let whole = |code: u16, headers: &[(&'static str, String)], body: &Value| {
        answer(code, headers, stream::iter([Ok(frame(body.to_string()))]).boxed())
    };
    Ok(match reply {
        Reply::Json(code, body) => whole(code, &[], &body),
        Reply::With(code, headers, body) => whole(code, &headers, &body),
        Reply::Text(code, headers, body) => answer(code, &headers, stream::iter([Ok(frame(body))]).boxed()),
        Reply::Status(code, reason, message) => {
            whole(code, &[], &json!({"kind": "Status", "code": code, "reason": reason, "message": message}))
        }
        Reply::Reset => return Err(reset().into()),
        Reply::Refused => return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into()),
        Reply::Half(code) => {
            answer(code, &[], stream::iter([Ok(frame("{\"metadata\":{\"na")), Err(reset())]).boxed())
        }
        Reply::Silence => std::future::pending().await,
        Reply::Stream(lines, end) => {
            let lines = stream::iter(lines).then(|(pause, line)| async move {
                tokio::time::sleep(pause).await;
                Ok(frame(line))
            });
            let body = match end {
                BodyEnd::Close => lines.boxed(),
                BodyEnd::Reset => lines.chain(stream::iter([Err(reset())])).boxed(),
                BodyEnd::Silence => lines.chain(stream::pending()).boxed(),
            };
            answer(200, &[], body)
        }
        Reply::Live(lines) => {
            let lines = stream::unfold(lines, |lines| async move {
                let line = lines.lock().await.recv().await?;
                Some((Ok(frame(line)), lines))
            });
            answer(200, &[], lines.boxed())
        }
    })
}

impl Scripted {
    /// A client of a server that follows this script, and the server's record.
    pub fn serve(script: impl FnMut(&SeenRequest) -> Reply + Send + 'static) -> (kube::Client, Self) {
        let (service, scripted) = Self::service::<Body>(script);
        (kube::Client::new(service, "default"), scripted)
    }

    /// The same for a client of another kind: whatever sends a request and takes a response.
    pub fn service<B>(
        script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
    ) -> (
        impl Service<
            Request<B>,
            Response = StreamedResponse,
            Error = BoxError,
            Future = impl Future<Output = Result<StreamedResponse, BoxError>> + Send,
        > + Clone
        + Send
        + Sync
        + 'static,
        Self,
    )
    where
        B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let scripted = Self { seen: Arc::default(), began: Instant::now() };
        let record = scripted.clone();
        let script = Arc::new(Mutex::new(script));
        let service = tower::service_fn(move |request: Request<B>| {
            let record = record.clone();
            let script = Arc::clone(&script);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await.map_err(Into::into)?.to_bytes();
                let reply = {
                    let seen = record.record(head, body);
                    (script.lock().unwrap())(&seen)
                };
                perform(reply).await
            }
        });
        (service, scripted)
    }

    /// Records what was asked.
    fn record(&self, head: http::request::Parts, body: Bytes) -> SeenRequest {
        let mut seen = self.seen.lock().unwrap();
        let request = SeenRequest {
            method: head.method.to_string(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            headers: head.headers,
            body: serde_json::from_slice(&body).unwrap_or_default(),
            bytes: body,
            at: self.began.elapsed(),
            number: seen.len(),
        };
        seen.push(request.clone());
        request
    }

    /// Everything that was asked so far.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap().clone()
    }

    /// How often something was asked so far.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// `GET /path` of everything that was asked so far.
    pub fn asked(&self) -> Vec<String> {
        self.seen().iter().map(SeenRequest::line).collect()
    }

    /// The pauses between requests.
    pub fn gaps(&self) -> Vec<Duration> {
        self.seen().windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at)).collect()
    }
}
