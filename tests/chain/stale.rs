//! `chain_09`: a stale write of Keel, in every phase, is undone and disturbs nothing.
//!
//! Keel plans a write on its copy of a Deployment and sends it whole, so what lands late brings back keys, image and
//! replicas of the time when it was planned. Up to 0.22.1 it carries the copy's version and is refused; after that it
//! overwrites. The stand-in holds such a write back until the build is where it is wanted; and the same copy written
//! by the proof itself shows it with any Keel.

use serde_json::Value;

use crate::gate::{ASLEEP, Gate};
use crate::retag::not_shown;
use crate::start::GLOB;
use crate::world::{Said, World, ci_image_of, gated, keys};

/// What must stay as it is while a stale write comes and goes.
#[derive(Debug, PartialEq)]
struct Undisturbed {
    jobs: Vec<Value>,
    builds: Vec<Value>,
    namespaces: Vec<Value>,
}

impl Undisturbed {
    fn of(world: &World, namespace: &str) -> Self {
        let uids = |args: &[&str]| {
            let list = world.get(args);
            list["items"].as_array().unwrap().iter().map(|one| one["metadata"]["uid"].clone()).collect()
        };
        Self {
            jobs: uids(&["jobs", "-n", namespace]),
            builds: uids(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]),
            namespaces: uids(&["ns", "-l", &format!("studioci.dev/chain={}", world.chain)]),
        }
    }
}

fn listener(world: &World, namespace: &str) -> Value {
    world.get(&["deployment", "build", "-n", namespace])
}

fn live_keys(deployment: &Value) -> Vec<String> {
    let mut all = keys(&deployment["metadata"]["annotations"]);
    all.extend(keys(&deployment["metadata"]["labels"]));
    all.retain(|key| key.starts_with("keel.sh/"));
    all
}

/// Waits until a listener has no live key, its policy is parked, and it has these replicas.
fn undone(world: &World, namespace: &str, replicas: u64, phase: &str) {
    world.until(&format!("the stale write in {phase} undone"), || {
        let deployment = listener(world, namespace);
        let parked = &deployment["metadata"]["annotations"]["parked.studioci.dev/policy"];
        let done = live_keys(&deployment).is_empty() && parked == "glob:build-*";
        (done && deployment["spec"]["replicas"] == replicas).then_some(())
    });
}

