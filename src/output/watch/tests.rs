//! A build observed once, twice and at every step.

use super::*;
use crate::chain::build::Content;
use crate::chain::build::{Map, NamespaceView, Verdict, Version};
use crate::chain::wire;
use crate::keel::image::Digest;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn listening() -> Build {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Map>()
    };
    let told = NamespaceView {
        namespace: "ci-eager-hopper",
        uid: "u1",
        resource_version: "1",
        created: Some(at(0)),
        terminating: false,
        labels: &map(&[(wire::CHAIN, "runner-main"), (wire::PHASE, "Listening")]),
        annotations: &map(&[
            (wire::CHAIN_UUID, "c"),
            (wire::OWNER, "o"),
            (wire::GENERATION, "1"),
            (wire::BASELINE, "build-1"),
        ]),
    };
    with(&Build::read(told).unwrap(), &[(Phase::Claimed, 0), (Phase::Listening, 3)])
}

fn with(build: &Build, times: &[(Phase, i64)]) -> Build {
    let mut build = build.clone();
    build.times.extend(times.iter().map(|(phase, second)| (*phase, at(*second))));
    build
}

fn texts(old: Option<&Build>, new: &Build, seen: i64) -> Vec<String> {
    diff(old, new, at(seen)).iter().map(ToString::to_string).collect()
}

fn finished() -> Build {
    let mut build = with(
        &listening(),
        &[
            (Phase::Triggered, 60),
            (Phase::Detached, 61),
            (Phase::Preparing, 65),
            (Phase::Building, 80),
            (Phase::Recorded, 500),
            (Phase::Finished, 505),
        ],
    );
    build.version = Some(Version {
        tag: "build-2".to_owned(),
        content: Content::Digest(Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()),
    });
    build.revision = Some("9fceb02".to_owned());
    build.dispatch = Dispatch::Done;
    build.successor = Some("ci-brave-lovelace".to_owned());
    build.verdict = Some(Verdict::Failed);
    build.cause = Some("build exited with 2".to_owned());
    build
}

#[test]
fn a_whole_build_seen_at_once_is_told_in_order() {
    let lines = texts(Some(&listening()), &finished(), 900);
    insta::assert_snapshot!(lines.join("\n"), @"
        08:01:00Z  ci-eager-hopper  image changed to build-2 (abababababab), revision 9fceb02
        08:01:01Z  ci-eager-hopper  detached from Keel
        08:01:05Z  ci-eager-hopper  next listener in ci-brave-lovelace
        08:01:05Z  ci-eager-hopper  preparing: the rest of the pipeline comes up
        08:01:20Z  ci-eager-hopper  building
        08:08:20Z  ci-eager-hopper  Failed after 7m20s: build exited with 2
        08:08:25Z  ci-eager-hopper  finished: everything is scaled to zero
        ");
    let times: Vec<_> = diff(None, &finished(), at(900)).iter().map(|line| line.time).collect();
    assert!(times.is_sorted(), "{times:?}");
}

#[test]
fn the_same_observation_says_nothing() {
    for build in [listening(), finished()] {
        assert_eq!(texts(Some(&build), &build, 900), Vec::<String>::new());
    }
}

#[test]
fn each_step_is_told_once() {
    let mut steps = vec![listening()];
    let mut step = |change: &dyn Fn(&mut Build)| {
        let mut next = steps.last().unwrap().clone();
        change(&mut next);
        steps.push(next);
    };
    step(&|b| {
        b.times.insert(Phase::Triggered, at(60));
    });
    step(&|b| b.dispatch_error = Some("quota".to_owned()));
    step(&|b| (b.dispatch, b.successor) = (Dispatch::Done, Some("ci-b".to_owned())));
    step(&|b| b.waiting = Some("no node has a GPU".to_owned()));
    step(&|b| b.waiting = None);
    step(&|b| b.verdict = Some(Verdict::Cancelled));
    step(&|b| b.terminating = true);
    let told: Vec<String> = steps
        .windows(2)
        .flat_map(|pair| diff(Some(&pair[0]), &pair[1], at(70)))
        .map(|line| line.text)
        .collect();
    assert_eq!(
        told,
        [
            "image changed",
            "no next listener yet, will be tried again: quota",
            "next listener in ci-b",
            "waiting: no node has a GPU",
            "Cancelled",
            "namespace is being deleted",
        ]
    );
}

#[test]
fn a_namespace_made_anew_is_another_build() {
    let anew = Build { uid: "u2".to_owned(), ..listening() };
    assert_eq!(texts(Some(&listening()), &anew, 900).len(), 2);
}

#[test]
fn what_has_no_time_of_its_own_is_dated_before_what_follows() {
    let mut later = with(&listening(), &[(Phase::Triggered, 60), (Phase::Preparing, 65)]);
    later.dispatch = Dispatch::Done;
    let lines = diff(Some(&listening()), &later, at(900));
    let dispatch = lines.iter().find(|line| line.text.starts_with("next listener")).unwrap();
    assert_eq!(dispatch.time, at(65));
}

#[test]
fn a_line_fits_100_columns_but_for_a_reason_however_long_tags_and_revisions_are() {
    let revision = "9fceb02d0ae598e95dc970b74767f19372d61af8";
    let mut build = finished();
    build.namespace = "ci-determined-franklin".to_owned();
    build.successor = Some("ci-compassionate-lovelace".to_owned());
    build.revision = Some(revision.to_owned());
    build.version = build.version.map(|version| Version { tag: format!("main-{revision}"), ..version });
    build.baseline = Baseline::Pending(format!("main-{revision}"));
    let lines = texts(None, &build, 900);
    assert!(lines.iter().all(|line| line.len() <= 100), "{lines:#?}");
    let has = |words: &str| lines.iter().any(|line| line.ends_with(words));
    assert!(has("image changed to main-9fceb02 (abababababab), revision 9fceb02"), "{lines:#?}");
    assert!(has("listening for a push after main-9fceb02"), "{lines:#?}");
}

#[test]
fn a_commit_that_is_passed_over_is_told_with_what_was_taken() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let told = |build: &Build| passed_over(commit, build, at(900)).to_string();
    assert_eq!(
        told(&finished()),
        "08:01:00Z  ci-eager-hopper  0123456 is passed over for build-2, whose revision 9fceb02 contains it"
    );
    // home's history may have lost the time and the tag
    let bare = Build { times: std::collections::BTreeMap::new(), version: None, ..finished() };
    assert_eq!(
        told(&bare),
        "08:15:00Z  ci-eager-hopper  0123456 is passed over for another image, whose revision 9fceb02 contains it"
    );
}

#[test]
fn what_was_asked_for_by_hand_is_told_as_such_and_nobody_listens_after_it() {
    let mut build = Build { generation: crate::chain::side::FIRST, dispatch: Dispatch::Ended, ..finished() };
    build.baseline = Baseline::None;
    let said = |build: &Build| texts(None, build, 600).join("\n");
    let by_hand = said(&build);
    assert!(by_hand.contains("namespace claimed for side build 1 of runner-main"), "{by_hand}");
    assert!(by_hand.contains("  waiting for its image\n"), "{by_hand}");
    assert!(
        by_hand.contains("triggered by hand with build-2 (abababababab), revision 9fceb02\n"),
        "{by_hand}"
    );
    assert!(!by_hand.contains("listen") && !by_hand.contains("Keel"), "{by_hand}");
    build.retry_of = Some("ci-a".to_owned());
    let again = said(&build);
    assert!(again.contains("retry of ci-a with build-2 (abababababab), revision 9fceb02\n"), "{again}");
}
