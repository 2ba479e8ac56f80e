//! `cargo xtask fuzz`: makes up inputs for the targets of `tests/corpus` with libFuzzer, guided by coverage.
//!
//! The flags are those of cargo-fuzz without a sanitizer, all of which a stable compiler takes: the product has no unsafe code.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

use crate::failure::Failure;
use crate::{build, screen};

/// What the compiler puts in so that libFuzzer sees coverage and comparisons.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=16";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// One of the folders of tests/corpus; all of them unless given
    target: Option<String>,
    /// How long each target runs
    #[arg(long, default_value_t = 600)]
    seconds: u32,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    let corpus = build::root().join("tests/corpus");
    let targets = targets(&corpus, args.target.as_deref())?;
    let folder = build::target().join("fuzz");
    // a target of its own keeps the flags away from build scripts
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = build::cargo();
    cargo.args(["build", "--locked", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &triple]);
    build::succeed(cargo.arg("--target-dir").arg(&folder).env("RUSTFLAGS", COVERAGE), &interrupt)?;
    let program = folder.join(triple).join("release/fuzz");

    let mut broken = Vec::new();
    for target in targets {
        let (found, crashes) = (folder.join("found").join(&target), folder.join("crashes").join(&target));
        for made in [&found, &crashes] {
            fs::create_dir_all(made).map_err(|error| unusable(made, &error))?;
        }
        println!("{target}: {} s", args.seconds);
        let mut fuzz = Command::new(&program);
        fuzz.env("STUDIOCI_FUZZ", &target)
            .arg(format!("-max_total_time={}", args.seconds))
            .args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=0"])
            .arg(format!("-artifact_prefix={}/", crashes.display()))
            // finds go into the first folder, the second is only read
            .args([found, corpus.join(&target)]);
        match build::succeed(&mut fuzz, &interrupt) {
            Err(Failure::Command(_)) => broken.push(target),
            done => done?,
        }
    }
    match broken[..] {
        [] => Ok(()),
        _ => Err(Failure::Other(format!(
            "broken: {}; what did it is in {}",
            broken.join(", "),
            folder.join("crashes").display()
        ))),
    }
}

fn targets(corpus: &Path, wanted: Option<&str>) -> Result<Vec<String>, Failure> {
    let mut targets = Vec::new();
    for entry in fs::read_dir(corpus).map_err(|error| unusable(corpus, &error))? {
        let path = entry.map_err(|error| unusable(corpus, &error))?.path();
        if path.is_dir()
            && let Some(name) = path.file_name()
        {
            targets.push(name.to_string_lossy().into_owned());
        }
    }
    targets.sort();
    match wanted {
        None => Ok(targets),
        Some(wanted) if targets.iter().any(|target| target == wanted) => Ok(vec![wanted.to_owned()]),
        Some(wanted) => {
            Err(Failure::Other(format!("no target {wanted:?}; there are {}", targets.join(", "))))
        }
    }
}

fn unusable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Other(format!("{}: {error}", path.display()))
}
