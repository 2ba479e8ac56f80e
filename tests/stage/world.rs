//! What a chain is in a world: its builds, their listeners, and what Keel does to them.

use std::collections::BTreeMap;

use serde_json::json;
use studioci::chain::wire;
use studioci::keel::parking;
use testkit::World;

use super::{CI, REPOSITORY, digest};

/// A world with the chain in it.
pub(crate) trait ChainWorld {
    /// The namespaces of the chain, by generation.
    fn builds(&self) -> BTreeMap<u64, String>;

    /// Phase of the build in a namespace.
    fn phase(&self, namespace: &str) -> &str;

    /// Path of a build's listener.
    fn listener(namespace: &str) -> String {
        format!("/apis/apps/v1/namespaces/{namespace}/deployments/build")
    }

    /// The registry has another image under a tag of the chain's repository.
    fn publish(&mut self, tag: &str, letter: char);

    /// A push that Keel sees: a new tag, and the listener with its keys gets it. The name of its new pod.
    fn push(&mut self, namespace: &str, tag: &str, letter: char) -> String;

    /// The pod of a listener is replaced. Its name.
    fn roll(&mut self, namespace: &str) -> String;

    /// A Deployment and a running pod that a build may make in its namespace: labelled like the listener's, with Keel's keys,
    /// sorted before them, and of another ServiceAccount. Path of the Deployment.
    fn label_as_listener(&mut self, namespace: &str) -> String;
}

impl ChainWorld for World {
    fn builds(&self) -> BTreeMap<u64, String> {
        self.all("namespaces")
            .iter()
            .filter_map(|namespace| {
                let meta = &namespace["metadata"];
                let generation = meta["annotations"][wire::GENERATION].as_str()?.parse().ok()?;
                Some((generation, meta["name"].as_str()?.to_owned()))
            })
            .collect()
    }

    fn phase(&self, namespace: &str) -> &str {
        let labels = &self.get(&format!("/api/v1/namespaces/{namespace}"))["metadata"]["labels"];
        labels[wire::PHASE].as_str().unwrap_or_default()
    }

    fn publish(&mut self, tag: &str, letter: char) {
        self.registry.entry(REPOSITORY.to_owned()).or_default().insert(tag.to_owned(), digest(letter));
    }

    fn push(&mut self, namespace: &str, tag: &str, letter: char) -> String {
        self.publish(tag, letter);
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

    fn roll(&mut self, namespace: &str) -> String {
        self.replace_pod(&Self::listener(namespace))
    }

    fn label_as_listener(&mut self, namespace: &str) -> String {
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
}
