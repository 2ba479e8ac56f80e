//! `start` and agents against a server in memory: the order of their requests, and that dying between any two of them
//! changes nothing of where they come to.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use super::agent::{Agent, Identity};
use super::claim::Claimed;
use super::dispatch::{self, Maker, Raise};
use super::stage::{REPOSITORY, Stage, World, digest};
use super::start::{Outcome, Request, start};
use crate::chain::build::{Baseline, Phase};
use crate::chain::{names, wire};
use crate::keel::parking;
use crate::pipeline::facts::Facts;
use crate::pipeline::template::{Sources, Text};

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

pub(super) fn request(keel: &Value) -> Request {
    Request {
        sources: Sources {
            template: Text { name: "pipeline.yaml".to_owned(), text: pipeline(keel) },
            values: Vec::new(),
            set: Vec::new(),
            set_file: Vec::new(),
        },
        facts: Facts::default(),
        chain: Some(CHAIN.to_owned()),
        prefix: "ci".to_owned(),
        tag: None,
        now: false,
        agent_path: None,
        trusted_build: false,
        pod_security: None,
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
pub(super) async fn started(stage: &Stage, keel: &Value) -> super::error::Result<Outcome> {
    let cluster = stage.cluster();
    let request = request(keel);
    let starting = Box::pin(start(&cluster, &request, &|_| {}));
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

/// Runs the agent of a namespace, in the listener's pod of the moment, until the world is as wanted or the server dies.
pub(super) async fn run_until(stage: &Stage, namespace: &str, wanted: impl Fn(&World) -> bool) {
    let pod = {
        let world = stage.world();
        let own = |pod: &&&Value| {
            pod["metadata"]["namespace"] == namespace && pod["metadata"]["labels"][wire::ROLE] == "listener"
        };
        world.all("pods").iter().find(own).unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let me = Identity {
        namespace: namespace.to_owned(),
        pod,
        deployment: "build".to_owned(),
        container: "build".to_owned(),
        revision: Some("abc".to_owned()),
    };
    let cluster = stage.cluster();
    let mut agent = Agent::new(&cluster, me, clock, &|_| {});
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

#[tokio::test(start_paused = true)]
async fn a_chain_starts_in_this_order() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let cluster = stage.cluster();
    let request = request(&glob());
    tokio::select! {
        outcome = start(&cluster, &request, &|_| {}) => panic!("{outcome:?}"),
        () = stage.reaches(listener_waits) => {}
    }
    let world = stage.world();
    assert_eq!(
        plain(&world, &world.writes),
        [
            "POST /studioci/configmaps",
            "POST /studioci/configmaps",
            "POST /studioci/secrets",
            "POST /studioci/configmaps",
            "POST /studioci/roles",
            "POST /namespaces",
            "PATCH /studioci/configmaps/chain-app-main",
            "POST /ns1/serviceaccounts",
            "POST /ns1/rolebindings",
            "POST /studioci/rolebindings",
            "POST /clusterrolebindings",
            "POST /ns1/deployments",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_start_changes_nothing() {
    let stage = Stage::new(&[("build-1", 'a')]);
    assert!(matches!(started(&stage, &glob()).await.unwrap(), Outcome::Started(_)));
    let before = stage.world().objects.clone();
    let cluster = stage.cluster();
    let outcome = start(&cluster, &request(&glob()), &|_| {}).await.unwrap();
    let Outcome::Unchanged(build) = outcome else { panic!("{outcome:?}") };
    assert_eq!((build.phase, build.generation), (Phase::Listening, 1));
    assert_eq!(stage.world().objects, before);
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_killed_after_any_write_and_repeated_comes_to_the_same_end() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let objects = stage.world().objects.len();
    let writes = stage.world().writes.len();
    let before = Stage::new(&[("build-1", 'a')]);
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        let keel = glob();
        tokio::select! {
            outcome = started(&stage, &keel) => panic!("{k}: {outcome:?}"),
            () = stage.dies() => {}
        }
        stage.revive();
        started(&stage, &glob()).await.unwrap_or_else(|error| panic!("{k}: {error}"));
        let world = stage.world();
        assert_eq!(world.builds().len(), 1, "{k}");
        assert_eq!(world.objects.len(), objects, "{k}");
        assert_eq!(world.phase(&world.builds()[&1]), "Listening", "{k}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_starts_at_once_make_one_chain() {
    let stage = Stage::new(&[("build-1", 'a')]);
    let keel = glob();
    let (one, two) = tokio::join!(started(&stage, &keel), started(&stage, &keel));
    one.unwrap();
    two.unwrap();
    assert_eq!(stage.world().builds().len(), 1);
    assert_eq!(stage.world().all("namespaces").len(), 2, "home and the build");
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_does_not_exist_yet_is_waited_for_or_the_start_is_taken_back() {
    let stage = Stage::new(&[]);
    let before: Vec<String> = stage.world().objects.keys().cloned().collect();
    let cluster = stage.cluster();
    let error = start(&cluster, &request(&glob()), &|_| {}).await.unwrap_err();
    assert!(error.to_string().contains("not in the registry"), "{error}");
    let left: Vec<String> =
        stage.world().objects.keys().filter(|path| !path.contains("clusterrolebinding")).cloned().collect();
    let before: Vec<String> =
        before.into_iter().filter(|path| !path.contains("/rolebindings/studioci-agent")).collect();
    let left: Vec<String> =
        left.into_iter().filter(|path| !path.contains("/rolebindings/studioci-agent")).collect();
    assert_eq!(left, before);

    let Outcome::Started(build) = start(&cluster, &request(&match_tag()), &|_| {}).await.unwrap() else {
        panic!()
    };
    assert_eq!((build.baseline.to_string().as_str(), build.phase), ("none", Phase::Claimed));
    assert!(build.waiting.unwrap().contains("first push"));
    {
        let mut world = stage.world();
        world.registry.insert("build-1".to_owned(), 'a');
        world.roll(&build.namespace);
    }
    run_until(&stage, &build.namespace, |world| asleep(world, &build.namespace)).await;
    assert_eq!(stage.world().all("jobs").len(), 1, "the first image is built");
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
        listener["spec"]["template"]["spec"]["containers"][0]["image"],
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

#[tokio::test(start_paused = true)]
async fn from_push_to_sleep_in_this_order() {
    let (stage, namespace) = pushed().await;
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    held(&world, &namespace, "undisturbed");
    let detached =
        world.requests.iter().position(|it| it == &format!("PATCH {}", World::listener(&namespace))).unwrap();
    let read =
        world.requests.iter().rposition(|it| it == &format!("GET {}", World::listener(&namespace))).unwrap();
    // the first one is the dry-run of the check
    let job = world.requests.iter().rposition(|it| it.starts_with("POST /apis/batch")).unwrap();
    assert!(detached < read && detached < job);
    assert!(
        world.requests[detached..job].contains(&format!("GET {}", World::listener(&namespace))),
        "read back"
    );
    assert_eq!(
        plain(&world, &world.writes),
        [
            "POST /ns1/configmaps",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1/deployments/build",
            "PATCH /ns1",
            "POST /namespaces",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1",
            "POST /ns2/rolebindings",
            "POST /ns2/serviceaccounts",
            "POST /ns2/rolebindings",
            "POST /studioci/rolebindings",
            "POST /clusterrolebindings",
            "POST /ns2/deployments",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1",
            "PATCH /ns1/configmaps/settings",
            "PATCH /ns1/deployments/minio",
            "PATCH /ns1",
            "POST /ns1/jobs",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/history-app-main",
            "PATCH /ns1",
            "PATCH /studioci/configmaps/chain-app-main",
            "PATCH /ns1/deployments/minio",
            "PATCH /ns1",
            "PATCH /ns1/deployments/build",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_is_killed_after_any_write_and_started_again_comes_to_the_same_end() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let writes = stage.world().writes.len();
    let objects = stage.world().objects.len();
    for k in 0..writes {
        let stage = before.copy();
        stage.world().dies_after = Some(k);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        stage.revive();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        held(&world, &namespace, &format!("killed after {k}"));
        assert_eq!(world.objects.len(), objects, "killed after {k}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_write_of_keel_after_any_write_is_undone() {
    let (before, namespace) = pushed().await;
    let stage = before.copy();
    let keys = stage.world().get(&World::listener(&namespace))["metadata"].clone();
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let all = stage.world().writes.clone();
    let detached = all.iter().position(|it| it == &format!("PATCH {}", World::listener(&namespace))).unwrap();
    for (k, write) in all.iter().enumerate().skip(detached) {
        let stage = before.copy();
        let listener = World::listener(&namespace);
        let keys = keys.clone();
        let mut count = 0;
        stage.world().after_write = Some(Box::new(move |world, _| {
            if count == k {
                world.change(&listener, |live| {
                    live["metadata"]["labels"] = keys["labels"].clone();
                    live["metadata"]["annotations"] = keys["annotations"].clone();
                    live["spec"]["replicas"] = json!(1);
                });
            }
            count += 1;
        }));
        run_until(&stage, &namespace, |world| {
            world.writes.len() > k && asleep(world, &namespace) && !keyed(world, &namespace)
        })
        .await;
        held(&stage.world(), &namespace, &format!("after {write}"));
    }
}

#[tokio::test(start_paused = true)]
async fn two_agents_of_one_listener_make_one_build_and_one_successor() {
    let (stage, namespace) = pushed().await;
    let run = || run_until(&stage, &namespace, |world| asleep(world, &namespace));
    tokio::join!(run(), run());
    held(&stage.world(), &namespace, "two at once");
}

/// What a pushed image holds at `studioci.dev/pipeline-path`; gone with the test.
struct InImage(std::path::PathBuf);

impl InImage {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("studioci-{name}-{}.yaml", std::process::id())))
    }

    fn keel(&self) -> Value {
        let mut keel = glob();
        keel[wire::PIPELINE_PATH] = json!(self.0.to_str().unwrap());
        keel
    }

    fn brings(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }
}

impl Drop for InImage {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn annotation<'a>(world: &'a World, namespace: &str, key: &str) -> &'a str {
    let meta = &world.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"];
    meta["annotations"][key].as_str().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_refused_after_its_dry_run_passed_gives_way_to_the_last_good_one() {
    let image = InImage::new("refused");
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &image.keel()).await.unwrap();
    let namespace = stage.world().builds()[&1].clone();
    image.brings(&pipeline(&image.keel()).replace("\"keel.sh/policy\"", "\"bad\":\"x\",\"keel.sh/policy\""));
    stage.world().push(&namespace, "build-2", 'b');
    stage.world().refuses = Some(|request, body| {
        let real = request.ends_with("/deployments") && body["metadata"]["name"] == "build";
        let bad = body["metadata"]["annotations"]["bad"] == "x";
        (real && bad).then_some("admission webhook \"w\" denied the request: no bad ones")
    });
    run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
    let world = stage.world();
    assert_eq!(annotation(&world, &namespace, wire::VERDICT), "Errored");
    assert!(annotation(&world, &namespace, wire::CAUSE).contains("no bad ones"));
    assert_eq!(annotation(&world, &namespace, wire::DISPATCH), "done");
    assert!(world.all("jobs").is_empty());
    let next = world.get(&World::listener(&world.builds()[&2]));
    assert!(next["metadata"]["annotations"]["bad"].is_null() && !next.is_null());
    let head = &world.get("/api/v1/namespaces/studioci/configmaps/chain-app-main")["data"];
    assert!(head["pipeline"].is_null(), "what was refused is not the last good one");
}

#[tokio::test(start_paused = true)]
async fn a_pushed_pipeline_is_good_from_its_listener_on_and_a_bad_one_never() {
    let image = InImage::new("pushed");
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &image.keel()).await.unwrap();
    let head = "/api/v1/namespaces/studioci/configmaps/chain-app-main";
    let good = pipeline(&image.keel()).replace("\"a\":\"b\"", "\"a\":\"c\"");
    for (generation, text, verdict) in [(1, "{{ nothing", "Errored"), (2, good.as_str(), "Passed")] {
        let namespace = stage.world().builds()[&generation].clone();
        stage.world().roll(&namespace);
        run_until(&stage, &namespace, |world| world.phase(&namespace) == "Listening").await;
        image.brings(text);
        stage.world().push(&namespace, &format!("build-{}", generation + 1), 'b');
        run_until(&stage, &namespace, |world| asleep(world, &namespace)).await;
        let world = stage.world();
        assert_eq!(annotation(&world, &namespace, wire::VERDICT), verdict);
        let last = &world.get(head)["data"]["pipeline"];
        if verdict == "Passed" { assert_eq!(*last, good) } else { assert!(last.is_null()) }
    }
    assert_eq!(stage.world().all("jobs").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_claims_of_one_generation_the_loser_goes() {
    let stage = Stage::new(&[("build-1", 'a')]);
    started(&stage, &glob()).await.unwrap();
    let cluster = stage.cluster();
    let record = super::home::record(&cluster, CHAIN).await.unwrap().unwrap();
    let intent = request(&glob()).intend(&super::setup::Home::unasked()).unwrap();
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
async fn an_idle_listener_asks_less_than_twice_a_minute() {
    for keel in [glob(), match_tag()] {
        let stage = Stage::new(&[("build-1", 'a')]);
        started(&stage, &keel).await.unwrap();
        let namespace = stage.world().builds()[&1].clone();
        let minutes = |count: u64| tokio::time::sleep(Duration::from_secs(60 * count));
        let counted = async {
            minutes(2).await;
            let before = stage.world().requests.len();
            minutes(10).await;
            stage.world().requests.len() - before
        };
        tokio::select! {
            () = run_until(&stage, &namespace, |_| false) => unreachable!("it waits for ever"),
            count = counted => assert!(count <= 20, "{count} in ten minutes"),
        }
        assert_eq!(stage.world().phase(&namespace), "Listening");
    }
}
