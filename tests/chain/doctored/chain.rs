//! A chain that was tampered with: its namespaces, its listener's pull Secret, its objects in home.

use serde_json::{Value, json};

use super::look::Doctor;
use super::{LOGIN, hold};

/// What is made by the name of a build's namespace and is none.
pub(super) const COPY: &str = "native-06-copy";

/// An object as it can be created again.
fn kept(doctor: &Doctor, args: &[&str]) -> Value {
    let mut kept = doctor.world.get(args);
    for server in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        kept["metadata"].as_object_mut().unwrap().remove(server);
    }
    kept
}

fn create(doctor: &Doctor, object: &Value) {
    let file = doctor.world.file("object.json", &object.to_string());
    doctor.world.kubectl(&["create", "-f", &file]).ok();
}

pub(super) fn namespaces_are_broken(doctor: &Doctor, first: &str) {
    let world = doctor.world;
    world.kubectl(&["annotate", "namespace", first, "studioci.dev/generation=one", "--overwrite"]).ok();
    doctor.fails("chain-edited", "studioci.dev/generation \"one\" cannot be read", "studioci.dev/generation");
    world.kubectl(&["annotate", "namespace", first, "studioci.dev/generation=1", "--overwrite"]).ok();
    doctor.well();

    // a copy of the first build's namespace under another name is not what home knows
    let mut copy = world.get(&["namespace", first]);
    copy["metadata"] = json!({ "name": COPY, "labels": copy["metadata"]["labels"],
        "annotations": copy["metadata"]["annotations"] });
    copy["metadata"]["labels"].as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
    create(doctor, &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": copy["metadata"] }));
    let remedy = format!("kubectl delete namespace {COPY}");
    doctor.warns("chain-orphans", &format!("namespace {COPY}"), &remedy);
    assert_eq!(doctor.repairs(&[]), Vec::<String>::new(), "whoever looks alike is a person's to judge");
    world.kubectl(&["delete", "namespace", COPY, "--wait=true"]).ok();

    world.kubectl(&["create", "configmap", "held", "-n", first]).ok();
    hold(world, first, r#"["example.com/hold"]"#).ok();
    world.kubectl(&["delete", "namespace", first, "--wait=false"]).ok();
    world.until("the namespace is held", || {
        let (_, unwell) = doctor.unwell(&[]);
        unwell.get("chain-terminating").filter(|said| said.contains("example.com/hold")).cloned()
    });
    doctor.fails("chain-terminating", "example.com/hold", "finalizers");
    hold(world, first, "null").ok();
    world.until("the namespace is gone", || {
        (world.kubectl(&["get", "namespace", first]).code != 0).then_some(())
    });
    doctor.well();
}

/// The pull Secret of the listener that waits.
pub(super) fn the_login_is_broken(doctor: &Doctor, newest: &str) {
    let world = doctor.world;
    let secret = kept(doctor, &["secret", LOGIN, "-n", newest]);
    let delete = || world.kubectl(&["delete", "secret", LOGIN, "-n", newest]).ok();
    let again = "kubectl studioci start again";
    let of_another = json!({ "auths": { "registry.example": { "auth": "eDp5" } } }).to_string();
    delete();
    doctor.fails("chain-pull-secrets", &format!("Secret {LOGIN} in {newest} is not there"), again);
    let mut other = secret.clone();
    other.as_object_mut().unwrap().remove("data");
    other["stringData"] = json!({ ".dockerconfigjson": of_another });
    create(doctor, &other);
    let host = world.cluster.registry().host().to_owned();
    doctor.fails(
        "chain-pull-secrets",
        &format!("has a login for registry.example and none for {host}"),
        again,
    );
    delete();
    create(doctor, &secret);
    doctor.well();
}

pub(super) fn home_is_broken(doctor: &Doctor) {
    let world = doctor.world;
    let [head, record, history, seed] =
        ["chain", "record", "history", "seed"].map(|kind| format!("{kind}-{}", world.chain));
    let patch = |object: &str, data: &Value| {
        let patch = world.file("patch.json", &json!({ "data": data }).to_string());
        let args = ["patch", "configmap", object, "-n", "studioci", "--type=merge", "--patch-file", &patch];
        world.kubectl(&args).ok();
    };
    patch(&head, &json!({ "generation": "two" }));
    doctor.fails("chain-head", "no readable \"generation\" (it says \"two\")", "kubectl edit configmap");
    patch(&head, &json!({ "generation": "3" }));
    doctor.well();

    let object = kept(doctor, &["configmap", &record, "-n", "studioci"]);
    world.kubectl(&["delete", "configmap", &record, "-n", "studioci"]).ok();
    doctor.fails("chain-record", &record, "--chain");
    create(doctor, &object);
    doctor.well();

    let object = kept(doctor, &["secret", &seed, "-n", "studioci"]);
    world.kubectl(&["delete", "secret", &seed, "-n", "studioci"]).ok();
    doctor.fails("chain-seed", "home has no seed of it", "kubectl studioci start --chain");
    create(doctor, &object);
    doctor.well();

    let object = world.get(&["configmap", &history, "-n", "studioci"]);
    world.kubectl(&["delete", "configmap", &history, "-n", "studioci"]).ok();
    doctor.fails(
        "chain-retention",
        &format!("ConfigMap {history} is gone"),
        "--repair makes it again, empty",
    );
    let line = format!("configmap/{history} repaired: made again, empty: builds finish once more");
    doctor.is_repaired(&[&line]);
    // and what was in it
    patch(&history, &object["data"]);
    doctor.well();

    patch(&history, &json!({ "filler": "x".repeat(1000 << 10) }));
    doctor.warns("chain-size", &format!("the largest of its objects in home, {history}"), "make template");
    patch(&history, &json!({ "filler": null }));
    doctor.well();
}
