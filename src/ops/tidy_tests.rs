//! `start` on a chain that is there, `stop` and `cleanup` against a server in memory: what they come to, also if they
//! are killed after any of their writes and run again, and when an agent is at the same place.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cleanup::{Mode, Which, Word, cleanup};
use super::error::{Error, Result};
use super::home;
use super::stage::{Stage, World, digest};
use super::stage_tests::{CHAIN, asleep, glob, keyed, match_tag, pushed, request, run_until, started};
use super::start::{Outcome, Request, start};
use super::stop::{self, Left, stop};
use crate::chain::retention::Rules;
use crate::chain::wire;
use crate::pipeline::facts::Fact;

const HOME: &str = "/api/v1/namespaces/studioci/configmaps";

/// What somebody does to an object by hand.
type Edit = fn(&mut Value);

/// The same chain, by a pipeline whose support has another image.
fn changed() -> Request {
    let mut request = request(&glob());
    request.sources.template.text = request.sources.template.text.replace("minio:1", "minio:2");
    request
}

/// Runs `start` on a chain that is there; a listener that it raises comes up.
async fn started_again(stage: &Stage, request: &Request) -> Result<Outcome> {
    let cluster = stage.cluster();
    let fresh = |world: &World| {
        let (_, newest) = world.builds().pop_last()?;
        let raised = world.objects.contains_key(&World::listener(&newest));
        (raised && world.phase(&newest) == "Claimed").then_some(newest)
    };
    let agent = Box::pin(async {
        stage.reaches(|world| fresh(world).is_some()).await;
        let namespace = fresh(&stage.world()).unwrap();
        run_until(stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        std::future::pending::<()>().await;
    });
    tokio::select! {
        outcome = Box::pin(start(&cluster, request, &|_| {})) => outcome,
        () = agent => unreachable!("it waits for ever"),
    }
}

async fn stopped(stage: &Stage, purge: bool) -> Result<(Left, Vec<String>)> {
    let cluster = stage.cluster();
    let request = stop::Request { chain: CHAIN.to_owned(), purge, timeout: None, now: Timestamp::UNIX_EPOCH };
    let mut told = Vec::new();
    let mut tell = |word: &stop::Word<'_>| told.push(format!("{word:?}"));
    let left = Box::pin(stop(&cluster, &request, &|_| {}, &mut tell)).await?;
    Ok((left, told))
}

async fn cleaned(stage: &Stage, which: &Which) -> Result<Vec<String>> {
    let cluster = stage.cluster();
    let mut told = Vec::new();
    let mut tell = |word: &Word<'_>| told.push(format!("{word:?}"));
    Box::pin(cleanup(&cluster, which, Mode::Do, Timestamp::UNIX_EPOCH, &mut tell)).await?;
    Ok(told)
}

fn head(world: &World) -> Value {
    world.get(&format!("{HOME}/chain-{CHAIN}"))["data"].clone()
}

/// Kinds and counts of everything there is; the garbage collector, which the stage has none of, is played first.
fn census(stage: &Stage) -> BTreeMap<String, usize> {
    let mut world = stage.world();
    let uids: Vec<Value> =
        world.all("namespaces").iter().map(|namespace| namespace["metadata"]["uid"].clone()).collect();
    world.objects.retain(|_, object| match &object["metadata"]["ownerReferences"] {
        Value::Array(owners) => owners.iter().any(|owner| uids.contains(&owner["uid"])),
        _ => true,
    });
    let mut census = BTreeMap::new();
    for path in world.objects.keys() {
        let kind = path.rsplit('/').nth(1).unwrap();
        *census.entry(kind.to_owned()).or_default() += 1;
    }
    census
}

/// Goes from `begin` to the end of `run` undisturbed, then killed after each of its writes and run again: the same end.
async fn whenever_it_is_killed<F>(begin: &Stage, run: impl Fn(Stage) -> F, end: impl Fn(&World, &str))
where
    F: Future<Output = Result<()>>,
{
    let whole = begin.copy();
    Box::pin(run(whole.clone())).await.unwrap();
    let writes = whole.world().writes.len();
    assert!(writes > 0);
    let wanted = census(&whole);
    end(&whole.world(), "undisturbed");
    for k in 0..writes {
        let stage = begin.copy();
        stage.world().dies_after = Some(k);
        tokio::select! {
            done = Box::pin(run(stage.clone())) => panic!("{k}: {done:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        Box::pin(run(stage.clone())).await.unwrap_or_else(|error| panic!("{k}: {error}"));
        assert_eq!(census(&stage), wanted, "killed after {k} writes of {writes}");
        end(&stage.world(), &format!("killed after {k} writes"));
    }
}

/// A chain whose listener waits at `build-1`.
async fn listening(keel: &Value) -> Stage {
    let stage = Stage::new(&[("build-1", 'a'), ("build-2", 'b')]);
    started(&stage, keel).await.unwrap();
    stage.copy()
}

/// A chain whose first build has finished.
async fn finished() -> (Stage, String) {
    let (stage, namespace) = pushed().await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let next = stage.world().builds()[&2].clone();
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    (stage.copy(), namespace)
}

#[tokio::test(start_paused = true)]
async fn a_changed_pipeline_gets_a_listener_of_its_own_whenever_start_is_killed() {
    let begin = listening(&glob()).await;
    let first = begin.world().builds()[&1].clone();
    let run = |stage: Stage| async move { started_again(&stage, &changed()).await.map(|_| ()) };
    whenever_it_is_killed(&begin, run, |world, what| {
        let builds = world.builds();
        assert_eq!(builds.len(), 1, "{what}: {builds:?}");
        let (generation, namespace) = builds.first_key_value().unwrap();
        assert_ne!(*namespace, first, "{what}");
        assert!(keyed(world, namespace), "{what}");
        assert_eq!(world.phase(namespace), "Listening", "{what}");
        let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["annotations"];
        assert_eq!(meta[wire::BASELINE], format!("build-1@{}", digest('a')), "{what}: the same baseline");
        let head = head(world);
        assert_eq!(head["generation"], generation.to_string(), "{what}");
        assert_eq!(head["namespace"], *namespace, "{what}");
        let record = &world.get(&format!("{HOME}/record-{CHAIN}"))["data"];
        assert_eq!(record["edition"], head["edition"], "{what}");
        assert!(record["sources"].as_str().unwrap().contains("minio:2"), "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn start_says_what_it_did_to_a_chain_that_lives() {
    let stage = listening(&glob()).await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Configured(build) if build.generation == 2), "{outcome:?}");
    let before = stage.world().objects.clone();
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Unchanged(build) if build.generation == 2), "{outcome:?}");
    assert_eq!(stage.world().objects, before);

    // another tag, downwards too
    stage.world().registry.insert("build-0".to_owned(), 'c');
    let rebased = Request { tag: Some("build-0".to_owned()), ..changed() };
    let outcome = started_again(&stage, &rebased).await.unwrap();
    let Outcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-0@{}", digest('c'))));
    assert!(matches!(started_again(&stage, &rebased).await.unwrap(), Outcome::Unchanged(_)));

    // a policy that cannot move on from where the chain stands
    let semver = request(&json!({ "keel.sh/policy": "minor", "keel.sh/trigger": "poll" }));
    let refused = started_again(&stage, &semver).await.unwrap_err();
    assert!(matches!(refused, Error::Pipeline(_)), "{refused}");

    // its listener deleted by hand
    {
        let namespace = stage.world().builds()[&3].clone();
        let cluster = stage.cluster();
        let found = stage.world().get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["uid"].clone();
        let how = crate::cluster::Delete::uid(found.as_str().unwrap());
        cluster.delete(&crate::cluster::resource::NAMESPACES, None, &namespace, &how).await.unwrap();
    }
    let outcome = started_again(&stage, &rebased).await.unwrap();
    assert!(matches!(&outcome, Outcome::Started(build) if build.generation == 3), "{outcome:?}");
}

/// Somebody deletes a build's listener, and its pods go.
fn deafen(stage: &Stage, namespace: &str) {
    let mut world = stage.world();
    world.objects.remove(&World::listener(namespace)).unwrap();
    world.objects.retain(|path, _| !path.starts_with(&format!("/api/v1/namespaces/{namespace}/pods/")));
}

#[tokio::test(start_paused = true)]
async fn a_chain_whose_listener_was_deleted_by_hand_is_started() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&stage, &first);
    let outcome = started_again(&stage, &request(&glob())).await.unwrap();
    assert!(matches!(&outcome, Outcome::Started(build) if build.generation == 2), "{outcome:?}");
    assert_eq!(stage.world().builds().len(), 1, "the one without a listener goes");
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), Outcome::Unchanged(_)));
}

