//! What is wrong with a cluster, as far as builds depend on it: facts in, findings out.
//!
//! `ops` collects what may be read ([`facts`]), one table of checks judges it, `output` shows it. What may not be read is
//! unknown, and no failure. Each check has a name, under which `docs/doctor.md` says more.

pub mod bundle;
pub mod chain;
mod cluster;
pub mod deployment;
pub mod facts;
mod home;
pub mod keel;

use facts::{ChainFacts, ClusterFacts};

/// How a check ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// It is as it should be.
    Ok,
    /// Builds go on, but somebody should look.
    Warning,
    /// Builds do not go on, or not as they should.
    Failed,
    /// It could not be found out.
    Unknown,
}

impl Grade {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// How it ended.
    pub grade: Grade,
    /// What is so, one sentence.
    pub what: String,
    /// What to do about it; none where nothing is to be done.
    pub remedy: Option<String>,
    /// What others have said of it, a line each.
    pub lines: Vec<String>,
}

impl Opinion {
    fn new(grade: Grade, what: impl Into<String>, remedy: Option<String>) -> Self {
        Self { grade, what: what.into(), remedy, lines: Vec::new() }
    }

    fn ok(what: impl Into<String>) -> Self {
        Self::new(Grade::Ok, what, None)
    }

    fn warning(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Grade::Warning, what, Some(remedy.into()))
    }

    fn failed(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Grade::Failed, what, Some(remedy.into()))
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::new(Grade::Unknown, why, None)
    }
}

/// What a check of a cluster says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckFinding {
    /// The check's name, which is also its place in `docs/doctor.md`.
    pub code: &'static str,
    /// What it is about: `cluster`, `setup`.
    pub category: String,
    /// What it says.
    pub opinion: Opinion,
}

/// A check: it says nothing where there is nothing to ask.
type Judge = fn(&ClusterFacts) -> Vec<Opinion>;

/// The checks of a cluster, in order: category, name, judge.
const OF_CLUSTER: &[(&str, &str, Judge)] = &[
    ("cluster", "server-reachable", cluster::reachable),
    ("cluster", "server-version", cluster::version),
    ("cluster", "server-policies", cluster::serves_policies),
    ("setup", "setup-home", cluster::home),
    ("setup", "setup-policies", cluster::policies),
    ("setup", "setup-refusals", cluster::refusals),
    ("setup", "setup-rbac", cluster::rbac),
    ("setup", "setup-objects", cluster::objects),
    ("Keel", "keel-found", keel::found),
    ("Keel", "keel-ready", keel::ready),
    ("Keel", "keel-version", keel::version),
    ("Keel", "keel-rights", keel::rights),
    ("Keel", "keel-polling", keel::polling),
    ("Keel", "keel-log", keel::log),
    ("chains", "chains-known", home::chains),
];

/// A chain, and the cluster that it is in.
struct CheckedChain<'a> {
    chain: &'a ChainFacts,
    cluster: &'a ClusterFacts,
}

type JudgeOfChain = fn(&CheckedChain<'_>) -> Vec<Opinion>;

/// The checks of a chain, in order: name, judge.
const OF_CHAIN: &[(&str, JudgeOfChain)] = &[
    ("chain-head", home::head),
    ("chain-record", home::record),
    ("chain-seed", home::seed),
    ("chain-listener", chain::listener),
    ("chain-agents", chain::agents),
    ("chain-edited", chain::edited),
    ("chain-orphans", chain::orphans),
    ("chain-slots", chain::slots),
    ("chain-terminating", chain::terminating),
    ("chain-registry", chain::registry),
    ("chain-pull-secrets", chain::pull_secrets),
    ("chain-publishing", home::publishing),
    ("chain-retention", home::retention),
    ("chain-size", home::size),
];

/// The names of all checks, in order.
#[cfg(any(test, feature = "testing"))]
pub fn codes() -> Vec<&'static str> {
    OF_CLUSTER.iter().map(|(_, code, _)| *code).chain(OF_CHAIN.iter().map(|(code, _)| *code)).collect()
}

/// Judges everything that is known.
pub fn examine(facts: &ClusterFacts) -> Vec<CheckFinding> {
    let finding =
        |category: &str, code, opinion| CheckFinding { code, category: category.to_owned(), opinion };
    let mut findings = Vec::new();
    for (category, code, judge) in OF_CLUSTER {
        findings.extend(judge(facts).into_iter().map(|opinion| finding(category, code, opinion)));
    }
    for chain in &facts.chains {
        let category = format!("chain {}", chain.name);
        for (code, judge) in OF_CHAIN {
            let seen = CheckedChain { chain, cluster: facts };
            findings.extend(judge(&seen).into_iter().map(|opinion| finding(&category, code, opinion)));
        }
    }
    findings
}

#[cfg(test)]
mod tests;
