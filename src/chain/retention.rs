//! Which builds may be disposed of, and why every other one stays.
//!
//! A disposal deletes a namespace with everything in it, so this file would rather leave one too many. It lets go only
//! of what is provably ours (labels, and its uid in the chain's head or history; of a claim that the head never settled,
//! an owner uuid that derives from the chain's seed), is finished, is neither the newest of its chain nor holds a build
//! slot, and has its result in home's history under this very uid. Hand-edited state is a finding, and never guessed at.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::build::{Build, NamespaceView, NotABuild, Phase, Verdict};
use super::claim::is_derived;
use super::head::Head;
use super::outbox::{Outbox, Outgoing};
use super::proof::Witness;
use super::record::{Entry, has_dropped};
pub use super::rules::{Rules, Tidied};
use super::wire;

/// What home holds of one chain.
#[derive(Debug, Clone, Default)]
pub struct ChainInHome {
    /// The head; none = there is no such chain; an error says why it cannot be read.
    pub head: Option<Result<Head, String>>,
    /// The history; none = the object is gone.
    pub history: Option<Vec<Entry>>,
    /// The seed, where it is there and may be read.
    pub seed: Option<Uuid>,
    /// What the chain's own retention came to last.
    pub tidied: Option<Tidied>,
    /// Which results are on their way to others.
    pub outbox: Outbox,
}

impl ChainInHome {
    /// What it proves; of a chain that home does not know, nothing.
    pub fn witness(kept: Option<&Self>) -> Witness<'_> {
        kept.map_or_else(Witness::default, |kept| Witness {
            head: kept.head.as_ref().map(|head| head.as_ref().map_err(String::as_str)),
            history: kept.history.as_deref().unwrap_or_default(),
            seed: kept.seed,
        })
    }
}

/// What home holds, by chain.
pub type ChainsInHome = BTreeMap<String, ChainInHome>;

/// Why a namespace stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StayReason {
    /// One sentence without its subject and full stop: `it is not finished (phase Building)`.
    pub sentence: String,
    /// Whether something is not as we left it: edited by hand, another's, made again.
    pub finding: bool,
}

impl StayReason {
    fn rule(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), finding: false }
    }

    fn finding(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), finding: true }
    }
}

/// What becomes of a namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is disposed of.
    Dispose,
    /// It is Terminating already.
    Going,
    /// It stays.
    Stays(StayReason),
}

/// Judges namespaces, each for itself and by the rules; one fate each, in their order.
///
/// `now`: the server's clock.
pub fn judge(
    namespaces: &[NamespaceView<'_>],
    home: &ChainsInHome,
    rules: Rules,
    now: Timestamp,
) -> Vec<Fate> {
    let judged: Vec<Result<Build, Fate>> = namespaces
        .iter()
        .map(|told| if told.terminating { Err(going(told)) } else { may_go(told, home).map_err(Fate::Stays) })
        .collect();
    let newest = newest(judged.iter().flatten());
    judged
        .iter()
        .map(|judged| match judged {
            Err(fate) => fate.clone(),
            Ok(build) => match by_rules(build, rules, &newest, now) {
                None => Fate::Dispose,
                Some(why) => Fate::Stays(why),
            },
        })
        .collect()
}

/// A Terminating namespace is nobody's to stop; but only ours is ours to speak of.
fn going(told: &NamespaceView<'_>) -> Fate {
    match marked(told) {
        Ok(()) => Fate::Going,
        Err(why) => Fate::Stays(why),
    }
}

/// The finished generations of each chain and verdict, and side builds apart, newest first.
type Newest = BTreeMap<(String, Option<Verdict>, bool), Vec<u64>>;

fn alike(build: &Build) -> (String, Option<Verdict>, bool) {
    (build.chain.clone(), build.verdict, build.is_side())
}

/// Sorts finished builds by chain and verdict.
fn newest<'a>(builds: impl Iterator<Item = &'a Build>) -> Newest {
    let mut newest = Newest::new();
    // what is being disposed of already is kept by no rule, and must not take another one's place
    for build in builds.filter(|build| build.phase == Phase::Finished) {
        newest.entry(alike(build)).or_default().push(build.generation);
    }
    for generations in newest.values_mut() {
        generations.sort_unstable_by(|a, b| b.cmp(a));
    }
    newest
}

