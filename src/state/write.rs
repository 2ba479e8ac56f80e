//! The writes that everything here shares: create what has a fixed name, patch what may be gone, delete whichever is there,
//! and ask again while a fresh binding does not count yet.

use std::time::Duration;

use serde_json::Value;

use super::error::{Error, Result};
use crate::cluster::objects::Object;
use crate::cluster::resource::Resource;
use crate::cluster::{self, Cluster, Create, Delete, Deletion, Patch};

/// How long a fresh binding may take to act.
const FRESH_BOUND: Duration = Duration::from_secs(5);

/// How long it is waited for without a word.
const FRESH_QUIET: Duration = Duration::from_secs(1);

/// Creates an object of a fixed name; `false` if it is there already, made by an earlier try.
pub(crate) async fn create(cluster: &Cluster, object: &Value) -> Result<bool> {
    let resource = resource_of(object)?;
    let namespace = object["metadata"]["namespace"].as_str();
    let how = Create::default();
    match patiently(cluster, || cluster.create::<Object>(&resource, namespace, object, &how)).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_already_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Asks again for a while where RBAC says no: a fresh binding takes some milliseconds to reach the authorizer. One that
/// takes longer is told of.
pub(crate) async fn patiently<T, F>(
    cluster: &Cluster,
    ask: impl Fn() -> F,
) -> std::result::Result<T, crate::cluster::Error>
where
    F: Future<Output = std::result::Result<T, crate::cluster::Error>>,
{
    let begun = tokio::time::Instant::now();
    let mut told = false;
    loop {
        match ask().await {
            Err(error) if error.is_rbac() && begun.elapsed() < FRESH_BOUND => {
                if begun.elapsed() > FRESH_QUIET && !told {
                    cluster.waits(format!("a binding that was just made does not count yet: {error}"));
                    told = true;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            answer => return answer,
        }
    }
}

/// Where the API server keeps an object of a pipeline.
pub(crate) fn resource_of(object: &Value) -> Result<Resource> {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    Resource::of(api_version, kind)
        .ok_or_else(|| Error::UnknownKind { kind: kind.to_owned(), version: api_version.to_owned() })
}

/// Patches an object, if it is there still.
pub(crate) async fn patch_if_there(
    cluster: &Cluster,
    resource: &Resource,
    namespace: &str,
    name: &str,
    patch: Patch<'_>,
) -> std::result::Result<(), cluster::Error> {
    match cluster.patch::<Object>(resource, Some(namespace), name, patch).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}

/// Deletes an object, whichever one has this name now; `false` if it is gone already.
pub(crate) async fn delete(
    cluster: &Cluster,
    resource: &Resource,
    namespace: Option<&str>,
    name: &str,
) -> Result<bool> {
    let Some(found) = cluster.get::<Object>(resource, namespace, name).await? else { return Ok(false) };
    let deletion = cluster.delete(resource, namespace, name, &Delete::uid(found.metadata.uid)).await?;
    Ok(deletion == Deletion::Accepted)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::json;
    use testkit::Reply;

    use super::*;
    use crate::cluster::ClusterNotice;

    #[tokio::test(start_paused = true)]
    async fn a_binding_that_takes_long_to_count_is_told_of_once() {
        let no = "configmaps is forbidden: User \"alice\" cannot list resource \"configmaps\" in API group \"\" in the \
                  namespace \"ci-a\"";
        for (refusals, told) in [(3, 0), (20, 1), (usize::MAX, 1)] {
            let mut left = refusals;
            let (cluster, _) = Cluster::scripted(move |_| {
                if left == 0 {
                    return Reply::Json(200, json!({ "metadata": {}, "items": [] }));
                }
                left -= 1;
                Reply::Status(403, "Forbidden", no)
            });
            let notices = Arc::new(Mutex::new(Vec::new()));
            let heard = Arc::clone(&notices);
            cluster.on_notice(move |notice| heard.lock().unwrap().push(notice));
            let query = cluster::Query::default();
            let ask = || cluster.list::<Object>(&crate::cluster::resource::CONFIG_MAPS, Some("ci-a"), &query);
            let answer = patiently(&cluster, ask).await;
            assert_eq!(answer.is_ok(), refusals < usize::MAX, "{answer:?}");
            let notices = notices.lock().unwrap();
            assert_eq!(notices.len(), told, "{notices:?}");
            let says = |notice: &ClusterNotice| matches!(notice, ClusterNotice::Waiting(why) if why.contains("does not count yet: "));
            assert!(notices.iter().all(says), "{notices:?}");
        }
    }
}
