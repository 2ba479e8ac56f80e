//! `native_05`: what a person does to a build by hand, in every phase, while its chain turns.

use serde_json::Value;

use crate::gate::Gate;
use crate::start::GLOB;
use crate::world::{World, gated, keys};

/// A build that says something, and comes to no end by itself.
const ENDLESS: &str = "echo begun; sleep 100000";

/// The smallest pipeline with support, whose agents are missed soon.
fn pipeline(world: &World) -> String {
    let keys = GLOB.replacen("keel.sh/policy", "studioci.dev/adopt-after: 20s\n    keel.sh/policy", 1);
    assert_ne!(keys, GLOB, "{GLOB}");
    world.pipeline("build-0001", &keys) + &world.support()
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

/// The number of a chain's first side build.
const SIDE: u64 = 90_000_001;

/// The keys of Keel on whatever Deployment there is in a namespace.
fn keel_keys(world: &World, namespace: &str) -> Vec<String> {
    let all = world.get(&["deployments", "-n", namespace]);
    let of = |it: &Value| [keys(&it["metadata"]["labels"]), keys(&it["metadata"]["annotations"])].concat();
    let all = all["items"].as_array().unwrap().iter().flat_map(of);
    all.filter(|key| key.to_lowercase().starts_with("keel.sh/")).collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_what_is_triggered_by_hand_runs_beside_a_chain_that_turns() {
    let world = World::new("native-05t");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    // the chain's own build has the only slot
    push(&world, 1, &gated("go", 0));
    world.phase(1, "Building");
    world.phase(2, "Listening");
    let keel = world.keel.as_ref().filter(|keel| keel.obeys());
    // so that nobody but a hand sees the next image for now
    if let Some(keel) = keel {
        keel.order("stop");
    }
    let digest = world.push("build-0003", "3", "exit 0");
    let dry = world.studioci(&["trigger", world.chain, "--dry-run=server"]).ok();
    assert!(
        dry.starts_with("namespace/native-05t-") && dry.ends_with(" created (server dry run)\n"),
        "{dry}"
    );
    assert_eq!(world.build(SIDE), None);
    let made = world.studioci(&["trigger", world.chain, "--tag", "build-0003", "-o", "name"]).ok();
    let side = made.trim().strip_prefix("namespace/").unwrap().to_owned();
    world.phase(SIDE, "Queued");
    assert_eq!(world.namespace(SIDE), side);
    assert_eq!(keel_keys(&world, &side), [""; 0], "Keel never sees it");
    let table = world.studioci(&["status", world.chain]).ok();
    assert!(table.contains("side-1"), "{table}");
    world.open("go");
    assert_eq!((world.verdict(1), world.verdict(SIDE)), ("Passed".to_owned(), "Passed".to_owned()));
    let build = world.phase(SIDE, "Finished");
    assert_eq!((&build["spec"]["side"], &build["status"]["tag"]), (&"trigger".into(), &"build-0003".into()));
    assert_eq!(build["status"]["digest"], digest);
    assert_eq!(build["status"]["successor"], Value::Null, "nobody listens after it");
    if let Some(keel) = keel {
        assert_eq!(world.build(2).unwrap()["status"]["phase"], "Listening");
        let head = world.get(&["configmap", &format!("chain-{}", world.chain), "-n", "studioci"]);
        assert!(head["data"]["built.2"].is_null() && head["data"]["generation"] == "2", "{head}");
        keel.order("start");
    }

    // the same image, pushed: built, though it has passed by hand
    assert_eq!(world.verdict(2), "Passed");
    assert_eq!(world.build(2).unwrap()["status"]["digest"], digest);
    world.phase(3, "Listening");

    // somebody who may use studioci, and nothing else
    let [flag, config] = user(&world, "emil");
    let args = ["trigger", world.chain, &flag, &config, "--wait", "--timeout", "2m"];
    let said = world.studioci(&args);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(world.build(SIDE + 1).unwrap()["status"]["tag"], "build-0003", "the newest");

    // what has not begun goes with its chain
    world.studioci(&["trigger", world.chain, "--tag", "not-there"]).ok();
    let waits = world.namespace(SIDE + 2);
    world.studioci(&["stop", world.chain]).ok();
    world.until("it goes", || (world.kubectl(&["get", "namespace", &waits]).code != 0).then_some(()));
    let ended = world.studioci(&["trigger", world.chain]).failed(2);
    assert!(ended.contains("chain native-05t has ended"), "{ended}");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_05_a_failed_build_is_tried_again_with_its_own_image_and_passes() {
    let world = World::new("native-05r");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let said = world.studioci(&["retry", &world.namespace(1)]).failed(2);
    assert!(said.contains("is a listener: nothing was built there yet"), "{said}");
    let failed = push(&world, 1, "[ -e /gate/mended ] || exit 3");
    assert_eq!(world.verdict(1), "Failed");
    let digest = world.build(1).unwrap()["status"]["digest"].clone();
    // its tag means another image by now
    world.push("build-0002", "other", "exit 7");
    world.open("mended");
    let said = world.studioci(&["retry", &failed, "--wait", "--timeout", "2m"]);
    assert_eq!(said.code, 0, "{said:?}");
    let again = world.phase(SIDE, "Finished");
    assert_eq!(
        (&again["spec"]["side"], &again["spec"]["retryOf"]),
        (&"retry".into(), &failed.as_str().into())
    );
    assert_eq!((&again["status"]["digest"], &again["status"]["verdict"]), (&digest, &"Passed".into()));
    assert_eq!(world.phase(1, "Finished")["status"]["verdict"], "Failed", "it stays what it was");
    let report = world.studioci(&["report", &world.namespace(SIDE)]).ok();
    assert!(report.contains(&failed), "{report}");

    // of what is gone home knows enough, as long as its text is its chain's
    world.studioci(&["cleanup", &failed, "--wait", "--timeout", "2m"]).ok();
    let said = world.studioci(&["retry", &failed, "--wait", "--timeout", "2m"]);
    assert_eq!(said.code, 0, "{said:?}");
    let again = world.phase(SIDE + 1, "Finished");
    assert_eq!((&again["status"]["digest"], &again["spec"]["retryOf"]), (&digest, &failed.as_str().into()));
    assert_eq!(world.phase(2, "Listening")["status"]["phase"], "Listening", "the chain takes no notice");
}
