//! Reads a container's log as it is written, across cuts, without loss and without repeats.
//!
//! | what comes | what is done |
//! |---|---|
//! | the answer ends, or is cut | the pod is looked at: of a container that runs, goes on from the cursor |
//! | the container has ended | is asked once more for what came between, then over |
//! | it began anew | the rest of the run before, then the new one |
//! | nothing for a minute | asked anew: a connection that died without a word is not told from a container that is silent |
//! | the pod is gone | over |
//!
//! Two answers begin at least a second apart, and failures pause as those of a watch do. Readers take no place among the
//! requests in flight: they stay.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use http_body_util::BodyExt as _;
use kube::client::Body;
use tokio::time::{Instant, sleep_until, timeout};

use super::Cluster;
use super::error::Error;
use super::exchange_error::ExchangeError;
use super::log::LogSource;
use super::log_cursor::{LogCursor, LogPiece, LogScan};
use super::request::ApiRequest;
use super::resource::PODS;
use super::retry::{jitter, pause};
use super::stream::Unopened;
use crate::chain::pod::{Container, Pod};

/// Two answers begin at least this far apart.
const APART: Duration = Duration::from_secs(1);
/// A silent answer counts as dead after this.
const SILENCE: Duration = Duration::from_secs(60);
/// After so many failures in a row nothing comes any more of a container that has ended: its node is gone.
const FAILURES: u32 = 6;
/// So many failures in a row are no word worth: an API server that is started anew is back by then.
const QUIET_FAILURES: u32 = 2;

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLog {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod.
    pub pod: String,
    /// Its uid.
    pub uid: String,
    /// The container.
    pub container: String,
    /// How often it has been restarted.
    pub restarts: u32,
    /// Whether what comes later is read, too. Of a container that has ended for good nothing comes later.
    pub follow: bool,
    /// No older lines than this.
    pub since: Option<Duration>,
    /// No more than so many of the last lines.
    pub tail: Option<usize>,
}

impl ReadLog {
    /// All of a container's log.
    pub fn of(pod: &Pod, container: &Container, follow: bool) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            uid: pod.uid.clone(),
            container: container.name.clone(),
            restarts: container.restarts,
            follow: follow && !pod.has_ended(container),
            since: None,
            tail: None,
        }
    }
}

/// A log as it comes; ends where it does.
type LogStream = BoxStream<'static, LogPiece>;

impl Cluster {
    /// Reads a container's log.
    pub fn read_log(&self, what: ReadLog) -> LogStream {
        let reader = LogReader::new(self.clone(), what);
        stream::unfold(reader, |mut reader| async move { reader.next().await.map(|piece| (piece, reader)) })
            .boxed()
    }
}

/// Which answer is being read.
enum LogPart {
    /// What goes on for as long as the container does.
    Going,
    /// What there is of it.
    There,
    /// What is left of the run before.
    Before,
}

struct LogReader {
    cluster: Cluster,
    what: ReadLog,
    cursor: LogCursor,
    part: LogPart,
    answer: Option<LogAnswer>,
    ready: VecDeque<LogPiece>,
    begun: Instant,
    start: Instant,
    failures: u32,
    over: bool,
}

struct LogAnswer {
    body: Body,
    scan: LogScan,
    begun: Instant,
    brought: bool,
}

impl LogReader {
    fn new(cluster: Cluster, what: ReadLog) -> Self {
        let part = if what.follow { LogPart::Going } else { LogPart::There };
        let now = Instant::now();
        Self {
            cluster,
            what,
            cursor: LogCursor::default(),
            part,
            answer: None,
            ready: VecDeque::new(),
            begun: now,
            start: now,
            failures: 0,
            over: false,
        }
    }

