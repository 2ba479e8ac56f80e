//! `chain_07`: who may do what, asked of the API server itself, a row a request.
//!
//! The tables stand beside this file: [`people`], [`agents`], [`builds`], [`listeners`],
//! [`controllers`]; [`ask`] sends them, [`who`] holds the cast and
//! the words of each validation. They can fail: each validation of the policies is taken away in turn, and each time a
//! row goes through that should not.
#![expect(clippy::needless_pass_by_value, reason = "rows write what they send down on the spot")]

mod agents;
mod ask;
mod builds;
mod controllers;
mod listeners;
mod objects;
mod off;
mod people;
mod stolen;
mod who;

use serde_json::{Value, json};
use studioci::chain::wire::{self, HOME, POLICIES};
use studioci::cluster::resource::*;

use self::ask::Wanted::Allowed;
use self::ask::{Answer, Api, PATIENCE, Row, all, at, create, fault, row};
use self::objects::*;
use self::who::*;
use crate::world::World;

/// On everything that the administrator of this proof makes.
const MARK: &str = "studioci.dev/test";

/// What an administrator prepares: people and accounts with rights of ours and of others, and names in home that look
/// like a chain's.
#[rustfmt::skip]
fn ground() -> Vec<Value> {
    let bound = |name: &str, role: &str, subjects: Vec<Value>| named(bind_everywhere(role, subjects), name);
    let mut all = vec![
        bound("ci-devs", "studioci-user", vec![group("devs")]),
        named(bind(HOME, "Role/studioci-user", group("devs")), "ci-devs"),
        bound("ci-narrowed", "studioci-user", vec![user("carol"), user("dave")]),
        people::carols_role(),
        named(bind(HOME, "Role/carol", user("carol")), "ci-carol"),
        people::daves_role(),
        named(bind(HOME, "Role/dave", user("dave")), "ci-dave"),
        cluster_role("ci-namespaces", [rule("namespaces,namespaces/status,namespaces/finalize", &["create", "get", "update", "patch", "delete"], &[])]),
        bound("ci-namespaces", "ci-namespaces", vec![user("bob")]),
        json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-plain" } }),
        object("ServiceAccount", "ci-plain", "keel"),
        object("ServiceAccount", "ci-plain", "operator"),
        object("ServiceAccount", "ci-plain", AGENT),
        object("ServiceAccount", "ci-plain", "renewer"),
        object("ServiceAccount", "ci-plain", "stranger"),
        named(bind(HOME, "Role/renewer", account("ci-plain", "renewer")), "ci-renewer"),
        named(bind(HOME, "Role/stranger", account("ci-plain", "stranger")), "ci-stranger"),
        object("ServiceAccount", "kube-system", "addon"),
        cluster_role("ci-added", [rule("studioci.dev:addedkeys", &["use"], &[ADDED])]),
        bound("ci-added", "ci-added", vec![user("dave"), agent("ci-a-one")]),
        cluster_role("ci-keel", [
            rule("apps:deployments,deployments/status", &["get", "list", "watch", "update", "patch"], &[]),
            // more than it needs, so that nothing but the shape is between it and an agent
            rule("studioci.dev:agentimages", &["run"], &[]),
        ]),
        bound("ci-keel", "ci-keel", vec![account("ci-plain", "keel")]),
        cluster_role("ci-operator", [rule("pods,pods/ephemeralcontainers,serviceaccounts,serviceaccounts/token", &["*"], &[])]),
        bound("ci-operator", "ci-operator", vec![account("ci-plain", "operator"), account("ci-plain", AGENT)]),
        role(HOME, "history-a", [rule("secrets", &["get"], &[])]),
        role(HOME, "record-a", [rule("secrets", &["get"], &[])]),
        object("Secret", HOME, "other"),
        listeners::almost(),
    ];
    all.extend(people::renewing_roles());
    for name in ["chain-a", "history-a", "record-a", "a-chain"] {
        for prefix in ["chain", "record", "history"] {
            all.push(object("ConfigMap", HOME, &format!("{prefix}-{name}")));
        }
    }
    all
}

