//! The listener: the build workload while it waits for Keel, with a pod of two containers.
//!
//! It has the build workload's name and Keel keys, so that Keel updates it, and the CI image in a container of the build
//! container's name, so that what was pushed is pulled and seen. **What a push brings decides nothing about the container
//! that holds the token**: that one runs the agent image, in which there is nothing but this program.
//!
//! | container | image | runs | mounts |
//! |---|---|---|---|
//! | `studioci-install` (init) | agent image | `agent install`: copies this program | `studioci-binary` |
//! | `studioci-agent` | agent image | `agent run` | `studioci-told` read-only, `studioci-token` |
//! | the build container's name | CI image | `agent tell`: what the image says of itself, into `studioci-told` | `studioci-binary` read-only, `studioci-told` |
//!
//! The agent comes first, so that a pull of the CI image that hangs does not keep it from starting. Nothing else of the
//! template reaches the pod: own labels (the pipeline's Services must not find it), no volumes but ours, small limits, and
//! no claim to GPUs or their nodes. The admission policy `studioci-listener` holds this very shape; no field here is newer
//! than Kubernetes 1.30, since Keel's client drops what it does not know and the policy would refuse Keel's update.

use serde_json::{Map as Object, Value, json};

use super::settings::KEYS;
use super::{Plan, labels};
use crate::chain::build::Map;
use crate::chain::kueue::is_kueue_key;
use crate::chain::wire;
use crate::keel::image::Digest;
use crate::keel::{names, parking};

/// Where the agent image holds this program.
pub(super) const IMAGE_BINARY: &str = "/kubectl-studioci";
/// Where the init container puts it, and where the CI container runs it.
pub(super) const CI_BINARY: &str = "/studioci/kubectl-studioci";
/// Where the CI container tells and the agent reads.
pub const TOLD_FOLDER: &str = "/studioci-told";
/// Name of the init container; no container of the build workload's may have it.
pub(super) const INSTALL_CONTAINER: &str = "studioci-install";
/// Name of the container that holds the token; no container of the build workload's may have it.
pub const AGENT_CONTAINER: &str = "studioci-agent";

pub(super) const BINARY_VOLUME: &str = "studioci-binary";
const BINARY_FOLDER: &str = "/studioci";
const TOLD_VOLUME: &str = "studioci-told";
const TOKEN_VOLUME: &str = "studioci-token";
/// Where client libraries look for a token, its CA and its namespace.
const TOKEN_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
/// The place of the CI container in the listener's pod.
const CI_PLACE: usize = 1;
/// How long a token is good for; the kubelet renews it at four fifths. Not 3607, which API servers stretch to a year.
const TOKEN_SECONDS: u32 = 3600;
/// Whom the agent and the init container run as: the agent image has no user of its own.
const NOBODY: u32 = 65_532;

/// What is particular to one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenerOf<'a> {
    /// The tag to start from: the template's own for the first listener, else the one that the predecessor froze.
    /// An older one would be updated by Keel at first sight, and start a build that nobody pushed.
    pub tag: &'a str,
    /// The build's generation.
    pub generation: u64,
}

impl Plan {
    /// The listener's Deployment, its namespace left out.
    pub fn listener(&self, listener: &ListenerOf<'_>) -> Value {
        let build = &self.build;
        let (label_map, annotation_map) = self.listener_metadata(listener);
        let mut pod_labels: Object<String, Value> =
            labels(&self.settings).into_iter().map(|(key, value)| (key, value.into())).collect();
        pod_labels.insert(wire::ROLE.to_owned(), "listener".into());
        let selector = json!({ wire::CHAIN: self.settings.chain, wire::ROLE: "listener" });
        let told: Map = build
            .annotations
            .iter()
            .filter(|(key, _)| KEYS.contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .chain([(wire::GENERATION.to_owned(), listener.generation.to_string())])
            .collect();
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": { "name": build.name, "labels": label_map, "annotations": annotation_map },
            "spec": {
                "replicas": 1,
                "selector": { "matchLabels": selector },
                // Never two at once; and unlike Recreate this does not wait for the pod of a node that is gone.
                "strategy": { "type": "RollingUpdate", "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } },
                "template": {
                    "metadata": { "labels": pod_labels, "annotations": told },
                    "spec": self.listener_pod(listener),
                },
            },
        })
    }