/// Which Deployment a listener is, and how often it was changed.
fn untouched(world: &World, namespace: &str) -> (Value, Value) {
    let deployment = listener(world, namespace);
    (deployment["metadata"]["uid"].clone(), deployment["metadata"]["generation"].clone())
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_09_a_stale_copy_of_the_listener_is_undone_in_every_phase() {
    let world = World::new("chain-09-copy");
    let gate = Gate::new(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    gate.shut(1, "Triggered");
    world.push("build-0002", "2", &gated("one", 0));
    gate.waits(1, "Listening", "Triggered");
    let stale = Copy::of(&world, &first);
    let before = Undisturbed::of(&world, &first);
    assert_eq!(before.jobs.len(), 0);

    gate.shut(1, "Detached");
    gate.waits(1, "Triggered", "Detached");
    stale.lands(&world, 1, "Triggered");
    assert_eq!(Undisturbed::of(&world, &first), before, "nothing is made for it");

    gate.shut(1, "Preparing");
    gate.waits(1, "Detached", "Preparing");
    let second = world.phase(2, "Listening")["metadata"]["name"].as_str().unwrap().to_owned();
    let next = untouched(&world, &second);
    stale.lands(&world, 1, "Detached");

    gate.shut(1, "Building");
    gate.waits(1, "Preparing", "Building");
    stale.lands(&world, 1, "Preparing");

    gate.shut(1, "Recorded");
    runs(&world, &first);
    let building = Undisturbed::of(&world, &first);
    assert_eq!((building.jobs.len(), building.builds.len(), building.namespaces.len()), (1, 1, 2));
    stale.lands(&world, 1, "Building");
    assert_eq!(Undisturbed::of(&world, &first), building);
    assert_eq!(untouched(&world, &second), next, "the next listener is another Deployment");

    // the second build waits for the first
    gate.shut(2, "Triggered");
    world.push("build-0003", "3", "exit 0");
    gate.waits(2, "Listening", "Triggered");
    let later = Copy::of(&world, &second);
    gate.open(2);
    world.phase(2, "Queued");
    world.phase(3, "Listening");
    later.lands(&world, 1, "Queued");
    assert_eq!(world.build(2).unwrap()["status"]["phase"], "Queued");
    assert_eq!(Undisturbed::of(&world, &second).jobs.len(), 0);

    world.open("one");
    gate.waits(1, "Building", "Recorded");
    stale.lands(&world, 1, "Building");
    gate.shut(1, "Finished");
    gate.waits(1, "Recorded", "Finished");
    stale.lands(&world, 1, "Recorded");
    gate.shut(1, ASLEEP);
    gate.waits(1, "Finished", ASLEEP);
    stale.lands(&world, 1, "Finished");
    gate.open(1);
    undone(&world, &first, 0, "Finished");
    // and when the listener sleeps: it wakes, and does just that
    stale.lands(&world, 0, "sleep");
    let after = Undisturbed::of(&world, &first);
    assert_eq!((&after.jobs, &after.builds), (&building.jobs, &building.builds));

    for generation in [1, 2] {
        assert_eq!(world.verdict(generation), "Passed");
    }
    world.phase(2, "Finished");
    undone(&world, &second, 0, "Finished");
    assert_eq!(world.build(1).unwrap()["status"]["tag"], "build-0002");
    assert_eq!(world.builds().len(), 3, "two builds, and who listens");
    assert_eq!(world.build(3).unwrap()["status"]["phase"], "Listening");
}

/// A copy of a listener that Keel might have kept, with its live keys.
struct Copy {
    namespace: String,
    object: Value,
}

impl Copy {
    fn of(world: &World, namespace: &str) -> Self {
        let object = listener(world, namespace);
        assert!(!live_keys(&object).is_empty(), "{object}");
        Self { namespace: namespace.to_owned(), object }
    }

    /// Sent as it is: `kubectl replace` alone would read the version of today first, and put that in.
    fn put(&self, world: &World, object: &Value) -> Said {
        let file = world.file(&format!("{}.json", self.namespace), &object.to_string());
        let path = format!("/apis/apps/v1/namespaces/{}/deployments/build", self.namespace);
        world.kubectl(&["replace", "--raw", &path, "-f", &file])
    }

    /// Writes it in both ways: with the version of the copy, which is refused, and over whatever is there.
    fn lands(&self, world: &World, replicas: u64, phase: &str) {
        let refused = self.put(world, &self.object).failed(1);
        assert!(refused.contains("the object has been modified"), "{refused}");
        let mut object = self.object.clone();
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
        self.put(world, &object).ok();
        undone(world, &self.namespace, replicas, phase);
    }
}

/// A generation, the phase in which the write lands, and the phase that its agent is kept from meanwhile; none where
/// it stays by itself.
const LATE: [(u64, &str, Option<&str>); 7] = [
    (1, "Triggered", Some("Detached")),
    (2, "Detached", Some("Preparing")),
    (3, "Preparing", Some("Building")),
    (4, "Building", None),
    // behind the fourth, whose build runs on
    (5, "Queued", None),
    (6, "Recorded", Some("Finished")),
    (7, "Finished", Some(ASLEEP)),
];

/// The tag that triggers a generation; its build waits for the gate of that name.
fn tag(generation: u64) -> String {
    format!("build-{:04}", generation + 1)
}

/// Starts a chain of which no generation gets further than Listening, and pushes.
fn held_back(world: &World, gate: &Gate, generations: u64) {
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    (1..=generations).for_each(|generation| gate.shut(generation, "Triggered"));
    world.push(&tag(1), &tag(1), &gated(&tag(1), 0));
}

/// Keel plans a write on what it sees while `generation` is not detached yet, and is held before it sends it. Then the
/// generation goes on to where the write is to land. Its namespace.
fn late_for(world: &World, gate: &Gate, generation: u64, phase: &str, next: Option<&str>) -> String {
    let keel = world.keel.as_ref().unwrap();
    gate.waits(generation, "Listening", "Triggered");
    let namespace = world.namespace(generation);
    keel.order(&format!("hold PUT {namespace}/build"));
    let newer = tag(generation + 1);
    world.push(&newer, &newer, &gated(&newer, 0));
    keel.order("held 100");
    if phase == "Recorded" || phase == "Finished" {
        world.open(&tag(generation));
    }
    if let Some(next) = next {
        gate.shut(generation, next);
        gate.waits(generation, phase, next);
    } else {
        gate.open(generation);
        world.until(&format!("generation {generation} in {phase}"), || {
            (world.build(generation)?["status"]["phase"] == phase).then_some(())
        });
    }
    namespace
}

fn image(deployment: &Value) -> &str {
    ci_image_of(deployment)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_09_a_late_write_of_keel_is_undone_in_every_phase() {
    let world = World::new("chain-09-late");
    let keel = world.keel.as_ref().unwrap();
    if !keel.obeys() {
        return not_shown(
            "a real Keel writes late when it likes: that part is proved with the stand-in alone",
        );
    }
    let gate = Gate::new(&world);
    held_back(&world, &gate, 8);
    for (generation, phase, next) in LATE {
        let namespace = late_for(&world, &gate, generation, phase, next);
        if phase == "Building" {
            runs(&world, &namespace);
        }
        let before = Undisturbed::of(&world, &namespace);
        keel.order("release");
        let late = format!("{}:{}", world.image(), tag(generation + 1));
        world.until(&format!("the late write in {phase}"), || {
            (image(&listener(&world, &namespace)) == late).then_some(())
        });
        undone(&world, &namespace, 1, phase);
        assert_eq!(Undisturbed::of(&world, &namespace), before, "{phase}");
        gate.open(generation);
        match phase {
            "Building" => {}
            "Queued" => [generation - 1, generation].iter().for_each(|ended| world.open(&tag(*ended))),
            _ => world.open(&tag(generation)),
        }
    }
    for (generation, ..) in LATE {
        built_once(&world, generation);
    }
}

/// A generation has come to its end, with one Job and one pod for what triggered it.
fn built_once(world: &World, generation: u64) {
    assert_eq!(world.verdict(generation), "Passed", "{generation}");
    let build = world.phase(generation, "Finished");
    assert_eq!(build["status"]["tag"], tag(generation).as_str());
    let namespace = build["metadata"]["name"].as_str().unwrap();
    let there = Undisturbed::of(world, namespace);
    assert_eq!((there.jobs.len(), there.builds.len()), (1, 1), "{generation}");
    undone(world, namespace, 0, "Finished");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_09_a_late_write_of_an_older_keel_is_refused() {
    let world = World::with_keel("chain-09-old", &["--keel", "0.22.1"]);
    let keel = world.keel.as_ref().unwrap();
    if !keel.obeys() {
        return not_shown("which version a real Keel has is not ours to say: that part needs the stand-in");
    }
    let gate = Gate::new(&world);
    held_back(&world, &gate, 2);
    for (generation, phase, next) in [(1, "Detached", Some("Preparing")), (2, "Building", None)] {
        let namespace = late_for(&world, &gate, generation, phase, next);
        if phase == "Building" {
            runs(&world, &namespace);
        }
        let (before, there) = (listener(&world, &namespace), Undisturbed::of(&world, &namespace));
        keel.order("release");
        let failed = format!("\"what\":\"failed\",\"object\":\"{namespace}/build\"");
        world.until("a conflict", || keel.tail().contains(&failed).then_some(()));
        let now = listener(&world, &namespace);
        for part in ["metadata", "spec"] {
            assert_eq!(without_version(&now[part]), without_version(&before[part]), "{phase}");
        }
        assert_eq!(Undisturbed::of(&world, &namespace), there, "{phase}");
        gate.open(generation);
        world.open(&tag(generation));
    }
    for generation in [1, 2] {
        built_once(&world, generation);
    }
}

/// What nobody but a writer of the object changes; its status moves the version too.
fn without_version(part: &Value) -> Value {
    let mut part = part.clone();
    for key in ["resourceVersion", "managedFields"] {
        part.as_object_mut().unwrap().remove(key);
    }
    part
}

/// Waits until a build's pod runs.
fn runs(world: &World, namespace: &str) {
    world.until("a build that runs", || {
        let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=build"]);
        (pods["items"][0]["status"]["phase"] == "Running").then_some(())
    });
}
