//! `native_06`: `doctor` on a cluster that is broken in one place after the other, for real, and mended again.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::start::GLOB;
use crate::world::{Said, World};

/// Where a Keel stands that the proof makes.
const KEEL: &str = "native-06-keel";
const POLICY: &str = "validatingadmissionpolicy/studioci-rights";

/// What is made by the name of a build's namespace and is none.
const COPY: &str = "native-06-copy";

/// Sets the finalizers of ConfigMap `held` in a namespace.
fn hold(world: &World, namespace: &str, finalizers: &str) -> Said {
    let patch = format!(r#"{{"metadata":{{"finalizers":{finalizers}}}}}"#);
    world.kubectl(&["patch", "configmap", "held", "-n", namespace, "--type=merge", "-p", &patch])
}

/// Mends what the proof has broken for all, also if it fails.
struct Mended<'a>(&'a World);

impl Drop for Mended<'_> {
    fn drop(&mut self) {
        let place = "jsonpath={.items[*].metadata.namespace}";
        let held =
            self.0.kubectl(&["get", "configmap", "-A", "--field-selector=metadata.name=held", "-o", place]);
        for place in held.out.split_whitespace() {
            let _ = hold(self.0, place, "null");
        }
        let _ = self.0.kubectl(&["delete", "namespace", KEEL, COPY, "--ignore-not-found"]);
        self.0.set_up();
    }
}

/// What is not well, by check: the words and the results; and the exit code.
fn unwell(world: &World, args: &[&str]) -> (i32, BTreeMap<String, String>) {
    let said = world.studioci(&[&["doctor", "-o", "json"], args].concat());
    let object: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let unwell = object["checks"].as_array().unwrap().iter().filter(|check| check["result"] != "ok");
    let line = |check: &Value| format!("{}: {}", text(&check["result"]), text(&check["message"]));
    let failed = if said.code == 0 { "ok" } else { "failed" };
    assert_eq!(object["result"], failed);
    (said.code, unwell.map(|check| (text(&check["code"]), line(check))).collect())
}

/// That this check of the chain, and no other one, fails, with these words.
fn fails(world: &World, code: &str, words: &str) {
    let (exit, unwell) = unwell(world, &[world.chain]);
    let failed: Vec<_> = unwell.iter().filter(|(_, line)| line.starts_with("failed")).collect();
    let [(name, line)] = failed[..] else { panic!("{code}: {unwell:#?}") };
    assert!(exit == 1 && name == code && line.contains(words), "{code}: {exit} {unwell:#?}");
}

