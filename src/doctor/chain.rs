//! A chain's builds: whether the next push is seen and built, and what is left of others.

use super::cluster::known;
use super::facts::{EditedNamespace, Learnt, PullSecretFacts};
use super::{CheckedChain, Opinion};
use crate::chain::build::{Build, Phase};
use crate::chain::head::Head;
use crate::chain::kueue::KueueCase;
use crate::chain::proof::{Unproved, Witness};
use crate::chain::record::{history, newest};
use crate::chain::side::in_words;
use crate::chain::signs::{AGENT_GONE, STUCK, Signs};
use crate::chain::{age, wire};
use crate::keel::registry;

/// What does for a chain what its agents would.
pub(super) fn repair(seen: &CheckedChain<'_>, what: &str) -> String {
    format!("kubectl studioci doctor {} --repair {what}", seen.chain.name)
}

/// What writes what only `start` writes.
pub(super) fn sow(chain: &str) -> String {
    format!(
        "kubectl studioci start --chain {chain}, with its pipeline, writes it and raises a fresh listener"
    )
}

/// What raises a listener where no namespace is settled for one.
fn raise(seen: &CheckedChain<'_>) -> String {
    if seen.chain.seed == Ok(false) {
        return sow(&seen.chain.name);
    }
    repair(seen, "raises a fresh one, and so does kubectl studioci start where the chain was started")
}

fn head<'a>(seen: &CheckedChain<'a>) -> Option<&'a Head> {
    seen.chain.head.as_ref().ok()?.as_ref()
}

/// Its builds, where namespaces may be listed.
fn builds<'a>(seen: &CheckedChain<'a>) -> &'a [Build] {
    seen.chain.builds.as_deref().unwrap_or_default()
}

fn signs<'a>(seen: &CheckedChain<'a>, build: &Build) -> Option<&'a Signs> {
    seen.chain.signs.get(&build.namespace)
}

/// Why a build stands still, if it does: what keeps it, or what its agent waits for.
fn standstill(seen: &CheckedChain<'_>, build: &Build) -> Option<Opinion> {
    let name = &build.namespace;
    let signs = signs(seen, build);
    if let Some(trouble) = signs.and_then(|signs| signs.trouble.as_ref()) {
        let remedy = if trouble.starts_with(AGENT_GONE) {
            Some(repair(seen, "brings it back, or does what it had left to do"))
        } else {
            signs.and_then(|signs| signs.remedy.clone())
        };
        let remedy =
            remedy.unwrap_or_else(|| format!("kubectl get pods -n {name}; kubectl get events -n {name}"));
        return Some(Opinion::failed(format!("{name}: {trouble}"), remedy));
    }
    if let Some(error) = &build.dispatch_error {
        return Some(Opinion::failed(
            format!("{name}: the next listener cannot be raised: {error}"),
            "put right what is named; its agent goes on trying",
        ));
    }
    let waiting = build.waiting.as_ref()?;
    let kueue = build.kueue.as_ref();
    let by_itself =
        || format!("kubectl studioci status {name} shows it; its agent goes on by itself once that is over");
    let remedy = kueue.map_or_else(by_itself, |kueue| kueue.remedy(name));
    Some(if kueue.is_some_and(|kueue| kueue.case == KueueCase::NotServed) {
        Opinion::failed(format!("{name}: {waiting}"), remedy)
    } else if waiting.starts_with(STUCK) {
        Opinion::failed(
            format!("{name}: {waiting}"),
            format!("kubectl logs -n {name} -l {}=listener --all-containers says more", wire::ROLE),
        )
    } else {
        Opinion::warning(format!("{name} waits: {waiting}"), remedy)
    })
}

