//! What every proof stands on: the cluster, the plugin as kubectl calls it, a registry to push to, and Keel.

use std::fmt::Write as _;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use test_cluster::image::{Builder, CiImage, ci_builder, ci_image};
use test_cluster::{Handle, audit};

use crate::keel::Keel;

/// How long anything may take before a proof fails; only failures ever wait this long.
pub(crate) const BOUND: Duration = Duration::from_secs(120);

/// The proofs share one cluster and one Keel at a time: they take turns.
static TURN: Mutex<()> = Mutex::new(());

/// A chain's surroundings, fresh for one proof.
pub(crate) struct World {
    _turn: MutexGuard<'static, ()>,
    pub(crate) cluster: Handle,
    pub(crate) chain: &'static str,
    folder: PathBuf,
    pub(crate) keel: Option<Keel>,
}

/// What a command said.
#[derive(Debug)]
#[must_use]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Its stdout, if it ended well.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its stderr, if it ended with this code.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        self.err
    }
}

impl World {
    /// A world without chains and without Keel.
    pub(crate) fn bare(chain: &'static str) -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = Handle::from_env().unwrap_or_else(|error| panic!("{error}"));
        let folder = std::env::temp_dir().join(format!("studioci-{chain}-{}", std::process::id()));
        fs::create_dir_all(folder.join("gate")).unwrap();
        let world = Self { _turn: turn, cluster, chain, folder, keel: None };
        world.sweep();
        world
    }

    /// A world that is set up, with Keel at work.
    pub(crate) fn new(chain: &'static str) -> Self {
        Self::with_keel(chain, &[])
    }

    /// The same with orders to the stand-in from its start.
    pub(crate) fn with_keel(chain: &'static str, orders: &[&str]) -> Self {
        let mut world = Self::bare(chain);
        world.set_up();
        world.keel = Some(Keel::start(&world.cluster, &world.folder, orders));
        world
    }

    pub(crate) fn set_up(&self) {
        let image = self.cluster.agent_image().unwrap_or_else(|error| panic!("{error}"));
        self.studioci(&["setup", "--agent-image", &image]).ok();
    }

    /// Removes the chains of earlier proofs, so that Keel has only this one's to look at.
    pub(crate) fn sweep(&self) {
        let namespaces = self.kubectl(&["get", "ns", "-l", "studioci.dev/chain", "-o", "name"]).ok();
        let namespaces: Vec<&str> = namespaces.lines().collect();
        if !namespaces.is_empty() {
            let mut args = vec!["delete", "--wait=true", "--timeout=90s"];
            args.extend(&namespaces);
            self.kubectl(&args).ok();
        }
        let home = ["configmap,secret,role", "-n", "studioci", "-l", "studioci.dev/chain"];
        let _ = self.kubectl(&["delete", home[0], home[1], home[2], home[3], home[4]]);
    }

    /// A program in surroundings that hold the plugin, the tools and the admin's kubeconfig.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-studioci")).parent().unwrap();
        let tools = self.cluster.tools().dir();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{}", plugin.display(), tools.display()))
            .env("HOME", &self.folder)
            .env("KUBECONFIG", self.cluster.kubeconfig())
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// kubectl, as a person types it.
    pub(crate) fn kubectl(&self, args: &[&str]) -> Said {
        Said::of(&self.command(&self.cluster.tool("kubectl")).args(args).output().unwrap())
    }

    /// Any program, as a person types it.
    pub(crate) fn run(&self, program: &Path, args: &[&str]) -> Said {
        Said::of(&self.command(program).args(args).output().unwrap())
    }

    /// The plugin, through kubectl.
    pub(crate) fn studioci(&self, args: &[&str]) -> Said {
        let output = self.command(&self.cluster.tool("kubectl")).arg("studioci").args(args).output().unwrap();
        Said::of(&output)
    }

    /// The same with variables in its environment.
    pub(crate) fn studioci_with(&self, env: &[(&str, &str)], args: &[&str]) -> Said {
        let mut command = self.command(&self.cluster.tool("kubectl"));
        Said::of(&command.arg("studioci").args(args).envs(env.iter().copied()).output().unwrap())
    }

    /// The plugin, through kubectl, in the background.
    pub(crate) fn studioci_aside(&self, args: &[&str]) -> Aside {
        self.kubectl_aside(&[&["studioci"], args].concat())
    }

    /// kubectl, in the background.
    pub(crate) fn kubectl_aside(&self, args: &[&str]) -> Aside {
        let child = self
            .command(&self.cluster.tool("kubectl"))
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Aside(child)
    }

    pub(crate) fn get(&self, args: &[&str]) -> Value {
        let mut all = vec!["get"];
        all.extend(args);
        all.extend(["-o", "json"]);
        serde_json::from_str(&self.kubectl(&all).ok()).unwrap()
    }

