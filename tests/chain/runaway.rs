//! `chain_16`: no push stops a chain, however its template runs away, and no flood of events keeps a verdict from being
//! recorded. What agents and the children that render take is measured meanwhile, and printed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bad::PUSHED;
use crate::start::GLOB;
use crate::world::{AGENT, World, status_of};

#[path = "../support/smallest.rs"]
mod smallest;
#[path = "../support/runaway.rs"]
mod templates;

use templates::Met;

/// The templates that stopped a chain once, and one more for each bound.
const PUSHES: [&str; 10] = [
    "doubled-variable",
    "doubled-arrays",
    "many-lines-by-nested-loops",
    "growing-replace",
    "alias-bytes",
    "many-turns",
    "captured-output-that-grows",
    "nested-arrays",
    "many-nodes",
    "an-answer-that-grows-by-its-escapes",
];

/// Address space that a child may have, bytes.
const CHILD: u64 = 96 << 20;

/// The most that processes of a kind were seen to take, bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Taken {
    seen: usize,
    resident: u64,
    address_space: u64,
}

/// Looks at agents and their children for as long as it lives.
struct Watcher {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<BTreeMap<&'static str, Taken>>>,
}

impl Watcher {
    fn begin() -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut taken: BTreeMap<&str, Taken> = BTreeMap::new();
            while !ends.load(Ordering::Relaxed) {
                for pid in fs::read_dir("/proc").unwrap().flatten() {
                    look(&pid.path(), &mut taken);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            taken
        });
        Self { over, thread: Some(thread) }
    }

    fn end(mut self) -> BTreeMap<&'static str, Taken> {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap()
    }
}

/// A process that ends meanwhile is passed over.
fn look(process: &std::path::Path, taken: &mut BTreeMap<&'static str, Taken>) {
    let Ok(line) = fs::read(process.join("cmdline")) else { return };
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let kind = match words[..] {
        [_, b"agent", b"run", ..] => "agent",
        [_, b"render-child", ..] => "child",
        _ => return,
    };
    let status = fs::read_to_string(process.join("status")).unwrap_or_default();
    let of = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).map(|kib| kib << 10)
    };
    let (Some(resident), Some(address_space)) = (of("VmHWM:"), of("VmPeak:")) else { return };
    let most = taken.entry(kind).or_default();
    most.seen += 1;
    most.resident = most.resident.max(resident);
    most.address_space = most.address_space.max(address_space);
}

/// Bytes of a quantity that a listener's limit is written in.
fn mebibytes(quantity: &str) -> u64 {
    quantity.strip_suffix("Mi").unwrap().parse::<u64>().unwrap() << 20
}

