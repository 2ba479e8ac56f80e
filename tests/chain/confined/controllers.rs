//! The cluster's own controllers, which the policies name one by one; and what lives beside them in kube-system and is none.

use serde_json::{Value, json};
use studioci::chain::wire::HOME as STUDIOCI;
use studioci::cluster::resource::*;

use super::ask::Wanted::Allowed;
use super::ask::{Ask, Place, Row, at, create, row, token};
use super::objects::*;
use super::who::*;

fn freeze(namespace: &str) -> Place {
    at(CONFIG_MAPS, namespace, "studioci-freeze")
}

fn authority() -> Place {
    at(CONFIG_MAPS, "ci-a-one", "kube-root-ca.crt")
}

/// Accounts of kube-system, an add-on and the manager with wide RBAC, so that the policies stand alone.
/// `listener` is the name of the listener's pod.
#[rustfmt::skip]
pub(crate) fn rows(listener: &str) -> Vec<Row> {
    let (replica_set, _) = listener.rsplit_once('-').unwrap();
    let replica_set = || at(REPLICA_SETS, "ci-a-one", replica_set);
    let slower = || json!({ "spec": { "minReadySeconds": 5 } });
    let data = || json!({ "data": { "x": "y" } });
    let as_agent = |kind| create(workload(kind, "ci-a-one", "x", "listener", pod_spec(AGENT)));
    let replaced = || { let mut it = object("ConfigMap", "ci-a-one", "kube-root-ca.crt"); it["data"] = json!({ "ca.crt": "x" }); it };
    vec![
        row(ADDON, "an ordinary pod in a chain's namespace", create(workload("Pod", "ci-a-one", "x", "support", pod_spec("default"))).dry(), Allowed),
        row(ADDON, "a token of an agent", token("ci-a-one", AGENT, Value::Null), KUBELETS),
        row(ADDON, "a token Secret for an agent", create(token_secret("ci-a-one", "x", AGENT)), TOKEN_SECRET),
        row(ADDON, "a pod as the agent", as_agent("Pod"), AGENTS_KIND),
        row(ADDON, "a ReplicaSet as the agent", as_agent("ReplicaSet"), AGENTS_KIND),
        row(ADDON, "a Job as the agent", as_agent("Job"), AGENTS_KIND),
        row(ADDON, "a Deployment as the agent", as_agent("Deployment"), COMMANDS),
        row(ADDON, "a listener, from an image to which it has no right", create(named(super::listeners::listener("ci-a-one"), "x")), IMAGE),
        row(ADDON, "a freeze before there is one", create(object("ConfigMap", "ci-a-two", "studioci-freeze")), FREEZE),
        row(ADDON, "changes the freeze", freeze("ci-a-one").patch(data()), FREEZE),
        row(ADDON, "deletes the freeze", freeze("ci-a-one").delete(), FREEZE),
        row(ADDON, "another authority for the API server", authority().patch(data()), ROOT_CA),
        row(ADDON, "takes it away", authority().delete(), ROOT_CA),
        row(ADDON, "a pod that the listener's ReplicaSet would adopt", create(workload("Pod", "ci-a-one", "x", "listener", pod_spec("default"))), DECOY),
        row(ADDON, "labels a pod so", at(PODS, "ci-a-one", "own").patch(labels(json!({ "studioci.dev/role": "listener" }))), DECOY),
        row(ADDON, "labels it so by its status", at(PODS, "ci-a-one", "own/status").patch(labels(json!({ "studioci.dev/role": "listener" }))), DECOY),
        row(ADDON, "two pods of a listener", at(DEPLOYMENTS, "ci-a-one", "build/scale").patch(json!({ "spec": { "replicas": 2 } })), ONE_POD),
        row(ADDON, "an account of another chain's agent", create(object("ServiceAccount", "ci-a-one", AGENT_B)), ELSEWHERE),
        row(ADDON, "moves a namespace into another chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": "b" }))), SAME_CHAIN),
        row(ADDON, "home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").patch(data()), OF_CHAINS),

        row(NAMESPACE_CONTROLLER, "empties a namespace: the freeze", freeze("ci-a-one").delete().dry(), Allowed),
        row(NAMESPACE_CONTROLLER, "empties a namespace: the authority", authority().delete().dry(), Allowed),
        row(NAMESPACE_CONTROLLER, "empties a namespace: the listener", at(DEPLOYMENTS, "ci-a-one", "build").delete().dry(), Allowed),
        row(PUBLISHER, "publishes the authority", Ask::new("PUT", "/api/v1/namespaces/ci-a-one/configmaps/kube-root-ca.crt", replaced()).dry(), Allowed),
        row(PUBLISHER, "changes the freeze", Ask::new("PUT", "/api/v1/namespaces/ci-a-one/configmaps/studioci-freeze", object("ConfigMap", "ci-a-one", "studioci-freeze")), FREEZE),
        row(REPLICA_SET_CONTROLLER, "a pod of the listener", as_agent("Pod").dry(), Allowed),
        row(DEPLOYMENT_CONTROLLER, "the listener's ReplicaSet", replica_set().patch(slower()).dry(), Allowed),
        row(COLLECTOR, "takes the owner of an orphan away", replica_set().patch(json!({ "metadata": { "ownerReferences": null } })).dry(), Allowed),
        row(COLLECTOR, "another spec for it", replica_set().patch(slower()), AGENTS_KIND),
        row(ADDON, "the listener's ReplicaSet", replica_set().patch(slower()), AGENTS_KIND),
        row(ADDON, "another label of it", replica_set().patch(labels(json!({ "x": "y" }))), AGENTS_KIND),
        row(JOB_CONTROLLER, "a pod as the agent: no Job runs as one", as_agent("Pod"), AGENTS_KIND),

        row(MANAGER, "a pod of the listener", as_agent("Pod").dry(), Allowed),
        row(MANAGER, "empties a namespace: the freeze", freeze("ci-a-one").delete().dry(), Allowed),
        row(MANAGER, "publishes the authority", authority().patch(data()).dry(), Allowed),
        row(MANAGER, "changes the freeze", freeze("ci-a-one").patch(data()), FREEZE),
        row(MANAGER, "a token of an agent", token("ci-a-one", AGENT, Value::Null), KUBELETS),
        row(MANAGER, "a token Secret for an agent", create(token_secret("ci-a-one", "x", AGENT)), TOKEN_SECRET),
    ]
}
