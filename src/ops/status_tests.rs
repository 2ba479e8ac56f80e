//! What `status` reads of a cluster that was edited by hand, and of one that lacks what it should have.

use serde_json::{Value, json};
use testkit::{Reply, Scripted};
use uuid::Uuid;

use super::*;
use crate::chain::head::Head;
use crate::chain::names;

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
    events: Vec<Value>,
    /// Heads in home, where they are others than those that know each namespace.
    heads: Option<Vec<Value>>,
    /// The same as the server's cache has them, where that is behind.
    stale_heads: Option<Vec<Value>>,
    /// Path suffixes that are not there, and those that may not be read.
    missing: Vec<&'static str>,
    forbidden: Vec<&'static str>,
}

/// A server that gives these answers, as far as they are selected.
fn serve(answers: Answers) -> (Cluster, Scripted) {
    Cluster::scripted(move |request| {
        let path = request.path.as_str();
        let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| path.ends_with(suffix));
        if ends(&answers.forbidden) {
            // as the server says it of home, where no policy has anything to say
            let rbac = "configmaps is forbidden: User \"alice\" cannot list resource \"configmaps\" in API group \"\" in the \
                        namespace \"studioci\"";
            let why = if path.contains("/configmaps") { rbac } else { "nobody may" };
            return Reply::Status(403, "Forbidden", why);
        }
        if ends(&answers.missing) {
            return Reply::Status(404, "NotFound", "not found");
        }
        let place = path.split_once("/namespaces/").and_then(|(_, rest)| rest.split_once('/'));
        let all = |items: &[Value]| Reply::Json(200, json!({ "metadata": {}, "items": items }));
        let heads = |stale: bool| {
            let given = answers.stale_heads.as_ref().filter(|_| stale).or(answers.heads.as_ref());
            given.cloned().unwrap_or_else(|| Head::objects_of(&answers.namespaces))
        };
        let list = |items: &[Value]| {
            let here =
                |object: &&Value| place.is_none_or(|(name, _)| object["metadata"]["namespace"] == name);
            let items: Vec<&Value> = items.iter().filter(here).filter(|it| request.selects(it)).collect();
            Reply::Json(200, json!({ "metadata": {}, "items": items }))
        };
        if let Some((_, name)) = path.split_once("/namespaces/studioci/configmaps/") {
            let found = heads(false).into_iter().find(|head| head["metadata"]["name"] == name);
            return found.map_or(Reply::Status(404, "NotFound", "x"), |head| Reply::Json(200, head));
        }
        match path.rsplit('/').next().unwrap() {
            "configmaps" => list(&heads(request.query.contains("resourceVersion=0"))),
            "namespaces" => list(&answers.namespaces),
            "pods" => list(&answers.pods),
            "deployments" if request.selector("labelSelector") == KEEL => all(&answers.keel),
            "deployments" => list(&answers.listeners),
            "events" => all(&answers.events),
            _ => Reply::Json(200, json!({ "metadata": { "name": "x" } })),
        }
    })
}

async fn seen(answers: Answers) -> (Overview, Vec<String>) {
    let (cluster, record) = serve(answers);
    (status(&cluster, WantedBuilds::default()).await.unwrap(), record.asked())
}

fn listener(namespace: &str) -> Value {
    let labels = json!({ wire::CHAIN: "app", wire::ROLE: "listener" });
    let annotations = json!({ "keel.sh/policy": "all" });
    json!({ "metadata": { "namespace": namespace, "name": "build", "labels": labels, "annotations": annotations },
        "spec": { "replicas": 1, "template": { "spec": { "serviceAccountName": "studioci-agent.app" } } } })
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
    assert_eq!((seen.builds.len(), seen.warnings(None).len()), (1, 0), "{:?}", seen.warnings(None));
    assert_eq!(seen.signs["ci-a"], Signs::default());
    assert_eq!(asked.len(), 13, "{asked:?}");
}

fn wanted(name: &str) -> WantedBuilds<'_> {
    WantedBuilds { name: Some(name), ..WantedBuilds::default() }
}

