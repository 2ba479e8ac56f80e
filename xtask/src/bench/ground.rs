//! The cluster that rows are measured on, set up once for all of them.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use test_cluster::image::agent_image;
use test_cluster::{Cluster, Handle, Options, Part, audit};

use super::sample::Process;
use super::{Bench, broken, read};
use crate::build;
use crate::cluster::push_image;
use crate::failure::Failure;
use crate::screen::Screen;

/// A cluster with home in it. All of it works from within the cluster's network only.
pub(super) struct Ground<'a> {
    pub(super) bench: &'a Bench,
    pub(super) handle: &'a Handle,
}

/// Which cluster a row asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One as tests have it.
    Usual,
    /// One that takes two writes at a time.
    Narrow,
}

impl Kind {
    fn options(self) -> Options {
        match self {
            Kind::Usual => Options::named("bench"),
            Kind::Narrow => {
                Options { max_mutating_requests_inflight: Some(2), ..Options::named("bench-narrow") }
            }
        }
    }
}

/// Starts a cluster, sets it up, does `work` in its network and takes it down.
pub(super) fn on_cluster<T: Send>(
    bench: &Bench,
    kind: Kind,
    work: impl FnOnce(&Ground<'_>) -> T + Send,
) -> Result<T, Failure> {
    let tools = build::tools(&bench.interrupt)?;
    let cluster = Cluster::start(&kind.options(), &tools, &bench.interrupt, &Screen)?;
    let image = push_image(cluster.handle(), &agent_image(&read(&bench.ours)?))?;
    let ground = Ground { bench, handle: cluster.handle() };
    let done = cluster.network().inside(|| {
        ground.run(&ground.ours(["setup", "--agent-image", &image]))?;
        Ok::<_, Failure>(work(&ground))
    })?;
    cluster.stop()?;
    done
}

impl Ground<'_> {
    /// Our program.
    pub(super) fn ours<T: Into<OsString>>(&self, args: impl IntoIterator<Item = T>) -> Process {
        Process::new(&self.bench.ours, args).with("KUBECONFIG", self.handle.kubeconfig())
    }

    /// kubectl.
    pub(super) fn kubectl<T: Into<OsString>>(&self, args: impl IntoIterator<Item = T>) -> Process {
        Process::new(&self.bench.kubectl, args).with("KUBECONFIG", self.handle.kubeconfig())
    }

    /// A process as it is started to run aside.
    pub(super) fn command(&self, process: &Process) -> Command {
        process.command(&self.bench.home())
    }

    /// Runs a process that must do well; its standard output.
    pub(super) fn run(&self, process: &Process) -> Result<String, Failure> {
        let mut command = self.command(process);
        let done: Output = command.output().map_err(|error| broken(format!("{command:?}: {error}")))?;
        if done.status.success() {
            return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
        }
        Err(broken(format!("{command:?}: {}", String::from_utf8_lossy(&done.stderr).trim())))
    }

    /// Does `work` while no controller does anything: what is measured is the API server and who asks it.
    pub(super) fn without_controllers<T>(
        &self,
        work: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let controllers = self.handle.server(Part::ControllerManager);
        controllers.pause()?;
        let done = work();
        controllers.resume()?;
        done
    }

    /// Waits until something is so.
    pub(super) fn until(
        &self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let until = Instant::now() + patience;
        while !is_so()? {
            self.bench.interrupt.check()?;
            if Instant::now() > until {
                return Err(broken(format!("{what} within {} s", patience.as_secs())));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Runs a process, and tells which requests reached the API server meanwhile.
    pub(super) fn requests_of(&self, process: &Process, out: &Path) -> Result<Vec<audit::Event>, Failure> {
        let mark = self.handle.audit().mark()?;
        process.measure(&self.bench.home(), out)?;
        let all = self.handle.audit().since(mark)?;
        // those of the servers go on all the time
        let ours = |event: &audit::Event| event.user.username == "admin" && event.stage != "ResponseStarted";
        Ok(all.into_iter().filter(ours).collect())
    }
}
