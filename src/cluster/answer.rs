//! An answer of the API server, whole, and what its headers say.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{DATE, HeaderMap, RETRY_AFTER};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use jiff::Timestamp;
use tower::BoxError;

use super::exchange_error::ExchangeError;

/// What came back, whole.
#[derive(Debug)]
pub struct HttpAnswer {
    /// The status.
    pub code: StatusCode,
    /// All headers.
    pub headers: HeaderMap,
    /// All bytes, decompressed.
    pub body: Bytes,
}

impl HttpAnswer {
    /// The server's clock.
    pub fn date(&self) -> Option<Timestamp> {
        http_date(self.headers.get(DATE)?.to_str().ok()?)
    }
}

/// A time as HTTP writes it.
pub fn http_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// `Retry-After` in whole seconds, the only form that API servers use.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// A body as it comes, at most `most` bytes of it, after decompression.
pub(super) async fn whole<B>(body: B, most: usize) -> Result<Bytes, ExchangeError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ExchangeError::TooLarge(most)),
        Err(error) => Err(ExchangeError::of(error.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn headers_tell_how_long_to_wait_and_what_time_it_is() {
        let mut headers = HeaderMap::new();
        assert_eq!(retry_after(&headers), None);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("7"));
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(7)));
        headers.insert(DATE, HeaderValue::from_static("Tue, 24 Nov 2026 20:50:33 GMT"));
        let answer = HttpAnswer { code: StatusCode::OK, headers, body: Bytes::new() };
        assert_eq!(answer.date(), "2026-11-24T20:50:33Z".parse().ok());
    }
}
