//! What a person is told though nothing is refused.

use super::*;

#[test]
fn what_is_likely_to_surprise_is_said() {
    let document = |api_version: &str, kind: &str, spec: &str| {
        with(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: other}}\nspec: {spec}"))
    };
    let hook = |hook: &str, script: &str| {
        spec("", &format!("        lifecycle: {{{hook}: {{exec: {{command: [sh, -c, '{script}']}}}}}}\n"))
    };
    let setting = |text: &str| least("keel.sh/policy", &format!("{text}, keel.sh/policy"));
    let in_ci =
        |document: &str| with(document).replacen("name: build\n", "name: build\n  namespace: ci\n", 1);
    for (text, says) in [
        (hook("postStart", "kubectl label x y-"), Some("postStart hook calls kubectl:")),
        (
            hook("preStop", "/usr/bin/kubectl scale x; while :; do sleep 1; done"),
            Some("preStop hook calls kubectl and loops:"),
        ),
        (hook("preStop", "sleep infinity"), Some("preStop hook loops:")),
        (hook("preStop", "echo no-kubectl-here > /worthwhile"), None),
        (least("spec:\n  selector", "spec:\n  replicas: 3\n  selector"), Some("replicas: 3 is not used")),
        (least("spec:\n  selector", "spec:\n  replicas: 1\n  selector"), None),
        (
            document("apps/v1", "StatefulSet", "{replicas: 0}"),
            Some("StatefulSet/other: it asks for 0 replicas"),
        ),
        (document("apps/v1", "StatefulSet", "{replicas: 1}"), None),
        (
            spec("", "        env: [{name: STUDIOCI_TAG, value: x}]\n"),
            Some("STUDIOCI_TAG is set by studioci"),
        ),
        (spec("", "        env: [{name: STUDIOCI_MINE, value: x}]\n"), None),
        (spec("", "        imagePullPolicy: Never\n"), Some("the listener pulls the image")),
        (spec("", "        env: [{name: A, value: }]\n"), Some("container ci: A is null, and will be empty")),
        (spec("", "        env: [{name: A, value: \"\"}]\n"), None),
        (setting("keel.sh/monitorContainers: web"), Some("keel.sh/monitorContainers: \"web\" is replaced")),
        (
            document("networking.k8s.io/v1", "NetworkPolicy", "{podSelector: {}, policyTypes: [Egress]}"),
            Some("egress of every pod, the agent's too"),
        ),
        (
            document("networking.k8s.io/v1", "NetworkPolicy", "{podSelector: {}, policyTypes: [Ingress]}"),
            None,
        ),
        (
            document(
                "networking.k8s.io/v1",
                "NetworkPolicy",
                "{podSelector: {matchLabels: {a: b}}, egress: []}",
            ),
            None,
        ),
        (
            in_ci(
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {HOST: db.ci.svc.cluster.local}",
            ),
            Some("it names a host in ci.svc"),
        ),
        (in_ci("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\ndata: {HOST: db.cicd.svc}"), None),
        (
            with(
                "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: other, labels: {keel.sh/policy: all}}",
            ),
            Some("CronJob/other: its Keel keys are parked"),
        ),
        (
            with("apiVersion: batch/v1\nkind: Job\nmetadata: {name: other, labels: {keel.sh/policy: all}}"),
            None,
        ),
    ] {
        let plan = woven(&text, &settings()).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
        let told: Vec<String> = plan.notices.iter().map(ToString::to_string).collect();
        match says {
            Some(says) => assert!(matches!(&*told, [only] if only.contains(says)), "{says}: {told:?}"),
            None => assert!(told.is_empty(), "{text}: {told:?}"),
        }
    }
}

#[test]
fn whether_a_pipeline_can_carry_on_a_chain() {
    let running = || Running {
        image: "registry.example.com/app".to_owned(),
        workload: "build".to_owned(),
        container: "ci".to_owned(),
        tag: "build-20260101".to_owned(),
    };
    let semver = least("\"glob:build-*\"", "minor").replace("build-20260101", "1.2.0");
    for (text, running, says) in [
        (LEAST.to_owned(), running(), &[][..]),
        (
            LEAST.to_owned(),
            Running { image: "registry.example.com/other".to_owned(), ..running() },
            &["the image is now registry.example.com/app"],
        ),
        (
            LEAST.to_owned(),
            Running { workload: "ci".to_owned(), ..running() },
            &["the build workload is now build; the chain was started with ci"],
        ),
        (
            LEAST.to_owned(),
            Running { container: "web".to_owned(), ..running() },
            &["the build container is now ci"],
        ),
        (
            least("registry.example.com/app", "nginx"),
            Running { image: "docker.io/library/nginx".to_owned(), ..running() },
            &[],
        ),
        (semver.clone(), Running { tag: "1.1.0".to_owned(), ..running() }, &[]),
        (semver, running(), &["Deployment/build: its policy cannot move on from tag build-20260101"]),
        (
            LEAST.to_owned(),
            Running { workload: "a".to_owned(), container: "b".to_owned(), ..running() },
            &["build workload", "build container"],
        ),
    ] {
        let faults = good(&text).fits(&running).err().unwrap_or_default();
        assert_eq!(faults.len(), says.len(), "{running:?}: {}", shown(&faults));
        for (fault, words) in faults.iter().zip(says) {
            assert!(fault.to_string().contains(words), "{words}: {fault}");
        }
    }
}

#[test]
fn a_plan_comes_back_from_a_child_as_it_was() {
    let floats = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: f}\nx: [0.1, 1e300, 5e-324, 18446744073709551615]\n";
    for text in [RICH.to_owned(), LEAST.to_owned(), format!("{LEAST}{floats}")] {
        let plan = good(&text);
        let written = serde_json::to_vec(&plan).unwrap();
        assert_eq!(serde_json::from_slice::<Plan>(&written).unwrap(), plan);
    }
}

#[test]
fn the_notices_of_a_rich_pipeline() {
    let told: Vec<String> = good(RICH).notices.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    Deployment/build: container telemetry runs as a sidecar beside the build container test, starts before it and ends with it; its startupProbe is left out, since the build would wait for it
    Deployment/build: container test: STUDIOCI_TAG is set by studioci, and the template's value is left out; take it out
    Deployment/build: keel.sh/monitorContainers: ".*" is replaced: on a listener Keel updates the build container and nothing else; take it out
    Deployment/build: pull Secret mirror is not in the pipeline: a fresh namespace does not have it, and the registry is asked without it; add the Secret, or have it copied: start --secret mirror
    Deployment/build: container test: its postStart hook calls kubectl: letting go of Keel and scaling support are the agent's work here, and a hook that fails kills the container; take the hook out
    Deployment/build: container test: its preStop hook loops: letting go of Keel and scaling support are the agent's work here, and a hook that does not return delays the end until the grace period is over; take the hook out
    Deployment/store: its Keel keys are parked: Keel updates the listener only, and the build's namespace holds what was pushed
    "#);
}
