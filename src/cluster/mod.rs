//! The only room that speaks to the API server.
//!
//! [`Cluster`] is a connection: cheap to clone, every call bounded in time, at most 8 requests in flight. It knows
//! how to ask ([`verbs`](Cluster::get)), when to ask again (`retry`), how to watch ([`watch`]) and what an answer
//! means ([`Error`]). It knows nothing of chains and builds.
//!
//! It refuses to read the environment or a command line (whoever builds [`Options`] does), to fall back from one
//! way of connecting to another in silence, to discover APIs (the kinds in use stand in [`resource`]), to force a
//! server-side apply, and to create an object whose name it does not know (`generateName`).
//!
//! [`outside`] lends its connector to whoever tells others of a build.

mod access;
mod answer;
mod client;
mod config_fault;
mod connect;
mod connection_info;
mod connector;
mod credentials;
pub mod error;
mod event_stream;
mod exchange_error;
mod forbidden;
mod giver;
mod handshake;
mod hindrance;
mod identity;
mod kubeconfig;
mod kubeconfig_files;
mod kubeconfig_names;
mod kuberc;
mod list;
mod log;
mod log_cursor;
mod log_reader;
mod misread;
pub mod objects;
pub mod options;
pub mod outside;
mod plugin;
mod plugin_program;
mod proxy;
mod request;
mod retry;
#[cfg(any(test, feature = "testing"))]
mod scripted;
mod status;
mod stranger;
mod stream;
mod transport;
mod trust;
mod url;
mod verbs;
pub mod watch;
mod way;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

pub use crate::chain::resource;
pub use access::Access;
#[cfg(any(test, feature = "testing"))]
pub use config_fault::ConfigFault;
pub use error::{Denier, Error};
#[cfg(feature = "testing")]
pub use forbidden::Forbidden;
#[cfg(feature = "testing")]
pub use giver::Giver;
#[cfg(feature = "testing")]
pub use hindrance::CertificateFault;
pub use hindrance::Hindrance;
pub use kubeconfig_names::{KubeconfigNames, KubeconfigRead};
pub use list::{List, Query};
pub use log::{LogName, LogSource};
pub use log_cursor::LogPiece;
pub use log_reader::ReadLog;
pub use options::{InCluster, Options, USER_AGENT};
pub use resource::Resource;
pub use retry::{Proof, pause};
pub use verbs::{Create, Delete, Deletion, Patch};
pub use watch::{Follow, WatchEvent};

/// Requests in flight at most: polite to the server's fairness queues, and few TLS handshakes.
pub(crate) const IN_FLIGHT: usize = 8;

/// Something that a person who waits should know. One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterNotice {
    /// We wait for something, and for what.
    Waiting(String),
    /// The server warns (a deprecated API, a policy in warn mode), as kubectl shows with `Warning:`.
    Warning(String),
    /// What was taken since nobody said otherwise.
    Chosen(String),
}

type NoticeHandler = Box<dyn Fn(ClusterNotice) + Send + Sync>;

/// Where notices go.
#[derive(Default)]
struct Sink {
    listener: RwLock<Option<NoticeHandler>>,
    warned: Mutex<BTreeSet<String>>,
    /// What was chosen before anybody listened.
    chosen: Mutex<Option<String>>,
}

impl Sink {
    fn tell(&self, notice: ClusterNotice) {
        if let Some(listener) = &*self.listener.read().unwrap_or_else(std::sync::PoisonError::into_inner) {
            listener(notice);
        }
    }

    /// Tells what was chosen, once somebody listens.
    fn choose(&self, text: String) {
        *self.chosen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(text);
    }

    /// A warning of the server; the same one only once.
    fn warn(&self, text: String) {
        let mut warned = self.warned.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if warned.insert(text.clone()) {
            drop(warned);
            self.tell(ClusterNotice::Warning(text));
        }
    }

    /// Waits for `work`, and tells so once if it takes longer than two seconds.
    async fn slowly<T>(&self, work: impl Future<Output = T>, notice: impl FnOnce() -> ClusterNotice) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = tokio::time::sleep(transport::QUIET) => self.tell(notice()),
        }
        work.await
    }
}

