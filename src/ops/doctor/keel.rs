//! What is known of Keel: its Deployment, its rights, the end of its log.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::withheld;
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{self, Access, Cluster, LogSource, Query};
use crate::doctor::deployment::{KeelFacts, SeenDeployment};
use crate::doctor::facts::{ChainFacts, KeelSeen, Learnt};
use crate::doctor::keel::complaints;

/// Bytes of the end of Keel's log that are read.
const LOG_BYTES: usize = 64 << 10;
/// How long they may take.
const LOG_PATIENCE: Duration = Duration::from_secs(5);

/// All Deployments.
pub(super) async fn deployments(cluster: &Cluster) -> Result<Vec<SeenDeployment>, cluster::Error> {
    Ok(cluster.list(&kind::DEPLOYMENTS, None, &Query::default().cached()).await?.items)
}

pub(super) async fn look(
    cluster: &Cluster,
    deployments: Result<Vec<SeenDeployment>, cluster::Error>,
    chains: &[ChainFacts],
) -> KeelSeen {
    let deployments = match deployments {
        Ok(deployments) => deployments,
        Err(error) => {
            return KeelSeen { found: Err(withheld(&error)), moved: None, rights: Vec::new(), log: None };
        }
    };
    let moved = deployments.iter().filter_map(|one| one.metadata.moved).max();
    let found: Vec<KeelFacts> = deployments.iter().filter_map(SeenDeployment::keel).collect();
    let accounts: BTreeSet<(&str, &str)> =
        found.iter().map(|keel| (keel.namespace.as_str(), keel.account.as_str())).collect();
    let repositories = chains.iter().filter_map(|chain| chain.settings.as_ref().ok()?.as_ref());
    let repositories: Vec<&str> = repositories.map(|settings| as_keel_names(&settings.repository)).collect();
    let (rights, log) = tokio::join!(
        join_all(accounts.into_iter().map(|(namespace, name)| rights(cluster, namespace, name))),
        async {
            let keel = found.first().filter(|_| !repositories.is_empty())?;
            log(cluster, keel).await.map(|log| log.map(|log| complaints(&log, &repositories)))
        }
    );
    KeelSeen { found: Ok(found), moved, rights, log }
}

/// A repository as Keel writes it into its log.
pub(super) fn as_keel_names(repository: &str) -> &str {
    repository.trim_start_matches("docker.io/").trim_start_matches("library/")
}

/// Whether the rights that Keel needs are held, as the API server judges.
async fn rights(cluster: &Cluster, namespace: &str, name: &str) -> (String, Vec<(String, Learnt<bool>)>) {
    let user = format!("system:serviceaccount:{namespace}:{name}");
    let needed = [
        ("list", kind::DEPLOYMENTS),
        ("watch", kind::DEPLOYMENTS),
        ("get", kind::DEPLOYMENTS),
        ("update", kind::DEPLOYMENTS),
        ("list", kind::PODS),
        ("list", kind::NODES),
        ("get", kind::SECRETS),
    ];
    let asked = needed.iter().map(|(verb, resource)| {
        let (right, user) = (Access::to(verb, resource, None), &user);
        async move {
            let held = cluster.why_of(user, &right).await;
            (right.to_string(), held.map(|judgement| judgement.allowed).map_err(|error| withheld(&error)))
        }
    });
    let rights = join_all(asked).await;
    (user, rights)
}

/// The end of Keel's log; none where it has no pod.
pub(super) async fn log(cluster: &Cluster, keel: &KeelFacts) -> Option<Learnt<String>> {
    let namespace = keel.namespace.as_str();
    let labels: Vec<String> = keel.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let query = Query::labels(labels.join(",")).at_most(1);
    let read = async {
        let pods = cluster.list::<Object>(&kind::PODS, Some(namespace), &query).await?.items;
        let Some(pod) = pods.first() else { return Ok(None) };
        let source = LogSource { namespace, pod: &pod.metadata.name, container: &keel.container };
        cluster.log_end(&source, LOG_BYTES, LOG_PATIENCE).await.map(Some)
    };
    let end = read.await.map_err(|error| withheld(&error)).transpose()?;
    Some(end.map(|end| String::from_utf8_lossy(&end.bytes).into_owned()))
}
