//! What a build asks, with every right in its own namespace that a pipeline can give; what accounts elsewhere ask; and
//! both walls apart: the same identities with wide RBAC, so that the policies stand alone.

use serde_json::{Value, json};
use studioci::chain::wire::{HOME as STUDIOCI, TRUSTED_BUILD};
use studioci::cluster::resource::*;

use super::agents::leases;
use super::ask::Wanted::{Allowed, Missing, Rbac};
use super::ask::{Ask, Row, Who, all, at, create, row, token};
use super::objects::*;
use super::who::*;

/// A pod template, which the program itself never handles.
fn pod_template(namespace: &str, account: &str) -> Ask {
    let path = format!("/api/v1/namespaces/{namespace}/podtemplates");
    Ask::new(
        "POST",
        path,
        workload(
            "PodTemplate",
            namespace,
            "x",
            if account == "default" { "support" } else { "listener" },
            pod_spec(account),
        ),
    )
}

/// A quota that admits no pod.
fn no_pods(namespace: &str) -> Value {
    let mut it = object("ResourceQuota", namespace, "x");
    it["spec"] = json!({ "hard": { "pods": "0" } });
    it
}

#[rustfmt::skip]
pub(crate) fn build() -> Vec<Row> {
    let me = || account("ci-a-one", "builder");
    let as_agent = |kind| create(workload(kind, "ci-a-one", "x", "listener", pod_spec(AGENT)));
    let itself = || at(NAMESPACES, "", "ci-a-one");
    vec![
        row(BUILD, "deletes its own pod", at(PODS, "ci-a-one", "own").delete().dry(), Allowed),
        row(BUILD, "reads a Secret of its namespace", at(SECRETS, "ci-a-one", "pull").get(), Allowed),
        row(BUILD, "all pods of its own label at once", all(PODS, "ci-a-one", "labelSelector=app%3Down").delete().dry(), Allowed),
        row(BUILD, "cancels itself: its Job is its own", at(JOBS, "ci-a-one", "studioci-build").delete().dry(), Allowed),
        row(BUILD, "scales support", at(DEPLOYMENTS, "ci-a-one", "support/scale").patch(json!({ "spec": { "replicas": 0 } })).dry(), Allowed),
        row(BUILD, "a quota that leaves its own agent no pod: its own namespace is all that it can spoil", create(no_pods("ci-a-one")).dry(), Allowed),

        row(BUILD, "a pod as its agent", as_agent("Pod"), AS_ITS_AGENT),
        row(BUILD, "a pod as its agent by the old field", create(workload("Pod", "ci-a-one", "x", "listener", { let mut it = pod_spec(AGENT); it["serviceAccount"] = json!(AGENT); it.as_object_mut().unwrap().remove("serviceAccountName"); it })), AS_ITS_AGENT),
        row(BUILD, "a Job as its agent", as_agent("Job"), AS_ITS_AGENT),
        row(BUILD, "a listener of its own", create(named(listener("ci-a-one"), "x")), ITS_LISTENER),
        row(BUILD, "another label for the listener's pods", at(DEPLOYMENTS, "ci-a-one", "build").patch(json!({ "spec": { "template": { "metadata": { "labels": { "x": "y" } } } } })), ITS_TEMPLATE),
        row(BUILD, "takes the agent away from the listener", at(DEPLOYMENTS, "ci-a-one", "build").patch(json!({ "spec": { "template": { "spec": { "serviceAccountName": "default" } } } })), ITS_AGENT_GOES),
        row(BUILD, "scales the listener", at(DEPLOYMENTS, "ci-a-one", "build/scale").patch(json!({ "spec": { "replicas": 0 } })), ITS_AGENT),
        row(BUILD, "deletes the listener", at(DEPLOYMENTS, "ci-a-one", "build").delete(), ITS_AGENT),
        row(BUILD, "deletes all Deployments at once", all(DEPLOYMENTS, "ci-a-one", "").delete(), ITS_AGENT),
        row(BUILD, "deletes all pods at once, the listener's too", all(PODS, "ci-a-one", "labelSelector=studioci.dev%2Frole%3Dlistener").delete(), ITS_AGENT),
        row(BUILD, "deletes its agent's ServiceAccount", at(SERVICE_ACCOUNTS, "ci-a-one", AGENT).delete(), ITS_AGENT),
        row(BUILD, "patches its agent's ServiceAccount", at(SERVICE_ACCOUNTS, "ci-a-one", AGENT).patch(json!({ "secrets": [] })), ITS_AGENT),
        row(BUILD, "deletes all ServiceAccounts at once", all(SERVICE_ACCOUNTS, "ci-a-one", "").delete().dry(), ITS_AGENT),
        row(BUILD, "a token Secret for its agent", create(token_secret("ci-a-one", "x", AGENT)), TOKEN_SECRET),
        row(BUILD, "changes the freeze", at(CONFIG_MAPS, "ci-a-one", "studioci-freeze").patch(json!({ "data": { "x": "y" } })), FREEZE),
        row(BUILD, "deletes the freeze", at(CONFIG_MAPS, "ci-a-one", "studioci-freeze").delete(), FREEZE),
        row(BUILD, "deletes all ConfigMaps at once", all(CONFIG_MAPS, "ci-a-one", "labelSelector=%21x").delete().dry(), ITS_MAPS),
        row(BUILD, "another authority for the API server, in the place that its agent mounts", at(CONFIG_MAPS, "ci-a-one", "kube-root-ca.crt").patch(json!({ "data": { "ca.crt": "x" } })), ROOT_CA),
        row(BUILD, "takes that away", at(CONFIG_MAPS, "ci-a-one", "kube-root-ca.crt").delete(), ROOT_CA),
        row(BUILD, "a freeze before there is one", create(object("ConfigMap", "ci-a-one", "studioci-freeze")), FREEZE),
        row(BUILD, "a pod that the listener's ReplicaSet would adopt", create(workload("Pod", "ci-a-one", "x", "listener", pod_spec("builder"))), DECOY),
        row(BUILD, "its own pod, labelled so", at(PODS, "ci-a-one", "own").patch(labels(json!({ "studioci.dev/role": "listener" }))), DECOY),
        row(BUILD, "a Job whose pods would be", create({ let mut it = workload("Job", "ci-a-one", "x", "support", pod_spec("builder")); it["spec"]["template"]["metadata"]["labels"]["studioci.dev/role"] = json!("listener"); it }), DECOY),
        row(BUILD, "a Deployment that looks like the listener", create(workload("Deployment", "ci-a-one", "x", "listener", pod_spec("builder"))), DECOY),
        row(BUILD, "a Role", create(role("ci-a-one", "x", [rule("pods", &["get"], &[])])), NO_RIGHTS),
        row(BUILD, "widens its Role", at(ROLES, "ci-a-one", "builder").patch(json!({ "rules": [rule("pods", &["get"], &[])] })), NO_RIGHTS),
        row(BUILD, "deletes its Role", at(ROLES, "ci-a-one", "builder").delete(), NO_RIGHTS),
        row(BUILD, "its rights to everybody", create(bind("ci-a-one", "Role/builder", group("system:authenticated"))), NO_RIGHTS),
        row(BUILD, "deletes its agent's binding", at(ROLE_BINDINGS, "ci-a-one", "studioci-agent").delete(), NO_RIGHTS),
        row(BUILD, "deletes all bindings at once", all(ROLE_BINDINGS, "ci-a-one", "").delete(), NO_RIGHTS),
        row(BUILD, "marks its namespace as trusted", itself().patch(annotations(json!({ TRUSTED_BUILD: "true" }))), MARKS_ITSELF),
        row(BUILD, "forges its verdict", itself().patch(annotations(json!({ "studioci.dev/verdict": "Passed" }))), OWN_NAMESPACE),
        row(BUILD, "forges the label of its verdict", itself().patch(labels(json!({ "studioci.dev/verdict": "Passed" }))), OWN_NAMESPACE),
        row(BUILD, "forges its phase", itself().patch(labels(json!({ "studioci.dev/phase": "Finished" }))), OWN_NAMESPACE),
        row(BUILD, "takes back that it is to be cancelled", itself().patch(annotations(json!({ "studioci.dev/cancel": null }))), OWN_NAMESPACE),
        row(BUILD, "says why it is cancelled", itself().patch(annotations(json!({ "studioci.dev/cancel": "by hand" }))), OWN_NAMESPACE),
        row(BUILD, "cancels the next build", at(NAMESPACES, "", "ci-a-two").patch(annotations(json!({ "studioci.dev/cancel": "by hand" }))), Rbac),
        row(BUILD, "an Event of its own pod", create(event("ci-a-one", "own.1", "Pod")).dry(), Allowed),
        row(BUILD, "an Event of its own pod, by the group of Events", create(event_of_its_group("ci-a-one", "own.2", "Pod")).dry(), Allowed),
        row(BUILD, "forges the Event of its verdict", create(event("ci-a-one", "ci-a-one.cancelled", "Namespace")), ITS_NEWS),
        row(BUILD, "forges it by the group of Events", create(event_of_its_group("ci-a-one", "ci-a-one.errored", "Namespace")), ITS_NEWS),
        row(BUILD, "has the Event of its verdict say something else", at(EVENTS, "ci-a-one", "ci-a-one.passed").patch(json!({ "message": "x" })), ITS_NEWS),
        row(BUILD, "deletes the Event of its verdict", at(EVENTS, "ci-a-one", "ci-a-one.passed").delete(), ITS_NEWS),
        row(BUILD, "deletes it by the group of Events", at(EVENTS_OF_ITS_GROUP, "ci-a-one", "ci-a-one.passed").delete(), ITS_NEWS),
        row(BUILD, "deletes all Events at once", all(EVENTS, "ci-a-one", "").delete().dry(), ITS_NEWS),
        row(BUILD, "an Event of the next build's Namespace", create(event("ci-a-two", "ci-a-two.passed", "Namespace")), Rbac),
        row(BUILD, "takes its namespace out of the chain", itself().patch(labels(json!({ "studioci.dev/chain": null }))), LEAVES),
        row(BUILD, "deletes its namespace", itself().dispose(), OWN_NAMESPACE),

        row(BUILD, "a token of its agent", token("ci-a-one", AGENT, Value::Null), Rbac),
        row(BUILD, "execs into the listener", at(PODS, "ci-a-one", "x/exec?command=id").get(), Rbac),
        row(BUILD, "a debug container in the listener", at(PODS, "ci-a-one", "x/ephemeralcontainers").patch(json!({})), Rbac),
        row(BUILD, "reads its chain's Secret in home", at(SECRETS, STUDIOCI, "chain-a").get(), Rbac),
        row(BUILD, "reads its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").get(), Rbac),
        row(BUILD, "reads the next build's Secret", at(SECRETS, "ci-a-two", "pull").get(), Rbac),
        row(BUILD, "scales the next listener", at(DEPLOYMENTS, "ci-a-two", "build/scale").patch(json!({ "spec": { "replicas": 0 } })), Rbac),
        row(BUILD, "a quota for the next build", create(no_pods("ci-a-two")), Rbac),
        row(BUILD, "another authority for the next agent", at(CONFIG_MAPS, "ci-a-two", "kube-root-ca.crt").patch(json!({ "data": { "ca.crt": "x" } })), Rbac),
        row(BUILD, "a namespace", create(namespace("ci-x-x", "a", &BASELINE)), Rbac),
        row(BUILD, "lists namespaces", all(NAMESPACES, "", "").get(), Rbac),
        row(BUILD, "the workspace to itself", create(bind("ci-a-one", "ClusterRole/studioci-workspace", me())), Rbac),
        row(Who::Account("ci-a-two", "default"), "a build to which its pipeline gave nothing: its pods", all(PODS, "ci-a-two", "").get(), Rbac),
        row(Who::Account("ci-a-two", "default"), "the same: its Secrets", all(SECRETS, "ci-a-two", "").get(), Rbac),
    ]
}

