//! What agents ask: a chain's work, and what an agent would try that somebody got hold of.

use serde_json::{Value, json};
use studioci::chain::rights;
use studioci::chain::wire::{HOME as STUDIOCI, TRUSTED_BUILD};
use studioci::cluster::resource::*;

use super::ask::Wanted::{Allowed, PodSecurity, Rbac};
use super::ask::{Ask, Row, Who, all, at, create, row, token};
use super::objects::*;
use super::who::*;

/// `dispatch`: what a predecessor makes, in order.
pub(crate) fn dispatch(
    from: &str,
    who: Who,
    to: &str,
    chain: &str,
    security: &[(&str, &str)],
    trusted: bool,
) -> Vec<Row> {
    let there = there(to, chain);
    let own = |what: &str, object| row(who, format!("dispatch {to}: {what}"), create(object), Allowed);
    let namespace = namespace(to, chain, security);
    let mut rows = vec![own("the Namespace", if trusted { trusting(namespace) } else { namespace })];
    let itself = rights::bind_predecessor(&there, from, "", trusted);
    rows.extend(itself.into_iter().map(|object| own("itself in it", object)));
    rows.extend(rights::of_agent(&there, trusted).into_iter().map(|object| own("its agent", object)));
    rows.push(row(who, "dispatch: whether it can be used", all(SERVICE_ACCOUNTS, to, "").get(), Allowed));
    rows.push(own("a pull Secret", object("Secret", to, "pull")));
    rows.push(row(
        who,
        "the check of a pushed pipeline: the listener as a dry run",
        create(named(listener(to), "try")).dry(),
        Allowed,
    ));
    rows.push(own("the listener", listener(to)));
    rows
}

