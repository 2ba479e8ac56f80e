//! `stop`, and what is purged.

use studioci::output::narration::sentence;

use super::*;

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
    assert!(matches!(outcome, StartOutcome::Started(_)), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn only_the_listener_is_taken_off_keel_before_its_namespace_goes() {
    let stage = listening(&glob()).await;
    let first = stage.world().builds()[&1].clone();
    let decoy = stage.world().label_as_listener(&first);
    stopped(&stage, false).await.unwrap();
    let world = stage.world();
    assert_eq!(world.builds().len(), 0);
    assert!(world.writes.contains(&format!("PATCH {}", World::listener(&first))), "{:?}", world.writes);
    assert!(!world.writes.iter().any(|write| write.contains(&decoy)), "{:?}", world.writes);
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
            Err(Error::NoSuchChain { .. }) => Ok(()),
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
        matches!(started(&begin, &glob()).await.unwrap(), StartOutcome::Started(build) if build.generation == 1)
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
    let request = StopRequest { chain: CHAIN.to_owned(), purge: true, timeout, now: Timestamp::UNIX_EPOCH };
    let said = std::cell::RefCell::new(String::new());
    let say = |it: Narration<'_>| said.borrow_mut().push_str(&sentence(&it).unwrap_or_default());
    let late = Box::pin(stop(&cluster, &request, &say)).await.unwrap_err();
    assert!(matches!(late, Error::StillRunning { .. }), "{late}");
    let (what, remedy) = with_remedy(&late);
    assert!(what.contains(&first), "{what}");
    for told in [&remedy, &said.into_inner()] {
        assert!(told.contains("kubectl studioci start raises"), "{told}");
    }
    assert_eq!(head(&stage.world())["purging"], Value::Null);
    let outcome = started_again(&stage, &self::request(&glob())).await.unwrap();
    assert!(matches!(&outcome, StartOutcome::Started(build) if build.generation == 3), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_purge_with_no_time_to_wait_goes_through_where_nothing_runs_and_names_what_does() {
    let purge = async |stage: &Stage| {
        let cluster = stage.cluster();
        let timeout = Some(std::time::Duration::ZERO);
        let request =
            StopRequest { chain: CHAIN.to_owned(), purge: true, timeout, now: Timestamp::UNIX_EPOCH };
        Box::pin(stop(&cluster, &request, &|_| {})).await
    };
    assert_eq!(purge(&listening(&glob()).await).await.unwrap(), Left::default());
    let (stage, first) = pushed().await;
    run_until(&stage, &first, |world| head(world)["generation"] == "2").await;
    match purge(&stage).await.unwrap_err() {
        Error::StillRunning { builds, .. } => assert_eq!(builds, first),
        other => panic!("{other}"),
    }
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
        assert!(matches!(error, Error::StartedWhilePurged { .. }), "{number}: {error:?}");
        assert!(error.to_string().contains("started again"), "{number}: {error}");
        assert_eq!(stage.world().objects.len(), before, "{number}");
    }
    // the last look, before home's objects go
    let stage = listening(&glob()).await;
    let before = stage.world().objects.clone();
    let uuid = head(&stage.world())["uuid"].as_str().unwrap().to_owned();
    for uuid in [uuid::Uuid::nil().to_string(), uuid] {
        let error = forget::forget(&stage.cluster(), CHAIN, &uuid, &mut |_, _| {}).await.unwrap_err();
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
