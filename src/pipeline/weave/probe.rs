//! The probe: a one-shot pod that pulls the listener's tag anew, so that the kubelet tells which image it means now.

use serde_json::{Map as Object, Value, json};

use super::listener::{BINARY_VOLUME, INSTALL_CONTAINER};
use super::subject::{list, text};
use crate::chain::wire;

/// Name of the probe pod.
pub const PROBE: &str = "studioci-probe";

/// The CI container of the listener's own pod, made to run `agent probe` once: same image, `Always`, no token volume, nothing
/// told.
///
/// `node`: where the listener runs. The image is there, so that nothing is pulled but a manifest; wherever a scheduler
/// chose to put the probe, all of the image might be.
///
/// `None` if the Deployment has no such container.
pub fn probe(deployment: &Value, container: &str, node: Option<&str>) -> Option<Value> {
    let template = &deployment["spec"]["template"];
    let mut spec = template["spec"].as_object()?.clone();
    spec.remove("serviceAccountName");
    spec.remove("serviceAccount");
    spec.insert("automountServiceAccountToken".to_owned(), false.into());
    spec.insert("restartPolicy".to_owned(), "Never".into());
    if let Some(node) = node {
        spec.insert("nodeName".to_owned(), node.into());
    }
    let named = |pointer: &str, name: &str| -> Vec<Value> {
        list(&template["spec"], pointer)
            .iter()
            .filter(|it| text(it, "/name") == Some(name))
            .cloned()
            .collect()
    };
    spec.insert("volumes".to_owned(), named("/volumes", BINARY_VOLUME).into());
    spec.insert("initContainers".to_owned(), named("/initContainers", INSTALL_CONTAINER).into());
    let mut containers = named("/containers", container);
    let own = containers.first_mut()?.as_object_mut()?;
    own.insert("imagePullPolicy".to_owned(), "Always".into());
    own.remove("args");
    own.remove("env");
    own.get_mut("volumeMounts")?.as_array_mut()?.retain(|mount| mount["name"] == BINARY_VOLUME);
    let command = own.get_mut("command")?.as_array_mut()?;
    command.truncate(1);
    command.extend(["agent".into(), "probe".into()]);
    spec.insert("containers".to_owned(), containers.into());
    let chain = template["metadata"]["labels"][wire::CHAIN].clone();
    Some(json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": PROBE,
            "labels": { wire::MANAGED_BY: wire::MANAGED_BY_VALUE, wire::CHAIN: chain, wire::ROLE: "probe" },
        },
        "spec": Value::Object(spec.into_iter().collect::<Object<_, _>>()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_the_ci_container_alone() {
        let mount = |name: &str| json!({"name": name, "mountPath": format!("/{name}")});
        let deployment = json!({"spec": {"template": {
            "metadata": {"labels": {wire::CHAIN: "app", wire::ROLE: "listener"}},
            "spec": {
                "serviceAccountName": wire::agent_account("app"),
                "automountServiceAccountToken": false,
                "imagePullSecrets": [{"name": "pull"}],
                "initContainers": [{"name": INSTALL_CONTAINER, "image": "agent"}],
                "volumes": [{"name": BINARY_VOLUME}, {"name": "studioci-told"}, {"name": "studioci-token"}],
                "containers": [
                    {"name": "studioci-agent", "image": "agent", "volumeMounts": [mount("studioci-token")]},
                    {"name": "build", "image": "r/app:main", "command": ["/b", "agent", "tell"], "env": [{"name": "a"}],
                        "volumeMounts": [mount(BINARY_VOLUME), mount("studioci-told")]},
                ],
            },
        }}});
        let pod = probe(&deployment, "build", Some("node-1")).expect("a probe");
        let spec = &pod["spec"];
        assert!(spec.get("serviceAccountName").is_none());
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["restartPolicy"], "Never");
        assert_eq!(spec["nodeName"], "node-1");
        assert_eq!(spec["volumes"], json!([{"name": BINARY_VOLUME}]));
        assert_eq!(
            spec["containers"],
            json!([{"name": "build", "image": "r/app:main", "imagePullPolicy": "Always",
                "command": ["/b", "agent", "probe"], "volumeMounts": [mount(BINARY_VOLUME)]}])
        );
        assert_eq!(spec["initContainers"][0]["name"], INSTALL_CONTAINER);
        assert_eq!(spec["imagePullSecrets"][0]["name"], "pull");
        assert_eq!(pod["metadata"]["labels"][wire::ROLE], "probe");
        assert!(probe(&deployment, "build", None).expect("a probe")["spec"].get("nodeName").is_none());
        assert_eq!(probe(&deployment, "other", None), None);
    }
}
