//! The view of lineages: `status --tree`, drawn as `kubectl tree` draws what owns what.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::chains::ChainsView;
use super::listing::Rows;
use super::status::View;
use super::table::NONE;
use crate::chain::age;
use crate::chain::build::{Build, Map};
use crate::chain::chain_object::ChainSeen;
use crate::chain::lineage::{KeptOfChain, Kin, KinOf, Lineage, LineageGap};

/// Where a table has a cell that means nothing.
const BLANK: &str = " ";
/// The column of [`View`] that the tree says by itself.
const CHAIN: usize = 1;

/// Chains with their builds below them.
#[derive(Debug)]
pub struct TreeView<'a> {
    builds: &'a View<'a>,
    rows: Vec<TreeRow<'a>>,
}

#[derive(Debug)]
struct TreeRow<'a> {
    /// What is drawn before the name.
    drawn: String,
    of: TreeRowOf<'a>,
}

#[derive(Debug)]
enum TreeRowOf<'a> {
    Chain { name: &'a str, why: Option<String> },
    There(&'a Build),
    Gone(Box<Build>),
    Gap { chain: &'a str, gap: LineageGap },
}

impl<'a> TreeView<'a> {
    /// The builds of these chains. `kept`: what home keeps of them; without it nothing is said of what is gone.
    pub fn new(
        chains: &'a [ChainSeen],
        told: &ChainsView<'_>,
        builds: &'a View<'a>,
        kept: Option<&'a BTreeMap<String, KeptOfChain>>,
    ) -> Self {
        let mut rows = Vec::new();
        for chain in chains {
            let own: Vec<&Build> =
                builds.builds().iter().filter(|build| build.chain == chain.name).copied().collect();
            // what only says that it is a link has no place among them
            let (apart, own): (Vec<&Build>, Vec<&Build>) = own.into_iter().partition(|build| {
                builds.unproved(build).is_some() && chain.uuid.as_ref() == Some(&build.chain_uuid)
            });
            let mut apart = Some(apart);
            for mut lineage in Lineage::of(&own, kept.and_then(|kept| kept.get(&chain.name))) {
                let beside = apart.take().into_iter().flatten();
                lineage.kin.extend(beside.map(|build| Kin { of: KinOf::There(build), beside: Vec::new() }));
                let why = match (lineage.earlier, &chain.ended, &chain.newest) {
                    (true, ..) => Some(earlier(lineage.uuid, &own, builds.now())),
                    // what its newest build waits for is said there
                    (false, None, Some(_)) if chain.fault.is_none() => None,
                    (false, ..) => told.why(chain).filter(|_| kept.is_some()),
                };
                let of = TreeRowOf::Chain { name: &chain.name, why };
                rows.push(TreeRow { drawn: String::new(), of });
                draw(lineage.kin, &chain.name, "", &mut rows);
            }
        }
        Self { builds, rows }
    }
}

/// By what one of several earlier chains is told from another.
fn earlier(uuid: &str, builds: &[&Build], now: Timestamp) -> String {
    let oldest =
        builds.iter().filter(|build| build.chain_uuid == uuid).filter_map(|build| build.created).min();
    let since = oldest.map(|at| format!(", since {}", age::human(at, now))).unwrap_or_default();
    format!("an earlier chain of that name (uuid {}{since})", uuid.chars().take(8).collect::<String>())
}

/// Adds a row for each, and below it those beside it. `before`: what is drawn of those above.
fn draw<'a>(all: Vec<Kin<'a>>, chain: &'a str, before: &str, rows: &mut Vec<TreeRow<'a>>) {
    let last = all.len().saturating_sub(1);
    for (place, kin) in all.into_iter().enumerate() {
        let (own, below) = if place == last { ("└─", "  ") } else { ("├─", "│ ") };
        let of = match kin.of {
            KinOf::There(build) => TreeRowOf::There(build),
            KinOf::Gone(build) => TreeRowOf::Gone(build),
            KinOf::Gap(gap) => TreeRowOf::Gap { chain, gap },
        };
        rows.push(TreeRow { drawn: format!("{before}{own}"), of });
        draw(kin.beside, chain, &format!("{before}{below}"), rows);
    }
}

impl Rows for TreeView<'_> {
    fn count(&self) -> usize {
        self.rows.len()
    }

    fn headers(&self, wide: bool) -> Vec<&'static str> {
        let mut headers = self.builds.headers(wide);
        headers.remove(CHAIN);
        headers
    }

    fn cells(&self, place: usize, wide: bool) -> Vec<String> {
        let TreeRow { drawn, of } = &self.rows[place];
        let mut cells = match of {
            TreeRowOf::There(build) => self.builds.cells_of(build, wide),
            TreeRowOf::Gone(build) => {
                let mut cells = self.builds.of_gone().cells_of(build, wide);
                cells[0] = format!("({})", build.namespace);
                said_last(&mut cells, gone(build));
                cells
            }
            TreeRowOf::Chain { name, why } => {
                let mut cells = self.blank(wide, format!("chain/{name}"));
                said_last(&mut cells, why.clone().unwrap_or_else(|| BLANK.to_owned()));
                cells
            }
            TreeRowOf::Gap { chain, gap } => {
                let builds = if gap.count == 1 { "build" } else { "builds" };
                let side = if gap.generations.is_none() { "side " } else { "" };
                let mut cells = self.blank(wide, format!("({} {side}{builds})", gap.count));
                if let Some((from, to)) = gap.generations {
                    cells[CHAIN + 1] = if from == to { from.to_string() } else { format!("{from}-{to}") };
                }
                said_last(&mut cells, of_gap(chain, gap));
                cells
            }
        };
        cells.remove(CHAIN);
        cells[0].insert_str(0, drawn);
        cells
    }

    fn labels(&self, place: usize) -> Option<&Map> {
        match &self.rows[place].of {
            TreeRowOf::There(build) => self.builds.labels_of(build),
            _ => None,
        }
    }
}

impl TreeView<'_> {
    /// The cells of what is no build.
    fn blank(&self, wide: bool, name: String) -> Vec<String> {
        let mut cells = vec![BLANK.to_owned(); self.builds.headers(wide).len()];
        cells[0] = name;
        cells
    }
}

fn said_last(cells: &mut [String], text: String) {
    if let Some(last) = cells.last_mut() {
        *last = text;
    }
}

fn gone(build: &Build) -> String {
    match &build.cause {
        Some(cause) if !cause.is_empty() => format!("gone: {}", cause.trim_end_matches('.')),
        _ => "gone".to_owned(),
    }
}

/// `gone: 10 Passed, 2 Failed; kubectl studioci report app lists them`.
fn of_gap(chain: &str, gap: &LineageGap) -> String {
    let known = gap.verdicts.iter().map(|(verdict, count)| format!("{count} {verdict}"));
    let unknown = (gap.unknown > 0).then(|| format!("{} without a result", gap.unknown));
    let told: Vec<String> = known.chain(unknown).collect();
    let lists = match (gap.verdicts.is_empty(), gap.unknown) {
        (true, _) => String::new(),
        (false, 0) => format!("; kubectl studioci report {chain} lists them"),
        (false, _) => format!("; kubectl studioci report {chain} lists those with one"),
    };
    format!("gone: {}{lists}", if told.is_empty() { NONE.to_owned() } else { told.join(", ") })
}

#[cfg(test)]
#[path = "tree_tests.rs"]
mod tests;
