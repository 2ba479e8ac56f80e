//! One program for all targets, so that it is linked once: `STUDIOCI_FUZZ` names the one that runs.
#![no_main]

use std::sync::LazyLock;

#[path = "../../tests/corpus/targets.rs"]
mod targets;

static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
    let name = std::env::var("STUDIOCI_FUZZ").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| panic!("STUDIOCI_FUZZ={name:?} names no target")).1
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| TARGET(bytes));
