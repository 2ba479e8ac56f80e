//! What every verb prints that needs no cluster, held by snapshots. What verbs print on a cluster is held by the proofs
//! of the chain and by the views' own tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::path::Path;
use std::process::Output;

const PIPELINE: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: build
  annotations:
    keel.sh/policy: "glob:build-*"
    keel.sh/trigger: poll
    keel.sh/pollSchedule: "@every 1m"
spec:
  selector: {matchLabels: {app: build}}
  template:
    metadata: {labels: {app: build}}
    spec:
      imagePullSecrets: [{name: registry}]
      containers:
      - name: build
        image: "{{ Image }}:{{ Tag }}"
        command: [make, test]
        envFrom: [{secretRef: {name: token}}]
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData:
  token: "{{ env.TOKEN }}"
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
data:
  .dockerconfigjson: e30=
---
apiVersion: v1
kind: ReplicationController
metadata: {name: rabbitmq}
spec:
  replicas: 2
  template:
    metadata: {labels: {app: rabbitmq}}
    spec:
      containers: [{name: rabbitmq, image: "rabbitmq:4"}]
"#;

/// Runs a verb on the pipeline, with a token in the environment.
fn verb(line: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verbs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("pipeline.yaml"), PIPELINE).unwrap();
    let mut command = program::program(line);
    command.current_dir(&folder).env("TOKEN", "hunter2");
    told(&command.output().unwrap())
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("exit code {}\n--- stdout\n{out}--- stderr\n{err}", output.status.code().unwrap())
}

/// Names that are made up anew each time.
fn redacted(text: &str) -> String {
    text.lines()
        .map(|line| match line.find("ci-") {
            Some(at) => {
                let end = line[at..].find([' ', '/']).map_or(line.len(), |end| at + end);
                format!("{}NAMESPACE{}", &line[..at], &line[end..])
            }
            None => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

const VALUES: &str = "-f pipeline.yaml --set Image=registry.example/team/ci --set Tag=build-1";

#[test]
fn render_masks_what_is_secret() {
    let masked = verb(&format!("render {VALUES}"));
    assert!(!masked.contains("hunter2"));
    insta::assert_snapshot!("render", masked);
    assert!(verb(&format!("render {VALUES} --show-secrets")).contains("token: \"hunter2\""));
}

#[test]
fn render_woven_shows_listener_build_and_rest_apart() {
    let woven = verb(&format!("render {VALUES} --woven"));
    assert!(!woven.contains("hunter2"));
    insta::assert_snapshot!("render_woven", woven.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

#[test]
fn start_says_what_it_would_create() {
    let dry = verb(&format!("start {VALUES} --chain app --dry-run=client"));
    insta::assert_snapshot!("start_dry_run", redacted(&dry));
}

#[test]
fn claim_says_what_it_would_create() {
    insta::assert_snapshot!("claim_dry_run", redacted(&verb("claim --dry-run=client")));
}

#[test]
fn setup_prints_what_it_would_install() {
    let printed = verb("setup --print --agent-image registry.example/agent:1");
    let objects: Vec<&str> = printed
        .lines()
        .filter(|line| {
            line.starts_with("kind: ") || line.starts_with("metadata: ") || line.starts_with("  name: ")
        })
        .collect();
    insta::assert_snapshot!("setup_print", objects.join("\n"));
    assert!(printed.contains("registry.example/agent:1"));
}

#[test]
fn version_in_every_form() {
    let forms = ["version", "version -o json", "version -o yaml", "--version"].map(verb).join("\n");
    insta::assert_snapshot!("version", forms.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}
