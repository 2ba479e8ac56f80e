//! `chain_15`: whoever is after another chain, with real tokens and certificates, while both chains turn.
//!
//! The thief is another chain's agent, and knows everything that can be read; so does `mallory`, who may create namespaces
//! and nothing else; `dave` is a user of studioci who was narrowed to a chain of his own. What they try is refused by the
//! server, or passed over.

use serde_json::{Value, json};
use studioci::chain::rights::{self, BuildNamespace};
use studioci::chain::{names, wire};
use studioci::cluster::resource::*;
use uuid::Uuid;

use super::ask::Wanted::{Allowed, Rbac};
use super::ask::{Api, Row, Who, at, create, row};
use super::objects::*;
use super::who::*;
use super::{Ground, NamespaceView, block_on, people, prepare};
use crate::start::GLOB;
use crate::world::World;

/// The chain that is after the other one.
const THIEF: &str = "chain-15-thief";
const MALLORY: Who = Who::Person("mallory", &[]);
/// Generations that both chains turn.
const TURNS: u64 = 3;
/// Of the names that the chain would take next, so many are occupied.
const OCCUPIED: usize = 3;

/// The smallest pipeline that Pod Security's baseline takes; its Namespace document asks for a label.
fn pipeline(world: &World, team: &str) -> String {
    let (mounts, rest) = ("        volumeMounts: [{name: gate, mountPath: /gate}]\n", "      volumes:\n");
    let text = world.pipeline("build-0001", GLOB).replace(mounts, "");
    let text = text.split(rest).next().unwrap();
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: ci\n  labels: {{team: {team}, istio-injection: {team}}}\n---\n{text}"
    )
}

/// The build of a chain's generation: name, chain uuid.
fn build_of(world: &World, chain: &str, generation: u64) -> Option<(String, Uuid)> {
    let select = format!("studioci.dev/chain={chain}");
    let found = world.get(&["ns", "-l", &select]);
    let is = |it: &&Value| it["metadata"]["annotations"][wire::GENERATION] == generation.to_string().as_str();
    // what the thief made bears the other chain's uuid, and is called after what it is
    let own = |it: &&Value| !it["metadata"]["name"].as_str().unwrap().contains("-stolen-");
    let meta = &found["items"].as_array().unwrap().iter().filter(own).find(is)?["metadata"];
    let uuid = meta["annotations"][wire::CHAIN_UUID].as_str()?.parse().ok()?;
    Some((meta["name"].as_str()?.to_owned(), uuid))
}

fn phase(world: &World, namespace: &str) -> String {
    let found = world.get(&["ns", namespace]);
    found["metadata"]["labels"][wire::PHASE].as_str().unwrap_or_default().to_owned()
}

/// A Namespace as the thief makes it: everything of the other chain's next one but what the policies guard.
fn forged(name: &str, prefix: &str, label: &str, uuid: Uuid, generation: u64, owner: Uuid) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: label, wire::PHASE: "Claimed",
                "pod-security.kubernetes.io/enforce": "baseline", "team": "blue", "istio-injection": "blue",
            },
            "annotations": {
                wire::OWNER: owner.to_string(), wire::CHAIN_UUID: uuid.to_string(),
                wire::GENERATION: generation.to_string(), wire::PREFIX: prefix,
                wire::LENT: "v1\nl:istio-injection=blue\nl:team=blue",
            },
        },
    })
}

