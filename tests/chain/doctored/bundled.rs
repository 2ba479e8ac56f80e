//! A bundle: what is in it, and what is not.

use std::path::{Path, PathBuf};

use serde_json::json;
use studioci::chain::base64::of_base64;

use super::SECRET;
use crate::held::holds;
use crate::world::World;

/// Letters of a value that is looked for; what is shorter stands anywhere.
const LETTERS: usize = 8;

/// What the Secrets of the cluster hold, but for certificates, which are no secret.
fn secrets(world: &World) -> Vec<String> {
    let all = world.get(&["secrets", "-A"]);
    let all = all["items"].as_array().unwrap().iter();
    let data = all.filter_map(|secret| secret["data"].as_object()).flatten();
    let values = data.filter_map(|(_, value)| String::from_utf8(of_base64(value.as_str()?)?).ok());
    let mut values: Vec<String> = values.filter(|value| value.len() >= LETTERS).collect();
    values.retain(|value| !value.starts_with("-----BEGIN CERTIFICATE"));
    values
}

/// The files below a folder.
fn texts(folder: &Path) -> Vec<(PathBuf, String)> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let each = paths.flat_map(|path| {
        if path.is_dir() {
            texts(&path)
        } else {
            vec![(path.clone(), std::fs::read_to_string(path).unwrap())]
        }
    });
    each.collect()
}

pub(super) fn a_bundle_holds_no_secret(world: &World, newest: &str) {
    let words: Vec<String> = (0..7).map(|number| format!("{SECRET}-{number}")).collect();
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
    let mut secrets = secrets(world);
    for held in ["hook", "login", "signs", "0", "1"] {
        let held = format!("{SECRET}-{held}");
        assert!(secrets.iter().any(|secret| secret.contains(&held)), "no Secret holds {held}");
    }
    secrets.push(SECRET.to_owned());
    let files = texts(&folder.join("studioci-bundle"));
    assert!(files.len() > 10, "{files:?}");
    for (path, text) in &files {
        let told: Vec<&String> = secrets.iter().filter(|secret| holds(text, secret)).collect();
        assert!(told.is_empty(), "{}: {told:?}", path.display());
    }
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