/// People and accounts that live elsewhere, in a chain's namespace. `listener` is the name of the listener's pod.
#[rustfmt::skip]
pub(crate) fn elsewhere(listener: &str, uid: &str) -> Vec<Row> {
    let pod = || at(PODS, "ci-a-one", listener);
    let bound = json!({ "apiVersion": "v1", "kind": "Pod", "name": listener, "uid": uid });
    let image = || json!({ "spec": { "containers": [{ "name": "build", "image": "127.0.0.1:15000/evil:1" }] } });
    let as_agent = || create(workload("Pod", "ci-a-one", "x", "listener", pod_spec(AGENT)));
    vec![
        row(KUBELET, "asks for the token of a pod that runs on it", token("ci-a-one", AGENT, bound), Allowed),
        row(KEEL, "updates the listener's image", at(DEPLOYMENTS, "ci-a-one", "build").patch(json!({ "metadata": { "annotations": { "keel.sh/update-time": "x" } } })), Allowed),
        row(KEEL, "updates the listener's template", at(DEPLOYMENTS, "ci-b-other", "build").patch(json!({ "spec": { "template": { "metadata": { "labels": { "x": "y" } } } } })), TEMPLATE),
        row(OPERATOR, "makes an ordinary pod in a chain's namespace", create(workload("Pod", "ci-a-one", "x", "support", pod_spec("default"))).dry(), Allowed),
        row(OPERATOR, "deletes the listener's pod", pod().delete().dry(), Allowed),
        row(OPERATOR, "makes an ordinary ServiceAccount", create(object("ServiceAccount", "ci-plain", "x")).dry(), Allowed),
        row(OPERATOR, "makes it in a namespace of no chain", create(object("ServiceAccount", "default", AGENT)), ITS_ACCOUNT),
        row(OPERATOR, "makes it in home", create(object("ServiceAccount", STUDIOCI, AGENT)), AT_HOME),
        row(OPERATOR, "makes it in another chain's namespace", create(object("ServiceAccount", "ci-b-other", AGENT)), ELSEWHERE),
        row(OPERATOR, "makes one whose name the server completes", create({ let mut it = object("ServiceAccount", "default", ""); it["metadata"] = json!({ "namespace": "default", "generateName": "studioci-agent.a" }); it }), ITS_ACCOUNT),
        row(ALICE, "labels the listener's pod", pod().patch(labels(json!({ "x": "y" }))), Allowed),
        row(OPERATOR, "a finalizer on the listener's pod", pod().patch(json!({ "metadata": { "finalizers": finalizers() } })).dry(), Allowed),
        row(ALICE, "another image for the listener's pod", pod().patch_within(image()), AGENTS_KIND),
        row(OPERATOR, "a debug container in the listener's pod", at(PODS, "ci-a-one", &format!("{listener}/ephemeralcontainers")).patch_within(json!({ "spec": { "ephemeralContainers": [{ "name": "x", "image": "i", "targetContainerName": "studioci-agent" }] } })), AGENTS_KIND),
        row(ALICE, "a bare pod as the agent", as_agent(), AGENTS_KIND),
        row(ALICE, "changes what the agent froze", at(CONFIG_MAPS, "ci-a-one", "studioci-freeze").patch(json!({ "data": { "x": "y" } })), FREEZE),
        row(OPERATOR, "a pod that the listener's ReplicaSet would adopt", create(workload("Pod", "ci-a-one", "x", "listener", pod_spec("default"))), DECOY),
        row(ALICE, "a token Secret for the agent", create(token_secret("ci-a-one", "x", AGENT)), TOKEN_SECRET),
        row(OPERATOR, "makes a pod as the agent for somebody", as_agent(), AGENTS_KIND),
        row(OPERATOR, "another image for the listener's pod", pod().patch_within(image()), AGENTS_KIND),
        row(OPERATOR, "asks for a token of the agent", token("ci-a-one", AGENT, Value::Null), KUBELETS),
        row(BUILD, "another image for the listener's pod", pod().patch_within(image()), AS_ITS_AGENT),
        row(BUILD, "deletes the listener's pod", pod().delete(), ITS_AGENT),
    ]
}

