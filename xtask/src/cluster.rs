//! `cargo xtask cluster`: a cluster to play with, and the one that tests and demo run on.

use std::env;
use std::process::Command;

use clap::{Args, Subcommand};
use test_cluster::cluster::down;
use test_cluster::handle::{AGENT_IMAGE, STATIC_BINARY, XTASK};
use test_cluster::image::Image;
use test_cluster::interrupt::Interrupt;
use test_cluster::network::Network;
use test_cluster::{Cluster, Handle, Options, Tools, host};

use crate::build;
use crate::failure::Failure;
use crate::screen::{self, Screen};

/// Where the agent image lies in the cluster's registry.
const AGENT_REPOSITORY: &str = "studioci/kubectl-studioci:test";

#[derive(Subcommand)]
pub(crate) enum Task {
    /// Start a cluster and leave it running
    Up(Name),
    /// Stop a cluster and remove all that it made
    Down(Name),
    /// Run a command inside a running cluster's network, with KUBECONFIG and PATH set
    Run {
        #[command(flatten)]
        name: Name,
        /// The command and its arguments
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
}

#[derive(Args)]
pub(crate) struct Name {
    /// Which cluster; those of different names run side by side
    #[arg(long = "name", default_value = "up")]
    pub(crate) cluster: String,
}

pub(crate) fn run(task: &Task) -> Result<(), Failure> {
    match task {
        Task::Up(name) => up(name),
        Task::Down(name) => Ok(down(&name.cluster)?),
        Task::Run { name, command } => run_inside(name, command),
    }
}

fn up(name: &Name) -> Result<(), Failure> {
    host::check()?;
    let interrupt = screen::interrupt();
    let tools = build::tools(&interrupt)?;
    if Handle::running(&name.cluster, &tools)?.is_some() {
        return Err(Failure::Other(format!("cluster '{}' is up already", name.cluster)));
    }
    let handle = Cluster::start(&Options::named(&name.cluster), &tools, &interrupt, &Screen)?.keep()?;
    let flag = if name.cluster == "up" { String::new() } else { format!(" --name {}", name.cluster) };
    println!("use it:  cargo xtask cluster run{flag} -- kubectl get pods -A");
    println!("         cargo xtask cluster run{flag} -- bash");
    println!("stop it: cargo xtask cluster down{flag}");
    println!("logs:    {}", handle.state().path("logs").display());
    Ok(())
}

fn run_inside(name: &Name, words: &[String]) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    let handle = running(name, &interrupt)?;
    let (program, args) = words.split_first().ok_or_else(|| Failure::Other("no command".into()))?;
    let mut command = Command::new(program);
    command.args(args);
    // it may be cargo
    build::forget_our_package(&mut command);
    inside(&handle, &mut command, &interrupt)
}

/// Pushes the agent image to a cluster that runs.
pub(crate) fn push_agent_image(name: &Name) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    let handle = running(name, &interrupt)?;
    println!("{}", push_image(&handle, &build::test_agent_image(&interrupt)?)?);
    Ok(())
}

fn running(name: &Name, interrupt: &Interrupt) -> Result<Handle, Failure> {
    let tools: Tools = build::tools(interrupt)?;
    let missing =
        || Failure::Other(format!("cluster '{}' is not up\n  to do: cargo xtask cluster up", name.cluster));
    Handle::running(&name.cluster, &tools)?.ok_or_else(missing)
}

/// Pushes the agent image and says how pods name it: by its digest, as `setup` wants it, and a node that has an earlier
/// image of this tag does not ask for the tag again.
pub(crate) fn push_image(handle: &Handle, image: &Image) -> Result<String, Failure> {
    let registry = handle.registry();
    let digest = Network::of(handle.state()).inside(|| registry.push(image, AGENT_REPOSITORY))??;
    Ok(format!("{}/{AGENT_REPOSITORY}@{digest}", registry.host()))
}

/// Runs a command inside the cluster's network, with all that leads it to the cluster.
pub(crate) fn inside(handle: &Handle, command: &mut Command, interrupt: &Interrupt) -> Result<(), Failure> {
    surround(handle, command)?.inside(|| build::succeed(command, interrupt))?
}

/// Gives a command all that leads it to the cluster; it is to be started in the network that comes back.
pub(crate) fn surround(handle: &Handle, command: &mut Command) -> Result<Network, Failure> {
    let path = env::var_os("PATH").unwrap_or_default();
    // the plugin is on PATH too, as it will be for its users
    let own = std::iter::once(handle.tools().dir().to_owned()).chain(build::plugin_folders());
    let folders = own.chain(env::split_paths(&path));
    let path = env::join_paths(folders).map_err(|error| Failure::Other(format!("PATH: {error}")))?;
    let (network, registry) = (Network::of(handle.state()), handle.registry());
    // by its digest, as above
    let agent_image = match network.inside(|| registry.digest(AGENT_REPOSITORY))? {
        Ok(digest) => format!("{AGENT_REPOSITORY}@{digest}"),
        Err(_not_pushed_yet) => AGENT_REPOSITORY.to_owned(),
    };
    let this = env::current_exe()
        .map_err(|error| Failure::Other(format!("cannot tell where this program lies: {error}")))?;
    command
        .envs(handle.env())
        .env("PATH", path)
        .env(XTASK, this)
        .env(STATIC_BINARY, build::agent_binary())
        .env(AGENT_IMAGE, format!("{}/{agent_image}", registry.host()));
    // proxies of the machine cannot be reached from in there
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        command.env_remove(proxy);
    }
    Ok(network)
}
