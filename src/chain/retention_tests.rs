//! One row a state that a namespace can be in, and what becomes of it.

use crate::chain::build::Content;
use uuid::Uuid;

use super::*;
use crate::chain::build::{Map, Version};
use crate::chain::head::SideClaim;
use crate::chain::names;
use crate::chain::side;

const CHAIN: Uuid = Uuid::from_u128(7);
const SEED: Uuid = Uuid::from_u128(8);

/// A namespace as `told` borrows it.
#[derive(Clone)]
struct Namespace {
    name: String,
    uid: String,
    created: Option<Timestamp>,
    terminating: bool,
    labels: Map,
    annotations: Map,
}

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(minutes * 60).unwrap()
}

impl Namespace {
    fn of(chain: &str, generation: u64, phase: &str) -> Self {
        let map = |pairs: &[(&str, String)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect::<Map>()
        };
        Self {
            name: format!("ci-{generation}"),
            uid: format!("uid-{generation}"),
            created: Some(at(0)),
            terminating: false,
            labels: map(&[
                (wire::MANAGED_BY, wire::MANAGED_BY_VALUE.to_owned()),
                (wire::CHAIN, chain.to_owned()),
                (wire::PHASE, phase.to_owned()),
            ]),
            annotations: map(&[
                (wire::CHAIN_UUID, CHAIN.to_string()),
                (wire::GENERATION, generation.to_string()),
                (wire::OWNER, names::owner(SEED, generation).to_string()),
            ]),
        }
    }

    /// A finished build that ended so many minutes after the epoch.
    fn finished(generation: u64, minutes: i64) -> Self {
        let mut namespace = Self::of("app", generation, "Finished");
        namespace.annotations.insert(Phase::Finished.time_key(), at(minutes).to_string());
        namespace.annotations.insert(wire::VERDICT.to_owned(), "Passed".to_owned());
        namespace
    }

    fn but(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn told(&self) -> NamespaceView<'_> {
        NamespaceView {
            namespace: &self.name,
            uid: &self.uid,
            resource_version: "1",
            created: self.created,
            terminating: self.terminating,
            labels: &self.labels,
            annotations: &self.annotations,
        }
    }
}

fn entry(generation: u64) -> Entry {
    Entry {
        generation,
        namespace: format!("ci-{generation}"),
        uid: format!("uid-{generation}"),
        verdict: "Passed".to_owned(),
        cause: String::new(),
        image: None,
        version: None,
        revision: None,
        times: BTreeMap::new(),
        exits: Vec::new(),
        events: Vec::new(),
        retry_of: None,
        text: None,
        log_kept: false,
        reserved: None,
    }
}

/// Chain `app`: generation 9 waits, 1 to 8 were built but for 4, which was passed; results of 1 to 7 are in home.
fn head() -> Head {
    let built = [1, 2, 3, 5, 6, 7, 8]
        .map(|generation| (generation, Version { tag: "t".into(), content: Content::SideLoaded }));
    Head {
        resource_version: "1".into(),
        uuid: CHAIN.to_string(),
        generation: 9,
        claimed: Some(("ci-9".into(), "uid-9".into())),
        sides: BTreeMap::new(),
        settled: (1..=8).map(|generation| (generation, format!("uid-{generation}"))).collect(),
        ended: None,
        built: built.into(),
        slots: BTreeMap::from([(8, "ci-8".to_owned())]),
        pipeline: None,
        baseline: None,
        edition: 0,
        purging: false,
        moves: vec![],
    }
}

fn home() -> ChainsInHome {
    let history = (1..=7).filter(|generation| *generation != 4).map(entry).collect();
    ChainsInHome::from([(
        "app".to_owned(),
        ChainInHome {
            head: Some(Ok(head())),
            history: Some(history),
            seed: Some(SEED),
            ..ChainInHome::default()
        },
    )])
}

