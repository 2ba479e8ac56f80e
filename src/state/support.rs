//! Support as it stands in a build's namespace, and why it does not get ready. For the agent, which waits for it
//! before a build, and for `scale`.

use futures_util::future::try_join_all;

use super::events::{self, About};
use crate::chain::pod::Pod;
use crate::chain::wire;
use crate::chain::workload::{Scalable, Workload};
use crate::cluster::objects::Event;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{Cluster, Error, Query};

/// Where the API server keeps support.
pub(crate) const RESOURCES: [&Resource; 4] =
    [&kind::DEPLOYMENTS, &kind::STATEFUL_SETS, &kind::REPLICA_SETS, &kind::REPLICATION_CONTROLLERS];

/// Where the API server keeps a kind of support.
pub(crate) fn resource(kind: Scalable) -> Resource {
    Resource::of(kind.api_version(), kind.as_str()).expect("all four kinds are in the table")
}

/// What is labelled as support.
pub(crate) fn select() -> Query {
    Query::labels(format!("{}=support", wire::ROLE))
}

/// The support of a build, by kind and name. What a controller made or what is being deleted is none.
pub(crate) async fn list(cluster: &Cluster, namespace: &str) -> Result<Vec<(Scalable, Workload)>, Error> {
    let of_kind = |kind| of_kind(cluster, namespace, kind, select());
    Ok(try_join_all(Scalable::ALL.map(of_kind)).await?.concat())
}

/// The support of one kind, of what is selected.
pub(crate) async fn of_kind(
    cluster: &Cluster,
    namespace: &str,
    kind: Scalable,
    select: Query,
) -> Result<Vec<(Scalable, Workload)>, Error> {
    let list = cluster.list::<Workload>(&resource(kind), Some(namespace), &select).await?;
    let support = list.items.into_iter().filter(|it| !it.owned && !it.deleted);
    Ok(support.map(|it| (kind, it)).collect())
}

/// Pods of a workload whose warnings are looked at: those of one workload fail alike.
const PODS: usize = 4;

/// What keeps a workload from getting ready, one sentence: the trouble of its pods, else why its controller can create
/// none, else what was warned of last. `None` while nothing is known to be wrong.
pub(crate) async fn trouble(
    cluster: &Cluster,
    namespace: &str,
    kind: Scalable,
    workload: &Workload,
) -> Result<Option<String>, Error> {
    let select = Query::labels(workload.selector.query());
    let pods = cluster.list::<Pod>(&kind::PODS, Some(namespace), &select).await?.items;
    if let Some(why) = pods.iter().find_map(Pod::trouble) {
        return Ok(Some(why));
    }
    if let Some(why) = &workload.refused {
        return Ok(Some(format!("its pods cannot be created: {why}")));
    }
    let own = About::Object(kind.as_str(), &workload.name);
    let about = pods.iter().take(PODS).map(About::Pod).chain([own]);
    let asked = about.map(|about| events::warnings(cluster, namespace, about));
    let warnings = try_join_all(asked).await?.concat();
    Ok(warnings.iter().max_by_key(|event| event.last_seen()).map(warning))
}

/// The pods of support that is not ready, those of each workload up to a few.
pub(crate) async fn unready_pods(cluster: &Cluster, namespace: &str) -> Result<Vec<Pod>, Error> {
    let unready =
        list(cluster, namespace).await?.into_iter().filter(|(kind, it)| it.ready(*kind) < it.replicas);
    let pods = unready.map(|(_, workload)| async move {
        let select = Query::labels(workload.selector.query());
        let pods = cluster.list::<Pod>(&kind::PODS, Some(namespace), &select).await?.items;
        Ok::<_, Error>(pods.into_iter().take(PODS).collect::<Vec<_>>())
    });
    Ok(try_join_all(pods).await?.concat())
}

/// What was warned of last about a pod, one sentence.
pub(crate) async fn last_warning(cluster: &Cluster, pod: &Pod) -> Result<Option<String>, Error> {
    let warnings = events::warnings(cluster, &pod.namespace, About::Pod(pod)).await?;
    Ok(warnings.last().map(warning))
}

fn warning(event: &Event) -> String {
    // a probe that said nothing leaves its colon behind
    let message = event.message.lines().next().unwrap_or_default().trim_end_matches([':', ' ']);
    let of = &event.involved_object;
    format!("last warning, of {} {}: {}: {message}", of.kind, of.name, event.reason)
}
