//! `cargo xtask demo`: the main job on a real cluster, every command with its real output.

use std::process::{Child, Command, Stdio};
use std::{env, fs};

use test_cluster::handle::KEEL;
use test_cluster::image::{CiImage, ci_image};
use test_cluster::interrupt::Interrupt;
use test_cluster::network::Network;
use test_cluster::{Cluster, Handle, Options, host};

use crate::build;
use crate::cluster::{inside, push_image};
use crate::failure::Failure;
use crate::screen::{self, Screen};

/// The repository that the demo's team pushes to.
const REPOSITORY: &str = "team/ci";
/// The chain's name.
const CHAIN: &str = "demo";
/// The cluster's name.
const CLUSTER: &str = "demo";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the cluster running, and say how to get in
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    host::check()?;
    let interrupt = screen::interrupt();
    // the plugin is the binary that the agent image holds
    let (tools, (image, stand_in)) = build::beside_tools(&interrupt, || {
        Ok((build::test_agent_image(&interrupt)?, build::keel_stand_in(&interrupt)?))
    })?;
    let cluster = Cluster::start(&Options::named(CLUSTER), &tools, &interrupt, &Screen)?;
    let agent_image = push_image(cluster.handle(), &image)?;
    let mut keel = play_keel(cluster.handle(), &stand_in)?;
    let demo = Demo { handle: cluster.handle(), interrupt: &interrupt };
    let mut told = demo.tell(&agent_image);
    if !args.keep {
        told = told.and_then(|()| demo.end());
    }
    if !args.keep || told.is_err() {
        // it is gone with the cluster in any case; this way nothing is logged of a server that vanished
        let _ = keel.kill();
        let _ = keel.wait();
        cluster.stop()?;
        return told;
    }
    let handle = cluster.keep()?;
    println!("\n# The cluster stays. A shell in its network, with kubectl and the plugin on PATH:");
    println!("cargo xtask cluster run --name {CLUSTER} -- bash");
    println!("# or, in a shell that is in there already:");
    for (name, value) in handle.env() {
        println!("export {name}={}", value.display());
    }
    let folders = std::iter::once(handle.tools().dir().to_owned()).chain(build::plugin_folders());
    let folders: Vec<String> = folders.map(|folder| folder.display().to_string()).collect();
    println!("export PATH={}:$PATH", folders.join(":"));
    println!("# At the end:");
    println!("cargo xtask cluster down --name {CLUSTER}");
    Ok(())
}

/// Starts the program that plays Keel; the clean-up of the cluster ends it, whatever becomes of us.
fn play_keel(handle: &Handle, stand_in: &std::path::Path) -> Result<Child, Failure> {
    if env::var_os(KEEL).is_some() {
        eprintln!("{KEEL} is for the tests; the demo's Keel is the stand-in");
    }
    let log = handle.state().path("logs/keel.jsonl");
    let mut command = Command::new(stand_in);
    command.arg("--kubeconfig").arg(handle.kubeconfig()).arg("--log").arg(log);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Network::of(handle.state())
        .inside(|| command.spawn())?
        .map_err(|error| Failure::Other(format!("cannot start {}: {error}", stand_in.display())))
}

struct Demo<'a> {
    handle: &'a Handle,
    interrupt: &'a Interrupt,
}