fn fates(namespaces: &[Namespace], home: &ChainsInHome, rules: Rules) -> Vec<String> {
    let told: Vec<NamespaceView<'_>> = namespaces.iter().map(Namespace::told).collect();
    judge(&told, home, rules, at(1000))
        .into_iter()
        .map(|fate| match fate {
            Fate::Dispose => "goes".to_owned(),
            Fate::Going => "is going".to_owned(),
            Fate::Stays(StayReason { sentence, finding: true }) => format!("! {sentence}"),
            Fate::Stays(StayReason { sentence, finding: false }) => sentence,
        })
        .collect()
}

fn fate(namespace: Namespace) -> String {
    fates(&[namespace], &home(), Rules::default()).remove(0)
}

#[test]
fn what_is_finished_and_recorded_goes_and_everything_else_says_why_it_stays() {
    let of = |generation, phase| Namespace::of("app", generation, phase);
    let cases = [
        (Namespace::finished(1, 1), "goes"),
        (of(1, "Disposing"), "goes"),
        (Namespace::of("claim", 0, "Claimed"), "goes"),
        (Namespace::of("claim", 0, "Disposing"), "goes"),
        (of(4, "Disposing"), "goes"),
        (Namespace::finished(1, 1).but(|it| it.terminating = true), "is going"),
        (
            of(9, "Listening"),
            "it is the newest of its chain and waits for a push: kubectl studioci stop app ends that",
        ),
        (
            of(4, "Listening"),
            "it was never triggered, and chain app went on without it: kubectl studioci start or stop app disposes of it",
        ),
        (of(7, "Recorded"), "it is not finished (phase Recorded)"),
        (of(7, "Building"), "it is not finished (phase Building)"),
        (of(8, "Finished"), "it holds a build slot of its chain"),
    ];
    for (namespace, want) in cases {
        assert_eq!(fate(namespace), want);
    }
}

#[test]
fn what_is_not_provably_ours_stays() {
    let ours = || Namespace::finished(1, 1);
    let without = |key: &'static str| {
        ours().but(|it| {
            it.labels.remove(key);
            it.annotations.remove(key);
        })
    };
    let cases = [
        (
            without(wire::MANAGED_BY),
            "! it is not ours: it has no label app.kubernetes.io/managed-by=studioci",
        ),
        (
            without(wire::MANAGED_BY).but(|it| it.terminating = true),
            "! it is not ours: it has no label app.kubernetes.io/managed-by=studioci",
        ),
        (without(wire::OWNER), "! it has no studioci.dev/owner, so nothing proves it ours"),
        (without(wire::CHAIN), "! it has no studioci.dev/chain, so nothing proves it ours"),
        (without(wire::PHASE), "! it has no studioci.dev/phase, so nothing proves it ours"),
        (
            Namespace::of("app", 1, "Dreaming"),
            "! its studioci.dev/phase \"Dreaming\" cannot be read; it was edited by hand",
        ),
        (
            ours().but(|it| drop(it.annotations.insert(wire::GENERATION.into(), "2".into()))),
            "! the head of chain app knows generation 2 by another uid, so nothing proves it ours",
        ),
        (
            ours().but(|it| drop(it.annotations.insert(wire::CHAIN_UUID.into(), "x".into()))),
            "! chain app in studioci is another one of the same name, so nothing proves it ours",
        ),
        (
            ours().but(|it| drop(it.labels.insert(wire::CHAIN.into(), wire::CLAIM_CHAIN.into()))),
            "! it says generation 1 of chain claim, and there is no such thing; it was edited by hand",
        ),
        (
            ours().but(|it| drop(it.labels.insert(wire::CHAIN.into(), "other".into()))),
            "! there is no chain other in studioci, so nothing proves it ours",
        ),
        (
            Namespace::of("app", 12, "Finished"),
            "! it says generation 12, and chain app has not come so far, so nothing proves it ours",
        ),
        (
            Namespace::of("claim", 0, "Building"),
            "! it is a bare claim in phase Building, which it cannot have reached",
        ),
        (
            Namespace::of("app", 9, "Finished"),
            "! the head of its chain names it as the newest, but it is Finished",
        ),
        // a running build whose label somebody has set
        (
            Namespace::of("app", 5, "Disposing").but(|it| it.uid = "else".into()),
            "! the head of chain app knows generation 5 by another uid, so nothing proves it ours",
        ),
        (
            ours().but(|it| it.uid = "again".into()),
            "! the head of chain app knows generation 1 by another uid, so nothing proves it ours",
        ),
    ];
    for (namespace, want) in cases {
        assert_eq!(fate(namespace), want);
    }
}