/// A connection to one cluster as one user.
///
/// # Errors of any call
/// - [`Error::Unreachable`], [`Error::Timeout`] and [`Error::TooManyRequests`], once patience is over;
/// - [`Error::Config`] and [`Error::Unauthorized`] where the credentials are the matter, [`Error::Forbidden`] where RBAC
///   is, [`Error::Denied`] where admission is;
/// - [`Error::TooLarge`] for an answer beyond all bounds, [`Error::Other`] for one that cannot be read, and for whatever
///   else the server says.
#[derive(Clone)]
pub struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    transport: transport::Transport,
    request_timeout: Duration,
    patience: Duration,
    in_flight: Semaphore,
    pace: retry::Pace,
    #[cfg(any(test, feature = "testing"))]
    outside: Mutex<Option<outside::Outside>>,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Cluster").field(&self.inner.transport.about).finish()
    }
}

impl Cluster {
    fn over(transport: transport::Transport, request_timeout: Duration, patience: Duration) -> Self {
        Self {
            inner: Arc::new(Inner {
                transport,
                request_timeout,
                patience,
                in_flight: Semaphore::new(IN_FLIGHT),
                pace: retry::Pace::default(),
                #[cfg(any(test, feature = "testing"))]
                outside: Mutex::default(),
            }),
        }
    }

    /// Sends notices (long waits, warnings of the server) to `listener` from now on, for all clones.
    pub fn on_notice(&self, listener: impl Fn(ClusterNotice) + Send + Sync + 'static) {
        let sink = &self.inner.transport.sink;
        *sink.listener.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(Box::new(listener));
        let chosen = sink.chosen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(chosen) = chosen {
            sink.tell(ClusterNotice::Chosen(chosen));
        }
    }

    /// That nothing has come of `what` within `after`, for whoever sets a bound to several requests.
    pub fn late(&self, what: &str, after: Duration) -> Error {
        self.inner.transport.about.silent(what, after)
    }

    /// How whoever is in this cluster reaches others.
    #[cfg_attr(
        not(any(test, feature = "testing")),
        expect(clippy::unused_self, reason = "a test's cluster says who is played at the other end")
    )]
    pub fn way_out<'a>(&self, proxies: options::Proxies, proxy_named: &'a str) -> outside::WayOut<'a> {
        outside::WayOut {
            proxies,
            proxy_named,
            #[cfg(any(test, feature = "testing"))]
            played: self.inner.outside.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
            ..outside::WayOut::default()
        }
    }

    /// Tells whoever listens what is waited for.
    pub fn waits(&self, what: String) {
        self.inner.transport.sink.tell(ClusterNotice::Waiting(what));
    }
}

/// Decodes an answer.
fn decode<T: DeserializeOwned>(body: &[u8], what: &str) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| Error::Other {
        what: what.to_owned(),
        code: 0,
        why: format!("the server's answer cannot be read: {}", unquoted(&error.to_string())),
    })
}

/// serde's words without the value that some of them quote, which may be a Secret's.
fn unquoted(error: &str) -> String {
    let quotes = ["invalid ", "unknown "].iter().any(|word| error.starts_with(word));
    let Some((found, _)) = error.split_once(['"', '`']).filter(|_| quotes) else { return error.to_owned() };
    let expected = error.rsplit_once(", expected ").map_or("something else", |(_, expected)| expected);
    format!("{}, expected {expected}", found.trim_end())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_not_shown() {
        for (body, why) in [
            (
                r#"{"data": "SECRET, expected SECRET"}"#,
                "invalid type: string, expected a sequence at line 1 column 34",
            ),
            (r#"{"data": 7}"#, "invalid type: integer, expected a sequence at line 1 column 10"),
            (r#"["SECRET"]"#, "invalid type: sequence, expected a map at line 1 column 0"),
            (r#"{"data"SECRET"#, "expected `:` at line 1 column 8"),
        ] {
            let error = decode::<BTreeMap<String, Vec<u8>>>(body.as_bytes(), "secret/x").unwrap_err();
            assert_eq!(error.to_string(), format!("secret/x: the server's answer cannot be read: {why}"));
        }
    }
}
