//! What is still to be told of builds when no agent is left: by whoever asks for it, or given up.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use crate::chain::build::{Build, Phase};
use crate::chain::outbox::{self, Outgoing};
use crate::chain::record::history;
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::options::Proxies;
use crate::cluster::resource as kind;
use crate::local::render::Renderer;
use crate::state::Say;
use crate::state::build::read_build;
use crate::state::error::{Error, Result};
use crate::state::narration::{progress, warn};
use crate::state::publisher::{self, Publisher, WorkedOff};
use crate::state::{record, select};

/// How long whoever asks waits for it: somebody else's turn is over by then.
const WAITS: Duration = Duration::from_secs(150);
/// How long agents that are done with their builds are waited for, which stay for a minute to tell of them.
const AGENTS: Duration = Duration::from_secs(90);
/// How often is looked whether they are.
const LOOKS: Duration = Duration::from_secs(2);

/// Tells the result of a build of which home says that it did not arrive. `proxies` and `renderer`: of whoever asks.
///
/// # Errors
/// Cluster errors; [`Error::RecordGone`]; [`Error::HistoryGone`].
pub async fn publish(
    cluster: &Cluster,
    build: &Build,
    proxies: Proxies,
    renderer: Renderer,
    clock: fn() -> Timestamp,
) -> Result<WorkedOff> {
    let chain = build.chain.as_str();
    let record = record::record(cluster, chain).await?;
    let settings = record.ok_or_else(|| Error::RecordGone { chain: chain.to_owned() })?.settings;
    let now = clock();
    let again = |generation, out: &Outgoing| {
        (generation == build.generation && out.next().is_none()).then(|| out.once_more(now))
    };
    publisher::change(cluster, chain, again).await?;
    let publisher = Publisher {
        cluster: cluster.clone(),
        chain: chain.to_owned(),
        chain_uuid: settings.uuid,
        settings: settings.publish,
        proxies,
        proxy_named: "https_proxy",
        by: "a person".to_owned(),
        renderer,
        clock,
    };
    publisher.work_off(WAITS, None).await
}

/// Waits for agents of an ended chain that still tell of builds, and gives up what nobody is left to tell.
///
/// # Errors
/// Cluster errors.
pub(super) async fn wait_for_results(cluster: &Cluster, chain: &str, say: Say<'_>) -> Result<()> {
    let end = Instant::now() + AGENTS;
    let mut said = false;
    loop {
        let data = match publisher::data(cluster, chain).await {
            // of a chain whose purge was begun before
            Err(Error::HistoryGone { .. }) => return Ok(()),
            data => data?.data,
        };
        let results = outbox::outbox(&data);
        let name = |generation: &u64| {
            let entry = history(&data).into_iter().find(|entry| entry.generation == *generation);
            entry.map_or_else(|| format!("generation {generation}"), |entry| entry.namespace)
        };
        let due: Vec<String> = results
            .iter()
            .filter(|(_, out)| out.next().is_some())
            .map(|(generation, _)| name(generation))
            .collect();
        if due.is_empty() {
            return Ok(());
        }
        let due = due.join(", ");
        let agents = agents(cluster, chain).await?;
        if let Some(build) = agents.iter().find(|build| build.phase < Phase::Recorded) {
            let place = &build.namespace;
            progress(
                say,
                format!("results still on their way: {due}; the agent in {place} goes on with them"),
            );
            return Ok(());
        }
        if agents.is_empty() || Instant::now() >= end {
            publisher::change(cluster, chain, |_, out| {
                out.next().map(|_| out.given_up("the chain has ended, and no agent of it is left"))
            })
            .await?;
            warn(
                say,
                format!(
                    "not told to whom the chain tells: {due}; kubectl studioci report BUILD --publish does it"
                ),
            );
            return Ok(());
        }
        if !said {
            progress(say, format!("waiting for results on their way: {due}"));
            said = true;
        }
        sleep(LOOKS).await;
    }
}

/// The chain's builds whose agents are still there.
async fn agents(cluster: &Cluster, chain: &str) -> Result<Vec<Build>> {
    let list = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select::chain(chain)).await?;
    let mut there = Vec::new();
    for build in list.items.iter().filter_map(|namespace| read_build(namespace).ok()) {
        if build.terminating || build.phase < Phase::Triggered {
            continue;
        }
        match select::listener(cluster, &build).await {
            Ok(Some(listener)) if listener.replicas > 0 => there.push(build),
            Ok(_) => {}
            // who may not look there takes its own word
            Err(error) if error.is_rbac() => there.extend((build.phase < Phase::Finished).then_some(build)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(there)
}
