//! `chain_10`: `templates/full.yaml`, a pipeline of the shape and size that larger projects have, from `start` to
//! Passed, three times; and where the value of an environment variable goes, and where not.

use std::fs;

use serde_json::{Value, json};
use test_cluster::image::Builder;

use crate::held::{holders, holds, logs};
use crate::world::World;

const TEMPLATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/full.yaml");
const TOKEN: &str = "ghp-of-the-person-who-starts";
/// Builds that run; storage is there for as many.
const BUILDS: u64 = 3;

/// Fails with the name of what is not as the template says; shows the test what is secret, and nobody else.
const SCRIPT: &str = r#"
check() { if [ "$2" != "$3" ]; then echo "$1 is '$2', not '$3'"; exit 9; fi; }
check references "$MINIO_ENDPOINT" 'http://${MINIO_SERVICE_HOST}:${MINIO_SERVICE_PORT}'
check levels "$LOG_LEVELS" '*=INF'
check folded "$PREPARE" 'mkdir -p /scratch/cache; export MINIO_ENDPOINT AMQP_URL;'
eval "$PREPARE"
eval "amqp=\"$AMQP_URL\" minio=\"$MINIO_ENDPOINT\""
case "$amqp" in
  amqp://rabbitmq:rabbitmq-password@127.*:5672/%2f) ;;
  *) echo "amqp $amqp"; exit 9 ;;
esac
case "$minio" in
  http://127.*:9000) ;;
  *) echo "minio $minio"; exit 9 ;;
esac
check fieldRef "$NAMESPACE" "$STUDIOCI_NAMESPACE"
check namespace "$(cat /etc/ci/about/namespace)" "$STUDIOCI_NAMESPACE"
check docker "$(cat /etc/ci/docker/config.json)" '{"auths":{}}'
check public "$(cat /etc/ci/encryption/keys/public.pem)" "not a key"
[ -d /etc/ci/ssh ] && [ -s /etc/ci/about/labels ] && [ -s /etc/ci/about/annotations ] || exit 8
[ -s /var/run/secrets/kubernetes.io/serviceaccount/token ] || exit 7
cp /etc/ci/release/release.pem "/scratch/release-$STUDIOCI_GENERATION" || exit 6
printf %s "$GITHUB_TOKEN" >"/scratch/token-$STUDIOCI_GENERATION" || exit 6
until [ -e "/scratch/go-$STUDIOCI_GENERATION" ]; do sleep 0.2; done
"#;

/// An image that serves nothing: its program sleeps, its probe says yes if that runs.
pub(crate) fn service(world: &World, name: &str, probe: &str) -> String {
    let program = fs::read(world.cluster.tool("box")).unwrap();
    let image = Builder::new()
        .file("bin/box", &program, 0o755)
        .link("bin/sh", "box")
        .link("bin/sleep", "box")
        .file(&format!("bin/{probe}"), b"#!/bin/sh\nexit 0\n", 0o755)
        .file("serve.sh", b"echo serving; sleep infinity\n", 0o644)
        .entrypoint(&["/bin/sh", "/serve.sh"])
        .build();
    let registry = world.cluster.registry();
    let name = format!("{}-{name}:1", world.repository());
    registry.push(&image, &name).unwrap();
    format!("{}/{name}", registry.host())
}

