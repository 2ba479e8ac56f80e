//! Starts a cluster and stops it. All servers start at once where they can wait for each other by themselves, which
//! brings a node to Ready within some seconds.

use std::fs::File;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::cgroup::Layout;
use crate::cleanup::{self, cgroup_name, clean_up, clear_abandoned};
use crate::error::Error;
use crate::handle::Handle;
use crate::image::{self, Image};
use crate::interrupt::Interrupt;
use crate::network::Network;
use crate::part::{Part, Server};
use crate::progress::Progress;
use crate::registry::Registry;
use crate::settings::{self, NODE, PAUSE, REGISTRY};
use crate::state::State;
use crate::tools::Tools;
use crate::{host, pki, sysctl};

/// What may differ between clusters.
#[derive(Debug, Clone)]
pub struct Options {
    /// At most 12 of `a-z`, `0-9`, `-`. Clusters of different names run side by side.
    pub name: String,
    /// How many writing requests the API server takes at a time before it answers 429.
    pub max_mutating_requests_inflight: Option<u32>,
}

impl Options {
    /// A cluster of that name, all else as usual.
    pub fn named(name: impl Into<String>) -> Options {
        Options { name: name.into(), max_mutating_requests_inflight: None }
    }
}

/// A running cluster. Dropped, it is taken down.
#[derive(Debug)]
pub struct Cluster {
    handle: Handle,
    interrupt: Interrupt,
    /// Held for as long as the cluster is ours to stop.
    lock: Option<File>,
    keep_logs: bool,
}

impl Cluster {
    /// Clears what runs that died have left, and a cluster of that name even if it was kept, then starts everything and waits until the node is Ready and the
    /// first ServiceAccount is there. Nothing is left behind if that fails, but for the logs.
    pub fn start(
        options: &Options,
        tools: &Tools,
        interrupt: &Interrupt,
        progress: &dyn Progress,
    ) -> Result<Cluster, Error> {
        host::check()?;
        let state = State::of(&options.name)?;
        let lock = state.lock()?;
        clear_abandoned()?;
        clean_up(&state)?;
        let handle = Handle::new(state, tools.clone());
        let mut cluster = Cluster { handle, interrupt: interrupt.clone(), lock: Some(lock), keep_logs: true };
        let begun = Instant::now();
        progress.begin(&format!("cluster '{}'", options.name));
        cluster.bring_up(options, tools)?;
        cluster.keep_logs = false;
        progress.end(begun.elapsed());
        Ok(cluster)
    }

    fn bring_up(&self, options: &Options, tools: &Tools) -> Result<(), Error> {
        let state = self.handle.state();
        state.lay_out()?;
        cleanup::note_host_folders(state)?;
        sysctl::save(state)?;
        pki::create(state)?;
        settings::write(state, tools)?;
        Layout::find()?.create(&cgroup_name(state))?;
        let network = self.network();
        network.create()?;
        network.inside(|| {
            let start = |part| Server::of(state, part).launch(&settings::launch(part, state, tools, options));
            for part in [Part::Etcd, Part::Containerd, Part::Registry, Part::ApiServer] {
                start(part)?;
            }
            self.await_registry()?;
            Registry::at(REGISTRY).push(&pause(tools)?, PAUSE)?;
            self.await_containerd()?;
            self.await_api_server()?;
            for part in [Part::Kubelet, Part::ControllerManager, Part::Scheduler] {
                start(part)?;
            }
            self.await_node()
        })?
    }

    /// What tests hold.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The cluster's network.
    pub fn network(&self) -> Network {
        Network::of(self.handle.state())
    }

    /// Leaves it running until [`down`].
    pub fn keep(self) -> Result<Handle, Error> {
        self.handle.state().keep()?;
        Ok(self.abandon())
    }

    /// Leaves everything as `kill -9` of this process would: the next start of any cluster clears it away.
    pub fn abandon(mut self) -> Handle {
        self.lock = None;
        self.handle.clone()
    }

    /// Takes it down and leaves nothing behind.
    pub fn stop(mut self) -> Result<(), Error> {
        self.take_down()
    }

    /// Keeps the logs when it is taken down.
    pub fn keep_logs(&mut self) {
        self.keep_logs = true;
    }

    fn take_down(&mut self) -> Result<(), Error> {
        let Some(_lock) = self.lock.take() else { return Ok(()) };
        let state = self.handle.state();
        clean_up(state)?;
        if self.keep_logs || std::thread::panicking() { Ok(()) } else { state.remove() }
    }

    fn await_registry(&self) -> Result<(), Error> {
        let address: SocketAddr = REGISTRY.parse().expect("a constant of this crate");
        self.until("the registry did not listen", &[Part::Registry], || {
            TcpStream::connect(address).map(drop).map_err(|error| error.to_string())
        })
    }

    fn await_containerd(&self) -> Result<(), Error> {
        let socket = self.handle.state().path("containerd/containerd.sock");
        self.until("containerd did not listen", &[Part::Containerd], || {
            UnixStream::connect(&socket).map(drop).map_err(|error| error.to_string())
        })
    }

    fn await_api_server(&self) -> Result<(), Error> {
        self.until("the API server was not ready", &[Part::ApiServer, Part::Etcd], || {
            self.handle.api().get("/readyz").map(drop).map_err(|error| error.to_string())
        })
    }

    fn await_node(&self) -> Result<(), Error> {
        let api = self.handle.api();
        let get = |path: &str| api.get_json(path).map_err(|error| error.to_string());
        let parts = [Part::Kubelet, Part::Containerd, Part::ApiServer, Part::Scheduler];
        self.until("the node was not Ready", &parts, || {
            let node = get(&format!("/api/v1/nodes/{NODE}"))?;
            let conditions = node["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
            // the scheduler goes by the taints, which follow the condition a moment later
            if ready && node["spec"]["taints"].is_null() { Ok(()) } else { Err(node["status"].to_string()) }
        })?;
        self.until("there was no default ServiceAccount", &[Part::ControllerManager], || {
            get("/api/v1/namespaces/default/serviceaccounts/default").map(drop)
        })
    }

    /// Asks again and again until it is so, unless a server that it takes has died, or somebody pressed Ctrl-C.
    fn until(&self, what: &str, parts: &[Part], is_so: impl Fn() -> Result<(), String>) -> Result<(), Error> {
        const PATIENCE: Duration = Duration::from_secs(60);
        let until = Instant::now() + PATIENCE;
        loop {
            let Err(last) = is_so() else { return Ok(()) };
            self.interrupt.check()?;
            let servers = parts.iter().map(|part| Server::of(self.handle.state(), *part));
            if let Some(dead) = servers.into_iter().find(|server| server.pid().is_none()) {
                return Err(dead.dead());
            }
            if Instant::now() > until {
                let log = Server::of(self.handle.state(), parts[0]).log_tail();
                return Err(Error::Late {
                    what: what.into(),
                    after: PATIENCE,
                    last: format!("{last}\n{log}"),
                });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // an error here has nowhere to go; the next start of that name clears what is left, and says so if it cannot
        let _ = self.take_down();
    }
}

/// Ends the cluster of that name, if there is one.
pub fn down(name: &str) -> Result<(), Error> {
    let state = State::of(name)?;
    let _lock = state.lock()?;
    clean_up(&state)?;
    state.remove()
}

fn pause(tools: &Tools) -> Result<Image, Error> {
    Ok(image::Builder::new().file("pause", &tools.read("pause")?, 0o755).entrypoint(&["/pause"]).build())
}
