//! What people ask: bound to `studioci-user`, narrowed by an administrator, or by rights of another origin.

use serde_json::{Value, json};
use studioci::chain::kept_log;
use studioci::chain::rights::{self, BuildNamespace};
use studioci::chain::wire::{GENERATION, HOME as STUDIOCI, LENT, PREFIX as PREFIXED, TRUSTED_BUILD};
use studioci::cluster::resource::*;

use super::ask::Wanted::{Allowed, Missing, Rbac};
use super::ask::{Row, Who, all, at, create, row, token};
use super::objects::*;
use super::who::*;

/// `start`: what a person makes, in order.
pub(crate) fn start(who: Who, to: &str, chain: &str, security: &[(&str, &str)], trusted: bool) -> Vec<Row> {
    let there: BuildNamespace<'_> = there(to, chain);
    let own = |what: &str, object| row(who, format!("start {chain}: {what}"), create(object), Allowed);
    let mut rows = vec![
        own("the head", at_home("ConfigMap", &format!("chain-{chain}"), chain)),
        own("the record", at_home("ConfigMap", &format!("record-{chain}"), chain)),
        own("the history", at_home("ConfigMap", &format!("history-{chain}"), chain)),
        own("the Secret", at_home("Secret", &format!("chain-{chain}"), chain)),
        own("the seed", at_home("Secret", &format!("seed-{chain}"), chain)),
        own("the Role", chain_role(chain, trusted, security)),
    ];
    rows.extend(
        kept_log::ring(chain)
            .iter()
            .map(|name| own("a Secret for kept logs", at_home("Secret", name, chain))),
    );
    let namespace = namespace(to, chain, security);
    rows.push(own("the Namespace", if trusted { trusting(namespace) } else { namespace }));
    rows.push(own("oneself in it", rights::bind_person(&there, &who.to_string())));
    rows.extend(rights::of_agent(&there, trusted).into_iter().map(|object| own("its agent", object)));
    rows.push(own("a pull Secret", object("Secret", to, "pull")));
    rows.push(own("the listener", listener(to)));
    rows
}

/// A Role in home called `chain-x` with one rule.
fn chain_x(rule: Value) -> Value {
    role(STUDIOCI, "chain-x", [rule])
}

