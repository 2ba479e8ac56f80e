//! What `doctor` reads of a cluster in good order, of one of which something may not be read, and of one that is dead.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::{Reply, Scripted, SeenRequest};
use uuid::Uuid;

use super::*;
use crate::chain::base64::base64;
use crate::chain::{names, wire};
use crate::pipeline::facts::Facts;
use crate::pipeline::sources::Sources;
use crate::state::record::{CopiedValues, Record};
use crate::state::write::resource_of;

const CHAIN: &str = "0c8b2d4e-0000-4000-8000-000000000001";

/// What stands where in a cluster in good order.
fn objects() -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    let mut put = |object: Value| {
        let (kind, name) = manifests::key(&object);
        let resource = resource_of(&object).unwrap_or_else(|_| panic!("{kind}"));
        all.insert(resource.path(object["metadata"]["namespace"].as_str(), Some(name)), object);
    };
    let home = Home::unasked();
    for object in manifests::objects_of(&home).into_iter().chain([manifests::config(&home)]) {
        put(object);
    }
    let of_home = |kind: &str, name: String, data: Value| {
        let labels = json!({ wire::CHAIN: "app" });
        json!({ "apiVersion": "v1", "kind": kind, "data": data,
            "metadata": { "name": name, "namespace": wire::HOME, "resourceVersion": "1", "labels": labels } })
    };
    let settings = json!({ "chain": "app", "uuid": CHAIN, "repository": "registry.example/team/app", "prefix": "ci",
        "workload": "build", "container": "build" });
    let record = Record {
        settings: serde_json::from_value(settings).unwrap(),
        sources: Sources::default(),
        facts: Facts::default(),
        held: CopiedValues::default(),
    };
    let head = json!({ "uuid": CHAIN, "generation": "1", "namespace": "ci-a", "uid": "uid-ci-a" });
    put(of_home("ConfigMap", wire::chain_object("app"), head));
    put(of_home("ConfigMap", wire::record_object("app"), json!(record.write().unwrap())));
    put(of_home("ConfigMap", wire::history_object("app"), json!({})));
    put(of_home("Secret", wire::chain_object("app"), json!({})));
    put(of_home("Secret", wire::seed_object("app"), json!({ "seed": base64(CHAIN) })));
    let mut login = of_home(
        "Secret",
        "login".to_owned(),
        json!({ ".dockerconfigjson": "eyJhdXRocyI6eyJyZWdpc3RyeS5leGFtcGxlIjp7fX19" }),
    );
    login["metadata"]["namespace"] = json!("ci-a");
    login["type"] = json!("kubernetes.io/dockerconfigjson");
    put(login);
    let owner = names::owner(Uuid::parse_str(CHAIN).unwrap(), 1).to_string();
    put(json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": "ci-a", "uid": "uid-ci-a", "resourceVersion": "1",
        "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: "app", wire::PHASE: "Listening" },
        "annotations": { wire::CHAIN_UUID: CHAIN, wire::OWNER: owner, wire::GENERATION: "1" },
    } }));
    put(json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "namespace": "ci-a", "name": "build", "annotations": { "keel.sh/policy": "all" },
            "labels": { wire::CHAIN: "app", wire::ROLE: "listener" } },
        "spec": { "replicas": 1, "template": { "spec": {
            "serviceAccountName": "studioci-agent.app", "imagePullSecrets": [{ "name": "login" }] } } } }));
    put(json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "namespace": "ops", "name": "watcher", "labels": { "app": "keel" } },
        "spec": { "replicas": 1, "selector": { "matchLabels": { "app": "keel" } }, "template": { "spec": {
            "serviceAccountName": "watcher", "containers": [{ "name": "keel", "image": "keelhq/keel:0.22.1" }] } } },
        "status": { "readyReplicas": 1 } }));
    put(json!({ "apiVersion": "v1", "kind": "Pod",
        "metadata": { "namespace": "ops", "name": "watcher-1", "labels": { "app": "keel" } } }));
    all
}

