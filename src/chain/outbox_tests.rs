//! The outbox: what is due when, how long it is tried, and who has the turn.

use super::*;
use crate::chain::publishing::GithubSettings;
use crate::chain::side;
use crate::chain::wire;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn both() -> PublishSettings {
    let github = GithubSettings { repository: "o/r".to_owned(), url: "https://gh".to_owned() };
    PublishSettings { github: Some(github), webhook: Some("h".to_owned()), ..PublishSettings::default() }
}

fn entry(generation: u64, revision: Option<&str>) -> Entry {
    let build = Build::played("ci-a", Phase::Recorded, &[(wire::TAG, "v1"), (wire::VERDICT, "Failed")]);
    let mut entry = Entry::of(&build, "Failed", "exit code 2", vec![], vec![]);
    (entry.generation, entry.revision) = (generation, revision.map(str::to_owned));
    entry
}

fn apply(data: &mut Map, patch: &Value) {
    for (key, value) in patch["data"].as_object().unwrap() {
        match value.as_str() {
            Some(text) => data.insert(key.clone(), text.to_owned()),
            None => data.remove(key),
        };
    }
}

#[test]
fn a_result_is_tried_ever_more_rarely_for_an_hour_and_five_times_at_least() {
    let mut leg = Leg::begun(at(0));
    let mut when = Vec::new();
    while let Some(next) = leg.next() {
        when.push(next.as_second());
        leg = leg.again(at(0), next, Duration::ZERO, "away");
    }
    assert_eq!(when, [0, 15, 45, 105, 225, 465, 945, 1545, 2145, 2745, 3345, 3945]);
    assert_eq!(leg, Leg::unpublished("away"));
    // whoever asks for an hour is asked five times all the same
    let (mut leg, mut tries) = (Leg::begun(at(0)), 0);
    while let Some(next) = leg.next() {
        tries += 1;
        leg = leg.again(at(0), next, Duration::from_secs(3600), "limited");
    }
    assert_eq!(tries, 5);
    assert_eq!(Leg::Done.again(at(0), at(1), Duration::ZERO, "x"), Leg::Done);
    let long = Leg::begun(at(0)).again(at(0), at(0), Duration::MAX, &"x".repeat(9000));
    assert!(matches!(long, Leg::Due { why: Some(why), .. } if why.len() == WHY));
}

#[test]
fn the_outbox_holds_what_is_on_its_way_oldest_first_and_forgets_what_has_arrived() {
    assert_eq!(Outgoing::of(&PublishSettings::default(), at(0)), None);
    let out = Outgoing::of(&both(), at(5)).unwrap();
    let mut data =
        Map::from([("build.00000001".to_owned(), "{}".to_owned()), ("tidied".to_owned(), String::new())]);
    for generation in [12, 3] {
        let mut patch = json!({});
        put(&mut patch, &outbox(&data), generation, &out);
        apply(&mut data, &patch);
    }
    assert_eq!(outbox(&data).keys().collect::<Vec<_>>(), [&3, &12]);
    assert_eq!((first_due(&outbox(&data), at(4)), first_due(&outbox(&data), at(5))), (None, Some(3)));
    assert_eq!(next_due(&outbox(&data)), Some(at(5)));
    // one way has arrived, the other waits: the one after it goes first meanwhile
    let later = out.webhook.as_ref().unwrap().again(at(5), at(5), Duration::from_secs(60), "busy");
    let half = Outgoing { github: Some(Leg::Done), webhook: Some(later), ..out.clone() };
    let mut patch = json!({});
    put(&mut patch, &outbox(&data), 3, &half);
    apply(&mut data, &patch);
    assert_eq!(outbox(&data)[&3], half);
    assert_eq!((first_due(&outbox(&data), at(64)), first_due(&outbox(&data), at(65))), (Some(12), Some(3)));
    let done = Outgoing { webhook: Some(Leg::Done), ..half };
    let mut patch = json!({});
    put(&mut patch, &outbox(&data), 3, &done);
    apply(&mut data, &patch);
    assert_eq!(outbox(&data).keys().collect::<Vec<_>>(), [&12]);
    assert_eq!(data.len(), 3, "nobody else's key is touched");
}

#[test]
fn of_what_did_not_arrive_the_newest_are_remembered_and_what_is_due_always() {
    let mut data = Map::new();
    let lost = Outgoing::of(&both(), at(0)).unwrap().given_up("no more agent");
    for generation in 1..=70 {
        let out = if generation == 7 { Outgoing::of(&both(), at(0)).unwrap() } else { lost.clone() };
        let mut patch = json!({});
        put(&mut patch, &outbox(&data), generation, &out);
        apply(&mut data, &patch);
    }
    let kept: Vec<u64> = outbox(&data).into_keys().collect();
    assert_eq!((kept.len(), kept[0], kept[1], kept[50]), (51, 7, 21, 70));
}