    /// A folder in the proof's own.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Writes a file into the proof's own folder.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    }

    /// A repository of its own for every run: what an earlier one pushed is still in the registry.
    pub(crate) fn repository(&self) -> String {
        format!("{}-{}/app", self.chain, std::process::id())
    }

    /// `127.0.0.1:PORT/CHAIN-PID/app`.
    pub(crate) fn image(&self) -> String {
        format!("{}/{}", self.cluster.registry().host(), self.repository())
    }

    /// Pushes a CI image; `script` is what its build runs. Returns the digest.
    pub(crate) fn push(&self, tag: &str, content: &str, script: &str) -> String {
        self.push_with(tag, content, script, &[], &[])
    }

    /// The same with further files and environment variables.
    pub(crate) fn push_with(
        &self,
        tag: &str,
        content: &str,
        script: &str,
        files: &[(&str, &str)],
        env: &[(&str, &str)],
    ) -> String {
        let mut all = vec![("ci/build.sh", script)];
        all.extend(files);
        // the kubelet calls content that two repositories hold by either of them
        let version = format!("{content} of {}", self.repository());
        let image = ci_image(&self.cluster, &CiImage { version: &version, files: &all, env }).unwrap();
        self.cluster.registry().push(&image, &format!("{}:{tag}", self.repository())).unwrap()
    }

    /// The same with whatever an image may hold. `bare`: nothing else, not even a shell.
    pub(crate) fn push_made(&self, tag: &str, bare: bool, make: impl FnOnce(Builder) -> Builder) -> String {
        let version = format!("{tag} of {}", self.repository());
        let files = [("ci/build.sh", "exit 0")];
        let content = CiImage { version: &version, files: &files, env: &[] };
        let image = if bare {
            Builder::new().file("etc/version", version.as_bytes(), 0o644)
        } else {
            ci_builder(&self.cluster, &content).unwrap()
        };
        let image = make(image).build();
        self.cluster.registry().push(&image, &format!("{}:{tag}", self.repository())).unwrap()
    }

    /// Opens a gate.
    pub(crate) fn open(&self, gate: &str) {
        fs::write(self.folder.join("gate").join(gate), "").unwrap();
    }

    /// Whether a gate is open, or a build wrote there.
    pub(crate) fn was_opened(&self, gate: &str) -> bool {
        self.folder.join("gate").join(gate).exists()
    }

