//! What is refused, and with which words.

use super::*;

/// Asserts that a pipeline has exactly one fault, and that it says all of these.
#[track_caller]
fn one_fault(text: &str, settings: &PlanInput, says: &[&str]) {
    let Err(faults) = woven(text, settings) else { panic!("not refused: {text}") };
    let all = shown(&faults);
    assert_eq!(faults.len(), 1, "{all}");
    for words in says {
        assert!(all.contains(words), "{words:?} is not in:\n{all}");
    }
    assert!(faults[0].why.is_some() && faults[0].hint.is_some(), "{all}");
}

fn named(api_version: &str, kind: &str) -> String {
    format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: other}}")
}

fn second_deployment(annotations: &str) -> String {
    with(&format!("{}\n", LEAST.replacen("name: build", "name: other", 1))).replacen(
        "annotations: {",
        &format!("annotations: {{{annotations}"),
        2,
    )
}

#[test]
fn the_build_workload() {
    let picked = "studioci.dev/build: \"true\", ";
    for (text, says) in [
        (
            least("\"glob:build-*\"", "never"),
            &["no build workload", "Deployment/build (policy never, or an empty one)", "glob:build-*"][..],
        ),
        (
            least("\"glob:build-*\"", "\"\""),
            &["no build workload", "Deployment/build (policy never, or an empty one)"],
        ),
        (
            least("keel.sh/policy: \"glob:build-*\", ", ""),
            &["no build workload", "Deployment/build (no policy)"],
        ),
        (named("v1", "ConfigMap"), &["no build workload", "no Deployment at all"]),
        (
            least("Deployment", "StatefulSet"),
            &["no build workload", "the policy stands on StatefulSet/build"],
        ),
        (
            second_deployment(""),
            &[
                "2 Deployments have a Keel policy: Deployment/build and Deployment/other",
                "studioci.dev/build: \"true\"",
            ],
        ),
        (second_deployment(picked), &["2 Deployments are picked", "Deployment/build and Deployment/other"]),
        (
            with(&format!(
                "{}\nspec: {{template: {{}}}}",
                named("apps/v1", "Deployment")
                    .replace("{name: other}", "{name: other, annotations: {studioci.dev/build: \"true\"}}")
            )),
            &["document 2 (Deployment other): studioci.dev/build picks it", "it has no policy"],
        ),
    ] {
        one_fault(&text, &settings(), says);
    }
}

#[test]
fn a_slip_that_hides_the_policy_is_named() {
    let annotated = "keel.sh/policy: \"glob:build-*\", ";
    for (text, says) in [
        (least("keel.sh/policy", "keel.sh/Policy"), "Keel spells it keel.sh/policy, not keel.sh/Policy"),
        (
            least(annotated, "").replacen(
                "metadata: {labels",
                "metadata: {annotations: {keel.sh/policy: all}, labels",
                1,
            ),
            "keel.sh/policy stands on its pod template, where Keel does not look",
        ),
    ] {
        one_fault(&text, &settings(), &["no build workload", says]);
    }
}

