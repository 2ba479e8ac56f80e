//! Where a fault or a notice points to.

use super::*;
use crate::pipeline::facts::Facts;
use crate::pipeline::plan as of_template;
use crate::pipeline::sources::{Sources, Text};

/// The place of `«`, and the text without it.
fn marked(text: &str) -> (String, (usize, usize)) {
    let at = text.find('«').unwrap_or_else(|| panic!("no mark in {text}"));
    let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    (text.replacen('«', "", 1), (text[..at].matches('\n').count() + 1, text[line..at].chars().count() + 1))
}

#[test]
fn a_fault_points_to_the_field_that_is_wrong() {
    let object =
        |api: &str, kind: &str, rest: &str| with(&format!("apiVersion: {api}\nkind: {kind}\n{rest}"));
    let map = |rest: &str| object("v1", "ConfigMap", rest);
    let rbac = "rbac.authorization.k8s.io/v1";
    let role = "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}";
    for text in [
        map("metadata:\n  name: x\n  labels:\n    a: b\n    «c: 1.10"),
        map("metadata: {name: x, labels: {é: b, «c: 1.10}}"),
        map("metadata: {name: x, labels: {a: b, «\"c/d~e\": no}}"),
        least("{labels: {app: build}}", "{labels: {a: b, «app: 7}}"),
        // where a merge key or an alias brings it from
        map("x: &x {«c: 1.10}\nmetadata:\n  name: x\n  labels:\n    <<: *x"),
        map("x: &x 1.10\nmetadata:\n  name: x\n  labels:\n    «c: *x"),
        map("metadata:\n  name: x\n  «namespace: other"),
        map("metadata:\n  «name: studioci-x"),
        // what is missing: the nearest above it that is there
        map("«metadata: {labels: {a: b}}"),
        with("«apiVersion: v1\nkind: ConfigMap"),
        map("metadata:\n  «generateName: x"),
        map("metadata: {name: x}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {«name: x}"),
        map("metadata:\n  name: x\n  annotations:\n    «studioci.dev/baseline: x"),
        with("apiVersion: v1\n«kind: Node\nmetadata: {name: x}"),
        with("«apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: x}"),
        // an item of a List
        object(
            "v1",
            "List",
            "items:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: x}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata:\n    name: z\n    «namespace: other",
        ),
        object(
            rbac,
            "Role",
            "metadata: {name: x}\nrules:\n- {apiGroups: [\"\"], resources: [pods], verbs: [get]}\n- «apiGroups: [\"\"]\n  resources: [nodes]\n  verbs: [get]",
        ),
        object(
            rbac,
            "RoleBinding",
            "metadata: {name: x}\nroleRef:\n  name: r\n  «kind: ClusterRole\nsubjects: [{kind: ServiceAccount, name: a}]",
        ),
        object(
            rbac,
            "RoleBinding",
            &format!(
                "metadata: {{name: x}}\n{role}\nsubjects:\n- {{kind: ServiceAccount, name: a}}\n- «{{kind: User, name: u}}"
            ),
        ),
        object(rbac, "RoleBinding", &format!("metadata: {{name: x}}\n{role}\n«subjects: []")),
        object(
            "v1",
            "Namespace",
            "metadata:\n  name: x\n  labels:\n    a: b\n    «pod-security.kubernetes.io/enforce: strict",
        ),
        object(
            "batch/v1",
            "Job",
            "metadata: {name: x}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      «serviceAccountName: studioci-agent\n      containers: [{name: a, image: b}]",
        ),
        least("keel.sh/trigger: poll", "keel.sh/trigger: poll, «studioci.dev/deadline: soon"),
        least("keel.sh/trigger: poll", "keel.sh/trigger: poll, «studioci.dev/build-container: other"),
        least("name: ci", "«name: studioci-ci"),
        least(
            "image: registry.example.com/app:build-20260101",
            &format!("«image: r.example/app@sha256:{}", "0a".repeat(32)),
        )
        .replace("glob:build-*", "all"),
        least("      containers:\n", "      «containers:\n      - {name: a, image: b}\n"),
        least("\n  template:\n", "\n  «template:\n").replacen(
            "spec:\n      containers:\n",
            "other:\n      containers:\n",
            1,
        ),
        least("keel.sh/policy: \"glob:build-*\"", "«keel.sh/policy: \"regexp:(\""),
    ] {
        let (text, place) = marked(&text);
        let Err(faults) = woven(&text, &settings()) else { panic!("not refused: {text}") };
        let places: Vec<_> =
            faults.iter().filter_map(|it| it.place.as_ref()).map(|it| (it.line, it.column)).collect();
        assert!(places.contains(&place), "{place:?} is not in {places:?}:\n{text}\n{}", shown(&faults));
    }
}