#[test]
fn what_the_head_settled_is_proved_by_its_uid_and_what_it_did_not_by_the_seed() {
    let forged =
        |it: &mut Namespace| drop(it.annotations.insert(wire::OWNER.into(), Uuid::nil().to_string()));
    let of = |generation, phase| Namespace::of("app", generation, phase);
    let with = |namespace: &Namespace, change: &dyn Fn(&mut ChainInHome)| {
        let mut home = home();
        change(home.get_mut("app").unwrap());
        left_behind(&namespace.told(), &home).map_err(|why| why.sentence)
    };
    let by_seed = |kept: &mut ChainInHome| {
        let Some(Ok(head)) = &mut kept.head else { unreachable!() };
        head.settled.clear();
    };
    let lost = |kept: &mut ChainInHome| {
        by_seed(kept);
        kept.seed = None;
    };
    let unproved = "chain app does not know its uid, so nothing proves it ours";
    // the head knows its uid: no seed is asked for, and a copied annotation is worth nothing
    assert!(with(&of(4, "Listening").but(forged), &|kept| kept.seed = None).is_ok());
    let again = of(4, "Listening").but(|it| it.uid = "again".into()).but(forged);
    assert_eq!(
        with(&again, &|_| {}).unwrap_err(),
        "the head of chain app knows generation 4 by another uid, so nothing proves it ours"
    );
    // it does not: a claim that was never settled
    assert!(with(&of(4, "Claimed"), &by_seed).is_ok());
    assert_eq!(with(&of(4, "Claimed").but(forged), &by_seed).unwrap_err(), unproved);
    assert_eq!(with(&of(4, "Claimed"), &lost).unwrap_err(), unproved);
    // what derives from the chain's uuid, which everybody can read, proves nothing
    let public = |it: &mut Namespace| {
        drop(it.annotations.insert(wire::OWNER.into(), names::owner(CHAIN, 4).to_string()));
    };
    assert_eq!(with(&of(4, "Claimed").but(public), &by_seed).unwrap_err(), unproved);
    // of what the head has forgotten the history knows the uid
    let mut home = home();
    lost(home.get_mut("app").unwrap());
    assert_eq!(fates(&[Namespace::finished(1, 1).but(forged)], &home, Rules::default()), ["goes"]);
}

#[test]
fn nothing_goes_whose_result_is_not_in_home() {
    let with = |change: &dyn Fn(&mut ChainInHome)| {
        let mut home = home();
        change(home.get_mut("app").unwrap());
        fates(&[Namespace::finished(2, 1)], &home, Rules::default()).remove(0)
    };
    assert_eq!(with(&|_| {}), "goes");
    assert_eq!(
        with(&|kept| kept.history = None),
        "! its result is not in home: ConfigMap history-app is gone"
    );
    // a history at its bound has dropped what was recorded before all that it keeps
    let full = |from: u64| {
        move |kept: &mut ChainInHome| kept.history = Some((from..from + 200).map(entry).collect())
    };
    assert_eq!(with(&full(3)), "goes");
    assert_eq!(
        with(&|kept| kept.history = Some((3..8).map(entry).collect())),
        "! its result is not in home (ConfigMap history-app)"
    );
    assert_eq!(
        with(&|kept| kept.history = Some(vec![entry(1)])),
        "! its result is not in home (ConfigMap history-app)"
    );
    assert_eq!(
        with(&|kept| kept.head = Some(Err("no readable \"generation\"".into()))),
        "! the head of chain app cannot be read (no readable \"generation\"), so nothing proves it ours"
    );
    assert_eq!(
        with(&|kept| kept.head = None),
        "! there is no chain app in studioci, so nothing proves it ours"
    );
    assert_eq!(
        with(&|kept| kept.head = Some(Ok(Head { uuid: Uuid::nil().to_string(), ..head() }))),
        "! chain app in studioci is another one of the same name, so nothing proves it ours"
    );
}