    /// The Deployment of a side build's agent: a listener that Keel never sees, since its keys are parked from birth. Its image is
    /// the one that was asked for: of a tag, or this very one.
    pub fn side_listener(&self, number: u64, tag: &str, digest: Option<&Digest>) -> Value {
        let mut listener = self.listener(&ListenerOf { tag, generation: number });
        let (label_map, annotation_map) = self.listener_metadata(&ListenerOf { tag, generation: number });
        listener["metadata"]["labels"] = json!(parking::park(&label_map));
        listener["metadata"]["annotations"] = json!(parking::park(&annotation_map));
        let containers = &mut listener["spec"]["template"]["spec"]["containers"];
        containers[CI_PLACE]["image"] = self.build.image.with_tag(tag).pinned(digest).into();
        listener
    }

    /// The template's own labels and annotations with Keel's keys in the maps they came from, and ours.
    fn listener_metadata(&self, listener: &ListenerOf<'_>) -> (Map, Map) {
        let build = &self.build;
        let (mut label_map, mut annotation_map) = parking::successor_maps(&build.labels, &build.annotations);
        // Keel reads these two in any case and from either map; only ours may be left.
        for map in [&mut label_map, &mut annotation_map] {
            map.retain(|key, _| {
                ![names::MONITOR_CONTAINERS, names::INIT_CONTAINERS]
                    .iter()
                    .any(|it| it.eq_ignore_ascii_case(key))
                    && !is_kueue_key(key)
            });
        }
        label_map.extend(labels(&self.settings));
        label_map.insert(wire::ROLE.to_owned(), "listener".to_owned());
        annotation_map.insert(names::MONITOR_CONTAINERS.to_owned(), format!("^{}$", build.container));
        annotation_map.insert(names::INIT_CONTAINERS.to_owned(), "false".to_owned());
        annotation_map.insert(wire::CHAIN_UUID.to_owned(), self.settings.chain_uuid.clone());
        annotation_map.insert(wire::GENERATION.to_owned(), listener.generation.to_string());
        (label_map, annotation_map)
    }

    fn listener_pod(&self, listener: &ListenerOf<'_>) -> Value {
        let footing = &self.footing;
        let mut pod = footing.scheduling.clone();
        pod.insert("serviceAccountName".to_owned(), wire::agent_account(&self.settings.chain).into());
        pod.insert("automountServiceAccountToken".to_owned(), false.into());
        pod.insert("enableServiceLinks".to_owned(), false.into());
        pod.insert("terminationGracePeriodSeconds".to_owned(), 5.into());
        let mut security = footing.pod.clone();
        security.insert("seccompProfile".to_owned(), json!({ "type": "RuntimeDefault" }));
        pod.insert("securityContext".to_owned(), security.into());
        if !footing.pull_secrets.is_empty() {
            let pull: Vec<Value> = footing.pull_secrets.iter().map(|name| json!({ "name": name })).collect();
            pod.insert("imagePullSecrets".to_owned(), pull.into());
        }
        pod.insert("volumes".to_owned(), volumes());
        pod.insert("initContainers".to_owned(), json!([self.install()]));
        pod.insert("containers".to_owned(), json!([self.agent(), self.ci(listener)]));
        pod.into()
    }

    /// Copies the binary to where the CI container finds it.
    fn install(&self) -> Value {
        json!({
            "name": INSTALL_CONTAINER,
            "image": self.settings.agent_image,
            "imagePullPolicy": "IfNotPresent",
            "command": [IMAGE_BINARY, "agent", "install", CI_BINARY],
            "resources": resources("128Mi"),
            "securityContext": self.own_security(),
            "volumeMounts": [{ "name": BINARY_VOLUME, "mountPath": BINARY_FOLDER }],
        })
    }

