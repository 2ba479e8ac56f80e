//! What every verb prints that needs no cluster, held by snapshots. What verbs print on a cluster is held by the proofs
//! of the chain and by the views' own tests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/program.rs"]
mod program;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

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
    // written once: another test that wrote it at this moment would be read half done
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("verbs");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("pipeline.yaml"), PIPELINE).unwrap();
        folder
    });
    let mut command = program::program(line);
    command.current_dir(&*FOLDER).env("TOKEN", "hunter2");
    told(&command.output().unwrap())
}

fn told(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    format!("exit code {}\n--- stdout\n{out}--- stderr\n{err}", output.status.code().unwrap())
}

/// The text without the name of a namespace, which is made up anew each time.
fn redacted(text: &str) -> String {
    let name = text.lines().find_map(|line| line.strip_prefix("namespace/")?.split_once(' '));
    name.map_or_else(|| text.to_owned(), |(name, _)| text.replace(name, "NAMESPACE"))
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

/// The example for people, outside of any checkout.
fn full(line: &str) -> String {
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/full.yaml");
    let mut command = program::program(&format!("{line} -f {}", template.display()));
    command.args(["--set", "Image=registry.example/team/ci"]);
    let said =
        told(&command.current_dir(std::env::temp_dir()).env("GITHUB_TOKEN", "hunter2").output().unwrap());
    assert!(said.starts_with("exit code 0\n"), "{said}");
    assert!(!said.contains("hunter2") && !said.contains("aHVudGVyMg"), "{said}");
    said
}

#[test]
fn the_full_template_renders_as_it_says() {
    let rendered = full("render");
    let mut kinds: Vec<&str> = rendered.lines().filter_map(|line| line.strip_prefix("kind: ")).collect();
    assert_eq!(kinds.len(), 17);
    kinds.dedup();
    insta::assert_snapshot!(kinds.join(" "), @"Namespace Role RoleBinding Secret ConfigMap Service ReplicationController PersistentVolumeClaim Deployment Service PersistentVolumeClaim Deployment");
    for line in [
        "  token: '***'",
        "  BRANCH: \"none\"",
        "  MINIO_ENDPOINT: \"http://${MINIO_SERVICE_HOST}:${MINIO_SERVICE_PORT}\"",
        "        image: \"registry.example/team/ci:main\"",
        "            memory: \"6Gi\"",
    ] {
        assert!(rendered.lines().any(|it| it == line), "{line}\n{rendered}");
    }
    assert!(rendered.ends_with("\n--- stderr\n"), "nothing is wrong with it: {rendered}");
    assert!(!rendered.contains("nvidia.com/gpu") && !rendered.contains("{{") && !rendered.contains("{%"));
    assert!(full("render --set Gpus=2").contains("\n            nvidia.com/gpu: \"2\"\n"));
    let short = full("render --set Gpus=0 --set Tag=1.10 --set MinioSize=1Gi");
    assert!(short.contains("team/ci:1.10\"") && short.contains("storage: 1Gi") && !short.contains("nvidia"));
}

#[test]
fn the_full_template_can_be_started() {
    assert!(full("start --chain app --dry-run=client").contains("deployment.apps/build created (dry run)"));
    let woven = full("render --woven");
    assert!(woven.contains("# The rest: applied before a build"), "{woven}");
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
    let image = format!("registry.example/agent@sha256:{}", "a".repeat(64));
    let printed = verb(&format!("setup --print --agent-image {image} --added-label mesh.example/rev"));
    let objects: Vec<&str> = printed
        .lines()
        .filter(|line| {
            line.starts_with("kind: ") || line.starts_with("metadata: ") || line.starts_with("  name: ")
        })
        .collect();
    insta::assert_snapshot!("setup_print", objects.join("\n"));
    assert_eq!(printed.matches(&image).count(), 3, "in home, and in both roles that allow it");
    assert_eq!(printed.matches("mesh.example/rev").count(), 3);
}

#[test]
fn version_in_every_form() {
    let forms = ["version", "version -o json", "version -o yaml", "--version"].map(verb).join("\n");
    insta::assert_snapshot!("version", forms.replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// git looks at every file of a large repository, and a template seldom reads what it finds.
#[test]
fn no_program_is_started_for_a_fact_that_nobody_reads() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("lazy");
    fs::create_dir_all(&folder).unwrap();
    let started = folder.join("started");
    for name in ["git", "id"] {
        let script = format!("#!/bin/sh\necho {name} >> {}\necho said\n", started.display());
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let programs_of = |template: &str| {
        fs::write(&started, "").unwrap();
        let document =
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {template}}}\n");
        fs::write(folder.join("pipeline.yaml"), document).unwrap();
        let mut command = program::program("render -f pipeline.yaml");
        let output = command.current_dir(&folder).env("PATH", &folder).output().unwrap();
        assert!(output.status.success(), "{template}: {output:?}");
        let started = fs::read_to_string(&started).unwrap();
        (
            started.lines().filter(|line| *line == "git").count(),
            started.lines().filter(|line| *line == "id").count(),
        )
    };
    assert_eq!(programs_of("none"), (0, 0));
    assert_eq!(programs_of("'{{ user.id }}'"), (0, 0));
    assert_eq!(programs_of("'{{ user.name }}'"), (0, 1));
    assert_eq!(programs_of("'{{ git.dir }}'"), (1, 0));
    assert_eq!(programs_of("'{{ git.hash }}'"), (2, 0));
}