#[test]
fn keys_of_ours_are_for_a_pipeline_to_write_as_settings_only() {
    let other = |api_version: &str, kind: &str, metadata: &str, rest: &str| {
        with(&format!(
            "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: other, {metadata}}}\n{rest}"
        ))
    };
    let template = |key: &str| format!("template: {{metadata: {{labels: {{{key}: listener}}}}, spec: {{}}}}");
    let (role, parked) = ("studioci.dev/role", "parked.studioci.dev/policy");
    let (prefix, move_it) =
        ("give it a prefix of your own", "write it under metadata.annotations of the build workload");
    for (text, says) in [
        // what would pass for a listener
        (
            least("metadata: {labels: {", &format!("metadata: {{labels: {{{role}: listener, ")),
            ["(Deployment build): spec.template.metadata.labels: studioci.dev/role is not", prefix],
        ),
        (
            other("v1", "Pod", &format!("labels: {{{role}: listener}}"), "spec: {}"),
            ["(Pod other): metadata.labels: studioci.dev/role is not", prefix],
        ),
        (
            other("apps/v1", "Deployment", "labels: {a: b}", &format!("spec: {{{}}}", template(role))),
            ["(Deployment other): spec.template.metadata.labels: studioci.dev/role is not", prefix],
        ),
        (
            other(
                "batch/v1",
                "CronJob",
                "",
                &format!("spec: {{jobTemplate: {{spec: {{{}}}}}}}", template(role)),
            ),
            ["spec.jobTemplate.spec.template.metadata.labels: studioci.dev/role is not", prefix],
        ),
        (
            other(
                "apps/v1",
                "StatefulSet",
                "",
                &format!("spec: {{volumeClaimTemplates: [{{metadata: {{annotations: {{{role}: x}}}}}}]}}"),
            ),
            ["spec.volumeClaimTemplates[0].metadata.annotations: studioci.dev/role is not", prefix],
        ),
        (
            other("v1", "ConfigMap", "annotations: {studioci.dev/replicas: \"3\"}", "data: {}"),
            ["metadata.annotations: studioci.dev/replicas is not", prefix],
        ),
        (
            other("apps/v1", "Deployment", &format!("annotations: {{{parked}: all}}"), "spec: {}"),
            ["metadata.annotations: parked.studioci.dev/policy is not", prefix],
        ),
        (
            other("v1", "Namespace", "labels: {studioci.dev/chain: mine}", ""),
            ["(Namespace other): metadata.labels: studioci.dev/chain is not", prefix],
        ),
        // settings that nobody reads where they stand
        (
            least("keel.sh/policy", "studioci.dev/dedline: 1h, keel.sh/policy"),
            ["metadata.annotations: studioci.dev/dedline is not", "did you mean `studioci.dev/deadline`?"],
        ),
        (
            least("name: build\n", "name: build\n  labels: {studioci.dev/recheck: 1m}\n"),
            ["metadata.labels: studioci.dev/recheck is not", move_it],
        ),
        (
            least("metadata: {labels", "metadata: {annotations: {studioci.dev/deadline: 1h}, labels"),
            ["spec.template.metadata.annotations: studioci.dev/deadline is not", move_it],
        ),
        (
            other("apps/v1", "Deployment", "annotations: {studioci.dev/deadline: 1h}", "spec: {}"),
            ["(Deployment other): metadata.annotations: studioci.dev/deadline is not", move_it],
        ),
    ] {
        one_fault(&text, &settings(), &says);
    }
    for text in [
        other(
            "apps/v1",
            "Deployment",
            "annotations: {studioci.dev/build: \"false\"}",
            "spec: {template: {}}",
        ),
        // selecting is not writing
        other(
            "v1",
            "Service",
            "labels: {notstudioci.dev/role: x}",
            "spec: {selector: {studioci.dev/role: build}}",
        ),
        other("v1", "ConfigMap", "", "data: {metadata: \"labels: {studioci.dev/role: x}\"}"),
    ] {
        woven(&text, &settings()).unwrap_or_else(|faults| panic!("{}", shown(&faults)));
    }
}

#[test]
fn what_keel_would_ignore_is_refused() {
    for (text, says) in [
        (least("glob:build-*", "glob:a:b"), "glob:a:b"),
        (least("glob:build-*", "Major"), "Major"),
        (least("\"glob:build-*\"", "force"), "force"),
        (least("\"@every 1m\"", "\"\""), "keel.sh/pollSchedule"),
        (least("\"glob:build-*\"", "minor"), "the policy `minor` cannot move from the tag `build-20260101`"),
    ] {
        one_fault(&text, &settings(), &["document 1 (Deployment build): ", says]);
    }
}

#[test]
fn the_policy_is_judged_from_the_tag_that_will_run() {
    let from = |tag: &str| PlanInput { tag: Some(tag.to_owned()), ..settings() };
    let semver = least("\"glob:build-*\"", "minor");
    assert!(woven(&semver, &from("1.2.0")).is_ok());
    one_fault(LEAST, &from("later"), &["the policy `glob:build-*` cannot move from the tag `later`"]);
    // nobody is to move on what is built by hand
    let by_hand = PlanInput { by_hand: true, ..from("later") };
    assert!(woven(LEAST, &by_hand).is_ok());
    one_fault(&least("glob:build-*", "Major"), &by_hand, &["Major"]);
}

#[test]
fn an_annotation_picks_among_several() {
    let text = second_deployment("").replacen(
        "name: other\n  annotations: {",
        "name: other\n  annotations: {studioci.dev/build: \"true\", ",
        1,
    );
    let plan = good(&text);
    assert_eq!(plan.build.name, "other");
    let rest = plan.rest();
    assert_eq!(rest[0].1["metadata"]["annotations"]["parked.studioci.dev/policy"], "glob:build-*");
    assert_eq!(rest[0].1["metadata"]["annotations"].get("keel.sh/policy"), None);
}

