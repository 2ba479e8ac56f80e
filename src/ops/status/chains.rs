//! What the chains of a cluster do: a look at all builds and at home, which knows those that have none.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{HeadsSeen, Overview, WantedBuilds, proved, survey};
use crate::chain::build::{Build, Phase};
use crate::chain::chain_object::ChainSeen;
use crate::chain::head::Head;
use crate::chain::lineage::KeptOfChain;
use crate::chain::named::{MeantName, NamedKind};
use crate::chain::record::{Entry, history};
use crate::chain::reserved::Reserved;
use crate::chain::side::is_side;
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};
use crate::state::chain::Data;
use crate::state::error::{Error, Result};
use crate::state::head::head;
use crate::state::select;

/// What is known of chains.
#[derive(Debug, Default)]
pub struct ChainsSeen {
    /// The chains, by name.
    pub chains: Vec<ChainSeen>,
    /// Their builds, and what is seen of them from outside.
    pub builds: Overview,
    /// What home keeps of them, by name; none where it may not be read.
    pub kept: Option<BTreeMap<String, KeptOfChain>>,
}

/// Looks at the chain of that name, else at all; with a selector at those alone that have a build which it takes.
///
/// # Errors
/// Cluster errors; [`Error::NoSuchName`]. Where home may not be read, that is a notice.
pub async fn chains(cluster: &Cluster, wanted: WantedBuilds<'_>) -> Result<ChainsSeen> {
    let name = wanted.name;
    let query =
        name.filter(|name| select::askable(name)).map_or_else(|| Query::labels(wire::CHAIN), select::chain);
    let (builds, home) = Box::pin(async {
        tokio::join!(
            survey(cluster, wanted, false),
            cluster.list::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &query)
        )
    })
    .await;
    let (mut builds, heads) = builds?;
    let home = match home {
        Ok(list) => Some(list.items),
        Err(error) if error.is_rbac() => {
            builds.notices.push(format!(
                "namespace {} cannot be read, so that what has no namespace of its own any more is not shown: {error}",
                wire::HOME
            ));
            None
        }
        Err(error) => return Err(error.into()),
    };
    let heads = home.as_deref().map_or(heads, HeadsSeen::among);
    proved(cluster, heads, &mut builds).await;
    let mut kept = home.as_deref().map(|home| kept(home, &builds.builds));
    let own: Vec<&Build> = builds.believed().collect();
    let faults = match &mut kept {
        Some(kept) => faults(cluster, kept, &own).await?,
        None => BTreeMap::new(),
    };
    let none = BTreeMap::new();
    let mut chains = gather(&own, kept.as_ref().unwrap_or(&none), name);
    for chain in &mut chains {
        chain.fault = faults.get(&chain.name).cloned();
    }
    match (wanted.named(), wanted.selector) {
        (Some(named), _) if named.kind == Some(NamedKind::Build) => return Err(absent(&builds, named)),
        (Some(named), None) if chains.is_empty() => return Err(absent(&builds, named)),
        (_, Some(_)) => chains.retain(|chain| chain.builds != Some(0)),
        _ => {}
    }
    Ok(ChainsSeen { chains, builds, kept })
}

fn absent(builds: &Overview, named: MeantName<'_>) -> Error {
    let name = named.name;
    match builds.believed().find(|build| build.namespace == name) {
        Some(build) => Error::NoSuchChain {
            chain: name.to_owned(),
            remedy: format!("that is a build; name its chain, which is {}", build.chain),
        },
        None => builds.absent(named),
    }
}

/// What these objects of home keep, by chain: of those that have a head there, or builds.
fn kept(home: &[Data], builds: &[Build]) -> BTreeMap<String, KeptOfChain> {
    let named = |name: fn(&str) -> String| {
        home.iter().filter_map(move |object| {
            let chain = object.metadata.labels.get(wire::CHAIN)?;
            (object.metadata.name == name(chain)).then_some((chain, object))
        })
    };
    let mut all: BTreeMap<String, KeptOfChain> = BTreeMap::new();
    for (chain, object) in named(wire::chain_object) {
        let head = Head::read(&object.metadata.resource_version, &object.data).ok();
        all.insert(chain.clone(), KeptOfChain { head, history: Vec::new() });
    }
    for (chain, object) in named(wire::history_object) {
        if all.contains_key(chain) || builds.iter().any(|build| build.chain == *chain) {
            all.entry(chain.clone()).or_default().history = history(&object.data);
        }
    }
    all
}