#[test]
fn a_notice_points_to_the_field_that_it_is_about() {
    let spec_of = |api: &str, kind: &str, spec: &str| {
        with(&format!("apiVersion: {api}\nkind: {kind}\nmetadata: {{name: other}}\nspec: {spec}"))
    };
    for (text, about) in [
        (least("spec:\n  selector", "spec:\n  «replicas: 3\n  selector"), "replicas: 3"),
        (spec_of("apps/v1", "StatefulSet", "{«replicas: 0}"), "0 replicas"),
        (spec("", "        env:\n        - {name: A, value: x}\n        - «name: STUDIOCI_TAG\n          value: x\n"), "STUDIOCI_TAG"),
        (spec("", "        «imagePullPolicy: Never\n"), "imagePullPolicy"),
        (spec("", "        lifecycle:\n          «preStop: {exec: {command: [sleep, infinity]}}\n"), "preStop"),
        (least("keel.sh/policy", "«keel.sh/monitorContainers: web, keel.sh/policy"), "monitorContainers"),
        (spec_of("networking.k8s.io/v1", "NetworkPolicy", "{egress: [], «podSelector: {}}"), "egress"),
        (spec("      «serviceAccountName: a\n", ""), "ServiceAccount a"),
        (spec("      «imagePullSecrets: [{name: a}]\n", ""), "pull Secret a"),
        (
            with("apiVersion: v1\nkind: Service\nmetadata: {name: other, namespace: ci}\nspec:\n  type: ExternalName\n  «externalName: db.ci.svc")
                .replacen("name: build\n", "name: build\n  namespace: ci\n", 1),
            "ci.svc",
        ),
        (
            spec_of("apps/v1", "DaemonSet", "{}").replace("{name: other}", "{name: other, annotations: {a: b, «keel.sh/policy: all}}"),
            "parked",
        ),
    ] {
        let (text, (line, _)) = marked(&text);
        let notices = of_template::plan(&sources(&text), &Facts::default(), &settings()).unwrap().1.notices;
        let found = notices.iter().find(|notice| notice.text.contains(about));
        let found = found.unwrap_or_else(|| panic!("{about} is not in {notices:?}"));
        assert_eq!(found.lines, Some(line..=line), "{text}");
    }
}

fn sources(template: &str) -> Sources {
    Sources {
        template: Text { name: "pipeline.yaml".to_owned(), text: template.to_owned() },
        ..Sources::default()
    }
}

#[test]
fn a_fault_shows_the_line_of_its_field_and_the_template_line_behind_it() {
    let template = with(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n  labels:\n{% for n in [1, 2] %}\n    label-{{ n }}: {{ n }}\n{% endfor %}",
    );
    let faults = of_template::plan(&sources(&template), &Facts::default(), &settings()).unwrap_err();
    assert_eq!(
        shown(&faults[1..]),
        "document 2 (ConfigMap x): metadata.labels: label-2 is 2, not a string\n  \
           at the rendered text, line 24, column 5\n    \
             24 |     label-2: 2\n       \
                |     ^\n  \
           from pipeline.yaml, line 22\n    \
             22 |     label-{{ n }}: {{ n }}\n  \
           why: the API server takes strings only\n  \
           hint: write label-2: \"2\""
    );
}

#[test]
fn a_notice_names_the_template_line_of_its_field() {
    let template = least("spec:\n  selector", "spec:\n  replicas: 3\n  selector");
    let (_, plan) = of_template::plan(&sources(&template), &Facts::default(), &settings()).unwrap();
    assert!(
        plan.notices[0].to_string().starts_with("Deployment/build (line 8): replicas: 3 "),
        "{}",
        plan.notices[0]
    );
}

