//! One request, once: credentials on it, a bound around it, and what went wrong if nothing came back.
//!
//! kube's own retry layer is off (`Config::default_retry`): it repeats a POST whose first try may have landed, and
//! gives up on what it could repeat. Repeating is [`super::retry`]'s business alone.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, WARNING};
use http::{HeaderValue, Response};
use kube::client::Body;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::answer::{HttpAnswer, whole};
use super::client;
use super::config_fault::ConfigFault;
use super::connection_info::ConnectionInfo;
use super::error::Error;
use super::exchange_error::ExchangeError;
use super::hindrance::Hindrance;
use super::identity::ClientCertificate;
use super::options::USER_AGENT;
use super::plugin::Plugin;
use super::request::ApiRequest;
use super::way::Way;
use super::{ClusterNotice, Sink};
use crate::chain::base64::base64;
use crate::local::files::MOST_BYTES;
use crate::local::regular::{NamedBy, read_bytes};

/// How often a token file is read again; client-go does the same.
const TOKEN_FILE_AGE: Duration = Duration::from_secs(60);
/// A plugin's token that is younger than this and refused will not get better by running the plugin again.
const PLUGIN_AGE: Duration = Duration::from_secs(60);
/// How objects are asked for without spec and status.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// How long anything may be silent before a person is told.
pub(super) const QUIET: Duration = Duration::from_secs(2);

/// Where credentials come from.
pub(super) enum Source {
    /// They never change: a token, a password, a client certificate, or none at all.
    Fixed(Option<HeaderValue>),
    /// A file that somebody renews: that of this user of a kubeconfig, or the token of the pod's ServiceAccount. Until it can
    /// be read, this header counts, if there is one.
    File(PathBuf, Option<String>, Option<HeaderValue>),
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
    /// When they could not be had, and why not.
    failed: Option<(Instant, Error)>,
    generation: u64,
}

/// The way to the server.
pub(super) struct Transport {
    source: Source,
    /// What the client is built from again when a plugin hands out a new client certificate.
    way: Option<Box<Way>>,
    credentials: Mutex<Credentials>,
    pub(super) about: ConnectionInfo,
    pub(super) sink: Sink,
    /// Whether the server has ever answered us.
    reached: AtomicBool,
}

