//! When a request is sent again: the only place that decides it.
//!
//! | what came back | safe to repeat (reads, server-side apply, patches, deletes by uid) | plain create |
//! |---|---|---|
//! | connection refused, unknown host | again, if the server has answered before; else fail | the same |
//! | reset, cut off, no answer in time | again | look whether it landed, then again |
//! | 429 | again after Retry-After and a random part | the same |
//! | 500 `etcdserver:`, 500 ServerTimeout, 502, 503, 504 | again | look whether it landed, then again |
//! | 401 | once, with credentials read anew | the same |
//! | an answer that is too large, or no API server's | to the caller | to the caller |
//! | 409 AlreadyExists | to the caller | after an own earlier try: look whose it is |
//! | anything else | to the caller | to the caller |
//!
//! All within one deadline for the call; all repetitions of a process share one pace of at most one a second.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Mutex;
use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use tokio::sync::SemaphorePermit;
use tokio::time::Instant;

use super::answer::{HttpAnswer, retry_after};
use super::error::Error;
use super::exchange_error::ExchangeError;
use super::hindrance::Hindrance;
use super::request::{ApiRequest, Replay};
use super::status::Status;
use super::stranger::stranger;
use super::transport::QUIET;
use super::{Cluster, ClusterNotice};

/// First pause between tries; it doubles.
const FIRST: Duration = Duration::from_millis(800);
/// Longest pause that we choose ourselves.
const LONGEST: Duration = Duration::from_secs(30);
/// Repetitions of one process are at least this far apart.
const APART: Duration = Duration::from_secs(1);

/// How long to pause before the `tries`-th repetition (from 0), with up to half as much again at random so that
/// many clients do not come back in step.
pub fn pause(tries: u32) -> Duration {
    let base = FIRST.saturating_mul(2_u32.saturating_pow(tries)).min(LONGEST);
    base + jitter(base / 2)
}

/// A random part of `most`.
pub(super) fn jitter(most: Duration) -> Duration {
    // The standard library's hasher is keyed at random; that is random enough to fall out of step.
    let random = RandomState::new().build_hasher().finish() >> 32;
    let share = u32::try_from(random).unwrap_or(u32::MAX);
    most.mul_f64(f64::from(share) / f64::from(u32::MAX))
}

/// Hands out the moments at which the process may repeat something.
#[derive(Debug, Default)]
pub(super) struct Pace {
    free: Mutex<Option<Instant>>,
}

impl Pace {
    /// The first moment from `wanted` on at which no other repetition takes place.
    fn reserve(&self, wanted: Instant) -> Instant {
        let mut free = self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let slot = free.map_or(wanted, |free| free.max(wanted));
        *free = Some(slot + APART);
        slot
    }

    /// The server is well: nobody has to queue.
    fn clear(&self) {
        *self.free.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
    }
}

/// What one try came to.
#[derive(Debug)]
enum TryOutcome {
    /// The server answered, for good or bad.
    Answered(HttpAnswer),
    /// It may be sent again.
    Again {
        /// Whether the server may have acted on it.
        uncertain: bool,
        /// The least pause that the server asks for.
        after: Option<Duration>,
        /// What to say if there is no more time.
        error: Error,
    },
    /// It makes no sense to go on.
    Fatal(Error),
}

/// How a create that may have landed is known to be ours.
pub enum Proof<'a> {
    /// Everything that we sent stands in the object that is there.
    SameContent,
    /// The caller looks at the live object, for example at the owner's uuid in an annotation.
    By(&'a (dyn Fn(&Value) -> bool + Send + Sync)),
}

impl Proof<'_> {
    fn holds(&self, sent: &Value, live: &Value) -> bool {
        match self {
            Self::SameContent => contains(live, sent),
            Self::By(look) => look(live),
        }
    }
}

/// Whether everything in `sent` stands in `live`; the server only ever adds (defaults, status, metadata).
pub(super) fn contains(live: &Value, sent: &Value) -> bool {
    match (live, sent) {
        (Value::Object(live), Value::Object(sent)) => sent.iter().all(|(key, sent)| match live.get(key) {
            Some(live) => contains(live, sent),
            // A Secret's stringData is write-only; an absent field may be sent as null or empty.
            None => key == "stringData" || is_nothing(sent),
        }),
        (Value::Array(live), Value::Array(sent)) => {
            live.len() == sent.len() && live.iter().zip(sent).all(|(live, sent)| contains(live, sent))
        }
        (live, sent) => live == sent,
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}

/// One call: its tries, its deadline, its place among the requests in flight.
struct Call<'a> {
    cluster: &'a Cluster,
    what: &'a str,
    begun: Instant,
    deadline: Instant,
    tries: u32,
    renewed: bool,
    told: bool,
    _place: SemaphorePermit<'a>,
}

