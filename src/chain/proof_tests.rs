//! What is believed of namespaces that say that they are a chain's.

use super::*;
use crate::chain::build::Verdict;
use crate::chain::head::SideClaim;
use crate::chain::side;

/// The head of chain `app`, which is at generation 4.
fn head() -> Head {
    let mut data = Head::first("c");
    data.extend(
        [("generation", "4"), ("namespace", "ci-4"), ("uid", "u4"), ("settled.2", "u2"), ("settled.3", "u3")]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
    );
    Head::read("1", &data).unwrap()
}

fn build(generation: u64, uid: &str, phase: Phase, verdict: Option<Verdict>) -> Build {
    Build { generation, verdict, uid: uid.to_owned(), ..Build::played("ci-x", phase, &[]) }
}

fn passed(generation: u64, uid: &str) -> Build {
    build(generation, uid, Phase::Finished, Some(Verdict::Passed))
}

fn entry(generation: u64, uid: &str) -> Entry {
    serde_json::from_value(serde_json::json!({ "generation": generation, "namespace": "ci-x", "uid": uid,
        "verdict": "Passed", "cause": "", "times": {} }))
    .unwrap()
}

/// Why it is not believed, by the head alone.
fn doubt(build: &Build, head: &Head) -> Option<String> {
    let known = Witness { head: Some(Ok(head)), ..Witness::default() };
    known.believes(build).err().map(|why| why.to_string())
}

#[test]
fn a_build_is_believed_by_its_uid_and_whatever_else_it_says_proves_nothing() {
    let head = head();
    for (generation, uid) in [(2, "u2"), (3, "u3"), (4, "u4")] {
        assert_eq!(doubt(&passed(generation, uid), &head), None);
    }
    let with = |change: fn(&mut Build)| {
        let mut build = passed(2, "u2");
        change(&mut build);
        doubt(&build, &head).unwrap()
    };
    insta::assert_snapshot!(with(|it| it.uid = "copied".into()), @"the head of chain app knows generation 2 by another uid, so nothing proves it ours");
    insta::assert_snapshot!(with(|it| it.generation = 3), @"the head of chain app knows generation 3 by another uid, so nothing proves it ours");
    insta::assert_snapshot!(with(|it| it.generation = 1), @"chain app does not know its uid, so nothing proves it ours");
    insta::assert_snapshot!(with(|it| it.generation = 5), @"it says generation 5, and chain app has not come so far, so nothing proves it ours");
    insta::assert_snapshot!(with(|it| it.generation = side::FIRST), @"it says side build 1, and chain app has not come so far, so nothing proves it ours");
    insta::assert_snapshot!(with(|it| it.chain_uuid = "d".into()), @"chain app in studioci is another one of the same name, so nothing proves it ours");
    let of =
        |head| Witness { head, ..Witness::default() }.believes(&passed(2, "u2")).unwrap_err().to_string();
    insta::assert_snapshot!(of(None), @"there is no chain app in studioci, so nothing proves it ours");
    insta::assert_snapshot!(of(Some(Err("no uuid"))), @"the head of chain app cannot be read (no uuid), so nothing proves it ours");
}

#[test]
fn a_claim_that_is_not_settled_yet_may_be_one_as_long_as_it_says_nothing() {
    let settling = Head { claimed: None, ..head() };
    let claim = |phase, verdict| build(4, "new", phase, verdict);
    assert_eq!(doubt(&claim(Phase::Claimed, None), &settling), None);
    assert_eq!(doubt(&claim(Phase::Disposing, None), &settling), None, "its maker has lost a race");
    for (phase, verdict) in [
        (Phase::Listening, None),
        (Phase::Building, None),
        (Phase::Claimed, Some(Verdict::Passed)),
        (Phase::Finished, Some(Verdict::Passed)),
    ] {
        assert!(doubt(&claim(phase, verdict), &settling).is_some(), "{phase} {verdict:?}");
    }
    // another generation than the one that is being claimed, and one that is settled
    assert!(doubt(&build(1, "new", Phase::Claimed, None), &settling).is_some());
    assert!(doubt(&claim(Phase::Claimed, None), &head()).is_some());
}

#[test]
fn a_side_build_is_awaited_until_its_maker_is_done_and_then_known_by_its_uid() {
    let with = |claim: SideClaim| Head { sides: [(side::FIRST, claim)].into(), ..head() };
    let making = with(SideClaim::Making(jiff::Timestamp::UNIX_EPOCH));
    let side = |phase, verdict| build(side::FIRST, "s1", phase, verdict);
    let over = side(Phase::Finished, Some(Verdict::Passed));
    for phase in [Phase::Claimed, Phase::Listening] {
        assert_eq!(doubt(&side(phase, None), &making), None, "{phase}");
        assert!(doubt(&side(phase, None), &with(SideClaim::GivenUp)).is_some(), "{phase}");
    }
    assert!(doubt(&side(Phase::Building, None), &making).is_some());
    assert!(doubt(&over, &making).is_some());
    assert_eq!(doubt(&over, &with(SideClaim::Settled("s1".into()))), None);
    let other = doubt(&over, &with(SideClaim::Settled("s2".into()))).unwrap();
    assert!(other.contains("knows side build 1 by another uid"), "{other}");
}

