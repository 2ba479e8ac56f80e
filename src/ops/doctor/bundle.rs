//! `doctor --bundle`: reads what a bug report needs. What may not be read is left out, and said so.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::chain::masking::Masking;
use crate::chain::wire;
use crate::cluster::objects::SecretObject;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Error, LogSource, Query, Resource};
use crate::doctor::bundle::Bundle;
use crate::doctor::deployment::SeenDeployment;
use crate::doctor::keel::of_ours;
use crate::pipeline::weave::AGENT_CONTAINER;
use crate::state::chain::{Data, chains};
use crate::state::{record, select};

/// Builds of which everything is read, the newest.
const BUILDS: usize = 30;
/// Builds that are read at once.
const AT_ONCE: usize = 4;
/// Objects of one kind that are read of one build at most.
const OBJECTS: usize = 200;
/// Bytes of the end of a log.
const LOG_BYTES: usize = 64 << 10;
/// How long a log may take.
const LOG_PATIENCE: Duration = Duration::from_secs(5);
/// Lines of Keel's log.
const LINES: usize = 100;

/// What is read of each build.
const OF_BUILD: &[Resource] = &[
    kind::DEPLOYMENTS,
    kind::REPLICA_SETS,
    kind::JOBS,
    kind::PODS,
    kind::EVENTS,
    kind::CONFIG_MAPS,
    kind::SECRETS,
    kind::SERVICE_ACCOUNTS,
    kind::ROLES,
    kind::ROLE_BINDINGS,
];
/// What is read of home.
const OF_HOME: &[Resource] =
    &[kind::CONFIG_MAPS, kind::SECRETS, kind::ROLES, kind::ROLE_BINDINGS, kind::EVENTS];

type Read = Result<Vec<Value>, Error>;

/// Gathers a bundle of the chain of that name, or of all. `told`: what `doctor` found, and of which versions.
pub async fn bundle(
    cluster: &Cluster,
    chain: Option<&str>,
    told: impl IntoIterator<Item = (&'static str, Value)>,
) -> Bundle {
    let query = chain.map_or_else(select::builds, select::builds_of);
    let namespaces = list(cluster, &kind::NAMESPACES, None, &query).await;
    let names = newest(namespaces.as_deref().unwrap_or_default(), &known(cluster).await);
    let mut bundle = Bundle::new(masking(cluster, chain, &names).await);
    for (path, value) in told {
        bundle.value(path, value);
    }
    put(&mut bundle, "namespaces.json", namespaces);
    let home = of_home(cluster, chain);
    let (home, rights, put_keel) = tokio::join!(home, rights(cluster), keel(cluster, chain));
    for (path, read) in home.into_iter().chain(rights) {
        put(&mut bundle, &path, read);
    }
    put_keel(&mut bundle);
    let builds = names.iter().map(|name| of_build(cluster, name));
    let builds: Vec<_> = stream::iter(builds).buffered(AT_ONCE).collect().await;
    for (name, (lists, logs)) in names.iter().zip(builds) {
        for (resource, read) in OF_BUILD.iter().zip(lists) {
            put(&mut bundle, &format!("builds/{name}/{}.json", resource.plural), read);
        }
        for (pod, log) in logs {
            let path = format!("builds/{name}/{}.log", pod.chars().take(20).collect::<String>());
            match log {
                Ok(log) => bundle.text(&path, &log),
                Err(error) => bundle.without(&path, &error.to_string()),
            }
        }
    }
    bundle
}

fn put(bundle: &mut Bundle, path: &str, read: Read) {
    match read {
        Ok(objects) => bundle.objects(path, objects),
        Err(error) => bundle.without(path, &error.to_string()),
    }
}

/// Objects as they are, each with its kind, which a list does not say.
async fn list(cluster: &Cluster, resource: &Resource, namespace: Option<&str>, query: &Query) -> Read {
    let mut items = cluster.list::<Value>(resource, namespace, query).await?.items;
    for item in &mut items {
        item["kind"] = json!(resource.kind);
        item["apiVersion"] = json!(resource.api_version());
    }
    Ok(items)
}

/// What heads say, uids of namespaces among it. Whoever may not read them is told by what they may.
async fn known(cluster: &Cluster) -> BTreeSet<String> {
    let heads = cluster.list::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &select::heads()).await;
    heads.into_iter().flat_map(|heads| heads.items).flat_map(|head| head.data.into_values()).collect()
}

