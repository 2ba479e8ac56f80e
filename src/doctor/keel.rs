//! Keel: whether it is there, and can do what chains need of it.

use jiff::Timestamp;

use super::Opinion;
use super::cluster::known;
use super::deployment::KeelFacts;
use super::facts::ClusterFacts;
use crate::chain::age;
use crate::chain::build::{Baseline, Phase};
use crate::chain::record::history;
use crate::chain::side::is_side;
use crate::keel::image::ImageRef;
use crate::keel::schedule::Schedule;

/// The release that is known to do all that chains need.
const GOOD: &str = "0.22.1";
/// The first one whose polling follows glob and regexp policies from any tag.
const FOLLOWS_PATTERNS: (u32, u32) = (0, 21);
/// The first one that looks at what runs when it sees a workload for the first time.
const SEES_DRIFT: (u32, u32) = (0, 22);

/// Its Deployment, as kubectl takes it.
fn place(keel: &KeelFacts) -> String {
    format!("deployment.apps/{} in namespace {}", keel.name, keel.namespace)
}

fn each(facts: &ClusterFacts, judge: impl FnMut(&KeelFacts) -> Vec<Opinion>) -> Vec<Opinion> {
    let keels = facts.keel.as_ref().and_then(|keel| keel.found.as_ref().ok());
    keels.into_iter().flatten().flat_map(judge).collect()
}

/// When a push was last seen, as home and namespaces tell. A first build may have been asked for by `start --now`.
fn pushed(facts: &ClusterFacts) -> Option<Timestamp> {
    let times = facts.chains.iter().flat_map(|chain| {
        let builds = chain.builds.as_deref().unwrap_or_default().iter();
        let seen = builds.filter(|build| build.baseline != Baseline::None && !build.is_side());
        let seen = seen.filter_map(|build| build.times.get(&Phase::Triggered).copied());
        let recorded = chain.history.as_ref().ok().and_then(|data| Some(history(data.as_ref()?)));
        let recorded = recorded
            .unwrap_or_default()
            .into_iter()
            .filter(|entry| entry.generation > 1 && !is_side(entry.generation));
        let key = Phase::Triggered.as_str().to_ascii_lowercase();
        seen.chain(recorded.filter_map(move |entry| entry.times.get(&key).copied())).collect::<Vec<_>>()
    });
    times.max()
}

pub(super) fn found(facts: &ClusterFacts) -> Vec<Opinion> {
    let Some(keel) = &facts.keel else { return Vec::new() };
    known(&keel.found, |found| match (&found[..], keel.moved.max(pushed(facts))) {
        ([only], _) => Opinion::ok(format!("Keel is {} ({})", place(only), only.image)),
        ([], None) => Opinion::failed(
            "no Deployment runs Keel, and none has moved anything here: no push is seen",
            format!(
                "install Keel {GOOD} (https://keel.sh), or have whoever runs it elsewhere connect it to this cluster"
            ),
        ),
        ([], Some(at)) => Opinion::warning(
            format!(
                "no Deployment runs Keel, yet one has moved a listener {} ago: it runs somewhere else",
                age::human(at, facts.now)
            ),
            "check it where it runs; the checks below are for a Keel in this cluster",
        ),
        (several, _) => Opinion::warning(
            format!(
                "{} Deployments run Keel, and each moves what the others do: {}",
                several.len(),
                several.iter().map(place).collect::<Vec<_>>().join(", ")
            ),
            "leave one of them, and scale the others to 0",
        ),
    })
}

pub(super) fn ready(facts: &ClusterFacts) -> Vec<Opinion> {
    each(facts, |keel| {
        let scale = format!("kubectl scale -n {} deployment/{} --replicas=1", keel.namespace, keel.name);
        vec![match (keel.replicas, keel.ready) {
            (0, _) => {
                Opinion::failed(format!("{} was scaled to 0: nothing moves a listener", place(keel)), scale)
            }
            (_, 0) => Opinion::failed(
                format!("{} has no ready pod: nothing moves a listener until it has one", place(keel)),
                format!("kubectl describe pods -n {} says why", keel.namespace),
            ),
            (1, _) => Opinion::ok("it is ready"),
            (many, _) => Opinion::warning(
                format!(
                    "{} has {many} replicas, and each keeps a memory of its own of what it has seen",
                    place(keel)
                ),
                scale,
            ),
        }]
    })
}

