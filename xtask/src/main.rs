//! `cargo xtask`: what a developer runs beyond cargo itself. Everything that needs servers starts them, in a network of
//! their own, and takes them down again.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it is a command, and this is what it is for")]

mod bench;
mod build;
mod cluster;
mod demo;
mod failure;
mod fuzz;
mod image;
mod manifest;
mod package;
mod proofs;
mod screen;
mod suite;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Build, test and try kubectl-studioci")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run all tests: those that need nothing, then those of the real cluster
    Test(suite::Args),
    /// Start, stop or use a cluster by hand
    #[command(subcommand)]
    Cluster(cluster::Task),
    /// Show the whole story on a real cluster
    Demo(demo::Args),
    /// Build the servers of the test cluster into the cache
    Tools,
    /// Build the static binary as it is released
    Static,
    /// Pack the static binary for krew: an archive, and the manifest that leads to it
    Package(package::Args),
    /// Make the agent image without docker: an archive, or a push to a registry
    Image(image::Args),
    /// Measure what is promised of speed and size, and print the table
    Bench(bench::Args),
    /// Make up inputs for whatever reads what strangers write, and see whether a promise breaks
    Fuzz(fuzz::Args),
    #[command(hide = true, name = bench::sample::VERB)]
    Sample(bench::sample::Args),
    /// Write what is made from the program and the API: docs/errors.md and the table of field types
    Docs,
    /// Build the agent image and push it to a running cluster's registry
    AgentImage(cluster::Name),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.task {
        Task::Test(args) => suite::run(&args),
        Task::Cluster(task) => cluster::run(&task),
        Task::Demo(args) => demo::run(&args),
        Task::Tools => build::tools(&screen::interrupt()).map(|tools| println!("{}", tools.dir().display())),
        Task::Static => build::release(&screen::interrupt()).map(|binary| println!("{}", binary.display())),
        Task::Package(args) => package::run(&args),
        Task::Image(args) => image::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Fuzz(args) => fuzz::run(&args),
        Task::Sample(args) => bench::sample::run(&args),
        Task::Docs => suite::write_docs(),
        Task::AgentImage(name) => cluster::push_agent_image(&name),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(text) = failure.text() {
                eprintln!("error: {text}");
            }
            ExitCode::from(failure.code())
        }
    }
}
