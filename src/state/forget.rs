//! Forget a chain: everything of it in home goes, the head last.

use super::chain::Data;
use super::error::{Error, Result};
use super::head::read_head;
use crate::chain::wire;
use crate::cluster::objects::Object;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Delete, Deletion, Resource};

/// Deletes everything of a chain that is being purged, and names each. The head goes last: as long as it is there, a
/// repetition knows the chain.
///
/// All are read first, the head last, and go by the uids that were read: a chain is started anew under this name only
/// once the head is gone, so that what was read before that head is the purged chain's.
///
/// `uuid`: the chain's.
///
/// # Errors
/// [`Error::StartedWhileDeleted`] where the head is another chain's by now.
pub async fn forget(
    cluster: &Cluster,
    chain: &str,
    uuid: &str,
    tell: &mut dyn FnMut(&Resource, &str),
) -> Result<()> {
    let (head, record, history) =
        (wire::chain_object(chain), wire::record_object(chain), wire::history_object(chain));
    let secret_seed = wire::seed_object(chain);
    let objects = [
        (&kind::ROLES, &head),
        (&kind::SECRETS, &head),
        (&kind::SECRETS, &secret_seed),
        (&kind::CONFIG_MAPS, &history),
        (&kind::CONFIG_MAPS, &record),
        (&kind::CONFIG_MAPS, &head),
    ];
    let home = Some(wire::HOME);
    let before_head = objects.iter().take(5).map(|(kind, name)| cluster.get::<Object>(kind, home, name));
    let before_head = futures_util::future::try_join_all(before_head).await?;
    let Some(last) = cluster.get::<Data>(&kind::CONFIG_MAPS, home, &head).await? else { return Ok(()) };
    let there = read_head(&last)?;
    if there.uuid != uuid || !there.purging {
        return Err(Error::StartedWhileDeleted { chain: chain.to_owned() });
    }
    let uids = before_head.into_iter().map(|found| found.map(|found| found.metadata.uid));
    for ((resource, name), seen) in objects.into_iter().zip(uids.chain([Some(last.metadata.uid)])) {
        let Some(seen) = seen else { continue };
        match cluster.delete(resource, home, name, &Delete::uid(seen)).await {
            Ok(Deletion::Accepted) => tell(resource, name),
            Ok(Deletion::AlreadyGone) => {}
            // that one is gone, and its name another's
            Err(error) if error.is_conflict() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
