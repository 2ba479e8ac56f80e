//! `report`.

use studioci::chain::build::Phase;
use studioci::chain::contents::Contents;
use studioci::chain::reported::{ReportOf, ReportedBuild, ReportedChain};
use studioci::ops::report::report;
use studioci::output::report::{ReportForm, print};

use super::*;

async fn build(stage: &Stage, name: &str) -> ReportedBuild {
    match Box::pin(report(&stage.cluster(), name)).await.unwrap().of {
        ReportOf::Build(build) => *build,
        ReportOf::Chain(chain) => panic!("{chain:?}"),
    }
}

async fn chain(stage: &Stage, name: &str) -> ReportedChain {
    match Box::pin(report(&stage.cluster(), name)).await.unwrap().of {
        ReportOf::Chain(chain) => chain,
        ReportOf::Build(build) => panic!("{build:?}"),
    }
}

/// What history has of the first build, changed.
fn rewrite(stage: &Stage, change: impl Fn(&mut Value)) {
    stage.world().change(&format!("{HOME}/history-{CHAIN}"), |it| {
        let text = &mut it["data"]["build.00000001"];
        let mut entry: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
        change(&mut entry);
        *text = json!(entry.to_string());
    });
}

#[tokio::test(start_paused = true)]
async fn a_build_is_reported_on_while_its_namespace_is_there_and_once_it_is_gone() {
    let (stage, first) = finished().await;
    let there = build(&stage, &first).await;
    assert_eq!((there.gone, there.build.phase), (false, Phase::Finished));
    assert!(!there.exits.is_empty(), "history has what no namespace says");
    cleaned(&stage, &Which::Named(vec![first.clone()])).await.unwrap();
    let gone = build(&stage, &first).await;
    assert!(gone.gone);
    assert_eq!(gone.exits, there.exits);
    let told = |it: &ReportedBuild| {
        let build = it.build.clone();
        (
            build.generation,
            build.verdict,
            build.cause,
            build.image,
            build.version,
            build.revision,
            build.chain_uuid,
        )
    };
    assert_eq!(told(&gone), told(&there));
    assert_eq!(gone.took(), there.took());
    // and in every form
    for form in [ReportForm::Html, ReportForm::Json, ReportForm::Junit, ReportForm::Markdown] {
        let text = print(form, &ReportOf::Build(Box::new(gone.clone())), clock());
        assert!(text.contains(&first) && text.contains("build-2"), "{form:?}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_builds_namespace_holds_is_reported_as_long_as_it_is_there_and_as_far_as_it_may_be_read() {
    let (stage, first) = finished().await;
    let event = json!({
        "metadata": { "name": "x.1", "namespace": first }, "type": "Warning", "reason": "FailedMount",
        "message": "no such claim", "lastTimestamp": "2026-11-24T20:00:00Z",
        "involvedObject": { "kind": "Pod", "name": "minio-1" },
    });
    stage.world().keep(&format!("/api/v1/namespaces/{first}/events"), event);
    let contents = build(&stage, &first).await.contents;
    let [support] = &contents.support[..] else { panic!("{contents:?}") };
    assert_eq!((&*support.name, support.replicas, support.remembered), ("minio", 0, Some(1)));
    let of = |by: &str| contents.pods.iter().find(|it| it.controlled_by.as_deref() == Some(by));
    assert_eq!(of("Job/studioci-build").unwrap().status, "Completed", "{contents:?}");
    let last = contents.sights.iter().find(|it| it.warns).unwrap();
    assert_eq!((&*last.object, &*last.message), ("Pod/minio-1", "no such claim"));

    // as many others as there may be keep neither of them out of sight
    for number in 0..300 {
        let other = json!({ "metadata": { "name": format!("a-{number:03}"), "namespace": first } });
        stage.world().keep(&format!("/api/v1/namespaces/{first}/pods"), other);
    }
    let contents = build(&stage, &first).await.contents;
    let names: Vec<&str> = contents.pods.iter().map(|it| it.name.as_str()).collect();
    assert_eq!((&names[1..3], names.len()), (&["studioci-build-x", "a-000"][..], 50), "{names:?}");
    assert!(contents.left_out[0].contains("pods and more, which were not read"), "{:?}", contents.left_out);

    stage.world().refusals.push(|request, _| {
        let hidden = ["/pods", "/statefulsets", "/replicasets"];
        hidden.iter().any(|it| request.ends_with(it)).then_some(
            "x is forbidden: User \"alice\" cannot list resource \"y\" in API group \"\" in the namespace \"z\"",
        )
    });
    let told = Box::pin(report(&stage.cluster(), &first)).await.unwrap();
    let ReportOf::Build(it) = told.of else { panic!("{:?}", told.of) };
    assert_eq!((it.contents.support.len(), it.contents.pods.len()), (1, 0));
    let said: Vec<&str> = told.notices.iter().map(|it| it.split(':').next().unwrap()).collect();
    let of = |what: &str| format!("{what} of {first} cannot be read");
    assert_eq!(said, [of("support"), of("pods")]);

    cleaned(&stage, &Which::Named(vec![first.clone()])).await.unwrap();
    assert_eq!(build(&stage, &first).await.contents, Contents::default());
}

#[tokio::test(start_paused = true)]
async fn a_chains_history_has_its_builds_and_no_listener_that_waits_whether_they_are_there_or_gone() {
    let (stage, first) = finished().await;
    for gone in [false, true] {
        if gone {
            cleaned(&stage, &Which::Named(vec![first.clone()])).await.unwrap();
        }
        let chain = chain(&stage, CHAIN).await;
        let builds: Vec<(u64, bool)> = chain.builds.iter().map(|it| (it.build.generation, it.gone)).collect();
        assert_eq!((builds, chain.tally().pass_rate(), chain.ended), (vec![(1, gone)], Some(100), None));
    }
    stopped(&stage, false).await.unwrap();
    assert!(chain(&stage, CHAIN).await.ended.is_some());
}

#[tokio::test(start_paused = true)]
async fn of_two_builds_that_had_one_name_the_newest_is_reported_on() {
    let (stage, first) = finished().await;
    // another chain drew the same name, later; and this one, too
    let mut entry: Value = json!(null);
    rewrite(&stage, |it| it["cause"] = json!("the first"));
    stage.world().change(&format!("{HOME}/history-{CHAIN}"), |it| {
        entry = serde_json::from_str(it["data"]["build.00000001"].as_str().unwrap()).unwrap();
    });
    let later = |cause: &str, hours: &str| {
        let mut later = entry.clone();
        (later["cause"], later["uid"]) = (json!(cause), json!(cause));
        later["times"]["recorded"] = json!(format!("2030-01-01T{hours}:00:00Z"));
        later.to_string()
    };
    let labels = json!({ wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "other" });
    stage.world().keep(
        HOME,
        json!({ "metadata": { "name": "history-other", "namespace": wire::HOME, "labels": labels },
            "data": { "build.00000003": later("another chain's", "01"), "tidied": "{}" } }),
    );
    assert_eq!(
        build(&stage, &first).await.build.cause.as_deref(),
        Some("container build exited with code 0"),
        "the one that is there"
    );
    cleaned(&stage, &Which::Named(vec![first.clone()])).await.unwrap();
    let it = build(&stage, &first).await.build;
    assert_eq!(
        (it.cause.as_deref(), it.chain.as_str(), it.generation),
        (Some("another chain's"), "other", 1)
    );
    stage.world().change(&format!("{HOME}/history-{CHAIN}"), |it| {
        it["data"]["build.00000002"] = json!(later("the newest", "02"));
    });
    assert_eq!(build(&stage, &first).await.build.cause.as_deref(), Some("the newest"));
}

#[tokio::test(start_paused = true)]
async fn what_history_holds_of_the_chains_secret_is_masked_and_who_may_not_read_it_is_warned() {
    let (stage, first) = finished().await;
    let secret = format!("/api/v1/namespaces/studioci/secrets/chain-{CHAIN}");
    rewrite(&stage, |it| it["events"] = json!(["it printed hunter22", "and aHVudGVyMjI="]));
    stage.world().change(&secret, |it| it["data"] = json!({ "TOKEN": "aHVudGVyMjI=" }));
    let events = build(&stage, &first).await.events;
    assert_eq!(events, ["it printed ***", "and ***="]);
    // bytes that are no text are none that a template was given
    stage.world().change(&secret, |it| it["data"] = json!({ "TOKEN": "//8=" }));
    let told = Box::pin(report(&stage.cluster(), &first)).await.unwrap();
    assert!(told.notices.len() == 1 && told.notices[0].contains("are not masked"), "{:?}", told.notices);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_nobody_has_is_told_with_the_names_that_there_are() {
    let (stage, _) = finished().await;
    for name in ["nobody", "ci-calm-euler", "Not/A name", ""] {
        let error = Box::pin(report(&stage.cluster(), name)).await.unwrap_err();
        let (what, remedy) = with_remedy(&error);
        assert!(what.contains(&format!("{name:?}")), "{what}");
        assert!(remedy.contains("kubectl studioci"), "{remedy}");
        assert_eq!(remedy.contains(CHAIN), studioci_askable(name), "{remedy}");
    }
}

/// Whether a server can be asked for it.
fn studioci_askable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['/', ' '])
}

/// A namespace on which everything stands that stands on this one, made by somebody else. Its name.
fn copied(stage: &Stage, namespace: &str, change: impl Fn(&mut Value)) -> String {
    let mut world = stage.world();
    let mut copy = world.get(&format!("/api/v1/namespaces/{namespace}")).clone();
    let name = format!("{namespace}-copy");
    copy["metadata"]["name"] = json!(name);
    copy["metadata"].as_object_mut().unwrap().remove("uid");
    change(&mut copy);
    world.keep("/api/v1/namespaces", copy);
    name
}

#[tokio::test(start_paused = true)]
async fn what_only_says_that_it_is_a_build_is_reported_neither_alone_nor_among_its_chains() {
    let (stage, first) = finished().await;
    let tally = |chain: &ReportedChain| (chain.builds.len(), chain.tally().pass_rate());
    let before = tally(&chain(&stage, CHAIN).await);
    let copy = copied(&stage, &first, |it| {
        it["metadata"]["annotations"][wire::VERDICT] = json!("Failed");
        it["metadata"]["annotations"][wire::GENERATION] = json!("2");
    });
    let told = Box::pin(report(&stage.cluster(), CHAIN)).await.unwrap();
    let ReportOf::Chain(after) = told.of else { panic!("{:?}", told.of) };
    assert_eq!(tally(&after), before);
    let [notice] = &told.notices[..] else { panic!("{:?}", told.notices) };
    assert!(
        notice.starts_with(&format!("namespace {copy} says that it is a build of chain {CHAIN}")),
        "{notice}"
    );
    let error = Box::pin(report(&stage.cluster(), &copy)).await.unwrap_err();
    assert!(matches!(&error, Error::NotProvablyOurs { namespace, .. } if *namespace == copy), "{error}");
    // a namespace that is called like the chain, and one of a chain that nobody has started
    stage.world().change(&format!("/api/v1/namespaces/{copy}"), |it| it["metadata"]["name"] = json!(CHAIN));
    let renamed = stage.world().objects.remove(&format!("/api/v1/namespaces/{copy}")).unwrap();
    stage.world().objects.insert(format!("/api/v1/namespaces/{CHAIN}"), renamed);
    assert_eq!(tally(&chain(&stage, CHAIN).await), before);
    copied(&stage, &first, |it| it["metadata"]["labels"][wire::CHAIN] = json!("nobodys"));
    let error = Box::pin(report(&stage.cluster(), "nobodys")).await.unwrap_err();
    assert!(error.to_string().contains("there is no chain nobodys in studioci"), "{error}");
}
