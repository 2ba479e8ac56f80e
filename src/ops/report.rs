//! What became of a build or of a chain's builds: read from the Namespaces that are there and from home, which outlives them.

mod contents;

use futures_util::future::try_join;
use jiff::Timestamp;

use self::contents::contents;
use super::status;
use crate::chain::build::{Build, Map};
use crate::chain::head::Head;
use crate::chain::kept_log::KeptPart;
use crate::chain::masking::Masking;
use crate::chain::named::MeantName;
use crate::chain::outbox;
use crate::chain::proof::{Witness, set_apart};
use crate::chain::record::{Entry, history};
use crate::chain::reported::{ReportOf, ReportedBuild, ReportedChain, ReportedLog};
use crate::chain::wire;
use crate::cluster::resource as kind;
use crate::cluster::{Cluster, Query};
use crate::state::chain::Data;
use crate::state::error::{Error, Result};
use crate::state::head::head;
use crate::state::{kept_log, record, select};

/// A report, and what to warn of.
#[derive(Debug)]
pub struct Report {
    /// What it tells of.
    pub of: ReportOf,
    /// One sentence each.
    pub notices: Vec<String>,
    /// The server's clock, for what runs; none if it sent no date.
    pub now: Option<Timestamp>,
}

/// Reports on the build of that name, also if its namespace is gone, else on the chain; of the kind that was named, if one was. Of
/// two builds that have had the same name, the newest is meant.
///
/// # Errors
/// Cluster errors; [`Error::NoSuchName`]; [`Error::BuildEdited`] for a Namespace that was edited by hand;
/// [`Error::NotProvablyOurs`] for one that only says that it is a build.
pub async fn report<'a>(cluster: &Cluster, named: impl Into<MeantName<'a>>) -> Result<Report> {
    let named = named.into();
    let name = named.name;
    let mut seen = Box::pin(status::builds(cluster, Some(named))).await?;
    let now = seen.now;
    let mut feigned = None;
    if let Some(build) = seen.builds.iter().find(|build| named.is_build(build)) {
        let home = HomeOf::read(cluster, &build.chain).await?;
        let entry = home.entries.iter().find(|entry| entry.uid == build.uid);
        match home.witness().believes(build) {
            Ok(()) => {
                let told = ReportedBuild::there(build.clone(), entry);
                return home.report(cluster, ReportOf::Build(Box::new(told)), now).await;
            }
            // a chain, or a build that is gone, may have that name
            Err(why) => feigned = Some((name.to_owned(), why.to_string())),
        }
    }
    if named.may_be_build() && seen.unreadable.contains_key(name) {
        match status::prove_absent(cluster, &mut seen, named).await {
            Error::NotProvablyOurs { namespace, why } => feigned = Some((namespace, why)),
            edited => return Err(edited),
        }
    }
    if !select::askable(name) {
        return Err(absent(named, &[]));
    }
    let of_chain = |build: &Build| named.is_chain_of(build);
    let mut there: Vec<Build> = match feigned {
        Some(_) if named.may_be_chain() => status::builds_of_chain(cluster, name).await?,
        _ => seen.builds.into_iter().filter(of_chain).collect(),
    };
    let mut home = if named.may_be_chain() { HomeOf::read(cluster, name).await? } else { HomeOf::default() };
    feigned = feigned.or(home.set_apart(&mut there));
    if home.is_there || !there.is_empty() {
        let mut chain = ReportedChain::of(name, &home.uuid, &home.entries, there);
        chain.ended.clone_from(&home.ended);
        return home.report(cluster, ReportOf::Chain(chain), now).await;
    }
    let histories = histories(cluster).await?;
    let of = |(chain, entries): &(String, Vec<Entry>)| {
        let is_it = |entry: &&Entry| named.may_be_build() && entry.namespace == name;
        let newest = entries.iter().filter(is_it).max_by_key(|entry| recorded(entry));
        Some((chain.clone(), newest?.clone()))
    };
    let Some((chain, entry)) = histories.iter().filter_map(of).max_by_key(|(_, entry)| recorded(entry))
    else {
        return Err(match feigned {
            Some((namespace, why)) => Error::NotProvablyOurs { namespace, why },
            None => absent(named, &histories),
        });
    };
    let home = HomeOf::read(cluster, &chain).await?;
    let told = ReportedBuild::gone(&entry, &chain, &home.uuid);
    home.report(cluster, ReportOf::Build(Box::new(told)), now).await
}

/// When a build ended, and which it was, to tell the newest.
fn recorded(entry: &Entry) -> (Option<Timestamp>, u64) {
    (entry.times.get("recorded").copied(), entry.generation)
}

/// That nobody has that name; which chains home knows.
fn absent(named: MeantName<'_>, histories: &[(String, Vec<Entry>)]) -> Error {
    let chains: Vec<&str> = histories.iter().map(|(chain, _)| chain.as_str()).collect();
    let remedy = if chains.is_empty() {
        "kubectl studioci status lists the builds that are there".to_owned()
    } else {
        format!("chains here: {}; kubectl studioci report CHAIN lists the builds of one", chains.join(", "))
    };
    Error::NoSuchName { what: named.what(), name: named.name.to_owned(), remedy }
}

