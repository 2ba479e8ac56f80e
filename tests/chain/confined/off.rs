//! Where builds are not confined, nothing of ours runs: not `start`, and no agent that begins after the policies were
//! taken away. Where nothing can confine them, since RBAC is off, that is said aloud.

use std::path::PathBuf;

use serde_json::{Value, json};
use studioci::cluster::{Cluster, Options};
use studioci::state::confinement::{Authorizer, Canary, check};
use test_cluster::open::OpenApiServer;
use test_cluster::settings::API_URL;

use super::ask::Wanted::Allowed;
use super::ask::{Answer, Api, Row, Who, create, row, token};
use super::objects::*;
use super::who::*;
use super::{Ground, block_on, people, prepare};
use crate::start::GLOB;
use crate::world::{Said, World};

/// A user of studioci by name, in no group.
const ALONE: Who = Who::Person("alice", &[]);
const WORKSPACE_ROLE: &str = "ClusterRole/studioci-workspace";

/// Makes somebody a user of studioci; gone with the ground.
fn user_rights(name: &str) -> Vec<Value> {
    vec![
        named(bind_everywhere("studioci-user", [user(name)]), "ci-user"),
        named(bind("studioci", "Role/studioci-user", user(name)), "ci-user"),
    ]
}

/// What the newest pod of the chain's only listener says, once it runs this tag.
fn diary(world: &World, namespace: &str, tag: &str) -> Option<String> {
    let pods = world.get(&["pods", "-n", namespace, "-l", "studioci.dev/role=listener"]);
    let image = format!("{}:{tag}", world.image());
    let runs = |pod: &&Value| {
        pod["metadata"]["deletionTimestamp"].is_null() && pod["spec"]["containers"][1]["image"] == image
    };
    let pod = pods["items"].as_array()?.iter().find(runs)?["metadata"]["name"].as_str()?.to_owned();
    Some(world.kubectl(&["logs", "-n", namespace, &pod, "-c", crate::world::AGENT]).out)
}

