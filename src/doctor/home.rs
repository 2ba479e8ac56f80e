//! What home holds of a chain.

use super::chain::{repair, sow};
use super::cluster::known;
use super::facts::{ClusterFacts, Withheld};
use super::{CheckedChain, Opinion};
use crate::chain::head::Head;
use crate::chain::outbox;
use crate::chain::record::{history, tidied};
use crate::chain::{age, wire};

/// Bytes that the API server takes of an object's data.
const OBJECT_BYTES: usize = 1 << 20;
/// Of these so many are no matter yet.
const ROOM_BYTES: usize = OBJECT_BYTES / 10 * 9;
/// Results that are told of one by one.
const RESULTS: usize = 3;

pub(super) fn chains(facts: &ClusterFacts) -> Vec<Opinion> {
    if facts.setup.is_none() {
        return Vec::new();
    }
    if !facts.chains_unread.is_empty() {
        return facts.chains_unread.iter().map(Withheld::opinion).collect();
    }
    vec![match facts.chains.len() {
        0 => Opinion::ok("there are none"),
        1 => Opinion::ok("one is looked at"),
        many => Opinion::ok(format!("{many} are looked at")),
    }]
}

pub(super) fn head(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let chain = &seen.chain.name;
    known(&seen.chain.head, |head| match head {
        Some(head) => Opinion::ok(format!("its head is readable, at generation {}", head.generation)),
        None => Opinion::failed(
            format!("home has no head of it (ConfigMap {} in {})", wire::chain_object(chain), wire::HOME),
            format!(
                "somebody deleted it: delete what is left of the chain (kubectl delete -n {} configmap,secret,role -l \
                 {}={chain}; its namespaces, once nobody needs them) and start it anew",
                wire::HOME,
                wire::CHAIN
            ),
        ),
    })
}

/// Whether nothing was claimed for a chain yet: `start` goes on where one was cut off.
fn begins(seen: &CheckedChain<'_>) -> bool {
    let head = seen.chain.head.as_ref().ok().and_then(|head| head.as_ref());
    head.is_some_and(Head::begins)
}

pub(super) fn record(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let chain = &seen.chain.name;
    let uuid = seen.chain.head.as_ref().ok().and_then(|head| Some(&head.as_ref()?.uuid));
    let anew = "start the chain anew under another name with --chain";
    known(&seen.chain.settings, |settings| match settings {
        Some(settings) if uuid.is_some_and(|uuid| *uuid != settings.uuid) => {
            Opinion::failed("its record is that of another chain of this name", anew)
        }
        Some(_) => Opinion::ok("its record is readable"),
        None if begins(seen) => {
            Opinion::failed("its first start was cut off before it had a record", sow(chain))
        }
        None => Opinion::failed(
            format!("home has no record of it (ConfigMap {} in {})", wire::record_object(chain), wire::HOME),
            anew,
        ),
    })
}

/// A chain that has ended claims nothing, and `start` gives it another one.
pub(super) fn seed(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let goes_on = |head: &Head| head.ended.is_none() && !head.purging;
    if !seen.chain.head.as_ref().ok().and_then(|head| head.as_ref()).is_some_and(goes_on) {
        return Vec::new();
    }
    known(&seen.chain.seed, |is_there| match is_there {
        true => Opinion::ok("its seed is there, by which the next namespace is claimed"),
        false => Opinion::failed(
            format!(
                "home has no seed of it (Secret {} in {}), so that no further namespace can be claimed",
                wire::seed_object(&seen.chain.name),
                wire::HOME
            ),
            sow(&seen.chain.name),
        ),
    })
}

