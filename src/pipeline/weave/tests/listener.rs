//! The listener's Deployment.

use serde_json::{Value, json};

use super::*;

fn listener_of(text: &str, settings: &Settings) -> Value {
    let plan = woven(text, settings).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    plan.listener(&Listener { tag: "build-20260102", generation: 2 })
}

fn pod(listener: &Value) -> &Value {
    &listener["spec"]["template"]["spec"]
}

#[test]
fn the_listener_obeys_the_admission_policy() {
    let in_image =
        Settings { delivery: Delivery::Path("/usr/bin/kubectl-studioci".to_owned()), ..settings() };
    for (settings, binary) in [(settings(), AGENT_BINARY), (in_image, "/usr/bin/kubectl-studioci")] {
        for text in [LEAST, RICH] {
            let listener = listener_of(text, &settings);
            assert_eq!(listener["kind"], "Deployment");
            assert_eq!(listener["metadata"]["labels"]["studioci.dev/role"], "listener");
            assert_eq!(pod(&listener)["serviceAccountName"], "studioci-agent.lidar-main");
            assert_eq!(pod(&listener)["containers"].as_array().unwrap().len(), 1);
            assert_eq!(pod(&listener)["containers"][0]["command"], json!([binary, "agent", "run"]));
            assert_eq!(pod(&listener)["containers"][0].get("args"), None);
        }
    }
}

#[test]
fn a_binary_in_the_image_needs_no_init_container() {
    let settings =
        Settings { delivery: Delivery::Path("/usr/bin/kubectl-studioci".to_owned()), ..settings() };
    let listener = listener_of(LEAST, &settings);
    assert_eq!(pod(&listener).get("initContainers"), None);
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&pod(&listener)["volumes"]), ["studioci-pod"]);
    assert_eq!(names(&pod(&listener)["containers"][0]["volumeMounts"]), ["studioci-pod"]);
}

#[test]
fn the_services_of_a_pipeline_do_not_find_the_listener() {
    let listener = listener_of(RICH, &settings());
    let labels = listener["spec"]["template"]["metadata"]["labels"].as_object().unwrap();
    assert!(!labels.contains_key("app"));
    let selector = listener["spec"]["selector"]["matchLabels"].as_object().unwrap();
    assert!(selector.iter().all(|(key, value)| labels.get(key) == Some(value)), "{selector:?}");
    assert!(selector.contains_key("studioci.dev/role"));
}