#[test]
fn the_build_container() {
    let second = "image: registry.example.com/app:build-20260101\n      - name: db\n        image: db:1";
    let image = "image: registry.example.com/app:build-20260101";
    let named = |name: &str| format!("studioci.dev/build-container: {name}, keel.sh/policy");
    for (text, says) in [
        (
            least(image, second),
            &["it has 2 containers", "its containers: ci and db", "studioci.dev/build-container: NAME"][..],
        ),
        (least("keel.sh/policy", &named("web")), &["it has no container \"web\"", "its containers: ci"]),
        (
            least("name: ci\n", "name: studioci-install\n"),
            &["the build container's name studioci-install begins with"],
        ),
        (least("name: ci\n", "imagePullPolicy: Always\n"), &["the build container has no name"]),
        (
            least("containers:\n      - name: ci\n        ", "x:\n        "),
            &["its pod template has no containers"],
        ),
        (LEAST.split("  template:").next().unwrap().to_owned(), &["it has no pod template"]),
        (
            least("registry.example.com/app", "http://r.example.com/app"),
            &["the image `http://r.example.com/app:build-20260101` is not an image reference"],
        ),
        (least(image, "command: [x]"), &["container ci has no image"]),
        (least(":build-20260101", &format!("@sha256:{}", "0a".repeat(32))), &["names a digest and no tag"]),
    ] {
        one_fault(&text, &settings(), says);
    }
    assert_eq!(good(&least(image, second).replacen("keel.sh/policy", &named("db"), 1)).build.container, "db");
}

#[test]
fn settings_that_cannot_be_read() {
    one_fault(
        &least("keel.sh/policy", "studioci.dev/deadline: soon, keel.sh/policy"),
        &settings(),
        &["studioci.dev/deadline: \"soon\" cannot be read", "6h"],
    );
}

#[test]
fn a_key_is_told_as_it_is_written() {
    let said = |data: &str| {
        let map =
            format!("{LEAST}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m}}\ndata: {{{data}}}\n");
        shown(&woven(&map, &settings()).unwrap_err())
    };
    for (data, what, hint) in [
        ("n: 1", "data: n is 1, not a string", "write \"n\": \"1\""),
        ("0x10: yes", "data: 0x10 is yes, which reads as true, not a string", "write \"0x10\": \"yes\""),
        ("On: 2", "data: On is 2, not a string", "write \"On\": \"2\""),
        ("\"n\": 1", "data: n is 1, not a string", "write n: \"1\""),
        ("port: 80", "data: port is 80, not a string", "write port: \"80\""),
    ] {
        let said = said(data);
        assert!(said.contains(what) && said.contains(hint), "{data}: {said}");
    }
}

#[test]
fn the_namespace_that_the_template_is_told_is_the_builds_own() {
    let settings = PlanInput { namespace: Some("ci-x".to_owned()), ..settings() };
    let map = |namespace: &str| {
        format!(
            "{LEAST}---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{name: m, namespace: {namespace}}}\n\
             data: {{host: db.ci-x.svc}}\n"
        )
    };
    let plan = woven(&map("ci-x"), &settings).unwrap();
    assert!(plan.notices.is_empty(), "{:?}", plan.notices);
    assert!(shown(&woven(&map("other"), &settings).unwrap_err()).contains("it is in namespace other"));
}

#[test]
fn documents_that_belong_elsewhere() {
    let role = |kind: &str| with(&named("rbac.authorization.k8s.io/v1", kind));
    for (text, says) in [
        (
            role("ClusterRole"),
            &[
                "document 2 (ClusterRole other): ClusterRole is cluster-scoped",
                "line 17, column 1",
                "write a Role",
            ][..],
        ),
        (
            role("ClusterRoleBinding"),
            &["ClusterRoleBinding is cluster-scoped", "write a RoleBinding of a Role"],
        ),
        (
            with(&named("v1", "PersistentVolume")),
            &["PersistentVolume is cluster-scoped", "let an admin create it"],
        ),
        (
            with(&named("v1", "PodTemplate")),
            &["v1 PodTemplate is not a kind", "studioci-workspace does not cover it"],
        ),
        (with(&named("example.com/v1", "Widget")), &["example.com/v1 Widget is not a kind"]),
        (with(&named("example.com/v1", "Secret")), &["example.com/v1 Secret is not a kind"]),
        (
            with(&named("extensions/v1beta1", "Ingress")),
            &["extensions/v1beta1 Ingress is not served", "apiVersion: networking.k8s.io/v1"],
        ),
        (with(&named("autoscaling/v2beta2", "HorizontalPodAutoscaler")), &["apiVersion: autoscaling/v2,"]),
        (
            with(&named("v1", "ConfigMap").replace("{name", "{namespace: kube-system, name")),
            &["it is in namespace kube-system", "nothing of a pipeline goes elsewhere"],
        ),
        (
            with(&named("v1", "ConfigMap").replace("{name", "{namespace: 7, name")),
            &["metadata.namespace is 7, not a string"],
        ),
    ] {
        one_fault(&text, &settings(), says);
    }
}