#[test]
fn ages_count_from_the_end_and_counts_from_the_newest() {
    let namespaces = [
        Namespace::finished(1, 100),
        Namespace::finished(2, 900),
        Namespace::finished(3, 995),
        Namespace::of("app", 5, "Disposing"),
        Namespace::of("claim", 0, "Claimed"),
    ];
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let went = |rules| {
        let fates = fates(&namespaces, &home(), rules);
        let went = fates.iter().zip([1, 2, 3, 5, 0]).filter(|(fate, _)| *fate == "goes");
        went.map(|(_, generation)| generation).collect::<Vec<_>>()
    };
    assert_eq!(went(Rules::default()), [1, 2, 3, 5, 0]);
    assert_eq!(went(Rules { older_than: minutes(50), ..Rules::default() }), [1, 2, 5, 0]);
    assert_eq!(
        went(Rules { older_than: minutes(100), ..Rules::default() }),
        [1, 5, 0],
        "exactly as old is not older"
    );
    assert_eq!(went(Rules { older_than: minutes(2000), ..Rules::default() }), [5]);
    assert_eq!(
        went(Rules { keep: Some(1), ..Rules::default() }),
        [1, 2, 5],
        "a bare claim is no build to count"
    );
    assert_eq!(went(Rules { keep: Some(0), ..Rules::default() }), [1, 2, 3, 5]);
    assert_eq!(
        went(Rules { older_than: minutes(50), keep: Some(2), ..Rules::default() }),
        [1, 5, 0],
        "both must agree"
    );
    let said =
        fates(&namespaces, &home(), Rules { older_than: minutes(50), keep: Some(1), ..Rules::default() });
    assert_eq!(said[2], "it is among the newest 1 Passed builds of chain app");
    let said = fates(&namespaces, &home(), Rules { older_than: minutes(950), ..Rules::default() });
    assert_eq!(said[1], "it ended at 1970-01-01T15:00:00Z, which is not long enough ago");
    let undated = Namespace::of("app", 6, "Finished");
    assert_eq!(
        fates(&[undated], &home(), Rules { older_than: minutes(1), ..Rules::default() }),
        ["! its annotation studioci.dev/at-finished is gone, so that its age is not known"]
    );
}

#[test]
fn each_verdict_is_counted_for_itself_and_what_did_not_pass_may_stay_longer() {
    let failed = |generation, minutes| {
        Namespace::finished(generation, minutes)
            .but(|it| drop(it.annotations.insert(wire::VERDICT.to_owned(), "Failed".to_owned())))
    };
    let namespaces =
        [Namespace::finished(1, 100), failed(2, 200), Namespace::finished(3, 300), failed(5, 995)];
    let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
    let went = |rules| {
        let fates = fates(&namespaces, &home(), rules);
        let went = fates.iter().zip([1, 2, 3, 5]).filter(|(fate, _)| *fate == "goes");
        went.map(|(_, generation)| generation).collect::<Vec<_>>()
    };
    assert_eq!(went(Rules { keep: Some(1), ..Rules::default() }), [1, 2], "the newest of each verdict stays");
    let rules = Rules { older_than: minutes(0), keep_failed: minutes(500), ..Rules::default() };
    assert_eq!(went(rules), [1, 2, 3], "5 failed five minutes ago");
    let rules = Rules { older_than: minutes(850), keep_failed: minutes(1), ..Rules::default() };
    assert_eq!(went(rules), [1], "a shorter time than that of all says nothing");
    let rules = Rules { keep: Some(0), keep_failed: minutes(500), ..Rules::default() };
    assert_eq!(went(rules), [1, 2, 3]);
    assert!(!Rules { keep_failed: minutes(500), ..Rules::default() }.let_go());
}

