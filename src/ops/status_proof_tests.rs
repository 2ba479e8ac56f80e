//! What `status` makes of namespaces that only say that they are builds of a chain.

use std::collections::BTreeMap;

use super::*;
use crate::chain::head::BUILT_MAX;
use crate::chain::side;
use crate::state::build::read_build;
use crate::state::error::Error;

/// A build that has passed.
fn passed(name: &str, generation: u64) -> Value {
    let mut it = namespace(name, generation);
    it["metadata"]["labels"][wire::PHASE] = json!("Finished");
    it["metadata"]["annotations"][wire::VERDICT] = json!("Passed");
    it
}

/// The same once more, made by somebody else: everything that stands on it is copied.
fn copied(of: &Value, name: &str) -> Value {
    let mut it = of.clone();
    (it["metadata"]["name"], it["metadata"]["uid"]) = (json!(name), json!(format!("uid-{name}")));
    it
}

/// A chain with a build that is over and one that listens.
fn real() -> Vec<Value> {
    vec![passed("ci-a", 1), namespace("ci-b", 2)]
}

/// The same beside a copy of a build, one of a later generation, and one of a chain that home does not know.
fn with_feigned() -> Answers {
    let mut stranger = passed("ci-z", 1);
    stranger["metadata"]["labels"][wire::CHAIN] = json!("evil");
    let others = [copied(&passed("ci-a", 1), "ci-x"), passed("ci-y", 3), stranger];
    Answers {
        namespaces: real().into_iter().chain(others).collect(),
        listeners: vec![listener("ci-b")],
        heads: Some(Head::objects_of(&real())),
        ..Answers::default()
    }
}

/// Each build, and why nothing proves it.
fn table(seen: &Overview) -> String {
    let row =
        |build: &Build| format!("{} {}", build.namespace, seen.unproved(build).unwrap_or("is believed"));
    let mut rows: Vec<String> = seen.builds.iter().map(row).collect();
    rows.sort_unstable();
    rows.join("\n")
}

