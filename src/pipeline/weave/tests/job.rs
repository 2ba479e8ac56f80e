//! The build's Job.

use serde_json::{Value, json};

use super::*;

#[test]
fn an_unpinned_build_runs_by_tag_and_keeps_the_templates_policy() {
    let text = spec("", "        imagePullPolicy: Never\n");
    let unpinned: Version = "build-20260102".parse().unwrap();
    for (version, image, policy) in [
        (&unpinned, "registry.example.com/app:build-20260102".to_owned(), "Never"),
        (&version(), format!("registry.example.com/app:{}", version()), "IfNotPresent"),
    ] {
        let job = job_of(&text, version);
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        assert_eq!((&container["image"], &container["imagePullPolicy"]), (&json!(image), &json!(policy)));
    }
    let job = job_of(&text, &unpinned);
    assert_eq!(job["metadata"]["annotations"].get("studioci.dev/digest"), None);
    let env = job["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    assert!(env.contains(&json!({ "name": "STUDIOCI_DIGEST", "value": "" })));
}

#[test]
fn a_build_gets_a_token_only_if_the_template_asks() {
    for (fields, token, noticed) in [
        ("", false, false),
        ("      automountServiceAccountToken: true\n", true, false),
        ("      automountServiceAccountToken: false\n", false, false),
        ("      automountServiceAccountToken: null\n", false, false),
        ("      serviceAccountName: mine\n", false, true),
        ("      serviceAccountName: mine\n      automountServiceAccountToken: false\n", false, false),
    ] {
        let text = spec(fields, "");
        let job = job_of(&text, &version());
        assert_eq!(job["spec"]["template"]["spec"]["automountServiceAccountToken"], token, "{fields}");
        let notices = good(&text).notices;
        assert_eq!(
            notices.iter().any(|it| it.text.contains("gets no token")),
            noticed,
            "{fields}: {notices:?}"
        );
    }
}

#[test]
fn a_build_is_never_run_again() {
    let again = "        restartPolicy: OnFailure\n        restartPolicyRules: [{action: Restart}]\n";
    let job = job_of(&spec("      restartPolicy: Always\n", again), &version());
    let spec = &job["spec"];
    assert_eq!(spec["template"]["spec"]["restartPolicy"], "Never");
    assert_eq!(spec["template"]["spec"]["containers"][0].get("restartPolicy"), None);
    assert_eq!(spec["template"]["spec"]["containers"][0].get("restartPolicyRules"), None);
    assert_eq!(
        (&spec["backoffLimit"], &spec["completions"], &spec["parallelism"], &spec["podReplacementPolicy"]),
        (&json!(0), &json!(1), &json!(1), &json!("Failed"))
    );
    assert_eq!(spec["template"]["spec"]["activeDeadlineSeconds"], 6 * 3600);
    assert_eq!(spec.get("activeDeadlineSeconds"), None);
    assert_eq!(spec.get("ttlSecondsAfterFinished"), None);
}

#[test]
fn other_containers_run_as_sidecars_after_the_init_containers() {
    let sidecars =
        "      initContainers: [{name: first, image: a}, {name: mesh, image: m, restartPolicy: Always}]\n";
    let text = spec(sidecars, "").replacen(
        "keel.sh/policy",
        "studioci.dev/build-container: ci, keel.sh/policy",
        1,
    ) + "      - name: db\n        image: db:1\n        startupProbe: {exec: {command: [x]}}\n        livenessProbe: {exec: {command: [z]}}\n";
    let job = job_of(&text, &version());
    let pod = &job["spec"]["template"]["spec"];
    let told: Vec<_> = pod["initContainers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["name"].as_str().unwrap(), it.get("restartPolicy").and_then(Value::as_str)))
        .collect();
    assert_eq!(told, [("first", None), ("mesh", Some("Always")), ("db", Some("Always"))]);
    assert_eq!(pod["containers"].as_array().unwrap().len(), 1);
    assert_eq!(pod["initContainers"][2].get("startupProbe"), None);
    assert!(pod["initContainers"][2].get("livenessProbe").is_some());
    let notices = good(&text).notices;
    assert!(
        notices.iter().any(|it| it.text.contains("db runs as a sidecar") && it.text.contains("startupProbe"))
    );
}

#[test]
fn the_ci_image_is_pinned_wherever_it_stands_and_no_other_is() {
    let pinned = format!("registry.example.com/app:{}", version());
    for (image, want) in [
        ("registry.example.com/app:build-20260101", pinned.as_str()),
        ("registry.example.com/app:tools", "registry.example.com/app:tools"),
        ("registry.example.com/other:build-20260101", "registry.example.com/other:build-20260101"),
    ] {
        let job = job_of(
            &spec(&format!("      initContainers: [{{name: first, image: '{image}'}}]\n"), ""),
            &version(),
        );
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!(pod["initContainers"][0]["image"], want);
        assert_eq!(pod["containers"][0]["image"], pinned);
    }
}

#[test]
fn what_a_build_workload_has_for_kueue_goes_to_its_job() {
    let queue = "kueue.x-k8s.io/queue-name";
    let on_the_deployment =
        format!("  labels: {{{queue}: main, kueue.x-k8s.io/priority-class: high, team: a}}\n  name: build\n");
    let on_its_pods = format!("metadata: {{labels: {{app: build, {queue}: other}}}}");
    for (text, named) in [
        (least("  name: build\n", &on_the_deployment), Some("main")),
        (least("metadata: {labels: {app: build}}", &on_its_pods), Some("other")),
        (
            least("  name: build\n", &on_the_deployment)
                .replace("metadata: {labels: {app: build}}", &on_its_pods),
            Some("main"),
        ),
        (LEAST.to_owned(), None),
        (least("  name: build\n", &format!("  labels: {{{queue}: ''}}\n  name: build\n")), None),
    ] {
        let plan = good(&text);
        assert_eq!(plan.queue(), named, "{text}");
        let job = job_of(&text, &version());
        let labels = &job["metadata"]["labels"];
        assert_eq!(labels[queue].as_str().filter(|name| !name.is_empty()), named);
        assert_eq!(labels.get("team"), None, "no more than Kueue's");
        assert_eq!(job["spec"]["suspend"].as_bool(), named.map(|_| true), "nobody runs it before Kueue");
        let template = &job["spec"]["template"];
        assert!(!template["metadata"]["labels"].to_string().contains("kueue"), "its pod is not queued, too");
        assert_eq!(template["metadata"]["labels"]["app"], "build");
        let gates = named.map(|_| json!([{ "name": "studioci.dev/support" }]));
        assert_eq!(template["spec"].get("schedulingGates"), gates.as_ref());
        let listener = plan.listener(&ListenerOf { tag: "build-20260102", generation: 2 });
        assert!(!listener.to_string().contains("kueue"), "{listener}");
    }
}

#[test]
fn a_queue_of_kueues_is_for_an_administrator_to_allow() {
    let plan = good(&with(
        "apiVersion: kueue.x-k8s.io/v1beta2\nkind: LocalQueue\nmetadata: {name: main}\nspec: {clusterQueue: gpus}",
    ));
    assert!(
        plan.kinds.contains(&crate::chain::resource::LOCAL_QUEUES),
        "it is asked for before anything is created"
    );
    assert_eq!(plan.rest().last().unwrap().1["spec"]["clusterQueue"], "gpus");
}
