//! The chain's own retention: what the rules that were fixed at `start` let go is disposed of by whoever listens, and right
//! after a build has finished.

use super::*;

const HISTORY: &str = "/api/v1/namespaces/studioci/configmaps/history-app-main";

/// Longer than a listener goes without looking at the builds before it.
const A_WHILE: Duration = Duration::from_secs(6 * 60);

fn ns(name: &str) -> String {
    format!("/api/v1/namespaces/{name}")
}

/// A chain with this retention whose first build has finished, and whose second generation listens.
async fn finished(retention: Rules) -> (Stage, String, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    starts(&stage, &StartRequest { retention, ..request(&glob()) }).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    stage.world().push(&first, "build-2", 'b');
    run_until(&stage, &first, |world| asleep(world, &first)).await;
    let next = stage.world().builds()[&2].clone();
    run_until(&stage, &next, |world| world.phase(&next) == "Listening").await;
    (stage.copy(), first, next)
}

/// Lets a listener wait for so long, or until the server dies.
async fn waits(stage: &Stage, namespace: &str, time: Duration) {
    tokio::select! {
        () = run_until(stage, namespace, |_| false) => {}
        () = tokio::time::sleep(time) => {}
    }
}

fn tidied(world: &World) -> Value {
    let text = world.get(HISTORY)["data"]["tidied"].as_str().unwrap_or("null").to_owned();
    serde_json::from_str(&text).unwrap()
}

const AT_ONCE: Rules = Rules { older_than: Some(Duration::ZERO), keep: None, keep_failed: None };

#[tokio::test(start_paused = true)]
async fn a_listener_disposes_of_what_the_rules_let_go_wherever_it_is_killed() {
    let (before, first, next) = finished(AT_ONCE).await;
    let stage = before.copy();
    waits(&stage, &next, A_WHILE).await;
    let writes = stage.world().writes.clone();
    let binding = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{first}/rolebindings");
    assert!(writes.contains(&format!("POST {binding}")), "it binds itself first: {writes:?}");
    for k in 0..=writes.len() {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        waits(&stage, &next, A_WHILE).await;
        stage.revive();
        waits(&stage, &next, A_WHILE).await;
        let world = stage.world();
        let what = format!("killed after {k} writes");
        assert!(world.get(&ns(&first)).is_null(), "{what}");
        assert_eq!(world.builds().keys().collect::<Vec<_>>(), [&2], "{what}: who listens stays");
        assert!(keyed(&world, &next), "{what}");
        assert!(annotation(&world, &next, wire::WAITING).is_empty(), "{what}");
        let entries = world.get(HISTORY)["data"].as_object().unwrap();
        assert!(entries.contains_key("build.00000001"), "{what}: its result outlives it");
    }
    assert_eq!(tidied(&stage.world())["disposed"], 1);
}