/// Of the listener of a generation: how often its agent was started again, and the limit of its memory.
fn agent_of(world: &World, namespace: &str) -> (u64, u64) {
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
    let restarts = pods["items"].as_array().unwrap().iter();
    let restarts = restarts.map(|pod| status_of(pod, AGENT)["restartCount"].as_u64().unwrap_or(0)).max();
    let listener = world.get(&["deployment", "build", "-n", namespace]);
    let containers = listener["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    let agent = containers.iter().find(|container| container["name"] == AGENT).unwrap();
    (restarts.unwrap_or(0), mebibytes(agent["resources"]["limits"]["memory"].as_str().unwrap()))
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_16_no_push_stops_a_chain() {
    let world = World::new("chain-16");
    let watcher = Watcher::begin();
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let limit = {
        world.phase(1, "Listening");
        agent_of(&world, &world.namespace(1)).1
    };

    let image = format!("{}:build-0001", world.image());
    let mut pushes: Vec<(&str, String, Vec<&str>)> = PUSHES
        .into_iter()
        .map(|name| {
            let (_, template, met) = templates::RUNAWAY.iter().find(|(known, ..)| *known == name).unwrap();
            // the chain's own image, or that would be what is wrong with it
            let template = template().replace("registry.example/team/ci:build-0001", &image);
            (name, template, met.iter().map(|met| met.words()).collect())
        })
        .collect();
    // as many tags as an image's file can hold; a program that was built to be small renders them within its bounds
    let tags = format!("#{}\n{}", "{{1}}".repeat(52_000), smallest::GOOD);
    let whether_rendered =
        vec![Met::Memory.words(), Met::Cpu.words(), "the image is now registry.example/team/ci"];
    pushes.push(("many-tags", tags, whether_rendered));

    let mut report = String::new();
    let mut generation = 0;
    for (name, template, says) in &pushes {
        generation += 1;
        world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        world.push_with(&tag, name, "exit 0", &[(PUSHED, template)], &[]);
        world.phase(generation, "Triggered");
        let begun = Instant::now();
        assert_eq!(world.verdict(generation), "Errored", "{name}");
        let took = begun.elapsed();
        let build = world.build(generation).unwrap();
        let cause = build["status"]["cause"].as_str().unwrap();
        writeln!(report, "{name}: Errored after {:.1} s: {cause:.120}", took.as_secs_f32()).unwrap();
        assert!(cause.starts_with("the pushed pipeline cannot be used: "), "{name}: {cause}");
        assert!(says.iter().any(|says| cause.contains(says)), "{name}: {cause}");
        let namespace = build["metadata"]["name"].as_str().unwrap();
        let annotations = &world.get(&["namespace", namespace])["metadata"]["annotations"];
        assert_eq!(annotations["studioci.dev/trying"], Value::Null, "{name}: it is over");
        assert_eq!(agent_of(&world, namespace).0, 0, "{name}: its agent never ended");
    }

    // plain `start` says that the chain listens, since it does
    generation += 1;
    world.phase(generation, "Listening");
    let again = ["start", "-f", &file, "--chain", world.chain];
    assert!(world.studioci(&again).ok().contains("chain/chain-16 unchanged"));
    // and not where nobody does
    let namespace = world.namespace(generation);
    let scale = |count: &str| {
        let replicas = format!("--replicas={count}");
        world.kubectl(&["scale", "-n", &namespace, "deployment/build", &replicas]).ok();
    };
    scale("0");
    let said = world.studioci(&[&again[..], &["--timeout", "3s"]].concat()).failed(4);
    assert!(said.contains("nobody listens: namespace"), "{said}");
    assert!(said.contains("was scaled to 0"), "{said}");
    scale("1");
    assert!(world.studioci(&again).ok().contains("chain/chain-16 unchanged"));

    // the next good push is built, without anybody's help
    world.push(&format!("build-{:04}", generation + 1), "good", "exit 0");
    assert_eq!(world.verdict(generation), "Passed");

    flooded(&world, generation + 1, &mut report);
    let taken = watcher.end();
    let mebi = |bytes: u64| bytes >> 20;
    for (kind, most) in &taken {
        let (resident, space) = (mebi(most.resident), mebi(most.address_space));
        writeln!(
            report,
            "{kind}: at most {resident} MiB resident, {space} MiB of address space ({} looks)",
            most.seen
        )
        .unwrap();
    }
    measured(&report);
    let (agent, child) = (taken["agent"], taken["child"]);
    assert!(child.address_space <= CHILD, "{child:?}");
    assert!(agent.resident + CHILD <= limit / 10 * 8, "{agent:?} of {limit}");
}

/// Says aloud what was measured, also where the proof holds.
fn measured(report: &str) {
    std::io::stderr().write_all(report.as_bytes()).unwrap();
}

/// A build that may create events writes 700 of 200 KB each, about its own Job and pod; its verdict is recorded, and the
/// next push is built.
fn flooded(world: &World, generation: u64, report: &mut String) {
    let account = "apiVersion: v1
kind: ServiceAccount
metadata: {name: builder}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: builder}
rules: [{apiGroups: [\"\"], resources: [events], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: builder}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: builder}
subjects: [{kind: ServiceAccount, name: builder}]
---
";
    let pipeline = world.pipeline("build-0001", GLOB);
    let pipeline =
        pipeline.replace("      containers:", "      serviceAccountName: builder\n      containers:");
    let tag = |more: u64| format!("build-{:04}", generation + more);
    world.phase(generation, "Listening");
    let script = "touch /gate/floods; while ! [ -e /gate/flooded ]; do sleep 0.2; done";
    world.push_with(&tag(1), "flood", script, &[(PUSHED, &format!("{account}{pipeline}"))], &[]);
    world.until("the build runs", || world.was_opened("floods").then_some(()));
    let namespace = world.namespace(generation);
    let job = world.get(&["job", "studioci-build", "-n", &namespace]);
    let pods = world.get(&["pods", "-n", &namespace, "-l", "batch.kubernetes.io/job-name=studioci-build"]);
    let about = [("Job", &job["metadata"]), ("Pod", &pods["items"][0]["metadata"])];
    let builder = format!("--as=system:serviceaccount:{namespace}:builder");
    for batch in 0..14 {
        let events: Vec<Value> = (0..50)
            .map(|number| {
                let (kind, of) = about[number % 2];
                json!({
                    "apiVersion": "v1", "kind": "Event", "type": "Warning",
                    "metadata": { "name": format!("flood-{batch}-{number}"), "namespace": namespace },
                    "involvedObject": { "kind": kind, "name": of["name"], "namespace": namespace, "uid": of["uid"] },
                    "reason": "FailedCreate", "message": "x".repeat(200_000),
                    "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2036-01-01T00:00:00Z", "count": 1,
                })
            })
            .collect();
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": events });
        let file = world.file("flood.json", &list.to_string());
        world.kubectl(&["create", "--validate=false", &builder, "-f", &file]).ok();
    }
    world.open("flooded");
    let begun = Instant::now();
    assert_eq!(world.verdict(generation), "Passed");
    writeln!(report, "700 events of 200 KB: Passed recorded after {:.1} s", begun.elapsed().as_secs_f32())
        .unwrap();
    assert_eq!(agent_of(world, &namespace).0, 0, "its agent never ended");
    let history = world.get(&["configmap", "history-chain-16", "-n", "studioci"]);
    let entry = history["data"][format!("build.{generation:08}")].as_str().unwrap();
    assert!(entry.len() < 100_000, "{} bytes", entry.len());
    world.phase(generation + 1, "Listening");
    world.push(&tag(2), "after the flood", "exit 0");
    assert_eq!(world.verdict(generation + 1), "Passed");
}
