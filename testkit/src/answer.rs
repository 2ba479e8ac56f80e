//! The API server in memory: what each request answers.

use json_patch::{Patch, merge, patch};
use serde_json::{Value, json};

use crate::place::Place;
use crate::scripted::{BodyEnd, Reply, SeenRequest};
use crate::world::{World, texts_to_data};

fn not_found() -> Reply {
    Reply::Status(404, "NotFound", "not found")
}

fn conflict(why: &'static str) -> Reply {
    Reply::Status(409, "Conflict", why)
}

impl World {
    pub(crate) fn serve(&mut self, seen: &SeenRequest) -> Reply {
        if self.dead {
            return Reply::Silence;
        }
        let line = seen.line();
        self.requests.push(line.clone());
        if let Some(told) = self.version(seen).or_else(|| self.group(seen)).or_else(|| self.review(seen)) {
            return told;
        }
        let dry = seen.query.contains("dryRun=All");
        // what is said in Events is said beside the work, and when is nobody's business
        let writes = seen.method != "GET" && !dry && !seen.path.ends_with("/events");
        if writes && self.dies_after == Some(self.writes.len()) {
            self.dead = true;
            return Reply::Silence;
        }
        if writes && let Some(mut hook) = self.before_write.take() {
            hook(self, &line);
            self.before_write = Some(hook);
        }
        let reply = match seen.path.strip_suffix("/log") {
            Some(pod) => self.log(seen, pod),
            None => self.answer(seen, &Place::of(&seen.path), dry),
        };
        if writes {
            self.writes.push(line.clone());
            if let Some(mut hook) = self.after_write.take() {
                hook(self, &line);
                self.after_write = Some(hook);
            }
        }
        reply
    }

    /// What a container of a pod that is there has written.
    fn log(&self, seen: &SeenRequest, pod: &str) -> Reply {
        if let Some(message) = self.refusals.iter().find_map(|refuses| refuses(&seen.line(), &seen.body)) {
            return Reply::Status(403, "Forbidden", message);
        }
        if !self.objects.contains_key(pod) {
            return not_found();
        }
        let text = self.logs.get(&seen.selector("container")).cloned().unwrap_or_default();
        Reply::Stream(vec![(std::time::Duration::ZERO, text)], BodyEnd::Close)
    }

    fn version(&self, seen: &SeenRequest) -> Option<Reply> {
        let minor = self.minor;
        let version = || json!({ "major": "1", "minor": minor, "gitVersion": format!("v1.{minor}.0") });
        (seen.path == "/version").then(|| Reply::Json(200, version()))
    }

    /// Of a group the kinds of which there is something.
    fn group(&self, seen: &SeenRequest) -> Option<Reply> {
        let is_group = seen.path.starts_with("/apis/") && seen.path.split('/').count() == 4;
        let of_group =
            || self.objects.keys().map(|path| Place::of(path)).filter(|place| place.api == seen.path);
        let kinds = || of_group().map(|place| json!({ "name": place.plural })).collect::<Vec<_>>();
        is_group.then(|| Reply::Json(200, json!({ "resources": kinds() })))
    }

    /// Of reviews the answer, whomever they ask about.
    fn review(&self, seen: &SeenRequest) -> Option<Reply> {
        let groups = ["/authorization.k8s.io/", "/authentication.k8s.io/"];
        groups.iter().any(|group| seen.path.contains(group)).then(|| {
            let allowed = self.allows.is_none_or(|allows| allows(&seen.body["spec"]));
            let status = json!({ "allowed": allowed, "userInfo": { "username": self.user } });
            Reply::Json(201, json!({ "status": status }))
        })
    }

    fn answer(&mut self, seen: &SeenRequest, place: &Place, dry: bool) -> Reply {
        if let Some(message) = self.refusals.iter().find_map(|refuses| refuses(&seen.line(), &seen.body)) {
            return Reply::Status(403, "Forbidden", message);
        }
        match (seen.method.as_str(), &place.name) {
            ("GET", None) if seen.query.contains("watch=true") => Reply::Stream(Vec::new(), BodyEnd::Silence),
            ("GET", None) => self.list(seen, place),
            ("GET", Some(_)) => match self.objects.get(&seen.path) {
                Some(object) => Reply::Json(200, object.clone()),
                None => not_found(),
            },
            ("POST", _) => self.create(seen, place, dry),
            ("PATCH", Some(name)) => self.patch(seen, place, name, dry),
            ("DELETE", _) => self.delete(seen, place),
            other => panic!("{other:?}"),
        }
    }

