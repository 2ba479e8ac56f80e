//! One request, once: credentials on it, a bound around it, and what went wrong if nothing came back.
//!
//! kube's own retry layer is off (`Config::default_retry`): it repeats a POST whose first try may have landed, and
//! gives up on what it could repeat. Repeating is [`super::retry`]'s business alone.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER, WARNING};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::Timestamp;
use kube::client::Body;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::error::Error;
use super::plugin::Plugin;
use super::request::Request;
use super::{About, Notice, Sink, client, url};

/// How often a token file is read again; client-go does the same.
const TOKEN_FILE_AGE: Duration = Duration::from_secs(60);
/// A plugin's token that is younger than this and refused will not get better by running the plugin again.
const PLUGIN_AGE: Duration = Duration::from_secs(60);
/// How long anything may be silent before a person is told.
pub(super) const QUIET: Duration = Duration::from_secs(2);

/// Where credentials come from.
pub(super) enum Source {
    /// They never change: a token, a password, a client certificate, or none at all.
    Fixed(Option<HeaderValue>),
    /// A file that somebody renews, such as a ServiceAccount's token, and what people call it.
    File(PathBuf, String),
    /// There are some, but they would be sent in the clear: none is sent, and what is said about it.
    Withheld(String),
    /// A credential plugin.
    Plugin(Box<Plugin>),
}

/// Credentials as they stand, and the client that carries them.
struct Credentials {
    client: kube::Client,
    header: Option<HeaderValue>,
    read: Option<Instant>,
    renew: Option<Instant>,
    generation: u64,
}

/// The way to the server.
pub(super) struct Transport {
    source: Source,
    /// What the client is built from again when a plugin hands out a new client certificate.
    config: Option<Box<kube::Config>>,
    credentials: Mutex<Credentials>,
    pub(super) about: About,
    pub(super) sink: Sink,
    /// Whether the server has ever answered us.
    reached: AtomicBool,
}

/// What came back, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) code: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why nothing (usable) came back.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The server cannot have seen the request.
    Unsent(String),
    /// As before, and no repetition will help: a certificate, a malformed address.
    Hopeless(String),
    /// Nobody knows whether the server acted.
    Cut(String),
    /// As before: no answer within this time.
    Silent,
    /// The answer is longer than this many bytes.
    TooLarge(usize),
    /// We have no credentials to send.
    Credentials(Error),
}

impl Answer {
    /// The server's clock.
    pub(super) fn date(&self) -> Option<Timestamp> {
        let text = self.headers.get(DATE)?.to_str().ok()?;
        jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
    }
}

/// `Retry-After` in whole seconds, the only form that API servers use.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

impl Transport {
    pub(super) fn new(
        source: Source,
        config: Option<Box<kube::Config>>,
        client: kube::Client,
        about: About,
        reached: bool,
    ) -> Self {
        let header = match &source {
            Source::Fixed(header) => header.clone(),
            Source::File(..) | Source::Plugin(_) | Source::Withheld(_) => None,
        };
        let credentials = Credentials { client, header, read: None, renew: None, generation: 0 };
        Self {
            source,
            config,
            credentials: Mutex::new(credentials),
            about,
            sink: Sink::default(),
            reached: AtomicBool::new(reached),
        }
    }

    /// Whether the server has ever answered, so that not reaching it now is a restart rather than a wrong address.
    pub(super) fn reached(&self) -> bool {
        self.reached.load(Ordering::Relaxed)
    }

    /// The client and credentials to use now, fetched or renewed if they must be. One caller at a time runs a
    /// plugin; the others wait for its result.
    async fn current(&self) -> Result<(kube::Client, Option<HeaderValue>, u64), Error> {
        let mut held = self.credentials.lock().await;
        let due = match &self.source {
            Source::Fixed(_) | Source::Withheld(_) => false,
            Source::File(..) => held.read.is_none_or(|read| read.elapsed() >= TOKEN_FILE_AGE),
            Source::Plugin(_) => held.read.is_none() || held.renew.is_some_and(|at| Instant::now() >= at),
        };
        if due {
            self.fetch(&mut held).await?;
        }
        Ok((held.client.clone(), held.header.clone(), held.generation))
    }

