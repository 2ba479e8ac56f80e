//! `cargo xtask demo`: the whole story on a real cluster.

use test_cluster::{Cluster, Options, host};

use crate::build;
use crate::cluster::push_image;
use crate::failure::Failure;
use crate::screen::{self, Screen};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave the cluster running, and say how to get in
    #[arg(long)]
    keep: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    host::check()?;
    let interrupt = screen::interrupt();
    let tools = build::tools(&interrupt)?;
    let image = build::test_agent_image(&interrupt)?;
    let cluster = Cluster::start(&Options::named("demo"), &tools, &interrupt, &Screen)?;
    push_image(cluster.handle(), &image)?;
    if !args.keep {
        return Ok(cluster.stop()?);
    }
    let handle = cluster.keep()?;
    println!("# in a shell inside the cluster's network: cargo xtask cluster run --name demo -- bash");
    for (name, value) in handle.env() {
        println!("export {name}={}", value.display());
    }
    println!("export PATH={}:$PATH", handle.tools().dir().display());
    println!("# at the end: cargo xtask cluster down --name demo");
    Ok(())
}