#[test]
fn what_is_held_stays_whoever_asks_and_says_how_it_is_let_go() {
    let held = |why: &str| {
        let why = why.to_owned();
        move |it: &mut Namespace| drop(it.annotations.insert(wire::HOLD.to_owned(), why.clone()))
    };
    let said =
        |why: &str| format!("it is held{why}: kubectl annotate namespace ci-1 studioci.dev/hold- lets it go");
    assert_eq!(fate(Namespace::finished(1, 1).but(held("for the audit"))), said(" (for the audit)"));
    assert_eq!(fate(Namespace::of("app", 1, "Disposing").but(held(""))), said(""));
    let claim = fate(Namespace::of("claim", 0, "Claimed").but(held("")));
    assert!(claim.starts_with("it is held"), "{claim}");
}

#[test]
fn only_what_never_moved_the_head_is_left_behind() {
    let mut ended = home();
    ended.get_mut("app").unwrap().head = Some(Ok(Head { ended: Some("by alice".into()), ..head() }));
    for (generation, phase, home, goes) in [
        (4, "Claimed", &home(), true),
        (4, "Listening", &home(), true),
        (4, "Triggered", &home(), true),
        (4, "Disposing", &home(), true),
        (9, "Listening", &home(), false),
        (9, "Listening", &ended, true),
        (9, "Triggered", &ended, true),
        (8, "Triggered", &ended, false),
        (5, "Finished", &ended, false),
    ] {
        let namespace = Namespace::of("app", generation, phase);
        assert_eq!(left_behind(&namespace.told(), home).is_ok(), goes, "{generation} {phase}");
    }
    let foreign = Namespace::of("app", 4, "Listening").but(|it| drop(it.annotations.remove(wire::OWNER)));
    assert!(left_behind(&foreign.told(), &home()).unwrap_err().finding);
}

#[test]
fn a_side_build_goes_as_any_build_and_one_that_was_never_complete_goes_at_once() {
    let number = side::FIRST;
    let of = |claim: Option<SideClaim>, ended: bool| {
        let mut home = home();
        let kept = home.get_mut("app").unwrap();
        let mut head = head();
        head.sides = claim.into_iter().map(|claim| (number, claim)).collect();
        // another one was asked for since
        head.sides.insert(number + 1, SideClaim::Settled("other".to_owned()));
        head.ended = ended.then(|| "by alice".to_owned());
        kept.head = Some(Ok(head));
        kept.history.as_mut().unwrap().push(entry(number));
        home
    };
    let known = || Some(SideClaim::Settled(format!("uid-{number}")));
    let making = || Some(SideClaim::Making(at(0)));
    let judged = |phase: &str, home: &ChainsInHome| {
        let namespace = match phase {
            "Finished" => Namespace::finished(number, 1),
            phase => Namespace::of("app", number, phase),
        };
        fates(&[namespace], home, Rules::default()).remove(0)
    };
    assert_eq!(judged("Finished", &of(known(), false)), "goes");
    assert_eq!(judged("Claimed", &of(None, false)), "goes", "left half made");
    assert_eq!(judged("Claimed", &of(making(), false)), "it is not finished (phase Claimed)");
    assert_eq!(judged("Listening", &of(known(), false)), "it is not finished (phase Listening)");
    assert_eq!(judged("Listening", &of(known(), true)), "goes", "its chain has ended before it began");
    assert_eq!(judged("Building", &of(known(), true)), "it is not finished (phase Building)");
    let runs =
        |phase: &str, home: &ChainsInHome| super::runs(&Namespace::of("app", number, phase).told(), home);
    assert!(runs("Building", &of(known(), true)) && runs("Claimed", &of(making(), false)));
    assert!(!runs("Listening", &of(known(), true)), "nobody waits for it");
    // a number that nobody has taken is forged
    let unknown = Namespace::of("app", number + 9, "Claimed");
    let said = fates(&[unknown], &of(known(), false), Rules::default()).remove(0);
    assert_eq!(said, "! it says side build 10, and chain app has not come so far, so nothing proves it ours");
}

