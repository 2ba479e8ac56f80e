//! A chain that home knows, and of which no namespace is there any more.

use super::Overview;
use crate::chain::head::Head;
use crate::chain::named::MeantName;
use crate::cluster::Cluster;
use crate::state::error::Error;
use crate::state::{head, select};

/// A chain without namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BareChain {
    /// Its name.
    pub chain: String,
    /// When and by whom it was ended; none where somebody has deleted its namespaces.
    pub ended: Option<String>,
    /// Whether it has never had one.
    pub begins: bool,
}

impl BareChain {
    /// That of this head.
    pub(super) fn of(chain: &str, head: &Head) -> Self {
        Self { chain: chain.to_owned(), ended: head.ended.clone(), begins: head.begins() }
    }

    fn why(&self) -> String {
        match &self.ended {
            Some(how) => format!("it ended ({how}), and its namespaces are gone"),
            None if self.begins => "its first start is under way, or was cut off".to_owned(),
            None => "its namespaces were deleted".to_owned(),
        }
    }

    fn remedy(&self) -> String {
        let chain = &self.chain;
        if self.begins {
            return "kubectl studioci start goes on with it".to_owned();
        }
        let more = match &self.ended {
            Some(_) => "kubectl studioci start carries it on".to_owned(),
            None => format!("kubectl studioci doctor {chain} says what it lacks"),
        };
        format!("kubectl studioci report {chain} tells what was built; {more}")
    }

    /// What is so, and what to do.
    pub fn said(&self) -> String {
        format!("chain {} has no builds here: {}; {}", self.chain, self.why(), self.remedy())
    }
}

impl From<BareChain> for Error {
    fn from(bare: BareChain) -> Self {
        Self::ChainWithoutBuilds { why: bare.why(), remedy: bare.remedy(), chain: bare.chain }
    }
}

/// The chain of that name, where home knows it and nothing that was seen says that it is of it. Who may not read home does not know.
pub(in crate::ops) async fn bare(
    cluster: &Cluster,
    seen: &Overview,
    named: MeantName<'_>,
) -> Option<BareChain> {
    let name = named.name;
    let nobody_has_it = matches!(seen.absent(named), Error::NoSuchName { .. }) && !seen.is_of(name);
    if !named.may_be_chain() || !select::askable(name) || !nobody_has_it {
        return None;
    }
    let head = head::head(cluster, name).await.ok()??;
    Some(BareChain::of(name, &head))
}

/// Why nothing of that name is among what was seen: nobody has it, or it is a chain of which no namespace is there.
pub(in crate::ops) async fn absent(cluster: &Cluster, seen: &Overview, named: MeantName<'_>) -> Error {
    bare(cluster, seen, named).await.map_or_else(|| seen.absent(named), Error::from)
}
