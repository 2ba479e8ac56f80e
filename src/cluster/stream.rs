//! Opens an answer that comes bit by bit: a watch, or a log. It takes no place among the requests in flight, since it stays.

use std::time::Duration;

use http::StatusCode;
use kube::client::Body;
use tokio::time::{Instant, timeout};

use super::Cluster;
use super::answer::{retry_after, whole};
use super::error::Error;
use super::exchange_error::ExchangeError;
use super::request::{ANSWER_BYTES, ApiRequest};
use super::status::Status;
use super::stranger::stranger;

/// Why there is no stream.
#[derive(Debug)]
pub(super) enum Unopened {
    /// The server says no, and how long to wait at least.
    Refused(Status, Option<Duration>),
    /// Nothing came back, or there is nothing to ask with.
    Failed(Error),
}

impl Cluster {
    /// Asks once; a 401 once more, with credentials read anew.
    pub(super) async fn open_stream(&self, request: &ApiRequest) -> Result<Body, Unopened> {
        let transport = &self.inner.transport;
        let mut renewed = false;
        loop {
            transport.prepare().await.map_err(Unopened::Failed)?;
            let begun = Instant::now();
            let opening = timeout(self.inner.request_timeout, transport.open(request, true));
            let (response, generation) = opening.await.unwrap_or((Err(ExchangeError::Silent), 0));
            let (head, body) = match response {
                Ok(response) => response.into_parts(),
                Err(trouble) => {
                    let error = trouble.into_error(&transport.about, &request.what, begun.elapsed());
                    return Err(Unopened::Failed(error));
                }
            };
            let strange = |body: &[u8]| stranger(&transport.about, request, head.status, &head.headers, body);
            if head.status.is_success() {
                return match strange(b"") {
                    Some(error) => Err(Unopened::Failed(error)),
                    None => Ok(body),
                };
            }
            let refused = head.status == StatusCode::UNAUTHORIZED;
            if refused && !renewed && transport.renew(generation).await.map_err(Unopened::Failed)? {
                renewed = true;
                continue;
            }
            let body = timeout(self.inner.request_timeout, whole(body, ANSWER_BYTES)).await;
            let body =
                transport.without_credentials(body.ok().and_then(Result::ok).unwrap_or_default()).await;
            if let Some(error) = strange(&body) {
                return Err(Unopened::Failed(error));
            }
            let status = Status::read(head.status.as_u16(), &body);
            return Err(Unopened::Refused(status, retry_after(&head.headers)));
        }
    }
}
