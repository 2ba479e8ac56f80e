//! `start` and agents against a server in memory: the order of their requests, and that dying between any two of them
//! changes nothing of where they come to.

mod adopt;
mod brings_down;
mod cancels;
mod claims;
mod copies;
mod decoys;
mod ended;
mod keeps;
mod lost;
mod over;
mod publishes;
mod push;
mod queues;
mod rechecks;
mod refused;
mod renewed;
mod rests;
mod rotates;
mod says;
mod sides;
mod starts;
mod supersedes;
mod tidies;
mod trials;
mod turn;
mod waits;

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};
use studioci::chain::retention::Rules;
use studioci::chain::wire;
use studioci::keel::parking;
use studioci::local::render::Renderer;
use studioci::ops::start::{PublishRequest, StartOutcome, StartRequest, start};
use studioci::pipeline::facts::Facts;
use studioci::pipeline::sources::{Sources, Text};
use studioci::runner::{Agent, Identity, Role};
use testkit::World;

use super::{CI, ChainWorld, REPOSITORY, Stage, digest, with_remedy};

pub(super) const CHAIN: &str = "app-main";

fn pipeline(keel: &Value) -> String {
    let documents = [
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "settings" }, "data": { "a": "b" } }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "minio" },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": { "app": "minio" } },
                "template": {
                    "metadata": { "labels": { "app": "minio" } },
                    "spec": { "containers": [{ "name": "minio", "image": "minio:1" }] },
                },
            },
        }),
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": "build", "annotations": keel },
            "spec": {
                "selector": { "matchLabels": { "app": "build" } },
                "template": {
                    "metadata": { "labels": { "app": "build" } },
                    "spec": { "containers": [
                        { "name": "build", "image": format!("{REPOSITORY}:build-1"), "command": ["make"] },
                    ] },
                },
            },
        }),
    ];
    documents.map(|document| document.to_string()).join("\n---\n")
}

pub(super) fn glob() -> Value {
    json!({ "keel.sh/policy": "glob:build-*", "keel.sh/trigger": "poll", "keel.sh/pollSchedule": "@every 1m" })
}

pub(super) fn match_tag() -> Value {
    json!({ "keel.sh/policy": "force", "keel.sh/matchTag": "true", "keel.sh/trigger": "poll" })
}

pub(super) fn request(keel: &Value) -> StartRequest {
    StartRequest {
        sources: Sources {
            template: Text { name: "pipeline.yaml".to_owned(), text: pipeline(keel) },
            ..Sources::default()
        },
        facts: Facts::default(),
        chain: Some(CHAIN.to_owned()),
        prefix: Some("ci".to_owned()),
        tag: None,
        now: false,
        trusted_build: false,
        pod_security: None,
        secrets: Vec::new(),
        copies: Vec::new(),
        retention: Rules::default(),
        publish: PublishRequest::default(),
        keep_log: None,
        renderer: Renderer::here(),
        timeout: Duration::from_secs(60),
        at: Timestamp::UNIX_EPOCH,
    }
}

/// The paused clock of the runtime, as the time of day.
pub(super) fn clock() -> Timestamp {
    thread_local! { static BEGAN: tokio::time::Instant = tokio::time::Instant::now(); }
    let passed = BEGAN.with(tokio::time::Instant::elapsed);
    Timestamp::UNIX_EPOCH + i64::try_from(passed.as_millis()).unwrap().milliseconds()
}

/// Starts the chain; as soon as its listener's pod is there, it has come up.
pub(super) async fn started(stage: &Stage, keel: &Value) -> studioci::state::error::Result<StartOutcome> {
    starts(stage, &request(keel)).await
}