#[test]
fn no_line_of_a_fault_shows_a_secret() {
    use crate::pipeline::facts::EnvValue;
    let template = with(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x, namespace: other}\nstringData: {a: {{ env.TOKEN }}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {name: studioci-x}\nstringData: {b: {{ env.TOKEN }}}",
    );
    let mut facts = Facts::default();
    facts.env.insert("TOKEN".to_owned(), EnvValue { value: "swordfish".to_owned(), secret: true });
    let faults = of_template::plan(&sources(&template), &facts, &settings()).unwrap_err();
    assert_eq!(faults.len(), 2, "{}", shown(&faults));
    let said = format!("{faults:?}{}", shown(&faults));
    assert!(!said.contains("swordfish"), "{said}");
    assert!(said.contains("| metadata: {name: studioci-x}"), "{said}");
    // the whole object in one line: its place is told, and not the line
    let template = with(
        "{apiVersion: v1, kind: Secret, metadata: {name: studioci-x}, stringData: {a: {{ env.TOKEN }}}}",
    );
    let faults = of_template::plan(&sources(&template), &facts, &settings()).unwrap_err();
    let place = faults[0].place.as_ref().unwrap();
    assert_eq!((place.text.as_str(), place.column), ("", 43), "{}", shown(&faults));
    assert!(!format!("{faults:?}").contains("swordfish"));
}

#[test]
fn a_fault_in_what_a_secret_holds_has_a_line_and_column_and_shows_nothing_of_it() {
    let faults = |document: &str| {
        let (text, place) = marked(&with(document));
        let faults = of_template::plan(&sources(&text), &Facts::default(), &settings()).unwrap_err();
        assert_eq!(faults.len(), 1, "{}", shown(&faults));
        let found = faults[0].place.as_ref().unwrap();
        assert_eq!((found.line, found.column), place, "{}", shown(&faults));
        (format!("{faults:?}\n{}", shown(&faults)), faults[0].one_line(), place)
    };
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\n";
    for data in [
        "stringData: {a: b, «pin: 4711}",
        "stringData:\n  a: b\n  «pin: 4711",
        "stringData:\n  swordfish: |\n    4711\n    4711\n  «pin: 4711",
        "«stringData: [4711]",
        "«stringData: 4711",
        "data: {«pin: 4711}",
        "data: {«pin: \"4711:\"}",
        "data:\n  «pin: |\n    4711:\n",
        "stringData: {«pin: [4711]}",
        "stringData: {«a b: \"4711\"}",
        // another field of the same line
        "{«immutable: no-4711, stringData: {pin: \"4711\"}}",
    ] {
        let document = match data.strip_prefix('{') {
            Some(rest) => format!("{{apiVersion: v1, kind: Secret, metadata: {{name: x}}, {rest}")
                .replace("no-4711", "\"no\""),
            None => format!("{secret}{data}"),
        };
        let (all, line, (number, column)) = faults(&document);
        assert!(!all.contains("4711"), "{all}");
        assert!(all.contains(&format!("at the rendered text, line {number}, column {column}\n")), "{all}");
        assert!(all.contains(&format!("from pipeline.yaml, line {number}\n")), "{all}");
        assert!(line.starts_with(&format!("pipeline.yaml, line {number}: ")), "{line}");
    }
    // what stands around it is shown
    for document in [
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x, labels: {«a: 7}}\nstringData: {pin: \"4711\"}",
        "apiVersion: v1\nkind: Secret\nstringData: {pin: \"4711\"}\nmetadata: {name: x, labels: {«a: 7}}",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {}\n«immutable: 1",
    ] {
        let (all, ..) = faults(document);
        assert!(all.contains("7}}") || all.contains("| immutable: 1"), "{all}");
        assert!(!all.contains("4711"), "{all}");
    }
}

#[test]
fn a_secret_that_is_shown_with_masks_is_woven_as_it_is() {
    use crate::pipeline::facts::EnvValue;
    let template = with(
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: {{ env.TOKEN }}}\nstringData:\n  b: |\n    {{ env.TOKEN }}",
    );
    let with_token = |value: &str| {
        let mut facts = Facts::default();
        facts.env.insert("TOKEN".to_owned(), EnvValue { value: value.to_owned(), secret: true });
        of_template::preview(&sources(&template), &facts, false)
    };
    let text = with_token("c3dvcmRmaXNo").unwrap().text("t");
    assert!(text.contains("***") && !text.contains("c3dvcmRmaXNo"), "{text}");
    let faults = with_token("sword fish").unwrap_err();
    assert!(shown(&faults).contains("data: a is a text, not base64"), "{}", shown(&faults));
    assert!(!format!("{faults:?}").contains("sword"), "{faults:?}");
}
