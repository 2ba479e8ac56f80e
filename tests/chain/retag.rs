//! `chain_04`: a branch's tag that is pushed over again: `force` with match-tag, Keel's keys as labels.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::Value;
use studioci::chain::wire::FREEZE;
use test_cluster::Part;
use test_cluster::image::{CiImage, ci_image};

use crate::world::{AGENT, BOUND, World, ci_image_of, keys, status_of};

/// What must not happen is given this long to happen: two scans and three polls of Keel.
const QUIET: Duration = Duration::from_secs(6);

const MATCH: &str = "  labels:
    keel.sh/policy: force
    keel.sh/trigger: poll
    keel.sh/matchTag: \"true\"
  annotations:
    keel.sh/pollSchedule: \"@every 1s\"";

/// The same with a recheck that a proof can wait for.
fn rechecked() -> String {
    format!("{MATCH}\n    studioci.dev/recheck: 5s")
}

/// A chain on tag `main`, whose first listener waits on content `1`.
fn listening(world: &World, keys: &str) {
    world.push("main", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("main", keys));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    assert_eq!(world.build(1).unwrap()["status"]["phase"], "Listening");
}

/// Makes the node know an image under another repository's name as well, as after a promotion. The runtime tells the
/// first of its names as the image's id.
fn known_by_another_name(world: &World, content: &str) {
    let files = [("ci/build.sh", "exit 0")];
    let image = ci_image(&world.cluster, &CiImage { version: content, files: &files, env: &[] }).unwrap();
    let registry = world.cluster.registry();
    let name = format!("{}/aaa:{content}", world.chain);
    registry.push(&image, &name).unwrap();
    let (pod, image) = (format!("aaa-{content}"), format!("--image={}/{name}", registry.host()));
    world.kubectl(&["delete", "pod", &pod, "--ignore-not-found", "--wait=true"]).ok();
    world.kubectl(&["run", &pod, &image, "--restart=Never", "--command", "--", "sh", "-c", "exit 0"]).ok();
    world.until("the image under its other name", || {
        (world.get(&["pod", &pod])["status"]["phase"] == "Succeeded").then_some(())
    });
    world.kubectl(&["delete", "pod", &pod, "--wait=false"]).ok();
}

/// The one pod of a listener that is not on its way out; `None` while there is none, or two.
fn pod(world: &World, namespace: &str) -> Option<Value> {
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
    let mut pods: Vec<Value> = pods["items"].as_array().unwrap().clone();
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    (pods.len() == 1).then(|| pods.remove(0))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// What an agent wrote into its diary since the last start of its container.
fn diary(world: &World, namespace: &str, pod: &Value) -> String {
    let said = world.kubectl(&["logs", "-n", namespace, text(pod, "/metadata/name"), "-c", AGENT]);
    // a container that is about to start has no log yet
    if said.code == 0 { said.out } else { String::new() }
}

/// Waits until a listener's agent says that it listens, in a pod or a container that `is_new`.
fn says_that_it_listens(world: &World, namespace: &str, is_new: impl Fn(&Value) -> bool) -> Value {
    world.until("an agent that says that it listens", || {
        // its log is there before the kubelet tells of the container
        let running = |pod: &Value| !status_of(pod, AGENT)["state"]["running"].is_null();
        let pod = pod(world, namespace).filter(running).filter(&is_new)?;
        diary(world, namespace, &pod).contains("listening in").then_some(pod)
    })
}

/// The generation still waits, on the same baseline, and nothing was frozen, made or built.
fn untouched(world: &World, before: &Value) -> Result<(), String> {
    let builds = world.builds();
    let namespace = text(before, "/metadata/name");
    let generation = before["spec"]["generation"].as_u64().unwrap();
    if builds.len() as u64 != generation {
        return Err(format!("{} builds, where {generation} was the newest", builds.len()));
    }
    let now = builds.last().unwrap();
    for what in ["/metadata/uid", "/status/phase", "/spec/baseline"] {
        if now.pointer(what) != before.pointer(what) {
            return Err(format!("{what}: {:?}", now.pointer(what)));
        }
    }
    let frozen = world.kubectl(&["get", "configmap", FREEZE, "-n", namespace, "-o", "name"]);
    let jobs = world.kubectl(&["get", "jobs", "-n", namespace, "-o", "name"]).ok();
    match (frozen.code, jobs.as_str()) {
        (1, "") if frozen.err.contains("NotFound") => Ok(()),
        _ => Err(format!("{}{}{jobs}", frozen.out, frozen.err)),
    }
}

/// Gives a second build some time to come, and shows that it does not.
fn nothing_is_built(world: &World, before: &Value) {
    world.never("something was built without a push", QUIET, || untouched(world, before).is_err());
}

/// The generation was built once, of exactly this digest.
fn built_once(world: &World, generation: u64, digest: &str) {
    assert_eq!(world.verdict(generation), "Passed");
    let build = world.build(generation).unwrap();
    assert_eq!(build["status"]["tag"], "main");
    assert_eq!(build["status"]["digest"], digest);
    let namespace = text(&build, "/metadata/name");
    let jobs = world.get(&["jobs", "-n", namespace]);
    assert_eq!(jobs["items"].as_array().unwrap().len(), 1);
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]);
    assert_eq!(pods["items"].as_array().unwrap().len(), 1);
    let pod = &pods["items"][0];
    assert!(text(pod, "/spec/containers/0/image").ends_with(&format!("@{digest}")), "{pod}");
    assert!(text(pod, "/status/containerStatuses/0/imageID").ends_with(&format!("@{digest}")), "{pod}");
}

