//! What no pipeline may hold. Everything here would be refused by the cluster later, or would do harm there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::chain_settings;
use super::kinds::{self, Known};
use super::settings::KEYS;
use super::subject::{Subject, escaped, is_other};
use super::{PlanInput, fields, images, rights};
use crate::chain::wire;
use crate::pipeline::fault::{Fault, did_you_mean};

/// Longest name that fits into a label and a host name, where the API server puts the names of most objects.
const NAME_MAX: usize = 63;
/// What a ConfigMap or Secret may hold, and near to what the API server stores at all.
const SIZE_MAX: usize = 1 << 20;

/// Longest key of a ConfigMap or Secret.
const KEY_MAX: usize = 253;
/// Wrong keys of an object that are told.
const KEYS_TOLD: usize = 20;

/// Checks one object. `is_build`: whether it is, or may be meant as, the build workload.
pub(super) fn subject(
    subject: &Subject<'_>,
    is_build: bool,
    own: &[&str],
    settings: &PlanInput,
    faults: &mut Vec<Fault>,
) {
    reserved(subject, is_build, "", subject.value, faults);
    if !subject.is("", "Namespace") && !kind(subject, faults) {
        return;
    }
    fields::check(subject, faults);
    if subject.is("", "Namespace") {
        return;
    }
    name(subject, faults);
    data_keys(subject, faults);
    if let Some(theirs) = subject.namespace().filter(|theirs| !own.contains(theirs)) {
        let called: Vec<&str> =
            own.iter().copied().filter(|name| Some(*name) != settings.namespace.as_deref()).collect();
        faults.push(subject.at("/metadata/namespace").fault(
            format!("it is in namespace {theirs}"),
            match *called {
                [] => "every build has a namespace of its own, and nothing of a pipeline goes elsewhere".to_owned(),
                _ => format!(
                    "every build has a namespace of its own, which the pipeline calls {}; nothing of it goes elsewhere",
                    called.join(" or ")
                ),
            },
            "leave metadata.namespace out",
        ));
    }
    images::check(subject, faults);
    size(subject, faults);
    agent(subject, faults);
    if subject.is("rbac.authorization.k8s.io", "Role") {
        rights::role(subject, settings, faults);
    }
    if subject.is("rbac.authorization.k8s.io", "RoleBinding") {
        rights::binding(subject, own, faults);
    }
}

/// Checks the objects together.
pub(super) fn pipeline(subjects: &[Subject<'_>], build: Option<Subject<'_>>, faults: &mut Vec<Fault>) {
    let Some(build) = build.map(|build| build.name()) else { return twice(subjects, faults) };
    for subject in subjects.iter().filter(|subject| subject.is("autoscaling", "HorizontalPodAutoscaler")) {
        let target = |field| subject.text(&format!("/spec/scaleTargetRef/{field}"));
        if target("kind") == Some("Deployment") && target("name") == Some(build) {
            faults.push(subject.at("/spec/scaleTargetRef/name").fault(
                format!("it scales Deployment/{build}, the build workload"),
                "in the cluster that Deployment is the listener, which has one replica, and none when all is done",
                "take it out",
            ));
        }
    }
    twice(subjects, faults);
}

fn twice(subjects: &[Subject<'_>], faults: &mut Vec<Fault>) {
    let mut seen: BTreeMap<(&str, &str, &str), &Subject<'_>> = BTreeMap::new();
    for subject in
        subjects.iter().filter(|subject| !subject.name().is_empty() && !subject.is("", "Namespace"))
    {
        let key = (subject.group(), subject.kind(), subject.name());
        if let Some(first) = seen.insert(key, subject) {
            faults.push(subject.at("/metadata/name").fault(
                "it is there twice",
                format!(
                    "document {} (line {}) has the same kind and name; the later would overwrite it",
                    first.document.number, first.document.line
                ),
                "rename one of them, or remove it",
            ));
        }
    }
}

/// Finds every metadata, of whatever template. `place`: the path to `value`, with a dot at its end.
fn reserved(subject: &Subject<'_>, is_build: bool, place: &str, value: &Value, faults: &mut Vec<Fault>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                if field == "metadata" {
                    keys(subject, is_build, place, value, faults);
                }
                reserved(subject, is_build, &format!("{place}{field}."), value, faults);
            }
        }
        Value::Array(items) => {
            let place = place.trim_end_matches('.');
            for (index, item) in items.iter().enumerate() {
                reserved(subject, is_build, &format!("{place}[{index}]."), item, faults);
            }
        }
        _ => {}
    }
}