/// Volumes for both claims of every build. There is no provisioner, so that a claim takes what is there.
fn volumes(world: &World) {
    world.kubectl(&["delete", "pv", "-l", "proof=chain-10", "--wait=true"]).ok();
    let volume = |name: String, size: &str, mode: &str, path: String| {
        json!({ "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": name, "labels": { "proof": "chain-10" } },
            "spec": { "capacity": { "storage": size }, "accessModes": [mode],
                "hostPath": { "path": path, "type": "DirectoryOrCreate" } } })
    };
    let all: Vec<Value> = (1..=BUILDS)
        .flat_map(|build| {
            let data = format!("{}/minio-{build}", world.gates());
            [
                volume(format!("chain-10-minio-{build}"), "15Gi", "ReadWriteOnce", data),
                volume(format!("chain-10-scratch-{build}"), "30Gi", "ReadWriteMany", world.gates()),
            ]
        })
        .collect();
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": all });
    world.kubectl(&["create", "-f", &world.file("volumes.json", &list.to_string())]).ok();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_10_the_full_pipeline_passes_and_a_secret_stays_where_it_belongs() {
    let world = World::new("chain-10f");
    volumes(&world);
    let image = format!("Image={}", world.image());
    let rabbitmq = format!("RabbitmqImage={}", service(&world, "rabbitmq", "rabbitmq-diagnostics"));
    let minio = format!("MinioImage={}", service(&world, "minio", "mc"));
    let key = "3 kB of a key, in lines: \"quoted\", ${not} {{ a template }}\n".repeat(50);
    let release = format!("ReleaseKey={}", world.file("release.pem", &key));
    world.push("main", "0", SCRIPT);
    let mut start = vec!["start", "-f", TEMPLATE, "--chain", world.chain, "--set-file", &release];
    for value in [
        &image,
        &rabbitmq,
        &minio,
        "Command=sh /ci/build.sh",
        "Cpu=500m",
        "Memory=128Mi",
        "PollSchedule=@every 2s",
    ] {
        start.extend(["--set", value]);
    }
    world.studioci_with(&[("GITHUB_TOKEN", TOKEN)], &start).ok();

    for generation in 1..=BUILDS {
        world.phase(generation, "Listening");
        world.push("main", &generation.to_string(), SCRIPT);
        world.phase(generation, "Building");
        world.until("the build has shown its token", || {
            world.was_opened(&format!("token-{generation}")).then_some(())
        });
        let namespace = world.namespace(generation);
        let claims = world.get(&["pvc", "-n", &namespace]);
        let bound = |claim: &Value| claim["status"]["phase"] == "Bound";
        assert!(claims["items"].as_array().unwrap().iter().all(bound), "{claims}");
        if generation < BUILDS {
            world.open(&format!("go-{generation}"));
            assert_eq!(world.verdict(generation), "Passed");
        }
    }

    // while the third one runs: its agent, its support and itself have all said what they say
    let namespaces: Vec<String> = (1..=BUILDS).map(|generation| world.namespace(generation)).collect();
    let mut expected: Vec<String> =
        namespaces.iter().map(|namespace| format!("Secret {namespace}/github")).collect();
    expected.push("Secret studioci/chain-chain-10f".to_owned());
    expected.sort();
    assert_eq!(holders(&world, TOKEN), expected);
    let said = logs(&world);
    assert!(said.contains("listening in") && said.contains("serving"), "{said}");
    assert!(!holds(&said, TOKEN), "{said}");
    assert_eq!(
        world.gate_text("token-3"),
        TOKEN,
        "an agent has no environment of a person, and gives the same"
    );
    assert_eq!(world.gate_text("release-3"), key);

    world.open("go-3");
    assert_eq!(world.verdict(BUILDS), "Passed");
    let last = world.phase(BUILDS, "Finished");
    let name = last["metadata"]["name"].as_str().unwrap();
    assert_eq!(world.get(&["deployment", "minio", "-n", name])["spec"]["replicas"], 0);
    assert_eq!(world.get(&["rc", "rabbitmq", "-n", name])["spec"]["replicas"], 0);
    assert_eq!(world.get(&["ns", name])["metadata"]["labels"]["team"], "ci");
    let said = world.studioci(&["scale", "up", name, "--wait"]).ok();
    assert_eq!(said, "deployment.apps/minio scaled\nreplicationcontroller/rabbitmq scaled\n");
    // claims first: a volume that is in use stays
    let mut gone = vec!["delete", "ns", "--wait=true", "--timeout=90s"];
    gone.extend(namespaces.iter().map(String::as_str));
    world.kubectl(&gone).ok();
    world.kubectl(&["delete", "pv", "-l", "proof=chain-10", "--wait=true"]).ok();
}