#[rustfmt::skip]
pub(crate) fn alice() -> Vec<Row> {
    let me = || user("alice");
    let workspace = "ClusterRole/studioci-workspace";
    vec![
        row(ALICE, "status: lists the chains' namespaces", all(NAMESPACES, "", "labelSelector=studioci.dev%2Fchain").get(), Allowed),
        row(ALICE, "status: lists listeners everywhere", all(DEPLOYMENTS, "", "labelSelector=studioci.dev%2Frole%3Dlistener").get(), Allowed),
        row(ALICE, "status: lists pods everywhere", all(PODS, "", "limit=1").get(), Allowed),
        row(ALICE, "reads a policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-agent").get(), Allowed),
        row(ALICE, "reads its binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-agent").get(), Allowed),
        row(ALICE, "reads which kinds the workspace covers", at(CLUSTER_ROLES, "", "studioci-workspace").get(), Allowed),
        row(ALICE, "annotates her own namespace", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/cause": "x" }))), Allowed),
        row(ALICE, "cancel: her build", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/cancel": "cancelled by hand" }))), Allowed),
        row(ALICE, "reads a Secret in her own namespace", at(SECRETS, "ci-a-one", "pull").get(), Allowed),
        row(ALICE, "lists the pods of her own namespace", all(PODS, "ci-a-one", "").get(), Allowed),
        row(ALICE, "logs: of a build that she did not make", at(PODS, "ci-a-two", "x/log").get(), Missing),
        row(ALICE, "logs: nothing but reading them", at(PODS, "ci-a-two", "x/log").delete(), Rbac),
        row(EVE, "logs: without any right", at(PODS, "ci-a-two", "x/log").get(), Rbac),
        row(ALICE, "start, configured: the record", at(CONFIG_MAPS, STUDIOCI, "record-a").patch(json!({ "data": { "x": "1" } })), Allowed),
        row(ALICE, "start, configured: the head", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(json!({ "data": { "x": "1" } })), Allowed),
        row(ALICE, "start, configured: the Secret", at(SECRETS, STUDIOCI, "chain-a").patch(json!({ "stringData": { "x": "1" } })), Allowed),
        row(ALICE, "start, configured: the Role", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": chain_role("a", false, &BASELINE)["rules"] })), Allowed),
        row(ALICE, "start, configured: a pull Secret", at(SECRETS, "ci-a-one", "pull").patch(json!({ "stringData": { "x": "1" } })), Allowed),
        row(ALICE, "scale: a listener's count", at(DEPLOYMENTS, "ci-b-other", "build/scale").patch(json!({ "spec": { "replicas": 0 } })), Allowed),
        row(ALICE, "changes Pod Security of her namespace: she holds every value", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": "privileged" }))).dry(), Allowed),
        row(ALICE, "reads a chain's Secret in home: people who share it trust each other", at(SECRETS, STUDIOCI, "chain-b").get(), Allowed),
        row(ALICE, "Role chain-x: the head and the history", create(chain_x(rule("configmaps", &["get", "patch"], &["chain-x", "history-x"]))).dry(), Allowed),
        row(ALICE, "Role chain-x: the record and home's settings", create(chain_x(rule("configmaps", &["get"], &["record-x", "studioci"]))).dry(), Allowed),
        row(ALICE, "Role chain-x: the Secret and the seed", create(chain_x(rule("secrets", &["get"], &["chain-x", "seed-x"]))).dry(), Allowed),
        row(ALICE, "Role chain-x: the kept logs", create(chain_x(rule("secrets", &["get", "patch"], &["log-x-0", "log-x-7"]))).dry(), Allowed),
        row(ALICE, "Role chain-x: the Secret, watched", create(chain_x(rule("secrets", &["get", "watch"], &["chain-x"]))).dry(), Allowed),

        row(ALICE, "lists all policies", all(VALIDATING_ADMISSION_POLICIES, "", "").get(), Rbac),
        row(ALICE, "deletes a policy", at(VALIDATING_ADMISSION_POLICIES, "", "studioci-rights").delete(), Rbac),
        row(ALICE, "deletes a policy's binding", at(VALIDATING_ADMISSION_POLICY_BINDINGS, "", "studioci-rights").delete(), Rbac),
        row(ALICE, "reads another ClusterRole", at(CLUSTER_ROLES, "", "cluster-admin").get(), Rbac),
        row(ALICE, "lists Secrets in kube-system", all(SECRETS, "kube-system", "").get(), Rbac),
        row(ALICE, "lists Secrets everywhere", all(SECRETS, "", "").get(), Rbac),
        row(ALICE, "lists Jobs everywhere", all(JOBS, "", "").get(), Rbac),
        row(ALICE, "reads a Secret of a build that she did not make", at(SECRETS, "ci-a-two", "pull").get(), Rbac),
        row(ALICE, "scales in a namespace of no chain", at(DEPLOYMENTS, "ci-plain", "build/scale").patch(json!({ "spec": { "replicas": 0 } })), Rbac),
        row(ALICE, "deletes a namespace of no chain", at(NAMESPACES, "", "ci-plain").delete(), Rbac),
        row(ALICE, "deletes kube-public", at(NAMESPACES, "", "kube-public").delete(), Rbac),
        row(ALICE, "deletes home", at(NAMESPACES, "", "studioci").delete(), Rbac),
        row(ALICE, "labels a namespace as a chain's", at(NAMESPACES, "", "ci-plain").patch(labels(json!({ "studioci.dev/chain": "a" }))), Rbac),
        row(ALICE, "execs into her own listener", at(PODS, "ci-a-one", "x/exec?command=id").get(), Rbac),
        row(ALICE, "asks for a token of her own agent", token("ci-a-one", AGENT, Value::Null), Rbac),
        row(ALICE, "binds herself cluster-wide to cluster-admin", create(bind_everywhere("cluster-admin", [me()])), Rbac),
        row(ALICE, "binds herself in her own namespace to cluster-admin", create(bind("ci-a-one", "ClusterRole/cluster-admin", me())), Rbac),

        row(ALICE, "binds herself to the workspace in kube-system", create(bind("kube-system", workspace, me())), WORKSPACE),
        row(ALICE, "binds herself to the workspace in home", create(bind(STUDIOCI, workspace, me())), WORKSPACE),
        row(ALICE, "binds herself to the workspace in a namespace of no chain", create(bind("ci-plain", workspace, me())), WORKSPACE),
        row(ALICE, "binds herself cluster-wide to the workspace", create(bind_everywhere("studioci-workspace", [me()])), WORKSPACE),
        row(ALICE, "binds herself cluster-wide to studioci-trusted", create(bind_everywhere("studioci-trusted", [me()])), WORKSPACE),
        row(ALICE, "binds studioci-trusted where the chain is not trusted", create(bind("ci-a-one", "ClusterRole/studioci-trusted", me())), WORKSPACE),
        row(ALICE, "binds herself cluster-wide to studioci-agent", create(bind_everywhere("studioci-agent", [me()])), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide that no Namespace owns", create(bind_everywhere("studioci-agent", [agent("ci-a-one")])), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide that another Namespace owns", create(owned(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ci-b-other")), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide by a binding that its Namespace waits for", create(held(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ownerReferences", json!([owner("ci-a-one", json!({ "blockOwnerDeletion": true }))]))), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide that its Namespace controls", create(held(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ownerReferences", json!([owner("ci-a-one", json!({ "controller": true }))]))), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide that two Namespaces own", create(held(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ownerReferences", json!([owner("ci-a-one", json!({})), owner("ci-b-other", json!({}))]))), ONE_AGENT),
        row(ALICE, "binds an agent cluster-wide for ever", create(held(owned(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ci-a-one"), "finalizers", finalizers())), ONE_AGENT),
        row(ALICE, "binds an agent in home for ever", create(held(owned(bind(STUDIOCI, "Role/chain-a", agent("ci-a-one")), "ci-a-one"), "finalizers", finalizers())), HOME),
        row(ALICE, "binds two cluster-wide as agents", create(owned(bind_everywhere("studioci-agent", [agent("ci-a-one"), me()]), "ci-a-one")), ONE_AGENT),
        row(ALICE, "binds studioci-agent inside kube-system", create(owned(bind("kube-system", "ClusterRole/studioci-agent", agent("ci-a-one")), "ci-a-one")), ONE_AGENT),
        row(ALICE, "makes somebody a user", create(bind_everywhere("studioci-user", [user("eve")])), USER),
        row(ALICE, "makes somebody a user in home", create(bind(STUDIOCI, "Role/studioci-user", user("eve"))), HOME),
        row(ALICE, "gives somebody a chain's Role in home", create(bind(STUDIOCI, "Role/chain-a", user("eve"))), HOME),
        row(ALICE, "lends an agent another chain's Role", create(owned(bind(STUDIOCI, "Role/chain-b", agent("ci-a-one")), "ci-a-one")), HOME),
        row(ALICE, "an agent by name alone, of a namespace elsewhere: what it is bound to nobody is", create(owned(named(bind(STUDIOCI, "Role/chain-b", account("ci-a-one", AGENT_B)), "studioci-agent.b:ci-a-one"), "ci-a-one")).dry(), Allowed),
        row(ALICE, "gives an agent a Role of an admin's in home", create(owned(bind(STUDIOCI, "Role/history-a", agent("ci-a-one")), "ci-a-one")), HOME),
        row(ALICE, "Role in home that is no chain's", create(role(STUDIOCI, "x", [rule("secrets", &["get"], &[])])), HOME),
        row(ALICE, "Role record-x in home", create(role(STUDIOCI, "record-x", [rule("configmaps", &["get"], &["chain-x"])])), HOME),
        row(ALICE, "Role history-x in home", create(role(STUDIOCI, "history-x", [rule("configmaps", &["get"], &["chain-x"])])), HOME),
        row(ALICE, "Role history-chain-x in home", create(role(STUDIOCI, "history-chain-x", [rule("configmaps", &["get"], &["chain-x"])])), HOME),
        row(ALICE, "Role chain in home", create(role(STUDIOCI, "chain", [rule("configmaps", &["get"], &["chain-x"])])), HOME),
        row(ALICE, "widens a chain's Role later", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": [rule("secrets", &["get"], &[])] })), CHAIN_ROLE),

        row(ALICE, "moves her namespace into another chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": "b" }))), SAME_CHAIN),
        row(ALICE, "takes her namespace out of its chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": null }))), SAME_CHAIN),
        row(ALICE, "changes the generation of her namespace", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ GENERATION: "7" }))), SAME_CHAIN),
        row(ALICE, "changes the chain's uuid on it", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/chain-uuid": "x" }))), SAME_CHAIN),
        row(ALICE, "changes the prefix on it", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ PREFIXED: "x" }))), SAME_CHAIN),
        row(ALICE, "changes what it says of what it is lent", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ LENT: "v1" }))), SAME_CHAIN),
        row(ALICE, "lets it say that webhooks add something", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/added": ADDED }))), SAME_CHAIN),
        row(ALICE, "labels her namespace: she may lend anything", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "team": "red" }))).dry(), Allowed),
        row(ALICE, "changes the owner of her namespace", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/owner": "x" }))), SAME_CHAIN),
        row(ALICE, "marks a running namespace as trusted", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ TRUSTED_BUILD: "true" }))), TRUSTING),
        row(ALICE, "a chain's namespace without an owner", create(without(namespace("ci-x-x", "a", &[]), "annotations", "studioci.dev/owner")), CLAIM),
        row(ALICE, "a chain's namespace without a generation", create(without(namespace("ci-x-x", "a", &[]), "annotations", GENERATION)), CLAIM),
        row(ALICE, "a chain's namespace that is not managed by studioci", create(without(namespace("ci-x-x", "a", &[]), "labels", "app.kubernetes.io/managed-by")), CLAIM),
        row(ALICE, "a namespace of no chain that claims to be ours", create(without(namespace("ci-x-x", "a", &[]), "labels", "studioci.dev/chain")), CLAIM),
    ]
}

