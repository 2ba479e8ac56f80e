//! The view of chains: `status --chains`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::listing::{Listed, Rows};
use super::status::{View, status};
use super::table::NONE;
use crate::chain::age;
use crate::chain::chain_object::ChainSeen;
use crate::chain::signs::Signs;

/// Chains in the order of their names, and what is needed to tell of them.
#[derive(Debug)]
pub struct ChainsView<'a> {
    chains: &'a [ChainSeen],
    signs: &'a BTreeMap<String, Signs>,
    now: Timestamp,
}

impl<'a> ChainsView<'a> {
    /// `signs` tells, by namespace, of what no agent could record; `now` is the server's time.
    pub fn new(chains: &'a [ChainSeen], signs: &'a BTreeMap<String, Signs>, now: Timestamp) -> Self {
        Self { chains, signs, now }
    }

    /// Why a chain stands still, or what its newest build waits for.
    pub(super) fn why(&self, chain: &ChainSeen) -> Option<String> {
        if let Some(fault) = &chain.fault {
            return Some(format!("{fault}; kubectl studioci doctor {} says what to do", chain.name));
        }
        match (&chain.ended, &chain.newest) {
            (Some(ended), _) => Some(format!("ended: {ended}")),
            (None, Some(build)) => View::new([build], self.signs, self.now).why(build),
            (None, None) => Some(
                "the namespace of its newest build is gone; kubectl studioci start raises a listener again"
                    .to_owned(),
            ),
        }
    }
}

impl Rows for ChainsView<'_> {
    fn count(&self) -> usize {
        self.chains.len()
    }

    /// `wide` adds what its builds have reserved.
    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let reserved = wide.then_some("Reserved");
        let first = ["Name", "Newest", "Status", "Last", "Listening", "Idle", "Builds"];
        first.into_iter().chain(reserved).chain(["Why"]).collect()
    }

    fn cells(&self, place: usize, wide: bool) -> Vec<String> {
        let chain = &self.chains[place];
        let newest = chain.newest.as_ref();
        let since = |at: Option<Timestamp>| at.map_or_else(|| NONE.to_owned(), |at| age::human(at, self.now));
        let mut cells = vec![
            chain.name.clone(),
            newest.map(|build| build.namespace.clone()).unwrap_or_default(),
            newest.map(status).unwrap_or_default().to_owned(),
            chain.last.as_ref().map(|(_, verdict)| verdict.clone()).unwrap_or_default(),
            since(chain.listening_since),
            since(chain.idle_since),
            chain.builds.map(|count| count.to_string()).unwrap_or_default(),
        ];
        if wide {
            cells.push(chain.reserved.as_ref().map(|it| it.total().to_string()).unwrap_or_default());
        }
        cells.push(self.why(chain).unwrap_or_default());
        cells
    }

    fn labels(&self, _: usize) -> Option<&BTreeMap<String, String>> {
        None
    }
}

impl Listed for ChainsView<'_> {
    fn kind(&self) -> &'static str {
        "Chain"
    }

    fn name(&self, place: usize) -> String {
        format!("chain/{}", self.chains[place].name)
    }

    fn object(&self, place: usize) -> Value {
        let chain = &self.chains[place];
        chain.object(self.why(chain).as_deref())
    }
}
