//! Heads: read, moved, and what they prove.

use jiff::ToSpan as _;

use super::*;
use crate::chain::build::{Content, Phase};
use crate::chain::side;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn merged(data: &Map, patch: &Value) -> Map {
    let mut data = data.clone();
    for (key, value) in patch["data"].as_object().expect("data") {
        match value.as_str() {
            Some(text) => data.insert(key.clone(), text.to_owned()),
            None => data.remove(key),
        };
    }
    data
}

fn version(tag: &str) -> Version {
    Version { tag: tag.to_owned(), content: Content::SideLoaded }
}

#[test]
fn a_swap_carries_the_resource_version_and_touches_its_keys_only() {
    let mut data = Head::first("u");
    data.insert("of-a-newer-program".to_owned(), "kept".to_owned());
    let head = Head::read("7", &data).expect("readable");
    let patch = head.advance(&version("build-2"), NOW);
    assert_eq!(patch["metadata"]["resourceVersion"], "7");
    let next = merged(&data, &patch);
    assert_eq!(next["of-a-newer-program"], "kept");
    let next = Head::read("8", &merged(&next, &head.last_good("text"))).expect("readable");
    assert_eq!((next.generation, next.claimed.clone()), (2, None));
    assert_eq!(next.built, BTreeMap::from([(1, version("build-2"))]));
    assert_eq!(next.pipeline.as_deref(), Some("text"));
    let settled = merged(&data, &next.settle_claim("ci-a", "uid"));
    assert_eq!(Head::read("9", &settled).expect("readable").claimed, Some(("ci-a".into(), "uid".into())));
}

#[test]
fn an_entry_of_its_own_generation_does_not_count() {
    let mut data = Head::first("u");
    data.insert("built.3".to_owned(), "main".to_owned());
    let head = Head::read("1", &data).expect("readable");
    assert!(head.has_built(&version("main"), 4));
    assert!(!head.has_built(&version("main"), 3));
    assert!(!head.has_built(&version("other"), 4));
}

#[test]
fn the_built_set_is_bounded() {
    let mut data = Head::first("u");
    data.insert(GENERATION.to_owned(), "300".to_owned());
    for generation in 1..=BUILT_MAX {
        data.insert(format!("{BUILT}{generation}"), format!("t{generation}"));
    }
    let head = Head::read("1", &data).expect("readable");
    let next = Head::read("2", &merged(&data, &head.advance(&version("new"), NOW))).expect("readable");
    assert_eq!(next.built.len(), BUILT_MAX);
    assert!(!next.built.contains_key(&1) && next.built.contains_key(&300));
}

#[test]
fn hand_edited_heads_are_refused() {
    for (key, value) in [
        ("generation", "two"),
        ("built.x", "a"),
        ("built.1", ""),
        ("slot.a", "ns"),
        ("settled.a", "uid"),
        ("baseline", "@"),
        ("edition", "x"),
    ] {
        let mut data = Head::first("u");
        data.insert(key.to_owned(), value.to_owned());
        assert_eq!(Head::read("1", &data).expect_err(key).key, key);
    }
    assert_eq!(Head::read("1", &Map::new()).expect_err("empty").key, UUID);
}

#[test]
fn a_generation_that_was_passed_without_an_entry_is_abandoned() {
    let mut data = Head::first("u");
    data.insert(GENERATION.to_owned(), "4".to_owned());
    for generation in [1, 3] {
        data.insert(format!("{BUILT}{generation}"), "t".to_owned());
    }
    let abandoned = |data: &Map| {
        let head = Head::read("1", data).expect("readable");
        (1..=5).filter(|generation| head.abandons(*generation)).collect::<Vec<_>>()
    };
    assert_eq!(abandoned(&data), [2]);
    data.insert(ENDED.to_owned(), "by alice".to_owned());
    assert_eq!(abandoned(&data), [2, 4]);
    // the built set has forgotten what is older than its oldest entry
    data.insert(GENERATION.to_owned(), "400".to_owned());
    data.remove(&format!("{BUILT}1"));
    data.extend((4..4 + BUILT_MAX).map(|generation| (format!("{BUILT}{generation}"), "t".to_owned())));
    let head = Head::read("1", &data).expect("readable");
    assert_eq!((head.abandons(2), head.abandons(300)), (false, true));
}

