//! What the cluster knows of names, for whoever waits at a shell: quickly, or nothing.

use std::time::Duration;

use crate::chain::build::Build;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error};
use crate::state::build::read_build;
use crate::state::select;

/// How long the cluster may take. A shell stands still meanwhile: of 300 ms the rest is the program's start.
const BOUND: Duration = Duration::from_millis(250);

/// Builds and bare claims, also what nothing proves: a proof is another request, and a shell waits for this one. None where the cluster, or whatever gives the credentials, does not answer in time.
///
/// # Errors
/// Cluster errors.
pub async fn complete(cluster: &Cluster) -> Result<Vec<Build>, Error> {
    let select = select::builds().cached();
    let asked = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select);
    let Ok(answer) = tokio::time::timeout(BOUND, asked).await else { return Ok(Vec::new()) };
    Ok(answer?.items.iter().filter_map(|namespace| read_build(namespace).ok()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use testkit::Reply;
    use tokio::time::Instant;

    use super::*;
    use crate::chain::wire;

    fn namespace(name: &str, generation: &str) -> serde_json::Value {
        json!({ "metadata": {
            "name": name, "uid": "u", "resourceVersion": "1",
            "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: "Listening" },
            "annotations": { wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: generation },
        } })
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_answers_is_asked_once_and_what_is_no_build_is_left_out() {
        let (cluster, record) = Cluster::scripted(|_| {
            let items = [namespace("ci-a", "1"), namespace("ci-b", "many")];
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        });
        let builds = complete(&cluster).await.unwrap();
        assert_eq!(builds.iter().map(|build| build.namespace.as_str()).collect::<Vec<_>>(), ["ci-a"]);
        assert_eq!(record.seen().len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_is_silent_or_busy_is_not_waited_for() {
        let replies: [fn() -> Reply; 3] = [
            || Reply::Silence,
            // each of them is asked again, and again
            || Reply::Status(503, "ServiceUnavailable", "later"),
            || Reply::Reset,
        ];
        for reply in replies {
            let (cluster, _) = Cluster::scripted(move |_| reply());
            let begun = Instant::now();
            assert_eq!(complete(&cluster).await.unwrap(), []);
            assert_eq!(begun.elapsed(), BOUND);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_cluster_that_is_not_there_costs_no_time() {
        let (cluster, _) = Cluster::scripted(|_| Reply::Refused);
        let begun = Instant::now();
        complete(&cluster).await.unwrap_err();
        assert_eq!(begun.elapsed(), Duration::ZERO);
    }
}
