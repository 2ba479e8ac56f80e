//! What `cargo xtask fuzz` has found worth keeping, once more: every file of `tests/corpus/TARGET` goes through its target.

mod targets;

use std::fs;
use std::path::Path;

#[test]
fn what_fuzzing_kept_still_holds() {
    for (name, target) in targets::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
        let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert!(!files.is_empty(), "{} is empty", folder.display());
        for file in files {
            let input = fs::read(&file).unwrap();
            // a target that panics does not say on which input
            let held = std::panic::catch_unwind(|| target(&input));
            assert!(held.is_ok(), "{}", file.display());
        }
    }
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    for entry in fs::read_dir(corpus).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            let name = entry.file_name();
            assert!(targets::TARGETS.iter().any(|(target, _)| name == *target), "{}", name.display());
        }
    }
}
