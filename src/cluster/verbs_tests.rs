//! What each verb sends.

use testkit::Reply;

use super::super::resource::{CONFIG_MAPS, DEPLOYMENTS};
use super::super::{Access, IN_FLIGHT};
use super::*;

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_none_and_what_cannot_be_read_is_an_error() {
    let (cluster, _) = Cluster::scripted(|_| Reply::Status(404, "NotFound", "no"));
    assert_eq!(cluster.get::<Value>(&CONFIG_MAPS, Some("n"), "x").await.unwrap(), None);
    let (cluster, _) = Cluster::scripted(|_| Reply::Json(200, json!(["a"])));
    let error = cluster.get::<super::super::objects::Object>(&DEPLOYMENTS, Some("n"), "x").await.unwrap_err();
    assert!(
        error.to_string().starts_with("deployment.apps/x in namespace n: the server's answer cannot be read"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_write_names_its_manager_and_none_is_forced() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Json(200, json!({})));
    let object = json!({"kind": "ConfigMap", "metadata": {"name": "x", "resourceVersion": "7"}});
    let here = Some("n");
    let steps = json!([{"op": "add", "path": "/data/a", "value": "b"}]);
    cluster.create::<Value>(&CONFIG_MAPS, here, &object, &Create::default()).await.unwrap();
    cluster.apply::<Value>(&CONFIG_MAPS, here, &object, true).await.unwrap();
    cluster.patch::<Value>(&CONFIG_MAPS, here, "x", Patch::Json(&steps)).await.unwrap();
    cluster.patch::<Value>(&CONFIG_MAPS, here, "x", Patch::Merge(&object)).await.unwrap();
    cluster
        .patch_subresource::<Value>(&DEPLOYMENTS, here, "x", "scale", Patch::Merge(&object), false)
        .await
        .unwrap();
    let seen = server.seen();
    let types: Vec<&str> = seen.iter().map(|seen| seen.headers["content-type"].to_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "application/json",
            "application/apply-patch+yaml",
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/merge-patch+json",
        ]
    );
    for seen in &seen {
        assert_eq!(seen.parameter("fieldManager"), Some("kubectl-studioci"), "{}", seen.method);
        assert_ne!(seen.parameter("force"), Some("true"));
    }
    assert_eq!(seen[0].parameter("fieldValidation"), Some("Strict"));
    assert_eq!(seen[1].parameter("dryRun"), Some("All"));
    assert_eq!(seen[4].path, "/apis/apps/v1/namespaces/n/deployments/x/scale");
}

#[tokio::test(start_paused = true)]
async fn a_delete_carries_its_conditions() {
    let (cluster, server) = Cluster::scripted(|_| Reply::Json(200, json!({})));
    let how = Delete { resource_version: Some("7".to_owned()), dry_run: true, ..Delete::uid("u") };
    let deletion = cluster.delete(&CONFIG_MAPS, Some("n"), "x", &how).await.unwrap();
    assert_eq!(deletion, Deletion::Accepted);
    assert_eq!(
        server.seen()[0].body,
        json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"],
            "preconditions": {"uid": "u", "resourceVersion": "7"}, "propagationPolicy": "Background",
        })
    );
    let (cluster, _) = Cluster::scripted(|_| Reply::Status(409, "Conflict", "the UID in the precondition"));
    assert!(cluster.delete(&CONFIG_MAPS, Some("n"), "x", &how).await.unwrap_err().is_conflict());
}

#[tokio::test(start_paused = true)]
async fn rights_are_asked_for_in_order_and_eight_at_a_time() {
    let (cluster, server) = Cluster::scripted(|seen| {
        let verb = &seen.body["spec"]["resourceAttributes"]["verb"];
        Reply::Json(201, json!({"status": {"allowed": verb == "get"}}))
    });
    let rights: Vec<Access> =
        ["get", "list", "get"].map(|verb| Access::to(verb, &DEPLOYMENTS, Some("n"))).to_vec();
    assert_eq!(cluster.can_i(&rights).await.unwrap(), [true, false, true]);
    assert_eq!(
        server.seen()[1].body["spec"]["resourceAttributes"],
        json!({"verb": "list", "group": "apps", "resource": "deployments", "namespace": "n"})
    );
    assert_eq!(rights[1].to_string(), "list deployments.apps in the namespace n");

    let (cluster, server) = Cluster::scripted(|_| Reply::Silence);
    let many: Vec<Access> = (0..20).map(|_| rights[0].clone()).collect();
    tokio::time::timeout(std::time::Duration::from_secs(1), cluster.can_i(&many)).await.unwrap_err();
    assert_eq!(server.count(), IN_FLIGHT);
}

#[tokio::test(start_paused = true)]
async fn versions() {
    let (cluster, _) = Cluster::scripted(|_| {
        Reply::Json(200, json!({"major": "1", "minor": "30+", "gitVersion": "v1.30.2-x"}))
    });
    let version = cluster.version().await.unwrap();
    assert_eq!((version.numbers(), version.git_version.as_str()), (Some((1, 30)), "v1.30.2-x"));
    assert_eq!(ServerVersion::default().numbers(), None);
}