    async fn next(&mut self) -> Option<LogPiece> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(piece);
            }
            if self.over {
                return None;
            }
            if self.answer.is_some() {
                self.read().await;
            } else {
                sleep_until(self.start).await;
                self.open().await;
            }
        }
    }

    fn request(&self) -> ApiRequest {
        let ReadLog { namespace, pod, container, since, tail, .. } = &self.what;
        let mut request = LogSource { namespace, pod, container }.request().query("timestamps", "true");
        match self.part {
            LogPart::Going => request = request.query("follow", "true"),
            LogPart::There => {}
            LogPart::Before => request = request.query("previous", "true"),
        }
        if let Some(at) = self.cursor.at {
            // the server's answer to a fraction of a second is the same
            return request.query("sinceTime", &at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        }
        let since = since.map(|since| (since + self.begun.elapsed()).as_secs().max(1).to_string());
        request
            .query_if("sinceSeconds", since.as_deref())
            .query_if("tailLines", tail.map(|n| n.to_string()).as_deref())
    }

    async fn open(&mut self) {
        let begun = Instant::now();
        self.start = begun + APART + jitter(APART / 10);
        let request = self.request();
        match self.cluster.open_stream(&request).await {
            Ok(body) => {
                let scan = LogScan::at(&self.cursor);
                self.answer = Some(LogAnswer { body, scan, begun, brought: false });
            }
            Err(Unopened::Failed(error)) => self.fail(error, None),
            Err(Unopened::Refused(status, after)) => {
                let (about, code) = (&self.cluster.inner.transport.about, status.code);
                let error = status.into_error(&request.what, about, false);
                match code {
                    // a run before, or a container, of which the node has nothing any more; or one that is not there yet
                    400 | 404 => self.look(false, Some(error)).await,
                    401 | 403 => self.give_up(error),
                    _ => self.fail(error, after),
                }
            }
        }
    }

    fn give_up(&mut self, error: Error) {
        self.over = true;
        self.ready.push_back(LogPiece::Failed(error));
    }

    fn fail(&mut self, error: Error, after: Option<Duration>) {
        self.failures += 1;
        if !matches!(self.part, LogPart::Going) && self.failures > FAILURES {
            return self.give_up(error);
        }
        let wait = pause(self.failures - 1).max(after.unwrap_or_default());
        self.start = self.start.max(Instant::now() + wait);
        if self.failures > QUIET_FAILURES {
            self.ready.push_back(LogPiece::Trouble(error));
        }
    }

    async fn read(&mut self) {
        let Some(answer) = &mut self.answer else { return };
        match timeout(SILENCE, answer.body.frame()).await {
            Ok(Some(Ok(frame))) => {
                if let Some(data) = frame.data_ref() {
                    answer.brought |= !data.is_empty();
                    answer.scan.take(data, &mut self.cursor, &mut self.ready);
                    self.failures = 0;
                }
            }
            Ok(None) => self.closed(None).await,
            Ok(Some(Err(error))) => self.closed(Some(ExchangeError::of(&error))).await,
            Err(_) => self.closed(Some(ExchangeError::Silent)).await,
        }
    }

    /// The answer has come to its end, or was cut.
    async fn closed(&mut self, cut: Option<ExchangeError>) {
        let Some(answer) = self.answer.take() else { return };
        let (short, brought) = (answer.begun.elapsed() < APART, answer.brought);
        answer.scan.end(cut.is_none(), &mut self.ready);
        let silent = matches!(cut, Some(ExchangeError::Silent));
        match cut {
            // a minute without a word is nothing where a container may be silent
            Some(_) if silent && matches!(self.part, LogPart::Going) => self.failures = 0,
            Some(cut) if !brought => {
                let about = &self.cluster.inner.transport.about;
                let error = cut.into_error(about, &self.request().what, answer.begun.elapsed());
                return self.fail(error, None);
            }
            Some(_) => return,
            None if short && !brought && matches!(self.part, LogPart::Going) => self.failures += 1,
            None => {}
        }
        self.look(!silent, None).await;
    }

    /// Looks at what has become of the container. `whole`: what there was to read has come. `refused`: why the node gives
    /// nothing.
    async fn look(&mut self, whole: bool, refused: Option<Error>) {
        let (namespace, name) = (Some(self.what.namespace.as_str()), self.what.pod.clone());
        let pod = match self.cluster.get::<Pod>(&PODS, namespace, &name).await {
            Ok(pod) => pod.filter(|pod| pod.uid == self.what.uid),
            Err(error) => return self.fail(error, None),
        };
        let Some((pod, container)) =
            pod.as_ref().and_then(|pod| Some((pod, pod.container(&self.what.container)?)))
        else {
            self.over = true;
            return;
        };
        let (restarts, good) = (container.restarts, pod.has_ended(container));
        match self.part {
            LogPart::Before => {
                if refused.is_some() {
                    self.lose();
                }
                self.begin_anew(restarts);
            }
            LogPart::There if whole => self.over = true,
            LogPart::There => {
                if let Some(error) = refused {
                    self.give_up(error);
                }
            }
            LogPart::Going if restarts > self.what.restarts => {
                if restarts > self.what.restarts + 1 {
                    // of runs between two looks nothing is left
                    self.lose();
                    self.begin_anew(restarts);
                } else {
                    self.part = LogPart::Before;
                    self.start = Instant::now();
                }
            }
            LogPart::Going if good => {
                // once more: what was written between the end of the answer and this look
                self.part = LogPart::There;
                self.start = Instant::now();
            }
            LogPart::Going => {
                self.failures += u32::from(refused.is_some());
                if self.failures > 0 {
                    self.start = self.start.max(Instant::now() + pause(self.failures - 1));
                }
            }
        }
    }

    fn lose(&mut self) {
        self.ready.extend(self.cursor.at.map(LogPiece::Lost));
    }

    fn begin_anew(&mut self, restarts: u32) {
        self.part = LogPart::Going;
        self.what.restarts = restarts;
        self.what.since = None;
        self.what.tail = None;
        self.cursor = LogCursor::default();
        self.ready.push_back(LogPiece::Restarted);
    }
}

#[cfg(test)]
#[path = "log_reader_tests.rs"]
mod tests;