pub(super) fn listener(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let Some(head) = head(seen) else { return Vec::new() };
    let chain = &seen.chain.name;
    if head.purging {
        let again = format!("kubectl studioci stop {chain} --purge goes on with it");
        return vec![Opinion::warning("it is being taken down (stop --purge)", again)];
    }
    if let Some(how) = &head.ended {
        return vec![Opinion::ok(format!("it has ended: {how}"))];
    }
    let builds = match &seen.chain.builds {
        Ok(builds) => builds,
        Err(why) => return vec![why.opinion()],
    };
    let Some((namespace, uid)) = &head.claimed else {
        let is_before =
            |build: &&Build| build.generation + 1 == head.generation && proof(seen, build).is_ok();
        let before = builds.iter().find(is_before);
        let said = before.and_then(|before| standstill(seen, before));
        let next = head.generation;
        return vec![match (said, before) {
            (Some(said), _) => {
                Opinion { what: format!("generation {next} has no namespace yet; {}", said.what), ..said }
            }
            (None, Some(before)) => Opinion::warning(
                format!(
                    "generation {next} has no namespace yet; the agent of {} is about to claim it",
                    before.namespace
                ),
                "look again in a minute (--wait)",
            ),
            (None, None) => Opinion::failed(
                format!("generation {next} has no namespace, and nobody is left to claim one"),
                raise(seen),
            ),
        }];
    };
    let Some(build) = builds.iter().find(|build| build.uid == *uid) else {
        return vec![Opinion::failed(format!("{namespace}, where it listened, is gone"), raise(seen))];
    };
    if build.terminating {
        return vec![Opinion::failed(
            format!("{namespace}, where it listens, is being deleted"),
            raise(seen),
        )];
    }
    if let Some(said) = standstill(seen, build) {
        return vec![said];
    }
    let now = seen.cluster.now;
    if let Some(standing) = signs(seen, build).and_then(|signs| signs.standing.as_ref()) {
        let since = age::since(build.created, now);
        return vec![Opinion::warning(
            format!("{namespace} does not listen yet, {since} after it was created: {standing}"),
            "look again in a minute (--wait)",
        )];
    }
    vec![Opinion::ok(match build.phase {
        Phase::Listening => {
            let since = age::since(build.times.get(&Phase::Listening).copied(), now);
            format!("{namespace} has listened for {since}{}", last(seen))
        }
        phase => format!("{namespace} is {phase}"),
    })]
}

/// How the last build ended.
fn last(seen: &CheckedChain<'_>) -> String {
    let entries = seen.chain.history.as_ref().ok().and_then(|data| Some(history(data.as_ref()?)));
    match entries.as_deref().and_then(newest) {
        Some(entry) => format!("; the last build was {}: {}", entry.namespace, entry.verdict),
        None => "; nothing has been built yet".to_owned(),
    }
}

/// Whether a build is told of with the listener: the newest, or the one whose agent is to claim it.
fn is_of_listener(seen: &CheckedChain<'_>, build: &Build) -> bool {
    head(seen).is_some_and(|head| match &head.claimed {
        Some((_, uid)) => *uid == build.uid,
        None => build.generation + 1 == head.generation,
    })
}

pub(super) fn agents(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let unfinished = |build: &&Build| {
        let over = build.phase >= Phase::Finished || build.terminating;
        // a namespace that home has passed by is told of as an orphan
        let needless = proof(seen, build).is_err() || is_left_over(seen, build) || is_passed(seen, build);
        !over && !is_of_listener(seen, build) && !needless
    };
    let builds: Vec<&Build> = builds(seen).iter().filter(unfinished).collect();
    let said: Vec<Opinion> = builds.iter().filter_map(|build| standstill(seen, build)).collect();
    if said.is_empty() && !builds.is_empty() {
        let names: Vec<String> =
            builds.iter().map(|build| format!("{} ({})", build.namespace, build.phase)).collect();
        return vec![Opinion::ok(format!("unfinished builds have their agents: {}", names.join(", ")))];
    }
    said
}

pub(super) fn edited(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let opinion = |it: &EditedNamespace| {
        let EditedNamespace { namespace, uid, what, remedy } = it;
        match witness(seen, |known| known.knows_namespace(&seen.chain.name, uid)) {
            Ok(()) => Opinion::failed(what, remedy),
            Err(why) => Opinion::warning(
                format!("{what}; {why}"),
                format!(
                    "if nobody needs what is in it (kubectl get all -n {namespace}): kubectl delete namespace {namespace}"
                ),
            ),
        }
    };
    seen.chain.edited.iter().map(opinion).collect()
}

