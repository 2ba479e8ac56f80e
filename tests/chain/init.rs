//! `chain_23`: into it. From an empty repository, and from a pipeline and a script of the kind that stencil rendered, to Passed and
//! gone; nobody writes a line in between.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use test_cluster::image::{CiImage, ci_builder};

use crate::full::service;
use crate::world::{Said, World};

const OLD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/old");

/// A checkout of a repository `harbour` on branch `main`.
struct Checkout<'a> {
    world: &'a World,
    folder: PathBuf,
}

impl<'a> Checkout<'a> {
    fn new(world: &'a World, name: &str) -> Self {
        Self::of(world, name, "main")
    }

    /// That of a repository and a branch.
    fn of(world: &'a World, repository: &str, branch: &str) -> Self {
        let checkout = Self { world, folder: world.folder(repository) };
        let remote = format!("https://github.com/team/{repository}.git");
        checkout.run(&[], &format!("git init -q -b {branch} . && git remote add origin {remote}")).ok();
        checkout
    }

    /// A line as a person types it, with variables in their environment.
    fn run(&self, env: &[(&str, &str)], line: &str) -> Said {
        Said::of(&self.typed(env, line).output().unwrap())
    }

    fn typed(&self, env: &[(&str, &str)], line: &str) -> Command {
        let mut command = self.world.command(Path::new("/bin/sh"));
        let path = command.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", path.to_str().unwrap());
        command
            .args(["-e", "-c", line])
            .env("PATH", path)
            .envs(env.iter().copied())
            .current_dir(&self.folder);
        command
    }

    /// The command that `init` says comes next, for the proof's own chain.
    fn next(&self, said: &Said) -> String {
        let next = said.err.lines().find_map(|line| line.strip_prefix("Start the chain with: ")).unwrap();
        format!("{next} --chain {}", self.world.chain)
    }
}

