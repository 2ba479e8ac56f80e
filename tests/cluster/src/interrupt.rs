//! Ctrl-C and SIGTERM: everything that waits asks here, so that a cluster is taken down in order instead of being left.

use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::error::{At, Error};

/// Set once by a signal, seen by all clones.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP for this process from now on.
    pub fn install() -> Result<Interrupt, Error> {
        let interrupt = Interrupt::default();
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))
                .at("catch signals for", "this process")?;
        }
        Ok(interrupt)
    }

    /// Does what a signal does: everything that waits ends.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// `Err(Interrupted)` once a signal came.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }

    /// Waits for a child. When a signal comes, the child is told to end too, and waited for all the same: it may have
    /// something to put in order.
    pub fn wait(&self, child: &mut Child) -> Result<ExitStatus, Error> {
        let pid = Pid::from_child(child);
        let fd = pidfd_open(pid, PidfdFlags::empty()).at("watch process", pid.to_string())?;
        let moment = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        let mut told = false;
        loop {
            if let Some(status) = child.try_wait().at("wait for process", pid.to_string())? {
                return self.check().map(|()| status);
            }
            if !told && self.check().is_err() {
                told = kill_process(pid, Signal::TERM).is_ok();
            }
            // a signal ends the poll early (EINTR): that is the point of asking again
            let _ = poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&moment));
        }
    }
}