/// Asks what home knows of the chain; nothing is disproved where that cannot be read.
fn witness(
    seen: &CheckedChain<'_>,
    ask: impl FnOnce(Witness<'_>) -> Result<(), Unproved>,
) -> Result<(), Unproved> {
    let Ok(head) = &seen.chain.head else { return Ok(()) };
    let entries =
        seen.chain.history.as_ref().ok().and_then(|data| Some(history(data.as_ref()?))).unwrap_or_default();
    match ask(Witness { head: head.as_ref().map(Ok), history: &entries, seed: None }) {
        Err(Unproved::Forgotten { .. }) if seen.chain.history.is_err() => Ok(()),
        told => told,
    }
}

/// Whether home knows nothing of a build's namespace: by its uid, which nobody can feign. Of what is older than all that
/// home remembers nothing is said.
fn is_orphan(seen: &CheckedChain<'_>, build: &Build) -> bool {
    match proof(seen, build) {
        // a claim that was never settled is left over, which is told by the seed
        Err(Unproved::Unknown { .. }) => build.is_side() && build.phase < Phase::Finished,
        Ok(()) | Err(Unproved::Forgotten { .. }) => false,
        Err(_) => true,
    }
}

/// Why a build is not believed, where that can be told.
fn proof(seen: &CheckedChain<'_>, build: &Build) -> Result<(), Unproved> {
    if head(seen).is_none() || build.generation == 0 {
        return Ok(());
    }
    witness(seen, |known| known.believes(build))
}

/// Whether nobody will ever need what is in a build's namespace.
fn is_left_over(seen: &CheckedChain<'_>, build: &Build) -> bool {
    seen.chain.left_over.as_ref().is_ok_and(|uids| uids.contains(&build.uid))
}

/// Whether the chain went on without it before it had built anything; it may be held.
fn is_passed(seen: &CheckedChain<'_>, build: &Build) -> bool {
    build.phase <= Phase::Triggered && head(seen).is_some_and(|head| head.abandons_build(build))
}

pub(super) fn orphans(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    if head(seen).is_none() || seen.chain.builds.is_err() {
        return Vec::new();
    }
    let orphans = builds(seen)
        .iter()
        .filter(|build| !build.terminating && (is_left_over(seen, build) || is_orphan(seen, build)));
    let said: Vec<Opinion> = orphans
        .map(|build| {
            let name = &build.namespace;
            if is_left_over(seen, build) {
                return Opinion::warning(
                    format!("namespace {name} is left over: nothing was built in it, and nothing will be"),
                    repair(seen, "deletes it"),
                );
            }
            Opinion::warning(
                format!("namespace {name} says that it is {} of the chain, and home does not know it", in_words(build.generation)),
                format!("if nobody needs what is in it (kubectl get all -n {name}): kubectl delete namespace {name}"),
            )
        })
        .collect();
    if !said.is_empty() {
        return said;
    }
    known(&seen.chain.left_over, |_| Opinion::ok("home knows each of its namespaces"))
}

pub(super) fn slots(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let (Some(head), Ok(_)) = (head(seen), &seen.chain.builds) else { return Vec::new() };
    let held_in_vain = head.slots.iter().filter(|(generation, namespace)| {
        let build =
            builds(seen).iter().find(|it| it.generation == **generation && it.namespace == **namespace);
        build.is_none_or(|build| build.phase >= Phase::Finished || build.terminating)
    });
    let names: Vec<&str> = held_in_vain.map(|(_, namespace)| namespace.as_str()).collect();
    vec![match (&names[..], head.slots.len()) {
        ([], 0) => Opinion::ok("no build runs"),
        ([], running) => Opinion::ok(format!("builds that run: {running}")),
        (names, _) => Opinion::warning(
            format!("{} holds the right to build, and builds no more", names.join(", ")),
            repair(seen, "gives it back, and so does the next build that wants it"),
        ),
    }]
}

pub(super) fn terminating(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let held = builds(seen).iter().filter(|build| build.terminating).filter_map(|build| {
        let why = signs(seen, build)?.trouble.as_ref()?;
        let name = &build.namespace;
        Some(Opinion::failed(
            format!("namespace {name} does not go away: {why}"),
            format!(
                "have whoever set the finalizers that are named take them off (kubectl get namespace {name} -o yaml); nothing \
                 new is created there"
            ),
        ))
    });
    held.collect()
}

/// The registry of the chain's image.
fn host(seen: &CheckedChain<'_>) -> Option<String> {
    let settings = seen.chain.settings.as_ref().ok()?.as_ref()?;
    settings.repository.split_once('/').map(|(host, _)| host.to_owned())
}

pub(super) fn registry(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let Some(host) = host(seen) else { return Vec::new() };
    let keels = seen.cluster.keel.as_ref().and_then(|keel| keel.found.as_ref().ok());
    // one that runs elsewhere has an environment that nobody sees
    let Some(keel) = keels.and_then(|keels| keels.first()) else { return Vec::new() };
    if registry::is_localhost(&host) {
        return vec![Opinion::failed(
            format!("its registry is {host}: to Keel that is its own pod, where no registry is"),
            "name the registry as pods and nodes both reach it",
        )];
    }
    let insecure = keel.environment.get("INSECURE_REGISTRY").is_some_and(|value| value == "true");
    if registry::may_be_plain(&host) && !insecure {
        return vec![Opinion::warning(
            format!("its registry {host} may speak plain http, and Keel asks by https only"),
            format!(
                "if it does: kubectl set env -n {} deployment/{} INSECURE_REGISTRY=true; nothing is to do for a registry with \
                 TLS",
                keel.namespace, keel.name
            ),
        )];
    }
    vec![Opinion::ok(format!("Keel asks its registry {host} as it should"))]
}

/// The key by which Keel reads a login from a Secret of this type; none if it reads none.
fn login_key(kind: &str) -> Option<&'static str> {
    match kind {
        "kubernetes.io/dockerconfigjson" => Some(".dockerconfigjson"),
        "kubernetes.io/dockercfg" => Some(".dockercfg"),
        _ => None,
    }
}

