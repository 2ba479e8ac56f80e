//! Which builds somebody asks for.

use super::Overview;
use crate::chain::named::{MeantName, NamedKind};
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};
use crate::state::error::Result;

/// Which builds are wanted, and what of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct WantedBuilds<'a> {
    /// Those of the chain, or the build, of that name.
    pub name: Option<&'a str>,
    /// Which of the two, where that was said.
    pub kind: Option<NamedKind>,
    /// Those whose Namespaces this label selector takes.
    pub selector: Option<&'a str>,
    /// Whether labels are kept.
    pub labels: bool,
}

impl<'a> WantedBuilds<'a> {
    /// What was named.
    pub(super) fn named(self) -> Option<MeantName<'a>> {
        self.name.map(|name| MeantName { name, kind: self.kind })
    }

    pub(super) async fn list(self, cluster: &Cluster, query: Query) -> Result<Overview> {
        let query = query.and_labels(self.selector).cached();
        Ok(Overview::of(cluster.list(&kind::NAMESPACES, None, &query).await?, self.labels))
    }
}