    fn list(&self, seen: &SeenRequest, place: &Place) -> Reply {
        let items: Vec<&Value> = self
            .objects
            .iter()
            .filter(|(path, _)| place.lists(&Place::of(path)))
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
        if self.objects.contains_key(&format!("{}/{name}", place.collection)) {
            return Reply::Status(409, "AlreadyExists", "already exists");
        }
        if let Some(namespace) = &place.namespace
            && !self.objects.contains_key(&format!("/api/v1/namespaces/{namespace}"))
        {
            return Reply::Status(404, "NotFound", "no such namespace");
        }
        self.made_of(seen, place, name, dry)
    }

    fn made_of(&mut self, seen: &SeenRequest, place: &Place, name: &str, dry: bool) -> Reply {
        if dry {
            return Reply::Json(201, seen.body.clone());
        }
        let made = self.keep(&place.collection, seen.body.clone());
        self.react(place, name);
        Reply::Json(201, made)
    }

    fn patch(&mut self, seen: &SeenRequest, place: &Place, name: &str, dry: bool) -> Reply {
        let kind = seen.headers["content-type"].to_str().unwrap();
        let Some(live) = self.objects.get(&seen.path) else {
            return if kind.contains("apply") { self.made_of(seen, place, name, dry) } else { not_found() };
        };
        let mut next = live.clone();
        if kind.contains("json-patch") {
            let steps: Patch = serde_json::from_value(seen.body.clone()).unwrap();
            if patch(&mut next, &steps).is_err() {
                return Reply::Status(422, "Invalid", "the patch does not go with the object");
            }
        } else {
            let expected = &seen.body["metadata"]["resourceVersion"];
            if !expected.is_null() && *expected != live["metadata"]["resourceVersion"] {
                return conflict("the object has been modified");
            }
            merge(&mut next, &seen.body);
            texts_to_data(&mut next);
        }
        if next != *live && !dry {
            self.version += 1;
            next["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.objects.insert(seen.path.clone(), next.clone());
        }
        Reply::Json(200, next)
    }

    fn delete(&mut self, seen: &SeenRequest, place: &Place) -> Reply {
        if place.name.is_none() {
            self.objects.retain(|path, object| {
                Place::of(path).collection != place.collection || !seen.selects(object)
            });
            return Reply::Json(200, json!({ "metadata": {}, "items": [] }));
        }
        let Some(live) = self.objects.get(&seen.path) else { return not_found() };
        for key in ["uid", "resourceVersion"] {
            let expected = &seen.body["preconditions"][key];
            if !expected.is_null() && *expected != live["metadata"][key] {
                return conflict("the precondition does not hold");
            }
        }
        self.objects.remove(&seen.path);
        if place.plural == "namespaces" {
            self.objects.retain(|path, _| Place::of(path).namespace != place.name);
        }
        Reply::Json(200, json!({ "status": "Success" }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;
    use std::time::Duration;

    const MAPS: &str = "/api/v1/namespaces/n/configmaps";

    fn request(method: &str, target: &str, kind: &str, body: Value) -> SeenRequest {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().unwrap());
        SeenRequest {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            bytes: body.to_string().into(),
            body,
            at: Duration::ZERO,
            number: 0,
        }
    }

    fn ask(world: &mut World, method: &str, target: &str, kind: &str, body: Value) -> (u16, Value) {
        match world.serve(&request(method, target, kind, body)) {
            Reply::Json(code, body) => (code, body),
            Reply::Status(code, reason, _) => (code, json!(reason)),
            other => panic!("{other:?}"),
        }
    }

    /// A world with namespace `n` and ConfigMap `m` in it.
    fn world() -> World {
        let mut world = World::default();
        let namespace = json!({ "metadata": { "name": "n" } });
        assert_eq!(ask(&mut world, "POST", "/api/v1/namespaces", "application/json", namespace).0, 201);
        let map = json!({ "metadata": { "name": "m", "labels": { "a": "b" } }, "data": { "k": "v" } });
        assert_eq!(ask(&mut world, "POST", MAPS, "application/json", map).0, 201);
        world.requests.clear();
        world.writes.clear();
        world
    }

    #[test]
    fn what_is_created_can_be_read_listed_and_not_created_again() {
        let mut world = world();
        let map = format!("{MAPS}/m");
        let json = "application/json";
        assert_eq!(ask(&mut world, "GET", &map, json, Value::Null).1["data"]["k"], "v");
        for (selector, count) in [("", 1), ("?labelSelector=a%3Db", 1), ("?labelSelector=a%3Dc", 0)] {
            let list = ask(&mut world, "GET", &format!("{MAPS}{selector}"), json, Value::Null).1;
            assert_eq!(list["items"].as_array().unwrap().len(), count, "{selector}");
        }
        assert_eq!(ask(&mut world, "GET", &format!("{MAPS}/other"), json, Value::Null).0, 404);
        let again = json!({ "metadata": { "name": "m" } });
        assert_eq!(ask(&mut world, "POST", MAPS, json, again.clone()), (409, json!("AlreadyExists")));
        let nowhere = ask(&mut world, "POST", "/api/v1/namespaces/x/configmaps", json, again);
        assert_eq!(nowhere.0, 404, "there is no such namespace");
        let accounts = ask(&mut world, "GET", "/api/v1/namespaces/n/serviceaccounts", json, Value::Null).1;
        assert_eq!(accounts["items"][0]["metadata"]["name"], "default");
    }

    #[test]
    fn a_merge_patch_takes_nulls_away_and_an_old_version_is_a_conflict() {
        let mut world = world();
        let map = format!("{MAPS}/m");
        let merge = "application/merge-patch+json";
        let before = world.get(&map)["metadata"]["resourceVersion"].clone();
        let change = json!({ "metadata": { "resourceVersion": before }, "data": { "k": null, "l": "w" } });
        let (code, changed) = ask(&mut world, "PATCH", &map, merge, change.clone());
        assert_eq!((code, &changed["data"]), (200, &json!({ "l": "w" })));
        assert_ne!(changed["metadata"]["resourceVersion"], before);
        assert_eq!(ask(&mut world, "PATCH", &map, merge, change), (409, json!("Conflict")));
        let same = ask(&mut world, "PATCH", &map, merge, json!({ "data": { "l": "w" } })).1;
        assert_eq!(same["metadata"], changed["metadata"], "what changes nothing is no new version");
        assert_eq!(ask(&mut world, "PATCH", &format!("{MAPS}/x"), merge, json!({})).0, 404);
    }

    #[test]
    fn a_json_patch_is_done_as_a_whole_or_not_at_all() {
        let mut world = world();
        let map = format!("{MAPS}/m");
        let kind = "application/json-patch+json";
        let steps = json!([
            { "op": "test", "path": "/data/k", "value": "v" },
            { "op": "add", "path": "/metadata/labels/x~1y", "value": "z" },
            { "op": "remove", "path": "/data/k" },
        ]);
        let (code, changed) = ask(&mut world, "PATCH", &map, kind, steps);
        assert_eq!((code, &changed["metadata"]["labels"]["x/y"]), (200, &json!("z")));
        assert_eq!(changed["data"], json!({}));
        for last in [
            json!({ "op": "test", "path": "/metadata/labels/a", "value": "other" }),
            json!({ "op": "remove", "path": "/data/k" }),
            json!({ "op": "add", "path": "/spec/x", "value": "of nothing" }),
        ] {
            let steps = json!([{ "op": "add", "path": "/data/l", "value": "w" }, last]);
            assert_eq!(ask(&mut world, "PATCH", &map, kind, steps), (422, json!("Invalid")), "{last}");
            assert_eq!(*world.get(&map), changed, "{last}");
        }
    }

    #[test]
    fn an_apply_makes_what_is_missing_and_merges_into_what_is_there() {
        let mut world = world();
        let apply = "application/apply-patch+yaml";
        let path = format!("{MAPS}/new");
        let object = |value: &str| json!({ "metadata": { "name": "new" }, "data": { "k": value } });
        assert_eq!(ask(&mut world, "PATCH", &format!("{path}?dryRun=All"), apply, object("v")).0, 201);
        assert!(world.get(&path).is_null(), "a dry run makes nothing");
        assert_eq!(ask(&mut world, "PATCH", &path, apply, object("v")).0, 201);
        let uid = world.get(&path)["metadata"]["uid"].clone();
        assert_eq!(ask(&mut world, "PATCH", &path, apply, object("w")).1["data"]["k"], "w");
        assert_eq!(world.get(&path)["metadata"]["uid"], uid);
    }

    #[test]
    fn a_delete_holds_its_preconditions_and_a_namespace_takes_along_what_is_in_it() {
        let mut world = world();
        let json = "application/json";
        let (namespace, map) = ("/api/v1/namespaces/n", format!("{MAPS}/m"));
        let wrong = json!({ "preconditions": { "uid": "another" } });
        assert_eq!(ask(&mut world, "DELETE", namespace, json, wrong), (409, json!("Conflict")));
        assert!(!world.get(&map).is_null());
        let right = json!({ "preconditions": { "uid": world.get(namespace)["metadata"]["uid"] } });
        assert_eq!(ask(&mut world, "DELETE", namespace, json, right).0, 200);
        assert!(world.objects.is_empty(), "{:?}", world.objects.keys());
        assert_eq!(ask(&mut world, "DELETE", namespace, json, Value::Null).0, 404);
    }

    #[test]
    fn a_collection_is_deleted_as_far_as_it_is_selected() {
        let mut world = world();
        for name in ["n", "o"] {
            let map = json!({ "metadata": { "name": name, "labels": { "a": "c" } } });
            ask(&mut world, "POST", MAPS, "application/json", map);
        }
        let target = format!("{MAPS}?labelSelector=a%21%3Db&fieldSelector=metadata.name%21%3Do");
        assert_eq!(ask(&mut world, "DELETE", &target, "application/json", Value::Null).0, 200);
        let left = world.all("configmaps");
        let left: Vec<&Value> = left.iter().map(|it| &it["metadata"]["name"]).collect();
        assert_eq!(left, ["m", "o"]);
    }

    #[test]
    fn only_what_changes_something_is_a_write_and_hooks_see_it_before_and_after() {
        let mut world = world();
        world.before_write = Some(Box::new(|world, write| {
            assert_eq!(write, format!("POST {MAPS}"));
            assert!(world.get(&format!("{MAPS}/o")).is_null());
        }));
        world.after_write = Some(Box::new(|world, _| {
            world.change(&format!("{MAPS}/o"), |it| it["data"]["seen"] = json!("yes"));
        }));
        let json = "application/json";
        let object = json!({ "metadata": { "name": "o" } });
        ask(&mut world, "POST", &format!("{MAPS}?dryRun=All"), json, object.clone());
        let review = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        assert_eq!(ask(&mut world, "POST", review, json, json!({})).1["status"]["allowed"], true);
        ask(&mut world, "GET", MAPS, json, Value::Null);
        ask(&mut world, "POST", MAPS, json, object);
        assert_eq!(world.writes, [format!("POST {MAPS}")]);
        assert_eq!(world.requests.len(), 4);
        assert_eq!(world.get(&format!("{MAPS}/o"))["data"]["seen"], "yes");
    }

    #[test]
    fn who_asks_what_they_may_and_which_release_it_is_are_told_by_the_test() {
        let mut world = World::default();
        (world.minor, world.user) = ("29+", "alice");
        world.allows = Some(|review| review["resourceAttributes"]["verb"] != "nonsense");
        let json = "application/json";
        let version = ask(&mut world, "GET", "/version", json, Value::Null).1;
        assert_eq!((&version["minor"], &version["gitVersion"]), (&json!("29+"), &json!("v1.29+.0")));
        let who = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
        assert_eq!(
            ask(&mut world, "POST", who, json, json!({})).1["status"]["userInfo"]["username"],
            "alice"
        );
        let may = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
        for (verb, allowed) in [("get", true), ("nonsense", false)] {
            let spec = json!({ "spec": { "resourceAttributes": { "verb": verb } } });
            assert_eq!(ask(&mut world, "POST", may, json, spec).1["status"]["allowed"], allowed, "{verb}");
        }
    }

    #[test]
    fn what_admission_refuses_is_not_done_and_says_its_words() {
        let mut world = world();
        world.refusals.push(|request, body| {
            (request.starts_with("POST") && body["metadata"]["name"] == "bad").then_some("no bad ones")
        });
        let post =
            |name: &str| request("POST", MAPS, "application/json", json!({ "metadata": { "name": name } }));
        let refused = world.serve(&post("bad"));
        assert!(matches!(refused, Reply::Status(403, "Forbidden", "no bad ones")), "{refused:?}");
        assert!(world.get(&format!("{MAPS}/bad")).is_null());
        assert!(matches!(world.serve(&post("good")), Reply::Json(201, _)));
    }

    #[test]
    fn a_server_dies_before_the_next_write_and_reads_are_none() {
        let mut world = world();
        world.dies_after = Some(1);
        let json = "application/json";
        let object = |name: &str| json!({ "metadata": { "name": name } });
        assert_eq!(ask(&mut world, "POST", MAPS, json, object("one")).0, 201);
        assert_eq!(ask(&mut world, "GET", MAPS, json, Value::Null).0, 200);
        let silent = world.serve(&request("POST", MAPS, json, object("two")));
        assert!(matches!(silent, Reply::Silence), "{silent:?}");
        assert!(world.dead && world.get(&format!("{MAPS}/two")).is_null());
        assert!(matches!(world.serve(&request("GET", MAPS, json, Value::Null)), Reply::Silence));
    }
}
