//! The listener's Deployment.

use serde_json::{Value, json};

use super::super::listener::{CI_BINARY, IMAGE_BINARY};
use super::*;
use crate::chain::build::Map;
use crate::keel::image::Digest;
use crate::keel::parking;

fn listener_of(text: &str, settings: &PlanInput) -> Value {
    let plan = woven(text, settings).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    plan.listener(&ListenerOf { tag: "build-20260102", generation: 2 })
}

fn pod(listener: &Value) -> &Value {
    &listener["spec"]["template"]["spec"]
}

/// The container of the listener that runs the CI image.
fn ci(listener: &Value) -> &Value {
    &pod(listener)["containers"][1]
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect()
}

#[test]
fn the_token_is_where_no_pushed_file_is() {
    for text in [LEAST, RICH] {
        let listener = listener_of(text, &settings());
        assert_eq!(listener["kind"], "Deployment");
        assert_eq!(listener["metadata"]["labels"]["studioci.dev/role"], "listener");
        let pod = pod(&listener);
        assert_eq!(pod["serviceAccountName"], "studioci-agent.lidar-main");
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(names(&pod["volumes"]), ["studioci-binary", "studioci-told", "studioci-token"]);
        let containers: Vec<&Value> =
            ["initContainers", "containers"].iter().flat_map(|list| pod[list].as_array().unwrap()).collect();
        let images: Vec<&str> = containers.iter().map(|it| it["image"].as_str().unwrap()).collect();
        let agent_image = settings().agent_image;
        assert_eq!(images[..2], [&agent_image, &agent_image]);
        assert!(images[2].ends_with(":build-20260102"), "{images:?}");
        assert_eq!(containers[0]["command"], json!([IMAGE_BINARY, "agent", "install", CI_BINARY]));
        assert_eq!(containers[1]["command"], json!([IMAGE_BINARY, "agent", "run"]));
        assert_eq!(containers[2]["command"], json!([CI_BINARY, "agent", "tell"]));
        let mounts: Vec<Vec<(&str, bool)>> = containers
            .iter()
            .map(|container| {
                let mounts = container["volumeMounts"].as_array().unwrap().iter();
                mounts.map(|it| (it["name"].as_str().unwrap(), it["readOnly"] == true)).collect()
            })
            .collect();
        assert_eq!(
            mounts,
            [
                vec![("studioci-binary", false)],
                vec![("studioci-told", true), ("studioci-token", true)],
                vec![("studioci-binary", true), ("studioci-told", false)],
            ]
        );
        assert_eq!(names(&containers[1]["env"])[..2], ["STUDIOCI_NAMESPACE", "STUDIOCI_POD"]);
        assert_eq!(names(&containers[2]["env"]), ["STUDIOCI_PIPELINE_PATH"]);
        for container in containers {
            assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
            for field in
                ["args", "envFrom", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "ports"]
            {
                assert_eq!(container.get(field), None, "{field}");
            }
        }
    }
}

#[test]
fn nothing_of_a_template_reaches_beside_the_token() {
    let own = "        lifecycle: {postStart: {exec: {command: [sh]}}}\n        readinessProbe: {exec: {command: [sh]}}\n        \
               args: [a]\n        envFrom: [{secretRef: {name: s}}]\n        env: [{name: LD_PRELOAD, value: /x.so}]\n        \
               volumeMounts: [{name: studioci-token, mountPath: /t}, {name: host, mountPath: /h}]\n";
    let pod_fields = "      shareProcessNamespace: true\n      hostPID: true\n      hostNetwork: true\n      hostIPC: true\n      \
                      hostAliases: [{ip: 1.2.3.4, hostnames: [kubernetes.default]}]\n      \
                      volumes: [{name: studioci-token, emptyDir: {}}, {name: host, hostPath: {path: /}}]\n      \
                      initContainers: [{name: studioci-agent, image: evil}]\n";
    let plain = listener_of(LEAST, &settings());
    let listener = listener_of(&spec(pod_fields, own), &settings());
    assert_eq!(pod(&listener), pod(&plain));
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
    assert_eq!(ci(&listener)["image"], "registry.example.com/app:build-20260102");
}

