//! `native_05`: what a person does to a build by hand, in every phase, while its chain turns.

use serde_json::Value;

use crate::gate::Gate;
use crate::start::GLOB;
use crate::world::World;

/// A build that says something, and comes to no end by itself.
const ENDLESS: &str = "echo begun; sleep 100000";

/// The smallest pipeline with support, whose agents are missed soon.
fn pipeline(world: &World) -> String {
    let image = world.image();
    let keys = GLOB.replacen("keel.sh/policy", "studioci.dev/adopt-after: 20s\n    keel.sh/policy", 1);
    assert_ne!(keys, GLOB, "{GLOB}");
    format!(
        "{}---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: db}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: db, image: \"{image}:build-0001\", command: [sleep, infinity]}}]
",
        world.pipeline("build-0001", &keys)
    )
}

fn push(world: &World, generation: u64, script: &str) -> String {
    world.phase(generation, "Listening");
    let tag = format!("build-{:04}", generation + 1);
    world.push(&tag, &tag, script);
    world.phase(generation, "Triggered");
    world.namespace(generation)
}

/// What is left of a build that was cancelled.
fn is_cancelled(world: &World, generation: u64, cause: &str) {
    let build = world.phase(generation, "Finished");
    let (name, status) = (build["metadata"]["name"].as_str().unwrap(), &build["status"]);
    assert_eq!((&status["verdict"], &status["cause"]), (&"Cancelled".into(), &cause.into()), "{name}");
    assert_eq!(status["dispatch"], "done", "{name}");
    let left = |kind: &str| world.get(&[kind, "-n", name])["items"].as_array().unwrap().clone();
    assert_eq!(left("jobs"), Vec::<Value>::new(), "{name}: nobody can resume it");
    let replicas = |it: &Value| it["spec"]["replicas"].as_u64();
    world.until("support is at 0", || {
        left("deployments").iter().all(|it| replicas(it) == Some(0)).then_some(())
    });
    world.until("no pod of it runs", || {
        let builds = |pod: &&Value| pod["metadata"]["labels"]["studioci.dev/role"] == "build";
        left("pods").iter().find(builds).is_none().then_some(())
    });
    let head = world.get(&["configmap", &format!("chain-{}", world.chain), "-n", "studioci"]);
    assert!(head["data"][format!("slot.{generation}")].is_null(), "{name}: {head}");
    let history = world.get(&["configmap", &format!("history-{}", world.chain), "-n", "studioci"]);
    let entry = history["data"][format!("build.{generation:08}")].as_str().unwrap();
    let entry: Value = serde_json::from_str(entry).unwrap();
    assert_eq!((&entry["verdict"], &entry["cause"]), (&status["verdict"], &status["cause"]), "{name}");
    assert_eq!(world.studioci(&["watch", name]).code, 1, "{name}");
}

