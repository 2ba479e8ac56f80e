//! Watching: no event is lost, a dead connection is noticed, and no server is hammered.
//!
//! A loop of our own, because kube's watcher reconnects at once, thousands of times, to a server that ends a watch at
//! once, and never lists again after a 410 or a 504 (`Too large resource version`) that comes as an HTTP status.
//! Here:
//!
//! * two streams begin at least a second apart; one that ended at once without an event counts as a failure,
//!   and failures pause from 0.8 s to 30 s, at random up to half as long again;
//! * 410 and 504, as a status or as an event, list again and say so ([`WatchEvent::Restarted`]);
//! * a stream that was cut goes on from the last version seen, bookmarks included, without listing;
//! * the server is asked to end each stream after [`Follow::span`]; one that is still silent 5 s later is dead;
//! * who may not watch, and still may not after some seconds, asks every few minutes: a right comes by somebody's hand.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use super::error::Error;
use super::event_stream::{EventHead, EventObject, EventStream, StreamEnd};
use super::exchange_error::ExchangeError;
use super::hindrance::Hindrance;
use super::list::{List, Query, what_all};
use super::request::{ANSWER_BYTES, ApiRequest};
use super::resource::Resource;
use super::retry::{jitter, pause};
use super::status::Status;
use super::stream::Unopened;
use super::transport::QUIET;
use super::{Cluster, ClusterNotice, decode};

/// Two streams begin at least this far apart.
const APART: Duration = Duration::from_secs(1);
/// A stream that was shorter than this and brought nothing is a failure.
const SHORT: Duration = Duration::from_secs(1);
/// How long after the end that was asked for a silent stream counts as dead.
const GRACE: Duration = Duration::from_secs(5);
/// After so many refusals in a row, which take half a minute, a right is not a binding that is moments old.
const REFUSALS: u32 = 5;
/// How soon whoever may not watch asks again.
const REFUSED: Duration = Duration::from_secs(240);

/// What to follow.
#[derive(Debug, Clone)]
pub struct Follow {
    /// Which objects.
    pub query: Query,
    /// How long one stream lasts. A dead connection is noticed 5 s after that. One request per span when nothing
    /// happens.
    pub span: Duration,
    /// Name of the only object that is followed, where that is read in place of a list.
    one: Option<String>,
}

impl Follow {
    /// Lists first, then follows, in streams of 40 s.
    pub fn new(query: Query) -> Self {
        Self { query, span: Duration::from_secs(40), one: None }
    }

    /// Reads the object of this name, whether it is there or not, then follows it: needs the rights to get and to watch it,
    /// and none to list.
    pub fn one(name: &str) -> Self {
        Self { one: Some(name.to_owned()), ..Self::new(Query::named(name)) }
    }

    /// Streams of another length.
    #[must_use]
    pub fn span(self, span: Duration) -> Self {
        Self { span, ..self }
    }
}

/// What a watch brings.
#[derive(Debug, Clone, PartialEq)]
pub enum WatchEvent<T> {
    /// All objects there are, at the beginning and whenever the thread of events was lost: what is not in it is
    /// gone.
    Restarted(List<T>),
    /// A new object, or one that is now selected.
    Added(T),
    /// An object that changed.
    Modified(T),
    /// An object that is gone, or no longer selected; as it was last.
    Deleted(T),
    /// Nothing happened up to this version.
    Bookmark(String),
    /// Nothing can be seen just now, and why. The watch goes on by itself; whoever knows better stops it.
    Trouble(Error),
}

/// A watch: a stream that never ends. Dropping it ends the request. `next()` may be dropped and called again.
pub type Watch<T> = BoxStream<'static, WatchEvent<T>>;

impl Cluster {
    /// Follows objects, in all namespaces if none is given.
    pub fn watch<T>(&self, resource: &Resource, namespace: Option<&str>, follow: Follow) -> Watch<T>
    where
        T: DeserializeOwned + Send + 'static,
    {
        let namespace = namespace.map(str::to_owned);
        Watching::new(self.clone(), *resource, namespace, follow).stream()
    }
}