#[tokio::test(start_paused = true)]
async fn what_only_says_that_it_is_a_build_is_listed_as_unproved_and_said_to_be() {
    let (seen, _) = seen(with_feigned()).await;
    insta::assert_snapshot!(table(&seen), @"
        ci-a is believed
        ci-b is believed
        ci-x the head of chain app knows generation 1 by another uid, so nothing proves it ours
        ci-y it says generation 3, and chain app has not come so far, so nothing proves it ours
        ci-z there is no chain evil in studioci, so nothing proves it ours
        ");
    insta::assert_snapshot!(seen.warnings(None).join("\n"), @"3 namespaces say that they are builds of chains, and are not believed (ci-x, ci-y, ci-z), so that nothing counts them; kubectl studioci doctor looks at their chains, and kubectl delete namespace NAME removes what nobody needs");
    insta::assert_snapshot!(seen.warnings(Some("evil")).join("\n"), @"namespace ci-z says that it is a build of chain evil, and is not believed: there is no chain evil in studioci, so nothing proves it ours; kubectl studioci doctor evil looks at that chain, and kubectl delete namespace ci-z removes what nobody needs");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_told_what_the_list_of_everything_tells_of_what_nothing_proves() {
    let whole = seen(with_feigned()).await.0;
    for name in ["ci-a", "ci-x", "ci-y", "ci-z", "app", "evil"] {
        let meant = |seen: Overview| {
            let mut seen = seen;
            choose(&mut seen, name).unwrap();
            (table(&seen), seen.warnings(Some(name)))
        };
        let named = status(&serve(with_feigned()).0, wanted(name)).await.unwrap();
        let of_whole = meant(whole.clone());
        assert_eq!(meant(named), of_whole, "{name}");
        if let Some(here) = of_chain(&serve(with_feigned()).0, wanted(name)).await.unwrap() {
            assert_eq!(meant(here), of_whole, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_home_is_told_so_once_and_sees_what_stands_on_the_namespaces() {
    let notice = |seen: &Overview| {
        let notices: Vec<&String> = seen.notices.iter().filter(|it| it.contains(" at its word, ")).collect();
        assert_eq!(notices.len(), 1, "{:?}", seen.notices);
        notices[0].clone()
    };
    let blind = || Answers {
        forbidden: vec!["/configmaps", "/configmaps/chain-app", "/configmaps/chain-evil"],
        ..with_feigned()
    };
    let (all, asked) = seen(blind()).await;
    assert_eq!(table(&all).matches("is believed").count(), 5);
    insta::assert_snapshot!(notice(&all), @r#"what the namespaces of 2 chains, such as app, say is taken at its word, since home, which proves it, cannot be read: user "alice" may not list configmaps in the namespace studioci"#);
    assert_eq!(asked.iter().filter(|asked| asked.contains("/configmaps")).count(), 3, "{asked:?}");
    let named = status(&serve(blind()).0, wanted("ci-x")).await.unwrap();
    insta::assert_snapshot!(notice(&named), @r#"what the namespaces of chain app say is taken at its word, since home, which proves it, cannot be read: user "alice" may not list configmaps in the namespace studioci"#);
    // who may read the head of their chain alone has their own builds proved
    let narrowed = Answers { forbidden: vec!["/configmaps", "/configmaps/chain-evil"], ..with_feigned() };
    let (narrowed, _) = seen(narrowed).await;
    assert_eq!(table(&narrowed).matches("so nothing proves it ours").count(), 2, "{}", table(&narrowed));
    insta::assert_snapshot!(notice(&narrowed), @r#"what the namespaces of chain evil say is taken at its word, since home, which proves it, cannot be read: user "alice" may not list configmaps in the namespace studioci"#);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_is_newer_than_what_the_servers_cache_has_of_home_is_asked_about_again() {
    let behind = Answers {
        stale_heads: Some(Head::objects_of(&real()[..1])),
        namespaces: real(),
        ..Answers::default()
    };
    let (now, asked) = seen(behind).await;
    assert_eq!(now.builds.iter().filter_map(|build| now.unproved(build)).count(), 0);
    assert_eq!(asked.iter().filter(|asked| asked.contains("/configmaps/chain-app")).count(), 1, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn heads_that_no_label_says_to_be_some_are_found_all_the_same() {
    for chains in [1, 40] {
        let namespaces: Vec<Value> = (0..chains)
            .map(|number| {
                let mut it = passed(&format!("ci-{number}"), 1);
                it["metadata"]["labels"][wire::CHAIN] = json!(format!("app-{number}"));
                it
            })
            .collect();
        let mut heads = Head::objects_of(&namespaces);
        for head in &mut heads {
            head["metadata"]["labels"].as_object_mut().unwrap().remove(wire::ROLE);
        }
        let (seen, asked) = seen(Answers { namespaces, heads: Some(heads), ..Answers::default() }).await;
        assert_eq!(seen.builds.iter().filter_map(|build| seen.unproved(build)).count(), 0);
        assert_eq!(asked.iter().filter(|asked| asked.contains("/configmaps")).count(), 2, "{chains}");
    }
}

#[tokio::test(start_paused = true)]
async fn chains_count_no_build_that_nothing_proves_and_what_has_no_home_is_no_chain() {
    let seen = chains(&serve(with_feigned()).0, WantedBuilds::default()).await.unwrap();
    let told: Vec<_> = seen.chains.iter().map(|it| (it.name.as_str(), it.builds, it.last.clone())).collect();
    let last = Some(("ci-a".to_owned(), "Passed".to_owned()));
    assert_eq!(told, [("app", Some(2), last)]);
    assert_eq!(seen.builds.warnings(None).len(), 1, "what is left out is said");
    let error = chains(&serve(with_feigned()).0, wanted("evil")).await.unwrap_err();
    assert!(matches!(&error, Error::NotProvablyOurs { namespace, .. } if namespace == "ci-z"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn who_goes_by_what_builds_say_has_those_alone_that_are_proved() {
    let names = |seen: &Overview| {
        let mut names: Vec<&str> = seen.builds.iter().map(|build| build.namespace.as_str()).collect();
        names.sort_unstable();
        names.join(" ")
    };
    for (name, there) in
        [(None, "ci-a ci-b"), (Some("app"), "ci-a ci-b"), (Some("ci-x"), ""), (Some("evil"), "")]
    {
        let seen = believed(&serve(with_feigned()).0, name.map(Into::into)).await.unwrap();
        assert_eq!(names(&seen), there, "{name:?}");
        if let Some(name) = name.filter(|_| there.is_empty()) {
            assert!(matches!(seen.absent(name), Error::NotProvablyOurs { .. }), "{name}");
        }
    }
    // a namespace that is called like a chain keeps nobody from that chain
    let called_like_it = || {
        let mut answers = with_feigned();
        answers.namespaces.push(copied(&answers.namespaces[4].clone(), "app"));
        answers
    };
    let seen = believed(&serve(called_like_it()).0, Some("app".into())).await.unwrap();
    assert_eq!(names(&seen), "ci-a ci-b");
    let seen = status(&serve(called_like_it()).0, wanted("app")).await.unwrap();
    assert_eq!(names(&seen), "app ci-a ci-b ci-x ci-y");
    assert!(table(&seen).starts_with("app there is no chain evil in studioci"), "{}", table(&seen));
}

#[tokio::test(start_paused = true)]
async fn the_last_namespaces_of_a_chain_that_was_purged_are_no_forgeries_while_they_go() {
    let mut namespaces = real();
    for namespace in &mut namespaces {
        namespace["metadata"]["deletionTimestamp"] = json!("2026-11-25T12:00:00Z");
    }
    let (going, _) = seen(Answers { namespaces, heads: Some(Vec::new()), ..Answers::default() }).await;
    assert_eq!(table(&going), "ci-a is believed\nci-b is believed");
    assert_eq!(going.warnings(None), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_has_lost_its_listener_is_told_so_whatever_says_that_it_is_a_later_build() {
    let told = |seen: &Overview| {
        let signs = seen.signs.get("ci-a").unwrap();
        signs.trouble.clone().unwrap_or_default()
    };
    let lost = || {
        let mut last = passed("ci-a", 1);
        last["metadata"]["annotations"][wire::DISPATCH] = json!("done");
        last["metadata"]["annotations"][wire::SUCCESSOR] = json!("ci-b");
        last
    };
    let heads = || Some(Head::objects_of(&[lost(), namespace("ci-b", 2)]));
    let alone = Answers { namespaces: vec![lost()], heads: heads(), ..Answers::default() };
    let lacks = "the chain has no listener any more: namespace ci-b is gone, or its labels are";
    assert_eq!(told(&seen(alone).await.0), lacks);
    // a chain that was stopped lacks none
    let mut heads_of_stopped = heads();
    heads_of_stopped.as_mut().unwrap()[0]["data"]["ended"] = json!("by ann");
    let stopped = Answers { namespaces: vec![lost()], heads: heads_of_stopped, ..Answers::default() };
    assert_eq!(told(&seen(stopped).await.0), "");
    let feigned = || Answers {
        namespaces: vec![lost(), copied(&namespace("ci-b", 2), "ci-y")],
        heads: heads(),
        ..Answers::default()
    };
    assert_eq!(told(&seen(feigned()).await.0), lacks);
    for name in ["app", "ci-a"] {
        assert_eq!(told(&status(&serve(feigned()).0, wanted(name)).await.unwrap()), lacks, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_bare_claim_that_is_called_like_a_chain_hides_nothing_of_it() {
    let mut claim = namespace("app", 1);
    claim["metadata"]["labels"][wire::CHAIN] = json!(wire::CLAIM_CHAIN);
    let namespaces = real().into_iter().chain([claim]).collect();
    let answers = Answers { namespaces, heads: Some(Head::objects_of(&real())), ..Answers::default() };
    let seen = status(&serve(answers).0, wanted("app")).await.unwrap();
    assert!(table(&seen).contains("ci-a is believed\nci-b is believed"), "{}", table(&seen));
}

/// A chain that has outlived what its head remembers: a build of generation 3, and a side build, that retention has kept; the history
/// knows both.
fn outlived() -> Answers {
    let (old, side) = (passed("ci-old", 3), passed("ci-side", side::FIRST));
    let mut heads = Head::objects_of(&[namespace("ci-b", 400)]);
    let head = heads[0]["data"].as_object_mut().unwrap();
    for at in 0..BUILT_MAX as u64 {
        head.insert(format!("settled.{}", 100 + at), json!(format!("u{at}")));
        head.insert(format!("side.{}", side::FIRST + 1 + at), json!(format!("s{at}")));
    }
    let entry = |it: &Value, generation: u64| {
        let meta = &it["metadata"];
        json!({ "generation": generation, "namespace": meta["name"], "uid": meta["uid"], "verdict": "Passed", "cause": "",
            "times": {} })
        .to_string()
    };
    let data = BTreeMap::from([
        (wire::build_key(3), entry(&old, 3)),
        (wire::build_key(side::FIRST), entry(&side, side::FIRST)),
    ]);
    heads.push(
        json!({ "data": data, "metadata": { "name": wire::history_object("app"), "namespace": wire::HOME,
        "labels": { wire::CHAIN: "app" } } }),
    );
    Answers {
        namespaces: vec![old, side, namespace("ci-b", 400)],
        heads: Some(heads),
        listeners: vec![listener("ci-b")],
        ..Answers::default()
    }
}

fn asked_of_history(asked: &[String]) -> usize {
    asked.iter().filter(|asked| asked.contains("/configmaps/history-")).count()
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_the_head_remembers_is_believed_where_the_history_knows_it() {
    let all = "ci-b is believed\nci-old is believed\nci-side is believed";
    let (whole, asked) = seen(outlived()).await;
    assert_eq!((table(&whole).as_str(), asked_of_history(&asked)), (all, 1));
    for (name, there) in [("app", all), ("ci-old", "ci-old is believed"), ("ci-side", "ci-side is believed")]
    {
        let (cluster, record) = serve(outlived());
        let named = status(&cluster, wanted(name)).await.unwrap();
        assert_eq!((table(&named).as_str(), asked_of_history(&record.asked())), (there, 1), "{name}");
        let found = believed(&serve(outlived()).0, Some(name.into())).await.unwrap();
        assert_eq!((found.apart.len(), table(&found).as_str()), (0, there), "{name}");
    }
    let here = of_chain(&serve(outlived()).0, wanted("app")).await.unwrap().unwrap();
    assert_eq!(table(&here), all);
    // who lists home anyway has read it
    let (cluster, record) = serve(outlived());
    let counted = chains(&cluster, WantedBuilds::default()).await.unwrap();
    assert_eq!((counted.chains[0].builds, asked_of_history(&record.asked())), (Some(3), 0));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_what_the_head_has_forgotten_is_told_by_the_history() {
    let copy = || {
        let mut answers = outlived();
        answers.namespaces[0] = copied(&answers.namespaces[0], "ci-x");
        answers.namespaces.push(passed("ci-y", 4));
        answers
    };
    let (now, asked) = seen(copy()).await;
    insta::assert_snapshot!(table(&now), @"
        ci-b is believed
        ci-side is believed
        ci-x the head of chain app knows generation 3 by another uid, so nothing proves it ours
        ci-y it is older than the 256 namespaces that chain app knows by their uids, so nothing proves it ours
        ");
    assert_eq!(asked_of_history(&asked), 1);
    // and who knows no build of that age asks for no history
    let mut young = outlived();
    young.namespaces.drain(..2);
    assert_eq!(asked_of_history(&seen(young).await.1), 0);
}

#[tokio::test(start_paused = true)]
async fn who_may_not_read_the_history_takes_at_its_word_what_the_head_has_forgotten_and_that_alone() {
    let mut blind = Answers { forbidden: vec!["/configmaps/history-app"], ..outlived() };
    blind.namespaces.push(copied(&passed("ci-b", 400), "ci-x"));
    let (seen, _) = seen(blind).await;
    insta::assert_snapshot!(table(&seen), @"
        ci-b is believed
        ci-old is believed
        ci-side is believed
        ci-x the head of chain app knows generation 400 by another uid, so nothing proves it ours
        ");
    insta::assert_snapshot!(seen.notices.join("\n"), @r#"what the namespaces of chain app say is taken at its word, since home, which proves it, cannot be read: user "alice" may not list configmaps in the namespace studioci"#);
}

#[tokio::test(start_paused = true)]
async fn who_follows_builds_is_told_of_old_ones_what_the_history_knows() {
    for (build, is_known) in [(passed("ci-old", 3), true), (copied(&passed("ci-old", 3), "ci-x"), false)] {
        let build = read_build(&serde_json::from_value(build).unwrap()).unwrap();
        let proved = prove_one(&serve(outlived()).0, &build).await;
        assert_eq!(proved.is_ok(), is_known, "{proved:?}");
    }
}

/// A namespace of which no build can be read.
fn unreadable(mut it: Value) -> Value {
    it["metadata"]["labels"][wire::PHASE] = json!("Dreaming");
    it
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_to_be_restored_where_home_knows_it_and_is_somebody_elses_where_not() {
    let settled = || Head::objects_of(&[passed("ci-a", 1), passed("ci-b", 2), namespace("ci-c", 3)]);
    let forged = |chain: &str| {
        let mut it = unreadable(passed("ci-x", 1));
        it["metadata"]["labels"][wire::CHAIN] = json!(chain);
        it
    };
    let answers = |forged: Value| Answers {
        namespaces: vec![unreadable(passed("ci-a", 1)), passed("ci-b", 2), namespace("ci-c", 3), forged],
        heads: Some(settled()),
        listeners: vec![listener("ci-c")],
        ..Answers::default()
    };
    let (all, asked) = seen(answers(forged("app"))).await;
    insta::assert_snapshot!(all.warnings(None).join("\n"), @r#"
        namespace ci-a: studioci.dev/phase "Dreaming" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace ci-a studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        namespace ci-x says that it is a build of chain app, and is not believed: chain app does not know its uid, so nothing proves it ours; kubectl studioci doctor app looks at that chain, and kubectl delete namespace ci-x removes what nobody needs
        "#);
    assert_eq!(asked.iter().filter(|asked| asked.contains("/configmaps/")).count(), 1, "{asked:?}");
    let told = |seen: &Overview, name: &str| match seen.absent(name) {
        Error::BuildEdited { .. } => "edited",
        Error::NotProvablyOurs { .. } => "feigned",
        other => panic!("{other:?}"),
    };
    assert_eq!((told(&all, "ci-a"), told(&all, "ci-x")), ("edited", "feigned"));
    for chain in ["app", "evil"] {
        for name in ["ci-a", "ci-x"] {
            let named = status(&serve(answers(forged(chain))).0, wanted(name)).await.unwrap();
            assert_eq!(told(&named, name), told(&all, name), "{name} of {chain}");
            let found = believed(&serve(answers(forged(chain))).0, Some(name.into())).await.unwrap();
            assert_eq!(told(&found, name), told(&all, name), "{name} of {chain}");
        }
    }
    for (name, as_told) in [("ci-a", "edited"), ("ci-x", "feigned")] {
        let cluster = serve(answers(forged("app"))).0;
        let error = Box::pin(crate::ops::report::report(&cluster, name)).await.unwrap_err();
        let reported = match error {
            Error::BuildEdited { .. } => "edited",
            Error::NotProvablyOurs { .. } => "feigned",
            other => panic!("{other:?}"),
        };
        assert_eq!(reported, as_told, "report {name}");
    }
    // while one is claimed whose uid nobody knows yet it may be that one; and where home may not be read it may be any
    let mut claiming = answers(forged("app"));
    let head = &mut claiming.heads.as_mut().unwrap()[0]["data"];
    (head["namespace"], head["uid"]) = (json!(""), json!(""));
    let blind = Answers { forbidden: vec!["/configmaps", "/configmaps/chain-app"], ..answers(forged("app")) };
    for answers in [claiming, blind] {
        assert_eq!(told(&seen(answers).await.0, "ci-x"), "edited");
    }
}