/// Somebody bound to `studioci-user`, and nothing else: the flags by which they call.
fn user(world: &World, name: &str) -> [String; 2] {
    let config = world.cluster.kubeconfig_for(name, &[]).unwrap();
    let (binding, user) = (format!("studioci-user-{name}"), format!("--user={name}"));
    let _ = world.kubectl(&["delete", "clusterrolebinding", &binding, "--ignore-not-found"]);
    let _ = world.kubectl(&["delete", "rolebinding", &binding, "-n", "studioci", "--ignore-not-found"]);
    world.kubectl(&["create", "clusterrolebinding", &binding, "--clusterrole=studioci-user", &user]).ok();
    world.kubectl(&["create", "rolebinding", &binding, "-n", "studioci", "--role=studioci-user", &user]).ok();
    world.until("the rights have reached the authorizer", || {
        let may = |what: [&str; 4]| {
            world.kubectl(&[&["auth", "can-i", &format!("--as={name}")], &what[..]].concat()).code == 0
        };
        let both =
            may(["create", "rolebindings", "-n", "default"]) && may(["get", "secrets", "-n", "studioci"]);
        both.then_some(())
    });
    ["--kubeconfig".to_owned(), config.display().to_string()]
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_a_build_is_cancelled_in_every_phase_and_the_chain_goes_on() {
    const BY_HAND: &str = "cancelled by hand";
    let world = World::new("native-05");
    let gate = Gate::new(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();

    // nothing was pushed yet
    let listener = world.namespace(1);
    let said = world.studioci(&["cancel", &listener]).failed(2);
    assert!(said.contains("is a listener") && said.contains("kubectl studioci stop native-05"), "{said}");
    let said = world.studioci(&["cancel", world.chain]).failed(2);
    assert!(said.starts_with("error: no build of chain native-05 runs"), "{said}");

    let stands = [("Triggered", "Detached"), ("Detached", "Preparing"), ("Preparing", "Building")];
    for (generation, (phase, next)) in (1..).zip(stands) {
        world.phase(generation, "Listening");
        gate.shut(generation, next);
        let name = push(&world, generation, ENDLESS);
        let agent = gate.waits(generation, phase, next);
        let dry = world.studioci(&["cancel", &name, "--dry-run=server"]).ok();
        assert_eq!(dry, format!("namespace/{name} cancelled (server dry run)\n"));
        assert_eq!(
            world.studioci(&["cancel", &name]).ok(),
            format!("namespace/{name} cancelled\n"),
            "{phase}"
        );
        assert_eq!(
            world.studioci(&["cancel", &name]).ok(),
            format!("namespace/{name} unchanged\n"),
            "{phase}"
        );
        agent.kill(&world);
        gate.open(generation);
        is_cancelled(&world, generation, BY_HAND);
    }

    // somebody who did not make it, of a build that runs; and the one that waits behind it, first
    let building = push(&world, 4, ENDLESS);
    world.phase(4, "Building");
    let said = |name: &str| world.studioci(&["logs", name, "-c", "build"]);
    world.until("the build says something", || said(&building).out.contains("begun").then_some(()));
    let queued = push(&world, 5, ENDLESS);
    world.phase(5, "Queued");
    let several = world.studioci(&["cancel", world.chain]).failed(2);
    assert!(
        several.contains(&format!("several builds of chain native-05 run: {building}, {queued}")),
        "{several}"
    );
    let [flag, config] = user(&world, "emil");
    let cancel =
        |name: &str, more: &[&str]| world.studioci(&[&["cancel", name, &flag, &config], more].concat());
    let dry = cancel(&queued, &["--dry-run=client"]).failed(3);
    assert!(dry.contains("without --dry-run you are bound to ClusterRole studioci-workspace there"), "{dry}");
    assert_eq!(cancel(&format!("namespace/{queued}"), &["-o", "name"]).ok(), format!("namespace/{queued}\n"));
    is_cancelled(&world, 5, BY_HAND);
    assert_eq!(world.phase(4, "Building")["status"]["phase"], "Building");
    let waited = cancel(world.chain, &["--wait", "--timeout", "1m"]);
    assert_eq!(waited.err, format!("build 4 of chain native-05 is {building}\n"));
    assert_eq!(waited.ok(), format!("namespace/{building} cancelled\n"));
    is_cancelled(&world, 4, BY_HAND);
    assert!(said(&building).ok().contains("begun"), "its log was kept");

    // its agent is gone for good: the next listener does it
    let orphan = push(&world, 6, ENDLESS);
    world.phase(6, "Building");
    world.phase(7, "Listening");
    world.kubectl(&["delete", "deployment", "build", "-n", &orphan]).ok();
    world.studioci(&["cancel", &orphan, "--wait", "--timeout", "2m"]).ok();
    is_cancelled(&world, 6, BY_HAND);

    // what has ended keeps its verdict, and the chain has lost nothing
    let passed = push(&world, 7, "exit 0");
    assert_eq!(world.verdict(7), "Passed");
    let over = world.studioci(&["cancel", &passed]).failed(2);
    assert!(over.starts_with(&format!("error: build {passed} is already Passed\n")), "{over}");
    let gone = world.studioci(&["cancel", "nobody"]).failed(2);
    assert!(gone.starts_with("error: there is no chain and no build called \"nobody\""), "{gone}");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_the_newest_push_wins_where_a_chain_is_started_so() {
    let world = World::new("native-05n");
    world.push("build-0001", "1", "exit 0");
    let document = "apiVersion: v1
kind: Namespace
metadata: {name: any, annotations: {studioci.dev/supersede: \"true\"}}
---
";
    let file = world.file("p.yaml", &format!("{document}{}", pipeline(&world)));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    push(&world, 1, ENDLESS);
    world.phase(1, "Building");
    let second = push(&world, 2, ENDLESS);
    is_cancelled(&world, 1, &format!("superseded by generation 2 (build-0003) in {second}"));
    world.phase(2, "Building");
    let third = push(&world, 3, "exit 0");
    is_cancelled(&world, 2, &format!("superseded by generation 3 (build-0004) in {third}"));
    assert_eq!(world.verdict(3), "Passed");
    world.phase(4, "Listening");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_a_chain_that_begins_too_many_builds_pauses_and_loses_nothing() {
    let world = World::new("native-05h");
    world.push("build-0001", "1", "exit 0");
    let limited = |limit: u32| {
        let keys = format!("studioci.dev/max-per-hour: \"{limit}\"\n    keel.sh/policy");
        world.pipeline("build-0001", &GLOB.replacen("keel.sh/policy", &keys, 1))
    };
    let file = world.file("p.yaml", &limited(2));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    for generation in [1, 2] {
        push(&world, generation, "exit 0");
        assert_eq!(world.verdict(generation), "Passed");
    }
    world.phase(3, "Listening");
    for tag in ["build-0004", "build-0005"] {
        world.push(tag, tag, "exit 0");
        world.until(&format!("the listener is at {tag} and says that it pauses"), || {
            let why = world.build(3)?["status"]["why"].as_str()?.to_owned();
            let listener = world.get(&["deployment", "build", "-n", &world.namespace(3)]);
            let image = listener["spec"]["template"]["spec"]["containers"][1]["image"].as_str()?.to_owned();
            (why.starts_with("paused until ") && image.ends_with(tag)).then_some(())
        });
    }
    assert_eq!(world.build(3).unwrap()["status"]["phase"], "Listening");
    let table = world.studioci(&["status", world.chain]).ok();
    assert!(table.contains("2 builds of this chain have begun within an hour"), "{table}");

    // whoever allows more need not wait
    let file = world.file("p.yaml", &limited(60));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    assert_eq!(world.verdict(4), "Passed");
    assert_eq!(world.build(4).unwrap()["status"]["tag"], "build-0005", "the newest, and not the one before");
}
