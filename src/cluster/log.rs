//! The log of a container, as its node has it.

use std::time::Duration;

use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout_at};

use super::Cluster;
use super::error::Error;
use super::exchange_error::ExchangeError;
use super::log_cursor::STAMP;
use super::request::ApiRequest;
use super::resource::PODS;
use super::stream::Unopened;

/// Lines that are asked for first where the end of a log is wanted; lines of this length make 256 KiB.
const LINES: usize = 2048;
/// By how much more are asked for where these were too few.
const MORE: usize = 8;
/// A node cuts a line longer than 16 KiB into pieces, and counts each. In what is kept there are fewer.
const PIECES: usize = 64;
/// A node that is away is asked once more, after this.
const AGAIN: Duration = Duration::from_secs(1);

/// Whose log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogSource<'a> {
    /// The pod's namespace.
    pub namespace: &'a str,
    /// The pod.
    pub pod: &'a str,
    /// The container.
    pub container: &'a str,
}

impl LogSource<'_> {
    pub(super) fn request(&self) -> ApiRequest {
        let path = PODS.path(Some(self.namespace), Some(self.pod)) + "/log";
        let what = format!(
            "log of container {} of pod/{} in namespace {}",
            self.container, self.pod, self.namespace
        );
        ApiRequest::get(path, what).query("container", self.container)
    }
}

/// What a log is called among others of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogName {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
}

/// The end of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// The last bytes, as the container wrote them.
    pub(crate) bytes: Vec<u8>,
    /// Whether there was more before them.
    pub(crate) cut: bool,
    /// Whether they are the end: a log that does not come to one in time is left where it is.
    pub(crate) ended: bool,
    /// Line ends that have come.
    lines: usize,
}

impl LogEnd {
    fn take(&mut self, data: &[u8], most: usize) {
        self.lines += memchr::memchr_iter(b'\n', data).count();
        self.bytes.extend_from_slice(data);
        // moved only once in a while
        if self.bytes.len() >= 2 * most {
            self.keep(most);
        }
    }

    fn keep(&mut self, most: usize) {
        let over = self.bytes.len().saturating_sub(most);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }
}

impl Cluster {
    /// The last `most` bytes of a container's log, as far as they come within `bound`. No more is kept in memory, whatever
    /// comes.
    ///
    /// # Errors
    /// [`Error::Timeout`] where nothing comes in time; what [any call](Cluster#errors-of-any-call) can end with;
    /// [`Error::NotFound`] for a pod that is gone; [`Error::Invalid`] or [`Error::Other`] for a container without a log.
    pub(crate) async fn log_end(
        &self,
        source: &LogSource<'_>,
        most: usize,
        bound: Duration,
    ) -> Result<LogEnd, Error> {
        let begun = Instant::now();
        let deadline = begun + bound;
        let (mut lines, mut again) = (LINES, true);
        loop {
            let mut end = LogEnd::default();
            let request = source.request().query("tailLines", &lines.to_string());
            match timeout_at(deadline, self.read_end(&request, most, &mut end)).await {
                Ok(Ok(())) => end.ended = true,
                Err(_) if end.bytes.is_empty() => {
                    let about = &self.inner.transport.about;
                    return Err(ExchangeError::Silent.into_error(about, &request.what, begun.elapsed()));
                }
                Ok(Err(error)) if again && error.is_transient() && Instant::now() + AGAIN < deadline => {
                    again = false;
                    sleep(AGAIN).await;
                    continue;
                }
                Ok(Err(error)) if end.bytes.is_empty() => return Err(error),
                // what has come is better than nothing
                Ok(Err(_)) | Err(_) => {}
            }
            let whole = end.ended && end.lines + PIECES < lines;
            if !end.ended || whole || end.bytes.len() >= most {
                end.keep(most);
                end.cut |= !whole;
                return Ok(end);
            }
            lines *= MORE;
        }
    }

    /// The time of the first line that the node has of a log; none where it has none, or does not tell within `bound`.
    pub(crate) async fn log_begins(&self, source: &LogSource<'_>, bound: Duration) -> Option<Timestamp> {
        let request = source.request().query("timestamps", "true").query("limitBytes", &STAMP.to_string());
        let mut begin = LogEnd::default();
        timeout_at(Instant::now() + bound, self.read_end(&request, STAMP, &mut begin)).await.ok()?.ok()?;
        let blank = memchr::memchr(b' ', &begin.bytes)?;
        std::str::from_utf8(&begin.bytes[..blank]).ok()?.parse().ok()
    }

    async fn read_end(&self, request: &ApiRequest, most: usize, end: &mut LogEnd) -> Result<(), Error> {
        let begun = Instant::now();
        let about = &self.inner.transport.about;
        let mut body = match self.open_stream(request).await {
            Ok(body) => body,
            Err(Unopened::Failed(error)) => return Err(error),
            Err(Unopened::Refused(status, _)) => {
                return Err(status.into_error(&request.what, about, false));
            }
        };
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                ExchangeError::of(&error).into_error(about, &request.what, begun.elapsed())
            })?;
            if let Some(data) = frame.data_ref() {
                end.take(data, most);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
