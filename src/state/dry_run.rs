//! What the API server would refuse for good: tried out by server-side dry runs, before anything is there that a push could
//! trigger.

use serde_json::{Value, json};

use super::error::Result;
use super::write::patiently;
use crate::chain::wire;
use crate::cluster::objects::Object;
use crate::cluster::resource::{self as kind, Resource};
use crate::cluster::{self, Cluster, Create};
use crate::pipeline::weave::{ListenerOf, Plan};

/// Whether, and why, the server would refuse an object for good: a server-side dry-run. A quota that is in the way now
/// may be free when the object is created in earnest, and says nothing about another namespace.
pub(crate) async fn refusal(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    object: &Value,
) -> Result<Option<cluster::Error>> {
    let dry = Create { dry_run: true, ..Create::default() };
    match patiently(cluster, || cluster.create::<Object>(resource, Some(namespace), object, &dry)).await {
        Ok(_) => Ok(None),
        Err(error) if blames_the_object(&error) => Ok(Some(error)),
        // neither says anything of the object
        Err(error) if error.is_quota() || error.is_already_exists() || error.is_transient_denial() => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The pod that a controller would make of a workload, to be tried out: what admission has against a pod the API server says
/// of the pod alone, and of the workload at most as a warning.
///
/// It runs as the namespace's default ServiceAccount, since nothing but controllers makes a pod that runs as an agent, and
/// that of a build comes with the rest of the pipeline; and it bears no label of ours.
fn pod_of(workload: &Value) -> Value {
    let template = &workload["spec"]["template"];
    let mut metadata = json!({ "name": "studioci-dry-run" });
    for map in ["labels", "annotations"] {
        let theirs = template["metadata"][map].as_object().into_iter().flatten();
        metadata[map] = theirs
            .filter(|(key, _)| !wire::is_ours(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    let mut spec = template["spec"].clone();
    for field in ["serviceAccountName", "serviceAccount"] {
        spec.as_object_mut().map(|spec| spec.remove(field));
    }
    json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec })
}

/// What the server would refuse for good of a build's pod or of a listener's, which takes over who the build runs as, and why.
pub(crate) async fn refused_pod(
    cluster: &Cluster,
    listener: &Value,
    job: &Value,
    namespace: &str,
) -> Result<Option<(&'static str, cluster::Error)>> {
    for (what, workload) in [("build's pod", job), ("listener's pod", listener)] {
        if let Some(why) = refusal(cluster, &kind::PODS, namespace, &pod_of(workload)).await? {
            return Ok(Some((what, why)));
        }
    }
    Ok(None)
}

/// What the server would refuse for good of the next listener and of the build's Job, and why: both are tried beside
/// those that are there, and so are their pods.
pub(crate) async fn refused(
    cluster: &Cluster,
    plan: &Plan,
    next: &ListenerOf<'_>,
    job: Value,
    namespace: &str,
) -> Result<Option<(&'static str, cluster::Error)>> {
    let mut listener = plan.listener(next);
    let name = &plan.build.name;
    let beside = name.get(..58).unwrap_or(name).trim_end_matches('-');
    listener["metadata"]["name"] = json!(format!("{beside}-next"));
    for (what, resource, object) in
        [("next listener", kind::DEPLOYMENTS, &listener), ("build's Job", kind::JOBS, &job)]
    {
        if let Some(why) = refusal(cluster, &resource, namespace, object).await? {
            return Ok(Some((what, why)));
        }
    }
    refused_pod(cluster, &listener, &job, namespace).await
}

/// Whether the API server refuses an object for what is in it, as opposed to who asks and where.
pub(crate) fn blames_the_object(error: &cluster::Error) -> bool {
    use cluster::{Denier, Error};
    match error {
        Error::Denied { by, .. } => {
            !matches!(by, Denier::Terminating | Denier::Escalation) && error.is_refusal()
        }
        _ => error.is_refusal() && !error.is_rbac(),
    }
}
