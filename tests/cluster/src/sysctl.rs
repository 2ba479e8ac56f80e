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
    let text = earlier.map_or_else(values, Ok)?;
    state.write(RECORD, &text)
}

/// A line for each: its name and its value.
fn values() -> Result<String, Error> {
    let line = |name| match fs::read_to_string(file(name)) {
        Ok(value) => Ok(format!("{name} {}", value.trim())),
        Err(error) => Err(error).at("read", file(name)),
    };
    Ok(CHANGED_BY_KUBELET.into_iter().map(line).collect::<Result<Vec<_>, _>>()?.join("\n"))
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
