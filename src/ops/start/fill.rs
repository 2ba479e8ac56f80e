//! A chain's objects in home besides its head.

use futures_util::future::{try_join, try_join_all};
use serde_json::Value;
use uuid::Uuid;

use super::Intent;
use crate::chain::build::Map;
use crate::chain::{rights, wire};
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Create, Resource};
use crate::state::error::{Error, Result};
use crate::state::{chain, kept_log, record, seed};

/// What came of [`fill_home`].
pub(super) struct Filled {
    /// Whether the record is this `start`'s.
    pub(super) own: bool,
    /// The chain's seed.
    pub(super) seed: Uuid,
    /// Whether there was none before.
    pub(super) sown: bool,
}

/// Everything of a chain in home besides its head. Create-only: a repetition completes what is missing, and of two
/// that start at the same time with different pipelines, whose record and seed are first counts.
pub(super) async fn fill_home(cluster: &Cluster, intent: &Intent) -> Result<Filled> {
    let record = &intent.record;
    let settings = &record.settings;
    let chain = settings.chain.as_str();
    let labels = rights::labels(chain);
    let written = chain::config_map(&wire::record_object(chain), &record.write()?, &labels);
    let own = create(cluster, &kind::CONFIG_MAPS, &written).await?;
    if !own {
        same_chain(cluster, intent).await?;
    }
    let mut objects = vec![
        (&kind::SECRETS, record::secret(chain, &record.secrets(), &labels)),
        (&kind::CONFIG_MAPS, chain::config_map(&wire::history_object(chain), &Map::new(), &labels)),
        (&kind::ROLES, rights::chain_role(&settings.grants())),
    ];
    objects.extend(kept_log::empty_ring(chain, &labels).into_iter().map(|secret| (&kind::SECRETS, secret)));
    let others = try_join_all(objects.iter().map(|(resource, object)| create(cluster, resource, object)));
    let secret = seed::seed_secret(chain, intent.seed, &labels);
    let (_, sown) = try_join(others, create(cluster, &kind::SECRETS, &secret)).await?;
    let seed = if sown { intent.seed } else { seed::seed_of(cluster, chain).await? };
    Ok(Filled { own, seed, sown })
}

/// Creates an object in home; `false` if there is one of that name.
pub(super) async fn create(cluster: &Cluster, resource: &Resource, object: &Value) -> Result<bool> {
    match cluster.create::<Object>(resource, Some(wire::HOME), object, &Create::default()).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_already_exists() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Joins a chain that is there: only one of the same repository. Its record and Secret, as they are.
pub(super) async fn same_chain(cluster: &Cluster, intent: &Intent) -> Result<record::StoredRecord> {
    let chain = &intent.record.settings.chain;
    let kept =
        record::kept(cluster, chain).await?.ok_or_else(|| Error::RecordVanished { chain: chain.clone() })?;
    let (mine, theirs) = (&intent.record.settings, &kept.record.settings);
    if theirs.repository != mine.repository {
        return Err(Error::OtherRepository {
            chain: chain.clone(),
            theirs: theirs.repository.clone(),
            ours: mine.repository.clone(),
        });
    }
    if let (Some(theirs), Some(mine)) = (&theirs.remote, &mine.remote)
        && theirs != mine
    {
        return Err(Error::OtherRemote { chain: chain.clone(), theirs: theirs.clone(), ours: mine.clone() });
    }
    if theirs.uuid != mine.uuid {
        return Err(Error::LeftOver { chain: chain.clone() });
    }
    Ok(kept)
}
