//! Which Deployment is the build workload, and which of its containers the build container.

use serde_json::Value;

use super::settings::{BuildSettings, KEYS};
use super::subject::{Subject, fault, list, listed, strings, text};
use super::{BuildWorkload, Notice};
use crate::chain::build::Map;
use crate::chain::wire;
use crate::keel::image::ImageRef;
use crate::keel::names;
use crate::pipeline::fault::Fault;

/// What a workload says of Keel: the policy that Keel would read, if any.
fn policy(labels: &Map, annotations: &Map) -> Option<String> {
    // Keel: the annotation wins over the label, whatever it says.
    [annotations, labels]
        .into_iter()
        .find_map(|map| map.get(names::POLICY))
        .or_else(|| [annotations, labels].into_iter().find_map(|map| map.get(names::OBSERVER_POLICY)))
        .cloned()
}

/// Whether a Deployment is one that Keel is meant to update.
fn is_meant(subject: &Subject<'_>) -> bool {
    policy(&subject.labels(), &subject.annotations()).is_some_and(|policy| !matches!(&*policy, "" | "never"))
}

fn is_picked(subject: &Subject<'_>) -> bool {
    subject.annotations().get(wire::BUILD).is_some_and(|value| value == "true")
}

/// Finds the build workload.
pub(super) fn build<'a>(subjects: &[Subject<'a>]) -> Result<Subject<'a>, Fault> {
    let deployments = subjects.iter().copied().filter(|subject| subject.is("apps", "Deployment"));
    let (meant, others): (Vec<Subject<'a>>, Vec<Subject<'a>>) = deployments.partition(is_meant);
    if let Some(subject) = others.iter().find(|subject| is_picked(subject)) {
        return Err(subject.fault(
            format!("{} picks it as the build workload, but it has no Keel policy", wire::BUILD),
            "Keel would never update it, so that no push would start a build",
            format!("give it {}, or remove {} from it", names::POLICY, wire::BUILD),
        ));
    }
    let picked: Vec<Subject<'a>> = meant.iter().copied().filter(is_picked).collect();
    match (&*meant, &*picked) {
        ([subject], _) | (_, [subject]) => Ok(*subject),
        ([], _) => Err(fault(
            "no build workload: no Deployment of the pipeline has a Keel policy",
            format!(
                "the Deployment that Keel updates on a push is the one whose pod a build runs; found: {}",
                listed(others.iter().map(|subject| format!("{subject} ({})", said_of(subject))))
            ),
            format!("give one Deployment the annotation {}, e.g. \"glob:build-*\"", names::POLICY),
        )),
        (_, picked) => Err(fault(
            if picked.is_empty() {
                format!("{} Deployments of the pipeline have a Keel policy", meant.len())
            } else {
                format!("{} Deployments are picked as the build workload", picked.len())
            },
            format!(
                "only one of them can be the build workload: {}",
                listed(if picked.is_empty() { &meant } else { picked })
            ),
            format!("annotate exactly one of them with {}: \"true\"", wire::BUILD),
        )),
    }
}

fn said_of(subject: &Subject<'_>) -> String {
    match policy(&subject.labels(), &subject.annotations()) {
        None => "no policy".to_owned(),
        Some(policy) if policy.is_empty() => "an empty policy, which Keel ignores".to_owned(),
        Some(policy) => format!("policy {policy}"),
    }
}