#[test]
fn side_builds_are_counted_for_themselves() {
    let (first, second) = (side::FIRST, side::FIRST + 1);
    let mut home = home();
    let kept = home.get_mut("app").unwrap();
    let mut head = head();
    head.sides = [first, second].map(|it| (it, SideClaim::Settled(format!("uid-{it}")))).into();
    kept.head = Some(Ok(head));
    kept.history.as_mut().unwrap().extend([entry(first), entry(second)]);
    let namespaces = [1, 2, first, second].map(|generation| Namespace::finished(generation, 1));
    let rules = Rules { keep: Some(1), ..Rules::default() };
    assert_eq!(
        fates(&namespaces, &home, rules),
        [
            "goes",
            "it is among the newest 1 Passed builds of chain app",
            "goes",
            "it is among the newest 1 Passed side builds of chain app",
        ]
    );
}

#[test]
fn left_over_is_what_a_uid_proves_or_a_name_that_the_seed_gives_and_never_a_copy() {
    let of = |generation, phase| Namespace::of("app", generation, phase);
    let name = |generation, nth| names::sequence(SEED, generation, "ci").nth(nth).unwrap();
    // a claim of that generation that lost: another uid, and a name that the seed gives
    let lost = |generation, nth| {
        of(generation, "Claimed").but(|it| {
            (it.name, it.uid) = (name(generation, nth), "lost".to_owned());
            it.annotations.insert(wire::PREFIX.to_owned(), "ci".to_owned());
        })
    };
    let with = |namespace: &Namespace, change: &dyn Fn(&mut ChainInHome)| {
        let mut home = home();
        change(home.get_mut("app").unwrap());
        left_over(&namespace.told(), &home).map_err(|why| (why.sentence, why.finding))
    };
    let judged = |namespace: &Namespace| with(namespace, &|_| {});
    let unsettled = |kept: &mut ChainInHome| {
        let Some(Ok(head)) = &mut kept.head else { unreachable!() };
        head.settled.clear();
        head.claimed = None;
    };
    for (what, goes) in [
        ("passed", judged(&of(4, "Listening"))),
        ("passed, without a seed", with(&of(4, "Triggered"), &|kept| kept.seed = None)),
        ("begun already", judged(&of(4, "Disposing"))),
        ("passed before it was settled", with(&lost(4, 1), &unsettled)),
    ] {
        assert!(goes.is_ok(), "{what}: {goes:?}");
    }
    for (what, stays, finding) in [
        ("it is the newest", judged(&of(9, "Listening")), false),
        ("it may be settled yet", with(&lost(9, 0), &unsettled), false),
        ("it builds", judged(&of(7, "Building")), false),
        ("another one of its generation was settled", judged(&lost(3, 0)), true),
        ("the same, of the newest", judged(&lost(9, 40)), true),
        (
            "it is held",
            judged(
                &of(4, "Listening").but(|it| drop(it.annotations.insert(wire::HOLD.into(), String::new()))),
            ),
            false,
        ),
        (
            "a copy under a name of its own",
            with(&lost(4, 0).but(|it| it.name = "ci-copy".to_owned()), &unsettled),
            true,
        ),
        ("a name of another generation", with(&lost(4, 0).but(|it| it.name = name(2, 0)), &unsettled), true),
        ("a name beyond those that are tried", with(&lost(4, 64), &unsettled), true),
        (
            "another prefix",
            with(
                &lost(4, 0).but(|it| drop(it.annotations.insert(wire::PREFIX.into(), "c".into()))),
                &unsettled,
            ),
            true,
        ),
        (
            "nobody may read the seed",
            with(&lost(4, 0), &|kept| {
                unsettled(kept);
                kept.seed = None;
            }),
            true,
        ),
        (
            "another owner",
            with(
                &lost(4, 0).but(|it| drop(it.annotations.insert(wire::OWNER.into(), "o".into()))),
                &unsettled,
            ),
            true,
        ),
        (
            "of another chain of that name",
            judged(
                &of(4, "Listening")
                    .but(|it| drop(it.annotations.insert(wire::CHAIN_UUID.into(), "c".into()))),
            ),
            true,
        ),
    ] {
        assert_eq!(stays.as_ref().err().map(|(_, finding)| *finding), Some(finding), "{what}: {stays:?}");
    }
}
