//! The workflows: what runs there by others' hands holds no right that it does not need, and is what was looked at.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::path::Path;

use serde_yaml::Value;

/// A right that publishes, by its name under `permissions`.
const PUBLISHES: [&str; 4] = ["contents", "packages", "id-token", "attestations"];

/// Every workflow: its file's name, its text and what that says.
fn workflows() -> Vec<(String, String, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let mut all: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let value = serde_yaml::from_str(&text).unwrap();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), text, value)
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(all.len() >= 2, "the workflows were not found");
    all
}

/// The jobs of a workflow, by name.
fn jobs(workflow: &Value) -> BTreeMap<String, &Value> {
    let jobs = workflow["jobs"].as_mapping().unwrap();
    jobs.iter().map(|(name, job)| (name.as_str().unwrap().to_owned(), job)).collect()
}

fn steps(job: &Value) -> &[Value] {
    job["steps"].as_sequence().unwrap()
}

/// What a job may write.
fn writes(job: &Value) -> Vec<&str> {
    let rights = job["permissions"].as_mapping().unwrap();
    let writes = rights.iter().filter(|(_, right)| right.as_str() != Some("read"));
    writes.map(|(name, _)| name.as_str().unwrap()).collect()
}

/// A tag can be moved to other code, a commit cannot; which version it is stands beside it for whoever brings it up to
/// date.
#[test]
fn every_action_is_a_commit() {
    let mut seen = 0;
    for (file, text, workflow) in workflows() {
        let steps_with_one = jobs(&workflow)
            .values()
            .flat_map(|job| steps(job))
            .filter(|step| !step["uses"].is_null())
            .count();
        let lines = text.lines().map(str::trim_start).filter(|line| !line.starts_with('#'));
        let uses: Vec<&str> =
            lines.filter_map(|line| line.split_once("uses: ").map(|(_, action)| action)).collect();
        assert_eq!(uses.len(), steps_with_one, "{file}: each stands on a line of its own");
        for action in uses {
            let (name, version) = action.split_once('@').unwrap();
            let (commit, comment) = version.split_once(" # v").unwrap_or_default();
            assert!(name.starts_with("actions/"), "{file}: {name} is nobody's that is known here");
            assert!(
                commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{file}: {action} is no full commit with its version as a comment"
            );
            assert_eq!(
                comment.split('.').filter(|part| part.parse::<u32>().is_ok()).count(),
                3,
                "{file}: {action}"
            );
            seen += 1;
        }
    }
    assert!(seen >= 5);
}

#[test]
fn no_job_has_a_right_that_it_does_not_need() {
    for (file, _, workflow) in workflows() {
        assert_eq!(
            workflow["permissions"].as_mapping().map(serde_yaml::Mapping::len),
            Some(0),
            "{file}: none for all"
        );
        assert!(
            workflow["on"]["pull_request_target"].is_null() && workflow["on"]["workflow_run"].is_null(),
            "{file}"
        );
        for (name, job) in jobs(&workflow) {
            let own_code = steps(job).iter().any(|step| {
                step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@"))
            });
            let written = writes(job);
            if own_code {
                assert_eq!(
                    written,
                    Vec::<&str>::new(),
                    "{file}, {name}: what is built there runs with these rights"
                );
            }
            assert!(written.iter().all(|right| PUBLISHES.contains(right)), "{file}, {name}: {written:?}");
            for step in steps(job) {
                if step["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"].as_bool(), Some(false), "{file}, {name}");
                }
                let run = step["run"].as_str().unwrap_or_default();
                assert!(!run.contains("${{"), "{file}, {name}: what is pasted into a shell is code: {run}");
                // a step that is handed the token belongs to the job that publishes
                let token = serde_yaml::to_string(step).unwrap();
                let handed = token.contains("github.token") || token.contains("secrets.");
                assert!(!handed || !own_code, "{file}, {name}: {token}");
            }
        }
    }
}

#[test]
fn a_release_is_built_and_published_apart_and_attested() {
    let (_, _, release) = workflows().into_iter().find(|(file, ..)| file == "release.yml").unwrap();
    let jobs = jobs(&release);
    let publishing: Vec<&String> =
        jobs.iter().filter(|(_, job)| !writes(job).is_empty()).map(|(name, _)| name).collect();
    assert_eq!(publishing, ["publish"]);
    let publish = jobs["publish"];
    assert_eq!(needs(publish), ["image", "pack"]);
    let at = |wanted: &str| {
        let found = steps(publish).iter().position(|step| {
            [&step["uses"], &step["run"]]
                .iter()
                .any(|text| text.as_str().is_some_and(|text| text.contains(wanted)))
        });
        found.unwrap_or_else(|| panic!("the job does no {wanted}"))
    };
    let order = [
        at("actions/download-artifact@"),
        at("actions/attest-build-provenance@"),
        at("skopeo copy"),
        at("gh release create"),
    ];
    assert!(order.is_sorted(), "nothing is published that is not attested: {order:?}");
    let attested: Vec<&Value> = steps(publish)
        .iter()
        .filter(|step| step["uses"].as_str().is_some_and(|it| it.starts_with("actions/attest-")))
        .map(|step| &step["with"])
        .collect();
    assert_eq!(attested.len(), 2, "the archives, and the image");
    assert!(!attested[0]["subject-checksums"].is_null() && !attested[1]["subject-digest"].is_null());
}