#[tokio::test(start_paused = true)]
async fn one_list_of_the_chains_namespaces_serves_all_that_a_listener_looks_after() {
    let mut counts = Vec::new();
    for rules in [Rules::default(), Rules { keep: Some(1), ..Rules::default() }] {
        let (stage, _, next) = finished(rules).await;
        stage.world().requests.clear();
        waits(&stage, &next, A_WHILE * 10).await;
        // the watches of its own Namespace among them, as many each time
        counts.push(stage.world().requests.iter().filter(|it| *it == "GET /api/v1/namespaces").count());
        let looked = stage.world().requests.iter().any(|it| it.contains("/secrets/seed-"));
        assert_eq!(looked, rules.let_go(), "by these rules it looks at home");
    }
    assert_eq!(counts[0], counts[1]);
    assert!(counts[0] >= 12, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn whoever_has_just_finished_disposes_of_those_before_it_and_not_of_itself() {
    let (stage, first, second) = finished(Rules { keep: Some(0), ..Rules::default() }).await;
    stage.world().push(&second, "build-3", 'c');
    run_until(&stage, &second, |world| asleep(world, &second)).await;
    let world = stage.world();
    assert!(world.get(&ns(&first)).is_null());
    assert_eq!(world.phase(&second), "Finished", "of that the next one disposes");
}

#[tokio::test(start_paused = true)]
async fn without_rules_and_for_what_is_held_or_too_young_nothing_is_done() {
    for (rules, hold) in [
        (Rules::default(), false),
        (AT_ONCE, true),
        (Rules { older_than: Some(Duration::from_secs(86_400)), ..Rules::default() }, false),
        (Rules { keep: Some(1), ..Rules::default() }, false),
    ] {
        let (stage, first, next) = finished(rules).await;
        if hold {
            stage.world().change(&ns(&first), |it| it["metadata"]["annotations"][wire::HOLD] = json!("mine"));
        }
        stage.world().writes.clear();
        waits(&stage, &next, A_WHILE * 3).await;
        let world = stage.world();
        assert_eq!(world.phase(&first), "Finished", "{rules:?}");
        assert_eq!(tidied(&world), Value::Null, "{rules:?}");
        assert!(world.writes.iter().all(|write| !write.contains("rolebindings")), "{:?}", world.writes);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retention_that_fails_for_long_is_told_by_the_listener_until_it_works() {
    let (stage, first, next) = finished(AT_ONCE).await;
    stage
        .world()
        .refusals
        .push(|write, _| write.contains("/rolebindings").then_some("rolebindings are none of your business"));
    waits(&stage, &next, A_WHILE).await;
    assert_eq!(annotation(&stage.world(), &next, wire::WAITING), "", "once is nothing");
    assert_eq!(tidied(&stage.world())["failed"], 1);
    waits(&stage, &next, A_WHILE * 4).await;
    let said = annotation(&stage.world(), &next, wire::WAITING).to_owned();
    assert!(said.contains("builds are not disposed of since") && said.contains(&first), "{said}");
    assert!(said.contains("none of your business"), "{said}");
    stage.world().refusals.pop();
    waits(&stage, &next, A_WHILE).await;
    let world = stage.world();
    assert!(world.get(&ns(&first)).is_null());
    assert_eq!(annotation(&world, &next, wire::WAITING), "");
    assert_eq!(tidied(&world)["failingSince"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_retention_that_lets_go_at_once_is_said_with_the_number() {
    let (stage, _, _) = finished(Rules::default()).await;
    let said = std::cell::RefCell::new(Vec::new());
    let say = |it: studioci::state::narration::Narration<'_>| {
        said.borrow_mut().extend(studioci::output::narration::sentence(&it));
    };
    let request = StartRequest { retention: AT_ONCE, at: clock() + 1.hours(), ..request(&glob()) };
    let cluster = stage.cluster();
    let starting = Box::pin(start(&cluster, &request, &say));
    let looked = async {
        stage
            .reaches(|world| {
                world.get("/api/v1/namespaces/studioci/configmaps/record-app-main")["data"]["settings"]
                    .as_str()
                    .unwrap_or_default()
                    .contains("olderThan")
            })
            .await;
    };
    tokio::select! {
        outcome = starting => panic!("nobody brings the listener up: {outcome:?}"),
        () = looked => {}
    }
    let said = said.into_inner();
    assert!(
        said.iter().any(|line| line.contains("1 of 1 finished builds")),
        "before the record is written: {said:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_chain_left_alone_for_fifty_generations_holds_what_its_rule_says() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let retention = Rules { keep: Some(3), ..Rules::default() };
    starts(&stage, &StartRequest { retention, ..request(&glob()) }).await.unwrap();
    for generation in 1..=50_u64 {
        let namespace = stage.world().builds()[&generation].clone();
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        let digest = char::from(b'a' + u8::try_from(generation % 6).unwrap());
        stage.world().push(&namespace, &format!("build-{}", generation + 1), digest);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let kept = stage.world().builds();
        assert!(kept.len() <= 3 + 2, "generation {generation}: {kept:?}");
    }
    let last = stage.world().builds()[&51].clone();
    waits(&stage, &last, A_WHILE).await;
    let world = stage.world();
    assert_eq!(world.builds().keys().copied().collect::<Vec<_>>(), [48, 49, 50, 51]);
    let home = world.objects.iter().filter(|(path, _)| path.contains("/namespaces/studioci/"));
    let names: Vec<&str> = home.clone().filter_map(|(path, _)| path.rsplit('/').next()).collect();
    let bytes: usize = home.map(|(_, object)| object.to_string().len()).sum();
    assert!(bytes < 200_000, "{bytes} bytes in home: {names:?}");
    assert_eq!(world.get(HISTORY)["data"].as_object().unwrap().len(), 51, "fifty results and one line");
}