/// What a chain's Role must not hold: it names its chain's own objects, whole, and no verb more than an agent needs.
pub(crate) fn chain_roles() -> Vec<Row> {
    let cases: [(&str, &[&str], &[&str]); 45] = [
        ("secrets", &["get", "patch"], &["log-x-8"]),
        ("secrets", &["get", "patch"], &["log-x"]),
        ("secrets", &["get", "patch"], &["log-b-0"]),
        ("secrets", &["get", "patch"], &["log-x-0", "log-b-0"]),
        ("secrets", &["get", "patch"], &["log-x-1-0"]),
        ("secrets", &["get", "patch", "delete"], &["log-x-0"]),
        ("configmaps", &["get", "patch"], &["log-x-0"]),
        ("studioci.dev:chains", &["use"], &["b"]),
        ("studioci.dev:chains", &["use"], &["x", "b"]),
        ("studioci.dev:chains", &["use"], &[]),
        ("secrets", &["get"], &[]),
        ("secrets", &["get"], &["chain-b"]),
        ("secrets", &["get"], &["seed-b"]),
        ("secrets", &["get"], &["seed-x", "seed-b"]),
        ("secrets", &["get", "patch"], &["seed-x"]),
        ("configmaps", &["get"], &["seed-x"]),
        ("secrets", &["get"], &["record-x"]),
        ("secrets", &["get"], &["history-x"]),
        ("secrets", &["get"], &["studioci"]),
        ("secrets", &["get", "patch"], &["chain-x"]),
        ("secrets", &["get", "watch"], &["seed-x"]),
        ("secrets", &["get", "watch"], &["chain-x", "seed-x"]),
        ("secrets", &["get", "watch"], &["chain-x", "chain-b"]),
        ("secrets", &["watch"], &["chain-b"]),
        ("secrets", &["watch"], &[]),
        ("secrets", &["get", "list"], &["chain-x"]),
        ("secrets", &["list", "watch"], &["chain-x"]),
        ("configmaps", &["get", "watch"], &["chain-x"]),
        ("configmaps", &["get", "patch"], &["record-x"]),
        ("configmaps", &["patch"], &["studioci"]),
        ("configmaps", &["get", "patch"], &["history-b"]),
        ("configmaps", &["get"], &["history-b"]),
        ("configmaps", &["get"], &["record-b"]),
        ("configmaps", &["get"], &["chain-b"]),
        ("configmaps", &["get"], &["record-chain-x"]),
        ("configmaps", &["get"], &["chain-history-x"]),
        ("configmaps", &["get"], &["history-x", "history-b"]),
        ("configmaps", &["delete"], &["chain-x"]),
        ("configmaps", &["update"], &["history-x"]),
        ("configmaps", &["list"], &["chain-x"]),
        ("configmaps", &["create"], &["chain-x"]),
        ("configmaps,secrets", &["get"], &["chain-x"]),
        ("pods", &["get"], &["chain-x"]),
        ("rbac.authorization.k8s.io:roles", &["get"], &["chain-x"]),
        ("rbac.authorization.k8s.io:rolebindings", &["create"], &["chain-x"]),
    ];
    let refused = |(resources, verbs, names): (&str, &[&str], &[&str])| {
        let what = format!("Role chain-x: {verbs:?} of {resources} {names:?}");
        row(ALICE, what, create(chain_x(rule(resources, verbs, names))), CHAIN_ROLE)
    };
    let unheld: [(&str, &[&str], &[&str]); 3] = [
        ("pods", &["delete"], &["chain-x"]),
        ("configmaps", &["*"], &["chain-x"]),
        ("configmaps/status", &["patch"], &["chain-x"]),
    ];
    let escalates = |(resources, verbs, names): (&str, &[&str], &[&str])| {
        let what = format!("Role chain-x: {verbs:?} of {resources} {names:?}, which she does not hold");
        // both RBAC's escalation check and the policy are against it
        row(ALICE, what, create(chain_x(rule(resources, verbs, names))), Rbac)
    };
    cases.into_iter().map(refused).chain(unheld.into_iter().map(escalates)).collect()
}

