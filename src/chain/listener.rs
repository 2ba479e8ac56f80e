//! The listener as it stands in a build's namespace, and how to tell it from the other Deployments there.
//!
//! A label proves nothing: a build may make Deployments in its namespace and label them as it likes. It may
//! not make what runs as the chain's agent: the API server sees to that (policy `studioci-identity`).

use jiff::Timestamp;
use serde::Deserialize;

use super::build::{Build, Map};
use super::object::{Condition, Served, refusal};
use super::wire;

/// The listener's Deployment, as far as it tells something.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listener {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its version for conditional writes.
    pub resource_version: String,
    /// The ServiceAccount that its pods run as.
    pub account: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// `spec.replicas`.
    pub replicas: u32,
    /// Its labels.
    pub labels: Map,
    /// Its annotations.
    pub annotations: Map,
    /// Why its pods are not created: a quota, admission.
    pub refused: Option<String>,
    /// Whether its controller has seen the newest spec.
    pub observed: bool,
    /// When Keel last wrote it.
    pub moved: Option<Timestamp>,
}

impl Listener {
    /// Whether it stands in that build's namespace and runs as the agent of its chain.
    pub fn is_of(&self, build: &Build) -> bool {
        self.namespace == build.namespace && self.account == wire::agent_account(&build.chain)
    }

    /// The listener of a build. Several may run as its agent where a person copied it: the oldest is the one that the
    /// chain raised.
    pub fn among<'a>(build: &Build, deployments: impl IntoIterator<Item = &'a Self>) -> Option<&'a Self> {
        let own = deployments.into_iter().filter(|one| one.is_of(build));
        own.min_by_key(|one| (one.created, one.name.as_str()))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DeploymentSpec {
    replicas: Option<u32>,
    template: PodTemplate,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PodTemplate {
    spec: PodTemplateSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PodTemplateSpec {
    service_account_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DeploymentStatus {
    observed_generation: i64,
    conditions: Vec<Condition>,
}

impl<'de> Deserialize<'de> for Listener {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Served { metadata, spec, status } =
            Served::<DeploymentSpec, DeploymentStatus>::deserialize(deserializer)?;
        Ok(Self {
            moved: metadata.moved,
            namespace: metadata.namespace,
            name: metadata.name,
            resource_version: metadata.resource_version,
            account: spec.template.spec.service_account_name,
            created: metadata.creation_timestamp,
            observed: status.observed_generation >= metadata.generation,
            replicas: spec.replicas.unwrap_or(1),
            labels: metadata.labels,
            annotations: metadata.annotations,
            refused: refusal(&status.conditions),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::build::NamespaceView;
    use super::*;

    #[test]
    fn the_listener_is_what_runs_as_the_chains_agent_whatever_is_labelled_so() {
        let map = |pairs: &[(&str, &str)]| -> Map {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let build = Build::read(NamespaceView {
            namespace: "ci-a",
            uid: "u",
            resource_version: "1",
            created: None,
            terminating: false,
            labels: &map(&[(wire::CHAIN, "app"), (wire::PHASE, "Listening")]),
            annotations: &map(&[(wire::CHAIN_UUID, "c"), (wire::OWNER, "o"), (wire::GENERATION, "1")]),
        })
        .unwrap();
        let deployment = |namespace: &str, name: &str, account: &str, created: &str| -> Listener {
            serde_json::from_value(json!({
                "metadata": { "namespace": namespace, "name": name, "creationTimestamp": created,
                    "labels": { wire::CHAIN: "app", wire::ROLE: "listener" } },
                "spec": { "template": { "spec": { "serviceAccountName": account } } },
            }))
            .unwrap()
        };
        let (early, late) = ("2026-11-25T10:00:00Z", "2026-11-25T10:00:01Z");
        let own = || deployment("ci-a", "build", "studioci-agent.app", late);
        for (what, decoy) in [
            ("a build's", deployment("ci-a", "a", "default", early)),
            ("without an account", deployment("ci-a", "a", "", early)),
            ("another chain's", deployment("ci-a", "a", "studioci-agent.apps", early)),
            ("in another namespace", deployment("ci-b", "a", "studioci-agent.app", early)),
            ("a copy", deployment("ci-a", "a", "studioci-agent.app", "2026-11-25T10:00:02Z")),
        ] {
            for all in [[decoy.clone(), own()], [own(), decoy.clone()]] {
                let found = Listener::among(&build, &all);
                assert_eq!(found.map(|found| found.name.as_str()), Some("build"), "{what}");
            }
        }
        assert_eq!(Listener::among(&build, &[deployment("ci-a", "a", "default", early)]), None);
        // made within the same second
        let copy = deployment("ci-a", "build-2", "studioci-agent.app", late);
        assert_eq!(Listener::among(&build, &[copy, own()]), Some(&own()));
    }

    #[test]
    fn a_deployment_is_read_as_the_api_server_writes_it() {
        let listener: Listener = serde_json::from_value(json!({
            "metadata": {
                "namespace": "ci-a", "name": "build", "generation": 2, "creationTimestamp": "2026-11-25T10:00:00Z", "labels": null,
                "managedFields": [
                    { "manager": "kubectl-studioci", "time": "2026-11-25T10:00:00Z" },
                    { "manager": "keel", "operation": "Update", "time": "2026-11-25T10:05:00Z" },
                    { "manager": "kube-controller-manager", "time": "2026-11-25T10:06:00Z" },
                ],
            },
            "status": { "observedGeneration": 1, "conditions": [
                { "type": "Available", "status": "False", "message": "m" },
                { "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota: q" },
            ] },
        }))
        .expect("a Deployment");
        assert_eq!((listener.moved, listener.replicas), ("2026-11-25T10:05:00Z".parse().ok(), 1));
        assert_eq!(listener.refused.as_deref(), Some("exceeded quota: q"));
        assert!(!listener.observed);
    }
}
