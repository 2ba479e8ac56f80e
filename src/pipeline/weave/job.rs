//! The build: a Job with the pod that the template asks for, which runs once or not at all.
//!
//! Never twice, whatever happens to its node: `restartPolicy: Never`, `backoffLimit: 0`, no replacement for a pod that
//! is still terminating, and a pod failure policy that ends the Job at a disruption and at the build container's exit,
//! so that the Job's own condition still tells the two apart when the pod is gone. The deadline is on the pod
//! template: a Job's own would run while the pod is Pending, and would delete the pod with its log.

use serde_json::{Map as Object, Value, json};

use super::subject::{object_at, text};
use super::{Plan, labels};
use crate::chain::build::Version;
use crate::chain::kueue;
use crate::chain::wire;
use crate::keel::image::ImageRef;

/// Prefix of the environment that a build is given.
pub(super) const ENVIRONMENT: &str = "STUDIOCI_";

/// What is particular to one build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BuildOf<'a> {
    /// The build's namespace.
    pub namespace: &'a str,
    /// The build's generation.
    pub generation: u64,
    /// What triggered it.
    pub version: &'a Version,
    /// The source revision, if known.
    pub revision: Option<&'a str>,
    /// The namespace of the build before, if any.
    pub parent: Option<&'a str>,
}

impl Plan {
    /// What a build of this version runs: `name:tag@digest`, or `name:tag` where the digest is not known.
    pub fn pinned_image(&self, version: &Version) -> String {
        self.build.image.with_tag(&version.tag).pinned(version.digest())
    }

    /// The LocalQueue that the build waits in, where it is Kueue that admits it.
    pub fn queue(&self) -> Option<&str> {
        self.kueue_labels()
            .find(|(key, _)| *key == kueue::QUEUE_NAME)
            .map(|(_, name)| name)
            .filter(|name| !name.is_empty())
    }

