//! A stage for operations: an API server in memory, with as much of controllers, kubelet and Keel as a chain needs.
//!
//! Objects are kept by path. Creates, merge and JSON patches, server-side apply (as a merge), deletes with
//! preconditions, label selectors and resourceVersions are the server's; watches are silent, so that what an operation
//! sees it has looked for. Whoever acts may be killed after any write.

#[cfg(test)]
mod agent_tests;
#[cfg(test)]
mod person_tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::chain::freeze::Pushed;
use crate::chain::told::{TOLD_FILE, Telling};
use crate::chain::wire;
use crate::cluster::Cluster;
use crate::cluster::scripted::{BodyEnd, Reply, Scripted, SeenRequest, in_base64};
use crate::keel::parking;
use crate::local;
use crate::state::home::Home;
use crate::state::{manifests, write};

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
    version: u64,
    made: u64,
    dead: bool,
}

/// The stage.
#[derive(Clone)]
pub(crate) struct Stage {
    world: Arc<Mutex<World>>,
    bell: Arc<Notify>,
    told: Arc<ToldFolder>,
}

/// Where CI containers tell; gone with the stage.
struct ToldFolder(PathBuf);

impl Default for ToldFolder {
    fn default() -> Self {
        let path = std::env::temp_dir().join(format!("studioci-stage-{}", Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for ToldFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Which of the listener's containers runs the CI image.
pub(crate) const CI: usize = 1;
/// The image of the chain.
pub(crate) const REPOSITORY: &str = "registry.example/team/ci";

pub(crate) fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

impl Stage {
    /// A cluster that was set up, with `tags` in its registry.
    pub(crate) fn new(tags: &[(&str, char)]) -> Self {
        let tells = Telling { pipeline: Pushed::Absent, revision: Some("abc".to_owned()) };
        let mut world = World { exit: Some(0), tells: Some(tells), ..World::default() };
        world.registry = tags.iter().map(|(tag, letter)| ((*tag).to_owned(), *letter)).collect();
        let home = Home::unasked();
        let mut objects = manifests::objects_of(&home);
        objects.push(manifests::config(&home));
        for mut object in objects {
            if object["metadata"]["name"] == wire::ROLE_WORKSPACE {
                object["rules"] = json!([{ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }]);
            }
            // how policies compare with the manifests is tested beside `check`; here the canary alone judges
            if [manifests::POLICY, manifests::BINDING].contains(&manifests::key(&object).0) {
                object["spec"] = json!({});
                object["metadata"]["annotations"][wire::CONFINEMENT] = json!("99");
            }
            let resource = write::resource_of(&object).unwrap();
            let namespace = object["metadata"]["namespace"].as_str();
            let group = if resource.group.is_empty() {
                format!("/api/{}", resource.version)
            } else {
                format!("/apis/{}/{}", resource.group, resource.version)
            };
            let scope = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
            world.keep(&format!("{group}{scope}/{}", resource.plural), object);
        }
        Self { world: Arc::new(Mutex::new(world)), bell: Arc::default(), told: Arc::default() }
    }

    /// Another stage on which everything stands as it does here.
    pub(crate) fn copy(&self) -> Self {
        let here = self.world();
        let world = World {
            objects: here.objects.clone(),
            registry: here.registry.clone(),
            exit: here.exit,
            tells: here.tells.clone(),
            version: here.version,
            made: here.made,
            ..World::default()
        };
        Self { world: Arc::new(Mutex::new(world)), bell: Arc::default(), told: Arc::default() }
    }

    /// A connection of its own to the server.
    pub(crate) fn cluster(&self) -> Cluster {
        let stage = self.clone();
        let (cluster, _) = Scripted::serve(move |seen| {
            let reply = stage.world().serve(seen);
            stage.bell.notify_waiters();
            reply
        });
        cluster
    }

    /// The folder in which the CI container has told what it tells now.
    pub(crate) fn told(&self) -> PathBuf {
        if let Some(telling) = &self.world().tells {
            local::told::tell(&self.told.0, telling).unwrap();
        } else {
            let _ = std::fs::remove_file(self.told.0.join(TOLD_FILE));
        }
        self.told.0.clone()
    }

    pub(crate) fn world(&self) -> std::sync::MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Comes back when the world is as wanted.
    pub(crate) async fn reaches(&self, wanted: impl Fn(&World) -> bool) {
        while !wanted(&self.world()) {
            self.bell.notified().await;
        }
    }

    /// Comes back when the server has stopped to answer.
    pub(crate) async fn dies(&self) {
        self.reaches(|world| world.dead).await;
    }

    /// The server answers again.
    pub(crate) fn revive(&self) {
        let mut world = self.world();
        (world.dead, world.dies_after) = (false, None);
    }
}

/// A path taken apart.
struct Place {
    collection: String,
    namespace: Option<String>,
    plural: String,
    name: Option<String>,
}

impl Place {
    fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let fixed = if parts[0] == "api" { 2 } else { 3 };
        let rest = &parts[fixed..];
        let (namespace, plural, name) = match rest {
            [plural] => (None, *plural, None),
            [plural, name] => (None, *plural, Some((*name).to_owned())),
            [_, namespace, plural] => (Some((*namespace).to_owned()), *plural, None),
            [_, namespace, plural, name, ..] => {
                (Some((*namespace).to_owned()), *plural, Some((*name).to_owned()))
            }
            _ => panic!("{path}"),
        };
        let collection = match &name {
            Some(name) => path.strip_suffix(&format!("/{name}")).unwrap().to_owned(),
            None => path.to_owned(),
        };
        Self { collection, namespace, plural: plural.to_owned(), name }
    }
}

fn conflict(why: &'static str) -> Reply {
    Reply::Status(409, "Conflict", why)
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

    fn serve(&mut self, seen: &SeenRequest) -> Reply {
        if self.dead {
            return Reply::Silence;
        }
        let name = format!("{} {}", seen.method, seen.path);
        self.requests.push(name.clone());
        let dry = seen.query.contains("dryRun=All");
        let review =
            seen.path.contains("/authorization.k8s.io/") || seen.path.contains("/authentication.k8s.io/");
        if review {
            let denied = seen.body["spec"]["resourceAttributes"]["verb"] == "nonsense";
            let status = json!({ "allowed": !denied, "userInfo": { "username": "alice" } });
            return Reply::Json(201, json!({ "status": status }));
        }
        let place = Place::of(&seen.path);
        let writes = seen.method != "GET" && !dry;
        if writes && self.dies_after == Some(self.writes.len()) {
            self.dead = true;
            return Reply::Silence;
        }
        if writes && let Some(mut hook) = self.before_write.take() {
            hook(self, &name);
            self.before_write = Some(hook);
        }
        let reply = self.answer(seen, &place, dry);
        if writes {
            self.writes.push(name.clone());
            if let Some(mut hook) = self.after_write.take() {
                hook(self, &name);
                self.after_write = Some(hook);
            }
        }
        reply
    }

    fn answer(&mut self, seen: &SeenRequest, place: &Place, dry: bool) -> Reply {
        if let Some(refuses) = self.refuses
            && let Some(message) = refuses(&format!("{} {}", seen.method, seen.path), &seen.body)
        {
            return Reply::Status(403, "Forbidden", message);
        }
        match (seen.method.as_str(), &place.name) {
            ("GET", None) if seen.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
            ("GET", None) => self.list(seen, place),
            ("GET", Some(_)) => match self.objects.get(&seen.path) {
                Some(object) => Reply::Json(200, object.clone()),
                None => Reply::Status(404, "NotFound", "not found"),
            },
            ("POST", _) => self.create(seen, place, dry),
            ("PATCH", _) => self.patch(seen, place, dry),
            ("DELETE", _) => self.delete(seen, place),
            other => panic!("{other:?}"),
        }
    }

    fn list(&self, seen: &SeenRequest, place: &Place) -> Reply {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, _)| Place::of(path).collection == place.collection)
            .map(|(_, object)| object)
            .filter(|object| seen.selects(object))
            .collect();
        Reply::Json(
            200,
            json!({ "metadata": { "resourceVersion": self.version.to_string() }, "items": items }),
        )
    }

    fn create(&mut self, seen: &SeenRequest, place: &Place, dry: bool) -> Reply {
        let name = seen.body["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}", place.collection);
        if name == "studioci-canary" {
            let refused = "x is forbidden: ValidatingAdmissionPolicy 'studioci-rights' with binding \
                           'studioci-rights' denied request: no";
            return Reply::Status(403, "Forbidden", refused);
        }
        if self.objects.contains_key(&path) {
            return Reply::Status(409, "AlreadyExists", "already exists");
        }
        if let Some(namespace) = &place.namespace
            && !self.objects.contains_key(&format!("/api/v1/namespaces/{namespace}"))
        {
            return Reply::Status(404, "NotFound", "no such namespace");
        }
        if dry {
            return Reply::Json(201, seen.body.clone());
        }
        let made = self.keep(&place.collection, seen.body.clone());
        self.react(place, name);
        Reply::Json(201, made)
    }

    /// What controllers and kubelet make of a new object.
    fn react(&mut self, place: &Place, name: &str) {
        let namespace = place.namespace.clone().unwrap_or_default();
        match place.plural.as_str() {
            "namespaces" => {
                let account = json!({ "metadata": { "name": "default" } });
                self.keep(&format!("/api/v1/namespaces/{name}/serviceaccounts"), account);
            }
            "deployments" => {
                let path = format!("{}/{name}", place.collection);
                let replicas = self.get(&path)["spec"]["replicas"].clone();
                self.change(&path, |it| {
                    it["status"] = json!({ "replicas": replicas, "updatedReplicas": replicas,
                        "readyReplicas": replicas, "availableReplicas": replicas });
                });
                if self.get(&path)["metadata"]["labels"][wire::ROLE] == "listener" {
                    self.roll(&namespace);
                }
            }
            "jobs" => {
                let job = self.get(&format!("{}/{name}", place.collection)).clone();
                let mut pod = job["spec"]["template"].clone();
                pod["metadata"]["name"] = json!(format!("{name}-x"));
                let uid = &job["metadata"]["uid"];
                pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = json!(name);
                pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = uid.clone();
                pod["metadata"]["ownerReferences"] = json!([{
                    "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": true,
                }]);
                let state = match self.exit {
                    Some(code) => json!({ "terminated": { "exitCode": code, "reason": "Completed" } }),
                    None => json!({ "running": {} }),
                };
                let phase = if self.exit.is_some() { "Succeeded" } else { "Running" };
                pod["status"] = json!({ "phase": phase, "containerStatuses": [{
                    "name": pod["spec"]["containers"][0]["name"], "state": state,
                }] });
                self.keep(&format!("/api/v1/namespaces/{namespace}/pods"), pod);
            }
            _ => {}
        }
    }

    fn patch(&mut self, seen: &SeenRequest, place: &Place, dry: bool) -> Reply {
        let kind = seen.headers["content-type"].to_str().unwrap();
        let Some(live) = self.objects.get(&seen.path) else {
            if kind.contains("apply") && !dry {
                let made = self.keep(&place.collection, seen.body.clone());
                self.react(place, place.name.as_deref().unwrap());
                return Reply::Json(201, made);
            }
            return Reply::Status(404, "NotFound", "not found");
        };
        let mut next = live.clone();
        if kind.contains("json-patch") {
            for step in seen.body.as_array().unwrap() {
                let at = step["path"].as_str().unwrap();
                let (parent, key) = at.rsplit_once('/').unwrap();
                let key = key.replace("~1", "/").replace("~0", "~");
                match step["op"].as_str().unwrap() {
                    "test" if next.pointer(at) != Some(&step["value"]) => {
                        return Reply::Status(422, "Invalid", "testing value failed");
                    }
                    "add" => next.pointer_mut(parent).unwrap()[&key] = step["value"].clone(),
                    "remove" => {
                        next.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(&key).unwrap();
                    }
                    _ => {}
                }
            }
        } else {
            let expected = &seen.body["metadata"]["resourceVersion"];
            if !expected.is_null() && *expected != live["metadata"]["resourceVersion"] {
                return conflict("the object has been modified");
            }
            merge(&mut next, &seen.body);
        }
        if next != *live && !dry {
            self.version += 1;
            next["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.objects.insert(seen.path.clone(), next.clone());
        }
        Reply::Json(200, next)
    }

    fn delete(&mut self, seen: &SeenRequest, place: &Place) -> Reply {
        let Some(live) = self.objects.get(&seen.path) else {
            return Reply::Status(404, "NotFound", "not found");
        };
        for key in ["uid", "resourceVersion"] {
            let expected = &seen.body["preconditions"][key];
            if !expected.is_null() && *expected != live["metadata"][key] {
                return conflict("the precondition does not hold");
            }
        }
        self.objects.remove(&seen.path);
        if place.plural == "namespaces" {
            self.objects.retain(|path, _| {
                !path.starts_with(&format!("{}/", seen.path)) && Place::of(path).namespace != place.name
            });
        }
        Reply::Json(200, json!({ "status": "Success" }))
    }
}

fn merge(live: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *live = patch.clone();
        return;
    };
    if !live.is_object() {
        *live = json!({});
    }
    let fields = live.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            fields.remove(key);
        } else {
            merge(fields.entry(key).or_insert(Value::Null), value);
        }
    }
}