/// What an agent asks from its start to its end, in its own namespace and in home.
#[rustfmt::skip]
pub(crate) fn work() -> Vec<Row> {
    let data = || json!({ "data": { "x": "y" } });
    let support = |kind, name| create(workload(kind, "ci-one", name, "support", pod_spec("default")));
    let review = |kind: &str, group: &str, plural: &str, spec: Value| {
        Ask::new("POST", format!("/apis/{group}/v1/{plural}"), json!({ "apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec }))
    };
    let mut rows = vec![
        row(ONE, "lists namespaces", all(NAMESPACES, "", "labelSelector=studioci.dev%2Fchain%3Da").get(), Allowed),
        row(ONE, "watches its own Namespace", all(NAMESPACES, "", "watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dci-one").get(), Allowed),
        row(ONE, "watches its own Deployment", all(DEPLOYMENTS, "ci-one", "watch=1&timeoutSeconds=1").get(), Allowed),
        row(ONE, "phase and baseline of its own Namespace", at(NAMESPACES, "", "ci-one").patch(json!({ "metadata": { "labels": { "studioci.dev/phase": "Detached" }, "annotations": { "studioci.dev/baseline": "x" } } })), Allowed),
        row(ONE, "parks the keys of its listener", at(DEPLOYMENTS, "ci-one", "build").patch(annotations(json!({ "parked.studioci.dev/policy": "force" }))), Allowed),
        row(ONE, "reads its chain's Secret", at(SECRETS, STUDIOCI, "chain-a").get(), Allowed),
        row(ONE, "reads its chain's seed", at(SECRETS, STUDIOCI, "seed-a").get(), Allowed),
        row(ONE, "reads its chain's record", at(CONFIG_MAPS, STUDIOCI, "record-a").get(), Allowed),
        row(ONE, "reads its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").get(), Allowed),
        row(ONE, "moves its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(data()), Allowed),
        row(ONE, "reads its chain's history", at(CONFIG_MAPS, STUDIOCI, "history-a").get(), Allowed),
        row(ONE, "records a verdict", at(CONFIG_MAPS, STUDIOCI, "history-a").patch(data()), Allowed),
        row(ONE, "reads home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").get(), Allowed),
        row(ONE, "reads which kinds the workspace covers", at(CLUSTER_ROLES, "", "studioci-workspace").get(), Allowed),
        row(ONE, "reads a policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-identity").get(), Allowed),
        row(ONE, "reads its binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-identity").get(), Allowed),
        row(ONE, "asks for its own rights", review("SelfSubjectAccessReview", "authorization.k8s.io", "selfsubjectaccessreviews", json!({ "resourceAttributes": { "verb": "create", "resource": "pods" } })), Allowed),
        row(ONE, "asks who it is", review("SelfSubjectReview", "authentication.k8s.io", "selfsubjectreviews", json!({})), Allowed),
        row(ONE, "reads a binding by its name", at(ROLE_BINDINGS, "ci-other", "studioci-agent").get(), Allowed),
        row(ONE, "the freeze", create(object("ConfigMap", "ci-one", "studioci-freeze")), Allowed),
        row(ONE, "a pull Secret, patched", at(SECRETS, "ci-one", "pull").patch(json!({ "stringData": { "x": "y" } })), Allowed),
        row(ONE, "the probe of a tag", create(workload("Pod", "ci-one", "studioci-probe", "probe", pod_spec("default"))), Allowed),
        row(ONE, "the probe's end", at(PODS, "ci-one", "studioci-probe").delete(), Allowed),
        row(ONE, "the build's Job", create(workload("Job", "ci-one", "studioci-build", "build", pod_spec("default"))), Allowed),
        row(ONE, "suspends it", at(JOBS, "ci-one", "studioci-build").patch(json!({ "spec": { "suspend": true } })), Allowed),
        row(ONE, "watches Jobs", all(JOBS, "ci-one", "watch=1&timeoutSeconds=1").get(), Allowed),
        row(ONE, "lists pods", all(PODS, "ci-one", "").get(), Allowed),
        row(ONE, "lists events", all(EVENTS, "ci-one", "fieldSelector=involvedObject.kind%3DJob").get(), Allowed),
        row(ONE, "an event", create(json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e", "namespace": "ci-one" }, "involvedObject": { "kind": "Deployment", "name": "build", "namespace": "ci-one" }, "reason": "x", "type": "Normal" })), Allowed),
        row(ONE, "all pods of a label at once", all(PODS, "ci-one", "labelSelector=nobody").delete(), Allowed),
    ];
    for (kind, resource) in [("Deployment", DEPLOYMENTS), ("StatefulSet", STATEFUL_SETS), ("ReplicaSet", REPLICA_SETS), ("ReplicationController", REPLICATION_CONTROLLERS)] {
        rows.push(row(ONE, format!("support: a {kind}"), support(kind, "support"), Allowed));
        rows.push(row(ONE, format!("support: a {kind} to 0"), at(resource, "ci-one", "support").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
        rows.push(row(ONE, format!("support: a {kind} to 0 by its scale"), at(resource, "ci-one", "support/scale").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
        rows.push(row(ALICE, format!("scale: a {kind} of her own namespace"), at(resource, "ci-one", "support/scale").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
    }
    let mut service = object("Service", "ci-one", "x");
    service["spec"] = json!({ "ports": [{ "port": 80 }], "externalIPs": ["192.0.2.1"] });
    rows.push(row(ONE, "the rest: a Service for an address of somebody else, which is for other admission to judge", create(service).dry(), Allowed));
    rows.push(row(ONE, "the rest: a CronJob", support("CronJob", "support"), Allowed));
    rows.push(row(ONE, "the rest: a CronJob, suspended", at(CRON_JOBS, "ci-one", "support").patch(json!({ "spec": { "suspend": true } })), Allowed));
    // a real pod, so that a kubelet asks for its token
    rows.push(row(ONE, "its listener's count", at(DEPLOYMENTS, "ci-one", "build/scale").patch(json!({ "spec": { "replicas": 1 } })), Allowed));
    rows
}

/// A pipeline's own RBAC, in order: what the agent of `ci-one` makes for its build.
#[rustfmt::skip]
pub(crate) fn pipeline() -> Vec<Row> {
    let builder = || role("ci-one", "builder", [
        rule("configmaps,pods,secrets", &["*"], &[]),
        rule("batch:jobs", &["*"], &[]),
        rule("apps:deployments,deployments/scale", &["*"], &[]),
        rule("serviceaccounts", &["create", "patch", "delete", "deletecollection"], &[]),
        rule("namespaces", &["get", "patch", "delete"], &[]),
        rule("rbac.authorization.k8s.io:roles,rolebindings", &["create", "patch", "delete", "deletecollection"], &[]),
    ]);
    vec![
        row(ONE, "ServiceAccount builder", create(object("ServiceAccount", "ci-one", "builder")), Allowed),
        row(ONE, "its Role, with every verb on many kinds", create(builder()), Allowed),
        row(ONE, "its binding", create(named(bind("ci-one", "Role/builder", account("ci-one", "builder")), "builder")), Allowed),
        row(ONE, "patches the Role", at(ROLES, "ci-one", "builder").patch(annotations(json!({ "x": "y" }))), Allowed),
        row(ONE, "binds another ServiceAccount of the namespace too", at(ROLE_BINDINGS, "ci-one", "builder").patch(json!({ "subjects": [account("ci-one", "builder"), account("ci-one", "default")] })), Allowed),
        row(ONE, "a token Secret for the pipeline's own ServiceAccount", create(token_secret("ci-one", "own", "builder")), Allowed),
        row(BUILD, "its own ConfigMap", create(object("ConfigMap", "ci-one", "own")), Allowed),
        row(BUILD, "its own Job", create(workload("Job", "ci-one", "own", "support", pod_spec("builder"))), Allowed),
        row(BUILD, "its own pod", create(workload("Pod", "ci-one", "own", "support", pod_spec("builder"))), Allowed),
        row(ONE, "deletes a Role", at(ROLES, "ci-one", "builder").delete().dry(), Allowed),
        row(ONE, "deletes a binding", at(ROLE_BINDINGS, "ci-one", "builder").delete().dry(), Allowed),
        row(TRUST2, "trusted: ServiceAccount builder", create(object("ServiceAccount", "ci-trust2", "builder")), Allowed),
        row(TRUST2, "trusted: Role with pods/exec", create(role("ci-trust2", "exec", [rule("pods/exec", &["create"], &[])])), Allowed),
        row(TRUST2, "trusted: Role with tokens", create(role("ci-trust2", "tokens", [rule("serviceaccounts/token", &["create"], &[])])), Allowed),
        row(TRUST2, "trusted: binds it", create(bind("ci-trust2", "Role/exec", account("ci-trust2", "builder"))), Allowed),
        row(TRUST2, "trusted: a successor that is not", create(namespace("ci-x", "t", &[])).dry(), Allowed),
    ]
}

/// What RBAC keeps from an agent.
#[rustfmt::skip]
pub(crate) fn unheld() -> Vec<Row> {
    let r = |resources, verbs: &[&str]| create(role("ci-one", "r", [rule(resources, verbs, &[])]));
    let me = || agent("ci-one");
    let data = || json!({ "data": { "x": "y" } });
    let replicas = || json!({ "spec": { "replicas": 0 } });
    let mut rows = vec![
        row(ONE, "Role with pods/exec", r("pods/exec", &["create"]), Rbac),
        row(ONE, "Role with pods/attach", r("pods/attach", &["create"]), Rbac),
        row(ONE, "Role with pods/portforward", r("pods/portforward", &["create"]), Rbac),
        row(ONE, "Role with pods/ephemeralcontainers", r("pods/ephemeralcontainers", &["patch"]), Rbac),
        row(ONE, "Role with pods/eviction", r("pods/eviction", &["create"]), Rbac),
        row(ONE, "Role with serviceaccounts/token", r("serviceaccounts/token", &["create"]), Rbac),
        row(ONE, "Role with impersonate on serviceaccounts", r("serviceaccounts", &["impersonate"]), Rbac),
        row(ONE, "Role with all verbs on serviceaccounts", r("serviceaccounts", &["*"]), Rbac),
        row(ONE, "Role with escalate on roles", r("rbac.authorization.k8s.io:roles", &["escalate"]), Rbac),
        row(ONE, "Role with bind on roles", r("rbac.authorization.k8s.io:roles", &["bind"]), Rbac),
        row(ONE, "Role with everything", r("*:*", &["*"]), Rbac),
        row(ONE, "Role with use of another chain", create(role("ci-one", "r", [rule("studioci.dev:chains", &["use"], &["b"])])), Rbac),
        row(ONE, "binds ClusterRole view to a build", create(bind("ci-one", "ClusterRole/view", account("ci-one", "builder"))), Rbac),
        row(ONE, "binds ClusterRole edit to a build", create(bind("ci-one", "ClusterRole/edit", account("ci-one", "builder"))), Rbac),
        row(TRUST2, "trusted: still no impersonate", create(role("ci-trust2", "r", [rule("serviceaccounts", &["impersonate"], &[])])), Rbac),
        row(TRUST2, "trusted: still no eviction", create(role("ci-trust2", "r", [rule("pods/eviction", &["create"], &[])])), Rbac),

        row(ONE, "relabels default", at(NAMESPACES, "", "default").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "moves a foreign namespace into its chain", at(NAMESPACES, "", "ci-other").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "deletes a foreign chain's namespace", at(NAMESPACES, "", "ci-other").dispose(), Rbac),
        row(ONE, "deletes a namespace of no chain", at(NAMESPACES, "", "ci-plain").dispose(), Rbac),
        row(ONE, "deletes home", at(NAMESPACES, "", "studioci").dispose(), Rbac),
        row(ONE, "labels home", at(NAMESPACES, "", "studioci").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "finalizes its own Namespace", Ask::new("PUT", "/api/v1/namespaces/ci-one/finalize", namespace("ci-one", "a", &BASELINE)), Rbac),
        row(ONE, "the status of its own Namespace", at(NAMESPACES, "", "ci-one/status").patch(json!({ "status": {} })), Rbac),
        row(ONE, "gives itself another chain's Role in home", create(owned(bind(STUDIOCI, "Role/chain-b", me()), "ci-one")), Rbac),
        row(ONE, "gives itself Role studioci-user in home", create(owned(bind(STUDIOCI, "Role/studioci-user", me()), "ci-one")), Rbac),
        row(ONE, "changes its chain's Role", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": [] })), Rbac),
        row(ONE, "deletes its chain's Role", at(ROLES, STUDIOCI, "chain-a").delete(), Rbac),
        row(ONE, "reads a Role in home", at(ROLES, STUDIOCI, "studioci-user").get(), Rbac),
        row(ONE, "reads another chain's Secret", at(SECRETS, STUDIOCI, "chain-b").get(), Rbac),
        row(ONE, "reads another chain's seed", at(SECRETS, STUDIOCI, "seed-b").get(), Rbac),
        row(ONE, "patches its chain's seed", at(SECRETS, STUDIOCI, "seed-a").patch(json!({ "stringData": { "x": "y" } })), Rbac),
        row(ONE, "reads a Secret of no chain in home", at(SECRETS, STUDIOCI, "other").get(), Rbac),
        row(ONE, "lists Secrets in home", all(SECRETS, STUDIOCI, "").get(), Rbac),
        row(ONE, "lists ConfigMaps in home", all(CONFIG_MAPS, STUDIOCI, "").get(), Rbac),
        row(ONE, "watches its chain's head", all(CONFIG_MAPS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dchain-a&timeoutSeconds=1").get(), Rbac),
        row(ONE, "lists pods in home", all(PODS, STUDIOCI, "").get(), Rbac),
        row(ONE, "patches its chain's record", at(CONFIG_MAPS, STUDIOCI, "record-a").patch(data()), Rbac),
        row(ONE, "patches its chain's Secret", at(SECRETS, STUDIOCI, "chain-a").patch(json!({ "stringData": { "x": "y" } })), Rbac),
        row(ONE, "replaces its chain's head", Ask::new("PUT", "/api/v1/namespaces/studioci/configmaps/chain-a", at_home("ConfigMap", "chain-a", "a")), Rbac),
        row(ONE, "deletes its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").delete(), Rbac),
        row(ONE, "deletes its chain's history", at(CONFIG_MAPS, STUDIOCI, "history-a").delete(), Rbac),
        row(ONE, "deletes home's ConfigMaps at once", all(CONFIG_MAPS, STUDIOCI, "").delete(), Rbac),
        row(ONE, "a new ConfigMap in home", create(object("ConfigMap", STUDIOCI, "history-a2")), Rbac),
        row(ONE, "patches home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").patch(data()), Rbac),
        row(ONE, "lists Secrets everywhere", all(SECRETS, "", "").get(), Rbac),
        row(ONE, "lists pods everywhere", all(PODS, "", "").get(), Rbac),
        row(ONE, "reads another ClusterRole", at(CLUSTER_ROLES, "", "cluster-admin").get(), Rbac),
        row(ONE, "lists ClusterRoleBindings", all(CLUSTER_ROLE_BINDINGS, "", "").get(), Rbac),
        row(ONE, "a Deployment in default", create(workload("Deployment", "default", "x", "support", pod_spec("default"))), Rbac),
        row(ONE, "a Deployment in another chain's namespace", create(workload("Deployment", "ci-other", "x", "support", pod_spec("default"))), Rbac),
        row(ONE, "reads another chain's pull Secret", at(SECRETS, "ci-other", "pull").get(), Rbac),
        row(ONE, "scales another chain's listener", at(DEPLOYMENTS, "ci-other", "build/scale").patch(replicas()), Rbac),
        row(ONE, "deletes another chain's pods at once", all(PODS, "ci-other", "").delete(), Rbac),
        row(THREE, "an older build's pods of its own chain, unbound", all(PODS, "ci-one", "").get(), Rbac),
        row(THREE, "an older build's phase, unbound", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "studioci.dev/phase": "Recorded" }))), Rbac),
        row(ONE, "a token in kube-system", token("kube-system", "default", Value::Null), Rbac),
        row(ONE, "a token of its own build", token("ci-one", "builder", Value::Null), Rbac),
        row(ONE, "a token of itself", token("ci-one", AGENT, Value::Null), Rbac),
        row(ONE, "execs into a pod of its namespace", at(PODS, "ci-one", "x/exec?command=id").get(), Rbac),
        row(ONE, "deletes its policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").delete(), Rbac),
        row(ONE, "deletes its policy's binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-agent").delete(), Rbac),
        row(ONE, "changes its policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").patch(json!({ "spec": { "failurePolicy": "Ignore" } })), Rbac),
        row(ONE, "turns the binding to Audit", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-agent").patch(json!({ "spec": { "validationActions": ["Audit"] } })), Rbac),
        row(ONE, "changes ClusterRole studioci-agent", at(CLUSTER_ROLES, "", "studioci-agent").patch(json!({ "rules": [] })), Rbac),
        row(ONE, "changes ClusterRole studioci-workspace", at(CLUSTER_ROLES, "", "studioci-workspace").patch(labels(json!({ "x": "y" }))), Rbac),
        row(ONE, "a ClusterRole that adds to the workspace", create(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "x", "labels": { "studioci.dev/aggregate-to-workspace": "true" } }, "rules": [] })), Rbac),
        row(ONE, "a Lease, before an admin adds the kind", leases(), Rbac),
        row(ONE, "deletes its own ClusterRoleBinding", at(CLUSTER_ROLE_BINDINGS, "", "studioci-agent-ci-one").delete(), Rbac),
        row(ONE, "reads whether somebody else may something", Ask::new("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": { "user": "x", "resourceAttributes": { "verb": "get", "resource": "pods" } } })), Rbac),
        row(ONE, "lists nodes", all(NODES, "", "").get(), Rbac),
        row(ONE, "reads an agent's log through the node", Ask::new("GET", "/api/v1/nodes/127.0.0.1/proxy/logs/", Value::Null), Rbac),
    ];
    // names are PREFIX + chain, and compared whole
    for name in [
        "history-b", "record-b", "chain-b", "history-chain-a", "record-chain-a", "chain-chain-a", "chain-history-a", "history-history-a",
        "record-history-a", "chain-record-a", "history-record-a", "record-record-a", "chain-a-chain", "history-a-chain", "record-a-chain",
    ] {
        rows.push(row(ONE, format!("reads {name} in home"), at(CONFIG_MAPS, STUDIOCI, name).get(), Rbac));
        rows.push(row(ONE, format!("patches {name} in home"), at(CONFIG_MAPS, STUDIOCI, name).patch(data()), Rbac));
    }
    rows
}