    /// After a 401: whether there is anything new to try with.
    pub(super) async fn renew(&self, refused: u64) -> Result<bool, Error> {
        let mut held = self.credentials.lock().await;
        if held.generation != refused {
            return Ok(true);
        }
        let worth = match &self.source {
            Source::Fixed(_) | Source::Withheld(_) => false,
            Source::File(..) => true,
            Source::Plugin(_) => held.read.is_none_or(|read| read.elapsed() >= PLUGIN_AGE),
        };
        if worth {
            self.fetch(&mut held).await?;
        }
        Ok(worth)
    }

    async fn fetch(&self, held: &mut Credentials) -> Result<(), Error> {
        match &self.source {
            Source::Fixed(_) | Source::Withheld(_) => {}
            Source::File(path, name) => match std::fs::read_to_string(path) {
                Ok(text) => held.header = Some(bearer(text.trim(), name)?),
                // A token that vanished for a moment (a volume being renewed) is no reason to stop.
                Err(_) if held.header.is_some() => {}
                Err(error) => {
                    return Err(Error::Config {
                        what: name.clone(),
                        why: error.to_string(),
                        remedy: "Give the pod its ServiceAccount's token, or the user a readable tokenFile."
                            .to_owned(),
                    });
                }
            },
            Source::Plugin(plugin) => {
                let grant = self.sink.slowly(plugin.run(), || plugin.waiting()).await?;
                held.header = match &grant.token {
                    Some(token) => Some(bearer(token, &plugin.name())?),
                    None => None,
                };
                if let (Some(config), Some((certificate, key))) = (&self.config, &grant.certificate) {
                    let config = client::with_certificate(config, certificate, key);
                    held.client = client::of(config, &self.about)?;
                }
                held.renew = grant.renew;
            }
        }
        held.read = Some(Instant::now());
        held.generation += 1;
        Ok(())
    }

    /// Has credentials at hand. Apart from the request, because a person may have to sign in first, which takes as
    /// long as it takes and must not be cut short by a request's bound.
    pub(super) async fn prepare(&self) -> Result<(), Error> {
        self.current().await.map(drop)
    }

    /// Sends the request once and waits for the head of the answer. The number says which credentials were used.
    pub(super) async fn open(
        &self,
        request: &Request,
        stream: bool,
    ) -> (Result<Response<Body>, Trouble>, u64) {
        if let Source::Withheld(why) = &self.source {
            self.sink.warn(why.clone());
        }
        let (client, header, generation) = match self.current().await {
            Ok(current) => current,
            Err(error) => return (Err(Trouble::Credentials(error)), 0),
        };
        let message = match build(request, header, stream) {
            Ok(message) => message,
            Err(error) => return (Err(Trouble::Hopeless(error.to_string())), generation),
        };
        let result = client.send(message).await.map_err(|error| trouble(&error));
        if let Ok(response) = &result {
            self.reached.store(true, Ordering::Relaxed);
            for warning in response.headers().get_all(WARNING) {
                if let Some(text) = warning.to_str().ok().and_then(warning_text) {
                    self.sink.warn(text);
                }
            }
        }
        (result, generation)
    }

    /// Sends the request once and takes in the whole answer, within `bound`.
    pub(super) async fn exchange(
        &self,
        request: &Request,
        bound: Duration,
    ) -> (Result<Answer, Trouble>, u64) {
        let mut used = 0;
        let exchange = async {
            let (response, generation) = self.open(request, false).await;
            used = generation;
            let (head, body) = response?.into_parts();
            let body = whole(body, request.most).await?;
            Ok(Answer { code: head.status, headers: head.headers, body })
        };
        let waiting =
            || Notice::Waiting(format!("waiting for {} to answer: {}", self.about.server, request.what));
        let result = self.sink.slowly(timeout(bound, exchange), waiting).await;
        (result.unwrap_or(Err(Trouble::Silent)), used)
    }
}

/// A body as it comes, at most `most` bytes of it, after decompression.
pub(super) async fn whole(body: Body, most: usize) -> Result<Bytes, Trouble> {
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Trouble::TooLarge(most)),
        Err(error) => Err(trouble(error.as_ref())),
    }
}

