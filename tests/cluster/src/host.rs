//! May this machine run the cluster? Asked before anything is built or started.

use std::fs;

use crate::cgroup::Layout;
use crate::error::Error;

/// Fails with what is missing and what to do about it.
pub fn check() -> Result<(), Error> {
    if !cfg!(target_os = "linux") {
        return Err(Error::Host {
            what: "it needs Linux: network namespaces, cgroups, containers".into(),
            remedy: "run it in a Linux machine; `cargo test` runs here".into(),
        });
    }
    if !rustix::process::geteuid().is_root() {
        return Err(Error::Host {
            what: "it needs root: namespaces, mounts and cgroups are made".into(),
            remedy: "sudo --preserve-env=PATH,HOME cargo xtask test; `cargo test` runs without".into(),
        });
    }
    Layout::find()?;
    let filesystems = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !filesystems.lines().any(|line| line.ends_with("\toverlay")) {
        return Err(Error::Host {
            what: "the kernel has no overlay file system".into(),
            remedy: "modprobe overlay".into(),
        });
    }
    Ok(())
}
