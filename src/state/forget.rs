//! Forget a chain: everything of it in home goes, the head last.

use super::chain::Data;
use super::error::{Error, Result};
use super::head::read_head;
use crate::chain::{kept_log, wire};
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
    let head = wire::chain_object(chain);
    let mut objects = vec![
        (&kind::ROLES, head.clone()),
        (&kind::SECRETS, head.clone()),
        (&kind::SECRETS, wire::seed_object(chain)),
        (&kind::CONFIG_MAPS, wire::history_object(chain)),
        (&kind::CONFIG_MAPS, wire::record_object(chain)),
    ];
    objects.extend(kept_log::ring(chain).into_iter().map(|name| (&kind::SECRETS, name)));
    let home = Some(wire::HOME);
    let before_head = objects.iter().map(|(kind, name)| cluster.get_metadata(kind, home, name));
    let before_head = futures_util::future::try_join_all(before_head).await?;
    let Some(last) = cluster.get::<Data>(&kind::CONFIG_MAPS, home, &head).await? else { return Ok(()) };
    let there = read_head(&last)?;
    if there.uuid != uuid || !there.purging {
        return Err(Error::StartedWhileDeleted { chain: chain.to_owned() });
    }
    let uids = before_head.into_iter().map(|found| found.map(|found| found.metadata.uid));
    objects.push((&kind::CONFIG_MAPS, head));
    for ((resource, name), seen) in objects.iter().zip(uids.chain([Some(last.metadata.uid)])) {
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