/// Keys of ours are our own to write: by them an object would pass for the listener, for the build or for support. A person
/// writes the settings only, on the build workload.
fn keys(subject: &Subject<'_>, is_build: bool, place: &str, metadata: &Value, faults: &mut Vec<Fault>) {
    for map in ["labels", "annotations"] {
        let entries = metadata.get(map).and_then(Value::as_object).into_iter().flatten();
        for (key, value) in entries.filter(|(key, _)| wire::is_ours(key)) {
            let setting = KEYS.contains(&key.as_str());
            let read_here = place.is_empty() && map == "annotations" && subject.is("apps", "Deployment");
            // the one that picks the build workload may say of another that it is not picked
            if read_here && setting && (is_build || key == wire::BUILD) {
                continue;
            }
            let of_chain = chain_settings::KEYS.contains(&key.as_str());
            let lends = place.is_empty() && map == "annotations" && subject.is("", "Namespace");
            if lends && of_chain {
                continue;
            }
            let meant = if lends { did_you_mean(key, chain_settings::KEYS) } else { did_you_mean(key, KEYS) };
            let meant = meant.filter(|_| lends || read_here && is_build);
            faults.push(subject.on(value).fault(
                format!("{place}metadata.{map}: {key} is not for a pipeline to write"),
                "by such keys it is told what is whose in a build's namespace; a pipeline writes the settings only, as \
                 annotations of the build workload, and those of the chain as annotations of its Namespace",
                match meant {
                    _ if of_chain => {
                        "write it under metadata.annotations of a Namespace document, or take it out".to_owned()
                    }
                    _ if setting => "write it under metadata.annotations of the build workload, or take it out".to_owned(),
                    Some(meant) => meant,
                    None => "take it out, or give it a prefix of your own".to_owned(),
                },
            ));
        }
    }
}

fn kind(subject: &Subject<'_>, faults: &mut Vec<Fault>) -> bool {
    let (api_version, kind) = (subject.api_version(), subject.kind());
    if kind == "Kustomization" || api_version.starts_with("kustomize.config.k8s.io/") {
        faults.push(subject.at("/kind").fault(
            "this is for kustomize, not for a cluster",
            "it says what kustomize makes of other files, and no server has the kind",
            "let kustomize build it, `kubectl kustomize FOLDER > pipeline.yaml`, and make a pipeline of that",
        ));
        return false;
    }
    match kinds::look_up(api_version, kind) {
        Known::Covered(_) => return true,
        Known::Moved(served) => faults.push(subject.at("/apiVersion").fault(
            format!("{api_version} {kind} is not served"),
            format!("since Kubernetes 1.30, and most of them long before, servers know {kind} as {served}"),
            format!("write apiVersion: {served}, and check its fields"),
        )),
        Known::Gone(since, instead) => faults.push(subject.at("/kind").fault(
            format!("{api_version} {kind} is not served"),
            format!("Kubernetes {since} took the kind away, and nothing has it since"),
            instead,
        )),
        Known::ClusterScoped => {
            let (why, hint) = match kind {
                "ClusterRole" => (
                    "it belongs to no namespace: builds would overwrite each other's, and an agent may not create it",
                    "write a Role with the same rules: in the build's own namespace that is all a build needs",
                ),
                "ClusterRoleBinding" => (
                    "it belongs to no namespace: builds would overwrite each other's, and an agent may not create it",
                    "write a RoleBinding of a Role to the same ServiceAccount",
                ),
                _ => (
                    "it belongs to no namespace: builds would overwrite each other's, and it would outlive them",
                    "take it out of the pipeline and let an admin create it once",
                ),
            };
            faults.push(subject.at("/kind").fault(format!("{kind} is cluster-scoped"), why, hint));
        }
        Known::Uncovered => faults.push(subject.at("/kind").fault(
            format!("{api_version} {kind} is not a kind that a pipeline may hold"),
            format!("{} does not cover it, so that an agent could not create it", wire::ROLE_WORKSPACE),
            "take it out of the pipeline; what builds can share, an admin creates once elsewhere",
        )),
    }
    false
}

fn name(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let name = subject.name();
    if subject.text("/metadata/generateName").is_some_and(|prefix| !prefix.is_empty()) {
        faults.push(subject.at("/metadata/generateName").fault(
            "it has a generateName",
            "a build is prepared by applying its documents, over again after a crash: every time there would be one more",
            "give it a metadata.name",
        ));
    } else if name.is_empty()
        && !is_other(subject.value.get("metadata"), Value::is_object)
        && !is_other(subject.value.pointer("/metadata/name"), Value::is_string)
    {
        faults.push(subject.at("/metadata/name").fault(
            "it has no name",
            "nothing can be applied without one",
            "give it a metadata.name",
        ));
    }
    if name.len() > NAME_MAX {
        faults.push(subject.at("/metadata/name").fault(
            format!("its name has {} characters", name.len()),
            format!("names longer than {NAME_MAX} do not fit into labels and host names"),
            "shorten it",
        ));
    }
    if let Some(why) = name_fault(subject) {
        faults.push(subject.at("/metadata/name").fault(
            format!("its name {name:?} {why}"),
            "the API server takes no object of such a name",
            "rename it",
        ));
    }
    if name.starts_with("studioci-") {
        faults.push(subject.at("/metadata/name").fault(
            "its name begins with studioci-",
            "studioci keeps its own objects under such names in the same namespace",
            "rename it",
        ));
    }
}

