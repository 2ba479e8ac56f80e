//! Every example of the help, of the README and of docs/: what needs no cluster is run, in a folder with the files that it
//! names; the rest is read to its end. `chain_18` runs that of the help on a cluster, the proofs named below that of the pages.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "support/examples.rs"]
mod examples;
#[path = "support/program.rs"]
mod program;
#[path = "support/smallest.rs"]
mod smallest;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize as _;
use studioci::cli::settings::ProcessSettings;
use studioci::cli::{Parsed, parse};

/// What stands for kubectl: hands on to the program what needs no cluster, and writes down the rest. Of a `start` the
/// pipeline is looked at as far as that goes without one.
const KUBECTL: &str = r#"#!/bin/sh
if [ "$1" != studioci ]; then
    case "$*" in *"-f -"*) exec grep -q "^kind: " ;; *) exit 0 ;; esac
fi
shift
printf '%s\n' "$@" > "$TOLD/$$.args"
case " $* " in
    " init "* | " render "* | " version "* | " completion "* | *" --print "* | " start "*"--dry-run=client "*)
        touch "$TOLD/$$.ran"
        exec "$PROGRAM" "$@" ;;
    " claim "*) echo namespace/test-calm-noether ;;
    " start "*) exec "$PROGRAM" "$@" --dry-run=client ;;
esac
"#;

/// Programs of others, and those of this repository that other tests run.
const OTHERS: [(&str, &str); 3] = [
    ("git", "#!/bin/sh\n[ \"$1\" = push ] || PATH=/usr/local/bin:/usr/bin:/bin exec git \"$@\"\n"),
    ("jq", "#!/bin/sh\nexec cat > /dev/null\n"),
    ("kubectl", KUBECTL),
];

/// A pipeline in which nothing is found.
fn checked() -> String {
    format!("{}        resources: {{requests: {{cpu: 100m}}, limits: {{memory: 1Gi}}}}\n", smallest::GOOD)
}