#[test]
fn what_did_not_arrive_is_said_of_the_newest_build_that_has_ended_alone() {
    let out = Outgoing::of(&both(), at(0)).unwrap();
    assert_eq!(out.why_not(), None);
    let lost = out.given_up("the chain has ended");
    assert_eq!(lost.why_not().unwrap(), "is not on GitHub: the chain has ended");
    let hook = Outgoing { github: Some(Leg::Done), ..lost.clone() };
    assert_eq!(hook.why_not().unwrap(), "is not with the webhook: the chain has ended");
    assert_eq!(lost.once_more(at(9)), Outgoing::of(&both(), at(9)).unwrap());
    let mut patch = json!({});
    put(&mut patch, &Outbox::new(), 4, &lost);
    let mut data = Map::new();
    apply(&mut data, &patch);
    let said = "the result of ci-a is not on GitHub: the chain has ended";
    assert_eq!(unpublished(&data, &[entry(3, None), entry(4, None)]).as_deref(), Some(said));
    assert_eq!(unpublished(&data, &[entry(4, None), entry(5, None)]), None);
    assert_eq!(unpublished(&data, &[]), None);
}

#[test]
fn a_later_build_of_the_same_commit_has_the_last_word() {
    let build = |generation, phase, revision: &str| Build {
        generation,
        ..Build::played("ci-a", phase, &[(wire::REVISION, revision)])
    };
    let own = build(4, Phase::Recorded, "abc");
    for (history, builds, want, what) in [
        (vec![], vec![own.clone()], false, "itself"),
        (vec![entry(5, Some("abc"))], vec![], true, "one that has ended"),
        (
            vec![entry(3, Some("abc")), entry(4, Some("abc")), entry(5, Some("def")), entry(6, None)],
            vec![],
            false,
            "others",
        ),
        (vec![], vec![build(5, Phase::Triggered, "abc")], true, "one that goes on"),
        (vec![], vec![build(5, Phase::Listening, "abc"), build(3, Phase::Building, "abc")], false, "neither"),
    ] {
        assert_eq!(is_superseded(&own, &history, &builds), want, "{what}");
    }
    let none = Build { revision: None, ..own };
    assert!(!is_superseded(&none, &[entry(5, None)], &[]));
}

#[test]
fn one_has_the_turn_until_they_end_it_or_two_minutes_have_passed() {
    let mut data = Map::new();
    let take = |data: &mut Map, by: &str, second| {
        let taken = turn(data, by, at(second));
        taken.map(|(key, value)| data.insert(key.to_owned(), value)).is_some()
    };
    assert!(take(&mut data, "a", 0));
    assert!(!take(&mut data, "a", 0) && !take(&mut data, "b", 119), "not even who has it");
    assert!(take(&mut data, "b", 120));
    let mut patch = json!({});
    end_turn(&mut patch);
    apply(&mut data, &patch);
    assert!(take(&mut data, "c", 121));
    assert!(take(&mut data, "d", -500), "a clock that is far ahead counts for nothing");
    data.insert(PUBLISHING.to_owned(), "?".to_owned());
    assert!(take(&mut data, "e", 0));
}

#[test]
fn a_build_whose_namespace_is_gone_is_told_of_from_home() {
    let times = [
        (Phase::Triggered.time_key(), "1970-01-01T00:00:05Z"),
        (Phase::Recorded.time_key(), "1970-01-01T00:01:05Z"),
    ];
    let told: Vec<(&str, &str)> = times.iter().map(|(key, at)| (key.as_str(), *at)).collect();
    let all = [
        &told[..],
        &[
            (wire::TAG, "v1"),
            (wire::REVISION, "abc"),
            (wire::VERDICT, "Failed"),
            (wire::CAUSE, "exit code 2"),
        ],
    ]
    .concat();
    let build = Build::played("ci-a", Phase::Recorded, &all);
    let entry = Entry::of(&build, "Failed", "exit code 2", vec![], vec![]);
    let again = of_history(&entry, "app", "c");
    assert_eq!(again.verdict_after(), build.verdict_after());
    assert_eq!(
        (&again.uid, &again.cause, &again.revision, &again.version),
        (&build.uid, &build.cause, &build.revision, &build.version)
    );
    assert_eq!(again.times, build.times);
}

#[test]
fn side_builds_speak_for_themselves_and_are_not_the_chains_newest() {
    let revision = Some("abc");
    let build = |generation| Build {
        generation,
        ..Build::played("ci-a", Phase::Recorded, &[(wire::REVISION, "abc")])
    };
    let (first, second) = (side::FIRST, side::FIRST + 1);
    assert!(!is_superseded(&build(4), &[entry(first, revision)], &[build(second)]));
    assert!(!is_superseded(&build(first), &[entry(4, revision)], &[build(5)]));
    assert!(is_superseded(&build(first), &[], &[build(second)]));
    let lost = Outgoing::of(&both(), at(0)).unwrap().given_up("the chain has ended");
    let mut patch = json!({});
    put(&mut patch, &Outbox::new(), 4, &lost);
    let mut data = Map::new();
    apply(&mut data, &patch);
    assert!(unpublished(&data, &[entry(4, None), entry(first, None)]).is_some());
}
