//! What controllers and kubelets make of a new object.

use serde_json::{Value, json};

use crate::place::Place;
use crate::world::World;

impl World {
    /// What becomes of the new object `name` in a collection: a namespace gets its ServiceAccount, a Deployment is ready at
    /// once, a Job that is not suspended gets its pod.
    pub(crate) fn react(&mut self, place: &Place, name: &str) {
        let path = format!("{}/{name}", place.collection);
        match place.plural.as_str() {
            "namespaces" => {
                let account = json!({ "metadata": { "name": "default" } });
                self.keep(&format!("{path}/serviceaccounts"), account);
            }
            "deployments" => {
                let replicas = self.get(&path)["spec"]["replicas"].clone();
                self.change(&path, |it| {
                    it["status"] = json!({ "replicas": replicas, "updatedReplicas": replicas,
                        "readyReplicas": replicas, "availableReplicas": replicas });
                });
                if self.has_pod.is_some_and(|has_pod| has_pod(self.get(&path))) {
                    self.replace_pod(&path);
                }
            }
            "jobs" if self.get(&path)["spec"]["suspend"] != true => {
                let pod = self.pod_of_job(self.get(&path));
                self.keep(&pods_beside(place), pod);
            }
            _ => {}
        }
    }

    /// The one pod of a Job, `NAME-x`, which has run or runs by now.
    fn pod_of_job(&self, job: &Value) -> Value {
        let (name, uid) = (job["metadata"]["name"].as_str().unwrap(), &job["metadata"]["uid"]);
        let mut pod = job["spec"]["template"].clone();
        pod["metadata"]["name"] = json!(format!("{name}-x"));
        pod["metadata"]["labels"]["batch.kubernetes.io/job-name"] = json!(name);
        pod["metadata"]["labels"]["batch.kubernetes.io/controller-uid"] = uid.clone();
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid, "controller": true,
        }]);
        pod["status"] = self.status_of_pod(&pod);
        pod
    }

    fn status_of_pod(&self, pod: &Value) -> Value {
        if pod["spec"]["schedulingGates"].as_array().is_some_and(|gates| !gates.is_empty()) {
            return json!({ "phase": "Pending", "conditions": [{ "type": "PodScheduled", "status": "False",
                "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates" }] });
        }
        let (phase, state) = match self.exit {
            Some(code) => {
                let phase = if code == 0 { "Succeeded" } else { "Failed" };
                (
                    phase,
                    json!({ "terminated": {
                    "exitCode": code, "reason": "Completed", "message": self.message,
                } }),
                )
            }
            None => ("Running", json!({ "running": {} })),
        };
        json!({ "phase": phase, "containerStatuses": [{
            "name": pod["spec"]["containers"][0]["name"], "state": state,
        }] })
    }

    /// Whoever queues Jobs lets this one have its pod.
    pub fn admit(&mut self, job: &str) {
        self.change(job, |job| job["spec"]["suspend"] = json!(false));
        let pod = self.pod_of_job(self.get(job));
        self.keep(&pods_beside(&Place::of(job)), pod);
    }

    /// A pod whose gates have changed is looked at anew.
    pub fn schedule(&mut self, pod: &str) {
        let status = self.status_of_pod(self.get(pod));
        self.change(pod, |pod| pod["status"] = status);
    }

    /// The pod of a Deployment is replaced by one with what the registry has now. Its name, which begins with the
    /// Deployment's.
    pub fn replace_pod(&mut self, deployment: &str) -> String {
        let pods = pods_beside(&Place::of(deployment));
        let live = self.get(deployment).clone();
        let name = live["metadata"]["name"].as_str().unwrap();
        self.objects.retain(|path, _| !path.starts_with(&format!("{pods}/{name}-")));
        let mut pod = live["spec"]["template"].clone();
        let containers = pod["spec"]["containers"].as_array().unwrap();
        let statuses: Vec<Value> = containers.iter().filter_map(|it| self.container_status(it)).collect();
        let up = statuses.iter().all(|status| status["state"]["waiting"].is_null());
        let phase = if up { "Running" } else { "Pending" };
        pod["status"] = json!({ "phase": phase, "containerStatuses": statuses });
        self.made += 1;
        let pod_name = format!("{name}-{}", self.made);
        pod["metadata"]["name"] = json!(pod_name);
        self.keep(&pods, pod);
        pod_name
    }

    /// What the kubelet says of a container; nothing if the registry does not know its repository.
    fn container_status(&self, container: &Value) -> Option<Value> {
        let image = container["image"].as_str().unwrap();
        let (named, pinned) =
            image.split_once('@').map_or((image, None), |(named, digest)| (named, Some(digest)));
        let (repository, tag) = named.rsplit_once(':').unwrap();
        let tags = self.registry.get(repository)?;
        let found = match pinned {
            // whatever its tag means by now
            Some(pinned) => tags.values().find(|digest| *digest == pinned),
            None => tags.get(tag),
        };
        Some(match found {
            Some(digest) => json!({
                "name": container["name"],
                "imageID": format!("{repository}@{digest}"),
                "containerID": "containerd://1",
                "state": { "running": {} },
            }),
            None => json!({
                "name": container["name"],
                "imageID": "",
                "state": { "waiting": { "reason": "ErrImagePull", "message": format!("{image}: not found") } },
            }),
        })
    }
}

