//! Everything but the build workload and the Namespace: what is applied when a build is prepared.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::subject::{Subject, escaped, object_at, strings, text};
use super::{BuildWorkload, PlanInput, PlanNotice, kinds, labels};
use crate::chain::copied::FilledSecret;
use crate::chain::resource::{self, Resource};
use crate::chain::wire;
use crate::chain::workload::Scalable;
use crate::keel::{names, parking};
use crate::pipeline::codes;

/// A scalable workload besides the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Support {
    /// Deployment, StatefulSet, ReplicaSet or ReplicationController.
    pub kind: Resource,
    /// Its name.
    pub name: String,
    /// The replicas that the template asks for.
    pub replicas: u32,
    /// How many must be ready before a build: all of them, or as few as an autoscaler may leave.
    pub needed: u32,
}

/// What [`weave`] makes.
pub(super) struct Woven {
    pub(super) rest: Vec<(Resource, Value)>,
    pub(super) support: Vec<Support>,
    pub(super) pull_secrets: Vec<Value>,
    pub(super) kinds: Vec<Resource>,
}

/// Fields of metadata that the server fills in. `ownerReferences` are among them: they name a uid of another
/// namespace, and the garbage collector would delete the object.
const OF_SERVER: [&str; 9] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

pub(super) fn is_support(subject: &Subject<'_>) -> bool {
    Scalable::of(subject.group(), subject.kind()).is_some()
}

/// Keel: it watches Deployments, StatefulSets, DaemonSets and CronJobs, and nothing else.
fn is_watched_by_keel(subject: &Subject<'_>) -> bool {
    matches!(
        (subject.group(), subject.kind()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") | ("batch", "CronJob")
    )
}

pub(super) fn replicas(subject: &Subject<'_>) -> u32 {
    let asked = subject.value.pointer("/spec/replicas").and_then(Value::as_u64);
    asked.map_or(1, |replicas| u32::try_from(replicas).unwrap_or(u32::MAX))
}

/// To how few replicas an autoscaler of the pipeline may take this workload.
fn autoscaled(subjects: &[Subject<'_>], support: &Subject<'_>) -> Option<u32> {
    let of_support = |subject: &&Subject<'_>| {
        subject.is("autoscaling", "HorizontalPodAutoscaler")
            && subject.text("/spec/scaleTargetRef/kind") == Some(support.kind())
            && subject.text("/spec/scaleTargetRef/name") == Some(support.name())
    };
    let least = subjects.iter().find(of_support)?.value.pointer("/spec/minReplicas").and_then(Value::as_u64);
    Some(u32::try_from(least.unwrap_or(1)).unwrap_or(u32::MAX).max(1))
}

/// Makes the rest. The build workload is told by its name, which [`super::check`] holds to be the only one.
pub(super) fn weave(
    subjects: &[Subject<'_>],
    build: &BuildWorkload,
    settings: &PlanInput,
    notices: &mut Vec<PlanNotice>,
) -> Woven {
    let mut woven =
        Woven { rest: Vec::new(), support: Vec::new(), pull_secrets: Vec::new(), kinds: Vec::new() };
    let mut needed = BTreeSet::from([resource::DEPLOYMENTS, resource::JOBS]);
    let pull = build.pull_secret_names();
    for subject in subjects {
        let is_build = subject.is("apps", "Deployment") && subject.name() == build.name;
        if is_build || subject.is("", "Namespace") {
            continue;
        }
        let Some(kind) = kinds::kind_of(subject.value) else { continue };
        let mut object = cleaned(subject.value);
        let metadata = object_at(&mut object, "metadata");
        object_at(metadata, "labels")
            .extend(labels(settings).into_iter().map(|(key, value)| (key, value.into())));
        if is_support(subject) {
            let replicas = replicas(subject);
            object_at(metadata, "labels").insert(wire::ROLE.to_owned(), "support".into());
            object_at(metadata, "annotations").insert(wire::REPLICAS.to_owned(), replicas.to_string().into());
            let needed = autoscaled(subjects, subject).map_or(replicas, |least| replicas.min(least));
            woven.support.push(Support { kind, name: subject.name().to_owned(), replicas, needed });
        }
        if is_watched_by_keel(subject) && park(metadata) {
            notices.push(
                subject
                    .at(&keel_key(subject))
                    .notice(codes::KEEL_PARKED, "its Keel keys are parked")
                    .why("Keel updates the listener only, and the build's namespace holds what was pushed")
                    .note(),
            );
        }
        let object = Value::Object(object);
        if subject.is("", "Secret") && pull.iter().any(|name| name == subject.name()) {
            woven.pull_secrets.push(object.clone());
        }
        needed.insert(kind);
        woven.rest.push((kind, object));
    }
    for FilledSecret { object, .. } in &settings.copied {
        woven.pull_secrets.push(object.clone());
        woven.rest.push((resource::SECRETS, object.clone()));
        needed.insert(resource::SECRETS);
    }
    woven.kinds = needed.into_iter().collect();
    woven
}

/// The object without what belongs to another namespace or to the server.
fn cleaned(value: &Value) -> Object<String, Value> {
    let mut object = value.as_object().cloned().unwrap_or_default();
    object.remove("status");
    let metadata = object_at(&mut object, "metadata");
    metadata.remove("namespace");
    for field in OF_SERVER {
        metadata.remove(field);
    }
    if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(names::LAST_APPLIED);
    }
    object
}

/// Where the first of Keel's keys stands.
fn keel_key(subject: &Subject<'_>) -> String {
    let mut keys = ["labels", "annotations"].into_iter().filter_map(|map| {
        let live = strings(subject.value.pointer(&format!("/metadata/{map}")));
        let key = live.into_keys().find(|key| parking::is_keel_key(key));
        key.map(|key| format!("/metadata/{map}/{}", escaped(&key)))
    });
    keys.next().unwrap_or_default()
}

/// Parks Keel's keys in both maps; whether there were any.
fn park(metadata: &mut Object<String, Value>) -> bool {
    let mut any = false;
    for map in ["labels", "annotations"] {
        let live = strings(metadata.get(map));
        if live.keys().any(|key| parking::is_keel_key(key)) {
            any = true;
            metadata.insert(
                map.to_owned(),
                parking::park(&live).into_iter().map(|(key, value)| (key, Value::from(value))).collect(),
            );
        }
    }
    any
}

impl BuildWorkload {
    /// Names of the Secrets with which the kubelet and Keel read the CI image's registry.
    pub fn pull_secret_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        let of_template = super::subject::list(&self.template, "/spec/imagePullSecrets")
            .iter()
            .filter_map(|secret| text(secret, "/name").map(str::to_owned));
        // Keel reads this key in any case, from the labels first.
        let of_keel =
            names::any_case(names::IMAGE_PULL_SECRET, &self.labels, &self.annotations).map(str::to_owned);
        for name in of_template.chain(self.account_pull_secrets.iter().cloned()).chain(of_keel) {
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Puts an object of a plan into a namespace: its own, and that of the ServiceAccounts in a RoleBinding.
pub fn place(object: &mut Value, namespace: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    object_at(fields, "metadata").insert("namespace".to_owned(), namespace.into());
    if fields.get("kind").and_then(Value::as_str) != Some("RoleBinding") {
        return;
    }
    let subjects = fields.get_mut("subjects").and_then(Value::as_array_mut);
    for subject in subjects.into_iter().flatten().filter_map(Value::as_object_mut) {
        subject.insert("namespace".to_owned(), namespace.into());
    }
}
