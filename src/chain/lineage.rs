//! The lineage of a chain: its builds from the newest to the oldest, beside each what was made of it by hand, and what is
//! missing between them, as far as home knows it.

use std::collections::{BTreeMap, BTreeSet};

use super::build::{Build, Phase, Verdict};
use super::head::Head;
use super::outbox::of_history;
use super::record::Entry;

/// What home keeps of a chain.
#[derive(Debug, Clone, Default)]
pub struct KeptOfChain {
    /// Its head, where that can be read.
    pub head: Option<Head>,
    /// Its history, oldest first.
    pub history: Vec<Entry>,
}

/// The builds of one chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Lineage<'a> {
    /// The chain's uuid.
    pub uuid: &'a str,
    /// Whether a later chain has its name by now.
    pub earlier: bool,
    /// Its builds, the newest first.
    pub kin: Vec<Kin<'a>>,
}

/// A build of a lineage, or several that are gone, and what was made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Kin<'a> {
    /// What it is.
    pub of: KinOf<'a>,
    /// Its side builds, the newest first.
    pub beside: Vec<Kin<'a>>,
}

/// What stands at a place of a lineage.
#[derive(Debug, Clone, PartialEq)]
pub enum KinOf<'a> {
    /// A build whose namespace is there.
    There(&'a Build),
    /// One that is gone, as the history tells it.
    Gone(Box<Build>),
    /// Several that are gone.
    Gap(LineageGap),
}

/// Generations that follow on each other and are gone, or side builds of one build that are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineageGap {
    /// How many there are.
    pub count: u64,
    /// The oldest generation of them and the newest; none of side builds.
    pub generations: Option<(u64, u64)>,
    /// How many of them ended with each verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// How many of them the history does not know: they never built, or are forgotten.
    pub unknown: u64,
}

impl<'a> Lineage<'a> {
    /// The lineages of all builds that have one chain's name, that of the chain itself first. `builds`: those that are there.
    ///
    /// Without `kept` nothing is known of what is gone, and nothing is said of it.
    pub fn of(builds: &[&'a Build], kept: Option<&'a KeptOfChain>) -> Vec<Self> {
        let mut uuids: Vec<&str> = Vec::new();
        let mut newest_first = builds.to_vec();
        newest_first.sort_by_key(|build| std::cmp::Reverse((build.created, build.generation)));
        let head = kept.and_then(|kept| kept.head.as_ref());
        let told = newest_first.iter().map(|build| build.chain_uuid.as_str());
        for uuid in head.map(|head| head.uuid.as_str()).into_iter().chain(told) {
            if !uuids.contains(&uuid) {
                uuids.push(uuid);
            }
        }
        let of = |(place, uuid): (usize, &'a str)| {
            let own: Vec<&Build> =
                newest_first.iter().filter(|build| build.chain_uuid == uuid).copied().collect();
            // history is of the chain that home knows
            let kept = kept.filter(|_| head.is_some_and(|head| head.uuid == uuid));
            Self { uuid, earlier: place > 0, kin: kin(&own, kept) }
        };
        uuids.into_iter().enumerate().map(of).collect()
    }
}

/// The builds of one chain, the newest first, in their places.
fn kin<'a>(builds: &[&'a Build], kept: Option<&KeptOfChain>) -> Vec<Kin<'a>> {
    let there: BTreeSet<&str> = builds.iter().map(|build| build.uid.as_str()).collect();
    let mut all: Vec<KinOf<'a>> = builds.iter().map(|build| KinOf::There(build)).collect();
    if let Some(kept) = kept {
        let gone = kept.history.iter().filter(|entry| !there.contains(entry.uid.as_str()));
        all.extend(gone.map(|entry| KinOf::Gone(Box::new(as_it_was(entry)))));
    }
    let is_side = |it: &KinOf<'_>| it.build().is_some_and(Build::is_side);
    let (mut sides, mut links): (Vec<_>, Vec<_>) = all.into_iter().partition(is_side);
    links.sort_by_key(|it| std::cmp::Reverse(it.build().map(|build| build.generation)));
    sides.sort_by_key(|it| std::cmp::Reverse(it.build().and_then(|build| build.created)));
    let named: BTreeSet<String> = sides.iter().filter_map(origin).map(str::to_owned).collect();
    // one past what the chain has come to
    let from = kept.and_then(|kept| kept.head.as_ref()).map(|head| head.generation.saturating_add(1));
    let links: Vec<Kin<'a>> = with_gaps(links, &named, kept.is_some(), from)
        .into_iter()
        .map(|of| Kin::with(of, &mut sides))
        .collect();
    // what is of no build, or of one that nobody knows any more; of two that name each other, the newest
    let mut kin = Vec::new();
    while !sides.is_empty() {
        let others: BTreeSet<&str> =
            sides.iter().filter_map(KinOf::build).map(|build| build.namespace.as_str()).collect();
        let is_first = |it: &KinOf<'_>| origin(it).is_none_or(|of| !others.contains(of));
        let of = sides.remove(sides.iter().position(is_first).unwrap_or_default());
        kin.push(Kin::with(of, &mut sides));
    }
    let mut kin = in_one_gap(kin);
    kin.extend(links);
    kin
}