/// Everything of all kinds that a policy judges, and no virtual right.
fn wide() -> Vec<Value> {
    let kinds = json!({
        "apiGroups": ["", "apps", "batch", "rbac.authorization.k8s.io", "admissionregistration.k8s.io"],
        "resources": ["*"],
        "verbs": ["*"],
    });
    let subjects = [
        agent("ci-a-one"),
        account("ci-a-one", "builder"),
        account("ci-t-next", "builder"),
        account("kube-system", "addon"),
        user("system:kube-controller-manager"),
    ];
    vec![cluster_role("ci-wide", [kinds]), named(bind_everywhere("ci-wide", subjects), "ci-wide"), lent()]
}

/// The Role of another chain, lent to an agent by who may do anything.
fn lent() -> Value {
    named(bind(HOME, "Role/chain-b", agent("ci-a-one")), "ci-lent")
}

/// An administrator's additions to the workspace.
fn leases_for_all() -> Value {
    let mut added = cluster_role("ci-leases", [rule("coordination.k8s.io:leases", &["*"], &[])]);
    added["metadata"]["labels"] = json!({ "studioci.dev/aggregate-to-workspace": "true" });
    added
}

async fn prepare(api: &Api, objects: Vec<Value>) {
    let make = |mut object: Value| {
        object["metadata"]["labels"][MARK] = json!("confined");
        row(ADMIN, format!("prepares {}", object["metadata"]["name"]), create(object), Allowed)
    };
    api.in_order(&objects.into_iter().map(make).collect::<Vec<_>>()).await;
}

/// Takes away what a run has prepared, also one that failed, and sets the policies right.
struct Ground<'a>(&'a World);

impl<'a> Ground<'a> {
    fn of(world: &'a World) -> Self {
        let ground = Self(world);
        ground.clear();
        world.set_up();
        ground
    }

    fn clear(&self) {
        let marked = format!("{MARK}=confined");
        let kinds = "clusterroles,clusterrolebindings,roles,rolebindings,configmaps,secrets,serviceaccounts";
        let _ = self.0.kubectl(&["delete", kinds, "-A", "-l", &marked]);
        let gone = ["namespace/ci-plain", "namespace/ci-x-x", "clusterrolebinding/x", "clusterrole/x"];
        let _ = self.0.kubectl(&[&["delete", "--ignore-not-found"], &gone[..]].concat());
        let _ =
            self.0.kubectl(&["delete", "--ignore-not-found", "-n", HOME, "rolebinding/x", "role/chain-x"]);
    }
}

impl Drop for Ground<'_> {
    fn drop(&mut self) {
        let number =
            json!({ "metadata": { "annotations": { "studioci.dev/confinement": "4" } } }).to_string();
        let policies =
            ["patch", "validatingadmissionpolicy", "studioci-rights", "--type=merge", "-p", &number];
        let _ = self.0.kubectl(&policies);
        self.0.set_up();
        self.clear();
    }
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
}

/// A row that a policy refused, and what it said.
struct Refusal {
    row: Row,
    policy: String,
    says: String,
}

/// What came of the tables so far.
#[derive(Default)]
struct NamespaceView {
    refusals: Vec<Refusal>,
    faults: Vec<String>,
    rows: usize,
}

impl NamespaceView {
    /// Sends the rows of a table at once.
    async fn table(&mut self, api: &Api, rows: Vec<Row>) {
        self.rows += rows.len();
        for (row, answer) in rows.iter().zip(api.at_once(&rows).await) {
            if !answer.is(row.wanted) {
                self.faults.push(fault(row, &answer));
            } else if let Answer::Policy(policy, says) = answer {
                self.refusals.push(Refusal { row: row.clone(), policy, says });
            }
        }
    }

    fn holds(&self) {
        assert!(
            self.faults.is_empty(),
            "{} of {} rows:\n{}",
            self.faults.len(),
            self.rows,
            self.faults.join("\n")
        );
    }
}

/// Waits until each policy acts: after `setup` that takes a moment.
async fn until_policies_act(api: &Api) {
    let unlabelled = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x" } });
    let alone = workload("Pod", "ci-a-one", "x", "listener", pod_spec(AGENT));
    let token = token_secret("ci-a-one", "x", AGENT);
    let canaries = [
        (ONE, create(unlabelled).dry(), POLICIES[0]),
        (ALICE, create(bind(HOME, "ClusterRole/studioci-workspace", user("alice"))).dry(), POLICIES[1]),
        (ALICE, create(token).dry(), POLICIES[2]),
        (ALICE, create(alone).dry(), POLICIES[3]),
    ];
    for (who, ask, policy) in canaries {
        api.until(who, &ask, |answer| matches!(answer, Answer::Policy(name, _) if name == policy)).await;
    }
}

