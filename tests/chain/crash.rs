//! `chain_08`: killed anywhere and run again, a chain comes to the same end.

use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use studioci::chain::names;
use test_cluster::Part;
use uuid::Uuid;

use crate::gate::{ASLEEP, Agent, Gate};
use crate::proxy::Proxy;
use crate::same::{comes_to, listing};
use crate::start::GLOB;
use crate::world::{World, gated};

/// Where something may go wrong in the [`story`].
#[derive(Clone, Copy)]
enum Moment {
    BeforeStart,
    Started,
    Pushed,
    Queued,
    Ended,
}

/// Two builds, the second of which waits for the first. The digests of what was pushed.
fn story(world: &World, at: &dyn Fn(Moment)) -> Vec<String> {
    let mut digests = vec![world.push("build-0001", "1", "exit 0")];
    let file = world.file("p.yaml", &pipeline(world));
    at(Moment::BeforeStart);
    let start = world.studioci_aside(&["start", "-f", &file, "--chain", world.chain]);
    at(Moment::Started);
    start.wait().ok();
    digests.push(world.push("build-0002", "2", &gated("one", 0)));
    at(Moment::Pushed);
    world.phase(1, "Building");
    world.phase(2, "Listening");
    digests.push(world.push("build-0003", "3", "exit 0"));
    world.phase(2, "Queued");
    world.phase(3, "Listening");
    at(Moment::Queued);
    world.open("one");
    at(Moment::Ended);
    for generation in [1, 2] {
        assert_eq!(world.verdict(generation), "Passed");
        world.phase(generation, "Finished");
    }
    digests
}

/// A chain with support, so that there is something to scale.
fn pipeline(world: &World) -> String {
    let rest = "---
apiVersion: v1
kind: ConfigMap
metadata: {name: rest}
data: {a: b}
";
    world.pipeline("build-0001", GLOB) + &world.support() + rest
}