#[test]
fn what_the_head_has_forgotten_is_not_believed_unless_history_knows_its_uid() {
    let first = 10;
    let settled = (first..).take(BUILT_MAX).map(|at| (at, format!("u{at}"))).collect();
    let full = Head { generation: 400, settled, ..head() };
    let old = passed(3, "u3");
    insta::assert_snapshot!(doubt(&old, &full).unwrap(), @"it is older than the 256 namespaces that chain app knows by their uids, so nothing proves it ours");
    assert_eq!(doubt(&passed(first, "u10"), &full), None);
    let entries = [entry(3, "u3")];
    let known = Witness { head: Some(Ok(&full)), history: &entries, seed: None };
    assert_eq!(known.believes(&old), Ok(()));
    let again = known.believes(&passed(3, "copied"));
    assert!(matches!(again, Err(Unproved::OtherUid { generation: 3, .. })), "{again:?}");
    let making = |at| (at, SideClaim::GivenUp);
    let sides = (side::FIRST + 5..).take(BUILT_MAX).map(making).collect();
    let why = doubt(&passed(side::FIRST, "s"), &Head { sides, ..head() }).unwrap();
    assert!(why.starts_with("it is older than the 256 namespaces"), "{why}");
}

#[test]
fn an_owner_uuid_that_was_copied_from_a_real_build_proves_nothing_to_whoever_acts_on_it() {
    let (head, seed) = (head(), Uuid::from_u128(9));
    let known = Witness { head: Some(Ok(&head)), history: &[], seed: Some(seed) };
    let owned = |generation, uid: &str| Build {
        owner: names::owner(seed, generation).to_string(),
        ..build(generation, uid, Phase::Claimed, None)
    };
    assert_eq!(known.of_its_build(&owned(3, "u3")), Ok(()));
    assert_eq!(
        known.of_its_build(&owned(1, "u1")),
        Ok(()),
        "of a claim that the head does not know the seed is a proof"
    );
    for phase in [Phase::Building, Phase::Finished] {
        let verdict = (phase == Phase::Finished).then_some(Verdict::Passed);
        let copy = known.of_its_build(&Build { phase, verdict, ..owned(1, "u1") });
        assert!(matches!(copy, Err(Unproved::Unknown { .. })), "{phase}: {copy:?}");
    }
    let copy = known.of_its_build(&owned(3, "copied"));
    assert!(matches!(copy, Err(Unproved::OtherUid { .. })), "{copy:?}");
    // a later agent that lost a race, or a copy: nobody can tell, and so nobody disposes of it
    let copy = known.of_its_chain(&owned(3, "copied"));
    assert!(matches!(copy, Err(Unproved::OtherUid { .. })), "{copy:?}");
    assert_eq!(known.of_its_chain(&owned(1, "u1")), Ok(()));
    let forged = Build { owner: Uuid::nil().to_string(), ..owned(1, "u1") };
    assert!(known.of_its_build(&forged).is_err() && known.of_its_chain(&forged).is_err());
    assert!(known.believes(&owned(1, "u1")).is_err(), "who looks asks for no seed");
}

#[test]
fn of_a_namespace_that_cannot_be_read_the_uid_alone_is_asked() {
    let first = 10;
    let settled = (first..).take(BUILT_MAX).map(|at| (at, format!("u{at}"))).collect();
    let sides = [(side::FIRST, SideClaim::Settled("s1".into()))].into();
    let claimed = Some(("ci-400".to_owned(), "u400".to_owned()));
    let head = Head { generation: 400, claimed, settled, sides, ..head() };
    let entries = [entry(3, "u3")];
    let known = |uid: &str, history: &[Entry]| {
        Witness { head: Some(Ok(&head)), history, seed: None }.knows_namespace("app", uid)
    };
    for uid in ["u10", "u400", "s1"] {
        assert_eq!(known(uid, &[]), Ok(()), "{uid}");
    }
    assert!(matches!(known("u3", &[]), Err(Unproved::Forgotten { .. })));
    assert_eq!(known("u3", &entries), Ok(()));
    assert!(matches!(Witness::default().knows_namespace("app", "u3"), Err(Unproved::NoChain { .. })));
    let unread = Witness { head: Some(Err("x")), ..Witness::default() };
    assert!(matches!(unread.knows_namespace("app", "u3"), Err(Unproved::HeadUnreadable { .. })));
    // what is being claimed nobody knows by its uid yet
    for claims in [
        Head { claimed: None, ..head.clone() },
        Head {
            sides: [(side::FIRST, SideClaim::Making(jiff::Timestamp::UNIX_EPOCH))].into(),
            ..head.clone()
        },
    ] {
        let may_be = Witness { head: Some(Ok(&claims)), ..Witness::default() };
        assert_eq!(may_be.knows_namespace("app", "another"), Ok(()));
    }
}
