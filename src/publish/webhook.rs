//! A webhook: one POST for each thing that is said, signed, and repeated until somebody takes it.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, LOCATION, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use ring::hmac;
use secrecy::{ExposeSecret as _, SecretString};

use super::answer::{passing, unanswered};
use super::fault::PublishFault;
use super::github::of_way;
use super::patience::{Setback, patiently};
use super::{Outcome, address};
use crate::chain::build::{Build, Phase};
use crate::cluster::outside::{HttpAnswer, Outside, WayOut};

/// Which build and which phase it is about; the same whenever it is sent again.
const DELIVERY: &str = "x-studioci-delivery";
/// The phase.
const EVENT: &str = "x-studioci-event";
/// `sha256=` and the HMAC-SHA256 of the body in hexadecimal digits.
const SIGNATURE: &str = "x-studioci-signature";

/// What is sent once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    id: String,
    event: &'static str,
    body: String,
}

impl Delivery {
    /// What is said of a build from a phase on. `body`: JSON, the build's object or what a template made of it.
    /// Whoever sends it again, after an agent's restart too, names it the same, so that its receiver can tell.
    pub(super) fn of(build: &Build, since: Phase, body: String) -> Self {
        Self { id: format!("{}-{since}", build.uid), event: since.as_str(), body }
    }
}

/// The value of the header that signs a body.
pub(super) fn signature(secret: &SecretString, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut text = String::from("sha256=");
    for byte in hmac::sign(&key, body).as_ref() {
        // writing to a String cannot fail
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A webhook. Its path may prove who sends, so that nothing shows more than its host.
pub(super) struct Webhook {
    outside: Outside,
    url: Uri,
    host: String,
    secret: Option<SecretString>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook").field("host", &self.host).finish_non_exhaustive()
    }
}

impl Webhook {
    /// `secret`: what signs; none where the receiver does not check.
    ///
    /// # Errors
    /// An address, a secret, an authority or a proxy that cannot be used; nothing is sent yet.
    pub(super) fn new(
        url: &str,
        secret: Option<SecretString>,
        way: &WayOut<'_>,
    ) -> Result<Self, PublishFault> {
        let url = address::read(address::WEBHOOK, url)?;
        let outside = Outside::to(&url, way).map_err(of_way)?;
        Self::over(outside, url, secret)
    }

    /// The same over this way.
    pub(super) fn over(
        outside: Outside,
        url: Uri,
        secret: Option<SecretString>,
    ) -> Result<Self, PublishFault> {
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            return Err(PublishFault::HookSecretEmpty {});
        }
        let host = url.authority().map_or("", |authority| authority.as_str()).to_owned();
        Ok(Self { outside, url, host, secret })
    }

    /// Has it taken, within that time as far as the receiver lets us. One that took it and did not say so gets it again, with
    /// the same [`DELIVERY`].
    pub(super) async fn deliver(&self, delivery: &Delivery, within: Duration) -> Outcome {
        let done = patiently(within, async || {
            let request = self.request(delivery).map_err(|error| {
                Setback::Never(PublishFault::OutletMalformed {
                    what: address::WEBHOOK,
                    why: error.to_string(),
                })
            })?;
            let answer = self.outside.send(request).await;
            self.taken(&answer.map_err(|no| unanswered(self.host.clone(), no))?)
        });
        match done.await {
            Ok(()) => Outcome::Published,
            Err(Setback::Again { why, after }) => Outcome::Later { after, why },
            Err(Setback::Never(why)) => Outcome::Unpublished(why),
        }
    }

    fn taken(&self, answer: &HttpAnswer) -> Result<(), Setback> {
        let host = self.host.clone();
        if answer.code.is_success() {
            return Ok(());
        }
        if let Some(setback) = passing(&host, answer) {
            return Err(setback);
        }
        let location = answer.headers.get(LOCATION).filter(|_| answer.code.is_redirection());
        Err(Setback::Never(match location.and_then(|location| location.to_str().ok()) {
            Some(location) => {
                let to =
                    address::redirected(&self.url, location).map_or_else(|to| to, |to| address::origin(&to));
                PublishFault::HookRedirects { host, to }
            }
            None => PublishFault::HookRefused { host, code: answer.code.as_u16() },
        }))
    }

    fn request(&self, delivery: &Delivery) -> Result<Request<Full<Bytes>>, http::Error> {
        let mut request = Request::post(&self.url)
            .header(USER_AGENT, super::USER_AGENT)
            .header(CONTENT_TYPE, "application/json")
            .header(DELIVERY, &delivery.id)
            .header(EVENT, delivery.event);
        if let Some(secret) = &self.secret {
            let mut value = HeaderValue::try_from(signature(secret, delivery.body.as_bytes()))?;
            value.set_sensitive(true);
            request = request.header(SIGNATURE, value);
        }
        request.body(Full::from(delivery.body.clone()))
    }
}
