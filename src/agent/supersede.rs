//! Which builds a newer push takes the place of, where a chain wants only the newest one built.

use crate::chain::build::{Build, Phase};
use crate::chain::head::Head;

/// The builds before `own` that are queued or run and were not asked to end yet, lowest generation first. Only what the head
/// proves to be the chain's is among them; a push that has not moved the head yet is a listener still.
pub fn outdated(builds: &[Build], own: &Build, head: &Head) -> Vec<Build> {
    // what somebody has asked for by hand is no newer push, though its number is above every push's
    if own.is_side() {
        return Vec::new();
    }
    let mut outdated: Vec<Build> = builds
        .iter()
        .filter(|build| head.proves(build) && build.generation < own.generation)
        .filter(|build| build.runs() && build.cancel.is_none())
        .filter(|build| build.phase > Phase::Triggered || head.has_moved(build.generation))
        .cloned()
        .collect();
    outdated.sort_by_key(|build| build.generation);
    outdated
}

/// The cause of a build that gives way.
pub fn cause(newer: &Build) -> String {
    let tag = newer.version.as_ref().map(|version| format!(" ({})", version.tag)).unwrap_or_default();
    format!("superseded by generation {}{tag} in {}", newer.generation, newer.namespace)
}

#[cfg(test)]
mod tests {
    use super::super::step::tests::{detached, version};
    use super::*;
    use crate::chain::build::Verdict;
    use crate::chain::head::SideClaim;
    use crate::chain::side;

    #[test]
    fn only_what_is_older_proved_and_not_at_its_end_gives_way() {
        let o = detached(Phase::Queued);
        let own = Build { generation: 9, ..o.build.clone() };
        let mut head = o.head.clone();
        head.generation = 10;
        head.settled = (1..=9).map(|generation| (generation, format!("uid-{generation}"))).collect();
        head.built.insert(4, version("main", 'c'));
        let build = |generation, phase| {
            let uid = format!("uid-{generation}");
            Build { uid, generation, phase, ..o.build.clone() }
        };
        for (build, want, what) in [
            (build(7, Phase::Building), true, "it runs"),
            (build(6, Phase::Preparing), true, "it comes up"),
            (build(6, Phase::Queued), true, "it waits"),
            (build(6, Phase::Detached), true, "it is about to wait"),
            (build(4, Phase::Triggered), true, "past the swap"),
            (build(8, Phase::Triggered), false, "before the swap"),
            (build(7, Phase::Listening), false, "a listener"),
            (build(7, Phase::Recorded), false, "over"),
            (build(9, Phase::Building), false, "its own"),
            (build(10, Phase::Building), false, "a newer one"),
            (Build { cancel: Some("by hand".into()), ..build(7, Phase::Building) }, false, "asked already"),
            (Build { verdict: Some(Verdict::Errored), ..build(7, Phase::Detached) }, false, "decided"),
            (Build { terminating: true, ..build(7, Phase::Building) }, false, "on its way out"),
            (Build { uid: "again".into(), ..build(7, Phase::Building) }, false, "made again by hand"),
            (Build { chain_uuid: "other".into(), ..build(7, Phase::Building) }, false, "of another chain"),
        ] {
            assert_eq!(outdated(&[build], &own, &head).len(), usize::from(want), "{what}");
        }
        let all = [build(7, Phase::Building), build(5, Phase::Queued), build(6, Phase::Detached)];
        let order: Vec<u64> = outdated(&all, &own, &head).iter().map(|build| build.generation).collect();
        assert_eq!(order, [5, 6, 7]);
    }

    #[test]
    fn what_is_asked_for_by_hand_takes_nobodys_place_and_gives_way_to_nobody() {
        let mut head = detached(Phase::Queued).head;
        head.generation = 10;
        head.settled = (7..=9).map(|generation| (generation, format!("uid-{generation}"))).collect();
        head.sides.insert(side::FIRST, SideClaim::Settled(format!("uid-{}", side::FIRST)));
        let build = |generation| Build {
            uid: format!("uid-{generation}"),
            generation,
            ..detached(Phase::Queued).build
        };
        let all = [build(7), build(side::FIRST)];
        let given_way = |own| outdated(&all, &build(own), &head).len();
        assert_eq!((given_way(9), given_way(side::FIRST)), (1, 0));
        assert_eq!(outdated(&all, &build(9), &head)[0].generation, 7);
    }

    #[test]
    fn what_gives_way_says_to_whom() {
        let newer =
            Build { generation: 5, version: Some(version("build-6", 'b')), ..detached(Phase::Queued).build };
        assert_eq!(cause(&newer), "superseded by generation 5 (build-6) in ci-a");
    }
}
