//! `chain_06`: what `start` refuses, and whom; whatever is refused leaves nothing behind.

use std::fs;

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{Said, World};

const FORCE: &str = "  labels:
    keel.sh/policy: force
    keel.sh/matchTag: \"true\"
    keel.sh/trigger: poll
  annotations:
    keel.sh/pollSchedule: \"@every 1s\"";

/// Everything that a command could have left behind.
fn everything(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    let cluster = "namespaces,clusterroles,clusterrolebindings,validatingadmissionpolicies,\
                   validatingadmissionpolicybindings";
    for args in [
        ["get", cluster, "-o", "name", "--all-namespaces"],
        ["get", "configmaps,secrets,roles,rolebindings", "-o", "name", "--namespace=studioci"],
    ] {
        all.extend(world.kubectl(&args).ok().lines().map(str::to_owned));
    }
    all
}

/// Holds that a command is refused with this exit code, and that nothing is there that was not before.
fn refused(world: &World, code: i32, args: &[&str]) -> String {
    let before = everything(world);
    let said = world.studioci(args).failed(code);
    assert_eq!(everything(world), before, "{said}");
    said
}

fn holds(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is missing in: {said}");
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_the_first_image_of_a_tag_may_come_after_start() {
    let world = World::new("chain-06b");
    let file = world.file("p.yaml", &world.pipeline("main", FORCE));
    let Said { code, out, err } = world.studioci(&["start", "-f", &file, "--chain", world.chain]);
    assert_eq!((code, out.as_str()), (0, "chain/chain-06b started\n"), "{err}");
    let waits = format!("waiting for the first push: {}:main is not in the registry yet", world.image());
    holds(&err, &[&waits]);
    let build = world.build(1).unwrap();
    assert_eq!(build["spec"]["baseline"], "none");
    holds(build["status"]["why"].as_str().unwrap(), &[&waits]);
    let digest = world.push("main", "first", "exit 0");
    assert_eq!(world.verdict(1), "Passed");
    let build = world.build(1).unwrap();
    assert_eq!((&build["status"]["tag"], &build["status"]["digest"]), (&json!("main"), &json!(digest)));
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_what_cannot_listen_is_refused_and_leaves_nothing() {
    let world = World::bare("chain-06c");
    world.set_up();
    let good = world.pipeline("build-0001", GLOB);
    let file = world.file("p.yaml", &good);
    let start = ["start", "-f", &file, "--chain", world.chain];

    let before = everything(&world);
    let said = world.studioci(&start).failed(2);
    holds(
        &said,
        &[
            &format!("{}:build-0001 is not in the registry", world.image()),
            "with policy glob:build-* Keel watches nothing before the tag it starts from exists",
            "push that tag first, or name one that exists with --tag; nothing was left behind",
        ],
    );

    world.push("build-0001", "1", "exit 0");
    for (from, to, says) in [
        (
            "      containers:",
            "      securityContext: {runAsUser: -5}\n      containers:",
            "runAsUser: Invalid value: -5",
        ),
        ("labels: {app: build}", "labels: {app: \"no label\"}", "Invalid value: \"no label\""),
        (
            "apiVersion: apps/v1\n",
            "apiVersion: v1\nkind: Namespace\nmetadata: {name: own, labels: {team: \"no label\"}}\n---\napiVersion: apps/v1\n",
            "Invalid value: \"no label\"",
        ),
    ] {
        let text = good.replace(from, to);
        assert_ne!(text, good, "{from}");
        world.file("p.yaml", &text);
        let said = world.studioci(&start).failed(2);
        let refuses = "error: the API server refuses what the pipeline asks for: ";
        let then = "correct the pipeline and run start again";
        holds(&said, &["what was created is removed again", refuses, says, then]);
    }
    world.until("all that was created is gone", || (everything(&world) == before).then_some(()));

    // and the mended pipeline is started under the same name
    world.file("p.yaml", &good);
    assert_eq!(world.studioci(&start).ok(), "chain/chain-06c started\n");
}

/// Mends what a proof has broken, also if it fails.
struct Mended<'a>(&'a World);

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let version = json!({ "data": { "version": studioci::chain::wire::HOME_VERSION } }).to_string();
        let patch = ["patch", "configmap", "studioci", "-n", "studioci", "--type=merge", "-p", &version];
        let _ = self.0.kubectl(&patch);
        self.0.set_up();
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_a_cluster_that_is_not_as_it_should_be() {
    let world = World::bare("chain-06d");
    world.set_up();
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let start = ["start", "-f", &file, "--chain", world.chain];
    let patch = |kind: &str, name: &str, patch: Value| {
        world.kubectl(&["patch", kind, name, "--type=merge", "-p", &patch.to_string()]).ok();
    };
    let mended = Mended(&world);

    world.kubectl(&["delete", "configmap", "studioci", "-n", "studioci"]).ok();
    holds(
        &refused(&world, 3, &start),
        &[
            "this cluster is not set up: ConfigMap studioci in namespace studioci is missing",
            "an administrator runs kubectl studioci setup once",
        ],
    );
    world.set_up();

    world.kubectl(&["delete", "validatingadmissionpolicybinding", "studioci-rights"]).ok();
    holds(
        &refused(&world, 3, &start),
        &[
            "builds are not confined: \
             validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing",
            "an administrator runs kubectl studioci setup",
        ],
    );
    world.set_up();

    patch("validatingadmissionpolicy", "studioci-agent", json!({ "spec": { "failurePolicy": "Ignore" } }));
    patch(
        "validatingadmissionpolicybinding",
        "studioci-identity",
        json!({ "spec": { "validationActions": ["Audit"] } }),
    );
    holds(
        &refused(&world, 3, &start),
        &[
            "validatingadmissionpolicy.admissionregistration.k8s.io/studioci-agent",
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-identity",
            "is not what this version of kubectl-studioci expects",
            "kubectl studioci setup --print | kubectl diff -f -",
        ],
    );
    world.set_up();

    let version = json!({ "data": { "version": "9.0" } });
    let args =
        ["patch", "configmap", "studioci", "-n", "studioci", "--type=merge", "-p", &version.to_string()];
    world.kubectl(&args).ok();
    for verb in [&start[..], &["setup"]] {
        holds(
            &refused(&world, 3, verb),
            &["home (namespace studioci) has layout \"9.0\"", "use the version of kubectl-studioci"],
        );
    }
    drop(mended);
    assert_eq!(world.studioci(&start).ok(), "chain/chain-06d started\n");
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_credentials_that_the_server_does_not_know() {
    let world = World::bare("chain-06e");
    world.set_up();
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let admin = fs::read_to_string(world.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    config["users"][0]["user"] = json!({ "token": "run-out" });
    let config = world.file("stranger.kubeconfig", &config.to_string());
    for verb in [&["start", "-f", &file, "--chain", "c"][..], &["status"], &["watch"], &["claim"], &["setup"]]
    {
        let said = refused(&world, 3, &[verb, &["--kubeconfig", &config]].concat());
        holds(
            &said,
            &[
                "does not accept the credentials of me",
                "Sign in to the cluster again; kubectl auth whoami shows whether it worked",
            ],
        );
        assert!(!said.contains("run-out"), "{said}");
    }
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_06_a_user_of_studioci_is_no_admin() {
    let world = World::new("chain-06f");
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let config = world.cluster.kubeconfig_for("dora", &[]).unwrap();
    let config = config.to_str().unwrap();
    let start = ["start", "-f", &file, "--chain", world.chain, "--kubeconfig", config];
    let _ = world.kubectl(&["delete", "clusterrolebinding/studioci-user-dora", "--ignore-not-found"]);
    let _ =
        world.kubectl(&["delete", "rolebinding/studioci-user-dora", "-n", "studioci", "--ignore-not-found"]);

    // without rights: who, what, where, and what to ask for
    holds(
        &refused(&world, 3, &start),
        &[
            "user \"dora\" may not get configmaps in the namespace studioci",
            "kubectl create clusterrolebinding studioci-user-NAME --clusterrole studioci-user --user \"dora\"",
            "kubectl create rolebinding -n studioci studioci-user-NAME --role studioci-user --user \"dora\"",
        ],
    );
    holds(
        &refused(&world, 3, &["status", "--kubeconfig", config]),
        &[
            "user \"dora\" may not list namespaces at the cluster scope",
            "resources: [\"namespaces\"]\n      verbs: [\"list\"]",
            "kind: User, name: \"dora\"",
        ],
    );
    holds(
        &refused(&world, 3, &["claim", "--kubeconfig", config]),
        &["user \"dora\" may not create namespaces at the cluster scope"],
    );
    let no_admin = ["setup needs the rights of an administrator: ", "kubectl studioci setup --print"];
    holds(&refused(&world, 3, &["setup", "--kubeconfig", config]), &no_admin);

    // half of them
    let user = "--user=dora";
    let role = "--role=studioci-user";
    world.kubectl(&["create", "rolebinding", "studioci-user-dora", "-n", "studioci", role, user]).ok();
    holds(&refused(&world, 3, &start), &["user \"dora\" may not get", "--clusterrole studioci-user"]);

    // all of them
    let role = "--clusterrole=studioci-user";
    world.kubectl(&["create", "clusterrolebinding", "studioci-user-dora", role, user]).ok();
    world.until("dora's rights have reached the authorizer", || {
        let said = world.kubectl(&["auth", "can-i", "create", "namespaces", "--kubeconfig", config]);
        (said.code == 0).then_some(())
    });
    assert_eq!(world.studioci(&start).ok(), "chain/chain-06f started\n");
    assert_eq!(world.studioci(&start).ok(), "chain/chain-06f unchanged\n");
    let status = world.studioci(&["status", "--kubeconfig", config]);
    assert_eq!((status.code, status.err.as_str()), (0, ""));
    holds(&status.out, &["chain-06f", "Listening", "waiting for a push after build-0001"]);
    world.push("build-0002", "2", "exit 0");
    let watched = world.studioci(&["watch", world.chain, "--kubeconfig", config]);
    assert_eq!(watched.code, 0, "{}{}", watched.out, watched.err);
    holds(&refused(&world, 3, &["setup", "--kubeconfig", config]), &no_admin);
    world.kubectl(&["delete", "clusterrolebinding/studioci-user-dora"]).ok();
    world.kubectl(&["delete", "rolebinding/studioci-user-dora", "-n", "studioci"]).ok();
}
