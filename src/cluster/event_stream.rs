//! One open stream of a watch, line by line, and what a line is.

use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};

use super::exchange_error::ExchangeError;
use super::request::ANSWER_BYTES;

/// One open stream.
pub(super) struct EventStream {
    body: Body,
    buffer: Vec<u8>,
    /// Up to where the buffer holds no line end.
    scanned: usize,
    pub(super) begun: Instant,
    /// How many events it has brought.
    pub(super) events: u64,
}

/// Why a stream brings no further line.
#[derive(Debug)]
pub(super) enum StreamEnd {
    /// The server ended it.
    Closed,
    /// It was cut off, or silent for too long.
    Broken(ExchangeError),
    /// A line is longer than [`ANSWER_BYTES`].
    LineTooLong,
}

impl EventStream {
    pub(super) fn new(body: Body) -> Self {
        Self { body, buffer: Vec::new(), scanned: 0, begun: Instant::now(), events: 0 }
    }

    /// The next line. May be dropped and called again: what has come of it stays in the buffer.
    pub(super) async fn line(&mut self, deadline: Instant) -> Result<Vec<u8>, StreamEnd> {
        loop {
            if let Some(end) = self.buffer[self.scanned..].iter().position(|&byte| byte == b'\n') {
                let rest = self.buffer.split_off(self.scanned + end + 1);
                self.scanned = 0;
                return Ok(std::mem::replace(&mut self.buffer, rest));
            }
            self.scanned = self.buffer.len();
            if self.scanned > ANSWER_BYTES {
                return Err(StreamEnd::LineTooLong);
            }
            match timeout_at(deadline, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
                Ok(None) => return Err(StreamEnd::Closed),
                Ok(Some(Err(error))) => return Err(StreamEnd::Broken(ExchangeError::of(&error))),
                Err(_) => return Err(StreamEnd::Broken(ExchangeError::Silent)),
            }
        }
    }
}

/// A line of a watch, without the object.
#[derive(Deserialize)]
pub(super) struct EventHead {
    pub(super) r#type: String,
    pub(super) object: HeadObject,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct HeadObject {
    pub(super) metadata: HeadMeta,
    /// Of a Status, which comes with the type `ERROR`.
    pub(super) code: u16,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct HeadMeta {
    pub(super) resource_version: String,
}

/// A line of a watch, the object alone.
#[derive(Deserialize)]
pub(super) struct EventObject<T> {
    pub(super) object: T,
}