/// A folder as the examples want it: a repository `runner` on branch `main`, with pipelines and values.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let top = std::env::temp_dir().join(format!("studioci-examples-{}-{test}", std::process::id()));
        let folder = top.join("runner");
        for path in [".studioci", "templates", "../bin", "../.local/bin"] {
            fs::create_dir_all(folder.join(path)).unwrap();
        }
        let template =
            smallest::GOOD.replace("registry.example/team/ci:build-0001", "\"{{ Image }}:{{ Tag }}\"");
        let minimal = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/minimal.yaml");
        for (file, text) in [
            (".studioci/pipeline.yaml", checked().as_str()),
            ("pipeline.yaml", smallest::GOOD),
            ("ci.yaml", &template),
            ("values.yaml", "Image: quay.io/me/app\nTag: build-0000\n"),
            ("templates/minimal.yaml", &fs::read_to_string(minimal).unwrap()),
        ] {
            fs::write(folder.join(file), text).unwrap();
        }
        for name in ["ci_keel.yaml", "ci.sh"] {
            let old = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/old").join(name);
            fs::copy(old, folder.join(name)).unwrap();
        }
        for (name, script) in OTHERS {
            let file = top.join("bin").join(name);
            fs::write(&file, script).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let it = Self(top);
        it.script("git init -q -b main . && git remote add origin https://github.com/team/runner.git")
            .unwrap();
        it
    }

    /// Runs a script as a person would; what it called the plugin with, and whether that was carried out.
    fn script(&self, script: &str) -> Result<Vec<(Vec<String>, bool)>, String> {
        let told = self.0.join("told");
        let _ = fs::remove_dir_all(&told);
        fs::create_dir_all(&told).unwrap();
        let output = Command::new("/bin/sh")
            .args(["-e", "-c", script])
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", self.0.join("bin").display()))
            .env("HOME", &self.0)
            .env("TOLD", &told)
            .env("PROGRAM", env!("CARGO_BIN_EXE_kubectl-studioci"))
            .env("AGENT_IMAGE", AGENT_IMAGE)
            .env("GITHUB_TOKEN", "none")
            .env("NS", "namespace/test-calm-noether")
            .current_dir(self.0.join("runner"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() || said.contains("error") {
            return Err(format!("{script}\n{said}"));
        }
        let mut calls = Vec::new();
        for entry in fs::read_dir(&told).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "args") {
                let words = fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
                calls.push((words, path.with_extension("ran").exists()));
            }
        }
        calls.sort();
        Ok(calls)
    }

    /// Runs an example: it ends well, and each call of the plugin is understood. What was left for a cluster.
    fn example(&self, script: &str) -> Vec<String> {
        // `init` replaces nothing
        let pipeline = self.0.join("runner/.studioci/pipeline.yaml");
        let begins = script.contains("studioci init");
        if begins {
            fs::remove_file(&pipeline).unwrap();
        }
        let calls = self.script(script).unwrap_or_else(|why| panic!("{why}"));
        if begins {
            fs::write(&pipeline, checked()).unwrap();
        }
        assert_eq!(calls.len(), script.matches("kubectl studioci").count(), "{script}");
        for (words, _) in &calls {
            let args = std::iter::once("x").chain(words.iter().map(String::as_str)).map(OsString::from);
            match parse(args, &ProcessSettings::default()) {
                Ok(Parsed::Verb(_)) => {}
                other => panic!("{script}\n{other:?}"),
            }
        }
        calls.into_iter().filter(|(_, ran)| !ran).map(|(words, _)| words.join(" ")).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const AGENT_IMAGE: &str =
    "registry.example/ci/agent@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The verbs that have a help of their own.
const VERBS: [&str; 18] = [
    "setup",
    "init",
    "render",
    "claim",
    "start",
    "status",
    "watch",
    "logs",
    "report",
    "trigger",
    "retry",
    "cancel",
    "scale",
    "cleanup",
    "stop",
    "completion",
    "doctor",
    "version",
];

fn help(line: &str) -> String {
    String::from_utf8(program::program(line).output().unwrap().stdout).unwrap()
}

#[test]
fn native_10_every_example_of_the_help_works_as_it_stands() {
    let folder = Folder::new("help");
    let mut left = Vec::new();
    for verb in std::iter::once("").chain(VERBS) {
        let scripts = examples::examples(&help(&format!("{verb} --help")));
        assert!(!scripts.is_empty(), "{verb}");
        for script in scripts {
            left.extend(folder.example(&script));
        }
    }
    // what `chain_18` runs
    left.sort();
    left.dedup();
    insta::assert_snapshot!(left.join("\n"), @"
    cancel ci-eager-hopper
    cancel runner-main --wait --timeout 5m
    claim
    claim --prefix test -o name
    cleanup --keep 5
    cleanup --older-than 7d --keep 5 --dry-run
    cleanup ci-eager-hopper --wait --timeout 2m
    cleanup namespace/test-calm-noether
    doctor
    doctor --bundle studioci.tar.gz
    doctor --wait=2m -o json
    doctor runner-main --repair
    doctor runner-main --repair --dry-run=client
    doctor runner-main -o short
    logs ci-eager-hopper --tail 100 --timestamps
    logs runner-main
    logs runner-main -c build --since 5m
    logs runner-main -f
    report
    report ci-eager-hopper
    report ci-eager-hopper -o html
    report runner-main -o junit
    retry ci-eager-hopper
    retry ci-eager-hopper --wait
    scale down ci-witty-kepler
    scale up ci-witty-kepler --wait
    scale up runner-main
    setup
    setup --agent-image registry.example/ci/agent@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    start
    start --github
    start --older-than 7d --keep 5
    start --secret registry-login --secret deploy-key=ci/deploy-key
    start --tag build-0007
    start -f ci.yaml --values values.yaml --now
    status
    status --chains
    status --contexts laptop,gpu
    status -A
    status -l studioci.dev/verdict=Failed --sort-by=.status.durationSeconds
    status -o jsonpath={.items[*].status.tag}
    status runner-main --tree
    status runner-main -o wide
    stop runner-main
    stop runner-main --purge --timeout 1h
    trigger runner-main
    trigger runner-main --tag build-0007 --wait --timeout 2h
    watch
    watch runner-main
    watch runner-main --follow
    watch runner-main --revision HEAD --timeout 2h
    ");
}

#[test]
fn native_10_no_verb_is_without_examples() {
    let text = help("--help");
    let (_, verbs) = text.split_once("Verbs:\n").unwrap();
    let verbs = verbs.lines().take_while(|line| line.starts_with("  "));
    // the longer lines of a verb's help stand further in
    let mut verbs: Vec<&str> = verbs
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect();
    let mut known = VERBS.to_vec();
    verbs.sort_unstable();
    known.sort_unstable();
    assert_eq!(verbs, known);
}

/// Who runs on a cluster what the pages show of the plugin.
const RUNS_THEM: [&str; 8] = [
    "xtask/src/demo.rs",
    "tests/chain/byhand.rs",
    "tests/chain/events.rs",
    "tests/chain/logs.rs",
    "tests/chain/start.rs",
    "tests/chain/support.rs",
    "tests/chain/tidied.rs",
    "tests/chain/watching.rs",
];

/// Commands of others in the pages: who runs them, and the words by which that is seen in its source.
const ELSEWHERE: [(&str, Elsewhere); 34] = [
    ("cargo xtask image --out ", Elsewhere::In("tests/cluster/src/index.rs", "index().archive()")),
    (
        "cargo xtask image --push ",
        Elsewhere::In("tests/cluster/src/registry.rs", "push_index(&index(), \"team/app:1\")"),
    ),
    ("docker login ", Elsewhere::Nobody("docker's own")),
    ("skopeo copy ", Elsewhere::Nobody("a registry with a login")),
    ("cargo install ", Elsewhere::Nobody("the same program, built from the same sources")),
    ("cargo xtask package", Elsewhere::In("tests/chain/krewed.rs", "[\"package\"")),
    ("cargo xtask demo", Elsewhere::In(".ci/run", "cargo xtask demo")),
    ("cargo xtask test", Elsewhere::In(".ci/run", "cargo xtask test")),
    ("kubectl krew ", Elsewhere::In("tests/chain/krewed.rs", "[\"krew\", \"install\"")),
    ("kubectl auth can-i ", PAGES),
    ("kubectl create rolebinding ", PAGES),
    ("kubectl create secret docker-registry ", Elsewhere::Nobody("a login that a registry hands out")),
    ("kubectl get clusterrole", PAGES),
    ("kubectl get events ", Elsewhere::In("tests/chain/events.rs", "[\"get\", \"events\"")),
    ("kubectl delete ", PAGES),
    ("account=system:serviceaccount:", PAGES),
    ("kubectl patch secret ", PAGES),
    ("echo '{\"apiVersion\":\"authorization.k8s.io/v1\"", PAGES),
    ("mkdir -p ~/.local/bin", COMPLETION),
    ("chmod +x ~/.local/bin/kubectl_complete-studioci", COMPLETION),
    ("kind create cluster", A_CLUSTER),
    ("curl -sfL https://get.k3s.io", A_CLUSTER),
    ("export KUBECONFIG=/etc/rancher/k3s/k3s.yaml", A_CLUSTER),
    ("sudo snap install microk8s", A_CLUSTER),
    ("sudo microk8s ", A_CLUSTER),
    ("gcloud container clusters ", A_CLUSTER),
    ("kubectl create clusterrolebinding me ", A_CLUSTER),
    ("helm repo add keel ", Elsewhere::Nobody("Keel's own chart")),
    ("helm upgrade --install keel ", Elsewhere::Nobody("Keel's own chart")),
    ("sha256sum --check ", Elsewhere::Nobody("a release")),
    ("gh attestation ", Elsewhere::Nobody("a release")),
    (
        "read -r digest _ <<EOF",
        Elsewhere::Nobody("a receiver; its rule is held to openssl by a test of the room"),
    ),
    ("[ \"$signature\"", Elsewhere::Nobody("a receiver; its rule is held to openssl by a test of the room")),
    ("validate-krew-manifest ", Elsewhere::In("tests/chain/krewed.rs", "\"validate-krew-manifest\"")),
];

/// The same script, put where a person puts it.
const COMPLETION: Elsewhere = Elsewhere::In("tests/chain/completed.rs", "kubectl_complete-studioci");

const A_CLUSTER: Elsewhere = Elsewhere::Nobody("a machine of its own");

/// The proof that runs what the pages say to check, as it stands there.
const PAGES: Elsewhere = Elsewhere::In("tests/chain/pages.rs", "examples::commands(");

#[derive(Clone, Copy)]
enum Elsewhere {
    /// In this file, where these words stand.
    In(&'static str, &'static str),
    /// Nobody, for this reason.
    Nobody(&'static str),
}

/// README and docs.
fn pages(root: &Path) -> Vec<PathBuf> {
    let mut pages = vec![root.join("README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|page| page.extension().is_some_and(|end| end == "md")));
    pages.sort();
    pages
}

#[test]
fn every_yaml_of_the_pages_can_be_read() {
    let mut read = 0;
    // what is wrong with a pipeline is what `tests/lints.rs` is about
    for page in pages(Path::new(env!("CARGO_MANIFEST_DIR"))).iter().filter(|page| !page.ends_with("lints.md"))
    {
        let text = fs::read_to_string(page).unwrap();
        for block in text.split("```yaml\n").skip(1) {
            let (block, _) = block.split_once("```").unwrap();
            for document in serde_yaml::Deserializer::from_str(block) {
                let value = serde_yaml::Value::deserialize(document);
                let value = value.unwrap_or_else(|why| panic!("{}: {why}\n{block}", page.display()));
                assert!(value.is_mapping(), "{}: {block}", page.display());
                read += 1;
            }
        }
    }
    assert!(read >= 5, "{read}");
}

#[test]
fn native_10_every_example_of_the_pages_works_as_it_stands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new("pages");
    let (mut ours, mut used, mut left) = (0, Vec::new(), Vec::new());
    for page in pages(root) {
        let text = fs::read_to_string(&page).unwrap();
        for command in examples::commands(&text) {
            if !command.contains("kubectl studioci") {
                let other = ELSEWHERE.iter().find(|(begin, _)| command.starts_with(begin));
                let (begin, _) = other.unwrap_or_else(|| panic!("{}: nobody runs {command}", page.display()));
                used.push(*begin);
                continue;
            }
            // a page leaves out what differs each time
            let whole = command.replace("--agent-image …", &format!("--agent-image {AGENT_IMAGE}"));
            let whole = match whole.split_once("@sha256:").filter(|_| whole.contains('…')) {
                Some((before, _)) => format!("{before}@{}", AGENT_IMAGE.split_once('@').unwrap().1),
                None => whole,
            };
            left.extend(folder.example(&whole));
            ours += 1;
        }
    }
    assert!(ours > 15, "{ours}");
    // each verb with those flags is one that the demo or a proof runs, whatever the names
    let sources = RUNS_THEM.map(|file| fs::read_to_string(root.join(file)).unwrap());
    for command in left {
        let mut words = command.split(' ');
        let verb = words.next().unwrap();
        let words: Vec<&str> =
            std::iter::once(verb).chain(words.filter(|word| word.starts_with('-'))).collect();
        let runs = |source: &String| words.iter().all(|word| source.contains(&format!("\"{word}\"")));
        assert!(sources.iter().any(runs), "nobody runs {command} on a cluster");
    }
    for (begin, elsewhere) in ELSEWHERE {
        assert!(used.contains(&begin), "no page has {begin}");
        match elsewhere {
            Elsewhere::Nobody(why) => assert!(!why.is_empty()),
            Elsewhere::In(file, words) => {
                let source = fs::read_to_string(root.join(file)).unwrap();
                assert!(source.contains(words), "{begin} is not run by {file}: {words}");
            }
        }
    }
}
