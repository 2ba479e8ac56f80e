//! A Deployment, as far as Keel is known by it, or a listener's image.

use serde::Deserialize;

use crate::chain::object::{Meta, nullable};
use crate::keel::image::ImageRef;
use crate::keel::names::{self, Map};

/// A Deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SeenDeployment {
    /// Metadata.
    pub metadata: Meta,
    spec: SeenSpec,
    status: SeenStatus,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SeenSpec {
    replicas: Option<u32>,
    selector: SeenSelector,
    template: SeenTemplate,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SeenSelector {
    #[serde(deserialize_with = "nullable")]
    match_labels: Map,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SeenTemplate {
    spec: SeenPodSpec,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SeenPodSpec {
    service_account_name: String,
    #[serde(deserialize_with = "nullable")]
    image_pull_secrets: Vec<SeenName>,
    #[serde(deserialize_with = "nullable")]
    containers: Vec<SeenContainer>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SeenName {
    name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SeenContainer {
    name: String,
    image: String,
    #[serde(deserialize_with = "nullable")]
    command: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    args: Vec<String>,
    #[serde(deserialize_with = "nullable")]
    env: Vec<SeenVariable>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct SeenVariable {
    name: String,
    /// None where it comes from somewhere else.
    value: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SeenStatus {
    ready_replicas: u32,
}

impl SeenContainer {
    /// Whether Keel runs in it: by its image, wherever it was copied to, or by the program that it runs.
    fn is_keel(&self) -> bool {
        let of_image = ImageRef::parse(&self.image).is_ok_and(|image| {
            let key = image.repository_key();
            ["/keelhq/keel", "/keel-hq/keel"].iter().any(|end| key.ends_with(end))
        });
        let begun = self.command.iter().chain(&self.args).next();
        of_image || begun.is_some_and(|program| program.rsplit('/').next() == Some("keel"))
    }
}

impl SeenDeployment {
    /// The Keel that it runs, if it does.
    pub fn keel(&self) -> Option<KeelFacts> {
        let container = self.spec.template.spec.containers.iter().find(|one| one.is_keel())?;
        let account = Some(self.spec.template.spec.service_account_name.as_str());
        Some(KeelFacts {
            namespace: self.metadata.namespace.clone(),
            name: self.metadata.name.clone(),
            container: container.name.clone(),
            image: container.image.clone(),
            account: account.filter(|name| !name.is_empty()).unwrap_or("default").to_owned(),
            selector: self.spec.selector.match_labels.clone(),
            replicas: self.spec.replicas.unwrap_or(1),
            ready: self.status.ready_replicas,
            environment: container
                .env
                .iter()
                .filter_map(|one| Some((one.name.clone(), one.value.clone()?)))
                .collect(),
        })
    }

    /// The ServiceAccount that its pods run as.
    pub fn account(&self) -> &str {
        &self.spec.template.spec.service_account_name
    }

    /// The Secrets by which Keel reads its registry, of its own namespace.
    pub fn pull_secrets(&self) -> Vec<&str> {
        let own =
            names::any_case(names::IMAGE_PULL_SECRET, &self.metadata.labels, &self.metadata.annotations);
        let of_pods = self.spec.template.spec.image_pull_secrets.iter().map(|one| one.name.as_str());
        own.into_iter().chain(of_pods).filter(|name| !name.is_empty()).collect()
    }
}

/// A Keel that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeelFacts {
    /// Its namespace.
    pub namespace: String,
    /// Its Deployment.
    pub name: String,
    /// Its container.
    pub container: String,
    /// Its image.
    pub image: String,
    /// Its ServiceAccount.
    pub account: String,
    /// By which labels its pods are known.
    pub selector: Map,
    /// How many it should be.
    pub replicas: u32,
    /// How many are ready.
    pub ready: u32,
    /// Its environment, as far as the values stand there.
    pub environment: Map,
}