/// What is wrong with the heads of chains, by name. One that was not listed is asked for by its name: a list knows it by its label,
/// and is older than the namespace of a chain that begins meanwhile.
async fn faults(
    cluster: &Cluster,
    kept: &mut BTreeMap<String, KeptOfChain>,
    builds: &[&Build],
) -> Result<BTreeMap<String, String>> {
    // the head of a chain that is purged goes before its last namespaces are gone
    let lives = builds.iter().filter(|build| build.generation > 0 && !build.terminating);
    let names: BTreeSet<String> =
        lives.map(|build| build.chain.clone()).chain(kept.keys().cloned()).collect();
    let mut faults = BTreeMap::new();
    for chain in names {
        if kept.get(&chain).is_some_and(|kept| kept.head.is_some()) {
            continue;
        }
        match head(cluster, &chain).await {
            Ok(Some(head)) => kept.entry(chain).or_default().head = Some(head),
            Ok(None) => {
                let (object, home) = (wire::chain_object(&chain), wire::HOME);
                faults.insert(chain, format!("home has no head of it (ConfigMap {object} in {home})"));
            }
            Err(Error::HeadEdited { object, why }) => {
                faults.insert(chain, format!("ConfigMap {object} in {}: {why}", wire::HOME));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(faults)
}

/// One for each chain that home knows, or that has a namespace.
fn gather(builds: &[&Build], home: &BTreeMap<String, KeptOfChain>, name: Option<&str>) -> Vec<ChainSeen> {
    let mut of: BTreeMap<&str, Vec<&Build>> = BTreeMap::new();
    for build in builds.iter().copied().filter(|build| build.chain != wire::CLAIM_CHAIN) {
        of.entry(&build.chain).or_default().push(build);
    }
    let names: BTreeSet<&str> = of.keys().copied().chain(home.keys().map(String::as_str)).collect();
    let wanted = names.into_iter().filter(|chain| name.is_none_or(|name| name == *chain));
    let nothing = KeptOfChain::default();
    wanted
        .map(|chain| {
            let kept = home.get(chain).unwrap_or(&nothing);
            let there = of.get(chain).map(Vec::as_slice).unwrap_or_default();
            seen(chain, kept.head.as_ref(), &kept.history, there)
        })
        .collect()
}

fn seen(chain: &str, head: Option<&Head>, entries: &[Entry], builds: &[&Build]) -> ChainSeen {
    let newest = builds
        .iter()
        .filter(|build| {
            !build.is_side()
                && head
                    .is_none_or(|head| build.generation == head.generation && head.uuid == build.chain_uuid)
        })
        .max_by_key(|build| build.generation);
    let recorded = |build: &&Build| build.times.get(&Phase::Recorded).copied();
    // what was asked for by hand is no link of it
    let there = builds.iter().filter(|build| !build.is_side()).filter_map(|build| {
        Some((build.generation, build.verdict?.to_string(), build.namespace.clone(), recorded(build)))
    });
    let kept = entries.iter().filter(|entry| !is_side(entry.generation)).map(|entry| {
        let at = entry.times.get("recorded").copied();
        (entry.generation, entry.verdict.clone(), entry.namespace.clone(), at)
    });
    let last = there.chain(kept).max_by_key(|(generation, ..)| *generation);
    let begun = |build: &&&Build| build.times.get(&Phase::Listening).copied();
    let listening_since = newest.filter(|build| build.phase == Phase::Listening).as_ref().and_then(begun);
    let busy = |build: &&&Build| {
        (Phase::Triggered..=Phase::Building).contains(&build.phase)
            && build.verdict.is_none()
            && !build.terminating
    };
    let idle = builds.iter().find(busy).is_none();
    let ended_at: Option<Timestamp> = last.as_ref().and_then(|(.., at)| *at);
    ChainSeen {
        name: chain.to_owned(),
        uuid: head.map(|head| head.uuid.clone()).or_else(|| newest.map(|build| build.chain_uuid.clone())),
        newest: newest.map(|build| (*build).clone()),
        last: last.map(|(_, verdict, build, _)| (build, verdict)),
        listening_since,
        idle_since: listening_since.max(ended_at).filter(|_| idle),
        builds: Some(builds.len()),
        ended: head.and_then(|head| head.ended.clone()),
        fault: None,
        reserved: Reserved::sum(entries.iter().map(|entry| entry.reserved.as_ref())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn build(chain: &str, namespace: &str, generation: u64, phase: Phase, times: &[(Phase, &str)]) -> Build {
        Build {
            chain: chain.to_owned(),
            generation,
            times: times.iter().map(|(phase, time)| (*phase, at(time))).collect(),
            ..Build::played(namespace, phase, &[])
        }
    }

    #[test]
    fn a_chain_is_idle_since_its_last_build_ended_or_its_listener_began_whichever_is_later() {
        let early = "2026-11-25T10:00:00Z";
        let late = "2026-11-25T11:00:00Z";
        let listens = build("app", "ci-2", 2, Phase::Listening, &[(Phase::Listening, early)]);
        let mut over = build("app", "ci-1", 1, Phase::Finished, &[(Phase::Recorded, late)]);
        over.verdict = Some(crate::chain::build::Verdict::Failed);
        let alone = build("b", "ci-3", 1, Phase::Listening, &[(Phase::Listening, early)]);
        let builds = [listens.clone(), over, alone, build("claim", "x", 0, Phase::Claimed, &[])];
        let chains = gather(&builds.iter().collect::<Vec<_>>(), &BTreeMap::new(), None);
        let told: Vec<_> = chains
            .iter()
            .map(|chain| {
                (chain.name.as_str(), chain.listening_since, chain.idle_since, chain.builds.unwrap())
            })
            .collect();
        assert_eq!(
            told,
            [("app", Some(at(early)), Some(at(late)), 2), ("b", Some(at(early)), Some(at(early)), 1)]
        );
        assert_eq!(chains[0].last, Some(("ci-1".to_owned(), "Failed".to_owned())));
        let running = build("app", "ci-1", 1, Phase::Building, &[]);
        let chains = gather(&[&listens, &running], &BTreeMap::new(), Some("app"));
        assert_eq!((chains.len(), chains[0].idle_since), (1, None), "something of it builds");
    }

    #[test]
    fn a_chain_whose_namespaces_are_gone_is_known_by_its_head_and_its_history() {
        let object = |name: String, data: &[(&str, &str)]| -> Data {
            serde_json::from_value(serde_json::json!({
                "metadata": { "name": name, "resourceVersion": "1", "labels": { wire::CHAIN: "app" } },
                "data": data.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>(),
            }))
            .unwrap()
        };
        let entry = r#"{"generation":1,"namespace":"ci-1","uid":"u","verdict":"Passed","cause":"","times":{"recorded":"2026-11-25T11:00:00Z"}}"#;
        let home = [
            object(wire::chain_object("app"), &[("uuid", "c"), ("generation", "2"), ("ended", "by ann")]),
            object(wire::history_object("app"), &[(&wire::build_key(1), entry)]),
            object(wire::record_object("other"), &[]),
        ];
        let chains = gather(&[], &kept(&home, &[]), None);
        assert_eq!(chains.len(), 1);
        let chain = &chains[0];
        assert_eq!(
            (chain.uuid.as_deref(), chain.ended.as_deref(), chain.builds),
            (Some("c"), Some("by ann"), Some(0))
        );
        assert_eq!(chain.last, Some(("ci-1".to_owned(), "Passed".to_owned())));
        assert!(chain.newest.is_none() && chain.idle_since.is_some());
    }
}