fn end_of(world: &World, digests: &[String]) -> Vec<String> {
    let (repository, gates) = (world.repository(), world.gates());
    let mut known = vec![(repository.as_str(), "REPOSITORY"), (gates.as_str(), "GATES")];
    known.extend(digests.iter().map(String::as_str).zip(["ONE", "TWO", "THREE"]));
    listing(world, world.chain, &known)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_08_an_agent_killed_in_every_phase_comes_to_the_same_end() {
    let calm = {
        let world = World::new("chain-08-calm");
        let digests = story(&world, &|_| {});
        world.until("a chain at rest", || {
            let end = end_of(&world, &digests);
            at_rest(&world, &end).then_some(end)
        })
    };
    assert!(calm.len() > 30, "{calm:#?}");

    let world = World::new("chain-08-kill");
    let gate = Gate::new(&world);
    // shut before the phase after `phase`, wait until the agent stands there, kill it, and let the next one further
    let kill = |generation: u64, way: &[(&str, &str)]| {
        for (step, (phase, next)) in way.iter().enumerate() {
            let agent = gate.waits(generation, phase, next);
            agent.destroy(&world);
            match way.get(step + 1) {
                Some((_, next)) => gate.shut(generation, next),
                None => gate.open(generation),
            }
        }
    };
    let digests = story(&world, &|at| match at {
        Moment::BeforeStart => gate.shut(1, "Listening"),
        Moment::Started => kill(1, &[("Claimed", "Listening")]),
        Moment::Pushed => {
            gate.shut(1, "Triggered");
            kill(
                1,
                &[
                    ("Listening", "Triggered"),
                    ("Triggered", "Detached"),
                    ("Detached", "Preparing"),
                    ("Preparing", "Building"),
                ],
            );
        }
        Moment::Queued => {
            queued(&world).destroy(&world);
            building(&world).destroy(&world);
            // of the process alone, and the API server with it
            building(&world).kill(&world);
            let server = world.cluster.server(Part::ApiServer);
            server.kill().unwrap();
            server.start().unwrap();
            world.cluster.wait_until_ready().unwrap();
            gate.shut(1, "Recorded");
        }
        Moment::Ended => {
            kill(1, &[("Building", "Recorded"), ("Recorded", "Finished"), ("Finished", ASLEEP)]);
        }
    });
    comes_to(&world, &calm, || end_of(&world, &digests));
}

/// The agent of the second build, which waits for the first.
fn queued(world: &World) -> Agent {
    world.until("an agent that waits for its slot", || {
        let agent = Agent::of(world, &world.namespace(2))?;
        agent.diary(world).contains("waiting: behind the build in").then_some(agent)
    })
}

/// The agent of the first build, whose Job runs.
fn building(world: &World) -> Agent {
    world.until("an agent that waits for its Job", || {
        let namespace = world.namespace(1);
        let told = world.get(&["ns", &namespace]);
        told["metadata"]["annotations"]["studioci.dev/job-uid"].as_str()?;
        Agent::of(world, &namespace)
    })
}

/// Whether nothing is on its way any more: nothing is being deleted or held by a controller, no set of pods differs from
/// what it is to be, and of all pods one runs.
fn at_rest(world: &World, end: &[String]) -> bool {
    let sets = world.get(&["replicasets", "-A"]);
    let settled = |set: &Value| set["status"]["replicas"] == set["spec"]["replicas"];
    let said = |what: &str| end.iter().filter(|line| line.contains(what)).count();
    sets["items"].as_array().unwrap().iter().all(settled)
        && said("\"going\":true") + said("batch.kubernetes.io/job-tracking") == 0
        && said("\"phase\":\"Running\"") == 1
}

/// What it only reads changes nothing, so that killed after a read is killed after the write before it.
#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_08_a_start_killed_after_any_write_and_repeated_comes_to_the_same_end() {
    let world = World::bare("chain-08-start");
    world.set_up();
    let digest = world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    let proxy = Proxy::new(&world);
    let kubeconfig = proxy.kubeconfig(&world);
    let start = |chain: &str| {
        let program = env!("CARGO_BIN_EXE_kubectl-studioci");
        let mut command = world.command(std::path::Path::new(program));
        command.args(["start", "-f", &file, "--chain", chain, "--kubeconfig", &kubeconfig]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    let end = |chain: &str| {
        let (repository, gates) = (world.repository(), world.gates());
        listing(&world, chain, &[(&repository, "REPOSITORY"), (&gates, "GATES"), (&digest, "ONE")])
    };
    proxy.dies_after(usize::MAX);
    assert!(start("undisturbed").wait().unwrap().success());
    let (writes, calm) = (proxy.writes(), end("undisturbed"));
    assert!(writes > 9 && calm.len() > 9, "{writes} writes: {calm:#?}");

    let chains: Vec<String> = (1..=writes).map(|last| format!("killed-after-{last}")).collect();
    for (last, chain) in (1..).zip(&chains) {
        proxy.dies_after(last);
        let mut child = start(chain);
        world.until("the write after which it is killed", || proxy.is_over().then_some(()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let again: Vec<_> =
        chains.iter().map(|chain| world.studioci_aside(&["start", "-f", &file, "--chain", chain])).collect();
    for start in again {
        start.wait().ok();
    }
    for chain in &chains {
        comes_to(&world, &calm, || end(chain));
    }
    let all = world.get(&["ns", "-l", "app.kubernetes.io/managed-by=studioci"]);
    assert_eq!(all["items"].as_array().unwrap().len(), 1 + 1 + writes, "home, and one namespace a chain");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_08_two_that_claim_past_a_terminating_name_make_one_namespace() {
    let world = World::bare("chain-08-two");
    world.set_up();
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    // what a `start` that was killed after its first writes leaves
    let (uuid, seed) = (Uuid::new_v4(), Uuid::new_v4());
    let meta = |name: String| {
        json!({
            "name": name, "namespace": "studioci",
            "labels": { "studioci.dev/chain": world.chain, "app.kubernetes.io/managed-by": "studioci" },
        })
    };
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": meta(format!("seed-{}", world.chain)),
        "stringData": { "seed": seed.to_string() },
    });
    let head = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": meta(format!("chain-{}", world.chain)),
        "data": { "uuid": uuid.to_string(), "generation": "1" },
    });
    // and the first name that it would take: ours, on its way out, and held there
    let names: Vec<String> = names::sequence(seed, 1, world.chain).take(2).collect();
    let first = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {
            "name": names[0],
            "labels": { "studioci.dev/chain": world.chain, "studioci.dev/phase": "Claimed", "app.kubernetes.io/managed-by": "studioci" },
            "annotations": {
                "studioci.dev/owner": names::owner(seed, 1).to_string(),
                "studioci.dev/chain-uuid": uuid.to_string(), "studioci.dev/generation": "1",
            },
        },
    });
    let blocker = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": "held", "namespace": names[0], "finalizers": ["example.com/held"] },
    });
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": [head, secret, first, blocker] });
    world.kubectl(&["create", "-f", &world.file("before.json", &list.to_string())]).ok();
    world.kubectl(&["delete", "ns", &names[0], "--wait=false"]).ok();
    world.until("a Terminating namespace", || {
        (world.get(&["ns", &names[0]])["status"]["phase"] == "Terminating").then_some(())
    });

    let args = ["start", "-f", &file, "--chain", world.chain];
    let starts = [world.studioci_aside(&args), world.studioci_aside(&args)];
    let mut said: Vec<String> = starts.into_iter().map(|start| start.wait().ok()).collect();
    said.sort();
    assert!(said[0].contains("started"), "{said:?}");
    let chain = format!("studioci.dev/chain={}", world.chain);
    let others = || {
        let all = world.get(&["ns", "-l", &chain]);
        let names_of = all["items"].as_array().unwrap().iter();
        let mut all: Vec<String> =
            names_of.map(|one| one["metadata"]["name"].as_str().unwrap().to_owned()).collect();
        all.retain(|name| *name != names[0]);
        all
    };
    assert_eq!(others(), [names[1].clone()], "the next name, once");
    let free = r#"[{"op":"remove","path":"/metadata/finalizers"}]"#;
    world.kubectl(&["patch", "configmap", "held", "-n", &names[0], "--type=json", "-p", free]).ok();
    world.until("the first name is free", || {
        (world.kubectl(&["get", "ns", &names[0]]).code != 0).then_some(())
    });
    // and now that it is, nobody takes it
    assert_eq!(world.studioci(&args).ok(), format!("chain/{} unchanged\n", world.chain));
    assert_eq!(others(), [names[1].clone()]);
    let head = world.get(&["configmap", &format!("chain-{}", world.chain), "-n", "studioci"]);
    assert_eq!(head["data"]["namespace"], names[1].as_str());
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_08_a_dispatch_that_quota_refuses_keeps_the_agent_until_it_is_done() {
    let world = World::new("chain-08-quota");
    let gate = Gate::new(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let first = world.namespace(1);
    // the next namespace is claimed, and before its listener comes there is a quota in it
    gate.listener(2, true);
    world.push("build-0002", "2", "exit 0");
    let second = world
        .until("the next namespace", || world.build(1)?["status"]["successor"].as_str().map(str::to_owned));
    let none = "--hard=count/deployments.apps=0";
    world.kubectl(&["create", "quota", "none-yet", none, "-n", &second]).ok();
    world.until("the quota counts", || {
        let quota = world.get(&["quota", "none-yet", "-n", &second]);
        quota["status"]["hard"]["count/deployments.apps"].is_string().then_some(())
    });
    gate.listener(2, false);

    // the build ends; the agent stays, and says why
    assert_eq!(world.verdict(1), "Passed");
    let build = world.until("a chain that is shown as broken", || {
        let build = world.build(1)?;
        let why = build["status"]["why"].as_str()?;
        (why.starts_with("chain is broken") && why.contains("exceeded quota: none-yet")).then_some(build)
    });
    assert_eq!(build["status"]["phase"], "Recorded", "{build}");
    assert_eq!(build["status"]["dispatch"], "claimed", "{build}");
    world.never("finished before its dispatch is done", Duration::from_secs(3), || {
        world.build(1).unwrap()["status"]["phase"] != "Recorded"
    });
    assert_eq!(world.get(&["deployment", "build", "-n", &first])["spec"]["replicas"], 1);
    let head = world.get(&["configmap", &format!("chain-{}", world.chain), "-n", "studioci"]);
    assert!(head["data"]["slot.1"].is_null(), "its slot is free: {head}");

    let more = r#"{"spec":{"hard":{"count/deployments.apps":"5"}}}"#;
    world.kubectl(&["patch", "quota", "none-yet", "-n", &second, "--type=merge", "-p", more]).ok();
    world.phase(1, "Finished");
    world.phase(2, "Listening");
    assert_eq!(world.namespace(2), second);
    assert_eq!(world.builds().len(), 2);
    assert_eq!(world.build(1).unwrap()["status"]["dispatch"], "done");
    world.push("build-0003", "3", "exit 0");
    assert_eq!(world.verdict(2), "Passed", "and the chain turns on");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_08_a_build_that_lost_its_agent_or_its_namespace_does_not_hold_up_the_chain() {
    let world = World::new("chain-08-gone");
    world.push("build-0001", "1", "exit 0");
    let text = pipeline(&world).replace(GLOB, &format!("{GLOB}\n    studioci.dev/adopt-after: 4s"));
    let file = world.file("p.yaml", &text);
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let building = |generation: u64| {
        world.until(&format!("the Job of generation {generation}"), || {
            let namespace = world.namespace(generation);
            let told = world.get(&["ns", &namespace])["metadata"]["annotations"].clone();
            Some((namespace, told["studioci.dev/job-uid"].as_str()?.to_owned()))
        })
    };
    let head =
        || world.get(&["configmap", &format!("chain-{}", world.chain), "-n", "studioci"])["data"].clone();

    // its Deployment is deleted by hand, while its Job runs and another build waits for it
    world.push("build-0002", "2", &gated("one", 0));
    let (first, job) = building(1);
    world.phase(2, "Listening");
    world.kubectl(&["delete", "deployment", "build", "-n", &first, "--wait=true"]).ok();
    world.push("build-0003", "3", &gated("two", 0));
    world.phase(2, "Queued");
    world.phase(3, "Listening");
    world.until("a later agent that knows of it", || {
        world.build(1)?["status"]["waiting"].as_str()?.contains("its agent is gone").then_some(())
    });
    assert_eq!(world.build(1).unwrap()["status"]["phase"], "Building", "its Job runs on");
    assert_eq!(world.build(2).unwrap()["status"]["phase"], "Queued");
    world.open("one");
    assert_eq!(world.verdict(1), "Passed");
    world.phase(1, "Finished");
    assert_eq!(world.get(&["job", "studioci-build", "-n", &first])["metadata"]["uid"], job.as_str());
    assert_eq!(world.get(&["deployment", "db", "-n", &first])["spec"]["replicas"], 0);
    assert!(head()["slot.1"].is_null());

    // the namespace of a build is deleted by hand, while another one waits for it
    let (second, _) = building(2);
    world.push("build-0004", "4", "exit 0");
    world.phase(3, "Queued");
    let third = world.namespace(3);
    world.phase(4, "Listening");
    world.kubectl(&["delete", "namespace", &second, "--wait=true"]).ok();
    assert_eq!(world.verdict(3), "Passed");
    let finished = world.phase(3, "Finished");
    assert_eq!(finished["metadata"]["name"], third.as_str());
    assert!(head().as_object().unwrap().keys().all(|key| !key.starts_with("slot.")), "{}", head());
    let history = world.get(&["configmap", &format!("history-{}", world.chain), "-n", "studioci"]);
    let verdicts: Vec<Value> = (1..=3)
        .map(|generation| {
            let entry = history["data"][format!("build.{generation:08}")].as_str().unwrap();
            let entry: Value = serde_json::from_str(entry).unwrap();
            json!([entry["verdict"], entry["namespace"]])
        })
        .collect();
    assert_eq!(verdicts, [json!(["Passed", first]), json!(["Errored", second]), json!(["Passed", third])]);
    assert_eq!(world.builds().len(), 3, "the first, the third, and who listens");
}
