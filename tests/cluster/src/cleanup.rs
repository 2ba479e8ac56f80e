//! Takes a cluster down, from nothing but what its folder says. It is the same after success, after a failure halfway
//! through the start, after Ctrl-C, and for a run that was killed with `kill -9`.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use crate::cgroup::Layout;
use crate::error::{At, Error};
use crate::network::Network;
use crate::part::{Part, Server};
use crate::state::State;
use crate::sysctl;

/// The folders of the machine that a kubelet uses whatever it is told, so far as they were not there before.
const OF_KUBELET: [&str; 2] = ["/var/lib/kubelet", "/var/log/containers"];
const RECORD: &str = "host-folders";

/// Ends every process of the cluster, gives its mounts, cgroups and kernel settings back and empties its folder but for
/// the logs. Whoever calls holds the cluster's lock.
pub(crate) fn clean_up(state: &State) -> Result<(), Error> {
    if !state.from_another_boot() {
        for part in Part::STOP_ORDER {
            Server::of(state, part).dismiss()?;
        }
        // shims, which outlive containerd on purpose, containers, and test programs of a run that was killed
        Network::of(state).kill_all()?;
        // containers that had not got their network yet
        Layout::find()?.remove(&cgroup_name(state))?;
        unmount_all(state)?;
        sysctl::restore(state)?;
    }
    if let Ok(ours) = fs::read_to_string(state.path(RECORD)) {
        for folder in ours.lines().map(Path::new).filter(|folder| folder.exists()) {
            fs::remove_dir_all(folder).at("remove", folder)?;
        }
    }
    state.empty()
}

/// Takes down every cluster whose run died, whatever its name. Those that were left running on purpose stay, and so do
/// those that a living process holds.
pub fn clear_abandoned() -> Result<(), Error> {
    for state in State::all().into_iter().filter(|state| !state.is_kept() && state.path("boot").exists()) {
        match state.lock() {
            Ok(_lock) => clean_up(&state).and_then(|()| state.remove())?,
            Err(Error::Busy { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The cgroup of a cluster.
pub(crate) fn cgroup_name(state: &State) -> String {
    format!("studioci-{}", state.name())
}

/// Notes which of the kubelet's own folders are not there yet, and so will be ours.
pub(crate) fn note_host_folders(state: &State) -> Result<(), Error> {
    let ours: Vec<&str> = OF_KUBELET.into_iter().filter(|folder| !Path::new(folder).exists()).collect();
    state.write(RECORD, &ours.join("\n"))
}

/// Unmounts all below the cluster's folder, the deepest first. What is left then is an error: a folder with a mount in
/// it is never removed.
fn unmount_all(state: &State) -> Result<(), Error> {
    for flags in [UnmountFlags::empty(), UnmountFlags::empty(), UnmountFlags::DETACH] {
        for mount in mounts_below(state.dir())? {
            // whether it worked is seen by asking for the list anew
            let _ = unmount(&mount, flags | UnmountFlags::NOFOLLOW);
        }
    }
    match mounts_below(state.dir())?.into_iter().next() {
        None => Ok(()),
        Some(left) => Err(Error::Host {
            what: format!("{} is still mounted", left.display()),
            remedy: format!("umount -l {}, then again", left.display()),
        }),
    }
}

fn mounts_below(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let table = fs::read("/proc/self/mountinfo").at("read", "/proc/self/mountinfo")?;
    let table = String::from_utf8_lossy(&table);
    let mut found: Vec<PathBuf> = table
        .lines()
        .filter_map(mount_point)
        .filter(|point| point.starts_with(dir) && point != dir)
        .collect();
    // mounts upon the same point are listed in their order: the last is on top
    found.reverse();
    found.sort_by_key(|point| std::cmp::Reverse(point.components().count()));
    Ok(found)
}

/// The fifth field of a line of mountinfo; blanks and the like stand in it in octal.
fn mount_point(line: &str) -> Option<PathBuf> {
    let field = line.split(' ').nth(4)?;
    let decoded =
        field.replace(r"\040", " ").replace(r"\011", "\t").replace(r"\012", "\n").replace(r"\134", r"\");
    Some(PathBuf::from(decoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let line = r"84 29 0:45 / /var/tmp/a\040b/c\134d rw,relatime shared:44 - tmpfs tmpfs rw";
        assert_eq!(mount_point(line).unwrap(), Path::new(r"/var/tmp/a b/c\d"));
        assert_eq!(mount_point("84 29"), None);
    }
}
