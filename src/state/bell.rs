//! A bell that watches ring: each does nothing but say "look again".
//!
//! Every watch rings when it begins, so that nothing between a look and its start is missed; a stream that only goes on where
//! the last one ended rings nobody. Whoever may not watch is not told: they look again by the clock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};

use super::error::Result;
use crate::cluster::objects::Object;
use crate::cluster::resource::Resource;
use crate::cluster::{Cluster, Follow, Query, WatchEvent};

/// How long one stream lasts. An idle listener may ask twice a minute: three such streams take three requests in eight
/// minutes, how the builds before it are takes two in five (by default), and the rest is for the one stream that must notice
/// within a minute that its connection is dead.
const SPAN: Duration = Duration::from_secs(480);

/// The shortest pause between two looks.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// The bell, and the watches that ring it.
pub struct Bell {
    cluster: Cluster,
    rung: Arc<Notify>,
    tasks: JoinSet<()>,
    watches: BTreeMap<String, AbortHandle>,
}

impl Bell {
    /// A bell that nothing rings yet.
    pub fn new(cluster: &Cluster) -> Self {
        Self {
            cluster: cluster.clone(),
            rung: Arc::new(Notify::new()),
            tasks: JoinSet::new(),
            watches: BTreeMap::new(),
        }
    }

    /// Has it rung by whatever changes of what is asked for. Twice is the same as once.
    pub fn watch(&mut self, resource: &'static Resource, namespace: Option<&str>, query: &Query) {
        self.follow(resource, namespace, Follow::new(query.clone()).span(SPAN));
    }

    /// The same, as it is told how.
    pub fn follow(&mut self, resource: &'static Resource, namespace: Option<&str>, follow: Follow) {
        let key = key(resource, &follow.query);
        if self.watches.contains_key(&key) {
            return;
        }
        let bell = Arc::clone(&self.rung);
        let mut events = self.cluster.watch::<Object>(resource, namespace, follow);
        let task = self.tasks.spawn(async move {
            while let Some(event) = events.next().await {
                if !matches!(event, WatchEvent::Bookmark(_) | WatchEvent::Trouble(_)) {
                    bell.notify_one();
                }
            }
        });
        self.watches.insert(key, task);
    }

    /// Ends a watch.
    pub fn forget(&mut self, resource: &Resource, query: &Query) {
        if let Some(watch) = self.watches.remove(&key(resource, query)) {
            watch.abort();
        }
    }

    /// Waits until something changes, or until `bound` has passed. Whether something did.
    pub async fn wait(&self, bound: Option<Duration>) -> bool {
        let rung = self.rung.notified();
        let Some(bound) = bound else {
            rung.await;
            return true;
        };
        tokio::time::timeout(bound, rung).await.is_ok()
    }
}

fn key(resource: &Resource, query: &Query) -> String {
    format!("{} {query:?}", resource.plural)
}

/// Looks until there is an answer: again whenever the bell rings, and after `pace` in any case. None after `bound`; the last
/// look is made then. `look` is told how long it has been waited.
///
/// # Errors
/// What `look` fails with.
pub async fn wait_until<T>(
    bell: &Bell,
    pace: Duration,
    bound: Duration,
    mut look: impl AsyncFnMut(Duration) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let begun = tokio::time::Instant::now();
    loop {
        // taken before the look: one that begins within the bound and ends after it is not the last one
        let waited = begun.elapsed();
        if let Some(answer) = look(waited).await? {
            return Ok(Some(answer));
        }
        if waited >= bound {
            return Ok(None);
        }
        // whoever rings all the time does not set the pace of our requests
        tokio::time::sleep(LEAST_PAUSE.min(pace)).await;
        bell.wait(Some(pace.saturating_sub(LEAST_PAUSE).min(bound.saturating_sub(begun.elapsed())))).await;
    }
}