#[test]
fn keel_keys_stay_in_their_maps_and_two_are_ours() {
    let text = least("keel.sh/policy", "keel.sh/INITCONTAINERS: \"true\", keel.sh/policy").replacen(
        "name: build\n",
        "name: build\n  labels: {keel.sh/monitorContainers: .*, keel.sh/notify: a}\n",
        1,
    );
    let listener = listener_of(&text, &settings());
    let keys = |map: &str| -> Vec<(String, Value)> {
        let map = listener["metadata"][map].as_object().unwrap();
        map.iter()
            .filter(|(key, _)| key.starts_with("keel.sh/"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    };
    assert_eq!(keys("labels"), [("keel.sh/notify".to_owned(), json!("a"))]);
    assert_eq!(
        keys("annotations"),
        [
            ("keel.sh/initContainers".to_owned(), json!("false")),
            ("keel.sh/monitorContainers".to_owned(), json!("^ci$")),
            ("keel.sh/policy".to_owned(), json!("glob:build-*")),
            ("keel.sh/pollSchedule".to_owned(), json!("@every 1m")),
            ("keel.sh/trigger".to_owned(), json!("poll")),
        ]
    );
    assert_eq!(pod(&listener)["containers"][0]["image"], "registry.example.com/app:build-20260102");
}

#[test]
fn whom_the_listener_runs_as() {
    let runtime = json!({ "type": "RuntimeDefault" });
    let pod_1000 = "      securityContext: {runAsUser: 1000, runAsGroup: 0, fsGroup: 7, sysctls: []}\n";
    let own = "        securityContext: {runAsUser: 5, privileged: true, capabilities: {add: [ALL]}}\n";
    for (annotation, fields, container, want, install_user) in [
        (None, "", "", json!({}), Some(65_532)),
        (
            None,
            pod_1000,
            "",
            json!({ "runAsUser": 1000, "runAsGroup": 0, "fsGroup": 7, "runAsNonRoot": true }),
            None,
        ),
        (
            None,
            pod_1000,
            own,
            json!({ "runAsUser": 5, "runAsGroup": 0, "fsGroup": 7, "runAsNonRoot": true }),
            None,
        ),
        (None, "      securityContext: {runAsUser: 0}\n", "", json!({ "runAsUser": 0 }), None),
        (
            None,
            "      securityContext: {runAsNonRoot: true}\n",
            "",
            json!({ "runAsNonRoot": true }),
            Some(65_532),
        ),
        (Some("omit"), pod_1000, own, json!({}), None),
        (
            Some("{runAsUser: 9, supplementalGroups: [3]}"),
            pod_1000,
            own,
            json!({ "runAsUser": 9, "supplementalGroups": [3], "runAsNonRoot": true }),
            None,
        ),
    ] {
        let mut text = spec(fields, container);
        if let Some(value) = annotation {
            let value = format!("studioci.dev/listener-security: \"{value}\", keel.sh/policy");
            text = text.replacen("keel.sh/policy", &value, 1);
        }
        let listener = listener_of(&text, &settings());
        let mut want = want;
        want["seccompProfile"] = runtime.clone();
        assert_eq!(pod(&listener)["securityContext"], want, "{text}");
        let hardened = json!({
            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true,
        });
        assert_eq!(pod(&listener)["containers"][0]["securityContext"], hardened, "{text}");
        let install = &pod(&listener)["initContainers"][0]["securityContext"];
        assert_eq!(install.get("runAsUser").and_then(Value::as_i64), install_user, "{text}");
    }
}

#[test]
fn where_the_listener_may_run() {
    let platform = json!({ "matchExpressions": [{ "key": "kubernetes.io/arch", "operator": "Exists" }] });
    let required = |terms: &str| {
        format!(
            "      affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: \
             {{nodeSelectorTerms: [{terms}]}}}}, podAffinity: {{}}}}\n"
        )
    };
    let arch = "{key: kubernetes.io/arch, operator: Exists}";
    let gpu = "{key: gpu, operator: Exists}";
    let want_affinity = |terms: Value| {
        json!({ "affinity": { "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": terms } } } })
    };
    for (fields, want) in [
        (String::new(), json!({})),
        (
            "      nodeSelector: {kubernetes.io/os: linux, gpu: a100}\n".to_owned(),
            json!({ "nodeSelector": { "kubernetes.io/os": "linux" } }),
        ),
        ("      nodeSelector: {gpu: a100}\n".to_owned(), json!({})),
        (required(&format!("{{matchExpressions: [{arch}, {gpu}]}}")), want_affinity(json!([platform]))),
        // One of the alternatives asks for no platform: then none is required.
        (required(&format!("{{matchExpressions: [{arch}]}}, {{matchExpressions: [{gpu}]}}")), json!({})),
        (
            format!("      tolerations: [{arch}, {gpu}]\n"),
            json!({ "tolerations": [{ "key": "kubernetes.io/arch", "operator": "Exists" }] }),
        ),
        ("      priorityClassName: high\n      runtimeClassName: nvidia\n".to_owned(), json!({})),
    ] {
        let listener = listener_of(&spec(&fields, ""), &settings());
        for field in ["affinity", "nodeSelector", "tolerations", "priorityClassName", "runtimeClassName"] {
            assert_eq!(pod(&listener).get(field), want.get(field), "{field}: {fields}");
        }
    }
    let all = "      nodeSelector: {gpu: a100}\n      priorityClassName: high\n      schedulerName: mine\n";
    let text = spec(all, "").replacen(
        "keel.sh/policy",
        "studioci.dev/listener-scheduling: template, keel.sh/policy",
        1,
    );
    let listener = listener_of(&text, &settings());
    assert_eq!(pod(&listener)["nodeSelector"], json!({ "gpu": "a100" }));
    assert_eq!(pod(&listener)["priorityClassName"], "high");
    assert_eq!(pod(&listener)["schedulerName"], "mine");
}

#[test]
fn pull_secrets_go_early() {
    let secret = |name: &str| format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\n");
    let account = "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: default}\nimagePullSecrets: [{name: c}]\n";
    let text = spec("      imagePullSecrets: [{name: a}, {name: b}]\n", "").replacen(
        "keel.sh/policy",
        "keel.sh/IMAGEPULLSECRET: b, keel.sh/policy",
        1,
    );
    let text = format!("{text}{}{}{}{account}", secret("c"), secret("other"), secret("a"));
    let plan = good(&text);
    assert_eq!(plan.build.pull_secret_names(), ["a", "b", "c"]);
    let early: Vec<_> = plan.pull_secrets.iter().map(|it| it["metadata"]["name"].clone()).collect();
    assert_eq!(early, ["c", "a"]);
    let listener = plan.listener(&Listener { tag: "x", generation: 1 });
    assert_eq!(
        pod(&listener)["imagePullSecrets"],
        json!([{ "name": "a" }, { "name": "b" }, { "name": "c" }])
    );
    let missing: Vec<_> = plan.notices.iter().filter(|it| it.text.starts_with("pull Secret b")).collect();
    assert_eq!(missing.len(), 1, "{:?}", plan.notices);
}