/// Where the pods of a workload are kept.
fn pods_beside(place: &Place) -> String {
    format!("/api/v1/namespaces/{}/pods", place.namespace.as_deref().unwrap())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/n/deployments";

    /// A world with a Deployment of two containers, one of them of a repository that the registry knows.
    fn world(tag: &str) -> World {
        let mut world = World { has_pod: Some(|it| it["metadata"]["name"] == "d"), ..World::default() };
        world.registry.entry("r/app".to_owned()).or_default().insert("1".to_owned(), "sha256:a".to_owned());
        for name in ["d", "other"] {
            let containers = json!([{ "name": "a", "image": "elsewhere:1" }, { "name": "b", "image": format!("r/app:{tag}") }]);
            let object = json!({ "metadata": { "name": name }, "spec": {
                "replicas": 1, "template": { "metadata": {}, "spec": { "containers": containers } },
            } });
            world.keep(DEPLOYMENTS, object);
            world.react(&Place::of(DEPLOYMENTS), name);
        }
        world
    }

    #[test]
    fn a_deployment_is_ready_and_only_whose_pod_is_asked_for_has_one() {
        let world = world("1");
        for name in ["d", "other"] {
            assert_eq!(world.get(&format!("{DEPLOYMENTS}/{name}"))["status"]["availableReplicas"], 1);
        }
        let pods = world.all("pods");
        assert_eq!(pods.len(), 1);
        assert_eq!(pods[0]["status"]["phase"], "Running");
        let statuses = pods[0]["status"]["containerStatuses"].as_array().unwrap();
        assert_eq!(statuses.len(), 1, "of elsewhere nothing is said");
        assert_eq!((&statuses[0]["name"], &statuses[0]["imageID"]), (&json!("b"), &json!("r/app@sha256:a")));
    }

    #[test]
    fn an_image_that_the_registry_lacks_is_waited_for_until_it_has_it_and_the_pod_is_another() {
        let mut world = world("2");
        let waiting = world.all("pods")[0].clone();
        assert_eq!(waiting["status"]["phase"], "Pending");
        assert_eq!(waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "ErrImagePull");
        world.registry.get_mut("r/app").unwrap().insert("2".to_owned(), "sha256:b".to_owned());
        let name = world.replace_pod(&format!("{DEPLOYMENTS}/d"));
        let pods = world.all("pods");
        assert_eq!(pods.len(), 1);
        assert_eq!(pods[0]["metadata"]["name"], name.as_str());
        assert_ne!(pods[0]["metadata"]["name"], waiting["metadata"]["name"]);
        assert_eq!(pods[0]["status"]["phase"], "Running");
    }

    #[test]
    fn a_job_has_one_pod_of_its_own_that_ends_as_it_is_told() {
        for (exit, phase) in [(None, "Running"), (Some(0), "Succeeded"), (Some(3), "Failed")] {
            let mut world = World { exit, ..World::default() };
            let jobs = "/apis/batch/v1/namespaces/n/jobs";
            let template = json!({ "metadata": {}, "spec": { "containers": [{ "name": "c" }] } });
            let job =
                world.keep(jobs, json!({ "metadata": { "name": "j" }, "spec": { "template": template } }));
            world.react(&Place::of(jobs), "j");
            let pod = world.get("/api/v1/namespaces/n/pods/j-x");
            assert_eq!(pod["status"]["phase"], phase);
            assert_eq!(pod["metadata"]["ownerReferences"][0]["uid"], job["metadata"]["uid"]);
            let state = &pod["status"]["containerStatuses"][0]["state"];
            assert_eq!(state["terminated"]["exitCode"], json!(exit), "{state}");
        }
    }
}