/// A bare claim: a chain label of its own, the same rules.
#[rustfmt::skip]
pub(crate) fn claim() -> Vec<Row> {
    vec![
        row(ALICE, "claim: the namespace", create(namespace("ci-c-claim", "claim", &[])), Allowed),
        row(ALICE, "claim: oneself in it", create(rights::bind_person(&there("ci-c-claim", "claim"), "alice")), Allowed),
        row(ALICE, "claim: whether it can be used", all(SERVICE_ACCOUNTS, "ci-c-claim", "").get(), Allowed),
        row(ALICE, "cleanup: the claim", at(NAMESPACES, "", "ci-c-claim").dispose(), Allowed),
    ]
}

/// The Role in home to which an administrator narrowed carol: one set of Pod Security labels, nothing lent, no trust.
pub(crate) fn carols_role() -> Value {
    let rules = [
        rule("studioci.dev:chains", &["use"], &[]),
        rule("studioci.dev:podsecurity", &["use"], &["restricted,latest,,,,"]),
        rule("studioci.dev:prefixes", &["use"], &[]),
        rule("studioci.dev:lent", &["use"], &["v1"]),
        rule("configmaps,secrets", &["get", "list", "watch", "create", "update", "patch", "delete"], &[]),
        rule(
            "rbac.authorization.k8s.io:roles,rolebindings",
            &["get", "list", "create", "update", "patch", "delete"],
            &[],
        ),
    ];
    role(STUDIOCI, "carol", rules)
}