impl Demo<'_> {
    fn tell(&self, agent_image: &str) -> Result<(), Failure> {
        let repository = format!("{}/{REPOSITORY}", self.handle.registry().host());
        let pipeline = self.handle.state().path("pipeline.yaml");
        let text = PIPELINE.replace("@IMAGE@", &repository);
        fs::write(&pipeline, &text)
            .map_err(|error| Failure::Other(format!("cannot write {}: {error}", pipeline.display())))?;
        let pipeline = pipeline.display().to_string();

        say("An administrator sets the cluster up, once.");
        self.shown(&["studioci", "setup", "--agent-image", agent_image])?;
        say("A team has a pipeline and an image. What a build would be:");
        println!("{text}");
        self.push("build-0001", "echo nothing is built yet")?;
        self.shown(&["studioci", "start", "-f", &pipeline, "--chain", CHAIN])?;
        self.shown(&["studioci", "status"])?;
        say("Somebody pushes. Keel notices, and the chain turns:");
        self.push(
            "build-0002",
            "echo \"testing $STUDIOCI_TAG of generation $STUDIOCI_GENERATION\"; sleep 2; echo all good",
        )?;
        self.shown(&["studioci", "watch", CHAIN])?;
        say("The build ran in the namespace just liberated; the next listener waits in another.");
        self.shown(&["studioci", "status"])?;
        self.shown(&["studioci", "logs", &self.namespace("Passed")?])?;
        say("A push whose tests fail: the exit code of watch is the verdict.");
        self.push("build-0003", "echo one test fails; exit 1")?;
        self.fails(&["studioci", "watch", CHAIN], 1)?;
        self.shown(&["studioci", "status"])?;
        let passed = self.namespace("Passed")?;
        say(
            "A build that is over holds nothing. To look at what it left behind, its support comes back, and goes again:",
        );
        self.shown(&["studioci", "scale", "up", &passed, "--wait"])?;
        self.shown(&["get", "deployments", "-n", &passed])?;
        self.shown(&["studioci", "scale", "down", &passed])?;
        say("Finished builds go by rule or by name. A dry run says what would go, and why the rest stays:");
        self.shown(&["studioci", "cleanup", "--keep", "1", "--dry-run=client"])?;
        self.shown(&["studioci", "cleanup", &passed, "--wait"])?;
        say("The end of its log outlives it:");
        self.shown(&["studioci", "logs", &passed])?;
        self.shown(&["studioci", "status"])
    }

    /// Ends the chain, and takes down what is left of it.
    fn end(&self) -> Result<(), Failure> {
        say("The chain ends; with --purge nothing is left of it.");
        self.shown(&["studioci", "stop", CHAIN, "--purge"])?;
        self.shown(&["studioci", "status"])
    }

    /// Pushes a CI image whose build runs `script`.
    fn push(&self, tag: &str, script: &str) -> Result<(), Failure> {
        let content = CiImage {
            version: tag,
            files: &[("ci/test.sh", script)],
            env: &[("GIT_COMMIT", &format!("{:0>40}", tag.trim_start_matches("build-")))],
        };
        let image = ci_image(self.handle, &content)?;
        let registry = self.handle.registry();
        let name = format!("{REPOSITORY}:{tag}");
        println!("# push {}/{name}", registry.host());
        Network::of(self.handle.state()).inside(|| registry.push(&image, &name))??;
        Ok(())
    }

    /// A command that must do well.
    fn shown(&self, args: &[&str]) -> Result<(), Failure> {
        println!("$ kubectl {}", args.join(" "));
        inside(self.handle, Command::new("kubectl").args(args).stdin(Stdio::null()), self.interrupt)?;
        println!();
        Ok(())
    }

    /// A command that must end with this exit code.
    fn fails(&self, args: &[&str], code: u8) -> Result<(), Failure> {
        println!("$ kubectl {}", args.join(" "));
        match inside(self.handle, Command::new("kubectl").args(args).stdin(Stdio::null()), self.interrupt) {
            Err(Failure::Command(seen)) if seen == code => {
                println!("$ echo $?\n{code}\n");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(()) => {
                Err(Failure::Other(format!("kubectl {} ended well; it should not have", args.join(" "))))
            }
        }
    }

    /// The namespace of the build with this verdict.
    fn namespace(&self, verdict: &str) -> Result<String, Failure> {
        let jsonpath = format!(
            "jsonpath={{.items[?(@.metadata.annotations.studioci\\.dev/verdict==\"{verdict}\")].metadata.name}}"
        );
        let selector = format!("studioci.dev/chain={CHAIN}");
        let mut command = self.handle.kubectl();
        command.args(["get", "namespaces", "-l", &selector, "-o", &jsonpath]).stdin(Stdio::null());
        let output = Network::of(self.handle.state())
            .inside(|| command.output())?
            .map_err(|error| Failure::Other(format!("cannot start kubectl: {error}")))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

fn say(line: &str) {
    println!("# {line}");
}

const PIPELINE: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: test
  annotations:
    keel.sh/policy: \"glob:build-*\"
    keel.sh/trigger: poll
    keel.sh/pollSchedule: \"@every 10s\"
spec:
  selector:
    matchLabels: {app: test}
  template:
    metadata:
      labels: {app: test}
    spec:
      containers:
      - name: build
        image: \"@IMAGE@:build-0001\"
        command: [sh, /ci/test.sh]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cache
spec:
  selector:
    matchLabels: {app: cache}
  template:
    metadata:
      labels: {app: cache}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: cache
        image: \"@IMAGE@:build-0001\"
        command: [sleep, infinity]
";