#[test]
fn the_pipelines_own_namespace() {
    let theirs =
        |name: &str| named("v1", "ConfigMap").replace("{name", &format!("{{namespace: {name}, name"));
    let space = |name: &str| format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}");
    let build_in = |name: &str| least("name: build", &format!("name: build\n  namespace: {name}"));
    let and = |text: &str, more: &str| format!("{text}---\n{more}\n");
    for text in [
        and(&with(&space("ci")), &theirs("ci")),
        and(&build_in("ci"), &theirs("ci")),
        with(&theirs("\"\"")),
        build_in("ci"),
    ] {
        let plan = woven(&text, &settings()).unwrap_or_else(|faults| panic!("{text}\n{}", shown(&faults)));
        assert!(
            plan.rest().iter().all(|(_, object)| object["metadata"].get("namespace").is_none()),
            "{text}"
        );
        assert_eq!(plan.listener(&ListenerOf { tag: "x", generation: 1 })["metadata"].get("namespace"), None);
    }
    for (text, says) in [
        (and(&with(&space("ci")), &theirs("prod")), "which the pipeline calls ci;"),
        (and(&build_in("ci"), &theirs("prod")), "which the pipeline calls ci;"),
        (and(&build_in("prod"), &space("ci")), "document 1 (Deployment build): it is in namespace prod"),
        (and(&with(&space("ci")), &space("cd")), "2 Namespace documents: Namespace/ci and Namespace/cd"),
    ] {
        one_fault(&text, &settings(), &[says]);
    }
}

#[test]
fn names() {
    let long = "n".repeat(64);
    for (metadata, says) in [
        ("{generateName: a-}".to_owned(), "it has a generateName"),
        ("{}".to_owned(), "document 2 (ConfigMap): it has no name"),
        (format!("{{name: {long}}}"), "its name has 64 characters"),
        ("{name: studioci-freeze}".to_owned(), "its name begins with studioci-"),
    ] {
        let text = with(&named("v1", "ConfigMap").replace("{name: other}", &metadata));
        one_fault(&text, &settings(), &[says]);
    }
    good(&with(&named("v1", "ConfigMap").replace("other", &long[1..])));
    let twice = format!("{}\n---\n{}", named("v1", "ConfigMap"), named("v1", "ConfigMap"));
    one_fault(
        &with(&twice),
        &settings(),
        &["document 3 (ConfigMap other): it is there twice", "document 2 (line 16)"],
    );
    good(&with(&format!("{}\n---\n{}", named("v1", "ConfigMap"), named("v1", "Secret"))));
}

#[test]
fn labels_and_annotations_are_strings() {
    for (text, says) in [
        (least("keel.sh/trigger: poll", "keel.sh/matchTag: true"), "write keel.sh/matchTag: \"true\""),
        (
            least("{labels: {app: build}}", "{labels: {app: 7}}"),
            "spec.template.metadata.labels: app is 7, not a string",
        ),
        (
            with(&named("v1", "ConfigMap").replace("{name", "{annotations: {a: [b]}, name")),
            "metadata.annotations: a is a list, not a string",
        ),
    ] {
        one_fault(&text, &settings(), &[says]);
    }
}

