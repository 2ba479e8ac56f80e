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
fn setup_prints_what_a_team_is_to_be_given() {
    let all = verb("setup --print --group devs");
    let one = verb("setup --print --group oidc:team/x --chain d --pod-security restricted");
    insta::assert_snapshot!("setup_print_group", format!("{all}{one}"));
    let json = verb("setup --print --group devs --chain d -o json");
    assert!(json.contains("Warning: without --pod-security "), "{json}");
    assert!(!verb("setup --print --group devs --chain d --pod-security privileged").contains("Warning"));
}

/// Whatever the API server would not know is lost on the way there and back.
#[test]
fn what_a_team_is_to_be_given_is_what_the_api_server_reads() {
    use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, Role, RoleBinding};
    use serde_json::Value;
    fn there_and_back<T: serde::Serialize + serde::de::DeserializeOwned>(object: &Value) -> Value {
        serde_json::to_value(serde_json::from_value::<T>(object.clone()).unwrap()).unwrap()
    }
    for group in ["devs", "oidc:team/x", "1", "true", "- a: b", "#x"] {
        let run = |form: &str| {
            let mut command = program::program("setup --print --chain d -o");
            let output = command.args([form, &format!("--group={group}")]).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        let json: Vec<Value> =
            serde_json::Deserializer::from_str(&run("json")).into_iter().map(Result::unwrap).collect();
        let yaml: Vec<Value> = studioci::pipeline::documents::read("yaml", &run("yaml"))
            .unwrap()
            .into_iter()
            .map(|document| document.value)
            .collect();
        assert_eq!(yaml, json);
        assert_eq!(json.len(), 3);
        for object in &json {
            let read = match object["kind"].as_str().unwrap() {
                "Role" => there_and_back::<Role>(object),
                "RoleBinding" => there_and_back::<RoleBinding>(object),
                "ClusterRoleBinding" => there_and_back::<ClusterRoleBinding>(object),
                other => panic!("{other}"),
            };
            assert_eq!(read, *object);
        }
        assert_eq!(json[2]["subjects"][0]["name"], group);
    }
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

/// A folder of its own for one test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("init").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs a verb in a folder.
fn there(folder: &Path, line: &str) -> String {
    let mut command = program::program(line);
    // no repository around it
    command.current_dir(folder).env("PATH", "/usr/local/bin:/usr/bin:/bin");
    told(&command.output().unwrap())
}

fn repository(name: &str) -> PathBuf {
    let folder = folder(name);
    for line in ["init -q -b feature/x .", "remote add origin git@github.com:Team/Harbour.git"] {
        let git =
            std::process::Command::new("git").args(line.split(' ')).current_dir(&folder).status().unwrap();
        assert!(git.success(), "{line}");
    }
    folder
}

#[test]
fn init_in_a_repository_writes_a_pipeline_that_start_takes_without_a_flag() {
    let folder = repository("fresh");
    let said = there(&folder, "init");
    assert_eq!(
        said,
        "exit code 0\n--- stdout\n.studioci/pipeline.yaml created\n--- stderr\nWarning: the image \
         ghcr.io/team/harbour:feature-x is a guess by the remote and the branch of this repository; if your builder pushes \
         another one, write that into the file, or name it with --image\nStart the chain with: kubectl studioci start\n"
    );
    let started = there(&folder, "start --dry-run=client");
    assert!(
        started.starts_with("exit code 0\n") && started.contains("deployment.apps/build created"),
        "{started}"
    );
    assert!(!started.contains("Warning"), "{started}");

    // what is there stays, but for what is asked for
    assert!(there(&folder, "init").contains("\n.studioci/pipeline.yaml unchanged\n"));
    let file = folder.join(".studioci/pipeline.yaml");
    fs::write(&file, "mine\n").unwrap();
    let said = there(&folder, "init --starter full");
    assert!(said.contains("error: .studioci/pipeline.yaml is there already\n  remedy: "), "{said}");
    assert!(there(&folder, "init --dry-run=client").contains("--- stdout\n{#\n"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine\n");
    let said = there(&folder, "init --starter full --image quay.io/team/ci:1.2.3 --force -o yaml");
    assert!(
        said.contains("--- stdout\n{#\n") && said.contains(".studioci/pipeline.yaml replaced\n"),
        "{said}"
    );
    assert!(!said.contains("guess"), "{said}");
    let started = there(&folder, "start --dry-run=client");
    assert!(started.starts_with("exit code 0\n") && !started.contains("Warning"), "{started}");
}

#[test]
fn init_that_is_told_too_little_says_what_it_needs() {
    let repository = repository("told");
    let elsewhere = Path::new("/").join("tmp").join(format!("studioci-init-{}", std::process::id()));
    fs::create_dir_all(&elsewhere).unwrap();
    let said = there(&elsewhere, "init");
    assert!(said.starts_with("exit code 2\n"), "{said}");
    assert!(said.contains("error: the CI image is not known: not a git repository"), "{said}");
    assert!(said.contains("remedy: name it, with the tag that your builder pushes: --image "), "{said}");
    let said = there(&elsewhere, "init --image quay.io/team/ci:main -f a/p.yaml");
    assert!(
        said.contains("Start the chain with: kubectl studioci start -f a/p.yaml --chain ci-main\n"),
        "{said}"
    );
    let started = there(&elsewhere, "start -f a/p.yaml --chain ci-main --dry-run=client");
    assert!(started.starts_with("exit code 0\n"), "{started}");
    fs::remove_dir_all(&elsewhere).unwrap();

    for (image, why) in [
        ("quay.io/team/CI", "a repository is in lower case"),
        (
            "quay.io/ci@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "a digest never changes",
        ),
        ("https://quay.io/ci", "without http://"),
    ] {
        let said = there(&repository, &format!("init --image {image}"));
        assert!(said.starts_with("exit code 2\n") && said.contains(why), "{image}: {said}");
    }
    let said = there(&repository, "init --from nothing.yaml");
    assert!(
        said.contains(
            "error: there is no file nothing.yaml\n  remedy: name the old pipeline with --from FILE"
        ),
        "{said}"
    );
    let said = there(&repository, "init --from - --script -");
    assert!(said.contains("stdin can be read once"), "{said}");
    assert!(!repository.join(".studioci").exists());
}

#[test]
fn init_follows_no_link_out_of_the_folder() {
    let folder = repository("links");
    let outside = self::folder("outside");
    std::os::unix::fs::symlink(&outside, folder.join(".studioci")).unwrap();
    for line in ["init", "init --force"] {
        let said = there(&folder, line);
        assert!(said.contains("error: .studioci is a link to ") && said.starts_with("exit code 2"), "{said}");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/old");

#[test]
fn init_from_an_old_pipeline_reports_each_change_and_the_lines_of_its_script_that_go() {
    let folder = repository("old");
    for name in ["ci_keel.yaml", "ci.sh"] {
        fs::copy(Path::new(OLD).join(name), folder.join(name)).unwrap();
    }
    let said = there(&folder, "init --from ci_keel.yaml --script ci.sh");
    let notes: Vec<&str> = said.lines().filter(|line| !line.contains(": changed: ")).collect();
    insta::assert_snapshot!("init_from", notes.join("\n"));
    let said =
        there(&folder, "start --set Image=r.example/ci:main --set-file Registry=ci.sh --dry-run=client");
    assert!(said.contains("env.GITHUB_TOKEN"), "it has no environment here: {said}");
    let mut command = program::program(
        "start --set Image=r.example/ci:main --set-file Registry=ci.sh --env NVIDIA_VISIBLE_DEVICES --dry-run=client",
    );
    command.current_dir(&folder).env("PATH", "/usr/bin:/bin").env("GITHUB_TOKEN", "hunter2");
    command.env("NVIDIA_VISIBLE_DEVICES", "all");
    let said = told(&command.output().unwrap());
    assert!(said.starts_with("exit code 0\n") && !said.contains("Warning"), "{said}");
    assert!(said.contains("deployment.apps/build created (dry run)") && !said.contains("hunter2"), "{said}");
}