pub(super) fn publishing(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let chain = &seen.chain.name;
    known_history(seen, |data| {
        let entries = history(data);
        let name = |generation: u64| {
            let entry = entries.iter().find(|entry| entry.generation == generation);
            entry.map_or_else(|| format!("generation {generation}"), |entry| entry.namespace.clone())
        };
        let results = outbox::outbox(data);
        let lost: Vec<(String, String)> = results
            .iter()
            .rev()
            .filter_map(|(generation, out)| Some((name(*generation), out.why_not()?)))
            .collect();
        let mut said: Vec<Opinion> = lost
            .iter()
            .take(RESULTS)
            .map(|(build, why)| {
                Opinion::warning(
                    format!("the result of {build} {why}"),
                    format!("put right what is named, then: kubectl studioci report {build} --publish"),
                )
            })
            .collect();
        if let Some((build, _)) = lost.get(RESULTS) {
            let more = lost.len() - RESULTS;
            said.push(Opinion::warning(
                format!("{more} earlier results did not arrive either, that of {build} among them"),
                format!(
                    "kubectl studioci report {chain} lists the builds; report BUILD --publish tells of one"
                ),
            ));
        }
        if !seen.chain.lost.is_empty() {
            said.push(Opinion::warning(
                format!(
                    "deleted before their builds had ended, which nobody has recorded: {}",
                    seen.chain.lost.join(", ")
                ),
                repair(
                    seen,
                    "records them as Errored, and has those told who were told of them; so does the listener",
                ),
            ));
        }
        if said.is_empty() {
            let due = results.values().filter(|out| out.next().is_some()).count();
            said.push(Opinion::ok(match due {
                0 => "no result is kept from anybody".to_owned(),
                _ => format!("results on their way: {due}"),
            }));
        }
        said
    })
}

/// What home's history says; that it is not there is said by whoever asks for retention.
fn known_history(
    seen: &CheckedChain<'_>,
    judge: impl FnOnce(&crate::chain::build::Map) -> Vec<Opinion>,
) -> Vec<Opinion> {
    match &seen.chain.history {
        Ok(Some(data)) => judge(data),
        _ => Vec::new(),
    }
}

pub(super) fn retention(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let rules = seen.chain.settings.as_ref().ok().and_then(|it| Some(it.as_ref()?.retention));
    known(&seen.chain.history, |data| {
        let Some(data) = data else {
            let name = wire::history_object(&seen.chain.name);
            return Opinion::failed(
                format!(
                    "ConfigMap {name} is gone from {}: no build finishes before its result is in it",
                    wire::HOME
                ),
                repair(seen, "makes it again, empty"),
            );
        };
        let now = seen.cluster.now;
        match (tidied(data), rules.is_none_or(|rules| rules.let_go())) {
            (_, false) => Opinion::ok("it has no rule by which builds go; they stay until cleanup"),
            (Some(tidied), _) if tidied.failed > 0 => Opinion::warning(
                format!(
                    "its retention could not dispose of {} of its builds, {} ago: {}",
                    tidied.failed,
                    age::since(tidied.failing_since.or(Some(tidied.at)), now),
                    tidied.why.as_deref().unwrap_or("nobody has said why")
                ),
                "kubectl studioci cleanup BUILD says what keeps a build",
            ),
            (Some(tidied), _) => Opinion::ok(format!(
                "its retention last had something to do {} ago, and disposed of {}",
                age::human(tidied.at, now),
                tidied.disposed
            )),
            (None, _) => Opinion::ok("its retention has had nothing to do yet"),
        }
    })
}

pub(super) fn size(seen: &CheckedChain<'_>) -> Vec<Opinion> {
    let Some((object, bytes)) = seen.chain.sizes.iter().max_by_key(|(_, bytes)| *bytes) else {
        return Vec::new();
    };
    let said =
        format!("{} of 1024 KiB are used by the largest of its objects in home, {object}", bytes / 1024);
    vec![if *bytes > ROOM_BYTES {
        Opinion::warning(
            said,
            "make template, values and files smaller, or put them into the image; then run kubectl studioci start again",
        )
    } else {
        Opinion::ok(said)
    }]
}