/// And dave: one chain and what belongs to it. What is created has no name yet when RBAC is asked.
pub(crate) fn daves_role() -> Value {
    let rules = [
        rule("studioci.dev:chains", &["use"], &["d"]),
        rule("studioci.dev:podsecurity", &["use"], &[]),
        rule("studioci.dev:prefixes", &["use"], &[PREFIX]),
        rule("studioci.dev:lent", &["use"], &[]),
        rule("configmaps,secrets", &["create"], &[]),
        rule("configmaps", &["get", "update", "patch", "delete"], &["chain-d", "record-d", "history-d"]),
        rule("configmaps", &["get"], &["studioci"]),
        rule("secrets", &["get", "update", "patch", "delete"], &["chain-d", "seed-d"]),
        rule(
            "secrets",
            &["get", "update", "patch", "delete"],
            &["log-d-0", "log-d-1", "log-d-2", "log-d-3", "log-d-4", "log-d-5", "log-d-6", "log-d-7"],
        ),
        // held, so that it can be handed to the chain's agents
        rule("secrets", &["watch"], &["chain-d"]),
        rule("rbac.authorization.k8s.io:roles,rolebindings", &["create"], &[]),
        rule("rbac.authorization.k8s.io:roles", &["get", "update", "patch", "delete"], &["chain-d"]),
    ];
    role(STUDIOCI, "dave", rules)
}

