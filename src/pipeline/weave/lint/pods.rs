//! Containers: what they ask for, what is asked of them, and what they are told in plain text.

use serde_json::Value;

use super::is_build;
use crate::keel::image::ImageRef;
use crate::pipeline::codes;
use crate::pipeline::notice::PlanNotice;
use crate::pipeline::weave::Plan;
use crate::pipeline::weave::subject::{Subject, list, text};

/// Looks at the pod template of a workload.
pub(super) fn look(subject: &Subject<'_>, plan: Option<&Plan>, notices: &mut Vec<PlanNotice>) {
    let Some(template) = subject.pod_template() else { return };
    let of_build = plan.filter(|plan| is_build(subject, plan));
    for container in list(template, "/spec/containers") {
        let builds = of_build.is_some_and(|plan| text(container, "/name") == Some(&plan.build.container));
        if builds || matches!(subject.kind(), "Job" | "CronJob") {
            probes(subject, container, builds, notices);
        }
        resources(subject, container, builds, notices);
        if !builds {
            latest(subject, container, plan, notices);
        }
    }
    for container in list(template, "/spec/initContainers") {
        latest(subject, container, plan, notices);
    }
    for (entry, name) in plain_secrets(template) {
        notices.push(
            subject
                .on(entry)
                .notice(codes::ENV_SECRET, format!("{name} is in plain text"))
                .why(
                    "whoever reads the repository, the image or ConfigMap record-NAME has it, and logs are not cleaned of it",
                )
                .remedy(
                    "put it into a Secret's data as {{ env.NAME | b64_encode }}, and name that by valueFrom.secretKeyRef",
                ),
        );
    }
}

/// What an object says in plain text that is meant as a secret, as it is written and as it is read, each with its line.
pub(super) fn secrets(subject: &Subject<'_>) -> Vec<(usize, String)> {
    let Some(template) = subject.pod_template() else { return Vec::new() };
    let mut secrets = Vec::new();
    for (entry, _) in plain_secrets(template) {
        let value = &entry["value"];
        let line = subject.on(value).line();
        secrets.extend(subject.written(value).map(|written| (line, written.to_owned())));
        secrets.push((line, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    }
    secrets
}

/// Entries of environments that have the name of a secret and a literal value.
fn plain_secrets(template: &Value) -> impl Iterator<Item = (&Value, &str)> {
    let of = |field| list(template, field).iter();
    let containers = of("/spec/containers").chain(of("/spec/initContainers"));
    containers.flat_map(|container| list(container, "/env")).filter_map(|entry| {
        let name = text(entry, "/name").filter(|name| is_secret(name))?;
        let literal = match entry.get("value")? {
            Value::String(value) => is_literal(value),
            Value::Number(_) => true,
            _ => false,
        };
        literal.then_some((entry, name))
    })
}

/// Whether a variable of this name holds a secret, by its last words.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let mut words = name.split(['_', '-', '.']).rev();
    let (last, before) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match last {
        "PASSWORD" | "PASSWD" | "PASSPHRASE" | "TOKEN" | "SECRET" | "APIKEY" | "CREDENTIALS" => true,
        "PASS" | "PWD" => !before.is_empty(),
        "KEY" => matches!(before, "API" | "ACCESS" | "SECRET" | "PRIVATE" | "ENCRYPTION" | "SIGNING"),
        _ => false,
    }
}

/// Whether this is a value, and no path, reference or switch.
fn is_literal(value: &str) -> bool {
    !value.is_empty()
        && !value.starts_with(['/', '$'])
        && !value.contains("$(")
        && !matches!(value, "true" | "false")
}

/// A Job's pod is no server: nothing waits until it is ready, and what restarts it ends the build.
fn probes(subject: &Subject<'_>, container: &Value, builds: bool, notices: &mut Vec<PlanNotice>) {
    let of = if builds { "a build" } else { "a Job" };
    for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(value) = container.get(probe).filter(|probe| !probe.is_null()) else { continue };
        let name = text(container, "/name").unwrap_or_default();
        let notice = subject.on(value).notice(codes::JOB_PROBE, format!("container {name} has a {probe}"));
        let why = if probe == "readinessProbe" {
            format!("{of} runs to its end, and nothing waits until it is ready")
        } else {
            format!("{of} runs to its end, and a probe that fails kills it")
        };
        notices.push(notice.why(why).remedy("take it out; a deadline ends what hangs"));
    }
}

fn resources(subject: &Subject<'_>, container: &Value, builds: bool, notices: &mut Vec<PlanNotice>) {
    let asks = |what: &str| {
        container.pointer(what).and_then(Value::as_object).is_some_and(|resources| !resources.is_empty())
    };
    let name = text(container, "/name").unwrap_or_default();
    if !asks("/resources/requests") && !asks("/resources/limits") {
        notices.push(
            subject
                .on(container)
                .notice(codes::NO_REQUESTS, format!("container {name} requests nothing"))
                .why("a node takes any number of such pods, and ends them first when it runs short")
                .remedy("write resources.requests with cpu and memory"),
        );
    }
    if builds && container.pointer("/resources/limits/memory").is_none_or(Value::is_null) {
        notices.push(
            subject
                .on(container.get("resources").unwrap_or(container))
                .notice(codes::NO_MEMORY_LIMIT, format!("container {name} may take all memory of its node"))
                .why("one build that grows takes the pods of others with it")
                .remedy("write resources.limits.memory: a build that goes beyond it is Failed, and nothing else is"),
        );
    }
}

/// Of the CI image the policy decides what a tag means.
fn latest(subject: &Subject<'_>, container: &Value, plan: Option<&Plan>, notices: &mut Vec<PlanNotice>) {
    let Some(written) = text(container, "/image") else { return };
    let Ok(image) = ImageRef::parse(written) else { return };
    let is_ci = plan.is_some_and(|plan| plan.build.image.repository_key() == image.repository_key());
    if image.tag == "latest" && image.digest.is_none() && !is_ci {
        let name = text(container, "/name").unwrap_or_default();
        notices.push(
            subject
                .on(&container["image"])
                .notice(
                    codes::LATEST,
                    format!("container {name}: the image {} is whatever is latest", image.name),
                )
                .why("what a build finds today is another thing tomorrow, and nobody pushed anything")
                .remedy("name a version, or a digest"),
        );
    }
}