/// The first numbers of a release's tag.
fn numbers(tag: &str) -> Option<(u32, u32)> {
    let mut parts = tag.strip_prefix('v').unwrap_or(tag).split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn version(facts: &ClusterFacts) -> Vec<Opinion> {
    each(facts, |keel| {
        let image = ImageRef::parse(&keel.image);
        let tag = image.as_ref().map(|image| image.tag.as_str()).unwrap_or_default();
        let use_good = format!("use {GOOD}");
        vec![match numbers(tag) {
            Some(it) if it < FOLLOWS_PATTERNS => Opinion::failed(
                format!("Keel {tag} follows no glob or regexp policy from a tag that is no version"),
                use_good,
            ),
            Some(it) if it < SEES_DRIFT => Opinion::warning(
                format!(
                    "Keel {tag} does not look at what runs: of a tag that is pushed over, a push between two of its \
                     looks is found by the chain's own recheck only"
                ),
                use_good,
            ),
            Some(_) => Opinion::ok(format!("its version is {tag}")),
            None if tag.is_empty() => Opinion::unknown("its version: the image is named by its digest alone"),
            None => Opinion::warning(
                format!(
                    "the tag {tag:?} of Keel's image tells no version and may be moved: after {GOOD} Keel writes back what \
                     others changed meanwhile (agents undo it)"
                ),
                use_good,
            ),
        }]
    })
}

pub(super) fn rights(facts: &ClusterFacts) -> Vec<Opinion> {
    let Some(keel) = &facts.keel else { return Vec::new() };
    let mut said = Vec::new();
    for (account, rights) in &keel.rights {
        let missing = rights.iter().filter(|(_, held)| *held == Ok(false)).map(|(right, _)| right.as_str());
        let missing: Vec<&str> = missing.collect();
        let unread = rights.iter().find_map(|(_, held)| held.as_ref().err());
        said.push(match (&missing[..], unread) {
            ([], None) => Opinion::ok("it holds the rights that it needs"),
            ([], Some(why)) => why.opinion(),
            (missing, _) => Opinion::failed(
                format!("Keel ({account}) may not {}", missing.join(", may not ")),
                "grant it to Keel's ServiceAccount cluster-wide, as the ClusterRole of Keel's chart does",
            ),
        });
    }
    said
}

pub(super) fn polling(facts: &ClusterFacts) -> Vec<Opinion> {
    each(facts, |keel| {
        let told = |name: &str| keel.environment.get(name).map(String::as_str);
        let set =
            |change: &str| format!("kubectl set env -n {} deployment/{} {change}", keel.namespace, keel.name);
        let mut said = Vec::new();
        if told("POLL").is_some_and(|value| matches!(value, "false" | "0" | "f" | "F" | "FALSE" | "False")) {
            said.push(Opinion::failed(
                "Keel does not poll (POLL is false): no push is seen",
                set("POLL=true"),
            ));
        }
        if let Some(only) = told("RESTRICTED_NAMESPACE").filter(|it| !it.is_empty() && *it != "keel") {
            said.push(Opinion::failed(
                format!("Keel sees namespace {only} alone (RESTRICTED_NAMESPACE), and each build has one of its own"),
                set("RESTRICTED_NAMESPACE-"),
            ));
        }
        if let Some(schedule) = told("POLL_DEFAULTSCHEDULE").filter(|text| Schedule::parse(text).is_err()) {
            said.push(Opinion::failed(
                format!("Keel's default schedule {schedule:?} (POLL_DEFAULTSCHEDULE) is none"),
                set("POLL_DEFAULTSCHEDULE='@every 1m'"),
            ));
        }
        if said.is_empty() {
            said.push(Opinion::ok("it polls, in all namespaces"));
        }
        said
    })
}

pub(super) fn log(facts: &ClusterFacts) -> Vec<Opinion> {
    let Some(log) = facts.keel.as_ref().and_then(|keel| keel.log.as_ref()) else { return Vec::new() };
    known(log, |lines| {
        if lines.is_empty() {
            return Opinion::ok("nothing in the end of its log complains of an image of ours");
        }
        let remedy = "docs/registries.md says what each registry asks for";
        Opinion { lines: lines.clone(), ..Opinion::warning("Keel complains of an image of ours", remedy) }
    })
}

/// Characters of a line of a log that are shown at most.
const LINE: usize = 300;
/// Lines of it that are shown at most.
const LINES: usize = 5;

/// What a log of Keel complains of these repositories, the last lines of it.
pub fn complaints(log: &str, repositories: &[&str]) -> Vec<String> {
    let complains = |line: &str| {
        ["level=error", "level=warn", "level=fatal", "\"error\"", "\"warn"].iter().any(|it| line.contains(it))
    };
    of_ours(log, repositories, LINES, complains)
}

/// The last lines of a log of Keel that name these repositories.
///
/// Keel writes a pull Secret that it cannot read into its log as it is: a line that may hold one is left out.
pub fn of_ours(log: &str, repositories: &[&str], most: usize, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let secret = |line: &str| {
        ["auth\"", "auth\\", "auths", "password", "dockercfg", "dockerconfig"]
            .iter()
            .any(|it| line.contains(it))
    };
    let ours = |line: &str| repositories.iter().any(|name| !name.is_empty() && line.contains(name));
    let mut lines: Vec<String> = log
        .lines()
        .rev()
        .filter(|line| wanted(line) && ours(line) && !secret(line))
        .take(most)
        .map(|line| line.chars().take(LINE).collect())
        .collect();
    lines.reverse();
    lines
}