/// That nothing fails; what is not well all the same.
fn well(world: &World) -> BTreeMap<String, String> {
    world.until("nothing fails", || {
        let (code, unwell) = unwell(world, &[world.chain]);
        (code == 0).then_some(unwell)
    })
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_06_doctor_finds_what_is_broken_and_nothing_else() {
    let world = World::new("native-06");
    let mended = Mended(&world);
    world.push("build-0001", "1", "exit 0");
    let file = world.file("p.yaml", &world.pipeline("build-0001", GLOB));
    world.studioci(&["start", "--chain", world.chain, "-f", &file]).ok();
    for (generation, tag) in [(1, "build-0002"), (2, "build-0003")] {
        world.push(tag, tag, "exit 0");
        world.phase(generation, "Finished");
        world.phase(generation + 1, "Listening");
    }
    let (first, newest) = (world.namespace(1), world.namespace(3));

    // the stand-in runs outside of the cluster, and an administrator is let off by the policies
    let found = well(&world);
    assert_eq!(found.keys().collect::<Vec<_>>(), ["keel-found", "setup-refusals"], "{found:#?}");
    assert!(
        found["keel-found"].starts_with("warning: no Deployment runs Keel, yet one has moved"),
        "{found:#?}"
    );
    let said = world.studioci(&["doctor", world.chain]);
    assert!(
        said.out
            .contains(&format!("chain {}\n  ok       its head is readable, at generation 3\n", world.chain)),
        "{said:?}"
    );

    a_person_without_rights(&world);
    setup_is_broken(&world);
    keel_is_broken(&world);
    the_chain_is_broken(&world, &first, &newest);
    home_is_broken(&world);
    a_bundle_holds_no_secret(&world, &newest);
    the_newest_namespace_is_deleted(&world, &newest);
    drop(mended);
}

/// What a repair prints of what it does.
fn repaired(world: &World, args: &[&str]) -> Vec<String> {
    let said = world.studioci(&[&["doctor", world.chain, "--repair", "-o", "short"], args].concat());
    let is_one = |line: &&str| line.contains(" repaired: ") || line.contains("\" deleted");
    said.out.lines().filter(is_one).map(str::to_owned).collect()
}

fn a_bundle_holds_no_secret(world: &World, newest: &str) {
    let words: Vec<String> = (0..7).map(|number| format!("hunter-06-{number}")).collect();
    let of = |number: usize| words[number].as_str();
    let patch = json!({ "stringData": { "NATIVE_06": of(0) } }).to_string();
    let secret = format!("chain-{}", world.chain);
    world.kubectl(&["patch", "secret", &secret, "-n", "studioci", "--type=merge", "-p", &patch]).ok();
    let plain = format!("--from-literal=a={}", of(1));
    for kind in [&["secret", "generic"][..], &["configmap"]] {
        world.kubectl(&[&["create"], kind, &["native-06", "-n", newest, &plain]].concat()).ok();
    }
    let note = format!("example.com/token={}", of(2));
    world.kubectl(&["annotate", "namespace", newest, &note]).ok();
    let labels = json!({ "app": "native-06" });
    let container = json!({ "name": "main", "image": "keelhq/keel:0.22.1", "command": ["keel", of(3)],
        "env": [{ "name": "TOKEN", "value": of(4) }] });
    let deployment = json!({ "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "native-06", "namespace": newest, "annotations": { "example.com/a": of(5) } },
        "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels },
            "spec": { "containers": [container] } } } });
    // `apply` writes all of it into an annotation
    let file = world.file("native-06.json", &deployment.to_string());
    world.kubectl(&["apply", "-f", &file]).ok();
    // an event that quotes what the chain's Secret holds
    let event = json!({ "apiVersion": "v1", "kind": "Event", "metadata": { "name": "native-06", "namespace": newest },
        "involvedObject": { "kind": "Pod", "name": "x", "namespace": newest }, "reason": "Native06", "type": "Warning",
        "message": format!("it said {} to https://me:{}@host/x", of(0), of(6)) });
    let file = world.file("event.json", &event.to_string());
    world.kubectl(&["create", "-f", &file]).ok();

    let folder = world.folder("bundle");
    std::fs::create_dir_all(&folder).unwrap();
    let bundle = folder.join("b.tar.gz").display().to_string();
    let args = ["doctor", world.chain, "--bundle", &bundle];
    assert_eq!(world.studioci(&args).ok(), format!("{bundle} written\n"));
    let again = world.studioci(&args);
    assert!(again.code == 2 && again.err.contains("is there already"), "{again:?}");
    world.studioci(&[&args[..], &["--force"]].concat()).ok();
    let meta = std::fs::metadata(&bundle).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o777, 0o600);
    let tar =
        std::process::Command::new("tar").args(["xzf", "b.tar.gz"]).current_dir(&folder).output().unwrap();
    assert!(tar.status.success(), "{tar:?}");
    let mut grep = std::process::Command::new("grep");
    let found = grep.args(["-rn", "hunter-06", "studioci-bundle"]).current_dir(&folder).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
    let read = |path: &str| std::fs::read_to_string(folder.join("studioci-bundle").join(path)).unwrap();
    let of_build = |kind: &str| read(&format!("builds/{newest}/{kind}.json"));
    assert!(of_build("deployments").contains("\"native-06\"") && of_build("pods").contains("studioci-agent"));
    assert!(of_build("events").contains("it said *** to https://"), "{}", of_build("events"));
    assert!(
        read("diagnosis.json").contains("chain-listener") && read("versions.json").contains("serverVersion")
    );
    assert!(read("home/configmaps.json").contains(&format!("record-{}", world.chain)));
    let logs = std::fs::read_dir(folder.join("studioci-bundle/builds").join(newest)).unwrap();
    let log =
        logs.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|it| it == "log"));
    assert!(std::fs::read_to_string(log.unwrap()).unwrap().contains("listening in"));
    for object in ["secret/native-06", "configmap/native-06", "deployment/native-06"] {
        world.kubectl(&["delete", object, "-n", newest]).ok();
    }
}