/// Why a name is none that the API server takes for its kind: for most a DNS subdomain.
fn name_fault(subject: &Subject<'_>) -> Option<String> {
    let name = subject.name();
    let (is_rbac, is_service) = (subject.group() == "rbac.authorization.k8s.io", subject.is("", "Service"));
    if is_rbac {
        let found = name.chars().find(|c| "/%".contains(*c)).map(|c| format!("has {c:?}"));
        return found
            .or_else(|| matches!(name, "." | "..").then(|| "stands for a folder in a path".to_owned()));
    }
    let (extra, allowed) =
        if is_service { ("-", "a-z, 0-9 and '-'") } else { ("-.", "a-z, 0-9, '-' and '.'") };
    let fits = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(*c);
    if let Some(c) = name.chars().find(|c| !fits(c)) {
        return Some(format!("has {c:?}; only {allowed} are allowed"));
    }
    let ends = |part: &str| part.is_empty() || part.starts_with('-') || part.ends_with('-');
    (!name.is_empty() && name.split('.').any(ends))
        .then(|| "has no letter or digit at an end, or beside a dot".to_owned())
}

/// A key of a ConfigMap or Secret may become the name of a file.
fn data_keys(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let maps = match (subject.group(), subject.kind()) {
        ("", "ConfigMap") => ["data", "binaryData"],
        ("", "Secret") => ["data", "stringData"],
        _ => return,
    };
    let entries = |map| subject.value.get(map).and_then(Value::as_object).into_iter().flatten();
    for map in maps {
        let wrong = entries(map).filter_map(|(key, _)| {
            let twice = map == "binaryData" && entries("data").any(|(other, _)| other == key);
            Some((key, key_fault(key).or_else(|| twice.then(|| "is in data, too".to_owned()))?))
        });
        for (key, why) in wrong.take(KEYS_TOLD) {
            faults.push(subject.at(&format!("/{map}/{}", escaped(key))).fault(
                format!("{map}: the key {key:?} {why}"),
                "the API server takes a key once, and only one that may become the name of a file",
                "rename it",
            ));
        }
    }
}

fn key_fault(key: &str) -> Option<String> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    if key.is_empty() {
        Some("is empty".to_owned())
    } else if key.len() > KEY_MAX {
        Some(format!("has {} characters; at most {KEY_MAX} fit", key.len()))
    } else if let Some(c) = key.chars().find(|c| !fits(c)) {
        Some(format!("has {c:?}; only letters, digits, '-', '_' and '.' are allowed"))
    } else {
        (key == "." || key.starts_with("..")).then(|| "stands for a folder, or begins with ..".to_owned())
    }
}

fn size(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let mut size = subject.value.to_string().len();
    if subject.is("", "Secret") {
        // Base64 counts as what it decodes to.
        let data = subject.value.pointer("/data").and_then(Value::as_object);
        size -= data
            .into_iter()
            .flatten()
            .filter_map(|(_, it)| it.as_str())
            .map(|it| it.len() / 4)
            .sum::<usize>();
    }
    if size > SIZE_MAX {
        faults.push(subject.fault(
            format!("it has {size} bytes"),
            format!("the API server stores no object of more than {SIZE_MAX}"),
            "split it, or put the data into the CI image",
        ));
    }
}

/// Nobody but the agent becomes the agent.
fn agent(subject: &Subject<'_>, faults: &mut Vec<Fault>) {
    let reached = subject.pod_template().and_then(|template| {
        // Both fields count: where they differ, the server takes either, by version.
        ["/spec/serviceAccountName", "/spec/serviceAccount"]
            .iter()
            .filter_map(|pointer| template.pointer(pointer))
            .find(|account| account.as_str().is_some_and(wire::is_agent_account))
    });
    if let Some((found, account)) = reached.and_then(|found| Some((found, found.as_str()?))) {
        faults.push(subject.on(found).fault(
            format!("its pods would run as ServiceAccount {account}"),
            "that is the agent's own: whoever runs as it can write into the chain's other namespaces",
            "name a ServiceAccount of the pipeline, or none",
        ));
    }
    let is_token =
        subject.is("", "Secret") && subject.text("/type") == Some("kubernetes.io/service-account-token");
    let annotations = subject.annotations();
    let asked = annotations.get("kubernetes.io/service-account.name");
    if let Some(account) = asked.filter(|account| is_token && wire::is_agent_account(account)) {
        faults.push(subject.at("/metadata/annotations/kubernetes.io~1service-account.name").fault(
            format!("it asks for a token of ServiceAccount {account}"),
            "that is the agent's own: whoever holds its token can write into the chain's other namespaces",
            "ask for a token of a ServiceAccount of the pipeline",
        ));
    }
}
