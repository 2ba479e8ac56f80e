//! An API server and a registry in memory, which note what is asked of them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use jiff::Timestamp;
use keel_standin::{ApiServer, Asked, Cache, Clock as _, Kind, Manifest, Name, Refusal, Registry, Workload};
use serde_json::{Value, json};
use studioci::chain::base64::base64;
use studioci::keel::image::ImageRef;

use crate::clock::VirtualClock;
use crate::recording::Deployment;

/// The registry's host in every image; the recordings leave it out.
pub(crate) const HOST: &str = "registry.test:5000";

/// A PUT of Keel.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) at: Timestamp,
    pub(crate) object: String,
    pub(crate) status: u16,
    pub(crate) before: Value,
    pub(crate) sent: Value,
}

pub(crate) struct World<'c> {
    clock: &'c VirtualClock,
    pub(crate) cache: Rc<Cache>,
    /// Whether Keel's watches are open.
    pub(crate) watched: Cell<bool>,
    pub(crate) objects: RefCell<BTreeMap<String, Value>>,
    version: Cell<u64>,
    /// Repository → tags with their content, in the order in which they came.
    tags: RefCell<BTreeMap<String, Vec<(String, String)>>>,
    /// Repository → `user:password` that it asks for.
    locked: RefCell<BTreeMap<String, String>>,
    secrets: RefCell<BTreeMap<String, Value>>,
    running: RefCell<BTreeMap<String, String>>,
    pub(crate) writes: RefCell<Vec<Write>>,
    pub(crate) requests: RefCell<Vec<(Timestamp, String)>>,
    /// Reads and writes of Deployments, in order: `GET a/web`.
    pub(crate) calls: RefCell<Vec<String>>,
}

/// The digest of a content letter.
pub(crate) fn digest_of(content: &str) -> String {
    let letter = content.bytes().next().unwrap_or_default();
    format!("sha256:{}", format!("{letter:02x}").repeat(32))
}

impl<'c> World<'c> {
    pub(crate) fn new(clock: &'c VirtualClock) -> Self {
        Self {
            clock,
            cache: Rc::default(),
            watched: Cell::new(false),
            objects: RefCell::default(),
            version: Cell::new(0),
            tags: RefCell::default(),
            locked: RefCell::default(),
            secrets: RefCell::default(),
            running: RefCell::default(),
            writes: RefCell::default(),
            requests: RefCell::default(),
            calls: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, tag: &str, content: &str) {
        let (repository, tag) = tag.split_once(':').expect("repository:tag");
        let mut tags = self.tags.borrow_mut();
        let tags = tags.entry(repository.to_owned()).or_default();
        match tags.iter_mut().find(|(name, _)| name == tag) {
            Some((_, held)) => content.clone_into(held),
            None => tags.push((tag.to_owned(), content.to_owned())),
        }
    }

    pub(crate) fn untag(&self, tag: &str) {
        let (repository, tag) = tag.split_once(':').expect("repository:tag");
        if let Some(tags) = self.tags.borrow_mut().get_mut(repository) {
            tags.retain(|(name, _)| name != tag);
        }
    }

    pub(crate) fn lock(&self, repository: &str, login: &str) {
        self.locked.borrow_mut().insert(repository.to_owned(), login.to_owned());
    }

    pub(crate) fn keep_login(&self, object: &str, login: &str) {
        let config = json!({"auths": {HOST: {"auth": base64(login)}}}).to_string();
        let secret =
            json!({"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": base64(config)}});
        self.secrets.borrow_mut().insert(object.to_owned(), secret);
    }

    pub(crate) fn create(&self, deployment: &Deployment) {
        let (namespace, name) = deployment.object.split_once('/').expect("namespace/name");
        let containers = |images: &BTreeMap<String, String>| -> Vec<Value> {
            let image =
                |(name, image): (&String, &String)| json!({"name": name, "image": format!("{HOST}/{image}")});
            images.iter().map(image).collect()
        };
        let pulls: Vec<Value> = deployment.pull_secrets.iter().map(|name| json!({"name": name})).collect();
        self.store(
            &deployment.object,
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {
                    "namespace": namespace,
                    "name": name,
                    "labels": deployment.labels,
                    "annotations": deployment.annotations,
                },
                "spec": {
                    "replicas": deployment.replicas,
                    "paused": deployment.paused,
                    "selector": {"matchLabels": {"app": name}},
                    "template": {
                        "metadata": {"labels": {"app": name}},
                        "spec": {
                            "containers": containers(&deployment.containers),
                            "initContainers": containers(&deployment.init_containers),
                            "imagePullSecrets": pulls,
                        },
                    },
                },
            }),
        );
    }

    pub(crate) fn store(&self, object: &str, mut value: Value) {
        self.version.set(self.version.get() + 1);
        value["metadata"]["resourceVersion"] = json!(self.version.get().to_string());
        self.objects.borrow_mut().insert(object.to_owned(), value.clone());
        if self.watched.get() {
            self.cache.set(workload(value));
        }
    }

    pub(crate) fn change(&self, object: &str, change: impl FnOnce(&mut Value)) {
        let mut value = self.objects.borrow()[object].clone();
        change(&mut value);
        self.store(object, value);
    }

    pub(crate) fn delete(&self, object: &str) {
        let gone = self.objects.borrow_mut().remove(object).expect("an object to delete");
        self.running.borrow_mut().remove(object);
        self.cache.remove(&workload(gone).name);
    }

    pub(crate) fn run_pod(&self, object: &str, content: &str) {
        self.running.borrow_mut().insert(object.to_owned(), content.to_owned());
    }

    /// What a new process of Keel sees after a moment.
    pub(crate) fn open_watches(&self) {
        self.watched.set(true);
        let objects = self.objects.borrow().values().cloned().map(workload).collect();
        self.cache.reset(Kind::Deployment, objects);
    }

    fn content(&self, image: &ImageRef) -> Result<String, Refusal> {
        let tags = self.tags.borrow();
        let mut tags = tags.get(repository(image)).into_iter().flatten();
        let found = tags.find(|(tag, _)| *tag == image.tag);
        found.map(|(_, content)| content.clone()).ok_or_else(|| refusal(404))
    }

    fn ask(&self, asked: Asked<'_>, request: String) -> Result<(), Refusal> {
        self.requests.borrow_mut().push((self.clock.now(), request));
        let given = asked.login.map(|login| format!("{}:{}", login.username, login.password));
        match self.locked.borrow().get(repository(asked.image)) {
            Some(wanted) if given.as_ref() != Some(wanted) => Err(refusal(401)),
            _ => Ok(()),
        }
    }
}

