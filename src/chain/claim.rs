//! What a Namespace that stands in the way of a claim means.
//!
//! A claim is a plain create of a derived name with our owner uuid in it; the server decides. This file judges
//! what is there already: ours, somebody's, or on its way out.

use super::build::Map;
use super::wire;

/// What is known of a Namespace, as a quorum read shows it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its annotations.
    pub annotations: &'a Map,
    /// Whether it has a deletionTimestamp.
    pub terminating: bool,
}

/// What to do about a Namespace of a wanted name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// It carries our owner uuid: an earlier try, or somebody who repeats the same claim, made it. It is the claim.
    Ours,
    /// Ours, but Terminating: it is never used again; the next name is.
    OursTerminating,
    /// Somebody else's: the next name.
    Foreign,
}

/// Judges a Namespace against the owner uuid of the claim.
pub fn judge(standing: Standing<'_>, owner: &str) -> Judged {
    match standing.annotations.get(wire::OWNER) {
        Some(there) if there == owner && standing.terminating => Judged::OursTerminating,
        Some(there) if there == owner => Judged::Ours,
        _ => Judged::Foreign,
    }
}

/// How many names in a row may be taken before a claim gives up and says so.
pub const NAMES_TRIED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owner_uuid_proves_a_claim() {
        let ours = Map::from([(wire::OWNER.to_owned(), "u".to_owned())]);
        let other = Map::from([(wire::OWNER.to_owned(), "v".to_owned())]);
        for (annotations, terminating, want) in [
            (&ours, false, Judged::Ours),
            (&ours, true, Judged::OursTerminating),
            (&other, false, Judged::Foreign),
            (&other, true, Judged::Foreign),
            (&Map::new(), false, Judged::Foreign),
        ] {
            assert_eq!(judge(Standing { annotations, terminating }, "u"), want);
        }
    }
}
