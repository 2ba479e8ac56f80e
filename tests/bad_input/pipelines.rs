//! Documents that render and are no pipeline that we take.

use super::*;

#[test]
fn no_build_workload_or_several() {
    insta::assert_snapshot!(refused("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; there is no Deployment at all
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("    keel.sh/policy: \"glob:build-*\"\n", "")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (no policy)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "never")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (policy never, or an empty one)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    let other = GOOD.replace("name: build\n", "name: test\n").replace("app: build", "app: test");
    insta::assert_snapshot!(refused(&and(&other)), @r#"
        error: 2 Deployments have a Keel policy: Deployment/build and Deployment/test
          why: only one of them can be the build workload
          hint: annotate it with studioci.dev/build: "true"
        "#);
}

#[test]
fn policies_that_keel_would_silently_ignore() {
    insta::assert_snapshot!(refused(&but("glob:build-*", "Force")), @r#"
        error: document 1 (Deployment build): Keel does not know the policy `Force`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "Force"
              |     ^
          why: Keel silently does not follow this workload: it compares the value exactly, case and spaces included
          hint: write `keel.sh/policy: force`
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "newest")), @r#"
        error: document 1 (Deployment build): Keel does not know the policy `newest`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "newest"
              |     ^
          why: Keel silently does not follow this workload: it compares the value exactly, case and spaces included
          hint: write one of all, major, minor, patch, force, glob:PATTERN, regexp:PATTERN
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "glob:a:b")), @r#"
        error: document 1 (Deployment build): the glob policy `glob:a:b` has more than one colon
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:a:b"
              |     ^
          why: Keel takes exactly one and silently does not follow this workload
          hint: take the other colons out; no tag has one
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "regexp:build-[")), @r#"
        error: document 1 (Deployment build): the pattern of `regexp:build-[` does not compile: unclosed character class
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "regexp:build-["
              |     ^
          why: Keel silently does not follow this workload
          hint: fix the pattern (the syntax is RE2's), or use a glob policy
        "#);
    insta::assert_snapshot!(refused(&but("keel.sh/policy", "keel.sh/Policy")), @r#"
        error: no build workload: no Deployment of the pipeline has a Keel policy
          why: a build runs the pod of the Deployment that Keel updates; found Deployment/build (no policy: Keel spells it keel.sh/policy, not keel.sh/Policy)
          hint: give one Deployment the annotation keel.sh/policy, such as "glob:build-*"
        "#);
    insta::assert_snapshot!(refused(&but("glob:build-*", "minor")), @r#"
        error: document 1 (Deployment build): the policy `minor` cannot move from the tag `build-0001`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "minor"
              |     ^
          why: Keel never updates this workload: the tag `build-0001` is no version, and the policy `minor` compares versions
          hint: start from a tag that the policy can move from, or change the policy
        "#);
    let label = GOOD.replace("  annotations:\n", "  labels:\n");
    insta::assert_snapshot!(refused(&label), @r#"
        error: document 1 (Deployment build): a glob or regexp policy stands in a label
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-*"
              |     ^
          why: a label's value may not hold `:` or `*`; the API server refuses the workload
          hint: make `keel.sh/policy` an annotation
        "#);
    let template = but("labels: {app: build}", "annotations: {keel.sh/policy: \"glob:build-*\"}");
    insta::assert_snapshot!(refused(&template), @r#"
        error: document 1 (Deployment build): `keel.sh/policy` stands on the pod template
          at pipeline.yaml, line 11, column 30
            11 |     metadata: {annotations: {keel.sh/policy: "glob:build-*"}}
               |                              ^
          why: Keel reads only the workload's own metadata and ignores this key
          hint: move `keel.sh/policy` to metadata.annotations of the workload
        "#);
    insta::assert_snapshot!(refused(&but("build-*", "build-0001")), @r#"
        error: document 1 (Deployment build): the pattern `build-0001` has no `*`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-0001"
              |     ^
          why: it matches one tag at most, so that Keel updates once and never again
          hint: put a `*` where the tags differ; for new content under one tag use force with match-tag
        "#);
}

#[test]
fn keys_with_which_keel_does_something_else_than_meant() {
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", "force")), @r#"
        error: document 1 (Deployment build): the policy is `force` without match-tag
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: force
              |     ^
          why: Keel then jumps to any tag of the repository, branches and old ones included; up to 0.22.1 it takes the first that the registry lists, often none ever
          hint: add `keel.sh/matchTag: "true"` to the same map, or annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234
        "#);
    let match_tag = "force\n    keel.sh/matchTag: \"True\"";
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", match_tag)), @r#"
        error: document 1 (Deployment build): `keel.sh/matchTag` is `True`
          at pipeline.yaml, line 7, column 5
            7 |     keel.sh/matchTag: "True"
              |     ^
          why: Keel knows the exact word `true`; anything else is false
          hint: write `keel.sh/matchTag: "true"` or `"false"`
        "#);
    let other_map = but("\"glob:build-*\"", "force")
        .replace("  annotations:", "  labels: {keel.sh/matchTag: \"true\"}\n  annotations:");
    insta::assert_snapshot!(refused(&other_map), @r#"
        error: document 1 (Deployment build): `keel.sh/matchTag` stands in the labels, the policy in the annotations
          at pipeline.yaml, line 5, column 12
            5 |   labels: {keel.sh/matchTag: "true"}
              |            ^
          why: Keel reads it only from the map that holds the policy, and ignores it here
          hint: move `keel.sh/matchTag` to the annotations
        "#);
    let bare = "force\n    keel.sh/matchTag: true";
    insta::assert_snapshot!(refused(&but("\"glob:build-*\"", bare)), @r#"
        error: document 1 (Deployment build): metadata.annotations: keel.sh/matchTag is true, not a string
          at pipeline.yaml, line 7, column 5
            7 |     keel.sh/matchTag: true
              |     ^
          why: the API server takes strings only
          hint: write keel.sh/matchTag: "true"
        "#);
    let poll = |schedule: &str| {
        but("trigger: poll", &format!("trigger: poll\n    keel.sh/pollSchedule: {schedule}"))
    };
    insta::assert_snapshot!(refused(&poll("\"\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/pollSchedule` is empty
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/pollSchedule: ""
              |     ^
          why: an empty schedule crashes Keel, for the whole cluster, again after every restart
          hint: write a schedule such as `@every 1m`, or remove the key
        "#);
    insta::assert_snapshot!(refused(&poll("\"@every 1d\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/pollSchedule: @every 1d` is not a schedule: Failed to parse duration @every 1d: time: unknown unit "d" in duration "1d"
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/pollSchedule: "@every 1d"
              |     ^
          why: Keel falls back to its own default, usually a minute
          hint: write `@every` with h, m and s, such as `@every 1m`, or six fields that begin with the seconds; case and spaces count
        "#);
    insta::assert_snapshot!(refused(&but("trigger: poll", "trigger: poll\n    keel.sh/approvals: \"1\"")), @r#"
        error: document 1 (Deployment build): `keel.sh/approvals` is `1`
          at pipeline.yaml, line 8, column 5
            8 |     keel.sh/approvals: "1"
              |     ^
          why: Keel waits for votes before every update; a vote counts for one namespace and tag, and each build has a namespace of its own
          hint: remove `keel.sh/approvals`
        "#);
}

#[test]
fn what_works_but_hardly_as_meant_is_a_warning() {
    let warned = |pipeline: &str| {
        let folder = Folder::new("warned", pipeline);
        let start = ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client"];
        let (out, said, code) = run(&folder, &start, &[]);
        assert_eq!(code, 0, "{said}");
        assert!(out.contains("deployment.apps/build created (dry run)"), "{out}");
        said
    };
    insta::assert_snapshot!(warned(&but("build-0001", "build-9")), @"Warning: Deployment/build (line 6): the numbers in tags such as `build-9` are not padded: Keel compares tags of a glob policy as text, where 10 comes before 9, and stops at 9; pad them with zeros (build-0009, build-0010), or put a time such as 20260131235959 first");
    insta::assert_snapshot!(warned(&but("    keel.sh/trigger: poll\n", "")), @"Warning: Deployment/build (line 6): `keel.sh/trigger` is missing: Keel then never asks the registry itself; only a webhook moves this workload; annotate `keel.sh/trigger: poll`");
    insta::assert_snapshot!(warned(&but("\"glob:build-*\"", "\"regexp:^build-\"")), @"Warning: Deployment/build (line 6): the policy is a regular expression: Keel accepts every tag that matches, older ones too, and restarts a workload that is up to date when another one of the same image moves; rather annotate `keel.sh/policy: glob:build-*` and push tags such as build-20260131235959-abc1234");
    insta::assert_snapshot!(warned(&but("trigger: poll", "trigger: poll\n    keel.sh/pollSchedule: \"*/5 * * * *\"")), @"Warning: Deployment/build (line 8): `keel.sh/pollSchedule: */5 * * * *` has five fields: the first field is the seconds, not the minutes, so that `*/5 * * * *` is every five seconds; write all six fields, the seconds first, or `@every 5m`");
}

#[test]
fn keys_of_ours_that_no_pipeline_writes() {
    insta::assert_snapshot!(refused(&but("trigger: poll", "trigger: poll\n    studioci.dev/dedline: 2h")), @"
        error: document 1 (Deployment build): metadata.annotations: studioci.dev/dedline is not for a pipeline to write
          at pipeline.yaml, line 8, column 5
            8 |     studioci.dev/dedline: 2h
              |     ^
          why: by such keys it is told what is whose in a build's namespace; a pipeline writes the settings only, as annotations of the build workload, and those of the chain as annotations of its Namespace
          hint: did you mean `studioci.dev/deadline`?
        ");
    insta::assert_snapshot!(refused(&but("labels: {app", "labels: {studioci.dev/role: listener, app")), @"
        error: document 1 (Deployment build): spec.template.metadata.labels: studioci.dev/role is not for a pipeline to write
          at pipeline.yaml, line 11, column 25
            11 |     metadata: {labels: {studioci.dev/role: listener, app: build}}
               |                         ^
          why: by such keys it is told what is whose in a build's namespace; a pipeline writes the settings only, as annotations of the build workload, and those of the chain as annotations of its Namespace
          hint: take it out, or give it a prefix of your own
        ");
}

#[test]
fn documents_that_no_build_may_bring() {
    let document = |api: &str, kind: &str, metadata: &str| {
        refused(&and(&format!("apiVersion: {api}\nkind: {kind}\nmetadata: {metadata}\n")))
    };
    insta::assert_snapshot!(document("v1", "PersistentVolume", "{name: disk}"), @"
        error: document 2 (PersistentVolume disk): PersistentVolume is cluster-scoped
          at pipeline.yaml, line 18, column 1
            18 | kind: PersistentVolume
               | ^
          why: it belongs to no namespace: builds would overwrite each other's, and it would outlive them
          hint: take it out of the pipeline and let an admin create it once
        ");
    insta::assert_snapshot!(document("rbac.authorization.k8s.io/v1", "ClusterRole", "{name: all}"), @"
        error: document 2 (ClusterRole all): ClusterRole is cluster-scoped
          at pipeline.yaml, line 18, column 1
            18 | kind: ClusterRole
               | ^
          why: it belongs to no namespace: builds would overwrite each other's, and an agent may not create it
          hint: write a Role with the same rules: in the build's own namespace that is all a build needs
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{name: a, namespace: kube-system}"), @"
        error: document 2 (ConfigMap a): it is in namespace kube-system
          at pipeline.yaml, line 19, column 21
            19 | metadata: {name: a, namespace: kube-system}
               |                     ^
          why: every build has a namespace of its own, and nothing of a pipeline goes elsewhere
          hint: leave metadata.namespace out
        ");
    insta::assert_snapshot!(document("cert-manager.io/v1", "Certificate", "{name: tls}"), @"
        error: document 2 (Certificate tls): cert-manager.io/v1 Certificate is not a kind that a pipeline may hold
          at pipeline.yaml, line 18, column 1
            18 | kind: Certificate
               | ^
          why: studioci-workspace does not cover it, so that an agent could not create it
          hint: take it out of the pipeline; what builds can share, an admin creates once elsewhere
        ");
    insta::assert_snapshot!(document("extensions/v1beta1", "Ingress", "{name: web}"), @"
        error: document 2 (Ingress web): extensions/v1beta1 Ingress is not served
          at pipeline.yaml, line 17, column 1
            17 | apiVersion: extensions/v1beta1
               | ^
          why: since Kubernetes 1.30, and most of them long before, servers know Ingress as networking.k8s.io/v1
          hint: write apiVersion: networking.k8s.io/v1, and check its fields
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{}"), @"
        error: document 2 (ConfigMap): it has no name
          at pipeline.yaml, line 19, column 1
            19 | metadata: {}
               | ^
          why: nothing can be applied without one
          hint: give it a metadata.name
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", &format!("{{name: {}}}", "a".repeat(64))), @"
        error: document 2 (ConfigMap aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa): its name has 64 characters
          at pipeline.yaml, line 19, column 12
            19 | metadata: {name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}
               |            ^
          why: names longer than 63 do not fit into labels and host names
          hint: shorten it
        ");
    insta::assert_snapshot!(document("v1", "ConfigMap", "{name: studioci-mine}"), @"
        error: document 2 (ConfigMap studioci-mine): its name begins with studioci-
          at pipeline.yaml, line 19, column 12
            19 | metadata: {name: studioci-mine}
               |            ^
          why: studioci keeps its own objects under such names in the same namespace
          hint: rename it
        ");
}

#[test]
fn whatever_reaches_for_the_agent() {
    let account = "    spec:\n      serviceAccountName: studioci-agent.app\n";
    insta::assert_snapshot!(refused(&but("    spec:\n", account)), @"
        error: document 1 (Deployment build): its pods would run as ServiceAccount studioci-agent.app
          at pipeline.yaml, line 13, column 7
            13 |       serviceAccountName: studioci-agent.app
               |       ^
          why: that is the agent's own: whoever runs as it can write into the chain's other namespaces
          hint: name a ServiceAccount of the pipeline, or none
        ");
    let token = "apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata:\n  name: token\n  \
                 annotations: {kubernetes.io/service-account.name: studioci-agent.app}\n";
    insta::assert_snapshot!(refused(&and(token)), @"
        error: document 2 (Secret token): it asks for a token of ServiceAccount studioci-agent.app
          at pipeline.yaml, line 22, column 17
            22 |   annotations: {kubernetes.io/service-account.name: studioci-agent.app}
               |                 ^
          why: that is the agent's own: whoever holds its token can write into the chain's other namespaces
          hint: ask for a token of a ServiceAccount of the pipeline
        ");
}

#[test]
fn names_that_are_none() {
    insta::assert_snapshot!(refused(&but("name: build\n", &format!("name: {}\n", "b".repeat(64)))), @"
        error: document 1 (Deployment bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb): its name has 64 characters
          at pipeline.yaml, line 4, column 3
            4 |   name: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb
              |   ^
          why: names longer than 63 do not fit into labels and host names
          hint: shorten it
        ");
    insta::assert_snapshot!(start(&["--chain", &"c".repeat(64)]), @r#"
        error: chain name "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc" has 64 characters; at most 50 fit
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "Main"]), @r#"
        error: chain name "Main" has 'M'; only a-z, 0-9 and '-' are allowed
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "claim"]), @r#"
        error: a chain cannot be called "claim": that is the chain label of bare claims
          remedy: choose another name with --chain
        "#);
    insta::assert_snapshot!(start(&["--chain", "c", "--prefix", "a_b"]), @r#"
        error: prefix "a_b" has '_'; only a-z, 0-9 and '-' are allowed
          remedy: namespaces are called PREFIX-ADJECTIVE-SURNAME; give --prefix a short DNS label
        "#);
    insta::assert_snapshot!(start(&[]), @"
        error: the chain has no name, since that is derived from the git repository and branch: not a git repository (or any of the parent directories): .git
          remedy: name it with --chain NAME, or run this in a checkout that is on a branch
        ");
    insta::assert_snapshot!(start(&["--chain", "c", "--tag", "v1"]), @r#"
        error: document 1 (Deployment build): the policy `glob:build-*` cannot move from the tag `v1`
          at pipeline.yaml, line 6, column 5
            6 |     keel.sh/policy: "glob:build-*"
              |     ^
          why: Keel never updates this workload: no tag that matches `build-*` sorts above `v1`, and a glob policy moves upwards only
          hint: start from a tag that the policy can move from, or change the policy
        "#);
}

#[test]
fn more_than_an_object_may_hold() {
    let large = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {}}}\n",
        "x".repeat(1 << 20)
    );
    insta::assert_snapshot!(refused(&and(&large)), @"
        error: document 2 (ConfigMap a): it has 1048654 bytes
          at pipeline.yaml, line 17, column 1
            17 | apiVersion: v1
               | ^
          why: the API server stores no object of more than 1048576
          hint: split it, or put the data into the CI image
        ");
    let folder = Folder::new("record", GOOD);
    folder.write("large", "x".repeat(1_000_000));
    let flags =
        ["start", "-f", "pipeline.yaml", "--chain", "c", "--dry-run=client", "--set-file", "Large=large"];
    let (out, said, code) = run(&folder, &flags, &[]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    insta::assert_snapshot!(said, @"
        error: template, values and files of chain c are 1002295 bytes; its record in home holds 921600
          remedy: put large files into the image, or into a ConfigMap or Secret of their own
        ");
}

#[test]
fn secrets_where_everybody_reads_them() {
    let text = but("keel.sh/trigger: poll", "keel.sh/trigger: poll\n    note: \"{{ env.TOKEN }}\"");
    let folder = Folder::new("secret", &text);
    let (out, said, code) =
        run(&folder, &["render", "-f", "pipeline.yaml", "--woven"], &[("TOKEN", "hunter2")]);
    assert_eq!((out.as_str(), code), ("", 2), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
    insta::assert_snapshot!(said, @r#"
        error: `env.TOKEN` is secret, and may stand only under `data` or `stringData` of a Secret
          at pipeline.yaml, line 8
            8 |     note: "{{ env.TOKEN }}"
          why: every variable of the environment is secret unless given as plain
          hint: give `--env TOKEN` for what may be seen; put the rest into a Secret and refer to that
        "#);
}