pub(super) fn pull_secrets(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let Some(host) = host(seen) else { return Vec::new() };
    let secrets: &[Learnt<PullSecretFacts>] = &seen.chain.pull_secrets;
    let there: Vec<&PullSecretFacts> = secrets.iter().filter_map(|it| it.as_ref().ok()).collect();
    let has_login = |secret: &&PullSecretFacts| {
        secret.registries.iter().flatten().any(|registry| serves(registry, &host))
    };
    if let Some(secret) = there.iter().find(|secret| has_login(secret)) {
        return vec![Opinion::ok(format!(
            "{} has a login for {host}, where Keel looks for it",
            secret.object
        ))];
    }
    let Some(first) = secrets.first() else { return Vec::new() };
    let again = "put it right where the pipeline has it from, and run kubectl studioci start again";
    known(first, |secret| match (&secret.kind, &secret.registries) {
        (None, _) => Opinion::failed(
            format!("{} is not there: Keel asks {host} without a login", secret.object),
            again,
        ),
        (Some(kind), _) if login_key(kind).is_none() => {
            Opinion::failed(format!("{} has type {kind}, of which Keel reads no login", secret.object), again)
        }
        (_, None) => Opinion::failed(format!("{} cannot be read as a login", secret.object), again),
        (_, Some(registries)) => Opinion::failed(
            format!(
                "{} has a login for {} and none for {host}: Keel asks without one",
                secret.object,
                if registries.is_empty() { "nobody".to_owned() } else { registries.join(", ") }
            ),
            again,
        ),
    })
}

/// Whether a key of a login is for this registry, as Keel compares them: by host, and Docker Hub by its name of old.
fn serves(key: &str, host: &str) -> bool {
    let bare = key.trim_start_matches("https://").trim_start_matches("http://");
    let own = bare.split('/').next().unwrap_or_default();
    if host == "docker.io" { own == "index.docker.io" } else { own == host }
}

/// The registries that a pull Secret of this type has a login for; none where it is no login. `held` gives what it holds.
pub fn registries<'a>(kind: &str, held: impl FnOnce(&str) -> Option<&'a [u8]>) -> Option<Vec<String>> {
    let key = login_key(kind)?;
    let value: serde_json::Value = serde_json::from_slice(held(key)?).ok()?;
    let auths = if key == ".dockercfg" { &value } else { value.get("auths")? };
    Some(auths.as_object()?.keys().cloned().collect())
}