#[test]
fn a_number_a_boolean_or_null_is_refused_wherever_the_server_takes_strings_only() {
    let object =
        |api_version: &str, kind: &str, rest: &str| with(&format!("{}\n{rest}", named(api_version, kind)));
    let pod = |fields: &str, container: &str| spec(fields, &format!("        {container}\n"));
    let deployment = |spec: &str| object("apps/v1", "Deployment", &format!("spec: {spec}"));
    let term = "nodeSelectorTerms: [{matchExpressions: [{key: zone, operator: In, values: [a, 7]}]}]";
    let affinity = format!(
        "      affinity: {{nodeAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: {{{term}}}}}}}\n"
    );
    for (text, says) in [
        (
            pod("", "env: [{name: A, value: 1.5}]"),
            ["containers[0].env[0].value is 1.5, not a string", "write value: \"1.5\""],
        ),
        (
            pod("", "env: [{name: B, value: yes}]"),
            ["containers[0].env[0].value is yes, which reads as true, not", "write value: \"yes\""],
        ),
        (pod("", "env: [{name: 7, value: x}]"), ["containers[0].env[0].name is 7, not", "write name: \"7\""]),
        (pod("", "args: [serve, 8080]"), ["containers[0].args[1] is 8080, not", "write \"8080\""]),
        (
            pod("", "command: [sleep, 1e3]"),
            ["containers[0].command[1] is 1e3, which reads as 1000", "write \"1e3\""],
        ),
        (
            pod("", "args: [x, ~]"),
            ["containers[0].args[1] is null, not a string", "write \"\" if it is to be empty"],
        ),
        (
            pod("", "livenessProbe: {exec: {command: [y]}}"),
            ["containers[0].livenessProbe.exec.command[0] is y, which reads as true", "write \"y\""],
        ),
        (
            pod("", "livenessProbe: {httpGet: {port: 80, httpHeaders: [{name: X, value: 1}]}}"),
            ["httpGet.httpHeaders[0].value is 1, not", "write value: \"1\""],
        ),
        (
            pod("      initContainers: [{name: a, image: b, env: [{name: C, value: off}]}]\n", "stdin: true"),
            [
                "spec.template.spec.initContainers[0].env[0].value is off, which reads as false",
                "write value: \"off\"",
            ],
        ),
        (
            pod("      nodeSelector: {gpu: true}\n", "stdin: true"),
            ["nodeSelector: gpu is true", "write gpu: \"true\""],
        ),
        (
            pod("      nodeSelector: {gpu: }\n", "stdin: true"),
            ["nodeSelector: gpu is null", "write gpu: \"\""],
        ),
        (
            pod("      tolerations: [{key: a, value: true}]\n", "stdin: true"),
            ["tolerations[0].value is true, not", "write value: \"true\""],
        ),
        (pod(&affinity, "stdin: true"), ["matchExpressions[0].values[1] is 7, not", "write \"7\""]),
        (
            pod("", "image: 7").replacen("        image: registry.example.com/app:build-20260101\n", "", 1),
            ["containers[0].image is 7", "write image: \"7\""],
        ),
        (
            deployment("{selector: {matchLabels: {v: 1}}}"),
            ["spec.selector.matchLabels: v is 1", "write v: \"1\""],
        ),
        (
            object("batch/v1", "CronJob", "spec: {jobTemplate: {metadata: {labels: {v: 1}}}}"),
            ["spec.jobTemplate.metadata.labels: v is 1", "write v: \"1\""],
        ),
        (
            object(
                "apps/v1",
                "StatefulSet",
                "spec: {volumeClaimTemplates: [{metadata: {annotations: {v: 1}}}]}",
            ),
            ["spec.volumeClaimTemplates[0].metadata.annotations: v is 1", "write v: \"1\""],
        ),
        (object("v1", "ConfigMap", "data: {port: 8080}"), ["data: port is 8080", "write port: \"8080\""]),
        (
            object("v1", "ConfigMap", "data: {port: }"),
            ["data: port is null", "write port: \"\" if it is to be"],
        ),
        (
            with("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 1234567}"),
            ["metadata.name is 1234567, not a string", "write name: \"1234567\""],
        ),
        (
            pod("      initContainers: [{name: yes, image: b}]\n", "stdin: true"),
            ["initContainers[0].name is yes, which reads as true", "write name: \"yes\""],
        ),
        (
            pod("", "workingDir: 7"),
            ["containers[0].workingDir is 7, not a string", "write workingDir: \"7\""],
        ),
        (
            pod("", "envFrom: [{configMapRef: {name: 1.10}}]"),
            ["envFrom[0].configMapRef.name is 1.10, which reads as 1.1", "write name: \"1.10\""],
        ),
        (
            pod("", "volumeMounts: [{name: a, mountPath: /a, subPath: 010}]"),
            ["volumeMounts[0].subPath is 010, which reads as 8", "write subPath: \"010\""],
        ),
        (
            object("v1", "ConfigMap", "data: [a, b]"),
            ["data is a list, not a mapping", "write a name and its string"],
        ),
        (
            with("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, labels: [a]}"),
            ["metadata.labels is a list, not a mapping", "write a name and its string"],
        ),
        (
            object("v1", "ConfigMap", "binaryData: {a: 12}"),
            ["binaryData: a is 12, not base64", "as it is under data"],
        ),
        (
            object("v1", "ConfigMap", "data: {a: {b: c}}"),
            ["data: a is a mapping, not a string", "write a string in quotes"],
        ),
        (object("v1", "Service", "spec: {selector: {v: 1}}"), ["spec.selector: v is 1", "write v: \"1\""]),
        (
            object("v1", "ReplicationController", "spec: {selector: {v: no}}"),
            ["spec.selector: v is no, which reads as false", "write v: \"no\""],
        ),
        (
            object("networking.k8s.io/v1", "NetworkPolicy", "spec: {podSelector: {matchLabels: {v: 1}}}"),
            ["spec.podSelector.matchLabels: v is 1", "write v: \"1\""],
        ),
    ] {
        one_fault(&text, &settings(), &says);
    }
    // thirty of them are one slip, such as a loop without quotes
    let data: Vec<String> = (0..30).map(|n| format!("k{n}: {n}")).collect();
    let many = object("v1", "ConfigMap", &format!("data: {{{}}}", data.join(", ")));
    let faults = woven(&many, &settings()).unwrap_err();
    assert_eq!(faults.len(), 21);
    assert!(shown(&faults[20..]).contains("10 more of its fields hold what they do not take"));
    // what a Secret holds is not shown
    for (rest, says) in [
        (
            "stringData: {pin: 4711}",
            ["stringData: pin is a number or a boolean, not a string", "write pin: \"…\", with the quotes"],
        ),
        ("stringData: [4711]", ["stringData is a list, not a mapping", "write a name and its string"]),
        (
            "data: {pin: 4711}",
            ["data: pin is a number or a boolean, not base64", "as it is under stringData"],
        ),
        (
            "stringData: {pin: [4711]}",
            ["stringData: pin is a list, not a string", "write a string in quotes"],
        ),
    ] {
        let text = object("v1", "Secret", rest);
        one_fault(&text, &settings(), &says);
        assert!(!shown(&woven(&text, &settings()).unwrap_err()).contains("4711"), "{rest}");
    }
    for text in [
        pod("", "env: [{name: A, value: }, {name: B, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]"),
        pod("      tolerations: [{key: a, operator: Exists, value: }]\n", "ports: [{containerPort: 80}]"),
        deployment("{selector: {matchExpressions: [{key: a, operator: Exists}]}}"),
        object("v1", "ConfigMap", "data: {spec: \"command: [1]\"}"),
        object("v1", "ConfigMap", "data:\nbinaryData: ~"),
        object("v1", "Service", "spec: {selector: {a: b}, ports: [{port: 80, targetPort: 80}]}"),
    ] {
        good(&text);
    }
}

