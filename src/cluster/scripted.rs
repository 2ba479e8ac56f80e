//! A connection to a server that a test plays.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tower::{BoxError, Service};

use super::Cluster;
use super::connection_info::ConnectionInfo;
use super::outside::Outside;
use super::transport::{Source, Transport};

impl Cluster {
    /// A connection by way of this client, which counts as one that has never been answered yet.
    pub fn with_client(client: kube::Client) -> Self {
        Self::played(Source::Fixed(None), false, client)
    }

    /// The same with somebody played at the end of every way out.
    #[must_use]
    pub fn with_outside(self, outside: Outside) -> Self {
        *self.inner.outside.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(outside);
        self
    }

    fn played(source: Source, reached: bool, client: kube::Client) -> Self {
        let about =
            ConnectionInfo { withheld: matches!(source, Source::Withheld(_)), ..ConnectionInfo::scripted() };
        let transport = Transport::new(source, None, client, about, reached);
        Self::over(transport, Duration::from_secs(15), Duration::from_secs(60))
    }
}

impl Outside {
    /// A way to a server that a test plays.
    pub fn with_service<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error: Into<BoxError>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        B: hyper::body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        Self::over(service)
    }
}

#[cfg(test)]
mod scripts {
    use testkit::{Reply, Scripted, SeenRequest};

    use super::{Cluster, Duration, Source};

    impl Cluster {
        /// A server that follows a script, and its record.
        pub(crate) fn scripted(
            script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
        ) -> (Self, Scripted) {
            Self::scripted_as(Source::Fixed(None), false, script)
        }

        /// The same with these credentials, and whether it has been reached before.
        pub(in crate::cluster) fn scripted_as(
            source: Source,
            reached: bool,
            script: impl FnMut(&SeenRequest) -> Reply + Send + 'static,
        ) -> (Self, Scripted) {
            let (client, scripted) = Scripted::serve(script);
            (Self::played(source, reached, client), scripted)
        }

        /// The same connection with other bounds, for one request and for all of a call.
        pub(in crate::cluster) fn bounded(self, request_timeout: Duration, patience: Duration) -> Self {
            let inner = std::sync::Arc::into_inner(self.inner).expect("nobody else has it yet");
            Self::over(inner.transport, request_timeout, patience)
        }
    }
}