/// The next listener waits, on the baseline of this digest.
fn next_listens(world: &World, generation: u64, digest: &str) -> Value {
    let build = world.phase(generation, "Listening");
    assert_eq!(build["spec"]["baseline"], format!("main@{digest}"));
    build
}

/// Keys of Keel in a map, as they were before they were parked; without what Keel itself wrote.
fn keel_keys(map: &Value) -> Vec<(String, String)> {
    let own = keys(map).into_iter().filter_map(|key| {
        let rest = key.strip_prefix("keel.sh/").or_else(|| key.strip_prefix("parked.studioci.dev/"))?;
        (rest != "digest").then(|| (rest.to_owned(), map[&key].as_str().unwrap_or_default().to_owned()))
    });
    own.collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_04_a_tag_pushed_over_is_built_once_per_digest() {
    let world = World::new("chain-04");
    for content in ["1", "2"] {
        known_by_another_name(&world, content);
    }
    listening(&world, MATCH);
    let first = world.namespace(1);
    let born = world.get(&["deployment", "build", "-n", &first]);

    let two = world.push("main", "2", "exit 0");
    next_listens(&world, 2, &two);
    let second = world.get(&["deployment", "build", "-n", &world.namespace(2)]);
    assert_eq!(ci_image_of(&second), format!("{}:main", world.image()), "the tag, not the digest");
    let parked = world.get(&["deployment", "build", "-n", &first]);
    for map in ["labels", "annotations"] {
        let wanted = keel_keys(&born["metadata"][map]);
        assert!(!wanted.is_empty());
        assert_eq!(keel_keys(&second["metadata"][map]), wanted, "the same keys in the same {map}");
        assert_eq!(keel_keys(&parked["metadata"][map]), wanted, "parked in the same {map}");
    }
    assert_eq!(second["metadata"]["labels"]["keel.sh/policy"], "force");
    assert_eq!(second["metadata"]["labels"]["keel.sh/matchTag"], "true");
    assert_eq!(second["metadata"]["annotations"]["keel.sh/pollSchedule"], "@every 1s");
    assert!(second["spec"]["template"]["metadata"]["annotations"]["keel.sh/update-time"].is_null());
    built_once(&world, 1, &two);

    let three = world.push("main", "3", "exit 0");
    next_listens(&world, 3, &three);
    built_once(&world, 2, &three);

    // back to a digest that was built already: Keel starts the listener in it, and it takes it for its baseline
    let back = world.push("main", "2", "exit 0");
    assert_eq!(back, two, "the same content is the same digest");
    let waits = world.until("the third listener on the old digest", || {
        let build = world.build(3)?;
        (build["spec"]["baseline"] == format!("main@{two}").as_str()).then_some(build)
    });
    nothing_is_built(&world, &waits);

    let four = world.push("main", "4", "exit 0");
    next_listens(&world, 4, &four);
    built_once(&world, 3, &four);
    assert_eq!(world.builds().len(), 4);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_04_a_restart_without_a_push_builds_nothing() {
    let world = World::new("chain-04b");
    listening(&world, MATCH);
    let namespace = world.namespace(1);
    let before = world.build(1).unwrap();

    // of the pod
    let old = says_that_it_listens(&world, &namespace, |_| true);
    let agent = Task::of(&world, &old);
    let (name, uid) = (text(&old, "/metadata/name"), text(&old, "/metadata/uid"));
    let grace = old["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
    assert!(grace > 2, "{grace} s: what ends sooner has obeyed");
    let begun = Instant::now();
    world.kubectl(&["delete", "pod", "-n", &namespace, name, "--wait=false"]).ok();
    while agent.runs() {
        assert!(begun.elapsed() < BOUND, "the agent runs on");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "SIGTERM was obeyed after {:?}", begun.elapsed());
    let new = says_that_it_listens(&world, &namespace, |pod| text(pod, "/metadata/uid") != uid);
    nothing_is_built(&world, &before);

    // of its container: the status shows the old one for a while
    let agent = Task::of(&world, &new);
    let uid = text(&new, "/metadata/uid");
    agent.kill(&world);
    let again = says_that_it_listens(&world, &namespace, |pod| {
        let status = status_of(pod, AGENT);
        text(pod, "/metadata/uid") == uid && status["restartCount"] == 1 && Task::id(pod) != agent.id
    });
    for container in [AGENT, "build"] {
        assert_eq!(status_of(&again, container)["imageID"], status_of(&new, container)["imageID"]);
    }
    nothing_is_built(&world, &before);

    // and it still hears of a push
    let two = world.push("main", "2", "exit 0");
    next_listens(&world, 2, &two);
    built_once(&world, 1, &two);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_04_the_recheck_finds_what_keel_lost() {
    let world = World::new("chain-04c");
    listening(&world, &rechecked());
    let namespace = world.namespace(1);
    let before = world.build(1).unwrap();

    // one that finds nothing new changes nothing
    let listener = says_that_it_listens(&world, &namespace, |_| true);
    let rechecks = |what: &str| {
        world.until(what, || diary(&world, &namespace, &listener).contains(what).then_some(()));
    };
    rechecks("the tag means the same image still");
    assert_eq!(untouched(&world, &before), Ok(()));
    no_probe(&world, &namespace);
    let same = |listener: &Value| {
        let now = pod(&world, &namespace).expect("one listener");
        assert_eq!(now["metadata"]["uid"], listener["metadata"]["uid"]);
        for container in [AGENT, "build"] {
            assert_eq!(status_of(&now, container)["restartCount"], 0);
        }
    };
    same(&listener);

    // nor does one that cannot pull
    world.cluster.registry().delete(&format!("{}:main", world.repository())).unwrap();
    rechecks("the recheck could not pull the image; nothing changes");
    assert_eq!(untouched(&world, &before), Ok(()));
    world.push("main", "1", "exit 0");
    no_probe(&world, &namespace);
    same(&listener);

    // nor does one whose probe cannot be made, and that is told for as long as it is so
    let why = || world.build(1).unwrap()["status"]["why"].as_str().unwrap_or_default().to_owned();
    let cannot_tell = format!("the recheck cannot tell which image {}:main means by now: ", world.image());
    world.kubectl(&["create", "quota", "no-probe", "--hard=pods=1", "-n", &namespace]).ok();
    let told = world.until("a probe that fails is told", || {
        let why = why();
        why.starts_with(&cannot_tell).then_some(why)
    });
    assert!(
        told.contains("exceeded quota: no-probe, requested: pods=1, used: pods=1, limited: pods=1"),
        "{told}"
    );
    assert_eq!(untouched(&world, &before), Ok(()));
    world.kubectl(&["delete", "quota", "no-probe", "-n", &namespace]).ok();
    world.until("a probe that works again is told", || why().starts_with("waiting for a push").then_some(()));
    same(&listener);

    let keel = world.keel.as_ref().unwrap();
    if !keel.obeys() {
        not_shown("a real Keel loses no push on demand: that part is proved with the stand-in alone");
        return;
    }
    keel.order("lose-next");
    let two = world.push("main", "2", "exit 0");
    world.until("an event that Keel loses", || keel.tail().contains("\"what\":\"lost\"").then_some(()));
    let next = next_listens(&world, 2, &two);
    built_once(&world, 1, &two);
    nothing_is_built(&world, &next);
}

/// Says aloud what a run did not show.
#[expect(clippy::disallowed_macros, clippy::print_stderr, reason = "for who reads the run")]
pub(crate) fn not_shown(why: &str) {
    eprintln!("{why}");
}

/// The probe of a recheck goes when it has answered; another one comes some seconds later.
fn no_probe(world: &World, namespace: &str) {
    world.until("a namespace without a probe", || {
        let pods = world.get(&["pods", "-n", namespace]);
        (pods["items"].as_array().unwrap().len() == 1).then_some(())
    });
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_04_a_registry_that_is_away_changes_nothing() {
    let world = World::new("chain-04d");
    listening(&world, &rechecked());
    let namespace = world.namespace(1);
    let before = world.build(1).unwrap();
    let listener = says_that_it_listens(&world, &namespace, |_| true);
    let registry = world.cluster.server(Part::Registry);
    registry.pause().unwrap();
    let back = Resumed(registry);
    // long enough for polls and a recheck to hang in it
    world.until("a recheck that hangs", || {
        let probe =
            world.kubectl(&["get", "pods", "-n", &namespace, "-l", "studioci.dev/role=probe", "-o", "name"]);
        (!probe.ok().is_empty()).then_some(())
    });
    nothing_is_built(&world, &before);
    assert_eq!(pod(&world, &namespace).unwrap()["metadata"]["uid"], listener["metadata"]["uid"]);
    drop(back);
    nothing_is_built(&world, &before);
    assert_eq!(pod(&world, &namespace).unwrap()["metadata"]["uid"], listener["metadata"]["uid"]);

    let two = world.push("main", "2", "exit 0");
    next_listens(&world, 2, &two);
    built_once(&world, 1, &two);
    assert_eq!(world.builds().len(), 2);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_04_an_idle_listener_asks_for_next_to_nothing() {
    let world = World::new("chain-04e");
    let start = world.mark();
    listening(&world, MATCH);
    let namespace = world.namespace(1);
    let agent = format!("system:serviceaccount:{namespace}:studioci-agent.{}", world.chain);
    says_that_it_listens(&world, &namespace, |_| true);
    let asked = |mark, since: Timestamp| {
        // as the log writes it; a watch is there twice, when it begins and when it ends
        let since = format!("{since:.6}");
        let mut events = world.cluster.audit().since(mark).unwrap();
        events.retain(|event| event.user.username == agent && event.request_received_timestamp >= since);
        events
            .dedup_by(|a, b| a.uri == b.uri && a.request_received_timestamp == b.request_received_timestamp);
        events.into_iter().map(|event| format!("{} {}", event.verb, event.uri)).collect::<Vec<_>>()
    };
    let minute = |length: Duration| {
        let (mark, since) = (world.mark(), Timestamp::now());
        std::thread::sleep(length);
        asked(mark, since)
    };
    // the status of its Deployment wakes it a few times more after its start
    world.until("a listener at rest", || minute(Duration::from_secs(2)).is_empty().then_some(()));
    let asked_at_rest = minute(Duration::from_secs(65));
    assert!(asked_at_rest.len() <= 2, "{asked_at_rest:#?}");

    // it rests, but it is no deaf one: what it follows it follows still
    let events = world.cluster.audit().since(start).unwrap();
    for (what, rests) in [("deployments", 1), ("namespaces", 1), ("pods", 1)] {
        let watches: Vec<_> = events
            .iter()
            .filter(|event| {
                event.user.username == agent && event.verb == "watch" && event.object_ref.resource == what
            })
            .collect();
        let is = |stage| watches.iter().filter(|event| event.stage == stage).count();
        assert_eq!(is("ResponseStarted"), is("ResponseComplete") + rests, "{rests} of {what}: {watches:#?}");
    }
}

/// An agent's container as its runtime sees it.
pub(crate) struct Task {
    id: String,
    pid: u32,
}

impl Task {
    fn id(pod: &Value) -> String {
        text(status_of(pod, AGENT), "/containerID").trim_start_matches("containerd://").to_owned()
    }

    fn of(world: &World, pod: &Value) -> Self {
        Self::find(world, pod).unwrap_or_else(|| panic!("{} does not run", Self::id(pod)))
    }

    /// The container that a pod's status tells of, if that one runs: the status may lag behind a restart.
    pub(crate) fn find(world: &World, pod: &Value) -> Option<Self> {
        let id = Self::id(pod);
        let tasks = ctr(world, &["tasks", "list"]);
        let line = tasks.lines().find(|line| line.starts_with(&id))?;
        let pid = line.split_whitespace().nth(1).and_then(|pid| pid.parse().ok())?;
        Some(Self { id, pid }).filter(Self::runs)
    }

    /// Whether its first process is there, and no zombie.
    fn runs(&self) -> bool {
        let stat = std::fs::read_to_string(Path::new("/proc").join(self.pid.to_string()).join("stat"));
        stat.is_ok_and(|stat| {
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
        })
    }

    /// `kill -9`, behind the kubelet's back.
    pub(crate) fn kill(&self, world: &World) {
        ctr(world, &["tasks", "kill", "-s", "SIGKILL", &self.id]);
    }
}

fn ctr(world: &World, args: &[&str]) -> String {
    let socket = world.cluster.state().path("containerd/containerd.sock");
    let mut command = Command::new(world.cluster.tool("ctr"));
    let said = command.arg("--address").arg(socket).args(["-n", "k8s.io"]).args(args).output().unwrap();
    assert!(said.status.success(), "ctr {args:?}: {}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8_lossy(&said.stdout).into_owned()
}

/// A registry that comes back, also when a proof fails while it is away.
struct Resumed<'a>(test_cluster::part::Server<'a>);

impl Drop for Resumed<'_> {
    fn drop(&mut self) {
        let _ = self.0.resume();
    }
}