#[test]
fn whom_the_listener_runs_as() {
    let pod_1000 = "      securityContext: {runAsUser: 1000, runAsGroup: 0, fsGroup: 7, sysctls: []}\n";
    let own = "        securityContext: {runAsUser: 5, privileged: true, capabilities: {add: [ALL]}}\n";
    let hardened = || {
        json!({
            "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true,
        })
    };
    let with = |more: &Value| {
        let mut all = hardened();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let nobody = json!({ "runAsUser": 65_532, "runAsGroup": 65_532, "runAsNonRoot": true });
    for (annotation, fields, container, of_pod, of_ci, of_agent) in [
        (None, "", "", json!({}), json!({}), &nobody),
        (
            None,
            pod_1000,
            "",
            json!({ "fsGroup": 7 }),
            json!({ "runAsUser": 1000, "runAsGroup": 0, "runAsNonRoot": true }),
            &nobody,
        ),
        (
            None,
            pod_1000,
            own,
            json!({ "fsGroup": 7 }),
            json!({ "runAsUser": 5, "runAsGroup": 0, "runAsNonRoot": true }),
            &nobody,
        ),
        (None, "      securityContext: {runAsUser: 0}\n", "", json!({}), json!({ "runAsUser": 0 }), &nobody),
        (
            None,
            "      securityContext: {runAsNonRoot: true}\n",
            "",
            json!({}),
            json!({ "runAsNonRoot": true }),
            &nobody,
        ),
        (Some("omit"), pod_1000, own, json!({}), json!({}), &json!({})),
        (
            Some("{runAsUser: 9, supplementalGroups: [3]}"),
            pod_1000,
            own,
            json!({ "supplementalGroups": [3] }),
            json!({ "runAsUser": 9, "runAsNonRoot": true }),
            &nobody,
        ),
    ] {
        let mut text = spec(fields, container);
        if let Some(value) = annotation {
            let value = format!("studioci.dev/listener-security: \"{value}\", keel.sh/policy");
            text = text.replacen("keel.sh/policy", &value, 1);
        }
        let listener = listener_of(&text, &settings());
        let mut of_pod = of_pod;
        of_pod["seccompProfile"] = json!({ "type": "RuntimeDefault" });
        let pod = pod(&listener);
        assert_eq!(pod["securityContext"], of_pod, "{text}");
        assert_eq!(ci(&listener)["securityContext"], with(&of_ci), "{text}");
        for own in [&pod["containers"][0], &pod["initContainers"][0]] {
            assert_eq!(own["securityContext"], with(of_agent), "{text}");
        }
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
    let listener = plan.listener(&ListenerOf { tag: "x", generation: 1 });
    assert_eq!(
        pod(&listener)["imagePullSecrets"],
        json!([{ "name": "a" }, { "name": "b" }, { "name": "c" }])
    );
    let missing: Vec<_> = plan.notices.iter().filter(|it| it.text.starts_with("pull Secret b")).collect();
    assert_eq!(missing.len(), 1, "{:?}", plan.notices);
}

#[test]
fn a_side_builds_listener_differs_by_its_parked_keys_and_its_image_alone() {
    let digest = Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
    for text in [LEAST, RICH] {
        let plan = woven(text, &settings()).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
        let listener = plan.listener(&ListenerOf { tag: "build-20260102", generation: 90_000_001 });
        for pinned in [None, Some(&digest)] {
            let mut side = plan.side_listener(90_000_001, "build-20260102", pinned);
            let map = |side: &Value, field: &str| -> Map {
                serde_json::from_value(side["metadata"][field].clone()).unwrap()
            };
            assert!(!parking::attached(&map(&side, "labels"), &map(&side, "annotations")), "{side}");
            let image = ci(&side)["image"].as_str().unwrap().to_owned();
            let end = pinned.map_or("build-20260102".to_owned(), |pinned| format!("build-20260102@{pinned}"));
            assert!(image.ends_with(&end), "{image}");
            for field in ["labels", "annotations"] {
                side["metadata"][field] = json!(parking::attach(&map(&side, field)));
            }
            side["spec"]["template"]["spec"]["containers"][1]["image"] = ci(&listener)["image"].clone();
            assert_eq!(side, listener, "what a build may do is the same");
        }
    }
}