/// Why a build that may go stays all the same.
fn by_rules(build: &Build, rules: Rules, newest: &Newest, now: Timestamp) -> Option<StayReason> {
    if build.phase == Phase::Disposing {
        // begun already: it goes on to its end
        return None;
    }
    let claim = build.chain == wire::CLAIM_CHAIN;
    if !claim && build.phase < Phase::Finished {
        // left half made: there is nothing to be kept
        return None;
    }
    if let Some(keep) = rules.keep {
        if claim && rules.older_than.is_none() {
            return Some(StayReason::rule("it is a bare claim, which goes by its age or by name"));
        }
        let alike = newest.get(&alike(build)).map_or(&[][..], Vec::as_slice);
        if !claim && alike.iter().take(keep).any(|kept| *kept == build.generation) {
            let verdict = build.verdict.map_or("finished", Verdict::as_str);
            return Some(StayReason::rule(format!(
                "it is among the newest {keep} {verdict} {}builds of chain {}",
                if build.is_side() { "side " } else { "" },
                build.chain
            )));
        }
    }
    let failed = !claim && build.verdict != Some(Verdict::Passed);
    // what is kept for one reason is not let go for another
    let bound = rules.older_than.max(rules.keep_failed.filter(|_| failed))?;
    let (what, since) = if claim { ("it was created", build.created) } else { ("it ended", ended(build)) };
    let Some(since) = since else {
        return Some(StayReason::finding(format!(
            "its annotation {} is gone, so that its age is not known",
            Phase::Finished.time_key()
        )));
    };
    let age = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    (age <= bound).then(|| StayReason::rule(format!("{what} at {since:.0}, which is not long enough ago")))
}

/// When a build ended: a clock that starts earlier would dispose of a long build as soon as it is over.
fn ended(build: &Build) -> Option<Timestamp> {
    [Phase::Finished, Phase::Recorded].iter().find_map(|phase| build.times.get(phase)).copied()
}

/// Whether this namespace may be disposed of at all: a bare claim, or a finished build whose result is in home.
///
/// Asked again on a fresh read right before the deletion.
///
/// # Errors
/// Why it stays.
pub fn may_go(told: &NamespaceView<'_>, home: &ChainsInHome) -> Result<Build, StayReason> {
    let build = proved(told, home)?;
    held(told)?;
    if build.chain == wire::CLAIM_CHAIN {
        return match build.phase {
            Phase::Claimed | Phase::Disposing => Ok(build),
            phase => Err(StayReason::finding(format!(
                "it is a bare claim in phase {phase}, which it cannot have reached"
            ))),
        };
    }
    let (head, kept) = of_chain(&build, home)?;
    if (build.phase == Phase::Disposing || build.is_side()) && head.abandons_build(&build) {
        return Ok(build);
    }
    if build.phase < Phase::Finished {
        let chain = &build.chain;
        return Err(StayReason::rule(if build.is_side() {
            format!("it is not finished (phase {})", build.phase)
        } else if head.abandons(build.generation) {
            format!(
                "it was never triggered, and chain {chain} went on without it: kubectl studioci start or stop {chain} disposes of it"
            )
        } else if build.phase <= Phase::Listening {
            format!(
                "it is the newest of its chain and waits for a push: kubectl studioci stop {chain} ends that"
            )
        } else {
            format!("it is not finished (phase {})", build.phase)
        }));
    }
    if head.slots.contains_key(&build.generation) {
        return Err(StayReason::rule("it holds a build slot of its chain"));
    }
    if head.claimed.as_ref().is_some_and(|(_, uid)| *uid == build.uid) {
        return Err(StayReason::finding(format!(
            "the head of its chain names it as the newest, but it is {}",
            build.phase
        )));
    }
    recorded(&build, kept)?;
    if kept.outbox.get(&build.generation).and_then(Outgoing::next).is_some() {
        return Err(StayReason::rule("its result is still on its way to whom the chain tells"));
    }
    Ok(build)
}

/// Whether this namespace is one that its chain has left behind: `start` or `stop` won the head before it was
/// triggered, so it never built anything and never will.
///
/// # Errors
/// Why it stays.
pub fn left_behind(told: &NamespaceView<'_>, home: &ChainsInHome) -> Result<Build, StayReason> {
    let build = proved(told, home)?;
    let (head, _) = of_chain(&build, home)?;
    let untriggered = build.phase <= Phase::Triggered || build.phase == Phase::Disposing;
    if untriggered && head.abandons_build(&build) {
        Ok(build)
    } else {
        Err(StayReason::rule(format!("its agent has carried the chain on (phase {})", build.phase)))
    }
}

