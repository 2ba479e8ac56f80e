//! What is known of chains: their objects in home, their builds, and the pull Secrets of their listeners.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};

use super::{of, withheld};
use crate::chain::head::Head;
use crate::chain::{retention, wire};
use crate::cluster::objects::{Object, SecretObject};
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster};
use crate::doctor::chain::registries;
use crate::doctor::deployment::SeenDeployment;
use crate::doctor::facts::{ChainFacts, ClusterFacts, EditedNamespace, Learnt, PullSecretFacts, Withheld};
use crate::ops::status::{Overview, WantedBuilds, everything, named};
use crate::state::build::view;
use crate::state::chain::{Data, chains};
use crate::state::error::{Error, Result};
use crate::state::head::read_head;
use crate::state::{dispose, lost, record, seed};

/// Chains that are looked at in one go.
const AT_ONCE: usize = 4;

/// The builds of the chain of that name, else all; all where nobody has it.
pub(super) async fn builds(cluster: &Cluster, name: Option<&str>) -> Result<Overview> {
    if let Some(name) = name
        && let Some((seen, _)) =
            Box::pin(named(cluster, name, WantedBuilds { name: Some(name), ..WantedBuilds::default() }))
                .await?
    {
        return Ok(of_all(seen));
    }
    Ok(of_all(Box::pin(everything(cluster, WantedBuilds::default())).await?))
}

/// With what builds lack that are not proved here: each check asks that itself.
fn of_all(mut seen: Overview) -> Overview {
    seen.look_for_lost(|_| true, |_| false);
    seen
}

pub(super) async fn look(
    cluster: &Cluster,
    name: Option<&str>,
    builds: Result<Overview>,
    deployments: &[SeenDeployment],
    facts: &mut ClusterFacts,
) -> Result<()> {
    let (mut seen, unread) = match builds.map_err(of) {
        Ok(seen) => (seen, None),
        Err(why) => (Overview::default(), Some(why)),
    };
    facts.chains_unread.extend(unread.clone());
    facts.now = seen.now.unwrap_or(facts.now);
    facts.chains_unread.extend(std::mem::take(&mut seen.notices).into_iter().map(Withheld::Unread));
    let of_home = match name {
        // whoever may use one chain alone lists none
        Some(name) => named_in_home(cluster, name).await,
        None => chains(cluster).await,
    };
    let of_home = of_home.unwrap_or_else(|error| {
        facts.chains_unread.push(of(error));
        Vec::new()
    });
    let of_builds = seen.builds.iter().filter(|build| build.generation > 0).map(|build| build.chain.clone());
    let of_edited = seen.odd.iter().filter_map(|odd| odd.chain.clone());
    let mut names: BTreeSet<String> = of_home.into_iter().chain(of_builds).chain(of_edited).collect();
    names.remove(wire::CLAIM_CHAIN);
    if let Some(name) = name {
        names.retain(|chain| chain == name);
        if names.is_empty() && facts.chains_unread.is_empty() {
            return Err(seen.absent(name));
        }
    }
    let looked = names.into_iter().map(|name| one(cluster, name, (&seen, unread.as_ref()), deployments));
    facts.chains = stream::iter(looked).buffered(AT_ONCE).collect().await;
    Ok(())
}

/// The chain of that name, if home knows it.
async fn named_in_home(cluster: &Cluster, name: &str) -> Result<Vec<String>> {
    let object = wire::chain_object(name);
    let found = cluster.get::<Object>(&kind::CONFIG_MAPS, Some(wire::HOME), &object).await?;
    Ok(found.map(|_| name.to_owned()).into_iter().collect())
}