    /// Holds the token.
    fn agent(&self) -> Value {
        let build = &self.build;
        let field = |name: &str, path: &str| json!({ "name": name, "valueFrom": { "fieldRef": { "fieldPath": path } } });
        json!({
            "name": AGENT_CONTAINER,
            "image": self.settings.agent_image,
            "imagePullPolicy": "IfNotPresent",
            // The admission policy asks for exactly these three words; what else there is goes by environment.
            "command": [IMAGE_BINARY, "agent", "run"],
            "env": [
                field("STUDIOCI_NAMESPACE", "metadata.namespace"),
                field("STUDIOCI_POD", "metadata.name"),
                { "name": "STUDIOCI_CONTAINER", "value": build.container },
                { "name": "STUDIOCI_DEPLOYMENT", "value": build.name },
            ],
            "resources": resources("256Mi"),
            "securityContext": self.own_security(),
            "volumeMounts": [
                { "name": TOLD_VOLUME, "mountPath": TOLD_FOLDER, "readOnly": true },
                { "name": TOKEN_VOLUME, "mountPath": TOKEN_FOLDER, "readOnly": true },
            ],
        })
    }

    /// Tells what the pushed image says of itself; the only container that Keel may update.
    fn ci(&self, listener: &ListenerOf<'_>) -> Value {
        let build = &self.build;
        let mut security = hardened();
        security.extend(self.footing.container.clone());
        let mut container = json!({
            "name": build.container,
            "image": build.image.with_tag(listener.tag).to_string(),
            "imagePullPolicy": "Always",
            "command": [CI_BINARY, "agent", "tell"],
            "env": [{ "name": "STUDIOCI_PIPELINE_PATH", "value": build.settings.pipeline_path }],
            "resources": resources("64Mi"),
            "securityContext": security,
            "volumeMounts": [
                { "name": BINARY_VOLUME, "mountPath": BINARY_FOLDER, "readOnly": true },
                { "name": TOLD_VOLUME, "mountPath": TOLD_FOLDER },
            ],
        });
        if let Some(folder) = &self.footing.working_dir {
            container["workingDir"] = folder.clone().into();
        }
        container
    }

    /// The security context of what runs the agent image. Where the cluster gives every namespace its own range of users
    /// (`omit`), it picks these too.
    fn own_security(&self) -> Object<String, Value> {
        let mut security = hardened();
        if !self.footing.omitted {
            security.insert("runAsUser".to_owned(), NOBODY.into());
            security.insert("runAsGroup".to_owned(), NOBODY.into());
            security.insert("runAsNonRoot".to_owned(), true.into());
        }
        security
    }
}

/// `told` is in memory: on disk a full one would have the whole pod evicted, the agent included.
fn volumes() -> Value {
    json!([
        { "name": BINARY_VOLUME, "emptyDir": { "sizeLimit": "64Mi" } },
        { "name": TOLD_VOLUME, "emptyDir": { "medium": "Memory", "sizeLimit": "1Mi" } },
        { "name": TOKEN_VOLUME, "projected": { "defaultMode": 0o444, "sources": [
            { "serviceAccountToken": { "path": "token", "expirationSeconds": TOKEN_SECONDS } },
            { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
            { "downwardAPI": { "items": [
                { "path": "namespace", "fieldRef": { "fieldPath": "metadata.namespace" } },
            ] } },
        ] } },
    ])
}

fn resources(memory: &str) -> Value {
    json!({ "requests": { "cpu": "10m", "memory": "32Mi" }, "limits": { "cpu": "500m", "memory": memory } })
}

fn hardened() -> Object<String, Value> {
    let mut security = Object::new();
    security.insert("allowPrivilegeEscalation".to_owned(), false.into());
    security.insert("capabilities".to_owned(), json!({ "drop": ["ALL"] }));
    security.insert("readOnlyRootFilesystem".to_owned(), true.into());
    security
}
