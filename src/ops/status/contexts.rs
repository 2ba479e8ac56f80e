//! Several clusters, asked at once: each for itself, so that one which is dead or hangs costs the others nothing.

use std::time::Duration;

use futures_util::future::join_all;

use crate::cluster::{self, Cluster};
use crate::state::error::Result;

/// Asks each cluster, all at once, and waits no longer than `bound` for any of them. What each came to, in the order in
/// which they are given.
///
/// What cannot even be tried (`Err` in `clusters`) is what that one came to.
pub async fn each<C: Copy, T>(
    clusters: Vec<(C, std::result::Result<Cluster, cluster::Error>)>,
    bound: Duration,
    ask: impl AsyncFn(&Cluster) -> Result<T>,
) -> Vec<(C, Result<T>)> {
    let ask = &ask;
    let asked = clusters.into_iter().map(|(context, cluster)| async move {
        let answer = match cluster {
            Err(error) => Err(error.into()),
            Ok(cluster) => {
                let asked = tokio::time::timeout(bound, ask(&cluster)).await;
                asked.unwrap_or_else(|_| Err(cluster.late("list builds", bound).into()))
            }
        };
        (context, answer)
    });
    join_all(asked).await
}
