//! The kernel settings that a kubelet changes for the whole machine: read before, written back after the last cluster.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{At, Error};
use crate::state::State;

const CHANGED_BY_KUBELET: [&str; 6] = [
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];
const RECORD: &str = "sysctl";

/// Notes the settings as they were before any cluster of ours ran.
pub(crate) fn save(state: &State) -> Result<(), Error> {
    let earlier = others(state).find_map(|other| fs::read_to_string(other.path(RECORD)).ok());
    let text = match earlier {
        Some(text) => text,
        None => {
            let mut text = String::new();
            for name in CHANGED_BY_KUBELET {
                let value = fs::read_to_string(file(name)).at("read", file(name))?;
                text.push_str(&format!("{name} {}\n", value.trim()));
            }
            text
        }
    };
    state.write(RECORD, &text)
}

/// Writes them back, unless another cluster still runs: then its end does.
pub(crate) fn restore(state: &State) -> Result<(), Error> {
    let record = state.path(RECORD);
    let Ok(text) = fs::read_to_string(&record) else { return Ok(()) };
    if !others(state).any(|other| other.path(RECORD).exists()) {
        for (name, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            fs::write(file(name), value).at("write", file(name))?;
        }
    }
    fs::remove_file(&record).at("remove", &record)
}

fn others(state: &State) -> impl Iterator<Item = State> {
    let own = state.clone();
    State::all().into_iter().filter(move |other| *other != own && !other.from_another_boot())
}

fn file(name: &str) -> PathBuf {
    Path::new("/proc/sys").join(name)
}
