//! The rights that `start` and the chain's agents need, asked for before anything is created.

use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Access, Cluster};
use crate::pipeline::weave::Plan;
use crate::state::enter::entitled;
use crate::state::error::{Error, Result};
use crate::state::home;

/// Rights that `start` and the chain's agents need, asked for before anything is created.
pub(super) async fn check_rights(cluster: &Cluster, plan: &Plan) -> Result<()> {
    let workspace = home::workspace(cluster).await?;
    let uncovered: Vec<String> = plan
        .kinds
        .iter()
        .filter(|kind| !workspace.covers(kind.group, kind.plural, "create"))
        .map(|kind| format!("{} ({})", kind.kind, kind.api_version()))
        .collect();
    if !uncovered.is_empty() {
        return Err(Error::KindsNotCovered { kinds: uncovered.join(", ") });
    }
    let home = Some(wire::HOME);
    let wanted = [
        Access::to("create", &kind::NAMESPACES, None),
        Access::to("create", &kind::CONFIG_MAPS, home),
        Access::to("create", &kind::SECRETS, home),
        Access::to("create", &kind::ROLES, home),
        Access::to("create", &kind::ROLE_BINDINGS, home),
        Access::to("create", &kind::CLUSTER_ROLE_BINDINGS, None),
    ];
    entitled(cluster, &wanted).await
}