/// The jobs that one waits for.
fn needs(job: &Value) -> Vec<&str> {
    match &job["needs"] {
        Value::Sequence(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

#[test]
fn native_10_every_platform_of_the_manifest_is_built_on_a_machine_of_its_kind() {
    let (_, _, release) = workflows().into_iter().find(|(file, ..)| file == "release.yml").unwrap();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("krew-manifest.yaml");
    let manifest: Value = serde_yaml::from_str(&std::fs::read_to_string(manifest).unwrap()).unwrap();
    let wanted: Vec<String> = manifest["spec"]["platforms"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|platform| &platform["selector"]["matchLabels"])
        .map(|it| format!("{}-{}", it["os"].as_str().unwrap(), it["arch"].as_str().unwrap()))
        .collect();
    let jobs = jobs(&release);
    let built = |job: &str| -> Vec<(String, String)> {
        let matrix = jobs[job]["strategy"]["matrix"]["include"].as_sequence().unwrap();
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap().to_owned();
        matrix.iter().map(|entry| (text(entry, "platform"), text(entry, "runner"))).collect()
    };
    let plugin = built("plugin");
    assert_eq!(
        plugin.iter().map(|(platform, _)| platform).collect::<Vec<_>>(),
        wanted.iter().collect::<Vec<_>>()
    );
    for (platform, runner) in plugin.iter().chain(&built("agent")) {
        let (os, arch) = platform.split_once('-').unwrap();
        assert_eq!(runner.starts_with("macos-"), os == "darwin", "{platform} on {runner}");
        // GitHub's machines are amd64 where Linux is not said to be arm, and arm64 where macOS is not said to be intel
        let arm = if os == "darwin" { !runner.ends_with("-intel") } else { runner.ends_with("-arm") };
        assert_eq!(arm, arch == "arm64", "{platform} on {runner}");
    }
    assert_eq!(built("agent").len(), 2, "agents run on Linux");
}

/// The order in which jobs wait: agents, their image, the plugins that name it, their archives.
#[test]
fn plugins_are_built_with_the_digest_of_the_image_that_is_pushed() {
    let (_, text, release) = workflows().into_iter().find(|(file, ..)| file == "release.yml").unwrap();
    let jobs = jobs(&release);
    for (job, before) in [("image", "agent"), ("plugin", "image"), ("pack", "plugin")] {
        assert_eq!(needs(jobs[job]), [before], "{job}");
    }
    let image = jobs["plugin"]["env"]["STUDIOCI_AGENT_IMAGE"].as_str().unwrap();
    let (repository, digest) = image.split_once('@').unwrap();
    assert_eq!(digest, "${{ needs.image.outputs.digest }}");
    assert!(text.contains(&format!("docker://{repository}:")), "{repository} is not where it is pushed");
    assert_eq!(text.matches(digest).count(), 3, "named, attested and compared with what was pushed");
    let wire =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chain/wire.rs")).unwrap();
    assert!(wire.contains(&format!("\"{repository}\"")), "the program knows another repository");
}

/// What is built is what `Cargo.lock` says, wherever cargo is called for others: by the workflows, by `.ci/run` and by
/// `cargo xtask`.
#[test]
fn cargo_never_resolves_anew() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    assert!(read(".cargo/config.toml").contains(r#"xtask = "run --quiet --locked "#));
    let mut calls: Vec<(String, String)> = Vec::new();
    for (file, text, _) in workflows() {
        calls.extend(text.lines().map(|line| (file.clone(), line.to_owned())));
    }
    calls.extend(read(".ci/run").lines().map(|line| (".ci/run".to_owned(), line.to_owned())));
    let called =
        calls.iter().filter(|(_, line)| !line.trim_start().starts_with('#') && line.contains("cargo "));
    let mut seen = 0;
    for (file, line) in called {
        let held = ["--locked", "cargo xtask ", "cargo fmt "].iter().any(|word| line.contains(word));
        assert!(held, "{file}: {line}");
        seen += 1;
    }
    assert!(seen >= 4, "the calls were not found");
    let mut xtask = String::new();
    let mut folders = vec![root.join("xtask/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                xtask.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    // every list of arguments that begins with a command that resolves
    let words: String = xtask.split_whitespace().collect();
    let mut lists = 0;
    for command in [r#"["build","#, r#"["test","#] {
        for (at, _) in words.match_indices(command) {
            assert!(words[at + command.len()..].starts_with(r#""--locked""#), "{}", &words[at..at + 60]);
            lists += 1;
        }
    }
    assert_eq!(lists, 6, "calls of cargo in xtask/src");
}
