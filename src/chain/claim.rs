//! What a Namespace that stands in the way of a claim means.
//!
//! A claim is a plain create of a derived name with our owner uuid in it; the server decides. This file judges
//! what is there already: ours, somebody's, or on its way out.
//!
//! Ours is only what is ours in every respect. The chain label comes first: who may set that is the business of the
//! admission policies, while every annotation can be copied by whoever may create namespaces.

use uuid::Uuid;

use super::build::Map;
use super::rights::{POD_SECURITY, POD_SECURITY_MODES};
use super::{names, wire};

/// What is known of a Namespace, as a quorum read shows it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its labels.
    pub labels: &'a Map,
    /// Its annotations.
    pub annotations: &'a Map,
    /// Whether it has a deletionTimestamp.
    pub terminating: bool,
}

/// What a Namespace of the chain and generation carries.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'a> {
    /// The chain's name.
    pub chain: &'a str,
    /// The chain's uuid.
    pub chain_uuid: &'a str,
    /// The generation.
    pub generation: u64,
    /// Labels that it was created with; of these, those of Pod Security count.
    pub labels: &'a Map,
}

/// What to do about a Namespace of a wanted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// It carries our owner uuid: an earlier try, or somebody who repeats the same claim, made it. It is the claim.
    Ours,
    /// Ours, but Terminating: it is never used again; the next name is.
    OursTerminating,
    /// Somebody else's: the next name.
    Foreign,
}

/// Judges a Namespace against the marks and the owner uuid of the claim.
pub fn judge(standing: Standing<'_>, marks: Marks<'_>, owner: &str) -> Whose {
    let proved = standing.annotations.get(wire::OWNER).is_some_and(|there| there == owner);
    match standing.terminating {
        _ if !marked(standing, marks) || !proved => Whose::Foreign,
        true => Whose::OursTerminating,
        false => Whose::Ours,
    }
}

/// Whether a Namespace carries everything that one of this chain and generation carries, the owner uuid left out.
///
/// Of the Pod Security labels, what is enforced must be exactly what the chain writes, and so must whatever else it
/// writes; warnings and audits that a syncer adds loosen nothing.
pub fn marked(standing: Standing<'_>, marks: Marks<'_>) -> bool {
    let is = |map: &Map, key: &str, value: &str| map.get(key).is_some_and(|there| there == value);
    is(standing.labels, wire::CHAIN, marks.chain)
        && is(standing.labels, wire::MANAGED_BY, wire::MANAGED_BY_VALUE)
        && is(standing.annotations, wire::CHAIN_UUID, marks.chain_uuid)
        && is(standing.annotations, wire::GENERATION, &marks.generation.to_string())
        && POD_SECURITY_MODES.iter().all(|mode| {
            let key = format!("{POD_SECURITY}{mode}");
            let (there, wanted) = (standing.labels.get(&key), marks.labels.get(&key));
            there == wanted || (wanted.is_none() && !mode.starts_with("enforce"))
        })
}

/// Whether a name derives from the seed of a claim: whoever cannot read that may copy all marks and the owner uuid of a namespace
/// that is there, but not give their copy such a name.
pub fn is_derived(name: &str, seed: Uuid, generation: u64, prefix: &str) -> bool {
    names::sequence(seed, generation, prefix).take(NAMES_TRIED).any(|derived| derived == name)
}

/// How many names in a row may be taken before a claim gives up and says so.
pub const NAMES_TRIED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    const CHAIN: &str = "app";
    const UUID: &str = "0c8b2d4e-0000-4000-8000-000000000001";

    fn map(pairs: &[(&str, &str)]) -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn judged(change: impl FnOnce(&mut Map, &mut Map), terminating: bool) -> Whose {
        let mut labels = map(&[
            (wire::CHAIN, CHAIN),
            (wire::MANAGED_BY, wire::MANAGED_BY_VALUE),
            ("pod-security.kubernetes.io/enforce", "baseline"),
            ("team", "x"),
        ]);
        let mut annotations = map(&[(wire::OWNER, "u"), (wire::CHAIN_UUID, UUID), (wire::GENERATION, "2")]);
        change(&mut labels, &mut annotations);
        let wanted = map(&[("pod-security.kubernetes.io/enforce", "baseline"), ("team", "y")]);
        let marks = Marks { chain: CHAIN, chain_uuid: UUID, generation: 2, labels: &wanted };
        judge(Standing { labels: &labels, annotations: &annotations, terminating }, marks, "u")
    }

    #[test]
    fn only_what_carries_all_marks_is_ours() {
        assert_eq!(judged(|_, _| {}, false), Whose::Ours);
        assert_eq!(judged(|_, _| {}, true), Whose::OursTerminating);
        let audit = |labels: &mut Map, _: &mut Map| {
            labels.insert("pod-security.kubernetes.io/audit".to_owned(), "restricted".to_owned());
        };
        assert_eq!(judged(audit, false), Whose::Ours, "a syncer may add what loosens nothing");
    }

    #[test]
    fn each_mark_counts() {
        for (label, key, value) in [
            (true, wire::CHAIN, Some("other")),
            (true, wire::CHAIN, None),
            (true, wire::MANAGED_BY, None),
            (true, "pod-security.kubernetes.io/enforce", Some("privileged")),
            (true, "pod-security.kubernetes.io/enforce", None),
            (true, "pod-security.kubernetes.io/enforce-version", Some("v1.24")),
            (false, wire::OWNER, Some("v")),
            (false, wire::OWNER, None),
            (false, wire::CHAIN_UUID, Some("00000000-0000-0000-0000-000000000000")),
            (false, wire::CHAIN_UUID, None),
            (false, wire::GENERATION, Some("3")),
            (false, wire::GENERATION, None),
        ] {
            for terminating in [false, true] {
                let change = |labels: &mut Map, annotations: &mut Map| {
                    let map = if label { labels } else { annotations };
                    match value {
                        Some(value) => map.insert(key.to_owned(), value.to_owned()),
                        None => map.remove(key),
                    };
                };
                assert_eq!(judged(change, terminating), Whose::Foreign, "{key} {value:?}");
            }
        }
    }
}