/// The second wall: agent and build hold wide RBAC, and the policies alone are left. `listener` is the name of the
/// listener's pod.
#[rustfmt::skip]
pub(crate) fn wide(listener: &str) -> Vec<Row> {
    let me = || agent("ci-a-one");
    let (replica_set, _) = listener.rsplit_once('-').unwrap();
    let own = |sub: &str| at(PODS, "ci-a-one", &format!("own/{sub}"));
    let its = |sub: &str| at(PODS, "ci-a-one", &format!("{listener}/{sub}"));
    let its_status = || at(DEPLOYMENTS, "ci-a-one", "build/status");
    let looks = || labels(json!({ "studioci.dev/role": "listener" }));
    let post = |path: &str, mut body: Value| { body["metadata"] = json!({ "name": "own", "namespace": "ci-a-one" }); Ask::new("POST", format!("/api/v1/namespaces/ci-a-one/{path}"), body) };
    let bound = || json!({ "apiVersion": "v1", "kind": "Binding", "target": { "kind": "Node", "name": "127.0.0.1" } });
    let finalize = |chain: &str| finalized(namespace("ci-a-one", chain, &BASELINE));
    let data = || json!({ "data": { "x": "y" } });
    let mut rows = vec![
        row(ONE, "wide: deletes home", at(NAMESPACES, "", "studioci").dispose(), OWN_CHAIN),
        row(ONE, "wide: labels home as its chain's", at(NAMESPACES, "", "studioci").patch(labels(json!({ "studioci.dev/chain": "a" }))), FIXED),
        row(ONE, "wide: relabels default", at(NAMESPACES, "", "default").patch(labels(json!({ "studioci.dev/chain": "a" }))), FIXED),
        row(ONE, "wide: moves a foreign namespace in", at(NAMESPACES, "", "ci-b-other").patch(labels(json!({ "studioci.dev/chain": "a" }))), FIXED),
        row(ONE, "wide: deletes a foreign namespace", at(NAMESPACES, "", "ci-b-other").dispose(), OWN_CHAIN),
        row(ONE, "wide: a Deployment in default", create(workload("Deployment", "default", "x", "support", pod_spec("default"))), OWN_CHAIN),
        row(ONE, "wide: a Deployment in another chain's namespace", create(workload("Deployment", "ci-b-other", "x", "support", pod_spec("default"))), OWN_CHAIN),
        row(ONE, "wide: another chain's Secrets at once", all(SECRETS, "ci-b-other", "").delete(), OWN_CHAIN),
        row(ONE, "wide: scales another chain's listener", at(DEPLOYMENTS, "ci-b-other", "build/scale").patch(json!({ "spec": { "replicas": 0 } })), OWN_CHAIN),
        row(ONE, "wide: an Event of another chain's build", create(event("ci-b-other", "ci-b-other.passed", "Namespace")), OWN_CHAIN),
        row(ONE, "wide: a token in kube-system", token("kube-system", "default", Value::Null), OWN_CHAIN),
        row(ONE, "wide: a token of itself", token("ci-a-one", AGENT, Value::Null), KUBELETS),
        row(ONE, "lent another chain's Role: its head", at(CONFIG_MAPS, STUDIOCI, "chain-b").patch(data()), OWN_CHAIN),
        row(ONE, "lent: its history", at(CONFIG_MAPS, STUDIOCI, "history-b").patch(data()), OWN_CHAIN),
        row(ONE, "lent: a namespace of that chain", create(namespace("ci-x-x", "b", &[])), OWN_CHAIN),
        row(ONE, "lent: itself in that chain's namespace", create(owned(bind("ci-b-other", "ClusterRole/studioci-workspace", me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "lent: its Secrets", at(SECRETS, "ci-b-other", "pull").patch(json!({ "stringData": { "x": "y" } })), OWN_CHAIN),
        row(ONE, "lent: hands it on to an agent of its own", create(owned(bind(STUDIOCI, "Role/chain-b", agent("ci-a-two")), "ci-a-two")), OWN_CHAIN),
        row(ONE, "lent: its own Role to that chain's agent", create(owned(bind(STUDIOCI, "Role/chain-a", agent("ci-b-other")), "ci-b-other")), IN_HOME),
        row(ONE, "lent: an account of its agents in that chain's namespace", create(object("ServiceAccount", "ci-b-other", AGENT)), OWN_OR_FOREIGN),
        row(ONE, "wide: execs in another chain's namespace", at(PODS, "ci-b-other", "x/exec?command=id").get(), OWN_CHAIN),
        row(ONE, "wide: another chain's Role in home to itself", create(owned(bind(STUDIOCI, "Role/chain-b", me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "wide: Role studioci-user in home to itself", create(owned(bind(STUDIOCI, "Role/studioci-user", me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "wide: Role history-a in home to itself", create(owned(bind(STUDIOCI, "Role/history-a", me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "wide: Role record-a in home to itself", create(owned(bind(STUDIOCI, "Role/record-a", me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "wide: changes its chain's Role", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": [] })), IN_HOME),
        row(ONE, "wide: a chain's Role of its own", create(role(STUDIOCI, "chain-x", [])), OWN_CHAIN),
        row(ONE, "wide: a ConfigMap in home", create(object("ConfigMap", STUDIOCI, "chain-a2")), OWN_CHAIN),
        row(ONE, "wide: its head, made anew", create(object("ConfigMap", STUDIOCI, "chain-a")), IN_HOME),
        row(ONE, "wide: deletes its head", at(CONFIG_MAPS, STUDIOCI, "chain-a").delete(), IN_HOME),
        row(ONE, "wide: deletes its history", at(CONFIG_MAPS, STUDIOCI, "history-a").delete(), IN_HOME),
        row(ONE, "wide: all ConfigMaps in home at once", all(CONFIG_MAPS, STUDIOCI, "labelSelector=studioci.dev%2Fchain%3Db").delete(), OWN_CHAIN),
        row(ONE, "wide: its chain's Secret", at(SECRETS, STUDIOCI, "chain-a").patch(json!({ "stringData": { "x": "y" } })), IN_HOME),
        row(ONE, "wide: a Secret of its kept logs, made anew", create(object("Secret", STUDIOCI, "log-a-0")), IN_HOME),
        row(ONE, "wide: deletes its kept logs", at(SECRETS, STUDIOCI, "log-a-0").delete(), IN_HOME),
        row(ONE, "wide: writes them", at(SECRETS, STUDIOCI, "log-a-0").patch(json!({ "data": { "x": "AAAA" } })).dry(), Allowed),
        row(ONE, "wide: a ConfigMap called like them", create(object("ConfigMap", STUDIOCI, "log-a-0")), OWN_CHAIN),
        row(ONE, "wide: a kept log beyond the ring", create(object("Secret", STUDIOCI, "log-a-8")), OWN_CHAIN),
        row(ONE, "wide: another chain's kept logs", at(SECRETS, STUDIOCI, "log-b-0").patch(json!({ "data": { "x": "AAAA" } })), OWN_CHAIN),
        row(ONE, "wide: kept logs of a chain whose name begins like its own", create(object("Secret", STUDIOCI, "log-a-1-0")), OWN_CHAIN),
        row(ONE, "wide: a Secret named as its history", create(object("Secret", STUDIOCI, "history-a")), IN_HOME),
        row(ONE, "wide: a Deployment in home", create(named(workload("Deployment", STUDIOCI, "chain-a", "support", pod_spec("default")), "chain-a")), IN_HOME),
        row(ONE, "wide: a pod in home", create(workload("Pod", STUDIOCI, "x", "support", pod_spec("default"))), OWN_CHAIN),
        row(ONE, "wide: a ClusterRole", create(cluster_role("x", [])), OWN_CHAIN),
        row(ONE, "wide: a ClusterRole that adds to the workspace", create(cluster_role("studioci-workspace-x", [])), OWN_CHAIN),
        row(ONE, "wide: changes ClusterRole studioci-agent", at(CLUSTER_ROLES, "", "studioci-agent").patch(json!({ "rules": [] })), OWN_CHAIN),
        row(ONE, "wide: cluster-admin to itself", create(owned(bind_everywhere("cluster-admin", [me()]), "ci-a-one")), EVERYWHERE),
        row(ONE, "wide: studioci-user to itself", create(owned(bind_everywhere("studioci-user", [me()]), "ci-a-one")), EVERYWHERE),
        row(ONE, "wide: deletes its own ClusterRoleBinding", at(CLUSTER_ROLE_BINDINGS, "", "studioci-agent.a:ci-a-one").delete(), EVERYWHERE),
        row(ONE, "wide: ClusterRole view to a build", create(bind("ci-a-one", "ClusterRole/view", account("ci-a-one", "builder"))), HAND_ON),
        row(ONE, "wide: a pod template as the agent", pod_template("ci-a-one", AGENT), AS_AGENT),
        row(ONE, "wide: an ordinary pod template", pod_template("ci-a-one", "default"), Allowed),
        row(ONE, "wide: a node's taints", at(NODES, "", "127.0.0.1").patch(json!({ "spec": { "unschedulable": true } })), OWN_CHAIN),
        row(ONE, "wide: its own head and history still", at(CONFIG_MAPS, STUDIOCI, "history-a").patch(data()), Allowed),
        // the server asks no policy about policies: RBAC alone guards them, and agents hold only get
        row(ONE, "wide: deletes its policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").delete().dry(), Allowed),
        row(ONE, "wide: labels its own Namespace by its status", at(NAMESPACES, "", "ci-a-one/status").patch(labels(json!({ "studioci.dev/phase": "Finished" }))), FIXED),
        row(ONE, "wide: finalizes its own Namespace", finalize("a"), FIXED),
        row(ONE, "wide: two pods of its listener", at(DEPLOYMENTS, "ci-a-one", "build/scale").patch(json!({ "spec": { "replicas": 2 } })), ONE_POD),
        row(ONE, "wide: another authority for itself", at(CONFIG_MAPS, "ci-a-one", "kube-root-ca.crt").patch(json!({ "data": { "ca.crt": "x" } })), ROOT_CA),
        row(ONE, "wide: a debug container in its listener's pod", its("ephemeralcontainers").patch_within(json!({ "spec": { "ephemeralContainers": [{ "name": "x", "image": "i" }] } })), AGENTS_KIND),
        row(ONE, "wide: execs into another chain's pod", at(PODS, "ci-b-other", "x/exec?command=id").get(), OWN_CHAIN),
        row(ONE, "wide: evicts another chain's pod", Ask::new("POST", "/api/v1/namespaces/ci-b-other/pods/x/eviction", json!({ "apiVersion": "policy/v1", "kind": "Eviction", "metadata": { "name": "x", "namespace": "ci-b-other" } })), OWN_CHAIN_OR_GONE),
        row(BUILD, "wide: execs into the listener's pod", its("exec?container=studioci-agent&command=%2Fkubectl-studioci").get(), INTO_PODS),
        row(BUILD, "wide: execs into a pod", at(PODS, "ci-a-one", "x/exec?command=id").get(), INTO_PODS),
        row(TRUSTED, "wide: execs into a pod, in a chain that is trusted", at(PODS, "ci-t-next", "x/exec?command=id").get(), Missing),
        row(BUILD, "wide: attaches to a pod", at(PODS, "ci-a-one", "x/attach?stdin=true").get(), INTO_PODS),
        row(BUILD, "wide: forwards a port of a pod", at(PODS, "ci-a-one", "x/portforward?ports=80").get(), INTO_PODS),
        row(BUILD, "wide: a debug container in its own pod", own("ephemeralcontainers").patch_within(json!({ "spec": { "ephemeralContainers": [{ "name": "x", "image": "i" }] } })), INTO_PODS),
        row(BUILD, "wide: evicts a pod", post("pods/own/eviction", json!({ "apiVersion": "policy/v1", "kind": "Eviction" })), INTO_PODS),
        row(BUILD, "wide: binds a pod to a node", post("pods/own/binding", bound()), INTO_PODS),
        row(BUILD, "wide: binds a pod to a node by the old way", post("bindings", bound()), INTO_PODS),
        row(BUILD, "wide: labels its own pod as a listener's by its status", own("status").patch(looks()), ITS_LABEL),
        row(BUILD, "wide: says what the listener's pod runs", its("status").patch(json!({ "status": { "phase": "Failed" } })), ITS_AGENTS_POD),
        row(BUILD, "wide: more memory for the listener's pod", its("resize").patch_within(json!({ "spec": { "containers": [{ "name": "build", "resources": { "limits": { "memory": "1Gi" } } }] } })), RESIZES),
        row(BUILD, "wide: Keel's keys of the listener by its status", its_status().patch(annotations(json!({ "keel.sh/policy": "never" }))), ITS_AGENT),
        row(BUILD, "wide: an owner of the listener by its status: the garbage collector would delete it", its_status().patch(json!({ "metadata": { "ownerReferences": [owner("ci-b-other", json!({}))] } })), ITS_OWNED),
        row(BUILD, "wide: scales the listener's ReplicaSet", at(REPLICA_SETS, "ci-a-one", &format!("{replica_set}/scale")).patch(json!({ "spec": { "replicas": 0 } })), ITS_AGENT),
        row(BUILD, "wide: labels a Job as a listener by its status", at(JOBS, "ci-a-one", "own/status").patch(looks()), DECOY),
        row(BUILD, "wide: forges its verdict by the status of its Namespace", at(NAMESPACES, "", "ci-a-one/status").patch(annotations(json!({ "studioci.dev/verdict": "Passed" }))), OWN_NAMESPACE),
        row(BUILD, "wide: takes its Namespace out of the chain by finalizing it", finalize("b"), LEAVES),
        row(BUILD, "wide: a token of its agent", token("ci-a-one", AGENT, Value::Null), KUBELETS),
        row(BUILD, "wide: a pod template as its agent", pod_template("ci-a-one", AGENT), AS_ITS_AGENT),
        row(BUILD, "wide: the workspace to itself", create(bind("ci-a-one", "ClusterRole/studioci-workspace", account("ci-a-one", "builder"))), GRABS),
        row(BUILD, "wide: the workspace to itself elsewhere", create(bind("kube-system", "ClusterRole/studioci-workspace", account("ci-a-one", "builder"))), WORKSPACE),
        row(BUILD, "wide: Role chain-a in home to itself", create(owned(bind(STUDIOCI, "Role/chain-a", account("ci-a-one", "builder")), "ci-a-one")), HOME),
        row(BUILD, "wide: itself cluster-wide as an agent", create(owned(bind_everywhere("studioci-agent", [account("ci-a-one", "builder")]), "ci-a-one")), ONE_AGENT),
        row(BUILD, "wide: itself a user", create(bind_everywhere("studioci-user", [account("ci-a-one", "builder")])), USER),
        row(BUILD, "wide: a namespace of its chain", create(namespace("ci-x-x", "a", &BASELINE)), CLAIM),
        row(BUILD, "wide: another build's verdict", at(NAMESPACES, "", "ci-a-two").patch(labels(json!({ "studioci.dev/chain": null }))), SAME_CHAIN),
    ];
    for name in ["chain-b", "history-b", "record-a", "record-b", "history-chain-a", "record-chain-a", "chain-chain-a", "chain-history-a", "studioci"] {
        rows.push(row(ONE, format!("wide: ConfigMap {name} in home"), at(CONFIG_MAPS, STUDIOCI, name).patch(data()), OWN_CHAIN));
    }
    rows
}

/// Once an administrator has added a kind to the workspace, agents have it, and may hand it on.
#[rustfmt::skip]
pub(crate) fn added_kind() -> Vec<Row> {
    vec![
        row(ONE, "a Lease, after an admin added the kind", leases(), Allowed),
        row(ONE, "a Role that hands it on", create(role("ci-a-one", "leases", [rule("coordination.k8s.io:leases", &["get"], &[])])), Allowed),
    ]
}
