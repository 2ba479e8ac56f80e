//! Who holds what is secret: objects of the cluster, logs, argument lists.

use std::fs;

use serde_json::Value;
use studioci::chain::base64::base64;

use crate::world::World;

/// A text within base64: which letters it gives depends on where it begins, in threes of bytes. Letters that its neighbours
/// change as well are left out.
fn encoded(text: &str) -> [String; 3] {
    [0, 1, 2].map(|before| {
        let whole = base64(format!("{}{text}", &"  "[..before]));
        whole[[0, 2, 3][before]..(before + text.len()) / 3 * 4].to_owned()
    })
}

/// Whether a text holds a secret, as it is or in base64, once or, as a Secret's `auth`, twice.
pub(crate) fn holds(text: &str, secret: &str) -> bool {
    let once = encoded(secret);
    let twice = once.iter().flat_map(|form| encoded(form));
    text.contains(secret) || once.iter().cloned().chain(twice).any(|form| text.contains(&form))
}

/// Every object of the cluster that holds it.
pub(crate) fn holders(world: &World, secret: &str) -> Vec<String> {
    let kinds = world.kubectl(&["api-resources", "--verbs=list", "-o", "name"]).ok();
    let kinds: Vec<&str> = kinds.lines().filter(|kind| *kind != "componentstatuses").collect();
    let all = world.get(&[&kinds.join(","), "-A", "--show-managed-fields"]);
    let mut found: Vec<String> = all["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| holds(&object.to_string(), secret))
        .map(|object| {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or("-");
            format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"))
        })
        .collect();
    found.sort();
    found
}

/// Everything that any container of the chain has written.
pub(crate) fn logs(world: &World) -> String {
    let pods = world.get(&["pods", "-A"]);
    let pods = pods["items"].as_array().unwrap();
    assert!(!pods.is_empty());
    pods.iter()
        .map(|pod| {
            let text = |key: &str| pod["metadata"][key].as_str().unwrap();
            world.kubectl(&["logs", "--all-containers", "-n", text("namespace"), text("name")]).out
        })
        .collect()
}

/// The argument lists of all processes, those of pods among them.
pub(crate) fn arguments() -> String {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    // one that has ended meanwhile has none
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .fold(String::new(), |all, line| all + &String::from_utf8_lossy(&line).replace('\0', " ") + "\n")
}

#[test]
fn a_secret_is_found_wherever_it_begins_in_base64() {
    for before in ["", "a", "ab", "abc", "robot:"] {
        for after in ["", "}", "\"}", "\"}}"] {
            let once = base64(format!("{before}word-of-the-robot{after}"));
            assert!(holds(&once, "word-of-the-robot"), "{before}…{after}");
            let twice = base64(format!("{{\"auth\":\"{once}\"}}{after}"));
            assert!(holds(&format!("x{twice}y"), "word-of-the-robot"), "{before}…{after}");
            assert!(!holds(&twice, "word-of-a-robot"));
        }
    }
}
