//! The folder of one cluster: its layout, and who may use it.
//!
//! It lies under `/var/tmp` under a short name because containerd makes sockets of 64 hexadecimal digits below it and a
//! socket's path holds 107 bytes; and not in `/tmp`, which is often a small file system in memory.

use std::fs::{self, DirBuilder, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::error::{At, Error};

const PARENT: &str = "/var/tmp";
const PREFIX: &str = "studioci-";
/// A file that says: nobody forgot this cluster.
const KEPT: &str = "kept";

const FOLDERS: [&str; 12] = [
    "cni",
    "containerd",
    "certs.d/_default",
    // of settings::LOCKED
    "certs.d/127.0.0.1:15001",
    "etcd",
    "kubelet",
    "kubelet-certs",
    "logs",
    "pki",
    "registry",
    "run",
    "users",
];

/// Where everything of one cluster lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    dir: PathBuf,
    name: String,
}

impl State {
    /// The folder for a cluster of that name: at most 12 of `a-z`, `0-9`, `-`.
    pub fn of(name: &str) -> Result<State, Error> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if name.is_empty() || name.len() > 12 || !name.bytes().all(fits) {
            return Err(Error::Host {
                what: format!("'{name}' cannot name a cluster"),
                remedy: "use at most 12 letters a-z, digits and dashes".into(),
            });
        }
        Ok(State { dir: Path::new(PARENT).join(format!("{PREFIX}{name}")), name: name.into() })
    }

    /// The state that lies in that folder.
    pub fn at(dir: &Path) -> Result<State, Error> {
        let name =
            dir.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_prefix(PREFIX)).unwrap_or_default();
        let state = State::of(name)?;
        if state.dir == dir {
            Ok(state)
        } else {
            Err(Error::Host {
                what: format!("{} is not the folder of a test cluster", dir.display()),
                remedy: format!("give a folder {PARENT}/{PREFIX}NAME"),
            })
        }
    }

    /// All clusters that left a folder on this machine, running or not, by name.
    pub fn all() -> Vec<State> {
        let entries = fs::read_dir(PARENT).into_iter().flatten().flatten();
        let mut all: Vec<State> = entries.filter_map(|entry| State::at(&entry.path()).ok()).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Takes the cluster for this process, until the returned file is closed.
    pub fn lock(&self) -> Result<File, Error> {
        let path = self.dir.join("lock");
        loop {
            self.create()?;
            let open = File::options().create(true).truncate(false).read(true).write(true).open(&path);
            let mut file = match open {
                // whoever had it removed the folder just now
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                other => other.at("open", &path)?,
            };
            if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
                let mut holder = String::new();
                file.read_to_string(&mut holder).at("read", &path)?;
                return Err(Error::Busy { name: self.name.clone(), holder });
            }
            // a lock on a file that was removed in between keeps nobody out
            let held = file.metadata().at("look at", &path)?.ino();
            if fs::metadata(&path).is_ok_and(|there| there.ino() == held) {
                file.set_len(0).at("write", &path)?;
                write!(file, "{}", std::process::id()).at("write", &path)?;
                return Ok(file);
            }
        }
    }

    /// Makes the folder, for root's eyes only. One that somebody else made in the world-writable parent is refused.
    fn create(&self) -> Result<(), Error> {
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            other => return other.at("make folder", &self.dir),
        }
        let found = fs::symlink_metadata(&self.dir).at("look at", &self.dir)?;
        if found.is_dir() && found.uid() == 0 && found.mode() & 0o777 == 0o700 {
            return Ok(());
        }
        Err(Error::Host {
            what: format!("{} was made by somebody else", self.dir.display()),
            remedy: format!("look at it, then: rm -r {}", self.dir.display()),
        })
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The folder itself.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file or folder below it.
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.join(below)
    }

    /// Whether this folder was last used before the machine was started anew: then no process, mount or cgroup that it
    /// speaks of exists any more.
    pub fn from_another_boot(&self) -> bool {
        fs::read_to_string(self.path("boot")).is_ok_and(|then| then != boot())
    }

    /// Whether its cluster was left running on purpose.
    pub(crate) fn is_kept(&self) -> bool {
        self.path(KEPT).exists()
    }

    pub(crate) fn keep(&self) -> Result<(), Error> {
        self.write(KEPT, "")
    }

    /// Removes all but the lock and the logs.
    pub(crate) fn empty(&self) -> Result<(), Error> {
        for entry in fs::read_dir(&self.dir).at("list", &self.dir)?.flatten() {
            let path = entry.path();
            if entry.file_name() == "lock" || entry.file_name() == "logs" {
                continue;
            }
            let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_dir { fs::remove_dir_all(&path) } else { fs::remove_file(&path) }.at("remove", &path)?;
        }
        Ok(())
    }

    /// Removes what [`empty`](Self::empty) left.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        fs::remove_dir_all(&self.dir).at("remove", &self.dir)
    }

    /// Lays out an emptied folder; the logs of the last run go now.
    pub(crate) fn lay_out(&self) -> Result<(), Error> {
        let logs = self.path("logs");
        if logs.exists() {
            fs::remove_dir_all(&logs).at("remove", &logs)?;
        }
        for folder in FOLDERS {
            let path = self.path(folder);
            fs::create_dir_all(&path).at("make folder", &path)?;
        }
        self.write("boot", &boot())
    }

    pub(crate) fn write(&self, below: &str, text: &str) -> Result<(), Error> {
        let path = self.path(below);
        fs::write(&path, text).at("write", &path)
    }
}

/// The kernel's name for this run of the machine.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_short_enough_for_sockets() {
        let longest = State::of("abcdefghij12").unwrap();
        assert!(
            longest.path("s").as_os_str().len() <= 42,
            "containerd's own bound for its folder of sockets"
        );
        for bad in ["", "abcdefghij123", "Upper", "a/b", "..", "a.b"] {
            assert!(State::of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_folder_leads_back_to_its_state() {
        let state = State::of("test").unwrap();
        assert_eq!(State::at(state.dir()).unwrap(), state);
        assert!(State::at(Path::new("/tmp/studioci-test")).is_err());
        assert!(State::at(Path::new("/var/tmp")).is_err());
    }
}