#[tokio::test(start_paused = true)]
async fn of_a_chain_its_builds_alone_are_asked_for_and_of_one_that_is_not_there_nothing_else() {
    let of = |name: &str, chain: &str| {
        let mut it = namespace(name, 1);
        it["metadata"]["labels"][wire::CHAIN] = json!(chain);
        it
    };
    let namespaces = || vec![of("ci-a", "app"), of("ci-b", "other"), of("app", "named-like-it")];
    let (cluster, record) = serve(Answers { namespaces: namespaces(), ..Answers::default() });
    let seen = of_chain(&cluster, wanted("app")).await.unwrap().unwrap();
    assert_eq!(seen.builds.iter().map(|build| build.namespace.as_str()).collect::<Vec<_>>(), ["ci-a"]);
    let lists = record.seen();
    let lists: Vec<_> = lists.iter().filter(|it| !it.selector("labelSelector").is_empty()).collect();
    assert_eq!(lists.len(), 4, "{:?}", record.asked());
    for list in lists {
        let select = list.selector("labelSelector");
        assert!(select.ends_with("studioci.dev/chain=app") || select == KEEL, "{select}");
    }
    for chain in ["app-gone", "no such/label"] {
        let (cluster, record) = serve(Answers { namespaces: namespaces(), ..Answers::default() });
        assert!(of_chain(&cluster, wanted(chain)).await.unwrap().is_none());
        assert_eq!(record.count(), usize::from(chain == "app-gone"), "{:?}", record.asked());
    }
    // what cannot be read is there
    let mut edited = of("ci-a", "app");
    edited["metadata"]["labels"][wire::PHASE] = json!("Dreaming");
    let (cluster, _) = serve(Answers { namespaces: vec![edited], ..Answers::default() });
    let seen = of_chain(&cluster, wanted("app")).await.unwrap().unwrap();
    assert_eq!((seen.builds.len(), seen.warnings(None).len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn state_that_was_edited_by_hand_is_a_finding() {
    let edited = |name: &str, generation, edit: fn(&mut Value)| {
        let mut namespace = namespace(name, generation);
        edit(&mut namespace["metadata"]);
        namespace
    };
    let heads = Head::objects_of(&[
        namespace("ci-good", 1),
        namespace("ci-phase", 2),
        namespace("ci-bare", 3),
        namespace("ci-label", 4),
    ]);
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
    let (seen, _) = seen(Answers { namespaces, heads: Some(heads), ..Answers::default() }).await;
    insta::assert_snapshot!(seen.warnings(None).join("\n"), @r#"
        namespace ci-phase: studioci.dev/phase "Dreaming" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace ci-phase studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        namespace ci-bare has no studioci.dev/generation; it was edited by hand: restore it (kubectl annotate --overwrite namespace ci-bare studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        namespace ci-label has no studioci.dev/phase; it was edited by hand: restore it (kubectl label --overwrite namespace ci-label studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        "#);
    let builds: Vec<&str> = seen.builds.iter().map(|build| build.namespace.as_str()).collect();
    assert_eq!(builds, ["ci-good"]);
    let unreadable: Vec<&String> = seen.unreadable.keys().collect();
    assert_eq!(unreadable, ["ci-bare", "ci-label", "ci-phase"]);

    let mut seen = seen;
    let named = |seen: &mut Overview, name: &str| match choose(seen, name) {
        Err(error) => format!("{error}\n{}", error.said().1),
        Ok(done) => panic!("{done:?}"),
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
async fn warnings_concern_what_was_asked_for_and_many_of_a_kind_are_one_line() {
    let mut namespaces = vec![namespace("ci-good", 1)];
    let mut settled = namespaces.clone();
    for number in 0..1000 {
        let mut odd = namespace(&format!("ci-{number:04}"), 2 + number);
        odd["metadata"]["labels"][wire::CHAIN] = json!(if number < 64 { "one" } else { "two" });
        settled.push(odd.clone());
        match number % 3 {
            0 => {}
            1 => odd["metadata"]["labels"][wire::PHASE] = json!("Dreaming\nerror: forged"),
            _ => drop(odd["metadata"]["annotations"].as_object_mut().unwrap().remove(wire::GENERATION)),
        }
        namespaces.push(odd);
    }
    let mut pair = vec![namespace("ci-a", 3), namespace("ci-b", 4), namespace("ci-c", 5)];
    for odd in &mut pair {
        odd["metadata"]["labels"][wire::CHAIN] = json!("three");
        settled.push(odd.clone());
        odd["metadata"]["annotations"][wire::GENERATION] = json!("many");
    }
    namespaces.extend(pair);
    let keel = vec![json!({ "metadata": { "name": "keel", "namespace": "keel" } })];
    let heads = Some(Head::objects_of(&settled));
    let missing = vec!["bindings/studioci-rights"];
    let (seen, _) = seen(Answers { namespaces, keel, heads, missing, ..Answers::default() }).await;
    let said = |name: Option<&str>| seen.warnings(name).join("\n");
    insta::assert_snapshot!(said(None), @r#"
        3 namespaces have a studioci.dev/generation that cannot be read (ci-a, ci-b, ci-c); they were edited by hand: restore it (kubectl annotate --overwrite namespace NAME studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        333 namespaces have a studioci.dev/phase that cannot be read (such as ci-0001, ci-0004, ci-0007); they were edited by hand: restore it (kubectl label --overwrite namespace NAME studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        333 namespaces have no studioci.dev/generation (such as ci-0002, ci-0005, ci-0008); they were edited by hand: restore it (kubectl annotate --overwrite namespace NAME studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        Keel is not running: deployment.apps/keel in namespace keel has no ready pod, and nothing moves a listener until it has one
        "#);
    insta::assert_snapshot!(said(Some("one")), @r#"
        21 namespaces have a studioci.dev/phase that cannot be read (such as ci-0001, ci-0004, ci-0007); they were edited by hand: restore it (kubectl label --overwrite namespace NAME studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        21 namespaces have no studioci.dev/generation (such as ci-0002, ci-0005, ci-0008); they were edited by hand: restore it (kubectl annotate --overwrite namespace NAME studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        Keel is not running: deployment.apps/keel in namespace keel has no ready pod, and nothing moves a listener until it has one
        "#);
    insta::assert_snapshot!(said(Some("three")), @r#"
        3 namespaces have a studioci.dev/generation that cannot be read (ci-a, ci-b, ci-c); they were edited by hand: restore it (kubectl annotate --overwrite namespace NAME studioci.dev/generation=…); until then nothing is done there, and nothing deleted
        builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        "#);
    insta::assert_snapshot!(said(Some("ci-0001")), @r#"
        namespace ci-0001: studioci.dev/phase "Dreaming\nerror: forged" cannot be read; it was edited by hand: restore it (kubectl label --overwrite namespace ci-0001 studioci.dev/phase=…); until then nothing is done there, and nothing deleted
        builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        "#);
    insta::assert_snapshot!(said(Some("app")), @r#"
        builds are not confined: validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing; an administrator runs kubectl studioci setup
        Keel is not running: deployment.apps/keel in namespace keel has no ready pod, and nothing moves a listener until it has one
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
    insta::assert_snapshot!(all.warnings(None).join("\n"), @"
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
    assert_eq!(none.warnings(None), Vec::<String>::new());
    // nothing listens, so nothing waits for Keel
    let (none, _) = seen(Answers { keel: keel(0), ..Answers::default() }).await;
    assert_eq!(none.warnings(None), Vec::<String>::new());
    let (some, _) =
        seen(Answers { namespaces: one(), forbidden: vec!["/pods", "/deployments"], ..Answers::default() })
            .await;
    insta::assert_snapshot!(some.warnings(None).join("\n"), @"
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

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_awaited_says_how_far_it_is() {
    let claimed = || {
        let mut claimed = namespace("ci-b", 2);
        claimed["metadata"]["labels"][wire::PHASE] = json!("Claimed");
        claimed["metadata"]["annotations"][wire::PARENT] = json!("ci-a");
        claimed
    };
    let mut dispatching = namespace("ci-a", 1);
    dispatching["metadata"]["labels"][wire::PHASE] = json!("Building");
    dispatching["metadata"]["annotations"][wire::DISPATCH_ERROR] = json!("no default ServiceAccount");
    // who is to create it says what it waits for
    let awaited = Answers {
        namespaces: vec![dispatching, claimed()],
        listeners: vec![listener("ci-a")],
        ..Answers::default()
    };
    let (seen_by_parent, _) = seen(awaited).await;
    assert_eq!(seen_by_parent.signs["ci-b"].standing.as_deref(), Some("no default ServiceAccount"));

    let labels = json!({ wire::CHAIN: "app", wire::ROLE: "listener" });
    let pod = json!({ "metadata": { "namespace": "ci-b", "name": "build-x", "uid": "u", "labels": labels },
        "spec": { "serviceAccountName": "studioci-agent.app", "containers": [{ "name": "build", "image": "r/a:1" }] },
        "status": { "phase": "Pending", "containerStatuses": [
            { "name": "build", "state": { "waiting": { "reason": "ContainerCreating" } } },
        ] } });
    let event = json!({ "metadata": { "name": "e" }, "type": "Warning", "reason": "FailedCreatePodSandBox",
        "message": "no network", "involvedObject": { "kind": "Pod", "name": "build-x", "uid": "u" } });
    let coming = "pod build-x comes up: container build waits: ContainerCreating";
    let warned = format!("{coming}; last warning, of Pod build-x: FailedCreatePodSandBox: no network");
    for (forbidden, want) in [(vec![], warned.as_str()), (vec!["/events"], coming)] {
        let awaited = Answers {
            namespaces: vec![claimed()],
            pods: vec![pod.clone()],
            listeners: vec![listener("ci-b")],
            events: vec![event.clone()],
            forbidden,
            ..Answers::default()
        };
        let (seen, asked) = seen(awaited).await;
        assert_eq!(seen.signs["ci-b"].standing.as_deref(), Some(want));
        let events: Vec<&String> = asked.iter().filter(|asked| asked.contains("/events")).collect();
        assert_eq!(events.len(), 1, "of that pod alone: {events:?}");
    }
}

/// What a build may make: a Deployment at rest and a pod that cannot be pulled, labelled like the listener's and sorted
/// before it.
fn decoys(namespace: &str) -> (Value, Value) {
    let labels = json!({ wire::CHAIN: "app", wire::ROLE: "listener" });
    let meta = json!({ "namespace": namespace, "name": "a", "uid": "a", "labels": labels,
        "creationTimestamp": "2026-11-25T10:00:00Z" });
    let deployment = json!({ "metadata": meta, "spec": { "replicas": 0,
        "template": { "spec": { "serviceAccountName": "default" } } } });
    let pod = json!({ "metadata": meta,
        "spec": { "serviceAccountName": "default", "containers": [{ "name": "build", "image": "r/a:1" }] },
        "status": { "phase": "Pending", "containerStatuses": [
            { "name": "build", "state": { "waiting": { "reason": "ErrImagePull", "message": "not found" } } },
        ] } });
    (deployment, pod)
}

#[tokio::test(start_paused = true)]
async fn what_is_only_labelled_like_a_listener_is_none() {
    let (decoy, pod) = decoys("ci-a");
    let mut claimed = namespace("ci-a", 1);
    claimed["metadata"]["labels"][wire::PHASE] = json!("Claimed");
    for (namespace, listeners, sentence) in [
        (namespace("ci-a", 1), vec![decoy.clone(), listener("ci-a")], None),
        (
            namespace("ci-a", 1),
            vec![decoy.clone()],
            Some(
                "its agent is gone: the namespace has no listener Deployment any more (kubectl studioci start raises a \
                 fresh listener)",
            ),
        ),
        (claimed.clone(), vec![decoy.clone()], Some("its listener is not created yet")),
        (claimed, vec![decoy, listener("ci-a")], Some("deployment.apps/build has no pod yet")),
    ] {
        let answers =
            Answers { namespaces: vec![namespace], pods: vec![pod.clone()], listeners, ..Answers::default() };
        let (seen, _) = seen(answers).await;
        assert_eq!(seen.signs["ci-a"].sentence().as_deref(), sentence);
    }
}

#[path = "status_bare_tests.rs"]
mod bare_chains;
#[path = "status_of_name_tests.rs"]
mod of_name;
#[path = "status_proof_tests.rs"]
mod proofs;

#[tokio::test(start_paused = true)]
async fn a_chain_whose_head_is_lost_or_cannot_be_read_is_said_to_be_so() {
    let head = |labels: Value, generation: &str| {
        let mut head = Head::objects_of(&[namespace("ci-a", 1)]).remove(0);
        head["metadata"]["labels"] = labels;
        head["data"]["generation"] = json!(generation);
        head
    };
    let labels = || json!({ wire::CHAIN: "app" });
    let metadata =
        json!({ "namespace": wire::HOME, "name": wire::history_object("app"), "labels": labels() });
    let history = json!({ "metadata": metadata, "data": {} });
    let lost = Some("home has no head of it (ConfigMap chain-app in studioci)");
    let edited = "ConfigMap chain-app in studioci: the head of the chain has no readable \"generation\" (it says \"x\")";
    for (heads, builds, fault) in [
        (vec![history], 1, Some(lost)),
        (vec![head(labels(), "1")], 1, Some(None)),
        // as one that came after the list, or whose label somebody took off
        (vec![head(json!({}), "1")], 1, Some(None)),
        (vec![head(labels(), "x")], 1, Some(Some(edited))),
        (vec![head(json!({}), "x")], 1, Some(Some(edited))),
        (vec![head(labels(), "x")], 0, Some(Some(edited))),
        // a namespace alone makes no chain
        (vec![], 1, None),
    ] {
        let namespaces = (0..builds).map(|_| namespace("ci-a", 1)).collect();
        let (cluster, _) = serve(Answers { namespaces, heads: Some(heads.clone()), ..Answers::default() });
        let seen = chains(&cluster, WantedBuilds::default()).await.unwrap();
        let told: Vec<_> = seen.chains.iter().map(|it| (it.name.as_str(), it.fault.as_deref())).collect();
        assert_eq!(
            told,
            fault.map(|fault| ("app", fault)).into_iter().collect::<Vec<_>>(),
            "{heads:?} {builds}"
        );
    }
    // what is being deleted needs none any more
    let mut going = namespace("ci-a", 1);
    going["metadata"]["deletionTimestamp"] = json!("2026-11-25T12:00:00Z");
    let (cluster, _) = serve(Answers { namespaces: vec![going], heads: Some(vec![]), ..Answers::default() });
    let seen = chains(&cluster, WantedBuilds::default()).await.unwrap();
    assert_eq!(seen.chains[0].fault, None);
}