/// [`started`], as it was asked for.
pub(super) async fn starts(
    stage: &Stage,
    request: &StartRequest,
) -> studioci::state::error::Result<StartOutcome> {
    let cluster = stage.cluster();
    let starting = Box::pin(start(&cluster, request, &|_| {}));
    let agent = Box::pin(async {
        stage.reaches(listener_waits).await;
        let namespace = stage.world().builds()[&1].clone();
        run_until(stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        std::future::pending::<()>().await;
    });
    tokio::select! {
        outcome = starting => outcome,
        () = agent => unreachable!("it waits for ever"),
    }
}

fn listener_waits(world: &World) -> bool {
    world.builds().get(&1).is_some_and(|namespace| world.objects.contains_key(&World::listener(namespace)))
}

/// The agent of a namespace, in the listener's pod of the moment.
fn identity(stage: &Stage, namespace: &str) -> Identity {
    let told = stage.told();
    let world = stage.world();
    let own = |pod: &&&Value| {
        pod["metadata"]["namespace"] == namespace && pod["metadata"]["labels"][wire::ROLE] == "listener"
    };
    let pods = world.all("pods");
    let pod = pods.iter().find(own).unwrap()["metadata"]["name"].as_str().unwrap().to_owned();
    Identity {
        namespace: namespace.to_owned(),
        role: Role::Own { pod },
        deployment: "build".to_owned(),
        container: "build".to_owned(),
        told,
    }
}

/// Runs the agent of a namespace, in the listener's pod of the moment, until the world is as wanted or the server dies.
pub(super) async fn run_until(stage: &Stage, namespace: &str, wanted: impl Fn(&World) -> bool) {
    let me = identity(stage, namespace);
    let cluster = stage.cluster();
    let mut agent = Agent::new(&cluster, me, clock, Renderer::here(), &|_| {});
    tokio::select! {
        ended = Box::pin(agent.run()) => panic!("{ended:?}"),
        () = stage.reaches(wanted) => {}
        () = stage.dies() => {}
    }
}

/// Names that are drawn differ from run to run: `ns1` is the namespace of generation 1.
fn plain(world: &World, lines: &[String]) -> Vec<String> {
    let builds = world.builds();
    lines
        .iter()
        .map(|line| {
            let mut line = line.replace("/apis/rbac.authorization.k8s.io/v1", "").replace("/api/v1", "");
            line =
                line.replace("/apis/apps/v1", "").replace("/apis/batch/v1", "").replace("/namespaces/", "/");
            for (generation, name) in &builds {
                line = line.replace(name.as_str(), &format!("ns{generation}"));
            }
            line
        })
        .collect()
}

pub(super) fn asleep(world: &World, namespace: &str) -> bool {
    world.phase(namespace) == "Finished" && world.get(&World::listener(namespace))["spec"]["replicas"] == 0
}

pub(super) fn keyed(world: &World, namespace: &str) -> bool {
    let meta = &world.get(&World::listener(namespace))["metadata"];
    let map = |field: &str| serde_json::from_value(meta[field].clone()).unwrap_or_default();
    parking::attached(&map("labels"), &map("annotations"))
}

/// A chain whose agent died between the claim of the next namespace and the head, and the agent's own namespace.
pub(super) async fn claimed_for_nobody() -> (Stage, String) {
    let (stage, namespace) = pushed().await;
    stage.world().after_write = Some(Box::new(|world, write| {
        if write == "POST /api/v1/namespaces" {
            world.dies_after = Some(world.writes.len());
        }
    }));
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    stage.revive();
    stage.world().after_write = None;
    assert_eq!(stage.world().builds().len(), 2, "claimed, and not in the head");
    (stage, namespace)
}

/// A chain whose second tag was just pushed.
pub(super) async fn pushed() -> (Stage, String) {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    {
        let mut world = stage.world();
        world.push(&namespace, "build-2", 'b');
        world.requests.clear();
        world.writes.clear();
    }
    (stage, namespace)
}

/// What every way from a push to the end of its build comes to.
fn held(world: &World, namespace: &str, what: &str) {
    assert!(asleep(world, namespace), "{what}");
    assert!(!keyed(world, namespace), "{what}");
    let jobs = world.all("jobs");
    assert_eq!(jobs.len(), 1, "{what}");
    let image = &jobs[0]["spec"]["template"]["spec"]["containers"][0]["image"];
    assert_eq!(*image, format!("{REPOSITORY}:build-2@{}", digest('b')), "{what}");
    let builds = world.builds();
    assert_eq!(world.all("namespaces").len(), 3, "{what}: home and two builds");
    let next = &builds[&2];
    assert!(keyed(world, next), "{what}");
    let listener = world.get(&World::listener(next));
    assert_eq!(
        listener["spec"]["template"]["spec"]["containers"][CI]["image"],
        format!("{REPOSITORY}:build-2")
    );
    let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["annotations"];
    assert_eq!((&meta[wire::VERDICT], &meta[wire::DISPATCH]), (&json!("Passed"), &json!("done")), "{what}");
    assert_eq!(meta[wire::SUCCESSOR], *next, "{what}");
    let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
    assert_eq!(head["generation"], "2", "{what}");
    assert_eq!(head["namespace"], *next, "{what}");
    assert_eq!(head["built.1"], format!("build-2@{}", digest('b')), "{what}");
    assert!(head["slot.1"].is_null(), "{what}");
    let history = &world.get("/api/v1/namespaces/studioci/configmaps/history-app-main")["data"];
    assert_eq!(history.as_object().unwrap().len(), 1, "{what}");
    let minio = world.get(&format!("/apis/apps/v1/namespaces/{namespace}/deployments/minio"));
    assert_eq!(minio["spec"]["replicas"], 0, "{what}");
}

fn annotation<'a>(world: &'a World, namespace: &str, key: &str) -> &'a str {
    let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"];
    meta["annotations"][key].as_str().unwrap_or_default()
}