    /// What the build workload, or else its pod template, has for Kueue.
    fn kueue_labels(&self) -> impl Iterator<Item = (&str, &str)> {
        let of_pod = self.build.template.pointer("/metadata/labels").and_then(Value::as_object);
        let of_pod =
            of_pod.into_iter().flatten().filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)));
        let own = &self.build.labels;
        own.iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(of_pod.filter(|(key, _)| !own.contains_key(*key)))
            .filter(|(key, _)| kueue::is_kueue_key(key))
    }

    /// The build's Job, its namespace left out.
    ///
    /// One that Kueue admits is suspended from the start, also where no webhook sees to that: what nobody admits does not run.
    pub fn job(&self, build: &BuildOf<'_>) -> Value {
        let mut job_labels: Object<String, Value> =
            labels(&self.settings).into_iter().map(|(key, value)| (key, value.into())).collect();
        job_labels.insert(wire::ROLE.to_owned(), "build".into());
        let mut annotations = Object::new();
        annotations.insert(wire::GENERATION.to_owned(), build.generation.to_string().into());
        annotations.insert(wire::TAG.to_owned(), build.version.tag.clone().into());
        if let Some(digest) = build.version.digest() {
            annotations.insert(wire::DIGEST.to_owned(), digest.as_str().into());
        }
        if let Some(revision) = build.revision {
            annotations.insert(wire::REVISION.to_owned(), revision.into());
        }
        let template = self.build_template(build, job_labels.clone());
        job_labels.extend(self.kueue_labels().map(|(key, value)| (key.to_owned(), value.into())));
        let of_kueue = self.build.annotations.iter().filter(|(key, _)| kueue::is_kueue_key(key));
        annotations.extend(of_kueue.map(|(key, value)| (key.clone(), value.clone().into())));
        let mut job = json!({
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": { "name": wire::JOB, "labels": job_labels, "annotations": annotations },
            "spec": {
                "completions": 1,
                "parallelism": 1,
                "backoffLimit": 0,
                // The default replaces a pod as soon as it is terminating, e.g. while its lost node says nothing.
                "podReplacementPolicy": "Failed",
                "podFailurePolicy": { "rules": [
                    {
                        "action": "FailJob",
                        "onPodConditions": [{ "type": "DisruptionTarget", "status": "True" }],
                    },
                    {
                        "action": "FailJob",
                        "onExitCodes": {
                            "containerName": self.build.container, "operator": "NotIn", "values": [0],
                        },
                    },
                ] },
                "template": template,
            },
        });
        if self.queue().is_some() {
            job["spec"]["suspend"] = true.into();
        }
        job
    }

    fn build_template(&self, build: &BuildOf<'_>, ours: Object<String, Value>) -> Value {
        let mut template = match &self.build.template {
            Value::Object(template) => template.clone(),
            _ => Object::new(),
        };
        let of_pod = object_at(object_at(&mut template, "metadata"), "labels");
        // on the Job: it is what Kueue admits, and not its pod once more
        of_pod.retain(|key, _| !kueue::is_kueue_key(key));
        of_pod.extend(ours);
        let pod = object_at(&mut template, "spec");
        if self.queue().is_some() {
            let mut gates = take_list(pod, "schedulingGates");
            gates.push(json!({ "name": wire::SUPPORT_GATE }));
            pod.insert("schedulingGates".to_owned(), gates.into());
        }
        pod.insert("restartPolicy".to_owned(), "Never".into());
        pod.insert("activeDeadlineSeconds".to_owned(), self.build.settings.deadline.as_secs().into());
        if pod.get("automountServiceAccountToken") != Some(&Value::Bool(true)) {
            pod.insert("automountServiceAccountToken".to_owned(), false.into());
        }
        let (mine, others): (Vec<Value>, Vec<Value>) = take_list(pod, "containers")
            .into_iter()
            .partition(|container| text(container, "/name") == Some(&self.build.container));
        let sidecars = others.into_iter().map(sidecar);
        let before: Vec<Value> = take_list(pod, "initContainers")
            .into_iter()
            .chain(sidecars)
            .map(|container| self.build_container(container, build))
            .collect();
        if !before.is_empty() {
            pod.insert("initContainers".to_owned(), before.into());
        }
        let mine: Vec<Value> =
            mine.into_iter().map(|container| once(self.build_container(container, build))).collect();
        pod.insert("containers".to_owned(), mine.into());
        template.into()
    }

    /// Any container of the build's pod: the CI image is pinned wherever the template names it, or an init container
    /// that checks the source out would run another one than was pushed.
    fn build_container(&self, mut container: Value, build: &BuildOf<'_>) -> Value {
        let Some(fields) = container.as_object_mut() else { return container };
        if fields.get("image").and_then(Value::as_str).is_some_and(|image| self.is_ci_image(image)) {
            fields.insert("image".to_owned(), self.pinned_image(build.version).into());
            if build.version.digest().is_some() {
                fields.insert("imagePullPolicy".to_owned(), "IfNotPresent".into());
            }
        }
        let env = take_list(fields, "env");
        // Ours come first, so that the template's can refer to them as $(STUDIOCI_TAG).
        let env: Vec<Value> = self
            .environment(build)
            .into_iter()
            .map(|(name, value)| json!({ "name": format!("{ENVIRONMENT}{name}"), "value": value }))
            .chain(env.into_iter().filter(|entry| !is_ours(entry)))
            .collect();
        fields.insert("env".to_owned(), env.into());
        container
    }

    /// Whether a reference is the very one of the build container.
    pub(super) fn is_ci_image(&self, image: &str) -> bool {
        let ours = &self.build.image;
        ImageRef::parse(image)
            .is_ok_and(|it| it.repository_key() == ours.repository_key() && it.tag == ours.tag)
    }

    /// What is not known is empty rather than absent, so that scripts under `set -u` and `$(…)` references hold.
    fn environment(&self, build: &BuildOf<'_>) -> [(&'static str, String); 8] {
        [
            ("CHAIN", self.settings.chain.clone()),
            ("GENERATION", build.generation.to_string()),
            ("NAMESPACE", build.namespace.to_owned()),
            ("IMAGE", self.pinned_image(build.version)),
            ("TAG", build.version.tag.clone()),
            ("DIGEST", build.version.digest().map(ToString::to_string).unwrap_or_default()),
            ("REVISION", build.revision.unwrap_or_default().to_owned()),
            ("PARENT", build.parent.unwrap_or_default().to_owned()),
        ]
    }
}

/// Names that the build's environment takes, whatever the template says.
pub(super) const NAMES: [&str; 8] =
    ["CHAIN", "GENERATION", "NAMESPACE", "IMAGE", "TAG", "DIGEST", "REVISION", "PARENT"];

/// Whether an environment entry of the template has one of our names.
pub(super) fn is_ours(entry: &Value) -> bool {
    text(entry, "/name")
        .and_then(|name| name.strip_prefix(ENVIRONMENT))
        .is_some_and(|name| NAMES.contains(&name))
}

/// The kubelet would restart a container by its own policy and rules even in a pod that is never restarted.
fn once(mut container: Value) -> Value {
    if let Some(fields) = container.as_object_mut() {
        fields.remove("restartPolicy");
        fields.remove("restartPolicyRules");
    }
    container
}

/// A container that must not keep the pod running after the build container's exit. Its startup probe is left out:
/// the build container would wait for it, and what a sidecar probes may be what the build serves.
fn sidecar(mut container: Value) -> Value {
    if let Some(fields) = container.as_object_mut() {
        fields.insert("restartPolicy".to_owned(), "Always".into());
        fields.remove("startupProbe");
    }
    container
}

fn take_list(fields: &mut Object<String, Value>, key: &str) -> Vec<Value> {
    match fields.remove(key) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}