#[rustfmt::skip]
pub(crate) fn narrowed() -> Vec<Row> {
    let role_of = |trusted, security: &[(&str, &str)]| chain_role("d", trusted, security);
    let under = |prefix: &str, name: &str| with(namespace(name, "d", &[]), "annotations", PREFIXED, prefix);
    let labelled = |lent: &str| with(with(namespace("ci-x-x", "d", &RESTRICTED), "labels", "team", "red"), "annotations", LENT, lent);
    vec![
        row(CAROL, "Role of a restricted chain", create(role_of(false, &RESTRICTED)).dry(), Allowed),
        row(CAROL, "namespace of a restricted chain", create(namespace("ci-x-x", "d", &RESTRICTED)).dry(), Allowed),
        row(CAROL, "Role of a chain without Pod Security labels", create(role_of(false, &[])), Rbac),
        row(CAROL, "Role of a chain whose builds are trusted", create(role_of(true, &RESTRICTED)), Rbac),
        row(CAROL, "namespace without Pod Security labels", create(namespace("ci-x-x", "d", &[])), CLAIM),
        row(CAROL, "namespace with weaker ones", create(namespace("ci-x-x", "d", &BASELINE)), CLAIM),
        row(CAROL, "namespace marked as trusted", create(trusting(namespace("ci-x-x", "d", &RESTRICTED))), TRUSTING),
        row(DAVE, "Role of his chain", create(role_of(false, &[])).dry(), Allowed),
        row(DAVE, "namespace of his chain", create(namespace("ci-x-x", "d", &[])).dry(), Allowed),
        row(DAVE, "namespace under a prefix that he may not use", create(under("other", "other-x-x")), NAMES),
        row(DAVE, "namespace that is not called after its prefix", create(under("ci", "kube-x-x")), NAMES),
        row(DAVE, "namespace of another shape of name", create(under("ci", "ci-x")), NAMES),
        row(DAVE, "namespace without a prefix", create(without(namespace("ci-x-x", "d", &[]), "annotations", PREFIXED)), NAMES),
        row(CAROL, "namespace that is lent what she may not lend", create(labelled("v1\nl:team=red")), LENDS),
        row(CAROL, "namespace with a label that it was not lent", create(labelled("v1")), LENDS),
        row(CAROL, "namespace that says nothing of it", create(without(namespace("ci-x-x", "d", &RESTRICTED), "annotations", LENT)), LENDS),
        row(DAVE, "namespace that is lent a label", create(with(with(namespace("ci-x-x", "d", &[]), "labels", "team", "red"), "annotations", LENT, "v1\nl:team=red")).dry(), Allowed),
        row(DAVE, "namespace with a key that a webhook adds", create(with(with(namespace("ci-x-x", "d", &[]), "labels", WEBHOOKS, "any"), "annotations", "studioci.dev/added", ADDED)).dry(), Allowed),
        row(DAVE, "namespace with a key that no webhook adds", create(with(with(namespace("ci-x-x", "d", &[]), "labels", "x", "any"), "annotations", "studioci.dev/added", "v1\nl:x")), LENDS),
        row(DAVE, "the record of his chain", create(at_home("ConfigMap", "record-d", "d")).dry(), Allowed),
        row(DAVE, "the seed of his chain", create(at_home("Secret", "seed-d", "d")).dry(), Allowed),
        row(DAVE, "the kept logs of his chain", create(at_home("Secret", "log-d-0", "d")).dry(), Allowed),
        row(DAVE, "kept logs of a chain whose name begins like his", create(at_home("Secret", "log-d-1-0", "d")), OF_CHAINS),
        row(DAVE, "kept logs beyond the ring", create(at_home("Secret", "log-d-8", "d")), OF_CHAINS),
        row(DAVE, "kept logs in a ConfigMap", create(at_home("ConfigMap", "log-d-0", "d")), OF_CHAINS),
        row(DAVE, "the record of a chain that is not begun yet", create(object("ConfigMap", STUDIOCI, "record-x")), OF_CHAINS),
        row(DAVE, "its head", create(object("ConfigMap", STUDIOCI, "chain-x")), OF_CHAINS),
        row(DAVE, "its history", create(object("ConfigMap", STUDIOCI, "history-x")), OF_CHAINS),
        row(DAVE, "its Secret", create(object("Secret", STUDIOCI, "chain-x")), OF_CHAINS),
        row(DAVE, "its seed", create(object("Secret", STUDIOCI, "seed-x")), OF_CHAINS),
        row(DAVE, "the head of a chain whose name ends with his", create(object("ConfigMap", STUDIOCI, "chain-record-d")), OF_CHAINS),
        row(DAVE, "a record that is a Secret", create(object("Secret", STUDIOCI, "record-d")), OF_CHAINS),
        row(DAVE, "a seed that is a ConfigMap", create(object("ConfigMap", STUDIOCI, "seed-d")), OF_CHAINS),
        row(DAVE, "a ConfigMap that is no chain's", create(object("ConfigMap", STUDIOCI, "x")), OF_CHAINS),
        row(DAVE, "a Secret that is no chain's", create(object("Secret", STUDIOCI, "x")), OF_CHAINS),
        row(ALICE, "changes home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").patch(json!({ "data": { "agentImage": "evil" } })), OF_CHAINS),
        row(ALICE, "deletes home's settings", at(CONFIG_MAPS, STUDIOCI, "studioci").delete(), OF_CHAINS),
        row(ALICE, "deletes home's ConfigMaps at once", all(CONFIG_MAPS, STUDIOCI, "labelSelector=!studioci.dev%2Fchain").delete().dry(), Rbac),
        row(ALICE, "a Secret of no chain", at(SECRETS, STUDIOCI, "other").delete(), OF_CHAINS),
        row(DAVE, "namespace of another chain", create(namespace("ci-x-x", "a", &[])), CLAIM),
        row(DAVE, "namespace of no start", create(namespace("ci-x-x", "claim", &[])), CLAIM),
        row(DAVE, "binds himself in another chain's namespace", create(bind("ci-a-one", "ClusterRole/studioci-workspace", user("dave"))), WORKSPACE),
        row(DAVE, "binds another chain's agent cluster-wide", create(owned(bind_everywhere("studioci-agent", [agent("ci-a-one")]), "ci-a-one")), ONE_AGENT),
        row(DAVE, "binds an agent under the name of another chain's binding", create(owned(named(bind_everywhere("studioci-agent", [account("ci-a-one", "studioci-agent.d")]), "studioci-agent.a:ci-a-one-x"), "ci-a-one")), ONE_AGENT),
        row(ALICE, "the same in home", create(owned(named(bind(STUDIOCI, "Role/chain-a", agent("ci-a-one")), "studioci-agent.b:ci-a-one"), "ci-a-one")), HOME),
        row(DAVE, "reads another chain's Secret", at(SECRETS, STUDIOCI, "chain-a").get(), Rbac),
        row(DAVE, "lists home's Secrets", all(SECRETS, STUDIOCI, "").get(), Rbac),
        row(DAVE, "changes another chain's head", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(json!({ "data": { "x": "y" } })), Rbac),
        row(DAVE, "Role of another chain", create(chain_role("x", false, &[])), Rbac),
        row(EVE, "bound to nothing: namespace of chain a", create(namespace("ci-x-x", "a", &[])), Rbac),
        row(EVE, "bound to nothing: reads home", at(CONFIG_MAPS, STUDIOCI, "studioci").get(), Rbac),
        row(BOB, "who may write any namespace by another role: a plain one", create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x" } })).dry(), Allowed),
        row(BOB, "labels a plain namespace", at(NAMESPACES, "", "ci-plain").patch(labels(json!({ "team": "x" }))), Allowed),
        row(BOB, "labels a chain's namespace", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "team": "x" }))), Allowed),
        row(BOB, "a label syncer tightens Pod Security of a chain that is not his", at(NAMESPACES, "", "ci-b-other").patch(labels(json!({ "pod-security.kubernetes.io/warn": "baseline" }))).dry(), Allowed),
        row(BOB, "deletes a plain namespace", at(NAMESPACES, "", "ci-plain").delete().dry(), Allowed),
        row(BOB, "makes a namespace of chain a", create(namespace("ci-x-x", "a", &[])), CLAIM),
        row(BOB, "makes a namespace that is marked as trusted", create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x", "annotations": { TRUSTED_BUILD: "true" } } })), CLAIM),
        row(BOB, "makes a namespace of a chain without a name", create(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "ci-x-x", "labels": { "studioci.dev/chain": "" } } })), CLAIM),
        row(BOB, "labels a plain namespace so", at(NAMESPACES, "", "ci-plain").patch(labels(json!({ "studioci.dev/chain": "" }))), SAME_CHAIN),
        row(BOB, "labels a plain namespace as chain a's by its status", at(NAMESPACES, "", "ci-plain/status").patch(labels(json!({ "studioci.dev/chain": "a" }))), SAME_CHAIN),
        row(BOB, "takes ci-a-one out of its chain by its status", at(NAMESPACES, "", "ci-a-one/status").patch(labels(json!({ "studioci.dev/chain": null }))), SAME_CHAIN),
        row(BOB, "moves it by finalizing it", finalized(namespace("ci-a-one", "b", &BASELINE)), SAME_CHAIN),
        row(BOB, "labels a plain namespace as chain a's", at(NAMESPACES, "", "ci-plain").patch(labels(json!({ "studioci.dev/chain": "a" }))), SAME_CHAIN),
        row(BOB, "takes ci-a-one out of its chain", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "studioci.dev/chain": null }))), SAME_CHAIN),
        row(ADMIN, "an admin is let off: changes a chain label", at(NAMESPACES, "", "ci-b-other").patch(labels(json!({ "studioci.dev/chain": "c" }))).dry(), Allowed),
        row(ADMIN, "an admin is let off: makes somebody a user", create(bind_everywhere("studioci-user", [user("eve")])).dry(), Allowed),
    ]
}