#[test]
fn a_chain_ends_and_goes_on_from_where_it_stood() {
    let mut data = Head::first("u");
    data.insert(PIPELINE.to_owned(), "pushed".to_owned());
    let head = Head::read("1", &data).expect("readable");
    assert_eq!(head.starting_point(None), None);
    let at = Baseline::At(version("build-1"));
    let data = merged(&data, &head.end("by alice", Some(&at)));
    let head = Head::read("2", &data).expect("readable");
    assert_eq!((head.ended.as_deref(), head.starting_point(None)), (Some("by alice"), Some(at.clone())));
    let data = merged(&data, &head.renew(1, &at));
    let head = Head::read("3", &data).expect("readable");
    assert_eq!(
        (head.generation, head.ended.clone(), head.edition, head.pipeline.clone()),
        (2, None, 1, None)
    );
    assert_eq!(head.baseline, Some(at));
    let data = merged(&data, &head.advance(&version("build-2"), NOW));
    let head = Head::read("4", &data).expect("readable");
    assert_eq!(
        (head.baseline.clone(), head.edition),
        (None, 1),
        "what a predecessor froze is the baseline now"
    );
    assert_eq!(head.starting_point(None), Some(Baseline::At(version("build-2"))));
    assert!(Head::read("5", &merged(&data, &head.purge())).expect("readable").purging);
}

#[test]
fn namespaces_of_earlier_generations_stay_known_by_their_uid() {
    let mut data = Head::first("u");
    let mut step = |patch: &dyn Fn(&Head) -> Value| {
        let head = Head::read("1", &data).expect("readable");
        data = merged(&data, &patch(&head));
        Head::read("1", &data).expect("readable")
    };
    let head = step(&|head| head.settle_claim("ci-a", "uid-1"));
    assert_eq!((head.uid_of(1), head.uid_of(2)), (Some("uid-1"), None));
    step(&|head| head.advance(&version("build-2"), NOW));
    let head = step(&|head| head.renew(1, &Baseline::None));
    assert_eq!(head.generation, 3);
    assert_eq!((head.uid_of(1), head.uid_of(2), head.uid_of(3)), (Some("uid-1"), None, None));
    for generation in 3..=BUILT_MAX as u64 + 3 {
        step(&|head| head.settle_claim("ci-a", &format!("uid-{generation}")));
        step(&|head| head.advance(&version("build-2"), NOW));
    }
    let head = step(&|head| head.end("by alice", None));
    assert_eq!(head.settled.len(), BUILT_MAX);
    assert_eq!((head.uid_of(3), head.uid_of(4)), (None, Some("uid-4")));
}

