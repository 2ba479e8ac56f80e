//! `cargo xtask test`: every test there is. Those of the cluster are `#[ignore]`d for plain cargo, which cannot start
//! one, and run here. What could not run is said, and is never a success.

use std::process::Command;

use test_cluster::cleanup::clear_abandoned;
use test_cluster::host;
use test_cluster::interrupt::Interrupt;

use crate::build;
use crate::failure::Failure;
use crate::proofs::{self, Parts, Wanted};
use crate::screen;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// Arguments for the test programs
    #[arg(last = true)]
    passed_on: Vec<String>,
    /// The cluster's name; tests of different names run side by side
    #[arg(long, default_value = "test")]
    name: String,
    /// How many clusters work on them side by side [default: as many as the machine has cores and memory for, at most 4]
    #[arg(long)]
    jobs: Option<usize>,
    /// Write down how long each test of the cluster took, for the order of later runs
    #[arg(long)]
    record: bool,
}

/// Has the tests that hold a page or a table write it.
pub(crate) fn write_docs() -> Result<(), Failure> {
    for of in [["kubectl-studioci", "--test", "errors"].as_slice(), &["field-table", "--lib"]] {
        let mut test = build::cargo();
        test.args(["test", "--locked", "--package"]).args(of);
        build::succeed(test.env("STUDIOCI_WRITE_DOCS", "1"), &screen::interrupt())?;
    }
    Ok(())
}

/// What stencil makes of templates, by which the conversion is judged.
const STENCIL: &str = "tests/data/stencil.json";

/// Asks stencil anew for all that is written down of it.
fn ask_stencil(interrupt: &Interrupt) -> Result<(), Failure> {
    eprintln!("{STENCIL}, asked of stencil anew");
    let stencil = build::compared(&[("stencil", "./stencil")], interrupt)?.program("stencil");
    let mut check = Command::new(stencil);
    match build::succeed(check.arg("--check").arg(build::root().join(STENCIL)), interrupt) {
        Err(Failure::Command(_)) => Err(Failure::Other(format!(
            "{STENCIL} is not what stencil gives\n  to do: in tests/bench/tools, go run ./stencil ../../data/stencil.json writes \
             it anew; look at what changes"
        ))),
        asked => asked,
    }
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    let built = match host::check() {
        Ok(()) => Ok(build::beside_tools(&interrupt, || {
            let mut tests = build::cargo();
            build::succeed(tests.args(["test", "--locked", "--workspace", "--no-run"]), &interrupt)?;
            Ok((build::test_agent_image(&interrupt)?, build::keel_stand_in(&interrupt)?))
        })?),
        Err(unfit) => Err(unfit),
    };
    eprintln!("tests that need nothing");
    let mut plain = build::cargo();
    plain.args(["test", "--locked", "--workspace"]).args(&args.filter).arg("--").args(&args.passed_on);
    build::succeed(&mut plain, &interrupt)?;

    let (tools, (image, stand_in)) =
        built.inspect_err(|_| eprintln!("the tests of the cluster did NOT run"))?;
    interrupt.check()?;
    if args.filter.as_deref().is_none_or(|filter| STENCIL.contains(filter)) {
        ask_stencil(&interrupt)?;
    }
    let parts = Parts { tools: &tools, agent_image: &image, stand_in: &stand_in, interrupt: &interrupt };
    let wanted = Wanted {
        filter: args.filter.as_deref(),
        passed_on: &args.passed_on,
        cluster: &args.name,
        jobs: args.jobs,
        record: args.record,
    };
    let done = proofs::run(&wanted, &parts);
    // clusters of tests that were killed
    clear_abandoned()?;
    done
}
