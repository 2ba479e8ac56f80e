//! Lineages of builds that are there, and of some that are not.

use super::*;
use crate::chain::{side, wire};

/// A chain that has come to this generation, with these in its history.
fn kept(generation: u64, gone: &[(u64, &str)]) -> KeptOfChain {
    let data = crate::chain::build::Map::from([
        ("uuid".to_owned(), "c".to_owned()),
        ("generation".to_owned(), generation.to_string()),
    ]);
    let entry = |(generation, verdict): &(u64, &str)| -> Entry {
        let text = format!(
            r#"{{"generation":{generation},"namespace":"ci-{generation}","uid":"uid-of-ci-{generation}",
                "verdict":"{verdict}","cause":"so","times":{{"claimed":"2026-11-25T1{generation}:00:00Z"}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    KeptOfChain { head: Head::read("1", &data).ok(), history: gone.iter().map(entry).collect() }
}

fn build(generation: u64) -> Build {
    Build::played(
        &format!("ci-{generation}"),
        Phase::Finished,
        &[(wire::GENERATION, &generation.to_string())],
    )
}

/// One line for each place, indented by how far beside it stands.
fn told(builds: &[Build], kept: Option<&KeptOfChain>) -> Vec<String> {
    let of: Vec<&Build> = builds.iter().collect();
    let lineages = Lineage::of(&of, kept);
    let mut lines = Vec::new();
    for lineage in &lineages {
        if lineages.len() > 1 {
            lines.push(format!("{}{}", lineage.uuid, if lineage.earlier { " earlier" } else { "" }));
        }
        lineage.kin.iter().for_each(|kin| tell(kin, 0, &mut lines));
    }
    lines
}

fn tell(kin: &Kin<'_>, depth: usize, lines: &mut Vec<String>) {
    let text = match &kin.of {
        KinOf::There(build) => build.namespace.clone(),
        KinOf::Gone(build) => format!("({} {:?})", build.namespace, build.verdict.unwrap()),
        KinOf::Gap(gap) => {
            let from = gap.generations.map(|(from, to)| format!("{from}-{to}: ")).unwrap_or_default();
            format!("({from}{:?} and {}, {} in all)", gap.verdicts, gap.unknown, gap.count)
        }
    };
    lines.push(format!("{}{text}", "  ".repeat(depth)));
    kin.beside.iter().for_each(|beside| tell(beside, depth + 1, lines));
}

#[test]
fn builds_stand_in_the_order_of_the_chain_whatever_the_order_of_the_list() {
    let builds = [build(2), build(3), build(1)];
    assert_eq!(told(&builds, Some(&kept(3, &[]))), ["ci-3", "ci-2", "ci-1"]);
    assert_eq!(told(&builds, None), ["ci-3", "ci-2", "ci-1"], "without home");
    assert_eq!(told(&[], Some(&kept(3, &[]))), [""; 0], "of what nobody knows nothing is said");
}

#[test]
fn a_build_that_is_gone_is_a_gap_and_several_are_one() {
    let gone = [(1, "Passed"), (2, "Failed"), (3, "Passed"), (5, "Errored")];
    assert_eq!(
        told(&[build(6), build(4)], Some(&kept(6, &gone))),
        ["ci-6", "(ci-5 Errored)", "ci-4", "(1-3: {Passed: 2, Failed: 1} and 0, 3 in all)"]
    );
    // what is there has its entry, too, once it is recorded
    assert_eq!(told(&[build(5), build(6)], Some(&kept(6, &gone[3..]))), ["ci-6", "ci-5"]);
}

#[test]
fn a_generation_that_left_no_entry_is_counted_and_not_made_up() {
    assert_eq!(
        told(&[build(9), build(5)], Some(&kept(9, &[(7, "Passed")]))),
        ["ci-9", "(6-8: {Passed: 1} and 2, 3 in all)", "ci-5"],
        "nothing is known of what was before the oldest"
    );
    assert_eq!(
        told(&[build(1)], Some(&kept(2, &[]))),
        ["(2-2: {} and 1, 1 in all)", "ci-1"],
        "the newest one's namespace is gone"
    );
    // a number that somebody has written by hand costs no more than another one
    let far = Build { generation: side::FIRST - 1, ..build(7) };
    assert_eq!(told(&[far, build(1)], Some(&kept(1, &[]))).len(), 3);
}

#[test]
fn without_home_nothing_is_called_gone() {
    assert_eq!(told(&[build(9), build(5)], None), ["ci-9", "ci-5"]);
}

#[test]
fn builds_of_an_earlier_chain_of_that_name_stand_apart() {
    let old = Build { chain_uuid: "b".to_owned(), ..build(8) };
    assert_eq!(
        told(&[old, build(2), build(1)], Some(&kept(2, &[]))),
        ["c", "ci-2", "ci-1", "b earlier", "ci-8"]
    );
}

#[test]
fn a_side_build_stands_beside_what_it_was_made_of_even_if_that_is_gone() {
    let beside = |name: &str, of: &str| Build {
        namespace: name.to_owned(),
        uid: name.to_owned(),
        retry_of: Some(of.to_owned()),
        ..build(side::FIRST)
    };
    let gone = [(1, "Passed"), (2, "Failed"), (3, "Passed")];
    let builds = [build(4), beside("retry-a", "ci-2"), beside("again", "retry-a"), beside("of-4", "ci-4")];
    assert_eq!(
        told(&builds, Some(&kept(4, &gone))),
        ["ci-4", "  of-4", "(ci-3 Passed)", "(ci-2 Failed)", "  retry-a", "    again", "(ci-1 Passed)",]
    );
    let lost = [build(4), beside("x", "nowhere"), beside("y", "z"), beside("z", "y")];
    let lines = told(&lost, Some(&kept(4, &[])));
    assert_eq!(lines, ["x", "y", "  z", "ci-4"], "of two that name each other none is left out");
}

#[test]
fn a_retry_of_a_side_build_stands_below_it_however_deep_and_whatever_else_is_younger() {
    let made = |name: &str, second: i64, origin: Option<&str>| Build {
        namespace: name.to_owned(),
        uid: name.to_owned(),
        created: Some(jiff::Timestamp::from_second(second).unwrap()),
        retry_of: origin.map(str::to_owned),
        ..build(side::FIRST)
    };
    let builds = [
        build(1),
        made("tag", 1, None),
        made("again", 2, Some("tag")),
        made("once-more", 3, Some("again")),
        made("beside", 4, Some("tag")),
        made("lost", 5, Some("nowhere")),
        made("of-lost", 6, Some("lost")),
        made("other", 7, None),
        made("of-1", 8, Some("ci-1")),
        made("of-of-1", 9, Some("of-1")),
    ];
    assert_eq!(
        told(&builds, Some(&kept(1, &[]))),
        [
            "other",
            "lost",
            "  of-lost",
            "tag",
            "  beside",
            "  again",
            "    once-more",
            "ci-1",
            "  of-1",
            "    of-of-1",
        ]
    );
    // one that names itself, and three in a ring: none is left out
    let ring =
        [made("x", 1, Some("z")), made("y", 2, Some("x")), made("z", 3, Some("y")), made("w", 4, Some("w"))];
    let lines = told(&ring, None);
    assert_eq!(lines, ["w", "z", "  x", "    y"]);
    // a retry that is there, of a side build that is gone
    let mut home = kept(1, &[(2, "Failed")]);
    home.history[0].generation += side::FIRST;
    let lines = told(&[build(1), made("again", 9, Some("ci-2"))], Some(&home));
    assert_eq!(lines, ["(ci-2 Failed)", "  again", "ci-1"]);
}

#[test]
fn a_side_build_of_no_build_stands_before_the_chains_own_and_those_that_are_gone_are_one_gap() {
    let made = |name: &str, origin: Option<&str>| Build {
        namespace: name.to_owned(),
        uid: name.to_owned(),
        retry_of: origin.map(str::to_owned),
        ..build(side::FIRST)
    };
    let mut home = kept(2, &[(3, "Passed"), (4, "Failed"), (5, "Passed"), (6, "Errored")]);
    for (entry, origin) in home.history.iter_mut().zip([None, None, Some("ci-2"), Some("ci-2")]) {
        entry.generation += side::FIRST;
        entry.retry_of = origin.map(str::to_owned);
    }
    assert_eq!(
        told(&[build(2), build(1), made("tag", None), made("again", Some("ci-2"))], Some(&home)),
        [
            "tag",
            "({Passed: 1, Failed: 1} and 0, 2 in all)",
            "ci-2",
            "  again",
            "  ({Passed: 1, Errored: 1} and 0, 2 in all)",
            "ci-1",
        ]
    );
    home.history.truncate(1);
    assert_eq!(told(&[build(2)], Some(&home))[..2], ["(ci-3 Passed)", "ci-2"], "one alone has its name");
}
