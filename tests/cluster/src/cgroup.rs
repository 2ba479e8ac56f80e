//! The cgroup below which the kubelet puts every container. It must be there, in each hierarchy, before the kubelet
//! starts, and it is how the clean-up finds container processes that nobody else remembers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::{At, Error};

const ROOT: &str = "/sys/fs/cgroup";
/// What the kubelet wants to limit and count.
const CONTROLLERS: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// How this machine mounts its cgroups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One tree per controller (cgroup v1), each below the root.
    PerController(Vec<PathBuf>),
    /// One tree for all (cgroup v2).
    Unified(PathBuf),
}

impl Layout {
    /// What is mounted, or why that does not suffice.
    pub fn find() -> Result<Layout, Error> {
        Layout::below(Path::new(ROOT))
    }

    fn below(root: &Path) -> Result<Layout, Error> {
        if let Ok(controllers) = fs::read_to_string(root.join("cgroup.controllers")) {
            let there: Vec<&str> = controllers.split_whitespace().collect();
            return match CONTROLLERS.iter().find(|wanted| !there.contains(wanted)) {
                None => Ok(Layout::Unified(root.to_owned())),
                Some(missing) => Err(lacking(missing)),
            };
        }
        for wanted in CONTROLLERS {
            if !root.join(wanted).is_dir() {
                return Err(lacking(wanted));
            }
        }
        let entries = fs::read_dir(root).at("list", root)?.flatten();
        // "cpu" is often a link to "cpu,cpuacct": one tree, two names
        let mut trees: Vec<PathBuf> =
            entries.filter_map(|e| e.path().canonicalize().ok()).filter(|path| path.is_dir()).collect();
        trees.sort();
        trees.dedup();
        Ok(Layout::PerController(trees))
    }

    fn trees(&self) -> &[PathBuf] {
        match self {
            Layout::PerController(trees) => trees,
            Layout::Unified(root) => std::slice::from_ref(root),
        }
    }

    /// Makes the group `name` in every tree.
    pub(crate) fn create(&self, name: &str) -> Result<(), Error> {
        if let Layout::Unified(root) = self {
            let switch = root.join("cgroup.subtree_control");
            let all = CONTROLLERS.map(|c| format!("+{c}")).join(" ");
            fs::write(&switch, &all).map_err(|error| Error::Host {
                what: format!("cannot hand the controllers {} down in {}: {error}", CONTROLLERS.join(", "), root.display()),
                remedy: "inside a container: run it with the host's cgroup namespace (docker run --cgroupns=host --privileged)"
                    .into(),
            })?;
        }
        for tree in self.trees() {
            let group = tree.join(name);
            fs::create_dir_all(&group).at("make cgroup", &group)?;
            if matches!(self, Layout::PerController(_)) && tree.join("cpuset.cpus").exists() {
                // a new group of cgroup v1 has no processors and no memory until it is given some
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    let text = fs::read_to_string(tree.join(file)).at("read", tree.join(file))?;
                    fs::write(group.join(file), text).at("write", group.join(file))?;
                }
            }
        }
        Ok(())
    }

    /// Kills every process in the group `name` and removes it from every tree.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Error> {
        let until = Instant::now() + Duration::from_secs(30);
        let groups: Vec<PathBuf> =
            self.trees().iter().map(|tree| tree.join(name)).filter(|g| g.is_dir()).collect();
        for group in &groups {
            let mut left = remove_tree(group);
            while left.is_err() && Instant::now() < until {
                // a process that was killed holds its group until the kernel has taken it apart
                std::thread::sleep(Duration::from_millis(50));
                left = remove_tree(group);
            }
            left.at("remove cgroup", group)?;
        }
        Ok(())
    }
}

/// Kills what runs in a group and in those below it, then removes them, the deepest first.
fn remove_tree(group: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(group)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove_tree(&entry.path())?;
        }
    }
    let processes = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    for pid in processes.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)) {
        // an error means that it is gone already
        let _ = kill_process(pid, Signal::KILL);
    }
    match fs::remove_dir(group) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn lacking(controller: &str) -> Error {
    Error::Host {
        what: format!("no cgroup controller '{controller}' below {ROOT}"),
        remedy:
            "run on a Linux with cgroups mounted; inside a container: docker run --privileged --cgroupns=host"
                .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("studioci-cgroup-{name}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn one_tree_for_all_is_told_from_one_per_controller() {
        let v2 = scratch("v2");
        fs::write(v2.join("cgroup.controllers"), "cpuset cpu io memory pids\n").unwrap();
        assert_eq!(Layout::below(&v2).unwrap(), Layout::Unified(v2.clone()));
        fs::write(v2.join("cgroup.controllers"), "cpu io pids\n").unwrap();
        assert!(Layout::below(&v2).unwrap_err().to_string().contains("'cpuset'"));
        fs::remove_dir_all(v2).unwrap();

        let v1 = scratch("v1").canonicalize().unwrap();
        for tree in ["cpu,cpuacct", "cpuset", "memory", "pids", "systemd"] {
            fs::create_dir(v1.join(tree)).unwrap();
        }
        std::os::unix::fs::symlink("cpu,cpuacct", v1.join("cpu")).unwrap();
        let Layout::PerController(trees) = Layout::below(&v1).unwrap() else { panic!("v1 taken for v2") };
        assert_eq!(trees.len(), 5, "the link is the same tree: {trees:?}");
        fs::remove_dir(v1.join("memory")).unwrap();
        assert!(Layout::below(&v1).unwrap_err().to_string().contains("'memory'"));
        fs::remove_dir_all(v1).unwrap();
    }
}