/// A Lease in `ci-one`: a kind that the workspace does not cover unless an administrator adds it.
pub(crate) fn leases() -> Ask {
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "l", "namespace": "ci-one" } });
    Ask::new("POST", "/apis/coordination.k8s.io/v1/namespaces/ci-one/leases", lease)
}

/// What the policies refuse to an agent that holds no more than its own roles.
#[rustfmt::skip]
pub(crate) fn refused() -> Vec<Row> {
    let me = || agent("ci-one");
    let workspace = "ClusterRole/studioci-workspace";
    let a = |security: &[(&str, &str)]| namespace("ci-x", "a", security);
    let enforce = |level, version| [("pod-security.kubernetes.io/enforce", level), ("pod-security.kubernetes.io/enforce-version", version)];
    let mut rows = vec![
        row(ONE, "a namespace for another chain", create(namespace("ci-x", "b", &BASELINE)), OWN_CHAIN),
        row(ONE, "a namespace of no start", create(namespace("ci-x", "claim", &BASELINE)), OWN_CHAIN),
        row(ONE, "a namespace without labels", create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x" } })), OWN_CHAIN),
        row(ONE, "a namespace without an owner", create(without(a(&BASELINE), "annotations", "studioci.dev/owner")), SUCCESSOR),
        row(ONE, "a namespace that is not managed by studioci", create(without(a(&BASELINE), "labels", "app.kubernetes.io/managed-by")), SUCCESSOR),
        row(ONE, "a successor without Pod Security", create(a(&[])), SUCCESSOR),
        row(ONE, "a successor with weaker Pod Security", create(a(&enforce("privileged", "latest"))), SUCCESSOR),
        row(ONE, "a successor with an older version of it", create(a(&enforce("baseline", "v1.24"))), SUCCESSOR),
        row(ONE, "a successor whose builds are trusted", create(trusting(a(&BASELINE))), UNTRUSTED),
        row(ONE, "a successor that says false about it", create({ let mut it = a(&BASELINE); it["metadata"]["annotations"][TRUSTED_BUILD] = json!("false"); it }), UNTRUSTED),
        row(ONE, "marks its own namespace as trusted", at(NAMESPACES, "", "ci-one").patch(annotations(json!({ TRUSTED_BUILD: "true" }))), FIXED),
        row(ONE, "takes its own namespace out of the chain", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "studioci.dev/chain": null }))), OWN_CHAIN),
        row(ONE, "moves its own namespace into another chain", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "studioci.dev/chain": "b" }))), OWN_CHAIN),
        row(ONE, "changes the owner of its own namespace", at(NAMESPACES, "", "ci-one").patch(annotations(json!({ "studioci.dev/owner": "x" }))), FIXED),
        row(ONE, "loosens its own namespace", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": "privileged" }))), FIXED),
        row(ONE, "takes Pod Security away from it", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": null }))), FIXED),
        row(ONE, "a privileged pod", create(workload("Pod", "ci-one", "p", "support", { let mut it = pod_spec("default"); it["containers"][0]["securityContext"] = json!({ "privileged": true }); it })), PodSecurity),
        row(ONE, "a pod with a folder of the node", create(workload("Pod", "ci-one", "p", "support", { let mut it = pod_spec("default"); it["volumes"] = json!([{ "name": "x", "hostPath": { "path": "/" } }]); it })), PodSecurity),

        row(ONE, "binds itself to the workspace in kube-system", create(owned(bind("kube-system", workspace, me()), "ci-one")), OWN_CHAIN),
        row(ONE, "binds itself to the workspace in another chain's namespace", create(owned(bind("ci-other", workspace, me()), "ci-one")), OWN_CHAIN),
        row(ONE, "binds itself to the workspace in home", create(owned(bind(STUDIOCI, workspace, me()), "ci-one")), OWN_CHAIN),
        row(ONE, "binds itself cluster-wide to the workspace", create(owned(bind_everywhere("studioci-workspace", [me()]), "ci-one")), EVERYWHERE),
        row(ONE, "binds itself cluster-wide to studioci-trusted", create(owned(bind_everywhere("studioci-trusted", [me()]), "ci-one")), EVERYWHERE),
        row(ONE, "binds a build cluster-wide", create(owned(bind_everywhere("studioci-agent", [account("ci-one", "builder")]), "ci-one")), EVERYWHERE),
        row(ONE, "binds an agent cluster-wide that no Namespace owns", create(bind_everywhere("studioci-agent", [me()])), EVERYWHERE),
        row(ONE, "binds an agent cluster-wide that another Namespace owns", create(owned(bind_everywhere("studioci-agent", [me()]), "ci-two")), EVERYWHERE),
        row(ONE, "binds two cluster-wide", create(owned(bind_everywhere("studioci-agent", [me(), user("eve")]), "ci-one")), EVERYWHERE),
        row(ONE, "its chain's Role in home to a build", create(owned(bind(STUDIOCI, "Role/chain-a", account("ci-one", "builder")), "ci-one")), IN_HOME),
        row(ONE, "its chain's Role in home to another chain's agent", create(owned(bind(STUDIOCI, "Role/chain-a", agent("ci-other")), "ci-other")), IN_HOME),
        row(ONE, "binds another chain's agent cluster-wide", create(owned(bind_everywhere("studioci-agent", [agent("ci-other")]), "ci-other")), EVERYWHERE),
        row(ONE, "an account of its chain's agents in another chain's namespace", create(object("ServiceAccount", "ci-other", AGENT)), Rbac),
        row(ONE, "an account of another chain's agents in its own", create(object("ServiceAccount", "ci-one", AGENT_B)), FOREIGN_AGENT),
        row(ONE, "a listener of another chain in its own", create(workload("Deployment", "ci-one", "x", "listener", pod_spec(AGENT_B))), AS_FOREIGN_AGENT),
        row(ONE, "its chain's Role in home without an owner", create(bind(STUDIOCI, "Role/chain-a", agent("ci-three"))), IN_HOME),
        row(ONE, "its chain's Role in home to a person", create(owned(bind(STUDIOCI, "Role/chain-a", user("eve")), "ci-one")), IN_HOME),
        row(ONE, "itself in the successor without an owner", create(bind("ci-two", workspace, me())), HAND_ON),
        row(ONE, "a third one's agent in the successor", create(owned(bind("ci-two", workspace, agent("ci-three")), "ci-three")), HAND_ON),
        row(ONE, "another chain's agent in the successor", create(owned(bind("ci-two", workspace, agent("ci-other")), "ci-other")), HAND_ON),
        row(ONE, "a Role to its own agent", create(bind("ci-one", "Role/builder", me())), HAND_ON),
        row(ONE, "a Role to a ServiceAccount elsewhere", create(bind("ci-one", "Role/builder", account("ci-other", "default"))), HAND_ON),
        row(ONE, "a Role to a person", create(bind("ci-one", "Role/builder", user("eve"))), HAND_ON),
        row(ONE, "a Role to everybody", create(bind("ci-one", "Role/builder", group("system:authenticated"))), HAND_ON),
        row(ONE, "turns a binding to a ServiceAccount elsewhere", at(ROLE_BINDINGS, "ci-one", "builder").patch(json!({ "subjects": [account("ci-other", "default")] })), HAND_ON),
        row(ONE, "the workspace to a build", create(bind("ci-one", workspace, account("ci-one", "builder"))), HAND_ON),
        row(ONE, "turns its own workspace to a build", at(ROLE_BINDINGS, "ci-one", "studioci-agent").patch(json!({ "subjects": [account("ci-one", "builder")] })), HAND_ON),
        row(ONE, "studioci-trusted in its own namespace", create(bind("ci-one", "ClusterRole/studioci-trusted", me())), HAND_ON),
        row(TRUST2, "trusted: studioci-trusted to a build directly", create(bind("ci-trust2", "ClusterRole/studioci-trusted", account("ci-trust2", "builder"))), HAND_ON),
        row(TRUST2, "trusted: a namespace of another chain", create(trusting(namespace("ci-x", "a", &[]))), OWN_CHAIN),

        row(ONE, "a listener without the label", create(without(named(listener("ci-one"), "x"), "labels", "studioci.dev/role")).dry(), LISTENER),
        row(ONE, "a listener with another command", create(workload("Deployment", "ci-one", "x", "listener", pod_spec(AGENT))), COMMANDS),
        row(ONE, "the agent by the old field serviceAccount", create(workload("Deployment", "ci-one", "x", "support", { let mut it = pod_spec(AGENT); it["serviceAccount"] = it["serviceAccountName"].take(); it.as_object_mut().unwrap().remove("serviceAccountName"); it })), UNLABELLED),
        row(ONE, "turns support into an agent", at(DEPLOYMENTS, "ci-one", "support").patch(json!({ "spec": { "template": { "spec": { "serviceAccountName": AGENT } } } })), UNLABELLED),
        row(ONE, "a pod as the agent", create(workload("Pod", "ci-one", "x", "listener", pod_spec(AGENT))), AS_AGENT),
        row(ONE, "a probe as the agent", create(workload("Pod", "ci-one", "studioci-probe", "probe", pod_spec(AGENT))), AS_AGENT),
        row(ONE, "a token Secret for the agent", create(token_secret("ci-one", "x", AGENT)), TOKEN_SECRET),
        row(ONE, "turns a token Secret to the agent", at(SECRETS, "ci-one", "own").patch(annotations(json!({ "kubernetes.io/service-account.name": AGENT }))), TOKEN_SECRET),
        row(IMPOSTOR, "an agent by name alone: a namespace", create(namespace("ci-x", "a", &BASELINE)), Rbac),
        row(IMPOSTOR, "an agent by name alone, with an operator's rights: a pod", create(workload("Pod", "ci-plain", "x", "support", pod_spec("default"))), OWN_CHAIN),
    ];
    for kind in ["StatefulSet", "ReplicaSet", "DaemonSet", "ReplicationController", "Job", "CronJob"] {
        rows.push(row(ONE, format!("a {kind} as the agent, labelled as a listener"), create(workload(kind, "ci-one", "x", "listener", pod_spec(AGENT))), AS_AGENT));
    }
    rows
}

