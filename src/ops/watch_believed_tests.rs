//! What `watch` makes of namespaces that only say that they are builds of a chain.

use tokio::time::Instant;

use super::*;
use crate::chain::side;

/// The same, made by somebody else: everything that stands on it is copied.
fn feigned(mut it: Value) -> Value {
    let name = it["metadata"]["name"].as_str().unwrap().to_owned();
    it["metadata"]["name"] = json!(format!("{name}-copy"));
    it["metadata"]["uid"] = json!(format!("uid-of-{name}-copy"));
    it
}

/// How it ends, what is told, and what is warned of.
async fn seen(chain: PlayedChain, watched: Watched<'_>) -> (Result<WatchEnd>, String, Vec<String>) {
    let proofs = chain.proofs + usize::from(matches!(watched.until, Until::VerdictOf(_)));
    let (cluster, _) = PlayedChain { proofs, ..chain }.cluster();
    let (mut told, mut warned) = (Vec::new(), Vec::new());
    let mut tell = |change: &Change| {
        if change.outside.is_none() {
            told.push(format!("{} {}", change.after.namespace, change.after.phase_shown()));
        }
        ControlFlow::Continue(())
    };
    let mut warn = |sentence: &str| warned.push(sentence.to_owned());
    let bound = Some(Duration::from_secs(60));
    let end = Box::pin(watch(&cluster, watched, bound, &mut tell, &mut warn)).await;
    (end, told.join(", "), warned)
}

fn to_verdict_of(name: &str) -> Watched<'_> {
    to_its_verdict(Some(name), None)
}

fn ours() -> (&'static str, &'static str) {
    (wire::REVISION, OURS)
}