#[test]
fn a_hint_quotes_what_is_written_and_not_what_it_reads_as() {
    for (written, says) in [
        ("1.10", "a is 1.10, which reads as 1.1, not a string"),
        ("on", "a is on, which reads as true, not a string"),
        ("no", "a is no, which reads as false, not a string"),
        ("0644", "a is 0644, which reads as 420, not a string"),
        ("1e3", "a is 1e3, which reads as 1000, not a string"),
        ("1_000", "a is 1_000, which reads as 1000, not a string"),
        ("0x1F", "a is 0x1F, which reads as 31, not a string"),
        ("+1", "a is +1, which reads as 1, not a string"),
        ("True", "a is True, which reads as true, not a string"),
        ("7", "a is 7, not a string"),
    ] {
        let labels = format!("{{labels: {{b: x, a: {written}}}, name");
        let text = with(&named("v1", "ConfigMap").replace("{name", &labels));
        one_fault(&text, &settings(), &[says, &format!("write a: \"{written}\"")]);
    }
    // elsewhere than where it takes effect: by an alias, by a merge key, under a key that has a slash, in a List
    let object = named("v1", "ConfigMap");
    for text in [
        with(&format!("{}\nx: &x 1.10", object.replace("{name", "{labels: {a/b~c: 1.10}, name"))),
        with(&format!("x: &x 1.10\n{}", object.replace("{name", "{labels: {a/b~c: *x}, name"))),
        with(&format!("x: &x {{a/b~c: 1.10}}\n{}", object.replace("{name", "{labels: {<<: *x}, name"))),
        with(&format!(
            "x: &x {{a/b~c: 1.10}}\n{}",
            object.replace("{name", "{labels: {<<: [{d: e}, *x]}, name")
        )),
        with(
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: s, labels: {a/b~c: 1.10}}}",
        ),
    ] {
        one_fault(&text, &settings(), &["write a/b~c: \"1.10\""]);
    }
}

#[test]
fn an_image_that_is_no_reference_is_refused_in_whatever_container_it_stands() {
    let pod =
        |image: &str| format!("{{containers: [{{name: a, image: 'x:1'}}, {{name: b, image: '{image}'}}]}}");
    let template = |image: &str| format!("{{template: {{spec: {}}}}}", pod(image));
    let object = |api_version: &str, kind: &str, spec: String| {
        with(&format!("{}\nspec: {spec}", named(api_version, kind)))
    };
    for image in ["app:1.0.0+5", "/app:1", "r//app", "app_:1", "App:1", "app:-1", " app", "app@sha256:12"] {
        let says = [
            &format!("container b: the image `{image}` is not an image reference")[..],
            "registry/repository:tag",
        ];
        for (api_version, kind) in [
            ("apps/v1", "Deployment"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "DaemonSet"),
            ("apps/v1", "ReplicaSet"),
            ("v1", "ReplicationController"),
            ("batch/v1", "Job"),
        ] {
            one_fault(&object(api_version, kind, template(image)), &settings(), &says);
        }
        one_fault(&object("v1", "Pod", pod(image)), &settings(), &says);
        one_fault(
            &object("batch/v1", "CronJob", format!("{{jobTemplate: {{spec: {}}}}}", template(image))),
            &settings(),
            &says,
        );
        let init = format!("      initContainers: [{{name: b, image: '{image}'}}]\n");
        one_fault(&spec(&init, ""), &settings(), &says);
        let volume = format!("      volumes: [{{name: b, image: {{reference: '{image}'}}}}]\n");
        one_fault(&spec(&volume, ""), &settings(), &[&says[0].replace("container b", "volume b"), says[1]]);
        let own = least("registry.example.com/app:build-20260101", &format!("'{image}'"));
        one_fault(&own, &settings(), &[&says[0].replace("container b", "container ci"), says[1]]);
    }
    one_fault(
        &object("v1", "Pod", "{containers: [{name: b}]}".to_owned()),
        &settings(),
        &["container b has no image", "name the image"],
    );
    good(&object("v1", "Pod", pod("[::1]:5000/team/app__x:A_b.c-D")));
}