#[test]
fn a_chain_that_goes_on_again_keeps_what_was_pushed_last_and_knows_the_namespace_that_it_lost() {
    let mut data = Head::first("u");
    data.extend(
        [("namespace", "ci-a"), ("uid", "uid-a"), ("pipeline", "text"), ("edition", "3")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    let head = Head::read("7", &data).expect("readable");
    let patch = head.again(&Baseline::Pending("build-2".to_owned()));
    assert_eq!(patch["metadata"]["resourceVersion"], "7");
    let next = Head::read("8", &merged(&data, &patch)).expect("readable");
    assert_eq!((next.generation, next.claimed.clone(), next.uid_of(1)), (2, None, Some("uid-a")));
    assert_eq!((next.pipeline.as_deref(), next.edition), (Some("text"), 3));
    assert_eq!(next.baseline.as_ref().and_then(Baseline::tag), Some("build-2"));
    assert!(next.abandons(1) && !next.raised_by_agent());
}

#[test]
fn slots_are_taken_and_freed() {
    let data = Head::first("u");
    let head = Head::read("1", &data).expect("readable");
    let taken = merged(&data, &head.take_slot(4, "ci-a"));
    let head = Head::read("2", &taken).expect("readable");
    assert_eq!(head.slots, BTreeMap::from([(4, "ci-a".to_owned())]));
    assert!(Head::read("3", &merged(&taken, &head.free_slot(4))).expect("readable").slots.is_empty());
}

#[test]
fn a_head_remembers_when_it_moved_within_the_last_hour_and_until_when_it_is_to_rest() {
    let at = |minute: i64| NOW + (minute * 60).seconds();
    let mut data = Head::first("u");
    data.insert(MOVES.to_owned(), "a word of a newer program 1970-01-01T00:01:00Z".to_owned());
    let mut head = Head::read("1", &data).expect("readable");
    assert_eq!(head.rests_until(1, at(2)), Some(at(61)), "what cannot be read is no move");
    assert_eq!(head.rests_until(2, at(2)), None);
    for minute in [10, 20, 30] {
        data = merged(&data, &head.advance(&version("build-2"), at(minute)));
        head = Head::read("1", &data).expect("readable");
    }
    for (max, minute, want) in [
        (5, 40, None),
        (4, 40, Some(at(61))),
        (3, 40, Some(at(70))),
        (1, 40, Some(at(90))),
        (4, 61, None),
        (3, 61, Some(at(70))),
        (3, 70, None),
        (1, 89, Some(at(90))),
        (1, 90, None),
        // another agent's clock goes before ours
        (1, 5, Some(at(90))),
    ] {
        assert_eq!(head.rests_until(max, at(minute)), want, "{max} at {minute}");
    }
    // what is older than an hour is forgotten with the next move, and no more is remembered than can be asked for
    data = merged(&data, &head.advance(&version("build-2"), at(75)));
    assert_eq!(data[MOVES], "1970-01-01T00:20:00Z 1970-01-01T00:30:00Z 1970-01-01T01:15:00Z");
    data.insert(MOVES.to_owned(), vec!["1970-01-01T01:15:00Z"; 5000].join(" "));
    head = Head::read("1", &data).expect("readable");
    data = merged(&data, &head.advance(&version("build-2"), at(75)));
    assert_eq!(data[MOVES].split(' ').count(), MOVES_MAX);
    for patch in
        [head.renew(1, &Baseline::None), head.end("by alice", None), head.settle_claim("ci-a", "uid")]
    {
        assert_eq!(merged(&data, &patch)[MOVES], data[MOVES], "no push, no move");
    }
}

#[test]
fn a_side_build_is_known_once_it_is_named_and_moves_nothing_of_the_chain() {
    let now = |minutes: i64| NOW + minutes.minutes();
    let mut data = Head::first("u");
    let read = |data: &Map| Head::read("1", data).expect("readable");
    let first = side::FIRST;
    assert_eq!(read(&data).next_side(), first);
    data = merged(&data, &read(&data).take_side(now(0)));
    let head = read(&data);
    assert_eq!((head.is_making(first), head.uid_of(first), head.has_moved(first)), (true, None, false));
    assert_eq!((head.next_side(), head.generation, head.moves.len()), (first + 1, 1, 1));
    data = merged(&data, &head.take_side(now(1)));
    data = merged(&data, &read(&data).settle_side(first + 1, "uid-b"));
    let head = read(&data);
    assert_eq!((head.uid_of(first + 1), head.has_moved(first + 1)), (Some("uid-b"), true));
    // what is half made for an hour is given up; what is complete stays
    assert_eq!(head.give_up_sides(now(59)), None);
    let given_up = read(&merged(&data, &head.give_up_sides(now(60)).expect("it is left")));
    assert_eq!((&given_up.sides[&first], given_up.next_side()), (&SideClaim::GivenUp, first + 2));
    assert_eq!(given_up.give_up_sides(now(60)), None, "once");
    data = merged(&data, &head.take_side(now(60)));
    let head = read(&data);
    assert_eq!((&head.sides[&first], head.uid_of(first + 1)), (&SideClaim::GivenUp, Some("uid-b")));
    data = merged(&data, &head.give_up_side(first + 2));
    assert_eq!(read(&data).next_side(), first + 3, "no number is used twice");
    assert_eq!((read(&data).generation, read(&data).built.len()), (1, 0));
    for bad in ["", "since yesterday"] {
        data.insert(format!("side.{first}"), bad.to_owned());
        let why = Head::read("1", &data).expect_err(bad);
        assert_eq!((why.key.as_str(), why.value.as_str()), ("side.90000001", bad));
    }
}

#[test]
fn side_builds_that_are_remembered_are_bounded_and_no_number_is_used_twice() {
    let mut data = Head::first("u");
    let most = u64::try_from(BUILT_MAX).unwrap();
    for number in side::FIRST..side::FIRST + most {
        data.insert(format!("side.{number}"), format!("uid-{number}"));
    }
    let head = Head::read("1", &data).expect("readable");
    let head = Head::read("2", &merged(&data, &head.take_side(NOW))).expect("readable");
    assert_eq!((head.sides.len(), head.uid_of(side::FIRST)), (BUILT_MAX, None));
    assert_eq!(head.next_side(), side::FIRST + most + 1);
}

#[test]
fn a_side_build_is_abandoned_while_nobody_makes_it_and_with_its_chain_before_it_has_begun() {
    let head = |claim: Option<SideClaim>, ended: bool| {
        let mut head = Head::read("1", &Head::first("u")).expect("readable");
        head.sides.extend(claim.map(|claim| (side::FIRST, claim)));
        head.ended = ended.then(|| "by alice".to_owned());
        head
    };
    let (making, known) = (SideClaim::Making(NOW), SideClaim::Settled("uid-of-ci-a".to_owned()));
    let other = SideClaim::Settled("another".to_owned());
    for (claim, ended, phase, want) in [
        (Some(making.clone()), false, Phase::Claimed, false),
        (Some(making), true, Phase::Claimed, true),
        (None, false, Phase::Claimed, true),
        (Some(SideClaim::GivenUp), false, Phase::Claimed, true),
        (None, false, Phase::Disposing, true),
        (None, false, Phase::Finished, false),
        (Some(other), false, Phase::Listening, true),
        (Some(known.clone()), false, Phase::Listening, false),
        (Some(known.clone()), true, Phase::Listening, true),
        (Some(known.clone()), true, Phase::Triggered, false),
        (Some(known), true, Phase::Building, false),
    ] {
        let build = Build { generation: side::FIRST, ..Build::played("ci-a", phase, &[]) };
        assert_eq!(head(claim.clone(), ended).abandons_build(&build), want, "{claim:?} {ended} {phase}");
    }
}