/// The only pod of the listener in `ci-a-one`, once it runs: name and uid.
async fn listeners_pod(api: &Api) -> (String, String) {
    let running = |answer: &Answer| matches!(answer, Answer::Allowed(list) if list["items"][0]["status"]["phase"] == "Running");
    let pods = all(PODS, "ci-a-one", "labelSelector=studioci.dev%2Frole%3Dlistener").get();
    let Answer::Allowed(list) = api.until(ADMIN, &pods, running).await else { unreachable!() };
    let text = |key: &str| list["items"][0]["metadata"][key].as_str().unwrap().to_owned();
    (text("name"), text("uid"))
}

/// Takes each validation away, one of each policy at a time: each time a row goes through that only it refuses.
async fn each_validation_matters(api: &Api, refusals: &[Refusal]) {
    let place = |policy: &str| at(VALIDATING_ADMISSION_POLICIES, "", policy);
    let mut originals = Vec::new();
    for policy in POLICIES {
        let Answer::Allowed(live) = api.send(ADMIN, &place(policy).get()).await else { panic!("{policy}") };
        originals.push((policy, live["spec"]["validations"].as_array().unwrap().clone()));
    }
    let known: usize = originals.iter().map(|(_, validations)| validations.len()).sum();
    assert_eq!(known, VALIDATIONS.len(), "a validation that `who.rs` does not know");

    let rounds = originals.iter().map(|(_, validations)| validations.len()).max().unwrap_or(0);
    for round in 0..=rounds {
        for (policy, validations) in &originals {
            let mut validations = validations.clone();
            if let Some(taken) = validations.get_mut(round) {
                taken["expression"] = json!("true");
            }
            let patch = place(policy).patch(json!({ "spec": { "validations": validations } }));
            let patched = api.send(ADMIN, &patch).await;
            assert!(matches!(patched, Answer::Allowed(_)), "{policy}: {patched:?}");
        }
        for (policy, validations) in &originals {
            let Some(taken) = validations.get(round) else { continue };
            let said = format!("{}{}", taken["message"], taken["messageExpression"]);
            let of_policy = VALIDATIONS.iter().filter(|(name, words)| name == policy && said.contains(words));
            let [(_, words)] = of_policy.collect::<Vec<_>>()[..] else { panic!("{policy}: {said}") };
            let guarded: Vec<&Row> = refusals
                .iter()
                .filter(|refusal| refusal.policy == *policy && refusal.says.contains(words))
                .map(|refusal| &refusal.row)
                .collect();
            goes_through(api, &format!("{policy} without {words:?}"), &guarded).await;
        }
    }
    until_policies_act(api).await;
}

