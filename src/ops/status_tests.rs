//! What `status` reads of a cluster that was edited by hand, and of one that lacks what it should have.

use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::chain::names;
use crate::cluster::scripted::{Reply, Scripted};

const CHAIN: &str = "0c8b2d4e-0000-4000-8000-000000000001";

/// A Namespace of a build, as an agent leaves it.
fn namespace(name: &str, generation: u64) -> Value {
    let owner = names::owner(Uuid::parse_str(CHAIN).unwrap(), generation).to_string();
    json!({ "metadata": {
        "name": name, "uid": format!("uid-{name}"), "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: "Listening" },
        "annotations": { wire::CHAIN_UUID: CHAIN, wire::OWNER: owner, wire::GENERATION: generation.to_string() },
    } })
}

/// What a cluster answers.
#[derive(Default)]
struct Answers {
    namespaces: Vec<Value>,
    pods: Vec<Value>,
    listeners: Vec<Value>,
    keel: Vec<Value>,
    /// Path suffixes that are not there, and those that may not be read.
    missing: Vec<&'static str>,
    forbidden: Vec<&'static str>,
}

async fn seen(answers: Answers) -> (Seen, Vec<String>) {
    let (cluster, record) = Scripted::serve(move |request| {
        let path = request.path.as_str();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| path.ends_with(suffix));
        if ends(&answers.forbidden) {
            return Reply::Status(403, "Forbidden", "nobody may");
        }
        if ends(&answers.missing) {
            return Reply::Status(404, "NotFound", "not found");
        }
        let list = |items: &[Value]| Reply::Json(200, json!({ "metadata": {}, "items": items }));
        match path {
            "/api/v1/namespaces" => list(&answers.namespaces),
            "/api/v1/pods" => list(&answers.pods),
            "/apis/apps/v1/deployments" if request.query.contains("app%3Dkeel") => list(&answers.keel),
            "/apis/apps/v1/deployments" => list(&answers.listeners),
            _ => Reply::Json(200, json!({ "metadata": { "name": "x" } })),
        }
    });
    (status(&cluster).await.unwrap(), record.asked())
}

fn listener(namespace: &str) -> Value {
    json!({ "metadata": { "namespace": namespace, "name": "build", "annotations": { "keel.sh/policy": "all" } },
        "spec": { "replicas": 1 } })
}