#[test]
fn a_repository_that_keel_alone_does_not_read_is_refused_for_the_build_only() {
    let odd = format!("{}:build-20260101", "a".repeat(64));
    one_fault(
        &least("registry.example.com/app:build-20260101", &odd),
        &settings(),
        &["is none that Keel reads", "Keel takes 64 hex digits for an image's id"],
    );
    good(&spec(&format!("      initContainers: [{{name: b, image: {odd}}}]\n"), ""));
}

#[test]
fn size() {
    let filled = |kind: &str, field: &str, bytes: usize| {
        with(&format!("{}\n{field}: {{a: {}}}", named("v1", kind), "QUJD".repeat(bytes / 4)))
    };
    one_fault(
        &filled("ConfigMap", "data", 1 << 20),
        &settings(),
        &["it has 10486", "no object of more than 1048576"],
    );
    one_fault(&filled("Secret", "data", 1_400_000), &settings(), &["no object of more than"]);
    good(&filled("ConfigMap", "data", 1_000_000));
    good(&filled("Secret", "data", 1_300_000));
}

#[test]
fn whatever_reaches_for_the_agent() {
    let pod = |field: &str| format!("{{{field}: studioci-agent.other, containers: [{{name: a, image: a}}]}}");
    let workload =
        |group: &str, kind: &str, spec: String| with(&format!("{}\nspec: {spec}", named(group, kind)));
    let template = |field: &str| format!("{{template: {{spec: {}}}}}", pod(field));
    let says = "its pods would run as ServiceAccount studioci-agent.other";
    for (group, kind) in [
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "ReplicaSet"),
        ("apps/v1", "DaemonSet"),
        ("v1", "ReplicationController"),
        ("batch/v1", "Job"),
    ] {
        for field in ["serviceAccountName", "serviceAccount"] {
            one_fault(&workload(group, kind, template(field)), &settings(), &[says, kind]);
        }
    }
    one_fault(&workload("v1", "Pod", pod("serviceAccount")), &settings(), &[says]);
    let cron = format!("{{jobTemplate: {{spec: {}}}}}", template("serviceAccountName"));
    one_fault(&workload("batch/v1", "CronJob", cron), &settings(), &[says]);
    one_fault(
        &least("      containers:", "      serviceAccount: studioci-agent.other\n      containers:"),
        &settings(),
        &[says],
    );
    let both = "{serviceAccountName: mine, serviceAccount: studioci-agent.other}";
    one_fault(&workload("v1", "Pod", both.to_owned()), &settings(), &[says]);

    let token = |account: &str| {
        with(&format!(
            "{}\ntype: kubernetes.io/service-account-token",
            named("v1", "Secret").replace(
                "{name",
                &format!("{{annotations: {{kubernetes.io/service-account.name: {account}}}, name")
            )
        ))
    };
    one_fault(
        &token("studioci-agent.app"),
        &settings(),
        &["it asks for a token of ServiceAccount studioci-agent.app"],
    );
    one_fault(
        &token("studioci-agent"),
        &settings(),
        &["it asks for a token of ServiceAccount studioci-agent"],
    );
    good(&token("mine"));
    good(&token("studioci-agents"));
}

fn role(rules: &str) -> String {
    with(&format!("{}\nrules: [{rules}]", named("rbac.authorization.k8s.io/v1", "Role")))
}