/// Waits until one of these rows goes through.
async fn goes_through(api: &Api, without: &str, rows: &[&Row]) {
    let begun = std::time::Instant::now();
    loop {
        let mut answers = Vec::new();
        for row in rows {
            let answer = api.send(row.who, &row.ask.clone().dry()).await;
            if answer.went_through() {
                return;
            }
            answers.push(format!("{} {}: {answer:?}", row.who, row.what));
        }
        assert!(begun.elapsed() < PATIENCE, "{without}: no row goes through\n{}", answers.join("\n"));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

/// Every binding that names an agent or a role of ours, but for those of people to `studioci-user`.
async fn bindings(api: &Api) -> Vec<String> {
    let mut left = Vec::new();
    for resource in [CLUSTER_ROLE_BINDINGS, ROLE_BINDINGS] {
        let Answer::Allowed(list) = api.send(ADMIN, &all(resource, "", "").get()).await else { panic!() };
        for item in list["items"].as_array().unwrap() {
            let of_agent = |subject: &Value| {
                subject["name"].as_str().is_some_and(wire::is_agent_account)
                    && subject["namespace"] != "ci-plain"
            };
            let subjects = item["subjects"].as_array().cloned().unwrap_or_default();
            let ours =
                ["studioci-workspace", "studioci-trusted"].iter().any(|it| item["roleRef"]["name"] == *it);
            if ours || subjects.iter().any(of_agent) {
                left.push(format!("{} {}", resource.kind, item["metadata"]["name"]));
            }
        }
    }
    left
}

async fn gone(api: &Api, resource: Resource, namespace: &str, name: &str) {
    let missing = |answer: &Answer| matches!(answer, Answer::Other(404, _));
    api.until(ADMIN, &at(resource, namespace, name).get(), missing).await;
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_07_every_request_is_allowed_or_refused_as_wanted() {
    let world = World::bare("chain-07");
    let _ground = Ground::of(&world);
    let api = Api::of(&world.cluster);
    block_on(async {
        prepare(&api, ground()).await;
        let (a, b, t) = (
            people::start(ALICE, "ci-a-one", "a", &BASELINE, false),
            people::start(ALICE, "ci-b-other", "b", &[], false),
            people::start(ALICE, "ci-t-trust", "t", &[], true),
        );
        tokio::join!(api.in_order(&a), api.in_order(&b), api.in_order(&t));
        until_policies_act(&api).await;
        let (two, three, trust2) = (
            agents::dispatch("ci-a-one", ONE, "ci-a-two", "a", &BASELINE, false),
            agents::dispatch("ci-a-two", TWO, "ci-a-three", "a", &BASELINE, false),
            agents::dispatch("ci-t-trust", TRUST, "ci-t-next", "t", &[], true),
        );
        let chain_a = async {
            api.in_order(&two).await;
            api.in_order(&three).await;
        };
        tokio::join!(chain_a, api.in_order(&trust2));
        api.in_order(&agents::work()).await;
        api.in_order(&agents::pipeline()).await;
        api.in_order(&people::claim()).await;
        let hub = create(listeners::hub("ci-a-one"));
        api.in_order(&[row(ALICE, "a listener for an image of Docker Hub", hub, Allowed)]).await;

        let mut told = NamespaceView::default();
        for rows in [
            people::alice(),
            people::chain_roles(),
            people::narrowed(),
            people::renewing(),
            agents::unheld(),
            agents::refused(),
            builds::build(),
            listeners::shapes(),
            listeners::updates(),
        ] {
            told.table(&api, rows).await;
        }
        let carol = people::narrowed_in_a_namespace();
        api.in_order(&carol[..1]).await;
        told.table(&api, carol[1..].to_vec()).await;
        let (pod, uid) = listeners_pod(&api).await;
        told.table(&api, builds::elsewhere(&pod, &uid)).await;
        prepare(&api, wide()).await;
        told.table(&api, builds::wide(&pod)).await;
        told.table(&api, controllers::rows(&pod)).await;
        told.holds();
        each_validation_matters(&api, &told.refusals).await;
        prepare(&api, vec![leases_for_all()]).await;
        api.in_order(&builds::added_kind()).await;

        let bound = |name| at(CLUSTER_ROLE_BINDINGS, "", name);
        for binding in [bound("ci-wide"), bound("ci-added"), at(ROLE_BINDINGS, HOME, "ci-lent")] {
            api.in_order(&[row(ADMIN, "narrows them again", binding.delete(), Allowed)]).await;
        }
        let shut = |answer: &Answer| matches!(answer, Answer::Rbac(_));
        api.until(ONE, &all(NODES, "", "").get(), shut).await;
        api.in_order(&agents::janitor()).await;
        gone(&api, NAMESPACES, "", "ci-a-one").await;
        gone(&api, CLUSTER_ROLE_BINDINGS, "", "studioci-agent.a:ci-a-one").await;
        gone(&api, ROLE_BINDINGS, HOME, "studioci-agent.a:ci-a-one").await;
        gone(&api, ROLE_BINDINGS, "ci-a-two", "studioci-from-ci-a-one").await;
        let phase = json!({ "studioci.dev/phase": "Finished" });
        let last = [
            row(TWO, "its own Namespace still", at(NAMESPACES, "", "ci-a-two").patch(labels(phase)), Allowed),
            row(THREE, "disposes of its own Namespace", at(NAMESPACES, "", "ci-a-three").dispose(), Allowed),
        ];
        api.in_order(&last).await;
        api.in_order(&people::tidying()).await;
        let namespaces = all(NAMESPACES, "", "labelSelector=studioci.dev%2Fchain").get();
        let none = |answer: &Answer| matches!(answer, Answer::Allowed(all) if all["items"] == json!([]));
        api.until(ADMIN, &namespaces, none).await;
        let begun = std::time::Instant::now();
        loop {
            let left = bindings(&api).await;
            if left.is_empty() {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "bindings are left: {left:?}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    });
}
