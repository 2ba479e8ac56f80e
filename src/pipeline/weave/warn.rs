//! What is allowed and still likely to surprise.

use serde_json::Value;

use super::find;
use super::job::is_ours;
use super::rest::{is_support, replicas};
use super::subject::{Subject, escaped, list, text};
use super::{BuildWorkload, PlanNotice};
use crate::keel::names;
use crate::pipeline::codes;
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
            let notice =
                subject.at("/spec/replicas").notice(codes::SUPPORT_AT_ZERO, "it asks for 0 replicas");
            notices.push(
                notice
                    .why(
                        "a build starts without it; studioci itself starts support before a build and stops it \
                         afterwards",
                    )
                    .remedy("write how many a build needs"),
            );
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
        let text = format!("replicas: {} is not used", replicas(subject));
        let notice = subject.at("/spec/replicas").notice(codes::REPLICAS_UNUSED, text);
        notices.push(notice.why("the listener has one, and a build runs once").remedy("take it out"));
    }
    let token = spec.get("automountServiceAccountToken").and_then(Value::as_bool);
    if let (Some(account), None) = (find::account(&build.template), token) {
        let text = format!("the build runs as ServiceAccount {account} and gets no token of it");
        notices.push(
            subject
                .at("/spec/template/spec/serviceAccountName")
                .notice(codes::ACCOUNT_TOKEN, text)
                .why("a build gets one only where the pod template asks for it")
                .remedy("write automountServiceAccountToken: true into the pod template, or false if that is meant"),
        );
    }
    for container in list(spec, "/containers") {
        let name = text(container, "/name").unwrap_or_default();
        if name == build.container {
            notices.extend(pull_policy(subject, build, container));
            continue;
        }
        let probed = container.get("startupProbe").is_some_and(|probe| !probe.is_null());
        let text = format!(
            "container {name} runs as a sidecar beside the build container {}, starts before it and ends with it{}",
            build.container,
            if probed { "; its startupProbe is left out, since the build would wait for it" } else { "" }
        );
        notices.push(subject.on(container).notice(codes::SIDECAR, text).note());
    }
    for container in list(spec, "/containers").iter().chain(list(spec, "/initContainers")) {
        for entry in list(container, "/env").iter().filter(|entry| is_ours(entry)) {
            let text = format!(
                "container {}: {} is set by studioci, and the template's value is left out",
                text(container, "/name").unwrap_or_default(),
                text(entry, "/name").unwrap_or_default()
            );
            notices.push(subject.on(entry).notice(codes::ENV_RESERVED, text).remedy("take it out"));
        }
    }
    for (map, entries) in [("labels", &build.labels), ("annotations", &build.annotations)] {
        for (key, value) in entries {
            let monitored = key.eq_ignore_ascii_case(names::MONITOR_CONTAINERS);
            if monitored || key.eq_ignore_ascii_case(names::INIT_CONTAINERS) {
                let spot = subject.at(&format!("/metadata/{map}/{}", escaped(key)));
                let notice = spot.notice(codes::CONTAINERS_REPLACED, format!("{key}: {value:?} is replaced"));
                notices.push(
                    notice
                        .why("on a listener Keel updates the build container and nothing else")
                        .remedy("take it out"),
                );
            }
        }
    }
}

/// A pull policy of the build container that is not used, or would hide a push from whoever applies the template by hand.
fn pull_policy(subject: &Subject<'_>, build: &BuildWorkload, container: &Value) -> Option<PlanNotice> {
    let written = text(container, "/imagePullPolicy")?;
    if !(written == "Never" || written == "IfNotPresent" && build.match_tag()) {
        return None;
    }
    let policy = &container["imagePullPolicy"];
    let notice = subject.on(policy).notice(
        codes::PULL_POLICY,
        format!("container {}: imagePullPolicy: {written} is not used", build.container),
    );
    let why = if written == "Never" {
        "the listener pulls the image, whatever the template says"
    } else {
        "the listener pulls the image, whatever the template says: a node that has the tag would never see what is pushed \
         over it"
    };
    let fix = subject.word_of(policy, written, "Always");
    Some(notice.why(why).remedy("write imagePullPolicy: Always").fixed(fix))
}

fn pull_secrets(
    subject: &Subject<'_>,
    subjects: &[Subject<'_>],
    build: &BuildWorkload,
    notices: &mut Vec<PlanNotice>,
) {
    for name in build.pull_secret_names() {
        if !subjects.iter().any(|other| other.is("", "Secret") && other.name() == name) {
            let text = format!("pull Secret {name} is not in the pipeline");
            notices.push(
                subject
                    .at("/spec/template/spec/imagePullSecrets")
                    .notice(codes::PULL_SECRET_ABSENT, text)
                    .why("a fresh namespace does not have it, and the registry is asked without it")
                    .remedy(format!("add the Secret, or have it copied: start --secret {name}"))
                    .note(),
            );
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
            let name = text(container, "/name").unwrap_or_default();
            let spot = subject.on(&container["lifecycle"][hook]);
            let notice = spot.notice(codes::OLD_HOOK, format!("container {name}: its {hook} hook {does}"));
            let harm = if hook == "postStart" {
                "a hook that fails kills the container"
            } else {
                "a hook that does not return delays the end until the grace period is over"
            };
            notices.push(
                notice
                    .why(format!(
                        "letting go of Keel and scaling support are the agent's work here, and {harm}"
                    ))
                    .remedy("take the hook out"),
            );
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
                let text = format!(
                    "container {}: {} is null, and will be empty",
                    text(container, "/name").unwrap_or_default(),
                    text(entry, "/name").unwrap_or_default()
                );
                let notice = subject.on(entry).notice(codes::ENV_NULL, text);
                notices.push(notice.remedy("write \"\" if that is meant"));
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
        notices.push(
            subject
                .at("/spec/podSelector")
                .notice(codes::EGRESS_CLOSED, "it limits the egress of every pod, the agent's too")
                .why("an agent must reach the API server")
                .remedy("select the build's own pods"),
        );
    }
}

/// A literal host name in the pipeline's own namespace finds nothing in the build's.
fn names_own_namespace(subject: &Subject<'_>, own: &[&str], notices: &mut Vec<PlanNotice>) {
    for namespace in own {
        let host = format!(".{namespace}.svc");
        let Some(holder) = holder(subject.value, &host) else { continue };
        let text = format!("it names a host in {namespace}.svc");
        notices.push(
            subject
                .on(holder)
                .notice(codes::NAMESPACE_LITERAL, text)
                .why("the build's namespace has another name")
                .remedy("write the Service's name alone, or use $(STUDIOCI_NAMESPACE)"),
        );
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
