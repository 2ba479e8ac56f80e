//! The rest of a pipeline.

use serde_json::json;

use super::*;

#[test]
fn the_rest_comes_in_order_and_support_is_known() {
    let plan = good(RICH);
    let rest = plan.rest();
    let told: Vec<_> = rest
        .iter()
        .map(|(resource, it)| format!("{}/{}", resource.kind, it["metadata"]["name"].as_str().unwrap()))
        .collect();
    assert_eq!(
        told,
        [
            "Role/lidar-jobs",
            "RoleBinding/lidar-jobs",
            "ServiceAccount/lidar",
            "Secret/registry",
            "Secret/release-key",
            "ConfigMap/build-env",
            "Service/queue",
            "ReplicationController/queue",
            "PersistentVolumeClaim/cache",
            "Deployment/store",
        ]
    );
    for (resource, object) in &rest {
        assert_eq!(
            (object["kind"].as_str(), object["apiVersion"].as_str()),
            (Some(resource.kind), Some(&*resource.api_version()))
        );
        assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "studioci", "{object}");
        assert_eq!(object["metadata"]["labels"]["studioci.dev/chain"], "lidar-main", "{object}");
        assert_eq!(object["metadata"].get("namespace"), None, "{object}");
        assert!(plan.kinds.contains(resource), "{object}");
    }
    let support: Vec<_> =
        plan.support.iter().map(|it| (it.kind.plural, it.name.as_str(), it.replicas)).collect();
    assert_eq!(support, [("replicationcontrollers", "queue", 1), ("deployments", "store", 2)]);
    assert_eq!(
        rest[9].1["metadata"]["annotations"],
        json!({
            "parked.studioci.dev/policy": "never", "studioci.dev/replicas": "2",
        })
    );
}

#[test]
fn every_kind_that_a_pipeline_may_hold_can_be_applied() {
    for (api_version, kind, path) in [
        ("events.k8s.io/v1", "Event", "/apis/events.k8s.io/v1/namespaces/x/events"),
        ("v1", "Event", "/api/v1/namespaces/x/events"),
        (
            "autoscaling/v1",
            "HorizontalPodAutoscaler",
            "/apis/autoscaling/v1/namespaces/x/horizontalpodautoscalers",
        ),
    ] {
        let text = with(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}"));
        let (resource, _) = good(&text).rest().remove(0);
        assert_eq!(resource.path(Some("x"), None), path);
    }
}

#[test]
fn what_a_server_wrote_does_not_come_along() {
    let text = with(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, uid: u, resourceVersion: \"1\", ownerReferences: [{name: x}],\n  \
         annotations: {kubectl.kubernetes.io/last-applied-configuration: x, mine: here}}\nstatus: {}",
    );
    let (_, object) = good(&text).rest().remove(0);
    assert_eq!(object.get("status"), None);
    let keys: Vec<_> = object["metadata"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["annotations", "labels", "name"]);
    assert_eq!(object["metadata"]["annotations"], json!({ "mine": "here" }));
}

#[test]
fn a_namespace_document_lends_what_is_not_ours() {
    let loan = good(RICH).namespace;
    let own = |pairs: &[(&str, &str)]| -> Map {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(loan.labels, own(&[("app.kubernetes.io/part-of", "lidar"), ("team", "perception")]));
    assert_eq!(loan.annotations, own(&[("contact", "perception@example.com")]));
    assert_eq!(loan.pod_security.values, ["baseline", "latest", "", "", "", ""]);
    assert_eq!(
        loan.pod_security.labels(),
        own(&[
            ("pod-security.kubernetes.io/enforce", "baseline"),
            ("pod-security.kubernetes.io/enforce-version", "latest"),
        ])
    );
    assert_eq!(good(LEAST).namespace, Loan::default());
}

fn document(api_version: &str, kind: &str, spec: &str) -> String {
    format!("---\napiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: it}}\nspec: {spec}\n")
}

const PODS: &str = "{metadata: {labels: {app: it}}, spec: {containers: [{name: it, image: \"it:1\"}]}}";

#[test]
fn an_autoscaler_decides_how_few_are_enough() {
    let support = |replicas: &str, least: &str, target: &str| {
        let spec = format!("{{{replicas} selector: {{matchLabels: {{app: it}}}}, template: {PODS}}}");
        let scaler = format!(
            "{{{least} maxReplicas: 5, scaleTargetRef: {{apiVersion: apps/v1, kind: {target}, name: it}}}}"
        );
        let set = document("apps/v1", "StatefulSet", &spec);
        let scaler = document("autoscaling/v2", "HorizontalPodAutoscaler", &scaler);
        let it = good(&format!("{LEAST}{set}{scaler}")).support.remove(0);
        (it.replicas, it.needed)
    };
    for (replicas, least, target, told) in [
        ("replicas: 3,", "minReplicas: 2,", "StatefulSet", (3, 2)),
        ("replicas: 3,", "", "StatefulSet", (3, 1)),
        ("replicas: 3,", "minReplicas: 0,", "StatefulSet", (3, 1)),
        ("replicas: 3,", "minReplicas: 2,", "Deployment", (3, 3)),
        ("", "minReplicas: 2,", "StatefulSet", (1, 1)),
        ("replicas: 0,", "minReplicas: 2,", "StatefulSet", (0, 0)),
    ] {
        assert_eq!(support(replicas, least, target), told, "{replicas} {least} {target}");
    }
}