impl Transport {
    pub(super) fn new(
        source: Source,
        way: Option<Box<Way>>,
        client: kube::Client,
        about: ConnectionInfo,
        reached: bool,
    ) -> Self {
        let header = match &source {
            Source::Fixed(header) | Source::File(_, _, header) => header.clone(),
            Source::Plugin(_) | Source::Withheld(_) => None,
        };
        let credentials =
            Credentials { client, header, read: None, renew: None, failed: None, generation: 0 };
        Self {
            source,
            way,
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
    /// plugin; the others wait for its result, also where it fails: it may have asked a person.
    async fn current(&self) -> Result<(kube::Client, Option<HeaderValue>, u64), Error> {
        let asked = Instant::now();
        let mut held = self.credentials.lock().await;
        if let Some((_, why)) = held.failed.as_ref().filter(|(at, _)| *at > asked) {
            return Err(why.clone());
        }
        let due = match &self.source {
            Source::Fixed(_) | Source::Withheld(_) => false,
            Source::File(..) => held.read.is_none_or(|read| read.elapsed() >= TOKEN_FILE_AGE),
            Source::Plugin(_) => held.read.is_none() || held.renew.is_some_and(|at| Instant::now() >= at),
        };
        if due && let Err(why) = self.fetch(&mut held).await {
            held.failed = Some((Instant::now(), why.clone()));
            return Err(why);
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
            Source::File(path, user, _) => match read_token(path, user.as_deref()) {
                Ok(header) => held.header = Some(header),
                // A token that vanished for a moment (a volume being renewed) is no reason to stop.
                Err(_) if held.header.is_some() => {}
                Err(fault) => return Err(fault.into()),
            },
            Source::Plugin(plugin) => {
                plugin.warnings().into_iter().for_each(|warning| self.sink.warn(warning));
                let grant = self.sink.slowly(plugin.run(), || plugin.waiting()).await?;
                held.header = match &grant.token {
                    Some(token) => Some(bearer(token, &plugin.name())?),
                    None => None,
                };
                if let (Some(way), Some((certificate, key))) = (&self.way, &grant.certificate) {
                    let fields = ["clientCertificateData", "clientKeyData"]
                        .map(|name| format!("{name} of the {}", plugin.name()));
                    let [certificate_field, key_field] = &fields;
                    let identity = ClientCertificate::judged(
                        certificate.as_bytes(),
                        key.as_bytes(),
                        certificate_field,
                        key_field,
                    )?;
                    held.client = client::of(&way.with_certificate(&identity), &self.about)?;
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
        request: &ApiRequest,
        stream: bool,
    ) -> (Result<Response<Body>, ExchangeError>, u64) {
        if let Source::Withheld(why) = &self.source {
            self.sink.warn(why.clone());
        }
        let (client, header, generation) = match self.current().await {
            Ok(current) => current,
            Err(error) => return (Err(ExchangeError::Credentials(error)), 0),
        };
        let message = match build(request, header, stream) {
            Ok(message) => message,
            Err(error) => {
                return (Err(ExchangeError::Hopeless(Hindrance::Link(error.to_string()))), generation);
            }
        };
        let result = client.send(message).await.map_err(|error| ExchangeError::of(&error));
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

    /// A refusal without our own token or password in it.
    pub(super) async fn without_credentials(&self, body: Bytes) -> Bytes {
        let held = self.credentials.lock().await;
        let masked = held.header.as_ref().and_then(|header| masked(&String::from_utf8_lossy(&body), header));
        masked.map_or(body, Bytes::from)
    }

    /// Sends the request once and takes in the whole answer, within `bound`.
    pub(super) async fn exchange(
        &self,
        request: &ApiRequest,
        bound: Duration,
    ) -> (Result<HttpAnswer, ExchangeError>, u64) {
        let mut used = 0;
        let exchange = async {
            let (response, generation) = self.open(request, false).await;
            used = generation;
            let (head, body) = response?.into_parts();
            let mut body = whole(body, request.most).await?;
            if !head.status.is_success() {
                body = self.without_credentials(body).await;
            }
            Ok(HttpAnswer { code: head.status, headers: head.headers, body })
        };
        let waiting = || {
            ClusterNotice::Waiting(format!("waiting for {} to answer: {}", self.about.way(), request.what))
        };
        let result = self.sink.slowly(timeout(bound, exchange), waiting).await;
        (result.unwrap_or(Err(ExchangeError::Silent)), used)
    }
}

/// A text without what this header proves us by: somebody between us and the server may answer with all that we sent.
fn masked(text: &str, header: &HeaderValue) -> Option<String> {
    let (_, proof) = header.to_str().ok()?.split_once(' ')?;
    (!proof.is_empty() && text.contains(proof)).then(|| text.replace(proof, "…"))
}

/// The header for a token; a header would take more letters than a server takes for one.
fn bearer(token: &str, whence: &str) -> Result<HeaderValue, ConfigFault> {
    let malformed = || ConfigFault::TokenMalformed { whose: whence.to_owned() };
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(malformed());
    }
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| malformed())?;
    value.set_sensitive(true);
    Ok(value)
}

pub(super) fn fixed_bearer(token: &str, whence: &str) -> Result<HeaderValue, ConfigFault> {
    bearer(token.trim(), whence)
}

/// The header for `user:password`.
pub(super) fn basic(user: &[u8]) -> HeaderValue {
    let mut value = HeaderValue::try_from(format!("Basic {}", base64(user))).expect("base64 is ASCII");
    value.set_sensitive(true);
    value
}

/// The header for what a file holds: that of a user, whose path is not shown since a token may have been pasted there, or
/// the pod's.
fn read_token(path: &Path, user: Option<&str>) -> Result<HeaderValue, ConfigFault> {
    let called = match user {
        Some(user) => format!("tokenFile of user {user:?}"),
        None => format!("ServiceAccount file {}", path.display()),
    };
    let unreadable = |why: String| match user {
        Some(_) => ConfigFault::TokenUnreadable { file: called.clone(), why },
        None => ConfigFault::AccountUnreadable { file: path.display().to_string(), why },
    };
    let bytes = read_bytes(path, NamedBy::Nobody, MOST_BYTES).map_err(|why| unreadable(why.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
    match text.trim() {
        "" => Err(unreadable("it is empty".to_owned())),
        token => bearer(token, &called),
    }
}

fn build(
    request: &ApiRequest,
    header: Option<HeaderValue>,
    stream: bool,
) -> Result<http::Request<Body>, http::Error> {
    let mut message = http::Request::builder().method(request.method.clone()).uri(request.target());
    if let Some(headers) = message.headers_mut() {
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        if let Some(header) = header {
            headers.insert(AUTHORIZATION, header);
        }
        if !request.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
        }
        if request.metadata_only {
            headers.insert(ACCEPT, HeaderValue::from_static(METADATA));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_shown_without_its_code_and_quotes() {
        assert_eq!(
            warning_text(r#"299 - "v1 Endpoints is \"deprecated\"""#).as_deref(),
            Some(r#"v1 Endpoints is "deprecated""#)
        );
    }

    #[test]
    fn what_proves_us_is_in_no_answer() {
        let header = fixed_bearer("s3cr3t", "x").unwrap();
        assert_eq!(
            masked("no user for Bearer s3cr3t: s3cr3t", &header).as_deref(),
            Some("no user for Bearer …: …")
        );
        assert_eq!(masked("no user", &header), None);
    }

    #[test]
    fn a_token_keeps_no_line_end_and_stays_out_of_logs() {
        let value = fixed_bearer("abc\n", "x").unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer abc");
        assert!(value.is_sensitive());
        for malformed in ["a\nb", "a\r\nb", "a b", "tök", "a\u{200b}", "a\0", "", " \n"] {
            let fault = fixed_bearer(malformed, "--token").unwrap_err().to_string();
            assert_eq!(fault, "--token: the token holds characters that no token may hold", "{malformed:?}");
        }
    }
}
