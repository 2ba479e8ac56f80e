//! Kueue at work in the test cluster, installed as its own manifests say: its controller in a pod, its webhooks before
//! the API server.
//!
//! Three things are other than there. The cluster has no Services, so the server calls the webhooks by address; nothing
//! issues certificates, so they come from the cluster's authority; and Kueue's own API of pending workloads is off,
//! which needs a Service, too.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use test_cluster::Handle;
use test_cluster::image::Builder;

use crate::world::World;

const NAMESPACE: &str = "kueue-system";
/// Where Jobs of others queue.
pub(crate) const OTHERS: &str = "native-05k-others";
const WEBHOOKS: &str = "https://127.0.0.1:9443";
const SETTINGS: &str = "
apiVersion: config.kueue.x-k8s.io/v1beta2
kind: Configuration
health: {healthProbeBindAddress: 127.0.0.1:8081}
metrics: {bindAddress: '127.0.0.1:8443'}
webhook: {host: 127.0.0.1, port: 9443}
leaderElection: {leaderElect: false}
internalCertManagement: {enable: false}
clientConnection: {qps: 50, burst: 100}
integrations: {frameworks: [batch/job, pod, deployment, statefulset]}
";

/// It is there until it is dropped, and what it holds with it.
pub(crate) struct Kueue<'a> {
    world: &'a World,
    rendered: String,
    controller: Value,
    webhooks: Vec<Value>,
}

impl<'a> Kueue<'a> {
    /// Installs all but its controller and what calls that.
    pub(crate) fn install(world: &'a World) -> Self {
        let (program, manifests) = Handle::kueue().unwrap_or_else(|error| panic!("{error}"));
        let rendered = world.kubectl(&["kustomize", &manifests.display().to_string()]).ok();
        let rendered = world.file("kueue.yaml", &rendered);
        // one list, or one object after the other, as kubectl likes
        let objects = world
            .kubectl(&["create", "--dry-run=client", "--validate=false", "-o", "json", "-f", &rendered])
            .ok();
        let objects = serde_json::Deserializer::from_str(&objects).into_iter::<Value>();
        let objects = objects.flat_map(|object| match object.unwrap() {
            Value::Object(list) if list["kind"] == "List" => list["items"].as_array().unwrap().clone(),
            object => vec![object],
        });
        let (certificate, key) = world.cluster.server_certificate(&["kueue"]).unwrap();
        let authority = authority(world);
        let image = Builder::new().file("manager", &fs::read(program).unwrap(), 0o755).build();
        let registry = world.cluster.registry();
        let digest = registry.push(&image, "kueue/kueue:test").unwrap();
        let image = format!("{}/kueue/kueue@{digest}", registry.host());

        let mut kueue = Self { world, rendered, controller: Value::Null, webhooks: Vec::new() };
        let mut first = Vec::new();
        for mut object in objects {
            match object["kind"].as_str().unwrap() {
                "APIService" => {}
                "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration" => {
                    for webhook in object["webhooks"].as_array_mut().unwrap() {
                        webhook["clientConfig"] = by_address(&webhook["clientConfig"], &authority);
                    }
                    kueue.webhooks.push(object);
                }
                "Deployment" => {
                    at_home(&mut object["spec"]["template"]["spec"], &image);
                    kueue.controller = object;
                }
                "CustomResourceDefinition" => {
                    let client = &mut object["spec"]["conversion"]["webhook"]["clientConfig"];
                    if client.is_null() {
                        object["spec"].as_object_mut().unwrap().remove("conversion");
                    } else {
                        *client = by_address(client, &authority);
                    }
                    first.push(object);
                }
                "ConfigMap" => {
                    object["data"] = json!({ "controller_manager_config.yaml": SETTINGS });
                    first.push(object);
                }
                "Secret" => {
                    object["stringData"] = json!({ "tls.crt": read(&certificate), "tls.key": read(&key) });
                    first.push(object);
                }
                _ => first.push(object),
            }
        }
        assert!(!kueue.controller.is_null() && kueue.webhooks.len() == 2);
        kueue.apply(&first);
        world.kubectl(&["wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"]).ok();
        kueue
    }

    fn apply(&self, objects: &[Value]) {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string();
        let file = self.world.file("kueue.json", &list);
        self.world.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &file]).ok();
    }

    /// Starts its controller, and has the server ask it.
    pub(crate) fn start(&self) {
        self.apply(std::slice::from_ref(&self.controller));
        let controller = format!("deployment/{}", self.controller["metadata"]["name"].as_str().unwrap());
        self.world
            .kubectl(&["wait", "--for=condition=Available", &controller, "-n", NAMESPACE, "--timeout=100s"])
            .ok();
        self.apply(&self.webhooks);
    }
}

impl Drop for Kueue<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        // it takes its finalizers away itself, so what it admits goes first, then what it admits by
        self.world.sweep();
        let delete =
            |what: &[&str]| self.world.kubectl(&[&["delete", "--ignore-not-found"], what].concat()).ok();
        delete(&["namespace", OTHERS]);
        delete(&["clusterqueues,resourceflavors,workloadpriorityclasses", "--all"]);
        delete(&["-f", &self.rendered, "--wait=false"]);
    }
}

/// The certificate of the cluster's authority, in base64.
fn authority(world: &World) -> String {
    let file = format!("--from-file=ca.crt={}", world.cluster.state().path("pki/ca.crt").display());
    let secret = ["create", "secret", "generic", "authority", &file, "--dry-run=client", "-o", "json"];
    let secret: Value = serde_json::from_str(&world.kubectl(&secret).ok()).unwrap();
    secret["data"]["ca.crt"].as_str().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// A webhook's client, with the address in place of the Service.
fn by_address(client: &Value, authority: &str) -> Value {
    let path = client["service"]["path"].as_str().unwrap();
    json!({ "url": format!("{WEBHOOKS}{path}"), "caBundle": authority })
}

/// The controller's pod where the server finds it, with its certificates.
fn at_home(pod: &mut Value, image: &str) {
    pod["hostNetwork"] = json!(true);
    let container = &mut pod["containers"][0];
    container["image"] = json!(image);
    container["imagePullPolicy"] = json!("IfNotPresent");
    container["resources"] = json!({});
    container["ports"] = json!([]);
    container["readinessProbe"] =
        json!({ "httpGet": { "host": "127.0.0.1", "path": "/readyz", "port": 8081 }, "periodSeconds": 1 });
    container["livenessProbe"] = Value::Null;
    container["args"].as_array_mut().unwrap().push(json!("--feature-gates=VisibilityOnDemand=false"));
    container["volumeMounts"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "cert", "mountPath": "/etc/kueue/metrics/certs", "readOnly": true }));
    container["securityContext"]["runAsUser"] = json!(65532);
}