/// Names of the newest namespaces, of those first whose uids are known: others can make as many as they like.
fn newest(namespaces: &[Value], known: &BTreeSet<String>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut all: Vec<(bool, String, String)> = namespaces
        .iter()
        .map(|one| &one["metadata"])
        .map(|meta| {
            (known.contains(&text(&meta["uid"])), text(&meta["creationTimestamp"]), text(&meta["name"]))
        })
        .collect();
    all.sort_unstable_by(|a, b| b.cmp(a));
    all.into_iter().take(BUILDS).map(|(.., name)| name).collect()
}

/// Whatever the Secrets hold of the chains and their builds, as far as they may be read.
async fn masking(cluster: &Cluster, chain: Option<&str>, namespaces: &[String]) -> Masking {
    let mut values = BTreeSet::new();
    let known = chains(cluster).await.unwrap_or_default();
    for chain in known.iter().filter(|known| chain.is_none_or(|chain| chain == *known)) {
        values.extend(record::values(cluster, chain).await.ok().flatten().unwrap_or_default().into_values());
        for name in [wire::chain_object(chain), wire::seed_object(chain)] {
            let secret = cluster.get::<SecretObject>(&kind::SECRETS, Some(wire::HOME), &name).await;
            values.extend(secret.ok().flatten().iter().flat_map(held));
        }
    }
    let query = Query::default().at_most(OBJECTS);
    let of_builds = namespaces.iter().map(|name| {
        let query = &query;
        async move { cluster.list::<SecretObject>(&kind::SECRETS, Some(name), query).await }
    });
    let of_builds: Vec<_> = stream::iter(of_builds).buffered(AT_ONCE).collect().await;
    for secret in of_builds.iter().flatten().flat_map(|list| &list.items) {
        values.extend(held(secret));
    }
    Masking::of(values.iter().map(String::as_str))
}

/// What a Secret holds: its values, and of one that is a login what stands in it.
fn held(secret: &SecretObject) -> Vec<String> {
    let mut all = Vec::new();
    for bytes in secret.data.values() {
        let Ok(text) = String::from_utf8(bytes.0.clone()) else { continue };
        let login: Option<Value> = serde_json::from_str(&text).ok();
        all.push(text);
        let mut left: Vec<&Value> = login.iter().collect();
        while let Some(value) = left.pop() {
            match value {
                Value::String(text) => all.push(text.clone()),
                Value::Array(items) => left.extend(items),
                Value::Object(fields) => left.extend(fields.values()),
                _ => {}
            }
        }
    }
    all
}

async fn of_home(cluster: &Cluster, chain: Option<&str>) -> Vec<(String, Read)> {
    let is_meant = |object: &Value| {
        let of = object["metadata"]["labels"][wire::CHAIN].as_str();
        of.is_none() || chain.is_none_or(|chain| of == Some(chain))
    };
    let read = OF_HOME.iter().map(|resource| async move {
        let mut read = list(cluster, resource, Some(wire::HOME), &Query::default()).await;
        if let Ok(objects) = &mut read {
            objects.retain(is_meant);
        }
        (format!("home/{}.json", resource.plural), read)
    });
    join_all(read).await
}

/// The roles and bindings of all namespaces that are about us.
async fn rights(cluster: &Cluster) -> Vec<(String, Read)> {
    let read = [kind::CLUSTER_ROLES, kind::CLUSTER_ROLE_BINDINGS].map(|resource| async move {
        let mut read = list(cluster, &resource, None, &Query::default()).await;
        if let Ok(objects) = &mut read {
            objects.retain(|object| {
                let names = [&object["metadata"]["name"], &object["roleRef"]["name"]];
                names.iter().any(|name| name.as_str().is_some_and(|name| name.starts_with(wire::HOME)))
            });
        }
        (format!("{}.json", resource.plural), read)
    });
    join_all(read).await
}

