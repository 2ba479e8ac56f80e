//! What `watch` makes of namespaces that only say that they are builds of a chain.

use super::*;

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
        namespace ci-1-copy says that it is a build of chain app, and is not believed: the head of chain app knows generation 1 by another uid, so nothing proves it ours; kubectl delete namespace ci-1-copy removes it
        namespace ci-2-copy says that it is a build of chain app, and is not believed: the head of chain app knows generation 2 by another uid, so nothing proves it ours; kubectl delete namespace ci-2-copy removes it
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
        it was edited or made by hand; restore it, or work on it with kubectl alone
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
