//! What is allowed and still likely to surprise.

use serde_json::Value;

use super::find;
use super::job::is_ours;
use super::rest::{is_support, replicas};
use super::subject::{Subject, escaped, list, text};
use super::{BuildWorkload, PlanNotice};
use crate::keel::names;
use crate::pipeline::shell::{self, ShellStep};

/// Collects the notices of a pipeline without faults.
pub(super) fn all(
    subjects: &[Subject<'_>],
    build: &BuildWorkload,
    own: &[&str],
    notices: &mut Vec<PlanNotice>,
) {
    for subject in subjects {
        if subject.is("apps", "Deployment") && subject.name() == build.name {
            of_build(subject, build, notices);
            pull_secrets(subject, subjects, build, notices);
        } else if is_support(subject) && replicas(subject) == 0 {
            notices.push(subject.at("/spec/replicas").notice(
                "it asks for 0 replicas, so that a build starts without it; studioci itself starts support before a \
                 build and stops it afterwards",
            ));
        }
        hooks(subject, notices);
        selects_all_pods(subject, notices);
        empty_environment(subject, notices);
        names_own_namespace(subject, own, notices);
    }
}

fn of_build(subject: &Subject<'_>, build: &BuildWorkload, notices: &mut Vec<PlanNotice>) {
    let spec = subject.pod_template().and_then(|template| template.get("spec")).unwrap_or(&Value::Null);
    if replicas(subject) != 1 && subject.value.pointer("/spec/replicas").is_some() {
        notices.push(subject.at("/spec/replicas").notice(format!(
            "replicas: {} is not used: the listener has one, and a build runs once",
            replicas(subject)
        )));
    }
    let token = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
    if let (Some(account), None) = (find::account(&build.template), token) {
        notices.push(subject.at("/spec/template/spec/serviceAccountName").notice(format!(
            "the build runs as ServiceAccount {account} and gets no token of it unless the pod template says \
             automountServiceAccountToken: true"
        )));
    }
    for container in list(spec, "/containers") {
        let name = text(container, "/name").unwrap_or_default();
        if name == build.container {
            if text(container, "/imagePullPolicy") == Some("Never") {
                notices.push(subject.on(&container["imagePullPolicy"]).notice(format!(
                    "container {name}: the listener pulls the image (imagePullPolicy Always), whatever the template says"
                )));
            }
            continue;
        }
        let probed = container.get("startupProbe").is_some_and(|probe| !probe.is_null());
        notices.push(subject.on(container).notice(format!(
            "container {name} runs as a sidecar beside the build container {}, starts before it and ends with it{}",
            build.container,
            if probed { "; its startupProbe is left out, since the build would wait for it" } else { "" }
        )));
    }
    for container in list(spec, "/containers").iter().chain(list(spec, "/initContainers")) {
        for entry in list(container, "/env").iter().filter(|entry| is_ours(entry)) {
            notices.push(subject.on(entry).notice(format!(
                "container {}: {} is set by studioci, and the template's value is left out",
                text(container, "/name").unwrap_or_default(),
                text(entry, "/name").unwrap_or_default()
            )));
        }
    }
    for (map, entries) in [("labels", &build.labels), ("annotations", &build.annotations)] {
        for (key, value) in entries {
            let monitored = key.eq_ignore_ascii_case(names::MONITOR_CONTAINERS);
            if monitored || key.eq_ignore_ascii_case(names::INIT_CONTAINERS) {
                notices.push(subject.at(&format!("/metadata/{map}/{}", escaped(key))).notice(format!(
                    "{key}: {value:?} is replaced: on a listener Keel updates the build container and nothing else"
                )));
            }
        }
    }
}

fn pull_secrets(
    subject: &Subject<'_>,
    subjects: &[Subject<'_>],
    build: &BuildWorkload,
    notices: &mut Vec<PlanNotice>,
) {
    for name in build.pull_secret_names() {
        if !subjects.iter().any(|other| other.is("", "Secret") && other.name() == name) {
            notices.push(subject.at("/spec/template/spec/imagePullSecrets").notice(format!(
                "pull Secret {name} is not in the pipeline, and a fresh namespace does not have it: the registry will \
                 be asked without it"
            )));
        }
    }
}

/// Hooks that do by hand what the agent does: in a build they fail the container or keep it from ending.
fn hooks(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    for container in containers(subject) {
        for hook in ["postStart", "preStop"] {
            let words = list(container, &format!("/lifecycle/{hook}/exec/command"));
            let words: Vec<String> = words.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let steps = shell::of_command(&words);
            let calls = steps.iter().any(|step| shell::kubectl(step.words()).is_some());
            let does = match (calls, loops(&steps)) {
                (true, true) => "calls kubectl and loops",
                (true, false) => "calls kubectl",
                (false, true) => "loops",
                (false, false) => continue,
            };
            notices.push(subject.on(&container["lifecycle"][hook]).notice(format!(
                "container {}: its {hook} hook {does}; letting go of Keel and scaling support are the agent's work \
                 here, and {}: take the hook out",
                text(container, "/name").unwrap_or_default(),
                if hook == "postStart" {
                    "a hook that fails kills the container"
                } else {
                    "a hook that does not return delays the end until the grace period is over"
                }
            )));
        }
    }
}

fn loops(steps: &[ShellStep]) -> bool {
    let begins = |step: &ShellStep| matches!(step.keyword(), Some("while" | "until"));
    steps.iter().any(begins) || !shell::endless(steps).is_empty()
}

/// The server takes null for a value that is left out.
fn empty_environment(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    for container in containers(subject) {
        for entry in list(container, "/env").iter().filter(|entry| entry.get("value") == Some(&Value::Null)) {
            if entry.get("valueFrom").is_none_or(Value::is_null) {
                notices.push(subject.on(entry).notice(format!(
                    "container {}: {} is null, and will be empty; write \"\" if that is meant",
                    text(container, "/name").unwrap_or_default(),
                    text(entry, "/name").unwrap_or_default()
                )));
            }
        }
    }
}

fn containers<'a>(subject: &Subject<'a>) -> impl Iterator<Item = &'a Value> {
    let of = |field| subject.pod_template().map_or(&[][..], |template| list(template, field));
    of("/spec/containers").iter().chain(of("/spec/initContainers"))
}

