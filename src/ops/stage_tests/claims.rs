//! Two that claim one generation, and a claim that was deleted.

use super::super::claim::Claimed;
use super::super::dispatch::{self, Maker, Raise};
use super::super::{home, setup};
use super::*;
use crate::chain::build::Baseline;
use crate::chain::names;

#[tokio::test(start_paused = true)]
async fn of_two_claims_of_one_generation_the_loser_goes() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let cluster = stage.cluster();
    let record = home::record(&cluster, CHAIN).await.unwrap().unwrap();
    let intent = request(&glob()).intend(&setup::Home::unasked()).unwrap();
    // generation 2 is to be claimed, and the first name is ours and on its way out
    let uuid = uuid::Uuid::parse_str(&record.settings.uuid).unwrap();
    let first = names::sequence(uuid, 2, "ci").next().unwrap();
    let path = format!("/api/v1/namespaces/{first}");
    {
        let mut world = stage.world();
        world.change("/api/v1/namespaces/studioci/configmaps/chain-app-main", |head| {
            head["data"] = json!({ "uuid": record.settings.uuid, "generation": "2" });
        });
        world.objects.insert(
            path.clone(),
            json!({ "metadata": {
            "name": first, "uid": "old", "deletionTimestamp": "2026-01-01T00:00:00Z",
            "annotations": { wire::OWNER: names::owner(uuid, 2).to_string() },
        } }),
        );
        world.requests.clear();
    }
    let baseline = Baseline::None;
    let raise = Raise {
        record: &record,
        plan: &intent.plan,
        generation: 2,
        tag: "build-2",
        baseline: &baseline,
        parent: None,
        maker: Maker::Agent { namespace: "ci-parent", uid: "u" },
        now: Timestamp::UNIX_EPOCH,
    };
    let head = dispatch::head_of(&cluster, CHAIN).await.unwrap();
    let say = |_: &str| {};
    let mut slow = Box::pin(dispatch::claim_next(&cluster, &raise, head.clone(), &say));
    let seen = format!("GET {path}");
    // whether it has got there is asked first, or it might walk on meanwhile
    tokio::select! {
        biased;
        () = stage.reaches(|world| world.requests.contains(&seen)) => {}
        claimed = &mut slow => panic!("{claimed:?}"),
    }
    stage.world().objects.remove(&path);
    let (quick, _): (Claimed, _) = dispatch::claim_next(&cluster, &raise, head, &say).await.unwrap();
    assert_eq!(quick.namespace, first);
    let (slow, _) = slow.await.unwrap();
    assert_eq!((&slow.namespace, &slow.uid), (&quick.namespace, &quick.uid));
    let world = stage.world();
    assert_eq!(world.all("namespaces").len(), 3, "home, the first build, and one of the second");
    assert_eq!(world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"]["uid"], quick.uid);
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_was_deleted_before_its_listener_came_is_made_anew() {
    let (stage, namespace) = pushed().await;
    // the agent dies between the claim and the first object in it
    stage.world().dies_after = Some(8);
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    stage.revive();
    let lost = stage.world().builds()[&2].clone();
    stage.world().change(&format!("/api/v1/namespaces/{lost}"), |it| {
        it["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    let next = annotation(&world, &namespace, wire::SUCCESSOR);
    assert_ne!(next, lost);
    assert!(keyed(&world, next));
    assert_eq!(world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"]["namespace"], next);
}

#[tokio::test(start_paused = true)]
async fn a_namespace_that_a_hand_wrote_into_the_head_is_never_taken_on() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let first = stage.world().builds()[&1].clone();
    let foreign = "/api/v1/namespaces/prod";
    {
        let mut world = stage.world();
        let prod = json!({ "metadata": { "name": "prod", "uid": "uid-prod", "resourceVersion": "1" } });
        world.objects.insert(foreign.to_owned(), prod);
        world.change("/api/v1/namespaces/studioci/configmaps/chain-app-main", |head| {
            head["data"]["namespace"] = json!("prod");
            head["data"]["uid"] = json!("uid-prod");
        });
    }
    let cluster = stage.cluster();
    start(&cluster, &request(&glob()), &|_| {}).await.unwrap();
    let world = stage.world();
    assert!(!world.objects.keys().any(|path| path.contains("/namespaces/prod/")));
    let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
    assert_eq!(head["namespace"], first.as_str(), "its own claim stands there again");
}
