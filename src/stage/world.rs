//! Everything behind the API server in memory: its objects, a registry, and what Keel, controllers and kubelets make of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::server::Place;
use super::{CI, REPOSITORY, digest};
use crate::chain::told::Telling;
use crate::chain::wire;
use crate::cluster::scripted::in_base64;
use crate::keel::parking;

/// What a script of a test does between two requests.
type Hook = Box<dyn FnMut(&mut World, &str) + Send>;

/// Everything behind the API server.
#[derive(Default)]
pub(crate) struct World {
    /// Objects by path.
    pub(crate) objects: BTreeMap<String, Value>,
    /// Requests that were served, `METHOD path`; those that change nothing (reviews, dry runs) left out of `writes`.
    pub(crate) requests: Vec<String>,
    /// Writes that were served.
    pub(crate) writes: Vec<String>,
    /// After so many writes nobody gets an answer any more.
    pub(crate) dies_after: Option<usize>,
    /// Digest by tag.
    pub(crate) registry: BTreeMap<String, char>,
    /// Exit code of builds; none = they run on.
    pub(crate) exit: Option<i32>,
    /// What CI containers tell.
    pub(crate) tells: Option<Telling>,
    /// Refuses objects: `METHOD path` → message of an admission webhook.
    pub(crate) refuses: Option<fn(&str, &Value) -> Option<&'static str>>,
    /// Called with each write before it is served.
    pub(crate) before_write: Option<Hook>,
    /// Called with each write after it was served.
    pub(crate) after_write: Option<Hook>,
    pub(super) version: u64,
    pub(super) made: u64,
    pub(super) dead: bool,
}

impl World {
    /// The objects of a kind, in all namespaces.
    pub(crate) fn all(&self, plural: &str) -> Vec<&Value> {
        let of_kind = self.objects.iter().filter(|(path, _)| Place::of(path).plural == plural);
        of_kind.map(|(_, object)| object).collect()
    }

    pub(crate) fn get(&self, path: &str) -> &Value {
        self.objects.get(path).unwrap_or(&Value::Null)
    }

    /// The namespaces of the chain, by generation.
    pub(crate) fn builds(&self) -> BTreeMap<u64, String> {
        self.all("namespaces")
            .iter()
            .filter_map(|namespace| {
                let meta = &namespace["metadata"];
                let generation = meta["annotations"][wire::GENERATION].as_str()?.parse().ok()?;
                Some((generation, meta["name"].as_str()?.to_owned()))
            })
            .collect()
    }

    pub(crate) fn phase(&self, namespace: &str) -> &str {
        let labels = &self.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["labels"];
        labels[wire::PHASE].as_str().unwrap_or_default()
    }

    /// Path of a build's listener.
    pub(crate) fn listener(namespace: &str) -> String {
        format!("/apis/apps/v1/namespaces/{namespace}/deployments/build")
    }

    /// Changes an object as if its owner did.
    pub(crate) fn change(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        self.version += 1;
        let version = self.version.to_string();
        let object = self.objects.get_mut(path).unwrap_or_else(|| panic!("{path}"));
        change(object);
        object["metadata"]["resourceVersion"] = json!(version);
    }

    /// A push that Keel sees: a new tag, and the listener with its keys gets it. The name of its new pod.
    pub(crate) fn push(&mut self, namespace: &str, tag: &str, letter: char) -> String {
        self.registry.insert(tag.to_owned(), letter);
        let path = Self::listener(namespace);
        let labels = serde_json::from_value(self.get(&path)["metadata"]["labels"].clone()).unwrap();
        let annotations = serde_json::from_value(self.get(&path)["metadata"]["annotations"].clone()).unwrap();
        assert!(parking::attached(&labels, &annotations), "Keel does not see {path}");
        self.change(&path, |deployment| {
            deployment["metadata"]["annotations"]["kubernetes.io/change-cause"] = json!("keel");
            let template = &mut deployment["spec"]["template"];
            template["spec"]["containers"][CI]["image"] = json!(format!("{REPOSITORY}:{tag}"));
        });
        self.roll(namespace)
    }

    /// The pod of a listener is replaced. Its name.
    pub(crate) fn roll(&mut self, namespace: &str) -> String {
        let collection = format!("/api/v1/namespaces/{namespace}/pods");
        let deployment = self.get(&Self::listener(namespace)).clone();
        let name = deployment["metadata"]["name"].as_str().unwrap();
        self.objects.retain(|path, _| !path.starts_with(&format!("{collection}/{name}-")));
        let mut pod = deployment["spec"]["template"].clone();
        let image = pod["spec"]["containers"][CI]["image"].as_str().unwrap().to_owned();
        let tag = image.rsplit(':').next().unwrap();
        pod["status"] = match self.registry.get(tag) {
            Some(letter) => json!({ "phase": "Running", "containerStatuses": [{
                "name": pod["spec"]["containers"][CI]["name"],
                "imageID": format!("{REPOSITORY}@{}", digest(*letter)),
                "containerID": "containerd://1",
                "state": { "running": {} },
            }] }),
            None => json!({ "phase": "Pending", "containerStatuses": [{
                "name": pod["spec"]["containers"][CI]["name"],
                "imageID": "",
                "state": { "waiting": { "reason": "ErrImagePull", "message": format!("{image}: not found") } },
            }] }),
        };
        self.made += 1;
        let pod_name = format!("{name}-{}", self.made);
        pod["metadata"]["name"] = json!(pod_name);
        self.keep(&collection, pod);
        pod_name
    }

    /// A Deployment and a running pod that a build may make in its namespace: labelled like the listener's, with Keel's keys,
    /// sorted before them, and of another ServiceAccount. Path of the Deployment.
    pub(crate) fn label_as_listener(&mut self, namespace: &str) -> String {
        let labels = json!({ wire::CHAIN: "app-main", wire::ROLE: "listener" });
        let meta = json!({ "name": "a", "labels": labels, "annotations": { "keel.sh/policy": "all" } });
        let deployment = json!({ "metadata": meta, "spec": { "replicas": 1, "template": {
            "metadata": { "labels": labels }, "spec": { "serviceAccountName": "default" },
        } } });
        let pod = json!({ "metadata": meta, "spec": { "serviceAccountName": "default" },
            "status": { "phase": "Running" } });
        self.keep(&format!("/api/v1/namespaces/{namespace}/pods"), pod);
        let collection = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        self.keep(&collection, deployment);
        format!("{collection}/a")
    }

    pub(crate) fn keep(&mut self, collection: &str, mut object: Value) -> Value {
        self.version += 1;
        self.made += 1;
        let place = Place::of(collection);
        let meta = &mut object["metadata"];
        meta["uid"] = json!(Uuid::from_u128(u128::from(self.made) << 96).to_string());
        meta["resourceVersion"] = json!(self.version.to_string());
        if let Some(namespace) = place.namespace {
            meta["namespace"] = json!(namespace);
        }
        let name = meta["name"].as_str().unwrap().to_owned();
        if let Some(Value::Object(texts)) = object.as_object_mut().unwrap().remove("stringData") {
            for (key, text) in texts {
                object["data"][key] = json!(in_base64(text.as_str().unwrap()));
            }
        }
        self.objects.insert(format!("{collection}/{name}"), object.clone());
        object
    }
}
