//! Work that a signal may end: Ctrl-C for a person, SIGTERM for an agent, which is the first process of its container.

use std::future::Future;
use std::pin::pin;

use tokio::signal::unix::{SignalKind, signal};

/// Does `work` until it is done, or until Ctrl-C; then none.
pub async fn or_interrupted<T>(work: impl Future<Output = T>) -> Option<T> {
    or_signalled(work, &[SignalKind::interrupt()]).await
}

/// Does `work` until it is done, or until SIGTERM or Ctrl-C; then none.
pub async fn or_terminated<T>(work: impl Future<Output = T>) -> Option<T> {
    or_signalled(work, &[SignalKind::terminate(), SignalKind::interrupt()]).await
}

/// A system that gives no handler leaves the signal's own meaning: the process ends.
async fn or_signalled<T>(work: impl Future<Output = T>, kinds: &[SignalKind]) -> Option<T> {
    let mut signals: Vec<_> = kinds.iter().filter_map(|kind| signal(*kind).ok()).collect();
    let arrived = futures_util::future::select_all(signals.iter_mut().map(|signal| Box::pin(signal.recv())));
    let work = pin!(work);
    match futures_util::future::select(work, arrived).await {
        futures_util::future::Either::Left((done, _)) => Some(done),
        futures_util::future::Either::Right(_) => None,
    }
}
