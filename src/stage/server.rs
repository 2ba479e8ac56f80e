//! The API server in memory: what each request answers.

use serde_json::{Value, json};

use super::world::World;
use crate::chain::wire;
use crate::cluster::scripted::{BodyEnd, Reply, SeenRequest};

/// A path taken apart.
pub(super) struct Place {
    pub(super) collection: String,
    pub(super) namespace: Option<String>,
    pub(super) plural: String,
    pub(super) name: Option<String>,
}

impl Place {
    pub(super) fn of(path: &str) -> Self {
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
    pub(super) fn serve(&mut self, seen: &SeenRequest) -> Reply {
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
