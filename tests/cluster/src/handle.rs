//! What a test, the demo or a bench holds of a running cluster. All of it works from within the cluster's network only.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::api::Api;
use crate::audit;
use crate::door::LockedRegistry;
use crate::error::{At, Error};
use crate::part::{Part, Server};
use crate::pki;
use crate::registry::Registry;
use crate::settings::{KUBELET, NODE, REGISTRY};
use crate::state::State;
use crate::tools::Tools;

/// Names the folder of the cluster that a test may use; `cargo xtask test` sets it.
pub const CLUSTER: &str = "STUDIOCI_TEST_CLUSTER";
/// Names the folder of the cluster's programs; `cargo xtask test` sets it.
pub const TOOLS: &str = "STUDIOCI_TEST_TOOLS";
/// Names the agent image in the cluster's registry; `cargo xtask test` sets it.
pub const AGENT_IMAGE: &str = "STUDIOCI_TEST_AGENT_IMAGE";
/// Names the program that plays Keel; `cargo xtask test` sets it.
pub const STAND_IN: &str = "STUDIOCI_TEST_STANDIN";
/// Names our own program as a static binary; `cargo xtask test` sets it.
pub const STATIC_BINARY: &str = "STUDIOCI_TEST_STATIC";
/// Names the project's own tasks (`cargo xtask`) as a program; `cargo xtask test` sets it.
pub const XTASK: &str = "STUDIOCI_TEST_XTASK";
/// Names Kueue's controller as a program; `cargo xtask test` sets it.
pub const KUEUE: &str = "STUDIOCI_TEST_KUEUE";
/// Names the folder of Kueue's manifests, as kustomize reads them; `cargo xtask test` sets it.
pub const KUEUE_MANIFESTS: &str = "STUDIOCI_TEST_KUEUE_MANIFESTS";
/// Names Prometheus' promtool; `cargo xtask test` sets it.
pub const PROMTOOL: &str = "STUDIOCI_TEST_PROMTOOL";
/// The path of a real Keel that stands where the stand-in would; people set it.
pub const KEEL: &str = "STUDIOCI_TEST_KEEL";

/// The kubelet with other settings than the cluster's; dropped, it has those again.
#[derive(Debug)]
#[must_use]
pub struct OtherKubelet<'a> {
    handle: &'a Handle,
    before: String,
}

impl Drop for OtherKubelet<'_> {
    fn drop(&mut self) {
        // an error here has nowhere to go; whoever needs the kubelet next sees that it is away
        let _ = self.handle.restart_kubelet(&self.before);
    }
}

/// A running cluster.
#[derive(Debug, Clone)]
pub struct Handle {
    state: State,
    tools: Tools,
}

impl Handle {
    pub(crate) fn new(state: State, tools: Tools) -> Handle {
        Handle { state, tools }
    }

    /// The cluster that `cargo xtask test` handed to this process. There is no way around it: a test that needs a
    /// cluster fails without one.
    pub fn from_env() -> Result<Handle, Error> {
        let handle = Handle::new(State::at(&set(CLUSTER)?)?, Tools::at(set(TOOLS)?));
        handle
            .server(Part::ApiServer)
            .pid()
            .map(|_| handle.clone())
            .ok_or(Error::NoCluster { variable: CLUSTER })
    }

    /// The cluster of that name, if it runs.
    pub fn running(name: &str, tools: &Tools) -> Result<Option<Handle>, Error> {
        let handle = Handle::new(State::of(name)?, tools.clone());
        Ok(Part::STOP_ORDER.iter().all(|part| handle.server(*part).pid().is_some()).then_some(handle))
    }

    /// What a process needs to find this cluster by [`Handle::from_env`], and kubectl by `KUBECONFIG`.
    pub fn env(&self) -> Vec<(&'static str, PathBuf)> {
        vec![
            (CLUSTER, self.state.dir().to_owned()),
            (TOOLS, self.tools.dir().to_owned()),
            ("KUBECONFIG", self.kubeconfig()),
        ]
    }

    /// The cluster's folder.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The cluster's programs.
    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The path of a program: `kubectl`, `krew`, `ctr` …
    pub fn tool(&self, name: &str) -> PathBuf {
        self.tools.program(name)
    }

    /// `kubectl` as admin.
    pub fn kubectl(&self) -> Command {
        self.api().kubectl()
    }

    pub(crate) fn api(&self) -> Api {
        Api::new(self.tool("kubectl"), self.kubeconfig())
    }

    /// The admin's kubeconfig (group `system:masters`).
    pub fn kubeconfig(&self) -> PathBuf {
        self.state.path("pki/admin.kubeconfig")
    }

    /// A kubeconfig with a client certificate for any user, in two groups at most. It may do nothing until it is
    /// granted something.
    pub fn kubeconfig_for(&self, user: &str, groups: &[&str]) -> Result<PathBuf, Error> {
        pki::kubeconfig_for(&self.state, user, groups)
    }