#[tokio::test(start_paused = true)]
async fn a_successor_is_waited_for_as_long_as_there_is_an_agent_to_raise_it() {
    let reached: [fn(&World) -> bool; 2] =
        [|world| head(world)["generation"] == "2", |world| world.builds().len() == 2 && claimed(world)];
    for (number, reached) in reached.into_iter().enumerate() {
        let (stage, first) = pushed().await;
        run_until(&stage, &first, reached).await;
        let before = head(&stage.world());
        let outcome = started_again(&stage, &request(&glob())).await.unwrap();
        assert!(matches!(outcome, Outcome::Unchanged(_)), "{number}: {outcome:?}");
        assert_eq!(head(&stage.world()), before, "{number}");

        deafen(&stage, &first);
        let outcome = started_again(&stage, &request(&glob())).await.unwrap();
        let Outcome::Started(build) = outcome else { panic!("{number}: {outcome:?}") };
        assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-2@{}", digest('b'))));
        assert_eq!(stage.world().builds().keys().collect::<Vec<_>>(), [&1, &3], "{number}");
    }
}

/// Whether the head names a namespace.
fn claimed(world: &World) -> bool {
    !head(world)["namespace"].is_null()
}

#[tokio::test(start_paused = true)]
async fn of_two_that_start_a_chain_without_a_listener_the_later_one_says_so() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    deafen(&stage, &first);
    let request = request(&glob());
    let (one, two) = tokio::join!(started_again(&stage, &request), started_again(&stage, &request));
    let (started, raced) = if one.is_ok() { (one, two) } else { (two, one) };
    assert!(matches!(&started, Ok(Outcome::Started(build)) if build.generation == 2), "{started:?}");
    assert!(raced.unwrap_err().to_string().contains("somebody else changes chain"));
    assert_eq!(head(&stage.world())["generation"], "2");
    assert_eq!(stage.world().builds().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_push_that_wins_the_head_before_start_is_built_and_its_successor_is_replaced() {
    let (stage, first) = pushed().await;
    // the agent has moved the head, and nothing more
    run_until(&stage, &first, |world| head(world)["generation"] == "2").await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    let Outcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.generation, build.baseline.to_string()), (3, format!("build-2@{}", digest('b'))));
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let world = stage.world();
    assert_eq!(world.all("jobs").len(), 1);
    assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&1, &3]);
    let meta = &world.get(&format!("/api/v1/namespaces/{first}"))["metadata"]["annotations"];
    assert_eq!((&meta[wire::VERDICT], &meta[wire::DISPATCH]), (&json!("Passed"), &json!("done")));
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_loses_the_head_to_start_never_builds() {
    let (stage, first) = pushed().await;
    run_until(&stage, &first, |world| world.phase(&first) == "Triggered").await;
    let outcome = started_again(&stage, &changed()).await.unwrap();
    assert!(matches!(&outcome, Outcome::Configured(build) if build.generation == 2), "{outcome:?}");
    let world = stage.world();
    assert_eq!(
        world.builds().keys().collect::<Vec<_>>(),
        [&2],
        "it was triggered, but the head never was its"
    );
    assert_eq!(head(&world)["built.1"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_start_outside_of_a_checkout_leaves_the_chain_its_remote() {
    let stage = listening(&glob()).await;
    let mut in_checkout = request(&glob());
    let url = json!("https://git.example/app.git");
    in_checkout.facts.git.insert("url".to_owned(), Fact::Known(url.clone()));
    assert!(matches!(started_again(&stage, &in_checkout).await.unwrap(), Outcome::Configured(_)));
    assert!(matches!(started_again(&stage, &request(&glob())).await.unwrap(), Outcome::Unchanged(_)));
    // also where the intent is worked out anew, from the tag that the chain stands at
    let elsewhere = Request { tag: Some("build-2".to_owned()), ..changed() };
    for request in [changed(), elsewhere] {
        assert!(matches!(started_again(&stage, &request).await.unwrap(), Outcome::Configured(_)));
        let settings = stage.world().get(&format!("{HOME}/record-{CHAIN}"))["data"]["settings"].clone();
        assert!(settings.as_str().unwrap().contains(url.as_str().unwrap()), "{settings}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_pushed_over_is_the_pipelines() {
    let stage = listening(&match_tag()).await;
    let mut other = request(&match_tag());
    other.sources.template.text = other.sources.template.text.replace(":build-1", ":build-2");
    let outcome = started_again(&stage, &other).await.unwrap();
    let Outcome::Configured(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!(build.baseline.to_string(), format!("build-2@{}", digest('b')));
}

#[tokio::test(start_paused = true)]
async fn a_waiting_listener_gets_the_pull_secrets_of_now() {
    let mut request = request(&glob());
    let text = &mut request.sources.template.text;
    *text =
        text.replace("\"containers\"", "\"imagePullSecrets\": [{ \"name\": \"registry\" }], \"containers\"");
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "registry" },
        "type": "kubernetes.io/dockerconfigjson",
        "data": { ".dockerconfigjson": "e30=" },
    });
    *text = format!("{text}\n---\n{secret}");
    let stage = listening(&glob()).await;
    let Outcome::Configured(build) = started_again(&stage, &request).await.unwrap() else { panic!() };
    let path = format!("/api/v1/namespaces/{}/secrets/registry", build.namespace);
    let live = |stage: &Stage| stage.world().get(&path)["data"][".dockerconfigjson"].clone();
    assert_eq!(live(&stage), "e30=");
    stage.world().change(&path, |secret| secret["data"][".dockerconfigjson"] = json!("c3RhbGU="));
    assert!(matches!(started_again(&stage, &request).await.unwrap(), Outcome::Unchanged(_)));
    assert_eq!(live(&stage), "e30=");
}

/// The rules of the chain's Role.
fn rules(world: &World) -> String {
    let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/studioci/roles/chain-{CHAIN}");
    world.get(&path)["rules"].to_string()
}

#[tokio::test(start_paused = true)]
async fn rights_that_start_fixes_anew_stand_in_the_chains_role_whenever_it_is_killed() {
    let begin = listening(&glob()).await;
    let hardened = Request { pod_security: Some("baseline".to_owned()), ..request(&glob()) };
    let run = |stage: Stage| {
        let hardened = hardened.clone();
        async move { started_again(&stage, &hardened).await.map(|_| ()) }
    };
    whenever_it_is_killed(&begin, run, |world, what| {
        assert!(rules(world).contains("\"baseline,,,,,\""), "{what}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn rights_that_start_fixes_anew_stand_in_the_chains_role() {
    let stage = listening(&glob()).await;
    let hardened = Request { pod_security: Some("baseline".to_owned()), ..request(&glob()) };
    let Outcome::Configured(build) = started_again(&stage, &hardened).await.unwrap() else { panic!() };
    let world = stage.world();
    let rules = rules(&world);
    assert!(rules.contains("\"baseline,,,,,\"") && !rules.contains("\",,,,,\""), "{rules}");
    let labels = &world.get(&format!("/api/v1/namespaces/{}", build.namespace))["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "baseline");
}

#[tokio::test(start_paused = true)]
async fn a_chain_ends_whenever_stop_is_killed_and_goes_on_with_start() {
    let begin = listening(&glob()).await;
    let run = |stage: Stage| async move { stopped(&stage, false).await.map(|_| ()) };
    whenever_it_is_killed(&begin, run, |world, what| {
        assert_eq!(world.builds().len(), 0, "{what}: its listener goes");
        let head = head(world);
        assert_eq!(head["ended"], "by alice at 1970-01-01T00:00:00Z", "{what}");
        assert_eq!(head["generation"], "1", "{what}");
    })
    .await;
    let (left, told) = stopped(&begin, false).await.unwrap();
    assert_eq!((left, told[0].as_str(), told.len()), (Left::default(), "Ended(true)", 2));
    let (_, told) = stopped(&begin, false).await.unwrap();
    assert_eq!(told, ["Ended(false)"]);
    let run = |stage: Stage| async move { started_again(&stage, &request(&glob())).await.map(|_| ()) };
    whenever_it_is_killed(&begin.copy(), run, |world, what| {
        let builds = world.builds();
        assert_eq!(builds.len(), 1, "{what}");
        let namespace = &builds[&2];
        let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["annotations"];
        assert_eq!(meta[wire::BASELINE], format!("build-1@{}", digest('a')), "{what}: where it stood");
        assert_eq!(head(world)["ended"], Value::Null, "{what}");
    })
    .await;
    let outcome = started_again(&begin, &request(&glob())).await.unwrap();
    assert!(matches!(outcome, Outcome::Started(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_moved_the_head_before_stop_builds_and_has_no_successor() {
    let reached: [fn(&World) -> bool; 3] = [
        |world| head(world)["generation"] == "2",
        |world| world.builds().len() == 2,
        |world| world.builds().get(&2).is_some_and(|next| head(world)["namespace"] == next.as_str()),
    ];
    for (number, reached) in reached.into_iter().enumerate() {
        let (stage, first) = pushed().await;
        run_until(&stage, &first, reached).await;
        let (left, _) = stopped(&stage, false).await.unwrap();
        assert_eq!(left.running, std::slice::from_ref(&first), "{number}");
        run_until(&stage, &first, |world| asleep(world, &first)).await;
        let world = stage.world();
        assert_eq!(world.builds().len(), 1, "{number}: {:?}", world.builds());
        assert_eq!(world.all("jobs").len(), 1, "{number}");
        let meta = &world.get(&format!("/api/v1/namespaces/{first}"))["metadata"]["annotations"];
        assert_eq!(
            (&meta[wire::VERDICT], &meta[wire::DISPATCH]),
            (&json!("Passed"), &json!("ended")),
            "{number}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_purge_leaves_nothing_of_a_chain_whenever_it_is_killed() {
    let before = census(&Stage::new(&[]));
    let (begin, _) = finished().await;
    let run = |stage: Stage| async move {
        match stopped(&stage, true).await {
            // it was killed after its very last write
            Err(Error::Usage { what, .. }) if what.contains("no chain called") => Ok(()),
            done => done.map(|_| ()),
        }
    };
    whenever_it_is_killed(&begin, run, |world, what| {
        assert_eq!(world.builds().len(), 0, "{what}");
    })
    .await;
    stopped(&begin, true).await.unwrap();
    assert_eq!(census(&begin), before);
    let unknown = stopped(&begin, true).await.unwrap_err();
    assert_eq!(unknown.to_string(), "there is no chain called \"app-main\"");
    assert!(
        matches!(started(&begin, &glob()).await.unwrap(), Outcome::Started(build) if build.generation == 1)
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_being_purged_is_not_started() {
    let (stage, first) = finished().await;
    // somebody took its result out of home: the purge leaves it, and with it what home keeps
    stage.world().change(&format!("{HOME}/history-{CHAIN}"), |history| history["data"] = json!({}));
    let (left, told) = stopped(&stage, true).await.unwrap();
    assert_eq!(left.stay, 1);
    assert!(told.iter().any(|word| word.contains(&first) && word.contains("not in home")), "{told:?}");
    let refused = started_again(&stage, &request(&glob())).await.unwrap_err();
    assert_eq!(refused.to_string(), "chain app-main is being purged");
}

#[tokio::test(start_paused = true)]
async fn a_purge_that_waits_for_a_build_without_an_agent_locks_nobody_out() {
    let (stage, first) = pushed().await;
    run_until(&stage, &first, |world| head(world)["generation"] == "2").await;
    // its agent is gone now; nobody will ever end that build
    let cluster = stage.cluster();
    let timeout = Some(std::time::Duration::from_secs(60));
    let request = stop::Request { chain: CHAIN.to_owned(), purge: true, timeout, now: Timestamp::UNIX_EPOCH };
    let said = std::cell::RefCell::new(String::new());
    let say = |line: &str| said.borrow_mut().push_str(line);
    let late = Box::pin(stop(&cluster, &request, &say, &mut |_| {})).await.unwrap_err();
    let Error::Timeout { what, remedy } = late else { panic!("{late}") };
    assert!(what.contains(&first), "{what}");
    for told in [&remedy, &said.into_inner()] {
        assert!(told.contains("kubectl studioci start raises"), "{told}");
    }
    assert_eq!(head(&stage.world())["purging"], Value::Null);
    let outcome = started_again(&stage, &self::request(&glob())).await.unwrap();
    assert!(matches!(&outcome, Outcome::Started(build) if build.generation == 3), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_purge_takes_nothing_of_a_chain_that_was_started_again_meanwhile() {
    let another: Edit = |head| head["data"]["uuid"] = json!(uuid::Uuid::nil().to_string());
    let carried_on: Edit = |head| drop(head["data"].as_object_mut().unwrap().remove("ended"));
    for (number, (after, change)) in
        [(false, carried_on), (false, another), (true, carried_on), (true, another)].into_iter().enumerate()
    {
        let stage = listening(&glob()).await;
        stopped(&stage, false).await.unwrap();
        // somebody comes right before or after the mark
        let path = format!("{HOME}/chain-{CHAIN}");
        let mut left = Some(change);
        let hook = Box::new(move |world: &mut World, write: &str| {
            if write == format!("PATCH {path}")
                && let Some(change) = left.take()
            {
                world.change(&path, change);
            }
        });
        if after {
            stage.world().after_write = Some(hook);
        } else {
            stage.world().before_write = Some(hook);
        }
        let before = stage.world().objects.len();
        let error = stopped(&stage, true).await.unwrap_err();
        assert!(matches!(error, Error::Ownership { .. }), "{number}: {error:?}");
        assert!(error.to_string().contains("started again"), "{number}: {error}");
        assert_eq!(stage.world().objects.len(), before, "{number}");
    }
    // the last look, before home's objects go
    let stage = listening(&glob()).await;
    let before = stage.world().objects.clone();
    let uuid = head(&stage.world())["uuid"].as_str().unwrap().to_owned();
    for uuid in [uuid::Uuid::nil().to_string(), uuid] {
        let error = home::forget(&stage.cluster(), CHAIN, &uuid, &mut |_, _| {}).await.unwrap_err();
        assert!(error.to_string().contains("started anew"), "{error}");
        assert_eq!(stage.world().objects, before);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_made_anew_under_a_purged_chains_names_stays() {
    let stage = listening(&glob()).await;
    let names = [
        format!("{HOME}/chain-{CHAIN}"),
        format!("{HOME}/record-{CHAIN}"),
        format!("{HOME}/history-{CHAIN}"),
        format!("/api/v1/namespaces/studioci/secrets/chain-{CHAIN}"),
    ];
    let role = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/studioci/roles/chain-{CHAIN}");
    let (all, first) = (names.clone(), format!("DELETE {role}"));
    // another purge has come to its end, and the chain is started anew, between our look and our first deletion
    stage.world().before_write = Some(Box::new(move |world, write| {
        if write == first {
            for path in &all {
                world.change(path, |it| it["metadata"]["uid"] = json!("anew"));
            }
        }
    }));
    stopped(&stage, true).await.unwrap();
    let world = stage.world();
    for path in names {
        assert_eq!(world.get(&path)["metadata"]["uid"], "anew", "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_finished_build_is_disposed_of_whenever_cleanup_is_killed() {
    let (begin, first) = finished().await;
    let keep_none = Which::ByRules(Rules { older_than: None, keep: Some(0) }, None);
    let run = |stage: Stage| {
        let keep_none = keep_none.clone();
        async move { cleaned(&stage, &keep_none).await.map(|_| ()) }
    };
    whenever_it_is_killed(&begin, run, |world, what| {
        assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&2], "{what}: the newest stays");
    })
    .await;
    let told = cleaned(&begin, &Which::Named(vec![first.clone(), "nobody".to_owned()])).await.unwrap();
    assert_eq!(told, ["Missing(\"nobody\")".to_owned(), format!("Deleted({first:?})")]);
    let told = cleaned(&begin, &Which::ByRules(Rules::default(), Some("other".to_owned()))).await.unwrap();
    assert_eq!(told, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_disposal_deletes_what_it_judged_and_nothing_else() {
    let (stage, first) = finished().await;
    let path = format!("/api/v1/namespaces/{first}");
    let which = Which::Named(vec![first.clone()]);
    // whoever writes between our look and our write is looked at again
    let changes: [(Edit, &str); 3] = [
        (|it| it["metadata"]["annotations"]["note"] = json!("x"), "Deleted"),
        (|it| it["metadata"]["uid"] = json!("another"), "another namespace has taken its name"),
        (
            |it| drop(it["metadata"]["annotations"].as_object_mut().unwrap().remove(wire::OWNER)),
            "nothing proves it ours",
        ),
    ];
    for (change, says) in changes {
        let stage = stage.copy();
        let at = path.clone();
        // the namespace changes with the first request that is no read of it
        let mut left = Some(change);
        stage.world().before_write = Some(Box::new(move |world, request| {
            if request.starts_with("PATCH /api/v1/namespaces/ci-")
                && let Some(change) = left.take()
            {
                world.change(&at, change);
            }
        }));
        let told = cleaned(&stage, &which).await.unwrap();
        assert_eq!(told.len(), 1);
        assert!(told[0].contains(says), "{told:?}");
        assert_eq!(stage.world().objects.contains_key(&path), says != "Deleted", "{says}");
    }
    // two at once
    let (one, two) = tokio::join!(cleaned(&stage, &which), cleaned(&stage, &which));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one.len() == 1 && two.len() == 1, "{one:?} {two:?}");
    assert!(!stage.world().objects.contains_key(&path));
}
