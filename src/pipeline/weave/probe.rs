//! The probe: a one-shot pod that pulls the listener's tag anew, so that the kubelet tells which image it means now.

use serde_json::{Map as Object, Value, json};

use crate::chain::wire;

/// Name of the probe pod.
pub const PROBE: &str = "studioci-probe";

/// The listener's own pod, made to run `agent probe` once: same image, `Always`, no token of ours.
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
    let containers = spec.get_mut("containers")?.as_array_mut()?;
    containers.retain(|candidate| candidate["name"] == container);
    let own = containers.first_mut()?.as_object_mut()?;
    own.insert("imagePullPolicy".to_owned(), "Always".into());
    own.remove("args");
    let command = own.get_mut("command")?.as_array_mut()?;
    command.truncate(1);
    command.extend(["agent".into(), "probe".into()]);
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
    fn a_probe_is_the_listener_without_its_rights() {
        let deployment = json!({"spec": {"template": {
            "metadata": {"labels": {wire::CHAIN: "app", wire::ROLE: "listener"}},
            "spec": {
                "serviceAccountName": wire::agent_account("a"),
                "automountServiceAccountToken": true,
                "imagePullSecrets": [{"name": "pull"}],
                "initContainers": [{"name": "agent"}],
                "containers": [{"name": "build", "image": "r/app:main", "command": ["/b", "agent", "run"]}],
            },
        }}});
        let pod = probe(&deployment, "build", Some("node-1")).expect("a probe");
        let spec = &pod["spec"];
        assert!(spec.get("serviceAccountName").is_none());
        assert_eq!(spec["automountServiceAccountToken"], false);
        assert_eq!(spec["restartPolicy"], "Never");
        assert_eq!(spec["nodeName"], "node-1");
        assert_eq!(spec["containers"][0]["command"], json!(["/b", "agent", "probe"]));
        assert_eq!(spec["containers"][0]["imagePullPolicy"], "Always");
        assert_eq!(spec["imagePullSecrets"][0]["name"], "pull");
        assert_eq!(pod["metadata"]["labels"][wire::ROLE], "probe");
        assert!(probe(&deployment, "build", None).expect("a probe")["spec"].get("nodeName").is_none());
        assert_eq!(probe(&deployment, "other", None), None);
    }
}
