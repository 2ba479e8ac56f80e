//! Build once more what a build has built: the same image, by the same pipeline text, as a side build.

use super::find;
use super::report::histories;
use super::side::{self, SideChain, SideOf, SideRequest};
use crate::chain::build::{Build, Phase};
use crate::chain::freeze::{Freeze, Pushed};
use crate::chain::record::{Entry, text_id};
use crate::chain::wire;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster};
use crate::state::chain::Data;
use crate::state::error::{Error, Result, SideFault};
use crate::state::narration::progress;
use crate::state::{Say, enter, write};

/// Builds once more what this build has built. Of one whose namespace is gone, by what home knows.
///
/// # Errors
/// [`SideFault`]; as [`find::find`]; what is wrong with the pipeline; cluster errors.
pub async fn retry(cluster: &Cluster, name: &str, request: SideRequest, say: Say<'_>) -> Result<Build> {
    let (of, chain, freeze) = match find::find(cluster, name.into(), one_build).await {
        Ok(build) => {
            let chain = SideChain::read(cluster, of_a_chain(&build)?, request.dry_run).await?;
            let freeze = of_namespace(cluster, &build, request).await?;
            (build.namespace, chain, freeze)
        }
        // of a build that is gone another namespace may have the name by now: home's uid is not that one's
        Err(
            error @ (Error::NoSuchName { .. }
            | Error::NotABuildNamespace { .. }
            | Error::NotProvablyOurs { .. }
            | Error::BuildEdited { .. }),
        ) => {
            let Some((chain, entry)) = entry_of(cluster, name).await? else { return Err(error) };
            if !matches!(error, Error::NoSuchName { .. }) {
                if is_there(cluster, name, &entry.uid).await? {
                    return Err(error);
                }
                progress(
                    say,
                    format!(
                        "namespace {name} is another one by now; what is retried is the build that home knows by that name"
                    ),
                );
            }
            let chain = SideChain::read(cluster, &chain, request.dry_run).await?;
            let freeze = of_history(&entry, &chain)?;
            (entry.namespace, chain, freeze)
        }
        Err(error) => return Err(error),
    };
    let unusable = |why: &str| {
        let (build, chain, why) = (of.clone(), chain.name.clone(), why.to_owned());
        SideFault::NothingKept { build, chain, why }
    };
    if let Pushed::Unreadable(_) = &freeze.pipeline {
        return Err(unusable("what its image brought as its pipeline could not be read").into());
    }
    if freeze.version.digest().is_none() {
        return Err(SideFault::Unpinned { build: of, chain: chain.name }.into());
    }
    Box::pin(side::make(cluster, chain, &SideOf::Again { of, freeze }, request, say)).await
}

fn one_build(builds: &[Build]) -> Result<&Build> {
    let chain = builds.first().map(|build| build.chain.clone()).unwrap_or_default();
    Err(SideFault::OfChain { chain }.into())
}

/// The chain of a build that has come to its end.
fn of_a_chain(build: &Build) -> Result<&str> {
    let name = || build.namespace.clone();
    if build.chain == wire::CLAIM_CHAIN {
        return Err(SideFault::NothingInClaim { namespace: name() }.into());
    }
    if build.verdict.is_some() {
        return Ok(&build.chain);
    }
    Err(match build.phase {
        Phase::Claimed | Phase::Listening if !build.is_side() => {
            SideFault::NothingBuilt { build: name(), chain: build.chain.clone() }.into()
        }
        Phase::Disposing => Error::BeingDeleted { build: name() },
        _ => SideFault::StillRuns { build: name() }.into(),
    })
}

/// What a build has frozen.
async fn of_namespace(cluster: &Cluster, build: &Build, request: SideRequest) -> Result<Freeze> {
    let namespace = build.namespace.as_str();
    let wanted = [Access::to("get", &kind::CONFIG_MAPS, Some(namespace))];
    enter::by_hand(cluster, build, &wanted, request.dry_run).await?;
    let found =
        write::patiently(cluster, || cluster.get::<Data>(&kind::CONFIG_MAPS, Some(namespace), wire::FREEZE));
    let freeze = found.await?.and_then(|found| Freeze::read(&found.data));
    freeze.ok_or_else(|| {
        let (build, chain) = (namespace.to_owned(), build.chain.clone());
        let why = format!("ConfigMap {} is gone from its namespace", wire::FREEZE);
        SideFault::NothingKept { build, chain, why }.into()
    })
}

/// The newest build of that name in home, and its chain.
async fn entry_of(cluster: &Cluster, name: &str) -> Result<Option<(String, Entry)>> {
    let all = histories(cluster).await?;
    let named = all.into_iter().flat_map(|(chain, entries)| {
        let of = entries.into_iter().filter(|entry| entry.namespace == name);
        of.map(move |entry| (chain.clone(), entry))
    });
    Ok(named.max_by_key(|(_, entry)| (entry.times.get("recorded").copied(), entry.generation)))
}

/// Whether the namespace of that name is still the one that home knows.
async fn is_there(cluster: &Cluster, name: &str, uid: &str) -> Result<bool> {
    let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, name).await?;
    Ok(found.is_some_and(|found| found.metadata.uid == uid))
}

/// What home knows of a build: of its pipeline only which it was.
fn of_history(entry: &Entry, chain: &SideChain) -> Result<Freeze> {
    let unkept = |why: &str| {
        let (build, chain, why) = (entry.namespace.clone(), chain.name.clone(), why.to_owned());
        Error::from(SideFault::NothingKept { build, chain, why })
    };
    let version = entry.version.as_ref().and_then(|version| version.parse().ok());
    let (Some(image), Some(version)) = (&entry.image, version) else {
        return Err(unkept("its namespace is gone, and home does not know its image"));
    };
    let texts = [chain.last_good(), &chain.record.sources.template.text];
    let same = |text: &&str| entry.text.as_deref() == Some(&text_id(text));
    let Some(text) = texts.into_iter().find(same) else {
        return Err(unkept("its namespace is gone, and its pipeline is not its chain's any more"));
    };
    let (image, revision) = (image.clone(), entry.revision.clone());
    Ok(Freeze { image, version, revision, pipeline: Pushed::Text(text.to_owned()) })
}
