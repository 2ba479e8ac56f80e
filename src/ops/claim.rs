//! `claim`: a namespace that is proved ours, in which whoever claimed it may work.

use std::time::Duration;

use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster};
use crate::state::Say;
use crate::state::claim::{self, Claim, Claimed};
use crate::state::enter::{bind_person_for, usable};
use crate::state::error::Result;
use crate::state::write::create;

/// Claims a namespace for a person, who may use it and dispose of it from then on.
///
/// # Errors
/// As [`claim`] and [`usable`].
pub async fn bare(cluster: &Cluster, claim: &Claim, bound: Duration, say: Say<'_>) -> Result<Claimed> {
    let claimed = claim::claim(cluster, claim, say).await?;
    let there = claim.there(&claimed);
    let wanted = [
        Access::to("create", &kind::DEPLOYMENTS, Some(there.namespace)),
        Access::to("delete", &kind::NAMESPACES, Some(there.namespace)),
    ];
    if let Some(binding) = bind_person_for(cluster, &there, &wanted).await? {
        create(cluster, &binding).await?;
    }
    usable(cluster, &claimed.namespace, bound, say).await?;
    Ok(claimed)
}
