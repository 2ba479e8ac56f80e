//! The cluster's network: a namespace of its own that holds a loopback device and nothing else. No port can clash with
//! the machine's, and nothing can leave. A file below the cluster's folder is bound to it, so it needs no process to
//! live, and whoever wants in opens that file.

use std::fs::{self, File};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketType, recv, sendto, socket};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::error::{At, Error};
use crate::part::ended;
use crate::state::State;

/// The network namespace of a cluster.
#[derive(Debug, Clone)]
pub struct Network {
    file: PathBuf,
}

impl Network {
    /// The namespace of the cluster that lies in `state`, there or not.
    pub fn of(state: &State) -> Network {
        Network { file: state.path("network") }
    }

    /// Makes the namespace and brings its loopback device up, which then has 127.0.0.0/8.
    pub(crate) fn create(&self) -> Result<(), Error> {
        File::create(&self.file).at("make", &self.file)?;
        // of util-linux, which every Linux has; the system call itself has no safe wrapper
        let made = Command::new("unshare")
            .arg(format!("--net={}", self.file.display()))
            .arg("true")
            .output()
            .at("start", "unshare")?;
        if !made.status.success() {
            return Err(Error::Program {
                what: format!("unshare --net ended with {}", made.status),
                tail: String::from_utf8_lossy(&made.stderr).into_owned(),
            });
        }
        self.inside(loopback_up)?
    }

    /// Runs `work` on a thread inside the namespace; processes that it starts are inside as well.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
        let namespace = File::open(&self.file).at("open", &self.file)?;
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                    .at("enter", &self.file)?;
                Ok(work())
            });
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Kills every process that is inside, but for the caller, and waits until it is gone. Nobody is in there who does
    /// not belong to the cluster: its servers, shims, pods, and what [`inside`](Self::inside) started.
    pub(crate) fn kill_all(&self) -> Result<(), Error> {
        const ROUNDS: usize = 100;
        // one more look after the last kill: what was killed may have started another process just before
        for _ in 0..ROUNDS {
            let inside = self.processes();
            if inside.is_empty() {
                return Ok(());
            }
            for process in &inside {
                // an error means that it is gone already
                let _ = pidfd_send_signal(process, Signal::KILL);
            }
            for process in &inside {
                ended(process, Duration::from_secs(5));
            }
        }
        Err(Error::Program {
            what: "processes of the cluster cannot be killed".into(),
            tail: self.file.display().to_string(),
        })
    }

    fn processes(&self) -> Vec<OwnedFd> {
        let Some(ours) = identity(&self.file) else { return Vec::new() };
        let own = std::process::id().to_string();
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| *name != own);
        numbers
            .filter_map(|name| {
                let process = pidfd_open(Pid::from_raw(name.parse().ok()?)?, PidfdFlags::empty()).ok()?;
                let inside = identity(&Path::new("/proc").join(name).join("ns/net"))? == ours;
                (inside && !ended(&process, Duration::ZERO)).then_some(process)
            })
            .collect()
    }
}

/// A namespace's device and inode, by any file that is bound to it. A file that is none has numbers that no process's
/// namespace has.
fn identity(file: &Path) -> Option<(u64, u64)> {
    fs::metadata(file).ok().map(|found| (found.dev(), found.ino()))
}

/// Asks the kernel (rtnetlink, RTM_NEWLINK) to bring interface 1 up: the loopback device of a new namespace.
fn loopback_up() -> Result<(), Error> {
    const WHAT: &str = "loopback device";
    let socket =
        socket(AddressFamily::NETLINK, SocketType::RAW, None).at("open a netlink socket for", WHAT)?;
    sendto(&socket, &link_up_request(), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))
        .at("bring up", WHAT)?;
    let mut answer = [0_u8; 256];
    let (length, _) = recv(&socket, &mut answer, RecvFlags::empty()).at("bring up", WHAT)?;
    match answer.get(16..20).filter(|_| length >= 20) {
        Some([0, 0, 0, 0]) => Ok(()),
        Some(code) => {
            let code = i32::from_ne_bytes([code[0], code[1], code[2], code[3]]);
            Err(std::io::Error::from_raw_os_error(-code)).at("bring up", WHAT)
        }
        None => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)).at("bring up", WHAT),
    }
}

/// A header (`nlmsghdr`) and a body (`ifinfomsg`) of 16 bytes each.
fn link_up_request() -> [u8; 32] {
    const LENGTH: u32 = 32;
    const RTM_NEWLINK: u16 = 16;
    const REQUEST_AND_ACK: u16 = 1 | 4;
    const LOOPBACK: i32 = 1;
    const IFF_UP: u32 = 1;
    let mut message = [0; 32];
    message[0..4].copy_from_slice(&LENGTH.to_ne_bytes());
    message[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
    message[6..8].copy_from_slice(&REQUEST_AND_ACK.to_ne_bytes());
    message[8..12].copy_from_slice(&1_u32.to_ne_bytes()); // sequence number
    message[20..24].copy_from_slice(&LOOPBACK.to_ne_bytes());
    message[24..28].copy_from_slice(&IFF_UP.to_ne_bytes());
    message[28..32].copy_from_slice(&IFF_UP.to_ne_bytes()); // which flags to change
    message
}