/// Looks at one chain. `seen`: the builds that were listed, or why they were not.
async fn one(
    cluster: &Cluster,
    name: String,
    (seen, unread): (&Overview, Option<&Withheld>),
    deployments: &[SeenDeployment],
) -> ChainFacts {
    let objects = [wire::chain_object(&name), wire::record_object(&name), wire::history_object(&name)];
    let get = |object| cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), object);
    let (head, kept, history, settings, sown) = tokio::join!(
        get(&objects[0]),
        get(&objects[1]),
        get(&objects[2]),
        record::record(cluster, &name),
        seed::seed(cluster, &name),
    );
    let sown = sown.map(|seed| seed.is_some()).map_err(of);
    let sizes = [&head, &kept, &history].into_iter().filter_map(|found| {
        let Data { metadata, data } = found.as_ref().ok()?.as_ref()?;
        Some((metadata.name.clone(), data.iter().map(|(key, value)| key.len() + value.len()).sum()))
    });
    let sizes = sizes.collect();
    let head = known(head, |data| read_head(&data));
    let builds: Vec<_> = seen.builds.iter().filter(|build| build.chain == name).cloned().collect();
    let signs = seen.signs.iter().filter(|(place, _)| builds.iter().any(|build| build.namespace == **place));
    let signs = signs.map(|(place, signs)| (place.clone(), signs.clone())).collect();
    let edited = seen.odd.iter().filter(|odd| odd.chain.as_ref() == Some(&name));
    let edited = edited.map(|odd| EditedNamespace {
        namespace: odd.namespace.clone(),
        uid: odd.uid.clone(),
        what: odd.finding.to_string(),
        remedy: odd.finding.remedy(),
    });
    let edited = edited.collect();
    let pull_secrets = match &head {
        Ok(Some(head)) => pull_secrets(cluster, &name, head, deployments).await,
        _ => Vec::new(),
    };
    let remnants = match (&head, &history, &sown) {
        // without it nothing is said of claims that no uid proves
        (Ok(Some(_)), Ok(_), Err(why)) => Err(why.clone()),
        (Ok(Some(head)), Ok(kept), Ok(_)) => remnants(cluster, &name, head, kept.as_ref()).await.map_err(of),
        // whoever judges these says so
        _ => Ok(Remnants::default()),
    };
    let (lost, left_over) = match remnants {
        Ok(Remnants { lost, left_over }) => (lost, Ok(left_over)),
        Err(why) => (Vec::new(), Err(why)),
    };
    ChainFacts {
        lost,
        left_over,
        head,
        seed: sown,
        settings: settings.map(|record| record.map(|record| record.settings)).map_err(of),
        history: known(history, |data| Ok(data.data)),
        sizes,
        builds: unread.map_or(Ok(builds), |why| Err(why.clone())),
        signs,
        edited,
        pull_secrets,
        name,
    }
}

/// What there is of a chain that it does not need, and what it lacks.
#[derive(Default)]
struct Remnants {
    /// Namespaces that were deleted before their builds had ended.
    lost: Vec<String>,
    /// uids of namespaces that are left over.
    left_over: BTreeSet<String>,
}

async fn remnants(cluster: &Cluster, chain: &str, head: &Head, history: Option<&Data>) -> Result<Remnants> {
    let (namespaces, home) = dispose::look(cluster, chain).await?;
    let lost = match history {
        Some(kept) => lost::lost(cluster, &kept.data, head, &namespaces).await?,
        None => Vec::new(),
    };
    let views = namespaces.iter().map(view).filter(|view| retention::left_over(view, &home).is_ok());
    let left_over = views.map(|view| view.uid.to_owned()).collect();
    Ok(Remnants { lost: lost.into_iter().map(|(_, namespace)| namespace).collect(), left_over })
}

/// What stands in an object of ours, if it is there.
fn known<T>(
    found: std::result::Result<Option<Data>, cluster::Error>,
    read: impl FnOnce(Data) -> Result<T>,
) -> Learnt<Option<T>> {
    found.map_err(|error| withheld(&error))?.map(read).transpose().map_err(|error: Error| of(error))
}

/// The pull Secrets that the newest listener of a chain names, without what they hold but for whom.
async fn pull_secrets(
    cluster: &Cluster,
    chain: &str,
    head: &Head,
    deployments: &[SeenDeployment],
) -> Vec<Learnt<PullSecretFacts>> {
    let Some((namespace, _)) = &head.claimed else { return Vec::new() };
    let account = wire::agent_account(chain);
    let own = |it: &&SeenDeployment| it.metadata.namespace == *namespace && it.account() == account;
    let Some(listener) = deployments.iter().find(own) else { return Vec::new() };
    let asked = listener.pull_secrets().into_iter().map(|name| async move {
        let found = cluster.get::<SecretObject>(&kind::SECRETS, Some(namespace), name).await;
        let found = found.map_err(|error| withheld(&error))?;
        let object = format!("Secret {name} in {namespace}");
        Ok(match found {
            None => PullSecretFacts { object, kind: None, registries: None },
            Some(SecretObject { kind, data, .. }) => {
                let registries = registries(&kind, |key| data.get(key).map(|held| held.0.as_slice()));
                PullSecretFacts { object, kind: Some(kind), registries }
            }
        })
    });
    join_all(asked).await
}
