//! `chain_19`: a registry that wants a login, listener, build and Keel included; and the login is changed while a chain waits.

use std::time::{Duration, Instant};

use serde_json::json;
use studioci::chain::base64::{base64, of_base64};
use test_cluster::door::{LockedRegistry, Visit};

use crate::held::{arguments, holders, holds, logs};
use crate::rotated::pod;
use crate::start::GLOB;
use crate::world::{World, gated};

const FIRST: &str = "the-first-word-of-the-robot";
const SECOND: &str = "another-word-since-then";
/// Where the login stands before anybody has started anything.
const TEAM: &str = "chain-19-team";
const SECRET: &str = "registry-login";
const MINUTE: Duration = Duration::from_secs(60);

fn login(password: &str) -> String {
    format!("robot:{password}")
}

/// What a pull Secret holds.
fn docker_config(door: &LockedRegistry, password: &str) -> String {
    json!({ "auths": { door.host(): { "auth": base64(login(password)) } } }).to_string()
}

/// Whether a namespace's pull Secret is this one.
fn has(world: &World, door: &LockedRegistry, namespace: &str, password: &str) -> bool {
    let secret = world.get(&["secret", SECRET, "-n", namespace]);
    let held = secret["data"][".dockerconfigjson"].as_str().and_then(of_base64);
    held == Some(docker_config(door, password).into_bytes())
}

/// The login in a namespace of its own, as a team has it. Nothing of it stands in an argument or in an annotation.
fn give(world: &World, door: &LockedRegistry) {
    let _ = world.kubectl(&["delete", "namespace", TEAM, "--ignore-not-found", "--wait=true"]);
    world.kubectl(&["create", "namespace", TEAM]).ok();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": { "name": "login", "namespace": TEAM },
        "stringData": { ".dockerconfigjson": docker_config(door, FIRST) } });
    world.kubectl(&["create", "-f", &world.file("login.json", &secret.to_string())]).ok();
}

/// The visits of the node, or else those of Keel, from the `since`-th on.
fn visits(door: &LockedRegistry, of_node: bool, since: usize) -> Vec<Visit> {
    let mut all = door.visits().split_off(since);
    all.retain(|visit| visit.agent.contains("containerd") == of_node);
    all
}

/// Fails unless the node pulled what a request says with this login. It asks as nobody first, as containerd does.
fn pulled(door: &LockedRegistry, since: usize, what: &str, password: &str) {
    let of_node = visits(door, true, since);
    let found = of_node.iter().any(|visit| visit.admitted && visit.request.contains(what));
    assert!(found, "{what}: {of_node:#?}");
    for visit in of_node {
        assert_eq!(visit.admitted, visit.login.is_some(), "{visit:?}");
        assert!(visit.login.is_none_or(|shown| shown == login(password)));
    }
}

/// Waits until Keel has been let in, or has not, with this login.
fn keel_comes(world: &World, door: &LockedRegistry, password: &str, admitted: bool) {
    let since = door.visits().len();
    world.until(&format!("Keel with {password}, admitted: {admitted}"), || {
        let of_keel = visits(door, false, since);
        let by = |visit: &&Visit| visit.login == Some(login(password)) && visit.admitted == admitted;
        of_keel.iter().find(by).map(|_| ())
    });
}

fn nobody_tells(world: &World, door: &LockedRegistry, password: &str, mut holding: Vec<String>) {
    holding.sort();
    assert_eq!(holders(world, password), holding, "{password}");
    let said = logs(world);
    assert!(said.contains("listening in"), "{said}");
    for text in [said, arguments(), world.keel.as_ref().unwrap().tail()] {
        assert!(!holds(&text, password) && !text.contains(&docker_config(door, password)), "{text}");
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_19_a_registry_that_wants_a_login_and_then_another_one_is_followed_by_listener_build_and_keel() {
    let world = World::new("chain-19l");
    let door = world.cluster.locked_registry(&login(FIRST)).unwrap();
    give(&world, &door);
    world.push("build-0001", "1", "exit 0");
    let pipeline = world
        .pipeline("build-0001", GLOB)
        .replace(&world.image(), &format!("{}/{}", door.host(), world.repository()))
        .replace("- name: build\n", "- name: build\n        imagePullPolicy: Always\n");
    let file = world.file("p.yaml", &pipeline);
    let start = ["start", "-f", &file, "--chain", world.chain];

    // without it nobody gets anything
    let refused = world.studioci(&[&start[..], &["--timeout", "20s"]].concat()).failed(4);
    assert!(refused.contains("no basic auth credentials") && refused.contains("--secret"), "{refused}");
    assert!(door.visits().iter().all(|visit| !visit.admitted), "{:#?}", door.visits());

    let since = door.visits().len();
    let source = format!("{SECRET}={TEAM}/login");
    world.studioci(&[&start[..], &["--secret", &source]].concat()).ok();
    let one = world.builds().last().unwrap()["spec"]["generation"].as_u64().unwrap();
    let first = world.namespace(one);
    assert!(has(&world, &door, &first, FIRST));
    pulled(&door, since, "/manifests/build-0001", FIRST);
    keel_comes(&world, &door, FIRST, true);

    let since = door.visits().len();
    world.push("build-0002", "2", "exit 0");
    assert_eq!(world.verdict(one), "Passed");
    pulled(&door, since, "/manifests/build-0002", FIRST);
    world.phase(one + 1, "Listening");
    let second = world.namespace(one + 1);
    assert!(has(&world, &door, &second, FIRST));
    keel_comes(&world, &door, FIRST, true);

    // the registry takes another one, and at once none but that
    let before = pod(&world, &second);
    door.change(&login(SECOND));
    keel_comes(&world, &door, FIRST, false);
    let key = format!("secret.{SECRET}..dockerconfigjson");
    let patch = json!({ "stringData": { key: docker_config(&door, SECOND) } }).to_string();
    let (patch, secret) = (world.file("patch.json", &patch), format!("chain-{}", world.chain));
    let args = ["patch", "secret", &secret, "-n", "studioci", "--type", "merge", "--patch-file", &patch];
    world.kubectl(&args).ok();
    let begun = Instant::now();
    world.until("the new login in the waiting namespace", || {
        has(&world, &door, &second, SECOND).then_some(())
    });
    assert!(begun.elapsed() < MINUTE, "{:?}", begun.elapsed());
    keel_comes(&world, &door, SECOND, true);
    assert_eq!(pod(&world, &second), before, "nothing was started anew");

    let since = door.visits().len();
    world.push("build-0003", "3", &gated("go", 0));
    world.phase(one + 1, "Building");
    world.phase(one + 2, "Listening");
    let third = world.namespace(one + 2);
    assert!(has(&world, &door, &third, SECOND));
    let copy = |namespace: &str| format!("Secret {namespace}/{SECRET}");
    nobody_tells(
        &world,
        &door,
        SECOND,
        vec![copy(&second), copy(&third), format!("Secret studioci/{secret}")],
    );
    nobody_tells(&world, &door, FIRST, vec![copy(&first), format!("Secret {TEAM}/login")]);
    world.open("go");
    assert_eq!(world.verdict(one + 1), "Passed");
    pulled(&door, since, "/manifests/build-0003", SECOND);
    world.kubectl(&["delete", "namespace", TEAM, "--wait=false"]).ok();
}
