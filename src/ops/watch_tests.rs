//! What `watch` says of builds that were edited by hand.

use serde_json::{Value, json};
use testkit::{BodyEnd, Reply};

use super::*;
use crate::chain::head::Head;

/// A Namespace of a build in that phase.
fn namespace(phase: &str) -> Value {
    json!({ "metadata": {
        "name": "ci-a", "uid": "u", "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: phase },
        "annotations": { wire::CHAIN_UUID: "c", wire::OWNER: "o", wire::GENERATION: "1" },
    } })
}

/// The head that this path asks for, of a chain of which these are all the Namespaces.
fn head_among(namespaces: &[Value], path: &str) -> Option<Reply> {
    let name = path.strip_prefix("/api/v1/namespaces/studioci/configmaps/chain-")?;
    let heads = Head::objects_of(namespaces).into_iter();
    let head = heads.into_iter().find(|head| head["metadata"]["labels"][wire::CHAIN] == name);
    Some(head.map_or(Reply::Status(404, "NotFound", "not found"), |head| Reply::Json(200, head)))
}

fn to_its_verdict<'a>(name: Option<&'a str>, here: Option<&'a str>) -> Watched<'a> {
    Watched { name: name.map(Into::into), here, until: Until::Verdict }
}

/// Watches a namespace in phase `first`, which somebody moves to `then`.
async fn watched(name: Option<&str>, first: &'static str, then: &'static str) -> String {
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            let event = json!({ "type": "MODIFIED", "object": namespace(then) });
            return Reply::events(&[event], BodyEnd::Silence);
        }
        if let Some(head) = head_among(&[namespace(first)], &request.path) {
            return head;
        }
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": [namespace(first)] }))
    });
    match Box::pin(watch(
        &cluster,
        to_its_verdict(name, None),
        None,
        &mut |_| ControlFlow::Continue(()),
        &mut |_| (),
    ))
    .await
    {
        Err(error) => format!("{error}\n{}", error.said().1),
        Ok(done) => panic!("{done:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_build_that_was_edited_by_hand_is_named_and_not_guessed_at() {
    let dreaming = watched(Some("ci-a"), "Dreaming", "Dreaming").await;
    insta::assert_snapshot!(dreaming, @r#"
        namespace ci-a: studioci.dev/phase "Dreaming" cannot be read
        it was edited by hand: restore it (kubectl label --overwrite namespace ci-a studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        "#);
    assert_eq!(watched(None, "Dreaming", "Dreaming").await, dreaming, "nothing else is there to watch");
    assert_eq!(watched(Some("app"), "Listening", "Dreaming").await, dreaming, "edited while it is watched");
    insta::assert_snapshot!(watched(Some("app"), "Dreaming", "Dreaming").await, @r#"
        there is no chain and no build called "app"
        it may be one of those that were edited by hand: ci-a
        "#);
}

/// What is followed of two chains where none is named: the namespace, or why none is.
async fn followed(here: Option<&str>) -> std::result::Result<String, String> {
    let of = |name: &str, chain: &str| {
        let mut it = namespace("Listening");
        it["metadata"]["name"] = json!(name);
        it["metadata"]["labels"][wire::CHAIN] = json!(chain);
        it
    };
    let all = [of("ci-a", "app-main"), of("ci-b", "app-fix"), of("app-odd", "other")];
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            return Reply::Stream(Vec::new(), BodyEnd::Silence);
        }
        if let Some(head) = head_among(&all, &request.path) {
            return head;
        }
        let items: Vec<&Value> = all.iter().filter(|it| request.selects(it)).collect();
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let bound = Some(Duration::from_secs(9));
    match Box::pin(watch(
        &cluster,
        to_its_verdict(None, here),
        bound,
        &mut |_| ControlFlow::Continue(()),
        &mut |_| (),
    ))
    .await
    {
        Err(Error::Watch(WatchFault::NoVerdict { namespace, .. })) => Ok(namespace),
        other => Err(other.unwrap_err().to_string()),
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_name_the_chain_of_the_checkout_is_followed_where_it_is_there() {
    assert_eq!(followed(Some("app-main")).await.unwrap(), "ci-a");
    assert_eq!(followed(Some("app-fix")).await.unwrap(), "ci-b");
    let several = "there are several chains: app-fix, app-main, other";
    for elsewhere in [None, Some("app-gone"), Some("no such/label")] {
        assert_eq!(followed(elsewhere).await.unwrap_err(), several, "{elsewhere:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_agent_can_say_is_looked_for_from_outside() {
    let refused = json!({ "metadata": { "namespace": "ci-a", "name": "build" },
        "spec": { "replicas": 1, "template": { "spec": { "serviceAccountName": "studioci-agent.app" } } },
        "status": { "conditions": [{ "type": "ReplicaFailure", "status": "True",
            "message": "pods \"build-x\" is forbidden: exceeded quota: q" }] } });
    let (cluster, record) = Cluster::scripted(move |request| {
        let list = |items: &[Value]| {
            Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
        };
        match request.path.as_str() {
            _ if request.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
            "/apis/apps/v1/namespaces/ci-a/deployments" => list(std::slice::from_ref(&refused)),
            "/api/v1/namespaces/ci-a/pods" => list(&[]),
            path if path.contains("/configmaps/") => head_among(&[namespace("Claimed")], path).unwrap(),
            _ => list(&[namespace("Claimed")]),
        }
    });
    let told = std::cell::RefCell::new(Vec::new());
    let mut tell = |change: &Change| {
        told.borrow_mut().extend(change.outside.clone());
        ControlFlow::Continue(())
    };
    let bound = Some(Duration::from_secs(60));
    let mut warn = |sentence: &str| panic!("{sentence}");
    let watching = watch(&cluster, to_its_verdict(Some("ci-a"), None), bound, &mut tell, &mut warn);
    assert!(matches!(Box::pin(watching).await, Err(Error::Watch(WatchFault::NoVerdict { .. }))));
    let told = told.into_inner();
    let [why] = &told[..] else { panic!("said once: {told:?}") };
    assert!(why.contains("exceeded quota: q (raise it, or free something"), "{why}");
    let looks = record.asked().iter().filter(|asked| asked.contains("/deployments")).count();
    assert!((2..=6).contains(&looks), "{looks} looks in a minute");
}

/// A Namespace `ci-GENERATION` of chain `app`.
fn of_generation(generation: u64, phase: &str, more: &[(&str, &str)]) -> Value {
    let mut it = namespace(phase);
    it["metadata"]["name"] = json!(format!("ci-{generation}"));
    it["metadata"]["uid"] = json!(format!("u{generation}"));
    it["metadata"]["annotations"][wire::GENERATION] = json!(generation.to_string());
    for (key, value) in more {
        it["metadata"]["annotations"][*key] = json!(value);
    }
    it
}

/// A chain whose cluster is at one of these moments after the other: a request for the head is a step on to the next, but for
/// the first ones, which prove what is there.
struct PlayedChain {
    moments: Vec<Moment>,
    proofs: usize,
    /// What home's history has at the last of them.
    history: Vec<Value>,
}

/// The chain's head in home.
#[derive(Clone, Copy)]
enum PlayedHead {
    There,
    Ended(&'static str),
    Gone,
}

/// What is there at a time.
struct Moment {
    namespaces: Vec<Value>,
    head: PlayedHead,
}

impl PlayedChain {
    fn of(moments: Vec<Moment>) -> Self {
        Self { moments, proofs: 1, history: Vec::new() }
    }

    fn cluster(self) -> (Cluster, testkit::Scripted) {
        let (mut at, mut proofs) = (0, self.proofs);
        Cluster::scripted(move |request| {
            let list = |items: Vec<&Value>| {
                Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
            };
            let moment = &self.moments[at.min(self.moments.len() - 1)];
            match request.path.as_str() {
                _ if request.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
                "/api/v1/namespaces" => {
                    list(moment.namespaces.iter().filter(|it| request.selects(it)).collect())
                }
                "/api/v1/namespaces/studioci/configmaps/chain-app" => {
                    match proofs.checked_sub(1) {
                        Some(left) => proofs = left,
                        None => at += 1,
                    }
                    let ended = match self.moments[at.min(self.moments.len() - 1)].head {
                        PlayedHead::There => "",
                        PlayedHead::Ended(how) => how,
                        PlayedHead::Gone => {
                            return Reply::Status(404, "NotFound", "configmaps \"chain-app\" not found");
                        }
                    };
                    let mut data = json!({ "uuid": "c", "generation": "9", "ended": ended,
                        "namespace": "ci-9", "uid": "u9" });
                    for generation in 1..9 {
                        data[format!("settled.{generation}")] = json!(format!("u{generation}"));
                    }
                    let metadata = json!({ "name": "chain-app", "resourceVersion": "1" });
                    Reply::Json(200, json!({ "metadata": metadata, "data": data }))
                }
                "/api/v1/namespaces/studioci/configmaps/chain-evil" => {
                    Reply::Status(404, "NotFound", "configmaps \"chain-evil\" not found")
                }
                "/api/v1/namespaces/studioci/configmaps/history-app" => {
                    let data: serde_json::Map<String, Value> = (1..)
                        .zip(self.history.iter().filter(|_| at + 1 >= self.moments.len()))
                        .map(|(at, entry)| (wire::build_key(at), json!(entry.to_string())))
                        .collect();
                    let metadata = json!({ "name": "history-app", "resourceVersion": "1" });
                    Reply::Json(200, json!({ "metadata": metadata, "data": data }))
                }
                _ => list(Vec::new()),
            }
        })
    }

    /// How it ends for whoever watches it, and what they are told of: a build and its phase.
    async fn seen_by(mut self, watched: Watched<'_>, bound: Option<u64>) -> (Result<WatchEnd>, String) {
        self.proofs += usize::from(matches!(watched.until, Until::VerdictOf(_)));
        let (cluster, _) = self.cluster();
        let mut told = Vec::new();
        let mut tell = |change: &Change| {
            if change.outside.is_none() {
                told.push(format!("{} {}", change.after.namespace, change.after.phase_shown()));
            }
            ControlFlow::Continue(())
        };
        let end =
            Box::pin(watch(&cluster, watched, bound.map(Duration::from_secs), &mut tell, &mut |_| ())).await;
        (end, told.join(", "))
    }
}

const PASSED: (&str, &str) = (wire::VERDICT, "Passed");
const FAILED: (&str, &str) = (wire::VERDICT, "Failed");

fn terminating(mut it: Value) -> Value {
    it["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:05Z");
    it
}

fn to_the_end_of(name: &str) -> Watched<'_> {
    Watched { name: Some(name.into()), here: None, until: Until::ChainEnds }
}

#[tokio::test(start_paused = true)]
async fn who_follows_a_chain_goes_from_verdict_to_verdict_until_it_is_stopped() {
    let moments = || {
        let one = || of_generation(1, "Finished", &[PASSED]);
        let two = || of_generation(2, "Recorded", &[FAILED]);
        let three = || of_generation(3, "Listening", &[]);
        vec![
            Moment { namespaces: vec![one(), of_generation(2, "Building", &[])], head: PlayedHead::There },
            // the next listener is there, the one after it is not yet
            Moment { namespaces: vec![one(), two()], head: PlayedHead::There },
            Moment { namespaces: vec![one(), two()], head: PlayedHead::There },
            Moment { namespaces: vec![one(), two(), terminating(three())], head: PlayedHead::There },
            Moment {
                namespaces: vec![one(), two(), terminating(three())],
                head: PlayedHead::Ended("by alice"),
            },
        ]
    };
    let ended = WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned());
    let (end, told) = PlayedChain::of(moments()).seen_by(to_the_end_of("ci-1"), None).await;
    assert_eq!(end.unwrap(), ended);
    assert_eq!(told, "ci-1 Finished, ci-2 Recorded");
    let first = || Watched { until: Until::Verdict, ..to_the_end_of("ci-1") };
    let (end, told) = PlayedChain::of(moments()).seen_by(first(), None).await;
    assert_eq!((end.unwrap(), told.as_str()), (WatchEnd::Verdict(Verdict::Passed), "ci-1 Finished"));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_start_puts_away_is_no_end_of_a_chain_and_one_that_is_gone_is_none_either() {
    let listener = |generation| of_generation(generation, "Listening", &[]);
    for old in [vec![terminating(listener(1))], vec![]] {
        let there = |more: Option<Value>| old.iter().cloned().chain(more).collect::<Vec<_>>();
        let (end, told) = PlayedChain::of(vec![
            Moment { namespaces: vec![terminating(listener(1))], head: PlayedHead::There },
            Moment { namespaces: there(None), head: PlayedHead::There },
            Moment {
                namespaces: there(Some(of_generation(2, "Recorded", &[PASSED]))),
                head: PlayedHead::There,
            },
            Moment { namespaces: Vec::new(), head: PlayedHead::Gone },
        ])
        .seen_by(to_the_end_of("app"), None)
        .await;
        assert_eq!(end.unwrap(), WatchEnd::ChainEnded("app".to_owned(), "its records are gone".to_owned()));
        assert_eq!(told, "ci-1 Disposing, ci-2 Recorded");
    }
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_goes_on_is_followed_for_as_long_as_was_said() {
    let chain = PlayedChain::of(vec![
        Moment { namespaces: vec![of_generation(1, "Finished", &[PASSED])], head: PlayedHead::There },
        Moment { namespaces: vec![of_generation(2, "Building", &[])], head: PlayedHead::There },
    ]);
    let (end, told) = chain.seen_by(to_the_end_of("app"), Some(60)).await;
    assert_eq!(end.unwrap_err().to_string(), "no verdict of the build in ci-2 after 60 s");
    assert_eq!(told, "ci-1 Finished, ci-2 Building");
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_followed_no_longer_than_somebody_listens() {
    let one = vec![of_generation(1, "Finished", &[PASSED])];
    let two = vec![of_generation(2, "Finished", &[FAILED])];
    let moments = [one, two].map(|namespaces| Moment { namespaces, head: PlayedHead::There });
    let (cluster, _) = PlayedChain::of(moments.into()).cluster();
    let mut told = 0;
    let mut tell = |_: &Change| {
        told += 1;
        if told < 2 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let end = Box::pin(watch(&cluster, to_the_end_of("app"), None, &mut tell, &mut |_| ())).await;
    assert_eq!((end.unwrap(), told), (WatchEnd::Unheard, 2));
}

const OURS: &str = "00000000000000000000000000000000000000aa";
const BEFORE: (&str, &str) = (wire::REVISION, "1111111111111111111111111111111111111111");
const AFTER: (&str, &str) = (wire::REVISION, "2222222222222222222222222222222222222222");

/// A checkout in which one commit comes after ours.
fn knows_one_after(commit: &str, earlier: &str) -> bool {
    commit == AFTER.1 && earlier == OURS
}

/// A checkout to which somebody else's commits were not fetched.
fn knows_nothing(_: &str, _: &str) -> bool {
    false
}

fn for_ours(contains: fn(&str, &str) -> bool) -> Watched<'static> {
    let until = Until::VerdictOf(SoughtCommit { id: OURS, contains });
    Watched { name: Some("app".into()), here: None, until }
}

fn built(generation: u64, phase: &str, more: &[(&str, &str)]) -> Value {
    let tag = format!("build-{generation}");
    let mut all = vec![(wire::TAG, tag.as_str())];
    all.extend(more);
    of_generation(generation, phase, &all)
}

/// What home's history has of a build: its revision, its verdict.
fn entry(generation: u64, revision: Option<&str>, verdict: &str) -> Value {
    json!({ "generation": generation, "namespace": format!("ci-{generation}"), "uid": format!("u{generation}"),
        "verdict": verdict, "cause": "so", "revision": revision, "version": format!("build-{generation}"), "times": {} })
}

fn always(namespaces: Vec<Value>) -> PlayedChain {
    PlayedChain::of(vec![Moment { namespaces, head: PlayedHead::There }])
}

#[tokio::test(start_paused = true)]
async fn the_builds_of_others_are_passed_on_the_way_to_a_commits_own() {
    let moments = vec![
        Moment { namespaces: vec![built(2, "Building", &[BEFORE])], head: PlayedHead::There },
        Moment { namespaces: vec![built(3, "Queued", &[(wire::REVISION, "main")])], head: PlayedHead::There },
        // a builder may cut a revision short
        Moment {
            namespaces: vec![built(4, "Recorded", &[FAILED, (wire::REVISION, &OURS[..12])])],
            head: PlayedHead::There,
        },
    ];
    let (end, told) = PlayedChain::of(moments).seen_by(for_ours(knows_one_after), None).await;
    assert_eq!(end.unwrap(), WatchEnd::Verdict(Verdict::Failed));
    assert_eq!(told, "ci-2 Building, ci-3 Queued, ci-4 Recorded");
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_was_built_already_has_its_verdict_at_once_the_newest_one_also_from_history() {
    let ours = (wire::REVISION, OURS);
    let listener = || of_generation(7, "Listening", &[]);
    for (there, history, verdict, told) in [
        (vec![built(5, "Finished", &[PASSED, ours])], vec![], Verdict::Passed, "ci-5 Finished"),
        (vec![], vec![entry(5, Some(OURS), "Failed")], Verdict::Failed, "ci-5 Recorded"),
        // built twice: what came later counts, wherever it is kept
        (
            vec![built(6, "Finished", &[FAILED, ours])],
            vec![entry(5, Some(OURS), "Passed"), entry(6, Some(OURS), "Failed")],
            Verdict::Failed,
            "ci-6 Finished",
        ),
        (
            vec![built(4, "Finished", &[FAILED, ours])],
            vec![entry(5, Some(&OURS[..7]), "Passed")],
            Verdict::Passed,
            "ci-5 Recorded",
        ),
    ] {
        let namespaces = there.into_iter().chain([listener()]).collect();
        let chain = PlayedChain { history, ..always(namespaces) };
        let (end, seen) = chain.seen_by(for_ours(knows_one_after), Some(60)).await;
        assert_eq!((end.unwrap(), seen.as_str()), (WatchEnd::Verdict(verdict), told));
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_is_passed_over_once_a_build_contains_it_and_only_if_that_is_known() {
    let (other, after) = (built(2, "Building", &[BEFORE]), built(3, "Triggered", &[AFTER]));
    let moments = || {
        vec![other.clone(), after.clone()]
            .into_iter()
            .map(|it| Moment { namespaces: vec![it], head: PlayedHead::There })
    };
    let by = |end: Result<WatchEnd>| match end.unwrap() {
        WatchEnd::PassedOver(build) => build.namespace,
        other => panic!("{other:?}"),
    };
    let (end, told) = PlayedChain::of(moments().collect()).seen_by(for_ours(knows_one_after), None).await;
    assert_eq!((by(end).as_str(), told.as_str()), ("ci-3", "ci-2 Building, ci-3 Triggered"));
    let (end, _) = PlayedChain::of(moments().collect()).seen_by(for_ours(knows_nothing), Some(60)).await;
    assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{end:?}");

    // it was so before anybody asked
    let listener = || of_generation(4, "Listening", &[]);
    let kept = PlayedChain { history: vec![entry(3, Some(AFTER.1), "Passed")], ..always(vec![listener()]) };
    let (end, told) = kept.seen_by(for_ours(knows_one_after), None).await;
    assert_eq!((by(end).as_str(), told.as_str()), ("ci-3", ""));
    // what came after that one is of another commit again: a force push, or a tag that is set back
    let set_back = vec![entry(2, Some(AFTER.1), "Passed"), entry(3, Some(BEFORE.1), "Passed")];
    let kept = PlayedChain { history: set_back, ..always(vec![listener()]) };
    let (end, _) = kept.seen_by(for_ours(knows_one_after), Some(60)).await;
    assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_tells_no_revision_may_be_anybodys_and_one_of_before_is_not_asked() {
    let mute = built(3, "Building", &[]);
    let old = || built(1, "Finished", &[PASSED]);
    for namespaces in [vec![old(), mute.clone()], vec![old(), mute, of_generation(4, "Listening", &[])]] {
        let (end, _) = always(namespaces).seen_by(for_ours(knows_one_after), Some(60)).await;
        let Err(Error::Watch(fault)) = end else { panic!("{end:?}") };
        let said = "the image of build ci-3 tells no revision, so nobody can say whether it is of ";
        assert_eq!(fault.to_string(), format!("{said}{OURS}"));
    }
    let quiet = PlayedChain {
        history: vec![entry(1, None, "Passed"), entry(2, None, "Failed")],
        ..always(vec![old(), of_generation(4, "Listening", &[])])
    };
    let (end, told) = quiet.seen_by(for_ours(knows_one_after), Some(60)).await;
    assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{end:?}");
    assert_eq!(told, "ci-4 Listening");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_commit_is_told_that_its_build_or_the_chain_is_gone() {
    let ended = PlayedChain::of(vec![
        Moment { namespaces: vec![built(1, "Finished", &[PASSED, BEFORE])], head: PlayedHead::There },
        Moment {
            namespaces: vec![built(1, "Finished", &[PASSED, BEFORE])],
            head: PlayedHead::Ended("by alice"),
        },
    ]);
    let (end, _) = ended.seen_by(for_ours(knows_one_after), None).await;
    assert_eq!(end.unwrap(), WatchEnd::ChainEnded("app".to_owned(), "by alice".to_owned()));

    let running = || built(2, "Building", &[(wire::REVISION, OURS)]);
    let (end, _) = always(vec![running()]).seen_by(for_ours(knows_one_after), Some(60)).await;
    assert!(
        matches!(&end, Err(Error::Watch(WatchFault::NoVerdict { namespace, .. })) if namespace == "ci-2"),
        "{end:?}"
    );
    let (cluster, _) = Cluster::scripted(move |request| {
        if request.query.contains("watch=true") {
            return Reply::events(&[json!({ "type": "DELETED", "object": running() })], BodyEnd::Silence);
        }
        if let Some(head) = head_among(&[running()], &request.path) {
            return head;
        }
        let items = if request.path == "/api/v1/namespaces" { vec![running()] } else { Vec::new() };
        Reply::Json(200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
    });
    let end = Box::pin(watch(
        &cluster,
        for_ours(knows_nothing),
        None,
        &mut |_| ControlFlow::Continue(()),
        &mut |_| (),
    ))
    .await;
    assert!(matches!(end, Err(Error::Watch(WatchFault::DeletedBeforeVerdict { .. }))), "{end:?}");
}

#[tokio::test(start_paused = true)]
async fn a_build_that_came_and_went_while_nobody_looked_is_found_in_history() {
    for (revision, found) in [(OURS, true), (BEFORE.1, false)] {
        let chain = PlayedChain {
            history: vec![entry(5, Some(revision), "Passed")],
            ..PlayedChain::of(vec![
                Moment { namespaces: vec![built(2, "Building", &[BEFORE])], head: PlayedHead::There },
                Moment { namespaces: vec![of_generation(9, "Listening", &[])], head: PlayedHead::There },
            ])
        };
        let (end, told) = chain.seen_by(for_ours(knows_one_after), Some(60)).await;
        if found {
            assert_eq!(end.unwrap(), WatchEnd::Verdict(Verdict::Passed));
            assert_eq!(told, "ci-2 Building, ci-5 Recorded");
        } else {
            assert!(matches!(end, Err(Error::Watch(WatchFault::NoBuildOf { .. }))), "{end:?}");
            assert_eq!(told, "ci-2 Building, ci-9 Listening");
        }
    }
}

#[path = "watch_believed_tests.rs"]
mod believed_tests;

#[tokio::test(start_paused = true)]
async fn a_chain_that_has_ended_is_not_waited_for() {
    let how = "2026-11-25T12:00:00Z by ann";
    let ended =
        |namespaces: Vec<Value>| PlayedChain::of(vec![Moment { namespaces, head: PlayedHead::Ended(how) }]);
    // a listener that somebody has held, and that of a side build
    let held = || vec![of_generation(9, "Listening", &[])];
    let by_ann = WatchEnd::ChainEnded("app".to_owned(), how.to_owned());
    for name in ["app", "ci-9"] {
        let (end, told) = ended(held()).seen_by(to_its_verdict(Some(name), None), None).await;
        let Err(Error::Watch(fault)) = end else { panic!("{end:?}") };
        assert_eq!(told, "", "{name}");
        let said = format!("{fault}\n{}", fault.advice().unwrap().1);
        let never = format!(
            "nothing will be built in ci-9: chain app has ended ({how})\nkubectl studioci report app tells what was built; kubectl \
             studioci start carries the chain on"
        );
        assert_eq!(said, never);
    }
    let (end, told) = ended(held()).seen_by(to_the_end_of("app"), None).await;
    assert_eq!((end.unwrap(), told.as_str()), (by_ann.clone(), ""));
    let (end, told) = ended(held()).seen_by(for_ours(knows_one_after), None).await;
    assert_eq!((end.unwrap(), told.as_str()), (by_ann.clone(), ""));
    // of a commit that was built by then, how that ended
    let history = vec![entry(5, Some(OURS), "Passed"), entry(6, None, "Failed")];
    let (end, told) = PlayedChain { history, ..ended(vec![]) }.seen_by(for_ours(knows_one_after), None).await;
    assert_eq!((end.unwrap(), told.as_str()), (WatchEnd::Verdict(Verdict::Passed), "ci-5 Recorded"));
    // of what is no more, home tells
    let (end, _) = ended(Vec::new()).seen_by(to_its_verdict(Some("app"), None), None).await;
    assert!(matches!(end, Err(Error::ChainWithoutBuilds { .. })), "{end:?}");
    let (end, _) = ended(Vec::new()).seen_by(to_the_end_of("app"), None).await;
    assert_eq!(end.unwrap(), by_ann);
    // a build that runs goes on to its verdict
    let runs = || vec![of_generation(8, "Finished", &[PASSED])];
    let (end, _) = ended(runs()).seen_by(to_its_verdict(Some("app"), None), None).await;
    assert_eq!(end.unwrap(), WatchEnd::Verdict(Verdict::Passed));
}
