//! What agents ask: a chain's work, and what an agent would try that somebody got hold of.

use serde_json::{Value, json};
use studioci::chain::rights;
use studioci::chain::wire::{
    ADDED as ADDED_KEY, GENERATION, HOME as STUDIOCI, LENT as LENT_KEY, PREFIX as PREFIXED, TRUSTED_BUILD,
};
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
    let support = |kind, name| create(workload(kind, "ci-a-one", name, "support", pod_spec("default")));
    let review = |kind: &str, group: &str, plural: &str, spec: Value| {
        Ask::new("POST", format!("/apis/{group}/v1/{plural}"), json!({ "apiVersion": format!("{group}/v1"), "kind": kind, "spec": spec }))
    };
    let mut rows = vec![
        row(ONE, "lists namespaces", all(NAMESPACES, "", "labelSelector=studioci.dev%2Fchain%3Da").get(), Allowed),
        row(ONE, "watches its own Namespace", all(NAMESPACES, "", "watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dci-a-one").get(), Allowed),
        row(ONE, "watches its own Deployment", all(DEPLOYMENTS, "ci-a-one", "watch=1&timeoutSeconds=1").get(), Allowed),
        row(ONE, "phase, verdict and baseline of its own Namespace", at(NAMESPACES, "", "ci-a-one").patch(json!({ "metadata": { "labels": { "studioci.dev/phase": "Detached", "studioci.dev/verdict": "Passed" }, "annotations": { "studioci.dev/baseline": "x" } } })), Allowed),
        row(ONE, "parks the keys of its listener", at(DEPLOYMENTS, "ci-a-one", "build").patch(annotations(json!({ "parked.studioci.dev/policy": "force" }))), Allowed),
        row(ONE, "reads its chain's Secret", at(SECRETS, STUDIOCI, "chain-a").get(), Allowed),
        row(ONE, "watches its chain's Secret", all(SECRETS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dchain-a&timeoutSeconds=1").get(), Allowed),
        row(ONE, "reads its chain's seed", at(SECRETS, STUDIOCI, "seed-a").get(), Allowed),
        row(ONE, "reads its chain's record", at(CONFIG_MAPS, STUDIOCI, "record-a").get(), Allowed),
        row(ONE, "reads its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").get(), Allowed),
        row(ONE, "moves its chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(data()), Allowed),
        row(ONE, "reads its chain's history", at(CONFIG_MAPS, STUDIOCI, "history-a").get(), Allowed),
        row(ONE, "records a verdict", at(CONFIG_MAPS, STUDIOCI, "history-a").patch(data()), Allowed),
        row(ONE, "reads the kept logs of its chain", at(SECRETS, STUDIOCI, "log-a-0").get(), Allowed),
        row(ONE, "keeps a log", at(SECRETS, STUDIOCI, "log-a-0").patch(kept()), Allowed),
        row(ONE, "keeps another one at the ring's other end", at(SECRETS, STUDIOCI, "log-a-7").patch(kept()), Allowed),
        row(ONE, "reads home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").get(), Allowed),
        row(ONE, "reads which kinds the workspace covers", at(CLUSTER_ROLES, "", "studioci-workspace").get(), Allowed),
        row(ONE, "reads a policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-identity").get(), Allowed),
        row(ONE, "reads its binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-identity").get(), Allowed),
        row(ONE, "asks for its own rights", review("SelfSubjectAccessReview", "authorization.k8s.io", "selfsubjectaccessreviews", json!({ "resourceAttributes": { "verb": "create", "resource": "pods" } })), Allowed),
        row(ONE, "asks who it is", review("SelfSubjectReview", "authentication.k8s.io", "selfsubjectreviews", json!({})), Allowed),
        row(ONE, "reads a binding by its name", at(ROLE_BINDINGS, "ci-b-other", "studioci-agent").get(), Allowed),
        row(ONE, "the freeze", create(object("ConfigMap", "ci-a-one", "studioci-freeze")), Allowed),
        row(ONE, "a pull Secret, patched", at(SECRETS, "ci-a-one", "pull").patch(json!({ "stringData": { "x": "y" } })), Allowed),
        row(ONE, "the probe of a tag", create(workload("Pod", "ci-a-one", "studioci-probe", "probe", pod_spec("default"))), Allowed),
        row(ONE, "the probe's end", at(PODS, "ci-a-one", "studioci-probe").delete(), Allowed),
        row(ONE, "the build's Job", create(workload("Job", "ci-a-one", "studioci-build", "build", pod_spec("default"))), Allowed),
        row(ONE, "suspends it", at(JOBS, "ci-a-one", "studioci-build").patch(json!({ "spec": { "suspend": true } })), Allowed),
        row(ONE, "watches Jobs", all(JOBS, "ci-a-one", "watch=1&timeoutSeconds=1").get(), Allowed),
        row(ONE, "lists pods", all(PODS, "ci-a-one", "").get(), Allowed),
        row(ONE, "lists events", all(EVENTS, "ci-a-one", "fieldSelector=involvedObject.kind%3DJob").get(), Allowed),
        row(ONE, "an event", create(json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "e", "namespace": "ci-a-one" }, "involvedObject": { "kind": "Deployment", "name": "build", "namespace": "ci-a-one" }, "reason": "x", "type": "Normal" })), Allowed),
        row(ONE, "an Event of its Namespace, for a phase or a verdict", create(event("ci-a-one", "ci-a-one.passed", "Namespace")), Allowed),
        row(ONE, "all pods of a label at once", all(PODS, "ci-a-one", "labelSelector=nobody").delete(), Allowed),
    ];
    for (kind, resource) in [("Deployment", DEPLOYMENTS), ("StatefulSet", STATEFUL_SETS), ("ReplicaSet", REPLICA_SETS), ("ReplicationController", REPLICATION_CONTROLLERS)] {
        rows.push(row(ONE, format!("support: a {kind}"), support(kind, "support"), Allowed));
        rows.push(row(ONE, format!("support: a {kind} to 0"), at(resource, "ci-a-one", "support").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
        rows.push(row(ONE, format!("support: a {kind} to 0 by its scale"), at(resource, "ci-a-one", "support/scale").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
        rows.push(row(ALICE, format!("scale: a {kind} of her own namespace"), at(resource, "ci-a-one", "support/scale").patch(json!({ "spec": { "replicas": 0 } })), Allowed));
    }
    let mut service = object("Service", "ci-a-one", "x");
    service["spec"] = json!({ "ports": [{ "port": 80 }], "externalIPs": ["192.0.2.1"] });
    rows.push(row(ONE, "the rest: a Service for an address of somebody else, which is for other admission to judge", create(service).dry(), Allowed));
    rows.push(row(ONE, "the rest: a CronJob", support("CronJob", "support"), Allowed));
    rows.push(row(ONE, "the rest: a CronJob, suspended", at(CRON_JOBS, "ci-a-one", "support").patch(json!({ "spec": { "suspend": true } })), Allowed));
    rows.push(row(ONE, "the finish: lists CronJobs", all(CRON_JOBS, "ci-a-one", "").get(), Allowed));
    rows.push(row(ONE, "the finish: lists autoscalers", all(HORIZONTAL_POD_AUTOSCALERS, "ci-a-one", "").get(), Allowed));
    rows.push(row(ONE, "the finish: lists DaemonSets", all(DAEMON_SETS, "ci-a-one", "").get(), Allowed));
    rows.push(row(ONE, "the finish: lists pods that are not over", all(PODS, "ci-a-one", "fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed").get(), Allowed));
    rows.push(row(ONE, "the finish: lists bindings", all(ROLE_BINDINGS, "ci-a-one", "").get(), Allowed));
    rows.push(row(ONE, "the finish: all Jobs but the build's", all(JOBS, "ci-a-one", "labelSelector=studioci.dev%2Frole%21%3Dlistener&fieldSelector=metadata.name%21%3Dstudioci-build").delete().dry(), Allowed));
    rows.push(row(ONE, "the finish: all pods but the agent's", all(PODS, "ci-a-one", "labelSelector=studioci.dev%2Frole%21%3Dlistener&fieldSelector=status.phase%21%3DSucceeded").delete().dry(), Allowed));
    // a real pod, so that a kubelet asks for its token
    rows.push(row(ONE, "its listener's count", at(DEPLOYMENTS, "ci-a-one", "build/scale").patch(json!({ "spec": { "replicas": 1 } })), Allowed));
    rows
}

/// A log that is kept.
fn kept() -> Value {
    json!({ "data": { "build.00000001": "AAAA" } })
}

/// A pipeline's own RBAC, in order: what the agent of `ci-a-one` makes for its build.
#[rustfmt::skip]
pub(crate) fn pipeline() -> Vec<Row> {
    let builder = || role("ci-a-one", "builder", [
        rule("configmaps,pods,secrets", &["*"], &[]),
        rule("batch:jobs", &["*"], &[]),
        rule("apps:deployments,deployments/scale", &["*"], &[]),
        rule("serviceaccounts", &["create", "patch", "delete", "deletecollection"], &[]),
        rule("namespaces", &["get", "patch", "delete"], &[]),
        rule("rbac.authorization.k8s.io:roles,rolebindings", &["create", "patch", "delete", "deletecollection"], &[]),
        rule("resourcequotas", &["create"], &[]),
        rule("events", &["*"], &[]),
        rule("events.k8s.io:events", &["*"], &[]),
    ]);
    vec![
        row(ONE, "ServiceAccount builder", create(object("ServiceAccount", "ci-a-one", "builder")), Allowed),
        row(ONE, "its Role, with every verb on many kinds", create(builder()), Allowed),
        row(ONE, "its binding", create(named(bind("ci-a-one", "Role/builder", account("ci-a-one", "builder")), "builder")), Allowed),
        row(ONE, "patches the Role", at(ROLES, "ci-a-one", "builder").patch(annotations(json!({ "x": "y" }))), Allowed),
        row(ONE, "binds another ServiceAccount of the namespace too", at(ROLE_BINDINGS, "ci-a-one", "builder").patch(json!({ "subjects": [account("ci-a-one", "builder"), account("ci-a-one", "default")] })), Allowed),
        row(ONE, "a token Secret for the pipeline's own ServiceAccount", create(token_secret("ci-a-one", "own", "builder")), Allowed),
        row(BUILD, "its own ConfigMap", create(object("ConfigMap", "ci-a-one", "own")), Allowed),
        row(BUILD, "its own Job", create(workload("Job", "ci-a-one", "own", "support", pod_spec("builder"))), Allowed),
        row(BUILD, "its own pod", create(workload("Pod", "ci-a-one", "own", "support", pod_spec("builder"))), Allowed),
        row(ONE, "suspends a build's Job", at(JOBS, "ci-a-one", "own").patch(json!({ "spec": { "suspend": true } })).dry(), Allowed),
        row(ONE, "deletes a build's pod", at(PODS, "ci-a-one", "own").delete().dry(), Allowed),
        row(ONE, "deletes a Role", at(ROLES, "ci-a-one", "builder").delete().dry(), Allowed),
        row(ONE, "deletes a binding", at(ROLE_BINDINGS, "ci-a-one", "builder").delete().dry(), Allowed),
        row(TRUST2, "trusted: ServiceAccount builder", create(object("ServiceAccount", "ci-t-next", "builder")), Allowed),
        row(TRUST2, "trusted: Role with pods/exec", create(role("ci-t-next", "exec", [rule("pods/exec", &["create"], &[])])), Allowed),
        row(TRUST2, "trusted: Role with tokens", create(role("ci-t-next", "tokens", [rule("serviceaccounts/token", &["create"], &[])])), Allowed),
        row(TRUST2, "trusted: binds it", create(bind("ci-t-next", "Role/exec", account("ci-t-next", "builder"))), Allowed),
        row(TRUST2, "trusted: a successor that is not", create(namespace("ci-x-x", "t", &[])).dry(), Allowed),
    ]
}

/// What RBAC keeps from an agent.
#[rustfmt::skip]
pub(crate) fn unheld() -> Vec<Row> {
    let r = |resources, verbs: &[&str]| create(role("ci-a-one", "r", [rule(resources, verbs, &[])]));
    let me = || agent("ci-a-one");
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
        row(ONE, "Role with use of another chain", create(role("ci-a-one", "r", [rule("studioci.dev:chains", &["use"], &["b"])])), Rbac),
        row(ONE, "binds ClusterRole view to a build", create(bind("ci-a-one", "ClusterRole/view", account("ci-a-one", "builder"))), Rbac),
        row(ONE, "binds ClusterRole edit to a build", create(bind("ci-a-one", "ClusterRole/edit", account("ci-a-one", "builder"))), Rbac),
        row(TRUST2, "trusted: still no impersonate", create(role("ci-t-next", "r", [rule("serviceaccounts", &["impersonate"], &[])])), Rbac),
        row(TRUST2, "trusted: still no eviction", create(role("ci-t-next", "r", [rule("pods/eviction", &["create"], &[])])), Rbac),

        row(ONE, "relabels default", at(NAMESPACES, "", "default").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "moves a foreign namespace into its chain", at(NAMESPACES, "", "ci-b-other").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "cancels a build of a foreign chain", at(NAMESPACES, "", "ci-b-other").patch(annotations(json!({ "studioci.dev/cancel": "superseded" }))), Rbac),
        row(ONE, "deletes a foreign chain's namespace", at(NAMESPACES, "", "ci-b-other").dispose(), Rbac),
        row(ONE, "an Event of a foreign chain's build", create(event("ci-b-other", "ci-b-other.passed", "Namespace")), Rbac),
        row(ONE, "deletes a namespace of no chain", at(NAMESPACES, "", "ci-plain").dispose(), Rbac),
        row(ONE, "deletes home", at(NAMESPACES, "", "studioci").dispose(), Rbac),
        row(ONE, "labels home", at(NAMESPACES, "", "studioci").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ONE, "finalizes its own Namespace", Ask::new("PUT", "/api/v1/namespaces/ci-a-one/finalize", namespace("ci-a-one", "a", &BASELINE)), Rbac),
        row(ONE, "the status of its own Namespace", at(NAMESPACES, "", "ci-a-one/status").patch(json!({ "status": {} })), Rbac),
        row(ONE, "gives itself another chain's Role in home", create(owned(bind(STUDIOCI, "Role/chain-b", me()), "ci-a-one")), Rbac),
        row(ONE, "gives itself Role studioci-user in home", create(owned(bind(STUDIOCI, "Role/studioci-user", me()), "ci-a-one")), Rbac),
        row(ONE, "changes its chain's Role", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": [] })), Rbac),
        row(ONE, "deletes its chain's Role", at(ROLES, STUDIOCI, "chain-a").delete(), Rbac),
        row(ONE, "reads a Role in home", at(ROLES, STUDIOCI, "studioci-user").get(), Rbac),
        row(ONE, "reads another chain's Secret", at(SECRETS, STUDIOCI, "chain-b").get(), Rbac),
        row(ONE, "reads another chain's seed", at(SECRETS, STUDIOCI, "seed-b").get(), Rbac),
        row(ONE, "patches its chain's seed", at(SECRETS, STUDIOCI, "seed-a").patch(json!({ "stringData": { "x": "y" } })), Rbac),
        row(ONE, "reads another chain's kept logs", at(SECRETS, STUDIOCI, "log-b-0").get(), Rbac),
        row(ONE, "writes another chain's kept logs", at(SECRETS, STUDIOCI, "log-b-0").patch(kept()), Rbac),
        row(ONE, "a kept log beyond the ring", at(SECRETS, STUDIOCI, "log-a-8").patch(kept()), Rbac),
        row(ONE, "a kept log of a chain whose name begins like its own", at(SECRETS, STUDIOCI, "log-a-1-0").patch(kept()), Rbac),
        row(ONE, "replaces a Secret of its kept logs", Ask::new("PUT", "/api/v1/namespaces/studioci/secrets/log-a-0", at_home("Secret", "log-a-0", "a")), Rbac),
        row(ONE, "deletes its kept logs", at(SECRETS, STUDIOCI, "log-a-0").delete(), Rbac),
        row(ONE, "watches its kept logs", all(SECRETS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dlog-a-0&timeoutSeconds=1").get(), Rbac),
        row(ONE, "reads a Secret of no chain in home", at(SECRETS, STUDIOCI, "other").get(), Rbac),
        row(ONE, "lists Secrets in home", all(SECRETS, STUDIOCI, "").get(), Rbac),
        row(ONE, "lists its chain's Secret alone", all(SECRETS, STUDIOCI, "fieldSelector=metadata.name%3Dchain-a").get(), Rbac),
        row(ONE, "watches Secrets in home", all(SECRETS, STUDIOCI, "watch=1&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches Secrets in home by the older path", Ask::new("GET", "/api/v1/watch/namespaces/studioci/secrets?timeoutSeconds=1", Value::Null), Rbac),
        row(ONE, "watches its chain's Secrets by their label", all(SECRETS, STUDIOCI, "watch=1&labelSelector=studioci.dev%2Fchain%3Da&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches all Secrets of home but one", all(SECRETS, STUDIOCI, "watch=1&fieldSelector=metadata.name%21%3Dchain-a&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches its chain's seed", all(SECRETS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dseed-a&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches another chain's Secret", all(SECRETS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dchain-b&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches Secrets everywhere by the name of its chain's", all(SECRETS, "", "watch=1&fieldSelector=metadata.name%3Dchain-a&timeoutSeconds=1").get(), Rbac),
        row(ONE, "lists ConfigMaps in home", all(CONFIG_MAPS, STUDIOCI, "").get(), Rbac),
        row(ONE, "watches its chain's head", all(CONFIG_MAPS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Dchain-a&timeoutSeconds=1").get(), Rbac),
        row(ONE, "watches its chain's record", all(CONFIG_MAPS, STUDIOCI, "watch=1&fieldSelector=metadata.name%3Drecord-a&timeoutSeconds=1").get(), Rbac),
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
        row(ONE, "a Deployment in another chain's namespace", create(workload("Deployment", "ci-b-other", "x", "support", pod_spec("default"))), Rbac),
        row(ONE, "reads another chain's pull Secret", at(SECRETS, "ci-b-other", "pull").get(), Rbac),
        row(ONE, "scales another chain's listener", at(DEPLOYMENTS, "ci-b-other", "build/scale").patch(replicas()), Rbac),
        row(ONE, "deletes another chain's pods at once", all(PODS, "ci-b-other", "").delete(), Rbac),
        row(THREE, "an older build's pods of its own chain, unbound", all(PODS, "ci-a-one", "").get(), Rbac),
        row(THREE, "an older build's phase, unbound", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/phase": "Recorded" }))), Rbac),
        row(ONE, "a token in kube-system", token("kube-system", "default", Value::Null), Rbac),
        row(ONE, "a token of its own build", token("ci-a-one", "builder", Value::Null), Rbac),
        row(ONE, "a token of itself", token("ci-a-one", AGENT, Value::Null), Rbac),
        row(ONE, "execs into a pod of its namespace", at(PODS, "ci-a-one", "x/exec?command=id").get(), Rbac),
        row(ONE, "deletes its policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").delete(), Rbac),
        row(ONE, "deletes its policy's binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-agent").delete(), Rbac),
        row(ONE, "changes its policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").patch(json!({ "spec": { "failurePolicy": "Ignore" } })), Rbac),
        row(ONE, "turns the binding to Audit", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-agent").patch(json!({ "spec": { "validationActions": ["Audit"] } })), Rbac),
        row(ONE, "changes ClusterRole studioci-agent", at(CLUSTER_ROLES, "", "studioci-agent").patch(json!({ "rules": [] })), Rbac),
        row(ONE, "changes ClusterRole studioci-workspace", at(CLUSTER_ROLES, "", "studioci-workspace").patch(labels(json!({ "x": "y" }))), Rbac),
        row(ONE, "a ClusterRole that adds to the workspace", create(json!({ "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "x", "labels": { "studioci.dev/aggregate-to-workspace": "true" } }, "rules": [] })), Rbac),
        row(ONE, "a Lease, before an admin adds the kind", leases(), Rbac),
        row(ONE, "deletes its own ClusterRoleBinding", at(CLUSTER_ROLE_BINDINGS, "", "studioci-agent.a:ci-a-one").delete(), Rbac),
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

/// A Lease in `ci-a-one`: a kind that the workspace does not cover unless an administrator adds it.
pub(crate) fn leases() -> Ask {
    let lease = json!({ "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": { "name": "l", "namespace": "ci-a-one" } });
    Ask::new("POST", "/apis/coordination.k8s.io/v1/namespaces/ci-a-one/leases", lease)
}

/// What the policies refuse to an agent that holds no more than its own roles.
#[rustfmt::skip]
pub(crate) fn refused() -> Vec<Row> {
    let me = || agent("ci-a-one");
    let workspace = "ClusterRole/studioci-workspace";
    let itself = || at(NAMESPACES, "", "ci-a-one");
    let head = || at(CONFIG_MAPS, STUDIOCI, "chain-a");
    let history = || at(CONFIG_MAPS, STUDIOCI, "history-a");
    let logs = || at(SECRETS, STUDIOCI, "log-a-0");
    let owners = |object, list| held(object, "ownerReferences", list);
    let everywhere = || named(bind_everywhere("studioci-agent", [me()]), "studioci-agent.a:ci-a-one-x");
    let at_home = || named(bind(STUDIOCI, "Role/chain-a", me()), "studioci-agent.a:ci-a-one-x");
    let a = |security: &[(&str, &str)]| namespace("ci-x-x", "a", security);
    let enforce = |level, version| [("pod-security.kubernetes.io/enforce", level), ("pod-security.kubernetes.io/enforce-version", version)];
    let mut rows = vec![
        row(ONE, "a namespace for another chain", create(namespace("ci-x-x", "b", &BASELINE)), OWN_CHAIN),
        row(ONE, "a namespace of no start", create(namespace("ci-x-x", "claim", &BASELINE)), OWN_CHAIN),
        row(ONE, "a namespace without labels", create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x" } })), OWN_CHAIN),
        row(ONE, "a namespace without an owner", create(without(a(&BASELINE), "annotations", "studioci.dev/owner")), SUCCESSOR),
        row(ONE, "a namespace that is not managed by studioci", create(without(a(&BASELINE), "labels", "app.kubernetes.io/managed-by")), SUCCESSOR),
        row(ONE, "a successor without Pod Security", create(a(&[])), SUCCESSOR),
        row(ONE, "a successor with weaker Pod Security", create(a(&enforce("privileged", "latest"))), SUCCESSOR),
        row(ONE, "a successor with an older version of it", create(a(&enforce("baseline", "v1.24"))), SUCCESSOR),
        row(ONE, "a namespace without a generation", create(without(a(&BASELINE), "annotations", GENERATION)), SUCCESSOR),
        row(ONE, "a namespace without the chain's uuid", create(without(a(&BASELINE), "annotations", "studioci.dev/chain-uuid")), SUCCESSOR),
        row(ONE, "a successor under another prefix", create(with(namespace("other-x-x", "a", &BASELINE), "annotations", PREFIXED, "other")), NAMED),
        row(ONE, "a successor that is not called after its prefix", create(namespace("kube-x-x", "a", &BASELINE)), NAMED),
        row(ONE, "a successor whose name only begins so", create(namespace("cicd-x-x", "a", &BASELINE)), NAMED),
        row(ONE, "a successor called like a chart's namespace", create(namespace("ci-monitoring", "a", &BASELINE)), NAMED),
        row(ONE, "a successor with a suffix of its own", create(namespace("ci-x-x-prod", "a", &BASELINE)), NAMED),
        row(ONE, "a successor with a longer suffix", create(namespace("ci-x-x-0123456789", "a", &BASELINE)), NAMED),
        row(ONE, "a successor with a suffix", create(namespace("ci-x-x-01234567", "a", &BASELINE)).dry(), Allowed),
        row(ONE, "a successor without a prefix", create(without(a(&BASELINE), "annotations", PREFIXED)), NAMED),
        row(ONE, "a successor whose name the server completes", create({ let mut it = held(a(&BASELINE), "generateName", json!("kube-x-")); it["metadata"].as_object_mut().unwrap().remove("name"); it }), NAMED),
        row(ONE, "a successor with a label more", create(with(a(&BASELINE), "labels", "istio-injection", "disabled")), LENT),
        row(ONE, "a successor with an annotation more", create(with(a(&BASELINE), "annotations", "scheduler.alpha.kubernetes.io/node-selector", "x=y")), LENT),
        row(ONE, "a successor that others' admission looks away from", create(with(a(&BASELINE), "labels", "admission.gatekeeper.sh/ignore", "true")), LENT),
        row(ONE, "a successor with a label of Pod Security that nothing knows", create(with(a(&BASELINE), "labels", "pod-security.kubernetes.io/exempt", "true")), LENT),
        row(ONE, "a successor of another team", create(with(a(&BASELINE), "labels", "team", "prod")), LENT),
        row(ONE, "a successor of another team that says so", create(with(with(a(&BASELINE), "labels", "team", "prod"), "annotations", LENT_KEY, &lent_of("a").replace("blue", "prod"))), LENT),
        row(ONE, "a successor without its label", create(without(a(&BASELINE), "labels", "team")), LENT),
        row(ONE, "a successor without its annotation", create(without(a(&BASELINE), "annotations", "note")), LENT),
        row(ONE, "a successor that says nothing of what it is lent", create(without(a(&BASELINE), "annotations", LENT_KEY)), LENT),
        row(ONE, "a successor that is lent nothing", create(with(without(without(a(&BASELINE), "labels", "team"), "annotations", "note"), "annotations", LENT_KEY, "v1")), LENT),
        row(ONE, "a label whose line stands in another one's value", create(with(without(a(&BASELINE), "labels", "team"), "annotations", "note", "hello = world\nl:team=blue")), LENT),
        row(ONE, "a successor with a key that a webhook adds", create(with(with(a(&BASELINE), "labels", WEBHOOKS, "any"), "annotations", ADDED_KEY, ADDED)).dry(), Allowed),
        row(ONE, "a successor with a key that no webhook adds", create(with(with(a(&BASELINE), "labels", "istio-injection", "disabled"), "annotations", ADDED_KEY, "v1\nl:istio-injection")), LENT),
        row(ONE, "a successor with an owner", create(owned(a(&BASELINE), "ci-b-other")), METADATA),
        row(ONE, "a successor with a finalizer", create(held(a(&BASELINE), "finalizers", finalizers())), METADATA),
        row(ONE, "a successor that never goes", create({ let mut it = a(&BASELINE); it["spec"] = json!({ "finalizers": ["kubernetes", "example.com/held"] }); it }), METADATA),
        row(ONE, "a finalizer on its own namespace", itself().patch(json!({ "metadata": { "finalizers": finalizers() } })), METADATA),
        row(ONE, "an owner of its own namespace", itself().patch(json!({ "metadata": { "ownerReferences": [owner("ci-b-other", json!({}))] } })), METADATA),
        row(ONE, "a finalizer on the head", head().patch(json!({ "metadata": { "finalizers": finalizers() } })), METADATA),
        row(ONE, "an owner of the history: the garbage collector would delete it", history().patch(json!({ "metadata": { "ownerReferences": [owner("ci-a-one", json!({}))] } })), METADATA),
        row(ONE, "another chain's label on the head", head().patch(labels(json!({ "studioci.dev/chain": "b" }))), METADATA),
        row(ONE, "an annotation on the history", history().patch(annotations(json!({ "x": "y" }))), METADATA),
        row(ONE, "a head that nobody can move any more", head().patch(json!({ "immutable": true })), METADATA),
        row(ONE, "a finalizer on its kept logs", logs().patch(json!({ "metadata": { "finalizers": finalizers() } })), METADATA),
        row(ONE, "an owner of its kept logs", logs().patch(json!({ "metadata": { "ownerReferences": [owner("ci-a-one", json!({}))] } })), METADATA),
        row(ONE, "another chain's label on its kept logs", logs().patch(labels(json!({ "studioci.dev/chain": "b" }))), METADATA),
        row(ONE, "an annotation on its kept logs", logs().patch(annotations(json!({ "x": "y" }))), METADATA),
        row(ONE, "kept logs that nobody can write any more", logs().patch(json!({ "immutable": true })), METADATA),
        row(ONE, "bytes on the history", history().patch(json!({ "binaryData": { "bytes": "AAAA" } })), METADATA),
        row(ONE, "the label of its own namespace", itself().patch(labels(json!({ "team": "prod" }))), FIXED),
        row(ONE, "takes that label away", itself().patch(labels(json!({ "team": null }))), FIXED),
        row(ONE, "gives its own namespace another label", itself().patch(labels(json!({ "istio-injection": "disabled" }))), FIXED),
        row(ONE, "gives it another label of ours", itself().patch(labels(json!({ "studioci.dev/role": "listener" }))), FIXED),
        row(ONE, "gives it another annotation", itself().patch(annotations(json!({ "scheduler.alpha.kubernetes.io/node-selector": "x=y" }))), FIXED),
        row(ONE, "another generation of its own namespace", itself().patch(annotations(json!({ GENERATION: "7" }))), FIXED),
        row(ONE, "another uuid of its chain", itself().patch(annotations(json!({ "studioci.dev/chain-uuid": "x" }))), FIXED),
        row(ONE, "another prefix on it", itself().patch(annotations(json!({ PREFIXED: "other" }))), FIXED),
        row(ONE, "something else that it is lent", itself().patch(annotations(json!({ LENT_KEY: "v1" }))), FIXED),
        row(ONE, "says that webhooks add its chain", itself().patch(json!({ "metadata": { "labels": { "team": "prod" }, "annotations": { ADDED_KEY: "v1\na:studioci.dev/added\nl:team" } } })), FIXED),
        row(ONE, "a successor whose builds are trusted", create(trusting(a(&BASELINE))), UNTRUSTED),
        row(ONE, "a successor that says false about it", create({ let mut it = a(&BASELINE); it["metadata"]["annotations"][TRUSTED_BUILD] = json!("false"); it }), UNTRUSTED),
        row(ONE, "marks its own namespace as trusted", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ TRUSTED_BUILD: "true" }))), FIXED),
        row(ONE, "takes its own namespace out of the chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": null }))), OWN_CHAIN),
        row(ONE, "moves its own namespace into another chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": "b" }))), OWN_CHAIN),
        row(ONE, "changes the owner of its own namespace", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/owner": "x" }))), FIXED),
        row(ONE, "loosens its own namespace", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": "privileged" }))), FIXED),
        row(ONE, "takes Pod Security away from it", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": null }))), FIXED),
        row(ONE, "a privileged pod", create(workload("Pod", "ci-a-one", "p", "support", { let mut it = pod_spec("default"); it["containers"][0]["securityContext"] = json!({ "privileged": true }); it })), PodSecurity),
        row(ONE, "a pod with a folder of the node", create(workload("Pod", "ci-a-one", "p", "support", { let mut it = pod_spec("default"); it["volumes"] = json!([{ "name": "x", "hostPath": { "path": "/" } }]); it })), PodSecurity),

        row(ONE, "binds itself to the workspace in kube-system", create(owned(bind("kube-system", workspace, me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "binds itself to the workspace in another chain's namespace", create(owned(bind("ci-b-other", workspace, me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "binds itself to the workspace in home", create(owned(bind(STUDIOCI, workspace, me()), "ci-a-one")), OWN_CHAIN),
        row(ONE, "binds itself cluster-wide to the workspace", create(owned(bind_everywhere("studioci-workspace", [me()]), "ci-a-one")), EVERYWHERE),
        row(ONE, "binds itself cluster-wide to studioci-trusted", create(owned(bind_everywhere("studioci-trusted", [me()]), "ci-a-one")), EVERYWHERE),
        row(ONE, "binds a build cluster-wide", create(owned(bind_everywhere("studioci-agent", [account("ci-a-one", "builder")]), "ci-a-one")), EVERYWHERE),
        row(ONE, "binds an agent cluster-wide that no Namespace owns", create(bind_everywhere("studioci-agent", [me()])), EVERYWHERE),
        row(ONE, "binds an agent cluster-wide that another Namespace owns", create(owned(bind_everywhere("studioci-agent", [me()]), "ci-a-two")), EVERYWHERE),
        row(ONE, "binds itself cluster-wide once more", create(owned(everywhere(), "ci-a-one")).dry(), Allowed),
        row(ONE, "binds itself, owned by a Namespace that is gone: the garbage collector takes it", create(owners(everywhere(), json!([owner("ci-a-one", json!({ "uid": "00000000-0000-4000-8000-000000000000" }))]))).dry(), Allowed),
        row(ONE, "binds itself under a name of its own", create(owned(bind_everywhere("studioci-agent", [me()]), "ci-a-one")), EVERYWHERE),
        row(ONE, "binds an agent under the name of another chain's binding", create(owned(named(bind_everywhere("studioci-agent", [account("ci-b-other", AGENT)]), "studioci-agent.b:ci-b-other"), "ci-b-other")), EVERYWHERE),
        row(ONE, "its chain's Role in home under the name of another chain's binding", create(owned(named(bind(STUDIOCI, "Role/chain-a", account("ci-b-other", AGENT)), "studioci-agent.b:ci-b-other"), "ci-b-other")), IN_HOME),
        row(ONE, "binds itself for ever", create(held(owned(everywhere(), "ci-a-one"), "finalizers", finalizers())), EVERYWHERE),
        row(ONE, "binds itself by a binding that its Namespace waits for", create(owners(everywhere(), json!([owner("ci-a-one", json!({ "blockOwnerDeletion": true }))]))), EVERYWHERE),
        row(ONE, "binds itself by a binding that its Namespace controls", create(owners(everywhere(), json!([owner("ci-a-one", json!({ "controller": true }))]))), EVERYWHERE),
        row(ONE, "binds itself by a binding of two owners", create(owners(everywhere(), json!([owner("ci-a-one", json!({})), owner("ci-a-two", json!({}))]))), EVERYWHERE),
        row(ONE, "its chain's Role in home once more", create(owned(at_home(), "ci-a-one")).dry(), Allowed),
        row(ONE, "its chain's Role in home under a name of its own", create(owned(bind(STUDIOCI, "Role/chain-a", me()), "ci-a-one")), IN_HOME),
        row(ONE, "its chain's Role in home for ever", create(held(owned(at_home(), "ci-a-one"), "finalizers", finalizers())), IN_HOME),
        row(ONE, "its chain's Role in home, waited for", create(owners(at_home(), json!([owner("ci-a-one", json!({ "blockOwnerDeletion": true }))]))), IN_HOME),
        row(ONE, "itself in the successor, waited for", create(owners(bind("ci-a-two", workspace, me()), json!([owner("ci-a-one", json!({ "blockOwnerDeletion": true }))]))), HAND_ON),
        row(ONE, "binds two cluster-wide", create(owned(bind_everywhere("studioci-agent", [me(), user("eve")]), "ci-a-one")), EVERYWHERE),
        row(ONE, "its chain's Role in home to a build", create(owned(bind(STUDIOCI, "Role/chain-a", account("ci-a-one", "builder")), "ci-a-one")), IN_HOME),
        row(ONE, "its chain's Role in home to another chain's agent", create(owned(bind(STUDIOCI, "Role/chain-a", agent("ci-b-other")), "ci-b-other")), IN_HOME),
        row(ONE, "binds another chain's agent cluster-wide", create(owned(bind_everywhere("studioci-agent", [agent("ci-b-other")]), "ci-b-other")), EVERYWHERE),
        row(ONE, "an account of its chain's agents in another chain's namespace", create(object("ServiceAccount", "ci-b-other", AGENT)), Rbac),
        row(ONE, "an account of another chain's agents in its own", create(object("ServiceAccount", "ci-a-one", AGENT_B)), FOREIGN_AGENT),
        row(ONE, "a listener of another chain in its own", create(workload("Deployment", "ci-a-one", "x", "listener", pod_spec(AGENT_B))), AS_FOREIGN_AGENT),
        row(ONE, "its chain's Role in home without an owner", create(bind(STUDIOCI, "Role/chain-a", agent("ci-a-three"))), IN_HOME),
        row(ONE, "its chain's Role in home to a person", create(owned(bind(STUDIOCI, "Role/chain-a", user("eve")), "ci-a-one")), IN_HOME),
        row(ONE, "itself in the successor without an owner", create(bind("ci-a-two", workspace, me())), HAND_ON),
        row(ONE, "a third one's agent in the successor", create(owned(bind("ci-a-two", workspace, agent("ci-a-three")), "ci-a-three")), HAND_ON),
        row(ONE, "another chain's agent in the successor", create(owned(bind("ci-a-two", workspace, agent("ci-b-other")), "ci-b-other")), HAND_ON),
        row(ONE, "a Role to its own agent", create(bind("ci-a-one", "Role/builder", me())), HAND_ON),
        row(ONE, "a Role to a ServiceAccount elsewhere", create(bind("ci-a-one", "Role/builder", account("ci-b-other", "default"))), HAND_ON),
        row(ONE, "a Role to a person", create(bind("ci-a-one", "Role/builder", user("eve"))), HAND_ON),
        row(ONE, "a Role to everybody", create(bind("ci-a-one", "Role/builder", group("system:authenticated"))), HAND_ON),
        row(ONE, "turns a binding to a ServiceAccount elsewhere", at(ROLE_BINDINGS, "ci-a-one", "builder").patch(json!({ "subjects": [account("ci-b-other", "default")] })), HAND_ON),
        row(ONE, "the workspace to a build", create(bind("ci-a-one", workspace, account("ci-a-one", "builder"))), HAND_ON),
        row(ONE, "turns its own workspace to a build", at(ROLE_BINDINGS, "ci-a-one", "studioci-agent").patch(json!({ "subjects": [account("ci-a-one", "builder")] })), HAND_ON),
        row(ONE, "studioci-trusted in its own namespace", create(bind("ci-a-one", "ClusterRole/studioci-trusted", me())), HAND_ON),
        row(TRUST2, "trusted: studioci-trusted to a build directly", create(bind("ci-t-next", "ClusterRole/studioci-trusted", account("ci-t-next", "builder"))), HAND_ON),
        row(TRUST2, "trusted: a namespace of another chain", create(trusting(namespace("ci-x-x", "a", &[]))), OWN_CHAIN),

        row(ONE, "a listener without the label", create(without(named(listener("ci-a-one"), "x"), "labels", "studioci.dev/role")).dry(), LISTENER),
        row(ONE, "a listener with another command", create(workload("Deployment", "ci-a-one", "x", "listener", pod_spec(AGENT))), COMMANDS),
        row(ONE, "the agent by the old field serviceAccount", create(workload("Deployment", "ci-a-one", "x", "support", { let mut it = pod_spec(AGENT); it["serviceAccount"] = it["serviceAccountName"].take(); it.as_object_mut().unwrap().remove("serviceAccountName"); it })), UNLABELLED),
        row(ONE, "turns support into an agent", at(DEPLOYMENTS, "ci-a-one", "support").patch(json!({ "spec": { "template": { "spec": { "serviceAccountName": AGENT } } } })), UNLABELLED),
        row(ONE, "what its successor froze", create(object("ConfigMap", "ci-a-two", "studioci-freeze")), FREEZE),
        row(ONE, "an ordinary Deployment that is labelled as a listener", create(workload("Deployment", "ci-a-one", "x", "listener", pod_spec("default"))), DECOY),
        row(ONE, "labels support as a listener", at(DEPLOYMENTS, "ci-a-one", "support").patch(labels(json!({ "studioci.dev/role": "listener" }))), DECOY),
        row(ONE, "labels the pods of support as a listener's", at(DEPLOYMENTS, "ci-a-one", "support").patch(json!({ "spec": { "template": { "metadata": { "labels": { "studioci.dev/role": "listener" } } } } })), DECOY),
        row(ONE, "a pod as the agent", create(workload("Pod", "ci-a-one", "x", "listener", pod_spec(AGENT))), AS_AGENT),
        row(ONE, "a probe as the agent", create(workload("Pod", "ci-a-one", "studioci-probe", "probe", pod_spec(AGENT))), AS_AGENT),
        row(ONE, "a token Secret for the agent", create(token_secret("ci-a-one", "x", AGENT)), TOKEN_SECRET),
        row(ONE, "turns a token Secret to the agent", at(SECRETS, "ci-a-one", "own").patch(annotations(json!({ "kubernetes.io/service-account.name": AGENT }))), TOKEN_SECRET),
        row(IMPOSTOR, "an agent by name alone: a namespace", create(namespace("ci-x-x", "a", &BASELINE)), Rbac),
        row(IMPOSTOR, "an agent by name alone, with an operator's rights: a pod", create(workload("Pod", "ci-plain", "x", "support", pod_spec("default"))), OWN_CHAIN),
    ];
    for kind in ["StatefulSet", "ReplicaSet", "DaemonSet", "ReplicationController", "Job", "CronJob"] {
        rows.push(row(ONE, format!("a {kind} as the agent, labelled as a listener"), create(workload(kind, "ci-a-one", "x", "listener", pod_spec(AGENT))), AS_AGENT));
    }
    rows
}

/// Adoption and disposal, in order: the newest agent of a chain finishes what an older one left, and deletes it.
#[rustfmt::skip]
pub(crate) fn janitor() -> Vec<Row> {
    let itself = rights::bind_predecessor(&there("ci-a-one", "a"), "ci-a-three", "", false);
    let mut rows = vec![row(THREE, "the newest agent deletes ci-a-one, unbound", at(NAMESPACES, "", "ci-a-one").dispose(), Rbac)];
    rows.extend(itself.into_iter().map(|object| row(THREE, "binds itself in ci-a-one", create(object), Allowed)));
    rows.extend([
        row(THREE, "adopts: reads the Job", at(JOBS, "ci-a-one", "studioci-build").get(), Allowed),
        row(THREE, "adopts: lists the pods", all(PODS, "ci-a-one", "").get(), Allowed),
        row(THREE, "adopts: lists the events", all(EVENTS, "ci-a-one", "").get(), Allowed),
        row(THREE, "adopts: suspends the Job", at(JOBS, "ci-a-one", "studioci-build").patch(json!({ "spec": { "suspend": true } })), Allowed),
        row(THREE, "adopts: deletes the Job", at(JOBS, "ci-a-one", "studioci-build").delete(), Allowed),
        row(THREE, "adopts: the listener to 0", at(DEPLOYMENTS, "ci-a-one", "build").patch(json!({ "spec": { "replicas": 0 } })), Allowed),
        row(THREE, "adopts: support to 0", at(STATEFUL_SETS, "ci-a-one", "support").patch(json!({ "spec": { "replicas": 0 } })), Allowed),
        row(THREE, "adopts: phase and verdict", at(NAMESPACES, "", "ci-a-one").patch(json!({ "metadata": { "labels": { "studioci.dev/phase": "Recorded", "studioci.dev/verdict": "Errored" }, "annotations": { "studioci.dev/verdict": "Errored" } } })), Allowed),
        row(THREE, "adopts: the history", at(CONFIG_MAPS, STUDIOCI, "history-a").patch(json!({ "data": { "1": "x" } })), Allowed),
        row(THREE, "adopts: frees the slot", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(json!({ "data": { "slots": "" } })), Allowed),
        row(THREE, "adopts nothing in another chain", create(owned(bind("ci-b-other", "ClusterRole/studioci-workspace", agent("ci-a-three")), "ci-a-three")), OWN_CHAIN),
        row(THREE, "disposes: of another one under that name", Ask::new("DELETE", "/api/v1/namespaces/ci-a-one", json!({ "preconditions": { "uid": "00000000-0000-4000-8000-000000000000" } })).dry(), super::ask::Wanted::Conflict),
        row(THREE, "disposes: says so", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/phase": "Disposing" }))), Allowed),
        row(THREE, "disposes of ci-a-one", at(NAMESPACES, "", "ci-a-one").dispose(), Allowed),
    ]);
    rows
}
