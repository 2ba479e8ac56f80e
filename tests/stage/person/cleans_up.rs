//! `cleanup`.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_finished_build_is_disposed_of_whenever_cleanup_is_killed() {
    let (begin, first) = finished().await;
    let keep_none = Which::ByRules(Rules { keep: Some(0), ..Rules::default() }, None);
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

#[tokio::test(start_paused = true)]
async fn many_are_disposed_of_in_one_burst_and_nothing_holds_the_requests_back() {
    const MANY: usize = 400;
    let (stage, _) = finished().await;
    for number in 0..MANY {
        stage.world().keep(
            "/api/v1/namespaces",
            json!({ "metadata": {
                "name": format!("ci-claimed-{number}"),
                "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: wire::CLAIM_CHAIN, wire::PHASE: "Claimed" },
                "annotations": { wire::CHAIN_UUID: "u", wire::OWNER: "o", wire::GENERATION: "0" },
            } }),
        );
    }
    stage.world().requests.clear();
    let begun = tokio::time::Instant::now();
    let names = (0..MANY).map(|number| format!("ci-claimed-{number}")).collect();
    let told = cleaned(&stage, &Which::Named(names)).await.unwrap();
    assert_eq!(told.iter().filter(|line| line.starts_with("Deleted")).count(), MANY, "{:?}", &told[..3]);
    assert_eq!(begun.elapsed(), std::time::Duration::ZERO, "no request waits for its turn by the clock");
    let requests = stage.world().requests.len();
    assert!(
        requests <= 5 * MANY + 10,
        "a look to choose and one to prove, one for a listener, a mark and a deletion each: {requests}"
    );
}