/// What there is now.
async fn look<T: DeserializeOwned>(
    cluster: &Cluster,
    resource: &Resource,
    namespace: Option<&str>,
    follow: &Follow,
) -> Result<List<T>, Error> {
    let Some(name) = &follow.one else {
        return cluster.list(resource, namespace, &follow.query).await;
    };
    let found = cluster.get::<Value>(resource, namespace, name).await?;
    // of nothing there is no version; a watch without one begins with what is there by then
    let version = found.as_ref().and_then(|found| found["metadata"]["resourceVersion"].as_str());
    let resource_version = version.unwrap_or_default().to_owned();
    let items = found.iter().map(|found| decode(found.to_string().as_bytes(), &resource.object(name)));
    Ok(List { items: items.collect::<Result<_, _>>()?, resource_version, date: None })
}

struct Watching<T> {
    cluster: Cluster,
    resource: Resource,
    namespace: Option<String>,
    follow: Follow,
    /// The last version seen; none makes it list first.
    version: Option<String>,
    stream: Option<EventStream>,
    ready: VecDeque<WatchEvent<T>>,
    /// Not before this moment does the next request start.
    start: Instant,
    failures: u32,
}

impl<T: DeserializeOwned + Send + 'static> Watching<T> {
    fn new(cluster: Cluster, resource: Resource, namespace: Option<String>, follow: Follow) -> Self {
        Self {
            cluster,
            resource,
            namespace,
            follow,
            version: None,
            stream: None,
            ready: VecDeque::new(),
            start: Instant::now(),
            failures: 0,
        }
    }

    fn stream(self) -> Watch<T> {
        stream::unfold(self, |mut watching| async move {
            let change = watching.next().await;
            Some((change, watching))
        })
        .boxed()
    }

    async fn next(&mut self) -> WatchEvent<T> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return change;
            }
            if self.stream.is_some() {
                self.read().await;
                continue;
            }
            sleep_until(self.start).await;
            self.start = Instant::now() + APART + jitter(APART / 10);
            if self.version.is_some() {
                self.open().await;
            } else {
                self.list().await;
            }
        }
    }

    async fn list(&mut self) {
        let (namespace, follow) = (self.namespace.as_deref(), &self.follow);
        match look(&self.cluster, &self.resource, namespace, follow).await {
            Ok(list) => {
                self.version = Some(list.resource_version.clone());
                // The stream that follows is the continuation of this list, not a try of its own.
                self.start = self.start.min(Instant::now() + jitter(APART / 10));
                if self.failures > 0 {
                    self.start = self.start.max(Instant::now() + APART);
                }
                self.ready.push_back(WatchEvent::Restarted(list));
            }
            Err(error) => self.fail(None, error),
        }
    }

    fn request(&self, version: &str) -> ApiRequest {
        let namespace = self.namespace.as_deref();
        ApiRequest::get(
            self.resource.path(namespace, None),
            format!("watch of the {}", what_all(&self.resource, namespace)),
        )
        .query_if("labelSelector", self.follow.query.labels.as_deref())
        .query_if("fieldSelector", self.follow.query.fields.as_deref())
        .query("watch", "true")
        .query("allowWatchBookmarks", "true")
        .query("timeoutSeconds", &self.follow.span.as_secs().max(1).to_string())
        .query("resourceVersion", version)
    }

    async fn open(&mut self) {
        let Some(version) = self.version.clone() else { return };
        let request = self.request(&version);
        match self.cluster.open_stream(&request).await {
            Ok(body) => self.stream = Some(EventStream::new(body)),
            Err(Unopened::Failed(error)) => self.fail(None, error),
            Err(Unopened::Refused(status, after)) => self.refused(status, after, &request.what),
        }
    }

    /// The server said no, by a status or by an event.
    fn refused(&mut self, status: Status, after: Option<Duration>, what: &str) {
        // 400 and 422: the server cannot even read our version, as after a restored backup.
        if matches!(status.code, 400 | 410 | 422 | 504) {
            self.version = None;
            self.failures += 1;
            if self.failures > 1 {
                self.postpone(after);
            }
            return;
        }
        self.fail(after, status.into_error(what, &self.cluster.inner.transport.about, false));
    }

    async fn read(&mut self) {
        let Some(stream) = &mut self.stream else { return };
        let deadline = stream.begun + self.follow.span + GRACE;
        match stream.line(deadline).await {
            Ok(line) => self.take(&line),
            Err(StreamEnd::LineTooLong) => {
                // no object is as large: something in between garbled it, and the event comes again from the last version
                self.stream = None;
                let what = what_all(&self.resource, self.namespace.as_deref());
                self.fail(None, Error::TooLarge { what, most: ANSWER_BYTES });
            }
            // The end that we asked for, a cut, or silence: what was not a whole line comes again.
            Err(StreamEnd::Closed) => self.ended(None),
            Err(StreamEnd::Broken(error)) => self.ended(Some(error)),
        }
    }

    fn ended(&mut self, cause: Option<ExchangeError>) {
        let Some(stream) = self.stream.take() else { return };
        if stream.begun.elapsed() >= SHORT || stream.events > 0 {
            self.failures = 0;
            return;
        }
        let why = match cause {
            Some(ExchangeError::Unsent(why) | ExchangeError::Hopeless(why) | ExchangeError::Cut(why)) => why,
            Some(ExchangeError::Silent | ExchangeError::TooLarge(_) | ExchangeError::Credentials(_))
            | None => Hindrance::Link("the server ended a watch as soon as it had begun".to_owned()),
        };
        let error = self.cluster.inner.transport.about.unreachable(why);
        if self.failures == 0 {
            // Once is a restart somewhere in between; only the second time is worth a word.
            self.failures = 1;
            self.postpone(None);
        } else {
            self.fail(None, error);
        }
    }

    /// Makes a change of a line.
    fn take(&mut self, line: &[u8]) {
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let what = what_all(&self.resource, self.namespace.as_deref());
        let head: EventHead = match decode(line, &what) {
            Ok(head) => head,
            Err(error) => {
                // Not JSON: something in between garbled it. The event comes again from the last version.
                self.stream = None;
                return self.fail(None, error);
            }
        };
        if head.r#type == "ERROR" {
            self.stream = None;
            let status = serde_json::from_slice::<EventObject<Status>>(line).map(|tail| tail.object);
            let mut status = status.unwrap_or_default();
            status.code = head.object.code;
            return self.refused(status, None, &what);
        }
        if let Some(stream) = &mut self.stream {
            stream.events += 1;
        }
        self.failures = 0;
        if !head.object.metadata.resource_version.is_empty() {
            self.version = Some(head.object.metadata.resource_version.clone());
        }
        let make: fn(T) -> WatchEvent<T> = match head.r#type.as_str() {
            "ADDED" => WatchEvent::Added,
            "MODIFIED" => WatchEvent::Modified,
            "DELETED" => WatchEvent::Deleted,
            "BOOKMARK" => {
                self.ready.push_back(WatchEvent::Bookmark(head.object.metadata.resource_version));
                return;
            }
            // A type that this version does not know is no reason to stop.
            _ => return,
        };
        self.ready.push_back(match decode::<EventObject<T>>(line, &what) {
            Ok(tail) => make(tail.object),
            Err(error) => WatchEvent::Trouble(error),
        });
    }

    /// Counts a failure, says why, and waits longer than the last time.
    fn fail(&mut self, after: Option<Duration>, error: Error) {
        self.failures += 1;
        let refused = self.failures > REFUSALS && error.is_rbac();
        self.postpone(after.max(refused.then_some(REFUSED)));
        let wait = self.start.saturating_duration_since(Instant::now());
        if wait > QUIET {
            let seconds = wait.as_secs().max(1);
            self.cluster
                .inner
                .transport
                .sink
                .tell(ClusterNotice::Waiting(format!("{error}; watching again in {seconds} s")));
        }
        self.ready.push_back(WatchEvent::Trouble(error));
    }

    fn postpone(&mut self, after: Option<Duration>) {
        let mut wait = pause(self.failures.saturating_sub(1));
        if let Some(after) = after {
            wait = wait.max(after + jitter((after / 2).max(APART)));
        }
        self.start = self.start.max(Instant::now() + wait);
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
