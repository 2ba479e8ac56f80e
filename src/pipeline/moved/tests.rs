//! What becomes of pipelines that are in our dialect already: the documents alone.

use super::*;
use crate::pipeline::facts::{Fact, Facts};
use crate::pipeline::plan;
use crate::pipeline::sources::Sources;

/// What becomes of a text that is in our dialect already.
fn of(pipeline: &str, script: Option<&str>) -> Moved {
    let script = script.map(|script| Text { name: "ci.sh".to_owned(), text: script.to_owned() });
    turned(pipeline, &[], script.as_ref())
}

fn told(moved: &Moved) -> Vec<String> {
    let note = |note: &MoveNote| {
        let lines = (note.lines.start(), note.lines.end());
        let place = if lines.0 == lines.1 { lines.0.to_string() } else { format!("{}-{}", lines.0, lines.1) };
        let file = if note.of_script { "sh " } else { "" };
        format!("{file}{place} {}: {}", note.act.as_str(), note.what)
    };
    moved.notes.iter().map(note).collect()
}

/// What `start` would make of it, and what it warns of.
fn woven(text: &str, set: &[(&str, &str)]) -> Result<(Vec<String>, String), String> {
    let sources = Sources {
        template: Text { name: "p.yaml".to_owned(), text: text.to_owned() },
        set: set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Sources::default()
    };
    let git = [("branch".to_owned(), Fact::known("main"))].into();
    let preview = plan::preview(&sources, &Facts { git, ..Facts::default() }, true);
    let preview =
        preview.map_err(|faults| faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    Ok((preview.plan.notices.iter().map(ToString::to_string).collect(), preview.text("main")))
}

const BUILD: &str = "apiVersion: apps/v1
kind: Deployment
metadata:
  name: build
  labels:
    keel.sh/policy: force
    keel.sh/match-tag: \"true\"
    keel.sh/trigger: poll
spec:
  selector:
    matchLabels: {app: build}
  template:
    metadata:
      labels: {app: build}
    spec:
      containers:
      - name: build
        image: r.example/a:main
";

#[test]
fn the_pipelines_own_namespace_goes_and_a_foreign_one_is_refused() {
    let old = format!(
        "---
apiVersion: v1
kind: Namespace
metadata:
  name: {{{{ Namespace | default(value=\"ci\") }}}}
---
# what the build reads
apiVersion: v1
kind: ConfigMap
metadata:
  name: env
  namespace: {{{{ Namespace | default(value=\"ci\") }}}} # ours
data:
  HOST: \"db.{{{{ Namespace | default(value='ci') }}}}.svc\"
  PLACE: {{{{Namespace|default(value=\"ci\")}}}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: other, namespace: '{{{{ Namespace }}}}'}}
---
{BUILD}"
    );
    let moved = of(&old, None);
    assert_eq!(
        told(&moved),
        [
            "2-5 dropped: the Namespace document",
            "12-19 dropped: namespace: in 2 places (lines 12 and 19)",
            "15 turned: the namespace in one place into build.namespace (line 15)",
        ],
        "{}",
        moved.text
    );
    assert!(moved.text.starts_with("---\n# what the build reads\napiVersion: v1\n"), "{}", moved.text);
    assert!(moved.text.contains("metadata: {name: other, namespace: \"\"}"), "{}", moved.text);
    assert!(moved.text.ends_with(BUILD), "every other byte stays");
    assert_eq!(
        woven(&moved.text, &[]).unwrap().0,
        ["build.namespace: NAMESPACE stands in for it: a namespace gets its name when it is claimed"]
    );

    let foreign = format!(
        "{}---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: kube-system\n",
        BUILD.replace("  name: build\n  labels", "  name: build\n  namespace: ci\n  labels")
    );
    let moved = of(&foreign, None);
    assert_eq!(
        told(&moved),
        ["5 dropped: namespace: in one place (line 5)", "25 refused: namespace kube-system"]
    );
    assert!(moved.is_refused());
    let said = woven(&moved.text, &[]).unwrap_err();
    assert!(said.contains("every build has a namespace of its own"), "{said}");
}

#[test]
fn a_namespace_document_that_lends_something_stays_and_needs_no_value() {
    let old = format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{{{ NS }}}}\n  labels: {{team: ci}}\n---\n{BUILD}"
    );
    let moved = of(&old, None);
    assert_eq!(told(&moved), ["1 turned: the name of the Namespace document into `build`"]);
    assert!(moved.text.contains("  name: build\n  labels: {team: ci}\n"), "{}", moved.text);
    assert!(moved.needs.values.is_empty());
    woven(&moved.text, &[]).unwrap();
}

const HOOKS: &str = "        lifecycle:
          postStart:
            exec:
              command:
                - \"/bin/bash\"
                - \"-c\"
                - >
                  set -euo pipefail ;
                  echo \"starting\" $POD ;
                  kubectl label deployment build keel.sh/policy- --namespace={{ Namespace | default(value=\"ci\") }} ;
                  kubectl scale --replicas=1 rc/rabbitmq ;
                  curl -v https://example.com/hello ;
          preStop:
            exec:
              command: [\"/bin/sh\", \"-c\", \"kubectl scale --replicas=0 rc/rabbitmq; for (( ; ; )); do sleep 10; done\"]
        resources:
          limits: {cpu: 2}
";

#[test]
fn hooks_that_do_the_agents_work_are_left_out_and_others_stay() {
    let moved = of(&format!("{BUILD}{HOOKS}"), None);
    assert_eq!(
        told(&moved),
        [
            "20-30 dropped: the postStart hook",
            "30 needed: `curl -v https://example.com/hello` went with the hook",
            "31-33 dropped: the preStop hook",
        ]
    );
    assert_eq!(moved.text, format!("{BUILD}        resources:\n          limits: {{cpu: 2}}\n"));

    // one of them alone, and one of another container
    let own = HOOKS.replace("kubectl label deployment build keel.sh/policy- --namespace={{ Namespace | default(value=\"ci\") }} ;", "true ;")
        .replace("kubectl scale --replicas=1 rc/rabbitmq ;", "true ;");
    let moved = of(&format!("{BUILD}{own}"), None);
    assert_eq!(told(&moved), ["31-33 dropped: the preStop hook"]);
    assert!(moved.text.contains("postStart") && !moved.text.contains("preStop"), "{}", moved.text);
    let support = BUILD.replace("name: build\n", "name: cache\n").replace("keel.sh/policy: force", "a: b");
    let moved = of(&format!("{BUILD}---\n{support}{HOOKS}"), None);
    assert_eq!(told(&moved), Vec::<String>::new(), "support has hooks of its own");
}

const RIGHTS: &str = "---
kind: ClusterRoleBinding
apiVersion: rbac.authorization.k8s.io/v1
metadata:
  name: run
subjects:
  - kind: ServiceAccount
    name: default
    namespace: {{ Namespace | default(value=\"ci\") }}
roleRef:
  kind: ClusterRole
  name: reader
  apiGroup: rbac.authorization.k8s.io
---
kind: ClusterRole
apiVersion: rbac.authorization.k8s.io/v1
metadata:
  name: reader
rules:
- apiGroups:
  - \"\"
  resources:
  - configmaps
  verbs:
  - get
  - list
";

fn in_namespace(text: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {{{{ Namespace | default(value=\"ci\") }}}}\n{text}---\n{BUILD}"
    )
}

#[test]
fn a_cluster_role_over_what_a_namespace_has_becomes_a_role_with_its_binding() {
    let moved = of(&in_namespace(RIGHTS), None);
    assert_eq!(
        told(&moved),
        [
            "1-4 dropped: the Namespace document",
            "6 turned: ClusterRoleBinding run into a RoleBinding",
            "13 dropped: namespace: in one place (line 13)",
            "19 turned: ClusterRole reader into a Role",
        ]
    );
    let expected = RIGHTS
        .replace("ClusterRole", "Role")
        .replace("    namespace: {{ Namespace | default(value=\"ci\") }}\n", "");
    assert_eq!(moved.text, format!("{}---\n{BUILD}", expected.strip_prefix("---\n").unwrap()));
    assert_eq!(woven(&moved.text, &[]).unwrap().0, Vec::<String>::new());
}

#[test]
fn rights_beyond_a_namespace_are_refused_with_what_they_are() {
    for (from, to, why) in [
        ("  - configmaps\n", "  - nodes\n", "it grants get nodes, list nodes"),
        ("  - configmaps\n", "  - namespaces\n", "it grants namespaces, of which a build has its own alone"),
        ("  - configmaps\n", "  - \"*\"\n", "it grants get *, list *"),
        (
            "- apiGroups:\n  - \"\"\n  resources:\n  - configmaps\n",
            "- nonResourceURLs: [/healthz]\n",
            "paths of the API server",
        ),
        ("rules:", "aggregationRule: {}\nrules:", "its rules are those of other ClusterRoles"),
        ("  - kind: ServiceAccount\n", "  - kind: User\n", "it binds User default"),
        (
            "{{ Namespace | default(value=\"ci\") }}",
            "kube-system",
            "it binds ServiceAccount default of namespace kube-system",
        ),
        (
            "  kind: ClusterRole\n  name: reader",
            "  kind: ClusterRole\n  name: cluster-admin",
            "it binds ClusterRole cluster-admin",
        ),
    ] {
        let moved = of(&in_namespace(&RIGHTS.replacen(from, to, 1)), None);
        let refused: Vec<_> = moved.notes.iter().filter(|note| note.act == MoveAct::Refused).collect();
        assert!(refused.iter().any(|note| note.why.contains(why)), "{to}: {refused:?}");
        assert!(woven(&moved.text, &[]).is_err(), "{to}: a mark is refused");
    }
}

#[test]
fn api_versions_that_are_gone_are_written_anew_where_the_fields_allow_it() {
    let old = BUILD
        .replace("apps/v1", "extensions/v1beta1")
        .replace("  selector:\n    matchLabels: {app: build}\n", "");
    let old = old.replace(
        "labels: {app: build}",
        "labels:\n        # by hand\n        app: build\n        {{ k }}: \"x\"",
    );
    let moved = of(&old, None);
    assert_eq!(
        told(&moved),
        ["1 changed: extensions/v1beta1 Deployment is apps/v1", "10 added: spec.selector"]
    );
    assert!(
        moved.text.contains(
            "spec:\n  selector:\n    matchLabels:\n      app: build\n      {{ k }}: \"x\"\n  template:\n"
        ),
        "{}",
        moved.text
    );
    for (old, expected) in [
        ("apiVersion: batch/v1beta1\nkind: CronJob\n", "1 changed: batch/v1beta1 CronJob is batch/v1"),
        (
            "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\n",
            "1 changed: policy/v1beta1 PodDisruptionBudget is policy/v1",
        ),
        ("apiVersion: extensions/v1beta1\nkind: Ingress\n", "1 refused: extensions/v1beta1 Ingress"),
        (
            "apiVersion: apps/v1beta1\nkind: StatefulSet\nspec:\n  template: {}\n",
            "1 refused: apps/v1beta1 StatefulSet",
        ),
        (
            "apiVersion: apps/v1beta2\nkind: Deployment\nspec:\n  selector: {}\n",
            "1 changed: apps/v1beta2 Deployment is apps/v1",
        ),
        ("apiVersion: example.com/v1\nkind: Foo\n", ""),
    ] {
        assert_eq!(told(&of(old, None)).join("; "), expected, "{old}");
    }
}

#[test]
fn what_pods_refer_to_and_nobody_makes_is_named() {
    let old = format!(
        "{BUILD}        envFrom:
        - configMapRef: {{name: env}}
        - secretRef: {{name: made}}
        env:
        - name: A
          valueFrom: {{secretKeyRef: {{name: token, key: a}}}}
      serviceAccountName: runner
      imagePullSecrets: [{{name: registry}}]
      volumes:
      - name: a
        secret:
          secretName: aws
          optional: true
      - name: b
        persistentVolumeClaim: {{claimName: data}}
      - name: c
        projected: {{sources: [{{configMap: {{name: kube-root-ca.crt}}}}, {{secret: {{name: token}}}}]}}
---
apiVersion: v1
kind: Secret
metadata: {{name: made}}
"
    );
    let moved = of(&old, None);
    assert_eq!(
        told(&moved),
        [
            "20 needed: ConfigMap env, which nothing here makes (line 20)",
            "24 needed: Secret token, which nothing here makes (lines 24 and 35)",
            "25 needed: ServiceAccount runner, which nothing here makes (line 25)",
            "26 needed: Secret registry, which nothing here makes (line 26)",
            "30 needed: Secret aws, which nothing here makes (line 30)",
            "33 needed: PersistentVolumeClaim data, which nothing here makes (line 33)",
        ]
    );
    assert_eq!(moved.needs.secrets, ["registry", "token"]);
    assert_eq!(moved.text, old);
}

const SCRIPT: &str = "#!/bin/bash -e
function cleanup {
    kill $PID || true
}
trap cleanup EXIT
trap 'kubectl scale --replicas=0 rc/rabbitmq' EXIT
make test
kubectl scale --namespace $NS --replicas=0 rc/rabbitmq
kubectl scale --namespace $NS \\
    --replicas=0 deployment/minio
if [ $code -eq 0 ]; then
    kubectl --namespace $NS delete job/builder || true
    stencil -input x.yaml | kubectl --namespace $NS create -f -
    until kubectl --namespace $NS get job/builder -o jsonpath='{.status}' | grep True ; do sleep 3 ; done
    kubectl --namespace $NS logs job/builder
fi
if [ -n \"$KEEL\" ]; then
    kubectl label deployment build keel.sh/policy=force --namespace=$NS
fi

for (( ; ; ))
do
    sleep 600
done
exit $code
";

#[test]
fn the_lines_of_a_script_that_the_agent_does_are_listed_and_the_rest_gets_its_rights() {
    let moved = of(BUILD, Some(SCRIPT));
    assert_eq!(
        told(&moved),
        [
            "16 added: automountServiceAccountToken: true",
            "18 added: Role and RoleBinding script for ServiceAccount default",
            "sh 6 delete: `trap kubectl scale --replicas=0 rc/rabbitmq EXIT`",
            "sh 8 delete: `kubectl scale --namespace $NS --replicas=0 rc/rabbitmq`",
            "sh 9-10 delete: `kubectl scale --namespace $NS --replicas=0 deployment/minio`",
            "sh 13 needed: `kubectl --namespace $NS create -f -`",
            "sh 17-19 delete: the block around them",
            "sh 18 delete: `kubectl label deployment build keel.sh/policy=force --namespace=$NS`",
            "sh 21-24 delete: the endless loop",
        ]
    );
    let role = moved.text.strip_prefix(
        &BUILD.replace("      containers:", "      automountServiceAccountToken: true\n      containers:"),
    );
    assert_eq!(
        role.unwrap(),
        "---
# For what ci.sh calls kubectl for.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: script
rules:
- apiGroups: [\"\"]
  resources: [pods/log]
  verbs: [get]
- apiGroups: [\"\"]
  resources: [pods]
  verbs: [get, list]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create, delete, get, list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: script
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: script
subjects:
- kind: ServiceAccount
  name: default
"
    );
    assert_eq!(woven(&moved.text, &[]).unwrap().0, Vec::<String>::new());
}

#[test]
fn a_script_without_kubectl_needs_nothing_and_one_that_goes_elsewhere_is_refused() {
    let moved = of(BUILD, Some("make test\n"));
    assert_eq!((told(&moved).len(), moved.text.as_str()), (0, BUILD));
    let moved = of(
        BUILD,
        Some(
            "kubectl get nodes\nkubectl get po -n kube-system\nkubectl exec p -- ls\nkubectl create namespace x\n",
        ),
    );
    let of_script: Vec<String> = told(&moved).into_iter().filter(|line| line.starts_with("sh")).collect();
    assert_eq!(
        of_script,
        [
            "sh 1 refused: `kubectl get nodes`",
            "sh 2 refused: `kubectl get po -n kube-system`",
            "sh 3 needed: `kubectl exec p -- ls`",
            "sh 4 refused: `kubectl create namespace x`",
        ]
    );
}

#[test]
fn the_needs_of_a_template_are_what_it_reads_without_a_default() {
    let template = "{% set b = git.branch | default(value=\"x\") %}
a: {{ b }} {{ Image | default(value=\"i\") }} {% if Debug is defined and Debug %}x{% endif %} {{ Name }} {{ values.Other }}
{% for it in List %}{{ it.x }}{% endfor %}{% if env.GPU %}y{% endif %} {{ env.OPEN }}
---
apiVersion: v1
kind: Secret
data:
  a: {{ Registry | b64_encode }}
  b: \"{{ env.TOKEN | b64_encode }}\"
";
    let needs = Needs::of(template, Vec::new());
    let values: Vec<_> = needs.values.iter().map(|(name, by_file)| (name.as_str(), *by_file)).collect();
    assert_eq!(
        values,
        [("List", ByFile::No), ("Name", ByFile::No), ("Other", ByFile::No), ("Registry", ByFile::Yes)]
    );
    assert_eq!(needs.may.iter().map(String::as_str).collect::<Vec<_>>(), ["Debug", "Image"]);
    assert_eq!(needs.plain.iter().map(String::as_str).collect::<Vec<_>>(), ["OPEN"]);
    assert_eq!(needs.secret.iter().map(String::as_str).collect::<Vec<_>>(), ["GPU", "TOKEN"]);
}

#[test]
fn a_document_that_cannot_be_read_stays_and_hides_no_other() {
    let old = format!(
        "a: [\n---\n{}",
        BUILD.replace("  name: build\n  labels", "  name: build\n  namespace: ci\n  labels")
    );
    let moved = of(&old, None);
    let told = told(&moved);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("could not be looked at") || told[1].contains("could not be looked at"),
        "{told:?}"
    );
    assert_eq!(moved.text, format!("a: [\n---\n{BUILD}"));
}
