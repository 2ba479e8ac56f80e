//! Which Deployment is the build workload, and which of its containers the build container.

use serde_json::Value;

use super::copies;
use super::settings::BuildSettings;
use super::subject::{Subject, escaped, fault, is_other, list, listed, strings, text};
use super::{BuildWorkload, PlanInput, PlanNotice};
use crate::chain::build::Map;
use crate::chain::wire;
use crate::keel::image::ImageRef;
use crate::keel::lint::{self, Finding, Severity, codes};
use crate::keel::names;
use crate::keel::policy::{Policy, Untracked};
use crate::pipeline::fault::Fault;

/// Whether a Deployment is one that Keel is meant to update: also by a policy that Keel does not understand.
fn is_meant(subject: &Subject<'_>) -> bool {
    let policy = Policy::of(&subject.labels(), &subject.annotations());
    !matches!(policy, Policy::Untracked(Untracked::Absent | Untracked::Never))
}

fn is_picked(subject: &Subject<'_>) -> bool {
    subject.annotations().get(wire::BUILD).is_some_and(|value| value == "true")
}

/// Finds the build workload.
pub(super) fn build<'a>(subjects: &[Subject<'a>], faults: &mut Vec<Fault>) -> Option<Subject<'a>> {
    let deployments = subjects.iter().copied().filter(|subject| subject.is("apps", "Deployment"));
    let (meant, others): (Vec<Subject<'a>>, Vec<Subject<'a>>) = deployments.partition(is_meant);
    if let Some(subject) = others.iter().find(|subject| is_picked(subject)) {
        faults.push(
            subject
                .at(&annotation(wire::BUILD))
                .fault(
                    format!(
                        "{} picks it as the build workload, but it has {}",
                        wire::BUILD,
                        said_of(subject)
                    ),
                    "Keel would never update it, so that no push would start a build",
                    format!(
                        "give it a {} other than never, or remove {} from it",
                        names::POLICY,
                        wire::BUILD
                    ),
                )
                .coded(codes::POLICY_NONE),
        );
        return None;
    }
    let picked: Vec<Subject<'a>> = meant.iter().copied().filter(is_picked).collect();
    match (&*meant, &*picked) {
        ([subject], _) | (_, [subject]) => return Some(*subject),
        ([], _) => faults.extend(none(subjects, &others)),
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

/// What is wrong where no Deployment can be the build workload; `None` where something else says it.
fn none(subjects: &[Subject<'_>], others: &[Subject<'_>]) -> Option<Fault> {
    let elsewhere: Vec<&Subject<'_>> = subjects.iter().filter(|subject| is_meant(subject)).collect();
    // one of an API version that is served no more is told as that
    if elsewhere.iter().any(|subject| subject.kind() == "Deployment") {
        return None;
    }
    let found = match (&*elsewhere, others) {
        ([], []) => "there is no Deployment at all".to_owned(),
        ([], others) => {
            format!(
                "found {}",
                listed(others.iter().map(|subject| format!("{subject} ({})", said_of(subject))))
            )
        }
        (elsewhere, _) => format!("the policy stands on {}", listed(elsewhere)),
    };
    Some(fault(
        "no build workload: no Deployment of the pipeline has a Keel policy",
        format!("a build runs the pod of the Deployment that Keel updates; {found}"),
        if elsewhere.is_empty() {
            format!("give one Deployment the annotation {}, such as \"glob:build-*\"", names::POLICY)
        } else {
            "write its pod template as a Deployment of apps/v1 with the same Keel keys; a build runs that pod once".to_owned()
        },
    )
    .coded(codes::POLICY_NONE))
}

/// Why a Deployment does not count, with the slips of the pen that hide a policy from Keel.
fn said_of(subject: &Subject<'_>) -> String {
    let (labels, annotations) = (subject.labels(), subject.annotations());
    if let Policy::Untracked(Untracked::Never) = Policy::of(&labels, &annotations) {
        return "policy never, or an empty one".to_owned();
    }
    let is_policy = |key: &&String| key.eq_ignore_ascii_case(names::POLICY);
    let is_meant_as = |key: &&String| is_policy(key) || names::meant(key) == Some(names::POLICY);
    if let Some(key) = labels.keys().chain(annotations.keys()).find(is_meant_as) {
        return format!("no policy: Keel spells it {}, not {key}", names::POLICY);
    }
    let template = |map| strings(subject.value.pointer(&format!("/spec/template/metadata/{map}")));
    if ["labels", "annotations"].into_iter().any(|map| template(map).keys().any(|key| is_policy(&key))) {
        return format!("no policy: {} stands on its pod template, where Keel does not look", names::POLICY);
    }
    "no policy".to_owned()
}

/// Reads the build workload that was found: container, image, settings, policy.
pub(super) fn read(
    subject: &Subject<'_>,
    subjects: &[Subject<'_>],
    settings: &PlanInput,
    faults: &mut Vec<Fault>,
    notices: &mut Vec<PlanNotice>,
) -> Option<BuildWorkload> {
    let (labels, annotations) = (subject.labels(), subject.annotations());
    let (own_settings, bad) = BuildSettings::read(&annotations);
    faults.extend(bad.into_iter().map(|bad| {
        subject.at(&annotation(bad.key)).fault(
            format!("annotation {}: {:?} cannot be read", bad.key, bad.value),
            bad.why,
            "correct it, or leave it out for the default",
        )
    }));
    let Some(template) = subject.pod_template() else {
        faults.push(subject.at("/spec/template").fault(
            "it has no pod template",
            "a build runs the pod that .spec.template describes",
            "add .spec.template",
        ));
        return None;
    };
    let container = container(subject, template, &annotations, faults)?;
    let name = text(container, "/name").unwrap_or_default();
    let image = image(subject, container, settings, faults, notices)?;
    Some(BuildWorkload {
        name: subject.name().to_owned(),
        container: name.to_owned(),
        image,
        labels,
        annotations,
        settings: own_settings,
        account_pull_secrets: account_pull_secrets(template, subjects),
        template: copies::pull_with(template, &settings.copied),
    })
}

fn container<'a>(
    subject: &Subject<'_>,
    template: &'a Value,
    annotations: &Map,
    faults: &mut Vec<Fault>,
) -> Option<&'a Value> {
    let containers = list(template, "/spec/containers");
    let is_told = is_other(Some(template), Value::is_object)
        || is_other(template.get("spec"), Value::is_object)
        || is_other(template.pointer("/spec/containers"), Value::is_array);
    let names = || listed(containers.iter().map(|it| text(it, "/name").unwrap_or("one without a name")));
    let found = match (annotations.get(wire::BUILD_CONTAINER), containers) {
        (Some(wanted), [_, ..]) => {
            let found = containers.iter().find(|container| text(container, "/name") == Some(wanted));
            if found.is_none() {
                faults.push(subject.at(&annotation(wire::BUILD_CONTAINER)).fault(
                    format!("it has no container {wanted:?}, which {} names", wire::BUILD_CONTAINER),
                    format!("its containers: {}", names()),
                    "name one of them",
                ));
            }
            found?
        }
        (None, [only]) => only,
        // told as that
        (_, []) if is_told => return None,
        (_, []) => {
            faults.push(subject.at("/spec/template/spec/containers").fault(
                "its pod template has no containers",
                "the build container's exit code is the verdict",
                "add the container that runs the build",
            ));
            return None;
        }
        (None, _) => {
            faults.push(subject.at("/spec/template/spec/containers").fault(
                format!("it has {} containers, and none is named as the build container", containers.len()),
                format!("the build container's exit code is the verdict; its containers: {}", names()),
                format!("annotate the Deployment with {}: NAME", wire::BUILD_CONTAINER),
            ));
            return None;
        }
    };
    let name = text(found, "/name").unwrap_or_default();
    if is_other(Some(found), Value::is_object) || is_other(found.get("name"), Value::is_string) {
        // told as that
        return None;
    }
    if name.is_empty() || name.starts_with("studioci-") {
        faults.push(subject.on(found.get("name").unwrap_or(found)).fault(
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

/// The image as the template names it. The policy is judged from the tag that the listener will start from.
fn image(
    subject: &Subject<'_>,
    container: &Value,
    settings: &PlanInput,
    faults: &mut Vec<Fault>,
    notices: &mut Vec<PlanNotice>,
) -> Option<ImageRef> {
    // one that cannot be read was told with all the others
    let image = text(container, "/image").and_then(|image| ImageRef::parse(image).ok());
    let followed = match (&image, &settings.tag) {
        _ if settings.by_hand => None,
        (Some(image), Some(tag)) => Some(image.with_tag(tag)),
        (image, _) => image.clone(),
    };
    lint_keys(subject, followed.as_ref(), faults, notices);
    let image = image?;
    if image.tag.is_empty() {
        faults.push(subject.on(container.get("image").unwrap_or(container)).fault(
            format!("the image {image} names a digest and no tag"),
            "Keel takes the digest for the tag, and never updates such a workload",
            "name the tag alone that Keel starts from",
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

/// What Keel would silently ignore, or do otherwise than meant.
fn lint_keys(
    subject: &Subject<'_>,
    image: Option<&ImageRef>,
    faults: &mut Vec<Fault>,
    notices: &mut Vec<PlanNotice>,
) {
    // `matchTag: true` without quotes is told as no string, and is not also missing
    let meant = |map: &str| -> Map {
        let entries = subject.value.pointer(&format!("/metadata/{map}")).and_then(Value::as_object);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        entries.into_iter().flatten().map(|(key, value)| (key.clone(), text(value))).collect()
    };
    let findings = lint::check(&lint::Linted {
        labels: &meant("labels"),
        annotations: &meant("annotations"),
        template_labels: &strings(subject.value.pointer("/spec/template/metadata/labels")),
        template_annotations: &strings(subject.value.pointer("/spec/template/metadata/annotations")),
        image,
    });
    for finding in findings {
        let spot = subject.at(&found_at(subject, &finding));
        match finding.severity {
            Severity::Error => {
                let fault = spot.fault(finding.what, clause(&finding.why), clause(&finding.remedy));
                faults.push(fault.coded(finding.code));
            }
            Severity::Warning | Severity::Note => {
                let notice = spot.notice(finding.code, finding.what);
                notices.push(notice.why(clause(&finding.why)).remedy(clause(&finding.remedy)));
            }
        }
    }
}

/// The place of the key that a finding names first; of the policy if it names none.
fn found_at(subject: &Subject<'_>, finding: &Finding) -> String {
    let what = &finding.what;
    // a key of the same name may stand rightly elsewhere
    let within = match finding.code {
        codes::KEY_ON_PODS => "/spec/template",
        codes::LABEL_UNREAD => "/metadata/labels",
        _ => "",
    };
    let maps =
        ["", "/spec/template"].map(|of| ["labels", "annotations"].map(|map| format!("{of}/metadata/{map}")));
    let keys = maps.iter().flatten().filter(|map| map.starts_with(within)).flat_map(|map| {
        let keys = subject.value.pointer(map).and_then(Value::as_object).into_iter().flatten();
        keys.map(move |(key, _)| (key, format!("{map}/{}", escaped(key))))
    });
    // `key`, or `key: value`
    let at = |key: &str| ["`", ":"].iter().filter_map(|end| what.find(&format!("`{key}{end}"))).min();
    let named = keys.clone().filter_map(|(key, place)| Some((at(key)?, place)));
    let policy = |(key, _): &(&String, String)| key.eq_ignore_ascii_case(names::POLICY);
    named
        .min()
        .map(|(_, place)| place)
        .or_else(|| keys.clone().find(policy).map(|(_, place)| place))
        .unwrap_or_default()
}

fn annotation(key: &str) -> String {
    format!("/metadata/annotations/{}", escaped(key))
}

/// A sentence as a fault's lines put it: without a capital and a full stop.
fn clause(sentence: &str) -> String {
    let mut letters = sentence.strip_suffix('.').unwrap_or(sentence).chars();
    let rest = letters.clone().skip(1).collect::<String>();
    match letters.next() {
        Some(first) if !sentence.starts_with("Keel") => format!("{}{rest}", first.to_lowercase()),
        Some(first) => format!("{first}{rest}"),
        None => String::new(),
    }
}
