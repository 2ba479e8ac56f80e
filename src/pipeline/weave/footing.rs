//! Where a listener stands: all that decides whether its pod comes up and its image is pulled.
//!
//! It is what `start` was given, and no push changes it: a pushed node selector that no node has, a user that the image
//! cannot run as, or one pull Secret fewer would end the chain, since only a listener that runs can take the push that mends it.

use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value, json};

use super::settings::{RUN_AS, RunAs};
use super::subject::{list, text};
use super::{BuildWorkload, Plan};

/// What the template of a build workload says of that.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Footing {
    /// Whom the CI container runs as.
    pub(super) container: Object<String, Value>,
    /// What of that only a pod can say.
    pub(super) pod: Object<String, Value>,
    /// Whether the cluster picks the users.
    pub(super) omitted: bool,
    /// Where the pod may run.
    pub(super) scheduling: Object<String, Value>,
    /// The CI container's working directory, where it is not the image's.
    pub(super) working_dir: Option<String>,
    /// Names of the Secrets that the image is pulled with.
    pub(super) pull_secrets: Vec<String>,
}

impl Footing {
    pub(super) fn of(build: &BuildWorkload) -> Self {
        let template = build.template.get("spec").unwrap_or(&Value::Null);
        let (container, pod) = run_as(build, template);
        Self {
            container,
            pod,
            omitted: build.settings.identity == RunAs::Omitted,
            scheduling: scheduling(template, build.settings.template_scheduling),
            working_dir: text(build.container_of_template(), "/workingDir").map(str::to_owned),
            pull_secrets: build.pull_secret_names(),
        }
    }
}

impl Plan {
    /// Has the listener of a pushed pipeline stand where the one of `start` does. What the push brings of pull Secrets is
    /// added, and takes none away. Whether the push asks for something else.
    pub fn stand_as(&mut self, at_start: &Plan) -> bool {
        let asked = self.footing.clone();
        let mut footing = at_start.footing.clone();
        let more = asked.pull_secrets.iter().filter(|name| !at_start.footing.pull_secrets.contains(name));
        footing.pull_secrets.extend(more.cloned());
        let name = |secret: &Value| secret["metadata"]["name"].clone();
        let mut secrets = at_start.pull_secrets.clone();
        let more = self
            .pull_secrets
            .iter()
            .filter(|secret| secrets.iter().all(|at_start| name(at_start) != name(secret)));
        let more: Vec<Value> = more.cloned().collect();
        secrets.extend(more);
        self.pull_secrets = secrets;
        self.footing = footing;
        asked != self.footing
    }
}

/// Whom the CI container runs as: the build container's own word, else its pod's. What belongs to the container, and
/// what belongs to the pod.
fn run_as(build: &BuildWorkload, template: &Value) -> (Object<String, Value>, Object<String, Value>) {
    let mut fields = match &build.settings.identity {
        RunAs::Omitted => Object::new(),
        RunAs::Given(fields) => fields.clone(),
        RunAs::Template => [template, build.container_of_template()]
            .into_iter()
            .filter_map(|it| it.get("securityContext")?.as_object())
            .flatten()
            .filter(|(field, value)| RUN_AS.contains(&field.as_str()) && !value.is_null())
            .map(|(field, value)| (field.clone(), value.clone()))
            .collect(),
    };
    if fields.get("runAsUser").and_then(Value::as_i64).is_some_and(|user| user > 0) {
        // Said aloud, since Pod Security's "restricted" asks for the word and not for the number.
        fields.insert("runAsNonRoot".to_owned(), true.into());
    }
    fields.into_iter().partition(|(field, _)| OF_CONTAINER.contains(&field.as_str()))
}

/// Those of [`RUN_AS`] that a container may have; the others are the pod's alone.
const OF_CONTAINER: [&str; 3] = ["runAsUser", "runAsGroup", "runAsNonRoot"];

/// Every field that says where a pod may run.
const SCHEDULING: [&str; 9] = [
    "affinity",
    "nodeName",
    "nodeSelector",
    "preemptionPolicy",
    "priorityClassName",
    "runtimeClassName",
    "schedulerName",
    "tolerations",
    "topologySpreadConstraints",
];

/// Keel's platform gate reads node selector and required affinity, so that os and architecture stay in any case; the
/// taints that go with them are tolerated too.
fn scheduling(template: &Value, all: bool) -> Object<String, Value> {
    let mut pod = Object::new();
    if all {
        for field in SCHEDULING {
            if let Some(value) = template.get(field).filter(|value| !value.is_null()) {
                pod.insert(field.to_owned(), value.clone());
            }
        }
        return pod;
    }
    if let Some(selector) = template.get("nodeSelector").and_then(Value::as_object) {
        let kept: Object<String, Value> = selector
            .iter()
            .filter(|(key, _)| is_platform(key))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        if !kept.is_empty() {
            pod.insert("nodeSelector".to_owned(), kept.into());
        }
    }
    let terms = list(
        template,
        "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    let kept: Vec<Value> = terms
        .iter()
        .map(|term| {
            let kept: Vec<&Value> = list(term, "/matchExpressions")
                .iter()
                .filter(|expression| text(expression, "/key").is_some_and(is_platform))
                .collect();
            json!({ "matchExpressions": kept })
        })
        .collect();
    // Terms are alternatives: one without any condition left makes the whole of them true.
    if !kept.is_empty() && kept.iter().all(|term| !list(term, "/matchExpressions").is_empty()) {
        pod.insert(
            "affinity".to_owned(),
            json!({ "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": kept },
            } }),
        );
    }
    let tolerated: Vec<&Value> = list(template, "/tolerations")
        .iter()
        .filter(|toleration| text(toleration, "/key").is_some_and(is_platform))
        .collect();
    if !tolerated.is_empty() {
        pod.insert("tolerations".to_owned(), json!(tolerated));
    }
    pod
}

fn is_platform(key: &str) -> bool {
    matches!(
        key,
        "kubernetes.io/os" | "kubernetes.io/arch" | "beta.kubernetes.io/os" | "beta.kubernetes.io/arch"
    )
}