/// The rights in home of an account that renews a login of chain `a`, as `docs/rotating-logins.md` has it, and of one that
/// lacks the right to use the chain.
pub(crate) fn renewing_roles() -> [Value; 2] {
    let writes = || rule("secrets", &["get", "patch"], &["chain-a"]);
    [
        role(STUDIOCI, "renewer", [writes(), rule("studioci.dev:chains", &["use"], &["a"])]),
        role(STUDIOCI, "stranger", [writes()]),
    ]
}

/// Who renews a login writes the one Secret of the one chain, and does nothing else.
#[rustfmt::skip]
pub(crate) fn renewing() -> Vec<Row> {
    let value = || json!({ "stringData": { "LOGIN": "x" } });
    vec![
        row(RENEWER, "writes a value into its chain's Secret", at(SECRETS, STUDIOCI, "chain-a").patch(value()), Allowed),
        row(STRANGER, "writes one there, and may not use the chain", at(SECRETS, STUDIOCI, "chain-a").patch(value()), OF_CHAINS),
        row(RENEWER, "writes one into another chain's", at(SECRETS, STUDIOCI, "chain-b").patch(value()), Rbac),
        row(RENEWER, "writes the chain's seed", at(SECRETS, STUDIOCI, "seed-a").patch(value()), Rbac),
        row(RENEWER, "reads the chain's seed", at(SECRETS, STUDIOCI, "seed-a").get(), Rbac),
        row(RENEWER, "replaces the Secret", at(SECRETS, STUDIOCI, "chain-a").delete(), Rbac),
        row(RENEWER, "lists home's Secrets", all(SECRETS, STUDIOCI, "").get(), Rbac),
        row(RENEWER, "changes the head", at(CONFIG_MAPS, STUDIOCI, "chain-a").patch(json!({ "data": { "x": "y" } })), Rbac),
        row(RENEWER, "changes the record", at(CONFIG_MAPS, STUDIOCI, "record-a").patch(json!({ "data": { "x": "y" } })), Rbac),
        row(RENEWER, "widens the chain's Role", at(ROLES, STUDIOCI, "chain-a").patch(json!({ "rules": [] })), Rbac),
        row(RENEWER, "makes a namespace of the chain", create(namespace("ci-x-x", "a", &BASELINE)), Rbac),
        row(RENEWER, "binds itself in one", create(bind("ci-a-one", "ClusterRole/studioci-workspace", account("ci-plain", "renewer"))), Rbac),
        row(RENEWER, "reads the pull Secret of one", at(SECRETS, "ci-a-one", "pull").get(), Rbac),
    ]
}