fn bearer(token: &str, whence: &str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| Error::Config {
        what: whence.to_owned(),
        why: "the token holds characters that no token may hold".to_owned(),
        remedy: "Look at the token: it must be one line without blanks.".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn fixed_bearer(token: &str, whence: &str) -> Result<HeaderValue, Error> {
    bearer(token.trim(), whence)
}

fn build(
    request: &Request,
    header: Option<HeaderValue>,
    stream: bool,
) -> Result<http::Request<Body>, http::Error> {
    let mut message = http::Request::builder().method(request.method.clone()).uri(request.target());
    if let Some(headers) = message.headers_mut() {
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        if !request.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        }
        if stream {
            // API servers of 1.37 and newer send one gzip member per event; a decoder may stop after the first.
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
    }
    message.body(Body::from(request.body.clone()))
}

/// The text of `299 - "text"`.
fn warning_text(header: &str) -> Option<String> {
    let (_, rest) = header.split_once(" \"")?;
    Some(rest.strip_suffix('"').unwrap_or(rest).replace("\\\"", "\""))
}

/// Sorts a transport's error by what is certain about it.
pub(super) fn trouble(error: &(dyn StdError + 'static)) -> Trouble {
    let mut connecting = false;
    let mut why = String::new();
    let mut refused = false;
    let mut certificate = false;
    let mut next = Some(error);
    // Error chains are short; a cyclic one must not hang us.
    for _ in 0..16 {
        let Some(error) = next else { break };
        let text = error.to_string();
        connecting |= text.contains("client error (Connect)") || text.contains("tcp connect error");
        certificate |= text.contains("certificate");
        if let Some(io) = error.downcast_ref::<io::Error>() {
            refused |= io.kind() == io::ErrorKind::ConnectionRefused;
            // The certificate's error hides inside an io::Error, whose source skips it.
            if let Some(inner) = io.get_ref() {
                certificate |= inner.to_string().contains("certificate");
            }
        }
        if !text.is_empty() {
            why = text;
        }
        next = error.source();
    }
    // a library may quote the address of a proxy, password and all
    let mut why = url::scrubbed(&why);
    if certificate {
        return Trouble::Hopeless(why);
    }
    if refused {
        return Trouble::Unsent("connection refused".to_owned());
    }
    if why.contains("close_notify") {
        // rustls adds a lecture with a link; for a person it is this:
        "the server closed the connection".clone_into(&mut why);
    }
    if connecting { Trouble::Unsent(why) } else { Trouble::Cut(why) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<dyn StdError + Send + Sync>>,
    }

    fn chain(text: &'static str, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Layer {
        Layer { text, source: Some(source.into()) }
    }

    #[test]
    fn transport_errors_are_sorted_by_what_is_certain() {
        let refused = chain(
            "client error (Connect)",
            chain("tcp connect error", io::Error::from(io::ErrorKind::ConnectionRefused)),
        );
        assert!(matches!(trouble(&refused), Trouble::Unsent(why) if why == "connection refused"));
        let unknown_host =
            chain("client error (Connect)", io::Error::other("failed to lookup address information"));
        assert!(matches!(trouble(&unknown_host), Trouble::Unsent(why) if why.contains("lookup")));
        let expired = chain("client error (Connect)", io::Error::other("invalid peer certificate: Expired"));
        assert!(matches!(trouble(&expired), Trouble::Hopeless(why) if why.contains("Expired")));
        let reset = chain(
            "client error (SendRequest)",
            chain("connection error", io::Error::from(io::ErrorKind::ConnectionReset)),
        );
        assert!(matches!(trouble(&reset), Trouble::Cut(why) if why == "connection reset"));
        let killed = io::Error::other("peer closed connection without sending TLS close_notify: https://x");
        assert!(matches!(trouble(&killed), Trouble::Cut(why) if why == "the server closed the connection"));
    }

    #[test]
    fn headers() {
        assert_eq!(
            warning_text(r#"299 - "v1 Endpoints is \"deprecated\"""#).as_deref(),
            Some(r#"v1 Endpoints is "deprecated""#)
        );
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert(DATE, HeaderValue::from_static("Tue, 24 Nov 2026 20:50:33 GMT"));
        let answer = Answer { code: StatusCode::OK, headers, body: Bytes::new() };
        assert_eq!(answer.date(), "2026-11-24T20:50:33Z".parse().ok());
    }

    #[test]
    fn a_token_keeps_no_line_end_and_stays_out_of_logs() {
        let value = fixed_bearer("abc\n", "x").unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer abc");
        assert!(value.is_sensitive());
        assert!(fixed_bearer("a\nb", "x").is_err());
    }
}
