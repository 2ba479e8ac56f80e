//! Clean up: dispose of finished builds and bare claims, by name or by rules, and say of every other why it stays.
//!
//! Nothing is chosen by default: whoever gives neither a name nor a rule is asked for one.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use super::Earnest;
use super::dispose::{End, Hand, Target, look_home};
use crate::chain::build::Told;
use crate::chain::retention::{self, Fate, Rules, Why};
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::build::told;
use crate::state::error::{Error, Result};
use crate::state::select;

/// Which namespaces are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Named(Vec<String>),
    /// All of ours, or of one chain, that the rules let go.
    ByRules(Rules, Option<String>),
}

/// What is told, a namespace at a time.
#[derive(Debug)]
pub enum Word<'a> {
    /// It was (or would be) deleted.
    Deleted(&'a str),
    /// It is going already.
    Going(&'a str),
    /// It stays.
    Stays(&'a str, &'a Why),
    /// There is none of this name.
    Missing(&'a str),
    /// It could not be disposed of.
    Failed(&'a str, &'a Error),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Done {
    /// Namespaces that are on their way out.
    pub going: Vec<Target>,
    /// How many stay.
    pub stay: usize,
    /// How many there are none of.
    pub missing: usize,
}

/// Cleans up.
///
/// # Errors
/// Cluster errors, after all that could be disposed of was.
pub async fn cleanup(
    cluster: &Cluster,
    which: &Which,
    earnest: Earnest,
    now: Timestamp,
    tell: &mut dyn FnMut(&Word<'_>),
) -> Result<Done> {
    let mut done = Done::default();
    let (found, now, rules) = match which {
        Which::Named(names) => {
            let get = |name: &'_ String| {
                let name = name.clone();
                async move {
                    let found = cluster.get::<NamespaceObject>(&kind::NAMESPACES, None, &name).await?;
                    Ok::<_, Error>((name, found))
                }
            };
            let read: Vec<_> = stream::iter(names).map(get).buffered(8).try_collect().await?;
            let mut found = Vec::new();
            for (name, namespace) in read {
                if let Some(namespace) = namespace {
                    found.push(namespace);
                } else {
                    done.missing += 1;
                    tell(&Word::Missing(&name));
                }
            }
            (found, now, Rules::default())
        }
        Which::ByRules(rules, chain) => {
            let select = chain.as_deref().map_or_else(select::builds, select::builds_of);
            let list = cluster.list::<NamespaceObject>(&kind::NAMESPACES, None, &select).await?;
            (list.items, list.date.unwrap_or(now), *rules)
        }
    };
    let chains: BTreeSet<String> =
        found.iter().filter_map(|namespace| namespace.metadata.labels.get(wire::CHAIN).cloned()).collect();
    let home = look_home(cluster, chains).await?;
    let tolds: Vec<Told<'_>> = found.iter().map(told).collect();
    let mut targets = Vec::new();
    for (told, fate) in tolds.iter().zip(retention::judge(&tolds, &home, rules, now)) {
        let target = Target::of(told);
        match fate {
            Fate::Dispose if earnest == Earnest::Client => tell(&Word::Deleted(told.namespace)),
            Fate::Dispose => targets.push(target),
            Fate::Going => {
                tell(&Word::Going(told.namespace));
                done.going.push(target);
            }
            Fate::Stays(why) => {
                done.stay += 1;
                tell(&Word::Stays(told.namespace, &why));
            }
        }
    }
    if targets.is_empty() {
        return Ok(done);
    }
    let hand = Hand::of(cluster, earnest == Earnest::Server, now).await?;
    let check = |told: &Told<'_>| retention::may_go(told, &home);
    let mut each = |target: &Target, end: &Result<End>| {
        let name = target.namespace.as_str();
        match end {
            Ok(End::Deleted) => tell(&Word::Deleted(name)),
            Ok(End::Going) => tell(&Word::Going(name)),
            Ok(End::Stays(why)) => {
                done.stay += 1;
                tell(&Word::Stays(name, why));
            }
            Err(error) => tell(&Word::Failed(name, error)),
        }
        if matches!(end, Ok(End::Deleted | End::Going)) {
            done.going.push(target.clone());
        }
    };
    hand.all(&targets, &check, &mut each).await?;
    Ok(done)
}