/// A chain goes on by a repair, and a push is built.
fn the_newest_namespace_is_deleted(world: &World, newest: &str) {
    world.kubectl(&["delete", "namespace", newest, "--wait=true"]).ok();
    fails(world, "chain-listener", "is gone");
    let line =
        format!("configmap/chain-{} repaired: a fresh listener is raised, at generation 4", world.chain);
    assert_eq!(repaired(world, &[]), [line]);
    assert_eq!(repaired(world, &[]), Vec::<String>::new());
    let said = world.studioci(&["doctor", world.chain, "--repair", "-o", "short"]);
    assert!(said.err.lines().any(|line| line == "nothing to repair"), "{}", said.err);
    world.phase(4, "Listening");
    well(world);
    world.push("build-0004", "build-0004", "exit 0");
    world.phase(4, "Finished");
    world.phase(5, "Listening");
    well(world);
}

/// Whoever may read nothing is told so, and fails nothing.
fn a_person_without_rights(world: &World) {
    let config = world.cluster.kubeconfig_for("nobody-06", &[]).unwrap().display().to_string();
    let (code, unwell) = unwell(world, &["--kubeconfig", &config]);
    assert!(unwell.values().all(|line| line.starts_with("unknown")), "{unwell:#?}");
    assert_eq!(code, 0);
    assert!(
        unwell["keel-found"].contains("may not list deployments.apps at the cluster scope"),
        "{unwell:#?}"
    );
}

fn setup_is_broken(world: &World) {
    world.kubectl(&["delete", "clusterrole", "studioci-user"]).ok();
    fails(world, "setup-objects", "missing: clusterrole.rbac.authorization.k8s.io/studioci-user");
    world.set_up();
    let patch = r#"{"spec":{"failurePolicy":"Ignore"}}"#;
    world.kubectl(&["patch", POLICY, "--type=merge", "-p", patch]).ok();
    fails(world, "setup-policies", "validatingadmissionpolicy.admissionregistration.k8s.io/studioci-rights");
    world.set_up();
    well(world);
}

fn keel_is_broken(world: &World) {
    world.kubectl(&["create", "namespace", KEEL]).ok();
    let container = json!({ "name": "main", "image": "keelhq/keel:0.20.0", "env": [{ "name": "POLL", "value": "false" }] });
    let labels = json!({ "app": "watcher" });
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "watcher", "namespace": KEEL },
        "spec": { "replicas": 0, "selector": { "matchLabels": labels }, "template": {
            "metadata": { "labels": labels }, "spec": { "containers": [container] } } },
    });
    let file = world.file("keel.json", &deployment.to_string());
    world.kubectl(&["apply", "-f", &file]).ok();
    let (code, unwell) = unwell(world, &[world.chain]);
    assert_eq!(code, 1);
    for (check, words) in [
        ("keel-ready", "was scaled to 0"),
        ("keel-version", "Keel 0.20.0"),
        ("keel-rights", "Keel (system:serviceaccount:native-06-keel:default) may not list deployments.apps"),
        ("keel-polling", "POLL is false"),
        ("chain-registry", "its own pod"),
    ] {
        let line = unwell.get(check).unwrap_or_else(|| panic!("{check}: {unwell:#?}"));
        assert!(line.starts_with("failed") && line.contains(words), "{check}: {line}");
    }
    assert!(!unwell.contains_key("keel-found"), "{unwell:#?}");
    world.kubectl(&["delete", "namespace", KEEL, "--wait=true"]).ok();
    well(world);
}