/// The build that a side build was made of.
fn origin<'a>(it: &'a KinOf<'_>) -> Option<&'a str> {
    it.build().filter(|build| build.is_side())?.retry_of.as_deref()
}

/// Side builds with those that are gone put together, unless there is one alone.
fn in_one_gap(sides: Vec<Kin<'_>>) -> Vec<Kin<'_>> {
    let is_over = |kin: &Kin<'_>| matches!(kin.of, KinOf::Gone(_)) && kin.beside.is_empty();
    if sides.iter().filter(|kin| is_over(kin)).count() < 2 {
        return sides;
    }
    let (gone, mut others): (Vec<_>, Vec<_>) = sides.into_iter().partition(is_over);
    let mut gap = LineageGap::default();
    for build in gone.iter().filter_map(|kin| kin.of.build()) {
        gap.count(build);
    }
    others.push(Kin { of: KinOf::Gap(gap), beside: Vec::new() });
    others
}

/// The links of a chain, the newest first, those that are gone put together unless one is `named`.
fn with_gaps<'a>(
    links: Vec<KinOf<'a>>,
    named: &BTreeSet<String>,
    gaps: bool,
    from: Option<u64>,
) -> Vec<KinOf<'a>> {
    let (mut out, mut run, mut last) = (Vec::new(), GoneBuilds::default(), from);
    for link in links {
        let Some(build) = link.build() else { continue };
        let generation = build.generation;
        let missing = last.map_or(0, |last| last.saturating_sub(generation).saturating_sub(1));
        if gaps && missing > 0 {
            run.pass(generation + 1, generation + missing);
            run.gap.unknown += missing;
            run.gap.count += missing;
        }
        last = Some(generation);
        match link {
            KinOf::Gone(build) if !named.contains(&build.namespace) => run.add(build),
            other => {
                out.extend(std::mem::take(&mut run).end());
                out.push(other);
            }
        }
    }
    out.extend(run.end());
    out
}

/// Builds that are gone, one after the other.
#[derive(Default)]
struct GoneBuilds {
    gap: LineageGap,
    only: Option<Box<Build>>,
}

impl GoneBuilds {
    fn pass(&mut self, oldest: u64, newest: u64) {
        let newest = self.gap.generations.map_or(newest, |(_, newest)| newest);
        self.gap.generations = Some((oldest, newest));
    }

    fn add(&mut self, build: Box<Build>) {
        self.pass(build.generation, build.generation);
        self.gap.count(&build);
        self.only = Some(build);
    }

    fn end<'a>(self) -> Option<KinOf<'a>> {
        match self.only {
            Some(build) if self.gap.count == 1 => Some(KinOf::Gone(build)),
            _ => (self.gap.count > 0).then_some(KinOf::Gap(self.gap)),
        }
    }
}

impl LineageGap {
    fn count(&mut self, build: &Build) {
        self.count += 1;
        match build.verdict {
            Some(verdict) => *self.verdicts.entry(verdict).or_default() += 1,
            None => self.unknown += 1,
        }
    }
}

impl KinOf<'_> {
    /// The build, where it is one.
    pub fn build(&self) -> Option<&Build> {
        match self {
            Self::There(build) => Some(build),
            Self::Gone(build) => Some(build),
            Self::Gap(_) => None,
        }
    }
}

impl<'a> Kin<'a> {
    /// With those of `sides` that were made of it, and theirs.
    fn with(of: KinOf<'a>, sides: &mut Vec<KinOf<'a>>) -> Self {
        let name = of.build().map(|build| build.namespace.clone());
        let is_beside = |it: &mut KinOf<'a>| name.is_some() && origin(it) == name.as_deref();
        // taken out before their own are looked for, so that two that name each other end
        let own: Vec<KinOf<'a>> = sides.extract_if(.., is_beside).collect();
        let beside = own.into_iter().map(|it| Self::with(it, sides)).collect();
        Self { of, beside: in_one_gap(beside) }
    }
}

/// A build that is gone, as old as its claim.
fn as_it_was(entry: &Entry) -> Build {
    let build = of_history(entry, "", "");
    Build { created: build.times.get(&Phase::Claimed).copied(), ..build }
}

#[cfg(test)]
#[path = "lineage_tests.rs"]
mod tests;
