//! `chain_11`: a chain is tidied: `cleanup`, `stop`, and `start` on a chain that lives or has ended. Nothing goes that
//! is not provably ours, finished and recorded; and of what goes, nothing is left anywhere.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{World, gated};

/// Somebody who is bound to `studioci-user`, and no admin; his bindings end with the proof.
struct User<'a> {
    world: &'a World,
    config: String,
}

const USER: &str = "erin";

impl<'a> User<'a> {
    fn new(world: &'a World) -> Self {
        let config = world.cluster.kubeconfig_for(USER, &[]).unwrap().display().to_string();
        let user = Self { world, config };
        user.unbind();
        let (name, subject) = (format!("studioci-user-{USER}"), format!("--user={USER}"));
        let role = "--role=studioci-user";
        world.kubectl(&["create", "rolebinding", &name, "-n", "studioci", role, &subject]).ok();
        let role = "--clusterrole=studioci-user";
        world.kubectl(&["create", "clusterrolebinding", &name, role, &subject]).ok();
        world.until("the user's rights have reached the authorizer", || {
            let args = ["auth", "can-i", "create", "namespaces", "--kubeconfig", &user.config];
            (world.kubectl(&args).code == 0).then_some(())
        });
        user
    }

    fn unbind(&self) {
        for kind in ["clusterrolebinding", "rolebinding"] {
            let name = format!("{kind}/studioci-user-{USER}");
            let _ = self.world.kubectl(&["delete", &name, "-n", "studioci", "--ignore-not-found"]);
        }
    }

    /// Arguments of the plugin, as him.
    fn with<'b>(&'b self, args: &[&'b str]) -> Vec<&'b str> {
        [args, &["--kubeconfig", &self.config]].concat()
    }
}

impl Drop for User<'_> {
    fn drop(&mut self) {
        self.unbind();
    }
}

/// Every object of every kind in the cluster, but for what the cluster's own parts write all the time.
fn objects(world: &World) -> Vec<Value> {
    let kinds = world.kubectl(&["api-resources", "--verbs=list", "-o", "name"]).ok();
    let noise = ["events", "leases", "componentstatuses", "nodes", "endpoints", "endpointslices", "metrics"];
    let kinds: Vec<&str> =
        kinds.lines().filter(|kind| !noise.contains(&kind.split('.').next().unwrap_or_default())).collect();
    let said = world.kubectl(&["get", &kinds.join(","), "-A", "-o", "json"]).ok();
    let list: Value = serde_json::from_str(&said).unwrap();
    list["items"].as_array().unwrap().clone()
}

/// The same as `Kind namespace/name`.
fn listing(world: &World) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = |object: &Value| {
        let meta = &object["metadata"];
        format!("{} {}/{}", text(&object["kind"]), text(&meta["namespace"]), text(&meta["name"]))
    };
    objects(world).iter().map(name).collect()
}

/// Waits until of these namespaces nothing is left: no object in them, none that they own, no binding of anybody in
/// them, none that is named after them.
fn nothing_left(world: &World, namespaces: &[&str]) {
    world.until(&format!("nothing is left of {namespaces:?}"), || {
        let of = |object: &Value| {
            let meta = &object["metadata"];
            let is = |value: &Value| namespaces.iter().any(|namespace| *value == **namespace);
            let owned = meta["ownerReferences"].as_array().is_some_and(|owners| {
                owners.iter().any(|owner| owner["kind"] == "Namespace" && is(&owner["name"]))
            });
            let bound =
                object["subjects"].as_array().is_some_and(|all| all.iter().any(|it| is(&it["namespace"])));
            let named =
                namespaces.iter().any(|it| meta["name"].as_str().is_some_and(|name| name.contains(it)));
            is(&meta["namespace"]) || owned || bound || named
        };
        (!objects(world).iter().any(of)).then_some(())
    });
}

fn deleted(namespace: &str) -> String {
    format!("namespace \"{namespace}\" deleted\n")
}

fn merge(world: &World, kind: &str, name: &str, namespace: &str, patch: &Value) {
    world.kubectl(&["patch", kind, name, "-n", namespace, "--type=merge", "-p", &patch.to_string()]).ok();
}