/// A diary's lines without their times.
fn untimed(diary: &str) -> Vec<&str> {
    diary.lines().map(|line| line.split_once("  ").map_or(line, |(_, rest)| rest)).collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_07_an_agent_does_nothing_while_a_policy_is_missing() {
    let world = World::new("chain-07b");
    let ground = Ground::of(&world);
    let api = Api::of(&world.cluster);
    block_on(prepare(&api, user_rights("alice")));
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "-f", &file, "--chain", world.chain]).ok();
    let namespace = world.namespace(1);

    world.kubectl(&["delete", "validatingadmissionpolicybinding", "studioci-agent"]).ok();
    world.kubectl(&["delete", "pod", "-n", &namespace, "-l", "studioci.dev/role=listener"]).ok();
    let refuses = "cannot go on: builds are not confined: \
                   validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-agent is missing; trying again";
    let refusal_at = |tag: &str| {
        world.until(&format!("the agent at {tag} refuses"), || {
            let diary = diary(&world, &namespace, tag)?;
            diary.contains("cannot go on").then_some(diary)
        })
    };
    assert_eq!(untimed(&refusal_at("build-0001")), [refuses]);
    world.push("build-0002", "2", "exit 0");
    assert_eq!(untimed(&refusal_at("build-0002")), [refuses]);
    let build = world.build(1).unwrap();
    assert_eq!((world.builds().len(), &build["status"]["phase"]), (1, &json!("Listening")));

    // and goes on by itself
    world.set_up();
    assert_eq!(world.verdict(1), "Passed");

    // policies of a newer number are left to the canary
    let config = world.cluster.kubeconfig_for("alice", &[]).unwrap();
    let newer = json!({ "metadata": { "annotations": { "studioci.dev/confinement": "99" } } });
    let toothless = json!({ "spec": { "validationActions": ["Audit"] } });
    let patch = |kind: &str, patch: &Value| {
        world.kubectl(&["patch", kind, "studioci-rights", "--type=merge", "-p", &patch.to_string()]).ok();
    };
    patch("validatingadmissionpolicy", &newer);
    patch("validatingadmissionpolicybinding", &toothless);
    let canary = create(bind("studioci", WORKSPACE_ROLE, user("alice"))).dry();
    block_on(async {
        api.until(ALONE, &canary, Answer::went_through).await;
    });
    let start = ["start", "-f", &file, "--chain", "other", "--kubeconfig", config.to_str().unwrap()];
    insta::assert_snapshot!(world.studioci(&start).failed(3), @"
    error: the admission policies are installed and do not act: alice got through with what they refuse
      remedy: check that the API server's admission plugin ValidatingAdmissionPolicy is on, and that the bindings of the policies say Deny
    ");
    drop(ground);
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_07_who_claims_a_namespace_may_use_it() {
    let world = World::bare("chain-07c");
    let _ground = Ground::of(&world);
    let api = Api::of(&world.cluster);
    block_on(async {
        prepare(&api, user_rights("alice")).await;
        let claims = create(namespace("ci-x-x", "claim", &[])).dry();
        api.in_order(&[row(ALONE, "her rights have reached the authorizer", claims, Allowed)]).await;
    });
    let config = world.cluster.kubeconfig_for("alice", &[]).unwrap();
    let config = ["--kubeconfig", config.to_str().unwrap()];
    let name = world.studioci(&[&["claim", "-o", "name"][..], &config].concat()).ok();
    let name = name.trim().strip_prefix("namespace/").unwrap();
    world.kubectl(&[&["create", "configmap", "x", "-n", name][..], &config].concat()).ok();
    world.kubectl(&[&["delete", "namespace", name, "--wait=false"][..], &config].concat()).ok();
}

/// A kubeconfig that holds nothing but a token.
fn kubeconfig_of(world: &World, account: &str, token: &str) -> PathBuf {
    let admin = std::fs::read_to_string(world.cluster.kubeconfig()).unwrap();
    let mut config: Value = serde_json::from_str(&admin).unwrap();
    config["users"][0]["user"] = json!({ "token": token });
    world.file(&format!("{account}.kubeconfig"), &config.to_string()).into()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_07_rbac_that_is_off_is_said_aloud() {
    let world = World::bare("chain-07d");
    let _ground = Ground::of(&world);
    let open = OpenApiServer::start(&world.cluster).unwrap_or_else(|error| panic!("{error}"));
    block_on(async {
        let api = Api::of(&world.cluster);
        prepare(&api, user_rights("alice")).await;
        api.in_order(&people::start(ALONE, "ci-a-one", "a", &BASELINE, false)).await;
        let asked = api.send(ADMIN, &token("ci-a-one", AGENT, Value::Null)).await;
        let Answer::Allowed(given) = asked else { panic!("{asked:?}") };
        let agent = kubeconfig_of(&world, "agent", given["status"]["token"].as_str().unwrap());
        let alice = world.cluster.kubeconfig_for("alice", &[]).unwrap();
        let (kube, open) = (API_URL.to_owned(), open.url());
        let cases = [
            ("an admin", world.cluster.kubeconfig(), &kube, Authorizer::On, Canary::LetOff),
            ("a user", alice.clone(), &kube, Authorizer::On, Canary::Refused),
            ("an agent", agent.clone(), &kube, Authorizer::On, Canary::Refused),
            // every right is held, the one to bypass too
            ("an admin without RBAC", world.cluster.kubeconfig(), &open, Authorizer::Off, Canary::LetOff),
            ("a user without RBAC", alice, &open, Authorizer::Off, Canary::LetOff),
            // what asks for no right still acts
            ("an agent without RBAC", agent, &open, Authorizer::Off, Canary::Refused),
        ];
        for (who, kubeconfig, server, authorizer, canary) in cases {
            let options =
                Options { kubeconfig: Some(kubeconfig), server: Some(server.clone()), ..Options::default() };
            let found = check(&Cluster::connect(&options).unwrap()).await.unwrap();
            assert_eq!((found.authorizer, found.canary), (authorizer, canary), "{who}");
        }
        let unlabelled = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x" } });
        let rows: [Row; 4] = [
            row(
                ONE,
                "a namespace for another chain",
                create(namespace("ci-x-x", "b", &BASELINE)).dry(),
                OWN_CHAIN,
            ),
            row(
                EVE,
                "the workspace in kube-system",
                create(bind("kube-system", WORKSPACE_ROLE, user("eve"))).dry(),
                Allowed,
            ),
            row(ONE, "a namespace without labels", create(unlabelled).dry(), OWN_CHAIN),
            row(
                ONE,
                "a pod as the agent",
                create(workload("Pod", "ci-a-one", "x", "listener", pod_spec(AGENT))).dry(),
                LISTENER,
            ),
        ];
        Api::elsewhere(&world.cluster, &open).in_order(&rows).await;
    });
    let aloud =
        "this cluster authorizes everything (RBAC is off): agents and builds are not confined to their chain";
    let image = world.cluster.agent_image().unwrap();
    let Said { code, err, .. } = world.studioci(&["setup", "--agent-image", &image, "--server", &open.url()]);
    assert_eq!((code, err), (0, format!("Warning: {aloud}\n")));
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    let Said { code, err, .. } =
        world.studioci(&["start", "-f", &file, "--chain", world.chain, "--server", &open.url()]);
    assert_eq!(code, 0, "{err}");
    assert!(err.starts_with(&format!("{aloud}\n")), "{err}");
}
