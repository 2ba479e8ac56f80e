//! `chain_19`: a login that expires, to a registry that asks for none. What is written into the chain's Secret reaches the waiting listener's namespace within a
//! minute, by the manifests of `docs/rotating-logins.md`, and nothing is started anew.

use std::time::{Duration, Instant};

use serde_json::Value;
use test_cluster::Part;

use crate::start::GLOB;
use crate::world::World;

const GUIDE: &str = include_str!("../../docs/rotating-logins.md");
const MINUTE: Duration = Duration::from_secs(60);
/// Who renews the login, by the guide.
const ACCOUNT: &str = "system:serviceaccount:registry-logins:ecr-login";

/// The guide's block of YAML that holds these words, for this chain and with images that could be pulled.
fn block(holds: &str, chain: &str) -> String {
    let blocks = GUIDE.split("```yaml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let found: Vec<&str> = blocks.map(|(block, _)| block).filter(|block| block.contains(holds)).collect();
    assert_eq!(found.len(), 1, "{holds}");
    let images = found[0].replace("IMAGE-WITH-AWS-CLI", "aws:1").replace("IMAGE-WITH-KUBECTL", "kubectl:1");
    images.replace("app-main", chain)
}

/// The pull Secret of a namespace, as text; nothing while there is none.
fn login(world: &World, namespace: &str) -> String {
    let text = "go-template={{index .data \".dockerconfigjson\" | base64decode}}";
    world.kubectl(&["get", "secret", "ecr", "-n", namespace, "--ignore-not-found", "-o", text]).out
}

fn arrives(world: &World, namespace: &str, password: &str) {
    let begun = Instant::now();
    world.until(&format!("{password} in {namespace}"), || {
        login(world, namespace).contains(&format!("\"password\": \"{password}\"")).then_some(())
    });
    assert!(begun.elapsed() < MINUTE, "{password} in {namespace} after {:?}", begun.elapsed());
}

/// Writes a login as the guide's account does; none takes it away.
fn rotate(world: &World, password: Option<&str>) {
    let value = password.map_or(Value::Null, Into::into);
    let field = if password.is_some() { "stringData" } else { "data" };
    let patch =
        world.file("patch.json", &serde_json::json!({ field: { "ECR_PASSWORD": value } }).to_string());
    let secret = format!("chain-{}", world.chain);
    let args = ["patch", "secret", &secret, "-n", "studioci", "--type", "merge", "--patch-file", &patch];
    world.kubectl(&[&args[..], &["--as", ACCOUNT]].concat()).ok();
}

/// uid and restarts of the listener's only pod.
pub(crate) fn pod(world: &World, namespace: &str) -> (String, Vec<u64>) {
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
    let [pod] = pods["items"].as_array().unwrap().as_slice() else { panic!("{pods}") };
    let containers = pod["status"]["containerStatuses"].as_array().unwrap();
    let restarts = containers.iter().map(|container| container["restartCount"].as_u64().unwrap());
    (pod["metadata"]["uid"].as_str().unwrap().to_owned(), restarts.collect())
}

/// The guide's manifests, and what its account may do by them.
fn follow_the_guide(world: &World) {
    // the namespace first: the binding names an account in it
    for holds in ["kind: CronJob", "kind: RoleBinding"] {
        let file = world.file("guide.yaml", &block(holds, world.chain));
        world.kubectl(&["apply", "-f", &file]).ok();
    }
    let can = |verb: &str, what: &str| {
        world.kubectl(&["auth", "can-i", verb, what, "-n", "studioci", "--as", ACCOUNT]).code == 0
    };
    let (secret, seed) = (format!("secrets/chain-{}", world.chain), format!("secrets/seed-{}", world.chain));
    world.until("the account's right", || can("patch", &secret).then_some(()));
    assert!(!can("patch", &seed) && !can("list", "secrets") && !can("delete", &secret));
}

fn clear(world: &World) {
    let name = format!("ecr-login-{}", world.chain);
    let _ = world.kubectl(&["delete", "namespace", "registry-logins", "--ignore-not-found", "--wait=false"]);
    for kind in ["rolebinding", "role"] {
        let _ = world.kubectl(&["delete", kind, &name, "-n", "studioci", "--ignore-not-found"]);
    }
}

/// What the chain's agents asked of home's Secrets: nothing but to read and watch their own, and to keep the build's log.
fn watches_one_secret_alone(world: &World, mark: test_cluster::audit::Mark) {
    let account = format!(":studioci-agent.{}", world.chain);
    let mut events = world.cluster.audit().since(mark).unwrap();
    events.retain(|event| {
        event.user.username.ends_with(&account)
            && event.object_ref.resource == "secrets"
            && event.object_ref.namespace == "studioci"
    });
    let own = [format!("chain-{}", world.chain), format!("seed-{}", world.chain)];
    assert!(events.iter().any(|event| event.verb == "watch"), "nobody watched");
    let kept = studioci::chain::kept_log::ring(world.chain);
    for event in events {
        let by_name = format!("fieldSelector=metadata.name%3D{}", own[0]);
        match event.verb.as_str() {
            "get" | "patch" if kept.contains(&event.object_ref.name) => {}
            "get" => assert!(own.contains(&event.object_ref.name), "{}", event.uri),
            "watch" => assert!(event.uri.contains(&by_name), "{}", event.uri),
            verb => panic!("{verb} {}", event.uri),
        }
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_19_a_login_that_is_renewed_reaches_the_waiting_listener_and_starts_nothing_anew() {
    let world = World::new("chain-19");
    clear(&world);
    let mark = world.mark();
    world.push("build-0001", "1", "exit 0");
    let named = world
        .pipeline("build-0001", GLOB)
        .replace("      containers:\n", "      imagePullSecrets: [{name: ecr}]\n      containers:\n");
    let pipeline = format!("{named}---\n{}", block("kubernetes.io/dockerconfigjson", world.chain));
    let file = world.file("p.yaml", &pipeline);
    let start = ["start", "-f", &file, "--chain", world.chain];
    world.studioci_with(&[("ECR_PASSWORD", "one")], &start).ok();
    let first = world.namespace(1);
    assert!(login(&world, &first).contains("\"password\": \"one\""));
    world.until("no namespace of an earlier run", || {
        let gone = world.kubectl(&["get", "namespace", "registry-logins", "--ignore-not-found"]).ok();
        gone.is_empty().then_some(())
    });
    follow_the_guide(&world);

    let before = pod(&world, &first);
    rotate(&world, Some("two"));
    arrives(&world, &first, "two");
    // also where the watch was cut
    let server = world.cluster.server(Part::ApiServer);
    server.kill().unwrap();
    server.start().unwrap();
    world.cluster.wait_until_ready().unwrap();
    rotate(&world, Some("three"));
    arrives(&world, &first, "three");
    assert_eq!(pod(&world, &first), before, "nothing was started anew");
    assert_eq!(before.1, [0, 0]);

    // a value that is not there leaves the old Secret, and is told of
    rotate(&world, None);
    let why = world.until("what is wrong", || {
        let why = world.build(1)?["status"]["why"].as_str()?.to_owned();
        why.contains("the pull Secrets stay as they were").then_some(why)
    });
    assert!(why.contains("env.ECR_PASSWORD"), "{why}");
    let reason = "reason=PullSecretsNotRenewed";
    let events = world.get(&["events", "-n", &first, "--field-selector", reason]);
    assert_eq!(events["items"][0]["involvedObject"]["name"], "build", "{events}");
    assert!(login(&world, &first).contains("\"password\": \"three\""));
    rotate(&world, Some("four"));
    arrives(&world, &first, "four");
    assert_eq!(pod(&world, &first), before);
    assert_eq!(world.build(1).unwrap()["status"]["phase"], "Listening");

    // no push is lost by all that, and the next listener follows too
    world.push("build-0002", "2", "exit 0");
    assert_eq!(world.verdict(1), "Passed");
    world.phase(2, "Listening");
    let second = world.namespace(2);
    arrives(&world, &second, "four");
    let before = pod(&world, &second);
    rotate(&world, Some("five"));
    arrives(&world, &second, "five");
    assert_eq!(pod(&world, &second), before);
    watches_one_secret_alone(&world, mark);
    clear(&world);
}