impl<'a> Call<'a> {
    async fn begin(cluster: &'a Cluster, what: &'a str) -> Result<Self, Error> {
        let begun = Instant::now();
        let place = cluster.inner.in_flight.acquire().await.map_err(|_| Error::Other {
            what: what.to_owned(),
            code: 0,
            why: "this connection is closed".to_owned(),
        })?;
        let deadline = Instant::now() + cluster.inner.patience.max(cluster.inner.request_timeout);
        Ok(Self { cluster, what, begun, deadline, tries: 0, renewed: false, told: false, _place: place })
    }

    /// Sends the request once and judges what came back. A 401 is tried once more with new credentials, here.
    async fn once(&mut self, request: &ApiRequest) -> TryOutcome {
        loop {
            let transport = &self.cluster.inner.transport;
            let before = Instant::now();
            if let Err(error) = transport.prepare().await {
                return TryOutcome::Fatal(error);
            }
            self.deadline += before.elapsed();
            let left = self.deadline.saturating_duration_since(Instant::now());
            let bound = self.cluster.inner.request_timeout.min(left).max(Duration::from_millis(1));
            let (result, generation) = transport.exchange(request, bound).await;
            if let Ok(answer) = &result
                && answer.code == StatusCode::UNAUTHORIZED
                && !self.renewed
            {
                self.renewed = true;
                match transport.renew(generation).await {
                    Ok(true) => continue,
                    Ok(false) => {}
                    Err(error) => return TryOutcome::Fatal(error),
                }
            }
            return self.judge(request, result);
        }
    }

    fn judge(&self, request: &ApiRequest, result: Result<HttpAnswer, ExchangeError>) -> TryOutcome {
        let about = &self.cluster.inner.transport.about;
        match result {
            Ok(answer)
                if answer.code == StatusCode::PROXY_AUTHENTICATION_REQUIRED && about.proxy.is_some() =>
            {
                // of plain http a proxy reads each request, and answers it itself
                let why = format!("the proxy answered {}", answer.code);
                TryOutcome::Fatal(self.unreachable(Hindrance::Proxy(why)))
            }
            Ok(answer) => {
                let Some((uncertain, after)) = repeatable(&answer) else {
                    return match stranger(about, request, answer.code, &answer.headers, &answer.body) {
                        Some(error) => TryOutcome::Fatal(error),
                        None => TryOutcome::Answered(answer),
                    };
                };
                let status = Status::read(answer.code.as_u16(), &answer.body);
                let error = status.into_error(self.what, about, false);
                TryOutcome::Again { uncertain, after, error }
            }
            Err(ExchangeError::Credentials(error)) => TryOutcome::Fatal(error),
            Err(ExchangeError::TooLarge(most)) => {
                TryOutcome::Fatal(Error::TooLarge { what: self.what.to_owned(), most })
            }
            Err(ExchangeError::Hopeless(why)) => TryOutcome::Fatal(self.unreachable(why)),
            Err(ExchangeError::Unsent(why)) if !self.cluster.inner.transport.reached() => {
                TryOutcome::Fatal(self.unreachable(why))
            }
            Err(ExchangeError::Silent) if !self.cluster.inner.transport.reached() => {
                TryOutcome::Fatal(self.silent())
            }
            Err(ExchangeError::Unsent(why)) => {
                TryOutcome::Again { uncertain: false, after: None, error: self.unreachable(why) }
            }
            Err(ExchangeError::Cut(why)) => {
                TryOutcome::Again { uncertain: true, after: None, error: self.unreachable(why) }
            }
            Err(ExchangeError::Silent) => {
                TryOutcome::Again { uncertain: true, after: None, error: self.silent() }
            }
        }
    }

    fn unreachable(&self, why: Hindrance) -> Error {
        self.cluster.inner.transport.about.unreachable(why)
    }

    fn silent(&self) -> Error {
        self.cluster.inner.transport.about.silent(self.what, self.begun.elapsed())
    }