#[tokio::test(start_paused = true)]
async fn a_cluster_in_good_order_is_asked_little_and_nothing_is_said() {
    let answers = Answers {
        namespaces: vec![namespace("ci-a", 1)],
        listeners: vec![listener("ci-a")],
        keel: vec![json!({ "metadata": { "name": "keel" }, "status": { "readyReplicas": 1 } })],
        ..Answers::default()
    };
    let (seen, asked) = seen(answers).await;
    assert_eq!((seen.builds.len(), seen.notices.len()), (1, 0), "{:?}", seen.notices);
    assert_eq!(seen.signs["ci-a"], Signs::default());
    assert_eq!(asked.len(), 12, "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn state_that_was_edited_by_hand_is_a_finding_each() {
    let edited = |name: &str, generation, edit: fn(&mut Value)| {
        let mut namespace = namespace(name, generation);
        edit(&mut namespace["metadata"]);
        namespace
    };
    let namespaces = vec![
        namespace("ci-good", 1),
        edited("ci-phase", 2, |meta| meta["labels"][wire::PHASE] = json!("Dreaming")),
        edited("ci-bare", 3, |meta| meta["annotations"] = json!({ wire::CHAIN_UUID: CHAIN })),
        edited("ci-label", 4, |meta| meta["labels"][wire::PHASE] = Value::Null),
    ];
    let labels = |namespace: &mut Value| namespace["metadata"]["labels"][wire::PHASE] == Value::Null;
    let namespaces = namespaces
        .into_iter()
        .map(|mut namespace| {
            if labels(&mut namespace) {
                namespace["metadata"]["labels"].as_object_mut().unwrap().remove(wire::PHASE);
            }
            namespace
        })
        .collect();
    let (seen, _) = seen(Answers { namespaces, ..Answers::default() }).await;
    insta::assert_snapshot!(seen.notices.join("\n"), @r#"
        namespace ci-phase: studioci.dev/phase "Dreaming" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace ci-phase studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        namespace ci-bare has no studioci.dev/generation; it was edited by hand: restore it (kubectl annotate --overwrite namespace ci-bare studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        namespace ci-label has no studioci.dev/phase; it was edited by hand: restore it (kubectl label --overwrite namespace ci-label studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        "#);
    let builds: Vec<&str> = seen.builds.iter().map(|build| build.namespace.as_str()).collect();
    assert_eq!(builds, ["ci-good"]);
    let unreadable: Vec<&String> = seen.unreadable.keys().collect();
    assert_eq!(unreadable, ["ci-bare", "ci-label", "ci-phase"]);

    let mut seen = seen;
    let named = |seen: &mut Seen, name: &str| match choose(seen, name) {
        Err(Error::Unready { what, remedy } | Error::Usage { what, remedy }) => format!("{what}\n{remedy}"),
        other => panic!("{other:?}"),
    };
    insta::assert_snapshot!(named(&mut seen, "ci-phase"), @r#"
        namespace ci-phase: studioci.dev/phase "Dreaming" cannot be read
        it was edited by hand: restore it (kubectl label --overwrite namespace ci-phase studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        "#);
    insta::assert_snapshot!(named(&mut seen, "nobody"), @r#"
        there is no chain and no build called "nobody"
        chains here: app
        "#);
}

#[tokio::test(start_paused = true)]
async fn what_the_cluster_lacks_is_said_as_far_as_it_may_be_read() {
    let keel = |ready: u32| {
        vec![
            json!({ "metadata": { "name": "keel", "namespace": "keel" }, "status": { "readyReplicas": ready } }),
        ]
    };
    let one = || vec![namespace("ci-a", 1)];
    let binding = "bindings/studioci-rights";
    let (all, _) = seen(Answers {
        namespaces: one(),
        listeners: vec![listener("ci-a")],
        keel: keel(0),
        missing: vec![binding, "policies/studioci-agent"],
        ..Answers::default()
    })
    .await;
    insta::assert_snapshot!(all.notices.join("\n"), @"
        builds are not confined: validatingadmissionpolicy.admissionregistration.k8s.io/studioci-agent, validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        Keel is not running: deployment.apps/keel in namespace keel has no ready pod, and nothing moves a listener until it has one
        ");
    // who may not look is told nothing of it
    let (none, _) = seen(Answers {
        namespaces: one(),
        listeners: vec![listener("ci-a")],
        keel: keel(1),
        forbidden: vec![binding, "policies/studioci-agent"],
        ..Answers::default()
    })
    .await;
    assert_eq!(none.notices, Vec::<String>::new());
    // nothing listens, so nothing waits for Keel
    let (none, _) = seen(Answers { keel: keel(0), ..Answers::default() }).await;
    assert_eq!(none.notices, Vec::<String>::new());
    let (some, _) =
        seen(Answers { namespaces: one(), forbidden: vec!["/pods", "/deployments"], ..Answers::default() })
            .await;
    insta::assert_snapshot!(some.notices.join("\n"), @"
        pods cannot be listed, so trouble with them is not shown: list of pods: nobody may
        listeners cannot be listed, so trouble with them is not shown: list of deployments.apps: nobody may
        ");
    assert_eq!(some.signs["ci-a"], Signs::default(), "an agent whose listener cannot be read is not gone");
}

#[tokio::test(start_paused = true)]
async fn what_holds_a_terminating_namespace() {
    let mut leaving = namespace("ci-a", 1);
    leaving["metadata"]["deletionTimestamp"] = json!("2026-11-25T10:00:00Z");
    leaving["status"] = json!({ "phase": "Terminating", "conditions": [
        { "type": "NamespaceDeletionDiscoveryFailure", "status": "False", "message": "All resources successfully discovered" },
        { "type": "NamespaceContentRemaining", "status": "True",
          "message": "Some resources are remaining: configmaps. has 1 resource instances" },
        { "type": "NamespaceFinalizersRemaining", "status": "True",
          "message": "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances" },
    ] });
    let (seen, _) = seen(Answers { namespaces: vec![leaving], ..Answers::default() }).await;
    insta::assert_snapshot!(seen.signs["ci-a"].trouble.as_deref().unwrap(), @"
        being deleted: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances
        ");
}

#[tokio::test(start_paused = true)]
async fn a_listeners_namespace_that_is_gone_is_told_where_it_is_missed() {
    let mut last = namespace("ci-a", 1);
    let annotations = &mut last["metadata"]["annotations"];
    (annotations[wire::SUCCESSOR], annotations[wire::DISPATCH]) = (json!("ci-b"), json!("done"));
    last["metadata"]["labels"][wire::PHASE] = json!("Finished");
    let (seen, _) = seen(Answers { namespaces: vec![last], ..Answers::default() }).await;
    insta::assert_snapshot!(seen.signs["ci-a"].trouble.as_deref().unwrap(), @"
        the chain has no listener any more: namespace ci-b is gone, or its labels are
        ");
}