/// Keel's Deployments, and what the end of its log says of our images; what puts them into a bundle.
async fn keel(cluster: &Cluster, chain: Option<&str>) -> impl FnOnce(&mut Bundle) {
    let deployments = list(cluster, &kind::DEPLOYMENTS, None, &Query::default().cached()).await;
    let of_keel = |object: &Value| SeenDeployment::deserialize(object).ok().and_then(|seen| seen.keel());
    let deployments = deployments.map(|mut all| {
        all.retain(|object| of_keel(object).is_some());
        all
    });
    let found = deployments.as_ref().ok().and_then(|all| of_keel(all.first()?));
    let log = match &found {
        Some(keel) => super::keel::log(cluster, keel).await,
        None => None,
    };
    let mut repositories = Vec::new();
    for known in chains(cluster).await.unwrap_or_default() {
        if chain.is_none_or(|chain| chain == known)
            && let Ok(Some(record)) = record::record(cluster, &known).await
        {
            repositories.push(super::keel::as_keel_names(&record.settings.repository).to_owned());
        }
    }
    move |bundle: &mut Bundle| {
        put(bundle, "keel.json", deployments);
        let repositories: Vec<&str> = repositories.iter().map(String::as_str).collect();
        match log {
            Some(Ok(log)) => {
                bundle.text("keel.log", &of_ours(&log, &repositories, LINES, |_| true).join("\n"));
            }
            Some(Err(why)) => bundle.without("keel.log", why.said()),
            None => bundle.without("keel.log", "no Keel was found"),
        }
    }
}

/// What there is of a build, kind by kind, and the ends of its agents' logs.
async fn of_build(cluster: &Cluster, namespace: &str) -> (Vec<Read>, Vec<(String, Result<String, Error>)>) {
    let query = Query::default().at_most(OBJECTS);
    let lists = OF_BUILD.iter().map(|resource| list(cluster, resource, Some(namespace), &query));
    let lists = join_all(lists).await;
    let pods = OF_BUILD.iter().zip(&lists).find(|(resource, _)| **resource == kind::PODS);
    let pods = pods.and_then(|(_, read)| read.as_deref().ok()).unwrap_or_default();
    let of_agent = |pod: &&Value| {
        let account = pod["spec"]["serviceAccountName"].as_str().unwrap_or_default();
        account.starts_with(wire::AGENT_ACCOUNT)
    };
    let names: Vec<String> = pods
        .iter()
        .filter(of_agent)
        .filter_map(|pod| pod["metadata"]["name"].as_str().map(str::to_owned))
        .collect();
    let logs = names.into_iter().map(|pod| async move {
        let source = LogSource { namespace, pod: &pod, container: AGENT_CONTAINER };
        let end = cluster.log_end(&source, LOG_BYTES, LOG_PATIENCE).await;
        (pod, end.map(|end| String::from_utf8_lossy(&end.bytes).into_owned()))
    });
    (lists, join_all(logs).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_have_made_takes_no_builds_place_in_a_bundle() {
        let one = |name: &str, uid: &str, minute: usize| {
            let created = format!("2026-11-24T20:{minute:02}:00Z");
            json!({ "metadata": { "name": name, "uid": uid, "creationTimestamp": created } })
        };
        let forged = (10..50).map(|at| one(&format!("ci-x{at}"), &format!("x{at}"), at));
        let namespaces: Vec<Value> =
            [one("ci-a", "a", 1), one("ci-b", "b", 2)].into_iter().chain(forged).collect();
        let known = ["a", "b", "7"].map(str::to_owned).into();
        let names = newest(&namespaces, &known);
        assert_eq!((&names[..3], names.len()), (&["ci-b", "ci-a", "ci-x49"].map(str::to_owned)[..], BUILDS));
        assert_eq!(newest(&namespaces, &BTreeSet::new())[0], "ci-x49", "nothing is known of any");
    }
}