/// From a push of a tag that is pushed over to Passed, and on to nothing.
fn passes_and_goes(world: &World, push: impl Fn(&str)) {
    world.phase(1, "Listening");
    push("2");
    assert_eq!(world.verdict(1), "Passed", "{}", world.picture());
    world.phase(1, "Finished");
    world.phase(2, "Listening");
    let namespaces = [world.namespace(1), world.namespace(2)];
    world.studioci(&["stop", world.chain, "--purge"]).ok();
    for namespace in &namespaces {
        world.until(&format!("{namespace} is gone"), || {
            (world.kubectl(&["get", "ns", namespace]).code != 0).then_some(())
        });
    }
    let left = world.get(&[
        "configmap,secret,role",
        "-n",
        "studioci",
        "-l",
        &format!("studioci.dev/chain={}", world.chain),
    ]);
    assert_eq!(left["items"], json!([]));
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_23_init_in_a_fresh_repository_leads_from_nothing_to_passed_to_gone() {
    let world = World::new("chain-23a");
    let checkout = Checkout::new(&world, "harbour");
    // the image runs its own command
    let push = |content: &str| {
        world.push_made("main", false, |image| {
            image.env("PUSH", content).cmd(&["/bin/sh", "-c", "echo tested"])
        });
    };
    push("1");
    let said = checkout.run(&[], &format!("kubectl studioci init --image {}:main", world.image()));
    let next = checkout.next(&said);
    said.ok();
    checkout.run(&[], &next).ok();
    passes_and_goes(&world, push);
}

/// What the first five minutes of the README have people type of us.
fn first_five_minutes() -> Vec<&'static str> {
    let page = include_str!("../../README.md");
    let (_, section) = page.split_once("## The first five minutes\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    section.lines().filter_map(|line| line.trim().strip_prefix("$ kubectl studioci ")).collect()
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_09_what_the_readme_says_to_type_in_the_first_five_minutes_leads_to_a_verdict() {
    let world = World::new("native-09");
    let checkout = Checkout::of(&world, "native", "09");
    let push = |content: &str| {
        world.push_made("main", false, |image| {
            image.env("PUSH", content).cmd(&["/bin/sh", "-c", "echo tested"])
        });
    };
    push("1");
    let agent = world.cluster.agent_image().unwrap();
    for line in first_five_minutes() {
        let typed = match line {
            // from sources
            "setup" => format!("kubectl studioci setup --agent-image {agent}"),
            // no remote leads to the registry of a test
            "init" => format!("kubectl studioci init --image {}:main", world.image()),
            "start" => "kubectl studioci start".to_owned(),
            "watch" => {
                let mut watch =
                    checkout.typed(&[], "kubectl studioci watch").stdout(Stdio::piped()).spawn().unwrap();
                let mut lines = BufReader::new(watch.stdout.take().unwrap());
                let mut said = String::new();
                lines.read_line(&mut said).unwrap();
                push("2");
                lines.read_to_string(&mut said).unwrap();
                assert!(watch.wait().unwrap().success(), "{said}");
                assert!(said.trim_end().lines().last().unwrap().contains("Passed"), "{said}");
                continue;
            }
            other => panic!("{other}"),
        };
        checkout.run(&[], &typed).ok();
    }
    assert_eq!(world.verdict(1), "Passed");
}

/// The lines of a script that `init` says have to go.
fn without(script: &str, said: &Said) -> String {
    let gone: Vec<(usize, usize)> = said
        .err
        .lines()
        .filter_map(|line| line.strip_prefix("ci.sh:")?.split_once(": delete: "))
        .map(|(lines, _)| {
            let (first, last) = lines.split_once('-').unwrap_or((lines, lines));
            (first.parse().unwrap(), last.parse().unwrap())
        })
        .collect();
    assert!(gone.len() >= 4, "{}", said.err);
    let stays = |line: &usize| !gone.iter().any(|(first, last)| (first..=last).contains(&line));
    let lines = script.lines().enumerate().filter(|(at, _)| stays(&(at + 1)));
    lines.flat_map(|(_, line)| [line, "\n"]).collect()
}

/// What both claims of a build take: there is no provisioner.
fn volumes(world: &World) {
    let volume = |name: &str, size: &str, mode: &str| {
        json!({ "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": format!("chain-23-{name}"), "labels": { "proof": "chain-23" } },
            "spec": { "capacity": { "storage": size }, "accessModes": [mode],
                "hostPath": { "path": format!("{}/{name}", world.gates()), "type": "DirectoryOrCreate" } } })
    };
    let all = [volume("store", "15Gi", "ReadWriteOnce"), volume("scratch", "30Gi", "ReadWriteMany")];
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": all });
    world.kubectl(&["create", "-f", &world.file("volumes.json", &list.to_string())]).ok();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn chain_23_an_old_pipeline_and_its_script_lead_from_init_to_passed_to_gone() {
    let world = World::new("chain-23b");
    let gone = ["delete", "pv", "-l", "proof=chain-23", "--wait=true"];
    world.kubectl(&gone).ok();
    volumes(&world);
    let checkout = Checkout::new(&world, "harbour");
    for name in ["ci_keel.yaml", "ci.sh"] {
        fs::copy(Path::new(OLD).join(name), checkout.folder.join(name)).unwrap();
    }
    fs::write(checkout.folder.join("registry.yaml"), "none: {}\n").unwrap();
    let said = checkout.run(&[], "kubectl studioci init --from ci_keel.yaml --script ci.sh");
    assert_eq!(said.code, 0, "{}", said.err);
    let script = without(&fs::read_to_string(checkout.folder.join("ci.sh")).unwrap(), &said);

    let kubectl = fs::read(world.cluster.tool("kubectl")).unwrap();
    let push = |content: &str| {
        let version = format!("{content} of {}", world.repository());
        let image = CiImage { version: &version, files: &[("ci/ci.sh", &script)], env: &[] };
        let image = ci_builder(&world.cluster, &image).unwrap().file("bin/kubectl", &kubectl, 0o755);
        let image = image.cmd(&["/bin/sh", "-e", "/ci/ci.sh"]).build();
        world.cluster.registry().push(&image, &format!("{}:main", world.repository())).unwrap();
    };
    push("1");
    let (queue, store) = (service(&world, "queue", "true"), service(&world, "store", "true"));
    let next = checkout.next(&said).replace("Registry=FILE", "Registry=registry.yaml");
    assert!(!next.contains("=VALUE") && !next.contains("=FILE"), "{next}");
    let image = world.image();
    let next = format!("{next} --set Image={image}:main --set QueueImage={queue} --set StoreImage={store}");
    checkout.run(&[("GITHUB_TOKEN", "of-nobody")], &next).ok();

    world.phase(1, "Listening");
    let first = world.namespace(1);
    let listener = world.get(&["deployment", "build", "-n", &first]);
    assert_eq!(listener["metadata"]["labels"]["keel.sh/policy"], "force");
    push("2");
    assert_eq!(world.verdict(1), "Passed", "{}", world.picture());
    world.phase(1, "Finished");
    let log = world.kubectl(&["logs", "-n", &first, "job/studioci-build", "-c", "build"]).ok();
    assert!(
        log.contains("built") && log.contains("imagebuilder"),
        "its calls of kubectl had their rights: {log}"
    );
    let replicas =
        |kind: &str, name: &str| world.get(&[kind, name, "-n", &first])["spec"]["replicas"].clone();
    assert_eq!(
        (replicas("rc", "queue-controller"), replicas("deployment", "store-deployment")),
        (json!(0), json!(0))
    );
    let script = world.get(&["role", "script", "-n", &first]);
    let rules = script["rules"].as_array().unwrap();
    assert!(rules.iter().any(|rule| rule["resources"] == Value::from(vec!["jobs"])), "{script}");

    let namespaces = [first, world.namespace(2)];
    world.studioci(&["stop", world.chain, "--purge"]).ok();
    for namespace in &namespaces {
        world.until(&format!("{namespace} is gone"), || {
            (world.kubectl(&["get", "ns", namespace]).code != 0).then_some(())
        });
    }
    world.kubectl(&gone).ok();
}
