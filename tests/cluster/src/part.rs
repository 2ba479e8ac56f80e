//! The servers as processes. Each has a file that says how it was started and one that holds its pid *and* its start
//! time, so that any process can find, freeze, kill and start it again, and a stale file never hits a foreign process.

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid};
use serde::{Deserialize, Serialize};

use crate::error::{At, Error};
use crate::state::State;

/// One server of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The API server's store.
    Etcd,
    /// The image registry. It holds manifests in memory: what was pushed is gone when it is started again
    /// ([`crate::registry::Registry::save`] helps).
    Registry,
    /// The container runtime. Containers live on without it.
    Containerd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// The node's agent. Containers live on without it.
    Kubelet,
}

impl Part {
    /// All parts in the order in which they are stopped.
    pub const STOP_ORDER: [Part; 7] = [
        Part::Kubelet,
        Part::Scheduler,
        Part::ControllerManager,
        Part::ApiServer,
        Part::Containerd,
        Part::Registry,
        Part::Etcd,
    ];

    /// The program's file name, and the name of its log and pid files.
    pub fn name(self) -> &'static str {
        match self {
            Part::Etcd => "etcd",
            Part::Registry => "crane",
            Part::Containerd => "containerd",
            Part::ApiServer => "kube-apiserver",
            Part::ControllerManager => "kube-controller-manager",
            Part::Scheduler => "kube-scheduler",
            Part::Kubelet => "kubelet",
        }
    }

    /// What is kind to it: who holds mounts and containers puts them in order, all others have nothing to save.
    fn farewell(self) -> Signal {
        match self {
            Part::Kubelet | Part::Containerd => Signal::TERM,
            _ => Signal::KILL,
        }
    }
}

/// How a part is started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    pub(crate) path: String,
}

/// A part of one cluster.
#[derive(Debug, Clone, Copy)]
pub struct Server<'a> {
    state: &'a State,
    part: Part,
}

impl<'a> Server<'a> {
    /// The part of the cluster that lies in `state`.
    pub fn of(state: &'a State, part: Part) -> Server<'a> {
        Server { state, part }
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.state.path(&format!("logs/{}.log", self.part.name()))
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        tail(&self.log(), 15)
    }

    /// Its process, if it runs.
    pub fn pid(&self) -> Option<i32> {
        self.find().map(|(pid, _)| pid.as_raw_nonzero().get())
    }

    /// Writes down how it is started, and starts it. The caller must be inside the cluster's network.
    pub(crate) fn launch(&self, launch: &Launch) -> Result<(), Error> {
        let text =
            serde_json::to_string(launch).map_err(std::io::Error::from).at("write", self.launch_file())?;
        fs::write(self.launch_file(), text).at("write", self.launch_file())?;
        self.start()
    }

    /// Starts it the way it was started first. The caller must be inside the cluster's network; nothing is waited for.
    pub fn start(&self) -> Result<(), Error> {
        let file = self.launch_file();
        let text = fs::read_to_string(&file).at("read", &file)?;
        let launch: Launch = serde_json::from_str(&text).map_err(std::io::Error::from).at("read", &file)?;
        let log = File::options().create(true).append(true).open(self.log()).at("open", self.log())?;
        let errors = log.try_clone().at("open", self.log())?;
        let child = Command::new(&launch.program)
            .args(&launch.args)
            .env_clear()
            .env("PATH", &launch.path)
            .env("HOME", self.state.dir())
            .current_dir(self.state.dir())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .process_group(0) // a Ctrl-C at the terminal is for the command, which stops its servers in order
            .spawn()
            .at("start", &launch.program)?;
        let pid = Pid::from_child(&child);
        let born = born(pid).unwrap_or_default();
        self.state
            .write(&format!("run/{}.pid", self.part.name()), &format!("{} {born}", pid.as_raw_nonzero()))
    }

    /// Freezes it: connections stay open, nothing is answered.
    pub fn pause(&self) -> Result<(), Error> {
        self.signal(Signal::STOP)
    }

    /// Lets a frozen one go on.
    pub fn resume(&self) -> Result<(), Error> {
        self.signal(Signal::CONT)
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&self) -> Result<(), Error> {
        self.signal(Signal::KILL)?;
        self.stop(Signal::KILL)
    }

    /// Ends it in the way that suits it, and waits until it is gone; one that does not run is fine.
    pub(crate) fn dismiss(&self) -> Result<(), Error> {
        self.stop(self.part.farewell())
    }

    fn stop(&self, signal: Signal) -> Result<(), Error> {
        if let Some((pid, fd)) = self.find() {
            // one that is frozen takes no SIGTERM
            let _ = pidfd_send_signal(&fd, Signal::CONT);
            for (signal, patience) in [(signal, 5), (Signal::KILL, 10)] {
                // an error means that it is gone, which the poll sees
                let _ = pidfd_send_signal(&fd, signal);
                if ended(&fd, Duration::from_secs(patience)) {
                    break;
                }
            }
            // our own child stays in the table until it is asked for; somebody else's is no business of ours
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        let file = self.pid_file();
        match fs::remove_file(&file) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error).at("remove", &file),
            _ => Ok(()),
        }
    }

    fn signal(&self, signal: Signal) -> Result<(), Error> {
        let (_, fd) = self.find().ok_or_else(|| self.dead())?;
        pidfd_send_signal(&fd, signal).at("signal", self.part.name())
    }

    /// The error that says that it does not run, with the end of its log.
    pub(crate) fn dead(&self) -> Error {
        Error::Program {
            what: format!("{} is not running; {} ends so:", self.part.name(), self.log().display()),
            tail: self.log_tail(),
        }
    }

    fn find(&self) -> Option<(Pid, OwnedFd)> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let (pid, then) = text.split_once(' ')?;
        let pid = Pid::from_raw(pid.parse().ok()?)?;
        // first the descriptor, then the check: it cannot come to mean another process in between
        let fd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        (born(pid)? == then && !ended(&fd, Duration::ZERO)).then_some((pid, fd))
    }

    fn pid_file(&self) -> PathBuf {
        self.state.path(&format!("run/{}.pid", self.part.name()))
    }

    fn launch_file(&self) -> PathBuf {
        self.state.path(&format!("run/{}.json", self.part.name()))
    }
}

/// Waits until a process has ended; one that is dead but not yet asked for counts as ended.
pub(crate) fn ended(pidfd: &OwnedFd, patience: Duration) -> bool {
    let until = std::time::Instant::now() + patience;
    loop {
        let left = until.saturating_duration_since(std::time::Instant::now());
        let left = Timespec { tv_sec: left.as_secs().cast_signed(), tv_nsec: i64::from(left.subsec_nanos()) };
        match poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(ready) => return ready > 0,
            Err(_) => return false,
        }
    }
}

/// A process's start time as the kernel counts it (field 22 of its `stat`).
fn born(pid: Pid) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // the command's name stands in parentheses and may hold anything
    stat.rsplit_once(')')?.1.split_whitespace().nth(19).map(str::to_owned)
}

pub(crate) fn tail(file: &Path, lines: usize) -> String {
    let text = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