    /// What a build wrote beside the gates.
    pub(crate) fn gate_text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join("gate").join(name)).unwrap()
    }

    /// Where gates are, for a hostPath volume.
    pub(crate) fn gates(&self) -> String {
        self.folder.join("gate").display().to_string()
    }

    /// The smallest pipeline: a build Deployment with these Keel keys, gates mounted.
    pub(crate) fn pipeline(&self, tag: &str, keys: &str) -> String {
        let (image, gates) = (self.image(), self.gates());
        format!(
            "apiVersion: apps/v1
kind: Deployment
metadata:
  name: build
{keys}
spec:
  selector: {{matchLabels: {{app: build}}}}
  template:
    metadata: {{labels: {{app: build}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: build
        image: \"{image}:{tag}\"
        command: [sh, /ci/build.sh]
        volumeMounts: [{{name: gate, mountPath: /gate}}]
      volumes:
      - name: gate
        hostPath: {{path: \"{gates}\"}}
"
        )
    }

    /// A document of the smallest support, to put behind that.
    pub(crate) fn support(&self) -> String {
        let image = self.image();
        format!(
            "---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: db}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{{name: db, image: \"{image}:build-0001\", command: [sleep, infinity]}}]
"
        )
    }

    /// All builds of the chain, by generation, as `status -o json` tells them. Proofs ask for them again and again, and
    /// kubectl takes longer to start than the plugin to answer: here it is called without.
    pub(crate) fn builds(&self) -> Vec<Value> {
        let plugin = Path::new(env!("CARGO_BIN_EXE_kubectl-studioci"));
        let said = self.run(plugin, &["status", "-o", "json"]).ok();
        let list: Value = serde_json::from_str(&said).unwrap();
        let mut builds: Vec<Value> = list["items"].as_array().unwrap().clone();
        builds.retain(|build| build["spec"]["chain"] == self.chain);
        builds.sort_by_key(|build| build["spec"]["generation"].as_u64());
        builds
    }

    /// The build of a generation.
    pub(crate) fn build(&self, generation: u64) -> Option<Value> {
        self.builds().into_iter().find(|build| build["spec"]["generation"] == generation)
    }

    /// The namespace of a generation that is there.
    pub(crate) fn namespace(&self, generation: u64) -> String {
        self.build(generation).unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
    }

    /// Waits until a generation is in this phase or a later one.
    pub(crate) fn phase(&self, generation: u64, phase: &str) -> Value {
        const PHASES: [&str; 9] = [
            "Claimed",
            "Listening",
            "Triggered",
            "Detached",
            "Queued",
            "Preparing",
            "Building",
            "Recorded",
            "Finished",
        ];
        let place = |name: &str| PHASES.iter().position(|phase| *phase == name);
        self.until(&format!("generation {generation} in phase {phase}"), || {
            let build = self.build(generation)?;
            (place(build["status"]["phase"].as_str()?) >= place(phase)).then_some(build)
        })
    }

    /// Waits until a generation has a verdict.
    pub(crate) fn verdict(&self, generation: u64) -> String {
        self.phase(generation, "Recorded")["status"]["verdict"].as_str().unwrap().to_owned()
    }

    /// Waits for an answer; a failure shows everything that tells why.
    pub(crate) fn until<T>(&self, what: &str, ask: impl FnMut() -> Option<T>) -> T {
        self.until_within(BOUND, what, ask)
    }

    /// The same for what may take longer when all goes well.
    pub(crate) fn until_within<T>(
        &self,
        bound: Duration,
        what: &str,
        mut ask: impl FnMut() -> Option<T>,
    ) -> T {
        let begun = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(begun.elapsed() <= bound, "{what}: not within {} s\n{}", bound.as_secs(), self.picture());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Holds a condition for a while: what must not happen is given this long to happen.
    pub(crate) fn never(&self, what: &str, within: Duration, mut happened: impl FnMut() -> bool) {
        let begun = Instant::now();
        while begun.elapsed() < within {
            assert!(!happened(), "{what}\n{}", self.picture());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    pub(crate) fn mark(&self) -> audit::Mark {
        self.cluster.audit().mark().unwrap()
    }

    /// Successful requests since a mark, as `verb resource namespace/name`, in the order they arrived.
    pub(crate) fn requests(&self, mark: audit::Mark) -> Vec<audit::Event> {
        let mut events = self.cluster.audit().since(mark).unwrap();
        events.retain(|event| event.response_status.code < 300);
        events.sort_by(|a, b| a.request_received_timestamp.cmp(&b.request_received_timestamp));
        events
    }

    pub(crate) fn picture(&self) -> String {
        let mut text = String::new();
        let mut add = |said: Said| write!(text, "{}{}", said.out, said.err).unwrap();
        add(self.studioci(&["status", "-o", "wide"]));
        add(self.kubectl(&["get", "pods,jobs,deployments", "-A", "-o", "wide"]));
        for build in self.builds() {
            let namespace = build["metadata"]["name"].as_str().unwrap_or_default();
            add(self.kubectl(&[
                "logs",
                "-n",
                namespace,
                "-l",
                "studioci.dev/role=listener",
                "--all-containers",
                "--tail=40",
                "--prefix",
            ]));
            add(self.kubectl(&["get", "events", "-n", namespace]));
        }
        if let Some(keel) = &self.keel {
            text.push_str(&keel.tail());
        }
        text
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.keel = None;
        self.sweep();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A command at work.
pub(crate) struct Aside(Child);

impl Aside {
    pub(crate) fn wait(mut self) -> Said {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            if begun.elapsed() > BOUND {
                let _ = self.0.kill();
                panic!("a command did not end within {} s", BOUND.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Said::of(&self.0.wait_with_output().unwrap())
    }

    /// The next line of its stdout, as soon as it is written; empty at the end.
    pub(crate) fn line(&mut self) -> String {
        let stdout = self.0.stdout.as_mut().unwrap();
        let (mut line, mut byte) = (Vec::new(), [0]);
        // byte by byte, so that nothing is read ahead and lost to `wait`
        while !line.ends_with(b"\n") && stdout.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
        }
        String::from_utf8(line).unwrap()
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    }
}

/// The container of a listener's pod that holds the token.
pub(crate) const AGENT: &str = "studioci-agent";

/// What a pod's status says of one of its containers.
pub(crate) fn status_of<'a>(pod: &'a Value, container: &str) -> &'a Value {
    let mut statuses = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    statuses.find(|status| status["name"] == container).unwrap_or(&Value::Null)
}

/// The CI image of a listener: a Deployment, whose build container is called `build`.
pub(crate) fn ci_image_of(listener: &Value) -> &str {
    let containers = listener["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().find(|container| container["name"] == "build").unwrap()["image"].as_str().unwrap()
}

/// A script that waits for [`World::open`] of that gate, then ends with an exit code.
pub(crate) fn gated(gate: &str, code: i32) -> String {
    format!("until [ -e /gate/{gate} ]; do sleep 0.2; done; exit {code}\n")
}

/// Objects as the text of a pipeline: JSON is YAML too.
pub(crate) fn documents(objects: &[Value]) -> String {
    objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n---\n")
}

/// Labels or annotations as a list of keys.
pub(crate) fn keys(map: &Value) -> Vec<String> {
    map.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
}