    /// Waits before the next try, or gives up with `error` if there is no time for one.
    async fn pause(&mut self, after: Option<Duration>, error: Error) -> Result<(), Error> {
        let wait = match after {
            Some(after) => (after + jitter((after / 2).max(APART))).max(pause(self.tries)),
            None => pause(self.tries),
        };
        self.tries += 1;
        let now = Instant::now();
        if now + wait >= self.deadline {
            return Err(error);
        }
        let slot = self.cluster.inner.pace.reserve(now + wait);
        if slot >= self.deadline {
            return Err(error);
        }
        let wait = slot - now;
        if wait > QUIET || (!self.told && slot - self.begun > QUIET) {
            self.told = true;
            self.cluster
                .inner
                .transport
                .sink
                .tell(ClusterNotice::Waiting(format!("{error}; next try in {} s", wait.as_secs().max(1))));
        }
        tokio::time::sleep_until(slot).await;
        Ok(())
    }

    /// Sends a request that is safe to repeat until it is answered.
    async fn persist(&mut self, request: &ApiRequest) -> Result<HttpAnswer, Error> {
        loop {
            match self.once(request).await {
                TryOutcome::Answered(answer) => {
                    if answer.code.is_success() {
                        self.cluster.inner.pace.clear();
                    }
                    return Ok(answer);
                }
                TryOutcome::Again { after, error, .. } => self.pause(after, error).await?,
                TryOutcome::Fatal(error) => return Err(error),
            }
        }
    }
}

/// Whether an answer asks to be asked again: whether the server may have acted, and how long to wait at least.
fn repeatable(answer: &HttpAnswer) -> Option<(bool, Option<Duration>)> {
    let after = retry_after(&answer.headers);
    match answer.code.as_u16() {
        429 => Some((false, after)),
        502..=504 => Some((true, after)),
        500 => {
            let status = Status::read(500, &answer.body);
            let after = after.or_else(|| {
                let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                (seconds > 0).then(|| Duration::from_secs(seconds))
            });
            let passing = status.message.contains("etcdserver:")
                || status.reason == "ServerTimeout"
                || status.causes().iter().any(|cause| cause.message.contains("etcdserver:"))
                || after.is_some();
            passing.then_some((true, after))
        }
        _ => None,
    }
}

impl Cluster {
    /// Sends a request until the server has answered for good, and makes an error of an answer that is one.
    pub(super) async fn call(&self, request: &ApiRequest) -> Result<HttpAnswer, Error> {
        debug_assert_eq!(request.replay, Replay::Safe, "a create needs a proof");
        let answer = Call::begin(self, &request.what).await?.persist(request).await?;
        self.accept(request, answer)
    }

    /// Creates `sent`. If a try may have landed, `look` (a GET of the name) tells whether it did, and `proof`
    /// whether what is there is ours.
    pub(super) async fn call_create(
        &self,
        request: &ApiRequest,
        look: &ApiRequest,
        sent: &Value,
        proof: &Proof<'_>,
    ) -> Result<HttpAnswer, Error> {
        let mut call = Call::begin(self, &request.what).await?;
        let mut doubtful = false;
        loop {
            let mut paused = false;
            match call.once(request).await {
                TryOutcome::Answered(answer) if answer.code == StatusCode::CONFLICT && doubtful => {}
                TryOutcome::Answered(answer) => {
                    if answer.code.is_success() {
                        self.inner.pace.clear();
                    }
                    return self.accept(request, answer);
                }
                TryOutcome::Fatal(error) => return Err(error),
                TryOutcome::Again { uncertain, after, error } => {
                    doubtful |= uncertain;
                    call.pause(after, error).await?;
                    paused = true;
                    if !uncertain {
                        continue;
                    }
                }
            }
            let found = call.persist(look).await?;
            if found.code == StatusCode::NOT_FOUND {
                if !paused {
                    // Taken a moment ago, gone now: whatever goes on there, do not race it.
                    let why = "the name is taken and not taken in turns".to_owned();
                    call.pause(None, Error::Conflict { what: request.what.clone(), why }).await?;
                }
                continue;
            }
            let found = self.accept(look, found)?;
            let live: Value = super::decode(&found.body, &look.what)?;
            if proof.holds(sent, &live) {
                return Ok(found);
            }
            return Err(Error::AlreadyExists {
                what: request.what.clone(),
                why: "another one took the name while our request was lost".to_owned(),
            });
        }
    }

    fn accept(&self, request: &ApiRequest, answer: HttpAnswer) -> Result<HttpAnswer, Error> {
        if answer.code.is_success() {
            return Ok(answer);
        }
        let about = &self.inner.transport.about;
        let status = Status::read(answer.code.as_u16(), &answer.body);
        Err(status.into_error(&request.what, about, request.tests))
    }
}

#[cfg(test)]
#[path = "retry_tests.rs"]
mod tests;
