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
use http::{HeaderMap, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::BoxError;

use super::transport::{Source, Transport};
use super::{Cluster, ConnectionInfo};

/// A text as the server keeps it in a Secret.
pub(crate) fn in_base64(text: &str) -> String {
    super::plugin::base64(text)
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct SeenRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    /// Null if there is none.
    pub(crate) body: Value,
    /// Since the server began.
    pub(crate) at: Duration,
    /// How many came before it.
    pub(crate) number: usize,
}

impl SeenRequest {
    /// What the query says of `key`, escaped as it came.
    pub(crate) fn parameter(&self, key: &str) -> Option<&str> {
        self.query.split('&').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    /// What the query says of `key`, as it is meant; nothing where it does not.
    pub(crate) fn selector(&self, key: &str) -> String {
        String::from_utf8(super::url::unescaped(self.parameter(key).unwrap_or_default())).unwrap()
    }

    /// Whether the label and field selectors of a list select this object.
    pub(crate) fn selects(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        let label = |requirement: &str| match requirement.split_once(" in (") {
            Some((key, values)) => values.trim_end_matches(')').split(',').any(|value| labels[key] == value),
            None => match requirement.split_once('=') {
                Some((key, value)) => labels[key] == value,
                None => !labels[requirement].is_null(),
            },
        };
        let field = |requirement: &str| {
            let (field, value) = requirement.split_once('=').unwrap();
            object.pointer(&format!("/{}", field.replace('.', "/"))).is_some_and(|found| found == value)
        };
        requirements(&self.selector("labelSelector")).into_iter().all(label)
            && requirements(&self.selector("fieldSelector")).into_iter().all(field)
    }
}

/// The requirements of a selector: parted by commas, but for those in parentheses.
fn requirements(selector: &str) -> Vec<&str> {
    let mut inside = false;
    let comma = move |c: char| {
        inside = (inside || c == '(') && c != ')';
        c == ',' && !inside
    };
    selector.split(comma).filter(|requirement| !requirement.is_empty()).collect()
}

/// How a stream ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BodyEnd {
    Close,
    Reset,
    Silence,
}

/// What the server does.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    With(u16, Vec<(&'static str, String)>, Value),
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
}

impl Reply {
    /// A stream of events at once.
    pub(crate) fn events(events: &[Value], end: BodyEnd) -> Self {
        Self::Stream(events.iter().map(|event| (Duration::ZERO, format!("{event}\n"))).collect(), end)
    }
}

/// The record of a scripted server.
#[derive(Clone)]
pub(crate) struct Scripted {
    seen: Arc<Mutex<Vec<SeenRequest>>>,
}

type StreamedResponse = Response<StreamBody<BoxStream<'static, Result<Frame<Bytes>, io::Error>>>>;

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
    })
}

impl Scripted {
    /// A server, and its record. The connection counts as one that has never been answered yet.
    pub(crate) fn serve(script: impl FnMut(&SeenRequest) -> Reply + Send + 'static) -> (Cluster, Self) {
        Self::serve_as(Source::Fixed(None), false, script)
    }

    pub(super) fn serve_as(
        source: Source,
        reached: bool,
        script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
    ) -> (Cluster, Self) {
        let seen: Arc<Mutex<Vec<SeenRequest>>> = Arc::default();
        let record = Arc::clone(&seen);
        let script = Arc::new(Mutex::new(script));
        let began = Instant::now();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let record = Arc::clone(&record);
            let script = Arc::clone(&script);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let reply = {
                    let mut record = record.lock().unwrap();
                    let seen = SeenRequest {
                        method: head.method.to_string(),
                        path: head.uri.path().to_owned(),
                        query: head.uri.query().unwrap_or_default().to_owned(),
                        headers: head.headers,
                        body: serde_json::from_slice(&body).unwrap_or_default(),
                        at: began.elapsed(),
                        number: record.len(),
                    };
                    record.push(seen.clone());
                    (script.lock().unwrap())(&seen)
                };
                perform(reply).await
            }
        });
        let about = ConnectionInfo {
            context: Some("test".to_owned()),
            server: "https://scripted".to_owned(),
            user: "tester".to_owned(),
        };
        let transport = Transport::new(source, None, kube::Client::new(service, "default"), about, reached);
        let cluster = Cluster::over(transport, Duration::from_secs(15), Duration::from_secs(60));
        (cluster, Self { seen })
    }

    /// Everything that was asked so far.
    pub(crate) fn seen(&self) -> Vec<SeenRequest> {
        self.seen.lock().unwrap().clone()
    }

    /// How often something was asked so far.
    pub(crate) fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// `GET /path` of everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.seen().iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// The pauses between requests.
    pub(crate) fn gaps(&self) -> Vec<Duration> {
        self.seen().windows(2).map(|pair| pair[1].at.saturating_sub(pair[0].at)).collect()
    }
}
