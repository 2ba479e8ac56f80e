//! Everything behind the API server in memory: its objects, registries, and what a test wants to happen.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::place::Place;

/// What a test does between two requests, given `METHOD path` of a write.
pub type Hook = Box<dyn FnMut(&mut World, &str) + Send>;

/// Who refuses objects: given `METHOD path` of a write and its body, the message of the refusal.
pub type Refusal = fn(&str, &Value) -> Option<&'static str>;

/// Everything behind the API server.
#[derive(Default)]
pub struct World {
    /// Objects by path.
    pub objects: BTreeMap<String, Value>,
    /// Requests that were served, `METHOD path`.
    pub requests: Vec<String>,
    /// Writes that were served; reviews, dry runs and Events are none.
    pub writes: Vec<String>,
    /// After so many writes nobody gets an answer any more.
    pub dies_after: Option<usize>,
    /// What kubelets pull: digest by tag, by repository. Nothing is told of containers whose repository is not here.
    pub registry: BTreeMap<String, BTreeMap<String, String>>,
    /// Which Deployments get a pod; of the others only the status is kept.
    pub has_pod: Option<fn(&Value) -> bool>,
    /// Exit code of Jobs; none = they run on.
    pub exit: Option<i32>,
    /// Termination message of what a Job runs.
    pub message: String,
    /// What containers have written, by their name.
    pub logs: BTreeMap<String, String>,
    /// Minor version of the server's release, as `/version` tells it: `36`, `29+`.
    pub minor: &'static str,
    /// Who asks, as reviews tell them.
    pub user: &'static str,
    /// What reviews allow, by their spec; none = everything. Requests themselves are not asked for their rights.
    pub allows: Option<fn(&Value) -> bool>,
    /// Admission.
    pub refusals: Vec<Refusal>,
    /// Called with each write before it is served.
    pub before_write: Option<Hook>,
    /// Called with each write after it was served.
    pub after_write: Option<Hook>,
    pub(crate) version: u64,
    pub(crate) made: u64,
    pub(crate) dead: bool,
}

impl World {
    /// Another world in which everything stands as it does here. Hooks and what was asked stay behind.
    pub(crate) fn copy(&self) -> Self {
        Self {
            objects: self.objects.clone(),
            registry: self.registry.clone(),
            has_pod: self.has_pod,
            exit: self.exit,
            message: self.message.clone(),
            logs: self.logs.clone(),
            minor: self.minor,
            user: self.user,
            allows: self.allows,
            refusals: self.refusals.clone(),
            version: self.version,
            made: self.made,
            ..Self::default()
        }
    }

    /// The objects of a kind, in all namespaces.
    pub fn all(&self, plural: &str) -> Vec<&Value> {
        let of_kind = self.objects.iter().filter(|(path, _)| Place::of(path).plural == plural);
        of_kind.map(|(_, object)| object).collect()
    }

    /// The object at a path; null where there is none.
    pub fn get(&self, path: &str) -> &Value {
        self.objects.get(path).unwrap_or(&Value::Null)
    }

    /// Changes an object as if its owner did.
    pub fn change(&mut self, path: &str, change: impl FnOnce(&mut Value)) {
        self.version += 1;
        let version = self.version.to_string();
        let object = self.objects.get_mut(path).unwrap_or_else(|| panic!("{path}"));
        change(object);
        object["metadata"]["resourceVersion"] = json!(version);
    }

    /// Keeps a new object in a collection, as a server does: with uid, resourceVersion and namespace, and texts of Secrets
    /// in base64. No controller sees it.
    pub fn keep(&mut self, collection: &str, mut object: Value) -> Value {
        self.version += 1;
        self.made += 1;
        let meta = &mut object["metadata"];
        meta["uid"] = json!(Uuid::from_u128(u128::from(self.made) << 96).to_string());
        meta["resourceVersion"] = json!(self.version.to_string());
        if let Some(namespace) = Place::of(collection).namespace {
            meta["namespace"] = json!(namespace);
        }
        let name = meta["name"].as_str().unwrap().to_owned();
        texts_to_data(&mut object);
        self.objects.insert(format!("{collection}/{name}"), object.clone());
        object
    }
}

/// What the server makes of the texts of a Secret.
pub(crate) fn texts_to_data(object: &mut Value) {
    if let Some(Value::Object(texts)) = object.as_object_mut().unwrap().remove("stringData") {
        for (key, text) in texts {
            object["data"][key] = json!(in_base64(text.as_str().unwrap()));
        }
    }
}

/// A text as a Secret keeps it.
pub fn in_base64(text: &str) -> String {
    STANDARD.encode(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_told_from_all_others_and_says_where_it_is() {
        let mut world = World::default();
        let secret =
            json!({ "metadata": { "name": "s" }, "stringData": { "a": "text" }, "data": { "b": "Yg==" } });
        let kept = world.keep("/api/v1/namespaces/n/secrets", secret.clone());
        assert_eq!(kept["data"], json!({ "a": "dGV4dA==", "b": "Yg==" }));
        assert!(kept["stringData"].is_null());
        assert_eq!(kept["metadata"]["namespace"], "n");
        let other = world.keep("/api/v1/namespaces/m/secrets", secret);
        for key in ["uid", "resourceVersion", "namespace"] {
            assert_ne!(kept["metadata"][key], other["metadata"][key], "{key}");
        }
        assert_eq!(world.all("secrets").len(), 2);
        assert!(world.all("pods").is_empty());
    }

    #[test]
    fn a_change_is_a_new_version() {
        let mut world = World::default();
        let before = world.keep("/api/v1/namespaces", json!({ "metadata": { "name": "n" } }));
        world.change("/api/v1/namespaces/n", |it| it["metadata"]["labels"] = json!({ "a": "b" }));
        let after = world.get("/api/v1/namespaces/n");
        assert_eq!(after["metadata"]["labels"]["a"], "b");
        assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
        assert_ne!(after["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
        assert!(world.get("/api/v1/namespaces/m").is_null());
    }
}
