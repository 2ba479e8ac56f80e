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
pub(super) fn build<'a>(subjects: &[Subject<'a>], faults: &mut Vec<Fault>) -> Option<Subject<'a>> {
    let deployments = subjects.iter().copied().filter(|subject| subject.is("apps", "Deployment"));
    let (meant, others): (Vec<Subject<'a>>, Vec<Subject<'a>>) = deployments.partition(is_meant);
    if let Some(subject) = others.iter().find(|subject| is_picked(subject)) {
        faults.push(subject.fault(
            format!("{} picks it as the build workload, but it has {}", wire::BUILD, said_of(subject)),
            "Keel would never update it, so that no push would start a build",
            format!("give it a {} other than never, or remove {} from it", names::POLICY, wire::BUILD),
        ));
        return None;
    }
    let picked: Vec<Subject<'a>> = meant.iter().copied().filter(is_picked).collect();
    match (&*meant, &*picked) {
        ([subject], _) | (_, [subject]) => return Some(*subject),
        ([], _) => faults.push(fault(
            "no build workload: no Deployment of the pipeline has a Keel policy",
            match &*others {
                [] => {
                    "a build runs the pod of the Deployment that Keel updates; there is no Deployment at all"
                        .to_owned()
                }
                _ => format!(
                    "a build runs the pod of the Deployment that Keel updates; found {}",
                    listed(others.iter().map(|subject| format!("{subject} ({})", said_of(subject))))
                ),
            },
            format!("give one Deployment the annotation {}, such as \"glob:build-*\"", names::POLICY),
        )),
        (_, []) => faults.push(fault(
            format!("{} Deployments have a Keel policy: {}", meant.len(), listed(&meant)),
            "only one of them can be the build workload",
            format!("annotate it with {}: \"true\"", wire::BUILD),
        )),
        (_, picked) => faults.push(fault(
            format!("{} Deployments are picked as the build workload: {}", picked.len(), listed(picked)),
            "only one of them can be it",
            format!("leave {}: \"true\" on one of them", wire::BUILD),
        )),
    }
    None
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
    let container = container(subject, template, &annotations, faults)?;
    let name = text(container, "/name").unwrap_or_default();
    let image = image(subject, container, name, faults)?;
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

fn container<'a>(
    subject: &Subject<'_>,
    template: &'a Value,
    annotations: &Map,
    faults: &mut Vec<Fault>,
) -> Option<&'a Value> {
    let containers = list(template, "/spec/containers");
    let names = || listed(containers.iter().map(|it| text(it, "/name").unwrap_or("one without a name")));
    let found = match (annotations.get(wire::BUILD_CONTAINER), containers) {
        (Some(wanted), [_, ..]) => {
            let found = containers.iter().find(|container| text(container, "/name") == Some(wanted));
            if found.is_none() {
                faults.push(subject.fault(
                    format!("it has no container {wanted:?}, which {} names", wire::BUILD_CONTAINER),
                    format!("its containers: {}", names()),
                    "name one of them",
                ));
            }
            found?
        }
        (None, [only]) => only,
        (_, []) => {
            faults.push(subject.fault(
                "its pod template has no containers",
                "the build container's exit code is the verdict",
                "add the container that runs the build",
            ));
            return None;
        }
        (None, _) => {
            faults.push(subject.fault(
                format!("it has {} containers, and none is named as the build container", containers.len()),
                format!("the build container's exit code is the verdict; its containers: {}", names()),
                format!("annotate the Deployment with {}: NAME", wire::BUILD_CONTAINER),
            ));
            return None;
        }
    };
    let name = text(found, "/name").unwrap_or_default();
    if name.is_empty() || name.starts_with("studioci-") {
        faults.push(subject.fault(
            if name.is_empty() {
                "the build container has no name".to_owned()
            } else {
                format!("the build container's name {name} begins with studioci-")
            },
            "the listener's container has the same name, by which Keel and people find it",
            "name it as in a Deployment of your own",
        ));
        return None;
    }
    Some(found)
}

fn image(subject: &Subject<'_>, container: &Value, name: &str, faults: &mut Vec<Fault>) -> Option<ImageRef> {
    let written = text(container, "/image").unwrap_or_default();
    let Some(image) = ImageRef::parse(written) else {
        faults.push(subject.fault(
            format!("container {name}: {written:?} is not an image reference"),
            "it is read as [registry/]repository[:tag], the repository in lower case and without a scheme",
            "correct the image",
        ));
        return None;
    };
    if image.tag.is_empty() {
        faults.push(subject.fault(
            format!("container {name}: {written} names a digest and no tag"),
            "Keel follows tags, and drops a digest when it updates",
            "name the tag that Keel starts from",
        ));
        return None;
    }
    Some(image)
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