/// Reads the build workload that was found: container, image, settings, policy.
pub(super) fn read(
    subject: &Subject<'_>,
    subjects: &[Subject<'_>],
    faults: &mut Vec<Fault>,
    notices: &mut Vec<Notice>,
) -> Option<BuildWorkload> {
    let (labels, annotations) = (subject.labels(), subject.annotations());
    lint(subject, &labels, &annotations, faults, notices);
    let (settings, bad) = BuildSettings::read(&annotations);
    faults.extend(bad.into_iter().map(|bad| {
        subject.fault(
            format!("annotation {}: {:?} cannot be read", bad.key, bad.value),
            bad.why,
            "correct it, or leave it out for the default",
        )
    }));
    unknown_settings(subject, &labels, &annotations, notices);
    let Some(template) = subject.pod_template() else {
        faults.push(subject.fault(
            "it has no pod template",
            "a build runs the pod that .spec.template describes",
            "add .spec.template",
        ));
        return None;
    };
    let container = container(subject, template, &annotations).map_err(|fault| faults.push(fault)).ok()?;
    let name = text(container, "/name").unwrap_or_default();
    let image = image(subject, container, name).map_err(|fault| faults.push(fault)).ok()?;
    Some(BuildWorkload {
        name: subject.name().to_owned(),
        container: name.to_owned(),
        image,
        labels,
        annotations,
        settings,
        account_pull_secrets: account_pull_secrets(template, subjects),
        template: template.clone(),
    })
}

fn container<'a>(subject: &Subject<'_>, template: &'a Value, annotations: &Map) -> Result<&'a Value, Fault> {
    let containers = list(template, "/spec/containers");
    let names = || listed(containers.iter().map(|it| text(it, "/name").unwrap_or("<no name>")));
    match (annotations.get(wire::BUILD_CONTAINER), containers) {
        (Some(wanted), _) => {
            containers.iter().find(|container| text(container, "/name") == Some(wanted)).ok_or_else(|| {
                subject.fault(
                    format!("it has no container {wanted:?}, which {} names", wire::BUILD_CONTAINER),
                    format!("its containers are: {}", names()),
                    "name one of them",
                )
            })
        }
        (None, [only]) => Ok(only),
        (None, []) => Err(subject.fault(
            "its pod template has no containers",
            "the build container's exit code is the verdict",
            "add the container that runs the build",
        )),
        (None, _) => Err(subject.fault(
            format!("it has {} containers, and none is named as the build container", containers.len()),
            format!("the build container's exit code is the verdict; its containers are: {}", names()),
            format!("annotate the Deployment with {}: NAME", wire::BUILD_CONTAINER),
        )),
    }
}

fn image(subject: &Subject<'_>, container: &Value, name: &str) -> Result<ImageRef, Fault> {
    let written = text(container, "/image").unwrap_or_default();
    let image = ImageRef::parse(written).ok_or_else(|| {
        subject.fault(
            format!("container {name}: {written:?} is not an image reference"),
            "it is read as [registry/]repository[:tag], the repository in lower case and without a scheme",
            "correct the image",
        )
    })?;
    if image.tag.is_empty() {
        return Err(subject.fault(
            format!("container {name}: {written} names a digest and no tag"),
            "Keel follows tags, and drops a digest when it updates",
            "name the tag that Keel starts from",
        ));
    }
    Ok(image)
}

/// A listener runs as the agent's own ServiceAccount, so what the template's would lend is named outright.
fn account_pull_secrets(template: &Value, subjects: &[Subject<'_>]) -> Vec<String> {
    let account = account(template).unwrap_or("default");
    subjects
        .iter()
        .filter(|subject| subject.is("", "ServiceAccount") && subject.name() == account)
        .flat_map(|subject| subject.list("/imagePullSecrets"))
        .filter_map(|secret| text(secret, "/name").map(str::to_owned))
        .collect()
}

/// The ServiceAccount that a pod template names, also by the field's old name.
pub(super) fn account(template: &Value) -> Option<&str> {
    ["/spec/serviceAccountName", "/spec/serviceAccount"]
        .into_iter()
        .filter_map(|pointer| text(template, pointer))
        .find(|name| !name.is_empty())
}

fn unknown_settings(subject: &Subject<'_>, labels: &Map, annotations: &Map, notices: &mut Vec<Notice>) {
    let ours = |key: &&String| key.starts_with("studioci.dev/");
    notices.extend(
        annotations
            .keys()
            .filter(ours)
            .filter(|key| !KEYS.contains(&key.as_str()))
            .map(|key| subject.notice(format!("annotation {key} is not one that studioci reads"))),
    );
    notices.extend(labels.keys().filter(ours).filter(|key| KEYS.contains(&key.as_str())).map(|key| {
        subject.notice(format!("{key} is read as an annotation only; as a label it does nothing"))
    }));
    let inner = strings(subject.value.pointer("/spec/template/metadata/annotations"));
    notices.extend(inner.keys().filter(|key| KEYS.contains(&key.as_str())).map(|key| {
        subject.notice(format!("{key} belongs on the Deployment; on its pod template it does nothing"))
    }));
}

fn lint(
    _subject: &Subject<'_>,
    _labels: &Map,
    _annotations: &Map,
    _faults: &mut Vec<Fault>,
    _notices: &mut Vec<Notice>,
) {
}