fn answer(objects: &BTreeMap<String, Value>, request: &SeenRequest) -> Reply {
    let path = request.path.as_str();
    let last = path.rsplit('/').next().unwrap();
    let review = |status: Value| Reply::Json(201, json!({ "status": status }));
    match (request.method.as_str(), last) {
        ("GET", "version") => {
            Reply::Json(200, json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.3" }))
        }
        ("GET", "v1") => {
            Reply::Json(200, json!({ "resources": [{ "name": "validatingadmissionpolicies" }] }))
        }
        ("GET", "log") => Reply::Text(200, Vec::new(), "level=info msg=polled\n".to_owned()),
        ("POST", "selfsubjectreviews") => review(json!({ "userInfo": { "username": "alice" } })),
        ("POST", "selfsubjectaccessreviews") => review(json!({ "allowed": false, "reason": "RBAC: no" })),
        ("POST", "subjectaccessreviews") => review(json!({ "allowed": true })),
        ("POST", "rolebindings") => Reply::Status(
            403,
            "Forbidden",
            "x is forbidden: ValidatingAdmissionPolicy 'studioci-rights' with binding 'studioci-rights' denied request: no",
        ),
        ("GET", "namespaces" | "pods" | "deployments" | "configmaps" | "events") => {
            let place = path.strip_prefix("/api/v1/namespaces/").and_then(|rest| rest.split_once('/'));
            let here =
                |object: &&Value| place.is_none_or(|(name, _)| object["metadata"]["namespace"] == name);
            let of_kind = |at: &str| at.rsplit('/').nth(1) == Some(last);
            let items = objects.iter().filter(|(at, _)| of_kind(at)).map(|(_, object)| object);
            let items: Vec<&Value> = items.filter(here).filter(|object| request.selects(object)).collect();
            Reply::Json(200, json!({ "metadata": {}, "items": items }))
        }
        ("GET", _) => match objects.get(path) {
            Some(object) => Reply::Json(200, object.clone()),
            None => Reply::Status(404, "NotFound", "not found"),
        },
        _ => panic!("{}", request.line()),
    }
}

/// RBAC's refusal of a request.
fn refused(request: &SeenRequest) -> Reply {
    let message = format!(
        "x is forbidden: User \"alice\" cannot {} resource \"things\" in API group \"\" at the cluster scope",
        request.method.to_ascii_lowercase()
    );
    Reply::Json(403, json!({ "kind": "Status", "reason": "Forbidden", "message": message, "code": 403 }))
}

fn serve(mut other: impl FnMut(&SeenRequest) -> Option<Reply> + Send + 'static) -> (Cluster, Scripted) {
    let objects = objects();
    Cluster::scripted(move |request| other(request).unwrap_or_else(|| answer(&objects, request)))
}

fn clock() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

async fn examined(cluster: &Cluster) -> Vec<CheckFinding> {
    Box::pin(doctor(cluster, None, Duration::ZERO, clock)).await.unwrap()
}

/// What is not well.
fn unwell(findings: &[CheckFinding]) -> Vec<(&str, Grade, &str)> {
    let unwell = findings.iter().filter(|it| it.opinion.grade != Grade::Ok);
    unwell.map(|it| (it.code, it.opinion.grade, it.opinion.what.as_str())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_in_good_order_is_read_and_not_written() {
    let (cluster, record) = serve(|_| None);
    let findings = examined(&cluster).await;
    assert_eq!(unwell(&findings), []);
    let said = |code: &str| findings.iter().find(|it| it.code == code).map(|it| it.opinion.what.as_str());
    assert_eq!(
        said("keel-found"),
        Some("Keel is deployment.apps/watcher in namespace ops (keelhq/keel:0.22.1)")
    );
    assert_eq!(
        said("chain-pull-secrets"),
        Some("Secret login in ci-a has a login for registry.example, where Keel looks for it")
    );
    assert!(said("keel-log").is_some() && said("chain-size").is_some());
    for request in record.seen() {
        let dry = request.query.contains("dryRun=All") || request.path.ends_with("reviews");
        assert!(request.method == "GET" || dry, "{}", request.line());
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_read_is_unknown_and_no_failure() {
    let (cluster, record) = serve(|_| None);
    examined(&cluster).await;
    let mut lines = record.asked();
    lines.sort();
    lines.dedup();
    assert!(lines.len() > 30, "{lines:?}");
    for line in lines {
        let forbidden = line.clone();
        let (cluster, _) = serve(move |request| (request.line() == forbidden).then(|| refused(request)));
        let findings = examined(&cluster).await;
        let unwell = unwell(&findings);
        assert!(unwell.iter().all(|(_, grade, _)| *grade == Grade::Unknown), "{line}: {unwell:#?}");
        assert!(!unwell.is_empty(), "{line} is not missed");
    }
    let (cluster, _) = serve(|request| Some(refused(request)));
    let findings = examined(&cluster).await;
    assert!(findings.iter().all(|it| it.opinion.grade == Grade::Unknown), "{:#?}", self::unwell(&findings));
}

#[tokio::test(start_paused = true)]
async fn of_a_dead_server_that_alone_is_said() {
    let (cluster, _) = Cluster::scripted(|_| Reply::Refused);
    let findings = examined(&cluster).await;
    let [(code, grade, what)] = unwell(&findings)[..] else { panic!("{findings:?}") };
    assert_eq!((code, grade), ("server-reachable", Grade::Failed));
    assert!(what.starts_with("cannot reach the API server"), "{what}");
    assert!(findings[0].opinion.remedy.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_meanwhile_ends_it_within_bounds() {
    let (cluster, _) = serve(|request| (!request.path.ends_with("/version")).then_some(Reply::Refused));
    let begun = Instant::now();
    let findings = examined(&cluster).await;
    assert!(begun.elapsed() < Duration::from_secs(300), "{:?}", begun.elapsed());
    let unknown = findings.iter().filter(|it| it.opinion.grade == Grade::Unknown).count();
    assert!(unknown > 5 && unwell(&findings).len() == unknown, "{:#?}", unwell(&findings));
}

#[tokio::test(start_paused = true)]
async fn of_a_cluster_that_nobody_set_up_is_said_what_is_missing() {
    let (cluster, _) = Cluster::scripted(|request| match request.path.as_str() {
        path if path.ends_with("/version") || path.ends_with("reviews") => answer(&BTreeMap::new(), request),
        "/apis/admissionregistration.k8s.io/v1" => Reply::Json(200, json!({ "resources": [] })),
        _ if request.method == "POST" => Reply::Json(201, json!({ "metadata": {} })),
        _ => answer(&BTreeMap::new(), request),
    });
    let findings = examined(&cluster).await;
    let failed: Vec<&str> = unwell(&findings).into_iter().map(|(code, ..)| code).collect();
    assert_eq!(failed, ["server-policies", "setup-home", "setup-policies", "setup-refusals", "keel-found"]);
    assert!(unwell(&findings).iter().all(|(_, grade, _)| *grade == Grade::Failed));
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_not_there_is_no_finding() {
    let (cluster, _) = serve(|_| None);
    let error = Box::pin(doctor(&cluster, Some("nobody"), Duration::ZERO, clock)).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no chain and no build called \"nobody\"");
    let findings = Box::pin(doctor(&cluster, Some("app"), Duration::ZERO, clock)).await.unwrap();
    assert!(findings.iter().any(|it| it.category == "chain app"));
    for name in ["chain/app", "namespace/ci-a", "a b", ""] {
        let (cluster, record) = serve(|_| None);
        let error = Box::pin(doctor(&cluster, Some(name), Duration::ZERO, clock)).await.unwrap_err();
        assert!(matches!(&error, Error::NoSuchName { name: said, .. } if said == name), "{name}: {error}");
        assert_eq!(record.seen().len(), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_looked_at_again_until_it_does_not_or_patience_is_over() {
    for (heals_after, patience, seconds, failed) in
        [(2, 60, 10, false), (usize::MAX, 12, 10, true), (usize::MAX, 0, 0, true)]
    {
        let mut looks = 0;
        let (cluster, _) = serve(move |request| {
            if request.path.ends_with("/version") {
                looks += 1;
            }
            let old = json!({ "major": "1", "minor": "29", "gitVersion": "v1.29.0" });
            (request.path.ends_with("/version") && looks <= heals_after).then(|| Reply::Json(200, old))
        });
        let begun = Instant::now();
        let findings = Box::pin(doctor(&cluster, None, Duration::from_secs(patience), clock)).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), seconds, "{heals_after}");
        assert_eq!(!unwell(&findings).is_empty(), failed, "{heals_after}: {:?}", unwell(&findings));
    }
}