fn the_chain_is_broken(world: &World, first: &str, newest: &str) {
    world.kubectl(&["scale", "-n", newest, "deployment/build", "--replicas=0"]).ok();
    fails(world, "chain-listener", "was scaled to 0");
    let line = format!(
        "namespace/{newest} repaired: deployment.apps/build is scaled to 1, which brings its agent back"
    );
    assert_eq!(repaired(world, &["--dry-run=client"]), [format!("{line} (dry run)")]);
    fails(world, "chain-listener", "was scaled to 0");
    assert_eq!(repaired(world, &[]), [line]);
    well(world);

    world.kubectl(&["annotate", "namespace", first, "studioci.dev/generation=one", "--overwrite"]).ok();
    fails(world, "chain-edited", "studioci.dev/generation \"one\" cannot be read");
    world.kubectl(&["annotate", "namespace", first, "studioci.dev/generation=1", "--overwrite"]).ok();
    well(world);

    // a copy of the first build's namespace under another name is not what home knows
    let mut copy = world.get(&["namespace", first]);
    copy["metadata"] = json!({ "name": COPY, "labels": copy["metadata"]["labels"],
        "annotations": copy["metadata"]["annotations"] });
    copy["metadata"]["labels"].as_object_mut().unwrap().remove("kubernetes.io/metadata.name");
    let file = world.file(
        "copy.json",
        &json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": copy["metadata"] }).to_string(),
    );
    world.kubectl(&["create", "-f", &file]).ok();
    let found = well(world);
    assert!(found["chain-orphans"].contains("namespace native-06-copy"), "{found:#?}");
    world.kubectl(&["delete", "namespace", COPY, "--wait=true"]).ok();

    world.kubectl(&["create", "configmap", "held", "-n", first]).ok();
    hold(world, first, r#"["example.com/hold"]"#).ok();
    world.kubectl(&["delete", "namespace", first, "--wait=false"]).ok();
    world.until("the namespace is held", || unwell(world, &[]).1.get("chain-terminating").cloned());
    fails(world, "chain-terminating", "example.com/hold");
    hold(world, first, "null").ok();
    world.until("the namespace is gone", || {
        (world.kubectl(&["get", "namespace", first]).code != 0).then_some(())
    });
    well(world);
}

fn home_is_broken(world: &World) {
    let (head, record, history) = (
        format!("chain-{}", world.chain),
        format!("record-{}", world.chain),
        format!("history-{}", world.chain),
    );
    let patch = |generation: &str| {
        let patch = format!(r#"{{"data":{{"generation":"{generation}"}}}}"#);
        world.kubectl(&["patch", "configmap", &head, "-n", "studioci", "--type=merge", "-p", &patch]).ok();
    };
    patch("two");
    fails(world, "chain-head", "generation");
    patch("3");
    for (object, check) in [(&record, "chain-record"), (&history, "chain-retention")] {
        let mut kept = world.get(&["configmap", object, "-n", "studioci"]);
        for server in ["uid", "resourceVersion", "creationTimestamp", "managedFields"] {
            kept["metadata"].as_object_mut().unwrap().remove(server);
        }
        let file = world.file("kept.json", &kept.to_string());
        world.kubectl(&["delete", "configmap", object, "-n", "studioci"]).ok();
        fails(world, check, object);
        world.kubectl(&["create", "-f", &file]).ok();
        well(world);
    }
}