/// Whether this namespace is left over for certain: nothing was ever built in it, and the head has passed it. Its owner uuid alone
/// proves nothing here: everybody can read it on it, and copy it.
///
/// # Errors
/// Why it stays.
pub fn left_over(told: &NamespaceView<'_>, home: &ChainsInHome) -> Result<Build, StayReason> {
    let build = proved(told, home)?;
    held(told)?;
    let (head, kept) = of_chain(&build, home)?;
    let generation = build.generation;
    if build.phase > Phase::Triggered && build.phase != Phase::Disposing {
        return Err(StayReason::rule(format!("its agent has carried the chain on (phase {})", build.phase)));
    }
    let settled = head.proves(&build);
    let prefix = told.annotations.get(wire::PREFIX).map_or("", String::as_str);
    let derived = |seed| is_derived(&build.namespace, seed, generation, prefix);
    if !settled && !kept.seed.is_some_and(derived) {
        let sentence = format!(
            "neither its uid is known to chain {}, nor does its name derive from the chain's seed, so nothing proves it ours",
            build.chain
        );
        return Err(StayReason::finding(sentence));
    }
    if head.abandons_build(&build) {
        return Ok(build);
    }
    Err(StayReason::rule("its chain may go on with it"))
}

/// Whether somebody holds it.
fn held(told: &NamespaceView<'_>) -> Result<(), StayReason> {
    let Some(why) = told.annotations.get(wire::HOLD) else { return Ok(()) };
    let why = if why.is_empty() { String::new() } else { format!(" ({why})") };
    Err(StayReason::rule(format!(
        "it is held{why}: kubectl annotate namespace {} {}- lets it go",
        told.namespace,
        wire::HOLD
    )))
}

/// Whether this is a build that goes on by itself to its end.
pub fn runs(told: &NamespaceView<'_>, home: &ChainsInHome) -> bool {
    !told.terminating
        && proved(told, home).is_ok_and(|build| {
            let abandoned = of_chain(&build, home).is_ok_and(|(head, _)| head.abandons_build(&build));
            build.phase < Phase::Finished && !abandoned
        })
}

/// Whether it says that it is ours.
fn marked(told: &NamespaceView<'_>) -> Result<(), StayReason> {
    if told.labels.get(wire::MANAGED_BY).map(String::as_str) == Some(wire::MANAGED_BY_VALUE) {
        return Ok(());
    }
    let label = format!("{}={}", wire::MANAGED_BY, wire::MANAGED_BY_VALUE);
    Err(StayReason::finding(format!("it is not ours: it has no label {label}")))
}

/// Reads a namespace as a build that is provably ours.
fn proved(told: &NamespaceView<'_>, home: &ChainsInHome) -> Result<Build, StayReason> {
    marked(told)?;
    let build = Build::read(*told).map_err(|why| {
        StayReason::finding(match why {
            NotABuild::Missing { key, .. } => format!("it has no {key}, so nothing proves it ours"),
            NotABuild::Bad { key, value, .. } => {
                format!("its {key} {value:?} cannot be read; it was edited by hand")
            }
        })
    })?;
    let claim = build.chain == wire::CLAIM_CHAIN;
    if claim != (build.generation == 0) {
        return Err(StayReason::finding(format!(
            "it says generation {} of chain {}, and there is no such thing; it was edited by hand",
            build.generation, build.chain
        )));
    }
    // who may set the label of bare claims, the admission policies say; they have no seed that anybody keeps
    if !claim {
        of_its_chain(&build, home)?;
    }
    Ok(build)
}

/// Whether a build of a chain is that chain's, for whoever disposes of it: see [`Witness::of_its_chain`].
///
/// # Errors
/// Why nothing proves that.
fn of_its_chain(build: &Build, home: &ChainsInHome) -> Result<(), StayReason> {
    let proved = ChainInHome::witness(home.get(&build.chain)).of_its_chain(build);
    proved.map_err(|why| StayReason::finding(why.to_string()))
}

/// What home says of a build's chain.
fn of_chain<'a>(build: &Build, home: &'a ChainsInHome) -> Result<(&'a Head, &'a ChainInHome), StayReason> {
    let kept = home.get(&build.chain);
    let head = ChainInHome::witness(kept).head_of(build);
    let head = head.map_err(|why| StayReason::finding(why.to_string()))?;
    Ok((head, kept.expect("a head was just found in it")))
}

/// Whether a build's result is in home, under this very namespace.
fn recorded(build: &Build, kept: &ChainInHome) -> Result<(), StayReason> {
    let object = wire::history_object(&build.chain);
    let Some(history) = &kept.history else {
        return Err(StayReason::finding(format!("its result is not in home: ConfigMap {object} is gone")));
    };
    match history.iter().find(|entry| entry.generation == build.generation) {
        // its agent wrote the phase after the entry
        None if has_dropped(history, build.generation) && build.verdict.is_some() => Ok(()),
        None => Err(StayReason::finding(format!("its result is not in home (ConfigMap {object})"))),
        Some(entry) if entry.namespace != build.namespace || entry.uid != build.uid => {
            Err(StayReason::finding(format!(
                "ConfigMap {object} in home knows generation {} by another uid: this namespace was made again by hand",
                build.generation
            )))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