fn uid(world: &World, namespace: &str) -> String {
    world.get(&["ns", namespace])["metadata"]["uid"].as_str().unwrap().to_owned()
}

/// A chain with so many finished builds; the next one listens.
fn built(world: &World, builds: u64) {
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    for generation in 1..=builds {
        world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        world.push(&tag, &tag, "exit 0");
        world.phase(generation, "Detached");
    }
    for generation in 1..=builds {
        assert_eq!(world.verdict(generation), "Passed");
        world.phase(generation, "Finished");
    }
    world.phase(builds + 1, "Listening");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_22_a_chain_disposes_of_its_own_builds_and_of_no_held_one() {
    let world = World::new("chain-22");
    world.push("build-0001", "1", "exit 0");
    // a listener looks at the builds before it as often as it looks for agents that are gone
    let pipeline = world.pipeline("build-0001", &format!("{GLOB}\n    studioci.dev/adopt-after: 5s"));
    let file = world.file("p.yaml", &pipeline);
    let start = ["start", "-f", &file, "--chain", world.chain, "--keep", "1"];
    world.studioci(&start).ok();
    let turn = |generation: u64| {
        world.phase(generation, "Listening");
        let tag = format!("build-{:04}", generation + 1);
        world.push(&tag, &tag, "exit 0");
        world.phase(generation, "Detached");
    };
    turn(1);
    world.phase(1, "Finished");
    let first = world.namespace(1);
    world.kubectl(&["annotate", "ns", &first, "studioci.dev/hold=for the audit"]).ok();
    turn(2);
    world.phase(2, "Finished");
    let second = world.namespace(2);
    turn(3);
    world.phase(3, "Finished");
    let third = world.namespace(3);
    let gone = |name: &str| (world.kubectl(&["get", "ns", name]).code == 1).then_some(());
    world.until("the second build is gone", || gone(&second));
    nothing_left(&world, &[&second]);
    stays(&world, &first, "it is held (for the audit): kubectl annotate namespace");
    world.kubectl(&["annotate", "ns", &first, "studioci.dev/hold-"]).ok();
    world.until("and the first one, once it is let go", || gone(&first));
    assert_eq!(world.kubectl(&["get", "ns", &third]).code, 0, "the newest of its verdict stays");
    let history = world.get(&["configmap", "history-chain-22", "-n", "studioci"])["data"].clone();
    let told: Value = serde_json::from_str(history["tidied"].as_str().unwrap()).unwrap();
    assert_eq!((&told["disposed"], &told["failed"]), (&json!(1), &json!(0)), "{told}");
    assert!(history["build.00000001"].is_string() && history["build.00000002"].is_string(), "{history}");

    // and is reported on
    let told = world.studioci(&["report", &second, "-o", "json"]).ok();
    let told: Value = serde_json::from_str(&told).unwrap();
    let (gone_from, verdict) = (&told["status"]["gone"], &told["status"]["verdict"]);
    assert_eq!((gone_from, verdict), (&json!(true), &json!("Passed")), "{told}");
    let page = world.studioci(&["report", world.chain, "-o", "html"]).ok();
    assert!(page.contains(&first) && page.contains(&second), "{page}");

    // rules that let all go at once are said with the number
    let said = world.studioci(&["start", "-f", &file, "--chain", world.chain, "--keep", "0"]);
    assert!(said.err.contains("by this retention 1 of 1 finished builds go at once"), "{}", said.err);
    world.until("the last one", || gone(&third));
}

/// Holds that these namespaces are refused by name, with these words, and that each is there still.
fn stays(world: &World, namespace: &str, says: &str) {
    let before = uid(world, namespace);
    let said = world.studioci(&["cleanup", namespace]);
    assert_eq!((said.code, said.out.as_str()), (1, ""), "{}", said.err);
    let line = format!("namespace {namespace} stays: {says}");
    assert!(said.err.contains(&line), "{line:?} is missing in: {}", said.err);
    let after = world.get(&["ns", namespace]);
    assert_eq!(after["metadata"]["uid"], before.as_str());
    assert!(after["metadata"]["deletionTimestamp"].is_null(), "{after}");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_11_cleanup_takes_what_is_finished_and_says_why_the_rest_stays() {
    let world = World::new("chain-11a");
    let user = User::new(&world);
    built(&world, 4);
    let names: Vec<String> = (1..=5).map(|generation| world.namespace(generation)).collect();
    let [first, second, third, fourth, newest] = [0, 1, 2, 3, 4].map(|at| names[at].as_str());
    world.push("build-0006", "6", &gated("six", 0));
    world.phase(5, "Building");

    what_is_not_provably_ours_stays(&world, first);
    stays(&world, newest, "it is not finished (phase Building)");
    let sixth = world.namespace(6);
    world.phase(6, "Listening");
    stays(
        &world,
        &sixth,
        "it is the newest of its chain and waits for a push: kubectl studioci stop chain-11a ends that",
    );

    // rules: ages count from the end, counts from the newest; what does not go says why, and a dry run changes nothing
    let said = world.studioci(&["cleanup", "--older-than", "1h"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    for name in [first, second, third, fourth] {
        assert!(stay(&said.err, name).ends_with("which is not long enough ago"), "{}", said.err);
    }
    let rules = ["cleanup", "--older-than", "0s", "--keep", "3"];
    for (dry, suffix) in [("--dry-run", " (dry run)"), ("--dry-run=server", " (server dry run)")] {
        let said = world.studioci(&[&rules[..], &[dry]].concat());
        let line = format!("namespace \"{first}\" deleted{suffix}\n");
        assert_eq!((said.code, said.out), (0, line), "{}", said.err);
        let mut kept = [second, third, fourth];
        kept.sort_unstable();
        let kept = format!(
            "each of namespaces {} stays: it is among the newest 3 Passed builds of chain chain-11a\n",
            kept.join(", ")
        );
        assert!(said.err.contains(&kept), "a line for all of them: {}", said.err);
    }
    assert_eq!(world.studioci(&rules).ok(), deleted(first));

    // by name, by somebody who did not make the build: he binds himself in it first
    let said = world.studioci(&user.with(&["cleanup", second, "--wait", "--timeout", "2m"]));
    assert_eq!((said.code, said.out), (0, deleted(second)), "{}", said.err);
    let gone = world.kubectl(&["get", "ns", second]).failed(1);
    assert!(gone.contains("NotFound"), "{gone}");
    let said = world.studioci(&["cleanup", second]).failed(1);
    assert_eq!(said, format!("Error from server (NotFound): namespaces \"{second}\" not found\n"));
    assert_eq!(world.studioci(&["cleanup", second, "--ignore-not-found"]).ok(), "");

    // two people at once: both end well
    let args = ["cleanup", "--keep", "0", "--chain", world.chain];
    let (one, two) = (world.studioci_aside(&args), world.studioci_aside(&user.with(&args)));
    let (one, two) = (one.wait().ok(), two.wait().ok());
    for namespace in [third, fourth] {
        let line = deleted(namespace);
        assert!(one.contains(&line) || two.contains(&line), "{one}{two}");
    }
    nothing_left(&world, &[first, second, third, fourth]);

    // and the build that ran all the while was not disturbed
    world.open("six");
    assert_eq!(world.verdict(5), "Passed");
}

/// The line that says why a namespace stays, alone or with others.
fn stay<'a>(said: &'a str, namespace: &str) -> &'a str {
    let mut lines = said.lines().filter(|line| line.contains(namespace) && line.contains(" stays: "));
    lines.next().unwrap_or_else(|| panic!("{namespace}: {said}"))
}

/// Hand-edited state is a finding, and nothing is deleted for it. `first`: a finished build, as it was at the end.
fn what_is_not_provably_ours_stays(world: &World, first: &str) {
    let whole = world.get(&["ns", first]);
    let labels = |extra: &Value| {
        let mut labels =
            json!({ "app.kubernetes.io/managed-by": "studioci", "studioci.dev/phase": "Finished" });
        for (key, value) in extra.as_object().unwrap() {
            labels[key] = value.clone();
        }
        labels
    };
    let own = &whole["metadata"]["annotations"];
    let make = |name: &str, labels: &Value, annotations: &Value| {
        let object = json!({ "apiVersion": "v1", "kind": "Namespace",
            "metadata": { "name": name, "labels": labels, "annotations": annotations } });
        world.kubectl(&["create", "-f", &world.file("ns.json", &object.to_string())]).ok();
    };
    let chain = json!({ "studioci.dev/chain": world.chain });
    make("chain-11-foreign", &json!({}), &json!({}));
    stays(world, "chain-11-foreign", "it is not ours: it has no label app.kubernetes.io/managed-by=studioci");
    make("chain-11-bare", &labels(&chain), &json!({}));
    stays(world, "chain-11-bare", "it has no studioci.dev/generation, so nothing proves it ours");
    let mut other = own.clone();
    other["studioci.dev/owner"] = json!("00000000-0000-0000-0000-000000000000");
    make("chain-11-other", &labels(&chain), &other);
    let another = format!(
        "the head of chain {} knows generation 1 by another uid, so nothing proves it ours",
        world.chain
    );
    stays(world, "chain-11-other", &another);
    // the very labels and annotations of a build, in another namespace and under another uid
    make("chain-11-again", &labels(&chain), own);
    stays(world, "chain-11-again", &another);
    make("chain-11-stray", &labels(&json!({ "studioci.dev/chain": "nobody" })), own);
    stays(world, "chain-11-stray", "there is no chain nobody in studioci, so nothing proves it ours");
    let strangers = ["foreign", "bare", "other", "again", "stray"].map(|name| format!("ns/chain-11-{name}"));
    let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();

    // what was done to the build itself, and undone
    let label = |pair: &str| {
        world.kubectl(&["label", "ns", first, pair, "--overwrite"]).ok();
    };
    label("studioci.dev/phase=Dreaming");
    stays(world, first, "its studioci.dev/phase \"Dreaming\" cannot be read; it was edited by hand");
    label("studioci.dev/phase=Finished");
    let history = format!("history-{}", world.chain);
    let entry = world.get(&["configmap", &history, "-n", "studioci"])["data"]["build.00000001"].clone();
    merge(world, "configmap", &history, "studioci", &json!({ "data": { "build.00000001": null } }));
    stays(world, first, &format!("its result is not in home (ConfigMap {history})"));
    merge(world, "configmap", &history, "studioci", &json!({ "data": { "build.00000001": entry } }));
    let head = format!("chain-{}", world.chain);
    let generation = world.get(&["configmap", &head, "-n", "studioci"])["data"]["generation"].clone();
    merge(world, "configmap", &head, "studioci", &json!({ "data": { "generation": "two" } }));
    stays(world, first, &format!("the head of chain {} cannot be read", world.chain));
    merge(world, "configmap", &head, "studioci", &json!({ "data": { "generation": generation } }));

    // rules find the same, and take none of them
    let said = world.studioci(&["cleanup", "--keep", "1000"]);
    assert_eq!((said.code, said.out.as_str()), (0, ""), "{}", said.err);
    for names in [
        "namespace chain-11-bare",
        "namespace chain-11-stray",
        "each of namespaces chain-11-again, chain-11-other",
    ] {
        assert!(said.err.contains(&format!("Warning: {names} stays: ")), "{}", said.err);
    }
    assert!(!said.err.contains("chain-11-foreign"), "{}", said.err);
    world.kubectl(&[&["delete", "--wait=false"], &strangers[..]].concat()).ok();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_11_what_holds_up_a_deletion_is_said_and_an_interrupted_cleanup_goes_on() {
    let world = World::bare("chain-11d");
    world.set_up();
    let user = User::new(&world);
    let claims: Vec<_> = (0..8)
        .map(|_| world.studioci_aside(&user.with(&["claim", "--prefix", "hold", "-o", "name"])))
        .collect();
    let claims: Vec<String> = claims.into_iter().map(|claim| claim.wait().ok().trim().to_owned()).collect();
    let names: Vec<&str> = claims.iter().map(|claim| claim.strip_prefix("namespace/").unwrap()).collect();

    // an object whose finalizer nobody serves
    let held = names[0];
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata":
        { "name": "held", "namespace": held, "finalizers": ["example.com/hold"] } });
    world.kubectl(&["create", "-f", &world.file("held.json", &object.to_string())]).ok();
    assert_eq!(world.studioci(&user.with(&["cleanup", held])).ok(), deleted(held));
    world.until("the namespace controller says what is left", || {
        let found = world.get(&["ns", held]);
        let conditions = found["status"]["conditions"].as_array()?.clone();
        let told = |it: &Value| it["type"] == "NamespaceFinalizersRemaining" && it["status"] == "True";
        conditions.iter().any(told).then_some(())
    });
    let said = world.studioci(&user.with(&["cleanup", held, "--wait", "--timeout", "1s"])).failed(4);
    for part in [
        &format!("namespace {held} is being deleted already\n"),
        &format!("not gone after 1 s: namespace {held} is Terminating still: "),
        "NamespaceContentRemaining: Some resources are remaining: configmaps. has 1 resource instances",
        "NamespaceFinalizersRemaining: ",
        "example.com/hold in 1 resource instances",
        "remedy: ",
        "whoever put the finalizer there must do his work and take it off",
    ] {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
    let kept = world.get(&["configmap", "held", "-n", held]);
    assert_eq!(kept["metadata"]["finalizers"], json!(["example.com/hold"]), "nothing strips a finalizer");

    // Ctrl-C after the first line; the second run takes the rest
    let rest = [&["cleanup"], &claims[1..].iter().map(String::as_str).collect::<Vec<_>>()[..]].concat();
    let rest = user.with(&rest);
    let mut aside = world.studioci_aside(&rest);
    let line = aside.line();
    assert!(line.starts_with("namespace \"hold-"), "{line}");
    aside.interrupt();
    let said = aside.wait();
    // the last line may have been written by then
    assert!(said.code == 130 || said.code == 0, "{}{}", said.out, said.err);
    if said.code == 130 {
        assert_eq!(said.err, "stopped; what was begun goes on in the cluster. Run it again for the rest\n");
    }
    world.studioci(&[&rest[..], &["--ignore-not-found"]].concat()).ok();
    for name in &names[1..] {
        let found = world.kubectl(&["get", "ns", name, "-o", "json"]);
        let going = found.code == 1
            || !serde_json::from_str::<Value>(&found.out).unwrap()["metadata"]["deletionTimestamp"].is_null();
        assert!(going, "{name}");
    }

    merge(&world, "configmap", "held", held, &json!({ "metadata": { "finalizers": null } }));
    world.studioci(&user.with(&["cleanup", held, "--wait", "--ignore-not-found"])).ok();
    nothing_left(&world, &names);
    assert_eq!(world.studioci(&["cleanup", "--keep", "0", "--chain", "nobody"]).err, "No resources found\n");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_11_a_chain_stops_goes_on_and_is_purged() {
    let world = World::new("chain-11b");
    let user = User::new(&world);
    let before = listing(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let start = ["start", "-f", &file, "--chain", world.chain];
    world.studioci(&start).ok();
    world.push("build-0002", "2", &gated("two", 0));
    world.phase(1, "Building");
    world.phase(2, "Listening");
    let (first, second) = (world.namespace(1), world.namespace(2));

    let said = world.studioci(&user.with(&["stop", "nobody"])).failed(2);
    assert!(
        said.contains("there is no chain called \"nobody\"") && said.contains("chains here: chain-11b"),
        "{said}"
    );
    let stop = user.with(&["stop", world.chain]);
    let said = world.studioci(&stop);
    assert_eq!(
        (said.code, said.out),
        (0, format!("chain/chain-11b ended\n{}", deleted(&second))),
        "{}",
        said.err
    );
    assert_eq!(said.err, format!("what runs goes on to its end: {first}\n"));
    assert_eq!(world.studioci(&stop).ok(), "chain/chain-11b unchanged\n");
    nothing_left(&world, &[&second]);

    // nothing is built meanwhile; the chain goes on where it stood, and what was pushed meanwhile is built
    world.push("build-0003", "3", &gated("three", 0));
    world.never("a stopped chain has a listener", Duration::from_secs(4), || world.builds().len() > 1);
    let said = world.studioci(&user.with(&start));
    assert_eq!((said.code, said.out.as_str()), (0, "chain/chain-11b started\n"), "{}", said.err);
    world.open("two");
    assert_eq!(world.verdict(1), "Passed");
    world.phase(1, "Finished");
    world.phase(3, "Building");
    let third = world.build(3).unwrap();
    assert_eq!(third["status"]["tag"], "build-0003");
    assert_eq!(third["spec"]["baseline"].as_str().unwrap().split('@').next(), Some("build-0002"));
    world.phase(4, "Listening");

    let fourth = world.namespace(4);
    let mut purge = world.studioci_aside(&user.with(&["stop", world.chain, "--purge"]));
    assert_eq!(purge.line(), "chain/chain-11b ended\n");
    assert_eq!(purge.line(), deleted(&fourth));
    let said = world.studioci(&["stop", world.chain, "--purge", "--timeout", "1s"]).failed(4);
    assert!(said.contains("builds of chain chain-11b still run after 1 s: "), "{said}");
    world.open("three");
    let said = purge.wait();
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.err.contains("waiting for what still runs: "), "{}", said.err);
    for part in ["role.rbac.authorization.k8s.io \"chain-chain-11b\"", "configmap \"history-chain-11b\""] {
        assert!(said.out.contains(&format!("{part} deleted from studioci namespace\n")), "{}", said.out);
    }
    world.until("everything is as it was before the chain", || (listing(&world) == before).then_some(()));
    let said = world.studioci(&["stop", world.chain]).failed(2);
    assert!(said.contains("there are no chains here"), "{said}");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_11_a_changed_pipeline_gets_a_listener_that_triggers() {
    let world = World::new("chain-11c");
    let user = User::new(&world);
    world.push("build-0001", "1", "exit 0");
    // a slip: no tag that is pushed here matches
    let slip = world.pipeline("build-0001", &GLOB.replace("build-*", "release-*"));
    let file = world.file("p.yaml", &slip);
    let start = ["start", "-f", &file, "--chain", world.chain];
    world.studioci(&start).ok();
    let first = world.namespace(1);
    world.push("build-0002", "2", "exit 0");
    world.never("a listener follows tags that its policy does not match", Duration::from_secs(5), || {
        world.build(1).is_none_or(|build| build["status"]["phase"] != "Listening")
    });

    world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let start = user.with(&start);
    let said = world.studioci(&start);
    assert_eq!((said.code, said.out.as_str()), (0, "chain/chain-11c configured\n"), "{}", said.err);
    assert!(said.err.contains(&format!("namespace {first} goes: it was never triggered\n")), "{}", said.err);
    nothing_left(&world, &[&first]);
    assert_eq!(world.verdict(2), "Passed");
    let build = world.build(2).unwrap();
    assert_eq!(build["status"]["tag"], "build-0002");
    assert_eq!(build["spec"]["baseline"].as_str().unwrap().split('@').next(), Some("build-0001"));
    world.phase(3, "Listening");
    assert_eq!(world.studioci(&start).ok(), "chain/chain-11c unchanged\n");

    // from another tag: Keel moves on from there to what is built already, which is no push
    let said = world.studioci(&[&start[..], &["--tag", "build-0001"]].concat());
    assert_eq!((said.code, said.out.as_str()), (0, "chain/chain-11c configured\n"), "{}", said.err);
    world.until("the newest tag is known as built", || {
        let baseline = world.build(4)?["spec"]["baseline"].as_str()?.to_owned();
        baseline.starts_with("build-0002@").then_some(())
    });
    assert_eq!(world.build(4).unwrap()["status"]["phase"], "Listening");
}