#[test]
fn roles_grant_only_what_an_agent_holds() {
    for (rules, says) in [
        (
            "{apiGroups: [\"\"], resources: [pods/exec], verbs: [create]}",
            &["it grants create pods/exec", "--trusted-build"][..],
        ),
        (
            "{apiGroups: [\"\"], resources: [serviceaccounts/token], verbs: [create]}",
            &["create serviceaccounts/token", "--trusted-build"],
        ),
        (
            "{apiGroups: [\"\"], resources: [nodes], verbs: [get]}",
            &["it grants get nodes", "of its own namespace"],
        ),
        ("{apiGroups: [\"*\"], resources: [pods], verbs: [get]}", &["it grants get pods.*"]),
        ("{apiGroups: [\"\"], resources: [\"*\"], verbs: [get, list]}", &["it grants get * and list *"]),
        (
            "{apiGroups: [\"\"], resources: [serviceaccounts], verbs: [\"*\"]}",
            &["it grants * serviceaccounts"],
        ),
        (
            "{apiGroups: [\"\"], resources: [serviceaccounts], verbs: [impersonate]}",
            &["it grants impersonate serviceaccounts"],
        ),
        (
            "{apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate]}",
            &["it grants escalate roles.rbac"],
        ),
        (
            "{apiGroups: [example.com], resources: [widgets], verbs: [get]}",
            &["it grants get widgets.example.com"],
        ),
    ] {
        one_fault(&role(rules), &settings(), says);
    }
    for rules in [
        "{apiGroups: [\"\"], resources: [pods, secrets, configmaps], verbs: [\"*\"]}",
        "{apiGroups: [apps], resources: [deployments/scale], verbs: [patch], resourceNames: [store]}",
        "{apiGroups: [\"\"], resources: [serviceaccounts], verbs: [create, delete]}",
        "",
    ] {
        good(&role(rules));
    }
}

#[test]
fn what_was_trusted_is_let_through() {
    let exec = role("{apiGroups: [\"\"], resources: [pods/exec], verbs: [create]}");
    assert!(woven(&exec, &PlanInput { trusted_build: true, ..settings() }).is_ok());
}

#[test]
fn bindings_stay_inside() {
    let account = "{kind: ServiceAccount, name: ci}";
    let binding = |reference: &str, subjects: &str| {
        with(&format!(
            "{}\nroleRef: {reference}\nsubjects: [{subjects}]",
            named("rbac.authorization.k8s.io/v1", "RoleBinding")
        ))
    };
    let own = "{kind: Role, name: r}";
    for (reference, subjects, says) in [
        ("{kind: ClusterRole, name: edit}", account, "it binds ClusterRole edit"),
        ("{name: r}", account, "it has no roleRef.kind"),
        (own, "", "it has no subjects"),
        (own, "{kind: User, name: ada}", "it binds User ada"),
        (
            own,
            "{kind: ServiceAccount, name: ci, namespace: prod}",
            "it binds ServiceAccount ci of namespace prod",
        ),
        (
            own,
            "{kind: ServiceAccount, name: studioci-agent.app}",
            "it binds ServiceAccount studioci-agent.app",
        ),
    ] {
        one_fault(&binding(reference, subjects), &settings(), &[says]);
    }
    let (_, mut object) = good(&binding(own, account)).rest().remove(0);
    place(&mut object, "ci-eager-hopper");
    assert_eq!(object["metadata"]["namespace"], "ci-eager-hopper");
    assert_eq!(object["subjects"][0]["namespace"], "ci-eager-hopper");
}

#[test]
fn an_autoscaler_of_the_listener() {
    let scaler = |target: &str| {
        with(&format!(
            "{}\nspec: {{scaleTargetRef: {{kind: Deployment, name: {target}}}}}",
            named("autoscaling/v2", "HorizontalPodAutoscaler")
        ))
    };
    one_fault(&scaler("build"), &settings(), &["it scales Deployment/build, the build workload"]);
    good(&scaler("store"));
}

#[test]
fn pod_security_values() {
    let space = |labels: &str| {
        with(
            &named("v1", "Namespace")
                .replace("{name", &format!("{{labels: {{pod-security.kubernetes.io/{labels}}}, name")),
        )
    };
    one_fault(
        &space("enforce: strict"),
        &settings(),
        &["enforce: \"strict\"", "privileged, baseline or restricted"],
    );
    one_fault(&space("warn-version: \"1.30\""), &settings(), &["warn-version: \"1.30\"", "latest or v1.N"]);
    assert_eq!(good(&space("warn-version: v1.30")).namespace.pod_security.values[5], "v1.30");
}

#[test]
fn every_fault_is_told_and_not_only_the_first() {
    let text = format!(
        "{}---\n{}\n---\n{}\n",
        least("registry.example.com/app", "Registry/App").replace("poll,", "poll, studioci.dev/deadline: x,"),
        named("rbac.authorization.k8s.io/v1", "ClusterRole"),
        named("v1", "ConfigMap").replace("other", "studioci-x"),
    );
    let faults = woven(&text, &settings()).unwrap_err();
    assert_eq!(faults.len(), 4, "{}", shown(&faults));
}
