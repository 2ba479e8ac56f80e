//! `cargo xtask test`: every test there is. Those of the cluster are `#[ignore]`d for plain cargo, which cannot start
//! one, and run here. What could not run is said, and is never a success.

use test_cluster::cleanup::clear_abandoned;
use test_cluster::handle::STAND_IN;
use test_cluster::{Cluster, Options, host};

use crate::build;
use crate::cluster::{inside, push_image};
use crate::failure::Failure;
use crate::screen::{self, Screen};

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
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let interrupt = screen::interrupt();
    eprintln!("tests that need nothing");
    let mut plain = build::cargo();
    plain.args(["test", "--locked", "--workspace"]).args(&args.filter).arg("--").args(&args.passed_on);
    build::succeed(&mut plain, &interrupt)?;

    if let Err(error) = host::check() {
        eprintln!("the tests of the cluster did NOT run");
        return Err(error.into());
    }
    let tools = build::tools(&interrupt)?;
    let image = build::test_agent_image(&interrupt)?;
    let stand_in = build::keel_stand_in(&interrupt)?;
    interrupt.check()?;
    eprintln!("tests of the cluster");
    let mut cluster = Cluster::start(&Options::named(&args.name), &tools, &interrupt, &Screen)?;
    push_image(cluster.handle(), &image)?;
    let mut proofs = build::cargo();
    // all is built, and there is no network in there
    proofs
        .env(STAND_IN, stand_in)
        .args(["test", "--locked", "--offline", "--workspace"])
        .args(&args.filter)
        .args(["--", "--ignored"])
        .args(&args.passed_on);
    let done = inside(cluster.handle(), &mut proofs, &interrupt);
    if done.is_err() {
        cluster.keep_logs();
        eprintln!("the servers' logs are in {}", cluster.handle().state().path("logs").display());
    }
    cluster.stop()?;
    // clusters of tests that were killed
    clear_abandoned()?;
    done
}
