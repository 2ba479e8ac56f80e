//! `chain_01`: setup and start.

use test_cluster::Handle;

use crate::world::{AGENT, World, keys};

pub(crate) const GLOB: &str = "  annotations:
    keel.sh/policy: \"glob:build-*\"
    keel.sh/trigger: poll
    keel.sh/pollSchedule: \"@every 1s\"";

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_01_start_puts_a_listener_into_a_namespace_of_its_own() {
    let world = World::bare("chain-01");
    // an earlier run may have set this cluster up
    world.kubectl(&["delete", "namespace", "studioci", "--ignore-not-found", "--wait=true"]).ok();
    let before = world.studioci(&["start", "-f", &world.file("p.yaml", &world.pipeline("build-1", GLOB))]);
    let said = before.failed(3);
    assert!(said.contains("kubectl studioci setup"), "{said}");

    let image = world.cluster.agent_image().unwrap();
    let said = world.studioci(&["setup", "--agent-image", &image]).ok();
    assert!(said.contains("validatingadmissionpolicy.admissionregistration.k8s.io/studioci-agent"), "{said}");
    let again = world.studioci(&["setup", "--agent-image", &image]).ok();
    assert!(again.lines().all(|line| line.ends_with("unchanged")), "{again}");

    world.push("build-0001", "1", "exit 0");
    let pipeline = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: rest}}\ndata: {{a: b}}\n",
        world.pipeline("build-0001", GLOB)
    );
    let file = world.file("p.yaml", &pipeline);
    let said = world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    assert_eq!(said, "chain/chain-01 started\n");

    let build = world.build(1).unwrap();
    assert_eq!(build["status"]["phase"], "Listening");
    let name = world.namespace(1);
    assert!(name.starts_with(&format!("{}-", world.chain)), "{name}");
    let namespace = world.get(&["ns", &name]);
    let annotations = &namespace["metadata"]["annotations"];
    assert_eq!(namespace["metadata"]["labels"]["studioci.dev/chain"], "chain-01");
    assert_eq!(namespace["metadata"]["labels"]["app.kubernetes.io/managed-by"], "studioci");
    assert!(annotations["studioci.dev/owner"].as_str().is_some_and(|owner| owner.len() == 36));
    let baseline = annotations["studioci.dev/baseline"].as_str().unwrap();
    assert!(baseline.starts_with("build-0001@sha256:"), "{baseline}");

    let listener = world.get(&["deployment", "build", "-n", &name]);
    let told = &listener["metadata"]["annotations"];
    assert_eq!(told["keel.sh/policy"], "glob:build-*");
    assert_eq!(told["keel.sh/trigger"], "poll");
    assert_eq!(told["keel.sh/pollSchedule"], "@every 1s");
    assert_eq!(told["keel.sh/monitorContainers"], "^build$");
    let pods = world.get(&["pods", "-n", &name]);
    assert_eq!(pods["items"].as_array().unwrap().len(), 1);
    let pod = &pods["items"][0]["spec"];
    let names: Vec<&str> =
        pod["containers"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, [AGENT, "build"]);
    let maps = world.get(&["configmaps", "-n", &name]);
    let maps: Vec<&str> =
        maps["items"].as_array().unwrap().iter().filter_map(|map| map["metadata"]["name"].as_str()).collect();
    assert_eq!(maps, ["kube-root-ca.crt"], "nothing else of the pipeline yet");
    assert!(!keys(&listener["metadata"]["labels"]).contains(&"app".to_owned()));

    let said = world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    assert_eq!(said, "chain/chain-01 unchanged\n");
    assert_eq!(world.builds().len(), 1);
    let other = world.file("q.yaml", &pipeline.replace("{a: b}", "{a: c}"));
    let said = world.studioci(&["start", "-f", &other, "--chain", world.chain]).ok();
    assert_eq!(said, "chain/chain-01 configured\n");
    assert_eq!(world.builds().last().unwrap()["spec"]["generation"], 2);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_01_two_starts_at_once_make_one_chain() {
    let world = World::bare("chain-01b");
    world.set_up();
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let args = ["start", "-f", &file, "--chain", world.chain];
    let (one, two) = (world.studioci_aside(&args), world.studioci_aside(&args));
    let mut said = [one.wait().ok(), two.wait().ok()];
    said.sort();
    assert_eq!(said[0], "chain/chain-01b started\n");
    let namespaces = world.get(&["ns", "-l", "studioci.dev/chain=chain-01b"]);
    assert_eq!(namespaces["items"].as_array().unwrap().len(), 1);
    assert_eq!(world.builds().len(), 1);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_01_claim_gives_a_namespace_that_is_usable() {
    let world = World::bare("chain-01c");
    world.set_up();
    let name = world.studioci(&["claim", "--prefix", "mine", "-o", "name"]).ok();
    let name = name.trim().strip_prefix("namespace/").unwrap().to_owned();
    assert!(name.starts_with("mine-"), "{name}");
    world.kubectl(&["get", "serviceaccount", "default", "-n", &name]).ok();
    let namespace = world.get(&["ns", &name]);
    assert_eq!(namespace["metadata"]["labels"]["studioci.dev/chain"], "claim");
    world.kubectl(&["delete", "ns", &name, "--wait=false"]).ok();
}

/// Whether a 64-bit little-endian ELF program has a segment `PT_INTERP`.
fn asks_for_a_loader(program: &[u8]) -> bool {
    const PT_INTERP: usize = 3;
    let number = |at: usize, bytes: usize| {
        program[at..at + bytes].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
    };
    let (table, size, count) = (number(0x20, 8), number(0x36, 2), number(0x38, 2));
    (0..count).any(|segment| number(table + segment * size, 4) == PT_INTERP)
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_01_the_static_binary_resolves_host_names() {
    let world = World::bare("chain-01d");
    let binary = Handle::static_binary().unwrap_or_else(|error| panic!("{error}"));
    assert!(!asks_for_a_loader(&std::fs::read(&binary).unwrap()), "it is not static");
    assert!(
        asks_for_a_loader(&std::fs::read(env!("CARGO_BIN_EXE_kubectl-studioci")).unwrap()),
        "the other is not"
    );
    // nothing listens there, but only who has found the address is told so
    let asked = |host: &str| {
        let server = format!("https://{host}:9");
        world.run(&binary, &["status", "--server", &server, "--insecure-skip-tls-verify"]).failed(3)
    };
    let found = asked("localhost");
    assert!(found.to_lowercase().contains("refused"), "{found}");
    let unknown = asked("nobody.invalid");
    assert!(unknown.contains("nobody.invalid") && !unknown.to_lowercase().contains("refused"), "{unknown}");
}
