//! Everything that a chain has in a cluster, written so that two runs of the same story can be compared: names that
//! are drawn, uids, times and hashes are replaced by what they stand for.

use std::time::Instant;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::world::{BOUND, World};

/// Every kind that we, or a pipeline of ours, make, and what controllers make of them.
const KINDS: &str = "namespaces,configmaps,secrets,serviceaccounts,roles,rolebindings,clusterrolebindings,\
                     deployments,replicasets,statefulsets,daemonsets,replicationcontrollers,jobs,cronjobs,pods,\
                     services,persistentvolumeclaims,resourcequotas,networkpolicies";

/// What a chain has in the cluster: one line an object, sorted. `known`: what differs between two runs, and what to
/// call it.
pub(crate) fn listing(world: &World, chain: &str, known: &[(&str, &str)]) -> Vec<String> {
    let all = world.get(&[KINDS, "-A"]);
    let all = all["items"].as_array().unwrap();
    let spaces = namespaces(all, chain);
    let mut names: Vec<(String, String)> = spaces.clone();
    names.extend(hashes(all, &spaces));
    names.extend(known.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())));
    names.push((chain.to_owned(), "CHAIN".to_owned()));
    let ours = |object: &Value| {
        let meta = &object["metadata"];
        let own = meta["labels"]["studioci.dev/chain"] == chain;
        own || spaces.iter().any(|(name, _)| meta["namespace"] == name.as_str())
    };
    let mut lines: Vec<String> = all
        .iter()
        .filter(|object| ours(object))
        .map(|object| plain(&told(object).to_string(), &names))
        .collect();
    lines.sort();
    lines
}

/// Waits until a chain has come to the same end; a failure shows where it differs.
pub(crate) fn comes_to(world: &World, wanted: &[String], mut now: impl FnMut() -> Vec<String>) {
    let begun = Instant::now();
    loop {
        let there = now();
        if there == wanted {
            return;
        }
        if begun.elapsed() > BOUND {
            let without = |lines: &[String], others: &[String]| -> Vec<String> {
                lines.iter().filter(|line| !others.contains(line)).cloned().collect()
            };
            panic!(
                "another end:\nonly wanted: {:#?}\nonly there: {:#?}\n{}",
                without(wanted, &there),
                without(&there, wanted),
                world.picture()
            );
        }
        std::thread::sleep(std::time::Duration::from_millis(500));
    }
}

/// Names of the chain's namespaces and what to call them: two of one generation would be told apart.
fn namespaces(all: &[Value], chain: &str) -> Vec<(String, String)> {
    let mut spaces: Vec<(String, String)> = all
        .iter()
        .filter(|object| {
            object["kind"] == "Namespace" && object["metadata"]["labels"]["studioci.dev/chain"] == chain
        })
        .map(|object| {
            let generation =
                object["metadata"]["annotations"]["studioci.dev/generation"].as_str().unwrap_or("?");
            (object["metadata"]["name"].as_str().unwrap().to_owned(), format!("NS{generation}"))
        })
        .collect();
    spaces.sort();
    spaces
}

/// Hashes of pod templates: they change with every name that stands in a template.
fn hashes(all: &[Value], spaces: &[(String, String)]) -> Vec<(String, String)> {
    all.iter()
        .filter(|object| spaces.iter().any(|(name, _)| object["metadata"]["namespace"] == name.as_str()))
        .filter_map(|object| object["metadata"]["labels"]["pod-template-hash"].as_str())
        .map(|hash| (hash.to_owned(), "HASH".to_owned()))
        .collect()
}

/// An object without what the server alone writes.
fn told(object: &Value) -> Value {
    let meta = &object["metadata"];
    let kind = object["kind"].as_str().unwrap();
    let mut told = Map::new();
    let mut name = meta["name"].as_str().unwrap().to_owned();
    // a pod's last five characters are drawn
    if kind == "Pod" && !meta["ownerReferences"].is_null() {
        name.truncate(name.len() - 5);
    }
    let place = meta["namespace"].as_str().unwrap_or("-");
    told.insert("what".to_owned(), json!(format!("{kind} {place}/{name}")));
    for key in ["labels", "annotations", "finalizers"] {
        told.insert(key.to_owned(), meta[key].clone());
    }
    let owners = meta["ownerReferences"].as_array().into_iter().flatten();
    let owners: Vec<Value> = owners.map(|owner| json!([owner["kind"], owner["name"]])).collect();
    told.insert("owners".to_owned(), json!(owners));
    told.insert("going".to_owned(), json!(!meta["deletionTimestamp"].is_null()));
    match kind {
        "Pod" => {
            let images = |containers: &Value| -> Vec<Value> {
                containers
                    .as_array()
                    .into_iter()
                    .flatten()
                    .map(|one| json!([one["name"], one["image"]]))
                    .collect()
            };
            told.insert("init".to_owned(), json!(images(&object["spec"]["initContainers"])));
            told.insert("containers".to_owned(), json!(images(&object["spec"]["containers"])));
            told.insert("phase".to_owned(), object["status"]["phase"].clone());
        }
        "ConfigMap" if name == "kube-root-ca.crt" => {}
        // drawn anew for each chain; and a kept log names its pod and the namespace's uid
        "Secret" if name.starts_with("seed-") || name.starts_with("log-") => {
            let keys = object["data"].as_object().into_iter().flat_map(Map::keys);
            told.insert("keys".to_owned(), keys.cloned().collect());
        }
        "ConfigMap" if name.starts_with("history-") => {
            // which events the controllers wrote is theirs
            let entries = object["data"].as_object().into_iter().flatten().map(|(key, entry)| {
                let mut entry: Value = serde_json::from_str(entry.as_str().unwrap()).unwrap();
                entry.as_object_mut().unwrap().remove("events");
                (key.clone(), entry)
            });
            told.insert("entries".to_owned(), Value::Object(entries.collect()));
        }
        _ => {
            for key in ["data", "rules", "roleRef", "subjects", "spec", "type", "secrets"] {
                told.insert(key.to_owned(), object[key].clone());
            }
        }
    }
    told.retain(|_, value| !value.is_null());
    Value::Object(told)
}

fn plain(text: &str, names: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (name, called) in names {
        text = text.replace(name.as_str(), called);
    }
    let rules = [
        (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UID"),
        (r"(NS[0-9]+)[-:][0-9a-f]{8}\b", "$1-UID"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "TIME"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+ \+0000 UTC m=\+[0-9.]+", "TIME"),
    ];
    for (pattern, called) in rules {
        text = Regex::new(pattern).unwrap().replace_all(&text, called).into_owned();
    }
    text
}