/// Rows that need carol bound where her labels do not hold.
#[rustfmt::skip]
pub(crate) fn narrowed_in_a_namespace() -> Vec<Row> {
    vec![
        row(CAROL, "binds herself in a namespace of a chain that she may use", create(rights::bind_person(&there("ci-a-one", "a"), "carol")), Allowed),
        row(CAROL, "loosens it", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": "privileged" }))), POD_SECURITY),
        row(CAROL, "labels it otherwise", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "team": "red" }))), KEEPS),
        row(CAROL, "gives it a label more", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "istio-injection": "disabled" }))), KEEPS),
        row(CAROL, "annotates it", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "scheduler.alpha.kubernetes.io/node-selector": "x=y" }))), KEEPS),
        row(CAROL, "says on it what its build came to", at(NAMESPACES, "", "ci-a-one").patch(annotations(json!({ "studioci.dev/cause": "x" }))), Allowed),
        row(CAROL, "takes its labels away", at(NAMESPACES, "", "ci-a-one").patch(labels(json!({ "pod-security.kubernetes.io/enforce": null }))), POD_SECURITY),
    ]
}

/// `stop` and `cleanup`, once an agent has disposed of the first build of chain `a`.
#[rustfmt::skip]
pub(crate) fn tidying() -> Vec<Row> {
    let mut rows = vec![
        row(ALICE, "cleanup: a build that she did not make, unbound", at(NAMESPACES, "", "ci-a-two").dispose(), Rbac),
        row(ALICE, "cleanup: oneself in it", create(rights::bind_person(&there("ci-a-two", "a"), "alice")), Allowed),
        row(ALICE, "cleanup: says so on it", at(NAMESPACES, "", "ci-a-two").patch(labels(json!({ "studioci.dev/phase": "Disposing" }))), Allowed),
        row(ALICE, "cleanup: deletes it", at(NAMESPACES, "", "ci-a-two").dispose(), Allowed),
        row(ALICE, "cleanup: one that she started", at(NAMESPACES, "", "ci-b-other").dispose(), Allowed),
        row(ALICE, "cleanup: oneself in a trusted one", create(rights::bind_person(&there("ci-t-next", "t"), "alice")), Allowed),
        row(ALICE, "cleanup: deletes it", at(NAMESPACES, "", "ci-t-next").dispose(), Allowed),
        row(ALICE, "cleanup: the trusted one that she started", at(NAMESPACES, "", "ci-t-trust").dispose(), Allowed),
    ];
    for chain in ["a", "b", "t"] {
        let head = format!("chain-{chain}");
        rows.push(row(ALICE, format!("stop {chain}: the head says so"), at(CONFIG_MAPS, STUDIOCI, &head).patch(json!({ "data": { "ended": "x" } })), Allowed));
        rows.push(row(ALICE, format!("stop {chain}: the Role"), at(ROLES, STUDIOCI, &head).delete(), Allowed));
        rows.push(row(ALICE, format!("stop {chain}: the Secret"), at(SECRETS, STUDIOCI, &head).delete(), Allowed));
        rows.push(row(ALICE, format!("stop {chain}: the seed"), at(SECRETS, STUDIOCI, &format!("seed-{chain}")).delete(), Allowed));
        for name in kept_log::ring(chain) {
            rows.push(row(ALICE, format!("stop {chain}: Secret {name}"), at(SECRETS, STUDIOCI, &name).delete(), Allowed));
        }
        for name in [head, format!("record-{chain}"), format!("history-{chain}")] {
            rows.push(row(ALICE, format!("stop {chain}: ConfigMap {name}"), at(CONFIG_MAPS, STUDIOCI, &name).delete(), Allowed));
        }
    }
    rows
}
