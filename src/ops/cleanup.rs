//! Clean up: dispose of finished builds and bare claims, by name or by rules, and say of every other why it stays.
//!
//! Nothing is chosen by default: whoever gives neither a name nor a rule is asked for one.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;

use crate::chain::build::NamespaceView;
use crate::chain::retention::{self, Fate, Rules};
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::objects::NamespaceObject;
use crate::cluster::resource as kind;
use crate::state::build::view;
use crate::state::dispose::{Disposer, End, Target, look_home};
use crate::state::error::{Error, Result};
use crate::state::narration::Narration;
use crate::state::select;
use crate::state::{DryRun, Say};

/// Which namespaces are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// These.
    Named(Vec<String>),
    /// All of ours, or of one chain, that the rules let go.
    ByRules(Rules, Option<String>),
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
    dry_run: DryRun,
    now: Timestamp,
    say: Say<'_>,
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
                    say(Narration::Missing(&name));
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
    let views: Vec<NamespaceView<'_>> = found.iter().map(view).collect();
    let mut targets = Vec::new();
    for (view, fate) in views.iter().zip(retention::judge(&views, &home, rules, now)) {
        let target = Target::of(view);
        match fate {
            Fate::Dispose if dry_run == DryRun::Client => say(Narration::Deleted(view.namespace)),
            Fate::Dispose => targets.push(target),
            Fate::Going => {
                say(Narration::Going(view.namespace));
                done.going.push(target);
            }
            Fate::Stays(why) => {
                done.stay += 1;
                say(Narration::Stays(view.namespace, &why));
            }
        }
    }
    if targets.is_empty() {
        return Ok(done);
    }
    let disposer = Disposer::of(cluster, dry_run == DryRun::Server, now).await?;
    let check = |view: &NamespaceView<'_>| retention::may_go(view, &home);
    let mut each = |target: &Target, end: &Result<End>| {
        let name = target.namespace.as_str();
        match end {
            Ok(End::Deleted) => say(Narration::Deleted(name)),
            Ok(End::Going) => say(Narration::Going(name)),
            Ok(End::Stays(why)) => {
                done.stay += 1;
                say(Narration::Stays(name, why));
            }
            Err(error) => say(Narration::Failed(name, error)),
        }
        if matches!(end, Ok(End::Deleted | End::Going)) {
            done.going.push(target.clone());
        }
    };
    disposer.all(&targets, &check, &mut each).await?;
    Ok(done)
}