/// The histories of all chains, by their names.
pub(super) async fn histories(cluster: &Cluster) -> Result<Vec<(String, Vec<Entry>)>> {
    let select = Query::labels(wire::CHAIN);
    let list = cluster.list::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &select).await?;
    let of = |object: Data| {
        let chain = object.metadata.labels.get(wire::CHAIN)?.clone();
        (object.metadata.name == wire::history_object(&chain)).then(|| (chain, history(&object.data)))
    };
    Ok(list.items.into_iter().filter_map(of).collect())
}

/// The history of one chain, oldest first.
pub(super) async fn history_of(cluster: &Cluster, chain: &str) -> Result<Vec<Entry>> {
    let name = wire::history_object(chain);
    let found = cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?;
    Ok(found.map(|found| history(&found.data)).unwrap_or_default())
}

/// What home has of a chain, as far as reports tell it.
#[derive(Debug, Default)]
struct HomeOf {
    is_there: bool,
    head: Option<Head>,
    uuid: String,
    ended: Option<String>,
    data: Map,
    entries: Vec<Entry>,
    masking: Masking,
    notices: Vec<String>,
}

impl HomeOf {
    async fn read(cluster: &Cluster, chain: &str) -> Result<Self> {
        let name = wire::history_object(chain);
        let kept = async { Ok(cluster.get::<Data>(&kind::CONFIG_MAPS, Some(wire::HOME), &name).await?) };
        let (head, kept) = try_join(head(cluster, chain), kept).await?;
        let mut home = Self { is_there: head.is_some() || kept.is_some(), ..Self::default() };
        if !home.is_there {
            return Ok(home);
        }
        if let Some(head) = &head {
            (home.uuid, home.ended) = (head.uuid.clone(), head.ended.clone());
        }
        home.head = head;
        home.data = kept.map(|kept| kept.data).unwrap_or_default();
        home.entries = history(&home.data);
        match record::values(cluster, chain).await {
            Ok(values) => {
                let values = values.unwrap_or_default();
                home.masking = Masking::of(values.values().map(String::as_str));
            }
            Err(error) if unmasked(&error) => home.notices.push(format!(
                "values of the chain's Secret are not masked in this report, since it cannot be read: {error}"
            )),
            Err(error) => return Err(error),
        }
        Ok(home)
    }

    /// What proves which namespaces are the chain's.
    fn witness(&self) -> Witness<'_> {
        Witness { head: self.head.as_ref().map(Ok), history: &self.entries, seed: None }
    }

    /// Leaves out what only says that it is a build of the chain, and notes that. The first of them, and why.
    fn set_apart(&mut self, there: &mut Vec<Build>) -> Option<(String, String)> {
        let (believed, others) = set_apart(std::mem::take(there), |build| self.witness().believes(build));
        *there = believed;
        let others: Vec<_> = others.into_iter().map(|(build, why)| (build, why.to_string())).collect();
        let said: Vec<_> = others.iter().map(|(build, why)| (build, why.as_str())).collect();
        self.notices.extend(status::not_believed(&said));
        others.into_iter().next().map(|(build, why)| (build.namespace, why))
    }

    /// The report, with the values of the chain's Secret masked.
    async fn report(mut self, cluster: &Cluster, mut of: ReportOf, now: Option<Timestamp>) -> Result<Report> {
        if let ReportOf::Build(it) = &mut of {
            self.add_log(cluster, it).await?;
            if !it.gone {
                let (contents, unread) = contents(cluster, &it.build).await;
                it.contents = contents;
                self.notices.extend(unread);
            }
        }
        let builds = match &mut of {
            ReportOf::Build(build) => std::slice::from_mut(&mut **build),
            ReportOf::Chain(chain) => &mut chain.builds[..],
        };
        for it in builds {
            it.unpublished = unpublished(&self, it);
            it.mask(&self.masking);
        }
        Ok(Report { of, notices: self.notices, now })
    }

    /// Adds the end of a build's log, as home keeps it.
    async fn add_log(&mut self, cluster: &Cluster, it: &mut ReportedBuild) -> Result<()> {
        let build = &it.build;
        match kept_log::read(cluster, &build.chain, build.generation, &build.uid).await {
            Ok(kept) => it.logs = kept.into_iter().flat_map(|kept| kept.containers).map(log_end).collect(),
            Err(error) if unmasked(&error) => {
                self.notices.push(format!("the end of its log cannot be read: {error}"));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether a report goes on without what it should mask: whoever may not read it cannot be helped otherwise.
fn unmasked(error: &Error) -> bool {
    match error {
        Error::Cluster(error) => error.is_rbac(),
        Error::SecretEdited { .. } => true,
        _ => false,
    }
}

fn log_end(part: KeptPart) -> ReportedLog {
    let text = String::from_utf8_lossy(&part.bytes).into_owned();
    let text = match part.why {
        Some(why) if text.is_empty() => why,
        Some(why) => format!("({why})\n{text}"),
        None => text,
    };
    ReportedLog { container: part.container, text, cut: part.cut }
}

/// Why a build's result did not get to where it should.
fn unpublished(home: &HomeOf, it: &ReportedBuild) -> Option<String> {
    outbox::outbox(&home.data).get(&it.build.generation)?.why_not()
}