/// Adoption and disposal, in order: the newest agent of a chain finishes what an older one left, and deletes it.
#[rustfmt::skip]
pub(crate) fn janitor() -> Vec<Row> {
    let itself = rights::bind_predecessor(&there("ci-one", "a"), "ci-three", "", false);
    let mut rows = vec![row(THREE, "the newest agent deletes ci-one, unbound", at(NAMESPACES, "", "ci-one").dispose(), Rbac)];
    rows.extend(itself.into_iter().map(|object| row(THREE, "binds itself in ci-one", create(object), Allowed)));
    rows.extend([
        row(THREE, "adopts: reads the Job", at(JOBS, "ci-one", "studioci-build").get(), Allowed),
        row(THREE, "adopts: lists the pods", all(PODS, "ci-one", "").get(), Allowed),
        row(THREE, "adopts: lists the events", all(EVENTS, "ci-one", "").get(), Allowed),
        row(THREE, "adopts: suspends the Job", at(JOBS, "ci-one", "studioci-build").patch(json!({ "spec": { "suspend": true } })), Allowed),
        row(THREE, "adopts: deletes the Job", at(JOBS, "ci-one", "studioci-build").delete(), Allowed),
        row(THREE, "adopts: the listener to 0", at(DEPLOYMENTS, "ci-one", "build").patch(json!({ "spec": { "replicas": 0 } })), Allowed),
        row(THREE, "adopts: support to 0", at(STATEFUL_SETS, "ci-one", "support").patch(json!({ "spec": { "replicas": 0 } })), Allowed),
        row(THREE, "adopts: phase and verdict", at(NAMESPACES, "", "ci-one").patch(json!({ "metadata": { "labels": { "studioci.dev/phase": "Recorded" }, "annotations": { "studioci.dev/verdict": "Errored" } } })), Allowed),
        row(THREE, "adopts: the history", at(CONFIG_MAPS, STUDIOCI, "history-a").patch(json!({ "data": { "1": "x" } })), Allowed),
        row(THREE, "adopts: frees the slot", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(json!({ "data": { "slots": "" } })), Allowed),
        row(THREE, "adopts nothing in another chain", create(owned(bind("ci-other", "ClusterRole/studioci-workspace", agent("ci-three")), "ci-three")), OWN_CHAIN),
        row(THREE, "disposes: of another one under that name", Ask::new("DELETE", "/api/v1/namespaces/ci-one", json!({ "preconditions": { "uid": "00000000-0000-4000-8000-000000000000" } })).dry(), super::ask::Wanted::Conflict),
        row(THREE, "disposes: says so", at(NAMESPACES, "", "ci-one").patch(labels(json!({ "studioci.dev/phase": "Disposing" }))), Allowed),
        row(THREE, "disposes of ci-one", at(NAMESPACES, "", "ci-one").dispose(), Allowed),
    ]);
    rows
}