#[tokio::test(start_paused = true)]
async fn a_commit_has_no_verdict_by_what_only_says_that_it_has_built_it() {
    let listener = || of_generation(9, "Listening", &[]);
    let passed = |generation| feigned(built(generation, "Finished", &[PASSED, ours()]));
    // of a generation that is known, of one that is gone, and of one that is still to come
    for generation in [5, 8, 9, 10, 90_000_000] {
        let (end, told, warned) =
            seen(always(vec![passed(generation), listener()]), for_ours(knows_one_after)).await;
        assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{generation}: {end:?}");
        assert_eq!((told.as_str(), warned.len()), ("ci-9 Listening", 1), "{generation}: {warned:?}");
    }
    // the real one has another verdict, or a verdict that is still to come
    let real = built(5, "Finished", &[FAILED, ours()]);
    let (end, told, _) =
        seen(always(vec![passed(5), real, passed(8), listener()]), for_ours(knows_one_after)).await;
    assert_eq!((end.unwrap(), told.as_str()), (WatchEnd::Verdict(Verdict::Failed), "ci-5 Finished"));
    let chain =
        PlayedChain { history: vec![entry(5, Some(OURS), "Failed")], ..always(vec![passed(6), listener()]) };
    let (end, told, _) = seen(chain, for_ours(knows_one_after)).await;
    assert_eq!((end.unwrap(), told.as_str()), (WatchEnd::Verdict(Verdict::Failed), "ci-5 Recorded"));
    // nor is a commit passed over by what nobody has built
    let after = feigned(built(8, "Building", &[AFTER]));
    let (end, _, _) = seen(always(vec![after, listener()]), for_ours(knows_one_after)).await;
    assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_chain_passes_over_what_only_says_that_it_is_its_next_build() {
    let moment = |namespaces: &[Value]| Moment { namespaces: namespaces.to_vec(), head: PlayedHead::There };
    let one = of_generation(1, "Finished", &[PASSED]);
    let running = feigned(of_generation(1, "Building", &[]));
    let next = feigned(of_generation(2, "Finished", &[PASSED]));
    let two = of_generation(2, "Recorded", &[FAILED]);
    let chain = PlayedChain::of(vec![
        moment(&[running.clone(), one.clone()]),
        moment(&[running.clone(), one.clone(), next.clone()]),
        moment(&[running.clone(), one.clone(), next.clone()]),
        moment(&[running.clone(), one.clone(), next.clone(), two.clone()]),
        Moment { namespaces: vec![running, one, next, two], head: PlayedHead::Ended("by alice") },
    ]);
    let (end, told, warned) = seen(chain, to_the_end_of("app")).await;
    assert_eq!(end.unwrap(), WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned()));
    assert_eq!(told, "ci-1 Finished, ci-2 Recorded");
    insta::assert_snapshot!(warned.join("\n"), @"
        namespace ci-1-copy says that it is a build of chain app, and is not believed: the head of chain app knows generation 1 by another uid, so nothing proves it ours; kubectl studioci doctor app looks at that chain, and kubectl delete namespace ci-1-copy removes what nobody needs
        namespace ci-2-copy says that it is a build of chain app, and is not believed: the head of chain app knows generation 2 by another uid, so nothing proves it ours; kubectl studioci doctor app looks at that chain, and kubectl delete namespace ci-2-copy removes what nobody needs
        ");
}

#[tokio::test(start_paused = true)]
async fn what_only_says_that_it_is_a_build_is_not_followed_by_its_name_nor_by_a_chains_that_home_does_not_know()
 {
    let copy = || feigned(of_generation(1, "Finished", &[PASSED]));
    let (end, told, _) = seen(always(vec![copy()]), to_verdict_of("ci-1-copy")).await;
    let error = end.unwrap_err();
    assert_eq!(told, "");
    insta::assert_snapshot!(format!("{error}\n{}", error.said().1), @"
        namespace ci-1-copy is not provably ours: the head of chain app knows generation 1 by another uid, so nothing proves it ours
        it was made or edited by hand, or is older than what home remembers; work on it with kubectl alone
        ");
    let mut stranger = copy();
    stranger["metadata"]["labels"][wire::CHAIN] = json!("evil");
    for name in [Some("evil"), Some("ci-1-copy"), None] {
        let (end, ..) = seen(always(vec![stranger.clone()]), to_its_verdict(name, None)).await;
        assert!(matches!(end, Err(Error::NotProvablyOurs { .. })), "{name:?}: {end:?}");
    }
    // and it makes no second chain of the only one
    let both = always(vec![stranger, of_generation(1, "Finished", &[PASSED])]);
    let (end, told, _) = seen(both, to_its_verdict(None, None)).await;
    assert_eq!((end.unwrap(), told.as_str()), (WatchEnd::Verdict(Verdict::Passed), "ci-1 Finished"));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_settled_yet_is_proved_before_anything_that_it_says_is_believed() {
    for (uid, proved) in [("u1", true), ("another", false)] {
        let mut settled = false;
        let (cluster, _) = Cluster::scripted(move |request| {
            if request.query.contains("watch=true") {
                settled = true;
                let mut then = of_generation(1, "Finished", &[PASSED]);
                then["metadata"]["uid"] = json!("u1");
                return Reply::events(&[json!({ "type": "MODIFIED", "object": then })], BodyEnd::Silence);
            }
            if request.path.ends_with("/configmaps/chain-app") {
                let mut head = json!({ "metadata": { "name": "chain-app", "resourceVersion": "1" },
                    "data": { "uuid": "c", "generation": "1" } });
                if settled {
                    (head["data"]["namespace"], head["data"]["uid"]) = (json!("ci-1"), json!(uid));
                }
                return Reply::Json(200, head);
            }
            let items = [of_generation(1, "Claimed", &[])];
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        });
        let mut warn = |sentence: &str| panic!("{sentence}");
        let bound = Some(Duration::from_secs(60));
        let mut tell = |_: &Change| ControlFlow::Continue(());
        let end = Box::pin(watch(&cluster, to_verdict_of("app"), bound, &mut tell, &mut warn)).await;
        match end {
            Ok(WatchEnd::Verdict(Verdict::Passed)) => assert!(proved, "{uid}"),
            Err(Error::NotProvablyOurs { .. }) => assert!(!proved, "{uid}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_home_is_told_so_once_and_goes_by_what_the_namespace_says() {
    let (cluster, _) = Cluster::scripted(|request| {
        if request.path.contains("/configmaps/") {
            let why = "configmaps \"chain-app\" is forbidden: User \"alice\" cannot get resource \"configmaps\" in API group \"\" \
                       in the namespace \"studioci\"";
            return Reply::Status(403, "Forbidden", why);
        }
        let items = [of_generation(1, "Finished", &[PASSED])];
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let mut warned = Vec::new();
    let mut warn = |sentence: &str| warned.push(sentence.to_owned());
    let mut tell = |_: &Change| ControlFlow::Continue(());
    let end = Box::pin(watch(&cluster, to_verdict_of("app"), None, &mut tell, &mut warn)).await;
    assert_eq!(end.unwrap(), WatchEnd::Verdict(Verdict::Passed));
    insta::assert_snapshot!(warned.join("\n"), @r#"what the namespaces of chain app say is taken at its word, since home, which proves it, cannot be read: user "alice" may not get configmaps in the namespace studioci"#);
}

/// What is there from this second on, and what the head says then.
struct Since(u64, Vec<Value>, Value);

/// A cluster that is so, second by second. `deleted`: a namespace that somebody deletes as soon as it is followed.
fn timed(times: Vec<Since>, deleted: Option<&'static str>) -> (Cluster, testkit::Scripted) {
    let (began, mut gone) = (Instant::now(), None);
    Cluster::scripted(move |request| {
        let now = began.elapsed().as_secs();
        let Since(_, namespaces, head) = times.iter().rev().find(|it| it.0 <= now).unwrap();
        let list = |items: Vec<&Value>| {
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        };
        match request.path.as_str() {
            _ if request.query.contains("watch=true") => {
                match deleted.filter(|it| request.query.contains(it)) {
                    Some(name) => {
                        gone = Some(name);
                        let object = json!({ "metadata": { "name": name, "uid": format!("uid-of-{name}") } });
                        Reply::events(&[json!({ "type": "DELETED", "object": object })], BodyEnd::Silence)
                    }
                    None => Reply::Stream(Vec::new(), BodyEnd::Silence),
                }
            }
            "/api/v1/namespaces" => {
                let there =
                    namespaces.iter().filter(|it| gone.is_none_or(|gone| it["metadata"]["name"] != gone));
                list(there.filter(|it| request.selects(it)).collect())
            }
            "/api/v1/namespaces/studioci/configmaps/chain-app" => {
                let metadata = json!({ "name": "chain-app", "resourceVersion": "1" });
                Reply::Json(200, json!({ "metadata": metadata, "data": head }))
            }
            path if path.contains("/configmaps/") => Reply::Status(404, "NotFound", "not found"),
            _ => list(Vec::new()),
        }
    })
}

/// A head of that generation, which a namespace has by its uid, or none yet; of those before it all are known.
fn head_at(generation: u64, uid: Option<&str>) -> Value {
    let mut data = json!({ "uuid": "c", "generation": generation.to_string() });
    for before in 1..generation {
        data[format!("settled.{before}")] = json!(format!("u{before}"));
    }
    if let Some(uid) = uid {
        (data["namespace"], data["uid"]) = (json!(format!("ci-{generation}")), json!(uid));
    }
    data
}

fn ended(mut head: Value) -> Value {
    head["ended"] = json!("by alice");
    head
}

/// How it ends, what is told, and how many requests it took.
async fn seen_in_time(
    times: Vec<Since>,
    deleted: Option<&'static str>,
    watched: Watched<'_>,
) -> (Result<WatchEnd>, String, usize) {
    let (cluster, record) = timed(times, deleted);
    let mut told = Vec::new();
    let mut tell = |change: &Change| {
        if change.outside.is_none() {
            told.push(format!("{} {}", change.after.namespace, change.after.phase_shown()));
        }
        ControlFlow::Continue(())
    };
    let bound = Some(Duration::from_secs(300));
    let end = Box::pin(watch(&cluster, watched, bound, &mut tell, &mut |_| ())).await;
    (end, told.join(", "), record.asked().len())
}

/// A chain whose second build is claimed by two at once, of which the head knows one at last.
fn claimed_twice(more: &[(&str, &str)]) -> Vec<Since> {
    let one = || built(1, "Finished", &[PASSED, BEFORE]);
    let copy = || feigned(of_generation(2, "Claimed", more));
    let real = |phase: &str, more: &[_]| built(2, phase, more);
    vec![
        Since(0, vec![one()], head_at(1, Some("u1"))),
        Since(3, vec![one(), copy()], head_at(2, None)),
        Since(7, vec![one(), copy(), of_generation(2, "Claimed", &[])], head_at(2, None)),
        Since(20, vec![one(), copy(), real("Finished", &[FAILED, ours()])], head_at(2, Some("u2"))),
        Since(200, vec![one(), copy()], ended(head_at(2, Some("u2")))),
    ]
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_chain_goes_on_to_the_real_one_of_two_claims_though_the_other_was_met_first() {
    let by_alice = || WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned());
    let told = "ci-1 Finished, ci-2-copy Claimed, ci-2 Finished";
    for deleted in [None, Some("ci-2-copy")] {
        let mut times = claimed_twice(&[]);
        if deleted.is_some() {
            // the real one is made only afterwards
            times.remove(2);
        }
        let (end, seen, asked) = seen_in_time(times, deleted, to_the_end_of("app")).await;
        let Ok(end) = end else { panic!("{deleted:?}: {end:?}") };
        assert_eq!((end, seen.as_str()), (by_alice(), told), "{deleted:?}");
        assert!(asked < 120, "{deleted:?}: {asked} requests in 200 s");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_unsettled_claim_says_of_its_commit_neither_ends_the_wait_for_one_nor_hides_its_build() {
    for more in [
        &[][..],
        &[ours()],
        &[(wire::TAG, "build-2"), ours()],
        &[(wire::TAG, "build-2"), AFTER],
        &[(wire::TAG, "build-2")],
    ] {
        // it is there before anybody watches, or comes while they do
        for from in [0, 1] {
            let mut times = claimed_twice(more);
            times.drain(..from);
            times[0].0 = 0;
            let (end, told, _) = seen_in_time(times, None, for_ours(knows_one_after)).await;
            let Ok(end) = end else { panic!("{more:?}: {end:?}") };
            assert_eq!(end, WatchEnd::Verdict(Verdict::Failed), "{more:?}");
            assert!(told.ends_with("ci-2-copy Claimed, ci-2 Finished"), "{more:?}: {told}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_never_comes_true_is_followed_by_the_next_build() {
    let claim = |phase: &str| of_generation(2, phase, &[]);
    let three = || built(3, "Finished", &[PASSED, ours()]);
    let mut past = head_at(3, Some("u3"));
    past.as_object_mut().unwrap().remove("settled.2");
    for left in
        [vec![claim("Claimed")], vec![claim("Disposing")], vec![terminating(claim("Claimed"))], vec![]]
    {
        let times = || {
            vec![
                Since(0, vec![claim("Claimed")], head_at(2, None)),
                Since(9, left.clone(), past.clone()),
                Since(40, left.iter().cloned().chain([three()]).collect(), past.clone()),
                Since(90, left.clone(), ended(past.clone())),
            ]
        };
        let (end, told, asked) = seen_in_time(times(), None, to_the_end_of("app")).await;
        let Ok(end) = end else { panic!("{left:?}: {end:?}") };
        assert_eq!(end, WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned()));
        assert_eq!(told, "ci-2 Claimed, ci-3 Finished", "{left:?}");
        assert!(asked < 80, "{asked} requests in 90 s");
        let (end, ..) = seen_in_time(times(), None, for_ours(knows_one_after)).await;
        let Ok(end) = end else { panic!("{left:?}: {end:?}") };
        assert_eq!(end, WatchEnd::Verdict(Verdict::Passed), "{left:?}");
        // who has named that very build is told that it came to nothing
        let (end, ..) = seen_in_time(times(), None, to_the_end_of("ci-2")).await;
        assert!(matches!(end, Err(Error::NotProvablyOurs { .. })), "{left:?}: {end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_side_build_that_is_given_up_is_followed_by_the_next_one() {
    let side = |number: u64, phase: &str, more: &[_]| {
        let mut it = of_generation(side::FIRST + number - 1, phase, more);
        it["metadata"]["name"] = json!(format!("ci-side-{number}"));
        it
    };
    let head = |first: &str, second: Option<&str>| {
        let mut data = head_at(1, Some("u1"));
        data[format!("side.{}", side::FIRST)] = json!(first);
        if let Some(second) = second {
            data[format!("side.{}", side::FIRST + 1)] = json!(second);
        }
        data
    };
    let since = "since 2026-01-02T03:04:05Z";
    let second = format!("u{}", side::FIRST + 1);
    let given_up = || head("given up", Some(&second));
    let (end, told, _) = seen_in_time(
        vec![
            Since(0, vec![side(1, "Listening", &[])], head(since, None)),
            Since(9, vec![side(1, "Listening", &[]), side(2, "Finished", &[PASSED])], given_up()),
            Since(90, vec![side(1, "Listening", &[])], ended(given_up())),
        ],
        None,
        to_the_end_of("app"),
    )
    .await;
    assert_eq!(end.unwrap(), WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned()));
    assert_eq!(told, "ci-side-1 Listening, ci-side-2 Finished");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_came_to_nothing_is_taken_again_only_where_no_other_of_its_generation_is_there() {
    let copy = || feigned(of_generation(2, "Claimed", &[]));
    let real = || of_generation(2, "Claimed", &[]);
    let mut past = ended(head_at(3, None));
    past.as_object_mut().unwrap().remove("settled.2");
    // somebody sets the head back by hand
    let times = |then: Vec<Value>| {
        vec![
            Since(0, vec![copy()], head_at(2, None)),
            Since(9, vec![copy()], head_at(1, Some("u1"))),
            Since(30, then.clone(), head_at(2, None)),
            Since(150, then, past.clone()),
        ]
    };
    for (then, told) in [
        (vec![copy(), real()], "ci-2-copy Claimed, ci-2 Claimed"),
        (vec![real(), copy()], "ci-2-copy Claimed, ci-2 Claimed"),
        (vec![copy()], "ci-2-copy Claimed, ci-2-copy Claimed"),
    ] {
        let (end, seen, asked) = seen_in_time(times(then), None, to_the_end_of("app")).await;
        assert_eq!(end.unwrap(), WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned()));
        assert_eq!(seen, told);
        assert!(asked < 120, "{asked} requests in 150 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_older_than_the_head_remembers_is_followed_where_the_history_knows_it() {
    let mut head = head_at(400, Some("u400"));
    (1..=100).for_each(|old| drop(head.as_object_mut().unwrap().remove(&format!("settled.{old}"))));
    for (watched, is_known) in
        [(to_verdict_of("ci-3"), true), (for_ours(knows_one_after), true), (for_ours(knows_one_after), false)]
    {
        let there = [built(3, "Finished", &[PASSED, ours()]), of_generation(400, "Listening", &[])];
        let head = head.clone();
        let (cluster, _) = Cluster::scripted(move |request| match request.path.as_str() {
            _ if request.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
            "/api/v1/namespaces/studioci/configmaps/chain-app" => {
                let metadata = json!({ "name": "chain-app", "resourceVersion": "1" });
                Reply::Json(200, json!({ "metadata": metadata, "data": head }))
            }
            "/api/v1/namespaces/studioci/configmaps/history-app" => {
                let mut data = json!({});
                if is_known {
                    data[wire::build_key(3)] = json!(entry(3, Some(OURS), "Passed").to_string());
                }
                Reply::Json(200, json!({ "metadata": { "name": "history-app" }, "data": data }))
            }
            "/api/v1/namespaces" => {
                let items: Vec<&Value> = there.iter().filter(|it| request.selects(it)).collect();
                Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
            }
            _ => Reply::Json(200, json!({ "metadata": {}, "items": [] })),
        });
        let (mut told, mut warned) = (Vec::new(), 0);
        let mut tell = |change: &Change| {
            told.extend(change.outside.is_none().then(|| change.after.namespace.clone()));
            ControlFlow::Continue(())
        };
        let bound = Some(Duration::from_secs(60));
        let end = Box::pin(watch(&cluster, watched, bound, &mut tell, &mut |_| warned += 1)).await;
        match end {
            Ok(WatchEnd::Verdict(Verdict::Passed)) => assert!(is_known),
            Err(Error::Watch(WatchFault::NoBuildOf { .. })) => assert!(!is_known),
            other => panic!("{is_known}: {other:?}"),
        }
        let first = if is_known { "ci-3" } else { "ci-400" };
        assert_eq!((told[0].as_str(), warned), (first, usize::from(!is_known)));
    }
}