fn leaked(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// A name that a claim could draw, of a turn.
fn drawn(prefix: &str, what: &str, turn: u64) -> String {
    format!("{prefix}-{what}-{}", ["one", "two", "three"][usize::try_from(turn).unwrap() - 1])
}

/// What is tried in one turn, and what is wanted of it. `here`: the thief's namespace; `there`: the other chain's.
#[rustfmt::skip]
fn attempts(victim: &str, thief: Who, here: &str, there: &str, uuid: Uuid, turn: u64) -> (Vec<Row>, Vec<Row>) {
    let next = turn + 1;
    // what followed from the uuid that everybody reads, once
    let (owner, guess) = (names::owner(uuid, next), names::sequence(uuid, next, victim).next().unwrap());
    let stolen = drawn(THIEF, "stolen", turn);
    let in_stolen = BuildNamespace { chain: THIEF, namespace: &stolen, uid: "" };
    let its_agent = account(there, &wire::agent_account(victim));
    let home = |what: &str| format!("{what}-{victim}");
    let outside = |object| named(object, &format!("{}:{stolen}-x", wire::agent_account(THIEF)));
    // B1: a namespace of its own that looks like the other chain's next one, and rights for that one's agent
    let first = vec![
        row(thief, "B1: a namespace that looks like the other chain's next one", create(forged(&stolen, THIEF, THIEF, uuid, next, owner)), Allowed),
        row(thief, "B1: itself in it", create(rights::bind_predecessor(&in_stolen, here, "", false).remove(0)), Allowed),
    ];
    let rest = vec![
        row(thief, "B1: under the name that the uuid gives", create(forged(&guess, victim, THIEF, uuid, next, owner)), NAMED),
        row(thief, "B1: under the other chain's label", create(forged(&guess, victim, victim, uuid, next, owner)), OWN_CHAIN),
        row(thief, "B1: its Role to the other chain's agent", create(owned(outside(bind(wire::HOME, &format!("Role/chain-{THIEF}"), account(&stolen, &wire::agent_account(victim)))), &stolen)), IN_HOME),
        row(thief, "B1: its Role to the other chain's agent at home", create(owned(outside(bind(wire::HOME, &format!("Role/chain-{THIEF}"), its_agent.clone())), there)), IN_HOME),
        row(thief, "B1: an account of the other chain's agent", create(object("ServiceAccount", &stolen, &wire::agent_account(victim))), FOREIGN_AGENT),
        row(thief, "B1: the other chain's Role to itself", create(owned(outside(bind(wire::HOME, &format!("Role/chain-{victim}"), account(here, &wire::agent_account(THIEF)))), here)), Rbac),
        row(thief, "B1: itself in the other chain's namespace", create(owned(bind(there, "ClusterRole/studioci-workspace", account(here, &wire::agent_account(THIEF))), here)), OWN_CHAIN),
        row(thief, "B1: the other chain's seed", at(SECRETS, wire::HOME, &home("seed")).get(), Rbac),
        row(thief, "B1: its Secret", at(SECRETS, wire::HOME, &home("chain")).get(), Rbac),
        row(thief, "B1: its head", at(CONFIG_MAPS, wire::HOME, &home("chain")).patch(json!({ "data": { "namespace": stolen } })), Rbac),
        row(MALLORY, "B2: a namespace of the other chain", create(forged(&guess, victim, victim, uuid, next, owner)), CLAIM),
        row(MALLORY, "B2: a namespace of no chain, labelled as the chain's later", at(NAMESPACES, "", "ci-plain").patch(labels(json!({ wire::CHAIN: victim }))), Rbac),
        row(thief, "B4: a namespace that somebody's dangling binding names", create(forged("monitoring", THIEF, THIEF, uuid, next, owner)), NAMED),
        row(thief, "B4: the same with a suffix", create(forged(&format!("{THIEF}-prometheus-operator-prod"), THIEF, THIEF, uuid, next, owner)), NAMED),
        row(thief, "B5: a label that others' policies look at", create(with(forged(&drawn(THIEF, "more", turn), THIEF, THIEF, uuid, next, owner), "labels", "admission.gatekeeper.sh/ignore", "x")), LENT),
        row(thief, "B6: an owner of its history", at(CONFIG_MAPS, wire::HOME, &format!("history-{THIEF}")).patch(json!({ "metadata": { "ownerReferences": [owner_of(here)] } })), METADATA),
        row(thief, "B6: a finalizer on its head", at(CONFIG_MAPS, wire::HOME, &format!("chain-{THIEF}")).patch(json!({ "metadata": { "finalizers": finalizers() } })), METADATA),
        row(thief, "B6: a finalizer on its own namespace", at(NAMESPACES, "", here).patch(json!({ "metadata": { "finalizers": finalizers() } })), METADATA),
        row(DAVE, "B7: the record of a chain that is not begun yet", create(object("ConfigMap", wire::HOME, "record-later")), OF_CHAINS),
        row(DAVE, "B7: its Secret", create(object("Secret", wire::HOME, "chain-later")), OF_CHAINS),
        row(DAVE, "B7: its seed", create(object("Secret", wire::HOME, "seed-later")), OF_CHAINS),
        row(DAVE, "B7: a namespace of the other chain", create(forged(&guess, victim, victim, uuid, next, owner)), CLAIM),
    ];
    (first, rest)
}

fn owner_of(namespace: &str) -> Value {
    owner(namespace, json!({ "uid": "00000000-0000-4000-8000-000000000000" }))
}

/// Occupies the names that the chain takes next, as nobody can who does not read its seed.
async fn occupy(api: &Api, world: &World, turn: u64) -> Vec<String> {
    let seed = world.kubectl(&[
        "get",
        "secret",
        &format!("seed-{}", world.chain),
        "-n",
        wire::HOME,
        "-o",
        "go-template={{.data.seed | base64decode}}",
    ]);
    let seed: Uuid = seed.ok().trim().parse().unwrap();
    let taken: Vec<String> = names::sequence(seed, turn + 1, world.chain).take(OCCUPIED).collect();
    let plain =
        |name: &String| json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let rows: Vec<Row> =
        taken.iter().map(|name| row(MALLORY, "B3: occupies a name", create(plain(name)), Allowed)).collect();
    api.in_order(&rows).await;
    taken
}

/// What the administrator prepares.
fn cast() -> Vec<Value> {
    let maker = cluster_role("ci-maker", [rule("namespaces", &["create"], &[])]);
    vec![
        maker,
        named(bind_everywhere("ci-maker", [user("mallory")]), "ci-maker"),
        named(bind_everywhere("studioci-user", [user("dave")]), "ci-narrowed"),
        people::daves_role(),
        named(bind(wire::HOME, "Role/dave", user("dave")), "ci-dave"),
    ]
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_15_a_chain_is_nobody_elses() {
    let world = World::new("chain-15");
    let _ground = Ground::of(&world);
    // a client lives as long as the runtime that it was made in
    block_on(async { prepare(&Api::of(&world.cluster), cast()).await });
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &pipeline(&world, "blue"));
    for chain in [world.chain, THIEF] {
        world.studioci(&["start", "-f", &file, "--chain", chain, "--pod-security", "baseline"]).ok();
    }
    let mut occupied = Vec::new();
    for turn in 1..=TURNS {
        let ((there, uuid), (here, _)) =
            (build_of(&world, world.chain, turn).unwrap(), build_of(&world, THIEF, turn).unwrap());
        let thief = Who::Account(leaked(here.clone()), leaked(wire::agent_account(THIEF)));
        let (first, rest) = attempts(world.chain, thief, &here, &there, uuid, turn);
        block_on(async {
            let api = Api::of(&world.cluster);
            occupied.extend(occupy(&api, &world, turn).await);
            api.in_order(&first).await;
            let mut told = NamespaceView::default();
            told.table(&api, rest).await;
            told.holds();
        });

        // B5: the push asks for labels of its namespace, too
        let pushed = pipeline(&world, "prod");
        let tag = format!("build-000{}", turn + 1);
        world.push_with(&tag, &tag, "exit 0", &[("ci/.studioci/pipeline.yaml", &pushed)], &[]);
        for chain in [world.chain, THIEF] {
            let next = world.until(&format!("generation {} of {chain} listens", turn + 1), || {
                let (next, _) = build_of(&world, chain, turn + 1)?;
                (phase(&world, &next) == "Listening").then_some(next)
            });
            assert!(!occupied.contains(&next), "{next}");
            let labels = &world.get(&["ns", &next])["metadata"]["labels"];
            assert_eq!(
                (&labels["team"], &labels["istio-injection"]),
                (&json!("blue"), &json!("blue")),
                "{next}"
            );
            let (build, _) = build_of(&world, chain, turn).unwrap();
            world.until(&format!("the build in {build} is over"), || {
                (phase(&world, &build) == "Finished").then_some(())
            });
            let verdict = &world.get(&["ns", &build])["metadata"]["annotations"][wire::VERDICT];
            assert_eq!(verdict, "Passed", "{chain} {turn}");
        }
    }
    for name in &occupied {
        let left = world
            .kubectl(&["get", "rolebindings,secrets,deployments,configmaps", "-n", name, "-o", "name"])
            .ok();
        let left: Vec<&str> = left.lines().filter(|it| !it.ends_with("/kube-root-ca.crt")).collect();
        assert!(left.is_empty(), "{name}: {left:?}");
    }
    // what the thief made for itself is its chain's own, and gives nobody else anything
    for turn in 1..=TURNS {
        let stolen = drawn(THIEF, "stolen", turn);
        let left = world.kubectl(&["get", "secrets,deployments", "-n", &stolen, "-o", "name"]).ok();
        assert_eq!(left, "", "{stolen}");
    }
    let mut args = vec!["delete", "ns", "--wait=false"];
    args.extend(occupied.iter().map(String::as_str));
    world.kubectl(&args).ok();
}
