//! `doctor`: collects what is known of a cluster, many requests at a time, each of them bounded. A fact that may not be
//! read is left out, with the reason.

pub mod bundle;
mod chains;
mod keel;

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::setup::{OLDEST, place};
use crate::cluster::resource as kind;
use crate::cluster::{self, Cluster};
use crate::doctor::facts::{AsInstalled, ClusterFacts, Learnt, ServerFacts, SetupFacts, Trial, Withheld};
use crate::doctor::{self, CheckFinding, Grade};
use crate::state::confinement::{self, Authorizer, Canary};
use crate::state::error::{Error, Result};
use crate::state::home::{self, Home};
use crate::state::{manifests, select};

/// Why the API server did not say what was asked.
fn withheld(error: &cluster::Error) -> Withheld {
    Withheld::Unread(match error {
        cluster::Error::Forbidden(no) => {
            let said = no.to_string();
            said.split_once(" may not ").map_or_else(|| said.clone(), |(_, what)| format!("may not {what}"))
        }
        other => other.to_string(),
    })
}

/// Why something of ours is not known: it cannot be read, or it is wrong.
fn of(error: Error) -> Withheld {
    match error {
        Error::Cluster(error) => withheld(&error),
        Error::NotAUser { what, .. } => Withheld::Unread(
            what.split_once(" may not ").map_or(what.clone(), |(_, it)| format!("may not {it}")),
        ),
        other => {
            let remedy = other.advice().map(|(_, remedy)| remedy).unwrap_or_default();
            Withheld::Wrong(other.one_line(), remedy)
        }
    }
}

/// How long between two looks.
const PAUSE: Duration = Duration::from_secs(5);

/// Looks at a cluster until no check fails any more, for `patience` at most, and says what it found last.
///
/// # Errors
/// [`Error::NoSuchName`] for a chain that is not there. What cannot be read is a finding, and no error.
pub async fn doctor(
    cluster: &Cluster,
    chain: Option<&str>,
    patience: Duration,
    clock: fn() -> Timestamp,
) -> Result<Vec<CheckFinding>> {
    if let Some(name) = chain.filter(|name| !select::askable(name)) {
        let remedy = "kubectl studioci status --chains lists the chains that are there".to_owned();
        return Err(Error::NoSuchName { what: "chain and no build", name: name.to_owned(), remedy });
    }
    let end = Instant::now() + patience;
    loop {
        let findings = doctor::examine(&look(cluster, chain, clock()).await?);
        let failed = findings.iter().find(|it| it.opinion.grade == Grade::Failed);
        match failed {
            Some(failed) if Instant::now() + PAUSE <= end => {
                cluster.waits(format!("{}: {}; looking again", failed.category, failed.opinion.what));
            }
            _ => return Ok(findings),
        }
        sleep(PAUSE).await;
    }
}

/// Collects what is known of a cluster, and of the chain of that name or of all.
async fn look(cluster: &Cluster, chain: Option<&str>, now: Timestamp) -> Result<ClusterFacts> {
    let mut facts = ClusterFacts {
        now,
        server: Err(Withheld::Unread(String::new())),
        setup: None,
        keel: None,
        chains: Vec::new(),
        chains_unread: Vec::new(),
    };
    let version = cluster.version().await;
    match &version {
        // whoever is refused has been answered
        Ok(_) | Err(cluster::Error::Forbidden(_)) => {}
        Err(error) => {
            facts.server = Err(Withheld::Wrong(error.to_string(), error.remedy()));
            return Ok(facts);
        }
    }
    let (serves, setup, deployments, builds) = Box::pin(async {
        tokio::join!(
            cluster.serves(&kind::VALIDATING_ADMISSION_POLICIES),
            setup(cluster),
            keel::deployments(cluster),
            chains::builds(cluster, chain),
        )
    })
    .await;
    facts.server = version.map_err(|error| withheld(&error)).map(|version| ServerFacts {
        numbers: version.numbers(),
        version: version.git_version,
        oldest: OLDEST,
        serves_policies: serves.map_err(|error| withheld(&error)),
    });
    facts.setup = Some(setup);
    let there = deployments.as_deref().unwrap_or_default();
    Box::pin(chains::look(cluster, chain, builds, there, &mut facts)).await?;
    facts.keel = Some(Box::pin(keel::look(cluster, deployments, &facts.chains)).await);
    Ok(facts)
}

async fn setup(cluster: &Cluster) -> SetupFacts {
    let (home, newer, canary, authorizer) = tokio::join!(
        home::home(cluster),
        confinement::installed(cluster),
        confinement::canary(cluster),
        confinement::authorizer(cluster),
    );
    let objects = match &home {
        Ok(home) => objects(cluster, home).await,
        // what home says of the agent image stands in the roles
        Err(_) => Vec::new(),
    };
    let trial = |canary| match canary {
        Canary::Refused => Trial::Refused,
        Canary::LetOff => Trial::LetOff,
        Canary::NotAsked => Trial::NotAsked,
    };
    SetupFacts {
        agent_image: home.map(|home| home.agent_image).map_err(of),
        newer: newer.map(|newer| newer.map(|number| (number, manifests::own_number()))).map_err(of),
        trial: canary.map(trial).map_err(of),
        authorizes: authorizer.map(|authorizer| authorizer == Authorizer::On).map_err(of),
        objects,
    }
}

/// How the objects of `setup` stand; policies have a check of their own.
async fn objects(cluster: &Cluster, home: &Home) -> Vec<(String, Learnt<AsInstalled>)> {
    let wanted: Vec<Value> = manifests::objects_of(home)
        .into_iter()
        .chain([manifests::config(home)])
        .filter(|it| ![manifests::POLICY, manifests::BINDING].contains(&manifests::key(it).0))
        .collect();
    join_all(wanted.iter().map(|wanted| object(cluster, wanted))).await
}

async fn object(cluster: &Cluster, wanted: &Value) -> (String, Learnt<AsInstalled>) {
    let (resource, namespace, name) = match place(wanted) {
        Ok(place) => place,
        Err(error) => return (manifests::key(wanted).1.to_owned(), Err(of(error))),
    };
    let live = cluster.get::<Value>(&resource, namespace, name).await;
    let stands = |live: Option<Value>| match live {
        None => AsInstalled::Missing,
        Some(live) if manifests::number(&live) > manifests::own_number() => AsInstalled::Newer,
        Some(live) if manifests::repair(&live, wanted).is_some() => AsInstalled::Differs,
        Some(_) => AsInstalled::Same,
    };
    (resource.object(name), live.map(stands).map_err(|error| withheld(&error)))
}

#[cfg(test)]
mod tests;
