//! Keel in the cluster: one that is not as it must be, one that complains, one in good order.

use serde_json::{Value, json};
use test_cluster::image::{CiImage, ci_image};

use super::look::{Doctor, says};

/// Where a Keel stands that the proof makes, and the name of its rights.
pub(super) const NAMESPACE: &str = "native-06-keel";

/// Its Deployment, of which nothing but the image tells what it is.
fn deploy(doctor: &Doctor, replicas: u32, container: &Value) {
    let labels = json!({ "app": "watcher" });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "watcher", "namespace": NAMESPACE },
        "spec": { "replicas": replicas, "strategy": { "type": "Recreate" }, "selector": { "matchLabels": labels },
            "template": { "metadata": { "labels": labels },
                "spec": { "terminationGracePeriodSeconds": 0, "containers": [container] } } },
    });
    let file = doctor.world.file("keel.json", &deployment.to_string());
    doctor.world.kubectl(&["apply", "-f", &file]).ok();
}

pub(super) fn keel_is_broken(doctor: &Doctor) {
    let world = doctor.world;
    world.kubectl(&["create", "namespace", NAMESPACE]).ok();
    let container = json!({ "name": "main", "image": "keelhq/keel:0.20.0", "env": [{ "name": "POLL", "value": "false" }] });
    deploy(doctor, 0, &container);
    let failing = doctor.failing(&[world.chain]);
    let account = format!("system:serviceaccount:{NAMESPACE}:default");
    let set = format!("kubectl set env -n {NAMESPACE} deployment/watcher POLL=true");
    for (check, words, remedy) in [
        ("keel-ready", "was scaled to 0", "kubectl scale -n native-06-keel deployment/watcher --replicas=1"),
        ("keel-version", "Keel 0.20.0", "use 0.22.1"),
        ("keel-rights", &format!("Keel ({account}) may not list deployments.apps"), "cluster-wide"),
        ("keel-polling", "POLL is false", &set),
        ("chain-registry", "its own pod", "name the registry as pods and nodes both reach it"),
    ] {
        says(&failing, check, "failed", words, remedy);
    }
    assert_eq!(failing.len(), 5, "{failing:#?}");

    // one that has all that it needs, and cannot read the chain's image
    let content = CiImage { version: "keel", files: &[], env: &[] };
    let repository = format!("{}/keelhq/keel", world.chain);
    let image = ci_image(&world.cluster, &content).unwrap();
    world.cluster.registry().push(&image, &format!("{repository}:0.22.1")).unwrap();
    let image = format!("{}/{repository}:0.22.1", world.cluster.registry().host());
    let account = format!("--serviceaccount={NAMESPACE}:default");
    world.kubectl(&["create", "clusterrolebinding", NAMESPACE, "--clusterrole=cluster-admin", &account]).ok();
    let says_of = |level: &str, what: &str| {
        let line = format!("level={level} msg=\"{what}\" image=\"{}:build-0003\"", world.image());
        let script = format!(
            "echo '{line}'; echo 'level={level} msg=\"{what}\" image=\"other/image:1\"'; sleep infinity"
        );
        json!({ "name": "main", "image": image, "command": ["sh", "-c", script] })
    };
    deploy(doctor, 1, &says_of("error", "trigger.poll: failed to get digest"));
    let unwell = world.until("a Keel that complains", || {
        let (_, unwell) = doctor.unwell(&[world.chain]);
        (unwell.keys().eq(["chain-registry", "keel-log", "setup-refusals"])).then_some(unwell)
    });
    says(&unwell, "keel-log", "warning", "failed to get digest", "docs/registries.md");
    assert!(!unwell["keel-log"].contains("other/image"), "{unwell:#?}");
    deploy(doctor, 1, &says_of("info", "nothing new"));
    world.until("a Keel in good order", || {
        let (_, unwell) = doctor.unwell(&[world.chain]);
        (unwell.keys().eq(["chain-registry", "setup-refusals"])).then_some(())
    });

    world.kubectl(&["delete", "clusterrolebinding", NAMESPACE]).ok();
    world.kubectl(&["delete", "deployment", "watcher", "-n", NAMESPACE]).ok();
    world.kubectl(&["delete", "namespace", NAMESPACE, "--wait=false"]).ok();
    doctor.well();
}