fn repository(image: &ImageRef) -> &str {
    image.name.rsplit_once('/').map_or(image.name.as_str(), |(_, path)| path)
}

fn workload(object: Value) -> Workload {
    Workload::read(Kind::Deployment, object).expect("an object with a name")
}

fn refusal(status: u16) -> Refusal {
    Refusal { status, message: String::new() }
}

impl ApiServer for World<'_> {
    async fn get(&self, name: &Name) -> Result<Value, Refusal> {
        self.calls.borrow_mut().push(format!("GET {name}"));
        self.objects.borrow().get(&name.to_string()).cloned().ok_or_else(|| refusal(404))
    }

    async fn put(&self, name: &Name, sent: &Value) -> Result<(), Refusal> {
        let object = name.to_string();
        self.calls.borrow_mut().push(format!("PUT {object}"));
        let before = self.objects.borrow().get(&object).cloned().unwrap_or_default();
        let versions = (&before["metadata"]["resourceVersion"], &sent["metadata"]["resourceVersion"]);
        let status = match versions {
            (Value::Null, _) => 404,
            (live, sent) if live != sent => 409,
            _ => 200,
        };
        self.writes.borrow_mut().push(Write {
            at: self.clock.now(),
            object: object.clone(),
            status,
            before,
            sent: sent.clone(),
        });
        if status != 200 {
            return Err(refusal(status));
        }
        self.store(&object, sent.clone());
        Ok(())
    }

    async fn pods(&self, namespace: &str, labels: &Value) -> Result<Vec<Value>, Refusal> {
        let object = format!("{namespace}/{}", labels["app"].as_str().unwrap_or_default());
        let objects = self.objects.borrow();
        let Some((running, spec)) = self
            .running
            .borrow()
            .get(&object)
            .cloned()
            .zip(objects.get(&object).and_then(|object| object.pointer("/spec/template/spec")))
        else {
            return Ok(Vec::new());
        };
        let statuses: Vec<Value> = spec["containers"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|container| {
                json!({
                    "name": container["name"],
                    "imageID": format!("{HOST}/app@{}", digest_of(&running)),
                    "state": {"running": {}},
                })
            })
            .collect();
        Ok(vec![json!({"metadata": {}, "spec": spec, "status": {"containerStatuses": statuses}})])
    }

    async fn secret(&self, namespace: &str, name: &str) -> Result<Value, Refusal> {
        self.secrets.borrow().get(&format!("{namespace}/{name}")).cloned().ok_or_else(|| refusal(404))
    }
}

impl Registry for World<'_> {
    async fn digest(&self, asked: Asked<'_>) -> Result<String, Refusal> {
        let image = asked.image;
        self.ask(asked, format!("HEAD {}:{}", repository(image), image.tag))?;
        self.content(image).map(|content| digest_of(&content))
    }

    async fn manifest(&self, asked: Asked<'_>) -> Result<Manifest, Refusal> {
        let image = asked.image;
        self.ask(asked, format!("GET {}:{}", repository(image), image.tag))?;
        let digest = digest_of(&self.content(image)?);
        Ok(Manifest { config: Some(digest.clone()), digests: vec![digest] })
    }

    async fn config(&self, asked: Asked<'_>, _: &str) -> Result<(), Refusal> {
        self.ask(asked, format!("CONFIG {}", repository(asked.image)))
    }

    async fn tags(&self, asked: Asked<'_>) -> Result<Vec<String>, Refusal> {
        let repository = repository(asked.image);
        self.ask(asked, format!("LIST {repository}"))?;
        let tags = self.tags.borrow();
        Ok(tags.get(repository).into_iter().flatten().map(|(tag, _)| tag.clone()).collect())
    }
}