/// Such a policy closes the agent in as well, which then cannot reach the API server.
fn selects_all_pods(subject: &Subject<'_>, notices: &mut Vec<PlanNotice>) {
    if !subject.is("networking.k8s.io", "NetworkPolicy") {
        return;
    }
    let selector = subject.value.pointer("/spec/podSelector").and_then(Value::as_object);
    let egress = subject.list("/spec/policyTypes").iter().any(|it| it.as_str() == Some("Egress"))
        || subject.value.pointer("/spec/egress").is_some_and(|it| !it.is_null());
    if egress && selector.is_none_or(serde_json::Map::is_empty) {
        notices.push(subject.at("/spec/podSelector").notice(
            "it limits the egress of every pod, the agent's too, which must reach the API server; select the build's \
             own pods",
        ));
    }
}

/// A literal host name in the pipeline's own namespace finds nothing in the build's.
fn names_own_namespace(subject: &Subject<'_>, own: &[&str], notices: &mut Vec<PlanNotice>) {
    for namespace in own {
        let host = format!(".{namespace}.svc");
        let Some(holder) = holder(subject.value, &host) else { continue };
        notices.push(subject.on(holder).notice(format!(
            "it names a host in {namespace}.svc, but the build's namespace has another name; write the Service's name \
             alone, or use $(STUDIOCI_NAMESPACE)"
        )));
    }
}

/// The innermost value that holds these words, in a key of it or as a text.
fn holder<'a>(value: &'a Value, words: &str) -> Option<&'a Value> {
    match value {
        Value::String(text) => text.contains(words).then_some(value),
        Value::Array(items) => items.iter().find_map(|item| holder(item, words)),
        Value::Object(fields) => {
            let named = || fields.keys().any(|key| key.contains(words)).then_some(value);
            fields.values().find_map(|field| holder(field, words)).or_else(named)
        }
        _ => None,
    }
}