    /// A certificate of the cluster's authority for a server of these names at 127.0.0.1, and its key, as files.
    pub fn server_certificate(&self, names: &[&str]) -> Result<(PathBuf, PathBuf), Error> {
        pki::server_for(&self.state, names)
    }

    /// The registry. Pods may name it by its address or by any other host: all names lead to it.
    pub fn registry(&self) -> Registry {
        Registry::at(REGISTRY)
    }

    /// The same images in a registry that wants a login, `user:password`, until it is dropped. One at a time.
    pub fn locked_registry(&self, login: &str) -> Result<LockedRegistry, Error> {
        LockedRegistry::open(login)
    }

    /// The name of the only node.
    pub fn node(&self) -> &'static str {
        NODE
    }

    /// The API server's audit log.
    pub fn audit(&self) -> audit::Log {
        audit::Log::new(self.state.path("logs/audit.jsonl"), self.api())
    }

    /// A server, to freeze, kill and start again.
    pub fn server(&self, part: Part) -> Server<'_> {
        Server::of(&self.state, part)
    }

    /// Starts the kubelet anew with other settings, by the names of `KubeletConfiguration`. Containers run on.
    pub fn kubelet_with(&self, settings: &[(&str, Value)]) -> Result<OtherKubelet<'_>, Error> {
        let file = self.state.path(KUBELET);
        let before = fs::read_to_string(&file).at("read", &file)?;
        let mut all: Value = serde_json::from_str(&before).map_err(std::io::Error::from).at("read", &file)?;
        for (name, value) in settings {
            all[*name] = value.clone();
        }
        let other = OtherKubelet { handle: self, before };
        self.restart_kubelet(&all.to_string())?;
        Ok(other)
    }

    fn restart_kubelet(&self, config: &str) -> Result<(), Error> {
        self.state.write(KUBELET, config)?;
        let kubelet = self.server(Part::Kubelet);
        kubelet.dismiss()?;
        kubelet.start()
    }

    /// The files of a container's log on the node, as the kubelet rotates them: the one that is written to is `0.log`.
    pub fn log_files(&self, namespace: &str, pod: &str, container: &str) -> Vec<PathBuf> {
        let pods = fs::read_dir(self.state.path("kubelet/pod-logs")).into_iter().flatten().flatten();
        let of_pod = format!("{namespace}_{pod}");
        let pods = pods.filter(|entry| entry.file_name().to_string_lossy().starts_with(&of_pod));
        let files =
            pods.flat_map(|pod| fs::read_dir(pod.path().join(container)).into_iter().flatten().flatten());
        files.map(|file| file.path()).collect()
    }

    /// Waits until the API server is ready, after it was started again.
    pub fn wait_until_ready(&self) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let until = Instant::now() + PATIENCE;
        while let Err(error) = self.api().get("/readyz") {
            if Instant::now() > until {
                let what = "the API server was not ready".into();
                return Err(Error::Late { what, after: PATIENCE, last: error.to_string() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The agent image that was pushed for this run.
    pub fn agent_image(&self) -> Result<String, Error> {
        std::env::var(AGENT_IMAGE).map_err(|_| Error::NoCluster { variable: AGENT_IMAGE })
    }

    /// The program that plays Keel.
    pub fn keel_stand_in() -> Result<PathBuf, Error> {
        set(STAND_IN)
    }

    /// Our own program, linked statically.
    pub fn static_binary() -> Result<PathBuf, Error> {
        set(STATIC_BINARY)
    }

    /// The project's own tasks, as they run without cargo.
    pub fn xtask() -> Result<PathBuf, Error> {
        set(XTASK)
    }

    /// Kueue's controller, and the folder of its manifests.
    pub fn kueue() -> Result<(PathBuf, PathBuf), Error> {
        Ok((set(KUEUE)?, set(KUEUE_MANIFESTS)?))
    }

    /// Prometheus' promtool.
    pub fn promtool() -> Result<PathBuf, Error> {
        set(PROMTOOL)
    }

    /// The real Keel to run the proofs against, if there is one.
    pub fn keel_binary() -> Option<PathBuf> {
        std::env::var_os(KEEL).map(PathBuf::from)
    }

    /// The names by which the CI image's program is called.
    pub(crate) fn box_commands(&self) -> Result<Vec<String>, Error> {
        let program: &Path = &self.tool("box");
        let listed = Command::new(program).arg("--list").output().at("start", program)?;
        Ok(String::from_utf8_lossy(&listed.stdout).lines().map(str::to_owned).collect())
    }
}

/// A path that `cargo xtask test` set.
fn set(variable: &'static str) -> Result<PathBuf, Error> {
    std::env::var_os(variable).map(PathBuf::from).ok_or(Error::NoCluster { variable })
}
